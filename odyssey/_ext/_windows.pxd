# A window sliding over an image, as plain numbers: what conv.pyx and depthwise.pyx share.
#
# Both directions of a convolution are one kind of walk. Every pixel i of a target image (along one
# axis: `first + i * step`) collects what a few taps read in a source image, tap t at
# `i * move + offset + t * gap`, and multiplies it by the weight number `tap + t * tap_step`:
#
#   forward          the target is the output, the source the input, all taps take part
#   input gradient   the target is the input's gradient, the source the output's. With a stride s,
#                    only every s-th pixel meets a tap: pixels are taken phase by phase, those
#                    `phase`, `phase + s`, ... together, because they meet the same taps. Taps are
#                    counted backwards, so that they read forwards.

from cython.parallel cimport prange

cimport numpy as cnp

cdef extern from "inline.h":        # `inline` is an order: tiles are unrolled where they are used
    pass

from odyssey._ext._door cimport (
    NPY_HALF, PyArray_DATA, PyArray_DIMS, PyArray_SIZE, PyArray_STRIDES, PyArray_TYPE,
)
from odyssey._ext._layout cimport empty_channels_last
from odyssey._ext._simd cimport (
    WIDE, element, half, half_to_float, lanes, load, load_part, real, store, store_part, vec,
    vsplat_f32,
)
from odyssey._ext._threads cimport num_threads


cdef struct Axis:
    Py_ssize_t source, target       # pixels of the two images
    Py_ssize_t first, step, count   # which target pixels
    Py_ssize_t move, offset, gap    # what they read
    Py_ssize_t taps, tap, tap_step  # the weights that they use

# What users write, checked (utils/kernel_checks_conv.py): along one axis.
cdef struct Slide:
    Py_ssize_t size                 # of the input
    Py_ssize_t outputs
    Py_ssize_t taps, stride, dilation, before

cdef struct Walk:
    Py_ssize_t N, groups
    Py_ssize_t inner                # source channels of a group
    Py_ssize_t outs                 # target channels of a group
    Axis v, h                       # vertical, horizontal


# The weights, read through their strides (in bytes), seen from the target: outputs and source
# channels of a group.
cdef struct Filters:
    const char* data
    Py_ssize_t group, out, inner, r, s


# What a checked call of a convolution comes to.
cdef struct Call:
    Slide v, h
    Walk walk                       # of the forward direction
    Filters filters
    int number                      # the arrays' dtype


# The vertical (axis 0) or horizontal part of a checked Window.
cdef inline Slide slide(Py_ssize_t size, Py_ssize_t taps, object window, int axis):
    return Slide(
        size, window.outputs[axis], taps, window.stride[axis], window.dilation[axis],
        window.padding[axis][0])


cdef inline Axis forward_axis(Slide s) noexcept nogil:
    return Axis(
        s.size, s.outputs, 0, 1, s.outputs, s.stride, -s.before, s.dilation, s.taps, 0, 1)


# weight must be an array that C can read.
cdef inline Call call_for(object x, object weight, object window):
    cdef cnp.npy_intp* shape = PyArray_DIMS(x)
    cdef cnp.npy_intp* filters = PyArray_DIMS(weight)
    cdef cnp.npy_intp* strides = PyArray_STRIDES(weight)
    cdef Call call
    call.v = slide(shape[2], filters[2], window, 0)
    call.h = slide(shape[3], filters[3], window, 1)
    call.walk.N = shape[0]
    call.walk.groups = window.groups
    call.walk.inner = filters[1]
    call.walk.outs = filters[0] // call.walk.groups
    call.walk.v = forward_axis(call.v)
    call.walk.h = forward_axis(call.h)
    call.filters = Filters(
        <const char*>PyArray_DATA(weight), call.walk.outs * strides[0], strides[0], strides[1],
        strides[2], strides[3])
    call.number = PyArray_TYPE(x)
    return call


# The greatest one: Euclid's algorithm.
cdef inline Py_ssize_t common_divisor(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    while b:
        a, b = b, a % b
    return a


cdef inline Axis gradient_axis(Slide s, Py_ssize_t phase) noexcept nogil:
    cdef Py_ssize_t common = common_divisor(s.stride, s.dilation)
    cdef Py_ssize_t tap = s.taps - 1
    cdef Axis a
    a.source = s.outputs
    a.target = s.size
    a.first = phase
    a.step = s.stride
    a.count = (s.size - phase + s.stride - 1) // s.stride
    a.move = 1
    a.gap = s.dilation // common
    a.tap_step = -(s.stride // common)
    while tap >= 0 and (phase + s.before - tap * s.dilation) % s.stride:
        tap -= 1
    a.tap = tap
    a.taps = 0
    a.offset = 0
    if tap >= 0:
        a.taps = tap // -a.tap_step + 1
        a.offset = (phase + s.before - tap * s.dilation) // s.stride
    return a


# The taps t, from `low` up to `high`, that read inside the source for target pixel i.
cdef inline void inside(
        const Axis* a, Py_ssize_t i, Py_ssize_t* low, Py_ssize_t* high) noexcept nogil:
    cdef Py_ssize_t start = i * a.move + a.offset
    low[0] = 0 if start >= 0 else (-start + a.gap - 1) // a.gap
    high[0] = 0 if start >= a.source else min(a.taps, (a.source - 1 - start) // a.gap + 1)


# ---- blocks of outputs: up to WIDE vectors of them -----------------------------------------------

cdef inline Py_ssize_t block_count(Py_ssize_t outs, vec zero) noexcept nogil:
    return (outs + WIDE * lanes(zero) - 1) // (WIDE * lanes(zero))


# How many vectors block b has: 1, 2 or WIDE; the last one may be cut off.
cdef inline int width_of(Py_ssize_t outs, Py_ssize_t b, vec zero) noexcept nogil:
    cdef Py_ssize_t rest = outs - b * WIDE * lanes(zero)
    return 1 if rest <= lanes(zero) else 2 if rest <= 2 * lanes(zero) else WIDE


# The same number as a type. Cython makes a function of its own for each, in which the compiler
# knows the number and keeps a tile of sums in registers; from a caller's argument it might not.
ctypedef char one
ctypedef short two
ctypedef int most

ctypedef fused breadth:
    one
    two
    most


cdef inline int vectors(breadth like) noexcept nogil:
    return 1 if breadth is one else 2 if breadth is two else WIDE


# ---- sums that threads made ----------------------------------------------------------------------

# The first of several slices of `room` numbers, whole registers, becomes the sum of all, slice
# after slice.
cdef inline void add_slices(Py_ssize_t slices, Py_ssize_t room, real* sums,
        vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t i, j
    cdef vec total
    for i in range(room // V):
        total = load(<const real*>sums + i * V, zero)
        for j in range(1, slices):
            total = total + load(<const real*>sums + j * room + i * V, zero)
        store(sums + i * V, total)


# ---- half precision ------------------------------------------------------------------------------

cdef inline real stored(const char* p, element like, real zero) noexcept nogil:
    if element is half:
        return half_to_float((<const element*>p)[0])
    else:
        return <real>(<const element*>p)[0]


# A row of numbers, half precision widened.
cdef inline void copy_row(const element* x, Py_ssize_t count, real* out, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t i = 0
    while i + V <= count:
        store(out + i, load(x + i, zero))
        i += V
    if i < count:
        store_part(out + i, count - i, load_part(x + i, count - i, zero))


# A channels-last batch in the dtype of the arithmetic: float16 as float32, else itself.
cdef inline object widened(object x):
    cdef cnp.npy_intp* shape = PyArray_DIMS(x)
    cdef Py_ssize_t count = PyArray_SIZE(x)
    cdef int threads = num_threads() if count > 1 << 17 else 1
    cdef const half* p
    cdef float* q
    cdef Py_ssize_t i
    if PyArray_TYPE(x) != NPY_HALF:
        return x
    out = empty_channels_last(shape[0], shape[1], shape[2], shape[3], cnp.NPY_FLOAT)
    p = <const half*>PyArray_DATA(x)
    q = <float*>PyArray_DATA(out)
    for i in prange((count + 8191) // 8192, nogil=True, num_threads=threads, schedule="static",
            use_threads_if=threads > 1):
        copy_row(p + i * 8192, min(8192, count - i * 8192), q + i * 8192, vsplat_f32(0))
    return out
