"""Modules and layers. A layer is its parameters and one functional call."""

from odyssey.nn import functional
from odyssey.nn.activation import ReLU
from odyssey.nn.container import Sequential
from odyssey.nn.conv import Conv2D, DepthwiseConv2D, SeparableConv2D
from odyssey.nn.linear import Linear
from odyssey.nn.module import Module
from odyssey.nn.shape import Flatten
from odyssey.tensor import Parameter

__all__ = [
    "Conv2D",
    "DepthwiseConv2D",
    "Flatten",
    "Linear",
    "Module",
    "Parameter",
    "ReLU",
    "SeparableConv2D",
    "Sequential",
    "functional",
]
