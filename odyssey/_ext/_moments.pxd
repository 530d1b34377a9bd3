# What means, variances and their gradients are made of: the sums of u and of u * (x - shift) over
# numbers x, where u is x - shift itself, or a gradient, perhaps times weights.
#
# A variance takes two passes over numbers that are in the cache by then. The first finds the mean;
# the second, with the rounded mean as its shift, adds deviations, which are small, and corrects the
# mean by what they add up to. BLOCK numbers are added in vectors, and blocks in double: the order
# of additions depends on the length of a run alone.

from libc.math cimport isfinite

from odyssey._ext._simd cimport (
    element, float_to_half, half, half_to_float, lane_sum, lanes, load, load_part, splat, store,
    store_part, vec,
)

cdef enum:
    UNROLLED = 4                    # vectors of sums
    BLOCK = 4096                    # numbers that are added in vectors


cdef struct Sums:
    double first                    # of u
    double second                   # of u * (x - shift)


# The first n numbers at p, or a register full of them; the other lanes come from `fill`.
cdef inline vec some(const element* p, Py_ssize_t n, vec fill) noexcept nogil:
    return load(p, fill) if n >= lanes(fill) else load_part(p, n, fill)


cdef inline void put_some(element* p, Py_ssize_t n, vec v) noexcept nogil:
    if n >= lanes(v):
        store(p, v)
    else:
        store_part(p, n, v)


# x as a number of this kind is stored: what fills a register must pass through memory unchanged.
cdef inline double narrowed(double x, const element* like) noexcept nogil:
    if element is half:
        return half_to_float(float_to_half(<float>x))
    elif element is float:
        return <float>x
    else:
        return x


# Mean and sum of squared deviations of `count` numbers whose deviations from shift have these sums.
cdef inline Sums corrected(double shift, Sums sums, double count) noexcept nogil:
    cdef double rest = sums.first
    sums.first = shift
    if isfinite(rest):
        sums.first += rest / count
        sums.second -= rest * rest / count
        if sums.second < 0:
            sums.second = 0
    return sums


# Add register i of a run of n numbers to the sums.
cdef inline void add_register(const element* x, const element* grad, const element* weight,
        Py_ssize_t i, Py_ssize_t n, vec shift, vec* first, vec* second, vec zero) noexcept nogil:
    cdef vec d = some(x + i, n - i, shift) - shift
    cdef vec u = d
    if grad != NULL:
        u = some(grad + i, n - i, zero)
        if weight != NULL:
            u = u * some(weight + i, n - i, zero)
    first[0] = first[0] + u
    second[0] = second[0] + u * d


cdef inline Sums add_run(const element* x, const element* grad, const element* weight,
        double shift, Py_ssize_t n, vec zero) noexcept nogil:
    cdef Sums sums
    cdef vec[UNROLLED] first
    cdef vec[UNROLLED] second
    cdef vec m = splat(shift, zero)
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t stop, i = 0
    cdef int j
    sums.first = sums.second = 0
    while i < n:
        stop = min(i + BLOCK, n)
        for j in range(UNROLLED):
            first[j] = zero
            second[j] = zero
        while i + UNROLLED * V <= stop:
            for j in range(UNROLLED):
                add_register(x, grad, weight, i + j * V, stop, m, &first[j], &second[j], zero)
            i += UNROLLED * V
        while i < stop:
            add_register(x, grad, weight, i, stop, m, &first[0], &second[0], zero)
            i += V
        i = stop
        sums.first += lane_sum((first[0] + first[1]) + (first[2] + first[3]))
        sums.second += lane_sum((second[0] + second[1]) + (second[2] + second[3]))
    return sums


# The mean of a run, and the sum of its squared deviations.
cdef inline Sums moments(const element* x, Py_ssize_t n, vec zero) noexcept nogil:
    cdef const element* nothing = NULL
    cdef Sums sums = add_run(x, nothing, nothing, 0, n, zero)
    cdef double shift = narrowed(sums.first / n, x)
    return corrected(shift, add_run(x, nothing, nothing, shift, n, zero), n)
