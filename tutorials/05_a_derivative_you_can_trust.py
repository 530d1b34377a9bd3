r"""
A derivative you can trust
==========================

A wrong gradient seldom crashes. The network still learns, a little worse, and nobody knows why.
So a framework must not *believe* its derivatives, it must check them. We do it as odyssey does:
we ask how well a difference quotient can know a derivative at all, find the best step, check a
gradient of a million entries with a handful of function calls, and look at how wrong rules give
themselves away.

You need to know Taylor's formula, and what a gradient is.
"""

# %%
# How wrong is a difference?
# --------------------------
#
# The derivative is a limit; a computer takes a step h that is not 0. Taylor's formula says what
# that costs. Forward, and with a step to either side:
#
# .. math::
#
#    \frac{f(x+h) - f(x)}{h} = f'(x) + \frac{h}{2} f''(x) + \dots, \qquad
#    \frac{f(x+h) - f(x-h)}{2h} = f'(x) + \frac{h^2}{6} f'''(x) + \dots
#
# The *truncation error* shrinks with h, or with its square. But f is known to about
# :math:`\varepsilon |f(x)|` only (:math:`\varepsilon \approx 10^{-16}` in float64), and a
# difference of two nearly equal numbers keeps that error while it loses everything else: divided by
# h, the *rounding error* is :math:`\varepsilon |f| / h`. It grows as the other one shrinks.

import matplotlib.pyplot as plt
import numpy as np

import odyssey as od
from odyssey.core import cross_entropy, linear, tanh
from odyssey.tape import differentiable
from odyssey.testing import gradcheck

# sphinx_gallery_start_ignore
# ruff: noqa: D103 (the text describes the functions)
# sphinx_gallery_end_ignore


def forward(f, x, h):
    return (f(x + h) - f(x)) / h


def central(f, x, h):
    return (f(x + h) - f(x - h)) / (2 * h)


x, steps = 1.0, 10.0 ** np.arange(-15, 0.1, 0.25)
figure, axis = plt.subplots(figsize=(6.5, 4))
for quotient, style in ((forward, "o-"), (central, "s-")):
    for dtype, color in ((np.float64, "tab:blue"), (np.float32, "tab:orange")):
        errors = [
            abs(float(quotient(np.exp, dtype(x), dtype(h))) - np.e) / np.e
            for h in steps
            if dtype(x) + dtype(h) != dtype(x)
        ]
        label = f"{quotient.__name__}, {np.dtype(dtype)}"
        axis.loglog(steps[-len(errors) :], errors, style, color=color, label=label, markersize=3)
axis.set(xlabel="step h", ylabel="relative error", title="the derivative of exp at 1")
axis.legend()
figure.tight_layout()

# %%
# Each curve falls with the truncation error and climbs again with the rounding error. The sum of
# both is least where they are equal:
#
# .. math::
#
#    h \sim \varepsilon^{1/2} \;\text{with error}\; \varepsilon^{1/2} \;\text{(forward)}, \qquad
#    h \sim \varepsilon^{1/3} \;\text{with error}\; \varepsilon^{2/3} \;\text{(central)}.
#
# So with the central difference in float64 and h near :math:`10^{-5}` we may expect ten digits. In
# float32 it would be four or five: too few to tell a small mistake from rounding. That is why
# gradients are checked in float64, whatever they are computed in later.

best = steps[np.argmin([abs(central(np.exp, x, h) - np.e) for h in steps])]
print(f"best step: {best:.1e}; eps ** (1/3) = {np.finfo(float).eps ** (1 / 3):.1e}")

# %%
# A million derivatives at once
# -----------------------------
#
# A network's loss has one value and many parameters. A difference for each of them would take two
# runs of the network per parameter. But a gradient g can be checked as a whole: along a direction d
# the derivative is a single number, and the gradient predicts it,
#
# .. math:: \frac{L(w + h d) - L(w - h d)}{2h} \approx g \cdot d .
#
# If d is random, every entry of g takes part, and a mistake anywhere would have to be orthogonal
# to d to hide. Two function calls check everything.

rng = np.random.default_rng(0)
images, labels = rng.standard_normal((64, 900)), rng.integers(0, 10, 64)
hidden = rng.standard_normal((1100, 900)) / 30
readout = rng.standard_normal((10, 1100)) / 33


def loss(w1, w2):
    return cross_entropy(linear(tanh(linear(od.tensor(images), w1)), w2), labels)


w1, w2 = (od.tensor(w, requires_grad=True) for w in (hidden, readout))
loss(w1, w2).backward()
d1, d2 = (rng.standard_normal(w.shape) for w in (hidden, readout))
with od.no_grad():
    h = 1e-6
    ahead, behind = (
        loss(od.tensor(hidden + s * d1), od.tensor(readout + s * d2)).item() for s in (h, -h)
    )
measured = (ahead - behind) / (2 * h)
predicted = float((w1.grad.numpy() * d1).sum() + (w2.grad.numpy() * d2).sum())
print(f"{hidden.size + readout.size} parameters")
print(f"measured {measured:.10f}, predicted {predicted:.10f}")

# %%
# Not the sum
# -----------
#
# To check an operation with many outputs it is tempting to add them up, so that there is one
# number to differentiate. That hides mistakes. The outputs of a softmax add up to 1, whatever
# goes in: the sum's gradient is 0, and a rule that returns nothing but zeros passes. What is
# needed is a *random cotangent* v, one weight for each output, and the derivative of :math:`v
# \cdot f(x)`.


def wrong(grad, out):
    return 0 * out


scores = rng.standard_normal((4, 6))
out = od.core.softmax(scores)
for name, rule in (("right", od.core.softmax_backward), ("wrong", wrong)):
    for kind, v in (("ones", np.ones_like(out)), ("random", rng.standard_normal(out.shape))):
        d, h = rng.standard_normal(scores.shape), 1e-5
        values = [(v * od.core.softmax(scores + s * d)).sum() for s in (h, -h)]
        measured = (values[0] - values[1]) / (2 * h)
        predicted = (rule(v, out) * d).sum()
        print(f"{name} rule, {kind:6s}: measured {measured:8.5f}, predicted {predicted:8.5f}")

# %%
# With ones the two rules cannot be told apart.
#
# :func:`odyssey.testing.gradcheck` does all of this: float64, central differences, random
# directions and random cotangents. It also says where it went wrong. A swish with a sign
# forgotten, as one writes it on a Friday:


@differentiable
def swish(x):
    return x / (1 + np.exp(-x))


@swish.backward_rule(wrt=("x",))
def swish_backward(grad, x):
    s = 1 / (1 + np.exp(-x))
    return grad * (s - x * s * (1 - s))


points = np.linspace(-2, 2, 7)
try:
    gradcheck(swish, [points])
except AssertionError as error:
    print(error)

# %%
# The tolerance is not a matter of taste. A central difference with a step of :math:`10^{-5}` is
# good for about ten digits, so a gradient that agrees with it to six is right, and one that
# agrees to two is wrong, even if two looks near. There are derivatives that *no* difference can
# check: at a kink.


def at(x, h=1e-5):
    t = od.tensor([x], requires_grad=True, dtype="float64")
    od.core.relu(t).sum().backward()
    return central(lambda y: max(y, 0.0), x, h), t.grad.item()


for place in (0.5, 1e-3, 2e-6, 0.0, -2e-6):
    measured, computed = at(place)
    print(f"relu at {place:8.0e}: difference {measured:.2f}, gradient {computed:.2f}")

# %%
# Within a step of the kink the difference sees both sides and gives something between the two
# slopes. Both numbers are right; they answer different questions. A check keeps away from kinks,
# and what the framework does *at* them is a decision, written down for each operation
# (:doc:`/guide/numerics`).
#
# Derivatives of derivatives are checked in the same way, with the gradient as the function
# (:func:`odyssey.testing.gradgradcheck`). And rational operations can be checked without any error:
# the reference kernels take fractions.
#
# Exercises
# ---------
#
# :mod:`odyssey.testing` has what you need to check them.
#
# **1. The best step.** Find it for the central difference of :math:`\sin` at 1000 in float64. Why
# is it larger than at 1? (What does :math:`\varepsilon |x|` do to x + h?)
#
# **2. Four points.** Show that :math:`(-f(x+2h) + 8 f(x+h) - 8 f(x-h) + f(x-2h)) / 12h` has an
# error of order :math:`h^4`. Predict its best step and its error, then measure them.
#
# **3. What hides.** Write ``linear`` as an operation of your own and break its rule: forget to add
# up the bias over the batch, or transpose the wrong matrix. Which mistakes does a batch of one
# hide, which a square matrix?
#
# .. code-block:: python
#
#    x, w, b = rng.standard_normal((1, 3)), rng.standard_normal((3, 3)), rng.standard_normal(3)
#    od.testing.gradcheck(mine, [x, w, b])
#    x, w, b = rng.standard_normal((2, 3)), rng.standard_normal((4, 3)), rng.standard_normal(4)
#    od.testing.gradcheck(mine, [x, w, b])
