"""Convolution along one axis and three."""

from __future__ import annotations

from odyssey.core._as_images import AsImages
from odyssey.core._broadcast import add_up
from odyssey.core._checks import as_array, check_one_dtype
from odyssey.core._windows import bordered, borders, check_filters, unbordered
from odyssey.tape import differentiable

__all__ = ["conv1d", "conv1d_backward", "conv3d", "conv3d_backward"]


@differentiable
def conv1d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, padding_mode="zeros"):
    r"""Cross-correlate a batch of lines, such as sounds, with a bank of filters.

    Shapes: N lines of length L, C channels in, K filters, R taps, P out, G groups of
    C/G channels and K/G filters, with P as in :func:`conv2d`.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, L)
    weight : Tensor or ndarray, shape (K, C/G, R)
    bias : Tensor or ndarray, shape (K,), optional
    stride, dilation, groups : int
        As in :func:`conv2d`.
    padding : int, ((before, after),), "same" or "valid"
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What the padding holds, as in :func:`conv2d`.

    Returns
    -------
    Tensor or ndarray, shape (N, K, P)

    Raises
    ------
    ShapeError
        If the shapes or settings do not fit each other, or the window is
        larger than the padded line.
    DTypeError
        If the arguments are not floating-point or not of one dtype.

    Notes
    -----
    Forward, with x padded, stride s and dilation d; c counts the channels of k's group:

    .. math:: y_{nkp} = b_k + \sum_{c,r} w_{kcr}\; x_{n,\,c,\,ps + rd}

    Backward:

    .. math::

        \partial x_{nci} = \sum_{k,r} w_{kcr}\; g_{nkp} \text{ over } ps + rd = i, \quad
        \partial w_{kcr} = \sum_{n,p} g_{nkp}\; x_{n,\,c,\,ps + rd}, \quad
        \partial b_k = \sum_{n,p} g_{nkp}

    It is a convolution of images of one row, by the same kernels. Saves ``x`` and
    ``weight``.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.tensor([[[0.0, 1.0, 3.0, 6.0]]])
    >>> od.core.conv1d(x, od.tensor([[[-1.0, 1.0]]]))
    tensor([[[1., 2., 3.]]])
    """
    settings = (stride, padding, dilation, groups, padding_mode)
    return convolution("conv1d", 3, as_array(x), as_array(weight), bias, *settings)


@conv1d.backward_rule(wrt=("x", "weight", "bias"))
def conv1d_backward(
    grad,
    x,
    weight,
    stride=1,
    padding=0,
    dilation=1,
    groups=1,
    padding_mode="zeros",
    needs=(True, True, True),
):
    """Return the gradients of :func:`conv1d` for ``x``, ``weight`` and ``bias``."""
    settings = (stride, padding, dilation, groups, padding_mode)
    return convolution_gradients("conv1d", grad, x, weight, *settings, needs)


@differentiable
def conv3d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, padding_mode="zeros"):
    r"""Cross-correlate a batch of volumes, such as videos, with a bank of filters.

    Shapes: N volumes of D×H×W pixels, C channels in, K filters of T×R×S taps, M×P×Q
    out, G groups of C/G channels and K/G filters; M, P and Q as in :func:`conv2d`.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, D, H, W)
    weight : Tensor or ndarray, shape (K, C/G, T, R, S)
    bias : Tensor or ndarray, shape (K,), optional
    stride, dilation : int or three of them
    padding : int, three of them, three pairs (before, after), "same" or "valid"
    groups : int
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What the padding holds, as in :func:`conv2d`.

    Returns
    -------
    Tensor or ndarray, shape (N, K, M, P, Q)

    Raises
    ------
    ShapeError
        If the shapes or settings do not fit each other, or the window is
        larger than the padded volume.
    DTypeError
        If the arguments are not floating-point or not of one dtype.

    Notes
    -----
    Forward, with x padded, for stride and dilation 1:

    .. math:: y_{nkmpq} = b_k + \sum_{c,t,r,s} w_{kctrs}\; x_{n,\,c,\,m+t,\,p+r,\,q+s}

    Backward: as for :func:`conv2d`, with a third axis in each sum.

    It is one convolution of images: T pictures one behind the other are one picture
    with T·C channels. That copies ``x`` T times over, once more for the gradient.
    Saves ``x`` and ``weight``.

    References
    ----------
    .. [1] D. Tran et al., "Learning spatiotemporal features with 3D convolutional
       networks", 2015, https://arxiv.org/abs/1412.0767.

    Examples
    --------
    >>> import odyssey as od
    >>> video = od.arange(8.0).reshape(1, 1, 2, 2, 2)
    >>> od.core.conv3d(video, od.ones((1, 1, 2, 1, 1)))
    tensor([[[[[ 4.,  6.],
               [ 8., 10.]]]]])
    """
    settings = (stride, padding, dilation, groups, padding_mode)
    return convolution("conv3d", 5, as_array(x), as_array(weight), bias, *settings)


@conv3d.backward_rule(wrt=("x", "weight", "bias"))
def conv3d_backward(
    grad,
    x,
    weight,
    stride=1,
    padding=0,
    dilation=1,
    groups=1,
    padding_mode="zeros",
    needs=(True, True, True),
):
    """Return the gradients of :func:`conv3d` for ``x``, ``weight`` and ``bias``."""
    settings = (stride, padding, dilation, groups, padding_mode)
    return convolution_gradients("conv3d", grad, x, weight, *settings, needs)


def convolution(op, ndim, x, weight, bias, stride, padding, dilation, groups, padding_mode):
    """Return the convolution of arrays with ``ndim`` axes."""
    check_one_dtype(op, x=x, weight=weight, bias=bias)
    groups = check_filters(op, x, weight, bias, groups, ndim)
    around = borders(op, x.shape, weight.shape, stride, padding, dilation, padding_mode)
    if padding_mode != "zeros":
        x, around = bordered(op, x, around, padding_mode), 0
    return AsImages(op, x.shape, weight.shape, stride, around, dilation, groups).conv(
        x, weight, bias
    )


def convolution_gradients(
    op, grad, x, weight, stride, padding, dilation, groups, padding_mode, needs
):
    """Return the gradients of :func:`convolution`, in operations that have derivatives."""
    around = borders(op, x.shape, weight.shape, stride, padding, dilation, padding_mode)
    wide, zeros = x, around
    if padding_mode != "zeros":
        wide, zeros = bordered(op, x, around, padding_mode), 0
    images = AsImages(op, wide.shape, weight.shape, stride, zeros, dilation, groups)
    grad_x = images.input_gradient(grad, weight) if needs[0] else None
    if needs[0] and padding_mode != "zeros":
        grad_x = unbordered(op, grad_x, x.shape, around, padding_mode)
    return (
        grad_x,
        images.weight_gradient(grad, wide) if needs[1] else None,
        add_up(grad, (0, *range(2, len(grad.shape)))) if needs[2] else None,
    )
