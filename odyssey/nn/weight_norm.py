"""Weights that are computed from other parameters before each call of their layer.

A layer keeps its ``weight``, as a plain tensor, which a hook assigns anew before
each forward; what learns are the parameters that it is made of. The hook holds
nothing of the layer, so that copies of a layer compute their own weights.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from odyssey import core
from odyssey.core._checks import normalize_axis
from odyssey.errors import OdysseyError, ShapeError
from odyssey.nn._settings import check_eps, check_positive
from odyssey.nn.buffer import Buffer
from odyssey.nn.conv_transpose import ConvTranspose1D, ConvTranspose2D, ConvTranspose3D
from odyssey.nn.module import Module
from odyssey.tensor import Parameter, Tensor

__all__ = ["remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm"]

Layer = TypeVar("Layer", bound=Module)

WARM_UP = 15
"""Power iterations before the first call, as many as in PyTorch."""


class _Computed:
    """A hook that computes a weight; what it is made of stands in the module."""

    parts: tuple[str, ...]
    """The endings of the names of what the weight is made of."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, module: Module, args: tuple[Any, ...]) -> None:
        self.assign(module)

    def assign(self, module: Module) -> None:
        setattr(module, self.name, self.weight(module))

    def part(self, module: Module, ending: str) -> Any:
        return getattr(module, f"{self.name}_{ending}")

    def weight(self, module: Module) -> Tensor:
        raise NotImplementedError


class _WeightNorm(_Computed):
    parts = "g", "v"

    def __init__(self, name: str, axis: int | None) -> None:
        super().__init__(name)
        self.axis = axis

    def weight(self, module: Module) -> Tensor:
        return core.weight_norm(self.part(module, "v"), self.part(module, "g"), self.axis)


class _SpectralNorm(_Computed):
    parts = "orig", "u", "v"

    def __init__(self, name: str, iterations: int, eps: float, axis: int) -> None:
        super().__init__(name)
        self.iterations, self.eps, self.axis = iterations, eps, axis

    def __call__(self, module: Module, args: tuple[Any, ...]) -> None:
        if module.training:
            self.iterate(module, self.iterations)
        self.assign(module)

    def iterate(self, module: Module, iterations: int) -> None:
        """Improve the estimates u and v of the singular vectors."""
        weight, u, v = (self.part(module, ending) for ending in self.parts)
        matrix = np.moveaxis(weight.data, self.axis, 0).reshape(weight.shape[self.axis], -1)
        # Of the transpose, because PyTorch improves u first, by v.
        v[...], u[...] = core.power_iteration(matrix.T, v.data, iterations, self.eps)

    def weight(self, module: Module) -> Tensor:
        weight, u, v = (self.part(module, ending) for ending in self.parts)
        # Copies: the next call writes to the buffers, perhaps before this one's backward.
        vectors = u.data.copy(), v.data.copy()
        if self.axis == 0:
            return core.spectral_norm(weight, *vectors)
        divided = core.spectral_norm(core.moveaxis(weight, self.axis, 0), *vectors)
        return core.moveaxis(divided, 0, self.axis)


def weight_norm(module: Layer, name: str = "weight", axis: int | None = 0) -> Layer:
    r"""Let a layer learn the direction and the length of its weights apart.

    .. math:: w = g\, v / \lVert v \rVert

    For each of the vectors that ``axis`` counts. The formulas of the backward are those of
    :func:`odyssey.core.weight_norm`.

    Parameters
    ----------
    module : Module
        Changed: instead of the parameter ``weight`` it has ``weight_g``, the lengths,
        and ``weight_v``, at first the weight. Make its optimizer afterwards.
    name : str
        Of the parameter.
    axis : int or None
        The axis that counts the vectors; None for one vector of all.

    Returns
    -------
    Module
        The same.

    Raises
    ------
    OdysseyError
        If the module has no such parameter.
    ShapeError
        If the axis is out of range.

    See Also
    --------
    remove_weight_norm

    Notes
    -----
    ``module.weight`` is what the last call used; it follows ``weight_g`` and ``weight_v``
    when the module is called.

    In the state of PyTorch's ``torch.nn.utils.parametrizations.weight_norm`` the names are
    ``parametrizations.weight.original0`` for ``weight_g`` and ``...original1`` for ``weight_v``.

    References
    ----------
    .. [1] T. Salimans, D. Kingma, "Weight normalization", NeurIPS 2016.
       https://arxiv.org/abs/1602.07868

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.weight_norm(od.nn.Linear(2, 3))
    >>> [(name, p.shape) for name, p in layer.named_parameters()]
    [('bias', (3,)), ('weight_g', (3, 1)), ('weight_v', (3, 2))]
    """
    weight = _parameter("weight_norm", module, name)
    if axis is not None:
        normalize_axis("weight_norm", axis, weight.ndim)
    kept = () if axis is None else (axis % weight.ndim,)
    others = tuple(i for i in range(weight.ndim) if i not in kept)
    wide = weight.data.astype(np.result_type(weight.dtype, np.float32))
    length = np.sqrt(np.sum(wide * wide, others, keepdims=True)).astype(weight.dtype)
    hook = _WeightNorm(name, axis)
    _install(module, hook, g=Parameter(length), v=Parameter(weight))
    hook.assign(module)
    return module


def spectral_norm(
    module: Layer,
    name: str = "weight",
    iterations: int = 1,
    eps: float = 1e-12,
    axis: int | None = None,
    rng: np.random.Generator | None = None,
) -> Layer:
    r"""Let a layer divide its weight by the largest singular value.

    .. math:: w = W / \sigma, \qquad \sigma = u^\top W v

    So no signal grows by the layer. Each call in training mode improves the estimates
    u and v of the singular vectors (:func:`odyssey.core.power_iteration`); the backward,
    for which they are constants, is that of :func:`odyssey.core.spectral_norm`.

    Parameters
    ----------
    module : Module
        Changed: instead of the parameter ``weight`` it has ``weight_orig``, W. Make its
        optimizer afterwards.
    name : str
        Of the parameter, which has at least 2 axes.
    iterations : int
        How many power iterations a call makes, at least 1.
    eps : float
        Lengths below it count as this.
    axis : int, optional
        The axis of the outputs, which are the rows of W; by default 1 for a transposed
        convolution, else 0.
    rng : numpy.random.Generator, optional
        What the first estimate is drawn from, before 15 iterations.

    Returns
    -------
    Module
        The same.

    Raises
    ------
    OdysseyError
        If the module has no such parameter, or ``eps`` is negative.
    ShapeError
        If the parameter has fewer than 2 axes, the axis is out of range, or there is not
        one iteration at least.

    See Also
    --------
    remove_spectral_norm

    Notes
    -----
    Two buffers, ``weight_u`` and ``weight_v``, are the estimates. ``module.weight`` is what
    the last call used.

    In the state of PyTorch's ``torch.nn.utils.parametrizations.spectral_norm`` the names are
    ``parametrizations.weight.original`` for ``weight_orig``, ``parametrizations.weight.0._u``
    for ``weight_u``, and ``...0._v`` for ``weight_v``.

    References
    ----------
    .. [1] T. Miyato, T. Kataoka, M. Koyama, Y. Yoshida, "Spectral normalization for
       generative adversarial networks", ICLR 2018. https://arxiv.org/abs/1802.05957

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.spectral_norm(od.nn.Linear(2, 3, rng=od.Generator(0)), iterations=20)
    >>> _ = layer(od.ones(2))
    >>> round(float(od.linalg.svdvals(layer.weight)[0]), 5)
    1.0
    """
    weight = _parameter("spectral_norm", module, name)
    check_positive("spectral_norm", iterations=iterations)
    check_eps("spectral_norm", eps)
    if weight.ndim < 2:
        raise ShapeError(f"spectral_norm: {name} needs at least 2 axes, has shape {weight.shape}")
    if axis is None:
        axis = int(isinstance(module, (ConvTranspose1D, ConvTranspose2D, ConvTranspose3D)))
    axis = normalize_axis("spectral_norm", axis, weight.ndim)
    rows = weight.shape[axis]
    columns = weight.size // max(rows, 1)
    hook = _SpectralNorm(name, iterations, eps, axis)
    u = Buffer(core.constant((rows,), 0, weight.dtype))
    v = Buffer(core.normal((columns,), 0.0, 1.0, weight.dtype, rng))
    _install(module, hook, orig=Parameter(weight), u=u, v=v)
    hook.iterate(module, WARM_UP)  # u first, so that v alone has to be drawn
    hook.assign(module)
    return module


def remove_weight_norm(module: Layer, name: str = "weight") -> Layer:
    """Let a layer have a ``weight`` to learn again: what :func:`weight_norm` computed.

    Returns
    -------
    Module
        The same.

    Raises
    ------
    OdysseyError
        If the module's parameter of that name has no weight norm.

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.remove_weight_norm(od.nn.weight_norm(od.nn.Linear(2, 3)))
    >>> sorted(layer.state_dict())
    ['bias', 'weight']
    """
    _remove("weight_norm", _WeightNorm, module, name)
    return module


def remove_spectral_norm(module: Layer, name: str = "weight") -> Layer:
    """Let a layer have a ``weight`` to learn again: what :func:`spectral_norm` computed.

    Returns
    -------
    Module
        The same.

    Raises
    ------
    OdysseyError
        If the module's parameter of that name has no spectral norm.

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.remove_spectral_norm(od.nn.spectral_norm(od.nn.Linear(2, 3)))
    >>> sorted(layer.state_dict())
    ['bias', 'weight']
    """
    _remove("spectral_norm", _SpectralNorm, module, name)
    return module


def _parameter(op: str, module: Module, name: str) -> Parameter:
    if module.waits_for_input:
        raise OdysseyError(
            f"{op}: the size of the input of {type(module).__name__} is not known yet, and so its "
            "parameters are not; call it on an example first"
        )
    value = vars(module).get(name)
    if not isinstance(value, Parameter):
        raise OdysseyError(f"{op}: {type(module).__name__} has no parameter {name!r} of its own")
    return value


def _install(module: Module, hook: _Computed, **parts: Parameter | Buffer) -> None:
    """Put the parts in the place of the weight, and compute it from now on."""
    weight = getattr(module, hook.name)
    delattr(module, hook.name)
    for ending, part in parts.items():
        if isinstance(part, Parameter):
            part.requires_grad = weight.requires_grad
        setattr(module, f"{hook.name}_{ending}", part)
    module.register_forward_pre_hook(hook)


def _remove(op: str, kind: type[_Computed], module: Module, name: str) -> None:
    """Take the hook off, and let its last weight be a parameter."""
    hooks = {} if module._hooks is None else module._hooks.before
    found = [
        (handle, hook)
        for handle, hook in hooks.items()
        if isinstance(hook, kind) and hook.name == name
    ]
    if not found:
        raise OdysseyError(f"remove_{op}: {type(module).__name__}.{name} has no {op}")
    handle, hook = found[0]
    parts = [hook.part(module, ending) for ending in kind.parts]
    weight = Parameter(hook.weight(module).data, any(part.requires_grad for part in parts))
    handle.remove()
    for ending in ("", *(f"_{ending}" for ending in kind.parts)):
        delattr(module, f"{name}{ending}")
    setattr(module, name, weight)
