# Convolutions in Winograd's form (Lavin and Gray, "Fast algorithms for convolutional neural
# networks", 2016): m x m outputs of an r x r window take (m + r - 1)^2 multiplications in place of
# m^2 r^2. A tile has 6 x 6 points, or 4 x 4: with r = 3, m is 4 or 2; with r = 4, 3; with r = 5, 2.
#
#   weights   u = G w G'          once, a block of outputs after the other
#   images    v = B' d B          each tile of m x m outputs sees as many pixels as it has points
#   sums      s = v u             at each of the points a product of matrices over channels
#   outputs   y = A' s A
#
# _winograd.pxd has the transforms, _winograd_tiles.pxd the plan, _tile.pxd the register tile.
#
# Forward plan, in channels-last memory:
#
#   for each stage, some blocks of outputs whose transformed weights stay in L3:
#       transform the weights: [block][point][channel][two registers of outputs]
#       for each run of tiles:                                   (threads split these, and blocks)
#           transform the images: [point][tile][channel]         (these stay in L2)
#           for each block, each point: a product, [tile][two registers]
#           transform the sums
#
# The input gradient is the same walk over the output's gradient, with the weights turned round and
# the roles of their channels exchanged (_windows.pxd).
#
# The weight gradient is F(r, m): a filter of m x m output gradients over the same tiles of the
# images, so v is the same, and the sums run over tiles: _winograd_weight.pxd.
#
# With a dilation d the pixels of a tile are d apart; there are d * d interleaved sets of tiles.
#
# Every sum is over channels in one order: results are the same for any number of threads.

cimport numpy as cnp
from cython.parallel cimport prange, threadid
from libc.string cimport memset

from odyssey._ext._bias_gradient cimport bias_gradient
from odyssey._ext._door cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, PyArray_DIMS, PyArray_STRIDES, contiguous,
)
from odyssey._ext._layout cimport channels_last, empty_channels_last
from odyssey._ext._panels cimport transposed
from odyssey._ext._pool cimport empty, give_back, take
from odyssey._ext._simd cimport (
    MR, element, half, lanes, load, real, vec, vsplat_f32, vsplat_f64,
)
from odyssey._ext._threads cimport num_threads
from odyssey._ext._tile cimport DEPTH, pitch_of, store_first
from odyssey._ext._windows cimport Axis, Call, call_for, gradient_axis, stored
from odyssey._ext._winograd_tiles cimport (
    FAR, MOST_TAPS, PARALLEL, SOME, Plan, any_stack, height_for, lift_filter, lift_tile, locate,
    lower_any, pitch_for, plan_for,
)
from odyssey._ext._winograd_weight cimport sum_all

from typing import Any

import numpy as np

from odyssey.utils.kernel_checks import check_needs
from odyssey.utils.kernel_checks_conv import check_winograd, check_winograd_backward

cnp.import_array()

cdef enum:
    NEAR = 400 << 10                # bytes of transformed images that shall stay in L2


# ---- weights -------------------------------------------------------------------------------------

# u[point][channel][two registers] of one block of outputs, for some source channels.
cdef void transform_weights(const Plan* plan, Py_ssize_t block, Py_ssize_t first, Py_ssize_t last,
        const element* weight, real* u, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t C = plan.walk.inner
    cdef Py_ssize_t outs = min(2 * V, plan.walk.outs - block * 2 * V)
    cdef real[MOST_TAPS * 32] raw
    cdef const real* taps[MOST_TAPS]
    cdef int count = plan.r * plan.r
    cdef Py_ssize_t c, j
    cdef int t
    for t in range(count):
        taps[t] = &raw[(count - 1 - t if plan.turned else t) * 2 * V]
    memset(&raw[0], 0, sizeof(raw))
    weight += block * 2 * V * plan.outer
    for c in range(first, last):
        transposed(weight + c * plan.inner, plan.outer, outs, count, &raw[0], 2 * V)
        for j in range(2):
            lift_filter(plan.side, plan.r, taps, j * V, V, u + c * 2 * V + j * V, C * 2 * V, zero)


# ---- forward -------------------------------------------------------------------------------------

# One tile of sums to m x m outputs, up to `outs` of two registers.
cdef void lower_tile(const Plan* plan, Py_ssize_t t, const real* sums,
        Py_ssize_t step, const real* bias, element* target, Py_ssize_t outs,
        vec zero) noexcept nogil:
    cdef const Axis* v = &plan.walk.v
    cdef const Axis* h = &plan.walk.h
    cdef Py_ssize_t K = plan.walk.groups * plan.walk.outs
    cdef Py_ssize_t V = lanes(zero)
    cdef vec[MOST_TAPS] y
    cdef vec b
    cdef Py_ssize_t n, p, q
    cdef element* out
    cdef int i, j, k, m = plan.m
    locate(plan, t, &n, &p, &q)
    target += ((n * v.target + p) * h.target + q) * K
    for k in range(2):
        if k * V >= outs:
            return
        lower_any(plan.side, m, sums + k * V, step, &y[0], zero)
        b = load(bias + k * V, zero)
        for i in range(m):
            for j in range(m):
                if p + i * v.gap < v.target and q + j * h.gap < h.target:
                    out = target + (i * v.gap * h.target + j * h.gap) * K + k * V
                    store_first(out, outs - k * V, y[i * m + j] + b)


# a has rows that are `pitch` apart, as pitch_for has it.
cdef void multiply(Py_ssize_t rows, Py_ssize_t panels, Py_ssize_t K, const real* a,
        Py_ssize_t pitch, const real* b, real* c, bint wide, bint more, vec zero) noexcept nogil:
    if pitch == pitch_for(1, zero):
        any_stack(rows, panels, K, a, pitch_for(1, zero), 1, b, c, wide, more, zero)
    elif pitch == pitch_for(64, zero):
        any_stack(rows, panels, K, a, pitch_for(64, zero), 1, b, c, wide, more, zero)
    else:
        any_stack(rows, panels, K, a, pitch_of(zero), 1, b, c, wide, more, zero)


# One run of tiles against the blocks from `first` to `last`, transformed weights at u.
cdef void do_run(const Plan* plan, Py_ssize_t run, Py_ssize_t first, Py_ssize_t last,
        const element* source, const element* nothing, const real* u, const real* bias,
        element* target, real* memory, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t C = plan.walk.inner
    cdef Py_ssize_t start = plan.tiles * run // plan.runs
    cdef Py_ssize_t count = plan.tiles * (run + 1) // plan.runs - start
    cdef Py_ssize_t pitch = pitch_for(C, zero)
    cdef Py_ssize_t rows = plan.height * plan.panels
    cdef Py_ssize_t step = rows * pitch
    cdef Py_ssize_t far = plan.points * step
    cdef Py_ssize_t pieces = max(1, (C + DEPTH - 1) // DEPTH)
    cdef Py_ssize_t gap = rows * 2 * V + 16         # between points of sums: no power of 2
    cdef real* sums = memory + pieces * far
    cdef Py_ssize_t t, block, point, piece, outs
    for t in range(count):
        lift_tile(plan, start + t, source, nothing, memory + t * pitch, step, DEPTH, far, zero)
    for block in range(first, last):
        outs = plan.walk.outs - block * 2 * V
        for point in range(plan.points):
            for piece in range(pieces):
                multiply(
                    plan.height, (count + plan.height - 1) // plan.height,
                    min(DEPTH, C - piece * DEPTH), <const real*>memory + piece * far + point * step,
                    pitch,
                    u + (((block - first) * plan.points + point) * C + piece * DEPTH) * 2 * V,
                    sums + point * gap, outs > V, piece > 0, zero)
        for t in range(count):
            lower_tile(plan, start + t, <const real*>sums + t * 2 * V, gap, bias + block * 2 * V,
                target + block * 2 * V, outs, zero)


# Plan the runs of tiles and their memory: numbers for a thread.
cdef Py_ssize_t plan_runs(Plan* plan, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t pieces = max(1, (plan.walk.inner + DEPTH - 1) // DEPTH)
    cdef Py_ssize_t pitch = pitch_for(plan.walk.inner, zero)
    cdef Py_ssize_t bytes = plan.points * MR * pitch * pieces * <Py_ssize_t>sizeof(vec) // V
    cdef Py_ssize_t most = max(1, NEAR // bytes) * MR
    cdef Py_ssize_t largest
    plan.runs = (plan.tiles + most - 1) // most
    largest = (plan.tiles + plan.runs - 1) // plan.runs
    plan.height = height_for(largest)
    plan.panels = (largest + plan.height - 1) // plan.height
    largest = plan.height * plan.panels
    return plan.points * (largest * (pieces * pitch + 2 * V) + 16)


# target = the walk over source, plus bias; all of one group. Memory: transformed weights of a
# stage, then `room` numbers for each thread.
cdef void walk_group(Plan* plan, Py_ssize_t stage, int threads, const element* source,
        const element* nothing, const element* weight, const real* bias, element* target,
        real* u, Py_ssize_t room, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t C = plan.walk.inner
    cdef Py_ssize_t size = plan.points * C * 2 * V
    cdef Py_ssize_t some = (C + SOME - 1) // SOME
    cdef Py_ssize_t s, job, first, count, parts
    cdef real* memory = u + stage * size
    for s in range((plan.blocks + stage - 1) // stage):
        first = s * stage
        count = min(stage, plan.blocks - first)
        for job in prange(count * some, num_threads=threads, schedule="static",
                use_threads_if=threads > 1):
            transform_weights(plan, first + job // some, job % some * SOME,
                min(C, (job % some + 1) * SOME), weight, u + job // some * size, zero)
        parts = min(count, max(1, 8 // plan.runs))
        for job in prange(plan.runs * parts, num_threads=threads, schedule="static",
                use_threads_if=threads > 1):
            do_run(plan, job // parts, first + job % parts * count // parts,
                first + (job % parts + 1) * count // parts, source, nothing,
                <const real*>u + job % parts * count // parts * size, bias, target,
                memory + threadid() * room, zero)


# ---- doors ---------------------------------------------------------------------------------------

# target = the convolution of source with the weights, plus bias (NULL for none), or its gradient.
cdef int walk_all(str op, Plan plan, const element* source, const element* weight,
        const char* bias, Py_ssize_t bias_step, element* target, real number,
        vec zero) except -1:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t C = plan.walk.inner, K = plan.walk.outs
    cdef Py_ssize_t size = plan.points * C * 2 * V
    cdef Py_ssize_t stage = FAR // (max(size, 1) * <Py_ssize_t>sizeof(real))
    cdef Py_ssize_t row = plan.blocks * 2 * V           # of biases of a group
    cdef Py_ssize_t head = plan.walk.groups * row + (plan.walk.groups * C + 15) // 16 * 16
    cdef Py_ssize_t room, g, k, bytes
    cdef double work = <double>plan.tiles * size * plan.blocks
    cdef int threads = num_threads() if work > PARALLEL else 1
    cdef real* biases
    cdef const element* nothing
    if plan.tiles == 0 or plan.blocks == 0:
        return 0
    stage = max(1, min(plan.blocks, stage))
    room = (plan_runs(&plan, zero) + 15) // 16 * 16
    bytes = (head + stage * size + threads * room) * <Py_ssize_t>sizeof(real)
    biases = <real*>take(bytes)
    if biases == NULL:
        raise MemoryError(f"{op}: no memory for the transforms ({bytes} bytes)")
    nothing = <const element*>(biases + plan.walk.groups * row)
    memset(biases, 0, head * sizeof(real))
    with nogil:
        if bias != NULL:
            for k in range(plan.walk.groups * K):
                biases[k // K * row + k % K] = stored(bias + k * bias_step, target[0], number)
        for g in range(plan.walk.groups):
            walk_group(
                &plan, stage, threads, source + g * C, nothing,
                weight + g * C * K * plan.r * plan.r, <const real*>biases + g * row,
                target + g * K, biases + head, room, zero)
    give_back(biases)
    return 0


cdef Plan plan_call(Call call, int m, bint gradient, vec zero) noexcept:
    cdef int r = <int>call.v.taps
    if gradient:
        return plan_for(call.walk, m, r, gradient_axis(call.v, 0), gradient_axis(call.h, 0), True,
            zero)
    return plan_for(call.walk, m, r, call.walk.v, call.walk.h, False, zero)


cdef int dispatch(str op, Call call, int m, bint gradient, object source, object weight,
        object bias, object target) except -1:
    cdef void* s = PyArray_DATA(source)
    cdef void* w
    cdef void* t = PyArray_DATA(target)
    cdef const char* b = NULL
    cdef Py_ssize_t step = 0
    weight = contiguous(weight)
    w = PyArray_DATA(weight)
    if bias is not None:
        bias = contiguous(bias)
        b = <const char*>PyArray_DATA(bias)
        step = PyArray_STRIDES(bias)[0]
    if call.number == NPY_FLOAT:
        walk_all(op, plan_call(call, m, gradient, vsplat_f32(0)), <const float*>s, <const float*>w,
            b, step, <float*>t, <float>0, vsplat_f32(0))
    elif call.number == NPY_DOUBLE:
        walk_all(op, plan_call(call, m, gradient, vsplat_f64(0)), <const double*>s,
            <const double*>w, b, step, <double*>t, <double>0, vsplat_f64(0))
    else:
        walk_all(op, plan_call(call, m, gradient, vsplat_f32(0)), <const half*>s, <const half*>w, b,
            step, <half*>t, <float>0, vsplat_f32(0))
    return 0


def winograd_conv2d(
        x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None, padding: Any = 0,
        dilation: Any = 1, groups: int = 1, tile: int = 4) -> np.ndarray:
    """Cross-correlate a batch of images with square filters, in Winograd's form.

    Same contract as odyssey.reference.winograd.winograd_conv2d. Memory: up to
    10 MiB of transformed weights, and some 100 KiB to 1 MiB for each thread.
    """
    window = check_winograd("winograd_conv2d", x, weight, bias, padding, dilation, groups, tile)
    cdef Call call = call_for(x, weight, window)
    out = empty_channels_last(
        call.walk.N, PyArray_DIMS(weight)[0], call.v.outputs, call.h.outputs, call.number)
    dispatch("winograd_conv2d", call, tile, False, channels_last(x), weight, bias, out)
    return out


def winograd_conv2d_backward(
        grad: np.ndarray, x: np.ndarray, weight: np.ndarray, padding: Any = 0, dilation: Any = 1,
        groups: int = 1, needs: tuple[bool, ...] = (True, True, True),
        tile: int = 4) -> tuple[np.ndarray | None, ...]:
    """Gradients of winograd_conv2d with respect to its images, filters and biases.

    Same contract as odyssey.reference.winograd.winograd_conv2d_backward.
    Memory: up to 10 MiB of transforms, and 10 MiB of sums for the weights.
    """
    window = check_winograd_backward(grad, x, weight, padding, dilation, groups, tile)
    needs = check_needs("winograd_conv2d_backward", needs, 3)
    cdef Call call = call_for(x, weight, window)
    cdef int m = tile
    cdef void* s
    cdef void* g
    cdef void* t
    grad = channels_last(grad)
    grad_x = grad_weight = grad_bias = None
    if needs[0]:
        grad_x = empty_channels_last(
            call.walk.N, PyArray_DIMS(x)[1], call.v.size, call.h.size, call.number)
        dispatch("winograd_conv2d_backward", call, m, True, grad, weight, None, grad_x)
    if needs[1]:
        grad_weight = empty(4, PyArray_DIMS(weight), call.number)
        x = channels_last(x)
        s = PyArray_DATA(x)
        g = PyArray_DATA(grad)
        t = PyArray_DATA(grad_weight)
        if call.number == NPY_FLOAT:
            sum_all(plan_call(call, m, False, vsplat_f32(0)), <const float*>s, <const float*>g,
                <float*>t, <float>0, vsplat_f32(0))
        elif call.number == NPY_DOUBLE:
            sum_all(plan_call(call, m, False, vsplat_f64(0)), <const double*>s, <const double*>g,
                <double*>t, <double>0, vsplat_f64(0))
        else:
            sum_all(plan_call(call, m, False, vsplat_f32(0)), <const half*>s, <const half*>g,
                <half*>t, <float>0, vsplat_f32(0))
    if needs[2]:
        grad_bias = bias_gradient(grad)
    return grad_x, grad_weight, grad_bias
