# The gradient of a convolution's biases: the sum of the output's gradient over all pixels.

cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdlib cimport free

from odyssey._ext._door cimport NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, PyArray_DIMS, PyArray_TYPE
from odyssey._ext._pool cimport empty
from odyssey._ext._simd cimport (
    element, half, lanes, load, load_part, real, rounded, scratch, store, vec, vsplat_f32,
    vsplat_f64,
)
from odyssey._ext._threads cimport num_threads

cdef extern from "inline.h":
    pass

cdef enum:
    AT_ONCE = 4                     # registers of channels whose sums are made together
    IMAGES = 1 << 17                # numbers that are worth a second thread: added up


# sums = the sum over an image's pixels, AT_ONCE registers of channels at a time.
cdef inline void add_pixels(const element* grad, Py_ssize_t pixels, Py_ssize_t K, real* sums,
        vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef vec[AT_ONCE] total
    cdef Py_ssize_t _t, k = 0
    cdef const element* g
    cdef int j
    while k + AT_ONCE * V <= K:
        for j in range(AT_ONCE):
            total[j] = zero
        g = grad + k
        for _t in range(pixels):
            for j in range(AT_ONCE):
                total[j] = total[j] + load(g + j * V, zero)
            g += K
        for j in range(AT_ONCE):
            store(sums + k + j * V, total[j])
        k += AT_ONCE * V
    while k < K:
        total[0] = zero
        g = grad + k
        for _t in range(pixels):
            total[0] = total[0] + (load(g, zero) if K - k >= V else load_part(g, K - k, zero))
            g += K
        store(sums + k, total[0])
        k += V


cdef inline int add_images(Py_ssize_t N, Py_ssize_t pixels, Py_ssize_t K, const element* grad,
        element* bias, real number, vec zero) noexcept nogil:
    cdef Py_ssize_t row = (K + lanes(zero) - 1) // lanes(zero) * lanes(zero)
    cdef int threads = num_threads() if N * pixels * K > IMAGES else 1
    cdef Py_ssize_t n, k
    cdef real total
    cdef real* sums = <real*>scratch(N * row * sizeof(real))
    if sums == NULL:
        return -1
    for n in prange(N, num_threads=threads, schedule="static", use_threads_if=threads > 1):
        add_pixels(grad + n * pixels * K, pixels, K, sums + n * row, zero)
    for k in range(K):
        total = 0
        for n in range(N):
            total = total + sums[n * row + k]
        bias[k] = rounded(total, bias[0])
    free(sums)
    return 0


# The sum over all pixels of all images of a channels-last batch: each image by itself, then these
# one after the other.
cdef inline object bias_gradient(object grad):
    cdef cnp.npy_intp* shape = PyArray_DIMS(grad)
    cdef Py_ssize_t pixels = shape[2] * shape[3]
    cdef void* g = PyArray_DATA(grad)
    cdef void* out
    cdef int number = PyArray_TYPE(grad)
    cdef int failed
    bias = empty(1, shape + 1, number)
    out = PyArray_DATA(bias)
    with nogil:
        if number == NPY_FLOAT:
            failed = add_images(shape[0], pixels, shape[1], <const float*>g, <float*>out,
                <float>0, vsplat_f32(0))
        elif number == NPY_DOUBLE:
            failed = add_images(shape[0], pixels, shape[1], <const double*>g, <double*>out,
                <double>0, vsplat_f64(0))
        else:
            failed = add_images(shape[0], pixels, shape[1], <const half*>g, <half*>out,
                <float>0, vsplat_f32(0))
    if failed:
        raise MemoryError("no memory for the sums of the biases")
    return bias
