# What recurrent layers share, forward and backward: the rows of a batch cut into blocks, and the
# product with the recurrent weight that every step of the sequence needs.
#
# The weight is packed once a call into panels: V columns (a register) by K rows, in the order in
# which the tile reads them. What meets it, the states (forward) or the gates' gradients (backward)
# of a block of rows, lies the other way round, [k][TALL]: a step of k reads one cache line or two
# of each and does TALL multiply-adds. So all panels stream through L1 once a step, 4 bytes a
# cycle, which L2 and L3 can give; where a block has few rows, the tile takes several panels at a
# time, as one sum a row cannot hide the latency of its additions.
#
# Every output is one sum over k in order in one lane. In which tile it stands changes nothing.

cimport numpy as cnp

from odyssey._ext._door cimport PyArray_DIMS, PyArray_NDIM, float_type
from odyssey._ext._pool cimport empty
from odyssey._ext._simd cimport VBYTES, element, lanes, load, real, store, times, vec
from odyssey._ext._tile cimport store_first

cdef extern from "inline.h" nogil:
    void __builtin_prefetch(const void* address, int write, int locality)

cdef enum:
    TALL = 16                       # rows of a block
    AHEAD = 32                      # registers by which a panel is fetched before it is used
    MOST_WIDE = 4                   # panels of a tile
    SOLE_ROWS = 8                   # threads split the batch if each gets so many rows of it,
    FEW_ROWS = 4                    # or so many where
    SMALL = 1 << 17                 # the weight has no more numbers, which stay in each one's L2
    PARALLEL = 100000               # multiply-adds of a step that are worth a second thread

ctypedef long long int64

cdef enum Kind:
    LSTM
    GRU
    TANH
    RELU


# The sizes of a call, and how it is cut.
cdef struct Layer:
    Kind kind
    Py_ssize_t T, N, H
    Py_ssize_t gates                # of the product with the weight: 4, 3 or 1
    const int64* lengths            # or NULL
    bint reverse
    Py_ssize_t panels               # registers that the H units of a row fill
    Py_ssize_t group                # units' panels that are computed at a time
    Py_ssize_t blocks               # of rows
    Py_ssize_t tallest              # rows of the largest block
    int threads


cdef inline Py_ssize_t first_row(const Layer* p, Py_ssize_t block) noexcept nogil:
    return p.N * block // p.blocks


cdef inline Py_ssize_t rows_of(const Layer* p, Py_ssize_t block) noexcept nogil:
    return first_row(p, block + 1) - first_row(p, block)


# Step s of the way, which runs forward or backward in time.
cdef inline Py_ssize_t time_of(const Layer* p, Py_ssize_t s) noexcept nogil:
    return p.T - 1 - s if p.reverse else s


cdef inline bint active(const Layer* p, Py_ssize_t t, Py_ssize_t n) noexcept nogil:
    return p.lengths == NULL or t < p.lengths[n]


cdef inline bint any_active(const Layer* p, Py_ssize_t t, Py_ssize_t block) noexcept nogil:
    cdef Py_ssize_t n
    for n in range(first_row(p, block), first_row(p, block + 1)):
        if active(p, t, n):
            return True
    return False


# Whether the state before time t is the initial one.
cdef inline bint begins(const Layer* p, Py_ssize_t t, Py_ssize_t n) noexcept nogil:
    if not p.reverse:
        return t == 0
    return t == (p.T if p.lengths == NULL else p.lengths[n]) - 1


cdef inline Py_ssize_t before(const Layer* p, Py_ssize_t t) noexcept nogil:
    return t + 1 if p.reverse else t - 1


cdef inline Py_ssize_t groups_of(const Layer* p) noexcept nogil:
    return (p.panels + p.group - 1) // p.group


# How the work is cut: whole sequences of some rows for each thread, or, of few rows, the units of
# each step.
cdef inline void cut(Layer* p, int threads, Py_ssize_t V) noexcept nogil:
    p.panels = (p.H + V - 1) // V
    p.threads = threads if <double>p.N * p.H * p.H * p.gates > PARALLEL else 1
    p.blocks = (p.N + TALL - 1) // TALL
    if by_rows(p):
        p.blocks = (p.blocks + p.threads - 1) // p.threads * p.threads
    p.tallest = (p.N + p.blocks - 1) // p.blocks if p.blocks else 0
    p.group = MOST_WIDE if p.tallest <= TALL // 2 else 1


cdef inline bint by_rows(const Layer* p) noexcept nogil:
    if p.gates * p.H * p.H <= SMALL:
        return p.N >= FEW_ROWS * p.threads
    return p.N >= SOLE_ROWS * p.threads


# sums[p][i] = a^T @ panel p, for `rows` rows i and `wide` panels p, all literals. The sums are one
# row of variables, because GCC unrolls only the innermost loop in time to keep them in registers.
cdef inline void tile(int rows, int wide, Py_ssize_t K, const real* a, const real* b,
        real* sums, vec zero) noexcept nogil:
    cdef vec[TALL] total
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t step = K * V
    cdef const real* end = a + K * TALL
    cdef int n
    for n in range(rows * wide):
        total[n] = zero
    while a < end:
        for n in range(rows * wide):
            total[n] = total[n] + times(a[n % rows], load(b + n // rows * step, zero))
        for n in range(wide):
            __builtin_prefetch(b + n * step + AHEAD * V, 0, 3)
        a += TALL
        b += V
    for n in range(rows * wide):
        store(sums + (n // rows * TALL + n % rows) * V, total[n])


# The same of `count` panels of K rows, for up to TALL rows. Panels up to a multiple of MOST_WIDE
# are there, though only `count` mean something.
cdef inline void product(Py_ssize_t rows, Py_ssize_t count, Py_ssize_t K, const real* a,
        const real* b, real* sums, vec zero) noexcept nogil:
    cdef Py_ssize_t p = 0
    cdef Py_ssize_t V = lanes(zero)
    while p < count:
        if rows == 1:
            tile(1, 4, K, a, b + p * K * V, sums + p * TALL * V, zero)
            p += 4
        elif rows <= 4:
            if VBYTES == 64:
                tile(4, 4, K, a, b + p * K * V, sums + p * TALL * V, zero)
                p += 4
            else:                   # 16 registers
                tile(4, 2, K, a, b + p * K * V, sums + p * TALL * V, zero)
                p += 2
        elif VBYTES == 64:
            if rows <= 8:
                tile(8, 2, K, a, b + p * K * V, sums + p * TALL * V, zero)
                p += 2
            else:
                tile(16, 1, K, a, b + p * K * V, sums + p * TALL * V, zero)
                p += 1
        else:
            tile(8, 1, K, a, b + p * K * V, sums + p * TALL * V, zero)
            if rows > 8:
                tile(8, 1, K, a + 8, b + p * K * V, sums + (p * TALL + 8) * V, zero)
            p += 1


# Rows of the arithmetic's numbers, as they are stored.
cdef inline void narrow_rows(const real* source, Py_ssize_t pitch, Py_ssize_t N, Py_ssize_t H,
        element* out, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero), n, u
    for n in range(N):
        u = 0
        while u < H:
            store_first(out + n * H + u, min(V, H - u), load(source + n * pitch + u, zero))
            u += V


# ---- for the doors -------------------------------------------------------------------------------

cdef inline Py_ssize_t gates_of(Kind kind) noexcept nogil:
    return 4 if kind == LSTM else 3 if kind == GRU else 1


# Whether x is an array of dtype `number` with `axes` axes, the last ones of T, N, share * H.
cdef inline bint sized(object x, int number, int axes, const Layer* p, Py_ssize_t share) noexcept:
    cdef cnp.npy_intp* size
    if number < 0 or float_type(x) != number or PyArray_NDIM(x) != axes:
        return False
    size = PyArray_DIMS(x) + axes
    return (size[-1] == share * p.H and (axes < 2 or size[-2] == p.N)
            and (axes < 3 or size[-3] == p.T))


# Whether a sequence (T, N, share * H) and the weight (gates * H, H) fit; fills in the sizes.
cdef inline bint fits(Layer* p, Kind kind, object sequence, Py_ssize_t share, object weight,
        int number) noexcept:
    if (number < 0 or float_type(weight) != number or PyArray_NDIM(sequence) != 3
            or PyArray_NDIM(weight) != 2):
        return False
    p.kind = kind
    p.gates = gates_of(kind)
    p.T = PyArray_DIMS(sequence)[0]
    p.N = PyArray_DIMS(sequence)[1]
    p.H = PyArray_DIMS(weight)[1]
    return (PyArray_DIMS(sequence)[2] == share * p.H
            and PyArray_DIMS(weight)[0] == p.gates * p.H)


# An array of T x N x `share` x H numbers, or without the T.
cdef inline object results(const Layer* p, int number, Py_ssize_t share, bint whole):
    cdef cnp.npy_intp[3] shape
    shape[0] = p.T
    shape[1] = p.N
    shape[2] = share * p.H
    return empty(3 if whole else 2, shape + (0 if whole else 1), number)
