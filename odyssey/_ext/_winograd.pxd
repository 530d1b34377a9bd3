# Winograd's transforms, on registers.
#
# A polynomial is known from its values at as many points as it has coefficients, and a value of a
# product is one product. F(m, r), m outputs of a filter of r taps, is a product of polynomials read
# backwards: m + r - 1 points, as many multiplications, where the sums themselves take m * r.
#
#     evaluate   the data             v = B' d     m + 2 numbers to as many
#     expand     the filter           u = G g      3 taps (or the m of an output's gradient)
#     collect    sums of u * v        y = A' s     m outputs (or the 3 of a filter's gradient)
#
# In two dimensions each runs over columns, then rows. With r = 3 there are two sizes:
#
#     m = 2, 4 points: 0, 1, -1, infinity
#     m = 4, 6 points: 0, a, -a, b, -b, infinity with a = 2/3, b = 3/2
#
# Points of both signs share their even and odd powers, and because a * b = 1 some factors vanish.
# With 1 and 2 for a and b errors are 3 to 4 times as large. odyssey/reference/winograd.py has the
# matrices, the tutorial on Winograd's algorithm derives them.

from odyssey._ext._simd cimport element, lanes, load, load_part, real, scaled, store, vec

cdef extern from "inline.h":        # `inline` is an order: `m`, `r` and `side` are literals
    pass

cdef enum:
    SIDE = 6                        # points along an axis, at most
    POINTS = 36                     # SIDE * SIDE


# ---- one dimension -------------------------------------------------------------------------------

# v = B' d: the values of a polynomial with the other points as its zeros.
cdef inline void evaluate(int m, const vec* d, vec* v) noexcept nogil:
    cdef double a = 2 / 3.0, b = 3 / 2.0
    cdef vec even, odd
    if m == 2:
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


# u = G g: the values of a polynomial of r coefficients, each divided by the product of the
# differences from its point to the others. At infinity a polynomial has its last coefficient.
cdef inline void expand(int m, int r, const vec* g, vec* u) noexcept nogil:
    cdef double a = 2 / 3.0, b = 3 / 2.0
    cdef double of_a = 0.5 / (a * a * (a * a - b * b)), of_b = 0.5 / (b * b * (b * b - a * a))
    cdef vec even, odd
    if m == 2:
        even = scaled(0.5, g[0] + g[2]) if r == 3 else scaled(0.5, g[0])
        odd = scaled(0.5, g[1])
        u[0] = -g[0]
        u[1] = even + odd
        u[2] = even - odd
        u[3] = g[r - 1]
        return
    u[0] = g[0]
    even = scaled(of_a, g[0]) + scaled(of_a * a * a, g[2])
    odd = scaled(of_a * a, g[1])
    if r == 4:
        odd = odd + scaled(of_a * a * a * a, g[3])
    u[1] = even + odd
    u[2] = even - odd
    even = scaled(of_b, g[0]) + scaled(of_b * b * b, g[2])
    odd = scaled(of_b * b, g[1])
    if r == 4:
        odd = odd + scaled(of_b * b * b * b, g[3])
    u[3] = even + odd
    u[4] = even - odd
    u[5] = g[r - 1]


# y = A' s: power i of each point, times the sum at it, for r outputs i.
cdef inline void collect(int m, int r, const vec* s, vec* y) noexcept nogil:
    cdef double a = 2 / 3.0, b = 3 / 2.0
    cdef vec even, odd, even_b, odd_b
    even = s[1] + s[2]
    odd = s[1] - s[2]
    if m == 2:
        y[0] = s[0] + even
        y[1] = odd
        if r == 3:
            y[2] = even
        y[r - 1] = y[r - 1] + s[3]
        return
    even_b = s[3] + s[4]
    odd_b = s[3] - s[4]
    y[0] = s[0] + even + even_b
    y[1] = scaled(a, odd) + scaled(b, odd_b)
    y[2] = scaled(a * a, even) + scaled(b * b, even_b)
    if r == 4:
        y[3] = scaled(a * a * a, odd) + scaled(b * b * b, odd_b)
    y[r - 1] = y[r - 1] + s[5]


# ---- two dimensions ------------------------------------------------------------------------------

# One register of channels of a square of side * side pixels, pixels[i][c], to the points: B' d B if
# it is data, side = m + 2, else G g G'. Of the channels `count` exist.
cdef inline void lift(int m, int side, const element** pixels, Py_ssize_t c, Py_ssize_t count,
        real* out, Py_ssize_t step, vec zero) noexcept nogil:
    cdef vec[POINTS] middle
    cdef vec[SIDE] x
    cdef vec[SIDE] y
    cdef int i, j
    for j in range(side):
        for i in range(side):
            if count >= lanes(zero):
                x[i] = load(pixels[i * side + j] + c, zero)
            else:
                x[i] = load_part(pixels[i * side + j] + c, count, zero)
        if side == m + 2:
            evaluate(m, &x[0], &y[0])
        else:
            expand(m, side, &x[0], &y[0])
        for i in range(m + 2):
            middle[i * side + j] = y[i]
    for i in range(m + 2):
        if side == m + 2:
            evaluate(m, &middle[i * side], &y[0])
        else:
            expand(m, side, &middle[i * side], &y[0])
        for j in range(m + 2):
            store(out + (i * (m + 2) + j) * step, y[j])


# A' s A: out[i * r + j] from sums at the points, `step` numbers apart.
cdef inline void lower(int m, int r, const real* sums, Py_ssize_t step, vec* out,
        vec zero) noexcept nogil:
    cdef vec[POINTS] middle
    cdef vec[SIDE] x
    cdef vec[SIDE] y
    cdef int i, j
    for j in range(m + 2):
        for i in range(m + 2):
            x[i] = load(sums + (i * (m + 2) + j) * step, zero)
        collect(m, r, &x[0], &y[0])
        for i in range(r):
            middle[i * (m + 2) + j] = y[i]
    for i in range(r):
        collect(m, r, &middle[i * (m + 2)], out + i * r)
