"""``odyssey train``: what it leaves, what it tells, and that it can be repeated and stopped."""

from __future__ import annotations

import csv
import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import odyssey as od
from odyssey.cli import main
from odyssey.training import CheckpointManager
from odyssey.utils import load_config

FILES = {
    "report.html",
    "checkpoints",
    "config.yaml",
    "losses.csv",
    "metrics.csv",
    "summary.json",
    "training_curves.png",
}


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


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def losses(run):
    return [float(row["loss"]) for row in rows(Path(run, "losses.csv"))]


def last(run):
    """Read the run's last checkpoint."""
    return CheckpointManager(Path(run, "checkpoints")).load()


def figures(run):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows(f"{run}/metrics.csv")]


def test_a_run_leaves_a_complete_folder(capsys):
    assert main(["train", "mlp", "--epochs", "3", "--run-dir", "deep/run"]) == 0
    run = Path("deep/run")
    assert {path.name for path in run.iterdir()} == FILES
    assert [row["epoch"] for row in rows(run / "metrics.csv")] == ["1", "2", "3"]
    assert len(losses(run)) == 3 * 45
    final = rows(run / "metrics.csv")[-1]
    assert float(final["test_accuracy"]) > 0.9 and float(final["train_loss"]) < 0.5
    saved = last(run)
    about, parts = saved.about, saved.parts
    assert about["epoch"] == 3 and about["step"] == 135 and about["seed"] == 0
    assert about["score"] == pytest.approx(float(final["test_accuracy"]))
    assert parts["optimizer"]["name"] == "Adam" and parts["schedule"]["count"] == 135
    assert about["model"] == "mlp" and about["data"] == "digits"
    assert about["arguments"]["input_shape"] == [1, 8, 8]
    assert about["classes"] == list("0123456789")
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == [
        f"00000{i}" for i in (1, 2, 3)
    ]
    summary = json.loads((run / "summary.json").read_text())
    assert summary["finished"] and summary["epoch"] == 3 and summary["stop_reason"] is None
    assert summary["figures"]["test_accuracy"] == about["score"]
    config = load_config(run / "config.yaml")
    assert config["model"]["name"] == "mlp" and config["epochs"] == 3
    assert config["optimizer"]["lr"] == 0.002

    out, err = capsys.readouterr()
    summary = dict(line.split("  ", 1) for line in out.splitlines())
    assert set(summary) >= {"model", "data", "epochs", "test accuracy", "time", "run folder"}
    assert summary["model"].strip() == "mlp, 50,826 parameters"
    assert f"{float(final['test_accuracy']):.2%}" in summary["test accuracy"]
    assert summary["run folder"].strip() == str(run)
    # Not a terminal: a line an epoch and no bar.
    assert [line.split()[:2] for line in err.splitlines()] == [
        ["epoch", f"{i}/3"] for i in (1, 2, 3)
    ]
    assert "\r" not in err


def test_the_default_settings_learn_the_digits():
    assert main(["train", "mlp", "--run-dir", "run"]) == 0
    assert float(rows("run/metrics.csv")[-1]["test_accuracy"]) >= 0.97


def test_folders_are_unique_and_never_replaced(capsys):
    for _ in range(3):
        assert main(["train", "mlp", "--epochs", "1", "--batch-size", "500"]) == 0
    found = sorted(path.name for path in Path("runs").iterdir())
    assert len(found) == 3 and all(name.startswith("mlp-digits-20") for name in found)
    capsys.readouterr()
    assert main(["train", "mlp", "--run-dir", f"runs/{found[0]}"]) == 2
    assert "is not empty; choose a new folder" in capsys.readouterr().err


def test_the_same_seed_gives_the_same_run_and_another_another():
    few = ["train", "mlp", "--epochs", "2", "--batch-size", "200"]
    for name, seed in (("a", "7"), ("b", "7"), ("c", "8")):
        assert main([*few, "--seed", seed, "--run-dir", name]) == 0
    assert losses("a") == losses("b") != losses("c")
    assert figures("a") == figures("b") != figures("c")
    a, b = (last(name).parts["model"] for name in "ab")
    assert all(a[name].tobytes() == b[name].tobytes() for name in a)


def test_a_run_can_be_repeated_from_its_config():
    words = ["--optimizer=sgd", "--optimizer.lr", "0.1", "--batch_size", "300", "--epochs=2"]
    words += ["--model.hidden", "[16]", "--schedule=constant", "--seed", "3"]
    assert main(["train", "mlp", *words, "--run-dir", "a"]) == 0
    assert main(["train", "--config", "a/config.yaml", "--run-dir", "b"]) == 0
    assert losses("a") == losses("b") and figures("a") == figures("b")
    assert Path("a/config.yaml").read_text() == Path("b/config.yaml").read_text()
    # What is given beside the file goes before what stands in it.
    assert main(["train", "--config", "a/config.yaml", "--seed", "4", "--run-dir", "c"]) == 0
    assert losses("a") != losses("c")
    assert load_config("c/config.yaml") == {**load_config("a/config.yaml"), "seed": 4}


def test_both_backends_start_with_the_same_losses():
    for backend in ("fast", "reference"):
        words = ["--backend", backend, "--model.hidden", "[32]", "--epochs", "1"]
        assert main(["train", "mlp", *words, "--batch-size", "64", "--run-dir", backend]) == 0
        assert load_config(f"{backend}/config.yaml")["backend"] == backend
    assert losses("fast")[:20] == pytest.approx(losses("reference")[:20], rel=1e-4)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_every_optimizer_runs(optimizer):
    words = ["--optimizer", optimizer, "--optimizer.weight-decay", "0.01", "--batch-size", "300"]
    assert main(["train", "mlp", *words, "--epochs", "2", "--run-dir", "run"]) == 0
    assert losses("run")[-1] < losses("run")[0]


def stop_after(monkeypatch, step, signum):
    """Send this process a signal in the step."""
    from odyssey.training import Trainer

    real = Trainer._step

    def noting(self, batches):
        if self.step + 1 == step:
            signal.raise_signal(signum)
        return real(self, batches)

    monkeypatch.setattr(Trainer, "_step", noting)


@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_a_signal_ends_the_step_saves_and_says_so(monkeypatch, capsys, signum, code):
    stop_after(monkeypatch, 50, signum)
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    assert main(["train", "mlp", "--run-dir", "run"]) == code
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == before
    out, err = capsys.readouterr()
    assert (
        f"odyssey train: stopped by {signum.name} after step 50 of 900; "
        "what there is is saved in run" in err
    )
    assert "after epoch 1" in out
    assert {path.name for path in Path("run").iterdir()} == FILES
    assert len(losses("run")) == 50
    about = last("run").about
    assert about["step"] == 50 and about["epoch"] == 1 and about["score"] is None
    summary = json.loads(Path("run/summary.json").read_text())
    assert not summary["finished"] and summary["stop_reason"] == signum.name
    assert [row["test_accuracy"] != "" for row in rows("run/metrics.csv")] == [True, False]
    assert main(["evaluate", "run"]) == 0


def test_a_signal_in_the_first_epoch_leaves_a_whole_run_too(monkeypatch, capsys):
    stop_after(monkeypatch, 1, signal.SIGINT)
    assert main(["train", "mlp", "--run-dir", "run"]) == 130
    assert {path.name for path in Path("run").iterdir()} == FILES
    assert "not measured" in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT to send")
def test_ctrl_c_in_a_process_of_its_own():
    command = [sys.executable, "-m", "odyssey", "train", "mlp", "--epochs", "100000"]
    root = Path(__file__).parent.parent
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(root))))
    process = subprocess.Popen(
        [*command, "--run-dir", "run"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path, "ODYSSEY_NUM_THREADS": "1"},
    )
    try:
        assert process.stderr.readline().startswith("epoch ")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "stopped by SIGINT after step" in err and "Traceback" not in err
    assert {path.name for path in Path("run").iterdir()} == FILES


@pytest.mark.parametrize(
    ("module", "function", "place"),
    [
        ("checkpoint", "write_through", "run/checkpoints/000001"),
        ("run", "atomic_write", "run"),
    ],
)
def test_a_full_disk_is_told_in_one_line(monkeypatch, capsys, module, function, place):
    def full(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(f"odyssey.training.{module}.{function}", full)
    words = ["train", "mlp", "--epochs", "1", "--batch-size", "500", "--run-dir", "run"]
    assert main(words) == 2
    err = capsys.readouterr().err.splitlines()
    assert err[-1] == f"odyssey train: {place}: No space left on device"
    assert len(err) == 1 + (module == "checkpoint")  # before it, the line of the epoch
