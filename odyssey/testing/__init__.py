"""Proof: the checks that odyssey's own suite runs, for your kernels and operations as well.

- :func:`check_kernel`: a kernel against its reference twin, over cases, dtypes,
  layouts and thread counts;
- :func:`compare_kernel`, :func:`compare_backends`: the same as data;
- :func:`gradcheck`, :func:`gradgradcheck`: gradients against finite differences;
- :func:`check_backward`: a backward rule by hand against the tape;
- :func:`operations`, :func:`once_differentiable`: what there is to differentiate, and twice;
- :func:`all_cases`: the inputs that all of them use.
"""

from odyssey.testing.cases import Case, all_cases
from odyssey.testing.compare import Comparison, compare_backends, compare_kernel
from odyssey.testing.gradcheck import gradcheck, gradgradcheck
from odyssey.testing.kernels import cases_of, check_kernel
from odyssey.testing.layouts import LAYOUTS
from odyssey.testing.operations import once_differentiable, operations
from odyssey.testing.parity import parity_problems
from odyssey.testing.rules import check_backward
from odyssey.testing.tolerance import difference, tolerance

__all__ = [
    "LAYOUTS",
    "Case",
    "Comparison",
    "all_cases",
    "cases_of",
    "check_backward",
    "check_kernel",
    "compare_backends",
    "compare_kernel",
    "difference",
    "gradcheck",
    "gradgradcheck",
    "once_differentiable",
    "operations",
    "parity_problems",
    "tolerance",
]
