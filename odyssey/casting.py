"""Automatic mixed precision: which operations compute in float16, and which in float32.

Parameters and optimizer stay in float32. Inside ``with od.autocast():`` each operation
on Tensors gets its floating arguments in the dtype that suits it:

- **lower**: sums of products, the bulk of the work, in float16;
- **upper**: what leaves float16's range (6e-8 to 65504) or adds up its rounding errors
  (1 part in 2048), in float32;
- **promote**: all others, in the widest dtype among their arguments, as they come.

:data:`LOWER` and :data:`UPPER` are the whole table. The conversion is an operation on the
tape, so that a gradient comes back in the dtype of what was converted.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from contextvars import Token
from typing import Any

import numpy as np

from odyssey.core import astype
from odyssey.errors import DTypeError
from odyssey.observe import switch
from odyssey.operation import Operation
from odyssey.tape import Rewriter, differentiable, rewriting
from odyssey.tensor import Storage, Tensor, memory_of

__all__ = ["LOWER", "UPPER", "autocast"]


def _names(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


LOWER = _names(
    # Products of matrices.
    "matmul linear dot inner vecdot tensordot einsum",
    # Convolutions.
    "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d",
    "depthwise_conv2d depthwise_separable_conv2d",
    # Attention.
    "scaled_dot_product_attention multi_head_attention",
    # Recurrent layers.
    "lstm gru rnn",
    # An activation with a float32 weight, which would widen all that follows.
    "prelu",
)
"""The operations that compute in float16."""

UPPER = _names(
    # Exponentials, logarithms and powers.
    "exp exp2 expm1 log log2 log10 log1p logaddexp sinh cosh tan",
    "power square hypot rsqrt reciprocal relu_squared softplus",
    # Probabilities.
    "softmax softmin log_softmax gumbel_softmax sparsemax logsumexp log_sigmoid",
    # Sums and moments.
    "sum mean prod var std cumulative_sum cumulative_prod trace lp_pool1d lp_pool2d",
    # Norms, distances, normalisation.
    "norm vector_norm matrix_norm normalize cosine_similarity pairwise_distance",
    "batch_norm layer_norm rms_norm group_norm instance_norm local_response_norm",
    "weight_norm spectral_norm power_iteration",
    # Losses.
    "cross_entropy nll_loss focal_loss kl_divergence info_nce_loss",
    "binary_cross_entropy binary_cross_entropy_with_logits",
    "l1_loss mean_squared_error smooth_l1_loss huber_loss log_cosh_loss",
    "hinge_loss squared_hinge_loss margin_ranking_loss triplet_margin_loss",
    "cosine_embedding_loss gaussian_nll_loss poisson_nll_loss dice_loss tversky_loss",
    # Decompositions and systems of equations.
    "cholesky qr svd svdvals eigh eigvalsh det slogdet inv pinv solve lstsq",
    "matrix_rank matrix_power",
)
"""The operations that compute in float32."""

_HALF, _SINGLE = np.dtype(np.float16), np.dtype(np.float32)


class autocast:
    r"""Let operations compute in float16 where that is good enough; also a decorator.

    Parameters
    ----------
    dtype : {"float16"}
        What the operations of the list :data:`LOWER` compute in.
    enabled : bool, default True
        With False operations run as they are, also inside another block.

    Raises
    ------
    DTypeError
        If ``dtype`` is another one: NumPy has no bfloat16.

    Notes
    -----
    Of a call with Tensors of dtypes :math:`d_1, d_2, \dots` all are converted to

    .. math::

        d = \begin{cases}
            \text{float16} & \text{on the list LOWER} \\
            \max(\text{float32}, d_1, d_2, \dots) & \text{on the list UPPER} \\
            \max(d_1, d_2, \dots) & \text{otherwise,}
        \end{cases}

    but float64 is never lowered: with a float64 Tensor an operation computes in float64.
    Integers stay, and so does a call on arrays alone; beside Tensors, arrays of float16
    and float32 are converted with them. Backward computes in what its forward computed
    in, inside of a block or not; call it outside. A conversion rounds to nearest, beyond
    65504 to infinity, and its gradient is converted back.

    A weight (a leaf that requires a gradient) is converted once in a block, and again
    after a write. The copies live until the outermost block ends.

    Gradients below float16's range vanish: scale the loss
    (:class:`odyssey.training.GradScaler`).

    References
    ----------
    .. [1] P. Micikevicius, S. Narang, J. Alben, G. Diamos, E. Elsen, D. Garcia,
       B. Ginsburg, M. Houston, O. Kuchaiev, G. Venkatesh, H. Wu, "Mixed precision
       training", ICLR 2018, sections 3.1 and 3.3, https://arxiv.org/abs/1710.03740.

    Examples
    --------
    >>> import odyssey as od
    >>> x, w = od.ones((2, 3)), od.ones((3, 4), requires_grad=True)
    >>> with od.autocast():
    ...     y = x @ w
    ...     loss = y.sum()
    >>> y.dtype, loss.dtype
    (dtype('float16'), dtype('float32'))
    >>> loss.backward()
    >>> w.grad.dtype
    dtype('float32')
    """

    def __init__(self, dtype: Any = "float16", enabled: bool = True) -> None:
        try:
            self.dtype = np.dtype(dtype)
        except TypeError:
            raise DTypeError(f"autocast: dtype must be 'float16', got {dtype!r}") from None
        if self.dtype != _HALF:
            raise DTypeError(f"autocast: dtype must be 'float16', got {str(self.dtype)!r}")
        self.enabled = bool(enabled)
        self._tokens: list[Token[Rewriter | None]] = []

    def __enter__(self) -> None:
        outer = rewriting.get()  # with its converted weights
        self._tokens.append(rewriting.set((outer or _Converter()) if self.enabled else None))
        switch.add(1)

    def __exit__(self, *error: object) -> None:
        switch.add(-1)
        rewriting.reset(self._tokens.pop())

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as one that runs inside such a block."""

        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with autocast(self.dtype, self.enabled):  # a block of its own: calls may overlap
                return function(*args, **kwargs)

        return inside


@differentiable
def cast(x: Any, dtype: Any, known: Any = None) -> Any:
    """Return ``x`` in a dtype: ``known``, if that is at hand, else converted."""
    return astype(x, dtype) if known is None else known


@cast.backward_rule(wrt=("x",))  # type: ignore[untyped-decorator]
def cast_backward(grad: Any, x_dtype: Any) -> Any:
    """Return the gradient of :func:`cast`, in the dtype that was converted from."""
    return astype(grad, x_dtype)


class _Converter:
    """What a block does to the arguments of operations, and the weights that it has converted."""

    def __init__(self) -> None:
        # By id: the weight, which keeps the id its own, and what it was then; and the copy.
        self.weights: dict[int, tuple[tuple[Tensor, int, Storage, np.ndarray], np.ndarray]] = {}

    def __call__(self, operation: Operation, args: tuple[Any, ...]) -> tuple[Any, ...]:
        if operation is cast.operation:
            return args
        floats = list(_floats(args))
        if not any(isinstance(one, Tensor) for one in floats):
            return args
        dtypes = {one.dtype for one in floats}
        dtype = max(dtypes, key=lambda dtype: dtype.itemsize)
        if operation.name in LOWER and dtype == _SINGLE:
            dtype = _HALF
        elif operation.name in UPPER and dtype == _HALF:
            dtype = _SINGLE
        return args if dtypes == {dtype} else tuple([self.converted(x, dtype) for x in args])

    def converted(self, value: Any, dtype: np.dtype[Any]) -> Any:
        """Return an argument in a dtype, also inside lists and tuples, if it is floating."""
        if type(value) is list or type(value) is tuple:
            return type(value)([self.converted(one, dtype) for one in value])
        if not _is_float(value) or value.dtype == dtype:
            return value
        if not isinstance(value, Tensor):
            return astype(value, dtype)
        weight = dtype == _HALF and value._node is None and value._requires_grad
        return self.lowered(value) if weight else cast(value, dtype)

    def lowered(self, weight: Tensor) -> Tensor:
        """Return a weight in float16.

        Kept is the array, not the Tensor: each use has its own place on the tape, so that
        backward may walk from one and free it, and what several uses send is added up in
        float32.
        """
        storage = memory_of(weight)
        now = weight, storage.version, storage, weight.data
        before, copy = self.weights.get(id(weight), (None, None))
        if before is None or before[1] != now[1] or not all(map(operator.is_, before[2:], now[2:])):
            copy = None
        lowered: Tensor = cast(weight, _HALF, copy)
        self.weights[id(weight)] = now, lowered.data
        return lowered


def _floats(values: Any) -> Iterator[Any]:
    """Yield the arguments that count, also inside lists and tuples."""
    for value in values:
        if type(value) is list or type(value) is tuple:
            yield from _floats(value)
        elif _is_float(value):
            yield value


def _is_float(value: Any) -> bool:
    """Tell whether a value is a floating Tensor, or an array that goes along with them.

    float64 arrays are settings and constants, such as the ``q`` of ``quantile``.
    """
    if isinstance(value, Tensor):
        return value.dtype.kind == "f"
    return type(value) is np.ndarray and value.dtype in (_HALF, _SINGLE)
