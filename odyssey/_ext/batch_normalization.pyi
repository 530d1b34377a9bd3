from typing import Any

from numpy.typing import NDArray

def batch_norm(
    x: NDArray[Any],
    weight: NDArray[Any] | None = None,
    bias: NDArray[Any] | None = None,
    eps: float = 1e-5,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]: ...
def batch_norm_backward(
    grad: NDArray[Any],
    x: NDArray[Any],
    weight: NDArray[Any] | None,
    mean: NDArray[Any],
    var: NDArray[Any],
    eps: float = 1e-5,
    needs: tuple[bool, bool, bool] = (True, True, True),
) -> tuple[NDArray[Any] | None, NDArray[Any] | None, NDArray[Any] | None]: ...
def batch_norm_inference(
    x: NDArray[Any],
    mean: NDArray[Any],
    var: NDArray[Any],
    weight: NDArray[Any] | None = None,
    bias: NDArray[Any] | None = None,
    eps: float = 1e-5,
) -> NDArray[Any]: ...
def batch_norm_inference_backward(
    grad: NDArray[Any],
    x: NDArray[Any],
    mean: NDArray[Any],
    var: NDArray[Any],
    weight: NDArray[Any] | None,
    eps: float = 1e-5,
    needs: tuple[bool, bool, bool] = (True, True, True),
) -> tuple[NDArray[Any] | None, NDArray[Any] | None, NDArray[Any] | None]: ...
def group_norm(
    x: NDArray[Any],
    groups: int,
    weight: NDArray[Any] | None = None,
    bias: NDArray[Any] | None = None,
    eps: float = 1e-5,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]: ...
def group_norm_backward(
    grad: NDArray[Any],
    x: NDArray[Any],
    groups: int,
    weight: NDArray[Any] | None,
    mean: NDArray[Any],
    rstd: NDArray[Any],
    needs: tuple[bool, bool, bool] = (True, True, True),
) -> tuple[NDArray[Any] | None, NDArray[Any] | None, NDArray[Any] | None]: ...
