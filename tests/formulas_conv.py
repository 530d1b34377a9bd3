"""Convolutions written once more, tap by tap over whole images, in float64."""

import numpy as np

from odyssey.utils.kernel_checks_conv import check_conv2d


def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Add up shifted images, tap by tap."""
    window = check_conv2d("conv2d", x, weight, bias, stride, padding, dilation, groups)
    y = np.zeros((len(x), len(weight), *window.outputs))
    for seen, r, s in each_tap(np.pad(x, ((0, 0), (0, 0), *window.padding)), weight, window):
        for c, k in group_slices(x.shape[1], len(weight), groups):
            y[:, k] += np.einsum("ncpq,kc->nkpq", seen[:, c], weight[k, :, r, s])
    return y if bias is None else y + bias[:, None, None]


def conv2d_backward(
    grad, x, weight, stride=1, padding=0, dilation=1, groups=1, needs=(True, True, True)
):
    window = check_conv2d("conv2d", x, weight, None, stride, padding, dilation, groups)
    image = np.pad(x, ((0, 0), (0, 0), *window.padding))
    grad_image, grad_weight = np.zeros(image.shape), np.zeros(weight.shape)
    views = each_tap(grad_image, weight, window)
    for (seen, r, s), (place, _, _) in zip(each_tap(image, weight, window), views, strict=True):
        for c, k in group_slices(x.shape[1], len(weight), groups):
            place[:, c] += np.einsum("nkpq,kc->ncpq", grad[:, k], weight[k, :, r, s])
            grad_weight[k, :, r, s] = np.einsum("nkpq,ncpq->kc", grad[:, k], seen[:, c])
    (top, _), (left, _) = window.padding
    grad_x = grad_image[:, :, top : top + x.shape[2], left : left + x.shape[3]]
    gradients = grad_x, grad_weight, grad.sum((0, 2, 3))
    return tuple(g if need else None for g, need in zip(gradients, needs, strict=True))


def winograd_conv2d(x, weight, bias=None, padding=0, dilation=1, groups=1, tile=4):
    return conv2d(x, weight, bias, 1, padding, dilation, groups)


def winograd_conv2d_backward(
    grad, x, weight, padding=0, dilation=1, groups=1, needs=(True, True, True), tile=4
):
    return conv2d_backward(grad, x, weight, 1, padding, dilation, groups, needs)


def toom_conv2d_weight_gradient(
    grad, x, weight, stride=1, padding=0, dilation=1, groups=1, needs=(True, True)
):
    return conv2d_backward(grad, x, weight, stride, padding, dilation, groups, (False, *needs))[1:]


def each_tap(image, weight, window):
    """Yield the pixels that each tap meets, and the tap."""
    (P, Q), (s_v, s_h), (d_v, d_h) = window.outputs, window.stride, window.dilation
    for r, s in np.ndindex(weight.shape[2:]):
        rows = slice(r * d_v, r * d_v + (P - 1) * s_v + 1, s_v)
        yield image[:, :, rows, s * d_h : s * d_h + (Q - 1) * s_h + 1 : s_h], r, s


def group_slices(channels, filters, groups):
    c, k = channels // groups, filters // groups
    return [(slice(g * c, g * c + c), slice(g * k, g * k + k)) for g in range(groups)]


def depthwise_conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1):
    weight = weight[:, : x.shape[1]]  # none without channels
    return conv2d(x, weight, bias, stride, padding, dilation, max(x.shape[1], 1))


def depthwise_conv2d_backward(
    grad, x, weight, stride=1, padding=0, dilation=1, needs=(True, True, True)
):
    groups, weight = max(x.shape[1], 1), weight[:, : x.shape[1]]
    return conv2d_backward(grad, x, weight, stride, padding, dilation, groups, needs)


def depthwise_separable_conv2d(x, depth, point, bias=None, stride=1, padding=0, dilation=1):
    return conv2d(depthwise_conv2d(x, depth, None, stride, padding, dilation), point, bias)


def depthwise_separable_conv2d_backward(
    grad, x, depth, point, stride=1, padding=0, dilation=1, needs=(True,) * 4
):
    middle = depthwise_conv2d(x, depth, None, stride, padding, dilation)
    grad_middle, *above = conv2d_backward(grad, middle, point)
    below = depthwise_conv2d_backward(grad_middle, x, depth, stride, padding, dilation)
    gradients = (*below[:2], *above)
    return tuple(g if need else None for g, need in zip(gradients, needs, strict=True))
