"""Diagrams: boxes in layers from top to bottom, arrows between them, as SVG.

The layout is Sugiyama's [1]_: every box gets a row below all that lead to it; an arrow
over several rows gets a place of its own in each, so that it never crosses a box; the
order within a row is that of the neighbours' average; and places are as near to the
neighbours as room allows (:func:`_spread`). A group is a diagram in a box, laid out
first, by the same functions.

References
----------
.. [1] K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of hierarchical
   system structures", IEEE Trans. SMC 11, 1981
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from odyssey.errors import FormatError
from odyssey.utils.io import atomic_write

__all__ = ["ENTRY", "EXIT", "Box", "Diagram", "shape_text"]

ENTRY, EXIT = -1, -2
"""The ends of arrows that come into a group from outside, and that leave it."""

SIZE, SMALL = 13, 11  # of letters
LINE = 16
BEND = 26  # between rows: room for arrows to bend,
STEM = 20  # and for labels before that, where arrows go straight
SPACE = 22  # between boxes
MARGIN = 14
HEADER = 26
FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"

# Fill and border by kind: tints of Okabe and Ito's palette.
STYLES = {
    "layer": ("#dcecf7", "#0072b2"),
    "plain": ("#f4f4f4", "#777777"),
    "operation": ("#ffffff", "#777777"),
    "value": ("#fdf1d3", "#c98a00"),
    "parameter": ("#d9f0e7", "#009e73"),
    "group": ("#fafafa", "#aaaaaa"),
}


@dataclass
class Box:
    """A box of a diagram.

    Attributes
    ----------
    title : str
    lines : list of str
        Below it, smaller.
    label : str
        What stands at the arrows that leave the box.
    kind : {"layer", "plain", "operation", "value", "parameter", "group"}
        Its colours.
    parts : Diagram or None
        What is in the box, if it is a group.
    """

    title: str
    lines: list[str] = field(default_factory=list)
    label: str = ""
    kind: str = "plain"
    parts: Diagram | None = None


@dataclass
class Diagram:
    """Boxes and arrows; in a notebook it shows itself.

    Attributes
    ----------
    boxes : list of Box
    arrows : list of (int, int)
        From which box to which, by their places in the list; the first before the
        second. :data:`ENTRY` and :data:`EXIT` are the borders of a group.
    unseen : list of (int, int)
        Pairs where the second stands below the first, without an arrow.

    Examples
    --------
    >>> diagram = Diagram([Box("a", label="2×3"), Box("b")], [(0, 1)])
    >>> diagram.svg.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    True
    """

    boxes: list[Box] = field(default_factory=list)
    arrows: list[tuple[int, int]] = field(default_factory=list)
    unseen: list[tuple[int, int]] = field(default_factory=list)

    @property
    def svg(self) -> str:
        """The picture, with all that it needs in itself."""
        layout = _Layout(self)
        width, height = layout.width + 2 * MARGIN, layout.height + 2 * MARGIN
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="{FONT}" font-size="{SIZE}">\n'
            '<rect width="100%" height="100%" fill="#ffffff"/>\n'
            + "\n".join(layout.drawn(MARGIN, MARGIN))
            + "\n</svg>\n"
        )

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        return self.svg

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to an SVG file.

        Raises
        ------
        FormatError
            If the name of the file does not end in ``.svg``.
        """
        if Path(path).suffix.lower() != ".svg":
            raise FormatError(f"diagram: a diagram is saved as .svg, got {os.fspath(path)!r}")
        atomic_write(path, self.svg.encode())

    def __repr__(self) -> str:
        return f"<Diagram of {len(self.boxes)} boxes and {len(self.arrows)} arrows>"


def shape_text(shape: tuple[int, ...]) -> str:
    """Return a shape as ``2×3``; that of a single number as "scalar"."""
    return "×".join(map(str, shape)) or "scalar"


def text_width(text: str, size: float = SIZE) -> float:
    """Return about how wide a text is, rather too much than too little."""
    wide = sum(
        0.36 if c in " ijl.,:;'|()[]!tfrI" else 0.95 if c in "mwMW@%" else 0.63 for c in text
    )
    return size * wide


class _Spot:
    """A place in a row: of a box, of an arrow on its way, or of an end of the group."""

    def __init__(self, box: Box | None = None) -> None:
        self.box = box
        self.inner = _Layout(box.parts) if box is not None and box.parts is not None else None
        self.width, self.height = 10.0, 0.0
        self.into = self.out = 0.0  # where arrows come and go, from the middle
        if box is not None:
            self._measure(box)
        label = text_width(box.label, SMALL) if box is not None else 0.0
        self.room = max(self.width, 2 * (label + 8) if label else 0.0) + SPACE
        self.above: list[_Spot] = []
        self.below: list[_Spot] = []
        self.row = self.place = 0
        self.x = self.y = 0.0

    def average_above(self) -> float:
        """Return where in their row the spots stand from which arrows come, on average."""
        return sum(one.place for one in self.above) / len(self.above) if self.above else self.place

    def average_below(self) -> float:
        """Return the same of those to which arrows go."""
        return sum(one.place for one in self.below) / len(self.below) if self.below else self.place

    def _measure(self, box: Box) -> None:
        texts = [text_width(box.title) * 1.08, *(text_width(line, SMALL) for line in box.lines)]
        self.width = max(texts) + 20
        self.height = LINE * (1 + len(box.lines)) + 12
        if self.inner is not None:
            title = text_width(box.title) * 1.08 + 9  # left of where arrows come in
            self.width = max(2 * (title + 8), self.inner.width + 2 * MARGIN)
            self.height = self.inner.height + HEADER + MARGIN
            self.into = self.inner.entry - self.inner.width / 2
            self.out = self.inner.exit - self.inner.width / 2
            self.width = max(self.width, 2 * (title + 8 - self.into))


class _Layout:
    """Where everything of one diagram stands."""

    def __init__(self, diagram: Diagram) -> None:
        self.diagram = diagram
        self.spots = {number: _Spot(box) for number, box in enumerate(diagram.boxes)}
        for arrow in diagram.arrows:
            for end in arrow:
                self.spots.setdefault(end, _Spot())
        self._set_rows()
        self.rows = self._with_passages()
        self._order()
        self._set_x()
        self._set_y()
        self.entry = self.spots[ENTRY].x if ENTRY in self.spots else self.width / 2
        self.exit = self.spots[EXIT].x if EXIT in self.spots else self.width / 2

    # -- rows -------------------------------------------------------------------------------

    def _set_rows(self) -> None:
        """Put every box below all that lead to it, and what nothing leads to near its user."""
        count = len(self.diagram.boxes)
        sources: list[list[int]] = [[] for _ in range(count)]
        users: list[list[int]] = [[] for _ in range(count)]
        for start, end in [*self.diagram.arrows, *self.diagram.unseen]:
            if start != ENTRY and end != EXIT:
                users[start].append(end)
            if end != EXIT:
                sources[end].append(start)
        top = 1 if ENTRY in self.spots else 0
        for number in range(count):  # arrows go from lower to higher numbers
            above = [self.spots[one].row for one in sources[number] if one != ENTRY]
            self.spots[number].row = max(above, default=top - 1) + 1
        for number in reversed(range(count)):
            if users[number] and not sources[number]:
                nearest = min(self.spots[one].row for one in users[number])
                self.spots[number].row = max(nearest - 1, top)
        if EXIT in self.spots:
            last = max((spot.row for end, spot in self.spots.items() if end != EXIT), default=0)
            self.spots[EXIT].row = last + 1

    def _with_passages(self) -> list[list[_Spot]]:
        """Connect neighbours; an arrow over several rows gets a spot in each between."""
        rows: list[list[_Spot]] = [
            [] for _ in range(1 + max((s.row for s in self.spots.values()), default=0))
        ]
        for spot in self.spots.values():
            rows[spot.row].append(spot)
        passages: dict[tuple[int, int], _Spot] = {}  # the arrows of one source share them
        for start, end in dict.fromkeys(self.diagram.arrows):
            source, target = self.spots[start], self.spots[end]
            for row in range(source.row + 1, target.row):
                if (start, row) not in passages:
                    passage = passages[start, row] = _Spot()
                    passage.row = row
                    rows[row].append(passage)
                    _connect(source, passage)
                source = passages[start, row]
            _connect(source, target)
        return rows

    def _order(self) -> None:
        """Order each row by its neighbours' averages, and keep the order with fewest crossings."""
        best, fewest = [list(row) for row in self.rows], _crossings(self.rows)
        for sweep in range(12):
            down = sweep % 2 == 0
            for row in self.rows if down else self.rows[::-1]:
                row.sort(key=_Spot.average_above if down else _Spot.average_below)
                for place, spot in enumerate(row):
                    spot.place = place
            number = _crossings(self.rows)
            if number < fewest:
                best, fewest = [list(row) for row in self.rows], number
        self.rows = best

    # -- places -----------------------------------------------------------------------------

    def _set_x(self) -> None:
        """Move every spot towards its neighbours, as far as the row has room."""
        for row in self.rows:
            _spread(row, [0.0] * len(row))
        for sweep in range(17):  # the last one down: what goes past boxes goes straight
            down = sweep % 2 == 0
            for row in self.rows if down else self.rows[::-1]:
                wishes = []
                for spot in row:
                    if down or not spot.below:
                        near = [other.x + other.out - spot.into for other in spot.above]
                    else:
                        near = [other.x + other.into - spot.out for other in spot.below]
                    wishes.append(sum(near) / len(near) if near else spot.x)
                _spread(row, wishes)
        every = [spot for row in self.rows for spot in row]
        left = min((spot.x - spot.width / 2 for spot in every), default=0.0)
        right = 0.0
        for spot in every:
            spot.x -= left
            label = text_width(spot.box.label, SMALL) + 8 if spot.box is not None else 0.0
            right = max(right, spot.x + max(spot.width / 2, spot.out + label))
        self.width = right

    def _set_y(self) -> None:
        y = 0.0
        self.tops, self.bottoms, self.bends = [], [], []
        for row in self.rows:
            height = max((spot.height for spot in row), default=0.0)
            for spot in row:
                spot.y = y + height / 2
            self.tops.append(y)
            self.bottoms.append(y + height)
            y += height + (STEM if any(map(self._has_label, row)) else 0)
            self.bends.append(y)
            y += BEND
        self.height = max(self.bends[-1] if self.bends else 0.0, 0.0)

    def _has_label(self, spot: _Spot) -> bool:
        """Return whether a label stands below a spot: not where arrows only leave the group."""
        leaves = [other for other in spot.below if other is not self.spots.get(EXIT)]
        return spot.box is not None and spot.box.label != "" and (bool(leaves) or not spot.below)

    # -- drawing ----------------------------------------------------------------------------

    def drawn(self, left: float, top: float) -> list[str]:
        """Return the elements of the picture, with its corner at a place."""
        parts = []
        for row in self.rows:
            for spot in row:
                parts += self._arrows_from(spot, left, top)
        for row in self.rows:
            for spot in row:
                if spot.box is not None:
                    parts += self._box(spot, spot.box, left + spot.x, top + spot.y)
        return parts

    def _arrows_from(self, spot: _Spot, left: float, top: float) -> list[str]:
        parts = []
        x, bend = left + spot.x + spot.out, top + self.bends[spot.row]
        start = top + (self.bottoms[spot.row] if spot.box is None else spot.y + spot.height / 2)
        for other in spot.below:
            to, row_top = left + other.x + other.into, top + self.tops[other.row]
            end = top + (
                self.bottoms[other.row] if other.box is None else other.y - other.height / 2
            )
            # Into a group the arrow goes on, as that from its border to a box inside.
            tip = other.box is not None and (other.inner is None or ENTRY not in other.inner.spots)
            middle = (bend + row_top) / 2
            way = f"M{x:.1f},{start:.1f} V{bend:.1f} "
            way += f"C{x:.1f},{middle:.1f} {to:.1f},{middle:.1f} {to:.1f},{row_top - 6 * tip:.1f} "
            way += f"V{end - 6 * tip:.1f}"
            parts.append(f'<path d="{way}" fill="none" stroke="#555555" stroke-width="1.2"/>')
            if tip:
                points = f"{to - 4:.1f},{end - 8:.1f} {to + 4:.1f},{end - 8:.1f} {to:.1f},{end:.1f}"
                parts.append(f'<polygon points="{points}" fill="#555555"/>')
        if spot.box is not None and self._has_label(spot):
            parts.append(_text(x + 6, bend - 6, spot.box.label, SMALL, "start", "#444444"))
        return parts

    def _box(self, spot: _Spot, box: Box, x: float, y: float) -> list[str]:
        fill, border = STYLES["group" if spot.inner else box.kind]
        corner = (x - spot.width / 2, y - spot.height / 2)
        round_ = spot.height / 2 if box.kind in ("operation", "value") and not spot.inner else 5
        parts = [
            f'<rect x="{corner[0]:.1f}" y="{corner[1]:.1f}" width="{spot.width:.1f}" '
            f'height="{spot.height:.1f}" rx="{min(round_, 14):.0f}" fill="{fill}" '
            f'stroke="{border}"/>'
        ]
        if spot.inner is not None:
            parts.append(
                _text(corner[0] + 9, corner[1] + 17, box.title, SIZE, "start", weight="bold")
            )
            top = corner[1] + HEADER
            for port, there, y1, y2 in (
                (ENTRY, x + spot.into, corner[1], top),
                (EXIT, x + spot.out, top + spot.inner.height, corner[1] + spot.height),
            ):
                if port in spot.inner.spots:
                    way = f"M{there:.1f},{y1:.1f} V{y2:.1f}"
                    parts.append(f'<path d="{way}" stroke="#555555" stroke-width="1.2"/>')
            return parts + spot.inner.drawn(x - spot.inner.width / 2, top)
        first = corner[1] + 6 + LINE - 4
        weight = "normal" if box.kind == "operation" else "bold"
        parts.append(_text(x, first, box.title, SIZE, "middle", weight=weight))
        for number, line in enumerate(box.lines, start=1):
            parts.append(_text(x, first + number * LINE, line, SMALL, "middle", "#444444"))
        return parts


def _text(
    x: float,
    y: float,
    text: str,
    size: int,
    anchor: str,
    colour: str = "#222222",
    weight: str = "normal",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
        f'font-weight="{weight}" fill="{colour}">{escape(text)}</text>'
    )


def _connect(source: _Spot, target: _Spot) -> None:
    source.below.append(target)
    target.above.append(source)


def _crossings(rows: Sequence[Sequence[_Spot]]) -> int:
    """Return how many pairs of arrows cross, with the spots of each row numbered on the way."""
    for row in rows:
        for place, spot in enumerate(row):
            spot.place = place
    count = 0
    for row in rows:
        ends = [place for spot in row for place in sorted(one.place for one in spot.below)]
        count += sum(a > b for i, a in enumerate(ends) for b in ends[i + 1 :])
    return count


def _spread(row: Sequence[_Spot], wishes: Sequence[float]) -> None:
    """Give each spot of a row the place nearest to its wish that leaves all their room.

    The sum of squared distances from the wishes is least: with the room before each
    taken off, places must not decrease, so neighbours that would overlap are pooled,
    and pools stand at their average (isotonic regression).
    """
    offsets, at = [], 0.0
    for number, spot in enumerate(row):
        at += (row[number - 1].room + spot.room) / 2 if number else 0.0
        offsets.append(at)
    pools: list[tuple[float, int]] = []
    for wish, offset in zip(wishes, offsets, strict=True):
        total, count = wish - offset, 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            before, number = pools.pop()
            total, count = total + before, count + number
        pools.append((total, count))
    places = [total / count for total, count in pools for _ in range(count)]
    for spot, place, offset in zip(row, places, offsets, strict=True):
        spot.x = place + offset
