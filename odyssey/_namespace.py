"""What ``odyssey`` itself offers beside its switches: operations, dtypes, second names.

Together they follow the Python array API standard; the guide's page on it lists where
not. The operations are whatever ``odyssey.core`` has, but for the ``*_backward``.
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np

from odyssey import core, dtypes
from odyssey.utils.defaults import get_default_dtype
from odyssey.utils.device import DEVICE, check_device

ARRAY_API_VERSION = "2024.12"

CONSTANTS = {"e": math.e, "inf": math.inf, "nan": math.nan, "newaxis": None, "pi": math.pi}

ALIASES = {
    # The array API's names for what the roadmap calls otherwise.
    "concat": "concatenate",
    "negative": "negate",
    "permute_dims": "permute",
    "pow": "power",
    "remainder": "modulo",
    # NumPy's.
    "absolute": "abs",
    "amax": "max",
    "amin": "min",
    "arccos": "acos",
    "arccosh": "acosh",
    "arcsin": "asin",
    "arcsinh": "asinh",
    "arctan": "atan",
    "arctan2": "atan2",
    "arctanh": "atanh",
    "cumprod": "cumulative_prod",
    "cumsum": "cumulative_sum",
    "mod": "modulo",
    # PyTorch's.
    "cat": "concatenate",
    "clamp": "clip",
    "he_normal": "kaiming_normal",
    "he_uniform": "kaiming_uniform",
    "silu": "swish",
    "symmetric_eigh": "eigh",
    "topk": "top_k",
    "unsqueeze": "expand_dims",
}
"""Second names, which the top level has and ``odyssey.core`` has not."""


def operations() -> dict[str, Any]:
    """Return the public functions of ``odyssey.core`` by name, but for the derivatives."""
    return {
        name: value
        for name, value in vars(core).items()
        if not name.startswith("_")
        and not name.endswith("_backward")
        and not isinstance(value, ModuleType)
    }


def exported() -> dict[str, Any]:
    """Return what the top level takes from here, by name.

    Examples
    --------
    >>> names = exported()
    >>> names["pow"] is names["power"], names["pi"], "relu_backward" in names
    (True, 3.141592653589793, False)
    """
    names = operations()
    seconds = {alias: names[name] for alias, name in ALIASES.items()}
    functions = {name: getattr(dtypes, name) for name in dtypes.__all__}
    return {**names, **seconds, **functions, **dtypes.DTYPES, **CONSTANTS}


class NamespaceInfo:
    """What an array namespace can do, by the array API standard's inspection functions."""

    def capabilities(self) -> dict[str, Any]:
        """Return whether shapes may depend on data, and the largest number of axes."""
        return {
            "boolean indexing": True,
            "data-dependent shapes": True,
            "max dimensions": 64,  # NumPy's
        }

    def default_device(self) -> str:
        """Return the one device that there is."""
        return DEVICE

    def devices(self) -> list[str]:
        """Return all devices."""
        return [DEVICE]

    def default_dtypes(self, *, device: str | None = None) -> dict[str, np.dtype[Any]]:
        """Return the dtypes that Python numbers become."""
        check_device("default_dtypes", device)
        whole = np.dtype(np.int64)
        return {"real floating": get_default_dtype(), "integral": whole, "indexing": whole}

    def dtypes(
        self, *, device: str | None = None, kind: str | tuple[str, ...] | None = None
    ) -> dict[str, np.dtype[Any]]:
        """Return the dtypes of a kind (see :func:`odyssey.isdtype`) by name; None is for all.

        float16 is not among them: the standard does not know it.
        """
        check_device("dtypes", device)
        return {
            name: dtype
            for name, dtype in dtypes.DTYPES.items()
            if name != "float16" and (kind is None or dtypes.isdtype(dtype, kind))
        }


def array_namespace_info() -> NamespaceInfo:
    """Return what the namespace can do: devices, dtypes, capabilities.

    Examples
    --------
    >>> import odyssey as od
    >>> od.__array_namespace_info__().devices()
    ['cpu']
    """
    return NamespaceInfo()
