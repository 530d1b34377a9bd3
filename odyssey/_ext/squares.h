/* What copies from one memory layout to another are made of: runs of bytes, words that stand apart,
 * and squares of words that are transposed in registers.
 *
 * A copy does not ask what its numbers mean: they are words of 1, 2, 4 or 8 bytes, and may stand at
 * any address. Steps are counted in bytes.
 *
 * Stores past the cache: an ordinary store first reads the line that it writes to, so a result that
 * no cache can hold is read and written where writing would do. The others want addresses that are
 * multiples of their size, and are fast where whole lines are written; `stream_end` comes after.
 */
#ifndef ODYSSEY_SQUARES_H
#define ODYSSEY_SQUARES_H

#include <stddef.h>

#include "masks.h"
#include "simd.h"

#define LINE 64  /* bytes of a cache line */
#define INLINED static inline __attribute__((always_inline))

typedef uint8_t word1 __attribute__((may_alias));
typedef uint16_t word2 __attribute__((may_alias, aligned(1)));
typedef uint32_t word4 __attribute__((may_alias, aligned(1)));
typedef uint64_t word8 __attribute__((may_alias, aligned(1)));

/* `bytes`, a constant, of a register. */
INLINED void put(char *out, const void *v, size_t bytes, int past_cache)
{
#if defined(__AVX512F__)
    if (past_cache && bytes == 64) {
        _mm512_stream_si512((void *)out, _mm512_loadu_si512(v));
        return;
    }
#endif
#if defined(__AVX2__)
    if (past_cache && bytes == 32) {
        _mm256_stream_si256((__m256i *)out, _mm256_loadu_si256((const __m256i *)v));
        return;
    }
#endif
#if defined(__SSE2__)
    if (past_cache && bytes == 16) {
        _mm_stream_si128((__m128i *)out, _mm_loadu_si128((const __m128i *)v));
        return;
    }
#endif
    memcpy(out, v, bytes);
}

/* ---- runs ------------------------------------------------------------------------------------ */

typedef uint8_t run_bytes __attribute__((vector_size(VBYTES), may_alias, aligned(1)));

/* n bytes, fewer than two registers of SIZE: the second one overlaps the first. */
#define TWICE(SIZE)                                   \
    if (n >= SIZE) {                                  \
        char first[SIZE], last[SIZE];                 \
        memcpy(first, in, SIZE);                      \
        memcpy(last, in + n - SIZE, SIZE);            \
        memcpy(out, first, SIZE);                     \
        memcpy(out + n - SIZE, last, SIZE);           \
        return;                                       \
    }

static inline void copy_short_run(const char *in, char *out, ptrdiff_t n)
{
    TWICE(32)
    TWICE(16)
    TWICE(8)
    TWICE(4)
    for (ptrdiff_t i = 0; i < n; i++) out[i] = in[i];
}

INLINED void copy_run(const char *in, char *out, ptrdiff_t n, int past_cache)
{
    ptrdiff_t i = 0;
    if (n < 64) {
        copy_short_run(in, out, n);
        return;
    }
    if (past_cache) {
        i = -(uintptr_t)out & (VBYTES - 1);
        copy_short_run(in, out, i);
    }
    for (; i + VBYTES <= n; i += VBYTES) {
        run_bytes v = *(const run_bytes *)(in + i);
        put(out + i, &v, VBYTES, past_cache);
    }
    copy_short_run(in + i, out + i, n - i);
}

/* ---- words that stand apart ------------------------------------------------------------------ */

/* n words, `step` bytes apart, side by side. Constant steps become shuffles; else eight loads stand
 * together, of which the compiler makes registers. */
#define GATHER(BYTES)                                                                              \
    static inline void gather##BYTES(                                                              \
        const char *restrict in, ptrdiff_t step, char *restrict out, ptrdiff_t n)                  \
    {                                                                                              \
        const word##BYTES *x = (const word##BYTES *)in;                                            \
        word##BYTES *y = (word##BYTES *)out;                                                       \
        ptrdiff_t i = 0;                                                                           \
        if (step == 2 * BYTES) {                                                                   \
            for (; i < n; i++) y[i] = x[2 * i];                                                    \
        } else if (step == -BYTES) {                                                               \
            for (; i < n; i++) y[i] = x[-i];                                                       \
        } else if (step == 0) {                                                                    \
            for (; i < n; i++) y[i] = x[0];                                                        \
        } else {                                                                                   \
            for (; i + 8 <= n; i += 8)                                                             \
                for (ptrdiff_t k = i; k < i + 8; k++)                                              \
                    y[k] = *(const word##BYTES *)(in + k * step);                                  \
            for (; i < n; i++) y[i] = *(const word##BYTES *)(in + i * step);                       \
        }                                                                                          \
    }

GATHER(1)
GATHER(2)
GATHER(4)
GATHER(8)

/* ---- squares --------------------------------------------------------------------------------- */

/* The first and the second half of two vectors, interleaved. */
#define LOW2(a, b) __builtin_shufflevector(a, b, 0, 2)
#define HIGH2(a, b) __builtin_shufflevector(a, b, 1, 3)
#define LOW4(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define HIGH4(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#define LOW8(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH8(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define LOW16(a, b) \
    __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HIGH16(a, b) \
    __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)

/* out[j][i] = in[i][j] for SIDE x SIDE words. A round is a perfect shuffle, as of cards: the rows of
 * the first half are interleaved with those of the second. The number of a word, the bits of its row
 * before those of its column, is thereby turned by one bit. After log2(SIDE) rounds the bits of row
 * and column have changed places. */
#define SQUARE(BYTES, SIDE)                                                                        \
    typedef word##BYTES row##BYTES##_##SIDE                                                        \
        __attribute__((vector_size(BYTES * SIDE), may_alias, aligned(1)));                         \
    INLINED void turn##BYTES##_##SIDE(                                                             \
        const char *in, ptrdiff_t from, char *out, ptrdiff_t to, int past_cache)                   \
    {                                                                                              \
        row##BYTES##_##SIDE v[SIDE], w[SIDE];                                                      \
        for (int i = 0; i < SIDE; i++) v[i] = *(const row##BYTES##_##SIDE *)(in + i * from);       \
        for (int round = 1; round < SIDE; round *= 2) {                                            \
            for (int i = 0; i < SIDE / 2; i++) {                                                   \
                w[2 * i] = LOW##SIDE(v[i], v[i + SIDE / 2]);                                       \
                w[2 * i + 1] = HIGH##SIDE(v[i], v[i + SIDE / 2]);                                  \
            }                                                                                      \
            for (int i = 0; i < SIDE; i++) v[i] = w[i];                                            \
        }                                                                                          \
        for (int i = 0; i < SIDE; i++) put(out + i * to, &v[i], BYTES * SIDE, past_cache);         \
    }

/* The sides: a row is one register, but no more than 16 words, and all rows and their successors
 * have to fit the registers. */
#if defined(__AVX512F__)
#define SIDE2 16
#define SIDE4 16
#define SIDE8 8
SQUARE(2, 16)
SQUARE(4, 16)
SQUARE(8, 8)
#elif defined(__AVX2__)
#define SIDE2 8
#define SIDE4 8
#define SIDE8 4
SQUARE(2, 8)
SQUARE(4, 8)
#else
#define SIDE2 8
#define SIDE4 4
#define SIDE8 2
SQUARE(2, 8)
SQUARE(8, 2)
#endif
#define SIDE1 16
SQUARE(1, 16)
/* And small ones, for what is narrower. */
#define SMALL 4
SQUARE(1, 4)
SQUARE(2, 4)
SQUARE(4, 4)
SQUARE(8, 4)

#define JOIN(BYTES, SIDE) turn##BYTES##_##SIDE
#define TURN(BYTES, SIDE) JOIN(BYTES, SIDE)
#define turn1 TURN(1, SIDE1)
#define turn2 TURN(2, SIDE2)
#define turn4 TURN(4, SIDE4)
#define turn8 TURN(8, SIDE8)

#endif
