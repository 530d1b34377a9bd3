# What the walks of depthwise.pyx share: tracks, vectors of channels, and packed weights.
#
# A track is an Axis (_windows.pxd) in its simplest form. Pixel `first + i * step` of the target,
# i < count, meets the columns `i * move + t * gap` of the track, tap t. Column j is pixel
# `origin + j * pace` of the source, which has the columns from `enter` up to `leave`.
#
# Every window becomes dense, gap 1, where a track skips what its windows do not meet. With a
# dilation of 2, even outputs meet even pixels only, and odd ones odd pixels: two tracks, each a
# plain convolution of half an image. So it is with the phases of the input gradient. Only a stride
# and a dilation that have no common factor leave gaps.

cdef extern from "inline.h" nogil:  # `inline` is an order: tiles are unrolled where they are used
    void __builtin_prefetch(const void* address, int write, int locality)

cimport numpy as cnp
from libc.string cimport memset

from odyssey._ext._simd cimport lanes, load, load_part, real, vec
from odyssey._ext._windows cimport Axis, Slide, forward_axis, gradient_axis

cdef enum:
    STRIPE = 4                      # rows of the target that are walked together
    TILE = 8                        # pixels of it that share the load of a weight


cdef struct Track:
    Py_ssize_t source, target       # pixels of the two images
    Py_ssize_t first, step, count
    Py_ssize_t move, gap
    Py_ssize_t origin, pace, enter, leave
    Py_ssize_t taps, tap, tap_step  # tap t is number `tap + t * tap_step` of the window

# A call: N images of C channels, and the window along both axes.
cdef struct Walk:
    Py_ssize_t N, C
    bint backward                   # the target is the gradient of the input
    bint far                        # the images do not fit a cache
    Slide v, h


cdef inline Py_ssize_t common_factor(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    while b:
        a, b = b, a % b
    return a


# The window along one axis. The dilation of a single tap means nothing: one that leaves no gaps.
cdef inline Slide simplest(Slide s) noexcept nogil:
    if s.taps == 1:
        s.dilation = s.stride
    return s


# The phases of the stride, of which each has a pixel at least: a stride may be beyond the image.
cdef inline Py_ssize_t phase_count(Slide s, bint backward) noexcept nogil:
    return max(1, min(s.stride, s.size)) if backward else 1


# How many tracks cover the target.
cdef inline Py_ssize_t track_count(Slide s, bint backward) noexcept nogil:
    cdef Py_ssize_t common = common_factor(s.stride, s.dilation)
    cdef Py_ssize_t split = s.dilation // common if backward or common == s.stride else 1
    cdef Py_ssize_t longest = (s.size + s.stride - 1) // s.stride if backward else s.outputs
    return phase_count(s, backward) * max(1, min(split, longest))


# The track number f.
cdef inline Track track(Slide s, bint backward, Py_ssize_t f) noexcept nogil:
    cdef Py_ssize_t phases = phase_count(s, backward)
    cdef Axis a = gradient_axis(s, f % phases) if backward else forward_axis(s)
    cdef Py_ssize_t skip = f // phases
    cdef Py_ssize_t common = common_factor(a.move, a.gap)
    cdef Py_ssize_t split = a.gap // common if a.move == common else 1
    cdef Track out
    out.source = a.source
    out.target = a.target
    out.first = a.first + skip * a.step
    out.step = a.step * split
    out.count = (a.count - skip + split - 1) // split
    out.move = a.move // common
    out.gap = a.gap // common // split
    out.origin = a.offset + skip * a.move
    out.pace = common * split
    out.enter = 0
    out.leave = 0
    if out.origin < 0:
        out.enter = (-out.origin + out.pace - 1) // out.pace
    if out.origin < a.source:
        out.leave = (a.source - 1 - out.origin) // out.pace + 1
    out.taps = a.taps
    out.tap = a.tap
    out.tap_step = a.tap_step
    return out


# The taps, from `low` up to `high`, that target pixel i of a track has inside the source.
cdef inline void taps_inside(
        const Track* a, Py_ssize_t i, Py_ssize_t* low, Py_ssize_t* high) noexcept nogil:
    cdef Py_ssize_t start = i * a.move
    low[0] = 0 if start >= a.enter else (a.enter - start + a.gap - 1) // a.gap
    high[0] = 0 if start >= a.leave else min(a.taps, (a.leave - 1 - start) // a.gap + 1)


# The target pixels, from `begin` up to `end`, that have all their taps inside.
cdef inline void whole_windows(const Track* a, Py_ssize_t* begin, Py_ssize_t* end) noexcept nogil:
    cdef Py_ssize_t last = a.leave - 1 - (a.taps - 1) * a.gap
    begin[0] = min(a.count, (a.enter + a.move - 1) // a.move)
    end[0] = max(begin[0], min(a.count, last // a.move + 1) if last >= 0 else 0)


# ---- blocks of channels: one vector --------------------------------------------------------------

cdef inline Py_ssize_t vector_count(Py_ssize_t C, vec zero) noexcept nogil:
    return (C + lanes(zero) - 1) // lanes(zero)


# Where vector j begins. The last one ends with the channels and may lie over the one before it:
# what is computed twice is the same. Only fewer channels than a vector has make it a part.
cdef inline Py_ssize_t first_channel(Py_ssize_t C, Py_ssize_t j, vec zero) noexcept nogil:
    return max(0, min(j * lanes(zero), C - lanes(zero)))


# A vector, or if it is a part, a literal, its C channels and zeros.
cdef inline vec first_lanes(const real* p, bint part, Py_ssize_t C, vec zero) noexcept nogil:
    return load_part(p, C, zero) if part else load(p, zero)


# ---- what comes next -----------------------------------------------------------------------------

# While a stripe is walked, the rows that the next one adds are fetched: `rows` of `width` pixels
# from number `first` on, an equal part for each vector of channels, c being its first. The walk
# itself jumps from pixel to pixel, where no processor foresees it.
cdef inline const real* next_rows(const real* image, Py_ssize_t first, Py_ssize_t width,
        Py_ssize_t rows, Py_ssize_t C, Py_ssize_t c) noexcept nogil:
    return image - c + first * width * C + c * rows * width


cdef inline void fetch(int count, const real* p, vec zero) noexcept nogil:
    cdef int i
    for i in range(count):
        __builtin_prefetch(p + i * lanes(zero), 0, 2)


# ---- the weights ---------------------------------------------------------------------------------

# Numbers of a vector of channels in the packed weights: its taps, and its biases.
cdef inline Py_ssize_t packed_size(const Walk* walk, vec zero) noexcept nogil:
    return (walk.v.taps * walk.h.taps + 1) * lanes(zero)


# The weights of vector j as [tap][channel], and as a last tap the biases (`bias` is NULL for none).
# Steps are in bytes.
cdef inline void pack(const Walk* walk, Py_ssize_t j, const char* weight,
        const cnp.npy_intp* steps, const char* bias, Py_ssize_t bias_step, real* out,
        vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t c = first_channel(walk.C, j, zero)
    cdef Py_ssize_t last = packed_size(walk, zero) - V
    cdef Py_ssize_t k, r, s
    cdef const char* w
    if walk.C < V:
        memset(out, 0, packed_size(walk, zero) * sizeof(real))
    for k in range(min(V, walk.C - c)):
        for r in range(walk.v.taps):
            w = weight + (c + k) * steps[0] + r * steps[2]
            for s in range(walk.h.taps):
                out[(r * walk.h.taps + s) * V + k] = (<const real*>w)[0]
                w += steps[3]
        out[last + k] = (<const real*>(bias + (c + k) * bias_step))[0] if bias != NULL else 0
