"""The neural part of :mod:`odyssey.core`, under the name that PyTorch's users know."""

from odyssey.core import (
    adaptive_avg_pool2d,
    avg_pool2d,
    cross_entropy,
    dropout,
    flatten,
    global_avg_pool2d,
    linear,
    log_softmax,
    max_pool2d,
    relu,
    scaled_dot_product_attention,
    sigmoid,
    softmax,
    tanh,
)

__all__ = [
    "adaptive_avg_pool2d",
    "avg_pool2d",
    "cross_entropy",
    "dropout",
    "flatten",
    "global_avg_pool2d",
    "linear",
    "log_softmax",
    "max_pool2d",
    "relu",
    "scaled_dot_product_attention",
    "sigmoid",
    "softmax",
    "tanh",
]
