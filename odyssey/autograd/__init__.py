"""Derivatives of functions: the gradient tape, ``grad`` and ``value_and_grad``."""

from odyssey.autograd.tape import GradientTape
from odyssey.autograd.transforms import grad, value_and_grad

__all__ = ["GradientTape", "grad", "value_and_grad"]
