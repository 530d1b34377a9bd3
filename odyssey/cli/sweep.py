"""``odyssey sweep``: many runs of one configuration, with some settings varied."""

from __future__ import annotations

import csv
import io
import itertools
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from odyssey.cli._output import table
from odyssey.cli._runs import run_config
from odyssey.cli._session import CODES
from odyssey.cli._settings import resolved
from odyssey.cli._signature import SettingError
from odyssey.cli._words import nested, read_config
from odyssey.cli.train import start
from odyssey.errors import FormatError, OdysseyError
from odyssey.training.run import RunFolder
from odyssey.utils.choices import did_you_mean
from odyssey.utils.config import merge_configs, resolve
from odyssey.utils.io import atomic_write
from odyssey.utils.random import generator

__all__ = ["sweep"]

_KEYS = ("base", "grid", "random", "runs", "monitor", "mode")
_DRAWS = ("choice", "uniform", "log_uniform", "integer")
_SIGNALS = (CODES["SIGINT"], CODES["SIGTERM"])

Overrides = dict[str, Any]


def sweep(file: str, run_dir: str | None = None) -> int:
    """Train with many settings, each in its folder, and show a table of the results.

    The file, in YAML, TOML or JSON, has base (a file, or the settings themselves) and says what
    is varied by grid (lists of values: every combination), random (count, seed, and how each
    value is drawn: choice, uniform, log_uniform or integer) or runs (a list of settings), each
    by dotted names such as optimizer.lr; monitor and mode say which run is best. A second call
    goes on: runs that are complete are not run again. The table is in sweep.csv, too.

    Parameters
    ----------
    file : str
        what to vary
    run_dir : str, optional
        the folder of the runs' folders; by default sweeps/NAME, by the file's name
    """
    plan = read_config(file, file)
    for key in plan:
        if key not in _KEYS:
            raise OdysseyError(f"{file}: {key}: unknown{did_you_mean(key, _KEYS)}")
    varied = [dict(one) for one in _varied(plan, file)]
    monitor, mode = str(plan.get("monitor", "test_accuracy")), plan.get("mode", "max")
    if mode not in ("min", "max"):
        raise OdysseyError(f"{file}: mode: expected 'min' or 'max', got {mode!r}")
    settings = [_settings(plan, one, file) for one in varied]
    folder = Path(run_dir) if run_dir is not None else Path("sweeps", Path(file).stem)
    paths = [folder / f"{number:03d}" for number in range(1, len(varied) + 1)]
    for path, own in zip(paths, settings, strict=True):
        _check_folder(path, own)
    folder.mkdir(parents=True, exist_ok=True)
    results: list[dict[str, Any]] = []
    code = 0
    for number, (path, own, one) in enumerate(zip(paths, settings, varied, strict=True), 1):
        if not RunFolder(path).summary().get("finished"):
            print(f"run {number} of {len(paths)}: {_text(one)}", file=sys.stderr, flush=True)
            ended = 1
            try:
                ended = start(own, path, resume=path.is_dir(), command="odyssey sweep")
            except (OdysseyError, MemoryError) as error:
                print(f"odyssey sweep: {path}: {' '.join(str(error).split())}", file=sys.stderr)
            code = ended if ended in _SIGNALS else code or ended
        results.append(_result(path, one, monitor))
        if code in _SIGNALS:
            break
    _report(folder, results, monitor, mode)
    return code


# -- what is varied ---------------------------------------------------------------------------


def _varied(plan: Mapping[str, Any], file: str) -> list[Overrides]:
    """Return the settings of each run that differ from the base."""
    kinds = [key for key in ("grid", "random", "runs") if key in plan]
    if len(kinds) != 1:
        raise OdysseyError(
            f"{file}: expected one of grid, random and runs, got {' and '.join(kinds) or 'none'}"
        )
    kind = kinds[0]
    value = plan[kind]
    if kind == "runs":
        if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
            raise OdysseyError(f"{file}: runs: expected a list of settings, got {value!r}")
    elif not isinstance(value, Mapping):
        raise OdysseyError(f"{file}: {kind}: expected names and their values, got {value!r}")
    found = value if kind == "runs" else (_grid if kind == "grid" else _drawn)(value, file)
    if not found:
        raise OdysseyError(f"{file}: {kind}: there is nothing to run")
    return [dict(one) for one in found]


def _grid(grid: Mapping[str, Any], file: str) -> list[Overrides]:
    for name, values in grid.items():
        if not isinstance(values, list) or not values:
            raise OdysseyError(f"{file}: grid.{name}: expected a list of values, got {values!r}")
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def _drawn(plan: Mapping[str, Any], file: str) -> list[Overrides]:
    """Draw the settings of each run; those of a run do not depend on how many there are."""
    draws = {name: draw for name, draw in plan.items() if name not in ("count", "seed")}
    count, seed = plan.get("count"), plan.get("seed", 0)
    for name, number, least in (("count", count, 1), ("seed", seed, 0)):
        if type(number) is not int or number < least:
            raise OdysseyError(
                f"{file}: random.{name}: expected an integer of at least {least}, got {number!r}"
            )
    rng = generator(seed)
    return [
        {name: _draw(draw, f"{file}: random.{name}", rng) for name, draw in draws.items()}
        for _ in range(count or 0)
    ]


def _draw(draw: Any, place: str, rng: Any) -> Any:
    """Draw a value: ``{choice: [...]}``, ``{uniform: [low, high]}`` ..."""
    if not isinstance(draw, Mapping) or len(draw) != 1 or next(iter(draw)) not in _DRAWS:
        raise OdysseyError(f"{place}: expected {{one of {', '.join(_DRAWS)}: [...]}}, got {draw!r}")
    kind, values = next(iter(draw.items()))
    if kind == "choice":
        if not isinstance(values, list) or not values:
            raise OdysseyError(f"{place}: expected a list of values, got {values!r}")
        return values[int(rng.integers(len(values)))]
    try:
        low, high = values
        if not low <= high or (kind == "log_uniform" and low <= 0):
            raise ValueError
        if kind == "integer":
            return int(rng.integers(int(low), int(high) + 1))
        if kind == "uniform":
            return float(rng.uniform(low, high))
        return float(math.exp(rng.uniform(math.log(low), math.log(high))))
    except (TypeError, ValueError) as error:
        above = " above 0" if kind == "log_uniform" else ""
        raise OdysseyError(f"{place}: expected [low, high]{above}, got {values!r}") from error


def _settings(plan: Mapping[str, Any], overrides: Overrides, file: str) -> dict[str, Any]:
    """Return the complete settings of a run."""
    base = plan.get("base", {})
    if isinstance(base, str):
        base = read_config(str(Path(file).parent / base), f"{file}: base")
    if not isinstance(base, Mapping):
        raise OdysseyError(f"{file}: base: expected a file or settings, got {base!r}")
    config = dict(base)
    # Names first: what they name is chosen before it is set.
    for place in sorted(overrides, key=lambda place: place.count(".")):
        config = merge_configs(config, nested(place, overrides[place]))
    try:
        return resolved(config)
    except SettingError as error:
        raise OdysseyError(f"{file}: with {_text(overrides) or 'the base'}: {error}") from error


def _check_folder(path: Path, settings: Mapping[str, Any]) -> None:
    """Raise if a folder holds anything but the run that it shall hold."""
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    # How many threads there are makes no difference to a run.
    same = path.is_dir() and {**run_config(path), "threads": 0} == {
        **resolve(settings),
        "threads": 0,
    }
    if not same:
        raise FormatError(
            f"{path} holds something else than this run: the sweep has been changed since; "
            "choose another --run-dir"
        )


# -- what came of it --------------------------------------------------------------------------


def _result(path: Path, overrides: Overrides, monitor: str) -> dict[str, Any]:
    summary = RunFolder(path).summary()
    figures = summary.get("figures") or {}
    state = "done" if summary.get("finished") else "stopped" if summary else "failed"
    return {
        "run": path.name,
        **overrides,
        monitor: figures.get(monitor),
        "epochs": summary.get("epoch"),
        "state": state,
    }


def _report(folder: Path, results: list[dict[str, Any]], monitor: str, mode: str) -> None:
    """Print the table, the best first, and write it as CSV."""
    sign = -1.0 if mode == "max" else 1.0

    def order(row: dict[str, Any]) -> float:
        value = row[monitor]
        return math.inf if value is None or math.isnan(value) else sign * value

    head = list(dict.fromkeys(name for row in results for name in row))
    last = [monitor, "epochs", "state"]
    head = [name for name in head if name not in last] + last
    rows = [[_text(row.get(name)) for name in head] for row in sorted(results, key=order)]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([head, *rows])
    atomic_write(folder / "sweep.csv", text.getvalue().encode())
    print(table(head, rows))


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={_text(item)}" for key, item in value.items())
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)
