"""The neural part of :mod:`odyssey.core`, under the name that PyTorch's users know."""

from odyssey.core import (
    cross_entropy,
    flatten,
    linear,
    log_softmax,
    relu,
    scaled_dot_product_attention,
    softmax,
)

__all__ = [
    "cross_entropy",
    "flatten",
    "linear",
    "log_softmax",
    "relu",
    "scaled_dot_product_attention",
    "softmax",
]
