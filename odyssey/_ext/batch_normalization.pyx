# Normalisation of channels: batch norm over all images, group norm over the channels of each.
#
# Plan. Both are two passes over the images with little between them. The first finds sums for each
# channel of each image: mean and squared deviations, or backward the sums of g and g*(x - shift).
# NumPy joins these few numbers to moments of channels or groups, in float64, and makes of them four
# coefficients for each channel. The second pass is
#
#     out = scale * grad + slope * (x - shift) + level,
#
# forward without the gradient.
#
# Memory. An image is PLANES, a run of numbers for each channel, or PIXELS, a row of channels for
# each (channels-last memory, and matrices). Both are worked through as they stand. The pixels of a
# batch are one image where images need no sums of their own.
#
# Threads split the planes, or chunks of CHUNK pixels; no sum depends on how many threads there are.
# A plane's blocks (_moments.pxd) and a chunk are added in real numbers, all that follows in double.

cimport numpy as cnp
from cython.parallel cimport prange
from libc.string cimport memcpy, memset

from odyssey._ext._door cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, PyArray_TYPE, contiguous,
)
from odyssey._ext._moments cimport Sums, add_run, corrected, moments, put_some, some
from odyssey._ext._pool cimport empty_like
from odyssey._ext._simd cimport (
    MOST_LANES, element, half, lanes, load, real, splat, store, vec, vsplat_f32, vsplat_f64,
)
from odyssey._ext._threads cimport num_threads

import numpy as np

from odyssey.utils.kernel_checks_normalization import (
    check_channel_norm, check_channel_norm_backward, check_groups, check_moments,
)

cnp.import_array()

cdef enum:
    CHUNK = 128                     # pixels that one thread takes at a time
    WIDTH = 512                     # sums of a strip of channels
    PARALLEL = 1 << 14              # numbers that are worth a second thread


cdef struct Images:
    Py_ssize_t N, P, C              # images, pixels of each, channels
    Py_ssize_t chunks               # of an image's pixels; 0 for planes
    Py_ssize_t step                 # from one image's coefficients to the next one's: C, or 0
    void* x
    void* grad                      # NULL forward
    void* out
    void* shift                     # four coefficients of each channel, in real numbers
    void* slope
    void* level
    void* scale
    double* first                   # sums: for each image, chunk and channel
    double* second


# ---- sums ----------------------------------------------------------------------------------------

# Add n channels of rows to their sums.
cdef void add_pixels(const element* x, const element* grad, Py_ssize_t step, Py_ssize_t rows,
        Py_ssize_t n, const real* shift, real* first, real* second, vec zero) noexcept nogil:
    cdef Py_ssize_t V = lanes(zero)
    cdef Py_ssize_t row, i
    cdef vec d, u
    for row in range(rows):
        i = 0
        while i < n:
            d = some(x + row * step + i, n - i, zero) - load(shift + i, zero)
            u = d if grad == NULL else some(grad + row * step + i, n - i, zero)
            store(first + i, load(<const real*>first + i, zero) + u)
            store(second + i, load(<const real*>second + i, zero) + u * d)
            i += V


# The sums of one chunk of pixels: strip after strip of its channels.
cdef void pixel_sums(const Images* images, Py_ssize_t piece, element like, real number,
        vec zero) noexcept nogil:
    cdef real[WIDTH + MOST_LANES] shift
    cdef real[WIDTH + MOST_LANES] first
    cdef real[WIDTH + MOST_LANES] second
    cdef Py_ssize_t C = images.C
    cdef Py_ssize_t image = piece // images.chunks
    cdef Py_ssize_t begin = piece % images.chunks * CHUNK
    cdef Py_ssize_t rows = min(CHUNK, images.P - begin)
    cdef Py_ssize_t start = 0
    cdef Py_ssize_t i, n
    cdef const element* x
    cdef const element* grad = NULL
    cdef Sums sums
    while start < C:
        n = min(WIDTH, C - start)
        memset(shift, 0, sizeof(shift))
        memset(first, 0, sizeof(first))
        memset(second, 0, sizeof(second))
        i = (image * images.P + begin) * C + start
        x = <const element*>images.x + i
        if images.grad != NULL:
            grad = <const element*>images.grad + i
            memcpy(shift, <const real*>images.shift + image * images.step + start, n * sizeof(real))
        add_pixels(x, grad, C, rows, n, <const real*>&shift[0], &first[0], &second[0], zero)
        if images.grad == NULL:     # the means are known now: once more, for deviations from them
            for i in range(n):
                shift[i] = <real>(<double>first[i] / rows)
            memset(first, 0, sizeof(first))
            memset(second, 0, sizeof(second))
            add_pixels(x, grad, C, rows, n, <const real*>&shift[0], &first[0], &second[0], zero)
        for i in range(n):
            sums.first, sums.second = first[i], second[i]
            if images.grad == NULL:
                sums = corrected(shift[i], sums, rows)
            images.first[piece * C + start + i] = sums.first
            images.second[piece * C + start + i] = sums.second
        start += n


cdef void plane_sums(const Images* images, Py_ssize_t piece, element like, real number,
        vec zero) noexcept nogil:
    cdef const element* x = <const element*>images.x + piece * images.P
    cdef const element* nothing = NULL
    cdef Py_ssize_t channel = piece // images.C * images.step + piece % images.C
    cdef Sums sums
    if images.grad == NULL:
        sums = moments(x, images.P, zero)
    else:
        sums = add_run(x, <const element*>images.grad + piece * images.P, nothing,
            (<const real*>images.shift)[channel], images.P, zero)
    images.first[piece] = sums.first
    images.second[piece] = sums.second


# ---- the second pass -----------------------------------------------------------------------------

cdef void pixel_map(const Images* images, Py_ssize_t piece, element like, real number,
        vec zero) noexcept nogil:
    cdef Py_ssize_t C = images.C
    cdef Py_ssize_t image = piece // images.chunks
    cdef Py_ssize_t begin = piece % images.chunks * CHUNK
    cdef Py_ssize_t channels = image * images.step
    cdef const real* shift = <const real*>images.shift + channels
    cdef const real* slope = <const real*>images.slope + channels
    cdef const real* level = <const real*>images.level + channels
    cdef const real* scale = <const real*>images.scale + channels
    cdef Py_ssize_t at, i, n
    cdef vec y
    for at in range(image * images.P + begin, image * images.P + min(begin + CHUNK, images.P)):
        i = 0
        while i < C:
            n = C - i
            y = some(<const element*>images.x + at * C + i, n, zero) - some(shift + i, n, zero)
            y = y * some(slope + i, n, zero) + some(level + i, n, zero)
            if images.grad != NULL:
                y = y + (some(<const element*>images.grad + at * C + i, n, zero)
                         * some(scale + i, n, zero))
            put_some(<element*>images.out + at * C + i, n, y)
            i += lanes(zero)


cdef void plane_map(const Images* images, Py_ssize_t piece, element like, real number,
        vec zero) noexcept nogil:
    cdef Py_ssize_t channel = piece // images.C * images.step + piece % images.C
    cdef vec shift = splat((<const real*>images.shift)[channel], zero)
    cdef vec slope = splat((<const real*>images.slope)[channel], zero)
    cdef vec level = splat((<const real*>images.level)[channel], zero)
    cdef vec scale = splat((<const real*>images.scale)[channel], zero)
    cdef Py_ssize_t P = images.P
    cdef Py_ssize_t start = piece * P
    cdef Py_ssize_t i = 0
    cdef vec y
    while i < P:
        y = (some(<const element*>images.x + start + i, P - i, zero) - shift) * slope + level
        if images.grad != NULL:
            y = y + some(<const element*>images.grad + start + i, P - i, zero) * scale
        put_some(<element*>images.out + start + i, P - i, y)
        i += lanes(zero)


cdef void one_piece(const Images* images, Py_ssize_t piece, bint summing, element like,
        real number, vec zero) noexcept nogil:
    if summing and images.chunks:
        pixel_sums(images, piece, like, number, zero)
    elif summing:
        plane_sums(images, piece, like, number, zero)
    elif images.chunks:
        pixel_map(images, piece, like, number, zero)
    else:
        plane_map(images, piece, like, number, zero)


cdef void all_pieces(const Images* images, bint summing, element like, real number,
        vec zero) noexcept nogil:
    cdef Py_ssize_t pieces = images.N * (images.chunks if images.chunks else images.C)
    cdef int threads = num_threads() if images.N * images.P * images.C > PARALLEL else 1
    cdef Py_ssize_t i
    for i in prange(pieces, num_threads=threads, schedule="static"):
        one_piece(images, i, summing, like, number, zero)


cdef void run(const Images* images, int kind, bint summing) noexcept:
    with nogil:
        if kind == NPY_FLOAT:
            all_pieces(images, summing, <float>0, <float>0, vsplat_f32(0))
        elif kind == NPY_DOUBLE:
            all_pieces(images, summing, <double>0, <double>0, vsplat_f64(0))
        else:
            all_pieces(images, summing, <half>0, <float>0, vsplat_f32(0))


# ---- between the passes --------------------------------------------------------------------------

cdef class _Batch:
    """A batch of images as it stands in memory, and its two passes."""

    cdef Images images
    cdef int kind
    cdef object x, grad, sum_dtype
    cdef bint pixels

    def __init__(self, x, grad=None, bint joined=False):
        cdef Images* images = &self.images
        last = np.moveaxis(x, 1, -1)
        planes = x.flags.c_contiguous and x.size > x.shape[0] * x.shape[1]
        self.pixels = last.flags.c_contiguous and not planes
        self.kind = PyArray_TYPE(x)
        self.sum_dtype = np.dtype(np.float64 if self.kind == NPY_DOUBLE else np.float32)
        self.x = contiguous(last if self.pixels else x)
        images.N, images.C = x.shape[:2]
        images.P = x.size // max(images.N * images.C, 1)
        if self.pixels and joined:
            images.P *= images.N
            images.N = 1
        images.chunks = (images.P + CHUNK - 1) // CHUNK if self.pixels else 0
        images.x = PyArray_DATA(self.x)
        images.grad = NULL
        if grad is not None:
            self.grad = contiguous(np.moveaxis(grad, 1, -1) if self.pixels else grad)
            images.grad = PyArray_DATA(self.grad)

    cdef tuple sums(self, shift=None):
        """Return two sums with axes (image, chunk, channel), and the size of each chunk."""
        cdef Images* images = &self.images
        shape = (images.N, images.chunks if self.pixels else 1, images.C)
        first, second = np.zeros(shape), np.zeros(shape)
        images.first = <double*>PyArray_DATA(first)
        images.second = <double*>PyArray_DATA(second)
        if shift is not None:
            shift = np.ascontiguousarray(shift, self.sum_dtype)
            images.shift = PyArray_DATA(shift)
            images.step = images.C if shift.ndim == 2 else 0
        if self.x.size:
            run(images, self.kind, True)
        sizes = np.full(shape[1], float(images.P))
        if self.pixels:
            sizes = np.minimum(CHUNK, images.P - CHUNK * np.arange(shape[1], dtype=float))
        return first, second, sizes[:, None]

    cdef object mapped(self, shift, slope, level, scale=0.0):
        """Return the second pass; coefficients broadcast to (C,), or (N, C) for each image."""
        cdef Images* images = &self.images
        rows = np.broadcast_arrays(shift, slope, level, scale)
        rows = [np.ascontiguousarray(row, self.sum_dtype) for row in rows]
        images.shift, images.slope = PyArray_DATA(rows[0]), PyArray_DATA(rows[1])
        images.level, images.scale = PyArray_DATA(rows[2]), PyArray_DATA(rows[3])
        images.step = images.C if rows[0].ndim == 2 else 0
        out = empty_like(self.x)
        images.out = PyArray_DATA(out)
        if self.x.size:
            run(images, self.kind, False)
        return np.moveaxis(out, -1, 1) if self.pixels else out


# The mean and variance over some axes of what `sums` gave, in float64.
cdef tuple pooled(first, second, sizes, tuple axes):
    sizes = np.broadcast_to(sizes, first.shape)
    count = sizes.sum(axes, keepdims=True)
    mean = (first * sizes).sum(axes, keepdims=True) / count
    spread = second + sizes * (first - mean) ** 2
    return np.squeeze(mean, axes), np.squeeze(spread.sum(axes, keepdims=True) / count, axes)


cdef object given(weight, double default):
    return default if weight is None else weight.astype(np.float64)


def batch_norm(
    x: np.ndarray, weight: np.ndarray | None = None, bias: np.ndarray | None = None,
    eps: float = 1e-5,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give every channel mean 0 and variance 1 over the batch, then scale and shift it.

    Same contract as odyssey.reference.batch_normalization.batch_norm. Planes
    and channels-last images are taken as they stand.
    """
    check_channel_norm("batch_norm", x, weight=weight, bias=bias)
    cdef _Batch batch = _Batch(x, joined=True)
    with np.errstate(all="ignore"):
        first, second, sizes = batch.sums()
        mean, var = pooled(first, second, sizes, (0, 1))
        mean, var = mean.astype(batch.sum_dtype), var.astype(batch.sum_dtype)
        slope = given(weight, 1) / np.sqrt(var.astype(np.float64) + eps)
        return batch.mapped(mean, slope, given(bias, 0)), mean, var


def batch_norm_backward(
    grad: np.ndarray, x: np.ndarray, weight: np.ndarray | None, mean: np.ndarray, var: np.ndarray,
    eps: float = 1e-5, needs: tuple[bool, bool, bool] = (True, True, True),
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """Gradients of batch_norm for x, weight and bias.

    Same contract as odyssey.reference.batch_normalization.batch_norm_backward.
    """
    return channel_gradients("batch_norm_backward", grad, x, weight, mean, var, eps, needs, True)


def batch_norm_inference(
    x: np.ndarray, mean: np.ndarray, var: np.ndarray, weight: np.ndarray | None = None,
    bias: np.ndarray | None = None, eps: float = 1e-5,
) -> np.ndarray:
    """Normalise channels by a mean and a variance that are given.

    Same contract as odyssey.reference.batch_normalization.batch_norm_inference.
    """
    op = "batch_norm_inference"
    check_channel_norm(op, x, weight=weight, bias=bias)
    check_moments(op, x, x.shape[1:2], mean=mean, var=var)
    cdef _Batch batch = _Batch(x, joined=True)
    with np.errstate(all="ignore"):
        slope = given(weight, 1) / np.sqrt(var.astype(np.float64) + eps)
        return batch.mapped(mean, slope, given(bias, 0))


def batch_norm_inference_backward(
    grad: np.ndarray, x: np.ndarray, mean: np.ndarray, var: np.ndarray, weight: np.ndarray | None,
    eps: float = 1e-5, needs: tuple[bool, bool, bool] = (True, True, True),
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """Gradients of batch_norm_inference for x, weight and bias.

    Same contract as
    odyssey.reference.batch_normalization.batch_norm_inference_backward.
    """
    op = "batch_norm_inference_backward"
    return channel_gradients(op, grad, x, weight, mean, var, eps, needs, False)


# The gradients of batch norm; `training` if the moments are those of x itself.
cdef tuple channel_gradients(str op, grad, x, weight, mean, var, double eps, needs, bint training):
    for_x, for_weight, for_bias = check_channel_norm_backward(op, needs, grad, x, weight)
    check_moments(op, x, x.shape[1:2], mean=mean, var=var)
    cdef _Batch batch = _Batch(x, grad, joined=True)
    out = total = slopes = None
    with np.errstate(all="ignore"):
        rstd = 1 / np.sqrt(var.astype(np.float64) + eps)
        if for_weight or for_bias or training:
            first, second, _ = batch.sums(mean)
            total, slopes = first.sum((0, 1)), second.sum((0, 1)) * rstd
        if for_x:
            scale, slope, level = given(weight, 1) * rstd, 0.0, 0.0
            if training:
                count = max(x.size // max(x.shape[1], 1), 1)
                slope, level = -scale * rstd * slopes / count, -scale * total / count
            out = batch.mapped(mean, slope, level, scale)
        return (out, slopes.astype(x.dtype) if for_weight else None,
                total.astype(x.dtype) if for_bias else None)


def group_norm(
    x: np.ndarray, groups: int, weight: np.ndarray | None = None, bias: np.ndarray | None = None,
    eps: float = 1e-5,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give every group of channels of every image mean 0 and variance 1, then scale and shift.

    Same contract as odyssey.reference.batch_normalization.group_norm. Planes
    and channels-last images are taken as they stand.
    """
    check_channel_norm("group_norm", x, weight=weight, bias=bias)
    groups = check_groups("group_norm", x, groups)
    cdef _Batch batch = _Batch(x)
    N, C = x.shape[:2]
    with np.errstate(all="ignore"):
        first, second, sizes = batch.sums()
        shape = (N, first.shape[1], groups, C // groups)
        mean, var = pooled(first.reshape(shape), second.reshape(shape), sizes[:, :, None], (1, 3))
        mean = mean.astype(batch.sum_dtype)
        rstd = (1 / np.sqrt(var + eps)).astype(batch.sum_dtype)
        slope = by_channel(rstd, C) * given(weight, 1)
        return batch.mapped(by_channel(mean, C), slope, given(bias, 0)), mean, rstd


# Numbers of groups (N, G) for each channel, (N, C), in float64.
cdef object by_channel(object numbers, Py_ssize_t C):
    return np.repeat(numbers.astype(np.float64), C // numbers.shape[1], axis=1)


def group_norm_backward(
    grad: np.ndarray, x: np.ndarray, groups: int, weight: np.ndarray | None, mean: np.ndarray,
    rstd: np.ndarray, needs: tuple[bool, bool, bool] = (True, True, True),
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """Gradients of group_norm for x, weight and bias.

    Same contract as odyssey.reference.batch_normalization.group_norm_backward.
    """
    op = "group_norm_backward"
    for_x, for_weight, for_bias = check_channel_norm_backward(op, needs, grad, x, weight)
    groups = check_groups(op, x, groups)
    N, C = x.shape[:2]
    check_moments(op, x, (N, groups), mean=mean, rstd=rstd)
    cdef _Batch batch = _Batch(x, grad)
    cdef object out = None
    with np.errstate(all="ignore"):
        shift, r, w = by_channel(mean, C), by_channel(rstd, C), given(weight, 1)
        first, second, _ = batch.sums(shift)
        first, second = first.sum(1), second.sum(1) * r
        if for_x:
            count = max(x.size // max(N * groups, 1), 1)
            shape = (N, groups, C // groups)
            total = (first * w).reshape(shape).sum(2) / count
            slopes = (second * w).reshape(shape).sum(2) / count
            slope, level = -r * r * by_channel(slopes, C), -r * by_channel(total, C)
            out = batch.mapped(shift, slope, level, r * w)
        return (out, second.sum(0).astype(x.dtype) if for_weight else None,
                first.sum(0).astype(x.dtype) if for_bias else None)
