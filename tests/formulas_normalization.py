"""The normalisations in float64, row by row: what the reference kernels are compared with."""

import numpy as np


def as_rows(x, groups):
    """Return x with what is normalised together along the last axis, and the way back."""
    if groups is None:  # a batch: channels first
        first = np.moveaxis(x, 1, 0)
        back = lambda rows: np.moveaxis(rows.reshape(first.shape), 0, 1)  # noqa: E731
        return first.reshape(x.shape[1], x.size // max(x.shape[1], 1)), back
    count = x.shape[0] * groups
    return x.reshape(count, x.size // max(count, 1)), lambda rows: rows.reshape(x.shape)


def by_channel(weight, x, default):
    if weight is None:
        return default
    return np.asarray(weight).reshape(1, -1, *[1] * (x.ndim - 2))


@np.errstate(all="ignore")
def normalized(x, groups, weight, bias, eps, centred=True):
    rows, back = as_rows(x, groups)
    count = np.float64(rows.shape[1])
    mean = rows @ np.ones(rows.shape[1]) / count * centred
    var = np.einsum("ni,ni->n", rows - mean[:, None], rows - mean[:, None]) / count
    hat = back(rows / np.sqrt(var + eps)[:, None] - (mean / np.sqrt(var + eps))[:, None])
    return hat * by_channel(weight, x, 1) + by_channel(bias, x, 0), mean, var


@np.errstate(all="ignore")
def gradients(grad, x, groups, weight, mean, rstd, needs=(True, True, True), centred=True):
    """Return the gradients: of each row what is left beside ones and beside the row itself."""
    rows, back = as_rows(x, groups)
    u, _ = as_rows(grad * by_channel(weight, x, 1), groups)
    hat = (rows - np.ravel(mean)[:, None]) * np.ravel(rstd)[:, None]
    n = max(rows.shape[1], 1)
    out = np.zeros(rows.shape)
    for i, r in enumerate(np.ravel(rstd)):
        along = u[i] - hat[i] * (hat[i] @ u[i]) / n
        out[i] = r * (along - (np.ones(rows.shape[1]) @ u[i]) / n * centred)
    others = (0, *range(2, x.ndim))
    sums = (grad * back(hat)).sum(others), grad.sum(others)
    return tuple(
        one if needed else None for one, needed in zip((back(out), *sums), needs, strict=False)
    )


def layer_norm(x, weight=None, bias=None, eps=1e-5):
    out, mean, var = normalized(x, 1, weight, bias, eps)
    return out, mean, 1 / np.sqrt(var + eps)


def layer_norm_backward(grad, x, weight, mean, rstd):
    return gradients(grad, x, 1, weight, mean, rstd)


def rms_norm(x, weight=None, eps=1e-5):
    out, _, square = normalized(x, 1, weight, None, eps, centred=False)
    return out, 1 / np.sqrt(square + eps)


def rms_norm_backward(grad, x, weight, rstd):
    return gradients(grad, x, 1, weight, 0 * rstd, rstd, (True, True), centred=False)[:2]


def batch_norm(x, weight=None, bias=None, eps=1e-5):
    return normalized(x, None, weight, bias, eps)


def batch_norm_backward(grad, x, weight, mean, var, eps=1e-5):
    return gradients(grad, x, None, weight, mean, 1 / np.sqrt(var + eps))


def batch_norm_inference(x, mean, var, weight=None, bias=None, eps=1e-5):
    slope = by_channel(1 / np.sqrt(var + eps), x, 1) * by_channel(weight, x, 1)
    return x * slope + by_channel(bias, x, 0) - by_channel(mean, x, 0) * slope


def batch_norm_inference_backward(grad, x, mean, var, weight, eps=1e-5):
    rstd = 1 / np.sqrt(var + eps)
    _, *sums = gradients(grad, x, None, weight, mean, rstd)
    return grad * by_channel(rstd, x, 1) * by_channel(weight, x, 1), *sums


def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    out, mean, var = normalized(x, groups, weight, bias, eps)
    shape = (x.shape[0], groups)
    return out, mean.reshape(shape), 1 / np.sqrt(var.reshape(shape) + eps)


def group_norm_backward(grad, x, groups, weight, mean, rstd):
    return gradients(grad, x, groups, weight, mean, rstd)
