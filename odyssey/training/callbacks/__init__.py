"""Callbacks: what happens around the steps of a training."""

from odyssey.training.callbacks.callback import Callback
from odyssey.training.callbacks.checkpoint import ModelCheckpoint

__all__ = ["Callback", "ModelCheckpoint"]
