"""A callback of a few functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from odyssey.errors import OdysseyError
from odyssey.training.callbacks.callback import Callback
from odyssey.utils.choices import did_you_mean

__all__ = ["LambdaCallback"]

MOMENTS = tuple(name for name in vars(Callback) if name.startswith("on_"))


class LambdaCallback(Callback):
    """Call functions at moments of a training, without a class for them.

    Parameters
    ----------
    **functions : callable
        By the name of the moment; called with what the method of `Callback` is.

    Raises
    ------
    OdysseyError
        If there is no such moment, or what is given cannot be called.

    Examples
    --------
    >>> tell = LambdaCallback(on_step_end=lambda trainer, loss: print(trainer.step, loss))
    >>> LambdaCallback(on_step=print)
    Traceback (most recent call last):
        ...
    odyssey.errors.OdysseyError: LambdaCallback: there is no moment 'on_step'; did you mean \
'on_step_end'?
    """

    def __init__(self, **functions: Callable[..., Any]) -> None:
        for name, function in functions.items():
            if name not in MOMENTS:
                raise OdysseyError(
                    f"LambdaCallback: there is no moment {name!r}{did_you_mean(name, MOMENTS)}"
                )
            if not callable(function):
                raise OdysseyError(
                    f"LambdaCallback: {name} must be a function, got {type(function).__name__}"
                )
            setattr(self, name, function)
