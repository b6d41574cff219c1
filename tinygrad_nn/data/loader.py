"""`DataLoader`: a data set in batches, in an order that one seed decides for good."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from numpy.typing import NDArray

from tinygrad_nn.data.arguments import flag, real_number, shown, whole_number
from tinygrad_nn.data.epoch import Job, Maker, jobs_of
from tinygrad_nn.data.loader_options import (
    check_function,
    check_keys,
    check_samplers,
    checked_ahead,
    checked_dataset,
    checked_place,
    checked_seed,
    checked_shuffle,
    checked_size,
)
from tinygrad_nn.data.map_style import is_iterable_only
from tinygrad_nn.data.samplers import (
    BatchSampler,
    RandomSampler,
    SequentialSampler,
    chunks,
    keys_of,
    set_epoch,
)
from tinygrad_nn.data.shuffling import Rng
from tinygrad_nn.data.workers import made_ahead
from tinygrad_nn.errors import DataError, OperandError, OptionError, StateError

__all__ = ["DataLoader"]

Batch = tuple[NDArray[Any], NDArray[Any]]
_VERSION: Final = 1
_POSITION: Final = ("seed", "epoch", "batch")
_BATCH_SIZE: Final = 32


class DataLoader:
    """Yields the examples of a data set in batches: of tensors new tensors, else NumPy arrays.

    Every `iter(loader)` is one epoch with an order of its own. Order and randomness follow
    from the seed and the number of the epoch alone, so the same seed gives the same batches to
    the last bit, on every machine and with any number of workers. Values pass unchanged, NaN
    and infinity included.

    The keywords are PyTorch's. What differs: it shuffles unless told otherwise, `batch_size` is
    32 by default, batches are tuples, of tensors (without a gradient) where the examples are
    tensors and of NumPy arrays where they are arrays or numbers, workers are threads of this
    process (so nothing is pickled, and `__getitem__` must be safe to call from several of them),
    and all behind `batch_size` is given by name.

    Args:
        dataset: anything with `__getitem__` and `__len__`; a pair of arrays or tensors;
            or what can only be iterated, which is then read from front to back.
        batch_size: examples in a batch, 32 by default; the last one may be smaller.
        shuffle: a new order in every epoch, or always the order of the data set. By default
            True, unless a sampler or an iterable decides the order.
        sampler: decides the order: one of `tinygrad_nn.data`, or an iterable of example numbers.
        batch_sampler: decides the batches: a `BatchSampler`, or an iterable of lists of numbers.
        num_workers: threads that make batches ahead; 0 makes each when it is asked for. It
            pays where examples are read from files or transformed.
        collate_fn: makes a batch of a list of examples; `default_collate` by default.
        transform: of a whole batch: a transform of `tinygrad_nn.data.transforms`, or a function
            called with the inputs and a generator that belongs to this batch.
        drop_last: leave out a last batch that is not full.
        timeout: seconds to wait for a batch of the workers, 0 for no limit.
        prefetch_factor: batches that each worker may be ahead, 2 by default.
        worker_init_fn: called in each worker with its number.
        rng: seed or generator (one draw is taken from a generator).
        generator: PyTorch's name for `rng`.
        pin_memory: accepted and ignored: there is no such memory here.
        persistent_workers: accepted and ignored: threads are cheap to start.

    Raises:
        OptionError: an argument is out of its range or contradicts another one, or `drop_last`
            would leave no batch at all.
        DataError: the data set is empty.
        ShapeError: the arrays of a pair differ in length.

    What an example raises when it is read passes through, with a note that names the example.

    Example:
        >>> import numpy as np
        >>> from tinygrad_nn.data import Dataset
        >>> data = Dataset(np.zeros((10, 3)), np.arange(10))
        >>> loader = DataLoader(data, batch_size=4, rng=0)
        >>> [len(targets) for inputs, targets in loader]
        [4, 4, 2]
        >>> sorted(int(label) for _, targets in loader for label in targets)
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = _BATCH_SIZE,
        *,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        transform: Callable[..., Any] | None = None,
        drop_last: bool = False,
        timeout: float = 0.0,
        prefetch_factor: int | None = None,
        worker_init_fn: Callable[[int], object] | None = None,
        rng: Rng = 0,
        generator: Rng | None = None,
        pin_memory: bool = False,
        persistent_workers: bool = False,
    ) -> None:
        """Check the arguments; see the class."""
        self.dataset: Final = checked_dataset(dataset)
        self.drop_last: Final = flag("drop_last", drop_last)
        self.batch_size: Final = checked_size(batch_size)
        has_size = self.batch_size != _BATCH_SIZE
        check_samplers(self.dataset, sampler, batch_sampler, has_size or self.drop_last)
        self.shuffle: Final = checked_shuffle(shuffle, self.dataset, sampler, batch_sampler)
        self.num_workers: Final = whole_number("num_workers", num_workers, 0)
        self.prefetch_factor: Final = checked_ahead(prefetch_factor, self.num_workers)
        self.timeout: Final = real_number("timeout", timeout)
        for name, function in (
            ("collate_fn", collate_fn),
            ("transform", transform),
            ("worker_init_fn", worker_init_fn),
        ):
            check_function(name, function)
        self.collate_fn: Final = collate_fn
        self.transform: Final = transform
        self.worker_init_fn: Final = worker_init_fn
        flag("pin_memory", pin_memory)
        flag("persistent_workers", persistent_workers)
        self._is_custom = sampler is not None or batch_sampler is not None
        self.sampler: Final = self._own_sampler() if sampler is None else sampler
        self.batch_sampler: Final = batch_sampler
        self._check_rest()
        self._seed = checked_seed(rng, generator)
        self._epoch = 0
        self._batch = 0
        self._started = False
        self._serial = 0

    def _own_sampler(self) -> Any:
        if self._is_custom or is_iterable_only(self.dataset):
            return None
        if not hasattr(self.dataset, "__len__"):
            raise OptionError(
                f"dataset: got {shown(self.dataset)} without __len__, expected one to draw from; "
                f"define it, or pass sampler="
            )
        return RandomSampler(self.dataset) if self.shuffle else SequentialSampler(self.dataset)

    def _check_rest(self) -> None:
        if self.drop_last and self._known_length() == 0:
            source: Any = self.dataset if self.sampler is None else self.sampler
            raise OptionError(
                f"drop_last: got batch_size={self.batch_size} for {len(source)} "
                f"examples, which leaves no batch; lower batch_size or pass drop_last=False"
            )

    @property
    def epoch(self) -> int:
        """Number of the epoch in progress, or of the next one: 0 at first."""
        return self._epoch

    def __len__(self) -> int:
        """Return the number of batches in an epoch.

        Raises:
            OperandError: a TypeError: the data set or the sampler does not know its length.
        """
        length = self._known_length()
        if length is None:
            raise OperandError(
                "len(loader): got a data set or sampler without __len__, expected one; iterate "
                "without asking for the length, or define __len__"
            )
        return length

    def _known_length(self) -> int | None:
        if self.batch_sampler is not None:
            batches: Any = self.batch_sampler
            return len(batches) if hasattr(batches, "__len__") else None
        source: Any = self.dataset if self.sampler is None else self.sampler
        if not hasattr(source, "__len__"):
            return None
        full, rest = divmod(len(source), self.batch_size)
        return full if self.drop_last or not rest else full + 1

    def __iter__(self) -> Iterator[Any]:
        """Start an epoch, or go on with the one of a loaded state.

        An epoch that was left early counts as over: the next `iter` starts a new one.
        """
        if self._started:
            self._epoch += 1
            self._batch = 0
        self._started = True
        self._serial += 1
        return self._serve(self._serial, self._seed, self._epoch, self._batch)

    def _serve(self, serial: int, seed: int, epoch: int, first: int) -> Iterator[Any]:
        is_iterable = is_iterable_only(self.dataset)
        dataset = None if is_iterable else self.dataset
        make = Maker(dataset, self.collate_fn, self.transform, seed, epoch)
        jobs = jobs_of(dataset, self._batches(seed, epoch), first)
        is_empty = True
        for job, batch in self._made(jobs, make):
            is_empty = False
            # Only the newest iterator decides where a saved state resumes.
            if serial == self._serial:
                self._advance(job)
            yield batch
        if is_empty:
            raise DataError(
                f"DataLoader: got no batch from {shown(self.dataset)} in epoch {epoch}, expected "
                f"at least one behind batch {first}; an iterator can be read only once: pass an "
                f"object whose __iter__ starts anew"
            )

    def _batches(self, seed: int, epoch: int) -> Iterable[Any]:
        """Return the keys of each batch, or the examples of a data set without keys."""
        if isinstance(self.batch_sampler, BatchSampler):
            return self.batch_sampler.batches(seed, epoch)
        if self.batch_sampler is not None:
            set_epoch(self.batch_sampler, epoch)
            return self.batch_sampler
        if self.sampler is None:
            set_epoch(self.dataset, epoch)
            return chunks(self.dataset, self.batch_size, self.drop_last)
        return chunks(keys_of(self.sampler, seed, epoch), self.batch_size, self.drop_last)

    def _made(self, jobs: Iterator[Job], make: Maker) -> Iterator[tuple[Job, Any]]:
        if not self.num_workers:
            return ((job, make(job)) for job in jobs)
        return made_ahead(
            jobs,
            make,
            workers=self.num_workers,
            ahead=self.num_workers * self.prefetch_factor,
            timeout=self.timeout,
            start=self.worker_init_fn,
        )

    def _advance(self, job: Job) -> None:
        self._batch = job.number + 1
        # Counted at the last batch rather than after it, so that a state saved inside the
        # loop resumes with the next epoch and not with an epoch without batches.
        if job.is_last:
            self._epoch, self._batch, self._started = self._epoch + 1, 0, False

    def state_dict(self) -> dict[str, Any]:
        """Return the place in the stream of batches, as a dict that JSON can hold.

        Taken inside a loop, it lies behind the batch that was yielded last, however far the
        workers are ahead.
        """
        place = {"seed": self._seed, "epoch": self._epoch, "batch": self._batch}
        return {"version": _VERSION, **self._settings(), **place}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to the place of a `state_dict`: the next `iter` yields the batches that followed.

        The number of workers may be another one.

        Raises:
            StateError: an entry is missing, unexpected or out of range, or the state belongs
                to a loader of other settings. The loader is then unchanged.

        Example:
            >>> import numpy as np
            >>> from tinygrad_nn.data import Dataset
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
        settings: dict[str, Any] = {"shuffle": self.shuffle, "drop_last": self.drop_last}
        if hasattr(self.dataset, "__len__"):
            settings["examples"] = len(self.dataset)
        if self.batch_sampler is None:
            settings["batch_size"] = self.batch_size
        if self._is_custom:
            source = self.batch_sampler if self.sampler is None else self.sampler
            settings["sampler"] = type(source).__name__
        return settings

    def _checked_place(self, state: Mapping[str, Any]) -> dict[str, int]:
        fixed = {"version": _VERSION, **self._settings()}
        check_keys(state, {*fixed, *_POSITION})
        for key, expected in fixed.items():
            if state[key] != expected or type(state[key]) is not type(expected):
                raise StateError(
                    f"{key}: the state has {shown(state[key])}, this loader {expected!r}; "
                    f"make the loader with the settings that the state was saved with"
                )
        place = {key: checked_place(key, state[key]) for key in _POSITION}
        length = self._known_length()
        if length is not None and place["batch"] >= length:
            raise StateError(
                f"batch: got {place['batch']}, expected less than the {length} batches "
                f"of an epoch; load a state that state_dict() returned"
            )
        return place

    def __repr__(self) -> str:
        """Return one line with the settings."""
        threads = f", num_workers={self.num_workers}" if self.num_workers else ""
        if self.batch_sampler is not None:
            return f"DataLoader({self.dataset!r}, batch_sampler={self.batch_sampler!r}{threads})"
        order = f"sampler={self.sampler!r}" if self._is_custom else f"shuffle={self.shuffle}"
        return (
            f"DataLoader({self.dataset!r}, batch_size={self.batch_size}, "
            f"{order}, drop_last={self.drop_last}{threads})"
        )
