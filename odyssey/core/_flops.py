"""How many floating-point operations an operation takes: a table, from the shapes of a call.

What counts as how much:

- An addition, a multiplication, a comparison or a maximum is 1, so a multiply-add is
  2; a division or a square root is 4; an exponential, a logarithm or any other
  transcendental function is 8 (the weights of [1]_). They are counted as the formula
  in the docstring has them, whatever the kernel does: a convolution by Winograd's
  algorithm counts as much as a direct one.
- A product of matrices (N, K) and (K, M) is 2·N·K·M; a convolution 2·R·S·C/G for each
  output, windows over padding included; a bias 1 for each output.
- A reduction is 1 for each input, an average one division more for each output.
- What only moves, copies, casts or looks up is 0.
- What is in none of the tables below is 1 for each element of its result.

A backward counts what its forward did, once for each argument that gets a gradient,
biases aside. That is what products and convolutions do; for the rest it is an estimate.

References
----------
.. [1] F. H. McMahon, "The Livermore Fortran Kernels: A computer test of the numerical
   performance range", 1986, report UCRL-53745
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["FLOPS"]

DIVIDE = 4
FUNCTION = 8

FLOPS: dict[str, Callable[..., float]] = {}
"""Name of an operation to a function of its output and its arguments, by their names."""


def _counts(*names: str) -> Callable[[Callable[..., float]], Callable[..., float]]:
    """Put a function into the table, under the names of operations."""

    def put(function: Callable[..., float]) -> Callable[..., float]:
        FLOPS.update(dict.fromkeys(names, function))
        return function

    return put


def _each(numbers: dict[int, str]) -> None:
    """Let operations count a number for each element of the output."""
    for number, names in numbers.items():
        _counts(*names.split())(lambda out, number=number, **_: number * out.size)


def _each_input(numbers: dict[tuple[int, int], str]) -> None:
    """Let operations count a number for each input, and one for each output."""
    for (first, second), names in numbers.items():
        _counts(*names.split())(
            lambda out, first=first, second=second, **arguments: (
                first * _largest(arguments) + second * out.size
            )
        )


def _largest(arguments: dict[str, Any]) -> int:
    """Return the number of elements to which the arguments broadcast, or of the largest."""
    shapes = [value.shape for value in arguments.values() if hasattr(value, "shape")]
    try:
        return math.prod(np.broadcast_shapes(*shapes))
    except ValueError:
        return max(map(math.prod, shapes))


# -- element by element, and reductions --------------------------------------------------------

_each(
    {
        0: """reshape flatten ravel expand_dims squeeze broadcast_to transpose swapaxes moveaxis
        permute matrix_transpose diagonal diag tril triu flip roll repeat tile slice getitem put
        split unstack concatenate stack pad unfold pixel_shuffle pixel_unshuffle channel_shuffle
        take take_along_axis gather scatter index_put embedding one_hot masked_fill where astype
        positive real imag conj max_unpool1d max_unpool2d max_unpool3d copysign signbit nextafter
        isfinite isinf isnan logical_and logical_or logical_xor logical_not bitwise_and
        bitwise_or bitwise_xor bitwise_invert bitwise_left_shift bitwise_right_shift nonzero
        _watch""",  # the last: backward hooks of modules
        2: "relu6 hard_tanh clip relu_squared soft_shrink",
        3: "lerp cross rotary",
        4: "hard_sigmoid divide floor_divide modulo reciprocal sqrt isclose",
        5: "hard_swish normalize_rgb",
        6: "softsign",
        7: "hypot",
        8: "exp exp2 expm1 log log1p log2 log10 rsqrt sin cos tan asin acos atan atan2 sinh "
        "cosh asinh acosh atanh tanh erf power squareplus",
        9: "tanh_shrink",
        11: "elu selu celu",
        12: "gelu log_softmax",
        14: "sigmoid",
        15: "softmax softmin swish quick_gelu glu",
        16: "swiglu",
        18: "softplus log_sigmoid",
        25: "logaddexp",
        27: "mish",
        33: "gumbel_softmax",
    }
)

_each_input(
    {
        (1, 0): "sum max min prod any all argmax argmin count_nonzero cumulative_sum "
        "cumulative_prod trace array_equal allclose bincount histogram isin",
        (1, 4): "mean",
        (2, 4): "vector_norm matrix_norm norm",
        (4, 8): "var",
        (4, 12): "std",
        (11, 9): "logsumexp",
        # losses
        (2, 1): "nll_loss l1_loss",
        (3, 1): "mean_squared_error hinge_loss margin_ranking_loss",
        (4, 1): "squared_hinge_loss huber_loss smooth_l1_loss pairwise_distance",
        (6, 9): "cosine_similarity cosine_embedding_loss",
        (7, 9): "tversky_loss dice_loss",
        (12, 4): "kl_divergence poisson_nll_loss",
        (12, 1): "cross_entropy",
        (13, 1): "triplet_margin_loss gaussian_nll_loss",
        (20, 1): "binary_cross_entropy log_cosh_loss",
        (22, 1): "binary_cross_entropy_with_logits focal_loss",
    }
)


@_counts("dropout", "dropout1d", "dropout2d", "dropout3d", "drop_path", "alpha_dropout")
@_counts("gaussian_noise")
def _dropout(out: Any, training: bool = True, **_: Any) -> float:
    return 2 * out.size if training else 0


@_counts("scatter_add", "index_add")
def _added(out: Any, src: Any, **_: Any) -> float:
    return np.size(src)


@_counts("fold")
def _folded(out: Any, x: Any, **_: Any) -> float:
    return x.size


@_counts("sort", "argsort", "top_k", "unique", "quantile", "percentile", "median", "sparsemax")
@_counts("unique_all", "unique_counts", "unique_inverse", "unique_values")
def _sorted(out: Any, x: Any, axis: Any = None, **_: Any) -> float:
    """Return n·log2 n comparisons for each row of n."""
    rows = x.shape[axis] if isinstance(axis, int) and x.ndim else x.size
    return x.size * math.ceil(math.log2(max(rows, 1)))


@_counts("searchsorted")
def _searched(out: Any, x1: Any, **_: Any) -> float:
    return out.size * math.ceil(math.log2(x1.size + 1))


# -- products ----------------------------------------------------------------------------------


@_counts("matmul")
def _matmul(out: Any, a: Any, b: Any) -> float:
    return 2 * out.size * a.shape[-1]


@_counts("linear")
def _linear(out: Any, x: Any, weight: Any, bias: Any = None) -> float:
    return out.size * (2 * x.shape[-1] + (bias is not None))


@_counts("dot", "inner")
def _dot(out: Any, a: Any, b: Any) -> float:
    scaled = np.ndim(a) == 0 or np.ndim(b) == 0
    return out.size if scaled else 2 * out.size * a.shape[-1]


@_counts("vecdot")
def _vecdot(out: Any, x1: Any, x2: Any, axis: int) -> float:
    return 2 * out.size * np.broadcast_shapes(x1.shape[axis:], x2.shape[axis:])[0]


@_counts("tensordot")
def _tensordot(out: Any, a: Any, b: Any, axes: Any) -> float:
    if isinstance(axes, (int, np.integer)):
        summed = a.shape[a.ndim - axes :]
    else:
        first = axes[0] if isinstance(axes[0], (list, tuple)) else (axes[0],)
        summed = tuple(a.shape[axis] for axis in first)
    return (2 if summed else 1) * out.size * math.prod(summed)


@_counts("einsum")
def _einsum(out: Any, subscripts: str, xs: Any) -> float:
    """Return what the loop over all letters takes: no pair of operands is multiplied first."""
    operands = subscripts.replace(" ", "").split("->")[0].split(",")
    sizes: dict[str, int] = {}
    around = []
    for letters, x in zip(operands, xs, strict=True):
        before, dots, after = letters.partition("...")
        middle = len(x.shape) - len(after) if dots else len(before)
        around.append(x.shape[len(before) : middle])
        named = [*zip(before, x.shape, strict=False), *zip(after, x.shape[middle:], strict=False)]
        for letter, size in named:
            sizes[letter] = max(size, sizes.get(letter, 1)) if size else 0
    points = math.prod(sizes.values()) * math.prod(np.broadcast_shapes(*around))
    return points * (len(operands) - (points == out.size))


@_counts("matrix_power")
def _matrix_power(out: Any, x: Any, n: int) -> float:
    products = max(abs(n).bit_length() - 1 + abs(n).bit_count() - 1, 0) if n else 0
    return 2 * x.size * x.shape[-1] * (products + (n < 0))


@_counts("scaled_dot_product_attention")
def _attention(out: Any, q: Any, k: Any, v: Any, **rest: Any) -> float:
    return _attended(
        out.size // max(out.shape[-1] * out.shape[-2], 1),
        (q.shape[-2], k.shape[-2], q.shape[-1], v.shape[-1]),
        **rest,
    )


def _attended(
    heads: int,
    sizes: tuple[int, int, int, int],
    mask: Any = None,
    causal: bool = False,
    window: int | None = None,
    dropout_p: float = 0.0,
    **_: Any,
) -> float:
    """Return two products, a scaling and a softmax for each pair of a query and a key it sees."""
    L, S, E, V = sizes
    reach = L + S if window is None else window
    pairs = sum(
        max(min(i + (1 if causal else reach), S) - max(i - reach + 1, 0), 0) for i in range(L)
    )
    added = mask is not None and mask.dtype.kind == "f"
    return heads * pairs * (2 * E + 2 * V + 1 + 15 + added + 2 * (dropout_p > 0))


@_counts("multi_head_attention")
def _multi_head(
    out: Any,
    q: Any,
    k: Any,
    v: Any,
    wq: Any,
    wk: Any,
    wv: Any,
    wo: Any,
    num_heads: int,
    **rest: Any,
) -> float:
    batch = math.prod(out.shape[:-2])
    L, S = q.shape[-2], k.shape[-2]
    projected = sum(
        batch * rows * weight.shape[0] * (2 * weight.shape[1] + (rest.get(bias) is not None))
        for rows, weight, bias in ((L, wq, "bq"), (S, wk, "bk"), (S, wv, "bv"), (L, wo, "bo"))
    )
    groups = rest.get("num_kv_heads") or num_heads
    sizes = (L, S, wq.shape[0] // num_heads, wv.shape[0] // groups)
    return projected + _attended(batch * num_heads, sizes, **rest)


# -- convolutions and pools --------------------------------------------------------------------


@_counts("conv1d", "conv2d", "conv3d", "depthwise_conv2d")
def _conv(out: Any, x: Any, weight: Any, bias: Any = None, **_: Any) -> float:
    return out.size * (2 * math.prod(weight.shape[1:]) + (bias is not None))


@_counts("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def _conv_transpose(out: Any, x: Any, weight: Any, bias: Any = None, **_: Any) -> float:
    return 2 * x.size * math.prod(weight.shape[1:]) + (bias is not None) * out.size


@_counts("input_gradient")
def _input_gradient(out: Any, y: Any, weight: Any, **_: Any) -> float:
    return 2 * y.size * math.prod(weight.shape[1:])


@_counts("weight_gradient")
def _weight_gradient(out: Any, y: Any, x: Any, weight_shape: Any, **_: Any) -> float:
    return 2 * y.size * math.prod(weight_shape[1:])


@_counts("depthwise_separable_conv2d")
def _separable(
    out: Any, x: Any, depthwise_weight: Any, pointwise_weight: Any, bias: Any = None, **_: Any
) -> float:
    middle = out.size // out.shape[1] * pointwise_weight.shape[1] if out.size else 0
    filtered = 2 * middle * math.prod(depthwise_weight.shape[1:])
    return filtered + out.size * (2 * pointwise_weight.shape[1] + (bias is not None))


def _taps(out: Any, kernel_size: Any) -> int:
    """Return the size of a window of as many axes as the output has after the second."""
    if isinstance(kernel_size, (tuple, list)):
        return math.prod(kernel_size)
    return kernel_size ** (len(out.shape) - 2)


@_counts("max_pool1d", "max_pool2d", "max_pool3d")
def _max_pool(out: Any, kernel_size: Any, **_: Any) -> float:
    return out.size * _taps(out, kernel_size)


@_counts("avg_pool1d", "avg_pool2d", "avg_pool3d")
def _avg_pool(out: Any, kernel_size: Any, **_: Any) -> float:
    return out.size * (_taps(out, kernel_size) + DIVIDE)


@_counts("lp_pool1d", "lp_pool2d")
def _lp_pool(out: Any, kernel_size: Any, **_: Any) -> float:
    return out.size * (_taps(out, kernel_size) * (FUNCTION + 1) + FUNCTION)


_each_input(
    {
        (1, 0): "adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d global_max_pool2d",
        (1, 4): "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d global_avg_pool2d",
    }
)


@_counts("interpolate")
def _interpolate(out: Any, x: Any, mode: str = "nearest", **_: Any) -> float:
    """Return a multiply-add for each of the pixels that an output is mixed of."""
    taps = {"nearest": 0, "nearest-exact": 0, "area": 1, "bicubic": 4}.get(mode, 2)
    if mode == "area":
        return x.size + DIVIDE * out.size
    return 2 * out.size * taps ** (len(out.shape) - 2) if taps else 0


# -- normalisation -----------------------------------------------------------------------------


def _normalized(x: Any, groups: float, weight: Any, bias: Any) -> float:
    """Return mean, difference, variance, product; a root and three divisions for each group."""
    return (5 + (weight is not None) + (bias is not None)) * x.size + (4 * DIVIDE + 1) * groups


def _rows(x: Any, normalized_shape: Any) -> int:
    """Return how many parts of ``x`` are normalised, each by itself."""
    several = isinstance(normalized_shape, (tuple, list))
    size = math.prod(normalized_shape) if several else normalized_shape
    return x.size // max(size, 1)


@_counts("layer_norm")
def _layer_norm(
    out: Any, x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, **_: Any
) -> float:
    return _normalized(x, _rows(x, normalized_shape), weight, bias)


@_counts("group_norm")
def _group_norm(
    out: Any, x: Any, num_groups: int, weight: Any = None, bias: Any = None, **_: Any
) -> float:
    return _normalized(x, x.shape[0] * num_groups, weight, bias)


@_counts("instance_norm")
def _instance_norm(out: Any, x: Any, weight: Any = None, bias: Any = None, **_: Any) -> float:
    return _normalized(x, x.shape[0] * x.shape[1], weight, bias)


@_counts("batch_norm")
def _batch_norm(
    out: Any, x: Any, weight: Any = None, bias: Any = None, training: bool = True, **_: Any
) -> float:
    if training:
        return _normalized(x, x.shape[1], weight, bias)
    affine = (weight is not None) + (bias is not None)
    return (2 + affine) * x.size + (2 * DIVIDE + 1) * x.shape[1]


@_counts("rms_norm")
def _rms_norm(out: Any, x: Any, normalized_shape: Any, weight: Any = None, **_: Any) -> float:
    rows = _rows(x, normalized_shape)
    return (3 + (weight is not None)) * x.size + (3 * DIVIDE + 1) * rows


@_counts("normalize", "weight_norm")
def _scaled(out: Any, **_: Any) -> float:
    return (3 + DIVIDE) * out.size


@_counts("local_response_norm")
def _local_response_norm(out: Any, size: int, **_: Any) -> float:
    return out.size * (2 * size + 2 + FUNCTION + DIVIDE)


@_counts("spectral_norm")
def _spectral_norm(out: Any, weight: Any, **_: Any) -> float:
    return 2 * weight.size + 2 * weight.shape[0] + DIVIDE * weight.size


@_counts("power_iteration")
def _power_iteration(out: Any, weight: Any, iterations: int = 1, **_: Any) -> float:
    return 4 * weight.size * iterations


@_counts("info_nce_loss")
def _info_nce(out: Any, x: Any, y: Any, **_: Any) -> float:
    return 2 * x.shape[0] * y.shape[0] * x.shape[1] + 13 * x.shape[0] * y.shape[0]


# -- recurrent ---------------------------------------------------------------------------------


def _recurrent(number: int, *names: str) -> None:
    """Let operations count two products for each step, and ``number`` for each unit and step."""

    @_counts(*names)
    def count(
        out: Any,
        x: Any,
        weight_ih: Any,
        weight_hh: Any,
        bias_ih: Any = None,
        bias_hh: Any = None,
        **_: Any,
    ) -> float:
        (gates, inputs), units = weight_ih.shape, weight_hh.shape[1]
        added = 1 + (bias_ih is not None) + (bias_hh is not None)
        rows = x.shape[0] * x.shape[1]
        return rows * (gates * (2 * inputs + 2 * units + added) + number * units)


_recurrent(3 * 14 + 2 * FUNCTION + 4, "lstm")  # three gates, two tangents; c = f·c + i·g, o·tanh c
_recurrent(2 * 14 + FUNCTION + 4, "gru")  # two gates, a tangent; r·n, and (1 - z)·n + z·h
_recurrent(FUNCTION, "rnn")


# -- linear algebra: Golub and Van Loan, "Matrix Computations" ---------------------------------


def _cubic(*names: str, factor: float) -> None:
    """Let operations on n×n matrices count ``factor`` · n³ for each."""
    _counts(*names)(lambda out, x, **_: round(factor * x.size * x.shape[-1]))


_cubic("cholesky", factor=1 / 3)
_cubic("det", "slogdet", factor=2 / 3)
_cubic("eigvalsh", factor=4 / 3)
_cubic("inv", factor=2)
_cubic("eigh", factor=9)


@_counts("solve")
def _solve(out: Any, a: Any, b: Any) -> float:
    return round(2 / 3 * a.size * a.shape[-1]) + 2 * out.size * a.shape[-1]


@_counts("qr")
def _qr(out: Any, x: Any, **_: Any) -> float:
    m, n = sorted(x.shape[-2:], reverse=True)
    return round(math.prod(x.shape[:-2]) * 2 * (2 * m * n**2 - 2 / 3 * n**3))


@_counts("svdvals", "matrix_rank")
def _svdvals(out: Any, x: Any, **_: Any) -> float:
    m, n = sorted(x.shape[-2:], reverse=True)
    return round(math.prod(x.shape[:-2]) * (4 * m * n**2 - 4 / 3 * n**3))


@_counts("svd", "pinv")
def _svd(out: Any, x: Any, **_: Any) -> float:
    m, n = sorted(x.shape[-2:], reverse=True)
    return math.prod(x.shape[:-2]) * (14 * m * n**2 + 8 * n**3)


@_counts("lstsq")
def _lstsq(out: Any, a: Any, b: Any) -> float:
    return _svd(out, a) + 2 * a.shape[-2] * (b.size // b.shape[-2] if b.ndim > 1 else 1)
