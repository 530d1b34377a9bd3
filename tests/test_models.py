"""The models: that they learn, what they start from, what they refuse, and their single parts."""

import math

import numpy as np
import pytest
from small_models import CLASSES, TINY, Blank, classes, examples, loss_fn, tiny

import odyssey as od
from odyssey import models, nn
from odyssey.errors import OdysseyError, RangeError, ShapeError
from odyssey.models.googlenet import GoogLeNetOutput, auxiliary_loss
from odyssey.training.loops import evaluate, train_one_epoch
from odyssey.training.optimizers import Adam

STEPS = {"alexnet": 100, "gpt2": 100}  # small first weights take long to find a direction
RATES = {"googlenet": 1e-3}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Leave the other CPUs to the other tests: threads on a busy machine wait for each other."""
    before = od.get_num_threads()
    od.set_num_threads(1)
    yield
    od.set_num_threads(before)


def test_every_model_has_a_small_one():
    assert set(TINY) == set(models.MODELS)
    assert set(models.IMAGE_SIZES) <= set(models.MODELS)


@pytest.mark.parametrize("name", TINY)
def test_forward_is_finite_in_float32_and_the_same_for_the_same_seed(name):
    x, target = examples(name, 3)
    with od.no_grad():
        one, again, other = (tiny(name, seed).eval()(x) for seed in (0, 0, 1))
    assert one.shape == (*target.shape, classes(name)) and one.dtype == np.float32
    assert np.isfinite(one.numpy()).all() and np.array_equal(one.numpy(), again.numpy())
    if name != "vit":  # whose scores begin as zeros
        assert not np.array_equal(one.numpy(), other.numpy())


@pytest.mark.parametrize("name", TINY)
def test_every_parameter_gets_a_gradient(name):
    model = tiny(name)
    x, target = examples(name)
    loss_fn(model(x), target).backward()
    assert not [name for name, p in model.named_parameters() if p.grad is None]


@pytest.mark.parametrize("name", TINY)
def test_a_small_model_learns_eight_images_by_heart(name):
    od.manual_seed(0)
    model = tiny(name)
    batch = examples(name)
    optimizer = Adam(model.parameters(), lr=RATES.get(name, 3e-3))
    first = train_one_epoch(model, [batch], optimizer, loss_fn)["loss"]
    train_one_epoch(model, [batch] * STEPS.get(name, 40), optimizer, loss_fn)
    last = train_one_epoch(model, [batch], optimizer, loss_fn)["loss"]
    assert last < 0.2 < first, (first, last)


@pytest.mark.parametrize("name", TINY)
def test_state_round_trip(name):
    one, other = tiny(name), tiny(name, seed=1)
    x, _ = examples(name, 2)
    one(x)  # in training mode: running moments are no longer those of the start
    other.load_state_dict(one.state_dict())
    with od.no_grad():
        assert np.array_equal(one.eval()(x).numpy(), other.eval()(x).numpy())


def test_evaluate_uses_the_running_moments_and_records_nothing():
    model = tiny("resnet18")
    x, target = examples("resnet18")
    before = {name: array.copy() for name, array in model.state_dict().items()}
    modes = []

    def note(module, args, out):
        modes.append((module.training, out.requires_grad))

    for one in model.modules():
        one.register_forward_hook(note)
    one_by_one = evaluate(model, [(x[i : i + 1], target[i : i + 1]) for i in range(8)])
    at_once = evaluate(model, [(x, target)])
    assert modes and set(modes) == {(False, False)} and model.training
    # An example's scores do not depend on those beside it.
    assert one_by_one["loss"] == pytest.approx(at_once["loss"], rel=1e-4)
    assert all(np.array_equal(array, before[name]) for name, array in model.state_dict().items())


# -- first weights -----------------------------------------------------------------------------


def std(parameter):
    return float(parameter.numpy().std())


def test_alexnet_starts_as_in_section_5():
    model = models.alexnet((3, 32, 32), 10, 1 / 4, stem="cifar", rng=od.Generator(0))
    for name in ("conv1", "conv2", "fc6", "fc8"):
        assert std(model[name].weight) == pytest.approx(0.02, rel=0.1)  # 0.01 / √(1/4)
    biases = {name: set(model[name].bias.tolist()) for name in ("conv1", "conv3", "fc8")}
    assert biases == {"conv1": {0.0}, "conv3": {0.0}, "fc8": {0.0}}
    for name in ("conv2", "conv4", "conv5", "fc6", "fc7"):
        assert set(model[name].bias.tolist()) == {1.0}


def test_resnet_starts_as_he_says():
    model = models.resnet18((3, 32, 32), 10, 1 / 2, rng=od.Generator(0))
    for conv, fan_out in ((model.conv1, 32 * 49), (model.layer3[0].conv1, 128 * 9)):
        assert std(conv.weight) == pytest.approx(math.sqrt(2 / fan_out), rel=0.05)


def test_vgg_starts_as_glorot_says_and_with_zeros_as_biases():
    model = models.vgg11((3, 32, 32), 10, 1 / 8, rng=od.Generator(0))
    weight = model.classifier[3].weight
    bound = math.sqrt(6 / sum(weight.shape))
    assert 0.99 * bound < float(abs(weight.numpy()).max()) <= bound
    assert all(not p.numpy().any() for name, p in model.named_parameters() if "bias" in name)


def test_vit_starts_as_in_its_authors_code():
    model = models.vit((3, 32, 32), 10, size="tiny", depth=1, rng=od.Generator(0))
    block = model.blocks[0]
    for weight, bound in (
        (block.attention.in_proj_weight, math.sqrt(3 / 192)),
        (block.attention.out_proj.weight, math.sqrt(3 / 192)),
        (block.mlp[0].weight, math.sqrt(6 / (5 * 192))),
    ):
        assert 0.99 * bound < float(abs(weight.numpy()).max()) <= bound
    assert std(model.patches.weight) == pytest.approx(1 / math.sqrt(3 * 16 * 16), rel=0.02)
    assert std(model.positions) == pytest.approx(0.02, rel=0.1)
    assert std(block.mlp[3].bias) == pytest.approx(1e-6, rel=0.3)
    for zero in (model.class_token, model.head.weight, model.head.bias, model.patches.bias):
        assert not zero.numpy().any()


def test_gpt_starts_as_in_section_2_3():
    model = models.gpt2((32,), 50, width=96, depth=8, heads=3, rng=od.Generator(0))
    for block in model.h:
        for weight in (block.attn.in_proj_weight, block.mlp[0].weight):
            assert std(weight) == pytest.approx(0.02, rel=0.05)
        for layer in (block.attn.out_proj, block.mlp[2]):
            assert std(layer.weight) == pytest.approx(0.02 / math.sqrt(16), rel=0.05)
            assert not layer.bias.numpy().any()
        assert not block.attn.in_proj_bias.numpy().any()
    assert std(model.wte.weight) == pytest.approx(0.02, rel=0.05)
    assert std(model.wpe.weight) == pytest.approx(0.01, rel=0.05)


# -- settings, and what does not fit -----------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(TINY) - {"mlp"}))
def test_a_shape_that_is_none_is_refused(name):
    for shape in ((3, 5), (3, 0, 64)):
        with pytest.raises(ShapeError, match=r"input_shape must be"):
            models.build(name, shape, CLASSES)


@pytest.mark.parametrize(
    ("name", "settings", "least"),
    [
        ("alexnet", {"stem": "imagenet"}, 63),
        ("alexnet", {"stem": "cifar"}, 15),
        ("vgg11", {}, 32),
        ("googlenet", {"stem": "imagenet"}, 47),
        ("googlenet", {"stem": "cifar"}, 6),
        ("googlenet", {"stem": "imagenet", "auxiliary": True}, 79),
        ("googlenet", {"stem": "cifar", "auxiliary": True}, 10),
        ("resnet18", {}, 1),
        ("mobilenet", {}, 1),
    ],
)
def test_the_smallest_images(name, settings, least):
    shape = (2, least, least + 1)
    model = models.build(name, shape, CLASSES, rng=Blank(), width=1 / 32, **settings)
    assert model.eval()(od.ones((2, *shape))).shape == (2, CLASSES)
    if least > 1:
        message = f"{name[:3]}.*: images must have at least {least}×{least} pixels, got"
        with pytest.raises(ShapeError, match=message):
            models.build(name, (2, least, least - 1), CLASSES, width=1 / 32, **settings)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("alexnet", {"stem": "cifer"}, "alexnet: stem: expected one of imagenet, cifar"),
        ("resnet18", {"stem": "small"}, "resnet: stem: expected one of imagenet, cifar"),
        ("resnet18", {"shortcut": "C"}, "resnet: shortcut: expected one of B, A, got 'C'"),
        ("mobilenet", {"stem": "no"}, "mobilenet: stem: expected one of"),
        ("googlenet", {"stem": "no"}, "googlenet: stem: expected one of"),
        ("googlenet", {"dropout": 1.5}, "Dropout: "),
        ("vit", {}, "vit: patch=16 does not divide images of 60×64 pixels"),
        ("vit", {"patch": 4, "heads": 5}, "num_heads=5 does not divide embed_dim=768"),
        ("vit", {"patch": 0}, "vit: patch must be a positive integer, got 0"),
        ("vit", {"size": "giant"}, "vit: size: expected one of tiny, small, base, large, huge"),
        ("gpt2", {}, "gpt: input_shape must be (tokens,), got (3, 60, 64); it reads tokens"),
        ("gpt2", {"size": "tiny"}, "gpt: size: expected one of small, medium, large, xl"),
        ("vgg16", {"widht": 2}, "setting of vgg16: expected one of width, batch_norm, dropout"),
        ("vgg16", {"width": "wide"}, "vgg16: the settings {'width': 'wide'} do not fit"),
    ],
)
def test_bad_settings(name, settings, message):
    with pytest.raises(OdysseyError) as caught:
        models.build(name, (3, 60, 64), CLASSES, **settings)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["alexnet", "googlenet", "mobilenet", "resnet18", "vgg11"])
@pytest.mark.parametrize("width", [0, -1.0, math.inf, math.nan])
def test_bad_widths(name, width):
    model = name.rstrip("0123456789")
    with pytest.raises(OdysseyError, match=f"^{model}: width must be positive and finite, got"):
        models.build(name, (3, 64, 64), CLASSES, width=width)


def test_an_error_says_where_it_arose():
    model = models.resnet18((3, 8, 8), 10, width=1 / 16)
    model.layer2[0].conv1 = nn.Conv2D(5, 8, 3, stride=2, padding=1, bias=False)
    message = r"^ResNet\.layer2\.0\.conv1: conv2d: weight has "
    with pytest.raises(ShapeError, match=message + "5 input channels but x has 4"):
        model(od.ones((2, 3, 8, 8)))
    with pytest.raises(
        ShapeError, match=r"^ResNet\.conv1: conv2d: weight has 3 input channels but x has 1"
    ):
        model(od.ones((2, 1, 8, 8)))


def test_names_of_the_state_are_torchvisions():
    resnet = models.resnet18((3, 8, 8), 10, width=1 / 16).state_dict()
    for name in (
        "conv1.weight",
        "bn1.running_mean",
        "layer1.0.conv1.weight",
        "layer2.0.downsample.0.weight",
        "layer2.0.downsample.1.num_batches_tracked",
        "layer4.1.bn2.bias",
        "fc.bias",
    ):
        assert name in resnet
    vgg = models.vgg16((3, 32, 32), 10, width=1 / 16).state_dict()
    numbers = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]
    expected = [f"features.{n}" for n in numbers] + [f"classifier.{n}" for n in (0, 3, 6)]
    assert list(vgg) == [f"{layer}.{kind}" for layer in expected for kind in ("weight", "bias")]


# -- what the papers say of single parts -------------------------------------------------------


def test_option_a_is_the_identity_and_zeros():
    block = models.resnet.BasicBlock(3, 5, stride=2, option="A")
    x = od.randn(2, 3, 6, 4)
    past = block.downsample(x).numpy()
    assert past.shape == (2, 5, 3, 2)
    assert np.array_equal(past[:, :3], x.numpy()[:, :, ::2, ::2]) and not past[:, 3:].any()


def test_a_residual_block_of_zeros_lets_its_input_through():
    block = models.resnet.BasicBlock(3, 3, rng=Blank())
    x = od.rand(2, 3, 6, 4)
    assert np.array_equal(block(x).numpy(), x.numpy())


def test_auxiliary_classifiers_take_part_in_training_only():
    settings = {"width": 1 / 8, "stem": "cifar", "auxiliary": True}
    model = models.googlenet((3, 12, 12), CLASSES, rng=od.Generator(0), **settings)
    x, target = examples("googlenet")
    out = model(x)
    assert isinstance(out, GoogLeNetOutput)
    assert [scores.shape for scores in out] == [(8, CLASSES)] * 3
    losses = [float(od.core.cross_entropy(scores, target)) for scores in out]
    total = auxiliary_loss(out, target)
    assert float(total) == pytest.approx(losses[0] + 0.3 * (losses[1] + losses[2]), rel=1e-6)
    total.backward()
    assert all(p.grad is not None for p in model.parameters())
    scores = model.eval()(x)
    assert scores.shape == (8, CLASSES)
    expected = float(od.core.cross_entropy(scores, target))
    assert float(auxiliary_loss(scores, target)) == expected


def test_without_positions_a_vit_knows_no_order():
    model = tiny("vit").eval()
    model.head.weight.data[...] = np.random.default_rng(0).standard_normal(model.head.weight.shape)
    x, _ = examples("vit", 2)
    mixed = x.numpy().reshape(2, 3, 4, 4, 3, 4)[:, :, ::-1].reshape(2, 3, 16, 12)
    with od.no_grad():
        known = [model(one).numpy() for one in (x, od.tensor(mixed))]
        model.positions.data[...] = 0
        unknown = [model(one).numpy() for one in (x, od.tensor(mixed))]
    assert not np.allclose(*known, atol=1e-3)
    np.testing.assert_allclose(*unknown, atol=1e-5)


def test_gpt_does_not_look_ahead():
    model = tiny("gpt2").to("float64").eval()
    tokens = np.random.default_rng(0).integers(0, 11, (3, 6))
    other = tokens.copy()
    other[:, 4:] = (other[:, 4:] + 1) % 11
    with od.no_grad():
        one, two = model(od.tensor(tokens)).numpy(), model(od.tensor(other)).numpy()
    np.testing.assert_allclose(one[:, :4], two[:, :4], rtol=0, atol=1e-12)
    assert not np.allclose(one[:, 4:], two[:, 4:], atol=1e-3)


@pytest.mark.parametrize("pieces", [(1, 1, 1, 1, 1, 1), (4, 1, 1), (2, 3, 1), (6,)])
def test_gpt_with_a_cache_gives_what_it_gives_at_once(pieces):
    model = tiny("gpt2").to("float64").eval()
    tokens = od.tensor(np.random.default_rng(0).integers(0, 11, (3, 6)))
    cache, start, found = model.init_cache(3), 0, []
    with od.no_grad():
        for piece in pieces:
            found.append(model(tokens[:, start : start + piece], cache=cache).numpy())
            start += piece
        expected = model(tokens).numpy()
    np.testing.assert_allclose(np.concatenate(found, 1), expected, rtol=0, atol=1e-12)


def test_gpt_names_what_does_not_fit():
    model = tiny("gpt2")
    with pytest.raises(RangeError, match=r"^GPT\.wpe: .*7 tokens"):
        model(od.zeros((2, 7), dtype="int64"))
    with pytest.raises(RangeError, match=r"^GPT\.wte: embedding: "):
        model(od.full((2, 3), 11, dtype="int64"))
    cache = model.init_cache(2)
    model(od.zeros((2, 6), dtype="int64"), cache=cache)
    with pytest.raises(RangeError, match=r"^GPT\.wpe: .*7 tokens"):
        model(od.zeros((2, 1), dtype="int64"), cache=cache)


def test_gpt_writes_on_what_it_learned_by_heart():
    od.manual_seed(0)
    model = tiny("gpt2")
    x, target = examples("gpt2")
    train_one_epoch(model, [(x, target)] * 150, Adam(model.parameters(), lr=3e-3), loss_fn)
    known = np.concatenate([x.numpy()[:, :1], target.numpy()], axis=1)
    for use_cache in (True, False):
        settings = {"temperature": 0, "use_cache": use_cache}
        found = nn.generate(model, x[:, :1], max_new_tokens=6, **settings)
        assert np.array_equal(found.numpy(), known)
