"""The loops of training as plain functions, for those who write their own around them."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from odyssey.core import cross_entropy
from odyssey.errors import OdysseyError
from odyssey.grad_mode import no_grad
from odyssey.nn import Module
from odyssey.tensor import Tensor
from odyssey.training.metrics import Accuracy, Mean, Metric
from odyssey.training.optimizers import Optimizer

__all__ = ["evaluate", "predict", "train_one_epoch"]

LossFn = Callable[[Tensor, Tensor], Tensor]


def train_one_epoch(
    model: Module,
    loader: Iterable[tuple[Tensor, ...]],
    optimizer: Optimizer,
    loss_fn: LossFn = cross_entropy,
    on_step: Callable[[float], Any] | None = None,
    metrics: Mapping[str, Metric] | None = None,
) -> dict[str, float]:
    """Take one step of the optimizer for every batch.

    Parameters
    ----------
    model : Module
        Put into training mode, and left in it.
    loader : iterable of (inputs ..., target)
        Once through it is an epoch. To stop earlier, let it end earlier.
    optimizer : Optimizer
        Of the model's parameters.
    loss_fn : callable
        ``loss_fn(model(*inputs), target)`` is the mean loss of a batch.
    on_step : callable, optional
        ``on_step(loss)`` is called after every step.
    metrics : mapping of str to Metric, optional
        Figures beside the loss; the metrics themselves stay as they are. By default the
        accuracy, if the targets are class numbers.

    Returns
    -------
    figures : dict of str to float
        ``"loss"``, the mean over all examples, and the metrics; as the model was at
        each step. NaN if there were no examples.

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
    tally = _Tally(metrics)
    for *inputs, target in loader:
        optimizer.zero_grad()
        scores = model(*inputs)
        loss = loss_fn(scores, target)
        loss.backward()
        optimizer.step()
        value = tally.add(scores, target, loss)
        if on_step is not None:
            on_step(value)
    return tally.figures()


def evaluate(
    model: Module,
    loader: Iterable[tuple[Tensor, ...]],
    loss_fn: LossFn = cross_entropy,
    metrics: Mapping[str, Metric] | None = None,
) -> dict[str, float]:
    """Measure a model on data, and leave it as it was.

    Parameters
    ----------
    model : Module
        In evaluation mode meanwhile; each of its modules is put back into the
        mode that it was in. Nothing is recorded.
    loader, loss_fn, metrics
        As those of :func:`train_one_epoch`.

    Returns
    -------
    figures : dict of str to float
        As :func:`train_one_epoch` returns.

    Examples
    --------
    >>> import odyssey as od
    >>> from odyssey.data import DataLoader, datasets
    >>> model = od.models.mlp((1, 8, 8), 10)
    >>> sorted(evaluate(model, DataLoader(datasets.Digits("test"))))
    ['accuracy', 'loss']
    """
    tally = _Tally(metrics)
    with _measuring(model):
        for *inputs, target in loader:
            scores = model(*inputs)
            tally.add(scores, target, loss_fn(scores, target))
    return tally.figures()


def predict(model: Module, loader: Iterable[Any]) -> np.ndarray:
    """Return what a model gives for each example, and leave it as it was.

    Parameters
    ----------
    model : Module
        In evaluation mode meanwhile, as in :func:`evaluate`.
    loader : iterable of (inputs ..., target), of (input,) or of Tensor
        A target is left aside; to have several inputs, give one, too.

    Returns
    -------
    outputs : ndarray, shape (N, ...)

    Raises
    ------
    OdysseyError
        If the loader is empty.

    Examples
    --------
    >>> import odyssey as od
    >>> from odyssey.data import DataLoader, datasets
    >>> model = od.models.mlp((1, 8, 8), 10)
    >>> predict(model, DataLoader(datasets.Digits("test"))).shape
    (360, 10)
    """
    outputs = []
    with _measuring(model):
        for batch in loader:
            parts = list(batch) if isinstance(batch, (tuple, list)) else [batch]
            outputs.append(model(*(parts[:-1] or parts)).data)
    if not outputs:
        raise OdysseyError("predict: the loader gave no batch")
    return np.concatenate(outputs)


@contextmanager
def _measuring(model: Module) -> Iterator[None]:
    """Put a model into evaluation mode, record nothing, and put each mode back."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


class _Tally:
    """The mean loss and the metrics of what has passed."""

    def __init__(self, metrics: Mapping[str, Metric] | None) -> None:
        self.loss = Mean()
        self.metrics = None if metrics is None else copy.deepcopy(dict(metrics))
        for metric in (self.metrics or {}).values():
            metric.reset()

    def add(self, scores: Tensor, target: Tensor, loss: Tensor) -> float:
        """Count a batch, and return its loss as a number."""
        value = float(loss.item())
        self.loss.add(value, len(target))
        if self.metrics is None:
            classes = target.dtype.kind in "iu" and scores.ndim == 2 and target.ndim == 1
            self.metrics = {"accuracy": Accuracy()} if classes else {}
        for metric in self.metrics.values():
            metric.update(scores.data, target.data)
        return value

    def figures(self) -> dict[str, float]:
        if self.metrics is None:  # nothing has passed that would tell
            return {"loss": math.nan, "accuracy": math.nan}
        own = {name: metric.compute() for name, metric in self.metrics.items()}
        return {"loss": self.loss.compute(), **own}
