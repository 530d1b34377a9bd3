"""Convolutions beyond their cases: layout, threads, exact numbers, second derivatives, layers."""

from fractions import Fraction

import numpy as np
import pytest

import odyssey as od
from odyssey import fast, nn, reference
from odyssey.engine import gradients
from odyssey.errors import DTypeError, ShapeError

rng = np.random.default_rng(21)


def normal(*shape, dtype="float32"):
    return rng.standard_normal(shape).astype(dtype)


def channels_last(a):
    return np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def is_channels_last(a):
    return a.transpose(0, 2, 3, 1).flags.c_contiguous


# -- layout ------------------------------------------------------------------------------------


@pytest.fixture
def conversions():
    """Return a function that says how many arrays were copied to channels-last memory."""
    if not fast.LEVEL:
        pytest.skip("nothing was compiled in this installation")
    from odyssey._ext import _layout

    def since():
        count = _layout.conversions()
        _layout.reset_conversions()
        return count

    since()
    return since


def test_results_are_channels_last_and_gradients_of_weights_c_contiguous(conversions):
    x, weight, depth = normal(2, 5, 7, 6), normal(4, 5, 3, 3), normal(10, 1, 3, 3)
    out = fast.conv2d(x, weight, padding=1)
    grad_x, grad_weight, _ = fast.conv2d_backward(out, x, weight, padding=1)
    assert is_channels_last(out) and is_channels_last(grad_x)
    assert grad_weight.flags.c_contiguous and not is_channels_last(grad_weight)
    out = fast.depthwise_conv2d(x, depth, padding=1)
    grad_x, grad_weight, _ = fast.depthwise_conv2d_backward(out, x, depth, padding=1)
    assert is_channels_last(out) and is_channels_last(grad_x) and grad_weight.flags.c_contiguous


@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise_images_beyond_the_caches_are_no_different(stride):
    # Only of such batches the kernel fetches rows ahead.
    weight, bias = normal(32, 1, 3, 3, dtype="float64"), normal(32, dtype="float64")
    x = channels_last(normal(10, 32, 65, 66, dtype="float64"))
    out = fast.depthwise_conv2d(x, weight, bias, stride, 1)
    grads = fast.depthwise_conv2d_backward(out, x, weight, stride, 1)
    each = [fast.depthwise_conv2d(one, weight, bias, stride, 1) for one in np.split(x, 10)]
    assert np.array_equal(out, np.concatenate(each))
    each = [
        fast.depthwise_conv2d_backward(g, one, weight, stride, 1)
        for g, one in zip(each, np.split(x, 10), strict=True)
    ]
    of_x, of_weight, of_bias = zip(*each, strict=True)
    assert np.array_equal(grads[0], np.concatenate(of_x))
    np.testing.assert_allclose(grads[1], sum(of_weight), rtol=1e-10, atol=1e-9)
    np.testing.assert_allclose(grads[2], sum(of_bias), rtol=1e-10, atol=1e-9)


def test_channels_last_images_are_taken_as_they_are(conversions):
    x, weight = normal(2, 5, 7, 6), normal(4, 5, 3, 3)
    for name, filters in (("conv2d", weight), ("depthwise_conv2d", normal(5, 1, 3, 3))):
        kernel, backward = getattr(fast, name), getattr(fast, f"{name}_backward")
        out = kernel(x, filters)
        assert conversions() == 1
        assert np.array_equal(kernel(channels_last(x), filters), out)
        backward(out, channels_last(x), filters)
        assert conversions() == 0
        backward(np.ascontiguousarray(out), x, filters)
        assert conversions() == 2


@pytest.mark.parametrize("shape", [(3, 1, 6, 5), (3, 7, 1, 1), (1, 1, 4, 1), (0, 3, 4, 5)], ids=str)
def test_some_shapes_are_in_both_layouts(shape, conversions):
    fast.conv2d(normal(*shape), normal(2, shape[1], 1, 1))
    assert conversions() == 0


def test_a_network_converts_its_input_and_the_gradient_of_its_output_only(conversions):
    model = nn.Sequential(
        nn.Conv2D(3, 8, 3, padding=1), nn.ReLU(), nn.SeparableConv2D(8, 12, 3, stride=2),
        nn.ReLU(), nn.DepthwiseConv2D(12, 3), nn.Conv2D(12, 5, (1, 2)), nn.Flatten(),
    )  # fmt: skip
    out = model(od.tensor(normal(4, 3, 12, 11)))
    assert conversions() == 1
    # Backward: the images once more, which were saved as they came, and what Flatten hands over.
    out.backward(np.ones(out.shape))
    assert conversions() == 2


def test_gradients_in_parameters_are_c_contiguous():
    layer = nn.Conv2D(3, 4, 3)
    x = od.tensor(normal(2, 3, 5, 5), requires_grad=True)
    layer(x).sum().backward()
    for tensor in (x, layer.weight, layer.bias):
        assert tensor.grad.data.flags.c_contiguous


# -- what is not needed is not done ---------------------------------------------------------------


@pytest.mark.parametrize("backend", ["fast", "reference"])
def test_only_the_shape_of_what_is_not_needed_counts(backend):
    if backend == "fast" and not fast.LEVEL:
        pytest.skip("nothing was compiled in this installation")
    kernels = fast if backend == "fast" else reference
    for op, weight in (("conv2d", normal(4, 3, 2, 3)), ("depthwise_conv2d", normal(6, 1, 2, 3))):
        backward = getattr(kernels, f"{op}_backward")
        x = normal(2, 3, 5, 6)
        grad = getattr(kernels, op)(x, weight)
        nothing = np.float32(np.nan)
        no_x, no_weight = np.broadcast_to(nothing, x.shape), np.broadcast_to(nothing, weight.shape)
        full = backward(grad, x, weight)
        assert np.array_equal(backward(grad, no_x, weight, needs=(True, False, False))[0], full[0])
        found = backward(grad, x, no_weight, needs=(False, True, True))
        assert found[0] is None
        assert np.array_equal(found[1], full[1]) and np.array_equal(found[2], full[2])
        assert backward(grad, no_x, no_weight, needs=(False,) * 3) == (None,) * 3


# -- exact numbers ---------------------------------------------------------------------------------


def fractions(*shape):
    out = np.empty(shape, dtype=object)
    for i in np.ndindex(shape):
        out[i] = Fraction(int(rng.integers(-9, 10)), int(rng.integers(1, 8)))
    return out


def test_fractions_pass_through_the_reference_exactly():
    x, weight, bias = fractions(2, 4, 5, 4), fractions(6, 2, 2, 3), fractions(6)
    settings = {"stride": (2, 1), "padding": ((1, 0), (0, 2)), "dilation": (1, 2), "groups": 2}
    y = reference.conv2d(x, weight, bias, **settings)
    padded = np.zeros((2, 4, 6, 6), dtype=object) + Fraction(0)
    padded[:, :, 1:, :4] = x
    for n, k, p, q in np.ndindex(y.shape):
        assert y[n, k, p, q] == bias[k] + sum(
            weight[k, c, r, s] * padded[n, k // 3 * 2 + c, 2 * p + r, q + 2 * s]
            for c, r, s in np.ndindex(2, 2, 3)
        )
    # Bilinear, so that exactly sum(grad * y) = sum(grad_x * x) = sum(grad_weight * weight).
    grad = fractions(*y.shape)
    grad_x, grad_weight, grad_bias = reference.conv2d_backward(grad, x, weight, **settings)
    linear = (grad * (y - bias[:, None, None])).sum()
    assert linear == (grad_x * x).sum() == (grad_weight * weight).sum()
    assert (grad_bias == grad.sum((0, 2, 3))).all()


def test_fractions_pass_through_the_depthwise_reference_exactly():
    x, weight, mix = fractions(2, 2, 5, 4), fractions(4, 1, 2, 3), fractions(3, 4, 1, 1)
    wide = np.full((4, 2, 2, 3), Fraction(0), dtype=object)
    for k in range(4):
        wide[k, k // 2] = weight[k, 0]
    settings = {"stride": 2, "padding": 1, "dilation": (2, 1)}
    y = reference.depthwise_conv2d(x, weight, **settings)
    assert (y == reference.conv2d(x, wide, **settings)).all()
    grad = fractions(*y.shape)
    grad_x, grad_weight, _ = reference.depthwise_conv2d_backward(grad, x, weight, **settings)
    assert (grad * y).sum() == (grad_x * x).sum() == (grad_weight * weight).sum()
    mixed = reference.depthwise_separable_conv2d(x, weight, mix, **settings)
    assert (mixed == reference.conv2d(y, mix)).all()
    grad = fractions(*mixed.shape)
    grads = reference.depthwise_separable_conv2d_backward(grad, x, weight, mix, **settings)
    for array, own in zip((x, weight, mix), grads[:3], strict=True):
        assert (grad * mixed).sum() == (own * array).sum()


# -- third derivatives -----------------------------------------------------------------------------


def test_a_convolution_has_a_third_derivative():
    x, weight = normal(1, 2, 5, 4, dtype="float64"), normal(3, 2, 2, 3, dtype="float64")

    def f(x, weight):
        y = od.core.conv2d(x, weight, stride=(1, 2), padding=1)
        return (y * y * y).sum()

    def second(x, weight):
        with od.enable_grad():
            for t in (x, weight):
                t.requires_grad = True
            (first,) = gradients([f(x, weight)], [x], create_graph=True)
            (twice,) = gradients([(first * first).sum()], [weight], create_graph=True)
        return twice

    od.testing.gradcheck(second, [x, weight], eps=1e-6, tolerance=1e-5)


# -- layers ----------------------------------------------------------------------------------------


def test_layers_call_their_operations():
    x = od.tensor(normal(2, 4, 7, 6))
    conv = nn.Conv2D(4, 6, (3, 2), stride=2, padding=(1, 0), dilation=(1, 2), groups=2)
    assert np.array_equal(conv(x), od.core.conv2d(x, conv.weight, conv.bias, 2, (1, 0), (1, 2), 2))
    depth = nn.DepthwiseConv2D(4, 3, padding="same", depth_multiplier=2, bias=False)
    assert depth.bias is None
    assert np.array_equal(depth(x), od.core.depthwise_conv2d(x, depth.weight, padding="same"))
    both = nn.SeparableConv2D(4, 5, 3, stride=2, depth_multiplier=2)
    assert np.array_equal(
        both(x),
        od.core.depthwise_separable_conv2d(
            x, both.depthwise_weight, both.pointwise_weight, both.bias, 2
        ),
    )


def test_first_values_come_from_the_generator_and_the_number_of_inputs():
    one, two = (nn.Conv2D(8, 6, 3, groups=2, rng=np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one.weight, two.weight) and np.array_equal(one.bias, two.bias)
    assert 0.9 < np.abs(one.weight.numpy()).max() * 6 <= 1  # 4 channels of 9 taps
    assert nn.Conv2D(1, 2, 3, dtype="float64").weight.dtype == "float64"
    assert sum(p.size for p in nn.Conv2D(1, 6, 5).parameters()) == 156


def test_layers_show_what_is_not_as_by_default():
    assert repr(nn.Conv2D(4, 6, 3)) == "Conv2D(4, 6, kernel_size=(3, 3))"
    layer = nn.Conv2D(4, 6, (3, 2), 2, "same", (1, 2), 2, bias=False)
    assert repr(layer) == (
        "Conv2D(4, 6, kernel_size=(3, 2), stride=2, padding='same', dilation=(1, 2), groups=2, "
        "bias=False)"
    )
    assert repr(nn.DepthwiseConv2D(4, 3, depth_multiplier=2)) == (
        "DepthwiseConv2D(4, kernel_size=(3, 3), depth_multiplier=2)"
    )
    assert repr(nn.SeparableConv2D(4, 8, 3, padding=1)) == (
        "SeparableConv2D(4, 8, kernel_size=(3, 3), padding=1)"
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Conv2D(0, 1, 3), "Conv2D: in_channels must be a positive integer, got 0"),
        (lambda: nn.Conv2D(1, 2.0, 3), "Conv2D: out_channels must be a positive integer, got 2.0"),
        (lambda: nn.Conv2D(4, 6, 3, groups=3), "Conv2D: groups=3 does not divide in_channels=4"),
        (lambda: nn.Conv2D(6, 4, 3, groups=3), "Conv2D: groups=3 does not divide out_channels=4"),
        (lambda: nn.Conv2D(1, 1, 0), "Conv2D: kernel_size must be at least 1, got 0"),
        (lambda: nn.Conv2D(1, 1, 3, stride=0), "Conv2D: stride must be at least 1, got 0"),
        (lambda: nn.Conv2D(1, 1, 3, padding=-1), "Conv2D: padding must be at least 0, got -1"),
        (lambda: nn.Conv2D(1, 1, 3, padding="all"), "padding must be 'same', 'valid' or numbers"),
        (lambda: nn.DepthwiseConv2D(True, 3), "channels must be a positive integer, got True"),
        (lambda: nn.DepthwiseConv2D(2, (3, 3, 3)), "kernel_size must be one integer or two"),
        (
            lambda: nn.DepthwiseConv2D(2, 3, dilation=0),
            "DepthwiseConv2D: dilation must be at least",
        ),
        (
            lambda: nn.SeparableConv2D(2, 3, 3, depth_multiplier=0),
            "SeparableConv2D: depth_multiplier must be a positive integer, got 0",
        ),
    ],
)
def test_layers_refuse_bad_settings(make, message):
    with pytest.raises(ShapeError, match=message):
        make()


# -- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["fast", "reference"])
def test_core_says_what_does_not_fit(backend):
    x, weight = od.tensor(normal(8, 4, 32, 32)), od.tensor(normal(16, 3, 3, 3))
    with od.use_backend(backend):
        with pytest.raises(ShapeError) as caught:
            od.core.conv2d(x, weight)
        assert str(caught.value) == (
            "conv2d: weight has 3 input channels but x has 4 "
            "(x: (8, 4, 32, 32), weight: (16, 3, 3, 3), groups=1)"
        )
        with pytest.raises(DTypeError, match=r"conv2d: the arguments must share one dtype \(x: fl"):
            od.core.conv2d(x, weight.astype("float64"))
        with pytest.raises(DTypeError, match="depthwise_conv2d: x must be floating-point"):
            od.core.depthwise_conv2d(np.ones((1, 2, 3, 3), int), normal(2, 1, 2, 2))
        with pytest.raises(DTypeError, match="separable_conv2d: the arguments must share one"):
            od.core.depthwise_separable_conv2d(
                x, normal(4, 1, 3, 3), normal(5, 4, 1, 1, dtype="float64")
            )
        with pytest.raises(ShapeError, match=r"the window is larger than the padded image"):
            od.core.conv2d(x, normal(2, 4, 35, 3), padding=1)


def test_settings_beyond_all_bounds_are_harmless():
    x, weight = normal(1, 2, 5, 4), normal(3, 2, 1, 2)
    huge = 10**30
    for kernels in (fast, reference) if fast.LEVEL else (reference,):
        out = kernels.conv2d(x, weight, stride=huge, dilation=(huge, 1))
        assert out.shape == (1, 3, 1, 1)
        grads = kernels.conv2d_backward(out, x, weight, stride=huge, dilation=(huge, 1))
        assert [g.shape for g in grads] == [x.shape, weight.shape, (3,)]
        with pytest.raises(ShapeError, match="the padded image is too large"):
            kernels.conv2d(x, weight, padding=huge)
