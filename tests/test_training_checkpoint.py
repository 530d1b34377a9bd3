"""Checkpoints: everything comes back, what is damaged is told, what need not be kept goes."""

from __future__ import annotations

import json
import os
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest

import odyssey as od
from odyssey.errors import DTypeError, FormatError, OdysseyError
from odyssey.training import (
    CheckpointManager,
    load_checkpoint,
    save_checkpoint,
)
from odyssey.training.run import RunFolder, create_run_folder

NUMPY = [
    np.arange(6, dtype=np.float16).reshape(2, 3),
    np.arange(6, dtype=np.float32).reshape(2, 3).T,
    np.array(2.5),
    np.zeros((0, 3)),
    np.array([2**64 - 1], np.uint64),
    np.array([True, False]),
    np.array([-5], np.int8),
]
PLAIN = {"none": None, "yes": True, "n": 2**63, "x": 0.1, "nan": float("nan"), "text": "array:0"}


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def rewrite(path, **changes):
    state = json.loads((path / "state.json").read_text())
    (path / "state.json").write_text(json.dumps({**state, **changes}))


# -- round trip --------------------------------------------------------------------------------


def test_everything_comes_back_bit_by_bit(tmp_path):
    parts = {
        "arrays": {"list": list(NUMPY), "deep": {"er": {"0.weight": NUMPY[0]}}},
        "plain": {**PLAIN, "empty": {}, "list": [1, [2.5, "three"]]},
    }
    save_checkpoint(tmp_path / "a", parts, {"step": 7, "shape": (1, 2)})
    found = load_checkpoint(tmp_path / "a")
    assert found.about == {"step": 7, "shape": [1, 2]} and found.path == tmp_path / "a"
    assert files(tmp_path / "a") == ["arrays.safetensors", "state.json"]
    for one, other in zip(found.parts["arrays"]["list"], NUMPY, strict=True):
        assert one.dtype == other.dtype and one.shape == other.shape
        assert one.tobytes() == np.ascontiguousarray(other).tobytes()
    assert np.array_equal(found.parts["arrays"]["deep"]["er"]["0.weight"], NUMPY[0])
    plain = found.parts["plain"]
    assert np.isnan(plain.pop("nan"))
    assert plain == {**{k: v for k, v in PLAIN.items() if k != "nan"}, "empty": {},
                     "list": [1, [2.5, "three"]]}  # fmt: skip


def test_the_arrays_of_a_part_are_a_file_that_others_read(tmp_path):
    model = od.nn.Sequential(od.nn.Conv2D(1, 2, 3), od.nn.Linear(2, 2))
    save_checkpoint(tmp_path / "a", {"model": model.state_dict()})
    assert od.load(tmp_path / "a" / "model.safetensors").keys() == model.state_dict().keys()


def test_a_channels_last_array_comes_back(tmp_path):
    x = np.random.default_rng(0).random((2, 3, 4, 5), np.float32)
    lies = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    save_checkpoint(tmp_path / "a", {"part": {"x": lies, "t": od.Tensor(lies)}})
    parts = load_checkpoint(tmp_path / "a").parts["part"]
    assert np.array_equal(parts["x"], x) and np.array_equal(parts["t"], x)


def test_what_cannot_be_saved_is_told_and_nothing_is_left(tmp_path):
    for part, match in (
        ({"f": print}, "is of type builtin"),
        ({"z": np.zeros(1, complex)}, "complex128"),
        ({1: 2}, "the key 1, expected a string"),
    ):
        with pytest.raises(DTypeError, match=match):
            save_checkpoint(tmp_path / "a", {"part": part})
    with pytest.raises(FormatError, match="two arrays of 'part' would have one name"):
        save_checkpoint(tmp_path / "a", {"part": {"a.b": NUMPY[0], "a": {"b": NUMPY[0]}}})
    assert files(tmp_path) == []


def test_a_checkpoint_is_never_written_over(tmp_path):
    save_checkpoint(tmp_path / "a", {"part": {"x": 1}})
    with pytest.raises(FileExistsError):
        save_checkpoint(tmp_path / "a", {"part": {"x": 2}})
    assert load_checkpoint(tmp_path / "a").parts == {"part": {"x": 1}}
    assert files(tmp_path) == ["a"]


# -- damage ------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path):
    save_checkpoint(tmp_path / "a", {"model": {"w": NUMPY[1]}, "n": {"x": 1}})
    return tmp_path / "a"


def test_files_that_are_missing_or_damaged_are_told(saved):
    path = saved / "model.safetensors"
    content = path.read_bytes()
    for bad in (content[:-1], content[:-1] + bytes([content[-1] ^ 1]), b""):
        path.write_bytes(bad)
        with pytest.raises(FormatError, match=r"model.safetensors is damaged"):
            load_checkpoint(saved)
    path.unlink()
    with pytest.raises(FormatError, match=r"cannot read .*model.safetensors: No such file"):
        load_checkpoint(saved)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 2}', '{"format": "two"}'])
def test_a_state_that_is_none(saved, text):
    (saved / "state.json").write_text(text)
    with pytest.raises(FormatError, match=r"state.json (was not written by odyssey|lacks a part)"):
        load_checkpoint(saved)


def test_a_checkpoint_of_another_version(saved):
    rewrite(saved, format=3, odyssey="9.1")
    with pytest.raises(FormatError, match=r"in format 3, written by odyssey 9.1.*: upgrade it"):
        load_checkpoint(saved)
    rewrite(saved, format=1)
    with pytest.raises(FormatError, match=r"in format 1.* reads format 2$"):
        load_checkpoint(saved)


def test_a_folder_that_is_no_checkpoint(tmp_path):
    with pytest.raises(FormatError, match="there is no folder"):
        load_checkpoint(tmp_path / "absent")
    with pytest.raises(FormatError, match=r"has no state.json"):
        load_checkpoint(tmp_path)


# -- the manager -------------------------------------------------------------------------------


def steps(manager):
    return [load_checkpoint(path).about["step"] for path in manager.paths()]


def test_the_newest_and_the_best_are_kept(tmp_path):
    manager = CheckpointManager(tmp_path / "c", max_to_keep=2)
    assert manager.paths() == [] and manager.best() is None
    for step, score in enumerate((3.0, 1.0, float("nan"), 2.0, None, 1.0)):
        path = manager.save({"part": {"x": step}}, {"step": step}, score)
        assert load_checkpoint(path).parts["part"]["x"] == step
    assert steps(manager) == [1, 4, 5]  # of two equal scores the first is the best
    assert manager.load("best").about["step"] == 1 and manager.load().about["step"] == 5
    assert files(tmp_path / "c") == ["000002", "000005", "000006"]


def test_the_best_may_be_the_largest(tmp_path):
    manager = CheckpointManager(tmp_path, max_to_keep=1, mode="max")
    for step, score in enumerate((1.0, 3.0, 2.0)):
        manager.save({}, {"step": step}, score)
    assert steps(manager) == [1, 2] and manager.load("best").about["step"] == 1


def test_a_damaged_last_one_is_told_and_the_one_before_read(tmp_path):
    manager = CheckpointManager(tmp_path)
    for step in range(3):
        manager.save({"part": {"x": NUMPY[0]}}, {"step": step})
    last = manager.paths()[-1]
    (last / "part.safetensors").write_bytes(b"")
    with pytest.warns(UserWarning, match=r"is damaged.*going on from the one before"):
        assert manager.load().about["step"] == 1
    rewrite(last, format=9)
    with pytest.raises(FormatError, match="upgrade it"):  # not to be passed over in silence
        manager.load()
    for path in manager.paths():
        (path / "state.json").write_text("")
    with pytest.raises(FormatError, match=r"000003/state.json was not written"):
        manager.load()


def test_nothing_to_load(tmp_path):
    manager = CheckpointManager(tmp_path / "c")
    with pytest.raises(FormatError, match="there is none in"):
        manager.load()
    manager.save({}, {})
    with pytest.raises(FormatError, match="holds none with a score"):
        manager.load("best")
    with pytest.raises(OdysseyError, match="expected 'last' or 'best', got 'first'"):
        manager.load("first")


def test_bad_settings_of_the_manager(tmp_path):
    with pytest.raises(OdysseyError, match="max_to_keep must be a positive integer, got 0"):
        CheckpointManager(tmp_path, 0)
    with pytest.raises(OdysseyError, match="mode must be 'min' or 'max', got 'least'"):
        CheckpointManager(tmp_path, mode="least")


# -- crashes -----------------------------------------------------------------------------------

SAVE_FOR_EVER = """
import os, random, signal, sys, time
import numpy as np
from odyssey.training import CheckpointManager

def state(step):
    rng = np.random.default_rng(step)
    return {"model": {"w": rng.random((64, 512)), "b": rng.random(7)}, "n": {"step": step}}

def saving(folder):
    manager = CheckpointManager(folder, max_to_keep=2)
    step = manager.load().about["step"] if manager.paths() else 0
    while True:
        step += 1
        manager.save(state(step), {"step": step}, float(step % 3))

folder, count = sys.argv[1], int(sys.argv[2])
moments = random.Random(5)
last = 0
for number in range(count):
    child = os.fork()
    if not child:
        saving(folder)
    time.sleep(moments.uniform(0.0, 0.1))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    manager = CheckpointManager(folder, max_to_keep=2)
    if not manager.paths():
        assert last == 0
        continue
    found = manager.load()          # a warning, that the last one is damaged, is an error here
    step = found.about["step"]
    assert step >= last, (step, last)
    expected = state(step)
    for name, array in expected["model"].items():
        assert np.array_equal(found.parts["model"][name], array)
    assert found.parts["n"]["step"] == step
    last = step
print(last)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are killed after a fork")
@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_a_run_that_is_killed_while_it_saves_keeps_its_checkpoints(tmp_path, run_python, count):
    program = f"import sys; sys.argv = ['', {str(tmp_path / 'c')!r}, '{count}']\n{SAVE_FOR_EVER}"
    result = run_python("import warnings; warnings.simplefilter('error')\n" + program)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) > count / 10  # many were saved, and others broken off


@pytest.fixture
def small_disk(tmp_path):
    """Mount a file system of 1 MB, where that is allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except OSError:
        done = False
    if not done:
        pytest.skip("mounting a small file system is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_the_checkpoint_before(small_disk):
    manager = CheckpointManager(small_disk / "c")
    manager.save({"model": {"w": np.ones(40_000)}}, {"step": 1})
    with pytest.raises(OSError, match="No space left on device") as caught:
        manager.save({"model": {"w": np.ones(400_000)}}, {"step": 2})
    assert str(small_disk) in str(caught.value)
    assert files(small_disk / "c") == ["000001"]
    assert manager.load().about["step"] == 1
    manager.save({"model": {"w": np.ones(40_000)}}, {"step": 3})  # and there is room again
    assert steps(manager) == [1, 3]


def test_a_disk_that_fails_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    manager = CheckpointManager(tmp_path)
    manager.save({"model": {"w": NUMPY[0]}}, {"step": 1})

    def failing(descriptor):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match="Input/output error"):
        manager.save({"model": {"w": NUMPY[0]}}, {"step": 2})
    monkeypatch.undo()
    assert files(tmp_path) == ["000001"] and manager.load().about["step"] == 1


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        CheckpointManager(tmp_path).save({}, {})


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
    trainer = SimpleNamespace(step=0, history=[], at_epoch_end=True)
    run.on_fit_begin(trainer)
    for trainer.step, loss in enumerate(losses.tolist(), 1):
        run.on_step_end(trainer, loss)
    lines = (tmp_path / "losses.csv").read_text().split()[1:]
    assert [np.float32(line.split(",")[1]) for line in lines] == losses.tolist()
    run.on_fit_end(trainer)  # without an epoch there is nothing to draw
    assert not (tmp_path / "training_curves.png").exists()
    # A checkpoint of step 40 is gone on from, and half a line had come after the last one.
    with open(tmp_path / "losses.csv", "a") as file:
        file.write("101,0.")
    trainer.step = 40
    run.on_fit_begin(trainer)
    trainer.step = 41
    run.on_step_end(trainer, 0.5)
    run.on_error(trainer, OSError())
    again = (tmp_path / "losses.csv").read_text().split()[1:]
    assert again == [*lines[:40], "41,0.5"]
