# The walk over a target image, forward and for the input gradient, a vector of channels at a time.
#
# Dense windows of usual sizes slide. A stripe of a few rows of the target is walked from left to
# right. Each column of the source is loaded once, a vector for each row that the stripe meets, and
# is multiplied into all sums that it belongs to: with 3x3 taps those of three columns of four rows,
# 36 multiply-adds for 6 loads. Weights and sums stay in registers:
#
#   for each column:
#       for each row of the source: load it; for each tap that meets it: sum += x * w
#       store the leftmost sums, which have all of their taps now; the others move up
#
# There are no borders to care for: what is outside the image is not there to be loaded.
#
# All other windows: TILE pixels of a row share the load of a weight; near the sides, single ones.

cdef extern from "inline.h" nogil:
    bint __builtin_expect(bint test, bint usual)

from odyssey._ext._depthwise_tracks cimport (
    STRIPE, TILE, Track, Walk, fetch, first_channel, first_lanes, next_rows, packed_size,
    taps_inside, track, track_count, whole_windows,
)
from odyssey._ext._simd cimport WIDE, lanes, load, real, store, store_part, vec

cdef enum:
    MOST_TAPS = 49                  # of a window that slides
    MOST_SUMS = 20                  # STRIPE x 5
    MOST_ROWS = 11                  # of the source, that a stripe meets
    IN_REGISTERS = 9                # weights that stay there


# ---- windows that slide --------------------------------------------------------------------------

# `rows` target rows from row `top` of the track on. R x S taps, with stride M: literals.
cdef inline void stripe(int R, int S, int M, int rows, bint part, const Walk* walk,
        const Track* v, const Track* h, Py_ssize_t top, Py_ssize_t c, const real* source,
        const real* weights, real* target, vec zero) noexcept nogil:
    cdef int J = (S + M - 1) // M   # columns of the target that wait for taps
    cdef int tall = (rows - 1) * M + R  # rows of the source
    cdef vec[MOST_SUMS] sums
    cdef vec[MOST_TAPS] w
    cdef vec[MOST_ROWS] x
    cdef vec z
    cdef vec bias = load(weights + packed_size(walk, zero) - lanes(zero), zero)
    cdef Py_ssize_t down = v.pace * h.source * walk.C
    cdef Py_ssize_t right = h.pace * walk.C
    cdef Py_ssize_t below = v.step * h.target * walk.C
    cdef Py_ssize_t beside = h.step * walk.C
    cdef Py_ssize_t u, column
    cdef const real* x_ahead = next_rows(
        source, v.origin + (top * M + tall) * v.pace, h.source, rows * M, walk.C, c)
    cdef const real* y_ahead = h.first * h.count * rows * lanes(zero) + next_rows(
        target, (top + rows) * v.step + v.first * rows, h.target, rows, walk.C, c)
    cdef unsigned int seen = 0      # bit i: row i of the source exists
    cdef int i, j, k, m, r, s
    for r in range(R):
        for s in range(S):
            w[r * S + s] = load(weights + ((v.tap + r * v.tap_step) * walk.h.taps
                + h.tap + s * h.tap_step) * lanes(zero), zero)
    for k in range(rows * J):
        sums[k] = bias
    for i in range(tall):
        if top * M + i >= v.enter and top * M + i < v.leave:
            seen |= 1u << i
    source += ((v.origin + top * M * v.pace) * h.source + h.origin) * walk.C
    target += ((v.first + top * v.step) * h.target + h.first) * walk.C - (J - 1) * beside
    for u in range(h.count + J - 1):
        if walk.far:                # each track a share of the target, the first one the source
            if v.first + h.first == 0:
                fetch(rows * M * M, x_ahead, zero)
                x_ahead += rows * M * M * lanes(zero)
            fetch(rows, y_ahead, zero)
            y_ahead += rows * lanes(zero)
        for m in range(M):
            column = u * M + m
            if __builtin_expect(column >= h.enter and column < h.leave, True):
                if R * S <= IN_REGISTERS:
                    for i in range(tall):
                        if __builtin_expect(seen >> i & 1, True):
                            z = first_lanes(source + i * down, part, walk.C, zero)
                            for k in range(rows):
                                r = i - k * M
                                if r >= 0 and r < R:
                                    for j in range(J):
                                        s = m + j * M
                                        if s < S:
                                            sums[k * J + J - 1 - j] = (
                                                sums[k * J + J - 1 - j] + z * w[r * S + s])
                else:
                    for i in range(tall):
                        x[i] = zero
                        if __builtin_expect(seen >> i & 1, True):
                            x[i] = first_lanes(source + i * down, part, walk.C, zero)
                    for r in range(R):
                        for j in range(J):
                            s = m + j * M
                            if s < S:
                                z = w[r * S + s]
                                for k in range(rows):
                                    sums[k * J + J - 1 - j] = (
                                        sums[k * J + J - 1 - j] + x[r + k * M] * z)
            source += right
        if __builtin_expect(u >= J - 1, True):
            for k in range(rows):
                if __builtin_expect(top + k < v.count, True):
                    if part:
                        store_part(target + k * below, walk.C, sums[k * J])
                    else:
                        store(target + k * below, sums[k * J])
        for k in range(rows):
            for j in range(J - 1):
                sums[k * J + j] = sums[k * J + j + 1]
            sums[k * J + J - 1] = bias
        target += beside


# ---- any window ----------------------------------------------------------------------------------

# `pixels` target pixels from pixel q on of a row, whose taps s from `left` up to `right` are inside
# the image, of taps r those from `low` to `high`. `source` is where row 0 of the taps begins.
cdef inline void tile(int pixels, bint part, const Walk* walk, const Track* v, const Track* h,
        Py_ssize_t low, Py_ssize_t high, Py_ssize_t left, Py_ssize_t right, Py_ssize_t q,
        const real* source, const real* weights, real* target, vec zero) noexcept nogil:
    cdef vec[TILE] sums
    cdef vec w
    cdef Py_ssize_t r, s
    cdef Py_ssize_t pace = h.pace * walk.C
    cdef Py_ssize_t move = h.move * pace
    cdef const real* x
    cdef int t
    for t in range(pixels):
        sums[t] = load(weights + packed_size(walk, zero) - lanes(zero), zero)
    for r in range(low, high):
        for s in range(left, right):
            w = load(weights + ((v.tap + r * v.tap_step) * walk.h.taps
                + h.tap + s * h.tap_step) * lanes(zero), zero)
            x = source + r * v.gap * v.pace * h.source * walk.C + q * move + s * h.gap * pace
            for t in range(pixels):
                sums[t] = sums[t] + first_lanes(x + t * move, part, walk.C, zero) * w
    target += q * h.step * walk.C
    for t in range(pixels):
        if part:
            store_part(target + t * h.step * walk.C, walk.C, sums[t])
        else:
            store(target + t * h.step * walk.C, sums[t])


# One row of target pixels.
cdef inline void any_row(bint part, const Walk* walk, const Track* v, const Track* h, Py_ssize_t p,
        const real* source, const real* weights, real* target, vec zero) noexcept nogil:
    cdef Py_ssize_t q = 0
    cdef Py_ssize_t low, high, left, right, begin, end
    taps_inside(v, p, &low, &high)
    whole_windows(h, &begin, &end)
    source += ((v.origin + p * v.move * v.pace) * h.source + h.origin) * walk.C
    target += ((v.first + p * v.step) * h.target + h.first) * walk.C
    while q < h.count:
        if begin <= q and q + TILE <= end:
            tile(TILE, part, walk, v, h, low, high, 0, h.taps, q, source, weights, target, zero)
            q += TILE
        else:
            taps_inside(h, q, &left, &right)
            tile(1, part, walk, v, h, low, high, left, right, q, source, weights, target, zero)
            q += 1


# ---- which of them -------------------------------------------------------------------------------

# Up to STRIPE rows of a pair of tracks, one vector of channels.
cdef inline void any_stripe(const Walk* walk, const Track* v, const Track* h, Py_ssize_t top,
        Py_ssize_t c, const real* source, const real* weights, real* target,
        vec zero) noexcept nogil:
    cdef Py_ssize_t end = min(v.count, top + STRIPE)
    cdef Py_ssize_t p
    cdef bint part = walk.C < lanes(zero)
    cdef int window = 0             # digits: the taps down and across, the stride
    if (v.gap == 1 and h.gap == 1 and v.move == h.move
            and v.taps < 10 and h.taps < 10 and v.move < 10):
        window = 100 * v.taps + 10 * h.taps + v.move
    if part and window == 331:
        stripe(3, 3, 1, STRIPE, True, walk, v, h, top, c, source, weights, target, zero)
    elif part:
        for p in range(top, end):
            any_row(True, walk, v, h, p, source, weights, target, zero)
    elif window == 331:
        stripe(3, 3, 1, STRIPE, False, walk, v, h, top, c, source, weights, target, zero)
    elif window == 332:
        stripe(3, 3, 2, STRIPE, False, walk, v, h, top, c, source, weights, target, zero)
    elif window == 111:
        stripe(1, 1, 1, STRIPE, False, walk, v, h, top, c, source, weights, target, zero)
    elif window == 121:
        stripe(1, 2, 1, STRIPE, False, walk, v, h, top, c, source, weights, target, zero)
    elif window == 211:
        stripe(2, 1, 1, STRIPE, False, walk, v, h, top, c, source, weights, target, zero)
    elif window == 221:
        stripe(2, 2, 1, STRIPE, False, walk, v, h, top, c, source, weights, target, zero)
    elif window == 231:
        stripe(2, 3, 1, STRIPE, False, walk, v, h, top, c, source, weights, target, zero)
    elif window == 321:
        stripe(3, 2, 1, STRIPE, False, walk, v, h, top, c, source, weights, target, zero)
    elif window == 551:
        for p in range((end - top + WIDE - 1) // WIDE):
            stripe(5, 5, 1, WIDE, False, walk, v, h, top + p * WIDE, c, source, weights, target,
                zero)
    elif window == 552:
        for p in range((end - top + WIDE - 1) // WIDE):
            stripe(5, 5, 2, WIDE, False, walk, v, h, top + p * WIDE, c, source, weights, target,
                zero)
    elif window == 771:
        for p in range((end - top + 1) // 2):
            stripe(7, 7, 1, 2, False, walk, v, h, top + p * 2, c, source, weights, target, zero)
    else:
        for p in range(top, end):
            any_row(False, walk, v, h, p, source, weights, target, zero)


# Stripe `top` of all tracks of image n; vectors of channels from `begin` up to `end`.
cdef inline void any_tracks(const Walk* walk, Py_ssize_t n, Py_ssize_t top, Py_ssize_t begin,
        Py_ssize_t end, const real* source, const real* weights, real* target,
        vec zero) noexcept nogil:
    cdef Track v, h
    cdef Py_ssize_t i, j, c, k
    for i in range(track_count(walk.v, walk.backward)):
        v = track(walk.v, walk.backward, i)
        if top >= v.count:
            continue
        for j in range(track_count(walk.h, walk.backward)):
            h = track(walk.h, walk.backward, j)
            for k in range(begin, end):
                c = first_channel(walk.C, k, zero)
                any_stripe(walk, &v, &h, top, c, source + n * v.source * h.source * walk.C + c,
                    weights + k * packed_size(walk, zero),
                    target + n * v.target * h.target * walk.C + c, zero)
