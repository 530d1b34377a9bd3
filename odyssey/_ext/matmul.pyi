from typing import Any

from numpy.typing import NDArray

def matmul(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]: ...
def linear(
    x: NDArray[Any], weight: NDArray[Any], bias: NDArray[Any] | None = None
) -> NDArray[Any]: ...
def linear_backward(
    grad: NDArray[Any],
    x: NDArray[Any],
    weight: NDArray[Any],
    needs: tuple[bool, ...] = (True, True, True),
) -> tuple[NDArray[Any] | None, ...]: ...
