r"""
Optimizers and schedules on a valley
====================================

Every optimizer is a few lines of arithmetic. What these lines *do* is hard to see in a network
with a million weights, and easy in a valley with two. We write five of them in NumPy, beside their
formulas, check each against odyssey step by step, and draw the paths that they take. On the way we
learn what makes a valley hard, why momentum helps and by how much, what Adam's division is good
for and when it is not, and why the rate should shrink in the end.

You need to know what a gradient is.
"""

# %%
# A valley
# --------
#
# Near a minimum every smooth function looks like a bowl. Ours is long and narrow:
#
# .. math:: f(w) = \tfrac12 \big( x^2 + \kappa\, y^2 \big), \qquad
#           \nabla f = (x,\; \kappa\, y), \qquad w = (x, y).
#
# Its floor runs along x, its walls rise along y, :math:`\kappa` times as steep. *Gradient descent*
# walks against the gradient g:
#
# .. math:: w \leftarrow w - \eta\, g .

import matplotlib.pyplot as plt
import numpy as np

import odyssey as od
from odyssey.training import optimizers, schedulers

# sphinx_gallery_start_ignore
# ruff: noqa: D101, D102, D103 (the text describes the functions)
# sphinx_gallery_end_ignore

KAPPA = 20
CURVATURES = np.array([1.0, KAPPA])


def valley(w):
    return 0.5 * (CURVATURES * w * w).sum(-1)


def valley_gradient(w):
    return CURVATURES * w


def gradient_descent(w, g, state, lr):
    return w - lr * g


def walk(rule, gradient, start, steps, **settings):
    """Return the path of a rule, a row for each point."""
    path, state = [np.array(start)], {}
    for _ in range(steps):
        path.append(rule(path[-1], gradient(path[-1]), state, **settings))
    return np.array(path)


START = (-4.0, 1.0)


def draw(axis, height, path, title, levels, x=(-5, 5), y=(-2, 2), end=(0, 0), style=".-"):
    grid = np.stack(np.meshgrid(np.linspace(*x, 200), np.linspace(*y, 200)), axis=-1)
    axis.contour(*np.moveaxis(grid, -1, 0), height(grid), levels, colors="#BBBBBB", linewidths=0.7)
    axis.plot(*path.T, style, color="#0072B2", markersize=4, linewidth=1)
    axis.plot(*end, "*", color="#D55E00", markersize=9)
    axis.set(title=title, xlim=x, ylim=y)


LEVELS = np.geomspace(0.1, 50, 10)
figure, axes = plt.subplots(3, 1, figsize=(7, 6.6), sharex=True)
for axis, lr in zip(axes, (0.02, 1.8 / KAPPA, 2.02 / KAPPA), strict=True):
    path = walk(gradient_descent, valley_gradient, START, 40, lr=lr)
    draw(axis, valley, path, f"gradient descent, rate {lr:.3f}", LEVELS)
figure.tight_layout()

# %%
# Too small a rate crawls along the floor, a large one jumps from wall to wall, and one that is a
# little larger still is thrown out. The reason can be read off the rule. Each direction goes its
# own way, multiplied at every step by
#
# .. math:: 1 - \eta \cdot 1 \quad\text{along x}, \qquad 1 - \eta\, \kappa \quad\text{along y}.
#
# The steep direction allows no more than :math:`\eta < 2 / \kappa`, and with so small a rate the
# flat one hardly moves. That is the whole difficulty, and :math:`\kappa`, the largest curvature
# over the smallest, is its name: the *condition number*.

for lr in (0.02, 0.09, 0.101):
    end = walk(gradient_descent, valley_gradient, START, 40, lr=lr)[-1]
    assert np.allclose(end, START * (1 - lr * CURVATURES) ** 40)

# %%
# **Against odyssey.** The framework walks with the same steps. We let it find its gradients itself.


def odyssey_walk(make, height, start, steps):
    w = od.Parameter(np.array(start))
    optimizer, path = make([w]), [w.numpy().copy()]
    for _ in range(steps):
        optimizer.zero_grad()
        height(w).backward()
        optimizer.step()
        path.append(w.numpy().copy())
    return np.array(path)


def compare(name, rule, make, **settings):
    ours = walk(rule, valley_gradient, START, 50, **settings)
    theirs = odyssey_walk(make, valley, START, 50)
    print(f"{name:18} largest difference in 50 steps: {np.abs(ours - theirs).max():.0e}")
    assert np.allclose(ours, theirs, rtol=0, atol=1e-12)


compare("gradient descent", gradient_descent, lambda p: optimizers.SGD(p, lr=0.09), lr=0.09)

# %%
# Momentum
# --------
#
# A ball that rolls down does not turn on the spot. It has a velocity v, which the gradient changes
# and friction :math:`\mu` slows:
#
# .. math::
#
#    v &\leftarrow \mu\, v + g \\
#    w &\leftarrow w - \eta\, v
#
# Along the floor all gradients point the same way, and the velocity grows up to
# :math:`1 / (1 - \mu)` times one of them. Across it they alternate, and cancel. *Nesterov's*
# variant measures the slope where the ball is about to be, which is the same as counting the
# newest gradient once more:
#
# .. math:: w \leftarrow w - \eta\, (g + \mu\, v)


def momentum(w, g, state, lr, mu=0.9):
    state["v"] = mu * state.get("v", 0) + g
    return w - lr * state["v"]


def nesterov(w, g, state, lr, mu=0.9):
    state["v"] = mu * state.get("v", 0) + g
    return w - lr * (g + mu * state["v"])


compare("momentum", momentum, lambda p: optimizers.SGD(p, 0.03, momentum=0.9), lr=0.03)
compare(
    "Nesterov", nesterov, lambda p: optimizers.SGD(p, 0.03, momentum=0.9, nesterov=True), lr=0.03
)

figure, axes = plt.subplots(3, 1, figsize=(7, 6.6), sharex=True)
for axis, name, rule, settings in (
    (axes[0], "gradient descent", gradient_descent, {"lr": 0.03}),
    (axes[1], "momentum", momentum, {"lr": 0.03, "mu": 0.8}),
    (axes[2], "Nesterov", nesterov, {"lr": 0.03, "mu": 0.8}),
):
    path = walk(rule, valley_gradient, START, 40, **settings)
    draw(axis, valley, path, f"{name}, 40 steps", LEVELS)
    print(f"{name:18} height after 40 steps: {valley(path[-1]):.1e}")
figure.tight_layout()

# %%
# The ball overshoots, and swings. Nesterov's swings less: it brakes before the slope has turned.
#
# What the condition number does
# ------------------------------
#
# How many steps make the distance a millionth? For gradient descent the best rate balances both
# directions, :math:`\eta = 2 / (1 + \kappa)`, and each step then multiplies the distance by
# :math:`(\kappa - 1) / (\kappa + 1)`. For momentum Polyak [1]_ found
#
# .. math::
#
#    \eta = \Big( \frac{2}{\sqrt\kappa + 1} \Big)^2, \qquad
#    \mu = \Big( \frac{\sqrt\kappa - 1}{\sqrt\kappa + 1} \Big)^2, \qquad
#    \text{a factor of about } \frac{\sqrt\kappa - 1}{\sqrt\kappa + 1} \text{ a step}.
#
# So gradient descent needs steps in proportion to :math:`\kappa`, and momentum to its root. With a
# condition number of ten thousand that is a hundred times fewer.


def steps_needed(rule, kappa, **settings):
    w, state, count = np.ones(2), {}, 0
    while np.abs(w).max() > 1e-6:
        w = rule(w, np.array([1, kappa]) * w, state, **settings)
        count += 1
    return count


kappas = np.array([3, 10, 30, 100, 300, 1000, 3000])
needed = {"gradient descent": [], "momentum": []}
for kappa in kappas:
    root = np.sqrt(kappa)
    best = {"lr": (2 / (root + 1)) ** 2, "mu": ((root - 1) / (root + 1)) ** 2}
    needed["gradient descent"].append(steps_needed(gradient_descent, kappa, lr=2 / (1 + kappa)))
    needed["momentum"].append(steps_needed(momentum, kappa, **best))

figure, axis = plt.subplots(figsize=(7, 3.5))
for (name, counts), power in zip(needed.items(), (1, 0.5), strict=True):
    axis.loglog(kappas, counts, "o-", label=name)
    slope = np.log(counts[-1] / counts[-3]) / np.log(kappas[-1] / kappas[-3])
    print(f"{name:18} steps grow like kappa ** {slope:.2f}")
    assert abs(slope - power) < 0.08
axis.set(xlabel="condition number", ylabel="steps to a millionth")
axis.legend()
figure.tight_layout()

# %%
# A rate for each weight
# ----------------------
#
# The other remedy is a larger rate along the floor than across it. *RMSprop* [2]_ measures how
# large each weight's gradients have lately been, and divides by that:
#
# .. math::
#
#    v &\leftarrow \beta\, v + (1 - \beta)\, g^2 \\
#    w &\leftarrow w - \eta\, \frac{g}{\sqrt{v} + \epsilon}
#
# *Adam* [3]_ does so with an averaged gradient, and corrects both averages for having begun with 0:
#
# .. math::
#
#    m &\leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad
#    v \leftarrow \beta_2 v + (1 - \beta_2)\, g^2 \\
#    w &\leftarrow w - \eta\,
#        \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}


def rmsprop(w, g, state, lr, beta=0.9, eps=1e-8):
    state["v"] = beta * state.get("v", 0) + (1 - beta) * g**2
    return w - lr * g / (np.sqrt(state["v"]) + eps)


def adam(w, g, state, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    state["t"] = t = state.get("t", 0) + 1
    state["m"] = beta1 * state.get("m", 0) + (1 - beta1) * g
    state["v"] = beta2 * state.get("v", 0) + (1 - beta2) * g**2
    return w - lr * state["m"] / (1 - beta1**t) / (np.sqrt(state["v"] / (1 - beta2**t)) + eps)


compare("Adam", adam, lambda p: optimizers.Adam(p, lr=0.1), lr=0.1)

# %%
# An optimizer of your own is a class with these lines in ``update``. Groups, state, saving and
# schedules come with it. (Arrays are changed in place, because they are the model's memory.)


class RMSprop(optimizers.Optimizer):
    def __init__(self, params, lr=0.01, beta=0.9, eps=1e-8):
        super().__init__(params, {"lr": lr, "beta": beta, "eps": eps})

    def update(self, param, grad, state, group):
        v = group["beta"] * state.get("v", 0) + (1 - group["beta"]) * grad**2
        param -= group["lr"] * grad / (np.sqrt(v) + group["eps"])
        state["v"] = v


compare("RMSprop", rmsprop, lambda p: RMSprop(p, lr=0.1), lr=0.1)

# %%
# Dividing makes both directions alike: how steep each of them was is no longer to be seen. That
# works as long as the valley runs along a coordinate. Turned by 45 degrees, each weight's gradient
# is a mixture of floor and wall, both are divided by about the same number, and what is left is
# gradient descent: down the wall, and slowly along the floor.

turn = np.array([[1, -1], [1, 1]]) / np.sqrt(2)


def turned_valley(w):
    return valley(w @ turn)


def turned_gradient(w):
    return valley_gradient(w @ turn) @ turn.T


figure, axes = plt.subplots(2, 2, figsize=(8, 6.4))
for row, (height, gradient, start, place) in zip(
    axes,
    (
        (valley, valley_gradient, np.array(START), "along x"),
        (turned_valley, turned_gradient, turn @ START, "turned"),
    ),
    strict=True,
):
    for axis, name, rule, settings in (
        (row[0], "RMSprop", rmsprop, {"lr": 0.1, "beta": 0.99}),
        (row[1], "momentum", momentum, {"lr": 0.03, "mu": 0.8}),
    ):
        path = walk(rule, gradient, start, 120, **settings)
        draw(axis, height, path, f"{name}, {place}", LEVELS, (-4.5, 4.5), (-4.5, 4.5))
        axis.set_aspect("equal")
        print(f"{name:9} {place:8} height after 60 steps: {height(path[60]):.1e}")
figure.tight_layout()

# %%
# The path of momentum is turned with the valley, point for point. RMSprop takes another one.

for rule, same in ((gradient_descent, True), (momentum, True), (rmsprop, False), (adam, False)):
    straight = walk(rule, valley_gradient, START, 40, lr=0.02)
    turned = walk(rule, turned_gradient, turn @ START, 40, lr=0.02)
    assert np.allclose(turned, straight @ turn.T) == same

# %%
# A bent valley
# -------------
#
# Rosenbrock's function [4]_ is what optimizers are tried on: a flat valley along the parabola
# :math:`y = x^2`, in which the direction changes all the time.
#
# .. math:: f(x, y) = (1 - x)^2 + 100\, (y - x^2)^2


def rosenbrock(w):
    return (1 - w[..., 0]) ** 2 + 100 * (w[..., 1] - w[..., 0] ** 2) ** 2


def rosenbrock_gradient(w):
    x, y = w
    return np.array([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)])


runs = {
    "gradient descent": (gradient_descent, lambda p: optimizers.SGD(p, 1e-3), {"lr": 1e-3}),
    "momentum": (momentum, lambda p: optimizers.SGD(p, 1e-3, 0.9), {"lr": 1e-3}),
    "Nesterov": (
        nesterov,
        lambda p: optimizers.SGD(p, 1e-3, 0.9, nesterov=True),
        {"lr": 1e-3},
    ),
    "RMSprop": (rmsprop, lambda p: RMSprop(p, 0.01), {"lr": 0.01}),
    "Adam": (adam, lambda p: optimizers.Adam(p, 0.1), {"lr": 0.1}),
}
figure, axes = plt.subplots(2, 3, figsize=(9, 6))
heights = {}
for axis, (name, (rule, make, settings)) in zip(axes.flat, runs.items(), strict=False):
    path = walk(rule, rosenbrock_gradient, (-1.2, 1.0), 400, **settings)
    assert np.allclose(path, odyssey_walk(make, rosenbrock, (-1.2, 1.0), 400), atol=1e-6)
    draw(
        axis,
        rosenbrock,
        path,
        name,
        np.geomspace(0.1, 1000, 12),
        (-1.7, 1.7),
        (-0.6, 2.2),
        (1, 1),
        style="-",
    )
    heights[name] = rosenbrock(path)
for name, values in heights.items():
    axes.flat[5].semilogy(values, label=name, linewidth=1)
    print(f"{name:18} height after 400 steps: {values[-1]:.1e}")
axes.flat[5].set(title="height", xlabel="step", ylim=(1e-4, 50))
axes.flat[5].legend(fontsize=7, loc="lower left")
figure.tight_layout()

# %%
# Gradient descent has hardly begun. Momentum overshoots the walls at first, then runs. Nesterov's
# brake keeps it on the floor. Adam and RMSprop take steps of nearly the same length wherever they
# are: safe, but near the end, where they should be bolder, slower. None of them is *the best*: with
# other rates the order is another one, and that is worth an hour of play.
#
# Noise, and why the rate should shrink
# -------------------------------------
#
# A network's gradient is that of a batch: right on average, with noise. Let us add some, with
# standard deviation :math:`\sigma`. With a constant rate the point then never arrives. It ends
# up wandering around the minimum, as far away as old steps and fresh noise balance:
#
# .. math::
#
#    \operatorname{Var}(w_i)
#    = (1 - \eta \lambda_i)^2 \operatorname{Var}(w_i) + \eta^2 \sigma^2
#    \quad\Rightarrow\quad
#    \operatorname{E} f = \sum_i \tfrac12 \lambda_i \operatorname{Var}(w_i)
#    = \sum_i \frac{\eta\, \sigma^2}{2\, (2 - \eta \lambda_i)} .
#
# Half the rate, at most half the height above the floor. But a small rate takes long to get there:
# so one begins with a large one, and lets it shrink. We try five schedules on a thousand walkers at
# once; they are one array, and one optimizer moves them all. Beside them walk the *averages* of the
# walkers with the constant rate (:class:`~odyssey.training.averaging.EMA`).

from odyssey import nn
from odyssey.training.averaging import EMA

STEPS, RATE, SIGMA = 600, 0.08, 1.0
shapes = {
    "constant": lambda o: schedulers.ConstantLR(o, 1.0, STEPS),
    "step": lambda o: schedulers.StepLR(o, 200, 0.1),
    "inverse root": lambda o: schedulers.InverseSqrtLR(o, 10),
    "cosine": lambda o: schedulers.CosineAnnealingLR(o, STEPS),
    "one cycle": lambda o: schedulers.OneCycleLR(o, RATE, STEPS, cycle_momentum=False),
}


class Walkers(nn.Module):
    def __init__(self, count=1000):
        self.w = nn.Parameter(np.tile(np.array(START), (count, 1)))


def noisy_walk(shape, decay=0.97):
    rng, walkers = np.random.default_rng(0), Walkers()
    optimizer, ema = optimizers.SGD(walkers.parameters(), lr=RATE), EMA(walkers, decay)
    schedule, rates, heights, averaged = shape(optimizer), [], [], []
    for _ in range(STEPS):
        w = walkers.w.numpy()
        heights.append(valley(w).mean())
        averaged.append(valley(ema.averages["w"]).mean())
        rates.append(optimizer.groups[0]["lr"])
        walkers.w.grad = od.tensor(valley_gradient(w) + rng.normal(0, SIGMA, w.shape))
        optimizer.step()
        schedule.step()
        ema.update()
    return np.array(rates), np.array(heights), np.array(averaged)


figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
last = {}
for name, shape in shapes.items():
    rates, heights, averaged = noisy_walk(shape)
    left.plot(rates, label=name)
    right.semilogy(heights, label=name, linewidth=1)
    last[name] = heights[-20:].mean()
    if name == "constant":
        right.semilogy(averaged, "k--", label="constant, averaged", linewidth=1)
        last["constant, averaged"] = averaged[-20:].mean()
        floor = (RATE * SIGMA**2 / (2 * (2 - RATE * CURVATURES))).sum()
        print(f"height above the floor: {last[name]:.4f}, by the formula {floor:.4f}")
        assert abs(last[name] / floor - 1) < 0.05
left.set(xlabel="step", ylabel="rate")
right.set(xlabel="step", ylabel="mean height")
right.legend(fontsize=7)
figure.tight_layout()
for name, height in last.items():
    print(f"{name:20} ends at a height of {height:.5f}")
assert max(last["cosine"], last["step"], last["one cycle"]) < 0.2 * last["constant"]
assert last["constant, averaged"] < 0.2 * last["constant"]

# %%
# What begins with the large rate falls at once, and meets its floor; what shrinks ends 20 to 50
# times lower. Averaging does much the same without a schedule: the noise of many steps cancels, and
# one need not know beforehand when the training ends.
#
# Which rate to begin with
# ------------------------
#
# In the valley it was :math:`2 / \kappa`. A network's curvatures are unknown, but the bound shows:
# let the rate grow from step to step, and watch where the loss stops falling [5]_.
# :func:`~odyssey.training.lr_finder.lr_find` does so, and puts everything back.

from odyssey.data import DataLoader, datasets
from odyssey.training.lr_finder import lr_find

od.manual_seed(0)
model = od.models.mlp((1, 8, 8), 10)
digits = DataLoader(datasets.Digits("train"), shuffle=True)
figure, axis = plt.subplots(figsize=(7, 3.5))
for name, optimizer in {
    "gradient descent": optimizers.SGD(model.parameters()),
    "momentum": optimizers.SGD(model.parameters(), momentum=0.9),
    "Adam": optimizers.Adam(model.parameters()),
}.items():
    found = lr_find(model, optimizer, digits, start=1e-5)
    (line,) = axis.semilogx(found.rates, found.losses, label=name)
    axis.axvline(found.suggestion, color=line.get_color(), linestyle=":")
    print(f"{name:18} try {found.suggestion:.2g}")
axis.set(xlabel="rate", ylabel="loss, smoothed", ylim=(0.8, 2.6))
axis.legend()
figure.tight_layout()

# %%
# The dotted lines are where the losses fall fastest, before they are smoothed. Momentum wants a
# smaller rate than plain descent, because its velocity sums up gradients; Adam's rate is a length,
# not a factor of the gradient, and cannot be compared at all.
#
# Exercises
# ---------
#
# **1. Another valley.** Beale's function is :math:`(1.5 - x + xy)^2 + (2.25 - x + xy^2)^2 +
# (2.625 - x + xy^3)^2`, with its minimum at (3, 0.5). Write it and its gradient, check them, and
# draw the five paths from (-1, -1).
#
# .. code-block:: python
#
#    from odyssey.testing import gradcheck
#
#    gradcheck(beale, [np.array([-1.0, 1.5])])
#    w = od.tensor([-1.0, 1.5], requires_grad=True, dtype="float64")
#    beale(w).backward()
#    assert np.allclose(beale_gradient(w.numpy()), w.grad.numpy())
#
# **2. One step back.** :class:`~odyssey.training.averaging.Lookahead` goes back half of the way
# after every fifth step. Show that along a direction of curvature :math:`\lambda` it multiplies the
# distance by :math:`1 - \alpha + \alpha (1 - \eta\lambda)^k` in k steps. Can it save gradient
# descent with the rate :math:`2.02 / \kappa`? With k = 6?
#
# **3. The best schedule.** With noise, rates that shrink like :math:`1 / t` are the best that can
# be done in the end. Write one, a subclass of :class:`~odyssey.training.schedulers.Scheduler` with
# a single method, and compare it with the cosine, over 600 steps and over 6000. What happens if the
# smallest curvature is not 1 but 0.1?
#
# .. [1] B. T. Polyak, "Some methods of speeding up the convergence of iteration methods", USSR
#    Computational Mathematics and Mathematical Physics 4(5), 1964.
#    https://doi.org/10.1016/0041-5553(64)90137-5
# .. [2] T. Tieleman, G. Hinton, "Lecture 6.5: RMSprop", Neural networks for machine learning, 2012.
# .. [3] D. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015.
#    https://arxiv.org/abs/1412.6980
# .. [4] H. H. Rosenbrock, "An automatic method for finding the greatest or least value of a
#    function", The Computer Journal 3(3), 1960. https://doi.org/10.1093/comjnl/3.3.175
# .. [5] L. N. Smith, "Cyclical learning rates for training neural networks", WACV 2017,
#    section 3.3. https://arxiv.org/abs/1506.01186
