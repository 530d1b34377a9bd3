"""Weight and spectral norm: PyTorch's values over some steps, copies, states, the way back."""

import copy

import numpy as np
import pytest

import odyssey as od
from odyssey import nn
from odyssey.errors import OdysseyError, ShapeError

STEPS = 5
LINEAR = (lambda: nn.Linear(4, 3, dtype="float64"), lambda t: t.nn.Linear(4, 3), (5, 4))
CONV = (
    lambda: nn.Conv2D(2, 4, (3, 2), groups=2, dtype="float64"),
    lambda t: t.nn.Conv2d(2, 4, (3, 2), groups=2),
    (2, 2, 6, 5),
)
WEIGHT_NAMES = {
    "weight_g": "parametrizations.weight.original0",
    "weight_v": "parametrizations.weight.original1",
}
SPECTRAL_NAMES = {
    "weight_orig": "parametrizations.weight.original",
    "weight_u": "parametrizations.weight.0._u",
    "weight_v": "parametrizations.weight.0._v",
}
NORMS = [nn.weight_norm, nn.spectral_norm]
REMOVE = {nn.weight_norm: nn.remove_weight_norm, nn.spectral_norm: nn.remove_spectral_norm}


def close(mine, theirs):
    mine, theirs = np.asarray(mine), theirs.detach().numpy()
    # The one length of all weights has no axes there, and axes of length 1 here.
    assert mine.shape == theirs.shape or mine.size == theirs.size == 1
    np.testing.assert_allclose(mine.reshape(theirs.shape), theirs, rtol=0, atol=1e-9)


def train_both(torch, layer, theirs, names, shape):
    """Train both with plain steps from one state; values and gradients agree in each."""
    shapes = {name: one.shape for name, one in theirs.state_dict().items()}
    state = {names.get(name, name): array for name, array in layer.state_dict().items()}
    theirs.load_state_dict({n: torch.tensor(a).reshape(shapes[n]) for n, a in state.items()})
    own = {names.get(n, n): p for n, p in layer.named_parameters()}
    rng = np.random.default_rng(0)
    for step in range(STEPS):
        layer.train(step != 3)
        theirs.train(step != 3)
        x = rng.standard_normal(shape)
        y, other = layer(od.tensor(x)), theirs(torch.tensor(x))
        close(y, other)
        g = rng.standard_normal(y.shape)
        y.backward(g)
        other.backward(torch.tensor(g))
        assert own.keys() == dict(theirs.named_parameters()).keys()
        for name, p in theirs.named_parameters():
            close(own[name].grad, p.grad)
            p.data -= 0.1 * p.grad
            own[name].data[...] -= 0.1 * own[name].grad.numpy()
            own[name].grad = p.grad = None
    state = theirs.state_dict()
    for name, array in layer.state_dict().items():
        close(array, state[names.get(name, name)])


@pytest.mark.parametrize(
    ("kind", "axis"), [(LINEAR, 0), (LINEAR, 1), (LINEAR, None), (CONV, 0), (CONV, 3), (CONV, -2)]
)
def test_weight_norm_is_that_of_pytorch(kind, axis):
    torch = pytest.importorskip("torch")
    make, make_theirs, shape = kind
    layer = nn.weight_norm(make(), axis=axis)
    theirs = make_theirs(torch).double()
    # PyTorch's counts of axes from the end mean something else: -1 is None.
    dim = axis if axis is None else axis % layer.weight.ndim
    theirs = torch.nn.utils.parametrizations.weight_norm(theirs, dim=dim)
    train_both(torch, layer, theirs, WEIGHT_NAMES, shape)


@pytest.mark.parametrize(("kind", "iterations"), [(LINEAR, 1), (LINEAR, 3), (CONV, 1)])
def test_spectral_norm_is_that_of_pytorch(kind, iterations):
    torch = pytest.importorskip("torch")
    make, make_theirs, shape = kind
    layer = nn.spectral_norm(make(), iterations=iterations)
    theirs = torch.nn.utils.parametrizations.spectral_norm(
        make_theirs(torch).double(), n_power_iterations=iterations
    )
    train_both(torch, layer, theirs, SPECTRAL_NAMES, shape)


def test_spectral_norm_of_another_axis_is_that_of_pytorch():
    torch = pytest.importorskip("torch")
    layer = nn.spectral_norm(nn.Conv2D(2, 3, 2, dtype="float64"), axis=1)
    theirs = torch.nn.utils.parametrizations.spectral_norm(torch.nn.Conv2d(2, 3, 2).double(), dim=1)
    train_both(torch, layer, theirs, SPECTRAL_NAMES, (2, 2, 4, 5))


def test_the_outputs_of_a_transposed_convolution_are_its_second_axis():
    torch = pytest.importorskip("torch")
    layer = nn.spectral_norm(nn.ConvTranspose2D(2, 3, 2, dtype="float64"))
    theirs = torch.nn.ConvTranspose2d(2, 3, 2).double()
    theirs = torch.nn.utils.parametrizations.spectral_norm(theirs)
    assert layer.weight_u.shape == (3,)
    train_both(torch, layer, theirs, SPECTRAL_NAMES, (2, 2, 4, 5))


# -- what is computed --------------------------------------------------------------------------


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("make", [LINEAR[0], CONV[0]])
def test_weight_norm_changes_nothing_at_first(norm, make):
    layer = make()
    before = layer.weight.numpy().copy()
    norm(layer)
    scale = 1.0
    if norm is nn.spectral_norm:
        scale = layer.weight_u.numpy() @ before.reshape(len(before), -1) @ layer.weight_v.numpy()
    np.testing.assert_allclose(layer.weight.numpy() * scale, before, rtol=1e-13)
    assert "weight" not in dict(layer.named_parameters())


def test_weight_norm_of_all_weights_together():
    layer = nn.Linear(4, 3, dtype="float64")
    before = layer.weight.numpy().copy()
    nn.weight_norm(layer, axis=None)
    assert layer.weight_g.shape == (1, 1)
    layer.weight_g.data[...] = 2.0
    x = np.random.default_rng(0).standard_normal((5, 4))
    expected = x @ (2 * before / np.linalg.norm(before)).T + layer.bias.numpy()
    np.testing.assert_allclose(layer(od.tensor(x)).numpy(), expected, rtol=1e-12)


def test_lengths_and_directions_are_apart():
    layer = nn.weight_norm(nn.Linear(4, 3, dtype="float64"))
    layer.weight_g.data[...] = 2.0
    layer.weight_v.data[...] *= 7.0
    layer(od.ones(4, dtype="float64"))
    np.testing.assert_allclose(np.linalg.norm(layer.weight.numpy(), axis=1), 2.0, rtol=1e-13)


def test_spectral_norm_bounds_how_signals_grow():
    layer = nn.spectral_norm(nn.Linear(6, 5, dtype="float64"), iterations=50)
    layer.weight_orig.data[...] *= 30.0
    layer(od.ones(6, dtype="float64"))
    assert np.linalg.svd(layer.weight.numpy())[1][0] == pytest.approx(1.0, abs=1e-6)


def test_power_iterations_are_for_training_only():
    layer = nn.spectral_norm(nn.Linear(6, 5), rng=np.random.default_rng(0))
    layer.weight_orig.data[...] = np.random.default_rng(1).standard_normal((5, 6))
    before = layer.weight_u.numpy().copy()
    layer.eval()(od.ones(6))
    assert np.array_equal(layer.weight_u.numpy(), before)
    layer.train()(od.ones(6))
    assert not np.array_equal(layer.weight_u.numpy(), before)


def test_the_first_estimates_are_drawn_from_the_rng():
    layer = CONV[0]()
    made = []
    for seed in (3, 3, 4):
        same = nn.spectral_norm(copy.deepcopy(layer), rng=np.random.default_rng(seed))
        made.append(same.weight_u.numpy())
    assert np.array_equal(made[0], made[1]) and not np.array_equal(made[0], made[2])


def test_a_penalty_on_the_weight_reaches_what_it_is_made_of():
    layer = nn.weight_norm(nn.Linear(4, 3, dtype="float64"))
    layer(od.ones(4, dtype="float64"))
    (layer.weight**2).sum().backward()
    np.testing.assert_allclose(layer.weight_g.grad.numpy(), 2 * layer.weight_g.numpy(), rtol=1e-12)


@pytest.mark.parametrize("norm", NORMS)
def test_two_calls_before_one_backward(norm):
    """The second call improves the estimates; what the first one saved stays as it was."""
    rng = np.random.default_rng(0)
    layer = norm(nn.Linear(6, 5, dtype="float64"))
    for parameter in layer.parameters():
        parameter.data[...] = rng.standard_normal(parameter.shape)
    apart = copy.deepcopy(layer)
    first, second = (od.tensor(rng.standard_normal((7, 6))) for _ in range(2))
    ((layer(first) ** 2).sum() - (layer(second) ** 2).sum()).backward()
    (apart(first) ** 2).sum().backward()
    (-((apart(second) ** 2).sum())).backward()
    for one, other in zip(layer.parameters(), apart.parameters(), strict=True):
        np.testing.assert_allclose(one.grad.numpy(), other.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_the_estimates_are_good_from_the_first_call_on():
    layer = nn.Linear(5, 4, dtype="float64")
    layer.weight.data[...] = 0
    np.fill_diagonal(layer.weight.data, [2.0, 1.0, 0.5, 0.1])
    nn.spectral_norm(layer, rng=np.random.default_rng(0)).eval()(od.ones(5, dtype="float64"))
    # After 15 iterations the second direction is left with 2**-29 of its share.
    np.testing.assert_allclose(np.abs(layer.weight_u.numpy()), [1, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(layer.weight.numpy()[0, 0], 1.0, atol=1e-6)


# -- what it survives --------------------------------------------------------------------------


@pytest.mark.parametrize("norm", NORMS)
def test_copies_are_apart(norm):
    layer = norm(nn.Linear(4, 3))
    x = od.randn(5, 4)
    layer(x)
    other = copy.deepcopy(layer).eval()
    expected = layer.eval()(x).numpy().copy()
    assert np.array_equal(other(x).numpy(), expected)
    for parameter in other.parameters():
        parameter.data[...] *= 3.0
    other.bias.data[...] = 5.0
    assert not np.array_equal(other(x).numpy(), expected)
    assert np.array_equal(layer(x).numpy(), expected)
    other(x).sum().backward()
    assert all(p.grad is None for p in layer.parameters())
    assert all(p.grad is not None for p in other.parameters())


@pytest.mark.parametrize("norm", NORMS)
def test_states_come_back(norm, tmp_path):
    layer, other = (nn.Sequential(norm(nn.Conv2D(2, 3, 3)), nn.ReLU()) for _ in range(2))
    x = od.randn(2, 2, 5, 5)
    layer(x)
    od.save(layer, tmp_path / "layer.safetensors")
    other.load_state_dict(od.load(tmp_path / "layer.safetensors"))
    assert np.array_equal(other.eval()(x).numpy(), layer.eval()(x).numpy())


def test_functional_call_computes_the_weight_from_what_it_is_given():
    layer = nn.weight_norm(nn.Linear(4, 3, bias=False))
    x = od.randn(5, 4)
    expected = layer(x).numpy() * 2
    g = od.tensor(layer.weight_g.numpy() * 2, requires_grad=True)
    y = nn.functional_call(layer, {"weight_g": g}, x)
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-6)
    y.sum().backward()
    assert g.grad is not None and layer.weight_g.grad is None
    np.testing.assert_allclose(layer(x).numpy(), expected / 2, rtol=1e-6)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_conversion(norm, dtype):
    layer = norm(nn.Linear(4, 3)).to(dtype)
    assert layer(od.ones(4, dtype=dtype)).dtype == dtype
    assert layer.weight.dtype == dtype


def test_two_parameters_of_one_module():
    layer = nn.SeparableConv2D(2, 3, 3)
    nn.weight_norm(nn.weight_norm(layer, "depthwise_weight"), "pointwise_weight")
    nn.remove_weight_norm(layer, "depthwise_weight")
    assert [name for name, _ in layer.named_parameters()] == [
        "bias",
        "pointwise_weight_g",
        "pointwise_weight_v",
        "depthwise_weight",
    ]
    layer(od.ones((1, 2, 4, 4))).sum().backward()
    assert all(p.grad is not None for p in layer.parameters())


# -- the way back ------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", NORMS)
def test_removal_folds_the_weight_back(norm):
    layer = norm(nn.Linear(4, 3, dtype="float64"))
    x = od.tensor(np.random.default_rng(0).standard_normal((5, 4)))
    layer(x)
    for parameter in layer.parameters():
        parameter.data[...] += 0.5  # after the last call: what counts are the parameters
    expected = layer.eval()(x).numpy().copy()
    assert REMOVE[norm](layer) is layer
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    assert isinstance(layer.weight, nn.Parameter) and layer.weight.requires_grad
    np.testing.assert_allclose(layer.train()(x).numpy(), expected, rtol=1e-14)
    layer(x).sum().backward()
    assert layer.weight.grad is not None
    with pytest.raises(OdysseyError, match=r"Linear\.weight has no (weight|spectral)_norm"):
        REMOVE[norm](layer)
    norm(layer)  # and again


@pytest.mark.parametrize("norm", NORMS)
def test_a_frozen_weight_stays_frozen(norm):
    layer = nn.Linear(4, 3).requires_grad_(False)
    norm(layer)
    assert not any(p.requires_grad for p in layer.parameters())
    assert not REMOVE[norm](layer).weight.requires_grad


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.weight_norm(nn.ReLU()), OdysseyError, "ReLU has no parameter 'weight'"),
        (lambda: nn.weight_norm(nn.Linear(2, 3), "wieght"), OdysseyError, "no parameter 'wieght'"),
        (
            lambda: nn.weight_norm(nn.weight_norm(nn.Linear(2, 3))),
            OdysseyError,
            "no parameter 'weight'",
        ),
        (lambda: nn.weight_norm(nn.Linear(2, 3), axis=2), ShapeError, "^weight_norm: axis"),
        (lambda: nn.weight_norm(nn.Linear(None, 3)), OdysseyError, "not known yet"),
        (lambda: nn.spectral_norm(nn.Linear(2, 3), "bias"), ShapeError, "at least 2 axes"),
        (lambda: nn.spectral_norm(nn.Linear(2, 3), axis=2), ShapeError, "^spectral_norm: axis"),
        (lambda: nn.spectral_norm(nn.Linear(2, 3), iterations=0), ShapeError, "iterations must be"),
        (lambda: nn.spectral_norm(nn.Linear(2, 3), eps=-1.0), OdysseyError, "eps must be"),
        (
            lambda: nn.remove_spectral_norm(nn.weight_norm(nn.Linear(2, 3))),
            OdysseyError,
            "has no spectral_norm",
        ),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_refusal_leaves_the_layer_as_it_was():
    layer = nn.Linear(2, 3)
    for bad in (lambda: nn.weight_norm(layer, axis=5), lambda: nn.spectral_norm(layer, axis=5)):
        with pytest.raises(ShapeError):
            bad()
    assert sorted(layer.state_dict()) == ["bias", "weight"] and layer._hooks is None
