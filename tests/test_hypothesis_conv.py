"""Convolutions on random shapes, settings and layouts: fast = reference = PyTorch.

``ODYSSEY_EXAMPLES`` says how many examples each test tries.
"""

import importlib.util
import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from strategies_conv import calls

import odyssey as od
from odyssey import fast, reference
from odyssey.testing import difference, tolerance
from odyssey.utils.geometry import pads, pair

EXAMPLES = int(os.environ.get("ODYSSEY_EXAMPLES", "60"))
KERNELS = fast if fast.LEVEL else reference
OPS = ("conv2d", "depthwise_conv2d", "depthwise_separable_conv2d")
compiled = pytest.mark.skipif(not fast.LEVEL, reason="nothing was compiled in this installation")
each_op = pytest.mark.parametrize("op", OPS)


def run(kernels, call, threads=1):
    """Return the output and the gradients that are wanted."""
    before = od.get_num_threads()
    od.set_num_threads(threads)
    try:
        out = getattr(kernels, call.op)(*call.arrays, **call.settings)
        grads = getattr(kernels, f"{call.op}_backward")(
            call.grad, *call.arrays[:-1], **call.settings, needs=call.needs
        )
    finally:
        od.set_num_threads(before)
    assert [g is not None for g in grads] == list(call.needs)
    return [out, *(g for g in grads if g is not None)]


def sizes(call):
    """Return the magnitudes that errors are measured against, for each result.

    All are sums of products. Where terms cancel, the largest result is smaller than its rounding
    errors suggest; the root of the sum of the squared terms is not.
    """
    squares = [None if a is None else a.astype(np.float64) ** 2 for a in (*call.arrays, call.grad)]
    wide = replace(call, arrays=tuple(squares[:-1]), grad=squares[-1])
    return [min(np.sqrt(a.max(initial=0)), 6e4) for a in run(KERNELS, wide)]


def close(found, expected, call, scale):
    assert found.shape == expected.shape and found.dtype == call.dtype
    off = difference(found, expected, scale)
    # The image between the two steps of a separable convolution is rounded, too.
    factor = 3 if "separable" in call.op else 1
    assert off.error <= tolerance(call.dtype, call.terms, factor), off


@compiled
@each_op
def test_backends_agree_for_any_number_of_threads(op):
    @settings(max_examples=EXAMPLES)
    @given(calls(op))
    def check(call):
        found = run(fast, call)
        for mine, theirs, size in zip(found, run(reference, call), sizes(call), strict=True):
            close(mine, theirs, call, size)
        for threads in (2, 4):
            for one, other in zip(found, run(fast, call, threads), strict=True):
                assert one.tobytes() == other.tobytes()

    check()


def in_order(a):
    """Return it in float64 and C order: PyTorch refuses some strides of axes of length 1."""
    return np.array(a, dtype=np.float64, order="C")


@pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="torch is not installed")
@each_op
def test_agrees_with_torch(op):
    import torch

    def theirs(call, x, weight, *rest):
        """Return PyTorch's output, in float64."""
        stride, dilation = (pair("", "", call.settings[n]) for n in ("stride", "dilation"))
        around = pads("", call.settings["padding"], x.shape[2:], weight.shape[2:], stride, dilation)
        (top, bottom), (left, right) = around
        x = torch.nn.functional.pad(x, (left, right, top, bottom))
        *mix, bias = rest
        groups = call.settings.get("groups", 1 if op == "conv2d" else x.shape[1])
        y = torch.nn.functional.conv2d(
            x, weight, None if mix else bias, stride, 0, dilation, groups
        )
        return torch.nn.functional.conv2d(y, mix[0], bias) if mix else y

    @settings(max_examples=EXAMPLES)
    @given(calls(op))
    def check(call):
        wide = [
            None if a is None else torch.tensor(in_order(a), requires_grad=True)
            for a in call.arrays
        ]
        if wide[-1] is None:
            wide[-1] = torch.zeros(call.grad.shape[1], dtype=torch.float64, requires_grad=True)
        out = theirs(call, *wide)
        grads = torch.autograd.grad(out, wide, torch.tensor(in_order(call.grad)))
        wanted = [g for g, need in zip(grads, call.needs, strict=True) if need]
        for mine, other, size in zip(run(KERNELS, call), [out, *wanted], sizes(call), strict=True):
            close(mine, other.detach().numpy(), call, size)

    check()
