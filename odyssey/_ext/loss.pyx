# Softmax followed by cross-entropy, forward and backward.
#
# Plan. Neither direction stores the probabilities of the other. Forward reads a row of scores from
# memory once (largest element, then the sum of exponentials while the row is in cache) and keeps
# one number of it, log(sum(exp(x))). Backward makes a probability from a score and that number,
# exp(x - logsumexp), and writes its gradient: one read, one write. Threads split the rows; the sum
# over a row is taken in an order that depends on its length alone.

cimport numpy as cnp
from cython.parallel cimport prange
from libc.math cimport INFINITY, log

from odyssey._ext._door cimport (
    NPY_DOUBLE, NPY_FLOAT, NPY_KEEPORDER, PyArray_Check, PyArray_DATA, PyArray_DIMS, PyArray_EMPTY,
    PyArray_NDIM, PyArray_NewLikeArray, PyArray_TYPE, contiguous, float_type, sum_type,
)
from odyssey._ext._simd cimport (
    element, exponential, float_to_half, half, lane_max, lane_sum, lanes, load, load_part, maximum,
    number, real, splat, store, store_part, vec, vsplat_f32, vsplat_f64,
)
from odyssey._ext._threads cimport num_threads

import numpy as np

from odyssey.utils.kernel_checks import check_cross_entropy, check_cross_entropy_backward

cnp.import_array()

cdef enum:
    PARALLEL = 1 << 14              # scores that are worth a second thread


cdef inline element rounded(double x, element like) noexcept nogil:
    if element is half:
        return float_to_half(<float>x)
    else:
        return <element>x


cdef void forward_row(const element* x, Py_ssize_t label, element* loss, real* logsumexp,
        Py_ssize_t C, vec zero) noexcept nogil:
    cdef vec least = splat(-INFINITY, zero)
    cdef vec best = least
    cdef vec total = zero
    cdef vec shift
    cdef double largest, log_total
    cdef Py_ssize_t c = 0
    cdef Py_ssize_t V = lanes(zero)
    while c + V <= C:
        best = maximum(load(x + c, zero), best)
        c += V
    if c < C:
        best = maximum(load_part(x + c, C - c, least), best)
    largest = lane_max(best)
    shift = splat(largest, zero)
    c = 0
    while c + V <= C:
        total = total + exponential(load(x + c, zero) - shift)
        c += V
    if c < C:
        total = total + exponential(load_part(x + c, C - c, least) - shift)
    log_total = log(lane_sum(total))
    loss[0] = rounded(log_total + (largest - number(x[label])), loss[0])
    logsumexp[0] = <real>(largest + log_total)


cdef void backward_row(const element* grad, const element* x, Py_ssize_t label,
        const real* logsumexp, element* out, Py_ssize_t C, vec zero) noexcept nogil:
    cdef vec scale = splat(number(grad[0]), zero)
    cdef vec shift = splat(logsumexp[0], zero)
    cdef Py_ssize_t c = 0
    cdef Py_ssize_t V = lanes(zero)
    cdef vec p
    while c + V <= C:
        store(out + c, exponential(load(x + c, zero) - shift) * scale)
        c += V
    if c < C:
        store_part(out + c, C - c, exponential(load_part(x + c, C - c, zero) - shift) * scale)
    # The label's class again, from the start: in float16 the stored probability has been rounded
    # already.
    p = exponential(load_part(x + label, 1, zero) - shift)
    store_part(out + label, 1, (p - splat(1, zero)) * scale)


cdef void forward(const element* x, const cnp.int64_t* labels, element* losses, real* logsumexp,
        Py_ssize_t N, Py_ssize_t C, vec zero) noexcept nogil:
    cdef int threads = num_threads() if N * C > PARALLEL else 1
    cdef Py_ssize_t n
    if threads == 1:                # a parallel region of one thread costs 0.6 us
        for n in range(N):
            forward_row(x + n * C, labels[n], losses + n, logsumexp + n, C, zero)
    else:
        for n in prange(N, num_threads=threads, schedule="static"):
            forward_row(x + n * C, labels[n], losses + n, logsumexp + n, C, zero)


cdef void backward(const element* grad, const element* x, const cnp.int64_t* labels,
        const real* logsumexp, element* out, Py_ssize_t N, Py_ssize_t C, vec zero) noexcept nogil:
    cdef int threads = num_threads() if N * C > PARALLEL else 1
    cdef Py_ssize_t n
    if threads == 1:                # a parallel region of one thread costs 0.6 us
        for n in range(N):
            backward_row(grad + n, x + n * C, labels[n], logsumexp + n, out + n * C, C, zero)
    else:
        for n in prange(N, num_threads=threads, schedule="static"):
            backward_row(grad + n, x + n * C, labels[n], logsumexp + n, out + n * C, C, zero)


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
    losses = PyArray_EMPTY(1, &N, kind, 0)
    logsumexp = PyArray_EMPTY(1, &N, sum_type(kind), 0)
    cdef void* px = PyArray_DATA(x)
    cdef void* po = PyArray_DATA(losses)
    cdef void* ps = PyArray_DATA(logsumexp)
    cdef const cnp.int64_t* pl = <const cnp.int64_t*>PyArray_DATA(usable)
    with nogil:
        if kind == NPY_FLOAT:
            forward(<const float*>px, pl, <float*>po, <float*>ps, N, C, vsplat_f32(0))
        elif kind == NPY_DOUBLE:
            forward(<const double*>px, pl, <double*>po, <double*>ps, N, C, vsplat_f64(0))
        else:
            forward(<const half*>px, pl, <half*>po, <float*>ps, N, C, vsplat_f32(0))
    return losses, logsumexp


def softmax_cross_entropy_backward(
    grad: np.ndarray, x: np.ndarray, labels: np.ndarray, logsumexp: np.ndarray
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
            and float_type(logsumexp) == sum_type(kind) and PyArray_NDIM(logsumexp) == 1):
        N = PyArray_DIMS(x)[0]
        C = PyArray_DIMS(x)[1]
        if PyArray_DIMS(grad)[0] == N and PyArray_DIMS(logsumexp)[0] == N:
            usable = usable_labels(labels, N, C)
    if usable is None:
        check_cross_entropy_backward(grad, x, labels, logsumexp)
        raise AssertionError("softmax_cross_entropy_backward: the checks in C and in Python differ")
    grad = contiguous(grad)
    x = contiguous(x)
    logsumexp = contiguous(logsumexp)
    out = PyArray_NewLikeArray(x, NPY_KEEPORDER, NULL, 0)
    cdef void* pg = PyArray_DATA(grad)
    cdef void* px = PyArray_DATA(x)
    cdef void* ps = PyArray_DATA(logsumexp)
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
