# Cook and Toom's form of a convolution, along rows only: what its two directions share.
#
# A row of outputs is cut into tiles of m, which see 6 superpixels: s neighbouring pixels count as
# one with all their channels, so that a stride of s is a stride of 1 with r = ceil(S / s) taps.
# Values at 6 points take the place of superpixels, sums of products there the place of
# m outputs (_winograd.pxd): 6 multiplications for m * r. See toom.pyx.

from odyssey._ext._field cimport Chunks, Part, chunks_of, fill
from odyssey._ext._simd cimport element, lanes, load, real, store, vec
from odyssey._ext._windows cimport Walk
from odyssey._ext._winograd cimport SIDE, evaluate, expand

cdef extern from "inline.h":
    pass

cdef enum:
    PITCH = 16                      # numbers that stand together at each point
    PARALLEL = 300000               # multiply-adds that are worth waking a second thread


cdef struct Plan:
    int m, r                        # outputs of a tile, taps: m + r - 1 points
    Py_ssize_t tiles                # of a row of outputs
    Py_ssize_t channels             # of a superpixel
    Py_ssize_t pieces               # of PITCH channels
    Py_ssize_t together, apart      # so many tiles of few channels, and numbers between them
    Py_ssize_t piece, row           # numbers between pieces, and between rows of values
    Chunks chunks
    Py_ssize_t room                 # numbers for values and a field


cdef inline Plan plan_for(const Walk* walk, Py_ssize_t pixels, bint full) noexcept nogil:
    cdef Plan plan
    cdef Py_ssize_t s = walk.h.move
    plan.r = <int>((walk.h.taps + s - 1) // s)
    plan.m = SIDE + 1 - plan.r
    plan.tiles = (walk.h.count + plan.m - 1) // plan.m
    plan.channels = s * walk.inner
    plan.pieces = (plan.channels + PITCH - 1) // PITCH
    plan.apart = plan.m * plan.channels
    plan.together = max(0, PITCH - plan.channels) // max(1, plan.apart) + 1
    plan.piece = (plan.tiles + plan.together - 1) // plan.together * SIDE * PITCH
    plan.row = plan.pieces * plan.piece
    if full:
        plan.tiles = (plan.tiles + plan.together - 1) // plan.together * plan.together
    plan.chunks = chunks_of(walk, False, pixels, 1)
    plan.chunks.width = s * (plan.tiles * plan.m + plan.r - 1)
    plan.room = plan.chunks.images * plan.chunks.rows * (
        plan.row + plan.chunks.width * walk.inner) + 2 * PITCH
    plan.room = plan.room // PITCH * PITCH      # whole cache lines
    return plan


# values[image][row][piece][tiles][point][PITCH] of what the windows of a chunk see. Of few channels
# a register holds those of several tiles, `apart` lanes from one to the next.
cdef inline void evaluate_part(const Walk* walk, const Plan* plan, const Part* part,
        const element* source, real* values, vec zero) noexcept nogil:
    cdef vec[SIDE] d
    cdef vec[SIDE] v
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t rows = plan.chunks.rows
    cdef Py_ssize_t per_row = plan.chunks.width * walk.inner
    cdef real* field = values + plan.chunks.images * rows * plan.row
    cdef const real* x
    cdef real* out
    cdef Py_ssize_t n, i, _t, c, piece, width
    cdef int j
    source += part.g * walk.inner
    for n in range(part.images):
        fill(walk, &plan.chunks, part.line,
            source + (part.image + n) * walk.v.source * walk.h.source * walk.groups * walk.inner,
            field, zero)
        for i in range(rows):
            for piece in range(plan.pieces):
                width = min(
                    PITCH, plan.channels - piece * PITCH + (plan.together - 1) * plan.apart)
                out = values + (n * rows + i) * plan.row + piece * plan.piece
                x = field + i * per_row + piece * PITCH
                for _t in range((plan.tiles + plan.together - 1) // plan.together):
                    for c in range((width + V - 1) // V):
                        for j in range(SIDE):
                            d[j] = load(x + j * plan.channels + c * V, zero)
                        evaluate(SIDE, &d[0], &v[0])
                        for j in range(SIDE):
                            store(out + j * PITCH + c * V, v[j])
                    x += plan.together * plan.apart
                    out += SIDE * PITCH


# The values at all points of a polynomial of `count` coefficients, two to five.
cdef inline void expand_any(int count, const vec* g, vec* u) noexcept nogil:
    if count == 2:
        expand(SIDE, 2, g, u)
    elif count == 3:
        expand(SIDE, 3, g, u)
    elif count == 4:
        expand(SIDE, 4, g, u)
    else:
        expand(SIDE, 5, g, u)
