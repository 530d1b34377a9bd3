# Arithmetic, comparisons and where, over operands that broadcast.
#
# Plan. _walk.pxd sorts and joins the axes, so that most calls are one long row. One loop computes a
# row, for all ways in which an operand can stand: side by side in memory, one number for the whole
# row (it stands in a vector-sized buffer, where the loop stays), or any steps (GATHERED numbers at
# a time are brought side by side, in L1). The operation is a literal in the call of that loop, so
# that the compiler makes one loop for each.
#
# Threads split the result into pieces of CHUNK numbers, which are several short rows or a part of a
# long one. Results of more than STREAMED bytes are stored past the cache: they would push each
# other out of it, and each line would first be read.
#
# float16 is read and written as such and computed in float32: one operation, rounded twice, gives
# what one rounding does, because float32 has more than twice the digits.

cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport uint8_t
from libc.string cimport memcpy, memset

from odyssey._ext._door cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_Check, PyArray_DATA, PyArray_TYPE, aligned, float_type,
)
from odyssey._ext._masks cimport (
    ADD, DIVIDE, EQUAL, LESS, LESS_EQUAL, MULTIPLY, NOT_EQUAL, SUBTRACT, WHERE, Operation,
    arithmetic, comparison, select, stream, stream_end,
)
from odyssey._ext._simd cimport (
    MOST_LANES, element, half, lanes, load, load_part, store, store_part, vec, vsplat_f32,
    vsplat_f64,
)
from odyssey._ext._threads cimport num_threads
from odyssey._ext._walk cimport (
    GATHERED, MOST_OPERANDS, Walk, add_operand, result_of, row_of, side_by_side,
)

import numpy as np

from odyssey.utils.kernel_checks import check_broadcast, check_where

cnp.import_array()

cdef enum:
    CHUNK = 8192                # numbers that one thread takes at a time
    PARALLEL = 1 << 16          # numbers that are worth a second thread
    STREAMED = 1 << 24          # bytes of a result that would not stay in the cache


# ---- one row -------------------------------------------------------------------------------------

# Where the operands of a loop stand, and whether it goes on in them or stays.
cdef struct Sources:
    const void* x
    const void* y
    const uint8_t* condition
    Py_ssize_t ahead_x
    Py_ssize_t ahead_y
    Py_ssize_t ahead_condition


# One vector of numbers, k vectors on.
cdef inline vec value(Operation op, const Sources* s, Py_ssize_t k, element like,
                      vec zero) noexcept nogil:
    cdef Py_ssize_t i = k * lanes(zero)
    cdef vec a = load(<const element*>s.x + i * s.ahead_x, zero)
    cdef vec b = load(<const element*>s.y + i * s.ahead_y, zero)
    if op == WHERE:
        return select(s.condition + i * s.ahead_condition, a, b)
    return arithmetic(op, a, b)


# One vector of truth values, k vectors on.
cdef inline void truths(Operation op, const Sources* s, Py_ssize_t k, char* out, element like,
                        vec zero) noexcept nogil:
    cdef Py_ssize_t i = k * lanes(zero)
    comparison(op, <uint8_t*>out + i, load(<const element*>s.x + i * s.ahead_x, zero),
               load(<const element*>s.y + i * s.ahead_y, zero))


# One vector of results.
cdef inline void step(Operation op, const Sources* s, char* out, bint past_cache, element like,
                      vec zero) noexcept nogil:
    if LESS <= op < WHERE:
        truths(op, s, 0, out, like, zero)
    elif past_cache:
        stream(<element*>out, value(op, s, 0, like, zero))
    else:
        store(<element*>out, value(op, s, 0, like, zero))


# Four vectors of numbers. All are read before the first is written: where a result lies a little
# ahead of an operand in its page, a processor takes a load after the store for one that overlaps.
cdef inline void four(Operation op, const Sources* s, element* out, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef vec a = value(op, s, 0, out[0], zero)
    cdef vec b = value(op, s, 1, out[0], zero)
    cdef vec c = value(op, s, 2, out[0], zero)
    cdef vec d = value(op, s, 3, out[0], zero)
    store(out, a)
    store(out + V, b)
    store(out + 2 * V, c)
    store(out + 3 * V, d)


# Let the loop stand n numbers further, or if n is negative, back.
cdef inline void move(Operation op, Sources* s, char** out, Py_ssize_t n,
                      element like) noexcept nogil:
    s.x = <const element*>s.x + n * s.ahead_x
    s.y = <const element*>s.y + n * s.ahead_y
    s.condition += n * s.ahead_condition
    out[0] += n if LESS <= op < WHERE else n * <Py_ssize_t>sizeof(element)


# Fewer numbers than a vector has.
cdef inline void part(Operation op, const Sources* s, char* out, Py_ssize_t n, element like,
                      vec zero) noexcept nogil:
    cdef uint8_t[MOST_LANES] bytes
    cdef vec a = load_part(<const element*>s.x, n, zero)
    cdef vec b = load_part(<const element*>s.y, n, zero)
    if op < LESS:
        store_part(<element*>out, n, arithmetic(op, a, b))
    elif op < WHERE:
        comparison(op, &bytes[0], a, b)
        memcpy(out, &bytes[0], n)
    else:
        memcpy(&bytes[0], s.condition, n)
        store_part(<element*>out, n, select(<const uint8_t*>&bytes[0], a, b))


cdef inline void loop(Operation op, const Sources* sources, char* out, Py_ssize_t n,
        bint past_cache, element like, vec zero) noexcept nogil:
    cdef Sources s = sources[0]
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t before
    if n < V:
        part(op, &s, out, n, like, zero)
        return
    if past_cache or n >= 8 * V:    # from a whole register on: one across two lines costs two
        before = -<size_t>out % (V * sizeof(element)) // sizeof(element)
        if before and not LESS <= op < WHERE:
            step(op, &s, out, False, like, zero)
            move(op, &s, &out, before, like)
            n -= before
    if past_cache:
        while n >= V:
            step(op, &s, out, True, like, zero)
            move(op, &s, &out, V, like)
            n -= V
        stream_end()
    while n >= 4 * V:
        if LESS <= op < WHERE:
            truths(op, &s, 0, out, like, zero)
            truths(op, &s, 1, out, like, zero)
            truths(op, &s, 2, out, like, zero)
            truths(op, &s, 3, out, like, zero)
        else:
            four(op, &s, <element*>out, zero)
        move(op, &s, &out, 4 * V, like)
        n -= 4 * V
    while n >= V:
        step(op, &s, out, False, like, zero)
        move(op, &s, &out, V, like)
        n -= V
    if n:                       # the last vector, some of it once more
        move(op, &s, &out, n - V, like)
        step(op, &s, out, False, like, zero)


# One number in as many places as a vector has, where it is to stand for a whole row.
cdef inline const element* repeated(const element* x, Py_ssize_t ahead,
                                    element* buffer) noexcept nogil:
    cdef int i
    if ahead:
        return x
    for i in range(MOST_LANES):
        buffer[i] = x[0]
    return <const element*>buffer


# Rows whose operands lie `skip` bytes apart.
cdef inline void rows_of(Operation op, const Sources* first, const Py_ssize_t* skip,
        Py_ssize_t count, char* out, Py_ssize_t n, bint past_cache, element like,
        vec zero) noexcept nogil:
    cdef Sources s = first[0]
    cdef element[MOST_LANES] x
    cdef element[MOST_LANES] y
    cdef uint8_t[MOST_LANES] condition
    cdef Py_ssize_t r
    for r in range(count):
        s.x = repeated(<const element*>(<const char*>first.x + r * skip[0]), s.ahead_x, &x[0])
        s.y = repeated(<const element*>(<const char*>first.y + r * skip[1]), s.ahead_y, &y[0])
        if op == WHERE:
            s.condition = first.condition + r * skip[2]
            if s.ahead_condition == 0:
                memset(&condition[0], s.condition[0], MOST_LANES)
                s.condition = &condition[0]
        loop(op, &s, out, n, past_cache, like, zero)
        out += n if LESS <= op < WHERE else n * <Py_ssize_t>sizeof(element)


cdef void rows(Operation op, const Sources* s, const Py_ssize_t* skip, Py_ssize_t count,
        char* out, Py_ssize_t n, bint past_cache, element like, vec zero) noexcept nogil:
    if op == ADD:
        rows_of(ADD, s, skip, count, out, n, past_cache, like, zero)
    elif op == SUBTRACT:
        rows_of(SUBTRACT, s, skip, count, out, n, past_cache, like, zero)
    elif op == MULTIPLY:
        rows_of(MULTIPLY, s, skip, count, out, n, past_cache, like, zero)
    elif op == DIVIDE:
        rows_of(DIVIDE, s, skip, count, out, n, past_cache, like, zero)
    elif op == LESS:
        rows_of(LESS, s, skip, count, out, n, past_cache, like, zero)
    elif op == LESS_EQUAL:
        rows_of(LESS_EQUAL, s, skip, count, out, n, past_cache, like, zero)
    elif op == EQUAL:
        rows_of(EQUAL, s, skip, count, out, n, past_cache, like, zero)
    elif op == NOT_EQUAL:
        rows_of(NOT_EQUAL, s, skip, count, out, n, past_cache, like, zero)
    else:
        rows_of(WHERE, s, skip, count, out, n, past_cache, like, zero)


# ---- all rows ------------------------------------------------------------------------------------

cdef struct Work:
    Operation op
    Walk walk                   # over x, y and, for where, the condition
    char* out
    Py_ssize_t item             # bytes of a number in the result
    Py_ssize_t rows
    Py_ssize_t length           # of a row
    Py_ssize_t together         # short rows that make one piece
    Py_ssize_t parts            # pieces of a long row
    bint past_cache


# Numbers start to stop of a row that has to be gathered.
cdef void gathered(const Work* work, const Sources* at, const Py_ssize_t* steps, char* out,
        Py_ssize_t n, element like, vec zero) noexcept nogil:
    cdef element[GATHERED] x
    cdef element[GATHERED] y
    cdef uint8_t[GATHERED] condition
    cdef Py_ssize_t[MOST_OPERANDS] skip
    cdef Sources s
    cdef Py_ssize_t start = 0
    cdef Py_ssize_t now
    s.condition = NULL
    s.ahead_condition = 0
    while start < n:
        now = min(n - start, GATHERED)
        s.x = side_by_side(<const char*>at.x + start * steps[0], steps[0], now, &x[0], &s.ahead_x)
        s.y = side_by_side(<const char*>at.y + start * steps[1], steps[1], now, &y[0], &s.ahead_y)
        if work.op == WHERE:
            s.condition = side_by_side(<const char*>at.condition + start * steps[2], steps[2], now,
                                       &condition[0], &s.ahead_condition)
        rows(work.op, &s, skip, 1, out + start * work.item, now, work.past_cache, like, zero)
        start += now


cdef void piece(const Work* work, Py_ssize_t number, element like, vec zero) noexcept nogil:
    cdef Sources at
    cdef Py_ssize_t[MOST_OPERANDS] steps        # within a row
    cdef Py_ssize_t[MOST_OPERANDS] skip         # to the next one
    cdef int last = work.walk.axes - 1
    cdef Py_ssize_t r = number // work.parts * work.together
    cdef Py_ssize_t stop = min(r + work.together, work.rows)
    cdef Py_ssize_t start = number % work.parts * CHUNK
    cdef Py_ssize_t n = min(CHUNK, work.length - start)
    cdef Py_ssize_t item = sizeof(element)
    cdef Py_ssize_t count
    cdef bint beside = True                     # nothing has to be gathered
    cdef char* out
    cdef int k
    for k in range(work.walk.operands):
        steps[k] = work.walk.steps[k][last]
        skip[k] = work.walk.steps[k][last - 1] if last else 0
        beside = beside and (steps[k] == 0 or steps[k] == (1 if k == 2 else item))
    at.condition = NULL
    at.ahead_condition = 0
    while r < stop:
        at.x = row_of(&work.walk, 0, r) + start * steps[0]
        at.y = row_of(&work.walk, 1, r) + start * steps[1]
        if work.op == WHERE:
            at.condition = <const uint8_t*>(row_of(&work.walk, 2, r) + start * steps[2])
            at.ahead_condition = steps[2] != 0
        out = work.out + (r * work.length + start) * work.item
        count = 1
        if beside:
            if last:
                count = min(stop - r, work.walk.shape[last - 1] - r % work.walk.shape[last - 1])
            at.ahead_x = steps[0] != 0
            at.ahead_y = steps[1] != 0
            rows(work.op, &at, skip, count, out, n, work.past_cache, like, zero)
        else:
            gathered(work, &at, steps, out, n, like, zero)
        r += count


cdef void whole(const Work* work, element like, vec zero) noexcept nogil:
    cdef int threads = num_threads() if work.walk.size > PARALLEL else 1
    cdef Py_ssize_t pieces = (work.rows + work.together - 1) // work.together * work.parts
    cdef Py_ssize_t number
    for number in prange(pieces, num_threads=threads, schedule="static"):
        piece(work, number, like, zero)


# ---- the doors -----------------------------------------------------------------------------------

cdef bint is_truths(object x) noexcept:
    return PyArray_Check(x) and PyArray_TYPE(x) == cnp.NPY_BOOL


# The result, or None if the operands do not fit; `condition` is None but for where.
cdef object result(Operation op, object x, object y, object condition):
    cdef Work work
    cdef int number = float_type(x)
    cdef bint is_truth = LESS <= op < WHERE
    if number < 0 or float_type(y) != number:
        return None
    x = aligned(x)
    y = aligned(y)
    work.op = op
    work.walk.axes = work.walk.operands = 0
    if not (add_operand(&work.walk, x) and add_operand(&work.walk, y)):
        return None
    if op == WHERE and not (is_truths(condition) and add_operand(&work.walk, condition)):
        return None
    work.item = 1 if is_truth else 4 if number == NPY_FLOAT else 8 if number == NPY_DOUBLE else 2
    out = result_of(&work.walk, cnp.NPY_BOOL if is_truth else number, work.item)
    if work.walk.size == 0:
        return out
    work.out = <char*>PyArray_DATA(out)
    work.length = work.walk.shape[work.walk.axes - 1]
    work.rows = work.walk.size // work.length
    work.together = max(CHUNK // work.length, 1)
    work.parts = (work.length + CHUNK - 1) // CHUNK
    work.past_cache = work.walk.size * work.item > STREAMED and not is_truth and work.item > 2
    with nogil:
        if number == NPY_FLOAT:
            whole(&work, <float>0, vsplat_f32(0))
        elif number == NPY_DOUBLE:
            whole(&work, <double>0, vsplat_f64(0))
        else:
            whole(&work, <half>0, vsplat_f32(0))
    return out


# x > y is y < x: `turned` swaps the operands.
cdef object door(Operation op, str name, object x, object y, bint turned=False):
    out = result(op, y, x, None) if turned else result(op, x, y, None)
    if out is None:
        check_broadcast(name, x=x, y=y)
        raise AssertionError(name + ": the checks in C and in Python differ")
    return out


def add(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Add element by element.

    Same contract as odyssey.reference.elementwise.add. One pass over memory.
    """
    return door(ADD, "add", x, y)


def subtract(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Subtract element by element.

    Same contract as odyssey.reference.elementwise.subtract. One pass over memory.
    """
    return door(SUBTRACT, "subtract", x, y)


def multiply(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Multiply element by element.

    Same contract as odyssey.reference.elementwise.multiply. One pass over memory.
    """
    return door(MULTIPLY, "multiply", x, y)


def divide(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Divide element by element.

    Same contract as odyssey.reference.elementwise.divide. One pass over memory.
    """
    return door(DIVIDE, "divide", x, y)


def equal(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Tell where x = y.

    Same contract as odyssey.reference.elementwise.equal. One pass over memory.
    """
    return door(EQUAL, "equal", x, y)


def not_equal(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Tell where x and y differ.

    Same contract as odyssey.reference.elementwise.not_equal. One pass over memory.
    """
    return door(NOT_EQUAL, "not_equal", x, y)


def less(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Tell where x < y.

    Same contract as odyssey.reference.elementwise.less. One pass over memory.
    """
    return door(LESS, "less", x, y)


def less_equal(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Tell where x <= y.

    Same contract as odyssey.reference.elementwise.less_equal. One pass over memory.
    """
    return door(LESS_EQUAL, "less_equal", x, y)


def greater(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Tell where x > y.

    Same contract as odyssey.reference.elementwise.greater. One pass over memory.
    """
    return door(LESS, "greater", x, y, turned=True)


def greater_equal(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Tell where x >= y.

    Same contract as odyssey.reference.elementwise.greater_equal. One pass over memory.
    """
    return door(LESS_EQUAL, "greater_equal", x, y, turned=True)


def where(condition: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Choose x where the condition holds, else y.

    Same contract as odyssey.reference.elementwise.where. One pass over memory,
    without a branch.
    """
    out = result(WHERE, x, y, condition)
    if out is None:
        check_where(condition, x, y)
        raise AssertionError("where: the checks in C and in Python differ")
    return out
