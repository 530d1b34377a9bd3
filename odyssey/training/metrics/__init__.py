"""Metrics: what a model is worth, added up batch by batch."""

from odyssey.training.metrics.classification import Accuracy
from odyssey.training.metrics.mean import Mean
from odyssey.training.metrics.metric import Metric

__all__ = ["Accuracy", "Mean", "Metric"]
