"""Multi-head attention and positions: samples, bad settings, and PyTorch's."""

import numpy as np

import odyssey as od
from layers import Bad, Layer
from odyssey import nn
from odyssey.errors import DTypeError, OdysseyError, RangeError, ShapeError

rng = np.random.default_rng(5)
normal = rng.standard_normal


def call(**kwargs):
    """Return a call of PyTorch's layer; its boolean masks say what is hidden."""

    def theirs(torch, layer, query, key=None, value=None):
        key = query if key is None else key
        given = {
            name: torch.tensor(array) if isinstance(array, np.ndarray) else array
            for name, array in kwargs.items()
        }
        need_weights = given.pop("need_weights", False)
        mask = given.pop("mask", None)
        if given.pop("causal", False):
            mask = torch.ones(query.shape[-2], key.shape[-2], dtype=bool).tril()
        if mask is not None and mask.dtype == torch.bool:
            mask = ~mask
        y, weights = layer(
            query, key, key if value is None else value, attn_mask=mask,
            need_weights=need_weights, average_attn_weights=False, **given,
        )  # fmt: skip
        return (y, weights) if need_weights else y

    return theirs


def sample(inputs, settings, **kwargs):
    random = bool(settings.get("dropout"))

    def torchs(torch):
        return torch.nn.MultiheadAttention(6, 3, batch_first=True, **settings)

    return Layer(
        lambda: nn.MultiHeadAttention(6, 3, **settings), inputs, torchs, kwargs, call(**kwargs),
        random=random,
    )  # fmt: skip


x, memory = normal((2, 4, 6)), normal((2, 5, 6))
mask = rng.random((4, 5)) < 0.6
mask[:, 0] = True  # PyTorch gives NaN where nothing is seen
padding = np.array([[False, False, True, False, True], [False] * 5])
LAYERS = [
    sample((x,), {}),
    sample((x,), {"bias": False}),
    sample((x,), {}, causal=True),
    sample((x,), {"dropout": 0.4}, causal=True),
    sample((x[0],), {}, need_weights=True),
    sample((x, memory), {}, mask=mask),
    sample((x, memory), {}, key_padding_mask=padding, need_weights=True),
    sample((x, memory), {"bias": False}, mask=normal((4, 5))),
    sample((x, memory, normal((2, 5, 6))), {}, mask=mask, key_padding_mask=padding),
    sample((x, normal((2, 5, 3)), normal((2, 5, 2))), {"kdim": 3, "vdim": 2}),
    sample((x, memory, normal((2, 5, 2))), {"vdim": 2, "bias": False}, need_weights=True),
    *[
        Layer(
            lambda settings=settings: nn.MultiHeadAttention(8, 4, **settings), (normal((2, 4, 8)),)
        )
        for settings in (
            {"num_kv_heads": 2},
            {"num_kv_heads": 1, "bias": False, "window": 2},
            {"rope": nn.RotaryEmbedding(2)},
        )
    ],
    Layer(lambda: nn.SinusoidalPositionalEncoding(5), (normal((2, 4, 5)),)),
    Layer(lambda: nn.LearnedPositionalEncoding(7, 5), (normal((2, 4, 5)),)),
    Layer(lambda: nn.RotaryEmbedding(6), (normal((2, 4, 6)),)),
    Layer(lambda: nn.ALiBi(3), (4,)),
    Layer(lambda: nn.LinearAttention(6, 3), (x,), kwargs={"causal": True}),
    Layer(
        lambda: nn.LinearAttention(6, 3, bias=False), (memory,), None, {"key_padding_mask": padding}
    ),
    Layer(lambda: nn.SparseAttention(6, 3, 2, 3), (memory,), kwargs={"causal": True}),
]
NO_TORCH = {
    **dict.fromkeys(
        ("ALiBi", "LearnedPositionalEncoding", "RotaryEmbedding", "SinusoidalPositionalEncoding"),
        "PyTorch has no such layer; see tests/test_nn_positional.py",
    ),
    **dict.fromkeys(
        ("LinearAttention", "SparseAttention"),
        "PyTorch has no such layer; see tests/test_nn_attention.py",
    ),
}


def attend(*shapes, **kwargs):
    return nn.MultiHeadAttention(6, 3)(*map(od.ones, shapes), **kwargs)


BAD = [
    *[
        Bad(lambda a=a, k=k: nn.MultiHeadAttention(*a, **k), error, f"^MultiHeadAttention: {match}")
        for a, k, error, match in (
            ((0, 1), {}, ShapeError, "embed_dim must be a positive integer"),
            ((6, 0), {}, ShapeError, "num_heads must be a positive integer"),
            ((6, 4), {}, ShapeError, "num_heads=4 does not divide embed_dim=6"),
            ((6, 3), {"num_kv_heads": 2}, ShapeError, "num_kv_heads=2 does not divide num_heads=3"),
            ((6, 3), {"num_kv_heads": 0}, ShapeError, "num_kv_heads must be a positive"),
            ((6, 3), {"kdim": 0}, ShapeError, "kdim must be a positive integer"),
            ((6, 3), {"vdim": 1.5}, ShapeError, "vdim must be a positive integer"),
            ((6, 3), {"window": 0}, ShapeError, "window must be a positive integer"),
            ((6, 3), {"dropout": -0.1}, OdysseyError, "p, the probability"),
            ((6, 3), {"rope": nn.RotaryEmbedding(6)}, ShapeError, "rope turns 6 features, but a"),
        )
    ],
    Bad(lambda: attend((2, 4, 5)), ShapeError, "^MultiHeadAttention: linear: x has 5 features"),
    Bad(
        lambda: attend((2, 4, 6), mask=np.ones((3, 4), bool)),
        ShapeError,
        r"^MultiHeadAttention: scaled_dot_product_attention: mask of shape \(3, 4\)",
    ),
    Bad(
        lambda: attend((2, 4, 6), key_padding_mask=np.ones((2, 5), bool)),
        ShapeError,
        "^MultiHeadAttention: .*key_padding_mask must have the shape",
    ),
    Bad(
        lambda: attend((2, 4, 6), key_padding_mask=np.ones((2, 4))),
        DTypeError,
        "^MultiHeadAttention: .*key_padding_mask must be boolean",
    ),
    Bad(
        lambda: attend((2, 4, 6), cache=nn.MultiHeadAttention(6, 3).init_cache(3)),
        ShapeError,
        "^MultiHeadAttention: KVCache: it was made for 3 sequences",
    ),
    Bad(lambda: nn.KVCache(0), ShapeError, "KVCache: batch must be a positive integer"),
    *[
        Bad(lambda make=make: make(nn), error, match)
        for make, error, match in (
            (
                lambda nn: nn.SinusoidalPositionalEncoding(0),
                ShapeError,
                "SinusoidalPositionalEncoding: embed_dim must be",
            ),
            (
                lambda nn: nn.SinusoidalPositionalEncoding(4, base=0),
                OdysseyError,
                "SinusoidalPositionalEncoding: base must be positive",
            ),
            (
                lambda nn: nn.SinusoidalPositionalEncoding(4)(od.ones((2, 3))),
                ShapeError,
                r"SinusoidalPositionalEncoding: x must have shape \(..., L, 4\)",
            ),
            (
                lambda nn: nn.LearnedPositionalEncoding(0, 4),
                ShapeError,
                "LearnedPositionalEncoding: max_len must be",
            ),
            (
                lambda nn: nn.LearnedPositionalEncoding(2, 4, dropout=2),
                OdysseyError,
                "LearnedPositionalEncoding: p, the probability",
            ),
            (
                lambda nn: nn.LearnedPositionalEncoding(2, 4)(od.ones((3, 4))),
                RangeError,
                "LearnedPositionalEncoding: a sequence of 3 tokens, but there are rows for 2",
            ),
            (lambda nn: nn.RotaryEmbedding(3), ShapeError, "RotaryEmbedding: features must be ev"),
            (
                lambda nn: nn.RotaryEmbedding(4, base=-1.0),
                OdysseyError,
                "RotaryEmbedding: base must be positive",
            ),
            (lambda nn: nn.LinearAttention(6, 4), ShapeError, "LinearAttention: num_heads=4 does"),
            (lambda nn: nn.LinearAttention(6, 3, -1.0), OdysseyError, "LinearAttention: eps must"),
            (lambda nn: nn.SparseAttention(6, 3, 0), ShapeError, "SparseAttention: local must be"),
            (lambda nn: nn.SparseAttention(6, 4), ShapeError, "SparseAttention: num_heads=4 does"),
            (
                lambda nn: nn.SparseAttention(6, 3)(od.ones((1, 2, 6)), mask=np.ones((2, 2), bool)),
                OdysseyError,
                "SparseAttention: it takes one input, and has a mask",
            ),
            (lambda nn: nn.ALiBi(0), ShapeError, "ALiBi: num_heads must be a positive integer"),
        )
    ],
]
