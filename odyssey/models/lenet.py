"""LeNet-5, the convolutional network that read cheques."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from odyssey import nn
from odyssey.errors import ShapeError

__all__ = ["lenet5"]


def lenet5(
    input_shape: Sequence[int] = (1, 28, 28),
    classes: int = 10,
    rng: np.random.Generator | None = None,
) -> nn.Sequential:
    r"""Return LeNet-5, in the form in which it is taught today.

    ========  =============================  ==========  ==========
    layer     what it does                   output      parameters
    ========  =============================  ==========  ==========
    C1        5×5 convolution, padding 2     6×28×28     156
    S2        2×2 maximum                    6×14×14
    C3        5×5 convolution                16×10×10    2,416
    S4        2×2 maximum                    16×5×5
    C5        linear, from 400                120         48,120
    F6        linear, from 120                84          10,164
    output    linear, from 84                 10          850
    ========  =============================  ==========  ==========

    with a hyperbolic tangent after C1, C3, C5 and F6; 61,706 parameters for ten
    classes.

    Parameters
    ----------
    input_shape : (1, 28, 28)
        The shape of one image; the paper's 32×32 with its border of 2 left to
        the padding of C1.
    classes : int
        The number of scores that come out.
    rng : numpy.random.Generator, optional

    Returns
    -------
    Sequential
        From (N, 1, 28, 28) to (N, classes).

    Raises
    ------
    ShapeError
        If the images are not of one channel and 28×28 pixels.

    Notes
    -----
    The paper differs in three ways: S2 and S4 are averages with a trained gain
    and bias, each map of C3 sees only some of S2's (table I), and the output
    compares F6 with pictures of the digits instead of scoring them. Maxima
    instead of averages halve the errors on MNIST.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning
       applied to document recognition", Proc. IEEE 86, 1998, section II.B.
       https://doi.org/10.1109/5.726791

    Examples
    --------
    >>> import odyssey as od
    >>> model = lenet5()
    >>> model(od.ones((5, 1, 28, 28))).shape
    (5, 10)
    >>> sum(parameter.size for parameter in model.parameters())
    61706
    """
    if tuple(input_shape) != (1, 28, 28):
        raise ShapeError(f"lenet5: input_shape must be (1, 28, 28), got {tuple(input_shape)}")
    return nn.Sequential(
        nn.Conv2D(1, 6, 5, padding=2, rng=rng),
        nn.Tanh(),
        nn.MaxPool2D(2),
        nn.Conv2D(6, 16, 5, rng=rng),
        nn.Tanh(),
        nn.MaxPool2D(2),
        nn.Flatten(),
        nn.Linear(400, 120, rng=rng),
        nn.Tanh(),
        nn.Linear(120, 84, rng=rng),
        nn.Tanh(),
        nn.Linear(84, classes, rng=rng),
    )
