"""Averages of weights: EMA and SWA beside a training, Lookahead inside of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from odyssey.errors import FormatError, OdysseyError
from odyssey.grad_mode import no_grad
from odyssey.nn import Buffer, Module
from odyssey.training.optimizers import Optimizer

__all__ = ["EMA", "SWA", "Lookahead", "update_batch_norm"]


class WeightAverage:
    r"""Base class of running averages: a subclass says how much the newest weights count.

    At update t, with the share :math:`s_t` of the model's weights w:

    .. math:: \bar w \leftarrow \bar w + s_t\, (w - \bar w)

    All that is floating-point in the model's ``state_dict()`` is averaged, parameters and
    buffers, in float32 if it is in float16. Integer buffers stay the model's own.

    Parameters
    ----------
    model : Module
        The averages begin with its present weights.

    Attributes
    ----------
    averages : dict of str to ndarray
        By the model's names.
    count : int
        The updates so far.
    """

    def __init__(self, model: Module) -> None:
        self.model = model
        self.count = 0
        self.averages = {
            name: array.astype(np.result_type(array, np.float32))  # a copy
            for name, array in model.state_dict().items()
            if array.dtype.kind == "f"
        }
        if not self.averages:
            raise OdysseyError(f"{type(self).__name__}: the model has no floating-point weights")
        self._is_applied = False

    def share(self, count: int) -> float:
        """Return the weight of the model in the update of that number, the first being 1."""
        raise OdysseyError(f"{type(self).__name__}: an average must define share")

    def update(self) -> None:
        """Take in the model's weights; to be called after each step, or each epoch.

        Raises
        ------
        OdysseyError
            Inside of :meth:`applied`: the model's weights are then the averages.
        """
        self._check_not_applied("update")
        self.count += 1
        share, state = self.share(self.count), self.model.state_dict()
        for name, average in self.averages.items():
            if share == 1:  # the difference would be rounded
                average[...] = state[name]
            else:
                average += share * (state[name] - average)

    def apply(self) -> None:
        """Write the averages into the model for good, when the training is over."""
        self._check_not_applied("apply")
        self.model.load_state_dict(self.averages, strict=False)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the model have the averages in a ``with`` block, and its own weights afterwards.

        Whatever happens in the block: the weights and buffers are then, bit by bit, what
        they were. Only values move, so that the optimizer's parameters stay the same objects.

        Raises
        ------
        OdysseyError
            If the averages are applied already.
        """
        self._check_not_applied("applied")
        own = {name: array.copy() for name, array in self.model.state_dict().items()}
        self.model.load_state_dict(self.averages, strict=False)
        self._is_applied = True
        try:
            yield
        finally:
            self._is_applied = False
            self.model.load_state_dict(own)

    def state_dict(self) -> dict[str, Any]:
        """Return count and averages, from which they go on bit by bit; they share memory."""
        return {"count": self.count, "averages": dict(self.averages)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Copy a state that :meth:`state_dict` gave, of a model made alike.

        Raises
        ------
        FormatError
            If it is none, or its names or shapes are not the model's. Then nothing is loaded.
        """
        name = type(self).__name__
        if state.keys() != {"count", "averages"}:
            raise FormatError(f"{name}: the state has {sorted(state)}, not count and averages")
        given = {key: np.asarray(value) for key, value in state["averages"].items()}
        for key in [*self.averages, *given]:
            own, new = self.averages.get(key), given.get(key)
            if own is None or new is None:
                raise FormatError(
                    f"{name}: {key!r} is {'missing in' if new is None else 'only in'} the state"
                )
            if own.shape != new.shape:
                raise FormatError(f"{name}: {key}: expected shape {own.shape}, got {new.shape}")
        self.count = int(state["count"])
        for key, average in self.averages.items():
            average[...] = given[key]

    def _check_not_applied(self, method: str) -> None:
        if self._is_applied:
            raise OdysseyError(
                f"{type(self).__name__}: {method} inside of applied(): the model holds the averages"
            )


class EMA(WeightAverage):
    r"""Exponential moving average of a model's weights, for evaluation.

    The model trains on, noisily; the average of its last steps, some
    :math:`1 / (1 - \beta)` of them, is often better than each. At update t, from
    :math:`\bar w = w` at construction on:

    .. math::

        \bar w \leftarrow \beta_t\, \bar w + (1 - \beta_t)\, w, \qquad
        \beta_t = \beta
        \quad\text{or, with warmup,}\quad
        \beta_t = \min\Bigl(\beta, \frac{1 + t}{10 + t}\Bigr)

    Parameters
    ----------
    model : Module
    decay : float
        :math:`\beta`, in [0, 1).
    warmup : bool
        Forget the first weights sooner: the average is then over the last tenth or so of
        the steps, until that is more than :math:`\beta` asks for.

    Attributes
    ----------
    averages : dict of str to ndarray
        By the model's names; parameters and floating-point buffers.
    count : int
        The updates so far.

    Raises
    ------
    OdysseyError
        If ``decay`` is out of range.

    References
    ----------
    .. [1] B. T. Polyak, A. B. Juditsky, "Acceleration of stochastic approximation by
       averaging", SIAM Journal on Control and Optimization 30(4), 1992.
       https://doi.org/10.1137/0330046
    .. [2] C. Szegedy et al., "Rethinking the Inception architecture for computer vision",
       CVPR 2016, section 8. https://arxiv.org/abs/1512.00567

    Examples
    --------
    >>> import odyssey as od
    >>> model = od.nn.Linear(1, 1, bias=False)
    >>> model.weight.data[...] = 0
    >>> ema = EMA(model, decay=0.75)
    >>> model.weight.data[...] = 1
    >>> ema.update()
    >>> with ema.applied():
    ...     print(model.weight.item())
    0.25
    >>> model.weight.item()
    1.0
    """

    def __init__(self, model: Module, decay: float = 0.999, warmup: bool = False) -> None:
        if not 0 <= decay < 1:
            raise OdysseyError(f"EMA: decay must lie in [0, 1), got {decay!r}")
        self.decay, self.warmup = decay, warmup
        super().__init__(model)

    def share(self, count: int) -> float:
        """Return one less the decay of that update."""
        decay = min(self.decay, (1 + count) / (10 + count)) if self.warmup else self.decay
        return 1 - decay


class SWA(WeightAverage):
    r"""Stochastic weight averaging: all weights that were taken in count alike.

    After n updates the average is :math:`\bar w = \frac1n \sum_i w_i`, computed as

    .. math:: \bar w \leftarrow \bar w + \frac{w - \bar w}{n} .

    It is updated late in a training, say once an epoch with a large constant rate, in
    the middle of the valley around whose slopes the weights then wander. At the end
    :meth:`apply` it, and let :func:`update_batch_norm` measure the moments that belong to
    the averaged weights.

    Parameters
    ----------
    model : Module

    Attributes
    ----------
    averages : dict of str to ndarray
        By the model's names; parameters and floating-point buffers.
    count : int
        The updates so far. Before the first the averages are the model's first weights.

    References
    ----------
    .. [1] P. Izmailov et al., "Averaging weights leads to wider optima and better
       generalization", UAI 2018, algorithm 1. https://arxiv.org/abs/1803.05407

    Examples
    --------
    >>> import odyssey as od
    >>> model = od.nn.Linear(1, 1, bias=False)
    >>> swa = SWA(model)
    >>> for weight in (1, 2, 6):
    ...     model.weight.data[...] = weight
    ...     swa.update()
    >>> swa.apply()
    >>> model.weight.item()
    3.0
    """

    def share(self, count: int) -> float:
        """Return equal shares."""
        return 1 / count


def update_batch_norm(model: Module, loader: Iterable[Any]) -> None:
    """Measure the running moments of batch normalisation anew, all batches counting alike.

    Averaged weights give other activations than any of the weights that were averaged,
    so that the moments in the buffers are not theirs.

    Parameters
    ----------
    model : Module
        In training mode meanwhile; each of its modules is put back into the mode it was in.
        Measured is what has the buffers ``running_mean``, ``running_var`` and
        ``num_batches_tracked``, and a ``momentum``. A model without any is left alone.
    loader : iterable of (inputs ..., target), of (input,) or of Tensor
        Gone through once; a target is left aside.

    Raises
    ------
    OdysseyError
        If the loader is empty. Then, and if anything else goes wrong, the moments stay
        what they were.

    References
    ----------
    .. [1] P. Izmailov et al., "Averaging weights leads to wider optima and better
       generalization", UAI 2018, section 3.2. https://arxiv.org/abs/1803.05407

    Examples
    --------
    >>> import odyssey as od
    >>> model = od.nn.Sequential(od.nn.Linear(2, 2), od.nn.ReLU())
    >>> update_batch_norm(model, [od.ones((3, 2))])  # it has none
    """
    normalising: list[Any] = [
        module
        for module in model.modules()
        if isinstance(getattr(module, "running_mean", None), Buffer)
        and isinstance(getattr(module, "running_var", None), Buffer)
    ]
    if not normalising:
        return
    modes = [(module, module.training) for module in model.modules()]
    momenta = [module.momentum for module in normalising]
    before = {name: array.copy() for name, array in model.state_dict().items()}
    batches = 0
    model.train()
    try:
        with no_grad():
            for module in normalising:
                module.momentum = None  # equal shares
                module.running_mean[...] = 0
                module.running_var[...] = 1
                module.num_batches_tracked[...] = 0
            for batch in loader:
                parts = list(batch) if isinstance(batch, (tuple, list)) else [batch]
                model(*(parts[:-1] or parts))
                batches += 1
        if not batches:
            raise OdysseyError("update_batch_norm: the loader gave no batch")
    except BaseException:
        model.load_state_dict(before)
        raise
    finally:
        for module, momentum in zip(normalising, momenta, strict=True):
            module.momentum = momentum
        for module, mode in modes:
            module.training = mode


class Lookahead(Optimizer):
    r"""Lookahead: k fast steps of any optimizer forward, then a slow one back towards them.

    The slow weights :math:`\phi` begin as the weights :math:`\theta`. The wrapped optimizer
    moves :math:`\theta`; after every k of its steps

    .. math::

        \phi &\leftarrow \phi + \alpha\, (\theta - \phi) \\
        \theta &\leftarrow \phi

    and its own state (momenta) stays. Slow weights are kept in float32 beside float16.

    Parameters
    ----------
    optimizer : Optimizer
        What takes the fast steps. Settings and groups are its own, so that a schedule of
        either is one of both.
    k : int
        How many fast steps make a slow one.
    alpha : float
        :math:`\alpha`, the size of the slow step, in (0, 1].

    Attributes
    ----------
    groups : list of dict
        Those of ``optimizer``.
    count : int
        The fast steps so far.

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    References
    ----------
    .. [1] M. Zhang, J. Lucas, G. Hinton, J. Ba, "Lookahead optimizer: k steps forward,
       1 step back", NeurIPS 2019, algorithm 1. https://arxiv.org/abs/1907.08610

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.Parameter(od.tensor([1.0]))
    >>> optimizer = Lookahead(od.training.optimizers.SGD([w], lr=0.25), k=2, alpha=0.5)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (w * w).sum().backward()
    ...     optimizer.step()
    ...     print(w.item())  # from 1 to 0.5 and 0.25, and half of the way back
    0.5
    0.625
    """

    def __init__(self, optimizer: Optimizer, k: int = 5, alpha: float = 0.5) -> None:
        if not isinstance(optimizer, Optimizer):
            raise OdysseyError(
                f"Lookahead: optimizer must be an Optimizer, got {type(optimizer).__name__}"
            )
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            raise OdysseyError(f"Lookahead: k must be a positive integer, got {k!r}")
        if not 0 < alpha <= 1:
            raise OdysseyError(f"Lookahead: alpha must lie in (0, 1], got {alpha!r}")
        self.optimizer, self.k, self.alpha = optimizer, int(k), alpha
        self.groups = optimizer.groups
        self.count = 0
        self.slow: dict[int, np.ndarray] = {}  # by the parameter's number

    def step(self, *arguments: Any) -> Any:
        """Take a fast step, with what the wrapped optimizer's ``step`` wants; if due a slow one."""
        # At the first step and not before: weights may be loaded after the optimizer is made.
        for number, parameter, _ in self._numbered():
            if number not in self.slow:
                wide = np.result_type(parameter.data, np.float32)
                self.slow[number] = parameter.data.astype(wide)
        step: Any = self.optimizer.step  # some return the loss
        result = step(*arguments)
        self.count += 1
        if self.count % self.k == 0:
            with no_grad():
                for number, parameter, _ in self._numbered():
                    slow = self.slow[number]
                    slow += self.alpha * (parameter.data - slow)
                    parameter._before_write("Lookahead")
                    parameter.data[...] = slow
        return result

    def state_dict(self) -> dict[str, Any]:
        """Return the state of both, from which the optimization goes on bit by bit."""
        return {
            "name": type(self).__name__,
            "count": self.count,
            "slow": {str(number): slow for number, slow in self.slow.items()},
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state that :meth:`state_dict` gave; the settings of groups are part of it.

        Raises
        ------
        FormatError
            If it is of another optimizer, or of other parameters. Then nothing is loaded.
        """
        if state.get("name") != "Lookahead":
            raise FormatError(f"Lookahead: the state is of the optimizer {state.get('name')}")
        shapes = {str(number): p.shape for number, p, _ in self._numbered()}
        given = {number: np.array(slow) for number, slow in state["slow"].items()}
        if given and {number: slow.shape for number, slow in given.items()} != shapes:
            raise FormatError(
                f"Lookahead: the state has slow weights of the shapes "
                f"{[slow.shape for slow in given.values()]}, the parameters are of "
                f"{list(shapes.values())}"
            )
        self.optimizer.load_state_dict(state["optimizer"])
        self.count = int(state["count"])
        self.slow = {int(number): slow for number, slow in given.items()}
