"""Averaged weights: validated with, kept in checkpoints, and without a trace in the training."""

from __future__ import annotations

import pytest

import odyssey as od
from odyssey import nn
from odyssey.data import DataLoader, datasets
from odyssey.errors import OdysseyError
from odyssey.training import Trainer, evaluate, optimizers
from odyssey.training.callbacks import Callback, EMACallback, LambdaCallback, ModelCheckpoint

averaging = pytest.importorskip("odyssey.training.averaging")
TEST = DataLoader(datasets.Digits("train"), 512)


def made(*callbacks, average=True, seed=1):
    od.manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Dropout(0.2), nn.Linear(16, 10))
    mine = [EMACallback(averaging.EMA(model, decay=0.9), every_steps=2)] if average else []
    adam = optimizers.Adam(model.parameters(), lr=0.01)
    return Trainer(model, adam, callbacks=[*mine, *callbacks])


def fit(trainer, **settings):
    loader = DataLoader(datasets.Digits("test"), 30, shuffle=True)
    return trainer.fit(loader, TEST, epochs=2, **settings)


def weights(model):
    return {name: array.tobytes() for name, array in model.state_dict().items()}


def test_validation_is_of_the_averages_and_training_is_not():
    trainer = made()
    history = fit(trainer)
    plain = made(average=False)
    other = fit(plain)
    assert weights(trainer.model) == weights(plain.model)
    assert [row["train_loss"] for row in history] == [row["train_loss"] for row in other]
    average = trainer.callbacks[0].average
    assert average.count == trainer.step // 2
    average.apply()
    assert evaluate(trainer.model, TEST)["loss"] == history[-1]["val_loss"] != other[-1]["val_loss"]


def test_averages_are_resumed_exactly(tmp_path):
    class Stop(Callback):
        def on_step_end(self, trainer, loss):
            if trainer.step == 15:
                trainer.stop("enough")

    whole = made()
    rows = fit(whole)
    fit(made(ModelCheckpoint(tmp_path), Stop()))
    again = made(ModelCheckpoint(tmp_path), seed=77)
    again_rows = fit(again, resume="last")
    first, second = (one.callbacks[0].average for one in (whole, again))
    assert first.count == second.count
    assert {n: a.tobytes() for n, a in first.averages.items()} == {
        n: a.tobytes() for n, a in second.averages.items()
    }
    assert [row["val_loss"] for row in again_rows] == [row["val_loss"] for row in rows]


def test_an_error_in_validation_leaves_the_weights_of_the_training():
    kept = {}

    def note(trainer):
        kept.update(weights(trainer.model))

    trainer = made()
    trainer.callbacks.insert(0, LambdaCallback(on_validation_begin=note))
    with pytest.raises(RuntimeError, match="broken"):
        trainer.fit(DataLoader(datasets.Digits("test"), 90), broken())
    assert weights(trainer.model) == kept


def broken():
    raise RuntimeError("broken")
    yield


def test_bad_settings():
    with pytest.raises(OdysseyError, match="EMACallback: every_steps must be positive, got 0"):
        EMACallback(averaging.EMA(nn.Linear(1, 1)), 0)
