"""CTC: the sum over all alignments, written out; and PyTorch's gradient."""

from itertools import groupby, product

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.nn.differences import check
from tinygrad_nn import nn
from tinygrad_nn.errors import OptionError, ShapeError

F = nn.functional


def collapsed(path):
    """Repeats merged, then blanks dropped."""
    return [label for label, _ in groupby(path) if label != 0]


@pytest.mark.parametrize("labels", [[], [1], [1, 2], [1, 1], [2, 1, 2]])
def test_loss_is_that_of_all_alignments(labels, rng):
    frames, classes = 4, 3
    p = rng.dirichlet(np.ones(classes), frames)
    paths = product(range(classes), repeat=frames)
    probability = sum(
        np.prod(p[range(frames), list(path)]) for path in paths if collapsed(path) == labels
    )
    target = np.array([[*labels, 0]], np.int64)
    loss = F.ctc_loss(tg.tensor(np.log(p)[:, None]), target, [frames], [len(labels)], 0, "sum")
    np.testing.assert_allclose(loss.item(), -np.log(probability), rtol=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_gradient_behind_log_softmax_is_pytorchs(reduction, rng):
    torch = pytest.importorskip("torch")
    x, labels = rng.standard_normal((7, 3, 4)), rng.integers(1, 4, (3, 3))
    frames, lengths = np.array([7, 5, 7]), np.array([3, 2, 0])
    ours = tg.tensor(x, requires_grad=True)
    F.ctc_loss(F.log_softmax(ours, -1), labels, frames, lengths, reduction=reduction).backward()
    theirs = torch.tensor(x, requires_grad=True)
    torch.nn.functional.ctc_loss(
        torch.log_softmax(theirs, -1),
        torch.tensor(labels),
        torch.tensor(frames),
        torch.tensor(lengths),
        reduction=reduction,
    ).backward()
    np.testing.assert_allclose(np.asarray(ours.grad), theirs.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_gradient_is_that_of_differences(rng):
    x = tg.tensor(rng.standard_normal((5, 2, 3)), requires_grad=True)
    labels = np.array([[1, 1], [2, 1]])
    check(lambda: F.ctc_loss(x, labels, [5, 4], [2, 2], reduction="sum"), [x])


def test_targets_behind_one_another_are_rows(rng):
    x = tg.tensor(rng.standard_normal((5, 2, 3)))
    rows = F.ctc_loss(x, np.array([[1, 2], [2, 0]]), [5, 5], [2, 1])
    flat = F.ctc_loss(x, np.array([1, 2, 2]), [5, 5], [2, 1])
    assert rows.item() == flat.item()


def test_too_few_frames_are_infinite_or_nothing(rng):
    x = tg.tensor(rng.standard_normal((2, 1, 3)), requires_grad=True)
    labels = np.array([[1, 1, 2]])
    assert F.ctc_loss(x, labels, [2], [3]).item() == np.inf
    loss = F.ctc_loss(x, labels, [2], [3], zero_infinity=True)
    loss.backward()
    assert loss.item() == 0
    assert not np.asarray(x.grad).any()


def test_what_does_not_fit_is_refused():
    x = tg.zeros((4, 2, 3))
    labels = np.array([[1, 2], [2, 1]])
    with pytest.raises(ShapeError, match="1 input_lengths for 2 samples"):
        F.ctc_loss(x, labels, [4], [2, 2])
    with pytest.raises(ShapeError, match="input_lengths up to 9 for 4 frames"):
        F.ctc_loss(x, labels, [9, 4], [2, 2])
    with pytest.raises(OptionError, match="the label 0, which is the blank"):
        F.ctc_loss(x, labels * 0, [4, 4], [2, 2])
    with pytest.raises(OptionError, match="the label 3, expected 0 to 2"):
        F.ctc_loss(x, labels + 1, [4, 4], [2, 2])
    with pytest.raises(ShapeError, match="expected \\(2, at least 3\\)"):
        F.ctc_loss(x, labels, [4, 4], [3, 2])
