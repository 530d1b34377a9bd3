"""The reference kernels: every formula as loops that can be checked by hand.

The same names, signatures and results as ``odyssey.fast``, in Python over
NumPy arrays, written to be read beside the formula. They loop over output
positions and let NumPy do the inner sum of one row or window. Besides floats they
take arrays of Python objects, so that exact fractions pass through them. Like their
twins they give infinities and NaNs without a warning (``np.errstate``).
"""

from __future__ import annotations

from odyssey.reference.activation import (
    log_softmax,
    log_softmax_backward,
    relu,
    relu_backward,
    softmax,
    softmax_backward,
)
from odyssey.reference.attention import (
    scaled_dot_product_attention,
    scaled_dot_product_attention_backward,
)
from odyssey.reference.conv import conv2d, conv2d_backward
from odyssey.reference.copy import copy
from odyssey.reference.depthwise import (
    depthwise_conv2d,
    depthwise_conv2d_backward,
    depthwise_separable_conv2d,
    depthwise_separable_conv2d_backward,
)
from odyssey.reference.dropout import dropout, dropout_backward
from odyssey.reference.elementwise import (
    add,
    divide,
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    multiply,
    not_equal,
    subtract,
    where,
)
from odyssey.reference.linear import linear, linear_backward
from odyssey.reference.loss import softmax_cross_entropy, softmax_cross_entropy_backward
from odyssey.reference.matmul import matmul
from odyssey.reference.optim import adam, sgd
from odyssey.reference.pooling import (
    adaptive_avg_pool2d,
    adaptive_avg_pool2d_backward,
    avg_pool2d,
    avg_pool2d_backward,
    global_avg_pool2d,
    global_avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
)
from odyssey.reference.reduction import mean, sum
from odyssey.reference.sigmoidal import sigmoid, sigmoid_backward, tanh, tanh_backward
from odyssey.reference.toom import toom_conv2d, toom_conv2d_weight_gradient
from odyssey.reference.winograd import winograd_conv2d, winograd_conv2d_backward

__all__ = [
    "adam",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool2d_backward",
    "add",
    "avg_pool2d",
    "avg_pool2d_backward",
    "conv2d",
    "conv2d_backward",
    "copy",
    "depthwise_conv2d",
    "depthwise_conv2d_backward",
    "depthwise_separable_conv2d",
    "depthwise_separable_conv2d_backward",
    "divide",
    "dropout",
    "dropout_backward",
    "equal",
    "global_avg_pool2d",
    "global_avg_pool2d_backward",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "linear",
    "linear_backward",
    "log_softmax",
    "log_softmax_backward",
    "matmul",
    "max_pool2d",
    "max_pool2d_backward",
    "mean",
    "multiply",
    "not_equal",
    "relu",
    "relu_backward",
    "scaled_dot_product_attention",
    "scaled_dot_product_attention_backward",
    "sgd",
    "sigmoid",
    "sigmoid_backward",
    "softmax",
    "softmax_backward",
    "softmax_cross_entropy",
    "softmax_cross_entropy_backward",
    "subtract",
    "sum",
    "tanh",
    "tanh_backward",
    "toom_conv2d",
    "toom_conv2d_weight_gradient",
    "where",
    "winograd_conv2d",
    "winograd_conv2d_backward",
]
