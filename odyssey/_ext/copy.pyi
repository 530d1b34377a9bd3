from typing import Any, TypeVar

import numpy as np

Scalar = TypeVar("Scalar", bound=np.generic)

def copy(
    x: np.ndarray[Any, np.dtype[Scalar]], order: str = "C"
) -> np.ndarray[Any, np.dtype[Scalar]]: ...
