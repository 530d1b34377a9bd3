"""What the recurrent operations share: parts around the kernels, and their steps in operators."""

from __future__ import annotations

import numpy as np

from odyssey.backend import kernel
from odyssey.core._broadcast import add_up
from odyssey.core._checks import as_array, check_one_dtype
from odyssey.core.elementwise import where
from odyssey.core.linear import linear_backward_formula
from odyssey.core.matrix import matmul, swapaxes
from odyssey.core.shape import concatenate, stack
from odyssey.errors import ShapeError
from odyssey.utils.kernel_checks_recurrent import check_lengths


def checked(op, gates, x, states, weight_ih, weight_hh, bias_ih, bias_hh, lengths):
    """Return the arguments as arrays; raise unless they fit each other."""
    x, weight_ih, weight_hh = as_array(x), as_array(weight_ih), as_array(weight_hh)
    states = {name: as_array(state) for name, state in states.items()}
    weights = {"weight_ih": weight_ih, "weight_hh": weight_hh}
    biases = {"bias_ih": bias_ih, "bias_hh": bias_hh}
    biases = {name: as_array(bias) for name, bias in biases.items() if bias is not None}
    check_one_dtype(op, x=x, **states, **weights, **biases)
    if x.ndim != 3:
        raise ShapeError(f"{op}: x has shape {x.shape}; expected (T, N, I)")
    if weight_hh.ndim != 2 or weight_hh.shape[0] != gates * weight_hh.shape[1]:
        raise ShapeError(f"{op}: weight_hh has shape {weight_hh.shape}; expected ({gates}H, H)")
    (_, N, features), H = x.shape, weight_hh.shape[1]
    expected = {
        "weight_ih": (gates * H, features),
        "weight_hh": (gates * H, H),
        **dict.fromkeys(biases, (gates * H,)),
        **dict.fromkeys(states, (N, H)),
    }
    for name, array in {**weights, **biases, **states}.items():
        if array.shape != expected[name]:
            raise ShapeError(
                f"{op}: {name} has shape {array.shape}; expected {expected[name]} "
                f"(x: {x.shape}, weight_hh: {weight_hh.shape})"
            )
    bias_ih, bias_hh = biases.get("bias_ih"), biases.get("bias_hh")
    lengths = as_lengths(op, lengths, x)
    return x, *states.values(), weight_ih, weight_hh, bias_ih, bias_hh, lengths


def as_lengths(op, lengths, x):
    """Return lengths of any integers as the kernels want them, None as it is."""
    if lengths is None:
        return None
    lengths = np.asarray(lengths)
    lengths = lengths.astype(np.int64) if lengths.dtype.kind in "iu" else lengths
    return check_lengths(op, lengths, *x.shape[:2])


def joined(bias_ih, bias_hh):
    """Return the sum of the biases that there are, or None."""
    if bias_ih is None or bias_hh is None:
        return bias_hh if bias_ih is None else bias_ih
    return bias_ih + bias_hh


def zeros_for(grads, outputs):
    """Return the gradients of the outputs, zeros where there is none."""
    pairs = zip(grads, outputs, strict=True)
    return [np.zeros(out.shape, out.dtype) if g is None else g for g, out in pairs]


def recurrent_gradient(grad, first, states, weight, lengths, reverse):
    """Return the recurrent weight's gradient: each step's times the state before, added up.

    ``grad`` (T, N, G) is that of the product of ``weight`` with the states, ``first`` is the
    state (N, H) before the first step of each sequence, ``states`` (T, N, H) are those after
    each step.
    """
    T, N, _ = grad.shape

    def product(grad, states):
        rows = [
            one.reshape((one.size // max(one.shape[-1], 1), one.shape[-1]))
            for one in (grad, states)
        ]
        return kernel("linear_backward")(*rows, weight, (False, True, False))[1]

    if not T:
        return np.zeros(weight.shape, weight.dtype)
    if not reverse:
        total = product(grad[1:], states[:-1])
        total += product(grad[0], first)
        return total
    # The state after the end of a sequence is 0 among the outputs, so that only `first` counts.
    last = np.full(N, T - 1) if lengths is None else np.maximum(lengths - 1, 0)
    return product(grad[:-1], states[1:]) + product(grad[last, np.arange(N)], first)


# ---- the same in operators, for second derivatives -----------------------------------------------


def steps(T, lengths, reverse):
    """Return each time on the way, and which sequences have it, (N, 1); None for all."""
    times = range(T)[::-1] if reverse else range(T)
    if lengths is None:
        return [(t, None) for t in times]
    lengths = np.asarray(lengths)
    return [(t, (t < lengths)[:, None]) for t in times]


def choose(live, new, old):
    """Return the new where a sequence has this step, else the old."""
    return new if live is None else where(live, new, old)


def parts(x, count):
    """Return the parts of the last axis of a matrix."""
    width = x.shape[1] // count
    return [x[:, k * width : (k + 1) * width] for k in range(count)]


def side_by_side(xs):
    """Return matrices as one, side by side."""
    return concatenate(xs, 1)


def in_time(found, empty):
    """Return matrices, one a step, as one array; ``empty`` if there are none."""
    return stack(found, 0) if found else empty


def gradients(da, du, x, before, weight_ih, needs):
    """Return the gradients for x, weight_ih, weight_hh, bias_ih and bias_hh.

    ``da`` (T, N, G) and ``du`` are those of the gates' input part and of their product with
    ``before`` (T, N, H), the states before each step.
    """
    T, N, _ = x.shape
    rows = [one.reshape((T * N, one.shape[-1])) for one in (du, before)]
    grad_x, grad_weight, grad_bias = linear_backward_formula(da, x, weight_ih, needs[:3])
    return (
        grad_x,
        grad_weight,
        matmul(swapaxes(rows[0], 0, 1), rows[1]) if needs[3] else None,
        grad_bias,
        add_up(du, (0, 1)) if needs[4] else None,
    )
