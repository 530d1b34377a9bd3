"""GradientTape: gradients of what was computed in a block, for tensors that it watches."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import numpy as np

from odyssey.engine import gradients
from odyssey.errors import GradientError
from odyssey.tensor import Tensor

__all__ = ["GradientTape"]


class GradientTape:
    """Watch tensors for the length of a block, then ask for gradients.

    Parameters
    ----------
    persistent : bool
        Keep what was recorded, so that :meth:`gradient` can be called more
        than once.

    Notes
    -----
    Parameters are watched already. Nothing is left in ``.grad``, and a tensor
    that was watched no longer is when the block ends.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.tensor(3.0)
    >>> with od.autograd.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = x * x
    >>> tape.gradient(y, x)
    tensor(6.)
    """

    def __init__(self, persistent: bool = False) -> None:
        self.persistent = persistent
        self._watched: list[Tensor] = []
        self._spent = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for tensor in self._watched:
            tensor.requires_grad = False
        self._watched = []

    def watch(self, *tensors: Tensor) -> None:
        """Record what is computed from ``tensors`` until the block ends."""
        for tensor in tensors:
            if not tensor.requires_grad:
                tensor.requires_grad = True
                self._watched.append(tensor)

    def gradient(
        self,
        target: Tensor,
        sources: Any,
        grad: Tensor | np.ndarray | None = None,
        create_graph: bool = False,
    ) -> Any:
        """Return the gradient of ``target`` for each of ``sources``.

        Parameters
        ----------
        target : Tensor
            Of one element, unless ``grad`` is given.
        sources : Tensor, or list or tuple of Tensor
        grad : Tensor or ndarray, optional
            The gradient of the final result with respect to ``target``.
        create_graph : bool
            Record this, too, so that the result can be differentiated.

        Returns
        -------
        Tensor, or list of Tensor
            None in the place of a source that the target does not depend on.

        Raises
        ------
        GradientError
            If the tape was asked before and is not persistent.
        """
        if self._spent:
            raise GradientError(
                "GradientTape: a tape gives gradients once; make it with persistent=True"
            )
        self._spent = not self.persistent
        several = isinstance(sources, (list, tuple))
        results = gradients(
            [target],
            list(sources) if several else [sources],
            [grad],
            retain_graph=self.persistent or create_graph,
            create_graph=create_graph,
        )
        return results if several else results[0]
