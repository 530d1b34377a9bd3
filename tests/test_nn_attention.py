"""What multi-head attention promises beyond PyTorch's: caches, groups, windows, no look ahead."""

import numpy as np
import pytest

import odyssey as od
from odyssey import nn

SETTINGS = {
    "plain": {},
    "grouped": {"num_kv_heads": 2},
    "one key head": {"num_kv_heads": 1, "bias": False},
    "rotary": {"rope": nn.RotaryEmbedding(4)},
    "halves": {"rope": nn.RotaryEmbedding(4, interleaved=False), "num_kv_heads": 2},
    "window": {"window": 3},
    "window, groups, rotary": {"window": 4, "num_kv_heads": 2, "rope": nn.RotaryEmbedding(4)},
    "dropout, when not training": {"dropout": 0.5},
    "separate projections": {"kdim": 16, "vdim": 16},
}
every_setting = pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)


def made(seed=0, **settings):
    layer = nn.MultiHeadAttention(16, 4, dtype="float64", **settings)
    rng = np.random.default_rng(seed)
    for parameter in layer.parameters():
        parameter.data[...] = rng.standard_normal(parameter.shape) / 2
    return layer.eval()


def normal(*shape, seed=1):
    return od.tensor(np.random.default_rng(seed).standard_normal(shape))


def chunks(rng, length):
    """Yield the bounds of pieces of random lengths."""
    start = 0
    while start < length:
        stop = min(length, start + int(rng.integers(1, 5)))
        yield start, stop
        start = stop


# -- the cache ---------------------------------------------------------------------------------


@every_setting
@pytest.mark.parametrize("pieces", ["tokens", "chunks", "prompt and tokens"])
@pytest.mark.parametrize("seed", range(3))
def test_a_cached_sequence_equals_the_whole(settings, pieces, seed):
    rng = np.random.default_rng(seed)
    layer, length = made(**settings), int(rng.integers(5, 40))
    x = normal(2, length, 16, seed=seed)
    whole = layer(x, causal=True).numpy()
    bounds = [(i, i + 1) for i in range(length)]
    if pieces == "chunks":
        bounds = list(chunks(rng, length))
    elif pieces == "prompt and tokens":
        prompt = int(rng.integers(1, length))
        bounds = [(0, prompt), *bounds[prompt:]]
    cache = layer.init_cache(2)
    for start, stop in bounds:
        y = layer(x[:, start:stop], cache=cache)
        assert cache.length == stop
        np.testing.assert_allclose(y.numpy(), whole[:, start:stop], rtol=0, atol=1e-12)


def test_a_cache_with_masks_padding_and_weights():
    layer, x = made(), normal(2, 9, 16)
    mask, padding = normal(4, 9, 9, seed=5), np.zeros((2, 9), bool)
    padding[1, :3] = True
    whole, weights = layer(x, mask=mask, key_padding_mask=padding, causal=True, need_weights=True)
    cache = layer.init_cache(2)
    for start, stop in ((0, 4), (4, 5), (5, 9)):
        y, seen = layer(
            x[:, start:stop], mask=mask[:, start:stop, :stop],
            key_padding_mask=padding[:, :stop], need_weights=True, cache=cache,
        )  # fmt: skip
        np.testing.assert_allclose(y.numpy(), whole.numpy()[:, start:stop], rtol=0, atol=1e-12)
        expected = weights.numpy()[:, :, start:stop, :stop]
        np.testing.assert_allclose(seen.numpy(), expected, rtol=0, atol=1e-12)


def test_keys_of_a_second_input_are_projected_once():
    layer, x, memory = made(num_kv_heads=2), normal(2, 6, 16), normal(2, 5, 16, seed=3)
    whole = layer(x, memory).numpy()
    cache = layer.init_cache(2)
    for i in range(6):
        y = layer(x[:, i : i + 1], memory if i == 0 else od.zeros((2, 5, 16)), cache=cache)
        assert cache.length == 5
        np.testing.assert_allclose(y.numpy(), whole[:, i : i + 1], rtol=0, atol=1e-12)


def test_the_room_of_a_cache_doubles_and_records_no_gradient():
    layer, cache = made(), nn.KVCache(1)
    rooms = set()
    for _ in range(100):
        y = layer(normal(1, 1, 16), cache=cache)
        rooms.add(cache._room[0].shape[-2])
    assert len(rooms) <= 8 and max(rooms) < 200
    assert not y.requires_grad
    assert repr(cache) == "KVCache(batch=1, length=100)"


def test_a_cache_of_a_second_input_has_no_positions():
    layer = made(rope=nn.RotaryEmbedding(4))
    cache = layer.init_cache(1)
    with pytest.raises(od.errors.OdysseyError, match="neither rope nor window"):
        layer(normal(1, 2, 16), normal(1, 3, 16), cache=cache)
    assert cache.length == 0


# -- nothing looks ahead -----------------------------------------------------------------------

PADDED = {"key_padding_mask": np.zeros((2, 12), bool)}
PADDED["key_padding_mask"][0, 2:4] = True
PATHS = {
    "fused": ({}, {}),
    "with weights": ({}, {"need_weights": True}),
    "dropout, when not training": ({"dropout": 0.5}, {}),
    "window": ({"window": 3}, {}),
    "window with weights": ({"window": 3}, {"need_weights": True}),
    "groups": ({"num_kv_heads": 2}, {}),
    "groups with weights": ({"num_kv_heads": 1}, {"need_weights": True}),
    "padding": ({}, PADDED),
    "padding with weights": ({"num_kv_heads": 2}, {"need_weights": True, **PADDED}),
    "rotary": ({"rope": nn.RotaryEmbedding(4)}, {}),
    "additive mask": ({}, {"mask": np.random.default_rng(1).standard_normal((12, 12))}),
    "mask": ({}, {"mask": np.random.default_rng(1).random((12, 12)) < 0.7}),
}  # fmt: skip


@pytest.mark.parametrize("backend", ["fast", "reference"])
@pytest.mark.parametrize("path", PATHS)
def test_a_causal_layer_does_not_look_ahead(path, backend):
    """Later tokens, whatever they are, change no bit of earlier outputs and their gradients."""
    settings, kwargs = PATHS[path]
    layer = made(**settings)
    with od.use_backend(backend):
        results = []
        for last in (0.0, 1.0, 1e6):
            x = normal(2, 12, 16)
            x.data[:, 7:] = last * np.random.default_rng(4).standard_normal((2, 5, 16))
            x.requires_grad = True
            y = layer(x, causal=True, **kwargs)
            y = y[0] if isinstance(y, tuple) else y
            y[:, :7].sum().backward()
            assert not x.grad.numpy()[:, 7:].any()
            results.append((y.numpy()[:, :7], x.grad.numpy()[:, :7]))
        for out, grad in results[1:]:
            assert np.array_equal(out, results[0][0])
            assert np.array_equal(grad, results[0][1])


def test_dropping_does_not_look_ahead():
    """With the same bits, while training."""
    layer, results = made(dropout=0.5).train(), []
    for last in (0.0, 9.0):
        od.manual_seed(3)
        x = normal(2, 12, 16)
        x.data[:, 7:] = last
        results.append(layer(x, causal=True).numpy()[:, :7])
    assert np.array_equal(*results)


@pytest.mark.parametrize("path", ["fused", "with weights", "groups", "window", "mask"])
def test_a_shorter_sequence_gives_the_same(path):
    settings, kwargs = PATHS[path]
    layer, x = made(**settings), normal(2, 12, 16)
    kwargs = dict(kwargs)
    whole = layer(x, causal=True, **kwargs)
    if "mask" in kwargs:
        kwargs["mask"] = kwargs["mask"][:7, :7]
    part = layer(x[:, :7], causal=True, **kwargs)
    whole, part = (y[0] if isinstance(y, tuple) else y for y in (whole, part))
    np.testing.assert_allclose(part.numpy(), whole.numpy()[:, :7], rtol=0, atol=1e-12)


# -- what nobody sees --------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["fast", "reference"])
@pytest.mark.parametrize(
    ("settings", "kwargs"),
    [
        ({}, {}),
        ({}, {"need_weights": True}),
        ({"num_kv_heads": 2}, {}),
        ({"dropout": 0.3}, {}),
        ({"window": 2}, {"causal": True}),
    ],
)
def test_a_query_that_sees_nothing_gives_zero_heads(settings, kwargs, backend):
    layer = made(**settings).train()
    layer.out_proj.bias.data[...] = 0
    mask = np.ones((4, 4), bool)
    mask[2] = False
    with od.use_backend(backend):
        x = normal(2, 4, 16)
        x.requires_grad = True
        y = layer(x, mask=mask, **kwargs)
        y = y[0] if kwargs.get("need_weights") else y
        assert not y.numpy()[:, 2].any()
        y[:, 2].sum().backward()
        assert not x.grad.numpy().any()
        assert all(
            np.isfinite(p.grad.numpy()).all() for p in layer.parameters() if p.grad is not None
        )


# -- groups, windows, weights ------------------------------------------------------------------


@pytest.mark.parametrize("groups", [1, 2])
def test_groups_are_heads_that_share_their_keys(groups):
    layer, full = made(num_kv_heads=groups), made()
    head, repeats = 4, 4 // groups

    def repeated(rows):
        parts = rows.reshape((2, groups, head, *rows.shape[1:]))
        return np.repeat(parts, repeats, 1).reshape((32, *rows.shape[1:]))

    for own, theirs in ((layer.in_proj_weight, full.in_proj_weight),
                        (layer.in_proj_bias, full.in_proj_bias)):  # fmt: skip
        theirs.data[...] = np.concatenate([own.data[:16], repeated(own.data[16:])])
    full.out_proj.load_state_dict(layer.out_proj.state_dict())
    x, memory = normal(2, 5, 16), normal(2, 7, 16, seed=9)
    for arguments in ((x,), (x, memory), (x, memory, memory * 2)):
        one, other = layer(*arguments), full(*arguments)
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("causal", [True, False])
def test_a_window_is_a_mask(causal):
    near, plain, x = made(window=3), made(), normal(2, 9, 16)
    i, j = np.ogrid[:9, :9]
    expected = plain(x, mask=abs(i - j) < 3, causal=causal)
    assert np.array_equal(near(x, causal=causal).numpy(), expected.numpy())
    far = x.numpy().copy()
    far[:, 0] += 100
    assert np.array_equal(
        near(od.tensor(far), causal=causal).numpy()[:, 3:], expected.numpy()[:, 3:]
    )


def test_dropping_drops_while_training_only():
    layer, x = made(dropout=0.9), normal(2, 6, 16)
    expected = made()(x).numpy()
    assert np.array_equal(layer(x).numpy(), expected)
    od.manual_seed(0)
    mean = np.mean([layer.train()(x).numpy() for _ in range(2000)], 0)
    assert not np.allclose(layer(x).numpy(), expected, atol=0.5)
    assert np.abs(mean - expected).mean() < 0.2 * np.abs(expected).mean()


def test_a_learned_additive_mask_has_a_gradient():
    layer, x, bias = (
        made(),
        normal(2, 5, 16),
        od.zeros((4, 5, 5), dtype="float64", requires_grad=True),
    )
    layer(x, mask=bias, causal=True).sum().backward()
    assert bias.grad.numpy().any() and not np.triu(bias.grad.numpy(), 1).any()
    bias.grad = None
    od.testing.gradcheck(lambda b: layer(x, mask=b, key_padding_mask=np.eye(5, dtype=bool)[:2]),
                         [np.zeros((4, 5, 5))])  # fmt: skip


# -- attention that costs or sees less ---------------------------------------------------------


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_linear_attention_is_the_papers(causal, padded):
    layer = nn.LinearAttention(8, 2, dtype="float64")
    x, padding = normal(2, 6, 8), np.zeros((2, 6), bool)
    padding[1, 2:4] = padded
    q, k, v = np.split(layer.in_proj(x).numpy(), 3, -1)
    q, k = (np.where(a > 0, a + 1, np.exp(np.minimum(a, 0))) for a in (q, k))
    heads = np.zeros((2, 6, 8))
    for n, h, i in np.ndindex(2, 2, 6):
        part, top, total = slice(4 * h, 4 * h + 4), 0, 1e-6
        for j in range(i + 1 if causal else 6):
            if not padding[n, j]:
                weight = q[n, i, part] @ k[n, j, part]
                top, total = top + weight * v[n, j, part], total + weight
        heads[n, i, part] = top / total
    expected = layer.out_proj(od.tensor(heads)).numpy()
    found = layer(x, key_padding_mask=padding if padded else None, causal=causal)
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-12)


def test_linear_attention_does_not_look_ahead():
    layer, results = nn.LinearAttention(8, 2, dtype="float64"), []
    for last in (0.0, 1e3):
        x = normal(2, 12, 8)
        x.data[:, 7:] = last
        results.append(layer(x, causal=True).numpy()[:, :7])
    assert np.array_equal(*results)


def test_sparse_attention_is_a_mask_and_takes_a_cache():
    layer, plain, x = nn.SparseAttention(16, 4, 2, 4, dtype="float64"), made(), normal(2, 11, 16)
    plain.load_state_dict(layer.state_dict())
    i, j = np.ogrid[:11, :11]
    seen = (abs(i - j) < 2) | (j % 4 == 3)
    for causal in (True, False):
        expected = plain(x, mask=seen, causal=causal).numpy()
        np.testing.assert_array_equal(layer(x, causal=causal).numpy(), expected)
    expected, cache = layer(x, causal=True).numpy(), layer.init_cache(2)
    for start, stop in ((0, 3), (3, 4), (4, 9), (9, 11)):
        y = layer(x[:, start:stop], cache=cache).numpy()
        np.testing.assert_allclose(y, expected[:, start:stop], rtol=0, atol=1e-12)
