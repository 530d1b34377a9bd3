# The gradients of weights and biases in Cook and Toom's form (toom.pyx).
#
# A row of the filter's gradient is a convolution, too: of a tile of the image with the tile of
# output gradients, m taps that give r outputs. F(r, m) has the points of F(m, r), and the image's
# values are those of the forward pass. Sums at the points run over all tiles:
#
#   for each job, some chunks:                          (threads split these)
#       for each chunk of rows of outputs:
#           evaluate the image:           [row][tiles][point][channel]
#           expand the output's gradient: [point][tile][output], adding up the biases' gradient
#           for each point, row of taps, some channels, block of outputs:
#               sums stay in registers while the chunk's tiles run
#   add the jobs' sums, one after the other; collect taps from points
#
# How many jobs there are depends on the shapes alone: results are the same for any number of
# threads.

from cython.parallel cimport prange, threadid
from libc.stdlib cimport free
from libc.string cimport memset

from odyssey._ext._field cimport Part, part_of
from odyssey._ext._simd cimport (
    WIDE, element, lanes, load, load_part, real, rounded, scratch, store, times, vec,
)
from odyssey._ext._threads cimport num_threads
from odyssey._ext._toom cimport PARALLEL, PITCH, Plan, evaluate_part, expand_any, plan_for
from odyssey._ext._windows cimport Walk, add_slices, breadth, most, one, vectors
from odyssey._ext._winograd cimport SIDE, collect

cdef extern from "inline.h" nogil:
    void __builtin_prefetch(const void* address, int write, int locality)

cdef enum:
    PIXELS = 255                    # of a chunk, about
    JOBS = 16                       # at most
    MOST_CHANNELS = 6               # of a register tile
    SUMS = 4 << 20                  # bytes of all jobs' sums, about


# Where things stand, in numbers.
cdef struct Places:
    Py_ssize_t outs                 # of a group, whole registers
    Py_ssize_t step                 # from point to point of a chunk's gradients
    Py_ssize_t per_point, per_row   # of sums: [point][row of taps][channel][outputs]
    Py_ssize_t sums                 # of a job, biases included
    Py_ssize_t jobs                 # of a group


cdef inline Places places_for(const Walk* walk, const Plan* plan, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t bytes
    cdef Places at
    at.outs = (walk.outs + V - 1) // V * V
    at.step = plan.chunks.images * plan.chunks.lines * plan.tiles * at.outs + 16
    at.per_row = plan.channels * at.outs
    at.per_point = walk.v.taps * at.per_row
    at.sums = SIDE * at.per_point + at.outs
    bytes = at.sums * <Py_ssize_t>sizeof(vec) // V
    at.jobs = max(2, min(JOBS, SUMS // max(1, bytes)))
    at.jobs = min(at.jobs, plan.chunks.count)
    return at


# grads[point][tile][output] of a chunk; bias += the sum of its output gradients.
cdef inline void expand_part(const Walk* walk, const Plan* plan, const Places* at,
        const Part* part, const element* grad, real* grads, real* bias, vec zero) noexcept nogil:
    cdef vec[SIDE] g
    cdef vec[SIDE] u
    cdef vec total
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t K = walk.groups * walk.outs
    cdef Py_ssize_t k, p, t, left, outs
    cdef const element* x
    cdef int i
    grad += part.g * walk.outs + (
        part.image * walk.v.count + part.line) * walk.h.count * K
    for p in range(part.images * part.lines):
        for t in range(plan.tiles):
            left = walk.h.count - t * plan.m
            x = grad + (p * walk.h.count + t * plan.m) * K
            for k in range(0, at.outs // V):
                outs = walk.outs - k * V
                total = load(<const real*>bias + k * V, zero)
                for i in range(SIDE - 1):
                    g[i] = zero
                    if i < plan.m and i < left:
                        g[i] = load(x + i * K, zero) if outs >= V else load_part(
                            x + i * K, outs, zero)
                        __builtin_prefetch(x + (i + 2 * plan.m) * K, 0, 3)
                        total = total + g[i]
                expand_any(plan.m, &g[0], &u[0])
                for i in range(SIDE):
                    store(grads + i * at.step + k * V, u[i])
                store(bias + k * V, total)
                x += V
            grads += at.outs


# sums[c] += the sum over tiles of values[tile][c] * grads[tile], for `rows` channels c and some
# registers of outputs. `rows` is a literal.
cdef inline void tile(int rows, breadth like, const Walk* walk, const Plan* plan,
        const Places* at, const Part* part, Py_ssize_t r, const real* values, const real* grads,
        real* sums, vec zero) noexcept nogil:
    cdef int wide = vectors(like)
    cdef vec[MOST_CHANNELS * WIDE] total
    cdef vec g
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t n, p, _t, u, row, low, high, lines, count
    cdef const real* a
    cdef const real* b
    cdef int i, j
    low = high = 0                  # the lines for which this row of taps lies inside
    for p in range(part.lines):
        row = (part.line + p) * walk.v.move + walk.v.offset + r * walk.v.gap
        low += row < 0
        high += row < walk.v.source
    lines = max(0, high - low)
    count = plan.tiles // plan.together
    if walk.v.move == 1 and plan.pieces == 1:   # one behind the other
        count *= lines
        lines = min(lines, 1)
    for i in range(rows):
        for j in range(wide):
            total[i * wide + j] = load(<const real*>sums + i * at.outs + j * V, zero)
    for u in range(plan.together):
        for n in range(part.images):
            for p in range(low, low + lines):
                a = values + (n * plan.chunks.rows + p * walk.v.move) * plan.row + u * plan.apart
                b = grads + ((n * part.lines + p) * plan.tiles + u) * at.outs
                for _t in range(count):
                    for j in range(wide):
                        g = load(b + j * V, zero)
                        for i in range(rows):
                            total[i * wide + j] = total[i * wide + j] + times(a[i], g)
                    a += SIDE * PITCH
                    b += plan.together * at.outs
    for i in range(rows):
        for j in range(wide):
            store(sums + i * at.outs + j * V, total[i * wide + j])


# All channels of one row of taps at one point: six at a time, then three, then one by one.
cdef inline void add_row(breadth like, const Walk* walk, const Plan* plan, const Places* at,
        const Part* part, Py_ssize_t r, const real* values, const real* grads, real* sums,
        vec zero) noexcept nogil:
    cdef Py_ssize_t c = 0, left
    cdef const real* x
    while c < plan.channels:
        left = min(plan.channels - c, PITCH - c % PITCH)
        x = values + c // PITCH * plan.piece + c % PITCH
        if left >= 6:
            tile(6, like, walk, plan, at, part, r, x, grads, sums + c * at.outs, zero)
            c += 6
        elif left >= 3:
            tile(3, like, walk, plan, at, part, r, x, grads, sums + c * at.outs, zero)
            c += 3
        else:
            tile(1, like, walk, plan, at, part, r, x, grads, sums + c * at.outs, zero)
            c += 1


# The chunks of one job. `memory` has room for a chunk's values and gradients.
cdef inline void run_job(const Walk* walk, const Plan* plan, const Places* at, Py_ssize_t job,
        const element* source, const element* grad, real* sums, real* memory,
        vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t g = job // at.jobs
    cdef Py_ssize_t first = job % at.jobs * plan.chunks.count // at.jobs
    cdef Py_ssize_t last = (job % at.jobs + 1) * plan.chunks.count // at.jobs
    cdef real* grads = memory + plan.room
    cdef Py_ssize_t chunk, k, r, rest
    cdef const real* x
    cdef const real* y
    cdef real* out
    cdef Part part
    cdef int j
    memset(sums, 0, at.sums * sizeof(real))
    for chunk in range(first, last):
        part = part_of(walk, &plan.chunks, g * plan.chunks.count + chunk)
        evaluate_part(walk, plan, &part, source, memory, zero)
        expand_part(walk, plan, at, &part, grad, grads, sums + SIDE * at.per_point, zero)
        for j in range(SIDE):
            k = 0
            while k < at.outs:
                rest = (at.outs - k) // V       # registers
                y = <const real*>grads + j * at.step + k
                for r in range(walk.v.taps):
                    x = <const real*>memory + r * walk.v.gap * plan.row + j * PITCH
                    out = sums + j * at.per_point + r * at.per_row + k
                    if rest >= WIDE:
                        add_row(<most>WIDE, walk, plan, at, &part, r, x, y, out, zero)
                    else:
                        add_row(<one>1, walk, plan, at, &part, r, x, y, out, zero)
                k += V * (WIDE if rest >= WIDE else 1)


cdef inline void collect_any(int count, const vec* sums, vec* y, vec zero) noexcept nogil:
    if count == 2:
        collect(SIDE, 2, sums, y, zero)
    elif count == 3:
        collect(SIDE, 3, sums, y, zero)
    elif count == 4:
        collect(SIDE, 4, sums, y, zero)
    else:
        collect(SIDE, 5, sums, y, zero)


# One register of outputs of one group, from sums at points to weight[output][channel][tap].
cdef inline void unpack(const Walk* walk, const Plan* plan, const Places* at, Py_ssize_t k,
        const real* sums, element* weight, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t S = walk.h.taps
    cdef Py_ssize_t per_channel = walk.v.taps * S
    cdef Py_ssize_t r, c, o, s
    cdef real[16] row
    cdef vec[SIDE] x
    cdef vec[SIDE] y
    cdef int j
    weight += k * walk.inner * per_channel
    for r in range(walk.v.taps):
        for c in range(plan.channels):
            for j in range(SIDE):
                x[j] = load(
                    sums + j * at.per_point + r * at.per_row + c * at.outs + k, zero)
            collect_any(plan.r, &x[0], &y[0], zero)
            for j in range(plan.r):
                s = j * walk.h.move + c // walk.inner
                if s < S:
                    store(&row[0], y[j])
                    for o in range(min(V, walk.outs - k)):
                        weight[(o * walk.inner + c % walk.inner) * per_channel + r * S + s] = (
                            rounded(row[o], weight[0]))


# weight (C-contiguous) and bias = their gradients, from the input and the output's gradient; bias
# may be NULL. -1 if there is no memory.
cdef inline int weight_gradient(const Walk* walk, const element* source, const element* grad,
        element* weight, element* bias, real number, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t taps = walk.v.taps * walk.h.taps
    cdef Py_ssize_t K = walk.groups * walk.outs
    cdef double work = <double>walk.N * walk.v.count * walk.h.count * taps * walk.inner * K
    cdef int threads = num_threads() if work > PARALLEL else 1
    cdef Plan plan
    cdef Places at
    cdef Py_ssize_t job, g, k, room
    cdef real* memory
    cdef real* sums
    if K == 0:
        return 0
    if walk.N * walk.v.count * walk.h.count == 0:
        memset(weight, 0, K * walk.inner * taps * sizeof(element))
        if bias != NULL:
            memset(bias, 0, K * sizeof(element))
        return 0
    plan = plan_for(walk, PIXELS, True)
    at = places_for(walk, &plan, zero)
    room = plan.room + SIDE * at.step
    memory = <real*>scratch(
        (threads * room + walk.groups * at.jobs * at.sums) * sizeof(real))
    if memory == NULL:
        return -1
    sums = memory + threads * room
    for job in prange(walk.groups * at.jobs, num_threads=threads, schedule="static",
            use_threads_if=threads > 1):
        run_job(walk, &plan, &at, job, source, grad, sums + job * at.sums,
            memory + threadid() * room, zero)
    for g in range(walk.groups):
        add_slices(at.jobs, at.sums, sums, zero)
        for k in range(0, at.outs // V):
            unpack(walk, &plan, &at, k * V, <const real*>sums,
                weight + g * walk.outs * walk.inner * taps, zero)
        if bias != NULL:
            for k in range(walk.outs):
                bias[g * walk.outs + k] = rounded(sums[SIDE * at.per_point + k], bias[0])
        sums += at.jobs * at.sums
    free(memory)
    return 0
