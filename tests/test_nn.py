"""Modules: parameters, state, modes, text; and the layers that exist."""

import numpy as np
import pytest

import odyssey as od
from odyssey import nn
from odyssey.errors import DTypeError, FormatError, OdysseyError, ShapeError


class Block(nn.Module):
    def __init__(self):
        self.first = nn.Linear(3, 4)
        self.scale = nn.Parameter(od.ones(4))
        self.rest = [nn.ReLU(), nn.Linear(4, 2, bias=False)]
        self.named = {"extra": nn.Parameter(od.zeros(1)), "deep": (nn.Linear(1, 1),)}
        self.constant = od.ones(3)  # a plain tensor is not a parameter

    def forward(self, x):
        x = self.first(x) * self.scale
        for module in self.rest:
            x = module(x)
        return x


def names(module):
    return [name for name, _ in module.named_parameters()]


# -- the tree ----------------------------------------------------------------------------------


def test_parameters_are_found_in_attributes_lists_and_dicts():
    assert names(Block()) == [
        "scale",
        "named.extra",
        "first.weight",
        "first.bias",
        "rest.1.weight",
        "named.deep.0.weight",
        "named.deep.0.bias",
    ]


def test_modules_have_dotted_names():
    model = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU(), Block()))
    found = [name for name, _ in model.named_modules()]
    assert found[:5] == ["", "0", "1", "1.0", "1.1"] and "1.1.rest.1" in found


def test_shared_parameters_count_once():
    block = Block()
    block.again = block.first
    block.rest[1].weight_too = block.rest[1].weight
    block.named["deep"][0].weight = block.scale
    assert len(names(block)) == len(set(names(block))) == 6
    assert len({id(p) for p in block.parameters()}) == 6
    assert sum(1 for m in block.modules() if m is block.first) == 1


def test_a_module_that_contains_itself():
    block = Block()
    block.me = block
    assert len(names(block)) == 7


def test_apply_visits_children_first():
    seen = []
    model = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Flatten()))
    assert model.apply(lambda m: seen.append(type(m).__name__)) is model
    assert seen == ["ReLU", "Flatten", "Sequential", "Sequential"]


def test_train_and_eval():
    model = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Flatten()))
    assert all(m.training for m in model.modules())
    assert model.eval() is model and not any(m.training for m in model.modules())
    model[1].train()
    assert [m.training for m in model.modules()] == [False, False, True, True]
    assert nn.ReLU().training  # other modules keep theirs


def test_zero_grad():
    model = Block()
    model(od.ones((2, 3))).sum().backward()
    assert any(p.grad is not None for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())


def test_module_without_forward():
    with pytest.raises(OdysseyError, match="Module: a module must define forward"):
        nn.Module()(1)


# -- state -------------------------------------------------------------------------------------


def test_state_round_trip():
    one, other = Block(), Block()
    state = {name: array.copy() for name, array in one.state_dict().items()}
    assert list(state) == names(one)
    other.load_state_dict(state)
    for mine, theirs in zip(one.parameters(), other.parameters(), strict=True):
        assert np.array_equal(mine.numpy(), theirs.numpy()) and mine is not theirs
    assert not np.shares_memory(other.first.weight.numpy(), state["first.weight"])


def test_state_keeps_parameters_in_place():
    model = nn.Linear(2, 2)
    weight, memory = model.weight, model.weight.numpy()
    model.load_state_dict({"weight": np.ones((2, 2)), "bias": od.zeros(2)})
    assert model.weight is weight and weight.numpy() is memory
    assert memory.tolist() == [[1, 1], [1, 1]] and memory.dtype == np.float32


def test_load_lists_everything_and_loads_nothing():
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    before = {name: array.copy() for name, array in model.state_dict().items()}
    state = {name: array + 1 for name, array in before.items()}
    del state["0.bias"], state["2.weight"]
    state["extra"] = np.ones(1)
    state["0.weight"] = np.ones((3, 5))
    with pytest.raises(FormatError) as caught:
        model.load_state_dict(state)
    message = str(caught.value)
    for part in (
        "does not fit Sequential",
        "missing: 0.bias",
        "missing: 2.weight",
        "unexpected: extra",
        "0.weight: expected shape (3, 2), got (3, 5)",
    ):
        assert part in message
    for name, array in model.state_dict().items():
        assert np.array_equal(array, before[name])


# -- text --------------------------------------------------------------------------------------


def test_repr_is_a_tree():
    model = nn.Sequential(nn.Linear(4, 8), nn.Sequential(nn.ReLU(), nn.Flatten(0)))
    assert repr(model) == (
        "Sequential(\n"
        "  (0): Linear(4, 8, bias=True)\n"
        "  (1): Sequential(\n"
        "    (0): ReLU()\n"
        "    (1): Flatten(start_axis=0, end_axis=-1)\n"
        "  )\n"
        ")"
    )
    assert repr(nn.Sequential()) == "Sequential()"
    assert repr(nn.Linear(1, 2, bias=False)) == "Linear(1, 2, bias=False)"


# -- layers ------------------------------------------------------------------------------------


def test_linear():
    layer = nn.Linear(3, 2)
    x = od.randn(5, 3)
    expected = x.numpy() @ layer.weight.numpy().T + layer.bias.numpy()
    assert layer(x).numpy() == pytest.approx(expected, abs=1e-6)
    assert nn.Linear(3, 2, bias=False).bias is None
    assert nn.Linear(3, 2, dtype="float64").weight.dtype == np.float64


def test_linear_begins_within_its_bound():
    layer = nn.Linear(100, 400, rng=np.random.default_rng(0))
    values = np.concatenate([layer.weight.numpy().ravel(), layer.bias.numpy()])
    assert abs(values).max() <= 0.1 and abs(values).max() > 0.0999
    assert values.var() == pytest.approx(0.1**2 / 3, rel=0.02)


def test_first_values_follow_the_seed():
    models = []
    for _ in range(2):
        od.manual_seed(5)
        models.append(nn.Linear(3, 4))
    assert np.array_equal(models[0].weight.numpy(), models[1].weight.numpy())
    rng = np.random.default_rng
    same = [nn.Linear(3, 4, rng=rng(1)).weight.numpy() for _ in range(2)]
    assert np.array_equal(*same)


@pytest.mark.parametrize("features", [(0, 1), (1, -2), (1.5, 1), ("3", 1)])
def test_bad_linear(features):
    with pytest.raises(ShapeError, match=r"Linear: (in|out)_features must be a positive integer"):
        nn.Linear(*features)


def test_linear_names_what_does_not_fit():
    with pytest.raises(ShapeError, match=r"linear: x has 3 features but weight expects 4"):
        nn.Linear(4, 10)(od.ones((8, 3)))
    with pytest.raises(DTypeError, match="must share one dtype"):
        nn.Linear(4, 10)(od.ones((8, 4), dtype="float64"))


def test_relu_and_flatten():
    assert nn.ReLU()(od.tensor([-1.0, 2.0])).tolist() == [0, 2]
    assert nn.Flatten()(od.ones((2, 3, 4))).shape == (2, 12)
    assert nn.Flatten(0, 1)(od.ones((2, 3, 4))).shape == (6, 4)


def test_sequential():
    layers = [nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)]
    model = nn.Sequential(*layers)
    x = od.randn(5, 3)
    assert np.array_equal(model(x).numpy(), layers[2](layers[1](layers[0](x))).numpy())
    assert len(model) == 3 and list(model) == layers and model[-1] is layers[2]
    part = model[1:]
    assert isinstance(part, nn.Sequential) and list(part) == layers[1:]
    assert nn.Sequential()(x) is x


def test_bad_sequential():
    with pytest.raises(DTypeError, match="Sequential: argument 1 must be a Module, got function"):
        nn.Sequential(nn.ReLU(), lambda x: x)
    with pytest.raises(ShapeError, match="Sequential: index 2 is out of range for 1 modules"):
        nn.Sequential(nn.ReLU())[2]


def test_more_than_ten_modules_keep_their_order():
    model = nn.Sequential(*[nn.Linear(1, 1) for _ in range(12)])
    assert [name.split(".")[0] for name in names(model)[::2]] == [str(i) for i in range(12)]


def test_functional_is_core():
    for name in nn.functional.__all__:
        assert getattr(nn.functional, name) is getattr(od.core, name)


# -- initializers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "variance"),
    [
        (lambda rng: od.core.kaiming_uniform((300, 200), rng=rng), 2 / 200),
        (lambda rng: od.core.kaiming_normal((300, 200), rng=rng), 2 / 200),
        (lambda rng: od.core.kaiming_normal((300, 200), mode="fan_out", rng=rng), 2 / 300),
        (lambda rng: od.core.kaiming_normal((60, 50, 3, 5), "fan_in", "linear", rng=rng), 1 / 750),
        (lambda rng: od.core.xavier_uniform((300, 200), rng=rng), 2 / 500),
        (lambda rng: od.core.xavier_normal((300, 200), gain=2.0, rng=rng), 8 / 500),
        (lambda rng: od.core.normal((300, 200), std=0.1, rng=rng), 0.01),
        (lambda rng: od.core.uniform((300, 200), -0.3, 0.3, rng=rng), 0.03),
    ],
)
def test_initializers_have_the_variance_of_their_formula(make, variance):
    values = make(np.random.default_rng(0)).numpy()
    assert values.var() == pytest.approx(variance, rel=0.03)
    assert abs(values.mean()) < 4 * np.sqrt(variance / values.size)
    assert values.dtype == np.float32


def test_rectifiers_keep_the_signal_with_kaiming():
    rng = np.random.default_rng(0)
    x = od.randn(64, 512, rng=rng)
    start = float((x**2).mean().item())
    for _ in range(10):
        x = od.core.relu(od.core.linear(x, od.core.kaiming_normal((512, 512), rng=rng)))
    assert 0.4 < float((x**2).mean().item()) / start < 2.5


def test_constant():
    assert od.core.constant((2,), 3).tolist() == [3, 3]


def test_gains():
    assert od.core.calculate_gain("relu") ** 2 == pytest.approx(2)
    assert od.core.calculate_gain("leaky_relu", 1.0) == 1 == od.core.calculate_gain("linear")
