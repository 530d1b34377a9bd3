"""Bad input: what the messages look like; the tables of all operations are in tests/samples."""

import numpy as np
import pytest

from odyssey import core
from odyssey.errors import OdysseyError, ShapeError

x = np.ones((2, 3), np.float32)
ints = np.ones((2, 3), np.int64)


@pytest.mark.parametrize("op", [core.abs, core.exp, core.log, core.negate, core.sqrt])
def test_text_is_refused_by_numpy(op):
    with pytest.raises(TypeError):
        op(np.array(["text"]))


def test_broadcast_error_aligns_the_shapes():
    with pytest.raises(
        ShapeError, match=r"axis -2 has lengths 4 and 3 \(x: \(2, 4, 5\), y: \(3, 1"
    ):
        core.add(np.ones((2, 4, 5)), np.ones((3, 1)))


def test_errors_are_the_built_in_kinds_too():
    with pytest.raises(ValueError, match="axis 5"):
        core.sum(x, axis=5)
    with pytest.raises(TypeError, match="floating-point"):
        core.relu(ints)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: core.kaiming_uniform((3,)), ShapeError, r"needs at least 2 axes .* shape \(3,\)"),
        (lambda: core.xavier_normal((3,)), ShapeError, "xavier_normal: a weight needs"),
        (
            lambda: core.kaiming_normal((3, 4), mode="in"),
            OdysseyError,
            "fan_in or fan_out, got 'in'",
        ),
        (lambda: core.calculate_gain("step"), OdysseyError, "must be one of .* got 'step'"),
    ],
)
def test_bad_initializer(call, error, message):
    with pytest.raises(error, match=message):
        call()
