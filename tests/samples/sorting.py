"""Sorting and searching: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, RangeError, ShapeError
from odyssey.testing.cases import grid
from samples import Bad, Sample, Shared
from samples._draws import array, axes_of, axis_of, choice, draws

rng, normal, positive = draws(__name__)


def np_argsort(x, axis=-1, descending=False, stable=True):
    # Whole numbers stand for the elements, ascending: they can be negated.
    ranks = np.unique(x, return_inverse=True)[1].reshape(x.shape)
    return np.argsort(-ranks if descending else ranks, axis, kind="stable")


def np_sort(x, axis=-1, descending=False, stable=True):
    return np.take_along_axis(x, np_argsort(x, axis, descending), axis)


def np_top_k(x, k, axis=-1, largest=True, sorted=True):
    order = np.split(np_argsort(x, axis, largest), [k], axis)[0]
    order = order if sorted else np.sort(order, axis)
    return np.take_along_axis(x, order, axis), order


def np_count_nonzero(x, axis=None, keepdims=False):
    return np.asarray(np.count_nonzero(x, axis=axis, keepdims=keepdims))


ties = np.array([[1.0, 0.0, 1.0, 0.0, 2.0], [3.0, 3.0, -1.0, -1.0, 3.0]])
steps = np.array([-1.0, 0.5, 0.5, 2.0])

SAMPLES = [
    *[
        Sample(name, (values,), f, settings)
        for name, f in (("sort", np_sort), ("argsort", np_argsort))
        for values, settings in (
            (grid(rng, (3, 5)), {}),
            (grid(rng, (2, 3, 4)), {"axis": 1, "descending": True}),
            (grid(rng, (4,)), {"axis": 0, "stable": False}),
            (grid(rng, (0, 3)), {"axis": 0, "descending": True}),
            (grid(rng, (1,)), {}),
        )
    ],
    *[Sample("argsort", (ties,), np_argsort, {"descending": down}) for down in (False, True)],
    Sample("top_k", (grid(rng, (3, 5)), 2), np_top_k),
    Sample("top_k", (grid(rng, (2, 3, 4)), 2), np_top_k, {"axis": -2, "largest": False}),
    Sample("top_k", (grid(rng, (7,)), 4), np_top_k, {"sorted": False}),
    Sample("top_k", (grid(rng, (0, 3)), 3), np_top_k),
    Sample("top_k", (grid(rng, (1,)), 1), np_top_k),
    Sample("argmin", (normal(3, 5),), np.argmin),
    Sample("argmin", (normal(3, 5),), np.argmin, {"axis": 0, "keepdims": True}),
    Sample("argmin", (normal(0, 3),), np.argmin, {"axis": 1}),
    Sample("argmin", (normal(1),), np.argmin),
    *[
        Sample("searchsorted", (steps, normal(2, 3), side), np.searchsorted)
        for side in ("left", "right")
    ],
    Sample("searchsorted", (steps, steps), np.searchsorted, {"side": "right"}),
    Sample("searchsorted", (steps[::-1], normal(3)), np.searchsorted,
           {"sorter": np.arange(4)[::-1]}),
    Sample("searchsorted", (steps[:0], normal(2)), np.searchsorted),
    Sample("searchsorted", (steps[:1], np.array(1.0)), np.searchsorted),
    *[
        Sample(name, (values,), f)
        for name, f in (("nonzero", np.nonzero), ("count_nonzero", np_count_nonzero))
        for values in (ties, np.array([0.0, np.nan, -0.0, 1.0]), normal(2, 0), normal(1))
    ],
    Sample("count_nonzero", (ties,), np_count_nonzero, {"axis": (0, -1), "keepdims": True}),
    Sample("count_nonzero", (ties,), np_count_nonzero, {"axis": 1}),
]  # fmt: skip

x = np.ones((2, 3), np.float32)

BAD = [
    Bad("sort", (np.array(1.0),), {}, RangeError, "sort: axis -1 is out of range for 0 axes"),
    Bad("sort", (x, None), {}, ShapeError, "sort: axis must be an integer, got None"),
    Bad("argsort", (x, 2), {}, RangeError, "argsort: axis 2 is out of range"),
    Bad("top_k", (x, 4), {}, ShapeError, r"top_k: k must be an integer in \[0, 3\], .* got 4"),
    Bad("top_k", (x, -1), {}, ShapeError, r"top_k: k must be an integer in \[0, 3\]"),
    Bad("top_k", (x, 1.0), {}, ShapeError, r"top_k: k must be an integer in \[0, 3\], .* got 1.0"),
    Bad("argmin", (x[:0], 0), {}, ShapeError, r"argmin: x of shape \(0, 3\) has no element along"),
    Bad("argmin", (x, 2), {}, RangeError, "argmin: axis 2 is out of range"),
    Bad("searchsorted", (x, x), {}, ShapeError, r"x1 must have 1 axis, but its shape is \(2, 3\)"),
    Bad("searchsorted", (x[0], x, "middle"), {}, OdysseyError, "side must be 'left' or 'right'"),
    Bad("searchsorted", (x[0], x, "left", x[0]), {}, DTypeError, "sorter must hold integers"),
    Bad("searchsorted", (x[0], x, "left", np.arange(2)), {}, ShapeError, r"sorter of shape \(2,"),
    Bad("nonzero", (np.array(1.0),), {}, ShapeError, "nonzero: x has no axes"),
    Bad("count_nonzero", (x, (0, 0)), {}, ShapeError, "count_nonzero: axis .* names an axis twice"),
]


def one_axis(rng):
    x = array(rng, 1)
    return (x,), {"axis": axis_of(rng, x), "descending": choice(rng, False, True)}


def k_of_it(rng):
    x = array(rng, 1)
    axis = axis_of(rng, x)
    k = int(rng.integers(0, x.shape[axis] + 1))
    return (x, k), {"axis": axis, "largest": choice(rng, False, True)}


def over_one_axis(rng):
    x = array(rng, 1, empty=False)
    return (x,), {"axis": axis_of(rng, x), "keepdims": choice(rng, False, True)}


def some_zeros(rng):
    x = array(rng, 1)
    return (np.where(rng.random(x.shape) < 0.5, x, 0),), {}


def zeros_over_axes(rng):
    (x,), _ = some_zeros(rng)
    return (x,), {"axis": axes_of(rng, x)}


def in_order(rng):
    return (np.sort(array(rng, 1, 1)), array(rng, 1)), {"side": choice(rng, "left", "right")}


def searchsorted(torch, x1, x2, side):
    return torch.searchsorted(x1.detach(), x2.detach(), side=side)


def torch_sort(torch, x, axis, descending):
    return torch.sort(x, dim=axis, descending=descending, stable=True).values


def argsort(torch, x, axis, descending):
    return torch.argsort(x, dim=axis, descending=descending, stable=True)


SHARED = [
    Shared("argmin", "argmin", over_one_axis, {"axis": "dim", "keepdims": "keepdim"}),
    Shared("argsort", argsort, one_axis),
    Shared("count_nonzero", "count_nonzero", zeros_over_axes, {"axis": "dim"}),
    Shared("nonzero", lambda torch, x: torch.nonzero(x, as_tuple=True), some_zeros),
    Shared("searchsorted", searchsorted, in_order),
    Shared("sort", torch_sort, one_axis),
    Shared("top_k", "topk", k_of_it, {"axis": "dim"}),
]
