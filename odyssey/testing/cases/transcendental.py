"""Cases of erf, gelu, swish, softplus, mish and elu, forward and backward."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from odyssey.testing.cases import Case, generator
from odyssey.testing.cases.activation import SHAPES

SETTINGS: dict[str, list[tuple[float, ...]]] = {
    "erf": [()],
    "gelu": [(), (True,)],
    "swish": [(), (1.702,), (-0.5,)],
    "softplus": [(), (3.0,), (-1.0,)],
    "mish": [()],
    "elu": [(), (1.6732632,)],
}


def cases() -> Iterator[Case]:
    """Yield the cases of the family."""
    for kernel, settings in SETTINGS.items():
        for setting in settings:
            note = f", {setting[0]}" if setting else ""
            for name, shape in SHAPES.items():
                rng = generator(len(name))
                x, grad = 3 * rng.standard_normal(shape), rng.standard_normal(shape)
                yield Case(kernel, name + note, (x, *setting))
                # Slopes may be differences, far smaller than what is subtracted.
                scale = float(np.abs(grad).max(initial=0))
                yield Case(f"{kernel}_backward", name + note, (grad, x, *setting), scale=scale)
            yield from _extremes(kernel, note, setting)


def _extremes(kernel: str, note: str, setting: tuple[float, ...]) -> Iterator[Case]:
    # Each within a few ulp of itself, because none is far from the largest.
    for name, x in (
        ("close to zero", np.linspace(-1e-4, 1e-4, 50)),
        ("below zero", np.linspace(-1.5, -1.0, 50)),
    ):
        yield Case(kernel, name + note, (x, *setting))
        yield Case(f"{kernel}_backward", name + note, (np.ones(50), x, *setting), scale=1)
    large = np.array([0.0, -0.0, -np.inf, 20.0, -20.0, 6e4, -6e4, 90.0, -90.0])
    odd = np.array([np.nan, np.inf, -np.inf])
    for name, x in (("large, and -infinity", large), ("NaN and infinity", odd)):
        yield Case(kernel, name + note, (x, *setting))
        yield Case(f"{kernel}_backward", name + note, (np.ones(x.shape), x, *setting))
