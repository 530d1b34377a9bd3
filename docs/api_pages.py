"""The pages of the API reference, written from what the package exports.

``conf.py`` calls :func:`write_pages` before every build, so a new operation or
layer is documented as soon as its module lists it in ``__all__``. What a page
holds is decided by :data:`PAGES`; ``tests/test_docs.py`` fails when a package is
neither there nor in :data:`INTERNAL`, or when a public name is on no page.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import io
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple


class Page(NamedTuple):
    """One page of the reference: a file name, a title, and the modules that it shows."""

    name: str
    title: str
    modules: tuple[str, ...]


PAGES = (
    Page("odyssey", "odyssey: tensors and switches", ("odyssey",)),
    Page("core", "odyssey.core: operations", ("odyssey.core",)),
    Page("linalg", "odyssey.linalg: linear algebra", ("odyssey.linalg",)),
    Page("nn", "odyssey.nn: layers", ("odyssey.nn", "odyssey.nn.functional", "odyssey.nn.init")),
    Page("models", "odyssey.models: networks", ("odyssey.models",)),
    Page(
        "training",
        "odyssey.training: optimizers, schedules, metrics, loops",
        (
            "odyssey.training",
            "odyssey.training.optimizers",
            "odyssey.training.schedulers",
            "odyssey.training.metrics",
            "odyssey.training.callbacks",
        ),
    ),
    Page(
        "data",
        "odyssey.data: datasets, formats, loader",
        (
            "odyssey.data",
            "odyssey.data.datasets",
            "odyssey.data.formats",
            "odyssey.data.transforms",
        ),
    ),
    Page("autograd", "odyssey.autograd: derivatives of functions", ("odyssey.autograd",)),
    Page(
        "tape",
        "odyssey.tape: declaring an operation, watching it run",
        ("odyssey.tape", "odyssey.operation", "odyssey.observe"),
    ),
    Page("testing", "odyssey.testing: checks", ("odyssey.testing",)),
    Page("reference", "odyssey.reference: kernels to read", ("odyssey.reference",)),
    Page("fast", "odyssey.fast: kernels to run", ("odyssey.fast",)),
    Page("errors", "odyssey.errors", ("odyssey.errors",)),
    Page("utils", "odyssey.utils: files, configurations, pictures", ("odyssey.utils",)),
)

INTERNAL = {
    "odyssey.backend": "its public names are those of odyssey",
    "odyssey.casting": "its public name is odyssey.autocast",
    "odyssey.cli": "its help is shown on the page of the command",
    "odyssey.dtypes": "its public names are those of odyssey",
    "odyssey.engine": "reached through Tensor.backward and odyssey.autograd",
    "odyssey.environment": "its public name is odyssey.show_config",
    "odyssey.grad_mode": "its public names are those of odyssey",
    "odyssey.memory": "its public names are those of odyssey",
    "odyssey.places": "it serves the messages of errors",
    "odyssey.serialization": "its public names are odyssey.save and odyssey.load",
    "odyssey.tensor": "its public names are those of odyssey",
    "odyssey.testing.cases": "data: the inputs on which the kernels are compared",
    "odyssey.threads": "its public names are those of odyssey",
    "odyssey.version": "its public name is odyssey.__version__",
}

# On the page of `odyssey` names stand under what they are for, in this order.
GROUPS = {
    "Tensors": ("odyssey.tensor", "odyssey.core.creation"),
    "Random numbers": ("odyssey.core.random", "odyssey.utils.generator", "odyssey.utils.random"),
    "Dtypes": ("odyssey.dtypes",),
    "Gradients on and off": ("odyssey.grad_mode",),
    "Backend, threads, default dtype": (
        "odyssey.backend",
        "odyssey.threads",
        "odyssey.environment",
        "odyssey.utils.defaults",
        "odyssey.utils.conv_algorithm",
    ),
    "Memory": ("odyssey.memory",),
    "Files": ("odyssey.serialization",),
}

# Objects of Python's own classes, whose docstrings are not about us: described here.
BY_HAND = {
    "odyssey.__array_api_version__": """\
.. py:data:: __array_api_version__

   The version of the array API standard that the names of ``odyssey`` follow, as a string.
""",
    "odyssey.__version__": """\
.. py:data:: __version__

   The version of odyssey, as a string.
""",
    "odyssey.is_grad_enabled": """\
.. py:function:: is_grad_enabled()

   Return whether operations on tensors that require a gradient are recorded, here and now: True,
   but for blocks under :func:`odyssey.no_grad`.
""",
}

_NUMBERS = {"e": "Euler's number", "inf": "Infinity", "nan": "Not a number", "pi": "The number π"}
_DATA = {name: f"{text}, as a Python float." for name, text in _NUMBERS.items()}
_DATA["newaxis"] = "None: in an index, a new axis of length 1."
_DATA |= {name: f"The dtype {name}." for name in importlib.import_module("odyssey.dtypes").DTYPES}
BY_HAND |= {
    f"odyssey.{name}": f".. py:data:: {name}\n\n   {text}\n" for name, text in _DATA.items()
}


def exists(module: str) -> bool:
    """Return whether ``module`` can be imported; rooms that are not built yet cannot."""
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return False
    return spec is not None and spec.origin is not None


def public_names(module: ModuleType) -> list[str]:
    """Return the names of ``__all__``, or else of ``__all__`` of every file of the package."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [name for file in files(module) for name in file.__all__]


def files(package: ModuleType) -> list[ModuleType]:
    """Return the modules of a package that are not private and list public names."""
    found = [
        importlib.import_module(f"{package.__name__}.{info.name}")
        for info in pkgutil.iter_modules(getattr(package, "__path__", []))
        if not info.name.startswith("_") and not info.ispkg
    ]
    return [module for module in found if hasattr(module, "__all__")]


def home_of(value: Any) -> str:
    """Return the module that defines ``value``; of a compiled kernel the one of its source."""
    return getattr(value, "__module__", "") or ""


def is_shared(value: Any) -> bool:
    """Return whether ``value`` is an object that a second name may stand for."""
    return inspect.isclass(value) or inspect.isroutine(value) or hasattr(value, "__wrapped__")


class Documented:
    """What has a page: the first page that names an object describes it, the others link to it.

    An operation is described on the page of core, whatever page names it first; only
    what :data:`GROUPS` puts on the page of `odyssey` stands there.
    """

    def __init__(self) -> None:
        self.by_object: dict[int, str] = {}
        core = importlib.import_module("odyssey.core")
        at_the_top = {home for homes in GROUPS.values() for home in homes}
        for file in files(core):
            if file.__name__ not in at_the_top:
                for name in file.__all__:
                    value = getattr(core, name)
                    if is_shared(value):
                        self.by_object.setdefault(id(value), f"odyssey.core.{name}")
        self.names: set[str] = set()

    def claim(self, module: str, name: str, value: Any) -> str | None:
        """Return the full name under which ``value`` stands already, else claim it."""
        full = f"{module}.{name}"
        self.names.add(full)
        if is_shared(value):
            first = self.by_object.setdefault(id(value), full)
            return None if first == full else first
        return None


def sections(module: ModuleType, names: list[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield (heading, introduction, some of the names) for each part of a module's page."""
    values = {name: getattr(module, name) for name in names}
    if module.__name__ == "odyssey":
        for heading, homes in GROUPS.items():
            chosen = [
                n for home in homes for n in importlib.import_module(home).__all__ if n in names
            ]
            names = [name for name in names if name not in chosen]
            yield heading, "", chosen
        yield "Others", "", names
        return
    for file in files(module):
        chosen = [name for name in file.__all__ if name in names]
        names = [name for name in names if name not in chosen]
        if chosen:
            yield f"{file.__name__.rpartition('.')[2]}.py", introduction(file), chosen
    homes = sorted({home_of(values[name]) for name in names if callable(values[name])})
    for home in homes:  # kernels: a section for each family
        chosen = [
            name for name in names if callable(values[name]) and home_of(values[name]) == home
        ]
        suffix = "pyx" if "._ext." in home else "py"
        heading = f"{home.rpartition('.')[2]}.{suffix}" if len(homes) > 1 else ""
        yield heading, "", chosen
        names = [name for name in names if name not in chosen]
    if names:
        yield ("Constants" if homes else ""), "", names


def introduction(module: ModuleType) -> str:
    """Return a module's docstring up to its first heading or example."""
    text = inspect.getdoc(module) or ""
    text = re.split(r"\n\n[^\n]+\n-{3,}\n|\n\n>>> ", text)[0]
    return text.rstrip(":") + "." if text.endswith("::") else text


def tensor_methods() -> str:
    """Return a table of what core attached to Tensor, with links to the operations."""
    methods = importlib.import_module("odyssey.core._methods")
    core = importlib.import_module("odyssey.core")
    signs = {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%"}
    signs |= {"pow": "**", "matmul": "@", "__eq__": "==", "__ne__": "!=", "__lt__": "<"}
    signs |= {"and": "&", "or": "|", "xor": "^", "lshift": "<<", "rshift": ">>"}
    signs |= {"__le__": "<=", "__gt__": ">", "__ge__": ">="}
    shown = {"__neg__": "-x", "__abs__": "abs(x)", "__getitem__": "x[index]", "__iter__": "iter(x)"}
    shown |= {"__setitem__": "x[index] = y", "__divmod__": "divmod(x, y)"}
    shown |= {"__rdivmod__": "divmod(y, x)", "__invert__": "~x"}
    rows = []
    for name, method in (methods.OPERATORS | methods.METHODS).items():
        function = method.fget if isinstance(method, property) else method
        text = f"x {signs[name]} y" if name in signs else shown.get(name, f"x.{name}()")
        text = text.removesuffix("()") if isinstance(method, property) else text
        public = getattr(function, "__name__", "").removeprefix("tensor_").lstrip("_")
        link = f":obj:`~odyssey.core.{public}`" if hasattr(core, public) else summary(function)
        rows.append(f"   * - ``{text}``\n     - {link}\n")
    heading = ".. rubric:: Operators and methods of a Tensor\n"
    note = "They are operations of :mod:`odyssey.core`, attached to the class in one table.\n"
    return f"{heading}\n{note}\n.. list-table::\n   :widths: 30 70\n\n{''.join(rows)}"


def once_differentiable() -> str:
    """Return the list of operations without a second derivative."""
    reasons = importlib.import_module("odyssey.testing").once_differentiable()
    if not reasons:
        return "Every operation that has a gradient has a second one.\n"
    rows = "".join(f"- :obj:`~odyssey.core.{name}`: {why}\n" for name, why in reasons.items())
    return f".. rubric:: Operations whose gradient has no gradient\n\n{rows}"


def summary(function: Any) -> str:
    """Return the first line of a docstring."""
    return (inspect.getdoc(function) or "").partition("\n")[0]


def command_page() -> str:
    """Return a page with the help of every sub-command, as the command prints it."""
    cli = importlib.import_module("odyssey.cli")
    parts = [title("odyssey: the command", "="), "See also :doc:`/guide/command_line`.\n"]
    for command in ("", *cli.COMMANDS):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            cli.main([command, "--help"] if command else ["--help"])
        if command:
            parts.append(title(f"odyssey {command}", "-"))
        text = "".join(f"   {line}".rstrip() + "\n" for line in printed.getvalue().splitlines())
        parts.append(f".. code-block:: text\n\n{text}")
    return "\n".join(parts)


def title(text: str, line: str) -> str:
    """Return a heading in reStructuredText."""
    return f"{text}\n{line * len(text)}\n"


def page_text(page: Page, documented: Documented) -> str:
    """Return the source of one page."""
    parts = [title(page.title, "=")]
    present = [name for name in page.modules if exists(name)]
    for module_name in present:
        module = importlib.import_module(module_name)
        if len(present) > 1:
            parts.append(title(module_name, "-"))
        parts.append(f".. py:module:: {module_name}\n\n.. currentmodule:: {module_name}\n")
        parts.append(introduction(module) + "\n")
        here, elsewhere = [], []
        for name in public_names(module):
            value = getattr(module, name)
            if not isinstance(value, ModuleType):
                first = documented.claim(module_name, name, value)
                if first:
                    elsewhere.append(f":obj:`~{first}`")
                else:
                    here.append(name)
        if module_name == "odyssey.core":
            parts.append(once_differentiable())
        for heading, intro, names in sections(module, here):
            if not names:
                continue
            if heading:
                parts.append(title(heading, "~" if len(present) > 1 else "-"))
            if intro:
                parts.append(intro + "\n")
            listed = [name for name in names if f"{module_name}.{name}" not in BY_HAND]
            if listed:
                lines = "".join(f"   {name}\n" for name in listed)
                parts.append(f".. autosummary::\n   :toctree: .\n\n{lines}")
            parts += [BY_HAND[f"{module_name}.{name}"] for name in names if name not in listed]
            if "Tensor" in names:
                parts.append(tensor_methods())
        if elsewhere:
            parts.append(f"Also here, described elsewhere: {', '.join(elsewhere)}.\n")
    return "\n".join(parts)


INDEX_INTRODUCTION = """\
Every public name, taken from the code when these pages are built. An operation's page has its
shapes, its formula, the formula of its gradient, and an example that can be checked by hand.
"""


def pages() -> dict[str, str]:
    """Return the source of every page by file name, without writing anything."""
    documented = Documented()
    present = [page for page in PAGES if exists(page.modules[0])]
    written = {page.name: page_text(page, documented) for page in present}
    written["command"] = command_page()
    entries = "".join(f"   {name}\n" for name in written)
    heading = title("API reference", "=")
    written["index"] = (
        f"{heading}\n{INDEX_INTRODUCTION}\n.. toctree::\n   :maxdepth: 1\n\n{entries}"
    )
    return written


def documented_names() -> set[str]:
    """Return the full name of everything that is on a page."""
    documented = Documented()
    for page in PAGES:
        if exists(page.modules[0]):
            page_text(page, documented)
    return documented.names


def write_pages(folder: Path) -> None:
    """Write the pages to ``folder``; leave files alone that would not change."""
    folder.mkdir(parents=True, exist_ok=True)
    # Pages of names that are gone would else be reported as belonging nowhere.
    present = documented_names() - BY_HAND.keys()
    for path in folder.glob("odyssey.*.rst"):
        if path.stem.removesuffix("-function") not in present:
            path.unlink()
    for name, text in pages().items():
        path = folder / f"{name}.rst"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
