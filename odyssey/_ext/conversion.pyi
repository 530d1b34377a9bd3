from typing import Any

import numpy as np

def convert(x: np.ndarray[Any, Any], dtype: str) -> np.ndarray[Any, Any]: ...
