"""Schedules: the curves are PyTorch's, go on from their state, and refuse what makes no sense."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import odyssey as od
from odyssey.errors import FormatError, OdysseyError
from odyssey.training import optimizers, schedulers

RATES = (0.3, 0.07)
OWN = {"InverseSqrtLR", "WarmupLR"}  # PyTorch has none of the kind


def optimizer(kind="SGD", rates=RATES):
    groups = [{"params": [od.Parameter(od.ones(1))], "lr": lr} for lr in rates]
    return getattr(optimizers, kind)(groups, **({"momentum": 0.9} if kind == "SGD" else {}))


def torch_optimizer(torch, kind):
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": lr} for lr in RATES]
    return getattr(torch.optim, kind)(
        groups, lr=0.1, **({"momentum": 0.9} if kind == "SGD" else {})
    )


# Name, arguments after the optimizer; both libraries take the same. A tuple of cases as the first
# argument is a list of schedules.
CASES = [
    ("StepLR", (7, 0.5)),
    ("MultiStepLR", ([30, 5, 5], 0.5)),
    ("ExponentialLR", (0.9,)),
    ("ConstantLR", (0.4, 7)),
    ("LinearLR", (0.4, 0.9, 7)),
    ("PolynomialLR", (20, 1.7)),
    ("CosineAnnealingLR", (20, 0.01)),
    ("CosineAnnealingLR", (60,)),
    ("CosineAnnealingWarmRestarts", (5, 2, 0.01)),
    ("CosineAnnealingWarmRestarts", (5,)),
    ("OneCycleLR", (0.5, 50)),
    ("OneCycleLR", (0.5, 51, {"three_phase": True, "anneal_strategy": "linear", "pct_start": 0.4})),
    ("OneCycleLR", (0.5, 60, {"cycle_momentum": False, "div_factor": 5.0})),
    ("CyclicLR", (0.01, 0.5, 4, 7)),
    ("CyclicLR", (0.01, 0.5, 4, 7, "triangular2")),
    ("CyclicLR", (0.01, 0.5, 4, None, "exp_range", 0.95)),
    ("LambdaLR", (lambda t: 1 / (1 + t),)),
    ("LambdaLR", ([lambda t: 0.9**t, lambda t: 1.0],)),
    ("SequentialLR", ((("LinearLR", (0.1, 1, 6)), ("CosineAnnealingLR", (40,))), [6])),
    (
        "SequentialLR",
        ((("ConstantLR", (0.1, 6)), ("ExponentialLR", (0.9,)), ("StepLR", (3,))), [6, 20]),
    ),
    ("ChainedScheduler", ((("ConstantLR", (0.1, 6)), ("ExponentialLR", (0.9,))),)),
]
IDS = [f"{name}-{number}" for number, (name, _) in enumerate(CASES)]


def made(module, name, arguments, of):
    arguments = list(arguments)
    keywords = arguments.pop() if isinstance(arguments[-1], dict) else {}
    if isinstance(arguments[0], tuple):
        arguments[0] = [made(module, *part, of) for part in arguments[0]]
        if name == "ChainedScheduler" and module is not schedulers:
            return getattr(module, name)(*arguments)  # it asks its parts for the optimizer
    return getattr(module, name)(of, *arguments, **keywords)


def settings(groups):
    return [
        (group["lr"], group["betas"][0] if "betas" in group else group["momentum"])
        for group in groups
    ]


def test_every_schedule_is_compared():
    named = {name for name, _ in CASES} | OWN | {"ReduceLROnPlateau", "Scheduler"}
    assert named == set(schedulers.__all__)


@pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch's own, of its own composites
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", ["SGD", "AdamW"])
@pytest.mark.parametrize(("name", "arguments"), CASES, ids=IDS)
def test_the_curve_is_torchs(name, arguments, kind):
    torch = pytest.importorskip("torch")
    mine, theirs = optimizer(kind), torch_optimizer(torch, kind)
    schedule = made(schedulers, name, arguments, mine)
    their_schedule = made(torch.optim.lr_scheduler, name, arguments, theirs)
    for _ in range(50):
        for one, other in zip(settings(mine.groups), settings(theirs.param_groups), strict=True):
            assert one == pytest.approx(other, rel=1e-9, abs=1e-15)
        theirs.step()
        their_schedule.step()
        schedule.step()


@pytest.mark.parametrize(("name", "arguments"), CASES, ids=IDS)
def test_a_schedule_goes_on_from_its_state(name, arguments):
    first, second = optimizer(), optimizer(rates=(9.0, 8.0))
    one, other = (made(schedulers, name, arguments, each) for each in (first, second))
    for _ in range(9):
        one.step()
    other.load_state_dict(json.loads(json.dumps(one.state_dict())))
    if name not in ("SequentialLR", "ChainedScheduler"):  # whose parts began with other rates
        for _ in range(5):
            assert settings(first.groups) == settings(second.groups)
            one.step()
            other.step()
    with pytest.raises(FormatError, match="is of another schedule"):
        other.load_state_dict({"count": 1})
    with pytest.raises(FormatError, match="the state has 1 parameter groups, the optimizer 2"):
        other.load_state_dict({"count": 1, "start": [0.1]})


@pytest.mark.parametrize(("name", "arguments"), CASES, ids=IDS)
def test_the_curve_is_what_the_steps_give(name, arguments):
    of = optimizer()
    schedule = made(schedulers, name, arguments, of)
    expected, found = schedule.curve(12), []
    for _ in range(12):
        found.append(of.groups[0]["lr"])
        schedule.step()
    assert found == expected.tolist()


def test_any_number_can_be_scheduled():
    of = optimizer("AdamW")
    schedule = schedulers.CosineAnnealingLR(of, 10, 0.0, setting="weight_decay")
    for _ in range(5):
        schedule.step()
    assert of.groups[0]["weight_decay"] == pytest.approx(0.005) and of.groups[0]["lr"] == 0.3
    with pytest.raises(OdysseyError, match=r"setting must name a number.*'betas'"):
        schedulers.StepLR(of, 3, setting="betas")


# -- those that PyTorch does not have ----------------------------------------------------------


def test_warm_up_then_another_schedule():
    of = optimizer(rates=(0.8, 0.4))
    schedule = schedulers.WarmupLR(of, 4, schedulers.CosineAnnealingLR(of, 10), 0.1)
    expected = [0.8 * (0.1 + 0.9 * t / 4) for t in range(4)]
    expected += [0.4 * (1 + math.cos(math.pi * t / 10)) for t in range(10)]
    np.testing.assert_allclose(schedule.curve(14), expected, rtol=1e-12)
    assert of.groups[1]["lr"] == pytest.approx(0.04)
    assert schedulers.WarmupLR(optimizer(rates=(0.8, 0.4)), 2).curve(4).tolist() == [
        0,
        0.4,
        0.8,
        0.8,
    ]


def test_the_inverse_root_is_the_papers():
    """With d = 512 and rate 1 as in the paper's equation 3, up to its constant."""
    of, w = optimizer(rates=(512**-0.5 * 4000**-0.5,)), 4000
    curve = schedulers.InverseSqrtLR(of, w).curve(20_000)
    t = np.arange(1, 20_001)
    np.testing.assert_allclose(curve, 512**-0.5 * np.minimum(t**-0.5, t * w**-1.5), rtol=1e-12)


# -- the plateau -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "keywords",
    [
        {"patience": 2},
        {"patience": 0, "factor": 0.5, "min_lr": 0.05},
        {"mode": "max", "patience": 1, "cooldown": 2},
        {"threshold": 0.3, "threshold_mode": "abs", "patience": 1},
        {"mode": "max", "threshold": 0.3, "threshold_mode": "abs", "patience": 3},
        {"mode": "max", "threshold": 0.2, "patience": 1, "factor": 0.7, "eps": 0.03},
    ],
)
def test_a_plateau_is_torchs(keywords):
    torch = pytest.importorskip("torch")
    mine, theirs = optimizer(), torch_optimizer(torch, "SGD")
    schedule = schedulers.ReduceLROnPlateau(mine, **keywords)
    their_schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **keywords)
    again = schedulers.ReduceLROnPlateau(optimizer(), **keywords)
    figures = np.random.default_rng(0).normal(1, 0.5, 50).round(1)
    for number, figure in enumerate([math.nan, *figures]):
        schedule.step(figure)
        their_schedule.step(figure)
        rates = [group["lr"] for group in mine.groups]
        assert rates == pytest.approx([group["lr"] for group in theirs.param_groups], rel=1e-9)
        if number == 20:  # and from its state it goes on alike
            again.load_state_dict(json.loads(json.dumps(schedule.state_dict())))
            again.optimizer.groups[0]["lr"] = mine.groups[0]["lr"]
        elif number > 20:
            again.step(figure)
            assert again.optimizer.groups[0]["lr"] == mine.groups[0]["lr"]


def test_a_plateau_of_a_figure_among_several():
    schedule = schedulers.ReduceLROnPlateau(optimizer(), patience=0, monitor="val_loss")
    for _ in range(2):
        schedule.step({"val_loss": 1.0, "lr": 0.3})
    assert schedule.optimizer.groups[0]["lr"] == pytest.approx(0.03)
    with pytest.raises(OdysseyError, match="no figure 'val_loss' to monitor; an epoch gives lr"):
        schedule.step({"lr": 0.3})
    with pytest.raises(FormatError, match="is of another schedule"):
        schedule.load_state_dict({"count": 1})


# -- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: schedulers.StepLR(o, 0), "StepLR: step_size must be a positive integer, got 0"),
        (
            lambda o: schedulers.StepLR(o, 3, -1.0),
            r"StepLR: gamma must lie in \[0, inf\], got -1.0",
        ),
        (lambda o: schedulers.MultiStepLR(o, [3, -1]), "MultiStepLR: milestones must lie"),
        (lambda o: schedulers.ExponentialLR(o, "x"), "ExponentialLR: gamma must be a number"),
        (lambda o: schedulers.InverseSqrtLR(o, 1.5), "InverseSqrtLR: warmup_steps must be a pos"),
        (lambda o: schedulers.LambdaLR(o, [abs]), "LambdaLR: expected a function, or 2 of them"),
        (lambda o: schedulers.ConstantLR(o, 2.0), r"ConstantLR: factor must lie in \[0, 1\]"),
        (lambda o: schedulers.LinearLR(o, -0.1), "LinearLR: start_factor must lie"),
        (lambda o: schedulers.PolynomialLR(o, 0), "PolynomialLR: total_iters must be a positive"),
        (lambda o: schedulers.CosineAnnealingLR(o, True), "CosineAnnealingLR: T_max must be a pos"),
        (lambda o: schedulers.CosineAnnealingWarmRestarts(o, 0), "T_0 must be a positive integer"),
        (lambda o: schedulers.OneCycleLR(o, 1.0, 10, 1.5), "OneCycleLR: pct_start must lie"),
        (
            lambda o: schedulers.OneCycleLR(o, 1.0, 10, anneal_strategy="cosine"),
            "OneCycleLR: anneal_strategy: expected one of cos, linear, got 'cosine'; did you mean",
        ),
        (lambda o: schedulers.CyclicLR(o, 0.1, 1.0, mode="saw"), "CyclicLR: mode: expected one of"),
        (lambda o: schedulers.ReduceLROnPlateau(o, "low"), "ReduceLROnPlateau: mode: expected"),
        (lambda o: schedulers.ReduceLROnPlateau(o, factor=1.0), "factor must lie in"),
        (lambda o: schedulers.SequentialLR(o, [], []), "SequentialLR: there are no schedules"),
        (
            lambda o: schedulers.SequentialLR(o, [schedulers.StepLR(o, 3)] * 3, [5]),
            "SequentialLR: expected 2 milestones for 3 schedules, got 1",
        ),
        (
            lambda o: schedulers.SequentialLR(o, [schedulers.StepLR(o, 3)] * 3, [5, 4]),
            r"SequentialLR: milestones must rise, got \[5, 4\]",
        ),
        (
            lambda o: schedulers.ChainedScheduler(o, [schedulers.ReduceLROnPlateau(o)]),
            "ChainedScheduler: expected schedules that are functions of the step, got Reduce",
        ),
        (
            lambda o: schedulers.WarmupLR(o, 3, schedulers.StepLR(optimizer(), 3)),
            "WarmupLR: all schedules must be of one optimizer",
        ),
    ],
)
def test_bad_settings(make, message):
    with pytest.raises(OdysseyError, match=message):
        make(optimizer())


def test_one_cycle_has_an_end_and_wants_a_momentum():
    schedule = schedulers.OneCycleLR(optimizer(), 1.0, 3)
    for _ in range(3):
        schedule.step()
    with pytest.raises(OdysseyError, match="step 4 was asked for, but there are total_steps=3"):
        schedule.step()
    plain = optimizer()
    for group in plain.groups:
        del group["momentum"]
    with pytest.raises(OdysseyError, match="has no momentum to cycle; pass cycle_momentum=False"):
        schedulers.CyclicLR(plain, 0.1, 1.0)
