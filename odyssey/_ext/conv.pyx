# The convolution and its gradients, in channels-last memory and without im2col.
#
# Plan (Dukhan, "The indirect convolution algorithm", 2019). In channels-last memory a convolution
# is a matrix product whose left rows are pixels, found through a small table of pointers:
#
#   pack the weights once: [block of WIDE vectors of outputs][tap][source channel][outputs]
#   for each block of outputs:                       (its weights stay in L2)
#       for each tile of PIXELS target pixels:       (threads split blocks and runs of tiles)
#           aim: a pointer for each tap and pixel, to a row of zeros where the window hangs over
#           tile: PIXELS x WIDE vectors of sums stay in registers while taps and channels run
#
# Taps that stand side by side in memory (dilation 1, one group, no pixel of the tile near a side)
# are one long row of channels: first layers, with 1 to 4 channels, live on that.
#
# The input gradient is the same walk over another image (_windows.pxd), phase by phase of the
# stride, so that no multiplication with a zero between strides is ever made.
#
# The weight gradient is in _weight_gradient.pxd.
#
# Every output is one sum in one order (taps, then channels; or pixels), wherever its tile falls:
# results are the same for any number of threads. float16 is widened to float32 once per call.

cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdlib cimport free
from libc.string cimport memset

from odyssey._ext._door cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, PyArray_DIMS, PyArray_STRIDES, PyArray_TYPE, aligned,
)
from odyssey._ext._layout cimport channels_last, empty_channels_last
from odyssey._ext._pool cimport empty
from odyssey._ext._simd cimport (
    WIDE, element, half, lanes, load, real, scratch, store, store_part, times, vec, vsplat_f32,
    vsplat_f64,
)
from odyssey._ext._threads cimport num_threads
from odyssey._ext._weight_gradient cimport bias_gradient, weight_gradient
from odyssey._ext._windows cimport (
    Slide, Walk, Axis, block_count, breadth, forward_axis, gradient_axis, most, one, slide, stored,
    two, vectors, widened, width_of,
)

from typing import Any

import numpy as np

from odyssey.utils.kernel_checks import check_needs
from odyssey.utils.kernel_checks_conv import check_conv2d, check_conv2d_backward

cnp.import_array()

cdef enum:
    PIXELS = 6                      # rows of a register tile
    MOST_SUMS = 24                  # registers of the largest tile, PIXELS x WIDE
    RUN = 32                        # tiles that a thread takes at a time
    PARALLEL = 300000               # multiply-adds that are worth waking a second thread


# The weights, read through their strides (in bytes), seen from the target: outputs and source
# channels of a group.
cdef struct Filters:
    const char* data
    Py_ssize_t group, out, inner, r, s


# ---- the register tile ---------------------------------------------------------------------------

# to[i] = bias + the sum over taps and channels of rows[tap][i][c] * weights[tap][c], for `count`
# pixels i and `wide` vectors of outputs, of which the first `outs` exist. The compiler unrolls the
# loops over i and j: `sums` are registers.
cdef inline void tile(breadth like, Py_ssize_t taps, Py_ssize_t channels, const real** rows,
        const real* weights, const real* bias, element* target, const Py_ssize_t* to, int count,
        Py_ssize_t outs, vec zero) noexcept nogil:
    cdef int wide = vectors(like)
    cdef vec[MOST_SUMS] sums
    cdef vec[WIDE] w
    cdef const real* x[PIXELS]
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t t, c
    cdef int i, j
    for i in range(PIXELS):
        for j in range(wide):
            sums[i * wide + j] = load(bias + j * V, zero)
    for t in range(taps):
        for i in range(PIXELS):
            x[i] = rows[t * PIXELS + i]
        for c in range(channels):
            for j in range(wide):
                w[j] = load(weights + j * V, zero)
            weights += wide * V
            for i in range(PIXELS):
                for j in range(wide):
                    sums[i * wide + j] = sums[i * wide + j] + times(x[i][c], w[j])
    for i in range(PIXELS):
        if i < count:
            for j in range(wide):
                if (j + 1) * V <= outs:
                    store(target + to[i] + j * V, sums[i * wide + j])
                elif j * V < outs:
                    store_part(target + to[i] + j * V, outs - j * V, sums[i * wide + j])


# Point at what the windows of PIXELS target pixels from number `first` on read: rows[tap][pixel],
# and where their outputs go. If `joined`, a pointer per row of taps; False if a window then hangs
# over a side. Past the last pixel that one is repeated.
cdef bint aim(const Walk* walk, bint joined, Py_ssize_t first, const real* source,
        const real* nothing, const real** rows, Py_ssize_t* to) noexcept nogil:
    cdef const Axis* v = &walk.v
    cdef const Axis* h = &walk.h
    cdef Py_ssize_t C = walk.groups * walk.inner
    cdef Py_ssize_t K = walk.groups * walk.outs
    cdef Py_ssize_t p = first // h.count
    cdef Py_ssize_t q = first - p * h.count
    cdef Py_ssize_t n = p // v.count
    cdef Py_ssize_t i, r, s, _s, t, top, left, row, column
    p -= n * v.count
    for i in range(PIXELS):
        top = p * v.move + v.offset
        left = q * h.move + h.offset
        if joined and (left < 0 or left + h.taps > h.source):
            return False
        t = i
        for r in range(v.taps):
            row = top + r * v.gap
            if row < 0 or row >= v.source:
                for _s in range(1 if joined else h.taps):
                    rows[t] = nothing
                    t += PIXELS
                continue
            row = (n * v.source + row) * h.source
            if joined:
                rows[t] = source + (row + left) * C
                t += PIXELS
                continue
            for s in range(h.taps):
                column = left + s * h.gap
                rows[t] = nothing
                if column >= 0 and column < h.source:
                    rows[t] = source + (row + column) * C
                t += PIXELS
        to[i] = ((n * v.target + v.first + p * v.step) * h.target + h.first + q * h.step) * K
        q += 1
        if q == h.count:
            q = 0
            p += 1
            if p == v.count:
                p = 0
                n += 1
                if n == walk.N:     # past the last pixel: repeat it
                    n -= 1
                    p = v.count - 1
                    q = h.count - 1
    return True


# Tiles from `first` to `last` of one block of outputs.
cdef int run(const Walk* walk, Py_ssize_t block, Py_ssize_t first, Py_ssize_t last,
        const real* source, const real* packed, const real* bias, const real* nothing,
        element* target, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t blocks = block_count(walk.outs, zero)
    cdef Py_ssize_t g = block // blocks
    cdef Py_ssize_t b = block % blocks
    cdef Py_ssize_t outs = walk.outs - b * WIDE * V
    cdef Py_ssize_t taps = walk.v.taps * walk.h.taps
    cdef Py_ssize_t pixels = walk.N * walk.v.count * walk.h.count
    cdef bint joinable = walk.groups == 1 and walk.h.gap == 1
    cdef bint joined
    cdef Py_ssize_t t, channels, steps
    cdef Py_ssize_t[PIXELS] to
    cdef int wide = width_of(walk.outs, b, zero)
    cdef int count
    cdef const real** rows
    if taps == 0:                   # a phase of the stride that no window touches
        joinable = False
    rows = <const real**>scratch(max(taps, 1) * PIXELS * sizeof(void*))
    if rows == NULL:
        return -1
    packed += block * taps * walk.inner * (wide if blocks == 1 else WIDE) * V
    bias += block * WIDE * V
    source += g * walk.inner
    target += g * walk.outs + b * WIDE * V
    for t in range(first, last):
        count = <int>min(PIXELS, pixels - t * PIXELS)
        joined = joinable and aim(walk, True, t * PIXELS, source, nothing, rows, &to[0])
        if joined:
            steps = walk.v.taps
            channels = walk.h.taps * walk.inner
        else:
            aim(walk, False, t * PIXELS, source, nothing, rows, &to[0])
            steps = taps
            channels = walk.inner
        if wide == 1:
            tile(<one>1, steps, channels, rows, packed, bias, target, &to[0], count, outs, zero)
        elif wide == 2:
            tile(<two>2, steps, channels, rows, packed, bias, target, &to[0], count, outs, zero)
        else:
            tile(<most>WIDE, steps, channels, rows, packed, bias, target, &to[0], count, outs, zero)
    free(rows)
    return 0


# One block of weights as [tap][source channel][outputs], zeros after the last output.
cdef void pack(const Walk* walk, Filters filters, Py_ssize_t block, real* packed, element like,
        vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t blocks = block_count(walk.outs, zero)
    cdef Py_ssize_t b = block % blocks
    cdef Py_ssize_t width = width_of(walk.outs, b, zero) * V
    cdef Py_ssize_t outs = min(width, walk.outs - b * WIDE * V)
    cdef Py_ssize_t taps = walk.v.taps * walk.h.taps
    cdef Py_ssize_t down = walk.v.tap_step * filters.r
    cdef Py_ssize_t right = walk.h.tap_step * filters.s
    cdef Py_ssize_t r, s, c, k
    cdef const char* data = filters.data + block // blocks * filters.group
    cdef const char* p
    cdef real* out
    packed += block * taps * walk.inner * (width if blocks == 1 else WIDE * V)
    data += b * WIDE * V * filters.out + walk.v.tap * filters.r + walk.h.tap * filters.s
    if outs < width:
        memset(packed, 0, taps * walk.inner * width * sizeof(real))
    for c in range(walk.inner):
        for k in range(outs):
            p = data + c * filters.inner + k * filters.out
            out = packed + c * width + k
            for r in range(walk.v.taps):
                for s in range(walk.h.taps):
                    out[0] = stored(p + r * down + s * right, like, out[0])
                    out += walk.inner * width


# target = the walk over source, plus bias (NULL for none). -1 if there is no memory.
cdef int walk_all(const Walk* walk, Filters filters, const real* source, const char* bias,
        Py_ssize_t bias_step, element* target, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t blocks = block_count(walk.outs, zero)
    cdef Py_ssize_t total = walk.groups * blocks
    cdef Py_ssize_t taps = walk.v.taps * walk.h.taps
    cdef Py_ssize_t pixels = walk.N * walk.v.count * walk.h.count
    cdef Py_ssize_t tiles = (pixels + PIXELS - 1) // PIXELS
    cdef Py_ssize_t runs = (tiles + RUN - 1) // RUN
    cdef Py_ssize_t width = WIDE * V
    cdef Py_ssize_t blank = max(walk.h.taps, 1) * walk.groups * walk.inner
    cdef Py_ssize_t weights, job, k
    cdef double work = <double>pixels * taps * walk.inner * walk.outs * walk.groups
    cdef int threads = num_threads() if work > PARALLEL else 1
    cdef int failed = 0
    cdef real* biases
    cdef real* nothing
    cdef real* packed
    if pixels == 0 or total == 0:
        return 0
    if blocks == 1:
        width = width_of(walk.outs, 0, zero) * V
    weights = total * taps * walk.inner * width
    biases = <real*>scratch((total * WIDE * V + blank + weights) * sizeof(real))
    if biases == NULL:
        return -1
    nothing = biases + total * WIDE * V
    packed = nothing + blank
    memset(biases, 0, (total * WIDE * V + blank) * sizeof(real))
    if bias != NULL:
        for k in range(walk.groups * walk.outs):
            biases[k // walk.outs * blocks * WIDE * V + k % walk.outs] = stored(
                bias + k * bias_step, target[0], packed[0])
    for job in prange(total, num_threads=threads, schedule="static", use_threads_if=threads > 1):
        pack(walk, filters, job, packed, target[0], zero)
    for job in prange(total * runs, num_threads=threads, schedule="static",
            use_threads_if=threads > 1):
        failed += run(
            walk, job // runs, job % runs * RUN, min(tiles, (job % runs + 1) * RUN), source,
            <const real*>packed, <const real*>biases, <const real*>nothing, target, zero)
    free(biases)
    return failed


cdef int input_gradient(Walk walk, Slide v, Slide h, Filters filters, const real* grad,
        element* target, vec zero) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef int failed = 0
    walk.inner, walk.outs = walk.outs, walk.inner
    filters.inner, filters.out = filters.out, filters.inner
    for i in range(min(v.stride, v.size)):
        for j in range(min(h.stride, h.size)):
            walk.v = gradient_axis(v, i)
            walk.h = gradient_axis(h, j)
            failed += walk_all(&walk, filters, grad, NULL, 0, target, zero)
    return failed


# ---- the doors -----------------------------------------------------------------------------------

# What both directions share: a geometry, and arrays that C can read.
cdef class _Call:
    cdef Slide v, h
    cdef Walk walk
    cdef Filters filters
    cdef int number                 # the arrays' dtype

    def __cinit__(self, x, weight, window):
        cdef cnp.npy_intp* shape = PyArray_DIMS(x)
        cdef cnp.npy_intp* strides = PyArray_STRIDES(weight)
        self.v = slide(shape[2], PyArray_DIMS(weight)[2], window, 0)
        self.h = slide(shape[3], PyArray_DIMS(weight)[3], window, 1)
        self.walk.N = shape[0]
        self.walk.groups = window.groups
        self.walk.inner = shape[1] // self.walk.groups
        self.walk.outs = PyArray_DIMS(weight)[0] // self.walk.groups
        self.walk.v = forward_axis(self.v)
        self.walk.h = forward_axis(self.h)
        self.number = PyArray_TYPE(x)
        self.filters = Filters(
            <const char*>PyArray_DATA(weight), self.walk.outs * strides[0], strides[0],
            strides[1], strides[2], strides[3])


def conv2d(
        x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None, stride: Any = 1,
        padding: Any = 0, dilation: Any = 1, groups: int = 1) -> np.ndarray:
    """Cross-correlate a batch of images with a bank of filters.

    Same contract as odyssey.reference.conv.conv2d. Memory: the weights once
    more, packed; for float16 the images once more, in float32.
    """
    window = check_conv2d("conv2d", x, weight, bias, stride, padding, dilation, groups)
    cdef _Call call
    cdef const char* b = NULL
    cdef Py_ssize_t step = 0
    cdef void* source
    cdef void* target
    cdef int failed
    weight = aligned(weight)
    call = _Call(x, weight, window)
    out = empty_channels_last(
        call.walk.N, PyArray_DIMS(weight)[0], call.v.outputs, call.h.outputs, call.number)
    x = widened(channels_last(x))
    if bias is not None:
        bias = aligned(bias)
        b = <const char*>PyArray_DATA(bias)
        step = PyArray_STRIDES(bias)[0]
    source = PyArray_DATA(x)
    target = PyArray_DATA(out)
    with nogil:
        if call.number == NPY_FLOAT:
            failed = walk_all(&call.walk, call.filters, <const float*>source, b, step,
                <float*>target, vsplat_f32(0))
        elif call.number == NPY_DOUBLE:
            failed = walk_all(&call.walk, call.filters, <const double*>source, b, step,
                <double*>target, vsplat_f64(0))
        else:
            failed = walk_all(&call.walk, call.filters, <const float*>source, b, step,
                <half*>target, vsplat_f32(0))
    if failed:
        raise MemoryError("conv2d: no memory for the packed weights")
    return out


def conv2d_backward(
        grad: np.ndarray, x: np.ndarray, weight: np.ndarray, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1,
        needs: tuple[bool, ...] = (True, True, True)) -> tuple[np.ndarray | None, ...]:
    """Gradients of conv2d with respect to its images, filters and biases.

    Same contract as odyssey.reference.conv.conv2d_backward. Memory: as in the
    forward function, and the sums of the weight gradient.
    """
    window = check_conv2d_backward(grad, x, weight, stride, padding, dilation, groups)
    needs = check_needs("conv2d_backward", needs, 3)
    cdef _Call call
    cdef void* g
    cdef void* source
    cdef void* target
    cdef int failed = 0
    weight = aligned(weight)
    call = _Call(x, weight, window)
    grad = channels_last(grad)
    grad_x = grad_weight = grad_bias = None
    if needs[0]:
        grad_x = empty_channels_last(
            call.walk.N, PyArray_DIMS(x)[1], call.v.size, call.h.size, call.number)
        wide = widened(grad)
        g = PyArray_DATA(wide)
        target = PyArray_DATA(grad_x)
        with nogil:
            if call.number == NPY_FLOAT:
                failed = input_gradient(call.walk, call.v, call.h, call.filters, <const float*>g,
                    <float*>target, vsplat_f32(0))
            elif call.number == NPY_DOUBLE:
                failed = input_gradient(call.walk, call.v, call.h, call.filters, <const double*>g,
                    <double*>target, vsplat_f64(0))
            else:
                failed = input_gradient(call.walk, call.v, call.h, call.filters, <const float*>g,
                    <half*>target, vsplat_f32(0))
    g = PyArray_DATA(grad)
    if needs[1]:
        grad_weight = empty(4, PyArray_DIMS(weight), call.number)
        x = widened(channels_last(x))
        source = PyArray_DATA(x)
        target = PyArray_DATA(grad_weight)
        with nogil:
            if call.number == NPY_FLOAT:
                failed += weight_gradient(&call.walk, <const float*>source, <const float*>g,
                    <float*>target, vsplat_f32(0))
            elif call.number == NPY_DOUBLE:
                failed += weight_gradient(&call.walk, <const double*>source, <const double*>g,
                    <double*>target, vsplat_f64(0))
            else:
                failed += weight_gradient(&call.walk, <const float*>source, <const half*>g,
                    <half*>target, vsplat_f32(0))
    if needs[2]:
        grad_bias = bias_gradient(grad)
    if failed:
        raise MemoryError("conv2d_backward: no memory for packed weights and sums")
    return grad_x, grad_weight, grad_bias
