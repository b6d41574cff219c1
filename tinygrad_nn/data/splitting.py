"""Which examples go to the training half of a split and which to the test half."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.data.arguments import flag, real_number, shown
from tinygrad_nn.data.shuffling import Rng, own_generator, permutation, raw_words
from tinygrad_nn.errors import DataError, OptionError


def split_rows(
    targets: NDArray[Any], test: float, rng: Rng, stratify: bool | None
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows of the training and of the test half, each in random order.

    Args:
        targets: shape (n, ...).
        test: fraction of the examples for the test half.
        rng: seed or generator.
        stratify: keep the proportions of the labels; None does so when there are labels.

    Returns:
        Two index arrays, disjoint and together complete, neither of them empty.
    """
    count = len(targets)
    test_count = _test_count(test, count)
    generator = own_generator(rng)
    order = permutation(generator, count)
    if _wants_labels(stratify, targets):
        in_test = _stratified(targets[order], test_count, generator)
    else:
        in_test = np.arange(count) < test_count
    return order[~in_test], order[in_test]


def _test_count(test: float, count: int) -> int:
    if not 0.0 < real_number("test", test) < 1.0:
        raise OptionError(
            f"test: got {shown(test)}, expected a fraction strictly between 0 and 1; "
            f"pass test=0.25 for a quarter of the examples"
        )
    if count < 2:
        raise DataError(
            f"split: got {count} examples, expected at least 2, "
            f"one for each half; use the data set whole"
        )
    return min(max(round(test * count), 1), count - 1)


def _wants_labels(stratify: bool | None, targets: NDArray[Any]) -> bool:
    has_labels = targets.ndim == 1 and targets.dtype.kind in "bui"
    if stratify is None:
        return has_labels
    if flag("stratify", stratify) and not has_labels:
        raise DataError(
            f"split: got targets of shape {targets.shape} and dtype {targets.dtype}, expected "
            f"one integer label per example to stratify by; pass stratify=False"
        )
    return stratify


def _stratified(
    labels: NDArray[Any], test_count: int, generator: np.random.Generator
) -> NDArray[np.bool_]:
    """Mark, among labels in random order, those of the test half.

    Largest remainders: every class gets its exact share rounded down, and the places
    left over go to the classes that lost most by the rounding.
    """
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    # Whole numbers throughout: a share in floating point could miss the total by one.
    quota, lost = np.divmod(counts * test_count, len(labels))
    # Equal losses are settled by chance; by label, the low labels would always win.
    by_loss = np.lexsort((raw_words(generator, len(counts)), -lost))
    quota[by_loss[: test_count - int(quota.sum())]] += 1
    return _rank_in_class(classes, counts) < quota[classes]


def _rank_in_class(classes: NDArray[np.intp], counts: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return how many earlier examples share each one's class, shape (n,)."""
    by_class = np.argsort(classes, kind="stable")
    first = np.repeat(np.cumsum(counts) - counts, counts)
    rank = np.empty_like(by_class)
    rank[by_class] = np.arange(len(classes)) - first
    return rank
