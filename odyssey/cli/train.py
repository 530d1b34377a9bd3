"""``odyssey train``: from a model's name to a run folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from odyssey import models
from odyssey.backend import BACKENDS, get_backend
from odyssey.cli import _session
from odyssey.cli._data import DATA, load_data
from odyssey.cli._runs import machine
from odyssey.data import DataLoader
from odyssey.errors import OdysseyError
from odyssey.threads import get_num_threads
from odyssey.training import Trainer, metrics, optimizers
from odyssey.training.callbacks import ModelCheckpoint
from odyssey.training.run import RunFolder, create_run_folder
from odyssey.training.schedulers import CosineAnnealingLR
from odyssey.utils.choices import pick
from odyssey.utils.random import generator, manual_seed

__all__ = ["train"]

_OPTIMIZERS = {"adam": optimizers.Adam, "adamw": optimizers.AdamW, "sgd": optimizers.SGD}
_CHOICES: dict[str, Iterable[str]] = {
    "model": models.MODELS,
    "data": DATA,
    "optimizer": _OPTIMIZERS,
    "schedule": ("cosine", "constant"),
    "backend": BACKENDS,
}


def train(
    model: str,
    data: str = "digits",
    data_dir: str | None = None,
    epochs: int = 20,
    batch_size: int = 32,
    optimizer: str = "adam",
    lr: float = 2e-3,
    schedule: str = "cosine",
    weight_decay: float = 0.0,
    model_args: dict[str, Any] | None = None,
    backend: str | None = None,
    threads: int | None = None,
    seed: int = 0,
    run_dir: str | None = None,
) -> int:
    """Train a model, and leave a run folder.

    The folder holds config.yaml (give it to --config to run the same again),
    metrics.csv, losses.csv, training_curves.png and the checkpoints. Ctrl-C and
    SIGTERM end the training after the present step: what there is is saved,
    and the exit code is 130 or 143.

    Parameters
    ----------
    model : str
        the model
    data : str
        the data
    data_dir : str, optional
        the folder of the data, for those that do not come with odyssey
    epochs : int
        how often to go through the training data
    batch_size : int
        examples a step
    optimizer : str
        the optimizer
    lr : float
        the learning rate, at the start
    schedule : str
        how the learning rate goes on; cosine lets it fall to 0
    weight_decay : float
        pull of the weights towards 0; usual with adamw: 0.01
    model_args : dict, optional
        settings of the model, such as --model-args.hidden [256,128]
    backend : str, optional
        the kernels, by default what ODYSSEY_BACKEND says, else fast
    threads : int, optional
        threads of the fast kernels; by default all CPUs
    seed : int
        of the first weights and the order of the data; the same seed trains the same model
    run_dir : str, optional
        the run folder, new or empty; by default runs/MODEL-DATA-DATE-TIME
    """
    settings = {
        "model": pick("model", model, _CHOICES["model"]),
        "data": pick("data", data, _CHOICES["data"]),
        "data_dir": None if data_dir is None else os.path.abspath(data_dir),
        "epochs": _at_least("--epochs", epochs, 1),
        "batch_size": _at_least("--batch-size", batch_size, 1),
        "optimizer": pick("optimizer", optimizer, _CHOICES["optimizer"]),
        "lr": lr,
        "schedule": pick("schedule", schedule, _CHOICES["schedule"]),
        "weight_decay": weight_decay,
        "model_args": dict(model_args or {}),
        "backend": pick("backend", backend or get_backend(), BACKENDS),
        "threads": get_num_threads() if threads is None else _at_least("--threads", threads, 1),
        "seed": _at_least("--seed", seed, 0),
    }
    with machine(backend, threads):
        return _train(settings, data_dir, run_dir)


train.choices = _CHOICES  # type: ignore[attr-defined]  # for --help
train.takes_config = True  # type: ignore[attr-defined]


def _train(settings: dict[str, Any], data_dir: str | None, run_dir: str | None) -> int:
    """Train as resolved settings say; returns the exit code."""
    name, seed = settings["model"], settings["seed"]
    manual_seed(seed)
    size = models.IMAGE_SIZES.get(name)
    training, test = (
        load_data(settings["data"], data_dir, part, size) for part in ("train", "test")
    )
    arguments = {
        "input_shape": training.images.shape[1:],
        "classes": len(training.classes),
        **settings["model_args"],
    }
    model = models.build(name, **arguments, rng=generator(seed))
    optimizer = _OPTIMIZERS[settings["optimizer"]](
        model.parameters(), lr=settings["lr"], weight_decay=settings["weight_decay"]
    )
    loader = DataLoader(training, settings["batch_size"], shuffle=True, seed=seed)
    # Only now, when nothing but the disk can still be wrong: no folders of runs that never were.
    folder = RunFolder(create_run_folder(run_dir, f"{name}-{settings['data']}"))
    folder.save_config(settings)
    schedule = None
    if settings["schedule"] == "cosine":
        schedule = CosineAnnealingLR(optimizer, settings["epochs"] * len(loader))
    trainer = Trainer(
        model,
        optimizer,
        metrics={"accuracy": metrics.Accuracy()},
        schedule=schedule,
        callbacks=[folder, ModelCheckpoint(folder.checkpoints, "test_accuracy", "max")],
        validation_name="test",
    )
    trainer.about = {
        "model": name,
        "arguments": arguments,
        "data": settings["data"],
        "classes": list(training.classes),
        "seed": seed,
    }
    return _session.run("odyssey train", trainer, loader, test, folder, settings["epochs"])


def _at_least(option: str, value: int, least: int) -> int:
    if value < least:
        raise OdysseyError(f"{option}: expected at least {least}, got {value}")
    return value
