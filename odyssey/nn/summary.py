"""The summary of a model: what each layer gives, holds and costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np

from odyssey.core._flop_counter import FlopCounter
from odyssey.errors import OdysseyError
from odyssey.grad_mode import enable_grad
from odyssey.nn._trace import everywhere, examples, tensors_in, undisturbed, watched
from odyssey.nn.buffer import Buffer
from odyssey.nn.module import Module
from odyssey.nn.tree import joined, once, places, tensors
from odyssey.observe import Event, observe
from odyssey.tensor import Parameter, Tensor

__all__ = ["Summary", "SummaryRow", "summary"]


@dataclass
class SummaryRow:
    """One module of a model.

    Attributes
    ----------
    path, kind : str
        The dotted name, "" for the model itself, and the class.
    depth : int
        How many modules it is in.
    output_shapes : list of tuple
        Of the tensors that its first call returned.
    parameters, trainable : int
        Numbers of its own, and those of them that get a gradient; with those of the
        modules below where the summary does not show these.
    flops : int
        Of its own operations in all of its calls, or likewise with those below.
    parameter_bytes, output_bytes : int
    calls : int
    notes : list of str
        Such as ``"shared with 0"``.
    """

    path: str
    kind: str
    depth: int
    output_shapes: list[tuple[int, ...]] = field(default_factory=list)
    parameters: int = 0
    trainable: int = 0
    flops: int = 0
    parameter_bytes: int = 0
    output_bytes: int = 0
    calls: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass
class Summary:
    """What :func:`summary` returns: rows and totals; its ``str`` is a table.

    Attributes
    ----------
    name : str
        The model's class.
    rows : list of SummaryRow
        The modules, the model first. Every parameter and operation counts in one row,
        so that the rows add up to the totals.
    parameters, trainable, buffers : int
        Numbers in the model: each once, wherever it is shared.
    flops : int
        Of one forward.
    parameter_bytes, buffer_bytes, input_bytes : int
    kept_bytes : int
        What the tape keeps of one forward for its backward, besides parameters,
        buffers and the input; an estimate for training, as it is measured in
        evaluation mode.
    """

    name: str
    rows: list[SummaryRow]
    parameters: int
    trainable: int
    buffers: int
    flops: int
    parameter_bytes: int
    buffer_bytes: int
    input_bytes: int
    kept_bytes: int

    def _table(self) -> list[list[str]]:
        return [_HEADER, *(_cells(row) for row in self.rows)]

    def _totals(self) -> list[tuple[str, str]]:
        frozen = self.parameters - self.trainable
        return [
            ("parameters", f"{self.parameters:,}"),
            ("trainable", f"{self.trainable:,}" + (f" ({frozen:,} frozen)" if frozen else "")),
            ("buffers", f"{self.buffers:,}"),
            ("FLOPs of a forward", f"{self.flops:,}"),
            ("memory of parameters", _size(self.parameter_bytes)),
            ("memory of buffers", _size(self.buffer_bytes)),
            ("memory of the input", _size(self.input_bytes)),
            ("kept for backward, about", _size(self.kept_bytes)),
        ]

    def __str__(self) -> str:
        table = self._table()
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join(
                cell.rjust(width) if number in _RIGHT else cell.ljust(width)
                for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
            ).rstrip()
            for cells in table
        ]
        rule = "-" * max(map(len, lines))
        names, values = zip(*self._totals(), strict=True)
        wide = max(map(len, names))
        totals = [f"{name.ljust(wide)}  {value}" for name, value in zip(names, values, strict=True)]
        return "\n".join([lines[0], rule, *lines[1:], rule, *totals])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        def line(cells: Sequence[str], tag: str) -> str:
            parts = [
                f'<{tag} style="text-align:{"right" if number in _RIGHT else "left"};'
                f'white-space:pre">{escape(cell)}</{tag}>'
                for number, cell in enumerate(cells)
            ]
            return f"<tr>{''.join(parts)}</tr>"

        head, *rows = self._table()
        totals = [
            f"<tr><th style='text-align:left'>{escape(name)}</th><td>{escape(value)}</td></tr>"
            for name, value in self._totals()
        ]
        body = "".join(line(cells, "td") for cells in rows)
        return (
            f"<table><thead>{line(head, 'th')}</thead><tbody>{body}</tbody></table>"
            f"<table><tbody>{''.join(totals)}</tbody></table>"
        )


_HEADER = ["layer", "class", "output", "parameters", "trainable", "FLOPs", "outputs", "weights", ""]
_RIGHT = {3, 5, 6, 7}


def _cells(row: SummaryRow) -> list[str]:
    trainable = "yes" if row.trainable == row.parameters else f"{row.trainable:,}"
    return [
        "  " * max(row.depth - 1, 0) + (row.path or "(model)"),
        row.kind,
        ", ".join(map(str, row.output_shapes)),
        f"{row.parameters:,}" if row.parameters else "",
        (trainable if row.trainable else "no") if row.parameters else "",
        f"{row.flops:,}" if row.flops else "",
        _size(row.output_bytes) if row.output_bytes else "",
        _size(row.parameter_bytes) if row.parameter_bytes else "",
        "; ".join(row.notes),
    ]


def _size(count: int) -> str:
    """Return a number of bytes to read.

    Examples
    --------
    >>> _size(512), _size(250_000), _size(3 << 30)
    ('512 B', '244.1 KiB', '3.0 GiB')
    """
    if count < 1024:
        return f"{count} B"
    size, units = count / 1024, ["KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{size:.1f} {units[0]}"


def summary(model: Module, input: Any, depth: int | None = None, batch: int = 1) -> Summary:
    """Run a model on an example, and tell what each of its layers gives, holds and costs.

    Parameters
    ----------
    model : Module
    input : tuple of int, Tensor or ndarray, or a tuple of these
        A tuple of numbers is the shape of one example, without the batch axis: the
        model gets zeros in the dtype of its parameters. A tuple of several inputs are
        the arguments of the model.
    depth : int, optional
        Show modules down to this depth: 1 are the model's children. What lies below
        counts in the last row that is shown.
    batch : int, default 1
        How many examples, where ``input`` is a shape.

    Returns
    -------
    Summary
        A table as text and in notebooks, and the numbers as attributes.

    Raises
    ------
    OdysseyError
        If the model fails; the message names the layer where it did.
    ShapeError
        If ``input`` is something else.

    Notes
    -----
    The model runs once, in evaluation mode; modes, buffers and gradients are
    afterwards as they were. Layers that wait for their first input get their
    parameters. A module or parameter that occurs twice counts where it occurs first.
    How FLOPs are counted: :func:`odyssey.flops`.

    Examples
    --------
    >>> import odyssey as od
    >>> model = od.nn.Sequential(od.nn.Linear(64, 32), od.nn.ReLU(), od.nn.Linear(32, 10))
    >>> table = od.nn.summary(model, (64,))
    >>> print(table)
    layer    class       output   parameters  trainable  FLOPs  outputs  weights
    ----------------------------------------------------------------------------
    (model)  Sequential  (1, 10)                                   40 B
    0        Linear      (1, 32)       2,080  yes        4,128    128 B  8.1 KiB
    1        ReLU        (1, 32)                            32    128 B
    2        Linear      (1, 10)         330  yes          650     40 B  1.3 KiB
    ----------------------------------------------------------------------------
    parameters                2,410
    trainable                 2,410
    buffers                   0
    FLOPs of a forward        4,810
    memory of parameters      9.4 KiB
    memory of buffers         0 B
    memory of the input       256 B
    kept for backward, about  128 B
    >>> table.rows[1].flops  # 32 outputs: 64 multiply-adds and a bias
    4128
    """
    if depth is not None and depth < 0:
        raise OdysseyError(f"summary: depth must be at least 0, got {depth}")
    inputs = examples("summary", model, input, batch)
    rows = {id(one): SummaryRow("", type(one).__name__, 0) for one in model.modules()}
    counter, nodes = FlopCounter(), []

    def leave(module: Module, output: Any) -> None:
        row = rows[id(module)]
        row.calls += 1
        if row.calls == 1:
            found = tensors_in(output)
            row.output_shapes = [one.shape for one in found]
            row.output_bytes = sum(one.data.nbytes for one in found)

    with (
        undisturbed(model),
        enable_grad(),  # to see what a backward would need; none is run
        watched("summary", model, lambda module, args: None, leave) as running,
    ):

        def note(event: Event, number: int) -> None:
            rows[id(running[-1] if running else model)].flops += number  # or of its own hooks
            if event.node is not None:
                nodes.append(event.node)

        counter.callback = note
        with observe(counter):
            output = model(*inputs)
    _count_parameters(model, rows)
    values = [place.value for place in once(tensors(model))]
    parameters = [one for one in values if isinstance(one, Parameter)]
    buffers = [one for one in values if isinstance(one, Buffer)]
    kept = _kept(nodes, [*values, *inputs])
    del output  # the graph had to live until here
    return Summary(
        name=type(model).__name__,
        rows=_in_order(model, rows, depth),
        parameters=sum(one.size for one in parameters),
        trainable=sum(one.size for one in parameters if one.requires_grad),
        buffers=sum(one.size for one in buffers),
        flops=counter.forward,
        parameter_bytes=sum(one.data.nbytes for one in parameters),
        buffer_bytes=sum(one.data.nbytes for one in buffers),
        input_bytes=sum(one.data.nbytes for one in inputs),
        kept_bytes=kept,
    )


def _count_parameters(model: Module, rows: dict[int, SummaryRow]) -> None:
    """Count each parameter in the row of the module that has it first."""
    first: dict[int, str] = {}
    for path, module in model.named_modules():
        row = rows.setdefault(id(module), SummaryRow("", type(module).__name__, 0))
        for place in places(module, (Parameter,)):
            parameter = place.value
            if id(parameter) in first:
                row.notes.append(f"{place.name} shared with {first[id(parameter)]}")
                continue
            first[id(parameter)] = joined(path, place.name)
            row.parameters += parameter.size
            row.trainable += parameter.size if parameter.requires_grad else 0
            row.parameter_bytes += parameter.data.nbytes


def _in_order(model: Module, rows: dict[int, SummaryRow], depth: int | None) -> list[SummaryRow]:
    """Return the rows in the order of the tree; those below ``depth`` count further up."""
    shown: list[SummaryRow] = []
    above: list[SummaryRow] = []  # the row at each depth on the way to the current module
    deeper: dict[str, int] = {}
    for path, module, first in everywhere(model):
        parent = path
        while parent and parent not in deeper:
            parent = parent.rpartition(".")[0]
        level = deeper[path] = 0 if not path else deeper[parent] + 1
        if first is None:
            row = rows[id(module)]
            row.path, row.depth = path, level
            if row.calls > 1:
                row.notes.append(f"called {row.calls} times")
            elif not row.calls and type(module).forward is not Module.forward:
                row.notes.append("not called")
        else:
            name = first or type(model).__name__
            row = SummaryRow(path, type(module).__name__, level, notes=[f"shared with {name}"])
        del above[level:]
        above.append(row)
        if depth is None or level <= depth:
            shown.append(row)
        else:
            into = above[depth]
            into.parameters += row.parameters
            into.trainable += row.trainable
            into.parameter_bytes += row.parameter_bytes
            into.flops += row.flops
    return shown


def _kept(nodes: list[Any], known: Sequence[Tensor]) -> int:
    """Return the bytes of the memory that nodes keep, each block once, without the known ones."""
    blocks: dict[int, np.ndarray] = {}

    def gather(value: Any) -> None:
        if isinstance(value, (list, tuple)):
            for one in value:
                gather(one)
        elif isinstance(value, np.ndarray):
            while isinstance(value.base, np.ndarray):
                value = value.base
            blocks[id(value)] = value

    gather([tensor.data for tensor in known])
    before = sum(block.nbytes for block in blocks.values())
    for node in nodes:
        gather([node.values, node.formula_values])
    return sum(block.nbytes for block in blocks.values()) - before
