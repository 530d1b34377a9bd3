# What the doors of the kernels (their plain `def` functions) share: quick tests in C.
# Failing one is the slow path: odyssey/utils/kernel_checks.py then says what was wrong.

cimport numpy as cnp

from odyssey._ext._copying cimport copy_into
from odyssey._ext._pool cimport empty

cdef extern from "numpy/arrayobject.h" nogil:
    bint PyArray_ISNOTSWAPPED(cnp.ndarray x)
    bint PyArray_ISALIGNED(cnp.ndarray x)
    bint PyArray_ISWRITEABLE(cnp.ndarray x)
    bint PyArray_IS_C_CONTIGUOUS(cnp.ndarray x)
    void* PyArray_DATA(cnp.ndarray x)
    cnp.npy_intp* PyArray_DIMS(cnp.ndarray x)
    cnp.npy_intp* PyArray_STRIDES(cnp.ndarray x)
    int PyArray_NDIM(cnp.ndarray x)
    int PyArray_TYPE(cnp.ndarray x)

cdef extern from "numpy/arrayobject.h":
    bint PyArray_Check(object x)
    object PyArray_ZEROS(int nd, const cnp.npy_intp* dims, int typenum, int fortran)
    cnp.npy_intp PyArray_SIZE(cnp.ndarray x)
    enum:
        NPY_HALF
        NPY_FLOAT
        NPY_DOUBLE


# NPY_HALF, NPY_FLOAT or NPY_DOUBLE for an array of native floats, -1 for anything else.
cdef inline int float_type(object x) noexcept:
    cdef int number
    if not PyArray_Check(x):
        return -1
    number = PyArray_TYPE(<cnp.ndarray>x)
    if number != NPY_HALF and number != NPY_FLOAT and number != NPY_DOUBLE:
        return -1
    return number if PyArray_ISNOTSWAPPED(<cnp.ndarray>x) else -1


# The dtype in which numbers of dtype `number` are summed.
cdef inline int sum_type(int number) noexcept:
    return NPY_FLOAT if number == NPY_HALF else number


# A C-contiguous copy of an array of native numbers.
cdef inline object copied(object x):
    out = empty(PyArray_NDIM(<cnp.ndarray>x), PyArray_DIMS(<cnp.ndarray>x),
                PyArray_TYPE(<cnp.ndarray>x))
    copy_into(out, x)
    return out


# The array itself if C can read its elements where they stand, else a copy.
cdef inline object aligned(object x):
    if PyArray_ISALIGNED(<cnp.ndarray>x):
        return x
    return copied(x)


# The array itself if it is one C-contiguous aligned block, else a copy.
cdef inline object contiguous(object x):
    if PyArray_IS_C_CONTIGUOUS(<cnp.ndarray>x) and PyArray_ISALIGNED(<cnp.ndarray>x):
        return x
    return copied(x)


cdef inline bint same_shape(object x, object y) noexcept:
    cdef int i
    if PyArray_NDIM(<cnp.ndarray>x) != PyArray_NDIM(<cnp.ndarray>y):
        return False
    for i in range(PyArray_NDIM(<cnp.ndarray>x)):
        if PyArray_DIMS(<cnp.ndarray>x)[i] != PyArray_DIMS(<cnp.ndarray>y)[i]:
            return False
    return True


# Whether two arrays of one shape have their elements in the same order in memory.
cdef inline bint same_layout(object x, object y) noexcept:
    cdef int i
    for i in range(PyArray_NDIM(<cnp.ndarray>x)):
        if (PyArray_DIMS(<cnp.ndarray>x)[i] > 1
                and PyArray_STRIDES(<cnp.ndarray>x)[i] != PyArray_STRIDES(<cnp.ndarray>y)[i]):
            return False
    return PyArray_ISALIGNED(<cnp.ndarray>x) and PyArray_ISALIGNED(<cnp.ndarray>y)
