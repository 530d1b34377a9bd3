# The weight gradient: for every tap and channel a sum over all pixels of all images.
#
# The walk is the forward one (_depthwise_walk.pxd), where sums and the output have changed places:
# each column of the input is loaded once and multiplied with all gradients of the output that it
# meets, which move up from column to column; the sums, one for each tap, stay in registers.
# The biases' gradient falls out on the way.
#
# Rows of windows that do not slide: TILE gradients of a row stay in registers while the taps run.

cdef extern from "inline.h" nogil:
    bint __builtin_expect(bint test, bint usual)

from odyssey._ext._depthwise_tracks cimport (
    STRIPE, TILE, Track, Walk, fetch, first_channel, first_lanes, next_rows, packed_size,
    taps_inside, track, track_count, whole_windows,
)
from odyssey._ext._simd cimport lanes, load, real, store, vec

cdef enum:
    MOST_TAPS = 9                   # whose sums stay in registers
    MOST_GRADS = 20                 # STRIPE x 5
    MOST_ROWS = 9                   # of the source, that a stripe meets


# ---- windows that slide --------------------------------------------------------------------------

# `rows` rows of the output from row `top` of the track on, and of the window R rows of S taps from
# row `tap` on. R, S, the stride M and `rows` are literals.
cdef inline void add_stripe(int R, int S, int M, int rows, bint part, const Walk* walk,
        const Track* v, const Track* h, Py_ssize_t top, Py_ssize_t tap, Py_ssize_t c,
        const real* source, const real* grad, real* sums, vec zero) noexcept nogil:
    cdef int J = (S + M - 1) // M   # columns of the output that a column of the input meets
    cdef int tall = (rows - 1) * M + R  # rows of the input
    cdef vec[MOST_TAPS] total
    cdef vec[MOST_GRADS] g
    cdef vec[MOST_ROWS] x
    cdef vec bias
    cdef real* biases = sums + packed_size(walk, zero) - lanes(zero)
    cdef Py_ssize_t down = v.pace * h.source * walk.C
    cdef Py_ssize_t right = h.pace * walk.C
    cdef Py_ssize_t below = v.step * h.target * walk.C
    cdef Py_ssize_t u, column
    cdef const real* x_ahead = next_rows(
        source, v.origin + ((top + rows - 1) * M + v.taps) * v.pace, h.source, rows * M, walk.C, c)
    cdef const real* grad_ahead = next_rows(
        grad, v.first + (top + rows) * v.step, h.target, rows, walk.C, c)
    cdef unsigned int seen = 0      # bit i: row i of the source exists
    cdef int i, j, k, m, r, s
    sums += tap * S * lanes(zero)
    for s in range(R * S):
        total[s] = load(<const real*>(sums + s * lanes(zero)), zero)
    bias = load(<const real*>biases, zero)
    for k in range(rows * J):
        g[k] = zero
    for i in range(tall):
        if top * M + tap + i >= v.enter and top * M + tap + i < v.leave:
            seen |= 1u << i
    source += ((v.origin + (top * M + tap) * v.pace) * h.source + h.origin) * walk.C
    grad += ((v.first + top * v.step) * h.target + h.first) * walk.C
    for u in range(h.count + J - 1):
        for k in range(rows):
            for j in range(J - 1):
                g[k * J + J - 1 - j] = g[k * J + J - 2 - j]
            if __builtin_expect(u < h.count, True):
                g[k * J] = first_lanes(grad + k * below, part, walk.C, zero)
                if tap == 0:
                    bias = bias + g[k * J]
        grad += h.step * walk.C
        if walk.far and tap == 0:
            fetch(rows * M * M, x_ahead, zero)
            fetch(rows, grad_ahead, zero)
            x_ahead += rows * M * M * lanes(zero)
            grad_ahead += rows * lanes(zero)
        for m in range(M):
            column = u * M + m
            if __builtin_expect(column >= h.enter and column < h.leave, True):
                for i in range(tall):
                    x[i] = zero
                    if __builtin_expect(seen >> i & 1, True):
                        x[i] = first_lanes(source + i * down, part, walk.C, zero)
                for j in range(J):
                    s = m + j * M
                    if s < S and __builtin_expect(u - j >= 0 and u - j < h.count, True):
                        for k in range(rows):
                            for r in range(R):
                                total[r * S + s] = total[r * S + s] + x[r + k * M] * g[k * J + j]
            source += right
    for s in range(R * S):
        store(sums + s * lanes(zero), total[s])
    store(biases, bias)


# ---- any window ----------------------------------------------------------------------------------

# `pixels` pixels from pixel q on of a row of the output: see `tile` in _depthwise_walk.pxd.
cdef inline void add_tile(int pixels, bint part, const Walk* walk, const Track* v, const Track* h,
        Py_ssize_t low, Py_ssize_t high, Py_ssize_t left, Py_ssize_t right, Py_ssize_t q,
        const real* source, const real* grad, real* sums, vec zero) noexcept nogil:
    cdef vec[TILE] g
    cdef vec total
    cdef Py_ssize_t r, s
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t pace = h.pace * walk.C
    cdef Py_ssize_t move = h.move * pace
    cdef real* sum
    cdef const real* x
    cdef int t
    sum = sums + packed_size(walk, zero) - V
    total = load(<const real*>sum, zero)
    grad += q * h.step * walk.C
    for t in range(pixels):
        g[t] = first_lanes(grad + t * h.step * walk.C, part, walk.C, zero)
        total = total + g[t]
    store(sum, total)
    for r in range(low, high):
        for s in range(left, right):
            sum = sums + (r * h.taps + s) * V
            total = load(<const real*>sum, zero)
            x = source + r * v.gap * v.pace * h.source * walk.C + q * move + s * h.gap * pace
            for t in range(pixels):
                total = total + first_lanes(x + t * move, part, walk.C, zero) * g[t]
            store(sum, total)


# One row of the output.
cdef inline void add_row(bint part, const Walk* walk, const Track* v, const Track* h, Py_ssize_t p,
        const real* source, const real* grad, real* sums, vec zero) noexcept nogil:
    cdef Py_ssize_t q = 0
    cdef Py_ssize_t low, high, left, right, begin, end
    taps_inside(v, p, &low, &high)
    whole_windows(h, &begin, &end)
    source += ((v.origin + p * v.move * v.pace) * h.source + h.origin) * walk.C
    grad += ((v.first + p * v.step) * h.target + h.first) * walk.C
    while q < h.count:
        if begin <= q and q + TILE <= end:
            add_tile(TILE, part, walk, v, h, low, high, 0, h.taps, q, source, grad, sums, zero)
            q += TILE
        else:
            taps_inside(h, q, &left, &right)
            add_tile(1, part, walk, v, h, low, high, left, right, q, source, grad, sums, zero)
            q += 1


# ---- which of them -------------------------------------------------------------------------------

# The rows from `top` up to `end` of a pair of tracks; `rows` of them are walked together.
cdef inline void add_stripes(int R, int S, int M, int rows, bint part, const Walk* walk,
        const Track* v, const Track* h, Py_ssize_t top, Py_ssize_t end, Py_ssize_t c,
        const real* source, const real* grad, real* sums, vec zero) noexcept nogil:
    cdef Py_ssize_t i
    while top + rows <= end:
        for i in range(v.taps // R):
            add_stripe(R, S, M, rows, part, walk, v, h, top, i * R, c, source, grad, sums, zero)
        top += rows
    while rows > 1 and top < end:
        for i in range(v.taps // R):
            add_stripe(R, S, M, 1, part, walk, v, h, top, i * R, c, source, grad, sums, zero)
        top += 1


# Up to STRIPE rows of a pair of tracks, one vector of channels.
cdef inline void add_any_stripe(const Walk* walk, const Track* v, const Track* h, Py_ssize_t top,
        Py_ssize_t c, const real* source, const real* grad, real* sums, vec zero) noexcept nogil:
    cdef bint part = walk.C < lanes(zero)
    cdef bint dense = v.gap == 1 and h.gap == 1 and v.move == h.move
    cdef Py_ssize_t end = min(v.count, top + STRIPE)
    cdef Py_ssize_t p
    if part and dense and v.move == 1 and v.taps == 3 and h.taps == 3:
        add_stripes(3, 3, 1, 1, True, walk, v, h, top, end, c, source, grad, sums, zero)
    elif part:
        for p in range(top, end):
            add_row(True, walk, v, h, p, source, grad, sums, zero)
    elif dense and v.move == 1 and v.taps == 3 and h.taps == 3:
        add_stripes(3, 3, 1, STRIPE, False, walk, v, h, top, end, c, source, grad, sums, zero)
    elif dense and v.move == 2 and v.taps == 3 and h.taps == 3:
        add_stripes(3, 3, 2, STRIPE, False, walk, v, h, top, end, c, source, grad, sums, zero)
    elif dense and v.move == 1 and h.taps == 5:
        add_stripes(1, 5, 1, STRIPE, False, walk, v, h, top, end, c, source, grad, sums, zero)
    elif dense and v.move == 2 and h.taps == 5:
        add_stripes(1, 5, 2, STRIPE, False, walk, v, h, top, end, c, source, grad, sums, zero)
    else:
        for p in range(top, end):
            add_row(False, walk, v, h, p, source, grad, sums, zero)


# Stripe `top` of all tracks of image n, vector k of the channels.
cdef inline void add_tracks(const Walk* walk, Py_ssize_t n, Py_ssize_t top, Py_ssize_t k,
        const real* source, const real* grad, real* sums, vec zero) noexcept nogil:
    cdef Track v, h
    cdef Py_ssize_t i, j
    cdef Py_ssize_t c = first_channel(walk.C, k, zero)
    for i in range(track_count(walk.v, False)):
        v = track(walk.v, False, i)
        if top >= v.count:
            continue
        for j in range(track_count(walk.h, False)):
            h = track(walk.h, False, j)
            add_any_stripe(walk, &v, &h, top, c, source + n * v.source * h.source * walk.C + c,
                grad + n * v.target * h.target * walk.C + c, sums, zero)
