"""Recurrent layers over whole sequences, in one direction: LSTM, GRU and the plain one."""

from __future__ import annotations

import numpy as np

from odyssey.backend import kernel
from odyssey.core._recurrent import (
    as_lengths,
    checked,
    choose,
    gradients,
    in_time,
    joined,
    parts,
    recurrent_gradient,
    side_by_side,
    steps,
    zeros_for,
)
from odyssey.core.activation import relu, sigmoid, tanh
from odyssey.core.elementwise import where
from odyssey.core.linear import linear
from odyssey.core.matrix import matmul
from odyssey.grad_mode import is_grad_enabled
from odyssey.tape import Saved, differentiable
from odyssey.utils.kernel_checks_recurrent import check_nonlinearity

__all__ = ["gru", "gru_backward", "lstm", "lstm_backward", "rnn", "rnn_backward"]

SIX, SEVEN = (True,) * 6, (True,) * 7


@differentiable
def lstm(x, h0, c0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None, reverse=False):
    r"""Long short-term memory: a state and a cell that gates keep, change and show.

    Shapes: T steps of N sequences of I features, H units.

    Parameters
    ----------
    x : Tensor or ndarray, shape (T, N, I)
        Floating-point, like all others.
    h0, c0 : Tensor or ndarray, shape (N, H)
        The states and cells before the first step.
    weight_ih, weight_hh : Tensor or ndarray, shapes (4H, I) and (4H, H)
        Of the input gate, the forget gate, the cell and the output gate, one below
        the other: W and U.
    bias_ih, bias_hh : Tensor or ndarray, shape (4H,), optional
        Two, because other libraries have two; only their sum counts.
    lengths : Tensor or ndarray of int, shape (N,), optional
        How many steps each sequence has, in [0, T]. After its end a sequence keeps
        its state, and its outputs are 0. What ``x`` holds there must be finite and
        changes nothing.
    reverse : bool
        Go from the last step of each sequence, that of its own length, to the first.

    Returns
    -------
    out : Tensor or ndarray, shape (T, N, H)
        The state of every step; also in reverse at the place of its input.
    h, c : Tensor or ndarray, shape (N, H)
        The states and cells after the last step.

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    DTypeError
        If the arguments are not of one floating dtype, or ``lengths`` not of integers.
    RangeError
        If a length does not lie in [0, T].

    Notes
    -----
    Forward [1]_, with the forget gate of [2]_; at every step t, h and c being those
    before it:

    .. math::

       i &= \sigma(W_i x_t + U_i h + b_i), & f &= \sigma(W_f x_t + U_f h + b_f), \\
       g &= \tanh(W_g x_t + U_g h + b_g), & o &= \sigma(W_o x_t + U_o h + b_o), \\
       c_t &= f c + i g, & h_t &= o \tanh(c_t)

    Backward, from the last step to the first: with the gradients :math:`\partial h_t`,
    which come from the output and from the step after, and :math:`\partial c_t`,

    .. math::

       \partial c_t &\mathrel{+}= \partial h_t\, o\, (1 - \tanh^2 c_t), &
       \partial a_o &= \partial h_t \tanh(c_t)\, o (1 - o), \\
       \partial a_i &= \partial c_t\, g\, i (1 - i), &
       \partial a_f &= \partial c_t\, c_{t-1}\, f (1 - f), \\
       \partial a_g &= \partial c_t\, i\, (1 - g^2), &
       \partial c_{t-1} &= \partial c_t\, f, \\
       \partial h_{t-1} &= U^\top \partial a, & \partial x_t &= W^\top \partial a, \\
       \partial W &= \sum_t \partial a\, x_t^\top, &
       \partial U &= \sum_t \partial a\, h_{t-1}^\top, \qquad \partial b = \sum_t \partial a

    Cost: 4 T N H (I + H) multiply-adds. The products with x of all steps are one, as
    are those for the gradients of x, W and U; only U h is made step by step. Saves
    the inputs, the outputs and 5 T N H numbers, the gates and cells; float16 is
    stored, but states and cells stay float32 from the first step to the last.

    References
    ----------
    .. [1] S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural
       Computation 9(8), 1997. https://doi.org/10.1162/neco.1997.9.8.1735
    .. [2] F. A. Gers, J. Schmidhuber, F. Cummins, "Learning to forget: continual
       prediction with LSTM", Neural Computation 12(10), 2000.
       https://doi.org/10.1162/089976600300015015

    Examples
    --------
    One unit whose gates are all half open (weights 0), with a first cell of 4:

    >>> import odyssey as od
    >>> zeros = od.zeros
    >>> out, h, c = od.core.lstm(
    ...     zeros((2, 1, 3)), zeros((1, 1)), od.tensor([[4.0]]), zeros((4, 3)), zeros((4, 1)))
    >>> c, out.shape
    (tensor([[1.]]), (2, 1, 1))
    """
    x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh, lengths = checked(
        "lstm", 4, x, {"h0": h0, "c0": c0}, weight_ih, weight_hh, bias_ih, bias_hh, lengths
    )
    a = kernel("linear")(x, weight_ih, joined(bias_ih, bias_hh))
    out, h, c, gates, cells = kernel("lstm")(
        a, weight_hh, h0, c0, lengths, bool(reverse), is_grad_enabled()
    )
    return out, h, c, Saved(gates=gates, cells=cells)


@lstm.backward_rule(
    wrt=("x", "h0", "c0", "weight_ih", "weight_hh", "bias_ih", "bias_hh"),
)
def lstm_backward(
    grad,
    x,
    h0,
    c0,
    weight_ih,
    weight_hh,
    out,
    gates,
    cells,
    lengths=None,
    reverse=False,
    needs=SEVEN,
):
    """Return the gradients of :func:`lstm` for its seven arrays.

    ``grad`` holds those of the three results, or None for those that are not used.
    """
    lengths = as_lengths("lstm", lengths, x)
    da, grad_h0, grad_c0 = kernel("lstm_backward")(
        *zeros_for(grad, out), weight_hh, c0, gates, cells, lengths, bool(reverse)
    )
    wanted = (needs[0], needs[3], needs[5] or needs[6])
    grad_x, grad_ih, grad_b = kernel("linear_backward")(da, x, weight_ih, wanted)
    grad_hh = None
    if needs[4]:
        grad_hh = recurrent_gradient(da, h0, out[0], weight_hh, lengths, reverse)
    return _wanted(
        needs, (grad_x, grad_h0, grad_c0, grad_ih, grad_hh, grad_b, _copy(grad_b, needs[5]))
    )


def _copy(grad, needed):
    """Return a gradient that two arguments share a second time, not in the same memory."""
    return grad.copy() if needed and grad is not None else grad


def _wanted(needs, grads):
    return tuple(g if needed else None for g, needed in zip(grads, needs, strict=True))


@lstm.backward_formula
def lstm_backward_formula(
    grad,
    x,
    h0,
    c0,
    weight_ih,
    weight_hh,
    out,
    bias_ih=None,
    bias_hh=None,
    lengths=None,
    reverse=False,
    needs=SEVEN,
):
    """Return the same in operators, step by step."""
    grad_out, dh, dc = zeros_for(grad, out)
    a = linear(x, weight_ih, joined(bias_ih, bias_hh))
    way, h, c = [], h0, c0
    for t, live in steps(x.shape[0], lengths, reverse):
        i, f, g, o = parts(a[t] + linear(h, weight_hh), 4)
        i, f, g, o = sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)
        new = f * c + i * g
        way.append((t, live, h, c, i, f, g, o, tanh(new)))
        h, c = choose(live, o * tanh(new), h), choose(live, new, c)
    da, before = [None] * len(way), [None] * len(way)
    for t, live, h, c, i, f, g, o, shown in way[::-1]:
        dh_t = dh + grad_out[t]
        dc_t = dc + dh_t * o * (1 - shown * shown)
        d = side_by_side(
            [
                dc_t * g * i * (1 - i),
                dc_t * c * f * (1 - f),
                dc_t * i * (1 - g * g),
                dh_t * shown * o * (1 - o),
            ]
        )
        da[t], before[t] = choose(live, d, 0), h
        dh, dc = choose(live, matmul(d, weight_hh), dh), choose(live, dc_t * f, dc)
    da, before = in_time(da, a), in_time(before, grad_out)
    grad_x, grad_ih, grad_hh, grad_b, grad_b2 = gradients(
        da, da, x, before, weight_ih, (needs[0], needs[3], needs[5], needs[4], needs[6])
    )
    return _wanted(needs, (grad_x, dh, dc, grad_ih, grad_hh, grad_b, grad_b2))


@differentiable
def gru(x, h0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None, reverse=False):
    r"""Gated recurrent unit: a state that one gate keeps and another one shows.

    Shapes: T steps of N sequences of I features, H units.

    Parameters
    ----------
    x : Tensor or ndarray, shape (T, N, I)
        Floating-point, like all others.
    h0 : Tensor or ndarray, shape (N, H)
        The states before the first step.
    weight_ih, weight_hh : Tensor or ndarray, shapes (3H, I) and (3H, H)
        Of the reset gate, the update gate and the new state, one below the other: W
        and U.
    bias_ih, bias_hh : Tensor or ndarray, shape (3H,), optional
        b and d. Only the last third needs two.
    lengths : Tensor or ndarray of int, shape (N,), optional
        How many steps each sequence has, in [0, T]. After its end a sequence keeps
        its state, and its outputs are 0. What ``x`` holds there must be finite and
        changes nothing.
    reverse : bool
        Go from the last step of each sequence, that of its own length, to the first.

    Returns
    -------
    out : Tensor or ndarray, shape (T, N, H)
        The state of every step; also in reverse at the place of its input.
    h : Tensor or ndarray, shape (N, H)
        The states after the last step.

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    DTypeError
        If the arguments are not of one floating dtype, or ``lengths`` not of integers.
    RangeError
        If a length does not lie in [0, T].

    Notes
    -----
    Forward [1]_, at every step t, h being the state before it:

    .. math::

       r &= \sigma(W_r x_t + b_r + U_r h + d_r), &
       z &= \sigma(W_z x_t + b_z + U_z h + d_z), \\
       m &= U_n h + d_n, & n &= \tanh(W_n x_t + b_n + r m), \\
       h_t &= (1 - z)\, n + z\, h

    The paper resets the state before the product, :math:`U_n (r h)`, and calls
    :math:`1 - z` what is z here. This is the variant of PyTorch and cuDNN, whose three
    products are one.

    Backward, from the last step to the first, with the gradient :math:`\partial h_t`
    that comes from the output and from the step after:

    .. math::

       \partial a_n &= \partial h_t\, (1 - z)(1 - n^2), &
       \partial a_z &= \partial h_t\, (h_{t-1} - n)\, z (1 - z), \\
       \partial a_r &= \partial a_n\, m\, r (1 - r), &
       \partial u &= (\partial a_r, \partial a_z, \partial a_n\, r), \\
       \partial h_{t-1} &= \partial h_t\, z + U^\top \partial u, &
       \partial x_t &= W^\top \partial a, \\
       \partial W &= \sum_t \partial a\, x_t^\top, &
       \partial U &= \sum_t \partial u\, h_{t-1}^\top, \\
       \partial b &= \sum_t \partial a, & \partial d &= \sum_t \partial u

    Cost: 3 T N H (I + H) multiply-adds. The products with x of all steps are one, as
    are those for the gradients of x and W; only U h is made step by step. Saves the
    inputs, the outputs and 4 T N H numbers: r, z, n and m. float16 is stored, but
    states stay float32 from the first step to the last.

    References
    ----------
    .. [1] K. Cho et al., "Learning phrase representations using RNN encoder-decoder
       for statistical machine translation", EMNLP 2014.
       https://arxiv.org/abs/1406.1078

    Examples
    --------
    One unit whose gates are half open (weights 0): the new state is 0, so the state halves.

    >>> import odyssey as od
    >>> zeros = od.zeros
    >>> out, h = od.core.gru(
    ...     zeros((2, 1, 3)), od.tensor([[4.0]]), zeros((3, 3)), zeros((3, 1)))
    >>> out.numpy().ravel()
    array([2., 1.], dtype=float32)
    """
    x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths = checked(
        "gru", 3, x, {"h0": h0}, weight_ih, weight_hh, bias_ih, bias_hh, lengths
    )
    a = kernel("linear")(x, weight_ih, _gru_bias(bias_ih, bias_hh))
    bias = None if bias_hh is None else bias_hh[2 * h0.shape[1] :]
    out, h, gates = kernel("gru")(a, weight_hh, bias, h0, lengths, bool(reverse), is_grad_enabled())
    return out, h, Saved(gates=gates)


def _gru_bias(bias_ih, bias_hh):
    """Return the biases that need not wait for the reset gate, or None."""
    if bias_hh is None:
        return bias_ih
    ready = np.arange(bias_hh.shape[0]) < bias_hh.shape[0] // 3 * 2
    return joined(bias_ih, where(ready, bias_hh, 0.0))


@gru.backward_rule(wrt=("x", "h0", "weight_ih", "weight_hh", "bias_ih", "bias_hh"))
def gru_backward(
    grad, x, h0, weight_ih, weight_hh, out, gates, lengths=None, reverse=False, needs=SIX
):
    """Return the gradients of :func:`gru` for its six arrays.

    ``grad`` holds those of the two results, or None for those that are not used.
    """
    lengths = as_lengths("gru", lengths, x)
    da, dm, grad_h0 = kernel("gru_backward")(
        *zeros_for(grad, out), weight_hh, h0, out[0], gates, lengths, bool(reverse)
    )
    wanted = (needs[0], needs[2], needs[4] or needs[5])
    grad_x, grad_ih, grad_b = kernel("linear_backward")(da, x, weight_ih, wanted)
    H = h0.shape[1]
    grad_hh = grad_d = None
    if needs[3]:
        halves = ((da[..., : 2 * H], weight_hh[: 2 * H]), (dm, weight_hh[2 * H :]))
        grad_hh = np.concatenate(
            [recurrent_gradient(g, h0, out[0], w, lengths, reverse) for g, w in halves]
        )
    if needs[5]:
        grad_d = np.concatenate([grad_b[: 2 * H], kernel("sum")(dm, (0, 1))])
    return _wanted(needs, (grad_x, grad_h0, grad_ih, grad_hh, grad_b, grad_d))


@gru.backward_formula
def gru_backward_formula(
    grad,
    x,
    h0,
    weight_ih,
    weight_hh,
    out,
    bias_ih=None,
    bias_hh=None,
    lengths=None,
    reverse=False,
    needs=SIX,
):
    """Return the same in operators, step by step."""
    grad_out, dh = zeros_for(grad, out)
    a = linear(x, weight_ih, bias_ih)
    way, h = [], h0
    for t, live in steps(x.shape[0], lengths, reverse):
        (xr, xz, xn), (ur, uz, m) = parts(a[t], 3), parts(linear(h, weight_hh, bias_hh), 3)
        r, z = sigmoid(xr + ur), sigmoid(xz + uz)
        n = tanh(xn + r * m)
        way.append((t, live, h, r, z, n, m))
        h = choose(live, (1 - z) * n + z * h, h)
    da, du, before = [None] * len(way), [None] * len(way), [None] * len(way)
    for t, live, h, r, z, n, m in way[::-1]:
        dh_t = dh + grad_out[t]
        dn = dh_t * (1 - z) * (1 - n * n)
        dr, dz = dn * m * r * (1 - r), dh_t * (h - n) * z * (1 - z)
        d = side_by_side([dr, dz, dn * r])
        da[t], du[t] = choose(live, side_by_side([dr, dz, dn]), 0), choose(live, d, 0)
        before[t] = h
        dh = choose(live, dh_t * z + matmul(d, weight_hh), dh)
    da, du, before = in_time(da, a), in_time(du, a), in_time(before, grad_out)
    grad_x, grad_ih, grad_hh, grad_b, grad_d = gradients(
        da, du, x, before, weight_ih, (needs[0], needs[2], needs[4], needs[3], needs[5])
    )
    return _wanted(needs, (grad_x, dh, grad_ih, grad_hh, grad_b, grad_d))


@differentiable
def rnn(
    x,
    h0,
    weight_ih,
    weight_hh,
    bias_ih=None,
    bias_hh=None,
    lengths=None,
    reverse=False,
    nonlinearity="tanh",
):
    r"""Plain recurrent layer: :math:`h_t = \phi(W x_t + U h_{t-1} + b)`.

    Shapes: T steps of N sequences of I features, H units.

    Parameters
    ----------
    x : Tensor or ndarray, shape (T, N, I)
        Floating-point, like all others.
    h0 : Tensor or ndarray, shape (N, H)
        The states before the first step.
    weight_ih, weight_hh : Tensor or ndarray, shapes (H, I) and (H, H)
        W and U.
    bias_ih, bias_hh : Tensor or ndarray, shape (H,), optional
        Two, because other libraries have two; only their sum counts.
    lengths : Tensor or ndarray of int, shape (N,), optional
        How many steps each sequence has, in [0, T]. After its end a sequence keeps
        its state, and its outputs are 0. What ``x`` holds there must be finite and
        changes nothing.
    reverse : bool
        Go from the last step of each sequence, that of its own length, to the first.
    nonlinearity : {"tanh", "relu"}
        :math:`\phi`.

    Returns
    -------
    out : Tensor or ndarray, shape (T, N, H)
        The state of every step; also in reverse at the place of its input.
    h : Tensor or ndarray, shape (N, H)
        The states after the last step.

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    DTypeError
        If the arguments are not of one floating dtype, or ``lengths`` not of integers.
    RangeError
        If a length does not lie in [0, T].
    OdysseyError
        If there is no such nonlinearity.

    Notes
    -----
    The simple recurrent network of [1]_. Backward, from the last step to the first,
    with the gradient :math:`\partial h_t` that comes from the output and from the
    step after:

    .. math::

       \partial a_t &= \partial h_t\, (1 - h_t^2) \quad\text{or}\quad
                       \partial h_t\, [h_t > 0], \\
       \partial h_{t-1} &= U^\top \partial a_t, \qquad \partial x_t = W^\top \partial a_t, \\
       \partial W &= \sum_t \partial a_t\, x_t^\top, \qquad
       \partial U = \sum_t \partial a_t\, h_{t-1}^\top, \qquad
       \partial b = \sum_t \partial a_t

    Cost: T N H (I + H) multiply-adds. The products with x of all steps are one, as are
    those for the gradients of x, W and U. Saves the inputs and the outputs.

    References
    ----------
    .. [1] J. L. Elman, "Finding structure in time", Cognitive Science 14(2), 1990.
       https://doi.org/10.1207/s15516709cog1402_1

    Examples
    --------
    A unit that adds up:

    >>> import odyssey as od
    >>> one = od.ones((1, 1))
    >>> x = od.tensor([[[1.0]], [[2.0]], [[3.0]]])
    >>> out, h = od.core.rnn(x, 0 * one, one, one, nonlinearity="relu")
    >>> out.numpy().ravel()
    array([1., 3., 6.], dtype=float32)
    """
    check_nonlinearity("rnn", nonlinearity)
    x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths = checked(
        "rnn", 1, x, {"h0": h0}, weight_ih, weight_hh, bias_ih, bias_hh, lengths
    )
    a = kernel("linear")(x, weight_ih, joined(bias_ih, bias_hh))
    return kernel("rnn")(a, weight_hh, h0, lengths, bool(reverse), nonlinearity)


@rnn.backward_rule(wrt=("x", "h0", "weight_ih", "weight_hh", "bias_ih", "bias_hh"))
def rnn_backward(
    grad,
    x,
    h0,
    weight_ih,
    weight_hh,
    out,
    lengths=None,
    reverse=False,
    nonlinearity="tanh",
    needs=SIX,
):
    """Return the gradients of :func:`rnn` for its six arrays.

    ``grad`` holds those of the two results, or None for those that are not used.
    """
    lengths = as_lengths("rnn", lengths, x)
    da, grad_h0 = kernel("rnn_backward")(
        *zeros_for(grad, out), weight_hh, out[0], lengths, bool(reverse), nonlinearity
    )
    wanted = (needs[0], needs[2], needs[4] or needs[5])
    grad_x, grad_ih, grad_b = kernel("linear_backward")(da, x, weight_ih, wanted)
    grad_hh = None
    if needs[3]:
        grad_hh = recurrent_gradient(da, h0, out[0], weight_hh, lengths, reverse)
    return _wanted(needs, (grad_x, grad_h0, grad_ih, grad_hh, grad_b, _copy(grad_b, needs[4])))


@rnn.backward_formula
def rnn_backward_formula(
    grad,
    x,
    h0,
    weight_ih,
    weight_hh,
    out,
    bias_ih=None,
    bias_hh=None,
    lengths=None,
    reverse=False,
    nonlinearity="tanh",
    needs=SIX,
):
    """Return the same in operators, step by step."""
    grad_out, dh = zeros_for(grad, out)
    a = linear(x, weight_ih, joined(bias_ih, bias_hh))
    phi = tanh if nonlinearity == "tanh" else relu
    way, h = [], h0
    for t, live in steps(x.shape[0], lengths, reverse):
        new = phi(a[t] + linear(h, weight_hh))
        way.append((t, live, h, new))
        h = choose(live, new, h)
    da, before = [None] * len(way), [None] * len(way)
    for t, live, h, new in way[::-1]:
        slope = 1 - new * new if nonlinearity == "tanh" else np.asarray(new) > 0
        d = (dh + grad_out[t]) * slope
        da[t], before[t] = choose(live, d, 0), h
        dh = choose(live, matmul(d, weight_hh), dh)
    da, before = in_time(da, a), in_time(before, grad_out)
    grad_x, grad_ih, grad_hh, grad_b, grad_b2 = gradients(
        da, da, x, before, weight_ih, (needs[0], needs[2], needs[4], needs[3], needs[5])
    )
    return _wanted(needs, (grad_x, dh, grad_ih, grad_hh, grad_b, grad_b2))
