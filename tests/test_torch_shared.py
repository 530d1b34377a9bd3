"""Every operation that PyTorch has, too, on arguments drawn at random: values and gradients.

The draws are in ``tests/samples``, beside the samples. Draw ``k`` of an operation is
always the same, so that a failure, which names both, can be repeated.
"""

from itertools import cycle
from operator import attrgetter
from zlib import crc32

import numpy as np
import pytest
from samples import Shared, by_name, flat, gathered, is_input

import odyssey as od
from odyssey import core
from odyssey.testing import LAYOUTS, difference, operations, tolerance

torch = pytest.importorskip("torch")

DRAWS = 30
SHARED, NOT_SHARED = by_name("SHARED"), gathered("NOT_SHARED")
VIEWS = [name for name in LAYOUTS if name not in ("broadcast", "unaligned")]
PLACES = ("", "nn.functional.", "linalg.", "special.")
ELSEWHERE = {"negate": "neg", "power": "pow", "modulo": "remainder", "expand_dims": "unsqueeze",
             "max": "amax", "min": "amin"}  # fmt: skip


def in_torch(path):
    try:
        return attrgetter(path)(torch)
    except AttributeError:
        return None


def has_namesake(name):
    return any(in_torch(place + ELSEWHERE.get(name, name)) is not None for place in PLACES)


def cast(value, dtype, layout):
    """Return ``value``, the arrays in it in a dtype and layout."""
    if isinstance(value, list):
        return [cast(one, dtype, layout) for one in value]
    value = np.asarray(value) if isinstance(value, np.generic) else value
    return LAYOUTS[layout](value.astype(dtype)) if is_input(value) else value


def convert(value, tensor):
    """Return ``value``, the arrays in it as tensors, floating ones with a gradient."""
    if isinstance(value, (list, tuple)):
        return type(value)([convert(one, tensor) for one in value])
    return tensor(value) if isinstance(value, np.ndarray) else value


def mine(array):
    return od.tensor(array, requires_grad=is_input(array))


def theirs(array):
    return torch.tensor(np.array(array, order="C"), requires_grad=is_input(array))


def outputs(result):
    return list(result) if isinstance(result, (list, tuple)) else [result]


def run(function, args, kwargs, tensor, cotangents):
    """Return the results and the gradients of the floating arrays among the arguments."""
    args, kwargs = tuple(convert(list(args), tensor)), convert_values(kwargs, tensor)
    outs = outputs(function(*args, **kwargs))
    inputs = [x for x in flat([*args, *kwargs.values()]) if getattr(x, "requires_grad", False)]
    roots = [(y, v) for y, v in zip(outs, cotangents(outs), strict=True) if y.requires_grad]
    for number, (y, v) in enumerate(roots):
        y.backward(v if tensor is mine else torch.tensor(v), retain_graph=number + 1 < len(roots))
    values = [np.asarray(y if tensor is mine else y.detach().numpy()) for y in outs]
    return values, [None if x.grad is None else np.asarray(x.grad.numpy()) for x in inputs]


def convert_values(kwargs, tensor):
    return {name: convert(value, tensor) for name, value in kwargs.items()}


def check(shared, k, dtype, layout, backend):
    rng = np.random.default_rng([crc32(shared.name.encode()), k])
    args, kwargs = shared.draw(rng)
    args = cast(list(args), dtype, layout)
    kwargs = {name: cast(value, dtype, layout) for name, value in kwargs.items()}
    with od.use_backend(backend):
        seed = int(rng.integers(2**32))
        found, grads = run(getattr(core, shared.name), args, kwargs, mine, draws_like(seed))
    function = shared.theirs if callable(shared.theirs) else in_torch(shared.theirs)
    if callable(shared.theirs):
        args = [torch, *args]
    renamed = {shared.names.get(name, name): value for name, value in kwargs.items()}
    values, expected = run(function, args, renamed, theirs, draws_like(seed))
    for one, other in zip(found, values, strict=True):
        assert one.shape == other.shape
        assert one.dtype.kind == other.dtype.kind
        agrees("value", one, other, shared.terms)
    scale = max([float(np.abs(g).max(initial=0)) for g in expected if g is not None], default=0.0)
    for number, (one, other) in enumerate(zip(grads, expected, strict=True)):
        # No gradient and the gradient zero are the same.
        zeros = np.zeros_like(one if other is None else other)
        one, other = (zeros if g is None else g for g in (one, other))
        agrees(f"gradient {number}", one, other, shared.terms, scale)


def draws_like(seed):
    """Return a function of results that draws cotangents, the same each time."""

    def draw(outs):
        rng = np.random.default_rng(seed)
        dtypes = [str(y.dtype).removeprefix("torch.") for y in outs]
        return [
            np.asarray(rng.standard_normal(tuple(y.shape))).astype(dtype)
            for y, dtype in zip(outs, dtypes, strict=True)
        ]

    return draw


def agrees(what, found, expected, terms, scale=None):
    if expected.dtype.kind != "f":
        assert np.array_equal(found, expected), what
        return
    off = difference(found, expected, scale)
    assert off.error <= tolerance(expected.dtype, terms), (what, off)


@pytest.mark.parametrize("name", sorted(SHARED))
def test_shared(name):
    tried = 0
    for shared in SHARED[name]:
        for k, dtype, layout in zip(range(DRAWS), cycle(shared.dtypes), cycle(VIEWS), strict=False):
            for backend in ("fast", "reference") if k % 5 == 0 else ("fast",):
                try:
                    check(shared, k, dtype, layout, backend)
                except Exception as error:
                    error.add_note(f"draw {k} of {name}, {dtype}, {layout}, {backend}")
                    raise
            tried += 1
    assert tried >= DRAWS


def test_nothing_that_torch_has_is_forgotten():
    public = {name for name in operations() if has_namesake(name)}
    assert public - SHARED.keys() == NOT_SHARED.keys()
    assert not SHARED.keys() & NOT_SHARED.keys()
    assert SHARED.keys() <= operations().keys()


def test_a_wrong_value_or_gradient_is_found(monkeypatch):
    (tanh,) = SHARED["tanh"]
    monkeypatch.setitem(SHARED, "sigmoid", [Shared("sigmoid", "tanh", tanh.draw)])
    for wrong in (lambda x: core.tanh(x) + 0.01, lambda x: core.tanh(x) + (x - x.data) * 0.1):
        monkeypatch.setattr(core, "sigmoid", wrong)
        with pytest.raises(AssertionError, match=r"value|gradient"):
            test_shared("sigmoid")
