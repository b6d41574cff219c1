"""What `fit` and `evaluate` take as data, as batches whose place can be told and set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import numpy as np

from tinygrad_nn.data import DataLoader, Dataset, IterableDataset, TensorDataset
from tinygrad_nn.data.arguments import shown
from tinygrad_nn.data.map_style import paired
from tinygrad_nn.data.shuffling import Rng
from tinygrad_nn.errors import DataError, OptionError
from tinygrad_nn.tensor import Tensor

__all__ = ["Stream", "answer", "as_batches", "pair"]

_PAIR: Final = 2


def as_batches(caller: str, data: Any, batch_size: int, rng: Rng, shuffle: bool) -> Any:
    """Return a loader of `data`: a loader itself, a data set, a pair of arrays, or a list.

    Raises:
        OptionError: It is none of them.
        DataError: There are no batches.
    """
    if isinstance(data, tuple) and len(data) == _PAIR and not isinstance(data[0], tuple):
        data = paired(*data)
    elif isinstance(data, (np.ndarray, Tensor, Mapping, str, bytes)):
        raise OptionError(
            f"{caller}: got data {shown(data)}, expected batches or examples with their targets; "
            "pass (inputs, targets), a Dataset or a DataLoader"
        )
    elif isinstance(data, Iterator):
        raise OptionError(
            f"{caller}: got an iterator, which can be read only once, expected what begins anew in "
            "every epoch; pass a list of batches, a Dataset or a DataLoader"
        )
    is_dataset = isinstance(data, (Dataset, TensorDataset, IterableDataset))
    if is_dataset or (hasattr(data, "__getitem__") and not hasattr(data, "__iter__")):
        is_mixed = shuffle and not isinstance(data, IterableDataset)
        data = DataLoader(data, batch_size, rng=rng, shuffle=is_mixed)
    if not hasattr(data, "__iter__"):
        raise OptionError(
            f"{caller}: got data {shown(data)}, expected something to iterate; pass "
            "(inputs, targets), a Dataset or a DataLoader"
        )
    if _length(data) == 0:
        raise DataError(
            f"{caller}: got a loader without batches, expected at least 1; check its data"
        )
    return data


def pair(caller: str, batch: Any) -> tuple[Any, Any]:
    """Return inputs and targets of a batch.

    Raises:
        DataError: The batch is no such pair.
    """
    if not isinstance(batch, Sequence) or isinstance(batch, str) or len(batch) != _PAIR:
        count = f" of {len(batch)} parts" if isinstance(batch, (tuple, list)) else ""
        raise DataError(
            f"{caller}: got a batch that is a {type(batch).__name__}{count}, expected a pair "
            "(inputs, targets); several inputs are a tuple, ((a, b), targets), or a dict, and a "
            "network that learns its own inputs takes (x, x)"
        )
    return batch[0], batch[1]


def answer(model: Callable[..., Any], inputs: Any) -> Any:
    """Call the model with inputs of a batch: a tuple as arguments, a dict as named ones."""
    if isinstance(inputs, tuple):
        return model(*inputs)
    if isinstance(inputs, Mapping):
        return model(**inputs)
    return model(inputs)


class Stream:
    """The batches of an epoch, or the rest of them.

    Args:
        loader: What `as_batches` returned.

    Attributes:
        length: Batches of an epoch, or None where that is unknown.
    """

    def __init__(self, loader: Any) -> None:
        self.loader = loader
        self.length = _length(loader)
        self._begun: dict[str, Any] | None = None

    def begin(self, done: int) -> Iterator[Any]:
        """Iterate over an epoch of which `done` batches are done.

        A `DataLoader` goes on by itself; of others that many batches are skipped.
        """
        if not isinstance(self.loader, DataLoader):
            self._begun = None
            is_placed = hasattr(self.loader, "load_state_dict")
            return islice(iter(self.loader), 0 if is_placed else done, None)
        batches = iter(self.loader)
        self._begun = self.loader.state_dict()
        return batches

    def is_over(self, done: int) -> bool:
        """Whether an epoch of which `done` batches are done is whole."""
        if self.length is not None:
            return done >= self.length
        is_known = isinstance(self.loader, DataLoader) and done > 0
        return is_known and not self.loader.state_dict()["batch"]

    def end(self) -> None:
        """The epoch is whole and will be put into the history: nothing is to be rewound."""
        self._begun = None

    def rewind(self, done: int) -> None:
        """Make the next iteration go on behind `done` batches of the epoch under way.

        Without this an epoch that was left early would count as over.
        """
        if self._begun is None or self.is_over(done):
            return
        self.loader.load_state_dict({**self._begun, "batch": done})


def _length(loader: Any) -> int | None:
    try:
        return len(loader)
    except TypeError:
        return None
