/* The parts of the x86-64 levels that compiled kernels can contain, asked of the processor. */
#ifndef ODYSSEY_CPU_H
#define ODYSSEY_CPU_H

#if defined(__x86_64__)
#include <cpuid.h>

/* The compilers' __builtin_cpu_supports does not know these three under one name each. */
static inline int cpu_has_f16c_movbe_lzcnt(void)
{
    unsigned a, b, c, d, ea, eb, ec, ed;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !__get_cpuid(0x80000001u, &ea, &eb, &ec, &ed)) return 0;
    return (c >> 29 & 1) && (c >> 22 & 1) && (ec >> 5 & 1);
}
static inline int cpu_has_v3(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
           cpu_has_f16c_movbe_lzcnt();
}
static inline int cpu_has_v4(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}
#else
static inline int cpu_has_v3(void) { return 0; }
static inline int cpu_has_v4(void) { return 0; }
#endif

#endif
