"""Accuracy, confusion and mistakes agree with counting one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_nn import nn
from tinygrad_nn.errors import DataError, ShapeError
from tinygrad_nn.train import (
    accuracy,
    confusion_matrix,
    confusion_text,
    predict,
    worst_mistakes,
)


@st.composite
def answers(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    count, classes = draw(st.integers(1, 30)), draw(st.integers(2, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    # Few different values, so that equal ones occur.
    return rng.integers(0, 4, (count, classes)) / 4, rng.integers(0, classes, count)


@given(drawn=answers())
def test_counts_agree_with_counting_one_by_one(drawn: tuple[np.ndarray, np.ndarray]):
    outputs, labels = drawn
    said = [max(range(len(row)), key=lambda j: (row[j], -j)) for row in outputs]
    counts = confusion_matrix(outputs, labels)
    for i in range(outputs.shape[1]):
        for j in range(outputs.shape[1]):
            pairs = zip(labels, said, strict=True)
            assert counts[i, j] == sum(pair == (i, j) for pair in pairs)
    right = sum(a == b for a, b in zip(labels, said, strict=True))
    assert accuracy(outputs, labels) == right / len(labels)


@given(drawn=answers(), count=st.integers(0, 40))
def test_the_worst_mistakes_are_the_worst(drawn: tuple[np.ndarray, np.ndarray], count: int):
    given_, labels = drawn
    mistakes = worst_mistakes(given_, labels, count)
    wrong = {i for i, row in enumerate(given_) if row.argmax() != labels[i]}
    assert len(mistakes) == min(count, len(wrong))
    assert {m.example for m in mistakes} <= wrong
    shares = [m.true_confidence for m in mistakes]
    assert shares == sorted(shares)
    left_out = wrong - {m.example for m in mistakes}
    if mistakes:
        assert all(given_[i, labels[i]] >= shares[-1] for i in left_out)
    for m in mistakes:
        assert m.truth == labels[m.example] != m.answer == given_[m.example].argmax()
        assert m.confidence == given_[m.example].max()


def test_the_text_of_a_confusion_matrix():
    text = confusion_text(np.array([[1000, 2], [0, 0]]), ("a", "bc"))
    assert text == (
        "truth     a    bc   found\n"
        "    a  1000     2  99.8 %\n"
        "   bc     ·     ·     - %"
    )  # fmt: skip


def test_prediction_is_in_batches_without_a_graph_and_leaves_the_mode():
    model = nn.Linear(3, 2, rng=0)
    seen = []
    model.register_forward_hook(lambda m, i, y: seen.append((m.training, y.requires_grad, len(y))))
    inputs = np.random.default_rng(0).normal(size=(25, 3)).astype(np.float32)
    outputs = predict(model, inputs, batch_size=10)
    expected = inputs @ model.weight.numpy().T + model.bias.numpy()
    np.testing.assert_allclose(outputs, expected, rtol=1e-5)
    assert seen == [(False, False, 10), (False, False, 10), (False, False, 5)]
    assert model.training


def test_frozen_parts_stay_frozen_when_predicting():
    model = nn.Sequential(nn.Linear(3, 2), nn.Dropout().eval())
    predict(model, np.zeros((2, 3), np.float32))
    assert model.training and not model[1].training


@pytest.mark.parametrize("function", [accuracy, confusion_matrix, worst_mistakes])
def test_shapes_that_do_not_fit_are_refused(function):
    with pytest.raises(ShapeError, match=r"outputs \(3, 2\) and labels \(4,\)"):
        function(np.zeros((3, 2)), np.zeros(4, int))


def test_no_examples_are_refused():
    with pytest.raises(DataError, match="0 examples"):
        accuracy(np.zeros((0, 2)), np.zeros(0, int))
    with pytest.raises(DataError, match="0 examples"):
        predict(nn.Linear(2, 2), np.zeros((0, 2), np.float32))
