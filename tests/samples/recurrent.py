"""Recurrent layers: samples, bad input, and what PyTorch has of them."""

import formulas_recurrent
import numpy as np

from odyssey.errors import DTypeError, OdysseyError, RangeError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import choice, draws

rng, normal, positive = draws(__name__)


def added(bias_ih, bias_hh, n):
    return sum((b for b in (bias_ih, bias_hh) if b is not None), np.zeros(n))


def lstm(x, h0, c0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None, reverse=False):
    a = x @ weight_ih.T + added(bias_ih, bias_hh, len(weight_hh))
    return formulas_recurrent.lstm(a, weight_hh, h0, c0, lengths, reverse)[:3]


def gru(x, h0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None, reverse=False):
    bias = np.zeros(len(weight_hh)) if bias_hh is None else bias_hh
    gates, new = np.split(bias, [2 * weight_hh.shape[1]])
    a = x @ weight_ih.T + added(bias_ih, np.append(gates, 0 * new), len(weight_hh))
    return formulas_recurrent.gru(a, weight_hh, new, h0, lengths, reverse)[:2]


def rnn(
    x, h0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None, reverse=False,
    nonlinearity="tanh",
):  # fmt: skip
    a = x @ weight_ih.T + added(bias_ih, bias_hh, len(weight_hh))
    return formulas_recurrent.rnn(a, weight_hh, h0, lengths, reverse, nonlinearity)


KINDS = {"lstm": (4, 2, lstm), "gru": (3, 1, gru), "rnn": (1, 1, rnn)}


def arguments(name, T, N, features, H, biases=2):
    gates, states, _ = KINDS[name]
    return (
        normal(T, N, features),
        *(normal(N, H) for _ in range(states)),
        *(rng.uniform(-0.7, 0.7, (gates * H, n)) for n in (features, H)),  # saturates nothing
        *(normal(gates * H) for _ in range(biases)),
    )


def samples_of(name):
    some = np.array([2, 0, 3])
    for sizes, biases, settings in (
        ((1, 1, 1, 1), 0, {}),
        ((3, 2, 3, 2), 2, {}),
        ((3, 2, 1, 3), 1, {"reverse": True}),
        ((3, 3, 2, 2), 2, {"lengths": some}),
        ((3, 3, 2, 2), 0, {"lengths": some, "reverse": True}),
        ((0, 2, 2, 3), 2, {}),
        ((2, 0, 2, 3), 2, {"reverse": True}),
    ):
        terms = (sizes[0] + 1) * (sizes[2] + sizes[3])
        args = arguments(name, *sizes, biases)
        yield Sample(name, args, KINDS[name][2], settings, terms)


SAMPLES = [sample for name in KINDS for sample in samples_of(name)]
SAMPLES += [
    Sample("rnn", arguments("rnn", 3, 2, 3, 2), rnn, {"nonlinearity": "relu", **settings}, 20)
    for settings in ({}, {"reverse": True, "lengths": np.array([3, 1])})
]

F = np.float32
x, h = np.ones((4, 2, 5), F), np.ones((2, 3), F)
ih, hh, b = np.ones((12, 5), F), np.ones((12, 3), F), np.ones(12, F)

BAD = [
    Bad("lstm", (x[0], h, h, ih, hh), {}, ShapeError, r"lstm: x has shape \(2, 5\); expected \(T"),
    Bad(
        "lstm",
        (x, h, h, ih, hh[:9]),
        {},
        ShapeError,
        r"weight_hh has shape \(9, 3\); expected \(4H",
    ),
    Bad(
        "lstm",
        (x, h, h, ih[:9], hh),
        {},
        ShapeError,
        r"weight_ih has shape \(9, 5\); expected \(12",
    ),
    Bad("lstm", (x, h, h[:1], ih, hh), {}, ShapeError, r"c0 has shape \(1, 3\); expected \(2, 3\)"),
    Bad(
        "lstm", (x, h, h, ih, hh, b, b[1:]), {}, ShapeError, r"bias_hh has shape \(11,\); expected"
    ),
    Bad("lstm", (x, h, h.astype(float), ih, hh), {}, DTypeError, "must share one dtype"),
    Bad(
        "lstm",
        (x, h, h, ih, hh),
        {"lengths": np.array([4, 5])},
        RangeError,
        "lstm: lengths reach from 4 to 5 but there are 4 steps",
    ),
    Bad("lstm", (x, h, h, ih, hh), {"lengths": h[:, 0]}, DTypeError, "lengths has dtype float32"),
    Bad("gru", (x, h, ih[:9], hh), {}, ShapeError, r"weight_hh has shape \(12, 3\); expected \(3H"),
    Bad(
        "gru", (x, h, ih[:9], hh[:9], b), {}, ShapeError, r"bias_ih has shape \(12,\); expected \(9"
    ),
    Bad(
        "gru",
        (x, h, ih[:9], hh[:9]),
        {"lengths": np.array([1])},
        ShapeError,
        r"gru: lengths has shape \(1,\); expected \(2,\)",
    ),
    Bad(
        "rnn", (x, h[0], ih[:3], hh[:3]), {}, ShapeError, r"h0 has shape \(3,\); expected \(2, 3\)"
    ),
    Bad(
        "rnn",
        (x, h, ih[:3], hh[:3]),
        {"nonlinearity": "elu"},
        OdysseyError,
        "rnn: nonlinearity must be 'tanh' or 'relu', got 'elu'",
    ),
]


def their_steps(torch, name, x, *rest, lengths=None, reverse=False, nonlinearity="tanh"):
    """Run PyTorch's layer on each sequence by itself: cut, turned, and padded with zeros."""
    _, count, _ = KINDS[name]
    states, weights = rest[:count], list(rest[count:])
    function = getattr(torch, name if name != "rnn" else f"rnn_{nonlinearity}")
    results = []
    for n in range(x.shape[1]):
        length = x.shape[0] if lengths is None else int(lengths[n])
        own = x[:length, n : n + 1]
        first = tuple(s[None, n : n + 1] for s in states)
        out, last = x.new_zeros((0, 1, states[0].shape[1])), first
        if length:
            out, *last = function(
                own.flip(0) if reverse else own,
                first if count > 1 else first[0],
                weights, len(weights) > 2, 1, 0.0, False, False, False,
            )  # fmt: skip
        out = out.flip(0) if reverse else out
        padding = x.new_zeros((x.shape[0] - length, *out.shape[1:]))
        results.append((torch.cat([out, padding]), *(one[0] for one in last)))
    out, *last = zip(*results, strict=True)
    return torch.cat(out, 1), *map(torch.cat, last)


def drawn(name):
    gates, count, _ = KINDS[name]

    def draw(rng):
        T, N, features, H = (int(n) for n in rng.integers(1, 6, 4))
        args = [
            rng.standard_normal((T, N, features)),
            *rng.standard_normal((count, N, H)),
            rng.standard_normal((gates * H, features)),
            rng.standard_normal((gates * H, H)) / H**0.5,
        ]
        if rng.random() < 0.7:
            args += [*rng.standard_normal((2, gates * H))]
        kwargs = {"reverse": bool(rng.integers(0, 2))}
        if rng.random() < 0.5:
            kwargs["lengths"] = rng.integers(0, T + 1, N)
        if name == "rnn":
            kwargs["nonlinearity"] = choice(rng, "tanh", "relu")
        return tuple(args), kwargs

    return draw


SHARED = [
    Shared(
        name,
        lambda torch, *args, name=name, **kwargs: their_steps(torch, name, *args, **kwargs),
        drawn(name),
        dtypes=("float64", "float32"),  # PyTorch rounds every state to half precision
    )
    for name in KINDS
]
