"""Transformer layers, feed-forward layers and embeddings: samples, bad settings, PyTorch's."""

import warnings

import numpy as np

import odyssey as od
from layers import Bad, Layer
from odyssey import nn
from odyssey.errors import DTypeError, OdysseyError, RangeError, ShapeError

rng = np.random.default_rng(6)
normal = rng.standard_normal
SIZES = (6, 3, 5)
x, memory = normal((2, 4, 6)), normal((2, 5, 6))
mask, memory_mask = rng.random((4, 4)) < 0.6, rng.random((4, 5)) < 0.6
mask[:, 0] = memory_mask[:, 0] = True  # PyTorch gives NaN where nothing is seen
padding = np.array([[False, True, False, False], [False, False, False, True]])
memory_padding = np.array([[False] * 5, [False, True, False, True, True]])
THEIR_NAMES = {
    "encoder": {"mask": "src_mask", "key_padding_mask": "src_key_padding_mask"},
    "stack": {"mask": "mask", "key_padding_mask": "src_key_padding_mask"},
    "decoder": {
        "mask": "tgt_mask",
        "memory_mask": "memory_mask",
        "key_padding_mask": "tgt_key_padding_mask",
        "memory_key_padding_mask": "memory_key_padding_mask",
    },
    "both": {},
}


def call(kind, kwargs):
    """Return a call of PyTorch's layer: boolean masks say what is hidden, causal is a mask."""

    def theirs(torch, layer, *inputs):
        given = {}
        for name, array in kwargs.items():
            if name == "causal":
                length = inputs[-1 if kind == "both" else 0].shape[-2]
                array, name = np.tri(length, dtype=bool), "tgt_mask" if kind == "both" else "mask"
            value = torch.tensor(array)
            if array.dtype == bool and not name.endswith("padding_mask"):
                value = ~value
            given[THEIR_NAMES[kind].get(name, name)] = value
        return layer(*inputs, **given)

    return theirs


def sample(kind, make, torchs, inputs, **kwargs):
    return Layer(make, inputs, torchs, kwargs, call(kind, kwargs))


def encoder(settings, **kwargs):
    return sample(
        "encoder",
        lambda: nn.TransformerEncoderLayer(*SIZES, **{"dropout": 0.0, **settings}),
        lambda torch: torch.nn.TransformerEncoderLayer(
            *SIZES, batch_first=True, **{"dropout": 0.0, **settings}
        ),
        (x,),
        **kwargs,
    )


def decoder(settings, **kwargs):
    return sample(
        "decoder",
        lambda: nn.TransformerDecoderLayer(*SIZES, **{"dropout": 0.0, **settings}),
        lambda torch: torch.nn.TransformerDecoderLayer(
            *SIZES, batch_first=True, **{"dropout": 0.0, **settings}
        ),
        (x, memory),
        **kwargs,
    )


def quietly(make, *args, **kwargs):
    """Make a layer of PyTorch's that warns of a faster way that it cannot go."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make(*args, **kwargs)


def dropping(one):
    one.random = True
    return one


SETTINGS = [
    {"norm_first": norm_first, "activation": activation}
    for norm_first in (False, True)
    for activation in ("relu", "gelu")
]
LAYERS = [
    *[encoder(settings) for settings in SETTINGS],
    *[encoder(settings, causal=True) for settings in SETTINGS],
    *[encoder(settings, mask=mask, key_padding_mask=padding) for settings in SETTINGS],
    encoder({"bias": False, "layer_norm_eps": 0.1}, mask=normal((4, 4))),
    encoder({}, key_padding_mask=padding),
    dropping(encoder({"dropout": 0.3}, causal=True)),
    *[decoder(settings) for settings in SETTINGS],
    *[decoder(settings, causal=True) for settings in SETTINGS],
    *[
        decoder(
            settings,
            mask=mask,
            memory_mask=memory_mask,
            key_padding_mask=padding,
            memory_key_padding_mask=memory_padding,
        )
        for settings in SETTINGS
    ],
    decoder({"bias": False, "layer_norm_eps": 0.1}, memory_mask=normal((4, 5))),
    dropping(decoder({"dropout": 0.3}, causal=True)),
    *[
        sample(
            "stack",
            lambda norm=norm: nn.TransformerEncoder(
                nn.TransformerEncoderLayer(*SIZES, 0.0), 2, nn.LayerNorm(6) if norm else None
            ),
            lambda torch, norm=norm: torch.nn.TransformerEncoder(
                torch.nn.TransformerEncoderLayer(*SIZES, 0.0, batch_first=True),
                2,
                torch.nn.LayerNorm(6) if norm else None,
                enable_nested_tensor=False,
            ),
            (x,),
            causal=True,
            key_padding_mask=padding,
        )
        for norm in (False, True)
    ],
    *[
        sample(
            "decoder",
            lambda norm=norm: nn.TransformerDecoder(
                nn.TransformerDecoderLayer(*SIZES, 0.0), 2, nn.LayerNorm(6) if norm else None
            ),
            lambda torch, norm=norm: torch.nn.TransformerDecoder(
                torch.nn.TransformerDecoderLayer(*SIZES, 0.0, batch_first=True),
                2,
                torch.nn.LayerNorm(6) if norm else None,
            ),
            (x, memory),
            mask=mask,
            memory_key_padding_mask=memory_padding,
        )
        for norm in (False, True)
    ],
    *[
        sample(
            "both",
            lambda settings=settings: nn.Transformer(6, 3, 1, 2, 5, 0.0, **settings),
            lambda torch, settings=settings: quietly(
                torch.nn.Transformer, 6, 3, 1, 2, 5, 0.0, batch_first=True, **settings
            ),
            (memory, x),
            causal=True,
            src_key_padding_mask=memory_padding,
            memory_key_padding_mask=memory_padding,
        )
        for settings in ({}, {"norm_first": True, "bias": False, "activation": "gelu"})
    ],
    Layer(lambda: nn.FeedForward(4), (normal((2, 3, 4)),)),
    Layer(lambda: nn.FeedForward(4, 3, "relu", bias=False), (normal((2, 4)),)),
    Layer(lambda: nn.SwiGLU(4), (normal((2, 3, 4)),)),
    Layer(lambda: nn.SwiGLU(4, 3, bias=True), (normal((2, 4)),)),
    *[
        Layer(
            lambda padding=padding: nn.Embedding(7, 3, padding),
            (np.array(indices),),
            lambda torch, padding=padding: torch.nn.Embedding(7, 3, padding),
        )
        for padding in (None, 2, -1)
        for indices in ([[1, 2, 6], [2, 2, 0]], [6], 3)
    ],
]
LAYERS += [
    Layer(lambda: nn.LoRA(nn.Linear(4, 3), 2), (normal((2, 4)),)),
    Layer(lambda: nn.LoRA(nn.Linear(4, 3, bias=False), 5, 2.0, 0.1), (normal((2, 3, 4)),)),
]
NO_TORCH = {
    **dict.fromkeys(
        ("FeedForward", "SwiGLU"), "PyTorch has no such layer; see tests/test_nn_transformer.py"
    ),
    "LoRA": "PyTorch has no such layer; see tests/test_nn_lora.py",
}

BAD = [
    *[
        Bad(lambda make=make: make(), error, f"^{match}")
        for make, error, match in (
            (lambda: nn.Embedding(0, 3), ShapeError, "Embedding: num_embeddings must be"),
            (lambda: nn.Embedding(4, 0), ShapeError, "Embedding: embedding_dim must be"),
            (lambda: nn.Embedding(4, 3, 4), RangeError, r"Embedding: padding_idx must lie in"),
            (lambda: nn.Embedding(4, 3)(od.tensor([4])), RangeError, "Embedding: embedding: "),
            (lambda: nn.FeedForward(0), ShapeError, "FeedForward: d_model must be"),
            (lambda: nn.FeedForward(2, 0), ShapeError, "FeedForward: d_hidden must be"),
            (lambda: nn.FeedForward(2, dropout=2), OdysseyError, "FeedForward: p, the prob"),
            (
                lambda: nn.FeedForward(2, activation="rellu"),
                OdysseyError,
                "FeedForward: activation must be a function or one of .* did you mean 'relu'",
            ),
            (lambda: nn.LoRA(nn.ReLU(), 2), DTypeError, "LoRA: layer must be a Linear"),
            (lambda: nn.LoRA(nn.Linear(2, 2), 0), ShapeError, "LoRA: rank must be"),
            (lambda: nn.LoRA(nn.Linear(2, 2), 1, -1.0), OdysseyError, "LoRA: alpha must be"),
            (lambda: nn.LoRA(nn.Linear(2, 2), 1, 1.0, 2), OdysseyError, "LoRA: p, the prob"),
            (lambda: nn.LoRA(nn.Linear(None, 2), 1), OdysseyError, "LoRA: layer does not know"),
            (
                lambda: nn.add_lora(nn.Sequential(nn.Linear(2, 2)), 1, "head.*"),
                OdysseyError,
                "add_lora: no linear layer of Sequential .* 'head.*'; it has 0",
            ),
            (lambda: nn.SwiGLU(0), ShapeError, "SwiGLU: d_model must be"),
            (lambda: nn.SwiGLU(2, -1), ShapeError, "SwiGLU: d_hidden must be"),
            (
                lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(*SIZES), 0),
                ShapeError,
                "TransformerEncoder: num_layers must be",
            ),
            (
                lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(*SIZES), 0),
                ShapeError,
                "TransformerDecoder: num_layers must be",
            ),
            (lambda: nn.Transformer(6, 0), ShapeError, "Transformer: nhead must be"),
            (
                lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(*SIZES), 2)(
                    od.ones((2, 4, 5))
                ),
                ShapeError,
                r"TransformerEncoder.layers.0.self_attn: linear: x has 5 features",
            ),
        )
    ],
    *[
        Bad(lambda a=a, k=k, make=make: make(*a, **k), error, f"^{make.__name__}: {match}")
        for make in (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
        for a, k, error, match in (
            ((0, 1), {}, ShapeError, "d_model must be a positive integer"),
            ((6, 0), {}, ShapeError, "nhead must be a positive integer"),
            ((6, 2, 0), {}, ShapeError, "dim_feedforward must be a positive integer"),
            ((6, 2), {"dropout": 1.1}, OdysseyError, "p, the probability"),
            ((6, 2), {"activation": "none"}, OdysseyError, "activation must be"),
        )
    ],
    Bad(lambda: nn.TransformerEncoderLayer(6, 4), ShapeError, "num_heads=4 does not divide embed_"),
    Bad(lambda: nn.TransformerEncoderLayer(6, 2, layer_norm_eps=-1.0), OdysseyError, "eps must be"),
]
