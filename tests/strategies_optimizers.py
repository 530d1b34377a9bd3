"""Optimizers with settings that suit small problems, and gradients to feed them."""

import numpy as np

import odyssey as od
from odyssey.training.optimizers import (
    ASGD,
    LAMB,
    LARS,
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lion,
    NAdam,
    RAdam,
    RMSprop,
    Rprop,
)

WITH_KERNEL = {
    "SGD": lambda params: SGD(params, lr=0.1),
    "SGD with momentum": lambda params: SGD(params, lr=0.1, momentum=0.9, weight_decay=0.01),
    "Nesterov": lambda params: SGD(params, lr=0.1, momentum=0.9, nesterov=True),
    "Adam": lambda params: Adam(params, lr=0.1),
    "AdamW": lambda params: AdamW(params, lr=0.1, weight_decay=0.1),
}

MAKERS = WITH_KERNEL | {
    "AMSGrad": lambda params: Adam(params, lr=0.1, amsgrad=True),
    "AdamW, AMSGrad": lambda params: AdamW(params, lr=0.1, amsgrad=True),
    "NAdam": lambda params: NAdam(params, lr=0.1),
    "RAdam": lambda params: RAdam(params, lr=0.1),
    "Adamax": lambda params: Adamax(params, lr=0.1),
    "Adagrad": lambda params: Adagrad(params, lr=0.5),
    "Adadelta": lambda params: Adadelta(params, lr=10.0),
    "RMSprop": lambda params: RMSprop(params, lr=0.03),
    "RMSprop, centred": lambda params: RMSprop(params, lr=0.01, momentum=0.5, centered=True),
    "Lion": lambda params: Lion(params, lr=0.03),
    "LAMB": lambda params: LAMB(params, lr=0.03),
    "LARS": lambda params: LARS(params, lr=2.0),
    "Adafactor": lambda params: Adafactor(params, lr=0.1),
    "Rprop": lambda params: Rprop(params, lr=0.1),
    "ASGD": lambda params: ASGD(params, lr=0.1, lambd=0.0),
}
"""All that take parameters of any shape and need no closure."""


def parameter(*values, dtype=np.float64):
    return od.Parameter(np.array(values, dtype))


def give(p, *values):
    p.grad = od.tensor(np.array(values, p.dtype))


def leaf(array):
    """Return a tensor to be optimized; it may have no axes, which a Parameter may not."""
    return od.tensor(array, requires_grad=True)


SHAPES = [(), (5,), (3, 4), (2, 3, 4), (2, 3, 2, 2), (0, 3)]


def arrays(shapes, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(shape), dtype) for shape in shapes]


def gradients(step, shapes, dtype=np.float64):
    """Return a gradient for each parameter, None for one that has none at this step."""
    given = arrays(shapes, dtype, 100 + step)
    given[step % len(given)] = None
    return given
