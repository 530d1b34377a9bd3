from typing import Any

from numpy.typing import NDArray

def winograd_conv2d(
    x: NDArray[Any],
    weight: NDArray[Any],
    bias: NDArray[Any] | None = None,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    tile: int = 4,
) -> NDArray[Any]: ...
def winograd_conv2d_backward(
    grad: NDArray[Any],
    x: NDArray[Any],
    weight: NDArray[Any],
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    needs: tuple[bool, ...] = (True, True, True),
    tile: int = 4,
) -> tuple[NDArray[Any] | None, ...]: ...
