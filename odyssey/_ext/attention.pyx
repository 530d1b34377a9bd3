# Scaled dot-product attention without ever holding the L x S scores; attention_backward.pyx has its
# gradient.
#
# Plan (M. Milakov and N. Gimelshein, "Online normalizer calculation for softmax", 2018; T. Dao,
# "FlashAttention-2", 2023). For each head and each block of LANES queries:
#
#   for each block of ROWS keys:                     (causal: up to the diagonal)
#       T = keys . queries, scaled and masked
#       raise the running maximum, T = exp(T - maximum), shrink and add to the running sum
#       acc = shrink * acc + T^T @ values
#   out = acc / sum;  logsumexp = maximum + log(sum)
#
# Threads split the blocks of queries of all heads. Nothing is added from two blocks, so results are
# the same for any number of threads. The steps on a block are in _attention.pxd.
#
# Memory: for each thread a workspace of O(LANES * (E + V)) numbers, allocated once. Rows of values
# are read in place where they are contiguous; everything else is packed block by block through its
# strides, so a broadcast operand or mask is never copied.
#
# float16 is converted while packing, computed in float32 and rounded once at the end.

cimport numpy as cnp
from cython.parallel cimport prange, threadid
from libc.math cimport INFINITY, log
from libc.stdlib cimport free
from libc.string cimport memset

from odyssey._ext._attention cimport (
    LANES, NONE, ROWS, TILE, Block, Operand, Problem, accumulate, breadth, head, least, natural,
    pack, padded, scores, softmax_step,
)
from odyssey._ext._attention_door cimport (
    MOST_AXES, bind, blocks_of, fitting, threads_for,
)
from odyssey._ext._door cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, aligned, float_type, sum_type,
)
from odyssey._ext._pool cimport empty
from odyssey._ext._simd cimport (
    element, half, lanes, load, real, rounded, scratch, splat, store, vec, vsplat_f32, vsplat_f64,
)

import numpy as np

from odyssey.utils.kernel_checks_attention import attention_scale, check_attention

cnp.import_array()


cdef Py_ssize_t forward_space(const Problem* p, vec zero) noexcept nogil:
    cdef Py_ssize_t wide = padded(p.V, zero)
    return LANES * p.E + ROWS * (p.E + wide) + ROWS * LANES + LANES * (wide + 3)


# Block number `task` of queries.
cdef void forward_block(Py_ssize_t task, const Problem* p, element* out, real* logsumexp,
        real* space, element like, vec zero) noexcept nogil:
    cdef Py_ssize_t n = task // blocks_of(p.L)
    cdef Py_ssize_t wide = padded(p.V, zero)
    cdef Py_ssize_t end, i, f, width, ld
    cdef bint hidden
    cdef real* across = space                           # the queries, in panels
    cdef real* panels = across + LANES * p.E            # keys, in panels
    cdef real* rows = panels + ROWS * p.E               # values
    cdef real* T = rows + ROWS * wide
    cdef real* acc = T + ROWS * LANES
    cdef real* top = acc + LANES * wide
    cdef real* total = top + LANES
    cdef real* shrink = total + LANES
    cdef const real* z
    cdef Operand q = head(&p.q, p, n)
    cdef Operand k = head(&p.k, p, n)
    cdef Operand v = head(&p.v, p, n)
    cdef Operand mask
    cdef Block block
    if p.kind != NONE:
        mask = head(&p.mask, p, n)
    block.keys_in_rows = True
    block.lane = task % blocks_of(p.L) * LANES
    block.lanes = min(LANES, p.L - block.lane)
    block.row = 0
    width = breadth(block.lanes, zero)
    pack(&q, block.lane, block.lanes, 2 * lanes(zero), p.E, across, like)
    memset(acc, 0, LANES * wide * sizeof(real))
    memset(total, 0, LANES * sizeof(real))
    i = 0
    while i < LANES:
        store(top + i, least(zero))
        i += lanes(zero)
    end = min(p.S, block.lane + block.lanes) if p.causal else p.S
    while block.row < end:
        block.rows = min(ROWS, end - block.row)
        pack(&k, block.row, block.rows, TILE, p.E, panels, like)
        z = natural(&v, block.row, block.rows, p.V, rows, &ld, like, zero)
        hidden = scores(p, &mask, &block, panels, across, T, like, zero)
        softmax_step(block.rows, width, T, top, total, shrink, zero)
        for i in range(block.lanes):
            if shrink[i] != 1:
                scale_row(acc + i * wide, wide, shrink[i], zero)
        accumulate(&block, T, z, ld, p.V, acc, hidden, zero)
        block.row += block.rows
    for i in range(block.lanes):
        if total[i] == 0:                               # no key in sight
            for f in range(p.V):
                out[((n * p.L) + block.lane + i) * p.V + f] = rounded(<real>0, like)
            logsumexp[n * p.L + block.lane + i] = -INFINITY
        else:
            for f in range(p.V):
                out[((n * p.L) + block.lane + i) * p.V + f] = rounded(
                    acc[i * wide + f] / total[i], like)
            logsumexp[n * p.L + block.lane + i] = top[i] + <real>log(total[i])


cdef inline void scale_row(real* x, Py_ssize_t wide, real factor, vec zero) noexcept nogil:
    cdef Py_ssize_t c = 0
    cdef vec by = splat(factor, zero)
    while c < wide:
        store(x + c, load(<const real*>(x + c), zero) * by)
        c += lanes(zero)


cdef int forward(const Problem* p, element* out, real* logsumexp, element like,
        vec zero) noexcept nogil:
    cdef int threads = threads_for(p)
    cdef Py_ssize_t size = (forward_space(p, zero) + 15) // 16 * 16
    cdef real* space = <real*>scratch(threads * size * sizeof(real))
    cdef Py_ssize_t task
    if space == NULL:
        return -1
    for task in prange(p.heads * blocks_of(p.L), num_threads=threads, schedule="dynamic",
            use_threads_if=threads > 1):
        forward_block(task, p, out, logsumexp, space + threadid() * size, like, zero)
    free(space)
    return 0


def scaled_dot_product_attention(
        q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: np.ndarray | None = None,
        causal: bool = False, scale: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Average values, weighted by how well their keys fit each query.

    Same contract as odyssey.reference.attention.scaled_dot_product_attention.
    Blocks of scores live in cache and are gone when the next one comes: memory
    besides the results does not grow with the number of queries or keys.
    """
    cdef int number = float_type(q)
    cdef int failed
    cdef Problem p
    cdef cnp.npy_intp[MOST_AXES] steps
    cdef cnp.npy_intp[MOST_AXES] shape
    cdef int i
    p.kind = NONE
    if not fitting(q, k, v, mask, number, &p, steps):
        check_attention(q, k, v, mask, scale)
        raise AssertionError(
            "scaled_dot_product_attention: the checks in C and in Python differ")
    p.scale = attention_scale("scaled_dot_product_attention", scale, p.E)
    p.causal = causal
    q = aligned(q)
    k = aligned(k)
    v = aligned(v)
    if mask is not None:
        mask = aligned(mask)
    fitting(q, k, v, mask, number, &p, steps)           # copies have other strides
    bind(&p, q, k, v, mask, steps)
    for i in range(p.axes + 1):
        shape[i] = p.sizes[i]
    shape[p.axes + 1] = p.V
    out = empty(p.axes + 2, shape, number)
    logsumexp = empty(p.axes + 1, shape, sum_type(number))
    cdef void* y = PyArray_DATA(out)
    cdef void* s = PyArray_DATA(logsumexp)
    with nogil:
        if number == NPY_FLOAT:
            failed = forward(&p, <float*>y, <float*>s, <float>0, vsplat_f32(0))
        elif number == NPY_DOUBLE:
            failed = forward(&p, <double*>y, <double*>s, <double>0, vsplat_f64(0))
        else:
            failed = forward(&p, <half*>y, <float*>s, <half>0, vsplat_f32(0))
    if failed:
        raise MemoryError("scaled_dot_product_attention: no memory for the workspace")
    return out, logsumexp
