"""The documentation: its examples run, its links lead somewhere, and no public name is missing."""

from __future__ import annotations

import contextlib
import doctest
import importlib
import importlib.util
import io
import pkgutil
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import odyssey
from odyssey import fast

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
TUTORIALS = sorted((ROOT / "tutorials").glob("*.py"))
PAGES = [ROOT / "docs" / "getting_started.rst", *sorted((ROOT / "docs" / "guide").glob("*.rst"))]
MARKDOWN = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs" / "decisions").glob("*.md")),
]

compiled = pytest.mark.skipif(not fast.LEVEL, reason="compares with the fast kernels")


@pytest.fixture(scope="module")
def api_pages() -> ModuleType:
    path = ROOT / "docs" / "api_pages.py"
    spec = importlib.util.spec_from_file_location("api_pages", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["api_pages"] = module
    spec.loader.exec_module(module)
    return module


# -- README --------------------------------------------------------------------------------


@compiled
def test_the_example_in_the_readme_runs_and_its_backends_agree() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 1
    printed = io.StringIO()
    names: dict[str, object] = {}
    with contextlib.redirect_stdout(printed):
        exec(compile(blocks[0], "README.md", "exec"), names)
    assert names["loss"] == pytest.approx(names["slow_loss"], rel=1e-5)
    assert re.match(r"2\.\d{6} and 2\.\d{6}, gradients apart by \de[+-]\d\d\n", printed.getvalue())


def test_the_readme_has_the_two_commands() -> None:
    assert "\npip install . && odyssey train lenet5\n" in README
    assert "\npip install -e '.[test]' && pytest\n" in README


def test_every_environment_variable_is_documented() -> None:
    sources = [ROOT / "setup.py", *(ROOT / "odyssey").rglob("*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    used = set(re.findall(r"[\"'](ODYSSEY_[A-Z_]+)[\"']", text))
    guide = (ROOT / "docs" / "guide" / "backends.rst").read_text(encoding="utf-8")
    for variable in used:
        assert f"`{variable}`" in README
        assert f"``{variable}``" in guide


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: path.name)
def test_links_lead_to_files_that_exist(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


# -- the site ------------------------------------------------------------------------------


@compiled
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_the_examples_on_a_page_are_right(path: Path) -> None:
    with odyssey.use_backend("fast"):  # whatever ODYSSEY_BACKEND says
        failed, _ = doctest.testfile(str(path), module_relative=False)
    assert failed == 0


def test_every_public_name_is_on_an_api_page(api_pages: ModuleType) -> None:
    documented = api_pages.documented_names()
    for module in ("odyssey.core", "odyssey.nn", "odyssey.training.optimizers", "odyssey.data"):
        package = importlib.import_module(module)
        public = [
            name
            for name, value in vars(package).items()
            if not name.startswith("_")
            and callable(value)
            and (getattr(value, "__module__", None) or "").startswith("odyssey.")
        ]
        assert public
        missing = [name for name in public if f"{module}.{name}" not in documented]
        assert not missing, f"{module}: {missing} stand in no __all__, so they have no API page"


def test_an_operation_is_described_on_the_page_of_core(
    api_pages: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(odyssey, "softmax", odyssey.core.softmax, raising=False)
    monkeypatch.setattr(odyssey, "__all__", [*odyssey.__all__, "softmax"])
    pages = api_pages.pages()
    assert "   softmax\n" in pages["core"] and "   softmax\n" not in pages["odyssey"]
    assert ":obj:`~odyssey.core.softmax`" in pages["odyssey"]
    assert "   zeros\n" in pages["odyssey"]  # creation has its place there


def test_every_package_has_an_api_page_or_a_reason_to_have_none(api_pages: ModuleType) -> None:
    shown = {module for page in api_pages.PAGES for module in page.modules}
    found = {
        info.name
        for info in pkgutil.walk_packages(odyssey.__path__, "odyssey.")
        if (info.ispkg or info.name.count(".") == 1) and "._" not in info.name
    }
    homeless = found - shown - api_pages.INTERNAL.keys()
    assert not homeless, f"put {sorted(homeless)} into PAGES or INTERNAL of docs/api_pages.py"


def test_every_public_name_of_the_kernels_is_documented_twice(api_pages: ModuleType) -> None:
    documented = api_pages.documented_names()
    for name in odyssey.reference.__all__:
        assert f"odyssey.reference.{name}" in documented
        assert f"odyssey.fast.{name}" in documented or not fast.LEVEL


def test_every_decision_is_in_the_index_and_has_its_parts() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"^\d{4}-[\w-]+$", (folder / "index.md").read_text("utf-8"), re.MULTILINE)
    assert listed == sorted(path.stem for path in folder.glob("[0-9]*.md"))
    for number, name in enumerate(listed, 1):
        text = (folder / f"{name}.md").read_text(encoding="utf-8")
        assert text.startswith(f"# {number:04}: ")
        headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences"]


# -- tutorials -----------------------------------------------------------------------------


def test_there_are_tutorials_and_all_of_them_will_run() -> None:
    assert TUTORIALS
    for path in TUTORIALS:
        assert re.search(r"/\d\d_[a-z0-9_]+\.py$", path.as_posix()), (
            f"{path.name} would not run: sphinx-gallery takes names that match /\\d\\d_"
        )


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_ends_with_exercises_that_can_be_checked(path: Path) -> None:
    _, _, exercises = path.read_text(encoding="utf-8").partition("\n# Exercises\n")
    assert len(re.findall(r"^# \*\*\d\. ", exercises, re.MULTILINE)) == 3
    assert "odyssey.testing" in exercises


def test_the_tutorial_that_compiles_says_so_where_nothing_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("Cython")
    monkeypatch.setenv("CC", "/nonexistent/cc")
    path = ROOT / "tutorials" / "03_from_loops_to_cython.py"
    with pytest.raises(RuntimeError, match="needs gcc or clang and Python's C headers"):
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), {})
