"""Interpolation: lines, images and volumes in another size."""

from __future__ import annotations

from math import floor, prod

import numpy as np

from odyssey.core._axes import inverse, memory_order
from odyssey.core._checks import as_array, check_float
from odyssey.core._windows import AXES
from odyssey.core.matrix import matmul
from odyssey.errors import OdysseyError, ShapeError
from odyssey.tape import differentiable
from odyssey.utils.choices import pick
from odyssey.utils.geometry import several

__all__ = ["interpolate", "interpolate_backward"]

MODES = ("nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic", "area")
NDIM = {"bilinear": 4, "trilinear": 5, "bicubic": 4}


@differentiable
def interpolate(
    x, size=None, scale_factor=None, mode="nearest", align_corners=False, antialias=False
):
    r"""Make images larger or smaller.

    Shapes: N examples, C channels; one, two or three axes of pixels, each resized by
    itself: from n pixels to m.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, L), (N, C, H, W) or (N, C, D, H, W)
    size : int or tuple of int, optional
        m for each axis, or one number for all.
    scale_factor : float or tuple of float, optional
        Instead of ``size``: :math:`m = \lfloor n \cdot \text{factor} \rfloor`.
    mode : str
        "nearest", the pixel to the left of the place; "nearest-exact", the nearest one;
        "linear", a weighted mean of the two beside it (along two or three axes also
        "bilinear", "trilinear"); "bicubic", a cubic through four; "area", the mean of
        all pixels that fall into the new one.
    align_corners : bool
        Whether the centres of the corner pixels stay where they are. Otherwise the
        corners of the image do, of which pixels are little squares.
    antialias : bool
        For "bilinear" and "bicubic": widen the weights when shrinking, so that no pixel
        is skipped.

    Returns
    -------
    Tensor or ndarray, shape (N, C, m, ...)
        In the dtype of ``x``.

    Raises
    ------
    OdysseyError
        If there is no such ``mode``, or it does not know the other settings.
    ShapeError
        If ``x`` has no such axes, or not just one of ``size`` and ``scale_factor`` is
        given.
    DTypeError
        If ``x`` is not floating-point.

    Notes
    -----
    Along each axis the result is a product with a small matrix, whose row i holds the
    weights of the pixels around the place of the new pixel i:

    .. math::

        y_i = \sum_j A_{ij}\, x_j \quad\text{around } c_i = (i + \tfrac12) \frac{n}{m} - \tfrac12
        \quad\text{or } c_i = i\, \frac{n-1}{m-1} \text{ with aligned corners}

    With "nearest" :math:`j = \lfloor i\, n / m \rfloor`. Linear weights are
    :math:`1 - |c_i - j|`, cubic ones Keys's with a = -0.75 (-0.5 with ``antialias``);
    pixels beyond the border repeat those on it. A factor takes the place of m/n.

    Backward: with the same matrices, transposed: :math:`\partial x_j = \sum_i A_{ij}\, g_i`.
    Saves nothing but the shape of ``x``.

    As everywhere in a product of matrices, a NaN or an infinity spreads over its row and
    column; "nearest" and "nearest-exact" only copy.

    References
    ----------
    .. [1] R. G. Keys, "Cubic convolution interpolation for digital image processing",
       1981, https://doi.org/10.1109/TASSP.1981.1163711.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.tensor([[[0.0, 4.0]]])
    >>> od.core.interpolate(x, size=4)
    tensor([[[0., 0., 4., 4.]]])
    >>> od.core.interpolate(x, scale_factor=2, mode="linear")
    tensor([[[0., 1., 3., 4.]]])
    >>> od.core.interpolate(x, size=5, mode="linear", align_corners=True)
    tensor([[[0., 1., 2., 3., 4.]]])
    """
    x = as_array(x)
    check_float("interpolate", x=x)
    axes = _axes(x.shape, size, scale_factor, mode, align_corners, antialias)
    order = memory_order(x)
    x = x.transpose(order)
    for axis, (n, m, ratio) in enumerate(axes, start=2):
        place = order.index(axis)
        if mode.startswith("nearest"):
            x = np.take(x, _nearest(n, m, ratio, mode), place)
        else:
            x = _along(x, _matrix(n, m, ratio, mode, align_corners, antialias), place)
    return x.transpose(inverse(order))


@interpolate.backward_rule(wrt=("x",))
def interpolate_backward(
    grad,
    x_shape,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=False,
    antialias=False,
):
    """Return the gradient of :func:`interpolate` for ``x``."""
    axes = _axes(x_shape, size, scale_factor, mode, align_corners, antialias)
    order = memory_order(grad)
    grad = grad.transpose(order)
    for axis, (n, m, ratio) in reversed(list(enumerate(axes, start=2))):
        matrix = _matrix(n, m, ratio, mode, align_corners, antialias)
        grad = _along(grad, matrix.T, order.index(axis))
    return grad.transpose(inverse(order))


def _along(x, matrix, axis):
    """Multiply each line of ``x`` along an axis with a matrix; works on arrays and Tensors."""
    shape = tuple(x.shape)
    matrix = np.ascontiguousarray(matrix, x.dtype)
    lead, rest = prod(shape[:axis]), prod(shape[axis + 1 :])
    if rest == 1:
        out = matmul(x.reshape((lead, shape[axis])), matrix.T)
    else:
        out = matmul(matrix, x.reshape((lead, shape[axis], rest)))
    return out.reshape((*shape[:axis], len(matrix), *shape[axis + 1 :]))


def check_settings(op, size, scale_factor, mode, align_corners, antialias, ndim=4):
    """Raise unless the settings fit each other, for an input of ``ndim`` axes."""
    pick(f"{op}: mode", mode, MODES)
    smooth = mode.endswith(("linear", "cubic"))
    if align_corners and not smooth:
        raise OdysseyError(f"{op}: align_corners is for linear and cubic modes, not {mode!r}")
    if antialias and not (smooth and NDIM.get(mode, ndim) == 4):
        raise OdysseyError(f"{op}: antialias is for bilinear and bicubic images, not {mode!r}")
    if (size is None) == (scale_factor is None):
        raise ShapeError(f"{op}: give either size or scale_factor")


def _axes(shape, size, scale_factor, mode, align_corners, antialias):
    """Return for each axis of pixels its length, the new one, and the ratio as a pair."""
    op = "interpolate"
    if len(shape) not in AXES:
        expected = ", ".join(AXES.values())
        raise ShapeError(f"{op}: x must have a shape like {expected}, got {tuple(shape)}")
    check_settings(op, size, scale_factor, mode, align_corners, antialias, len(shape))
    if NDIM.get(mode, len(shape)) != len(shape):
        raise ShapeError(f"{op}: mode {mode!r} needs x as {AXES[NDIM[mode]]}, got {tuple(shape)}")
    pixels = tuple(shape[2:])
    if 0 in pixels:
        raise ShapeError(f"{op}: x holds images without pixels (x: {tuple(shape)})")
    if size is not None:
        sizes = several(op, "size", size, len(pixels))
        return [(n, m, (n, m)) for n, m in zip(pixels, sizes, strict=True)]
    ratios = factors(op, scale_factor, len(pixels))
    sizes = tuple([floor(n * factor) for n, factor in zip(pixels, ratios, strict=True)])
    if min(sizes) < 1:
        raise ShapeError(f"{op}: nothing is left of {pixels} pixels times {ratios}")
    # The mean of an area and aligned corners know the lengths only, not the factor.
    exact = mode == "area"
    return [
        (n, m, (n, m) if exact else (1, factor))
        for n, m, factor in zip(pixels, sizes, ratios, strict=True)
    ]


def factors(op, scale_factor, count):
    """Return a positive factor for each of ``count`` axes, from one for all or from as many."""
    each = scale_factor if isinstance(scale_factor, (tuple, list)) else (scale_factor,) * count
    if len(each) != count or not all(isinstance(f, (int, float)) and 0 < f < np.inf for f in each):
        raise ShapeError(
            f"{op}: scale_factor must be a positive number, or {count} of them, got "
            f"{scale_factor!r}"
        )
    return tuple(each)


def _nearest(n, m, ratio, mode):
    """Return the pixel that each new one is a copy of."""
    old, new = ratio
    half = 0.5 if mode == "nearest-exact" else 0
    return np.minimum(np.floor((np.arange(m) + half) * old / new).astype(np.intp), n - 1)


def _matrix(n, m, ratio, mode, align_corners, antialias):
    """Return the weights of n pixels in each of m new ones, shape (m, n)."""
    rows = np.arange(m)
    if mode.startswith("nearest"):
        return np.eye(n)[_nearest(n, m, ratio, mode)]
    if mode == "area":
        start, stop = rows * n // m, -(-(rows + 1) * n // m)
        inside = (start[:, None] <= np.arange(n)) & (np.arange(n) < stop[:, None])
        return inside / (stop - start)[:, None]
    if align_corners:  # a single pixel lies on the first one
        ratio = (n - 1, m - 1) if m > 1 else (0, 1)
    old, new = ratio
    cubic = mode == "bicubic"
    if antialias:
        return _antialiased(n, (rows + 0.5) * old / new, max(old / new, 1.0), cubic)
    centres = rows * old / new if align_corners else (rows + 0.5) * old / new - 0.5
    if not cubic:
        centres = np.maximum(centres, 0)
    first = np.floor(centres).astype(np.intp)
    matrix = np.zeros((m, n))
    for tap in range(-1, 3) if cubic else range(2):
        weights = _cubic(centres - first - tap, -0.75) if cubic else _linear(centres - first - tap)
        np.add.at(matrix, (rows, np.clip(first + tap, 0, n - 1)), weights)
    return matrix


def _antialiased(n, centres, scale, cubic):
    """Return weights that are ``scale`` times as wide, those beyond the border left out."""
    support = (2 if cubic else 1) * scale
    start = np.maximum((centres - support + 0.5).astype(np.intp), 0)[:, None]
    stop = np.minimum((centres + support + 0.5).astype(np.intp), n)[:, None]
    pixel = np.arange(n)
    distance = (pixel - centres[:, None] + 0.5) / scale
    weights = _cubic(distance, -0.5) if cubic else _linear(distance)
    weights = np.where((start <= pixel) & (pixel < stop), weights, 0)
    return weights / weights.sum(1, keepdims=True)


def _linear(t):
    return np.maximum(1 - np.abs(t), 0)


def _cubic(t, a):
    """Return Keys's weights at the distance t."""
    t = np.abs(t)
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
    return np.where(t <= 1, near, np.where(t < 2, far, 0))
