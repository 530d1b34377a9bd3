"""TerminateOnNaN names the operation and the layer where the first bad number arose."""

from __future__ import annotations

import math

import numpy as np
import pytest

import odyssey as od
from odyssey import nn
from odyssey.core import mean_squared_error
from odyssey.errors import OdysseyError
from odyssey.training import Trainer, optimizers
from odyssey.training.callbacks import LambdaCallback, TerminateOnNaN


class Through(nn.Module):
    """A layer of one function."""

    def __init__(self, function):
        self.function = function

    def forward(self, x):
        return self.function(x)


def made(model, loss_fn=mean_squared_error, *callbacks, gradients=False, **settings):
    sgd = optimizers.SGD(model.parameters(), lr=0.1)
    nan = TerminateOnNaN(gradients)
    return Trainer(model, sgd, loss_fn, callbacks=[nan, *callbacks], **settings)


def batch(value=1.0):
    return od.full((2, 3), value), od.ones((2, 3))


def row(*layers):
    od.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 3), *layers, nn.Linear(3, 3))


@pytest.mark.parametrize(
    ("function", "operation", "counts"),
    [
        (lambda x: (x * 0.0).log() * 0.0 + x, "log", "0 NaN and 6 infinite of 6"),
        (lambda x: (x * 0.0) / (x * 0.0), "divide", "6 NaN and 0 infinite of 6"),
        (lambda x: (x * x + 100.0).exp(), "exp", "0 NaN and 6 infinite of 6"),
    ],
)
def test_a_forward(function, operation, counts):
    trainer = made(row(nn.Tanh(), Through(function)))
    pattern = (
        rf"TerminateOnNaN: the loss is (nan|inf) at step 1: the first result that is not finite is "
        rf"that of {operation} \(forward\) in layer '2' \(Through\): it has {counts}"
    )
    with pytest.raises(OdysseyError, match=pattern):
        trainer.fit([batch()])


def test_the_innermost_layer_is_named():
    block = nn.Sequential(nn.Tanh(), Through(lambda x: (x * 0.0).log()))
    with pytest.raises(OdysseyError, match=r"log \(forward\) in layer '1.1' \(Through\)"):
        made(row(block)).fit([batch()])


def test_the_loss_itself():
    def loss_fn(scores, target):
        return (scores.sum() * 0.0).log()

    with pytest.raises(OdysseyError, match=r"the loss is -inf at step 1: .* log .* in the loss"):
        made(row(), loss_fn).fit([batch()])


def test_a_batch_and_a_parameter_that_were_bad_before():
    with pytest.raises(OdysseyError, match="part 0 of the batch was not finite before it"):
        made(row()).fit([batch(math.nan)])
    model = row()
    with od.no_grad():
        model[1].weight[0, 1] = math.inf
    with pytest.raises(OdysseyError, match=r"the parameter 1\.weight was not finite before it"):
        made(model).fit([batch()])


def test_a_backward_is_found_if_gradients_are_watched():
    def weird(x):
        return ((x * 0.0 + 1e-30) * 1e-30).sqrt() * 1e25 + x

    found = made(row(Through(weird)), gradients=True)
    pattern = r"the gradient of 0.weight is not finite at step 1: .* \(backward\) in layer '1'"
    with np.errstate(all="ignore"), pytest.raises(OdysseyError, match=pattern):
        found.fit([batch()])


def test_it_stops_before_the_weights_are_spoilt_and_in_the_right_step():
    told = []
    model = row(Through(lambda x: (x.sum() + 1e30).log() * 0.0 + x))
    batches = [batch(), batch(), (od.full((2, 3), 3e38), od.ones((2, 3)))]
    hear = LambdaCallback(on_error=lambda trainer, error: told.append(type(error)))
    trainer = made(model, mean_squared_error, hear)
    with pytest.raises(OdysseyError, match="at step 3: "), np.errstate(all="ignore"):
        trainer.fit(batches)
    assert trainer.step == 2 and told == [OdysseyError]
    assert all(np.isfinite(array).all() for array in model.state_dict().values())
    assert all(module._hooks is None or not module._hooks.before for module in model.modules())


def test_random_numbers_are_drawn_again():
    """What only some masks bring about is found, too."""
    bad = Through(lambda x: x / (x.abs().sum() * 0.0 + (x.data[0, 0] != 0)))
    for seed in range(4):
        trainer = made(row(nn.Dropout(0.5), bad))
        od.manual_seed(seed)
        with pytest.raises(OdysseyError, match=r"in layer '2' \(Through\)"):
            trainer.fit([batch()] * 9)


def test_accumulated_batches_are_all_looked_at():
    trainer = made(row(Through(lambda x: x.log())), accumulate=3)
    with od.no_grad():
        trainer.model[0].weight[...] = np.eye(3, dtype=np.float32)
        trainer.model[0].bias[...] = 0.0
    with pytest.raises(OdysseyError, match=r"at step 1: .* log \(forward\) in layer '1'"):
        trainer.fit([batch(), batch(), batch(-1.0)])


def test_a_sound_training_goes_its_way():
    plain, watched = row(nn.Dropout(0.5)), row(nn.Dropout(0.5))
    for model, callbacks in ((plain, []), (watched, [TerminateOnNaN(gradients=True)])):
        od.manual_seed(3)
        sgd = optimizers.SGD(model.parameters(), lr=0.1)
        Trainer(model, sgd, mean_squared_error, callbacks=callbacks).fit([batch()] * 5)
    for one, other in zip(plain.parameters(), watched.parameters(), strict=True):
        assert one.numpy().tobytes() == other.numpy().tobytes()
