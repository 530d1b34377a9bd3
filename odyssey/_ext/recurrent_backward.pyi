from typing import Any

from numpy.typing import NDArray

def lstm_backward(
    grad: NDArray[Any],
    grad_h: NDArray[Any],
    grad_c: NDArray[Any],
    weight: NDArray[Any],
    c0: NDArray[Any],
    gates: NDArray[Any],
    cells: NDArray[Any],
    lengths: NDArray[Any] | None = None,
    reverse: bool = False,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]: ...
def gru_backward(
    grad: NDArray[Any],
    grad_h: NDArray[Any],
    weight: NDArray[Any],
    h0: NDArray[Any],
    out: NDArray[Any],
    gates: NDArray[Any],
    lengths: NDArray[Any] | None = None,
    reverse: bool = False,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]: ...
def rnn_backward(
    grad: NDArray[Any],
    grad_h: NDArray[Any],
    weight: NDArray[Any],
    out: NDArray[Any],
    lengths: NDArray[Any] | None = None,
    reverse: bool = False,
    nonlinearity: str = "tanh",
) -> tuple[NDArray[Any], NDArray[Any]]: ...
