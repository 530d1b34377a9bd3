# The gradients of a convolution's weights and biases, together: sums over all pixels.
#
# Plan. For every tap (r, s) the gradient of the weights is a product of two matrices with a row per
# output pixel: what the tap reads of the input, transposed, times the output's gradient.
#
#   for each chunk, some rows of outputs:               (its part of both images stays in L2)
#       copy the output's gradient: [block of two registers][pixel]
#       for each block, each tap, each tile of input channels:      (threads split these)
#           up to MR x two registers of sums stay in registers while the chunk's pixels run
#
# Only pixels whose tap lies inside the image take part, and they are read where they stand. Of few
# channels a tile would be almost empty: then its rows are the channels of a whole row of taps, side
# by side in the field (_field.pxd), and so it is where float16 has to be widened.
#
# Each sum is made by one thread at a time, over the pixels in one order.

from cython.parallel cimport prange
from libc.stdlib cimport free
from libc.string cimport memset

from odyssey._ext._field cimport Chunks, Part, chunks_of, fill, part_of
from odyssey._ext._panels cimport transposed
from odyssey._ext._repeated_weight cimport is_repeated, repeated_weight_gradient
from odyssey._ext._simd cimport (
    MR, element, lanes, load, load_part, real, rounded, scratch, store, times, vec,
)
from odyssey._ext._threads cimport num_threads
from odyssey._ext._windows cimport Axis, Walk

cdef enum:
    NEAR = 384 << 10                # bytes of both images that shall stay in L2
    FEW = 16                        # channels, up to which a row of taps is one piece
    PIXELS = 256                    # of a chunk, at least
    PARALLEL = 300000               # multiply-adds that are worth waking a second thread


# How the sums are laid out and made: [block][tap][channel][register].
cdef struct Sums:
    int wide                        # registers of a block, 1 or 2
    Py_ssize_t blocks               # of a group
    bint joined                     # a row of taps is one piece, else each tap
    Py_ssize_t pieces, entries      # of a block; channels of a piece
    Py_ssize_t height               # rows of a register tile


# What one piece reads of the input for the pixels of a chunk, line by line: from where, how far
# from line to line and image to image; and the columns for which it lies inside.
cdef struct Reads:
    const void* x
    Py_ssize_t per_image, per_line, per_pixel
    Py_ssize_t r, begin, end


# sums[i] += the sum over pixels of x[pixel][i] * grad[pixel], for `rows` channels i and one or two
# registers of outputs; but the first `skip` rows stay as they are. `rows` and `wide` are literals.
cdef inline void tile(int rows, int wide, const Walk* walk, const Reads* reads, const real* x,
        const real* grad, Py_ssize_t images, Py_ssize_t first, Py_ssize_t lines, Py_ssize_t skip,
        real* sums, vec zero) noexcept nogil:
    cdef vec[MR] low
    cdef vec[MR] high
    cdef vec g0, g1 = zero
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t n, p, row, count = reads.end - reads.begin
    cdef Py_ssize_t step = walk.h.count * wide * V
    cdef Py_ssize_t _q, i
    cdef const real* a
    cdef const real* b
    for i in range(rows):
        low[i] = high[i] = zero
        if i >= skip:
            low[i] = load(<const real*>(sums + i * wide * V), zero)
            if wide == 2:
                high[i] = load(<const real*>(sums + i * wide * V + V), zero)
    grad += reads.begin * wide * V
    for n in range(images):
        for p in range(lines):
            row = (first + p) * walk.v.move + walk.v.offset + reads.r * walk.v.gap
            if 0 <= row and row < walk.v.source:
                a = x + n * reads.per_image + p * reads.per_line
                b = grad + (n * lines + p) * step
                for _q in range(count):
                    g0 = load(b, zero)
                    if wide == 2:
                        g1 = load(b + V, zero)
                    for i in range(rows):
                        low[i] = low[i] + times(a[i], g0)
                        if wide == 2:
                            high[i] = high[i] + times(a[i], g1)
                    a += reads.per_pixel
                    b += wide * V
    for i in range(rows):
        if i >= skip:
            store(sums + i * wide * V, low[i])
            if wide == 2:
                store(sums + i * wide * V + V, high[i])


cdef inline void any_tile(Py_ssize_t rows, int wide, const Walk* walk, const Reads* reads,
        const real* x, const real* grad, Py_ssize_t images, Py_ssize_t first, Py_ssize_t lines,
        Py_ssize_t skip, real* sums, vec zero) noexcept nogil:
    if MR >= 14 and rows == 14:
        tile(14, wide, walk, reads, x, grad, images, first, lines, skip, sums, zero)
    elif MR >= 14 and rows == 13:
        tile(13, wide, walk, reads, x, grad, images, first, lines, skip, sums, zero)
    elif MR >= 14 and rows == 11:
        tile(11, wide, walk, reads, x, grad, images, first, lines, skip, sums, zero)
    elif MR >= 14 and rows == 9:
        tile(9, wide, walk, reads, x, grad, images, first, lines, skip, sums, zero)
    elif MR >= 14 and rows == 8:
        tile(8, wide, walk, reads, x, grad, images, first, lines, skip, sums, zero)
    elif rows == 6:
        tile(6, wide, walk, reads, x, grad, images, first, lines, skip, sums, zero)
    elif rows == 5:
        tile(5, wide, walk, reads, x, grad, images, first, lines, skip, sums, zero)
    elif rows == 4:
        tile(4, wide, walk, reads, x, grad, images, first, lines, skip, sums, zero)
    elif rows == 2:
        tile(2, wide, walk, reads, x, grad, images, first, lines, skip, sums, zero)
    else:
        tile(1, wide, walk, reads, x, grad, images, first, lines, skip, sums, zero)


# The height of the tiles: with the fewest multiply-adds and loads.
cdef inline Py_ssize_t height_for(Py_ssize_t entries) noexcept nogil:
    cdef int[10] heights = [14, 13, 11, 9, 8, 6, 5, 4, 2, 1]
    cdef Py_ssize_t best = 1, cost, least = 0
    cdef int i
    for i in range(10):
        if heights[i] <= min(entries, MR):
            cost = (entries + heights[i] - 1) // heights[i] * (heights[i] + 1)
            if least == 0 or cost < least:
                least = cost
                best = heights[i]
    return best


# A block of the output's gradient at `pixels` pixels, dense, zeros after the last output; and its
# sum over these pixels.
cdef inline void copy_grad(const element* grad, Py_ssize_t K, Py_ssize_t outs, int wide,
        Py_ssize_t pixels, real* out, real* total, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef vec low = zero, high = zero, g
    cdef Py_ssize_t rest = max(0, outs - V), _t
    for _t in range(pixels):
        g = load(grad, zero) if outs >= V else load_part(grad, outs, zero)
        low = low + g
        store(out, g)
        if wide == 2:
            g = load(grad + V, zero) if outs >= 2 * V else load_part(grad + V, rest, zero)
            high = high + g
            store(out + V, g)
        grad += K
        out += wide * V
    store(total, low)
    if wide == 2:
        store(total + V, high)


# One tile of a piece of a block: its sums over the pixels of a chunk. The last tile of a piece
# begins where it still fits, and skips what is done.
cdef inline void add_tile(const Walk* walk, const Sums* all, const Chunks* chunks,
        const Part* part, Py_ssize_t job, const real* source, const real* field,
        const real* grads, real* sums, vec zero) noexcept nogil:
    cdef const Axis* v = &walk.v
    cdef const Axis* h = &walk.h
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t tiles = (all.entries + all.height - 1) // all.height
    cdef Py_ssize_t block = job // tiles // all.pieces
    cdef Py_ssize_t piece = job // tiles % all.pieces
    cdef Py_ssize_t entry = min(job % tiles * all.height, all.entries - all.height)
    cdef Py_ssize_t skip = job % tiles * all.height - entry
    cdef Py_ssize_t per_row = 1 if all.joined else h.taps
    cdef Py_ssize_t s = piece % per_row
    cdef Py_ssize_t C = walk.groups * walk.inner
    cdef Py_ssize_t g = block // all.blocks
    cdef Py_ssize_t column = h.offset + s * h.gap
    cdef Reads reads
    reads.r = piece // per_row
    reads.begin, reads.end = 0, h.count
    if field != NULL:
        reads.per_pixel = h.move * chunks.pitch
        reads.per_line = v.move * chunks.width * chunks.pitch
        reads.per_image = chunks.rows * chunks.width * chunks.pitch
        reads.x = field + g * chunks.images * reads.per_image + (
            reads.r * v.gap * chunks.width + s * h.gap) * chunks.pitch
    else:
        reads.begin = 0 if column >= 0 else min(h.count, (-column + h.move - 1) // h.move)
        reads.end = 0 if column >= h.source else min(h.count, (h.source - 1 - column) // h.move + 1)
        reads.end = max(reads.begin, reads.end)
        reads.per_pixel = h.move * C
        reads.per_line = v.move * h.source * C
        reads.per_image = v.source * h.source * C
        reads.x = source + g * walk.inner + ((
            part.image * v.source + part.line * v.move + v.offset + reads.r * v.gap) * h.source
            + column + reads.begin * h.move) * C
    grads += block * part.images * part.lines * h.count * all.wide * V
    sums += (job // tiles * all.entries + entry) * all.wide * V
    if all.wide == 2:
        any_tile(all.height, 2, walk, &reads, <const real*>reads.x + entry, grads, part.images,
            part.line, part.lines, skip, sums, zero)
    else:
        any_tile(all.height, 1, walk, &reads, <const real*>reads.x + entry, grads, part.images,
            part.line, part.lines, skip, sums, zero)


# What the tiles read of a chunk, copied: `field` is NULL if the input is read where it stands.
cdef inline void copy_chunk(const Walk* walk, const Sums* all, const Chunks* chunks,
        const Part* part, const element* source, const element* grad, real* field, real* grads,
        real* line_sums, real* biases, int threads, vec zero) noexcept nogil:
    cdef Py_ssize_t Q = walk.h.count
    cdef Py_ssize_t K = walk.groups * walk.outs
    cdef Py_ssize_t width = all.wide * lanes(zero)
    cdef Py_ssize_t size = chunks.rows * chunks.width * chunks.pitch
    cdef Py_ssize_t total = walk.groups * all.blocks
    cdef Py_ssize_t lines = part.images * part.lines
    cdef Py_ssize_t job, block, n, at
    for job in prange(total * lines, num_threads=threads, schedule="static",
            use_threads_if=threads > 1):
        block = job // lines
        at = job % lines
        n = part.image + at // part.lines
        copy_grad(
            grad + (n * walk.v.count + part.line + at % part.lines) * Q * K
            + block // all.blocks * walk.outs + block % all.blocks * width, K,
            min(width, walk.outs - block % all.blocks * width), all.wide, Q,
            grads + job * Q * width, line_sums + job * width, zero)
    for block in range(total):              # the lines one after the other
        for job in range(block * lines, (block + 1) * lines):
            for n in range(width):
                biases[block * width + n] += line_sums[job * width + n]
    if field != NULL:
        for job in prange(walk.groups * part.images, num_threads=threads, schedule="static",
                use_threads_if=threads > 1):
            n = part.image + job % part.images
            fill(walk, chunks, part.line,
                source + n * walk.v.source * walk.h.source * walk.groups * walk.inner
                + job // part.images * walk.inner,
                field + (job // part.images * chunks.images + job % part.images) * size, zero)


# One input channel of one block, from sums[tap][channel][register] to weight[output][channel][tap].
cdef inline void unpack(const Walk* walk, const Sums* all, Py_ssize_t job, const real* sums,
        element* weight, vec zero) noexcept nogil:
    cdef Py_ssize_t width = all.wide * lanes(zero)
    cdef Py_ssize_t taps = walk.v.taps * walk.h.taps
    cdef Py_ssize_t block = job // walk.inner
    cdef Py_ssize_t c = job % walk.inner
    cdef Py_ssize_t b = block % all.blocks
    cdef Py_ssize_t row = walk.inner * taps
    transposed(
        sums + block * row * width + c * width, walk.inner * width, taps,
        min(width, walk.outs - b * width),
        weight + (block // all.blocks * walk.outs + b * width) * row + c * taps, row)


# weight (C-contiguous) and bias = their gradients, from the input and the output's gradient; bias
# may be NULL. -1 if there is no memory.
cdef inline int weight_gradient(const Walk* walk, const element* source, const element* grad,
        element* weight, element* bias, real number, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t C = walk.groups * walk.inner
    cdef Py_ssize_t K = walk.groups * walk.outs
    cdef Py_ssize_t Q = walk.h.count
    cdef Py_ssize_t taps = walk.v.taps * walk.h.taps
    cdef Py_ssize_t bytes = (C * walk.v.move * walk.h.move + K) * <Py_ssize_t>sizeof(real)
    cdef Py_ssize_t chunk, job, block, size, total, width
    cdef Py_ssize_t room, rows, tiles
    cdef double work = <double>walk.N * walk.v.count * Q * taps * C * walk.outs
    cdef int threads = num_threads() if work > PARALLEL else 1
    cdef bint copied
    cdef Chunks chunks
    cdef Part part
    cdef Sums all
    cdef real* sums
    cdef real* biases
    cdef real* line_sums
    cdef real* field
    cdef real* grads
    if K == 0:
        return 0
    if walk.N * walk.v.count * Q == 0:
        memset(weight, 0, K * walk.inner * taps * sizeof(element))
        if bias != NULL:
            memset(bias, 0, K * sizeof(element))
        return 0
    if is_repeated(walk, number, zero):
        return repeated_weight_gradient(walk, source, grad, weight, bias, number, zero)
    all.wide = 1 if walk.outs <= V else 2
    width = all.wide * V
    all.blocks = (walk.outs + width - 1) // width
    all.joined = walk.inner < FEW and walk.h.gap == 1
    all.pieces = walk.v.taps if all.joined else taps
    all.entries = walk.inner * (walk.h.taps if all.joined else 1)
    all.height = height_for(all.entries)
    total = walk.groups * all.blocks
    tiles = total * all.pieces * ((all.entries + all.height - 1) // all.height)
    copied = all.joined or sizeof(element) < sizeof(real)
    chunks = chunks_of(walk, False, max(PIXELS, NEAR // bytes), 1)
    size = chunks.images * chunks.rows * chunks.width * chunks.pitch
    room = chunks.images * chunks.lines * Q * width
    rows = chunks.images * chunks.lines
    sums = <real*>scratch((total * (taps * walk.inner * width + width * (rows + 1) + room)
        + (walk.groups * size + 16 if copied else 0)) * sizeof(real))
    if sums == NULL:
        return -1
    biases = sums + total * taps * walk.inner * width
    line_sums = biases + total * width
    grads = line_sums + total * width * rows
    field = grads + total * room if copied else NULL
    memset(sums, 0, total * (taps * walk.inner + 1) * width * sizeof(real))
    for chunk in range(chunks.count):
        part = part_of(walk, &chunks, chunk)
        copy_chunk(walk, &all, &chunks, &part, source, grad, field, grads, line_sums, biases,
            threads, zero)
        for job in prange(tiles, num_threads=threads, schedule="static",
                use_threads_if=threads > 1):
            add_tile(walk, &all, &chunks, &part, job, <const real*>source, field, grads, sums,
                zero)
    for job in prange(total * walk.inner, num_threads=threads, schedule="static",
            use_threads_if=threads > 1):
        unpack(walk, &all, job, <const real*>sums, weight, zero)
    if bias != NULL:
        for job in range(K):
            block = job // walk.outs * all.blocks * width + job % walk.outs
            bias[job] = rounded(biases[block], bias[0])
    free(sums)
    return 0
