"""Optimizers: a page each, the update rule as maths, the step as a kernel."""

from odyssey.training.optimizers.adam import Adam, AdamW
from odyssey.training.optimizers.optimizer import Optimizer
from odyssey.training.optimizers.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer"]
