"""Averages of weights: PyTorch's and the papers' numbers, exact resumes, models left alone."""

from __future__ import annotations

import numpy as np
import pytest

import odyssey as od
from odyssey import core, nn
from odyssey.data import DataLoader, datasets
from odyssey.errors import FormatError, OdysseyError
from odyssey.training import Trainer, load_checkpoint, optimizers, save_checkpoint, schedulers
from odyssey.training.averaging import EMA, SWA, Lookahead, update_batch_norm
from odyssey.training.callbacks import Callback, ModelCheckpoint


class BatchNorm(nn.Module):
    """Batch normalisation of features, in PyTorch's terms."""

    def __init__(self, features, dtype):
        self.momentum = 0.1
        self.weight = nn.Parameter(np.ones(features, dtype))
        self.bias = nn.Parameter(np.zeros(features, dtype))
        self.running_mean = nn.Buffer(np.zeros(features, dtype))
        self.running_var = nn.Buffer(np.ones(features, dtype))
        self.num_batches_tracked = nn.Buffer(np.zeros((), np.int64))

    def forward(self, x):
        self.num_batches_tracked[...] = int(self.num_batches_tracked) + self.training
        share = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        moments = self.running_mean, self.running_var
        out, *new = core.batch_norm(x, *moments, self.weight, self.bias, self.training, share)
        if self.training:
            for buffer, value in zip(moments, new, strict=True):
                buffer[...] = value.data
        return out


def made(dtype="float64", seed=3):
    od.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 5), BatchNorm(5, dtype), nn.Dropout(0.3), nn.Linear(5, 2)).to(
        dtype
    )


def twin(torch, model):
    """Return PyTorch's model with the same weights, without its dropout."""
    layers = torch.nn
    other = layers.Sequential(
        layers.Linear(4, 5), layers.BatchNorm1d(5), layers.Identity(), layers.Linear(5, 2)
    ).double()
    other.load_state_dict({k: torch.tensor(v) for k, v in model.state_dict().items()})
    model[2].p = 0.0
    return other


def move(model, rng):
    """Let a model come to other weights and moments."""
    for array in model.state_dict().values():
        array[...] = array + 1 if array.dtype.kind == "i" else rng.normal(0, 1, array.shape)


def contents(model):
    return {name: array.tobytes() for name, array in model.state_dict().items()}


def batches(n=3, dtype="float64"):
    rng = np.random.default_rng(5)
    return [
        (od.tensor(rng.normal(1, 2, (7, 4)).astype(dtype)), od.tensor(np.zeros(7, np.int64)))
        for _ in range(n)
    ]


AVERAGES = {
    "EMA": lambda model: EMA(model, 0.9),
    "EMA with warmup": lambda model: EMA(model, 0.9, warmup=True),
    "SWA": SWA,
}
each = pytest.mark.parametrize("average", AVERAGES.values(), ids=AVERAGES)


# -- the numbers -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["EMA", "SWA"])
def test_averages_are_torchs(kind):
    torch = pytest.importorskip("torch")
    utils = torch.optim.swa_utils
    model, rng = made(), np.random.default_rng(0)
    other = twin(torch, model)
    own = EMA(model, 0.93) if kind == "EMA" else SWA(model)
    function = utils.get_ema_multi_avg_fn(0.93) if kind == "EMA" else None
    theirs = utils.AveragedModel(other, multi_avg_fn=function, use_buffers=True)
    if kind == "EMA":
        theirs.update_parameters(other)  # its first update copies: ours begins with these weights
    for _ in range(20):
        move(model, rng)
        other.load_state_dict({k: torch.tensor(v) for k, v in model.state_dict().items()})
        own.update()
        theirs.update_parameters(other)
    expected = theirs.module.state_dict()
    assert own.averages.keys() == expected.keys() - {"1.num_batches_tracked"}
    for name, array in own.averages.items():
        np.testing.assert_allclose(array, expected[name].numpy(), rtol=0, atol=1e-9)
    with own.applied():
        assert model[1].num_batches_tracked.item() == 20  # integers are the model's own
        for name, array in own.averages.items():
            assert model.state_dict()[name].tobytes() == array.tobytes()


def test_warmup_forgets_the_first_weights():
    model, rng = nn.Linear(3, 2).to("float64"), np.random.default_rng(0)
    ema, expected = EMA(model, 0.8, warmup=True), model.weight.numpy().copy()
    for t in range(1, 40):
        move(model, rng)
        ema.update()
        decay = min(0.8, (1 + t) / (10 + t))
        expected = decay * expected + (1 - decay) * model.weight.numpy()
        np.testing.assert_allclose(ema.averages["weight"], expected, rtol=0, atol=1e-12)


def test_the_average_of_one_is_itself():
    model = nn.Linear(3, 2)
    swa = SWA(model)
    model.weight.data[...] = [[1e-20, 1, 3e7]] * 2
    swa.update()
    assert swa.averages["weight"].tobytes() == model.weight.numpy().tobytes()


def test_half_precision_is_averaged_in_single():
    """In float16 steps of a thousandth are lost: 1 + 0.001 * 0.1 is 1."""
    model = nn.Linear(1, 1, bias=False).to("float16")
    model.weight.data[...] = 1
    ema = EMA(model, 0.999)
    model.weight.data[...] = 1.1
    for _ in range(1000):
        ema.update()
    expected = 1 + (float(np.float16(1.1)) - 1) * (1 - 0.999**1000)
    assert ema.averages["weight"].item() == pytest.approx(expected, rel=1e-5)
    with ema.applied():
        assert model.weight.dtype == np.float16
        assert model.weight.item() == pytest.approx(expected, rel=1e-3)


# -- the model stays as it was -----------------------------------------------------------------


@each
@pytest.mark.parametrize("fails", [False, True])
def test_applied_leaves_the_model_as_it_was(average, fails):
    model, rng = made("float32"), np.random.default_rng(0)
    own, tensors = average(model), list(model.parameters())
    move(model, rng)
    own.update()
    move(model, rng)
    model.state_dict()["0.weight"][0, :2] = np.nan, -0.0
    before, averages = contents(model), {k: v.copy() for k, v in own.averages.items()}
    gradient = od.tensor(np.ones((5, 4), np.float32))
    model[0].weight.grad = gradient

    def use():
        with own.applied():
            assert model[0].weight.numpy().tobytes() == averages["0.weight"].tobytes()
            model(batches(1, "float32")[0][0])  # the moments move
            if fails:
                raise RuntimeError("in the block")

    if fails:
        with pytest.raises(RuntimeError, match="in the block"):
            use()
    else:
        use()
    assert contents(model) == before and model[0].weight.grad is gradient
    assert all(a is b for a, b in zip(model.parameters(), tensors, strict=True))
    assert {k: v.tobytes() for k, v in own.averages.items()} == {
        k: v.tobytes() for k, v in averages.items()
    }
    own.update()  # and again usable


class Evaluating(Callback):
    """Average along a training, and look at the averages on the way."""

    def __init__(self, average, look):
        self.average, self.look, self.losses = average, look, []

    def on_step_end(self, trainer, loss):
        self.average.update()
        if self.look:
            with self.average.applied():
                self.losses.append(trainer.evaluate(trainer.validation)["loss"])


@each
def test_a_training_does_not_notice(average):
    trainers = []
    for look in (False, True):
        od.manual_seed(2)
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
        optimizer = optimizers.Adam(model.parameters(), lr=0.01)
        watching = Evaluating(average(model), look)
        trainers.append(Trainer(model, optimizer, callbacks=[watching]))
        digits = datasets.Digits("test")
        trainers[-1].fit(DataLoader(digits, 60, shuffle=True), DataLoader(digits, 360), 2)
    assert contents(trainers[0].model) == contents(trainers[1].model)
    losses = watching.losses
    assert len(losses) == 12 and losses[-1] < losses[0]


@each
def test_what_makes_no_sense_while_applied_is_said(average):
    own = average(nn.Linear(2, 2))
    for method in ("update", "apply"):
        with own.applied(), pytest.raises(OdysseyError, match=rf"{method} inside of applied\(\)"):
            getattr(own, method)()
    with own.applied(), pytest.raises(OdysseyError, match="applied inside of"), own.applied():
        pass


# -- resume ------------------------------------------------------------------------------------


@each
@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_averages_go_on_bit_by_bit(average, dtype, tmp_path):
    states = []
    for stop in (None, 7):
        model, rng = made(dtype), np.random.default_rng(1)
        own = average(model)
        for t in range(15):
            if t == stop:
                save_checkpoint(tmp_path / "saved", {"average": own.state_dict()})
                move(own.model, np.random.default_rng(99))
                own = average(model)
                own.load_state_dict(load_checkpoint(tmp_path / "saved").parts["average"])
            move(model, rng)
            own.update()
        states.append((own.count, {k: v.tobytes() for k, v in own.averages.items()}))
    assert states[0] == states[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: {"count": 1}, r"the state has \['count'\], not count and averages"),
        (lambda s: s | {"averages": {}}, "'weight' is missing in the state"),
        (lambda s: s | {"averages": s["averages"] | {"w": 1}}, "'w' is only in the state"),
        (
            lambda s: s | {"averages": s["averages"] | {"bias": np.ones(3)}},
            r"bias: expected shape \(2,\), got \(3,\)",
        ),
    ],
)
def test_a_state_of_another_model_is_refused(change, message):
    own = SWA(nn.Linear(2, 2))
    state = SWA(nn.Linear(2, 2))
    state.update()
    before = {k: v.tobytes() for k, v in own.averages.items()}
    with pytest.raises(FormatError, match=message):
        own.load_state_dict(change(state.state_dict()))
    assert own.count == 0 and {k: v.tobytes() for k, v in own.averages.items()} == before


@pytest.mark.parametrize("decay", [1.0, -0.1, float("nan")])
def test_a_decay_out_of_range_is_refused(decay):
    with pytest.raises(OdysseyError, match=r"EMA: decay must lie in \[0, 1\), got"):
        EMA(nn.Linear(1, 1), decay)


def test_a_model_without_weights_is_refused():
    with pytest.raises(OdysseyError, match="SWA: the model has no floating-point weights"):
        SWA(nn.ReLU())


# -- update_batch_norm -------------------------------------------------------------------------


def test_moments_are_torchs():
    torch = pytest.importorskip("torch")
    model = made()
    move(model, np.random.default_rng(0))
    other = twin(torch, model)
    model.eval()
    model[3].train()
    update_batch_norm(model, batches())
    torch.optim.swa_utils.update_bn([torch.tensor(x.numpy()) for x, _ in batches()], other)
    for name, array in model.state_dict().items():
        np.testing.assert_allclose(
            array, other.state_dict()[name].numpy(), rtol=0, atol=1e-9, err_msg=name
        )
    assert model[1].momentum == 0.1
    assert [layer.training for layer in model] == [False, False, False, True]
    assert all(p.grad is None for p in model.parameters())


def fails():
    yield batches()[0]
    raise RuntimeError("no more")


@pytest.mark.parametrize(
    ("loader", "error"),
    [(fails(), "no more"), ([], "update_batch_norm: the loader gave no batch")],
    ids=["raises", "empty"],
)
def test_moments_stay_if_they_cannot_be_measured(loader, error):
    model = made().eval()
    move(model, np.random.default_rng(0))
    before = contents(model)
    with pytest.raises((RuntimeError, OdysseyError), match=error):
        update_batch_norm(model, loader)
    assert contents(model) == before and model[1].momentum == 0.1 and not model[1].training


def test_a_model_without_moments_is_left_alone():
    update_batch_norm(nn.Linear(2, 2), fails())


# -- Lookahead ---------------------------------------------------------------------------------

INNER = {
    "SGD": lambda params: optimizers.SGD(params, lr=0.1, momentum=0.9),
    "AdamW": lambda params: optimizers.AdamW(params, lr=0.05),
}
inner = pytest.mark.parametrize("make", INNER.values(), ids=INNER)


@inner
@pytest.mark.parametrize(("k", "alpha"), [(5, 0.5), (1, 0.3), (3, 1.0)])
def test_lookahead_is_the_papers(make, k, alpha):
    rng = np.random.default_rng(0)
    p, q = (od.Parameter(np.array([1.0, -2.0, 3.0])) for _ in range(2))
    own, fast, slow = Lookahead(make([p]), k, alpha), make([q]), q.numpy().copy()
    for t in range(1, 51):
        gradient = rng.normal(0, 1, 3)
        p.grad, q.grad = (od.tensor(gradient) for _ in range(2))
        own.step()
        fast.step()
        if t % k == 0:
            slow = slow + alpha * (q.numpy() - slow)
            q.data[...] = slow
        np.testing.assert_allclose(p.numpy(), q.numpy(), rtol=0, atol=1e-12)


def test_slow_weights_begin_at_the_first_step():
    """Not when the optimizer is made: weights are often loaded later."""
    p = od.Parameter(np.array([0.0]))
    own = Lookahead(optimizers.SGD([p], lr=1.0), k=1, alpha=0.5)
    p.data[...] = 10
    p.grad = od.tensor(np.array([2.0]))
    own.step()
    assert p.item() == 9


def test_a_schedule_of_lookahead_is_one_of_what_it_wraps():
    wrapped = optimizers.SGD([od.Parameter(od.ones(1))], lr=0.8)
    schedule = schedulers.StepLR(Lookahead(wrapped), 1, 0.5)
    assert schedule.curve(3).tolist() == [0.8, 0.4, 0.2]
    schedule.step()
    assert wrapped.groups[0]["lr"] == 0.4


@inner
@pytest.mark.parametrize("stop", [1, 3, 5, 7])
def test_a_training_with_lookahead_goes_on_exactly(make, stop, tmp_path):
    class Stop(Callback):
        def on_step_end(self, trainer, loss):
            if trainer.step == stop:
                trainer.stop("enough")

    def trainer(*callbacks):
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
        return Trainer(model, Lookahead(make(model.parameters()), 3), callbacks=callbacks)

    def fit(one, **settings):
        one.fit(DataLoader(datasets.Digits("test"), 60, shuffle=True), epochs=2, **settings)
        return contents(one.model)

    od.manual_seed(4)
    whole = fit(trainer())
    od.manual_seed(4)
    fit(trainer(ModelCheckpoint(tmp_path), Stop()))
    again = trainer(ModelCheckpoint(tmp_path))
    assert fit(again, resume="last") == whole
    assert again.optimizer.count == 12


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k": 0}, "k must be a positive integer, got 0"),
        ({"k": 2.5}, "k must be a positive integer, got 2.5"),
        ({"alpha": 0}, r"alpha must lie in \(0, 1\], got 0"),
        ({"alpha": 1.5}, r"alpha must lie in \(0, 1\], got 1.5"),
        ({"optimizer": 3}, "optimizer must be an Optimizer, got int"),
    ],
)
def test_bad_settings_of_lookahead_are_named(settings, message):
    with pytest.raises(OdysseyError, match=f"Lookahead: {message}"):
        Lookahead(**{"optimizer": optimizers.SGD([od.Parameter(od.ones(1))]), **settings})


def test_a_state_that_is_not_lookaheads_is_refused():
    p, q = od.Parameter(od.ones(2)), od.Parameter(od.ones(3))
    own, other = Lookahead(optimizers.SGD([p])), Lookahead(optimizers.SGD([q]))
    q.grad = od.ones(3)
    other.step()
    with pytest.raises(FormatError, match="Lookahead: the state is of the optimizer SGD"):
        own.load_state_dict(own.optimizer.state_dict())
    with pytest.raises(FormatError, match=r"slow weights of the shapes \[\(3,\)\], .* \[\(2,\)\]"):
        own.load_state_dict(other.state_dict())
