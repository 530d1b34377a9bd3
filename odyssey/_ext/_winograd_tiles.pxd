# Winograd's form of a convolution, what all three directions share: the plan and its tiles, their
# transforms, and products of matrices at the points. See winograd.pyx.

from odyssey._ext._simd cimport MR, element, lanes, real, vec
from odyssey._ext._tile cimport fixed_tile, pitch_of
from odyssey._ext._windows cimport Axis, Walk
from odyssey._ext._winograd cimport POINTS, lift, lower

cdef extern from "inline.h":
    pass

cdef enum:
    FAR = 10 << 20                  # bytes of transforms that shall stay in L3
    PARALLEL = 100000               # multiply-adds that are worth waking a second thread
    MOST_TAPS = 25                  # of a window, or outputs of a tile
    SOME = 8                        # tiles, or channels, that a thread takes at a time


# ---- the plan ------------------------------------------------------------------------------------

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
    Py_ssize_t inner, outer         # numbers of the weights between source channels, and outputs
    Py_ssize_t runs                 # of tiles, in the forward plan
    Py_ssize_t height, panels       # of the largest run: rows of a register tile, and how many


cdef inline Tiles tiles_of(Axis* a, int m) noexcept nogil:
    cdef Py_ssize_t outputs = (a.count + a.gap - 1) // a.gap
    cdef Py_ssize_t each = (outputs + m - 1) // m
    return Tiles(each, each * min(a.gap, a.count))


# The first output of tile t.
cdef inline Py_ssize_t first_of(const Axis* a, Tiles tiles, Py_ssize_t t, int m) noexcept nogil:
    return t // tiles.each + t % tiles.each * m * a.gap


cdef inline Plan plan_for(Walk walk, int m, int r, Axis v, Axis h, bint gradient,
        vec zero) noexcept nogil:
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


# ---- transforms, for a plan's side ---------------------------------------------------------------

# side is 4 with m + r = 5 and 6 with m + r = 7; the transforms want literals.
cdef inline void lift_data(int side, const element** pixels, Py_ssize_t c, Py_ssize_t count,
        real* out, Py_ssize_t step, vec zero) noexcept nogil:
    if side == 4:
        lift(4, 0, pixels, c, count, out, step, zero)
    else:
        lift(6, 0, pixels, c, count, out, step, zero)


cdef inline void lift_filter(int side, int r, const element** pixels, Py_ssize_t c,
        Py_ssize_t count, real* out, Py_ssize_t step, vec zero) noexcept nogil:
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
cdef inline void lift_tile(const Plan* plan, Py_ssize_t t, const element* source,
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


# ---- products ------------------------------------------------------------------------------------

# Register tiles below each other, `rows` of a and of c each: c = a @ b, or c += a @ b if `more`. b
# is [K][two registers], and so is c.
cdef inline void stack(int rows, Py_ssize_t panels, Py_ssize_t K, const real* a, Py_ssize_t pitch,
        Py_ssize_t step, const real* b, real* c, bint wide, bint more, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t _n
    for _n in range(panels):
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


# The height of the register tiles for so many rows: with the fewest multiply-adds and loads.
cdef inline Py_ssize_t height_for(Py_ssize_t rows) noexcept nogil:
    cdef int[7] heights = [14, 13, 11, 8, 6, 4, 2]
    cdef Py_ssize_t best = 2, cost, least = 0
    cdef int i
    for i in range(7):
        if heights[i] <= MR:
            cost = (rows + heights[i] - 1) // heights[i] * (heights[i] + 1)
            if least == 0 or cost < least:
                least = cost
                best = heights[i]
    return best
