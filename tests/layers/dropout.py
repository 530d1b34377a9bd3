"""Dropout and noise: in evaluation mode PyTorch's; test_nn_dropout.py counts what is dropped."""

import numpy as np

import odyssey as od
from layers import Bad, Layer
from odyssey import nn
from odyssey.errors import DTypeError, OdysseyError, ShapeError

normal = np.random.default_rng(3).standard_normal
SAME = [  # ours, its shapes, and theirs
    ("Dropout", ((3, 4), (), (0, 2)), "Dropout"),
    ("Dropout1D", ((2, 3, 4), (3, 4)), "Dropout1d"),
    ("Dropout2D", ((2, 3, 4, 5),), "Dropout2d"),
    ("Dropout3D", ((2, 3, 4, 5, 2), (3, 4, 5, 2)), "Dropout3d"),
    ("AlphaDropout", ((3, 4),), "AlphaDropout"),
    ("DropPath", ((3, 4), (2,), (0, 3)), "Identity"),
    ("GaussianNoise", ((3, 4), ()), "Identity"),
]

LAYERS = [
    Layer(
        lambda name=name: getattr(nn, name)(0.3),
        (normal(shape) if shape else np.asarray(1.5),),
        lambda torch, theirs=theirs: getattr(torch.nn, theirs)(0.3),
        random=True,
    )
    for name, shapes, theirs in SAME
    for shape in shapes
]
BAD = [
    *[
        Bad(lambda name=name, p=p: getattr(nn, name)(p), error, rf"{name}: p[, ].*must")
        for name, _, _ in SAME[:-1]
        for p, error in ((-0.1, OdysseyError), (1.5, OdysseyError), ("0.5", DTypeError))
    ],
    Bad(lambda: nn.GaussianNoise(-1), OdysseyError, "GaussianNoise: std must be at least 0"),
    Bad(lambda: nn.GaussianNoise("1"), DTypeError, "GaussianNoise: std must be a finite number"),
    Bad(lambda: nn.Dropout2D()(od.ones((2, 3))), ShapeError, "^Dropout2D: dropout2d: x has 2 axes"),
    Bad(lambda: nn.DropPath()(od.ones(())), ShapeError, "^DropPath: drop_path: x needs at least 1"),
]
