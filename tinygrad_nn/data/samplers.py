"""Samplers: in what order a `DataLoader` reads the examples.

A sampler's order is a function of a seed and the number of the epoch, so that an epoch can be
taken up in its middle. Inside a `DataLoader` both are the loader's; iterated by hand, a sampler
counts its own epochs. Any other iterable of example numbers serves as `sampler=` too, and any
iterable of lists of them as `batch_sampler=`; if they shuffle, they should do so by the number
that a method `set_epoch(epoch)` is given, or a loader cannot resume them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_nn.data.arguments import flag, shown, whole_number
from tinygrad_nn.data.shuffling import Rng, epoch_generator, permutation, raw_words, seed_of
from tinygrad_nn.errors import DataError, OptionError, ShapeError

__all__ = [
    "BalancedSampler",
    "BatchSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StratifiedSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]

_MANTISSA: Final = 11


class Sampler:
    """Base of the samplers of this library: define `__len__` and `_order`.

    Args:
        generator: a seed of the sampler's own, or a generator (one draw is taken from it); None
            takes that of the `DataLoader`.
    """

    def __init__(self, generator: Rng | None = None) -> None:
        self._seed = None if generator is None else seed_of(generator)
        self._epoch = 0

    def order(self, seed: int, epoch: int) -> NDArray[np.intp]:
        """Return the numbers of the examples of an epoch, shape (len(self),)."""
        return self._order(epoch_generator(seed if self._seed is None else self._seed, epoch))

    def __iter__(self) -> Iterator[int]:
        """Yield the numbers of the next epoch."""
        epoch, self._epoch = self._epoch, self._epoch + 1
        return iter(self.order(0, epoch).tolist())

    def __len__(self) -> int:
        """Return how many numbers an epoch has."""
        raise NotImplementedError

    def _order(self, generator: np.random.Generator) -> NDArray[np.intp]:
        raise NotImplementedError

    def __repr__(self) -> str:
        """Return the kind and the length."""
        return f"{type(self).__name__}({len(self)})"


class SequentialSampler(Sampler):
    """Every example once, in the order of the data set.

    Example:
        >>> list(SequentialSampler("abc"))
        [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        super().__init__()
        self.data_source: Final = data_source

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.data_source)

    def _order(self, generator: np.random.Generator) -> NDArray[np.intp]:
        return np.arange(len(self))


class RandomSampler(Sampler):
    """Examples in random order.

    Args:
        data_source: the data set.
        replacement: draw each number anew, so that one may come twice.
        num_samples: how many; None for as many as there are examples. Without replacement a
            larger number goes through the data set again, in another order.
        generator: see `Sampler`.

    Example:
        >>> sorted(RandomSampler("abcd"))
        [0, 1, 2, 3]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Rng | None = None,
    ) -> None:
        super().__init__(generator)
        self.data_source: Final = data_source
        self.replacement: Final = flag("replacement", replacement)
        self._samples = None if num_samples is None else whole_number("num_samples", num_samples, 1)
        _check_count(len(data_source))

    def __len__(self) -> int:
        """Return `num_samples`."""
        return len(self.data_source) if self._samples is None else self._samples

    def _order(self, generator: np.random.Generator) -> NDArray[np.intp]:
        count = len(self.data_source)
        if self.replacement:
            return (_fractions(generator, len(self)) * count).astype(np.intp)
        rounds = [permutation(generator, count) for _ in range(-(-len(self) // count))]
        return np.concatenate(rounds)[: len(self)]


class SubsetRandomSampler(Sampler):
    """The given examples once each, in random order.

    Example:
        >>> sorted(SubsetRandomSampler([4, 8, 6]))
        [4, 6, 8]
    """

    def __init__(self, indices: Sequence[int], generator: Rng | None = None) -> None:
        super().__init__(generator)
        numbers = np.array(indices)
        if numbers.ndim != 1 or numbers.dtype.kind not in "ui":
            raise OptionError(
                f"indices: got {shown(indices)}, expected a list of at least one whole number"
            )
        self.indices: Final = numbers.astype(np.intp)

    def __len__(self) -> int:
        """Return the number of the given examples."""
        return len(self.indices)

    def _order(self, generator: np.random.Generator) -> NDArray[np.intp]:
        order = permutation(generator, len(self))
        chosen: NDArray[np.intp] = self.indices[order]
        return chosen


class WeightedRandomSampler(Sampler):
    """Examples drawn with probabilities in proportion to their weights.

    Args:
        weights: shape (n,), from 0 up; they need not sum to 1.
        num_samples: how many to draw.
        replacement: an example may come more than once; else it is drawn from those left.
        generator: see `Sampler`.

    Source: without replacement, the `num_samples` smallest of -log(u) / weight, u uniform:
    P. Efraimidis, P. Spirakis, "Weighted random sampling with a reservoir", 2006.

    Example:
        >>> set(WeightedRandomSampler([0.0, 1.0, 3.0], 100)) == {1, 2}
        True
    """

    def __init__(
        self,
        weights: ArrayLike,
        num_samples: int,
        replacement: bool = True,
        generator: Rng | None = None,
    ) -> None:
        super().__init__(generator)
        self.weights: Final = np.array(weights, np.float64)
        self.num_samples: Final = whole_number("num_samples", num_samples, 1)
        self.replacement: Final = flag("replacement", replacement)
        if self.weights.ndim != 1 or not len(self.weights):
            raise ShapeError(f"weights: got shape {self.weights.shape}, expected (n,) with n > 0")
        possible = np.count_nonzero(self.weights)
        if not np.isfinite(self.weights).all() or self.weights.min() < 0 or not possible:
            raise OptionError(
                f"weights: got {shown(weights)}, expected finite numbers from 0 up, not all 0; "
                f"pass for instance 1 / np.bincount(labels)[labels]"
            )
        if not replacement and num_samples > possible:
            raise OptionError(
                f"num_samples: got {num_samples}, expected at most {possible}, the number of "
                f"weights above 0; lower it, or pass replacement=True"
            )

    def __len__(self) -> int:
        """Return `num_samples`."""
        return self.num_samples

    def _order(self, generator: np.random.Generator) -> NDArray[np.intp]:
        if self.replacement:
            ends = np.cumsum(self.weights / self.weights.max())
            # Side right: an example of weight 0 ends where the one before it ends.
            places = np.searchsorted(ends, _fractions(generator, len(self)) * ends[-1], "right")
            return np.asarray(places.clip(0, np.flatnonzero(self.weights)[-1]), np.intp)
        # The logarithm of -log(u) / weight: tiny weights would overflow without it.
        with np.errstate(divide="ignore"):
            waiting = np.log(-np.log1p(-_fractions(generator, len(self.weights))))
            keys = waiting - np.log(self.weights)
        return np.argsort(keys, kind="stable")[: len(self)]


class BalancedSampler(Sampler):
    """As many examples of each class as of any other, give or take one.

    Classes with few examples are gone through repeatedly, each time in another order.

    Args:
        labels: shape (n,), integers.
        num_samples: how many; None for n.
        generator: see `Sampler`.

    Example:
        >>> labels = np.array([0, 0, 0, 0, 0, 1])
        >>> np.bincount(labels[list(BalancedSampler(labels))]).tolist()
        [3, 3]
    """

    def __init__(
        self, labels: ArrayLike, num_samples: int | None = None, generator: Rng | None = None
    ) -> None:
        super().__init__(generator)
        self.labels: Final = _labels(labels)
        count = len(self.labels) if num_samples is None else num_samples
        self.num_samples: Final = whole_number("num_samples", count, 1)

    def __len__(self) -> int:
        """Return `num_samples`."""
        return self.num_samples

    def _order(self, generator: np.random.Generator) -> NDArray[np.intp]:
        kinds = np.unique(self.labels)
        each = -(-len(self) // len(kinds))
        members = [np.flatnonzero(self.labels == kind) for kind in kinds]
        drawn = np.array([_repeated(generator, rows, each) for rows in members])
        # Round by round every class has its turn, in an order of the classes drawn for each.
        turns = np.argsort(raw_words(generator, drawn.size).reshape(drawn.shape), axis=0)
        order = np.take_along_axis(drawn, turns, 0).T.reshape(-1)[: len(self)]
        return order[permutation(generator, len(order))]


class StratifiedSampler(Sampler):
    """Every example once, so that each batch has the classes in nearly their proportions.

    Of a class with share p, k consecutive examples have k p, give or take less than
    1 + p times the number of classes; usually one.

    Args:
        labels: shape (n,), integers.
        generator: see `Sampler`.

    Example:
        >>> labels = np.array([0] * 90 + [1] * 10)
        >>> order = list(StratifiedSampler(labels))
        >>> max(abs(int(labels[order[k : k + 20]].sum()) - 2) for k in range(0, 100, 20)) <= 1
        True
    """

    def __init__(self, labels: ArrayLike, generator: Rng | None = None) -> None:
        super().__init__(generator)
        self.labels: Final = _labels(labels)

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.labels)

    def _order(self, generator: np.random.Generator) -> NDArray[np.intp]:
        places = np.empty(len(self))
        for kind in np.unique(self.labels):
            rows = np.flatnonzero(self.labels == kind)
            # Evenly spaced over the epoch, the first one at a place drawn by chance.
            start = _fractions(generator, 1)
            places[rows[permutation(generator, len(rows))]] = (np.arange(len(rows)) + start) / len(
                rows
            )
        return np.argsort(places, kind="stable")


class BatchSampler:
    """The numbers of another sampler in lists of `batch_size`.

    Args:
        sampler: of this library, or any iterable of example numbers.
        batch_size: numbers in a list.
        drop_last: leave out a last list that is not full.

    Example:
        >>> list(BatchSampler(range(5), 2, drop_last=False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Any, batch_size: int, drop_last: bool = False) -> None:
        if not hasattr(sampler, "__iter__"):
            raise OptionError(f"sampler: got {shown(sampler)}, expected an iterable of numbers")
        self.sampler: Final = sampler
        self.batch_size: Final = whole_number("batch_size", batch_size, 1)
        self.drop_last: Final = flag("drop_last", drop_last)

    def __len__(self) -> int:
        """Return the number of lists."""
        full, rest = divmod(len(self.sampler), self.batch_size)
        return full if self.drop_last or not rest else full + 1

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the lists of the next epoch."""
        return chunks(self.sampler, self.batch_size, self.drop_last)

    def batches(self, seed: int, epoch: int) -> Iterator[list[int]]:
        """Yield the lists of a given epoch."""
        return chunks(keys_of(self.sampler, seed, epoch), self.batch_size, self.drop_last)


def keys_of(sampler: Any, seed: int, epoch: int) -> Any:
    """Return what a sampler gives in an epoch: an array of numbers, or an iterable."""
    if isinstance(sampler, Sampler):
        return sampler.order(seed, epoch)
    set_epoch(sampler, epoch)
    return sampler


def set_epoch(source: Any, epoch: int) -> None:
    """Tell a sampler or a data set the number of the epoch, if it wants to know."""
    if callable(getattr(source, "set_epoch", None)):
        source.set_epoch(epoch)


def chunks(items: Any, size: int, drop_last: bool) -> Iterator[list[Any]]:
    """Yield the items in lists of `size`."""
    if isinstance(items, np.ndarray):
        items = items.tolist()
    chunk: list[Any] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk and not drop_last:
        yield chunk


def _repeated(
    generator: np.random.Generator, rows: NDArray[np.intp], count: int
) -> NDArray[np.intp]:
    rounds = [rows[permutation(generator, len(rows))] for _ in range(-(-count // len(rows)))]
    return np.concatenate(rounds)[:count]


def _fractions(generator: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Return numbers from 0 up to below 1, the same with every version of NumPy."""
    return np.asarray((raw_words(generator, count) >> np.uint64(_MANTISSA)) * 2.0**-53, np.float64)


def _labels(labels: ArrayLike) -> NDArray[Any]:
    array = np.array(labels)
    if array.ndim != 1 or array.dtype.kind not in "bui":
        raise DataError(
            f"labels: got {array.dtype} of shape {array.shape}, expected one integer for each "
            f"example; pass dataset.targets of a classification"
        )
    _check_count(len(array))
    return array


def _check_count(count: int) -> None:
    if not count:
        raise DataError("sampler: got 0 examples, expected at least 1")
