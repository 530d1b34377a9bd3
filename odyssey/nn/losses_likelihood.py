"""Losses that are negative log-likelihoods, and a divergence, as layers."""

from __future__ import annotations

from odyssey import core
from odyssey.core._activations import at_least
from odyssey.nn._losses import Loss
from odyssey.tensor import Tensor
from odyssey.utils.kernel_checks_transcendental import check_truth

__all__ = ["GaussianNLLLoss", "KLDivLoss", "PoissonNLLLoss"]


class KLDivLoss(Loss):
    """The Kullback-Leibler divergence of a prediction; see :func:`odyssey.core.kl_divergence`.

    Parameters
    ----------
    reduction : {"mean", "sum", "none", "batchmean"}
        What to do with the terms of the elements. The divergence itself is their sum;
        "batchmean" divides that by the number of examples, "mean" by that of elements.
    log_target : bool
        Whether the target holds logarithms, too.

    Raises
    ------
    OdysseyError
        If the reduction is unknown.

    References
    ----------
    .. [1] S. Kullback, R. A. Leibler, "On Information and Sufficiency", 1951,
       doi:10.1214/aoms/1177729694.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.core.log(od.tensor([[0.5, 0.5]]))
    >>> round(od.nn.KLDivLoss("batchmean")(x, od.tensor([[1.0, 0.0]])).item(), 4)
    0.6931
    """

    reductions = (*Loss.reductions, "batchmean")

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction)
        self.log_target = check_truth("KLDivLoss", "log_target", log_target)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return core.kl_divergence(x, target, self.log_target, self.reduction)


class PoissonNLLLoss(Loss):
    """The negative log-likelihood of counts; see :func:`odyssey.core.poisson_nll_loss`.

    Parameters
    ----------
    log_input : bool
        Whether the input holds logarithms of the expected counts; else these themselves.
    full : bool
        Whether to add Stirling's approximation of what does not depend on the input.
    eps : float
        Added to an expected count before its logarithm; not negative.
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the elements.

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.PoissonNLLLoss(reduction="none")(od.tensor([0.0, 0.0]), od.tensor([1, 3]))
    tensor([1., 1.])
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        eps: float = 1e-8,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        self.log_input = check_truth("PoissonNLLLoss", "log_input", log_input)
        self.full = check_truth("PoissonNLLLoss", "full", full)
        self.eps = at_least("PoissonNLLLoss", "eps", eps)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return core.poisson_nll_loss(x, target, self.log_input, self.full, self.eps, self.reduction)


class GaussianNLLLoss(Loss):
    """The negative log-likelihood of numbers; see :func:`odyssey.core.gaussian_nll_loss`.

    It is called with the expected numbers, the numbers, and the variances.

    Parameters
    ----------
    full : bool
        Whether to add the constant term.
    eps : float
        The least variance, larger than 0; a smaller one counts as this.
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the elements.

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    References
    ----------
    .. [1] D. A. Nix, A. S. Weigend, "Estimating the Mean and Variance of the
       Target Probability Distribution", 1994, doi:10.1109/ICNN.1994.374138.

    Examples
    --------
    >>> import odyssey as od
    >>> x, target, var = od.tensor([1.0, 3.0]), od.tensor([1.0, 1.0]), od.tensor([1.0])
    >>> od.nn.GaussianNLLLoss(reduction="none")(x, target, var)
    tensor([0., 2.])
    """

    def __init__(self, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.full = check_truth("GaussianNLLLoss", "full", full)
        self.eps = at_least("GaussianNLLLoss", "eps", eps, reached=False)

    def forward(self, x: Tensor, target: Tensor, var: Tensor) -> Tensor:
        return core.gaussian_nll_loss(x, target, var, self.full, self.eps, self.reduction)
