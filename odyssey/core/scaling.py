"""Vectors and weights of given size: unit norms, responses of neighbours, weight norms."""

from __future__ import annotations

import math

import numpy as np

from odyssey.core._broadcast import add_up
from odyssey.core._checks import as_array, check_float, check_one_dtype, normalize_axes
from odyssey.core.elementwise import abs, sqrt, where
from odyssey.core.matrix import matmul
from odyssey.errors import OdysseyError, ShapeError
from odyssey.tape import differentiable, not_differentiable

__all__ = [
    "local_response_norm",
    "local_response_norm_backward",
    "normalize",
    "normalize_backward",
    "normalize_rgb",
    "normalize_rgb_backward",
    "power_iteration",
    "spectral_norm",
    "spectral_norm_backward",
    "weight_norm",
    "weight_norm_backward",
]


@differentiable
def normalize(x, ord=2, axis=1, eps=1e-12):
    r"""Give vectors along axes the norm 1.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape with these axes.
    ord : float
        Which norm: :math:`p \ge 1` below.
    axis : int, tuple of int or None
        Along which the vectors lie.
    eps : float
        Norms below it count as this: zeros stay zeros.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``.

    Raises
    ------
    ShapeError
        If an axis is out of range, repeated or not an integer.
    DTypeError
        If ``x`` is not floating-point.
    OdysseyError
        If ``ord`` is not finite, or less than 1.

    Notes
    -----
    Forward:

    .. math:: y_i = x_i / s, \qquad s = \max(n, \epsilon), \qquad
              n = \Big(\sum_j |x_j|^p\Big)^{1/p}

    Backward; the second term, what moves with the norm, is missing where it is below
    :math:`\epsilon`:

    .. math:: \partial x_i = \frac{1}{s} \Big( g_i - \mathrm{sign}(x_i)\,
              \Big(\frac{|x_i|}{s}\Big)^{p-1} \sum_j g_j\, y_j \Big)

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.normalize(od.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[0.6, 0.8],
            [0. , 0. ]])
    """
    x = as_array(x)
    check_float("normalize", x=x)
    axes = normalize_axes("normalize", axis, x.ndim)
    if not 1 <= ord < math.inf:
        raise OdysseyError(f"normalize: ord must be a finite number, 1 at least, got {ord}")
    with np.errstate(all="ignore"):
        return (x / _size(x, ord, axes, eps)[0]).astype(x.dtype)


def _size(x, ord, axes, eps):
    """Return norms, eps where they are smaller, and where that is; in float32 at least."""
    x = x.astype(np.result_type(x.dtype, np.float32))
    powers = np.sum(np.abs(np.asarray(x)) ** ord, axes, keepdims=True)
    small = powers ** (1 / ord) <= eps
    norm = add_up(abs(where(small, 1.0, x)) ** ord, axes, True) ** (1 / ord)
    return where(small, eps, norm), small


@normalize.backward_rule(wrt=("x",))
@np.errstate(all="ignore")
def normalize_backward(grad, x, ord=2, axis=1, eps=1e-12):
    """Return the gradient of :func:`normalize`."""
    axes = normalize_axes("normalize", axis, x.ndim)
    size, small = _size(x, ord, axes, eps)
    direction = np.sign(np.asarray(x)) * ~small * abs(x / size) ** (ord - 1)
    return ((grad - direction * add_up(grad * x / size, axes, True)) / size).astype(x.dtype)


# -- weights by direction and size -------------------------------------------------------------


@differentiable
def weight_norm(v, g, axis=0):
    r"""Return weights of direction ``v`` and length ``g``, which then learn apart.

    Parameters
    ----------
    v : Tensor or ndarray
        Floating-point, of any shape; its slices along ``axis`` are the vectors.
    g : Tensor or ndarray
        Their lengths, in a shape that broadcasts to that of ``v``: with 1 for all
        axes but ``axis``.
    axis : int or None
        The axis that counts the vectors; None for one vector of all.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``v``.

    Raises
    ------
    ShapeError
        If the axis is out of range or no integer, or ``g`` has another shape.
    DTypeError
        If the arguments are not floating-point and of one dtype.

    Notes
    -----
    Forward, for each vector:

    .. math:: w = g\, u, \qquad u = v / \lVert v \rVert

    Backward: g moves along the vector, v only across it.

    .. math:: \partial g = \langle \bar w, u \rangle, \qquad
              \partial v = \frac{g}{\lVert v \rVert} \big(\bar w - u\, \partial g\big)

    A vector of zeros has no direction: it gives NaN.

    References
    ----------
    .. [1] T. Salimans, D. Kingma, "Weight normalization", NeurIPS 2016.
       https://arxiv.org/abs/1602.07868

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.weight_norm(od.tensor([[3.0, 4.0]]), od.tensor([[10.0]]))
    tensor([[6., 8.]])
    """
    v, g = as_array(v), as_array(g)
    check_one_dtype("weight_norm", v=v, g=g)
    axes = _all_but("weight_norm", axis, v.ndim)
    expected = tuple(1 if i in axes else n for i, n in enumerate(v.shape))
    if g.shape != expected:
        raise ShapeError(f"weight_norm: g must have shape {expected} but has {g.shape}")
    with np.errstate(all="ignore"):
        return (v * (g / _length(v, axes))).astype(v.dtype)


def _all_but(op, axis, ndim):
    kept = () if axis is None else normalize_axes(op, axis, ndim)
    return tuple(i for i in range(ndim) if i not in kept)


def _length(v, axes):
    """Return Euclidean lengths along axes, in float32 at least."""
    wide = v.astype(np.result_type(v.dtype, np.float32))
    return sqrt(add_up(wide * wide, axes, True))


@weight_norm.backward_rule(wrt=("v", "g"))
@np.errstate(all="ignore")
def weight_norm_backward(grad, v, g, axis=0):
    """Return the gradients of :func:`weight_norm` for ``v`` and ``g``."""
    axes = _all_but("weight_norm", axis, v.ndim)
    length = _length(v, axes)
    u = v / length
    grad_g = add_up(grad * u, axes, True)
    return (g / length * (grad - u * grad_g)).astype(v.dtype), grad_g.astype(g.dtype)


@not_differentiable
def power_iteration(weight, u, iterations=1, eps=1e-12):
    r"""Return estimates of the first singular vectors of a matrix, better ones with each step.

    .. math:: v \leftarrow \frac{W^\top u}{\lVert W^\top u \rVert}, \qquad
              u \leftarrow \frac{W v}{\lVert W v \rVert}

    Parameters
    ----------
    weight : Tensor or ndarray, shape (O, I, ...)
        Floating-point; the axes after the first are joined to the columns of W.
    u : Tensor or ndarray, shape (O,)
        The last estimate, or anything random.
    iterations : int
    eps : float
        Lengths below it count as this.

    Returns
    -------
    u, v : Tensor or ndarray, shape (O,) and (I ...,)
        For :func:`spectral_norm`, and u for the next call.

    Raises
    ------
    ShapeError
        If ``weight`` has fewer than 2 axes, or ``u`` does not fit.
    DTypeError
        If ``weight`` or ``u`` is not floating-point.
    OdysseyError
        If there is not one iteration at least.

    Examples
    --------
    >>> import numpy as np
    >>> u, v = power_iteration(np.diag([1.0, 3.0]), np.ones(2), iterations=20)
    >>> u.round(6), v.round(6)
    (array([0., 1.]), array([0., 1.]))
    """
    weight, u = as_array(weight), as_array(u)
    check_float("power_iteration", weight=weight, u=u)
    matrix = _matrix("power_iteration", weight, u=u)
    if iterations < 1:
        raise OdysseyError(f"power_iteration: iterations must be at least 1, got {iterations}")
    matrix = matrix.astype(np.result_type(matrix, np.float32))
    for _ in range(iterations):
        v = u @ matrix
        v = v / max(np.sqrt(v @ v), eps)
        u = matrix @ v
        u = u / max(np.sqrt(u @ u), eps)
    return u.astype(weight.dtype), v.astype(weight.dtype)


def _matrix(op, weight, **vectors):
    """Return a weight as a matrix that fits the vectors: u has its rows, v its columns."""
    if weight.ndim < 2:
        raise ShapeError(f"{op}: weight needs at least 2 axes (weight: {weight.shape})")
    shape = weight.shape[0], math.prod(weight.shape[1:])
    for (name, vector), length in zip(vectors.items(), shape, strict=False):
        if np.shape(vector) != (length,):
            raise ShapeError(f"{op}: {name} must have shape ({length},) but has {np.shape(vector)}")
    return weight.reshape(shape)


@differentiable
def spectral_norm(weight, u, v):
    r"""Divide a weight by its largest singular value, so that no signal grows by it.

    Parameters
    ----------
    weight : Tensor or ndarray, shape (O, I, ...)
        Floating-point; the axes after the first are joined to the columns of W.
    u, v : Tensor or ndarray, shape (O,) and (I ...,)
        What :func:`power_iteration` returned; constants here.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``weight``.

    Raises
    ------
    ShapeError
        If ``weight`` has fewer than 2 axes, or a vector does not fit.
    DTypeError
        If ``weight`` is not floating-point.

    Notes
    -----
    Forward:

    .. math:: y = W / \sigma, \qquad \sigma = u^\top W v

    Backward:

    .. math:: \partial W = \frac1\sigma \big(g - \langle g, y \rangle\, u v^\top \big)

    References
    ----------
    .. [1] T. Miyato, T. Kataoka, M. Koyama, Y. Yoshida, "Spectral normalization for
       generative adversarial networks", ICLR 2018. https://arxiv.org/abs/1802.05957

    Examples
    --------
    >>> import numpy as np
    >>> weight = np.diag([1.0, 4.0])
    >>> spectral_norm(weight, *power_iteration(weight, np.ones(2), 20)).round(6)
    array([[0.25, 0.  ],
           [0.  , 1.  ]])
    """
    weight = as_array(weight)
    check_float("spectral_norm", weight=weight)
    _matrix("spectral_norm", weight, u=u, v=v)
    with np.errstate(all="ignore"):
        return (weight / _stretch(weight, u, v)[0]).astype(weight.dtype)


def _stretch(weight, u, v):
    """Return the singular value, and its derivative by the weight; in float32 at least."""
    dtype = np.result_type(weight.dtype, np.float32)
    along = np.outer(np.asarray(u, dtype), np.asarray(v, dtype)).reshape(weight.shape)
    return (weight.astype(dtype) * along).sum(), along


@spectral_norm.backward_rule(wrt=("weight",))
@np.errstate(all="ignore")
def spectral_norm_backward(grad, weight, u, v):
    """Return the gradient of :func:`spectral_norm` for ``weight``."""
    value, along = _stretch(weight, u, v)
    return ((grad - along * (grad * weight / value).sum()) / value).astype(weight.dtype)


# -- images ------------------------------------------------------------------------------------


@differentiable
def local_response_norm(x, size, alpha=1e-4, beta=0.75, k=1.0):
    r"""Divide each channel by what its neighbours answer.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, ...)
        Floating-point.
    size : int
        How many channels count, around each one.
    alpha, beta, k : float

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``.

    Raises
    ------
    ShapeError
        If ``x`` has fewer than 2 axes, or ``size`` is less than 1.
    DTypeError
        If ``x`` is not floating-point.

    Notes
    -----
    Forward; channels that do not exist count as zeros, and n as ``size`` all the same:

    .. math:: y_c = x_c\, d_c^{-\beta}, \qquad
              d_c = k + \frac{\alpha}{n} \sum_j x_j^2, \qquad
              -\lfloor n / 2 \rfloor \le j - c \le \lfloor (n - 1) / 2 \rfloor

    Backward: each channel moves its own result, and those of its neighbours:

    .. math:: \partial x_c = g_c\, d_c^{-\beta} - \frac{2 \alpha \beta}{n}\, x_c
              \sum_{j: c \text{ counts for } j} g_j\, x_j\, d_j^{-\beta - 1}

    References
    ----------
    .. [1] A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet classification with deep
       convolutional neural networks", NeurIPS 2012, section 3.3.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.local_response_norm(od.tensor([[1.0, 2.0]]), 1, alpha=1.0, beta=1.0)
    tensor([[0.5, 0.4]])
    """
    x = as_array(x)
    check_float("local_response_norm", x=x)
    if x.ndim < 2 or size < 1:
        raise ShapeError(
            f"local_response_norm: x needs at least 2 axes (x: {x.shape}), size at least 1 ({size})"
        )
    with np.errstate(all="ignore"):
        return (x * _crowd(x, size, alpha, k) ** -beta).astype(x.dtype)


def _neighbours(C, size):
    """Return the matrix with 1 where channel j counts for channel c."""
    distance = np.arange(C) - np.arange(C)[:, None]
    return (distance >= -(size // 2)) & (distance <= (size - 1) // 2)


def _mixed(matrix, x):
    """Return sums over channels of x, those that each row of a matrix names."""
    columns = x.reshape((x.shape[0], x.shape[1], math.prod(x.shape[2:])))
    return matmul(matrix.astype(x.dtype), columns).reshape(x.shape)


def _crowd(x, size, alpha, k):
    """Return the sums d of the formula, in float32 at least."""
    wide = x.astype(np.result_type(x.dtype, np.float32))
    return k + alpha / size * _mixed(_neighbours(x.shape[1], size), wide * wide)


@local_response_norm.backward_rule(wrt=("x",))
@np.errstate(all="ignore")
def local_response_norm_backward(grad, x, size, alpha=1e-4, beta=0.75, k=1.0):
    """Return the gradient of :func:`local_response_norm`."""
    d = _crowd(x, size, alpha, k)
    share = _mixed(_neighbours(x.shape[1], size).T, grad * x * d ** (-beta - 1))
    return (grad * d**-beta - 2 * alpha * beta / size * x * share).astype(x.dtype)


@differentiable
def normalize_rgb(x, mean, std):
    r"""Give the channels of images a common scale: :math:`y_c = (x_c - \mu_c) / \sigma_c`.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, H, W) or (C, H, W)
        Floating-point.
    mean, std : sequence of float, length C
        Of each channel over the data set; constants.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``.

    Raises
    ------
    ShapeError
        If ``x`` has not 3 or 4 axes, or there is not a number for each channel.
    DTypeError
        If ``x`` is not floating-point.
    OdysseyError
        If a standard deviation is not positive.

    Notes
    -----
    Backward: :math:`\partial x_c = g_c / \sigma_c`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.normalize_rgb(od.tensor([[[0.25]], [[1.0]]]), [0.5, 0.5], [0.25, 0.5])
    tensor([[[-1.]],
    <BLANKLINE>
            [[ 1.]]])
    """
    x = as_array(x)
    check_float("normalize_rgb", x=x)
    if x.ndim not in (3, 4):
        raise ShapeError(f"normalize_rgb: x needs 3 or 4 axes, (N, C, H, W) (x: {x.shape})")
    for name, numbers in (("mean", mean), ("std", std)):
        if np.shape(numbers) != x.shape[-3:-2]:
            raise ShapeError(
                f"normalize_rgb: {name} must hold a number for each of the {x.shape[-3]} channels, "
                f"got {np.shape(numbers)} (x: {x.shape})"
            )
    if not np.all(np.asarray(std) > 0):
        raise OdysseyError(f"normalize_rgb: std must be positive, got {std}")
    return (x - _of_channels(mean, x.dtype)) / _of_channels(std, x.dtype)


def _of_channels(numbers, dtype):
    return np.asarray(numbers, dtype)[:, None, None]


@normalize_rgb.backward_rule(wrt=("x",))
def normalize_rgb_backward(grad, std):
    """Return the gradient of :func:`normalize_rgb`."""
    return grad / _of_channels(std, grad.dtype)
