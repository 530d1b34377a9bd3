"""The shape functions: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import array, axis_of, broadcasting, choice, draws, numbers

rng, normal, positive = draws(__name__)


def np_flatten(x, start_axis=1, end_axis=-1):
    end = end_axis % x.ndim
    return x.reshape(*x.shape[:start_axis], -1, *x.shape[end + 1 :])


SAMPLES = [
    Sample("broadcast_to", (normal(3, 1), (2, 3, 4)), np.broadcast_to),
    Sample("broadcast_to", (np.array(1.5), (2, 3)), np.broadcast_to),
    Sample(
        "concatenate", ([normal(2, 3), normal(2, 1), normal(2, 4)],), np.concatenate, {"axis": 1}
    ),
    Sample("concatenate", ([normal(2, 3), normal(1, 3)],), np.concatenate, {"axis": -2}),
    Sample("concatenate", ([normal(2, 3), normal(1), np.array(1.5)], None), np.concatenate),
    Sample("expand_dims", (normal(3, 4), -2), np.expand_dims),
    Sample("expand_dims", (normal(3, 4), (0, -1)), np.expand_dims),
    Sample("flatten", (normal(2, 3, 4),), np_flatten),
    Sample("flatten", (normal(2, 3, 4, 5),), np_flatten, {"start_axis": 1, "end_axis": 2}),
    Sample("reshape", (normal(3, 4), (2, -1)), np.reshape),
    Sample("reshape", (normal(3, 4), (2, -1), True), lambda x, shape, copy: x.reshape(shape)),
    Sample("squeeze", (normal(1, 3, 1),), np.squeeze),
    Sample("squeeze", (normal(1, 3, 1),), np.squeeze, {"axis": -1}),
    Sample("stack", ([normal(2, 3), normal(2, 3)],), np.stack, {"axis": -1}),
    Sample("stack", ([normal(2), normal(2), normal(2)],), np.stack),
    *[
        Sample(name, (normal(*shape), *args), f)
        for shape in ((0, 1), (1, 1))
        for name, args, f in (
            ("broadcast_to", ((2, *shape),), np.broadcast_to),
            ("expand_dims", (1,), np.expand_dims),
            ("flatten", (0,), np_flatten),
            ("reshape", ((shape[0], 1, 1),), np.reshape),
            ("squeeze", (1,), np.squeeze),
        )
    ],
    *[
        Sample(name, ([normal(*shape), normal(*shape)],), f)
        for shape in ((0, 3), (1,))
        for name, f in (("concatenate", np.concatenate), ("stack", np.stack))
    ],
]

x = np.ones((2, 3), np.float32)

BAD = [
    Bad("reshape", (x, (4, 2)), {}, ShapeError, r"reshape: x has 6 elements .*do not fit \(4, 2\)"),
    Bad("reshape", (x.T, 6, False), {}, ShapeError, r"strides .* needs a copy for shape 6"),
    Bad("expand_dims", (x, (0, 0)), {}, ShapeError, "expand_dims: axis .* names an axis twice"),
    Bad("flatten", (x, 1, 0), {}, ShapeError, "flatten: end_axis 0 lies before start_axis 1"),
    Bad("flatten", (x, 2), {}, ShapeError, "flatten: start_axis 2 is out of range"),
    Bad("expand_dims", (x, 4), {}, ShapeError, "expand_dims: axis 4 is out of range for 3 axes"),
    Bad("squeeze", (x, 0), {}, ShapeError, r"squeeze: axis 0 has length 2, not 1 \(x: \(2, 3\)\)"),
    Bad("broadcast_to", (x, (4, 2)), {}, ShapeError, r"x of shape \(2, 3\) does not broadcast to"),
    Bad("concatenate", ([],), {}, ShapeError, "concatenate: xs is empty"),
    Bad("concatenate", ({1: x},), {}, DTypeError, "xs must be a list or tuple of arrays, got dict"),
    Bad("concatenate", ([x, x.T],), {}, ShapeError, r"than in axis 0: \(2, 3\), \(3, 2\)"),
    Bad("concatenate", ([x, x[0]],), {}, ShapeError, "concatenate: the shapes differ"),
    Bad("concatenate", ([x], 2), {}, ShapeError, "concatenate: axis 2 is out of range"),
    Bad("stack", ([],), {}, ShapeError, "stack: xs is empty"),
    Bad("stack", ({1: x},), {}, DTypeError, "xs must be a list or tuple of arrays, got dict"),
    Bad("stack", ([x, x.T],), {}, ShapeError, r"stack: the shapes differ: \(2, 3\), \(3, 2\)"),
    Bad("stack", ([x], 3), {}, ShapeError, "stack: axis 3 is out of range for 3 axes"),
]


def to_larger(rng):
    x = broadcasting(rng, 1)[0]
    return (x, (2, *x.shape)), {}


def several(rng):
    x = array(rng, 1)
    count = int(rng.integers(1, 4))
    return ([numbers(rng, x.shape) for _ in range(count)],), {"axis": axis_of(rng, x)}


def in_another_shape(rng):
    x = array(rng, 2)
    return (x, choice(rng, x.shape[::-1], (x.size,), (x.shape[0] * x.shape[1], *x.shape[2:]))), {}


def with_an_axis_of_one(rng):
    x = array(rng, 1, 3)
    axis = axis_of(rng, x)
    return (np.expand_dims(x, axis), axis), {}


def two_axes_to_one(rng):
    x = array(rng, 2)
    start = int(rng.integers(0, x.ndim - 1))
    return (x, start, int(rng.integers(start, x.ndim))), {}


SHARED = [
    Shared("broadcast_to", "broadcast_to", to_larger),
    Shared("concatenate", "concatenate", several),
    Shared("expand_dims", "unsqueeze", lambda rng: ((array(rng), choice(rng, 0, -1)), {})),
    Shared("flatten", "flatten", two_axes_to_one),
    Shared("reshape", "reshape", in_another_shape),
    Shared("squeeze", "squeeze", with_an_axis_of_one),
    Shared("stack", "stack", several),
]
