# Dropout, with random bits from Philox.
#
# Element i, counted in logical (C) order, owns word i % 4 of Philox block i // 4: its fate depends
# on the seed and on i alone, never on threads, memory layout, dtype or earlier calls, and backward
# computes the bits again instead of reading a mask.
#
# Plan. LANES blocks are computed side by side in arrays of LANES numbers, which the compiler turns
# into registers (a product of two 32-bit numbers is one instruction a lane). Threads split the
# elements into chunks of CHUNK. An array that is not C-contiguous is walked row by row along its
# last axis with its strides, so a channels-last array stays channels-last and is not copied.

cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport uint32_t, uint64_t

from odyssey._ext._door cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, PyArray_DIMS, PyArray_IS_C_CONTIGUOUS, PyArray_NDIM,
    PyArray_SIZE, PyArray_STRIDES, aligned, float_type,
)
from odyssey._ext._pool cimport empty_like
from odyssey._ext._simd cimport element, float_to_half, half, number, real
from odyssey._ext._threads cimport num_threads

import numpy as np

from odyssey.utils.kernel_checks_pooling import check_dropout

cnp.import_array()

cdef enum:
    LANES = 16                      # Philox blocks computed side by side
    WORDS = 64                      # random words they give: 4 each
    CHUNK = 8192                    # elements that one thread takes at a time, a multiple of WORDS
    PARALLEL = 1 << 13              # elements that are worth a second thread
    AXES = 64                       # NumPy has no arrays with more


# The words of the blocks first .. first + LANES - 1, in order.
cdef void philox(uint64_t first, uint64_t seed, uint32_t* words) noexcept nogil:
    cdef uint32_t[LANES] c0
    cdef uint32_t[LANES] c1
    cdef uint32_t[LANES] c2
    cdef uint32_t[LANES] c3
    cdef uint32_t k0 = <uint32_t>seed
    cdef uint32_t k1 = <uint32_t>(seed >> 32)
    cdef uint64_t product0, product1
    cdef int i, _turn
    for i in range(LANES):
        c0[i] = <uint32_t>(first + i)
        c1[i] = <uint32_t>((first + i) >> 32)
        c2[i] = 0
        c3[i] = 0
    for _turn in range(10):
        for i in range(LANES):
            product0 = <uint64_t>c0[i] * 0xD2511F53u
            product1 = <uint64_t>c2[i] * 0xCD9E8D57u
            c0[i] = <uint32_t>(product1 >> 32) ^ c1[i] ^ k0
            c1[i] = <uint32_t>product1
            c2[i] = <uint32_t>(product0 >> 32) ^ c3[i] ^ k1
            c3[i] = <uint32_t>product0
        k0 += 0x9E3779B9u
        k1 += 0xBB67AE85u
    for i in range(LANES):
        words[4 * i] = c0[i]
        words[4 * i + 1] = c1[i]
        words[4 * i + 2] = c2[i]
        words[4 * i + 3] = c3[i]


cdef struct Bits:
    uint64_t seed
    uint64_t threshold              # words from here on keep their element
    double scale


# One array as `dropout` walks it: its elements and its strides, counted in elements.
cdef struct View:
    int ndim
    Py_ssize_t[AXES] shape
    Py_ssize_t[AXES] step_x
    Py_ssize_t[AXES] step_out


cdef inline element scaled(element x, real scale) noexcept nogil:
    if element is half:
        return float_to_half(<float>number(x) * <float>scale)
    else:
        return <element>(x * scale)


# n <= WORDS elements at the given steps.
cdef inline void apply(const element* x, Py_ssize_t step_x, element* out, Py_ssize_t step_out,
        const uint32_t* words, Py_ssize_t n, uint64_t threshold, real scale) noexcept nogil:
    cdef Py_ssize_t i
    if step_x == 1 and step_out == 1:
        for i in range(n):
            out[i] = scaled(x[i], scale) if words[i] >= threshold else <element>0
    else:
        for i in range(n):
            out[i * step_out] = (
                scaled(x[i * step_x], scale) if words[i] >= threshold else <element>0)


# The elements first .. first + n - 1; first is a multiple of WORDS.
cdef void drop_chunk(const element* x, element* out, const View* view, const Bits* bits,
        Py_ssize_t first, Py_ssize_t n, real scale) noexcept nogil:
    cdef uint32_t[WORDS] words
    cdef Py_ssize_t[AXES] index
    cdef int last = view.ndim - 1
    cdef Py_ssize_t rest = first
    cdef Py_ssize_t done, used, run, at_x, at_out
    cdef int axis
    for axis in range(last, -1, -1):
        index[axis] = rest % view.shape[axis]
        rest = rest // view.shape[axis]
    for done in range(0, n, 64):    # WORDS at a time
        philox(<uint64_t>(first + done) // 4, bits.seed, words)
        used = 0
        while used < min(WORDS, n - done):
            at_x = at_out = 0
            for axis in range(view.ndim):
                at_x += index[axis] * view.step_x[axis]
                at_out += index[axis] * view.step_out[axis]
            run = min(min(WORDS, n - done) - used, view.shape[last] - index[last])
            apply(
                x + at_x, view.step_x[last], out + at_out, view.step_out[last], words + used, run,
                bits.threshold, scale)
            used += run
            index[last] += run
            axis = last
            while axis > 0 and index[axis] == view.shape[axis]:
                index[axis] = 0
                axis -= 1
                index[axis] += 1


cdef void drop_all(const element* x, element* out, const View* view, const Bits* bits, Py_ssize_t n,
        real scale) noexcept nogil:
    cdef int threads = num_threads() if n > PARALLEL else 1
    cdef Py_ssize_t chunks = (n + CHUNK - 1) // CHUNK
    cdef Py_ssize_t chunk
    for chunk in prange(chunks, num_threads=threads, schedule="static"):
        drop_chunk(
            x, out, view, bits, chunk * CHUNK, min(CHUNK, n - chunk * CHUNK), scale)


# The axes of an array; one long axis where it stands in memory in its logical order.
cdef void set_view(View* view, object x, object out, Py_ssize_t itemsize) noexcept:
    cdef int axis
    if PyArray_NDIM(x) == 0 or (PyArray_IS_C_CONTIGUOUS(x) and PyArray_IS_C_CONTIGUOUS(out)):
        view.ndim = 1
        view.shape[0] = PyArray_SIZE(x)
        view.step_x[0] = view.step_out[0] = 1
        return
    view.ndim = PyArray_NDIM(x)
    for axis in range(view.ndim):
        view.shape[axis] = PyArray_DIMS(x)[axis]
        view.step_x[axis] = PyArray_STRIDES(x)[axis] // itemsize
        view.step_out[axis] = PyArray_STRIDES(out)[axis] // itemsize


cdef object door(str op, str name, object x, object p, object seed):
    cdef View view
    cdef Bits bits
    cdef Py_ssize_t n
    cdef void* px
    cdef void* po
    cdef int dtype
    bits.seed, bits.threshold, bits.scale = check_dropout(op, x, p, seed, name=name)
    dtype = float_type(x)
    x = aligned(x)
    out = empty_like(x)
    n = PyArray_SIZE(x)
    set_view(&view, x, out, x.itemsize)
    px = PyArray_DATA(x)
    po = PyArray_DATA(out)
    with nogil:
        if dtype == NPY_FLOAT:
            drop_all(<const float*>px, <float*>po, &view, &bits, n, <float>bits.scale)
        elif dtype == NPY_DOUBLE:
            drop_all(<const double*>px, <double*>po, &view, &bits, n, bits.scale)
        else:
            drop_all(<const half*>px, <half*>po, &view, &bits, n, <float>bits.scale)
    return out


def dropout(x: np.ndarray, p: float, seed: int) -> np.ndarray:
    """Set each element to zero with probability p, and scale the others.

    Same contract as odyssey.reference.dropout.dropout. One pass over memory;
    the output has the memory layout of x when that is dense.
    """
    return door("dropout", "x", x, p, seed)


def dropout_backward(grad: np.ndarray, p: float, seed: int) -> np.ndarray:
    """Drop and scale the gradient as the forward did its input.

    Same contract as odyssey.reference.dropout.dropout_backward. One pass over
    memory, the random bits computed again.
    """
    return door("dropout_backward", "grad", grad, p, seed)
