"""``odyssey evaluate``: measure a trained model."""

from __future__ import annotations

from odyssey.cli._data import load_data
from odyssey.cli._output import facts
from odyssey.cli._runs import WHICH, machine, open_run
from odyssey.cli._session import TEST_BATCH
from odyssey.cli._settings import resolved
from odyssey.data import DataLoader
from odyssey.training.loops import evaluate as measure
from odyssey.utils.config import merge_configs
from odyssey.utils.progress import progress

__all__ = ["evaluate"]


def evaluate(
    run: str,
    which: str = "last",
    data_root: str | None = None,
    backend: str | None = None,
    threads: int | None = None,
) -> None:
    """Measure a trained model on the test part of its data.

    Parameters
    ----------
    run : str
        the run folder that 'odyssey train' left
    which : str
        which of its checkpoints
    data_root : str, optional
        the folder of the data, if it is not where it was at training
    backend : str, optional
        fast or reference; by default ODYSSEY_BACKEND, else fast
    threads : int, optional
        threads of the fast kernels; by default all CPUs
    """
    model, about, config = open_run(run, which)
    height, width = about["arguments"]["input_shape"][-2:]
    chosen = merge_configs({"data": about["data"]}, {"data": config.get("data") or {}})["data"]
    if data_root is not None:
        chosen = merge_configs({"data": chosen}, {"data": {"root": data_root}})["data"]
    settings = resolved({"model": about["model"], "data": chosen})["data"]
    data = load_data(settings, "test", (height, width))
    loader = DataLoader(data, TEST_BATCH)
    with machine(backend, threads):
        metrics = measure(model, progress(loader, description="evaluate"))
    print(
        facts(
            {
                "model": about["model"],
                "data": f"{about['data']}, {len(data):,} test images",
                "test loss": f"{metrics['loss']:.6f}",
                "test accuracy": f"{metrics['accuracy']:.2%}",
            }
        )
    )


evaluate.choices = {"which": WHICH}  # type: ignore[attr-defined]  # for --help
