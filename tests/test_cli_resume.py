"""A training that is stopped anywhere, by anything, and resumed ends as if nothing had been.

Each interruption is of a process of its own, which sends the signal to itself: at a random step,
or while a random file of a checkpoint is written.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import odyssey as od
from odyssey import models
from odyssey.cli import main
from odyssey.data.datasets import MNIST
from odyssey.data.formats import write_idx
from odyssey.training import CheckpointManager
from odyssey.utils import load_config, save_config

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there are no such signals to send")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Leave the other CPUs to the other tests: threads on a busy machine wait for each other."""
    before = od.get_num_threads()
    od.set_num_threads(1)
    yield
    od.set_num_threads(before)


AUGMENT = [{"name": "random_crop", "padding": 1}, "random_horizontal_flip"]

DIGITS = {
    "model": {"name": "mlp", "hidden": [16]},
    "data": {"name": "digits", "augment": [{**AUGMENT[0], "size": 8}, AUGMENT[1]]},
    "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9},
    "schedule": {"name": "one_cycle", "max_lr": 0.1},
    "checkpoint": {"every_steps": 7},
    "batch_size": 128,
    "epochs": 3,
    "threads": 1,
    "seed": 5,
}

SENDER = """
import os, signal, sys
from odyssey.cli import main
from odyssey.training import Trainer, checkpoint

what, number, signum = sys.argv[1], int(sys.argv[2]), getattr(signal, sys.argv[3])
count = 0

def counted(real):
    def function(*arguments):
        global count
        count += 1
        if count == number:
            os.kill(os.getpid(), signum)
        return real(*arguments)
    return function

if what == "step":
    Trainer._step = counted(Trainer._step)
else:
    checkpoint.write_through = counted(checkpoint.write_through)
sys.exit(main(sys.argv[4:]))
"""

CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGKILL": -signal.SIGKILL}


def interrupted(words, what, number, name):
    """Run the command in a process that is sent a signal in its n-th step or file."""
    root = Path(__file__).parent.parent
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(root))))
    done = subprocess.run(
        [sys.executable, "-c", SENDER, what, str(number), name, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == CODES[name], done.stderr
    assert "Traceback" not in done.stderr
    return done


def state(run):
    """Return everything that a run has come to, but for the times that it took."""
    parts = CheckpointManager(Path(run, "checkpoints")).load().parts
    parts["trainer"]["history"] = [
        {k: v for k, v in row.items() if k != "seconds"} for row in parts["trainer"]["history"]
    ]
    for name in ("seconds", "waited"):
        parts["trainer"].pop(name, None)
    parts.pop("callbacks")
    with open(Path(run, "metrics.csv"), newline="") as file:
        rows = [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]
    return parts, rows, Path(run, "losses.csv").read_text()


def assert_same(run, whole):
    """Compare two runs, bit for bit."""
    (parts, *figures), (expected, *expected_figures) = state(run), state(whole)
    assert figures == expected_figures
    for name, array in expected["model"].items():
        assert parts["model"][name].tobytes() == array.tobytes(), name

    def flat(tree, place=""):
        if isinstance(tree, dict):
            return {k: v for key in tree for k, v in flat(tree[key], f"{place}.{key}").items()}
        return {place: tree.tobytes() if isinstance(tree, np.ndarray) else tree}

    assert flat(parts) == flat(expected)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """Train without an interruption; return the folder of the run, and its configuration."""
    folder = tmp_path_factory.mktemp("digits")
    save_config(DIGITS, folder / "c.yaml")
    assert main(["train", "--config", str(folder / "c.yaml"), "--run-dir", str(folder / "a")]) == 0
    return folder


@pytest.mark.parametrize(
    ("what", "most", "name"),
    [("step", 35, "SIGINT"), ("step", 35, "SIGTERM"), ("file", 30, "SIGKILL")],
    ids=["SIGINT", "SIGTERM", "SIGKILL"],
)
def test_a_run_that_was_stopped_ends_as_one_that_was_not(digits, tmp_path, what, most, name):
    number = int(np.random.default_rng(len(name) + most).integers(1, most))
    run = tmp_path / "run"
    interrupted(["train", "--config", digits / "c.yaml", "--run-dir", run], what, number, name)
    summary = run / "summary.json"
    assert not summary.exists() or not json.loads(summary.read_text())["finished"]
    assert main(["resume", str(run)]) == 0
    assert_same(run, digits / "a")
    assert (run / "config.yaml").read_text() == (digits / "a" / "config.yaml").read_text()
    assert json.loads(summary.read_text())["finished"]


@pytest.fixture(scope="module")
def mnist(tmp_path_factory):
    """Train a small ResNet on some of MNIST, with batch normalisation if there is one."""
    if not os.environ.get("ODYSSEY_DATA"):
        pytest.skip("ODYSSEY_DATA does not say where MNIST is")
    folder = tmp_path_factory.mktemp("mnist")
    for split, prefix, n in (("train", "train", 480), ("test", "t10k", 100)):
        data = MNIST(split=split)
        pixels = np.round(data.images[:n, 0] * 255).astype(np.uint8)
        write_idx(folder / f"{prefix}-images-idx3-ubyte", pixels)
        write_idx(folder / f"{prefix}-labels-idx1-ubyte", data.labels[:n].astype(np.uint8))
    resnet = {"name": "resnet18", "width": 0.0625, "stem": "cifar"}
    config = {
        **DIGITS,
        "model": resnet if "resnet18" in models.MODELS else "lenet5",
        "data": {
            "name": "mnist",
            "root": str(folder),
            "augment": [{**AUGMENT[0], "size": 28}, AUGMENT[1]],
        },
        "batch_size": 32,
        "epochs": 2,
    }
    save_config(config, folder / "c.yaml")
    assert main(["train", "--config", str(folder / "c.yaml"), "--run-dir", str(folder / "a")]) == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("number", range(10))
def test_a_network_on_mnist_that_is_stopped_twice(mnist, tmp_path, number):
    """Twenty interruptions in all: of the training, and of its resumption."""
    rng = np.random.default_rng(number)
    run = tmp_path / "run"
    first = ("SIGINT", "SIGTERM", "SIGKILL")[number % 3]
    what = "file" if first == "SIGKILL" and rng.random() < 0.5 else "step"
    words = ["train", "--config", mnist / "c.yaml", "--run-dir", run]
    interrupted(words, what, int(rng.integers(1, 17)), first)
    second = ("SIGKILL", "SIGINT", "SIGTERM")[rng.integers(3)]
    interrupted(["resume", run], "step", int(rng.integers(1, 13)), second)
    assert main(["resume", str(run)]) == 0
    assert_same(run, mnist / "a")


# -- what a resumption may be asked for --------------------------------------------------------


@pytest.fixture
def run(digits, tmp_path):
    return Path(shutil.copytree(digits / "a", tmp_path / "run"))


def refused(capsys, *words):
    capsys.readouterr()
    assert main([str(word) for word in words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "Traceback" not in err
    return err.rstrip("\n")


def test_a_finished_run_is_not_resumed_unless_for_more(run, capsys):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    message = refused(capsys, "resume", run)
    assert message == (
        f"odyssey resume: {run} is finished after 3 epochs; --epochs 4 or more trains on"
    )
    assert "is finished after 3" in refused(capsys, "resume", run, "--epochs", "3")
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    losses = (run / "losses.csv").read_text()
    # The rate had come to its end at step 36, and the schedule is longer now.
    assert main(["resume", str(run), "--epochs", "5"]) == 0
    assert load_config(run / "config.yaml")["epochs"] == 5
    after = (run / "losses.csv").read_text()
    assert after.startswith(losses) and len(after.splitlines()) == 1 + 5 * 12
    assert "is finished after 5" in refused(capsys, "resume", run)


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_again(digits, run):
    shutil.rmtree(run / "checkpoints")
    (run / "summary.json").unlink()
    (run / "metrics.csv").unlink()
    assert main(["resume", str(run)]) == 0
    assert_same(run, digits / "a")


def test_a_run_that_was_killed_at_its_very_end_is_completed(digits, run):
    (run / "summary.json").unlink()
    (run / "training_curves.png").unlink()
    assert main(["resume", str(run)]) == 0
    assert_same(run, digits / "a")
    assert (run / "training_curves.png").exists() and (run / "summary.json").exists()


def test_what_cannot_be_resumed_is_told(run, capsys):
    summary = run / "summary.json"
    unfinished = summary.read_text().replace('"finished": true', '"finished": false')
    summary.write_text(unfinished)
    assert "there is no folder nowhere" in refused(capsys, "resume", "nowhere")
    assert "--epochs: expected at least 3, got 0" in refused(capsys, "resume", run, "--epochs", "0")
    config = load_config(run / "config.yaml")
    save_config({**config, "optimizer": {"name": "sgd", "momentun": 1}}, run / "config.yaml")
    assert "config.yaml: optimizer.momentun: unknown setting of sgd; did you" in refused(
        capsys, "resume", run
    )
    save_config({**config, "optimizer": {"name": "adam"}}, run / "config.yaml")
    assert "does not fit: Adam: the state is of the optimizer SGD" in refused(capsys, "resume", run)
    save_config({**config, "model": {"name": "mlp", "hidden": [8]}}, run / "config.yaml")
    assert "1.weight: expected shape (8, 64), got (16, 64)" in refused(capsys, "resume", run)
    assert summary.read_text() == unfinished
    (run / "config.yaml").unlink()
    assert "has no config.yaml to go on with" in refused(capsys, "resume", run)
