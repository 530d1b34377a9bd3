"""Differentiable functions: a file for each row of the roadmap.

Every function takes arrays and returns arrays, or takes Tensors, returns a
Tensor and is recorded; ``NAME_backward`` is its derivative, usable by hand.
"""

from odyssey.core import _methods
from odyssey.core.activation import *
from odyssey.core.activations_axis import *
from odyssey.core.activations_exponential import *
from odyssey.core.activations_piecewise import *
from odyssey.core.activations_shrinkage import *
from odyssey.core.activations_smooth import *
from odyssey.core.arithmetic import *
from odyssey.core.attention import *
from odyssey.core.batch_normalization import *
from odyssey.core.comparison import *
from odyssey.core.conv import *
from odyssey.core.conv_nd import *
from odyssey.core.conv_transpose import *
from odyssey.core.creation import *
from odyssey.core.cumulative import *
from odyssey.core.decompositions import *
from odyssey.core.depthwise import *
from odyssey.core.diagonals import *
from odyssey.core.dropout import *
from odyssey.core.einstein import *
from odyssey.core.elementwise import *
from odyssey.core.embedding import *
from odyssey.core.exponential import *
from odyssey.core.gathering import *
from odyssey.core.indexing import *
from odyssey.core.initializers import *
from odyssey.core.initializers_structured import *
from odyssey.core.interpolation import *
from odyssey.core.least_squares import *
from odyssey.core.linalg import *
from odyssey.core.linear import *
from odyssey.core.logic import *
from odyssey.core.loss import *
from odyssey.core.losses_classification import *
from odyssey.core.losses_distance import *
from odyssey.core.losses_embedding import *
from odyssey.core.losses_likelihood import *
from odyssey.core.losses_margin import *
from odyssey.core.losses_overlap import *
from odyssey.core.losses_regression import *
from odyssey.core.main_diagonal import *
from odyssey.core.manipulation import *
from odyssey.core.matrix import *
from odyssey.core.multi_head import *
from odyssey.core.normalization import *
from odyssey.core.norms import *
from odyssey.core.output_shapes import *
from odyssey.core.padding import *
from odyssey.core.patches import *
from odyssey.core.pooling import *
from odyssey.core.pooling_adaptive import *
from odyssey.core.pooling_nd import *
from odyssey.core.pooling_norm import *
from odyssey.core.positions import *
from odyssey.core.products import *
from odyssey.core.random import *
from odyssey.core.rearranging import *
from odyssey.core.recurrent import *
from odyssey.core.recurrent_cells import *
from odyssey.core.reduction import *
from odyssey.core.rounding import *
from odyssey.core.safety import *
from odyssey.core.scaling import *
from odyssey.core.scattering import *
from odyssey.core.selection import *
from odyssey.core.sets import *
from odyssey.core.shape import *
from odyssey.core.sorting import *
from odyssey.core.statistics import *
from odyssey.core.trigonometry import *
from odyssey.core.unpooling import *

_methods.attach()
