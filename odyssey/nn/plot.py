"""Drawings of models: which module feeds which, found by running them."""

from __future__ import annotations

import os
import re
from typing import Any

from odyssey.grad_mode import no_grad
from odyssey.nn._trace import examples, tensors_in, undisturbed, watched
from odyssey.nn.container import Sequential
from odyssey.nn.module import Module
from odyssey.nn.tree import places, walk
from odyssey.observe import Event, observe
from odyssey.tensor import Parameter, Tensor
from odyssey.utils.diagram import ENTRY, EXIT, Box, Diagram, shape_text

__all__ = ["plot_model"]


def plot_model(
    model: Module,
    input: Any = None,
    path: str | os.PathLike[str] | None = None,
    depth: int | None = None,
    batch: int = 1,
) -> Diagram:
    """Draw the architecture of a model.

    Parameters
    ----------
    model : Module
    input : tuple of int, Tensor or ndarray, or a tuple of these, optional
        As in :func:`summary`. The model runs on it, and the arrows say what went
        where, in which shape. Without it only the order of the modules is drawn.
    path : path-like, optional
        An ``.svg`` file to write.
    depth : int, optional
        Open modules down to this depth: with 1 the model's children are boxes, with 2
        their children, in groups.
    batch : int, default 1
        How many examples, where ``input`` is a shape.

    Returns
    -------
    Diagram
        It shows itself in a notebook, and has ``svg`` and ``save(path)``.

    Raises
    ------
    OdysseyError
        If the model fails; the message names the layer where it did.
    FormatError
        If ``path`` does not end in ``.svg``.

    Notes
    -----
    Blue boxes have parameters. A module that is called twice is drawn twice. What a
    model computes between its modules are rounded boxes, such as the sum of a residual
    block. Arrows follow Tensors: where a model takes the array out of one and
    computes with that, they end.

    Examples
    --------
    >>> import odyssey as od
    >>> model = od.nn.Sequential(od.nn.Linear(64, 32), od.nn.ReLU(), od.nn.Linear(32, 10))
    >>> diagram = od.nn.plot_model(model, (64,))
    >>> [box.title for box in diagram.boxes]
    ['input', '0 Linear', '1 ReLU', '2 Linear', 'output']
    >>> diagram.boxes[1].label
    '1×32'
    """
    if input is None:
        diagram = _structure(model, depth)
        diagram.arrows = [arrow for arrow in diagram.arrows if min(arrow) >= 0]
    else:
        diagram = _Drawing(model, depth).of(examples("plot_model", model, input, batch))
    if path is not None:
        diagram.save(path)
    return diagram


def _box(name: str, module: Module) -> Box:
    """Return the box of a module: its name and class, its settings, how many parameters."""
    size = sum(p.value.size for _, m in walk(module, Module) for p in places(m, (Parameter,)))
    lines = wrapped(module.extra_repr())
    if size:
        lines.append(f"{size:,} parameters")
    return Box(f"{name} {type(module).__name__}".strip(), lines, kind="layer" if size else "plain")


def wrapped(settings: str, width: int = 36) -> list[str]:
    """Return settings in lines, broken at commas outside of brackets.

    Examples
    --------
    >>> wrapped("3, 16, stride=(2, 2)", 14)
    ['3, 16', 'stride=(2, 2)']
    """
    lines: list[str] = []
    for part in re.split(r", (?![^(]*\))", settings) if settings else []:
        if lines and len(lines[-1]) + len(part) + 2 <= width:
            lines[-1] += f", {part}"
        else:
            lines.append(part)
    return lines


def _structure(model: Module, depth: int | None) -> Diagram:
    """Return a drawing of the tree alone; in a Sequential it is known what follows what."""
    diagram = Diagram()
    known = isinstance(model, Sequential)
    for name, module in model.named_children():
        box = _box(name, module)
        if any(module.named_children()) and depth != 1:
            box.parts = _structure(module, None if depth is None else depth - 1)
            box.lines = []
        diagram.boxes.append(box)
    last = len(diagram.boxes) - 1
    chain = [(i, i + 1) for i in range(last)]
    if known and last >= 0:
        diagram.arrows = [(ENTRY, 0), *chain, (last, EXIT)]
    else:
        diagram.unseen = chain
    return diagram


class _Call:
    """A call of a module that is drawn: a box, or a group that holds further ones."""

    def __init__(self, parent: _Call | None, number: int, box: Box) -> None:
        self.parent, self.number, self.box = parent, number, box
        self.level: int = 0 if parent is None else parent.level + 1
        self.path = ""
        self.args: list[Tensor] = []

    @property
    def parts(self) -> Diagram:
        """What is inside."""
        assert self.box.parts is not None
        return self.box.parts

    def add(self, box: Box) -> _Call:
        """Put a box inside, and return its call."""
        self.parts.boxes.append(box)
        return _Call(self, len(self.parts.boxes) - 1, box)


class _Drawing:
    """A run of a model that is being drawn."""

    def __init__(self, model: Module, depth: int | None) -> None:
        self.model, self.depth = model, depth
        self.names = {id(module): name for name, module in model.named_modules()}
        self.parameters: dict[int, str] = {}
        self.root = _Call(None, 0, Box("", parts=Diagram()))
        self.calls = [self.root]
        self.makers: dict[int, tuple[Tensor, _Call]] = {}  # the Tensor too: its id stays its own

    def of(self, inputs: list[Tensor]) -> Diagram:
        """Run the model, and return the drawing."""
        for number, one in enumerate(inputs):
            title = "input" if len(inputs) == 1 else f"input {number}"
            self.made([one], self.root.add(Box(title, label=shape_text(one.shape), kind="value")))
        with (
            undisturbed(self.model),
            no_grad(),
            watched("plot_model", self.model, self.enter, self.leave),
            observe(self.note),
        ):
            output = self.model(*inputs)
        named = output.items() if isinstance(output, dict) else [("", output)]
        if isinstance(output, (tuple, list)):
            named = [(str(number), one) for number, one in enumerate(output)]
        for name, value in named:
            call = self.root.add(Box(f"output {name}".strip(), kind="value"))
            self.arrive(tensors_in(value), call)
        _close_plain_groups(self.root.parts)
        return self.root.parts

    def enter(self, module: Module, args: Any) -> None:
        """Open a box, or a group."""
        opened = self.calls[-1]
        if opened.box.parts is None:  # inside a box that is not looked into
            self.calls.append(opened)
            return
        has_children = any(module.named_children())
        if module is self.model and has_children:
            self.calls.append(self.root)
            return
        name = self.names.get(id(module), "")
        box = _box(name.removeprefix(f"{opened.path}."), module)
        if has_children and (self.depth is None or len(self.calls) - 1 < self.depth):
            box.parts, box.lines = Diagram(), []
        call = opened.add(box)
        call.path, call.args = name, tensors_in(list(args))
        if box.parts is None:
            self.arrive(call.args, call)
        self.calls.append(call)

    def leave(self, module: Module, output: Any) -> Any:
        """Close it; what came out of a box is its work."""
        call = self.calls.pop()
        if call is self.root or call is self.calls[-1]:
            return None
        if not call.box.label:
            call.box.label = ", ".join(shape_text(one.shape) for one in tensors_in(output))
        if call.box.parts is not None:
            return None
        if any(output is one for one in call.args):
            output = Tensor(output.data)  # the input itself: who uses that next came from here
        self.made(tensors_in(output), call)
        return output

    def note(self, event: Event) -> None:
        """Draw an operation, unless it is the work of a box."""
        call = self.calls[-1]
        tensors = [one for one in event.inputs if isinstance(one, Tensor)]
        if call.box.parts is None:
            self.arrive(tensors, call)
            return
        if event.name == "_watch":  # a backward hook's, not the model's
            self.made(tensors_in(event.result), self.makers[id(tensors[0])][1])
            return
        if not self.parameters:
            self.parameters = {id(p): name for name, p in self.model.named_parameters()}
        lines = [self.parameters[id(one)] for one in tensors if id(one) in self.parameters]
        label = ", ".join(shape_text(one.shape) for one in event.outputs)
        one = call.add(Box(event.name, lines, label, "operation"))
        self.arrive(tensors, one)
        self.made(tensors_in(event.result), one)

    def made(self, tensors: list[Tensor], call: _Call) -> None:
        """Remember who made some Tensors."""
        for one in tensors:
            self.makers[id(one)] = (one, call)

    def arrive(self, tensors: list[Tensor], call: _Call) -> None:
        """Draw arrows to a box from those who made the Tensors."""
        for one in tensors:
            if id(one) in self.makers:
                _arrow(self.makers[id(one)][1], call)


def _arrow(start: _Call, end: _Call) -> None:
    """Draw an arrow from box to box, out of and into groups by their borders."""
    if start is end:
        return
    while start.level > end.level:
        start = _out_of(start)
    while end.level > start.level:
        end = _into(end)
    while start.parent is not end.parent:
        start, end = _out_of(start), _into(end)
    assert start.parent is not None
    _once(start.parent.parts.arrows, (start.number, end.number))


def _out_of(call: _Call) -> _Call:
    assert call.parent is not None
    _once(call.parent.parts.arrows, (call.number, EXIT))
    return call.parent


def _into(call: _Call) -> _Call:
    assert call.parent is not None
    _once(call.parent.parts.arrows, (ENTRY, call.number))
    return call.parent


def _once(arrows: list[tuple[int, int]], arrow: tuple[int, int]) -> None:
    if arrow not in arrows:
        arrows.append(arrow)


def _close_plain_groups(diagram: Diagram) -> None:
    """Make boxes of groups in which there is no module."""
    for box in diagram.boxes:
        if box.parts is None:
            continue
        if all(one.kind == "operation" for one in box.parts.boxes):
            box.parts = None
        else:
            _close_plain_groups(box.parts)
