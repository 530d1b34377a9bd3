"""What turns a model and data into a trained model."""

from odyssey.training import callbacks, metrics, optimizers, schedulers
from odyssey.training.checkpoint import CheckpointManager, load_checkpoint, save_checkpoint
from odyssey.training.loops import evaluate, predict, train_one_epoch
from odyssey.training.trainer import Trainer

__all__ = [
    "CheckpointManager",
    "Trainer",
    "callbacks",
    "evaluate",
    "load_checkpoint",
    "metrics",
    "optimizers",
    "predict",
    "save_checkpoint",
    "schedulers",
    "train_one_epoch",
]
