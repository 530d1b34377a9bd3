# The matrix product, on packed panels and a register tile.
#
# Plan (Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", 2008):
#
#   for k0 in blocks of KC columns of a / rows of b:
#       pack a into panels [k][MR] and b into panels [k][2V], read through their strides
#                                                                   (threads split the panels)
#       for each strip = (block of MC panels of a, one panel of b): (threads split the strips)
#           for each panel of a in the block:
#               micro: a tile of MR x 2V outputs stays in registers while k runs
#
# What stays where: a panel of b (KC x 2V numbers, 32 KiB) stays in L1 while the panels of a pass; a
# block of a (MC x MR x KC, about 170 KiB with AVX-512) stays in L2 while the strips of its row of
# blocks pass; strips are numbered so that neighbours share the block of a. V is the number of lanes
# of a register.
#
# Few rows (M <= DIRECT panels): packing b would cost more than it saves, so panels of b are read
# where they stand when its rows are contiguous.
#
# Every output is one sum over k in order, computed in one lane of one tile: which thread, tile or
# panel it falls into changes nothing, so results are the same for any number of threads. A batch of
# small products is split over the batch, large products are split one after the other.
#
# float16 is converted while packing, summed in float32 and rounded once at the end.

cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdlib cimport free
from libc.string cimport memset

from odyssey._ext._door cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, PyArray_DIMS, PyArray_EMPTY, PyArray_NDIM, PyArray_STRIDES,
    aligned, float_type,
)
from odyssey._ext._simd cimport (
    MR, element, float_to_half, half, half_to_float, lanes, load, real, scratch, store, times, vec,
    vsplat_f32, vsplat_f64,
)
from odyssey._ext._threads cimport num_threads

import numpy as np

from odyssey.utils.kernel_checks import check_matmul

cnp.import_array()

cdef enum:
    KC = 256                        # how much of the inner dimension a packed panel holds
    MC = 12                         # panels of a in a block
    DIRECT = 2                      # up to so many panels of a, b is not packed
    MOST_AXES = 64                  # NumPy's limit
    TILE = 14 * 32                  # the largest register tile, in numbers

cdef double PARALLEL = 300e3        # multiply-adds that are worth waking a second thread


# A matrix in memory: its first byte, and the bytes from one row and from one column to the next.
cdef struct Matrix:
    const char* data
    Py_ssize_t row
    Py_ssize_t column


# ---- the register tile ---------------------------------------------------------------------------

# c (rows x 2V, or rows x V if narrow) = a panel of a @ a panel of b, added to what c holds if
# `more`. `rows` and `wide` are literals in every call: the compiler unrolls the loops over i, and
# `low` and `high` are registers.
cdef inline void tile(int rows, bint wide, Py_ssize_t K, const real* a, const real* b,
        Py_ssize_t ldb, real* c, Py_ssize_t ldc, bint more, vec zero) noexcept nogil:
    cdef vec[MR] low
    cdef vec[MR] high
    cdef vec b0
    cdef vec b1 = zero
    cdef Py_ssize_t i, k
    cdef Py_ssize_t V = lanes(zero)
    for i in range(rows):
        low[i] = load(<const real*>(c + i * ldc), zero) if more else zero
        if wide:
            high[i] = load(<const real*>(c + i * ldc + V), zero) if more else zero
    for k in range(K):
        b0 = load(b + k * ldb, zero)
        if wide:
            b1 = load(b + k * ldb + V, zero)
        for i in range(rows):
            low[i] = low[i] + times(a[k * MR + i], b0)
            if wide:
                high[i] = high[i] + times(a[k * MR + i], b1)
    for i in range(rows):
        store(c + i * ldc, low[i])
        if wide:
            store(c + i * ldc + V, high[i])


# The smallest tile that holds `rows` rows: a product with few rows, or the last rows of one, would
# else compute zeros.
cdef inline void micro(Py_ssize_t rows, bint wide, Py_ssize_t K, const real* a, const real* b,
        Py_ssize_t ldb, real* c, Py_ssize_t ldc, bint more, vec zero) noexcept nogil:
    if wide:
        if MR > 8 and rows > 8:
            tile(MR, True, K, a, b, ldb, c, ldc, more, zero)
        elif MR > 8 and rows > 4:
            tile(8, True, K, a, b, ldb, c, ldc, more, zero)
        elif MR <= 8 and rows > 4:
            tile(MR, True, K, a, b, ldb, c, ldc, more, zero)
        elif rows > 2:
            tile(4, True, K, a, b, ldb, c, ldc, more, zero)
        else:
            tile(2, True, K, a, b, ldb, c, ldc, more, zero)
    elif rows > 4:
        tile(MR, False, K, a, b, ldb, c, ldc, more, zero)
    else:
        tile(4, False, K, a, b, ldb, c, ldc, more, zero)


# ---- packing -------------------------------------------------------------------------------------

cdef inline real stored(const char* p, element like, real zero) noexcept nogil:
    if element is half:
        return half_to_float((<const element*>p)[0])
    else:
        return <real>(<const element*>p)[0]


# A panel [k][width]: lane i is at data + i * lane, its k-th number `step` bytes further for each k.
# Lanes from `count` on are zero. Read a few lanes at a time: with more of them than L1 has ways,
# rows a power of two apart push each other out.
cdef void pack(const char* data, Py_ssize_t lane, Py_ssize_t step, Py_ssize_t count,
        Py_ssize_t width, Py_ssize_t K, real* panel, element like) noexcept nogil:
    cdef Py_ssize_t i, k, first, last
    cdef const char* p
    cdef real* out
    if lane == sizeof(element):
        for k in range(K):
            p = data + k * step
            out = panel + k * width
            for i in range(count):
                out[i] = stored(p + i * <Py_ssize_t>sizeof(element), like, out[0])
            for i in range(count, width):
                out[i] = 0
        return
    for first in range(0, width, 8):
        last = min(first + 8, width)
        if last <= count and last - first == 8:
            for k in range(K):
                p = data + first * lane + k * step
                out = panel + k * width + first
                for i in range(8):
                    out[i] = stored(p + i * lane, like, out[0])
        else:
            for k in range(K):
                p = data + k * step
                out = panel + k * width
                for i in range(first, last):
                    out[i] = stored(p + i * lane, like, out[0]) if i < count else 0


# ---- one product ---------------------------------------------------------------------------------

# All tiles of one strip: panels of a from `first` to `last` against one panel of b.
cdef void strip(Py_ssize_t first, Py_ssize_t last, Py_ssize_t M, Py_ssize_t columns, Py_ssize_t K,
        const real* a, const real* b, Py_ssize_t ldb, real* c, Py_ssize_t ldc, bint more,
        vec zero) noexcept nogil:
    cdef real[TILE] edge
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t panel, rows, i, j
    cdef bint wide = columns > V
    cdef real* out
    for panel in range(first, last):
        rows = min(MR, M - panel * MR)
        out = c + panel * MR * ldc
        if columns == 2 * V and (rows == MR or rows == 8 or rows == 4 or rows == 2):
            micro(rows, True, K, a + panel * MR * K, b, ldb, out, ldc, more, zero)
            continue
        # At the edges the tile is larger than what is left of c: compute it beside, copy the part
        # that exists.
        if more:
            for i in range(rows):
                for j in range(columns):
                    edge[i * 2 * V + j] = out[i * ldc + j]
        micro(rows, wide, K, a + panel * MR * K, b, ldb, &edge[0], 2 * V, more, zero)
        for i in range(rows):
            for j in range(columns):
                out[i * ldc + j] = edge[i * 2 * V + j]


# A product, and how far it has come.
cdef struct Product:
    Py_ssize_t M, N, K
    Matrix a, b
    Py_ssize_t panels_a, panels_b
    Py_ssize_t whole                # the first panels of b, read where they stand
    Py_ssize_t k0, depth            # the block of the inner dimension that is being added


cdef void pack_one(Py_ssize_t p, const Product* now, real* pa, real* pb, element like,
        vec zero) noexcept nogil:
    cdef Py_ssize_t NR = 2 * lanes(zero)
    cdef const Matrix* a = &now.a
    cdef const Matrix* b = &now.b
    cdef Py_ssize_t j = p - now.panels_a + now.whole
    if p < now.panels_a:
        pack(
            a.data + p * MR * a.row + now.k0 * a.column, a.row, a.column,
            min(MR, now.M - p * MR), MR, now.depth, pa + p * MR * now.depth, like)
    else:
        pack(
            b.data + now.k0 * b.row + j * NR * b.column, b.column, b.row,
            min(NR, now.N - j * NR), NR, now.depth, pb + (j - now.whole) * NR * now.depth, like)


cdef void strip_one(Py_ssize_t s, const Product* now, const real* pa, const real* pb, real* c,
        vec zero) noexcept nogil:
    cdef Py_ssize_t NR = 2 * lanes(zero)
    cdef Py_ssize_t first = s // now.panels_b * MC
    cdef Py_ssize_t j = s % now.panels_b
    cdef Py_ssize_t ldb = NR
    cdef const real* b = pb + (j - now.whole) * NR * now.depth
    if j < now.whole:
        b = <const real*>(now.b.data + now.k0 * now.b.row) + j * NR
        ldb = now.b.row // <Py_ssize_t>sizeof(real)
    strip(
        first, min(first + MC, now.panels_a), now.M, min(NR, now.N - j * NR), now.depth, pa,
        b, ldb, c + j * NR, now.N, now.k0 > 0, zero)


# c (M x N, contiguous) = a @ b. Returns -1 if there is no memory for the panels.
cdef int product(Py_ssize_t M, Py_ssize_t N, Py_ssize_t K, Matrix a, Matrix b, real* c, int threads,
        element like, vec zero) noexcept nogil:
    cdef Py_ssize_t NR = 2 * lanes(zero)
    cdef Py_ssize_t packed, strips, p, block
    cdef real* pa
    cdef real* pb
    cdef Product now
    if K == 0:
        memset(c, 0, M * N * sizeof(real))
        return 0
    now.M = M
    now.N = N
    now.K = K
    now.a = a
    now.b = b
    now.panels_a = (M + MR - 1) // MR
    now.panels_b = (N + NR - 1) // NR
    now.whole = 0
    if now.panels_a <= DIRECT and sizeof(element) == sizeof(real) and b.column == sizeof(real):
        now.whole = N // NR
    packed = now.panels_a + now.panels_b - now.whole
    strips = (now.panels_a + MC - 1) // MC * now.panels_b
    pa = <real*>scratch(
        (now.panels_a * MR + (now.panels_b - now.whole) * NR) * min(K, KC) * sizeof(real))
    if pa == NULL:
        return -1
    pb = pa + now.panels_a * MR * min(K, KC)
    for block in range((K + KC - 1) // KC):
        now.k0 = block * KC
        now.depth = min(K - now.k0, KC)
        if threads == 1:            # a parallel region of one thread costs 0.6 us
            for p in range(packed):
                pack_one(p, &now, pa, pb, like, zero)
            for p in range(strips):
                strip_one(p, &now, <const real*>pa, <const real*>pb, c, zero)
            continue
        for p in prange(packed, num_threads=threads, schedule="static"):
            pack_one(p, &now, pa, pb, like, zero)
        for p in prange(strips, num_threads=threads, schedule="static"):
            strip_one(p, &now, <const real*>pa, <const real*>pb, c, zero)
    free(pa)
    return 0


# ---- the batch -----------------------------------------------------------------------------------

# All that the products of a batch have in common.
cdef struct Batch:
    int axes
    cnp.npy_intp* sizes
    cnp.npy_intp* steps_a           # bytes, per batch axis
    cnp.npy_intp* steps_b
    Py_ssize_t count, M, N, K
    Matrix a, b


cdef int one_of_batch(Py_ssize_t n, const Batch* batch, char* c, int threads, element like,
        real number, vec zero) noexcept nogil:
    cdef Matrix a = batch.a
    cdef Matrix b = batch.b
    cdef Py_ssize_t i, rest = n, position
    cdef Py_ssize_t size = batch.M * batch.N
    cdef real* sums
    cdef int failed
    for i in range(batch.axes - 1, -1, -1):
        position = rest % batch.sizes[i]
        rest = rest // batch.sizes[i]
        a.data += position * batch.steps_a[i]
        b.data += position * batch.steps_b[i]
    if element is half:
        sums = <real*>scratch(size * sizeof(real))
        if sums == NULL:
            return -1
        failed = product(batch.M, batch.N, batch.K, a, b, sums, threads, like, zero)
        for i in range(size):
            (<half*>c)[n * size + i] = float_to_half(<float>sums[i])
        free(sums)
        return failed
    else:
        return product(batch.M, batch.N, batch.K, a, b, <real*>c + n * size, threads, like, zero)


cdef int whole_batch(const Batch* batch, char* c, element like, real number,
        vec zero) noexcept nogil:
    cdef double work = <double>batch.M * batch.N * max(batch.K, 1)
    cdef int threads = num_threads() if work * batch.count > PARALLEL else 1
    cdef int failed = 0
    cdef Py_ssize_t n
    if batch.count > 1 and threads > 1 and work < 16 * PARALLEL:
        for n in prange(batch.count, num_threads=threads, schedule="static"):
            failed += one_of_batch(n, batch, c, 1, like, number, zero)
    else:
        for n in range(batch.count):
            failed += one_of_batch(n, batch, c, threads, like, number, zero)
    return failed


# A batch that shares one b, and whose rows of a follow each other evenly, is one tall product: b is
# packed once.
cdef inline void flatten(Batch* batch) noexcept nogil:
    cdef Py_ssize_t rows = batch.M
    cdef int i
    for i in range(batch.axes - 1, -1, -1):
        if batch.sizes[i] != 1:
            if batch.steps_b[i] != 0 or batch.steps_a[i] != rows * batch.a.row:
                return
            rows *= batch.sizes[i]
    batch.M = rows
    batch.count = 1
    batch.axes = 0


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiply matrices, or stacks of them.

    Same contract as odyssey.reference.matmul.matmul. Operands are packed into
    panels through their strides, block by block of the inner dimension, so a
    transposed or broadcast operand is never copied as a whole; a tile of
    outputs stays in registers meanwhile.
    """
    cdef int number = float_type(a)
    cdef Batch batch
    cdef cnp.npy_intp* shape_a
    cdef cnp.npy_intp* shape_b
    cdef cnp.npy_intp[MOST_AXES] shape
    cdef int i, axes, failed
    cdef char* c
    cdef bint fits = number >= 0 and float_type(b) == number
    if fits:
        axes = PyArray_NDIM(a)
        shape_a = PyArray_DIMS(a)
        shape_b = PyArray_DIMS(b)
        fits = axes >= 2 and axes == PyArray_NDIM(b) and shape_a[axes - 1] == shape_b[axes - 2]
        if fits:
            for i in range(axes - 2):
                fits = fits and shape_a[i] == shape_b[i]
    if not fits:
        check_matmul(a, b)
        raise AssertionError("matmul: the checks in C and in Python differ")
    a = aligned(a)
    b = aligned(b)
    batch.axes = axes - 2
    batch.sizes = PyArray_DIMS(a)
    batch.steps_a = PyArray_STRIDES(a)
    batch.steps_b = PyArray_STRIDES(b)
    batch.count = 1
    for i in range(axes):
        shape[i] = batch.sizes[i]
        if i < axes - 2:
            batch.count *= shape[i]
    shape[axes - 1] = PyArray_DIMS(b)[axes - 1]
    batch.M = shape[axes - 2]
    batch.N = shape[axes - 1]
    batch.K = PyArray_DIMS(a)[axes - 1]
    batch.a = Matrix(<const char*>PyArray_DATA(a), batch.steps_a[axes - 2], batch.steps_a[axes - 1])
    batch.b = Matrix(<const char*>PyArray_DATA(b), batch.steps_b[axes - 2], batch.steps_b[axes - 1])
    out = PyArray_EMPTY(axes, shape, number, 0)
    if batch.count == 0 or batch.M == 0 or batch.N == 0:
        return out
    c = <char*>PyArray_DATA(out)
    with nogil:
        if batch.count > 1:
            flatten(&batch)
        if number == NPY_FLOAT:
            failed = whole_batch(&batch, c, <float>0, <float>0, vsplat_f32(0))
        elif number == NPY_DOUBLE:
            failed = whole_batch(&batch, c, <double>0, <double>0, vsplat_f64(0))
        else:
            failed = whole_batch(&batch, c, <half>0, <float>0, vsplat_f32(0))
    if failed:
        raise MemoryError("matmul: no memory for the packed panels")
    return out
