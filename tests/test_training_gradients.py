"""Clipping and statistics of gradients, beside PyTorch and the papers' formulas."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest

import odyssey as od
from odyssey import core, nn
from odyssey.errors import OdysseyError
from odyssey.training import Trainer, optimizers
from odyssey.training.clipping import clip_adaptive_, clip_each_norm_, clip_norm_, clip_value_
from odyssey.training.gradients import gradient_statistics

SHAPES = [(5, 4), (5,), (3, 2, 3, 3), (1,), (0, 2)]


def parameters(dtype="float64", size=3.0, seed=0):
    """Return parameters with gradients of very different sizes, and one that has none."""
    rng, made = np.random.default_rng(seed), []
    for number, shape in enumerate(SHAPES):
        made.append(od.Parameter(rng.normal(0, 1, shape).astype(dtype)))
        gradient = rng.normal(0, size / 4**number, shape)
        made[-1].grad = od.tensor(np.asarray(gradient, dtype))
    return [*made, od.Parameter(np.ones(2, dtype))]


def gradients(ps):
    return [p.grad.numpy().copy() for p in ps if p.grad is not None]


def long_vector(ps):
    return np.concatenate([g.ravel() for g in gradients(ps)])


def twins(torch, ps):
    made = []
    for p in ps:
        made.append(torch.tensor(p.numpy()))
        if p.grad is not None:
            made[-1].grad = torch.tensor(p.grad.numpy())
    return made


CLIPS = {
    "value": lambda ps, **s: clip_value_(ps, 0.5),
    "norm": lambda ps, **s: clip_norm_(ps, 0.5, **s),
    "each norm": lambda ps, **s: clip_each_norm_(ps, 0.5, **s),
    "adaptive": lambda ps, **s: clip_adaptive_(ps, 0.1, **s),
}
each = pytest.mark.parametrize("clip", CLIPS.values(), ids=CLIPS)


# -- clipping ----------------------------------------------------------------------------------


@each
def test_the_norm_before_is_returned_and_memory_kept(clip):
    ps = parameters()
    norm, arrays = np.linalg.norm(long_vector(ps)), [p.grad for p in ps]
    memory = [None if g is None else g.numpy() for g in arrays]
    assert clip(iter(ps)) == pytest.approx(norm, rel=1e-14)
    assert np.linalg.norm(long_vector(ps)) < norm
    for p, gradient, array in zip(ps, arrays, memory, strict=True):
        assert p.grad is gradient and (gradient is None or gradient.numpy() is array)


@each
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_small_gradients_stay_bit_by_bit(clip, dtype):
    ps = parameters(dtype, size=1e-3)
    before = [g.tobytes() for g in gradients(ps)]
    clip(ps)
    assert [g.tobytes() for g in gradients(ps)] == before
    assert clip([]) == 0


def test_values_are_torchs():
    torch = pytest.importorskip("torch")
    ps = parameters()
    theirs = twins(torch, ps)
    clip_value_(ps, 0.5)
    torch.nn.utils.clip_grad_value_(theirs, 0.5)
    for p, q in zip(ps, theirs, strict=True):
        assert p.grad is None or p.grad.numpy().tobytes() == q.grad.numpy().tobytes()


@pytest.mark.parametrize("ord", [1.0, 2.0, 3.0, math.inf])
@pytest.mark.parametrize("apart", [False, True])
def test_norms_are_torchs(apart, ord):
    torch = pytest.importorskip("torch")
    ps = [p for p in parameters() if p.size or ord < math.inf]  # PyTorch knows no empty maximum
    theirs = twins(torch, ps)
    (clip_each_norm_ if apart else clip_norm_)(ps, 0.5, ord)
    for group in [[q] for q in theirs] if apart else [theirs]:
        norm = float(torch.nn.utils.clip_grad_norm_(group, 0.5, ord))
        for q in group:
            if q.grad is not None and norm > 0.5:
                q.grad *= (norm + 1e-6) / norm  # it divides by the norm and a millionth
    for p, q in zip(ps, theirs, strict=True):
        if p.grad is not None:
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=0, atol=1e-9)


@pytest.mark.parametrize("eps", [1e-3, 2.0])
def test_adaptive_clipping_is_the_papers(eps):
    """Equation 3, unit by unit."""
    ps, factor = parameters(), 0.2
    before, clipped = gradients(ps), 0
    clip_adaptive_(ps, factor, eps)
    for p, old in zip(ps, before, strict=False):
        units = [...] if p.ndim < 2 else range(len(p))
        for i in units:
            weight, gradient = p.numpy()[i], old[i]
            bound = factor * max(math.sqrt((weight**2).sum()), eps)
            norm = math.sqrt((gradient**2).sum())
            expected = gradient * bound / norm if norm > bound else gradient
            clipped += norm > bound
            np.testing.assert_allclose(p.grad.numpy()[i], expected, rtol=1e-13, atol=0)
    assert 0 < clipped < sum(max(len(np.atleast_1d(old)), 1) for old in before)


def test_weights_of_zero_can_move():
    p = od.Parameter(np.zeros((2, 2)))
    p.grad = od.tensor(np.array([[3.0, 4.0], [0.0, 0.0]]))
    clip_adaptive_([p], 0.1, 1e-3)
    np.testing.assert_allclose(p.grad.numpy(), [[6e-5, 8e-5], [0, 0]], rtol=1e-14)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["norm", "each norm", "adaptive"])
def test_what_is_not_finite_is_an_error_or_skipped(name, bad):
    ps = parameters()
    ps[2].grad.numpy()[1, 0, 0, 0] = bad
    before = [g.tobytes() for g in gradients(ps)]
    with pytest.raises(OdysseyError, match=r"clip_\w+_: the norm of the gradients is (nan|inf)"):
        CLIPS[name](ps)
    assert [g.tobytes() for g in gradients(ps)] == before
    assert not math.isfinite(CLIPS[name](ps, skip_nonfinite=True))
    now = gradients(ps)
    same = [g.tobytes() == old for g, old in zip(now, before, strict=True)]
    # Together all stay; apart the others are clipped; adaptively only that filter stays.
    assert same[2] == (name != "adaptive") and same[0] == (name == "norm")
    if name == "adaptive":
        assert now[2][1].tobytes() == np.frombuffer(before[2]).reshape(3, 2, 3, 3)[1].tobytes()


def test_what_is_infinite_is_bounded_by_value():
    p = od.Parameter(np.zeros(3))
    p.grad = od.tensor(np.array([np.inf, -np.inf, 0.1]))
    assert clip_value_([p], 0.5) == math.inf
    assert p.grad.tolist() == [0.5, -0.5, 0.1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda ps: clip_value_(ps, -1), "limit must not be negative, got -1"),
        (lambda ps: clip_norm_(ps, 0), "largest must be positive, got 0"),
        (lambda ps: clip_each_norm_(ps, math.nan), "largest must be positive, got nan"),
        (lambda ps: clip_adaptive_(ps, 0), "factor must be positive, got 0"),
        (lambda ps: clip_adaptive_(ps, eps=-1), "eps must be positive, got -1"),
    ],
)
def test_bounds_that_make_no_sense_are_named(call, message):
    ps = parameters()
    before = [g.tobytes() for g in gradients(ps)]
    with pytest.raises(OdysseyError, match=message):
        call(ps)
    assert [g.tobytes() for g in gradients(ps)] == before


# -- statistics --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_statistics_are_those_of_one_long_vector(dtype):
    ps = parameters(dtype)
    found, whole = gradient_statistics(iter(ps)), long_vector(ps).astype(np.float64)
    assert (found.max, found.min) == (whole.max(), whole.min())
    assert found.mean == pytest.approx(whole.mean(), rel=1e-12)
    assert found.global_norm == pytest.approx(np.linalg.norm(whole), rel=1e-12)
    assert (found.num_nan, found.num_inf, found.is_healthy) == (0, 0, True)


def test_defects_are_counted_and_left_out():
    p = od.Parameter(np.zeros(6))
    p.grad = od.tensor(np.array([np.nan, np.inf, 2.0, -np.inf, -5.0, np.nan]))
    found = gradient_statistics([p])
    assert (found.num_nan, found.num_inf, found.is_healthy) == (2, 2, False)
    assert (found.max, found.min, found.mean) == (2, -5, -1.5)
    assert math.isnan(found.global_norm)
    assert str(found) == "norm nan, from -5 to 2, mean -1.5, 2 NaN, 2 infinite"


def test_no_gradients_have_no_extremes():
    found = gradient_statistics([od.Parameter(np.zeros(6))])
    assert found.global_norm == 0 and math.isnan(found.max + found.min + found.mean)
    assert found.is_healthy


# -- in a training -----------------------------------------------------------------------------


def test_a_trainer_clips_as_it_is_told():
    data = [(od.ones((2, 3)), od.tensor(np.array([0, 1])))] * 2
    weights = []
    for own in (False, True):
        od.manual_seed(1)
        model = nn.Linear(3, 2)
        optimizer = optimizers.SGD(model.parameters(), lr=0.5)
        clip = partial(clip_adaptive_, factor=0.01)
        if own:
            for x, target in data:
                optimizer.zero_grad()
                core.cross_entropy(model(x), target).backward()
                assert clip(model.parameters()) > 0.01
                optimizer.step()
        else:
            Trainer(model, optimizer, clip=clip).fit(data)
        weights.append(model.weight.numpy().tobytes())
    assert weights[0] == weights[1]


def test_a_number_is_no_way_to_clip():
    model = nn.Linear(3, 2)
    with pytest.raises(OdysseyError, match=r"clip must be a function .* got 0.5; clip_norm takes"):
        Trainer(model, optimizers.SGD(model.parameters()), clip=0.5)
