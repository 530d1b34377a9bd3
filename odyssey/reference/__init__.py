"""The reference kernels: every formula as loops that can be checked by hand.

The same names, signatures and results as ``odyssey.fast``, in Python over
NumPy arrays, written to be read beside the formula. They loop over output
positions and let NumPy do the inner sum of one row or window. Besides floats they
take arrays of Python objects, so that exact fractions pass through them. Like their
twins they give infinities and NaNs without a warning (``np.errstate``).
"""

from __future__ import annotations

import sys as _sys

from odyssey.reference.activation import *
from odyssey.reference.attention import *
from odyssey.reference.batch_normalization import *
from odyssey.reference.conv import *
from odyssey.reference.conversion import *
from odyssey.reference.copy import *
from odyssey.reference.depthwise import *
from odyssey.reference.dropout import *
from odyssey.reference.elementwise import *
from odyssey.reference.embedding import *
from odyssey.reference.linear import *
from odyssey.reference.loss import *
from odyssey.reference.matmul import *
from odyssey.reference.normalization import *
from odyssey.reference.optim import *
from odyssey.reference.pooling import *
from odyssey.reference.recurrent import *
from odyssey.reference.reduction import *
from odyssey.reference.sigmoidal import *
from odyssey.reference.toom import *
from odyssey.reference.transcendental import *
from odyssey.reference.winograd import *

# The public names of the files above, each of which lists its own.
__all__ = sorted(
    name
    for module, file in list(_sys.modules.items())
    if module.startswith(f"{__name__}.")
    for name in getattr(file, "__all__", ())
)
