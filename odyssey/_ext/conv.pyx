# The convolution and its gradients, in channels-last memory and without im2col.
#
# Plan (after Dukhan, "The indirect convolution algorithm", 2019). In channels-last memory a
# convolution is a matrix product whose left rows are the windows of pixels, read where they stand:
#
#   pack the weights once: [block of WIDE vectors of outputs][tap][source channel][outputs]
#   for each group of blocks whose weights stay in L2:
#       for each chunk, some rows of outputs:              (threads split chunks and groups)
#           copy what its windows see, with zeros around: the field
#           for each PIXELS outputs, each block:
#               tile: PIXELS x WIDE vectors of sums stay in registers while taps and channels run
#
# Every window is as far from its neighbour's as from its own next tap: an address is that of the
# window's first pixel and an offset that all windows share. The copy costs a few percent at most, a
# number is read from it for each tap and vector of outputs; where there is no padding nothing is
# copied. float16 is widened in the copy.
#
# Taps that stand side by side in memory (dilation 1, one group) are one long row of channels: first
# layers, with 1 to 4 channels, live on that. Rows of taps above or below the image are left out.
#
# For few outputs the lanes of registers are pixels instead: _planar.pxd.
#
# The input gradient is the same walk over another image (_windows.pxd), phase by phase of the
# stride, so that no multiplication with a zero between strides is ever made.
#
# The weight gradient is in _weight_gradient.pxd. Many windows have a form with fewer
# multiplications, in winograd.pyx or toom.pyx; odyssey/utils/conv_algorithm.py chooses.
#
# Every output is one sum in one order (taps, then channels; or pixels), wherever its tile falls:
# results are the same for any number of threads.

cimport numpy as cnp
from cython.parallel cimport prange, threadid
from libc.stdlib cimport free
from libc.string cimport memset

from odyssey._ext._bias_gradient cimport bias_gradient
from odyssey._ext._direct cimport PIXELS, Steps, pack, rows_for, tile
from odyssey._ext._door cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, PyArray_DIMS, PyArray_STRIDES, PyArray_TYPE, aligned,
)
from odyssey._ext._field cimport Chunks, Part, chunks_of, fill, part_of
from odyssey._ext._layout cimport channels_last, empty_channels_last
from odyssey._ext._planar cimport is_planar, outs_for, walk_planar
from odyssey._ext._pool cimport empty
from odyssey._ext._simd cimport (
    WIDE, element, half, lanes, real, scratch, vec, vsplat_f32, vsplat_f64,
)
from odyssey._ext._tap_rows cimport (
    add_runs, column_walk, images_at_once, layer_count, layer_length, weights_by_row,
)
from odyssey._ext._threads cimport num_threads
from odyssey._ext._weight_gradient cimport weight_gradient
from odyssey._ext._windows cimport (
    Axis, Call, Filters, Slide, Walk, block_count, call_for, gradient_axis, inside, most, one,
    stored, two, width_of,
)

from importlib import import_module
from typing import Any

import numpy as np

from odyssey.utils.conv_algorithm import choose_algorithm, get_conv_algorithm
from odyssey.utils.kernel_checks import check_needs
from odyssey.utils.kernel_checks_conv import check_conv2d, check_conv2d_backward

cnp.import_array()

# The other forms, of the same level: which that is only the loaded module knows.
_matmul = import_module(".matmul", __package__)
_toom = import_module(".toom", __package__)
_winograd = import_module(".winograd", __package__)

cdef enum:
    DIRECT = 0                      # what odyssey/utils/conv_algorithm.py answers
    ALONG_ROWS = -1
    MANY = 128                      # channels, from which on 1x1 is a product
    CHUNK = 96                      # pixels that are computed together, about
    GROUP = 400 << 10               # bytes of weights that shall stay in L2
    PARALLEL = 300000               # multiply-adds that are worth waking a second thread


# One chunk, blocks from `first` to `last` of one group of channels.
cdef void run(const Walk* walk, const Chunks* chunks, Py_ssize_t chunk, Py_ssize_t first,
        Py_ssize_t last, const element* source, const real* packed, const real* bias, real* field,
        element* target, vec zero) noexcept nogil:
    cdef const Axis* v = &walk.v
    cdef const Axis* h = &walk.h
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t blocks = block_count(walk.outs, zero)
    cdef Py_ssize_t g = first // blocks
    cdef Py_ssize_t K = walk.groups * walk.outs
    cdef Part part = part_of(walk, chunks, chunk)
    cdef Py_ssize_t image = part.image
    cdef Py_ssize_t line = part.line
    cdef Py_ssize_t pixels = part.images * part.lines * h.count
    cdef Py_ssize_t size = chunks.rows * chunks.width * chunks.pitch
    cdef Py_ssize_t pace = chunks.pitch * h.move
    cdef Py_ssize_t per_block = v.taps * h.taps * walk.inner * WIDE * V
    cdef Py_ssize_t stride = h.step * K
    cdef Py_ssize_t n = 0, p = 0, q = 0, t, b, outs, low, high, start, stop, at
    cdef Py_ssize_t[PIXELS] to
    cdef const real* x[PIXELS]
    cdef const real* corner
    cdef const real* weights
    cdef const real* biases
    cdef element* out
    cdef Steps steps
    cdef int wide, i, count, rows
    steps.down = v.gap * chunks.width * chunks.pitch
    steps.right = h.gap * chunks.pitch
    steps.columns, steps.channels = h.taps, walk.inner
    if h.gap == 1 and chunks.pitch == walk.inner:
        steps.columns, steps.channels = 1, h.taps * walk.inner
    source += g * walk.inner
    if chunks.open:
        field = <real*>source + (
            (image * v.source + line * v.move + v.offset) * h.source + h.offset) * chunks.pitch
    else:
        for i in range(<int>part.images):
            fill(walk, chunks, line, source + (image + i) * v.source * h.source * walk.groups
                * walk.inner, field + i * size, zero)
    rows = rows_for(pixels, h.count, width_of(walk.outs, first - g * blocks, zero))
    corner = field
    at = ((image * v.target + v.first + line * v.step) * h.target + h.first) * K
    inside(v, line, &start, &stop)
    for t in range((pixels + rows - 1) // rows):
        count = <int>min(rows, pixels - t * rows)
        low, high = start, stop
        for i in range(count):
            x[i] = corner + q * pace
            to[i] = at + q * stride
            q += 1
            if q == h.count:        # the next line, or image
                q = 0
                p += 1
                if p == part.lines:
                    p = 0
                    n += 1
                corner = field + n * size + p * v.move * chunks.width * chunks.pitch
                at = (((image + n) * v.target + v.first + (line + p) * v.step) * h.target
                    + h.first) * K
                inside(v, line + p, &start, &stop)
                if i + 1 < count:   # it may see other rows of taps
                    low, high = min(low, start), max(high, stop)
        for i in range(count, PIXELS):      # past the last pixel: repeat it
            x[i] = x[i - 1]
            to[i] = to[i - 1]
        high = max(low, high)
        for b in range(last - first):
            outs = walk.outs - (first - g * blocks + b) * WIDE * V
            wide = width_of(outs, 0, zero)
            weights = packed + b * per_block
            biases = bias + (first + b) * WIDE * V
            out = target + g * walk.outs + (first - g * blocks + b) * WIDE * V
            if wide == 1:
                tile(PIXELS, <one>1, &steps, low, high, x, weights, biases, out, &to[0], count,
                     outs, zero)
            elif wide == 2 and rows == PIXELS - 1:
                tile(PIXELS - 1, <two>2, &steps, low, high, x, weights, biases, out, &to[0], count,
                     outs, zero)
            elif wide == 2:
                tile(PIXELS, <two>2, &steps, low, high, x, weights, biases, out, &to[0], count,
                     outs, zero)
            elif rows == PIXELS:
                tile(PIXELS, <most>WIDE, &steps, low, high, x, weights, biases, out, &to[0],
                     count, outs, zero)
            elif rows == PIXELS - 1:
                tile(PIXELS - 1, <most>WIDE, &steps, low, high, x, weights, biases, out, &to[0],
                     count, outs, zero)
            else:
                tile(PIXELS - 2, <most>WIDE, &steps, low, high, x, weights, biases, out, &to[0],
                     count, outs, zero)


cdef void start_run(const Walk* walk, const Chunks* chunks, Py_ssize_t job, Py_ssize_t parts,
        Py_ssize_t together, const element* source, const real* packed, const real* biases,
        real* field, element* target, vec zero) noexcept nogil:
    cdef Py_ssize_t blocks = block_count(walk.outs, zero)
    cdef Py_ssize_t part = job // chunks.count
    cdef Py_ssize_t start = part // parts * blocks
    cdef Py_ssize_t first = start + part % parts * together
    run(walk, chunks, job % chunks.count, first, min(first + together, start + blocks), source,
        packed + first * walk.v.taps * walk.h.taps * walk.inner * WIDE * lanes(zero), biases, field,
        target, zero)


# target = the walk over source, plus bias (NULL for none). -1 if there is no memory.
cdef int walk_all(const Walk* walk, Filters filters, const element* source, const char* bias,
        Py_ssize_t bias_step, element* target, real number, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t blocks = block_count(walk.outs, zero)
    cdef Py_ssize_t total = walk.groups * blocks
    cdef Py_ssize_t taps = walk.v.taps * walk.h.taps
    cdef Py_ssize_t pixels = walk.N * walk.v.count * walk.h.count
    cdef Py_ssize_t per_block = taps * walk.inner * WIDE * V
    cdef Py_ssize_t together, parts, job, k, room
    cdef double work = <double>pixels * taps * walk.inner * walk.outs * walk.groups
    cdef int threads = num_threads() if work > PARALLEL else 1
    cdef Chunks chunks
    cdef real* biases
    cdef real* packed
    cdef real* fields
    if pixels == 0 or total == 0:
        return 0
    if is_planar(walk, zero):
        return walk_planar(walk, filters, source, bias, bias_step, target, number, zero)
    chunks = chunks_of(walk, sizeof(element) == sizeof(real), CHUNK, PIXELS)
    room = 0 if chunks.open else chunks.images * chunks.rows * chunks.width * chunks.pitch + 16
    together = max(1, min(blocks, GROUP // max(1, per_block * <Py_ssize_t>sizeof(real))))
    parts = (blocks + together - 1) // together
    biases = <real*>scratch((total * (WIDE * V + per_block) + threads * room) * sizeof(real))
    if biases == NULL:
        return -1
    packed = biases + total * WIDE * V
    fields = packed + total * per_block
    memset(biases, 0, total * WIDE * V * sizeof(real))
    if bias != NULL:
        for k in range(walk.groups * walk.outs):
            biases[k // walk.outs * blocks * WIDE * V + k % walk.outs] = stored(
                bias + k * bias_step, target[0], packed[0])
    for job in prange(total, num_threads=threads, schedule="static", use_threads_if=threads > 1):
        pack(walk, filters, job, packed, target[0], zero)
    for job in prange(walk.groups * parts * chunks.count, num_threads=threads, schedule="static",
            use_threads_if=threads > 1):
        start_run(walk, &chunks, job, parts, together, source, <const real*>packed,
            <const real*>biases, fields + threadid() * room, target, zero)
    free(biases)
    return 0


# What a row of pixels takes for each row of taps and filter: multiply-adds of registers.
cdef Py_ssize_t registers_by_pixel(Walk walk, Slide h, vec like) noexcept nogil:
    cdef Py_ssize_t V = lanes(like)
    walk.inner, walk.outs = walk.outs, walk.inner
    walk.h = gradient_axis(h, 0)
    if is_planar(&walk, like):
        return outs_for(&walk) * ((h.size + V - 1) // V) * h.taps
    return (h.size * h.taps + h.stride - 1) // h.stride * ((walk.outs + V - 1) // V)


# The input gradient with a row of taps as the outputs: see _tap_rows.pxd.
cdef int gradient_of_rows(const Walk* walk, Slide v, Slide h, Filters filters, Py_ssize_t images,
        const element* grad, element* target, real number, vec zero) noexcept nogil:
    cdef Walk columns = column_walk(walk, h, zero)
    cdef Py_ssize_t length = columns.outs
    cdef Py_ssize_t layers = layer_count(h) * layer_length(walk, h, zero)
    cdef Py_ssize_t per_row = h.outputs * length
    cdef double work = <double>walk.N * v.size * per_row * v.taps * walk.outs
    cdef int threads = num_threads() if work > PARALLEL else 1
    cdef Py_ssize_t weights = walk.outs * v.taps * length
    cdef Py_ssize_t part, image, i, job
    cdef int failed = 0
    cdef element* runs = <element*>scratch(
        (images * v.size * per_row + weights + threads * layers) * sizeof(element))
    cdef element* rows = runs + images * v.size * per_row
    if runs == NULL:
        return -1
    memset(rows, 0, threads * layers * sizeof(element))
    filters = weights_by_row(walk, v, h, filters, rows + threads * layers, number, zero)
    for part in range((walk.N + images - 1) // images):
        image = part * images
        columns.N = min(images, walk.N - image)
        for i in range(min(v.stride, v.size)):
            columns.v = gradient_axis(v, i)
            failed += walk_all(
                &columns, filters, grad + image * v.outputs * h.outputs * walk.outs, NULL, 0, runs,
                number, zero)
        for job in prange(columns.N * v.size, num_threads=threads, schedule="static",
                use_threads_if=threads > 1):
            add_runs(walk, h, <const element*>runs + job * per_row, rows + threadid() * layers,
                target + (image * v.size + job) * h.size * walk.inner, zero)
    free(runs)
    return failed


cdef int input_gradient(Walk walk, Slide v, Slide h, Filters filters, const element* grad,
        element* target, real number, vec zero) noexcept nogil:
    cdef Py_ssize_t i, j, images = 0
    cdef int failed = 0
    if sizeof(element) == sizeof(real):
        images = images_at_once(&walk, v, h, registers_by_pixel(walk, h, zero), number, zero)
    if images:
        return gradient_of_rows(&walk, v, h, filters, images, grad, target, number, zero)
    walk.inner, walk.outs = walk.outs, walk.inner
    filters.inner, filters.out = filters.out, filters.inner
    for i in range(min(v.stride, v.size)):
        for j in range(min(h.stride, h.size)):
            walk.v = gradient_axis(v, i)
            walk.h = gradient_axis(h, j)
            failed += walk_all(&walk, filters, grad, NULL, 0, target, number, zero)
    return failed


# ---- the doors -----------------------------------------------------------------------------------

# Windows of one pixel on many channels: a product of matrices, whose tile is taller than ours.
cdef bint is_product(object weight, object window):
    cdef cnp.npy_intp* shape = PyArray_DIMS(weight)
    return (
        shape[2] * shape[3] == 1 and shape[1] >= MANY and window.groups == 1
        and window.stride == (1, 1) and window.padding == ((0, 0), (0, 0)))


# The algorithm: DIRECT, ALONG_ROWS, or the side of Winograd's tiles.
cdef int algorithm_for(object x, object weight, object window, str direction) except -2:
    cdef cnp.npy_intp* shape = PyArray_DIMS(weight)
    if PyArray_TYPE(x) == NPY_DOUBLE:
        return DIRECT
    return choose_algorithm(
        get_conv_algorithm(), direction, shape[1], shape[0] // window.groups,
        (shape[2], shape[3]), window.outputs, window.stride, window.dilation)


def conv2d(
        x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None, stride: Any = 1,
        padding: Any = 0, dilation: Any = 1, groups: int = 1) -> np.ndarray:
    """Cross-correlate a batch of images with a bank of filters.

    Same contract as odyssey.reference.conv.conv2d. Memory: the weights once
    more, packed; for float16 the images once more, in float32.
    """
    window = check_conv2d("conv2d", x, weight, bias, stride, padding, dilation, groups)
    cdef int algorithm
    cdef Call call
    cdef const char* b = NULL
    cdef Py_ssize_t step = 0
    cdef void* source
    cdef void* target
    cdef int failed
    if is_product(weight, window):
        return _matmul.linear(
            channels_last(x).transpose(0, 2, 3, 1), weight[:, :, 0, 0], bias
        ).transpose(0, 3, 1, 2)
    algorithm = algorithm_for(x, weight, window, "forward")
    if algorithm > 0:
        return _winograd.winograd_conv2d(x, weight, bias, padding, dilation, groups, algorithm)
    if algorithm == ALONG_ROWS:
        return _toom.toom_conv2d(x, weight, bias, stride, padding, dilation, groups)
    weight = aligned(weight)
    call = call_for(x, weight, window)
    out = empty_channels_last(
        call.walk.N, PyArray_DIMS(weight)[0], call.v.outputs, call.h.outputs, call.number)
    x = channels_last(x)
    if bias is not None:
        bias = aligned(bias)
        b = <const char*>PyArray_DATA(bias)
        step = PyArray_STRIDES(bias)[0]
    source = PyArray_DATA(x)
    target = PyArray_DATA(out)
    with nogil:
        if call.number == NPY_FLOAT:
            failed = walk_all(&call.walk, call.filters, <const float*>source, b, step,
                <float*>target, <float>0, vsplat_f32(0))
        elif call.number == NPY_DOUBLE:
            failed = walk_all(&call.walk, call.filters, <const double*>source, b, step,
                <double*>target, <double>0, vsplat_f64(0))
        else:
            failed = walk_all(&call.walk, call.filters, <const half*>source, b, step,
                <half*>target, <float>0, vsplat_f32(0))
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
    cdef int for_input, for_weight
    cdef Call call
    cdef void* g
    cdef void* source
    cdef void* target
    cdef void* b = NULL
    cdef int failed = 0
    if is_product(weight, window):
        grad_x, grad_weight, grad_bias = _matmul.linear_backward(
            channels_last(grad).transpose(0, 2, 3, 1), channels_last(x).transpose(0, 2, 3, 1),
            weight[:, :, 0, 0], needs)
        return (
            grad_x if grad_x is None else grad_x.transpose(0, 3, 1, 2),
            grad_weight if grad_weight is None else grad_weight.reshape(weight.shape), grad_bias)
    for_input = algorithm_for(x, weight, window, "input") if needs[0] else DIRECT
    for_weight = algorithm_for(x, weight, window, "weight") if needs[1] else DIRECT
    weight = aligned(weight)
    call = call_for(x, weight, window)
    grad = channels_last(grad)
    grad_x = grad_weight = grad_bias = None
    if for_input > 0:
        grad_x, _, _ = _winograd.winograd_conv2d_backward(
            grad, x, weight, padding, dilation, groups, (True, False, False), for_input)
    elif needs[0]:
        grad_x = empty_channels_last(
            call.walk.N, PyArray_DIMS(x)[1], call.v.size, call.h.size, call.number)
        g = PyArray_DATA(grad)
        target = PyArray_DATA(grad_x)
        with nogil:
            if call.number == NPY_FLOAT:
                failed = input_gradient(call.walk, call.v, call.h, call.filters, <const float*>g,
                    <float*>target, <float>0, vsplat_f32(0))
            elif call.number == NPY_DOUBLE:
                failed = input_gradient(call.walk, call.v, call.h, call.filters, <const double*>g,
                    <double*>target, <double>0, vsplat_f64(0))
            else:
                failed = input_gradient(call.walk, call.v, call.h, call.filters, <const half*>g,
                    <half*>target, <float>0, vsplat_f32(0))
    g = PyArray_DATA(grad)
    if for_weight == ALONG_ROWS:
        grad_weight, grad_bias = _toom.toom_conv2d_weight_gradient(
            grad, x, weight, stride, padding, dilation, groups, (True, needs[2]))
    elif for_weight > 0:
        _, grad_weight, _ = _winograd.winograd_conv2d_backward(
            grad, x, weight, padding, dilation, groups, (False, True, False), for_weight)
    elif needs[1]:
        grad_weight = empty(4, PyArray_DIMS(weight), call.number)
        x = channels_last(x)
        source = PyArray_DATA(x)
        target = PyArray_DATA(grad_weight)
        if needs[2]:                # the sums of the gradient come along
            grad_bias = empty(1, PyArray_DIMS(weight), call.number)
            b = PyArray_DATA(grad_bias)
        with nogil:
            if call.number == NPY_FLOAT:
                failed += weight_gradient(&call.walk, <const float*>source, <const float*>g,
                    <float*>target, <float*>b, <float>0, vsplat_f32(0))
            elif call.number == NPY_DOUBLE:
                failed += weight_gradient(&call.walk, <const double*>source, <const double*>g,
                    <double*>target, <double*>b, <double>0, vsplat_f64(0))
            else:
                failed += weight_gradient(&call.walk, <const half*>source, <const half*>g,
                    <half*>target, <half*>b, <float>0, vsplat_f32(0))
    if needs[2] and grad_bias is None:
        grad_bias = bias_gradient(grad)
    if failed:
        raise MemoryError("conv2d_backward: no memory for packed weights and sums")
    return grad_x, grad_weight, grad_bias
