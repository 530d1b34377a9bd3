"""Models, each reading like its paper, and a registry of them by name."""

from odyssey.models.lenet import lenet5
from odyssey.models.mlp import mlp
from odyssey.models.registry import IMAGE_SIZES, MODELS, build

__all__ = ["IMAGE_SIZES", "MODELS", "build", "lenet5", "mlp"]
