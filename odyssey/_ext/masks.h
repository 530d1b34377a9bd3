/* Truth values beside vector registers, and stores past the cache, for the elementwise kernels.
 *
 * A comparison of vectors gives a mask, 0 or -1 in each lane. In arrays a truth value is one byte, 0
 * or 1: a register of floats goes with a quarter of a register of bytes, or an eighth.
 */
#ifndef ODYSSEY_MASKS_H
#define ODYSSEY_MASKS_H

#include "simd.h"

/* ---- masks to bytes -------------------------------------------------------------------------- */

static inline void vstore_mask_f32(uint8_t *p, vu32 mask)
{
#if defined(__AVX512F__)
    _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8((__m512i)(mask & 1)));
#elif VBYTES == 32
    __m256i m = (__m256i)mask;
    __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(m), _mm256_extracti128_si256(m, 1));
    __m128i bytes = _mm_and_si128(_mm_packs_epi16(words, words), _mm_set1_epi8(1));
    _mm_storel_epi64((__m128i *)p, bytes);
#elif defined(__SSE2__)
    __m128i words = _mm_packs_epi32((__m128i)mask, (__m128i)mask);
    int bytes = _mm_cvtsi128_si32(_mm_packs_epi16(words, words)) & 0x01010101;
    memcpy(p, &bytes, 4);
#else
    for (int i = 0; i < V32; i++) p[i] = mask[i] & 1;
#endif
}

static inline void vstore_mask_f64(uint8_t *p, vu64 mask)
{
#if defined(__AVX512F__)
    _mm_storel_epi64((__m128i *)p, _mm512_cvtepi64_epi8((__m512i)(mask & 1)));
#elif VBYTES == 32
    uint32_t bytes = _pdep_u32((uint32_t)_mm256_movemask_pd((__m256d)mask), 0x01010101u);
    memcpy(p, &bytes, 4);
#else
    for (int i = 0; i < V64; i++) p[i] = mask[i] & 1;
#endif
}

#define COMPARE(NAME, OPERATOR)                                                                    \
    static inline void v##NAME##_f32(uint8_t *p, vf32 a, vf32 b)                                   \
    {                                                                                              \
        vstore_mask_f32(p, (vu32)(a OPERATOR b));                                                  \
    }                                                                                              \
    static inline void v##NAME##_f64(uint8_t *p, vf64 a, vf64 b)                                   \
    {                                                                                              \
        vstore_mask_f64(p, (vu64)(a OPERATOR b));                                                  \
    }
COMPARE(less, <)
COMPARE(less_equal, <=)
COMPARE(equal, ==)
COMPARE(not_equal, !=)
#undef COMPARE

/* ---- bytes to masks -------------------------------------------------------------------------- */

/* a where a byte of c is not 0, else b. */
static inline vf32 vselect_f32(const uint8_t *c, vf32 a, vf32 b)
{
#if defined(__AVX512F__)
    __m128i bytes = _mm_loadu_si128((const __m128i *)c);
    return (vf32)_mm512_mask_mov_ps((__m512)b, _mm_test_epi8_mask(bytes, bytes), (__m512)a);
#else
    vu32 mask;
#if VBYTES == 32
    mask = (vu32)_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)c));
#else
    for (int i = 0; i < V32; i++) mask[i] = c[i];
#endif
    mask = (vu32)(mask != 0);
    return (vf32)((mask & (vu32)a) | (~mask & (vu32)b));
#endif
}

static inline vf64 vselect_f64(const uint8_t *c, vf64 a, vf64 b)
{
#if defined(__AVX512F__)
    __m128i bytes = _mm_loadl_epi64((const __m128i *)c);
    return (vf64)_mm512_mask_mov_pd((__m512d)b, (__mmask8)_mm_test_epi8_mask(bytes, bytes), (__m512d)a);
#else
    vu64 mask;
#if VBYTES == 32
    int bytes;
    memcpy(&bytes, c, 4);
    mask = (vu64)_mm256_cvtepi8_epi64(_mm_cvtsi32_si128(bytes));
#else
    for (int i = 0; i < V64; i++) mask[i] = c[i];
#endif
    mask = (vu64)(mask != 0);
    return (vf64)((mask & (vu64)a) | (~mask & (vu64)b));
#endif
}

/* ---- stores past the cache ------------------------------------------------------------------- */

/* To an address that is a multiple of the vector's size. Written lines are not read into the cache
 * first; after the last one, `stream_end` makes them visible to other threads. */
static inline void vstream_f32(float *p, vf32 v)
{
#if defined(__AVX512F__)
    _mm512_stream_ps(p, (__m512)v);
#elif VBYTES == 32
    _mm256_stream_ps(p, (__m256)v);
#elif defined(__SSE2__)
    _mm_stream_ps(p, (__m128)v);
#else
    vstore_f32(p, v);
#endif
}
static inline void vstream_f64(double *p, vf64 v)
{
#if defined(__AVX512F__)
    _mm512_stream_pd(p, (__m512d)v);
#elif VBYTES == 32
    _mm256_stream_pd(p, (__m256d)v);
#elif defined(__SSE2__)
    _mm_stream_pd(p, (__m128d)v);
#else
    vstore_f64(p, v);
#endif
}
static inline void stream_end(void)
{
#if defined(__SSE2__)
    _mm_sfence();
#endif
}

#endif
