"""Losses: samples, bad settings, and PyTorch's; formulas where it has none."""

import numpy as np

import odyssey as od
from layers import Bad, Layer
from layers._torch import layer
from odyssey import nn
from odyssey.errors import DTypeError, OdysseyError, ShapeError

rng = np.random.default_rng(5)
normal = rng.standard_normal
REDUCTIONS = ("mean", "sum", "none")
labels = np.array([2, 0, 1, 2])
signs = np.array([[1, -1, 1], [-1, 1, 1]])
classes = np.array([0.5, 2.0, 1.0])


def samples(name, inputs, settings=({},), theirs=None):
    """Return the samples of a loss with some settings, under every reduction.

    ``theirs(torch, **settings)`` returns PyTorch's loss, or the formula of one element.
    """

    def other(torch, settings, reduction):
        if theirs is None:
            settings = {
                key: torch.tensor(value) if isinstance(value, np.ndarray) else value
                for key, value in settings.items()
            }
            return getattr(torch.nn, name)(**settings, reduction=reduction)
        formula = theirs(torch, **settings)
        finish = {"mean": torch.mean, "sum": torch.sum, "none": lambda x: x}[reduction]
        return layer(torch, lambda *args: finish(formula(*args)))

    return [
        Layer(
            lambda values=values, reduction=reduction: getattr(nn, name)(
                **values, reduction=reduction
            ),
            inputs,
            lambda torch, values=values, reduction=reduction: other(torch, values, reduction),
        )
        for values in settings
        for reduction in REDUCTIONS
    ]


def hinge(torch):
    return lambda x, t: torch.relu(1 - t * x)


def squared_hinge(torch):
    return lambda x, t: torch.relu(1 - t * x) ** 2


def focal(torch, alpha=0.25, gamma=2.0):
    def formula(x, t):
        p = torch.sigmoid(x)
        right = torch.where(t == 1, p, 1 - p)
        balance = 1 if alpha is None else alpha * t.to(x) + (1 - alpha) * (1 - t.to(x))
        return -balance * (1 - right) ** gamma * torch.log(right)

    return formula


def log_cosh(torch):
    return lambda x, t: torch.log(torch.cosh(x - t))


def kl_divergence(torch, log_target=False):
    """Return PyTorch's terms, whose mean it computes under a warning only."""
    return lambda x, t: torch.nn.functional.kl_div(x, t, reduction="none", log_target=log_target)


def tversky(torch, alpha=0.5, beta=0.5, smooth=1.0, axis=(0, 1, 2)):
    def formula(x, t):
        hits = (x * t).sum(axis)
        alarms, misses = (x * (1 - t)).sum(axis), ((1 - x) * t).sum(axis)
        return 1 - (hits + smooth) / (hits + alpha * alarms + beta * misses + smooth)

    return formula


def dice(torch, smooth=1.0, axis=(0, 1, 2)):
    def formula(x, t):
        return 1 - (2 * (x * t).sum(axis) + smooth) / ((x + t).sum(axis) + smooth)

    return formula


def info_nce(torch, temperature=0.1):
    def formula(x, y):
        cosines = torch.nn.functional.cosine_similarity(x[:, None], y[None], dim=-1)
        scores = cosines / temperature
        return torch.logsumexp(scores, 1) - scores.diagonal()

    return formula


vectors = (normal((4, 3)), normal((4, 3)))
probabilities = (rng.uniform(0.05, 0.95, (2, 3)), rng.uniform(0.05, 0.95, (2, 3)))
logs = (np.log(probabilities[0]), np.log(probabilities[1]))
regions = (rng.uniform(0.05, 0.95, (2, 3, 4)), rng.integers(0, 2, (2, 3, 4)))
counts = (normal((2, 3)), np.array([[0, 1, 2], [3, 5, 7]]))

LAYERS = [
    *samples(
        "CrossEntropyLoss",
        (normal((4, 3)), labels),
        ({}, {"weight": classes}, {"label_smoothing": 0.1, "ignore_index": 0}),
    ),
    *samples("CrossEntropyLoss", (normal((4, 3)), rng.dirichlet(np.ones(3), 4))),
    *samples(
        "CrossEntropyLoss",
        (normal((2, 3, 4)), rng.integers(0, 3, (2, 4))),
        ({"weight": classes, "label_smoothing": 0.2, "ignore_index": 1},),
    ),
    *samples(
        "NLLLoss",
        (normal((4, 3)), labels),
        ({}, {"weight": classes}, {"weight": classes, "ignore_index": 2}),
    ),
    *samples("BCELoss", probabilities, ({}, {"weight": classes})),
    *samples(
        "BCEWithLogitsLoss",
        (normal((2, 3)), probabilities[1]),
        ({}, {"weight": classes}, {"weight": np.ones((2, 1)), "pos_weight": classes}),
    ),
    *samples(
        "FocalLoss",
        (normal((2, 3)), rng.integers(0, 2, (2, 3))),
        ({}, {"alpha": None, "gamma": 0.0}, {"alpha": 0.6, "gamma": 1.5}),
        focal,
    ),
    *samples("MSELoss", vectors),
    *samples("L1Loss", vectors),
    *samples("HuberLoss", vectors, ({}, {"delta": 0.4})),
    *samples("SmoothL1Loss", vectors, ({}, {"beta": 0.4}, {"beta": 0.0})),
    *samples("LogCoshLoss", vectors, theirs=log_cosh),
    *samples("KLDivLoss", (logs[0], probabilities[1]), theirs=kl_divergence),
    *samples("KLDivLoss", logs, ({"log_target": True},), kl_divergence),
    Layer(
        lambda: nn.KLDivLoss("batchmean"),
        (logs[0], probabilities[1]),
        lambda torch: torch.nn.KLDivLoss(reduction="batchmean"),
    ),
    *samples("PoissonNLLLoss", counts),
    *samples("PoissonNLLLoss", (counts[0], counts[1] + 0.5), ({}, {"full": True})),
    *samples("PoissonNLLLoss", (probabilities[0], counts[1]), ({"log_input": False, "eps": 1e-6},)),
    *samples("GaussianNLLLoss", (*vectors, rng.uniform(0.5, 2, (4, 3))), ({}, {"full": True})),
    *samples("GaussianNLLLoss", (*vectors, rng.uniform(0.1, 2, (4, 1))), ({"eps": 0.3},)),
    *samples("HingeLoss", (normal((2, 3)), signs), theirs=hinge),
    *samples("SquaredHingeLoss", (normal((2, 3)), signs), theirs=squared_hinge),
    *samples("MarginRankingLoss", (normal((2, 3)), normal((2, 3)), signs), ({}, {"margin": 0.7})),
    *samples("CosineEmbeddingLoss", (*vectors, np.array([1, -1, -1, 1])), ({}, {"margin": -0.3})),
    *samples(
        "TripletMarginLoss",
        (*vectors, normal((4, 3))),
        ({}, {"margin": 0.5, "p": 3.0, "eps": 1e-5}, {"swap": True}),
    ),
    *samples("InfoNCELoss", vectors, ({}, {"temperature": 0.7}), info_nce),
    *samples("InfoNCELoss", (vectors[0][:2], vectors[1]), theirs=info_nce),
    *samples("DiceLoss", regions, ({}, {"smooth": 0.3, "axis": (1, 2)}), dice),
    *samples(
        "TverskyLoss", regions, ({}, {"alpha": 0.3, "beta": 0.7, "smooth": 0.5, "axis": 2}), tversky
    ),
]
NAMES = sorted({name for name in nn.__all__ if name.endswith("Loss")})
x, t = od.ones((2, 3)), od.tensor([0, 1])
BAD = [
    *[
        Bad(
            lambda name=name: getattr(nn, name)(reduction="average"),
            OdysseyError,
            f"^{name}: reduction must be one of mean, sum, none.*, got 'average'",
        )
        for name in NAMES
    ],
    Bad(lambda: nn.MSELoss("batchmean"), OdysseyError, "MSELoss: reduction must be one of"),
    *[
        Bad(
            lambda value=value: nn.CrossEntropyLoss(label_smoothing=value),
            OdysseyError,
            r"CrossEntropyLoss: label_smoothing must lie in \[0, 1\]",
        )
        for value in (-0.1, 1.1)
    ],
    Bad(lambda: nn.CrossEntropyLoss(label_smoothing="1"), DTypeError, "label_smoothing must be a"),
    Bad(lambda: nn.CrossEntropyLoss([[1.0]]), ShapeError, "CrossEntropyLoss: weight must have 1"),
    Bad(lambda: nn.CrossEntropyLoss(["a"]), OdysseyError, "CrossEntropyLoss: weight must hold num"),
    Bad(lambda: nn.CrossEntropyLoss(ignore_index=1.5), OdysseyError, "ignore_index must be an int"),
    Bad(lambda: nn.CrossEntropyLoss([1.0])(x, t), ShapeError, "^CrossEntropyLoss: cross_entropy:"),
    Bad(lambda: nn.NLLLoss(1.0), ShapeError, "NLLLoss: weight must have 1 axis"),
    Bad(lambda: nn.NLLLoss(ignore_index=None), OdysseyError, "NLLLoss: ignore_index must be an"),
    Bad(lambda: nn.FocalLoss(2), OdysseyError, r"FocalLoss: alpha must lie in \[0, 1\], got 2"),
    Bad(lambda: nn.FocalLoss(gamma=-1), OdysseyError, "FocalLoss: gamma must be at least 0"),
    Bad(lambda: nn.HuberLoss(delta=0), OdysseyError, "HuberLoss: delta must be larger than 0"),
    Bad(lambda: nn.SmoothL1Loss(beta=-1), OdysseyError, "SmoothL1Loss: beta must be at least 0"),
    Bad(lambda: nn.KLDivLoss(log_target=1), OdysseyError, "KLDivLoss: log_target must be True or"),
    Bad(lambda: nn.PoissonNLLLoss(eps=-1), OdysseyError, "PoissonNLLLoss: eps must be at least 0"),
    Bad(lambda: nn.PoissonNLLLoss(full="yes"), OdysseyError, "PoissonNLLLoss: full must be True"),
    Bad(lambda: nn.PoissonNLLLoss(1), OdysseyError, "PoissonNLLLoss: log_input must be True or"),
    Bad(lambda: nn.GaussianNLLLoss(eps=0), OdysseyError, "GaussianNLLLoss: eps must be larger"),
    Bad(lambda: nn.GaussianNLLLoss(1), OdysseyError, "GaussianNLLLoss: full must be True or False"),
    Bad(lambda: nn.MarginRankingLoss("1"), DTypeError, "MarginRankingLoss: margin must be a"),
    Bad(
        lambda: nn.CosineEmbeddingLoss(2),
        OdysseyError,
        r"CosineEmbeddingLoss: margin must lie in \[-1, 1\], got 2",
    ),
    Bad(lambda: nn.TripletMarginLoss(0), OdysseyError, "TripletMarginLoss: margin must be larger"),
    Bad(lambda: nn.TripletMarginLoss(p=0.5), OdysseyError, "TripletMarginLoss: p must be at least"),
    Bad(lambda: nn.TripletMarginLoss(eps=-1), OdysseyError, "TripletMarginLoss: eps must be at"),
    Bad(lambda: nn.TripletMarginLoss(swap=1), OdysseyError, "TripletMarginLoss: swap must be True"),
    Bad(lambda: nn.InfoNCELoss(0), OdysseyError, "InfoNCELoss: temperature must be larger than 0"),
    Bad(lambda: nn.DiceLoss(-1), OdysseyError, "DiceLoss: smooth must be at least 0, got -1"),
    Bad(lambda: nn.DiceLoss(axis="1"), ShapeError, "DiceLoss: axis must be an integer, a tuple"),
    *[
        Bad(
            lambda name=name: nn.TverskyLoss(**{name: -1}),
            OdysseyError,
            f"TverskyLoss: {name} must be at least 0, got -1",
        )
        for name in ("alpha", "beta", "smooth")
    ],
    Bad(lambda: nn.TverskyLoss(axis=(0, None)), ShapeError, "TverskyLoss: axis must be an integer"),
    Bad(lambda: nn.MSELoss()(x, t), ShapeError, "^MSELoss: mean_squared_error: x and target must"),
]
