r"""
Growing Module from a bare training loop
========================================

Every framework has a class ``Module``, and most people meet it as something that is simply there.
Here it grows. We begin with a training loop without functions or classes, and change it in eight
small steps, each for a reason. After each step the network must learn exactly as before, to the
last bit of every loss, and we check that it does. At the end stand about forty lines, and
:class:`odyssey.nn.Module` in their place makes no difference.

You need to know what a gradient step is; the first tutorial has that. You will not need any
mathematics today.
"""

# %%
# The bare loop
# -------------
#
# The data are the 1,797 handwritten digits that come with odyssey, as rows of 64 numbers. The
# network has 32 hidden units and 10 scores. This is all of it:

import matplotlib.pyplot as plt
import numpy as np

import odyssey as od
from odyssey import core
from odyssey.data.datasets import Digits

# sphinx_gallery_start_ignore
# ruff: noqa: D101, D102, D103 (the text describes what is defined)
# sphinx_gallery_end_ignore

train = Digits("train")
images, labels = train.images.reshape(len(train), 64), train.labels
RATE, STEPS = 0.2, 200


def batches():
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        chosen = rng.choice(len(images), 32, replace=False)
        yield od.tensor(images[chosen]), od.tensor(labels[chosen])


rng = np.random.default_rng(1)
W1 = od.Parameter(core.kaiming_uniform((32, 64), rng=rng))
b1 = od.Parameter(core.zeros(32))
W2 = od.Parameter(core.kaiming_uniform((10, 32), rng=rng))
b2 = od.Parameter(core.zeros(10))

bare_losses = []
for x, t in batches():
    scores = core.linear(core.relu(core.linear(x, W1, b1)), W2, b2)
    loss = core.cross_entropy(scores, t)
    loss.backward()
    with od.no_grad():
        W1[...] = W1 - RATE * W1.grad
        b1[...] = b1 - RATE * b1.grad
        W2[...] = W2 - RATE * W2.grad
        b2[...] = b2 - RATE * b2.grad
    W1.grad = b1.grad = W2.grad = b2.grad = None
    bare_losses.append(loss.item())

print(f"first loss {bare_losses[0]:.3f}, last loss {bare_losses[-1]:.3f}")

# %%
# It works, and there is nothing in it that you could not explain. Keep that in mind: everything
# from here on is for people, not for the machine.
#
# Now add a hidden layer. You have to draw its weights, draw its biases, put it into the scores,
# write two more updates, and add two names to the line that forgets the gradients. Six places, and
# whoever forgets the fourth gets no error, only a network that learns a little worse.
#
# Step 1: the parameters in a list
# --------------------------------
#
# The four updates say the same thing four times. Whatever is done to all parameters alike can be a
# loop. We also put the training into a function, since we shall need it seven more times. It asks
# for the two things that the bare loop used: a way to scores, and the parameters.


def trained(forward, parameters):
    parameters = list(parameters)
    losses = []
    for x, t in batches():
        loss = core.cross_entropy(forward(x), t)
        loss.backward()
        with od.no_grad():
            for p in parameters:
                p[...] = p - RATE * p.grad
                p.grad = None
        losses.append(loss.item())
    return losses


def same_as_before(losses):
    assert losses == bare_losses  # every bit of every loss
    print(f"{len(losses)} losses, all as before; the last is {losses[-1]:.3f}")


rng = np.random.default_rng(1)
shapes = [(32, 64), (32,), (10, 32), (10,)]
params = [
    od.Parameter(core.kaiming_uniform(s, rng=rng) if len(s) == 2 else core.zeros(s)) for s in shapes
]


def forward(x):
    hidden = core.relu(core.linear(x, params[0], params[1]))
    return core.linear(hidden, params[2], params[3])


same_as_before(trained(forward, params))

# %%
# *What it buys:* the loop does not change when the network does. *What it costs:* the network is
# now full of numbers. ``params[2]`` says nothing, and a layer in the middle renumbers all that
# follow.
#
# Step 2: a function for each layer
# ---------------------------------
#
# A weight and a bias belong together, and so do the lines that make them. Let one function make
# the parameters of a layer, and another apply them.


def linear_parameters(inputs, outputs, rng):
    weight = core.kaiming_uniform((outputs, inputs), rng=rng)
    return [od.Parameter(weight), od.Parameter(core.zeros(outputs))]


def apply_linear(parameters, x):
    weight, bias = parameters
    return core.linear(x, weight, bias)


rng = np.random.default_rng(1)
first, second = linear_parameters(64, 32, rng), linear_parameters(32, 10, rng)
same_as_before(
    trained(
        lambda x: apply_linear(second, core.relu(apply_linear(first, x))),
        first + second,
    )
)

# %%
# *What it buys:* ``64, 32`` says what the layer is, the numbers of parameters are gone. This is how
# JAX programs look, and there is nothing wrong with it. *What it costs:* who calls must carry the
# parameters and hand the right ones to the right function, twice for each layer.
#
# Step 3: a closure
# -----------------
#
# A function can carry its parameters itself:


def make_linear(inputs, outputs, rng):
    weight, bias = linear_parameters(inputs, outputs, rng)

    def layer(x):
        return core.linear(x, weight, bias)

    return layer, [weight, bias]


def make_chain(*parts):
    def chain(x):
        for function, _ in parts:
            x = function(x)
        return x

    return chain, [p for _, parameters in parts for p in parameters]


rng = np.random.default_rng(1)
same_as_before(
    trained(*make_chain(make_linear(64, 32, rng), (core.relu, []), make_linear(32, 10, rng)))
)

# %%
# *What it buys:* layers snap together. A network is made of parts that are made of parts, and one
# more layer is one more line. *What it costs:* the weights have disappeared. They are in there,

layer, _ = make_linear(2, 3, np.random.default_rng(1))
print(layer.__closure__[1].cell_contents.shape)

# %%
# but nobody wants to write that in order to look at a filter.
#
# Step 4: a class with attributes
# -------------------------------
#
# A closure is a function with things attached that have no names. An object is the same with names.


class PlainLinear:
    def __init__(self, inputs, outputs, rng):
        self.weight, self.bias = linear_parameters(inputs, outputs, rng)

    def __call__(self, x):
        return core.linear(x, self.weight, self.bias)

    def parameters(self):
        return [self.weight, self.bias]


class PlainNetwork:
    def __init__(self, rng):
        self.hidden = PlainLinear(64, 32, rng)
        self.scores = PlainLinear(32, 10, rng)

    def __call__(self, x):
        return self.scores(core.relu(self.hidden(x)))

    def parameters(self):
        return self.hidden.parameters() + self.scores.parameters()


network = PlainNetwork(np.random.default_rng(1))
same_as_before(trained(network, network.parameters()))
print(network.hidden.weight.shape)

# %%
# *What it buys:* ``network.hidden.weight``, and a ``__call__`` that can be read aloud. *What it
# costs:* look at ``parameters``. It repeats, in every class, what ``__init__`` has just said. What
# is said twice will differ one day:


class Forgetful(PlainNetwork):
    def parameters(self):
        return self.hidden.parameters()


network = Forgetful(np.random.default_rng(1))
forgetful_losses = trained(network, network.parameters())
print(f"last loss {forgetful_losses[-1]:.3f} instead of {bare_losses[-1]:.3f}")
assert forgetful_losses[-1] > 1.2 * bare_losses[-1]

# %%
# No error, no warning. The network has even learned something, as half of it did.
#
# Step 5: the object knows
# ------------------------
#
# Python has kept the list all along. ``vars(network)`` is the dict of the attributes, in the order
# in which they were assigned:

network = PlainNetwork(np.random.default_rng(1))
print({name: type(value).__name__ for name, value in vars(network).items()})

# %%
# So nobody needs to register anything. Walk through the attributes: what is a parameter, note; what
# is a module, walk through in turn; likewise lists and dicts, so that ten blocks can stand in a
# list. And remember what was seen, since a weight that two layers share must be updated once, not
# twice. These fifteen lines are the heart of every ``Module`` there is.


def find(container, kind, prefix="", seen=None):
    seen = set() if seen is None else seen
    items = container.items() if isinstance(container, dict) else enumerate(container)
    for key, value in items:
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, kind):
            yield f"{prefix}{key}", value
        if isinstance(value, Module):
            value = vars(value)
        if isinstance(value, (dict, list, tuple)):
            yield from find(value, kind, f"{prefix}{key}.", seen)


class Module:
    def __call__(self, x):
        return self.forward(x)

    def named_parameters(self):
        return find(vars(self), od.Parameter)

    def parameters(self):
        return [parameter for _, parameter in self.named_parameters()]


# %%
# A layer is now what it has and what it does, nothing else:


class Linear(Module):
    def __init__(self, inputs, outputs, rng):
        self.weight, self.bias = linear_parameters(inputs, outputs, rng)

    def forward(self, x):
        return core.linear(x, self.weight, self.bias)


class Network(Module):
    def __init__(self, rng):
        self.hidden = Linear(64, 32, rng)
        self.scores = Linear(32, 10, rng)

    def forward(self, x):
        return self.scores(core.relu(self.hidden(x)))


network = Network(np.random.default_rng(1))
same_as_before(trained(network, network.parameters()))
for name, parameter in network.named_parameters():
    print(f"{name:14} {parameter.shape}")

# %%
# The names came for free: the way that the walk took, with dots. They are what you would type to
# get there, ``network.hidden.weight``.
#
# Step 6: state
# -------------
#
# Names make it possible to write a network down. A *state* is a dict from names to arrays. To load
# one is to copy the arrays back, *into* the parameters that are there: an optimizer may hold them.


def state_dict(module):
    return {name: p.numpy().copy() for name, p in module.named_parameters()}


def load_state_dict(module, state):
    own = dict(module.named_parameters())
    assert own.keys() == state.keys(), own.keys() ^ state.keys()
    with od.no_grad():
        for name, array in state.items():
            own[name][...] = od.tensor(array)


Module.state_dict, Module.load_state_dict = state_dict, load_state_dict

state = network.state_dict()
other = Network(np.random.default_rng(2))  # begins elsewhere
other.load_state_dict(state)
x, t = next(batches())
assert core.cross_entropy(other(x), t).item() == core.cross_entropy(network(x), t).item()
print({name: array.shape for name, array in state.items()})

# %%
# *What it buys:* checkpoints, and weights that other people trained. Why are we so strict about the
# names? Because a state that loads by halves is the forgetful network again.
#
# Step 7: two modes
# -----------------
#
# Some layers do one thing while a network learns and another when it is used. Dropout sets a part
# of the numbers to zero, but only in training. A flag on each module will do; the same walk sets
# it.


def set_mode(module, training=True):
    for _, one in find({"": module}, Module):
        one.training = training
    return module


Module.training = True
Module.train, Module.eval = set_mode, lambda module: set_mode(module, False)


class Dropout(Module):
    def forward(self, x):
        return core.dropout(x, 0.5, self.training)


class DropoutNetwork(Network):
    def __init__(self, rng):
        super().__init__(rng)
        self.dropout = Dropout()

    def forward(self, x):
        return self.scores(self.dropout(core.relu(self.hidden(x))))


network = DropoutNetwork(np.random.default_rng(1))
network.load_state_dict(state)
network.train()
noisy = [core.cross_entropy(network(x), t).item() for _ in range(2)]
network.eval()
quiet = [core.cross_entropy(network(x), t).item() for _ in range(2)]
print("training:", noisy, " in use:", quiet)
assert noisy[0] != noisy[1]
assert quiet[0] == quiet[1] == core.cross_entropy(other(x), t).item()

# %%
# The dropout layer has no parameters, so the state of the smaller network fitted.
#
# Step 8: hooks
# -------------
#
# One more wish. You would like to see what passes between the layers, without changing a line of
# them. All calls go through ``__call__``; that is why ``forward`` has been another method since
# step 5. There we can let others watch.


def call_with_hooks(module, x):
    out = module.forward(x)
    for hook in vars(module).get("hooks", []):
        hook(module, x, out)
    return out


Module.__call__ = call_with_hooks

seen = {"hidden": [], "scores": []}


def watch(name):
    return lambda module, x, out: seen[name].append(float(np.std(out.numpy())))


network = Network(np.random.default_rng(1))
for name in seen:
    getattr(network, name).hooks = [watch(name)]
same_as_before(trained(network, network.parameters()))

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
left.plot(bare_losses, color="#0072B2", label="every one of the steps")
left.plot(forgetful_losses, color="#D55E00", label="the forgetful network")
left.set(xlabel="step", ylabel="loss", yscale="log")
right.plot(seen["hidden"], color="#0072B2", label="hidden")
right.plot(seen["scores"], color="#D55E00", label="scores")
right.set(xlabel="step", ylabel="standard deviation of the output")
for axis in (left, right):
    axis.legend(frameon=False)
    axis.spines[["top", "right"]].set_visible(False)
figure.tight_layout()

# %%
# On the left the losses: of all steps, one curve, and of the network that forgot half of its
# parameters. On the right what the hooks saw: the scores grow, as the network becomes more certain.
#
# The real one
# ------------
#
# You have written ``odyssey/nn/module.py``. The real one has more methods, better messages, and
# hooks that can be taken off again; the walk is in ``odyssey/nn/tree.py``, and you will recognise
# it. Put it in the place of ours:


class RealNetwork(od.nn.Module):
    def __init__(self):
        self.hidden = od.nn.Linear(64, 32)
        self.scores = od.nn.Linear(32, 10)

    def forward(self, x):
        return self.scores(core.relu(self.hidden(x)))


real = RealNetwork()
real.load_state_dict(Network(np.random.default_rng(1)).state_dict())  # our names are its names
same_as_before(trained(real, real.parameters()))

# %%
# And since a module knows what it is made of, others can ask it. A table needs the walk, a hook on
# each module for the shapes, and the tape for the rest:

print(od.nn.summary(real, (64,)))

# %%
# A drawing needs the same, and a place for each box:

od.nn.plot_model(real, (64,), batch=32)

# %%
# What each step bought
# ---------------------
#
# ======================  ==========================================  ==========================
# step                    buys                                        one more layer changes
# ======================  ==========================================  ==========================
# bare loop               nothing to learn                            6 places
# 1. a list               a loop that fits every network              3, and the numbers behind
# 2. functions            layers that say what they are               3 places
# 3. closures             parts that snap together                    1 place, but it is sealed
# 4. classes              names for what is inside                    3, one easily forgotten
# 5. ``Module``           parameters that find themselves             2 places
# 6. state                checkpoints                                 2 places
# 7. modes                dropout, batch norm                         2 places
# 8. hooks                to look inside without changing it          2 places
# ======================  ==========================================  ==========================
#
# The two places are what the layer is, and where it is used. There is nothing left to forget.
#
# Exercises
# ---------
#
# :mod:`odyssey.testing` has what you need to check the second.
#
# **1. Twice.** Let both layers of a network of 32 inputs, 32 hidden units and 32 outputs share one
# weight. How often does ``named_parameters`` of our ``Module`` yield it, under which name? Take the
# two lines with ``seen`` out of ``find``. What happens to the update, and what if a module has an
# attribute that leads back to itself?
#
# **2. Buffers.** A layer that subtracts the running mean of its inputs has a state that is not
# learned. Write it, with :class:`odyssey.nn.Buffer`. Which of the methods above must find it, and
# which must not? One argument of ``find`` is enough. In use, the gradient passes it unchanged:
#
# .. code-block:: python
#
#    layer = Centre(3).eval()
#    od.testing.gradcheck(layer, [rng.standard_normal((4, 3))])
#
# **3. A lost parameter.** ``network.hidden.weight = network.hidden.weight * 2`` looks harmless.
# What has become of the parameter? See what :class:`odyssey.nn.Module` says to that line, and teach
# ours to say it: the method to write is ``__setattr__``.
