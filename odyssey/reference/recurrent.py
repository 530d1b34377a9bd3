"""Recurrent layers and their gradients, one sequence and one step at a time.

What a step needs of its input, :math:`W x_t + b`, comes ready made for all steps and
gates, as ``gates``: it does not wait for the step before.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from odyssey.utils.kernel_checks_recurrent import (
    check_gru,
    check_gru_backward,
    check_lstm,
    check_lstm_backward,
    check_nonlinearity,
    check_rnn,
    check_rnn_backward,
)

__all__ = ["gru", "gru_backward", "lstm", "lstm_backward", "rnn", "rnn_backward"]


def _steps(
    sequences: np.ndarray, lengths: np.ndarray | None, reverse: bool
) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Yield each sequence n of an array (T, N, ...) and its way: each time, the one before it.

    The time before the first is -1.

    Examples
    --------
    >>> list(_steps(np.ones((3, 2)), np.array([3, 1]), reverse=False))
    [(0, [(0, -1), (1, 0), (2, 1)]), (1, [(0, -1)])]
    >>> list(_steps(np.ones((3, 1)), None, reverse=True))
    [(0, [(2, -1), (1, 2), (0, 1)])]
    """
    T, N = sequences.shape[:2]
    for n in range(N):
        times = list(range(T if lengths is None else lengths[n]))
        times = times[::-1] if reverse else times
        yield n, list(zip(times, [-1, *times], strict=False))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, np.ones_like(e)) / (1 + e)


@np.errstate(all="ignore")
def lstm(
    gates: np.ndarray,
    weight: np.ndarray,
    h0: np.ndarray,
    c0: np.ndarray,
    lengths: np.ndarray | None = None,
    reverse: bool = False,
    save: bool = True,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]:
    r"""Long short-term memory over a sequence, from the gates' input part.

    Shapes: T steps of N sequences, H units.

    Parameters
    ----------
    gates : ndarray, shape (T, N, 4H)
        :math:`a_t = W x_t + b` for the input gate, the forget gate, the cell and
        the output gate, in this order; float16, float32 or float64.
    weight : ndarray, shape (4H, H)
        The recurrent weights U of the same four.
    h0, c0 : ndarray, shape (N, H)
        The first states and cells.
    lengths : ndarray of int64, shape (N,), or None
        How many steps each sequence has; None is T. After them its state stays,
        and its outputs are 0.
    reverse : bool
        Go from the last step of each sequence to the first.
    save : bool
        Whether a backward will follow.

    Returns
    -------
    out : ndarray, shape (T, N, H), dtype of ``gates``
        The state h of every step.
    h, c : ndarray, shape (N, H)
        The last states and cells.
    kept, cells : ndarray, shapes (T, N, 4H) and (T, N, H), or None
        For the backward function: i, f, g, o and the cell of every step, 0 where
        there is none.

    Raises
    ------
    DTypeError
        If the arguments are not arrays of one floating dtype, ``lengths`` of int64.
    ShapeError
        If the shapes do not fit.
    RangeError
        If a length does not lie in [0, T].

    Notes
    -----
    .. math::

       i &= \sigma(a^i_t + U_i h), & f &= \sigma(a^f_t + U_f h), \\
       g &= \tanh(a^g_t + U_g h), & o &= \sigma(a^o_t + U_o h), \\
       c_t &= f c + i g, & h_t &= o \tanh(c_t)

    [1]_, with the forget gate of [2]_. States are float32 at least from the first
    step to the last; float16 is rounded in what comes out.

    References
    ----------
    .. [1] S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural
       Computation 9(8), 1997, https://doi.org/10.1162/neco.1997.9.8.1735
    .. [2] F. A. Gers, J. Schmidhuber, F. Cummins, "Learning to forget", Neural
       Computation 12(10), 2000, https://doi.org/10.1162/089976600300015015

    Examples
    --------
    Open gates (large inputs) let the cell count: 1, then 2.

    >>> import numpy as np
    >>> start = np.zeros((1, 1))
    >>> out, h, c, kept, cells = lstm(np.full((2, 1, 4), 50.0), np.zeros((4, 1)), start, start)
    >>> cells.ravel(), np.arctanh(out).ravel()
    (array([1., 2.]), array([1., 2.]))
    """
    lengths = check_lstm("lstm", gates, weight, h0, c0, lengths)
    wide = np.result_type(gates, np.float32)
    (T, N, _), H = gates.shape, weight.shape[1]
    U, h, c = weight.astype(wide), h0.astype(wide), c0.astype(wide)
    out, cells = (np.zeros((T, N, H), gates.dtype) for _ in range(2))
    kept = np.zeros_like(gates, order="C")
    for n, steps in _steps(gates, lengths, reverse):
        for t, _ in steps:
            a = gates[t, n] + U @ h[n]
            i, f, o = (_sigmoid(a[k * H : (k + 1) * H]) for k in (0, 1, 3))
            g = np.tanh(a[2 * H : 3 * H])
            c[n] = f * c[n] + i * g
            h[n] = o * np.tanh(c[n])
            out[t, n], cells[t, n], kept[t, n] = h[n], c[n], np.concatenate([i, f, g, o])
    last_h, last_c = h.astype(gates.dtype), c.astype(gates.dtype)
    return out, last_h, last_c, *((kept, cells) if save else (None, None))


@np.errstate(all="ignore")
def lstm_backward(
    grad: np.ndarray,
    grad_h: np.ndarray,
    grad_c: np.ndarray,
    weight: np.ndarray,
    c0: np.ndarray,
    gates: np.ndarray,
    cells: np.ndarray,
    lengths: np.ndarray | None = None,
    reverse: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""Gradient of :func:`lstm` for the gates' input part and the first states.

    Parameters
    ----------
    grad : ndarray, shape (T, N, H)
        Gradient of the loss with respect to the outputs.
    grad_h, grad_c : ndarray, shape (N, H)
        With respect to the last states and cells.
    weight, c0 : ndarray
        As for :func:`lstm`.
    gates, cells : ndarray, shapes (T, N, 4H) and (T, N, H)
        The gates i, f, g, o and the cells that :func:`lstm` kept.
    lengths, reverse
        As for :func:`lstm`.

    Returns
    -------
    grad_gates : ndarray, shape (T, N, 4H), dtype of ``grad``
        That of the weight is its product with the states before each step.
    grad_h0, grad_c0 : ndarray, shape (N, H)

    Raises
    ------
    DTypeError, ShapeError, RangeError
        As for :func:`lstm`.

    Notes
    -----
    Back through the steps, with :math:`\bar h` and :math:`\bar c` from the step
    after (from the last states at first) and :math:`\bar h` plus the gradient of
    the output:

    .. math::

       \bar c &\mathrel{+}= \bar h\, o\, (1 - \tanh^2 c_t), &
       \bar a^o &= \bar h \tanh(c_t)\, o (1 - o), \\
       \bar a^i &= \bar c\, g\, i (1 - i), &
       \bar a^f &= \bar c\, c_{t-1}\, f (1 - f), \quad
       \bar a^g = \bar c\, i\, (1 - g^2), \\
       \bar h_{t-1} &= U^\top \bar a_t, & \bar c_{t-1} &= \bar c\, f

    Examples
    --------
    A closed input gate, an open forget gate: the gradient goes to the first cell.

    >>> import numpy as np
    >>> gates, one = np.array([[[0.0, 1.0, 0.0, 1.0]]]), np.ones((1, 1))
    >>> zero = np.zeros((1, 1))
    >>> _, _, grad_c0 = lstm_backward(
    ...     zero[None], zero, one, np.zeros((4, 1)), zero, gates, zero[None])
    >>> grad_c0
    array([[1.]])
    """
    lengths = check_lstm_backward(grad, grad_h, grad_c, weight, c0, gates, cells, lengths)
    wide = np.result_type(grad, np.float32)
    U, dh, dc = weight.astype(wide), grad_h.astype(wide), grad_c.astype(wide)
    grad_gates = np.zeros(gates.shape, grad.dtype)
    for n, steps in _steps(grad, lengths, reverse):
        for t, before in reversed(steps):
            i, f, g, o = gates[t, n].astype(wide).reshape(4, -1)
            c_before = (c0[n] if before < 0 else cells[before, n]).astype(wide)
            c = np.tanh(cells[t, n].astype(wide))
            dh[n] += grad[t, n]
            dc[n] += dh[n] * o * ((1 - c) * (1 + c))
            da = np.concatenate([
                dc[n] * g * (i * (1 - i)),
                dc[n] * c_before * (f * (1 - f)),
                dc[n] * i * ((1 - g) * (1 + g)),
                dh[n] * c * (o * (1 - o)),
            ])  # fmt: skip
            grad_gates[t, n] = da
            dh[n] = da @ U
            dc[n] *= f
    return grad_gates, dh.astype(grad.dtype), dc.astype(grad.dtype)


@np.errstate(all="ignore")
def gru(
    gates: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    h0: np.ndarray,
    lengths: np.ndarray | None = None,
    reverse: bool = False,
    save: bool = True,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    r"""Gated recurrent unit over a sequence, from the gates' input part.

    Shapes: T steps of N sequences, H units.

    Parameters
    ----------
    gates : ndarray, shape (T, N, 3H)
        :math:`a_t = W x_t + b` for the reset gate, the update gate and the new
        state, in this order; float16, float32 or float64.
    weight : ndarray, shape (3H, H)
        The recurrent weights U of the same three.
    bias : ndarray, shape (H,), or None
        The recurrent bias of the new state, which the reset gate multiplies; those
        of the gates are part of ``gates``.
    h0 : ndarray, shape (N, H)
        The first states.
    lengths, reverse, save
        As for :func:`lstm`.

    Returns
    -------
    out : ndarray, shape (T, N, H), dtype of ``gates``
        The state h of every step.
    h : ndarray, shape (N, H)
        The last states.
    kept : ndarray, shape (T, N, 4H), or None
        For the backward function: r, z, n and m of every step, 0 where there is none.

    Raises
    ------
    DTypeError
        If the arguments are not arrays of one floating dtype, ``lengths`` of int64.
    ShapeError
        If the shapes do not fit.
    RangeError
        If a length does not lie in [0, T].

    Notes
    -----
    .. math::

       r &= \sigma(a^r_t + U_r h), & z &= \sigma(a^z_t + U_z h), \\
       m &= U_n h + b_n, & n &= \tanh(a^n_t + r m), \\
       h_t &= (1 - z)\, n + z\, h

    The gates of [1]_; that r multiplies the product and not the state before it is
    PyTorch's and cuDNN's variant, which needs one product a step.

    References
    ----------
    .. [1] K. Cho et al., "Learning phrase representations using RNN encoder-decoder
       for statistical machine translation", EMNLP 2014,
       https://arxiv.org/abs/1406.1078

    Examples
    --------
    An open update gate keeps the state, a closed one takes the new one:

    >>> import numpy as np
    >>> gates = np.array([[[0.0, 50.0, 1.0]], [[0.0, -50.0, np.arctanh(0.5)]]])
    >>> out, h, kept = gru(gates, np.zeros((3, 1)), None, np.full((1, 1), 0.25))
    >>> out.ravel().round(6)
    array([0.25, 0.5 ])
    """
    lengths = check_gru("gru", gates, weight, bias, h0, lengths)
    wide = np.result_type(gates, np.float32)
    (T, N, _), H = gates.shape, weight.shape[1]
    U, h = weight.astype(wide), h0.astype(wide)
    b = np.zeros(H, wide) if bias is None else bias.astype(wide)
    out, kept = np.zeros((T, N, H), gates.dtype), np.zeros((T, N, 4 * H), gates.dtype)
    for k, steps in _steps(gates, lengths, reverse):
        for t, _ in steps:
            a, s = gates[t, k].astype(wide), U @ h[k]
            r, z = (_sigmoid((a + s)[j * H : (j + 1) * H]) for j in (0, 1))
            m = s[2 * H :] + b
            n = np.tanh(a[2 * H :] + r * m)
            h[k] = n + z * (h[k] - n)
            out[t, k], kept[t, k] = h[k], np.concatenate([r, z, n, m])
    return out, h.astype(gates.dtype), kept if save else None


@np.errstate(all="ignore")
def gru_backward(
    grad: np.ndarray,
    grad_h: np.ndarray,
    weight: np.ndarray,
    h0: np.ndarray,
    out: np.ndarray,
    gates: np.ndarray,
    lengths: np.ndarray | None = None,
    reverse: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""Gradient of :func:`gru` for the gates' input part, the new state's product, and h0.

    Parameters
    ----------
    grad : ndarray, shape (T, N, H)
        Gradient of the loss with respect to the outputs.
    grad_h : ndarray, shape (N, H)
        With respect to the last states.
    weight, h0 : ndarray
        As for :func:`gru`.
    out, gates : ndarray, shapes (T, N, H) and (T, N, 4H)
        The outputs of :func:`gru`, and r, z, n and m, which it kept.
    lengths, reverse
        As for :func:`lstm`.

    Returns
    -------
    grad_gates : ndarray, shape (T, N, 3H), dtype of ``grad``
    grad_m : ndarray, shape (T, N, H)
        With respect to m. The weight's gradient is the product of this and of the
        first two thirds of ``grad_gates`` with the states before each step.
    grad_h0 : ndarray, shape (N, H)

    Raises
    ------
    DTypeError, ShapeError, RangeError
        As for :func:`gru`.

    Notes
    -----
    Back through the steps, with :math:`\bar h` from the step after (from the last
    states at first) plus the gradient of the output:

    .. math::

       \bar a^n &= \bar h\, (1 - z)(1 - n^2), &
       \bar a^z &= \bar h\, (h_{t-1} - n)\, z (1 - z), \\
       \bar a^r &= \bar a^n\, m\, r (1 - r), & \bar m &= \bar a^n\, r, \\
       \bar h_{t-1} &= \bar h\, z + U_r^\top \bar a^r + U_z^\top \bar a^z + U_n^\top \bar m

    Examples
    --------
    An open update gate: the gradient goes to the first state.

    >>> import numpy as np
    >>> gates, zero = np.array([[[0.5, 1.0, 0.0, 0.0]]]), np.zeros((1, 1))
    >>> grad_gates, grad_m, grad_h0 = gru_backward(
    ...     zero[None], np.full((1, 1), 3.0), np.zeros((3, 1)), zero, zero[None], gates)
    >>> grad_gates.ravel(), grad_h0
    (array([0., 0., 0.]), array([[3.]]))
    """
    lengths = check_gru_backward(grad, grad_h, weight, h0, out, gates, lengths)
    wide = np.result_type(grad, np.float32)
    U, dh = weight.astype(wide), grad_h.astype(wide)
    H = weight.shape[1]
    grad_gates = np.zeros((*grad.shape[:2], 3 * H), grad.dtype)
    grad_m = np.zeros(grad.shape, grad.dtype)
    for k, steps in _steps(grad, lengths, reverse):
        for t, before in reversed(steps):
            r, z, n, m = gates[t, k].astype(wide).reshape(4, -1)
            h_before = (h0[k] if before < 0 else out[before, k]).astype(wide)
            dh[k] += grad[t, k]
            dn = dh[k] * (1 - z) * ((1 - n) * (1 + n))
            dz = dh[k] * (h_before - n) * (z * (1 - z))
            dr, dm = dn * m * (r * (1 - r)), dn * r
            grad_gates[t, k], grad_m[t, k] = np.concatenate([dr, dz, dn]), dm
            dh[k] = dh[k] * z + np.concatenate([dr, dz, dm]) @ U
    return grad_gates, grad_m, dh.astype(grad.dtype)


@np.errstate(all="ignore")
def rnn(
    gates: np.ndarray,
    weight: np.ndarray,
    h0: np.ndarray,
    lengths: np.ndarray | None = None,
    reverse: bool = False,
    nonlinearity: str = "tanh",
) -> tuple[np.ndarray, np.ndarray]:
    r"""Plain recurrent layer over a sequence, from the input part of its sums.

    Shapes: T steps of N sequences, H units.

    Parameters
    ----------
    gates : ndarray, shape (T, N, H)
        :math:`a_t = W x_t + b`; float16, float32 or float64.
    weight : ndarray, shape (H, H)
        The recurrent weights U.
    h0 : ndarray, shape (N, H)
        The first states.
    lengths, reverse
        As for :func:`lstm`.
    nonlinearity : {"tanh", "relu"}

    Returns
    -------
    out : ndarray, shape (T, N, H), dtype of ``gates``
        The state h of every step.
    h : ndarray, shape (N, H)
        The last states.

    Raises
    ------
    DTypeError
        If the arguments are not arrays of one floating dtype, ``lengths`` of int64.
    ShapeError
        If the shapes do not fit.
    RangeError
        If a length does not lie in [0, T].
    OdysseyError
        If there is no such nonlinearity.

    Notes
    -----
    .. math:: h_t = \tanh(a_t + U h_{t-1}) \quad\text{or}\quad \max(0, a_t + U h_{t-1})

    J. L. Elman, "Finding structure in time", Cognitive Science 14(2), 1990.

    Examples
    --------
    >>> import numpy as np
    >>> out, h = rnn(np.ones((3, 1, 1)), np.ones((1, 1)), np.zeros((1, 1)), None, False, "relu")
    >>> out.ravel()
    array([1., 2., 3.])
    """
    check_nonlinearity("rnn", nonlinearity)
    lengths = check_rnn("rnn", gates, weight, h0, lengths)
    wide = np.result_type(gates, np.float32)
    U, h, out = weight.astype(wide), h0.astype(wide), np.zeros(gates.shape, gates.dtype)
    for n, steps in _steps(gates, lengths, reverse):
        for t, _ in steps:
            a = gates[t, n] + U @ h[n]
            h[n] = np.tanh(a) if nonlinearity == "tanh" else np.maximum(a, 0)
            out[t, n] = h[n]
    return out, h.astype(gates.dtype)


@np.errstate(all="ignore")
def rnn_backward(
    grad: np.ndarray,
    grad_h: np.ndarray,
    weight: np.ndarray,
    out: np.ndarray,
    lengths: np.ndarray | None = None,
    reverse: bool = False,
    nonlinearity: str = "tanh",
) -> tuple[np.ndarray, np.ndarray]:
    r"""Gradient of :func:`rnn` for the input part of its sums and the first states.

    Parameters
    ----------
    grad : ndarray, shape (T, N, H)
        Gradient of the loss with respect to the outputs.
    grad_h : ndarray, shape (N, H)
        With respect to the last states.
    weight, lengths, reverse, nonlinearity
        As for :func:`rnn`.
    out : ndarray, shape (T, N, H)
        What :func:`rnn` returned.

    Returns
    -------
    grad_gates : ndarray, shape (T, N, H), dtype of ``grad``
    grad_h0 : ndarray, shape (N, H)

    Raises
    ------
    DTypeError, ShapeError, RangeError, OdysseyError
        As for :func:`rnn`.

    Notes
    -----
    Back through the steps, with :math:`\bar h` from the step after (from the last
    states at first) plus the gradient of the output:

    .. math:: \bar a_t = \bar h\, (1 - h_t^2) \quad\text{or}\quad \bar h\, [h_t > 0], \qquad
              \bar h_{t-1} = U^\top \bar a_t

    Examples
    --------
    >>> import numpy as np
    >>> zero, one = np.zeros((1, 1)), np.ones((1, 1))
    >>> grad_gates, grad_h0 = rnn_backward(zero[None], one, 2 * one, 0.5 * one[None])
    >>> grad_gates.ravel(), grad_h0.ravel()
    (array([0.75]), array([1.5]))
    """
    check_nonlinearity("rnn_backward", nonlinearity)
    lengths = check_rnn_backward(grad, grad_h, weight, out, lengths)
    wide = np.result_type(grad, np.float32)
    U, dh, grad_gates = weight.astype(wide), grad_h.astype(wide), np.zeros(grad.shape, grad.dtype)
    for n, steps in _steps(grad, lengths, reverse):
        for t, _ in reversed(steps):
            h = out[t, n].astype(wide)
            slope = (1 - h) * (1 + h) if nonlinearity == "tanh" else h > 0
            da = (dh[n] + grad[t, n]) * slope
            grad_gates[t, n] = da
            dh[n] = da @ U
    return grad_gates, dh.astype(grad.dtype)
