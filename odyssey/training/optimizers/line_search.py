"""How far to go along a direction: a line search for the strong Wolfe conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

__all__ = ["Point", "strong_wolfe"]


class Point(NamedTuple):
    """A point on the line, what the loss is there, and how steep."""

    t: float
    """The step: how far along the direction it lies."""

    loss: float
    grad: np.ndarray
    slope: float
    """The derivative of the loss by t."""


def strong_wolfe(
    evaluate: Callable[[float], Point],
    start: Point,
    t: float,
    largest: float,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance: float = 1e-9,
    most: int = 25,
) -> tuple[Point, int]:
    r"""Find a step after which the loss is clearly smaller, and clearly less steep.

    With :math:`\phi(t)` the loss after the step t, the strong Wolfe conditions are

    .. math:: \phi(t) \le \phi(0) + c_1 t\, \phi'(0), \qquad |\phi'(t)| \le -c_2\, \phi'(0)

    First t grows until there must be such a point before it, then the interval shrinks; the
    next t is each time where a cubic through both ends has its minimum.

    Parameters
    ----------
    evaluate : callable
        Returns the `Point` of a step.
    start : Point
        That of t = 0, with a slope below 0.
    t : float
        The first step to be tried.
    largest : float
        The largest element of the direction: an interval that moves no parameter by more
        than the tolerance is not divided.
    c1, c2, tolerance : float
    most : int
        How often the interval may change.

    Returns
    -------
    point : Point
        The best one; it may not fulfil the conditions if ``most`` was reached.
    evaluations : int

    References
    ----------
    .. [1] J. Nocedal, S. Wright, "Numerical optimization", 2nd edition, 2006, algorithms
       3.5 and 3.6, equation 3.59.

    Examples
    --------
    >>> def parabola(t):
    ...     return Point(t, (t - 3) ** 2, np.zeros(1), 2 * (t - 3))
    >>> point, evaluations = strong_wolfe(parabola, parabola(0.0), t=0.1, largest=1.0)
    >>> point.t, evaluations
    (1.0, 2)
    """

    def too_high(point: Point) -> bool:
        return point.loss > start.loss + c1 * point.t * start.slope

    def flat(point: Point) -> bool:
        return abs(point.slope) <= -c2 * start.slope

    # Go on until an interval holds a good point.
    before, here, count = start, evaluate(t), 1
    changes = 0
    while changes < most:
        if too_high(here) or (changes > 1 and here.loss >= before.loss):
            break
        if flat(here):
            return here, count
        if here.slope >= 0:
            break
        t = minimum_of_cubic(before, here, here.t + 0.01 * (here.t - before.t), here.t * 10)
        before, here = here, evaluate(t)
        count, changes = count + 1, changes + 1
    else:
        before = start

    # Shrink it. `low` is the better end.
    low, high = (before, here) if before.loss <= here.loss else (here, before)
    stuck = False
    while changes < most and abs(high.t - low.t) * largest >= tolerance:
        left, right = min(low.t, high.t), max(low.t, high.t)
        t = minimum_of_cubic(low, high, left, right)
        margin = 0.1 * (right - left)
        if min(right - t, t - left) < margin:  # hardly a new point
            if stuck or t >= right or t <= left:
                t = right - margin if abs(t - right) < abs(t - left) else left + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        here = evaluate(t)
        count, changes = count + 1, changes + 1
        if too_high(here) or here.loss >= low.loss:
            low, high = (low, here) if low.loss <= here.loss else (here, low)
            continue
        done = flat(here)
        if not done and here.slope * (high.t - low.t) >= 0:
            high = low
        low = here
        if done:
            break
    return low, count


def minimum_of_cubic(a: Point, b: Point, low: float, high: float) -> float:
    """Return where in [low, high] a cubic with both losses and slopes is smallest."""
    if a.t > b.t:
        a, b = b, a
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0:  # it has no minimum
        return (low + high) / 2
    d2 = square**0.5
    bottom = b.slope - a.slope + 2 * d2
    if bottom == 0:  # a straight line
        return high if b.slope < 0 else low
    t = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / bottom)
    return (low + high) / 2 if t != t else min(max(t, low), high)
