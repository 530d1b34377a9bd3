# The channels of a pixel as registers, for the kernels that work through channels-last images.

from odyssey._ext._simd cimport element, lanes, load, load_part, store, store_part, vec
from odyssey._ext._threads cimport num_threads

cdef extern from "inline.h" nogil:
    void __builtin_prefetch(const void* address, int write, int locality)

cdef enum:
    BLOCK = 4                       # registers of channels that are worked on at once, at most
    PARALLEL = 1 << 14              # numbers read that are worth a second thread
    FAR = 1 << 24                   # bytes of images that would not stay in the cache


# How many threads a call is worth.
cdef inline int threads_for(Py_ssize_t numbers) noexcept nogil:
    return num_threads() if numbers > PARALLEL else 1


# Rows are worked through a piece of the channels at a time, the last piece first. This is how many
# of c channels the last piece has: BLOCK registers, or what is left over from those.
cdef inline Py_ssize_t last_piece(Py_ssize_t c, vec like) noexcept nogil:
    cdef Py_ssize_t V = lanes(like)
    cdef Py_ssize_t rest = c % (BLOCK * V)
    if rest == 0:
        return BLOCK * V
    return rest - 2 * V if rest > 2 * V else rest


# And in how many registers it stands.
cdef inline int registers_for(Py_ssize_t n, vec like) noexcept nogil:
    return BLOCK if n > 2 * lanes(like) else 2 if n > lanes(like) else 1


# Register i of the n channels at p. Only the very last one may be part empty. If `whole`, it brings
# along what follows the channels in memory: cheaper than to leave that out.
cdef inline vec load_channels(int i, int registers, const element* p, Py_ssize_t n, bint whole,
        vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    if i < registers - 1 or whole:
        return load(p + i * V, zero)
    return load_part(p + i * V, n - i * V, zero)


# The same for results. If `whole`, what follows the channels is overwritten: it belongs to the next
# pixels and to channels whose turn comes later. Parts of registers take long to store.
cdef inline void store_channels(int i, int registers, element* p, Py_ssize_t n, bint whole,
        vec v) noexcept nogil:
    cdef Py_ssize_t V = lanes(v)
    if i < registers - 1 or whole:
        store(p + i * V, v)
    else:
        store_part(p + i * V, n - i * V, v)


# The windows of a row wait for pixels that come from memory: the processor does not guess that the
# rows below are next. This fetches those up to row `stop`, columns `left` to `right`. From a cache
# they come as fast without.
cdef inline void fetch_below(const element* image, Py_ssize_t C, Py_ssize_t W, Py_ssize_t top,
        Py_ssize_t stop, Py_ssize_t left, Py_ssize_t right, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t y, x, i
    for y in range(top, stop):
        for x in range(left, right):
            for i in range(0, n * <Py_ssize_t>sizeof(element), 64):
                __builtin_prefetch(<const char*>(image + (y * W + x) * C) + i, 0, 2)
