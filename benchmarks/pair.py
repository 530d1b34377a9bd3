"""The two cases of an operation with a gradient: forward, and forward and backward.

Both sides get the same arrays and the same random cotangent. odyssey calls its
kernels. PyTorch runs on its tape (``autograd.grad``), in every memory layout
that the family names, and in ways of its own that the family adds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.case import BOTH, FORWARD, Case, Setting, wide

__all__ = ["LAYOUTS", "channels_last", "hits", "pair"]

Arrays = Sequence[np.ndarray]
Function = Callable[..., Any]

AS_IT_IS = ("",)
LAYOUTS = ("contiguous", "channels_last")
"""PyTorch's memory formats for images."""


def channels_last(x: np.ndarray) -> np.ndarray:
    """Return images of shape (N, C, H, W) in memory of the order (N, H, W, C)."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def hits(length: int, size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Return how often a window's places lie on the image, along one axis.

    A convolution has no work to do for places that lie on the padding, and good
    ones do none: on a 4x4 image a 3x3 window of padding 1 has 10 * 10 hits, not
    12 * 12. oneDNN's own bench counts like this, too.

    Examples
    --------
    >>> hits(4, 3, padding=1)
    10
    """
    outputs = (length + 2 * padding - dilation * (size - 1) - 1) // stride + 1
    return sum(
        0 <= output * stride - padding + place * dilation < length
        for output in range(outputs)
        for place in range(size)
    )


def pair(
    setting: Setting,
    name: str,
    arrays: Arrays,
    forward: Function,
    backward: Function,
    theirs: Function,
    *,
    flops: float = 0.0,
    flops_backward: float = 0.0,
    needs: Sequence[bool] = (),
    images: Sequence[int] = (),
    layouts: Sequence[str] = AS_IT_IS,
    ways: Mapping[str, Function] | None = None,
    ways_both: Mapping[str, Function] | None = None,
    truth: Function | None = None,
    truth_both: Function | None = None,
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
        Of each direction.
    needs : sequence of bool
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
    needs = needs or [True] * len(arrays)
    out = theirs(*map(setting.tensor, arrays))
    grad = setting.normal(*out.shape)

    mine, mine_grad = list(arrays), grad
    if images:
        mine = [channels_last(x) if at in images else x for at, x in enumerate(arrays)]
        mine_grad = channels_last(grad)
    my_forward, my_both = _odyssey(forward, backward, mine, mine_grad)
    single_forward = single_both = None
    if setting.dtype == np.float16:
        single = [x.astype(np.float32) for x in mine]
        single_forward, single_both = _odyssey(
            forward, backward, single, mine_grad.astype(np.float32)
        )

    forwards, boths = {}, {}
    for layout in layouts:
        their_forward, their_both = _pytorch(setting, theirs, arrays, grad, needs, layout)
        forwards[layout] = their_forward
        boths[layout or "autograd"] = their_both
    tensors, their_grad = list(map(setting.tensor, arrays)), setting.tensor(grad)
    forwards |= {way: partial(function, *tensors) for way, function in (ways or {}).items()}
    boths |= {
        way: partial(function, their_grad, *tensors) for way, function in (ways_both or {}).items()
    }

    def double() -> tuple[Function, Function]:
        return _pytorch(setting, theirs, wide(*arrays), wide(grad)[0], needs, "")

    reads = float(sum(x.nbytes for x in arrays))
    gradients = sum(x.nbytes for x, need in zip(arrays, needs, strict=True) if need)
    yield Case(
        name,
        my_forward,
        forwards,
        FORWARD,
        (lambda: truth(*wide(*arrays))) if truth else (lambda: double()[0]()),
        independent=truth is not None,
        flops=flops,
        reads=reads,
        writes=float(grad.nbytes),
        single=single_forward,
    )
    yield Case(
        name,
        my_both,
        boths,
        BOTH,
        (lambda: truth_both(*wide(grad, *arrays))) if truth_both else (lambda: double()[1]()),
        independent=truth_both is not None,
        flops=flops + flops_backward,
        reads=reads + grad.nbytes,
        writes=float(grad.nbytes + gradients),
        single=single_both,
    )


def _odyssey(
    forward: Function, backward: Function, arrays: Arrays, grad: np.ndarray
) -> tuple[Function, Function]:
    """Return the forward, and forward and backward, as functions without arguments."""

    def output(result: Any) -> Any:
        return result[0] if isinstance(result, tuple) else result

    def both() -> Any:
        result = forward(*arrays)
        return output(result), backward(grad, result, *arrays)

    return lambda: output(forward(*arrays)), both


def _pytorch(
    setting: Setting,
    function: Function,
    arrays: Arrays,
    grad: np.ndarray,
    needs: Sequence[bool],
    layout: str,
) -> tuple[Function, Function]:
    """Return the same of PyTorch, with its arrays in a memory format."""
    torch = setting.torch
    formats = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}

    def tensor(x: np.ndarray) -> Any:
        # Transposed operands stay transposed if no layout is asked for.
        laid_out = setting.tensor(x)
        if layout and laid_out.ndim == 4:
            laid_out = laid_out.contiguous(memory_format=formats[layout])
        return laid_out

    plain, their_grad = [tensor(x) for x in arrays], tensor(grad)
    inputs = [x.detach().requires_grad_(need) for x, need in zip(plain, needs, strict=True)]
    leaves = [x for x in inputs if x.requires_grad]

    def both() -> Any:
        out = function(*inputs)
        return out, torch.autograd.grad(out, leaves, their_grad)

    return partial(function, *plain), both
