"""Differentiable functions: a file for each row of the roadmap.

Every function takes arrays and returns arrays, or takes Tensors, returns a
Tensor and is recorded; ``NAME_backward`` is its derivative, usable by hand.
"""

from odyssey.core import _methods
from odyssey.core.activation import *
from odyssey.core.arithmetic import *
from odyssey.core.attention import *
from odyssey.core.comparison import *
from odyssey.core.conv import *
from odyssey.core.creation import *
from odyssey.core.depthwise import *
from odyssey.core.dropout import *
from odyssey.core.elementwise import *
from odyssey.core.indexing import *
from odyssey.core.initializers import *
from odyssey.core.linear import *
from odyssey.core.loss import *
from odyssey.core.matrix import *
from odyssey.core.pooling import *
from odyssey.core.reduction import *
from odyssey.core.shape import *

_methods.attach()
