"""The smooth activations: samples, bad input, and what PyTorch has of them."""

import numpy as np
from formulas_transcendental import TRANSCENDENTAL

from odyssey.errors import DTypeError, OdysseyError
from samples import Bad, Sample, Shared
from samples._draws import array, choice, draws

rng, normal, positive = draws(__name__)

elu, gelu, softplus, swish = (TRANSCENDENTAL[n] for n in ("elu", "gelu", "softplus", "swish"))

FORMULAS = [
    ("celu", lambda x, alpha=1.0: alpha * elu(x / alpha), ({}, {"alpha": 0.5})),
    ("elu", elu, ({}, {"alpha": 0.3})),
    ("erf", TRANSCENDENTAL["erf"], ({},)),
    ("gelu", gelu, ({}, {"approximate": True})),
    ("log_sigmoid", lambda x: -softplus(-x), ({},)),
    ("mish", TRANSCENDENTAL["mish"], ({},)),
    ("quick_gelu", lambda x: swish(x, 1.702), ({},)),
    ("selu", lambda x: 1.0507009873554805 * elu(x, 1.6732632423543772), ({},)),
    ("softplus", softplus, ({}, {"beta": -2.0})),
    ("softsign", lambda x: x / (1 + np.abs(x)), ({},)),
    ("squareplus", lambda x, b=4.0: (x + np.sqrt(x * x + b)) / 2, ({}, {"b": 0.25})),
    ("swish", swish, ({}, {"beta": 1.702})),
    ("tanh_shrink", lambda x: x - np.tanh(x), ({},)),
]

SAMPLES = [
    Sample(name, (np.asarray(2 * normal(*shape)),), formula, kwargs)
    for name, formula, settings in FORMULAS
    for kwargs in settings
    for shape in ((3, 4), (0, 3), (1,), ())
]

x = np.ones((2, 3), np.float32)
ints = np.ones((2, 3), np.int64)
number, larger = "must be a finite number, got", "must be larger than 0, got"

BAD = [
    *[
        Bad(name, (ints,), {}, DTypeError, f"{name}: x must be floating-point .* has dtype int64")
        for name, _, _ in FORMULAS
    ],
    Bad("celu", (x, 0), {}, OdysseyError, f"celu: alpha {larger} 0"),
    Bad("elu", (x, "1"), {}, DTypeError, f"elu: alpha {number} '1'"),
    Bad("gelu", (x, "tanh"), {}, OdysseyError, "gelu: approximate must be True or False, got 'ta"),
    Bad("softplus", (x, 0.0), {}, OdysseyError, "softplus: beta must not be 0"),
    Bad("softplus", (x, None), {}, DTypeError, f"softplus: beta {number} None"),
    Bad("squareplus", (x, -1.0), {}, OdysseyError, f"squareplus: b {larger} -1.0"),
    Bad("swish", (x, np.inf), {}, OdysseyError, f"swish: beta {number} inf"),
]


def with_settings(**options):
    """Return a draw of an array and of a setting for each name."""

    def draw(rng):
        chosen = {name: choice(rng, *values) for name, values in options.items()}
        return (3 * array(rng),), chosen

    return draw


def torch_gelu(torch, x, approximate):
    return torch.nn.functional.gelu(x, approximate="tanh" if approximate else "none")


def torch_softplus(torch, x, beta):
    return torch.nn.functional.softplus(x, beta, threshold=1000)  # ours is exact everywhere


def torch_quick_gelu(torch, x):
    return x * torch.sigmoid(1.702 * x)


SHARED = [
    Shared("celu", "nn.functional.celu", with_settings(alpha=(0.5, 1.0, 2.0))),
    Shared("elu", "nn.functional.elu", with_settings(alpha=(0.5, 1.0, 2.0))),
    Shared("erf", "erf", with_settings()),
    Shared("gelu", torch_gelu, with_settings(approximate=(False, True))),
    Shared("log_sigmoid", "nn.functional.logsigmoid", with_settings()),
    Shared("mish", "nn.functional.mish", with_settings()),
    Shared("quick_gelu", torch_quick_gelu, with_settings(), dtypes=("float64", "float32")),
    Shared("selu", "nn.functional.selu", with_settings()),
    Shared("softplus", torch_softplus, with_settings(beta=(0.5, 1.0, 3.0))),
    Shared("softsign", "nn.functional.softsign", with_settings()),
    Shared("swish", "nn.functional.silu", with_settings()),
    # In float16 its slope is 1 - (1 - tanh**2), which cancels.
    Shared(
        "tanh_shrink", "nn.functional.tanhshrink", with_settings(), dtypes=("float64", "float32")
    ),
]
