from typing import Any

from numpy.typing import NDArray

def lstm(
    gates: NDArray[Any],
    weight: NDArray[Any],
    h0: NDArray[Any],
    c0: NDArray[Any],
    lengths: NDArray[Any] | None = None,
    reverse: bool = False,
    save: bool = True,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any] | None, NDArray[Any] | None]: ...
def gru(
    gates: NDArray[Any],
    weight: NDArray[Any],
    bias: NDArray[Any] | None,
    h0: NDArray[Any],
    lengths: NDArray[Any] | None = None,
    reverse: bool = False,
    save: bool = True,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]: ...
def rnn(
    gates: NDArray[Any],
    weight: NDArray[Any],
    h0: NDArray[Any],
    lengths: NDArray[Any] | None = None,
    reverse: bool = False,
    nonlinearity: str = "tanh",
) -> tuple[NDArray[Any], NDArray[Any]]: ...
