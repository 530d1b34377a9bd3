"""A small model of each name in the registry, what to call it with, and how to make big ones."""

import numpy as np

import odyssey as od
from odyssey import models

IMAGE = (3, 32, 32)
TINY = {  # the registry's names: the shape of an example, and settings of a small model
    "alexnet": (IMAGE, {"width": 1 / 16, "stem": "cifar", "dropout": 0.0}),
    "gpt2": ((6,), {"width": 24, "depth": 2, "heads": 3, "dropout": 0.0}),
    "googlenet": ((3, 12, 12), {"width": 1 / 8, "stem": "cifar", "dropout": 0.0}),
    "lenet5": ((1, 28, 28), {}),
    "mlp": ((1, 8, 8), {"hidden": (16,)}),
    "mobilenet": ((3, 16, 16), {"width": 1 / 8, "stem": "cifar"}),
    "resnet18": ((3, 16, 16), {"width": 1 / 8, "stem": "cifar"}),
    "resnet34": ((3, 16, 16), {"width": 1 / 16, "stem": "cifar", "shortcut": "A"}),
    "resnet50": ((3, 16, 16), {"width": 1 / 16}),
    "vgg11": (IMAGE, {"width": 1 / 16, "dropout": 0.0}),
    "vgg13": (IMAGE, {"width": 1 / 16, "dropout": 0.0, "batch_norm": True}),
    "vgg16": (IMAGE, {"width": 1 / 16, "dropout": 0.0, "batch_norm": True}),
    "vgg19": (IMAGE, {"width": 1 / 16, "dropout": 0.0, "batch_norm": True}),
    "vit": ((3, 16, 12), {"patch": 4, "width": 24, "depth": 2, "heads": 3}),
}
CLASSES = 4


class Blank:
    """A generator whose every number is 0, on pages that nobody touches: big models at once."""

    def uniform(self, low, high, shape):
        return np.zeros(shape, np.float32)

    normal = uniform

    def standard_normal(self, shape):
        return self.uniform(0, 0, shape)


def tiny(name, seed=0):
    shape, settings = TINY[name]
    return models.build(name, shape, classes(name), rng=od.Generator(seed), **settings)


def classes(name):
    return 11 if name == "gpt2" else CLASSES


def examples(name, n=8):
    """Return images and their classes, or sequences, each with a first token of its own."""
    shape, _ = TINY[name]
    rng = np.random.default_rng(1)
    if name == "gpt2":
        tokens = rng.integers(0, 11, (n, shape[0] + 1))
        tokens[:, 0] = np.arange(n)
        return od.tensor(tokens[:, :-1]), od.tensor(tokens[:, 1:])
    x = od.tensor(rng.standard_normal((n, *shape)), dtype="float32")
    return x, od.tensor(np.arange(n) % CLASSES)


def loss_fn(scores, target):
    """Return the cross-entropy, also of scores (N, L, C) for each token."""
    return od.core.cross_entropy(scores.swapaxes(1, 2) if scores.ndim == 3 else scores, target)
