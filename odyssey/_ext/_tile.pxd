# The register tile of the matrix product: a block of outputs that stays in registers while the sum
# over k runs.
#
# A tile has up to MR rows and two registers of columns (one, where fewer are left). Each step of k
# loads a row of b, and for each row of the tile broadcasts one number of a and does two fused
# multiply-adds. With AVX-512 that is 28 of them for 2 + 14 loads: the multipliers are always busy,
# and 28 independent sums hide their latency of 4 steps.
#
# a is read row by row from a packed panel whose rows are PITCH apart, a constant: an address then
# is one register plus a literal, and no pointers but two compete with the sums. An odd number of
# cache lines between the rows spreads them over the sets of L1.
#
# Every output is one sum over k in order in one lane. In which tile it stands changes nothing.

from odyssey._ext._simd cimport (
    MR, element, lanes, load, load_part, real, store, store_part, times, vec,
)

from odyssey._ext._panels cimport Rows, fetch_rows

cdef extern from "inline.h" nogil:
    void __builtin_prefetch(const void* address, int write, int locality)

cdef enum:
    DEPTH = 256                     # how much of the inner dimension a panel holds
    FAR = 64                        # steps of k that take longer than to fetch from memory


# From one row of a panel of a to the next: a cache line more than its depth, 17 or 33 lines.
cdef inline Py_ssize_t pitch_of(vec like) noexcept nogil:
    return DEPTH + 64 // sizeof(vec) * lanes(like)


# c (rows x columns) = a (rows x K) @ b (K x columns), plus what c holds if `more`, plus bias (NULL
# for none). a's numbers are `pitch` apart along its columns and `step` along its rows. `rows`,
# `wide` and `pitch` are literals in every call: the compiler unrolls the loops over i, and `low`
# and `high` are registers.
cdef inline void fixed_tile(int rows, bint wide, Py_ssize_t K, const real* a, Py_ssize_t pitch,
        Py_ssize_t step, const element* b, Py_ssize_t ldb, real* c, Py_ssize_t ldc,
        Py_ssize_t columns, bint more, const real* bias, vec zero) noexcept nogil:
    cdef vec[MR] low
    cdef vec[MR] high
    cdef vec b0, b1 = zero
    cdef Py_ssize_t i, k
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t rest = columns - V if wide else columns     # in the last register of a row
    for i in range(rows):
        low[i] = zero
        high[i] = zero
        if more or K > FAR:         # what c holds, or its place, arrives while k runs
            __builtin_prefetch(c + i * ldc, 1, 3)
            __builtin_prefetch(c + i * ldc + columns - 1, 1, 3)
    for k in range(K):
        b0 = load(b + k * ldb, zero)
        if wide:
            b1 = load(b + k * ldb + V, zero)
        for i in range(rows):
            low[i] = low[i] + times(a[i * pitch + k * step], b0)
            if wide:
                high[i] = high[i] + times(a[i * pitch + k * step], b1)
    if more:
        for i in range(rows):
            if wide:
                low[i] = low[i] + load(<const real*>c + i * ldc, zero)
                high[i] = high[i] + load_first(<const real*>c + i * ldc + V, rest, zero)
            else:
                low[i] = low[i] + load_first(<const real*>c + i * ldc, rest, zero)
    if bias != NULL:
        b0 = load(bias, zero) if wide else load_first(bias, rest, zero)
        if wide:
            b1 = load_first(bias + V, rest, zero)
        for i in range(rows):
            low[i] = low[i] + b0
            high[i] = high[i] + b1
    for i in range(rows):
        if wide:
            store(c + i * ldc, low[i])
            store_first(c + i * ldc + V, rest, high[i])
        else:
            store_first(c + i * ldc, rest, low[i])


cdef inline vec load_first(const element* p, Py_ssize_t n, vec zero) noexcept nogil:
    return load(p, zero) if n >= lanes(zero) else load_part(p, n, zero)


cdef inline void store_first(element* p, Py_ssize_t n, vec v) noexcept nogil:
    if n >= lanes(v):
        store(p, v)
    else:
        store_part(p, n, v)


# The tiles of one panel of a, side by side: c (rows x columns) as above. `step` numbers lie between
# the panels of b. Meanwhile the `coming` rows of a are fetched, a share with each tile.
#
# The loop over the tiles stands here and not around a call, because GCC unrolls the loops over the
# rows of a tile in time to keep its sums in registers only where they are inner loops.
cdef inline void row_of_tiles(int rows, Py_ssize_t K, const real* a, const element* b,
        Py_ssize_t step, Py_ssize_t ldb, real* c, Py_ssize_t ldc, Py_ssize_t columns, bint more,
        const real* bias, const Rows* coming, vec zero) noexcept nogil:
    cdef Py_ssize_t NR = 2 * lanes(zero)
    cdef Py_ssize_t tiles = (columns + NR - 1) // NR, j, width, pitch = pitch_of(zero)
    for j in range(tiles):
        fetch_rows(coming, j, tiles)
        width = min(NR, columns - j * NR)
        if width > lanes(zero):
            fixed_tile(rows, True, K, a, pitch, 1, b, ldb, c, ldc, width, more, bias, zero)
        else:
            fixed_tile(rows, False, K, a, pitch, 1, b, ldb, c, ldc, width, more, bias, zero)
        b += step
        c += NR
        if bias != NULL:
            bias += NR
