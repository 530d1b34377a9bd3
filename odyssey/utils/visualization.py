"""Plots. Matplotlib is imported when one is drawn, never before."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING

from odyssey.errors import ShapeError
from odyssey.utils.io import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_training_curves"]

# Blue and vermilion of Okabe and Ito's palette, which colour-blind readers can tell apart;
# a marker of their own each for prints in grey.
_SPLITS = {"train": ("#0072B2", "o"), "test": ("#D55E00", "s")}
_INK = "#444444"


def plot_training_curves(
    history: Mapping[str, Sequence[float]], path: str | os.PathLike[str]
) -> None:
    """Draw loss and accuracy against the epoch, for train and test, as a PNG.

    Parameters
    ----------
    history : mapping of str to sequence of float
        One value an epoch, under ``"train_loss"``, ``"test_loss"``,
        ``"train_accuracy"``, ``"test_accuracy"`` (accuracies in 0..1) and, if
        epochs do not count from 1, ``"epoch"``. What is missing is not drawn,
        other names are ignored, NaN and infinity leave a gap.
    path : path-like
        The PNG, replaced atomically.

    Raises
    ------
    ShapeError
        If there is nothing to draw, or the sequences differ in length.

    Examples
    --------
    >>> plot_training_curves({"train_loss": [2.3, 0.9], "test_loss": [1.1]}, "curves.png")
    Traceback (most recent call last):
        ...
    odyssey.errors.ShapeError: plot_training_curves: expected one value an epoch in every curve, \
got train_loss: 2, test_loss: 1
    """
    curves = {
        f"{split}_{measure}": list(history[f"{split}_{measure}"])
        for measure in ("loss", "accuracy")
        for split in _SPLITS
        if f"{split}_{measure}" in history
    }
    lengths = {name: len(values) for name, values in curves.items()}
    if not any(lengths.values()):
        raise ShapeError(
            "plot_training_curves: expected at least one epoch of train_loss, test_loss, "
            f"train_accuracy or test_accuracy, got {lengths or list(history)}"
        )
    if "epoch" in history:
        lengths["epoch"] = len(history["epoch"])
    if len(set(lengths.values())) > 1:
        got = ", ".join(f"{name}: {length}" for name, length in lengths.items())
        raise ShapeError(
            f"plot_training_curves: expected one value an epoch in every curve, got {got}"
        )
    epochs = list(history.get("epoch", range(1, max(lengths.values()) + 1)))

    # A figure with a canvas of its own: pyplot would keep it alive in global state, and choose a
    # backend that may want a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    measures = [m for m in ("loss", "accuracy") if any(name.endswith(m) for name in curves)]
    figure = Figure(figsize=(4.6 * len(measures), 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(measures), squeeze=False)[0]
    for axes, measure in zip(panels, measures, strict=True):
        for split, (colour, marker) in _SPLITS.items():
            if (values := curves.get(f"{split}_{measure}")) is not None:
                _draw(axes, epochs, values, split, colour, marker)
        _dress(axes, measure, epochs)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    atomic_write(path, buffer.getvalue())


def _draw(
    axes: Axes,
    epochs: Sequence[float],
    values: Sequence[float],
    split: str,
    colour: str,
    marker: str,
) -> None:
    """Draw one curve; many points stand without markers, a single one needs its marker."""
    axes.plot(
        epochs,
        values,
        color=colour,
        linewidth=1.8,
        marker=marker if len(epochs) <= 30 else None,
        markersize=3.5,
        label=split,
    )


def _dress(axes: Axes, measure: str, epochs: Sequence[float]) -> None:
    """Name the axes and take away what does not carry information."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    axes.set_title(measure, loc="left", color=_INK, fontsize=11)
    axes.set_xlabel("epoch", color=_INK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if len(epochs) == 1:  # a single point would else come with an axis of 5 %
        axes.set_xlim(epochs[0] - 0.5, epochs[0] + 0.5)
    if measure == "accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_INK)
    axes.tick_params(colors=_INK)
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, labelcolor=_INK)
