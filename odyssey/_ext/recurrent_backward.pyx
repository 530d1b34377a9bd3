# Gradients of recurrent layers: back through the steps of LSTM, GRU and the plain layer.
#
# Plan: that of recurrent.pyx, walked the other way. What a step gives to the state before it is a
# product of its gates' gradients with the weight, K = gates x H long; the sums of V units of a
# block of rows become the gates' gradients of the step before while they are hot. `carry` is what
# reaches a state besides that product. The weight's own gradient is one large product over all
# steps at once, which odyssey/core/recurrent.py leaves to `linear`.

cimport numpy as cnp
from cython.parallel cimport prange, threadid
from libc.string cimport memset

from odyssey._ext._door cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, contiguous, float_type,
)
from odyssey._ext._panels cimport pack_rows, transposed, widen_row
from odyssey._ext._pool cimport give_back, take
from odyssey._ext._recurrent cimport (
    GRU, LSTM, MOST_WIDE, RELU, TALL, TANH, Kind, Layer, __builtin_prefetch, active, any_active,
    before, begins, by_rows, cut, first_row, fits, groups_of, narrow_rows, product, results,
    rows_of, sized, time_of,
)
from odyssey._ext._simd cimport (
    element, half, hyperbolic_tangent, keep, lanes, load, real, splat, store, vec,
    vsplat_f32, vsplat_f64,
)
from odyssey._ext._threads cimport num_threads
from odyssey._ext._tile cimport load_first, store_first

import numpy as np

from odyssey.utils.kernel_checks_recurrent import (
    check_gru_backward, check_lengths, check_lstm_backward, check_nonlinearity,
    check_rnn_backward,
)

cnp.import_array()


cdef struct Backward:
    Layer layer
    const void* grad                # of the outputs, T x N x H
    const void* grad_h              # of the last states, N x H
    const void* grad_c
    const void* weight              # gates x H rows of H
    const void* first               # c0 or h0, N x H
    const void* states              # cells or outputs, T x N x H
    const void* gates               # T x N x 4 x H
    void* grad_gates                # T x N x gates x H
    void* grad_hidden               # of the GRU's n gate: of its product, T x N x H
    void* grad_h0                   # N x H
    void* grad_c0
    void* panels                    # from here on in numbers of the arithmetic: the weight
    void* turned                    # 2 x blocks x gates x H x TALL
    void* carry                     # N rows of `pitch`
    void* carry_cell
    void* sums                      # of each thread: MOST_WIDE panels, and 4 more
    Py_ssize_t pitch


# ---- one step: V units of a block of rows --------------------------------------------------------

# The state before the one at time t.
cdef inline vec state_before(const Backward* p, Py_ssize_t t, Py_ssize_t n, Py_ssize_t u,
        Py_ssize_t width, element like, vec zero) noexcept nogil:
    cdef Py_ssize_t H = p.layer.H
    if begins(&p.layer, t, n):
        return load_first(<const element*>p.first + n * H + u, width, zero)
    return load_first(
        <const element*>p.states + (before(&p.layer, t) * p.layer.N + n) * H + u, width, zero)


# `fresh` gets the gradients of the gates' product, TALL registers apart; `carry` holds that of the
# state.
cdef inline void lstm_unit(const Backward* p, Py_ssize_t t, Py_ssize_t n, Py_ssize_t u,
        Py_ssize_t width, real* fresh, element like, vec zero) noexcept nogil:
    cdef Py_ssize_t H = p.layer.H, at = t * p.layer.N + n
    cdef Py_ssize_t step = TALL * lanes(zero)
    cdef const element* gates = <const element*>p.gates + 4 * at * H + u
    cdef element* out = <element*>p.grad_gates + 4 * at * H + u
    cdef real* carry = <real*>p.carry + n * p.pitch + u
    cdef real* carry_cell = <real*>p.carry_cell + n * p.pitch + u
    cdef vec one = splat(1, zero)
    cdef vec i = load_first(gates, width, zero)
    cdef vec f = load_first(gates + H, width, zero)
    cdef vec g = load_first(gates + 2 * H, width, zero)
    cdef vec o = load_first(gates + 3 * H, width, zero)
    cdef vec c = hyperbolic_tangent(
        load_first(<const element*>p.states + at * H + u, width, zero))
    cdef vec dh = load(<const real*>carry, zero) + load_first(
        <const element*>p.grad + at * H + u, width, zero)
    cdef vec dc = load(<const real*>carry_cell, zero) + dh * o * ((one - c) * (one + c))
    cdef vec di = dc * g * (i * (one - i))
    cdef vec df = dc * state_before(p, t, n, u, width, like, zero) * (f * (one - f))
    cdef vec dg = dc * i * ((one - g) * (one + g))
    cdef vec do = dh * c * (o * (one - o))
    store(carry, zero)
    store(carry_cell, dc * f)
    store(fresh, di)
    store(fresh + step, df)
    store(fresh + 2 * step, dg)
    store(fresh + 3 * step, do)
    store_first(out, width, di)
    store_first(out + H, width, df)
    store_first(out + 2 * H, width, dg)
    store_first(out + 3 * H, width, do)


cdef inline void gru_unit(const Backward* p, Py_ssize_t t, Py_ssize_t n, Py_ssize_t u,
        Py_ssize_t width, real* fresh, element like, vec zero) noexcept nogil:
    cdef Py_ssize_t H = p.layer.H, at = t * p.layer.N + n
    cdef Py_ssize_t step = TALL * lanes(zero)
    cdef const element* gates = <const element*>p.gates + 4 * at * H + u
    cdef element* out = <element*>p.grad_gates + 3 * at * H + u
    cdef real* carry = <real*>p.carry + n * p.pitch + u
    cdef vec one = splat(1, zero)
    cdef vec r = load_first(gates, width, zero)
    cdef vec z = load_first(gates + H, width, zero)
    cdef vec new = load_first(gates + 2 * H, width, zero)
    cdef vec m = load_first(gates + 3 * H, width, zero)
    cdef vec dh = load(<const real*>carry, zero) + load_first(
        <const element*>p.grad + at * H + u, width, zero)
    cdef vec dn = dh * (one - z) * ((one - new) * (one + new))
    cdef vec dz = dh * (state_before(p, t, n, u, width, like, zero) - new) * (z * (one - z))
    cdef vec dr = dn * m * (r * (one - r))
    cdef vec dm = dn * r
    store(carry, dh * z)
    store(fresh, dr)
    store(fresh + step, dz)
    store(fresh + 2 * step, dm)
    store_first(out, width, dr)
    store_first(out + H, width, dz)
    store_first(out + 2 * H, width, dn)
    store_first(<element*>p.grad_hidden + at * H + u, width, dm)


cdef inline void rnn_unit(const Backward* p, Py_ssize_t t, Py_ssize_t n, Py_ssize_t u,
        Py_ssize_t width, real* fresh, element like, vec zero) noexcept nogil:
    cdef Py_ssize_t H = p.layer.H, at = t * p.layer.N + n
    cdef real* carry = <real*>p.carry + n * p.pitch + u
    cdef vec one = splat(1, zero)
    cdef vec h = load_first(<const element*>p.states + at * H + u, width, zero)
    cdef vec dx = load(<const real*>carry, zero) + load_first(
        <const element*>p.grad + at * H + u, width, zero)
    if p.layer.kind == RELU:
        dx = keep(dx, h)
    else:
        dx = dx * ((one - h) * (one + h))
    store(carry, zero)
    store(fresh, dx)
    store_first(<element*>p.grad_gates + at * H + u, width, dx)


# A step that the sequence has not: its gates have no part in the loss.
cdef inline void idle_unit(const Backward* p, Py_ssize_t at, Py_ssize_t u, Py_ssize_t width,
        real* fresh, element like, vec zero) noexcept nogil:
    cdef Py_ssize_t gate, G = p.layer.gates, H = p.layer.H
    for gate in range(G):
        store(fresh + gate * TALL * lanes(zero), zero)
        store_first(<element*>p.grad_gates + (at * G + gate) * H + u, width, zero)
    if p.grad_hidden != NULL:
        store_first(<element*>p.grad_hidden + at * H + u, width, zero)


# Add the sums of panel `q` of units to what their states carry.
cdef inline void carry_on(const Backward* p, Py_ssize_t block, Py_ssize_t q, const real* sums,
        vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero), i
    cdef real* carry = <real*>p.carry + first_row(&p.layer, block) * p.pitch + q * V
    for i in range(rows_of(&p.layer, block)):
        store(carry, load(<const real*>carry, zero) + load(sums + i * V, zero))
        carry += p.pitch


# Time t of the units of panel `q` of a block of rows; `turned` gets their gates' gradients.
cdef void units(const Backward* p, Py_ssize_t t, Py_ssize_t block, Py_ssize_t q, real* fresh,
        real* turned, element like, vec zero) noexcept nogil:
    cdef const Layer* layer = &p.layer
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t u = q * V
    cdef Py_ssize_t width = min(V, layer.H - u)
    cdef Py_ssize_t first = first_row(layer, block), rows = rows_of(layer, block)
    cdef Py_ssize_t i, gate
    for i in range(rows):
        if not active(layer, t, first + i):
            idle_unit(p, t * layer.N + first + i, u, width, fresh + i * V, like, zero)
        elif layer.kind == LSTM:
            lstm_unit(p, t, first + i, u, width, fresh + i * V, like, zero)
        elif layer.kind == GRU:
            gru_unit(p, t, first + i, u, width, fresh + i * V, like, zero)
        else:
            rnn_unit(p, t, first + i, u, width, fresh + i * V, like, zero)
    for gate in range(layer.gates):
        transposed(
            <const real*>(fresh + gate * TALL * V), V, rows, width,
            turned + (gate * layer.H + u) * TALL, TALL)


# Ask for what a step needs of the rows, which comes from far: for the end of each register, as its
# beginning lies in the same cache line or came with the panel before.
cdef inline void fetch(const Backward* p, Py_ssize_t t, Py_ssize_t block, Py_ssize_t q,
        element like, vec zero) noexcept nogil:
    cdef const Layer* layer = &p.layer
    cdef Py_ssize_t at = t * layer.N + first_row(layer, block), i, gate
    cdef Py_ssize_t u = q * lanes(zero) + lanes(zero) - 1
    cdef Py_ssize_t then = max(min(before(layer, t), layer.T - 1), 0) - t
    cdef const element* gates = <const element*>p.gates
    for i in range(at, at + rows_of(layer, block)):
        __builtin_prefetch(<const element*>p.grad + i * layer.H + u, 0, 2)
        __builtin_prefetch(<const element*>p.states + i * layer.H + u, 0, 2)
        __builtin_prefetch(<const element*>p.states + (i + then * layer.N) * layer.H + u, 0, 2)
        if gates != NULL:
            for gate in range(4):
                __builtin_prefetch(gates + (4 * i + gate) * layer.H + u, 0, 2)
        for gate in range(layer.gates):
            __builtin_prefetch(
                <element*>p.grad_gates + (i * layer.gates + gate) * layer.H + u, 1, 2)


cdef inline real* gradients(const Backward* p, Py_ssize_t s, Py_ssize_t block,
        real like) noexcept nogil:
    return <real*>p.turned + (
        ((s & 1) * p.layer.blocks + block) * p.layer.gates * p.layer.H * TALL)


# Step s of the way back, counted from the last; step T only adds what step T - 1 gives.
cdef void group_step(const Backward* p, Py_ssize_t s, Py_ssize_t block, Py_ssize_t group,
        real* sums, element like, vec zero) noexcept nogil:
    cdef const Layer* layer = &p.layer
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t K = layer.gates * layer.H
    cdef Py_ssize_t first = group * layer.group
    cdef Py_ssize_t count = min(layer.group, layer.panels - first)
    cdef Py_ssize_t t = time_of(layer, layer.T - 1 - s), q
    if s < layer.T:
        for q in range(count):
            fetch(p, t, block, first + q, like, zero)
    if s > 0 and any_active(layer, time_of(layer, layer.T - s), block):
        product(
            layer.tallest, count, K, gradients(p, s - 1, block, sums[0]),
            <const real*>p.panels + first * K * V, sums, zero)
        for q in range(count):
            carry_on(p, block, first + q, sums + q * TALL * V, zero)
    if s < layer.T:
        for q in range(count):
            units(
                p, t, block, first + q, sums + MOST_WIDE * TALL * V,
                gradients(p, s, block, sums[0]), like, zero)


# ---- the whole -----------------------------------------------------------------------------------

cdef void pack_panel(const Backward* p, Py_ssize_t n, real* out, element like,
        vec zero) noexcept nogil:
    cdef Py_ssize_t H = p.layer.H, V = lanes(zero), K = p.layer.gates * H
    cdef Py_ssize_t size = sizeof(element)
    pack_rows(
        <const char*>p.weight + n * V * size, H * size, size, K, min(V, H - n * V),
        out + n * K * V, V, like, zero)


cdef void begin(const Backward* p, real like_real, element like, vec zero) noexcept nogil:
    cdef Py_ssize_t H = p.layer.H, n
    for n in range(p.layer.N):
        widen_row(
            <const element*>p.grad_h + n * H, H, <real*>p.carry + n * p.pitch, zero)
        if p.grad_c != NULL:
            widen_row(
                <const element*>p.grad_c + n * H, H, <real*>p.carry_cell + n * p.pitch, zero)


cdef void sequence(const Backward* p, Py_ssize_t block, real* sums, element like,
        vec zero) noexcept nogil:
    cdef Py_ssize_t s, group
    for s in range(p.layer.T + 1):
        for group in range(groups_of(&p.layer)):
            group_step(p, s, block, group, sums, like, zero)


cdef void share_of_step(const Backward* p, Py_ssize_t s, Py_ssize_t group, real* sums,
        element like, vec zero) noexcept nogil:
    cdef Py_ssize_t block
    for block in range(p.layer.blocks):
        group_step(p, s, block, group, sums, like, zero)


cdef int backward(Backward* p, real like_real, element like, vec zero) noexcept nogil:
    cdef Layer* layer = &p.layer
    cdef Py_ssize_t V = lanes(zero), K = layer.gates * layer.H, n, s
    cdef Py_ssize_t of_sums, of_turned, of_rows
    cdef int threads
    cdef real* sums
    cut(layer, num_threads(), V)
    threads = layer.threads
    p.pitch = layer.panels * V
    of_sums = (MOST_WIDE + 4) * TALL * V
    of_turned = 2 * layer.blocks * K * TALL
    of_rows = layer.N * p.pitch
    with gil:                       # the pool: new pages would take long to come
        sums = <real*>take(
            ((layer.panels + MOST_WIDE) * K * V + of_turned + 2 * of_rows + threads * of_sums)
            * sizeof(real))
    if sums == NULL:
        return -1
    p.panels = sums + threads * of_sums
    p.turned = <real*>p.panels + (layer.panels + MOST_WIDE) * K * V
    p.carry = <real*>p.turned + of_turned
    p.carry_cell = <real*>p.carry + of_rows
    memset(<real*>p.panels + layer.panels * K * V, 0, MOST_WIDE * K * V * sizeof(real))
    memset(p.turned, 0, of_turned * sizeof(real))
    for n in prange(layer.panels, num_threads=threads, schedule="static",
            use_threads_if=threads > 1):
        pack_panel(p, n, <real*>p.panels, like, zero)
    begin(p, like_real, like, zero)
    if by_rows(layer):
        for n in prange(layer.blocks, num_threads=threads, schedule="static",
                use_threads_if=threads > 1):
            sequence(p, n, sums + threadid() * of_sums, like, zero)
    else:
        for s in range(layer.T + 1):
            for n in prange(groups_of(layer), num_threads=threads, schedule="static",
                    use_threads_if=threads > 1):
                share_of_step(p, s, n, sums + threadid() * of_sums, like, zero)
    narrow_rows(
        <const real*>p.carry, p.pitch, layer.N, layer.H, <element*>p.grad_h0, zero)
    if p.grad_c0 != NULL:
        narrow_rows(
            <const real*>p.carry_cell, p.pitch, layer.N, layer.H, <element*>p.grad_c0, zero)
    with gil:
        give_back(sums)
    return 0


cdef object run(Backward* p, str op, int number):
    cdef int failed
    with nogil:
        if number == NPY_FLOAT:
            failed = backward(p, <float>0, <float>0, vsplat_f32(0))
        elif number == NPY_DOUBLE:
            failed = backward(p, <double>0, <double>0, vsplat_f64(0))
        else:
            failed = backward(p, <float>0, <half>0, vsplat_f32(0))
    if failed:
        raise MemoryError(op + ": no memory for the workspace")


# ---- doors ---------------------------------------------------------------------------------------

def lstm_backward(
    grad: np.ndarray, grad_h: np.ndarray, grad_c: np.ndarray, weight: np.ndarray, c0: np.ndarray,
    gates: np.ndarray, cells: np.ndarray, lengths: np.ndarray | None = None,
    reverse: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradient of lstm with respect to the gates' input part and the first states.

    Same contract as odyssey.reference.recurrent.lstm_backward. The weight is
    packed once and read once a step.
    """
    cdef Backward p
    cdef Layer* layer = &p.layer
    cdef int number = float_type(gates)
    memset(&p, 0, sizeof(p))
    if not (fits(layer, LSTM, gates, 4, weight, number) and sized(grad, number, 3, layer, 1)
            and sized(grad_h, number, 2, layer, 1) and sized(grad_c, number, 2, layer, 1)
            and sized(c0, number, 2, layer, 1) and sized(cells, number, 3, layer, 1)):
        check_lstm_backward(grad, grad_h, grad_c, weight, c0, gates, cells, lengths)
        raise AssertionError("lstm_backward: the checks in C and in Python differ")
    if lengths is not None:
        lengths = check_lengths("lstm_backward", lengths, layer.T, layer.N)
        layer.lengths = <const long long*>PyArray_DATA(lengths)
    layer.reverse = reverse
    grad, grad_h, grad_c = contiguous(grad), contiguous(grad_h), contiguous(grad_c)
    weight, c0 = contiguous(weight), contiguous(c0)
    gates, cells = contiguous(gates), contiguous(cells)
    grad_gates = results(layer, number, 4, True)
    grad_h0 = results(layer, number, 1, False)
    grad_c0 = results(layer, number, 1, False)
    p.grad = PyArray_DATA(grad)
    p.grad_h = PyArray_DATA(grad_h)
    p.grad_c = PyArray_DATA(grad_c)
    p.weight = PyArray_DATA(weight)
    p.first = PyArray_DATA(c0)
    p.gates = PyArray_DATA(gates)
    p.states = PyArray_DATA(cells)
    p.grad_gates = PyArray_DATA(grad_gates)
    p.grad_h0 = PyArray_DATA(grad_h0)
    p.grad_c0 = PyArray_DATA(grad_c0)
    run(&p, "lstm_backward", number)
    return grad_gates, grad_h0, grad_c0


def gru_backward(
    grad: np.ndarray, grad_h: np.ndarray, weight: np.ndarray, h0: np.ndarray, out: np.ndarray,
    gates: np.ndarray, lengths: np.ndarray | None = None, reverse: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradient of gru with respect to the gates' input part, the n gate's product and h0.

    Same contract as odyssey.reference.recurrent.gru_backward. The weight is
    packed once and read once a step.
    """
    cdef Backward p
    cdef Layer* layer = &p.layer
    cdef int number = float_type(out)
    memset(&p, 0, sizeof(p))
    if not (fits(layer, GRU, out, 1, weight, number) and sized(grad, number, 3, layer, 1)
            and sized(grad_h, number, 2, layer, 1) and sized(h0, number, 2, layer, 1)
            and sized(gates, number, 3, layer, 4)):
        check_gru_backward(grad, grad_h, weight, h0, out, gates, lengths)
        raise AssertionError("gru_backward: the checks in C and in Python differ")
    if lengths is not None:
        lengths = check_lengths("gru_backward", lengths, layer.T, layer.N)
        layer.lengths = <const long long*>PyArray_DATA(lengths)
    layer.reverse = reverse
    grad, grad_h, weight = contiguous(grad), contiguous(grad_h), contiguous(weight)
    h0, out, gates = contiguous(h0), contiguous(out), contiguous(gates)
    grad_gates = results(layer, number, 3, True)
    grad_hidden = results(layer, number, 1, True)
    grad_h0 = results(layer, number, 1, False)
    p.grad = PyArray_DATA(grad)
    p.grad_h = PyArray_DATA(grad_h)
    p.weight = PyArray_DATA(weight)
    p.first = PyArray_DATA(h0)
    p.gates = PyArray_DATA(gates)
    p.states = PyArray_DATA(out)
    p.grad_gates = PyArray_DATA(grad_gates)
    p.grad_hidden = PyArray_DATA(grad_hidden)
    p.grad_h0 = PyArray_DATA(grad_h0)
    run(&p, "gru_backward", number)
    return grad_gates, grad_hidden, grad_h0


def rnn_backward(
    grad: np.ndarray, grad_h: np.ndarray, weight: np.ndarray, out: np.ndarray,
    lengths: np.ndarray | None = None, reverse: bool = False, nonlinearity: str = "tanh",
) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of rnn with respect to the input part of its sums and h0.

    Same contract as odyssey.reference.recurrent.rnn_backward. The weight is
    packed once and read once a step.
    """
    cdef Backward p
    cdef Layer* layer = &p.layer
    cdef int number = float_type(out)
    cdef Kind kind = TANH
    if check_nonlinearity("rnn_backward", nonlinearity) == "relu":
        kind = RELU
    memset(&p, 0, sizeof(p))
    if not (fits(layer, kind, out, 1, weight, number) and sized(grad, number, 3, layer, 1)
            and sized(grad_h, number, 2, layer, 1)):
        check_rnn_backward(grad, grad_h, weight, out, lengths)
        raise AssertionError("rnn_backward: the checks in C and in Python differ")
    if lengths is not None:
        lengths = check_lengths("rnn_backward", lengths, layer.T, layer.N)
        layer.lengths = <const long long*>PyArray_DATA(lengths)
    layer.reverse = reverse
    grad, grad_h, weight = contiguous(grad), contiguous(grad_h), contiguous(weight)
    out = contiguous(out)
    grad_gates = results(layer, number, 1, True)
    grad_h0 = results(layer, number, 1, False)
    p.grad = PyArray_DATA(grad)
    p.grad_h = PyArray_DATA(grad_h)
    p.weight = PyArray_DATA(weight)
    p.states = PyArray_DATA(out)
    p.grad_gates = PyArray_DATA(grad_gates)
    p.grad_h0 = PyArray_DATA(grad_h0)
    run(&p, "rnn_backward", number)
    return grad_gates, grad_h0
