"""Optimizer steps: all parameters of a group, in place."""

from __future__ import annotations

import numpy as np

from odyssey.utils.kernel_checks import check_optimizer, check_step

__all__ = ["adam", "sgd"]


@np.errstate(all="ignore")
def sgd(
    params: list[np.ndarray],
    grads: list[np.ndarray],
    velocities: list[np.ndarray] | None,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> None:
    r"""Step down the gradient, with momentum.

    Parameters
    ----------
    params : list of ndarray, any shapes
        The parameters, updated in place; each float16, float32, float64 or
        object. No two share memory.
    grads : list of ndarray, shapes and dtypes of ``params``
    velocities : list of ndarray, or None
        The running sums of gradients, of the shapes of ``params``, updated in
        place: zeros before the first step. Their dtypes are those of
        ``params``, but float32 for float16. Not used, and may be None, without
        momentum.
    lr : float
        Learning rate.
    momentum, dampening, weight_decay : float
    nesterov : bool

    Raises
    ------
    DTypeError
        If the arrays are not of fitting floating dtypes, or not in lists.
    ShapeError
        If their shapes differ, or the lengths of the lists.
    ValueError
        If an array that is updated is read-only.

    Notes
    -----
    With weight decay λ, momentum μ, dampening τ and learning rate η:

    .. math::

        g &\leftarrow g + \lambda \theta \\
        v &\leftarrow \mu v + (1 - \tau) g \\
        \theta &\leftarrow \theta - \eta \, (g + \mu v \text{ with Nesterov's momentum, else } v)

    Without momentum the step is along g itself. PyTorch's rule, but for its
    first step, where it does not dampen.

    References
    ----------
    .. [1] I. Sutskever, J. Martens, G. Dahl and G. Hinton, "On the importance
       of initialization and momentum in deep learning", ICML 2013.

    Examples
    --------
    >>> import numpy as np
    >>> param, velocity = np.array([1.0]), np.array([0.0])
    >>> for step in range(2):
    ...     sgd([param], [np.array([2.0])], [velocity], lr=0.1, momentum=0.5)
    >>> param, velocity
    (array([0.5]), array([3.]))
    """
    states = {"velocities": velocities} if momentum else {}
    check_optimizer("sgd", True, params, grads, **states)
    for k, (param, grad) in enumerate(zip(params, grads, strict=True)):
        sums = np.result_type(param, np.float32)
        p, g = param.astype(sums), grad.astype(sums)
        velocity = velocities[k] if momentum and velocities is not None else None
        for i in np.ndindex(param.shape):
            step = g[i]
            # The terms are left out where they are zero, so that exact numbers stay exact.
            if weight_decay:
                step = step + weight_decay * p[i]
            if velocity is not None:
                fresh = (1 - dampening) * step if dampening else step
                velocity[i] = momentum * velocity[i] + fresh
                step = step + momentum * velocity[i] if nesterov else velocity[i]
            param[i] = p[i] - lr * step


@np.errstate(all="ignore")
def adam(
    params: list[np.ndarray],
    grads: list[np.ndarray],
    exp_avgs: list[np.ndarray],
    exp_avg_sqs: list[np.ndarray],
    step: int,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
) -> None:
    r"""Step down the gradient, each element scaled by the size of its recent gradients.

    Parameters
    ----------
    params : list of ndarray, any shapes
        The parameters, updated in place; each float16, float32 or float64. No
        two share memory.
    grads : list of ndarray, shapes and dtypes of ``params``
    exp_avgs, exp_avg_sqs : list of ndarray, shapes of ``params``
        Running averages of the gradients and of their squares, updated in
        place: zeros before the first step. Their dtypes are those of
        ``params``, but float32 for float16.
    step : int
        The number of this step, counted from 1.
    lr, beta1, beta2, eps, weight_decay : float
    decoupled : bool
        Whether weight decay shrinks the parameters directly (AdamW, [2]_)
        instead of adding to the gradient.

    Raises
    ------
    DTypeError
        If the arrays are not of fitting floating dtypes, or not in lists.
    ShapeError
        If their shapes differ, or the lengths of the lists.
    ValueError
        If an array that is updated is read-only, or ``step`` is below 1.

    Notes
    -----
    With weight decay λ, learning rate η and step t:

    .. math::

        g &\leftarrow g + \lambda \theta
            \quad \text{or, decoupled,} \quad \theta \leftarrow (1 - \eta\lambda)\, \theta \\
        m &\leftarrow m + (1 - \beta_1)(g - m) \\
        v &\leftarrow \beta_2 v + (1 - \beta_2)\, g^2 \\
        \theta &\leftarrow \theta - \frac{\eta}{1 - \beta_1^t} \cdot
            \frac{m}{\sqrt{v} / \sqrt{1 - \beta_2^t} + \epsilon}

    The averages start at zero and so are too small at first; dividing by
    :math:`1 - \beta^t` corrects this.

    References
    ----------
    .. [1] D. Kingma and J. Ba, "Adam: a method for stochastic optimization",
       ICLR 2015, arXiv:1412.6980, algorithm 1.
    .. [2] I. Loshchilov and F. Hutter, "Decoupled weight decay regularization",
       ICLR 2019, arXiv:1711.05101, algorithm 2.

    Examples
    --------
    The first step has the length of the learning rate, whatever the gradient:

    >>> import numpy as np
    >>> param = np.array([1.0, 1.0])
    >>> adam([param], [np.array([1e-3, -50.0])], [np.zeros(2)], [np.zeros(2)], step=1, lr=0.1)
    >>> param.round(4)
    array([0.9, 1.1])
    """
    check_step("adam", step)
    check_optimizer("adam", True, params, grads, exp_avgs=exp_avgs, exp_avg_sqs=exp_avg_sqs)
    step_size = lr / (1 - beta1**step)
    root2 = (1 - beta2**step) ** 0.5
    for param, grad, exp_avg, exp_avg_sq in zip(params, grads, exp_avgs, exp_avg_sqs, strict=True):
        sums = np.result_type(param, np.float32)
        p, g = param.astype(sums), grad.astype(sums)
        for i in np.ndindex(param.shape):
            theta, slope = p[i], g[i]
            if weight_decay and decoupled:
                theta = theta * (1 - lr * weight_decay)
            elif weight_decay:
                slope = slope + weight_decay * theta
            m = exp_avg[i] + (1 - beta1) * (slope - exp_avg[i])
            v = beta2 * exp_avg_sq[i] + (1 - beta2) * (slope * slope)
            exp_avg[i], exp_avg_sq[i] = m, v
            param[i] = theta - step_size * (m / (v**0.5 / root2 + eps))
