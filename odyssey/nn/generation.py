"""Writing with a model that says how likely each next token is."""

from __future__ import annotations

from typing import Any

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, ShapeError
from odyssey.grad_mode import no_grad
from odyssey.nn.module import Module
from odyssey.tensor import Tensor
from odyssey.utils.random import default_generator

__all__ = ["generate", "sampling_probabilities"]


def sampling_probabilities(
    logits: np.ndarray | Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> np.ndarray:
    r"""Return what the next token is drawn from, given its logits.

    Shapes: V tokens.

    Parameters
    ----------
    logits : Tensor or ndarray, shape (..., V)
    temperature : float
        What logits are divided by: below 1 the likely become likelier. 0 takes the
        likeliest (the first of several).
    top_k : int, optional
        Only the k likeliest are drawn; of equals the first.
    top_p : float, optional
        Only the likeliest that together have at least this probability (the nucleus
        [1]_), after ``top_k``; one at least.

    Returns
    -------
    ndarray of float64, shape (..., V)
        Each row sums to 1.

    Raises
    ------
    OdysseyError
        If ``temperature`` is negative, ``top_k`` is below 1 or ``top_p`` not in (0, 1].
    ShapeError
        If there are no tokens.

    Notes
    -----
    :math:`p_v \propto e^{z_v / T}` for those that stay, 0 for the others.

    References
    ----------
    .. [1] A. Holtzman et al., "The curious case of neural text degeneration", ICLR 2020,
       https://arxiv.org/abs/1904.09751

    Examples
    --------
    >>> logits = np.log([0.5, 0.3, 0.15, 0.05])
    >>> sampling_probabilities(logits, top_k=2)
    array([0.625, 0.375, 0.   , 0.   ])
    >>> sampling_probabilities(logits, top_p=0.9).round(3)
    array([0.526, 0.316, 0.158, 0.   ])
    >>> sampling_probabilities(logits, temperature=0)
    array([1., 0., 0., 0.])
    """
    _check_settings(temperature, top_k, top_p)
    z = np.asarray(logits, np.float64)
    if z.ndim == 0 or z.shape[-1] == 0:
        raise ShapeError(f"generate: logits must have shape (..., V) with V > 0, got {z.shape}")
    order = np.argsort(-z, axis=-1, kind="stable")
    ranked = np.take_along_axis(z, order, -1)
    if temperature == 0:
        top_k, temperature = 1, 1.0
    with np.errstate(invalid="ignore"):
        p = np.exp((ranked - ranked[..., :1]) / temperature)
    if top_k is not None:
        p[..., top_k:] = 0
    p /= p.sum(-1, keepdims=True)
    if top_p is not None:
        before = np.cumsum(p, -1) - p
        p = np.where(before < top_p, p, 0)
        p /= p.sum(-1, keepdims=True)
    out = np.empty_like(p)
    np.put_along_axis(out, order, p, -1)
    return out


def generate(
    model: Module,
    tokens: Tensor | np.ndarray,
    max_new_tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    eos: int | None = None,
    rng: np.random.Generator | None = None,
    use_cache: bool = True,
) -> Tensor:
    """Continue sequences token by token.

    Parameters
    ----------
    model : Module
        Takes token ids (N, L), returns logits (N, L, V). One that has ``init_cache(N)``
        is called as ``model(tokens, cache=cache)`` with the new tokens only; another
        with all of them. It is in evaluation mode meanwhile.
    tokens : Tensor or ndarray of int, shape (N, L) or (L,)
        What there is already; L ≥ 1.
    max_new_tokens : int
    temperature, top_k, top_p : optional
        As of :func:`sampling_probabilities`; temperature 0 is greedy.
    eos : int, optional
        The token that ends a sequence: more of it follow, until all sequences have ended.
    rng : numpy.random.Generator, optional
        By default the process's generator.
    use_cache : bool
        False computes everything again for each token.

    Returns
    -------
    Tensor of int64, shape (N, L + n) or (L + n,)
        The given tokens, and n ≤ ``max_new_tokens`` new ones.

    Raises
    ------
    DTypeError
        If ``tokens`` are no integers.
    ShapeError
        If they have no shape as above, or the logits have none.
    OdysseyError
        If a setting is out of range.

    Examples
    --------
    A model that counts to nine and begins again:

    >>> import odyssey as od
    >>> class Counter(od.nn.Module):
    ...     def forward(self, tokens):
    ...         return 100 * od.core.one_hot((tokens + 1) % 10, 10)
    >>> od.nn.generate(Counter(), od.tensor([7, 8]), 4)
    tensor([7, 8, 9, 0, 1, 2])
    """
    _check_settings(temperature, top_k, top_p)
    if isinstance(max_new_tokens, bool) or not isinstance(max_new_tokens, (int, np.integer)):
        raise DTypeError(f"generate: max_new_tokens must be an integer, got {max_new_tokens!r}")
    if max_new_tokens < 0:
        raise OdysseyError(f"generate: max_new_tokens must be at least 0, got {max_new_tokens}")
    given = np.asarray(tokens)
    if given.dtype.kind not in "iu":
        raise DTypeError(f"generate: tokens must be integers, but have dtype {given.dtype}")
    if given.ndim not in (1, 2) or 0 in given.shape:
        raise ShapeError(
            f"generate: tokens must have shape (N, L) or (L,), with at least one token, "
            f"got {given.shape}"
        )
    rng = default_generator() if rng is None else rng
    written = np.atleast_2d(given).astype(np.int64)
    cache = model.init_cache(len(written)) if use_cache and hasattr(model, "init_cache") else None
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with no_grad():
            written = _written(
                model, written, max_new_tokens, cache, eos, rng, (temperature, top_k, top_p)
            )
    finally:
        for module, training in modes:
            module.training = training
    return Tensor(written[0] if given.ndim == 1 else written)


def _written(
    model: Module,
    written: np.ndarray,
    most: int,
    cache: Any,
    eos: int | None,
    rng: np.random.Generator,
    settings: tuple[Any, ...],
) -> np.ndarray:
    """Return the tokens with new ones after them."""
    ended = np.zeros(len(written), bool)
    new = written
    for _ in range(most):
        if cache is None:
            logits = model(Tensor(written))
        else:
            logits = model(Tensor(new), cache=cache)
        if logits.ndim != 3:
            raise ShapeError(
                f"generate: the model must return logits (N, L, V), but they have shape "
                f"{logits.shape}"
            )
        p = sampling_probabilities(logits.data[:, -1], *settings)
        new = _drawn(p, rng)[:, None]
        if eos is not None:
            new[ended] = eos
            ended |= new[:, 0] == eos
        written = np.concatenate([written, new], 1)
        if ended.all():
            break
    return written


def _drawn(p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return one index for each row of probabilities, never one of probability 0."""
    bounds = np.cumsum(p, -1)
    places = rng.random((len(p), 1)) * bounds[:, -1:]
    return (places >= bounds).sum(-1)


def _check_settings(temperature: Any, top_k: Any, top_p: Any) -> None:
    if isinstance(temperature, bool) or not isinstance(temperature, (int, float, np.floating)):
        raise DTypeError(f"generate: temperature must be a number, got {temperature!r}")
    if not 0 <= temperature < np.inf:
        raise OdysseyError(f"generate: temperature must be at least 0, got {temperature}")
    if top_k is not None and (
        isinstance(top_k, bool) or not isinstance(top_k, (int, np.integer)) or top_k < 1
    ):
        raise OdysseyError(f"generate: top_k must be a positive integer, got {top_k!r}")
    if top_p is not None and not (isinstance(top_p, (int, float)) and 0 < top_p <= 1):
        raise OdysseyError(f"generate: top_p must lie in (0, 1], got {top_p!r}")
