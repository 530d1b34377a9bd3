"""The functional loops: right means, modes put back, a signal as the end of an epoch."""

from __future__ import annotations

import math
import signal
import threading

import numpy as np
import pytest

import odyssey as od
from odyssey import nn
from odyssey.data import DataLoader, TensorDataset
from odyssey.training import evaluate, optimizers, train_one_epoch
from odyssey.training.interrupt import StopOnSignal


class Fixed(nn.Module):
    """Scores that are its input, times a weight of 1, and a note of the modes that it was in."""

    def __init__(self):
        self.weight = nn.Parameter(od.ones(1))
        self.modes = []

    def forward(self, x):
        self.modes.append((self.training, od.is_grad_enabled()))
        return x * self.weight


def data(n=5):
    scores = np.array([[3, 0], [3, 0], [0, 3], [0, 3], [3, 0]], np.float32)[:n]
    return TensorDataset(scores, np.array([0, 1, 1, 0, 0])[:n])


def loader(n=5, batch_size=2):
    return DataLoader(data(n), batch_size)


def test_the_means_count_examples_not_batches():
    metrics = evaluate(Fixed(), loader())
    right, wrong = math.log1p(math.exp(-3)), math.log1p(math.exp(3))
    assert metrics["accuracy"] == 0.6
    assert metrics["loss"] == pytest.approx((3 * right + 2 * wrong) / 5, rel=1e-6)


def test_evaluate_records_nothing_and_puts_every_mode_back():
    frozen, model = Fixed().eval(), nn.Sequential(Fixed())
    model.frozen = frozen
    inner = next(model.children())
    evaluate(model, loader())
    assert set(inner.modes) == {(False, False)}
    assert model.training and inner.training and not frozen.training
    with pytest.raises(RuntimeError, match="broken"):
        evaluate(
            model, loader(), lambda scores, target: (_ for _ in ()).throw(RuntimeError("broken"))
        )
    assert model.training and inner.training and not frozen.training


def test_training_takes_a_step_for_each_batch_and_tells_each_loss():
    model, losses = Fixed().eval(), []
    optimizer = optimizers.SGD(model.parameters(), lr=0.1)
    metrics = train_one_epoch(model, loader(), optimizer, on_step=losses.append)
    assert set(model.modes) == {(True, True)} and model.training
    assert len(losses) == 3 and all(isinstance(loss, float) for loss in losses)
    assert metrics["loss"] == pytest.approx((2 * losses[0] + 2 * losses[1] + losses[2]) / 5)
    assert metrics["accuracy"] == 0.6
    assert model.weight.item() != 1


def test_gradients_do_not_add_up_over_steps():
    model = Fixed()
    train_one_epoch(model, loader(4), optimizers.SGD(model.parameters(), lr=0.0))
    both = model.weight.grad.item()
    train_one_epoch(model, loader(4), optimizers.SGD(model.parameters(), lr=0.0))
    assert model.weight.grad.item() == both


def test_a_loss_of_ones_own_without_classes():
    model = Fixed()
    pairs = DataLoader(TensorDataset(np.ones((3, 2), np.float32), np.zeros((3, 2), np.float32)))
    metrics = evaluate(model, pairs, lambda scores, target: ((scores - target) ** 2).mean())
    assert metrics == {"loss": 1.0}


def test_no_examples_give_nan():
    model = Fixed()
    for metrics in (
        evaluate(model, []),
        train_one_epoch(model, [], optimizers.SGD(model.parameters())),
        evaluate(model, loader(0)),
    ):
        assert math.isnan(metrics["loss"]) and math.isnan(metrics["accuracy"])


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_noted_and_the_second_acts(signum):
    hits = []
    before = signal.signal(signum, lambda *args: hits.append(args))
    try:
        with StopOnSignal() as stop:
            seen = []
            for i in stop.until(range(10)):
                seen.append(i)
                if i == 3:
                    signal.raise_signal(signum)
            assert seen == [0, 1, 2, 3] and stop.signum == signum and not hits
            assert list(stop.until(range(3))) == []
            signal.raise_signal(signum)
            assert len(hits) == 1
        signal.raise_signal(signum)
        assert len(hits) == 2
    finally:
        signal.signal(signum, before)


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with StopOnSignal() as stop:
            signal.raise_signal(signal.SIGINT)
            assert stop.signum is None
    finally:
        signal.signal(signal.SIGINT, before)


def test_signals_are_left_alone_in_other_threads():
    found = []

    def work():
        with StopOnSignal() as stop:
            found.extend(stop.until(range(3)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [0, 1, 2]
