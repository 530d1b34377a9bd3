# The mean of a whole image, and its gradient: one number for each channel.
#
# Forward reads an image once, in the order of memory, and keeps the sums of up to WIDE registers of
# channels in L1. An image with few channels is read as one with many: pixels side by side are taken
# for one wide pixel that fills its registers to the last lane, and their sums are added up at the
# end. (For 3 channels and registers of 16 lanes, 16 pixels make 48 channels, 3 registers.)
#
# Backward writes the same pixel again and again: it copies a run of them that stays in L1.

from libc.string cimport memcpy

from odyssey._ext._channels cimport BLOCK
from odyssey._ext._simd cimport (
    element, lanes, load, load_part, splat, store, store_part, vec, vf32, vload_f32, vload_f64,
)

cdef enum:
    WIDE = 64                       # registers of sums
    RUN = 2048                      # numbers that are copied at once


# How many pixels to take for one. If possible their channels fill registers, at least BLOCK.
cdef inline Py_ssize_t together(Py_ssize_t C, vec like) noexcept nogil:
    cdef Py_ssize_t V = lanes(like)
    cdef Py_ssize_t count = 1
    while (count * C % V or count * C < BLOCK * V) and 2 * count * C <= WIDE * V:
        count *= 2
    return count


# sums += four rows of registers, `step` numbers apart.
cdef inline void add_four(vec* sums, Py_ssize_t registers, const element* p, Py_ssize_t step,
        vec zero) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(registers):
        sums[i] = sums[i] + (
            (load(p, zero) + load(p + step, zero))
            + (load(p + 2 * step, zero) + load(p + 3 * step, zero)))
        p += lanes(zero)


# sums = all the rows of BLOCK registers, which stay in registers meanwhile.
cdef inline void add_all(vec* sums, const element* p, Py_ssize_t rows, vec zero) noexcept nogil:
    cdef vec[BLOCK] total
    cdef Py_ssize_t _k
    cdef int i
    for i in range(BLOCK):
        total[i] = zero
    for _k in range(rows):
        for i in range(BLOCK):
            total[i] = total[i] + load(p + i * lanes(zero), zero)
        p += BLOCK * lanes(zero)
    for i in range(BLOCK):
        sums[i] = total[i]


# As many numbers as a register holds, from number k of these registers on.
cdef inline vec numbers_at(const vec* registers, Py_ssize_t k, vec like) noexcept nogil:
    if vec is vf32:
        return vload_f32(<const float*>registers + k)
    else:
        return vload_f64(<const double*>registers + k)


# The mean of n <= WIDE registers of channels of an image that has C.
cdef inline void mean_of_image(const element* image, const element* end, Py_ssize_t pixels,
        Py_ssize_t C, Py_ssize_t n, element* out, vec zero) noexcept nogil:
    cdef vec[WIDE + 1] sums
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t wide = together(C, zero) if n == C else 1
    cdef Py_ssize_t step = wide * C
    cdef Py_ssize_t registers = (wide * n + V - 1) // V
    cdef Py_ssize_t c, k, i
    cdef Py_ssize_t done = 0
    cdef const element* p
    cdef vec total
    for i in range(registers + 1):
        sums[i] = zero
    if step == BLOCK * V:
        done = pixels // wide * wide
        add_all(sums, image, pixels // wide, zero)
    # The last register of a row may bring along what follows: not beyond the end of the images.
    while done + 4 * wide <= pixels and image + (done + 3 * wide) * C + registers * V <= end:
        add_four(sums, registers, image + done * C, step, zero)
        done += 4 * wide
    c = 0
    while c < n:
        total = zero
        for k in range(wide if done else 0):
            total = total + numbers_at(sums, k * C + c, zero)
        for k in range(done, pixels):
            p = image + k * C + c
            total = total + (load(p, zero) if p + V <= end else load_part(p, n - c, zero))
        total = total / splat(pixels, zero)
        if c + V <= n:
            store(out + c, total)
        else:
            store_part(out + c, n - c, total)
        c += V


# Write `pixels` pixels, each the gradient divided by `divisor`.
cdef inline void repeat(const element* grad, Py_ssize_t C, double divisor, Py_ssize_t pixels,
        element* out, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t run = max(RUN // C, 1) * C
    cdef Py_ssize_t c = 0
    cdef Py_ssize_t done = C
    cdef Py_ssize_t n
    cdef vec by = splat(divisor, zero)
    while c + V <= C:
        store(out + c, load(grad + c, zero) / by)
        c += V
    if c < C:
        store_part(out + c, C - c, load_part(grad + c, C - c, zero) / by)
    while done < pixels * C:
        n = min(min(done, run), pixels * C - done)
        memcpy(out + done, out, n * sizeof(element))
        done += n
