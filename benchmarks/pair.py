"""The two cases of an operation with a gradient: forward, and forward and backward.

Both sides get the same arrays and the same random cotangent. PyTorch runs on
its tape (``autograd.grad``), in every memory layout that the family names, and
in ways of its own that the family adds; odyssey calls its kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.case import BOTH, FORWARD, Case, Setting, wide

__all__ = ["LAYOUTS", "channels_last", "pair"]

Arrays = Sequence[np.ndarray]
Truth = Callable[..., Any]

LAYOUTS = ("contiguous", "channels_last")
"""PyTorch's memory formats for images."""


def channels_last(x: np.ndarray) -> np.ndarray:
    """Return images of shape (N, C, H, W) in memory of the order (N, H, W, C)."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def pair(
    setting: Setting,
    name: str,
    arrays: Arrays,
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    theirs: Callable[..., Any],
    *,
    flops: float = 0.0,
    flops_backward: float | None = None,
    needs: Sequence[bool] | None = None,
    images: Sequence[int] = (),
    layouts: Sequence[str] = ("contiguous",),
    ways: Mapping[str, Callable[..., Any]] | None = None,
    ways_both: Mapping[str, Callable[..., Any]] | None = None,
    truth: Truth | None = None,
    truth_both: Truth | None = None,
) -> Iterator[Case]:
    """Yield the cases of an operation.

    Parameters
    ----------
    setting : Setting
    name : str
    arrays : sequence of ndarray
        The inputs.
    forward : callable
        ``forward(*arrays)``, odyssey's; of a tuple the first is the output.
    backward : callable
        ``backward(grad, result, *arrays)`` with the result of `forward`: the
        gradients, None for those that nobody needs.
    theirs : callable
        ``theirs(*tensors)``, PyTorch's.
    flops, flops_backward : float
        Of each direction; without the latter, that of `flops` for every
        gradient.
    needs : sequence of bool, optional
        Which inputs want a gradient; all by default.
    images : sequence of int
        The inputs that odyssey gets in channels-last memory, in which its image
        kernels pass arrays to each other. The cotangent then is, too.
    layouts : sequence of str
        PyTorch's memory formats to try, for all arrays of four axes.
    ways, ways_both : mapping of str to callable, optional
        Other ways of PyTorch, ``way(*tensors)`` and ``way(grad, *tensors)``.
    truth, truth_both : callable, optional
        ``truth(*arrays)``, ``truth_both(grad, *arrays)`` in float64; PyTorch's
        by default.

    Yields
    ------
    case : Case
    """
    torch = setting.torch
    needs = [True] * len(arrays) if needs is None else needs
    tensors = [setting.tensor(x) for x in arrays]
    out = theirs(*tensors)
    grad = setting.normal(*out.shape)
    if images:
        mine = [channels_last(x) if at in images else x for at, x in enumerate(arrays)]
        mine_grad = channels_last(grad)
    else:
        mine, mine_grad = list(arrays), grad

    def first(result: Any) -> Any:
        return result[0] if isinstance(result, tuple) else result

    def both(given: Arrays, given_grad: np.ndarray) -> Any:
        result = forward(*given)
        return first(result), backward(given_grad, result, *given)

    def taped(function: Callable[..., Any], given: list[Any], given_grad: Any) -> Any:
        output = function(*given)
        wanted = [x for x in given if x.requires_grad]
        return output, torch.autograd.grad(output, wanted, given_grad)

    def laid_out(layout: str) -> tuple[list[Any], list[Any], Any]:
        """Return PyTorch's inputs without and with a tape, and the cotangent."""
        memory = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}

        def lay(x: Any) -> Any:
            return x.contiguous(memory_format=memory[layout]) if x.ndim == 4 else x

        # As they are, unless another layout is asked for: transposed operands stay transposed.
        move = lay if len(layouts) > 1 else lambda x: x
        plain = [move(x) for x in tensors]
        leaves = [x.detach().requires_grad_(need) for x, need in zip(plain, needs, strict=True)]
        return plain, leaves, move(setting.tensor(grad))

    def double(taping: bool) -> Any:
        inputs = [
            setting.tensor(x, taping and n) for x, n in zip(wide(*arrays), needs, strict=True)
        ]
        return taped(theirs, inputs, setting.tensor(wide(grad)[0])) if taping else theirs(*inputs)

    forwards, boths = {}, {}
    for layout in layouts:
        plain, leaves, their_grad = laid_out(layout)
        named = layout if len(layouts) > 1 else "autograd"
        forwards[layout if len(layouts) > 1 else ""] = partial(theirs, *plain)
        boths[named] = partial(taped, theirs, leaves, their_grad)
    for way, function in (ways or {}).items():
        forwards[way] = partial(function, *tensors)
    for way, function in (ways_both or {}).items():
        boths[way] = partial(function, setting.tensor(grad), *tensors)

    half = setting.dtype == np.float16
    mine32 = [x.astype(np.float32) for x in mine] if half else []
    grad32 = mine_grad.astype(np.float32)
    reads = sum(x.nbytes for x in arrays)
    gradients = sum(x.nbytes for x, need in zip(arrays, needs, strict=True) if need)
    if flops_backward is None:
        flops_backward = flops * sum(needs)
    yield Case(
        name,
        lambda: first(forward(*mine)),
        forwards,
        FORWARD,
        (lambda: truth(*wide(*arrays))) if truth else partial(double, False),
        independent=truth is not None,
        flops=flops,
        reads=reads,
        writes=grad.nbytes,
        single=(lambda: first(forward(*mine32))) if half else None,
    )
    yield Case(
        name,
        partial(both, mine, mine_grad),
        boths,
        BOTH,
        (lambda: truth_both(*wide(grad, *arrays))) if truth_both else partial(double, True),
        independent=truth_both is not None,
        flops=flops + flops_backward,
        reads=reads + grad.nbytes,
        writes=grad.nbytes + gradients,
        single=partial(both, mine32, grad32) if half else None,
    )
