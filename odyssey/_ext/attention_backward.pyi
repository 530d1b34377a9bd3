from typing import Any

from numpy.typing import NDArray

def scaled_dot_product_attention_backward(
    grad: NDArray[Any],
    q: NDArray[Any],
    k: NDArray[Any],
    v: NDArray[Any],
    out: NDArray[Any],
    logsumexp: NDArray[Any],
    mask: NDArray[Any] | None = None,
    causal: bool = False,
    scale: float | None = None,
    needs: tuple[bool, bool, bool, bool] = (True, True, True, False),
) -> tuple[NDArray[Any] | None, NDArray[Any] | None, NDArray[Any] | None, NDArray[Any] | None]: ...
