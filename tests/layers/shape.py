"""Changes of shape, similarity and combinators: samples, bad settings, and PyTorch's."""

import numpy as np

import odyssey as od
from layers import Bad, Layer
from layers._torch import layer
from odyssey import nn
from odyssey.errors import DTypeError, OdysseyError, RangeError, ShapeError

normal = np.random.default_rng(4).standard_normal


def written(function):
    return lambda torch: layer(torch, lambda *args: function(torch, *args))


def residual(torch, shortcut):
    class Residual(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.module = torch.nn.Linear(3, 5 if shortcut else 3)
            if shortcut:
                self.shortcut = torch.nn.Linear(3, 5, bias=False)

        def forward(self, x):
            return self.module(x) + (self.shortcut(x) if shortcut else x)

    return Residual()


def concatenate(torch):
    class Concatenate(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.branches = torch.nn.ModuleList([torch.nn.Linear(3, n) for n in (1, 4)])

        def forward(self, x):
            return torch.cat([self.branches[0](x), self.branches[1](x)], -1)

    return Concatenate()


LAYERS = [
    Layer(lambda: nn.Identity(), (normal((2, 3)),), lambda torch: torch.nn.Identity()),
    *[
        Layer(
            lambda axis=axis, sizes=sizes: nn.Unflatten(axis, sizes),
            (normal((2, 12, 3)),),
            lambda torch, axis=axis, sizes=sizes: torch.nn.Unflatten(axis, sizes),
        )
        for axis, sizes in ((1, (3, 4)), (-2, (2, -1, 3)), (0, (1, 2)), (2, (3,)))
    ],
    *[
        Layer(
            lambda shape=shape: nn.Reshape(shape),
            (normal((2, 6)),),
            written(lambda torch, x, shape=shape: x.reshape(shape)),
        )
        for shape in ((-1, 2, 3), [4, 3], (12,))
    ],
    *[
        Layer(
            lambda axes=axes: nn.Permute(axes),
            (normal((2, 3, 4)),),
            written(lambda torch, x, axes=axes: x.permute(axes)),
        )
        for axes in ((0, 2, 1), [-1, 0, 1])
    ],
    Layer(
        lambda: nn.Rearrange("n (c k) l -> n l (k c)", k=2),
        (normal((2, 6, 4)),),
        written(lambda torch, x: x.reshape(2, 3, 2, 4).permute(0, 3, 2, 1).reshape(2, 4, 6)),
    ),
    Layer(
        lambda: nn.Rearrange("... a b -> ... (a b) 1"),
        (normal((2, 3, 4)),),
        written(lambda torch, x: x.reshape(2, 12, 1)),
    ),
    *[
        Layer(
            lambda f=f: nn.PixelShuffle(f),
            (normal((2, 12, 3, 5) if f == 2 else (9, 2, 3)),),
            lambda torch, f=f: torch.nn.PixelShuffle(f),
        )
        for f in (2, 3)
    ],
    *[
        Layer(
            lambda f=f: nn.PixelUnshuffle(f),
            (normal((2, 3, 4, 6) if f == 2 else (1, 9, 3)),),
            lambda torch, f=f: torch.nn.PixelUnshuffle(f),
        )
        for f in (2, 3)
    ],
    *[
        Layer(
            lambda groups=groups: nn.ChannelShuffle(groups),
            (normal((2, 6, 3, 4)),),
            # PyTorch's own has no derivative on the CPU.
            written(
                lambda torch, x, groups=groups: (
                    x.reshape(2, groups, 6 // groups, 3, 4).transpose(1, 2).reshape(x.shape)
                )
            ),
        )
        for groups in (1, 2, 3)
    ],
    *[
        Layer(
            lambda axis=axis: nn.CosineSimilarity(axis, eps=1e-6),
            (normal((2, 3, 4)), normal((2, 3, 4))),
            lambda torch, axis=axis: torch.nn.CosineSimilarity(axis, eps=1e-6),
        )
        for axis in (1, -1)
    ],
    *[
        Layer(
            lambda p=p, keepdims=keepdims: nn.PairwiseDistance(p, keepdims=keepdims),
            (normal((2, 3)), normal((2, 3))),
            lambda torch, p=p, keepdims=keepdims: torch.nn.PairwiseDistance(p, keepdim=keepdims),
        )
        for p in (1, 2, 3)
        for keepdims in (True, False)
    ],
    Layer(
        lambda: nn.Residual(nn.Linear(3, 3)), (normal((4, 3)),), lambda torch: residual(torch, 0)
    ),
    Layer(
        lambda: nn.Residual(nn.Linear(3, 5), shortcut=nn.Linear(3, 5, bias=False)),
        (normal((4, 3)),),
        lambda torch: residual(torch, 1),
    ),
    Layer(
        lambda: nn.Concatenate(nn.Linear(3, 1), nn.Linear(3, 4), axis=-1),
        (normal((4, 3)),),
        concatenate,
    ),
    Layer(
        lambda: nn.Lambda(lambda x: x * x),
        (normal((4, 3)),),
        written(lambda torch, x: torch.square(x)),
    ),
]
NEVER_REFUSE = {"Identity"}
ones = od.ones((2, 12))
BAD = [
    Bad(lambda: nn.Flatten(1.5), ShapeError, "Flatten: axis must be an integer, got 1.5"),
    *[
        Bad(lambda sizes=sizes: nn.Unflatten(1, sizes), ShapeError, "Unflatten: sizes must be a")
        for sizes in (3, (3, -2), (-1, -1), ("3", 4))
    ],
    Bad(lambda: nn.Unflatten("a", (1,)), ShapeError, "Unflatten: axis must be an integer"),
    Bad(lambda: nn.Unflatten(2, (3, 4))(ones), RangeError, "^Unflatten: axis 2 is out of range"),
    Bad(lambda: nn.Unflatten(1, (5, -1))(ones), ShapeError, "^Unflatten: reshape: "),
    Bad(lambda: nn.Reshape(12), ShapeError, "Reshape: shape must be a sequence of lengths"),
    Bad(lambda: nn.Reshape((-1, 2, -1)), ShapeError, "Reshape: shape must be .* at most one"),
    Bad(lambda: nn.Reshape((5, 5))(ones), ShapeError, "^Reshape: reshape: "),
    Bad(lambda: nn.Permute(1), ShapeError, "Permute: axes must be a sequence"),
    Bad(lambda: nn.Permute((0, 1, -1, 1)), ShapeError, "Permute: axes must name each axis once"),
    Bad(lambda: nn.Permute((0, "1")), ShapeError, "Permute: axis must be an integer, got '1'"),
    Bad(lambda: nn.Permute((0, 2, 1))(ones), ShapeError, "^Permute: permute: "),
    Bad(lambda: nn.Rearrange("a b"), OdysseyError, "Rearrange: rearrange: the pattern must be"),
    Bad(lambda: nn.Rearrange("a b -> a"), OdysseyError, "Rearrange: rearrange: only one side"),
    Bad(lambda: nn.Rearrange("a b -> b a", c=2), OdysseyError, "Rearrange: c not in 'a b -> b a'"),
    Bad(lambda: nn.Rearrange("a b -> b a", b=0), ShapeError, "Rearrange: b must be a positive"),
    Bad(lambda: nn.Rearrange("a -> a 1")(ones), ShapeError, "^Rearrange: rearrange: x of shape"),
    *[
        Bad(lambda make=make: make(0), ShapeError, f"{make.__name__}: .* must be a positive")
        for make in (nn.PixelShuffle, nn.PixelUnshuffle, nn.ChannelShuffle)
    ],
    Bad(
        lambda: nn.PixelShuffle(2)(od.ones((3, 4, 4))), ShapeError, "^PixelShuffle: pixel_shuffle: "
    ),
    Bad(lambda: nn.CosineSimilarity("a"), ShapeError, "CosineSimilarity: axis must be an integer"),
    Bad(lambda: nn.CosineSimilarity(eps=-1), OdysseyError, "CosineSimilarity: eps must be a"),
    Bad(lambda: nn.PairwiseDistance(0.5), OdysseyError, "PairwiseDistance: p must be at least 1"),
    Bad(lambda: nn.PairwiseDistance(eps=-1), OdysseyError, "PairwiseDistance: eps must be a"),
    Bad(lambda: nn.Residual(abs), DTypeError, "Residual: module must be a Module, got builtin"),
    Bad(lambda: nn.Residual(nn.ReLU(), 1), DTypeError, "Residual: shortcut must be a Module, got"),
    Bad(
        lambda: nn.Residual(nn.Linear(12, 5))(ones),
        ShapeError,
        r"^Residual: Linear gives the shape \(2, 5\), which must be that of x, \(2, 12\)",
    ),
    Bad(
        lambda: nn.Residual(nn.Linear(12, 1), nn.Linear(12, 12))(ones),
        ShapeError,
        r"^Residual: Linear gives the shape \(2, 1\), which must be that of Linear, \(2, 12\)",
    ),
    Bad(lambda: nn.Concatenate(), ShapeError, "Concatenate: there must be at least one module"),
    Bad(lambda: nn.Concatenate(nn.ReLU(), 1), DTypeError, "Concatenate: argument 1 must be a Mod"),
    Bad(lambda: nn.Concatenate(nn.ReLU(), axis=None), ShapeError, "Concatenate: axis must be an"),
    Bad(lambda: nn.Lambda(3), DTypeError, "Lambda: function must be a function, got int"),
    Bad(lambda: nn.Lambda(nn.ReLU()), DTypeError, "Lambda: function must be a function, got ReLU"),
]
