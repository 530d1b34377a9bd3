from typing import Any

from numpy.typing import NDArray

def embedding(indices: NDArray[Any], weight: NDArray[Any]) -> NDArray[Any]: ...
def embedding_backward(
    grad: NDArray[Any],
    indices: NDArray[Any],
    weight_shape: tuple[int, int],
    padding_idx: int | None = None,
) -> NDArray[Any]: ...
