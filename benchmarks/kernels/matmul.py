"""Matrix products: squares, tall and wide ones, vectors, stacks, transposed operands, odd sizes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.case import BOTH, FORWARD, Case, Goal, Setting, kernel
from benchmarks.pair import pair

GOAL = Goal(least=0.97, means={FORWARD: 1.05, BOTH: 1.1})

# (M, K, N): M x K by K x N.
SQUARES = [(n, n, n) for n in (16, 32, 64, 128, 256, 512, 1024, 2048)]
LAYERS = [(64, 784, 256), (2048, 192, 768), (32, 400, 120), (8, 16, 32)]
TALL_AND_WIDE = [(4096, 64, 64), (64, 4096, 64), (64, 64, 4096), (5000, 7, 5), (10, 10000, 10)]
VECTORS = [(1, 1024, 1024), (1024, 1024, 1), (1, 784, 256), (4096, 256, 1)]
OUTER = [(1000, 1, 1000), (1000, 2, 1000), (1000, 17, 1000)]
PRIMES = [(17, 19, 23), (127, 131, 113), (509, 521, 503), (1021, 7, 1013)]
TRANSPOSED = [(size, which) for size in (64, 512) for which in ("aT", "bT", "aT bT")]
STACKS = [(96, 128, 64, 128), (96, 128, 128, 64), (32, 16, 16, 16)]


def cases(setting: Setting) -> Iterator[Case]:
    """Yield them all."""
    shapes = SQUARES + LAYERS + TALL_AND_WIDE + VECTORS + OUTER + PRIMES
    if setting.dtype == "float16":
        # Without instructions for it PyTorch takes seconds, and longer than all other cases.
        shapes.remove((2048, 2048, 2048))
    for m, k, n in setting.some(shapes, [(5, 3, 4), (1, 3, 4)]):
        yield from product(setting, f"({m},{k})x({k},{n})", (m, k), (k, n))
    for size, which in setting.some(TRANSPOSED, [(4, "aT")]):
        shape = (size, size)
        yield from product(setting, f"{which} {shape[0]}x{shape[1]}", shape, shape, which)
    for count, m, k, n in setting.some(STACKS, [(2, 3, 4, 5)]):
        name = f"{count} x ({m},{k})x({k},{n})"
        yield from product(setting, name, (count, m, k), (count, k, n))


def product(
    setting: Setting, name: str, shape_a: Any, shape_b: Any, transposed: str = ""
) -> Iterator[Case]:
    """Yield one product and its gradients."""
    a, b = setting.normal(*shape_a), setting.normal(*shape_b)
    if "aT" in transposed:
        a = np.ascontiguousarray(a.T).T
    if "bT" in transposed:
        b = np.ascontiguousarray(b.T).T
    torch, matmul = setting.torch, kernel("matmul")
    rows, columns = shape_a[-2], shape_b[-1]
    flops = 2.0 * a.size * columns
    ways = {}
    if rows == 1:
        ways["vector"] = lambda a, b: torch.mv(b.t(), a[0])[None]
    if columns == 1:
        ways["vector"] = lambda a, b: torch.mv(a, b[:, 0])[:, None]

    def gradients(multiply: Any, grad: Any, a: Any, b: Any) -> Any:
        return multiply(grad, b.swapaxes(-1, -2)), multiply(a.swapaxes(-1, -2), grad)

    yield from pair(
        setting,
        name,
        [a, b],
        matmul,
        lambda grad, _, a, b: gradients(matmul, grad, a, b),
        torch.matmul,
        flops=flops,
        flops_backward=2 * flops,
        ways=ways,
        ways_both={
            "products": lambda grad, a, b: (a @ b, gradients(torch.matmul, grad, a, b)),
        },
        truth=np.matmul,
        truth_both=lambda grad, a, b: (a @ b, gradients(np.matmul, grad, a, b)),
    )
