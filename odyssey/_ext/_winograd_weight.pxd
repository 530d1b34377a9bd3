# The weight gradient in Winograd's form: F(3, m) over the tiles of F(m, 3).
#
#   for each stage of the tiles:                                 (its transforms stay in L3)
#       transform images and gradients                           (threads split the tiles)
#       for each block of outputs, each point: sums += v' u      (threads split these)
#   transform the sums
#
# Every sum is over tiles, in one order.

from cython.parallel cimport prange
from libc.string cimport memset

from odyssey._ext._panels cimport transposed
from odyssey._ext._pool cimport give_back, take
from odyssey._ext._simd cimport MR, element, lanes, real, store, vec
from odyssey._ext._threads cimport num_threads
from odyssey._ext._windows cimport Axis
from odyssey._ext._winograd cimport POINTS
from odyssey._ext._winograd_tiles cimport (
    FAR, MOST_TAPS, PARALLEL, SOME, Plan, aim, any_stack, height_for, lift_filter, lift_tile,
    locate, lower_any,
)


# How the sums over tiles are laid out.
cdef struct Sums:
    Py_ssize_t stage                # tiles at a time
    Py_ssize_t depth                # numbers of a tile of images at a point: whole registers
    Py_ssize_t height, panels       # register tiles of channels
    Py_ssize_t some                 # blocks of outputs whose sums are held at a time


# Tiles of the images, at images[point][tile][channel], and of the gradients of the blocks from
# `first` on, at grads[block][point][tile][two registers].
cdef inline void lift_pair(const Plan* plan, const Sums* sums, Py_ssize_t t, Py_ssize_t at,
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
    aim(plan.m, grad + n * v.target * h.target * K, v.target, h.target, K, p, q, v.gap, h.gap,
        nothing, pixels)
    for j in range(2 * blocks):
        k = (2 * first + j) * V
        if k < plan.walk.outs:
            lift_filter(plan.side, plan.m, pixels, k, plan.walk.outs - k,
                grads + (j // 2 * plan.points * sums.stage + at) * 2 * V + j % 2 * V,
                sums.stage * 2 * V, zero)


cdef inline void lift_pairs(const Plan* plan, const Sums* sums, Py_ssize_t start, Py_ssize_t at,
        Py_ssize_t until, Py_ssize_t first, Py_ssize_t blocks, const element* source,
        const element* grad, const element* nothing, real* images, real* grads,
        vec zero) noexcept nogil:
    cdef Py_ssize_t t
    for t in range(at, until):
        lift_pair(plan, sums, start + t, t, first, blocks, source, grad, nothing, images, grads,
            zero)


# Sums at the points to the weights of some channels, weight[output][channel][tap].
cdef inline void lower_weights(const Plan* plan, const Sums* sums, Py_ssize_t block,
        Py_ssize_t first, Py_ssize_t last, const real* totals, element* weight,
        vec zero) noexcept nogil:
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
        <const real*>&taps[0], 2 * V, (last - first) * count,
        min(2 * V, plan.walk.outs - block * 2 * V), weight + block * 2 * V * plan.outer
        + first * plan.inner, plan.outer)


cdef inline Sums plan_sums(const Plan* plan, vec zero) noexcept nogil:
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


# a has columns that are `step` apart.
cdef inline void multiply_upright(Py_ssize_t rows, Py_ssize_t panels, Py_ssize_t K, const real* a,
        Py_ssize_t step, const real* b, real* c, bint wide, bint more, vec zero) noexcept nogil:
    any_stack(rows, panels, K, a, 1, step, b, c, wide, more, zero)


# weight = its gradient, of one group.
cdef inline void sum_group(const Plan* plan, const Sums* sums, int threads, const element* source,
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
                    <const real*>images + job % plan.points * sums.stage * sums.depth, sums.depth,
                    <const real*>grads + job * sums.stage * 2 * V, totals + job * size,
                    plan.walk.outs - (first + job // plan.points) * 2 * V > V, n > 0, zero)
        chunks = (C + SOME - 1) // SOME
        for job in prange(blocks * chunks, num_threads=threads, schedule="static",
                use_threads_if=threads > 1):
            lower_weights(plan, sums, first + job // chunks, job % chunks * SOME,
                min(C, (job % chunks + 1) * SOME),
                <const real*>totals + job // chunks * plan.points * size, weight, zero)


# weight = its gradient, all groups.
cdef inline int sum_all(Plan plan, const element* source, const element* grad, element* weight,
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
