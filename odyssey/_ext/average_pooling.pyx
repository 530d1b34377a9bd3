# Average pooling: the mean of each window of an image, and the gradients.
#
# Memory. All arrays are channels-last: the C channels of a pixel stand side by side, and a register
# holds the same pixel of 4 to 16 channels. BLOCK registers go through a window together: so many
# independent sums hide the latency of an addition. Every result is written once, in the order of
# memory.
#
# All average pools are one pair of functions. An Axis says which pixels an output averages and,
# turned round, which outputs a pixel has gone into: backward gathers, for every pixel, the
# gradients of those outputs, and nothing is added up in memory. Only the mean of a whole image has
# loops of its own (_whole_images.pxd).
#
# Threads split rows of outputs (forward), rows of pixels (backward) or parts of whole images; each
# number is summed by one thread in an order that depends on the shapes alone.

cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdlib cimport free

from odyssey._ext._channels cimport (
    BLOCK, FAR, fetch_below, last_piece, load_channels, registers_for, store_channels, threads_for,
)
from odyssey._ext._door cimport NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, float_type
from odyssey._ext._layout cimport channels_last, empty_channels_last
from odyssey._ext._simd cimport (
    element, half, lanes, scratch, splat, vec, vsplat_f32, vsplat_f64,
)
from odyssey._ext._whole_images cimport WIDE, mean_of_image, repeat

from typing import Any

import numpy as np

from odyssey.utils.kernel_checks_pooling import (
    check_adaptive, check_adaptive_backward, check_pool, check_pool_backward,
)

cnp.import_array()

cdef enum:
    PART = 1 << 14                  # numbers that a task writes where a gradient is repeated


# ---- axes ----------------------------------------------------------------------------------------

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


# ---- forward -------------------------------------------------------------------------------------

# The pixels that an output averages, or the outputs into which a pixel has gone.
cdef struct Area:
    Py_ssize_t top, bottom, left, right


# The mean of one window, of n channels in so many registers.
cdef inline void mean_window(int registers, const Area* a, const element* image,
        const element* end, Py_ssize_t C, Py_ssize_t W, vec divisor, Py_ssize_t n, element* out,
        const element* row_end, vec zero) noexcept nogil:
    cdef vec[BLOCK] total
    cdef bint whole_out = registers == BLOCK or out + registers * lanes(zero) <= row_end
    cdef const element* pixel = image + ((a.bottom - 1) * W + a.right - 1) * C
    cdef bint whole = registers == BLOCK or pixel + registers * lanes(zero) <= end
    cdef Py_ssize_t h, w
    cdef int i
    for i in range(registers):
        total[i] = zero
    for h in range(a.top, a.bottom):
        for w in range(a.left, a.right):
            pixel = image + (h * W + w) * C
            for i in range(registers):
                total[i] = total[i] + load_channels(i, registers, pixel, n, whole, zero)
    for i in range(registers):
        store_channels(i, registers, out, n, whole_out, total[i] / divisor)


# The same channels of a row of windows. `a` holds the rows of the windows; those from there up to
# `ahead` are needed next.
cdef inline void row_of_means(int registers, const Axis* h, Area* a, Py_ssize_t ahead, double rows,
        const element* image, const element* end, Py_ssize_t C, Py_ssize_t n, element* out,
        const element* row_end, vec zero) noexcept nogil:
    cdef Py_ssize_t before = 0
    cdef Py_ssize_t q
    for q in range(h.outputs):
        a.left = first_pixel(h, q)
        a.right = stop_pixel(h, q)
        fetch_below(image, C, h.size, a.bottom, ahead, before, a.right, n)
        before = a.right
        mean_window(registers, a, image, end, C, h.size, splat(rows * count(h, q), zero), n, out,
                    row_end, zero)
        out += C


# One row of outputs.
cdef void mean_row(const Axis* v, const Axis* h, const element* x, const element* end, element* out,
        Py_ssize_t C, Py_ssize_t row, vec zero) noexcept nogil:
    cdef Py_ssize_t p = row % v.outputs
    cdef double rows = count(v, p)
    cdef Py_ssize_t ahead
    cdef Py_ssize_t c = C
    cdef Py_ssize_t n
    cdef const element* row_end
    cdef Area a
    cdef int registers
    a.top = first_pixel(v, p)
    a.bottom = ahead = stop_pixel(v, p)
    if (p + 1 < v.outputs and first_pixel(v, p + 1) <= a.bottom
            and (end - x) * <Py_ssize_t>sizeof(element) > FAR):
        ahead = stop_pixel(v, p + 1)
    x += row // v.outputs * v.size * h.size * C
    out += row * h.outputs * C
    row_end = out + h.outputs * C
    while c > 0:
        n = last_piece(c, zero)
        c -= n
        registers = registers_for(n, zero)
        if registers == BLOCK:
            row_of_means(BLOCK, h, &a, ahead, rows, x + c, end, C, n, out + c, row_end, zero)
        elif registers == 2:
            row_of_means(2, h, &a, ahead, rows, x + c, end, C, n, out + c, row_end, zero)
        else:
            row_of_means(1, h, &a, ahead, rows, x + c, end, C, n, out + c, row_end, zero)


cdef void mean_rows(const Axis* v, const Axis* h, const element* x, element* out, Py_ssize_t N,
        Py_ssize_t C, vec zero) noexcept nogil:
    cdef int threads = threads_for(N * C * v.size * h.size)
    cdef const element* end = x + N * C * v.size * h.size
    cdef Py_ssize_t row
    if C > 0 and is_whole(v, h):
        mean_of_images(x, out, N, v.size * h.size, C, zero)
    else:
        for row in prange(N * v.outputs, num_threads=threads, schedule="static"):
            mean_row(v, h, x, end, out, C, row, zero)


# ---- backward ------------------------------------------------------------------------------------

# What the division by a window's size and the look for a pixel's outputs cost is paid once: tables.
cdef struct Shares:
    double* vertical                # 1 / count, for each output of an axis
    double* horizontal
    Py_ssize_t* first               # the outputs of each column of pixels
    Py_ssize_t* stop


cdef void fill(Shares* s, const Axis* v, const Axis* h, void* memory) noexcept nogil:
    cdef Py_ssize_t i
    s.vertical = <double*>memory
    s.horizontal = s.vertical + v.outputs
    s.first = <Py_ssize_t*>(s.horizontal + h.outputs)
    s.stop = s.first + h.size
    for i in range(v.outputs):
        s.vertical[i] = 1.0 / count(v, i)
    for i in range(h.outputs):
        s.horizontal[i] = 1.0 / count(h, i)
    for i in range(h.size):
        s.first[i] = first_output(h, i)
        s.stop[i] = stop_output(h, i)


# The gradient of one pixel, of n channels in so many registers: from each output into which it has
# gone, its share.
cdef inline void gather(int registers, const Area* a, const Shares* s, const element* grad,
        const element* end, Py_ssize_t C, Py_ssize_t Q, Py_ssize_t n, element* out,
        const element* row_end, vec zero) noexcept nogil:
    cdef vec[BLOCK] total
    cdef bint whole_out = registers == BLOCK or out + registers * lanes(zero) <= row_end
    cdef vec share
    cdef const element* output = grad + ((a.bottom - 1) * Q + a.right - 1) * C
    cdef bint whole = registers == BLOCK or output + registers * lanes(zero) <= end
    cdef Py_ssize_t p, q
    cdef int i
    for i in range(registers):
        total[i] = zero
    for p in range(a.top, a.bottom):
        for q in range(a.left, a.right):
            share = splat(s.vertical[p] * s.horizontal[q], zero)
            output = grad + (p * Q + q) * C
            for i in range(registers):
                total[i] = total[i] + share * load_channels(i, registers, output, n, whole, zero)
    for i in range(registers):
        store_channels(i, registers, out, n, whole_out, total[i])


# The same channels of a row of pixels. `a` holds the rows of outputs.
cdef inline void row_of_gradients(int registers, const Axis* h, Area* a, const Shares* s,
        const element* grad, const element* end, Py_ssize_t C, Py_ssize_t n, element* out,
        const element* row_end, vec zero) noexcept nogil:
    cdef Py_ssize_t x
    for x in range(h.size):
        a.left = s.first[x]
        a.right = s.stop[x]
        gather(registers, a, s, grad, end, C, h.outputs, n, out, row_end, zero)
        out += C


# One row of pixels.
cdef void gather_row(const Axis* v, const Axis* h, const Shares* s, const element* grad,
        const element* end, element* out, Py_ssize_t C, Py_ssize_t row, vec zero) noexcept nogil:
    cdef Py_ssize_t c = C
    cdef Py_ssize_t n
    cdef const element* row_end
    cdef Area a
    cdef int registers
    a.top = first_output(v, row % v.size)
    a.bottom = stop_output(v, row % v.size)
    grad += row // v.size * v.outputs * h.outputs * C
    out += row * h.size * C
    row_end = out + h.size * C
    while c > 0:
        n = last_piece(c, zero)
        c -= n
        registers = registers_for(n, zero)
        if registers == BLOCK:
            row_of_gradients(BLOCK, h, &a, s, grad + c, end, C, n, out + c, row_end, zero)
        elif registers == 2:
            row_of_gradients(2, h, &a, s, grad + c, end, C, n, out + c, row_end, zero)
        else:
            row_of_gradients(1, h, &a, s, grad + c, end, C, n, out + c, row_end, zero)


cdef void gather_rows(const Axis* v, const Axis* h, void* memory, const element* grad, element* out,
        Py_ssize_t N, Py_ssize_t C, vec zero) noexcept nogil:
    cdef int threads = threads_for(N * C * v.size * h.size)
    cdef const element* end = grad + N * C * v.outputs * h.outputs
    cdef Shares s
    cdef Py_ssize_t row
    if C > 0 and is_whole(v, h):
        repeat_all(grad, out, N, v.size * h.size, C, zero)
        return
    fill(&s, v, h, memory)
    for row in prange(N * v.size, num_threads=threads, schedule="static"):
        gather_row(v, h, &s, grad, end, out, C, row, zero)


# ---- whole images --------------------------------------------------------------------------------

# Whether there is one output, the mean of all.
cdef inline bint is_whole(const Axis* v, const Axis* h) noexcept nogil:
    return (v.outputs == 1 and h.outputs == 1 and stop_pixel(v, 0) - first_pixel(v, 0) == v.size
            and stop_pixel(h, 0) - first_pixel(h, 0) == h.size
            and count(v, 0) * count(h, 0) == v.size * h.size)


# A task is WIDE registers of channels of one image.
cdef void mean_of_part(const element* x, const element* end, Py_ssize_t pixels, Py_ssize_t C,
        Py_ssize_t parts, Py_ssize_t task, element* out, vec zero) noexcept nogil:
    cdef Py_ssize_t image = task // parts
    cdef Py_ssize_t c = task % parts * WIDE * lanes(zero)
    mean_of_image(
        x + image * pixels * C + c, end, pixels, C, min(C - c, WIDE * lanes(zero)),
        out + image * C + c, zero)


cdef void mean_of_images(const element* x, element* out, Py_ssize_t N, Py_ssize_t pixels,
        Py_ssize_t C, vec zero) noexcept nogil:
    cdef int threads = threads_for(N * pixels * C)
    cdef const element* end = x + N * pixels * C
    cdef Py_ssize_t parts = (C - 1) // (WIDE * lanes(zero)) + 1
    cdef Py_ssize_t task
    for task in prange(N * parts, num_threads=threads, schedule="static"):
        mean_of_part(x, end, pixels, C, parts, task, out, zero)


# A task is some of the pixels of one image, PART numbers or little less.
cdef void repeat_part(const element* grad, Py_ssize_t pixels, Py_ssize_t C, Py_ssize_t parts,
        Py_ssize_t task, element* out, vec zero) noexcept nogil:
    cdef Py_ssize_t image = task // parts
    cdef Py_ssize_t first = task % parts * pixels // parts
    cdef Py_ssize_t stop = (task % parts + 1) * pixels // parts
    repeat(grad + image * C, C, pixels, stop - first, out + (image * pixels + first) * C, zero)


cdef void repeat_all(const element* grad, element* out, Py_ssize_t N, Py_ssize_t pixels,
        Py_ssize_t C, vec zero) noexcept nogil:
    cdef int threads = threads_for(N * pixels * C)
    cdef Py_ssize_t parts = min(pixels * C // PART + 1, pixels)
    cdef Py_ssize_t task
    for task in prange(N * parts, num_threads=threads, schedule="static"):
        repeat_part(grad, pixels, C, parts, task, out, zero)


# ---- the doors -----------------------------------------------------------------------------------

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
    cdef void* memory
    grad = channels_last(grad)
    out = empty_channels_last(N, C, v.size, h.size, dtype)
    memory = scratch((v.outputs + h.outputs + 2 * h.size) * sizeof(double))
    if memory == NULL:
        raise MemoryError("odyssey: no memory for the tables of an average pool")
    pg = PyArray_DATA(grad)
    po = PyArray_DATA(out)
    with nogil:
        if dtype == NPY_FLOAT:
            gather_rows(v, h, memory, <const float*>pg, <float*>po, N, C, vsplat_f32(0))
        elif dtype == NPY_DOUBLE:
            gather_rows(v, h, memory, <const double*>pg, <double*>po, N, C, vsplat_f64(0))
        else:
            gather_rows(v, h, memory, <const half*>pg, <half*>po, N, C, vsplat_f32(0))
    free(memory)
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
