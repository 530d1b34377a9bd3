"""The two-dimensional convolution, and the two operations that are its derivative."""

from __future__ import annotations

import numpy as np

from odyssey.backend import kernel
from odyssey.core._checks import as_array, check_one_dtype
from odyssey.core._windows import bordered, borders, check_filters, unbordered
from odyssey.tape import differentiable

__all__ = ["conv2d", "conv2d_backward"]


@differentiable
def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, padding_mode="zeros"):
    r"""Cross-correlate a batch of images with a bank of filters.

    What deep learning calls a convolution: the filters are not turned.

    Shapes: N images, C channels in, K filters, R×S taps, H×W pixels in, P×Q
    out, G groups of C/G channels and K/G filters. With a stride s, a dilation d
    and padding before and after, along each axis

    .. math:: P = \lfloor (H + \text{before} + \text{after} - d\,(R - 1) - 1) / s \rfloor + 1

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, H, W)
    weight : Tensor or ndarray, shape (K, C/G, R, S)
    bias : Tensor or ndarray, shape (K,), optional
    stride : int or (vertical, horizontal)
        The distance from one window to the next.
    padding : int, pair, pair of pairs, "same" or "valid"
        Pixels around the image: one number for all sides, (vertical,
        horizontal), ((above, below), (left, right)); "same" for as many as
        give :math:`P = \lceil H / s \rceil`, "valid" for none.
    dilation : int or (vertical, horizontal)
        The distance from one tap of a window to the next.
    groups : int
        G: filters see the channels of their own group only.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What the padding holds: zeros; the image mirrored at its border pixels;
        the border pixels again; the pixels from the opposite side.

    Returns
    -------
    Tensor or ndarray, shape (N, K, P, Q)
        On the fast backend in channels-last memory, (N, P, Q, K), which all
        image operations take without a copy.

    Raises
    ------
    ShapeError
        If the shapes or settings do not fit each other, the window is larger
        than the padded image, or a padding needs more pixels than there are.
    OdysseyError
        If there is no such ``padding_mode``.
    DTypeError
        If the arguments are not floating-point or not of one dtype.

    Notes
    -----
    Forward, with x padded, strides :math:`s_v, s_h` and dilations
    :math:`d_v, d_h`; c counts the channels of k's group:

    .. math:: y_{nkpq} = b_k + \sum_{c,r,s} w_{kcrs}\; x_{n,\,c,\,p s_v + r d_v,\,q s_h + s d_h}

    Backward:

    .. math::

        \partial x_{ncij} &= \sum_{k,r,s} w_{kcrs}\; g_{nkpq}
            \quad\text{over the } p, q \text{ with } p s_v + r d_v = i,\ q s_h + s d_h = j \\
        \partial w_{kcrs} &= \sum_{n,p,q} g_{nkpq}\; x_{n,\,c,\,p s_v + r d_v,\,q s_h + s d_h} \\
        \partial b_k &= \sum_{n,p,q} g_{nkpq}

    Each pixel collects from every window that covered it, through the tap that
    lay on it; each tap meets the pixels that it read with the gradients of the
    outputs that it helped to make. y is linear in x and in w, so the second
    derivative consists of these three operations again.

    A padding that repeats pixels sends its gradients back to them.

    Cost: N·K·P·Q·C/G·R·S multiply-adds, and as many for each of the first two
    gradients; saves ``x`` and ``weight``. A ``padding_mode`` other than zeros
    copies ``x``.

    References
    ----------
    .. [1] V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep
       learning", 2016, https://arxiv.org/abs/1603.07285.
    .. [2] M. Dukhan, "The indirect convolution algorithm", 2019,
       https://arxiv.org/abs/1907.02129.

    Examples
    --------
    A filter that finds vertical edges:

    >>> import odyssey as od
    >>> x = od.tensor([[[[0.0, 0.0, 1.0, 1.0]] * 3]])
    >>> edge = od.tensor([[[[-1.0, 1.0]]]])
    >>> od.core.conv2d(x, edge)[0, 0]
    tensor([[0., 1., 0.],
            [0., 1., 0.],
            [0., 1., 0.]])
    """
    x, weight = as_array(x), as_array(weight)
    check_one_dtype("conv2d", x=x, weight=weight, bias=bias)
    if padding_mode != "zeros":
        check_filters("conv2d", x, weight, bias, groups, 4)
        x, padding, _ = _bordered(x, weight, stride, padding, dilation, padding_mode)
    return kernel("conv2d")(x, weight, bias, stride, padding, dilation, groups)


@conv2d.backward_rule(wrt=("x", "weight", "bias"))
def conv2d_backward(
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
    """Return the gradients of :func:`conv2d` for ``x``, ``weight`` and ``bias``."""
    wide, zeros, around = _bordered(x, weight, stride, padding, dilation, padding_mode)
    grad_x, *others = kernel("conv2d_backward")(
        grad, wide, weight, stride, zeros, dilation, groups, needs
    )
    return _unbordered(grad_x, x.shape, around, padding_mode), *others


@conv2d.backward_formula
def conv2d_backward_formula(
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
    """Return the same in operations that can be differentiated again."""
    wide, zeros, around = _bordered(x, weight, stride, padding, dilation, padding_mode)
    settings = (stride, zeros, dilation, groups)
    grad_x = input_gradient(grad, weight, wide.shape, *settings) if needs[0] else None
    return (
        _unbordered(grad_x, x.shape, around, padding_mode),
        weight_gradient(grad, wide, weight.shape, *settings) if needs[1] else None,
        grad.sum((0, 2, 3)) if needs[2] else None,
    )


def _bordered(x, weight, stride, padding, dilation, padding_mode):
    """Return x with a border that repeats its pixels, the padding left, and the border's width."""
    if padding_mode == "zeros":
        return x, padding, None
    around = borders("conv2d", x.shape, weight.shape, stride, padding, dilation, padding_mode)
    return bordered("conv2d", x, around, padding_mode), 0, around


def _unbordered(grad, x_shape, around, padding_mode):
    if grad is None or around is None:
        return grad
    return unbordered("conv2d", grad, x_shape, around, padding_mode)


# The two gradients as operations of their own. Of the three arrays in sum(y * conv2d(x, weight)),
# which is linear in each, conv2d and these two leave out one each: the derivative of one of the
# three is made of the other two, and all derivatives of any order are.


def stand_in(shape, dtype):
    """Return an array of which a kernel only looks at shape and dtype."""
    return np.broadcast_to(np.zeros((), dtype), shape)


@differentiable
def input_gradient(y, weight, x_shape, stride, padding, dilation, groups):
    """Return the gradient of ``sum(y * conv2d(x, weight))`` for x: a transposed convolution."""
    x = stand_in(x_shape, y.dtype)
    settings = (stride, padding, dilation, groups)
    return kernel("conv2d_backward")(y, x, weight, *settings, (True, False, False))[0]


@input_gradient.backward_rule(wrt=("y", "weight"))
def input_gradient_backward(grad, y, weight, stride, padding, dilation, groups, needs=(True, True)):
    """Return the gradients of :func:`input_gradient`; ``grad`` is in the place of x."""
    settings = (stride, padding, dilation, groups)
    return (
        conv2d(grad, weight, None, *settings) if needs[0] else None,
        weight_gradient(y, grad, weight.shape, *settings) if needs[1] else None,
    )


@differentiable
def weight_gradient(y, x, weight_shape, stride, padding, dilation, groups):
    """Return the gradient of ``sum(y * conv2d(x, weight))`` for weight."""
    weight = stand_in(weight_shape, y.dtype)
    settings = (stride, padding, dilation, groups)
    return kernel("conv2d_backward")(y, x, weight, *settings, (False, True, False))[1]


@weight_gradient.backward_rule(wrt=("y", "x"))
def weight_gradient_backward(grad, y, x, stride, padding, dilation, groups, needs=(True, True)):
    """Return the gradients of :func:`weight_gradient`; ``grad`` is in the place of weight."""
    settings = (stride, padding, dilation, groups)
    return (
        conv2d(x, grad, None, *settings) if needs[0] else None,
        input_gradient(y, grad, x.shape, *settings) if needs[1] else None,
    )
