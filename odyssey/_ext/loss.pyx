# Softmax followed by cross-entropy, forward and backward.
#
# Plan. Neither direction stores the probabilities of the other. Forward reads a row of scores from
# memory once (largest element, then the sum of exponentials while the row is in cache) and keeps
# one number of it, log_total = log(sum(exp(x - max))). Backward finds the largest element again,
# makes a probability from a score and the two, exp((x - max) - log_total), and writes its gradient:
# one read from memory, one write. (One number for the two, log(sum(exp(x))), would lose the digits
# of log_total beside a large max.) Threads split the rows.

cimport numpy as cnp
from cython.parallel cimport prange
from libc.math cimport log

from odyssey._ext._door cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_Check, PyArray_DATA, PyArray_DIMS, PyArray_NDIM, PyArray_TYPE,
    contiguous, float_type, sum_type,
)
from odyssey._ext._pool cimport empty, empty_like
from odyssey._ext._rows cimport row_exp_sum, row_max
from odyssey._ext._simd cimport (
    element, exponential, half, lane_max, lanes, load, load_part, number, real, rounded, splat,
    store, store_part, vec, vsplat_f32, vsplat_f64,
)
from odyssey._ext._threads cimport num_threads

import numpy as np

from odyssey.utils.kernel_checks import check_cross_entropy, check_cross_entropy_backward

cnp.import_array()

cdef enum:
    PARALLEL = 1 << 14              # scores that are worth a second thread


cdef void forward_row(const element* x, Py_ssize_t label, element* loss, real* log_total,
        Py_ssize_t C, vec zero) noexcept nogil:
    cdef vec shift = row_max(x, C, zero)
    cdef double total = log(row_exp_sum(x, C, shift, zero))
    loss[0] = rounded(total + (lane_max(shift) - number(x[label])), loss[0])
    log_total[0] = <real>total


cdef void backward_row(const element* grad, const element* x, Py_ssize_t label,
        const real* log_total, element* out, Py_ssize_t C, vec zero) noexcept nogil:
    cdef vec scale = splat(number(grad[0]), zero)
    cdef vec shift = row_max(x, C, zero)
    cdef vec total = splat(log_total[0], zero)
    cdef Py_ssize_t c = 0
    cdef Py_ssize_t V = lanes(zero)
    cdef vec p
    while c + V <= C:
        store(out + c, exponential(load(x + c, zero) - shift - total) * scale)
        c += V
    if c < C:
        p = exponential(load_part(x + c, C - c, zero) - shift - total)
        store_part(out + c, C - c, p * scale)
    # The label's class again, from the start: in float16 the stored probability has been rounded
    # already.
    p = exponential(load_part(x + label, 1, zero) - shift - total)
    store_part(out + label, 1, (p - splat(1, zero)) * scale)


cdef void forward(const element* x, const cnp.int64_t* labels, element* losses, real* log_total,
        Py_ssize_t N, Py_ssize_t C, vec zero) noexcept nogil:
    cdef int threads = num_threads() if N * C > PARALLEL else 1
    cdef Py_ssize_t n
    for n in prange(N, num_threads=threads, schedule="static"):
        forward_row(x + n * C, labels[n], losses + n, log_total + n, C, zero)


cdef void backward(const element* grad, const element* x, const cnp.int64_t* labels,
        const real* log_total, element* out, Py_ssize_t N, Py_ssize_t C, vec zero) noexcept nogil:
    cdef int threads = num_threads() if N * C > PARALLEL else 1
    cdef Py_ssize_t n
    for n in prange(N, num_threads=threads, schedule="static"):
        backward_row(grad + n, x + n * C, labels[n], log_total + n, out + n * C, C, zero)


# The labels as contiguous 64-bit integers, or None unless they are N integers in [0, C).
cdef object usable_labels(object labels, Py_ssize_t N, Py_ssize_t C):
    cdef const cnp.int64_t* values
    cdef Py_ssize_t n
    if not PyArray_Check(labels) or PyArray_NDIM(labels) != 1 or PyArray_DIMS(labels)[0] != N:
        return None
    if not (PyArray_TYPE(labels) == cnp.NPY_INT64 and labels.dtype.isnative):
        if labels.dtype.kind not in "iu":
            return None
        labels = labels.astype(np.int64)
    labels = contiguous(labels)
    values = <const cnp.int64_t*>PyArray_DATA(labels)
    for n in range(N):
        if values[n] < 0 or values[n] >= C:
            return None
    return labels


def softmax_cross_entropy(x: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cross-entropy of softmax(x) against integer labels, row by row.

    Same contract as odyssey.reference.loss.softmax_cross_entropy. Scores are
    read from memory once, and no probabilities are stored.
    """
    cdef int kind = float_type(x)
    cdef cnp.npy_intp N, C
    usable = None
    if kind >= 0 and PyArray_NDIM(x) == 2:
        N = PyArray_DIMS(x)[0]
        C = PyArray_DIMS(x)[1]
        usable = usable_labels(labels, N, C)
    if usable is None:
        check_cross_entropy(x, labels)
        raise AssertionError("softmax_cross_entropy: the checks in C and in Python differ")
    x = contiguous(x)
    losses = empty(1, &N, kind)
    log_total = empty(1, &N, sum_type(kind))
    cdef void* px = PyArray_DATA(x)
    cdef void* po = PyArray_DATA(losses)
    cdef void* ps = PyArray_DATA(log_total)
    cdef const cnp.int64_t* pl = <const cnp.int64_t*>PyArray_DATA(usable)
    with nogil:
        if kind == NPY_FLOAT:
            forward(<const float*>px, pl, <float*>po, <float*>ps, N, C, vsplat_f32(0))
        elif kind == NPY_DOUBLE:
            forward(<const double*>px, pl, <double*>po, <double*>ps, N, C, vsplat_f64(0))
        else:
            forward(<const half*>px, pl, <half*>po, <float*>ps, N, C, vsplat_f32(0))
    return losses, log_total


def softmax_cross_entropy_backward(
    grad: np.ndarray, x: np.ndarray, labels: np.ndarray, log_total: np.ndarray
) -> np.ndarray:
    """Gradient of softmax_cross_entropy with respect to its scores.

    Same contract as odyssey.reference.loss.softmax_cross_entropy_backward.
    Scores are read once, gradients are written once.
    """
    cdef int kind = float_type(x)
    cdef cnp.npy_intp N, C
    usable = None
    if (kind >= 0 and PyArray_NDIM(x) == 2
            and float_type(grad) == kind and PyArray_NDIM(grad) == 1
            and float_type(log_total) == sum_type(kind) and PyArray_NDIM(log_total) == 1):
        N = PyArray_DIMS(x)[0]
        C = PyArray_DIMS(x)[1]
        if PyArray_DIMS(grad)[0] == N and PyArray_DIMS(log_total)[0] == N:
            usable = usable_labels(labels, N, C)
    if usable is None:
        check_cross_entropy_backward(grad, x, labels, log_total)
        raise AssertionError("softmax_cross_entropy_backward: the checks in C and in Python differ")
    grad = contiguous(grad)
    x = contiguous(x)
    log_total = contiguous(log_total)
    out = empty_like(x)
    cdef void* pg = PyArray_DATA(grad)
    cdef void* px = PyArray_DATA(x)
    cdef void* ps = PyArray_DATA(log_total)
    cdef void* po = PyArray_DATA(out)
    cdef const cnp.int64_t* pl = <const cnp.int64_t*>PyArray_DATA(usable)
    with nogil:
        if kind == NPY_FLOAT:
            backward(<const float*>pg, <const float*>px, pl, <const float*>ps, <float*>po, N, C,
                vsplat_f32(0))
        elif kind == NPY_DOUBLE:
            backward(<const double*>pg, <const double*>px, pl, <const double*>ps, <double*>po, N, C,
                vsplat_f64(0))
        else:
            backward(<const half*>pg, <const half*>px, pl, <const float*>ps, <half*>po, N, C,
                vsplat_f32(0))
    return out
