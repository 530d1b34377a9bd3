"""Numerical safety: what is not finite, norms of gradients, and clipping."""

import numpy as np
import pytest

import odyssey as od
from odyssey.core import (
    check_gradients,
    check_numerics,
    check_range,
    clip_grad_norm_,
    clip_grad_value_,
    count_inf,
    count_nan,
    gradient_norm,
    has_inf,
    has_nan,
)
from odyssey.errors import OdysseyError

mixed = np.array([[1.0, np.nan], [np.inf, -np.inf]], np.float32)


@pytest.mark.parametrize("make", [np.asarray, od.tensor], ids=["array", "tensor"])
def test_counts(make):
    x = make(mixed)
    assert (count_nan(x), count_inf(x), has_nan(x), has_inf(x)) == (1, 2, True, True)
    clean = make(np.zeros((0, 3), np.float32))
    assert (count_nan(clean), count_inf(clean), has_nan(clean), has_inf(clean)) == (0, 0, 0, 0)
    assert check_numerics(clean) is clean
    with pytest.raises(OdysseyError, match=r"of shape \(2, 2\) has 1 NaN and 2 infinite of 4"):
        check_numerics(x)


def test_integers_are_finite():
    assert not has_nan(np.arange(3)) and count_inf(np.arange(3)) == 0


def test_range():
    x = np.array([0.0, 1.0])
    assert check_range(x, 0, 1) is x
    for outside in (np.array([0.5, 1.5]), np.array([0.5, np.nan])):
        with pytest.raises(OdysseyError, match=r"check_range: p must lie in \[0, 1\]"):
            check_range(outside, 0, 1, "p")


def parameters(*gradients, dtype="float32"):
    found = []
    for gradient in gradients:
        p = od.tensor(np.zeros_like(gradient, dtype=dtype), requires_grad=True)
        (p * od.tensor(np.asarray(gradient, dtype=dtype))).sum().backward()
        found.append(p)
    return [*found, od.tensor([1.0], requires_grad=True)]  # the last has no gradient


@pytest.mark.parametrize("ord", [1.0, 2.0, 3.0, np.inf])
def test_norm_is_that_of_one_long_vector(ord):
    first, second = np.arange(6.0).reshape(2, 3), np.array([-7.0, 0.5])
    expected = np.linalg.norm(np.concatenate([first.ravel(), second]), ord)
    assert gradient_norm(parameters(first, second), ord) == pytest.approx(expected)
    assert gradient_norm([]) == 0.0


def test_norm_of_halves_does_not_overflow():
    p = parameters(np.full(1000, 6e4), dtype="float16")
    assert gradient_norm(p) == pytest.approx(np.sqrt(1000) * 59999, rel=1e-3)


def test_clipping_the_norm_scales_all_alike():
    first, second = np.arange(1.0, 7).reshape(2, 3), np.array([-7.0, 0.5])
    p = parameters(first, second)
    norm = clip_grad_norm_(iter(p), 2.0)
    assert norm == pytest.approx(np.sqrt((first**2).sum() + (second**2).sum()))
    assert gradient_norm(p) == pytest.approx(2.0)
    np.testing.assert_allclose(p[0].grad.numpy(), first * 2 / norm, rtol=1e-6)
    assert clip_grad_norm_(p, 3.0) == pytest.approx(2.0)
    np.testing.assert_allclose(p[1].grad.numpy(), second * 2 / norm, rtol=1e-6)


def test_clipping_what_is_not_finite():
    p = parameters([1.0, np.nan])
    with pytest.raises(OdysseyError, match="clip_grad_norm_: the norm of the gradients is nan"):
        clip_grad_norm_(p, 1.0)
    assert np.isnan(clip_grad_norm_(p, 1.0, skip_nonfinite=True))
    assert p[0].grad.numpy()[0] == 1.0
    for largest in (0, -1.0, np.nan):
        with pytest.raises(OdysseyError, match="largest must be positive"):
            clip_grad_norm_(p, largest)


def test_clipping_values():
    p = parameters([3.0, -0.25, -9.0])
    clip_grad_value_(p, 0.5)
    assert p[0].grad.numpy().tolist() == [0.5, -0.25, -0.5]
    with pytest.raises(OdysseyError, match="limit must not be negative, got -1"):
        clip_grad_value_(p, -1)


def test_gradients_that_explode_or_vanish():
    assert check_gradients(parameters([3.0, 4.0])) == 5.0
    for gradient, word in (([2e3], "explode"), ([1e-9], "vanish"), ([np.inf], "norm of the")):
        with pytest.raises(OdysseyError, match=f"check_gradients: .*{word}"):
            check_gradients(parameters(gradient))


def test_agrees_with_torch():
    torch = pytest.importorskip("torch")
    gradient = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    theirs = torch.zeros(5, 4, requires_grad=True)
    theirs.grad = torch.from_numpy(gradient.copy())
    mine = parameters(gradient)
    for ord in (1.0, 2.0, np.inf):
        expected = torch.nn.utils.clip_grad_norm_([theirs], 1.5, ord)
        assert clip_grad_norm_(mine, 1.5, ord) == pytest.approx(float(expected), rel=1e-5)
        np.testing.assert_allclose(mine[0].grad.numpy(), theirs.grad.numpy(), rtol=1e-5)
