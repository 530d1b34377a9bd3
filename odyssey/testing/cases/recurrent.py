"""Cases of the recurrent kernels, forward and backward.

Shapes: T steps of N sequences, H units.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from odyssey.testing.cases import Array, Case, generator


class Sizes(NamedTuple):
    """The shapes of one input."""

    T: int
    N: int
    H: int


SIZES = {
    "one of each": Sizes(1, 1, 1),
    "small": Sizes(3, 2, 5),
    "one sequence": Sizes(4, 1, 20),
    "a few sequences": Sizes(3, 3, 7),
    "a register and one": Sizes(2, 7, 17),
    "no block of rows full": Sizes(2, 13, 6),
    "rows of two blocks": Sizes(3, 17, 33),
    "long": Sizes(40, 2, 3),
    "rows for two threads": Sizes(2, 37, 40),
    "units for two threads": Sizes(2, 6, 130),
    "one sequence for two threads": Sizes(2, 1, 330),
    "no steps": Sizes(0, 2, 3),
    "no sequences": Sizes(2, 0, 3),
    "no units": Sizes(2, 3, 0),
}


def cases() -> Iterator[Case]:
    """Yield the cases of all recurrent kernels."""
    for name, sizes in SIZES.items():
        for reverse in (False, True):
            yield from _all(f"{name}{', in reverse' * reverse}", sizes, reverse=reverse)
    for reverse in (False, True):
        end = ", in reverse" * reverse
        some, many = np.array([4, 0, 1, 3]), np.arange(37) % 4
        yield from _all(f"lengths{end}", Sizes(4, 4, 6), lengths=some, reverse=reverse)
        yield from _all(f"one length{end}", Sizes(5, 1, 3), lengths=some[-1:], reverse=reverse)
        yield from _all(f"many lengths{end}", Sizes(3, 37, 40), lengths=many, reverse=reverse)
        wide = np.array([2, 1, 0, 2, 1])
        yield from _all(f"lengths, units{end}", Sizes(2, 5, 130), lengths=wide, reverse=reverse)
    yield from _all("large", Sizes(3, 2, 4), size=1e3)
    yield from _all("NaN after the end", Sizes(4, 3, 5), lengths=np.array([1, 0, 3]), after=np.nan)
    for case in _forward("NaN", Sizes(3, 2, 4), {}, {"nonlinearity": "tanh"}, 1.0, 0.0):
        case.args[0][1, 0, 1] = np.nan
        yield case


def _all(
    name: str, sizes: Sizes, size: float = 1.0, after: float = 0.0, **settings: Any
) -> Iterator[Case]:
    for nonlinearity in ("tanh", "relu"):
        own = {"nonlinearity": nonlinearity}
        if size == 1 or nonlinearity == "tanh":
            yield from _forward(f"{name}, {nonlinearity}", sizes, settings, own, size, after)
            yield from _backward(f"{name}, {nonlinearity}", sizes, settings, own, after)
    yield Case("lstm", f"{name}, not saving", _lstm(sizes, 1.0), {**settings, "save": False}, 400)


def _lstm(sizes: Sizes, size: float) -> tuple[Array, ...]:
    rng = generator(sizes.H)
    T, N, H = sizes
    weight = rng.standard_normal((4 * H, H)) / max(H, 1) ** 0.5
    return size * rng.standard_normal((T, N, 4 * H)), weight, *rng.standard_normal((2, N, H))


def _forward(
    name: str,
    sizes: Sizes,
    settings: dict[str, Any],
    own: dict[str, Any],
    size: float,
    after: float,
) -> Iterator[Case]:
    T, _, H = sizes
    terms = (T + 1) * (H + 2)
    gates, weight, h0, c0 = _lstm(sizes, size)
    for t in range(T) if "lengths" in settings else ():
        gates[t, t >= settings["lengths"]] += after
    if own["nonlinearity"] == "tanh":
        yield Case("lstm", name, (gates, weight, h0, c0), settings, terms, 2.0)
        three = (gates[..., : 3 * H].copy(), weight[: 3 * H].copy())
        yield Case("gru", name, (*three, c0.sum(0), h0), settings, terms, 2.0)
        yield Case("gru", f"{name}, no bias", (*three, None, h0), settings, terms, 2.0)
    one = (gates[..., :H].copy(), weight[:H].copy(), h0)
    yield Case("rnn", name, one, {**settings, **own}, terms, 2.0)


def _backward(
    name: str, sizes: Sizes, settings: dict[str, Any], own: dict[str, Any], after: float
) -> Iterator[Case]:
    rng = generator(sizes.N)
    T, N, H = sizes
    terms = (T + 1) * (4 * H + 2)
    grad, cells = rng.standard_normal((2, T, N, H))
    grad_h, grad_c, first = rng.standard_normal((3, N, H))
    gates, weight = rng.random((T, N, 4 * H)), rng.standard_normal((4 * H, H)) / max(H, 1) ** 0.5
    for t in range(T) if "lengths" in settings else ():
        ended = t >= settings["lengths"]
        for array in (grad, cells, gates):
            array[t, ended] += after
    out = np.tanh(cells) if own["nonlinearity"] == "tanh" else np.maximum(cells, 0)
    if own["nonlinearity"] == "tanh":
        args: tuple[Array, ...] = (grad, grad_h, grad_c, weight, first, gates, cells)
        yield Case("lstm_backward", name, args, settings, terms)
        args = (grad, grad_h, weight[: 3 * H].copy(), first, out, gates)
        yield Case("gru_backward", name, args, settings, terms)
    args = (grad, grad_h, weight[:H].copy() / 2, out)
    yield Case("rnn_backward", name, args, {**settings, **own}, terms)
