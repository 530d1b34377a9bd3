"""Hooks: functions that see what passes through a module, and may change it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from odyssey.errors import GradientError
from odyssey.tape import differentiable
from odyssey.tensor import Tensor, _plain

__all__ = ["HookHandle", "Hooks"]


class HookHandle:
    """What registering a hook returns: its way out again.

    Also a context manager, which removes the hook at the end of a ``with`` block.
    """

    def __init__(self, hooks: Registered, hook: Callable[..., Any]) -> None:
        self._hooks = hooks
        hooks[self] = hook

    def remove(self) -> None:
        """Take the hook off; once is enough, twice does no harm."""
        self._hooks.pop(self, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


Registered = dict[HookHandle, Callable[..., Any]]
"""Hooks in their order, by their handles: one function may be registered twice."""


class Hooks:
    """The hooks of one module."""

    def __init__(self) -> None:
        self.before: Registered = {}
        self.after: Registered = {}
        self.backward: Registered = {}

    def call(
        self,
        forward: Callable[..., Any],
        module: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Call the module's forward with the hooks around it."""
        for hook in tuple(self.before.values()):
            new = hook(module, args)
            if new is not None:
                args = new if isinstance(new, tuple) else (new,)
        out = forward(*args, **kwargs)
        for hook in tuple(self.after.values()):
            new = hook(module, args, out)
            out = out if new is None else new
        if self.backward:
            out = _watched(out, self, module)
        return out


@differentiable
def _watch(x: Any, hooks: Hooks, module: Any) -> Any:
    """Return ``x``; on the way back its gradient is shown to the hooks."""
    return x


@_watch.backward_rule(wrt=("x",))  # type: ignore[untyped-decorator]
def _watch_backward(grad: Any, hooks: Hooks, module: Any) -> Any:
    for hook in tuple(hooks.backward.values()):
        new = hook(module, grad if isinstance(grad, Tensor) else Tensor(grad))
        if new is None:
            continue
        if new.shape != grad.shape:
            raise GradientError(
                f"{type(module).__name__}: a backward hook must return a gradient of shape "
                f"{grad.shape}, got {new.shape}"
            )
        grad = new if isinstance(grad, Tensor) else _plain(new)
    return grad


def _watched(out: Any, hooks: Hooks, module: Any) -> Any:
    """Let the gradients of an output, or of each of several, pass by the hooks."""
    if isinstance(out, Tensor):
        return _watch(out, hooks, module) if out.dtype.kind == "f" else out
    if isinstance(out, (list, tuple)):
        parts = [_watched(one, hooks, module) for one in out]
        return type(out)._make(parts) if hasattr(out, "_make") else type(out)(parts)
    return out
