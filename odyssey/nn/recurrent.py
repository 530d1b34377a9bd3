"""Recurrent layers over whole sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from odyssey import core
from odyssey.errors import OdysseyError, ShapeError
from odyssey.nn._recurrent import check_forget_bias, first_parameters
from odyssey.nn._settings import check_positive
from odyssey.nn.module import Module
from odyssey.tensor import Tensor
from odyssey.utils.kernel_checks_pooling import check_probability
from odyssey.utils.kernel_checks_recurrent import check_nonlinearity

__all__ = ["GRU", "LSTM", "RNN"]


class _Recurrent(Module):
    """Layers on top of each other, in one direction or both; a subclass says what a layer is."""

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        orthogonal: bool,
        dtype: Any,
        rng: np.random.Generator | None,
        forget_bias: float | None = None,
    ) -> None:
        name = type(self).__name__
        check_positive(name, input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        check_probability(name, dropout)
        if dropout and num_layers == 1:
            raise OdysseyError(
                f"{name}: dropout={dropout} acts between layers and needs num_layers of at least 2"
            )
        check_forget_bias(name, forget_bias, bias)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.bidirectional = bias, batch_first, bidirectional
        self.dropout = dropout
        for layer in range(num_layers):
            inputs = input_size if layer == 0 else len(self._directions) * hidden_size
            for direction in self._directions:
                parameters = first_parameters(
                    self.gates, inputs, hidden_size, bias, orthogonal, forget_bias, dtype, rng
                )
                for one, parameter in parameters.items():
                    setattr(self, f"{one}_l{layer}{direction}", parameter)

    @property
    def _directions(self) -> tuple[str, ...]:
        return ("", "_reverse") if self.bidirectional else ("",)

    def _one(
        self, x: Tensor, states: list[Any], weights: list[Any], lengths: Any, reverse: bool
    ) -> tuple[Tensor, ...]:
        """Return the outputs and the last states of one layer in one direction."""
        raise NotImplementedError

    def _run(
        self, x: Tensor, states: list[Tensor | None], lengths: Any
    ) -> tuple[Tensor, list[Any]]:
        """Return the outputs of the last layer, and the last states of all of them."""
        name = type(self).__name__
        if x.ndim != 3:
            order = "(N, T, I)" if self.batch_first else "(T, N, I)"
            raise ShapeError(f"{name}: x has shape {x.shape}; expected {order}")
        if self.batch_first:
            x = core.swapaxes(x, 0, 1)
        lengths = np.asarray(lengths) if isinstance(lengths, (list, tuple)) else lengths
        shape = (self.num_layers * len(self._directions), x.shape[1], self.hidden_size)
        for state in states:
            if state is not None and state.shape != shape:
                raise ShapeError(
                    f"{name}: a state has shape {state.shape}; expected {shape}, (layers times "
                    "directions, sequences, units)"
                )
        zero = np.zeros(shape[1:], x.dtype)
        last: list[Any] = []
        for layer in range(self.num_layers):
            if layer:
                x = core.dropout(x, self.dropout, self.training)
            outputs = []
            for direction in self._directions:
                own = [zero if state is None else state[len(last)] for state in states]
                weights = [
                    getattr(self, f"{one}_l{layer}{direction}", None)
                    for one in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
                ]
                out, *new = self._one(x, own, weights, lengths, bool(direction))
                outputs.append(out)
                last.append(new)
            x = outputs[0] if len(outputs) == 1 else core.concatenate(outputs, 2)
        if self.batch_first:
            x = core.swapaxes(x, 0, 1)
        return x, [core.stack(list(one)) for one in zip(*last, strict=True)]

    def extra_repr(self) -> str:
        settings = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0}
        settings["bidirectional"] = False
        shown = [f"{k}={getattr(self, k)}" for k, v in settings.items() if getattr(self, k) != v]
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *shown])


class LSTM(_Recurrent):
    r"""Long short-term memory; see :func:`odyssey.core.lstm` for the formula.

    Shapes: T steps of N sequences of I features, H units; L layers, D directions.

    Parameters
    ----------
    input_size : int
        I.
    hidden_size : int
        H.
    num_layers : int
        L: each layer after the first reads the outputs of the one below.
    bias : bool
        Whether to add biases, two to each gate.
    batch_first : bool
        Whether x and the outputs are (N, T, ...) and not (T, N, ...). The states are
        not turned.
    dropout : float
        The probability to drop an output of a layer that another one reads, while
        training.
    bidirectional : bool
        Whether each layer has a second part, which reads the sequence from its end;
        its outputs stand behind the first one's.
    forget_bias : float, optional
        What is added to the forget gate's first biases: 1 lets gradients through a new
        layer [1]_.
    orthogonal : bool
        Whether the recurrent weight of each gate is orthogonal at first [2]_.
    dtype : dtype, optional
        By default the default dtype.
    rng : numpy.random.Generator, optional
        What the first values are drawn from, :math:`U(-1/\sqrt H, 1/\sqrt H)`; by
        default the process's generator.

    Attributes
    ----------
    weight_ih_l0, ... : Parameter, shape (4H, I); (4H, D·H) from the second layer on
        Of the input gate, the forget gate, the cell and the output gate. Names end in
        the layer's number, and in ``_reverse`` for the second direction.
    weight_hh_l0, ... : Parameter, shape (4H, H)
    bias_ih_l0, bias_hh_l0, ... : Parameter, shape (4H,)
        Only with ``bias``.

    Raises
    ------
    ShapeError
        If a size is not a positive integer.
    OdysseyError
        If ``dropout`` is no probability or there is nothing between layers to drop, or
        ``forget_bias`` is not a number or without biases.

    Notes
    -----
    Called as ``layer(x, states=None, lengths=None)`` with ``states`` a pair of tensors
    (L·D, N, H), by default zeros, and ``lengths`` (N,) the number of steps that each
    sequence has (see :func:`odyssey.nn.pad_sequence`), by default T. It returns the
    outputs (T, N, D·H), 0 after the end of a sequence, and the pair of last states.
    Layer k's states are at k·D, those of the second direction one further.

    References
    ----------
    .. [1] R. Jozefowicz, W. Zaremba, I. Sutskever, "An empirical exploration of
       recurrent network architectures", ICML 2015.
       https://proceedings.mlr.press/v37/jozefowicz15.html
    .. [2] A. M. Saxe, J. L. McClelland, S. Ganguli, "Exact solutions to the nonlinear
       dynamics of learning in deep linear neural networks", ICLR 2014.
       https://arxiv.org/abs/1312.6120

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.LSTM(3, 5, num_layers=2, bidirectional=True)
    >>> out, (h, c) = layer(od.ones((7, 4, 3)), lengths=[7, 2, 5, 1])
    >>> out.shape, h.shape
    ((7, 4, 10), (4, 4, 5))
    """

    gates = 4

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        forget_bias: float | None = None,
        orthogonal: bool = False,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            orthogonal, dtype, rng, forget_bias,
        )  # fmt: skip

    def _one(
        self, x: Tensor, states: list[Any], weights: list[Any], lengths: Any, reverse: bool
    ) -> tuple[Tensor, ...]:
        found: tuple[Tensor, ...] = core.lstm(x, *states, *weights, lengths, reverse)
        return found

    def forward(
        self, x: Tensor, states: tuple[Tensor, Tensor] | None = None, lengths: Any = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        out, (h, c) = self._run(x, [None, None] if states is None else list(states), lengths)
        return out, (h, c)


class GRU(_Recurrent):
    r"""Gated recurrent units; see :func:`odyssey.core.gru` for the formula.

    Shapes: T steps of N sequences of I features, H units; L layers, D directions.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional
        As for :class:`LSTM`.
    orthogonal, dtype, rng
        As for :class:`LSTM`.

    Attributes
    ----------
    weight_ih_l0, ... : Parameter, shape (3H, I); (3H, D·H) from the second layer on
        Of the reset gate, the update gate and the new state. Names end in the layer's
        number, and in ``_reverse`` for the second direction.
    weight_hh_l0, ... : Parameter, shape (3H, H)
    bias_ih_l0, bias_hh_l0, ... : Parameter, shape (3H,)
        Only with ``bias``.

    Raises
    ------
    ShapeError
        If a size is not a positive integer.
    OdysseyError
        If ``dropout`` is no probability, or there is nothing between layers to drop.

    Notes
    -----
    Called as ``layer(x, states=None, lengths=None)`` with ``states`` a tensor
    (L·D, N, H), by default zeros, and ``lengths`` as for :class:`LSTM`. It returns the
    outputs (T, N, D·H), 0 after the end of a sequence, and the last states.

    Examples
    --------
    >>> import odyssey as od
    >>> out, h = od.nn.GRU(3, 5, batch_first=True)(od.ones((4, 7, 3)))
    >>> out.shape, h.shape
    ((4, 7, 5), (1, 4, 5))
    """

    gates = 3

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        orthogonal: bool = False,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            orthogonal, dtype, rng,
        )  # fmt: skip

    def _one(
        self, x: Tensor, states: list[Any], weights: list[Any], lengths: Any, reverse: bool
    ) -> tuple[Tensor, ...]:
        found: tuple[Tensor, ...] = core.gru(x, *states, *weights, lengths, reverse)
        return found

    def forward(
        self, x: Tensor, states: Tensor | None = None, lengths: Any = None
    ) -> tuple[Tensor, Tensor]:
        out, (h,) = self._run(x, [states], lengths)
        return out, h


class RNN(_Recurrent):
    r"""The plain recurrent layer; see :func:`odyssey.core.rnn` for the formula.

    Shapes: T steps of N sequences of I features, H units; L layers, D directions.

    Parameters
    ----------
    input_size, hidden_size, num_layers
        As for :class:`LSTM`.
    nonlinearity : {"tanh", "relu"}
    bias, batch_first, dropout, bidirectional, orthogonal, dtype, rng
        As for :class:`LSTM`.

    Attributes
    ----------
    weight_ih_l0, ... : Parameter, shape (H, I); (H, D·H) from the second layer on
        Names end in the layer's number, and in ``_reverse`` for the second direction.
    weight_hh_l0, ... : Parameter, shape (H, H)
    bias_ih_l0, bias_hh_l0, ... : Parameter, shape (H,)
        Only with ``bias``.

    Raises
    ------
    ShapeError
        If a size is not a positive integer.
    OdysseyError
        If ``dropout`` is no probability or there is nothing between layers to drop, or
        there is no such nonlinearity.

    Notes
    -----
    Called and returning as :class:`GRU`.

    Examples
    --------
    >>> import odyssey as od
    >>> out, h = od.nn.RNN(3, 5, nonlinearity="relu")(od.ones((7, 4, 3)))
    >>> out.shape, h.shape
    ((7, 4, 5), (1, 4, 5))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        orthogonal: bool = False,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.nonlinearity = check_nonlinearity("RNN", nonlinearity)
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            orthogonal, dtype, rng,
        )  # fmt: skip

    def _one(
        self, x: Tensor, states: list[Any], weights: list[Any], lengths: Any, reverse: bool
    ) -> tuple[Tensor, ...]:
        found: tuple[Tensor, ...] = core.rnn(
            x, *states, *weights, lengths, reverse, self.nonlinearity
        )
        return found

    def forward(
        self, x: Tensor, states: Tensor | None = None, lengths: Any = None
    ) -> tuple[Tensor, Tensor]:
        out, (h,) = self._run(x, [states], lengths)
        return out, h

    def extra_repr(self) -> str:
        own = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity!r}"
        return super().extra_repr() + own
