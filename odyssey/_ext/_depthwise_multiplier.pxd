# Before and after the walks of depthwise.pyx: every channel of an image M times, and the sum over
# these copies, which also brings sums back to the dtype of the images.

cimport numpy as cnp
from cython.parallel cimport prange

from odyssey._ext._door cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, PyArray_DIMS, PyArray_SIZE, PyArray_TYPE,
)
from odyssey._ext._layout cimport empty_channels_last
from odyssey._ext._simd cimport (
    element, float_to_half, half, lanes, load, real, store, vec, vsplat_f32, vsplat_f64,
)
from odyssey._ext._threads cimport num_threads

cdef enum:
    RUN = 1 << 13                   # numbers that a thread takes at a time
    PARALLEL = 1 << 17              # numbers that are worth a second thread


cdef inline void put(element* out, real x) noexcept nogil:
    if element is half:
        out[0] = float_to_half(<float>x)
    else:
        out[0] = <element>x


# out[i * M + m] = x[i]. Where M is a literal, the compiler makes vectors of this.
cdef inline void repeat_run(
        const real* x, real* out, Py_ssize_t count, Py_ssize_t M) noexcept nogil:
    cdef Py_ssize_t i, m
    for i in range(count):
        for m in range(M):
            out[i * M + m] = x[i]


# out[i] = the sum of x[i * M + m] over m
cdef inline void fold_run(
        const real* x, element* out, Py_ssize_t count, Py_ssize_t M) noexcept nogil:
    cdef Py_ssize_t i, m
    cdef real total
    for i in range(count):
        total = x[i * M]
        for m in range(1, M):
            total = total + x[i * M + m]
        put(out + i, total)


cdef inline void any_repeat(
        const real* x, real* out, Py_ssize_t count, Py_ssize_t M) noexcept nogil:
    if M == 2:
        repeat_run(x, out, count, 2)
    elif M == 3:
        repeat_run(x, out, count, 3)
    elif M == 4:
        repeat_run(x, out, count, 4)
    else:
        repeat_run(x, out, count, M)


cdef inline void any_fold(
        const real* x, element* out, Py_ssize_t count, Py_ssize_t M, vec zero) noexcept nogil:
    cdef Py_ssize_t i = 0
    if M == 1:
        while i + lanes(zero) <= count:
            store(out + i, load(x + i, zero))
            i += lanes(zero)
        fold_run(x + i, out + i, count - i, 1)
    elif M == 2:
        fold_run(x, out, count, 2)
    elif M == 3:
        fold_run(x, out, count, 3)
    elif M == 4:
        fold_run(x, out, count, 4)
    else:
        fold_run(x, out, count, M)


cdef inline void repeat_all(
        const real* x, real* out, Py_ssize_t count, Py_ssize_t M) noexcept nogil:
    cdef int threads = num_threads() if count * M > PARALLEL else 1
    cdef Py_ssize_t i
    for i in prange((count + RUN - 1) // RUN, num_threads=threads, schedule="static",
            use_threads_if=threads > 1):
        any_repeat(x + i * RUN, out + i * RUN * M, min(RUN, count - i * RUN), M)


cdef inline void fold_all(
        const real* x, element* out, Py_ssize_t count, Py_ssize_t M, vec zero) noexcept nogil:
    cdef int threads = num_threads() if count * M > PARALLEL else 1
    cdef Py_ssize_t i
    for i in prange((count + RUN - 1) // RUN, num_threads=threads, schedule="static",
            use_threads_if=threads > 1):
        any_fold(x + i * RUN * M, out + i * RUN, min(RUN, count - i * RUN), M, zero)


# Every channel of a channels-last batch of float32 or float64 M times, side by side.
cdef inline object repeated(object x, Py_ssize_t M):
    cdef cnp.npy_intp* shape = PyArray_DIMS(x)
    cdef Py_ssize_t count = PyArray_SIZE(x)
    cdef int number = PyArray_TYPE(x)
    cdef void* p = PyArray_DATA(x)
    cdef void* q
    if M == 1:
        return x
    out = empty_channels_last(shape[0], shape[1] * M, shape[2], shape[3], number)
    q = PyArray_DATA(out)
    with nogil:
        if number == NPY_FLOAT:
            repeat_all(<const float*>p, <float*>q, count, M)
        else:
            repeat_all(<const double*>p, <double*>q, count, M)
    return out


# The sum over the M copies of every channel, as numbers of type `number`.
cdef inline object folded(object x, Py_ssize_t M, int number):
    cdef cnp.npy_intp* shape = PyArray_DIMS(x)
    cdef Py_ssize_t count = PyArray_SIZE(x) // M
    cdef void* p = PyArray_DATA(x)
    cdef void* q
    if M == 1 and PyArray_TYPE(x) == number:
        return x
    out = empty_channels_last(shape[0], shape[1] // M, shape[2], shape[3], number)
    q = PyArray_DATA(out)
    with nogil:
        if number == NPY_FLOAT:
            fold_all(<const float*>p, <float*>q, count, M, vsplat_f32(0))
        elif number == NPY_DOUBLE:
            fold_all(<const double*>p, <double*>q, count, M, vsplat_f64(0))
        else:
            fold_all(<const float*>p, <half*>q, count, M, vsplat_f32(0))
    return out
