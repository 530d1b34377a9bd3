"""Trainer: right steps and figures, and a training that is stopped anywhere and goes on exactly."""

from __future__ import annotations

import signal

import numpy as np
import pytest

import odyssey as od
from odyssey import nn
from odyssey.data import DataLoader, datasets
from odyssey.errors import FormatError, OdysseyError
from odyssey.training import Trainer, evaluate, metrics, optimizers, predict, schedulers
from odyssey.training.callbacks import Callback, ModelCheckpoint
from odyssey.utils.random import current_generator

STEPS = 12  # of an epoch: 360 images, 30 a batch


class Stop(Callback):
    """Stop after a step, in a way of its own."""

    def __init__(self, step, how=None):
        self.step, self.how = step, how

    def on_step_end(self, trainer, loss):
        if trainer.step == self.step:
            (self.how or (lambda: trainer.stop("enough")))()


def noisy(image):
    """Augment: what is drawn must not depend on where a training was stopped."""
    return image + current_generator().normal(0, 0.05, image.shape).astype(np.float32)


def batches(transform=noisy, size=30, seed=5):
    return DataLoader(datasets.Digits("test", transform), size, shuffle=True, seed=seed)


def made(folder=None, stop=-1, how=None, seed=1, **settings):
    od.manual_seed(seed)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 16), nn.Dropout(0.2), nn.ReLU(), nn.Linear(16, 10)
    )
    optimizer = optimizers.AdamW(model.parameters(), lr=0.01)
    saving = settings.pop("saving", {})
    savers = [] if folder is None else [ModelCheckpoint(folder, "val_loss", **saving)]
    return Trainer(
        model,
        optimizer,
        metrics={"accuracy": metrics.Accuracy()},
        schedule=schedulers.CosineAnnealingLR(optimizer, 3 * STEPS),
        callbacks=[Stop(stop, how), *savers],
        **settings,
    )


def fit(trainer, **settings):
    return trainer.fit(
        batches(), DataLoader(datasets.Digits("train"), 256), **{"epochs": 3, **settings}
    )


def weights(trainer):
    return {name: array.tobytes() for name, array in trainer.model.state_dict().items()}


def rows(trainer):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in trainer.history]


# -- going on ----------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, STEPS - 1, STEPS, STEPS + 1, 2 * STEPS, 3 * STEPS - 1])
def test_a_stopped_training_goes_on_exactly(tmp_path, step):
    """Shuffling, augmentation, dropout, schedule, moments and figures included."""
    whole = made()
    fit(whole)
    part = made(tmp_path, step)
    fit(part)
    assert part.step == step and part.stop_reason == "enough"
    again = made(tmp_path, seed=77)
    fit(again, resume="last")
    assert again.step == 3 * STEPS and again.stop_reason is None
    assert weights(again) == weights(whole) and rows(again) == rows(whole)


def test_a_training_goes_on_exactly_after_a_crash(tmp_path):
    """From the last checkpoint before it, wherever that was."""

    def crash():
        raise RuntimeError("crash")

    whole = made()
    fit(whole)
    with pytest.raises(RuntimeError, match="crash"):
        fit(made(tmp_path, 20, crash, saving={"every_steps": 7}))
    again = made(tmp_path, seed=77)
    fit(again, resume="last")
    assert weights(again) == weights(whole) and rows(again) == rows(whole)


def test_going_on_with_several_batches_a_step(tmp_path):
    whole = made(accumulate=5)
    fit(whole)
    fit(made(tmp_path, 4, accumulate=5))
    again = made(tmp_path, accumulate=5)
    fit(again, resume="last")
    assert whole.step == 3 * 3  # 12 batches are 5 + 5 + 2
    assert weights(again) == weights(whole) and rows(again) == rows(whole)


@pytest.mark.parametrize("step", [-1, 5, STEPS])
def test_fitting_again_goes_on_from_where_it_was(tmp_path, step):
    whole = made()
    fit(whole, epochs=3)
    more, loader = made(stop=step), batches()
    more.fit(loader, DataLoader(datasets.Digits("train"), 256), epochs=1)
    history = more.fit(loader, DataLoader(datasets.Digits("train"), 256), epochs=3)
    assert history is more.history and weights(more) == weights(whole)
    fit(more, epochs=3)
    assert weights(more) == weights(whole) and len(history) == 3


def test_without_a_checkpoint_it_begins(tmp_path):
    trainer = made(tmp_path)
    fit(trainer, epochs=1, resume="last")
    assert trainer.step == STEPS
    with pytest.raises(OdysseyError, match="resume='last' needs a ModelCheckpoint"):
        fit(made(), resume="last")


def test_a_checkpoint_by_its_path_and_the_best(tmp_path):
    trainer = made(tmp_path, saving={"max_to_keep": 9})
    fit(trainer)
    manager = trainer.callbacks[1].manager
    again = made()
    fit(again, epochs=1, resume=manager.paths()[0])
    assert again.step == STEPS and rows(again) == rows(trainer)[:1]
    best = int(np.argmin([row["val_loss"] for row in trainer.history]))
    assert manager.load("best").about["epoch"] == best + 1


def test_a_checkpoint_of_another_model_changes_nothing(tmp_path):
    fit(made(tmp_path), epochs=1)
    other = made(tmp_path)
    other.model[1] = nn.Linear(64, 17)
    other.model[4] = nn.Linear(17, 10)
    before = weights(other)
    with pytest.raises(
        FormatError, match=r"000001 does not fit.*1.weight: expected shape \(17, 64\)"
    ):
        fit(other, resume="last")
    assert weights(other) == before and other.step == 0


def test_a_checkpoint_of_another_optimizer(tmp_path):
    fit(made(tmp_path), epochs=1)
    other = made(tmp_path)
    other.optimizer = optimizers.SGD(other.model.parameters())
    with pytest.raises(FormatError, match="SGD: the state is of the optimizer AdamW"):
        fit(other, resume="last")


# -- stopping ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_the_step_and_saves(tmp_path, name):
    trainer = made(tmp_path, 5, lambda: signal.raise_signal(getattr(signal, name)))
    before = signal.getsignal(getattr(signal, name))
    fit(trainer)
    assert trainer.stop_reason == name and trainer.step in (5, 6)
    assert trainer.callbacks[1].manager.load().about["step"] == trainer.step
    assert signal.getsignal(getattr(signal, name)) == before


def test_a_limit_of_time():
    trainer = made(max_seconds=1e-9)
    fit(trainer)
    assert trainer.stop_reason == "max_seconds" and trainer.step == 1


# -- steps and figures -------------------------------------------------------------------------


def test_the_history_is_what_evaluate_says():
    trainer = made()
    history = fit(trainer, epochs=2)
    found = evaluate(trainer.model, DataLoader(datasets.Digits("train"), 256))
    last = history[-1]
    assert last["val_loss"] == found["loss"] and last["val_accuracy"] == found["accuracy"]
    assert [row["epoch"] for row in history] == [1, 2] and last["step"] == 2 * STEPS
    figures = {f"{part}_{name}" for part in ("train", "val") for name in ("loss", "accuracy")}
    assert set(last) == {"epoch", "step", "lr", "seconds"} | figures
    assert last["lr"] == trainer.optimizer.groups[0]["lr"]


def test_predict_gives_the_scores_in_order():
    trainer = made()
    data = datasets.Digits("test")
    scores = trainer.predict(DataLoader(data, 100))
    trainer.model.eval()
    assert np.array_equal(scores, trainer.model(od.from_numpy(data.images)).numpy())
    assert np.array_equal(predict(trainer.model, [od.from_numpy(data.images)]), scores)
    with pytest.raises(OdysseyError, match="predict: the loader gave no batch"):
        trainer.predict([])


@pytest.mark.parametrize("size", [360, 100])
def test_accumulating_equals_the_big_batch(size):
    """One step of batches of 7 (the last one smaller) and one step of a batch of all."""
    found = []
    for batch_size, accumulate in ((size, 1), (7, -(-size // 7))):
        od.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Tanh(), nn.Linear(8, 10))
        model.to("float64")
        data = datasets.Digits("test")
        pairs = (data.images[:size].astype(np.float64), data.labels[:size])
        loader = DataLoader(list(zip(*pairs, strict=True)), batch_size)
        trainer = Trainer(model, optimizers.SGD(model.parameters(), lr=0.5), accumulate=accumulate)
        history = trainer.fit(loader, epochs=1)
        assert trainer.step == 1
        found.append((history[0]["train_loss"], *model.state_dict().values()))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-13)


def test_large_gradients_are_clipped():
    trainer = made(clip_norm=0.01)
    norms = []

    class Norms(Callback):
        def on_step_end(self, trainer, loss):
            norms.append(float(od.core.gradient_norm(trainer.model.parameters())))

    trainer.callbacks.append(Norms())
    fit(trainer, epochs=1)
    assert max(norms) <= 0.01 * (1 + 1e-5) and min(norms) > 0.009


def test_the_schedule_may_move_on_by_epochs():
    trainer = made(schedule_every="epoch")
    fit(trainer, epochs=2)
    assert trainer.schedule.count == 2


def test_callbacks_are_called_in_their_order():
    seen = []

    class Tell(Callback):
        def __init__(self, name):
            self.name = name

        def __getattribute__(self, moment):
            if moment.startswith("on_"):
                seen.append((object.__getattribute__(self, "name"), moment))
            return object.__getattribute__(self, moment)

    trainer = made()
    trainer.callbacks = [Tell("a"), Tell("b")]
    trainer.fit(batches(size=200), epochs=1)
    steps = ["on_step_begin", "on_gradients", "on_step_end"] * 2
    moments = ["on_fit_begin", "on_epoch_begin", *steps, "on_epoch_end", "on_fit_end"]
    assert seen == [(name, moment) for moment in moments for name in "ab"]


def test_an_error_is_told_to_the_callbacks_and_goes_its_way():
    told = []

    class Hear(Callback):
        def on_error(self, trainer, error):
            told.append((trainer.step, str(error)))

    def crash():
        raise RuntimeError("crash")

    trainer = made(None, 3, crash)
    trainer.callbacks.append(Hear())
    with pytest.raises(RuntimeError, match="crash"):
        fit(trainer)
    assert told == [(3, "crash")]


def test_the_state_of_callbacks_comes_back(tmp_path):
    class Count(Callback):
        def __init__(self):
            self.count = 0

        def on_step_end(self, trainer, loss):
            self.count += 1

        def state_dict(self):
            return {"count": self.count}

        def load_state_dict(self, state):
            self.count = state["count"]

    first, again = made(tmp_path, 5), made(tmp_path)
    for trainer in (first, again):
        trainer.callbacks[:0] = [Count(), Count()]
    fit(first)
    fit(again, resume="last")
    assert [one.count for one in again.callbacks[:2]] == [3 * STEPS] * 2


# -- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"accumulate": 0}, "Trainer: accumulate must be a positive integer, got 0"),
        ({"clip_norm": -1.0}, "Trainer: clip_norm must be positive, got -1.0"),
        ({"max_seconds": 0}, "Trainer: max_seconds must be positive, got 0"),
        ({"schedule_every": "day"}, "Trainer: schedule_every must be 'step' or 'epoch', got 'day'"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(OdysseyError, match=message):
        made(**settings)


def test_a_figure_to_monitor_that_is_not_there(tmp_path):
    trainer = made(tmp_path)
    with pytest.raises(OdysseyError, match="no figure 'val_loss' to monitor; an epoch gives epoch"):
        trainer.fit(batches(), epochs=1)
    with pytest.raises(OdysseyError, match="ModelCheckpoint: every_steps must be positive, got 0"):
        ModelCheckpoint(tmp_path, every_steps=0)
