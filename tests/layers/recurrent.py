"""Recurrent layers and cells: samples, bad settings, and PyTorch's."""

import numpy as np

import odyssey as od
from layers import Bad, Layer
from odyssey import nn
from odyssey.errors import OdysseyError, ShapeError

rng = np.random.default_rng(9)
normal = rng.standard_normal

T, N, H, F = 5, 4, 2, 3
LENGTHS = np.array([3, 5, 1, 4])


def states(name, count, shape=(N, H)):
    """Return first states as a layer wants them: one array, or for LSTM two."""
    first = normal((count, *shape)) if count else normal(shape)
    return (first, normal(first.shape)) if name.startswith("LSTM") else first


def packed(batch_first):
    """Return a call of PyTorch's layer on packed sequences."""

    def call(torch, layer, x, first=None):
        rnn = torch.nn.utils.rnn
        lengths = torch.tensor(LENGTHS)
        x = rnn.pack_padded_sequence(x, lengths, batch_first, enforce_sorted=False)
        out, last = layer(x, first)
        return rnn.pad_packed_sequence(out, batch_first, total_length=T)[0], last

    return call


def sample(name, first=False, lengths=False, x=None, **settings):
    batch_first = settings.get("batch_first", False)
    x = normal((N, T, F) if batch_first else (T, N, F)) if x is None else x
    count = settings.get("num_layers", 1) * (1 + settings.get("bidirectional", False))
    return Layer(
        lambda: getattr(nn, name)(F, H, **settings),
        (x, states(name, count)) if first else (x,),
        lambda torch: getattr(torch.nn, name)(F, H, **settings),
        {"lengths": LENGTHS} if lengths else {},
        packed(batch_first) if lengths else None,
        random=settings.get("dropout", 0) > 0,
    )


KINDS, CELLS = ("LSTM", "GRU", "RNN"), ("LSTMCell", "GRUCell", "RNNCell")
LAYERS = [
    layer
    for name in KINDS
    for layer in (
        sample(name),
        sample(name, first=True, bias=False),
        sample(name, first=True, num_layers=2, bidirectional=True, batch_first=True),
        sample(name, lengths=True),
        sample(name, first=True, lengths=True, num_layers=2, bidirectional=True),
        sample(name, lengths=True, bidirectional=True, batch_first=True, bias=False),
        sample(name, num_layers=3, dropout=0.5),
        sample(name, x=normal((1, 1, F))),
    )
]
LAYERS += [
    sample("RNN", first=True, nonlinearity="relu", num_layers=2),
    sample("RNN", first=True, lengths=True, nonlinearity="relu", bidirectional=True),
    Layer(lambda: nn.GRU(F, H), (normal((0, N, F)),)),  # PyTorch refuses a sequence of no steps
]
LAYERS += [
    Layer(
        lambda name=name, settings=settings: getattr(nn, name)(F, H, **settings),
        (normal((N, F)), states(name, 0)) if first else (normal((N, F)),),
        lambda torch, name=name, settings=settings: getattr(torch.nn, name)(F, H, **settings),
    )
    for name in CELLS
    for first, settings in ((False, {}), (True, {"bias": False}), (True, {}))
]
LAYERS += [
    Layer(
        lambda: nn.RNNCell(F, H, nonlinearity="relu"),
        (normal((N, F)), normal((N, H))),
        lambda torch: torch.nn.RNNCell(F, H, nonlinearity="relu"),
    )
]

BAD = [
    *[
        Bad(
            lambda name=name, n=n: getattr(nn, name)(*n),
            ShapeError,
            f"^{name}: (input|hidden)_size must be a positive integer",
        )
        for name in KINDS + CELLS
        for n in ((0, 1), (1, -1), (2.5, 1))
    ],
    *[
        Bad(
            lambda name=name, settings=settings: getattr(nn, name)(F, H, **settings),
            error,
            f"^{name}: {message}",
        )
        for name in KINDS
        for settings, error, message in (
            ({"num_layers": 0}, ShapeError, "num_layers must be a positive integer, got 0"),
            ({"num_layers": 2, "dropout": 1.5}, OdysseyError, "p, the probability to drop"),
            ({"dropout": 0.5}, OdysseyError, "dropout=0.5 acts between layers"),
        )
    ],
    *[
        Bad(
            lambda layer=layer: layer(F, H, forget_bias="one"),
            OdysseyError,
            f"{layer.__name__}: forget_bias must be a number or None, got 'one'",
        )
        for layer in (nn.LSTM, nn.LSTMCell)
    ],
    Bad(
        lambda: nn.LSTM(F, H, bias=False, forget_bias=1.0),
        OdysseyError,
        "LSTM: forget_bias=1.0 needs bias=True",
    ),
    *[
        Bad(
            lambda layer=layer: layer(F, H, nonlinearity="elu"),
            OdysseyError,
            f"{layer.__name__}: nonlinearity must be 'tanh' or 'relu', got 'elu'",
        )
        for layer in (nn.RNN, nn.RNNCell)
    ],
    Bad(lambda: nn.GRU(F, H)(od.ones((T, F))), ShapeError, r"GRU: x has shape .* \(T, N, I\)"),
    Bad(
        lambda: nn.GRU(F, H, batch_first=True)(od.ones((T, F))),
        ShapeError,
        r"GRU: x has shape .* expected \(N, T, I\)",
    ),
    Bad(
        lambda: nn.LSTM(F, H)(od.ones((T, N, F)), (od.ones((1, N, H)), od.ones((1, 1, H)))),
        ShapeError,
        r"LSTM: a state has shape \(1, 1, 2\); expected \(1, 4, 2\)",
    ),
    Bad(lambda: nn.GRUCell(F, H)(od.ones(F)), ShapeError, r"GRUCell: x has shape \(3,\); expected"),
]
