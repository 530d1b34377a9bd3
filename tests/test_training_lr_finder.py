"""The range test finds the rates that work, and leaves no trace."""

from __future__ import annotations

import math

import numpy as np
import pytest

import odyssey as od
from odyssey import nn
from odyssey.data import DataLoader, datasets
from odyssey.errors import OdysseyError
from odyssey.training import optimizers, train_one_epoch
from odyssey.training.averaging import Lookahead
from odyssey.training.lr_finder import lr_find
from odyssey.utils import random


def valley(model_out, target):
    return (model_out * model_out).mean()


def quadratic(lr=0.1, **settings):
    """Return a weight w with the loss w², whose steps of gradient descent are (1 - 2 lr) w."""
    model = nn.Linear(1, 1, bias=False).to("float64")
    model.weight.data[...] = 3
    return model, optimizers.SGD(model.parameters(), lr, **settings)


ONE = [(od.ones((1, 1), dtype="float64"), od.zeros(1))]


# -- what is found -----------------------------------------------------------------------------


def test_losses_are_those_of_the_steps():
    model, optimizer = quadratic()
    found = lr_find(model, optimizer, ONE, valley, 1e-3, 0.4, 12, smooth=0.25)
    np.testing.assert_allclose(found.rates, np.geomspace(1e-3, 0.4, 12), rtol=1e-12)
    w, average = 3.0, 9.0
    for rate, loss in zip(found.rates, found.losses, strict=True):
        average += 0.25 * (w * w - average)
        assert loss == pytest.approx(average, rel=1e-9)
        w -= rate * 2 * w


def test_it_stops_where_the_loss_diverges():
    model, optimizer = quadratic()
    found = lr_find(model, optimizer, ONE, valley, 1e-3, 1e9, 200, smooth=1.0, diverge=4.0)
    assert 20 < len(found.rates) == len(found.losses) < 100
    rising = found.losses[found.losses.argmin() :]
    assert rising.max() <= 4 * rising.min() and found.losses.argmin() > 0


def test_a_loss_that_is_not_finite_ends_the_test():
    model, optimizer = quadratic()
    calls = []

    def loss(out, target):
        calls.append(1)
        return valley(out, target) * (math.nan if len(calls) == 6 else 1.0)

    assert len(lr_find(model, optimizer, ONE, loss, 1e-3, 1e-1).rates) == 5


def test_what_never_falls_suggests_nothing():
    model, optimizer = quadratic()
    model.weight.data[...] = 0
    found = lr_find(model, optimizer, ONE, valley)
    assert found.suggestion is None and found.plot() is not None
    nothing = lr_find(model, optimizer, ONE, lambda out, target: valley(out, target) * math.nan)
    assert nothing.suggestion is None and len(nothing.rates) == 0
    with pytest.raises(OdysseyError, match="plot: the loss was not finite from the first step on"):
        nothing.plot()


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_the_suggestion_is_worth_trying(kind):
    """Two epochs with it are better than with a thirtieth of it, or thirty times as much."""
    digits = DataLoader(datasets.Digits("train"), shuffle=True)
    od.manual_seed(0)
    model = od.models.mlp((1, 8, 8), 10)
    before = {name: array.copy() for name, array in model.state_dict().items()}
    make = getattr(optimizers, kind)
    rate = lr_find(model, make(model.parameters()), digits).suggestion
    losses = []
    for factor in (1 / 30, 1, 30):
        model.load_state_dict(before)
        optimizer = make(model.parameters(), lr=rate * factor)
        with np.errstate(all="ignore"):
            losses.append([train_one_epoch(model, digits, optimizer)["loss"] for _ in range(2)][1])
    assert losses[1] == min(losses) and losses[1] < 0.7


def test_the_plot_shows_rates_losses_and_suggestion(tmp_path):
    found = lr_find(*quadratic(), ONE, valley)
    axes = found.plot().axes[0]
    assert axes.get_xscale() == "log" and axes.get_xlabel() == "learning rate"
    assert [text.get_text() for text in axes.texts] == [f"{found.suggestion:.2g}"]
    assert found.plot(tmp_path / "a.png") is None
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


# -- no trace ----------------------------------------------------------------------------------


class Noisy(nn.Module):
    """Everything that a step could move: weights, buffers, two generators, modes."""

    def __init__(self):
        self.flat, self.inner = nn.Flatten(), nn.Linear(64, 10)
        self.drop, self.rng = nn.Dropout(0.2), np.random.default_rng(7)
        self.seen = nn.Buffer(np.zeros((), np.int64))
        self.mean = nn.Buffer(np.zeros(64, np.float32), persistent=False)

    def forward(self, x):
        x = self.drop(self.flat(x)) + od.tensor(self.rng.normal(0, 0.1, 64).astype(np.float32))
        x = x + float(random.current_generator().normal(0, 0.01))
        self.seen[...] = int(self.seen) + 1
        self.mean[...] = x.data.mean(axis=0)
        return self.inner(x)


class Fragile(nn.Module):
    """Break at the fifth call."""

    def __init__(self):
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        if self.calls == 5:
            raise KeyboardInterrupt
        return x


OPTIMIZERS = {
    "SGD": lambda p: optimizers.SGD(p, lr=0.01, momentum=0.9),
    "AdamW": lambda p: optimizers.AdamW(p, lr=0.01),
    "Lookahead": lambda p: Lookahead(optimizers.Adam(p), 3),
}


def frozen(tree):
    """Return a state as something that compares bit by bit."""
    if isinstance(tree, dict):
        return {key: frozen(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [frozen(value) for value in tree]
    return tree.tobytes() if isinstance(tree, np.ndarray) else tree


def everything(model, optimizer, loader):
    tensors = [*model.parameters(), *model.buffers()]
    return frozen(
        {
            "tensors": [t.numpy() for t in tensors],
            "grads": [(id(t.grad), t.grad.numpy()) if t.grad is not None else 0 for t in tensors],
            "modes": [module.training for module in model.modules()],
            "optimizer": optimizer.state_dict(),
            "random": random.default_generator().bit_generator.state,
            "current": random.current_generator().bit_generator.state,
            "own": model[0].rng.bit_generator.state,
            "loader": [loader.epoch, loader.batch, loader.state_dict()],
        }
    )


def going_on(model, optimizer, loader):
    """Return what a training gives from here on."""
    model.train()
    figures = [train_one_epoch(model, loader, optimizer) for _ in range(2)]
    return frozen([figures, model.state_dict(), optimizer.state_dict()])


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("end", ["in the end", "diverged", "error"])
@pytest.mark.parametrize("fresh", [True, False])
def test_everything_is_as_before(make, end, fresh):
    results = []
    for look in (False, True):
        od.manual_seed(3)
        model = nn.Sequential(Noisy(), *([Fragile()] if end == "error" else []))
        optimizer = make(model.parameters())
        loader = DataLoader(datasets.Digits("test"), 60, shuffle=True, seed=4)
        if not fresh:
            if end == "error":
                model[1].calls = -100
            train_one_epoch(model, loader, optimizer)
            next(iter(loader))  # the next epoch has been left
            model[0].drop.eval()
            if end == "error":
                model[1].calls = 0
        with random.drawing_from(random.generator(8)):
            before = everything(model, optimizer, loader)
            settings = {"end": 1e6, "steps": 30} if end == "diverged" else {"end": 0.1, "steps": 15}
            if look and end == "error":
                with pytest.raises(KeyboardInterrupt):
                    lr_find(model, optimizer, loader, **settings)
            elif look:
                found = lr_find(model, optimizer, loader, **settings)
                assert (len(found.rates) < settings["steps"]) == (end == "diverged")
            assert everything(model, optimizer, loader) == before
        if end == "error":
            model[1].calls = -100
        results.append(going_on(model, optimizer, loader))
    assert results[0] == results[1]


# -- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"start": 0}, "expected 0 < start < end, got 0 and 10.0"),
        ({"start": 1.0, "end": 0.1}, "expected 0 < start < end, got 1.0 and 0.1"),
        ({"end": math.inf}, "expected 0 < start < end"),
        ({"steps": 1}, "steps must be an integer of at least 2, got 1"),
        ({"smooth": 0}, r"smooth must lie in \(0, 1\], got 0"),
        ({"diverge": 1}, "diverge must be more than 1, got 1"),
        ({"loader": iter(ONE)}, "got the iterator list_iterator, whose batches would be lost"),
        ({"loader": []}, "the loader gave no batch"),
    ],
)
def test_bad_settings_are_named(settings, message):
    model, optimizer = quadratic()
    with pytest.raises(OdysseyError, match=f"lr_find: .*{message}"):
        lr_find(model, optimizer, **{"loader": ONE, "loss_fn": valley, **settings})
    assert optimizer.groups[0]["lr"] == 0.1 and model.weight.item() == 3
