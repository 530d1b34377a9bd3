# Winograd's transforms, on registers.
#
# A polynomial is known from its values at as many points as it has coefficients, and a value of a
# product is one product. F(m, r), m outputs of a filter of r taps, is a product of polynomials read
# backwards: m + r - 1 points, as many multiplications, where the sums themselves take m * r.
#
#     evaluate   the data             v = B' d     as many numbers as there are points, `side`
#     expand     the filter           u = G g      r taps (or the m of an output's gradient)
#     collect    sums of u * v        y = A' s     m outputs (or the r of a filter's gradient)
#
# In two dimensions each runs over columns, then rows. The points are
#
#     side 4: 0, 1, -1, infinity
#     side 6: 0, a, -a, b, -b, infinity with a = 2/3, b = 3/2
#
# Points of both signs share their even and odd powers, and because a * b = 1 some factors vanish.
# With 1 and 2 for a and b errors are 3 to 4 times as large. odyssey/reference/winograd.py has the
# matrices, the tutorial on Winograd's algorithm derives them.

from odyssey._ext._simd cimport element, lanes, load, load_part, real, scaled, store, vec

cdef extern from "inline.h" nogil:  # `inline` is an order: `side` and `r` are literals
    int rolled(int x)

cdef enum:
    SIDE = 6                        # points along an axis, at most
    POINTS = 36                     # SIDE * SIDE


# ---- one dimension -------------------------------------------------------------------------------

# v = B' d: the coefficients of a polynomial with the other points as its zeros, times d.
cdef inline void evaluate(int side, const vec* d, vec* v) noexcept nogil:
    cdef double a = 2 / 3.0, b = 3 / 2.0
    cdef vec even, odd
    if side == 4:
        v[0] = d[2] - d[0]
        v[1] = d[2] + d[1]
        v[2] = d[2] - d[1]
        v[3] = d[3] - d[1]
        return
    v[0] = d[4] - scaled(a * a + b * b, d[2]) + d[0]
    even = d[4] - scaled(b * b, d[2])
    odd = scaled(a, d[3]) - scaled(b, d[1])
    v[1] = even + odd
    v[2] = even - odd
    even = d[4] - scaled(a * a, d[2])
    odd = scaled(b, d[3]) - scaled(a, d[1])
    v[3] = even + odd
    v[4] = even - odd
    v[5] = d[5] - scaled(a * a + b * b, d[3]) + d[1]


# The values at p and -p of a polynomial of r coefficients, times `factor`.
cdef inline void values(int r, double p, double factor, const vec* g, vec* u) noexcept nogil:
    cdef vec even = scaled(factor, g[0])
    cdef vec odd = scaled(factor * p, g[1])
    if r > 2:
        even = even + scaled(factor * p * p, g[2])
    if r > 3:
        odd = odd + scaled(factor * p * p * p, g[3])
    if r > 4:
        even = even + scaled(factor * p * p * p * p, g[4])
    u[0] = even + odd
    u[1] = even - odd


# u = G g: the values of a polynomial of r coefficients, each divided by the product of the
# differences from its point to the others. At infinity a polynomial has its last coefficient.
cdef inline void expand(int side, int r, const vec* g, vec* u) noexcept nogil:
    cdef double a = 2 / 3.0, b = 3 / 2.0
    u[side - 1] = g[r - 1]
    if side == 4:
        u[0] = -g[0]
        values(r, 1, 0.5, g, u + 1)
    else:
        u[0] = g[0]
        values(r, a, 0.5 / (a * a * (a * a - b * b)), g, u + 1)
        values(r, b, 0.5 / (b * b * (b * b - a * a)), g, u + 3)


# y += powers of p and -p times the sums at these points, for r outputs.
cdef inline void powers(int r, double p, const vec* s, vec* y) noexcept nogil:
    cdef vec even = s[0] + s[1]
    cdef vec odd = s[0] - s[1]
    y[0] = y[0] + even
    y[1] = y[1] + scaled(p, odd)
    if r > 2:
        y[2] = y[2] + scaled(p * p, even)
    if r > 3:
        y[3] = y[3] + scaled(p * p * p, odd)
    if r > 4:
        y[4] = y[4] + scaled(p * p * p * p, even)


# y = A' s: power i of each point, times the sum at it, for r outputs i.
cdef inline void collect(int side, int r, const vec* s, vec* y, vec zero) noexcept nogil:
    cdef int i
    y[0] = s[0]
    for i in range(1, r - 1):
        y[i] = zero
    y[r - 1] = s[side - 1]
    powers(r, 1 if side == 4 else 2 / 3.0, s + 1, y)
    if side == 6:
        powers(r, 3 / 2.0, s + 3, y)


# ---- two dimensions ------------------------------------------------------------------------------

# One register of channels of a square of pixels, pixels[i][c], to the points: G g G' of r x r of
# them, or for r = 0 B' d B of side x side. Of the channels `count` exist.
cdef inline void lift(int side, int r, const element** pixels, Py_ssize_t c, Py_ssize_t count,
        real* out, Py_ssize_t step, vec zero) noexcept nogil:
    cdef vec[POINTS] middle
    cdef vec[SIDE] x
    cdef vec[SIDE] y
    cdef int size = r if r else side
    cdef int i, j
    for j in range(rolled(size)):
        for i in range(size):
            if count >= lanes(zero):
                x[i] = load(pixels[i * size + j] + c, zero)
            else:
                x[i] = load_part(pixels[i * size + j] + c, count, zero)
        if r:
            expand(side, r, &x[0], &y[0])
        else:
            evaluate(side, &x[0], &y[0])
        for i in range(side):
            middle[i * size + j] = y[i]
    for i in range(rolled(side)):
        if r:
            expand(side, r, &middle[i * size], &y[0])
        else:
            evaluate(side, &middle[i * size], &y[0])
        for j in range(side):
            store(out + (i * side + j) * step, y[j])


# A' s A: out[i * r + j] from sums at the points, `step` numbers apart.
cdef inline void lower(int side, int r, const real* sums, Py_ssize_t step, vec* out,
        vec zero) noexcept nogil:
    cdef vec[POINTS] middle
    cdef vec[SIDE] x
    cdef vec[SIDE] y
    cdef int i, j
    for j in range(rolled(side)):
        for i in range(side):
            x[i] = load(sums + (i * side + j) * step, zero)
        collect(side, r, &x[0], &y[0], zero)
        for i in range(r):
            middle[i * side + j] = y[i]
    for i in range(rolled(r)):
        collect(side, r, &middle[i * side], out + i * r, zero)
