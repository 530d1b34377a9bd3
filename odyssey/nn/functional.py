"""The neural part of :mod:`odyssey.core`, under the name that PyTorch's users know."""

from odyssey.core import (
    conv2d,
    cross_entropy,
    depthwise_conv2d,
    depthwise_separable_conv2d,
    flatten,
    linear,
    log_softmax,
    relu,
    scaled_dot_product_attention,
    softmax,
)

__all__ = [
    "conv2d",
    "cross_entropy",
    "depthwise_conv2d",
    "depthwise_separable_conv2d",
    "flatten",
    "linear",
    "log_softmax",
    "relu",
    "scaled_dot_product_attention",
    "softmax",
]
