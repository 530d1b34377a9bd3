"""What setup.py builds, what it writes down about it, and what it says when it cannot build."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import os
import shutil
import subprocess
import sys
import types
from itertools import product
from pathlib import Path

import pytest

import odyssey
from odyssey import reference
from odyssey._ext import _build_info
from odyssey.utils.stale import stale_modules, warn_of_stale_modules

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(odyssey.__file__).parent


def load_setup() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("odyssey_setup", ROOT / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def build() -> types.ModuleType:
    pytest.importorskip("setuptools")
    return load_setup()


def functions(module: types.ModuleType) -> dict[str, object]:
    home = f"odyssey._ext.{module.__name__.rpartition('.')[2]}"  # the source, whatever the level
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == home
    }


def runnable_levels() -> list[str]:
    if not _build_info.LEVELS:
        return []
    from odyssey._ext import _cpu

    return [level for level in _build_info.LEVELS if _cpu.supports(level)]


# ---- what was built ------------------------------------------------------------------------------


def test_build_info_tells_what_can_be_imported(build):
    kernels, _ = build.kernel_sources()
    assert set(_build_info.LEVELS) <= set(build.LEVELS)
    assert isinstance(_build_info.OPENMP, bool)
    assert os.sep not in _build_info.COMPILER
    for level in _build_info.LEVELS:
        for name in kernels:
            assert importlib.util.find_spec(f"odyssey._ext.{level}.{name}"), (level, name)


@pytest.mark.parametrize("level", runnable_levels())
def test_every_level_has_the_functions_and_signatures_of_the_reference(level, build):
    kernels, _ = build.kernel_sources()
    found = {}
    for name in kernels:
        found |= functions(importlib.import_module(f"odyssey._ext.{level}.{name}"))
    assert sorted(found) == sorted(reference.__all__)
    for name, function in found.items():
        assert inspect.signature(function) == inspect.signature(getattr(reference, name)), name


@pytest.mark.parametrize("level", runnable_levels())
def test_kernels_call_kernels_of_their_own_level(level):
    # All levels are loaded here, and share the name under which they were translated.
    for other in runnable_levels():
        importlib.import_module(f"odyssey._ext.{other}.depthwise")
    package = f"odyssey._ext.{level}"
    conv = importlib.import_module(f"{package}.conv")
    assert importlib.import_module(f"{package}.depthwise")._conv is conv
    assert conv._winograd is importlib.import_module(f"{package}.winograd")


@pytest.mark.parametrize("level", runnable_levels()[:1])
def test_stubs_declare_what_the_modules_hold(level, build):
    kernels, once = build.kernel_sources()
    for name in kernels + once:
        prefix = f"odyssey._ext.{level}." if name in kernels else "odyssey._ext."
        found = functions(importlib.import_module(prefix + name))
        stub = ast.parse((PACKAGE / "_ext" / f"{name}.pyi").read_text(encoding="utf-8"))
        declared = {node.name: node.args for node in stub.body if isinstance(node, ast.FunctionDef)}
        assert sorted(declared) == sorted(found), name
        for function, arguments in declared.items():
            signature = inspect.signature(found[function])
            assert [a.arg for a in arguments.args] == list(signature.parameters), function
            defaults = [p.default for p in signature.parameters.values()]
            given = [ast.literal_eval(default) for default in arguments.defaults]
            assert given == [d for d in defaults if d is not inspect.Parameter.empty], function


@pytest.mark.skipif(not _build_info.LEVELS, reason="built without extensions")
def test_the_processor_is_asked_level_by_level():
    from odyssey._ext import _cpu

    assert _cpu.supports("baseline")
    assert not _cpu.supports("v9")
    assert not _cpu.supports("v4") or _cpu.supports("v3")


# ---- the parts of setup.py -----------------------------------------------------------------------


def test_every_source_becomes_one_extension_per_level(build, tmp_path):
    for name in ("matmul.pyx", "_threads.pyx", "_simd.pxd", "notes.txt"):
        (tmp_path / name).touch()
    assert build.kernel_sources(tmp_path) == (["matmul"], ["_threads"])

    names = [extension.name for extension in build.extensions()]
    assert len(names) == len(set(names))
    assert "odyssey._ext._threads" in names
    for level in build.LEVELS:
        assert f"odyssey._ext.{level}.matmul" in names
        assert (ROOT / "odyssey" / "_ext" / level / "__init__.py").exists()


def test_only_named_kernels_and_the_baseline_go_without_passes(build):
    from setuptools import Distribution, Extension

    kernels, _ = build.kernel_sources()
    assert set(build.WITHOUT) <= set(kernels)
    command = build.BuildExtensions(Distribution())
    command.dispensable = ["-fno-tree-vrp", "-fno-gcse"]  # what the compiler takes
    for name, flags in (
        ("_ext.v3.winograd", ["-fno-tree-vrp", "-fno-gcse"]),
        ("_ext.v3.elementwise", ["-fno-tree-vrp"]),
        ("_ext.v3.reduction", []),
        ("_ext.baseline.reduction", ["-fno-tree-vrp", "-fno-gcse"]),
        ("core.winograd", []),  # a Python module
    ):
        assert command.without(Extension(f"odyssey.{name}", [])) == flags, name


@pytest.mark.parametrize(
    ("value", "on"), [(None, False), ("", False), ("0", False), ("1", True), ("yes", True)]
)
def test_switches_of_the_environment(build, monkeypatch, value, on):
    monkeypatch.delenv("ODYSSEY_NO_EXT", raising=False)
    if value is not None:
        monkeypatch.setenv("ODYSSEY_NO_EXT", value)
    assert build.switched_on("ODYSSEY_NO_EXT") is on


def test_levels_share_one_translation_and_have_object_files_of_their_own(build, tmp_path):
    assert build.module_of(os.path.join("odyssey", "_ext", "matmul.pyx")) == "odyssey._ext.matmul"
    levels = [e for e in build.extensions() if e.name.endswith(".matmul")]
    (text,) = {build.c_file(extension) for extension in levels}
    assert text == Path("odyssey", "_ext", "matmul.c")

    path = build.including(tmp_path / text, tmp_path / "v3")
    assert path == tmp_path / "v3" / "matmul.c"
    assert path.read_text() == '#include "../odyssey/_ext/matmul.c"\n'
    os.utime(path, (0, 0))
    assert build.including(tmp_path / text, tmp_path / "v3").stat().st_mtime == 0  # as it was


def test_cython_combines_types_of_one_precision(build):
    def every(fused_types):
        return [(str(i), dict(enumerate(types))) for i, types in enumerate(product(*fused_types))]

    numbers, sums, registers = ("half", "float", "double"), ("float", "double"), ("vf32", "vf64")
    combined = build.of_one_precision(every)
    assert [list(types.values()) for _, types in combined([numbers, sums, registers])] == [
        ["half", "float", "vf32"],
        ["float", "float", "vf32"],
        ["double", "double", "vf64"],
    ]
    others = [("one", "two"), sums]  # of no precision: they go with each
    assert combined(others) == every(others)
    assert [suffix for suffix, _ in combined([sums, registers])] == ["0", "3"]  # Cython's own names


def test_cython_still_has_the_function_that_combines_types():
    types = pytest.importorskip("Cython.Compiler.PyrexTypes")
    assert callable(types.get_all_specialized_permutations)


def test_build_info_is_python(build, tmp_path):
    build.write_build_info(tmp_path, ["baseline", "v3"], True, "gcc 12.2.0")
    found: dict[str, object] = {}
    exec((tmp_path / "odyssey" / "_ext" / "_build_info.py").read_text(), found)
    assert found["LEVELS"] == ("baseline", "v3")
    assert found["OPENMP"] is True
    assert found["COMPILER"] == "gcc 12.2.0"
    assert found["MODULES"] == {}


def test_python_modules_with_types_beside_them_are_compiled_too(build, tmp_path):
    (tmp_path / "core").mkdir()
    for name in ("tape.py", "tape.pxd", "fast.py", "notes.pxd.txt", "core/shape.pxd"):
        (tmp_path / name).touch()
    assert build.python_sources(tmp_path) == ["core/shape", "tape"]
    extensions = {extension.name: extension for extension in build.extensions()}
    assert extensions["odyssey.tape"].sources == [os.path.join("odyssey", "tape.py")]
    assert extensions["odyssey.core.shape"].sources == [os.path.join("odyssey", "core", "shape.py")]
    assert build.group_of(extensions["odyssey.core.shape"]) == "python"
    assert build.group_of(extensions["odyssey.tape"]) == "python"
    assert build.group_of(extensions["odyssey._ext._threads"]) == "once"
    assert build.group_of(extensions["odyssey._ext.v3.matmul"]) == "v3"


def test_compiled_modules_are_those_of_the_sources():
    stale = stale_modules(PACKAGE, _build_info.MODULES)
    assert not stale, f"{stale}: run python setup.py build_ext --inplace"


def test_an_edit_makes_a_compiled_module_stale(build, tmp_path, monkeypatch):
    (tmp_path / "tape.py").write_text("x = 1")
    (tmp_path / "tape.pxd").write_text("cdef int x")
    compiled = {"tape": build.checksum("tape", tmp_path)}
    assert stale_modules(tmp_path, compiled) == []
    (tmp_path / "tape.pxd").write_text("cdef long x")
    assert stale_modules(tmp_path, compiled) == ["tape"]
    with pytest.warns(RuntimeWarning, match=r"tape\.py changed since it was compiled"):
        warn_of_stale_modules(tmp_path, compiled)
    (tmp_path / "tape.pxd").unlink()  # an installed package: nothing that could be edited
    assert stale_modules(tmp_path, compiled) == []


def test_a_build_without_extensions_removes_compiled_modules(build, tmp_path):
    (tmp_path / "odyssey").mkdir()
    for name in ("tape.cpython-311-x86_64-linux-gnu.so", "tape.py", "other.so"):
        (tmp_path / "odyssey" / name).touch()
    build.remove_compiled_modules(tmp_path)
    assert sorted(os.listdir(tmp_path / "odyssey")) == ["other.so", "tape.py"]


def test_failure_message_says_what_is_missing_and_the_way_out(build):
    message = build.failure_message("no working C compiler was found (tried cc)")
    assert message.startswith("odyssey: no working C compiler was found (tried cc).")
    for words in ("gcc", "clang", "headers", "ODYSSEY_NO_EXT=1 pip install ."):
        assert words in message


def test_probe_refuses_what_the_compiler_refuses(build):
    assert not build.Probe(["/no/such/compiler"], ["/no/such/compiler"], []).accepts([])
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler here")
    probe = build.Probe([compiler, "-fPIC"], [compiler, "-shared"], [])
    assert probe.accepts([], link=True)
    assert probe.accepted(["-O3", "-fno-such-flag-at-all"]) == ["-O3"]
    assert not probe.accepts([], "#error broken")
    assert probe.name().split()[0] in ("gcc", "clang")
    assert os.sep not in probe.name()


# ---- whole builds (slow) -------------------------------------------------------------------------


def copy_of_the_sources(folder: Path) -> Path:
    """Copy what an sdist holds, and with it the litter of earlier builds."""
    skip = shutil.ignore_patterns("build", "dist", ".git", "*.egg-info", "__pycache__", "docs")
    shutil.copytree(ROOT, folder / "checkout", ignore=skip)
    return folder / "checkout"


def run_setup(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    pytest.importorskip("setuptools", minversion="77")  # which reads today's pyproject.toml
    command = [sys.executable, "setup.py", "-q", *arguments]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True
    )


@pytest.mark.slow
def test_a_build_without_extensions_needs_no_compiler_and_takes_no_litter(tmp_path):
    checkout = copy_of_the_sources(tmp_path)
    for litter in ("build/lib/odyssey/old.py", "odyssey/_ext/v4/matmul.cpython-311-stale.so"):
        (checkout / litter).parent.mkdir(parents=True, exist_ok=True)
        (checkout / litter).write_text("")
    done = run_setup(checkout, "build", ODYSSEY_NO_EXT="1", CC="/no/such/compiler")
    assert done.returncode == 0, done.stderr
    (built,) = (checkout / "build").glob("lib*/odyssey")
    assert "LEVELS: tuple[str, ...] = ()" in (built / "_ext" / "_build_info.py").read_text()
    assert not [path for path in built.rglob("*") if path.suffix in (".so", ".pyx", ".h", ".c")]
    assert not (built / "old.py").exists()
    assert (built / "py.typed").exists()
    assert (built / "_ext" / "matmul.pyi").exists()


@pytest.mark.slow
def test_a_missing_compiler_ends_with_the_way_out(tmp_path):
    pytest.importorskip("Cython")
    checkout = copy_of_the_sources(tmp_path)
    done = run_setup(checkout, "build_ext", CC="/no/such/compiler", ODYSSEY_NO_EXT="0")
    assert done.returncode != 0
    assert "no working C compiler was found (tried /no/such/compiler)" in done.stderr
    assert "ODYSSEY_NO_EXT=1 pip install ." in done.stderr


@pytest.mark.slow
def test_a_compile_error_ends_with_the_way_out(tmp_path):
    pytest.importorskip("Cython")
    if not (shutil.which("gcc") or shutil.which("clang")):
        pytest.skip("no C compiler here")
    checkout = copy_of_the_sources(tmp_path)
    with open(checkout / "odyssey" / "_ext" / "simd.h", "a") as header:
        header.write("#error broken on purpose\n")
    done = run_setup(checkout, "build_ext", ODYSSEY_NO_EXT="0")
    assert done.returncode != 0
    assert "broken on purpose" in done.stderr
    assert "compiling the kernels failed" in done.stderr
    assert "ODYSSEY_NO_EXT=1 pip install ." in done.stderr
