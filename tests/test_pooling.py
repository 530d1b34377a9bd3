"""Pools: ties, NaN, memory layout, memory safety, threads, layers."""

import numpy as np
import pytest

import odyssey as od
from odyssey import core, fast, nn, reference
from odyssey.errors import DTypeError, ShapeError
from odyssey.testing.cases import generator, grid

BOTH = [pytest.param(fast, id="fast"), pytest.param(reference, id="reference")]
POOLS = {
    "max_pool2d": (3, 2, 1),
    "avg_pool2d": (3, 2, 1),
    "global_avg_pool2d": (),
    "adaptive_avg_pool2d": ((3, 2),),
}
compiled = pytest.mark.skipif(not fast.LEVEL, reason="nothing was compiled in this installation")


@pytest.fixture(params=BOTH)
def kernels(request):
    if request.param is fast and not fast.LEVEL:
        pytest.skip("nothing was compiled in this installation")
    return request.param


@pytest.fixture
def _threads_restored():
    before = od.get_num_threads()
    yield
    od.set_num_threads(before)


def nhwc(x):
    """Return x as it stands in channels-last memory."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


# -- the maximum -------------------------------------------------------------------------------


def test_of_equal_elements_the_first_is_the_maximum(kernels):
    x = np.zeros((1, 1, 3, 3))
    x[0, 0, 0, 2] = x[0, 0, 2, 0] = 7.0
    out, indices = kernels.max_pool2d(x, 3)
    assert out.item() == 7 and indices.item() == 2
    assert kernels.max_pool2d(np.full((1, 1, 3, 3), -np.inf), 3)[1].item() == 0
    zeros = np.array([[[[-0.0, 0.0]]]])
    assert kernels.max_pool2d(zeros, (1, 2))[1].item() == 0


def test_a_nan_is_the_maximum_and_of_several_the_last(kernels):
    x = np.array([[[[1.0, np.nan, 2.0], [np.nan, np.inf, 0.0]]]])
    out, indices = kernels.max_pool2d(x, (2, 3))
    assert np.isnan(out.item()) and indices.item() == 3


def test_padding_is_never_the_maximum(kernels):
    x = np.full((1, 2, 4, 5), -1e30, np.float32)
    out, indices = kernels.max_pool2d(x, 3, stride=1, padding=1)
    assert (out == np.float32(-1e30)).all()
    assert indices.min() == 0 and indices.max() < 20


def test_indices_count_pixels_of_the_image_without_padding(kernels):
    x = grid(generator(), (2, 3, 7, 6))
    out, indices = kernels.max_pool2d(x, (3, 2), stride=2, padding=1, ceil_mode=True)
    assert indices.dtype == np.int32
    flat = x.reshape(2, 3, 42)
    assert (np.take_along_axis(flat, indices.reshape(2, 3, -1), 2).reshape(out.shape) == out).all()


def test_windows_that_share_a_maximum_add_their_gradients(kernels):
    x = np.array([[[[0.0, 9.0, 0.0]]]], np.float16)
    _, indices = kernels.max_pool2d(x, (1, 2), stride=1)
    grad = np.array([[[[1.0, 10.0]]]], np.float16)
    assert kernels.max_pool2d_backward(grad, indices, x.shape).tolist() == [[[[0, 11, 0]]]]
    # In half precision alone the sum would stop at 2048.
    ones, places = np.ones((1, 1, 64, 64), np.float16), np.zeros((1, 1, 64, 64), np.uint8)
    assert kernels.max_pool2d_backward(ones, places, (1, 1, 1, 1)).item() == 4096


@pytest.mark.parametrize("dtype", ["int8", "uint16", ">i4", ">i8", "uint64", "longlong"])
def test_indices_may_have_any_integer_dtype(kernels, dtype):
    x = grid(generator(), (2, 3, 4, 5))
    out, indices = kernels.max_pool2d(x, 2)
    expected = kernels.max_pool2d_backward(out, indices, x.shape)
    given = indices.astype(dtype)
    assert np.array_equal(kernels.max_pool2d_backward(out, given, x.shape), expected)


def test_no_index_writes_outside_of_the_array(kernels):
    grad = np.ones((1, 2, 2, 2), np.float32)
    for wrong in (-1, 6, 2**62, -(2**62)):
        indices = np.zeros(grad.shape, np.int64)
        indices[0, 1, 1, 0] = wrong
        with pytest.raises(ShapeError, match=rf"indices\[0, 1, 1, 0\] is {wrong} but the images"):
            kernels.max_pool2d_backward(grad, indices, (1, 2, 2, 3))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_where_the_windows_lie_changes_nothing(kernels, dtype):
    """Not even where they are said to lie elsewhere than the indices."""
    rng = generator()
    grad = rng.standard_normal((2, 66, 3, 4)).astype(dtype)
    indices = rng.integers(0, 35, grad.shape)
    expected = kernels.max_pool2d_backward(grad, indices, (2, 66, 5, 7))
    for settings in ((2,), (2, 1), (3, 2, 1), (2, 2, 0, 2), (2**70, 2**70, 2**70, 2**70)):
        found = kernels.max_pool2d_backward(grad, indices, (2, 66, 5, 7), *settings)
        assert found.tobytes() == expected.tobytes(), settings


def test_no_index_is_lost_where_the_windows_are_known(kernels):
    grad = np.ones((1, 66, 2, 2), np.float32)
    for wrong in (-1, 16, 2**32):
        dtype = np.int64 if wrong > 2**31 else np.int32
        indices = np.tile(np.array([[0, 2], [8, 10]], dtype), (1, 66, 1, 1))
        indices[0, 65, 1, 1] = wrong
        with pytest.raises(ShapeError, match=rf"indices\[0, 65, 1, 1\] is {wrong} but the images"):
            kernels.max_pool2d_backward(grad, indices, (1, 66, 4, 4), 2)


def test_a_nan_is_found_in_every_channel(kernels):
    for channel in (0, 15, 16, 63, 64, 69):
        x = np.zeros((1, 70, 2, 4), np.float32)
        x[0, channel, 1, 2] = np.nan
        out, indices = kernels.max_pool2d(x, 2)
        assert np.isnan(out[0, channel, 0, 1]) and np.isnan(out).sum() == 1
        assert indices[0, channel, 0, 1] == 6 and indices.sum() == 69 * 2 + 6


def test_settings_beyond_any_image_are_harmless(kernels):
    x = grid(generator(), (1, 1, 3, 4))
    assert kernels.max_pool2d(x, 1, stride=2**70)[0].item() == x[0, 0, 0, 0]
    assert kernels.max_pool2d(x, 1, stride=1, dilation=2**70)[0].shape == x.shape
    assert kernels.avg_pool2d(x, 2, stride=2**70).item() == x[0, 0, :2, :2].mean()


# -- the mean ----------------------------------------------------------------------------------


def test_what_the_mean_is_divided_by(kernels):
    x = np.ones((1, 1, 4, 4))
    counted = kernels.avg_pool2d(x, 3, stride=3, padding=1, ceil_mode=True)
    # Rows -1..1 and 2..4 of the padded image: 2 of 3 lie inside each time.
    assert counted[0, 0] == pytest.approx(np.full((2, 2), 4 / 9))
    # Rows 0..2 and 3..5, of which 4 and 5 hang over and never count.
    assert (kernels.avg_pool2d(x, 3, ceil_mode=True) == 1).all()
    only = kernels.avg_pool2d(x, 3, stride=3, padding=1, ceil_mode=True, count_include_pad=False)
    assert (only == 1).all()


def test_every_pixel_enters_an_adaptive_mean(kernels):
    grad = np.ones((1, 1, 3, 4))
    back = kernels.adaptive_avg_pool2d_backward(grad, (1, 1, 7, 9))
    assert (back > 0).all() and back.sum() == pytest.approx(12)


# -- memory ------------------------------------------------------------------------------------


@compiled
@pytest.mark.parametrize("name", POOLS)
def test_results_are_channels_last_and_such_input_is_not_copied(name):
    from odyssey._ext import _layout

    x = nhwc(generator().standard_normal((2, 5, 7, 6)).astype(np.float32))
    pool, backward = getattr(fast, name), getattr(fast, f"{name}_backward")
    _layout.reset_conversions()
    out = pool(x, *POOLS[name])
    results = list(out) if isinstance(out, tuple) else [out]
    grad = nhwc(np.ones(results[0].shape, np.float32))
    if name == "max_pool2d":
        results.append(backward(grad, out[1], x.shape))
        results.append(backward(grad, out[1], x.shape, *POOLS[name]))
    else:
        results.append(backward(grad, x.shape, *(POOLS[name] if name == "avg_pool2d" else ())))
    assert _layout.conversions() == 0
    for array in results:
        assert array.transpose(0, 2, 3, 1).flags.c_contiguous
    pool(np.ascontiguousarray(x), *POOLS[name])
    assert _layout.conversions() == 1


@compiled
@pytest.mark.usefixtures("_threads_restored")
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", POOLS)
def test_same_bits_on_1_2_and_4_threads(name, dtype):
    x = nhwc(generator().standard_normal((3, 70, 17, 19)).astype(dtype))
    results = []
    for n in (1, 2, 4):
        od.set_num_threads(n)
        tensor = od.tensor(x, requires_grad=True)
        out = getattr(core, name)(tensor, *POOLS[name])
        out.backward(generator(1).standard_normal(out.shape))
        results.append((out.data.tobytes("A"), tensor.grad.data.tobytes()))
    assert results[0] == results[1] == results[2]


# -- operations and layers -----------------------------------------------------------------------


def test_indices_are_saved():
    out, saved = core.max_pool2d.with_saved(od.tensor([[[[1.0, 5.0]]]]), (1, 2))
    assert out.item() == 5 and saved.indices.item() == 1


def test_the_default_stride_is_the_window():
    x = od.ones((1, 2, 9, 12))
    assert core.max_pool2d(x, (2, 5)).shape == core.avg_pool2d(x, (2, 5)).shape == (1, 2, 4, 2)


def test_operations_refuse_what_is_not_floating_point():
    x = od.tensor(np.ones((1, 1, 2, 2), np.int64))
    for name in POOLS:
        with pytest.raises(DTypeError, match=f"{name}: x must be floating-point"):
            getattr(core, name)(x, *POOLS[name])


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.MaxPool2D(3, stride=2, padding=1, ceil_mode=True), (2, 3, 5, 4)),
        (nn.MaxPool2D((2, 3), dilation=2), (2, 3, 3, 1)),
        (nn.AvgPool2D((2, 3)), (2, 3, 4, 2)),
        (nn.AvgPool2D(3, 2, 1, count_include_pad=False), (2, 3, 4, 4)),
        (nn.GlobalAvgPool2D(), (2, 3, 1, 1)),
        (nn.AdaptiveAvgPool2D((5, 2)), (2, 3, 5, 2)),
    ],
    ids=repr,
)
def test_layer(layer, shape):
    assert layer(od.ones((2, 3, 8, 7))).shape == shape
    assert not list(layer.parameters())


def test_layers_check_their_settings():
    with pytest.raises(ShapeError, match="MaxPool2D: stride must be at least 1, got 0"):
        nn.MaxPool2D(2, 0)
    with pytest.raises(ShapeError, match="AvgPool2D: padding must be at least 0, got -1"):
        nn.AvgPool2D(2, padding=-1)
    with pytest.raises(ShapeError, match="AdaptiveAvgPool2D: output_size must be at least 1"):
        nn.AdaptiveAvgPool2D((0, 2))
