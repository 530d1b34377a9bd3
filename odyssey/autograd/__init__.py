"""Derivatives of functions: the gradient tape, ``grad`` and ``value_and_grad``."""

from odyssey.autograd.plot import plot_graph
from odyssey.autograd.tape import GradientTape
from odyssey.autograd.transforms import grad, value_and_grad

__all__ = ["GradientTape", "grad", "plot_graph", "value_and_grad"]
