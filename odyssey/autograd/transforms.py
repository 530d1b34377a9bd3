"""Functions that turn a function into its derivative."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from odyssey.engine import gradients
from odyssey.errors import GradientError
from odyssey.grad_mode import enable_grad, is_grad_enabled
from odyssey.tensor import Tensor

__all__ = ["grad", "value_and_grad"]

_inside: ContextVar[bool] = ContextVar("odyssey_inside_transform", default=False)


def value_and_grad(
    function: Callable[..., Any], argnums: int | tuple[int, ...] = 0
) -> Callable[..., Any]:
    """Return a function that gives the value of ``function`` and its gradient.

    Parameters
    ----------
    function : callable
        From Tensors to a Tensor of one element.
    argnums : int or tuple of int
        The arguments to differentiate by.

    Returns
    -------
    callable
        From the same arguments to (value, gradient); the gradient is a tuple
        where ``argnums`` is one. It can be differentiated again.

    Examples
    --------
    >>> import odyssey as od
    >>> od.autograd.value_and_grad(lambda x: (x * x).sum())(od.tensor([1.0, 2.0]))
    (tensor(5.), tensor([2., 4.]))
    """
    numbers = argnums if isinstance(argnums, tuple) else (argnums,)

    @functools.wraps(function)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        # Inside another derivative the gradient itself must be on the tape: where an argument
        # is, and under another transform, whose variable the function may see in its closure.
        nested = is_grad_enabled() and (
            _inside.get() or any(isinstance(a, Tensor) and a.requires_grad for a in args)
        )
        inputs = list(args)
        for number in numbers:
            inputs[number] = _differentiable_input(args[number], number)
        token = _inside.set(True)
        try:
            with enable_grad():
                value = function(*inputs, **kwargs)
        finally:
            _inside.reset(token)
        if not isinstance(value, Tensor) or value.size != 1:
            raise GradientError(
                f"grad: the function must return a Tensor of one element, got "
                f"{f'shape {value.shape}' if isinstance(value, Tensor) else type(value).__name__}"
            )
        wanted = [inputs[number] for number in numbers]
        found = gradients([value], wanted, create_graph=nested) if value.requires_grad else None
        results = tuple(
            Tensor(x.data * 0) if g is None else g
            for g, x in zip(found or [None] * len(wanted), wanted, strict=True)
        )
        if not nested:
            value = value.detach()
        return value, (results if isinstance(argnums, tuple) else results[0])

    return transformed


def grad(function: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """Return the gradient of ``function`` as a function; see :func:`value_and_grad`.

    Examples
    --------
    >>> import odyssey as od
    >>> cube = lambda x: x * x * x
    >>> od.autograd.grad(od.autograd.grad(cube))(od.tensor(2.0))
    tensor(12.)
    """
    both = value_and_grad(function, argnums)

    @functools.wraps(function)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return transformed


def _differentiable_input(value: Any, number: int) -> Tensor:
    """Return a tensor of its own to differentiate by, connected to what ``value`` came from.

    It must not be ``value`` itself: the function may see that in its closure,
    too, where it counts as a constant.
    """
    if not isinstance(value, Tensor):
        raise GradientError(f"grad: argument {number} must be a Tensor, got {type(value).__name__}")
    if value.requires_grad and is_grad_enabled():
        return value.reshape(value.shape)
    return value.detach().requires_grad_()
