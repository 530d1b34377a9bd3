# From any memory layout of an image batch to channels-last, and a count of how often that took a
# copy: a network whose layers hand channels-last arrays to each other copies at most its input.
#
# Compiled once: one counter for the kernels of all levels.

cimport numpy as cnp

from odyssey._ext._copying cimport copy_into
from odyssey._ext._door cimport (
    PyArray_DIMS, PyArray_ISALIGNED, PyArray_STRIDES, PyArray_TYPE,
)
from odyssey._ext._pool cimport empty_strided, item_size

cdef extern from "numpy/arrayobject.h":
    int PyArray_ITEMSIZE(cnp.ndarray x)

cnp.import_array()

cdef Py_ssize_t count = 0


# Axes of length 1 have no say: their strides are never used.
cdef bint is_channels_last(object x) noexcept:
    cdef cnp.npy_intp* shape = PyArray_DIMS(x)
    cdef cnp.npy_intp* strides = PyArray_STRIDES(x)
    cdef Py_ssize_t step = PyArray_ITEMSIZE(x)
    cdef int[4] inner_first = [1, 3, 2, 0]
    cdef int axis
    if not PyArray_ISALIGNED(x):
        return False
    for axis in range(4):
        if shape[axis] == 0:
            return True
    for axis in inner_first:
        if shape[axis] > 1 and strides[axis] != step:
            return False
        step *= shape[axis]
    return True


cdef object channels_last(object x):
    global count
    cdef cnp.npy_intp* shape = PyArray_DIMS(x)
    if is_channels_last(x):
        return x
    count += 1
    out = empty_channels_last(shape[0], shape[1], shape[2], shape[3], PyArray_TYPE(x))
    copy_into(out, x)
    return out


cdef object empty_channels_last(
        Py_ssize_t N, Py_ssize_t C, Py_ssize_t H, Py_ssize_t W, int typenum):
    cdef cnp.npy_intp[4] shape = [N, C, H, W]
    cdef cnp.npy_intp[4] strides
    cdef Py_ssize_t size = item_size(typenum)
    if size == 0:
        raise TypeError(f"empty_channels_last: no item size for type number {typenum}")
    strides[1] = size
    strides[3] = strides[1] * max(C, 1)
    strides[2] = strides[3] * max(W, 1)
    strides[0] = strides[2] * max(H, 1)
    return empty_strided(4, shape, strides, typenum)


def conversions():
    """Return how many arrays were copied to channels-last memory since the last reset."""
    return count


def reset_conversions():
    """Begin to count from 0."""
    global count
    count = 0
