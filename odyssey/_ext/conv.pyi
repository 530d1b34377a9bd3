from typing import Any

from numpy.typing import NDArray

def conv2d(
    x: NDArray[Any],
    weight: NDArray[Any],
    bias: NDArray[Any] | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> NDArray[Any]: ...
def conv2d_backward(
    grad: NDArray[Any],
    x: NDArray[Any],
    weight: NDArray[Any],
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    needs: tuple[bool, ...] = (True, True, True),
) -> tuple[NDArray[Any] | None, ...]: ...
