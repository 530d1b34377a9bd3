# The gradient of scaled dot-product attention; attention.pyx says more about blocks and memory.
#
# Plan (T. Dao, "FlashAttention-2", 2023), with delta = sum(grad * out) of each query, in two passes
# that both make the scores T again:
#
#   for each block of LANES queries, for each block of ROWS keys:
#       P = exp(T - logsumexp),  D = P * (values . grad - delta),  grad_q += scale * D^T @ keys
#   for each block of LANES keys, for each block of ROWS queries:
#       P and D likewise,  grad_v += P^T @ grad,  grad_k += scale * D^T @ queries,  grad_mask = D
#
# That is 7 products where one pass would need 5, but every output belongs to one block: threads
# split the blocks of all heads, nothing is added from two of them, and so results are the same for
# any number of threads. A pass that nobody needs is left out.
#
# Memory: a workspace for each thread, and one number a query for delta.

cimport numpy as cnp
from cython.parallel cimport prange, threadid
from libc.stdlib cimport free
from libc.string cimport memset

from odyssey._ext._attention cimport (
    ADDITIVE, LANES, NONE, ROWS, TILE, Block, Operand, Problem, accumulate, breadth, dots,
    gradient_step, head, natural, pack, padded, scores,
)
from odyssey._ext._attention_door cimport (
    MOST_AXES, bind, blocks_of, fitting, operand, threads_for,
)
from odyssey._ext._door cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, PyArray_DIMS, PyArray_NDIM, PyArray_ZEROS, aligned,
    contiguous, float_type, same_shape, sum_type,
)
from odyssey._ext._pool cimport empty
from odyssey._ext._simd cimport (
    element, half, lane_sum, lanes, load, real, rounded, scratch, splat, vec, vsplat_f32,
    vsplat_f64,
)

import numpy as np

from odyssey.utils.kernel_checks_attention import attention_scale, check_attention_backward

cnp.import_array()


# What the backward pass reads and writes besides the operands; outputs that nobody wants are NULL.
cdef struct Gradients:
    const void* logsumexp
    void* delta
    void* q
    void* k
    void* v
    void* mask


cdef Py_ssize_t backward_space(const Problem* p, vec zero) noexcept nogil:
    cdef Py_ssize_t wide = padded(p.E, zero) + padded(p.V, zero)
    return (LANES + ROWS) * (p.E + p.V) + ROWS * wide + 2 * ROWS * LANES + LANES * (wide + 2)


# delta = sum(grad * out) of the queries in block number `task`.
cdef void delta_block(Py_ssize_t task, const Problem* p, real* delta, real* space, element like,
        vec zero) noexcept nogil:
    cdef Py_ssize_t n = task // blocks_of(p.L)
    cdef Py_ssize_t first = task % blocks_of(p.L) * LANES
    cdef Py_ssize_t wide = padded(p.V, zero)
    cdef Py_ssize_t i, c, ld_g, ld_y
    cdef Operand grad = head(&p.grad, p, n)
    cdef Operand out = head(&p.out, p, n)
    cdef const real* g
    cdef const real* y
    cdef vec total
    for i in range(first, min(first + LANES, p.L)):
        g = natural(&grad, i, 1, p.V, space, &ld_g, like, zero)
        y = natural(&out, i, 1, p.V, space + wide, &ld_y, like, zero)
        total = zero
        c = 0
        while c < wide:
            total = total + load(g + c, zero) * load(y + c, zero)
            c += lanes(zero)
        delta[n * p.L + i] = <real>lane_sum(total)


# The gradients of block number `task` of queries.
cdef void queries_block(Py_ssize_t task, const Problem* p, const Gradients* to, real* space,
        element like, vec zero) noexcept nogil:
    cdef Py_ssize_t n = task // blocks_of(p.L)
    cdef Py_ssize_t wide = padded(p.E, zero)
    cdef Py_ssize_t end, i, f, r, c, width, ld
    cdef bint hidden
    cdef real* across_q = space
    cdef real* across_g = across_q + LANES * p.E
    cdef real* panels_k = across_g + LANES * p.V
    cdef real* panels_v = panels_k + ROWS * p.E
    cdef real* rows = panels_v + ROWS * p.V
    cdef real* T = rows + ROWS * wide
    cdef real* D = T + ROWS * LANES
    cdef real* acc = D + ROWS * LANES
    cdef real* logsumexp = acc + LANES * wide
    cdef real* delta = logsumexp + LANES
    cdef const real* z
    cdef element* out
    cdef Operand q = head(&p.q, p, n)
    cdef Operand k = head(&p.k, p, n)
    cdef Operand v = head(&p.v, p, n)
    cdef Operand grad = head(&p.grad, p, n)
    cdef Operand mask
    cdef Block block
    if p.kind != NONE:
        mask = head(&p.mask, p, n)
    block.keys_in_rows = True
    block.lane = task % blocks_of(p.L) * LANES
    block.lanes = min(LANES, p.L - block.lane)
    block.row = 0
    width = breadth(block.lanes, zero)
    pack(&q, block.lane, block.lanes, 2 * lanes(zero), p.E, across_q, like)
    pack(&grad, block.lane, block.lanes, 2 * lanes(zero), p.V, across_g, like)
    memset(acc, 0, LANES * (wide + 2) * sizeof(real))
    for i in range(block.lanes):
        logsumexp[i] = (<const real*>to.logsumexp)[n * p.L + block.lane + i]
        delta[i] = (<const real*>to.delta)[n * p.L + block.lane + i]
    end = min(p.S, block.lane + block.lanes) if p.causal else p.S
    while block.row < end:
        block.rows = min(ROWS, end - block.row)
        pack(&k, block.row, block.rows, TILE, p.E, panels_k, like)
        pack(&v, block.row, block.rows, TILE, p.V, panels_v, like)
        z = natural(&k, block.row, block.rows, p.E, rows, &ld, like, zero)
        hidden = scores(p, &mask, &block, panels_k, across_q, T, like, zero)
        dots(block.rows, width, p.V, panels_v, across_g, D, zero)
        c = 0
        while c < width:
            for r in range(block.rows):
                gradient_step(
                    T + r * LANES + c, D + r * LANES + c, load(<const real*>(logsumexp + c), zero),
                    load(<const real*>(delta + c), zero), zero)
            c += lanes(zero)
        accumulate(&block, D, z, ld, p.E, acc, hidden, zero)
        block.row += block.rows
    out = <element*>to.q + (n * p.L + block.lane) * p.E
    for i in range(block.lanes):
        for f in range(p.E):
            out[i * p.E + f] = rounded(<real>p.scale * acc[i * wide + f], like)


# The gradients of block number `task` of keys and values, and of the mask's columns there.
cdef void keys_block(Py_ssize_t task, const Problem* p, const Gradients* to, real* space,
        element like, vec zero) noexcept nogil:
    cdef Py_ssize_t n = task // blocks_of(p.S)
    cdef Py_ssize_t wide_e = padded(p.E, zero)
    cdef Py_ssize_t wide_v = padded(p.V, zero)
    cdef Py_ssize_t i, f, r, c, width, ld
    cdef bint hidden
    cdef real* across_k = space
    cdef real* across_v = across_k + LANES * p.E
    cdef real* panels_q = across_v + LANES * p.V
    cdef real* panels_g = panels_q + ROWS * p.E
    cdef real* rows = panels_g + ROWS * p.V
    cdef real* T = rows + ROWS * (wide_e + wide_v)
    cdef real* D = T + ROWS * LANES
    cdef real* acc_k = D + ROWS * LANES
    cdef real* acc_v = acc_k + LANES * wide_e
    cdef const real* z
    cdef const real* logsumexp
    cdef const real* delta
    cdef element* out
    cdef Operand q = head(&p.q, p, n)
    cdef Operand k = head(&p.k, p, n)
    cdef Operand v = head(&p.v, p, n)
    cdef Operand grad = head(&p.grad, p, n)
    cdef Operand mask
    cdef Block block
    if p.kind != NONE:
        mask = head(&p.mask, p, n)
    block.keys_in_rows = False
    block.lane = task % blocks_of(p.S) * LANES
    block.lanes = min(LANES, p.S - block.lane)
    block.row = min(block.lane, p.L) if p.causal else 0
    width = breadth(block.lanes, zero)
    pack(&k, block.lane, block.lanes, 2 * lanes(zero), p.E, across_k, like)
    pack(&v, block.lane, block.lanes, 2 * lanes(zero), p.V, across_v, like)
    memset(acc_k, 0, LANES * (wide_e + wide_v) * sizeof(real))
    while block.row < p.L:
        block.rows = min(ROWS, p.L - block.row)
        pack(&q, block.row, block.rows, TILE, p.E, panels_q, like)
        pack(&grad, block.row, block.rows, TILE, p.V, panels_g, like)
        hidden = scores(p, &mask, &block, panels_q, across_k, T, like, zero)
        dots(block.rows, width, p.V, panels_g, across_v, D, zero)
        logsumexp = <const real*>to.logsumexp + n * p.L + block.row
        delta = <const real*>to.delta + n * p.L + block.row
        for r in range(block.rows):
            c = 0
            while c < width:
                gradient_step(
                    T + r * LANES + c, D + r * LANES + c, splat(logsumexp[r], zero),
                    splat(delta[r], zero), zero)
                c += lanes(zero)
        if to.v != NULL:
            z = natural(&grad, block.row, block.rows, p.V, rows, &ld, like, zero)
            accumulate(&block, T, z, ld, p.V, acc_v, hidden, zero)
        if to.k != NULL:
            z = natural(&q, block.row, block.rows, p.E, rows, &ld, like, zero)
            accumulate(&block, D, z, ld, p.E, acc_k, hidden, zero)
        if to.mask != NULL:
            for r in range(block.rows):
                out = <element*>to.mask + (n * p.L + block.row + r) * p.S + block.lane
                for i in range(block.lanes):
                    out[i] = rounded(D[r * LANES + i], like)
        block.row += block.rows
    if to.k != NULL:
        out = <element*>to.k + (n * p.S + block.lane) * p.E
        for i in range(block.lanes):
            for f in range(p.E):
                out[i * p.E + f] = rounded(<real>p.scale * acc_k[i * wide_e + f], like)
    if to.v != NULL:
        out = <element*>to.v + (n * p.S + block.lane) * p.V
        for i in range(block.lanes):
            for f in range(p.V):
                out[i * p.V + f] = rounded(acc_v[i * wide_v + f], like)


cdef int backward(const Problem* p, Gradients* to, element like, real number,
        vec zero) noexcept nogil:
    cdef int threads = threads_for(p)
    cdef Py_ssize_t size = (backward_space(p, zero) + 15) // 16 * 16
    cdef real* space = <real*>scratch((threads * size + p.heads * p.L) * sizeof(real))
    cdef Py_ssize_t task
    if space == NULL:
        return -1
    to.delta = space + threads * size
    for task in prange(p.heads * blocks_of(p.L), num_threads=threads, schedule="static",
            use_threads_if=threads > 1):
        delta_block(
            task, p, <real*>to.delta, space + threadid() * size, like, zero)
    if to.q != NULL:
        for task in prange(p.heads * blocks_of(p.L), num_threads=threads, schedule="dynamic",
                use_threads_if=threads > 1):
            queries_block(task, p, to, space + threadid() * size, like, zero)
    if to.k != NULL or to.v != NULL or to.mask != NULL:
        for task in prange(p.heads * blocks_of(p.S), num_threads=threads, schedule="dynamic",
                use_threads_if=threads > 1):
            keys_block(task, p, to, space + threadid() * size, like, zero)
    free(space)
    return 0


# Whether grad and out, and logsumexp, fit what the forward function returned.
cdef bint fits_forward(object grad, object out, object logsumexp, int number,
        const Problem* p) noexcept:
    cdef int i
    if float_type(grad) != number or float_type(out) != number:
        return False
    if float_type(logsumexp) != sum_type(number) or PyArray_NDIM(logsumexp) != p.axes + 1:
        return False
    if not same_shape(grad, out) or PyArray_NDIM(grad) != p.axes + 2:
        return False
    for i in range(p.axes + 1):
        if PyArray_DIMS(grad)[i] != p.sizes[i] or PyArray_DIMS(logsumexp)[i] != p.sizes[i]:
            return False
    return PyArray_DIMS(grad)[p.axes + 1] == p.V


def scaled_dot_product_attention_backward(
        grad: np.ndarray, q: np.ndarray, k: np.ndarray, v: np.ndarray, out: np.ndarray,
        logsumexp: np.ndarray, mask: np.ndarray | None = None, causal: bool = False,
        scale: float | None = None,
        needs: tuple[bool, bool, bool, bool] = (True, True, True, False)) -> tuple[
            np.ndarray | None, np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """Gradient of attention with respect to queries, keys, values and additive mask.

    Same contract as
    odyssey.reference.attention.scaled_dot_product_attention_backward. Makes the
    probabilities again, block by block; besides the results it holds one number
    for each query.
    """
    cdef int number = float_type(q)
    cdef int failed
    cdef Problem p
    cdef Gradients to
    cdef cnp.npy_intp[MOST_AXES] steps
    cdef cnp.npy_intp[MOST_AXES] shape
    cdef int i
    p.kind = NONE
    if (not fitting(q, k, v, mask, number, &p, steps)
            or not fits_forward(grad, out, logsumexp, number, &p)
            or not isinstance(needs, (tuple, list)) or len(needs) != 4
            or needs[3] and p.kind != ADDITIVE):
        check_attention_backward(grad, q, k, v, out, logsumexp, mask, scale, needs)
        raise AssertionError(
            "scaled_dot_product_attention_backward: the checks in C and in Python differ")
    p.scale = attention_scale("scaled_dot_product_attention_backward", scale, p.E)
    p.causal = causal
    q = aligned(q)
    k = aligned(k)
    v = aligned(v)
    grad = aligned(grad)
    out = aligned(out)
    logsumexp = contiguous(logsumexp)
    if mask is not None:
        mask = aligned(mask)
    fitting(q, k, v, mask, number, &p, steps)           # copies have other strides
    bind(&p, q, k, v, mask, steps)
    p.grad = operand(grad)
    p.out = operand(out)
    to.logsumexp = PyArray_DATA(logsumexp)
    to.q = to.k = to.v = to.mask = NULL
    grad_q = grad_k = grad_v = grad_mask = None
    if needs[0]:
        grad_q = empty(p.axes + 2, PyArray_DIMS(q), number)
        to.q = PyArray_DATA(grad_q)
    if needs[1]:
        grad_k = empty(p.axes + 2, PyArray_DIMS(k), number)
        to.k = PyArray_DATA(grad_k)
    if needs[2]:
        grad_v = empty(p.axes + 2, PyArray_DIMS(v), number)
        to.v = PyArray_DATA(grad_v)
    if needs[3]:
        for i in range(p.axes + 1):
            shape[i] = p.sizes[i]
        shape[p.axes + 1] = p.S
        # Zeros: a causal pass never visits the blocks above the diagonal.
        grad_mask = PyArray_ZEROS(p.axes + 2, shape, number, 0)
        to.mask = PyArray_DATA(grad_mask)
    with nogil:
        if number == NPY_FLOAT:
            failed = backward(&p, &to, <float>0, <float>0, vsplat_f32(0))
        elif number == NPY_DOUBLE:
            failed = backward(&p, &to, <double>0, <double>0, vsplat_f64(0))
        else:
            failed = backward(&p, &to, <half>0, <float>0, vsplat_f32(0))
    if failed:
        raise MemoryError("scaled_dot_product_attention_backward: no memory for the workspace")
    return grad_q, grad_k, grad_v, grad_mask
