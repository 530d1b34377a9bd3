# Packing: from operands anywhere in memory to panels that the register tile reads in order, and
# from blocks of sums to outputs in another order or precision.
#
# All copies are of two kinds. Where neighbours in memory stay neighbours, rows are copied register
# by register. Where rows become columns, blocks of 4 x 4 are transposed in registers, 16 columns of
# each row (one or two cache lines) at a time: every line is used up while it is in L1, also where
# rows lie a power of two apart and compete for the same few places there.

from odyssey._ext._simd cimport (
    element, float_to_half, half, half_to_float, lanes, load, load_part, real, store, vec,
)

cdef extern from "transpose.h" nogil:
    void __builtin_prefetch(const void* address, int write, int locality)
    void transpose4_f32(const float* source, Py_ssize_t step, float* out, Py_ssize_t to)
    void transpose4_f64(const double* source, Py_ssize_t step, double* out, Py_ssize_t to)
    void transpose4_f16_f32(
        const unsigned short* source, Py_ssize_t step, float* out, Py_ssize_t to)
    void transpose4_f32_f16(
        const float* source, Py_ssize_t step, unsigned short* out, Py_ssize_t to)

cdef enum:
    STEP = 16                       # columns of a row that are read before the next rows

ctypedef fused stored:              # what is written: a number of the arithmetic, or half precision
    half
    float
    double


# Rows of a matrix of numbers of `size` bytes, anywhere in memory.
cdef struct Rows:
    const char* data
    Py_ssize_t row, column          # bytes from one to the next
    Py_ssize_t rows, depth
    Py_ssize_t size


cdef inline real widened(const char* p, element like, real zero) noexcept nogil:
    if element is half:
        return half_to_float((<const element*>p)[0])
    else:
        return <real>(<const element*>p)[0]


cdef inline void transpose4(const element* source, Py_ssize_t step, stored* out,
        Py_ssize_t to) noexcept nogil:
    if element is float and stored is float:
        transpose4_f32(source, step, out, to)
    elif element is double and stored is double:
        transpose4_f64(source, step, out, to)
    elif element is half and stored is float:
        transpose4_f16_f32(source, step, out, to)
    elif element is float and stored is half:
        transpose4_f32_f16(source, step, out, to)


cdef inline stored converted(const element* p, stored like) noexcept nogil:
    if element is half and stored is float:
        return half_to_float(p[0])
    elif element is float and stored is half:
        return float_to_half(p[0])
    else:
        return <stored>p[0]


# out[j * to + i] = source[i * step + j] for i < rows, j < columns; steps in numbers. Where 4 does
# not divide them, the last block of 4 overlaps the one before.
cdef inline void transposed(const element* source, Py_ssize_t step, Py_ssize_t rows,
        Py_ssize_t columns, stored* out, Py_ssize_t to) noexcept nogil:
    cdef Py_ssize_t i, j, first, last, n, block_i, block_j
    if rows < 4 or columns < 4:
        for i in range(rows):
            for j in range(columns):
                out[j * to + i] = converted(source + i * step + j, out[0])
        return
    for n in range((columns + STEP - 1) // STEP):
        first = n * STEP
        last = min(first + STEP, columns)
        for block_i in range((rows + 3) // 4):
            i = min(block_i * 4, rows - 4)
            for block_j in range((last - first + 3) // 4):
                j = min(first + block_j * 4, last - 4)
                transpose4(source + i * step + j, step, out + j * to + i, to)


# n numbers in a row, half precision widened, and zeros up to the end of a register.
cdef inline void widen_row(const element* source, Py_ssize_t n, real* out,
        vec zero) noexcept nogil:
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t V = lanes(zero)
    while i + V <= n:
        store(out + i, load(source + i, zero))
        i += V
    if i < n:
        store(out + i, load_part(source + i, n - i, zero))


# out[i * pitch + k] = the matrix's number (i, k), for i < rows and k < depth. `row` and `column`
# are the bytes from one row and from one column of the matrix to the next.
cdef inline void pack_rows(const char* data, Py_ssize_t row, Py_ssize_t column, Py_ssize_t rows,
        Py_ssize_t depth, real* out, Py_ssize_t pitch, element like, vec zero) noexcept nogil:
    cdef Py_ssize_t i, k
    cdef Py_ssize_t size = sizeof(element)
    if column == size:
        for i in range(rows):
            widen_row(<const element*>(data + i * row), depth, out + i * pitch, zero)
    elif row == size and column % size == 0:
        transposed(<const element*>data, column // size, depth, rows, out, pitch)
    else:
        for i in range(rows):
            for k in range(depth):
                out[i * pitch + k] = widened(data + i * row + k * column, like, out[0])


# A panel [k][width]: out[k * width + j] = the matrix's number (k, j), 0 from j = columns on.
cdef inline void pack_columns(const char* data, Py_ssize_t row, Py_ssize_t column, Py_ssize_t depth,
        Py_ssize_t columns, real* out, Py_ssize_t width, element like, vec zero) noexcept nogil:
    cdef Py_ssize_t j, k
    pack_rows(data, row, column, depth, columns, out, width, like, zero)
    if columns < width:
        for k in range(depth):
            for j in range(columns, width):
                out[k * width + j] = 0


# Ask for a share of the numbers that pack_rows will read, `share` of `shares`, to be brought to L2.
# A run may end in one more cache line than its length says.
cdef inline void fetch_rows(const Rows* r, Py_ssize_t share, Py_ssize_t shares) noexcept nogil:
    cdef Py_ssize_t lines = r.rows, step = r.row, width = r.depth * r.size, i, byte
    if r.column != r.size:
        lines, step, width = r.depth, r.column, r.rows * r.size
    for i in range(lines * share // shares, lines * (share + 1) // shares):
        for byte in range(0, width, 64):
            __builtin_prefetch(r.data + i * step + byte, 0, 2)
        __builtin_prefetch(r.data + i * step + width - 1, 0, 2)
