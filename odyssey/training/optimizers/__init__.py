"""Optimizers: a page each, the update rule as maths, the step as a kernel or in NumPy."""

from odyssey.training.optimizers.adadelta import Adadelta
from odyssey.training.optimizers.adafactor import Adafactor
from odyssey.training.optimizers.adagrad import Adagrad
from odyssey.training.optimizers.adam import Adam, AdamW
from odyssey.training.optimizers.adamax import Adamax
from odyssey.training.optimizers.asgd import ASGD
from odyssey.training.optimizers.elementwise import Elementwise
from odyssey.training.optimizers.groups import decay_groups
from odyssey.training.optimizers.lamb import LAMB
from odyssey.training.optimizers.lars import LARS
from odyssey.training.optimizers.lbfgs import LBFGS
from odyssey.training.optimizers.line_search import strong_wolfe
from odyssey.training.optimizers.lion import Lion
from odyssey.training.optimizers.muon import Muon, orthogonalize
from odyssey.training.optimizers.nadam import NAdam
from odyssey.training.optimizers.optimizer import Optimizer
from odyssey.training.optimizers.radam import RAdam
from odyssey.training.optimizers.rmsprop import RMSprop
from odyssey.training.optimizers.rprop import Rprop
from odyssey.training.optimizers.sgd import SGD

__all__ = [
    "ASGD",
    "LAMB",
    "LARS",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Elementwise",
    "Lion",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "decay_groups",
    "orthogonalize",
    "strong_wolfe",
]
