"""Models, each reading like its paper, and a registry of them by name."""

from odyssey.models.alexnet import alexnet
from odyssey.models.googlenet import GoogLeNet, googlenet
from odyssey.models.lenet import lenet5
from odyssey.models.mlp import mlp
from odyssey.models.mobilenet import mobilenet
from odyssey.models.registry import IMAGE_SIZES, MODELS, build
from odyssey.models.resnet import ResNet, resnet18, resnet34, resnet50
from odyssey.models.vgg import VGG, vgg11, vgg13, vgg16, vgg19

__all__ = [
    "IMAGE_SIZES",
    "MODELS",
    "VGG",
    "GoogLeNet",
    "ResNet",
    "alexnet",
    "build",
    "googlenet",
    "lenet5",
    "mlp",
    "mobilenet",
    "resnet18",
    "resnet34",
    "resnet50",
    "vgg11",
    "vgg13",
    "vgg16",
    "vgg19",
]
