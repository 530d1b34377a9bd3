# Convolutions in Cook and Toom's form, along rows: few channels, and windows that move by strides.
#
# The product of two polynomials takes fewer multiplications through their values at some points
# (Toom, 1963; Cook, 1966): m outputs of a row of r taps take m + r - 1 of them in place of m * r.
# Here there are always 6 points (see _winograd.pxd), and columns are left as they are: rows of taps
# and channels are added up at the points. So transforms are short, one for an output and all its
# taps and channels, and first layers with 3 channels gain, too, for which Winograd's form in two
# dimensions has more to transform than to multiply.
#
# A stride s is nothing new: s neighbouring pixels with all their channels are one superpixel, and
# the filter has r = ceil(S / s) taps of them, the last one with zeros. A window of 7x7 that moves
# by 2 has r = 4, and m = 3 outputs take 6 * 2 multiplications for each row of taps, not 3 * 7.
#
# Plan, in channels-last memory:
#
#   weights   u = G g         once: [block, a register of outputs][row of taps][channel][point]
#   for each chunk, some rows of outputs:                        (threads split these)
#       images    v = B' d        [row][tile][point][channel], stays in L1 or L2 (_toom.pxd)
#       for each group of blocks whose weights stay in L2, each WIDE tiles, each block:
#           sums      WIDE x 6 registers while rows of taps and channels run: s += u * v
#           outputs   y = A' s
#
# The weight gradient is in _toom_weight.pxd. The input gradient goes to few channels or has gaps
# between what it reads: there the direct form stands.
#
# Every sum is over rows of taps and channels in one order: results are the same for any number of
# threads.

cimport numpy as cnp
from cython.parallel cimport prange, threadid
from libc.stdlib cimport free
from libc.string cimport memset

from odyssey._ext._bias_gradient cimport bias_gradient
from odyssey._ext._door cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, PyArray_DIMS, PyArray_STRIDES, aligned,
)
from odyssey._ext._field cimport Part, part_of
from odyssey._ext._layout cimport channels_last, empty_channels_last
from odyssey._ext._pool cimport empty
from odyssey._ext._simd cimport (
    WIDE, element, half, lanes, load, real, scratch, store, times, vec, vsplat_f32, vsplat_f64,
)
from odyssey._ext._threads cimport num_threads
from odyssey._ext._tile cimport store_first
from odyssey._ext._toom cimport PARALLEL, PITCH, Plan, evaluate_part, expand_any, plan_for
from odyssey._ext._toom_weight cimport weight_gradient
from odyssey._ext._windows cimport Call, Filters, Walk, call_for, inside, stored
from odyssey._ext._winograd cimport SIDE, collect

from typing import Any

import numpy as np

from odyssey.utils.kernel_checks import check_needs
from odyssey.utils.kernel_checks_conv import check_toom, check_toom_weight_gradient

cnp.import_array()

cdef extern from "inline.h" nogil:
    void __builtin_prefetch(const void* address, int write, int locality)

cdef enum:
    PIXELS = 511                    # of a chunk, about
    GROUP = 256 << 10               # bytes of weights that shall stay in L2
    MOST_SUMS = 24                  # registers of the largest tile, WIDE x SIDE


# The m outputs of one tile, of which `left` exist.
cdef inline void finish(int m, const vec* sums, vec bias, element* out, Py_ssize_t K, bint whole,
        Py_ssize_t left, Py_ssize_t outs, vec zero) noexcept nogil:
    cdef vec[SIDE] y
    cdef int i
    collect(SIDE, m, sums, &y[0], bias)
    for i in range(m):
        if whole:
            store(out + i * K, y[i])
        elif i < left:
            store_first(out + i * K, outs, y[i])


# WIDE tiles x SIDE points of sums stay in registers while rows of taps and channels run.
cdef inline void tile(int m, const Plan* plan, Py_ssize_t low, Py_ssize_t high,
        Py_ssize_t down, const real** x, const real* u, vec bias, element* target,
        const Py_ssize_t* to, const Py_ssize_t* left, bint whole, Py_ssize_t K, Py_ssize_t outs,
        vec zero) noexcept nogil:
    cdef vec[MOST_SUMS] sums
    cdef vec w
    cdef const real* p[WIDE]
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t r, piece, _c, offset
    cdef int i, j
    for i in range(WIDE):
        for j in range(SIDE):
            sums[i * SIDE + j] = zero
        sums[i * SIDE] = sums[i * SIDE + SIDE - 1] = bias   # the first and last output's own
        for j in range(m):
            __builtin_prefetch(target + to[i] + (j + WIDE * m) * K, 1, 3)
    u += low * plan.channels * SIDE * V
    for r in range(low, high):
        for piece in range(plan.pieces):
            offset = r * down + piece * plan.piece
            for i in range(WIDE):
                p[i] = x[i] + offset
            for _c in range(min(PITCH, plan.channels - piece * PITCH)):
                for j in range(SIDE):
                    w = load(u + j * V, zero)
                    for i in range(WIDE):
                        sums[i * SIDE + j] = sums[i * SIDE + j] + times(p[i][j * PITCH], w)
                u += SIDE * V
                for i in range(WIDE):
                    p[i] += 1
    if whole and outs >= V:
        for i in range(WIDE):
            finish(m, &sums[i * SIDE], bias, target + to[i], K, True, m, outs, zero)
    else:
        for i in range(WIDE):
            finish(m, &sums[i * SIDE], bias, target + to[i], K, False, left[i], outs, zero)


cdef void run(const Walk* walk, const Plan* plan, Py_ssize_t job, const element* source,
        const real* u, const real* biases, element* target, real* values,
        vec zero) noexcept nogil:
    cdef Part part = part_of(walk, &plan.chunks, job)
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t K = walk.groups * walk.outs
    cdef Py_ssize_t blocks = (walk.outs + V - 1) // V
    cdef Py_ssize_t size = walk.v.taps * plan.channels * SIDE * V
    cdef Py_ssize_t per_image = plan.chunks.rows * plan.row
    cdef Py_ssize_t count = part.images * part.lines * plan.tiles
    cdef Py_ssize_t down = walk.v.gap * plan.row
    cdef Py_ssize_t together = max(1, GROUP // max(1, size * <Py_ssize_t>sizeof(real)))
    cdef Py_ssize_t first, b, _t, q, p, n, low, high, start, stop, outs
    cdef const real* w
    cdef element* out
    cdef const real* x[WIDE]
    cdef Py_ssize_t[WIDE] to
    cdef Py_ssize_t[WIDE] left
    cdef vec bias
    cdef bint whole
    cdef int i
    evaluate_part(walk, plan, &part, source, values, zero)
    u += part.g * blocks * size
    biases += part.g * blocks * V
    target += part.g * walk.outs
    for first in range((blocks + together - 1) // together):
        n = p = q = 0
        for _t in range((count + WIDE - 1) // WIDE):
            low = walk.v.taps
            high = 0
            whole = True
            for i in range(WIDE):
                if n == part.images:        # past the last: repeat it, and store nothing
                    x[i], to[i], left[i] = x[i - 1], to[i - 1], 0
                    whole = False
                    continue
                inside(&walk.v, part.line + p, &start, &stop)
                low, high = min(low, start), max(high, stop)
                x[i] = <const real*>values + n * per_image + p * walk.v.move * plan.row + (
                    q // plan.together * SIDE * PITCH + q % plan.together * plan.apart)
                to[i] = (((part.image + n) * walk.v.count + part.line + p) * walk.h.count
                    + q * plan.m) * K
                left[i] = walk.h.count - q * plan.m
                whole = whole and left[i] >= plan.m
                q += 1
                if q == plan.tiles:
                    q = 0
                    p += 1
                    if p == part.lines:
                        p = 0
                        n += 1
            for b in range(first * together, min(blocks, (first + 1) * together)):
                bias = load(biases + b * V, zero)
                w = u + b * size
                out = target + b * V
                outs = walk.outs - b * V
                if plan.m == 2:
                    tile(2, plan, low, high, down, x, w, bias, out, &to[0], &left[0], whole, K,
                        outs, zero)
                elif plan.m == 3:
                    tile(3, plan, low, high, down, x, w, bias, out, &to[0], &left[0], whole, K,
                        outs, zero)
                elif plan.m == 4:
                    tile(4, plan, low, high, down, x, w, bias, out, &to[0], &left[0], whole, K,
                        outs, zero)
                else:
                    tile(5, plan, low, high, down, x, w, bias, out, &to[0], &left[0], whole, K,
                        outs, zero)


# u[row of taps][channel][point][register] of one block of outputs.
cdef void transform_weights(const Walk* walk, const Plan* plan, Filters filters, Py_ssize_t block,
        real* u, element like, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t blocks = (walk.outs + V - 1) // V
    cdef Py_ssize_t first = block % blocks * V
    cdef Py_ssize_t outs = min(V, walk.outs - first)
    cdef real[SIDE * 16] raw
    cdef vec[SIDE] g
    cdef vec[SIDE] y
    cdef Py_ssize_t r, c, k, s, S = walk.h.move
    cdef const char* data
    cdef int j
    u += block * walk.v.taps * plan.channels * SIDE * V
    for r in range(walk.v.taps):
        for c in range(plan.channels):
            memset(&raw[0], 0, sizeof(raw))
            for j in range(plan.r):
                s = j * S + c // walk.inner
                if s < walk.h.taps:
                    data = (filters.data + block // blocks * filters.group
                        + c % walk.inner * filters.inner + r * filters.r + s * filters.s)
                    for k in range(outs):
                        raw[j * V + k] = stored(data + (first + k) * filters.out, like, u[0])
            for j in range(SIDE):
                g[j] = load(<const real*>&raw[j * V], zero)
            expand_any(plan.r, &g[0], &y[0])
            for j in range(SIDE):
                store(u, y[j])
                u += V


cdef int walk_all(const Walk* walk, Filters filters, const element* source, const char* bias,
        Py_ssize_t bias_step, element* target, real number, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t blocks = (walk.outs + V - 1) // V
    cdef Py_ssize_t total = walk.groups * blocks
    cdef Plan plan
    cdef Py_ssize_t size, k, job
    cdef double work = (
        <double>walk.N * walk.v.count * walk.h.count * walk.v.taps * walk.h.taps * walk.inner
        * walk.outs * walk.groups)
    cdef int threads = num_threads() if work > PARALLEL else 1
    cdef real* biases
    cdef real* u
    if walk.N * walk.v.count * walk.h.count == 0 or total == 0:
        return 0
    plan = plan_for(walk, PIXELS, False)
    size = walk.v.taps * plan.channels * SIDE * V
    biases = <real*>scratch((total * (V + size) + threads * plan.room) * sizeof(real))
    if biases == NULL:
        return -1
    memset(biases, 0, total * V * sizeof(real))
    u = biases + total * V
    if bias != NULL:
        for k in range(walk.groups * walk.outs):
            biases[k // walk.outs * blocks * V + k % walk.outs] = stored(
                bias + k * bias_step, target[0], number)
    for job in prange(total, num_threads=threads, schedule="static", use_threads_if=threads > 1):
        transform_weights(walk, &plan, filters, job, u, target[0], zero)
    for job in prange(walk.groups * plan.chunks.count, num_threads=threads, schedule="static",
            use_threads_if=threads > 1):
        run(walk, &plan, job, source, <const real*>u, <const real*>biases, target,
            u + total * size + threadid() * plan.room, zero)
    free(biases)
    return 0


# ---- doors ---------------------------------------------------------------------------------------

def toom_conv2d(
        x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None, stride: Any = 1,
        padding: Any = 0, dilation: Any = 1, groups: int = 1) -> np.ndarray:
    """Cross-correlate a batch of images with filters, in Cook and Toom's form along rows.

    Same contract as odyssey.reference.toom.toom_conv2d. Memory: two to six times
    the weights, and some 100 KiB for each thread.
    """
    window = check_toom("toom_conv2d", x, weight, bias, stride, padding, dilation, groups)
    cdef Call call
    cdef const char* b = NULL
    cdef Py_ssize_t step = 0
    cdef void* source
    cdef void* target
    cdef int failed
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
        raise MemoryError("toom_conv2d: no memory for the transforms")
    return out


def toom_conv2d_weight_gradient(
        grad: np.ndarray, x: np.ndarray, weight: np.ndarray, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1,
        needs: tuple[bool, ...] = (True, True)) -> tuple[np.ndarray | None, ...]:
    """Gradients of toom_conv2d with respect to its filters and biases.

    Same contract as odyssey.reference.toom.toom_conv2d_weight_gradient. Memory:
    up to 4 MiB of sums, or two of the transformed weights if these are more.
    """
    window = check_toom_weight_gradient(grad, x, weight, stride, padding, dilation, groups)
    needs = check_needs("toom_conv2d_weight_gradient", needs, 2)
    cdef Call call
    cdef void* g
    cdef void* source
    cdef void* target
    cdef void* b = NULL
    cdef int failed
    grad_weight = grad_bias = None
    if not needs[0]:
        return None, bias_gradient(channels_last(grad)) if needs[1] else None
    weight = aligned(weight)
    call = call_for(x, weight, window)
    grad = channels_last(grad)
    x = channels_last(x)
    grad_weight = empty(4, PyArray_DIMS(weight), call.number)
    g = PyArray_DATA(grad)
    source = PyArray_DATA(x)
    target = PyArray_DATA(grad_weight)
    if needs[1]:
        grad_bias = empty(1, PyArray_DIMS(weight), call.number)
        b = PyArray_DATA(grad_bias)
    with nogil:
        if call.number == NPY_FLOAT:
            failed = weight_gradient(&call.walk, <const float*>source, <const float*>g,
                <float*>target, <float*>b, <float>0, vsplat_f32(0))
        elif call.number == NPY_DOUBLE:
            failed = weight_gradient(&call.walk, <const double*>source, <const double*>g,
                <double*>target, <double*>b, <double>0, vsplat_f64(0))
        else:
            failed = weight_gradient(&call.walk, <const half*>source, <const half*>g,
                <half*>target, <half*>b, <float>0, vsplat_f32(0))
    if failed:
        raise MemoryError("toom_conv2d_weight_gradient: no memory for the transforms")
    return grad_weight, grad_bias
