"""Convolution along one axis and three: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import choice, draws

rng, normal, positive = draws(__name__)

MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def np_conv(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, padding_mode="zeros"):
    """Multiply windows with filters, along any number of axes."""
    axes = tuple(range(2, x.ndim))
    stride, dilation = (np.broadcast_to(n, len(axes)) for n in (stride, dilation))
    spans = tuple(int(d) * (r - 1) + 1 for d, r in zip(dilation, weight.shape[2:], strict=True))
    if padding == "same":  # for a stride of 1
        around = [((span - 1) // 2, span // 2) for span in spans]
    else:
        around = np.broadcast_to(np.reshape(padding, (-1, 1)), (len(axes), 2))
    x = np.pad(x, [(0, 0), (0, 0), *around], mode=MODES[padding_mode])
    windows = np.lib.stride_tricks.sliding_window_view(x, spans, axes)
    steps = [slice(None, None, s) for s in stride] + [slice(None, None, d) for d in dilation]
    windows = windows[(slice(None), slice(None), *steps)]
    places, taps = "pqrs"[: len(axes)], "uvw"[: len(axes)]
    formula = f"nc{places}{taps},kc{taps}->nk{places}"
    parts = [
        np.einsum(formula, of_x, of_weight)
        for of_x, of_weight in zip(
            np.split(windows, groups, 1), np.split(weight, groups, 0), strict=True
        )
    ]
    y = np.concatenate(parts, 1)
    return y if bias is None else y + bias.reshape(-1, *[1] * len(axes))


line = (normal(2, 4, 7), normal(6, 2, 3), normal(6))
volume = (normal(1, 2, 3, 4, 5), normal(4, 1, 2, 2, 3), normal(4))
MODE_NAMES = ("reflect", "replicate", "circular")

SAMPLES = [
    Sample("conv1d", line, np_conv, {"groups": 2, "stride": 2, "padding": 1, "dilation": 2}, 7),
    Sample("conv1d", (normal(2, 3, 5), normal(2, 3, 4)), np_conv, {"padding": "same"}, 12),
    *[
        Sample("conv1d", line, np_conv, {"groups": 2, "padding": 2, "padding_mode": mode}, 7)
        for mode in MODE_NAMES
    ],
    Sample("conv1d", (normal(0, 2, 4), normal(3, 2, 2), normal(3)), np_conv),
    Sample("conv1d", (normal(1, 1, 1), normal(1, 1, 1), normal(1)), np_conv),
    Sample("conv3d", volume, np_conv, {"groups": 2, "stride": (1, 2, 1), "padding": 1}, 13),
    Sample(
        "conv3d",
        (normal(1, 2, 5, 4, 3), normal(2, 2, 2, 2, 2)),
        np_conv,
        {"stride": (2, 1, 1), "dilation": (2, 1, 2)},
        16,
    ),
    *[
        Sample("conv3d", volume, np_conv, {"groups": 2, "padding": 1, "padding_mode": mode}, 13)
        for mode in MODE_NAMES
    ],
    Sample("conv3d", (normal(0, 2, 3, 4, 4), normal(3, 2, 2, 2, 2), normal(3)), np_conv, {}, 17),
    Sample("conv3d", (normal(1, 1, 1, 1, 1), normal(1, 1, 1, 1, 1), normal(1)), np_conv),
    *[
        Sample(
            "conv2d",
            (normal(1, 2, 4, 5), normal(2, 2, 3, 2), normal(2)),
            np_conv,
            {"padding": (2, 1), "padding_mode": mode},
            13,
        )
        for mode in MODE_NAMES
    ],
]

lines = np.ones((2, 4, 6), np.float32)
filters = np.ones((6, 4, 3), np.float32)
volumes = np.ones((2, 4, 3, 3, 3), np.float32)

BAD = [
    Bad("conv1d", (lines.astype(int), filters), {}, DTypeError, "conv1d: x must be floating-point"),
    Bad("conv1d", (lines[0], filters), {}, ShapeError, r"conv1d: x has 2 axes but .* \(N, C, L\)"),
    Bad("conv1d", (lines, filters[0]), {}, ShapeError, "conv1d: weight has 2 axes but needs 3"),
    Bad("conv1d", (lines, filters[:, :2]), {}, ShapeError, "conv1d: weight is for 2 channels but"),
    Bad("conv1d", (lines, filters), {"groups": 4}, ShapeError, "conv1d: groups=4 does not divide"),
    Bad("conv1d", (lines, filters), {"groups": 0}, ShapeError, "conv1d: groups must be at least 1"),
    Bad("conv1d", (lines, filters), {"groups": "a"}, ShapeError, "groups must be an integer"),
    Bad("conv1d", (lines, filters, filters[0, 0]), {}, ShapeError, r"bias must have shape \(6,\)"),
    Bad("conv1d", (lines, filters[:, :, :0]), {}, ShapeError, "conv1d: weight has an empty window"),
    Bad("conv1d", (lines, filters), {"stride": (1, 1)}, ShapeError, "stride must be one integer,"),
    Bad("conv1d", (lines, filters), {"padding": "all"}, ShapeError, "padding must be 'same'"),
    Bad("conv1d", (lines, filters), {"dilation": 3}, ShapeError, "larger than the padded image"),
    Bad(
        "conv1d",
        (lines, filters),
        {"padding_mode": "mirror"},
        OdysseyError,
        "conv1d: padding_mode: expected one of zeros, reflect, replicate, circular, got 'mirror'",
    ),
    Bad(
        "conv1d",
        (lines, filters),
        {"padding": 6, "padding_mode": "reflect"},
        ShapeError,
        "conv1d: a reflect padding of 6 needs more pixels than 6",
    ),
    Bad("conv3d", (volumes, filters), {}, ShapeError, "conv3d: weight has 3 axes but needs 5"),
    Bad(
        "conv3d",
        (volumes, volumes),
        {"stride": (1, 0, 1)},
        ShapeError,
        "conv3d: stride must be at least 1, got 0",
    ),
    Bad(
        "conv3d",
        (volumes, volumes),
        {"padding": 4, "padding_mode": "circular"},
        ShapeError,
        "conv3d: a circular padding of 4 needs more pixels than 3",
    ),
    Bad(
        "conv2d",
        (lines, filters),
        {"padding_mode": "reflect"},
        ShapeError,
        "conv2d: x has 3 axes but needs 4",
    ),
    Bad(
        "conv2d",
        (volumes[0], volumes[0]),
        {"padding": 1, "padding_mode": "round"},
        OdysseyError,
        "conv2d: padding_mode: expected one of zeros",
    ),
]


def drawn(axes):
    """Return a function that draws arrays and settings of a convolution along some axes."""

    def draw(rng):
        groups, most = int(rng.integers(1, 3)), 9 if axes == 1 else 5
        taps = rng.integers(1, 4 if axes == 1 else 3, axes)
        size = rng.integers(5 if axes == 1 else 4, most, axes)
        C, K = (int(n) * groups for n in rng.integers(1, 4, 2))
        x = rng.standard_normal((int(rng.integers(0, 3)), C, *size))
        weight = rng.standard_normal((K, C // groups, *taps))
        bias = choice(rng, None, rng.standard_normal(K))
        each = tuple(map(int, rng.integers(1, 3, axes)))
        settings = {"stride": choice(rng, 1, 2, each), "dilation": choice(rng, 1, each)}
        return (x, weight, bias), {**settings, "padding": choice(rng, 0, 1), "groups": groups}

    return draw


SHARED = [
    Shared("conv1d", "conv1d", drawn(1), terms=100),
    Shared("conv3d", "conv3d", drawn(3), terms=400),
]
