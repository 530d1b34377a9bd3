from typing import Any

import numpy as np
from numpy.typing import NDArray

def max_pool2d(
    x: NDArray[Any],
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    padding: int | tuple[int, int] = 0,
    dilation: int | tuple[int, int] = 1,
    ceil_mode: bool = False,
) -> tuple[NDArray[Any], NDArray[np.int32]]: ...
def max_pool2d_backward(
    grad: NDArray[Any],
    indices: NDArray[Any],
    x_shape: tuple[int, ...],
    kernel_size: int | tuple[int, int] | None = None,
    stride: int | tuple[int, int] | None = None,
    padding: int | tuple[int, int] = 0,
    dilation: int | tuple[int, int] = 1,
) -> NDArray[Any]: ...
