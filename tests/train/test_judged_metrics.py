"""Metrics agree with scikit-learn, and streaming with everything at once."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tinygrad_nn import train
from tinygrad_nn.errors import DataError, DTypeError, OperandError, OptionError, ShapeError
from tinygrad_nn.train.metrics import named_metrics

AVERAGES = ("macro", "micro", "weighted", None)


@st.composite
def classified(draw: st.DrawFn) -> SimpleNamespace:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count, classes = draw(st.integers(2, 40)), draw(st.integers(2, 6))
    # Some classes may be absent; few different values, so that equal ones occur.
    labels = rng.integers(0, draw(st.integers(1, classes)), count)
    scores = rng.integers(0, 50, (count, classes)) / 50 + rng.uniform(0, 1e-6, (count, classes))
    cuts = sorted(draw(st.lists(st.integers(0, count), max_size=4)))
    return SimpleNamespace(labels=labels, scores=scores, classes=classes, cuts=cuts, rng=rng)


@pytest.fixture(scope="module")
def judge():
    return pytest.importorskip("sklearn.metrics")


@given(
    drawn=classified(), average=st.sampled_from(AVERAGES), zero=st.sampled_from([0.0, 1.0, np.nan])
)
def test_classes_agree_with_scikit_learn(judge, drawn, average, zero):
    t, answers = drawn.labels, drawn.scores.argmax(axis=1)
    everything = range(drawn.classes)
    assert train.accuracy(drawn.scores, t) == judge.accuracy_score(t, answers)
    assert train.accuracy(answers, t) == judge.accuracy_score(t, answers)
    counts = judge.confusion_matrix(t, answers, labels=everything)
    np.testing.assert_array_equal(train.confusion_matrix(drawn.scores, t), counts)
    for ours, theirs in (
        (train.precision, judge.precision_score),
        (train.recall, judge.recall_score),
        (train.f1_score, judge.f1_score),
    ):
        labels = everything if average is None else None
        expected = theirs(t, answers, average=average, labels=labels, zero_division=zero)
        found = ours(drawn.scores, t, average=average, zero_division=zero)
        np.testing.assert_allclose(found, expected, rtol=1e-12, equal_nan=True)


@given(drawn=classified(), k=st.integers(1, 6))
def test_top_k_agrees_with_scikit_learn(judge, drawn, k):
    if k > drawn.classes:
        with pytest.raises(OptionError, match=f"k={k}"):
            train.top_k_accuracy(drawn.scores, drawn.labels, k)
        return
    expected = np.argsort(-drawn.scores, axis=1, kind="stable")[:, :k]
    hits = (expected == drawn.labels[:, None]).any(axis=1).mean()
    assert train.top_k_accuracy(drawn.scores, drawn.labels, k) == pytest.approx(hits)
    if 2 < drawn.classes and k < drawn.classes:
        theirs = judge.top_k_accuracy_score(
            drawn.labels, drawn.scores, k=k, labels=range(drawn.classes)
        )
        assert hits == pytest.approx(theirs)


@given(drawn=classified())
def test_binary_agrees_with_scikit_learn(judge, drawn):
    t, p = drawn.labels % 2, np.round(drawn.scores[:, 0], 1)
    answers = (p > 0.5).astype(int)
    assert train.accuracy(p, t, threshold=0.5) == judge.accuracy_score(t, answers)
    expected = judge.f1_score(t, answers, zero_division=0)
    found = train.f1_score(p, t, threshold=0.5, average="binary", zero_division=0)
    assert found == pytest.approx(expected)
    if len(set(t.tolist())) == 2:
        assert train.roc_auc(p, t) == pytest.approx(judge.roc_auc_score(t, p))
    else:
        with pytest.raises(DataError, match="expected both"):
            train.roc_auc(p, t)


@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_area_of_several_classes_agrees_with_scikit_learn(judge, average):
    rng = np.random.default_rng(0)
    t, p = rng.integers(0, 4, 60), rng.dirichlet(np.ones(4), 60).round(2) + 1e-3
    p /= p.sum(axis=1, keepdims=True)
    expected = judge.roc_auc_score(t, p, multi_class="ovr", average=average)
    assert train.roc_auc(p, t, average=average) == pytest.approx(expected)
    assert train.roc_auc(p[:, :2], t % 2) == pytest.approx(judge.roc_auc_score(t % 2, p[:, 1]))


@given(seed=st.integers(0, 999), wide=st.booleans(), flat=st.booleans())
def test_regressions_agree_with_scikit_learn(judge, seed, wide, flat):
    rng = np.random.default_rng(seed)
    shape = (rng.integers(2, 30), 3) if wide else (rng.integers(2, 30),)
    t = np.ones(shape) if flat else rng.normal(1e3, 1, shape)
    y = t + rng.normal(size=shape) * (seed % 3)
    pairs = (
        (train.mean_squared_error, judge.mean_squared_error),
        (train.mean_absolute_error, judge.mean_absolute_error),
        (train.r2_score, judge.r2_score),
    )
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours(y, t), theirs(t, y), rtol=1e-9)


def test_perplexity_agrees_with_the_loss():
    rng = np.random.default_rng(0)
    logits, t = rng.normal(size=(5, 4, 3)) * 9, rng.integers(0, 4, (5, 3))
    t[0, :2] = -100
    mean = tg.nn.CrossEntropyLoss()(tg.tensor(logits), t).item()
    assert train.perplexity(logits, t) == pytest.approx(np.exp(mean))
    assert train.perplexity(np.array([[0.0, 1e9]]), [0]) == np.inf


# ── Streaming ───────────────────────────────────────────────────────────────────────────

SCORED = (
    train.Accuracy,
    lambda: train.TopKAccuracy(2),
    train.ConfusionMatrix,
    lambda: train.Precision(zero_division=0),
    lambda: train.Recall("weighted", zero_division=1),
    lambda: train.F1Score("micro"),
    train.Perplexity,
    lambda: named_metrics([train.accuracy])["accuracy"],
)


@given(drawn=classified(), make=st.sampled_from(SCORED), as_tensor=st.booleans())
def test_streaming_equals_the_whole(drawn, make, as_tensor):
    parts = [s for s in np.split(np.arange(len(drawn.labels)), drawn.cuts) if s.size]
    streamed, whole = make(), make()
    form = tg.tensor if as_tensor else np.asarray
    streamed.update(form(drawn.scores), form(drawn.labels))
    streamed.reset()
    for i, rows in enumerate(parts):
        streamed.update(form(drawn.scores[rows]), form(drawn.labels[rows]))
        if i == 0:
            other = make()
            other.load_state_dict(streamed.state_dict())
            streamed = other
    expected = whole.of(drawn.scores, drawn.labels)
    np.testing.assert_allclose(streamed.compute(), expected, rtol=1e-12)


@given(drawn=classified())
def test_streamed_numbers_equal_the_whole(drawn):
    t, y = drawn.scores[:, 0] + 1e6, drawn.scores[:, 1] + 1e6
    parts = [s for s in np.split(np.arange(len(t)), drawn.cuts) if s.size]
    for make in (train.R2Score, train.MeanAbsoluteError, train.MeanSquaredError):
        metric = make()
        for rows in parts:
            metric.update(y[rows], t[rows])
        np.testing.assert_allclose(metric.compute(), make().of(y, t), rtol=1e-6)


def test_answers_of_growing_classes():
    metric = train.ConfusionMatrix()
    metric.update([0, 1], [0, 0])
    metric.update([3], [1])
    assert metric.compute().shape == (4, 4) and metric.compute().sum() == 3


# ── Bad input ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("function", "outputs", "targets", "error", "words"),
    [
        (train.accuracy, np.zeros((3, 1)), np.zeros(3, int), ShapeError, "squeeze"),
        (train.accuracy, np.zeros((3, 2)), np.zeros((3, 1), int), ShapeError, "squeeze"),
        (train.accuracy, np.zeros(3), np.zeros(3, int), OptionError, "threshold=0.5"),
        (train.accuracy, np.zeros((3, 2)), np.array([0, 1, 2]), OptionError, "class 2"),
        (train.accuracy, np.zeros((3, 2)), np.array([0, -1, 1]), OptionError, "from 0 on"),
        (train.accuracy, np.zeros((3, 2)), np.array([0.5, 0, 1]), DTypeError, "argmax"),
        (train.accuracy, ["a"], ["a"], DTypeError, "encode"),
        (train.accuracy, np.zeros((0, 2)), np.zeros(0, int), DataError, "0 examples"),
        (train.roc_auc, np.array([np.nan, 1]), [0, 1], DataError, "NaN"),
        (train.roc_auc, np.array([0.0, 1]), [0, 2], OptionError, "class 2"),
        (train.r2_score, np.zeros((3, 1)), np.zeros(3), ShapeError, "reshape"),
        (train.r2_score, np.zeros(1), np.zeros(1), DataError, "at least 2"),
        (train.mean_squared_error, np.zeros(0), np.zeros(0), DataError, "0 examples"),
        (train.perplexity, np.zeros((2, 3)), [-100, -100], DataError, "0 targets"),
    ],
)
def test_bad_input_is_refused_with_the_fix(function, outputs, targets, error, words):
    with pytest.raises(error, match=words):
        function(outputs, targets)


def test_zero_division_is_told():
    with pytest.warns(UserWarning, match=r"precision: 0/0 for 2 of 3 classes.*zero_division"):
        assert train.precision([0, 0, 0], [0, 1, 2], average=None).shape == (3,)
    with warnings.catch_warnings(action="error"):
        train.precision([0, 0, 0], [0, 1, 2], zero_division=0)
    with pytest.raises(OptionError, match="average"):
        train.precision([0], [0], average="mean")
    with pytest.raises(OptionError, match="zero_division"):
        train.precision([0], [0], zero_division=2)
    with pytest.raises(OptionError, match="average='macro'"):
        train.precision([0, 2], [0, 2], average="binary")


def test_refused_batches_change_nothing_and_nothing_is_no_result():
    metric = train.Accuracy()
    with pytest.raises(DataError, match="call update"):
        metric.compute()
    metric.update([1], [1])
    with pytest.raises(ShapeError):
        metric.update([1, 2], [1])
    assert metric.compute() == 1.0
    for wrong in ([train.Accuracy], [3]):
        with pytest.raises(OperandError, match="metrics"):
            named_metrics(wrong)


def test_a_planted_swap_of_outputs_and_targets_would_be_seen():
    outputs, targets = [0, 1, 1, 1], [0, 1, 0, 1]
    right = train.precision(outputs, targets, average="binary")
    assert right != train.precision(targets, outputs, average="binary")
