r"""Random numbers: samples of distributions, the same for the same seed.

``rng`` is an :class:`odyssey.Generator` or one of NumPy's; by default the process's
(:func:`odyssey.manual_seed`). Samples are drawn in float64 and then rounded to their dtype
(``rand`` excepted), so that the stream does not depend on it, nor on the number of threads.
Their values are constants to backward; :func:`permutation` moves elements, and gradients with them.
"""

from __future__ import annotations

import math

import numpy as np

from odyssey.core.indexing import getitem
from odyssey.errors import DTypeError, OdysseyError, RangeError, ShapeError
from odyssey.tensor import Tensor
from odyssey.utils import random
from odyssey.utils.defaults import get_default_dtype

__all__ = [
    "bernoulli",
    "categorical",
    "exponential",
    "multinomial",
    "permutation",
    "rand",
    "randint",
    "randn",
    "truncated_normal",
]


def randn(*shape, dtype=None, requires_grad=False, rng=None):
    """Return samples of the standard normal distribution.

    Parameters
    ----------
    *shape : int, or one tuple of int
    dtype : dtype, optional
    requires_grad : bool
    rng : odyssey.Generator or numpy.random.Generator, optional
        By default the process's (:func:`odyssey.manual_seed`).
    """
    return _tensor(_drawn("randn", rng, "standard_normal", _shape(shape)), dtype, requires_grad)


def rand(*shape, dtype=None, requires_grad=False, rng=None):
    """Return samples of the uniform distribution over [0, 1); arguments as in :func:`randn`."""
    dtype = np.dtype(dtype or get_default_dtype())
    if dtype == np.float16:  # in its own steps: rounding a longer fraction could give 1
        return _tensor(_drawn("rand", rng, "integers", 0, 2048, _shape(shape)) / 2048, dtype,
                       requires_grad)  # fmt: skip
    return _tensor(_drawn("rand", rng, "random", _shape(shape), dtype), dtype, requires_grad)


def randint(low, high=None, shape=(), dtype=None, rng=None):
    """Return integers from ``low`` up to, not including, ``high``, each as likely.

    With one bound the range starts at 0.

    Parameters
    ----------
    low, high : int
    shape : int or tuple of int
    dtype : integer dtype, optional
        int64 by default.
    rng : odyssey.Generator or numpy.random.Generator, optional

    Raises
    ------
    RangeError
        If there is nothing from ``low`` to ``high``, or the dtype does not hold it.

    Examples
    --------
    >>> import odyssey as od
    >>> od.randint(6, shape=(2, 3), rng=od.Generator(0)).shape
    (2, 3)
    """
    low, high = (0, low) if high is None else (low, high)
    kind = np.dtype(dtype or np.int64)
    if kind.kind not in "iu":
        raise DTypeError(f"randint: dtype must be one of integers, got {kind}")
    if not low < high or low < np.iinfo(kind).min or high - 1 > np.iinfo(kind).max:
        raise RangeError(f"randint: there are no integers from {low} up to {high} in {kind}")
    return _tensor(_drawn("randint", rng, "integers", low, high, shape, kind), kind)


def permutation(x, axis=0, rng=None):
    """Return the numbers below ``x``, or what lies along an axis of ``x``, in random order.

    Parameters
    ----------
    x : int, Tensor or ndarray
    axis : int
        Of an array: the axis whose slices change places.
    rng : odyssey.Generator or numpy.random.Generator, optional

    Returns
    -------
    Tensor
        Of an integer n, int64 of shape (n,); else in the shape and dtype of ``x``,
        and gradients flow back to where the elements came from.

    Raises
    ------
    RangeError
        If ``axis`` is no axis of ``x``, or the integer negative.

    Examples
    --------
    >>> import odyssey as od
    >>> sorted(od.permutation(4).tolist())
    [0, 1, 2, 3]
    """
    rng = rng or random.default_generator()
    if isinstance(x, (int, np.integer)):
        if x < 0:
            raise RangeError(f"permutation: cannot order {x} numbers")
        return Tensor(rng.permutation(x))
    x = x if isinstance(x, Tensor) else Tensor(np.asarray(x))
    if not -x.ndim <= axis < x.ndim:
        raise RangeError(f"permutation: axis {axis} is out of range for {x.ndim} axes")
    axis %= x.ndim
    return getitem(x, (slice(None),) * axis + (rng.permutation(x.shape[axis]),))


def bernoulli(p, shape=None, dtype=None, rng=None):
    """Return ones with probability ``p``, else zeros.

    Parameters
    ----------
    p : number, Tensor or ndarray
        Probabilities, in [0, 1].
    shape : tuple of int, optional
        To which ``p`` is broadcast; by default its own.
    dtype : dtype, optional
        By default the default dtype; bool gives True and False.
    rng : odyssey.Generator or numpy.random.Generator, optional

    Raises
    ------
    RangeError
        If a probability lies outside of [0, 1].
    ShapeError
        If ``p`` does not broadcast to ``shape``.

    Examples
    --------
    >>> import odyssey as od
    >>> od.bernoulli([0.0, 1.0, 1.0])
    tensor([0., 1., 1.])
    """
    p = np.asarray(p, np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise RangeError("bernoulli: p must hold probabilities, in [0, 1]")
    shape = p.shape if shape is None else shape
    drawn = _drawn("bernoulli", rng, "random", shape)
    try:
        return _tensor(drawn < np.broadcast_to(p, np.shape(drawn)), dtype)
    except ValueError:
        raise ShapeError(f"bernoulli: p of shape {p.shape} does not broadcast to {shape}") from None


def categorical(logits, shape=(), axis=-1, rng=None):
    r"""Return indices, drawn with the probabilities softmax(logits).

    Parameters
    ----------
    logits : Tensor or ndarray
        Unnormalised logarithms of probabilities; :math:`-\infty` is never drawn.
    shape : tuple of int
        How many to draw of each distribution.
    axis : int
        Along which a distribution lies.
    rng : odyssey.Generator or numpy.random.Generator, optional

    Returns
    -------
    Tensor of int64
        Of ``shape`` followed by the other axes of ``logits``.

    Raises
    ------
    RangeError
        If ``axis`` is no axis of ``logits``.
    OdysseyError
        If a distribution has no finite logit, or NaN.

    Notes
    -----
    :math:`\arg\max_i(l_i + G_i)` with :math:`G_i` of Gumbel's distribution has
    that probability [1]_.

    References
    ----------
    .. [1] C. Maddison, D. Tarlow, T. Minka, "A* sampling", NeurIPS 2014, section 2.

    Examples
    --------
    >>> import odyssey as od
    >>> od.categorical(od.tensor([[0.0, -1e9], [-1e9, 0.0]]), shape=(3,))
    tensor([[0, 1],
            [0, 1],
            [0, 1]])
    """
    logits = np.asarray(logits, np.float64)
    if not -logits.ndim <= axis < logits.ndim:
        raise RangeError(f"categorical: axis {axis} is out of range for {logits.ndim} axes")
    logits = np.moveaxis(logits, axis, -1)
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    _check_logits("categorical", logits)
    noise = _drawn("categorical", rng, "gumbel", 0.0, 1.0, shape + logits.shape)
    return Tensor(np.asarray((logits + noise).argmax(-1)))


def multinomial(p, n, replacement=False, rng=None):
    """Return ``n`` indices, drawn one after another in proportion to weights.

    Parameters
    ----------
    p : Tensor or ndarray, (..., K)
        Weights, at least 0; they need not add up to 1.
    n : int
    replacement : bool
        Whether an index may be drawn again.
    rng : odyssey.Generator or numpy.random.Generator, optional

    Returns
    -------
    Tensor of int64, (..., n)

    Raises
    ------
    ShapeError
        If ``p`` has no axis.
    OdysseyError
        If a weight is negative, infinite or NaN, if all are 0, or, without
        replacement, fewer than ``n`` are not.

    Notes
    -----
    Without replacement: the ``n`` largest of the logarithms with noise of
    Gumbel's distribution, in descending order; see :func:`categorical`.

    Examples
    --------
    >>> import odyssey as od
    >>> sorted(od.multinomial(od.tensor([1.0, 0.0, 3.0]), 2).tolist())
    [0, 2]
    """
    p = np.asarray(p, np.float64)
    if p.ndim == 0:
        raise ShapeError("multinomial: p has no axis to draw from")
    if n < 0 or not ((p >= 0) & np.isfinite(p)).all():
        raise OdysseyError("multinomial: n and the weights must be at least 0, and finite")
    with np.errstate(divide="ignore"):
        logits = np.log(p)
    if replacement:
        _check_logits("multinomial", logits)
        drawn = categorical(logits, (n,), rng=rng).data
        return Tensor(np.moveaxis(drawn, 0, -1))
    if ((p > 0).sum(-1) < n).any():
        raise OdysseyError(f"multinomial: {n} draws without replacement need {n} weights above 0")
    noisy = logits + _drawn("multinomial", rng, "gumbel", 0.0, 1.0, p.shape)
    return Tensor(np.argsort(-noisy, axis=-1)[..., :n])


def exponential(shape, scale=1.0, dtype=None, rng=None):
    r"""Return samples of the exponential distribution, of density :math:`e^{-x/s} / s`.

    Parameters
    ----------
    shape : int or tuple of int
    scale : float
        The mean s, at least 0.
    dtype : dtype, optional
    rng : odyssey.Generator or numpy.random.Generator, optional

    Raises
    ------
    OdysseyError
        If ``scale`` is negative.

    Examples
    --------
    >>> import odyssey as od
    >>> bool(od.exponential((100,), scale=2.0).data.min() >= 0)
    True
    """
    if not scale >= 0:
        raise OdysseyError(f"exponential: scale must be at least 0, got {scale}")
    return _tensor(_drawn("exponential", rng, "exponential", scale, shape), dtype)


def truncated_normal(shape, mean=0.0, std=1.0, low=-2.0, high=2.0, dtype=None, rng=None):
    """Return samples of the normal distribution between two bounds; what lies beyond is redrawn.

    Parameters
    ----------
    shape : int or tuple of int
    mean, std : float
        Of the whole distribution, before it is cut.
    low, high : float
        Where it is cut; in the units of the samples, not of ``std``.
    dtype : dtype, optional
    rng : odyssey.Generator or numpy.random.Generator, optional

    Raises
    ------
    OdysseyError
        If ``std`` is not positive, or ``low`` not below ``high``.

    References
    ----------
    .. [1] C. Robert, "Simulation of truncated normal variables", Statistics and
       Computing 5, 1995. https://arxiv.org/abs/0907.4010

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.truncated_normal((1000,), low=3.0, high=5.0).data
    >>> bool(x.min() >= 3 and x.max() <= 5)
    True
    """
    if not std > 0 or not low < high:
        raise OdysseyError(
            f"truncated_normal: needs std > 0 and low < high, got {std=}, {low=}, {high=}"
        )
    a, b = (low - mean) / std, (high - mean) / std
    sign = -1.0 if b < 0 else 1.0  # of a tail, the right one is drawn
    a, b = (-b, -a) if b < 0 else (a, b)
    rng = rng or random.default_generator()
    out = np.empty(shape)
    flat, filled = out.reshape(-1), 0
    while filled < flat.size:
        x = _truncated(rng, a, b, flat.size - filled)
        flat[filled : filled + x.size] = x
        filled += x.size
    return _tensor(np.clip(mean + sign * std * out, low, high), dtype)


def _truncated(rng, a, b, n):
    """Return those of ``n`` proposals that a standard normal in [a, b], b >= 0, accepts."""
    if a <= 0 and b - a > math.sqrt(2 * math.pi):
        x = rng.standard_normal(n)
        return x[(a <= x) & (x <= b)]
    nearest = max(a, 0.0)
    rate = (nearest + math.sqrt(nearest * nearest + 4)) / 2
    if a <= 0 or (b - a) * rate <= 2:  # the density hardly falls: propose uniformly
        x = rng.uniform(a, b, n)
        return x[rng.random(n) <= np.exp((nearest - x) * (nearest + x) / 2)]
    x = nearest + rng.exponential(1 / rate, n)
    return x[(rng.random(n) <= np.exp(-((x - rate) ** 2) / 2)) & (x <= b)]


def _drawn(op, rng, method, *args):
    """Return what a method of the generator draws; its complaints are about shapes."""
    try:
        return getattr(rng or random.default_generator(), method)(*args)
    except (ValueError, TypeError) as error:
        kind = ShapeError if isinstance(error, ValueError) else DTypeError
        raise kind(f"{op}: {error}") from None


def _check_logits(op, logits):
    top = logits.max(-1, initial=-math.inf)
    if not np.isfinite(top).all():
        raise OdysseyError(f"{op}: a distribution needs a finite logit and no NaN or infinity")


def _tensor(samples, dtype, requires_grad=False):
    return Tensor(np.asarray(samples, dtype or get_default_dtype()), requires_grad)


def _shape(shape):
    return shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
