/* Vector registers for Cython, and the small functions that need intrinsics or bits.
 *
 * vf32 and vf64 are GCC/Clang vector types: as wide as the level's registers (VBYTES), with
 * + - * / on all lanes. _simd.pxd declares them to Cython as a float and a double, so that it emits
 * `a + b * c` on whole registers. They are aligned only like their elements: loads and stores may
 * stand anywhere.
 *
 * Two rules of C hold here: a vector has no `?:`, so choices are made with integer masks (a
 * comparison gives 0 or -1 per lane); and no conversion between vectors of another lane count
 * exists, so half precision has its own functions.
 */
#ifndef ODYSSEY_SIMD_H
#define ODYSSEY_SIMD_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

/* MR: rows of matmul's register tile, chosen so that 2 * MR sums, two vectors of b and a broadcast
 * fit the registers (32 of them with AVX-512, 16 below). WIDE: vectors in a row of the
 * convolutions' tile, which has 6 rows. */
#if defined(__AVX512F__)
#define VBYTES 64
#define MR 14
#define WIDE 4
#elif defined(__AVX2__)
#define VBYTES 32
#define MR 6
#define WIDE 2
#else
#define VBYTES 16
#define MR 6
#define WIDE 2
#endif
#define V32 (VBYTES / 4)
#define V64 (VBYTES / 8)

typedef float vf32 __attribute__((vector_size(VBYTES), may_alias, aligned(4)));
typedef double vf64 __attribute__((vector_size(VBYTES), may_alias, aligned(8)));
typedef uint32_t vu32 __attribute__((vector_size(VBYTES), may_alias, aligned(4)));
typedef uint64_t vu64 __attribute__((vector_size(VBYTES), may_alias, aligned(8)));

/* ---- memory ---------------------------------------------------------------------------------- */

static inline vf32 vload_f32(const float *p) { return *(const vf32 *)p; }
static inline vf64 vload_f64(const double *p) { return *(const vf64 *)p; }
static inline void vstore_f32(float *p, vf32 v) { *(vf32 *)p = v; }
static inline void vstore_f64(double *p, vf64 v) { *(vf64 *)p = v; }
static inline vf32 vsplat_f32(float x) { return x - (vf32){0}; }
static inline vf64 vsplat_f64(double x) { return x - (vf64){0}; }

/* Scratch memory for one call, on a cache line; NULL when there is none. free() gives it back. */
static inline void *scratch(size_t bytes) { return aligned_alloc(64, (bytes / 64 + 1) * 64); }

/* ---- half precision: IEEE binary16 in a uint16_t, rounded to nearest even -------------------- */

#if defined(__F16C__)
static inline float half_to_float(uint16_t h) { return _cvtsh_ss(h); }
static inline uint16_t float_to_half(float x) { return _cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT); }
#else
/* A half's exponent and fraction, moved to a float's place, are the number times 2**-112: a
 * multiplication by 2**112 also normalises subnormals. Infinities and NaNs (exponent 31) then only
 * lack the float's exponent bits. */
static inline float half_to_float(uint16_t h)
{
    uint32_t bits = (uint32_t)(h & 0x7fff) << 13, sign = (uint32_t)(h & 0x8000) << 16;
    uint32_t special = bits >= 0x0f800000u;
    float x;
    memcpy(&x, &bits, 4);
    x *= 0x1p112f;
    memcpy(&bits, &x, 4);
    bits = (special ? bits | 0x7f800000u : bits) | sign;
    memcpy(&x, &bits, 4);
    return x;
}

/* Three ranges: below 2**-14 adding 0.5 lets the float adder round at the last place of a half
 * subnormal (2**-24); in the middle the carry of an integer addition rounds to nearest even; from
 * 65536 on infinity or NaN. */
static inline uint16_t float_to_half(float x)
{
    uint32_t bits, sign, half;
    memcpy(&bits, &x, 4);
    sign = bits >> 16 & 0x8000;
    bits &= 0x7fffffff;
    if (bits > 0x7f800000u) {
        half = 0x7e00 | (bits >> 13 & 0x3ff);
    } else if (bits >= 0x47800000u) {
        half = 0x7c00;
    } else if (bits < 0x38800000u) {
        memcpy(&x, &bits, 4);
        x += 0.5f;
        memcpy(&half, &x, 4);
        half -= 0x3f000000u;
    } else {
        half = (bits - 0x38000000u + 0xfff + (bits >> 13 & 1)) >> 13;
    }
    return (uint16_t)(sign | half);
}
#endif

static inline vf32 vload_f16(const uint16_t *p)
{
#if defined(__AVX512F__)
    return (vf32)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
#elif defined(__F16C__) && VBYTES == 32
    return (vf32)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
#else
    vf32 v;
    for (int i = 0; i < V32; i++) v[i] = half_to_float(p[i]);
    return v;
#endif
}

static inline void vstore_f16(uint16_t *p, vf32 v)
{
#if defined(__AVX512F__)
    __m256i h = _mm512_cvtps_ph((__m512)v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm256_storeu_si256((__m256i *)p, h);
#elif defined(__F16C__) && VBYTES == 32
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph((__m256)v, _MM_FROUND_TO_NEAREST_INT));
#else
    for (int i = 0; i < V32; i++) p[i] = float_to_half(v[i]);
#endif
}

/* ---- choices and reductions ------------------------------------------------------------------ */

/* a where a > b, else b: what the instructions do, with NaNs and zeros, too. */
static inline vf32 vmax_f32(vf32 a, vf32 b)
{
#if defined(__AVX512F__)
    return (vf32)_mm512_max_ps((__m512)a, (__m512)b);
#elif VBYTES == 32
    return (vf32)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
    return (vf32)_mm_max_ps((__m128)a, (__m128)b);
#else
    vu32 mask = (vu32)(a > b);
    return (vf32)((mask & (vu32)a) | (~mask & (vu32)b));
#endif
}
static inline vf64 vmax_f64(vf64 a, vf64 b)
{
#if defined(__AVX512F__)
    return (vf64)_mm512_max_pd((__m512d)a, (__m512d)b);
#elif VBYTES == 32
    return (vf64)_mm256_max_pd((__m256d)a, (__m256d)b);
#elif defined(__SSE2__)
    return (vf64)_mm_max_pd((__m128d)a, (__m128d)b);
#else
    vu64 mask = (vu64)(a > b);
    return (vf64)((mask & (vu64)a) | (~mask & (vu64)b));
#endif
}

/* v, but 0 where `test` is 0 or less; a NaN in `test` keeps v. */
static inline vf32 vkeep_f32(vf32 v, vf32 test) { return (vf32)(~(vu32)(test <= 0) & (vu32)v); }
static inline vf64 vkeep_f64(vf64 v, vf64 test) { return (vf64)(~(vu64)(test <= 0) & (vu64)v); }

/* The sum of all lanes, by halves: always the same order. */
static inline float vsum_f32(vf32 v)
{
#if VBYTES >= 32
#if VBYTES == 64
    __m256 h = _mm256_add_ps(_mm512_castps512_ps256((__m512)v), _mm512_extractf32x8_ps((__m512)v, 1));
#else
    __m256 h = (__m256)v;
#endif
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
#endif
    for (int n = V32 / 2; n > 0; n /= 2)
        for (int i = 0; i < n; i++) v[i] += v[i + n];
    return v[0];
}
static inline double vsum_f64(vf64 v)
{
#if VBYTES >= 32
#if VBYTES == 64
    __m256d h = _mm256_add_pd(_mm512_castpd512_pd256((__m512d)v), _mm512_extractf64x4_pd((__m512d)v, 1));
#else
    __m256d h = (__m256d)v;
#endif
    __m128d q = _mm_add_pd(_mm256_castpd256_pd128(h), _mm256_extractf128_pd(h, 1));
    return _mm_cvtsd_f64(_mm_add_sd(q, _mm_unpackhi_pd(q, q)));
#endif
    for (int n = V64 / 2; n > 0; n /= 2)
        for (int i = 0; i < n; i++) v[i] += v[i + n];
    return v[0];
}
static inline float vpeak_f32(vf32 v)
{
    float best = v[0];
    for (int i = 1; i < V32; i++) best = v[i] > best ? v[i] : best;
    return best;
}
static inline double vpeak_f64(vf64 v)
{
    double best = v[0];
    for (int i = 1; i < V64; i++) best = v[i] > best ? v[i] : best;
    return best;
}

/* ---- functions ------------------------------------------------------------------------------- */

static inline vf32 vsqrt_f32(vf32 v)
{
#if defined(__AVX512F__)
    return (vf32)_mm512_sqrt_ps((__m512)v);
#elif VBYTES == 32
    return (vf32)_mm256_sqrt_ps((__m256)v);
#elif defined(__SSE2__)
    return (vf32)_mm_sqrt_ps((__m128)v);
#else
    for (int i = 0; i < V32; i++) v[i] = sqrtf(v[i]);
    return v;
#endif
}
static inline vf64 vsqrt_f64(vf64 v)
{
#if defined(__AVX512F__)
    return (vf64)_mm512_sqrt_pd((__m512d)v);
#elif VBYTES == 32
    return (vf64)_mm256_sqrt_pd((__m256d)v);
#elif defined(__SSE2__)
    return (vf64)_mm_sqrt_pd((__m128d)v);
#else
    for (int i = 0; i < V64; i++) v[i] = sqrt(v[i]);
    return v;
#endif
}

/* exp(x) = 2**n * exp(r) with n = round(x / log 2) and r = x - n log 2, so |r| <= 0.347.
 *
 * n: adding 1.5 * 2**23 (for doubles 2**52) pushes the fraction off the end of the significand; the
 *    integer then stands in the low bits and, after subtracting the same number, as a float (Cody
 *    and Waite's reduction: log 2 in two parts, the first too short for n times it to round).
 * exp(r): Taylor's series; the first omitted term is below 2**-27 (float, degree 7) and 2**-57
 *    (double, degree 13). Two terms at a time, in powers of r**2: the chain of operations that wait
 *    for each other is half as long.
 * 2**n: n reaches from below the smallest exponent (results become subnormal, then 0) to one above
 *    the largest (results become infinite): in two factors, or by the instruction that allows it.
 *
 * NaN passes through every step: of two numbers, vmax gives the second where one is NaN. Largest
 * error found over the whole range, against the exact value: 1.1 ulp for float, 1.0 ulp for double,
 * subnormals included. */
static inline vf32 vexp_f32(vf32 x)
{
    const vf32 magic = vsplat_f32(0x1.8p23f);
    x = -vmax_f32(vsplat_f32(-89.0f), -vmax_f32(vsplat_f32(-104.0f), x));
    vf32 shifted = x * 0x1.715476p+0f + magic;
    vf32 n = shifted - magic;
    vf32 r = x - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    vf32 r2 = r * r;
    vf32 p = (r * (1.0f / 5040) + 1.0f / 720) * r2 + (r * (1.0f / 120) + 1.0f / 24);
    p = p * r2 + (r * (1.0f / 6) + 0.5f);
    p = p * r2 + r + 1.0f;
#if defined(__AVX512F__)
    return (vf32)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
    vu32 e = (vu32)shifted - (vu32)magic + 512; /* n + 512 > 0: a logical shift halves it */
    vu32 half = e >> 1;
    vf32 first = (vf32)((half - 256 + 127) << 23);
    vf32 second = (vf32)((e - half - 256 + 127) << 23);
    return p * first * second;
#endif
}

static inline vf64 vexp_f64(vf64 x)
{
    const vf64 magic = vsplat_f64(0x1.8p52);
    x = -vmax_f64(vsplat_f64(-710.0), -vmax_f64(vsplat_f64(-746.0), x));
    vf64 shifted = x * 0x1.71547652b82fep+0 + magic;
    vf64 n = shifted - magic;
    vf64 r = x - n * 6.93145751953125e-1;
    r = r - n * 1.42860682030941723212e-6;
    vf64 r2 = r * r;
    vf64 p = (r * (1.0 / 6227020800) + 1.0 / 479001600) * r2 + (r * (1.0 / 39916800) + 1.0 / 3628800);
    p = p * r2 + (r * (1.0 / 362880) + 1.0 / 40320);
    p = p * r2 + (r * (1.0 / 5040) + 1.0 / 720);
    p = p * r2 + (r * (1.0 / 120) + 1.0 / 24);
    p = p * r2 + (r * (1.0 / 6) + 0.5);
    p = p * r2 + r + 1.0;
#if defined(__AVX512F__)
    return (vf64)_mm512_scalef_pd((__m512d)p, (__m512d)n);
#else
    vu64 e = (vu64)shifted - (vu64)magic + 4096;
    vu64 half = e >> 1;
    vf64 first = (vf64)((half - 2048 + 1023) << 52);
    vf64 second = (vf64)((e - half - 2048 + 1023) << 52);
    return p * first * second;
#endif
}

/* 1 / (1 + exp(-x)), from e = exp(-|x|), which cannot overflow: 1 / (1 + e) for x >= 0, else
 * e / (1 + e), which stays accurate where it is tiny. Largest error found: 2.4 ulp (float) and
 * 2.4 ulp (double). */
static inline vf32 vsigmoid_f32(vf32 x)
{
    vu32 negative = (vu32)(x < 0);
    vf32 e = vexp_f32((vf32)((vu32)x | 0x80000000u));
    vf32 top = (vf32)((negative & (vu32)e) | (~negative & (vu32)vsplat_f32(1)));
    return top / (1.0f + e);
}
static inline vf64 vsigmoid_f64(vf64 x)
{
    vu64 negative = (vu64)(x < 0);
    vf64 e = vexp_f64((vf64)((vu64)x | 0x8000000000000000u));
    vf64 top = (vf64)((negative & (vu64)e) | (~negative & (vu64)vsplat_f64(1)));
    return top / (1.0 + e);
}

/* tanh|x| = -t / (2 + t) with t = exp(-2|x|) - 1, so that nothing cancels near 0; the sign is put
 * back at the end. t = 2**n * (exp(r) - 1) + (2**n - 1) with n and r as in vexp, and exp(r) - 1
 * by Taylor's series without its 1. From |x| = 20 on the result is 1. Largest error found: 2.5 ulp
 * (float) and 2.6 ulp (double), over all x. */
static inline vf32 vtanh_f32(vf32 x)
{
    const vf32 magic = vsplat_f32(0x1.8p23f);
    vu32 sign = (vu32)x & 0x80000000u;
    vf32 y = vmax_f32(vsplat_f32(-40.0f), (vf32)((vu32)x ^ sign) * -2.0f);
    vf32 shifted = y * 0x1.715476p+0f + magic;
    vf32 n = shifted - magic;
    vf32 r = y - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    vf32 r2 = r * r;
    vf32 p = (r * (1.0f / 40320) + 1.0f / 5040) * r2 + (r * (1.0f / 720) + 1.0f / 120);
    p = p * r2 + (r * (1.0f / 24) + 1.0f / 6);
    p = p * r + 0.5f;
    p = p * r2 + r;
    vf32 power = (vf32)(((vu32)shifted - (vu32)magic + 127) << 23);
    vf32 t = p * power + (power - 1.0f);
    vf32 out = -t / (t + 2.0f);
    return (vf32)(((vu32)out & 0x7fffffffu) | sign); /* out may be -0 */
}
static inline vf64 vtanh_f64(vf64 x)
{
    const vf64 magic = vsplat_f64(0x1.8p52);
    vu64 sign = (vu64)x & 0x8000000000000000u;
    vf64 y = vmax_f64(vsplat_f64(-40.0), (vf64)((vu64)x ^ sign) * -2.0);
    vf64 shifted = y * 0x1.71547652b82fep+0 + magic;
    vf64 n = shifted - magic;
    vf64 r = y - n * 6.93145751953125e-1;
    r = r - n * 1.42860682030941723212e-6;
    vf64 r2 = r * r;
    vf64 p = (r * (1.0 / 87178291200) + 1.0 / 6227020800) * r2 + (r * (1.0 / 479001600) + 1.0 / 39916800);
    p = p * r2 + (r * (1.0 / 3628800) + 1.0 / 362880);
    p = p * r2 + (r * (1.0 / 40320) + 1.0 / 5040);
    p = p * r2 + (r * (1.0 / 720) + 1.0 / 120);
    p = p * r2 + (r * (1.0 / 24) + 1.0 / 6);
    p = p * r + 0.5;
    p = p * r2 + r;
    vf64 power = (vf64)(((vu64)shifted - (vu64)magic + 1023) << 52);
    vf64 t = p * power + (power - 1.0);
    vf64 out = -t / (t + 2.0);
    return (vf64)(((vu64)out & 0x7fffffffffffffffu) | sign);
}

#endif
