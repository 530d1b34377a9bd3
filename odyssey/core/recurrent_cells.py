"""One step of a recurrent layer, for loops that decide at each step what comes next."""

from __future__ import annotations

from odyssey.core._checks import as_array
from odyssey.core.recurrent import gru, lstm, rnn
from odyssey.core.shape import expand_dims
from odyssey.errors import ShapeError
from odyssey.tensor import Tensor

__all__ = ["gru_cell", "lstm_cell", "rnn_cell"]


def _one_step(op, x):
    """Return x (N, I) as a sequence of one step."""
    x = x if isinstance(x, Tensor) else as_array(x)
    if x.ndim != 2:
        raise ShapeError(f"{op}: x has shape {x.shape}; expected (N, I)")
    return expand_dims(x, 0)


def lstm_cell(x, h, c, weight_ih, weight_hh, bias_ih=None, bias_hh=None):
    r"""One step of :func:`lstm`: the state and the cell after ``x``.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, I)
    h, c : Tensor or ndarray, shape (N, H)
        The state and the cell before.
    weight_ih, weight_hh, bias_ih, bias_hh
        As for :func:`lstm`; where the formula stands, too.

    Returns
    -------
    h, c : Tensor or ndarray, shape (N, H)

    Raises
    ------
    ShapeError, DTypeError
        As for :func:`lstm`.

    Examples
    --------
    >>> import odyssey as od
    >>> zeros = od.zeros
    >>> h, c = od.core.lstm_cell(
    ...     zeros((1, 3)), zeros((1, 1)), od.tensor([[4.0]]), zeros((4, 3)), zeros((4, 1)))
    >>> c
    tensor([[2.]])
    """
    _, h, c = lstm(_one_step("lstm_cell", x), h, c, weight_ih, weight_hh, bias_ih, bias_hh)
    return h, c


def gru_cell(x, h, weight_ih, weight_hh, bias_ih=None, bias_hh=None):
    r"""One step of :func:`gru`: the state after ``x``.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, I)
    h : Tensor or ndarray, shape (N, H)
        The state before.
    weight_ih, weight_hh, bias_ih, bias_hh
        As for :func:`gru`; where the formula stands, too.

    Returns
    -------
    Tensor or ndarray, shape (N, H)

    Raises
    ------
    ShapeError, DTypeError
        As for :func:`gru`.

    Examples
    --------
    >>> import odyssey as od
    >>> zeros = od.zeros
    >>> od.core.gru_cell(zeros((1, 3)), od.tensor([[4.0]]), zeros((3, 3)), zeros((3, 1)))
    tensor([[2.]])
    """
    return gru(_one_step("gru_cell", x), h, weight_ih, weight_hh, bias_ih, bias_hh)[1]


def rnn_cell(x, h, weight_ih, weight_hh, bias_ih=None, bias_hh=None, nonlinearity="tanh"):
    r"""One step of :func:`rnn`: the state after ``x``.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, I)
    h : Tensor or ndarray, shape (N, H)
        The state before.
    weight_ih, weight_hh, bias_ih, bias_hh, nonlinearity
        As for :func:`rnn`; where the formula stands, too.

    Returns
    -------
    Tensor or ndarray, shape (N, H)

    Raises
    ------
    ShapeError, DTypeError, OdysseyError
        As for :func:`rnn`.

    Examples
    --------
    >>> import odyssey as od
    >>> one = od.ones((1, 1))
    >>> od.core.rnn_cell(2 * one, one, one, one, nonlinearity="relu")
    tensor([[3.]])
    """
    x = _one_step("rnn_cell", x)
    return rnn(x, h, weight_ih, weight_hh, bias_ih, bias_hh, nonlinearity=nonlinearity)[1]
