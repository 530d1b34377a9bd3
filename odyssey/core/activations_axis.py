"""Activations along an axis: distributions over it, and gates that halve it."""

from __future__ import annotations

import numpy as np

from odyssey.backend import kernel
from odyssey.core._activations import at_least, floating
from odyssey.core._checks import normalize_axis
from odyssey.core.activation import sigmoid, softmax
from odyssey.core.arithmetic import divide
from odyssey.core.dropout import counted_generator, used
from odyssey.core.shape import concatenate
from odyssey.errors import ShapeError
from odyssey.tape import Saved, differentiable

__all__ = [
    "glu",
    "glu_backward",
    "gumbel_softmax",
    "gumbel_softmax_backward",
    "softmin",
    "softmin_backward",
    "sparsemax",
    "sparsemax_backward",
    "swiglu",
    "swiglu_backward",
]


# -- distributions ---------------------------------------------------------------------------------


@differentiable
def softmin(x, axis=-1):
    r"""Turn costs into probabilities along an axis: the softmax of :math:`-x`.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape with that axis.
    axis : int
        The axis along which the probabilities add up to 1.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point.
    ShapeError
        If the axis is out of range.

    Notes
    -----
    Forward: :math:`y_i = e^{-x_i} / \sum_j e^{-x_j}`.

    Backward: :math:`\partial x_i = -y_i (g_i - \sum_j g_j y_j)`. It needs the output
    only.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.softmin(od.tensor([0.0, 0.0, 1e4]))
    tensor([0.5, 0.5, 0. ])
    """
    x = floating("softmin", x)
    return kernel("softmax")(-x, normalize_axis("softmin", axis, x.ndim))


@softmin.backward_rule(wrt=("x",))
def softmin_backward(grad, out, axis=-1):
    """Return the gradient of :func:`softmin`."""
    return kernel("softmax_backward")(-grad, out, axis)


@softmin.backward_formula
def softmin_backward_formula(grad, out, axis=-1):
    """Return the same in operators."""
    return out * ((grad * out).sum(axis, keepdims=True) - grad)


@differentiable
@np.errstate(all="ignore")
def sparsemax(x, axis=-1):
    r"""Turn scores into probabilities along an axis, of which the low scores get exactly 0.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, finite scores, of any shape with that axis.
    axis : int
        The axis along which the probabilities add up to 1.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``: its nearest point on the simplex.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point.
    ShapeError
        If the axis is out of range.

    Notes
    -----
    Forward; k is the largest count with :math:`1 + k x_{(k)} > \sum_{j \le k} x_{(j)}`
    for the scores in descending order:

    .. math:: y_i = \max(x_i - \tau, 0), \qquad \tau = \frac{\sum_{j \le k} x_{(j)} - 1}{k}

    Backward, over the support S where :math:`y > 0`:
    :math:`\partial x_i = g_i - \frac{1}{|S|} \sum_{j \in S} g_j` in S, else 0. It
    needs the output only. Cost: a sort.

    References
    ----------
    .. [1] A. Martins, R. Astudillo, "From softmax to sparsemax", arXiv:1602.02068.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.sparsemax(od.tensor([1.0, 0.5, -1.0]))
    tensor([0.75, 0.25, 0.  ])
    """
    x = floating("sparsemax", x)
    axis = normalize_axis("sparsemax", axis, x.ndim)
    if not x.size:
        return x.copy()
    wide = x.astype(np.result_type(x, np.float32))
    wide = wide - wide.max(axis, keepdims=True)  # changes nothing but the size of the sums
    ordered = -np.sort(-wide, axis)
    totals = np.cumsum(ordered, axis)
    counts = np.arange(1, x.shape[axis] + 1).reshape((-1,) + (1,) * (x.ndim - axis - 1))
    support = (1 + counts * ordered > totals).sum(axis, keepdims=True)
    tau = (np.take_along_axis(totals, support - 1, axis) - 1) / support.astype(wide.dtype)
    return np.maximum(wide - tau, 0).astype(x.dtype)


@sparsemax.backward_rule(wrt=("x",))
def sparsemax_backward(grad, out, axis=-1):
    """Return the gradient of :func:`sparsemax`."""
    support = (np.asarray(out) > 0).astype(grad.dtype)
    mean = divide((grad * support).sum(axis, keepdims=True), support.sum(axis, keepdims=True))
    return (grad - mean) * support


@differentiable
def gumbel_softmax(x, tau=1.0, hard=False, axis=-1, training=True, seed=None):
    r"""Draw from the distribution that scores give, in a way that has a derivative.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point scores (logits), of any shape with that axis.
    tau : float
        The temperature, larger than 0; small ones come close to one-hot.
    hard : bool
        Round the result to one-hot; the gradient is that of the soft one.
    axis : int
        The axis along which the results add up to 1.
    training : bool
        False leaves out the noise: nothing is random then.
    seed : int, optional
        Where the random numbers come from; by default drawn from the process's
        generator.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``. ``gumbel_softmax.with_saved`` also gives
        ``used_seed``.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point, ``tau`` no number or ``seed`` no integer.
    OdysseyError
        If ``tau`` or ``seed`` is out of range.
    ShapeError
        If the axis is out of range.

    Notes
    -----
    Forward, with noise :math:`n_i = -\ln(-\ln u_i)` of uniform :math:`u_i`; the
    largest sum is at i with the probability :math:`\mathrm{softmax}(x)_i`:

    .. math:: y = \mathrm{softmax}\Big(\frac{x + n}{\tau}\Big)

    Backward: that of the softmax, divided by :math:`\tau`. It saves ``x`` and the seed.

    Without noise it is the softmax at that temperature, or the one-hot of the largest.

    References
    ----------
    .. [1] E. Jang, S. Gu, B. Poole, "Categorical reparameterization with
       Gumbel-softmax", arXiv:1611.01144.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.gumbel_softmax(od.zeros(3), hard=True, seed=1).sum().item()
    1.0
    """
    x = floating("gumbel_softmax", x)
    axis = normalize_axis("gumbel_softmax", axis, x.ndim)
    at_least("gumbel_softmax", "tau", tau, reached=False)
    seed = used("gumbel_softmax", seed) if training else None
    soft = _noisy_softmax(x, seed, tau, axis)
    if hard and x.size:
        chosen = np.expand_dims(soft.argmax(axis), axis)
        soft = np.zeros_like(soft)
        np.put_along_axis(soft, chosen, 1, axis)
    return soft, Saved(used_seed=seed)


def _noisy_softmax(x, seed, tau, axis):
    """Return the softmax with the noise of a seed; a seed of None says that there is none."""
    if seed is not None:
        x = x + counted_generator(seed).gumbel(size=x.shape).astype(x.dtype)
    return softmax(divide(x, float(tau)), axis)


@gumbel_softmax.backward_rule(wrt=("x",))
def gumbel_softmax_backward(grad, x, used_seed, tau=1.0, axis=-1):
    """Return the gradient of :func:`gumbel_softmax`, in operators."""
    soft = _noisy_softmax(x, used_seed, tau, axis)
    return divide(soft * (grad - (grad * soft).sum(axis, keepdims=True)), float(tau))


# -- gates -----------------------------------------------------------------------------------------


def _halves(op, x, axis):
    """Return the two halves of ``x`` along an axis, array or Tensor."""
    axis = normalize_axis(op, axis, x.ndim)
    half, odd = divmod(x.shape[axis], 2)
    if odd:
        raise ShapeError(f"{op}: axis {axis} of x must have an even length (x: {x.shape})")
    before = (slice(None),) * axis
    return x[(*before, slice(None, half))], x[(*before, slice(half, None))]


@differentiable
def glu(x, axis=-1):
    r"""Gate the first half of an axis with the sigmoid of the second.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape; the axis has an even length.
    axis : int
        The axis that is halved.

    Returns
    -------
    Tensor or ndarray
        In the dtype of ``x``, with half its length along the axis.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point.
    ShapeError
        If the axis is out of range, or of odd length.

    Notes
    -----
    Forward, with the halves a and b of x: :math:`y = a \, \sigma(b)`.

    Backward: :math:`\partial a = g \, \sigma(b)` and
    :math:`\partial b = g \, a \, \sigma(b) \sigma(-b)`. It saves ``x``.

    References
    ----------
    .. [1] Y. Dauphin, A. Fan, M. Auli, D. Grangier, "Language modeling with gated
       convolutional networks", arXiv:1612.08083.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.glu(od.tensor([2.0, 3.0, 0.0, -1e4]))
    tensor([1., 0.])
    """
    a, b = _halves("glu", floating("glu", x), axis)
    with np.errstate(all="ignore"):
        return a * kernel("sigmoid")(b)


@glu.backward_rule(wrt=("x",))
def glu_backward(grad, x, axis=-1):
    """Return the gradient of :func:`glu`."""
    a, b = _halves("glu", x, axis)
    s = sigmoid(b)
    return concatenate([grad * s, grad * a * (s * sigmoid(-b))], axis)


@differentiable
def swiglu(x, axis=-1):
    r"""Gate the second half of an axis with the swish of the first.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape; the axis has an even length.
    axis : int
        The axis that is halved.

    Returns
    -------
    Tensor or ndarray
        In the dtype of ``x``, with half its length along the axis.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point.
    ShapeError
        If the axis is out of range, or of odd length.

    Notes
    -----
    Forward, with the halves a and b of x: :math:`y = a \, \sigma(a) \, b`; where x is
    a product with two matrices side by side, the first makes the gate.

    Backward: :math:`\partial a = g \, b \, (s + a s \, \sigma(-a))` with
    :math:`s = \sigma(a)`, and :math:`\partial b = g \, a s`. It saves ``x``.

    References
    ----------
    .. [1] N. Shazeer, "GLU variants improve transformer", arXiv:2002.05202.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.swiglu(od.tensor([1.0, 0.0, 2.0, 5.0]))
    tensor([1.4621172, 0.       ])
    """
    a, b = _halves("swiglu", floating("swiglu", x), axis)
    with np.errstate(all="ignore"):
        return kernel("swish")(a) * b


@swiglu.backward_rule(wrt=("x",))
def swiglu_backward(grad, x, axis=-1):
    """Return the gradient of :func:`swiglu`."""
    a, b = _halves("swiglu", x, axis)
    s = sigmoid(a)
    return concatenate([grad * b * (s + a * (s * sigmoid(-a))), grad * (a * s)], axis)
