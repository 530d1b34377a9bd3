"""Checkpoints: everything comes back, a training goes on exactly, what does not fit is told."""

from __future__ import annotations

import json

import numpy as np
import pytest

import odyssey as od
from odyssey.data import DataLoader, datasets
from odyssey.errors import DTypeError, FormatError, OdysseyError
from odyssey.training import checkpoint as module
from odyssey.training import (
    load_checkpoint,
    optimizers,
    save_checkpoint,
    schedulers,
    train_one_epoch,
)
from odyssey.training.checkpoint import ModelRecord, read_model
from odyssey.training.run import RunFolder, create_run_folder

RECORD = ModelRecord("mlp", {"input_shape": (1, 8, 8), "classes": 10}, "digits", ("0", "1"))


def build(seed=0, hidden=(12,)):
    return od.models.mlp((1, 8, 8), 10, hidden, rng=np.random.default_rng(seed))


def loader():
    return DataLoader(datasets.Digits("test"), 60, shuffle=True, seed=1)


@pytest.mark.parametrize("kind", ["Adam", "AdamW", "SGD"])
def test_a_training_goes_on_exactly(tmp_path, kind):
    settings = {"lr": 0.01, **({"momentum": 0.9} if kind == "SGD" else {})}
    model = build()
    optimizer = getattr(optimizers, kind)(model.parameters(), **settings)
    batches = loader()
    train_one_epoch(model, batches, optimizer)
    optimizer.groups[0]["lr"] = 0.005
    save_checkpoint(tmp_path, model, RECORD, optimizer, {"epoch": 1, "step": 6})
    expected = []
    train_one_epoch(model, batches, optimizer, on_step=expected.append)

    again = build(seed=9)
    optimizer = getattr(optimizers, kind)(again.parameters(), lr=1.0)
    state = load_checkpoint(tmp_path, again, optimizer)
    assert state["epoch"] == 1 and state["step"] == 6 and optimizer.groups[0]["lr"] == 0.005
    batches = loader()
    batches.set_epoch(1)
    found = []
    train_one_epoch(again, batches, optimizer, on_step=found.append)
    assert found == expected
    for one, other in zip(model.parameters(), again.parameters(), strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_what_the_model_is_comes_back(tmp_path):
    save_checkpoint(tmp_path, build(), RECORD)
    record, weights = read_model(tmp_path)
    assert record == ModelRecord(
        "mlp", {"input_shape": [1, 8, 8], "classes": 10}, "digits", ("0", "1")
    )
    assert list(weights) == ["1.bias", "1.weight", "3.bias", "3.weight"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.safetensors", "state.json"]


def test_every_mismatch_is_told_and_nothing_is_loaded(tmp_path):
    save_checkpoint(tmp_path, build(), RECORD)
    model = build(seed=1, hidden=(12, 7))
    before = {name: array.copy() for name, array in model.state_dict().items()}
    with pytest.raises(FormatError) as caught:
        load_checkpoint(tmp_path, model)
    message = str(caught.value)
    assert message.startswith(f"checkpoint: {tmp_path / 'model.safetensors'} is of another model: ")
    for part in ("missing: 5.weight", "missing: 5.bias", "3.weight: expected shape (7, 12), got"):
        assert part in message
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def saved(tmp_path):
    model = build()
    optimizer = optimizers.Adam(model.parameters())
    train_one_epoch(model, loader(), optimizer)
    save_checkpoint(tmp_path, model, RECORD, optimizer, {"step": 6})
    return model


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json"])
def test_a_missing_file_is_told(tmp_path, name):
    model = saved(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(FormatError, match=f"is not the folder of a run: it has no {name}"):
        load_checkpoint(tmp_path, model, optimizers.Adam(model.parameters()))


def test_files_of_different_moments_are_not_mixed(tmp_path, monkeypatch):
    model = saved(tmp_path)
    optimizer = optimizers.Adam(model.parameters())

    def killed(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "atomic_write", killed)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(tmp_path, model, RECORD, optimizer, {"step": 12})
    with pytest.raises(FormatError, match=r"files of different moments \(model.* 12, state.* 6"):
        load_checkpoint(tmp_path, model, optimizer)


def test_another_optimizer_is_told(tmp_path):
    model = saved(tmp_path)
    with pytest.raises(FormatError, match="is of the optimizer Adam, not of SGD"):
        load_checkpoint(tmp_path, model, optimizers.SGD(model.parameters()))
    groups = [{"params": [parameter]} for parameter in model.parameters()]
    with pytest.raises(FormatError, match="has other parameter groups than the optimizer's 4"):
        load_checkpoint(tmp_path, model, optimizers.Adam(groups))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2, "odyssey": "7.0"}, "is in format 2, written by odyssey 7.0; this is"),
        ({"format": "x"}, "was not written by odyssey's training"),
        ({"step": 7}, "holds files of different moments"),
    ],
)
def test_a_state_that_does_not_belong(tmp_path, change, message):
    model = saved(tmp_path)
    state = json.loads((tmp_path / "state.json").read_text())
    (tmp_path / "state.json").write_text(json.dumps(state | change))
    with pytest.raises(FormatError, match=message):
        load_checkpoint(tmp_path, model)


@pytest.mark.parametrize("text", ["[]", "{", "", "\ufeff{}", "null"])
def test_a_state_that_is_none(tmp_path, text):
    model = saved(tmp_path)
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(FormatError, match=r"state\.json"):
        load_checkpoint(tmp_path, model)


def test_what_json_lacks_is_not_saved(tmp_path):
    with pytest.raises(DTypeError, match=r"config\.model is of type Sequential"):
        save_checkpoint(tmp_path, build(), RECORD, state={"model": build()})
    assert list(tmp_path.iterdir()) == []


# -- the run folder ----------------------------------------------------------------------------


def test_run_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda form: "now")
    names = [str(create_run_folder(None, "mlp-digits")) for _ in range(3)]
    assert names == ["runs/mlp-digits-now", "runs/mlp-digits-now-2", "runs/mlp-digits-now-3"]
    assert create_run_folder("a/b", "").is_dir()
    assert create_run_folder("a/b", "").is_dir()
    with pytest.raises(OdysseyError, match="run_dir: a is not empty"):
        create_run_folder("a", "")


def test_a_runs_default_place_may_be_taken_by_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").write_text("")
    with pytest.raises(OSError, match="runs"):
        create_run_folder(None, "mlp")


def test_losses_keep_every_bit_of_a_float32(tmp_path):
    run = RunFolder(tmp_path)
    losses = np.random.default_rng(0).random(100, dtype=np.float32)
    run.losses += losses.tolist()
    run.save_figures()
    lines = (tmp_path / "losses.csv").read_text().split()[1:]
    assert [np.float32(line.split(",")[1]) for line in lines] == losses.tolist()
    run.save_curves()  # without an epoch there is nothing to draw
    assert not (tmp_path / "training_curves.png").exists()


# -- the schedule ------------------------------------------------------------------------------


def test_the_cosine_schedule_is_torchs():
    torch = pytest.importorskip("torch")
    theirs = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    their_schedule = torch.optim.lr_scheduler.CosineAnnealingLR(theirs, T_max=50, eta_min=0.01)
    ours = optimizers.SGD([od.Parameter(od.ones(1))], lr=0.3)
    schedule = schedulers.CosineAnnealingLR(ours, 50, 0.01)
    for _ in range(50):
        assert ours.groups[0]["lr"] == pytest.approx(theirs.param_groups[0]["lr"], rel=1e-9)
        theirs.step()
        their_schedule.step()
        schedule.step()
    assert ours.groups[0]["lr"] == 0.01
    schedule.step()
    assert ours.groups[0]["lr"] == 0.01


def test_the_schedule_goes_on_from_its_state():
    def new():
        return optimizers.SGD([od.Parameter(od.ones(1))], lr=0.3)

    first = schedulers.CosineAnnealingLR(new(), 10)
    for _ in range(4):
        first.step()
    second = schedulers.CosineAnnealingLR(new(), 3)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    for schedule in (first, second):
        schedule.step()
    assert first.optimizer.groups[0]["lr"] == second.optimizer.groups[0]["lr"]
    with pytest.raises(FormatError, match="is of another schedule"):
        second.load_state_dict({"gamma": 0.1})
    with pytest.raises(FormatError, match="has 2 parameter groups, the optimizer 1"):
        second.load_state_dict(first.state_dict() | {"start": [1, 2]})
    with pytest.raises(OdysseyError, match="steps must be a positive integer, got 0"):
        schedulers.CosineAnnealingLR(new(), 0)
