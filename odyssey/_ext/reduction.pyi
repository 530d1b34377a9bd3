from typing import Any

from numpy.typing import NDArray

def sum(
    x: NDArray[Any], axis: int | tuple[int, ...] | None = None, keepdims: bool = False
) -> NDArray[Any]: ...
def mean(
    x: NDArray[Any], axis: int | tuple[int, ...] | None = None, keepdims: bool = False
) -> NDArray[Any]: ...
