"""The measuring bench: its clockwork, its arithmetic, and that every command runs.

No test asserts how long something takes.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import odyssey
from odyssey import fast, reference

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT))  # the bench is not installed, it runs from the checkout

from benchmarks import __main__ as command_line  # noqa: E402  after the path
from benchmarks import machine, means, measure, memory, report, roofline, timing  # noqa: E402
from benchmarks.case import BOTH, FORWARD, Case, Goal, Setting, kernel  # noqa: E402
from benchmarks.kernels import families  # noqa: E402
from benchmarks.pair import hits  # noqa: E402

compiled = pytest.mark.skipif(not fast.LEVEL, reason="measures the compiled kernels")
with_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="compares with PyTorch"
)


class FakeClock:
    """A clock that only sleeping and working move, and a log of what happened."""

    def __init__(self) -> None:
        self.now = 0.0
        self.log: list[str] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.log.append("sleep")

    def work(self, name, *durations):
        """Return a function that takes these durations in turn, over and over."""
        turns = itertools.cycle(durations)

        def function() -> None:
            self.now += next(turns)
            self.log.append(name)

        return function


# ---- the clockwork -------------------------------------------------------------------------------


@pytest.mark.parametrize(("duration", "calls"), [(1.0, 1), (0.3, 4), (0.25, 4), (0.001, 1024)])
def test_an_inner_loop_lasts_as_long_as_asked_for(duration, calls):
    clock = FakeClock()
    assert timing.calibrate(clock.work("a", duration), 1.0, clock) == calls


def test_the_first_call_does_not_count_when_calibrating():
    clock = FakeClock()
    slow_at_first = itertools.chain(
        [clock.work("a", 100.0)], itertools.repeat(clock.work("a", 0.5))
    )
    assert timing.calibrate(lambda: next(slow_at_first)(), 1.0, clock) == 2


def test_contestants_take_turns_with_a_rest_and_a_warm_up_before_each():
    clock = FakeClock()
    budget = timing.Budget(turn=1.0, pause=0.5, fewest=2, most=2, seconds=0.0)
    contestants = {"a": clock.work("a", 1.0), "b": clock.work("b", 2.0)}
    timing.interleave(contestants, budget, clock, clock.sleep)
    assert clock.log[:4] == ["a", "a", "b", "b"]  # calibration
    assert clock.log[4:] == 2 * ["sleep", "a", "a", "sleep", "b", "b"]


def test_times_are_of_one_call_and_without_rests():
    clock = FakeClock()
    budget = timing.Budget(turn=1.0, pause=50.0, fewest=5, most=5, seconds=1e9)
    times = timing.interleave({"a": clock.work("a", 0.25)}, budget, clock, clock.sleep)
    assert times["a"] == timing.Times(0.25, 0.25, repetitions=5, calls=4)


def test_the_minimum_and_the_median_are_those_of_the_repetitions():
    clock = FakeClock()
    # Calibration takes two calls, then each repetition one that warms up and one that counts.
    work = clock.work("a", 1.0, 1.0, 9.0, 3.0, 9.0, 1.0, 9.0, 2.0)
    budget = timing.Budget(turn=1.0, pause=0.0, fewest=3, most=3, seconds=1e9)
    times = timing.interleave({"a": work}, budget, clock, clock.sleep)["a"]
    assert (times.minimum, times.median, times.repetitions) == (1.0, 2.0, 3)


def test_a_long_call_is_not_warmed_up_again():
    clock = FakeClock()
    budget = timing.Budget(turn=0.1, pause=0.5, fewest=2, most=2, seconds=0.0)
    timing.interleave({"a": clock.work("a", 5.0)}, budget, clock, clock.sleep)
    assert clock.log == ["a", "a", "sleep", "a", "a", "sleep", "a"]


def test_repetitions_end_when_the_time_is_up_or_there_are_enough():
    clock = FakeClock()

    def repetitions(seconds):
        budget = timing.Budget(turn=1.0, pause=0.0, fewest=3, most=10, seconds=seconds)
        work = {"a": clock.work("a", 1.0)}
        return timing.interleave(work, budget, clock, clock.sleep)["a"].repetitions

    # Two seconds each, with what warms up.
    assert [repetitions(seconds) for seconds in (0.1, 2.0, 9.0, 1000.0)] == [2, 3, 5, 10]


def test_more_time_means_more_repetitions():
    budget = timing.Budget(seconds=0.5, most=20)
    assert (budget.lasting(2.0).most, budget.lasting(2.0).seconds) == (80, 2.0)
    assert budget.lasting(0.1).most == 20


# ---- the arithmetic ------------------------------------------------------------------------------


def test_geometric_mean():
    assert means.geometric_mean([4.0]) == pytest.approx(4)
    assert means.geometric_mean([2.0, 8.0]) == pytest.approx(4)
    assert means.geometric_mean([3.0, 1 / 3]) == pytest.approx(1)
    assert means.geometric_mean([1e300, 1e300, 1e-300]) == pytest.approx(1e100)
    with pytest.raises(ValueError, match="of nothing"):
        means.geometric_mean([])


PEAK = machine.Peak(
    {"float32": 100.0, "float64": 50.0},
    {kind: {2**10: 80.0, 2**20: 20.0} for kind in ("read", "copy", "triad")}
    | {"update": {2**10: 160.0, 2**20: 40.0}},
)


PEAK_READ = dict.fromkeys(machine.WORKING_SETS, 1.0)


def a_result(family="f", name="n", ratio=1.0, direction=FORWARD, threads=1, **others):
    fields = {
        "family": family,
        "name": name,
        "direction": direction,
        "dtype": "float32",
        "threads": threads,
        "times": {
            "odyssey": timing.Times(1e-6, 1e-6, 5, 8),
            "pytorch": timing.Times(ratio * 1e-6, ratio * 1e-6, 5, 8),
        },
        "pytorch": "pytorch",
        "ratio": ratio,
        "ratio_median": ratio,
        "ratio_single": None,
        "gflops": 10.0,
        "gflops_pytorch": 5.0,
        "gbytes": 10.0,
        "intensity": 1.0,
        "share": 0.5,
        "error": 1e-7,
        "error_pytorch": None,
        "least": None,
    }
    return measure.Result(**{**fields, **others})


def test_a_family_counts_once_in_the_mean_of_all():
    results = [a_result("f", "n", 4.0), *(a_result("g", f"n{i}", 1.0) for i in range(9))]
    lines = {
        line.family: line for line in means.summaries(results, {"f": Goal(2.0, {FORWARD: 3.0})})
    }
    assert lines["f"].mean == pytest.approx(4)
    assert (lines["f"].wanted_mean, lines["f"].wanted_least) == (3.0, 2.0)
    assert lines["all families"].mean == pytest.approx(2)  # not 4 ** 0.1
    assert lines["all families"].worst.startswith("g ")


def test_directions_and_thread_counts_are_summed_up_apart():
    results = [
        a_result(ratio=1.0),
        a_result(ratio=2.0, direction=BOTH),
        a_result(ratio=3.0, threads=2),
        a_result(ratio=5.0, threads=2, name="better"),
    ]
    lines = means.summaries(results, {})
    assert [(line.direction, line.threads, line.count) for line in lines] == [
        (FORWARD, 1, 1),
        (BOTH, 1, 1),
        (FORWARD, 2, 2),
    ]
    assert lines[-1].mean == pytest.approx(math.sqrt(15))
    assert (lines[-1].least, lines[-1].worst) == (3.0, "n")


def test_the_roof_is_what_takes_longer():
    assert PEAK.seconds("float32", 1e9, 0, 0) == pytest.approx(0.01)
    assert PEAK.seconds("float16", 1e9, 0, 0) == pytest.approx(0.01)
    assert PEAK.seconds("float64", 1e9, 0, 0) == pytest.approx(0.02)
    assert PEAK.seconds("float32", 1.0, 512, 512) == pytest.approx(1024 / 80e9)
    assert PEAK.gbytes(2**30, 0) == 20.0  # beyond the largest working set it stays
    assert PEAK.gbytes(2**10, 2**9, in_place=True) == 160.0  # the working set is what is read
    assert PEAK.gbytes(2**14, 2**14) == pytest.approx(50.0)  # half way, on the logarithmic scale


def test_errors_are_relative_to_the_largest_number_of_an_output():
    truth = [np.array([0.0, 10.0]), np.array([0.1])]
    assert measure.error([np.array([1.0, 10.0]), np.array([0.1])], truth) == pytest.approx(0.1)
    assert measure.error([np.array([0.0, 10.0]), np.array([0.2])], truth) == pytest.approx(1.0)
    assert math.isnan(measure.error([np.array([math.nan, 10.0]), np.array([0.1])], truth))
    with pytest.raises(ValueError, match="shape"):
        measure.error([np.zeros((2, 1)), np.zeros(1)], truth)


def test_results_of_any_nesting_are_flattened():
    arrays = measure.flatten((np.ones(2), [None, (3.0, np.zeros((1, 2)))]))
    assert [array.shape for array in arrays] == [(2,), (), (1, 2)]


def test_a_case_is_held_against_the_fastest_of_pytorchs_ways(monkeypatch):
    monkeypatch.setattr(measure, "set_threads", lambda *_: None)
    seconds = {"odyssey": 2.0, "pytorch slow": 8.0, "pytorch fast": 3.0}

    def interleaved(contestants, budget):
        assert list(contestants) == list(seconds)
        return {n: timing.Times(s, s + 1, 5, 1) for n, s in seconds.items()}

    ones = np.ones(4, np.float32)
    case = Case(
        "n",
        lambda: ones * 1.5,
        {"slow": lambda: ones, "fast": lambda: ones * 3},
        BOTH,
        lambda: ones * 2,
        flops=100e9,
        reads=1.0,
    )
    (result,) = measure.measure(
        "f", case, Goal(1.6), "float32", None, {2: PEAK}, timing.QUICK, interleaved
    )
    assert (result.pytorch, result.ratio, result.threads) == ("pytorch fast", 1.5, 2)
    assert result.ratio_median == pytest.approx(4 / 3)
    assert (result.gflops, result.share) == (50.0, 0.5)
    assert (result.error, result.error_pytorch) == (0.25, 0.5)
    assert (result.ratio_single, result.least) == (None, 1.6)


# ---- the reports ---------------------------------------------------------------------------------


def test_tables_leave_out_empty_columns_and_mark_what_misses_its_goal():
    text = report.result_table([a_result(name="one", ratio=0.5, least=1.0), a_result(name="two")])
    head, _, one, two = text.splitlines()
    assert "goal" in head and "/float32" not in head and "best of PyTorch" not in head
    assert one.endswith("< 1.00") and "0.50" in one
    assert "<" not in two
    assert "/float32" in report.result_table([a_result(ratio_single=0.9)]).splitlines()[0]


def test_json_holds_the_machine_and_every_figure(tmp_path):
    results = [a_result(ratio=2.0)]
    path = tmp_path / "figures.json"
    report.write_json(str(path), {"cpu": "c"}, {1: PEAK}, results, means.summaries(results, {}))
    content = json.loads(path.read_text())
    assert content["machine"] == {"cpu": "c"}
    assert content["peaks"]["1"]["flops"]["float64"] == 50.0
    assert content["results"][0]["times"]["pytorch"]["minimum"] == 2e-6
    assert content["summaries"][0]["mean"] == pytest.approx(2)


def test_the_plot_is_a_picture_with_a_panel_for_each_dtype(tmp_path):
    results = [
        a_result("f", f"case {i}", gflops=10.0 * i, intensity=0.1 * i, dtype=dtype)
        for i in (1, 2, 3)
        for dtype in ("float32", "float64")
    ]
    about = {"cpu": "c", "level": "v3", "date": "2026-01-01"}
    path = tmp_path / "roofline.png"
    roofline.draw(str(path), about, {1: PEAK}, results)
    image = pytest.importorskip("PIL.Image").open(path)
    assert image.width > 2 * image.height and len(image.convert("L").getcolors()) > 20
    with pytest.raises(ValueError, match="no case"):
        roofline.draw(str(path), about, {1: PEAK}, [a_result(direction=BOTH)])


# ---- the machine ---------------------------------------------------------------------------------


@compiled
@pytest.mark.parametrize("level", fast.AVAILABLE_LEVELS)
def test_the_peak_is_plausible_at_every_level(level):
    one, two = (machine.measure_peak(level, threads, 3, 1e-3) for threads in (1, 2))
    for peak in (one, two):
        assert peak.flops["float64"] > 0 and peak.flops["float32"] > 0
        for rates in peak.bandwidth.values():
            assert set(rates) == set(machine.WORKING_SETS)
            assert min(rates.values()) > 0
    # No core does a hundred vector instructions in a nanosecond: the loop is there.
    assert one.flops["float32"] < 100 * 32
    # Two threads are two cores at best; room for a first measurement that was disturbed.
    assert two.flops["float32"] < 20 * one.flops["float32"]


@compiled
def test_work_is_counted_for_all_threads():
    from odyssey._ext import _peak

    steps = 1000
    for level in fast.AVAILABLE_LEVELS:
        single = _peak.multiply_add(level, False, steps, 1)
        assert single % (2 * steps) == 0 and single >= 2 * steps * 4 * 12
        assert _peak.multiply_add(level, False, steps, 3) == 3 * single
        assert 2 * _peak.multiply_add(level, True, steps, 1) == single


@compiled
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("level", fast.AVAILABLE_LEVELS)
def test_memory_is_really_moved(level, stream):
    from odyssey._ext import _peak

    size = 64 * 7
    memory = machine._aligned(3 * size)
    x, y, out = memory[:size], memory[size : 2 * size], memory[2 * size :]
    x[:], y[:] = np.arange(size), 2.0
    for threads in (1, 2, 9):  # with 9, two have nothing to do
        out[:] = -1
        moved = _peak.transfer("triad", level, [x, y, out], 2, threads, stream)
        assert moved == 2 * 3 * 8 * size
        np.testing.assert_array_equal(out, x + 1)
        out[:] = -1
        assert _peak.transfer("copy", level, [x, out], 1, threads, stream) == 2 * 8 * size
        np.testing.assert_array_equal(out, x)
        assert _peak.transfer("read", level, [x], 5, threads) == 5 * 8 * size


@compiled
def test_the_peak_refuses_what_would_read_foreign_memory():
    from odyssey._ext import _peak

    level = fast.AVAILABLE_LEVELS[0]
    good = machine._aligned(128)
    with pytest.raises(ValueError, match="takes 2 arrays"):
        _peak.transfer("copy", level, [good], 1, 1)
    with pytest.raises(ValueError, match="one size"):
        _peak.transfer("copy", level, [good, machine._aligned(64)], 1, 1)
    with pytest.raises(ValueError, match="multiple of 64"):
        _peak.transfer("read", level, [machine._aligned(65)], 1, 1)
    with pytest.raises(ValueError, match="aligned"):
        _peak.transfer("read", level, [good[1:65]], 1, 1)
    with pytest.raises(TypeError, match="float64"):
        _peak.transfer("read", level, [good.astype(np.float32)], 1, 1)
    with pytest.raises(ValueError, match="v9"):
        _peak.multiply_add("v9", False, 1, 1)
    with pytest.raises(ValueError, match="threads"):
        _peak.multiply_add(level, False, 1, 0)


def test_threads_that_had_to_share_a_core_are_told():
    def line(rate):
        reading = {"read": PEAK_READ}
        peaks = {n: machine.Peak({"float32": r}, reading) for n, r in ((1, 100.0), (2, rate))}
        return machine.headline(machine.describe(), peaks, ["float32"])

    assert "2 threads computed as fast as 1.0" in line(101)
    assert "computed as fast" not in line(199)


def test_a_machine_is_described_without_pytorch():
    description = machine.describe()
    assert description["cores"] >= 1 and description["cpu"]
    assert description["pytorch"] is None
    peak = machine.Peak(PEAK.flops, {"read": PEAK_READ})
    line = machine.headline(description, {1: peak}, ["float32"]).splitlines()[1]
    assert line.startswith("peak, 1 thread: 100 GFLOP/s float32; reading 16 KiB, ")


# ---- the cases -----------------------------------------------------------------------------------


@compiled
def test_kernels_are_looked_up_when_they_run_and_operations_take_their_place(monkeypatch):
    assert kernel("matmul") is fast.matmul
    monkeypatch.setitem(fast.KERNELS, "add", "a kernel that came later")
    assert kernel("add") == "a kernel that came later"
    monkeypatch.delitem(fast.KERNELS, "add")
    assert kernel("add").__module__.startswith("odyssey.core")


@compiled
@with_torch
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("family", families())
def test_both_sides_of_every_case_compute_the_same(family, dtype):
    import torch

    module = families()[family]
    cases = list(module.cases(Setting(dtype, torch, quick=True)))
    assert cases and len({(case.name, case.direction) for case in cases}) == len(cases)
    for case in cases:
        mine = measure.flatten(case.odyssey())
        assert all(array.dtype in (np.dtype(dtype), np.dtype(bool)) for array in mine)
        for name, way in case.pytorch.items():
            theirs = measure.flatten(way())
            assert measure.error(mine, theirs) < 100 * np.finfo(dtype).eps, (case.name, name)
        if case.truth is not None:
            assert measure.error(mine, measure.flatten(case.truth())) < 100 * np.finfo(dtype).eps


@pytest.mark.parametrize(
    ("arguments", "count"),
    [((5, 1), 5), ((5, 3), 9), ((4, 3, 1, 1), 10), ((5, 3, 2, 1), 7), ((6, 3, 1, 2, 2), 14)],
)
def test_places_of_a_window_on_its_padding_do_not_count(arguments, count):
    assert hits(*arguments) == count
    length, size, stride, padding, dilation = arguments + (1, 0, 1)[len(arguments) - 2 :]
    # A convolution of ones with ones adds up the hits.
    image, window = np.ones((1, 1, length, 1)), np.ones((1, 1, size, 1))
    sums = reference.conv2d(image, window, None, (stride, 1), (padding, 0), (dilation, 1))
    assert sums.sum() == count


@compiled
@with_torch
def test_cases_in_half_precision_come_with_the_same_in_single():
    import torch

    for case in families()["matmul"].cases(Setting("float16", torch, quick=True)):
        single = measure.flatten(case.single())
        assert all(array.dtype == np.float32 for array in single)
        assert measure.error(measure.flatten(case.odyssey()), single) < 4e-3


@compiled
@with_torch
def test_a_pair_counts_operations_and_what_is_moved():
    import torch

    setting = Setting("float32", torch, quick=True)
    forward, both, *_ = families()["matmul"].cases(setting)
    a, b, out = 5 * 3 * 4, 3 * 4 * 4, 5 * 4 * 4  # bytes of (5, 3) x (3, 4)
    assert (forward.flops, both.flops) == (2 * 5 * 3 * 4, 3 * 2 * 5 * 3 * 4)
    assert (forward.reads, forward.writes) == (a + b, out)
    assert (both.reads, both.writes) == (a + b + out, out + a + b)


# ---- the commands --------------------------------------------------------------------------------


def run_bench(*words, **environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *words],
        cwd=ROOT,
        env={**kept, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize("command", ["kernels", "ops", "layers", "models"])
def test_without_pytorch_a_command_says_what_to_install(command, monkeypatch, capsys):
    monkeypatch.setattr(command_line.importlib.util, "find_spec", lambda name: None)
    assert command_line.main([command, "--quick"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("benchmarks: PyTorch, ") and "pip install -e '.[bench]'" in told.err
    assert told.err.count("\n") == 1


@compiled
def test_memory_needs_no_pytorch(monkeypatch, capsys):
    monkeypatch.setattr(command_line.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(memory, "_in_a_process", memory.observe)  # faster, and as good for a test
    monkeypatch.setattr(memory.machine, "set_threads", lambda *_: None)
    words = ["memory", "--quick", "--case", "matmul", "--dtype", "float32"]
    assert command_line.main(words) == 0
    table = capsys.readouterr().out
    assert "matmul" in table and "odyssey" in table and "pytorch" not in table


@compiled
def test_the_cost_of_the_trainer_needs_no_pytorch(monkeypatch, capsys):
    monkeypatch.setattr(command_line.importlib.util, "find_spec", lambda name: None)
    before = odyssey.get_num_threads()
    try:
        assert command_line.main(["trainer", "--quick", "--threads", "1"]) == 0
    finally:
        odyssey.set_num_threads(before)
    printed = capsys.readouterr()
    assert re.search(r"Trainer, Accuracy, ProgressBar +[\d.]+ +[+-][\d.]+ ", printed.out)
    assert "goal: at most" in printed.out and printed.err == ""


@compiled
def test_memory_is_measured_in_processes_of_their_own(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(command_line.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    path = tmp_path / "memory.json"
    words = ["memory", "--quick", "--dtype", "float16,float32", "--case", "conv2d"]
    assert command_line.main([*words, "--json", str(path)]) == 0
    half, single = json.loads(path.read_text())["results"]
    assert 2 * half["needed"] == single["needed"]
    assert single["traced"] > 0 and single["faults"] >= 0


@compiled
@with_torch
@pytest.mark.parametrize("command", ["kernels", "ops", "layers", "models"])
def test_a_command_prints_tables_and_writes_its_files(command, tmp_path):
    files = ["--json", str(tmp_path / "f.json")]
    if command == "kernels":
        files += ["--plot", str(tmp_path / "f.png")]
    done = run_bench(command, "--quick", "--threads", "1", "--dtype", "float32", *files)
    assert done.returncode == 0, done.stderr
    assert "geometric means" in done.stdout and "peak, 1 thread:" in done.stdout
    content = json.loads((tmp_path / "f.json").read_text())
    wanted = set(families()) if command == "kernels" else {command}
    assert {result["family"] for result in content["results"]} == wanted
    assert all(result["ratio"] > 0 for result in content["results"])
    assert (tmp_path / "f.png").exists() == (command == "kernels")


@compiled
@with_torch
@pytest.mark.skipif("v3" not in fast.AVAILABLE_LEVELS, reason="needs AVX2")
def test_both_sides_can_be_held_to_avx2(tmp_path):
    path = tmp_path / "f.json"
    words = ["kernels", "--quick", "--only", "matmul", "--threads", "1", "--level", "avx2"]
    done = run_bench(*words, "--json", str(path))
    assert done.returncode == 0, done.stderr
    about = json.loads(path.read_text())["machine"]
    assert (about["level"], about["pytorch_level"]) == ("v3", "AVX2")


@compiled
@with_torch
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["kernels", "--only", "matmull"], "--only: expected some of attention, "),
        (["ops", "--plot", "f.png"], "--plot: draws kernels"),
        (["kernels", "--json", "no-folder/f.json"], "there is no folder for no-folder/f.json"),
        (["kernels", "--dtype", "float8"], "--dtype: expected some of float16,"),
        (["ops", "--quick", "--threads", "1", "--case", "nothing"], "--case: no case has"),
    ],
)
def test_what_cannot_be_measured_is_told_in_a_line(words, told, capsys):
    assert command_line.main(words) == 2
    assert told in capsys.readouterr().err


def test_thread_counts_are_positive(capsys):
    with pytest.raises(SystemExit) as exit_:
        command_line.main(["ops", "--threads", "0"])
    assert exit_.value.code == 2
    assert "positive" in capsys.readouterr().err


def test_without_compiled_kernels_there_is_nothing_to_measure(monkeypatch, capsys):
    monkeypatch.setattr(fast, "LEVEL", None)
    monkeypatch.setattr(command_line, "load_torch", lambda needed: SimpleNamespace())
    assert command_line.main(["kernels", "--quick"]) == 2
    assert "ODYSSEY_NO_EXT" in capsys.readouterr().err
