"""The numbers of parameters and the shapes that the papers of the models give."""

import pytest
from small_models import Blank

import odyssey as od
from odyssey import models, nn


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Leave the other CPUs to the other tests: threads on a busy machine wait for each other."""
    before = od.get_num_threads()
    od.set_num_threads(1)
    yield
    od.set_num_threads(before)


def parameters(model):
    return sum(parameter.size for parameter in model.parameters())


def shapes(model, *input_shape):
    """Return what each module gives for one example, by its name, without the batch axis."""
    found = {}

    def note(name):
        return lambda module, args, out: found.__setitem__(name, out.shape[1:])

    hooks = [one.register_forward_hook(note(name)) for name, one in model.named_modules()]
    with od.no_grad():
        model.eval()(od.ones((1, *input_shape)))
    for hook in hooks:
        hook.remove()
    return found


# -- numbers of parameters ---------------------------------------------------------------------

COUNTS = [
    ("alexnet", {}, 60_965_224),
    ("vgg11", {}, 132_863_336),
    ("vgg13", {}, 133_047_848),
    ("vgg16", {}, 138_357_544),
    ("vgg19", {}, 143_667_240),
    ("vgg11", {"batch_norm": True}, 132_868_840),
    ("vgg13", {"batch_norm": True}, 133_053_736),
    ("vgg16", {"batch_norm": True}, 138_365_992),
    ("vgg19", {"batch_norm": True}, 143_678_248),
    ("resnet18", {}, 11_689_512),
    ("resnet34", {}, 21_797_672),
    ("resnet50", {}, 25_557_032),
    # Without the 1×1 convolutions of three shortcuts, and their normalisations.
    ("resnet18", {"shortcut": "A"}, 11_689_512 - 64 * 128 - 128 * 256 - 256 * 512 - 2 * 896),
    ("mobilenet", {}, 4_231_976),
    # Table 6 of the paper: 2.6, 1.3 and 0.5 million.
    ("mobilenet", {"width": 0.75}, 2_585_560),
    ("mobilenet", {"width": 0.5}, 1_331_592),
    ("mobilenet", {"width": 0.25}, 470_072),
    ("googlenet", {}, 6_998_552),
    ("googlenet", {"auxiliary": True}, 13_378_280),
    ("vit", {"size": "tiny"}, 5_717_416),
    ("vit", {"size": "small"}, 22_050_664),
    ("vit", {}, 86_567_656),
    ("vit", {"patch": 32}, 88_224_232),
    ("vit", {"size": "large"}, 304_326_632),
    ("vit", {"size": "huge", "patch": 14}, 632_045_800),
    ("gpt2", {}, 124_439_808),
    ("gpt2", {"size": "medium"}, 354_823_168),
]


@pytest.mark.parametrize(("name", "settings", "count"), COUNTS)
def test_the_papers_numbers_of_parameters(name, settings, count):
    assert parameters(models.MODELS[name](rng=Blank(), **settings)) == count


def test_googlenets_table_of_parameters():
    """The rows of table 1 that agree with their own filters, in units of 1024."""
    model = models.googlenet(rng=Blank())
    rows = {"3a": 159, "3b": 380, "4a": 364, "4b": 437, "4e": 840}
    for name, thousands in rows.items():
        own = parameters(getattr(model, f"inception{name}")) / 1024
        assert own == pytest.approx(thousands, rel=0.01), name
    assert parameters(model) / 1024 == pytest.approx(6798, rel=0.006)


# -- shapes, layer by layer --------------------------------------------------------------------


def test_shapes_of_alexnet():
    found = shapes(models.alexnet(rng=Blank()), 3, 224, 224)
    table = {
        "conv1": (96, 55, 55),
        "pool1": (96, 27, 27),
        "conv2": (256, 27, 27),
        "pool2": (256, 13, 13),
        "conv3": (384, 13, 13),
        "conv4": (384, 13, 13),
        "conv5": (256, 13, 13),
        "pool5": (256, 6, 6),
        "fc6": (4096,),
        "fc7": (4096,),
        "fc8": (1000,),
    }
    assert {name: found[name] for name in table} == table


@pytest.mark.parametrize("name", ["vgg11", "vgg13", "vgg16", "vgg19"])
def test_shapes_of_vgg(name):
    model = models.MODELS[name](rng=Blank(), width=1 / 16)
    found = shapes(model, 3, 224, 224)
    pools = [key for key, one in model.named_modules() if isinstance(one, nn.MaxPool2D)]
    assert [found[key] for key in pools] == [
        (4, 112, 112),
        (8, 56, 56),
        (16, 28, 28),
        (32, 14, 14),
        (32, 7, 7),
    ]
    convolutions = [one for one in model.modules() if isinstance(one, nn.Conv2D)]
    assert len(convolutions) == int(name[3:]) - 3
    assert all(one.kernel_size == (3, 3) and one.padding == 1 for one in convolutions)
    assert found["flatten"] == (32 * 49,) and found["classifier.0"] == (256,)
    assert found["classifier"] == (1000,)


@pytest.mark.parametrize(("name", "times"), [("resnet18", 1), ("resnet34", 1), ("resnet50", 4)])
def test_shapes_of_resnet(name, times):
    found = shapes(models.MODELS[name](rng=Blank(), width=1 / 4), 3, 224, 224)
    table = {
        "conv1": (16, 112, 112),
        "maxpool": (16, 56, 56),
        "layer1": (16 * times, 56, 56),
        "layer2": (32 * times, 28, 28),
        "layer3": (64 * times, 14, 14),
        "layer4": (128 * times, 7, 7),
        "avgpool": (128 * times, 1, 1),
        "fc": (1000,),
    }
    assert {layer: found[layer] for layer in table} == table


def test_the_stem_for_small_images_keeps_their_size():
    model = models.resnet18((1, 28, 28), 10, 1 / 16, stem="cifar", rng=Blank())
    found = shapes(model, 1, 28, 28)
    assert model.maxpool is None and found["conv1"] == found["layer1"] == (4, 28, 28)
    assert found["layer4"] == (32, 4, 4)


def test_shapes_of_mobilenet():
    found = shapes(models.mobilenet(rng=Blank()), 3, 224, 224)
    table = {
        "conv": (32, 112, 112),
        "block1": (64, 112, 112),
        "block2": (128, 56, 56),
        "block3": (128, 56, 56),
        "block4": (256, 28, 28),
        "block5": (256, 28, 28),
        "block6": (512, 14, 14),
        "block11": (512, 14, 14),
        "block12.depthwise": (512, 7, 7),
        "block12": (1024, 7, 7),
        "block13": (1024, 7, 7),
        "pool": (1024, 1, 1),
        "fc": (1000,),
    }
    assert {name: found[name] for name in table} == table


def test_shapes_of_googlenet():
    found = shapes(models.googlenet(rng=Blank()), 3, 224, 224)
    table = {
        "conv1": (64, 112, 112),
        "pool1": (64, 56, 56),
        "conv3": (192, 56, 56),
        "pool2": (192, 28, 28),
        "inception3a": (256, 28, 28),
        "inception3b": (480, 28, 28),
        "pool3": (480, 14, 14),
        "inception4a": (512, 14, 14),
        "inception4b": (512, 14, 14),
        "inception4c": (512, 14, 14),
        "inception4d": (528, 14, 14),
        "inception4e": (832, 14, 14),
        "pool4": (832, 7, 7),
        "inception5a": (832, 7, 7),
        "inception5b": (1024, 7, 7),
        "avgpool": (1024, 1, 1),
        "fc": (1000,),
    }
    assert {name: found[name] for name in table} == table


def test_shapes_of_vit():
    found = shapes(models.vit(depth=1, rng=Blank()), 3, 224, 224)
    table = {
        "patches": (768, 14, 14),
        "dropout": (197, 768),
        "blocks.0.attention": (197, 768),
        "blocks.0.mlp.0": (197, 3072),
        "blocks.0": (197, 768),
        "ln": (768,),
        "head": (1000,),
    }
    assert {name: found[name] for name in table} == table
