"""One step of a recurrent layer, for loops that decide at each step what comes next."""

from __future__ import annotations

from typing import Any

import numpy as np

from odyssey import core
from odyssey.errors import ShapeError
from odyssey.nn._recurrent import check_forget_bias, first_parameters
from odyssey.nn._settings import check_positive
from odyssey.nn.module import Module
from odyssey.tensor import Parameter, Tensor
from odyssey.utils.kernel_checks_recurrent import check_nonlinearity

__all__ = ["GRUCell", "LSTMCell", "RNNCell"]


class _Cell(Module):
    """Weights of one layer in one direction; a subclass says what a step is."""

    gates = 1
    bias_ih: Parameter | None
    bias_hh: Parameter | None
    weight_ih: Parameter
    weight_hh: Parameter

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        orthogonal: bool,
        dtype: Any,
        rng: np.random.Generator | None,
        forget_bias: float | None = None,
    ) -> None:
        name = type(self).__name__
        check_positive(name, input_size=input_size, hidden_size=hidden_size)
        check_forget_bias(name, forget_bias, bias)
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        self.bias_ih = self.bias_hh = None
        parameters = first_parameters(
            self.gates, input_size, hidden_size, bias, orthogonal, forget_bias, dtype, rng
        )
        for one, parameter in parameters.items():
            setattr(self, one, parameter)

    @property
    def _weights(self) -> tuple[Any, ...]:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def _state(self, x: Tensor, state: Tensor | None) -> Any:
        """Return the state, zeros where there is none."""
        if x.ndim != 2:
            raise ShapeError(f"{type(self).__name__}: x has shape {x.shape}; expected (N, I)")
        return np.zeros((x.shape[0], self.hidden_size), x.dtype) if state is None else state

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class LSTMCell(_Cell):
    r"""One step of :class:`LSTM`; see :func:`odyssey.core.lstm` for the formula.

    Parameters
    ----------
    input_size, hidden_size, bias, forget_bias, orthogonal, dtype, rng
        As for :class:`LSTM`.

    Attributes
    ----------
    weight_ih : Parameter, shape (4H, I)
    weight_hh : Parameter, shape (4H, H)
    bias_ih, bias_hh : Parameter or None, shape (4H,)

    Raises
    ------
    ShapeError
        If a size is not a positive integer.
    OdysseyError
        If ``forget_bias`` is not a number, or without biases.

    Notes
    -----
    Called as ``cell(x, states=None)`` with x (N, I) and ``states`` a pair of tensors
    (N, H), by default zeros; returns the pair after the step.

    Examples
    --------
    >>> import odyssey as od
    >>> h, c = od.nn.LSTMCell(3, 5)(od.ones((4, 3)))
    >>> h.shape, c.shape
    ((4, 5), (4, 5))
    """

    gates = 4

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        forget_bias: float | None = None,
        orthogonal: bool = False,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, orthogonal, dtype, rng, forget_bias)

    def forward(
        self, x: Tensor, states: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        h, c = (None, None) if states is None else states
        h, c = core.lstm_cell(x, self._state(x, h), self._state(x, c), *self._weights)
        return h, c


class GRUCell(_Cell):
    r"""One step of :class:`GRU`; see :func:`odyssey.core.gru` for the formula.

    Parameters
    ----------
    input_size, hidden_size, bias, orthogonal, dtype, rng
        As for :class:`LSTM`.

    Attributes
    ----------
    weight_ih : Parameter, shape (3H, I)
    weight_hh : Parameter, shape (3H, H)
    bias_ih, bias_hh : Parameter or None, shape (3H,)

    Raises
    ------
    ShapeError
        If a size is not a positive integer.

    Notes
    -----
    Called as ``cell(x, state=None)`` with x (N, I) and ``state`` (N, H), by default
    zeros; returns the state after the step.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.GRUCell(3, 5)(od.ones((4, 3))).shape
    (4, 5)
    """

    gates = 3

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        orthogonal: bool = False,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, orthogonal, dtype, rng)

    def forward(self, x: Tensor, state: Tensor | None = None) -> Tensor:
        new: Tensor = core.gru_cell(x, self._state(x, state), *self._weights)
        return new


class RNNCell(_Cell):
    r"""One step of :class:`RNN`; see :func:`odyssey.core.rnn` for the formula.

    Parameters
    ----------
    input_size, hidden_size, bias
        As for :class:`LSTM`.
    nonlinearity : {"tanh", "relu"}
    orthogonal, dtype, rng
        As for :class:`LSTM`.

    Attributes
    ----------
    weight_ih : Parameter, shape (H, I)
    weight_hh : Parameter, shape (H, H)
    bias_ih, bias_hh : Parameter or None, shape (H,)

    Raises
    ------
    ShapeError
        If a size is not a positive integer.
    OdysseyError
        If there is no such nonlinearity.

    Notes
    -----
    Called and returning as :class:`GRUCell`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.RNNCell(3, 5)(od.ones((4, 3))).shape
    (4, 5)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        orthogonal: bool = False,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.nonlinearity = check_nonlinearity("RNNCell", nonlinearity)
        super().__init__(input_size, hidden_size, bias, orthogonal, dtype, rng)

    def forward(self, x: Tensor, state: Tensor | None = None) -> Tensor:
        weights = self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
        new: Tensor = core.rnn_cell(x, self._state(x, state), *weights, self.nonlinearity)
        return new

    def extra_repr(self) -> str:
        own = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity!r}"
        return super().extra_repr() + own
