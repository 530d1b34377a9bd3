"""Feed-forward layers and transformers: formulas, caches, and that nothing looks ahead."""

import numpy as np
import pytest

import odyssey as od
from odyssey import nn


def normal(*shape, seed=1):
    return od.tensor(np.random.default_rng(seed).standard_normal(shape))


def drawn(layer, seed=0):
    rng = np.random.default_rng(seed)
    layer.to("float64")
    for parameter in layer.parameters():
        parameter.data[...] = rng.standard_normal(parameter.shape) / 2
    return layer.eval()


# -- feed-forward ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("activation", "formula"),
    [
        ("relu", lambda x: np.maximum(x, 0)),
        ("tanh", np.tanh),
        (od.core.sigmoid, lambda x: 1 / (1 + np.exp(-x))),
    ],
)
def test_feed_forward_is_two_maps(activation, formula):
    layer, x = drawn(nn.FeedForward(3, 5, activation, dropout=0.5)), normal(2, 4, 3)
    (w1, b1), (w2, b2) = ((m.weight.numpy(), m.bias.numpy()) for m in layer.children())
    expected = formula(x.numpy() @ w1.T + b1) @ w2.T + b2
    np.testing.assert_allclose(layer(x).numpy(), expected, atol=1e-12)
    assert nn.FeedForward(3).linear1.weight.shape == (12, 3)
    dropped = nn.FeedForward(3, 5, "relu", dropout=1.0)
    assert np.array_equal(dropped(od.ones((1, 3))).numpy()[0], dropped.linear2.bias.numpy())


@pytest.mark.parametrize("bias", [True, False])
def test_swiglu_is_the_papers(bias):
    layer, x = drawn(nn.SwiGLU(3, 5, bias)), normal(2, 4, 3)
    w = layer.linear1.weight.numpy()
    b = layer.linear1.bias.numpy() if bias else np.zeros(10)
    gate, up = x.numpy() @ w[:5].T + b[:5], x.numpy() @ w[5:].T + b[5:]
    hidden = gate / (1 + np.exp(-gate)) * up
    expected = hidden @ layer.linear2.weight.numpy().T + (layer.linear2.bias.numpy() if bias else 0)
    np.testing.assert_allclose(layer(x).numpy(), expected, atol=1e-12)


def test_swiglu_has_as_many_weights_as_feed_forward():
    gated, plain = nn.SwiGLU(24), nn.FeedForward(24, bias=False)
    assert sum(p.size for p in gated.parameters()) == sum(p.size for p in plain.parameters())


# -- caches ------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("settings", [{}, {"num_kv_heads": 2}, {"rope": True, "window": 5}])
def test_a_cached_encoder_equals_the_whole(norm_first, settings):
    if settings.get("rope"):
        settings = {**settings, "rope": nn.RotaryEmbedding(4)}
    layer = nn.TransformerEncoderLayer(16, 4, 24, 0.1, norm_first=norm_first, **settings)
    model, x = drawn(nn.TransformerEncoder(layer, 3, nn.LayerNorm(16))), normal(2, 14, 16)
    whole, cache = model(x, causal=True).numpy(), model.init_cache(2)
    for start, stop in ((0, 3), (3, 4), (4, 9), (9, 10), (10, 14)):
        y = model(x[:, start:stop], causal=True, cache=cache).numpy()
        np.testing.assert_allclose(y, whole[:, start:stop], rtol=0, atol=1e-12)


@pytest.mark.parametrize("norm_first", [True, False])
def test_a_cached_decoder_equals_the_whole(norm_first):
    layer = nn.TransformerDecoderLayer(16, 4, 24, 0.1, norm_first=norm_first)
    model, x, memory = drawn(nn.TransformerDecoder(layer, 2)), normal(2, 9, 16), normal(2, 5, 16)
    padding = np.zeros((2, 5), bool)
    padding[1, 2:] = True
    whole = model(x, memory, causal=True, memory_key_padding_mask=padding).numpy()
    cache = model.init_cache(2)
    for start, stop in ((0, 2), (2, 3), (3, 7), (7, 9)):
        y = model(x[:, start:stop], memory, memory_key_padding_mask=padding, cache=cache).numpy()
        np.testing.assert_allclose(y, whole[:, start:stop], rtol=0, atol=1e-12)


# -- nothing looks ahead -----------------------------------------------------------------------


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", ["encoder", "decoder", "both"])
def test_a_causal_transformer_does_not_look_ahead(kind, training):
    """Not even while it drops, with the same bits."""
    sizes, memory = (16, 4, 24, 0.3), normal(2, 5, 16, seed=3)
    if kind == "encoder":
        model = nn.TransformerEncoder(nn.TransformerEncoderLayer(*sizes), 2)
    elif kind == "decoder":
        model = nn.TransformerDecoder(nn.TransformerDecoderLayer(*sizes), 2)
    else:
        model = nn.Transformer(16, 4, 1, 2, 24, 0.3)
    drawn(model).train(training)
    results = []
    for last in (0.0, 1e6):
        x = normal(2, 12, 16)
        x.data[:, 7:] = last
        od.manual_seed(2)
        inputs = {"encoder": (x,), "decoder": (x, memory), "both": (memory, x)}[kind]
        results.append(model(*inputs, causal=True).numpy()[:, :7])
    assert np.array_equal(*results)


def test_layers_of_a_stack_are_copies():
    layer = nn.TransformerEncoderLayer(8, 2, 16)
    stack = nn.TransformerEncoder(layer, 3)
    assert len(list(stack.parameters())) == 3 * len(list(layer.parameters()))
    assert all(np.array_equal(one.linear1.weight.numpy(), layer.linear1.weight.numpy())
               for one in stack.layers)  # fmt: skip


def test_tied_embeddings_learn_from_both_ends():
    table = nn.Embedding(5, 3)
    head = nn.Linear(3, 5, bias=False)
    head.weight = table.weight
    model = nn.Sequential(table, head)
    assert len(list(model.parameters())) == 1 and len(model.state_dict()) == 1
    model(od.tensor([1])).sum().backward()
    rows = table.weight.numpy()
    expected = np.tile(rows[1], (5, 1))
    expected[1] += rows.sum(0)
    np.testing.assert_allclose(table.weight.grad.numpy(), expected, rtol=1e-5)
