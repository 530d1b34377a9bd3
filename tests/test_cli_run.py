"""``odyssey evaluate`` and ``odyssey predict`` on a run that was trained before."""

from __future__ import annotations

import csv
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import odyssey as od
from odyssey.cli import main
from odyssey.cli._picture import frame, resize
from odyssey.data.datasets import Digits
from odyssey.errors import OdysseyError
from odyssey.training import CheckpointManager


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Leave the other CPUs to the other tests: threads on a busy machine wait for each other."""
    before = od.get_num_threads()
    od.set_num_threads(1)
    yield
    od.set_num_threads(before)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    run = tmp_path_factory.mktemp("cli") / "run"
    assert main(["train", "mlp", "--epochs", "8", "--run-dir", str(run)]) == 0
    return run


@pytest.fixture
def run(trained, tmp_path, monkeypatch):
    """Copy it, to be damaged at will."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(trained, tmp_path / "run"))


def lines(text):
    return dict(line.split("  ", 1) for line in text.splitlines())


def test_evaluate_gives_the_figures_of_the_training(run, capsys):
    with open(run / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    best = max(rows, key=lambda row: float(row["test_accuracy"]))
    rows[-1], best = ({k: float(v) for k, v in row.items()} for row in (rows[-1], best))
    assert main(["evaluate", str(run), "--which", "best"]) == 0
    found = {name: value.strip() for name, value in lines(capsys.readouterr().out).items()}
    assert found["test accuracy"] == f"{best['test_accuracy']:.2%}"
    assert found["test loss"] == f"{best['test_loss']:.6f}"
    assert main(["evaluate", str(run)]) == 0
    found = {name: value.strip() for name, value in lines(capsys.readouterr().out).items()}
    assert found["test accuracy"] == f"{rows[-1]['test_accuracy']:.2%}"
    assert found["test loss"] == f"{rows[-1]['test_loss']:.6f}"
    assert found["data"] == "digits, 360 test images"


@pytest.mark.parametrize(
    "words",
    [
        "resnet18 --model.width 0.0625 --model.stem cifar",
        "mobilenet --model.width 0.0625 --model.stem cifar",
        "googlenet --model.width 0.0625 --model.stem cifar",
        "vit --model.patch 4 --model.width 12 --model.depth 2 --model.heads 3",
    ],
)
def test_a_model_with_modes_is_the_same_when_it_is_opened_again(
    words, tmp_path, monkeypatch, capsys
):
    """Dropout is off, and running moments were saved."""
    monkeypatch.chdir(tmp_path)
    assert main(["train", *words.split(), "--epochs=1", "--batch-size=100", "--run-dir=run"]) == 0
    state = json.loads(Path("run/summary.json").read_text())["figures"]
    capsys.readouterr()
    assert main(["evaluate", "run"]) == 0
    found = {name: value.strip() for name, value in lines(capsys.readouterr().out).items()}
    assert found["test accuracy"] == f"{state['test_accuracy']:.2%}"
    assert found["test loss"] == f"{state['test_loss']:.6f}"


def test_evaluate_gives_about_the_same_on_the_reference(run, capsys):
    for backend in ("fast", "reference"):
        assert main(["evaluate", str(run), "--backend", backend, "--threads", "1"]) == 0
    fast, reference = np.split(np.array(capsys.readouterr().out.splitlines()), 2)
    assert fast.tolist() == reference.tolist()


def png(image, path, scale=1, invert=False, box=None):
    picture = np.round(image * 255).astype(np.uint8)
    picture = 255 - picture if invert else picture
    file = Image.fromarray(picture)
    file = file.resize((8 * scale, 8 * scale), Image.Resampling.BICUBIC)
    if box is not None:
        paper = Image.new("L", (box, box + 30), 255 if invert else 0)
        paper.paste(file, (20, 45))
        file = paper
    file.save(path)


@pytest.mark.parametrize("invert", [False, True], ids=["light on dark", "dark on light"])
@pytest.mark.parametrize(("scale", "box"), [(1, None), (12, None), (20, 400)])
def test_predict_names_the_digit(run, capsys, invert, scale, box):
    test = Digits("test")
    right = 0
    for i in range(20):
        png(test.images[i, 0], "image.png", scale, invert, box)
        assert main(["predict", str(run), "image.png"]) == 0
        first, second = capsys.readouterr().out.splitlines()
        name, chance = first.split()
        assert chance.endswith("%") and second.startswith("runners-up: ")
        right += name == str(test.labels[i])
    assert right >= (19 if box is None else 16)


def test_predict_names_as_many_as_are_asked_for(run, capsys):
    png(Digits("test").images[0, 0], "image.png")
    assert main(["predict", str(run), "image.png", "--top", "1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert main(["predict", str(run), "image.png", "--top", "10"]) == 0
    assert capsys.readouterr().out.count("%") == 10


def test_framing_keeps_what_is_framed_already():
    for image in Digits("test").images[:50, 0]:
        for given in (image, 1 - image):
            np.testing.assert_allclose(frame(given, (8, 8), 1.0), image, atol=0.25)
    image = Digits("test").images[3, 0]
    np.testing.assert_array_equal(frame(image, (8, 8), 1.0), image)


def test_framing_centres_what_is_not():
    picture = np.ones((60, 90), np.float32)
    picture[10:30, 50:60] = 0.2
    ink = frame(picture, (28, 28), 20 / 28)
    assert ink.shape == (28, 28) and ink.max() == pytest.approx(1)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (4, 23, 9, 18)
    full = frame(picture[10:30, 45:65], (28, 28), 20 / 28)  # a square, but without the margin
    np.testing.assert_allclose(full, ink, atol=1e-6)
    with pytest.raises(OdysseyError, match="the image is blank: nothing stands out"):
        frame(np.full((9, 9), 0.4, np.float32), (8, 8), 1.0)


def test_resize_is_the_mean_of_what_is_covered():
    picture = np.random.default_rng(0).random((12, 20)).astype(np.float32)
    blocks = picture.reshape(4, 3, 5, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(resize(picture, (4, 5)), blocks, rtol=1e-6)
    np.testing.assert_allclose(resize(picture, (7, 9)).mean(), picture.mean(), rtol=1e-5)
    assert (resize(picture, (24, 40))[::2, ::2] == picture).all()


# -- what cannot be ----------------------------------------------------------------------------


def refused(capsys, *words):
    """Run a command that has to fail in one line, and return the line."""
    capsys.readouterr()
    assert main([str(word) for word in words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "Traceback" not in err
    return err.rstrip("\n")


def test_a_folder_that_is_no_run(run, capsys, tmp_path):
    (tmp_path / "empty").mkdir()
    assert refused(capsys, "evaluate", "empty") == (
        "odyssey evaluate: empty is not the folder of a run: it has no config.yaml and no "
        "checkpoints"
    )
    assert refused(capsys, "predict", "absent", "x.png") == (
        "odyssey predict: there is no folder absent"
    )
    file = run / "config.yaml"
    assert "is a file, expected the folder of a run" in refused(capsys, "evaluate", file)
    shutil.rmtree(run / "checkpoints")
    assert "checkpoint: there is none in" in refused(capsys, "evaluate", run)


def rewrite(run, change):
    """Change the last checkpoint: `change` gets what it tells and its parts."""
    manager = CheckpointManager(run / "checkpoints")
    saved = manager.load()
    change(saved.about, saved.parts)
    manager.save(saved.parts, saved.about)


def test_a_checkpoint_of_another_model(run, capsys):
    def change(about, parts):
        about["arguments"] |= {"input_shape": [1, 8, 9], "classes": 11}

    rewrite(run, change)
    message = refused(capsys, "evaluate", run)
    assert "is of another model: load_state_dict: the state does not fit Sequential" in message
    assert "1.weight: expected shape (256, 72), got (256, 64)" in message
    assert "5.bias: expected shape (11,), got (10,)" in message


def test_a_checkpoint_of_a_model_that_is_not_known(run, capsys):
    rewrite(run, lambda about, parts: about.update(model="mpl"))
    message = refused(capsys, "evaluate", run)
    assert "is of no model that can be built: model: expected one of" in message
    assert "got 'mpl'; did you mean 'mlp'?" in message


def test_a_checkpoint_of_a_newer_odyssey(run, capsys):
    path = newest(run) / "state.json"
    state = json.loads(path.read_text())
    path.write_text(json.dumps({**state, "format": 99, "odyssey": "9.0"}))
    message = refused(capsys, "evaluate", run)
    assert "is in format 99, written by odyssey 9.0; this is odyssey" in message


def test_a_checkpoint_of_someone_else(run, capsys):
    rewrite(run, lambda about, parts: about.clear())
    assert "was not saved by odyssey train" in refused(capsys, "evaluate", run)


def newest(run):
    return CheckpointManager(run / "checkpoints").paths()[-1]


def only_the_newest(run):
    for path in CheckpointManager(run / "checkpoints").paths()[:-1]:
        shutil.rmtree(path)
    return newest(run)


def test_a_damaged_checkpoint(run, capsys):
    path = only_the_newest(run) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    assert "model.safetensors is damaged: expected" in refused(capsys, "evaluate", run)


def test_a_damaged_checkpoint_with_one_before_it(run, capsys):
    (newest(run) / "model.safetensors").unlink()
    warnings.simplefilter("default")
    capsys.readouterr()
    assert main(["evaluate", str(run)]) == 0
    err = capsys.readouterr().err
    assert err.startswith("odyssey evaluate: warning: checkpoint: cannot read ")
    assert "going on from the one before" in err and err.count("\n") == 1


def test_a_damaged_state(run, capsys):
    path = only_the_newest(run) / "state.json"
    path.write_text("{")
    assert "state.json was not written by odyssey, or is damaged" in refused(
        capsys, "evaluate", run
    )
    path.unlink()
    assert "has no state.json" in refused(capsys, "evaluate", run)


def test_images_that_cannot_be_read(run, capsys):
    Path("text.png").write_text("not an image")
    assert "text.png is not a readable image: it has no known image format" in refused(
        capsys, "predict", run, "text.png"
    )
    assert "cannot read absent.png: No such file" in refused(capsys, "predict", run, "absent.png")
    Image.new("L", (30, 30), 200).save("blank.png")
    assert "the image is blank" in refused(capsys, "predict", run, "blank.png")
    assert "--top: expected at least 1, got 0" in refused(
        capsys, "predict", run, "blank.png", "--top", "0"
    )
