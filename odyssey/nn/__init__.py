"""Modules and layers. A layer is its parameters and one functional call."""

from odyssey.nn import functional, init
from odyssey.nn.activation import LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from odyssey.nn.activations_axis import GLU, GumbelSoftmax, Softmin, Sparsemax
from odyssey.nn.activations_exponential import CELU, ELU, SELU, Softsign, Squareplus
from odyssey.nn.activations_piecewise import (
    HardSigmoid,
    HardSwish,
    HardTanh,
    LeakyReLU,
    PReLU,
    ReLU6,
    ReLUSquared,
    Threshold,
)
from odyssey.nn.activations_shrinkage import HardShrink, SoftShrink, TanhShrink
from odyssey.nn.activations_smooth import GELU, LogSigmoid, Mish, QuickGELU, SiLU, Softplus, Swish
from odyssey.nn.attention import MultiHeadAttention
from odyssey.nn.batch_normalization import BatchNorm1D, BatchNorm2D, BatchNorm3D
from odyssey.nn.buffer import Buffer
from odyssey.nn.combinators import Concatenate, Lambda, Residual, clone
from odyssey.nn.container import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from odyssey.nn.conv import Conv2D
from odyssey.nn.conv_nd import Conv1D, Conv3D
from odyssey.nn.conv_transpose import ConvTranspose1D, ConvTranspose2D, ConvTranspose3D
from odyssey.nn.depthwise import DepthwiseConv2D, SeparableConv2D
from odyssey.nn.dropout import (
    AlphaDropout,
    Dropout,
    Dropout1D,
    Dropout2D,
    Dropout3D,
    DropPath,
    GaussianNoise,
)
from odyssey.nn.efficient_attention import LinearAttention, SparseAttention
from odyssey.nn.embedding import Embedding
from odyssey.nn.feed_forward import FeedForward, SwiGLU
from odyssey.nn.generation import generate, sampling_probabilities
from odyssey.nn.instance_normalization import InstanceNorm1D, InstanceNorm2D, InstanceNorm3D
from odyssey.nn.kv_cache import KVCache
from odyssey.nn.linear import Bilinear, Linear
from odyssey.nn.lora import LoRA, add_lora
from odyssey.nn.loss import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, FocalLoss, NLLLoss
from odyssey.nn.losses_embedding import CosineEmbeddingLoss, InfoNCELoss, TripletMarginLoss
from odyssey.nn.losses_likelihood import GaussianNLLLoss, KLDivLoss, PoissonNLLLoss
from odyssey.nn.losses_margin import HingeLoss, MarginRankingLoss, SquaredHingeLoss
from odyssey.nn.losses_overlap import DiceLoss, TverskyLoss
from odyssey.nn.losses_regression import HuberLoss, L1Loss, LogCoshLoss, MSELoss, SmoothL1Loss
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
from odyssey.nn.plot import plot_model
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
from odyssey.nn.positional import (
    ALiBi,
    LearnedPositionalEncoding,
    RotaryEmbedding,
    SinusoidalPositionalEncoding,
)
from odyssey.nn.recurrent import GRU, LSTM, RNN
from odyssey.nn.recurrent_cells import GRUCell, LSTMCell, RNNCell
from odyssey.nn.sequences import pad_sequence, unpad_sequence
from odyssey.nn.shape import (
    ChannelShuffle,
    Flatten,
    Identity,
    Permute,
    PixelShuffle,
    PixelUnshuffle,
    Rearrange,
    Reshape,
    Unflatten,
)
from odyssey.nn.similarity import CosineSimilarity, PairwiseDistance
from odyssey.nn.standardize import Standardize
from odyssey.nn.summary import summary
from odyssey.nn.transformer import Transformer, TransformerDecoder, TransformerEncoder
from odyssey.nn.transformer_layers import TransformerDecoderLayer, TransformerEncoderLayer
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
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "GRU",
    "LSTM",
    "RNN",
    "SELU",
    "ALiBi",
    "AdaptiveAvgPool1D",
    "AdaptiveAvgPool2D",
    "AdaptiveAvgPool3D",
    "AdaptiveMaxPool1D",
    "AdaptiveMaxPool2D",
    "AdaptiveMaxPool3D",
    "AlphaDropout",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1D",
    "BatchNorm2D",
    "BatchNorm3D",
    "Bilinear",
    "Buffer",
    "ChannelShuffle",
    "CircularPad1D",
    "CircularPad2D",
    "CircularPad3D",
    "Concatenate",
    "ConstantPad1D",
    "ConstantPad2D",
    "ConstantPad3D",
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "ConvTranspose1D",
    "ConvTranspose2D",
    "ConvTranspose3D",
    "CosineEmbeddingLoss",
    "CosineSimilarity",
    "CrossEntropyLoss",
    "DepthwiseConv2D",
    "DiceLoss",
    "DropPath",
    "Dropout",
    "Dropout1D",
    "Dropout2D",
    "Dropout3D",
    "Embedding",
    "FeedForward",
    "Flatten",
    "FocalLoss",
    "Fold",
    "GRUCell",
    "GaussianNLLLoss",
    "GaussianNoise",
    "GlobalAvgPool2D",
    "GlobalMaxPool2D",
    "GroupNorm",
    "GumbelSoftmax",
    "HardShrink",
    "HardSigmoid",
    "HardSwish",
    "HardTanh",
    "HingeLoss",
    "HuberLoss",
    "Identity",
    "InfoNCELoss",
    "InstanceNorm1D",
    "InstanceNorm2D",
    "InstanceNorm3D",
    "KLDivLoss",
    "KVCache",
    "L1Loss",
    "LPPool1D",
    "LPPool2D",
    "LSTMCell",
    "Lambda",
    "LayerNorm",
    "LeakyReLU",
    "LearnedPositionalEncoding",
    "Linear",
    "LinearAttention",
    "LoRA",
    "LocalResponseNorm",
    "LogCoshLoss",
    "LogSigmoid",
    "LogSoftmax",
    "MSELoss",
    "MarginRankingLoss",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxUnpool1D",
    "MaxUnpool2D",
    "MaxUnpool3D",
    "Mish",
    "Module",
    "ModuleDict",
    "ModuleList",
    "MultiHeadAttention",
    "NLLLoss",
    "Normalize",
    "NormalizeRGB",
    "PReLU",
    "PairwiseDistance",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "Permute",
    "PixelShuffle",
    "PixelUnshuffle",
    "PoissonNLLLoss",
    "QuickGELU",
    "RMSNorm",
    "RNNCell",
    "ReLU",
    "ReLU6",
    "ReLUSquared",
    "Rearrange",
    "ReflectionPad1D",
    "ReflectionPad2D",
    "ReflectionPad3D",
    "ReplicationPad1D",
    "ReplicationPad2D",
    "ReplicationPad3D",
    "Reshape",
    "Residual",
    "RotaryEmbedding",
    "SeparableConv2D",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SinusoidalPositionalEncoding",
    "SmoothL1Loss",
    "SoftShrink",
    "Softmax",
    "Softmin",
    "Softplus",
    "Softsign",
    "SparseAttention",
    "Sparsemax",
    "SquaredHingeLoss",
    "Squareplus",
    "Standardize",
    "SwiGLU",
    "Swish",
    "Tanh",
    "TanhShrink",
    "Threshold",
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "TripletMarginLoss",
    "TverskyLoss",
    "Unflatten",
    "Unfold",
    "Upsample",
    "ZeroPad1D",
    "ZeroPad2D",
    "ZeroPad3D",
    "add_lora",
    "clone",
    "functional",
    "functional_call",
    "generate",
    "init",
    "pad_sequence",
    "plot_model",
    "remove_spectral_norm",
    "remove_weight_norm",
    "sampling_probabilities",
    "spectral_norm",
    "summary",
    "unpad_sequence",
    "weight_norm",
]
