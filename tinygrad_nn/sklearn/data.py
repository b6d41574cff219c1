"""Rows of the inputs, labels as numbers, and weights of samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import type_of_target, unique_labels

from tinygrad_nn.errors import DataError, OptionError

__all__ = [
    "Labels",
    "checked_weight",
    "class_weighted",
    "column",
    "first_labels",
    "refuse_balanced",
    "rows",
]


def rows(X: Any, chosen: Any) -> Any:
    """Some rows of the inputs; those of a sparse matrix as a dense array."""
    part = X[chosen]
    return part.toarray() if issparse(part) else part


def column(y: Any) -> Any:
    """Targets `(N, 1)` as `(N,)`, with scikit-learn's warning; others as they are."""
    return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y


def checked_weight(name: str, sample_weight: Any, samples: int, dtype: Any) -> Any:
    """Weights of the samples as an array, None for None.

    Raises:
        DataError: They are not one finite number of at least 0 for each sample, or all 0.
    """
    if sample_weight is None:
        return None
    if isinstance(sample_weight, (int, float)):
        sample_weight = np.full(samples, sample_weight)
    weight = np.asarray(sample_weight, dtype=dtype)
    if weight.shape != (samples,):
        raise DataError(
            f"{name}: got sample_weight.shape == {weight.shape}, expected ({samples},): "
            "one number for each sample"
        )
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise DataError(f"{name}: got sample_weight with numbers that are not at least 0")
    if samples and not weight.any():
        raise DataError(
            f"{name}: got a sample_weight of zero for every sample, expected some above 0"
        )
    return weight


def class_weighted(name: str, class_weight: Any, y: Any, weight: Any, dtype: Any) -> Any:
    """Weights of the samples times those of their classes."""
    if class_weight is None:
        return weight
    if not isinstance(class_weight, (dict, list)) and class_weight != "balanced":
        raise OptionError(
            f"{name}: got class_weight={class_weight!r}, expected None, 'balanced', a dict of "
            "label and weight, or for several labels a sample a list of dicts"
        )
    by_class = compute_sample_weight(class_weight, y.toarray() if issparse(y) else y).astype(dtype)
    return by_class if weight is None else by_class * weight


class Labels:
    """Labels of a classifier as numbers, and back.

    Attributes:
        binarizer: scikit-learn's, fitted.
        classes: The labels in order; numbers from 0 where samples have several.
        several: Whether a sample may have several labels.
        width: Columns of a network's outputs: one if there are two classes.
    """

    def __init__(self, y: Any) -> None:
        self.binarizer = LabelBinarizer().fit(y)
        self.classes = self.binarizer.classes_
        self.several = self.binarizer.y_type_.startswith("multilabel")
        count = len(self.classes)
        self.width = count if self.several or count > 2 else 1

    @property
    def exclusive(self) -> bool:
        """Whether a sample has one label of three or more."""
        return self.width > 1 and not self.several

    def numbers(self, y: Any, dtype: Any) -> Any:
        """Class indices `(N,)` of three classes or more, otherwise zeros and ones `(N, width)`."""
        matrix = self.binarizer.transform(y)
        return matrix.argmax(axis=1) if self.exclusive else matrix.astype(dtype)

    def chosen(self, scores: Any) -> Any:
        """Labels for the outputs `(N, width)`: the largest, or all above 0."""
        scores = scores[:, 0] if self.width == 1 else scores
        if self.exclusive:
            return self.classes[scores.argmax(axis=1)]
        return self.binarizer.inverse_transform(scores, threshold=0)

    def check(self, name: str, y: Any, *, same: bool) -> None:
        """Refuse labels that a classifier which goes on does not know.

        Raises:
            DataError: There is one, or with `same` one of the known is missing.
        """
        if self.several != type_of_target(y).startswith("multilabel"):
            raise DataError(f"{name}: got labels of another kind than before; call fit anew")
        if self.several:
            if y.shape[1] != len(self.classes):
                raise DataError(
                    f"{name}: got {y.shape[1]} labels a sample, expected {len(self.classes)}"
                )
            return
        found = unique_labels(y)
        if len(new := np.setdiff1d(found, self.classes)):
            raise DataError(
                f"{name}: `y` has classes not in `self.classes_`: got {list(new)}, expected "
                f"some of {list(self.classes)}"
            )
        if same and len(found) != len(self.classes):
            raise DataError(
                f"{name}: warm_start can only be used where `y` has the same classes as in the "
                f"previous call to fit, {list(self.classes)}; got {list(found)}"
            )


def first_labels(name: str, estimator: Any, y: Any, classes: Any) -> Labels | None:
    """Labels for the first call of `partial_fit`, None for a later one.

    Raises:
        DataError: The first call was not given the classes, or a later one other ones.
    """
    if hasattr(estimator, "classes_"):
        if classes is not None and not np.array_equal(estimator.classes_, unique_labels(classes)):
            raise DataError(
                f"{name}.partial_fit: got classes={list(classes)}, expected those of the first "
                f"call, {list(estimator.classes_)}"
            )
        return None
    if classes is None:
        raise DataError(
            f"{name}: classes must be passed on the first call to partial_fit, since `y` of one "
            "call may lack some: partial_fit(X, y, classes=np.unique(y_all))"
        )
    return Labels(y if type_of_target(y).startswith("multilabel") else np.asarray(classes))


def refuse_balanced(name: str, class_weight: Any) -> None:
    """Refuse weights that one call of `partial_fit` cannot know.

    Raises:
        OptionError: They are "balanced".
    """
    if isinstance(class_weight, str) and class_weight == "balanced":
        raise OptionError(
            f"{name}.partial_fit: got class_weight='balanced', expected None or a dict of label "
            "and weight: how frequent the classes are is not known from one call"
        )
