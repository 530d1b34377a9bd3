/* Included by peak.h once for each level, with LEVEL, TARGET, BYTES, SUMS and, where the processor
 * has stores that pass the caches by, STREAM. No guard: it is meant to be read again. */

typedef float PEAK(lanes_f32) __attribute__((vector_size(BYTES), may_alias));
typedef double PEAK(lanes_f64) __attribute__((vector_size(BYTES), may_alias));

/* s = s * a + b in SUMS registers, ROUNDS times in each of `steps` steps, runs at the rate at which
 * multiply-adds begin. The values go to b / (1 - a) = 2, which is neither infinite nor subnormal.
 * `half` is volatile: to a compiler that knows a and b, the sum that begins with 2 stays 2, and needs
 * no arithmetic at all. */
TARGET static double PEAK(fma_f32)(int64_t steps, int64_t *flops)
{
    volatile float half = 0.5f;
    PEAK(lanes_f32) s[SUMS], a = half - (PEAK(lanes_f32)){0}, b = a * 2, total = {0};
    double sum = 0;
    for (int i = 0; i < SUMS; i++) s[i] = b * (float)i;
    for (int64_t step = 0; step < steps; step++)
        for (int round = 0; round < ROUNDS; round++)
            for (int i = 0; i < SUMS; i++) s[i] = s[i] * a + b;
    for (int i = 0; i < SUMS; i++) total += s[i];
    for (int i = 0; i < BYTES / 4; i++) sum += total[i];
    *flops = steps * ROUNDS * SUMS * (BYTES / 4) * 2;
    return sum;
}

TARGET static double PEAK(fma_f64)(int64_t steps, int64_t *flops)
{
    volatile double half = 0.5;
    PEAK(lanes_f64) s[SUMS], a = half - (PEAK(lanes_f64)){0}, b = a * 2, total = {0};
    double sum = 0;
    for (int i = 0; i < SUMS; i++) s[i] = b * (double)i;
    for (int64_t step = 0; step < steps; step++)
        for (int round = 0; round < ROUNDS; round++)
            for (int i = 0; i < SUMS; i++) s[i] = s[i] * a + b;
    for (int i = 0; i < SUMS; i++) total += s[i];
    for (int i = 0; i < BYTES / 8; i++) sum += total[i];
    *flops = steps * ROUNDS * SUMS * (BYTES / 8) * 2;
    return sum;
}

/* Memory: n numbers, a multiple of 64, in arrays aligned to 64 bytes, `passes` times. Both halves are
 * read at once, because one stream alone does not keep memory busy; four loads of each stand together,
 * every one with a sum of its own. */
TARGET static double PEAK(read)(const double *x, int64_t n, int64_t passes)
{
    const int64_t lanes = BYTES / 8;
    const double *y = x + n / 2;
    PEAK(lanes_f64) s[8], total = {0};
    double sum = 0;
    for (int i = 0; i < 8; i++) s[i] = total;
    for (int64_t pass = 0; pass < passes; pass++)
        for (int64_t at = 0; at < n / 2; at += 4 * lanes)
            for (int i = 0; i < 4; i++) {
                s[i] += *(const PEAK(lanes_f64) *)(x + at + i * lanes);
                s[4 + i] += *(const PEAK(lanes_f64) *)(y + at + i * lanes);
            }
    for (int i = 0; i < 8; i++) total += s[i];
    for (int i = 0; i < lanes; i++) sum += total[i];
    return sum;
}

/* out = x. The empty asm keeps passes apart: the compiler may not leave out all but the last. */
TARGET static double PEAK(copy)(const double *x, double *out, int64_t n, int64_t passes, int stream)
{
    const int64_t lanes = BYTES / 8;
    for (int64_t pass = 0; pass < passes; pass++) {
#if defined(STREAM)
        if (stream) {
            for (int64_t at = 0; at < n; at += lanes)
                STREAM(out + at, *(const PEAK(lanes_f64) *)(x + at));
            _mm_sfence();
            continue;
        }
#endif
        for (int64_t at = 0; at < n; at += lanes)
            *(PEAK(lanes_f64) *)(out + at) = *(const PEAK(lanes_f64) *)(x + at);
        __asm__ volatile("" ::: "memory");
    }
    return out[0];
}

/* out = x + y / 2: two reads and a write. */
TARGET static double PEAK(triad)(const double *x, const double *y, double *out, int64_t n,
                                 int64_t passes, int stream)
{
    const int64_t lanes = BYTES / 8;
    for (int64_t pass = 0; pass < passes; pass++) {
#if defined(STREAM)
        if (stream) {
            for (int64_t at = 0; at < n; at += lanes)
                STREAM(out + at, *(const PEAK(lanes_f64) *)(x + at) +
                                     0.5 * *(const PEAK(lanes_f64) *)(y + at));
            _mm_sfence();
            continue;
        }
#endif
        for (int64_t at = 0; at < n; at += lanes)
            *(PEAK(lanes_f64) *)(out + at) = *(const PEAK(lanes_f64) *)(x + at) +
                                             0.5 * *(const PEAK(lanes_f64) *)(y + at);
        __asm__ volatile("" ::: "memory");
    }
    return out[0];
}

#undef LEVEL
#undef TARGET
#undef BYTES
#undef SUMS
#undef STREAM
