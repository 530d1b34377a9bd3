"""Pools, adaptive ones and unpooling: samples, bad settings, and PyTorch's."""

import numpy as np

import odyssey as od
from layers import Bad, Layer
from odyssey import nn
from odyssey.errors import OdysseyError, RangeError, ShapeError

rng = np.random.default_rng(3)
normal = rng.standard_normal
SIZES = {1: (13,), 2: (9, 8), 3: (7, 6, 9)}
EACH = (1, 2, 3)


def pool(name, axes, *args, x=None, **settings):
    """Return the sample of a pool with the same settings here and there."""
    return Layer(
        lambda: getattr(nn, f"{name}{axes}D")(*args, **settings),
        (normal((2, 3, *SIZES[axes])) if x is None else x,),
        lambda torch: getattr(torch.nn, f"{name}{axes}d")(*args, **settings),
    )


def unpool(axes, outputs, *args, output_size=None, **settings):
    """Return a sample with maxima at random places, different ones."""
    size = output_size or [n * args[0] for n in outputs]
    places = [rng.permutation(int(np.prod(size)))[: int(np.prod(outputs))] for _ in range(6)]
    indices = np.reshape(places, (2, 3, *outputs))
    return Layer(
        lambda: getattr(nn, f"MaxUnpool{axes}D")(*args, **settings),
        (normal(indices.shape), indices),
        lambda torch: getattr(torch.nn, f"MaxUnpool{axes}d")(*args, **settings),
        {} if output_size is None else {"output_size": output_size},
    )


def pixels(axes):
    return normal((2, 3, *SIZES[axes]))


LAYERS = [
    *[pool("MaxPool", axes, 2) for axes in EACH],
    *[pool("MaxPool", axes, 3, stride=2, padding=1, ceil_mode=True) for axes in EACH],
    *[pool("MaxPool", axes, 3, 2, 1, 2, return_indices=True) for axes in EACH],
    *[pool("MaxPool", axes, 2, x=normal((0, 3, *SIZES[axes]))) for axes in EACH],
    pool("MaxPool", 2, (2, 3), stride=(1, 2), dilation=(2, 1), padding=(1, 0)),
    pool("MaxPool", 2, (3, 2), return_indices=True, ceil_mode=True),
    pool("MaxPool", 3, (2, 3, 1), stride=(1, 2, 3), padding=(1, 0, 0)),
    *[pool("AvgPool", axes, 2) for axes in EACH],
    *[pool("AvgPool", axes, 3, 2, 1, True) for axes in EACH],
    *[pool("AvgPool", axes, 3, stride=2, padding=1, count_include_pad=False) for axes in EACH],
    *[
        pool("AvgPool", axes, 3, stride=2, padding=1, ceil_mode=True, count_include_pad=False)
        for axes in EACH
    ],
    *[pool("AvgPool", axes, 2, x=normal((0, 3, *SIZES[axes]))) for axes in EACH],
    pool("AvgPool", 2, (2, 3), stride=(1, 2), padding=(1, 0)),
    pool("AvgPool", 3, (2, 3, 1), stride=(1, 2, 3), padding=(1, 0, 0)),
    *[pool("LPPool", axes, 2, 3) for axes in (1, 2)],
    *[pool("LPPool", axes, 2, 3, stride=2, ceil_mode=True) for axes in (1, 2)],
    *[pool("LPPool", axes, 3.5, 2, x=np.abs(pixels(axes)) + 0.1) for axes in (1, 2)],
    pool("LPPool", 2, 1, (2, 3), x=np.abs(pixels(2)) + 0.1),
    *[pool(f"Adaptive{kind}Pool", axes, 4) for kind in ("Avg", "Max") for axes in EACH],
    *[
        pool(f"Adaptive{kind}Pool", axes, (3, 5, 2)[:axes])
        for kind in ("Avg", "Max")
        for axes in (2, 3)
    ],
    *[
        pool(f"Adaptive{kind}Pool", axes, (None, 1, 3)[:axes])
        for kind in ("Avg", "Max")
        for axes in (2, 3)
    ],
    *[pool("AdaptiveMaxPool", axes, 3, return_indices=True) for axes in EACH],
    pool("AdaptiveAvgPool", 2, (11, 3)),
    Layer(lambda: nn.GlobalAvgPool2D(), (pixels(2),), lambda torch: torch.nn.AdaptiveAvgPool2d(1)),
    Layer(lambda: nn.GlobalMaxPool2D(), (pixels(2),), lambda torch: torch.nn.AdaptiveMaxPool2d(1)),
    *[unpool(axes, (3, 2, 4)[:axes], 2) for axes in EACH],
    *[unpool(axes, (3, 2, 4)[:axes], 3, 2, 1, output_size=(6, 4, 8)[:axes]) for axes in EACH],
]

MAX, AVG = ([f"{name}{axes}D" for axes in EACH] for name in ("MaxPool", "AvgPool"))
UNPOOL = [f"MaxUnpool{axes}D" for axes in EACH]
ADAPTIVE = [f"Adaptive{kind}Pool{axes}D" for kind in ("Avg", "Max") for axes in EACH]
LP = ["LPPool1D", "LPPool2D"]
AXES = {"1D": r"3, \(N, C, L\)", "2D": r"4, \(N, C, H, W\)", "3D": r"5, \(N, C, D, H, W\)"}


def bad(name, args, match, error=ShapeError, **settings):
    return Bad(lambda: getattr(nn, name)(*args, **settings), error, f"^{name}: {match}")


BAD = [
    *[bad(name, (0,), "kernel_size must be at least 1, got 0") for name in (*MAX, *AVG, *UNPOOL)],
    *[bad(name, (2, 0), "stride must be at least 1, got 0") for name in (*MAX, *AVG, *UNPOOL)],
    *[bad(name, (2, 2, -1), "padding must be at least 0, got -1") for name in (*MAX, *AVG)],
    *[
        bad(name, (3,), "padding must be at most half of the window .*, got 2", padding=2)
        for name in (*MAX, *AVG, *UNPOOL)
    ],
    *[bad(name, (2,), "dilation must be at least 1, got 0", dilation=0) for name in MAX],
    *[bad(name, ((2,) * 4,), "kernel_size must be one integer") for name in (*MAX, *AVG)],
    *[bad(name, ("2",), "kernel_size must be made of integers, got '2'") for name in MAX],
    *[
        bad(name, (p, 2), "norm_type must be a positive number, got", OdysseyError)
        for name in LP
        for p in (0, -1, float("inf"), "2")
    ],
    *[bad(name, (2, 0), "kernel_size must be at least 1, got 0") for name in LP],
    *[bad(name, (0,), "output_size must be at least 1, got 0") for name in ADAPTIVE],
    *[bad(name, (None,), "output_size must be made of integers, got None") for name in ADAPTIVE],
    *[bad(name, ((1,) * 4,), "output_size must be one integer") for name in ADAPTIVE],
    *[
        Bad(
            lambda name=name: getattr(nn, name)(*((2, 2) if name in LP else (2,)))(od.ones((3, 4))),
            ShapeError,
            rf"^{name}: [a-z_]+pool{name[-2:].lower()}: x has 2 axes but needs {AXES[name[-2:]]}",
        )
        for name in (*MAX, *AVG, *LP, *ADAPTIVE)
    ],
    *[
        Bad(
            lambda name=name: getattr(nn, name)()(od.ones((3, 4, 5))),
            ShapeError,
            f"^{name}: global_.*_pool2d: x has 3 axes but needs 4",
        )
        for name in ("GlobalAvgPool2D", "GlobalMaxPool2D")
    ],
    Bad(
        lambda: nn.MaxPool2D(5)(od.ones((1, 1, 4, 5))),
        ShapeError,
        "^MaxPool2D: max_pool2d: the window is larger than the padded image",
    ),
    Bad(
        lambda: nn.MaxUnpool2D(2)(od.ones((1, 1, 1, 1)), np.full((1, 1, 1, 1), 4)),
        RangeError,
        "^MaxUnpool2D: max_unpool2d: the indices lie in",
    ),
]
