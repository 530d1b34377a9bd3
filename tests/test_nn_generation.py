"""Generation: what each filter leaves, and that a cache changes nothing."""

import numpy as np
import pytest

import odyssey as od
from odyssey import nn
from odyssey.errors import DTypeError, OdysseyError, ShapeError

P = np.array([0.4, 0.05, 0.3, 0.15, 0.1])


class Unigram(nn.Module):
    """The same distribution after any token; counts how many tokens it was given."""

    def __init__(self, p):
        self.logits, self.seen = np.log(p), []

    def forward(self, tokens):
        self.seen.append(tokens.shape)
        return od.tensor(np.broadcast_to(self.logits, (*tokens.shape, len(self.logits))))


class GPT(nn.Module):
    def __init__(self, rope=True, **settings):
        self.embedding = nn.Embedding(11, 16)
        self.body = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(
                16, 4, 32, 0.1, "gelu", norm_first=True,
                rope=nn.RotaryEmbedding(4) if rope else None, **settings,
            ), 2, nn.LayerNorm(16),
        )  # fmt: skip
        self.head = nn.Linear(16, 11, bias=False)
        self.head.weight = self.embedding.weight

    def init_cache(self, batch):
        return self.body.init_cache(batch)

    def forward(self, tokens, cache=None):
        return self.head(self.body(self.embedding(tokens), causal=True, cache=cache))


def drawn(**settings):
    """Return how often each token is drawn, of 20000."""
    start = np.zeros((20000, 1), int)
    out = nn.generate(Unigram(P), start, 1, rng=np.random.default_rng(0), **settings)
    return np.bincount(out.numpy()[:, 1], minlength=5) / 20000


def normalized(p):
    return np.asarray(p) / np.sum(p)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, P),
        ({"temperature": 0}, [1, 0, 0, 0, 0]),
        ({"temperature": 0.5}, normalized(P**2)),
        ({"temperature": 2.0}, normalized(P**0.5)),
        ({"top_k": 1}, [1, 0, 0, 0, 0]),
        ({"top_k": 3}, normalized([0.4, 0, 0.3, 0.15, 0])),
        ({"top_k": 99}, P),
        ({"top_p": 0.69}, normalized([0.4, 0, 0.3, 0, 0])),
        ({"top_p": 0.71}, normalized([0.4, 0, 0.3, 0.15, 0])),
        ({"top_p": 1.0}, P),
        ({"top_p": 1e-9}, [1, 0, 0, 0, 0]),
        ({"top_k": 3, "top_p": 0.8}, normalized([0.4, 0, 0.3, 0, 0])),
        ({"temperature": 0.5, "top_k": 2}, normalized([0.16, 0, 0.09, 0, 0])),
    ],
)
def test_each_filter_leaves_its_distribution(settings, expected):
    probabilities = nn.sampling_probabilities(np.log(P), **settings)
    np.testing.assert_allclose(probabilities, expected, atol=1e-12)
    found = drawn(**settings)
    assert np.abs(found - expected).max() < 0.015
    assert not found[np.asarray(expected) == 0].any()


def test_of_equals_the_first_are_taken():
    assert nn.sampling_probabilities(np.zeros(4), temperature=0).tolist() == [1, 0, 0, 0]
    assert nn.sampling_probabilities(np.zeros(4), top_k=2).tolist() == [0.5, 0.5, 0, 0]
    assert nn.sampling_probabilities(od.zeros((2, 3, 4))).tolist() == [[[0.25] * 4] * 3] * 2
    logits = np.array([0.0, -np.inf, 1e4, 1e4])
    assert nn.sampling_probabilities(logits).tolist() == [0, 0, 0.5, 0.5]


@pytest.mark.parametrize("settings", [{}, {"num_kv_heads": 2}, {"window": 4}, {"rope": False}])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_cache_changes_no_token(settings, temperature):
    od.manual_seed(0)
    model = GPT(**settings).to("float64")
    prompt = np.random.default_rng(3).integers(0, 11, (3, 5))
    both = [
        nn.generate(
            model, prompt, 20, temperature, rng=np.random.default_rng(5), use_cache=use_cache
        ).numpy()
        for use_cache in (True, False)
    ]
    assert both[0].shape == (3, 25) and np.array_equal(both[0][:, :5], prompt)
    assert np.array_equal(*both)
    assert model.training and model.body.layers[1].training


def test_with_a_cache_each_token_is_read_once():
    seen, model = [], GPT()
    hook = model.embedding.register_forward_hook(lambda module, args, out: seen.append(out.shape))
    with hook:
        nn.generate(model, np.zeros((2, 4), int), 3)
    assert seen == [(2, 4, 16), (2, 1, 16), (2, 1, 16)]


def test_greedy_takes_the_likeliest_of_the_whole():
    model = GPT().eval()
    tokens = nn.generate(model, od.tensor([1, 2, 3]), 6, temperature=0).numpy()
    assert tokens.shape == (9,) and tokens.dtype == np.int64
    for i in range(3, 9):
        assert tokens[i] == model(od.tensor(tokens[None, :i])).numpy()[0, -1].argmax()


def test_a_sequence_that_has_ended_is_filled():
    class Step(nn.Module):
        def forward(self, tokens):
            return 50 * od.core.one_hot((tokens + 1) % 6, 6)

    out = nn.generate(Step(), np.array([[3], [1], [4]]), 10, eos=5)
    assert out.tolist() == [[3, 4, 5, 5, 5], [1, 2, 3, 4, 5], [4, 5, 5, 5, 5]]


def test_the_same_seed_writes_the_same():
    texts = []
    for _ in range(2):
        od.manual_seed(4)
        texts.append(nn.generate(Unigram(P), [0], 30).tolist())
    assert texts[0] == texts[1] != nn.generate(Unigram(P), [0], 30).tolist()
    assert nn.generate(Unigram(P), [3], 0).tolist() == [3]


def test_the_mode_comes_back_after_an_error():
    model = nn.Sequential(nn.Embedding(3, 4), nn.Flatten(0, 1))
    model[1].eval()
    with pytest.raises(ShapeError, match=r"generate: the model must return logits \(N, L, V\)"):
        nn.generate(model, [1], 1)
    assert model.training and model[0].training and not model[1].training


@pytest.mark.parametrize(
    ("settings", "error", "match"),
    [
        ({"temperature": -1.0}, OdysseyError, "temperature must be at least 0"),
        ({"temperature": "hot"}, DTypeError, "temperature must be a number"),
        ({"top_k": 0}, OdysseyError, "top_k must be a positive integer"),
        ({"top_p": 0.0}, OdysseyError, r"top_p must lie in \(0, 1\]"),
        ({"top_p": 1.5}, OdysseyError, r"top_p must lie in \(0, 1\]"),
        ({"max_new_tokens": -1}, OdysseyError, "max_new_tokens must be at least 0"),
        ({"max_new_tokens": 1.5}, DTypeError, "max_new_tokens must be an integer"),
        ({"tokens": [0.5]}, DTypeError, "tokens must be integers"),
        ({"tokens": np.zeros((1, 0), int)}, ShapeError, ".*with at least one token"),
        ({"tokens": np.zeros((1, 1, 1), int)}, ShapeError, "tokens must have shape"),
    ],
)
def test_generate_refuses(settings, error, match):
    arguments = {"model": Unigram(P), "tokens": [0], "max_new_tokens": 1, **settings}
    with pytest.raises(error, match=f"generate: {match}"):
        nn.generate(**arguments)
