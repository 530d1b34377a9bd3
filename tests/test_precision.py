"""GradScaler: torch's scale step by step, nothing written on overflow, and training with it."""

import math
import os

import numpy as np
import pytest
from test_training_trainer import STEPS, Stop, batches, fit, made, rows, weights

import odyssey as od
from odyssey.data import DataLoader, datasets
from odyssey.errors import DTypeError, FormatError, OdysseyError
from odyssey.training import Trainer, optimizers
from odyssey.training.precision import GradScaler

INF, NAN = math.inf, math.nan


def one_weight(value=(1.0, 2.0)):
    w = od.Parameter(od.tensor(list(value)))
    return w, optimizers.Adam([w], lr=0.1)


def give(parameter, values):
    parameter.grad = od.Tensor(np.array(values, np.float32))


# -- the scale ---------------------------------------------------------------------------------


def sequence(kind, count=60):
    rng = np.random.default_rng(5)
    if kind == "finite":
        return [1.0] * count
    if kind == "infinite":
        return [INF] * count
    return [rng.choice([1.0, 1.0, 1.0, 1.0, INF, -INF, NAN]) for _ in range(count)]


@pytest.mark.parametrize("kind", ["finite", "infinite", "mixed"])
@pytest.mark.parametrize(
    "settings",
    [
        {"growth_interval": 3},
        {"init_scale": 1000.7, "growth_factor": 1.3, "backoff_factor": 0.7, "growth_interval": 2},
        {"init_scale": 2.0**120, "growth_interval": 1},
        {},
    ],
)
def test_scale_and_gradients_are_those_of_torch(kind, settings):
    torch = pytest.importorskip("torch")
    ours, theirs = GradScaler(**settings), torch.amp.GradScaler("cpu", **settings)
    w, optimizer = one_weight()
    v = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    other = torch.optim.Adam([v], lr=0.1)
    for factor in sequence(kind):
        optimizer.zero_grad()
        other.zero_grad()
        ours.scale((w * w * factor).sum()).backward()
        theirs.scale((v * v * factor).sum()).backward()
        ours.unscale_(optimizer)
        theirs.unscale_(other)
        assert np.array_equal(w.grad.data, v.grad.numpy(), equal_nan=True)
        before = v.detach().clone()
        stepped = ours.step(optimizer)
        theirs.step(other)
        assert stepped is bool((before != v).any())
        ours.update()
        theirs.update()
        assert ours.get_scale() == theirs.get_scale()
        assert np.allclose(w.data, v.detach().numpy(), rtol=1e-5)
        w.data[:] = v.detach().numpy()


def test_the_scale_stays_in_its_bounds():
    w, optimizer = one_weight()
    scaler = GradScaler(8.0, growth_interval=1, min_scale=3.0, max_scale=20.0)
    scales = []
    for value in (1.0, 1.0, INF, INF, INF, 1.0):
        give(w, [value, 1.0])
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
    assert scales == [16.0, 20.0, 10.0, 5.0, 3.0, 6.0]


def test_a_float16_loss_is_scaled_in_float32():
    loss = GradScaler(2.0**20).scale(od.Tensor(np.array(2.0, np.float16)))
    assert loss.item() == 2.0**21 and loss.dtype == np.float32


@pytest.mark.parametrize("bad", [INF, -INF, NAN])
def test_overflow_is_skipped_and_nothing_is_written(bad):
    w, optimizer = one_weight()
    scaler = GradScaler()
    for values in ([1.0, 2.0], [bad, 1.0]):
        weights, states = w.data.tobytes(), repr(optimizer.state_dict())
        give(w, values)
        stepped = scaler.step(optimizer)
        scaler.update()
        same = (w.data.tobytes(), repr(optimizer.state_dict())) == (weights, states)
        assert same is not stepped
    assert not stepped and scaler.get_scale() == 32768.0


def test_two_optimizers_share_the_scale_but_not_the_skip():
    (w, first), (v, second) = one_weight(), one_weight()
    scaler = GradScaler()
    give(w, [1.0, 1.0])
    give(v, [INF, 1.0])
    assert (scaler.step(first), scaler.step(second)) == (True, False)
    scaler.update()
    assert scaler.get_scale() == 32768.0


def test_disabled_it_does_nothing():
    w, optimizer = one_weight()
    scaler = GradScaler(enabled=False)
    loss = (w * INF).sum()
    assert scaler.scale(loss) is loss and scaler.get_scale() == 1.0
    give(w, [INF, 1.0])
    scaler.unscale_(optimizer)
    assert scaler.step(optimizer) is True and not np.isfinite(w.data).all()
    scaler.update()
    assert scaler.state_dict() == {}
    scaler.load_state_dict({})


def test_calls_out_of_order_are_refused():
    w, optimizer = one_weight()
    scaler = GradScaler()
    with pytest.raises(OdysseyError, match="update needs a step"):
        scaler.update()
    give(w, [1.0, 1.0])
    scaler.unscale_(optimizer)
    with pytest.raises(OdysseyError, match="unscale_ was called twice before update"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(OdysseyError, match="step was called after step and before update"):
        scaler.step(optimizer)
    with pytest.raises(OdysseyError, match="unscale_ was called after step and before update"):
        scaler.unscale_(optimizer)
    scaler.update()
    scaler.step(optimizer)


def test_float16_gradients_are_refused_before_anything_is_written():
    w, v = od.Parameter(od.ones(2)), od.Parameter(od.Tensor(np.ones(2, np.float16)))
    optimizer = optimizers.SGD([w, v], lr=0.1)
    give(w, [65536.0, 1.0])
    v.grad = od.Tensor(np.ones(2, np.float16))
    with pytest.raises(DTypeError, match="gradients must be float32 or float64, got float16"):
        GradScaler().unscale_(optimizer)
    assert w.grad.tolist() == [65536.0, 1.0]


def test_unscaling_does_not_write_to_who_reads_the_gradient():
    w, optimizer = one_weight()
    give(w, [65536.0, 0.0])
    reader = w.grad.reshape((2, 1))
    GradScaler().unscale_(optimizer)
    assert w.grad.tolist() == [1.0, 0.0] and reader.tolist() == [[65536.0], [0.0]]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"init_scale": 0.0}, "init_scale must lie in .* got 0.0"),
        ({"init_scale": INF}, "init_scale must lie in .* got inf"),
        ({"init_scale": NAN}, "init_scale must lie in .* got nan"),
        ({"growth_factor": 1.0}, "growth_factor must be above 1, got 1.0"),
        ({"backoff_factor": 1.0}, "backoff_factor must be between 0 and 1, got 1.0"),
        ({"growth_interval": 0}, "growth_interval must be a positive integer, got 0"),
        ({"growth_interval": 1.5}, "growth_interval must be a positive integer, got 1.5"),
        ({"min_scale": 0.0}, "min_scale must be at least 2 .. -126, got 0.0"),
        ({"min_scale": 2.0, "max_scale": 1.0}, "max_scale must be between min_scale, 2.0, and"),
        ({"max_scale": 4.0}, "init_scale must lie in .* got 65536.0"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(OdysseyError, match=f"GradScaler: {message}"):
        GradScaler(**settings)


def test_the_state_goes_on_where_it_was():
    first, again = GradScaler(512.0, growth_interval=2), GradScaler(growth_factor=3.0)
    for scaler in (first, again):
        w, optimizer = one_weight()
        if scaler is again:
            again.load_state_dict(first.state_dict())
        give(w, [1.0, 1.0])
        scaler.step(optimizer)
        scaler.update()
    assert again.get_scale() == 1024.0 and first.get_scale() == 512.0


@pytest.mark.parametrize(
    ("change", "message"),
    [({"scale": -1.0}, "init_scale must lie"), ({"growth_factor": 0.5}, "growth_factor must be")],
)
def test_a_bad_state_changes_nothing(change, message):
    scaler = GradScaler()
    before = scaler.state_dict()
    with pytest.raises(FormatError, match=message):
        scaler.load_state_dict({**before, **change})
    with pytest.raises(FormatError, match="the state has no 'scale'"):
        scaler.load_state_dict({})
    assert scaler.state_dict() == before


# -- the trainer -------------------------------------------------------------------------------


def mixed(*args, **settings):
    # So high and so quick to grow that steps are skipped again and again.
    scaler = GradScaler(2.0**22, growth_interval=4)
    return made(*args, autocast="float16", scaler=scaler, **settings)


@pytest.mark.parametrize("step", [1, STEPS, 2 * STEPS + 5])
def test_a_stopped_training_goes_on_exactly(tmp_path, step):
    whole = mixed()
    fit(whole)
    fit(mixed(tmp_path, step))
    again = mixed(tmp_path, seed=77)
    fit(again, resume="last")
    assert weights(again) == weights(whole) and rows(again) == rows(whole)
    assert again.scaler.state_dict() == whole.scaler.state_dict()
    assert again.schedule.state_dict() == whole.schedule.state_dict()


class Note(Stop):
    """Note whether a step was taken, and the rate after it."""

    def __init__(self):
        super().__init__(-1)
        self.stepped, self.rates, self.before = [], [], None

    def on_fit_begin(self, trainer):
        self.before = weights(trainer)

    def on_step_end(self, trainer, loss):
        self.stepped.append(weights(trainer) != self.before)
        self.before = weights(trainer)
        self.rates.append(trainer.optimizer.groups[0]["lr"])


@pytest.mark.parametrize("accumulate", [1, 2])
def test_skipped_steps_count_but_do_not_move_the_schedule(accumulate):
    trainer, note = mixed(clip_norm=1.0, accumulate=accumulate), Note()
    trainer.callbacks.append(note)
    fit(trainer)
    assert 0 < sum(note.stepped) < len(note.stepped) == trainer.step == 3 * STEPS / accumulate
    reference = made()
    rates = [reference.optimizer.groups[0]["lr"]]
    for _ in range(sum(note.stepped)):
        reference.schedule.step()
        rates.append(reference.optimizer.groups[0]["lr"])
    assert note.rates == [rates[count] for count in np.cumsum(note.stepped)]


def test_gradients_are_clipped_by_their_true_norm():
    """The update is that of the unscaled gradient, whatever the scale is."""

    def trained(scaler):
        trainer = made(clip_norm=0.5, scaler=scaler)
        trainer.fit(batches(size=180), epochs=1)
        return trainer.model.state_dict()

    plain, scaled = trained(None), trained(GradScaler(2.0**10))
    assert all(np.array_equal(plain[name], scaled[name]) for name in plain)  # powers of two


def test_the_model_is_measured_as_it_is_trained():
    trainer = made(autocast="float16")
    seen = []
    loss_fn = trainer.loss_fn
    trainer.loss_fn = lambda y, target: (seen.append(y.dtype), loss_fn(y, target))[1]
    loader = batches()
    found = trainer.evaluate(loader)
    assert set(seen) == {np.dtype("float16")} and math.isfinite(found["loss"])
    assert trainer.predict(loader).dtype == np.float32
    assert all(p.dtype == np.float32 for p in trainer.model.parameters())


def test_a_checkpoint_without_a_scaler_is_refused(tmp_path):
    fit(made(tmp_path, 5))
    with pytest.raises(FormatError, match="no part 'scaler'"):
        fit(mixed(tmp_path), resume="last")


def test_bad_autocast_is_refused_at_construction():
    with pytest.raises(DTypeError, match="autocast: dtype must be 'float16', got 'int8'"):
        made(autocast="int8")


# -- MNIST -------------------------------------------------------------------------------------


def accuracy(train, test, seed, epochs, **settings):
    od.manual_seed(seed)
    model = od.models.lenet5()
    optimizer = optimizers.Adam(model.parameters(), lr=1e-3)
    trainer = Trainer(
        model, optimizer, metrics={"accuracy": od.training.metrics.Accuracy()}, **settings
    )
    history = trainer.fit(
        DataLoader(train, 128, shuffle=True, seed=seed), DataLoader(test, 500), epochs=epochs
    )
    return history[-1]["val_accuracy"]


@pytest.mark.slow
@pytest.mark.skipif("ODYSSEY_DATA" not in os.environ, reason="needs MNIST in ODYSSEY_DATA")
def test_lenet5_learns_mnist_as_well_as_in_float32():
    train, test = datasets.MNIST(split="train"), datasets.MNIST(split="test")
    full = accuracy(train, test, 0, 3)
    low = accuracy(train, test, 0, 3, autocast="float16", scaler=GradScaler())
    assert abs(full - low) <= 0.002 and full > 0.98
