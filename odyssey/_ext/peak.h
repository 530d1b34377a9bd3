/* What the machine can do at most: the loops of peak_level.h, compiled for every level.
 *
 * _peak.pyx is compiled once, at baseline, so each level is asked for by the functions' `target`
 * attribute. SUMS is the number of independent accumulators: a fused multiply-add is done 4 cycles
 * after it began (a separate multiplication and addition after 6 to 8), and two begin in a cycle,
 * so 12 keep both pipes busy and still fit 16 registers beside the two constants. AVX-512 has 32,
 * but GCC unrolls loops of at most 16 rounds, and in a loop that is left the sums live in memory. ROUNDS of them stand between two jumps,
 * which cost a cycle.
 */
#ifndef ODYSSEY_PEAK_H
#define ODYSSEY_PEAK_H

#include <stdint.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define PEAK_JOIN(name, level) name##_##level
#define PEAK_NAME(name, level) PEAK_JOIN(name, level)
#define PEAK(name) PEAK_NAME(name, LEVEL)

#define ROUNDS 4

#define LEVEL baseline
#define TARGET
#define BYTES 16
#define SUMS 12
#if defined(__x86_64__)
#define STREAM(p, v) _mm_stream_pd((double *)(p), (__m128d)(v))
#endif
#include "peak_level.h"

#if defined(__x86_64__)
#define LEVEL v3
#define TARGET __attribute__((target("avx2,fma")))
#define BYTES 32
#define SUMS 12
#define STREAM(p, v) _mm256_stream_pd((double *)(p), (__m256d)(v))
#include "peak_level.h"

#define LEVEL v4
#define TARGET __attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,fma")))
#define BYTES 64
#define SUMS 16
#define STREAM(p, v) _mm512_stream_pd((double *)(p), (__m512d)(v))
#include "peak_level.h"

/* Level 0, 1 or 2, as counted by LEVELS in _peak.pyx. */
#define PEAK_CALL(name, level, ...) \
    ((level) == 2   ? name##_v4(__VA_ARGS__) \
     : (level) == 1 ? name##_v3(__VA_ARGS__) \
                    : name##_baseline(__VA_ARGS__))
#else
#define PEAK_CALL(name, level, ...) name##_baseline(__VA_ARGS__)
#endif

static inline double peak_fma_f32(int level, int64_t steps, int64_t *flops)
{
    return PEAK_CALL(fma_f32, level, steps, flops);
}
static inline double peak_fma_f64(int level, int64_t steps, int64_t *flops)
{
    return PEAK_CALL(fma_f64, level, steps, flops);
}
static inline double peak_read(int level, const double *x, int64_t n, int64_t passes)
{
    return PEAK_CALL(read, level, x, n, passes);
}
static inline double peak_copy(int level, const double *x, double *out, int64_t n, int64_t passes,
                               int stream)
{
    return PEAK_CALL(copy, level, x, out, n, passes, stream);
}
static inline double peak_triad(int level, const double *x, const double *y, double *out, int64_t n,
                                int64_t passes, int stream)
{
    return PEAK_CALL(triad, level, x, y, out, n, passes, stream);
}

#endif
