# A walk over operands that broadcast, in the order of the result's memory.
#
# Axes are sorted by the operands' steps, the smallest last, and neighbours that are one run of
# numbers in every operand are joined: two arrays of one layout, whatever it is, become one axis.
# The last axis is the row that kernels loop over; an operand's step along it is the item size, 0
# (one number for the whole row), or something else (its numbers are gathered first).

cimport numpy as cnp
from libc.stdint cimport uint8_t

from odyssey._ext._door cimport (
    PyArray_DATA, PyArray_DIMS, PyArray_NDIM, PyArray_STRIDES,
)
from odyssey._ext._pool cimport empty_strided
from odyssey._ext._simd cimport MOST_LANES, half

cdef enum:
    MOST_AXES = 64              # of any NumPy array
    MOST_OPERANDS = 3
    GATHERED = 512              # numbers that are gathered at a time

ctypedef const char* Place

ctypedef fused stored:
    uint8_t
    half
    float
    double

cdef struct Walk:
    int axes
    int operands
    Py_ssize_t[MOST_AXES] shape
    Place[MOST_OPERANDS] data
    Py_ssize_t[MOST_OPERANDS][MOST_AXES] steps
    Py_ssize_t size             # numbers in the result


# Add an operand; False if it does not broadcast with those before.
cdef inline bint add_operand(Walk* walk, object x) noexcept:
    cdef int k = walk.operands
    cdef int new = walk.axes - PyArray_NDIM(x)
    cdef cnp.npy_intp* shape = PyArray_DIMS(x)
    cdef cnp.npy_intp* strides = PyArray_STRIDES(x)
    cdef int i, j
    if new < 0:                 # the axes so far are the last ones of more
        for j in range(walk.axes - 1, -1, -1):
            walk.shape[j - new] = walk.shape[j]
            for i in range(k):
                walk.steps[i][j - new] = walk.steps[i][j]
        for j in range(-new):
            walk.shape[j] = 1
            for i in range(k):
                walk.steps[i][j] = 0
        walk.axes -= new
        new = 0
    walk.data[k] = <const char*>PyArray_DATA(x)
    walk.operands += 1
    for j in range(walk.axes):
        walk.steps[k][j] = 0
        if j >= new and shape[j - new] != 1:
            if walk.shape[j] == 1:
                walk.shape[j] = shape[j - new]
            elif walk.shape[j] != shape[j - new]:
                return False
            walk.steps[k][j] = strides[j - new]
    return True


# Whether axis i belongs outside axis j: the first operand that moves along both says so.
cdef inline bint outside(Walk* walk, int i, int j) noexcept:
    cdef int k
    cdef Py_ssize_t a, b
    for k in range(walk.operands):
        a = abs(walk.steps[k][i])
        b = abs(walk.steps[k][j])
        if a != b and a != 0 and b != 0:
            return a > b
    return i < j


# The uninitialised result, and the walk in its order.
cdef inline object result_of(Walk* walk, int typenum, Py_ssize_t item):
    cdef cnp.npy_intp[MOST_AXES] shape
    cdef cnp.npy_intp[MOST_AXES] strides
    cdef int[MOST_AXES] order
    cdef Walk sorted_walk
    cdef int i, j, k
    cdef bint joined
    walk.size = 1
    for i in range(walk.axes):
        shape[i] = walk.shape[i]
        walk.size *= shape[i]
        j = i
        while j > 0 and outside(walk, i, order[j - 1]):
            order[j] = order[j - 1]
            j -= 1
        order[j] = i
    for i in range(walk.axes - 1, -1, -1):
        strides[order[i]] = item
        item *= max(shape[order[i]], 1)
    out = empty_strided(walk.axes, shape, strides, typenum)
    sorted_walk = walk[0]
    walk.axes = 0
    for i in range(sorted_walk.axes):
        if shape[order[i]] == 1:
            continue
        j = walk.axes - 1
        joined = j >= 0
        for k in range(walk.operands):
            walk.steps[k][walk.axes] = sorted_walk.steps[k][order[i]]
            if joined and walk.steps[k][j] != walk.steps[k][j + 1] * shape[order[i]]:
                joined = False
        walk.shape[walk.axes] = shape[order[i]]
        if joined:
            walk.shape[j] *= shape[order[i]]
            for k in range(walk.operands):
                walk.steps[k][j] = walk.steps[k][j + 1]
        else:
            walk.axes += 1
    if walk.axes == 0:          # one number, or axes of one
        walk.axes = 1
        walk.shape[0] = 1
        for k in range(walk.operands):
            walk.steps[k][0] = 0
    return out


# Where operand k stands in row `number`, without the last axis.
cdef inline const char* row_of(const Walk* walk, int k, Py_ssize_t number) noexcept nogil:
    cdef const char* p = walk.data[k]
    cdef int i
    for i in range(walk.axes - 2, -1, -1):
        p += number % walk.shape[i] * walk.steps[k][i]
        number //= walk.shape[i]
    return p


# n numbers that stand `step` bytes apart, side by side; or if step is 0 one number in as many
# places as a vector has. `ahead` says whether to go on after reading: 1, or 0 for the one number.
cdef inline const stored* side_by_side(const char* p, Py_ssize_t step, Py_ssize_t n,
        stored* buffer, Py_ssize_t* ahead) noexcept nogil:
    cdef Py_ssize_t i
    ahead[0] = 1
    if step == sizeof(stored):
        return <const stored*>p
    if step == 0:
        ahead[0] = 0
        n = MOST_LANES
    for i in range(n):
        buffer[i] = (<const stored*>(p + i * step))[0]
    return <const stored*>buffer
