/* Blocks of 4 x 4 numbers, transposed in registers.
 *
 * `in` is read in 4 rows, `from` numbers apart; `out` is written in 4 rows, `to` numbers apart:
 * out[j * to + i] = in[i * from + j]. Half precision is converted on the way. Four numbers are one
 * SSE register of floats at every level, so one source serves them all.
 */
#ifndef ODYSSEY_TRANSPOSE_H
#define ODYSSEY_TRANSPOSE_H

#include "simd.h"

typedef float four_f32 __attribute__((vector_size(16), may_alias, aligned(4)));
typedef double four_f64 __attribute__((vector_size(32), may_alias, aligned(8)));

/* Pairs of rows are interleaved, then pairs of pairs. */
#define TURN(four, v)                                                  \
    four low01 = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5);      \
    four high01 = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7);     \
    four low23 = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5);      \
    four high23 = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);     \
    v[0] = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);          \
    v[1] = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);          \
    v[2] = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);        \
    v[3] = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);

static inline void transpose4_f32(const float *in, ptrdiff_t from, float *out, ptrdiff_t to)
{
    four_f32 v[4];
    for (int i = 0; i < 4; i++) v[i] = *(const four_f32 *)(in + i * from);
    TURN(four_f32, v)
    for (int i = 0; i < 4; i++) *(four_f32 *)(out + i * to) = v[i];
}

static inline void transpose4_f64(const double *in, ptrdiff_t from, double *out, ptrdiff_t to)
{
    four_f64 v[4];
    for (int i = 0; i < 4; i++) v[i] = *(const four_f64 *)(in + i * from);
    TURN(four_f64, v)
    for (int i = 0; i < 4; i++) *(four_f64 *)(out + i * to) = v[i];
}

static inline void transpose4_f16_f32(const uint16_t *in, ptrdiff_t from, float *out, ptrdiff_t to)
{
    four_f32 v[4];
    for (int i = 0; i < 4; i++) {
#if defined(__F16C__)
        v[i] = (four_f32)_mm_cvtph_ps(_mm_loadl_epi64((const __m128i *)(in + i * from)));
#else
        for (int j = 0; j < 4; j++) v[i][j] = half_to_float(in[i * from + j]);
#endif
    }
    TURN(four_f32, v)
    for (int i = 0; i < 4; i++) *(four_f32 *)(out + i * to) = v[i];
}

static inline void transpose4_f32_f16(const float *in, ptrdiff_t from, uint16_t *out, ptrdiff_t to)
{
    four_f32 v[4];
    for (int i = 0; i < 4; i++) v[i] = *(const four_f32 *)(in + i * from);
    TURN(four_f32, v)
    for (int i = 0; i < 4; i++) {
#if defined(__F16C__)
        __m128i h = _mm_cvtps_ph((__m128)v[i], _MM_FROUND_TO_NEAREST_INT);
        _mm_storel_epi64((__m128i *)(out + i * to), h);
#else
        for (int j = 0; j < 4; j++) out[i * to + j] = float_to_half(v[i][j]);
#endif
    }
}

#endif
