"""Initializers with a structure: rotations, identities, and weights that are mostly zero."""

from __future__ import annotations

import math

import numpy as np

from odyssey.errors import OdysseyError, ShapeError
from odyssey.tensor import Tensor
from odyssey.utils import random
from odyssey.utils.defaults import get_default_dtype

__all__ = ["dirac", "identity", "orthogonal", "sparse"]


def orthogonal(shape, gain=1.0, dtype=None, rng=None):
    r"""Return a random rotation, that keeps the length of every signal.

    .. math:: W W^\top = \mathrm{gain}^2\, I \quad \text{or} \quad
              W^\top W = \mathrm{gain}^2\, I

    the first if W has fewer rows than columns. All such matrices are equally likely.

    Parameters
    ----------
    shape : tuple of int, (O, I, ...)
        The axes after the first are joined to the columns of W.
    gain : float
        See :func:`calculate_gain`.
    dtype : dtype, optional
    rng : numpy.random.Generator, optional
        By default the process's (:func:`odyssey.manual_seed`).

    Returns
    -------
    Tensor

    Raises
    ------
    ShapeError
        If ``shape`` has fewer than 2 axes.

    References
    ----------
    .. [1] A. Saxe, J. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics
       of learning in deep linear neural networks", ICLR 2014.
       https://arxiv.org/abs/1312.6120

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.core.orthogonal((2, 3), gain=2.0)
    >>> (w @ w.T).numpy().round(5) + 0.0
    array([[4., 0.],
           [0., 4.]], dtype=float32)
    """
    if len(shape) < 2:
        raise ShapeError(f"orthogonal: a rotation needs at least 2 axes, got shape {shape}")
    rows, columns = shape[0], math.prod(shape[1:])
    tall = (rng or random.default_generator()).normal(
        0.0, 1.0, (max(rows, columns), min(rows, columns))
    )
    q, r = np.linalg.qr(tall)
    q = q * np.where(np.diagonal(r) < 0, -1, 1)  # QR's own choice of signs favours some rotations
    q = q if rows >= columns else q.T
    return Tensor(np.asarray(gain * q.reshape(shape), dtype or get_default_dtype()))


def identity(shape, gain=1.0, dtype=None):
    r"""Return :math:`\mathrm{gain} \cdot I`: what comes in goes out.

    Parameters
    ----------
    shape : tuple of int, (O, I)
        Not necessarily square.
    gain : float
    dtype : dtype, optional

    Returns
    -------
    Tensor

    Raises
    ------
    ShapeError
        If ``shape`` does not have 2 axes.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.identity((2, 3))
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    if len(shape) != 2:
        raise ShapeError(f"identity: a matrix has 2 axes, got shape {shape}; see dirac for windows")
    return Tensor(np.asarray(gain * np.eye(*shape), dtype or get_default_dtype()))


def dirac(shape, groups=1, dtype=None):
    """Return filters that pass on one channel each, as it is: a convolution's identity.

    Parameters
    ----------
    shape : tuple of int, (O, I, ...)
        Of a weight with a window of one axis or more; the tap in its middle is 1.
    groups : int
        Of the convolution; in each, filter k passes on channel k, if there is one.
    dtype : dtype, optional

    Returns
    -------
    Tensor

    Raises
    ------
    ShapeError
        If ``shape`` has fewer than 3 axes, or ``groups`` does not divide O.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.dirac((2, 2, 3))
    tensor([[[0., 1., 0.],
             [0., 0., 0.]],
    <BLANKLINE>
            [[0., 0., 0.],
             [0., 1., 0.]]])
    """
    if len(shape) < 3:
        raise ShapeError(f"dirac: filters with a window have at least 3 axes, got shape {shape}")
    if groups < 1 or shape[0] % groups:
        raise ShapeError(f"dirac: groups={groups} does not divide the {shape[0]} filters")
    out = np.zeros(shape, dtype or get_default_dtype())
    middle = tuple(n // 2 for n in shape[2:])
    filters = shape[0] // groups
    for o in range(shape[0]):
        if o % filters < shape[1]:
            out[(o, o % filters, *middle)] = 1
    return Tensor(out)


def sparse(shape, sparsity, std=0.01, dtype=None, rng=None):
    """Return normal weights of which a share in each column is zero.

    Every input then reaches a few units only, however many there are.

    Parameters
    ----------
    shape : tuple of int, (O, I)
    sparsity : float
        The share of zeros in each column, in [0, 1]; rounded up to whole weights.
    std : float
        The standard deviation of the others.
    dtype : dtype, optional
    rng : numpy.random.Generator, optional

    Returns
    -------
    Tensor

    Raises
    ------
    ShapeError
        If ``shape`` does not have 2 axes.
    OdysseyError
        If ``sparsity`` is no share.

    References
    ----------
    .. [1] J. Martens, "Deep learning via Hessian-free optimization", ICML 2010, section 5.

    Examples
    --------
    >>> import odyssey as od
    >>> (od.core.sparse((10, 3), 0.75) == 0).numpy().sum(axis=0)
    array([8, 8, 8])
    """
    if len(shape) != 2:
        raise ShapeError(f"sparse: a matrix has 2 axes, got shape {shape}")
    if not 0 <= sparsity <= 1:
        raise OdysseyError(f"sparse: sparsity must lie in [0, 1], got {sparsity}")
    rng = rng or random.default_generator()
    out = rng.normal(0.0, std, shape)
    order = np.argsort(rng.uniform(0.0, 1.0, shape), axis=0)  # of each column, a random one
    out[order < math.ceil(sparsity * shape[0])] = 0
    return Tensor(np.asarray(out, dtype or get_default_dtype()))
