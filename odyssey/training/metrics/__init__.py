"""Metrics: what a model is worth, added up batch by batch."""

from odyssey.training.metrics.classification import Accuracy, TopKAccuracy
from odyssey.training.metrics.confusion import (
    ClassAccuracy,
    ConfusionMatrix,
    F1Score,
    IoU,
    Precision,
    Recall,
)
from odyssey.training.metrics.likelihood import CalibrationError, Perplexity
from odyssey.training.metrics.mean import Mean
from odyssey.training.metrics.metric import Metric
from odyssey.training.metrics.ranking import PRAUC, ROCAUC
from odyssey.training.metrics.regression import MAE, MSE, RMSE, R2Score

__all__ = [
    "MAE",
    "MSE",
    "PRAUC",
    "RMSE",
    "ROCAUC",
    "Accuracy",
    "CalibrationError",
    "ClassAccuracy",
    "ConfusionMatrix",
    "F1Score",
    "IoU",
    "Mean",
    "Metric",
    "Perplexity",
    "Precision",
    "R2Score",
    "Recall",
    "TopKAccuracy",
]
