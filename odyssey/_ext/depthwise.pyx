# The depthwise convolution and its gradients, and the depthwise-separable one, in channels-last
# memory.
#
# Plan. Every channel has filters of its own, so channels are lanes: at each output pixel, WIDE
# vectors of channels stay in registers while the taps that fall inside the image run, each of them
# one load of the image and one of the weights. There is no sum over channels, hardly any
# arithmetic: what counts is that both images are read once. Threads split rows of the output.
#
# The input gradient is the same walk over another image, phase by phase of the stride, as in
# conv.pyx.
#
# The weight gradient is a sum over pixels, for every tap and channel. Threads split images and
# blocks of channels, each with sums of its own; those of the images are then added in their order,
# so that results are the same for any number of threads.
#
# A depth multiplier M > 1 repeats every channel of the image M times first; the input gradient is
# then summed over the M copies. float16 is widened to float32 once per call.
#
# The separable convolution is the depthwise one and a 1x1 convolution: two calls. Its backward
# computes the image between the two again instead of keeping it.

cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdlib cimport free
from libc.string cimport memset

from odyssey._ext._door cimport (
    NPY_DOUBLE, NPY_FLOAT, NPY_HALF, PyArray_DATA, PyArray_DIMS, PyArray_STRIDES, PyArray_TYPE,
    aligned, sum_type,
)
from odyssey._ext._layout cimport channels_last, empty_channels_last
from odyssey._ext._pool cimport empty
from odyssey._ext._simd cimport (
    WIDE, element, float_to_half, half, lanes, load, load_part, real, scratch, store, store_part,
    vec, vsplat_f32, vsplat_f64,
)
from odyssey._ext._threads cimport num_threads
from odyssey._ext._weight_gradient cimport bias_gradient
from odyssey._ext._windows cimport (
    Axis, Slide, Walk, breadth, forward_axis, gradient_axis, inside, most, one, slide,
    vectors, widened,
)

from typing import Any

import numpy as np

# The pointwise half is a kernel of the same level.
from .conv import conv2d, conv2d_backward

from odyssey.utils.kernel_checks import check_needs
from odyssey.utils.kernel_checks_conv import (
    check_depthwise, check_depthwise_backward, check_separable,
    check_separable_backward,
)

cnp.import_array()

cdef enum:
    MOST = 4                        # vectors of a block of channels, at every level
    PARALLEL = 1 << 17              # numbers that are worth a second thread


# The weights of this call, packed: [tap][channel], and the biases; rows of `row` numbers.
cdef struct Packed:
    Py_ssize_t row
    Py_ssize_t taps_h               # taps in a row of the window


cdef inline vec fetch(const element* p, Py_ssize_t count, vec zero) noexcept nogil:
    return load(p, zero) if count >= lanes(zero) else load_part(p, count, zero)


# ---- the walk: forward, and input gradient -------------------------------------------------------

# One pixel, up to vectors(like) vectors of channels, `count` of which exist.
cdef inline void pixel(breadth like, const Walk* walk, const Packed* packed, Py_ssize_t p,
        Py_ssize_t q, Py_ssize_t low, Py_ssize_t high, const real* source, const real* weights,
        const real* bias, element* target, Py_ssize_t count, vec zero) noexcept nogil:
    cdef int wide = vectors(like)
    cdef vec[MOST] sums
    cdef const Axis* v = &walk.v
    cdef const Axis* h = &walk.h
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t r, _s, left, right
    cdef const real* x
    cdef const real* w
    cdef int j
    inside(h, q, &left, &right)
    for j in range(wide):
        sums[j] = load(bias + j * V, zero)
    for r in range(low, high):
        x = source + ((p * v.move + v.offset + r * v.gap) * h.source + q * h.move + h.offset
            + left * h.gap) * walk.groups
        w = weights + ((v.tap + r * v.tap_step) * packed.taps_h + h.tap
            + left * h.tap_step) * packed.row
        for _s in range(left, right):
            for j in range(wide):
                if wide > 1:
                    sums[j] = sums[j] + load(x + j * V, zero) * load(w + j * V, zero)
                else:
                    sums[j] = sums[j] + fetch(x + j * V, count, zero) * load(w + j * V, zero)
            x += h.gap * walk.groups
            w += h.tap_step * packed.row
    for j in range(wide):
        if count >= (j + 1) * V:
            store(target + j * V, sums[j])
        else:
            store_part(target + j * V, count, sums[j])


# One row of target pixels.
cdef void walk_row(const Walk* walk, const Packed* packed, Py_ssize_t job, const real* source,
        const real* weights, const real* bias, element* target, vec zero) noexcept nogil:
    cdef const Axis* v = &walk.v
    cdef const Axis* h = &walk.h
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t C = walk.groups
    cdef Py_ssize_t n = job // v.count
    cdef Py_ssize_t p = job - n * v.count
    cdef Py_ssize_t q, c, low, high
    cdef element* out
    inside(v, p, &low, &high)
    source += n * v.source * h.source * C
    for q in range(h.count):
        out = target + ((n * v.target + v.first + p * v.step) * h.target + h.first + q * h.step) * C
        c = 0
        while c + WIDE * V <= C:
            pixel(<most>1, walk, packed, p, q, low, high, source + c, weights + c, bias + c,
                out + c, WIDE * V, zero)
            c += WIDE * V
        while c < C:
            pixel(<one>1, walk, packed, p, q, low, high, source + c, weights + c, bias + c,
                out + c, C - c, zero)
            c += V


cdef void walk_all(const Walk* walk, const Packed* packed, const real* source,
        const real* weights, const real* bias, element* target, vec zero) noexcept nogil:
    cdef Py_ssize_t jobs = walk.N * walk.v.count
    cdef int threads = num_threads() if jobs * walk.h.count * walk.groups > PARALLEL else 1
    cdef Py_ssize_t job
    for job in prange(jobs, num_threads=threads, schedule="static", use_threads_if=threads > 1):
        walk_row(walk, packed, job, source, weights, bias, target, zero)


# The weights as [tap][channel] and, after them, a row of biases; whole vectors, zeros at the end.
# NULL if there is no memory.
cdef real* pack(Slide v, Slide h, Py_ssize_t C, Packed* packed, const char* weight,
        const cnp.npy_intp* steps, const char* bias, Py_ssize_t bias_step, vec zero,
        real number) noexcept nogil:
    cdef Py_ssize_t taps = v.taps * h.taps
    cdef Py_ssize_t c, r, s
    cdef real* out
    packed.row = (C + lanes(zero) - 1) // lanes(zero) * lanes(zero)
    packed.taps_h = h.taps
    out = <real*>scratch((taps + 1) * packed.row * sizeof(real))
    if out == NULL:
        return NULL
    memset(out, 0, (taps + 1) * packed.row * sizeof(real))
    for c in range(C):
        for r in range(v.taps):
            for s in range(h.taps):
                out[(r * h.taps + s) * packed.row + c] = (
                    <const real*>(weight + c * steps[0] + r * steps[2] + s * steps[3]))[0]
        if bias != NULL:
            out[taps * packed.row + c] = (<const real*>(bias + c * bias_step))[0]
    return out


cdef int forward(Walk walk, Slide v, Slide h, const real* source, const char* weight,
        const cnp.npy_intp* steps, const char* bias, Py_ssize_t bias_step, element* target,
        vec zero) noexcept nogil:
    cdef Packed packed
    cdef real* weights = pack(
        v, h, walk.groups, &packed, weight, steps, bias, bias_step, zero, <real>0)
    if weights == NULL:
        return -1
    walk_all(&walk, &packed, source, <const real*>weights,
        <const real*>(weights + v.taps * h.taps * packed.row), target, zero)
    free(weights)
    return 0


cdef int input_gradient(Walk walk, Slide v, Slide h, const real* grad, const char* weight,
        const cnp.npy_intp* steps, element* target, vec zero) noexcept nogil:
    cdef Packed packed
    cdef Py_ssize_t i, j
    cdef real* weights = pack(
        v, h, walk.groups, &packed, weight, steps, NULL, 0, zero, <real>0)
    if weights == NULL:
        return -1
    for i in range(min(v.stride, v.size)):
        for j in range(min(h.stride, h.size)):
            walk.v = gradient_axis(v, i)
            walk.h = gradient_axis(h, j)
            walk_all(&walk, &packed, grad, <const real*>weights,
                <const real*>(weights + v.taps * h.taps * packed.row), target, zero)
    free(weights)
    return 0


# ---- the weight gradient -------------------------------------------------------------------------

# sums += the products of an input row and a gradient row, pixel by pixel.
cdef inline void add_row(breadth like, Py_ssize_t pixels, const real* x, Py_ssize_t step,
        const real* grad, Py_ssize_t C, Py_ssize_t count, real* sums, vec zero) noexcept nogil:
    cdef int wide = vectors(like)
    cdef vec[MOST] total
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t _q
    cdef int j
    for j in range(wide):
        total[j] = load(<const real*>(sums + j * V), zero)
    for _q in range(pixels):
        for j in range(wide):
            if wide > 1:
                total[j] = total[j] + load(x + j * V, zero) * load(grad + j * V, zero)
            else:
                total[j] = total[j] + fetch(x, count, zero) * fetch(grad, count, zero)
        x += step
        grad += C
    for j in range(wide):
        store(sums + j * V, total[j])


# One image, one block of WIDE vectors of channels: sums[tap][channel].
cdef void add_image(const Walk* walk, Py_ssize_t row, Py_ssize_t job, const real* source,
        const real* grad, real* sums, vec zero) noexcept nogil:
    cdef const Axis* v = &walk.v
    cdef const Axis* h = &walk.h
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t C = walk.groups
    cdef Py_ssize_t blocks = (row + WIDE * V - 1) // (WIDE * V)
    cdef Py_ssize_t n = job // blocks
    cdef Py_ssize_t c = job % blocks * WIDE * V
    cdef Py_ssize_t end = min(C, c + WIDE * V)
    cdef Py_ssize_t p, r, s, first, last, low, high, start
    cdef const real* x
    cdef const real* g
    sums += n * v.taps * h.taps * row
    source += n * v.source * h.source * C
    grad += n * v.count * h.count * C
    while c < end:
        for p in range(v.count):
            inside(v, p, &low, &high)
            for r in range(low, high):
                for s in range(h.taps):
                    # The outputs whose tap s is inside the image.
                    start = h.offset + s * h.gap
                    first = 0 if start >= 0 else (-start + h.move - 1) // h.move
                    last = 0
                    if start < h.source:
                        last = min(h.count, (h.source - 1 - start) // h.move + 1)
                    if first >= last:
                        continue
                    x = source + ((p * v.move + v.offset + r * v.gap) * h.source + start
                        + first * h.move) * C + c
                    g = grad + (p * h.count + first) * C + c
                    if end - c == WIDE * V:
                        add_row(<most>1, last - first, x, h.move * C, g, C, end - c,
                            sums + (r * h.taps + s) * row + c, zero)
                    else:
                        add_row(<one>1, last - first, x, h.move * C, g, C, end - c,
                            sums + (r * h.taps + s) * row + c, zero)
        c += WIDE * V if end - c == WIDE * V else V


# weight[channel][tap] (C-contiguous) = its gradient. -1 if there is no memory.
cdef int weight_gradient(const Walk* walk, const real* source, const real* grad, element* weight,
        vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t C = walk.groups
    cdef Py_ssize_t taps = walk.v.taps * walk.h.taps
    cdef Py_ssize_t row = (C + V - 1) // V * V
    cdef Py_ssize_t jobs = walk.N * ((row + WIDE * V - 1) // (WIDE * V))
    cdef Py_ssize_t size = walk.N * taps * row
    cdef Py_ssize_t job, n, c, t
    cdef double work = <double>walk.N * walk.v.count * walk.h.count * C
    cdef int threads = num_threads() if work > PARALLEL else 1
    cdef real* sums = <real*>scratch(size * sizeof(real))
    cdef real total
    if sums == NULL:
        return -1
    memset(sums, 0, size * sizeof(real))
    for job in prange(jobs, num_threads=threads, schedule="static", use_threads_if=threads > 1):
        add_image(walk, row, job, source, grad, sums, zero)
    for c in range(C):
        for t in range(taps):
            total = 0
            for n in range(walk.N):
                total = total + sums[(n * taps + t) * row + c]
            if element is half:
                weight[c * taps + t] = float_to_half(<float>total)
            else:
                weight[c * taps + t] = <element>total
    free(sums)
    return 0


# ---- the depth multiplier ------------------------------------------------------------------------

# Every channel M times, side by side.
cdef object repeated(object x, Py_ssize_t M):
    if M == 1:
        return x
    pixels = x.transpose(0, 2, 3, 1)
    return np.repeat(pixels, M, axis=3).transpose(0, 3, 1, 2)


# The sum over the M copies of every channel, in the dtype of the arithmetic.
cdef object folded(object x, Py_ssize_t M, object dtype):
    if M == 1:
        return x
    pixels = x.transpose(0, 2, 3, 1)
    N, H, W, K = pixels.shape
    folded = pixels.reshape(N, H, W, K // M, M).sum(4)
    return folded.astype(dtype, copy=False).transpose(0, 3, 1, 2)


# Weights in the dtype of the arithmetic, so that C can read them.
cdef object in_sum_type(object x):
    return np.asarray(x, np.float32) if PyArray_TYPE(x) == NPY_HALF else aligned(x)


# ---- the doors -----------------------------------------------------------------------------------

cdef Walk whole_walk(Slide v, Slide h, Py_ssize_t N, Py_ssize_t K):
    return Walk(N, K, 1, 1, forward_axis(v), forward_axis(h))


def depthwise_conv2d(
        x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None, stride: Any = 1,
        padding: Any = 0, dilation: Any = 1) -> np.ndarray:
    """Cross-correlate every channel with filters of its own.

    Same contract as odyssey.reference.depthwise.depthwise_conv2d. Memory: with
    a depth multiplier the images once more, repeated; for float16 in float32.
    """
    window = check_depthwise("depthwise_conv2d", x, weight, bias, stride, padding, dilation)
    cdef cnp.npy_intp* shape = PyArray_DIMS(x)
    cdef Py_ssize_t K = PyArray_DIMS(weight)[0]
    cdef Slide v = slide(shape[2], PyArray_DIMS(weight)[2], window, 0)
    cdef Slide h = slide(shape[3], PyArray_DIMS(weight)[3], window, 1)
    cdef Walk walk = whole_walk(v, h, shape[0], K)
    cdef int number = PyArray_TYPE(x)
    cdef const char* b = NULL
    cdef Py_ssize_t step = 0
    cdef const char* w
    cdef void* source
    cdef void* target
    cdef cnp.npy_intp* steps
    cdef int failed
    out = empty_channels_last(shape[0], K, v.outputs, h.outputs, number)
    if out.size == 0:
        return out
    images = repeated(widened(channels_last(x)), K // shape[1])
    weight = in_sum_type(weight)
    if bias is not None:
        bias = in_sum_type(bias)
        b = <const char*>PyArray_DATA(bias)
        step = PyArray_STRIDES(bias)[0]
    w = <const char*>PyArray_DATA(weight)
    steps = PyArray_STRIDES(weight)
    source = PyArray_DATA(images)
    target = PyArray_DATA(out)
    with nogil:
        if number == NPY_FLOAT:
            failed = forward(walk, v, h, <const float*>source, w, steps, b, step, <float*>target,
                vsplat_f32(0))
        elif number == NPY_DOUBLE:
            failed = forward(walk, v, h, <const double*>source, w, steps, b, step,
                <double*>target, vsplat_f64(0))
        else:
            failed = forward(walk, v, h, <const float*>source, w, steps, b, step, <half*>target,
                vsplat_f32(0))
    if failed:
        raise MemoryError("depthwise_conv2d: no memory for the packed weights")
    return out


def depthwise_conv2d_backward(
        grad: np.ndarray, x: np.ndarray, weight: np.ndarray, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1,
        needs: tuple[bool, ...] = (True, True, True)) -> tuple[np.ndarray | None, ...]:
    """Gradients of depthwise_conv2d with respect to its images, filters and biases.

    Same contract as odyssey.reference.depthwise.depthwise_conv2d_backward.
    Memory: as in the forward function, and the weight gradient of each image.
    """
    window = check_depthwise_backward(grad, x, weight, stride, padding, dilation)
    needs = check_needs("depthwise_conv2d_backward", needs, 3)
    cdef cnp.npy_intp* shape = PyArray_DIMS(x)
    cdef Py_ssize_t K = PyArray_DIMS(weight)[0]
    cdef Py_ssize_t M = K // shape[1] if shape[1] else 1
    cdef Slide v = slide(shape[2], PyArray_DIMS(weight)[2], window, 0)
    cdef Slide h = slide(shape[3], PyArray_DIMS(weight)[3], window, 1)
    cdef Walk walk = whole_walk(v, h, shape[0], K)
    cdef int number = PyArray_TYPE(x)
    cdef int out_type
    cdef const char* w
    cdef void* g
    cdef void* source
    cdef void* target
    cdef cnp.npy_intp* steps
    cdef int failed = 0
    grad = channels_last(grad)
    wide_grad = widened(grad) if needs[0] or needs[1] else grad
    g = PyArray_DATA(wide_grad)
    grad_x = grad_weight = grad_bias = None
    if needs[0]:
        # Copies that are still to be summed are not rounded to half precision before.
        out_type = number if M == 1 else sum_type(number)
        grad_x = empty_channels_last(shape[0], K, v.size, h.size, out_type)
        wide_weight = in_sum_type(weight)
        w = <const char*>PyArray_DATA(wide_weight)
        steps = PyArray_STRIDES(wide_weight)
        target = PyArray_DATA(grad_x)
        with nogil:
            if out_type == NPY_FLOAT:
                failed = input_gradient(walk, v, h, <const float*>g, w, steps, <float*>target,
                    vsplat_f32(0))
            elif out_type == NPY_DOUBLE:
                failed = input_gradient(walk, v, h, <const double*>g, w, steps, <double*>target,
                    vsplat_f64(0))
            else:
                failed = input_gradient(walk, v, h, <const float*>g, w, steps, <half*>target,
                    vsplat_f32(0))
        grad_x = folded(grad_x, M, x.dtype)
    if needs[1]:
        grad_weight = empty(4, PyArray_DIMS(weight), number)
        images = repeated(widened(channels_last(x)), M)
        source = PyArray_DATA(images)
        target = PyArray_DATA(grad_weight)
        with nogil:
            if number == NPY_FLOAT:
                failed += weight_gradient(&walk, <const float*>source, <const float*>g,
                    <float*>target, vsplat_f32(0))
            elif number == NPY_DOUBLE:
                failed += weight_gradient(&walk, <const double*>source, <const double*>g,
                    <double*>target, vsplat_f64(0))
            else:
                failed += weight_gradient(&walk, <const float*>source, <const float*>g,
                    <half*>target, vsplat_f32(0))
    if needs[2]:
        grad_bias = bias_gradient(grad)
    if failed:
        raise MemoryError("depthwise_conv2d_backward: no memory for packed weights and sums")
    return grad_x, grad_weight, grad_bias


def depthwise_separable_conv2d(
        x: np.ndarray, depthwise_weight: np.ndarray, pointwise_weight: np.ndarray,
        bias: np.ndarray | None = None, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1) -> np.ndarray:
    """Cross-correlate every channel by itself, then mix the channels of each pixel.

    Same contract as odyssey.reference.depthwise.depthwise_separable_conv2d.
    Memory: the image between the two steps.
    """
    check_separable("depthwise_separable_conv2d", x, depthwise_weight, pointwise_weight, bias)
    middle = depthwise_conv2d(x, depthwise_weight, None, stride, padding, dilation)
    return conv2d(middle, pointwise_weight, bias)


def depthwise_separable_conv2d_backward(
        grad: np.ndarray, x: np.ndarray, depthwise_weight: np.ndarray,
        pointwise_weight: np.ndarray, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
        needs: tuple[bool, ...] = (True, True, True, True)) -> tuple[np.ndarray | None, ...]:
    """Gradients of depthwise_separable_conv2d with respect to its four arrays.

    Same contract as odyssey.reference.depthwise.depthwise_separable_conv2d_backward.
    Memory: the image between the two steps, which is computed again, and its
    gradient.
    """
    middle_shape = check_separable_backward(
        grad, x, depthwise_weight, pointwise_weight, stride, padding, dilation)
    needs = check_needs("depthwise_separable_conv2d_backward", needs, 4)
    grad_x = grad_depthwise = None
    middle = np.broadcast_to(np.zeros((), x.dtype), middle_shape)
    if needs[2]:
        middle = depthwise_conv2d(x, depthwise_weight, None, stride, padding, dilation)
    grad_middle, grad_pointwise, grad_bias = conv2d_backward(
        grad, middle, pointwise_weight, needs=(needs[0] or needs[1], needs[2], needs[3]))
    if grad_middle is not None:
        grad_x, grad_depthwise, _ = depthwise_conv2d_backward(
            grad_middle, x, depthwise_weight, stride, padding, dilation,
            (needs[0], needs[1], False))
    return grad_x, grad_depthwise, grad_pointwise, grad_bias
