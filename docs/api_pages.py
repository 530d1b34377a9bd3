"""The pages of the API reference, written from what the package exports.

``conf.py`` calls :func:`write_pages` before every build, so a new operation or
layer is documented as soon as its module lists it in ``__all__``. What a page
holds is decided by :data:`PAGES`; ``tests/test_docs.py`` fails when a package is
neither there nor in :data:`INTERNAL`, or when a public name is on no page.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
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
    Page("nn", "odyssey.nn: layers", ("odyssey.nn", "odyssey.nn.functional")),
    Page("models", "odyssey.models: networks", ("odyssey.models",)),
    Page(
        "training",
        "odyssey.training: optimizers, schedules, loops",
        ("odyssey.training", "odyssey.training.optimizers", "odyssey.training.schedulers"),
    ),
    Page(
        "data",
        "odyssey.data: datasets, formats, loader",
        ("odyssey.data", "odyssey.data.datasets", "odyssey.data.formats"),
    ),
    Page("autograd", "odyssey.autograd: derivatives of functions", ("odyssey.autograd",)),
    Page("tape", "odyssey.tape: declaring an operation", ("odyssey.tape",)),
    Page("testing", "odyssey.testing: checks", ("odyssey.testing",)),
    Page("reference", "odyssey.reference: kernels to read", ("odyssey.reference",)),
    Page("fast", "odyssey.fast: kernels to run", ("odyssey.fast",)),
    Page("errors", "odyssey.errors", ("odyssey.errors",)),
    Page("utils", "odyssey.utils: files, configurations, pictures", ("odyssey.utils",)),
)

INTERNAL = {
    "odyssey.backend": "its public names are those of odyssey",
    "odyssey.cli": "the command line is described in the guide",
    "odyssey.engine": "reached through Tensor.backward and odyssey.autograd",
    "odyssey.environment": "its public name is odyssey.show_config",
    "odyssey.grad_mode": "its public names are those of odyssey",
    "odyssey.serialization": "its public names are odyssey.save and odyssey.load",
    "odyssey.tensor": "its public names are those of odyssey",
    "odyssey.testing.cases": "data: the inputs on which the kernels are compared",
    "odyssey.threads": "its public names are those of odyssey",
    "odyssey.version": "its public name is odyssey.__version__",
}

# On the page of `odyssey` names stand under what they are for, in this order.
GROUPS = {
    "Tensors": ("odyssey.tensor", "odyssey.core.creation"),
    "Gradients on and off": ("odyssey.grad_mode",),
    "Backend, threads, seed, dtype": (
        "odyssey.backend",
        "odyssey.threads",
        "odyssey.environment",
        "odyssey.utils.random",
        "odyssey.utils.defaults",
    ),
    "Files": ("odyssey.serialization",),
}

# A bound method of a context variable: its own docstring is not about us, so it is described here.
BY_HAND = {
    "odyssey.is_grad_enabled": """\
.. py:function:: is_grad_enabled()

   Return whether operations on tensors that require a gradient are recorded, here and now: True,
   but for blocks under :func:`odyssey.no_grad`.
""",
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
    """Return the module that defines ``value``; compiled kernels have a level in theirs."""
    home = getattr(value, "__module__", "") or ""
    return re.sub(r"_ext\.(baseline|v3|v4)\.", "_ext.", home)


def is_shared(value: Any) -> bool:
    """Return whether ``value`` is an object that a second name may stand for."""
    return inspect.isclass(value) or inspect.isroutine(value) or hasattr(value, "__wrapped__")


class Documented:
    """What has a page: the first page that names an object describes it, the others link to it."""

    def __init__(self) -> None:
        self.by_object: dict[int, str] = {}
        self.names: set[str] = set()

    def claim(self, module: str, name: str, value: Any) -> str | None:
        """Return the full name under which ``value`` stands already, else claim it."""
        full = f"{module}.{name}"
        self.names.add(full)
        if is_shared(value):
            first = self.by_object.setdefault(id(value), full)
            return None if first == full else first
        return None


def sections(module: ModuleType) -> Iterator[tuple[str, str, list[str]]]:
    """Yield (heading, introduction, names) for each part of a module's page."""
    values = {name: getattr(module, name) for name in public_names(module)}
    names = [name for name, value in values.items() if not isinstance(value, ModuleType)]
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
        for heading, intro, names in sections(module):
            if not names:
                continue
            elsewhere, here, by_hand = [], [], []
            for name in names:
                first = documented.claim(module_name, name, getattr(module, name))
                if f"{module_name}.{name}" in BY_HAND:
                    by_hand.append(BY_HAND[f"{module_name}.{name}"])
                elif first:
                    elsewhere.append(f":obj:`~{first}`")
                else:
                    here.append(name)
            if heading:
                parts.append(title(heading, "~" if len(present) > 1 else "-"))
            if intro:
                parts.append(intro + "\n")
            if here:
                listed = "".join(f"   {name}\n" for name in here)
                parts.append(f".. autosummary::\n   :toctree: .\n\n{listed}")
            parts += by_hand
            if elsewhere:
                parts.append(f"Described elsewhere: {', '.join(elsewhere)}.\n")
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
    entries = "".join(f"   {page.name}\n" for page in present)
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
    for name, text in pages().items():
        path = folder / f"{name}.rst"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
