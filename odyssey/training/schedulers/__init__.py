"""Schedules of the learning rate: a page each, the curve as maths."""

from odyssey.training.schedulers.combined import ChainedScheduler, SequentialLR, WarmupLR
from odyssey.training.schedulers.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from odyssey.training.schedulers.cycles import CyclicLR, OneCycleLR
from odyssey.training.schedulers.decay import (
    ExponentialLR,
    InverseSqrtLR,
    LambdaLR,
    MultiStepLR,
    StepLR,
)
from odyssey.training.schedulers.plateau import ReduceLROnPlateau
from odyssey.training.schedulers.ramps import ConstantLR, LinearLR, PolynomialLR
from odyssey.training.schedulers.scheduler import Scheduler

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "InverseSqrtLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "Scheduler",
    "SequentialLR",
    "StepLR",
    "WarmupLR",
]
