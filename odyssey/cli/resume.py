"""``odyssey resume``: go on with a training that was stopped."""

from __future__ import annotations

from odyssey.cli._runs import run_config, run_folder
from odyssey.cli._settings import resolved
from odyssey.cli._signature import SettingError
from odyssey.cli.train import start
from odyssey.errors import FormatError, OdysseyError
from odyssey.training.run import RunFolder

__all__ = ["resume"]


def resume(run: str, epochs: int | None = None) -> int:
    """Go on with a training that was stopped, from its last checkpoint.

    It ends as if it had not been stopped, to the last bit, however it was: by Ctrl-C, by
    --max-seconds, or killed. Exit codes are those of 'odyssey train'.

    Parameters
    ----------
    run : str
        the run folder that 'odyssey train' left
    epochs : int, optional
        how many epochs there shall be in all; more of them than it was begun with make a
        schedule that ends with the training longer, from here on
    """
    folder = run_folder(run)
    config = run_config(folder)
    if not config:
        raise FormatError(f"{folder} has no config.yaml to go on with")
    summary = RunFolder(folder).summary()
    if summary.get("finished") and (epochs is None or epochs <= summary["epoch"]):
        reason, more = summary["stop_reason"], summary["epoch"] + 1
        how = f"--epochs {more} or more trains on"
        if reason:
            how = f"with more patience in its config.yaml, {how}"
        raise OdysseyError(
            f"{folder} is finished after {summary['epoch']} epochs"
            f"{f' ({reason})' if reason else ''}; {how}"
        )
    if epochs is not None:
        done = int(summary.get("epoch", 0))
        if epochs < max(done, 1):
            raise OdysseyError(f"--epochs: expected at least {max(done, 1)}, got {epochs}")
        config["epochs"] = epochs
    try:
        return start(resolved(config), folder, resume=True, command="odyssey resume")
    except SettingError as error:
        raise FormatError(f"{folder / 'config.yaml'}: {error}") from error
