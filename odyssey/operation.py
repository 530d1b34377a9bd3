"""What the declaration of an operation says: its forward, its rule, and how names become values.

Names are bound to positions once, when the operation is declared. Recording a
call then only picks; see :mod:`odyssey.tape`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from odyssey.errors import GradientError, OdysseyError

__all__ = ["Operation"]

ndarray = np.ndarray


class Saved:
    """Values that a forward computed and its backward will need, by name.

    Examples
    --------
    >>> Saved(indices=3).indices
    3
    """

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __repr__(self) -> str:
        return f"Saved({', '.join(self.__dict__)})"


class Operation:
    """One declared operation.

    Attributes
    ----------
    name : str
    signature : inspect.Signature
    function, rule, formula : callable
        The forward, its gradient, and its gradient in operators.
    names : list of str
        The parameters of the forward.
    wrt : tuple of int
        The positions of those that have a gradient.
    rule_getters, formula_getters : list of Getter
        Where each parameter after ``grad`` comes from.
    guarded : list of Getter
        Those of either that keep an argument, each argument once.
    once : str or None
        Why the gradient has no gradient; None where it has one.
    count : int
        How many positional arguments make a call complete; -1 for none, where
        some are keyword-only.
    keeps_out, wants_needs : bool
        Whether either names ``out`` or ``needs``.
    aliases : bool
        Whether a result that reads the memory of an argument is a window on
        it, as that of indexing is. Otherwise it borrows the memory.
    """

    __slots__ = (
        "aliases",
        "count",
        "defaults",
        "formula",
        "formula_getters",
        "function",
        "guarded",
        "keeps_out",
        "name",
        "names",
        "once",
        "required",
        "rule",
        "rule_getters",
        "seen_needs",
        "signature",
        "wants_needs",
        "wrt",
    )

    def __init__(self, function: Callable[..., Any]) -> None:
        self.signature = inspect.signature(function)
        parameters = self.signature.parameters.values()
        self.name: str = function.__name__
        self.function = function
        for p in parameters:
            if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
                raise OdysseyError(
                    f"{self.name}: an operation has a fixed number of arguments, it cannot take "
                    f"{p}; take a list, {p.name}, and let a plain function gather it"
                )
        self.names: list[str] = [p.name for p in parameters]
        self.defaults: tuple[Any, ...] = tuple(
            [p.default for p in parameters if p.default is not p.empty]
        )
        self.count = len(self.names)
        self.required = self.count - len(self.defaults)
        keywords = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        if keywords:
            self.count = -1
            self.function = _by_keyword(function, len(self.names) - len(keywords), keywords)
        self.once: str | None = None
        self.rule: Callable[..., Any] | None = None
        self.formula: Callable[..., Any] | None = None
        self.wrt: tuple[int, ...] = ()
        self.rule_getters: list[Getter] = []
        self.formula_getters: list[Getter] = []
        self.guarded: list[Getter] = []
        self.aliases = False
        self.keeps_out = False
        self.wants_needs = False
        self.seen_needs: dict[int, tuple[bool, ...]] = {}

    def positional(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Return the arguments in the order of the signature, defaults filled in."""
        if kwargs or not self.required <= len(args) <= self.count:
            bound = self.signature.bind(*args, **kwargs)
            bound.apply_defaults()
            return tuple(bound.arguments.values())
        return args + self.defaults[len(args) - self.required :]

    def needs(self, edges: list[Any]) -> tuple[bool, ...]:
        """Return for each name of ``wrt`` whether there is an edge that its gradient goes along."""
        mask = 0
        for index, edge in enumerate(edges):
            if edge is not None:
                mask |= 1 << index
        needs = self.seen_needs.get(mask)
        if needs is None:  # one tuple serves all calls alike
            needs = self.seen_needs[mask] = tuple([edge is not None for edge in edges])
        return needs

    def set_rule(
        self, rule: Callable[..., Any], wrt: tuple[str, ...], once: str | None = None
    ) -> None:
        """Take ``rule`` as the gradient for the arguments that ``wrt`` names."""
        unknown = [name for name in wrt if name not in self.names]
        if unknown:
            raise GradientError(f"{self.name}: wrt names no argument {unknown[0]!r}")
        self.wrt = tuple([self.names.index(name) for name in wrt])
        self.rule_getters = self._bind(rule)
        self.rule = rule
        self.once = once
        self._summarize()

    def set_formula(self, formula: Callable[..., Any]) -> None:
        """Take ``formula`` as the gradient under ``create_graph``."""
        self.formula_getters = self._bind(formula)
        self.formula = formula
        self._summarize()

    def _bind(self, rule: Callable[..., Any]) -> list[Getter]:
        parameters = inspect.signature(rule).parameters
        first, *names = parameters
        for p in parameters.values():
            if p.kind not in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
                raise GradientError(
                    f"{rule.__name__}: {p} cannot be passed by position, as the tape does; "
                    f"let it be a plain parameter, also where {self.name} has it keyword-only"
                )
        if first != "grad":
            raise GradientError(
                f"{rule.__name__}: the first parameter must be 'grad', not {first!r}"
            )
        return [Getter(self.names, name) for name in names]

    def _summarize(self) -> None:
        getters = self.rule_getters + self.formula_getters
        kept = {getter.position: getter for getter in getters if getter.kind == "argument"}
        kinds = {getter.kind for getter in getters}
        self.guarded = list(kept.values())
        self.keeps_out = "out" in {getter.kind for getter in self.rule_getters}
        self.wants_needs = "needs" in kinds

    def __repr__(self) -> str:
        return f"<operation {self.name}>"


def _by_keyword(
    function: Callable[..., Any], positional: int, keywords: list[str]
) -> Callable[..., Any]:
    """Return a function of positional arguments that passes those from a place on by keyword."""

    def call(*args: Any) -> Any:
        return function(*args[:positional], **dict(zip(keywords, args[positional:], strict=True)))

    return call


class Getter:
    """Where the value of one rule parameter comes from.

    Attributes
    ----------
    name : str
        The parameter.
    kind : {"argument", "shape", "dtype", "out", "needs", "saved"}
    position : int
        Of the argument in question; -1 where it is about none.
    """

    __slots__ = ("kind", "name", "position")

    def __init__(self, names: list[str], name: str) -> None:
        base, _, suffix = name.rpartition("_")
        self.name = name
        self.position = -1
        if name in names:
            self.kind = "argument"
            self.position = names.index(name)
        elif suffix in ("shape", "dtype") and base in names:
            self.kind = suffix
            self.position = names.index(base)
        elif name in ("out", "needs"):
            self.kind = name
        else:
            self.kind = "saved"

    def value(self, arrays: list[Any], out: Any, saved: Saved | None, needs: Any) -> Any:
        """Pick the value from what a call of the operation was given and gave."""
        if self.kind == "argument":
            return arrays[self.position]
        if self.kind == "needs":
            return needs
        if self.kind == "out":
            return out
        if self.kind == "shape":
            return _shape_of(arrays[self.position])
        if self.kind == "dtype":
            return _dtype_of(arrays[self.position])
        return getattr(saved, self.name)


def _shape_of(value: Any) -> Any:
    if type(value) is ndarray:
        return value.shape
    return [np.shape(v) for v in value] if isinstance(value, (list, tuple)) else np.shape(value)


def _dtype_of(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_dtype_of(v) for v in value]
    return getattr(value, "dtype", None)  # a Python number has none: it takes its partner's
