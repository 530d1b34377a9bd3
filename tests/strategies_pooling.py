"""What hypothesis draws for pools: shapes, windows, layouts, numbers."""

import os

import numpy as np
from hypothesis import assume, settings
from hypothesis import strategies as st

from odyssey.testing import LAYOUTS

# 20,000 and more by hand: ODYSSEY_EXAMPLES=5000 pytest tests/test_hypothesis_pooling.py
examples = settings(max_examples=int(os.environ.get("ODYSSEY_EXAMPLES", "60")))

dtypes = st.sampled_from(["float16", "float32", "float64"])
layouts = st.sampled_from([*LAYOUTS, "channels-last"])
counts = st.integers(1, 3)


def arranged(x, layout):
    """Return the numbers of ``x`` in a memory layout."""
    if layout == "channels-last":
        return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    return LAYOUTS[layout](x)


@st.composite
def shapes(draw):
    """Draw (N, C, H, W), often with another number of channels than registers have lanes."""
    images, height, width = draw(st.integers(0, 3)), draw(st.integers(1, 12)), draw(counts)
    channels = draw(st.sampled_from([1, 2, 3, 5, 8, 15, 16, 17, 33, 67]))
    return images, channels, height, width * draw(st.integers(1, 4))


@st.composite
def windows(draw, shape, dilated):
    """Draw settings of a pool whose window fits images of ``shape``."""
    found = {name: [] for name in ("kernel_size", "stride", "padding", "dilation")}
    for n in shape[2:]:
        taps = draw(st.integers(1, 5))
        gap = draw(st.integers(1, 3)) if dilated else 1
        around = draw(st.integers(0, taps // 2))
        assume(gap * (taps - 1) + 1 <= n + 2 * around)
        for name, value in zip(found, (taps, draw(st.integers(1, 5)), around, gap), strict=True):
            found[name].append(value)
    chosen = {name: tuple(pair) for name, pair in found.items()}
    if not dilated:
        del chosen["dilation"]
    chosen["ceil_mode"] = draw(st.booleans())
    for axis, n in enumerate(shape[2:]):  # no window with all its taps in the padding
        start = -chosen["padding"][axis]
        gap = chosen.get("dilation", (1, 1))[axis]
        last = n + chosen["padding"][axis]
        while start < last:
            taps = start + gap * np.arange(chosen["kernel_size"][axis])
            inside = ((taps >= 0) & (taps < n)).any()
            assume(inside or start >= n)
            start += chosen["stride"][axis]
    return chosen


def numbers(shape, seed, dtype, kind):
    """Return normal numbers, few different ones (ties), or some that are NaN and infinite."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    if kind == "ties":
        x = np.round(x)
    elif kind == "special":
        x[rng.random(shape) < 0.2] = rng.choice([np.nan, np.inf, -np.inf])
    return x.astype(dtype)
