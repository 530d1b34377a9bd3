# The input gradient of few channels: the outputs of a register tile are a whole row of taps.
#
# With 6 channels a register of a pixel's gradient would have 6 of its 16 lanes at work. But a pixel
# of the output's gradient goes to S neighbouring pixels of the input, one for each tap of a row,
# and their channels stand side by side: with 5 taps a run of 30 numbers, which fill two registers.
#
#   for some images:                                    (their runs stay in L2)
#       walk down the columns of the output's gradient, with windows of R x 1 taps and S * C outputs
#       for each row of the input:                      (threads split these)
#           add the columns' runs, each where its taps begin: they overlap
#
# Nothing is multiplied by the zeros beside an image. Without padding, in small images, these are a
# third of what a window of R x S taps sees.

from libc.string cimport memset

from odyssey._ext._simd cimport element, lanes, load, real, store, store_part, vec
from odyssey._ext._windows cimport Axis, Filters, Slide, Walk

cdef enum:
    NEAR = 1 << 20                  # bytes of runs, at most
    ADDING = 4                      # what adding a register takes, in multiply-adds of one


# The numbers of a run, up to the end of a register.
cdef inline Py_ssize_t run_length(const Walk* walk, Slide h, vec like) noexcept nogil:
    return (h.taps * walk.inner + lanes(like) - 1) // lanes(like) * lanes(like)


# How many images' runs are made before they are added. 0 where it pays to walk over pixels instead,
# which takes so many multiply-adds of `registers` for each row of pixels, row of taps and filter.
cdef inline Py_ssize_t images_at_once(const Walk* walk, Slide v, Slide h, Py_ssize_t registers,
        real number, vec zero) noexcept nogil:
    cdef Py_ssize_t length = run_length(walk, h, zero)
    cdef Py_ssize_t bytes = v.size * h.outputs * length * <Py_ssize_t>sizeof(real)
    cdef Py_ssize_t own = h.outputs * length // lanes(zero)
    cdef Py_ssize_t depth = v.taps * walk.outs
    if (walk.groups > 1 or h.dilation > 1 or bytes == 0 or bytes > NEAR
            or 5 * own * (depth + ADDING * v.stride) >= 4 * registers * depth):
        return 0
    return min(walk.N, NEAR // bytes)


# The walk down the columns; its v is still that of the forward walk.
cdef inline Walk column_walk(const Walk* walk, Slide h, vec like) noexcept nogil:
    cdef Walk columns = walk[0]
    columns.inner = walk.outs
    columns.outs = run_length(walk, h, like)
    columns.h = Axis(h.outputs, h.outputs, 0, 1, h.outputs, 1, 0, 1, 1, 0, 1)
    return columns


# The weights as rows[filter][row of taps][tap][channel], zeros up to the end of a run.
cdef inline Filters weights_by_row(const Walk* walk, Slide v, Slide h, Filters filters,
        element* rows, real number, vec zero) noexcept nogil:
    cdef Py_ssize_t length = run_length(walk, h, zero)
    cdef Py_ssize_t size = sizeof(element)
    cdef Py_ssize_t k, r, s, c
    cdef element* out = rows
    memset(rows, 0, walk.outs * v.taps * length * size)
    for k in range(walk.outs):
        for r in range(v.taps):
            for s in range(h.taps):
                for c in range(walk.inner):
                    out[s * walk.inner + c] = (<const element*>(
                        filters.data + k * filters.out + r * filters.r + s * filters.s
                        + c * filters.inner))[0]
            out += length
    return Filters(<const char*>rows, 0, size, v.taps * length * size, length * size, 0)


# Runs that overlap go to different layers of a row; so many.
cdef inline Py_ssize_t layer_count(Slide h) noexcept nogil:
    return (h.taps + h.stride - 1) // h.stride


# The numbers of a layer: a row of pixels, and all that runs reach beyond it.
cdef inline Py_ssize_t layer_length(const Walk* walk, Slide h, vec like) noexcept nogil:
    return (max((h.outputs - 1) * h.stride, h.before + h.size) * walk.inner
        + run_length(walk, h, like) + lanes(like))


# One row of the input's gradient, from the runs of its columns. Where no run reaches, `layers` is
# zero, and stays so.
cdef inline void add_runs(const Walk* walk, Slide h, const element* runs, element* layers,
        element* target, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t registers = run_length(walk, h, zero) // V
    cdef Py_ssize_t length = layer_length(walk, h, zero)
    cdef Py_ssize_t count = layer_count(h)
    cdef Py_ssize_t size = h.size * walk.inner
    cdef Py_ssize_t q, i, layer = 0
    cdef const element* row = <const element*>layers + h.before * walk.inner
    cdef element* p
    cdef vec total
    for q in range(h.outputs):      # the zeros at the end of a run go before the layer's next one
        p = layers + layer * length + q * h.stride * walk.inner
        for i in range(registers):
            store(p + i * V, load(runs + i * V, zero))
        runs += registers * V
        layer = layer + 1 if layer + 1 < count else 0
    i = 0
    while i < size:
        total = load(row + i, zero)
        for layer in range(1, count):
            total = total + load(row + layer * length + i, zero)
        if i + V <= size:
            store(target + i, total)
        else:
            store_part(target + i, size - i, total)
        i += V
