"""Layers of images together: the order of memory, and what undoes what."""

import numpy as np
import pytest

import odyssey as od
from odyssey import fast, nn
from odyssey.errors import OdysseyError

needs_kernels = pytest.mark.skipif(not fast.LEVEL, reason="nothing was compiled")
rng = np.random.default_rng(0)


def images(*shape):
    return rng.standard_normal(shape).astype("float32")


def channels_last(x):
    return x.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)


# Each takes images of 8 channels to images of 8 channels.
LAYERS = [
    nn.Conv2D(8, 8, 3, padding=1),
    *[nn.Conv2D(8, 8, 3, padding=1, padding_mode=m) for m in ("reflect", "replicate", "circular")],
    nn.ConvTranspose2D(8, 8, 2, stride=2),
    nn.DepthwiseConv2D(8, 3),
    nn.SeparableConv2D(8, 8, 3),
    nn.MaxPool2D(2),
    nn.AvgPool2D(2),
    nn.LPPool2D(2, 2),
    nn.AdaptiveAvgPool2D(9),
    nn.Upsample(scale_factor=2),
    nn.Upsample(size=(17, 15), mode="bilinear"),
    nn.ZeroPad2D(1),
    nn.ReflectionPad2D(1),
    nn.ReplicationPad2D((1, 2, 0, 1)),
    nn.CircularPad2D(1),
]


@needs_kernels
@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_channels_last_stays(layer):
    from odyssey._ext import _layout

    x = channels_last(images(2, 8, 12, 10))
    with od.use_backend("fast"):
        _layout.reset_conversions()
        y = layer(od.from_numpy(x)).numpy()
        assert _layout.conversions() == 0
    assert y.transpose(0, 2, 3, 1).flags.c_contiguous
    # And the values are those that other memory gives.
    other = layer(od.from_numpy(np.ascontiguousarray(x))).numpy()
    np.testing.assert_allclose(y, other, rtol=0, atol=1e-5)


@needs_kernels
def test_a_stack_converts_its_input_only():
    from odyssey._ext import _layout

    model = nn.Sequential(nn.Conv2D(3, 8, 3), *LAYERS)
    x = images(2, 3, 33, 32)
    with od.use_backend("fast"):
        _layout.reset_conversions()
        model(od.from_numpy(x))
        assert _layout.conversions() == 1
        _layout.reset_conversions()
        model(od.from_numpy(channels_last(x)))
        assert _layout.conversions() == 0


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_unpool_undoes_the_pool_where_the_maxima_were(axes):
    x = od.from_numpy(images(2, 3, *(6, 8, 4)[:axes]))
    pool = getattr(nn, f"MaxPool{axes}D")(2, return_indices=True)
    largest, indices = pool(x)
    back = getattr(nn, f"MaxUnpool{axes}D")(2)(largest, indices)
    assert back.shape == x.shape
    again, places = pool(od.core.where(back == 0, -np.inf, back))
    assert np.array_equal(again, largest) and np.array_equal(places, indices)
    kept = back.numpy() != 0
    assert np.array_equal(back.numpy()[kept], x.numpy()[kept])
    assert kept.sum() == largest.size


def test_fold_of_ones_counts_the_windows_over_each_pixel():
    x = od.ones((1, 2, 6, 7))
    settings = {"kernel_size": 3, "stride": (2, 1), "padding": 1, "dilation": (1, 2)}
    counts = nn.Fold((6, 7), **settings)(nn.Unfold(**settings)(x))
    ones = nn.ConvTranspose2D(1, 1, 3, stride=(2, 1), padding=1, dilation=(1, 2), bias=False)
    ones.weight.data[...] = 1
    windows = nn.Unfold(**settings)(x).shape[2]
    below = ones(od.ones((1, 1, 3, windows // 3)), output_size=(6, 7))
    assert np.array_equal(counts[0, 0], below[0, 0])


def test_padding_with_the_least_number_leaves_maxima_alone():
    x = od.from_numpy(images(1, 2, 5, 4) - 10)
    padded = nn.ConstantPad2D((1, 1, 1, 1), -np.inf)(x)
    assert padded.numpy()[:, :, 0].max() == -np.inf
    expected = nn.MaxPool2D(3, stride=1, padding=1)(x)
    assert np.array_equal(nn.MaxPool2D(3, stride=1)(padded), expected)


def test_settings_are_checked_before_anything_is_drawn():
    before = np.random.default_rng(1)
    state = before.bit_generator.state
    for make in (
        lambda: nn.Conv2D(3, 4, 0, rng=before),
        lambda: nn.ConvTranspose2D(3, 4, 2, output_padding=1, rng=before),
        lambda: nn.DepthwiseConv2D(3, 2, stride=-1, rng=before),
        lambda: nn.Bilinear(3, 4, 0, rng=before),
    ):
        with pytest.raises(OdysseyError):
            make()
    assert before.bit_generator.state == state
