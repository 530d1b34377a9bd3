"""Inputs of convolutions for hypothesis: shapes, every form of every setting, dtypes, layouts."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from odyssey.errors import ShapeError
from odyssey.testing import LAYOUTS
from odyssey.utils.geometry import output_size, pads, pair

# Around a vector, a register tile and a block of them.
CHANNELS = st.one_of(st.integers(1, 9), st.sampled_from([15, 16, 17, 33, 65]))


@dataclass
class Call:
    """One call of both kernels of an operation; arrays are in their layouts."""

    op: str
    dtype: str
    arrays: tuple[Any, ...]
    grad: Any
    settings: dict[str, Any] = field(default_factory=dict)
    needs: tuple[bool, ...] = ()

    @property
    def terms(self):
        """How many terms the longest sum may have."""
        filters = self.arrays[1]
        return max(filters.size, self.grad.size // max(self.grad.shape[1], 1), 1)


def channels_last(a):
    return np.array(a.transpose(0, 2, 3, 1), order="C").transpose(0, 3, 1, 2)


def laid_out(draw, array):
    """Return the same values in a layout; one that repeats the first row has other values."""
    if array.ndim == 4 and draw(st.booleans()):
        return channels_last(array)
    return LAYOUTS[draw(st.sampled_from(list(LAYOUTS)))](array)


def one_or_pair(draw, numbers):
    return draw(st.one_of(numbers, st.tuples(numbers, numbers)))


PADDING = st.one_of(
    st.integers(0, 3),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
    st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 2),
    st.sampled_from(["same", "valid"]),
)


@st.composite
def windows(draw, image, winograd):
    """Draw (taps, outputs, settings) for images of this size; a window always fits."""
    R, S = (3, 3) if winograd else (draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    settings = {"padding": draw(PADDING), "dilation": one_or_pair(draw, st.integers(1, 3))}
    if winograd:
        settings["tile"] = draw(st.sampled_from([2, 4]))
    else:
        settings["stride"] = one_or_pair(draw, st.integers(1, 4))
    stride, dilation = (pair("", "", settings.get(name, 1)) for name in ("stride", "dilation"))
    around = pads("", settings["padding"], image, (R, S), stride, dilation)
    try:
        outputs = output_size("", image, (R, S), stride, dilation, around)
    except ShapeError:
        assume(False)
    return (R, S), outputs, settings


@st.composite
def calls(draw, op):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from(["float16", "float32", "float64"]))
    N = draw(st.integers(0, 3))
    H, W = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    taps, outputs, settings = draw(windows((H, W), op == "winograd_conv2d"))

    def numbers(*shape):
        return laid_out(draw, rng.standard_normal(shape).astype(dtype))

    C = draw(CHANNELS)
    if op in ("conv2d", "winograd_conv2d"):
        G = draw(st.sampled_from([1, 1, 1, 2, 3]))
        if G > 1:
            C = G * min(C, 5)
            settings["groups"] = G
        K = G * (draw(CHANNELS) if G == 1 else draw(st.integers(1, 6)))
        arrays = numbers(N, C, H, W), numbers(K, C // G, *taps)
    else:
        K = C * draw(st.sampled_from([1, 1, 2, 3]))
        arrays = numbers(N, C, H, W), numbers(K, 1, *taps)
    if op == "depthwise_separable_conv2d":
        middle, K = K, draw(CHANNELS)
        arrays = (*arrays, numbers(K, middle, 1, 1))
    bias = numbers(K) if draw(st.booleans()) else None
    needs = tuple(draw(st.booleans()) for _ in range(len(arrays) + 1))
    return Call(op, dtype, (*arrays, bias), numbers(N, K, *outputs), settings, needs)
