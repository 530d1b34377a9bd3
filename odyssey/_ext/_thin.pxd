# Products with one or a few rows of a. Each number of b is used so seldom that packing it would
# cost more than the product; memory is the limit, and reading b in order is all that matters.
#
# Where the rows of b are contiguous, and a is a vector, 8 rows are read side by side and added to a
# stretch of sums that stays in L1: 8 streams that the processor's prefetcher follows, and one load
# and store of a sum for 8 multiply-adds. Each output is a sum over k in order.
#
# Where the columns of b are contiguous (a matrix times a vector is this case, transposed), outputs
# are dot products: up to 4 rows of a and 4 columns of b run side by side in registers, each a sum
# over every V-th k, and the lanes are added at the end. That is another order of summation than
# that of the tiles; which of them computes a product depends on its shape and strides alone.
#
# Where a sum has a few terms, as in an outer product, c is what costs, and is written row by row.

from odyssey._ext._simd cimport element, lane_sum, lanes, load, real, times, vec
from odyssey._ext._tile cimport load_first, store_first

cdef enum:
    STRETCH = 1024                  # columns whose sums are in L1 together, 4 or 8 KiB a row
    SIDE = 8                        # rows of b read side by side
    SQUARE = 4                      # rows and columns of dot products side by side
    FLAT = 4                        # up to so many terms in a sum, tiles are not worth packing for


# sums[j] += a[0] b[0, j] + ... + a[rows - 1] b[rows - 1, j]; rows is a literal.
cdef inline void add_rows(int rows, const real* a, const char* b, Py_ssize_t row, Py_ssize_t n,
        real* sums, element like, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t i, j
    cdef vec total
    for j in range(n // V):
        total = load(<const real*>sums + j * V, zero)
        for i in range(rows):
            total = total + times(a[i], load(<const element*>(b + i * row) + j * V, zero))
        store_first(sums + j * V, V, total)
    if n % V:
        j = n // V
        total = load_first(<const real*>sums + j * V, n % V, zero)
        for i in range(rows):
            total = total + times(
                a[i], load_first(<const element*>(b + i * row) + j * V, n % V, zero))
        store_first(sums + j * V, n % V, total)


# sums (n) = a (K) @ b; n is at most STRETCH.
cdef inline void sum_rows(Py_ssize_t K, Py_ssize_t n, const real* a, const char* b, Py_ssize_t row,
        real* sums, element like, vec zero) noexcept nogil:
    cdef Py_ssize_t j, k
    for j in range(n):
        sums[j] = 0
    for k in range(K // SIDE):
        add_rows(SIDE, a + k * SIDE, b + k * SIDE * row, row, n, sums, like, zero)
    for k in range(K // SIDE * SIDE, K):
        add_rows(1, a + k, b + k * row, row, n, sums, like, zero)


# sums[i * STRETCH + j] = row i of a (they are `pitch` apart) . column j of b; rows and columns are
# literals.
cdef inline void dots(int rows, int columns, Py_ssize_t K, const real* a, Py_ssize_t pitch,
        const char* b, Py_ssize_t column, real* sums, element like,
        vec zero) noexcept nogil:
    cdef vec[SQUARE * SQUARE] total
    cdef vec b0
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t k, i, j
    for i in range(rows * columns):
        total[i] = zero
    for k in range(K // V):
        for j in range(columns):
            b0 = load(<const element*>(b + j * column) + k * V, zero)
            for i in range(rows):
                total[i * columns + j] = total[i * columns + j] + b0 * load(
                    a + i * pitch + k * V, zero)
    if K % V:
        k = K // V
        for j in range(columns):
            b0 = load_first(<const element*>(b + j * column) + k * V, K % V, zero)
            for i in range(rows):
                total[i * columns + j] = total[i * columns + j] + b0 * load_first(
                    a + i * pitch + k * V, K % V, zero)
    for i in range(rows):
        for j in range(columns):
            sums[i * STRETCH + j] = <real>lane_sum(total[i * columns + j])


# All rows of a against `columns` columns of b, which stay in L1 meanwhile.
cdef inline void dots_of_rows(int columns, Py_ssize_t M, Py_ssize_t K, const real* a,
        Py_ssize_t pitch, const char* b, Py_ssize_t column, real* sums, element like,
        vec zero) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(M // SQUARE):
        dots(SQUARE, columns, K, a + i * SQUARE * pitch, pitch, b, column,
             sums + i * SQUARE * STRETCH, like, zero)
    for i in range(M // SQUARE * SQUARE, M):
        dots(1, columns, K, a + i * pitch, pitch, b, column, sums + i * STRETCH, like, zero)


# sums (M x n, rows STRETCH apart) = a (M x K) @ b (K x n); n is at most STRETCH.
cdef inline void multiply_dots(Py_ssize_t M, Py_ssize_t K, Py_ssize_t n, const real* a,
        Py_ssize_t pitch, const char* b, Py_ssize_t column, real* sums, element like,
        vec zero) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n // SQUARE):
        dots_of_rows(SQUARE, M, K, a, pitch, b + j * SQUARE * column, column, sums + j * SQUARE,
                     like, zero)
    for j in range(n // SQUARE * SQUARE, n):
        dots_of_rows(1, M, K, a, pitch, b + j * column, column, sums + j, like, zero)


# c[j] = a[0] b[0, j] + ... + a[terms - 1] b[terms - 1, j] + bias[j] for j < count, at most a
# register of them; terms is a literal.
cdef inline void outer_register(int terms, const real* a, const char* b, Py_ssize_t row,
        Py_ssize_t count, const element* bias, element* c, vec zero) noexcept nogil:
    cdef Py_ssize_t k
    cdef vec total = zero
    for k in range(terms):
        total = total + times(a[k], load_first(<const element*>(b + k * row), count, zero))
    if bias != NULL:
        total = total + load_first(bias, count, zero)
    store_first(c, count, total)


# The same for j < n. A store across two cache lines takes as long as two, so c is brought to the
# beginning of one first.
cdef inline void outer_row(int terms, const real* a, const char* b, Py_ssize_t row, Py_ssize_t n,
        const element* bias, element* c, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t size = sizeof(element)
    cdef Py_ssize_t j = min((-<Py_ssize_t>c // size) & (V - 1), n)
    if j > 0:
        outer_register(terms, a, b, row, j, bias, c, zero)
    while j + V <= n:
        outer_register(
            terms, a, b + j * size, row, V, bias + j if bias != NULL else NULL, c + j, zero)
        j += V
    if j < n:
        outer_register(
            terms, a, b + j * size, row, n - j, bias + j if bias != NULL else NULL, c + j, zero)


# Any number of terms up to FLAT.
cdef inline void some_terms(Py_ssize_t terms, const real* a, const char* b, Py_ssize_t row,
        Py_ssize_t n, const element* bias, element* c, vec zero) noexcept nogil:
    if terms == 4:
        outer_row(4, a, b, row, n, bias, c, zero)
    elif terms == 3:
        outer_row(3, a, b, row, n, bias, c, zero)
    elif terms == 2:
        outer_row(2, a, b, row, n, bias, c, zero)
    else:
        outer_row(1, a, b, row, n, bias, c, zero)
