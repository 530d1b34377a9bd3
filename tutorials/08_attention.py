r"""
Attention, from scores to a tiny GPT
====================================

A word means what it means because of the words around it. *Attention* lets every word look at all
others and take from each as much as it finds fitting. We compute it by hand for five words, find
out what its scale, its mask and its positions are for, and check each step against the framework.
Then we stack two layers of it, let them read the book of Genesis for half a minute, and have them
write on.

You need to know what a softmax is and what a training loop does; the first tutorial has both.
"""

# %%
# Five words
# ----------
#
# Here is a sentence, and three numbers for each of its words. A network would learn them; ours are
# made by hand. They say how much a word is *one who lives*, *something that is done*, or *a small
# word* that helps others.

import time

import matplotlib.pyplot as plt
import numpy as np

import odyssey as od
from odyssey import core
from odyssey.data.datasets import Genesis

# sphinx_gallery_start_ignore
# ruff: noqa: D101, D102, D103 (the text describes what is defined)
# sphinx_gallery_end_ignore

words = ["Noah", "sent", "forth", "a", "dove"]
x = np.array(
    [
        [2.0, 0.0, 0.0],  # Noah
        [0.0, 2.0, 0.0],  # sent
        [0.0, 1.0, 1.0],  # forth
        [0.0, 0.0, 2.0],  # a
        [2.0, 0.0, 0.5],  # dove
    ]
)

# %%
# How alike are two words? The dot product of their numbers is a *score*. A softmax makes the scores
# of a word into *weights*, which are positive and add up to 1. With them the words are averaged:
#
# .. math::
#
#    s_{ij} = x_i \cdot x_j, \qquad
#    p_{ij} = \frac{e^{s_{ij}}}{\sum_k e^{s_{ik}}}, \qquad
#    y_i = \sum_j p_{ij}\, x_j .


def softmax(scores):
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))  # no number is too large for exp
    return e / e.sum(axis=-1, keepdims=True)


scores = x @ x.T
weights = softmax(scores)
y = weights @ x
assert np.allclose(weights.sum(axis=1), 1)
assert np.allclose(weights, core.softmax(scores))


def show(axis, numbers, title, names=words):
    """Draw a row for each word that looks, and a column for each that is looked at."""
    axis.imshow(numbers, cmap="Blues", vmin=0, vmax=max(1, numbers.max()))
    for i, j in np.ndindex(numbers.shape):
        color = "white" if numbers[i, j] > 0.6 * max(1, numbers.max()) else "black"
        axis.text(j, i, f"{numbers[i, j]:.2g}", ha="center", va="center", color=color, fontsize=8)
    axis.set(title=title, xticks=range(len(names)), yticks=range(len(names)))
    axis.set_xticklabels(names)
    axis.set_yticklabels(names)


figure, axes = plt.subplots(1, 2, figsize=(8, 3.6))
show(axes[0], scores, "scores")
show(axes[1], weights.round(2), "weights: each row adds up to 1")
figure.tight_layout()

# %%
# "Noah" looks at himself and at the dove, because both live. That is all a plain dot product can
# find: like looks at like. But a verb does not search for verbs. It wants to know who does it, and
# to whom. So each word gets three roles, by three matrices: a *query*, what it searches; a *key*,
# by which it is found; a *value*, what it gives.
#
# .. math:: q_i = W_q x_i, \qquad k_j = W_k x_j, \qquad v_j = W_v x_j
#
# Let what is done search for those who live, and those who live for what is done:

w_q = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
w_k = w_v = np.eye(3)
q, k, v = x @ w_q.T, x @ w_k.T, x @ w_v.T

figure, axis = plt.subplots(figsize=(4.2, 3.6))
show(axis, softmax(q @ k.T).round(2), "weights, with queries")
figure.tight_layout()

# %%
# Now "sent" looks at "Noah" and "dove": who, and whom. These two look at what they have to do with.
# In a network all three matrices are learned.
#
# The scale
# ---------
#
# If the E numbers of q and k are independent with mean 0 and variance 1, their dot product is a sum
# of E terms, and has variance E. With many features some score stands far above the others, and the
# softmax gives it everything. That is bad for learning, since the softmax's gradient is
# :math:`p_{ij} ([j = k] - p_{ik})`: where one weight is 1 and the others 0, it vanishes. So scores
# are divided by their standard deviation, :math:`\sqrt E`. How large is the largest of 16 weights?

rng = np.random.default_rng(0)
sizes = 4 ** np.arange(1, 6)
largest = {"q · k": [], "q · k / √E": []}
for size in sizes:
    a, b = rng.standard_normal((2, 500, 16, size))
    s = a @ b.swapaxes(1, 2)
    largest["q · k"].append(softmax(s).max(axis=-1).mean())
    largest["q · k / √E"].append(softmax(s / np.sqrt(size)).max(axis=-1).mean())

figure, axis = plt.subplots(figsize=(6, 3))
for name, values in largest.items():
    axis.semilogx(sizes, values, "o-", label=name, base=2)
axis.set(xlabel="features E", ylabel="largest weight, on average", ylim=(0, 1))
axis.legend(frameon=False)
axis.spines[["top", "right"]].set_visible(False)
figure.tight_layout()
assert largest["q · k"][-1] > 0.9 and max(largest["q · k / √E"]) < 0.4

# %%
# With that, attention [1]_ is three lines. The framework's has the same name for everything:


def attention(q, k, v, hidden=False):
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    return softmax(np.where(hidden, -np.inf, scores)) @ v


assert np.allclose(attention(q, k, v), core.scaled_dot_product_attention(q, k, v))

# %%
# Not to look ahead
# -----------------
#
# We want to guess the next word. Then no word may look at those behind it, or the answer would
# stand in the question. What is ``hidden`` gets the score :math:`-\infty`, and the softmax makes a
# weight of exactly 0 of it.

later = np.triu(np.ones((5, 5), dtype=bool), k=1)
masked = attention(q, k, v, later)
assert np.allclose(masked, core.scaled_dot_product_attention(q, k, v, causal=True))

changed = x.copy()
changed[4] = [0, 5, 0]  # another word at the end
others = attention(changed @ w_q.T, changed @ w_k.T, changed @ w_v.T, later)
assert np.array_equal(masked[:4], others[:4])
print("The first four outputs do not know what the fifth word is.")

# %%
# This is worth more than it seems. A text of L characters holds L exercises, "what follows the
# first i?", and with the mask one pass answers them all.
#
# Words in a bag
# --------------
#
# Shuffle the words. Each finds the same others, with the same weights, wherever they stand. So the
# outputs are the old ones, shuffled likewise:

order = np.array([4, 1, 2, 3, 0])
assert np.allclose(attention(q[order], k[order], v[order]), attention(q, k, v)[order])
print(" ".join(words[i] for i in order), "- the same to attention")

# %%
# Whether Noah sends the dove or the dove Noah, attention cannot tell. So the place must be written
# into the word. One way is to add waves, sines and cosines of the position with longer and longer
# periods. (The slowest, on the right of the first picture, hardly move over 64 places.) Their dot
# products tell how far apart two places are, wherever they lie:

waves = core.sinusoidal_positions(np.arange(64), 32)
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.3))
left.imshow(waves, cmap="RdBu", aspect="auto")
left.set(title="what is added", xlabel="feature", ylabel="position")
picture = right.imshow(waves @ waves.T, cmap="Blues")
right.set(title="dot products", xlabel="position", ylabel="position")
figure.colorbar(picture, ax=right, shrink=0.9)
figure.tight_layout()

placed = x + core.sinusoidal_positions(np.arange(5), 4)[:, :3]
shuffled = x[order] + core.sinusoidal_positions(np.arange(5), 4)[:, :3]
there, here = attention(placed, placed, placed), attention(shuffled, shuffled, shuffled)
assert not np.allclose(here, there[order], atol=0.1)

# %%
# Another way [2]_ adds nothing to the words. It takes the features of queries and keys in pairs, as
# points in a plane, and turns each by an angle that grows with its position. The dot product of two
# points stays what it is if both are turned by the same angle. So a score depends on the *distance*
# of query and key, and not on where the two stand:

turn = od.nn.RotaryEmbedding(32)
a, b = od.randn(2, 5, 32, rng=rng)
for offset in (0, 20):
    turned = turn(a, offset).numpy() @ turn(b, offset).numpy().T
    print(f"positions {offset} to {offset + 4}: the first scores", turned[0].round(3))
assert np.allclose(turned, turn(a).numpy() @ turn(b).numpy().T, atol=1e-4)

# %%
# Several heads
# -------------
#
# A word may search for more than one thing: its subject, and the end of its sentence. One average
# would mix them. So the features are cut into pieces, each piece attends by itself, as a *head*,
# and a last matrix mixes what the heads have found. It costs no more than one large head.


def several_heads(x, w_in, b_in, w_out, b_out, heads):
    def cut(a):  # (L, E) to (heads, L, E / heads)
        return a.reshape(len(a), heads, -1).swapaxes(0, 1)

    q, k, v = np.split(x @ w_in.T + b_in, 3, axis=1)
    found = attention(cut(q), cut(k), cut(v))
    return found.swapaxes(0, 1).reshape(x.shape) @ w_out.T + b_out


layer = od.nn.MultiHeadAttention(12, num_heads=3, dtype="float64", rng=rng)
inputs = rng.standard_normal((7, 12))
parameters = [p.numpy() for p in layer.parameters()]
print({name: p.shape for name, p in layer.named_parameters()})
ours, theirs = several_heads(inputs, *parameters, heads=3), layer(od.tensor(inputs[None]))
print("largest difference:", np.abs(ours - theirs.numpy()[0]).max())
assert np.allclose(ours, theirs.numpy()[0])

# %%
# Without the table
# -----------------
#
# Our function writes down L × L scores. For 16,384 tokens that is 1 GiB in float32, for each head.
# No one needs to see them all at once. Read the keys in blocks, and keep for each query three
# things: the largest score so far, the sum of exponentials, and the weighted sum of values. When a
# larger score turns up, both sums shrink by the same factor [3]_.


def attention_in_blocks(q, k, v, block):
    q = q / np.sqrt(q.shape[-1])
    largest, total, y = np.full((len(q), 1), -np.inf), 0, 0
    for start in range(0, len(k), block):
        scores = q @ k[start : start + block].T
        before, largest = largest, np.maximum(largest, scores.max(axis=1, keepdims=True))
        shrink, e = np.exp(before - largest), np.exp(scores - largest)
        total = shrink * total + e.sum(axis=1, keepdims=True)
        y = shrink * y + e @ v[start : start + block]
    return y / total


a, b, c = rng.standard_normal((3, 1000, 16))
assert np.allclose(attention_in_blocks(a, b, c, block=64), attention(a, b, c))
print(f"the table {1000 * 1000:,} numbers, a block {1000 * 64:,}")

# %%
# The kernel of :func:`odyssey.core.scaled_dot_product_attention` does the same, with blocks of
# queries as well, and needs memory in proportion to L.
#
# A book
# ------
#
# Now to learn. Genesis, the first book of the King James Bible, comes with odyssey: 1,533 verses,
# of which the last tenth is for testing. The tokens are characters, sixty of them.

CONTEXT = 64
train, test = Genesis("train", CONTEXT), Genesis("test", CONTEXT)
CHARACTERS = len(train.classes)
print(*train.text.splitlines()[:3], sep="\n")
print(train.encode("light"), train.decode([45, 42, 40, 41, 53]))

# %%
# What is easy? To count which character follows which. This *bigram* model looks one character
# back, and sets the mark to beat. (The loss is what it always is, the mean of
# :math:`-\ln p(\text{next character})`.)

counts = np.ones((CHARACTERS, CHARACTERS))  # 1, so that nothing is impossible
np.add.at(counts, (train.tokens[:-1], train.tokens[1:]), 1)
bigrams = counts / counts.sum(axis=1, keepdims=True)
bigram_loss = -np.log(bigrams[test.tokens[:-1], test.tokens[1:]]).mean()
print(f"guessing {np.log(CHARACTERS):.2f}, bigrams {bigram_loss:.2f}")

# %%
# A tiny GPT
# ----------
#
# A layer of a transformer is attention, then two linear maps for each token by itself; both add to
# what is there, and are normalised before (:doc:`06_normalisation` says why). A GPT [4]_ is an
# embedding, a few such layers that never look ahead, and a score for each character. For its
# positions ours turns queries and keys. The window lets no one look further back than in training,
# however long a text it writes. ``cache`` will be needed later; read over it for now.


class TinyGPT(od.nn.Module):
    def __init__(self, width=64, depth=2, heads=4, rng=None):
        self.embedding = od.nn.Embedding(CHARACTERS, width, rng=rng)
        settings = {"dropout": 0, "norm_first": True, "window": CONTEXT, "rng": rng}
        turn = od.nn.RotaryEmbedding(width // heads)
        self.layers = [
            od.nn.TransformerEncoderLayer(width, heads, 4 * width, rope=turn, **settings)
            for _ in range(depth)
        ]
        self.norm = od.nn.LayerNorm(width)
        self.scores = od.nn.Linear(width, CHARACTERS, rng=rng)

    def forward(self, tokens, cache=None):
        x = self.embedding(tokens)
        for layer, kept in zip(self.layers, cache or [None] * len(self.layers), strict=True):
            x = layer(x, causal=True, cache=kept)
        return self.scores(self.norm(x))

    def init_cache(self, batch):
        return [layer.init_cache(batch) for layer in self.layers]


model = TinyGPT(rng=np.random.default_rng(1))
print(f"{sum(p.size for p in model.parameters()):,} parameters")

# %%
# The loop is the one you know. The learning rate climbs for fifty steps, since the first gradients
# of attention point nowhere yet, and then falls to 0.

STEPS, BATCH, RATE = 500, 16, 0.006


def loss_of(x, t):
    return core.cross_entropy(model(od.tensor(x)).reshape((-1, CHARACTERS)), t.reshape(-1))


def test_loss():
    with od.no_grad():
        return loss_of(*test[::CONTEXT]).item()


optimizer = od.training.optimizers.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.99))
losses, test_losses = [], {0: test_loss()}
began = time.perf_counter()
for step in range(1, STEPS + 1):
    optimizer.lr = RATE * min(step / 50, (STEPS - step) / (STEPS - 50))
    loss = loss_of(*train[rng.integers(0, len(train), BATCH)])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    if step % 50 == 0:
        test_losses[step] = test_loss()
print(f"test loss {test_losses[STEPS]:.2f} after {time.perf_counter() - began:.0f} s")
assert test_losses[STEPS] < bigram_loss - 0.5

figure, axis = plt.subplots(figsize=(7, 3.3))
axis.plot(losses, color="#56B4E9", linewidth=0.8, label="training")
axis.plot(test_losses.keys(), test_losses.values(), "o-", color="#0072B2", label="test")
axis.axhline(bigram_loss, color="#D55E00", linestyle="--", label="counting bigrams")
axis.set(xlabel="step", ylabel="loss", ylim=(1, 4.5))
axis.legend(frameon=False)
axis.spines[["top", "right"]].set_visible(False)
figure.tight_layout()

# %%
# In a few dozen steps it knows how frequent characters are, and which follows which. That is where
# counting ends. All that it gains from then on, it gains by looking further back.
#
# To write
# --------
#
# The model gives a probability to each next character. Draw one, append it, ask again. Two settings
# say how bold to be. The *temperature* T divides the scores before the softmax: near 0 the
# likeliest character takes all, at 1 it is the model's own belief. *top-k* draws among the k
# likeliest only.

start = train.encode("And God said")
for settings in ({"temperature": 0}, {"temperature": 0.7, "top_k": 8}, {"temperature": 1.3}):
    drawn = od.nn.generate(model, start, 200, rng=np.random.default_rng(5), **settings)
    print(settings, train.decode(drawn), sep="\n", end="\n\n")

# %%
# So writes a model that has read for half a minute, knows no words, and sees one
# character at a time. At temperature 0 it goes round in circles. At 1.3 it forgets how to spell.
#
# What is behind the two settings is one line each. "And God said, Le" may become "Let", or
# "Leah", and the likeliest next characters are:

with od.no_grad():
    last = model(od.tensor(train.encode("And God said, Le")[None])).numpy()[0, -1]
for temperature, top_k in ((1.0, None), (0.5, None), (1.0, 3)):
    p = od.nn.sampling_probabilities(last, temperature, top_k)
    best = {train.classes[i]: f"{p[i]:.2f}" for i in np.argsort(-p)[:4]}
    print(f"T = {temperature}, top_k = {top_k}:", best)
assert np.allclose(od.nn.sampling_probabilities(last, 0.5), softmax(last.astype(float) / 0.5))

# %%
# What need not be computed again
# -------------------------------
#
# To write the hundredth character we sent all ninety-nine through the network, and ninety-eight of
# them for the second time. Nothing had changed for them: they cannot look ahead. All that the new
# character needs of them are their keys and values. A *cache* keeps these, in each layer.

for use_cache in (False, True):
    began = time.perf_counter()
    drawn = od.nn.generate(model, start, 400, rng=np.random.default_rng(6), use_cache=use_cache)
    print(f"use_cache={use_cache}: {time.perf_counter() - began:.2f} s")
    if not use_cache:
        without = drawn.numpy()
assert np.array_equal(drawn.numpy(), without)

# %%
# The same characters, sooner; and the longer the text, the more so.
#
# Where it looks
# --------------
#
# What have the heads learned to look at? The layer's attention shows its weights when asked. We
# follow the tokens as far as the layer, and ask.

verse = "And God said, Let there be light"
with od.no_grad():
    hidden = model.embedding(od.tensor(train.encode(verse)[None]))
    maps = []
    for layer in model.layers:
        normed = layer.norm1(hidden)
        maps.append(layer.self_attn(normed, causal=True, need_weights=True)[1].numpy()[0])
        hidden = layer(hidden, causal=True)
maps = np.concatenate(maps)  # 8 heads, L x L
assert np.allclose(maps.sum(axis=-1), 1, atol=1e-5) and not np.triu(maps, 1).any()

back = np.array([[np.diagonal(m, -d).mean() for d in range(4)] for m in maps])
for head, row in enumerate(back):
    print(f"layer {head // 4}, head {head % 4}: on itself and 1, 2, 3 back", row.round(2))

figure, axes = plt.subplots(1, 2, figsize=(9.5, 5.2), layout="constrained")
for axis, head in zip(axes, (back[:4, 1].argmax(), 4 + back[4:].sum(axis=1).argmin()), strict=True):
    axis.imshow(maps[head], cmap="Blues", vmin=0, vmax=maps[head].max())
    axis.set(title=f"layer {head // 4}, head {head % 4}")
    axis.set(xticks=range(len(verse)), yticks=range(len(verse)), xlabel="looks at")
    axis.set_xticklabels(verse, fontsize=7, family="monospace")
    axis.set_yticklabels(verse, fontsize=7, family="monospace")
    axis.tick_params(length=0)
assert back[:4, 1].max() > 0.25

# %%
# On the left is the head that looks most at the character before: a dark line below the diagonal.
# With it the next layer knows pairs of characters, and nobody told it to. On the right is the head
# of the second layer that looks furthest back: some rows agree on one place and go on with it.
#
# :class:`odyssey.models.GPT` is this model with the details of GPT-2. What separates them are the
# width, the depth, the text, and a great deal of time.
#
# Exercises
# ---------
#
# **1. Write the kernel.** Attention in NumPy, with the scale, both masks, and rows that see no key
# at all, which give 0. The second result is :math:`\ln \sum_j e^{s_{ij}}`, from which the backward
# finds the weights again. (A loop over the queries will do. The hard case is a hidden key that is
# NaN: nobody may feel it.)
#
# .. code-block:: python
#
#    from odyssey.testing import check_kernel
#
#    def mine(q, k, v, mask=None, causal=False, scale=None):
#        ...
#        return out, logsumexp
#
#    check_kernel("scaled_dot_product_attention", mine)
#
# **2. The gradient.** With :math:`g_i` what comes from above, show that the gradient of a score is
# :math:`p_{ij} (g_i \cdot v_j - g_i \cdot y_i)`. Declare ``attention`` as an operation with the
# rule for q, k and v, and check it. Which mistake remains hidden if all values are equal?
#
# .. code-block:: python
#
#    from odyssey.tape import differentiable
#    from odyssey.testing import gradcheck
#
#    @differentiable
#    def mine(q, k, v):
#        return attention(q, k, v)
#
#    @mine.backward_rule(wrt=("q", "k", "v"))
#    def mine_backward(grad, q, k, v, out):
#        ...
#
#    gradcheck(mine, list(rng.standard_normal((3, 5, 4))))
#
# **3. Without positions.** Take ``rope`` out of ``TinyGPT`` and train again. Why is the loss still
# below that of the bigrams? (What does the mask tell the second layer?) Then put
# :class:`~odyssey.nn.SinusoidalPositionalEncoding` behind the embedding, and take out the window,
# too. What becomes of the text after character 64, and why? (``generate`` with ``use_cache=False``,
# or give the layer its ``offset``.)
#
# .. [1] A. Vaswani et al., "Attention is all you need", NeurIPS 2017.
#    https://arxiv.org/abs/1706.03762
# .. [2] J. Su et al., "RoFormer: Enhanced transformer with rotary position embedding", 2021.
#    https://arxiv.org/abs/2104.09864
# .. [3] M. Milakov, N. Gimelshein, "Online normalizer calculation for softmax", 2018.
#    https://arxiv.org/abs/1805.02867
# .. [4] A. Radford et al., "Language models are unsupervised multitask learners", 2019.
