"""The hand-written stubs say what the compiled modules and Tensor really have."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest

import odyssey
from odyssey import fast

# The module: odyssey.tensor is the function of that name.
tensor = importlib.import_module("odyssey.tensor")
PACKAGE = Path(odyssey.__file__).parent
# What Python itself gives to every class.
AUTOMATIC = {"__module__", "__doc__", "__slots__", "__weakref__", "__dict__", "__annotations__"}
# And what Cython adds to a class that it compiles: its C methods, and that it can be copied.
AUTOMATIC |= {"__new__", "__reduce__", "__setstate__", "__reduce_cython__", "__setstate_cython__"}
AUTOMATIC |= {"__pyx_vtable__"}


def stub_body(path):
    return ast.parse(path.read_text()).body


def functions(body):
    """Return the functions of a stub; of a property the getter."""
    found = {}
    for node in body:
        if isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, node)
    return found


def stub_parameters(node):
    """Return (name, kind, default) of each parameter of a stub's function."""
    return [(p.name, p.kind, p.default) for p in inspect.signature(build(node)).parameters.values()]


def build(node):
    """Return a function with the parameters and defaults of a stub's, without annotations."""
    bare = ast.FunctionDef(
        name=node.name, args=node.args, body=[ast.Pass()], decorator_list=[], lineno=1
    )
    for arg in [*bare.args.args, *bare.args.posonlyargs, *bare.args.kwonlyargs]:
        arg.annotation = None
    for arg in (bare.args.vararg, bare.args.kwarg):
        if arg is not None:
            arg.annotation = None
    module = ast.fix_missing_locations(ast.Module(body=[bare], type_ignores=[]))
    namespace = {}
    exec(compile(module, "stub", "exec"), namespace)
    return namespace[node.name]


def real_parameters(function):
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


def kernel_modules():
    """Yield (stub, module name) of every stub at every level."""
    for path in sorted((PACKAGE / "_ext").glob("*.pyi")):
        if path.stem == "__init__":
            continue
        if path.stem.startswith("_"):
            yield path, f"odyssey._ext.{path.stem}"
        else:
            for level in fast.AVAILABLE_LEVELS:
                yield path, f"odyssey._ext.{level}.{path.stem}"


@pytest.mark.skipif(not fast.LEVEL, reason="nothing was compiled in this installation")
@pytest.mark.parametrize(
    ("path", "module"), [pytest.param(p, m, id=m) for p, m in kernel_modules()]
)
def test_stub_of_a_compiled_module(path, module):
    real = importlib.import_module(module)
    public = {
        name: value
        for name, value in vars(real).items()
        if not name.startswith("_")
        and getattr(value, "__module__", None) == f"odyssey._ext.{path.stem}"
    }
    declared = functions(stub_body(path))
    assert sorted(declared) == sorted(public)
    for name, node in declared.items():
        assert stub_parameters(node) == real_parameters(public[name]), name


@pytest.mark.skipif(not fast.LEVEL, reason="nothing was compiled in this installation")
def test_every_compiled_module_has_a_stub():
    sources = {path.stem for path in (PACKAGE / "_ext").glob("*.pyx")}
    if not sources:  # an installation holds no sources: take the modules themselves
        sources = {path.name.split(".")[0] for path in (PACKAGE / "_ext").rglob("*.so")}
    assert sources == {path.stem for path in (PACKAGE / "_ext").glob("*.pyi")} - {"__init__"}


def stub_class(name):
    body = stub_body(PACKAGE / "tensor.pyi")
    return next(n for n in body if isinstance(n, ast.ClassDef) and n.name == name)


@pytest.mark.parametrize("name", ["Tensor", "TensorBase", "Parameter", "Storage"])
def test_stub_of_a_tensor_class_names_what_it_has(name):
    body = stub_class(name).body
    declared = set(functions(body))
    declared |= {node.target.id for node in body if isinstance(node, ast.AnnAssign)}
    real = set(vars(getattr(tensor, name))) - AUTOMATIC
    inherited = {"__repr__"}  # every object has one
    assert declared - inherited == real - inherited


def test_stub_of_tensor_has_the_parameters_of_its_methods():
    checked = 0
    for name, node in functions(stub_class("Tensor").body).items():
        real = inspect.getattr_static(tensor.Tensor, name)
        is_property = any(getattr(d, "id", "") == "property" for d in node.decorator_list)
        assert is_property == isinstance(real, property), name
        if isinstance(real, property) or name in ("__hash__", "__init__"):
            continue
        # An operation calls its first argument x, an operator its second y: names that matter
        # are those that may be used as keywords.
        stub, method = stub_parameters(node)[1:], real_parameters(real)[1:]
        assert len(stub) == len(method), name
        for mine, theirs in zip(stub, method, strict=True):
            assert mine[1] == theirs[1], name
            if not name.startswith("__") and mine[1] != inspect.Parameter.VAR_POSITIONAL:
                assert mine == theirs, name
        checked += 1
    assert checked > 30


def test_stub_of_the_module_tensor():
    declared = {
        getattr(node, "name", None) or node.target.id
        for node in stub_body(PACKAGE / "tensor.pyi")
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AnnAssign))
    }
    assert {name for name in declared if name != "_Operand"} <= set(vars(tensor))
    assert set(tensor.__all__) <= declared
