"""Activations: samples, bad settings, and PyTorch's; formulas where it has none."""

import numpy as np

import odyssey as od
from layers import Bad, Layer
from layers._torch import layer
from odyssey import nn
from odyssey.errors import DTypeError, OdysseyError, ShapeError

normal = np.random.default_rng(2).standard_normal
SHAPES = ((3, 4), (2, 3, 4), (), (0, 3))


def quick_gelu(torch):
    return layer(torch, lambda x: x * torch.sigmoid(1.702 * x))


def relu_squared(torch):
    return layer(torch, lambda x: torch.relu(x) ** 2)


def hard_sigmoid(torch):
    """Return the formula: in float64 PyTorch's own gradient has a sixth in single precision."""
    return layer(torch, lambda x: torch.nn.functional.relu6(x + 3) / 6)


def squareplus(b):
    return lambda torch: layer(torch, lambda x: (x + torch.sqrt(x * x + b)) / 2)


def swish(beta):
    return lambda torch: layer(torch, lambda x: x * torch.sigmoid(beta * x))


def sparsemax(axis):
    """Project onto the simplex: the threshold where what is above it adds up to 1."""

    def project(torch, x):
        ordered = x.sort(axis, descending=True).values
        counts = torch.arange(1, x.shape[axis] + 1).to(x)
        counts = counts.reshape([-1 if a == axis % x.ndim else 1 for a in range(x.ndim)])
        thresholds = (ordered.cumsum(axis) - 1) / counts
        return torch.relu(x - thresholds.max(axis, keepdim=True).values)

    return lambda torch: layer(torch, lambda x: project(torch, x))


PLAIN = [  # ours, and theirs by name or as a function of the package
    (nn.ReLU, "ReLU"),
    (nn.ReLU6, "ReLU6"),
    (nn.Sigmoid, "Sigmoid"),
    (nn.Tanh, "Tanh"),
    (nn.LeakyReLU, "LeakyReLU"),
    (lambda: nn.LeakyReLU(0.2), lambda torch: torch.nn.LeakyReLU(0.2)),
    (nn.PReLU, "PReLU"),
    (nn.GELU, "GELU"),
    (lambda: nn.GELU(approximate=True), lambda torch: torch.nn.GELU("tanh")),
    (nn.QuickGELU, quick_gelu),
    (nn.SiLU, "SiLU"),
    (lambda: nn.Swish(beta=0.5), swish(0.5)),
    (nn.Softplus, "Softplus"),
    (lambda: nn.Softplus(beta=2), lambda torch: torch.nn.Softplus(beta=2)),
    (nn.LogSigmoid, "LogSigmoid"),
    (nn.Mish, "Mish"),
    (nn.ELU, "ELU"),
    (lambda: nn.ELU(0.5), lambda torch: torch.nn.ELU(0.5)),
    (nn.CELU, "CELU"),
    (lambda: nn.CELU(0.5), lambda torch: torch.nn.CELU(0.5)),
    (nn.SELU, "SELU"),
    (nn.Softsign, "Softsign"),
    (nn.Squareplus, squareplus(4)),
    (lambda: nn.Squareplus(b=1.5), squareplus(1.5)),
    (nn.HardSigmoid, hard_sigmoid),
    (nn.HardSwish, "Hardswish"),
    (nn.HardTanh, "Hardtanh"),
    (lambda: nn.HardTanh(-0.5, 2), lambda torch: torch.nn.Hardtanh(-0.5, 2)),
    (nn.HardShrink, "Hardshrink"),
    (lambda: nn.HardShrink(0.2), lambda torch: torch.nn.Hardshrink(0.2)),
    (nn.SoftShrink, "Softshrink"),
    (lambda: nn.SoftShrink(0.2), lambda torch: torch.nn.Softshrink(0.2)),
    (nn.TanhShrink, "Tanhshrink"),
    (nn.ReLUSquared, relu_squared),
    (lambda: nn.Threshold(0.5, -2), lambda torch: torch.nn.Threshold(0.5, -2)),
]
ALONG = [  # along an axis
    (nn.Softmax, lambda axis: lambda torch: torch.nn.Softmax(axis)),
    (nn.LogSoftmax, lambda axis: lambda torch: torch.nn.LogSoftmax(axis)),
    (nn.Softmin, lambda axis: lambda torch: torch.nn.Softmin(axis)),
    (nn.GLU, lambda axis: lambda torch: torch.nn.GLU(axis)),
    (nn.Sparsemax, sparsemax),
]

LAYERS = [
    *[
        Layer(
            make,
            (4 * normal(shape) if shape else np.asarray(1.7),),
            theirs if callable(theirs) else lambda torch, name=theirs: getattr(torch.nn, name)(),
        )
        for make, theirs in PLAIN
        for shape in SHAPES
    ],
    *[
        Layer(
            lambda n=n: nn.PReLU(n, init=0.1),
            (normal(shape),),
            lambda torch, n=n: torch.nn.PReLU(n, init=0.1),
        )
        for n, shape in ((3, (2, 3)), (3, (2, 3, 4, 5)), (1, (2, 3, 4)))
    ],
    *[
        Layer(lambda make=make, axis=axis: make(axis), (normal((4, 3, 6)),), theirs(axis))
        for make, theirs in ALONG
        for axis in (0, -1)
    ],
    Layer(lambda: nn.Softmax(), (normal((2, 3)),), lambda torch: torch.nn.Softmax(-1)),
    *[
        Layer(lambda hard=hard: nn.GumbelSoftmax(0.5, hard, axis=0), (normal((4, 3)),))
        for hard in (True, False)
    ],
    Layer(
        lambda: nn.GumbelSoftmax(0.5),
        (normal((4, 3)),),
        lambda torch: layer(torch, lambda x: torch.softmax(x / 0.5, -1)),
        random=True,
    ),
]
NEVER_REFUSE = {
    *("HardSigmoid", "HardSwish", "LogSigmoid", "Mish", "QuickGELU", "ReLU", "ReLU6"),
    *("ReLUSquared", "SELU", "Sigmoid", "Softsign", "Tanh", "TanhShrink"),
}
BAD = [
    *[
        Bad(lambda make=make: make("1"), ShapeError, f"{make.__name__}: axis must be an integer")
        for make in (nn.Softmax, nn.LogSoftmax, nn.Softmin, nn.Sparsemax, nn.GLU)
    ],
    Bad(lambda: nn.GumbelSoftmax(axis=True), ShapeError, "GumbelSoftmax: axis must be an integer"),
    Bad(lambda: nn.GumbelSoftmax(0), OdysseyError, "GumbelSoftmax: tau must be larger than 0"),
    Bad(lambda: nn.GumbelSoftmax(hard=1), OdysseyError, "GumbelSoftmax: hard must be True or"),
    Bad(lambda: nn.Softmax(2)(od.ones((2, 3))), ShapeError, "^Softmax: softmax: axis 2"),
    Bad(lambda: nn.GLU()(od.ones((2, 3))), ShapeError, "^GLU: glu: axis 1 of x must have an even"),
    Bad(lambda: nn.ELU("1"), DTypeError, "ELU: alpha must be a finite number, got '1'"),
    Bad(lambda: nn.ELU(np.inf), OdysseyError, "ELU: alpha must be a finite number, got inf"),
    Bad(lambda: nn.CELU(0), OdysseyError, "CELU: alpha must be larger than 0, got 0"),
    Bad(lambda: nn.Squareplus(-1), OdysseyError, "Squareplus: b must be larger than 0, got -1"),
    Bad(lambda: nn.LeakyReLU(None), DTypeError, "LeakyReLU: negative_slope must be a finite"),
    Bad(lambda: nn.PReLU(0), ShapeError, "PReLU: num_parameters must be a positive integer"),
    Bad(lambda: nn.PReLU(init="a"), DTypeError, "PReLU: init must be a finite number"),
    Bad(lambda: nn.PReLU(4)(od.ones((2, 3))), ShapeError, "^PReLU: prelu: weight must hold one"),
    Bad(lambda: nn.HardTanh(1, 1), OdysseyError, "HardTanh: min_val must be less than max_val"),
    Bad(lambda: nn.HardTanh(max_val="1"), DTypeError, "HardTanh: max_val must be a finite number"),
    Bad(lambda: nn.Threshold(0, None), DTypeError, "Threshold: value must be a finite number"),
    Bad(lambda: nn.Threshold("0", 1), DTypeError, "Threshold: threshold must be a finite number"),
    Bad(lambda: nn.HardShrink(-1), OdysseyError, "HardShrink: lambd must be at least 0, got -1"),
    Bad(lambda: nn.SoftShrink(-1), OdysseyError, "SoftShrink: lambd must be at least 0, got -1"),
    Bad(lambda: nn.GELU("none"), OdysseyError, "GELU: approximate must be True or False"),
    Bad(lambda: nn.Swish("1"), DTypeError, "Swish: beta must be a finite number"),
    Bad(lambda: nn.Softplus(0), OdysseyError, "Softplus: beta must not be 0"),
]
