# The gradient of the weights of few filters: neighbouring pixels fill the lanes of a register.
#
# With 6 filters a register of the output's gradient at one pixel would have 6 of its 16 lanes at
# work. Here it is read as it lies in memory, pixel after pixel, and each number of the input is
# repeated for every filter, so that lanes meet what they are multiplied by:
#
#   gradient of two filters     g00 g01 g10 g11 g20 g21 ...      g[pixel][filter]
#   input of one channel        x0  x0  x1  x1  x2  x2  ...      tap s begins s pixels later
#
# Filters of all groups stand side by side in the gradient, and beside each is its own group's
# channel of the input: groups need nothing else.
#
#   for each slice, some images:                        (threads split these)
#       for each chunk, an image or some lines:
#           copy the output's gradient, with lines of zeros above and below
#           copy the input, repeated: [row][channel][column][filter]
#           for each channel, each tile of taps:
#               the taps' sums stay in registers while rows run
#   add the slices' sums up, then the lanes of a filter
#
# A register of the gradient begins with another filter than its neighbour (of 6 filters: with 0, 4
# or 2). Registers that begin alike are one phase and share their sums.
#
# The slices do not depend on the number of threads, and each sum is made in one order. A number of
# the input that is not finite spoils the sums of all taps of its channel.

from cython.parallel cimport prange, threadid
from libc.stdlib cimport free
from libc.string cimport memset

from odyssey._ext._simd cimport (
    MR, element, lanes, load, load_part, number, real, rounded, scratch, splat, store, vec,
)
from odyssey._ext._threads cimport num_threads
from odyssey._ext._windows cimport Walk, add_slices, common_divisor

cdef enum:
    MOST = 5                        # taps of a tile, along one axis
    SLICES = 16
    NEAR = 128 << 10                # bytes of a chunk's copies that shall stay in L2
    SUMS = 32 << 10                 # numbers, at most: a slice's sums shall stay there, too
    REPEAT = 3                      # multiply-adds that take as long as a store
    PARALLEL = 300000               # multiply-adds that are worth waking a second thread


# How the copies of a chunk lie in memory, in numbers.
cdef struct Layout:
    Py_ssize_t K                    # filters of all groups
    Py_ssize_t phases
    Py_ssize_t registers            # of a line of the gradient
    Py_ssize_t line, row            # of the gradient; of one channel of the input
    Py_ssize_t down, right          # from tap to tap: in the gradient, in the input
    Py_ssize_t above                # lines of zeros
    Py_ssize_t lines, parts         # of a chunk; chunks of an image
    Py_ssize_t sums                 # [phase][channel][tap][lane]


# How many registers begin with different filters.
cdef inline Py_ssize_t phase_count(Py_ssize_t K, Py_ssize_t V) noexcept nogil:
    return K // common_divisor(K, V)


cdef inline Layout layout_for(const Walk* walk, real like_real, vec like) noexcept nogil:
    cdef Py_ssize_t V = lanes(like)
    cdef Layout a
    a.K = walk.groups * walk.outs
    a.registers = (walk.h.count * a.K + V - 1) // V
    a.phases = min(phase_count(a.K, V), a.registers)
    a.line = a.registers * V
    a.right = walk.h.gap * a.K
    a.row = a.line + (walk.h.taps - 1) * a.right + 2 * V
    a.down = walk.v.gap * a.line
    a.above = (walk.v.taps - 1) * walk.v.gap
    a.lines = max(1, NEAR // ((a.line + walk.inner * a.row) * <Py_ssize_t>sizeof(real)))
    a.parts = (walk.v.count + a.lines - 1) // a.lines
    a.lines = (walk.v.count + a.parts - 1) // a.parts
    a.sums = a.phases * walk.inner * walk.v.taps * walk.h.taps * V
    return a


# Whether this takes less than filters in lanes, by a margin: in multiply-adds of registers, of
# which a store of a repeated number takes REPEAT. Chunks of few lines see many rows twice.
cdef inline bint is_repeated(const Walk* walk, real like_real, vec like) noexcept nogil:
    cdef Py_ssize_t V = lanes(like)
    cdef Py_ssize_t taps = walk.v.taps * walk.h.taps
    cdef Py_ssize_t alone = walk.h.count * walk.groups * ((walk.outs + V - 1) // V)
    cdef Layout all = layout_for(walk, like_real, like)
    cdef Py_ssize_t rows = min(all.lines + all.above, walk.v.source)
    return (walk.v.move == 1 and walk.h.move == 1 and all.sums <= SUMS
        and 5 * (taps * all.registers + REPEAT * alone) * rows < 4 * taps * alone * all.lines)


# sums[r][s] += the sum over `count` rows, `registers` of each, of what tap (r, s) reads of the
# input times the gradient. `rows` and `columns` are literals: the sums stay in registers.
cdef inline void tile(int rows, int columns, const Walk* walk, const Layout* all, Py_ssize_t count,
        Py_ssize_t registers, const real* x, const real* grad, real* sums,
        vec zero) noexcept nogil:
    cdef vec[MOST * MOST] total
    cdef vec[MOST] g
    cdef vec v
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t step = all.phases * V
    cdef Py_ssize_t _y, _i
    cdef const real* a
    cdef const real* b
    cdef int r, s
    for r in range(rows):
        for s in range(columns):
            total[r * columns + s] = load(<const real*>(sums + (r * walk.h.taps + s) * V), zero)
    for _y in range(count):
        a = x
        b = grad
        for _i in range(registers):
            for r in range(rows):
                g[r] = load(b - r * all.down, zero)
            for s in range(columns):
                v = load(a + s * all.right, zero)
                for r in range(rows):
                    total[r * columns + s] = total[r * columns + s] + v * g[r]
            a += step
            b += step
        x += walk.inner * all.row
        grad += all.line
    for r in range(rows):
        for s in range(columns):
            store(sums + (r * walk.h.taps + s) * V, total[r * columns + s])


# All taps of `rows` rows of the window.
cdef inline void row_tiles(int rows, const Walk* walk, const Layout* all, Py_ssize_t count,
        Py_ssize_t registers, const real* x, const real* grad, real* sums,
        vec zero) noexcept nogil:
    cdef Py_ssize_t s = 0, done
    while s < walk.h.taps:
        if MR >= 14 and walk.h.taps - s >= 5:
            tile(rows, 5, walk, all, count, registers, x, grad, sums, zero)
            done = 5
        elif walk.h.taps - s >= 3:
            tile(rows, 3, walk, all, count, registers, x, grad, sums, zero)
            done = 3
        elif walk.h.taps - s == 2:
            tile(rows, 2, walk, all, count, registers, x, grad, sums, zero)
            done = 2
        else:
            tile(rows, 1, walk, all, count, registers, x, grad, sums, zero)
            done = 1
        s += done
        x += done * all.right
        sums += done * lanes(zero)


# All taps of the window.
cdef inline void tiles(const Walk* walk, const Layout* all, Py_ssize_t count, Py_ssize_t registers,
        const real* x, const real* grad, real* sums, vec zero) noexcept nogil:
    cdef Py_ssize_t r = 0, done
    while r < walk.v.taps:
        if MR >= 14 and walk.v.taps - r >= 5:
            row_tiles(5, walk, all, count, registers, x, grad, sums, zero)
            done = 5
        elif walk.v.taps - r >= 3:
            row_tiles(3, walk, all, count, registers, x, grad, sums, zero)
            done = 3
        elif walk.v.taps - r == 2:
            row_tiles(2, walk, all, count, registers, x, grad, sums, zero)
            done = 2
        else:
            row_tiles(1, walk, all, count, registers, x, grad, sums, zero)
            done = 1
        r += done
        grad -= done * all.down
        sums += done * walk.h.taps * lanes(zero)


# Lines of the gradient, each with zeros up to the end of a register; and their sum, which is added
# to `totals`.
cdef inline void copy_lines(const element* grad, Py_ssize_t lines, Py_ssize_t count, real* out,
        Py_ssize_t line, real* totals, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t i, p
    cdef vec g, total
    for i in range(count // V):
        total = load(<const real*>totals + i * V, zero)
        for p in range(lines):
            g = load(grad + p * count + i * V, zero)
            store(out + p * line + i * V, g)
            total = total + g
        store(totals + i * V, total)
    i = count // V * V
    if i < count:
        total = load(<const real*>totals + i, zero)
        for p in range(lines):
            g = load_part(grad + p * count + i, count - i, zero)
            store(out + p * line + i, g)
            total = total + g
        store(totals + i, total)


# One channel of a row of the input, each number once for every filter. What a whole register writes
# too much is written over by the next number.
cdef inline void repeat(const Walk* walk, const Layout* all, const element* row, real* out,
        vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t width = walk.h.count + (walk.h.taps - 1) * walk.h.gap
    cdef Py_ssize_t left = min(max(-walk.h.offset, 0), width)
    cdef Py_ssize_t right = max(left, min(width, walk.h.source - walk.h.offset))
    cdef Py_ssize_t _j, k
    cdef real* p = out + left * all.K
    cdef vec v
    memset(out, 0, left * all.K * sizeof(real))
    row += (left + walk.h.offset) * walk.groups * walk.inner
    for _j in range((right - left) * walk.groups):
        v = splat(number(row[0]), zero)
        store(p, v)
        for k in range(1, (walk.outs + V - 1) // V):
            store(p + k * V, v)
        p += walk.outs
        row += walk.inner
    memset(out + right * all.K, 0, (all.row - right * all.K) * sizeof(real))


# One chunk. `memory` has room for its copies; `sums` and `totals` are those of its slice.
cdef inline void run_chunk(const Walk* walk, const Layout* all, Py_ssize_t chunk,
        const element* source, const element* grad, real* memory, real* sums, real* totals,
        vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t C = walk.inner
    cdef Py_ssize_t per_line = walk.h.count * all.K
    cdef Py_ssize_t image = chunk // all.parts
    cdef Py_ssize_t first = chunk % all.parts * all.lines
    cdef Py_ssize_t lines = min(all.lines, walk.v.count - first)
    cdef Py_ssize_t top = first + walk.v.offset         # the first row that a window sees
    cdef Py_ssize_t low = max(top, 0)
    cdef Py_ssize_t high = min(top + lines + all.above, walk.v.source)
    cdef real* field = memory + (all.lines + 2 * all.above) * all.line
    cdef Py_ssize_t y, c, phase
    grad += (image * walk.v.count + first) * per_line
    source += image * walk.v.source * walk.h.source * walk.groups * C
    memset(memory, 0, all.above * all.line * sizeof(real))
    copy_lines(grad, lines, per_line, memory + all.above * all.line, all.line, totals, zero)
    memset(memory + (all.above + lines) * all.line, 0, all.above * all.line * sizeof(real))
    for y in range(low, high):
        for c in range(C):
            repeat(walk, all, source + y * walk.h.source * walk.groups * C + c,
                field + ((y - low) * C + c) * all.row, zero)
    for phase in range(all.phases):
        for c in range(C):
            tiles(walk, all, high - low, (all.registers - phase + all.phases - 1) // all.phases,
                <const real*>field + c * all.row + phase * V,
                <const real*>memory + (low - top + all.above) * all.line + phase * V,
                sums + (phase * C + c) * walk.v.taps * walk.h.taps * V, zero)


# totals[filter][channel][tap] and biases[filter] += the lanes of each filter.
cdef inline void add_lanes(const Walk* walk, const Layout* all, const real* sums, real* totals,
        real* biases, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t size = walk.inner * walk.v.taps * walk.h.taps
    cdef Py_ssize_t phase, lane, i, k
    for phase in range(all.phases):
        for lane in range(V):
            k = (phase * V + lane) % all.K
            for i in range(size):
                totals[k * size + i] += sums[(phase * size + i) * V + lane]
    for i in range(walk.h.count * all.K):
        biases[i % all.K] += sums[all.sums + i]


# weight (C-contiguous) and bias = their gradients, from the input and the output's gradient; bias
# may be NULL. -1 if there is no memory.
cdef inline int repeated_weight_gradient(const Walk* walk, const element* source,
        const element* grad, element* weight, element* bias, real like_real,
        vec zero) noexcept nogil:
    cdef Layout all = layout_for(walk, like_real, zero)
    cdef double work = (
        <double>walk.N * walk.v.count * all.line * walk.inner * walk.v.taps * walk.h.taps)
    cdef int threads = num_threads() if work > PARALLEL else 1
    cdef Py_ssize_t chunks = walk.N * all.parts
    # Sums are cleared, added up and folded: less often than numbers are added to them.
    cdef Py_ssize_t slices = max(1, min(min(SLICES, chunks), <Py_ssize_t>(
        work / (32 * max(1, all.sums)))))
    cdef Py_ssize_t outputs = all.K * walk.inner * walk.v.taps * walk.h.taps
    cdef Py_ssize_t of_slice = all.sums + all.line
    cdef Py_ssize_t of_thread = (all.lines + 2 * all.above) * all.line + (
        all.lines + all.above) * walk.inner * all.row
    cdef Py_ssize_t slice, chunk, i
    cdef real* sums = <real*>scratch((
        slices * of_slice + outputs + all.K + threads * of_thread) * sizeof(real))
    cdef real* totals = sums + slices * of_slice
    cdef real* biases = totals + outputs
    cdef real* memory = biases + all.K
    if sums == NULL:
        return -1
    memset(sums, 0, (slices * of_slice + outputs + all.K) * sizeof(real))
    for slice in prange(slices, num_threads=threads, schedule="static", use_threads_if=threads > 1):
        for chunk in range(chunks * slice // slices, chunks * (slice + 1) // slices):
            run_chunk(walk, &all, chunk, source, grad, memory + threadid() * of_thread,
                sums + slice * of_slice, sums + slice * of_slice + all.sums, zero)
    add_slices(slices, of_slice, sums, zero)
    add_lanes(walk, &all, <const real*>sums, totals, biases, zero)
    for i in range(outputs):
        weight[i] = rounded(totals[i], weight[0])
    if bias != NULL:
        for i in range(all.K):
            bias[i] = rounded(biases[i], bias[0])
    free(sums)
    return 0
