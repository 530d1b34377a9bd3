# Sigmoid and tanh, forward and backward.
#
# Plan. One pass over memory in the order in which it stands: an array in any dense layout gets an
# output of the same layout and is one long run of numbers, which threads split into chunks. The
# exponentials are those of simd.h: a register of them at a time, errors below 3 ulp.

cimport numpy as cnp
from cython.parallel cimport prange

from odyssey._ext._door cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, PyArray_SIZE, contiguous, float_type, same_layout,
    same_shape,
)
from odyssey._ext._pool cimport empty_like
from odyssey._ext._simd cimport (
    element, half, hyperbolic_tangent, lanes, load, load_part, logistic, splat, store, store_part,
    vec, vsplat_f32, vsplat_f64,
)
from odyssey._ext._threads cimport num_threads

import numpy as np

from odyssey.utils.kernel_checks import check_arrays, check_same_shape

cnp.import_array()

cdef enum:
    CHUNK = 8192                    # numbers that one thread takes at a time
    PARALLEL = 1 << 14              # numbers that are worth a second thread

cdef enum Function:
    SIGMOID
    TANH
    SIGMOID_BACKWARD
    TANH_BACKWARD


# One register: of x (a forward), or of grad and out (a backward).
cdef inline vec one_register(Function function, vec a, vec b, vec one) noexcept nogil:
    if function == SIGMOID:
        return logistic(a)
    elif function == TANH:
        return hyperbolic_tangent(a)
    elif function == SIGMOID_BACKWARD:
        return a * (b * (one - b))
    else:
        return a * ((one - b) * (one + b))


cdef inline void run(Function function, const element* a, const element* b, element* out,
        Py_ssize_t n, vec zero) noexcept nogil:
    cdef vec one = splat(1, zero)
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t V = lanes(zero)
    while i + V <= n:
        store(out + i, one_register(function, load(a + i, zero), load(b + i, zero), one))
        i += V
    if i < n:
        n -= i
        store_part(out + i, n, one_register(
            function, load_part(a + i, n, zero), load_part(b + i, n, zero), one))


# The function is chosen outside of the loops over numbers.
cdef void one_chunk(Function function, const element* a, const element* b, element* out,
        Py_ssize_t n, vec zero) noexcept nogil:
    if function == SIGMOID:
        run(SIGMOID, a, a, out, n, zero)
    elif function == TANH:
        run(TANH, a, a, out, n, zero)
    elif function == SIGMOID_BACKWARD:
        run(SIGMOID_BACKWARD, a, b, out, n, zero)
    else:
        run(TANH_BACKWARD, a, b, out, n, zero)


cdef void all_chunks(Function function, const element* a, const element* b, element* out,
        Py_ssize_t n, vec zero) noexcept nogil:
    cdef int threads = num_threads() if n > PARALLEL else 1
    cdef Py_ssize_t chunk
    cdef Py_ssize_t chunks = (n + CHUNK - 1) // CHUNK
    for chunk in prange(chunks, num_threads=threads, schedule="static"):
        one_chunk(
            function, a + chunk * CHUNK, b + chunk * CHUNK, out + chunk * CHUNK,
            min(CHUNK, n - chunk * CHUNK), zero)


# Both arrays have been checked.
cdef object door(Function function, object a, object b, int number):
    cdef void* pa
    cdef void* pb
    cdef void* po
    cdef Py_ssize_t n = PyArray_SIZE(a)
    out = empty_like(a)
    if not (same_layout(a, out) and same_layout(b, out)):
        a = contiguous(a)
        b = contiguous(b)
        out = empty_like(a)
    pa = PyArray_DATA(a)
    pb = PyArray_DATA(b)
    po = PyArray_DATA(out)
    with nogil:
        if number == NPY_FLOAT:
            all_chunks(function, <const float*>pa, <const float*>pb, <float*>po, n, vsplat_f32(0))
        elif number == NPY_DOUBLE:
            all_chunks(
                function, <const double*>pa, <const double*>pb, <double*>po, n, vsplat_f64(0))
        else:
            all_chunks(function, <const half*>pa, <const half*>pb, <half*>po, n, vsplat_f32(0))
    return out


cdef object forward_door(Function function, str op, object x):
    cdef int number = float_type(x)
    if number < 0:
        check_arrays(op, x=x)
        raise AssertionError(op + ": the checks in C and in Python differ")
    return door(function, x, x, number)


cdef object backward_door(Function function, str op, object grad, object out):
    cdef int number = float_type(grad)
    if number < 0 or float_type(out) != number or not same_shape(grad, out):
        check_arrays(op, grad=grad, out=out)
        check_same_shape(op, grad=grad, out=out)
        raise AssertionError(op + ": the checks in C and in Python differ")
    return door(function, grad, out, number)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Squash each element into (0, 1).

    Same contract as odyssey.reference.sigmoidal.sigmoid. One pass over memory;
    the output has the memory layout of x when that is dense.
    """
    return forward_door(SIGMOID, "sigmoid", x)


def sigmoid_backward(grad: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Gradient of sigmoid with respect to its input.

    Same contract as odyssey.reference.sigmoidal.sigmoid_backward. One pass
    over memory.
    """
    return backward_door(SIGMOID_BACKWARD, "sigmoid_backward", grad, out)


def tanh(x: np.ndarray) -> np.ndarray:
    """Squash each element into (-1, 1).

    Same contract as odyssey.reference.sigmoidal.tanh. One pass over memory;
    the output has the memory layout of x when that is dense.
    """
    return forward_door(TANH, "tanh", x)


def tanh_backward(grad: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Gradient of tanh with respect to its input.

    Same contract as odyssey.reference.sigmoidal.tanh_backward. One pass over
    memory.
    """
    return backward_door(TANH_BACKWARD, "tanh_backward", grad, out)
