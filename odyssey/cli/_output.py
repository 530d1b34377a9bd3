"""What the commands print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["facts", "table"]


def facts(rows: Mapping[str, object]) -> str:
    """Lay out names and values, a line each.

    Examples
    --------
    >>> print(facts({"model": "mlp", "time": "3 s"}))
    model  mlp
    time   3 s
    """
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items())


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Lay out columns; the first `left` are flush left, those of figures flush right.

    Examples
    --------
    >>> print(table(["dtype", "ulp"], [["float32", "1.5"], ["float64", "12"]]))
    dtype    ulp
    -------  ---
    float32  1.5
    float64   12
    """
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(
            text.ljust(width) if column < left else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
