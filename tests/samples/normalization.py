"""Normalisation: samples, bad input, and what PyTorch has of it."""

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import choice, draws, numbers, shape

rng, normal, positive = draws(__name__)


def by_channel(values, x):
    return np.asarray(values).reshape(1, -1, *[1] * (x.ndim - 2))


def standardized(x, axes, eps, mean=None, var=None):
    mean = x.mean(axes, keepdims=True) if mean is None else mean
    var = x.var(axes, keepdims=True) if var is None else var
    return (x - mean) / np.sqrt(var + eps)


def np_batch_norm(x, running_mean=None, running_var=None, weight=None, bias=None, training=True,
                  momentum=0.1, eps=1e-5):  # fmt: skip
    axes, count = (0, *range(2, x.ndim)), x.size // max(x.shape[1], 1)
    old = running_mean, running_var
    if running_mean is not None:
        old = np.asarray(running_mean), np.asarray(running_var)
    if training:
        hat = standardized(x, axes, eps) if count else x
        new = (x.mean(axes), x.var(axes, ddof=min(count - 1, 1))) if count else old
        if count and running_mean is not None:
            new = tuple((1 - momentum) * a + momentum * b for a, b in zip(old, new, strict=True))
    else:
        hat, new = standardized(x, axes, eps, *(by_channel(one, x) for one in old)), old
    scale = 1 if weight is None else by_channel(weight, x)
    return hat * scale + (0 if bias is None else by_channel(bias, x)), *new


def np_layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    axes = tuple(range(x.ndim - np.size(normalized_shape), x.ndim))
    hat = standardized(x, axes, eps) if x.size else x
    return hat * (1 if weight is None else weight) + (0 if bias is None else bias)


def np_rms_norm(x, normalized_shape, weight=None, eps=1e-5):
    axes = tuple(range(x.ndim - np.size(normalized_shape), x.ndim))
    root = np.sqrt(np.sum(x * x, axes, keepdims=True) / np.prod(normalized_shape) + eps)
    return x / root * (1 if weight is None else weight)


def np_group_norm(x, num_groups, weight=None, bias=None, eps=1e-5):
    grouped = x.reshape(len(x), num_groups, x.shape[1] // num_groups, *x.shape[2:])
    hat = standardized(grouped, tuple(range(2, grouped.ndim)), eps).reshape(x.shape)
    scale = 1 if weight is None else by_channel(weight, x)
    return hat * scale + (0 if bias is None else by_channel(bias, x))


def np_instance_norm(x, weight=None, bias=None, eps=1e-5):
    return np_group_norm(x, max(x.shape[1], 1), weight, bias, eps)


WIDE = ("float32", "float64")  # moments beside float16 are float32: see test_normalization.py


def batch(x, *weights, **settings):
    """Return a sample of batch_norm whose running moments are constants, as they are there."""
    return Sample(
        "batch_norm",
        (x, None, None, *weights),
        np_batch_norm,
        settings,
        max(x.size, 1),
        dtypes=WIDE,
    )


def running(x, *weights, **settings):
    """Return one with running moments: lists, which are constants here as they are there."""
    args = (x, normal(3).tolist(), positive(3).tolist(), *weights)
    return Sample("batch_norm", args, np_batch_norm, settings, max(x.size, 1), dtypes=WIDE)


SAMPLES = [
    batch(normal(5, 3), normal(3), normal(3)),
    batch(normal(2, 3, 4, 2), normal(3), normal(3)),
    batch(normal(4, 2, 3), normal(2), None, eps=0.5),
    batch(normal(3, 2, 2, 1, 2)),
    running(normal(4, 3, 2)),
    running(normal(4, 3, 2), momentum=0.3),
    running(normal(4, 3), training=False),
    running(normal(2, 3, 2, 2), normal(3), normal(3), training=False),
    running(normal(0, 3)),
    running(normal(1, 3, 1), training=False),
    batch(normal(5, 1), normal(1), normal(1)),
    Sample("layer_norm", (normal(4, 5), 5, normal(5), normal(5)), np_layer_norm, {}, 5),
    Sample(
        "layer_norm", (normal(2, 3, 4), (3, 4), normal(3, 4), normal(3, 4)), np_layer_norm, {}, 12
    ),
    Sample("layer_norm", (normal(2, 3, 4), (4,), normal(4)), np_layer_norm, {"eps": 0.1}, 4),
    Sample("layer_norm", (normal(6), 6), np_layer_norm, {}, 6),
    Sample("layer_norm", (normal(0, 3), 3, normal(3), normal(3)), np_layer_norm),
    Sample("layer_norm", (normal(2, 1), 1, normal(1), normal(1)), np_layer_norm, {"eps": 0.1}),
    Sample("rms_norm", (normal(4, 5), 5, normal(5)), np_rms_norm, {}, 5),
    Sample("rms_norm", (normal(2, 3, 4), (3, 4), normal(3, 4)), np_rms_norm, {"eps": 0.1}, 12),
    Sample("rms_norm", (normal(6), (6,)), np_rms_norm, {}, 6),
    Sample("rms_norm", (normal(0, 3), 3, normal(3)), np_rms_norm),
    Sample("rms_norm", (normal(3, 1), 1, normal(1)), np_rms_norm, {"eps": 0.1}),
    Sample("group_norm", (normal(2, 6, 3), 3, normal(6), normal(6)), np_group_norm, {}, 6),
    Sample("group_norm", (normal(2, 4, 3, 2), 2, normal(4)), np_group_norm, {"eps": 0.1}, 12),
    Sample("group_norm", (normal(3, 6), 2), np_group_norm, {}, 6),
    Sample("group_norm", (normal(0, 4, 2), 2, normal(4), normal(4)), np_group_norm),
    Sample("group_norm", (normal(2, 1, 3), 1, normal(1), normal(1)), np_group_norm, {}, 6),
    Sample("instance_norm", (normal(2, 3, 4), normal(3), normal(3)), np_instance_norm, {}, 8),
    Sample("instance_norm", (normal(2, 2, 3, 2), normal(2)), np_instance_norm, {"eps": 0.1}, 12),
    Sample("instance_norm", (normal(2, 3, 2, 2, 1),), np_instance_norm, {}, 6),
    Sample("instance_norm", (normal(0, 3, 2), normal(3), normal(3)), np_instance_norm),
    Sample("instance_norm", (normal(2, 1, 5), normal(1), normal(1)), np_instance_norm, {}, 10),
]

x = np.ones((2, 3, 4), np.float32)
ints = np.ones((2, 3), np.int64)
row = np.ones(2, np.float32)
three = np.ones(3, np.float32)

BAD = [
    Bad("batch_norm", (ints,), {}, DTypeError, "batch_norm: x must be floating-point"),
    Bad("batch_norm", (row,), {}, ShapeError, "x has 1 axes but needs at least 2"),
    Bad(
        "batch_norm", (x, None, None, row), {}, ShapeError, r"weight must have shape \(3,\) but has"
    ),
    Bad(
        "batch_norm", (x, row, row), {}, ShapeError, r"running_mean must have shape \(3,\) but has"
    ),
    Bad("batch_norm", (x, three), {}, OdysseyError, "must be given together"),
    Bad("batch_norm", (x,), {"training": False}, OdysseyError, "not training needs running_mean"),
    Bad("layer_norm", (ints, 3), {}, DTypeError, "layer_norm: x must be floating-point"),
    Bad(
        "layer_norm", (x, 3), {}, ShapeError, r"must end in the lengths of normalized_shape, \(3,\)"
    ),
    Bad("layer_norm", (x, (2, 3)), {}, ShapeError, r"\(2, 3\) \(x: \(2, 3, 4\)\)"),
    Bad(
        "layer_norm", (x, ()), {}, ShapeError, r"must end in the lengths of normalized_shape, \(\)"
    ),
    Bad(
        "layer_norm", (x, 4, three), {}, ShapeError, r"weight must have shape \(4,\) but has \(3,\)"
    ),
    Bad("layer_norm", (x, 4, np.ones(4)), {}, DTypeError, "must share one dtype"),
    Bad("rms_norm", (ints, 3), {}, DTypeError, "rms_norm: x must be floating-point"),
    Bad("rms_norm", (x, (3, 3)), {}, ShapeError, "rms_norm: x must end in the lengths"),
    Bad("rms_norm", (x, (3, 4), x), {}, ShapeError, r"weight must have shape \(3, 4\) but has"),
    Bad("group_norm", (x, 2), {}, ShapeError, "groups=2 does not divide the 3 channels"),
    Bad("group_norm", (x, 0), {}, OdysseyError, "groups must be at least 1, got 0"),
    Bad("group_norm", (x, 1, row), {}, ShapeError, r"weight must have shape \(3,\) but has \(2,\)"),
    Bad("group_norm", (row, 1), {}, ShapeError, "x has 1 axes but needs at least 2"),
    Bad("group_norm", (ints, 1), {}, DTypeError, "group_norm: x must be floating-point"),
    Bad("instance_norm", (x[0],), {}, ShapeError, "x has 2 axes but needs at least 3"),
    Bad("instance_norm", (x, None, row), {}, ShapeError, r"bias must have shape \(3,\) but has"),
    Bad("instance_norm", (ints[None],), {}, DTypeError, "instance_norm: x must be floating-point"),
]


def images(rng, least=3):
    """Draw a batch of images, with more than one number a channel."""
    lengths = shape(rng, 2, 3, empty=False)
    return numbers(rng, (lengths[0], lengths[1], least, *lengths[2:]))


def perhaps(rng, *lengths):
    return choice(rng, None, rng.standard_normal(lengths))


def batch_arguments(rng):
    x = images(rng)
    C = x.shape[1]
    args = (x, rng.standard_normal(C), rng.uniform(0.5, 2, C), perhaps(rng, C), perhaps(rng, C))
    return args, {
        "training": choice(rng, True, False),
        "momentum": choice(rng, 0.1, 0.5),
        "eps": 0.1,
    }


def torch_batch_norm(torch, x, *args, training, momentum, eps):
    """Return what PyTorch gives, and the moments that it writes as something to differentiate."""
    old, weights = [one.detach() for one in args[:2]], args[2:]
    written = [one.clone() for one in old]
    out = torch.nn.functional.batch_norm(x, *written, *weights, training, momentum, eps)
    new = old
    if training:
        own = x.mean((0, *range(2, x.ndim))), x.var((0, *range(2, x.ndim)))
        new = [(1 - momentum) * a + momentum * b for a, b in zip(old, own, strict=True)]
    assert all(torch.allclose(a, b, 1e-4) for a, b in zip(new, written, strict=True))
    return out, *new


def rows(rng, bias=True):
    lengths = shape(rng, 1, 4)
    last = lengths[-int(rng.integers(1, len(lengths) + 1)) :]
    weights = [perhaps(rng, *last) for _ in range(2 if bias else 1)]
    return (numbers(rng, lengths), list(last), *weights), {"eps": choice(rng, 0.5, 1.0)}


def groups(rng):
    groups = int(rng.integers(1, 4))
    C = groups * int(rng.integers(1, 4))
    x = numbers(rng, (int(rng.integers(1, 4)), C, 2, *shape(rng, 0, 2, empty=False)))
    # Both or none: PyTorch's backward fails with a bias alone.
    weights = choice(rng, [], list(rng.standard_normal((2, C))))
    return (x, groups, *weights), {"eps": 0.1}


def instances(rng):
    x = images(rng)
    return (x, perhaps(rng, x.shape[1]), perhaps(rng, x.shape[1])), {"eps": 0.1}


SHARED = [
    Shared("batch_norm", torch_batch_norm, batch_arguments, dtypes=("float64", "float32")),
    Shared("layer_norm", "nn.functional.layer_norm", rows),
    Shared("rms_norm", "nn.functional.rms_norm", lambda rng: rows(rng, bias=False)),
    Shared("group_norm", "nn.functional.group_norm", groups),
    Shared(
        "instance_norm",
        lambda torch, x, *weights, **settings: torch.nn.functional.instance_norm(
            x, None, None, *weights, **settings
        ),
        instances,
    ),
]
