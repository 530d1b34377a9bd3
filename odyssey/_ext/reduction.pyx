# Sum and mean along any axes.
#
# Plan. The axes are sorted by their steps in memory, the smallest last, and neighbours of one kind,
# kept or summed, are joined where they are one run. What the last axis is decides how to add:
#
# ROWS: the last axis is summed. Blocks of BLOCK numbers are added in UNROLLED vectors, across them
# and the lanes at the end; the sums of blocks are added in pairs, then pairs of pairs, in double.
#
# COLUMNS: the last axis is kept. A strip of WIDTH sums stays in L1 while the rows pass, four at a
# time. Short rows that touch are taken as one: 10 rows of 12 columns are a row of 120, whose parts
# are added to each other at the end, by halves.
#
# Threads. An output that takes more than GROUP numbers is split into groups of that size, whose
# sums are added at the end; so groups, like outputs and strips, can go to any thread, and the order
# of additions depends on shape and memory layout alone. Errors: no block of a row adds more than
# BLOCK / (UNROLLED * lanes) numbers one after the other, no column more than a quarter of its rows.
#
# float16 is summed in float32, and rounded once.

cimport numpy as cnp
from cpython.number cimport PyIndex_Check
from cython.parallel cimport prange
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from odyssey._ext._axes cimport (
    MOST_AXES, Axes, Pairs, append, innermost, offset, product, put_in, sort_axes, total,
)
from odyssey._ext._door cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, PyArray_DIMS, PyArray_NDIM, PyArray_SIZE, aligned,
    float_type,
)
from odyssey._ext._pool cimport empty_strided
from odyssey._ext._simd cimport (
    MOST_LANES, element, float_to_half, half, lane_sum, lanes, load, load_part, real, scratch,
    splat, store, store_part, vec, vsplat_f32, vsplat_f64,
)
from odyssey._ext._threads cimport num_threads

import numpy as np

from odyssey.utils.kernel_checks import check_reduction

cnp.import_array()

cdef enum:
    UNROLLED = 8                # vectors of sums
    BLOCK = 8192                # numbers of a row that are added in vectors
    WIDTH = 1024                # sums of a strip
    FOLDED = 128                # numbers in rows that are taken as one
    GROUP = 1 << 16             # numbers that one thread takes at a time
    ENOUGH = 8                  # pieces of work that need not be split further
    PARALLEL = 1 << 16          # numbers that are worth a second thread


cdef struct Work:
    const char* x
    Axes kept                   # without the columns
    Axes summed                 # without the row; for columns, without the rows that touch
    Py_ssize_t outputs          # of the kept axes
    Py_ssize_t lines            # rows for each output
    Py_ssize_t length           # of a row, or number of columns
    Py_ssize_t step             # in bytes along it
    Py_ssize_t folded           # rows that are taken as one
    Py_ssize_t parts            # blocks of a row, or strips of the columns
    Py_ssize_t groups           # for each output
    Py_ssize_t together         # outputs of one block each that make one piece
    Py_ssize_t in_group         # blocks, or rows
    double count                # what a mean divides by; 1 for a sum


# n numbers side by side: where they stand, or in the buffer.
cdef inline const element* beside(const char* p, Py_ssize_t step, Py_ssize_t n,
                                  element* buffer) noexcept nogil:
    cdef Py_ssize_t i
    if step == sizeof(element):
        return <const element*>p
    for i in range(n):
        buffer[i] = (<const element*>(p + i * step))[0]
    return <const element*>buffer


cdef inline void put(element* out, double value) noexcept nogil:
    if element is half:
        out[0] = float_to_half(<float>value)
    else:
        out[0] = <element>value


# ---- rows ----------------------------------------------------------------------------------------

cdef inline double block_sum(const element* x, Py_ssize_t n, vec zero) noexcept nogil:
    cdef vec[UNROLLED] sums
    cdef Py_ssize_t V = lanes(zero)
    cdef int i
    for i in range(UNROLLED):
        sums[i] = zero
    while n >= UNROLLED * V:
        for i in range(UNROLLED):
            sums[i] = sums[i] + load(x + i * V, zero)
        x += UNROLLED * V
        n -= UNROLLED * V
    i = 0
    while n >= V:
        sums[i & 3] = sums[i & 3] + load(x, zero)
        x += V
        n -= V
        i += 1
    if n:
        sums[4] = sums[4] + load_part(x, n, zero)
    return lane_sum(((sums[0] + sums[1]) + (sums[2] + sums[3]))
                    + ((sums[4] + sums[5]) + (sums[6] + sums[7])))


# One group of the blocks of one output.
cdef void row_group(const Work* work, Py_ssize_t number, element* out, double* partial,
                    vec zero) noexcept nogil:
    cdef element[BLOCK] buffer
    cdef Pairs pairs
    cdef Py_ssize_t output = number // work.groups
    cdef Py_ssize_t begin = number % work.groups * work.in_group
    cdef Py_ssize_t stop = min(begin + work.in_group, work.lines * work.parts)
    cdef const char* at = work.x + offset(&work.kept, output)
    cdef const char* p
    cdef Py_ssize_t b, start, n
    pairs.terms = 0
    for b in range(begin, stop):
        start = b % work.parts * BLOCK
        n = min(BLOCK, work.length - start)
        p = at + offset(&work.summed, b // work.parts) + start * work.step
        put_in(&pairs, block_sum(beside(p, work.step, n, &buffer[0]), n, zero))
    if work.groups == 1:
        put(out + output, total(&pairs) / work.count)
    else:
        partial[number] = total(&pairs)


# Outputs begin to stop, each the sum of one block.
cdef void short_rows(const Work* work, Py_ssize_t begin, Py_ssize_t stop, element* out,
                     vec zero) noexcept nogil:
    cdef element[BLOCK] buffer
    cdef Py_ssize_t n = work.length
    cdef int last = work.kept.count - 1
    cdef Py_ssize_t along = work.kept.shape[last]
    cdef Py_ssize_t step = work.kept.steps[last]
    cdef const char* p
    cdef Py_ssize_t run             # the end of it
    while begin < stop:
        p = work.x + offset(&work.kept, begin)
        run = begin + min(stop - begin, along - begin % along)
        while begin < run:
            put(out + begin, block_sum(beside(p, work.step, n, &buffer[0]), n, zero) / work.count)
            p += step
            begin += 1


# Piece `number` of the work.
cdef inline void row_piece(const Work* work, Py_ssize_t number, element* out, double* partial,
                           vec zero) noexcept nogil:
    if work.together > 1:
        number *= work.together
        short_rows(work, number, min(number + work.together, work.outputs), out, zero)
    else:
        row_group(work, number, out, partial, zero)


cdef int all_rows(const Work* work, element* out, vec zero) noexcept nogil:
    cdef Py_ssize_t pieces = (work.outputs + work.together - 1) // work.together * work.groups
    cdef int threads = num_threads() if work.outputs * work.lines * work.length > PARALLEL else 1
    cdef double* partial = NULL
    cdef Pairs pairs
    cdef Py_ssize_t i, j
    if work.groups > 1:
        partial = <double*>scratch(pieces * sizeof(double))
        if partial == NULL:
            return -1
    for i in prange(pieces, num_threads=threads, schedule="static"):
        row_piece(work, i, out, partial, zero)
    if work.groups > 1:
        for i in range(work.outputs):
            pairs.terms = 0
            for j in range(work.groups):
                put_in(&pairs, partial[i * work.groups + j])
            put(out + i, total(&pairs) / work.count)
        free(partial)
    return 0


# ---- columns -------------------------------------------------------------------------------------

# sums += x[0] + x[1] + ..., rows of n numbers, `step` bytes apart. Up to a vector more of the sums
# is read and written again as it was.
cdef inline void add_rows(real* sums, const char* x, Py_ssize_t step, Py_ssize_t rows, Py_ssize_t n,
                          element like, vec zero) noexcept nogil:
    cdef const element* a = <const element*>x
    cdef const element* b = <const element*>(x + step)
    cdef const element* c = <const element*>(x + 2 * step)
    cdef const element* d = <const element*>(x + 3 * step)
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t i = 0
    if rows == 4:
        while i + V <= n:
            store(sums + i, load(<const real*>(sums + i), zero)
                  + ((load(a + i, zero) + load(b + i, zero))
                     + (load(c + i, zero) + load(d + i, zero))))
            i += V
        n -= i
        if n:
            store(sums + i, load(<const real*>(sums + i), zero)
                  + ((load_part(a + i, n, zero) + load_part(b + i, n, zero))
                     + (load_part(c + i, n, zero) + load_part(d + i, n, zero))))
    else:
        while i + V <= n:
            store(sums + i, load(<const real*>(sums + i), zero) + load(a + i, zero))
            i += V
        n -= i
        if n:
            store(sums + i, load(<const real*>(sums + i), zero) + load_part(a + i, n, zero))


# The sums of rows begin to stop of one output, n columns each. Rows that are folded count as one.
cdef void strip(const Work* work, const char* x, Py_ssize_t begin, Py_ssize_t stop, Py_ssize_t n,
                real* sums, element like, vec zero) noexcept nogil:
    cdef element[WIDTH] buffer
    cdef const element* row
    cdef const Axes* axes = &work.summed
    cdef int last = axes.count - 1
    cdef Py_ssize_t along = axes.shape[last]
    cdef Py_ssize_t step = axes.steps[last]
    cdef Py_ssize_t run, width, half_of
    cdef Py_ssize_t wide = n
    cdef Py_ssize_t rows = work.folded
    memset(sums, 0, (n * rows + MOST_LANES) * sizeof(real))
    while begin < stop:
        if rows > 1:                # all rows touch
            wide = n * min(rows, stop - begin)
            run = 4 if begin + 4 * rows <= stop else 1
            add_rows(sums, x + begin * step, rows * step, run, wide, like, zero)
            begin += run * rows
            continue
        run = min(stop - begin, along - begin % along)
        run = 4 if run >= 4 and work.step == sizeof(element) else 1
        row = beside(x + offset(axes, begin), work.step, n, &buffer[0])
        add_rows(sums, <const char*>row, step, run, n, like, zero)
        begin += run
    while rows > 1:                 # the upper half of the rows onto the lower
        half_of = rows // 2
        width = half_of * n
        add_rows(sums, <const char*>(sums + (rows - half_of) * n), 0, 1, width, <real>0, zero)
        rows -= half_of


# Store n sums, or means.
cdef inline void finish(const Work* work, const real* sums, element* out, Py_ssize_t n,
                        vec zero) noexcept nogil:
    cdef vec count = splat(work.count, zero)
    cdef Py_ssize_t V = lanes(zero)
    while n >= V:
        store(out, load(sums, zero) / count)
        sums += V
        out += V
        n -= V
    if n:
        store_part(out, n, load_part(sums, n, zero) / count)


# One group of rows, for one strip of columns of one output.
cdef void column_group(const Work* work, Py_ssize_t number, element* out, real* partial, real zero,
                       vec zeros) noexcept nogil:
    cdef real[WIDTH + MOST_LANES] sums
    cdef Py_ssize_t part = number % work.parts
    cdef Py_ssize_t group = number // work.parts % work.groups
    cdef Py_ssize_t output = number // work.parts // work.groups
    cdef Py_ssize_t start = part * WIDTH
    cdef Py_ssize_t n = min(WIDTH, work.length - start)
    cdef Py_ssize_t begin = group * work.in_group
    cdef Py_ssize_t stop = min(begin + work.in_group, work.lines)
    cdef const char* x = work.x + offset(&work.kept, output) + start * work.step
    strip(work, x, begin, stop, n, &sums[0], <element>0, zeros)
    if work.groups == 1:
        finish(work, <const real*>&sums[0], out + output * work.length + start, n, zeros)
    else:
        partial += (output * work.groups + group) * work.length + start
        memcpy(partial, &sums[0], n * sizeof(real))


# The groups of one strip of one output, as rows of sums.
cdef void combine(const Work* work, const real* partial, Py_ssize_t number, element* out,
                  vec zero) noexcept nogil:
    cdef real[WIDTH + MOST_LANES] sums
    cdef Py_ssize_t output = number // work.parts
    cdef Py_ssize_t start = number % work.parts * WIDTH
    cdef Py_ssize_t n = min(WIDTH, work.length - start)
    cdef Py_ssize_t step = work.length * sizeof(real)
    cdef Py_ssize_t g = 0
    cdef Py_ssize_t run
    memset(&sums[0], 0, (n + MOST_LANES) * sizeof(real))
    partial += output * work.groups * work.length + start
    while g < work.groups:
        run = 4 if work.groups - g >= 4 else 1
        add_rows(&sums[0], <const char*>(partial + g * work.length), step, run, n, <real>0, zero)
        g += run
    finish(work, <const real*>&sums[0], out + output * work.length + start, n, zero)


cdef int all_columns(const Work* work, element* out, real zero, vec zeros) noexcept nogil:
    cdef Py_ssize_t pieces = work.outputs * work.groups * work.parts
    cdef int threads = num_threads() if work.outputs * work.lines * work.length > PARALLEL else 1
    cdef real* partial = NULL
    cdef Py_ssize_t i
    if work.groups > 1:
        partial = <real*>scratch(work.outputs * work.groups * work.length * sizeof(real))
        if partial == NULL:
            return -1
    for i in prange(pieces, num_threads=threads, schedule="static"):
        column_group(work, i, out, partial, zero, zeros)
    if work.groups > 1:
        for i in range(work.outputs * work.parts):
            combine(work, partial, i, out, zeros)
        free(partial)
    return 0


# ---- the doors -----------------------------------------------------------------------------------

# Mark the axes of x that `axis` names; False if it is none, names none or one twice.
cdef bint mark(object x, object axis, bint* summed):
    cdef int ndim = PyArray_NDIM(x)
    cdef Py_ssize_t i
    for i in range(ndim):
        summed[i] = axis is None
    if axis is None:
        return True
    for one in axis if type(axis) is tuple else (axis,):
        if not PyIndex_Check(one):
            return False
        i = one
        if i < 0:
            i += ndim
        if not 0 <= i < ndim or summed[i]:
            return False
        summed[i] = True
    return True


cdef object door(str op, object x, object axis, object keepdims, bint averaged):
    cdef Work work
    cdef cnp.npy_intp[MOST_AXES] out_shape
    cdef cnp.npy_intp[MOST_AXES] out_steps
    cdef bint[MOST_AXES] summed
    cdef int[MOST_AXES] order
    cdef int number = float_type(x)
    cdef int ndim, i, j
    cdef int out_axes = 0
    cdef int failed = 0
    cdef int[MOST_AXES] place       # of an axis in the result
    cdef bint rows
    cdef bint keep = keepdims
    cdef Py_ssize_t item = 4 if number == NPY_FLOAT else 8 if number == NPY_DOUBLE else 2
    cdef Py_ssize_t step
    cdef void* po
    if number < 0 or not mark(x, axis, summed):
        check_reduction(op, x, axis)
        raise AssertionError(op + ": the checks in C and in Python differ")
    x = aligned(x)
    ndim = PyArray_NDIM(x)
    work.count = 1
    for i in range(ndim):
        place[i] = -1
        if summed[i] and averaged:
            work.count *= PyArray_DIMS(x)[i]
        if keep or not summed[i]:
            place[i] = out_axes
            out_shape[out_axes] = 1 if summed[i] else PyArray_DIMS(x)[i]
            out_axes += 1
    rows = sort_axes(&work.kept, &work.summed, x, summed, order)
    # The result's memory has the order of the kept axes in that of x.
    step = item
    for j in range(ndim - 1, -1, -1):
        i = order[j]
        if place[i] >= 0:
            out_steps[place[i]] = step
            step *= max(out_shape[place[i]], 1)
    out = empty_strided(out_axes, out_shape, out_steps, number)
    if PyArray_SIZE(out) == 0:
        return out
    if PyArray_SIZE(x) == 0:
        out.fill(np.nan if averaged else 0)
        return out
    work.x = <const char*>PyArray_DATA(x)
    work.folded = 1
    work.outputs = product(&work.kept)
    if rows:
        innermost(&work.summed, &work.length, &work.step, item)
        work.parts = (work.length + BLOCK - 1) // BLOCK
        work.lines = product(&work.summed)
        work.in_group = max(GROUP // min(work.length, BLOCK), 1)
        work.groups = (work.lines * work.parts + work.in_group - 1) // work.in_group
        work.together = 1
        if work.lines * work.parts == 1 and work.kept.count > 0:
            work.together = max(GROUP // work.length, 2)
    else:
        if work.summed.count == 0:
            append(&work.summed, 1, 0, False)
        innermost(&work.kept, &work.length, &work.step, item)
        work.outputs = product(&work.kept)
        work.parts = (work.length + WIDTH - 1) // WIDTH
        work.lines = product(&work.summed)
        if (work.summed.count == 1 and work.step == item and work.length <= FOLDED // 2
                and work.summed.steps[0] == work.length * item):
            work.folded = min(FOLDED // work.length, work.lines)
        work.in_group = max(GROUP // min(work.length, WIDTH) // work.folded, 1) * work.folded
        if work.parts * work.outputs >= ENOUGH:
            work.in_group = work.lines
        work.groups = (work.lines + work.in_group - 1) // work.in_group
        # Groups of one size, in whole passes of four rows.
        step = 4 * work.folded
        work.in_group = ((work.lines + work.groups - 1) // work.groups + step - 1) // step * step
    po = PyArray_DATA(<cnp.ndarray>out)
    with nogil:
        if rows:
            if number == NPY_FLOAT:
                failed = all_rows(&work, <float*>po, vsplat_f32(0))
            elif number == NPY_DOUBLE:
                failed = all_rows(&work, <double*>po, vsplat_f64(0))
            else:
                failed = all_rows(&work, <half*>po, vsplat_f32(0))
        else:
            if number == NPY_FLOAT:
                failed = all_columns(&work, <float*>po, <float>0, vsplat_f32(0))
            elif number == NPY_DOUBLE:
                failed = all_columns(&work, <double*>po, <double>0, vsplat_f64(0))
            else:
                failed = all_columns(&work, <half*>po, <float>0, vsplat_f32(0))
    if failed:
        raise MemoryError(f"{op}: no memory for the sums of groups")
    return out


def sum(x: np.ndarray, axis: int | tuple[int, ...] | None = None,
        keepdims: bool = False) -> np.ndarray:
    """Add up the elements along axes.

    Same contract as odyssey.reference.reduction.sum. One pass over memory, in
    the order in which it stands.
    """
    return door("sum", x, axis, keepdims, False)


def mean(x: np.ndarray, axis: int | tuple[int, ...] | None = None,
         keepdims: bool = False) -> np.ndarray:
    """Average the elements along axes.

    Same contract as odyssey.reference.reduction.mean. One pass over memory, in
    the order in which it stands.
    """
    return door("mean", x, axis, keepdims, True)
