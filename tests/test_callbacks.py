"""Callbacks: what each does, and that a resumed training has them go on where they were."""

from __future__ import annotations

import csv
import json
import math
import sys

import numpy as np
import pytest

import odyssey as od
from odyssey import nn
from odyssey.data import DataLoader, datasets
from odyssey.errors import OdysseyError
from odyssey.training import Trainer, metrics, optimizers, schedulers
from odyssey.training.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    GradientMonitor,
    JSONLLogger,
    LambdaCallback,
    LRMonitor,
    ModelCheckpoint,
    Timer,
)

STEPS = 12  # of an epoch: 360 images, 30 a batch
DATA = DataLoader(datasets.Digits("train"), 1024)


def made(*callbacks, seed=1, lr=0.01, **settings):
    od.manual_seed(seed)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 16), nn.Dropout(0.2), nn.ReLU(), nn.Linear(16, 10)
    )
    optimizer = optimizers.AdamW(model.parameters(), lr=lr)
    return Trainer(
        model,
        optimizer,
        metrics={"accuracy": metrics.Accuracy()},
        schedule=schedulers.CosineAnnealingLR(optimizer, 3 * STEPS),
        callbacks=callbacks,
        **settings,
    )


def fit(trainer, epochs=3, validation=DATA, **settings):
    loader = DataLoader(datasets.Digits("test"), 30, shuffle=True, seed=5)
    return trainer.fit(loader, validation, epochs=epochs, **settings)


def stop_at(step, how=None):
    def look(trainer, loss):
        if trainer.step == step:
            (how or (lambda: trainer.stop("enough")))()

    return LambdaCallback(on_step_end=look)


def crash():
    raise RuntimeError("crash")


def weights(trainer):
    return {name: array.tobytes() for name, array in trainer.model.state_dict().items()}


def scripted(values, epochs=None):
    """Give an epoch the figure ``score`` from a list, in the place of a model's."""

    def tell(trainer, row):
        row["score"] = values[trainer.epoch - 1]

    return LambdaCallback(on_epoch_end=tell)


# -- early stopping --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "settings", "stopped", "best"),
    [
        ([3, 2, 2, 2, 1], {"patience": 2}, 4, (2, 2)),
        ([3, 2, 2.5, 1, 1], {"patience": 2}, None, (1, 4)),
        ([3, 2.9, 2.8, 2.7, 2.6], {"patience": 2, "min_delta": 0.5}, 3, (3, 1)),
        ([3, 2.5, 2, 2, 2], {"patience": 3, "min_delta": 0.5}, None, (2, 3)),
        ([1, 2, 3, 3, 3], {"patience": 2, "mode": "max"}, 5, (3, 3)),
        ([math.nan, math.nan, 1, 1, 1], {"patience": 2}, 2, (math.nan, 0)),
        ([math.inf, 5, math.nan, 5, 1], {"patience": 2}, 4, (5, 2)),
    ],
)
def test_early_stopping_waits_as_long_as_it_should(values, settings, stopped, best):
    stopping = EarlyStopping("score", **settings)
    trainer = made(scripted(values), stopping)
    fit(trainer, epochs=5, validation=None)
    assert trainer.epoch == (stopped or 5)
    np.testing.assert_equal((stopping.best, stopping.best_epoch), best)
    assert (trainer.stop_reason is None) == (stopped is None)
    if stopped:
        assert "score has not improved for" in trainer.stop_reason


def test_early_stopping_gives_the_best_weights_back_and_goes_on_from_the_last():
    seen = []
    note = LambdaCallback(on_epoch_end=lambda trainer, row: seen.append(weights(trainer)))
    stopping = EarlyStopping("score", patience=2, restore_best=True)
    trainer = made(scripted([2, 1, 3, 3, 3, 3]), note, stopping)
    fit(trainer, epochs=6)
    assert trainer.epoch == 4 and weights(trainer) == seen[1] != seen[3]
    fit(trainer, epochs=6)
    assert trainer.epoch == 4 and weights(trainer) == seen[1]  # it still waits in vain
    stopping.patience = 9
    fit(trainer, epochs=6)
    plain = made()
    fit(plain, epochs=6)
    assert trainer.epoch == 6 and weights(trainer) == seen[1]
    stopping.on_fit_begin(trainer)
    assert weights(trainer) == weights(plain)  # the way was that of a training without it


def test_an_interrupted_training_keeps_its_last_weights():
    stopping = EarlyStopping("score", patience=9, restore_best=True)
    trainer = made(scripted([1, 2, 3]), stopping, stop_at(30))
    fit(trainer)
    plain = made(stop_at(30))
    fit(plain)
    assert trainer.step == 30 and weights(trainer) == weights(plain)


@pytest.mark.parametrize("step", [5, STEPS, STEPS + 3, 2 * STEPS])
def test_early_stopping_is_resumed_exactly(tmp_path, step):
    def run(folder, *others, seed=1, **settings):
        stopping = EarlyStopping("score", patience=3, restore_best=True)
        values = scripted([2, 3, 3, 3, 3, 3])
        trainer = made(values, stopping, *others, ModelCheckpoint(folder), seed=seed)
        fit(trainer, epochs=6, **settings)
        return trainer, stopping

    whole, _ = run(tmp_path / "whole")
    run(tmp_path / "part", stop_at(step))
    again, stopping = run(tmp_path / "part", LambdaCallback(), seed=77, resume="last")
    assert again.epoch == whole.epoch == 4 and again.stop_reason == whole.stop_reason
    assert weights(again) == weights(whole)
    assert (stopping.best, stopping.best_epoch, stopping.waited) == (2, 1, 3)
    over, _ = run(tmp_path / "part", LambdaCallback(), seed=78, resume="last")
    assert over.epoch == 4 and weights(over) == weights(whole)


# -- files -----------------------------------------------------------------------------------


def read_csv(path):
    with open(path, newline="") as file:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


def read_jsonl(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def without_time(rows):
    timed = ("seconds", "step_seconds", "data_share", "validation_share")
    return [{k: v for k, v in row.items() if k not in timed} for row in rows]


def test_the_csv_file_is_the_history(tmp_path):
    path = tmp_path / "deep" / "metrics.csv"
    trainer = made(CSVLogger(path), Timer())
    history = fit(trainer)
    assert read_csv(path) == history and len(history) == 3


@pytest.mark.parametrize("step", [1, STEPS - 1, STEPS, STEPS + 1, 2 * STEPS, 3 * STEPS - 1])
@pytest.mark.parametrize("how", [None, crash], ids=["stop", "crash"])
def test_resumed_files_have_each_row_once(tmp_path, step, how):
    """Whether the training ended in order or in the middle of what no checkpoint knows."""

    def run(folder, *others, seed=1, **settings):
        logs = [CSVLogger(folder / "m.csv"), JSONLLogger(folder / "m.jsonl", every_steps=1)]
        saver = ModelCheckpoint(folder / "checkpoints", every_steps=7)
        trainer = made(LRMonitor(), *others, *logs, saver, seed=seed)
        fit(trainer, **settings)
        return trainer

    run(tmp_path / "whole")
    if how is None:
        run(tmp_path / "part", stop_at(step))
    else:
        with pytest.raises(RuntimeError, match="crash"):
            run(tmp_path / "part", stop_at(step, how))
    # A crash before the first checkpoint is no training that could go on.
    seed = 1 if how and step < 7 else 77
    run(tmp_path / "part", LambdaCallback(), seed=seed, resume="last")
    for read, name in ((read_csv, "m.csv"), (read_jsonl, "m.jsonl")):
        part, whole = (without_time(read(tmp_path / run / name)) for run in ("part", "whole"))
        assert part == whole
    steps = [row["step"] for row in read_jsonl(tmp_path / "part" / "m.jsonl") if "loss" in row]
    assert steps == list(range(1, 3 * STEPS + 1))


def test_half_a_line_and_lines_of_later_are_cut(tmp_path):
    path = tmp_path / "m.jsonl"
    saver = ModelCheckpoint(tmp_path / "checkpoints")
    fit(made(JSONLLogger(path, every_steps=1), saver), epochs=1)
    kept = path.read_text()
    later = JSONLLogger.line("step", {"step": STEPS + 1, "epoch": 2, "loss": 1.0})
    path.write_text(kept + later + '{"kind": "step", "st')
    again = made(JSONLLogger(path, every_steps=1), saver)
    fit(again, epochs=1, resume="last")
    assert path.read_text() == kept


def test_lines_have_what_is_asked_for(tmp_path):
    few, epochs = tmp_path / "few.jsonl", tmp_path / "epochs.jsonl"
    trainer = made(LRMonitor(), JSONLLogger(few, every_steps=5), JSONLLogger(epochs))
    history = fit(trainer, epochs=1)
    assert read_jsonl(epochs) == [{"kind": "epoch", **history[0]}]
    steps = read_jsonl(few)[:-1]
    assert [row["step"] for row in steps] == [5, 10] and steps[0]["epoch"] == 1
    assert steps[0]["lr"] == trainer.callbacks[0].rates[4][0]
    assert set(steps[0]) == {"kind", "step", "epoch", "loss", "lr"}


def test_a_matrix_among_the_figures_is_written(tmp_path):
    logs = [CSVLogger(tmp_path / "m.csv"), JSONLLogger(tmp_path / "m.jsonl")]
    trainer = made(*logs)
    trainer.metrics["confusion"] = metrics.ConfusionMatrix(10)
    trainer._tallies["confusion"] = metrics.ConfusionMatrix(10)
    row = fit(trainer, epochs=1)[0]
    assert read_jsonl(tmp_path / "m.jsonl")[0]["val_confusion"] == row["val_confusion"].tolist()
    assert str(row["val_confusion"].tolist()) in (tmp_path / "m.csv").read_text()


@pytest.mark.parametrize("logger", [CSVLogger, JSONLLogger])
def test_the_file_of_another_run_is_not_lost(tmp_path, logger):
    path = tmp_path / "metrics"
    first = made(logger(path))
    fit(first, epochs=1)
    before = path.read_text()
    with pytest.raises(OdysseyError, match=r"metrics is there already, and would be lost; resume"):
        fit(made(logger(path)), epochs=1)
    assert path.read_text() == before
    fit(first, epochs=2)  # the same training goes on
    assert path.read_text().startswith(before)
    fit(made(logger(path), ModelCheckpoint(tmp_path / "none")), epochs=1, resume="last")
    assert len(path.read_text().splitlines()) == len(before.splitlines())  # begun again, as told


# -- monitors --------------------------------------------------------------------------------


def test_rates_are_those_that_the_steps_were_taken_with():
    monitor = LRMonitor(every_steps=5)
    trainer = made(monitor)
    fit(trainer, validation=None)
    assert monitor.steps == list(range(5, 3 * STEPS + 1, 5))
    expected = [
        0.005 * (1 + math.cos(math.pi * (step - 1) / (3 * STEPS))) for step in monitor.steps
    ]
    np.testing.assert_allclose([rate for (rate,) in monitor.rates], expected, rtol=1e-12)


def test_groups_of_parameters_have_rates_of_their_own():
    model = nn.Linear(2, 1)
    groups = [{"params": [model.weight], "lr": 0.5}, {"params": [model.bias], "lr": 0.25}]
    monitor, told = LRMonitor(), []
    note = LambdaCallback(on_step_end=lambda trainer, loss: told.append(dict(trainer.figures)))
    trainer = Trainer(
        model, optimizers.SGD(groups), od.core.mean_squared_error, callbacks=[monitor, note]
    )
    trainer.fit([(od.ones((3, 2)), od.ones((3, 1)))])
    assert monitor.rates == [[0.5, 0.25]] and told == [{"lr_0": 0.5, "lr_1": 0.25}]


def test_norms_of_gradients_are_those_of_the_parameters():
    seen = []

    class Norms(Callback):
        def on_gradients(self, trainer, loss):
            seen.append(
                {
                    name: float(od.core.gradient_norm(trainer.model[int(name)].parameters()))
                    for name in ("1", "4")
                }
            )

    monitor = GradientMonitor(every_steps=3)
    trainer = made(Norms(), monitor, clip_norm=1e-3)  # measured before they are clipped
    row = fit(trainer, epochs=1)[0]
    measured = seen[2::3]
    assert monitor.layers == pytest.approx(measured[-1], rel=1e-12)
    whole = [math.hypot(*each.values()) for each in measured]
    assert monitor.norm == pytest.approx(whole[-1], rel=1e-12) and monitor.norm > 0.01
    assert row["gradient_norm"] == pytest.approx(np.mean(whole), rel=1e-12)
    assert row["gradient_norm_max"] == pytest.approx(max(whole), rel=1e-12)


@pytest.mark.parametrize(("bounds", "word"), [((1e3, 1e6), "vanish"), ((0, 1e-9), "explode")])
def test_vanishing_and_exploding_gradients_are_told_once_for_each_layer(bounds, word):
    trainer = made(GradientMonitor(1, *bounds))
    with pytest.warns(UserWarning, match=rf"layer '[14]' {word} at step 1: their norm is") as told:
        fit(trainer, epochs=1)
    assert len(told) == 2


def test_gradients_that_are_not_finite_explode():
    model = nn.Sequential(nn.Linear(1, 1))
    monitor = GradientMonitor(1)
    sgd = optimizers.SGD(model.parameters())
    trainer = Trainer(model, sgd, od.core.mean_squared_error, callbacks=[monitor])
    with pytest.warns(UserWarning, match="layer '0' explode at step 1: their norm is nan"):
        row = trainer.fit([(od.tensor([[math.nan]]), od.ones((1, 1)))])[0]
    assert math.isnan(row["gradient_norm"]) and math.isnan(row["gradient_norm_max"])


@pytest.mark.parametrize("step", [5, STEPS, 2 * STEPS - 1])
def test_monitors_are_resumed_exactly(tmp_path, step):
    def run(folder, *others, seed=1, **settings):
        monitors = [LRMonitor(), GradientMonitor(3), Timer()]
        trainer = made(*monitors, *others, ModelCheckpoint(folder), seed=seed)
        fit(trainer, **settings)
        return [one.state_dict() for one in monitors], without_time(trainer.history)

    (rates, norms, _), rows = run(tmp_path / "whole")
    run(tmp_path / "part", stop_at(step))
    (rates_again, norms_again, times), rows_again = run(
        tmp_path / "part", LambdaCallback(), seed=77, resume="last"
    )
    assert rates_again["steps"].tolist() == rates["steps"].tolist()
    assert rates_again["rates"].tobytes() == rates["rates"].tobytes()
    assert norms_again == norms and rows_again == rows
    assert times["steps"] == STEPS  # all of the last epoch, though it was in two parts


# -- the timer -------------------------------------------------------------------------------


def test_shares_of_time_add_up(monkeypatch):
    """With a clock that moves by itself: 1 for a batch, 10 for a step, 100 for validation."""
    now = [0.0]

    def clock():
        return now[0]

    from odyssey.training import trainer as trainer_module
    from odyssey.training.callbacks import timer as timer_module

    for module in (trainer_module, timer_module):
        fake = type("time", (), {"monotonic": clock, "perf_counter": clock})
        monkeypatch.setattr(module, "time", fake)

    def batches(cost):
        for _ in range(4):
            now[0] += cost
            yield od.ones((2, 1)), od.ones((2, 1))

    class Slow(nn.Linear):
        def forward(self, x):
            now[0] += 10 if self.training else 0
            return super().forward(x)

    model = Slow(1, 1)
    sgd = optimizers.SGD(model.parameters())
    trainer = Trainer(model, sgd, od.core.mean_squared_error, callbacks=[Timer()])
    row = trainer.fit(batches(1), batches(25))[0]
    assert row["seconds"] == 4 * 1 + 4 * 10 + 100 and row["step_seconds"] == 10
    assert row["data_share"] == 4 / 144 and row["validation_share"] == 100 / 144


# -- moments ---------------------------------------------------------------------------------


def test_moments_come_in_their_order_with_what_they_need():
    seen = []

    def note(name):
        return lambda trainer, *given: seen.append((name, trainer.step, len(given)))

    moments = [name for name in dir(Callback) if name.startswith("on_")]
    trainer = made(LambdaCallback(**{name: note(name) for name in moments}))
    fit(trainer, epochs=1)
    a_step = [("on_step_begin", 1), ("on_gradients", 1), ("on_step_end", 1)]
    expected = [
        ("on_fit_begin", 0),
        ("on_epoch_begin", 0),
        *a_step * STEPS,
        ("on_validation_begin", 0),
        ("on_validation_end", 0),
        ("on_epoch_end", 1),
        ("on_fit_end", 0),
    ]
    assert [(name, given) for name, _, given in seen] == expected
    assert [step for name, step, _ in seen if name == "on_gradients"] == list(range(STEPS))


def test_figures_of_a_step_do_not_outlive_it():
    told = []

    def tell(trainer, loss):
        told.append(dict(trainer.figures))
        if trainer.step == 1:
            trainer.figures["odd"] = 1.0

    fit(made(LambdaCallback(on_step_end=tell), LambdaCallback()), epochs=1)
    assert told == [{}] * STEPS


# -- TensorBoard -----------------------------------------------------------------------------


def test_without_tensorboardx_the_error_says_what_to_install(monkeypatch, tmp_path):
    from odyssey.training.callbacks import TensorBoardLogger

    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(OdysseyError, match=r"needs tensorboardX.*'odyssey\[tensorboard\]'"):
        TensorBoardLogger(tmp_path)


def read_events(folder):
    """Return (tag, step, value) of all events, as TensorBoard reads them: purged ones are gone."""
    from tensorboardX.proto import event_pb2

    found = []
    for file in sorted(folder.glob("events.*")):
        data, at = file.read_bytes(), 0
        while at < len(data):
            length = int.from_bytes(data[at : at + 8], "little")
            event = event_pb2.Event.FromString(data[at + 12 : at + 12 + length])
            at += 16 + length
            if event.session_log.status == event_pb2.SessionLog.START:
                found = [each for each in found if each[1] < event.step]
            found += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
    return found


def test_tensorboard_reads_each_point_once(tmp_path):
    pytest.importorskip("tensorboardX")
    from odyssey.training.callbacks import TensorBoardLogger

    def run(folder, *others, seed=1, **settings):
        board = TensorBoardLogger(folder / "board", every_steps=5)
        saver = ModelCheckpoint(folder / "checkpoints")
        trainer = made(LRMonitor(), *others, board, saver, seed=seed)
        fit(trainer, **settings)
        return trainer

    whole = run(tmp_path / "whole")
    with pytest.raises(RuntimeError, match="crash"):
        run(tmp_path / "part", stop_at(STEPS + 8, crash))
    run(tmp_path / "part", LambdaCallback(), seed=77, resume="last")
    part, once = (
        sorted(each for each in read_events(tmp_path / name / "board") if each[0] != "seconds")
        for name in ("part", "whole")
    )
    assert part == once
    tags = {tag for tag, _, _ in once}
    assert tags == {
        *(f"{name}/{part}" for name in ("loss", "accuracy") for part in ("train", "val")),
        *("lr", "step/loss", "step/lr"),
    }
    losses = [value for tag, _, value in once if tag == "loss/val"]
    np.testing.assert_allclose(losses, [row["val_loss"] for row in whole.history], rtol=1e-6)
    assert [step for tag, step, _ in once if tag == "step/loss"] == list(range(5, 37, 5))


# -- bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EarlyStopping(patience=0), "patience must be a positive integer, got 0"),
        (lambda: EarlyStopping(min_delta=-1), "min_delta must not be negative, got -1"),
        (lambda: EarlyStopping(mode="low"), "mode must be 'min' or 'max', got 'low'"),
        (lambda: JSONLLogger("x", every_steps=0), "every_steps must be positive, got 0"),
        (lambda: LRMonitor(0), "LRMonitor: every_steps must be positive, got 0"),
        (lambda: GradientMonitor(0), "GradientMonitor: every_steps must be positive, got 0"),
        (lambda: GradientMonitor(1, 2, 1), "expected 0 <= smallest < largest, got smallest=2"),
        (lambda: LambdaCallback(on_step_end=3), "on_step_end must be a function, got int"),
        (lambda: LambdaCallback(on_batch=print), "there is no moment 'on_batch'"),
    ],
)
def test_bad_settings(make, message):
    with pytest.raises(OdysseyError, match=message):
        make()


def test_a_figure_to_monitor_that_is_not_there():
    with pytest.raises(OdysseyError, match="no figure 'val_loss' to monitor; an epoch gives epoch"):
        fit(made(EarlyStopping("val_loss")), epochs=1, validation=None)
