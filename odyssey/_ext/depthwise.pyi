from typing import Any

from numpy.typing import NDArray

def depthwise_conv2d(
    x: NDArray[Any],
    weight: NDArray[Any],
    bias: NDArray[Any] | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
) -> NDArray[Any]: ...
def depthwise_conv2d_backward(
    grad: NDArray[Any],
    x: NDArray[Any],
    weight: NDArray[Any],
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    needs: tuple[bool, ...] = (True, True, True),
) -> tuple[NDArray[Any] | None, ...]: ...
def depthwise_separable_conv2d(
    x: NDArray[Any],
    depthwise_weight: NDArray[Any],
    pointwise_weight: NDArray[Any],
    bias: NDArray[Any] | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
) -> NDArray[Any]: ...
def depthwise_separable_conv2d_backward(
    grad: NDArray[Any],
    x: NDArray[Any],
    depthwise_weight: NDArray[Any],
    pointwise_weight: NDArray[Any],
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    needs: tuple[bool, ...] = (True, True, True, True),
) -> tuple[NDArray[Any] | None, ...]: ...
