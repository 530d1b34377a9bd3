"""What turns a model and data into a trained model."""

from odyssey.training import optimizers, schedulers
from odyssey.training.checkpoint import load_checkpoint, save_checkpoint
from odyssey.training.loops import evaluate, train_one_epoch

__all__ = [
    "evaluate",
    "load_checkpoint",
    "optimizers",
    "save_checkpoint",
    "schedulers",
    "train_one_epoch",
]
