"""What turns a model and data into a trained model."""

from odyssey.training import optimizers

__all__ = ["optimizers"]
