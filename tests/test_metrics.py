"""Metrics: scikit-learn's figures, the same for any cut into batches, merged or resumed."""

from __future__ import annotations

import copy
import itertools
import json

import numpy as np
import pytest

from odyssey.errors import DTypeError, FormatError, OdysseyError, ShapeError
from odyssey.training import metrics

rng = np.random.default_rng(0)
N, K = 300, 5


def classes():
    scores = rng.standard_normal((N, K)).round(1)  # rounded, so that some are equal
    scores[:, 3] -= 10  # a class that is never found
    target = rng.integers(0, K - 1, N)  # and one that never occurs
    return scores, target


def probabilities():
    scores = np.exp(rng.standard_normal((N, K)))
    return scores / scores.sum(1, keepdims=True), rng.integers(0, K, N)


def two():
    return rng.random(N).round(2), rng.integers(0, 2, N)


def numbers():
    target = rng.standard_normal((N, 2)) + 1e4
    return target + 0.3 * rng.standard_normal((N, 2)), target


def images():
    return rng.standard_normal((40, K, 3, 4)), rng.integers(0, K, (40, 3, 4))


def found(scores):
    return scores.argmax(1)


def skl(name, *args, **kwargs):
    module = pytest.importorskip("sklearn.metrics")
    return getattr(module, name)(*args, **kwargs)


def averaged(name):
    """Return cases of a figure of classes, for each way to average."""
    ours = {"precision": "Precision", "recall": "Recall", "f1": "F1Score", "jaccard": "IoU"}[name]
    return [
        (
            lambda a=a: getattr(metrics, ours)(K, a),
            classes,
            lambda s, t, a=a: skl(
                f"{name}_score", t, found(s), average=None if a == "none" else a, zero_division=0,
                **({"labels": range(K)} if a == "none" else {}),
            ),
        )
        for a in ("micro", "macro", "weighted", "none")
    ]  # fmt: skip


def their_calibration(scores, target, bins=15):
    sure, right = scores.max(1), found(scores) == target
    total = 0.0
    for b in range(bins):
        inside = (sure > b / bins) & (sure <= (b + 1) / bins)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - sure[inside].mean())
    return total


CASES = [
    (metrics.Accuracy, classes, lambda s, t: skl("accuracy_score", t, found(s))),
    (metrics.Accuracy, images, lambda s, t: skl("accuracy_score", t.ravel(), found(s).ravel())),
    *[
        (
            lambda k=k: metrics.TopKAccuracy(k),
            probabilities,
            lambda s, t, k=k: skl("top_k_accuracy_score", t, s, k=k),
        )
        for k in (1, 2, 4)
    ],
    *averaged("precision"),
    *averaged("recall"),
    *averaged("f1"),
    *averaged("jaccard"),
    (
        lambda: metrics.IoU(K),
        images,
        lambda s, t: skl("jaccard_score", t.ravel(), found(s).ravel(), average="macro"),
    ),
    (
        lambda: metrics.ClassAccuracy(K, "macro"),
        probabilities,
        lambda s, t: skl("balanced_accuracy_score", t, found(s)),
    ),
    *[
        (
            lambda n=n: metrics.ConfusionMatrix(K, n),
            classes,
            lambda s, t, n=n: skl(
                "confusion_matrix", t, found(s), labels=range(K),
                normalize="pred" if n == "found" else n,
            ),
        )
        for n in (None, "true", "found", "all")
    ],
    (metrics.ROCAUC, two, lambda s, t: skl("roc_auc_score", t, s)),
    (metrics.PRAUC, two, lambda s, t: skl("average_precision_score", t, s)),
    (metrics.MSE, numbers, lambda s, t: skl("mean_squared_error", t, s)),
    (metrics.RMSE, numbers, lambda s, t: skl("root_mean_squared_error", t.ravel(), s.ravel())),
    (metrics.MAE, numbers, lambda s, t: skl("mean_absolute_error", t, s)),
    (metrics.R2Score, numbers, lambda s, t: skl("r2_score", t.ravel(), s.ravel())),
    (
        metrics.Perplexity,
        classes,
        lambda s, t: np.exp(
            skl("log_loss", t, np.exp(s) / np.exp(s).sum(1, keepdims=True), labels=range(K))
        ),
    ),
    (metrics.CalibrationError, probabilities, their_calibration),
]  # fmt: skip
IDS = [f"{type(make()).__name__}-{i}" for i, (make, _, _) in enumerate(CASES)]


def cut(draw):
    """Draw examples, and cut them into batches, one of them empty."""
    scores, target = draw()
    places = [0, 7, 7, 100, len(scores)]
    batches = [(scores[a:b], target[a:b]) for a, b in itertools.pairwise(places)]
    return scores, target, batches


def same(one, other):
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12, equal_nan=True)


def test_every_metric_is_compared():
    named = {type(make()).__name__ for make, _, _ in CASES}
    assert named == set(metrics.__all__) - {"Metric", "Mean"}


@pytest.mark.parametrize(("make", "draw", "expected"), CASES, ids=IDS)
def test_the_figure_is_that_of_all_examples_at_once(make, draw, expected):
    scores, target, batches = cut(draw)
    metric = make()
    for batch in batches:
        metric.update(*batch)
    same(metric.compute(), expected(scores, target))
    same(metric.compute(), expected(scores, target))  # computing forgets nothing
    metric.reset()
    metric.update(scores, target)
    same(metric.compute(), expected(scores, target))


@pytest.mark.parametrize(("make", "draw", "expected"), CASES, ids=IDS)
def test_merged_and_resumed_it_is_the_same(make, draw, expected):
    scores, target, batches = cut(draw)
    parts = []
    for batch in batches:
        part, again = make(), make()
        part.update(*batch)
        again.load_state_dict(copy.deepcopy(part.state_dict()))
        parts.append(again)
    whole = make()
    for part in parts:
        assert whole.merge(part) is whole
    same(whole.compute(), expected(scores, target))
    for part, batch in zip(parts, batches, strict=True):  # what was merged is as it was
        alone = make()
        alone.update(*batch)
        same(part.compute(), alone.compute())


@pytest.mark.parametrize(("make", "draw", "expected"), CASES, ids=IDS)
def test_without_examples_it_is_nan_and_of_another_kind_it_is_told(make, draw, expected):
    metric = make()
    if isinstance(metric, metrics.ConfusionMatrix) and type(metric) is metrics.ConfusionMatrix:
        assert not metric.compute().any()
    else:
        assert np.isnan(metric.compute()).all()
    with pytest.raises(ShapeError, match="cannot merge with a Mean"):
        metric.merge(metrics.Mean())
    with pytest.raises(FormatError, match="expected the state"):
        metric.load_state_dict({"x": 1})


@pytest.mark.parametrize(("make", "draw", "expected"), CASES, ids=IDS)
def test_float32_and_strided_scores(make, draw, expected):
    scores, target = draw()
    metric, other = make(), make()
    metric.update(scores.astype(np.float32)[::2], target[::2])
    other.update(np.ascontiguousarray(scores.astype(np.float32)[::2]), target[::2].copy())
    same(metric.compute(), other.compute())


def test_the_state_of_small_metrics_is_json():
    metric = metrics.MSE()
    metric.update(*numbers())
    again = metrics.MSE()
    again.load_state_dict(json.loads(json.dumps(metric.state_dict())))
    assert again.compute() == metric.compute()


def test_a_mean_of_means():
    mean = metrics.Mean()
    for value, count in ((1.0, 3), (float("nan"), 0), (2.0, 1)):
        mean.add(value, count)
    assert mean.compute() == 1.25


def test_edge_cases_of_curves_and_variance():
    for kind in (metrics.ROCAUC, metrics.PRAUC):
        metric = kind()
        metric.update(np.array([0.1, 0.2]), np.array([0, 0]))
        assert np.isnan(metric.compute())
        metric.update(np.array([0.2]), np.array([True]))
        same(metric.compute(), {"ROCAUC": 0.75, "PRAUC": 0.5}[kind.__name__])
    for errors, expected in ((0.0, 1.0), (1.0, 0.0)):
        metric = metrics.R2Score()
        metric.update(np.full(3, 2.0) + errors, np.full(3, 2.0))
        assert metric.compute() == expected
    metric = metrics.R2Score()
    metric.update(np.ones(1), np.ones(1))
    assert np.isnan(metric.compute())


def test_perplexity_leaves_out_what_is_ignored():
    scores, target = classes()
    some = target != 2
    metric, expected = metrics.Perplexity(ignore_index=2), metrics.Perplexity()
    metric.update(scores.reshape(N // 2, 2, K), target.reshape(N // 2, 2))
    expected.update(scores[some], target[some])
    same(metric.compute(), expected.compute())
    metric.update(np.array([[1e4, -1e4]]), np.array([1]))
    assert np.isfinite(metric.total)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: metrics.TopKAccuracy(0), OdysseyError, "TopKAccuracy: k must be a positive"),
        (lambda: metrics.F1Score(0), OdysseyError, "F1Score: classes must be a positive integer"),
        (lambda: metrics.F1Score(3, "mean"), OdysseyError, "F1Score: average must be one of micro"),
        (lambda: metrics.ConfusionMatrix(3, "rows"), OdysseyError, "normalize must be None"),
        (lambda: metrics.CalibrationError(0), OdysseyError, "bins must be a positive integer"),
        (
            lambda: metrics.Accuracy().update(np.zeros((3, 2)), np.zeros(4, int)),
            ShapeError,
            r"Accuracy: scores of shape \(3,\) do not fit a target of shape \(4,\)",
        ),
        (
            lambda: metrics.TopKAccuracy(3).update(np.zeros((3, 2)), np.zeros(3, int)),
            ShapeError,
            r"TopKAccuracy: expected scores of shape \(3, at least 3\), got \(3, 2\)",
        ),
        (
            lambda: metrics.Recall(3).update(np.zeros((3, 2)), np.zeros(3, int)),
            ShapeError,
            "Recall: scores of shape .* are of 2 classes, expected 3",
        ),
        (
            lambda: metrics.Recall(2).update(np.zeros((3, 2)), np.array([0, 1, 2])),
            ShapeError,
            "Recall: target hold classes from 0 to 2, expected 0 to 1",
        ),
        (
            lambda: metrics.Recall(2).update(np.zeros((3, 2)), np.zeros(3)),
            DTypeError,
            "Recall: target must hold class numbers, got float64",
        ),
        (
            lambda: metrics.ROCAUC().update(np.zeros(3), np.array([0, 1, 2])),
            DTypeError,
            "ROCAUC: target must hold 0 and 1",
        ),
        (
            lambda: metrics.MAE().update(np.zeros((3, 1)), np.zeros(3)),
            ShapeError,
            "MAE: scores of shape .* do not fit a target of shape",
        ),
        (
            lambda: metrics.CalibrationError().update(np.full((3, 2), 2.0), np.zeros(3, int)),
            OdysseyError,
            "scores must be probabilities in .*take a softmax first",
        ),
        (
            lambda: metrics.ConfusionMatrix(2).merge(metrics.ConfusionMatrix(3)),
            ShapeError,
            "cannot merge matrix of shape",
        ),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
