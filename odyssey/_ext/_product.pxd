# A batch of equal products, and the plan for it: which operand is read in which role, what memory a
# thread needs, and how the outputs are cut for the threads. Nothing here depends on values or time.

cimport numpy as cnp
from libc.math cimport INFINITY

from odyssey._ext._simd cimport MR, VBYTES
from odyssey._ext._thin cimport FLAT, STRETCH
from odyssey._ext._tile cimport DEPTH

cdef enum:
    COLUMNS = 32                    # registers in a row of a block of b: 512 KiB of it in L2
    ROWS = 256                      # of a block of sums in scratch memory
    IN_PLACE = 2                    # up to so many panels of a, b is read where it stands
    THIN = 12                       # up to so many rows of a, dot products may be cheaper

# How a product is computed.
cdef enum Method:
    TILES                           # panels and register tiles
    SUM_ROWS                        # M = 1: rows of b, scaled and added up
    DOTS                            # few rows of a, contiguous columns of b: dot products
    OUTER                           # few terms in a sum: c is written as fast as memory takes it


# A matrix in memory: its first byte, and the bytes from one row and from one column to the next.
cdef struct Matrix:
    char* data
    Py_ssize_t row
    Py_ssize_t column


# c (M x N) = a (M x K) @ b (K x N) + bias, which is NULL or one number for each column of c; for
# each row if the roles of the operands are exchanged.
cdef struct Product:
    Py_ssize_t M, N, K
    Matrix a, b, c
    const char* bias
    bint exchanged


# The products differ in where their operands and outputs begin: `steps` are bytes for each axis.
cdef struct Batch:
    Product first
    int axes
    const cnp.npy_intp* sizes
    const cnp.npy_intp* steps_a
    const cnp.npy_intp* steps_b
    Py_ssize_t step_c
    Py_ssize_t count


# The scratch memory of one thread, in numbers: a (packed) panel of a, a block of b, a block of
# sums.
cdef struct Plan:
    Method method
    Py_ssize_t panel, block, sums
    double cost                     # of one product, in cycles


# How each product is cut, and the rectangle of outputs that comes of it.
cdef struct Cut:
    Py_ssize_t rows, columns

cdef struct Part:
    Py_ssize_t top, bottom, left, right


cdef inline Py_ssize_t up_to_multiple(Py_ssize_t n, Py_ssize_t unit) noexcept nogil:
    return (n + unit - 1) // unit * unit


cdef inline Py_ssize_t panels_of(Py_ssize_t rows) noexcept nogil:
    return (rows + MR - 1) // MR


# ---- the batch -----------------------------------------------------------------------------------

cdef inline Batch alone(Product p) noexcept nogil:
    cdef Batch batch
    batch.first = p
    batch.axes = 0
    batch.count = 1
    batch.step_c = 0
    return batch


cdef inline Product product_of(Py_ssize_t n, const Batch* batch) noexcept nogil:
    cdef Product p = batch.first
    cdef Py_ssize_t rest = n, position, a = 0, b = 0
    cdef int i
    for i in range(batch.axes - 1, -1, -1):
        position = rest % batch.sizes[i]
        rest = rest // batch.sizes[i]
        a += position * batch.steps_a[i]
        b += position * batch.steps_b[i]
    p.c.data += n * batch.step_c
    p.a.data += b if p.exchanged else a
    p.b.data += a if p.exchanged else b
    return p


# A batch that shares one b, and whose rows of a follow each other evenly, is one tall product: b is
# packed once.
cdef inline void flatten(Batch* batch) noexcept nogil:
    cdef Py_ssize_t rows = batch.first.M
    cdef int i
    for i in range(batch.axes - 1, -1, -1):
        if batch.sizes[i] != 1:
            if batch.steps_b[i] != 0 or batch.steps_a[i] != rows * batch.first.a.row:
                return
            rows *= batch.sizes[i]
    batch.first.M = rows
    batch.count = 1
    batch.axes = 0


# ---- the roles of the operands -------------------------------------------------------------------

cdef inline Matrix turned(Matrix m) noexcept nogil:
    return Matrix(m.data, m.column, m.row)


cdef inline Product exchanged(const Product* p) noexcept nogil:
    return Product(
        p.N, p.M, p.K, turned(p.b), turned(p.a), turned(p.c), p.bias, not p.exchanged)


# Rough costs in cycles of one core, for each number: a multiply-add 1 / V, a copy, a transposition.
# A short row is soon copied, but begins and ends like a long one.
cdef inline double packing_of_a(const Product* p, Py_ssize_t size) noexcept nogil:
    return 0.1 + 5 / <double>max(p.K, 1) if p.a.column == size else 0.35


# Few panels of a share b, and its rows are contiguous.
cdef inline bint b_in_place(const Product* p, Py_ssize_t size) noexcept nogil:
    return p.b.column == size and panels_of(p.M) <= IN_PLACE


cdef inline double packing_of_b(const Product* p, Py_ssize_t size) noexcept nogil:
    if p.b.column != size:
        return 0.35
    return 0 if b_in_place(p, size) else 0.1


cdef inline double cost(const Product* p, Py_ssize_t V, Py_ssize_t size) noexcept nogil:
    cdef double passes = (p.N + COLUMNS * V - 1) // (COLUMNS * V)
    cdef double total = <double>up_to_multiple(p.N, V) * p.M * p.K / V
    total += packing_of_a(p, size) * passes * p.M * p.K
    total += packing_of_b(p, size) * p.N * p.K
    if p.exchanged:
        total += 0.35 * p.M * p.N
    return total


# A dot product ends with a sum over the lanes.
cdef inline double cost_of_dots(const Product* p, Py_ssize_t V) noexcept nogil:
    return <double>p.M * p.N * (p.K / <double>V + 6)


cdef inline double cost_by(
        Method method, const Product* p, Py_ssize_t V, Py_ssize_t size) noexcept nogil:
    if method == TILES:
        return cost(p, V, size)
    if method == DOTS:
        return cost_of_dots(p, V)
    if method == OUTER:
        return <double>p.M * p.N * (p.K + 2) / V
    return <double>p.N * p.K / V


# Choose how to compute; the product comes back in the orientation that this needs.
cdef inline Method choose(Product* p, Py_ssize_t V, Py_ssize_t size) noexcept nogil:
    cdef Product other = exchanged(p)
    cdef double tiles
    if p.M == 1 or p.N == 1:
        if p.M > 1:
            p[0] = other
        if p.b.column == size:
            return SUM_ROWS
        return DOTS if p.b.row == size else TILES
    if 0 < p.K <= FLAT and p.N >= V and p.b.column == size:
        return OUTER
    tiles = min(cost(p, V, size), cost(&other, V, size))
    if p.M <= THIN and p.b.row == size and cost_of_dots(p, V) < tiles:
        return DOTS
    if p.N <= THIN and p.a.column == size and cost_of_dots(&other, V) < tiles:
        p[0] = other
        return DOTS
    if cost(&other, V, size) == tiles:
        p[0] = other
    return TILES


# `size` is that of a stored number, `real_size` that of a number of the arithmetic.
cdef inline Plan plan_for(Product* p, Py_ssize_t size, Py_ssize_t real_size) noexcept nogil:
    cdef Py_ssize_t V = VBYTES // real_size
    cdef Py_ssize_t columns
    cdef Plan plan
    plan.method = choose(p, V, size)
    plan.cost = cost_by(plan.method, p, V, size)
    if plan.method == TILES:
        columns = min(up_to_multiple(p.N, 2 * V), COLUMNS * V)
        plan.panel = MR * (DEPTH + 64 // real_size)
        plan.block = columns * min(p.K, DEPTH)
        plan.sums = columns * min(p.M, ROWS) if size < real_size or p.exchanged else 0
    elif plan.method == OUTER:
        plan.panel = plan.block = plan.sums = 0
    else:
        plan.panel = p.M * up_to_multiple(p.K, V)
        plan.block = 0
        plan.sums = p.M * STRETCH
    return plan


# ---- threads -------------------------------------------------------------------------------------

# Rectangles of the least cost each; every thread reads and packs what it needs. A tile of few rows
# loads b as often as one of many. Where a row of c is shared, each thread's prefetcher runs on into
# what another one is writing, and halves have been seen to take as long as the whole: the shorter
# the pieces of a row, and the fewer terms in a sum, the more.
cdef inline Cut cut_for(
        const Batch* batch, Plan plan, int threads, Py_ssize_t V, Py_ssize_t size) noexcept nogil:
    cdef const Product* p = &batch.first
    cdef Py_ssize_t NR = 2 * V, wide = (p.N + NR - 1) // NR
    cdef Py_ssize_t tall = (
        panels_of(p.M) if plan.method == TILES else p.M if plan.method == OUTER else 1)
    cdef Py_ssize_t rows, columns, height, width
    cdef double reading = 0.08 * size           # cycles for a number that comes from beyond L2
    cdef double cost, least = INFINITY
    cdef Cut cut = Cut(1, 1)
    if threads == 1 or batch.count >= 4 * threads:      # whole products for each thread
        return cut
    for rows in range(1, threads + 1):
        if threads % rows == 0:
            columns = threads // rows
            height = (p.M + rows - 1) // rows
            width = (wide + columns - 1) // columns * NR
            cost = <double>height * width * (1 + 2 / <double>min(height, MR)) / V
            cost += packing_of_a(p, size) * height + packing_of_b(p, size) * width
            cost += reading * (height + width)
            if (rows if p.exchanged else columns) > 1:
                cost *= 1 + 100 * min(64 / <double>p.K, 1.0) / (
                    (height if p.exchanged else width) * size)
            if cost < least:
                least = cost
                cut = Cut(min(rows, tall), min(columns, wide))
    return cut


cdef inline Part part_of(
        const Product* p, Cut cut, Py_ssize_t piece, Py_ssize_t NR) noexcept nogil:
    cdef Py_ssize_t row = piece // cut.columns, column = piece % cut.columns
    cdef Py_ssize_t wide = (p.N + NR - 1) // NR
    return Part(
        p.M * row // cut.rows, p.M * (row + 1) // cut.rows,
        wide * column // cut.columns * NR, min(wide * (column + 1) // cut.columns * NR, p.N))
