"""Recurrent layers written once more: all sequences at once, masked where they have ended."""

import numpy as np


def sigmoid(x):
    return (1 + np.tanh(x / 2)) / 2


def way(T, N, lengths, reverse):
    """Return each time of the way, the mask of sequences that live, and the times before."""
    lengths = np.full(N, T) if lengths is None else lengths
    for t in range(T)[::-1] if reverse else range(T):
        first = t == lengths - 1 if reverse else np.full(N, t == 0)
        yield t, (t < lengths)[:, None], first[:, None], t + 1 if reverse else t - 1


def walked(step, T, states, outputs, lengths, reverse):
    """Go the way with ``step(t, *states) -> (new states, outputs)``."""
    N = len(states[0])
    outputs = [np.zeros((T, N, n)) for n in outputs]
    with np.errstate(all="ignore"):
        for t, live, _, _ in way(T, N, lengths, reverse):
            new, found = step(t, *states)
            states = [np.where(live, one, old) for one, old in zip(new, states, strict=True)]
            for array, one in zip(outputs, found, strict=True):
                array[t] = np.where(live, one, 0)
    return outputs, states


def lstm(gates, weight, h0, c0, lengths=None, reverse=False, save=True):
    def step(t, h, c):
        i, f, g, o = np.split(gates[t] + h @ weight.T, 4, 1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        c = f * c + i * g
        h = o * np.tanh(c)
        return (h, c), (h, np.concatenate([i, f, g, o], 1), c)

    T, H = len(gates), weight.shape[1]
    (out, kept, cells), (h, c) = walked(step, T, (h0, c0), (H, 4 * H, H), lengths, reverse)
    return (out, h, c, kept, cells) if save else (out, h, c, None, None)


def gru(gates, weight, bias, h0, lengths=None, reverse=False, save=True):
    def step(t, h):
        (xr, xz, xn), (ur, uz, m) = np.split(gates[t], 3, 1), np.split(h @ weight.T, 3, 1)
        r, z, m = sigmoid(xr + ur), sigmoid(xz + uz), m + (0 if bias is None else bias)
        n = np.tanh(xn + r * m)
        h = (1 - z) * n + z * h
        return (h,), (h, np.concatenate([r, z, n, m], 1))

    T, H = len(gates), weight.shape[1]
    (out, kept), (h,) = walked(step, T, (h0,), (H, 4 * H), lengths, reverse)
    return (out, h, kept if save else None)


def rnn(gates, weight, h0, lengths=None, reverse=False, nonlinearity="tanh"):
    def step(t, h):
        a = gates[t] + h @ weight.T
        h = np.tanh(a) if nonlinearity == "tanh" else a.clip(0)
        return (h,), (h,)

    (out,), (h,) = walked(step, len(gates), (h0,), (weight.shape[1],), lengths, reverse)
    return out, h


def states_before(first, states, lengths, reverse):
    """Return the states before each step: a (T, N, H) array."""
    T, N, _ = states.shape
    before = np.zeros_like(states)
    for t, _, begins, other in way(T, N, lengths, reverse):
        before[t] = np.where(begins, first, states[other % T])
    return before


def back(T, N, lengths, reverse):
    return list(way(T, N, lengths, reverse))[::-1]


def lstm_backward(grad, grad_h, grad_c, weight, c0, gates, cells, lengths=None, reverse=False):
    T, N, _ = grad.shape
    before, da, dh, dc = states_before(c0, cells, lengths, reverse), 0 * gates, grad_h, grad_c
    da[...] = 0
    for t, live, _, _ in back(T, N, lengths, reverse):
        i, f, g, o = np.split(gates[t], 4, 1)
        c = np.tanh(cells[t])
        dh_t = dh + grad[t]
        dc_t = dc + dh_t * o * (1 - c**2)
        parts = (
            dc_t * g * i * (1 - i),
            dc_t * before[t] * f * (1 - f),
            dc_t * i * (1 - g**2),
            dh_t * c * o * (1 - o),
        )
        da[t] = np.where(live, np.concatenate(parts, 1), 0)
        dh, dc = np.where(live, da[t] @ weight, dh), np.where(live, dc_t * f, dc)
    return da, dh, dc


def gru_backward(grad, grad_h, weight, h0, out, gates, lengths=None, reverse=False):
    T, N, H = grad.shape
    before, dh = states_before(h0, out, lengths, reverse), grad_h
    da, dm = np.zeros((T, N, 3 * H)), np.zeros((T, N, H))
    for t, live, _, _ in back(T, N, lengths, reverse):
        r, z, n, m = np.split(gates[t], 4, 1)
        dh_t = dh + grad[t]
        dn = dh_t * (1 - z) * (1 - n**2)
        gates_t = (dn * m * r * (1 - r), dh_t * (before[t] - n) * z * (1 - z), dn)
        da[t] = np.where(live, np.concatenate(gates_t, 1), 0)
        dm[t] = np.where(live, dn * r, 0)
        through = np.concatenate([da[t][:, : 2 * H], dm[t]], 1) @ weight
        dh = np.where(live, dh_t * z + through, dh)
    return da, dm, dh


def rnn_backward(grad, grad_h, weight, out, lengths=None, reverse=False, nonlinearity="tanh"):
    T, N, _ = grad.shape
    da, dh = np.zeros(grad.shape), grad_h
    for t, live, _, _ in back(T, N, lengths, reverse):
        slope = 1 - out[t] ** 2 if nonlinearity == "tanh" else np.sign(out[t])
        da[t] = np.where(live, (dh + grad[t]) * slope, 0)
        dh = np.where(live, da[t] @ weight, dh)
    return da, dh


RECURRENT = {
    "gru": gru,
    "gru_backward": gru_backward,
    "lstm": lstm,
    "lstm_backward": lstm_backward,
    "rnn": rnn,
    "rnn_backward": rnn_backward,
}
