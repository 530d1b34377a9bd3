"""Functions of one element or two at their edges: kinks, ties, poles, signs of zero, integers."""

import numpy as np
import pytest

import odyssey as od
from odyssey import core
from odyssey.engine import gradients
from odyssey.errors import OdysseyError

inf, nan = np.inf, np.nan


def slopes(function, *values):
    """Return the gradients of a function for vectors, each element's result weighing 1."""
    xs = [od.tensor(v, dtype=np.float64, requires_grad=True) for v in values]
    y = function(*xs)
    y.backward(np.ones(y.shape))
    found = [x.grad.tolist() for x in xs]
    return found[0] if len(found) == 1 else found


def signs(x):
    """Return the signs of numbers, that of zeros, too."""
    return np.copysign(1, np.asarray(x)).tolist()


# -- gradients at kinks, ties and poles --------------------------------------------------------


def test_equal_ones_share_the_gradient():
    assert slopes(core.maximum, [1.0, 2.0, 3.0], [2.0, 2.0, 2.0]) == [[0, 0.5, 1], [1, 0.5, 0]]
    assert slopes(core.minimum, [1.0, 2.0, 3.0], [2.0, 2.0, 2.0]) == [[1, 0.5, 0], [0, 0.5, 1]]
    assert slopes(lambda x: core.maximum(x, 0), [-1.0, 0.0, -0.0]) == [0, 0.5, 0.5]


def test_bounds_of_clip_count_as_inside():
    assert slopes(lambda x: core.clip(x, 0, 1), [-1.0, 0.0, 0.5, 1.0, 2.0]) == [0, 1, 1, 1, 0]


def test_the_bound_that_clip_took_gets_the_gradient():
    x, low, high = [-1.0, 0.5, 2.0, 0.0], [0.0, 0.0, 0.0, 3.0], [1.0, 1.0, 1.0, 2.0]
    assert slopes(core.clip, x, low, high) == [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 1]]
    assert core.clip(*map(np.array, (x, low, high))).tolist() == [0, 0.5, 1, 2]


def test_the_origin_has_no_direction():
    assert slopes(core.hypot, [0.0, 3.0], [0.0, 4.0]) == [[0, 0.6], [0, 0.8]]
    assert slopes(core.atan2, [0.0, 1.0], [0.0, 0.0]) == [[0, 0], [0, -1]]


def test_copysign_of_zero_has_the_gradient_zero():
    assert slopes(lambda x: core.copysign(x, -0.0), [0.0, 2.0, -2.0]) == [0, -1, 1]


def test_far_or_infinite_ones_share_logaddexp():
    assert slopes(core.logaddexp, [-inf, 900.0, inf], [-inf, -900.0, inf]) == [
        [0.5, 1, 0.5],
        [0.5, 0, 0.5],
    ]
    assert slopes(lambda x: core.logaddexp(x, -inf), [3.0]) == [1]


@pytest.mark.parametrize(
    ("name", "pole", "slope"),
    [("asin", 1.0, inf), ("acos", -1.0, -inf), ("acosh", 1.0, inf), ("log1p", -1.0, inf),
     ("atanh", 1.0, inf), ("log2", 0.0, inf), ("reciprocal", 0.0, -inf), ("rsqrt", 0.0, -inf)],
)  # fmt: skip
def test_poles_have_infinite_slopes(name, pole, slope):
    assert slopes(getattr(core, name), [pole]) == [slope]


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "round", "sign", "imag"])
def test_steps_have_the_gradient_zero_twice(name):
    x = od.tensor([1.5, -2.0, 0.0], requires_grad=True)
    y = getattr(core, name)(x)
    (first,) = gradients([y * x], [x], [np.ones(3)], create_graph=True)
    assert first.tolist() == y.tolist()


def test_gradients_do_not_overflow_where_the_function_does_not():
    large = [1e200, -1e200]
    assert slopes(core.asinh, large) == pytest.approx([1e-200, 1e-200])
    assert slopes(core.acosh, large[:1]) == pytest.approx([1e-200])
    assert slopes(core.hypot, large, large)[0] == pytest.approx([0.5**0.5, -(0.5**0.5)])
    assert slopes(core.atan2, large, large)[0] == pytest.approx([5e-201, -5e-201])


def test_a_hidden_nan_stays_hidden():
    x = od.tensor([nan, 2.0], requires_grad=True)
    y = core.masked_fill(x, np.array([True, False]), 0.0)
    y.backward(np.ones(2))
    assert y.tolist() == [0, 2] and x.grad.tolist() == [0, 1]


# -- values ------------------------------------------------------------------------------------


def test_signs_of_zero():
    zeros = np.array([0.0, -0.0])
    for name in ("sin", "tan", "asin", "atan", "sinh", "asinh", "atanh", "expm1", "log1p"):
        assert signs(getattr(core, name)(zeros)) == [1, -1], name
    for name in ("floor", "ceil", "trunc", "round", "positive", "real", "conj"):
        assert signs(getattr(core, name)(zeros)) == [1, -1], name
    assert signs(core.sign(zeros)) == [1, 1]
    assert signs(core.ceil(np.array([-0.5]))) == signs(core.round(np.array([-0.5]))) == [-1]
    assert core.signbit(zeros).tolist() == [False, True]


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64])
def test_integers_stay_integers(dtype):
    x = np.array([3, 0, 7], dtype)
    for name in ("floor", "ceil", "trunc", "round", "sign", "square", "positive", "real", "conj"):
        assert getattr(core, name)(x).dtype == dtype, name
    assert core.maximum(x, 5).dtype == core.clip(x, 1, 5).dtype == dtype
    assert core.masked_fill(x, x == 0, 5).tolist() == [3, 5, 7]
    assert core.round(x, -1).tolist() == [0, 0, 10]


def test_integers_become_floats():
    assert core.sin(np.arange(3)).dtype == core.reciprocal(np.arange(1, 3)).dtype == np.float64
    assert core.reciprocal(np.array([4])).tolist() == [0.25]
    assert core.log2(np.array([8], np.int16)).dtype == np.float32


def test_results_are_no_windows():
    for name in ("floor", "positive", "real", "conj"):
        for x in (np.arange(3.0), np.arange(3)):
            assert not np.shares_memory(getattr(core, name)(x), x), name
    x = np.arange(3.0)
    assert not np.shares_memory(core.clip(x), x)


def test_nan_wins():
    x = np.array([nan, 1.0])
    for name in ("maximum", "minimum"):
        assert np.isnan(getattr(core, name)(x, x[::-1])).all()
    assert np.isnan(core.clip(np.ones(2), x, x[::-1])).all()
    assert np.isnan(core.sign(x)).tolist() == [True, False]


def test_lerp_ends_exactly_at_its_ends():
    x, y = np.float32([0.1, 1e8]), np.float32([0.7, 1.0])
    assert core.lerp(x, y, 0.0).tolist() == x.tolist()
    assert core.lerp(x, y, 1.0).tolist() == y.tolist()
    assert core.lerp(x, y, 0.5).dtype == np.float32


# -- astype ------------------------------------------------------------------------------------


def test_astype_copies_unless_it_need_not():
    x = np.arange(3.0)
    assert core.astype(x, np.float64) is not x
    assert core.astype(x, "float64", copy=False, device="cpu") is x
    assert core.astype(x, np.float32, copy=False).dtype == np.float32


def test_astype_without_a_copy_keeps_the_gradient_and_the_values():
    x = od.tensor([1.0, 2.0], requires_grad=True)
    y = core.astype(x, np.float32, copy=False)
    y.backward(np.ones(2))
    assert x.grad.tolist() == [1, 1]
    with od.no_grad():
        x += 1
    assert y.tolist() == [1, 2]


def test_astype_is_silent_about_what_overflows():
    assert core.astype(np.array([1e9, 1.0]), np.float16).tolist() == [inf, 1]


def test_there_is_one_device():
    with pytest.raises(OdysseyError, match="astype: device must be 'cpu'"):
        core.astype(od.ones(2), np.float64, device="cuda")
