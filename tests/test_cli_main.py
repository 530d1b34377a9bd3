"""The ``odyssey`` command as a whole: help, errors in one line, compare and info."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import odyssey as od
from odyssey import fast, models
from odyssey.cli import COMMANDS, main
from odyssey.data.formats import write_idx

MODELS = ", ".join(models.MODELS)


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
    monkeypatch.delenv("ODYSSEY_DATA", raising=False)


def refused(capsys, *words):
    """Run a command that has to fail in one line, and return the line."""
    assert main(list(words)) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "Traceback" not in err
    assert not Path("runs").exists(), "no folder of a run that never was"
    return err.rstrip("\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("train lenet", f"model: expected one of {MODELS}, got 'lenet'; did you mean 'lenet5'?"),
        ("train MLP", f"model: expected one of {MODELS}, got 'MLP'; did you mean 'mlp'?"),
        ("train vgg11", "vgg: images must have at least 32×32 pixels, got 8×8"),
        ("train alexnet", "alexnet: images must have at least 63×63 pixels, got 8×8; stem='cifar'"),
        ("train googlenet", "googlenet: images must have at least 47×47 pixels, got 8×8; stem="),
        (
            "train mlp --data minst",
            "data: expected one of digits, mnist, got 'minst'; did you mean",
        ),
        ("train mlp --optimizer adma", "rprop, sgd, got 'adma'; did you mean 'adamax'?"),
        ("train mlp --schedule stepp", "warmup, constant, got 'stepp'; did you mean 'step'?"),
        ("train mlp --schedule step", "schedule.step_size: step needs it"),
        ("train mlp --backend quick", "backend: expected one of fast, reference, got 'quick'"),
        ("train mlp --bach-size 3", "unknown option --bach-size; did you mean --batch-size?"),
        ("train mlp --epoch 3", "unknown option --epoch; did you mean --epochs?"),
        ("train mlp extra", "did not expect 'extra'"),
        ("train", "missing argument: model"),
        ("train mlp --epochs", "--epochs: expected one argument"),
        ("train mlp --epochs many", "--epochs: expected an integer, got 'many'"),
        ("train mlp --epochs 1.5", "--epochs: expected an integer, got '1.5'"),
        ("train mlp --epochs 0", "--epochs: expected at least 1, got 0"),
        ("train mlp --batch-size -1", "--batch-size: expected at least 1, got -1"),
        ("train mlp --threads 0", "--threads: expected at least 1, got 0"),
        ("train mlp --seed -1", "--seed: expected at least 0, got -1"),
        ("train mlp --optimizer.lr fast", "--optimizer.lr: expected a number, got 'fast'"),
        ("train mlp --optimizer.lr -1", "Adam: lr must lie in [0, inf), got -1.0"),
        (
            "train mlp --model.hiden [3]",
            "hiden: unknown setting of mlp; did you mean hidden?",
        ),
        ("train mlp --model.hidden 3", "--model.hidden: expected a list, got '3'"),
        ("train mlp --model.hidden [0]", "Linear: out_features must be a positive integer"),
        ("train mlp --config no.yaml", "--config: cannot read no.yaml: No such file or directory"),
        ("train mlp --data.root .", "--data.root: unknown setting of digits"),
        ("train mlp --data mnist", "MNIST: expected a root folder or ODYSSEY_DATA, got neither"),
        ("train mlp --data mnist --data.root /no", "--data.root: there is no folder /no"),
        ("train mlp --data mnist --data.root .", "MNIST: no file train-images-idx3-ubyte[.gz] in"),
        ("evaluate", "missing argument: run"),
        ("predict run", "missing argument: image"),
        ("compare matmull", "did you mean 'matmul'?"),
        ("info --more", "unknown option --more"),
    ],
)
def test_bad_words_are_told_in_one_line(capsys, words, message):
    line = refused(capsys, *words.split())
    assert line.startswith(f"odyssey {words.split()[0]}: ") and message in line


def test_an_unknown_command(capsys):
    line = refused(capsys, "trian", "mlp")
    assert line.startswith("odyssey: command: expected one of train, resume, sweep, evaluate")
    assert line.endswith("got 'trian'; did you mean 'train'?")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model: mlp\nepoch: 3\n", "epoch: unknown setting of odyssey train; did you mean epochs?"),
        ("model: mlp\nepochs: many\n", "train: epochs: expected an integer, got 'many'"),
        ("model: alexnett\n", f"model: expected one of {MODELS}, got 'alexnett'"),
        ("epochs: 3\n", "missing argument: model"),
        ("model: [\n", "--config"),
        ("- 3\n", "--config"),
    ],
)
def test_bad_configs_are_told_in_one_line(capsys, text, message):
    Path("bad.yaml").write_text(text)
    assert message in refused(capsys, "train", "--config", "bad.yaml")


def mnist_files(folder):
    folder.mkdir()
    for part, n in (("train", 20), ("t10k", 10)):
        write_idx(folder / f"{part}-images-idx3-ubyte", np.zeros((n, 28, 28), np.uint8))
        write_idx(folder / f"{part}-labels-idx1-ubyte", np.zeros(n, np.uint8))


def test_data_from_a_folder_and_its_damage(capsys, tmp_path):
    mnist_files(tmp_path / "data")
    words = ["train", "mlp", "--data", "mnist", "--data.root", "data", "--epochs", "1"]
    assert main([*words, "--run-dir", "run"]) == 0
    # It finds its data again, from anywhere.
    os.chdir("data")
    assert main(["evaluate", "../run"]) == 0
    os.chdir("..")
    capsys.readouterr()
    path = tmp_path / "data" / "train-images-idx3-ubyte"
    content = path.read_bytes()
    path.write_bytes(content[:-9])
    assert "train-images-idx3-ubyte is truncated: expected 15680 bytes" in refused(capsys, *words)
    path.write_bytes(gzip.compress(content)[:-9])
    assert "is a broken gzip file" in refused(capsys, *words)
    path.write_bytes((tmp_path / "data" / "train-labels-idx1-ubyte").read_bytes())
    assert "is mislabelled: expected images" in refused(capsys, *words)


def test_a_folder_that_cannot_be_written(capsys):
    Path("file").write_text("")
    assert refused(capsys, "train", "mlp", "--run-dir", "file/run") == (
        "odyssey train: file/run: Not a directory"
    )
    assert refused(capsys, "train", "mlp", "--run-dir", "file").startswith("odyssey train: file: ")


def test_debug_shows_the_traceback(capsys):
    assert main(["train", "lenet", "--debug"]) == 2
    err = capsys.readouterr().err
    assert "Traceback (most recent call last)" in err
    assert err.splitlines()[-1].startswith("odyssey train: model: expected one of")


def test_a_mistake_of_ours_is_not_hidden(monkeypatch):
    import odyssey.cli.info

    monkeypatch.setattr(odyssey.cli.info, "config_info", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["info"])


def test_warnings_are_one_line(monkeypatch, capsys):
    import odyssey.cli.info

    def config():
        warnings.warn("odyssey: this installation\nhas no kernels", RuntimeWarning, stacklevel=1)
        return {}

    monkeypatch.setattr(odyssey.cli.info, "config_info", config)
    warnings.simplefilter("default")
    assert main(["info"]) == 0
    assert capsys.readouterr().err == "odyssey info: warning: this installation has no kernels\n"


def test_help_and_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"odyssey {od.__version__}\n"
    for words in ([], ["--help"], ["-h"]):
        assert main(words) == 0
        out = capsys.readouterr().out
        assert all(f"  {command} " in out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_readable_help(capsys, command):
    assert main([command, "--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: odyssey {command}")
    assert not re.search("--[a-z]+_", out) and "null" not in out
    assert "Optional" not in out and max(map(len, out.splitlines())) <= 100


def test_help_shows_defaults_and_choices(capsys):
    main(["train", "-h"])
    out = " ".join(capsys.readouterr().out.split())
    assert "--batch-size SIZE examples in a batch (default: 32)" in out
    assert "the optimizer [adadelta, adafactor, adagrad, adam," in out


@pytest.mark.skipif(not fast.LEVEL, reason="there is nothing to compare with")
def test_compare_shows_errors_and_speed(capsys):
    assert main(["compare", "relu"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].split("  ")[0] == "dtype" and "tolerance" in out[0] and "speed ratio" in out[0]
    assert {line.split()[0] for line in out[2:-1]} == {"float16", "float32", "float64"}
    assert out[-1].startswith("relu: ") and "comparisons agree" in out[-1]
    assert main(["compare", "relu", "--every-case", "--threads", "1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) > len(out)


@pytest.mark.skipif(not fast.LEVEL, reason="there is nothing to compare with")
def test_compare_tells_of_a_wrong_kernel(capsys, monkeypatch):
    import odyssey.cli.compare

    real = odyssey.cli.compare.compare_kernel
    monkeypatch.setattr(
        odyssey.cli.compare,
        "compare_kernel",
        lambda name: [
            row._replace(error=1e6) if i == 3 else row for i, row in enumerate(real(name))
        ],
    )
    assert main(["compare", "relu"]) == 1
    out, err = capsys.readouterr()
    assert out.count("WRONG") == 1 and err == "odyssey compare: relu: 1 beyond tolerance\n"


def test_info(capsys):
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    assert f"odyssey           {od.__version__}" in out and "jsonargparse" in out


def test_asking_for_the_version_loads_nothing_heavy():
    code = (
        "import sys; from odyssey.cli import main; main(['--version']);"
        "print([m for m in ('jsonargparse', 'matplotlib', 'yaml', 'tqdm', 'PIL', 'safetensors')"
        " if m in sys.modules])"
    )
    root = Path(__file__).parent.parent
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(root))))
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.stdout == f"odyssey {od.__version__}\n[]\n"
