"""Models, each reading like its paper, and a registry of them by name."""

from odyssey.models.alexnet import alexnet
from odyssey.models.googlenet import GoogLeNet, googlenet
from odyssey.models.gpt import GPT, gpt2
from odyssey.models.lenet import lenet5
from odyssey.models.mlp import mlp
from odyssey.models.mobilenet import mobilenet
from odyssey.models.registry import IMAGE_SIZES, MODELS, build
from odyssey.models.resnet import ResNet, resnet18, resnet34, resnet50
from odyssey.models.vgg import VGG, vgg11, vgg13, vgg16, vgg19
from odyssey.models.vit import ViT, vit

__all__ = [
    "GPT",
    "IMAGE_SIZES",
    "MODELS",
    "VGG",
    "GoogLeNet",
    "ResNet",
    "ViT",
    "alexnet",
    "build",
    "googlenet",
    "gpt2",
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
    "vit",
]
