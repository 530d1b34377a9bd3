"""Normalisation layers: modes, running moments, tiny batches, float16, and fitting to data."""

import numpy as np
import pytest

import odyssey as od
from odyssey import nn
from odyssey.errors import OdysseyError, ShapeError

BATCH = {nn.BatchNorm1D: (3,), nn.BatchNorm2D: (3, 4, 5), nn.BatchNorm3D: (3, 2, 3, 4)}
INSTANCE = {
    nn.InstanceNorm1D: (3, 6),
    nn.InstanceNorm2D: (3, 4, 5),
    nn.InstanceNorm3D: (3, 2, 3, 4),
}


def batches(shape, n=5, seed=0, dtype="float64"):
    """Return batches of several sizes, each channel around a mean of its own."""
    rng = np.random.default_rng(seed)
    shift = np.arange(1.0, 4.0).reshape(3, *[1] * (len(shape) - 1))
    return [(rng.normal(shift, 2.0, (4 + i, *shape))).astype(dtype) for i in range(n)]


def channels(x):
    """Return the numbers of each channel as a row."""
    return np.moveaxis(x, 1, 0).reshape(x.shape[1], -1)


def unbiased(x):
    return channels(x).var(1, ddof=1)


# -- running moments ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", BATCH)
def test_running_moments_move_by_the_momentum(kind):
    layer = kind(3, momentum=0.25, dtype="float64")
    mean, var = np.zeros(3), np.ones(3)
    for x in batches(BATCH[kind]):
        layer(od.tensor(x))
        mean = 0.75 * mean + 0.25 * channels(x).mean(1)
        var = 0.75 * var + 0.25 * unbiased(x)
    np.testing.assert_allclose(layer.running_mean.numpy(), mean, rtol=1e-13)
    np.testing.assert_allclose(layer.running_var.numpy(), var, rtol=1e-13)
    assert int(layer.num_batches_tracked) == 5
    assert layer.num_batches_tracked.dtype == np.int64 and layer.num_batches_tracked.shape == ()


@pytest.mark.parametrize("kind", BATCH)
def test_without_momentum_all_batches_count_alike(kind):
    layer = kind(3, momentum=None, dtype="float64")
    data = batches(BATCH[kind])
    for x in data:
        layer(od.tensor(x))
    means, variances = [channels(x).mean(1) for x in data], [unbiased(x) for x in data]
    np.testing.assert_allclose(layer.running_mean.numpy(), np.mean(means, 0), rtol=1e-13)
    np.testing.assert_allclose(layer.running_var.numpy(), np.mean(variances, 0), rtol=1e-13)


@pytest.mark.parametrize("kind", INSTANCE)
@pytest.mark.parametrize("momentum", [0.25, None])
def test_instance_norm_tracks_the_means_of_examples(kind, momentum):
    layer = kind(3, momentum=momentum, track_running_stats=True, dtype="float64")
    mean, var = np.zeros(3), np.ones(3)
    for k, x in enumerate(batches(INSTANCE[kind]), 1):
        layer(od.tensor(x))
        share = momentum or 1 / k
        rows = x.reshape(*x.shape[:2], -1)
        mean += share * (rows.mean(2).mean(0) - mean)
        var += share * (rows.var(2, ddof=1).mean(0) - var)
    np.testing.assert_allclose(layer.running_mean.numpy(), mean, rtol=1e-13)
    np.testing.assert_allclose(layer.running_var.numpy(), var, rtol=1e-13)
    assert int(layer.num_batches_tracked) == 5


@pytest.mark.parametrize("kind", [*BATCH, *INSTANCE])
def test_evaluation_goes_by_the_running_moments_and_leaves_them(kind):
    layer = kind(3, track_running_stats=True, affine=True, dtype="float64")
    first, second = batches((BATCH | INSTANCE)[kind], 2)
    layer(od.tensor(first))
    before = {name: array.copy() for name, array in layer.state_dict().items()}
    y = layer.eval()(od.tensor(second)).numpy()
    after = layer.state_dict()
    assert all(np.array_equal(after[name], array) for name, array in before.items())
    expected = channels(second) - before["running_mean"][:, None]
    expected /= np.sqrt(before["running_var"] + 1e-5)[:, None]
    np.testing.assert_allclose(channels(y), expected, rtol=1e-12, atol=1e-12)
    one = layer(od.tensor(second[:1])).numpy()  # no example depends on the others
    np.testing.assert_allclose(one, y[:1], rtol=1e-13, atol=1e-13)


def test_training_ignores_the_running_moments():
    x = od.tensor(batches((3, 4))[0])
    fresh, moved = (nn.BatchNorm1D(3, dtype="float64") for _ in range(2))
    moved.running_mean[...], moved.running_var[...] = 100.0, 9.0
    assert np.array_equal(fresh(x).numpy(), moved(x).numpy())


@pytest.mark.parametrize("kind", [*BATCH, *INSTANCE])
def test_without_running_moments_modes_are_alike(kind):
    layer = kind(3, track_running_stats=False, dtype="float64")
    x = od.tensor(batches((BATCH | INSTANCE)[kind])[0])
    training = layer(x).numpy()
    assert np.array_equal(layer.eval()(x).numpy(), training)
    assert layer.running_mean is layer.running_var is layer.num_batches_tracked is None
    assert not list(layer.buffers())


def test_a_frozen_layer_inside_a_model_that_trains():
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1D(3))
    model[1].eval().requires_grad_(False)
    before = {name: array.copy() for name, array in model[1].state_dict().items()}
    model(od.randn(8, 4)).sum().backward()
    assert model[0].weight.grad is not None and model[1].weight.grad is None
    assert all(np.array_equal(model[1].state_dict()[n], array) for n, array in before.items())


def test_two_calls_before_one_backward():
    """Moving the running moments does not spoil what the first call saved."""
    layer = nn.BatchNorm1D(3, dtype="float64")
    real, fake = (od.tensor(x, requires_grad=True) for x in batches((3,), 2))
    (layer(real) ** 3).sum().backward()
    alone = real.grad.numpy().copy()
    real.grad = None
    ((layer(real) ** 3).sum() - (layer(fake) ** 3).sum()).backward()
    np.testing.assert_allclose(real.grad.numpy(), alone, rtol=1e-12)
    assert int(layer.num_batches_tracked) == 3 and layer.running_mean.is_leaf


def test_a_call_that_fails_is_not_counted():
    layer = nn.BatchNorm2D(3)
    with pytest.raises(ShapeError):
        layer(od.ones((1, 3, 1, 1)))
    assert int(layer.num_batches_tracked) == 0


def test_functional_call_moves_the_moments_that_it_is_given():
    layer = nn.BatchNorm1D(3, dtype="float64")
    given = {name: od.tensor(array) for name, array in layer.state_dict().items()}
    x = batches((3,))[0]
    nn.functional_call(layer, given, od.tensor(x))
    assert int(given["num_batches_tracked"]) == 1 and int(layer.num_batches_tracked) == 0
    np.testing.assert_allclose(given["running_mean"].numpy(), 0.1 * x.mean(0), rtol=1e-13)
    assert not layer.running_mean.numpy().any()


# -- few numbers -------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "shape"), [(nn.BatchNorm1D, (1, 3)), (nn.BatchNorm1D, (1, 3, 1))])
def test_one_number_a_channel_can_be_evaluated_but_not_trained_on(kind, shape):
    layer, x = kind(3, dtype="float64"), od.ones(shape, dtype="float64")
    with pytest.raises(ShapeError, match="more than 1 number for each channel to train on"):
        layer(x)
    np.testing.assert_allclose(layer.eval()(x).numpy(), 1 / np.sqrt(1 + 1e-5), rtol=1e-15)
    untracked = kind(3, track_running_stats=False, dtype="float64").eval()
    with pytest.raises(ShapeError, match="more than 1 number"):
        untracked(x)


@pytest.mark.parametrize("kind", [nn.BatchNorm2D, nn.InstanceNorm2D])
def test_a_batch_without_numbers_teaches_nothing(kind):
    layer = kind(3, track_running_stats=True)
    assert layer(od.ones((0, 3, 4, 4))).shape == (0, 3, 4, 4)
    assert int(layer.num_batches_tracked) == 0 and (layer.running_var.numpy() == 1).all()


# -- sizes and dtypes --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*BATCH, *INSTANCE])
def test_channels_of_the_first_input(kind):
    shape = (BATCH | INSTANCE)[kind]
    layer = kind(None, affine=True, track_running_stats=True)
    with pytest.raises(OdysseyError, match="not known yet"):
        layer.state_dict()
    layer(od.randn(4, *shape))
    assert layer.num_features == 3 and not layer.waits_for_input
    assert layer.weight.shape == layer.running_var.shape == (3,)
    assert int(layer.num_batches_tracked) == 1
    with pytest.raises(ShapeError, match="must have 3 channels"):
        layer(od.randn(4, 2, *shape[1:]))


def test_running_moments_of_float16_are_wider():
    layer = nn.BatchNorm1D(3, dtype="float16")
    assert layer.weight.dtype == np.float16 and layer.running_mean.dtype == np.float32
    x = batches((3,), 1, dtype="float16")[0]
    assert layer(od.tensor(x)).dtype == np.float16
    np.testing.assert_allclose(
        layer.running_mean.numpy(), 0.1 * x.mean(0, dtype=np.float32), rtol=1e-6
    )
    small = np.float32(1) + np.float32(2) ** -13  # which float16 has not
    layer.running_var[...] = small
    assert (layer.state_dict()["running_var"] == small).all()
    assert layer.to("float16").running_var.dtype == np.float16
    assert layer.num_batches_tracked.dtype == np.int64


def test_float16_moments_in_a_converted_layer_still_move():
    layer = nn.BatchNorm1D(3).to("float16")
    for x in batches((3,), 3, dtype="float16"):
        assert layer(od.tensor(x)).dtype == np.float16
    assert layer.running_mean.dtype == np.float16 and (layer.running_mean.numpy() > 0.1).all()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_eps_of_rms_norm_is_that_of_its_sums(dtype):
    sums = np.float64 if dtype == "float64" else np.float32
    x = np.full((1, 4), 1e-4, dtype)
    y = nn.RMSNorm(4, dtype=dtype)(od.tensor(x))
    mean_square = (x.astype(np.float64) ** 2).mean()
    expected = x / np.sqrt(mean_square + np.finfo(sums).eps)
    assert y.dtype == dtype
    np.testing.assert_allclose(y.numpy(), expected, rtol=4 * np.finfo(dtype).eps)


def test_a_group_norm_of_single_channels_is_an_instance_norm():
    x = od.tensor(batches((3, 4, 5))[0])
    apart = nn.GroupNorm(3, 3, affine=False)(x).numpy()
    assert np.array_equal(apart, nn.InstanceNorm2D(3)(x).numpy())
    joined = nn.GroupNorm(1, 3, affine=False)(x).numpy()
    expected = nn.LayerNorm((3, 4, 5), elementwise_affine=False)(x).numpy()
    np.testing.assert_allclose(joined, expected, rtol=1e-12, atol=1e-13)


def test_states_have_the_names_of_pytorch():
    assert list(nn.BatchNorm2D(3).state_dict()) == [
        "weight",
        "bias",
        "running_mean",
        "running_var",
        "num_batches_tracked",
    ]
    assert list(nn.LayerNorm(3).state_dict()) == list(nn.GroupNorm(1, 3).state_dict())
    assert list(nn.LayerNorm(3, bias=False).state_dict()) == ["weight"]
    assert not nn.InstanceNorm2D(3).state_dict()


def test_the_input_is_left_alone():
    x = od.tensor(batches((3, 4, 5))[0])
    before = x.numpy().copy()
    for layer in (nn.BatchNorm2D(3, dtype="float64"), nn.InstanceNorm2D(3), nn.Normalize()):
        layer(x)
    assert np.array_equal(x.numpy(), before)


# -- fitted to data ----------------------------------------------------------------------------


@pytest.mark.parametrize(("axis", "others"), [(-1, (0, 1)), (1, (0, 2)), (0, (1, 2)), (None, None)])
def test_standardize_gives_the_data_mean_0_and_deviation_1(axis, others):
    x = np.random.default_rng(0).normal(5.0, 3.0, (6, 4, 5))
    layer = nn.Standardize(axis=axis, dtype="float64").adapt(x)
    expected = (x - x.mean(others, keepdims=True)) / x.std(others, keepdims=True)
    np.testing.assert_allclose(layer(od.tensor(x)).numpy(), expected, rtol=1e-12, atol=1e-13)
    assert int(layer.count) == x.size / layer.mean.size


def test_standardize_takes_batches_of_any_size():
    x = np.random.default_rng(0).normal(1e6, 2.0, (50, 3))
    whole = nn.Standardize(dtype="float64").adapt(x)
    parts = [x[:1], od.tensor(x[1:30]), x[30:30], x[30:]]
    streamed = nn.Standardize(dtype="float64").adapt(part for part in parts)
    np.testing.assert_allclose(streamed.mean.numpy(), x.mean(0), rtol=1e-14)
    np.testing.assert_allclose(streamed.std.numpy(), x.std(0), rtol=1e-9)
    np.testing.assert_allclose(whole.std.numpy(), x.std(0), rtol=1e-9)
    assert int(streamed.count) == 50


def test_standardize_forgets_what_it_was_fitted_to_before():
    first, second = np.eye(3), np.arange(12.0).reshape(4, 3)
    layer = nn.Standardize().adapt(first)
    mean = layer.mean
    layer.adapt(second)
    assert layer.mean is mean and np.array_equal(mean.numpy(), second.mean(0))
    assert int(layer.count) == 4


def test_standardize_makes_a_constant_feature_0():
    x = od.tensor([[7.0, 1.0], [7.0, 2.0]])
    assert nn.Standardize().adapt(x)(x).tolist() == [[0.0, -1.0], [0.0, 1.0]]


def test_standardize_is_part_of_a_state():
    model = nn.Sequential(nn.Standardize().adapt(np.arange(6.0).reshape(2, 3)), nn.Linear(3, 1))
    other = nn.Sequential(nn.Standardize(num_features=3), nn.Linear(3, 1))
    x = od.randn(4, 3)
    with pytest.raises(OdysseyError, match=r"call adapt\(data\) first, or load a state"):
        other(x)
    other.load_state_dict(model.state_dict())
    assert np.array_equal(other(x).numpy(), model(x).numpy())


def test_standardize_takes_integers_and_lets_gradients_through():
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    layer = nn.Standardize(axis=1).adapt(images)
    assert layer(od.tensor(images)).dtype.kind == "f"
    x = od.tensor(images.astype("float32"), requires_grad=True)
    layer(x).sum().backward()
    expected = np.broadcast_to(1 / layer.std.numpy()[:, None], (2, 3, 4))
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-6)
