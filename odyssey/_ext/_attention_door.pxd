# What the doors of both directions of attention share: whether the operands fit, and where they
# stand.

cimport numpy as cnp

from odyssey._ext._attention cimport ADDITIVE, BOOLEAN, LANES, Operand, Problem
from odyssey._ext._door cimport (
    PyArray_Check, PyArray_DATA, PyArray_DIMS, PyArray_NDIM, PyArray_STRIDES, PyArray_TYPE,
    float_type,
)
from odyssey._ext._threads cimport num_threads

cdef enum:
    MOST_AXES = 64                  # NumPy's limit
    PARALLEL = 200000               # multiply-adds that are worth waking a second thread


cdef inline int threads_for(const Problem* p) noexcept nogil:
    cdef double work = <double>p.heads * p.L * p.S * (p.E + p.V)
    return num_threads() if work > PARALLEL else 1


cdef inline Py_ssize_t blocks_of(Py_ssize_t n) noexcept nogil:
    return (n + LANES - 1) // LANES


cdef inline Operand operand(object x) noexcept:
    cdef int axes = PyArray_NDIM(x)
    cdef cnp.npy_intp* steps = PyArray_STRIDES(x)
    return Operand(<const char*>PyArray_DATA(x), steps[axes - 2], steps[axes - 1], steps)


# Whether a mask fits; `steps` gets its strides as an array of the scores' shape, 0 where it is
# broadcast.
cdef inline bint mask_fits(object mask, int number, Problem* p, cnp.npy_intp* steps) noexcept:
    cdef int axes = p.axes + 2
    cdef int new, i
    cdef Py_ssize_t size, needed
    if float_type(mask) == number:
        p.kind = ADDITIVE
    elif PyArray_Check(mask) and PyArray_TYPE(mask) == cnp.NPY_BOOL:
        p.kind = BOOLEAN
    else:
        return False
    new = axes - PyArray_NDIM(mask)
    if new < 0:
        return False
    for i in range(axes):
        steps[i] = 0
        if i >= new:
            size = PyArray_DIMS(mask)[i - new]
            needed = p.sizes[i] if i < axes - 1 else p.S
            if size != 1 and size != needed:
                return False
            if size != 1:
                steps[i] = PyArray_STRIDES(mask)[i - new]
    return True


# Whether q, k, v and mask fit each other; fills in the sizes.
cdef inline bint fitting(object q, object k, object v, object mask, int number, Problem* p,
        cnp.npy_intp* steps) noexcept:
    cdef int axes, i
    cdef cnp.npy_intp* of_q
    cdef cnp.npy_intp* of_k
    cdef cnp.npy_intp* of_v
    if number < 0 or float_type(k) != number or float_type(v) != number:
        return False
    axes = PyArray_NDIM(q)
    if axes < 2 or PyArray_NDIM(k) != axes or PyArray_NDIM(v) != axes:
        return False
    of_q = PyArray_DIMS(q)
    of_k = PyArray_DIMS(k)
    of_v = PyArray_DIMS(v)
    p.heads = 1
    for i in range(axes - 2):
        if of_q[i] != of_k[i] or of_q[i] != of_v[i]:
            return False
        p.heads *= of_q[i]
    p.axes = axes - 2
    p.sizes = of_q
    p.L = of_q[axes - 2]
    p.E = of_q[axes - 1]
    p.S = of_k[axes - 2]
    p.V = of_v[axes - 1]
    if p.E == 0 or of_k[axes - 1] != p.E or of_v[axes - 2] != p.S:
        return False
    return mask is None or mask_fits(mask, number, p, steps)


# The operands that forward and backward share; steps of the mask's are in `steps`.
cdef inline void bind(Problem* p, object q, object k, object v, object mask,
        cnp.npy_intp* steps) noexcept:
    p.q = operand(q)
    p.k = operand(k)
    p.v = operand(v)
    if mask is not None:
        p.mask = Operand(
            <const char*>PyArray_DATA(mask), steps[p.axes], steps[p.axes + 1], steps)
