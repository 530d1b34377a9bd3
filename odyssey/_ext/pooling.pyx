# Pooling: the maximum or the mean of each window of an image, and the gradients.
#
# Memory. All arrays are channels-last: the C channels of a pixel stand side by side, and a register
# holds the same pixel of 4 to 16 channels. Windows that overlap read a pixel several times, from
# cache. Every result is written once, in the order of memory.
#
# Maximum: the place of the largest tap is kept in a second register, as an integer in the bits of
# its lanes. Backward zeroes an image and adds each gradient at its place; a task is one image and
# BLOCK channels of it, so no two threads write to one number.
#
# Mean: all average pools are one pair of functions. An Axis says which pixels an output averages
# and, turned round, which outputs a pixel has gone into: backward gathers, for every pixel, the
# gradients of those outputs, and nothing is added up in memory.
#
# Threads split rows of outputs (forward), rows of pixels (backward of the mean) or images; each
# number is summed by one thread in an order that depends on the shapes alone.

cimport numpy as cnp
from cython.parallel cimport prange
from libc.math cimport INFINITY
from libc.stdint cimport int64_t
from libc.string cimport memset

from odyssey._ext._door cimport NPY_DOUBLE, NPY_FLOAT, NPY_HALF, PyArray_DATA, float_type, sum_type
from odyssey._ext._layout cimport channels_last, empty_channels_last
from odyssey._ext._simd cimport (
    element, half, lanes, larger, load, load_part, number, places, real, splat, store, store_part,
    store_places, store_places_part, vec, vsplat_f32, vsplat_f64,
)
from odyssey._ext._threads cimport num_threads

from typing import Any

import numpy as np

from odyssey.utils.kernel_checks_pooling import (
    check_adaptive, check_adaptive_backward, check_indices, check_max_pool_backward, check_pool,
    check_pool_backward,
)

cnp.import_array()

cdef enum:
    BLOCK = 64                      # channels of a task of max_pool2d_backward
    PARALLEL = 1 << 14              # numbers read that are worth a second thread


# How many threads a call is worth.
cdef int threads_for(Py_ssize_t numbers) noexcept nogil:
    return num_threads() if numbers > PARALLEL else 1


# The n channels at p as a register. Where fewer than a register are left, what follows them in the
# array comes along, up to its `end`: cheaper than to leave it out.
cdef inline vec channels(const element* p, Py_ssize_t n, const element* end,
        vec zero) noexcept nogil:
    if n >= lanes(zero) or p + lanes(zero) <= end:
        return load(p, zero)
    return load_part(p, n, zero)


cdef inline void put(element* p, Py_ssize_t n, vec v) noexcept nogil:
    if n >= lanes(v):
        store(p, v)
    else:
        store_part(p, n, v)


# ---- maximum -------------------------------------------------------------------------------------

cdef struct Pool:
    Py_ssize_t N, C, H, W, P, Q     # images, channels, pixels, outputs
    Py_ssize_t R, S                 # taps of the window
    Py_ssize_t step_h, step_w, pad_h, pad_w, gap_h, gap_w


# The first tap of a window, which begins at `start`, that lies in the image.
cdef inline Py_ssize_t first_tap(Py_ssize_t start, Py_ssize_t gap) noexcept nogil:
    return start if start >= 0 else start + (gap - 1 - start) // gap * gap


cdef inline void max_window(const element* image, const element* end, Py_ssize_t C, Py_ssize_t W,
        Py_ssize_t top, Py_ssize_t bottom, Py_ssize_t gap_h, Py_ssize_t left, Py_ssize_t right,
        Py_ssize_t gap_w, element* out, int64_t* indices, vec zero) noexcept nogil:
    cdef vec best, place
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t c = 0
    cdef Py_ssize_t h, w
    while c < C:
        best = splat(-INFINITY, zero)
        place = places(top * W + left, zero)
        h = top
        while h < bottom:
            w = left
            while w < right:
                larger(
                    channels(image + (h * W + w) * C + c, C - c, end, zero), h * W + w,
                    &best, &place)
                w += gap_w
            h += gap_h
        put(out + c, C - c, best)
        if C - c >= V:
            store_places(indices + c, place)
        else:
            store_places_part(indices + c, C - c, place)
        c += V


# One row of outputs.
cdef void max_row(const Pool* g, const element* x, element* out, int64_t* indices, Py_ssize_t row,
        vec zero) noexcept nogil:
    cdef const element* end = x + g.N * g.H * g.W * g.C
    cdef const element* image = x + row // g.P * g.H * g.W * g.C
    cdef Py_ssize_t start_h = row % g.P * g.step_h - g.pad_h
    cdef Py_ssize_t bottom = min(start_h + (g.R - 1) * g.gap_h + 1, g.H)
    cdef Py_ssize_t start_w, q
    for q in range(g.Q):
        start_w = q * g.step_w - g.pad_w
        max_window(
            image, end, g.C, g.W, first_tap(start_h, g.gap_h), bottom, g.gap_h,
            first_tap(start_w, g.gap_w), min(start_w + (g.S - 1) * g.gap_w + 1, g.W), g.gap_w,
            out + (row * g.Q + q) * g.C, indices + (row * g.Q + q) * g.C, zero)


cdef void max_rows(const Pool* g, const element* x, element* out, int64_t* indices,
        vec zero) noexcept nogil:
    cdef int threads = threads_for(g.N * g.P * g.Q * g.C * g.R * g.S)
    cdef Py_ssize_t row
    if threads == 1:                # a parallel region of one thread costs 0.6 us
        for row in range(g.N * g.P):
            max_row(g, x, out, indices, row, zero)
    else:
        for row in prange(g.N * g.P, num_threads=threads, schedule="static"):
            max_row(g, x, out, indices, row, zero)


def max_pool2d(
    x: np.ndarray, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Take the largest element of each window, and say which it is.

    Same contract as odyssey.reference.pooling.max_pool2d. Both results are
    channels-last; x is taken in that layout without a copy.
    """
    cdef Pool g
    cdef int dtype
    cdef void* px
    cdef void* po
    cdef int64_t* pi
    ((g.R, g.S), (g.step_h, g.step_w), (g.pad_h, g.pad_w), (g.gap_h, g.gap_w), (g.P, g.Q)) = (
        check_pool("max_pool2d", x, kernel_size, stride, padding, ceil_mode, dilation))
    dtype = float_type(x)
    g.N, g.C, g.H, g.W = x.shape
    x = channels_last(x)
    out = empty_channels_last(g.N, g.C, g.P, g.Q, dtype)
    indices = empty_channels_last(g.N, g.C, g.P, g.Q, cnp.NPY_INT64)
    px = PyArray_DATA(x)
    po = PyArray_DATA(out)
    pi = <int64_t*>PyArray_DATA(indices)
    with nogil:
        if dtype == NPY_FLOAT:
            max_rows(&g, <const float*>px, <float*>po, pi, vsplat_f32(0))
        elif dtype == NPY_DOUBLE:
            max_rows(&g, <const double*>px, <double*>po, pi, vsplat_f64(0))
        else:
            max_rows(&g, <const half*>px, <half*>po, pi, vsplat_f32(0))
    return out, indices


# The channels from c on, at most BLOCK of them, of one image. Returns 1 if an index is out of range
# (and leaves it out), else 0.
cdef int scatter(const element* grad, const int64_t* indices, real* grad_x, Py_ssize_t outputs,
        Py_ssize_t pixels, Py_ssize_t C, Py_ssize_t c) noexcept nogil:
    cdef Py_ssize_t n = min(C - c, BLOCK)
    cdef Py_ssize_t i, k
    cdef int64_t at
    cdef int wrong = 0
    if n == C:
        memset(grad_x, 0, pixels * C * sizeof(real))
    else:
        for i in range(pixels):
            memset(grad_x + i * C + c, 0, n * sizeof(real))
    for i in range(outputs):
        for k in range(i * C + c, i * C + c + n):
            at = indices[k]
            if at < 0 or at >= pixels:
                wrong = 1
            else:
                grad_x[at * C + k - i * C] += <real>number(grad[k])
    return wrong


cdef int scatter_all(const element* grad, const int64_t* indices, real* grad_x, Py_ssize_t N,
        Py_ssize_t outputs, Py_ssize_t pixels, Py_ssize_t C) noexcept nogil:
    cdef int threads = threads_for(N * outputs * C)
    cdef Py_ssize_t blocks = (C + BLOCK - 1) // BLOCK
    cdef Py_ssize_t n, task
    cdef int wrong = 0
    if threads == 1:                # a parallel region of one thread costs 0.6 us
        for task in range(N * blocks):
            n = task // blocks
            wrong |= scatter(
                grad + n * outputs * C, indices + n * outputs * C, grad_x + n * pixels * C,
                outputs, pixels, C, task % blocks * BLOCK)
    else:
        for task in prange(N * blocks, num_threads=threads, schedule="static"):
            n = task // blocks
            wrong |= scatter(
                grad + n * outputs * C, indices + n * outputs * C, grad_x + n * pixels * C,
                outputs, pixels, C, task % blocks * BLOCK)
    return wrong


def max_pool2d_backward(
    grad: np.ndarray, indices: np.ndarray, x_shape: tuple[int, ...]
) -> np.ndarray:
    """Add the gradient of each output at the place of its maximum.

    Same contract as odyssey.reference.pooling.max_pool2d_backward. The result
    is channels-last; float16 is summed in a float32 array.
    """
    cdef Py_ssize_t N, C, H, W, outputs
    cdef int dtype, wrong
    cdef void* pg
    cdef void* px
    cdef const int64_t* pi
    N, C, H, W = shape = check_max_pool_backward(grad, indices, x_shape)
    dtype = float_type(grad)
    outputs = grad.shape[2] * grad.shape[3]
    given = indices
    if indices.dtype != np.int64:
        indices = indices.astype(np.int64)
    grad = channels_last(grad)
    indices = channels_last(indices)
    grad_x = empty_channels_last(N, C, H, W, sum_type(dtype))
    pg = PyArray_DATA(grad)
    pi = <const int64_t*>PyArray_DATA(indices)
    px = PyArray_DATA(grad_x)
    with nogil:
        if dtype == NPY_FLOAT:
            wrong = scatter_all(<const float*>pg, pi, <float*>px, N, outputs, H * W, C)
        elif dtype == NPY_DOUBLE:
            wrong = scatter_all(<const double*>pg, pi, <double*>px, N, outputs, H * W, C)
        else:
            wrong = scatter_all(<const half*>pg, pi, <float*>px, N, outputs, H * W, C)
    if wrong:
        check_indices(given, shape)
        raise AssertionError("max_pool2d_backward: the checks in C and in Python differ")
    return grad_x.astype(np.float16) if dtype == NPY_HALF else grad_x


# ---- mean ----------------------------------------------------------------------------------------

# One axis of an average pool. A stride of 0 says adaptive: output o of P averages the pixels from
# floor(o H / P) up to ceil((o + 1) H / P).
cdef struct Axis:
    Py_ssize_t size, outputs, window, stride, padding
    bint include_pad


cdef inline Py_ssize_t first_pixel(const Axis* a, Py_ssize_t o) noexcept nogil:
    return max(o * a.stride - a.padding, 0) if a.stride else o * a.size // a.outputs


cdef inline Py_ssize_t stop_pixel(const Axis* a, Py_ssize_t o) noexcept nogil:
    if a.stride:
        return min(o * a.stride - a.padding + a.window, a.size)
    return ((o + 1) * a.size + a.outputs - 1) // a.outputs


# What the sum over a window is divided by, along this axis.
cdef inline Py_ssize_t count(const Axis* a, Py_ssize_t o) noexcept nogil:
    if a.stride and a.include_pad:
        return min(a.window, a.size + 2 * a.padding - o * a.stride)
    return stop_pixel(a, o) - first_pixel(a, o)


# The outputs into which pixel i has gone.
cdef inline Py_ssize_t first_output(const Axis* a, Py_ssize_t i) noexcept nogil:
    if a.stride:
        return 0 if i + a.padding < a.window else (i + a.padding - a.window) // a.stride + 1
    return i * a.outputs // a.size


cdef inline Py_ssize_t stop_output(const Axis* a, Py_ssize_t i) noexcept nogil:
    if a.stride:
        return min((i + a.padding) // a.stride + 1, a.outputs)
    return ((i + 1) * a.outputs + a.size - 1) // a.size


cdef inline void mean_window(const element* image, const element* end, Py_ssize_t C, Py_ssize_t W,
        Py_ssize_t top, Py_ssize_t bottom, Py_ssize_t left, Py_ssize_t right, double divisor,
        element* out, vec zero) noexcept nogil:
    cdef vec total
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t c = 0
    cdef Py_ssize_t h, w
    while c < C:
        total = zero
        for h in range(top, bottom):
            for w in range(left, right):
                total = total + channels(image + (h * W + w) * C + c, C - c, end, zero)
        put(out + c, C - c, total / splat(divisor, zero))
        c += V


# One row of outputs.
cdef void mean_row(const Axis* v, const Axis* h, const element* x, const element* end, element* out,
        Py_ssize_t C, Py_ssize_t row, vec zero) noexcept nogil:
    cdef const element* image = x + row // v.outputs * v.size * h.size * C
    cdef Py_ssize_t p = row % v.outputs
    cdef Py_ssize_t q
    for q in range(h.outputs):
        mean_window(
            image, end, C, h.size, first_pixel(v, p), stop_pixel(v, p), first_pixel(h, q),
            stop_pixel(h, q), <double>count(v, p) * count(h, q), out + (row * h.outputs + q) * C,
            zero)


cdef void mean_rows(const Axis* v, const Axis* h, const element* x, element* out, Py_ssize_t N,
        Py_ssize_t C, vec zero) noexcept nogil:
    cdef int threads = threads_for(N * C * v.size * h.size)
    cdef const element* end = x + N * C * v.size * h.size
    cdef Py_ssize_t row
    if threads == 1:                # a parallel region of one thread costs 0.6 us
        for row in range(N * v.outputs):
            mean_row(v, h, x, end, out, C, row, zero)
    else:
        for row in prange(N * v.outputs, num_threads=threads, schedule="static"):
            mean_row(v, h, x, end, out, C, row, zero)


# The gradient of one pixel: from each output into which it has gone, its share.
cdef inline void gather(const Axis* v, const Axis* h, const element* grad, const element* end,
        Py_ssize_t C, Py_ssize_t y, Py_ssize_t x, element* out, vec zero) noexcept nogil:
    cdef vec total
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t top = first_output(v, y)
    cdef Py_ssize_t bottom = stop_output(v, y)
    cdef Py_ssize_t left = first_output(h, x)
    cdef Py_ssize_t right = stop_output(h, x)
    cdef Py_ssize_t c = 0
    cdef Py_ssize_t p, q
    cdef double share
    if bottom - top == 1 and right - left == 1:
        share = 1.0 / (<double>count(v, top) * count(h, left))
        grad += (top * h.outputs + left) * C
        while c < C:
            put(out + c, C - c, channels(grad + c, C - c, end, zero) * splat(share, zero))
            c += V
        return
    while c < C:
        total = zero
        for p in range(top, bottom):
            for q in range(left, right):
                share = 1.0 / (<double>count(v, p) * count(h, q))
                total = total + channels(
                    grad + (p * h.outputs + q) * C + c, C - c, end, zero) * splat(share, zero)
        put(out + c, C - c, total)
        c += V


# One row of pixels.
cdef void gather_row(const Axis* v, const Axis* h, const element* grad, const element* end,
        element* out, Py_ssize_t C, Py_ssize_t row, vec zero) noexcept nogil:
    cdef const element* image = grad + row // v.size * v.outputs * h.outputs * C
    cdef Py_ssize_t x
    for x in range(h.size):
        gather(v, h, image, end, C, row % v.size, x, out + (row * h.size + x) * C, zero)


cdef void gather_rows(const Axis* v, const Axis* h, const element* grad, element* out, Py_ssize_t N,
        Py_ssize_t C, vec zero) noexcept nogil:
    cdef int threads = threads_for(N * C * v.size * h.size)
    cdef const element* end = grad + N * C * v.outputs * h.outputs
    cdef Py_ssize_t row
    if threads == 1:                # a parallel region of one thread costs 0.6 us
        for row in range(N * v.size):
            gather_row(v, h, grad, end, out, C, row, zero)
    else:
        for row in prange(N * v.size, num_threads=threads, schedule="static"):
            gather_row(v, h, grad, end, out, C, row, zero)


# x has been checked.
cdef object mean_door(const Axis* v, const Axis* h, object x):
    cdef int dtype = float_type(x)
    cdef Py_ssize_t N = x.shape[0]
    cdef Py_ssize_t C = x.shape[1]
    cdef void* px
    cdef void* po
    x = channels_last(x)
    out = empty_channels_last(N, C, v.outputs, h.outputs, dtype)
    px = PyArray_DATA(x)
    po = PyArray_DATA(out)
    with nogil:
        if dtype == NPY_FLOAT:
            mean_rows(v, h, <const float*>px, <float*>po, N, C, vsplat_f32(0))
        elif dtype == NPY_DOUBLE:
            mean_rows(v, h, <const double*>px, <double*>po, N, C, vsplat_f64(0))
        else:
            mean_rows(v, h, <const half*>px, <half*>po, N, C, vsplat_f32(0))
    return out


# grad has been checked.
cdef object gather_door(const Axis* v, const Axis* h, object grad):
    cdef int dtype = float_type(grad)
    cdef Py_ssize_t N = grad.shape[0]
    cdef Py_ssize_t C = grad.shape[1]
    cdef void* pg
    cdef void* po
    grad = channels_last(grad)
    out = empty_channels_last(N, C, v.size, h.size, dtype)
    pg = PyArray_DATA(grad)
    po = PyArray_DATA(out)
    with nogil:
        if dtype == NPY_FLOAT:
            gather_rows(v, h, <const float*>pg, <float*>po, N, C, vsplat_f32(0))
        elif dtype == NPY_DOUBLE:
            gather_rows(v, h, <const double*>pg, <double*>po, N, C, vsplat_f64(0))
        else:
            gather_rows(v, h, <const half*>pg, <half*>po, N, C, vsplat_f32(0))
    return out


# The axes of windows, as check_pool returns them.
cdef object set_axes(Axis* v, Axis* h, object shape, object windows, bint include_pad):
    v.size, h.size = shape[2:]
    v.include_pad = h.include_pad = include_pad
    ((v.window, h.window), (v.stride, h.stride), (v.padding, h.padding), _,
        (v.outputs, h.outputs)) = windows


cdef object set_adaptive_axes(Axis* v, Axis* h, object shape, object outputs):
    v.size, h.size = shape[2:]
    v.outputs, h.outputs = outputs
    v.stride = h.stride = 0


def avg_pool2d(
    x: np.ndarray, kernel_size: Any, stride: Any = None, padding: Any = 0,
    ceil_mode: bool = False, count_include_pad: bool = True,
) -> np.ndarray:
    """Average the elements of each window.

    Same contract as odyssey.reference.pooling.avg_pool2d. The result is
    channels-last; x is taken in that layout without a copy.
    """
    cdef Axis v, h
    windows = check_pool("avg_pool2d", x, kernel_size, stride, padding, ceil_mode)
    set_axes(&v, &h, x.shape, windows, bool(count_include_pad))
    return mean_door(&v, &h, x)


def avg_pool2d_backward(
    grad: np.ndarray, x_shape: tuple[int, ...], kernel_size: Any, stride: Any = None,
    padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True,
) -> np.ndarray:
    """Give every pixel its share of the gradients of its windows.

    Same contract as odyssey.reference.pooling.avg_pool2d_backward. The result
    is channels-last and written once.
    """
    cdef Axis v, h
    shape, windows = check_pool_backward(
        "avg_pool2d_backward", grad, x_shape, kernel_size, stride, padding, ceil_mode)
    set_axes(&v, &h, shape, windows, bool(count_include_pad))
    return gather_door(&v, &h, grad)


def adaptive_avg_pool2d(x: np.ndarray, output_size: Any) -> np.ndarray:
    """Average an image down to a size that is given.

    Same contract as odyssey.reference.pooling.adaptive_avg_pool2d. The result
    is channels-last; x is taken in that layout without a copy.
    """
    cdef Axis v, h
    outputs = check_adaptive("adaptive_avg_pool2d", x, output_size)
    set_adaptive_axes(&v, &h, x.shape, outputs)
    return mean_door(&v, &h, x)


def adaptive_avg_pool2d_backward(grad: np.ndarray, x_shape: tuple[int, ...]) -> np.ndarray:
    """Give every pixel its share of the gradients of its windows.

    Same contract as odyssey.reference.pooling.adaptive_avg_pool2d_backward.
    The result is channels-last and written once.
    """
    cdef Axis v, h
    shape = check_adaptive_backward("adaptive_avg_pool2d_backward", grad, x_shape)
    set_adaptive_axes(&v, &h, shape, grad.shape[2:])
    return gather_door(&v, &h, grad)


def global_avg_pool2d(x: np.ndarray) -> np.ndarray:
    """Average all pixels of an image.

    Same contract as odyssey.reference.pooling.global_avg_pool2d: one window as
    large as the image.
    """
    cdef Axis v, h
    outputs = check_adaptive("global_avg_pool2d", x, 1)
    set_adaptive_axes(&v, &h, x.shape, outputs)
    return mean_door(&v, &h, x)


def global_avg_pool2d_backward(grad: np.ndarray, x_shape: tuple[int, ...]) -> np.ndarray:
    """Give every pixel the same share of the gradient.

    Same contract as odyssey.reference.pooling.global_avg_pool2d_backward. The
    result is channels-last and written once.
    """
    cdef Axis v, h
    shape = check_adaptive_backward(
        "global_avg_pool2d_backward", grad, x_shape, outputs=(1, 1))
    set_adaptive_axes(&v, &h, shape, (1, 1))
    return gather_door(&v, &h, grad)
