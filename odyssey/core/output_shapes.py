"""Shape calculators: what a layer would return, from shapes alone."""

from __future__ import annotations

from odyssey.core._windows import AXES
from odyssey.errors import ShapeError
from odyssey.utils.geometry import output_sizes, several, sides, transposed_sizes

__all__ = [
    "conv_output_shape",
    "conv_transpose_output_shape",
    "linear_output_shape",
    "pool_output_shape",
]


def conv_output_shape(x_shape, weight_shape, stride=1, padding=0, dilation=1):
    r"""Return the shape that :func:`conv1d`, :func:`conv2d` or :func:`conv3d` would return.

    Along each axis of n pixels, for r taps, stride s, dilation d and paddings o,

    .. math:: \lfloor (n + o_\text{before} + o_\text{after} - d\,(r - 1) - 1) / s \rfloor + 1

    Parameters
    ----------
    x_shape : tuple of int, (N, C, ...)
    weight_shape : tuple of int, (K, C/G, ...)
    stride, padding, dilation
        As in the convolution.

    Returns
    -------
    tuple of int, (N, K, ...)

    Raises
    ------
    ShapeError
        If a setting is out of range, or the window is larger than the padded image.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.conv_output_shape((8, 3, 32, 32), (16, 3, 5, 5), stride=2, padding=2)
    (8, 16, 16, 16)
    """
    op = "conv_output_shape"
    size, taps = _pixels(op, "x_shape", x_shape), _pixels(op, "weight_shape", weight_shape)
    if len(size) != len(taps):
        raise ShapeError(
            f"{op}: x_shape {tuple(x_shape)} and weight_shape {tuple(weight_shape)} differ in axes"
        )
    steps = several(op, "stride", stride, len(size))
    gaps = several(op, "dilation", dilation, len(size))
    around = sides(op, padding, size, taps, steps, gaps)
    return (x_shape[0], weight_shape[0], *output_sizes(op, size, taps, steps, gaps, around))


def conv_transpose_output_shape(
    x_shape, weight_shape, stride=1, padding=0, output_padding=0, dilation=1, groups=1
):
    r"""Return the shape that a transposed convolution would return.

    Along each axis of n pixels, for r taps, stride s, dilation d, paddings o and output
    padding e,

    .. math:: (n - 1)\,s - o_\text{before} - o_\text{after} + d\,(r - 1) + e + 1

    Parameters
    ----------
    x_shape : tuple of int, (N, C, ...)
    weight_shape : tuple of int, (C, K/G, ...)
    stride, padding, output_padding, dilation, groups
        As in :func:`conv_transpose2d`.

    Returns
    -------
    tuple of int, (N, K, ...)

    Raises
    ------
    ShapeError
        If a setting is out of range, or nothing is left.

    Examples
    --------
    >>> import odyssey as od
    >>> shape = (8, 16, 14, 14), (16, 3, 3, 3)
    >>> od.core.conv_transpose_output_shape(*shape, stride=2, padding=1, output_padding=1)
    (8, 3, 28, 28)
    """
    op = "conv_transpose_output_shape"
    size, taps = _pixels(op, "x_shape", x_shape), _pixels(op, "weight_shape", weight_shape)
    if len(size) != len(taps):
        raise ShapeError(
            f"{op}: x_shape {tuple(x_shape)} and weight_shape {tuple(weight_shape)} differ in axes"
        )
    sizes = transposed_sizes(op, size, taps, stride, padding, output_padding, dilation)
    return (x_shape[0], weight_shape[1] * groups, *sizes)


def pool_output_shape(x_shape, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    r"""Return the shape that a pool along one, two or three axes would return.

    Along each axis as in :func:`conv_output_shape`; with ``ceil_mode`` rounded up, as
    long as the last window begins inside the image or the padding before it.

    Parameters
    ----------
    x_shape : tuple of int, (N, C, ...)
    kernel_size, stride, padding, dilation, ceil_mode
        As in :func:`max_pool2d`.

    Returns
    -------
    tuple of int, (N, C, ...)

    Raises
    ------
    ShapeError
        If a setting is out of range, or the window is larger than the padded image.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.pool_output_shape((8, 3, 7, 7), 2)
    (8, 3, 3, 3)
    >>> od.core.pool_output_shape((8, 3, 7, 7), 2, ceil_mode=True)
    (8, 3, 4, 4)
    """
    op = "pool_output_shape"
    size = _pixels(op, "x_shape", x_shape)
    taps = several(op, "kernel_size", kernel_size, len(size))
    steps = taps if stride is None else several(op, "stride", stride, len(size))
    gaps = several(op, "dilation", dilation, len(size))
    around = tuple([(zeros, zeros) for zeros in several(op, "padding", padding, len(size), 0)])
    return (*x_shape[:2], *output_sizes(op, size, taps, steps, gaps, around, ceil_mode))


def linear_output_shape(x_shape, weight_shape):
    """Return the shape that :func:`linear` would return.

    Parameters
    ----------
    x_shape : tuple of int, (..., inputs)
    weight_shape : tuple of int, (outputs, inputs)

    Returns
    -------
    tuple of int, (..., outputs)

    Raises
    ------
    ShapeError
        If they do not fit.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.linear_output_shape((8, 20, 64), (10, 64))
    (8, 20, 10)
    """
    if len(weight_shape) != 2 or not x_shape or x_shape[-1] != weight_shape[1]:
        raise ShapeError(
            f"linear_output_shape: x_shape {tuple(x_shape)} must end in the inputs of "
            f"weight_shape {tuple(weight_shape)}, (outputs, inputs)"
        )
    return (*x_shape[:-1], weight_shape[0])


def _pixels(op, name, shape):
    """Return the lengths of the axes of pixels."""
    if len(shape) not in AXES:
        raise ShapeError(f"{op}: {name} must have 3, 4 or 5 axes, got {tuple(shape)}")
    return tuple(shape[2:])
