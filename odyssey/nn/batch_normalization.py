"""Batch normalisation as layers."""

from __future__ import annotations

from typing import Any, ClassVar

from odyssey import core
from odyssey.nn._moments import ChannelNorm
from odyssey.tensor import Tensor

__all__ = ["BatchNorm1D", "BatchNorm2D", "BatchNorm3D"]


class _BatchNorm(ChannelNorm):
    def __init__(
        self,
        num_features: int | None,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype)

    def _by_own_moments(self, x: Tensor) -> Tensor:
        self._check_count(x, x.size // x.shape[1], " to train on")
        # The running moments stay outside: what was saved of them could not be written to.
        out, mean, var = core.batch_norm(x, None, None, self.weight, self.bias, eps=self.eps)
        if self.training and self.track_running_stats and x.size:
            self._learn(mean, var)
        return out


class BatchNorm2D(_BatchNorm):
    r"""Give each channel of a batch of images mean 0 and variance 1, then scale and shift it.

    While training by the moments of the batch; in evaluation mode by the running ones,
    which were averaged until then. The formulas are those of
    :func:`odyssey.core.batch_norm`.

    Parameters
    ----------
    num_features : int or None
        C, the channels, at least 1; None for those that the first input has.
    eps : float
        What is added to the variance.
    momentum : float or None
        The share of a new batch in the running moments, in [0, 1]; with None all
        batches count alike, 1 / k at the k-th.
    affine : bool
        Whether to scale and shift.
    track_running_stats : bool
        Whether to keep running moments; else evaluation goes by the batch, too.
    dtype : dtype, optional
        By default the default dtype.

    Attributes
    ----------
    weight, bias : Parameter or None, shape (num_features,)
        1 and 0 at first.
    running_mean, running_var : Buffer or None, shape (num_features,)
        0 and 1 at first; the variance is the unbiased one. In float32 where ``dtype``
        is float16, because the steps of an average are soon too small for 11 bits;
        ``to("float16")`` converts them like everything else.
    num_batches_tracked : Buffer or None, shape (), int64
        How many batches were averaged.

    Raises
    ------
    ShapeError
        If ``num_features`` is not a positive integer; when called, if the input has
        other axes or channels, or only one number a channel to take moments of.
    OdysseyError
        If ``eps`` is negative or ``momentum`` out of range.

    Notes
    -----
    A layer that is put into evaluation mode on its own is frozen: its model may train, and
    the running moments stay. So they do when a batch has no numbers at all.

    References
    ----------
    .. [1] S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015.
       https://arxiv.org/abs/1502.03167

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.BatchNorm2D(3)
    >>> layer(od.randn(8, 3, 10, 12)).mean((0, 2, 3)).shape
    (3,)
    >>> int(layer.num_batches_tracked)
    1
    """

    axes: ClassVar = {4: "(N, C, H, W)"}


class BatchNorm1D(_BatchNorm):
    """Give each feature of a batch, or each channel of lines, mean 0 and variance 1.

    Parameters, attributes, errors and formulas are those of :class:`BatchNorm2D`; the
    input has the shape (N, C) or (N, C, L).

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.BatchNorm1D(2, eps=1e-12)(od.tensor([[1.0, 5.0], [3.0, 5.0]]))
    tensor([[-1.,  0.],
            [ 1.,  0.]], made by batch_norm)
    """

    axes: ClassVar = {2: "(N, C)", 3: "(N, C, L)"}


class BatchNorm3D(_BatchNorm):
    """Give each channel of a batch of volumes mean 0 and variance 1.

    Parameters, attributes, errors and formulas are those of :class:`BatchNorm2D`; the
    input has the shape (N, C, D, H, W).

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.BatchNorm3D(2)(od.randn(4, 2, 3, 5, 6)).shape
    (4, 2, 3, 5, 6)
    """

    axes: ClassVar = {5: "(N, C, D, H, W)"}
