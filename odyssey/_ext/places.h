/* Maxima and where they stand, for the max pool.
 *
 * A place is an integer. In registers its bits stand in the lanes of a float vector, which is never
 * computed with: 32 bits beside a float, 64 beside a double. In memory it is an int32_t.
 */
#ifndef ODYSSEY_PLACES_H
#define ODYSSEY_PLACES_H

#include "simd.h"

/* Half as wide as a register: as many places as a register has doubles. */
typedef int32_t vi32 __attribute__((vector_size(VBYTES / 2), may_alias, aligned(4)));
typedef int64_t vi64 __attribute__((vector_size(VBYTES)));

static inline vf32 vload_places_f32(const int32_t *p) { return *(const vf32 *)p; }
static inline vf64 vload_places_f64(const int32_t *p)
{
    return (vf64)__builtin_convertvector(*(const vi32 *)p, vi64);
}
static inline void vstore_places_f32(int32_t *p, vf32 places) { *(vf32 *)p = places; }
static inline void vstore_places_f64(int32_t *p, vf64 places)
{
    *(vi32 *)p = __builtin_convertvector((vi64)places, vi32);
}

/* What a comparison gives, and a choice by it. */
#if defined(__AVX512F__)
typedef __mmask16 mask_f32;
typedef __mmask8 mask_f64;
#define ABOVE_f32(a, b) _mm512_cmp_ps_mask((__m512)(a), (__m512)(b), _CMP_GT_OQ)
#define ABOVE_f64(a, b) _mm512_cmp_pd_mask((__m512d)(a), (__m512d)(b), _CMP_GT_OQ)
#define NAN_f32(a) _mm512_cmp_ps_mask((__m512)(a), (__m512)(a), _CMP_UNORD_Q)
#define NAN_f64(a) _mm512_cmp_pd_mask((__m512d)(a), (__m512d)(a), _CMP_UNORD_Q)
#define SAME_f32(a, b) _mm512_cmpeq_epi32_mask((__m512i)(a), (__m512i)(b))
#define SAME_f64(a, b) _mm512_cmpeq_epi64_mask((__m512i)(a), (__m512i)(b))
#define CHOOSE_f32(mask, a, b) (vf32)_mm512_mask_mov_ps((__m512)(b), mask, (__m512)(a))
#define CHOOSE_f64(mask, a, b) (vf64)_mm512_mask_mov_pd((__m512d)(b), mask, (__m512d)(a))
#else
typedef vu32 mask_f32;
typedef vu64 mask_f64;
#define ABOVE_f32(a, b) (vu32)((a) > (b))
#define ABOVE_f64(a, b) (vu64)((a) > (b))
#define NAN_f32(a) (vu32)((a) != (a))
#define NAN_f64(a) (vu64)((a) != (a))
#define SAME_f32(a, b) (vu32)((vu32)(a) == (vu32)(b))
#define SAME_f64(a, b) (vu64)((vu64)(a) == (vu64)(b))
#define CHOOSE_f32(mask, a, b) (vf32)(((mask) & (vu32)(a)) | (~(mask) & (vu32)(b)))
#define CHOOSE_f64(mask, a, b) (vf64)(((mask) & (vu64)(a)) | (~(mask) & (vu64)(b)))
#endif

/* In each lane:
 * places:  the integer `at`;
 * larger:  where v is larger than *best, or NaN: *best = v and *place = at;
 * greater: the same, but a NaN in v is passed over, which is half the work;
 * collect: total + v where place is `at`, and there 1 more in the integers of *hits;
 * hits:    the sum of those integers. */
#define PLACES(NAME, VEC, WORD, WORDS, LANES)                                                      \
    static inline VEC vplaces_##NAME(int64_t at) { return (VEC)((WORDS){0} + (WORD)at); }          \
    static inline void vlarger_##NAME(VEC v, VEC at, VEC *best, VEC *place)                        \
    {                                                                                              \
        mask_##NAME mask = ABOVE_##NAME(v, *best) | NAN_##NAME(v);                                 \
        *best = CHOOSE_##NAME(mask, v, *best);                                                     \
        *place = CHOOSE_##NAME(mask, at, *place);                                                  \
    }                                                                                              \
    static inline void vgreater_##NAME(VEC v, VEC at, VEC *best, VEC *place)                       \
    {                                                                                              \
        mask_##NAME mask = ABOVE_##NAME(v, *best);                                                 \
        *best = vmax_##NAME(v, *best);                                                             \
        *place = CHOOSE_##NAME(mask, at, *place);                                                  \
    }                                                                                              \
    static inline VEC vcollect_##NAME(VEC total, VEC v, VEC place, VEC at, VEC *hits)              \
    {                                                                                              \
        mask_##NAME mask = SAME_##NAME(place, at);                                                 \
        *hits = CHOOSE_##NAME(mask, (VEC)((WORDS)*hits + 1), *hits);                               \
        return CHOOSE_##NAME(mask, total + v, total);                                              \
    }                                                                                              \
    static inline int64_t vhits_##NAME(VEC hits)                                                   \
    {                                                                                              \
        int64_t count = 0;                                                                         \
        for (int i = 0; i < LANES; i++) count += (int64_t)((WORDS)hits)[i];                        \
        return count;                                                                              \
    }

PLACES(f32, vf32, uint32_t, vu32, V32)
PLACES(f64, vf64, uint64_t, vu64, V64)
#undef PLACES

#endif
