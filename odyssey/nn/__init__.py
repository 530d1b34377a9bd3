"""Modules and layers. A layer is its parameters and one functional call."""

from odyssey.nn import functional
from odyssey.nn.activation import ReLU, Sigmoid, Tanh
from odyssey.nn.buffer import Buffer
from odyssey.nn.container import (
    ModuleDict,
    ModuleList,
    ParameterDict,
    ParameterList,
    Sequential,
)
from odyssey.nn.conv import Conv2D
from odyssey.nn.conv_nd import Conv1D, Conv3D
from odyssey.nn.conv_transpose import ConvTranspose1D, ConvTranspose2D, ConvTranspose3D
from odyssey.nn.depthwise import DepthwiseConv2D, SeparableConv2D
from odyssey.nn.dropout import Dropout
from odyssey.nn.linear import Linear
from odyssey.nn.module import Module
from odyssey.nn.pooling import AdaptiveAvgPool2D, AvgPool2D, GlobalAvgPool2D, MaxPool2D
from odyssey.nn.shape import Flatten
from odyssey.nn.tree import functional_call
from odyssey.tensor import Parameter

__all__ = [
    "AdaptiveAvgPool2D",
    "AvgPool2D",
    "Buffer",
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "ConvTranspose1D",
    "ConvTranspose2D",
    "ConvTranspose3D",
    "DepthwiseConv2D",
    "Dropout",
    "Flatten",
    "GlobalAvgPool2D",
    "Linear",
    "MaxPool2D",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "ReLU",
    "SeparableConv2D",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "functional",
    "functional_call",
]
