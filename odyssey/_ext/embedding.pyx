# Rows of a table by index, and the sums of their gradients.
#
# Plan. Forward copies a row for each index; threads split the indices. Backward adds each row of
# the gradient to the row of its index. There threads split the columns, never the indices: two of
# these may name one row. So each sum belongs to one thread, which adds in the order of the indices,
# and the result has the same bits for any number of threads.
#
# Memory. Half precision is added up in float32, in a table of its own, and rounded once.

cimport numpy as cnp
from cython.parallel cimport prange
from libc.string cimport memcpy

from odyssey._ext._door cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, PyArray_SIZE, PyArray_TYPE, PyArray_ZEROS,
    contiguous, sum_type,
)
from odyssey._ext._pool cimport empty, item_size
from odyssey._ext._simd cimport element, half, number, real, rounded
from odyssey._ext._threads cimport num_threads

import numpy as np

from odyssey.utils.kernel_checks_embedding import check_embedding, check_embedding_backward

cnp.import_array()

cdef enum:
    MOST_AXES = 64              # of any NumPy array
    PARALLEL = 1 << 15          # numbers that are worth a second thread
    COLUMNS = 64                # of one thread at a time: whole cache lines


cdef void copy_rows(const cnp.int64_t* indices, const char* weight, char* out, Py_ssize_t N,
        Py_ssize_t row, int threads) noexcept nogil:
    cdef Py_ssize_t n
    for n in prange(N, num_threads=threads, schedule="static"):
        memcpy(out + n * row, weight + indices[n] * row, row)


# Columns from..to of all rows.
cdef void add_columns(const element* grad, const cnp.int64_t* indices, real* sums, Py_ssize_t N,
        Py_ssize_t D, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t padding) noexcept nogil:
    cdef Py_ssize_t n, d
    cdef const element* g
    cdef real* s
    for n in range(N):
        if indices[n] != padding:
            g = grad + n * D
            s = sums + indices[n] * D
            for d in range(start, stop):
                s[d] = s[d] + <real>number(g[d])


cdef void add_rows(const element* grad, const cnp.int64_t* indices, real* sums, Py_ssize_t N,
        Py_ssize_t D, Py_ssize_t padding, int threads) noexcept nogil:
    cdef Py_ssize_t part
    for part in prange((D + COLUMNS - 1) // COLUMNS, num_threads=threads, schedule="static"):
        add_columns(
            grad, indices, sums, N, D, part * COLUMNS, min(D, (part + 1) * COLUMNS), padding)


cdef void round_all(const float* sums, half* out, Py_ssize_t size, int threads) noexcept nogil:
    cdef Py_ssize_t i
    for i in prange(size, num_threads=threads, schedule="static"):
        out[i] = rounded(sums[i], out[i])


def embedding(indices: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return a row of a table for each index.

    Same contract as odyssey.reference.embedding.embedding. Each row is one copy.
    """
    indices = check_embedding(indices, weight)
    weight = contiguous(weight)
    shape = (*indices.shape, weight.shape[1])
    cdef cnp.npy_intp[MOST_AXES] dims
    cdef int axes = len(shape)
    cdef int i
    if axes > MOST_AXES:
        raise MemoryError(f"embedding: the result would have {axes} axes")
    for i in range(axes):
        dims[i] = shape[i]
    out = empty(axes, dims, PyArray_TYPE(weight))
    cdef Py_ssize_t N = PyArray_SIZE(indices)
    cdef Py_ssize_t row = dims[axes - 1] * item_size(PyArray_TYPE(weight))
    cdef const cnp.int64_t* pi = <const cnp.int64_t*>PyArray_DATA(indices)
    cdef const char* pw = <const char*>PyArray_DATA(weight)
    cdef char* po = <char*>PyArray_DATA(out)
    cdef int threads = num_threads() if N * dims[axes - 1] > PARALLEL else 1
    with nogil:
        copy_rows(pi, pw, po, N, row, threads)
    return out


def embedding_backward(
    grad: np.ndarray,
    indices: np.ndarray,
    weight_shape: tuple[int, int],
    padding_idx: int | None = None,
) -> np.ndarray:
    """Gradient of embedding with respect to its table.

    Same contract as odyssey.reference.embedding.embedding_backward, with the
    same bits for any number of threads.
    """
    indices, rows, columns, padding_row = check_embedding_backward(
        grad, indices, weight_shape, padding_idx)
    grad = contiguous(grad)
    cdef cnp.npy_intp[2] dims
    dims[0] = rows
    dims[1] = columns
    cdef int kind = PyArray_TYPE(grad)
    cdef Py_ssize_t N = PyArray_SIZE(indices), D = columns, padding = padding_row
    sums = PyArray_ZEROS(2, dims, sum_type(kind), 0)
    cdef const cnp.int64_t* pi = <const cnp.int64_t*>PyArray_DATA(indices)
    cdef void* pg = PyArray_DATA(grad)
    cdef void* ps = PyArray_DATA(sums)
    cdef int threads = num_threads() if N * D > PARALLEL else 1
    if kind == NPY_FLOAT or kind == NPY_DOUBLE:
        with nogil:
            if kind == NPY_FLOAT:
                add_rows(<const float*>pg, pi, <float*>ps, N, D, padding, threads)
            else:
                add_rows(<const double*>pg, pi, <double*>ps, N, D, padding, threads)
        return sums
    out = empty(2, dims, kind)
    cdef half* po = <half*>PyArray_DATA(out)
    with nogil:
        add_rows(<const half*>pg, pi, <float*>ps, N, D, padding, threads)
        round_all(<const float*>ps, po, dims[0] * D, threads)
    return out
