from typing import Any

from numpy.typing import NDArray

def toom_conv2d(
    x: NDArray[Any],
    weight: NDArray[Any],
    bias: NDArray[Any] | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> NDArray[Any]: ...
def toom_conv2d_weight_gradient(
    grad: NDArray[Any],
    x: NDArray[Any],
    weight: NDArray[Any],
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    needs: tuple[bool, ...] = (True, True),
) -> tuple[NDArray[Any] | None, ...]: ...
