"""The page of a report: HTML, whose style is in `report_style`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from odyssey.training.metrics.counting import ratio
from odyssey.training.report_style import STYLE
from odyssey.utils.plots_report import image_uri, line_chart

if TYPE_CHECKING:
    from odyssey.training.report import Example, Findings

__all__ = ["page"]

MOST_CLASSES = 25
"""More would make a matrix that nobody can read; the most frequent confusions stand instead."""

Row = Mapping[str, Any]
Rates = tuple[Sequence[int], Sequence[Sequence[float]]]


def page(
    title: str,
    status: str,
    history: Sequence[Row],
    prefix: str,
    rates: Rates | None,
    findings: Findings | None,
    classes: Sequence[str],
    parameters: int,
    model: str,
    facts: Mapping[str, Mapping[str, Any]],
) -> str:
    """Return the whole page.

    Parameters
    ----------
    title, status : str
        The name of the run, and why it ended early; "" if it did not.
    history : sequence of mapping
        The rows of the epochs.
    prefix : str
        Of the figures of validation.
    rates : (steps, rates of the groups at these steps), optional
    findings : Findings, optional
    classes : sequence of str
        Their names.
    parameters : int
    model : str
        As it is printed.
    facts : mapping of mapping
        Tables of names and values by their headings; empty ones are left out.
    """
    sections = {
        "Curves": _curves(history, prefix, rates),
        "Confusions": findings and _confusions(findings.matrix.matrix, classes),
        "Classes": findings and _classes(findings, classes),
        "Examples": findings and _examples(findings.worst, classes),
        "Epochs": _epochs(history),
        "Timings": _timings(history),
        "Model": f"<pre tabindex=0>{escape(model)}</pre>",
        **{name: _facts(name, each) for name, each in facts.items()},
    }
    shown = {name: text for name, text in sections.items() if text}
    links = "".join(f'<a href="#{name.lower()}">{name}</a>' for name in shown)
    body = "".join(
        f'<section id="{name.lower()}"><h2>{name}</h2>{text}</section>'
        for name, text in shown.items()
    )
    state = f"stopped: {status}" if status and status != "under way" else status
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)} - odyssey</title><style>{STYLE}</style></head><body>"
        f'<header><p class="kind">Report of a run</p><h1>{escape(title)}</h1>'
        f"{_tiles(history, prefix, parameters, state or 'complete')}<nav>{links}</nav></header>"
        f"<main>{body}</main></body></html>\n"
    )


def _tiles(history: Sequence[Row], prefix: str, parameters: int, state: str) -> str:
    """Return the figures that one looks for first."""
    tiles: list[tuple[str, str, str]] = []
    for name in (f"{prefix}_accuracy", f"{prefix}_loss", "train_loss"):
        found = [(row[name], row["epoch"]) for row in history if name in row]
        if found and len(tiles) < 2:
            pick = max if name.endswith("accuracy") else min
            best, epoch = pick(found, key=lambda each: each[0])  # of several the first
            said = f"best {_figure(name, best)} in epoch {epoch}"
            tiles.append((name.replace("_", " "), _figure(name, found[-1][0]), said))
    if history:
        steps = f"{history[-1]['step']:,} steps"
        tiles.append(("epochs", str(history[-1]["epoch"]), steps))
        tiles.append(("time", _time(sum(row["seconds"] for row in history)), state))
    else:
        tiles.append(("epochs", "0", state))
    tiles.append(("parameters", f"{parameters:,}", f"{parameters * 4 / 1e6:.2g} MB in float32"))
    cells = "".join(
        f"<div><dt>{escape(name)}</dt><dd><b>{escape(value)}</b><span>{escape(note)}</span></dd>"
        "</div>"
        for name, value, note in tiles
    )
    return f'<dl class="tiles">{cells}</dl>'


def _curves(history: Sequence[Row], prefix: str, rates: Rates | None) -> str:
    """Return a chart for the loss, for each metric, and for the learning rate."""
    epochs = [row["epoch"] for row in history]
    scalars = [name for name in _columns(history) if name.startswith("train_")]
    charts = []
    for name in scalars:
        measure = name.removeprefix("train_")
        curves = {
            each: [row.get(f"{each}_{measure}", math.nan) for row in history]
            for each in ("train", prefix)
            if any(f"{each}_{measure}" in row for row in history)
        }
        share = measure.endswith("accuracy")
        best = {"loss": "min"}.get(measure, "max" if share else "") if prefix in curves else ""
        charts.append(line_chart(measure, epochs, curves, percent=share, best=best))
    if rates is not None:
        steps, values = rates
        names = ["learning rate"] if len(values[0]) == 1 else _groups(len(values[0]))
        curves = dict(zip(names, map(list, zip(*values, strict=True)), strict=True))
        charts.append(line_chart("learning rate", steps, curves, x_name="step"))
    else:
        charts += _single(history, "lr", "learning rate")
    charts += _single(history, "gradient_norm", "norm of the gradients")
    charts += _single(history, "seconds", "seconds an epoch")
    figures = "".join(f"<figure>{chart}</figure>" for chart in charts if chart)
    return f'<div class="charts">{figures}</div>' if figures else ""


def _groups(count: int) -> list[str]:
    return [f"group {number}" for number in range(count)]


def _single(history: Sequence[Row], name: str, title: str) -> list[str]:
    values = [row.get(name, math.nan) for row in history]
    return [line_chart(title, [row["epoch"] for row in history], {title: values})]


def _confusions(matrix: np.ndarray, classes: Sequence[str]) -> str:
    """Return the matrix as a table, or of many classes the most frequent mistakes."""
    if len(classes) > MOST_CLASSES:
        order = np.argsort(-np.where(np.eye(len(classes), dtype=bool), 0, matrix), axis=None)
        places = [divmod(int(at), len(classes)) for at in order[:MOST_CLASSES]]
        rows = [
            [classes[true], classes[found], f"{matrix[true, found]:,}"]
            for true, found in places
            if true != found and matrix[true, found]
        ]
        return _table("The most frequent mistakes.", ["true", "found", "how often"], rows)
    shares = ratio(matrix, np.broadcast_to(matrix.sum(axis=1, keepdims=True), matrix.shape))
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in classes)
    body = ""
    for true, name in enumerate(classes):
        cells = "".join(
            f'<td class="{"right" if true == found else "wrong"}" '
            f'style="--share:{0.15 + 0.45 * shares[true, found]:.2f}">{count:,}</td>'
            if (count := int(matrix[true, found]))
            else '<td class="none">0</td>'
            for found in range(len(classes))
        )
        body += f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>'
    return _scrolling(
        "Confusions",
        '<table class="matrix"><caption>How often each class (row) was taken for which (column). '
        "Blue is right, orange wrong; the deeper, the larger the share of the row.</caption>"
        f'<thead><tr><th scope="col" class="corner">true \\ found</th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>",
    )


def _classes(findings: Findings, classes: Sequence[str]) -> str:
    """Return precision, recall and F1 of each class, and their means."""
    counts = findings.matrix
    precision = ratio(counts.right, counts.found)
    recall = ratio(counts.right, counts.true)
    f1 = ratio(2 * counts.right, counts.true + counts.found)
    rows = [
        [name, f"{counts.true[i]:,}", _bar(precision[i]), _bar(recall[i]), _bar(f1[i])]
        for i, name in enumerate(classes)
    ]
    there = (counts.true + counts.found) > 0
    if there.any():
        means = [_bar(float(figures[there].mean())) for figures in (precision, recall, f1)]
        rows.append(["mean", f"{counts.true.sum():,}", *means])
    caption = (
        "Precision: of those taken for the class, how many are of it. Recall: of those of the "
        "class, how many were found. F1: their harmonic mean."
    )
    return _table(caption, ["class", "examples", "precision", "recall", "F1"], rows, "classes")


def _bar(share: float) -> _Html:
    return _Html(f'<span class="bar" style="--share:{100 * share:.1f}%">{share:.1%}</span>')


def _examples(worst: Sequence[Example], classes: Sequence[str]) -> str:
    """Return the worst examples, with pictures where there are any."""
    if not worst:
        return ""
    cards = ""
    for one in worst:
        is_wrong = one.found != one.true
        said = f"true: {classes[one.true]}, found: {classes[one.found]}, {one.confidence:.1%} sure"
        picture = ""
        if one.image is not None:
            alt = escape(f"Example {one.number}; {said}")
            picture = f'<img src="{image_uri(one.image)}" alt="{alt}">'
        cards += (
            f'<li class="{"wrong" if is_wrong else "right"}">{picture}<dl>'
            f"<div><dt>true</dt><dd>{escape(classes[one.true])}</dd></div>"
            f'<div><dt>found</dt><dd class="found">{escape(classes[one.found])}</dd></div>'
            f"<div><dt>sure</dt><dd>{one.confidence:.1%}</dd></div></dl>"
            f'<span class="number">no. {one.number:,}</span></li>'
        )
    wrong = sum(one.found != one.true for one in worst)
    text = "The mistakes that the model is surest of come first."
    if not wrong:
        text = "There is no mistake: these are the ones that it came nearest to."
    elif wrong < len(worst):
        text += f" After the {wrong} mistakes come right answers, the least sure ones first."
    return f'<p>{text}</p><ul class="examples">{cards}</ul>'


def _epochs(history: Sequence[Row]) -> str:
    """Return the figures of all epochs, folded away."""
    columns = _columns(history)
    rows = [[_figure(name, row.get(name, "")) for name in columns] for row in history]
    if not rows:
        return ""
    heads = [name.replace("_", " ") for name in columns]
    table = _table("The figures of each epoch.", heads, rows)
    return f"<details><summary>All figures of {len(rows)} epochs</summary>{table}</details>"


def _timings(history: Sequence[Row]) -> str:
    """Return where the time went."""
    if not history:
        return ""
    whole = sum(row["seconds"] for row in history)
    rows = [["all epochs", _time(whole), ""]]
    rows.append(["an epoch, on average", _time(whole / len(history)), ""])
    timed = [row for row in history if "step_seconds" in row]
    if timed:
        weight = sum(row["seconds"] for row in timed)
        share = {
            name: sum(row[f"{name}_share"] * row["seconds"] for row in timed) / weight
            for name in ("data", "validation")
        }
        mean = sum(row["step_seconds"] for row in timed) / len(timed)
        rows.append(["a step", _time(mean), ""])
        rows.append(["waiting for data", _time(share["data"] * weight), f"{share['data']:.1%}"])
        measuring = _time(share["validation"] * weight)
        rows.append(["validation", measuring, f"{share['validation']:.1%}"])
    return _table("Where the time went.", ["what", "time", "share"], rows)


def _facts(name: str, facts: Mapping[str, Any]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(str(key))}</th><td>{escape(str(value))}</td></tr>'
        for key, value in facts.items()
    )
    if not rows:
        return ""
    return _scrolling(
        name, f'<table class="facts"><caption class="unseen">{name}</caption>{rows}</table>'
    )


class _Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def _table(caption: str, head: Iterable[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = ""
    for first, *others in rows:
        cells = "".join(
            f"<td>{cell if isinstance(cell, _Html) else escape(cell)}</td>" for cell in others
        )
        body += f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>'
    return _scrolling(
        caption,
        f'<table class="figures {kind}"><caption><span>{escape(caption)}</span></caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>",
    )


def _scrolling(label: str, table: str) -> str:
    """Let a wide table scroll by itself, also for those who have a keyboard only."""
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(label)}">{table}</div>'
    )


def _columns(history: Sequence[Row]) -> list[str]:
    """Return the names of the figures that are numbers."""
    return list(dict.fromkeys(k for row in history for k, v in row.items() if np.ndim(v) == 0))


def _figure(name: str, value: Any) -> str:
    if value == "" or isinstance(value, int):
        return f"{value:,}" if value != "" else ""
    return f"{value:.2%}" if name.endswith(("accuracy", "share")) else f"{value:.4g}"


def _time(seconds: float) -> str:
    if seconds < 1:
        return f"{1000 * seconds:.3g} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
