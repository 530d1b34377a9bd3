"""Dropout: elements set to zero at random, from bits that can be computed again."""

from __future__ import annotations

import math

import numpy as np

from odyssey.backend import kernel
from odyssey.core._activations import at_least, floating
from odyssey.core._checks import as_array, check_float
from odyssey.core.activations_exponential import SELU_ALPHA, SELU_SCALE
from odyssey.core.arithmetic import multiply
from odyssey.core.elementwise import where
from odyssey.errors import ShapeError
from odyssey.tape import Saved, differentiable
from odyssey.utils import random
from odyssey.utils.kernel_checks_pooling import check_probability, check_seed

__all__ = [
    "alpha_dropout",
    "alpha_dropout_backward",
    "drop_path",
    "drop_path_backward",
    "dropout",
    "dropout1d",
    "dropout1d_backward",
    "dropout2d",
    "dropout2d_backward",
    "dropout3d",
    "dropout3d_backward",
    "dropout_backward",
    "gaussian_noise",
    "gaussian_noise_backward",
]


def used(op, seed):
    """Return the seed, or one drawn from the process's generator for None."""
    if seed is None:
        return int(random.default_generator().integers(2**64, dtype=np.uint64))
    return check_seed(op, seed)


def counted_generator(seed):
    """Return a generator whose numbers are a function of the seed and their place."""
    return np.random.Generator(np.random.Philox(key=seed))


@differentiable
def dropout(x, p=0.5, training=True, seed=None):
    r"""Set each element to zero with probability p, and scale the others by 1 / (1 - p).

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape.
    p : float
        The probability to drop an element, in [0, 1]; 1 gives zeros.
    training : bool
        False returns the values of ``x``.
    seed : int, optional
        Where the random bits come from, in [0, 2**64). By default it is drawn
        from the process's generator, so that :func:`odyssey.manual_seed` makes
        a run reproducible.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``. ``dropout.with_saved`` also gives
        ``used_seed``.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point, ``p`` no number or ``seed`` no integer.
    OdysseyError
        If ``p`` or ``seed`` is out of range.

    Notes
    -----
    Forward, with random bits :math:`b_i` that are 1 with probability 1 - p, so
    that the mean of an output is its input:

    .. math:: y_i = \frac{b_i\, x_i}{1 - p}

    Backward: :math:`\partial x_i = b_i\, g_i / (1 - p)` with the same bits, which
    are not kept: the bits of the i-th element (in C order) are a function of the
    seed and of i, Philox4x32-10 [2]_. They are therefore equal on both backends,
    for every number of threads, memory layout and dtype. Saves the seed.

    References
    ----------
    .. [1] N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever,
       R. Salakhutdinov, "Dropout: a simple way to prevent neural networks from
       overfitting", JMLR 15, 2014.
    .. [2] J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as
       easy as 1, 2, 3", SC 2011, doi:10.1145/2063384.2063405.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.dropout(od.ones(8), p=0.5, seed=1)
    tensor([2., 2., 2., 2., 2., 2., 0., 2.])
    """
    x = as_array(x)
    check_float("dropout", x=x)
    check_probability("dropout", p)
    if not training or p == 0:
        return x, Saved(used_seed=None)
    seed = used("dropout", seed)
    return kernel("dropout")(x, p, seed), Saved(used_seed=seed)


@dropout.backward_rule(wrt=("x",))
def dropout_backward(grad, used_seed, p=0.5):
    """Return the gradient of :func:`dropout`; a seed of None says that nothing was dropped."""
    return grad if used_seed is None else kernel("dropout_backward")(grad, p, used_seed)


@dropout.backward_formula
def dropout_backward_formula(grad, used_seed, p=0.5):
    """Return the same as an operation: dropout is linear, so it is its own gradient."""
    return grad if used_seed is None else dropout(grad, p, True, used_seed)


# -- whole channels, whole examples ----------------------------------------------------------------


def _kept(shape, p, seed):
    """Return for each place whether dropout keeps it."""
    return kernel("dropout")(np.ones(shape, np.float32), p, seed) != 0


def _drop_leading(x, axes, p, seed):
    """Drop whole slices of ``x``, array or Tensor: one bit for each place of the first axes."""
    kept = _kept(x.shape[:axes], p, seed).reshape(x.shape[:axes] + (1,) * (x.ndim - axes))
    return where(kept, multiply(x, 1 / (1 - p) if p < 1 else 0.0), 0)


def _channel_dropout(spatial, letters):
    """Return the dropout of channels with that many spatial axes, and its rule."""
    name = f"dropout{spatial}d"

    def drop(x, p=0.5, training=True, seed=None):
        x = floating(name, x)
        check_probability(name, p)
        if x.ndim not in (spatial + 1, spatial + 2):
            raise ShapeError(
                f"{name}: x has {x.ndim} axes but needs {spatial + 2}, (N, C, {letters}), "
                f"or {spatial + 1}, (C, {letters}) (x: {x.shape})"
            )
        if not training or p == 0:
            return x, Saved(used_seed=None)
        seed = used(name, seed)
        return _drop_leading(x, x.ndim - spatial, p, seed), Saved(used_seed=seed)

    def rule(grad, used_seed, p=0.5):
        if used_seed is None:
            return grad
        return _drop_leading(grad, grad.ndim - spatial, p, used_seed)

    drop.__name__ = drop.__qualname__ = name
    drop.__doc__ = rf"""Set whole channels to zero with probability p, and scale the others.

    Neighbours in a channel are alike: dropping single ones would hardly take
    anything away.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, {letters}) or (C, {letters})
        Floating-point.
    p : float
        The probability to drop a channel, in [0, 1]; 1 gives zeros.
    training : bool
        False returns the values of ``x``.
    seed : int, optional
        As for :func:`dropout`.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point, ``p`` no number or ``seed`` no integer.
    OdysseyError
        If ``p`` or ``seed`` is out of range.
    ShapeError
        If ``x`` has another number of axes.

    Notes
    -----
    Forward: :math:`y_{{nc}} = b_{{nc}} x_{{nc}} / (1 - p)` with the bits of
    :func:`dropout` for an array of shape (N, C).

    Backward: :math:`\partial x_{{nc}} = b_{{nc}} g_{{nc}} / (1 - p)`. Saves the seed.

    References
    ----------
    .. [1] J. Tompson et al., "Efficient object localization using convolutional
       networks", arXiv:1411.4280.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.ones((1, 8{", 1" * spatial}))
    >>> od.core.{name}(x, p=0.5, seed=1).reshape(8)
    tensor([2., 2., 2., 2., 2., 2., 0., 2.])
    """
    rule.__name__ = rule.__qualname__ = f"{name}_backward"
    rule.__doc__ = f"Return the gradient of :func:`{name}`: the same channels of it."
    operation = differentiable(drop)
    return operation, operation.backward_rule(wrt=("x",))(rule)


dropout1d, dropout1d_backward = _channel_dropout(1, "L")
dropout2d, dropout2d_backward = _channel_dropout(2, "H, W")
dropout3d, dropout3d_backward = _channel_dropout(3, "D, H, W")


@differentiable
def drop_path(x, p=0.5, training=True, seed=None):
    r"""Set whole examples to zero with probability p, and scale the others: stochastic depth.

    On the branch of a residual block it skips the block.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, ...)
        Floating-point; an example for each index of the first axis.
    p : float
        The probability to drop an example, in [0, 1]; 1 gives zeros.
    training : bool
        False returns the values of ``x``.
    seed : int, optional
        As for :func:`dropout`.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point, ``p`` no number or ``seed`` no integer.
    OdysseyError
        If ``p`` or ``seed`` is out of range.
    ShapeError
        If ``x`` has no axis.

    Notes
    -----
    Forward: :math:`y_n = b_n x_n / (1 - p)` with the bits of :func:`dropout` for an
    array of shape (N,).

    Backward: :math:`\partial x_n = b_n g_n / (1 - p)`. Saves the seed.

    References
    ----------
    .. [1] G. Huang, Y. Sun, Z. Liu, D. Sedra, K. Weinberger, "Deep networks with
       stochastic depth", arXiv:1603.09382.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.drop_path(od.ones((8, 2)), p=0.5, seed=1).sum(1)
    tensor([4., 4., 4., 4., 4., 4., 0., 4.])
    """
    x = floating("drop_path", x)
    check_probability("drop_path", p)
    if x.ndim == 0:
        raise ShapeError("drop_path: x needs at least 1 axis, that of the examples (x: ())")
    if not training or p == 0:
        return x, Saved(used_seed=None)
    seed = used("drop_path", seed)
    return _drop_leading(x, 1, p, seed), Saved(used_seed=seed)


@drop_path.backward_rule(wrt=("x",))
def drop_path_backward(grad, used_seed, p=0.5):
    """Return the gradient of :func:`drop_path`: the same examples of it."""
    return grad if used_seed is None else _drop_leading(grad, 1, p, used_seed)


# -- noise that fits selu, and noise that is added -------------------------------------------------


def _alpha_factor(p):
    """Return the factor a of :func:`alpha_dropout`; nothing is left to scale for p = 1."""
    dropped = SELU_ALPHA * SELU_SCALE
    return 1 / math.sqrt((1 - p) * (1 + p * dropped**2)) if p < 1 else 0.0


@differentiable
def alpha_dropout(x, p=0.5, training=True, seed=None):
    r"""Set each element to the lowest value of selu with probability p; mean and variance stay.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape; of mean 0 and variance 1 for what is said.
    p : float
        The probability to drop an element, in [0, 1]; 1 gives zeros.
    training : bool
        False returns the values of ``x``.
    seed : int, optional
        As for :func:`dropout`.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point, ``p`` no number or ``seed`` no integer.
    OdysseyError
        If ``p`` or ``seed`` is out of range.

    Notes
    -----
    Forward, with the bits :math:`b_i` of :func:`dropout` and
    :math:`\alpha' = -\lambda \alpha` of :func:`selu`:

    .. math:: y_i = a \, (b_i x_i + (1 - b_i) \alpha' - p \alpha'), \qquad
              a = \frac{1}{\sqrt{(1 - p)(1 + p \alpha'^2)}}

    Backward: :math:`\partial x_i = a b_i g_i`. Saves the seed.

    References
    ----------
    .. [1] G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter,
       "Self-normalizing neural networks", arXiv:1706.02515.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.alpha_dropout(od.zeros(8), p=0.5, seed=1)[5:]
    tensor([ 0.7791939, -0.7791939,  0.7791939])
    """
    x = floating("alpha_dropout", x)
    check_probability("alpha_dropout", p)
    if not training or p == 0:
        return x, Saved(used_seed=None)
    seed, factor, lowest = used("alpha_dropout", seed), _alpha_factor(p), -SELU_ALPHA * SELU_SCALE
    with np.errstate(all="ignore"):
        y = np.where(_kept(x.shape, p, seed), x, x.dtype.type(lowest))
        return factor * (y - p * lowest), Saved(used_seed=seed)


@alpha_dropout.backward_rule(wrt=("x",))
def alpha_dropout_backward(grad, used_seed, p=0.5):
    """Return the gradient of :func:`alpha_dropout`."""
    if used_seed is None:
        return grad
    return where(_kept(grad.shape, p, used_seed), multiply(grad, _alpha_factor(p)), 0)


@differentiable
def gaussian_noise(x, std=0.1, training=True, seed=None):
    r"""Add normal noise to each element.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape.
    std : float
        The standard deviation of the noise; not negative.
    training : bool
        False returns the values of ``x``.
    seed : int, optional
        As for :func:`dropout`.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point, ``std`` no number or ``seed`` no integer.
    OdysseyError
        If ``std`` is negative or ``seed`` out of range.

    Notes
    -----
    Forward: :math:`y_i = x_i + \sigma n_i` with standard normal :math:`n_i`, the same
    in every dtype and on both backends.

    Backward: :math:`\partial x = g`. Nothing is saved.

    References
    ----------
    .. [1] C. Bishop, "Training with noise is equivalent to Tikhonov
       regularization", Neural Computation 7, 1995, doi:10.1162/neco.1995.7.1.108.

    Examples
    --------
    >>> import odyssey as od
    >>> noisy = od.core.gaussian_noise(od.zeros(10000), std=2.0, seed=1).numpy()
    >>> round(float(noisy.std()), 1)
    2.0
    """
    x, std = floating("gaussian_noise", x), at_least("gaussian_noise", "std", std)
    if not training or std == 0:
        return x
    noise = counted_generator(used("gaussian_noise", seed)).standard_normal(x.shape)
    with np.errstate(all="ignore"):
        return x + (std * noise).astype(x.dtype)


@gaussian_noise.backward_rule(wrt=("x",))
def gaussian_noise_backward(grad):
    """Return the gradient of :func:`gaussian_noise`."""
    return grad
