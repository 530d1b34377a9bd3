"""What all metrics share: they add up over batches, and two of them can be merged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from odyssey.errors import FormatError, OdysseyError, ShapeError

__all__ = ["Metric"]


class Metric:
    """Base class: sums over examples, from which a figure is computed at any time.

    A subclass names its sums with their first values in ``sums`` (numbers or arrays),
    adds to the attributes of these names in ``update``, and computes the figure of
    them in ``compute``. Merging adds the sums of two metrics; their state is the sums.

    Examples
    --------
    >>> class Share(Metric):
    ...     '''The share of scores above 0.'''
    ...     def __init__(self):
    ...         super().__init__(above=0, examples=0)
    ...     def update(self, scores, target):
    ...         self.above += int((np.asarray(scores) > 0).sum())
    ...         self.examples += len(scores)
    ...     def compute(self):
    ...         return self.above / self.examples
    >>> one, other = Share(), Share()
    >>> one.update(np.array([1.0, -1.0]), None)
    >>> other.update(np.array([2.0]), None)
    >>> one.merge(other).compute()
    0.6666666666666666
    """

    def __init__(self, **sums: Any) -> None:
        self._first = sums
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        for name, value in self._first.items():
            setattr(self, name, np.array(value) if isinstance(value, np.ndarray) else value)

    def update(self, scores: Any, target: Any) -> None:
        """Add a batch: what the model gave, and what it should have."""
        raise OdysseyError(f"{type(self).__name__}: a metric must define update")

    def compute(self) -> Any:
        """Return the figure for all that has been added; NaN for nothing at all."""
        raise OdysseyError(f"{type(self).__name__}: a metric must define compute")

    def merge(self, other: Metric) -> Self:
        """Add what another metric of the same kind has seen, and return this one.

        Raises
        ------
        ShapeError
            If it is of another kind, or of other settings.
        """
        if type(other) is not type(self):
            raise ShapeError(f"{type(self).__name__}: cannot merge with a {type(other).__name__}")
        for name in self._first:
            mine, theirs = getattr(self, name), getattr(other, name)
            if np.shape(mine) != np.shape(theirs):
                raise ShapeError(
                    f"{type(self).__name__}: cannot merge {name} of shape {np.shape(theirs)} "
                    f"with one of shape {np.shape(mine)}"
                )
            setattr(self, name, mine + theirs)
        return self

    def state_dict(self) -> dict[str, Any]:
        """Return the sums by name."""
        return {name: getattr(self, name) for name in self._first}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over sums that :meth:`state_dict` gave.

        Raises
        ------
        FormatError
            If they are of another kind of metric.
        """
        if state.keys() != self._first.keys():
            raise FormatError(
                f"{type(self).__name__}: expected the state {sorted(self._first)}, "
                f"got {sorted(state)}"
            )
        for name, value in state.items():
            setattr(self, name, np.array(value) if isinstance(value, np.ndarray) else value)
