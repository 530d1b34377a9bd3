"""The plain functions of shapes that broadcast, which are no operations of their own."""

import numpy as np
import pytest

import odyssey as od
from odyssey.core import are_shapes_broadcastable, broadcast_arrays, broadcast_shapes
from odyssey.errors import ShapeError
from odyssey.testing import gradcheck

SHAPES = [(), ((),), ((2, 3),), ((2, 1), (3,)), ((4, 1, 3), (2, 1), ()), ((0, 1), (1, 5))]


@pytest.mark.parametrize("shapes", SHAPES)
def test_shapes_that_broadcast(shapes):
    assert broadcast_shapes(*shapes) == np.broadcast_shapes(*shapes)
    assert are_shapes_broadcastable(*shapes)
    arrays = [np.random.default_rng(0).standard_normal(shape) for shape in shapes]
    for given in (arrays, [od.from_numpy(a) for a in arrays]):
        found = broadcast_arrays(*given)
        assert isinstance(found, list)
        for mine, exact in zip(found, np.broadcast_arrays(*arrays), strict=True):
            assert np.array_equal(np.asarray(mine), exact)


def test_shapes_that_do_not():
    assert not are_shapes_broadcastable((2, 3), (2,))
    with pytest.raises(ShapeError, match=r"broadcast_shapes: .* axis -1 has lengths 3 and 2"):
        broadcast_shapes((2, 3), (2,))
    with pytest.raises(ShapeError, match=r"broadcast_arrays: .* axis -1 has lengths 3 and 2"):
        broadcast_arrays(np.ones((2, 3)), np.ones(2))


def test_gradients_add_up_over_the_copies():
    gradcheck(lambda x, y: tuple(broadcast_arrays(x, y)), [np.ones((2, 1)), np.ones(3)])
