# The error function and the smooth activations (gelu, swish, softplus, mish, elu), forward and
# backward.
#
# Plan. As for sigmoid: one pass over memory in the order in which it stands, in chunks that threads
# share. A forward is a function of x; a backward is grad times another one, the slope. Most are
# made of simd.h's exp, sigmoid and tanh, a register at a time, the exact gelu of floats of
# normal.h's share of the normal distribution; erf, and the exact gelu of doubles, take the C
# library's erf and erfc, a number at a time.
#
# A product of x and a factor that falls to 0 faster than x grows is 0 where the factor is, so that
# the results at an infinity are the limits and not 0 * inf.

cimport numpy as cnp
from cython.parallel cimport prange
from libc.math cimport M_2_SQRTPI, M_SQRT1_2, erf as c_erf, erfc, exp

from odyssey._ext._door cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, PyArray_SIZE, contiguous, float_type, same_layout,
    same_shape,
)
from odyssey._ext._pool cimport empty_like
from odyssey._ext._simd cimport (
    element, exponential, half, hyperbolic_tangent, keep, lanes, load, load_part, logistic,
    maximum, number, rounded, scaled, splat, store, store_part, vec, vf32, vsplat_f32, vsplat_f64,
)
from odyssey._ext._threads cimport num_threads

import numpy as np

cdef extern from "normal.h" nogil:
    vf32 gelu_or_slope_f32(vf32 x, int slope)

from odyssey.utils.kernel_checks import check_arrays, check_same_shape
from odyssey.utils.kernel_checks_transcendental import check_factor, check_number, check_truth

cnp.import_array()

cdef enum:
    CHUNK = 8192                    # numbers that one thread takes at a time
    PARALLEL = 1 << 13              # numbers that are worth a second thread

cdef enum Function:
    SWISH
    SOFTPLUS
    MISH
    ELU
    GELU_BY_TANH
    GELU                            # of doubles a number at a time
    ERF                             # a number at a time

cdef double CUBIC = 0.044715        # of gelu's approximation, and twice the root of 2 / pi:
cdef double INNER = 1.5957691216057308


# ---- a register at a time ------------------------------------------------------------------------

# x * factor, but 0 where the factor (which is not negative) is 0.
cdef inline vec product(vec x, vec factor) noexcept nogil:
    return keep(x * factor, factor)


# a where x > 0, or is NaN, else b; both are finite.
cdef inline vec if_positive(vec x, vec a, vec b) noexcept nogil:
    return keep(a, x) + (b - keep(b, x))


# min(x, 0); NaN stays NaN.
cdef inline vec not_above_zero(vec x) noexcept nogil:
    return -maximum(splat(0, x), -x)


# -|x|
cdef inline vec minus_absolute(vec x) noexcept nogil:
    return -maximum(x, -x)


# ln(1 + e) for 0 <= e <= 1, as 2 artanh(s) with s = e / (2 + e) <= 1/3. The first term of its
# series that is left out is below 2**-27 (float), 2**-57 (double) of the sum.
cdef inline vec log_of_one_plus(vec e) noexcept nogil:
    cdef vec s = e / (splat(2, e) + e)
    cdef vec square = s * s
    cdef vec total = splat(0, e)
    cdef int k
    if vec is vf32:
        for k in range(8):
            total = total * square + splat(1.0 / (15 - 2 * k), e)
    else:
        for k in range(18):
            total = total * square + splat(1.0 / (35 - 2 * k), e)
    return scaled(2, s) * total


# s + factor * s (1 - s), with s the sigmoid of z; 1 - s would cancel where z is large.
cdef inline vec logistic_and_slope(vec z, vec factor) noexcept nogil:
    cdef vec one = splat(1, z)
    cdef vec e = exponential(minus_absolute(z))
    cdef vec r = one / (one + e)
    return if_positive(z, r, e * r) + product(factor, e * r * r)


cdef inline vec forward(Function function, vec x, vec p) noexcept nogil:
    cdef vec one = splat(1, x)
    cdef vec e
    cdef vec n
    if function == SWISH:
        return product(x, logistic(p * x))
    elif function == SOFTPLUS:
        x = p * x
        e = exponential(minus_absolute(x))
        return (maximum(splat(0, x), x) + log_of_one_plus(e)) / p
    elif function == MISH:
        e = exponential(minus_absolute(x))
        n = if_positive(x, one + scaled(2, e), e * (e + splat(2, e)))
        return product(x, n / (n + scaled(2, if_positive(x, e * e, one))))
    elif function == ELU:           # exp(x) - 1 = 2 t / (1 - t) with t = tanh(x / 2) <= 0
        e = hyperbolic_tangent(scaled(0.5, not_above_zero(x)))
        return keep(x, x) + p * (scaled(2, e) / (one - e))
    elif function == GELU:
        return gelu_or_slope_f32(x, 0) if vec is vf32 else x
    else:
        return product(x, logistic(scaled(INNER, x) * (one + scaled(CUBIC, x * x))))


cdef inline vec slope(Function function, vec x, vec p) noexcept nogil:
    cdef vec one = splat(1, x)
    cdef vec e
    cdef vec n
    cdef vec d
    if function == SWISH:
        return logistic_and_slope(p * x, p * x)
    elif function == SOFTPLUS:
        return logistic(p * x)
    elif function == MISH:
        e = exponential(minus_absolute(x))
        n = if_positive(x, one + scaled(2, e), e * (e + splat(2, e)))
        d = n + scaled(2, if_positive(x, e * e, one))
        e = scaled(4, e) * (one + e) / (d * d) * if_positive(x, e, one)
        return n / d + product(x, e)
    elif function == ELU:
        return if_positive(x, one, p * exponential(not_above_zero(x)))
    elif function == GELU_BY_TANH:
        d = x * x
        x = scaled(INNER, x)
        return logistic_and_slope(
            x * (one + scaled(CUBIC, d)), x * (one + scaled(3 * CUBIC, d)))
    elif function == GELU:
        return gelu_or_slope_f32(x, 1) if vec is vf32 else x
    else:
        return scaled(M_2_SQRTPI, exponential(-(x * x)))


# A part of a register at the end, in the same loop: the functions are long, once is enough.
cdef inline void run(Function function, bint backward, const element* grad, const element* x,
        element* out, Py_ssize_t n, vec p) noexcept nogil:
    cdef Py_ssize_t V = lanes(p)
    cdef Py_ssize_t i = 0
    cdef vec a
    while i < n:
        if i + V <= n:
            a = load(x + i, p)
        else:
            a = load_part(x + i, n - i, p)
        if backward:
            a = slope(function, a, p)
            if i + V <= n:
                a = load(grad + i, p) * a
            else:
                a = load_part(grad + i, n - i, p) * a
        else:
            a = forward(function, a, p)
        if i + V <= n:
            store(out + i, a)
        else:
            store_part(out + i, n - i, a)
        i += V


# ---- a number at a time --------------------------------------------------------------------------

cdef inline double forward_number(Function function, double x) noexcept nogil:
    cdef double share
    if function == ERF:
        return c_erf(x)
    share = 0.5 * erfc(-x * M_SQRT1_2)
    return x * share if share != 0 else 0


cdef inline double slope_number(double x) noexcept nogil:
    cdef double density = 0.5 * M_2_SQRTPI * M_SQRT1_2 * exp(-0.5 * x * x)
    return 0.5 * erfc(-x * M_SQRT1_2) + (x * density if density != 0 else 0)


cdef inline void run_numbers(Function function, bint backward, const element* grad,
        const element* x, element* out, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        if backward:
            out[i] = rounded(number(grad[i]) * slope_number(number(x[i])), out[0])
        else:
            out[i] = rounded(forward_number(function, number(x[i])), out[0])


# ---- one chunk, all chunks -----------------------------------------------------------------------

# The function is chosen outside of the loops over numbers.
cdef inline void choose(Function function, bint backward, const element* grad, const element* x,
        element* out, Py_ssize_t n, vec p) noexcept nogil:
    if function == SWISH:
        run(SWISH, backward, grad, x, out, n, p)
    elif function == SOFTPLUS:
        run(SOFTPLUS, backward, grad, x, out, n, p)
    elif function == MISH:
        run(MISH, backward, grad, x, out, n, p)
    elif function == ELU:
        run(ELU, backward, grad, x, out, n, p)
    elif function == GELU_BY_TANH:
        run(GELU_BY_TANH, backward, grad, x, out, n, p)
    elif function == ERF and backward:
        run(ERF, True, grad, x, out, n, p)
    elif function == ERF:
        run_numbers(ERF, False, grad, x, out, n)
    elif vec is vf32:
        run(GELU, backward, grad, x, out, n, p)
    else:
        run_numbers(GELU, backward, grad, x, out, n)


cdef void one_chunk(Function function, bint backward, const element* grad, const element* x,
        element* out, Py_ssize_t n, double setting, vec zero) noexcept nogil:
    if backward:
        choose(function, True, grad, x, out, n, splat(setting, zero))
    else:
        choose(function, False, grad, x, out, n, splat(setting, zero))


cdef void all_chunks(Function function, bint backward, const element* grad, const element* x,
        element* out, Py_ssize_t n, double setting, vec zero) noexcept nogil:
    cdef int threads = num_threads() if n > PARALLEL else 1
    cdef Py_ssize_t chunk
    cdef Py_ssize_t chunks = (n + CHUNK - 1) // CHUNK
    for chunk in prange(chunks, num_threads=threads, schedule="static"):
        one_chunk(
            function, backward, grad + chunk * CHUNK, x + chunk * CHUNK, out + chunk * CHUNK,
            min(CHUNK, n - chunk * CHUNK), setting, zero)


# ---- doors ---------------------------------------------------------------------------------------

# Both arrays have been checked; for a forward they are one.
cdef object door(Function function, bint backward, object grad, object x, double setting,
        int kind):
    cdef void* pg
    cdef void* px
    cdef void* po
    cdef Py_ssize_t n = PyArray_SIZE(x)
    out = empty_like(x)
    if not (same_layout(grad, out) and same_layout(x, out)):
        grad = contiguous(grad)
        x = contiguous(x)
        out = empty_like(x)
    pg = PyArray_DATA(grad)
    px = PyArray_DATA(x)
    po = PyArray_DATA(out)
    with nogil:
        if kind == NPY_FLOAT:
            all_chunks(function, backward, <const float*>pg, <const float*>px, <float*>po, n,
                       setting, vsplat_f32(0))
        elif kind == NPY_DOUBLE:
            all_chunks(function, backward, <const double*>pg, <const double*>px, <double*>po, n,
                       setting, vsplat_f64(0))
        else:
            all_chunks(function, backward, <const half*>pg, <const half*>px, <half*>po, n,
                       setting, vsplat_f32(0))
    return out


cdef object forward_door(Function function, str op, object x, double setting=0):
    cdef int kind = float_type(x)
    if kind < 0:
        check_arrays(op, x=x)
        raise AssertionError(op + ": the checks in C and in Python differ")
    return door(function, False, x, x, setting, kind)


cdef object backward_door(Function function, str op, object grad, object x, double setting=0):
    cdef int kind = float_type(grad)
    if kind < 0 or float_type(x) != kind or not same_shape(grad, x):
        check_arrays(op, grad=grad, x=x)
        check_same_shape(op, grad=grad, x=x)
        raise AssertionError(op + ": the checks in C and in Python differ")
    return door(function, True, grad, x, setting, kind)


def erf(x: np.ndarray) -> np.ndarray:
    """Error function of each element.

    Same contract as odyssey.reference.transcendental.erf. One pass over memory.
    """
    return forward_door(ERF, "erf", x)


def erf_backward(grad: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Gradient of erf.

    Same contract as odyssey.reference.transcendental.erf_backward. One pass.
    """
    return backward_door(ERF, "erf_backward", grad, x)


def gelu(x: np.ndarray, approximate: bool = False) -> np.ndarray:
    """Gaussian error linear unit of each element.

    Same contract as odyssey.reference.transcendental.gelu. One pass over memory.
    """
    nearly = check_truth("gelu", "approximate", approximate)
    return forward_door(GELU_BY_TANH if nearly else GELU, "gelu", x)


def gelu_backward(
    grad: np.ndarray, x: np.ndarray, approximate: bool = False
) -> np.ndarray:
    """Gradient of gelu.

    Same contract as odyssey.reference.transcendental.gelu_backward. One pass.
    """
    nearly = check_truth("gelu_backward", "approximate", approximate)
    return backward_door(GELU_BY_TANH if nearly else GELU, "gelu_backward", grad, x)


def swish(x: np.ndarray, beta: float = 1.0) -> np.ndarray:
    """Swish of each element, x times the sigmoid of beta x.

    Same contract as odyssey.reference.transcendental.swish. One pass over memory.
    """
    return forward_door(SWISH, "swish", x, check_number("swish", "beta", beta))


def swish_backward(grad: np.ndarray, x: np.ndarray, beta: float = 1.0) -> np.ndarray:
    """Gradient of swish.

    Same contract as odyssey.reference.transcendental.swish_backward. One pass.
    """
    setting = check_number("swish_backward", "beta", beta)
    return backward_door(SWISH, "swish_backward", grad, x, setting)


def softplus(x: np.ndarray, beta: float = 1.0) -> np.ndarray:
    """Smooth rectifier of each element.

    Same contract as odyssey.reference.transcendental.softplus. One pass over memory.
    """
    return forward_door(SOFTPLUS, "softplus", x, check_factor("softplus", "beta", beta))


def softplus_backward(grad: np.ndarray, x: np.ndarray, beta: float = 1.0) -> np.ndarray:
    """Gradient of softplus.

    Same contract as odyssey.reference.transcendental.softplus_backward. One pass.
    """
    setting = check_factor("softplus_backward", "beta", beta)
    return backward_door(SOFTPLUS, "softplus_backward", grad, x, setting)


def mish(x: np.ndarray) -> np.ndarray:
    """Mish of each element, x times the tanh of its softplus.

    Same contract as odyssey.reference.transcendental.mish. One pass over memory.
    """
    return forward_door(MISH, "mish", x)


def mish_backward(grad: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Gradient of mish.

    Same contract as odyssey.reference.transcendental.mish_backward. One pass.
    """
    return backward_door(MISH, "mish_backward", grad, x)


def elu(x: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    """Exponential linear unit of each element.

    Same contract as odyssey.reference.transcendental.elu. One pass over memory.
    """
    return forward_door(ELU, "elu", x, check_number("elu", "alpha", alpha))


def elu_backward(grad: np.ndarray, x: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    """Gradient of elu.

    Same contract as odyssey.reference.transcendental.elu_backward. One pass.
    """
    setting = check_number("elu_backward", "alpha", alpha)
    return backward_door(ELU, "elu_backward", grad, x, setting)
