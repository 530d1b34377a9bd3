"""Convolution layers: first values, sizes that the input tells, memory."""

import numpy as np
import pytest

import odyssey as od
from odyssey import nn

# Layer, and the number of inputs (for a transposed one: of outputs) that its first values follow.
LAYERS = [
    (lambda **s: nn.Conv1D(6, 40, 5, groups=2, **s), 3 * 5),
    (lambda **s: nn.Conv2D(8, 30, (3, 2), **s), 8 * 6),
    (lambda **s: nn.Conv3D(4, 20, 3, groups=2, **s), 2 * 27),
    (lambda **s: nn.ConvTranspose1D(6, 40, 5, groups=2, **s), 20 * 5),
    (lambda **s: nn.ConvTranspose2D(8, 30, (3, 2), **s), 30 * 6),
    (lambda **s: nn.ConvTranspose3D(4, 20, 3, groups=2, **s), 10 * 27),
    (lambda **s: nn.DepthwiseConv2D(40, 3, depth_multiplier=3, **s), 9),
]
IDS = [type(make()).__name__ for make, _ in LAYERS]


@pytest.mark.parametrize(("make", "inputs"), LAYERS, ids=IDS)
def test_first_values_are_uniform_and_come_from_the_generator(make, inputs):
    one, two = (make(rng=np.random.default_rng(3), dtype="float64") for _ in range(2))
    assert np.array_equal(one.weight, two.weight) and np.array_equal(one.bias, two.bias)
    assert one.weight.dtype == one.bias.dtype == "float64"
    scaled = one.weight.numpy().ravel() * inputs**0.5
    assert 0.97 < np.abs(scaled).max() <= 1
    assert abs(scaled.var() - 1 / 3) < 0.05
    assert 0.8 < np.abs(one.bias.numpy()).max() * inputs**0.5 <= 1


@pytest.mark.parametrize(("make", "inputs"), LAYERS, ids=IDS)
def test_first_values_are_spread_as_in_torch(make, inputs):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    layer = make(rng=np.random.default_rng(3))
    if isinstance(layer, nn.DepthwiseConv2D):
        theirs = torch.nn.Conv2d(40, 120, 3, groups=40)
    else:
        name = type(layer).__name__.replace("1D", "1d").replace("2D", "2d").replace("3D", "3d")
        channels = layer.in_channels, layer.out_channels
        theirs = getattr(torch.nn, name)(*channels, layer.kernel_size, groups=layer.groups)
    ours = layer.weight.numpy()
    assert ours.shape == tuple(theirs.weight.shape)
    assert abs(ours.std() / theirs.weight.detach().numpy().std() - 1) < 0.1


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda channels, **s: nn.Conv1D(channels, 4, 3, **s), (2, 6, 9)),
        (lambda channels, **s: nn.Conv2D(channels, 4, 3, groups=2, **s), (2, 6, 9, 8)),
        (lambda channels, **s: nn.ConvTranspose3D(channels, 4, 2, **s), (1, 6, 3, 4, 5)),
        (lambda channels, **s: nn.DepthwiseConv2D(channels, 3, **s), (2, 6, 9, 8)),
        (lambda channels, **s: nn.SeparableConv2D(channels, 4, 3, **s), (2, 6, 9, 8)),
    ],
    ids=["Conv1D", "Conv2D", "ConvTranspose3D", "DepthwiseConv2D", "SeparableConv2D"],
)
def test_a_layer_that_waited_is_as_one_that_was_told(make, shape):
    told = make(6, rng=np.random.default_rng(1), bias=False)
    waited = make(None, rng=np.random.default_rng(1), bias=False)
    x = od.tensor(np.random.default_rng(2).standard_normal(shape).astype("float32"))
    assert np.array_equal(waited(x), told(x))
    assert repr(waited) == repr(told)
    state, expected = waited.state_dict(), told.state_dict()
    assert list(state) == list(expected)
    assert all(np.array_equal(state[name], expected[name]) for name in state)


def test_a_layer_still_waits_after_an_input_that_does_not_fit():
    layer = nn.Conv2D(None, 4, 3, groups=2)
    for wrong in (od.ones((3, 5, 5)), od.ones((1, 3, 5, 5))):
        with pytest.raises(od.errors.ShapeError):
            layer(wrong)
    assert layer(od.ones((1, 6, 5, 5))).shape == (1, 4, 3, 3)


def test_output_size_takes_the_place_of_output_padding():
    layer = nn.ConvTranspose2D(2, 3, 3, stride=(2, 3), padding=1)
    x = od.ones((1, 2, 4, 5))
    assert layer(x).shape == (1, 3, 7, 13)
    for extra in ((0, 0), (1, 0), (0, 2), (1, 2)):
        size = (7 + extra[0], 13 + extra[1])
        other = nn.ConvTranspose2D(2, 3, 3, stride=(2, 3), padding=1, output_padding=extra)
        other.load_state_dict(layer.state_dict())
        assert np.array_equal(layer(x, output_size=size), other(x))
