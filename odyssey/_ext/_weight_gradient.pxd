# The gradients of a convolution's weights and biases: sums over all pixels.
#
# Plan. For every tap (r, s) the gradient of the weights is a product of two matrices with a row per
# output pixel: what the tap reads of the input, transposed, times the output's gradient.
#
#   for each stretch of pixels (of both images about STRETCH bytes):     (it stays in L2)
#       for each block of WIDE vectors of outputs, each tap:             (threads split these)
#           for each chunk of CHUNK pixels:
#               pack the block of the output's gradient                  (it stays in L1)
#               point at the input pixels of the tap, zeros outside the image
#               for each PIXELS input channels: a register tile of PIXELS x WIDE vectors of sums,
#                   one pixel after the other
#
# With few channels a tile would be almost empty: then its rows are different taps and channels,
# and pixels are taken along a row of the image, where all of its pointers move by one step.
#
# Each sum is made by one thread at a time, over the pixels in one order.

cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdlib cimport free
from libc.string cimport memset

from odyssey._ext._door cimport NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, PyArray_DIMS, PyArray_TYPE
from odyssey._ext._pool cimport empty
from odyssey._ext._simd cimport (
    WIDE, element, half, float_to_half, lanes, load, load_part, real, scratch, store, times, vec,
    vsplat_f32, vsplat_f64,
)
from odyssey._ext._threads cimport num_threads
from odyssey._ext._windows cimport (
    Walk, block_count, breadth, most, one, stored, two, vectors, width_of,
)

cdef enum:
    ROWS = 6                        # rows of a register tile
    MOST = 24                       # registers of the largest tile, ROWS x WIDE
    CHUNK = 128                     # pixels of a packed piece of the output's gradient
    STRETCH = 1 << 20               # bytes of both images between two meetings of the threads
    IMAGES = 1 << 17                # numbers that are worth a second thread: added up
    PARALLEL = 300000               # multiply-adds that are worth waking a second thread


# sums[i] += the sum over pixels t of x[t][i] * panel[t], for ROWS input channels i and `wide`
# vectors of outputs; but the first `skip` rows stay as they are.
cdef inline void tile(breadth like, Py_ssize_t skip, Py_ssize_t pixels, const real** x,
        Py_ssize_t c, const real* panel, real* sums, vec zero) noexcept nogil:
    cdef int wide = vectors(like)
    cdef vec[MOST] total
    cdef vec[WIDE] g
    cdef Py_ssize_t V = lanes(zero)
    cdef const real* p
    cdef Py_ssize_t t
    cdef int i, j
    for i in range(ROWS):
        for j in range(wide):
            total[i * wide + j] = load(<const real*>(sums + (i * wide + j) * V), zero)
    for t in range(pixels):
        p = x[t] + c
        for j in range(wide):
            g[j] = load(panel + j * V, zero)
        panel += wide * V
        for i in range(ROWS):
            for j in range(wide):
                total[i * wide + j] = total[i * wide + j] + times(p[i], g[j])
    for i in range(ROWS):
        if i >= skip:
            for j in range(wide):
                store(sums + (i * wide + j) * V, total[i * wide + j])


# The same where row i has a pointer of its own, and all move by `step` from pixel to pixel.
cdef inline void moving_tile(int rows, breadth like, Py_ssize_t pixels, const real** x,
        Py_ssize_t step, const real* panel, real* sums, vec zero) noexcept nogil:
    cdef int wide = vectors(like)
    cdef vec[MOST] total
    cdef vec[WIDE] g
    cdef const real* p[ROWS]
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t t, at = 0
    cdef int i, j
    for i in range(rows):
        p[i] = x[i]
    for i in range(rows):
        for j in range(wide):
            total[i * wide + j] = load(<const real*>(sums + (i * wide + j) * V), zero)
    for t in range(pixels):
        for j in range(wide):
            g[j] = load(panel + (t * wide + j) * V, zero)
        for i in range(rows):
            for j in range(wide):
                total[i * wide + j] = total[i * wide + j] + times(p[i][at], g[j])
        at += step
    for i in range(rows):
        for j in range(wide):
            store(sums + (i * wide + j) * V, total[i * wide + j])


# All input channels of a tap. The last tile begins where it still fits, and skips what is done.
cdef inline void channels(int wide, Py_ssize_t count, Py_ssize_t pixels, const real** x,
        const real* panel, real* sums, vec zero) noexcept nogil:
    cdef Py_ssize_t width = wide * lanes(zero)
    cdef Py_ssize_t k, c
    for k in range((count + ROWS - 1) // ROWS):
        c = min(k * ROWS, count - ROWS)
        if wide == 1:
            tile(<one>1, k * ROWS - c, pixels, x, c, panel, sums + c * width, zero)
        elif wide == 2:
            tile(<two>2, k * ROWS - c, pixels, x, c, panel, sums + c * width, zero)
        else:
            tile(<most>WIDE, k * ROWS - c, pixels, x, c, panel, sums + c * width, zero)


cdef inline void any_moving(Py_ssize_t rows, int wide, Py_ssize_t pixels, const real** x,
        Py_ssize_t step, const real* panel, real* sums, vec zero) noexcept nogil:
    cdef Py_ssize_t i = 0
    if rows == ROWS:
        if wide == 1:
            moving_tile(ROWS, <one>1, pixels, x, step, panel, sums, zero)
        elif wide == 2:
            moving_tile(ROWS, <two>2, pixels, x, step, panel, sums, zero)
        else:
            moving_tile(ROWS, <most>WIDE, pixels, x, step, panel, sums, zero)
        return
    for i in range(rows):
        if wide == 1:
            moving_tile(1, <one>1, pixels, x + i, step, panel, sums, zero)
        elif wide == 2:
            moving_tile(1, <two>2, pixels, x + i, step, panel, sums, zero)
        else:
            moving_tile(1, <most>WIDE, pixels, x + i, step, panel, sums, zero)
        sums += wide * lanes(zero)


# A block of the output's gradient at `pixels` pixels, dense. After the last output stands whatever
# follows: nobody reads those sums. But not what follows the array, whose end is `room` numbers off.
cdef inline void pack_grad(const element* grad, Py_ssize_t K, Py_ssize_t room, int wide,
        Py_ssize_t pixels, real* panel, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t _t
    cdef int j
    for _t in range(pixels):
        for j in range(wide):
            if (j + 1) * V <= room:
                store(panel, load(grad + j * V, zero))
            elif j * V < room:
                store(panel, load_part(grad + j * V, room - j * V, zero))
            else:
                store(panel, zero)
            panel += V
        grad += K
        room -= K


# One tap of one block: the pixels from `first` to `last` added to sums[channel][outputs].
cdef inline int add_tap(const Walk* walk, Py_ssize_t block, Py_ssize_t tap, Py_ssize_t first,
        Py_ssize_t last, const real* source, const real* nothing, const element* grad, real* sums,
        vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t blocks = block_count(walk.outs, zero)
    cdef Py_ssize_t g = block // blocks
    cdef Py_ssize_t b = block % blocks
    cdef Py_ssize_t C = walk.groups * walk.inner
    cdef Py_ssize_t K = walk.groups * walk.outs
    cdef Py_ssize_t skip = g * walk.outs + b * WIDE * V
    cdef Py_ssize_t room = walk.N * walk.v.count * walk.h.count * K - skip
    cdef int wide = width_of(walk.outs, b, zero)
    cdef Py_ssize_t down = tap // walk.h.taps * walk.v.gap + walk.v.offset
    cdef Py_ssize_t right = tap % walk.h.taps * walk.h.gap + walk.h.offset
    cdef Py_ssize_t chunk, start, count, t, n, p, q, row, column
    cdef const real** x = <const real**>scratch(CHUNK * (sizeof(void*) + wide * V * sizeof(real)))
    cdef real* panel = <real*>(x + CHUNK)
    if x == NULL:
        return -1
    grad += skip
    source += g * walk.inner
    for chunk in range((last - first + CHUNK - 1) // CHUNK):
        start = first + chunk * CHUNK
        count = min(CHUNK, last - start)
        pack_grad(grad + start * K, K, room - start * K, wide, count, panel, zero)
        p = start // walk.h.count
        q = start - p * walk.h.count
        n = p // walk.v.count
        p -= n * walk.v.count
        for t in range(count):
            row = p * walk.v.move + down
            column = q * walk.h.move + right
            x[t] = nothing
            if row >= 0 and row < walk.v.source and column >= 0 and column < walk.h.source:
                x[t] = source + ((n * walk.v.source + row) * walk.h.source + column) * C
            q += 1
            if q == walk.h.count:
                q = 0
                p += 1
                if p == walk.v.count:
                    p = 0
                    n += 1
        channels(wide, walk.inner, count, x, panel, sums, zero)
    free(x)
    return 0


# `rows` sums from number `e` on (number = tap * channels + channel) of one block: the pixels from
# `first` to `last`, which begin and end with a row of the output.
cdef inline int add_few(const Walk* walk, Py_ssize_t block, Py_ssize_t e, Py_ssize_t rows,
        Py_ssize_t first, Py_ssize_t last, const real* source, const element* grad, real* sums,
        vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t blocks = block_count(walk.outs, zero)
    cdef Py_ssize_t g = block // blocks
    cdef Py_ssize_t b = block % blocks
    cdef Py_ssize_t C = walk.groups * walk.inner
    cdef Py_ssize_t K = walk.groups * walk.outs
    cdef Py_ssize_t skip = g * walk.outs + b * WIDE * V
    cdef Py_ssize_t room = walk.N * walk.v.count * walk.h.count * K - skip
    cdef Py_ssize_t step = walk.h.move * C
    cdef int wide = width_of(walk.outs, b, zero)
    cdef Py_ssize_t width = wide * V
    cdef Py_ssize_t[ROWS] down
    cdef Py_ssize_t[ROWS] right
    cdef Py_ssize_t[ROWS] channel
    cdef Py_ssize_t[ROWS] begin
    cdef Py_ssize_t[ROWS] end
    cdef Py_ssize_t[ROWS] until
    cdef Py_ssize_t[ROWS] origin
    cdef const real* x[ROWS]
    cdef Py_ssize_t Q = walk.h.count
    cdef Py_ssize_t i, tap, line, n, p, row, low, high
    cdef real* panel = <real*>scratch(Q * width * sizeof(real))
    if panel == NULL:
        return -1
    for i in range(rows):
        tap = (e + i) // walk.inner
        channel[i] = g * walk.inner + (e + i) % walk.inner
        down[i] = tap // walk.h.taps * walk.v.gap + walk.v.offset
        right[i] = tap % walk.h.taps * walk.h.gap + walk.h.offset
        # The output columns for which column q * move + right is inside the image.
        begin[i] = 0 if right[i] >= 0 else (-right[i] + walk.h.move - 1) // walk.h.move
        end[i] = 0
        if right[i] < walk.h.source:
            end[i] = min(Q, (walk.h.source - 1 - right[i]) // walk.h.move + 1)
        begin[i] = min(begin[i], end[i])
    grad += skip
    for line in range(first // Q, last // Q):
        n = line // walk.v.count
        p = line - n * walk.v.count
        pack_grad(grad + line * Q * K, K, room - line * Q * K, wide, Q, panel, zero)
        low = 0
        high = Q
        for i in range(rows):
            row = p * walk.v.move + down[i]
            origin[i] = ((n * walk.v.source + row) * walk.h.source + right[i]) * C + channel[i]
            until[i] = end[i] if row >= 0 and row < walk.v.source else begin[i]
            low = max(low, begin[i])
            high = min(high, until[i])
        if low < high:
            for i in range(rows):
                x[i] = source + (origin[i] + low * step)
            any_moving(rows, wide, high - low, &x[0], step, panel + low * width, sums, zero)
        else:
            low = high = Q          # no columns that all rows share: all are before them
        for i in range(rows):
            if begin[i] < min(low, until[i]):
                x[0] = source + (origin[i] + begin[i] * step)
                any_moving(1, wide, min(low, until[i]) - begin[i], &x[0], step,
                    panel + begin[i] * width, sums + i * width, zero)
            if max(high, begin[i]) < until[i]:
                x[0] = source + (origin[i] + max(high, begin[i]) * step)
                any_moving(1, wide, until[i] - max(high, begin[i]), &x[0], step,
                    panel + max(high, begin[i]) * width, sums + i * width, zero)
    free(panel)
    return 0


# What the threads share.
cdef struct Sums:
    Py_ssize_t parts                # jobs of a block: taps, or tiles of few channels
    Py_ssize_t entries              # input channels times taps
    Py_ssize_t size                 # numbers of a block


cdef inline int add_job(const Walk* walk, const Sums* all, Py_ssize_t job, Py_ssize_t first,
        Py_ssize_t last, const real* source, const real* nothing, const element* grad, real* sums,
        vec zero) noexcept nogil:
    cdef Py_ssize_t block = job // all.parts
    cdef Py_ssize_t part = job % all.parts
    cdef Py_ssize_t width = width_of(
        walk.outs, block % block_count(walk.outs, zero), zero) * lanes(zero)
    sums += block * all.size
    if walk.inner >= ROWS:
        return add_tap(walk, block, part, first, last, source, nothing, grad,
            sums + part * walk.inner * width, zero)
    part *= ROWS
    return add_few(walk, block, part, min(ROWS, all.entries - part), first, last, source, grad,
        sums + part * width, zero)


# One input channel of one block, from sums[tap][channel][outputs] to weight[output][channel][tap].
cdef inline void unpack(const Walk* walk, const Sums* all, Py_ssize_t job, const real* sums,
        element* weight, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t blocks = block_count(walk.outs, zero)
    cdef Py_ssize_t block = job // walk.inner
    cdef Py_ssize_t c = job % walk.inner
    cdef Py_ssize_t b = block % blocks
    cdef Py_ssize_t width = width_of(walk.outs, b, zero) * V
    cdef Py_ssize_t taps = walk.v.taps * walk.h.taps
    cdef Py_ssize_t tap, k
    sums += block * all.size + c * width
    weight += (block // blocks * walk.outs + b * WIDE * V) * all.entries + c * taps
    for k in range(min(width, walk.outs - b * WIDE * V)):
        for tap in range(taps):
            if element is half:
                weight[k * all.entries + tap] = float_to_half(
                    <float>sums[tap * walk.inner * width + k])
            else:
                weight[k * all.entries + tap] = <element>sums[tap * walk.inner * width + k]


# weight (C-contiguous) = its gradient, from the input and the output's gradient. -1: no memory.
cdef inline int weight_gradient(const Walk* walk, const real* source, const element* grad,
        element* weight, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t blocks = block_count(walk.outs, zero)
    cdef Py_ssize_t total = walk.groups * blocks
    cdef Py_ssize_t C = walk.groups * walk.inner
    cdef Py_ssize_t Q = walk.h.count
    cdef Py_ssize_t pixels = walk.N * walk.v.count * Q
    cdef Py_ssize_t taps = walk.v.taps * walk.h.taps
    cdef Py_ssize_t bytes = (C + walk.groups * walk.outs) * <Py_ssize_t>sizeof(real)
    cdef Py_ssize_t stretch = max(1, STRETCH // max(1, bytes * Q)) * Q
    cdef Py_ssize_t first, stop, job
    cdef double work = <double>pixels * taps * C * walk.outs
    cdef int threads = num_threads() if work > PARALLEL else 1
    cdef int failed = 0
    cdef Sums all
    cdef real* sums
    cdef real* nothing
    if total == 0 or walk.inner == 0:
        return 0
    all.entries = taps * walk.inner
    all.size = all.entries * (width_of(walk.outs, 0, zero) if blocks == 1 else WIDE) * V
    all.parts = taps if walk.inner >= ROWS else (all.entries + ROWS - 1) // ROWS
    sums = <real*>scratch((total * all.size + C) * sizeof(real))
    if sums == NULL:
        return -1
    nothing = sums + total * all.size
    memset(sums, 0, (total * all.size + C) * sizeof(real))
    for stop in range((pixels + stretch - 1) // stretch):
        first = stop * stretch
        for job in prange(total * all.parts, num_threads=threads, schedule="static",
                use_threads_if=threads > 1):
            failed += add_job(walk, &all, job, first, min(pixels, first + stretch), source,
                <const real*>nothing, grad, sums, zero)
    for job in prange(total * walk.inner, num_threads=threads, schedule="static",
            use_threads_if=threads > 1):
        unpack(walk, &all, job, <const real*>sums, weight, zero)
    free(sums)
    return failed


# ---- biases --------------------------------------------------------------------------------------

# sums = the sum over an image's pixels, a vector of channels at a time, the last ones one by one.
cdef inline void add_pixels(const element* grad, Py_ssize_t pixels, Py_ssize_t K, real* sums,
        vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t v, k, t
    cdef vec total
    cdef real one_total
    for v in range(K // V):
        k = v * V
        total = zero
        for t in range(pixels):
            total = total + load(grad + t * K + k, zero)
        store(sums + k, total)
    for k in range(K // V * V, K):
        one_total = 0
        for t in range(pixels):
            one_total = one_total + stored(<const char*>(grad + t * K + k), grad[0], one_total)
        sums[k] = one_total


cdef inline int add_images(Py_ssize_t N, Py_ssize_t pixels, Py_ssize_t K, const element* grad,
        element* bias, real number, vec zero) noexcept nogil:
    cdef Py_ssize_t row = (K + lanes(zero) - 1) // lanes(zero) * lanes(zero)
    cdef int threads = num_threads() if N * pixels * K > IMAGES else 1
    cdef Py_ssize_t n, k
    cdef real total
    cdef real* sums = <real*>scratch(N * row * sizeof(real))
    if sums == NULL:
        return -1
    for n in prange(N, num_threads=threads, schedule="static", use_threads_if=threads > 1):
        add_pixels(grad + n * pixels * K, pixels, K, sums + n * row, zero)
    for k in range(K):
        total = 0
        for n in range(N):
            total = total + sums[n * row + k]
        if element is half:
            bias[k] = float_to_half(<float>total)
        else:
            bias[k] = <element>total
    free(sums)
    return 0


# The sum over all pixels of all images of a channels-last batch: each image by itself, then these
# one after the other.
cdef inline object bias_gradient(object grad):
    cdef cnp.npy_intp* shape = PyArray_DIMS(grad)
    cdef Py_ssize_t pixels = shape[2] * shape[3]
    cdef void* g = PyArray_DATA(grad)
    cdef void* out
    cdef int number = PyArray_TYPE(grad)
    cdef int failed
    bias = empty(1, shape + 1, number)
    out = PyArray_DATA(bias)
    with nogil:
        if number == NPY_FLOAT:
            failed = add_images(shape[0], pixels, shape[1], <const float*>g, <float*>out,
                <float>0, vsplat_f32(0))
        elif number == NPY_DOUBLE:
            failed = add_images(shape[0], pixels, shape[1], <const double*>g, <double*>out,
                <double>0, vsplat_f64(0))
        else:
            failed = add_images(shape[0], pixels, shape[1], <const half*>g, <half*>out,
                <float>0, vsplat_f32(0))
    if failed:
        raise MemoryError("no memory for the sums of the biases")
    return bias
