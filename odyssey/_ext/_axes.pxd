# What a reduction needs besides its loops: axes in the order of memory, and sums in pairs.

cimport numpy as cnp

from odyssey._ext._door cimport PyArray_DIMS, PyArray_NDIM, PyArray_STRIDES

cdef enum:
    MOST_AXES = 64              # of any NumPy array
    LEVELS = 64                 # of pairs of pairs

# Axes from the largest step to the smallest.
cdef struct Axes:
    int count
    Py_ssize_t[MOST_AXES] shape
    Py_ssize_t[MOST_AXES] steps


# Where element `number` of some axes stands.
cdef inline Py_ssize_t offset(const Axes* axes, Py_ssize_t number) noexcept nogil:
    cdef Py_ssize_t at = 0
    cdef int i
    for i in range(axes.count - 1, -1, -1):
        at += number % axes.shape[i] * axes.steps[i]
        number //= axes.shape[i]
    return at


# Add an axis inside the others; one that goes on where it ends is joined to it.
cdef inline void append(Axes* axes, Py_ssize_t length, Py_ssize_t step, bint join) noexcept:
    cdef int last = axes.count - 1
    if join and last >= 0 and axes.steps[last] == step * length:
        axes.shape[last] *= length
        axes.steps[last] = step
    else:
        axes.shape[axes.count] = length
        axes.steps[axes.count] = step
        axes.count += 1


# Sort the axes of x by step into kept and summed ones; those that do not move (step 0) come first.
# `order` becomes that of all axes; tells whether the last one is summed.
cdef inline bint sort_axes(Axes* kept, Axes* summed, object x, const bint* is_summed,
                           int* order) noexcept:
    cdef cnp.npy_intp* shape = PyArray_DIMS(x)
    cdef cnp.npy_intp* steps = PyArray_STRIDES(x)
    cdef int ndim = PyArray_NDIM(x)
    cdef int i, j
    cdef int before = -1            # the axis that was appended last
    kept.count = summed.count = 0
    for i in range(ndim):
        j = i
        while j > 0 and steps[order[j - 1]] != 0 and (
                steps[i] == 0 or abs(steps[order[j - 1]]) < abs(steps[i])):
            order[j] = order[j - 1]
            j -= 1
        order[j] = i
    for j in range(ndim):
        i = order[j]
        if shape[i] != 1:
            append(summed if is_summed[i] else kept, shape[i], steps[i],
                   before >= 0 and is_summed[before] == is_summed[i])
            before = i
    return before < 0 or is_summed[before]


cdef inline Py_ssize_t product(const Axes* axes) noexcept:
    cdef Py_ssize_t found = 1
    cdef int i
    for i in range(axes.count):
        found *= axes.shape[i]
    return found


# Take the innermost axis out: its length and step; one number if there is none.
cdef inline void innermost(Axes* axes, Py_ssize_t* length, Py_ssize_t* step,
                           Py_ssize_t item) noexcept:
    length[0] = 1
    step[0] = item
    if axes.count:
        axes.count -= 1
        length[0] = axes.shape[axes.count]
        step[0] = axes.steps[axes.count]


# ---- sums of sums, in pairs ----------------------------------------------------------------------

# Level i holds the sum of 2**i terms, where bit i of `terms` is set.
cdef struct Pairs:
    Py_ssize_t terms
    double[LEVELS] sums


cdef inline void put_in(Pairs* pairs, double term) noexcept nogil:
    cdef int level = 0
    while pairs.terms >> level & 1:
        term = pairs.sums[level] + term
        level += 1
    pairs.sums[level] = term
    pairs.terms += 1


cdef inline double total(const Pairs* pairs) noexcept nogil:
    cdef double found = 0
    cdef int level = 0
    while pairs.terms >> level:
        if pairs.terms >> level & 1:
            found = pairs.sums[level] + found
        level += 1
    return found
