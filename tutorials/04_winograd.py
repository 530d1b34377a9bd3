r"""
Fewer multiplications: Winograd's convolution
=============================================

A processor has a peak, and a good convolution comes near it. To be faster than that, do less. In
1980 Shmuel Winograd found how few multiplications a convolution needs, and in 2016 Andrew Lavin and
Scott Gray made of it what runs in many deep-learning libraries: windows of 3×3 taps with a fourth
of the multiplications. We derive it from two outputs on paper, give it both gradients, see what it
costs in digits, measure what it gains, and read odyssey's kernel.

You need to know what a convolution is and what its gradients are, as in the second tutorial, and
that a polynomial is known from its values.
"""

# %%
# Four in place of six
# --------------------
#
# A filter of three taps slides over four numbers. That gives two outputs:
#
# .. math::
#
#    y_0 &= d_0 g_0 + d_1 g_1 + d_2 g_2 \\
#    y_1 &= d_1 g_0 + d_2 g_1 + d_3 g_2
#
# which are six multiplications. Here are four:

import time
from fractions import Fraction
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import odyssey as od
from odyssey import fast

# sphinx_gallery_start_ignore
# ruff: noqa: D103 (the text describes the functions)
# sphinx_gallery_end_ignore


def two_outputs(d, g):
    a = (d[0] - d[2]) * g[0]
    b = (d[1] + d[2]) * ((g[0] + g[1] + g[2]) / 2)
    c = (d[2] - d[1]) * ((g[0] - g[1] + g[2]) / 2)
    e = (d[1] - d[3]) * g[2]
    return [a + b + c, b - c - e]


d, g = [1, 2, 3, 4], [5, 6, 7]
print(two_outputs(d, g), "and by definition", np.correlate(d, g).tolist())

# %%
# Multiply it out and see; then forget it, because nobody would find this by trying. What counts
# is that the factors on the left depend on the data only, and those on the right on the filter
# only. A filter is used at thousands of places, so its half of the work is soon forgotten. What
# is left of a multiplication by 1/2 and some additions we look at later.
#
# Lavin and Gray call this F(2, 3): two outputs, three taps.
#
# Where it comes from
# -------------------
#
# Two polynomials a and g are multiplied coefficient by coefficient. With 2 and 3 coefficients
# that takes six multiplications; the product has 4 coefficients. But one can also *evaluate* both
# at four points, multiply the values, and find the polynomial with these four values. One
# multiplication for each point:
#
# .. math:: c(x_i) = a(x_i)\, g(x_i), \qquad i = 1 \dots 4 .
#
# Evaluating is a matrix product with the powers of the points. One more point is useful: "at
# infinity", where a polynomial has its highest coefficient. The highest coefficient of a product is
# the product of the highest coefficients, as with any other value.


def powers(points, count):
    """Return the matrix that evaluates polynomials of so many coefficients; infinity comes last."""
    rows = [[point**power for power in range(count)] for point in points]
    return np.array([*rows, [Fraction(0)] * (count - 1) + [Fraction(1)]])


# %%
# The way back, from values to coefficients, is Lagrange's. For each point take the polynomial
# that has the *other* points as its zeros, and divide it by its own value at the point. It is 1
# there and 0 at the others; so add up such polynomials, each times the wanted value. For
# infinity, all points are zeros.


def with_zeros(points):
    """Return the coefficients of the product of all x - point, lowest first."""
    product = [Fraction(1)]
    for point in points:
        times_x, same = [Fraction(0), *product], [*product, Fraction(0)]
        product = [high - point * low for high, low in zip(times_x, same, strict=True)]
    return product


def lagrange(points):
    """Return the polynomials of Lagrange in rows, not divided yet, and what to divide them by."""
    rows, divisors = [], []
    for point in points:
        others = [other for other in points if other != point]
        rows.append([*with_zeros(others), Fraction(0)])
        divisors.append(np.prod([point - other for other in others]))
    return np.array([*rows, with_zeros(points)]), np.array([*divisors, Fraction(1)])


# %%
# Fractions, because they are exact: we want to know that the algebra is right before a rounding
# error can be blamed.

points = [Fraction(0), Fraction(1), Fraction(-1)]
rows, divisors = lagrange(points)
a, g = np.array([4, 7]), np.array([5, 6, 7])
values = (powers(points, 2) @ a) * (powers(points, 3) @ g)
print("by values       ", *((values / divisors) @ rows))
print("coefficient-wise", *np.convolve(a, g))

# %%
# Read backwards
# --------------
#
# That was a product of polynomials. A filter that slides is its mirror image: there, 2 numbers
# and 3 numbers made 4, here 4 and 3 make 2. The mirror is transposition. Hold g fixed. Then c is
# a linear function of a, with a matrix T of 4×2 numbers: :math:`c_k = \sum_i g_{k-i}\, a_i`. Its
# transpose turns four numbers into two,
#
# .. math:: y_i = \sum_k g_{k-i}\, d_k = \sum_t g_t\, d_{i+t} ,
#
# which is just the sliding filter. And T was made of three steps: evaluate a, multiply by the
# values of g, interpolate. Transposed, these come in reverse order:
#
# .. math::
#
#    T &= L \,\operatorname{diag}(E_3\, g)\, E_2 \\
#    T' &= E_2' \,\operatorname{diag}(E_3\, g)\, L'
#
# The names in the paper are :math:`A' = E_2'`, :math:`G = E_3` and :math:`B' = L'`, so that
#
# .. math:: y = A' \, [(G g) \odot (B' d)]
#
# with :math:`\odot` for number times number. The divisors may stand in any of the three. We put
# them where they are computed once, at the filter.


def cook_toom(points, m, r):
    """Return A', G and B' of F(m, r)."""
    rows, divisors = lagrange(points)
    return powers(points, m).T, powers(points, r) / divisors[:, None], rows


def show(**matrices):
    for name, matrix in matrices.items():
        print(f"{name} =")
        for row in matrix:
            print("   ", *(f"{number!s:>6s}" for number in row))


A, G, B = cook_toom(points, 2, 3)
show(**{"A'": A, "G": G, "B'": B})
print("F(2, 3):", *(A @ ((G @ g) * (B @ np.array(d)))))

# %%
# This is ``two_outputs`` (but for two signs that cancel), found without trying. This way to fast
# convolutions is Cook's and Toom's; what Winograd showed is that m + r - 1 multiplications are
# the least possible. odyssey has this function in ``odyssey/utils/cook_toom.py``, and its
# reference kernel, ``odyssey/reference/winograd.py``, uses it.
#
# Larger tiles need more points, and save more. F(4, 3) has six points for four outputs, in place of
# twelve multiplications. The usual ones are small integers:

usual = [Fraction(point) for point in (0, 1, -1, 2, -2)]
A, G, B = cook_toom(usual, 4, 3)
show(**{"A'": A, "G": G, "B'": B})

# %%
# Two dimensions, and channels
# ----------------------------
#
# An image has rows and columns. A 3×3 filter that slides over 4×4 pixels is F(2, 3) of F(2, 3)s: do
# for the columns what we did, and where that says "multiply", multiply rows, with F(2, 3) again. In
# matrices,
#
# .. math:: Y = A' \, [(G g G') \odot (B' d B)] \, A .
#
# 16 multiplications make 2×2 outputs, in place of 36: 2.25 times fewer. F(4×4, 3×3) has 36 for 16
# outputs, in place of 144: 4 times fewer.
#
# A large image is cut into tiles of m×m outputs, and each sees (m+2)×(m+2) pixels: its neighbour's
# outermost two rows or columns again. With channels, products are summed over them:
#
# .. math:: Y_k = A' \Bigl[ \sum_c (G g_{kc} G') \odot (B' d_c B) \Bigr] A ,
#
# and the transform on the outside is done once, after the sum. Look at the bracket at one of the
# points. There is a number for each filter and channel, and one for each channel and tile; what is
# wanted is a sum over channels. That is a *matrix product*, one for each point: 16 or 36 of them.
# All that we know of fast matrix products holds for them.


def tiles_of(images, m, side):
    """Return tiles of side×side pixels, m apart, of images (N, C, H, W): (tiles, C, side, side)."""
    tiles = sliding_window_view(images, (side, side), axis=(2, 3))[:, :, ::m, ::m]
    return tiles.transpose(0, 2, 3, 1, 4, 5).reshape(-1, images.shape[1], side, side)


def pad(images, m, before):
    """Return images with zeros before them, and behind as many as fill their tiles."""
    (H, W), after = images.shape[2:], 1 if before else 0
    rows, columns = ((before, -size % m + after) for size in (H, W))
    return np.pad(images, ((0, 0), (0, 0), rows, columns))


def at_points(u, v):
    """Multiply matrices (a, b) and (b, c) that stand at each point of the last two axes."""
    return (u.transpose(2, 3, 0, 1) @ v.transpose(2, 3, 0, 1)).transpose(2, 3, 0, 1)


def winograd(x, w, m, points):
    """Convolve with a padding of 1."""
    A, G, B = (matrix.astype(x.dtype) for matrix in cook_toom(points, m, 3))
    (N, _, H, W), K = x.shape, len(w)
    V = B @ tiles_of(pad(x, m, 1), m, m + 2) @ B.T
    U = G @ w @ G.T
    M = at_points(V, U.swapaxes(0, 1))  # (tiles, C) @ (C, K)
    Y = (A @ M @ A.T).reshape(N, -(-H // m), -(-W // m), K, m, m)
    y = Y.transpose(0, 3, 1, 4, 2, 5).reshape(N, K, -(-H // m) * m, -(-W // m) * m)
    return y[:, :, :H, :W]


rng = np.random.default_rng(0)
x, w = rng.standard_normal((2, 5, 9, 7)), rng.standard_normal((4, 5, 3, 3))
expected = od.reference.conv2d(x, w, padding=1)
for m, chosen in ((2, points), (4, usual)):
    error = od.testing.difference(winograd(x, w, m, chosen), expected).error
    print(f"F({m}×{m}, 3×3): error {error:.1e}")

# %%
# The input's gradient
# --------------------
#
# A pixel collects from all windows that covered it, through the tap that lay on it. We saw in the
# second tutorial that this is a convolution, of the output's gradient with the filters turned
# round, each tap on the other side, and with channels and filters exchanged. So it has Winograd's
# form, and there is nothing left to do:

grad = rng.standard_normal(expected.shape)
turned = w[:, :, ::-1, ::-1].swapaxes(0, 1)
grad_x, grad_w, _ = od.reference.conv2d_backward(grad, x, w, padding=1)
print(f"{od.testing.difference(winograd(grad, turned, 4, usual), grad_x).error:.1e}")

# %%
# The filter's gradient
# ---------------------
#
# A tap collects each output's gradient, times the pixel that it read for that output:
#
# .. math:: \bar w_{rs} = \sum_{p,q} g_{pq}\, x_{p+r,\,q+s} .
#
# Cut the sum over p and q into tiles. Within a tile of m×m outputs it is a *filter* of m×m taps,
# the gradients, that slides over the same (m+2)×(m+2) pixels as before, and has 3×3 outputs. That
# is F(3, m) in place of F(m, 3). Both have m + 2 points; if they are the same points, then
# Lagrange's polynomials are the same, and so is B'. A' gets 3 rows, G gets m columns.
#
# So V, the transformed images, is what the forward pass computed. At each point there is again a
# matrix product, now with a sum over tiles, and as the transform on the outside comes after the
# sum, it is done once for all tiles.


def weight_gradient(grad, x, m, points):
    A, G, B = (matrix.astype(x.dtype) for matrix in cook_toom(points, 3, m))
    V = B @ tiles_of(pad(x, m, 1), m, m + 2) @ B.T
    U = G @ tiles_of(pad(grad, m, 0), m, m) @ G.T
    M = at_points(U.swapaxes(0, 1), V)  # (K, tiles) @ (tiles, C)
    return A @ M @ A.T


for m, chosen in ((2, points), (4, usual)):
    assert (cook_toom(chosen, m, 3)[2] == cook_toom(chosen, 3, m)[2]).all()
    error = od.testing.difference(weight_gradient(grad, x, m, chosen), grad_w).error
    print(f"F(3×3, {m}×{m}): error {error:.1e}")

# %%
# What it costs in digits
# -----------------------
#
# The errors above were those of float64, some :math:`10^{-16}` times a small number. Networks are
# trained in float32, with :math:`10^{-7}` to lose.
#
# Winograd's form evaluates polynomials. At the points 0, ±1 and ±2 a pixel counts up to 5·5 times
# in F(4×4, 3×3), and a product up to 8·8 times on the way back: large numbers, which must cancel
# to a small result. Each was rounded, and rounding errors do not cancel. The larger the tile, the
# larger the powers. So one wants points near 1, where powers stay small; but not so near to each
# other that their differences are small, by which G divides. A pair a and 1/a balances the two.
# Which a?

C = 64
x, w = rng.standard_normal((1, C, 24, 24)), rng.standard_normal((C, C, 3, 3))
truth = fast.conv2d(x, w, padding=1)  # in float64
single = x.astype(np.float32), w.astype(np.float32)


def error_of(y):
    """Return the largest error, relative to the largest result."""
    return np.abs(y - truth).max() / np.abs(truth).max()


def pairs(*numbers):
    """Return 0 and ±a for each number a."""
    return [Fraction(0)] + [sign * Fraction(a) for a in numbers for sign in (1, -1)]


integers = {m: pairs(*range(1, m // 2 + 1)) for m in (2, 4, 6, 8)}
reciprocal = {
    2: pairs(1),
    4: pairs("2/3", "3/2"),
    6: pairs(1, "1/2", 2),
    8: pairs("3/4", "4/3", "1/2", 2),
}
candidates = [Fraction(n, 24) for n in range(6, 23)]
by_pair = [error_of(winograd(*single, 4, pairs(a, 1 / a))) for a in candidates]
by_tile = {
    name: [error_of(winograd(*single, m, chosen[m])) for m in chosen]
    for name, chosen in (("0, ±1, ±2, …", integers), ("0 and pairs ±a, ±1/a", reciprocal))
}
od.set_conv_algorithm("direct")
direct = error_of(fast.conv2d(*single, padding=1))
od.set_conv_algorithm("auto")

figure, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3.6), sharey=True)
for name, errors in by_tile.items():
    left.plot(list(integers), errors, "o-", label=name)
left.set(yscale="log", xlabel="tile, m", ylabel="largest error in float32", xticks=list(integers))
left.set_title("by size of the tile")
right.plot([float(a) for a in candidates], by_pair, "o-", color="C1", label="0, ±a, ±1/a")
right.axhline(by_tile["0, ±1, ±2, …"][1], color="C0", label="0, ±1, ±2")
right.axvline(2 / 3, color="0.6", linestyle=":", label="a = 2/3")
right.set(xlabel="a")
right.set_title("4×4 tiles, by points")
for axis in (left, right):
    axis.axhline(direct, color="0.3", linestyle="--", label="direct")
    axis.legend(fontsize=8)
figure.tight_layout()

# %%
# On the left: two more rows and columns cost one digit to three at the integers, and half a digit
# to one at pairs. That is why hardly anybody takes tiles of 8×8, although they need 5.76 times
# fewer multiplications. On the right: the valley is broad, and 2/3 lies in it. odyssey evaluates
# at
#
# .. math:: 0,\ \pm\tfrac23,\ \pm\tfrac32,\ \infty ,
#
# with a few times smaller errors than at 0, ±1, ±2 and ∞. (`Barabasz and others
# <https://arxiv.org/abs/1803.10986>`_ searched for good points.) They take some more
# multiplications by constants in the transforms; as 2/3 · 3/2 = 1, not all numbers are awkward:

show(**{"B'": cook_toom(reciprocal[4], 4, 3)[2]})

# %%
# And the direct form? Its sums are nine times as long, 9·C terms in place of C, and a long sum in
# float32 has errors of its own. F(2×2, 3×3) is often *nearer* to the truth, and F(4×4, 3×3) is not
# far behind it. :doc:`The guide </guide/convolution>` has a table.
#
# What it gains
# -------------
#
# Four times fewer multiplications are not four times the speed. Transforms are additions, which
# take the same units of the processor as multiplications; and numbers must be stored at the
# points and read again. Both are per tile and channel, while a product is per tile, channel *and
# filter*. So the more filters share the transforms of the images, the more channels those of the
# outputs, the better.
#
# odyssey has both forms as kernels. ``conv2d`` takes the faster one, by a table over shape and
# dtype (``odyssey/utils/conv_algorithm.py``), unless :func:`odyssey.set_conv_algorithm` says
# otherwise. Here it says "direct", and we call the other kernel by its name. As in the third
# tutorial, contenders run in turns and the best time of each counts.


def seconds(contenders, rounds=8):
    best = dict.fromkeys(contenders, np.inf)
    for _ in range(rounds):
        for name, function in contenders.items():
            start = time.perf_counter()
            function()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def channels_last(images):
    return fast.copy(images, "channels_last")


def layer(C, H):
    """Return what a layer computes forward, and forward and backward, in each form."""
    x, grad = (channels_last(rng.standard_normal((4, C, H, H), np.float32)) for _ in range(2))
    w = rng.standard_normal((C, C, 3, 3), np.float32)

    def both(forward, backward, **settings):
        def train():
            forward(x, w, padding=1, **settings)
            backward(grad, x, w, padding=1, **settings)

        return lambda: forward(x, w, padding=1, **settings), train

    tiled = fast.winograd_conv2d, fast.winograd_conv2d_backward
    return {
        "direct": both(fast.conv2d, fast.conv2d_backward),
        "2×2": both(*tiled, tile=2),
        "4×4": both(*tiled, tile=4),
    }


widths = (8, 16, 32, 64, 128, 256)
speeds = {name: [] for name in ("direct", "2×2", "4×4")}
od.set_conv_algorithm("direct")
print("  C    forward: direct    2×2    4×4   and backward: direct    2×2    4×4  (ms)")
for C in widths:
    contenders = layer(C, 28)
    runs = [seconds({name: pair[i] for name, pair in contenders.items()}) for i in range(2)]
    rows = [" ".join(f"{1e3 * run[name]:6.2f}" for name in speeds) for run in runs]
    print(f"{C:3d} {rows[0]:>31s} {rows[1]:>35s}")
    for name, found in speeds.items():
        found.append([runs[0]["direct"] / runs[0][name], runs[1]["direct"] / runs[1][name]])
od.set_conv_algorithm("auto")

figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.4), sharey=True)
for number, (axis, title) in enumerate(zip(axes, ("forward", "forward and backward"), strict=True)):
    for name, found in speeds.items():
        style = {"color": "0.3", "linestyle": "--"} if name == "direct" else {"marker": "o"}
        axis.plot(widths, [pair[number] for pair in found], label=name, **style)
    axis.set(xscale="log", xlabel="channels and filters", title=title)
    axis.set_xticks(widths, [str(C) for C in widths], minor=False)
    axis.minorticks_off()
axes[0].set_ylabel("times as fast as direct")
axes[0].legend()
figure.tight_layout()

# %%
# With few channels the transforms cost more than they save, with many most of the gain is left. The
# direct kernel is close to the peak of the processor there. So, counted by the definition of a
# convolution, Winograd's does more flops per second than the processor has.
#
# From here to the kernel
# -----------------------
#
# ``odyssey/_ext/winograd.pyx`` is this tutorial in typed Cython. Read it with ``_winograd.pxd``
# beside it, which has the transforms, and ``_winograd_tiles.pxd``, which lays out the tiles. We
# print some of its functions, and say what to see in them.


def kernel_source(file, name):
    """Return a function of a kernel as it stands in the checkout, with the comment above it."""
    path = Path(od.__file__).parent / "_ext" / file
    if not path.exists():
        return f"{file} is in the source of odyssey, not in an installation"
    lines = path.read_text().splitlines()
    start = next(
        n for n, line in enumerate(lines) if line.startswith("cdef") and f" {name}(" in line
    )
    end = start + 1
    while end < len(lines) and (not lines[end] or lines[end].startswith(" ")):
        end += 1
    while lines[start - 1].startswith("#"):
        start -= 1
    return "\n".join(lines[start:end]).rstrip()


print(kernel_source("_winograd.pxd", "evaluate"))

# %%
# This is B' times d. A ``vec`` is a register of 4 to 16 numbers, here of as many channels: a line
# computes a value for 16 channels at once. Nobody multiplies by the zeros of B'. And as points
# come in pairs ±a, the even powers of a polynomial are the same at both and the odd ones differ
# in sign: ``even + odd`` and ``even - odd`` are two rows of B' for little more than the price of
# one. Compare with the matrix printed above. ``expand`` is G, ``collect`` is A'; ``side`` is the
# number of points, and with ``r`` taps or outputs they serve both F(m, r) and F(r, m).

print(kernel_source("_winograd.pxd", "lift"))

# %%
# B' d B, or G g G': the transform of the columns, then that of the rows, in two loops. The
# results go to ``out``, the points ``step`` numbers apart. That is the layout which the matrix
# products want: all tiles and channels of one point together. ``pixels`` are addresses, one for
# each pixel of a tile. A pixel outside of the image has the address of some zeros, so that
# padding costs nothing, and tiles with a dilation, whose pixels are d apart, are tiles like any
# others.

print(kernel_source("winograd.pyx", "do_run"))

# %%
# The forward pass, over a *run* of tiles: as many as fit into L2 once they are transformed. Three
# steps, as in ``winograd`` above: transform the tiles of the run; for each block of filters (two
# registers of them) multiply at each point; transform the sums and store. ``multiply`` is the
# register tile of the third tutorial, shared with ``matmul``. Threads take runs, or blocks where
# there are more of these. The weights were transformed before, once, in a layout of their own:
# [block][point] [channel][filters of the block], which is read from end to end.

print(kernel_source("_winograd_weight.pxd", "sum_group"))

# %%
# The weight gradient. Of all the tiles a *stage* is transformed, as many as fit into L3: images
# to V, gradients to U. Then for each block of filters and each point a matrix product over the
# tiles of the stage adds to the sums of the stages before. In the end ``lower_weights`` applies
# A' on both sides. Threads share tiles in the first loop, points in the second, channels in the
# last. No sum is split between threads, so results are the same for any number of them.
#
# **What is left out.** Large filters: F(m, 5) needs two more points, with the errors of a larger
# tile. Strides: a filter that skips outputs has no such form (though one could cut it into four).
# And float64: who asks for it wants digits.

# %%
# Exercises
# ---------
#
# **1. Tiles of 3×3.** F(3, 3) has four points besides infinity. How many times fewer
# multiplications is that? At 0, ±1 and 2 its error is larger than that of 4×4 tiles at odyssey's
# points. Find four points with which it is smaller; 0 need not be among them.
# ``od.testing.difference`` (:mod:`odyssey.testing`) measures.
#
# .. code-block:: python
#
#    mine = [Fraction(point) for point in (...)]
#    error = od.testing.difference(winograd(*single, 3, mine), truth).error
#    assert error < error_of(winograd(*single, 4, reciprocal[4]))
#
# **2. Filters of 5×5.** F(2, 5) has six points, like F(4, 3). Write ``winograd`` for R×R taps (the
# padding is R // 2) without touching ``cook_toom``, and reuse the transformed images of one filter
# for the other: which m makes that possible?
#
# .. code-block:: python
#
#    large = rng.standard_normal((4, 5, 5, 5))
#    small_x = rng.standard_normal((2, 5, 9, 7))
#    expected = od.reference.conv2d(small_x, large, padding=2)
#    found = general(small_x, large, 2, reciprocal[4])
#    assert od.testing.difference(found, expected).error < 1e-12
#
# **3. A kernel.** Give ``winograd`` a bias, any padding, a dilation and groups, and let odyssey's
# cases try it. (``pads`` in ``odyssey.utils.geometry`` turns what users write for the padding
# into four numbers; a dilation of d interleaves d·d images.) Which cases find a mistake that you
# made?
#
# .. code-block:: python
#
#    def mine(x, weight, bias=None, padding=0, dilation=1, groups=1, tile=4):
#        ...
#
#    cases = [case for case in od.testing.cases_of("winograd_conv2d") if case.args[0].size < 5000]
#    plain = [case for case in cases if not {"dilation", "groups"} & case.kwargs.keys()]
#    od.testing.check_kernel("winograd_conv2d", mine, cases=plain, dtypes=["float64"])
#    od.testing.check_kernel("winograd_conv2d", mine, cases=cases, dtypes=["float32", "float64"])
