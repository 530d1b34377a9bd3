"""Plots. Matplotlib is imported when one is drawn, never before."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from odyssey.errors import ShapeError
from odyssey.utils.io import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_curves", "plot_training_curves"]

# Blue and vermilion of Okabe and Ito's palette, which colour-blind readers can tell apart;
# a marker of their own each for prints in grey.
_SPLITS = {"train": ("#0072B2", "o"), "test": ("#D55E00", "s")}
# All of the palette that is dark enough for a line on white, for curves of any number.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_STYLES = ("-", "--", ":", "-.")
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

    measures = [m for m in ("loss", "accuracy") if any(name.endswith(m) for name in curves)]
    figure = _figure(4.6 * len(measures))
    panels = figure.subplots(1, len(measures), squeeze=False)[0]
    for axes, measure in zip(panels, measures, strict=True):
        for split, (colour, marker) in _SPLITS.items():
            if (values := curves.get(f"{split}_{measure}")) is not None:
                _draw(axes, epochs, values, split, colour, marker)
        _dress(axes, measure, epochs)
    _write(figure, path)


def plot_curves(
    curves: Mapping[str, Sequence[float] | np.ndarray],
    x_label: str,
    y_label: str,
    path: str | os.PathLike[str] | None = None,
    log_x: bool = False,
    log_y: bool = False,
    x: Sequence[float] | np.ndarray | None = None,
    marks: Mapping[str, float] | None = None,
) -> Figure | None:
    """Draw curves into one panel: rates against steps, losses against rates.

    Parameters
    ----------
    curves : mapping of str to sequence of float
        The values under the names for the legend; a single curve needs none. They may
        differ in length. NaN and infinity leave a gap.
    x_label, y_label : str
        What the axes show.
    path : path-like, optional
        A PNG to write, replaced atomically.
    log_x, log_y : bool
        Logarithmic axes; what is not positive is then not drawn.
    x : sequence of float, optional
        Where the values stand, at least as many as the longest curve; by default 0, 1, 2 ...
    marks : mapping of str to float, optional
        Places on the x axis to be marked by a vertical line, with a text each.

    Returns
    -------
    figure : matplotlib.figure.Figure or None
        None if it was written to a path.

    Raises
    ------
    ShapeError
        If there is nothing to draw, or ``x`` is shorter than a curve.

    Examples
    --------
    >>> figure = plot_curves({"halves": [0.5, 0.25]}, "step", "rate", log_y=True)
    >>> figure.axes[0].get_ylabel()
    'rate'
    """
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in curves.items()}
    longest = max((len(values) for values in arrays.values()), default=0)
    if not longest:
        raise ShapeError(f"plot_curves: expected at least one value to draw, got {dict(curves)}")
    xs = np.arange(longest) if x is None else np.asarray(x, dtype=np.float64)
    if len(xs) < longest:
        raise ShapeError(f"plot_curves: x has {len(xs)} values, but a curve has {longest}")
    figure = _figure(5.6)
    axes = figure.subplots()
    is_empty = True
    for number, (name, values) in enumerate(arrays.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        style = _STYLES[number // len(_COLOURS) % len(_STYLES)]
        own_x = xs[: len(values)]
        drawn = np.isfinite(values) & ((own_x > 0) | (not log_x)) & ((values > 0) | (not log_y))
        is_empty = is_empty and not drawn.any()
        _draw(axes, own_x, np.where(drawn, values, np.nan), name, colour, "o", style)
    for number, (text, place) in enumerate((marks or {}).items()):
        axes.axvline(place, color=_INK, linewidth=1, linestyle=":")
        axes.annotate(
            text,
            (place, 1 - 0.09 * number),
            (-4, -2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="right",
            va="top",
            color=_INK,
        )
    if log_x and not is_empty:  # Matplotlib warns of a logarithmic axis without points
        axes.set_xscale("log", nonpositive="mask")
    elif x is None:
        _integer_ticks(axes)
    if log_y and not is_empty:
        axes.set_yscale("log", nonpositive="mask")
    axes.set_xlabel(x_label, color=_INK)
    axes.set_ylabel(y_label, color=_INK)
    _clear(axes, legend=len(arrays) > 1)
    if path is None:
        return figure
    _write(figure, path)
    return None


def _figure(width: float) -> Figure:
    """Return a figure with a canvas of its own.

    pyplot would keep it alive in global state, and choose a backend that may want a display.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _write(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as a PNG that holds no date, so that equal figures are equal files."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    atomic_write(path, buffer.getvalue())


def _draw(
    axes: Axes,
    x: Any,
    values: Any,
    name: str,
    colour: str,
    marker: str,
    style: str = "-",
) -> None:
    """Draw one curve; many points stand without markers, a single one needs its marker."""
    axes.plot(
        x,
        values,
        color=colour,
        linewidth=1.8,
        linestyle=style,
        marker=marker if len(x) <= 30 else None,
        markersize=3.5,
        label=name,
    )


def _dress(axes: Axes, measure: str, epochs: Sequence[float]) -> None:
    """Name the axes of a panel of training curves."""
    from matplotlib.ticker import PercentFormatter

    axes.set_title(measure, loc="left", color=_INK, fontsize=11)
    axes.set_xlabel("epoch", color=_INK)
    _integer_ticks(axes)
    if len(epochs) == 1:  # a single point would else come with an axis of 5 %
        axes.set_xlim(epochs[0] - 0.5, epochs[0] + 0.5)
    if measure == "accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    _clear(axes)


def _integer_ticks(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))


def _clear(axes: Axes, legend: bool = True) -> None:
    """Take away what does not carry information."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_INK)
    axes.tick_params(colors=_INK, which="both")
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.8)
    axes.set_axisbelow(True)
    if legend:
        axes.legend(frameon=False, labelcolor=_INK)
