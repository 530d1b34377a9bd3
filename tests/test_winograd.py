"""Winograd's form of the convolution beyond its cases: exact numbers, accuracy, layout, NaN."""

import os
from fractions import Fraction

import numpy as np
import pytest
from formulas_conv import conv2d, conv2d_backward
from hypothesis import given, settings
from strategies_conv import calls

import odyssey as od
from odyssey import fast, reference
from odyssey.utils.cook_toom import POINTS, cook_toom

EXAMPLES = int(os.environ.get("ODYSSEY_EXAMPLES", "60"))
compiled = pytest.mark.skipif(not fast.LEVEL, reason="nothing was compiled in this installation")
each_tile = pytest.mark.parametrize("tile", [2, 4])
rng = np.random.default_rng(5)


def normal(*shape, dtype="float32"):
    return rng.standard_normal(shape).astype(dtype)


def channels_last(a):
    return np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


# -- the matrices, and exact numbers ---------------------------------------------------------------


@pytest.mark.parametrize(("m", "r"), [(2, 3), (4, 3), (3, 2), (3, 4), (1, 3), (3, 1), (5, 4)])
def test_matrices_are_a_correlation_exactly(m, r):
    for _ in range(5):
        ratios = {Fraction(int(a), int(b)) for a, b in rng.integers(1, 9, (40, 2))}
        collect, expand, evaluate = cook_toom(sorted(ratios)[: m + r - 2], m, r)
        data, taps = rng.integers(-9, 10, m + r - 1), rng.integers(-9, 10, r)
        found = collect @ (expand @ taps * (evaluate @ data))
        assert found.tolist() == np.correlate(data, taps, "valid").tolist()


def test_the_weight_gradient_shares_the_matrix_of_the_images():
    for sides, points in POINTS.items():
        for r in range(2, sides):
            m = sides - r + 1
            assert (cook_toom(points, m, r)[2] == cook_toom(points, r, m)[2]).all()


def fractions(*shape):
    out = np.empty(shape, dtype=object)
    for i in np.ndindex(shape):
        out[i] = Fraction(int(rng.integers(-9, 10)), int(rng.integers(1, 8)))
    return out


@each_tile
@pytest.mark.parametrize(
    ("shape", "filters", "form"),
    [
        ((2, 2, 3, 7), 2, {}),
        ((1, 1, 1, 1), 2, {"padding": 1}),
        ((1, 4, 5, 4), 2, {"groups": 2, "padding": ((1, 0), (0, 2))}),
        ((1, 1, 7, 9), 2, {"dilation": (2, 3), "padding": (1, 2)}),
        ((1, 2, 2, 3), 1, {"padding": 3}),
    ],
    ids=str,
)
def test_fractions_are_those_of_the_direct_form(shape, filters, form, tile):
    groups = form.get("groups", 1)
    x, bias = fractions(*shape), fractions(filters)
    weight = fractions(filters, shape[1] // groups, 3, 3)
    expected = reference.conv2d(x, weight, bias, **form)
    found = reference.winograd_conv2d(x, weight, bias, **form, tile=tile)
    assert found.dtype == object and (found == expected).all()
    grad = fractions(*expected.shape)
    found = reference.winograd_conv2d_backward(grad, x, weight, **form, tile=tile)
    for one, other in zip(found, reference.conv2d_backward(grad, x, weight, **form), strict=True):
        assert one.shape == other.shape and (one == other).all()


# -- accuracy --------------------------------------------------------------------------------------

# Errors in float32, in eps of the largest sum that does not cancel: |pixel| times a filter's norm.
# Measured over 3000 examples: at most 5 and 14. A wrong number would be off by a million.
BOUND = {2: 10, 4: 30}


def largest_sum(a, b, axes):
    """Return the largest number in a, times the largest norm of b over these axes."""
    norm = np.sqrt((b.astype(np.float64) ** 2).sum(axes)).max(initial=0)
    return np.abs(a.astype(np.float64)).max(initial=0) * norm


@compiled
def test_is_as_near_to_the_truth_as_its_bound_says():
    @settings(max_examples=EXAMPLES)
    @given(calls("winograd_conv2d"))
    def check(call):
        x, weight, bias = call.arrays
        form = {name: value for name, value in call.settings.items() if name != "tile"}
        wide = [None if a is None else a.astype(np.float64) for a in (x, weight, bias, call.grad)]
        truth = conv2d(*wide[:3], **form), *conv2d_backward(wide[3], *wide[:2], **form)
        sizes = (
            largest_sum(x, weight, (1, 2, 3)) + (0 if bias is None else np.abs(wide[2]).max()),
            largest_sum(call.grad, weight, (0, 2, 3)),
            largest_sum(call.grad, x, (0, 2, 3)),
            np.abs(wide[3]).sum((0, 2, 3)).max(initial=0),
        )
        found = run(call)
        for mine, exact, size in zip(found, truth, sizes, strict=True):
            assert mine.shape == exact.shape and mine.dtype == call.dtype
            eps = max(np.finfo(call.dtype).eps, np.finfo(np.float32).eps)
            if call.dtype == "float64":
                eps = np.finfo(np.float64).eps
            error = np.abs(mine - exact).max(initial=0)
            assert error <= BOUND[call.settings["tile"]] * eps * size
        for threads in (2, 4):
            for one, other in zip(found, run(call, threads), strict=True):
                assert one.tobytes() == other.tobytes()

    check()


def run(call, threads=1):
    """Return the output and the three gradients."""
    before = od.get_num_threads()
    od.set_num_threads(threads)
    try:
        out = fast.winograd_conv2d(*call.arrays, **call.settings)
        return [
            out, *fast.winograd_conv2d_backward(call.grad, *call.arrays[:2], **call.settings)
        ]  # fmt: skip
    finally:
        od.set_num_threads(before)


@compiled
@each_tile
@pytest.mark.parametrize("channels", [16, 300])
def test_errors_of_a_layer_are_far_below_its_digits(channels, tile):
    x, weight = normal(2, channels, 13, 15), normal(40, channels, 3, 3)
    grad = normal(2, 40, 13, 15)
    wide = [a.astype(np.float64) for a in (grad, x, weight)]
    truth = conv2d(*wide[1:], padding=1), *conv2d_backward(*wide, padding=1)
    found = (
        fast.winograd_conv2d(x, weight, padding=1, tile=tile),
        *fast.winograd_conv2d_backward(grad, x, weight, padding=1, tile=tile),
    )
    for mine, exact in zip(found, truth, strict=True):
        bound = {2: 2e-6, 4: 1e-5}[tile]  # three times what was measured
        assert np.abs(mine - exact).max() < bound * np.abs(exact).max()


# -- layout, and what is not needed ----------------------------------------------------------------


@compiled
def test_layouts_of_arguments_change_nothing():
    x, weight, bias = normal(2, 20, 7, 9), normal(18, 20, 3, 3), normal(18)
    out = fast.winograd_conv2d(x, weight, bias, padding=1)
    grads = fast.winograd_conv2d_backward(out, x, weight, padding=1)
    assert out.transpose(0, 2, 3, 1).flags.c_contiguous
    assert grads[0].transpose(0, 2, 3, 1).flags.c_contiguous and grads[1].flags.c_contiguous

    def strided(a):
        wide = np.zeros(tuple(2 * n for n in a.shape), a.dtype)
        wide[(slice(None, None, 2),) * a.ndim] = a
        return wide[(slice(None, None, 2),) * a.ndim]

    def frozen(a):
        a = a.copy()
        a.flags.writeable = False
        return a

    for layout in (channels_last, strided, frozen, np.asfortranarray):
        args = [layout(a) for a in (x, weight)]
        assert np.array_equal(fast.winograd_conv2d(*args, bias, padding=1), out)
        again = fast.winograd_conv2d_backward(layout(out), *args, padding=1)
        for one, other in zip(again, grads, strict=True):
            assert np.array_equal(one, other)


@pytest.mark.parametrize("backend", ["fast", "reference"])
def test_only_the_shape_of_what_is_not_needed_counts(backend):
    if backend == "fast" and not fast.LEVEL:
        pytest.skip("nothing was compiled in this installation")
    kernels = fast if backend == "fast" else reference
    backward = kernels.winograd_conv2d_backward
    x, weight = normal(2, 3, 5, 6), normal(4, 3, 3, 3)
    grad = kernels.winograd_conv2d(x, weight)
    nothing = np.float32(np.nan)
    no_x, no_weight = np.broadcast_to(nothing, x.shape), np.broadcast_to(nothing, weight.shape)
    full = backward(grad, x, weight)
    assert np.array_equal(backward(grad, no_x, weight, needs=(True, False, False))[0], full[0])
    found = backward(grad, x, no_weight, needs=(False, True, True))
    assert found[0] is None
    assert np.array_equal(found[1], full[1]) and np.array_equal(found[2], full[2])
    assert backward(grad, no_x, no_weight, needs=(False,) * 3) == (None,) * 3


@compiled
def test_the_choice_of_algorithm_is_not_about_these_kernels():
    x, weight = normal(1, 20, 8, 8), normal(20, 20, 3, 3)
    out = fast.winograd_conv2d(x, weight)
    before = od.get_conv_algorithm()
    try:
        od.set_conv_algorithm("direct")
        assert np.array_equal(fast.winograd_conv2d(x, weight), out)
    finally:
        od.set_conv_algorithm(before)


# -- numbers that are none -------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["fast", "reference"])
@each_tile
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_spoils_its_tiles_at_most(backend, tile, value):
    if backend == "fast" and not fast.LEVEL:
        pytest.skip("nothing was compiled in this installation")
    kernels = fast if backend == "fast" else reference
    x, weight = normal(1, 3, 14, 15), np.abs(normal(4, 3, 3, 3))
    clean = kernels.winograd_conv2d(x, weight, tile=tile)
    row, column = 5, 8
    x[0, 1, row, column] = value
    out = kernels.winograd_conv2d(x, weight, tile=tile)

    def sees(pixel, outputs):
        """Tell of each output whether its tile sees the pixel."""
        first = np.arange(outputs) // tile * tile
        return (first <= pixel) & (pixel < first + tile + 2)

    spoilt = sees(row, out.shape[2])[:, None] & sees(column, out.shape[3])
    assert np.array_equal(out[..., ~spoilt], clean[..., ~spoilt])
    assert not np.isfinite(out[:, :, row - 2 : row + 1, column - 2 : column + 1]).any()
