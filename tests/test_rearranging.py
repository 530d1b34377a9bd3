"""rearrange: patterns against reshape and transpose, its gradient, and what it refuses."""

import numpy as np
import pytest

import odyssey as od
from odyssey.core import rearrange
from odyssey.errors import OdysseyError, ShapeError
from odyssey.testing import LAYOUTS, gradcheck, gradgradcheck

x = np.random.default_rng(0).standard_normal((2, 12, 3, 5))

PATTERNS = [
    ("a b c d -> d c b a", {}, lambda x: x.T),
    ("a b c d->a (b c d)", {}, lambda x: x.reshape(2, -1)),
    ("a (h d) b c -> a h b c d", {"h": 4}, lambda x: x.reshape(2, 4, 3, 3, 5).transpose(
        0, 1, 3, 4, 2)),
    ("a (h d) b c -> (h a) b (c d)", {"d": 3}, lambda x: x.reshape(2, 4, 3, 3, 5).transpose(
        1, 0, 3, 4, 2).reshape(8, 3, 15)),
    ("a ... d -> d ... a", {}, lambda x: x.transpose(3, 1, 2, 0)),
    ("... -> (...)", {}, np.ravel),
    ("a b ... -> ... (b a)", {}, lambda x: x.transpose(2, 3, 1, 0).reshape(3, 5, 24)),
    ("a ... b c d -> a b c d ...", {}, lambda x: x),
    ("a b c d -> a 1 b (c d) 1", {}, lambda x: x.reshape(2, 1, 12, 15, 1)),
    ("a b c d -> () a b c d", {}, lambda x: x[None]),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "sizes", "expected"), PATTERNS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_patterns(pattern, sizes, expected, layout):
    given = LAYOUTS[layout](x)
    found = rearrange(given, pattern, **sizes)
    assert np.array_equal(found, expected(given))
    assert np.array_equal(rearrange(od.from_numpy(given), pattern, **sizes), found)


def test_ones_are_taken_away_and_empty_axes_stay():
    assert rearrange(np.ones((1, 3, 1)), "1 a () -> a").shape == (3,)
    assert rearrange(np.ones((0, 3)), "a b -> (b a)").shape == (0,)
    assert rearrange(np.ones(()), "->").shape == ()


@pytest.mark.parametrize(("pattern", "sizes"), [row[:2] for row in PATTERNS])
def test_gradients(pattern, sizes):
    def function(x):
        return rearrange(x, pattern, **sizes)

    gradcheck(function, [x])
    gradgradcheck(function, [x])


@pytest.mark.parametrize(
    ("pattern", "sizes", "error", "message"),
    [
        ("a b c d", {}, OdysseyError, "must be 'names -> names', got 'a b c d'"),
        ([5], {}, OdysseyError, r"must be 'names -> names', got \[5\]"),
        ("a b c -> c b a", {}, ShapeError, r"x of shape \(2, 12, 3, 5\) does not have the axes of"),
        ("a b c d e ... -> a b c d e ...", {}, ShapeError, "does not have the axes of"),
        ("a b c d -> a b c", {}, OdysseyError, "only one side of 'a b c d -> a b c' has d"),
        ("a b c c -> a b c", {}, OdysseyError, "'c' occurs twice on a side"),
        ("a b c d -> a b c d d", {}, OdysseyError, "'d' occurs twice on a side"),
        ("a (b e) c d -> a b e c d", {}, ShapeError, "give a length to one of b, e"),
        ("a (b e) c d -> a b e c d", {"b": 5}, ShapeError, "axis 1 of x .* has length 12, which"),
        ("a b c d -> d c b a", {"a": 3}, ShapeError, "axis 0 of x .* has length 2, which"),
        ("a b c d -> d c b a", {"e": 3}, OdysseyError, r"\['e'\] not in"),
        ("a b c d -> d c b a", {"a": -2}, ShapeError, "a must be a length, got -2"),
        ("a b c d -> d c b a", {"a": 2.0}, ShapeError, "a must be a length, got 2.0"),
        ("a (b c d -> a b c d", {}, OdysseyError, "a group in .* is not closed"),
        ("a b) c d -> a b c d", {}, OdysseyError, r"'\) c d' in .* makes no sense"),
        ("a ((b c)) d -> a b c d", {}, OdysseyError, "makes no sense"),
        ("a b, c d -> a b c d", {}, OdysseyError, "makes no sense"),
        ("a 2 c d -> a c d", {}, OdysseyError, "makes no sense"),
        ("(a ...) -> a ...", {}, OdysseyError, "'...' stands in a group on the left"),
    ],
)
def test_refuses(pattern, sizes, error, message):
    with pytest.raises(error, match=f"rearrange: .*{message}"):
        rearrange(x, pattern, **sizes)
