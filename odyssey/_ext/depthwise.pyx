# The depthwise convolution and its gradients, and the depthwise-separable one, in channels-last
# memory.
#
# Plan. Every channel has filters of its own: channels are lanes, and nothing is summed over them.
# There are as many multiply-adds for each number as the window has taps: with few of them memory is
# the limit, with 3x3 and more it is how many loads a multiply-add needs.
#
#   pack the weights: [vector of channels][tap][channel]
#   for each image, for each stripe of STRIPE rows of the target:       (threads split these)
#       for each vector of channels: walk the stripe from left to right (_depthwise_walk.pxd)
#
# The input gradient is the same walk over another image, phase by phase of the stride; what makes
# phases and dilations simple is in _depthwise_tracks.pxd.
#
# The weight gradient (_depthwise_weight.pxd) is a sum over all pixels. Stripes form parts, whose
# number depends on the shapes alone. Threads split the parts, each with sums of its own; these are
# then added in their order, so that results are the same for any number of threads. The gradient of
# the biases falls out on the way.
#
# A depth multiplier M > 1 repeats every channel of the image M times first; the input gradient is
# then summed over the M copies. float16 is widened to float32 before and narrowed again after.
#
# The separable convolution is the depthwise one and a 1x1 convolution: two calls. Its backward
# computes the image between the two again instead of keeping it.

cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdlib cimport free
from libc.string cimport memset

from odyssey._ext._depthwise_multiplier cimport folded, put, repeated
from odyssey._ext._depthwise_tracks cimport (
    STRIPE, Walk, first_channel, pack, packed_size, simplest, track, vector_count,
)
from odyssey._ext._depthwise_walk cimport any_tracks
from odyssey._ext._depthwise_weight cimport add_tracks
from odyssey._ext._bias_gradient cimport bias_gradient
from odyssey._ext._door cimport (
    NPY_DOUBLE, NPY_FLOAT, NPY_HALF, PyArray_DATA, PyArray_DIMS, PyArray_STRIDES,
    PyArray_TYPE, aligned, sum_type,
)
from odyssey._ext._layout cimport channels_last, empty_channels_last
from odyssey._ext._pool cimport empty
from odyssey._ext._simd cimport (
    element, half, lanes, load, real, scratch, store, vec, vsplat_f32, vsplat_f64,
)
from odyssey._ext._threads cimport num_threads
from odyssey._ext._windows cimport slide, widened

from importlib import import_module
from typing import Any

import numpy as np

from odyssey.utils.kernel_checks import check_needs
from odyssey.utils.kernel_checks_conv import (
    check_depthwise, check_depthwise_backward, check_separable,
    check_separable_backward,
)

cnp.import_array()

# The pointwise half, of the same level: which that is only the loaded module knows.
_conv = import_module(".conv", __package__)

cdef enum:
    PARALLEL = 300000               # multiply-adds that are worth waking a second thread
    FEW = 8                         # vectors of weights that one thread packs
    FAR = 12 << 20                  # bytes of both images that the nearer caches do not hold
    JOBS = 4                        # for each thread, at least, where there are channels to split
    PART = 1 << 14                  # numbers of the output that make a part of the sums, at least
    CHEAP = 16                      # how many of them for each number of the sums


# ---- forward, and input gradient -----------------------------------------------------------------

# Stripes of an image: each has up to STRIPE rows of every track.
cdef Py_ssize_t stripe_count(const Walk* walk) noexcept nogil:
    return (track(walk.v, walk.backward, 0).count + STRIPE - 1) // STRIPE


cdef double multiply_adds(const Walk* walk) noexcept nogil:
    return <double>walk.N * walk.C * walk.v.outputs * walk.h.outputs * walk.v.taps * walk.h.taps


# Into how many pieces the channels are split where there are few other jobs.
cdef Py_ssize_t piece_count(Py_ssize_t jobs, Py_ssize_t vectors, int threads) noexcept nogil:
    return max(1, min(vectors, (JOBS * threads + jobs - 1) // jobs)) if threads > 1 else 1


cdef void walk_job(const Walk* walk, Py_ssize_t job, Py_ssize_t stripes, Py_ssize_t pieces,
        const real* source, const real* weights, real* target, vec zero) noexcept nogil:
    cdef Py_ssize_t vectors = vector_count(walk.C, zero)
    cdef Py_ssize_t piece = job % pieces
    job = job // pieces
    any_tracks(walk, job // stripes, job % stripes * STRIPE, piece * vectors // pieces,
        (piece + 1) * vectors // pieces, source, weights, target, zero)


# -1 if there is no memory. Steps are those of the weights and the biases, in bytes.
cdef int walk_all(const Walk* walk, const real* source, const char* weight,
        const cnp.npy_intp* steps, const char* bias, Py_ssize_t bias_step, real* target,
        vec zero) noexcept nogil:
    cdef Py_ssize_t stripes = stripe_count(walk)
    cdef Py_ssize_t jobs = walk.N * stripes
    cdef int threads = num_threads() if multiply_adds(walk) > PARALLEL else 1
    cdef Py_ssize_t vectors = vector_count(walk.C, zero)
    cdef Py_ssize_t size = packed_size(walk, zero)
    cdef Py_ssize_t pieces, job
    cdef real* weights
    if jobs == 0 or vectors == 0:
        return 0
    weights = <real*>scratch(vectors * size * sizeof(real))
    if weights == NULL:
        return -1
    for job in prange(vectors, num_threads=threads, schedule="static",
            use_threads_if=threads > 1 and vectors > FEW):
        pack(walk, job, weight, steps, bias, bias_step, weights + job * size, zero)
    pieces = piece_count(jobs, vectors, threads)
    for job in prange(jobs * pieces, num_threads=threads, schedule="static",
            use_threads_if=threads > 1):
        walk_job(walk, job, stripes, pieces, source, <const real*>weights, target, zero)
    free(weights)
    return 0


# ---- the weight gradient -------------------------------------------------------------------------

# The stripes from `first` up to `last`, one piece of the channels: sums[vector][tap][channel].
cdef void add_part(const Walk* walk, Py_ssize_t piece, Py_ssize_t pieces, Py_ssize_t first,
        Py_ssize_t last, const real* source, const real* grad, real* sums, vec zero) noexcept nogil:
    cdef Py_ssize_t vectors = vector_count(walk.C, zero)
    cdef Py_ssize_t begin = piece * vectors // pieces
    cdef Py_ssize_t end = (piece + 1) * vectors // pieces
    cdef Py_ssize_t size = packed_size(walk, zero)
    cdef Py_ssize_t stripes = stripe_count(walk)
    cdef Py_ssize_t i, j
    memset(sums + begin * size, 0, (end - begin) * size * sizeof(real))
    for i in range(first, last):
        for j in range(begin, end):
            add_tracks(walk, i // stripes, i % stripes * STRIPE, j, source, grad, sums + j * size,
                zero)


# The sums of the parts, one after the other, of vector j: to weight[channel][tap], and to
# bias[channel] if there is one.
cdef void add_up(const Walk* walk, Py_ssize_t j, Py_ssize_t parts, real* sums, element* weight,
        element* bias, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t c = first_channel(walk.C, j, zero)
    cdef Py_ssize_t size = packed_size(walk, zero)
    cdef Py_ssize_t taps = walk.v.taps * walk.h.taps
    cdef Py_ssize_t step = vector_count(walk.C, zero) * size
    cdef Py_ssize_t part, tap, k
    cdef vec total
    sums += j * size
    for tap in range(taps + 1):
        total = zero
        for part in range(parts):
            total = total + load(<const real*>(sums + part * step + tap * V), zero)
        store(sums + tap * V, total)
    # The channels that the vector shares with the one before it are not its own.
    for k in range(j * V - c, min(V, walk.C - c)):
        for tap in range(taps):
            put(weight + (c + k) * taps + tap, sums[tap * V + k])
        if bias != NULL:
            put(bias + c + k, sums[taps * V + k])


# weight[channel][tap] (C-contiguous) = its gradient, and bias[channel] if it is not NULL. -1 if
# there is no memory.
cdef int weight_gradient(const Walk* walk, const real* source, const real* grad, element* weight,
        element* bias, vec zero) noexcept nogil:
    cdef Py_ssize_t vectors = vector_count(walk.C, zero)
    cdef Py_ssize_t step = vectors * packed_size(walk, zero)
    cdef Py_ssize_t stripes = walk.N * stripe_count(walk)
    cdef Py_ssize_t numbers = walk.N * walk.C * walk.v.outputs * walk.h.outputs
    cdef Py_ssize_t parts = max(1, min(stripes, numbers // max(PART, CHEAP * step)))
    cdef int threads = num_threads() if multiply_adds(walk) > PARALLEL else 1
    cdef Py_ssize_t pieces = piece_count(parts, vectors, threads)
    cdef Py_ssize_t job, j
    cdef real* sums
    if walk.C == 0:
        return 0
    sums = <real*>scratch(parts * step * sizeof(real))
    if sums == NULL:
        return -1
    for job in prange(parts * pieces, num_threads=threads, schedule="static",
            use_threads_if=threads > 1):
        add_part(walk, job % pieces, pieces, job // pieces * stripes // parts,
            (job // pieces + 1) * stripes // parts, source, grad, sums + job // pieces * step,
            zero)
    for j in prange(vectors, num_threads=threads, schedule="static", use_threads_if=threads > 1):
        add_up(walk, j, parts, sums, weight, bias, zero)
    free(sums)
    return 0


# ---- the doors -----------------------------------------------------------------------------------

# Weights in the dtype of the arithmetic, so that C can read them.
cdef object in_sum_type(object x):
    return np.asarray(x, np.float32) if PyArray_TYPE(x) == NPY_HALF else aligned(x)


cdef Walk whole_walk(object x, object weight, object window, bint backward):
    cdef cnp.npy_intp* shape = PyArray_DIMS(x)
    cdef cnp.npy_intp* taps = PyArray_DIMS(weight)
    cdef Py_ssize_t size = sizeof(double) if PyArray_TYPE(x) == NPY_DOUBLE else sizeof(float)
    cdef Walk walk
    walk.N = shape[0]
    walk.C = taps[0]
    walk.backward = backward
    walk.v = simplest(slide(shape[2], taps[2], window, 0))
    walk.h = simplest(slide(shape[3], taps[3], window, 1))
    walk.far = size * walk.N * walk.C * (
        walk.v.size * walk.h.size + walk.v.outputs * walk.h.outputs) > FAR
    return walk


def depthwise_conv2d(
        x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None, stride: Any = 1,
        padding: Any = 0, dilation: Any = 1) -> np.ndarray:
    """Cross-correlate every channel with filters of its own.

    Same contract as odyssey.reference.depthwise.depthwise_conv2d. Memory: with
    a depth multiplier the images once more, repeated; for float16 the images
    and the result in float32.
    """
    window = check_depthwise("depthwise_conv2d", x, weight, bias, stride, padding, dilation)
    cdef Walk walk = whole_walk(x, weight, window, False)
    cdef int number = PyArray_TYPE(x)
    cdef const char* b = NULL
    cdef Py_ssize_t step = 0
    cdef const char* w
    cdef void* source
    cdef void* target
    cdef cnp.npy_intp* steps
    cdef int failed
    out = empty_channels_last(
        walk.N, walk.C, walk.v.outputs, walk.h.outputs, sum_type(number))
    if out.size == 0:
        return folded(out, 1, number)
    images = repeated(widened(channels_last(x)), walk.C // PyArray_DIMS(x)[1])
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
        if number == NPY_DOUBLE:
            failed = walk_all(&walk, <const double*>source, w, steps, b, step, <double*>target,
                vsplat_f64(0))
        else:
            failed = walk_all(&walk, <const float*>source, w, steps, b, step, <float*>target,
                vsplat_f32(0))
    if failed:
        raise MemoryError("depthwise_conv2d: no memory for the packed weights")
    return folded(out, 1, number)


def depthwise_conv2d_backward(
        grad: np.ndarray, x: np.ndarray, weight: np.ndarray, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1,
        needs: tuple[bool, ...] = (True, True, True)) -> tuple[np.ndarray | None, ...]:
    """Gradients of depthwise_conv2d with respect to its images, filters and biases.

    Same contract as odyssey.reference.depthwise.depthwise_conv2d_backward.
    Memory: as in the forward function, and the weight gradient of each part.
    """
    window = check_depthwise_backward(grad, x, weight, stride, padding, dilation)
    needs = check_needs("depthwise_conv2d_backward", needs, 3)
    cdef cnp.npy_intp* shape = PyArray_DIMS(x)
    cdef Walk walk = whole_walk(x, weight, window, True)
    cdef Py_ssize_t M = walk.C // shape[1] if shape[1] else 1
    cdef int number = PyArray_TYPE(x)
    cdef const char* w
    cdef void* g
    cdef void* source
    cdef void* target
    cdef void* biases = NULL
    cdef cnp.npy_intp* steps
    cdef int failed = 0
    grad = channels_last(grad)
    wide_grad = widened(grad) if needs[0] or needs[1] else grad
    g = PyArray_DATA(wide_grad)
    grad_x = grad_weight = grad_bias = None
    if needs[0]:
        grad_x = empty_channels_last(walk.N, walk.C, shape[2], shape[3], sum_type(number))
        wide_weight = in_sum_type(weight)
        w = <const char*>PyArray_DATA(wide_weight)
        steps = PyArray_STRIDES(wide_weight)
        target = PyArray_DATA(grad_x)
        with nogil:
            if number == NPY_DOUBLE:
                failed = walk_all(&walk, <const double*>g, w, steps, NULL, 0, <double*>target,
                    vsplat_f64(0))
            else:
                failed = walk_all(&walk, <const float*>g, w, steps, NULL, 0, <float*>target,
                    vsplat_f32(0))
        grad_x = folded(grad_x, M, number)
    if needs[2] and not needs[1]:
        grad_bias = bias_gradient(grad)
    if needs[1]:
        walk.backward = False
        grad_weight = empty(4, PyArray_DIMS(weight), number)
        if needs[2]:
            grad_bias = empty(1, PyArray_DIMS(weight), number)
            biases = PyArray_DATA(grad_bias)
        images = repeated(widened(channels_last(x)), M)
        source = PyArray_DATA(images)
        target = PyArray_DATA(grad_weight)
        with nogil:
            if number == NPY_FLOAT:
                failed += weight_gradient(&walk, <const float*>source, <const float*>g,
                    <float*>target, <float*>biases, vsplat_f32(0))
            elif number == NPY_DOUBLE:
                failed += weight_gradient(&walk, <const double*>source, <const double*>g,
                    <double*>target, <double*>biases, vsplat_f64(0))
            else:
                failed += weight_gradient(&walk, <const float*>source, <const float*>g,
                    <half*>target, <half*>biases, vsplat_f32(0))
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
    return _conv.conv2d(middle, pointwise_weight, bias)


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
    grad_middle, grad_pointwise, grad_bias = _conv.conv2d_backward(
        grad, middle, pointwise_weight, needs=(needs[0] or needs[1], needs[2], needs[3]))
    if grad_middle is not None:
        grad_x, grad_depthwise, _ = depthwise_conv2d_backward(
            grad_middle, x, depthwise_weight, stride, padding, dilation,
            (needs[0], needs[1], False))
    return grad_x, grad_depthwise, grad_pointwise, grad_bias
