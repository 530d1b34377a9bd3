# The convolution for few outputs: pixels, not outputs, are the lanes of a register.
#
# With 6 filters a register of outputs would have 6 of its 16 lanes at work. Here a register holds
# as many neighbouring pixels of one channel, a weight multiplies them all, and a tile of sums is
# two registers of pixels for each output:
#
#   for each chunk, some rows of outputs:               (threads split these)
#       copy what its windows see, channel by channel: [row][channel][pixel], zeros around
#       for each two registers of outputs' pixels: a tile
#           for each tap and channel: load two registers, multiply each by every output's weight
#       turn the sums round: [output][pixel] to [pixel][output]
#
# Every output is one sum in one order, wherever its tile falls.

from cython.parallel cimport prange, threadid
from libc.stdlib cimport free
from libc.string cimport memset

from odyssey._ext._field cimport Chunks, Part, chunks_of, fill, part_of
from odyssey._ext._panels cimport transposed
from odyssey._ext._simd cimport (
    element, lanes, load, real, scratch, splat, store, times, vec,
)
from odyssey._ext._threads cimport num_threads
from odyssey._ext._windows cimport Axis, Filters, Walk, copy_row, inside, stored

cdef enum:
    MOST = 8                        # outputs of a group
    PIXELS = 256                    # of a chunk, about
    PARALLEL = 300000               # multiply-adds that are worth waking a second thread


# What the tiles of a chunk read: rows of one channel, `pitch` numbers apart.
cdef struct Planes:
    int outs                        # as many as the tile has, an even number
    Py_ssize_t registers            # of a line of outputs
    Py_ssize_t pitch
    Py_ssize_t down, right          # from tap to tap


# An even number of outputs, because each is a copy of the tile that the compiler makes.
cdef inline int outs_for(const Walk* walk) noexcept nogil:
    return <int>(walk.outs + 1) // 2 * 2


# Whether this takes fewer multiplications of registers than outputs in lanes, by a margin.
cdef inline bint is_planar(const Walk* walk, vec like) noexcept nogil:
    cdef Py_ssize_t registers = (walk.h.count + lanes(like) - 1) // lanes(like)
    return (walk.outs <= MOST and walk.h.move == 1 and walk.inner > 0
        and 5 * outs_for(walk) * registers < 4 * walk.h.count)


# sums[output][register] over rows of taps from `low` to `high`, for two registers of pixels. `outs`
# is a literal: the sums stay in registers.
cdef inline void tile(int outs, const Walk* walk, const Planes* planes, Py_ssize_t low,
        Py_ssize_t high, const real* first, const real* second, const real* weights,
        const real* bias, real* sums, vec zero) noexcept nogil:
    cdef vec[2 * MOST] total
    cdef vec x, y
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t r, c, _s, offset
    cdef const real* a
    cdef const real* b
    cdef int k
    for k in range(outs):
        total[k] = total[outs + k] = splat(bias[k], zero)
    weights += low * walk.inner * walk.h.taps * outs
    for r in range(low, high):
        for c in range(walk.inner):
            offset = r * planes.down + c * planes.pitch
            a = first + offset
            b = second + offset
            for _s in range(walk.h.taps):
                x = load(a, zero)
                y = load(b, zero)
                for k in range(outs):
                    total[k] = total[k] + times(weights[k], x)
                    total[outs + k] = total[outs + k] + times(weights[k], y)
                weights += outs
                a += planes.right
                b += planes.right
    for k in range(outs):
        store(sums + k * V, total[k])
        store(sums + (outs + k) * V, total[outs + k])


cdef inline void any_tile(const Walk* walk, const Planes* planes, Py_ssize_t low, Py_ssize_t high,
        const real* first, const real* second, const real* weights, const real* bias, real* sums,
        vec zero) noexcept nogil:
    if planes.outs == 2:
        tile(2, walk, planes, low, high, first, second, weights, bias, sums, zero)
    elif planes.outs == 4:
        tile(4, walk, planes, low, high, first, second, weights, bias, sums, zero)
    elif planes.outs == 6:
        tile(6, walk, planes, low, high, first, second, weights, bias, sums, zero)
    else:
        tile(8, walk, planes, low, high, first, second, weights, bias, sums, zero)


# One chunk of one group. `memory` has room for its field and its planes.
cdef inline void run_planar(const Walk* walk, const Chunks* chunks, const Planes* planes,
        Py_ssize_t job, const element* source, const real* weights, const real* biases,
        real* memory, element* target, vec zero) noexcept nogil:
    cdef const Axis* v = &walk.v
    cdef const Axis* h = &walk.h
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t C = walk.inner
    cdef Py_ssize_t K = walk.groups * walk.outs
    cdef Part part = part_of(walk, chunks, job)
    cdef Py_ssize_t g = part.g
    cdef Py_ssize_t count = part.images * part.lines * planes.registers
    cdef Py_ssize_t row = chunks.width * C
    cdef real* field = memory + chunks.images * chunks.rows * planes.pitch * C
    cdef real[2 * MOST * 16] sums
    cdef real* plane
    cdef const real* x[2]
    cdef Py_ssize_t[2] to
    cdef Py_ssize_t[2] left
    cdef Py_ssize_t i, n, t, p, q, low, high, start, stop
    cdef int j
    weights += g * v.taps * h.taps * C * planes.outs
    biases += g * planes.outs
    for n in range(part.images):
        fill(walk, chunks, part.line,
            source + (part.image + n) * v.source * h.source * walk.groups * C + g * C, field, zero)
        for i in range(chunks.rows):
            plane = memory + (n * chunks.rows + i) * C * planes.pitch
            if C == 1:
                copy_row(<const real*>field + i * row, row, plane, zero)
            else:
                transposed(<const real*>field + i * row, C, chunks.width, C, plane, planes.pitch)
    for t in range((count + 1) // 2):
        low = v.taps
        high = 0
        for j in range(2):
            i = min(t * 2 + j, count - 1)       # the last one twice, if their number is odd
            q = i % planes.registers * V
            p = i // planes.registers % part.lines
            n = i // planes.registers // part.lines
            inside(v, part.line + p, &start, &stop)
            low = min(low, start)
            high = max(high, stop)
            x[j] = <const real*>memory + (n * chunks.rows + p * v.move) * C * planes.pitch + q
            to[j] = (((part.image + n) * v.target + v.first + (part.line + p) * v.step) * h.target
                + h.first + q * h.step) * K + g * walk.outs
            left[j] = min(V, h.count - q)
        any_tile(walk, planes, low, high, x[0], x[1], weights, biases, &sums[0], zero)
        for j in range(2):
            transposed(<const real*>&sums[j * planes.outs * V], V, walk.outs, left[j],
                target + to[j], K * h.step)


# target = the walk over source, plus bias (NULL for none). -1 if there is no memory.
cdef inline int walk_planar(const Walk* walk, Filters filters, const element* source,
        const char* bias, Py_ssize_t bias_step, element* target, real number,
        vec zero) noexcept nogil:
    cdef const Axis* v = &walk.v
    cdef const Axis* h = &walk.h
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t size, room, job, g, k, c, r, s
    cdef double work = (
        <double>walk.N * v.count * h.count * v.taps * h.taps * walk.inner * walk.outs * walk.groups)
    cdef int threads = num_threads() if work > PARALLEL else 1
    cdef Chunks chunks = chunks_of(walk, False, PIXELS, 1)
    cdef Planes planes
    cdef real* biases
    cdef real* weights
    cdef real* w
    planes.outs = outs_for(walk)
    planes.registers = (h.count + V - 1) // V
    planes.pitch = (max(h.taps - 1, 0) * h.gap // V + 1 + planes.registers) * V
    planes.down = v.gap * walk.inner * planes.pitch
    planes.right = h.gap
    size = v.taps * h.taps * walk.inner * planes.outs
    room = walk.inner * chunks.rows * (chunks.images * planes.pitch + chunks.width) + 16
    biases = <real*>scratch(
        (walk.groups * (planes.outs + size) + threads * room) * sizeof(real))
    if biases == NULL:
        return -1
    weights = biases + walk.groups * planes.outs
    memset(biases, 0, (walk.groups * (planes.outs + size) + threads * room) * sizeof(real))
    for g in range(walk.groups):
        for k in range(walk.outs):
            if bias != NULL:
                biases[g * planes.outs + k] = stored(
                    bias + (g * walk.outs + k) * bias_step, target[0], number)
            w = weights + g * size + k
            for r in range(v.taps):
                for c in range(walk.inner):
                    for s in range(h.taps):
                        w[0] = stored(
                            filters.data + g * filters.group + k * filters.out + c * filters.inner
                            + (v.tap + r * v.tap_step) * filters.r
                            + (h.tap + s * h.tap_step) * filters.s, target[0], number)
                        w += planes.outs
    for job in prange(walk.groups * chunks.count, num_threads=threads, schedule="static",
            use_threads_if=threads > 1):
        run_planar(walk, &chunks, &planes, job, source, <const real*>weights,
            <const real*>biases, weights + walk.groups * size + threadid() * room, target, zero)
    free(biases)
    return 0
