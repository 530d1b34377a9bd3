"""Dropout: elements set to zero at random, from bits that can be computed again."""

from __future__ import annotations

import numpy as np

from odyssey.backend import kernel
from odyssey.core._checks import as_array, check_float
from odyssey.tape import Saved, differentiable
from odyssey.utils import random
from odyssey.utils.kernel_checks_pooling import check_probability

__all__ = ["dropout", "dropout_backward"]


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
    if seed is None:
        seed = int(random.default_generator().integers(2**64, dtype=np.uint64))
    return kernel("dropout")(x, p, seed), Saved(used_seed=seed)


@dropout.backward_rule(wrt=("x",))
def dropout_backward(grad, used_seed, p=0.5):
    """Return the gradient of :func:`dropout`; a seed of None says that nothing was dropped."""
    return grad if used_seed is None else kernel("dropout_backward")(grad, p, used_seed)


@dropout.backward_formula
def dropout_backward_formula(grad, used_seed, p=0.5):
    """Return the same as an operation: dropout is linear, so it is its own gradient."""
    return grad if used_seed is None else dropout(grad, p, True, used_seed)
