"""`Dataset`: examples and their targets as two read-only arrays of one length."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_nn.data.arguments import is_whole, shown
from tinygrad_nn.data.arrays import as_array, frozen, owned
from tinygrad_nn.data.shuffling import Rng
from tinygrad_nn.data.splitting import split_rows
from tinygrad_nn.errors import DataError, OptionError, ShapeError

__all__ = ["Dataset"]

Rows = slice | Sequence[int] | Sequence[bool] | NDArray[Any]
"""Several examples: a slice, whole numbers, or one bool for each example."""


class Dataset:
    """Examples and their targets, immutable; or the base of a data set of one's own.

    A subclass with `__len__` and `__getitem__`, as it is written for PyTorch, may keep what it
    likes: nothing of it is fixed unless it calls this class's `__init__`.

    The arrays are copied unless they are already read-only to their root (a read-only
    `numpy.memmap` too), so later writes of the caller cannot reach the data set. NaN and
    infinity are kept as they are: missing values are the business of the caller.

    Args:
        inputs: shape (n, ...), numbers or bools. A list becomes float32.
        targets: shape (n, ...), numbers or bools. A list of integers or bools becomes
            int64, any other list float32.
        name: what to call it in messages and titles.
        classes: names of the labels 0, 1, ...; empty when the targets are no labels.

    Raises:
        DTypeError: an array holds objects, text or dates.
        ShapeError: the lengths differ, or an array has no first axis.
        DataError: an array is masked, or a label has no class.
        OptionError: `name` is no text, or `classes` no sequence of texts.

    Example:
        >>> table = Dataset([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0], "xor", ("no", "yes"))
        >>> table
        Dataset('xor', inputs=float32 (4, 2), targets=int64 (4,), classes=2)
        >>> x, y = table[1]
        >>> x.tolist(), int(y)
        ([0.0, 1.0], 1)
        >>> table.inputs[0, 0] = 5
        Traceback (most recent call last):
        ValueError: assignment destination is read-only
    """

    inputs: NDArray[Any]
    targets: NDArray[Any]
    name: str
    classes: tuple[str, ...]
    _fixed = False

    def __init__(
        self,
        inputs: ArrayLike,
        targets: ArrayLike,
        name: str = "data",
        classes: Sequence[str] = (),
    ) -> None:
        """Copy and check the arrays; see the class."""
        fields = {
            "inputs": frozen(as_array("inputs", inputs, keeps_integers=False)),
            "targets": frozen(as_array("targets", targets, keeps_integers=True)),
            "name": _checked_name(name),
            "classes": _checked_classes(classes),
        }
        vars(self).update(fields)
        if len(self.inputs) != len(self.targets):
            raise ShapeError(
                f"Dataset: got {len(self.inputs)} inputs {self.inputs.shape} and "
                f"{len(self.targets)} targets {self.targets.shape}, expected one target for "
                f"each input; compare the first axes"
            )
        _check_labels(self.targets, self.classes)
        self._fixed = True

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse to change what `__init__` has set."""
        self._refuse(name)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        """Refuse to remove what `__init__` has set."""
        self._refuse(name)
        super().__delattr__(name)

    def _refuse(self, name: str) -> None:
        # In a data set of one's own these are names like any other.
        if self._fixed and (type(self) is Dataset or name in Dataset.__annotations__):
            raise AttributeError(
                f"cannot assign to {name!r}: a Dataset is immutable; make another one: "
                "Dataset(inputs, targets)"
            )

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.inputs)

    def __getitem__(self, key: int | Rows) -> tuple[Any, Any]:
        """Return `(inputs, targets)` of one example or of several.

        A number or a slice gives read-only views; rows by number or by bools give new arrays.

        Raises:
            IndexError: a number is out of range.
            OptionError: the key is of another kind.
        """
        rows = _checked_row(key, len(self)) if is_whole(key) else checked_rows(key, len(self))
        return self.inputs[rows], self.targets[rows]

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        """Yield the examples one by one, in order."""
        if not self._fixed:
            return (self[place] for place in range(len(self)))
        return zip(self.inputs, self.targets, strict=True)

    def subset(self, rows: Rows) -> Dataset:
        """Return the data set of the chosen examples, in the order of `rows`.

        Args:
            rows: a slice, whole numbers of shape (k,), or bools of shape (n,).

        Raises:
            IndexError: a number is out of range.
            OptionError: `rows` is of another kind.

        Example:
            >>> Dataset([[1.0], [2.0], [3.0]], [0, 1, 0]).subset([2, 0]).inputs.tolist()
            [[3.0], [1.0]]
        """
        chosen = checked_rows(rows, len(self))
        return self._with(owned(self.inputs[chosen]), owned(self.targets[chosen]))

    def split(
        self,
        *unnamed: object,
        test: float = 0.25,
        rng: Rng = 0,
        stratify: bool | None = None,
    ) -> tuple[Dataset, Dataset]:
        """Return a training and a test half that share no example and no memory.

        The same seed gives the same halves, on every machine.

        Args:
            unnamed: refused: `split(0.75)` would not say which half gets three quarters.
            test: fraction for the test half; the count is rounded, each half keeps one.
            rng: seed or generator (one draw is taken from a generator).
            stratify: keep the proportions of the labels to within one example a class.
                None does so when the targets are integers or bools of shape (n,).

        Raises:
            OptionError: `test` is not strictly between 0 and 1, or has no name.
            DataError: fewer than two examples, or no labels to stratify by.

        Example:
            >>> data = Dataset([[float(i)] for i in range(8)], [0, 1] * 4)
            >>> train, test = data.split(test=0.5, rng=7)
            >>> len(train), len(test), sorted(test.targets.tolist())
            (4, 4, [0, 0, 1, 1])
        """
        if unnamed:
            raise OptionError(
                f"split: got {shown(unnamed[0])} without a name, expected test=, the fraction that "
                f"is held out for testing; pass split(test=0.25) to train on three quarters"
            )
        train_rows, test_rows = split_rows(self.targets, test, rng, stratify)
        return self.subset(train_rows), self.subset(test_rows)

    def flatten(self) -> Dataset:
        """Return the same data set with inputs of shape (n, features).

        Example:
            >>> import numpy as np
            >>> Dataset(np.zeros((5, 8, 8)), np.zeros(5)).flatten().inputs.shape
            (5, 64)
        """
        # -1 is ambiguous for a data set without examples.
        width = math.prod(self.inputs.shape[1:])
        return self._with(owned(self.inputs.reshape(len(self), width)), self.targets)

    def _with(self, inputs: NDArray[Any], targets: NDArray[Any]) -> Dataset:
        return Dataset(inputs, targets, self.name, self.classes)

    def __repr__(self) -> str:
        """Return one line with dtypes and shapes."""
        if not self._fixed:
            return object.__repr__(self)
        return (
            f"Dataset({self.name!r}, inputs={self.inputs.dtype} {self.inputs.shape}, "
            f"targets={self.targets.dtype} {self.targets.shape}, classes={len(self.classes)})"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild through the constructor: NumPy forgets the read-only mark when copying."""
        if type(self) is not Dataset:
            return object.__new__, (type(self),), vars(self)
        return Dataset, (self.inputs, self.targets, self.name, self.classes)


def _checked_name(name: str) -> str:
    if isinstance(name, str):
        return name
    raise OptionError(f"name: got {shown(name)}, expected text; pass name='my data'")


def _checked_classes(classes: Sequence[str]) -> tuple[str, ...]:
    # A single text is a sequence of texts too, and never what was meant.
    if isinstance(classes, (list, tuple)) and all(isinstance(label, str) for label in classes):
        return tuple(classes)
    raise OptionError(
        f"classes: got {shown(classes)}, expected the names of the labels in order; "
        f"pass classes=('cat', 'dog')"
    )


def _check_labels(targets: NDArray[Any], classes: tuple[str, ...]) -> None:
    if not classes or targets.ndim != 1 or targets.dtype.kind not in "ui" or not len(targets):
        return
    low, high = int(targets.min()), int(targets.max())
    if low < 0 or high >= len(classes):
        raise DataError(
            f"targets: got labels from {low} to {high}, expected 0 to {len(classes) - 1} for "
            f"{len(classes)} classes; renumber the labels or name every class"
        )


def _checked_row(key: Any, count: int) -> int:
    if -count <= key < count:
        return int(key)
    raise IndexError(f"example {key} of {count}; expected {-count} to {count - 1}")


def checked_rows(key: Any, count: int) -> slice | NDArray[Any]:
    """Return a key for several of `count` examples, refusing what is none."""
    if isinstance(key, slice):
        return key
    rows = np.asarray(key) if isinstance(key, (list, np.ndarray)) else None
    if rows is not None and rows.ndim == 1:
        if not len(rows):
            return np.empty(0, np.intp)
        if rows.dtype.kind == "b" and len(rows) == count:
            return rows
        if rows.dtype.kind in "ui":
            _checked_row(rows.min(), count)
            _checked_row(rows.max(), count)
            return rows
    raise OptionError(
        f"rows: got {shown(key)}, expected a slice, a list of whole numbers, or {count} bools; "
        f"pass for instance data[[0, 2]]"
    )
