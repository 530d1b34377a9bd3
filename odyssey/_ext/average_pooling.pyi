from typing import Any

from numpy.typing import NDArray

def avg_pool2d(
    x: NDArray[Any],
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    padding: int | tuple[int, int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> NDArray[Any]: ...
def avg_pool2d_backward(
    grad: NDArray[Any],
    x_shape: tuple[int, ...],
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    padding: int | tuple[int, int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> NDArray[Any]: ...
def adaptive_avg_pool2d(x: NDArray[Any], output_size: int | tuple[int, int]) -> NDArray[Any]: ...
def adaptive_avg_pool2d_backward(grad: NDArray[Any], x_shape: tuple[int, ...]) -> NDArray[Any]: ...
def global_avg_pool2d(x: NDArray[Any]) -> NDArray[Any]: ...
def global_avg_pool2d_backward(grad: NDArray[Any], x_shape: tuple[int, ...]) -> NDArray[Any]: ...
