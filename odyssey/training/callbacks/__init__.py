"""Callbacks: what happens around the steps of a training."""

from odyssey.training.callbacks.callback import Callback
from odyssey.training.callbacks.checkpoint import ModelCheckpoint
from odyssey.training.callbacks.early_stopping import EarlyStopping
from odyssey.training.callbacks.ema import EMACallback
from odyssey.training.callbacks.gradient_monitor import GradientMonitor
from odyssey.training.callbacks.html_report import HTMLReport
from odyssey.training.callbacks.lambda_callback import LambdaCallback
from odyssey.training.callbacks.loggers import CSVLogger, JSONLLogger
from odyssey.training.callbacks.lr_monitor import LRMonitor
from odyssey.training.callbacks.nan import TerminateOnNaN
from odyssey.training.callbacks.progress_bar import ProgressBar
from odyssey.training.callbacks.tensorboard import TensorBoardLogger
from odyssey.training.callbacks.timer import Timer

__all__ = [
    "CSVLogger",
    "Callback",
    "EMACallback",
    "EarlyStopping",
    "GradientMonitor",
    "HTMLReport",
    "JSONLLogger",
    "LRMonitor",
    "LambdaCallback",
    "ModelCheckpoint",
    "ProgressBar",
    "TensorBoardLogger",
    "TerminateOnNaN",
    "Timer",
]
