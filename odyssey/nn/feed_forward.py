"""What a transformer does to each position by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from odyssey import core
from odyssey.errors import OdysseyError
from odyssey.nn._settings import check_positive
from odyssey.nn.linear import Linear
from odyssey.nn.module import Module
from odyssey.tensor import Tensor
from odyssey.utils.choices import did_you_mean
from odyssey.utils.kernel_checks_pooling import check_probability

__all__ = ["FeedForward", "SwiGLU"]

Activation = str | Callable[[Tensor], Tensor]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    name: getattr(core, name)
    for name in (
        "elu",
        "gelu",
        "mish",
        "quick_gelu",
        "relu",
        "relu_squared",
        "selu",
        "swish",
        "tanh",
    )
}


def activation_of(layer: str, activation: Activation) -> Callable[[Tensor], Tensor]:
    """Return the function that a setting names, or is.

    Raises
    ------
    OdysseyError
        If it is neither a function nor the name of one.
    """
    if callable(activation):
        return activation
    if activation not in ACTIVATIONS:
        raise OdysseyError(
            f"{layer}: activation must be a function or one of {', '.join(ACTIVATIONS)}, got "
            f"{activation!r}{did_you_mean(str(activation), ACTIVATIONS)}"
        )
    return ACTIVATIONS[activation]


class FeedForward(Module):
    r"""Two linear maps with an activation between: :math:`y = W_2\, a(W_1 x + b_1) + b_2`.

    Parameters
    ----------
    d_model : int
        The features that come in and go out.
    d_hidden : int, optional
        Those between; by default four times as many.
    activation : str or callable
        The name of a function of :mod:`odyssey.core`, or a function.
    dropout : float
        The probability to drop a hidden feature while training.
    bias : bool
    dtype : dtype, optional
    rng : numpy.random.Generator, optional

    Attributes
    ----------
    linear1, linear2 : Linear

    Raises
    ------
    ShapeError
        If a size is not a positive integer.
    OdysseyError
        If ``dropout`` is out of range or ``activation`` unknown.

    References
    ----------
    .. [1] A. Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.3,
       https://arxiv.org/abs/1706.03762

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.FeedForward(8)(od.ones((2, 5, 8))).shape
    (2, 5, 8)
    """

    def __init__(
        self,
        d_model: int,
        d_hidden: int | None = None,
        activation: Activation = "gelu",
        dropout: float = 0.0,
        bias: bool = True,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        check_positive("FeedForward", d_model=d_model)
        d_hidden = 4 * d_model if d_hidden is None else d_hidden
        check_positive("FeedForward", d_hidden=d_hidden)
        check_probability("FeedForward", dropout)
        self.activation = activation_of("FeedForward", activation)
        self.dropout = dropout
        self.linear1 = Linear(d_model, d_hidden, bias, dtype, rng)
        self.linear2 = Linear(d_hidden, d_model, bias, dtype, rng)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.activation(self.linear1(x))
        return self.linear2(core.dropout(hidden, self.dropout, self.training))

    def extra_repr(self) -> str:
        return f"activation={getattr(self.activation, '__name__', '?')}, dropout={self.dropout}"


class SwiGLU(Module):
    r"""A feed-forward layer with a gate: :math:`y = W_2 (\mathrm{swish}(W_g x) \odot W_u x)`.

    Parameters
    ----------
    d_model : int
        The features that come in and go out.
    d_hidden : int, optional
        Those between; by default 8/3 times as many, rounded up, which makes the three
        matrices as large as the two of :class:`FeedForward`.
    bias : bool
        The paper has none.
    dtype : dtype, optional
    rng : numpy.random.Generator, optional

    Attributes
    ----------
    linear1 : Linear
        :math:`W_g` above :math:`W_u`, of 2 ``d_hidden`` rows.
    linear2 : Linear

    Raises
    ------
    ShapeError
        If a size is not a positive integer.

    See Also
    --------
    odyssey.core.swiglu

    References
    ----------
    .. [1] N. Shazeer, "GLU variants improve transformer", 2020,
       https://arxiv.org/abs/2002.05202

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.SwiGLU(6)
    >>> layer(od.ones((2, 5, 6))).shape, layer.linear2.weight.shape
    ((2, 5, 6), (6, 16))
    """

    def __init__(
        self,
        d_model: int,
        d_hidden: int | None = None,
        bias: bool = False,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        check_positive("SwiGLU", d_model=d_model)
        d_hidden = -(-8 * d_model // 3) if d_hidden is None else d_hidden
        check_positive("SwiGLU", d_hidden=d_hidden)
        self.linear1 = Linear(d_model, 2 * d_hidden, bias, dtype, rng)
        self.linear2 = Linear(d_hidden, d_model, bias, dtype, rng)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear2(core.swiglu(self.linear1(x)))
