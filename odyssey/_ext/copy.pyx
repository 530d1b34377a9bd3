# Copies from any memory layout to any dense one.
#
# Plan. The axes are sorted by their steps in the result, the largest first; those of length 1 are
# dropped, and neighbours that are one run in both arrays are joined. The last axis is that of the
# columns: along it the result is one run. Another is chosen for the rows, and the two make planes,
# which are copied tile by tile:
#
# RUNS: along the columns the input is one run, too. Rows are copied register by register.
#
# TURNED: the input is one run along another axis, that of the rows. Squares of words are transposed
# in registers (squares.h). A tile is as wide as a cache line, or wider if there are few rows, so
# that whole lines are written, and it reads up to a page of each input row. Few rows or columns,
# such as three colours, are interleaved word by word; the compiler makes shuffles of that.
#
# STEPS: the input is one run nowhere. The axis along which it has the smallest steps is that of the
# rows; words are gathered along it to a block in L1, and turned there.
#
# GATHERED: its smallest steps are along the columns. Words are gathered where they belong.
#
# Memory. Results that no cache can hold are stored past the cache where lines are written whole.
#
# Threads split the tiles. Where squares overlap, some words are written twice, by one thread, with
# the same value.

cimport numpy as cnp
from cython.parallel cimport prange

from odyssey._ext._copying cimport copy_into, use
from odyssey._ext._door cimport (
    PyArray_Check, PyArray_DATA, PyArray_DIMS, PyArray_ISNOTSWAPPED, PyArray_NDIM,
    PyArray_STRIDES, PyArray_TYPE,
)
from odyssey._ext._layout cimport empty_channels_last
from odyssey._ext._pool cimport empty, item_size
from odyssey._ext._squares cimport (
    LINE, SMALL, copy_run, gather, side, stream_end, turn_squares, unweave, weave, word, word1,
    word2, word4, word8,
)
from odyssey._ext._threads cimport num_threads

import numpy as np

from odyssey.utils.kernel_checks import check_copy

cnp.import_array()

cdef enum:
    MOST_AXES = 64              # of any NumPy array
    TILE = 1 << 16              # bytes of a tile
    PAGE = 1 << 12              # bytes of an input row of a tile that is turned
    BLOCK_ROWS = 32             # of a block of words that are gathered first; 16 KiB
    BLOCK_COLUMNS = 64
    STREAMED = 1 << 24          # bytes of a result that would not stay in the cache
    LONG_RUN = 1 << 9           # bytes of a run that has enough whole lines to store past the cache
    PARALLEL = 1 << 18          # bytes that are worth a second thread

cdef enum Kind:
    RUNS
    TURNED
    STEPS
    GATHERED

cdef struct Plan:
    Kind kind
    int axes                    # besides the rows and the columns
    Py_ssize_t[MOST_AXES] shape
    Py_ssize_t[MOST_AXES] step_x
    Py_ssize_t[MOST_AXES] step_out
    const char* x
    char* out
    Py_ssize_t item
    Py_ssize_t rows, columns
    Py_ssize_t row_x, column_x, row_out     # steps; that along the result's columns is the item
    Py_ssize_t high, wide       # rows and columns of a tile
    Py_ssize_t down, across     # tiles of a plane
    Py_ssize_t tiles
    bint past_cache


# ---- tiles ---------------------------------------------------------------------------------------

# A tile whose input is one run along neither axis: rows of it are gathered in a block that fits L1,
# which is then turned.
cdef void step_tile(const char* x, Py_ssize_t row_x, Py_ssize_t column_x, char* out, Py_ssize_t to,
        Py_ssize_t rows, Py_ssize_t columns, word like) noexcept nogil:
    cdef word[BLOCK_ROWS * BLOCK_COLUMNS] block
    cdef Py_ssize_t item = sizeof(word)
    cdef Py_ssize_t pitch = BLOCK_ROWS * item
    cdef Py_ssize_t i = 0, j, k, high, wide
    while i < rows:
        high = min(BLOCK_ROWS, rows - i)
        j = 0
        while j < columns:
            wide = min(BLOCK_COLUMNS, columns - j)
            if min(high, wide) >= side(like):
                for k in range(wide):
                    gather(
                        x + i * row_x + (j + k) * column_x, row_x,
                        <char*>block + k * pitch, high, like)
                turn_squares(
                    <const char*>block, pitch, out + i * to + j * item, to, high, wide,
                    side(like), False, False, like)
            else:
                for k in range(high):
                    gather(
                        x + (i + k) * row_x + j * column_x, column_x,
                        out + (i + k) * to + j * item, wide, like)
            j += wide
        i += high


# A tile whose input is one run along the rows' axis.
cdef void turn_tile(const Plan* p, const char* x, char* out, Py_ssize_t rows, Py_ssize_t columns,
        word like) noexcept nogil:
    cdef Py_ssize_t item = sizeof(word)
    cdef Py_ssize_t step = p.column_x, to = p.row_out
    cdef Py_ssize_t i
    if min(rows, columns) >= side(like):
        if p.past_cache:
            turn_squares(x, step, out, to, rows, columns, side(like), True, False, like)
        else:
            turn_squares(x, step, out, to, rows, columns, side(like), False, False, like)
    elif min(rows, columns) >= SMALL:
        turn_squares(x, step, out, to, rows, columns, SMALL, False, True, like)
    elif columns == 2 and to == 2 * item:       # numbers that the compiler can see
        weave(x, step, out, rows, 2, like)
    elif columns == 3 and to == 3 * item:
        weave(x, step, out, rows, 3, like)
    elif rows == 2 and step == 2 * item:
        unweave(x, out, to, 2, columns, like)
    elif rows == 3 and step == 3 * item:
        unweave(x, out, to, 3, columns, like)
    else:
        for i in range(rows):
            gather(x + i * item, step, out + i * to, columns, like)


cdef void copy_tile(const Plan* p, const char* x, char* out, Py_ssize_t rows, Py_ssize_t columns,
        word like) noexcept nogil:
    cdef Py_ssize_t i
    if p.kind == TURNED:
        turn_tile(p, x, out, rows, columns, like)
    elif p.kind == STEPS:
        step_tile(x, p.row_x, p.column_x, out, p.row_out, rows, columns, like)
    else:
        for i in range(rows):
            gather(x + i * p.row_x, p.column_x, out + i * p.row_out, columns, like)


# Tile `number` of all planes.
cdef void copy_part(const Plan* p, Py_ssize_t number) noexcept nogil:
    cdef const char* x = p.x
    cdef char* out = p.out
    cdef Py_ssize_t across = number % p.across
    cdef Py_ssize_t down = number // p.across % p.down
    cdef Py_ssize_t i = down * p.high, j = across * p.wide
    cdef Py_ssize_t rows = p.rows - i if down == p.down - 1 else p.high
    cdef Py_ssize_t columns = p.columns - j if across == p.across - 1 else p.wide
    cdef Py_ssize_t plane = number // (p.across * p.down)
    cdef int axis
    for axis in range(p.axes - 1, -1, -1):
        x += plane % p.shape[axis] * p.step_x[axis]
        out += plane % p.shape[axis] * p.step_out[axis]
        plane //= p.shape[axis]
    x += i * p.row_x + j * p.column_x
    out += i * p.row_out + j * p.item
    if p.kind == RUNS:
        for i in range(rows):
            copy_run(x + i * p.row_x, out + i * p.row_out, columns * p.item, p.past_cache)
    elif p.item == 1:
        copy_tile(p, x, out, rows, columns, <word1>0)
    elif p.item == 2:
        copy_tile(p, x, out, rows, columns, <word2>0)
    elif p.item == 4:
        copy_tile(p, x, out, rows, columns, <word4>0)
    else:
        copy_tile(p, x, out, rows, columns, <word8>0)
    if p.past_cache:
        stream_end()


cdef void copy_all(const Plan* p, int threads) noexcept nogil:
    cdef Py_ssize_t number
    for number in prange(p.tiles, num_threads=threads, schedule="static"):
        copy_part(p, number)


# ---- the plan ------------------------------------------------------------------------------------

# The axes of both arrays, sorted and joined.
cdef void set_axes(Plan* p, object out, object x) noexcept:
    cdef cnp.npy_intp* shape = PyArray_DIMS(out)
    cdef cnp.npy_intp* to = PyArray_STRIDES(out)
    cdef cnp.npy_intp* step = PyArray_STRIDES(x)
    cdef int[MOST_AXES] order
    cdef int count = 0
    cdef int i, j, last
    for i in range(PyArray_NDIM(out)):
        if shape[i] == 1:
            continue
        j = count
        while j > 0 and to[order[j - 1]] < to[i]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = i
        count += 1
    p.axes = 0
    for j in range(count):
        i = order[j]
        last = p.axes - 1
        if (last >= 0 and p.step_x[last] == step[i] * shape[i]
                and p.step_out[last] == to[i] * shape[i]):
            p.shape[last] *= shape[i]
        else:
            last = p.axes
            p.shape[last] = shape[i]
            p.axes += 1
        p.step_x[last] = step[i]
        p.step_out[last] = to[i]


# Which axis makes planes with the last one: the next one, unless the input has smaller steps along
# another than along the columns.
cdef int row_axis(const Plan* p) noexcept:
    cdef int last = p.axes - 1
    cdef int found = last - 1
    cdef Py_ssize_t least = abs(p.step_x[last])
    cdef int i
    if p.step_x[last] == p.item:
        return found
    for i in range(last - 1, -1, -1):
        if p.step_x[i] != 0 and abs(p.step_x[i]) < least:
            least = abs(p.step_x[i])
            found = i
    return found


# Take an axis out, and make it that of the rows.
cdef void set_rows(Plan* p, int axis) noexcept:
    cdef int i
    p.rows = p.shape[axis]
    p.row_x = p.step_x[axis]
    p.row_out = p.step_out[axis]
    p.axes -= 1
    for i in range(axis, p.axes):
        p.shape[i] = p.shape[i + 1]
        p.step_x[i] = p.step_x[i + 1]
        p.step_out[i] = p.step_out[i + 1]
    if p.row_x == -p.item:          # begin at the other end
        p.x += (p.rows - 1) * p.row_x
        p.out += (p.rows - 1) * p.row_out
        p.row_x = -p.row_x
        p.row_out = -p.row_out


# How large tiles are. Results are taken past the cache where that is whole lines.
cdef void set_tiles(Plan* p, Py_ssize_t bytes) noexcept:
    cdef Py_ssize_t line = LINE // p.item
    cdef bint whole_lines = <size_t>p.out % LINE == 0 and p.row_out % LINE == 0
    cdef int i
    for i in range(p.axes):
        whole_lines = whole_lines and p.step_out[i] % LINE == 0
    p.past_cache = False
    p.wide = min(p.columns, TILE // p.item)
    p.high = max(1, TILE // (p.wide * p.item))
    if p.column_x == p.item:
        p.kind = RUNS
        p.past_cache = bytes > STREAMED and p.columns * p.item >= LONG_RUN
    elif p.row_x == p.item:
        p.kind = TURNED
        p.past_cache = bytes > STREAMED and whole_lines
        if p.columns >= line:
            p.high = min(p.rows, PAGE // p.item)
            p.wide = max(line, TILE // (p.high * p.item) // line * line)
    elif p.row_x != 0 and abs(p.row_x) < abs(p.column_x):
        p.kind = STEPS
        p.high = BLOCK_ROWS * 4
        p.wide = BLOCK_COLUMNS
    else:
        p.kind = GATHERED
    # The last tiles take what is left over.
    p.down = max(1, p.rows // p.high)
    p.across = max(1, p.columns // p.wide)
    p.tiles = p.down * p.across
    for i in range(p.axes):
        p.tiles *= p.shape[i]


# Numbers of 1, 2, 4 or 8 bytes, in the order of this machine.
cdef bint is_taken(object x) noexcept:
    return item_size(PyArray_TYPE(x)) != 0 and PyArray_ISNOTSWAPPED(x)


cdef bint copier(object out, object x) noexcept:
    cdef Plan p
    cdef Py_ssize_t bytes
    cdef int threads, i
    if not is_taken(out) or not is_taken(x) or PyArray_TYPE(out) != PyArray_TYPE(x):
        return False
    p.item = item_size(PyArray_TYPE(out))
    set_axes(&p, out, x)
    if p.axes == 0 or p.step_out[p.axes - 1] != p.item:
        return False
    bytes = p.item
    for i in range(p.axes):
        bytes *= p.shape[i]
    if bytes == 0:
        return True
    p.x = <const char*>PyArray_DATA(x)
    p.out = <char*>PyArray_DATA(out)
    p.rows = 1
    p.row_x = p.row_out = 0
    if p.axes > 1:
        set_rows(&p, row_axis(&p))
    p.axes -= 1
    p.columns = p.shape[p.axes]
    p.column_x = p.step_x[p.axes]
    set_tiles(&p, bytes)
    threads = num_threads() if bytes >= PARALLEL else 1
    with nogil:
        copy_all(&p, threads)
    return True


use(copier)


def copy(x: np.ndarray, order: str = "C") -> np.ndarray:
    """Return a copy of an array, in C order or channels-last.

    Same contract as odyssey.reference.copy.copy. Numbers of up to 8 bytes are
    copied by threads, through squares that are transposed in registers; any
    other dtype is NumPy's.
    """
    cdef cnp.npy_intp* shape
    cdef bint last
    if not PyArray_Check(x) or order != "C":
        check_copy(x, order)
    last = order != "C"
    if not is_taken(x):
        if last:
            return np.array(x.transpose(0, 2, 3, 1), order="C").transpose(0, 3, 1, 2)
        return np.array(x, order="C")
    shape = PyArray_DIMS(x)
    if last:
        out = empty_channels_last(shape[0], shape[1], shape[2], shape[3], PyArray_TYPE(x))
    else:
        out = empty(PyArray_NDIM(x), shape, PyArray_TYPE(x))
    copy_into(out, x)
    return out
