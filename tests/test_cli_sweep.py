"""``odyssey sweep``: what it varies, that it goes on, and what it refuses."""

from __future__ import annotations

import csv
import signal
from pathlib import Path

import pytest

import odyssey as od
from odyssey.cli import main
from odyssey.training import Trainer
from odyssey.utils import load_config, save_config

BASE = {"model": {"name": "mlp", "hidden": [8]}, "batch_size": 500, "epochs": 1}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Leave the other CPUs to the other tests: threads on a busy machine wait for each other."""
    before = od.get_num_threads()
    od.set_num_threads(1)
    yield
    od.set_num_threads(before)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def rows(folder):
    with open(Path(folder, "sweep.csv"), newline="") as file:
        return list(csv.DictReader(file))


def refused(capsys, *words):
    capsys.readouterr()
    assert main(list(words)) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "Traceback" not in err
    return err.rstrip("\n")


def test_a_grid_is_every_combination_and_is_run_once(capsys, monkeypatch):
    save_config(BASE, "base.yaml")
    grid = {"optimizer": ["sgd", "adam"], "optimizer.lr": [0.1, 0.001]}
    save_config({"base": "base.yaml", "grid": grid}, "lr.yaml")
    assert main(["sweep", "lr.yaml"]) == 0
    out = capsys.readouterr().out
    found = rows("sweeps/lr")
    assert [row["run"] for row in sorted(found, key=lambda row: row["run"])] == [
        "001",
        "002",
        "003",
        "004",
    ]
    assert {(row["optimizer"], row["optimizer.lr"]) for row in found} == {
        (name, lr) for name in ("sgd", "adam") for lr in ("0.1", "0.001")
    }
    scores = [float(row["test_accuracy"]) for row in found]
    assert scores == sorted(scores, reverse=True)
    assert all(row["state"] == "done" for row in found)
    assert out.splitlines()[-6].split() == [
        "run",
        "optimizer",
        "optimizer.lr",
        "test_accuracy",
        "epochs",
        "state",
    ]
    config = load_config("sweeps/lr/002/config.yaml")
    assert config["optimizer"]["name"] == "sgd" and config["optimizer"]["lr"] == 0.001

    def never(self, *arguments):
        raise AssertionError("a complete run is not run again")

    monkeypatch.setattr(Trainer, "fit", never)
    assert main(["sweep", "lr.yaml"]) == 0
    assert rows("sweeps/lr") == found


def test_a_sweep_that_was_stopped_goes_on(capsys, monkeypatch):
    save_config({"base": BASE, "runs": [{"seed": i} for i in range(3)]}, "s.yaml")
    assert main(["sweep", "s.yaml", "--run-dir", "whole"]) == 0
    real, count = Trainer._step, 0

    def noting(self, batches):
        nonlocal count
        count += 1
        if count == 5:
            signal.raise_signal(signal.SIGTERM)
        return real(self, batches)

    monkeypatch.setattr(Trainer, "_step", noting)
    assert main(["sweep", "s.yaml", "--run-dir", "parts"]) == 143
    assert [row["state"] for row in rows("parts")] == ["done", "stopped"]
    assert not Path("parts/003").exists()
    assert main(["sweep", "s.yaml", "--run-dir", "parts"]) == 0
    assert count == 9
    assert rows("parts") == rows("whole")
    for run in ("001", "002", "003"):
        assert Path("parts", run, "losses.csv").read_text() == (
            Path("whole", run, "losses.csv").read_text()
        )


def test_random_values_lie_where_they_should_and_are_those_of_the_seed():
    draws = {
        "count": 4,
        "seed": 1,
        "optimizer.lr": {"log_uniform": [0.001, 0.1]},
        "batch_size": {"integer": [500, 600]},
        "optimizer.weight_decay": {"uniform": [0.25, 0.5]},
        "model.hidden": {"choice": [[4], [4, 4]]},
    }
    save_config({"base": BASE, "random": draws, "monitor": "test_loss", "mode": "min"}, "r.yaml")
    assert main(["sweep", "r.yaml", "--run-dir", "a"]) == 0
    found = [load_config(f"a/00{i}/config.yaml") for i in range(1, 5)]
    assert len({config["optimizer"]["lr"] for config in found}) == 4
    for config in found:
        assert 0.001 <= config["optimizer"]["lr"] <= 0.1
        assert 500 <= config["batch_size"] <= 600 and isinstance(config["batch_size"], int)
        assert 0.25 <= config["optimizer"]["weight_decay"] <= 0.5
        assert config["model"]["hidden"] in ([4], [4, 4])
    scores = [float(row["test_loss"]) for row in rows("a")]
    assert scores == sorted(scores)
    # More runs of the same seed are the same ones, and others.
    save_config({"base": BASE, "random": {**draws, "count": 5}}, "r.yaml")
    assert main(["sweep", "r.yaml", "--run-dir", "a"]) == 0
    assert len(rows("a")) == 5


def test_a_run_that_fails_does_not_end_the_others(capsys):
    save_config({"base": BASE, "runs": [{"optimizer.lr": -1}, {"optimizer.lr": 0.1}]}, "f.yaml")
    assert main(["sweep", "f.yaml"]) == 1
    out, err = capsys.readouterr()
    assert "odyssey sweep: sweeps/f/001: Adam: lr must lie in [0, inf), got -1.0\n" in err
    assert [row["state"] for row in rows("sweeps/f")] == ["done", "failed"]
    assert "failed" in out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grid": {"optimizer.lri": [1]}}, "with optimizer.lri=1: optimizer.lri: unknown setting"),
        ({"grid": {"optimizer.lr": 3}}, "grid.optimizer.lr: expected a list of values, got 3"),
        ({"grid": 3}, "grid: expected names and their values, got 3"),
        ({"runs": [3]}, "runs: expected a list of settings, got [3]"),
        ({"runs": []}, "runs: there is nothing to run"),
        ({"runs": [{}], "grid": {}}, "expected one of grid, random and runs, got grid and runs"),
        ({}, "expected one of grid, random and runs, got none"),
        ({"gird": {}}, "gird: unknown; did you mean 'grid'?"),
        ({"runs": [{}], "mode": "best"}, "mode: expected 'min' or 'max', got 'best'"),
        ({"runs": [{}], "base": "no.yaml"}, "base: cannot read no.yaml: No such file"),
        ({"runs": [{}], "base": 3}, "base: expected a file or settings, got 3"),
        ({"random": {"seed": 0}}, "random.count: expected an integer of at least 1, got None"),
        ({"random": {"count": 1, "epochs": [3]}}, "random.epochs: expected {one of choice,"),
        (
            {"random": {"count": 1, "epochs": {"integer": [3]}}},
            "random.epochs: expected [low, high], got [3]",
        ),
        (
            {"random": {"count": 1, "optimizer.lr": {"log_uniform": [0, 1]}}},
            "random.optimizer.lr: expected [low, high] above 0, got [0, 1]",
        ),
    ],
)
def test_nonsense_is_told_before_anything_is_run(capsys, change, message):
    save_config({"base": BASE, **change}, "s.yaml")
    assert message in refused(capsys, "sweep", "s.yaml")
    assert not Path("sweeps").exists()


def test_a_folder_with_another_run_in_it_is_left_alone(capsys):
    save_config({"base": BASE, "runs": [{"seed": 1}]}, "s.yaml")
    assert main(["sweep", "s.yaml"]) == 0
    save_config({"base": BASE, "runs": [{"seed": 2}]}, "s.yaml")
    before = Path("sweeps/s/001/losses.csv").read_text()
    assert "sweeps/s/001 holds something else than this run: the sweep has been" in refused(
        capsys, "sweep", "s.yaml"
    )
    assert Path("sweeps/s/001/losses.csv").read_text() == before
