from typing import Any

from numpy.typing import NDArray

def scaled_dot_product_attention(
    q: NDArray[Any],
    k: NDArray[Any],
    v: NDArray[Any],
    mask: NDArray[Any] | None = None,
    causal: bool = False,
    scale: float | None = None,
) -> tuple[NDArray[Any], NDArray[Any]]: ...
