"""The range test: a short training with a rate that grows, to see which rates are worth trying."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from odyssey.core import cross_entropy
from odyssey.errors import OdysseyError
from odyssey.nn import Module
from odyssey.training.loops import LossFn
from odyssey.training.optimizers import Optimizer
from odyssey.utils import random

__all__ = ["RangeTest", "lr_find"]


@dataclass(frozen=True)
class RangeTest:
    """What :func:`lr_find` has seen.

    Attributes
    ----------
    rates : ndarray, shape (N,)
        The rates that were tried, N at most ``steps``.
    losses : ndarray, shape (N,)
        The smoothed losses before the steps with these rates; finite.
    suggestion : float or None
        The rate at which the loss falls fastest; None if it never falls.
    """

    rates: np.ndarray
    losses: np.ndarray
    suggestion: float | None

    def plot(self, path: Any = None) -> Any:
        """Draw losses against rates; return Matplotlib's figure, or write it to a path."""
        from odyssey.utils.visualization import plot_curves

        if not len(self.losses):
            raise OdysseyError("plot: the loss was not finite from the first step on")
        # What has diverged would press the rest of the curve flat.
        top = self.losses[0] + 0.5 * (self.losses[0] - self.losses.min()) + 0.05
        shown = np.where(self.losses <= top, self.losses, np.nan)
        marks = None if self.suggestion is None else {f"{self.suggestion:.2g}": self.suggestion}
        return plot_curves(
            {"loss": shown},
            "learning rate",
            "loss, smoothed",
            path,
            log_x=True,
            x=self.rates,
            marks=marks,
        )


def lr_find(
    model: Module,
    optimizer: Optimizer,
    loader: Iterable[Any],
    loss_fn: LossFn = cross_entropy,
    start: float = 1e-7,
    end: float = 10.0,
    steps: int = 100,
    smooth: float = 0.05,
    diverge: float = 4.0,
) -> RangeTest:
    r"""Try growing learning rates, and leave everything as it was.

    Steps are taken with the rates

    .. math:: \eta_i = \eta_0\, (\eta_1 / \eta_0)^{i / (n - 1)}, \qquad i = 0 \dots n - 1

    and the losses smoothed, :math:`\bar L_i = \bar L_{i-1} + s\, (L_i - \bar L_{i-1})` from
    :math:`\bar L_0 = L_0`. First nothing happens, then the loss falls, at last it diverges.
    A good largest rate is a little below the one where it stops falling. The suggestion is
    where the loss falls fastest against :math:`\log \eta` before the minimum of
    :math:`\bar L`; for this it is smoothed to both sides, step j counting
    :math:`(1 - s)^{|i - j|}` at step i, because :math:`\bar L` comes late.

    Parameters
    ----------
    model : Module
        In training mode meanwhile.
    optimizer : Optimizer
        Of the model's parameters; all of its groups get the same rate.
    loader : iterable of (inputs ..., target)
        Gone through as often as is needed; a `DataLoader` by a copy of its own.
    loss_fn : callable
        ``loss_fn(model(*inputs), target)`` is the mean loss of a batch.
    start, end : float
        :math:`\eta_0 < \eta_1`
    steps : int
        n, at least 2.
    smooth : float
        s, in (0, 1]; 1 for no smoothing.
    diverge : float
        Stop when the smoothed loss is more than so many times its minimum, or not finite.

    Returns
    -------
    RangeTest
        ``rates``, ``losses``, ``suggestion`` and ``plot(path)``.

    Raises
    ------
    OdysseyError
        If a setting is out of range, or the loader is an iterator, which could not be set
        back, or has no batch.

    Notes
    -----
    Weights, buffers, gradients, modes, the optimizer's state and settings and the random
    numbers (the process's, those of :func:`~odyssey.utils.random.drawing_from`, and the
    generators that modules own) are afterwards bit by bit what they were before, also
    after an error.

    References
    ----------
    .. [1] L. N. Smith, "Cyclical learning rates for training neural networks", WACV 2017,
       section 3.3. https://arxiv.org/abs/1506.01186

    Examples
    --------
    >>> import odyssey as od
    >>> from odyssey.data import DataLoader, datasets
    >>> od.manual_seed(0)
    >>> model = od.models.mlp((1, 8, 8), 10)
    >>> optimizer = od.training.optimizers.Adam(model.parameters())
    >>> found = lr_find(model, optimizer, DataLoader(datasets.Digits("train"), shuffle=True))
    >>> 1e-5 < found.suggestion < 1
    True
    """
    _check(loader, start, end, steps, smooth, diverge)
    rates = start * (end / start) ** (np.arange(steps) / (steps - 1))
    losses: list[float] = []
    seen: list[float] = []  # before smoothing
    # A rate that is too large overflows: that is what is looked for.
    with _untouched(model, optimizer), np.errstate(all="ignore"):
        model.train()
        batches = _endless(_own_copy(loader))
        for rate in rates.tolist():
            for group in optimizer.groups:
                group["lr"] = rate
            *inputs, target = next(batches)
            optimizer.zero_grad()
            loss = loss_fn(model(*inputs), target)
            value = float(loss.item())
            average = losses[-1] + smooth * (value - losses[-1]) if losses else value
            if not math.isfinite(average) or (losses and average > diverge * min(losses)):
                break
            losses.append(average)
            seen.append(value)
            loss.backward()
            optimizer.step()
    falling = slice(0, int(np.argmin(losses)) + 1) if losses else slice(0)
    return RangeTest(
        rates[: len(losses)],
        np.array(losses),
        _steepest(rates[falling], np.array(seen[falling]), smooth),
    )


def _steepest(rates: np.ndarray, losses: np.ndarray, smooth: float) -> float | None:
    """Return the rate at which losses that were not smoothed yet fall fastest."""
    if len(losses) < 2:
        return None
    # To both sides here: smoothing by the past alone would find the slope some 1 / s steps late.
    steps = np.arange(len(losses))
    weights = (1 - smooth) ** np.abs(steps[:, None] - steps)
    slopes = np.gradient(weights @ losses / weights.sum(axis=1), np.log(rates))
    return float(rates[slopes.argmin()]) if slopes.min() < 0 else None


def _check(
    loader: Any, start: float, end: float, steps: int, smooth: float, diverge: float
) -> None:
    if not 0 < start < end < math.inf:
        raise OdysseyError(f"lr_find: expected 0 < start < end, got {start!r} and {end!r}")
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 2:
        raise OdysseyError(f"lr_find: steps must be an integer of at least 2, got {steps!r}")
    if not 0 < smooth <= 1:
        raise OdysseyError(f"lr_find: smooth must lie in (0, 1], got {smooth!r}")
    if not diverge > 1:
        raise OdysseyError(f"lr_find: diverge must be more than 1, got {diverge!r}")
    if isinstance(loader, Iterator):
        raise OdysseyError(
            f"lr_find: loader must be one that can begin again, got the iterator "
            f"{type(loader).__name__}, whose batches would be lost"
        )


def _own_copy(loader: Any) -> Any:
    """Return a loader with a position, an order and random numbers of its own, and the same data.

    The original is not only set back: a position that is loaded means the middle of an
    epoch, where one that was left there begins the next.
    """
    if not hasattr(loader, "dataset"):
        return loader
    return copy.deepcopy(loader, {id(loader.dataset): loader.dataset})


def _endless(loader: Iterable[Any]) -> Iterator[Any]:
    while True:
        batch = None
        for batch in loader:
            yield batch
        if batch is None:
            raise OdysseyError("lr_find: the loader gave no batch")


@contextmanager
def _untouched(model: Module, optimizer: Optimizer) -> Iterator[None]:
    """Put model, optimizer and random numbers back as they were, whatever happens."""
    tensors = [*model.parameters(), *model.buffers()]
    values = [(tensor, tensor.data.copy(), tensor.grad) for tensor in tensors]
    modes = [(module, module.training) for module in model.modules()]
    state = copy.deepcopy(optimizer.state_dict())
    generators: list[np.random.Generator] = [
        random.default_generator(),
        random.current_generator(),
    ]
    generators += [
        value
        for module in model.modules()
        for value in vars(module).values()
        if isinstance(value, np.random.Generator)
    ]
    places = [(one.bit_generator, copy.deepcopy(one.bit_generator.state)) for one in generators]
    try:
        yield
    finally:
        for tensor, array, grad in values:
            tensor._count_write("lr_find")
            tensor.data[...] = array
            tensor.grad = grad
        for module, mode in modes:
            module.training = mode
        optimizer.load_state_dict(state)
        for generator, place in places:
            generator.state = place
