"""Models, each reading like its paper, and a registry of them by name."""

from odyssey.models.mlp import mlp
from odyssey.models.registry import MODELS, build

__all__ = ["MODELS", "build", "mlp"]
