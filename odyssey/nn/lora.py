"""LoRA: fine-tuning by small matrices beside frozen ones."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from odyssey import core
from odyssey.errors import DTypeError, OdysseyError
from odyssey.nn._settings import check_positive
from odyssey.nn.linear import Linear
from odyssey.nn.module import Module
from odyssey.nn.tree import joined, places
from odyssey.tensor import Parameter, Tensor
from odyssey.utils.kernel_checks_pooling import check_probability

__all__ = ["LoRA", "add_lora"]


class LoRA(Module):
    r"""Add to a linear layer, which is frozen, a product of two thin matrices, which learn.

    Parameters
    ----------
    layer : Linear
        W, I features in and O out; its parameters get no gradients from here on.
    rank : int
        r, the features between the two matrices.
    alpha : float, optional
        The product is multiplied by alpha/r; by default alpha is r.
    dropout : float
        The probability to drop an input of the product while training.
    rng : numpy.random.Generator, optional
        A is drawn from :math:`N(0, 1/I)`; B starts at zero, and so does the difference.

    Attributes
    ----------
    layer : Linear
    lora_a : Parameter, shape (r, I)
    lora_b : Parameter, shape (O, r)
    merged : bool
        Whether the layer's weight holds the product at present.

    Raises
    ------
    DTypeError
        If ``layer`` is no Linear.
    ShapeError
        If ``rank`` is not a positive integer.
    OdysseyError
        If ``alpha`` is no positive number, ``dropout`` is out of range, or the layer
        does not know its size yet.

    Notes
    -----
    .. math:: y = W x + b + \frac{\alpha}{r} B A x

    The state has A, B and the layer's own; call :meth:`unmerge` before it is taken.

    References
    ----------
    .. [1] E. Hu et al., "LoRA: Low-rank adaptation of large language models", 2021,
       https://arxiv.org/abs/2106.09685

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.LoRA(od.nn.Linear(6, 4), rank=2)
    >>> [name for name, p in layer.named_parameters() if p.requires_grad]
    ['lora_a', 'lora_b']
    """

    def __init__(
        self,
        layer: Linear,
        rank: int,
        alpha: float | None = None,
        dropout: float = 0.0,
        rng: np.random.Generator | None = None,
    ) -> None:
        if not isinstance(layer, Linear):
            raise DTypeError(f"LoRA: layer must be a Linear, got {type(layer).__name__}")
        if layer.in_features is None:
            raise OdysseyError(
                "LoRA: layer does not know its size yet; call it on an example first"
            )
        check_positive("LoRA", rank=rank)
        check_probability("LoRA", dropout)
        alpha = rank if alpha is None else alpha
        if isinstance(alpha, bool) or not isinstance(alpha, (int, float)) or not alpha > 0:
            raise OdysseyError(f"LoRA: alpha must be a positive number, got {alpha!r}")
        self.rank, self.alpha, self.dropout = rank, alpha, dropout
        self.layer = layer.requires_grad_(False)
        dtype = layer.weight.dtype
        a = core.normal((rank, layer.in_features), 0.0, layer.in_features**-0.5, dtype, rng)
        self.lora_a = Parameter(a)
        self.lora_b = Parameter(core.zeros((layer.out_features, rank), dtype))
        self.merged = False

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        if self.merged:
            return y
        x = core.linear(core.dropout(x, self.dropout, self.training), self.lora_a)
        return y + core.linear(x, self.lora_b * (self.alpha / self.rank))

    def merge(self) -> LoRA:
        """Add the product to the layer's weight, which is as fast as without; A and B then rest."""
        return self._set_merged(True)

    def unmerge(self) -> LoRA:
        """Take the product out of the layer's weight again."""
        return self._set_merged(False)

    def _set_merged(self, merged: bool) -> LoRA:
        if merged != self.merged:
            product = (self.alpha / self.rank) * (self.lora_b.data @ self.lora_a.data)
            weight = self.layer.weight
            weight[...] = weight.data + product if merged else weight.data - product
            self.merged = merged
        return self

    def extra_repr(self) -> str:
        return f"rank={self.rank}, alpha={self.alpha}, dropout={self.dropout}"


def add_lora(
    model: Module,
    rank: int,
    pattern: str = "*",
    alpha: float | None = None,
    dropout: float = 0.0,
    rng: np.random.Generator | None = None,
) -> Module:
    """Freeze a model, and let :class:`LoRA` stand in the place of its linear layers.

    Parameters
    ----------
    model : Module
        Changed in place. It must not be a Linear itself.
    rank : int
    pattern : str
        Which linear layers, by their dotted names, as in a shell: ``"*.linear?"``.
    alpha, dropout, rng : optional
        As of :class:`LoRA`.

    Returns
    -------
    Module
        ``model``. A layer that stands in two places is one LoRA in both.

    Raises
    ------
    OdysseyError
        If no linear layer has such a name.

    Examples
    --------
    >>> import odyssey as od
    >>> model = od.nn.Sequential(od.nn.Linear(6, 4), od.nn.ReLU(), od.nn.Linear(4, 2))
    >>> model = od.nn.add_lora(model, rank=1, pattern="2")
    >>> [name for name, p in model.named_parameters() if p.requires_grad]
    ['2.lora_a', '2.lora_b']
    """
    linears: list[Any] = [
        place._replace(name=joined(prefix, place.name))
        for prefix, module in list(model.named_modules())
        if not isinstance(module, LoRA)
        for place in places(module, (Linear,))
    ]
    chosen = [place for place in linears if fnmatchcase(place.name, pattern)]
    if not chosen:
        known = ", ".join(place.name for place in linears[:5]) or "none"
        raise OdysseyError(
            f"add_lora: no linear layer of {type(model).__name__} has a name that matches "
            f"{pattern!r}; it has {known}"
        )
    model.requires_grad_(False)
    made: dict[int, LoRA] = {}
    for place in chosen:
        layer = place.value
        if id(layer) not in made:
            made[id(layer)] = LoRA(layer, rank, alpha, dropout, rng)
        place.put(made[id(layer)])
    return model
