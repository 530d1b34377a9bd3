# Max pooling: the largest number of each window of an image, where it stands, and the gradient.
#
# Memory. All arrays are channels-last: the C channels of a pixel stand side by side, and a register
# holds the same pixel of 4 to 16 channels. BLOCK registers go through a window together, which
# hides the latency of a comparison. Every result is written once, in the order of memory.
#
# Forward. The place of the largest tap is kept in a second register, as an integer in the bits of
# its lanes. A NaN would need a second comparison for each tap. Instead all taps are added up: a sum
# of numbers of which one is NaN is NaN, and only then the row is gone through once more, with care.
# (So it is if inf and -inf meet, which costs time and nothing else.)
#
# Backward gathers: a pixel adds up the gradients of those windows over it whose maximum it is. That
# needs to know where the windows lie. If the caller does not say so, or channels are few and
# windows overlap much, or an index lies outside of its window, backward scatters instead: it zeroes
# an image and adds each gradient at its place. Both add a pixel's gradients in the same order.
#
# Threads split rows of outputs (forward), rows of pixels (gather) or images and CHANNELS of them
# (scatter), so that no two write to one number.

cimport numpy as cnp
from cython.parallel cimport prange
from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from odyssey._ext._channels cimport (
    BLOCK, FAR, fetch_below, last_piece, load_channels, registers_for, store_channels, threads_for,
)
from odyssey._ext._door cimport NPY_DOUBLE, NPY_FLOAT, NPY_HALF, PyArray_DATA, float_type, sum_type
from odyssey._ext._layout cimport channels_last, empty_channels_last
from odyssey._ext._places cimport (
    collect, greater, larger, load_places, places, store_places, sum_of_hits,
)
from odyssey._ext._simd cimport (
    element, half, lane_sum, lanes, number, real, splat, vec, vsplat_f32, vsplat_f64,
)

from typing import Any

import numpy as np

from odyssey.utils.kernel_checks_pooling import (
    check_indices, check_max_pool_backward, check_pool,
)

cnp.import_array()

cdef enum:
    CHANNELS = 64                   # of a task of the scatter


cdef struct Pool:
    Py_ssize_t N, C, H, W, P, Q     # images, channels, pixels, outputs
    Py_ssize_t R, S                 # taps of the window
    Py_ssize_t step_h, step_w, pad_h, pad_w, gap_h, gap_w


# ---- forward -------------------------------------------------------------------------------------

# The taps of a window that lie in the image.
cdef struct Taps:
    Py_ssize_t top, bottom, left, right


# Where the taps of window number `at` begin and end, along one axis.
cdef inline Py_ssize_t first_tap(Py_ssize_t at, Py_ssize_t step, Py_ssize_t pad,
        Py_ssize_t gap) noexcept nogil:
    cdef Py_ssize_t start = at * step - pad
    return start if start >= 0 else start + (gap - 1 - start) // gap * gap


cdef inline Py_ssize_t stop_tap(Py_ssize_t at, Py_ssize_t step, Py_ssize_t pad, Py_ssize_t gap,
        Py_ssize_t taps, Py_ssize_t size) noexcept nogil:
    return min(at * step - pad + (taps - 1) * gap + 1, size)


# The maxima of one window, of n channels in so many registers; `end` and `row_end` are those of the
# images and of this row of outputs. Returns the sum of all taps.
cdef inline vec maxima(int registers, bint care, const Pool* g, const Taps* t,
        const element* image, const element* end, Py_ssize_t n, element* out,
        const element* row_end, int32_t* indices, vec zero) noexcept nogil:
    cdef vec[BLOCK] best
    cdef vec[BLOCK] place
    cdef vec[BLOCK] total
    cdef vec v, at = places(t.top * g.W + t.left, zero)
    cdef const element* pixel = image + ((t.bottom - 1) * g.W + t.right - 1) * g.C
    cdef Py_ssize_t V = lanes(zero)
    cdef bint whole = registers == BLOCK or pixel + registers * V <= end
    cdef bint whole_out = registers == BLOCK or out + registers * V <= row_end
    cdef Py_ssize_t h, w
    cdef int i
    for i in range(registers):
        best[i] = splat(-INFINITY, zero)
        place[i] = at
        total[i] = zero
    h = t.top
    while h < t.bottom:
        w = t.left
        while w < t.right:
            at = places(h * g.W + w, zero)
            pixel = image + (h * g.W + w) * g.C
            for i in range(registers):
                v = load_channels(i, registers, pixel, n, whole, zero)
                if care:
                    larger(v, at, &best[i], &place[i])
                else:
                    greater(v, at, &best[i], &place[i])
                    total[i] = total[i] + v
            w += g.gap_w
        h += g.gap_h
    for i in range(registers):
        store_channels(i, registers, out, n, whole_out, best[i])
        store_places(indices + i * V, V if i < registers - 1 or whole_out else n - i * V, place[i])
        if i > 0:
            total[0] = total[0] + total[i]
    return total[0]


# The same channels of a row of windows. `t` holds the rows of the taps; those from there up to
# `ahead` are needed next. Returns whether a NaN may be among them: then it has to be done once more
# with `care`, which is slower.
cdef inline bint row_of_maxima(int registers, bint care, const Pool* g, Taps* t, Py_ssize_t ahead,
        const element* image, const element* end, Py_ssize_t n, element* out,
        const element* row_end, int32_t* indices, vec zero) noexcept nogil:
    cdef vec total = zero
    cdef double check
    cdef Py_ssize_t before = 0
    cdef Py_ssize_t q
    for q in range(g.Q):
        t.left = first_tap(q, g.step_w, g.pad_w, g.gap_w)
        t.right = stop_tap(q, g.step_w, g.pad_w, g.gap_w, g.S, g.W)
        fetch_below(image, g.C, g.W, t.bottom, ahead, before, t.right, n)
        before = t.right
        total = total + maxima(
            registers, care, g, t, image, end, n, out, row_end, indices, zero)
        out += g.C
        indices += g.C
    check = lane_sum(total)
    return check != check


# One row of outputs.
cdef void max_row(const Pool* g, const element* x, element* out, int32_t* indices, Py_ssize_t row,
        vec zero) noexcept nogil:
    cdef const element* end = x + g.N * g.H * g.W * g.C
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t p = row % g.P
    cdef Py_ssize_t c = g.C
    cdef Py_ssize_t n, k, ahead
    cdef const element* row_end
    cdef Taps t
    cdef int registers
    cdef bint nan
    t.top = first_tap(p, g.step_h, g.pad_h, g.gap_h)
    t.bottom = ahead = stop_tap(p, g.step_h, g.pad_h, g.gap_h, g.R, g.H)
    if (p + 1 < g.P and first_tap(p + 1, g.step_h, g.pad_h, g.gap_h) <= t.bottom
            and (end - x) * <Py_ssize_t>sizeof(element) > FAR):
        ahead = stop_tap(p + 1, g.step_h, g.pad_h, g.gap_h, g.R, g.H)
    x += row // g.P * g.H * g.W * g.C
    out += row * g.Q * g.C
    indices += row * g.Q * g.C
    row_end = out + g.Q * g.C
    while c > 0:
        n = last_piece(c, zero)
        c -= n
        registers = registers_for(n, zero)
        if registers == BLOCK:
            nan = row_of_maxima(
                BLOCK, False, g, &t, ahead, x + c, end, n, out + c, row_end, indices + c, zero)
        elif registers == 2:
            nan = row_of_maxima(
                2, False, g, &t, ahead, x + c, end, n, out + c, row_end, indices + c, zero)
        else:
            nan = row_of_maxima(
                1, False, g, &t, ahead, x + c, end, n, out + c, row_end, indices + c, zero)
        while nan and n > 0:
            k = c + (n - 1) // V * V
            row_of_maxima(
                1, True, g, &t, t.bottom, x + k, end, c + n - k, out + k, row_end, indices + k,
                zero)
            n = k - c


cdef void max_rows(const Pool* g, const element* x, element* out, int32_t* indices,
        vec zero) noexcept nogil:
    cdef int threads = threads_for(g.N * g.P * g.Q * g.C * g.R * g.S)
    cdef Py_ssize_t row
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
    cdef int32_t* pi
    ((g.R, g.S), (g.step_h, g.step_w), (g.pad_h, g.pad_w), (g.gap_h, g.gap_w), (g.P, g.Q)) = (
        check_pool("max_pool2d", x, kernel_size, stride, padding, ceil_mode, dilation))
    dtype = float_type(x)
    g.N, g.C, g.H, g.W = x.shape
    x = channels_last(x)
    out = empty_channels_last(g.N, g.C, g.P, g.Q, dtype)
    indices = empty_channels_last(g.N, g.C, g.P, g.Q, cnp.NPY_INT32)
    px = PyArray_DATA(x)
    po = PyArray_DATA(out)
    pi = <int32_t*>PyArray_DATA(indices)
    with nogil:
        if dtype == NPY_FLOAT:
            max_rows(&g, <const float*>px, <float*>po, pi, vsplat_f32(0))
        elif dtype == NPY_DOUBLE:
            max_rows(&g, <const double*>px, <double*>po, pi, vsplat_f64(0))
        else:
            max_rows(&g, <const half*>px, <half*>po, pi, vsplat_f32(0))
    return out, indices


# ---- backward: gather ----------------------------------------------------------------------------

# The outputs whose windows cover a pixel.
cdef struct Cover:
    Py_ssize_t top, bottom, left, right


# Move the first and the last of those along one axis on to where they cover pixel `at`.
cdef inline void move(Py_ssize_t* first, Py_ssize_t* stop, Py_ssize_t at, Py_ssize_t taps,
        Py_ssize_t step, Py_ssize_t outputs) noexcept nogil:
    while stop[0] < outputs and stop[0] * step <= at:
        stop[0] += 1
    while first[0] < stop[0] and first[0] * step + taps <= at:
        first[0] += 1


# The gradient of one pixel, of n channels in so many registers. `hits` counts what it collects.
cdef inline void gather(int registers, const Pool* g, const Cover* cover, const element* grad,
        const int32_t* indices, const element* end, Py_ssize_t n, Py_ssize_t pixel, element* out,
        const element* row_end, vec* hits, vec zero) noexcept nogil:
    cdef vec[BLOCK] total
    cdef vec at = places(pixel, zero)
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t k = ((cover.bottom - 1) * g.Q + cover.right - 1) * g.C
    cdef bint whole = registers == BLOCK or grad + k + registers * V <= end
    cdef bint whole_out = registers == BLOCK or out + registers * V <= row_end
    cdef Py_ssize_t p, q
    cdef int i
    for i in range(registers):
        total[i] = zero
    for p in range(cover.top, cover.bottom):
        for q in range(cover.left, cover.right):
            k = (p * g.Q + q) * g.C
            for i in range(registers):
                total[i] = collect(
                    total[i], load_channels(i, registers, grad + k, n, whole, zero),
                    load_places(indices + k + i * V, n - i * V, zero), at, hits)
    for i in range(registers):
        store_channels(i, registers, out, n, whole_out, total[i])


# The same channels of a row of pixels, number h of its image.
cdef inline void row_of_gradients(int registers, const Pool* g, Cover* cover, const element* grad,
        const int32_t* indices, const element* end, Py_ssize_t n, Py_ssize_t h, element* out,
        const element* row_end, vec* hits, vec zero) noexcept nogil:
    cdef Py_ssize_t w
    cover.left = cover.right = 0
    for w in range(g.W):
        move(&cover.left, &cover.right, w + g.pad_w, g.S, g.step_w, g.Q)
        gather(registers, g, cover, grad, indices, end, n, h * g.W + w, out, row_end, hits, zero)
        out += g.C


# One row of pixels. Returns how many gradients have found their pixel.
cdef int64_t gather_row(const Pool* g, const element* grad, const int32_t* indices, element* out,
        Py_ssize_t row, vec zero) noexcept nogil:
    cdef const element* end = grad + g.N * g.P * g.Q * g.C
    cdef Py_ssize_t image = row // g.H * g.P * g.Q * g.C
    cdef Py_ssize_t h = row % g.H
    cdef Py_ssize_t c = g.C
    cdef Py_ssize_t n
    cdef const element* row_end
    cdef Cover cover
    cdef int registers
    cdef vec hits = zero
    cover.bottom = min((h + g.pad_h) // g.step_h + 1, g.P)
    cover.top = 0 if h + g.pad_h < g.R else (h + g.pad_h - g.R) // g.step_h + 1
    grad += image
    indices += image
    out += row * g.W * g.C
    row_end = out + g.W * g.C
    while c > 0:
        n = last_piece(c, zero)
        c -= n
        registers = registers_for(n, zero)
        if registers == BLOCK:
            row_of_gradients(BLOCK, g, &cover, grad + c, indices + c, end, n, h, out + c, row_end,
                             &hits, zero)
        elif registers == 2:
            row_of_gradients(2, g, &cover, grad + c, indices + c, end, n, h, out + c, row_end,
                             &hits, zero)
        else:
            row_of_gradients(1, g, &cover, grad + c, indices + c, end, n, h, out + c, row_end,
                             &hits, zero)
    return sum_of_hits(hits)


# Returns whether all gradients have found their pixel.
cdef bint gather_all(const Pool* g, const element* grad, const int32_t* indices, element* out,
        vec zero) noexcept nogil:
    cdef int threads = threads_for(g.N * g.H * g.W * g.C)
    cdef int64_t found = 0
    cdef Py_ssize_t row
    for row in prange(g.N * g.H, num_threads=threads, schedule="static"):
        found += gather_row(g, grad, indices, out, row, zero)
    return found == g.N * g.P * g.Q * g.C


# ---- backward: scatter ---------------------------------------------------------------------------

# The channels from c on, at most CHANNELS of them, of one image. Returns 1 if an index is out of
# range (and leaves it out), else 0.
cdef int scatter(const element* grad, const int32_t* indices, real* grad_x, Py_ssize_t outputs,
        Py_ssize_t pixels, Py_ssize_t C, Py_ssize_t c) noexcept nogil:
    cdef Py_ssize_t n = min(C - c, CHANNELS)
    cdef Py_ssize_t i, _i, k, at
    cdef int wrong = 0
    if n == C:
        memset(grad_x, 0, pixels * C * sizeof(real))
    else:
        for i in range(pixels):
            memset(grad_x + i * C + c, 0, n * sizeof(real))
    for _i in range(outputs):
        for k in range(c, c + n):
            at = indices[k]
            if <size_t>at >= <size_t>pixels:        # or negative
                wrong = 1
            else:
                grad_x[at * C + k] += <real>number(grad[k])
        grad += C
        indices += C
    return wrong


cdef int scatter_all(const Pool* g, const element* grad, const int32_t* indices,
        real* grad_x) noexcept nogil:
    cdef int threads = threads_for(g.N * g.P * g.Q * g.C)
    cdef Py_ssize_t blocks = (g.C + CHANNELS - 1) // CHANNELS
    cdef Py_ssize_t outputs = g.P * g.Q
    cdef Py_ssize_t pixels = g.H * g.W
    cdef Py_ssize_t n, task
    cdef int wrong = 0
    for task in prange(g.N * blocks, num_threads=threads, schedule="static"):
        n = task // blocks
        wrong |= scatter(
            grad + n * outputs * g.C, indices + n * outputs * g.C, grad_x + n * pixels * g.C,
            outputs, pixels, g.C, task % blocks * CHANNELS)
    return wrong


# ---- backward: the door --------------------------------------------------------------------------

# Whether gathering is worth it, by what each way was measured to take on one image, in the time of
# one addition of the scatter: a look at a register of a window takes as long, a pixel five times.
cdef bint gathering_pays(const Pool* g, vec like) noexcept nogil:
    cdef Py_ssize_t registers = (g.C - 1) // lanes(like) + 1
    cdef Py_ssize_t pieces = (registers - 1) // BLOCK + 1
    cdef double looks = <double>g.P * g.Q * g.R * g.S * registers
    cdef double pixels = <double>g.H * g.W
    return looks + 5 * pixels * pieces < <double>g.P * g.Q * g.C + pixels * g.C / 16


def max_pool2d_backward(
    grad: np.ndarray, indices: np.ndarray, x_shape: tuple[int, ...], kernel_size: Any = None,
    stride: Any = None, padding: Any = 0, dilation: Any = 1,
) -> np.ndarray:
    """Add the gradient of each output at the place of its maximum.

    Same contract as odyssey.reference.pooling.max_pool2d_backward. The result
    is channels-last; float16 is summed in float32.
    """
    cdef Pool g
    cdef int dtype
    cdef bint pays, found = False
    cdef int wrong
    cdef void* pg
    cdef void* px
    cdef const int32_t* pi
    shape, windows = check_max_pool_backward(
        grad, indices, x_shape, kernel_size, stride, padding, dilation)
    dtype = float_type(grad)
    g.N, g.C, g.H, g.W = shape
    g.P, g.Q = grad.shape[2:]
    given = indices
    if indices.dtype != np.int32:
        check_indices(indices, shape)       # a wider number might become a place
        indices = indices.astype(np.int32)
    grad = channels_last(grad)
    indices = channels_last(indices)
    pg = PyArray_DATA(grad)
    pi = <const int32_t*>PyArray_DATA(indices)
    if windows is not None:
        (g.R, g.S), (g.step_h, g.step_w), (g.pad_h, g.pad_w) = windows
        if dtype == NPY_DOUBLE:
            pays = gathering_pays(&g, vsplat_f64(0))
        else:                               # a scattered float16 has to be rounded afterwards
            pays = dtype == NPY_HALF or gathering_pays(&g, vsplat_f32(0))
        if pays:
            grad_x = empty_channels_last(g.N, g.C, g.H, g.W, dtype)
            px = PyArray_DATA(grad_x)
            with nogil:
                if dtype == NPY_FLOAT:
                    found = gather_all(&g, <const float*>pg, pi, <float*>px, vsplat_f32(0))
                elif dtype == NPY_DOUBLE:
                    found = gather_all(&g, <const double*>pg, pi, <double*>px, vsplat_f64(0))
                else:
                    found = gather_all(&g, <const half*>pg, pi, <half*>px, vsplat_f32(0))
            if found:
                return grad_x
    grad_x = empty_channels_last(g.N, g.C, g.H, g.W, sum_type(dtype))
    px = PyArray_DATA(grad_x)
    with nogil:
        if dtype == NPY_FLOAT:
            wrong = scatter_all(&g, <const float*>pg, pi, <float*>px)
        elif dtype == NPY_DOUBLE:
            wrong = scatter_all(&g, <const double*>pg, pi, <double*>px)
        else:
            wrong = scatter_all(&g, <const half*>pg, pi, <float*>px)
    if wrong:
        check_indices(given, shape)
        raise AssertionError("max_pool2d_backward: the checks in C and in Python differ")
    return grad_x.astype(np.float16) if dtype == NPY_HALF else grad_x
