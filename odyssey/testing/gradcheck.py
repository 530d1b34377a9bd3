r"""gradcheck: a gradient against finite differences.

For a function f, an input x, a random direction u and a random cotangent v, both
sides of

.. math:: \langle v, J u \rangle = \langle J^\top v, u \rangle

are computed: on the left J u is the central difference of f along u, on the
right :math:`J^\top v` is what backward gives for v. Both are random, because
under a cotangent of ones (``f(x).sum()``) whole classes of wrong rules pass:
softmax's gradient is then zero, whatever its rule says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from odyssey.engine import gradients
from odyssey.grad_mode import enable_grad, no_grad
from odyssey.tensor import Tensor
from odyssey.testing.cases import Array

__all__ = ["gradcheck", "gradgradcheck"]

REPORTED = 1000
"""Inputs up to this size are searched for the worst element when a check fails."""


def gradcheck(
    function: Callable[..., Any],
    inputs: Sequence[Array | Tensor],
    *,
    eps: float = 1e-5,
    tolerance: float = 1e-6,
    draws: int = 3,
    elementwise: bool = False,
    seed: int = 0,
) -> None:
    """Check the gradient of a function of Tensors.

    Parameters
    ----------
    function : callable
        From Tensors to a Tensor, or to several.
    inputs : sequence of ndarray or Tensor
        Floating ones are checked, in float64; keep them away from kinks.
    eps : float
        The step of the central difference, for inputs of size about 1.
    tolerance : float
        How far the two sides may lie apart, relative to the size of their terms.
    draws : int
        How many directions and cotangents to try for each input.
    elementwise : bool
        Also compare every element of each gradient; for small inputs.
    seed : int
        Of the random numbers.

    Raises
    ------
    AssertionError
        If the gradient is wrong; it names the input and its worst element.

    Examples
    --------
    >>> import numpy as np, odyssey as od
    >>> gradcheck(od.core.softmax, [np.array([[1.0, 2.0, 4.0]])])
    """
    rng = np.random.default_rng(seed)
    arrays = _float64(inputs)
    for _ in range(draws):
        v = [rng.standard_normal(y.shape) for y in _values(function, arrays)]
        for number, grad in enumerate(_gradients(function, arrays, v)):
            if grad is None or not grad.size:  # an input of integers, or of nothing
                continue
            u = rng.standard_normal(grad.shape)
            terms = _change(function, arrays, v, number, u, eps)
            found, expected = float((grad * u).sum()), float(terms.sum())
            size = float(np.abs(terms).sum() + np.abs(grad * u).sum())
            # Written so that a NaN fails: it is not <= anything.
            right = abs(found - expected) <= tolerance * max(size, 1e-3)
            if right and not elementwise:
                continue
            report = ""
            if elementwise or grad.size <= REPORTED:
                index, exact = _worst_element(function, arrays, v, number, grad, eps)
                off = abs(grad[index] - exact)
                scale = max(float(np.abs(grad).max(initial=0)), abs(exact), 1e-3)
                right = right and bool(off <= 10 * tolerance * scale)
                report = f"; worst at {index}: {exact:.9g}, but backward gives {grad[index]:.9g}"
            assert right, (
                f"gradcheck: the gradient of input {number} is wrong: along a random direction "
                f"the result changes by {expected:.9g}, but backward gives {found:.9g}{report}"
            )


def gradgradcheck(
    function: Callable[..., Any], inputs: Sequence[Array | Tensor], **settings: Any
) -> None:
    """Check the second derivative: the gradient as a function of inputs and cotangents.

    Also that the gradient under ``create_graph`` is the same as without.
    Parameters and errors are those of :func:`gradcheck`.

    Examples
    --------
    >>> import numpy as np, odyssey as od
    >>> gradgradcheck(od.core.softmax, [np.array([[1.0, 2.0, 4.0]])])
    """
    arrays = _float64(inputs)
    rng = np.random.default_rng(settings.get("seed", 0) + 1)
    cotangents = [rng.standard_normal(y.shape) for y in _values(function, arrays)]

    def gradient(*both: Tensor) -> list[Tensor]:
        xs, v = both[: len(arrays)], list(both[len(arrays) :])
        with enable_grad():  # also where gradcheck itself asks for nothing but values
            for x in xs:
                x.requires_grad = x.dtype.kind == "f"
            outs = [y for y in _listed(function(*xs)) if y.dtype.kind == "f"]
            wanted = [x for x in xs if x.requires_grad]
            found = gradients(outs, wanted, v, create_graph=True)
        # A gradient that depends on nothing is a constant, which must be true, too.
        full = [x * 0 if g is None else g for g, x in zip(found, wanted, strict=True)]
        return [g if g.requires_grad else g + x * 0 for g, x in zip(full, wanted, strict=True)]

    # A backward_formula must first of all be the same gradient as the rule.
    plain = [g for g in _gradients(function, arrays, cotangents) if g is not None]
    recorded = gradient(*(Tensor(a.copy()) for a in [*arrays, *cotangents]))
    for number, (rule, formula) in enumerate(zip(plain, recorded, strict=True)):
        assert np.allclose(formula.data, rule, rtol=0, atol=1e-9 * np.abs(rule).max(initial=1)), (
            f"gradgradcheck: under create_graph the gradient of floating input {number} is another"
        )
    gradcheck(gradient, [*arrays, *cotangents], **settings)


def _float64(inputs: Sequence[Array | Tensor]) -> list[Array]:
    arrays = [np.array(x) for x in inputs]
    return [a.astype(np.float64) if a.dtype.kind == "f" else a for a in arrays]


def _listed(result: Any) -> list[Any]:
    return list(result) if isinstance(result, (list, tuple)) else [result]


def _values(function: Callable[..., Any], arrays: list[Array]) -> list[Array]:
    """Return the floating results of a function."""
    with no_grad():
        outs = _listed(function(*(Tensor(a.copy()) for a in arrays)))
    return [y.data for y in outs if y.dtype.kind == "f"]


def _gradients(function: Any, arrays: list[Array], v: list[Array]) -> list[Array | None]:
    """Return what backward gives for the cotangents ``v``: an array for each floating input."""
    xs = [Tensor(a.copy(), requires_grad=a.dtype.kind == "f") for a in arrays]
    outs = [y for y in _listed(function(*xs)) if y.dtype.kind == "f"]
    roots = [(y, one) for y, one in zip(outs, v, strict=True) if y.requires_grad]
    assert roots, "gradcheck: no result is connected to an input: there is no gradient to check"
    wanted = [x for x in xs if x.requires_grad]
    found = iter(gradients([y for y, _ in roots], wanted, [one for _, one in roots]))
    grads = [next(found) if x.requires_grad else x for x in xs]
    # An input that no result depends on has the gradient 0, which must be true, too.
    return [
        None if not x.requires_grad else np.zeros_like(x.data) if g is None else g.data
        for x, g in zip(xs, grads, strict=True)
    ]


def _change(
    function: Any, arrays: list[Array], v: list[Array], number: int, u: Array, eps: float
) -> Array:
    """Return the terms of <v, J u>, J u being the central difference of input ``number``."""
    ends = []
    for step in (eps, -eps):
        moved = [a + step * u if i == number else a for i, a in enumerate(arrays)]
        ends.append(_values(function, moved))
    parts = [(one * (up - down)).ravel() for one, up, down in zip(v, *ends, strict=True)]
    return np.concatenate(parts) / (2 * eps)


def _worst_element(
    function: Any, arrays: list[Array], v: list[Array], number: int, grad: Array, eps: float
) -> tuple[tuple[int, ...], float]:
    """Return where ``grad`` is furthest from the difference, and what that is there."""
    exact = np.zeros_like(grad)
    for index in np.ndindex(grad.shape):
        u = np.zeros_like(grad)
        u[index] = 1
        exact[index] = _change(function, arrays, v, number, u, eps).sum()
    off = np.nan_to_num(np.abs(grad - exact), nan=np.inf)
    worst = np.unravel_index(int(off.argmax()), off.shape) if off.size else ()
    return tuple(map(int, worst)), float(exact[tuple(worst)]) if off.size else 0.0
