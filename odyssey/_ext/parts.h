/* Parts of a register: the first n lanes, for the ends of rows. Nothing beyond them is touched.
 *
 * AVX-512 has masked loads and stores that cost no more than whole ones. AVX2 has masked loads that
 * do not, but a masked store takes longer than a copy through memory on some processors. A copy back
 * into a register waits until what was stored in pieces has left the store buffer.
 */
#ifndef ODYSSEY_PARTS_H
#define ODYSSEY_PARTS_H

#include "simd.h"

#if defined(__AVX512F__)

static inline vf32 vload_part_f16(const uint16_t *p, long n, vf32 fill)
{
    __mmask16 mask = (__mmask16)_bzhi_u32(0xffff, (unsigned)n);
    __m512 v = _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, p));
    return (vf32)_mm512_mask_mov_ps((__m512)fill, mask, v);
}

static inline vf32 vload_part_f32(const float *p, long n, vf32 fill)
{
    return (vf32)_mm512_mask_loadu_ps((__m512)fill, (__mmask16)_bzhi_u32(0xffff, (unsigned)n), p);
}

static inline vf64 vload_part_f64(const double *p, long n, vf64 fill)
{
    return (vf64)_mm512_mask_loadu_pd((__m512d)fill, (__mmask8)_bzhi_u32(0xff, (unsigned)n), p);
}

static inline void vstore_part_f16(uint16_t *p, long n, vf32 v)
{
    __m256i h = _mm512_cvtps_ph((__m512)v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm256_mask_storeu_epi16(p, (__mmask16)_bzhi_u32(0xffff, (unsigned)n), h);
}

static inline void vstore_part_f32(float *p, long n, vf32 v)
{
    _mm512_mask_storeu_ps(p, (__mmask16)_bzhi_u32(0xffff, (unsigned)n), (__m512)v);
}

static inline void vstore_part_f64(double *p, long n, vf64 v)
{
    _mm512_mask_storeu_pd(p, (__mmask8)_bzhi_u32(0xff, (unsigned)n), (__m512d)v);
}

#else

#define LOAD_THROUGH_MEMORY(NAME, STORED, VEC)                                                     \
    static inline VEC vload_part_##NAME(const STORED *p, long n, VEC fill)                         \
    {                                                                                              \
        STORED lanes[V32];                                                                         \
        vstore_##NAME(lanes, fill);                                                                \
        memcpy(lanes, p, (size_t)n * sizeof(STORED));                                              \
        return vload_##NAME(lanes);                                                                \
    }
#define STORE_THROUGH_MEMORY(NAME, STORED, VEC)                                                    \
    static inline void vstore_part_##NAME(STORED *p, long n, VEC v)                                \
    {                                                                                              \
        STORED lanes[V32];                                                                         \
        vstore_##NAME(lanes, v);                                                                   \
        memcpy(p, lanes, (size_t)n * sizeof(STORED));                                              \
    }

LOAD_THROUGH_MEMORY(f16, uint16_t, vf32)
#if VBYTES == 32
static inline vf32 vload_part_f32(const float *p, long n, vf32 fill)
{
    __m256i places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), places);
    __m256 v = _mm256_maskload_ps(p, mask);
    return (vf32)_mm256_blendv_ps((__m256)fill, v, _mm256_castsi256_ps(mask));
}

static inline vf64 vload_part_f64(const double *p, long n, vf64 fill)
{
    __m256i mask = _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
    __m256d v = _mm256_maskload_pd(p, mask);
    return (vf64)_mm256_blendv_pd((__m256d)fill, v, _mm256_castsi256_pd(mask));
}
#else
LOAD_THROUGH_MEMORY(f32, float, vf32)
LOAD_THROUGH_MEMORY(f64, double, vf64)
#endif
STORE_THROUGH_MEMORY(f16, uint16_t, vf32)
STORE_THROUGH_MEMORY(f32, float, vf32)
STORE_THROUGH_MEMORY(f64, double, vf64)
#undef LOAD_THROUGH_MEMORY
#undef STORE_THROUGH_MEMORY

#endif
#endif
