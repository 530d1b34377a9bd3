"""Schedules of the learning rate: a page each, the curve as maths."""

from odyssey.training.schedulers.cosine import CosineAnnealingLR

__all__ = ["CosineAnnealingLR"]
