"""Shapes that must broadcast: the common shape, or an error that draws them aligned.

One function serves every operation and kernel, so that all of them show a misfit
alike, axis above axis, with a mark under the one that does not fit.
"""

from __future__ import annotations

import numpy as np

from odyssey.errors import ShapeError

__all__ = ["broadcast_shape", "check_broadcasts_to", "drawn"]

Shape = tuple[int, ...]


def broadcast_shape(
    op: str, shapes: dict[str, Shape], what: str = "the operands", last: int = 0
) -> Shape:
    """Return the shape to which ``shapes`` broadcast, without the ``last`` axes; or raise.

    Examples
    --------
    >>> broadcast_shape("add", {"x": (2, 4, 5), "y": (4, 1)})
    (2, 4, 5)
    >>> broadcast_shape("add", {"x": (2, 4, 5), "y": (3, 1)})
    Traceback (most recent call last):
        ...
    odyssey.errors.ShapeError: add: the operands do not broadcast: axis -2 has lengths 4 and 3 ...
      x: (2, 4, 5)
      y: (   3, 1)
             ^
    """
    leading = [shape[: len(shape) - last] for shape in shapes.values()]
    try:
        return np.broadcast_shapes(*leading)
    except ValueError:
        pass
    for axis in range(-1, -1 - max(map(len, leading)), -1):
        lengths = [shape[axis] for shape in leading if len(shape) >= -axis]
        lengths = [n for n in lengths if n != 1]
        if len(set(lengths)) > 1:
            break
    axis -= last
    sizes = " and ".join(map(str, dict.fromkeys(lengths)))
    given = ", ".join(f"{name}: {shape}" for name, shape in shapes.items())
    raise ShapeError(
        f"{op}: {what} do not broadcast: axis {axis} has lengths {sizes} ({given})"
        + drawn(shapes, axis)
    )


def check_broadcasts_to(op: str, name: str, shape: Shape, target: Shape, why: str = "") -> None:
    """Raise unless ``shape`` broadcasts to ``target``, which does not give way.

    Examples
    --------
    >>> check_broadcasts_to("broadcast_to", "x", (2, 1), (4, 2, 3))
    """
    for axis in range(-1, -1 - len(shape), -1):
        if len(target) < -axis or shape[axis] not in (1, target[axis]):
            raise ShapeError(
                f"{op}: {name} of shape {shape} does not broadcast to {target}{why}"
                + drawn({name: shape, "to": target}, axis)
            )


def drawn(shapes: dict[str, Shape], axis: int) -> str:
    """Return a line for each shape, aligned at the last axis, and a mark under ``axis``.

    Examples
    --------
    >>> print(drawn({"x": (12, 3), "y": (2,)}, -1))
    <BLANKLINE>
      x: (12, 3)
      y: (    2)
              ^
    """
    ndim = max(map(len, shapes.values()))
    cells = [[""] * (ndim - len(shape)) + list(map(str, shape)) for shape in shapes.values()]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    margin = max(map(len, shapes))
    lines = []
    for name, shape, row in zip(shapes, shapes.values(), cells, strict=True):
        text = ""
        for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
            comma = ", " if place > ndim - len(shape) else "  " if place else ""
            text += comma + cell.rjust(width)
        lines.append(f"  {name.rjust(margin)}: ({text})")
    place = ndim + axis
    under = 2 + margin + 3 + sum(widths[: place + 1]) + 2 * place
    lines.append(" " * (under - 1) + "^")
    return "\n" + "\n".join(lines)
