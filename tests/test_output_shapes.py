"""The shape calculators give what the operations return, and refuse what those refuse."""

import numpy as np
import pytest

from odyssey import core
from odyssey.errors import ShapeError

CONVS = {1: core.conv1d, 2: core.conv2d, 3: core.conv3d}
TRANSPOSED = {1: core.conv_transpose1d, 2: core.conv_transpose2d, 3: core.conv_transpose3d}
POOLS = {1: core.max_pool1d, 2: core.max_pool2d, 3: core.max_pool3d}
SETTINGS = [
    {},
    {"stride": 2},
    {"stride": (2, 1, 3), "padding": (1, 0, 1)},
    {"dilation": (1, 2, 1), "padding": 1},
]


def along(axes, settings):
    return {name: value[:axes] if isinstance(value, tuple) else value
            for name, value in settings.items()}  # fmt: skip


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_the_shapes_are_those_of_the_operations(axes, settings):
    settings = along(axes, settings)
    x, weight = np.ones((2, 4, *(7, 6, 5)[:axes])), np.ones((6, 2, *(3, 2, 2)[:axes]))
    y = CONVS[axes](x, weight, groups=2, **settings)
    assert core.conv_output_shape(x.shape, weight.shape, **settings) == y.shape

    weight = np.ones((4, 3, *(3, 2, 2)[:axes]))
    y = TRANSPOSED[axes](x, weight, groups=2, **settings)
    assert core.conv_transpose_output_shape(x.shape, weight.shape, groups=2, **settings) == y.shape

    for ceil_mode in (False, True):
        pool = {**settings, "kernel_size": (3, 2, 2)[:axes], "ceil_mode": ceil_mode}
        assert core.pool_output_shape(x.shape, **pool) == POOLS[axes](x, **pool).shape


def test_same_padding_and_output_padding_count():
    x, weight = np.ones((1, 2, 7, 6)), np.ones((2, 2, 3, 2))
    shape = core.conv_output_shape(x.shape, weight.shape, 2, "same")
    assert shape == core.conv2d(x, weight, None, 2, "same").shape == (1, 2, 4, 3)
    shape = core.conv_transpose_output_shape(x.shape, weight.shape, 2, 1, 1)
    assert shape == core.conv_transpose2d(x, weight, None, 2, 1, 1).shape


def test_linear():
    x, weight = np.ones((2, 3, 4)), np.ones((5, 4))
    assert core.linear_output_shape(x.shape, weight.shape) == core.linear(x, weight).shape


@pytest.mark.parametrize(
    ("function", "args", "message"),
    [
        (core.conv_output_shape, ((2, 3), (4, 3, 3, 3)), "x_shape must have 3, 4 or 5 axes"),
        (core.conv_output_shape, ((2, 3, 5), (4, 3, 3, 3)), "differ in axes"),
        (core.conv_output_shape, ((2, 3, 5), (4, 3, 6)), "the window is larger than the padded"),
        (core.conv_output_shape, ((2, 3, 5), (4, 3, 3), 0), "stride must be at least 1, got 0"),
        (core.conv_transpose_output_shape, ((2, 3, 5), (3, 4)), "weight_shape must have 3, 4 or 5"),
        (core.conv_transpose_output_shape, ((2, 3, 5), (3, 4, 3, 3)), "differ in axes"),
        (core.conv_transpose_output_shape, ((2, 3, 1), (3, 4, 3), 1, 2), "nothing is left"),
        (core.pool_output_shape, ((2, 3, 5), 6), "the window is larger than the padded image"),
        (core.pool_output_shape, ((2, 3, 5), (2, 2)), "kernel_size must be one integer, got"),
        (core.linear_output_shape, ((2, 3), (4, 5)), "must end in the inputs of weight_shape"),
    ],
)
def test_what_does_not_fit_is_refused(function, args, message):
    with pytest.raises(ShapeError, match=f"^{function.__name__}: .*{message}"):
        function(*args)
