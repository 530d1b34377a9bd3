# ReLU, softmax and log-softmax, forward and backward.
#
# Plan. relu reads memory once, in the order in which it stands: an array in any dense layout
# (channels-last, transposed) gets an output of the same layout and is one long run of numbers.
# Threads split the run into chunks of CHUNK numbers.
#
# softmax works on rows: the axis is moved last and made contiguous (a copy only if it is not). A
# row is read from memory once and then found in L1 or L2 by the further passes over it:
#     largest element;  exp(x - largest), stored and summed;  division by the sum.
# float16 has no room for the unscaled exponentials: its last pass computes them again. Threads
# split the rows; the sum of a row is taken by lanes and then across them, in an order that depends
# on its length alone.

cimport numpy as cnp
from cython.parallel cimport prange
from libc.math cimport INFINITY, log

from odyssey._ext._door cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, PyArray_DIMS, PyArray_NDIM, PyArray_SIZE, contiguous,
    float_type, same_layout, same_shape,
)
from odyssey._ext._pool cimport empty_like
from odyssey._ext._rows cimport row_exp_sum, row_max
from odyssey._ext._simd cimport (
    element, exponential, half, keep, lane_sum, lanes, load, load_part, splat, store, store_part,
    vec, vsplat_f32, vsplat_f64,
)
from odyssey._ext._threads cimport num_threads

import numpy as np

from odyssey.utils.kernel_checks import check_arrays, check_axis, check_same_shape

cnp.import_array()

cdef enum:
    CHUNK = 8192                    # numbers that one thread takes at a time, elementwise
    PARALLEL_RUN = 1 << 17          # numbers that are worth a second thread: copied
    PARALLEL_ROWS = 1 << 14         # and with an exponential of each


# ---- elementwise ---------------------------------------------------------------------------------

cdef void relu_chunk(const element* value, const element* test, element* out, Py_ssize_t n,
        vec zero) noexcept nogil:
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t V = lanes(zero)
    while i + V <= n:
        store(out + i, keep(load(value + i, zero), load(test + i, zero)))
        i += V
    if i < n:
        n -= i
        store_part(out + i, n, keep(load_part(value + i, n, zero), load_part(test + i, n, zero)))


# out = value, but 0 where test <= 0.
cdef void relu_run(const element* value, const element* test, element* out, Py_ssize_t n,
        vec zero) noexcept nogil:
    cdef int threads = num_threads() if n > PARALLEL_RUN else 1
    cdef Py_ssize_t chunk
    for chunk in prange((n + CHUNK - 1) // CHUNK, num_threads=threads, schedule="static"):
        relu_chunk(
            value + chunk * CHUNK, test + chunk * CHUNK, out + chunk * CHUNK,
            min(CHUNK, n - chunk * CHUNK), zero)


# relu(value), masked by the signs of `test`; both have been checked.
cdef object relu_door(object value, object test, int number):
    cdef void* v
    cdef void* t
    cdef void* o
    cdef Py_ssize_t n = PyArray_SIZE(value)
    out = empty_like(value)
    if not (same_layout(value, out) and same_layout(test, out)):
        value = contiguous(value)
        test = contiguous(test)
        out = empty_like(value)
    v = PyArray_DATA(value)
    t = PyArray_DATA(test)
    o = PyArray_DATA(out)
    with nogil:
        if number == NPY_FLOAT:
            relu_run(<const float*>v, <const float*>t, <float*>o, n, vsplat_f32(0))
        elif number == NPY_DOUBLE:
            relu_run(<const double*>v, <const double*>t, <double*>o, n, vsplat_f64(0))
        else:
            relu_run(<const half*>v, <const half*>t, <half*>o, n, vsplat_f32(0))
    return out


def relu(x: np.ndarray) -> np.ndarray:
    """Set the negative elements of x to zero.

    Same contract as odyssey.reference.activation.relu. One pass over memory;
    the output has the memory layout of x when that is dense.
    """
    cdef int number = float_type(x)
    if number < 0:
        check_arrays("relu", x=x)
        raise AssertionError("relu: the checks in C and in Python differ")
    return relu_door(x, x, number)


def relu_backward(grad: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Pass the gradient where the output of relu is positive.

    Same contract as odyssey.reference.activation.relu_backward. One pass over
    memory.
    """
    cdef int number = float_type(grad)
    if number < 0 or float_type(out) != number or not same_shape(grad, out):
        check_arrays("relu_backward", grad=grad, out=out)
        check_same_shape("relu_backward", grad=grad, out=out)
        raise AssertionError("relu_backward: the checks in C and in Python differ")
    return relu_door(grad, out, number)


# ---- one row of softmax --------------------------------------------------------------------------

cdef void softmax_row(const element* x, element* out, Py_ssize_t C, vec zero) noexcept nogil:
    cdef vec shift = row_max(x, C, zero)
    cdef vec total = zero
    cdef vec e
    cdef Py_ssize_t c = 0
    cdef Py_ssize_t V = lanes(zero)
    if element is half:
        total = splat(row_exp_sum(x, C, shift, zero), zero)
        while c + V <= C:
            store(out + c, exponential(load(x + c, zero) - shift) / total)
            c += V
        if c < C:
            store_part(out + c, C - c, exponential(load_part(x + c, C - c, zero) - shift) / total)
    else:
        while c + V <= C:
            e = exponential(load(x + c, zero) - shift)
            store(out + c, e)
            total = total + e
            c += V
        if c < C:
            e = exponential(load_part(x + c, C - c, splat(-INFINITY, zero)) - shift)
            store_part(out + c, C - c, e)
            total = total + e
        total = splat(lane_sum(total), zero)
        c = 0
        while c + V <= C:
            store(out + c, load(<const element*>(out + c), zero) / total)
            c += V
        if c < C:
            store_part(out + c, C - c, load_part(<const element*>(out + c), C - c, zero) / total)


cdef void log_softmax_row(const element* x, element* out, Py_ssize_t C, vec zero) noexcept nogil:
    cdef vec shift = row_max(x, C, zero)
    cdef vec log_total = splat(log(row_exp_sum(x, C, shift, zero)), zero)
    cdef Py_ssize_t c = 0
    cdef Py_ssize_t V = lanes(zero)
    while c + V <= C:
        store(out + c, load(x + c, zero) - shift - log_total)
        c += V
    if c < C:
        store_part(out + c, C - c, load_part(x + c, C - c, zero) - shift - log_total)


cdef void softmax_backward_row(const element* grad, const element* y, element* out, Py_ssize_t C,
        vec zero) noexcept nogil:
    cdef vec total = zero
    cdef Py_ssize_t c = 0
    cdef Py_ssize_t V = lanes(zero)
    while c + V <= C:
        total = total + load(grad + c, zero) * load(y + c, zero)
        c += V
    if c < C:
        total = total + load_part(grad + c, C - c, zero) * load_part(y + c, C - c, zero)
    total = splat(lane_sum(total), zero)
    c = 0
    while c + V <= C:
        store(out + c, load(y + c, zero) * (load(grad + c, zero) - total))
        c += V
    if c < C:
        C -= c
        store_part(out + c, C, load_part(y + c, C, zero) * (load_part(grad + c, C, zero) - total))


cdef void log_softmax_backward_row(const element* grad, const element* y, element* out,
        Py_ssize_t C, vec zero) noexcept nogil:
    cdef vec total = zero
    cdef Py_ssize_t c = 0
    cdef Py_ssize_t V = lanes(zero)
    while c + V <= C:
        total = total + load(grad + c, zero)
        c += V
    if c < C:
        total = total + load_part(grad + c, C - c, zero)
    total = splat(lane_sum(total), zero)
    c = 0
    while c + V <= C:
        store(out + c, load(grad + c, zero) - exponential(load(y + c, zero)) * total)
        c += V
    if c < C:
        C -= c
        store_part(
            out + c, C,
            load_part(grad + c, C, zero) - exponential(load_part(y + c, C, zero)) * total)


# ---- all rows ------------------------------------------------------------------------------------

cdef enum Function:
    SOFTMAX
    LOG_SOFTMAX
    SOFTMAX_BACKWARD
    LOG_SOFTMAX_BACKWARD


cdef void one_row(Function function, const element* a, const element* b, element* out, Py_ssize_t C,
                  vec zero) noexcept nogil:
    if function == SOFTMAX:
        softmax_row(a, out, C, zero)
    elif function == LOG_SOFTMAX:
        log_softmax_row(a, out, C, zero)
    elif function == SOFTMAX_BACKWARD:
        softmax_backward_row(a, b, out, C, zero)
    else:
        log_softmax_backward_row(a, b, out, C, zero)


cdef void all_rows(Function function, const element* a, const element* b, element* out,
        Py_ssize_t N, Py_ssize_t C, vec zero) noexcept nogil:
    cdef int threads = num_threads() if N * C > PARALLEL_ROWS else 1
    cdef Py_ssize_t n
    for n in prange(N, num_threads=threads, schedule="static"):
        one_row(function, a + n * C, b + n * C, out + n * C, C, zero)


# a (and b, for a backward) have been checked; `axis` has not.
cdef object rows_door(Function function, str op, object a, object b, object axis, int number):
    cdef void* pa
    cdef void* pb
    cdef void* po
    cdef Py_ssize_t N, C
    cdef bint moved = axis != -1 or PyArray_NDIM(a) == 0
    if moved:
        axis = check_axis(op, a, axis)
        moved = axis != PyArray_NDIM(a) - 1
    if moved:
        a = np.moveaxis(a, axis, -1)
        b = np.moveaxis(b, axis, -1)
    a = contiguous(a)
    b = contiguous(b)
    out = empty_like(a)
    C = PyArray_DIMS(a)[PyArray_NDIM(a) - 1]
    N = PyArray_SIZE(a) // max(C, 1)
    pa = PyArray_DATA(a)
    pb = PyArray_DATA(b)
    po = PyArray_DATA(out)
    with nogil:
        if number == NPY_FLOAT:
            all_rows(function, <const float*>pa, <const float*>pb, <float*>po, N, C, vsplat_f32(0))
        elif number == NPY_DOUBLE:
            all_rows(function, <const double*>pa, <const double*>pb, <double*>po, N, C,
                vsplat_f64(0))
        else:
            all_rows(function, <const half*>pa, <const half*>pb, <half*>po, N, C, vsplat_f32(0))
    return np.moveaxis(out, -1, axis) if moved else out


cdef object forward_door(Function function, str op, object x, object axis):
    cdef int number = float_type(x)
    if number < 0:
        check_arrays(op, x=x)
        raise AssertionError(op + ": the checks in C and in Python differ")
    return rows_door(function, op, x, x, axis, number)


cdef object backward_door(Function function, str op, object grad, object out, object axis):
    cdef int number = float_type(grad)
    if number < 0 or float_type(out) != number or not same_shape(grad, out):
        check_arrays(op, grad=grad, out=out)
        check_same_shape(op, grad=grad, out=out)
        raise AssertionError(op + ": the checks in C and in Python differ")
    return rows_door(function, op, grad, out, axis, number)


def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """Turn scores into probabilities along an axis.

    Same contract as odyssey.reference.activation.softmax. Each row is read
    from memory once; the passes after the first find it in cache.
    """
    return forward_door(SOFTMAX, "softmax", x, axis)


def softmax_backward(grad: np.ndarray, out: np.ndarray, axis: int = -1) -> np.ndarray:
    """Gradient of softmax with respect to its scores.

    Same contract as odyssey.reference.activation.softmax_backward. Each row is
    read from memory once.
    """
    return backward_door(SOFTMAX_BACKWARD, "softmax_backward", grad, out, axis)


def log_softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """Turn scores into the logarithms of probabilities along an axis.

    Same contract as odyssey.reference.activation.log_softmax. Each row is read
    from memory once.
    """
    return forward_door(LOG_SOFTMAX, "log_softmax", x, axis)


def log_softmax_backward(grad: np.ndarray, out: np.ndarray, axis: int = -1) -> np.ndarray:
    """Gradient of log_softmax with respect to its scores.

    Same contract as odyssey.reference.activation.log_softmax_backward. Each
    row is read from memory once.
    """
    return backward_door(LOG_SOFTMAX_BACKWARD, "log_softmax_backward", grad, out, axis)
