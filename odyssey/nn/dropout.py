"""Dropout as layers: elements, channels or whole examples set to zero at random, and noise."""

from __future__ import annotations

from odyssey import core
from odyssey.core._activations import at_least
from odyssey.nn._plain import Plain
from odyssey.tensor import Tensor
from odyssey.utils.kernel_checks_pooling import check_probability

__all__ = [
    "AlphaDropout",
    "DropPath",
    "Dropout",
    "Dropout1D",
    "Dropout2D",
    "Dropout3D",
    "GaussianNoise",
]


class Dropping(Plain):
    """A layer that drops something with probability ``p``."""

    def __init__(self, p: float = 0.5) -> None:
        check_probability(type(self).__name__, p)
        self.p = p


class Dropout(Dropping):
    """Drop elements at random while training; see :func:`odyssey.core.dropout`.

    In evaluation mode it returns its input. The random bits come from the
    process's generator: :func:`odyssey.manual_seed` makes them reproducible.

    Parameters
    ----------
    p : float
        The probability to drop an element, in [0, 1].

    Raises
    ------
    OdysseyError
        If ``p`` is out of range.

    References
    ----------
    .. [1] N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever,
       R. Salakhutdinov, "Dropout: a simple way to prevent neural networks from
       overfitting", JMLR 15, 2014.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Dropout(0.2).eval()(od.ones(3))
    tensor([1., 1., 1.])
    """

    def forward(self, x: Tensor) -> Tensor:
        return core.dropout(x, self.p, self.training)


class Dropout1D(Dropping):
    """Drop whole channels of sequences while training; see :func:`odyssey.core.dropout1d`.

    Parameters
    ----------
    p : float
        The probability to drop a channel, in [0, 1].

    Raises
    ------
    OdysseyError
        If ``p`` is out of range.

    Examples
    --------
    >>> import odyssey as od
    >>> y = od.nn.Dropout1D()(od.ones((4, 8, 5)))  # 0 or 2, alike along each sequence
    >>> bool((y == y[:, :, :1]).all())
    True
    """

    def forward(self, x: Tensor) -> Tensor:
        return core.dropout1d(x, self.p, self.training)


class Dropout2D(Dropping):
    """Drop whole channels of images while training; see :func:`odyssey.core.dropout2d`.

    Parameters
    ----------
    p : float
        The probability to drop a channel, in [0, 1].

    Raises
    ------
    OdysseyError
        If ``p`` is out of range.

    References
    ----------
    .. [1] J. Tompson et al., "Efficient object localization using convolutional
       networks", arXiv:1411.4280.

    Examples
    --------
    >>> import odyssey as od
    >>> y = od.nn.Dropout2D()(od.ones((4, 8, 5, 5)))  # 0 or 2, alike all over an image
    >>> bool((y == y[:, :, :1, :1]).all())
    True
    """

    def forward(self, x: Tensor) -> Tensor:
        return core.dropout2d(x, self.p, self.training)


class Dropout3D(Dropping):
    """Drop whole channels of volumes while training; see :func:`odyssey.core.dropout3d`.

    Parameters
    ----------
    p : float
        The probability to drop a channel, in [0, 1].

    Raises
    ------
    OdysseyError
        If ``p`` is out of range.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Dropout3D(1.0)(od.ones((1, 2, 3, 3, 3))).sum().item()
    0.0
    """

    def forward(self, x: Tensor) -> Tensor:
        return core.dropout3d(x, self.p, self.training)


class AlphaDropout(Dropping):
    """Drop elements to the lowest value of selu; see :func:`odyssey.core.alpha_dropout`.

    After :class:`SELU` it leaves mean and variance as they are.

    Parameters
    ----------
    p : float
        The probability to drop an element, in [0, 1].

    Raises
    ------
    OdysseyError
        If ``p`` is out of range.

    References
    ----------
    .. [1] G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter,
       "Self-normalizing neural networks", arXiv:1706.02515.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.AlphaDropout(0.2).eval()(od.ones(3))
    tensor([1., 1., 1.])
    """

    def forward(self, x: Tensor) -> Tensor:
        return core.alpha_dropout(x, self.p, self.training)


class DropPath(Dropping):
    """Drop whole examples while training: stochastic depth; see :func:`odyssey.core.drop_path`.

    As the last layer of the branch of a :class:`Residual` it skips the branch, for
    some examples of the batch.

    Parameters
    ----------
    p : float
        The probability to drop an example, in [0, 1].

    Raises
    ------
    OdysseyError
        If ``p`` is out of range.

    References
    ----------
    .. [1] G. Huang, Y. Sun, Z. Liu, D. Sedra, K. Weinberger, "Deep networks with
       stochastic depth", arXiv:1603.09382.

    Examples
    --------
    >>> import odyssey as od
    >>> branch = od.nn.Sequential(od.nn.Linear(4, 4), od.nn.DropPath(1.0))
    >>> od.nn.Residual(branch)(od.ones((2, 4))).tolist()
    [[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]]
    """

    def forward(self, x: Tensor) -> Tensor:
        return core.drop_path(x, self.p, self.training)


class GaussianNoise(Plain):
    """Add normal noise while training; see :func:`odyssey.core.gaussian_noise`.

    Parameters
    ----------
    std : float
        The standard deviation of the noise; not negative.

    Raises
    ------
    DTypeError
        If ``std`` is no number.
    OdysseyError
        If ``std`` is negative.

    References
    ----------
    .. [1] C. Bishop, "Training with noise is equivalent to Tikhonov
       regularization", Neural Computation 7, 1995, doi:10.1162/neco.1995.7.1.108.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.GaussianNoise(0.5).eval()(od.ones(3))
    tensor([1., 1., 1.])
    """

    def __init__(self, std: float = 0.1) -> None:
        self.std = at_least("GaussianNoise", "std", std)

    def forward(self, x: Tensor) -> Tensor:
        return core.gaussian_noise(x, self.std, self.training)
