"""odyssey: a deep-learning framework to understand and to use.

Every kernel exists twice under one name: ``odyssey.reference`` is Python to
read beside the formula, ``odyssey.fast`` is Cython that runs at the speed of
the hardware. One switch chooses which of them runs.

>>> import odyssey as od
>>> x = od.tensor([1.0, 2.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4.])
"""

# ruff: noqa: F403, F405 (the star imports below are for editors; names under __getattr__ are lazy)

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from odyssey import _namespace, core, errors, fast, linalg, nn, reference
from odyssey._namespace import array_namespace_info as __array_namespace_info__
from odyssey.backend import get_backend, set_backend, use_backend
from odyssey.casting import autocast
from odyssey.environment import show_config
from odyssey.grad_mode import enable_grad, is_grad_enabled, no_grad
from odyssey.memory import (
    calculate_max_batch_size,
    empty_cache,
    memory_stats,
    reset_peak_memory_stats,
    set_cache_limit,
)
from odyssey.tensor import Parameter, Tensor
from odyssey.threads import get_num_threads, set_num_threads
from odyssey.utils.conv_algorithm import get_conv_algorithm, set_conv_algorithm
from odyssey.utils.defaults import get_default_dtype, set_default_dtype
from odyssey.utils.random import manual_seed
from odyssey.version import __version__

if TYPE_CHECKING:  # at run time these names come from _namespace.exported, below
    from odyssey.core import *
    from odyssey.dtypes import *

__array_api_version__ = _namespace.ARRAY_API_VERSION

__all__ = [
    "Generator",
    "Parameter",
    "Tensor",
    "__array_api_version__",
    "__array_namespace_info__",
    "__version__",
    "autocast",
    "autograd",
    "calculate_max_batch_size",
    "compare_backends",
    "core",
    "data",
    "empty_cache",
    "enable_grad",
    "errors",
    "fast",
    "flops",
    "get_backend",
    "get_conv_algorithm",
    "get_default_dtype",
    "get_num_threads",
    "is_grad_enabled",
    "linalg",
    "load",
    "manual_seed",
    "memory_stats",
    "models",
    "nn",
    "no_grad",
    "plot_graph",
    "reference",
    "reset_peak_memory_stats",
    "save",
    "set_backend",
    "set_cache_limit",
    "set_conv_algorithm",
    "set_default_dtype",
    "set_num_threads",
    "show_config",
    "testing",
    "training",
    "use_backend",
    "utils",
]
_exported = _namespace.exported()
__all__ += sorted(_exported)
globals().update(_exported)

# Imported when they are first used, so that `import odyssey` costs little more than NumPy.
_LAZY_MODULES = ("autograd", "data", "models", "testing", "training", "utils")
_LAZY_NAMES = {
    "Generator": "odyssey.utils.generator",
    "compare_backends": "odyssey.testing",
    "flops": "odyssey.core._flop_counter",
    "load": "odyssey.serialization",
    "plot_graph": "odyssey.autograd",
    "save": "odyssey.serialization",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY_MODULES:
        return importlib.import_module(f"odyssey.{name}")
    if name in _LAZY_NAMES:
        return getattr(importlib.import_module(_LAZY_NAMES[name]), name)
    raise AttributeError(f"module 'odyssey' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
