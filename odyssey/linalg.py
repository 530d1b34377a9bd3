"""Linear algebra in one place: matrices, their factors, norms and inverses.

They are operations of ``odyssey.core``, under the names of ``numpy.linalg``.
"""

from __future__ import annotations

import importlib

from odyssey import core

# What the array API has here and core in other files, beside other products and shapes.
_ELSEWHERE = (
    "cross diagonal eigh eigvalsh lstsq matmul matrix_norm matrix_rank matrix_transpose norm outer "
    "pinv qr svd svdvals tensordot trace vecdot vector_norm"
)

# By its path: `core.linalg` would be an operation, if one got that name.
_names = {*importlib.import_module("odyssey.core.linalg").__all__, *_ELSEWHERE.split()}

__all__ = sorted(name for name in _names if hasattr(core, name) and not name.endswith("_backward"))

globals().update({name: getattr(core, name) for name in __all__})
