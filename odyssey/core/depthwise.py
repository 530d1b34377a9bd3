"""The depthwise convolution, and the depthwise-separable one."""

from __future__ import annotations

from odyssey.backend import kernel
from odyssey.core._checks import as_array, check_one_dtype
from odyssey.core.conv import conv2d_backward_formula, stand_in
from odyssey.tape import differentiable

__all__ = [
    "depthwise_conv2d",
    "depthwise_conv2d_backward",
    "depthwise_separable_conv2d",
    "depthwise_separable_conv2d_backward",
]


@differentiable
def depthwise_conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1):
    r"""Cross-correlate every channel with filters of its own.

    Shapes: N images, C channels in, M filters for each of them, R×S taps, H×W
    pixels in, P×Q out, as in :func:`conv2d`.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, H, W)
    weight : Tensor or ndarray, shape (C·M, 1, R, S)
        The filters of channel c are number cM, ..., cM + M - 1. M is the depth
        multiplier, at least 1.
    bias : Tensor or ndarray, shape (C·M,), optional
    stride, padding, dilation
        As in :func:`conv2d`.

    Returns
    -------
    Tensor or ndarray, shape (N, C·M, P, Q)

    Raises
    ------
    ShapeError
        If the shapes or settings do not fit each other, or the window is
        larger than the padded image.
    DTypeError
        If the arguments are not floating-point or not of one dtype.

    Notes
    -----
    Forward, with x padded, strides :math:`s_v, s_h`, dilations
    :math:`d_v, d_h` and k = cM + m:

    .. math:: y_{nkpq} = b_k + \sum_{r,s} w_{k0rs}\; x_{n,\,c,\,p s_v + r d_v,\,q s_h + s d_h}

    Backward:

    .. math::

        \partial x_{ncij} &= \sum_{m,r,s} w_{k0rs}\; g_{nkpq}
            \quad\text{over the } p, q \text{ with } p s_v + r d_v = i,\ q s_h + s d_h = j \\
        \partial w_{k0rs} &= \sum_{n,p,q} g_{nkpq}\; x_{n,\,c,\,p s_v + r d_v,\,q s_h + s d_h} \\
        \partial b_k &= \sum_{n,p,q} g_{nkpq}

    This is :func:`conv2d` with C groups, without the sum over channels: each
    pixel collects from the M filters of its own channel only.

    Cost: N·C·M·P·Q·R·S multiply-adds, C times less than a convolution: it is
    limited by memory. Saves ``x`` and ``weight``.

    References
    ----------
    .. [1] A. Howard et al., "MobileNets: efficient convolutional neural networks
       for mobile vision applications", 2017, section 3.1,
       https://arxiv.org/abs/1704.04861.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.arange(8.0).reshape(1, 2, 2, 2)
    >>> od.core.depthwise_conv2d(x, od.ones((2, 1, 2, 2))).flatten()
    tensor([[ 6., 22.]])
    """
    x, weight = as_array(x), as_array(weight)
    check_one_dtype("depthwise_conv2d", x=x, weight=weight, bias=bias)
    return kernel("depthwise_conv2d")(x, weight, bias, stride, padding, dilation)


@depthwise_conv2d.backward_rule(wrt=("x", "weight", "bias"))
def depthwise_conv2d_backward(
    grad, x, weight, stride=1, padding=0, dilation=1, needs=(True, True, True)
):
    """Return the gradients of :func:`depthwise_conv2d` for ``x``, ``weight`` and ``bias``."""
    return kernel("depthwise_conv2d_backward")(grad, x, weight, stride, padding, dilation, needs)


@depthwise_conv2d.backward_formula
def depthwise_conv2d_backward_formula(
    grad, x, weight, stride=1, padding=0, dilation=1, needs=(True, True, True)
):
    """Return the same in operations that can be differentiated again."""
    settings = (stride, padding, dilation)
    return (
        input_gradient(grad, weight, x.shape, *settings) if needs[0] else None,
        weight_gradient(grad, x, weight.shape, *settings) if needs[1] else None,
        grad.sum((0, 2, 3)) if needs[2] else None,
    )


# The two gradients as operations of their own, closed under differentiation; see core/conv.py.


@differentiable
def input_gradient(y, weight, x_shape, stride, padding, dilation):
    """Return the gradient of ``sum(y * depthwise_conv2d(x, weight))`` for x."""
    x = stand_in(x_shape, y.dtype)
    settings = (stride, padding, dilation)
    return kernel("depthwise_conv2d_backward")(y, x, weight, *settings, (True, False, False))[0]


@input_gradient.backward_rule(wrt=("y", "weight"))
def input_gradient_backward(grad, y, weight, stride, padding, dilation, needs=(True, True)):
    """Return the gradients of :func:`input_gradient`; ``grad`` is in the place of x."""
    settings = (stride, padding, dilation)
    return (
        depthwise_conv2d(grad, weight, None, *settings) if needs[0] else None,
        weight_gradient(y, grad, weight.shape, *settings) if needs[1] else None,
    )


@differentiable
def weight_gradient(y, x, weight_shape, stride, padding, dilation):
    """Return the gradient of ``sum(y * depthwise_conv2d(x, weight))`` for weight."""
    weight = stand_in(weight_shape, y.dtype)
    settings = (stride, padding, dilation)
    return kernel("depthwise_conv2d_backward")(y, x, weight, *settings, (False, True, False))[1]


@weight_gradient.backward_rule(wrt=("y", "x"))
def weight_gradient_backward(grad, y, x, stride, padding, dilation, needs=(True, True)):
    """Return the gradients of :func:`weight_gradient`; ``grad`` is in the place of weight."""
    settings = (stride, padding, dilation)
    return (
        depthwise_conv2d(x, grad, None, *settings) if needs[0] else None,
        input_gradient(y, grad, x.shape, *settings) if needs[1] else None,
    )


@differentiable
def depthwise_separable_conv2d(
    x, depthwise_weight, pointwise_weight, bias=None, stride=1, padding=0, dilation=1
):
    r"""Cross-correlate every channel by itself, then mix the channels of each pixel.

    Shapes: N images, C channels in, M filters for each of them, R×S taps, H×W
    pixels in, P×Q out, as in :func:`conv2d`; then K filters of 1×1.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, H, W)
    depthwise_weight : Tensor or ndarray, shape (C·M, 1, R, S)
    pointwise_weight : Tensor or ndarray, shape (K, C·M, 1, 1)
    bias : Tensor or ndarray, shape (K,), optional
    stride, padding, dilation
        Of the depthwise step, as in :func:`conv2d`.

    Returns
    -------
    Tensor or ndarray, shape (N, K, P, Q)

    Raises
    ------
    ShapeError
        If the shapes or settings do not fit each other, or the window is
        larger than the padded image.
    DTypeError
        If the arguments are not floating-point or not of one dtype.

    Notes
    -----
    Forward, with z the result of :func:`depthwise_conv2d` and v the pointwise
    weights:

    .. math:: y_{nkpq} = b_k + \sum_c v_{kc}\, z_{ncpq}

    Backward: through the 1×1 convolution

    .. math::

        \partial z_{ncpq} = \sum_k v_{kc}\, g_{nkpq}, \qquad
        \partial v_{kc} = \sum_{n,p,q} g_{nkpq}\, z_{ncpq}, \qquad
        \partial b_k = \sum_{n,p,q} g_{nkpq}

    and from z on as in :func:`depthwise_conv2d`, by the chain rule.

    Cost: N·C·M·P·Q·(R·S + K) multiply-adds, where a convolution takes
    N·C·P·Q·R·S·K; saves its three first arguments, and computes z again.

    References
    ----------
    .. [1] L. Sifre, "Rigid-motion scattering for image classification", PhD
       thesis, 2014, section 6.2.
    .. [2] F. Chollet, "Xception: deep learning with depthwise separable
       convolutions", 2017, https://arxiv.org/abs/1610.02357.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.arange(8.0).reshape(1, 2, 2, 2)
    >>> mix = od.tensor([1.0, -1.0]).reshape(1, 2, 1, 1)
    >>> od.core.depthwise_separable_conv2d(x, od.ones((2, 1, 2, 2)), mix).item()
    -16.0
    """
    op = "depthwise_separable_conv2d"
    x, depthwise_weight = as_array(x), as_array(depthwise_weight)
    pointwise_weight = as_array(pointwise_weight)
    check_one_dtype(
        op,
        x=x,
        depthwise_weight=depthwise_weight,
        pointwise_weight=pointwise_weight,
        bias=bias,
    )
    return kernel(op)(x, depthwise_weight, pointwise_weight, bias, stride, padding, dilation)


@depthwise_separable_conv2d.backward_rule(wrt=("x", "depthwise_weight", "pointwise_weight", "bias"))
def depthwise_separable_conv2d_backward(
    grad,
    x,
    depthwise_weight,
    pointwise_weight,
    stride=1,
    padding=0,
    dilation=1,
    needs=(True, True, True, True),
):
    """Return the gradients of :func:`depthwise_separable_conv2d` for its four arrays."""
    return kernel("depthwise_separable_conv2d_backward")(
        grad, x, depthwise_weight, pointwise_weight, stride, padding, dilation, needs
    )


@depthwise_separable_conv2d.backward_formula
def depthwise_separable_conv2d_backward_formula(
    grad,
    x,
    depthwise_weight,
    pointwise_weight,
    stride=1,
    padding=0,
    dilation=1,
    needs=(True, True, True, True),
):
    """Return the same in operations that can be differentiated again."""
    settings = (stride, padding, dilation)
    z = depthwise_conv2d(x, depthwise_weight, None, *settings)
    below = needs[0] or needs[1]
    grad_z, grad_pointwise, grad_bias = conv2d_backward_formula(
        grad, z, pointwise_weight, needs=(below, needs[2], needs[3])
    )
    grad_x = grad_depthwise = None
    if grad_z is not None:
        grad_x, grad_depthwise, _ = depthwise_conv2d_backward_formula(
            grad_z, x, depthwise_weight, *settings, (needs[0], needs[1], False)
        )
    return grad_x, grad_depthwise, grad_pointwise, grad_bias
