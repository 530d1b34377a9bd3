"""``odyssey evaluate``: measure a trained model."""

from __future__ import annotations

from odyssey.cli._data import load_data
from odyssey.cli._output import facts
from odyssey.cli._runs import configured_folder, machine, open_run
from odyssey.data import DataLoader
from odyssey.training.loops import evaluate as measure
from odyssey.utils.progress import progress

__all__ = ["TEST_BATCH", "evaluate"]

TEST_BATCH = 256  # the same here and in training, so that both round alike


def evaluate(
    run: str,
    data_dir: str | None = None,
    backend: str | None = None,
    threads: int | None = None,
) -> None:
    """Measure a trained model on the test part of its data.

    Parameters
    ----------
    run : str
        the run folder that 'odyssey train' left
    data_dir : str, optional
        the folder of the data, if it is not where it was at training
    backend : str, optional
        fast or reference; by default ODYSSEY_BACKEND, else fast
    threads : int, optional
        threads of the fast kernels; by default all CPUs
    """
    model, record = open_run(run)
    height, width = record.arguments["input_shape"][-2:]
    folder = data_dir or configured_folder(run)
    data = load_data(record.dataset, folder, "test", (height, width))
    loader = DataLoader(data, TEST_BATCH)
    with machine(backend, threads):
        metrics = measure(model, progress(loader, description="evaluate"))
    print(
        facts(
            {
                "model": record.name,
                "data": f"{record.dataset}, {len(data):,} test images",
                "test loss": f"{metrics['loss']:.6f}",
                "test accuracy": f"{metrics['accuracy']:.2%}",
            }
        )
    )
