# Convolutions of 3x3 windows in Winograd's form (Lavin and Gray, "Fast algorithms for convolutional
# neural networks", 2016): tiles of m x m outputs take (m + 2)^2 multiplications in place of 9 m^2.
#
#   weights   u = G w G'          once, a block of outputs after the other
#   images    v = B' d B          each tile of m x m outputs sees (m + 2) x (m + 2) pixels
#   sums      s = v u             at each of the (m + 2)^2 points a product of matrices over channels
#   outputs   y = A' s A
#
# _winograd.pxd has the transforms, _tile.pxd the register tile of the products.
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
# The weight gradient is F(3, m): a filter of m x m output gradients over the same tiles of the
# images, so v is the same, and the sums run over tiles:
#
#   for each stage of the tiles:                                 (its transforms stay in L3)
#       transform images and gradients                           (threads split the tiles)
#       for each block, each point: sums += v' u                 (threads split these)
#   transform the sums
#
# With a dilation d the pixels of a tile are d apart; there are d * d interleaved sets of tiles.
#
# Every sum is over channels, or tiles, in one order: results are the same for any number of threads.

cimport numpy as cnp
from cython.parallel cimport prange, threadid
from libc.string cimport memset

from odyssey._ext._door cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, PyArray_DIMS, PyArray_TYPE, contiguous,
)
from odyssey._ext._layout cimport channels_last, empty_channels_last
from odyssey._ext._panels cimport transposed
from odyssey._ext._pool cimport empty, give_back, take
from odyssey._ext._simd cimport (
    MR, element, half, lanes, load, real, store, vec, vsplat_f32, vsplat_f64,
)
from odyssey._ext._threads cimport num_threads
from odyssey._ext._tile cimport DEPTH, fixed_tile, load_first, pitch_of, store_first
from odyssey._ext._weight_gradient cimport bias_gradient
from odyssey._ext._windows cimport (
    Axis, Slide, Walk, forward_axis, gradient_axis, slide,
)
from odyssey._ext._winograd cimport POINTS, SIDE, lift, lower

from typing import Any

import numpy as np

from odyssey.utils.kernel_checks import check_needs
from odyssey.utils.kernel_checks_conv import check_winograd, check_winograd_backward

cnp.import_array()

cdef enum:
    NEAR = 400 << 10                # bytes of transformed images that shall stay in L2
    FAR = 10 << 20                  # bytes of transforms that shall stay in L3
    PARALLEL = 100000               # multiply-adds that are worth waking a second thread
    MOST_TAPS = 25                  # of a window, or outputs of a tile
    SOME = 8                        # tiles, or channels, that a thread takes at a time


# Tiles along one axis: with a dilation, those of each phase after the other.
cdef struct Tiles:
    Py_ssize_t each                 # of a phase
    Py_ssize_t count

cdef struct Plan:
    int m, r                        # outputs of a tile, taps of a window: along each axis
    int side                        # points, m + r - 1; so many pixels a tile sees
    Py_ssize_t points               # side * side
    Walk walk
    Tiles v, h
    Py_ssize_t tiles                # of all images
    Py_ssize_t blocks               # of outputs of a group, of two registers each
    bint turned                     # weights of the input gradient: their taps in reverse
    Py_ssize_t inner, outer         # of the weights: numbers from a source channel, output to the next
    # Forward:
    Py_ssize_t runs                 # of tiles
    Py_ssize_t height, panels       # of the largest run: rows of a register tile, and how many
    Py_ssize_t parts                # of a stage's blocks, each done by one thread


cdef inline Tiles tiles_of(Axis* a, int m) noexcept nogil:
    cdef Py_ssize_t outputs = (a.count + a.gap - 1) // a.gap
    cdef Py_ssize_t each = (outputs + m - 1) // m
    return Tiles(each, each * min(a.gap, a.count))


# The first output of tile t.
cdef inline Py_ssize_t first_of(const Axis* a, Tiles tiles, Py_ssize_t t, int m) noexcept nogil:
    return t // tiles.each + t % tiles.each * m * a.gap


# ---- products ------------------------------------------------------------------------------------

# Register tiles below each other, `rows` of a and of c each: c = a @ b, or c += a @ b if `more`. b
# is [K][two registers], and so is c.
cdef inline void stack(int rows, Py_ssize_t panels, Py_ssize_t K, const real* a, Py_ssize_t pitch,
        Py_ssize_t step, const real* b, real* c, bint wide, bint more, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t n
    for n in range(panels):
        if wide:
            fixed_tile(rows, True, K, a, pitch, step, b, 2 * V, c, 2 * V, 2 * V, more, NULL, zero)
        else:
            fixed_tile(rows, False, K, a, pitch, step, b, 2 * V, c, 2 * V, V, more, NULL, zero)
        a += rows * pitch
        c += rows * 2 * V


# The same for a number of rows that is no literal.
cdef inline void any_stack(Py_ssize_t rows, Py_ssize_t panels, Py_ssize_t K, const real* a,
        Py_ssize_t pitch, Py_ssize_t step, const real* b, real* c, bint wide, bint more,
        vec zero) noexcept nogil:
    if MR >= 14 and rows == 14:
        stack(14, panels, K, a, pitch, step, b, c, wide, more, zero)
    elif MR >= 14 and rows == 13:
        stack(13, panels, K, a, pitch, step, b, c, wide, more, zero)
    elif MR >= 14 and rows == 12:
        stack(12, panels, K, a, pitch, step, b, c, wide, more, zero)
    elif MR >= 14 and rows == 11:
        stack(11, panels, K, a, pitch, step, b, c, wide, more, zero)
    elif MR >= 14 and rows == 8:
        stack(8, panels, K, a, pitch, step, b, c, wide, more, zero)
    elif rows == 6:
        stack(6, panels, K, a, pitch, step, b, c, wide, more, zero)
    elif rows == 4:
        stack(4, panels, K, a, pitch, step, b, c, wide, more, zero)
    else:
        stack(2, panels, K, a, pitch, step, b, c, wide, more, zero)


# Numbers from one row of a to the next, for sums of C terms: few lie close together, and many an
# odd number of cache lines apart, which spreads them over the sets of L1.
cdef inline Py_ssize_t pitch_for(Py_ssize_t C, vec like) noexcept nogil:
    cdef Py_ssize_t line = 64 // sizeof(vec) * lanes(like)
    return line if C <= line else 64 + line if C <= 64 else pitch_of(like)


# a has rows that are `pitch` apart, as pitch_for has it.
cdef void multiply(Py_ssize_t rows, Py_ssize_t panels, Py_ssize_t K, const real* a,
        Py_ssize_t pitch, const real* b, real* c, bint wide, bint more, vec zero) noexcept nogil:
    if pitch == pitch_for(1, zero):
        any_stack(rows, panels, K, a, pitch_for(1, zero), 1, b, c, wide, more, zero)
    elif pitch == pitch_for(64, zero):
        any_stack(rows, panels, K, a, pitch_for(64, zero), 1, b, c, wide, more, zero)
    else:
        any_stack(rows, panels, K, a, pitch_of(zero), 1, b, c, wide, more, zero)


# a has columns that are `step` apart.
cdef void multiply_upright(Py_ssize_t rows, Py_ssize_t panels, Py_ssize_t K, const real* a,
        Py_ssize_t step, const real* b, real* c, bint wide, bint more, vec zero) noexcept nogil:
    any_stack(rows, panels, K, a, 1, step, b, c, wide, more, zero)


# The height of the register tiles for so many rows: with the fewest multiply-adds and loads.
cdef inline Py_ssize_t height_for(Py_ssize_t rows) noexcept nogil:
    cdef int[8] heights = [14, 13, 12, 11, 8, 6, 4, 2]
    cdef Py_ssize_t best = 2, cost, least = 0
    cdef int i
    for i in range(8):
        if heights[i] <= MR:
            cost = (rows + heights[i] - 1) // heights[i] * (heights[i] + 1)
            if least == 0 or cost < least:
                least = cost
                best = heights[i]
    return best


# ---- transforms, for a plan's side ---------------------------------------------------------------

# side is 4 with m + r = 5 and 6 with m + r = 7; the transforms want literals.
cdef inline void lift_data(int side, const element** pixels, Py_ssize_t c, Py_ssize_t count, real* out,
        Py_ssize_t step, vec zero) noexcept nogil:
    if side == 4:
        lift(4, 0, pixels, c, count, out, step, zero)
    else:
        lift(6, 0, pixels, c, count, out, step, zero)


cdef inline void lift_filter(int side, int r, const element** pixels, Py_ssize_t c, Py_ssize_t count,
        real* out, Py_ssize_t step, vec zero) noexcept nogil:
    if side == 4 and r == 2:
        lift(4, 2, pixels, c, count, out, step, zero)
    elif side == 4:
        lift(4, 3, pixels, c, count, out, step, zero)
    elif r == 2:
        lift(6, 2, pixels, c, count, out, step, zero)
    elif r == 3:
        lift(6, 3, pixels, c, count, out, step, zero)
    elif r == 4:
        lift(6, 4, pixels, c, count, out, step, zero)
    else:
        lift(6, 5, pixels, c, count, out, step, zero)


cdef inline void lower_any(int side, int r, const real* sums, Py_ssize_t step, vec* out,
        vec zero) noexcept nogil:
    if side == 4 and r == 2:
        lower(4, 2, sums, step, out, zero)
    elif side == 4:
        lower(4, 3, sums, step, out, zero)
    elif r == 2:
        lower(6, 2, sums, step, out, zero)
    elif r == 3:
        lower(6, 3, sums, step, out, zero)
    elif r == 4:
        lower(6, 4, sums, step, out, zero)
    else:
        lower(6, 5, sums, step, out, zero)


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


# ---- images --------------------------------------------------------------------------------------

# Point at side * side pixels of an image (H x W x C) from (top, left) on, zeros outside of it.
cdef inline void aim(int side, const element* image, Py_ssize_t H, Py_ssize_t W, Py_ssize_t C,
        Py_ssize_t top, Py_ssize_t left, Py_ssize_t down, Py_ssize_t right, const element* nothing,
        const element** pixels) noexcept nogil:
    cdef Py_ssize_t row, column
    cdef int i, j
    for i in range(side):
        row = top + i * down
        for j in range(side):
            column = left + j * right
            pixels[i * side + j] = nothing
            if 0 <= row and row < H and 0 <= column and column < W:
                pixels[i * side + j] = image + (row * W + column) * C


# Where tile t lies: its image and its first output.
cdef inline void locate(const Plan* plan, Py_ssize_t t, Py_ssize_t* n, Py_ssize_t* p,
        Py_ssize_t* q) noexcept nogil:
    cdef Py_ssize_t row = t // plan.h.count
    n[0] = row // plan.v.count
    p[0] = first_of(&plan.walk.v, plan.v, row % plan.v.count, plan.m)
    q[0] = first_of(&plan.walk.h, plan.h, t % plan.h.count, plan.m)


# The source pixels of tile t, channels of one group, to the points: channel c at
# out[c // piece * far + c % piece], points `step` apart.
cdef void lift_tile(const Plan* plan, Py_ssize_t t, const element* source,
        const element* nothing, real* out, Py_ssize_t step, Py_ssize_t piece, Py_ssize_t far,
        vec zero) noexcept nogil:
    cdef const Axis* v = &plan.walk.v
    cdef const Axis* h = &plan.walk.h
    cdef Py_ssize_t C = plan.walk.groups * plan.walk.inner
    cdef Py_ssize_t V = lanes(zero)
    cdef const element* pixels[POINTS]
    cdef Py_ssize_t n, p, q, i, c
    locate(plan, t, &n, &p, &q)
    aim(plan.side, source + n * v.source * h.source * C, v.source, h.source, C, p + v.offset,
        q + h.offset, v.gap, h.gap, nothing, pixels)
    for i in range((plan.walk.inner + V - 1) // V):
        c = i * V
        lift_data(plan.side, pixels, c, plan.walk.inner - c, out + c // piece * far + c % piece,
            step, zero)


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
                    pitch, u + (((block - first) * plan.points + point) * C + piece * DEPTH) * 2 * V,
                    sums + point * gap, outs > V, piece > 0, zero)
        for t in range(count):
            lower_tile(plan, start + t, <const real*>sums + t * 2 * V, gap, bias + block * 2 * V,
                target + block * 2 * V, outs, zero)


# Plan the runs of tiles and their memory: numbers for a thread.
cdef Py_ssize_t plan_runs(Plan* plan, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t pieces = max(1, (plan.walk.inner + DEPTH - 1) // DEPTH)
    cdef Py_ssize_t bytes = plan.points * MR * pitch_for(plan.walk.inner, zero) * pieces * (64 // V)
    cdef Py_ssize_t most = max(1, NEAR // bytes) * MR
    cdef Py_ssize_t largest
    plan.runs = (plan.tiles + most - 1) // most
    largest = (plan.tiles + plan.runs - 1) // plan.runs
    plan.height = height_for(largest)
    plan.panels = (largest + plan.height - 1) // plan.height
    largest = plan.height * plan.panels
    return plan.points * (pieces * largest * pitch_for(plan.walk.inner, zero) + largest * 2 * V + 16)


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


# ---- the weight gradient -------------------------------------------------------------------------

# How the sums over tiles are laid out.
cdef struct Sums:
    Py_ssize_t stage                # tiles at a time
    Py_ssize_t depth                # numbers of a tile of images at a point: whole registers
    Py_ssize_t height, panels       # register tiles of channels
    Py_ssize_t some                 # blocks of outputs whose sums are held at a time


# Tiles of the images, at images[point][tile][channel], and of the gradients of the blocks from
# `first` on, at grads[block][point][tile][two registers].
cdef void lift_pair(const Plan* plan, const Sums* sums, Py_ssize_t t, Py_ssize_t at,
        Py_ssize_t first, Py_ssize_t blocks, const element* source, const element* grad,
        const element* nothing, real* images, real* grads, vec zero) noexcept nogil:
    cdef const Axis* v = &plan.walk.v
    cdef const Axis* h = &plan.walk.h
    cdef Py_ssize_t K = plan.walk.groups * plan.walk.outs
    cdef Py_ssize_t V = lanes(zero)
    cdef const element* pixels[POINTS]
    cdef Py_ssize_t n, p, q, j, k
    lift_tile(plan, t, source, nothing, images + at * sums.depth, sums.stage * sums.depth,
        sums.depth, 0, zero)
    locate(plan, t, &n, &p, &q)
    aim(plan.m, grad + n * v.target * h.target * K, v.target, h.target, K, p, q, v.gap, h.gap, nothing,
        pixels)
    for j in range(2 * blocks):
        k = (2 * first + j) * V
        if k < plan.walk.outs:
            lift_filter(plan.side, plan.m, pixels, k, plan.walk.outs - k,
                grads + (j // 2 * plan.points * sums.stage + at) * 2 * V + j % 2 * V,
                sums.stage * 2 * V, zero)


cdef void lift_pairs(const Plan* plan, const Sums* sums, Py_ssize_t start, Py_ssize_t at,
        Py_ssize_t until, Py_ssize_t first, Py_ssize_t blocks, const element* source,
        const element* grad, const element* nothing, real* images, real* grads,
        vec zero) noexcept nogil:
    cdef Py_ssize_t t
    for t in range(at, until):
        lift_pair(plan, sums, start + t, t, first, blocks, source, grad, nothing, images, grads,
            zero)


# Sums at the points to the weights of some channels, weight[output][channel][tap].
cdef void lower_weights(const Plan* plan, const Sums* sums, Py_ssize_t block, Py_ssize_t first,
        Py_ssize_t last, const real* totals, element* weight, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t step = sums.height * sums.panels * 2 * V
    cdef real[SOME * MOST_TAPS * 32] taps
    cdef vec[MOST_TAPS] y
    cdef Py_ssize_t c, j
    cdef int t, count = plan.r * plan.r
    for c in range(first, last):
        for j in range(2):
            lower_any(plan.side, plan.r, totals + c * 2 * V + j * V, step, &y[0], zero)
            for t in range(count):
                store(&taps[((c - first) * count + t) * 2 * V + j * V], y[t])
    transposed(
        <const real*>&taps[0], 2 * V, (last - first) * count, min(2 * V, plan.walk.outs - block * 2 * V),
        weight + block * 2 * V * plan.outer + first * plan.inner, plan.outer)


cdef Sums plan_sums(const Plan* plan, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t size = plan.points * (64 // V)
    cdef Py_ssize_t C = plan.walk.inner
    cdef Sums sums
    sums.depth = (C + V - 1) // V * V
    sums.height = height_for(C)
    sums.panels = (C + sums.height - 1) // sums.height
    sums.some = max(1, min(plan.blocks, FAR // (size * sums.height * sums.panels * 2 * V)))
    sums.stage = max(SOME, min(plan.tiles, FAR // (size * (sums.depth + sums.some * 2 * V))))
    return sums


# weight = its gradient, of one group.
cdef void sum_group(const Plan* plan, const Sums* sums, int threads, const element* source,
        const element* grad, const element* nothing, real* memory, element* weight,
        vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t C = plan.walk.inner
    cdef Py_ssize_t size = sums.height * sums.panels * 2 * V
    cdef Py_ssize_t first, blocks, start, count, job, s, n, chunks
    cdef real* images = memory
    cdef real* grads = images + plan.points * sums.stage * sums.depth + 2 * MR
    cdef real* totals = grads + sums.some * plan.points * sums.stage * 2 * V
    for s in range((plan.blocks + sums.some - 1) // sums.some):
        first = s * sums.some
        blocks = min(sums.some, plan.blocks - first)
        for n in range((plan.tiles + sums.stage - 1) // sums.stage):
            start = n * sums.stage
            count = min(sums.stage, plan.tiles - start)
            for job in prange((count + SOME - 1) // SOME, num_threads=threads, schedule="static",
                    use_threads_if=threads > 1):
                lift_pairs(plan, sums, start, job * SOME, min(count, (job + 1) * SOME), first,
                    blocks, source, grad, nothing, images, grads, zero)
            for job in prange(blocks * plan.points, num_threads=threads, schedule="static",
                    use_threads_if=threads > 1):
                multiply_upright(
                    sums.height, sums.panels, count,
                    <const real*>images + job % plan.points * sums.stage * sums.depth, sums.depth, <const real*>grads + job * sums.stage * 2 * V, totals + job * size,
                    plan.walk.outs - (first + job // plan.points) * 2 * V > V, n > 0, zero)
        chunks = (C + SOME - 1) // SOME
        for job in prange(blocks * chunks, num_threads=threads, schedule="static",
                use_threads_if=threads > 1):
            lower_weights(plan, sums, first + job // chunks, job % chunks * SOME,
                min(C, (job % chunks + 1) * SOME),
                <const real*>totals + job // chunks * plan.points * size, weight, zero)


# ---- doors ---------------------------------------------------------------------------------------

cdef Plan plan_for(Walk walk, int m, int r, Axis v, Axis h, bint gradient, vec zero):
    cdef Plan plan
    plan.m, plan.r = m, r
    plan.side = m + r - 1
    plan.points = plan.side * plan.side
    plan.walk = walk
    plan.walk.v = v
    plan.walk.h = h
    plan.turned = gradient
    plan.outer, plan.inner = walk.inner * r * r, r * r
    if gradient:
        plan.outer, plan.inner = plan.inner, plan.outer
        plan.walk.inner, plan.walk.outs = walk.outs, walk.inner
    plan.v = tiles_of(&plan.walk.v, m)
    plan.h = tiles_of(&plan.walk.h, m)
    plan.tiles = walk.N * plan.v.count * plan.h.count
    plan.blocks = (plan.walk.outs + 2 * lanes(zero) - 1) // (2 * lanes(zero))
    return plan


cdef int walk_all(str op, Plan plan, const element* source, const element* weight, object bias,
        element* target, element like, real number, vec zero) except -1:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t C = plan.walk.groups * plan.walk.inner
    cdef Py_ssize_t size = plan.points * plan.walk.inner * 2 * V
    cdef Py_ssize_t stage = max(1, min(plan.blocks, FAR // (max(size, 1) * <Py_ssize_t>sizeof(real))))
    cdef Py_ssize_t room, g, k, bytes
    cdef Py_ssize_t biases = plan.walk.groups * plan.blocks * 2 * V
    cdef double work = <double>plan.tiles * size * plan.blocks
    cdef int threads = num_threads() if work > PARALLEL else 1
    cdef real* b
    cdef real* u
    cdef element* nothing
    if plan.tiles == 0 or plan.blocks == 0:
        return 0
    room = (plan_runs(&plan, zero) + 15) // 16 * 16
    bytes = (biases + (C + 15) // 16 * 16 + stage * size + threads * room) * <Py_ssize_t>sizeof(real)
    b = <real*>take(bytes)
    if b == NULL:
        raise MemoryError(f"{op}: no memory for the transforms ({bytes} bytes)")
    u = b + biases + (C + 15) // 16 * 16
    nothing = <element*>(b + biases)
    memset(b, 0, (u - b) * sizeof(real))
    if bias is not None:
        values = np.asarray(bias, np.float64)
        for k in range(plan.walk.groups * plan.walk.outs):
            b[k // plan.walk.outs * plan.blocks * 2 * V + k % plan.walk.outs] = values[k]
    with nogil:
        for g in range(plan.walk.groups):
            walk_group(&plan, stage, threads, source + g * plan.walk.inner, <const element*>nothing,
                weight + g * plan.walk.inner * plan.walk.outs * plan.r * plan.r,
                <const real*>b + g * plan.blocks * 2 * V, target + g * plan.walk.outs, u, room, zero)
    give_back(b)
    return 0


def winograd_conv2d(
        x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None, padding: Any = 0,
        dilation: Any = 1, groups: int = 1, tile: int = 4) -> np.ndarray:
    """Cross-correlate a batch of images with 3x3 filters, in Winograd's form.

    Same contract as odyssey.reference.winograd.winograd_conv2d. Memory: up to
    10 MB of transformed weights, and some 100 KB for each thread.
    """
    window = check_winograd("winograd_conv2d", x, weight, bias, padding, dilation, groups, tile)
    cdef cnp.npy_intp* shape = PyArray_DIMS(x)
    cdef int m = tile
    cdef int r = weight.shape[2]
    cdef Slide v = slide(shape[2], r, window, 0)
    cdef Slide h = slide(shape[3], r, window, 1)
    cdef Walk walk = Walk(shape[0], window.groups, shape[1] // window.groups,
        PyArray_DIMS(weight)[0] // window.groups, forward_axis(v), forward_axis(h))
    cdef int number = PyArray_TYPE(x)
    cdef void* s
    cdef void* w
    cdef void* t
    out = empty_channels_last(
        walk.N, PyArray_DIMS(weight)[0], v.outputs, h.outputs, number)
    x = channels_last(x)
    weight = contiguous(weight)
    s = PyArray_DATA(x)
    w = PyArray_DATA(weight)
    t = PyArray_DATA(out)
    if number == NPY_FLOAT:
        walk_all("winograd_conv2d", plan_for(walk, m, r, walk.v, walk.h, False, vsplat_f32(0)),
            <const float*>s, <const float*>w, bias, <float*>t, <float>0, <float>0, vsplat_f32(0))
    elif number == NPY_DOUBLE:
        walk_all("winograd_conv2d", plan_for(walk, m, r, walk.v, walk.h, False, vsplat_f64(0)),
            <const double*>s, <const double*>w, bias, <double*>t, <double>0, <double>0, vsplat_f64(0))
    else:
        walk_all("winograd_conv2d", plan_for(walk, m, r, walk.v, walk.h, False, vsplat_f32(0)),
            <const half*>s, <const half*>w, bias, <half*>t, <half>0, <float>0, vsplat_f32(0))
    return out


cdef int sum_all(Plan plan, const element* source, const element* grad, element* weight,
        real number, vec zero) except -1:
    cdef Sums sums
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t C = plan.walk.groups * plan.walk.inner
    cdef Py_ssize_t K = plan.walk.groups * plan.walk.outs
    cdef Py_ssize_t blank = (max(C, K) + 15) // 16 * 16
    cdef Py_ssize_t bytes, g
    cdef double work = <double>plan.tiles * plan.points * C * K
    cdef int threads = num_threads() if work > PARALLEL else 1
    cdef real* memory
    if C == 0 or K == 0:
        return 0
    if plan.tiles == 0:
        memset(weight, 0, K * plan.walk.inner * plan.r * plan.r * sizeof(element))
        return 0
    sums = plan_sums(&plan, zero)
    bytes = <Py_ssize_t>sizeof(real) * (blank + 2 * MR + plan.points * (
        sums.stage * (sums.depth + sums.some * 2 * V)
        + sums.some * sums.height * sums.panels * 2 * V))
    memory = <real*>take(bytes)
    if memory == NULL:
        raise MemoryError(f"winograd_conv2d_backward: no memory for the transforms ({bytes} bytes)")
    memset(memory, 0, blank * sizeof(real))
    with nogil:
        for g in range(plan.walk.groups):
            sum_group(
                &plan, &sums, threads, source + g * plan.walk.inner, grad + g * plan.walk.outs,
                <const element*>memory, memory + blank,
                weight + g * plan.walk.inner * plan.walk.outs * plan.r * plan.r, zero)
    give_back(memory)
    return 0


def winograd_conv2d_backward(
        grad: np.ndarray, x: np.ndarray, weight: np.ndarray, padding: Any = 0, dilation: Any = 1,
        groups: int = 1, needs: tuple[bool, ...] = (True, True, True),
        tile: int = 4) -> tuple[np.ndarray | None, ...]:
    """Gradients of winograd_conv2d with respect to its images, filters and biases.

    Same contract as odyssey.reference.winograd.winograd_conv2d_backward.
    Memory: up to 10 MB of transforms, and 10 MB of sums for the weights.
    """
    window = check_winograd_backward(grad, x, weight, padding, dilation, groups, tile)
    needs = check_needs("winograd_conv2d_backward", needs, 3)
    cdef cnp.npy_intp* shape = PyArray_DIMS(x)
    cdef int m = tile
    cdef int r = weight.shape[2]
    cdef Slide v = slide(shape[2], r, window, 0)
    cdef Slide h = slide(shape[3], r, window, 1)
    cdef Walk walk = Walk(shape[0], window.groups, shape[1] // window.groups,
        PyArray_DIMS(weight)[0] // window.groups, forward_axis(v), forward_axis(h))
    cdef int number = PyArray_TYPE(x)
    cdef void* s
    cdef void* g
    cdef void* w
    cdef void* t
    grad = channels_last(grad)
    g = PyArray_DATA(grad)
    grad_x = grad_weight = grad_bias = None
    if needs[0]:
        grad_x = empty_channels_last(walk.N, shape[1], v.size, h.size, number)
        weight = contiguous(weight)
        w = PyArray_DATA(weight)
        t = PyArray_DATA(grad_x)
        op = "winograd_conv2d_backward"
        if number == NPY_FLOAT:
            walk_all(op, plan_for(walk, m, r, gradient_axis(v, 0), gradient_axis(h, 0), True, vsplat_f32(0)),
                <const float*>g, <const float*>w, None, <float*>t, <float>0, <float>0, vsplat_f32(0))
        elif number == NPY_DOUBLE:
            walk_all(op, plan_for(walk, m, r, gradient_axis(v, 0), gradient_axis(h, 0), True, vsplat_f64(0)),
                <const double*>g, <const double*>w, None, <double*>t, <double>0, <double>0, vsplat_f64(0))
        else:
            walk_all(op, plan_for(walk, m, r, gradient_axis(v, 0), gradient_axis(h, 0), True, vsplat_f32(0)),
                <const half*>g, <const half*>w, None, <half*>t, <half>0, <float>0, vsplat_f32(0))
    if needs[1]:
        grad_weight = empty(4, PyArray_DIMS(weight), number)
        x = channels_last(x)
        s = PyArray_DATA(x)
        t = PyArray_DATA(grad_weight)
        if number == NPY_FLOAT:
            sum_all(plan_for(walk, m, r, walk.v, walk.h, False, vsplat_f32(0)), <const float*>s,
                <const float*>g, <float*>t, <float>0, vsplat_f32(0))
        elif number == NPY_DOUBLE:
            sum_all(plan_for(walk, m, r, walk.v, walk.h, False, vsplat_f64(0)), <const double*>s,
                <const double*>g, <double*>t, <double>0, vsplat_f64(0))
        else:
            sum_all(plan_for(walk, m, r, walk.v, walk.h, False, vsplat_f32(0)), <const half*>s,
                <const half*>g, <half*>t, <float>0, vsplat_f32(0))
    if needs[2]:
        grad_bias = bias_gradient(grad)
    return grad_x, grad_weight, grad_bias
