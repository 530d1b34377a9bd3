# The field of a chunk: what the windows of some rows of outputs see, copied, with zeros around.
#
# The copy costs little, because a number is read from it for every tap and every register of
# outputs. It makes all windows alike: neighbours are equally far apart, and so are the taps of
# each. Where nothing hangs over the sides, the field is the image itself and nothing is copied.

from libc.string cimport memset

from odyssey._ext._simd cimport element, real, vec
from odyssey._ext._windows cimport Axis, Walk, copy_row

cdef extern from "inline.h":
    pass


# Rows of outputs that are computed together, and what their windows see: of each image `rows` rows
# of `width` pixels, one of which holds `pitch` numbers.
cdef struct Chunks:
    Py_ssize_t images, lines        # whole images, or lines of one
    Py_ssize_t count                # of chunks
    bint open                       # no padding: the field is the image itself
    Py_ssize_t rows, width, pitch


# What one job covers, of jobs that count the chunks of one group of channels after the other: some
# lines of outputs of one image, or some images.
cdef struct Part:
    Py_ssize_t g, image, line, images, lines


cdef inline Part part_of(const Walk* walk, const Chunks* chunks, Py_ssize_t job) noexcept nogil:
    cdef Py_ssize_t chunk = job % chunks.count
    cdef Py_ssize_t parts = (walk.v.count + chunks.lines - 1) // chunks.lines   # of an image
    cdef Part part
    part.g = job // chunks.count
    part.image = chunk // parts * chunks.images
    part.line = chunk % parts * chunks.lines
    part.images = min(chunks.images, walk.N - part.image)
    part.lines = min(chunks.lines, walk.v.count - part.line)
    return part


cdef inline Py_ssize_t extent(const Axis* a, Py_ssize_t count) noexcept nogil:
    return (count - 1) * a.move + max(a.taps - 1, 0) * a.gap + 1


cdef inline bint within(const Axis* a) noexcept nogil:
    return a.offset >= 0 and a.offset + extent(a, a.count) <= a.source


# Chunks of `pixels` outputs or some more, which tiles of `tile` cover, as near as that goes.
cdef inline Chunks chunks_of(
        const Walk* walk, bint as_they_are, Py_ssize_t pixels, Py_ssize_t tile) noexcept nogil:
    cdef const Axis* v = &walk.v
    cdef const Axis* h = &walk.h
    cdef Py_ssize_t unit = tile
    cdef Chunks chunks
    while unit > 1 and h.count * (unit // 2 if unit % 2 == 0 else unit // 3) % tile == 0:
        unit = unit // 2 if unit % 2 == 0 else unit // 3
    chunks.images = 1
    chunks.lines = min(v.count, (pixels // h.count // unit + 1) * unit)
    if chunks.lines == v.count:
        chunks.images = min(walk.N, max(1, pixels // (v.count * h.count)))
    chunks.count = (walk.N + chunks.images - 1) // chunks.images * (
        (v.count + chunks.lines - 1) // chunks.lines)
    chunks.open = as_they_are and within(v) and within(h)
    chunks.rows = extent(v, chunks.lines)
    chunks.width = extent(h, h.count)
    chunks.pitch = walk.inner
    if chunks.open:
        chunks.rows, chunks.width = v.source, h.source
        chunks.pitch = walk.groups * walk.inner
    return chunks


# What the windows of some lines of an image see, channels of one group.
cdef inline void fill(const Walk* walk, const Chunks* chunks, Py_ssize_t first,
        const element* image, real* field, vec zero) noexcept nogil:
    cdef const Axis* v = &walk.v
    cdef const Axis* h = &walk.h
    cdef Py_ssize_t C = walk.groups * walk.inner
    cdef Py_ssize_t pitch = chunks.pitch
    cdef Py_ssize_t left = min(max(-h.offset, 0), chunks.width)
    cdef Py_ssize_t right = max(left, min(chunks.width, h.source - h.offset))
    cdef Py_ssize_t i, j, row
    cdef const element* x
    for i in range(chunks.rows):
        row = first * v.move + v.offset + i
        if row < 0 or row >= v.source:
            memset(field, 0, chunks.width * pitch * sizeof(real))
        else:
            x = image + (row * h.source + left + h.offset) * C
            memset(field, 0, left * pitch * sizeof(real))
            if pitch == C:
                copy_row(x, (right - left) * C, field + left * pitch, zero)
            else:
                for j in range(right - left):
                    copy_row(x + j * C, pitch, field + (left + j) * pitch, zero)
            memset(field + right * pitch, 0, (chunks.width - right) * pitch * sizeof(real))
        field += chunks.width * pitch
