"""Channels-last memory stays inside: exporters get logical order, and a CNN converts once."""

import numpy as np
import pytest

import odyssey as od
from odyssey import core, fast, nn

needs_kernels = pytest.mark.skipif(not fast.LEVEL, reason="nothing was compiled here")


@pytest.fixture
def activation():
    """Return a channels-last activation, as the image kernels make them, and its values."""
    memory = np.arange(2 * 4 * 5 * 3, dtype=np.float32).reshape(2, 4, 5, 3)
    array = memory.transpose(0, 3, 1, 2)
    assert not array.flags.c_contiguous
    return od.from_numpy(array), array.tolist()


def test_save(activation, tmp_path):
    tensor, values = activation
    od.save({"a": tensor}, tmp_path / "a.safetensors")
    assert od.load(tmp_path / "a.safetensors")["a"].tolist() == values


def test_asarray(activation):
    tensor, values = activation
    assert np.asarray(tensor).tolist() == values
    assert np.array(tensor, dtype=np.float64).tolist() == values


def test_dlpack(activation):
    tensor, values = activation
    there = np.from_dlpack(tensor)
    assert there.tolist() == values and there.flags.c_contiguous
    assert od.from_dlpack(tensor).tolist() == values


def test_dlpack_shares_what_is_contiguous():
    tensor = od.zeros((2, 3))
    there = np.from_dlpack(tensor)
    with od.no_grad():
        tensor[0, 1] = 7
    assert there[0, 1] == 7


def test_dlpack_to_and_from_torch(activation):
    torch = pytest.importorskip("torch")
    tensor, values = activation
    assert torch.from_dlpack(tensor).tolist() == values
    back = od.from_dlpack(torch.arange(6.0).reshape(2, 3).T)
    assert back.tolist() == [[0, 3], [1, 4], [2, 5]]


def test_from_dlpack_names_what_does_not_speak_it():
    with pytest.raises(od.errors.DTypeError, match="from_dlpack: list has no __dlpack__"):
        od.from_dlpack([1, 2])


class Residual(nn.Module):
    """A block with a shortcut, so that the gradient takes two ways."""

    def __init__(self, channels, rng):
        self.conv1 = nn.Conv2D(channels, channels, 3, padding=1, rng=rng)
        self.conv2 = nn.DepthwiseConv2D(channels, 3, padding=1, rng=rng)

    def forward(self, x):
        return core.relu(x + self.conv2(core.relu(self.conv1(x))))


@needs_kernels
def test_a_cnn_converts_its_images_and_nothing_else():
    from odyssey._ext import _layout

    rng = od.utils.random.generator(0)
    model = nn.Sequential(
        nn.Conv2D(3, 8, 3, padding=1, rng=rng),
        nn.ReLU(),
        nn.MaxPool2D(2),
        Residual(8, rng),
        nn.AvgPool2D(2),
        nn.Conv2D(8, 12, 1, rng=rng),
        nn.Tanh(),
        nn.Dropout(0.25),
        nn.GlobalAvgPool2D(),
        nn.Flatten(),
        nn.Linear(12, 10, rng=rng),
    )
    images = od.randn((4, 3, 16, 20), rng=rng)
    with od.use_backend("fast"):
        _layout.reset_conversions()
        loss = core.cross_entropy(model(images), np.array([1, 2, 3, 4]))
        assert _layout.conversions() == 1  # of the images, which came as NCHW
        loss.backward()
        # The first layer's weight gradient reads the images once more; nothing else is converted.
        assert _layout.conversions() == 2

        channels_last = images.numpy().transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)
        _layout.reset_conversions()
        core.cross_entropy(model(od.from_numpy(channels_last)), np.array([1, 2, 3, 4])).backward()
        assert _layout.conversions() == 0
