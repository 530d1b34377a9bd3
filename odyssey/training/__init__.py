"""What turns a model and data into a trained model."""

from odyssey.training import callbacks, loops, metrics, optimizers, schedulers
from odyssey.training.averaging import EMA, SWA, Lookahead, update_batch_norm
from odyssey.training.checkpoint import CheckpointManager, load_checkpoint, save_checkpoint
from odyssey.training.clipping import clip_adaptive_, clip_each_norm_, clip_norm_, clip_value_
from odyssey.training.gradients import GradientStatistics, gradient_statistics
from odyssey.training.loops import evaluate, predict, train_one_epoch
from odyssey.training.lr_finder import RangeTest, lr_find
from odyssey.training.precision import GradScaler
from odyssey.training.report import write_report
from odyssey.training.trainer import Trainer

__all__ = [
    "EMA",
    "SWA",
    "CheckpointManager",
    "GradScaler",
    "GradientStatistics",
    "Lookahead",
    "RangeTest",
    "Trainer",
    "callbacks",
    "clip_adaptive_",
    "clip_each_norm_",
    "clip_norm_",
    "clip_value_",
    "evaluate",
    "gradient_statistics",
    "load_checkpoint",
    "loops",
    "lr_find",
    "metrics",
    "optimizers",
    "predict",
    "save_checkpoint",
    "schedulers",
    "train_one_epoch",
    "update_batch_norm",
    "write_report",
]
