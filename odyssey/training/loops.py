"""The loops of training as plain functions, for those who write their own around them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from odyssey.core import cross_entropy
from odyssey.grad_mode import no_grad
from odyssey.nn import Module
from odyssey.tensor import Tensor
from odyssey.training.optimizers import Optimizer

__all__ = ["evaluate", "train_one_epoch"]

LossFn = Callable[[Tensor, Tensor], Tensor]


def train_one_epoch(
    model: Module,
    loader: Iterable[tuple[Tensor, Tensor]],
    optimizer: Optimizer,
    loss_fn: LossFn = cross_entropy,
    on_step: Callable[[float], Any] | None = None,
) -> dict[str, float]:
    """Take one step of the optimizer for every batch.

    Parameters
    ----------
    model : Module
        Put into training mode, and left in it.
    loader : iterable of (x, target)
        Once through it is an epoch. To stop earlier, let it end earlier.
    optimizer : Optimizer
        Of the model's parameters.
    loss_fn : callable
        ``loss_fn(model(x), target)`` is the mean loss of a batch.
    on_step : callable, optional
        ``on_step(loss)`` is called after every step.

    Returns
    -------
    metrics : dict of str to float
        ``"loss"``, the mean over all examples, and, if the targets are class
        numbers, ``"accuracy"``; both as the model was at each step. NaN if
        there were no examples.

    Examples
    --------
    >>> import odyssey as od
    >>> from odyssey.data import DataLoader, datasets
    >>> od.manual_seed(0)
    >>> model = od.models.mlp((1, 8, 8), 10)
    >>> loader = DataLoader(datasets.Digits("train"), shuffle=True)
    >>> optimizer = od.training.optimizers.Adam(model.parameters())
    >>> metrics = train_one_epoch(model, loader, optimizer)
    >>> metrics["accuracy"] > 0.6
    True
    """
    model.train()
    tally = _Tally()
    for x, target in loader:
        optimizer.zero_grad()
        scores = model(x)
        loss = loss_fn(scores, target)
        loss.backward()
        optimizer.step()
        value = tally.add(scores, target, loss)
        if on_step is not None:
            on_step(value)
    return tally.metrics()


def evaluate(
    model: Module,
    loader: Iterable[tuple[Tensor, Tensor]],
    loss_fn: LossFn = cross_entropy,
) -> dict[str, float]:
    """Measure a model on data, and leave it as it was.

    Parameters
    ----------
    model : Module
        In evaluation mode meanwhile; each of its modules is put back into the
        mode that it was in. Nothing is recorded.
    loader, loss_fn
        As those of :func:`train_one_epoch`.

    Returns
    -------
    metrics : dict of str to float
        As :func:`train_one_epoch` returns.

    Examples
    --------
    >>> import odyssey as od
    >>> from odyssey.data import DataLoader, datasets
    >>> model = od.models.mlp((1, 8, 8), 10)
    >>> sorted(evaluate(model, DataLoader(datasets.Digits("test"))))
    ['accuracy', 'loss']
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    tally = _Tally()
    try:
        with no_grad():
            for x, target in loader:
                scores = model(x)
                tally.add(scores, target, loss_fn(scores, target))
    finally:
        for module, mode in modes:
            module.training = mode
    return tally.metrics()


class _Tally:
    """Sums over examples, so that a smaller last batch counts for what it is."""

    def __init__(self) -> None:
        self.examples = 0
        self.loss = 0.0
        self.right: int | None = None

    def add(self, scores: Tensor, target: Tensor, loss: Tensor) -> float:
        """Count a batch, and return its loss as a number."""
        n = len(target)
        value = float(loss.item())
        self.examples += n
        if n:  # the mean loss of no examples is NaN, and would stay in the sum
            self.loss += value * n
        if target.dtype.kind in "iu" and scores.ndim == 2 and target.ndim == 1:
            found = scores.data.argmax(axis=1) == target.data
            self.right = (self.right or 0) + int(found.sum())
        return value

    def metrics(self) -> dict[str, float]:
        if not self.examples:
            return {"loss": math.nan, "accuracy": math.nan}
        metrics = {"loss": self.loss / self.examples}
        if self.right is not None:
            metrics["accuracy"] = self.right / self.examples
        return metrics
