"""In-place initializers: the values of those of core, in the same tensor."""

import inspect

import numpy as np
import pytest

import odyssey as od
from odyssey import core, nn
from odyssey.errors import DTypeError, GradientError, OdysseyError, ShapeError
from odyssey.nn import init

# The name here, the function of core, what both are called with.
PAIRS = [
    ("uniform_", core.uniform, {"low": -2.0, "high": 3.0}),
    ("normal_", core.normal, {"mean": 1.0, "std": 0.3}),
    ("trunc_normal_", core.truncated_normal, {"mean": 1.0, "std": 2.0, "low": 0.0, "high": 1.5}),
    ("constant_", core.constant, {"value": 0.3}),
    ("eye_", core.identity, {"gain": 2.0}),
    ("dirac_", core.dirac, {"groups": 2}),
    ("xavier_uniform_", core.xavier_uniform, {"gain": 2.0}),
    ("xavier_normal_", core.xavier_normal, {"gain": 2.0}),
    (
        "kaiming_uniform_",
        core.kaiming_uniform,
        {"slope": 0.5, "mode": "fan_out", "nonlinearity": "leaky_relu"},
    ),
    (
        "kaiming_normal_",
        core.kaiming_normal,
        {"slope": 0.5, "mode": "fan_out", "nonlinearity": "leaky_relu"},
    ),
    ("lecun_uniform_", core.lecun_uniform, {}),
    ("lecun_normal_", core.lecun_normal, {}),
    (
        "variance_scaling_",
        core.variance_scaling,
        {"scale": 3.0, "mode": "fan_avg", "distribution": "uniform"},
    ),
    ("orthogonal_", core.orthogonal, {"gain": 2.0}),
    ("sparse_", core.sparse, {"sparsity": 0.4, "std": 0.2}),
]
IDS = [name for name, *_ in PAIRS]
SHAPES = {"dirac_": (4, 3, 5)}
DETERMINISTIC = {"constant_", "eye_", "dirac_"}


def rng_for(name, seed=0):
    return {} if name in DETERMINISTIC else {"rng": np.random.default_rng(seed)}


def fresh(name, dtype="float32"):
    return nn.Parameter(np.full(SHAPES.get(name, (6, 5)), 9.0, dtype))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(("name", "of_core", "settings"), PAIRS, ids=IDS)
def test_values_are_those_of_core(name, of_core, settings, dtype):
    parameter = fresh(name, dtype)
    memory = parameter.data
    out = getattr(init, name)(parameter, **settings, **rng_for(name))
    expected = of_core(parameter.shape, **settings, dtype=dtype, **rng_for(name)).numpy()
    assert out is parameter and parameter.data is memory
    assert parameter.requires_grad and parameter.is_leaf and parameter.grad is None
    assert parameter.dtype == dtype and np.array_equal(memory, expected)
    assert not np.array_equal(memory, np.full_like(memory, 9.0))


@pytest.mark.parametrize(("name", "of_core", "settings"), PAIRS, ids=IDS)
def test_without_an_rng_the_process_seed_counts(name, of_core, settings):
    od.manual_seed(4)
    first = getattr(init, name)(fresh(name), **settings).numpy().copy()
    second = getattr(init, name)(fresh(name), **settings).numpy()
    assert np.array_equal(first, second) == (name in DETERMINISTIC)
    od.manual_seed(4)
    assert np.array_equal(getattr(init, name)(fresh(name), **settings).numpy(), first)


@pytest.mark.parametrize(("name", "of_core", "settings"), PAIRS, ids=IDS)
def test_writes_are_counted(name, of_core, settings):
    """Backward notices that a value which it needs was written over."""
    parameter = fresh(name)
    y = (parameter**2).sum()
    getattr(init, name)(parameter, **settings)
    with pytest.raises(GradientError, match="written to in place"):
        y.backward()


@pytest.mark.parametrize("name", [*IDS, "zeros_", "ones_"])
def test_integers_are_refused(name):
    settings = dict(next((one[2] for one in PAIRS if one[0] == name), {}))
    with pytest.raises(DTypeError, match="needs a floating-point tensor, but got dtype int64"):
        getattr(init, name)(od.tensor(np.ones((4, 4), np.int64)), **settings)


def test_zeros_and_ones():
    parameter = fresh("zeros_")
    assert not init.zeros_(parameter).numpy().any()
    assert (init.ones_(parameter).numpy() == 1).all()


def test_tensors_and_frozen_parameters_stay_what_they_are():
    frozen = nn.Parameter(np.zeros(3), requires_grad=False)
    assert not init.ones_(frozen).requires_grad
    buffer = nn.Buffer(np.zeros(3))
    assert init.ones_(buffer) is buffer and buffer.numpy().all()


@pytest.mark.parametrize(
    ("name", "torch_name", "args"),
    [
        ("uniform_", "uniform_", ()),
        ("normal_", "normal_", ()),
        ("trunc_normal_", "trunc_normal_", ()),
        ("xavier_uniform_", "xavier_uniform_", ()),
        ("xavier_normal_", "xavier_normal_", (2.0,)),
        ("kaiming_uniform_", "kaiming_uniform_", ()),
        ("kaiming_uniform_", "kaiming_uniform_", (5**0.5,)),
        ("kaiming_normal_", "kaiming_normal_", (0.1, "fan_out", "relu")),
        ("orthogonal_", "orthogonal_", (3.0,)),
        ("sparse_", "sparse_", (0.25, 2.0)),
    ],
)
def test_defaults_and_order_are_those_of_pytorch(name, torch_name, args):
    torch = pytest.importorskip("torch")
    mine = getattr(init, name)(
        nn.Parameter(np.zeros((400, 300))), *args, rng=np.random.default_rng(0)
    ).numpy()
    torch.manual_seed(0)
    theirs = getattr(torch.nn.init, torch_name)(torch.zeros(400, 300, dtype=torch.float64), *args)
    theirs = theirs.numpy()
    scale = theirs.std()
    assert mine.std() == pytest.approx(scale, rel=0.02)
    assert mine.mean() == pytest.approx(theirs.mean(), abs=0.02 * scale)
    assert np.quantile(mine, 0.99) == pytest.approx(np.quantile(theirs, 0.99), rel=0.03)


@pytest.mark.parametrize(
    "args", [("linear",), ("sigmoid",), ("tanh",), ("relu",), ("leaky_relu", 0.2), ("selu",)]
)
def test_gains_are_those_of_pytorch(args):
    torch = pytest.importorskip("torch")
    assert init.calculate_gain(*args) == pytest.approx(torch.nn.init.calculate_gain(*args))


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("shape", [(4, 2, 3), (4, 4, 5, 3), (2, 3, 1, 2, 4)])
def test_dirac_is_that_of_pytorch(shape, groups):
    torch = pytest.importorskip("torch")
    mine = init.dirac_(nn.Parameter(np.ones(shape)), groups).numpy()
    expected = torch.nn.init.dirac_(torch.ones(shape, dtype=torch.float64), groups).numpy()
    assert np.array_equal(mine, expected)


@pytest.mark.parametrize(
    ("call", "shape", "error", "message"),
    [
        *[
            (getattr(init, name), (3,), ShapeError, "at least 2 axes")
            for name in (
                "xavier_uniform_",
                "xavier_normal_",
                "kaiming_uniform_",
                "kaiming_normal_",
                "lecun_uniform_",
                "lecun_normal_",
                "variance_scaling_",
                "orthogonal_",
            )
        ],
        (init.eye_, (3, 3, 3), ShapeError, "2 axes"),
        (init.dirac_, (3, 3), ShapeError, "at least 3 axes"),
        (lambda p: init.dirac_(p, 2), (3, 3, 3), ShapeError, "does not divide"),
        (lambda p: init.sparse_(p, 0.5), (3,), ShapeError, "2 axes"),
        (lambda p: init.sparse_(p, 1.5), (3, 3), OdysseyError, "sparsity must lie"),
        (lambda p: init.kaiming_normal_(p, mode="in"), (3, 3), OdysseyError, "mode must be"),
        (
            lambda p: init.kaiming_normal_(p, nonlinearity="gelu"),
            (3, 3),
            OdysseyError,
            "nonlinearity must be",
        ),
        (lambda p: init.variance_scaling_(p, 0.0), (3, 3), OdysseyError, "scale must be"),
    ],
)
def test_what_is_refused_leaves_the_parameter_as_it_was(call, shape, error, message):
    parameter = nn.Parameter(np.full(shape, 7.0))
    with pytest.raises(error, match=message):
        call(parameter)
    assert (parameter.numpy() == 7).all()


def test_every_initializer_is_tested():
    public = {name for name in init.__all__ if name.endswith("_")}
    assert public == {*IDS, "zeros_", "ones_"}
    for name in public:
        assert next(iter(inspect.signature(getattr(init, name)).parameters)) == "tensor"


# -- rules for a whole model -------------------------------------------------------------------


def test_the_first_rule_that_matches_counts():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    kept = model[1].weight.numpy().copy()
    rules = {"0.*": init.ones_, "*bias": init.zeros_}
    assert init.initialize(model, rules) is model
    assert (model[0].bias.numpy() == 1).all() and (model[0].weight.numpy() == 1).all()
    assert not model[1].bias.numpy().any() and np.array_equal(model[1].weight.numpy(), kept)


def test_a_rule_in_vain_is_refused():
    model = nn.Linear(3, 2)
    kept = model.weight.numpy().copy()
    with pytest.raises(OdysseyError, match=r"no parameter that matches 'wieght'.*weight, bias"):
        init.initialize(model, {"*": init.zeros_, "wieght": init.ones_})
    assert np.array_equal(model.weight.numpy(), kept)
