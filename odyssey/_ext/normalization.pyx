# Normalisation of rows: layer norm, and RMS norm, which is the same with the mean taken as 0.
#
# Plan. A row is read twice for its moments (_moments.pxd) and a third time for its output; it comes
# from memory once. Backward, it is read once for the sums of g*w and g*w*(x - mean), and again for
# its gradient. The gradients of weight and bias are sums over rows: a chunk of rows adds up its own
# in real numbers, and chunks are added in double, one after the other.
#
# Threads split the rows, or chunks of them. How many rows a chunk has depends on N alone.
#
# float16 is computed in float32, and the moments beside it are float32.

cimport numpy as cnp
from cython.parallel cimport prange
from libc.math cimport sqrt
from libc.stdlib cimport free
from libc.string cimport memset

from odyssey._ext._door cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, PyArray_DIMS, PyArray_TYPE, contiguous, sum_type,
)
from odyssey._ext._moments cimport Sums, add_run, moments, put_some, some
from odyssey._ext._pool cimport empty, empty_like
from odyssey._ext._simd cimport (
    MOST_LANES, element, half, lanes, load, real, rounded, scratch, splat, store, vec, vsplat_f32,
    vsplat_f64,
)
from odyssey._ext._threads cimport num_threads

import numpy as np

from odyssey.utils.kernel_checks_normalization import check_row_norm, check_row_norm_backward

cnp.import_array()

cdef enum:
    PARALLEL = 1 << 14              # numbers that are worth a second thread
    CHUNKS = 64                     # of rows, at most
    LEAST = 16                      # rows of a chunk


# The arrays of a call; those that it does without are NULL.
cdef struct Rows:
    Py_ssize_t N
    Py_ssize_t C
    bint centred                    # layer norm
    double eps
    void* grad
    void* x
    void* weight
    void* bias
    void* mean
    void* rstd
    void* out                       # or the gradient of x


# ---- forward -------------------------------------------------------------------------------------

cdef void forward_row(const Rows* rows, Py_ssize_t n, element like, real number,
        vec zero) noexcept nogil:
    cdef const element* x = <const element*>rows.x + n * rows.C
    cdef const element* weight = <const element*>rows.weight
    cdef const element* bias = <const element*>rows.bias
    cdef const element* nothing = NULL
    cdef element* out = <element*>rows.out + n * rows.C
    cdef Py_ssize_t i = 0
    cdef Sums sums
    cdef vec mean, rstd, y
    if rows.centred:
        sums = moments(x, rows.C, zero)
        (<real*>rows.mean)[n] = <real>sums.first
    else:
        sums = add_run(x, nothing, nothing, 0, rows.C, zero)
        sums.first = 0
    sums.second = 1 / sqrt(sums.second / rows.C + rows.eps)
    (<real*>rows.rstd)[n] = <real>sums.second
    mean = splat(sums.first, zero)
    rstd = splat(sums.second, zero)
    while i < rows.C:
        y = (some(x + i, rows.C - i, zero) - mean) * rstd
        if weight != NULL:
            y = y * some(weight + i, rows.C - i, zero)
        if bias != NULL:
            y = y + some(bias + i, rows.C - i, zero)
        put_some(out + i, rows.C - i, y)
        i += lanes(zero)


cdef void forward(const Rows* rows, element like, real number, vec zero) noexcept nogil:
    cdef int threads = num_threads() if rows.N * rows.C > PARALLEL else 1
    cdef Py_ssize_t n
    for n in prange(rows.N, num_threads=threads, schedule="static"):
        forward_row(rows, n, like, number, zero)


# ---- backward ------------------------------------------------------------------------------------

# The gradient of row n; what it adds to those of weight and bias goes to the sums, if there are.
cdef void backward_row(const Rows* rows, Py_ssize_t n, real* weight_sums, real* bias_sums,
        element like, vec zero) noexcept nogil:
    cdef const element* x = <const element*>rows.x + n * rows.C
    cdef const element* grad = <const element*>rows.grad + n * rows.C
    cdef const element* weight = <const element*>rows.weight
    cdef element* out = <element*>rows.out + n * rows.C
    cdef double r = (<const real*>rows.rstd)[n]
    cdef double m = (<const real*>rows.mean)[n] if rows.centred else 0
    cdef Sums sums = add_run(x, grad, weight, m, rows.C, zero)
    cdef vec mean = splat(m, zero)
    cdef vec rstd = splat(r, zero)
    cdef vec level = splat(sums.first / rows.C if rows.centred else 0, zero)
    cdef vec slope = splat(sums.second * r * r / rows.C, zero)
    cdef Py_ssize_t i = 0
    cdef vec g, d, u
    while i < rows.C:
        g = some(grad + i, rows.C - i, zero)
        d = some(x + i, rows.C - i, mean) - mean
        if weight_sums != NULL:
            store(weight_sums + i, load(<const real*>weight_sums + i, zero) + g * (d * rstd))
            store(bias_sums + i, load(<const real*>bias_sums + i, zero) + g)
        if rows.out != NULL:
            u = g if weight == NULL else g * some(weight + i, rows.C - i, zero)
            put_some(out + i, rows.C - i, (u - level - d * slope) * rstd)
        i += lanes(zero)


cdef void backward_chunk(const Rows* rows, Py_ssize_t begin, Py_ssize_t stop, real* sums,
        Py_ssize_t width, element like, vec zero) noexcept nogil:
    cdef Py_ssize_t n
    cdef real* bias_sums = NULL
    if sums != NULL:
        memset(sums, 0, 2 * width * sizeof(real))
        bias_sums = sums + width
    for n in range(begin, stop):
        backward_row(rows, n, sums, bias_sums, like, zero)


cdef int backward(const Rows* rows, element* grad_weight, element* grad_bias, real number,
        vec zero) noexcept nogil:
    cdef int threads = num_threads() if rows.N * rows.C > PARALLEL else 1
    cdef Py_ssize_t height = max((rows.N + CHUNKS - 1) // CHUNKS, <Py_ssize_t>LEAST)
    cdef Py_ssize_t chunks = (rows.N + height - 1) // height
    cdef Py_ssize_t width = rows.C + MOST_LANES
    cdef Py_ssize_t step = 0
    cdef Py_ssize_t k, i
    cdef double weight_total, bias_total
    cdef real* sums = NULL
    if grad_weight != NULL or grad_bias != NULL:
        step = 2 * width
        sums = <real*>scratch((chunks * step + 1) * sizeof(real))
        if sums == NULL:
            return -1
    for k in prange(chunks, num_threads=threads, schedule="static"):
        backward_chunk(rows, k * height, min((k + 1) * height, rows.N), sums + k * step, width,
            <element>0, zero)
    if sums == NULL:
        return 0
    for i in range(rows.C):
        weight_total = bias_total = 0
        for k in range(chunks):
            weight_total += sums[k * step + i]
            bias_total += sums[k * step + width + i]
        if grad_weight != NULL:
            grad_weight[i] = rounded(<real>weight_total, grad_weight[i])
        if grad_bias != NULL:
            grad_bias[i] = rounded(<real>bias_total, grad_bias[i])
    free(sums)
    return 0


# ---- the doors -----------------------------------------------------------------------------------

cdef inline void* data(object x):
    return NULL if x is None else PyArray_DATA(x)


cdef inline object whole(object x):
    return None if x is None else contiguous(x)


cdef tuple forward_door(object x, object weight, object bias, double eps, bint centred):
    cdef Rows rows
    cdef int kind = PyArray_TYPE(x)
    x, weight, bias = contiguous(x), whole(weight), whole(bias)
    out = empty_like(x)
    mean = empty(1, PyArray_DIMS(x), sum_type(kind)) if centred else None
    rstd = empty(1, PyArray_DIMS(x), sum_type(kind))
    rows.N, rows.C = PyArray_DIMS(x)[0], PyArray_DIMS(x)[1]
    rows.centred, rows.eps = centred, eps
    rows.x, rows.weight, rows.bias = data(x), data(weight), data(bias)
    rows.out, rows.mean, rows.rstd = data(out), data(mean), data(rstd)
    with nogil:
        if kind == NPY_FLOAT:
            forward(&rows, <float>0, <float>0, vsplat_f32(0))
        elif kind == NPY_DOUBLE:
            forward(&rows, <double>0, <double>0, vsplat_f64(0))
        else:
            forward(&rows, <half>0, <float>0, vsplat_f32(0))
    return (out, mean, rstd) if centred else (out, rstd)


cdef tuple backward_door(object grad, object x, object weight, object mean, object rstd,
        tuple needs):
    cdef Rows rows
    cdef int kind = PyArray_TYPE(x)
    cdef int failed
    cdef bint centred = mean is not None
    grad, x, weight = contiguous(grad), contiguous(x), whole(weight)
    mean, rstd = whole(mean), contiguous(rstd)
    out = empty_like(x) if needs[0] else None
    grad_weight = empty(1, PyArray_DIMS(x) + 1, kind) if needs[1] else None
    grad_bias = empty(1, PyArray_DIMS(x) + 1, kind) if centred and needs[2] else None
    rows.N, rows.C = PyArray_DIMS(x)[0], PyArray_DIMS(x)[1]
    rows.centred = centred
    rows.grad, rows.x, rows.weight = data(grad), data(x), data(weight)
    rows.out, rows.mean, rows.rstd = data(out), data(mean), data(rstd)
    cdef void* w = data(grad_weight)
    cdef void* b = data(grad_bias)
    with nogil:
        if kind == NPY_FLOAT:
            failed = backward(&rows, <float*>w, <float*>b, <float>0, vsplat_f32(0))
        elif kind == NPY_DOUBLE:
            failed = backward(&rows, <double*>w, <double*>b, <double>0, vsplat_f64(0))
        else:
            failed = backward(&rows, <half*>w, <half*>b, <float>0, vsplat_f32(0))
    if failed:
        raise MemoryError("no memory for the sums over rows")
    return (out, grad_weight, grad_bias) if centred else (out, grad_weight)


def layer_norm(
    x: np.ndarray, weight: np.ndarray | None = None, bias: np.ndarray | None = None,
    eps: float = 1e-5,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give every row mean 0 and variance 1, then scale and shift its columns.

    Same contract as odyssey.reference.normalization.layer_norm. A row is read
    from memory once.
    """
    check_row_norm("layer_norm", x, weight=weight, bias=bias)
    return forward_door(x, weight, bias, eps, True)


def layer_norm_backward(
    grad: np.ndarray, x: np.ndarray, weight: np.ndarray | None, mean: np.ndarray,
    rstd: np.ndarray, needs: tuple[bool, bool, bool] = (True, True, True),
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """Gradients of layer_norm for x, weight and bias.

    Same contract as odyssey.reference.normalization.layer_norm_backward.
    """
    needs = check_row_norm_backward(
        "layer_norm_backward", needs, 3, grad, x, weight, mean=mean, rstd=rstd)
    return backward_door(grad, x, weight, mean, rstd, needs)


def rms_norm(
    x: np.ndarray, weight: np.ndarray | None = None, eps: float = 1e-5
) -> tuple[np.ndarray, np.ndarray]:
    """Divide every row by the root of its mean square, then scale its columns.

    Same contract as odyssey.reference.normalization.rms_norm. A row is read
    from memory once.
    """
    check_row_norm("rms_norm", x, weight=weight)
    return forward_door(x, weight, None, eps, False)


def rms_norm_backward(
    grad: np.ndarray, x: np.ndarray, weight: np.ndarray | None, rstd: np.ndarray,
    needs: tuple[bool, bool] = (True, True),
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Gradients of rms_norm for x and weight.

    Same contract as odyssey.reference.normalization.rms_norm_backward.
    """
    needs = check_row_norm_backward("rms_norm_backward", needs, 2, grad, x, weight, rstd=rstd)
    return backward_door(grad, x, weight, None, rstd, needs)
