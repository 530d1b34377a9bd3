r"""
Normalisation: watch the variance by depth
==========================================

A deep network is a long product. If each layer makes its signal a little larger, fifty layers make
it huge; a little smaller, and nothing arrives. We measure that, layer by layer, forward and
backward. First we cure it with the right first weights, and see the cure undone by training. Then
we write batch norm in three lines, find its gradient on paper, and check that kernel and paper
agree. At the end a network of 20 layers learns with it, and does not without.

You need to know what a variance is, and the chain rule; the first tutorial has all the rest.
"""

# %%
# A signal through fifty layers
# -----------------------------
#
# Take a layer :math:`y_o = \sum_i w_{oi}\, x_i` with n inputs. If weights and inputs are
# independent and the weights have mean 0, variances of sums add up:
#
# .. math:: \operatorname{E} y_o^2 = n \operatorname{Var}(w) \operatorname{E} x_i^2 .
#
# So each layer multiplies the signal's power by :math:`n \operatorname{Var}(w)`. A rectifier
# afterwards sets half of the numbers to zero, and with them half of the power. Let us look: 50
# layers of 256 units, and four ways to draw the weights.

import matplotlib.pyplot as plt
import numpy as np

import odyssey as od
from odyssey import core
from odyssey.data.datasets import Digits

# sphinx_gallery_start_ignore
# ruff: noqa: B905, D103, RUF007 (the text describes the functions; zip is used as every beginner knows it)
# sphinx_gallery_end_ignore

DEPTH, WIDTH = 50, 256


def signals(first_weights, depth=DEPTH):
    """Return the signal after each layer, kept on the tape."""
    rng = np.random.default_rng(0)
    x = od.randn(128, WIDTH, rng=rng, requires_grad=True)
    kept = [x]
    for _ in range(depth):
        kept.append(core.relu(core.linear(kept[-1], first_weights((WIDTH, WIDTH), rng=rng))))
    return kept


def powers(arrays):
    return np.array([np.square(np.asarray(a, dtype=np.float64)).mean() for a in arrays])


schemes = {
    "standard deviation 0.05": lambda shape, rng: core.normal(shape, std=0.05, rng=rng),
    "standard deviation 0.1": lambda shape, rng: core.normal(shape, std=0.1, rng=rng),
    "LeCun, 1/n": core.lecun_normal,
    "He, 2/n": core.kaiming_normal,
}
forward = {name: powers([x.numpy() for x in signals(draw)]) for name, draw in schemes.items()}

figure, axis = plt.subplots(figsize=(7, 3.5))
for name, power in forward.items():
    axis.semilogy(np.maximum(power, 1e-30), label=name)
axis.set(xlabel="layer", ylabel="mean square of the signal")
axis.legend()
figure.tight_layout()

# %%
# Straight lines on a logarithmic scale: a factor for each layer, as the formula says. It is
# :math:`\tfrac12 n \operatorname{Var}(w)`, and He's scheme is the one that makes it 1.

for name, power in forward.items():
    print(f"{name:24} measured {(power[-1] / power[1]) ** (1 / (DEPTH - 1)):.3f} a layer")
assert 0.9 < (forward["He, 2/n"][-1] / forward["He, 2/n"][1]) ** (1 / (DEPTH - 1)) < 1.1

# %%
# The same backward
# -----------------
#
# Gradients pass through the transposed weights, so their power is multiplied by the number of
# *outputs* times the variance. Here both numbers are equal, and a scheme that is right forward is
# right backward. ``retain_grad`` keeps the gradients of what is no leaf.


def gradients_of(kept):
    for x in kept[1:]:
        x.retain_grad()
    kept[-1].backward(np.random.default_rng(1).standard_normal(kept[-1].shape))
    return powers([x.grad.numpy() for x in kept])


figure, axis = plt.subplots(figsize=(7, 3.5))
for name, draw in schemes.items():
    axis.semilogy(np.maximum(gradients_of(signals(draw)), 1e-30), label=name)
axis.set(xlabel="layer", ylabel="mean square of the gradient")
axis.legend()
figure.tight_layout()

# %%
# Why that is not enough
# ----------------------
#
# The first weights are right for one moment. Training moves them: make all weights a tenth larger,
# which no one would notice in one layer, and fifty layers multiply the power by
# :math:`1.1^{100} \approx 14000`.

larger = signals(lambda shape, rng: 1.1 * core.kaiming_normal(shape, rng=rng))
growth = powers([larger[-1].numpy()])[0] / forward["He, 2/n"][-1]
print(f"weights a tenth larger: the power of the last signal {growth:.0f} times as large")
assert 13000 < growth < 14500

# %%
# Normalise instead of hoping
# ---------------------------
#
# *Batch norm* [1]_ measures what we have just plotted and divides by it, in every layer and at
# every step. Each unit's numbers over the batch get mean 0 and variance 1:
#
# .. math::
#
#    \mu = \frac1M \sum_i x_i, \qquad
#    \sigma^2 = \frac1M \sum_i (x_i - \mu)^2, \qquad
#    \hat x_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \epsilon}} .
#
# A weight and a bias for each unit may undo that, :math:`y_i = w\, \hat x_i + b`; so nothing is
# lost.


def batch_norm(x, weight, bias, eps=1e-5):
    hat = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)
    return weight * hat + bias


rng = np.random.default_rng(2)
x = rng.standard_normal((6, 4)) * [1, 10, 100, 1000] + [0, 5, -50, 500]
weight, bias = rng.standard_normal((2, 4))
ours = batch_norm(x, weight, bias)
theirs, mean, var = core.batch_norm(x, None, None, weight, bias)
print("largest difference from the kernel:", np.abs(ours - theirs).max())
assert np.allclose(ours, theirs)

# %%
# **The gradient.** Every :math:`\hat x_j` depends on every :math:`x_i`, because mean and variance
# do. Write :math:`r = (\sigma^2 + \epsilon)^{-1/2}`. Moving :math:`x_i` by a small d moves the mean
# by :math:`d / M`, and the variance by :math:`2 d (x_i - \mu) / M` (the mean's own move drops out,
# because deviations add up to zero). Since :math:`dr = -\tfrac12 r^3\, d\sigma^2`,
#
# .. math::
#
#    \frac{\partial \hat x_j}{\partial x_i}
#    = r \Big( [i = j] - \frac1M - \frac{\hat x_i\, \hat x_j}{M} \Big) .
#
# Multiply by what comes from above, :math:`u_j = g_j w`, and add up over j:
#
# .. math::
#
#    \bar x_i = r \Big( u_i - \frac1M \sum_j u_j
#               - \hat x_i\, \frac1M \sum_j u_j\, \hat x_j \Big) .
#
# Read it as geometry: from the gradient is taken away what would shift the whole batch, and what
# would stretch it. Both would be undone by the normalisation anyway.


def batch_norm_gradient(grad, x, weight, eps=1e-5):
    r = 1 / np.sqrt(x.var(axis=0) + eps)
    hat, u = (x - x.mean(axis=0)) * r, grad * weight
    return r * (u - u.mean(axis=0) - hat * (u * hat).mean(axis=0))


grad = rng.standard_normal(x.shape)
on_paper = batch_norm_gradient(grad, x, weight)
t = od.tensor(x, requires_grad=True)
core.batch_norm(t, None, None, od.tensor(weight), od.tensor(bias))[0].backward(grad)
print("largest difference of the gradients:", np.abs(on_paper - t.grad.numpy()).max())
assert np.allclose(on_paper, t.grad.numpy())

# %%
# **How not to test it.** The easiest check of a gradient adds up all outputs and compares with
# differences. Here it is worthless: the outputs of a unit add up to :math:`M b`, whatever x is, so
# the true gradient is zero, and any rule that returns zero passes.

zero = batch_norm_gradient(np.ones_like(x), x, weight)
print("gradient of the sum:", np.abs(zero).max())
assert np.abs(zero).max() < 1e-12

# %%
# :func:`odyssey.testing.gradcheck` weighs the outputs with random numbers for this reason.

from odyssey.testing import gradcheck

small = [rng.standard_normal((6, 4)), rng.standard_normal(4), rng.standard_normal(4)]
gradcheck(lambda x, w, b: core.batch_norm(x, None, None, w, b)[0], small)

# %%
# Three relatives
# ---------------
#
# What is normalised together is a choice. Batch norm takes a channel of all examples: it needs a
# batch, and running averages for single examples later. *Layer norm* takes all features of one
# example, *group norm* some channels of one image, *RMS norm* leaves out the mean. The picture
# shows which numbers share a mean, for two images of six channels:

kinds = {
    "batch norm": np.tile(np.arange(6), (2, 1)),
    "layer norm": np.repeat([[0], [1]], 6, axis=1),
    "group norm, 3": np.arange(12).reshape(2, 6) // 2,
    "instance norm": np.arange(12).reshape(2, 6),
}
figure, axes = plt.subplots(1, 4, figsize=(9, 1.6))
for axis, (name, together) in zip(axes, kinds.items()):
    axis.imshow(together, cmap="tab20")
    axis.set(title=name, xlabel="channel", ylabel="image", xticks=[], yticks=[])
figure.tight_layout()

images = rng.standard_normal((2, 6, 5, 5))
for name, normalized in {
    "layer norm": core.layer_norm(images, (6, 5, 5)),
    "group norm of one group": core.group_norm(images, 1),
}.items():
    print(f"{name:24} mean of each image {np.abs(normalized.mean((1, 2, 3))).max():.0e}")
assert np.allclose(core.layer_norm(images, (6, 5, 5)), core.group_norm(images, 1))

# %%
# The variance by depth, again
# ----------------------------
#
# The same fifty layers with deliberately bad weights, and a normalisation before each rectifier:


def normalized_signals(norm, std=0.05):
    rng = np.random.default_rng(0)
    kept = [od.randn(128, WIDTH, rng=rng, requires_grad=True)]
    for _ in range(DEPTH):
        sums = core.linear(kept[-1], core.normal((WIDTH, WIDTH), std=std, rng=rng))
        kept.append(core.relu(norm(sums)))
    return kept


norms = {
    "nothing": lambda x: x,
    "batch norm": lambda x: core.batch_norm(x)[0],
    "layer norm": lambda x: core.layer_norm(x, WIDTH),
    "RMS norm": lambda x: core.rms_norm(x, WIDTH),
}
figure, axis = plt.subplots(figsize=(7, 3.5))
for name, norm in norms.items():
    power = powers([x.numpy() for x in normalized_signals(norm)])
    axis.semilogy(np.maximum(power, 1e-30), label=name)
    if name != "nothing":
        assert 0.4 < power[-1] < 0.6  # a rectifier leaves half of 1
axis.set(xlabel="layer", ylabel="mean square of the signal")
axis.legend()
figure.tight_layout()

# %%
# Twenty layers that learn
# ------------------------
#
# The digits of the first tutorial, read by a network of 20 layers of 64 units, with weights
# that let the signal vanish. Plain gradient descent, no tricks.

train = Digits("train")
train_x = train.images.reshape(len(train), 64).astype(np.float32)
LAYERS, UNITS, STEPS, BATCH, RATE = 20, 64, 200, 64, 0.1


def train_deep(norm):
    rng = np.random.default_rng(0)
    sizes = [64, *[UNITS] * (LAYERS - 1), 10]
    weights = [core.normal((o, i), std=0.1, rng=rng) for i, o in zip(sizes, sizes[1:])]
    for w in weights:
        w.requires_grad = True
    optimizer = od.training.optimizers.SGD(weights, lr=RATE)
    losses = []
    for _ in range(STEPS):
        chosen = rng.integers(0, len(train_x), BATCH)
        x = od.tensor(train_x[chosen])
        for w in weights[:-1]:
            x = core.relu(norm(core.linear(x, w)))
        loss = core.cross_entropy(core.linear(x, weights[-1]), od.tensor(train.labels[chosen]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


without = train_deep(lambda x: x)
with_norm = train_deep(lambda x: core.batch_norm(x)[0])
print(f"last losses: {np.mean(without[-20:]):.2f} without, {np.mean(with_norm[-20:]):.2f} with")
assert np.mean(without[-20:]) > 2.2 > 0.6 > np.mean(with_norm[-20:])

figure, axis = plt.subplots(figsize=(7, 3.5))
axis.plot(without, label="nothing")
axis.plot(with_norm, label="batch norm")
axis.axhline(np.log(10), color="grey", linewidth=0.8, linestyle="--", label="guessing")
axis.set(xlabel="step", ylabel="loss")
axis.legend()
figure.tight_layout()

# %%
# Without normalisation nothing reaches the last layer, and no gradient comes back: the loss stays
# at ln 10, that of guessing. With batch norm the same first weights will do. (Layer norm learns
# here, too, with shorter steps: it leaves the examples more alike the deeper they come. Watch their
# variance.)
#
# Exercises
# ---------
#
# **1. Write the kernel.** Layer norm in NumPy, with the three results of the reference.
# ``check_kernel`` compares it over many shapes, three dtypes and the oddest memory layouts. (Half
# precision is the hard part: in which dtype must the sums be?)
#
# .. code-block:: python
#
#    from odyssey.testing import check_kernel
#
#    def mine(x, weight=None, bias=None, eps=1e-5):
#        ...
#        return out, mean, rstd
#
#    check_kernel("layer_norm", mine)
#
# **2. One pass or two?** :math:`\sigma^2 = \operatorname{E} x^2 - \mu^2` needs one pass over the
# numbers only. Use it in ``batch_norm`` above, with float32 numbers around 1000, and compare with
# :func:`~odyssey.core.batch_norm`. What happens to the digits, and how does
# ``odyssey/_ext/_moments.pxd`` avoid it?
#
# **3. RMS norm's gradient.** Derive it as above (one term is missing), declare the operation, and
# check it. Then forget the other term, and see that ``gradcheck`` notices.
#
# .. code-block:: python
#
#    from odyssey.tape import differentiable
#
#    @differentiable
#    def rms(x):
#        return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True))
#
#    @rms.backward_rule(wrt=("x",))
#    def rms_backward(grad, x, out):
#        ...
#
#    gradcheck(rms, [np.random.default_rng(0).standard_normal((3, 5))])
#
# .. [1] S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015. https://arxiv.org/abs/1502.03167
