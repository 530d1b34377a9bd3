"""Optimizers that PyTorch lacks, beside the formulas of their papers, number by number."""

import math

import numpy as np
import pytest
from strategies_optimizers import arrays, gradients, leaf

import odyssey as od
from odyssey.training.optimizers import LAMB, LARS, Lion, Muon, orthogonalize

STEPS = 50
SHAPES = [(), (5,), (3, 4), (2, 3, 2, 2), (0, 3)]


def length(numbers):
    return math.sqrt(math.fsum(x * x for x in numbers))


def lamb(w, grads, lr, betas, eps, decay):
    """Algorithm 2 of You et al. 2020 on a list of numbers."""
    m, v = [0.0] * len(w), [0.0] * len(w)
    for t, g in enumerate(grads, 1):
        m = [betas[0] * a + (1 - betas[0]) * b for a, b in zip(m, g, strict=True)]
        v = [betas[1] * a + (1 - betas[1]) * b**2 for a, b in zip(v, g, strict=True)]
        m_hat = [a / (1 - betas[0] ** t) for a in m]
        v_hat = [a / (1 - betas[1] ** t) for a in v]
        r = [a / (math.sqrt(b) + eps) for a, b in zip(m_hat, v_hat, strict=True)]
        full = [a + decay * b for a, b in zip(r, w, strict=True)]
        ratio = length(w) / length(full) if length(w) > 0 and length(full) > 0 else 1
        w = [a - lr * ratio * b for a, b in zip(w, full, strict=True)]
    return w


def lars(w, grads, lr, momentum, decay, trust, eps):
    """Algorithm 1 of You, Gitman, Ginsburg 2017 on a list of numbers."""
    u = [0.0] * len(w)
    for g in grads:
        rate = 1.0
        if length(w) > 0 and length(g) > 0:
            rate = trust * length(w) / (length(g) + decay * length(w) + eps)
        u = [momentum * a + lr * rate * (b + decay * c) for a, b, c in zip(u, g, w, strict=True)]
        w = [a - b for a, b in zip(w, u, strict=True)]
    return w


def lion(w, grads, lr, betas, decay):
    """Algorithm 2 of Chen et al. 2023 on a list of numbers."""
    m = [0.0] * len(w)
    for g in grads:
        c = [betas[0] * a + (1 - betas[0]) * b for a, b in zip(m, g, strict=True)]
        w = [a - lr * (math.copysign(b != 0, b) + decay * a) for a, b in zip(w, c, strict=True)]
        m = [betas[1] * a + (1 - betas[1]) * b for a, b in zip(m, g, strict=True)]
    return w


def compare(make, formula):
    """Take all steps, some parameters resting at times, and compare with the formula."""
    params = [leaf(array) for array in arrays(SHAPES)]
    params[1].data[...] = 0  # a parameter without a length, as biases often begin
    starts = [p.numpy().reshape(-1).tolist() for p in params]
    optimizer = make([{"params": params[:2]}, {"params": params[2:], "lr": 0.03}])
    given = [[] for _ in params]
    for step in range(STEPS):
        for p, grad, past in zip(params, gradients(step, SHAPES), given, strict=True):
            p.grad = None if grad is None else od.tensor(grad)
            if grad is not None:
                past.append(grad.reshape(-1).tolist())
        optimizer.step()
    for number, p in enumerate(params):
        assert 39 <= len(given[number]) < STEPS
        expected = formula(starts[number], given[number], 0.05 if number < 2 else 0.03)
        np.testing.assert_allclose(p.numpy().reshape(-1), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize(("betas", "eps"), [((0.9, 0.999), 1e-6), ((0.5, 0.8), 1e-2)])
def test_lamb(betas, eps, decay):
    compare(
        lambda groups: LAMB(groups, lr=0.05, betas=betas, eps=eps, weight_decay=decay),
        lambda w, grads, lr: lamb(w, grads, lr, betas, eps, decay),
    )


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize(
    ("momentum", "trust", "eps"), [(0.9, 0.001, 1e-8), (0.0, 0.5, 0.1), (0.5, 0.02, 0.0)]
)
def test_lars(momentum, trust, eps, decay):
    settings = {"momentum": momentum, "trust": trust, "eps": eps, "weight_decay": decay}
    compare(
        lambda groups: LARS(groups, lr=0.05, **settings),
        lambda w, grads, lr: lars(w, grads, lr, momentum, decay, trust, eps),
    )


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("betas", [(0.9, 0.99), (0.5, 0.8)])
def test_lion(betas, decay):
    compare(
        lambda groups: Lion(groups, lr=0.05, betas=betas, weight_decay=decay),
        lambda w, grads, lr: lion(w, grads, lr, betas, decay),
    )


# -- Muon --------------------------------------------------------------------------------------


def polynomial_of_singular_values(x, steps, coefficients, eps):
    """Return what Newton and Schulz's iteration gives, by way of the singular values."""
    a, b, c = coefficients
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    s = s / max(math.sqrt(np.sum(s**2)), eps)
    for _ in range(steps):
        s = a * s + b * s**3 + c * s**5
    return (u * s) @ vt


@pytest.mark.parametrize("shape", [(6, 6), (4, 9), (9, 4), (1, 5), (5, 1)])
@pytest.mark.parametrize(
    "settings", [(5, (3.4445, -4.7750, 2.0315)), (0, (1, 2, 3)), (7, (1.5, -0.5, 0))]
)
def test_orthogonalize(shape, settings):
    (x,) = arrays([shape])
    given = x.copy()
    expected = polynomial_of_singular_values(x, *settings, 1e-7)
    np.testing.assert_allclose(orthogonalize(x, *settings), expected, rtol=1e-9, atol=1e-9)
    assert x.tolist() == given.tolist()


def test_orthogonalize_nothing():
    assert orthogonalize(np.zeros((2, 3))).tolist() == [[0] * 3] * 2


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("adjust", [None, "original", "match_rms_adamw"])
def test_muon(nesterov, adjust):
    lr, momentum, decay, coefficients, eps = 0.02, 0.9, 0.1, (3.0, -4.0, 2.0), 1e-3
    shapes = [(6, 6), (4, 9), (9, 4), (0, 3)]
    params = [leaf(array) for array in arrays(shapes)]
    optimizer = Muon(params, lr, decay, momentum, nesterov, coefficients, eps, 4, adjust)
    expected, buffers = arrays(shapes), [np.zeros(shape) for shape in shapes]
    for step in range(STEPS):
        for k, grad in enumerate(gradients(step, shapes)):
            params[k].grad = None if grad is None else od.tensor(grad)
            if grad is None or 0 in shapes[k]:
                continue
            buffers[k] = momentum * buffers[k] + (1 - momentum) * grad
            direction = buffers[k]
            if nesterov:
                direction = momentum * direction + (1 - momentum) * grad
            rows, columns = shapes[k]
            factor = math.sqrt(max(1, rows / columns))
            if adjust == "match_rms_adamw":
                factor = 0.2 * math.sqrt(max(rows, columns))
            change = polynomial_of_singular_values(direction, 4, coefficients, eps)
            expected[k] = (1 - lr * decay) * expected[k] - lr * factor * change
        optimizer.step()
    for p, values in zip(params, expected, strict=True):
        np.testing.assert_allclose(p.numpy(), values, rtol=1e-9, atol=1e-9)
