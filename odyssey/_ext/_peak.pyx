# The machine's peak, for benchmarks to hold kernels against: how many multiply-adds it can do, and
# how fast it reads, copies and adds arrays. Each function does a known amount of work on every one
# of `threads` threads and returns the amount; the caller takes the time.
#
# Arrays are shared out in blocks of BLOCK numbers: every thread passes over memory of its own,
# again and again, and what fits its cache stays there.

import numpy as np

cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int64_t

cdef extern from "peak.h" nogil:
    double peak_fma_f32(int level, int64_t steps, int64_t* flops)
    double peak_fma_f64(int level, int64_t steps, int64_t* flops)
    double peak_read(int level, const double* x, int64_t n, int64_t passes)
    double peak_copy(
        int level, const double* x, double* out, int64_t n, int64_t passes, int stream
    )
    double peak_triad(
        int level, const double* x, const double* y, double* out, int64_t n, int64_t passes,
        int stream
    )

cnp.import_array()

LEVELS = ("baseline", "v3", "v4")

cdef enum:
    BLOCK = 64              # numbers; 8 of the widest registers


def multiply_add(level, double_precision, steps, threads):
    """Return how many floating-point operations were done; a multiply-add counts as two."""
    cdef int at = _level(level), count = _count(threads), _thread
    cdef bint wide = double_precision
    cdef int64_t n = steps, done = 0
    for _thread in prange(count, nogil=True, schedule="static", num_threads=count):
        done += _multiply_add(at, wide, n)
    return done


def transfer(kind, level, arrays, passes, threads, stream=False):
    """Pass over float64 arrays: ``read`` one, ``copy`` to a second, ``triad`` two to a third.

    The arrays are aligned to 64 bytes, C-contiguous and of one length, a multiple of 64. Returns
    how many bytes were read and written. `stream` stores past the caches, where the processor can.
    """
    cdef int at = _level(level), count = _count(threads), thread, past = stream, how
    cdef int64_t n = arrays[0].size, repeats = passes
    cdef double* x
    cdef double* y
    cdef double* z
    how = ("read", "copy", "triad").index(kind) + 1
    if len(arrays) != how:
        raise ValueError(f"transfer: {kind} takes {how} arrays, got {len(arrays)}")
    for array in arrays:
        _check(array, n)
    x = <double*>cnp.PyArray_DATA(<cnp.ndarray>arrays[0])
    y = <double*>cnp.PyArray_DATA(<cnp.ndarray>arrays[1 if how > 1 else 0])
    z = <double*>cnp.PyArray_DATA(<cnp.ndarray>arrays[2 if how > 2 else 0])
    for thread in prange(count, nogil=True, schedule="static", num_threads=count):
        _transfer(how, at, x, y, z, n, thread, count, repeats, past)
    return how * n * 8 * passes


cdef int _count(threads) except -1:
    if threads < 1:
        raise ValueError(f"peak: threads must be at least 1, got {threads}")
    return threads


cdef int _level(level) except -1:
    from odyssey._ext import _cpu

    if level not in LEVELS or not _cpu.supports(level):
        raise ValueError(f"peak: level {level!r} cannot run here")
    return LEVELS.index(level)


cdef int _check(array, int64_t n) except -1:
    if not isinstance(array, np.ndarray) or array.dtype != np.float64:
        raise TypeError(f"transfer: needs float64 arrays, got {getattr(array, 'dtype', array)}")
    if not array.flags.carray or array.ctypes.data % 64:
        raise ValueError("transfer: arrays must be contiguous, writable and aligned to 64 bytes")
    if array.size != n or n % BLOCK:
        raise ValueError(
            f"transfer: arrays need one size, a multiple of {BLOCK}, got {array.size} and {n}"
        )
    return 0


# The result goes nowhere, but the compiler cannot know that: through a volatile it must be made.
cdef extern from *:
    """
    static volatile double peak_sink;
    static inline void peak_keep(double x) { peak_sink = x; }
    """
    void peak_keep(double x) nogil


cdef int64_t _multiply_add(int level, bint wide, int64_t steps) noexcept nogil:
    cdef int64_t flops = 0
    if wide:
        peak_keep(peak_fma_f64(level, steps, &flops))
    else:
        peak_keep(peak_fma_f32(level, steps, &flops))
    return flops


cdef void _transfer(
    int how, int level, double* x, double* y, double* z, int64_t n, int thread, int threads,
    int64_t passes, int stream
) noexcept nogil:
    cdef int64_t blocks = n // BLOCK
    cdef int64_t start = blocks * thread // threads * BLOCK
    cdef int64_t own = blocks * (thread + 1) // threads * BLOCK - start
    if how == 1:
        peak_keep(peak_read(level, x + start, own, passes))
    elif how == 2:
        peak_keep(peak_copy(level, x + start, y + start, own, passes, stream))
    else:
        peak_keep(peak_triad(level, x + start, y + start, z + start, own, passes, stream))
