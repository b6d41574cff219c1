"""Data sets made of data sets: arrays side by side, parts, sums, and transformed ones."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_nn.data.arguments import is_whole, shown
from tinygrad_nn.data.arrays import as_array, frozen
from tinygrad_nn.data.dataset import Dataset, Rows, checked_rows
from tinygrad_nn.data.shuffling import Rng, example_generator, seed_of
from tinygrad_nn.data.text import LineDataset, TextDataset
from tinygrad_nn.errors import DataError, OptionError, PositionError, ShapeError
from tinygrad_nn.tensor import Tensor

__all__ = ["ConcatDataset", "IterableDataset", "Subset", "TensorDataset", "TransformedDataset"]

MakeRng: TypeAlias = Callable[[], np.random.Generator]
"""Gives the generator of one example, the same one at every call."""


class TensorDataset:
    """Any number of arrays of one length; example i is the tuple of their rows i.

    Of what was a tensor, examples and batches are tensors, without a gradient; of arrays and
    lists they are NumPy arrays.

    Args:
        arrays: NumPy arrays, lists or tensors of shape (n, ...). Copied unless read-only.

    Attributes:
        arrays: all of them as read-only arrays.
        tensors: the same, with those tensors that were given as such.

    Raises:
        ShapeError: the lengths differ.
        OptionError: no array was given.

    Example:
        >>> pairs = TensorDataset(np.zeros((3, 2)), np.arange(3))
        >>> len(pairs), int(pairs[2][1])
        (3, 2)
        >>> TensorDataset(Tensor([[1, 2], [3, 4]]))[1]
        (tensor([3., 4.]),)
    """

    def __init__(self, *arrays: ArrayLike | Tensor) -> None:
        if not arrays:
            raise OptionError(
                "TensorDataset: got no array, expected at least one; pass TensorDataset(x, y)"
            )
        self.arrays: Final = tuple(
            frozen(as_array(f"array {place}", plain(values), keeps_integers=True))
            for place, values in enumerate(arrays)
        )
        self.tensors: Final = tuple(map(like, arrays, self.arrays))
        if len({len(array) for array in self.arrays}) > 1:
            raise ShapeError(
                f"TensorDataset: got arrays of shapes "
                f"{', '.join(str(array.shape) for array in self.arrays)}, expected as many rows "
                f"in each; compare the first axes"
            )

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.arrays[0])

    def __getitem__(self, key: int | Rows) -> tuple[Any, ...]:
        """Return the rows of one example or of several."""
        rows = _position(key, len(self)) if is_whole(key) else checked_rows(key, len(self))
        return tuple(_rows(part, rows) for part in self.tensors)

    def __repr__(self) -> str:
        """Return one line with dtypes and shapes."""
        forms = ", ".join(f"{array.dtype} {array.shape}" for array in self.arrays)
        return f"TensorDataset({forms})"

    def __reduce__(self) -> tuple[type[TensorDataset], tuple[Any, ...]]:
        """Rebuild through the constructor: NumPy forgets the read-only mark when copying."""
        return TensorDataset, self.tensors


class Subset:
    """Some of the examples of a data set, by their numbers; nothing is copied.

    Args:
        dataset: any data set with numbered examples.
        indices: whole numbers; one may occur more than once.

    Example:
        >>> Subset(["a", "b", "c"], [2, 0])[0]
        'c'
    """

    def __init__(self, dataset: Any, indices: Sequence[int] | NDArray[Any]) -> None:
        numbers = np.asarray(indices)
        if numbers.ndim != 1 or (len(numbers) and numbers.dtype.kind not in "ui"):
            raise OptionError(
                f"indices: got {shown(indices)}, expected a list of whole numbers; pass "
                f"np.flatnonzero(mask) for a mask"
            )
        numbers = numbers.astype(np.intp)
        for number in (numbers.min(), numbers.max()) if len(numbers) else ():
            _position(number, len(dataset))
        self.dataset: Final = dataset
        self.indices: Final = numbers

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        """Return one example."""
        return self.dataset[int(self.indices[_position(index, len(self))])]

    def __repr__(self) -> str:
        """Return one line."""
        return f"Subset({len(self)} of {self.dataset!r})"


class ConcatDataset:
    """The examples of several data sets, one data set after the other.

    Args:
        datasets: data sets with numbered examples, at least one.

    Example:
        >>> ConcatDataset([["a", "b"], ["c"]])[2]
        'c'
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets: Final = list(datasets)
        if not self.datasets:
            raise DataError("ConcatDataset: got no data set, expected at least one")
        for dataset in self.datasets:
            if is_iterable_only(dataset):
                raise OptionError(
                    f"ConcatDataset: got {shown(dataset)}, expected data sets with numbered "
                    f"examples; chain iterables with itertools.chain"
                )
        self.cumulative_sizes: Final = list(accumulate(map(len, self.datasets)))

    def __len__(self) -> int:
        """Return the number of examples of all."""
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        """Return one example."""
        dataset, place = self.locate(index)
        return dataset[place]

    def locate(self, index: int) -> tuple[Any, int]:
        """Return which data set example `index` is of, and its number there."""
        place = _position(index, len(self))
        which = bisect_right(self.cumulative_sizes, place)
        before = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which], place - before

    def __repr__(self) -> str:
        """Return one line."""
        return f"ConcatDataset({self.datasets!r})"


class TransformedDataset:
    """A data set whose examples are transformed when they are read.

    In a `DataLoader` the randomness of an example follows from the loader's seed, the epoch
    and the number of the example, so that every epoch differs, and neither the batch size nor
    the number of workers matters. Read by hand, example i is always the same.

    Args:
        dataset: any data set with numbered examples.
        transform: of the first part of an example, or of the whole if it is no tuple:
            called as `transform(x, rng)`, see `tinygrad_nn.data.transforms`.
        target_transform: of the second part, called as `target_transform(y, rng)`.
        rng: seed for examples read by hand.

    Example:
        >>> from tinygrad_nn.data.transforms import GaussianNoise, ToFloat
        >>> noisy = TransformedDataset([(np.uint8([[255]]), 1)], ToFloat())
        >>> noisy[0][0].tolist(), noisy[0][1]
        ([[1.0]], 1)
    """

    def __init__(
        self,
        dataset: Any,
        transform: Callable[[Any, np.random.Generator], Any] | None = None,
        target_transform: Callable[[Any, np.random.Generator], Any] | None = None,
        *,
        rng: Rng = 0,
    ) -> None:
        for name, function in (("transform", transform), ("target_transform", target_transform)):
            if function is not None and not callable(function):
                raise OptionError(
                    f"{name}: got {shown(function)}, expected a transform or a function of "
                    f"(x, rng); pass for instance {name}=transforms.ToFloat()"
                )
        self.dataset: Final = dataset
        self.transform: Final = transform
        self.target_transform: Final = target_transform
        self._seed = seed_of(rng)

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        """Return one transformed example; the same one at every call."""
        place = _position(index, len(self))
        generator = example_generator(self._seed, 0, place, 0)
        return read_example(self, place, lambda: generator)

    def apply(self, example: Any, rng: MakeRng) -> Any:
        """Return the transform of an example of the inner data set."""
        parts = list(example) if isinstance(example, tuple) else [example]
        if self.transform is not None:
            parts[0] = like(parts[0], self.transform(parts[0], rng()))
        if self.target_transform is not None:
            if len(parts) < 2:
                raise DataError(
                    f"target_transform: got an example {shown(example)} without a target, "
                    f"expected a tuple (input, target); leave target_transform= out"
                )
            parts[1] = like(parts[1], self.target_transform(parts[1], rng()))
        if not isinstance(example, tuple):
            return parts[0]
        # A named tuple takes its fields one by one.
        return type(example)(*parts) if hasattr(example, "_fields") else tuple(parts)

    def __repr__(self) -> str:
        """Return one line."""
        return f"TransformedDataset({self.dataset!r}, {self.transform!r})"


class IterableDataset:
    """Base of data sets that are read from front to back: define `__iter__`.

    Deriving from it is optional: a `DataLoader` takes anything that can be iterated but has
    no `__getitem__`. If there is a method `set_epoch(epoch)`, the loader calls it before each
    epoch, so that the order may change with it.
    """

    def __iter__(self) -> Iterator[Any]:
        """Yield the examples."""
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")


def is_iterable_only(dataset: Any) -> bool:
    """Tell whether a data set can be read from front to back only."""
    if isinstance(dataset, IterableDataset):
        return True
    return hasattr(dataset, "__iter__") and not hasattr(dataset, "__getitem__")


def read_example(dataset: Any, index: Any, rng: MakeRng) -> Any:
    """Return an example, with the given randomness wherever it is transformed.

    A data set of one's own that draws numbers defines `example(index, rng)`.
    """
    match dataset:
        case Subset():
            place = int(dataset.indices[_position(index, len(dataset))])
            return read_example(dataset.dataset, place, rng)
        case ConcatDataset():
            return read_example(*dataset.locate(index), rng)
        case TransformedDataset():
            return dataset.apply(read_example(dataset.dataset, index, rng), rng)
    if hasattr(dataset, "example"):
        return dataset.example(index, rng())
    return dataset[index]


def draws(dataset: Any) -> bool:
    """Tell whether reading an example may draw numbers."""
    match dataset:
        case Subset():
            return draws(dataset.dataset)
        case ConcatDataset():
            return any(map(draws, dataset.datasets))
    return isinstance(dataset, TransformedDataset) or hasattr(dataset, "example")


def read_rows(dataset: Any, rows: NDArray[np.intp]) -> tuple[Any, ...] | None:
    """Return a batch straight from the arrays of a data set, or None if it has none."""
    if isinstance(dataset, Subset):
        return read_rows(dataset.dataset, dataset.indices[rows])
    # A subclass with a `__getitem__` of its own is asked for one example at a time.
    if getattr(type(dataset), "__getitem__", None) in _BY_ROWS:
        return dataset[rows]  # type: ignore[no-any-return]
    return None


_BY_ROWS = {kind.__getitem__ for kind in (Dataset, LineDataset, TensorDataset, TextDataset)}


def plain(values: Any) -> Any:
    """Return the array of a tensor; anything else as it is."""
    return values.synced() if isinstance(values, Tensor) else values


def paired(inputs: Any, targets: Any) -> Dataset | TensorDataset:
    """Return the data set of a pair of arrays or tensors, of which tensors stay tensors."""
    checked = Dataset(plain(inputs), plain(targets))
    if not isinstance(inputs, Tensor) and not isinstance(targets, Tensor):
        return checked
    return TensorDataset(like(inputs, checked.inputs), like(targets, checked.targets))


def like(before: Any, after: Any) -> Any:
    """Return an array that was made of a tensor as a tensor; anything else as it is."""
    if isinstance(before, Tensor) and isinstance(after, (np.ndarray, np.generic)):
        return Tensor.wrap(np.asarray(after))
    return after


def _rows(part: Any, rows: Any) -> Any:
    """Return rows of an array, or of a tensor as a tensor that may be written to."""
    if not isinstance(part, Tensor):
        return part[rows]
    found = np.asarray(part.synced()[rows])
    return Tensor.wrap(found if found.flags.writeable else found.copy())


def _position(index: Any, count: int) -> int:
    if not is_whole(index):
        raise PositionError(f"example {shown(index)}: expected a whole number; pass one at a time")
    if -count <= index < count:
        return int(index) % count
    raise PositionError(f"example {index:d} of {count}: expected {-count} to {count - 1}")
