from typing import Any

from numpy.typing import NDArray

def sgd(
    params: list[NDArray[Any]],
    grads: list[NDArray[Any]],
    velocities: list[NDArray[Any]] | None,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> None: ...
def adam(
    params: list[NDArray[Any]],
    grads: list[NDArray[Any]],
    exp_avgs: list[NDArray[Any]],
    exp_avg_sqs: list[NDArray[Any]],
    step: int,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
) -> None: ...
