"""Configurations of ``odyssey train``: what they can name, what they give, what they refuse."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import numpy as np
import pytest

import odyssey as od
from odyssey.cli import main
from odyssey.cli._build import plan
from odyssey.cli._registry import REGISTRIES, snake
from odyssey.cli._settings import resolved
from odyssey.cli._signature import SettingError
from odyssey.data.datasets import Digits
from odyssey.training import optimizers, schedulers
from odyssey.training.run import RunFolder
from odyssey.utils import load_config


@pytest.fixture(autouse=True, scope="module")
def one_thread():
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
    capsys.readouterr()
    assert main(list(words)) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "Traceback" not in err
    assert not Path("runs").exists(), "no folder of a run that never was"
    return err.rstrip("\n")


# -- names -------------------------------------------------------------------------------------


def test_every_optimizer_and_schedule_has_a_name():
    """A class that is added is found without being listed, or it cannot be had from a text."""
    named = {*REGISTRIES["optimizer"].values(), *REGISTRIES["schedule"].values()}
    apart = {optimizers.Optimizer, optimizers.Elementwise, schedulers.Scheduler}  # base classes
    apart |= {optimizers.LBFGS, optimizers.Muon, schedulers.LambdaLR}  # want what no text gives
    for module in (optimizers, schedulers):
        for name in module.__all__:
            value = getattr(module, name)
            if value not in apart:
                assert value in named or not isinstance(value, type), name
    assert {"adam", "adamw", "sgd"} <= REGISTRIES["optimizer"].keys()
    assert {"one_cycle", "cosine_annealing", "step", "warmup"} <= REGISTRIES["schedule"].keys()
    assert {"digits", "mnist"} <= REGISTRIES["data"].keys()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("NAdam", "nadam"), ("LARS", "lars"), ("ScheduleFreeAdamW", "schedule_free_adamw")],
)
def test_names_are_those_of_the_classes(name, expected):
    assert snake(name) == expected


@pytest.mark.parametrize("name", ["one_cycle", "onecycle", "one-cycle", "one_cycle_lr"])
def test_hyphens_and_underscores_make_no_difference(name):
    schedule = {"name": name, "max_lr": 0.1}
    assert resolved({"model": "mlp", "schedule": schedule})["schedule"]["name"] == "one_cycle"


def test_a_constant_rate_is_not_the_schedule_of_that_class():
    for name in ("constant", "none", None):
        made = plan(resolved({"model": "mlp", "schedule": name, "epochs": 1}))
        assert made.schedule is None
    made = plan(resolved({"model": "mlp", "schedule": "constant_lr", "epochs": 1}))
    assert isinstance(made.schedule, schedulers.ConstantLR)


# -- every combination -------------------------------------------------------------------------

NEEDED = {
    "constant_lr": {"total_iters": 3},
    "cosine_annealing_warm_restarts": {"T_0": 5},
    "cyclic": {"base_lr": 0.001, "max_lr": 0.1, "step_size_up": 4},
    "exponential": {"gamma": 0.9},
    "inverse_sqrt": {"warmup_steps": 3},
    "multi_step": {"milestones": [2, 4]},
    "one_cycle": {"max_lr": 0.1},
    "step": {"step_size": 2},
    "warmup": {"warmup_steps": 3, "after": "cosine"},
    "sequential": {
        "schedulers": [{"name": "linear", "total_iters": 3}, "cosine"],
        "milestones": [3],
    },
    "chained": {"schedulers": [{"name": "exponential", "gamma": 0.9}, "cosine"]},
}


@pytest.mark.parametrize("schedule", REGISTRIES["schedule"])
def test_every_schedule_runs_from_its_settings(schedule):
    config = {
        "model": {"name": "mlp", "hidden": [4]},
        "optimizer": {"name": "sgd", "lr": 0.01, "momentum": 0.9},
        "schedule": {"name": schedule, **NEEDED.get(schedule, {})},
        "batch_size": 500,
        "epochs": 2,
    }
    settings = resolved(config)
    assert resolved(json.loads(json.dumps(settings))) == resolved(settings) == settings
    folder = RunFolder("run")
    folder.path.mkdir()
    made = plan(settings)
    trainer = made.trainer(folder)
    assert type(trainer.schedule) is REGISTRIES["schedule"][schedule]
    trainer.fit(made.loader, made.loader, 2)
    assert trainer.schedule_every == ("epoch" if schedule.startswith("reduce") else "step")
    assert trainer.step == 6 and np.isfinite(trainer.history[-1]["train_loss"])


@pytest.mark.parametrize("optimizer", REGISTRIES["optimizer"])
def test_every_optimizer_runs_with_its_defaults(optimizer):
    made = plan(resolved({"model": "mlp", "optimizer": optimizer, "batch_size": 500, "epochs": 1}))
    folder = RunFolder("run")
    folder.path.mkdir()
    trainer = made.trainer(folder)
    assert type(trainer.optimizer) is REGISTRIES["optimizer"][optimizer]
    trainer.fit(made.loader, made.loader, 1)
    assert trainer.step == 3


@pytest.mark.parametrize("model", REGISTRIES["model"])
def test_every_model_has_settings_that_are_complete(model):
    settings = resolved({"model": model})
    assert settings["model"].keys() - {"name"} == (
        inspect.signature(REGISTRIES["model"][model]).parameters.keys()
        - {"input_shape", "classes", "rng"}
    )
    assert resolved(json.loads(json.dumps(settings)))["model"] == settings["model"]


def test_the_steps_are_filled_in():
    base = {"model": "mlp", "batch_size": 100, "epochs": 4}
    made = plan(resolved({**base, "schedule": "cosine"}))
    assert made.schedule.T_max == 4 * 15
    made = plan(resolved({**base, "schedule": "cosine", "accumulate": 4}))
    assert made.schedule.T_max == 4 * 4
    made = plan(resolved({**base, "schedule": "cosine", "schedule_every": "epoch"}))
    assert made.schedule.T_max == 4
    made = plan(resolved({**base, "schedule": {"name": "cosine", "T_max": 7}}))
    assert made.schedule.T_max == 7
    schedule = {"name": "warmup", "warmup_steps": 10, "after": "cosine"}
    made = plan(resolved({**base, "schedule": schedule}))
    assert made.schedule.after.T_max == 50
    made = plan(resolved({**base, "schedule": {"name": "one_cycle", "max_lr": 1}}))
    assert made.schedule.total_steps == 60


# -- files -------------------------------------------------------------------------------------

YAML = """\
model: {name: mlp, hidden: [16]}
data: {name: digits, augment: [{name: random_crop, size: 8, padding: 1}]}
optimizer: {name: sgd, lr: 0.1, momentum: 0.9}
schedule: {name: one_cycle, max_lr: 0.1}
epochs: 2
batch_size: 256
"""
TOML = """\
epochs = 2
batch_size = 256
[model]
name = "mlp"
hidden = [16]
[data]
name = "digits"
augment = [{name = "random_crop", size = 8, padding = 1}]
[optimizer]
name = "sgd"
lr = 0.1
momentum = 0.9
[schedule]
name = "one_cycle"
max_lr = 0.1
"""
WORDS = [
    "mlp --model.hidden [16] --data digits --optimizer sgd --optimizer.lr 0.1 --epochs 2",
    "--optimizer.momentum=0.9 --schedule one-cycle --schedule.max-lr 0.1 --batch-size 256",
]


def printed(capsys, *words):
    capsys.readouterr()
    assert main(["train", *words, "--print-config"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_yaml_toml_json_and_words_say_the_same(capsys):
    Path("c.yaml").write_text(YAML)
    Path("c.toml").write_text(TOML)
    Path("c.json").write_text(json.dumps(load_config("c.yaml")))
    words = " ".join(WORDS).split()
    words += ["--data.augment", "[{name: random_crop, size: 8, padding: 1}]"]
    texts = [printed(capsys, "--config", f"c.{end}") for end in ("yaml", "toml", "json")]
    texts.append(printed(capsys, *words))
    assert len(set(texts)) == 1
    Path("p.yaml").write_text(texts[0])
    assert printed(capsys, "--config", "p.yaml") == texts[0]
    settings = load_config("p.yaml")
    assert settings["schedule"]["max_lr"] == 0.1 and "total_steps" not in settings["schedule"]
    assert settings["data"]["augment"] == [
        {"name": "random_crop", "size": 8, "padding": 1, "fill": 0.0}
    ]
    assert settings["optimizer"] == {
        "name": "sgd",
        "lr": 0.1,
        "momentum": 0.9,
        "dampening": 0.0,
        "weight_decay": 0.0,
        "nesterov": False,
        "maximize": False,
    }


def test_what_is_printed_trains_the_same(capsys):
    words = ["mlp", "--model.hidden", "[8]", "--epochs", "1", "--optimizer", "sgd"]
    Path("p.yaml").write_text(printed(capsys, *words, "--threads", "1"))
    assert main(["train", *words, "--threads", "1", "--run-dir", "a"]) == 0
    assert main(["train", "--config", "p.yaml", "--run-dir", "b"]) == 0
    for name in ("config.yaml", "losses.csv"):
        assert Path("a", name).read_text() == Path("b", name).read_text()
    assert Path("a/config.yaml").read_text() == Path("p.yaml").read_text()


def test_files_extend_files_and_words_go_before_both(capsys, monkeypatch):
    Path("deep").mkdir()
    Path("deep/base.toml").write_text("model = 'mlp'\nepochs = 3\n[optimizer]\nlr = 0.5\n")
    Path("middle.yaml").write_text(
        "extends: deep/base.toml\noptimizer:\n  weight_decay: ${DECAY}\n"
    )
    Path("top.yaml").write_text("extends: middle.yaml\nepochs: ${EPOCHS:-4}\n")
    assert "there is no environment variable DECAY" in refused(
        capsys, "train", "--config", "top.yaml"
    )
    monkeypatch.setenv("DECAY", "0.25")
    Path("p.yaml").write_text(printed(capsys, "--config", "top.yaml", "--optimizer.lr", "0.125"))
    settings = load_config("p.yaml")
    assert settings["epochs"] == 4
    assert settings["optimizer"]["name"] == "adam"
    assert settings["optimizer"]["lr"] == 0.125 and settings["optimizer"]["weight_decay"] == 0.25


def test_another_name_leaves_the_settings_of_the_first_behind(capsys):
    Path("c.yaml").write_text("model: {name: mlp, hidden: [4]}\noptimizer: {name: adam, lr: 0.5}\n")
    Path("p.yaml").write_text(printed(capsys, "lenet5", "--config", "c.yaml", "--optimizer", "sgd"))
    settings = load_config("p.yaml")
    assert settings["model"] == {"name": "lenet5"} and settings["optimizer"]["lr"] == 0.01


# -- the trainer's settings ----------------------------------------------------------------------


def test_the_settings_of_trainer_and_checkpoints_arrive():
    words = ["--accumulate", "2", "--clip-norm", "0.5", "--checkpoint.every-steps", "2"]
    words += ["--checkpoint.max-to-keep", "1", "--checkpoint.monitor", "test_loss"]
    words += ["--checkpoint.mode", "min", "--batch-size", "500", "--epochs", "2"]
    assert main(["train", "mlp", *words, "--run-dir", "run"]) == 0
    assert len(Path("run/losses.csv").read_text().splitlines()) == 1 + 2 * 2
    kept = sorted(path.name for path in Path("run/checkpoints").iterdir())
    assert len(kept) <= 2  # the newest, and the best if it is another one
    assert main(["evaluate", "run", "--which", "best"]) == 0


def test_a_limit_of_time_has_an_exit_code_of_its_own(capsys):
    words = ["train", "mlp", "--max-seconds", "1e-9", "--run-dir", "run"]
    assert main(words) == 124
    err = capsys.readouterr().err
    assert "odyssey train: stopped by max_seconds after step 1 of 900; what there is" in err
    assert len(Path("run/losses.csv").read_text().splitlines()) == 2


def test_a_run_that_no_longer_gets_better_is_finished(capsys):
    words = ["mlp", "--optimizer.lr", "0", "--early-stopping.patience", "2", "--epochs", "9"]
    assert main(["train", *words, "--batch-size", "500", "--run-dir", "run"]) == 0
    summary = RunFolder("run").summary()
    assert summary["finished"] and summary["epoch"] == 3
    assert "test_loss has not improved" in summary["stop_reason"]
    assert "with more patience in its config.yaml, --epochs 4" in refused(capsys, "resume", "run")


def test_half_precision_comes_with_a_scaler():
    made = plan(resolved({"model": "mlp", "autocast": "float16", "epochs": 1}))
    assert made.trainer(RunFolder("run")).scaler is not None
    plain = plan(resolved({"model": "mlp", "epochs": 1}))
    assert plain.trainer(RunFolder("run")).scaler is None


def test_augmentation_is_of_the_training_data_alone():
    augment = ["random_horizontal_flip", {"name": "random_crop", "size": 8, "padding": 2}]
    made = plan(resolved({"model": "mlp", "data": {"augment": augment}, "epochs": 1}))
    assert made.test.transform is None
    assert (made.test.images == Digits("test").images).all()
    plain = plan(resolved({"model": "mlp", "epochs": 1}))
    first, again, without = (next(iter(one.loader))[0].numpy() for one in (made, made, plain))
    assert first.shape == without.shape and (first != without).any()
    assert (first != again).any()  # the second epoch
    made.loader.set_epoch(0)
    assert (next(iter(made.loader))[0].numpy() == first).all()


def test_augmentation_that_changes_the_shape_is_told():
    config = {"model": "mlp", "data": {"augment": [{"name": "random_crop", "size": 6}]}}
    with pytest.raises(SettingError, match=r"data.augment: .*\(1, 6, 6\).*\(1, 8, 8\)"):
        plan(resolved(config))


# -- what cannot be ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "optimizer: {name: sgd, momentun: 0.9}",
            "optimizer.momentun: unknown setting of sgd; did you mean momentum?",
        ),
        ("optimizer: {lr: fast}", "optimizer.lr: expected a number, got 'fast'"),
        ("optimizer: {lr: }", "optimizer.lr: expected a number, got nothing"),
        ("optimizer: {betas: [0.9]}", "optimizer.betas: expected a list of 2, got [0.9]"),
        ("optimizer: {name: sgd, nesterov: 1}", "optimizer.nesterov: expected true or false, got"),
        ("optimizer: [sgd]", "optimizer: expected a name, or a name with settings, got ['sgd']"),
        ("optimizer: 3", "optimizer: expected a name, or a name with settings, got 3"),
        ("optimizer: adma", "optimizer: expected one of adadelta"),
        ("schedule: {name: one_cycle}", "schedule.max_lr: one_cycle needs it"),
        ("schedule: {name: one_cycle, maxlr: 3}", "did you mean max_lr?"),
        ("schedule: {name: cosine, T_max: half}", "schedule.T_max: expected an integer, got"),
        ("schedule: {name: constant, gamma: 2}", "schedule.gamma: unknown setting of a constant"),
        (
            "schedule: {name: warmup, warmup_steps: 3, after: {name: cosine, etamin: 0}}",
            "schedule.after.etamin: unknown setting of cosine_annealing; did you mean eta_min?",
        ),
        (
            "schedule: {name: sequential, milestones: [], schedulers: [cosin]}",
            "schedule.schedulers[0]: expected one of",
        ),
        ("data: {name: digits, augment: 3}", "data.augment: expected a list of transforms, got 3"),
        ("data: {name: digits, augment: [crop]}", "data.augment[0]: expected one of random_crop"),
        ("data: {augment: [{name: random_crop}]}", "data.augment[0].size: random_crop needs it"),
        ("data: {name: minst}", "data: expected one of digits, mnist, got 'minst'; did you mean"),
        ("data: {nmae: digits}", "data.nmae: unknown setting of digits"),
        ("model: {hidden: [4]}", "model.name: expected one of"),
        ("model: {name: mlp, hidden: [a]}", "model.hidden: expected an integer, got ['a']"),
        ("checkpoint: {every_step: 3}", "did you mean every_steps?"),
        ("checkpoint: {every_steps: 0}", "every_steps must be positive, got 0"),
        (
            "checkpoint: {monitor: test_acc}",
            "checkpoint.monitor: expected one of train_loss, train_accuracy, test_loss",
        ),
        ("checkpoint: none", "checkpoint: expected settings, got 'none'"),
        ("3: 4", "3: unknown setting of odyssey train"),
        ("checkpoint: 3", "checkpoint: expected settings, got 3"),
        ("clip_norm: much", "clip_norm: expected a number or nothing, got 'much'"),
        ("accumulate: 0", "accumulate must be a positive integer, got 0"),
        ("epochs: 1.5", "epochs: expected an integer, got 1.5"),
        ("epochs: true", "epochs: expected an integer, got True"),
        ("batchsize: 3", "batchsize: unknown setting of odyssey train; did you mean batch_size?"),
        ("epochs: 3\nepochs: 4", "the key 'epochs' stands twice"),
        ("extends: no.yaml", "cannot read no.yaml: No such file"),
        ("extends: c.yaml", "files extend each other in a circle: c.yaml -> c.yaml"),
        ("extends: 3", "extends: expected a file or a list of files, got 3"),
        ("seed: ${NO_SUCH_SEED}", "c.yaml: seed: there is no environment variable NO_SUCH_SEED"),
    ],
)
def test_nonsense_in_a_file_is_told_with_its_place(capsys, text, message):
    Path("c.yaml").write_text(text if text.startswith("model") else f"model: mlp\n{text}\n")
    assert message in refused(capsys, "train", "--config", "c.yaml")


def test_files_that_are_none(capsys):
    Path("c.yaml").write_text("# nothing\n")
    assert refused(capsys, "train", "mlp", "--config", "c.yaml").endswith(
        "--config: c.yaml is empty"
    )
    Path("c.ini").write_text("x")
    assert "c.ini: expected a file that ends with .yaml, .yml, .toml, .json" in refused(
        capsys, "train", "mlp", "--config", "c.ini"
    )
    Path("c.toml").write_text("a = ")
    assert "c.toml is not valid TOML: " in refused(capsys, "train", "--config", "c.toml")
    Path("c.json").write_text('{"epochs": 3, "epochs": 4}')
    assert "c.json is not valid JSON: the key 'epochs' stands twice" in refused(
        capsys, "train", "--config", "c.json"
    )
    assert "--config: expected one argument" in refused(capsys, "train", "mlp", "--config")
    assert "did not expect '--.lr'" in refused(capsys, "train", "mlp", "--.lr", "3")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "--optimizer sgd --optimizer.momentun 3",
            "--optimizer.momentun: unknown setting of sgd",
        ),
        ("--optimizer.nesterov", "--optimizer.nesterov: expected one argument"),
        ("--optimizer.lr", "--optimizer.lr: expected one argument"),
        ("--schedule.after cosine", "--schedule.after: unknown setting of cosine_annealing"),
        ("--threads many", "--threads: expected an integer or nothing, got 'many'"),
    ],
)
def test_nonsense_in_words_is_told_with_its_option(capsys, words, message):
    assert message in refused(capsys, "train", "mlp", *words.split())


def test_a_switch_needs_no_value(capsys):
    words = ["mlp", "--optimizer", "sgd", "--optimizer.momentum", "0.9", "--optimizer.nesterov"]
    assert "  nesterov: true\n" in printed(capsys, *words)


def test_help_is_that_of_what_is_chosen(capsys):
    assert main(["train", "mlp", "--optimizer", "sgd", "--schedule", "one_cycle", "-h"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "--model.hidden HIDDEN" in out and "--optimizer.momentum" in out
    assert "--schedule.max-lr LR" in out and "all steps of the training" in out
    assert "--optimizer.betas" not in out
