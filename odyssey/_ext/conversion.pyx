# Conversions between the floating dtypes.
#
# Plan. Between float16 and float32 a register at a time, four registers a turn, in one pass over
# memory; the processor has instructions for it, of which NumPy makes no use. Threads split the
# array into pieces. What is not one run in memory is made one first, in its own dtype.
#
# From and to float64 nothing here is in a hurry: that is NumPy's.

cimport numpy as cnp
from cython.parallel cimport prange

from odyssey._ext._door cimport (
    NPY_FLOAT, NPY_HALF, PyArray_DATA, PyArray_DIMS, PyArray_NDIM, PyArray_SIZE,
    contiguous, float_type,
)
from odyssey._ext._pool cimport empty
from odyssey._ext._simd cimport (
    half, lanes, vf32, vload_f16, vload_f32, vload_part_f16, vload_part_f32, vsplat_f32, vstore_f16,
    vstore_f32, vstore_part_f16, vstore_part_f32,
)
from odyssey._ext._threads cimport num_threads

import numpy as np

from odyssey.utils.kernel_checks import check_convert

cnp.import_array()

cdef enum:
    PIECE = 1 << 14             # numbers that one thread takes at a time
    PARALLEL = 1 << 17          # numbers that are worth a second thread


cdef void narrow(const float* x, half* out, Py_ssize_t n) noexcept nogil:
    cdef vf32 a, b, c, d
    cdef vf32 zero = vsplat_f32(0)
    cdef Py_ssize_t V = lanes(zero)
    while n >= 4 * V:
        a = vload_f32(x)
        b = vload_f32(x + V)
        c = vload_f32(x + 2 * V)
        d = vload_f32(x + 3 * V)
        vstore_f16(out, a)
        vstore_f16(out + V, b)
        vstore_f16(out + 2 * V, c)
        vstore_f16(out + 3 * V, d)
        x += 4 * V
        out += 4 * V
        n -= 4 * V
    while n >= V:
        vstore_f16(out, vload_f32(x))
        x += V
        out += V
        n -= V
    if n > 0:
        vstore_part_f16(out, n, vload_part_f32(x, n, zero))


cdef void widen(const half* x, float* out, Py_ssize_t n) noexcept nogil:
    cdef vf32 a, b, c, d
    cdef vf32 zero = vsplat_f32(0)
    cdef Py_ssize_t V = lanes(zero)
    while n >= 4 * V:
        a = vload_f16(x)
        b = vload_f16(x + V)
        c = vload_f16(x + 2 * V)
        d = vload_f16(x + 3 * V)
        vstore_f32(out, a)
        vstore_f32(out + V, b)
        vstore_f32(out + 2 * V, c)
        vstore_f32(out + 3 * V, d)
        x += 4 * V
        out += 4 * V
        n -= 4 * V
    while n >= V:
        vstore_f32(out, vload_f16(x))
        x += V
        out += V
        n -= V
    if n > 0:
        vstore_part_f32(out, n, vload_part_f16(x, n, zero))


cdef void piece(const void* x, void* out, bint narrowing, Py_ssize_t first,
                Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t n = min(<Py_ssize_t>PIECE, size - first)
    if narrowing:
        narrow(<const float*>x + first, <half*>out + first, n)
    else:
        widen(<const half*>x + first, <float*>out + first, n)


cdef void pieces(const void* x, void* out, bint narrowing, Py_ssize_t size,
                 int threads) noexcept nogil:
    cdef Py_ssize_t i
    if threads == 1:
        for i in range((size + PIECE - 1) // PIECE):
            piece(x, out, narrowing, i * PIECE, size)
        return
    for i in prange((size + PIECE - 1) // PIECE, num_threads=threads, schedule="static"):
        piece(x, out, narrowing, i * PIECE, size)


def convert(x: np.ndarray, dtype: str) -> np.ndarray:
    """Return the numbers of an array in another floating dtype.

    Same contract as odyssey.reference.conversion.convert. Between float16 and
    float32 one pass over memory, by threads; any other pair is NumPy's.
    """
    cdef int number = float_type(x)
    cdef bint narrowing = number == NPY_FLOAT and dtype == "float16"
    cdef const void* px
    cdef void* po
    cdef Py_ssize_t size
    cdef int threads
    if not narrowing and not (number == NPY_HALF and dtype == "float32"):
        check_convert(x, dtype)
        with np.errstate(all="ignore"):
            return np.array(x, dtype, order="C")
    x = contiguous(x)
    out = empty(PyArray_NDIM(x), PyArray_DIMS(x), NPY_HALF if narrowing else NPY_FLOAT)
    px, po, size = PyArray_DATA(x), PyArray_DATA(out), PyArray_SIZE(x)
    threads = num_threads() if size >= PARALLEL else 1
    with nogil:
        pieces(px, po, narrowing, size, threads)
    return out
