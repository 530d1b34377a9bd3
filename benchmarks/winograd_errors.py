"""How far convolutions in float32 are from the truth: the table in the guide to convolution.

``python -m benchmarks.winograd_errors`` prints it as CSV. For each direction and number
of channels: the largest error of each algorithm, relative to the largest result, in
units of 1e-7. The truth is the direct form in float64.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from fractions import Fraction
from typing import Any
from unittest import mock

import numpy as np

import odyssey as od
from odyssey import fast, reference
from odyssey.utils.cook_toom import POINTS

__all__ = ["COLUMNS", "errors", "main"]

Array = np.ndarray
Kernels = Callable[[Array, Array, Array], tuple[Any, ...]]

SIDE = 14
USUAL = tuple(map(Fraction, (0, 1, -1, 2, -2)))
DIRECTIONS = ("forward", "input gradient", "weight gradient")


def direct(grad: Array, x: Array, weight: Array) -> tuple[Any, ...]:
    """Return the output and the first two gradients, computed as they are defined."""
    return (
        fast.conv2d(x, weight, padding=1),
        *fast.conv2d_backward(grad, x, weight, padding=1)[:2],
    )


def winograd(tile: int, kernels: Any = fast) -> Kernels:
    """Return the same function in Winograd's form."""

    def run(grad: Array, x: Array, weight: Array) -> tuple[Any, ...]:
        return (
            kernels.winograd_conv2d(x, weight, padding=1, tile=tile),
            *kernels.winograd_conv2d_backward(grad, x, weight, padding=1, tile=tile)[:2],
        )

    return run


def with_usual_points(grad: Array, x: Array, weight: Array) -> tuple[Any, ...]:
    """Return what the reference gives for tiles of 4×4 at the points 0, ±1, ±2 and infinity."""
    with mock.patch.dict(POINTS, {6: USUAL}):
        return winograd(4, reference)(grad, x, weight)


COLUMNS: dict[str, Kernels] = {
    "direct": direct,
    "F(2×2, 3×3)": winograd(2),
    "F(4×4, 3×3)": winograd(4),
    "F(4×4, 3×3) at 0, ±1, ±2": with_usual_points,
}


def errors(channels: int) -> dict[str, list[float]]:
    """Return the errors in each direction of a layer with as many filters as channels."""
    rng = np.random.default_rng(channels)
    shapes = (1, channels, SIDE, SIDE), (1, channels, SIDE, SIDE), (channels, channels, 3, 3)
    arrays = [rng.standard_normal(shape, np.float32) for shape in shapes]
    before = od.get_conv_algorithm()
    od.set_conv_algorithm("direct")
    try:
        truth = direct(*[array.astype(np.float64) for array in arrays])
        return {
            name: [
                float(np.abs(found - exact).max() / np.abs(exact).max())
                for found, exact in zip(function(*arrays), truth, strict=True)
            ]
            for name, function in COLUMNS.items()
        }
    finally:
        od.set_conv_algorithm(before)


def main() -> None:
    """Print the table."""
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(["Direction", "Channels", *COLUMNS])
    found = {channels: errors(channels) for channels in (16, 64, 256, 512)}
    for number, direction in enumerate(DIRECTIONS):
        for channels, of_algorithm in found.items():
            numbers = (f"{one[number] * 1e7:.1f}" for one in of_algorithm.values())
            table.writerow([direction, channels, *numbers])


if __name__ == "__main__":
    main()
