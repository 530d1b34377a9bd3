from typing import Any

from numpy.typing import NDArray

def softmax_cross_entropy(
    x: NDArray[Any], labels: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]: ...
def softmax_cross_entropy_backward(
    grad: NDArray[Any], x: NDArray[Any], labels: NDArray[Any], log_total: NDArray[Any]
) -> NDArray[Any]: ...
