"""Attention on random shapes, masks, settings and layouts: fast = reference = PyTorch.

``ODYSSEY_EXAMPLES`` says how many examples each test tries.
"""

import importlib.util
import os

import numpy as np
import pytest
from formulas_attention import attention_weights
from hypothesis import given, settings
from strategies_attention import attentions

import odyssey as od
from odyssey import fast, reference
from odyssey.testing import difference, tolerance

EXAMPLES = int(os.environ.get("ODYSSEY_EXAMPLES", "60"))
compiled = pytest.mark.skipif(not fast.LEVEL, reason="nothing was compiled in this installation")


def run(kernels, call, threads=1):
    """Return (out, logsumexp) and the gradients."""
    before = od.get_num_threads()
    od.set_num_threads(threads)
    try:
        given = (call.q, call.k, call.v)
        rest = (call.mask, call.causal, call.scale)
        forward = kernels.scaled_dot_product_attention(*given, *rest)
        needs = (True, True, True, call.mask is not None and call.mask.dtype != bool)
        grads = kernels.scaled_dot_product_attention_backward(
            call.grad, *given, *forward, *rest, needs
        )
    finally:
        od.set_num_threads(before)
    return forward, grads[: 3 + needs[3]]


def sizes(call):
    """Return the magnitudes that errors are measured against: of the forward, of each gradient.

    A score's error is relative to its terms, and makes one of that size in the probabilities.
    """
    q, k, v, grad = (np.abs(a.astype(np.float64)) for a in (call.q, call.k, call.v, call.grad))
    scale = abs(call.scale) if call.scale is not None else q.shape[-1] ** -0.5
    score = max(1.0, scale * float((q @ np.swapaxes(k, -1, -2)).max(initial=0)))
    grad_score = score * float((grad @ np.swapaxes(v, -1, -2)).max(initial=0))
    grads = (
        scale * grad_score * k.max(initial=0),
        scale * grad_score * q.max(initial=0),
        score * grad.max(initial=0),
        grad_score,
    )
    # What half precision can hold, with room above for the distance of two numbers.
    return score * max(1.0, v.max(initial=0)), [min(g, 6e4) for g in grads]


def close(found, expected, call, scale):
    assert found.shape == expected.shape
    terms = sum(call.q.shape[-2:]) + call.v.shape[-2]
    off = difference(found, expected, scale)
    assert off.error <= tolerance(call.dtype, terms), off


@compiled
@settings(max_examples=EXAMPLES)
@given(attentions())
def test_backends_agree_for_any_number_of_threads(call):
    (out, logsumexp), grads = run(fast, call)
    (slow_out, slow_logsumexp), slow_grads = run(reference, call)
    scale, grad_scales = sizes(call)
    close(out, slow_out, call, scale)
    close(logsumexp, slow_logsumexp, call, scale)
    for mine, theirs, size in zip(grads, slow_grads, grad_scales, strict=False):
        assert mine.dtype == theirs.dtype == call.dtype
        close(mine, theirs, call, size)
    for threads in (2, 4):
        again, more = run(fast, call, threads)
        for one, other in zip((out, logsumexp, *grads), (*again, *more), strict=True):
            assert one.tobytes() == other.tobytes()


@settings(max_examples=EXAMPLES)
@given(attentions())
def test_every_query_and_key_that_sees_nothing_gets_zeros(call):
    kernels = fast if fast.LEVEL else reference
    (out, logsumexp), grads = run(kernels, call)
    p, _ = attention_weights(
        *(a.astype(np.float64) for a in (call.q, call.k)),
        None if call.mask is None or call.mask.dtype == bool else call.mask.astype(np.float64),
        call.causal,
        0.0,
    )
    if call.mask is not None and call.mask.dtype == bool:
        p = np.where(call.mask, p, 0)
    assert np.array_equal(np.isneginf(logsumexp), (p == 0).all(-1))
    assert not out[(p == 0).all(-1)].any() and not grads[0][(p == 0).all(-1)].any()
    for grad in grads[1:3]:
        assert not grad[(p == 0).all(-2)].any()
    if len(grads) == 4:
        assert not grads[3][p == 0].any()


@pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="torch is not installed")
@settings(max_examples=EXAMPLES)
@given(attentions())
def test_agrees_with_torch(call):
    import torch

    kernels = fast if fast.LEVEL else reference
    (out, _), grads = run(kernels, call)
    # PyTorch in float64; it takes either a mask or is_causal.
    q, k, v, grad = (
        torch.tensor(a.astype(np.float64)) for a in (call.q, call.k, call.v, call.grad)
    )
    shape = (*call.q.shape[:-1], call.k.shape[-2])
    mask = torch.zeros(shape, dtype=torch.float64)
    if call.mask is not None and call.mask.dtype == bool:
        mask.masked_fill_(~torch.tensor(np.broadcast_to(call.mask, shape).copy()), -torch.inf)
    elif call.mask is not None:
        mask += torch.tensor(np.ascontiguousarray(call.mask).astype(np.float64))
    if call.causal:
        mask.masked_fill_(torch.ones(shape[-2:]).triu(1).bool(), -torch.inf)
    for x in (q, k, v, mask):
        x.requires_grad_()
    theirs = torch.nn.functional.scaled_dot_product_attention(q, k, v, mask, scale=call.scale)
    expected = torch.autograd.grad(theirs, (q, k, v, mask), grad, allow_unused=True)
    scale, grad_scales = sizes(call)
    empty = torch.isneginf(mask).all(-1, keepdim=True)
    theirs = theirs.masked_fill(empty, 0)  # rows without a key are zeros here, NaN there
    close(out, theirs.detach().numpy(), call, scale)
    if not empty.any():
        # A boolean mask has no gradient.
        for mine, other, size in zip(grads, expected, grad_scales, strict=False):
            close(mine, np.zeros(mine.shape) if other is None else other.numpy(), call, size)
