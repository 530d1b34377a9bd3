# What one row of scores gives: its largest element, and the sum of its exponentials.
#
# Both run along the row lane by lane and across the lanes at the end, in an order that depends on
# the row's length alone.

from libc.math cimport INFINITY

from odyssey._ext._simd cimport (
    element, exponential, lane_max, lane_sum, lanes, load, load_part, maximum, splat, vec,
)


# The largest element, in every lane.
cdef inline vec row_max(const element* x, Py_ssize_t C, vec zero) noexcept nogil:
    cdef vec least = splat(-INFINITY, zero)
    cdef vec best = least
    cdef Py_ssize_t c = 0
    cdef Py_ssize_t V = lanes(zero)
    while c + V <= C:
        best = maximum(load(x + c, zero), best)
        c += V
    if c < C:
        best = maximum(load_part(x + c, C - c, least), best)
    return splat(lane_max(best), zero)


# The sum of exp(x - shift).
cdef inline double row_exp_sum(const element* x, Py_ssize_t C, vec shift, vec zero) noexcept nogil:
    cdef vec total = zero
    cdef Py_ssize_t c = 0
    cdef Py_ssize_t V = lanes(zero)
    while c + V <= C:
        total = total + exponential(load(x + c, zero) - shift)
        c += V
    if c < C:
        total = total + exponential(load_part(x + c, C - c, splat(-INFINITY, zero)) - shift)
    return lane_sum(total)
