# The direct convolution's register tile, and its weights in the order in which it reads them. See
# conv.pyx.

from libc.string cimport memset

from odyssey._ext._simd cimport (
    WIDE, element, lanes, load, real, store, store_part, times, vec,
)
from odyssey._ext._windows cimport Filters, Walk, block_count, breadth, stored, vectors, width_of

cdef extern from "inline.h" nogil:
    void __builtin_prefetch(const void* address, int write, int locality)

cdef enum:
    PIXELS = 6                      # rows of a register tile
    MOST_SUMS = 24                  # registers of the largest tile, PIXELS x WIDE


# What all tiles of a walk have in common.
cdef struct Steps:
    Py_ssize_t down, right          # in the field, from tap to tap
    Py_ssize_t columns, channels    # rows of taps of so many pieces, and how long these are

# to[i] = bias + the sum over taps and channels of x[i][tap][c] * weights[tap][c], for `count`
# pixels i and `wide` vectors of outputs, of which the first `outs` exist; rows of taps from `low`
# to `high`. The compiler unrolls the loops over i and j: `sums` are registers.
cdef inline void tile(int rows, breadth like, const Steps* steps, Py_ssize_t low, Py_ssize_t high,
        const real** x, const real* weights, const real* bias, element* target,
        const Py_ssize_t* to, int count, Py_ssize_t outs, vec zero) noexcept nogil:
    cdef int wide = vectors(like)
    cdef vec[MOST_SUMS] sums
    cdef vec[WIDE] w
    cdef const real* p[PIXELS]
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t r, s, c, offset
    cdef int i, j
    for i in range(rows):
        for j in range(wide):
            sums[i * wide + j] = load(bias + j * V, zero)
            __builtin_prefetch(target + to[i] + j * V, 1, 3)     # it arrives while channels run
    weights += low * steps.columns * steps.channels * wide * V
    for r in range(low, high):
        for s in range(steps.columns):
            offset = r * steps.down + s * steps.right
            for i in range(rows):
                p[i] = x[i] + offset
            for c in range(steps.channels):
                for j in range(wide):
                    w[j] = load(weights + j * V, zero)
                weights += wide * V
                for i in range(rows):
                    for j in range(wide):
                        sums[i * wide + j] = sums[i * wide + j] + times(p[i][c], w[j])
    for i in range(rows):
        if i < count:
            for j in range(wide):
                if (j + 1) * V <= outs:
                    store(target + to[i] + j * V, sums[i * wide + j])
                elif j * V < outs:
                    store_part(target + to[i] + j * V, outs - j * V, sums[i * wide + j])


# The height of the register tiles for so many pixels: with the fewest multiply-adds and loads.
cdef inline int rows_for(Py_ssize_t pixels, Py_ssize_t line, int wide) noexcept nogil:
    cdef Py_ssize_t cost, least = (pixels + PIXELS - 1) // PIXELS * (PIXELS + 1)
    cdef int rows, best = PIXELS
    if wide < WIDE:                 # lines see other rows of taps: better none shares a tile
        return PIXELS - 1 if wide == 2 and line % PIXELS and line % (PIXELS - 1) == 0 else PIXELS
    for rows in range(PIXELS - 1, PIXELS - 3, -1):
        cost = (pixels + rows - 1) // rows * (rows + 1)
        if cost < least:
            least = cost
            best = rows
    return best


# One block of weights as [tap][source channel][outputs], zeros after the last output.
cdef inline void pack(const Walk* walk, Filters filters, Py_ssize_t block, real* packed,
        element like, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t blocks = block_count(walk.outs, zero)
    cdef Py_ssize_t b = block % blocks
    cdef Py_ssize_t width = width_of(walk.outs, b, zero) * V
    cdef Py_ssize_t outs = min(width, walk.outs - b * WIDE * V)
    cdef Py_ssize_t taps = walk.v.taps * walk.h.taps
    cdef Py_ssize_t down = walk.v.tap_step * filters.r
    cdef Py_ssize_t right = walk.h.tap_step * filters.s
    cdef Py_ssize_t r, s, c, k
    cdef const char* data = filters.data + block // blocks * filters.group
    cdef const char* p
    cdef real* out
    packed += block * taps * walk.inner * WIDE * V
    data += b * WIDE * V * filters.out + walk.v.tap * filters.r + walk.h.tap * filters.s
    if outs < width:
        memset(packed, 0, taps * walk.inner * width * sizeof(real))
    for c in range(walk.inner):
        for k in range(outs):
            p = data + c * filters.inner + k * filters.out
            out = packed + c * width + k
            for r in range(walk.v.taps):
                for s in range(walk.h.taps):
                    out[0] = stored(p + r * down + s * right, like, out[0])
                    out += walk.inner * width
