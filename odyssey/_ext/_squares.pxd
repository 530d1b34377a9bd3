# squares.h for Cython, total over `word`, and what tiles of planes are made of.
#
# A copy does not ask what its numbers mean: they are words of 1, 2, 4 or 8 bytes. Steps are counted
# in bytes.

cdef extern from "inline.h" nogil:
    pass

cdef extern from "squares.h" nogil:
    ctypedef unsigned char word1
    ctypedef unsigned short word2
    ctypedef unsigned int word4
    ctypedef unsigned long long word8
    enum:
        LINE
        SIDE1
        SIDE2
        SIDE4
        SIDE8
        SMALL
    void copy_run(const char* x, char* out, Py_ssize_t n, bint past_cache)
    void gather1(const char* x, Py_ssize_t step, char* out, Py_ssize_t n)
    void gather2(const char* x, Py_ssize_t step, char* out, Py_ssize_t n)
    void gather4(const char* x, Py_ssize_t step, char* out, Py_ssize_t n)
    void gather8(const char* x, Py_ssize_t step, char* out, Py_ssize_t n)
    void turn1(const char* x, Py_ssize_t step, char* out, Py_ssize_t to, bint past_cache)
    void turn2(const char* x, Py_ssize_t step, char* out, Py_ssize_t to, bint past_cache)
    void turn4(const char* x, Py_ssize_t step, char* out, Py_ssize_t to, bint past_cache)
    void turn8(const char* x, Py_ssize_t step, char* out, Py_ssize_t to, bint past_cache)
    void turn1_4(const char* x, Py_ssize_t step, char* out, Py_ssize_t to, bint past_cache)
    void turn2_4(const char* x, Py_ssize_t step, char* out, Py_ssize_t to, bint past_cache)
    void turn4_4(const char* x, Py_ssize_t step, char* out, Py_ssize_t to, bint past_cache)
    void turn8_4(const char* x, Py_ssize_t step, char* out, Py_ssize_t to, bint past_cache)
    void stream_end()
    void __builtin_prefetch(const void* address, int write, int locality)

ctypedef fused word:
    word1
    word2
    word4
    word8


# The side of the squares that suit the registers.
cdef inline Py_ssize_t side(word like) noexcept nogil:
    return SIDE1 if word is word1 else SIDE2 if word is word2 else SIDE4 if word is word4 else SIDE8


# Transpose one square, with `small` of SMALL rows.
cdef inline void turn(const char* x, Py_ssize_t step, char* out, Py_ssize_t to, bint past_cache,
        bint small, word like) noexcept nogil:
    if word is word1:
        if small:
            turn1_4(x, step, out, to, False)
        else:
            turn1(x, step, out, to, past_cache)
    elif word is word2:
        if small:
            turn2_4(x, step, out, to, False)
        else:
            turn2(x, step, out, to, past_cache)
    elif word is word4:
        if small:
            turn4_4(x, step, out, to, False)
        else:
            turn4(x, step, out, to, past_cache)
    else:
        if small:
            turn8_4(x, step, out, to, False)
        else:
            turn8(x, step, out, to, past_cache)


# Transpose at least n rows and columns in squares of n: out[i][j] = x[j][i], with `step` from a
# column to the next in x and `to` from a row to the next in out. Squares that make up a line of the
# result follow each other. The last square lies over the one before it where it would reach beyond.
#
# Past the cache, lines are fetched ahead: the processor follows rows, not a column of short ones.
cdef inline void turn_squares(const char* x, Py_ssize_t step, char* out, Py_ssize_t to,
        Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t n, bint past_cache, bint small,
        word like) noexcept nogil:
    cdef Py_ssize_t item = sizeof(word)
    cdef Py_ssize_t line = max(n, LINE // item)
    cdef Py_ssize_t i, j = 0, k, width
    cdef const char* ahead
    cdef bint whole
    while j < columns:
        whole = j + line <= columns
        width = line if whole else n
        j = min(j, columns - width)
        i = 0
        while i < rows:
            i = min(i, rows - n)
            if past_cache and i * item % LINE == 0 and j + 2 * line <= columns:
                ahead = x + i * item + (j + line) * step
                for k in range(line):
                    __builtin_prefetch(ahead + k * step, 0, 3)
            k = j
            while k < j + width:
                turn(
                    x + i * item + k * step, step, out + i * to + k * item, to,
                    past_cache and whole, small, like)
                k += n
            i += n
        j += width


# Interleave a few columns: in the result the rows touch.
cdef inline void weave(const char* x, Py_ssize_t step, char* out, Py_ssize_t rows,
        Py_ssize_t columns, word like) noexcept nogil:
    cdef Py_ssize_t i, j
    for i in range(rows):
        for j in range(columns):
            (<word*>out)[columns * i + j] = (<const word*>(x + j * step))[i]


# The other way round: in the input the columns touch.
cdef inline void unweave(const char* x, char* out, Py_ssize_t to, Py_ssize_t rows,
        Py_ssize_t columns, word like) noexcept nogil:
    cdef Py_ssize_t i, j
    for i in range(rows):
        for j in range(columns):
            (<word*>(out + i * to))[j] = (<const word*>x)[rows * j + i]


# n words that stand `step` bytes apart.
cdef inline void gather(const char* x, Py_ssize_t step, char* out, Py_ssize_t n,
        word like) noexcept nogil:
    if word is word1:
        gather1(x, step, out, n)
    elif word is word2:
        gather2(x, step, out, n)
    elif word is word4:
        gather4(x, step, out, n)
    else:
        gather8(x, step, out, n)
