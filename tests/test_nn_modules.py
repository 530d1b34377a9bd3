"""The module system: buffers, sharing, state, guards, paths, hooks, lazy sizes, copies."""

import copy
import pickle

import numpy as np
import pytest

import odyssey as od
from odyssey import nn
from odyssey.errors import (
    DTypeError,
    FormatError,
    GradientError,
    OdysseyError,
    RangeError,
    ShapeError,
)


class Centre(nn.Module):
    """A layer with everything: a parameter, buffers of two kinds, one that is not kept."""

    def __init__(self, n=2):
        self.scale = nn.Parameter(od.ones(n))
        self.mean = nn.Buffer(od.zeros(n))
        self.count = nn.Buffer(od.tensor(0))
        self.table = nn.Buffer(od.arange(float(n)), persistent=False)

    def forward(self, x):
        if self.training:
            self.mean[...] = x.detach().mean(0)
            self.count[...] = self.count + 1
        return (x - self.mean) * self.scale + self.table


class Tied(nn.Module):
    """Two layers that share their weight, and one layer that stands in two places."""

    def __init__(self):
        self.first = nn.Linear(3, 3)
        self.second = nn.Linear(3, 3)
        self.second.weight = self.first.weight
        self.third = [self.first]

    def forward(self, x):
        return self.third[0](self.second(self.first(x)))


class Net(nn.Module):
    def __init__(self):
        self.layers = nn.ModuleList([nn.Sequential({"conv1": nn.Conv2D(3, 4, 3)})])
        self.plain = [{"deep": (nn.Linear(4, 2),)}]

    def forward(self, x):
        return self.layers[0](x)


def arrays(module):
    return {name: array.copy() for name, array in module.state_dict().items()}


def same(one, other):
    assert list(one) == list(other)
    for name, array in one.items():
        assert array.dtype == other[name].dtype and np.array_equal(array, other[name])


# -- buffers -----------------------------------------------------------------------------------


def test_buffers_are_state_without_gradients():
    layer = Centre()
    assert [name for name, _ in layer.named_parameters()] == ["scale"]
    assert [name for name, _ in layer.named_buffers()] == ["mean", "count", "table"]
    assert list(layer.state_dict()) == ["scale", "mean", "count"]  # the table is not kept
    assert not any(buffer.requires_grad for buffer in layer.buffers())
    y = layer(od.tensor([[1.0, 2.0], [3.0, 6.0]]))
    assert layer.mean.tolist() == [2, 4] and layer.count.item() == 1
    assert isinstance(layer.mean, nn.Buffer) and isinstance(layer.count, nn.Buffer)
    y.sum().backward()
    assert layer.mean.grad is None and layer.scale.grad is not None
    layer.eval()(od.ones((1, 2)))
    assert layer.count.item() == 1


def test_buffers_below_have_dotted_names():
    model = nn.Sequential(nn.ReLU(), Centre())
    model[1].more = {"a": [nn.Buffer(od.zeros(1))]}
    assert [name for name, _ in model.named_buffers()] == [
        *("1.mean", "1.count", "1.table", "1.more.a.0")
    ]
    assert "1.more.a.0" in model.state_dict()
    model[1].again = model[1].mean
    assert sum(buffer is model[1].mean for buffer in model.buffers()) == 1


def test_to_converts_floating_ones_only_and_in_place():
    layer = Centre()
    layer(od.ones((2, 2))).sum().backward()
    before = [layer.scale, layer.mean, layer.count, layer.table]
    assert layer.to("float64") is layer
    assert all(
        now is was
        for now, was in zip(
            [layer.scale, layer.mean, layer.count, layer.table], before, strict=True
        )
    )
    assert [one.dtype for one in before] == ["float64", "float64", "int64", "float64"]
    assert layer.scale.grad.dtype == np.float64
    assert isinstance(layer.mean, nn.Buffer) and not layer.table.persistent
    assert layer(od.ones((2, 2), dtype="float64")).dtype == np.float64


@pytest.mark.parametrize("dtype", ["int32", "bool", "complex64"])
def test_to_wants_a_floating_dtype(dtype):
    layer = Centre()
    with pytest.raises(DTypeError, match=f"to: expected a floating-point dtype, got {dtype}"):
        layer.to(dtype)
    assert layer.scale.dtype == np.float32


def test_a_buffer_keeps_what_it_is():
    buffer = nn.Buffer(np.arange(6.0).reshape(2, 3).T, persistent=False)
    assert buffer.numpy().flags.c_contiguous and repr(buffer).startswith("Buffer(")
    for other in (copy.deepcopy(buffer), pickle.loads(pickle.dumps(buffer))):
        assert type(other) is nn.Buffer and not other.persistent
        assert np.array_equal(other.numpy(), buffer.numpy())
        assert not np.shares_memory(other.numpy(), buffer.numpy())


# -- what is shared ----------------------------------------------------------------------------


def test_shared_parameters_stand_once_in_the_state():
    model = Tied()
    assert list(model.state_dict()) == ["first.weight", "first.bias", "second.bias"]
    model(od.ones((1, 3))).sum().backward()
    assert len(list(model.parameters())) == 3


def test_a_state_may_name_what_is_shared_under_all_of_its_names():
    """So does PyTorch write it, for shared parameters and for shared modules."""
    model, weight, bias = Tied(), np.full((3, 3), 2.0), np.full(3, 3.0)
    state = {
        "first.weight": weight,
        "first.bias": bias,
        "second.weight": weight,
        "second.bias": np.zeros(3),
        "third.0.weight": weight,
        "third.0.bias": bias,
    }
    assert model.load_state_dict(state) == ([], [])
    assert (model.first.weight.numpy() == 2).all() and (model.first.bias.numpy() == 3).all()
    assert model.second.weight is model.first.weight
    last = {"third.0.weight": weight + 1, "first.bias": bias, "second.bias": bias}
    model.load_state_dict(last)  # the last of its names alone does as well
    assert (model.second.weight.numpy() == 3).all()


@pytest.mark.parametrize("name", ["second.weight", "third.0.weight"])
def test_different_values_for_what_is_shared_are_refused(name):
    model = Tied()
    before = arrays(model)
    state = {**arrays(model), name: np.ones((3, 3))}
    with pytest.raises(FormatError, match=f"{name}: is shared with first.weight, but their values"):
        model.load_state_dict(state)
    same(before, arrays(model))


def test_a_shared_state_may_hold_nan():
    model = Tied()
    weight = np.full((3, 3), np.nan)
    model.load_state_dict({"first.weight": weight, "second.weight": weight}, strict=False)
    assert np.isnan(model.first.weight.numpy()).all()


def test_names_of_modules_once_or_all():
    model = Tied()
    assert [name for name, _ in model.named_modules()] == ["", "first", "second"]
    every = [name for name, _ in model.named_modules(remove_duplicate=False)]
    assert every == ["", "first", "second", "third.0"]
    model.me = model  # which ends all the same
    assert [n for n, _ in model.named_modules(remove_duplicate=False)] == every


def test_apply_visits_what_is_shared_once():
    model, seen = Tied(), []
    model.me = model
    model.apply(lambda module: seen.append(module))
    assert seen == [model.first, model.second, model]


# -- loading -----------------------------------------------------------------------------------


def test_not_strict_loads_what_fits_and_names_the_rest():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    before = arrays(model)
    unmatched = model.load_state_dict({"0.bias": np.ones(3), "head": np.ones(1)}, strict=False)
    assert unmatched.missing == ["0.weight", "1.weight", "1.bias"]
    assert unmatched.unexpected == ["head"]
    assert model[0].bias.tolist() == [1, 1, 1]
    assert np.array_equal(model[1].weight.numpy(), before["1.weight"])


def test_not_strict_refuses_shapes_all_the_same():
    model = nn.Linear(2, 3)
    before = arrays(model)
    with pytest.raises(FormatError, match=r"bias: expected shape \(3,\), got \(1,\)"):
        model.load_state_dict({"weight": np.ones((3, 2)), "bias": np.ones(1)}, strict=False)
    same(before, arrays(model))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scale", np.ones(2, np.complex64)),
        ("scale", np.array(["a", "b"])),
        ("scale", np.array([None, None])),
        ("count", np.array(1.5)),
    ],
)
def test_another_kind_of_numbers_is_refused_and_nothing_loaded(name, value):
    layer = Centre()
    before = arrays(layer)
    state = {"scale": np.full(2, 5.0), "mean": np.full(2, 5.0), "count": np.array(5)}
    with pytest.raises(FormatError, match=f"{name}: expected {before[name].dtype}, got"):
        layer.load_state_dict({**state, name: value})
    same(before, arrays(layer))


def test_values_are_rounded_to_the_dtype_of_the_module():
    layer = Centre().to("float16")
    layer.load_state_dict({"scale": [0.1, 2], "mean": od.ones(2), "count": np.int8(7)})
    assert layer.scale.dtype == np.float16 and layer.scale.tolist() == [np.float16(0.1), 2]
    assert layer.count.dtype == np.int64 and layer.count.item() == 7


# -- attributes --------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [od.ones(2), np.ones(2)], ids=["tensor", "array"])
@pytest.mark.parametrize(("name", "kind"), [("scale", "Parameter"), ("mean", "Buffer")])
def test_a_parameter_or_buffer_is_not_lost_by_an_assignment(name, kind, value):
    layer = Centre()
    own = getattr(layer, name)
    with pytest.raises(DTypeError, match=rf"Centre.{name} is a {kind}, and would be lost; write"):
        setattr(layer, name, value)
    assert getattr(layer, name) is own
    with od.no_grad():  # what the message says
        own[...] = 3
    assert own.tolist() == [3, 3]


def test_what_may_be_assigned():
    layer = Centre()
    layer.scale = nn.Parameter(od.zeros(2))
    layer.mean = nn.Buffer(od.ones(2))
    layer.constant = od.ones(2)
    layer.constant = od.zeros(2)
    assert list(layer.state_dict()) == ["scale", "mean", "count"]
    layer.scale = None
    assert list(layer.state_dict()) == ["mean", "count"]


# -- paths in errors ---------------------------------------------------------------------------


def test_errors_begin_with_the_path_to_the_layer():
    bad = od.ones((1, 2, 8, 8))
    with pytest.raises(ShapeError, match=r"^Conv2D: conv2d: "):
        nn.Conv2D(3, 4, 3)(bad)
    with pytest.raises(ShapeError, match=r"^Sequential\.conv1: conv2d: "):
        Net().layers[0](bad)
    with pytest.raises(ShapeError, match=r"^Net\.layers\.0\.conv1: conv2d: "):
        Net()(bad)
    with pytest.raises(ShapeError, match=r"^Sequential\.1\.layers\.0\.conv1: conv2d: "):
        nn.Sequential(nn.ReLU(), Net())(bad)


def test_errors_of_a_module_itself_and_of_one_outside_of_the_tree():
    class Outer(nn.Module):
        def forward(self, x):
            return nn.Linear(2, 2)(x)

    with pytest.raises(ShapeError, match=r"^Outer: linear: x has 3 features"):
        Outer()(od.ones((1, 3)))
    with pytest.raises(OdysseyError, match=r"^Sequential\.0: a module must define forward$"):
        nn.Sequential(nn.Module())(1)


def test_an_error_that_is_caught_does_not_leak_into_the_next():
    class Careful(nn.Module):
        def __init__(self):
            self.a, self.b = nn.Linear(2, 2), nn.Linear(3, 3)

        def forward(self, x):
            try:
                return self.a(x)
            except ShapeError:
                return self.b(x)

    assert Careful()(od.ones((1, 3))).shape == (1, 3)
    with pytest.raises(ShapeError, match=r"^Careful\.b: linear: x has 4 features but weight exp"):
        Careful()(od.ones((1, 4)))


def test_errors_of_others_are_left_as_they_are():
    with pytest.raises(ZeroDivisionError, match=r"^division by zero$"):
        nn.Sequential(nn.Lambda(lambda x: 1 / 0))(od.ones(1))


# -- hooks -------------------------------------------------------------------------------------


def test_hooks_see_and_change_what_passes():
    layer, seen = nn.Linear(2, 3), []
    layer.register_forward_pre_hook(lambda module, args: seen.append((module, args)))
    layer.register_forward_hook(lambda module, args, out: seen.append((module, args, out)))
    x = od.ones((4, 2))
    y = layer(x)
    assert seen[0][0] is layer and seen[0][1][0] is x
    assert seen[1][0] is layer and seen[1][1][0] is x and seen[1][2] is y
    layer.register_forward_pre_hook(lambda module, args: args[0] * 0)
    layer.register_forward_hook(lambda module, args, out: out + 1)
    assert np.array_equal(layer(x).numpy(), np.tile(layer.bias.numpy() + 1, (4, 1)))
    pair = nn.Lambda(lambda a, b: a - b)
    pair.register_forward_pre_hook(lambda module, args: args[::-1])
    assert pair(1, 5) == 4


def test_hooks_run_in_their_order_and_go_one_by_one():
    layer, seen = nn.ReLU(), []

    def hook(module, args):
        seen.append("same")

    first = layer.register_forward_pre_hook(hook)
    between = layer.register_forward_pre_hook(lambda module, args: seen.append("between"))
    second = layer.register_forward_pre_hook(hook)
    layer(od.ones(1))
    assert seen == ["same", "between", "same"]
    second.remove()
    second.remove()  # does no harm: the first one stays
    seen.clear()
    layer(od.ones(1))
    assert seen == ["same", "between"]
    first.remove()
    between.remove()
    seen.clear()
    layer(od.ones(1))
    assert seen == []


def test_a_hook_as_a_context_and_one_that_removes_itself():
    layer, seen = nn.Lambda(lambda x: 1 / x), []
    with layer.register_forward_hook(lambda module, args, out: seen.append(1)):
        layer(od.ones(1))
    layer(od.ones(1))
    assert seen == [1]
    with (
        pytest.raises(ZeroDivisionError),
        layer.register_forward_hook(lambda module, args, out: seen.append(3)),
    ):
        layer(0)
    layer(od.ones(1))
    assert seen == [1]

    def once(module, args, out):
        seen.append(2)
        handle.remove()

    handle = layer.register_forward_hook(once)
    layer(od.ones(1))
    layer(od.ones(1))
    assert seen == [1, 2]


def test_backward_hooks_see_and_change_gradients():
    layer, seen = nn.Linear(2, 1, bias=False), []
    handle = layer.register_backward_hook(lambda module, grad: seen.append((module, grad.tolist())))
    layer.register_backward_hook(lambda module, grad: grad * 10)
    x = od.tensor([[3.0, 4.0]], requires_grad=True)
    layer(x).backward(np.full((1, 1), 2.0))
    assert seen == [(layer, [[2.0]])]
    assert layer.weight.grad.tolist() == [[60, 80]]
    handle.remove()
    layer(x).sum().backward()
    assert len(seen) == 1
    layer.register_backward_hook(lambda module, grad: np.zeros((1, 1), np.float32))
    layer.zero_grad()
    layer(x).sum().backward()
    assert layer.weight.grad.tolist() == [[0, 0]]


def test_a_backward_hook_keeps_the_shape():
    layer = nn.ReLU()
    layer.register_backward_hook(lambda module, grad: grad.sum())
    y = layer(od.tensor([1.0, 2.0], requires_grad=True))
    with pytest.raises(
        GradientError, match=r"ReLU: a backward hook must return .* \(2,\), got \(\)"
    ):
        y.sum().backward()


def test_backward_hooks_of_several_outputs():
    seen = []
    layer = nn.Lambda(lambda x: (x * 2, [x * 3, od.tensor([1, 2])], None))
    layer.register_backward_hook(lambda module, grad: seen.append(grad.tolist()))
    x = od.tensor([1.0, 1.0], requires_grad=True)
    a, (b, whole), nothing = layer(x)
    assert whole.tolist() == [1, 2] and nothing is None
    (a + 5 * b).sum().backward()
    assert sorted(seen) == [[1, 1], [5, 5]] and x.grad.tolist() == [17, 17]


def test_backward_hooks_work_in_derivatives_of_derivatives():
    layer = nn.Lambda(lambda x: x**3)
    layer.register_backward_hook(lambda module, grad: grad * 2)
    x = od.tensor([2.0], requires_grad=True)
    layer(x).sum().backward(create_graph=True)
    slope = x.grad
    assert slope.tolist() == [24]  # 2 * 3 x**2
    x.grad = None
    slope.sum().backward()
    assert x.grad.tolist() == [24]  # 2 * 6 x: what the hook does is differentiated, too


def test_hooks_do_not_reach_a_copy_that_was_made_before():
    layer, seen = nn.ReLU(), []
    other = copy.deepcopy(layer)
    layer.register_forward_hook(lambda module, args, out: seen.append(module))
    third = copy.deepcopy(layer)
    other(od.ones(1))
    assert seen == []
    third(od.ones(1))
    assert seen == [third]


# -- freezing ----------------------------------------------------------------------------------


def test_freeze_and_unfreeze_by_pattern():
    model = nn.Sequential({"features": nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))})
    model.head = nn.Linear(2, 1)

    def learned():
        return [name for name, p in model.named_parameters() if p.requires_grad]

    assert model.freeze("features.*") is model and learned() == ["head.weight", "head.bias"]
    model.unfreeze("*.1.*")
    assert learned() == ["features.1.weight", "features.1.bias", "head.weight", "head.bias"]
    model.freeze("*.bias").freeze("head.weight")
    assert learned() == ["features.1.weight"]
    assert model.unfreeze() is model and len(learned()) == 6
    model.requires_grad_(False)
    assert learned() == []


def test_frozen_parameters_get_no_gradient_and_a_wrong_pattern_is_named():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1)).freeze("0.*")
    model(od.ones((1, 2))).sum().backward()
    assert model[0].weight.grad is None and model[1].weight.grad is not None
    with pytest.raises(
        OdysseyError, match=r"freeze: Sequential has no parameter that matches '2.*'"
    ):
        model.freeze("2.*")
    with pytest.raises(OdysseyError, match=r"unfreeze: .* the first of its names is '0.weight'"):
        model.unfreeze("weight")
    nn.ReLU().freeze()  # nothing to freeze is nothing wrong


# -- functional_call ---------------------------------------------------------------------------


def test_functional_call_has_gradients_and_restores():
    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1))
    own = dict(model.named_parameters())
    values = {name: od.tensor(p.numpy() + 1, requires_grad=True) for name, p in own.items()}
    x = od.tensor([[0.5, -0.5]])
    y = nn.functional_call(model, values, x)
    y.sum().backward()
    assert all(value.grad is not None for value in values.values())
    assert all(p.grad is None for p in own.values())
    assert dict(model.named_parameters()).keys() == own.keys()
    assert all(p is own[name] for name, p in model.named_parameters())
    other = copy.deepcopy(model)
    other.load_state_dict(values)
    assert np.array_equal(other(x).numpy(), y.numpy())
    other(x).sum().backward()
    for name, p in other.named_parameters():
        assert np.array_equal(p.grad.numpy(), values[name].grad.numpy())


def test_functional_call_replaces_what_is_shared_everywhere():
    model, weight = Tied(), np.zeros((3, 3), np.float32)
    for name in ("first.weight", "second.weight", "third.0.weight"):
        y = nn.functional_call(model, {name: weight}, od.ones((1, 3)))
        assert np.array_equal(y.numpy()[0], model.first.bias.numpy())
    assert model.first.weight is model.second.weight and model.first.weight.numpy().any()
    with pytest.raises(FormatError, match=r"second.weight: is shared, and given twice"):
        nn.functional_call(
            model, {"first.weight": weight, "second.weight": weight + 1}, od.ones((1, 3))
        )


def test_functional_call_updates_the_buffers_that_it_is_given():
    layer = Centre()
    mean = np.zeros(2, np.float32)
    nn.functional_call(layer, {"mean": mean, "count": od.tensor(5)}, od.full((3, 2), 4.0))
    assert mean.tolist() == [4, 4]
    assert layer.mean.tolist() == [0, 0] and layer.count.item() == 0
    nn.functional_call(layer, {"mean": mean}, od.full((3, 2), 2.0))
    assert mean.tolist() == [2, 2] and layer.count.item() == 1  # its own is updated, too


def test_functional_call_restores_after_an_error():
    model = nn.Sequential(nn.Linear(2, 2), nn.Lambda(lambda x: 1 / 0))
    weight = model[0].weight
    with pytest.raises(ZeroDivisionError):
        nn.functional_call(model, {"0.weight": od.ones((2, 2))}, od.ones((1, 2)))
    assert model[0].weight is weight


def test_functional_call_refuses():
    model = Net()
    x = od.ones((1, 3, 8, 8))
    with pytest.raises(
        FormatError, match=r"Net has no parameter or buffer 'layers.0.conv1.wait'.*"
    ):
        nn.functional_call(model, {"layers.0.conv1.wait": od.ones(1)}, x)
    with pytest.raises(
        FormatError, match=r"functional_call: .*bias: expected shape \(4,\), got \(1,"
    ):
        nn.functional_call(model, {"layers.0.conv1.bias": od.ones(1)}, x)
    model.pair = (nn.Parameter(od.ones(1)),)
    bias = model.layers[0]["conv1"].bias
    with pytest.raises(
        OdysseyError, match=r"functional_call: pair.0 stands in a tuple, which cannot"
    ):
        nn.functional_call(model, {"pair.0": od.zeros(1), "layers.0.conv1.bias": od.zeros(4)}, x)
    assert model.layers[0]["conv1"].bias is bias
    y = nn.functional_call(model, {"plain.0.deep.0.bias": od.zeros(2)}, x)  # a module in a tuple
    assert y.shape == (1, 4, 6, 6)


# -- lazy sizes --------------------------------------------------------------------------------


def lazy_model():
    return nn.Sequential(nn.Flatten(), nn.Linear(None, 4), nn.ReLU(), nn.Linear(None, 2))


def test_lazy_layers_are_made_by_the_first_input():
    model = lazy_model()
    assert model[1].waits_for_input and repr(model[1]) == "Linear(None, 4, bias=True)"
    assert model(od.ones((5, 2, 3))).shape == (5, 2)
    assert [p.shape for p in model.parameters()] == [(4, 6), (4,), (2, 4), (2,)]
    assert not model[1].waits_for_input and repr(model[1]) == "Linear(6, 4, bias=True)"
    weight = model[1].weight
    model(od.ones((1, 6)))
    assert model[1].weight is weight
    with pytest.raises(
        ShapeError, match=r"^Sequential\.1: linear: x has 7 features but weight exp"
    ):
        model(od.ones((1, 7)))


@pytest.mark.parametrize(
    "ask",
    [
        lambda model: list(model.parameters()),
        lambda model: list(model.named_buffers()),
        lambda model: model.state_dict(),
        lambda model: model.load_state_dict({}),
        lambda model: model.to("float64"),
        lambda model: model.zero_grad(),
        lambda model: model.freeze(),
        lambda model: nn.functional_call(model, {}, od.ones((1, 2))),
    ],
)
def test_before_the_first_input_parameters_are_not_known(ask):
    with pytest.raises(
        OdysseyError, match=r"^Sequential\.1: the size of its input is not known yet"
    ):
        ask(lazy_model())
    with pytest.raises(OdysseyError, match=r"^Linear: the size of its input is not known yet"):
        ask(nn.Linear(None, 2))


@pytest.mark.parametrize("bad", [od.ones(()), od.tensor([[1, 2]]), od.ones((2, 0))])
def test_a_bad_first_input_leaves_a_layer_lazy(bad):
    layer = nn.Linear(None, 2)
    with pytest.raises(OdysseyError, match=r"^Linear: "):
        layer(bad)
    assert layer.waits_for_input and not hasattr(layer, "weight")
    assert layer(od.ones((1, 5))).shape == (1, 2) and layer.weight.shape == (2, 5)


def test_a_lazy_layer_sees_what_its_hooks_let_through():
    layer = nn.Linear(None, 2)
    layer.register_forward_pre_hook(lambda module, args: args[0].reshape(1, -1))
    assert layer(od.ones((2, 3))).shape == (1, 2) and layer.weight.shape == (2, 6)


def test_copies_of_lazy_models():
    model = lazy_model()
    other = copy.deepcopy(model)
    model(od.ones((1, 6)))
    assert other[1].waits_for_input and not model[1].waits_for_input
    other(od.ones((1, 3)))
    third = copy.deepcopy(model)
    assert other[1].weight.shape == (4, 3) and third[1].weight.shape == (4, 6)
    same(arrays(third), arrays(model))
    assert pickle.loads(pickle.dumps(lazy_model()))(od.ones((1, 6))).shape == (1, 2)


def test_a_lazy_layer_draws_from_its_generator():
    one, other = (nn.Linear(None, 3, rng=np.random.default_rng(1)) for _ in range(2))
    one(od.ones((1, 4)))
    other(od.ones((1, 4)))
    assert np.array_equal(one.weight.numpy(), other.weight.numpy())
    assert np.array_equal(
        one.weight.numpy(), nn.Linear(4, 3, rng=np.random.default_rng(1)).weight.numpy()
    )


# -- containers --------------------------------------------------------------------------------


def linears(n):
    return [nn.Linear(1, i + 1) for i in range(n)]


@pytest.mark.parametrize("make", [lambda items: nn.Sequential(*items), nn.ModuleList])
def test_rows_of_modules(make):
    a, b, c, d = linears(4)
    row = make([a, b])
    assert row.append(c) is row and list(row) == [a, b, c]
    assert row.extend([d]) is row and len(row) == 4 and row[-1] is d and row["1"] is b
    del row[1]
    assert list(row) == [a, c, d] and [name for name, _ in row.named_children()] == ["0", "1", "2"]
    row.insert(1, b)
    row[0] = d
    assert list(row) == [d, b, c, d] and type(row[1:3]) is type(row) and list(row[1:3]) == [b, c]
    del row[1:]
    assert list(row) == [d] and b not in row and d in row
    row.insert(-1, a)
    assert list(row) == [a, d]
    assert next(name for name, _ in row.named_parameters()) == "0.weight"


@pytest.mark.parametrize("make", [lambda items: nn.Sequential(*items), nn.ModuleList])
def test_bad_rows(make):
    a, b = linears(2)
    row = make([a, b])
    name = type(row).__name__
    for index in (2, -3):
        for act in (row.__getitem__, row.__delitem__, lambda i: row.__setitem__(i, a)):
            with pytest.raises(
                RangeError, match=f"{name}: index {index} is out of range for 2 mod"
            ):
                act(index)
    with pytest.raises(OdysseyError, match=f"{name}: nothing is called '5'"):
        row["5"]
    for act in (row.append, lambda x: row.insert(0, x), lambda x: row.__setitem__(0, x)):
        with pytest.raises(DTypeError, match=f"{name}: .* must be a Module, got int"):
            act(3)
    with pytest.raises(DTypeError, match=f"{name}: argument 1 must be a Module, got builtin_func"):
        make([a, abs])
    assert list(row) == [a, b]


def test_named_sequential():
    a, b, c = linears(3)
    model = nn.Sequential({"a": a, "b": b, "c": c})
    assert [name for name, _ in model.named_children()] == ["a", "b", "c"]
    assert type(model[1:]) is nn.Sequential and list(dict(model[1:].named_children())) == ["b", "c"]
    del model["a"]
    assert [name for name, _ in model.named_children()] == ["b", "c"]  # the others keep theirs
    model["c"] = a
    assert model.c is a and list(model + nn.Sequential(c)) == [b, a, c]
    model.append(c)
    assert model["2"] is c
    with pytest.raises(OdysseyError, match="Sequential: nothing is called 'bb'; did you mean 'b'"):
        model["bb"]
    taken = nn.Sequential({"1": a})
    with pytest.raises(OdysseyError, match="Sequential: '1' is the name of another one"):
        taken.append(b)
    assert list(taken) == [a]
    for name, match in (("a.b", "a word without dots"), ("", "a word"), ("train", "of a method")):
        with pytest.raises(OdysseyError, match=match):
            nn.Sequential({name: a})


def test_module_dict():
    a, b, c = linears(3)
    modules = nn.ModuleDict({"a": a})
    modules["b"] = b
    modules.update({"a": c})
    assert list(modules) == list(modules.keys()) == ["a", "b"] and len(modules) == 2
    assert list(modules.values()) == [c, b] and dict(modules.items()) == {"a": c, "b": b}
    assert "a" in modules and "c" not in modules and modules.a is modules["a"]
    assert [name for name, _ in modules.named_parameters()][::2] == ["a.weight", "b.weight"]
    del modules["a"]
    assert list(modules) == ["b"] and len(nn.ModuleDict()) == 0
    for act in (modules.__getitem__, modules.__delitem__):
        with pytest.raises(OdysseyError, match="ModuleDict: nothing is called 'a'"):
            act("a")
    with pytest.raises(DTypeError, match="ModuleDict: 'x' must be a Module, got Parameter"):
        modules["x"] = nn.Parameter(od.ones(1))
    with pytest.raises(OdysseyError, match="ModuleDict: 'items' is the name of a method"):
        nn.ModuleDict({"items": a})


def test_parameter_list_and_dict():
    one, two, three = (nn.Parameter(od.full((2,), float(i))) for i in range(3))
    row = nn.ParameterList([one, two])
    row.append(three)
    del row[0]
    assert [name for name, _ in row.named_parameters()] == ["0", "1"]
    assert row[0] is two and row[-1] is three and len(row[:1]) == 1
    assert sum(row).tolist() == [3, 3]
    with pytest.raises(DTypeError, match="ParameterList: argument 0 must be a Parameter, got Tens"):
        nn.ParameterList([od.ones(2)])
    with pytest.raises(RangeError, match="ParameterList: index 2 is out of range for 2 parameters"):
        row[2]
    table = nn.ParameterDict({"left": one})
    table["right"] = two
    assert list(table.state_dict()) == ["left", "right"] and table["left"] is one
    with pytest.raises(DTypeError, match="ParameterDict: 'x' must be a Parameter, got Linear"):
        table["x"] = nn.Linear(1, 1)
    with pytest.raises(OdysseyError, match="ParameterDict: nothing is called 'wrong'"):
        table["wrong"]


def test_lists_and_dicts_have_no_forward():
    for container in (nn.ModuleList(), nn.ModuleDict(), nn.ParameterList(), nn.ParameterDict()):
        with pytest.raises(OdysseyError, match="a module must define forward"):
            container(1)


# -- the tree ----------------------------------------------------------------------------------


def test_get_submodule():
    model = Net()
    assert model.get_submodule("") is model
    assert model.get_submodule("layers.0.conv1") is model.layers[0].conv1
    assert model.get_submodule("plain.0.deep.0") is model.plain[0]["deep"][0]
    with pytest.raises(OdysseyError, match=r"Net: there is no module 'layers\.0\.conv2'; did you"):
        model.get_submodule("layers.0.conv2")


# -- copies ------------------------------------------------------------------------------------


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
@pytest.mark.parametrize("make", [Net, Tied, Centre, lambda: nn.Sequential(Centre(), nn.ReLU())])
def test_copies_and_pickles(make, again):
    model = make().eval()
    for parameter in model.parameters():
        parameter.requires_grad = False
    other = again(model)
    same(arrays(model), arrays(other))
    assert [n for n, _ in other.named_buffers()] == [n for n, _ in model.named_buffers()]
    pairs = zip(
        [*model.parameters(), *model.buffers()],
        [*other.parameters(), *other.buffers()],
        strict=True,
    )
    for mine, theirs in pairs:
        assert type(mine) is type(theirs) and mine is not theirs
        assert mine.requires_grad == theirs.requires_grad
        assert not np.shares_memory(mine.numpy(), theirs.numpy())
    assert [m.training for m in other.modules()] == [m.training for m in model.modules()]
    if isinstance(other, Tied):
        assert other.first.weight is other.second.weight and other.third[0] is other.first


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_of_a_model_that_is_in_use(again):
    """Gradients come along; who reads the memory of the original, and its tape, do not."""
    model = nn.Sequential(nn.Linear(2, 3), Centre(3))
    model(od.ones((4, 2))).sum().backward()
    pending = model(od.ones((4, 2)))
    weight = model[0].weight
    row, same_row = weight[0], weight.detach()[0]
    other = again(model)
    assert type(other[0].weight) is nn.Parameter and other[0].weight.is_leaf
    assert np.array_equal(other[0].weight.grad.numpy(), weight.grad.numpy())
    before = row.numpy().copy()
    with od.no_grad():
        other[0].weight[0] = 7.0
        other[1].mean[...] = 7.0
    assert np.array_equal(row.numpy(), before) and np.array_equal(same_row.numpy(), before)
    pending.sum().backward()
    other.zero_grad()
    other(od.ones((4, 2))).sum().backward()
    assert other[0].weight.grad is not None


def test_a_parameter_of_another_kind_keeps_what_it_is():
    class Scale(nn.Parameter):
        pass

    scale = Scale(od.ones(2), requires_grad=False)
    scale.unit = "cm"
    other = copy.deepcopy(scale)
    assert type(other) is Scale and other.unit == "cm" and not other.requires_grad


# -- combinators -------------------------------------------------------------------------------


def test_clone_gives_equal_copies_that_share_nothing():
    layer = nn.Linear(2, 2)
    layers = nn.clone(layer, 3)
    assert isinstance(layers, nn.ModuleList) and len(layers) == 3
    every = [layer, *layers]
    for one in layers:
        assert np.array_equal(one.weight.numpy(), layer.weight.numpy())
    assert len({id(p) for one in every for p in one.parameters()}) == 8
    layers[0].weight.data[...] = 0
    assert layers[1].weight.numpy().any() and layer.weight.numpy().any()
    assert [len(list(nn.clone(nn.Linear(None, 2), 2))), len(nn.clone(layer, 1))] == [2, 1]
    for n in (0, -1, 1.5):
        with pytest.raises(ShapeError, match="clone: n must be a positive integer"):
            nn.clone(layer, n)
    with pytest.raises(DTypeError, match="clone: module must be a Module, got type"):
        nn.clone(nn.Linear, 2)


def test_residual_lets_the_gradient_pass():
    block = nn.Residual(nn.Linear(3, 3))
    block.module.weight.data[...] = 0
    x = od.tensor(np.ones((2, 3), np.float32), requires_grad=True)
    block(x).sum().backward()
    assert (x.grad.numpy() == 1).all()
    with pytest.raises(ShapeError, match=r"^Sequential\.0: Linear gives the shape \(2, 1\), which"):
        nn.Sequential(nn.Residual(nn.Linear(3, 1)))(x)


def test_lambda_shows_and_calls_its_function():
    assert repr(nn.Lambda(od.core.exp)) == "Lambda(exp)"
    assert nn.Lambda(lambda x, y=1: x + y)(2, y=3) == 5
    copied = pickle.loads(pickle.dumps(nn.Lambda(np.tanh)))
    assert copied(0.0) == 0.0
