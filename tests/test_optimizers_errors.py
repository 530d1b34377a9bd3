"""Settings and parameters that an optimizer refuses, and what it says."""

import numpy as np
import pytest
from strategies_optimizers import parameter

import odyssey as od
from odyssey.errors import OdysseyError, ShapeError
from odyssey.training.optimizers import (
    ASGD,
    LAMB,
    LARS,
    LBFGS,
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    AdamW,
    Lion,
    Muon,
    NAdam,
    RMSprop,
    Rprop,
)

p, matrix = parameter(1.0), od.Parameter(np.ones((2, 3)))

BAD = [
    (lambda: SGD([]), "SGD: there are no parameters to optimize"),
    (lambda: SGD([p, p]), "SGD: a parameter occurs twice"),
    (lambda: SGD([{"params": [p]}, {"params": [p]}]), "a parameter occurs twice"),
    (lambda: SGD([np.ones(1)]), "SGD: params must be Parameters, got ndarray"),
    (lambda: SGD([{"params": [p], "rl": 1}]), "SGD: unknown setting 'rl'; settings are lr, mom"),
    (lambda: SGD([p], lr=-1), r"SGD: lr must lie in \[0, inf\), got -1"),
    (lambda: SGD([p], lr=float("nan")), "SGD: lr must lie in .* got nan"),
    (lambda: SGD([p], momentum=-0.1), "SGD: momentum must lie in"),
    (lambda: SGD([p], weight_decay=-1), "SGD: weight_decay must lie in"),
    (lambda: SGD([p], nesterov=True), "SGD: nesterov needs a momentum above 0 and no dampening"),
    (lambda: SGD([p], momentum=0.9, dampening=0.1, nesterov=True), "nesterov needs a momentum"),
    (lambda: Adam([p], betas=(1.0, 0.9)), r"Adam: betas\[0\] must lie in \[0, 1\), got 1.0"),
    (lambda: Adam([p], betas=(0.9, -0.1)), r"Adam: betas\[1\] must lie in"),
    (lambda: Adam([p], eps=-1), "Adam: eps must lie in"),
    (lambda: AdamW([p], weight_decay=-1), "AdamW: weight_decay must lie in"),
    (lambda: Adam([p], betas=(0.9,)), r"Adam: betas must be 2 numbers, got \(0.9,\)"),
    (lambda: Adam([p], lr="fast"), r"Adam: lr must lie in \[0, inf\), got 'fast'"),
    (lambda: SGD([{"params": [p], "lr": -1}]), "SGD: lr must lie in"),
    (lambda: SGD([p], dampening=float("nan")), "SGD: dampening must lie in"),
    (lambda: SGD([{"params": [p], "nesterov": True}]), "SGD: nesterov needs a momentum"),
    (lambda: RMSprop([p], alpha=1.0), r"RMSprop: alpha must lie in \[0, 1\), got 1.0"),
    (lambda: RMSprop([p], momentum=-1), "RMSprop: momentum must lie in"),
    (lambda: Adagrad([p], lr_decay=-1), "Adagrad: lr_decay must lie in"),
    (lambda: Adagrad([p], initial_accumulator_value=-1), "initial_accumulator_value must lie in"),
    (lambda: Adadelta([p], rho=1.5), "Adadelta: rho must lie in"),
    (lambda: NAdam([p], momentum_decay=-1), "NAdam: momentum_decay must lie in"),
    (lambda: Lion([p], betas=(0.9, 1.0)), r"Lion: betas\[1\] must lie in"),
    (lambda: LAMB([p], eps=-1), "LAMB: eps must lie in"),
    (lambda: LARS([p], trust=-1), "LARS: trust must lie in"),
    (lambda: Adafactor([p], beta2_decay=0.1), "Adafactor: beta2_decay must lie in"),
    (lambda: Adafactor([p], d=0.5), r"Adafactor: d must lie in \[1, inf\), got 0.5"),
    (lambda: Adafactor([p], eps=(-1, 0.1)), r"Adafactor: eps\[0\] must lie in"),
    (lambda: Adafactor([p], eps=(None, None)), r"Adafactor: eps\[1\] must lie in .* got None"),
    (lambda: Rprop([p], etas=(0.5, 0.9)), r"Rprop: etas\[1\] must lie in \[1, inf\)"),
    (lambda: Rprop([p], step_sizes=(-1, 1)), r"Rprop: step_sizes\[0\] must lie in"),
    (lambda: Rprop([p], step_sizes=(2, 1)), "Rprop: step_sizes must be in order"),
    (lambda: ASGD([p], lambd=-1), "ASGD: lambd must lie in"),
    (lambda: Muon([matrix], ns_steps=100), r"Muon: ns_steps must lie in \[0, 100\), got 100"),
    (lambda: Muon([matrix], ns_steps=2.5), "Muon: ns_steps must be an integer, got 2.5"),
    (lambda: Muon([matrix], ns_coefficients=(1, 2)), "Muon: ns_coefficients must be 3 numbers"),
    (lambda: Muon([matrix], adjust_lr_fn="none"), "Muon: adjust_lr_fn: expected one of original"),
    (lambda: LBFGS([p], max_iter=0), "LBFGS: max_iter must lie in"),
    (lambda: LBFGS([p], max_iter=2.5), "LBFGS: max_iter must be an integer"),
    (lambda: LBFGS([p], history_size=0), "LBFGS: history_size must lie in"),
    (lambda: LBFGS([p], line_search_fn="wolfe"), "LBFGS: line_search_fn: expected one of strong"),
    (lambda: LBFGS([{"params": [p]}, {"params": [matrix]}]), "LBFGS: takes one group .* got 2"),
    (lambda: LBFGS([p]).step(), "LBFGS: step needs a closure that clears the gradients"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_settings(call, message):
    with pytest.raises(OdysseyError, match=message):
        call()


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4), (2, 3, 3, 3)])
def test_muon_refuses_what_is_no_matrix(shape):
    with pytest.raises(ShapeError, match=r"must be matrices, .* give biases, .* to AdamW"):
        Muon([matrix, od.Parameter(np.ones(shape))])
