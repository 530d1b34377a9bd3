from typing import Any

from numpy.typing import NDArray

def layer_norm(
    x: NDArray[Any],
    weight: NDArray[Any] | None = None,
    bias: NDArray[Any] | None = None,
    eps: float = 1e-5,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]: ...
def layer_norm_backward(
    grad: NDArray[Any],
    x: NDArray[Any],
    weight: NDArray[Any] | None,
    mean: NDArray[Any],
    rstd: NDArray[Any],
    needs: tuple[bool, bool, bool] = (True, True, True),
) -> tuple[NDArray[Any] | None, NDArray[Any] | None, NDArray[Any] | None]: ...
def rms_norm(
    x: NDArray[Any], weight: NDArray[Any] | None = None, eps: float = 1e-5
) -> tuple[NDArray[Any], NDArray[Any]]: ...
def rms_norm_backward(
    grad: NDArray[Any],
    x: NDArray[Any],
    weight: NDArray[Any] | None,
    rstd: NDArray[Any],
    needs: tuple[bool, bool] = (True, True),
) -> tuple[NDArray[Any] | None, NDArray[Any] | None]: ...
