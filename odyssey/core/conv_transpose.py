"""Transposed convolutions along one, two and three axes."""

from __future__ import annotations

from odyssey.core._as_images import AsImages
from odyssey.core._broadcast import add_up
from odyssey.core._checks import as_array, check_one_dtype
from odyssey.core._windows import check_filters
from odyssey.errors import ShapeError
from odyssey.tape import differentiable
from odyssey.utils.geometry import transposed_sizes

__all__ = [
    "conv_transpose1d",
    "conv_transpose1d_backward",
    "conv_transpose2d",
    "conv_transpose2d_backward",
    "conv_transpose3d",
    "conv_transpose3d_backward",
]


@differentiable
def conv_transpose1d(
    x, weight, bias=None, stride=1, padding=0, output_padding=0, dilation=1, groups=1
):
    r"""Spread each number of a line over a window: the adjoint of :func:`conv1d`.

    Shapes: those of :func:`conv_transpose2d` with one axis of pixels.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, L)
    weight : Tensor or ndarray, shape (C, K/G, R)
    bias : Tensor or ndarray, shape (K,), optional
    stride, padding, output_padding, dilation, groups : int
        As in :func:`conv_transpose2d`.

    Returns
    -------
    Tensor or ndarray, shape (N, K, P)

    Raises
    ------
    ShapeError, DTypeError
        As :func:`conv_transpose2d`.

    Notes
    -----
    .. math:: y_{nki} = b_k + \sum_{c,r} w_{ckr}\; x_{ncp} \quad\text{over } ps + rd - o = i

    with stride s, dilation d and padding o. Backward: :func:`conv1d` of g with the same
    weights, and as for :func:`conv_transpose2d`. Saves ``x`` and ``weight``.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.tensor([[[1.0, 2.0]]])
    >>> od.core.conv_transpose1d(x, od.tensor([[[1.0, 10.0, 100.0]]]), stride=2)
    tensor([[[  1.,  10., 102.,  20., 200.]]])
    """
    settings = (stride, padding, output_padding, dilation, groups)
    return _spread("conv_transpose1d", 3, as_array(x), as_array(weight), bias, *settings)


@conv_transpose1d.backward_rule(wrt=("x", "weight", "bias"))
def conv_transpose1d_backward(
    grad,
    x,
    weight,
    stride=1,
    padding=0,
    output_padding=0,
    dilation=1,
    groups=1,
    needs=(True, True, True),
):
    """Return the gradients of :func:`conv_transpose1d` for ``x``, ``weight`` and ``bias``."""
    return _gradients("conv_transpose1d", grad, x, weight, stride, padding, dilation, groups, needs)


@differentiable
def conv_transpose2d(
    x, weight, bias=None, stride=1, padding=0, output_padding=0, dilation=1, groups=1
):
    r"""Spread each pixel over a window of a larger image: the adjoint of :func:`conv2d`.

    Also called a deconvolution, which it is not: it undoes the shapes of a convolution,
    not its values.

    Shapes: N images, C channels in, K out, R×S taps, H×W pixels in, P×Q out, G groups of
    C/G channels in and K/G out. With a stride s, a dilation d padding o before
    and after and output padding e, along each axis

    .. math:: P = (H - 1)\,s - o_\text{before} - o_\text{after} + d\,(R - 1) + e + 1

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, H, W)
    weight : Tensor or ndarray, shape (C, K/G, R, S)
        That of the convolution from P×Q to H×W whose adjoint this is.
    bias : Tensor or ndarray, shape (K,), optional
    stride : int or (vertical, horizontal)
        The distance from one window to the next.
    padding : int, pair or pair of pairs
        What is cut off around the result: the padding of that convolution.
    output_padding : int or (vertical, horizontal)
        e: rows below and columns on the right that the windows do not reach; less than the
        stride. Because of them a stride of 2 can lead back to an even size.
    dilation : int or (vertical, horizontal)
        The distance from one tap of a window to the next.
    groups : int
        G.

    Returns
    -------
    Tensor or ndarray, shape (N, K, P, Q)

    Raises
    ------
    ShapeError
        If the shapes or settings do not fit each other, or nothing is left.
    DTypeError
        If the arguments are not floating-point or not of one dtype.

    Notes
    -----
    Forward, with paddings :math:`o_v, o_h`; c counts the channels of k's group:

    .. math::

        y_{nkij} = b_k + \sum_{c,r,s} w_{ckrs}\; x_{ncpq}
            \quad\text{over } p s_v + r d_v - o_v = i,\ q s_h + s d_h - o_h = j

    Backward: with g padded in the same way,

    .. math::

        \partial x_{ncpq} &= \sum_{k,r,s} w_{ckrs}\; g_{n,\,k,\,p s_v + r d_v,\,q s_h + s d_h} \\
        \partial w_{ckrs} &= \sum_{n,p,q} x_{ncpq}\; g_{n,\,k,\,p s_v + r d_v,\,q s_h + s d_h} \\
        \partial b_k &= \sum_{n,i,j} g_{nkij}

    a :func:`conv2d` of g with the same weights, and the weight gradient of one with x
    and g in each other's places. Cost: as that convolution; saves ``x`` and ``weight``.

    References
    ----------
    .. [1] V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep
       learning", 2016, chapter 4, https://arxiv.org/abs/1603.07285.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.tensor([[[[1.0, 2.0]]]])
    >>> od.core.conv_transpose2d(x, od.ones((1, 1, 2, 2)), stride=(1, 2))
    tensor([[[[1., 1., 2., 2.],
              [1., 1., 2., 2.]]]])
    """
    settings = (stride, padding, output_padding, dilation, groups)
    return _spread("conv_transpose2d", 4, as_array(x), as_array(weight), bias, *settings)


@conv_transpose2d.backward_rule(wrt=("x", "weight", "bias"))
def conv_transpose2d_backward(
    grad,
    x,
    weight,
    stride=1,
    padding=0,
    output_padding=0,
    dilation=1,
    groups=1,
    needs=(True, True, True),
):
    """Return the gradients of :func:`conv_transpose2d` for ``x``, ``weight`` and ``bias``."""
    return _gradients("conv_transpose2d", grad, x, weight, stride, padding, dilation, groups, needs)


@differentiable
def conv_transpose3d(
    x, weight, bias=None, stride=1, padding=0, output_padding=0, dilation=1, groups=1
):
    r"""Spread each pixel of a volume over a window: the adjoint of :func:`conv3d`.

    Shapes: those of :func:`conv_transpose2d` with three axes of pixels.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, D, H, W)
    weight : Tensor or ndarray, shape (C, K/G, T, R, S)
    bias : Tensor or ndarray, shape (K,), optional
    stride, padding, output_padding, dilation : int or three of them
        As in :func:`conv_transpose2d`.
    groups : int

    Returns
    -------
    Tensor or ndarray, shape (N, K, M, P, Q)

    Raises
    ------
    ShapeError, DTypeError
        As :func:`conv_transpose2d`.

    Notes
    -----
    For stride and dilation 1 and without padding

    .. math:: y_{nklij} = b_k + \sum_{c,t,r,s} w_{cktrs}\; x_{n,\,c,\,l-t,\,i-r,\,j-s}

    over the pixels that x has. Backward: :func:`conv3d` of g with the same weights, and
    as for :func:`conv_transpose2d`. Saves ``x`` and ``weight``.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.ones((1, 1, 2, 3, 4))
    >>> od.core.conv_transpose3d(x, od.ones((1, 5, 2, 2, 2)), stride=2).shape
    (1, 5, 4, 6, 8)
    """
    settings = (stride, padding, output_padding, dilation, groups)
    return _spread("conv_transpose3d", 5, as_array(x), as_array(weight), bias, *settings)


@conv_transpose3d.backward_rule(wrt=("x", "weight", "bias"))
def conv_transpose3d_backward(
    grad,
    x,
    weight,
    stride=1,
    padding=0,
    output_padding=0,
    dilation=1,
    groups=1,
    needs=(True, True, True),
):
    """Return the gradients of :func:`conv_transpose3d` for ``x``, ``weight`` and ``bias``."""
    return _gradients("conv_transpose3d", grad, x, weight, stride, padding, dilation, groups, needs)


# The result is in the place of the input of a convolution, and x in the place of its output.


def _spread(op, ndim, x, weight, bias, stride, padding, output_padding, dilation, groups):
    check_one_dtype(op, x=x, weight=weight, bias=bias)
    groups = check_filters(op, x, weight, bias, groups, ndim, transposed=True)
    if padding == "same":
        raise ShapeError(f"{op}: padding must be numbers or 'valid', got 'same'")
    taps = weight.shape[2:]
    sizes = transposed_sizes(op, x.shape[2:], taps, stride, padding, output_padding, dilation)
    y_shape = (x.shape[0], weight.shape[1] * groups, *sizes)
    images = AsImages(op, y_shape, weight.shape, stride, padding, dilation, groups)
    y = images.input_gradient(x, weight)
    return y if bias is None else y + bias.reshape(-1, *[1] * len(sizes))


def _gradients(op, grad, x, weight, stride, padding, dilation, groups, needs):
    images = AsImages(op, grad.shape, weight.shape, stride, padding, dilation, groups)
    return (
        images.conv(grad, weight) if needs[0] else None,
        images.weight_gradient(x, grad) if needs[1] else None,
        add_up(grad, (0, *range(2, len(grad.shape)))) if needs[2] else None,
    )
