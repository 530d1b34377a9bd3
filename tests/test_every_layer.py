"""What holds for every layer: samples exist, PyTorch agrees, state survives, copies are apart."""

import copy
import inspect

import numpy as np
import pytest
from layers import gathered

import odyssey as od
from odyssey import nn

LAYERS, BAD = gathered("LAYERS"), gathered("BAD")
NO_TORCH, NEVER_REFUSE = gathered("NO_TORCH"), gathered("NEVER_REFUSE")
CONTAINERS = {"Module", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"}
NAMES = sorted(
    name
    for name in nn.__all__
    if inspect.isclass(getattr(nn, name)) and issubclass(getattr(nn, name), nn.Module)
)
COMPARED = [sample for sample in LAYERS if sample.torch is not None]
DTYPES = ("float16", "float32", "float64")
STEPS = 10


def made(sample, dtype="float64", seed=0):
    """Return the layer of a sample, its parameters drawn anew, in a dtype."""
    od.manual_seed(seed)
    layer = sample.make()
    if layer.waits_for_input:
        call(layer, sample, dtype="float32")
    rng = np.random.default_rng(seed)
    for parameter in layer.parameters():
        parameter.data[...] = rng.normal(0.1, 0.6, parameter.shape)
    return layer.to(dtype) if [*layer.parameters(), *layer.buffers()] else layer


def converted(value, dtype, make):
    """Return an input as a tensor that wants a gradient, if it is a floating-point array."""
    if isinstance(value, (tuple, list)):
        return type(value)([converted(one, dtype, make) for one in value])
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return make(value.astype(dtype), True)
    return make(value, False) if isinstance(value, np.ndarray) else value


def mine(array, wanted):
    return od.tensor(array, requires_grad=wanted)


def call(layer, sample, inputs=None, dtype="float64"):
    inputs = converted(sample.inputs, dtype, mine) if inputs is None else inputs
    return layer(*inputs, **converted_values(sample.kwargs, dtype, mine))


def converted_values(kwargs, dtype, make):
    return {name: converted(value, dtype, make) for name, value in kwargs.items()}


def flat(result):
    """Return the tensors of a result, those in tuples and lists included."""
    if isinstance(result, (tuple, list)):
        return [one for part in result for one in flat(part)]
    return [] if result is None else [result]


def arrays(tensors):
    return [np.asarray(t.detach().numpy()) for t in tensors]


def backward(outputs, make_gradient):
    """Send the same random gradients back from each output that has one."""
    rng = np.random.default_rng(7)
    roots = [(y, rng.standard_normal(tuple(y.shape))) for y in outputs]
    roots = [(y, g) for y, g in roots if y.requires_grad]
    for number, (y, g) in enumerate(roots):
        y.backward(make_gradient(g), retain_graph=number + 1 < len(roots))


def gradient(tensor):
    """Return a gradient; none at all is as good as zero."""
    if tensor.grad is None:
        return np.zeros(tuple(tensor.shape))
    return np.asarray(tensor.grad.numpy())


def gradients(tensors):
    return [gradient(t) for t in tensors if t.requires_grad]


def as_in_torch(sample, values):
    """Return arrays by the names, and in the form, that PyTorch's layer has."""
    values = {sample.names.get(name, name): array for name, array in values.items()}
    return values if sample.state is None else sample.state(values)


def agree(mine, theirs, what):
    assert len(mine) == len(theirs), what
    for number, (one, other) in enumerate(zip(mine, theirs, strict=True)):
        assert one.shape == other.shape, f"{what} {number}"
        scale = max(1.0, float(np.abs(other).max(initial=0)))
        np.testing.assert_allclose(
            one, other, rtol=0, atol=1e-9 * scale, err_msg=f"{what} {number}"
        )


# -- the samples -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_layer_has_samples(name):
    if name in CONTAINERS:
        return
    name = getattr(nn, name).__name__  # that of the class, whose samples are those of an alias
    own = [sample for sample in LAYERS if sample.name == name]
    assert own, f"{name} has no sample in tests/layers"
    compared = any(sample.torch is not None for sample in own)
    assert compared != (name in NO_TORCH), f"{name}: PyTorch's layer, or a reason in NO_TORCH"
    if name not in NEVER_REFUSE:
        assert any(name in bad.match for bad in BAD), f"{name} has no bad setting in tests/layers"


@pytest.mark.parametrize("name", sorted({*NO_TORCH, *NEVER_REFUSE}))
def test_exceptions_name_layers(name):
    assert name in NAMES


# -- PyTorch -----------------------------------------------------------------------------------


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("sample", COMPARED, ids=str)
def test_torch_agrees(sample, training):
    """Outputs, gradients and, after ten steps, buffers are those of PyTorch's layer."""
    torch = pytest.importorskip("torch")
    if sample.random and training:
        return  # it draws other numbers
    layer = made(sample).train(training)
    theirs = sample.torch(torch).to(torch.float64).train(training)
    state = {
        name: torch.tensor(array) for name, array in as_in_torch(sample, layer.state_dict()).items()
    }
    theirs.load_state_dict(state)

    def tensor(array, wanted):
        return torch.tensor(array, requires_grad=wanted)

    own_inputs = converted(sample.inputs, "float64", mine)
    their_inputs = converted(sample.inputs, "float64", tensor)
    own = flat(call(layer, sample, own_inputs))
    if sample.call is not None:
        other = flat(sample.call(torch, theirs, *their_inputs))
    else:
        kwargs = converted_values(sample.kwargs, "float64", tensor)
        other = flat(theirs(*their_inputs, **kwargs))
    agree(arrays(own), arrays(other), "output")
    backward(own, lambda g: g)
    backward(other, lambda g: torch.tensor(g))
    found = as_in_torch(sample, {n: gradient(p) for n, p in layer.named_parameters()})
    expected = {name: gradient(p) for name, p in theirs.named_parameters()}
    assert found.keys() == expected.keys()
    agree(list(found.values()), [expected[name] for name in found], "gradient of a parameter")
    agree(gradients(flat(own_inputs)), gradients(flat(their_inputs)), "gradient of an input")
    for _ in range(STEPS - 1):
        call(layer, sample)
        if sample.call is not None:
            sample.call(torch, theirs, *their_inputs)
        else:
            theirs(*their_inputs, **kwargs)
    state, expected = as_in_torch(sample, layer.state_dict()), theirs.state_dict()
    assert state.keys() == expected.keys()
    agree(list(state.values()), [np.asarray(expected[name].numpy()) for name in state], "state")


# -- state -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sample", LAYERS, ids=str)
def test_state_round_trip(sample, dtype, tmp_path):
    """Parameters, buffers and dtypes come back from a file bit by bit."""
    layer, other = made(sample, dtype), made(sample, dtype, seed=1)
    if [*layer.parameters()] and dtype != "float16":
        layer.train()
        call(layer, sample, dtype=dtype)
    state = layer.state_dict()
    od.save(layer, tmp_path / "layer.safetensors")
    other.load_state_dict(od.load(tmp_path / "layer.safetensors"))
    assert list(other.state_dict()) == list(state)
    for name, array in other.state_dict().items():
        assert array.dtype == state[name].dtype and array.flags.c_contiguous
        assert np.array_equal(array, state[name], equal_nan=array.dtype.kind == "f")
        assert array.dtype.kind != "f" or array.dtype == dtype
        assert not np.shares_memory(array, state[name]) or not array.size


@pytest.mark.parametrize("sample", LAYERS, ids=str)
def test_copies_are_apart(sample):
    layer = made(sample).eval()
    other = copy.deepcopy(layer)
    before = {name: array.copy() for name, array in layer.state_dict().items()}
    agree(arrays(flat(call(layer, sample))), arrays(flat(call(other, sample))), "output")
    for parameter in other.parameters():
        parameter.data[...] = 0
    assert all(np.array_equal(layer.state_dict()[name], one) for name, one in before.items())


@pytest.mark.parametrize("sample", LAYERS, ids=str)
def test_dtypes_stay(sample):
    """A layer in float32 on inputs in float32 gives float32, and so do its gradients."""
    layer = made(sample, "float32")
    inputs = converted(sample.inputs, "float32", mine)
    outputs = flat(call(layer, sample, inputs, "float32"))
    backward(outputs, lambda g: np.asarray(g, np.float32))
    grads = [t.grad for t in [*flat(inputs), *layer.parameters()] if hasattr(t, "grad")]
    for tensor in [*outputs, *grads]:
        assert tensor is None or tensor.dtype.kind != "f" or tensor.dtype == np.float32


# -- text and errors ---------------------------------------------------------------------------


@pytest.mark.parametrize("sample", LAYERS, ids=str)
def test_repr_names_the_layer(sample):
    layer = sample.make()
    assert repr(layer).startswith(f"{type(layer).__name__}(") and repr(layer).endswith(")")


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_bad_settings_and_inputs(bad):
    with pytest.raises(bad.error, match=bad.match):
        bad.call()
