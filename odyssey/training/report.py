"""A report of a run: one page that holds everything, and needs nothing else to be shown.

What is known of the run is gathered here; how the page looks is in
:mod:`odyssey.training.report_page`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from odyssey.environment import config_info
from odyssey.errors import OdysseyError
from odyssey.training.callbacks.lr_monitor import LRMonitor
from odyssey.training.loops import predict
from odyssey.training.metrics import ConfusionMatrix
from odyssey.training.report_page import page
from odyssey.utils.config import load_config
from odyssey.utils.io import atomic_write

if TYPE_CHECKING:
    from odyssey.training.trainer import Trainer

__all__ = ["Example", "Findings", "examine", "write_report"]

EXAMPLES = 24
"""How many of the worst examples are shown."""


@dataclass(frozen=True)
class Example:
    """One example, and what the model made of it."""

    number: int
    """Its place in the order of the loader, from 0."""
    image: np.ndarray | None
    true: int
    found: int
    confidence: float
    """The probability that the model gives to the class that it found."""
    of_true: float
    """The probability that it gives to the true one."""

    @property
    def badness(self) -> float:
        """Wrong ones come first, the surest first; then right ones, the least sure first."""
        return self.confidence if self.found != self.true else -self.of_true


@dataclass
class Findings:
    """What a model of classes makes of data.

    Attributes
    ----------
    matrix : ConfusionMatrix
    worst : list of Example
        The worst first.
    """

    matrix: ConfusionMatrix
    worst: list[Example] = field(default_factory=list)


def examine(trainer: Trainer, loader: Iterable[Any], examples: int = EXAMPLES) -> Findings | None:
    """Let a model find the class of each example, and keep the worst of them.

    Parameters
    ----------
    trainer : Trainer
        Its model gives scores of shape (N, classes), whose softmax are probabilities.
    loader : iterable of (inputs ..., target)
    examples : int
        How many of the worst are kept.

    Returns
    -------
    findings : Findings or None
        None if this is no classification: if scores or targets have another shape.
    """
    findings: Findings | None = None
    number = 0
    for batch in loader:
        scores = predict(trainer.model, [batch])
        true = np.asarray(batch[-1].data)
        if scores.ndim != 2 or true.ndim != 1 or true.dtype.kind not in "iu":
            return None
        if findings is None:
            findings = Findings(ConfusionMatrix(scores.shape[1]))
        findings.matrix.update(scores, true)
        shares = _softmax(scores)
        found = scores.argmax(axis=1)
        rows = np.arange(len(true))
        confidence, of_true = shares[rows, found], shares[rows, true]
        badness = np.where(found != true, confidence, -of_true)
        inputs = np.asarray(batch[0].data)
        for row in np.argsort(-badness, kind="stable")[:examples]:
            findings.worst.append(
                Example(
                    number + int(row),
                    _picture(inputs[row]),
                    int(true[row]),
                    int(found[row]),
                    float(confidence[row]),
                    float(of_true[row]),
                )
            )
        findings.worst.sort(key=lambda example: -example.badness)
        del findings.worst[examples:]
        number += len(true)
    return findings


def write_report(
    folder: str | os.PathLike[str],
    trainer: Trainer,
    validation: Iterable[Any] | None = None,
    classes: Sequence[str] | None = None,
) -> Path:
    """Write ``report.html`` into the folder of a run.

    The page holds its pictures itself, has no script and asks no network for anything. It
    is light or dark as the reader's system is, and fits a telephone.

    Parameters
    ----------
    folder : path-like
        Made if needed. If there is a ``config.yaml`` in it, the page shows that, too.
    trainer : Trainer
        After its training, or in the midst of it: whatever its history has is drawn. An
        `LRMonitor` among its callbacks gives the learning rate of each step, a `Timer`
        where the time went.
    validation : iterable of (inputs ..., target), optional
        Examples to look at: the trainer's own validation by default. From these come
        confusions, precision and recall, and the worst examples; for a model that gives
        scores of classes only.
    classes : sequence of str, optional
        Their names; by default those of the validation's dataset, or numbers.

    Returns
    -------
    path : Path
        The page, replaced atomically.

    Raises
    ------
    OdysseyError
        If there are not as many names as classes.
    OSError
        If it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import odyssey as od
    >>> from odyssey.data import DataLoader, datasets
    >>> from odyssey.training import Trainer, optimizers
    >>> model = od.models.mlp((1, 8, 8), 10)
    >>> trainer = Trainer(model, optimizers.Adam(model.parameters()))
    >>> test = DataLoader(datasets.Digits("test"), 256)
    >>> _ = trainer.fit(DataLoader(datasets.Digits("train")), test)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     text = write_report(folder, trainer).read_text(encoding="utf-8")
    >>> text[:15], "Confusions" in text
    ('<!DOCTYPE html>', True)
    """
    folder = Path(folder)
    validation = trainer.validation if validation is None else validation
    findings = None if validation is None else examine(trainer, validation)
    names: list[str] = []
    if findings is not None:
        count = findings.matrix.classes
        if classes is None:
            classes = getattr(getattr(validation, "dataset", None), "classes", None)
            if classes is not None and len(classes) != count:
                classes = None
        names = [str(name) for name in (range(count) if classes is None else classes)]
        if len(names) != count:
            raise OdysseyError(
                f"write_report: classes has {len(names)} names, but the model tells {count} "
                "classes apart"
            )
    config = folder / "config.yaml"
    facts = {
        "Training": _training(trainer),
        "Configuration": _flat(load_config(config)) if config.is_file() else {},
        "System": config_info(),
    }
    monitors = [one for one in trainer.callbacks if isinstance(one, LRMonitor) and one.steps]
    text = page(
        title=folder.resolve().name,
        status=trainer.stop_reason or ("" if trainer.epoch >= trainer.epochs else "under way"),
        history=trainer.history,
        prefix=trainer.validation_name,
        rates=(monitors[0].steps, monitors[0].rates) if monitors else None,
        findings=findings,
        classes=names,
        parameters=sum(parameter.size for parameter in trainer.model.parameters()),
        model=repr(trainer.model),
        facts=facts,
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.html"
    atomic_write(path, text.encode())
    return path


def _training(trainer: Trainer) -> dict[str, Any]:
    """Return how it was trained."""
    facts: dict[str, Any] = {"optimizer": type(trainer.optimizer).__name__}
    for number, group in enumerate(trainer.optimizer.groups):
        place = f" of group {number}" if len(trainer.optimizer.groups) > 1 else ""
        names = {"lr": "lr at the end", "initial_lr": "lr at the beginning"}
        facts |= {f"{names.get(k, k)}{place}": v for k, v in group.items() if k != "params"}
    facts["schedule"] = type(trainer.schedule).__name__ if trainer.schedule else "none"
    facts["loss"] = getattr(trainer.loss_fn, "__name__", repr(trainer.loss_fn))
    for name in ("batch_size", "seed"):
        if hasattr(trainer.loader, name):
            facts[name.replace("_", " ")] = getattr(trainer.loader, name)
    facts["batches a step"] = trainer.accumulate
    facts["largest norm of gradients"] = trainer.clip_norm or "no limit"
    facts["epochs wanted"] = trainer.epochs
    facts["callbacks"] = ", ".join(type(one).__name__ for one in trainer.callbacks) or "none"
    return facts


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a configuration on one level, with dotted names."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _softmax(scores: np.ndarray) -> np.ndarray:
    wide = scores.astype(np.float64)
    with np.errstate(invalid="ignore"):  # a model that gives NaN is reported, too
        powers = np.exp(wide - wide.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _picture(values: np.ndarray) -> np.ndarray | None:
    """Return an input if it can be shown as a picture: of one channel, or of three colours."""
    is_image = values.ndim == 2 or (values.ndim == 3 and values.shape[0] in (1, 3))
    return np.array(values) if is_image and values.size and values.dtype.kind in "fu" else None
