"""Modules and layers. A layer is its parameters and one functional call."""

from odyssey.nn import functional, init
from odyssey.nn.activation import ReLU, Sigmoid, Tanh
from odyssey.nn.batch_normalization import BatchNorm1D, BatchNorm2D, BatchNorm3D
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
from odyssey.nn.instance_normalization import InstanceNorm1D, InstanceNorm2D, InstanceNorm3D
from odyssey.nn.linear import Bilinear, Linear
from odyssey.nn.module import Module
from odyssey.nn.normalization import (
    GroupNorm,
    LayerNorm,
    LocalResponseNorm,
    Normalize,
    NormalizeRGB,
    RMSNorm,
)
from odyssey.nn.padding import (
    CircularPad1D,
    CircularPad2D,
    CircularPad3D,
    ConstantPad1D,
    ConstantPad2D,
    ConstantPad3D,
    ReflectionPad1D,
    ReflectionPad2D,
    ReflectionPad3D,
    ReplicationPad1D,
    ReplicationPad2D,
    ReplicationPad3D,
    ZeroPad1D,
    ZeroPad2D,
    ZeroPad3D,
)
from odyssey.nn.patches import Fold, Unfold
from odyssey.nn.pooling import AvgPool2D, GlobalAvgPool2D, GlobalMaxPool2D, LPPool2D, MaxPool2D
from odyssey.nn.pooling_adaptive import (
    AdaptiveAvgPool1D,
    AdaptiveAvgPool2D,
    AdaptiveAvgPool3D,
    AdaptiveMaxPool1D,
    AdaptiveMaxPool2D,
    AdaptiveMaxPool3D,
)
from odyssey.nn.pooling_nd import AvgPool1D, AvgPool3D, LPPool1D, MaxPool1D, MaxPool3D
from odyssey.nn.shape import Flatten
from odyssey.nn.standardize import Standardize
from odyssey.nn.tree import functional_call
from odyssey.nn.unpooling import MaxUnpool1D, MaxUnpool2D, MaxUnpool3D
from odyssey.nn.upsampling import Upsample
from odyssey.nn.weight_norm import (
    remove_spectral_norm,
    remove_weight_norm,
    spectral_norm,
    weight_norm,
)
from odyssey.tensor import Parameter

__all__ = [
    "AdaptiveAvgPool1D",
    "AdaptiveAvgPool2D",
    "AdaptiveAvgPool3D",
    "AdaptiveMaxPool1D",
    "AdaptiveMaxPool2D",
    "AdaptiveMaxPool3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "BatchNorm1D",
    "BatchNorm2D",
    "BatchNorm3D",
    "Bilinear",
    "Buffer",
    "CircularPad1D",
    "CircularPad2D",
    "CircularPad3D",
    "ConstantPad1D",
    "ConstantPad2D",
    "ConstantPad3D",
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "ConvTranspose1D",
    "ConvTranspose2D",
    "ConvTranspose3D",
    "DepthwiseConv2D",
    "Dropout",
    "Flatten",
    "Fold",
    "GlobalAvgPool2D",
    "GlobalMaxPool2D",
    "GroupNorm",
    "InstanceNorm1D",
    "InstanceNorm2D",
    "InstanceNorm3D",
    "LPPool1D",
    "LPPool2D",
    "LayerNorm",
    "Linear",
    "LocalResponseNorm",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxUnpool1D",
    "MaxUnpool2D",
    "MaxUnpool3D",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Normalize",
    "NormalizeRGB",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "RMSNorm",
    "ReLU",
    "ReflectionPad1D",
    "ReflectionPad2D",
    "ReflectionPad3D",
    "ReplicationPad1D",
    "ReplicationPad2D",
    "ReplicationPad3D",
    "SeparableConv2D",
    "Sequential",
    "Sigmoid",
    "Standardize",
    "Tanh",
    "Unfold",
    "Upsample",
    "ZeroPad1D",
    "ZeroPad2D",
    "ZeroPad3D",
    "functional",
    "functional_call",
    "init",
    "remove_spectral_norm",
    "remove_weight_norm",
    "spectral_norm",
    "weight_norm",
]
