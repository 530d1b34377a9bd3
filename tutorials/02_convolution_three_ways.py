r"""
Convolution three ways
======================

A convolution slides a small filter over an image and writes down, everywhere, how well the two
agree. We compute it three times: with the loops of its definition, as one matrix product (im2col),
and with odyssey's compiled kernel. We derive its gradients, write them twice, check everything
against everything and against finite differences, and time it.

You need to know what a matrix product is, and the chain rule as in the first tutorial.
"""

# %%
# The definition
# --------------
#
# A batch of N images with C channels of H×W pixels is an array x of shape (N, C, H, W). There are K
# filters; each has C×R×S weights, or *taps*. Laid on the image at one place, a filter covers a
# *window* of C×R×S pixels. We multiply each tap with the pixel below it and add up, and that is one
# output. Then the filter moves on by a *stride* t. With b a bias for each filter,
#
# .. math:: y_{nkpq} = b_k + \sum_{c,r,s} w_{kcrs}\; x_{n,\,c,\,pt+r,\,qt+s} .
#
# Often the image gets a *padding* of o zeros on each side first, so that windows may hang over its
# sides; x then means the padded image. That makes
# :math:`P = \lfloor (H + 2o - R) / t \rfloor + 1` windows from top to bottom, and Q likewise.
#
# First way: say just that in Python.

import itertools
import time

import matplotlib.pyplot as plt
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import odyssey as od
from odyssey.data.datasets import Digits
from odyssey.data.transforms import Resize

# sphinx_gallery_start_ignore
# ruff: noqa: D103 (the text describes the functions)
# sphinx_gallery_end_ignore


def everywhere(*sizes):
    """Return an iterator over all indices of an array of this shape."""
    return itertools.product(*map(range, sizes))


def pad(x, padding):
    sides = (padding, padding)
    return np.pad(x, ((0, 0), (0, 0), sides, sides))


def loops(x, w, b, stride=1, padding=0):
    x = pad(x, padding)
    (N, C, H, W), (K, _, R, S) = x.shape, w.shape
    P, Q = (H - R) // stride + 1, (W - S) // stride + 1
    y = np.zeros((N, K, P, Q), x.dtype)
    for n, k, p, q in everywhere(N, K, P, Q):
        y[n, k, p, q] = b[k]
        for c, r, s in everywhere(C, R, S):
            y[n, k, p, q] += w[k, c, r, s] * x[n, c, p * stride + r, q * stride + s]
    return y


# %%
# An image of 4×5 pixels that is dark on the left and bright on the right, and a filter that takes
# what is left from what is right. It answers where the two differ: it finds an edge.

image = np.array([[0, 0, 0, 9, 9]] * 4, float).reshape(1, 1, 4, 5)
edge = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], float).reshape(1, 1, 3, 3)
no_bias = np.zeros(1)

for stride, padding in [(1, 0), (1, 1), (2, 1)]:
    print(f"stride {stride}, padding {padding}:")
    print(loops(image, edge, no_bias, stride, padding)[0, 0])

# %%
# With a padding of 1 the output is as large as the image. Look at its last column: the filter takes
# the end of the image, where the zeros begin, for an edge, too. With a stride of 2 every second
# window is left out, in both directions.
#
# On a real digit, enlarged to 28×28 pixels, with the filter and with the same filter on its side:

train = Digits("train")
images = Resize((28, 28))(train.images)
digit = images[3:4].astype(np.float64)
two_filters = np.concatenate([edge, edge.transpose(0, 1, 3, 2)])
edges = loops(digit, two_filters, np.zeros(2), padding=1)

figure, axes = plt.subplots(1, 5, figsize=(9, 2.1), width_ratios=[3, 1, 3, 1, 3])
panels = [digit[0, 0], edge[0, 0], edges[0, 0], two_filters[1, 0], edges[0, 1]]
titles = ["a digit", "filter", "left and right sides", "filter", "upper and lower sides"]
for axis, panel, title in zip(axes, panels, titles, strict=True):
    style = "gray_r" if title == "a digit" else "RdBu"
    top = np.abs(panel).max()
    axis.imshow(panel, cmap=style, vmin=0 if style == "gray_r" else -top, vmax=top)
    axis.set_title(title, fontsize=9)
    axis.axis("off")
figure.tight_layout()

# %%
# Blue is where ink begins (from left to right, from top to bottom), red where it ends. (This 3
# touches the top and the bottom of its image, and what lies beyond counts as paper.) From here on
# nobody draws filters by hand: a network learns them. For that it needs their gradient.
#
# The gradients
# -------------
#
# Let L be the loss, and g its gradient with respect to the output,
# :math:`g_{nkpq} = \partial L / \partial y_{nkpq}`. We want the same for x, w and b. The chain rule
# says: find every output that a number enters, and add up g there, times the number's factor.
#
# *The bias* :math:`b_k` enters every output of filter k with factor 1:
#
# .. math:: \bar b_k = \sum_{n,p,q} g_{nkpq} .
#
# *A tap* :math:`w_{kcrs}` enters every output of filter k. Its factor is the pixel that it lay on:
#
# .. math:: \bar w_{kcrs} = \sum_{n,p,q} g_{nkpq}\; x_{n,\,c,\,pt+r,\,qt+s} .
#
# So g is laid on the image and moved about: this is a convolution again, of the image, with the
# gradient of the output as its filter (whose taps stand t pixels apart).
#
# *A pixel* :math:`x_{ncij}` enters the output at (p, q) if a tap (r, s) of that window lay on it:
# if :math:`i = pt + r` and :math:`j = qt + s`. Its factor is that tap:
#
# .. math:: \bar x_{ncij} = \sum_{k} \sum_{\substack{p,r:\; pt+r=i \\ q,s:\; qt+s=j}}
#           w_{kcrs}\; g_{nkpq} .
#
# Each pixel collects from every window that covered it. At stride 1 we can put in
# :math:`p = i - r` and :math:`q = j - s`,
#
# .. math:: \bar x_{ncij} = \sum_{k,r,s} w_{kcrs}\; g_{n,\,k,\,i-r,\,j-s} ,
#
# and compare it with the definition at the top. There taps and pixels run in the same direction,
# here in opposite ones. So this is a convolution of g with the filters *turned by half a turn*, in
# which k and c have changed their places. It begins R - 1 pixels outside of g, because already the
# first pixel of the image was seen by one window.
#
# In loops there is nothing to turn. They are the loops of the forward: every product of a tap and a
# pixel hands g to both, times the other one. What falls on the padding is cut off.


def loops_backward(grad, x, w, stride=1, padding=0):
    (_, C, H, W), (K, _, R, S) = x.shape, w.shape
    x = pad(x, padding)
    grad_x, grad_w, grad_b = np.zeros_like(x), np.zeros_like(w), np.zeros(K, w.dtype)
    for n, k, p, q in everywhere(*grad.shape):
        g = grad[n, k, p, q]
        grad_b[k] += g
        for c, r, s in everywhere(C, R, S):
            i, j = p * stride + r, q * stride + s
            grad_w[k, c, r, s] += g * x[n, c, i, j]
            grad_x[n, c, i, j] += g * w[k, c, r, s]
    return grad_x[:, :, padding : padding + H, padding : padding + W], grad_w, grad_b


# %%
# Are the two sentences about convolutions true? At stride 1 we can ask the forward itself. No side
# equals another one in these shapes: nothing fits by chance if two axes are mixed up.

rng = np.random.default_rng(0)
x, w, b = (rng.standard_normal(shape) for shape in [(2, 3, 6, 5), (4, 3, 3, 2), (4,)])
g = rng.standard_normal(loops(x, w, b).shape)
grad_x, grad_w, grad_b = loops_backward(g, x, w)

turned = w[:, :, ::-1, ::-1].swapaxes(0, 1)
R, S = w.shape[2:]
outside = np.pad(g, ((0, 0), (0, 0), (R - 1, R - 1), (S - 1, S - 1)))
assert np.allclose(grad_x, loops(outside, turned, np.zeros(3)))

# Here images and channels change places: for each channel we add over all images.
as_filters = g.swapaxes(0, 1)
assert np.allclose(grad_w, loops(x.swapaxes(0, 1), as_filters, np.zeros(4)).swapaxes(0, 1))
assert np.allclose(grad_b, g.sum((0, 2, 3)))

# %%
# Second way: im2col
# ------------------
#
# Every output is a product of two vectors of C·R·S numbers, a filter and a window. Very many
# products of vectors are *one* product of matrices. So write each window as a row of a matrix M,
# one below the other, and each filter as a row of a matrix F (which w is already: only the shape
# changes). Then :math:`Y = M F^\top + b`. The name is from *image to columns*, since MATLAB's
# matrices had the windows as columns.
#
# NumPy can show all windows of an image without copying anything. The ``reshape`` then has to copy.


def im2col(x, R, S, stride=1, padding=0):
    windows = sliding_window_view(pad(x, padding), (R, S), axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]  # N, C, P, Q, R, S
    N, C, P, Q = windows.shape[:4]
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(N * P * Q, C * R * S)


print(np.arange(16.0).reshape(4, 4), "\n")
print(im2col(np.arange(16.0).reshape(1, 1, 4, 4), 3, 3))

# %%
# Four windows of nine pixels. The two pixels in the middle of each row were written four times.
#
# The rows of the product are the outputs, pixel by pixel, with all filters side by side. We only
# name its axes and put them into their order.


def by_matrix(x, w, b, stride=1, padding=0):
    (N, C, H, W), (K, _, R, S) = x.shape, w.shape
    P, Q = (H + 2 * padding - R) // stride + 1, (W + 2 * padding - S) // stride + 1
    y = im2col(x, R, S, stride, padding) @ w.reshape(K, C * R * S).T + b
    return y.reshape(N, P, Q, K).transpose(0, 3, 1, 2)


# %%
# **Why it is fast.** It does the same multiplications as the loops. But the loops take one step of
# Python's interpreter after another for each of them, and the product is one call. The library
# behind ``@`` has been tuned for decades: it works in blocks whose sums stay in the processor's
# registers, so that a number which was once fetched from memory is used many times.
#
# **What it costs.** M holds every pixel as often as windows cover it, about R·S times at stride 1.
# And it is written and read again for each call. Some layers, in float32:

layers = {
    "LeNet, first layer, 32 images": ((32, 1, 28, 28), 5, 2),
    "LeNet, second layer, 32 images": ((32, 6, 14, 14), 5, 0),
    "VGG-16, second layer, 1 image": ((1, 64, 224, 224), 3, 1),
}
print(f"{'':32s}{'image':>10s}{'windows':>12s}")
for name, ((N, C, H, W), R, padding) in layers.items():
    pixels = N * C * H * W
    outputs = N * (H + 2 * padding - R + 1) * (W + 2 * padding - R + 1)
    copied = outputs * C * R * R
    print(f"{name:32s}{pixels * 4 / 2**20:7.2f} MB{copied * 4 / 2**20:9.2f} MB", end="")
    print(f"  {copied / pixels:4.1f} times as much")
small = np.zeros((2, 3, 6, 6), np.float32)
assert im2col(small, 3, 3, padding=1).nbytes == 9 * small.nbytes

# %%
# **The gradients** are those of a matrix product. With G for g in the shape of Y,
#
# .. math:: \bar F = G^\top M, \qquad \bar M = G\, F, \qquad \bar b = \sum_{\text{rows}} G .
#
# There remains the way from :math:`\bar M` to :math:`\bar x`. Reading a pixel into several rows is
# a linear map (a matrix of zeros and ones), and the gradient goes through its transpose: what was
# *copied* from one pixel to many places is *added* from these places to the pixel. For each tap,
# the pixels that it lay on are a slice of the image:


def col2im(M, shape, R, S, stride=1, padding=0):
    N, C, H, W = shape
    P, Q = (H + 2 * padding - R) // stride + 1, (W + 2 * padding - S) // stride + 1
    M = M.reshape(N, P, Q, C, R, S).transpose(0, 3, 4, 5, 1, 2)
    x = np.zeros((N, C, H + 2 * padding, W + 2 * padding), M.dtype)
    for r, s in everywhere(R, S):
        x[:, :, r : r + P * stride : stride, s : s + Q * stride : stride] += M[:, :, r, s]
    return x[:, :, padding : padding + H, padding : padding + W]


def by_matrix_backward(grad, x, w, stride=1, padding=0):
    K, C, R, S = w.shape
    G = grad.transpose(0, 2, 3, 1).reshape(-1, K)
    M = im2col(x, R, S, stride, padding)
    grad_x = col2im(G @ w.reshape(K, C * R * S), x.shape, R, S, stride, padding)
    return grad_x, (G.T @ M).reshape(w.shape), G.sum(axis=0)


# %%
# That ``col2im`` is the transpose of ``im2col`` can be tested without either matrix: for all x and
# M, the products :math:`\langle \text{im2col}(x), M \rangle` and
# :math:`\langle x, \text{col2im}(M) \rangle` must be equal.

window = {"R": 3, "S": 2, "stride": 2, "padding": 1}
rows = im2col(x, **window)
M = rng.standard_normal(rows.shape)
assert np.isclose((rows * M).sum(), (x * col2im(M, x.shape, **window)).sum())

# %%
# Third way: a kernel
# -------------------
#
# odyssey's kernel does what the matrix product does, without the matrix. It needs two ideas.
#
# **Channels last.** An array of shape (N, C, H, W) usually has its pixels side by side in memory,
# and the channels of one pixel far apart. The kernel turns that round: the numbers of *one* pixel,
# all its channels, are neighbours. The shape says nothing about that, the strides do (in numbers
# here):

x32, w32, b32 = (a.astype(np.float32) for a in (x, w, b))
out = od.core.conv2d(x32, w32, b32)
for name, array in [("NumPy's x", x32), ("the kernel's y", out)]:
    apart = dict(zip("NCHW", (s // 4 for s in array.strides), strict=True))
    print(f"{name:15s} shape {array.shape}, from one to the next along {apart}")

# %%
# Now a window is R·S short *rows*, each of the C numbers of a pixel, ready for vector registers.
#
# **Pointers instead of copies.** im2col copies these rows into M. The kernel only writes down where
# they are: for each output pixel a table of R·S pointers. A tap that hangs over a side points to a
# row of zeros, so there is no padded image either. M. Dukhan calls this the *indirect convolution*
# (2019, https://arxiv.org/abs/1907.02129). Here are the nine pointers of one output, for an image
# of 4×4 pixels with three channels and a padding of 1:


def pointers(N, H, W, R, S, stride=1, padding=0):
    """Return for each output which rows its taps read; row number N·H·W holds the zeros."""
    sides = (padding, padding)
    numbers = np.arange(N * H * W).reshape(N, H, W)
    numbers = np.pad(numbers, ((0, 0), sides, sides), constant_values=N * H * W)
    windows = sliding_window_view(numbers, (R, S), axis=(1, 2))[:, ::stride, ::stride]
    return windows.reshape(-1, R * S)


table = pointers(1, 4, 4, 3, 3, padding=1)
output = 7  # the last one in the second line
print("rows read by output 7:", table[output])

# sphinx_gallery_start_ignore
figure, (left, right) = plt.subplots(1, 2, figsize=(8.5, 4.6), width_ratios=[2, 3])
for axis in (left, right):
    axis.axis("off")
    axis.set_aspect("equal")
box = {"edgecolor": "0.6", "linewidth": 0.8}
for i, j in everywhere(6, 6):
    inside = 1 <= i <= 4 and 1 <= j <= 4
    seen = 1 <= i <= 3 and 3 <= j <= 5
    color = ("tab:blue" if inside else "tab:orange") if seen else ("0.93" if inside else "white")
    left.add_patch(plt.Rectangle((j, -i), 1, 1, facecolor=color, alpha=0.55, **box))
    text = str((i - 1) * 4 + j - 1) if inside else "\N{EN DASH}"
    left.text(j + 0.5, 0.5 - i, text, ha="center", va="center", fontsize=9)
left.add_patch(plt.Rectangle((3, -3), 3, 3, fill=False, edgecolor="black", linewidth=2))
left.set(xlim=(-0.1, 6.1), ylim=(-5.1, 1.1))
left.set_title("the window of output 7\n(numbers of pixels; a dash is padding)", fontsize=9)
height = 17
for tap, row in enumerate(table[output]):
    at = 15.0 - tap * 1.6
    right.add_patch(plt.Rectangle((0, at), 2.6, 1.4, facecolor="white", **box))
    right.text(1.3, at + 0.7, f"({tap // 3}, {tap % 3})", ha="center", va="center", fontsize=8)
    color = "tab:orange" if row == 16 else "tab:blue"
    tip = {"arrowstyle": "-|>", "color": color, "linewidth": 1.1}
    right.annotate("", (10, height - row - 0.6), (2.6, at + 0.7), arrowprops=tip)
for row, c in everywhere(17, 3):
    seen = row in table[output]
    color = ("tab:orange" if row == 16 else "tab:blue") if seen else "0.93"
    corner = (10 + 1.8 * c, height - row - 1)
    right.add_patch(plt.Rectangle(corner, 1.8, 0.85, facecolor=color, alpha=0.55, **box))
    if c == 0:
        label = "zeros" if row == 16 else str(row)
        right.text(15.8, height - row - 0.6, label, va="center", fontsize=8)
right.text(1.3, 17.0, "tap", ha="center", fontsize=9)
right.text(12.7, 17.6, "memory: a row for each pixel", ha="center", fontsize=9)
right.set(xlim=(-0.3, 19), ylim=(-0.3, 18.4))
figure.tight_layout()
# sphinx_gallery_end_ignore

# %%
# The idea fits into a few lines of NumPy. Tap by tap, take the rows that the pointers name and
# multiply them with that tap's weights, a C×K matrix:


def by_pointers(x, w, b, stride=1, padding=0):
    (N, C, H, W), (K, _, R, S) = x.shape, w.shape
    P, Q = (H + 2 * padding - R) // stride + 1, (W + 2 * padding - S) // stride + 1
    memory = np.zeros((N * H * W + 1, C), x.dtype)
    memory[:-1] = x.transpose(0, 2, 3, 1).reshape(-1, C)
    taps = w.transpose(2, 3, 1, 0).reshape(R * S, C, K)
    table = pointers(N, H, W, R, S, stride, padding)
    y = b + sum(memory[table[:, t]] @ taps[t] for t in range(R * S))
    return y.reshape(N, P, Q, K).transpose(0, 3, 1, 2)


# %%
# (``memory[table[:, t]]`` is a copy again: NumPy has no pointers. The kernel reads in place.)
#
# The kernel in ``odyssey/_ext/conv.pyx`` takes six output pixels at a time and as many filters as
# fill a few vector registers. All their sums stay in registers while it runs through the taps and
# channels; each weight that it loads serves six pixels, each pixel all the filters. It allocates
# the output, the packed weights and six times R·S pointers for each thread. (And a copy of the
# image, if it does not come in channels-last memory. Within a network it does.)
#
# The input's gradient is the same walk, over g with the turned filters. At a stride t above 1, the
# turned convolution would meet g spread out with t - 1 zeros between its elements. The kernel
# multiplies none of them: it takes the pixels in t×t groups, each of which meets only its own taps.

# %%
# All against all
# ---------------
#
# Forward and backward, with several strides and paddings, and shapes in which a stride leaves a
# rest. In float64, where two right answers differ by rounding only:

settings = [(1, 0), (1, 1), (2, 0), (2, 1), (3, 2)]
for stride, padding in settings:
    y = loops(x, w, b, stride, padding)
    for way in (by_matrix, by_pointers, od.core.conv2d):
        assert np.allclose(way(x, w, b, stride=stride, padding=padding), y, rtol=1e-12, atol=1e-12)
    g = rng.standard_normal(y.shape)
    expected = loops_backward(g, x, w, stride, padding)
    for way in (by_matrix_backward, od.core.conv2d_backward):
        found = way(g, x, w, stride=stride, padding=padding)
        for one, other in zip(found, expected, strict=True):
            assert np.allclose(one, other, rtol=1e-12, atol=1e-12)
    print(f"stride {stride}, padding {padding}: outputs {y.shape}, all agree")

# %%
# All could be wrong together: they come from one head. Finite differences do not. We declare our
# functions as operations of odyssey (:doc:`/guide/operations` says how), and
# :func:`odyssey.testing.gradcheck` moves x, w and b along random directions and weighs the outputs
# with random numbers.

from odyssey.tape import differentiable
from odyssey.testing import gradcheck

loops_op, matrix_op = differentiable(loops), differentiable(by_matrix)
loops_op.backward_rule(wrt=("x", "w", "b"))(loops_backward)
matrix_op.backward_rule(wrt=("x", "w", "b"))(by_matrix_backward)

for operation in (loops_op, matrix_op, od.core.conv2d):
    for stride, padding in settings:

        def convolve(x, w, b, operation=operation, stride=stride, padding=padding):
            return operation(x, w, b, stride=stride, padding=padding)

        gradcheck(convolve, [x, w, b], draws=1)

# %%
# How long they take
# ------------------
#
# Square images of 8 channels and growing size, 16 filters of 3×3, float32, one thread for all.
# Every way is run several times, in turns, so that a disturbance of the machine meets all of them;
# of each we take the shortest time, as nothing makes a program faster than it is. All get the same
# arrays, in NumPy's order: the kernel's time includes its copy to channels-last memory. The loops
# sit out the larger images.

ways = {
    "loops": (loops, loops_backward),
    "im2col": (by_matrix, by_matrix_backward),
    "kernel": (od.core.conv2d, od.core.conv2d_backward),
}
SIZES = (8, 16, 32, 64, 128)
LARGEST_FOR_LOOPS, ROUNDS_FOR_LOOPS, ROUNDS = 32, 2, 12


def seconds(function, *args):
    start = time.perf_counter()
    function(*args, padding=1)
    return time.perf_counter() - start


threads = od.get_num_threads()
od.set_num_threads(1)
times = {}
for size in SIZES:
    x = rng.standard_normal((1, 8, size, size)).astype(np.float32)
    w = rng.standard_normal((16, 8, 3, 3)).astype(np.float32)
    b = np.zeros(16, np.float32)
    g = rng.standard_normal((1, 16, size, size)).astype(np.float32)
    for turn in range(ROUNDS):
        for name, (forward, backward) in ways.items():
            if name == "loops" and (size > LARGEST_FOR_LOOPS or turn >= ROUNDS_FOR_LOOPS):
                continue
            took = np.array([seconds(forward, x, w, b), seconds(backward, g, x, w)])
            times[name, size] = np.minimum(times.get((name, size), np.inf), took)
od.set_num_threads(threads)

print("milliseconds, forward / backward")
print("  size" + "".join(f"{name:>20s}" for name in ways))
for size in SIZES:
    cells = [times[name, size] * 1e3 if (name, size) in times else None for name in ways]
    texts = ["" if cell is None else f"{cell[0]:.3f} / {cell[1]:.3f}" for cell in cells]
    print(f"{size:6d}" + "".join(f"{text:>20s}" for text in texts))

# %%
# The numbers are those of the machine that built this page; run the file for yours. On small images
# part of each call is not arithmetic but checking arguments and making arrays.

figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.6), sharey=True)
for number, axis in enumerate(axes):
    for name, marker in zip(ways, "os^", strict=True):
        measured = [size for size in SIZES if (name, size) in times]
        shortest = [times[name, size][number] for size in measured]
        axis.plot(measured, shortest, marker=marker, label=name)
    axis.set(xlabel="height and width of the image", xscale="log", yscale="log")
    axis.set_title(("forward", "backward")[number])
    axis.set_xticks(SIZES, map(str, SIZES))
    axis.minorticks_off()
    axis.grid(alpha=0.3)
axes[0].set_ylabel("seconds")
axes[0].legend()
figure.tight_layout()

# %%
# What a network makes of it
# --------------------------
#
# LeNet-5 begins with six filters of 5×5. We train it for four epochs, starting from random filters.
# The upper row shows the six, the lower one what they make of the digit above.

od.manual_seed(0)
model = od.models.lenet5()
optimizer = od.training.optimizers.Adam(model.parameters(), lr=0.004)
pairs = list(zip(images, train.labels, strict=True))
for _ in range(4):
    for batch, labels in od.data.DataLoader(pairs, batch_size=32, shuffle=True, seed=0):
        loss = od.core.cross_entropy(model(batch), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

test = Digits("test")
with od.no_grad():
    scores = model(od.tensor(Resize((28, 28))(test.images))).numpy()
    maps = model[1](model[0](od.tensor(images[3:4]))).numpy()[0]
print(f"test accuracy {(scores.argmax(axis=1) == test.labels).mean():.1%}")

figure, axes = plt.subplots(2, 6, figsize=(8.5, 3))
for filter_axis, map_axis, taps, seen in zip(*axes, model[0].weight.numpy(), maps, strict=True):
    filter_axis.imshow(taps[0], cmap="RdBu", vmin=-0.5, vmax=0.5)
    map_axis.imshow(seen, cmap="RdBu", vmin=-1, vmax=1)
    filter_axis.axis("off")
    map_axis.axis("off")
figure.tight_layout()

# %%
# By eye, much in the filters is still the noise that they began as: so little training has not had
# a reason to remove it. Their answers tell more. Look for maps that mark ink, and for maps that
# tell one side of a stroke from the other, as the filter at the top of this page did.

# %%
# Exercises
# ---------
#
# **1. Write the kernel.** ``by_matrix`` knows neither *dilation* (taps that stand d pixels apart)
# nor *groups* (each filter sees only its share of the channels). Add both, and let ``check_kernel``
# compare it with odyssey's reference, on all but the largest of its own cases. (Begin with the
# cases that ask for neither. ``case.kwargs`` says what a case asks for; ``pads`` turns what users
# write for the padding into four numbers.)
#
# .. code-block:: python
#
#    from odyssey.testing import cases_of, check_kernel
#    from odyssey.utils.geometry import pads
#
#    def mine(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
#        ...
#
#    small = [case for case in cases_of("conv2d") if case.args[0].size < 5000]
#    first = [case for case in small if not {"dilation", "groups"} & case.kwargs.keys()]
#    check_kernel("conv2d", mine, cases=first, dtypes=["float64"], layouts=["C"])
#    check_kernel("conv2d", mine, cases=small, dtypes=["float64"], layouts=["C"])
#
# **2. Turn the filters at stride 2.** Write the input's gradient as a convolution of stride 1 for
# any stride t: put t - 1 rows and columns of zeros between the elements of g, then go on as in the
# check above. (If the stride leaves a rest, some pixels at the end are in no window. What is their
# gradient?)
#
# .. code-block:: python
#
#    @differentiable
#    def convolve(x, stride):
#        return by_matrix(x, filters, np.zeros(4), stride)
#
#    @convolve.backward_rule(wrt=("x",))
#    def convolve_backward(grad, x_shape, stride):
#        ...
#
#    filters = np.random.default_rng(1).standard_normal((4, 3, 3, 2))
#    for stride in (1, 2, 3):
#        gradcheck(lambda x: convolve(x, stride), [np.ones((2, 3, 6, 7))])
#
# **3. Break it.** Forget to turn the filters in your solution, and see ``gradcheck`` complain. Then
# find filters for which it does *not* complain, though the code is as wrong as before. What do they
# have in common? What does that say about testing with filters of ones?
