# Recurrent layers, forward: LSTM, GRU and the plain one, over whole sequences; the gradients are in
# recurrent_backward.pyx.
#
# Plan. What a step adds to the gates' input part is a product of the states with the recurrent
# weight, which _recurrent.pxd explains. The sums of all gates of V units of a block of rows are
# made together and become new states while they are hot. States are held twice: in rows (`hidden`,
# `cell`), and for the next step's product turned, [k][TALL], of which there are two in turn,
# because a step reads all old states while it writes the new ones.
#
# Threads: each takes rows of the batch through the whole sequence, without ever waiting; or, where
# the rows are few, units of every step.
#
# float16 is converted on the way in and out; states stay float32 from the first step to the last.

cimport numpy as cnp
from cython.parallel cimport prange, threadid
from libc.string cimport memset

from odyssey._ext._door cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, contiguous, float_type,
)
from odyssey._ext._panels cimport pack_columns, transposed, widen_row
from odyssey._ext._pool cimport give_back, take
from odyssey._ext._recurrent cimport (
    GRU, LSTM, MOST_WIDE, RELU, TALL, TANH, Kind, Layer, __builtin_prefetch, active, any_active,
    by_rows, cut, first_row, fits, groups_of, narrow_rows, product, results, rows_of, sized,
    time_of,
)
from odyssey._ext._simd cimport (
    element, half, hyperbolic_tangent, lanes, load, logistic, maximum, real, store,
    vec, vsplat_f32, vsplat_f64,
)
from odyssey._ext._threads cimport num_threads
from odyssey._ext._tile cimport load_first, store_first

import numpy as np

from odyssey.utils.kernel_checks_recurrent import (
    check_gru, check_lengths, check_lstm, check_nonlinearity, check_rnn,
)

cnp.import_array()


cdef struct Forward:
    Layer layer
    const void* x                   # the gates' input part, T x N x gates x H
    const void* weight              # gates x H rows of H
    const void* bias                # of the GRU's n gate, H, or NULL
    const void* h0
    const void* c0
    void* out                       # T x N x H
    void* gates                     # what backward needs, or NULL: T x N x 4 x H
    void* cells                     # likewise, T x N x H
    void* h                         # the last states, N x H
    void* c
    void* panels                    # from here on in numbers of the arithmetic: the weight
    void* turned                    # 2 x blocks x H x TALL
    void* hidden                    # N rows of `pitch`
    void* cell
    void* sums                      # of each thread, MOST_WIDE * gates panels
    Py_ssize_t pitch


# ---- one step: V units of a block of rows --------------------------------------------------------

# Where the numbers of sequence n at time t begin, in rows.
cdef inline Py_ssize_t place(const Forward* p, Py_ssize_t t, Py_ssize_t n) noexcept nogil:
    return t * p.layer.N + n


cdef inline vec input_part(const Forward* p, Py_ssize_t at, int gate, Py_ssize_t u,
        Py_ssize_t width, element like, vec zero) noexcept nogil:
    return load_first(
        <const element*>p.x + (at * p.layer.gates + gate) * p.layer.H + u, width, zero)


# One gate of all rows, in the place of its sums. The functions take long to answer, and are
# answered faster where many that are independent follow each other: so gate by gate.
cdef inline void open_gate(const Forward* p, Py_ssize_t at, Py_ssize_t rows, int gate,
        Py_ssize_t u, Py_ssize_t width, real* sums, element like, vec zero) noexcept nogil:
    cdef vec a
    cdef Py_ssize_t i
    for i in range(rows):
        a = input_part(p, at + i, gate, u, width, like, zero) + load(<const real*>sums, zero)
        if gate == 2:
            a = hyperbolic_tangent(a)
        else:
            a = logistic(a)
        store(sums, a)
        if p.gates != NULL:
            store_first(
                <element*>p.gates + (4 * (at + i) + gate) * p.layer.H + u, width, a)
        sums += lanes(zero)


# What is left to do for a row, once its gates stand in `sums`, TALL registers apart.
cdef inline void lstm_unit(const Forward* p, Py_ssize_t at, Py_ssize_t n, Py_ssize_t u,
        Py_ssize_t width, const real* sums, element like, vec zero) noexcept nogil:
    cdef Py_ssize_t step = TALL * lanes(zero)
    cdef real* cell = <real*>p.cell + n * p.pitch + u
    cdef vec i = load(sums, zero)
    cdef vec f = load(sums + step, zero)
    cdef vec g = load(sums + 2 * step, zero)
    cdef vec o = load(sums + 3 * step, zero)
    cdef vec c = f * load(<const real*>cell, zero) + i * g
    cdef vec h = o * hyperbolic_tangent(c)
    store(cell, c)
    store(<real*>p.hidden + n * p.pitch + u, h)
    store_first(<element*>p.out + at * p.layer.H + u, width, h)
    if p.cells != NULL:
        store_first(<element*>p.cells + at * p.layer.H + u, width, c)


cdef inline void gru_unit(const Forward* p, Py_ssize_t at, Py_ssize_t n, Py_ssize_t u,
        Py_ssize_t width, const real* sums, element like, vec zero) noexcept nogil:
    cdef Py_ssize_t step = TALL * lanes(zero)
    cdef real* hidden = <real*>p.hidden + n * p.pitch + u
    cdef element* gates = <element*>p.gates + 4 * at * p.layer.H + u
    cdef vec r = load(sums, zero)
    cdef vec z = load(sums + step, zero)
    cdef vec m = load(sums + 2 * step, zero)
    cdef vec new, h
    if p.bias != NULL:
        m = m + load_first(<const element*>p.bias + u, width, zero)
    new = hyperbolic_tangent(input_part(p, at, 2, u, width, like, zero) + r * m)
    h = new + z * (load(<const real*>hidden, zero) - new)
    store(hidden, h)
    store_first(<element*>p.out + at * p.layer.H + u, width, h)
    if p.gates != NULL:
        store_first(gates + 2 * p.layer.H, width, new)
        store_first(gates + 3 * p.layer.H, width, m)


cdef inline void rnn_unit(const Forward* p, Py_ssize_t at, Py_ssize_t n, Py_ssize_t u,
        Py_ssize_t width, const real* sums, element like, vec zero) noexcept nogil:
    cdef vec h = input_part(p, at, 0, u, width, like, zero) + load(sums, zero)
    if p.layer.kind == RELU:
        h = maximum(zero, h)
    else:
        h = hyperbolic_tangent(h)
    store(<real*>p.hidden + n * p.pitch + u, h)
    store_first(<element*>p.out + at * p.layer.H + u, width, h)


# A sequence that has ended, or in reverse not begun: zeros, and the state stays.
cdef inline void idle_unit(const Forward* p, Py_ssize_t at, Py_ssize_t u, Py_ssize_t width,
        element like, vec zero) noexcept nogil:
    cdef int k
    store_first(<element*>p.out + at * p.layer.H + u, width, zero)
    if p.gates != NULL:
        for k in range(4):
            store_first(<element*>p.gates + (4 * at + k) * p.layer.H + u, width, zero)
    if p.cells != NULL:
        store_first(<element*>p.cells + at * p.layer.H + u, width, zero)


# Step s of the units of panel `q` of a block of rows, and their states turned for the next one.
cdef void units(const Forward* p, Py_ssize_t s, Py_ssize_t block, Py_ssize_t q, bint alive,
        real* sums, element like, vec zero) noexcept nogil:
    cdef const Layer* layer = &p.layer
    cdef Kind kind = layer.kind
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t u = q * V
    cdef Py_ssize_t width = min(V, layer.H - u)
    cdef Py_ssize_t t = time_of(layer, s), first = first_row(layer, block)
    cdef Py_ssize_t rows = rows_of(layer, block), at = place(p, t, first), i
    if alive and (kind == LSTM or kind == GRU):
        open_gate(p, at, rows, 0, u, width, sums, like, zero)
        open_gate(p, at, rows, 1, u, width, sums + TALL * V, like, zero)
        if kind == LSTM:
            open_gate(p, at, rows, 2, u, width, sums + 2 * TALL * V, like, zero)
            open_gate(p, at, rows, 3, u, width, sums + 3 * TALL * V, like, zero)
    for i in range(rows):
        if not active(layer, t, first + i):
            idle_unit(p, at + i, u, width, like, zero)
        elif kind == LSTM:
            lstm_unit(p, at + i, first + i, u, width, sums + i * V, like, zero)
        elif kind == GRU:
            gru_unit(p, at + i, first + i, u, width, sums + i * V, like, zero)
        else:
            rnn_unit(p, at + i, first + i, u, width, sums + i * V, like, zero)
    turn(p, s + 1, block, u, width, <real>0, like)


# The states of `width` units before step s, from rows to what the product reads.
cdef inline void turn(const Forward* p, Py_ssize_t s, Py_ssize_t block, Py_ssize_t u,
        Py_ssize_t width, real zero, element like) noexcept nogil:
    cdef const Layer* layer = &p.layer
    transposed(
        <const real*>p.hidden + first_row(layer, block) * p.pitch + u, p.pitch,
        rows_of(layer, block), width, states(p, s, block, zero) + u * TALL, TALL)


cdef inline real* states(const Forward* p, Py_ssize_t s, Py_ssize_t block,
        real like) noexcept nogil:
    return <real*>p.turned + ((s & 1) * p.layer.blocks + block) * p.layer.H * TALL


# Ask for the input part of the rows, which comes from far, and for the places of the results: for
# the end of each register, as its beginning lies in the same cache line or came with the panel
# before.
cdef inline void fetch(const Forward* p, Py_ssize_t t, Py_ssize_t block, Py_ssize_t q,
        element like, vec zero) noexcept nogil:
    cdef const Layer* layer = &p.layer
    cdef Py_ssize_t at = place(p, t, first_row(layer, block)), rows = rows_of(layer, block), n
    cdef Py_ssize_t u = q * lanes(zero) + lanes(zero) - 1
    for n in range(at * layer.gates, (at + rows) * layer.gates):
        __builtin_prefetch(<const element*>p.x + n * layer.H + u, 0, 2)
    for n in range(at, at + rows):
        __builtin_prefetch(<element*>p.out + n * layer.H + u, 1, 2)
    if p.gates != NULL:
        for n in range(4 * at, 4 * (at + rows)):
            __builtin_prefetch(<element*>p.gates + n * layer.H + u, 1, 2)
    if p.cells != NULL:
        for n in range(at, at + rows):
            __builtin_prefetch(<element*>p.cells + n * layer.H + u, 1, 2)


# Step s of a group of panels of units.
cdef void group_step(const Forward* p, Py_ssize_t s, Py_ssize_t block, Py_ssize_t group,
        real* sums, element like, vec zero) noexcept nogil:
    cdef const Layer* layer = &p.layer
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t first = group * layer.group
    cdef Py_ssize_t count = min(layer.group, layer.panels - first)
    cdef Py_ssize_t G = layer.gates, q
    cdef bint alive = any_active(layer, time_of(layer, s), block)
    if alive:
        for q in range(count):
            fetch(p, time_of(layer, s), block, first + q, like, zero)
        product(
            layer.tallest, count * G, layer.H, states(p, s, block, sums[0]),
            <const real*>p.panels + first * G * layer.H * V, sums, zero)
    for q in range(count):
        units(p, s, block, first + q, alive, sums + q * G * TALL * V, like, zero)


# ---- the whole -----------------------------------------------------------------------------------

cdef void pack_panel(const Forward* p, Py_ssize_t n, real* out, element like,
        vec zero) noexcept nogil:
    cdef Py_ssize_t H = p.layer.H, V = lanes(zero), G = p.layer.gates
    cdef Py_ssize_t u = n // G * V
    cdef Py_ssize_t size = sizeof(element)
    pack_columns(
        <const char*>p.weight + (n % G * H + u) * H * size, size, H * size, H, min(V, H - u),
        out + n * H * V, V, like, zero)


# The first states of a block.
cdef void begin(const Forward* p, Py_ssize_t block, real like_real, element like,
        vec zero) noexcept nogil:
    cdef Py_ssize_t H = p.layer.H, n
    for n in range(first_row(&p.layer, block), first_row(&p.layer, block + 1)):
        widen_row(<const element*>p.h0 + n * H, H, <real*>p.hidden + n * p.pitch, zero)
        if p.c0 != NULL:
            widen_row(<const element*>p.c0 + n * H, H, <real*>p.cell + n * p.pitch, zero)
    turn(p, 0, block, 0, H, like_real, like)


cdef void sequence(const Forward* p, Py_ssize_t block, real* sums, element like,
        vec zero) noexcept nogil:
    cdef Py_ssize_t s, group
    for s in range(p.layer.T):
        for group in range(groups_of(&p.layer)):
            group_step(p, s, block, group, sums, like, zero)


cdef void share_of_step(const Forward* p, Py_ssize_t s, Py_ssize_t group, real* sums, element like,
        vec zero) noexcept nogil:
    cdef Py_ssize_t block
    for block in range(p.layer.blocks):
        group_step(p, s, block, group, sums, like, zero)


cdef int forward(Forward* p, real like_real, element like, vec zero) noexcept nogil:
    cdef Layer* layer = &p.layer
    cdef Py_ssize_t V = lanes(zero), H = layer.H, n, s, of_sums, of_states, of_rows
    cdef Py_ssize_t panels
    cdef int threads
    cdef real* space
    cdef real* sums
    cut(layer, num_threads(), V)
    threads = layer.threads
    panels = layer.panels * layer.gates
    p.pitch = layer.panels * V
    of_sums = MOST_WIDE * layer.gates * TALL * V
    of_states = 2 * layer.blocks * H * TALL
    of_rows = layer.N * p.pitch
    with gil:                       # the pool: new pages would take long to come
        space = <real*>take(
            ((panels + MOST_WIDE) * H * V + of_states + 2 * of_rows + threads * of_sums)
            * sizeof(real))
    if space == NULL:
        return -1
    sums = space
    p.panels = sums + threads * of_sums
    p.turned = <real*>p.panels + (panels + MOST_WIDE) * H * V
    p.hidden = <real*>p.turned + of_states
    p.cell = <real*>p.hidden + of_rows
    memset(<real*>p.panels + panels * H * V, 0, MOST_WIDE * H * V * sizeof(real))
    memset(p.turned, 0, of_states * sizeof(real))
    for n in prange(panels, num_threads=threads, schedule="static", use_threads_if=threads > 1):
        pack_panel(p, n, <real*>p.panels, like, zero)
    for n in range(layer.blocks):
        begin(p, n, like_real, like, zero)
    if by_rows(layer):
        for n in prange(layer.blocks, num_threads=threads, schedule="static",
                use_threads_if=threads > 1):
            sequence(p, n, sums + threadid() * of_sums, like, zero)
    else:
        for s in range(layer.T):
            for n in prange(groups_of(layer), num_threads=threads, schedule="static",
                    use_threads_if=threads > 1):
                share_of_step(p, s, n, sums + threadid() * of_sums, like, zero)
    narrow_rows(<const real*>p.hidden, p.pitch, layer.N, H, <element*>p.h, zero)
    if p.c != NULL:
        narrow_rows(<const real*>p.cell, p.pitch, layer.N, H, <element*>p.c, zero)
    with gil:
        give_back(space)
    return 0


cdef object run(Forward* p, str op, int number):
    cdef int failed
    with nogil:
        if number == NPY_FLOAT:
            failed = forward(p, <float>0, <float>0, vsplat_f32(0))
        elif number == NPY_DOUBLE:
            failed = forward(p, <double>0, <double>0, vsplat_f64(0))
        else:
            failed = forward(p, <float>0, <half>0, vsplat_f32(0))
    if failed:
        raise MemoryError(op + ": no memory for the workspace")


# ---- doors ---------------------------------------------------------------------------------------

def lstm(
    gates: np.ndarray, weight: np.ndarray, h0: np.ndarray, c0: np.ndarray,
    lengths: np.ndarray | None = None, reverse: bool = False, save: bool = True,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Long short-term memory over a sequence, from the gates' input part.

    Same contract as odyssey.reference.recurrent.lstm. The weight is packed once
    and read once a step; a step's gates become states while they are in cache.
    """
    cdef Forward p
    cdef int number = float_type(gates)
    memset(&p, 0, sizeof(p))
    if not (fits(&p.layer, LSTM, gates, 4, weight, number) and sized(h0, number, 2, &p.layer, 1)
            and sized(c0, number, 2, &p.layer, 1)):
        check_lstm("lstm", gates, weight, h0, c0, lengths)
        raise AssertionError("lstm: the checks in C and in Python differ")
    if lengths is not None:
        lengths = check_lengths("lstm", lengths, p.layer.T, p.layer.N)
        p.layer.lengths = <const long long*>PyArray_DATA(lengths)
    p.layer.reverse = reverse
    gates, weight = contiguous(gates), contiguous(weight)
    h0, c0 = contiguous(h0), contiguous(c0)
    out = results(&p.layer, number, 1, True)
    h = results(&p.layer, number, 1, False)
    c = results(&p.layer, number, 1, False)
    kept = cells = None
    if save:
        kept = results(&p.layer, number, 4, True)
        cells = results(&p.layer, number, 1, True)
        p.gates = PyArray_DATA(kept)
        p.cells = PyArray_DATA(cells)
    p.x = PyArray_DATA(gates)
    p.weight = PyArray_DATA(weight)
    p.h0 = PyArray_DATA(h0)
    p.c0 = PyArray_DATA(c0)
    p.out = PyArray_DATA(out)
    p.h = PyArray_DATA(h)
    p.c = PyArray_DATA(c)
    run(&p, "lstm", number)
    return out, h, c, kept, cells


def gru(
    gates: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, h0: np.ndarray,
    lengths: np.ndarray | None = None, reverse: bool = False, save: bool = True,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Gated recurrent unit over a sequence, from the gates' input part.

    Same contract as odyssey.reference.recurrent.gru. The weight is packed once
    and read once a step; a step's gates become states while they are in cache.
    """
    cdef Forward p
    cdef int number = float_type(gates)
    memset(&p, 0, sizeof(p))
    if not (fits(&p.layer, GRU, gates, 3, weight, number) and sized(h0, number, 2, &p.layer, 1)
            and (bias is None or sized(bias, number, 1, &p.layer, 1))):
        check_gru("gru", gates, weight, bias, h0, lengths)
        raise AssertionError("gru: the checks in C and in Python differ")
    if lengths is not None:
        lengths = check_lengths("gru", lengths, p.layer.T, p.layer.N)
        p.layer.lengths = <const long long*>PyArray_DATA(lengths)
    p.layer.reverse = reverse
    gates, weight, h0 = contiguous(gates), contiguous(weight), contiguous(h0)
    if bias is not None:
        bias = contiguous(bias)
        p.bias = PyArray_DATA(bias)
    out = results(&p.layer, number, 1, True)
    h = results(&p.layer, number, 1, False)
    kept = None
    if save:
        kept = results(&p.layer, number, 4, True)
        p.gates = PyArray_DATA(kept)
    p.x = PyArray_DATA(gates)
    p.weight = PyArray_DATA(weight)
    p.h0 = PyArray_DATA(h0)
    p.out = PyArray_DATA(out)
    p.h = PyArray_DATA(h)
    run(&p, "gru", number)
    return out, h, kept


def rnn(
    gates: np.ndarray, weight: np.ndarray, h0: np.ndarray, lengths: np.ndarray | None = None,
    reverse: bool = False, nonlinearity: str = "tanh",
) -> tuple[np.ndarray, np.ndarray]:
    """Plain recurrent layer over a sequence, from the input part of its sums.

    Same contract as odyssey.reference.recurrent.rnn. The weight is packed once
    and read once a step; a step's sums become states while they are in cache.
    """
    cdef Forward p
    cdef int number = float_type(gates)
    cdef Kind kind = TANH
    if check_nonlinearity("rnn", nonlinearity) == "relu":
        kind = RELU
    memset(&p, 0, sizeof(p))
    if not (fits(&p.layer, kind, gates, 1, weight, number) and sized(h0, number, 2, &p.layer, 1)):
        check_rnn("rnn", gates, weight, h0, lengths)
        raise AssertionError("rnn: the checks in C and in Python differ")
    if lengths is not None:
        lengths = check_lengths("rnn", lengths, p.layer.T, p.layer.N)
        p.layer.lengths = <const long long*>PyArray_DATA(lengths)
    p.layer.reverse = reverse
    gates, weight, h0 = contiguous(gates), contiguous(weight), contiguous(h0)
    out = results(&p.layer, number, 1, True)
    h = results(&p.layer, number, 1, False)
    p.x = PyArray_DATA(gates)
    p.weight = PyArray_DATA(weight)
    p.h0 = PyArray_DATA(h0)
    p.out = PyArray_DATA(out)
    p.h = PyArray_DATA(h)
    run(&p, "rnn", number)
    return out, h
