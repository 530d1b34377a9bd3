"""Models, each reading like its paper."""

from odyssey.models.mlp import mlp

__all__ = ["mlp"]
