"""``odyssey predict``: say what is on an image."""

from __future__ import annotations

import numpy as np

from odyssey import core
from odyssey.cli._data import FRAMES
from odyssey.cli._picture import frame
from odyssey.cli._runs import WHICH, machine, open_run
from odyssey.data.transforms import Resize
from odyssey.errors import OdysseyError
from odyssey.grad_mode import no_grad
from odyssey.tensor import Tensor
from odyssey.utils.images import read_image

__all__ = ["predict"]


def predict(
    run: str,
    image: str,
    which: str = "last",
    top: int = 3,
    backend: str | None = None,
    threads: int | None = None,
) -> None:
    """Say what is on an image: the likeliest class, and the runners-up.

    The image may be of any size, dark on light or light on dark.

    Parameters
    ----------
    run : str
        the run folder that 'odyssey train' left
    image : str
        the image file: PNG, JPEG or whatever else Pillow reads
    which : str
        which of the run's checkpoints
    top : int
        how many classes to name
    backend : str, optional
        fast or reference; by default ODYSSEY_BACKEND, else fast
    threads : int, optional
        threads of the fast kernels; by default all CPUs
    """
    if top < 1:
        raise OdysseyError(f"--top: expected at least 1, got {top}")
    model, about, _ = open_run(run, which)
    channels, *shape = about["arguments"]["input_shape"]
    if channels != 1:
        raise OdysseyError(f"{run}: predict knows grey images only, not {channels} channels")
    picture = read_image(image)
    if about["data"] in FRAMES:
        # Framed as the dataset's images are, and then resized as they were in training.
        picture = frame(picture, *FRAMES[about["data"]])
    picture = Resize(tuple(shape))(picture)
    with machine(backend, threads), no_grad():
        scores = model(Tensor(picture[np.newaxis, np.newaxis]))
        chances = core.softmax(scores, axis=-1).numpy()[0]
    best, *others = [int(i) for i in np.argsort(-chances, kind="stable")[:top]]
    print(f"{about['classes'][best]}  {chances[best]:.1%}")
    if others:
        rest = ", ".join(f"{about['classes'][i]} {chances[i]:.1%}" for i in others)
        print(f"runners-up: {rest}")


predict.choices = {"which": WHICH}  # type: ignore[attr-defined]  # for --help
