"""The roofline: every kernel as a dot below what the machine can do.

Across, how many floating-point operations a kernel does for each byte that it
has to move; upwards, how many it does in a second. The slanted line is the
memory's bandwidth, the level one the rate of multiply-adds: no dot can be above
both, and where a dot could rise to tells which of the two holds it [1]_.

References
----------
.. [1] S. Williams, A. Waterman, D. Patterson, "Roofline: an insightful visual
   performance model for multicore architectures", Communications of the ACM 52,
   2009. https://doi.org/10.1145/1498765.1498785
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.case import FORWARD
from benchmarks.machine import Peak
from benchmarks.measure import Result

__all__ = ["draw"]

NAMED = 8
"""Dots of a family that get their name, if there is room."""


def draw(
    path: str, machine: Mapping[str, Any], peaks: Mapping[int, Peak], results: Sequence[Result]
) -> None:
    """Draw the forward kernels with the most threads, a panel for each dtype."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    threads = max(peaks)
    shown = [
        result
        for result in results
        if result.threads == threads and result.direction == FORWARD and result.gflops
    ]
    if not shown:
        raise ValueError("--plot: no case that was measured does arithmetic in a forward")
    dtypes = list(dict.fromkeys(result.dtype for result in shown))
    families = list(dict.fromkeys(result.family for result in shown))
    colours = {family: f"C{number}" for number, family in enumerate(families)}
    figure, axes = plt.subplots(
        1, len(dtypes), figsize=(9.5 * len(dtypes), 7), squeeze=False, layout="constrained"
    )
    for axis, dtype in zip(axes[0], dtypes, strict=True):
        panel = [result for result in shown if result.dtype == dtype]
        _roofs(axis, peaks[threads], dtype, panel)
        _dots(axis, panel, colours)
        axis.set_title(f"{dtype}, {threads} thread{'' if threads == 1 else 's'}")
        axis.set_xlabel("operations for each byte moved (FLOP/byte)")
        axis.set_ylabel("GFLOP/s")
        axis.grid(which="major", alpha=0.25, linewidth=0.6)
        axis.legend(loc="lower right", framealpha=0.9)
        figure.canvas.draw()  # places are known only now
        _labels(axis, panel, colours)
    figure.suptitle(f"{machine['cpu']}, level {machine['level']}, {machine['date'][:10]}")
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _roofs(axis: Any, peak: Peak, dtype: str, panel: Sequence[Result]) -> None:
    """Draw the peak of arithmetic, and memory's bandwidth near and far."""
    intensities = [result.intensity or 1.0 for result in panel]
    rates = [rate for result in panel for rate in (result.gflops, result.gflops_pytorch)]
    left, right = min(intensities) / 2.5, max(max(intensities) * 2.5, 30)
    top = peak.gflops(dtype)
    x = np.geomspace(left, right, 400)
    reading = peak.bandwidth["read"]
    near, far = min(reading), max(reading)
    for size, style, word in ((near, "--", "L1 cache"), (far, "-", "memory")):
        rate = reading[size]
        axis.plot(x, np.minimum(x * rate, top), color="0.25", linestyle=style, linewidth=1.4)
        at = left * (3 if size == far else 1.15)
        axis.annotate(
            f"{word}, {rate:.0f} GB/s",
            (at, at * rate),
            xytext=(0, 5 if size == near else -7),
            textcoords="offset points",
            rotation=45,
            rotation_mode="anchor",
            transform_rotates_text=True,
            va="bottom" if size == near else "top",
            fontsize=9,
            color="0.25",
        )
    axis.annotate(
        f"multiply-adds, {top:.0f} GFLOP/s",
        (right, top),
        xytext=(-4, 4),
        textcoords="offset points",
        ha="right",
        fontsize=9,
        color="0.25",
    )
    axis.set(xscale="log", yscale="log", xlim=(left, right), ylim=(min(rates) / 2, top * 2))


def _dots(axis: Any, panel: Sequence[Result], colours: Mapping[str, str]) -> None:
    """Draw odyssey full and PyTorch hollow, joined by a line."""
    for family, colour in colours.items():
        own = [result for result in panel if result.family == family]
        x = [result.intensity for result in own]
        mine, theirs = [r.gflops for r in own], [r.gflops_pytorch for r in own]
        axis.vlines(x, mine, theirs, color=colour, alpha=0.45, linewidth=1)
        axis.scatter(x, theirs, s=16, facecolors="white", edgecolors=colour, linewidths=0.9)
        axis.scatter(x, mine, s=26, color=colour, label=family, zorder=3)
    axis.scatter([], [], s=16, facecolors="white", edgecolors="0.4", label="hollow: PyTorch")


def _labels(axis: Any, panel: Sequence[Result], colours: Mapping[str, str]) -> None:
    """Name some dots of each family, its fastest and slowest first, where there is room."""
    from matplotlib.patheffects import withStroke

    ranked: list[tuple[int, Result]] = []
    for family in dict.fromkeys(result.family for result in panel):
        own = sorted((r for r in panel if r.family == family), key=lambda r: r.gflops)
        # From both ends inwards.
        ranked += [(min(place, len(own) - 1 - place), result) for place, result in enumerate(own)]
    renderer = axis.figure.canvas.get_renderer()
    frame = axis.get_window_extent(renderer)
    taken = [text.get_window_extent(renderer).padded(1) for text in axis.texts]
    taken.append(axis.get_legend().get_window_extent(renderer))
    points = axis.transData.transform(
        [(r.intensity, rate) for r in panel for rate in (r.gflops, r.gflops_pytorch)]
    )
    room = dict.fromkeys(colours, NAMED)
    for _, result in sorted(ranked, key=lambda pair: pair[0]):
        if not room[result.family]:
            continue
        for dx, dy, ha, va in (
            (5, 0, "left", "center"),
            (-5, 0, "right", "center"),
            (0, 5, "center", "bottom"),
            (0, -5, "center", "top"),
        ):
            text = axis.annotate(
                result.name,
                (result.intensity, result.gflops),
                xytext=(dx, dy),
                textcoords="offset points",
                ha=ha,
                va=va,
                fontsize=7,
                color=colours[result.family],
                path_effects=[withStroke(linewidth=2, foreground="white")],
                zorder=4,
            )
            box = text.get_window_extent(renderer)
            free = frame.contains(box.x0, box.y0) and frame.contains(box.x1, box.y1)
            free = free and not any(box.overlaps(other) for other in taken)
            if free and not any(box.padded(1).contains(px, py) for px, py in points):
                taken.append(box.padded(1))
                room[result.family] -= 1
                break
            text.remove()
