# The steps of attention on blocks, for both directions: packing, the two products, and what happens
# to a block of scores between them. Inline functions in a .pxd, so that they are compiled at each
# level.
#
# A block of scores T holds ROWS x LANES numbers, T[row][lane]. Its lanes stay while blocks of rows
# pass by, so what is computed for a lane (a maximum, a sum, an output) stays in cache, and a
# register holds V lanes of one row: maxima and sums over the rows need no sum across a register.
# The forward pass and the gradient of the queries have queries in the lanes and keys in the rows,
# the gradients of keys and values have keys in the lanes.

cimport numpy as cnp
from libc.math cimport INFINITY
from libc.string cimport memcpy

from odyssey._ext._simd cimport (
    element, exponential, half, half_to_float, keep, lane_sum, lanes, load, maximum, real, splat,
    store, times, vec, vf32,
)

cdef extern from *:
    """
    #include "simd.h"
    #if VBYTES == 64
    #define TILE 8
    #else
    #define TILE 4
    #endif
    """
    enum:
        TILE                        # rows of the register tile; its width is 2 registers

cdef enum:
    LANES = 128                     # a multiple of TILE and of two registers at every level
    ROWS = 32                       # likewise of TILE

cdef enum Kind:                     # of a mask
    NONE
    BOOLEAN
    ADDITIVE


# The rows of one operand: first byte, bytes from row to row and from number to number, and bytes
# along the leading axes, which number the heads.
cdef struct Operand:
    const char* data
    Py_ssize_t row
    Py_ssize_t column
    const cnp.npy_intp* steps


# One call: L queries and S keys of E features, S values of V features.
cdef struct Problem:
    int axes
    const cnp.npy_intp* sizes
    Py_ssize_t heads, L, S, E, V
    Operand q, k, v, mask, grad, out
    Kind kind
    bint causal
    double scale


# Where a block of scores stands.
cdef struct Block:
    Py_ssize_t row, rows            # the first row, and how many
    Py_ssize_t lane, lanes
    bint keys_in_rows


cdef inline Operand head(const Operand* x, const Problem* p, Py_ssize_t n) noexcept nogil:
    cdef Operand one = x[0]
    cdef int i
    for i in range(p.axes - 1, -1, -1):
        one.data += n % p.sizes[i] * x.steps[i]
        n = n // p.sizes[i]
    return one


# The least finite number: a maximum that starts here can be subtracted from -inf.
cdef inline vec least(vec zero) noexcept nogil:
    if vec is vf32:
        return splat(-3.4028234663852886e38, zero)
    else:
        return splat(-1.7976931348623157e308, zero)


# n numbers, rounded up to whole registers.
cdef inline Py_ssize_t padded(Py_ssize_t n, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    return (n + V - 1) // V * V


# n lanes, rounded up to whole registers and to whole tiles.
cdef inline Py_ssize_t breadth(Py_ssize_t n, vec zero) noexcept nogil:
    cdef Py_ssize_t unit = max(lanes(zero), TILE)
    return (n + unit - 1) // unit * unit


# ---- packing -------------------------------------------------------------------------------------

cdef inline real stored(const char* p, element like, real zero) noexcept nogil:
    if element is half:
        return half_to_float((<const element*>p)[0])
    else:
        return <real>(<const element*>p)[0]


# Rows of x, transposed into panels [F][width]: each holds `width` rows side by side, zeros after
# the last. Eight rows at a time: with more of them than L1 has ways, rows a power of two apart push
# each other out.
cdef inline void pack(const Operand* x, Py_ssize_t first, Py_ssize_t count, Py_ssize_t width,
        Py_ssize_t F, real* out, element like) noexcept nogil:
    cdef Py_ssize_t panel, here, start, stop, i, f
    cdef const char* data
    cdef real* o
    for panel in range((count + width - 1) // width):
        here = min(width, count - panel * width)
        data = x.data + (first + panel * width) * x.row
        for start in range(0, width, 8):
            stop = min(start + 8, width)
            o = out + panel * width * F
            if start + 8 <= here:
                for f in range(F):
                    for i in range(8):
                        o[start + i] = stored(
                            data + (start + i) * x.row + f * x.column, like, o[0])
                    o += width
            else:
                for f in range(F):
                    for i in range(start, stop):
                        o[i] = stored(
                            data + i * x.row + f * x.column, like, o[0]) if i < here else 0
                    o += width


# Rows of x as they are, each padded with zeros to whole registers; `ld` gets the distance of two.
# Where x has that form already it is read in place.
cdef inline const real* natural(const Operand* x, Py_ssize_t first, Py_ssize_t count, Py_ssize_t F,
        real* out, Py_ssize_t* ld, element like, vec zero) noexcept nogil:
    cdef Py_ssize_t wide = padded(F, zero)
    cdef Py_ssize_t r, f
    cdef const char* data = x.data + first * x.row
    if (sizeof(element) == sizeof(real) and x.column == sizeof(real) and F == wide
            and x.row % <Py_ssize_t>sizeof(real) == 0):
        ld[0] = x.row // <Py_ssize_t>sizeof(real)
        return <const real*>data
    ld[0] = wide
    for r in range(count):
        if sizeof(element) == sizeof(real) and x.column == sizeof(real):
            memcpy(out + r * wide, data, F * sizeof(real))
        else:
            for f in range(F):
                out[r * wide + f] = stored(data + f * x.column, like, out[0])
        for f in range(F, wide):
            out[r * wide + f] = 0
        data += x.row
    return out


# ---- products ------------------------------------------------------------------------------------

# c (TILE x 2V, or TILE x V if narrow) = a @ b, added to what c holds if `more`; a is read as
# a[k][TILE]. `wide` is a literal in every call: the loops over i unroll, and `low` and `high` are
# registers.
cdef inline void tile(bint wide, Py_ssize_t K, const real* a, Py_ssize_t lda, const real* b,
        Py_ssize_t ldb, real* c, Py_ssize_t ldc, bint more, vec zero) noexcept nogil:
    cdef vec[TILE] low
    cdef vec[TILE] high
    cdef vec b0
    cdef vec b1 = zero
    cdef Py_ssize_t i, k
    cdef Py_ssize_t V = lanes(zero)
    for i in range(TILE):
        low[i] = load(<const real*>(c + i * ldc), zero) if more else zero
        if wide:
            high[i] = load(<const real*>(c + i * ldc + V), zero) if more else zero
    for k in range(K):
        b0 = load(b + k * ldb, zero)
        if wide:
            b1 = load(b + k * ldb + V, zero)
        for i in range(TILE):
            low[i] = low[i] + times(a[k * lda + i], b0)
            if wide:
                high[i] = high[i] + times(a[k * lda + i], b1)
    for i in range(TILE):
        store(c + i * ldc, low[i])
        if wide:
            store(c + i * ldc + V, high[i])


# T[row][lane] = (row's features) . (lane's features), from panels of TILE rows and of 2V lanes.
cdef inline void dots(Py_ssize_t rows, Py_ssize_t width, Py_ssize_t F, const real* panels,
        const real* across, real* T, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t r, c = 0
    while c < width:
        for r in range((rows + TILE - 1) // TILE):
            if c + V < width:
                tile(True, F, panels + r * TILE * F, TILE, across + c * F, 2 * V,
                    T + r * TILE * LANES + c, LANES, False, zero)
            else:
                tile(False, F, panels + r * TILE * F, TILE, across + c * F, 2 * V,
                    T + r * TILE * LANES + c, LANES, False, zero)
        c += 2 * V


# acc[lane][f] += sum over the rows of T[row][lane] * z[row][f]. Where T holds the zeros of hidden
# pairs and z something that is not finite, these pairs are left out: 0 * inf is not 0.
cdef inline void accumulate(const Block* block, const real* T, const real* z, Py_ssize_t ld,
        Py_ssize_t F, real* acc, bint hidden, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t wide = padded(F, zero)
    cdef Py_ssize_t i, r, f, c = 0
    if hidden and not all_finite(z, block.rows, wide, ld, zero):
        for r in range(block.rows):
            for i in range(block.lanes):
                if T[r * LANES + i] != 0:
                    for f in range(F):
                        acc[i * wide + f] += T[r * LANES + i] * z[r * ld + f]
        return
    while c < wide:
        for i in range((block.lanes + TILE - 1) // TILE):
            if c + V < wide:
                tile(True, block.rows, T + i * TILE, LANES, z + c, ld, acc + i * TILE * wide + c,
                    wide, True, zero)
            else:
                tile(False, block.rows, T + i * TILE, LANES, z + c, ld, acc + i * TILE * wide + c,
                    wide, True, zero)
        c += 2 * V


cdef inline bint all_finite(const real* z, Py_ssize_t rows, Py_ssize_t wide, Py_ssize_t ld,
        vec zero) noexcept nogil:
    cdef vec total = zero
    cdef vec x
    cdef Py_ssize_t r, c
    for r in range(rows):
        c = 0
        while c < wide:
            x = load(z + r * ld + c, zero)
            total = total + (x - x)     # inf - inf and NaN - NaN are NaN
            c += lanes(zero)
    return lane_sum(total) == 0


# ---- scores --------------------------------------------------------------------------------------

# Add a mask to T, or set what it hides to -inf.
cdef inline void apply_mask(const Operand* mask, Kind kind, const Block* block, real* T,
        element like) noexcept nogil:
    cdef Py_ssize_t along = mask.column if block.keys_in_rows else mask.row
    cdef Py_ssize_t across = mask.row if block.keys_in_rows else mask.column
    cdef Py_ssize_t r, i
    cdef const char* data
    cdef real* t
    cdef real bias
    for r in range(block.rows):
        data = mask.data + (block.row + r) * along + block.lane * across
        t = T + r * LANES
        if kind == BOOLEAN:
            if across != 0:
                for i in range(block.lanes):
                    t[i] = t[i] if data[i * across] else -INFINITY
            elif not data[0]:
                for i in range(block.lanes):
                    t[i] = -INFINITY
        else:
            for i in range(block.lanes):
                bias = stored(data + i * across, like, t[0])
                t[i] = -INFINITY if bias == -INFINITY else t[i] + bias


# Hide the keys after each query.
cdef inline void apply_causal(const Block* block, real* T) noexcept nogil:
    cdef Py_ssize_t r, i, first, last
    for r in range(block.rows):
        if block.keys_in_rows:
            first = 0
            last = min(block.lanes, block.row + r - block.lane)
        else:
            first = max(0, block.row + r + 1 - block.lane)
            last = block.lanes
        for i in range(first, last):
            T[r * LANES + i] = -INFINITY


# The scores of a block; returns whether some of them may be -inf because a pair is hidden.
cdef inline bint scores(const Problem* p, const Operand* mask, const Block* block,
        const real* panels, const real* across, real* T, element like, vec zero) noexcept nogil:
    cdef Py_ssize_t width = breadth(block.lanes, zero)
    cdef vec scale = splat(p.scale, zero)
    cdef Py_ssize_t r, c
    cdef bint crossing = p.causal
    dots(block.rows, width, p.E, panels, across, T, zero)
    for r in range(block.rows):
        c = 0
        while c < width:
            store(T + r * LANES + c, load(<const real*>(T + r * LANES + c), zero) * scale)
            c += lanes(zero)
    if p.kind != NONE:
        apply_mask(mask, p.kind, block, T, like)
    if block.keys_in_rows:
        crossing = crossing and block.row + block.rows - 1 > block.lane
    else:
        crossing = crossing and block.lane + block.lanes - 1 > block.row
    if crossing:
        apply_causal(block, T)
    return crossing or p.kind != NONE


# ---- between the products ------------------------------------------------------------------------

# The running softmax over the rows: raise each lane's maximum `top`, make the scores exponentials
# relative to it, add them to `total`; `shrink` is what earlier sums are to be multiplied by.
cdef inline void softmax_step(Py_ssize_t rows, Py_ssize_t width, real* T, real* top, real* total,
        real* shrink, vec zero) noexcept nogil:
    cdef Py_ssize_t r, c = 0
    cdef vec before, best, added, e
    while c < width:
        before = load(<const real*>(top + c), zero)
        best = before
        for r in range(rows):
            best = maximum(load(<const real*>(T + r * LANES + c), zero), best)
        added = zero
        for r in range(rows):
            e = exponential(load(<const real*>(T + r * LANES + c), zero) - best)
            store(T + r * LANES + c, e)
            added = added + e
        before = exponential(before - best)
        store(total + c, load(<const real*>(total + c), zero) * before + added)
        store(top + c, best)
        store(shrink + c, before)
        c += lanes(zero)


# One register of probabilities and gradients of scores; hidden pairs get 0 in both.
cdef inline void gradient_step(real* T, real* D, vec logsumexp, vec delta, vec zero) noexcept nogil:
    cdef vec s = load(<const real*>T, zero)
    # Above 0 for every finite score, -inf for a hidden one.
    cdef vec seen = s * splat(0.5, zero) - least(zero)
    cdef vec p = keep(exponential(s - logsumexp), seen)
    store(T, p)
    store(D, keep(p * (load(<const real*>D, zero) - delta), seen))
