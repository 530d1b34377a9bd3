"""Normalisation layers: samples, bad settings, and PyTorch's."""

from functools import partial

import numpy as np

import odyssey as od
from layers import Bad, Layer
from odyssey import nn
from odyssey.errors import DTypeError, OdysseyError, ShapeError

rng = np.random.default_rng(6)
normal = rng.standard_normal

SHAPES = {
    "1D": [(4, 3), (4, 3, 5), (1, 3, 7)],
    "2D": [(4, 3, 5, 2), (1, 3, 1, 4), (2, 3, 9, 8)],
    "3D": [(2, 3, 2, 3, 4)],
}
SETTINGS = [
    {},
    {"momentum": None},
    {"momentum": 0.7, "eps": 0.1, "affine": False},
    {"track_running_stats": False},
    {"affine": False, "track_running_stats": False},
]
INSTANCE_SETTINGS = [
    {},
    {"affine": True, "eps": 0.1},
    {"track_running_stats": True},
    {"track_running_stats": True, "affine": True, "momentum": 0.6},
]


def torch_name(name):
    return name.replace("D", "d")


def channels(name, shape, settings, **more):
    """Return the sample of a layer that is made for 3 channels."""
    return Layer(
        lambda: getattr(nn, name)(3, **settings),
        (normal(shape),),
        lambda torch: getattr(torch.nn, torch_name(name))(3, **settings),
        **more,
    )


def uncounted(state):
    """PyTorch's instance norm does not count its batches."""
    return {
        name: array * 0 if name == "num_batches_tracked" else array for name, array in state.items()
    }


def torch_normalize(torch, **settings):
    class Normalize(torch.nn.Module):
        def forward(self, x):
            return torch.nn.functional.normalize(x, **settings)

    return Normalize()


def torch_normalize_rgb(torch, mean, std):
    class NormalizeRGB(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", torch.tensor(mean))
            self.register_buffer("std", torch.tensor(std))

        def forward(self, x):
            return (x - self.mean[:, None, None]) / self.std[:, None, None]

    return NormalizeRGB()


def group(shape, *settings, **kwargs):
    return Layer(
        lambda: nn.GroupNorm(*settings, **kwargs),
        (normal(shape),),
        lambda torch: torch.nn.GroupNorm(*settings, **kwargs),
    )


def last_axes(name, shape, lengths, **settings):
    return Layer(
        lambda: getattr(nn, name)(lengths, **settings),
        (normal(shape),),
        lambda torch: getattr(torch.nn, name)(lengths, **settings),
    )


LAYERS = [
    *[
        channels(f"BatchNorm{n}", shape, settings)
        for n, shapes in SHAPES.items()
        for shape in shapes
        for settings in SETTINGS
    ],
    Layer(
        lambda: nn.BatchNorm2D(None, eps=0.01),
        (normal((4, 3, 5, 2)),),
        lambda torch: torch.nn.BatchNorm2d(3, eps=0.01),
    ),
    *[
        channels(f"InstanceNorm{n}", shape, settings, state=uncounted)
        for n, shapes in SHAPES.items()
        for shape in shapes
        for settings in INSTANCE_SETTINGS
        if len(shape) > 2
    ],
    *[
        last_axes("LayerNorm", *lengths, **settings)
        for lengths in (((4, 3, 5), 5), ((4, 3, 5), (3, 5)), ((7,), [7]), ((0, 3), 3))
        for settings in (
            {},
            {"eps": 0.1, "bias": False},
            {"elementwise_affine": False},
        )
    ],
    *[
        last_axes("RMSNorm", *lengths, **settings)
        for lengths in (((4, 3, 5), 5), ((4, 3, 5), (3, 5)), ((7,), [7]))
        for settings in ({}, {"eps": 0.1}, {"elementwise_affine": False})
    ],
    last_axes("RMSNorm", (3, 5), 5, eps=0.0),
    group((4, 6, 3, 5), 3, 6),
    group((4, 6), 2, 6, eps=0.1),
    group((2, 6, 7), 1, 6, affine=False),
    group((1, 6, 2, 3, 4), 6, 6),
    *[
        Layer(
            lambda args=args: nn.LocalResponseNorm(*args),
            (normal(shape),),
            lambda torch, args=args: torch.nn.LocalResponseNorm(*args),
        )
        for args in ((1,), (2, 0.7), (5, 0.9, 0.6, 2.0), (9, 1.0))
        for shape in ((2, 6, 4, 3), (2, 6, 5))
    ],
    *[
        Layer(
            lambda p=p, axis=axis: nn.Normalize(p, axis),
            (normal((4, 3, 5)),),
            lambda torch, p=p, axis=axis: torch_normalize(torch, p=p, dim=axis),
        )
        for p in (1, 2.0, 3.5)
        for axis in (1, -1, (0, 2))
    ],
    Layer(
        lambda: nn.Normalize(eps=100.0),
        (normal((4, 3)),),
        lambda torch: torch_normalize(torch, eps=100.0),
    ),
    *[
        Layer(
            partial(nn.NormalizeRGB, mean, std),
            (normal((*batch, len(mean), 4, 5)),),
            partial(torch_normalize_rgb, mean=mean, std=std),
        )
        for mean, std in (([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]), ([0.13], [0.31]))
        for batch in ((), (2,))
    ],
    Layer(lambda: nn.Standardize().adapt(normal((20, 3)) * 3 + 1), (normal((4, 3)),)),
    Layer(lambda: nn.Standardize(axis=1).adapt(normal((9, 3, 4))), (normal((4, 3, 2, 5)),)),
    Layer(lambda: nn.Standardize(axis=None).adapt(normal((9, 3))), (normal((4, 7)),)),
]
NO_TORCH = {"Standardize": "Keras has it, as Normalization; see tests/test_nn_normalization.py"}

BATCH = ["BatchNorm1D", "BatchNorm2D", "BatchNorm3D"]
INSTANCE = ["InstanceNorm1D", "InstanceNorm2D", "InstanceNorm3D"]


UNFITTED = partial(nn.Standardize, num_features=3)


def bad(layer, error, match, *args, **settings):
    return Bad(lambda: getattr(nn, layer)(*args, **settings), error, f"^{layer}: {match}")


def bad_input(layer, shape, error, match, dtype="float32"):
    name, told = match.split(": ", 1)  # twice, where a layer was called on its own
    pattern = f"^({name}: )+{told}"
    return Bad(lambda: layer()(od.zeros(shape, dtype=dtype)), error, pattern)


BAD = [
    *[
        bad(name, ShapeError, "num_features must be a positive integer", n)
        for name in BATCH + INSTANCE
        for n in (0, -3, 2.0, "3", True)
    ],
    *[bad(name, OdysseyError, "eps must be", 3, eps=-1e-5) for name in BATCH + INSTANCE],
    *[
        bad(name, OdysseyError, r"momentum must be None or lie in \[0, 1\]", 3, momentum=m)
        for name in BATCH + INSTANCE
        for m in (-0.1, 1.1, float("nan"), "all")
    ],
    *[
        bad_input(partial(getattr(nn, name), n), (2, 3, 4, 5, 6)[:ndim], ShapeError, match)
        for name, ndim, match in (
            (
                "BatchNorm1D",
                4,
                r"BatchNorm1D: x must have 2 or 3 axes, \(N, C\) or \(N, C, L\),",
            ),
            ("BatchNorm1D", 1, r"BatchNorm1D: .* but has 1 \(x: \(2,\)\)"),
            ("BatchNorm2D", 3, r"BatchNorm2D: x must have 4 axes, \(N, C, H, W\), but has 3"),
            (
                "BatchNorm3D",
                4,
                r"BatchNorm3D: x must have 5 axes, \(N, C, D, H, W\), but has 4",
            ),
            (
                "InstanceNorm1D",
                2,
                r"InstanceNorm1D: x must have 3 axes, \(N, C, L\), but has 2",
            ),
            ("InstanceNorm2D", 5, r"InstanceNorm2D: x must have 4 axes"),
            ("InstanceNorm3D", 3, r"InstanceNorm3D: x must have 5 axes"),
        )
        for n in (3, None)
    ],
    *[
        bad_input(
            lambda name=name: getattr(nn, name)(4, affine=False, track_running_stats=False),
            (2, 3, 4, 5)[:ndim],
            ShapeError,
            f"{name}: x must have 4 channels, .* but has 3",
        )
        for name, ndim in (("BatchNorm1D", 2), ("BatchNorm2D", 4), ("InstanceNorm1D", 3))
    ],
    bad_input(lambda: nn.BatchNorm1D(3), (1, 3), ShapeError, "BatchNorm1D: needs more than 1"),
    bad_input(lambda: nn.BatchNorm2D(3), (1, 3, 1, 1), ShapeError, "BatchNorm2D: .* to train on"),
    bad_input(lambda: nn.BatchNorm2D(3), (2, 3, 4, 4), DTypeError, "BatchNorm2D: ", "float64"),
    bad_input(
        lambda: nn.InstanceNorm2D(3),
        (5, 3, 1, 1),
        ShapeError,
        "InstanceNorm2D: .* of an example",
    ),
    *[
        bad(name, ShapeError, "normalized_shape must ", lengths)
        for name in ("LayerNorm", "RMSNorm")
        for lengths in (0, (3, 0), (), 1.5, "3", None)
    ],
    *[bad(name, OdysseyError, "eps must be", 3, eps=-1) for name in ("LayerNorm", "RMSNorm")],
    bad_input(lambda: nn.LayerNorm(4), (4, 3), ShapeError, "LayerNorm: layer_norm: x must end in"),
    bad_input(lambda: nn.RMSNorm(4), (4, 3), ShapeError, "RMSNorm: rms_norm: x must end in"),
    bad("GroupNorm", ShapeError, "num_groups must be a positive", 0, 4),
    bad("GroupNorm", ShapeError, "num_channels must be a positive", 1, 0),
    bad("GroupNorm", ShapeError, "num_groups=3 does not divide num_channels=4", 3, 4),
    bad("GroupNorm", OdysseyError, "eps must be", 2, 4, eps=-1),
    bad_input(
        lambda: nn.GroupNorm(2, 4, affine=False),
        (2, 6, 3),
        ShapeError,
        "GroupNorm: x must have 4",
    ),
    bad_input(lambda: nn.GroupNorm(2, 4), (4,), ShapeError, "GroupNorm: x must have 4 channels"),
    bad("LocalResponseNorm", ShapeError, "size must be a positive", 0),
    bad_input(lambda: nn.LocalResponseNorm(2), (4,), ShapeError, "LocalResponseNorm: "),
    bad("Normalize", OdysseyError, "ord must be a finite number", 0.5),
    bad("Normalize", OdysseyError, "ord must be a finite number", float("inf")),
    bad("Normalize", OdysseyError, "eps must be", eps=-1),
    bad_input(lambda: nn.Normalize(axis=2), (4, 3), ShapeError, "Normalize: normalize: axis"),
    bad("NormalizeRGB", ShapeError, "mean and std must hold", [0.5], [0.1, 0.2]),
    bad("NormalizeRGB", ShapeError, "mean and std must hold", 0.5, 0.1),
    bad("NormalizeRGB", OdysseyError, "std must be positive", [0.5, 0.5], [0.5, 0.0]),
    bad_input(
        lambda: nn.NormalizeRGB([0.5] * 3, [1.0] * 3), (2, 1, 4, 4), ShapeError, "NormalizeRGB: "
    ),
    bad("Standardize", ShapeError, "num_features must be a positive", 1, 0),
    bad("Standardize", ShapeError, "axis must be None or an integer", "last"),
    bad("Standardize", OdysseyError, "eps must be", eps=-1),
    bad_input(nn.Standardize, (4, 3), OdysseyError, r"Standardize: call adapt\(data\) first"),
    bad_input(
        UNFITTED,
        (4, 3),
        OdysseyError,
        r"Standardize: call adapt\(data\)",
    ),
    bad_input(
        lambda: nn.Standardize().adapt(np.eye(4)),
        (4, 3),
        ShapeError,
        "Standardize: .* 4 features",
    ),
    bad_input(
        lambda: nn.Standardize(axis=2).adapt(np.ones((2, 3, 4))),
        (4, 3),
        ShapeError,
        "Standardize: axis 2 is out of range for 2 axes",
    ),
    *[
        Bad(
            lambda data=data: UNFITTED().adapt(data),
            ShapeError,
            f"^Standardize: {match}",
        )
        for data, match in (
            (np.ones((0, 3)), "adapt needs data"),
            (np.ones((2, 0)), "adapt needs data"),
            ([], "adapt needs data"),
            (np.ones((5, 4)), ".*must have 3 features"),
            ([np.ones((5, 3)), np.ones((5, 4))], r"batches have \(4,\) features, and \(3,\)"),
            (np.ones(()), "axis -1 is out of range"),
        )
    ],
]
