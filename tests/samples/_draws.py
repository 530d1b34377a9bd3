"""Random arrays for samples: fixed ones for the tables, drawn ones for the torch comparison."""

from zlib import crc32

import numpy as np

from odyssey.testing.cases import generator

LENGTHS = (0, 1, 2, 3, 5)


def draws(family):
    """Return a generator of a family's own, and two functions of shapes that draw from it."""
    rng = generator(crc32(family.encode()))

    def normal(*shape):
        return rng.standard_normal(shape)

    def positive(*shape):
        return rng.uniform(0.5, 2.0, shape)

    return rng, normal, positive


def shape(rng, least=0, most=4, empty=True):
    """Draw a shape; one in twelve lengths or so is 0, unless ``empty`` forbids it."""
    ndim = int(rng.integers(least, most + 1))
    chances = [0.08 if empty else 0, 0.2, 0.24, 0.24, 0.24]
    return tuple(map(int, rng.choice(LENGTHS, ndim, p=np.divide(chances, sum(chances)))))


def numbers(rng, shape, away=0.05):
    """Draw numbers of both signs, none nearer to zero than ``away``, no two of them equal."""
    sizes = np.linspace(away, 2.5, max(int(np.prod(shape)), 1))[: int(np.prod(shape))]
    return (rng.permutation(sizes) * rng.choice([-1, 1], sizes.shape)).reshape(shape)


def array(rng, least=0, most=4, empty=True):
    """Draw an array of :func:`numbers`."""
    return numbers(rng, shape(rng, least, most, empty))


def broadcasting(rng, count=2, most=4):
    """Draw arrays of shapes that broadcast."""
    full = shape(rng, 0, most)
    arrays = []
    for _ in range(count):
        kept = full[int(rng.integers(0, len(full) + 1)) :] if rng.random() < 0.4 else full
        own = tuple([1 if rng.random() < 0.25 else n for n in kept])
        arrays.append(numbers(rng, own))
    return arrays


def axis_of(rng, x):
    """Draw an axis of ``x``, counted from either end."""
    return int(rng.integers(-x.ndim, x.ndim))


def axes_of(rng, x):
    """Draw one axis, several or None (all) of ``x``."""
    kind = rng.choice(["all", "one", "several"])
    if kind == "all" or not x.ndim:
        return None
    if kind == "one":
        return axis_of(rng, x)
    count = int(rng.integers(1, x.ndim + 1))
    chosen = rng.choice(x.ndim, count, replace=False)
    return tuple([int(a) - x.ndim * int(rng.integers(0, 2)) for a in chosen])


def choice(rng, *options):
    """Draw one of the options, whatever they are."""
    return options[int(rng.integers(0, len(options)))]
