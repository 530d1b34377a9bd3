# Matrix products: `matmul` of stacks of matrices, and `linear`, the affine map of a fully connected
# layer, with its three gradients. Same contracts as in odyssey/reference/.
#
# Plan (Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", 2008, with the
# roles of L1 and L2 exchanged, because wide registers make the panels of b the larger ones):
#
#   threads: each takes a rectangle of outputs and does all of the following alone
#   for j0 in blocks of columns, for i0 in blocks of rows, for k0 in blocks of the inner dimension:
#       pack b[k0, j0] into panels [k][2 registers]          stays in L2 while the rows pass
#       for each panel of up to MR rows:
#           pack a[panel, k0]                                stays in L1 while the columns pass
#           for each panel of b:
#               tile                                         sums stay in registers while k runs
#
# The rows are cut into panels of equal height, as near as that goes: 64 rows are 13 + 13 + 13 + 13
# + 12, which keeps the multipliers busier than 14 + 14 + 14 + 14 + 8. b is read where it stands
# when its rows are contiguous and few panels of a share it.
#
# Two orientations: C = A B, or C' = B' A' with the roles of the operands exchanged. The operand in
# the role of b is costly to pack where its columns are contiguous; the other one is not, because a
# panel of it serves a whole block of columns. _product.pxd chooses by shape and strides, and sends
# products with few rows to _thin.pxd. _tile.pxd has the tile, _panels.pxd the packing.
#
# The sums of an exchanged product, or of half precision, are gathered in a block of scratch memory
# and written to C, transposed or rounded, when they are complete. Other sums wait in C itself.
#
# Transposed and broadcast operands are read through their strides and never copied as a whole.
# Results are the same for any number of threads. float16 is widened while it is packed, or read
# in place, summed in float32 and rounded once.

cimport numpy as cnp
from cython.parallel cimport prange, threadid

from odyssey._ext._door cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, PyArray_DIMS, PyArray_NDIM, PyArray_STRIDES, aligned,
    contiguous, float_type,
)
from odyssey._ext._panels cimport (
    Rows, fetch_rows, pack_columns, pack_rows, transposed, widen_row, widened,
)
from odyssey._ext._pool cimport empty, give_back, take
from odyssey._ext._product cimport (
    COLUMNS, DOTS, OUTER, ROWS, TILES, Batch, Cut, Matrix, Part, Plan, Product, alone,
    b_in_place, cut_for, flatten, panels_of, part_of, plan_for, product_of, turned, up_to_multiple,
)
from odyssey._ext._simd cimport (
    MR, VBYTES, element, half, lanes, load, real, splat, store, vec, vsplat_f32, vsplat_f64,
)
from odyssey._ext._thin cimport FLAT, STRETCH, multiply_dots, some_terms, sum_rows
from odyssey._ext._threads cimport num_threads
from odyssey._ext._tile cimport DEPTH, load_first, pitch_of, row_of_tiles, store_first

import numpy as np

from odyssey.utils.kernel_checks import (
    check_linear, check_linear_backward, check_matmul, check_needs,
)

cnp.import_array()

cdef enum:
    MOST_AXES = 64                  # NumPy's limit
    AHEAD = 8                       # rows of b that are fetched before they are packed
    WORTH = 10000                   # cycles of AVX-512 that are worth waking a thread for


# ---- one part, by one thread ---------------------------------------------------------------------

# The tiles of a panel of any number of rows up to MR.
cdef void tiles(Py_ssize_t rows, Py_ssize_t K, const real* a, const element* b, Py_ssize_t step,
        Py_ssize_t ldb, real* c, Py_ssize_t ldc, Py_ssize_t columns, bint more, const real* bias,
        const Rows* coming, vec zero) noexcept nogil:
    if MR >= 14 and rows == 14:
        row_of_tiles(14, K, a, b, step, ldb, c, ldc, columns, more, bias, coming, zero)
    elif MR >= 14 and rows == 13:
        row_of_tiles(13, K, a, b, step, ldb, c, ldc, columns, more, bias, coming, zero)
    elif MR >= 14 and rows == 12:
        row_of_tiles(12, K, a, b, step, ldb, c, ldc, columns, more, bias, coming, zero)
    elif MR >= 14 and rows == 11:
        row_of_tiles(11, K, a, b, step, ldb, c, ldc, columns, more, bias, coming, zero)
    elif MR >= 14 and rows == 10:
        row_of_tiles(10, K, a, b, step, ldb, c, ldc, columns, more, bias, coming, zero)
    elif MR >= 14 and rows == 9:
        row_of_tiles(9, K, a, b, step, ldb, c, ldc, columns, more, bias, coming, zero)
    elif MR >= 14 and rows == 8:
        row_of_tiles(8, K, a, b, step, ldb, c, ldc, columns, more, bias, coming, zero)
    elif MR >= 14 and rows == 7:
        row_of_tiles(7, K, a, b, step, ldb, c, ldc, columns, more, bias, coming, zero)
    elif rows == 6:
        row_of_tiles(6, K, a, b, step, ldb, c, ldc, columns, more, bias, coming, zero)
    elif rows == 5:
        row_of_tiles(5, K, a, b, step, ldb, c, ldc, columns, more, bias, coming, zero)
    elif rows == 4:
        row_of_tiles(4, K, a, b, step, ldb, c, ldc, columns, more, bias, coming, zero)
    elif rows == 3:
        row_of_tiles(3, K, a, b, step, ldb, c, ldc, columns, more, bias, coming, zero)
    elif rows == 2:
        row_of_tiles(2, K, a, b, step, ldb, c, ldc, columns, more, bias, coming, zero)
    else:
        row_of_tiles(1, K, a, b, step, ldb, c, ldc, columns, more, bias, coming, zero)


# The block of b at (k0, j0), in panels, of which `whole` are left where they stand. Contiguous rows
# are read in one go for all panels: a page of memory is visited once.
cdef void pack_block(const Product* p, Py_ssize_t k0, Py_ssize_t depth, Py_ssize_t j0,
        Py_ssize_t columns, Py_ssize_t whole, real* block, element like, vec zero) noexcept nogil:
    cdef Py_ssize_t NR = 2 * lanes(zero)
    cdef Py_ssize_t size = sizeof(element)
    cdef Py_ssize_t full = columns // NR, j, k
    cdef const char* b = p.b.data + k0 * p.b.row + j0 * p.b.column
    cdef Rows ahead = Rows(b, 0, size, 1, NR, size)
    for k in range(depth if p.b.column == size else 0):
        for j in range(whole, full):
            ahead.data = b + (k + AHEAD) * p.b.row + j * NR * size
            fetch_rows(&ahead, 0, 1)
            widen_row(<const element*>(b + k * p.b.row) + j * NR, NR, block + (j * depth + k) * NR,
                      zero)
    for j in range(full if p.b.column == size else 0, (columns + NR - 1) // NR):
        pack_columns(
            b + j * NR * p.b.column, p.b.row, p.b.column, depth, min(NR, columns - j * NR),
            block + j * NR * depth, NR, like, zero)


# Complete sums, [rows][pitch], to their place in c.
cdef void finish(const Product* p, Py_ssize_t i0, Py_ssize_t rows, Py_ssize_t j0,
        Py_ssize_t columns, real* sums, Py_ssize_t pitch, element like, vec zero) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef Py_ssize_t V = lanes(zero)
    cdef const element* bias = <const element*>p.bias
    cdef char* c = p.c.data + i0 * p.c.row + j0 * p.c.column
    cdef vec v
    if p.exchanged:
        if bias != NULL:
            for i in range(rows):
                v = splat(widened(<const char*>(bias + i0 + i), like, sums[0]), zero)
                for j in range(pitch // V):
                    store(sums + i * pitch + j * V, load(sums + i * pitch + j * V, zero) + v)
        transposed(
            <const real*>sums, pitch, rows, columns, <element*>c,
            p.c.column // <Py_ssize_t>sizeof(element))
        return
    for i in range(rows):
        for j in range((columns + V - 1) // V):
            v = load(<const real*>sums + i * pitch + j * V, zero)
            if bias != NULL:
                v = v + load_first(bias + j0 + j * V, columns - j * V, zero)
            store_first(<element*>(c + i * p.c.row) + j * V, columns - j * V, v)


# The outputs of one block of columns against one block of the inner dimension.
cdef void strip(const Product* p, Py_ssize_t i0, Py_ssize_t rows, Py_ssize_t k0,
        Py_ssize_t depth, Py_ssize_t j0, Py_ssize_t columns, Py_ssize_t whole, real* panel,
        const real* block, real* sums, element like, vec zero) noexcept nogil:
    cdef Py_ssize_t NR = 2 * lanes(zero)
    cdef Py_ssize_t panels = panels_of(rows)
    cdef Py_ssize_t i = i0, n, height, next_height, ldc, left = whole * NR
    cdef const char* a = p.a.data + k0 * p.a.column
    cdef const char* b = p.b.data + k0 * p.b.row
    cdef const real* bias = NULL
    cdef real* c
    cdef Rows coming
    if sums != NULL:
        columns = up_to_multiple(columns, NR)
    elif k0 + depth == p.K and p.bias != NULL:
        bias = <const real*>p.bias + j0
    for n in range(panels):
        height = rows // panels + (n < rows % panels)
        next_height = rows // panels + (n + 1 < rows % panels) if n + 1 < panels else 0
        pack_rows(
            a + i * p.a.row, p.a.row, p.a.column, height, depth, panel, pitch_of(zero), like, zero)
        coming = Rows(
            a + (i + height) * p.a.row, p.a.row, p.a.column, next_height, depth, sizeof(element))
        if sums != NULL:
            ldc = columns
            c = sums + (i - i0) * ldc
        else:
            ldc = p.c.row // <Py_ssize_t>sizeof(real)
            c = <real*>(p.c.data + i * p.c.row) + j0
        if left:
            tiles(
                height, depth, <const real*>panel, <const element*>b + j0, NR,
                p.b.row // <Py_ssize_t>sizeof(element), c, ldc, left, k0 > 0, bias, &coming, zero)
        if left < columns:
            tiles(
                height, depth, <const real*>panel, block + left * depth, NR * depth, NR, c + left,
                ldc, columns - left, k0 > 0, bias + left if bias != NULL else NULL, &coming, zero)
        i = i + height


cdef void multiply_tiles(const Product* p, Part part, real* memory, Plan plan, element like,
        vec zero) noexcept nogil:
    cdef Py_ssize_t NR = 2 * lanes(zero)
    cdef Py_ssize_t most_rows = ROWS if plan.sums else part.bottom - part.top
    cdef Py_ssize_t i0, j0 = part.left, k0, rows, columns, depth, whole
    cdef real* block = memory + plan.panel
    cdef real* sums = block + plan.block if plan.sums else NULL
    cdef bint in_place = b_in_place(p, sizeof(element))
    while j0 < part.right:
        columns = min(COLUMNS * lanes(zero), part.right - j0)
        whole = columns // NR if in_place else 0
        i0 = part.top
        while i0 < part.bottom:
            rows = min(most_rows, part.bottom - i0)
            k0 = 0
            while True:             # once even where there is nothing to sum
                depth = min(DEPTH, p.K - k0)
                pack_block(p, k0, depth, j0, columns, whole, block, like, zero)
                strip(p, i0, rows, k0, depth, j0, columns, whole, memory, block, sums, like, zero)
                k0 += depth
                if k0 >= p.K:
                    break
            if sums != NULL:
                finish(p, i0, rows, j0, columns, sums, up_to_multiple(columns, NR), like, zero)
            i0 += rows
        j0 += columns


# All rows, some columns. a is packed unless it stands ready.
cdef void multiply_thin(const Product* p, Part part, real* memory, Plan plan, element like,
        vec zero) noexcept nogil:
    cdef Py_ssize_t j0 = part.left, columns
    cdef Py_ssize_t pitch = up_to_multiple(p.K, lanes(zero))
    cdef const real* a = memory
    cdef real* sums = memory + plan.panel
    cdef const char* b
    if sizeof(element) == sizeof(real) and p.a.column == sizeof(real):
        a = <const real*>p.a.data
        pitch = p.a.row // <Py_ssize_t>sizeof(real)
    else:
        pack_rows(p.a.data, p.a.row, p.a.column, p.M, p.K, memory, pitch, like, zero)
    while j0 < part.right:
        columns = min(STRETCH, part.right - j0)
        b = p.b.data + j0 * p.b.column
        if plan.method == DOTS:
            multiply_dots(p.M, p.K, columns, a, pitch, b, p.b.column, sums, like, zero)
        else:
            sum_rows(p.K, columns, a, b, p.b.row, sums, like, zero)
        finish(p, 0, p.M, j0, columns, sums, STRETCH, like, zero)
        j0 += columns


# Sums of up to FLAT terms.
cdef void multiply_flat(const Product* p, Part part, element like, real number,
        vec zero) noexcept nogil:
    cdef Py_ssize_t n = part.right - part.left, i, k
    cdef real[FLAT] copy
    cdef const real* a = &copy[0]
    cdef const char* b = p.b.data + part.left * p.b.column
    cdef const element* bias = <const element*>p.bias
    cdef element* c
    if bias != NULL:
        bias += part.left
    for i in range(part.top, part.bottom):
        if sizeof(element) == sizeof(real) and p.a.column == sizeof(real):
            a = <const real*>(p.a.data + i * p.a.row)
        else:
            for k in range(p.K):
                copy[k] = widened(p.a.data + i * p.a.row + k * p.a.column, like, number)
        c = <element*>(p.c.data + i * p.c.row) + part.left
        some_terms(p.K, a, b, p.b.row, n, bias, c, zero)


# ---- the batch, by all threads -------------------------------------------------------------------

cdef void do_task(Py_ssize_t task, const Batch* batch, Plan plan, Cut cut, real* memory,
        element like, vec zero) noexcept nogil:
    cdef Py_ssize_t pieces = cut.rows * cut.columns
    cdef Product p = product_of(task // pieces, batch)
    cdef Part part = part_of(&p, cut, task % pieces, 2 * lanes(zero))
    if plan.method == TILES:
        multiply_tiles(&p, part, memory, plan, like, zero)
    elif plan.method == OUTER:
        multiply_flat(&p, part, like, <real>0, zero)
    else:
        multiply_thin(&p, part, memory, plan, like, zero)


# All products of the batch. Each thread has its own `bytes` of scratch memory.
cdef void multiply_all(const Batch* batch, Plan plan, Cut cut, int threads, char* memory,
        Py_ssize_t bytes, element like, real number_, vec zero) noexcept nogil:
    cdef Py_ssize_t tasks = batch.count * cut.rows * cut.columns, task
    for task in prange(tasks, num_threads=threads, schedule="static"):
        do_task(task, batch, plan, cut, <real*>(memory + threadid() * bytes), like, zero)


# Plan, find scratch memory, multiply.
cdef int compute(str op, Batch* batch, int number) except -1:
    cdef Py_ssize_t size = 8 if number == NPY_DOUBLE else 4 if number == NPY_FLOAT else 2
    cdef Py_ssize_t real_size = max(size, 4), bytes
    cdef double work
    cdef int threads
    cdef char* memory
    cdef Plan plan
    cdef Cut cut
    if batch.count == 0 or batch.first.M == 0 or batch.first.N == 0:
        return 0
    plan = plan_for(&batch.first, size, real_size)
    work = plan.cost * batch.count * (VBYTES / <double>64)
    threads = <int>max(min(work / WORTH, <double>num_threads()), 1.0)
    cut = cut_for(batch, plan, threads, VBYTES // real_size, size)
    threads = <int>min(threads, batch.count * cut.rows * cut.columns)
    bytes = up_to_multiple((plan.panel + plan.block + plan.sums) * real_size, 64)
    memory = <char*>take(threads * bytes)
    if memory == NULL:
        raise MemoryError(f"{op}: no memory for the packed panels ({threads * bytes} bytes)")
    with nogil:
        if number == NPY_FLOAT:
            multiply_all(
                batch, plan, cut, threads, memory, bytes, <float>0, <float>0, vsplat_f32(0))
        elif number == NPY_DOUBLE:
            multiply_all(
                batch, plan, cut, threads, memory, bytes, <double>0, <double>0, vsplat_f64(0))
        else:
            multiply_all(
                batch, plan, cut, threads, memory, bytes, <half>0, <float>0, vsplat_f32(0))
    give_back(memory)
    return 0


# ---- doors ---------------------------------------------------------------------------------------

# The matrix in the last two axes. An axis of length 1 is never stepped along: it counts as
# contiguous, whatever its stride.
cdef Matrix matrix(object x) noexcept:
    cdef int axes = PyArray_NDIM(x)
    cdef Py_ssize_t column = PyArray_STRIDES(x)[axes - 1]
    if PyArray_DIMS(x)[axes - 1] == 1:
        column = cnp.PyArray_ITEMSIZE(x)
    return Matrix(<char*>PyArray_DATA(x), PyArray_STRIDES(x)[axes - 2], column)


cdef bint fit(object a, object b) noexcept:
    cdef int i, axes
    if float_type(a) < 0 or float_type(a) != float_type(b):
        return False
    axes = PyArray_NDIM(a)
    if axes < 2 or axes != PyArray_NDIM(b):
        return False
    for i in range(axes - 2):
        if PyArray_DIMS(a)[i] != PyArray_DIMS(b)[i]:
            return False
    return PyArray_DIMS(a)[axes - 1] == PyArray_DIMS(b)[axes - 2]


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiply matrices, or stacks of them.

    Same contract as odyssey.reference.matmul.matmul.
    """
    cdef Batch batch
    cdef cnp.npy_intp[MOST_AXES] shape
    cdef int i, axes
    if not fit(a, b):
        check_matmul(a, b)
        raise AssertionError("matmul: the checks in C and in Python differ")
    a = aligned(a)
    b = aligned(b)
    axes = PyArray_NDIM(a)
    batch.axes = axes - 2
    batch.sizes = PyArray_DIMS(a)
    batch.steps_a = PyArray_STRIDES(a)
    batch.steps_b = PyArray_STRIDES(b)
    batch.count = 1
    for i in range(axes - 1):
        shape[i] = batch.sizes[i]
        if i < axes - 2:
            batch.count *= shape[i]
    shape[axes - 1] = PyArray_DIMS(b)[axes - 1]
    out = empty(axes, shape, float_type(a))
    batch.first = Product(
        shape[axes - 2], shape[axes - 1], PyArray_DIMS(a)[axes - 1], matrix(a), matrix(b),
        matrix(out), NULL, False)
    batch.step_c = shape[axes - 2] * PyArray_STRIDES(out)[axes - 2]
    if batch.count > 1:
        flatten(&batch)
    compute("matmul", &batch, float_type(a))
    return out


# x (..., I) as a matrix of rows. Needs no copy if it has two axes or lies in one piece.
cdef object as_rows(object x):
    return aligned(x) if PyArray_NDIM(x) == 2 else contiguous(x)


cdef Matrix rows_matrix(object x) noexcept:
    cdef int axes = PyArray_NDIM(x)
    cdef Py_ssize_t features = PyArray_DIMS(x)[axes - 1], size = cnp.PyArray_ITEMSIZE(x)
    return matrix(x) if axes == 2 else Matrix(<char*>PyArray_DATA(x), features * size, size)


cdef Py_ssize_t count_rows(object x) noexcept:
    cdef Py_ssize_t rows = 1
    cdef int i
    for i in range(PyArray_NDIM(x) - 1):
        rows *= PyArray_DIMS(x)[i]
    return rows


# An empty array with the leading axes of x and `features` along the last one.
cdef object rows_like(object x, Py_ssize_t features):
    cdef cnp.npy_intp[MOST_AXES] shape
    cdef int i, axes = PyArray_NDIM(x)
    for i in range(axes - 1):
        shape[i] = PyArray_DIMS(x)[i]
    shape[axes - 1] = features
    return empty(axes, shape, float_type(x))


cdef bint fit_linear(object x, object weight) noexcept:
    return (
        float_type(x) >= 0 and float_type(x) == float_type(weight)
        and PyArray_NDIM(x) >= 1 and PyArray_NDIM(weight) == 2
        and PyArray_DIMS(x)[PyArray_NDIM(x) - 1] == PyArray_DIMS(weight)[1])


def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """Apply an affine map to the last axis: x @ weight.T + bias.

    Same contract as odyssey.reference.linear.linear. The bias is added to the
    sums while they are in registers.
    """
    cdef Batch batch
    cdef Py_ssize_t features
    cdef char* shift = NULL
    cdef bint fits = fit_linear(x, weight)
    if fits and bias is not None:
        fits = (
            float_type(bias) == float_type(x) and PyArray_NDIM(bias) == 1
            and PyArray_DIMS(bias)[0] == PyArray_DIMS(weight)[0])
    if not fits:
        check_linear(x, weight, bias)
        raise AssertionError("linear: the checks in C and in Python differ")
    x = as_rows(x)
    weight = aligned(weight)
    if bias is not None:
        bias = contiguous(bias)
        shift = <char*>PyArray_DATA(bias)
    features = PyArray_DIMS(weight)[0]
    out = rows_like(x, features)
    batch = alone(Product(
        count_rows(x), features, PyArray_DIMS(weight)[1], rows_matrix(x),
        turned(matrix(weight)), rows_matrix(out), shift, False))
    compute("linear", &batch, float_type(x))
    return out


def linear_backward(
    grad: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray,
    needs: tuple[bool, ...] = (True, True, True),
) -> tuple[np.ndarray | None, ...]:
    """Return the gradients of linear for x, weight and bias.

    Same contract as odyssey.reference.linear.linear_backward. Three products:
    grad @ weight, grad.T @ x, and a row of ones @ grad.
    """
    cdef int i, axes, number = float_type(grad)
    cdef Py_ssize_t rows, features_in, features_out
    cdef double one_double = 1
    cdef float one_float = 1
    cdef half one_half = 0x3c00
    cdef Matrix ones, g
    cdef Batch batch
    cdef bint fits = number >= 0 and fit_linear(x, weight) and float_type(x) == number
    if fits:
        axes = PyArray_NDIM(x)
        fits = (
            PyArray_NDIM(grad) == axes
            and PyArray_DIMS(grad)[axes - 1] == PyArray_DIMS(weight)[0])
        for i in range(axes - 1 if fits else 0):
            fits = fits and PyArray_DIMS(grad)[i] == PyArray_DIMS(x)[i]
    if not fits:
        check_linear_backward(grad, x, weight)
        raise AssertionError("linear_backward: the checks in C and in Python differ")
    if not isinstance(needs, tuple) or len(needs) != 3:
        needs = check_needs("linear_backward", needs, 3)
    grad = as_rows(grad)
    rows = count_rows(grad)
    features_out = PyArray_DIMS(weight)[0]
    features_in = PyArray_DIMS(weight)[1]
    g = rows_matrix(grad)
    grad_x = grad_weight = grad_bias = None
    if needs[0]:
        weight = aligned(weight)
        grad_x = rows_like(grad, features_in)
        batch = alone(Product(
            rows, features_in, features_out, g, matrix(weight), rows_matrix(grad_x), NULL, False))
        compute("linear_backward", &batch, number)
    if needs[1]:
        x = as_rows(x)
        grad_weight = empty(2, PyArray_DIMS(weight), number)
        batch = alone(Product(
            features_out, features_in, rows, turned(g), rows_matrix(x), matrix(grad_weight),
            NULL, False))
        compute("linear_backward", &batch, number)
    if needs[2]:
        if number == NPY_FLOAT:
            ones = Matrix(<char*>&one_float, 0, 0)
        elif number == NPY_DOUBLE:
            ones = Matrix(<char*>&one_double, 0, 0)
        else:
            ones = Matrix(<char*>&one_half, 0, 0)
        grad_bias = empty(1, PyArray_DIMS(weight), number)
        batch = alone(Product(
            1, features_out, rows, ones, g, rows_matrix(grad_bias), NULL, False))
        compute("linear_backward", &batch, number)
    return grad_x, grad_weight, grad_bias
