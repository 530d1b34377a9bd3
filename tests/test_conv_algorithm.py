"""The choice between the direct and Winograd's form: the switch, and the table behind it."""

import itertools

import numpy as np
import pytest

import odyssey as od
from odyssey.errors import OdysseyError
from odyssey.utils import conv_algorithm
from odyssey.utils.conv_algorithm import ALONG_ROWS, DIRECT, choose_algorithm, winograd_tile

HALF, SINGLE, DOUBLE = map(np.dtype, ("float16", "float32", "float64"))
DIRECTIONS = ("forward", "input", "weight")
SIDES = (1, 2, 3, 4, 5, 6, 7, 8, 13, 14, 28, 56, 57)
CHANNELS = (1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 64, 100, 256, 512)


@pytest.fixture(autouse=True)
def _restored():
    before = od.get_conv_algorithm()
    od.set_conv_algorithm("auto")
    yield
    od.set_conv_algorithm(before)


def test_set_and_get(capsys):
    for name in ("direct", "winograd", "auto"):
        od.set_conv_algorithm(name)
        assert od.get_conv_algorithm() == name
        od.show_config()
        rows = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
        assert rows["convolutions"].strip() == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vinograd", "auto, direct, winograd, got 'vinograd'; did you mean 'winograd'?"),
        ("Direct", "got 'Direct'; did you mean 'direct'?"),
        ("fft", "got 'fft'"),
        (None, "got None"),
        (4, "got 4"),
    ],
)
def test_bad_name(name, message):
    od.set_conv_algorithm("winograd")
    with pytest.raises(OdysseyError, match="set_conv_algorithm: expected one of") as caught:
        od.set_conv_algorithm(name)
    assert str(caught.value).endswith(message)
    assert od.get_conv_algorithm() == "winograd"


def each_call():
    sides, gaps = itertools.product(SIDES, SIDES), ((1, 1), (2, 3))
    return itertools.product((1, 16, 64), (1, 16, 64), sides, gaps, DIRECTIONS)


@pytest.mark.parametrize("name", conv_algorithm.ALGORITHMS)
def test_float64_is_direct(name):
    od.set_conv_algorithm(name)
    for C, K, outputs, dilation, direction in each_call():
        assert winograd_tile(C, K, outputs, dilation, DOUBLE, direction) == 0


def test_direct_is_direct_and_winograd_is_winograd():
    for C, K, outputs, dilation, direction in each_call():
        args = C, K, outputs, dilation, SINGLE, direction
        auto = winograd_tile(*args)
        od.set_conv_algorithm("direct")
        assert winograd_tile(*args) == 0
        od.set_conv_algorithm("winograd")
        tile = winograd_tile(*args)
        assert tile in (2, 4) and auto in (0, tile)
        od.set_conv_algorithm("auto")


def products(outputs, dilation, m):
    """Count multiplications as the kernel makes them: tile by tile, phase by phase."""
    count = 1
    for size, gap in zip(outputs, dilation, strict=True):
        longest = len(range(0, size, gap))
        count *= sum(1 for _ in range(min(gap, size)) for _ in range(0, longest, m)) * (m + 2)
    return count


def test_the_tile_is_the_one_with_fewer_multiplications():
    od.set_conv_algorithm("winograd")
    for outputs, dilation in itertools.product(itertools.product(SIDES, SIDES), ((1, 1), (3, 2))):
        small, large = (products(outputs, dilation, m) for m in (2, 4))
        expected = 2 if small <= large else 4
        assert winograd_tile(64, 64, outputs, dilation, SINGLE, "forward") == expected
    for side, tile in {1: 2, 2: 2, 3: 4, 4: 4, 5: 2, 6: 2, 7: 4, 8: 4, 56: 4}.items():
        assert winograd_tile(64, 64, (side, side), (1, 1), SINGLE, "input") == tile


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_more_channels_or_filters_never_lead_back_to_direct(direction):
    for outputs in ((1, 1), (4, 4), (7, 9), (28, 28)):
        table = np.array(
            [[winograd_tile(C, K, outputs, (1, 1), SINGLE, direction) for K in CHANNELS]
             for C in CHANNELS]
        )  # fmt: skip
        assert (np.diff(table, axis=0) >= 0).all() and (np.diff(table, axis=1) >= 0).all()
        assert not table[0].any() and not table[:, 0].any()


def test_auto_never_multiplies_more_than_the_direct_form():
    for outputs, dilation in itertools.product(itertools.product(SIDES, SIDES), ((1, 1), (3, 2))):
        tile = winograd_tile(512, 512, outputs, dilation, SINGLE, "forward")
        if tile:
            assert products(outputs, dilation, tile) < 9 * outputs[0] * outputs[1]
    assert winograd_tile(512, 512, (28, 28), (1, 1), SINGLE, "forward") == 4
    assert winograd_tile(512, 512, (1, 1), (1, 1), SINGLE, "forward") == 0


def test_half_precision_chooses_as_single_does():
    for C, K, outputs, dilation, direction in each_call():
        args = C, K, outputs, dilation
        assert winograd_tile(*args, HALF, direction) == winograd_tile(*args, SINGLE, direction)


def test_threads_have_no_part_in_it():
    before = od.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 4):
            od.set_num_threads(threads)
            found.append([winograd_tile(*args[:4], SINGLE, args[4]) for args in each_call()])
    finally:
        od.set_num_threads(before)
    assert found[0] == found[1] == found[2]


ONES = (1, 1)


def test_no_form_where_there_is_none():
    for direction, stride, dilation, taps in (
        ("input", (2, 2), ONES, (7, 7)),
        ("forward", ONES, (1, 2), (3, 7)),
        ("forward", (3, 3), ONES, (3, 3)),
        ("weight", ONES, ONES, (1, 1)),
        ("weight", ONES, ONES, (3, 7)),
    ):
        for name in ("auto", "winograd"):
            args = name, direction, 8, 64, taps, (28, 28), stride, dilation
            assert choose_algorithm(*args) == DIRECT


def test_few_channels_and_strides_run_along_rows():
    for C, K, taps, stride in (
        (3, 64, (3, 3), ONES),
        (3, 64, (7, 7), (2, 2)),
        (3, 96, (11, 11), (4, 4)),
        (16, 16, (3, 3), ONES),
        (64, 64, (5, 5), (2, 2)),
    ):
        for direction in ("forward", "weight"):
            args = direction, C, K, taps, (28, 28), stride, ONES
            assert choose_algorithm("auto", *args) == ALONG_ROWS
            assert choose_algorithm("direct", *args) == DIRECT
    args = "forward", 256, 256, (3, 3), (28, 28), ONES, ONES
    assert choose_algorithm("auto", *args) == 4
    assert choose_algorithm("auto", "forward", 3, 6, (5, 5), (28, 28), ONES, ONES) == DIRECT


def test_forced_every_form_that_there_is_runs():
    args = (32, 64, (3, 3), (28, 28))
    assert choose_algorithm("winograd", "forward", *args, ONES, ONES) == 4
    assert choose_algorithm("winograd", "forward", *args, (2, 2), ONES) == ALONG_ROWS
    assert choose_algorithm("winograd", "input", *args, (2, 2), ONES) == DIRECT


@pytest.mark.parametrize("name", conv_algorithm.ALGORITHMS)
def test_odd_sizes_have_an_answer(name):
    for C, K, P, Q in itertools.product((0, 1, 3), (0, 1, 20), (0, 1), (0, 1, 2)):
        for direction in DIRECTIONS:
            choose_algorithm(name, direction, C, K, (3, 3), (P, Q), ONES, ONES)
