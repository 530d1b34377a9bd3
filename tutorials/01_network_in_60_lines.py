r"""
A network in 60 lines of NumPy, then the same with odyssey
==========================================================

We teach a computer to read handwritten digits, twice. First with nothing but NumPy, in fewer than
60 lines, with every derivative worked out by hand. Then with odyssey, from the same first weights.
Both must give the same loss at every step, and we check that they do.

You need to know what a matrix product and a derivative are.
"""

# %%
# The data
# --------
#
# odyssey comes with 1,797 real digits of 8x8 pixels. Each image is flattened to a row of 64 numbers
# between 0 (paper) and 1 (ink); a label says which digit it is.

import matplotlib.pyplot as plt
import numpy as np

import odyssey as od
from odyssey.data.datasets import Digits

# sphinx_gallery_start_ignore
# ruff: noqa: B905, D103 (the text describes the functions; zip is used as every beginner knows it)
# sphinx_gallery_end_ignore

train, test = Digits("train"), Digits("test")
train_x, train_t = train.images.reshape(len(train), 64), train.labels
test_x, test_t = test.images.reshape(len(test), 64), test.labels

figure, axes = plt.subplots(2, 10, figsize=(9, 2.2))
for axis, image, label in zip(axes.flat, train.images, train.labels):
    axis.imshow(image[0], cmap="gray_r")
    axis.set_title(label, fontsize=9)
    axis.axis("off")
figure.tight_layout()

# %%
# Part one: NumPy
# ---------------
#
# **The network.** A batch x of N images is an N×64 matrix. The network is two affine maps with a
# rectifier between them:
#
# .. math::
#
#    h &= x\,W_1^\top + b_1     && \text{32 hidden sums for each image} \\
#    a &= \max(h, 0)            && \text{the rectifier} \\
#    s &= a\,W_2^\top + b_2     && \text{10 scores, one for each digit}
#
# The first weights are small random numbers, scaled by the number of inputs so that sums neither
# explode nor vanish. Biases begin at zero.


def first_weights(seed=0):
    rng = np.random.default_rng(seed)

    def draw(*shape):
        bound = np.sqrt(6 / shape[1])
        return rng.uniform(-bound, bound, shape).astype(np.float32)

    return [draw(32, 64), np.zeros(32, np.float32), draw(10, 32), np.zeros(10, np.float32)]


def forward(params, x):
    W1, b1, W2, b2 = params
    h = x @ W1.T + b1
    a = np.maximum(h, 0)
    s = a @ W2.T + b2
    return a, s


# %%
# **The loss.** The softmax turns scores into probabilities,
#
# .. math:: p_{nc} = \frac{e^{s_{nc}}}{\sum_k e^{s_{nk}}},
#
# and the loss is how surprised the network is by the right answers :math:`t_n`, on average:
#
# .. math:: L = -\frac1N \sum_n \ln p_{n t_n}
#             = \frac1N \sum_n \Big(\ln \sum_k e^{s_{nk}} - s_{n t_n}\Big).
#
# Taking the largest score of a row away from all of them changes no probability, and keeps
# :math:`e^s` from overflowing.


def softmax(s):
    e = np.exp(s - s.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def loss_of(s, t):
    s = s - s.max(axis=1, keepdims=True)
    return (np.log(np.exp(s).sum(axis=1)) - s[np.arange(len(t)), t]).mean()


# %%
# **The gradient**, from the loss back to the first weights. Write :math:`\bar z` for
# :math:`\partial L / \partial z`; it has the shape of z.
#
# *The scores.* The derivative of :math:`\ln \sum_k e^{s_{nk}}` with respect to :math:`s_{nc}` is
# :math:`p_{nc}`, and that of :math:`s_{n t_n}` is 1 for the right class and 0 for the others. So
#
# .. math:: \bar s_{nc} = \frac1N \big(p_{nc} - [c = t_n]\big):
#
# the probabilities minus what they should be.
#
# *The second map.* The weight :math:`w_{cj}` of :math:`W_2` enters the score :math:`s_{nc}` of
# every image n, multiplied by :math:`a_{nj}`. The chain rule adds over all that it enters:
#
# .. math:: \bar W_2 = \bar s^\top a, \qquad \bar b_2 = \sum_n \bar s_n, \qquad
#           \bar a = \bar s\, W_2 .
#
# *The rectifier.* Where h is positive, a moves as h does; elsewhere it does not move:
#
# .. math:: \bar h_{nj} = \bar a_{nj}\, [h_{nj} > 0] .
#
# (a > 0 exactly where h > 0, so we need not keep h.)
#
# *The first map.* As the second: :math:`\bar W_1 = \bar h^\top x` and
# :math:`\bar b_1 = \sum_n \bar h_n`. That is all. Each line below is one of these formulas.


def gradient(params, x, t):
    W2 = params[2]  # the only weights on the way back
    a, s = forward(params, x)
    grad_s = softmax(s)
    grad_s[np.arange(len(t)), t] -= 1
    grad_s /= len(t)
    grad_a = grad_s @ W2
    grad_h = grad_a * (a > 0)
    return loss_of(s, t), [grad_h.T @ x, grad_h.sum(axis=0), grad_s.T @ a, grad_s.sum(axis=0)]


# %%
# **Is it right?** Never trust a derivative that you have not checked. Move all weights a little
# along a random direction u, and see how much the loss changes:
#
# .. math:: \frac{L(w + \varepsilon u) - L(w - \varepsilon u)}{2 \varepsilon}
#           \approx \sum_i \bar w_i\, u_i .
#
# The two sides are computed in entirely different ways. We use float64, because the left side is a
# small difference of large numbers, and a *random* direction, because in a special one a mistake
# may happen to cancel.

rng = np.random.default_rng(1)
w = [p.astype(np.float64) for p in first_weights()]
x, t = train_x[:50].astype(np.float64), train_t[:50]
u = [rng.standard_normal(p.shape) for p in w]
eps = 1e-6

ahead, _ = gradient([p + eps * d for p, d in zip(w, u)], x, t)
behind, _ = gradient([p - eps * d for p, d in zip(w, u)], x, t)
_, grads = gradient(w, x, t)
measured = (ahead - behind) / (2 * eps)
predicted = sum((g * d).sum() for g, d in zip(grads, u))
print(f"measured {measured:.9f}, predicted {predicted:.9f}")
assert np.isclose(measured, predicted, rtol=1e-6)

# %%
# **Training** is a walk downhill: take 32 images, compute the gradient, take a step of length 0.2
# against it; repeat. An epoch is one pass over all images, in a new random order.

EPOCHS, BATCH, RATE = 15, 32, 0.2


def batches(seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(EPOCHS):
        order = rng.permutation(len(train_x))
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            yield train_x[chosen], train_t[chosen]


params = first_weights()
numpy_losses = []
for x, t in batches():
    loss, grads = gradient(params, x, t)
    numpy_losses.append(loss)
    for p, g in zip(params, grads):
        p -= RATE * g

numpy_guesses = forward(params, test_x)[1].argmax(axis=1)
print(f"{len(numpy_losses)} steps, test accuracy {(numpy_guesses == test_t).mean():.1%}")

# %%
# Part two: odyssey
# -----------------
#
# The same network. A :class:`~odyssey.nn.Linear` layer is a weight, a bias and one call of
# :func:`odyssey.core.linear`. We put our first weights into it, so that both networks begin alike.


def make_model():
    model = od.nn.Sequential(od.nn.Linear(64, 32), od.nn.ReLU(), od.nn.Linear(32, 10))
    for parameter, first in zip(model.parameters(), first_weights()):
        with od.no_grad():
            parameter[...] = first
    return model


def train_with_odyssey(steps=None):
    model = make_model()
    optimizer = od.training.optimizers.SGD(model.parameters(), lr=RATE)
    losses = []
    for step, (x, t) in enumerate(batches()):
        if step == steps:
            break
        loss = od.core.cross_entropy(model(od.tensor(x)), od.tensor(t))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model, losses


model, losses = train_with_odyssey()
with od.no_grad():
    guesses = model(od.tensor(test_x)).numpy().argmax(axis=1)
print(f"{len(losses)} steps, test accuracy {(guesses == test_t).mean():.1%}")

# %%
# No derivative was written. ``loss.backward()`` walked back over the operations that made the loss,
# and called the gradient of each: the formulas above, found in ``odyssey/core/linear.py``,
# ``activation.py`` and ``loss.py``.
#
# Are they the same? The two programs add the same float32 numbers in different orders, so each
# step may differ in the last digits; and later steps build on earlier ones. Within that, all
# losses agree:

difference = np.abs(np.array(losses) / numpy_losses - 1)
print(f"largest relative difference in {len(losses)} steps: {difference.max():.1e}")
assert difference[0] < 1e-6
assert difference.max() < 1e-4

# %%
# **The other backend.** What ran just now were the fast kernels, compiled for this processor. One
# line runs the readable ones: every product a Python loop, every formula as in a book. They are
# slow, so we take one epoch.

ONE_EPOCH = 45
with od.use_backend("reference"):
    _, reference_losses = train_with_odyssey(steps=ONE_EPOCH)

difference = np.abs(np.array(reference_losses) / losses[:ONE_EPOCH] - 1)
print(f"largest relative difference in {ONE_EPOCH} steps: {difference.max():.1e}")
assert difference.max() < 1e-4

# %%
# **A gradient checked**, this time by :func:`odyssey.testing.gradcheck`, which does what we did
# above: float64, a random direction, a random weighting of the outputs.

from odyssey.testing import gradcheck


def network_loss(W1, b1, W2, b2):
    hidden = od.core.relu(od.core.linear(od.tensor(train_x[:50].astype(np.float64)), W1, b1))
    return od.core.cross_entropy(od.core.linear(hidden, W2, b2), od.tensor(train_t[:50]))


gradcheck(network_loss, first_weights())

# %%
# What was learned
# ----------------
#
# Two curves in one: the losses of NumPy and of odyssey lie on each other.

figure, axis = plt.subplots(figsize=(7, 3.5))
axis.plot(numpy_losses, color="tab:orange", linewidth=4, alpha=0.5, label="NumPy")
axis.plot(losses, color="tab:blue", linewidth=0.8, label="odyssey, fast")
axis.plot(reference_losses, ".", color="black", markersize=3, label="odyssey, reference")
axis.set(xlabel="step", ylabel="loss", yscale="log")
axis.legend()
figure.tight_layout()

# %%
# Each hidden unit has 64 weights, one for each pixel, so they can be drawn as an image. Blue pixels
# speak for the unit, red ones against it. Some have learned to look for a stroke with paper beside
# it; some have learned little.

figure, axes = plt.subplots(2, 8, figsize=(8, 2.3))
weights = model[0].weight.numpy().reshape(32, 8, 8)
for axis, image in zip(axes.flat, weights):
    axis.imshow(image, cmap="RdBu", vmin=-1, vmax=1)
    axis.axis("off")
figure.tight_layout()

# %%
# And the test digits that it reads wrongly. Would you have read them?

wrong = np.flatnonzero(guesses != test_t)[:8]
figure, axes = plt.subplots(1, 8, figsize=(8, 1.7))
for axis in axes:
    axis.axis("off")
for axis, n in zip(axes, wrong):
    axis.imshow(test.images[n, 0], cmap="gray_r")
    axis.set_title(f"{test_t[n]}, read {guesses[n]}", fontsize=8)
figure.tight_layout()

# %%
# Exercises
# ---------
#
# **1. Write a kernel.** Fill in the rectifier's backward in NumPy. ``check_kernel`` compares it
# with the reference, over many shapes, three dtypes and the oddest memory layouts. It returns how
# many comparisons it made, or says where you differ. (The obvious one line, ``grad * (out > 0)``,
# fails on one input. Which, and why?)
#
# .. code-block:: python
#
#    from odyssey.testing import check_kernel
#
#    def mine(grad, out):
#        ...
#
#    check_kernel("relu_backward", mine)
#
# **2. Write an operation.** Give the network the hyperbolic tangent in the place of the rectifier.
# Its derivative is :math:`1 - \tanh^2`, so the rule needs the output only.
# (:doc:`/guide/operations` shows how an operation is declared.) Then train with it.
#
# .. code-block:: python
#
#    from odyssey.tape import differentiable
#    from odyssey.testing import gradcheck
#
#    @differentiable
#    def tanh(x):
#        return np.tanh(x)
#
#    @tanh.backward_rule(wrt=("x",))
#    def tanh_backward(grad, out):
#        ...
#
#    gradcheck(tanh, [np.array([-1.0, 0.5, 2.0])])
#
# **3. Break it.** Forget the division by N in ``gradient`` above, and see which of the checks on
# this page notice. Then write softmax with a wrong rule, one that returns ``grad * 0``, and check
# it twice: as it is, and with ``.sum()`` behind it. Why does ``gradcheck`` accept the second?
#
# .. code-block:: python
#
#    @differentiable
#    def wrong_softmax(x):
#        e = np.exp(x)
#        return e / e.sum()
#
#    @wrong_softmax.backward_rule(wrt=("x",))
#    def wrong_softmax_backward(grad):
#        return grad * 0
#
#    gradcheck(wrong_softmax, [np.array([1.0, 2.0, 4.0])])
#    gradcheck(lambda x: wrong_softmax(x).sum(), [np.array([1.0, 2.0, 4.0])])
