"""Attention against PyTorch, where it is installed: values and gradients of the operation."""

import numpy as np
import pytest

import odyssey as od
from odyssey.testing import difference, tolerance

torch = pytest.importorskip("torch")

rng = np.random.default_rng(12)


def normal(*shape):
    return rng.standard_normal(shape)


SHAPES = {
    "no leading axes": ((5, 4), (7, 4), (7, 3)),
    "heads": ((2, 3, 6, 8), (2, 3, 9, 8), (2, 3, 9, 5)),
    "broadcast heads": ((2, 1, 6, 4), (3, 9, 4), (2, 3, 9, 4)),
    "several blocks": ((2, 150, 16), (2, 200, 16), (2, 200, 16)),
}
hiding = np.where(rng.random((6, 9)) < 0.3, -np.inf, normal(6, 9))
hiding[:, 0] = 0  # never a whole row, which is NaN in PyTorch
MASKS = {
    "boolean": rng.random((2, 3, 6, 9)) < 0.7,
    "padding": np.arange(9) < np.array([4, 9]).reshape(2, 1, 1, 1),
    "additive": normal(3, 6, 9),
    "one for all queries": normal(3, 1, 9),
    "hiding": hiding,
}
MASKS["boolean"][..., 0] = True


def check(backend, arrays, mask, dtype, **settings):
    xs = [od.tensor(a, dtype=dtype, requires_grad=True) for a in arrays]
    ts = [torch.tensor(a, dtype=getattr(torch, dtype), requires_grad=True) for a in arrays]
    if mask is None:
        mine_mask = its_mask = None
    elif mask.dtype == bool:
        mine_mask, its_mask = mask, torch.tensor(mask)
    else:
        mine_mask = od.tensor(mask, dtype=dtype, requires_grad=True)
        its_mask = torch.tensor(mask, dtype=getattr(torch, dtype), requires_grad=True)
    with od.use_backend(backend):
        out = od.core.scaled_dot_product_attention(*xs, mine_mask, **settings)
        theirs = torch.nn.functional.scaled_dot_product_attention(
            *ts, its_mask, is_causal=settings.get("causal", False), scale=settings.get("scale")
        )
        grad = rng.standard_normal(out.shape).astype(dtype)
        out.backward(grad)
    theirs.backward(torch.tensor(grad))
    pairs = [(out, theirs), *((x.grad, t.grad) for x, t in zip(xs, ts, strict=True))]
    if isinstance(mine_mask, od.Tensor):
        pairs.append((mine_mask.grad, its_mask.grad))
    for number, (mine, other) in enumerate(pairs):
        off = difference(mine.numpy(), other.detach().numpy())
        assert off.error <= tolerance(dtype, arrays[1].shape[-2] * 4), (number, off)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backend", ["fast", "reference"])
@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name, backend, dtype):
    arrays = [normal(*shape) for shape in SHAPES[name]]
    check(backend, arrays, None, dtype)
    check(backend, arrays, None, dtype, scale=0.3)


@pytest.mark.parametrize("backend", ["fast", "reference"])
@pytest.mark.parametrize("sizes", [(6, 6), (5, 9), (9, 5), (140, 170)], ids=str)
def test_causal(sizes, backend):
    L, S = sizes
    arrays = [normal(2, L, 4), normal(2, S, 4), normal(2, S, 3)]
    check(backend, arrays, None, "float64", causal=True)


@pytest.mark.parametrize("backend", ["fast", "reference"])
@pytest.mark.parametrize("name", MASKS)
def test_masks(name, backend):
    arrays = [normal(*shape) for shape in SHAPES["heads"]]
    check(backend, arrays, MASKS[name], "float64")
