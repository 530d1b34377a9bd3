"""Recurrent layers, cells and sequences: what no comparison with PyTorch's layers shows."""

import numpy as np
import pytest

import odyssey as od
from odyssey import core, nn
from odyssey.errors import RangeError, ShapeError
from odyssey.testing import gradcheck
from odyssey.training.optimizers import Adam

normal = np.random.default_rng(3).standard_normal


def weights(gates, features, H):
    shapes = ((gates * H, features), (gates * H, H), (gates * H,), (gates * H,))
    return [od.tensor(0.5 * normal(shape)) for shape in shapes]


# -- first values ------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, nn.RNN, nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_first_values_are_uniform_and_come_from_rng(layer):
    one, other = (layer(40, 25, rng=np.random.default_rng(5)) for _ in range(2))
    for mine, theirs in zip(one.parameters(), other.parameters(), strict=True):
        values = mine.numpy()
        assert np.array_equal(values, theirs.numpy())
        assert 0.18 < np.abs(values).max() <= 0.2 and abs(values.mean()) < 0.06


@pytest.mark.parametrize("layer", [nn.LSTM, nn.LSTMCell])
def test_forget_bias_is_added_to_the_forget_gate_once(layer):
    plain, remembering = (
        layer(3, 4, forget_bias=forget, rng=np.random.default_rng(1)) for forget in (None, 2.0)
    )
    for (name, mine), theirs in zip(
        plain.named_parameters(), remembering.parameters(), strict=True
    ):
        added = np.zeros(mine.shape, np.float32)
        if name.startswith("bias_ih"):
            added[4:8] = 2
        assert np.allclose(theirs.numpy() - mine.numpy(), added, atol=1e-6), name


@pytest.mark.parametrize(("layer", "gates"), [(nn.LSTM, 4), (nn.GRU, 3), (nn.RNN, 1)])
def test_orthogonal_is_every_gate_of_every_layer(layer, gates):
    made = layer(3, 6, num_layers=2, bidirectional=True, orthogonal=True, dtype="float64")
    recurrent = {n: p for n, p in made.named_parameters() if n.startswith("weight_hh")}
    assert len(recurrent) == 4
    for weight in recurrent.values():
        for block in np.split(weight.numpy(), gates):
            assert np.allclose(block @ block.T, np.eye(6))


# -- cells and lengths ---------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["fast", "reference"])
def test_cells_one_after_the_other_are_the_layer(backend):
    x, h0, c0 = od.tensor(normal((4, 3, 2))), od.tensor(normal((3, 5))), od.tensor(normal((3, 5)))
    with od.use_backend(backend):
        w = weights(4, 2, 5)
        out, h, c = core.lstm(x, h0, c0, *w)
        one, cell = h0, c0
        for t in range(4):
            one, cell = core.lstm_cell(x[t], one, cell, *w)
            assert np.allclose(one.numpy(), out.numpy()[t])
        assert np.allclose(one.numpy(), h.numpy()) and np.allclose(cell.numpy(), c.numpy())
        w = weights(3, 2, 5)
        out, h = core.gru(x, h0, *w)
        one = h0
        for t in range(4):
            one = core.gru_cell(x[t], one, *w)
        assert np.allclose(one.numpy(), h.numpy())
        for nonlinearity in ("tanh", "relu"):
            w = weights(1, 2, 5)
            out, h = core.rnn(x, h0, *w, nonlinearity=nonlinearity)
            one = h0
            for t in range(4):
                one = core.rnn_cell(x[t], one, *w, nonlinearity=nonlinearity)
            assert np.allclose(one.numpy(), h.numpy())


def test_cells_have_gradients_and_refuse_sequences():
    w = [p.data for p in weights(4, 2, 3)]
    gradcheck(core.lstm_cell, [normal((2, 2)), normal((2, 3)), normal((2, 3)), *w])
    w = [p.data for p in weights(3, 2, 3)]
    gradcheck(core.gru_cell, [normal((2, 2)), normal((2, 3)), *w])
    w = [p.data for p in weights(1, 2, 3)]
    gradcheck(core.rnn_cell, [normal((2, 2)), normal((2, 3)), *w])
    for cell, states in ((core.lstm_cell, 2), (core.gru_cell, 1), (core.rnn_cell, 1)):
        with pytest.raises(ShapeError, match=rf"{cell.__name__}: x has shape \(2, 2, 2\)"):
            cell(normal((2, 2, 2)), *[normal((2, 3))] * states, *w)


def test_without_gradients_nothing_is_kept_for_backward():
    x, h = normal((4, 3, 2)), normal((3, 5))
    w = [p.data for p in weights(4, 2, 5)]
    for grad in (True, False):
        with od.enable_grad() if grad else od.no_grad():
            _, saved = core.lstm.with_saved(x, h, h, *w)
            assert (saved.gates is not None) == grad
    with od.no_grad():
        quiet = core.lstm(x, h, h, *w)
    for one, other in zip(quiet, core.lstm(x, h, h, *w), strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("make", [nn.LSTM, nn.GRU, nn.RNN])
def test_what_stands_after_the_end_changes_nothing(make):
    layer = make(2, 3, bidirectional=True, dtype="float64")
    lengths = [4, 2, 0]
    x = normal((4, 3, 2))
    results = []
    for filler in (0.0, 7.0):
        for n, length in enumerate(lengths):
            x[length:, n] = filler
        own = od.tensor(x, requires_grad=True)
        out, _ = layer(own, lengths=lengths)
        layer.zero_grad()
        (out * out).sum().backward()
        results.append(
            [out.numpy(), own.grad.numpy(), *(p.grad.numpy() for p in layer.parameters())]
        )
    for one, other in zip(*results, strict=True):
        assert np.allclose(one, other, rtol=0, atol=1e-12)
    out, grad, *_ = results[0]
    for n, length in enumerate(lengths):
        assert not out[length:, n].any() and not grad[length:, n].any()


# -- sequences -----------------------------------------------------------------------------------


def test_pad_sequence_is_pytorchs():
    torch = pytest.importorskip("torch")
    arrays = [normal((n, 2, 3)) for n in (3, 0, 5, 1)]
    for batch_first in (False, True):
        padded, lengths = nn.pad_sequence([*map(od.tensor, arrays)], batch_first, -1.5)
        theirs = torch.nn.utils.rnn.pad_sequence([*map(torch.tensor, arrays)], batch_first, -1.5)
        assert np.array_equal(padded.numpy(), theirs.numpy())
        assert lengths.dtype == np.int64 and lengths.numpy().tolist() == [3, 0, 5, 1]
        parts = nn.unpad_sequence(padded, lengths, batch_first)
        for one, other in zip(parts, arrays, strict=True):
            assert np.array_equal(one.numpy(), other)


def test_sequences_have_gradients():
    arrays = [normal((n, 2)) for n in (2, 3)]
    gradcheck(lambda *xs: nn.pad_sequence(xs)[0], arrays)
    gradcheck(lambda x: nn.unpad_sequence(x, [1, 3])[1], [normal((3, 2, 2))])


def test_sequences_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="pad_sequence: there must be at least one"):
        nn.pad_sequence([])
    with pytest.raises(ShapeError, match=r"sequence 1 has shape \(2, 4\), which does not fit"):
        nn.pad_sequence([od.ones((2, 3)), od.ones((2, 4))])
    with pytest.raises(ShapeError, match=r"unpad_sequence: padded has shape \(3,\)"):
        nn.unpad_sequence(od.ones(3), [3])
    with pytest.raises(ShapeError, match="lengths must be 2 integers, got float64"):
        nn.unpad_sequence(od.ones((3, 2)), [1.5, 2.0])
    with pytest.raises(RangeError, match="lengths reach from 1 to 4 but there are 3 steps"):
        nn.unpad_sequence(od.ones((3, 2)), [1, 4])


# -- learning --------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [nn.LSTM, nn.GRU, nn.RNN])
def test_a_layer_learns_to_remember(make):
    """The first of ten random signs, asked for at the end."""
    rng = np.random.default_rng(0)
    od.manual_seed(0)
    layer, head = make(1, 12, orthogonal=True), nn.Linear(12, 1)
    parameters = [*layer.parameters(), *head.parameters()]
    optimizer = Adam(parameters, lr=0.02)
    for _ in range(150):
        x = rng.choice([-1.0, 1.0], (10, 32, 1)).astype(np.float32)
        out, _ = layer(od.tensor(x))
        loss = ((head(out[-1]) - od.tensor(x[0])) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
