"""Pictures for pages: curves as inline SVG, arrays as PNG.

The curves take their colours from the page (``--curve-0``, ``--curve-1`` ..., ``--ink``,
``--faint``), so that a dark page has them light. Nothing is needed to draw them.
"""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby

import numpy as np

from odyssey.errors import ShapeError

__all__ = ["image_uri", "line_chart", "png"]

WIDTH, HEIGHT = 440, 270
LEFT, RIGHT, TOP, BOTTOM = 54, 12, 44, 38
DASHES = ("", "6 4", "2 3", "9 3 2 3")
MOST_POINTS = 400


def line_chart(
    title: str,
    xs: Sequence[float],
    curves: Mapping[str, Sequence[float]],
    x_name: str = "epoch",
    percent: bool = False,
    best: str = "",
) -> str:
    """Return curves over a common axis as an SVG element.

    Parameters
    ----------
    title : str
        What is drawn; also the beginning of the text for those who cannot see it.
    xs : sequence of float
        Growing.
    curves : mapping of str to sequence of float
        As long as `xs`. NaN and infinity leave a gap.
    x_name : str
        What `xs` are.
    percent : bool
        Whether values are shares, to be written as percentages.
    best : {"", "min", "max"}
        Put a ring around the lowest or highest point of the last curve.

    Returns
    -------
    svg : str
        "" if there is no point to draw.

    Raises
    ------
    ShapeError
        If a curve is not as long as `xs`.

    Examples
    --------
    >>> svg = line_chart("loss", [1, 2, 3], {"train": [2.0, 1.0, 0.5]})
    >>> svg[:5], "loss; train: 2 at epoch 1, 0.5 at epoch 3" in svg
    ('<svg ', True)
    """
    for name, values in curves.items():
        if len(values) != len(xs):
            raise ShapeError(
                f"line_chart: {name}: expected {len(xs)} values, as many as xs, got {len(values)}"
            )
    step = -(-len(xs) // MOST_POINTS)
    kept = sorted({*range(0, len(xs), step or 1), len(xs) - 1}) if len(xs) else []
    points = {
        name: [(float(xs[i]), float(values[i])) for i in kept] for name, values in curves.items()
    }
    finite = [y for line in points.values() for _, y in line if math.isfinite(y)]
    if not finite:
        return ""
    ticks_y = _ticks(min(finite), max(finite))
    low, high = min(ticks_y[0], *finite), max(ticks_y[-1], *finite)
    first, last = float(xs[0]), float(xs[-1])

    def at(x: float, y: float) -> tuple[float, float]:
        across = 0.5 if last == first else (x - first) / (last - first)
        up = (y - low) / (high - low)
        return (
            round(LEFT + across * (WIDTH - LEFT - RIGHT), 1),
            round(HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM), 1),
        )

    def text(value: float) -> str:
        return f"{100 * value:.4g}%" if percent else f"{value:.4g}"

    parts = []
    for tick in ticks_y:
        _, y = at(first, tick)
        parts.append(f'<path class="grid" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 7}" y="{y + 4}" text-anchor="end">'
                     f"{text(tick)}</text>")  # fmt: skip
    for tick in _ticks(first, last, whole=True):
        if first <= tick <= last:
            x, _ = at(tick, low)
            parts.append(f'<text class="tick" x="{x}" y="{HEIGHT - BOTTOM + 17}" '
                         f'text-anchor="middle">{tick:,.0f}</text>')  # fmt: skip
    parts.append(f'<text class="tick" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 4}" '
                 f'text-anchor="middle">{escape(x_name)}</text>')  # fmt: skip
    told, legend = [], float(LEFT)
    for number, (name, line) in enumerate(points.items()):
        dash, mark = DASHES[number % len(DASHES)], f"--curve-{number % 4}"
        style = f'style="stroke:var({mark})"'
        shown = [point for point in line if math.isfinite(point[1])]
        for is_shown, run in groupby(line, lambda point: math.isfinite(point[1])):
            if is_shown:
                path = "L".join("{} {}".format(*at(*point)) for point in run)
                parts.append(f'<path class="curve" {style} stroke-dasharray="{dash}" d="M{path}"/>')
        if shown and len(line) <= 40:
            parts += [
                f'<circle r="3" cx="{at(x, y)[0]}" cy="{at(x, y)[1]}" style="fill:var({mark})">'
                f"<title>{escape(name)}: {text(y)} at {escape(x_name)} {x:g}</title></circle>"
                for x, y in shown
            ]
        if shown:
            (x0, y0), (x1, y1) = shown[0], shown[-1]
            told.append(f"{name}: {text(y0)} at {x_name} {x0:g}, {text(y1)} at {x_name} {x1:g}")
            label = f"{name} {text(y1)}" if len(points) > 1 or name != title else text(y1)
            if best and number == len(points) - 1:
                pick = min if best == "min" else max
                x, y = pick(shown, key=lambda point: point[1])
                cx, cy = at(x, y)
                parts.append(f'<circle class="best" r="6.5" cx="{cx}" cy="{cy}"/>')
                told[-1] += f", best {text(y)} at {x_name} {x:g}"
                label += f", best {text(y)}"
            parts.append(f'<path class="curve" {style} stroke-dasharray="{dash}" '
                         f'd="M{legend:.0f} 31h22"/><text class="key" x="{legend + 28:.0f}" y="35">'
                         f"{escape(label)}</text>")  # fmt: skip
            legend += 44 + 6.9 * len(label)
    told_text = escape("; ".join([title, *told]))
    return (
        f'<svg role="img" viewBox="0 0 {WIDTH} {HEIGHT}" aria-label="{told_text}">'
        f'<text class="title" x="{LEFT}" y="14">{escape(title)}</text>{"".join(parts)}</svg>'
    )


def _ticks(low: float, high: float, whole: bool = False) -> list[float]:
    """Return round numbers from `low` or below it to `high` or above it, four to eight of them.

    Examples
    --------
    >>> _ticks(0.13, 0.96)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    >>> _ticks(1, 4, whole=True)
    [1.0, 2.0, 3.0, 4.0]
    """
    if low == high:
        low, high = low - abs(low) * 0.1 - 1e-9, high + abs(high) * 0.1 + 1e-9
    power = 10.0 ** math.floor(math.log10((high - low) / 4))
    step = next(f * power for f in (1, 2, 5, 10) if (high - low) / (f * power) <= 5.5)
    if whole:
        step = max(1.0, step)
    numbers = range(math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9) + 1)
    return [round(number * step, 12) for number in numbers]


def image_uri(image: np.ndarray) -> str:
    """Return an image, from its least value as black to its largest as white, as a data URI.

    Parameters
    ----------
    image : ndarray, shape (H, W), (1, H, W) or (3, H, W)

    Raises
    ------
    ShapeError
        If it is of another shape.

    Examples
    --------
    >>> image_uri(np.eye(2))[:30]
    'data:image/png;base64,iVBORw0K'
    """
    pixels = np.asarray(image, np.float64)
    if pixels.ndim == 2:
        pixels = pixels[None]
    if pixels.ndim != 3 or pixels.shape[0] not in (1, 3) or not pixels.size:
        raise ShapeError(
            f"image_uri: expected shape (H, W), (1, H, W) or (3, H, W), got {np.shape(image)}"
        )
    pixels = np.nan_to_num(pixels, posinf=0.0, neginf=0.0)
    low, high = pixels.min(), pixels.max()
    scaled = np.round((pixels - low) * (255 / (high - low if high > low else 1.0)))
    data = png(scaled.astype(np.uint8).transpose(1, 2, 0))
    return "data:image/png;base64," + base64.b64encode(data).decode()


def png(pixels: np.ndarray) -> bytes:
    """Return the bytes of a PNG file.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 1) or (H, W, 3), uint8
        Grey or red, green and blue.

    References
    ----------
    .. [1] "Portable Network Graphics Specification", third edition, sections 5 and 11,
       https://www.w3.org/TR/png-3/.

    Examples
    --------
    >>> png(np.zeros((2, 3, 1), np.uint8))[1:4]
    b'PNG'
    """
    height, width, channels = pixels.shape
    kind = {1: 0, 3: 2}[channels]
    # Each row begins with the number of its filter: 0, none.
    rows = np.zeros((height, 1 + width * channels), np.uint8)
    rows[:, 1:] = pixels.reshape(height, -1)

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    return b"".join([
        b"\x89PNG\r\n\x1a\n",
        chunk(b"IHDR", head),
        chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
        chunk(b"IEND", b""),
    ])  # fmt: skip
