"""Models by name: what a command line or a checkpoint asks for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from odyssey import nn
from odyssey.errors import OdysseyError
from odyssey.models.alexnet import alexnet
from odyssey.models.googlenet import googlenet
from odyssey.models.gpt import gpt2
from odyssey.models.lenet import lenet5
from odyssey.models.mlp import mlp
from odyssey.models.mobilenet import mobilenet
from odyssey.models.resnet import resnet18, resnet34, resnet50
from odyssey.models.vgg import vgg11, vgg13, vgg16, vgg19
from odyssey.models.vit import vit
from odyssey.utils.choices import pick

__all__ = ["IMAGE_SIZES", "MODELS", "build"]

MODELS: dict[str, Callable[..., nn.Module]] = {
    "alexnet": alexnet,
    "googlenet": googlenet,
    "gpt2": gpt2,
    "lenet5": lenet5,
    "mlp": mlp,
    "mobilenet": mobilenet,
    "resnet18": resnet18,
    "resnet34": resnet34,
    "resnet50": resnet50,
    "vgg11": vgg11,
    "vgg13": vgg13,
    "vgg16": vgg16,
    "vgg19": vgg19,
    "vit": vit,
}
"""Name to function ``(input_shape, classes, ..., rng=None) -> Module``."""

IMAGE_SIZES: dict[str, tuple[int, int]] = {"lenet5": (28, 28)}
"""Height and width of the images that a model wants; one without takes any."""

_GIVEN = ("input_shape", "classes", "rng")  # by the data and the seed, not by a user's settings


def build(
    name: str,
    input_shape: Sequence[int],
    classes: int,
    rng: np.random.Generator | None = None,
    **settings: Any,
) -> nn.Module:
    """Return a model of the registry.

    Parameters
    ----------
    name : str
        A key of `MODELS`.
    input_shape : sequence of int
        The shape of one example.
    classes : int
        The number of scores that come out.
    rng : numpy.random.Generator, optional
        What the first weights are drawn from.
    **settings
        Further arguments of the model's function.

    Raises
    ------
    OdysseyError
        If the model or a setting is unknown, or a setting does not fit.

    Examples
    --------
    >>> model = build("mlp", (1, 8, 8), 10, hidden=[16])
    >>> build("mlp", (1, 8, 8), 10, hiden=[16])
    Traceback (most recent call last):
        ...
    odyssey.errors.OdysseyError: setting of mlp: expected one of hidden, got 'hiden'; \
did you mean 'hidden'?
    """
    function = MODELS[pick("model", name, MODELS)]
    known = [one for one in inspect.signature(function).parameters if one not in _GIVEN]
    for setting in settings:
        pick(f"setting of {name}", setting, known)
    try:
        return function(tuple(input_shape), classes, rng=rng, **settings)
    except (TypeError, ValueError) as error:
        if isinstance(error, OdysseyError):
            raise
        # Settings come untyped from files and command lines; whatever they do in there is theirs.
        raise OdysseyError(f"{name}: the settings {settings} do not fit: {error}") from error
