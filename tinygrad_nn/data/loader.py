"""`DataLoader`: a data set in batches, in an order that one seed decides for good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.data.arguments import flag, shown, whole_number
from tinygrad_nn.data.dataset import Dataset
from tinygrad_nn.data.shuffling import Rng, epoch_order, seed_of
from tinygrad_nn.errors import DataError, OptionError, StateError

Batch = tuple[NDArray[Any], NDArray[Any]]
_VERSION: Final = 1
_POSITION: Final = ("seed", "epoch", "batch")


class DataLoader:
    """Yields `(inputs, targets)` batches of a data set, as new NumPy arrays.

    Every `iter(loader)` is one epoch with an order of its own. The order follows from the
    seed and the number of the epoch alone, so the same seed gives the same batches to the
    last bit, on every machine. Values pass unchanged, NaN and infinity included.

    Args:
        dataset: a `Dataset`, or a pair of arrays (inputs, targets) to make one of.
        batch_size: examples in a batch; the last one may be smaller.
        shuffle: a new order in every epoch, or always the order of the data set.
        drop_last: leave out a last batch that is not full.
        rng: seed or generator (one draw is taken from a generator).

    Raises:
        OptionError: `batch_size` is not a whole number from 1 up, another argument is of
            the wrong kind, or `drop_last` would leave no batch at all.
        DataError: the data set is empty.
        ShapeError: the arrays of a pair differ in length.

    Example:
        >>> import numpy as np
        >>> data = Dataset(np.zeros((10, 3)), np.arange(10))
        >>> loader = DataLoader(data, batch_size=4, rng=0)
        >>> [len(targets) for inputs, targets in loader]
        [4, 4, 2]
        >>> sorted(int(label) for _, targets in loader for label in targets)
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """

    dataset: Final[Dataset]
    batch_size: Final[int]
    shuffle: Final[bool]
    drop_last: Final[bool]

    def __init__(
        self,
        dataset: Dataset | Batch,
        batch_size: int = 32,
        *,
        shuffle: bool = True,
        drop_last: bool = False,
        rng: Rng = 0,
    ) -> None:
        """Check the arguments; see the class."""
        self.dataset = _as_dataset(dataset)
        self.batch_size = whole_number("batch_size", batch_size, 1)
        self.shuffle = flag("shuffle", shuffle)
        self.drop_last = flag("drop_last", drop_last)
        if self.drop_last and len(self.dataset) < self.batch_size:
            raise OptionError(
                f"drop_last: got batch_size={self.batch_size} for {len(self.dataset)} "
                f"examples, which leaves no batch; lower batch_size or pass drop_last=False"
            )
        self._seed = seed_of(rng)
        self._epoch = 0
        self._batch = 0
        self._started = False
        self._serial = 0

    @property
    def epoch(self) -> int:
        """Number of the epoch in progress, or of the next one: 0 at first."""
        return self._epoch

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        full, rest = divmod(len(self.dataset), self.batch_size)
        return full if self.drop_last or not rest else full + 1

    def __iter__(self) -> Iterator[Batch]:
        """Start an epoch, or go on with the one of a loaded state.

        An epoch that was left early counts as over: the next `iter` starts a new one.
        """
        if self._started:
            self._epoch += 1
            self._batch = 0
        self._started = True
        self._serial += 1
        return self._serve(self._serial, self._order(), self._batch)

    def _order(self) -> NDArray[np.intp]:
        count = len(self.dataset)
        return epoch_order(self._seed, self._epoch, count) if self.shuffle else np.arange(count)

    def _serve(self, serial: int, order: NDArray[np.intp], first: int) -> Iterator[Batch]:
        for batch in range(first, len(self)):
            rows = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            # Only the newest iterator decides where a saved state resumes.
            if serial == self._serial:
                self._advance(batch + 1)
            yield self.dataset.inputs[rows], self.dataset.targets[rows]

    def _advance(self, served: int) -> None:
        self._batch = served
        # Counted at the last batch rather than after it, so that a state saved inside the
        # loop resumes with the next epoch and not with an epoch without batches.
        if served == len(self):
            self._epoch, self._batch, self._started = self._epoch + 1, 0, False

    def state_dict(self) -> dict[str, Any]:
        """Return the place in the stream of batches, as a dict that JSON can hold.

        Taken inside a loop, it lies behind the batch that was yielded last.
        """
        place = {"seed": self._seed, "epoch": self._epoch, "batch": self._batch}
        return {"version": _VERSION, **self._settings(), **place}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to the place of a `state_dict`: the next `iter` yields the batches that followed.

        Raises:
            StateError: an entry is missing, unexpected or out of range, or the state belongs
                to a loader of other settings. The loader is then unchanged.

        Example:
            >>> import numpy as np
            >>> data = Dataset(np.zeros((6, 1)), np.arange(6))
            >>> loader = DataLoader(data, batch_size=2, rng=3)
            >>> batches = iter(loader)
            >>> _ = next(batches)
            >>> copy = DataLoader(data, batch_size=2)
            >>> copy.load_state_dict(loader.state_dict())
            >>> [t.tolist() for _, t in batches] == [t.tolist() for _, t in copy]
            True
        """
        place = self._checked_place(state)
        self._seed, self._epoch, self._batch = place["seed"], place["epoch"], place["batch"]
        self._started = False
        self._serial += 1

    def _settings(self) -> dict[str, Any]:
        return {
            "examples": len(self.dataset),
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "drop_last": self.drop_last,
        }

    def _checked_place(self, state: Mapping[str, Any]) -> dict[str, int]:
        fixed = {"version": _VERSION, **self._settings()}
        _check_keys(state, {*fixed, *_POSITION})
        for key, expected in fixed.items():
            if state[key] != expected or type(state[key]) is not type(expected):
                raise StateError(
                    f"{key}: the state has {shown(state[key])}, this loader {expected!r}; "
                    f"make the loader with the settings that the state was saved with"
                )
        place = {key: _whole(key, state[key]) for key in _POSITION}
        if place["batch"] >= len(self):
            raise StateError(
                f"batch: got {place['batch']}, expected less than the {len(self)} batches "
                f"of an epoch; load a state that state_dict() returned"
            )
        return place

    def __repr__(self) -> str:
        """Return one line with the settings."""
        return (
            f"DataLoader({self.dataset!r}, batch_size={self.batch_size}, "
            f"shuffle={self.shuffle}, drop_last={self.drop_last})"
        )


def _as_dataset(dataset: Dataset | Batch) -> Dataset:
    if isinstance(dataset, tuple) and len(dataset) == 2:
        dataset = Dataset(*dataset)
    if not isinstance(dataset, Dataset):
        raise OptionError(
            f"dataset: got {shown(dataset)}, expected a Dataset or a pair (inputs, targets); "
            f"pass Dataset(inputs, targets)"
        )
    if not len(dataset):
        raise DataError(
            "dataset: got 0 examples, expected at least 1; check the file or the subset "
            "that it came from"
        )
    return dataset


def _check_keys(state: Mapping[str, Any], expected: set[str]) -> None:
    if not isinstance(state, Mapping):
        raise StateError(
            f"state: got {shown(state)}, expected a dict; pass what state_dict() returned"
        )
    if state.keys() != expected:
        missing = sorted(expected - state.keys())
        unexpected = sorted(map(str, state.keys() - expected))
        raise StateError(
            f"state: got unexpected {unexpected} and is missing {missing}; "
            f"pass the whole dict that state_dict() returned"
        )


def _whole(key: str, value: object) -> int:
    try:
        return whole_number(key, value, 0)
    except OptionError as error:
        raise StateError(str(error)) from error
