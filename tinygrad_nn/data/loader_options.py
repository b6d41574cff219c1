"""Checks of what a `DataLoader` is made with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_nn.data.arguments import flag, shown, whole_number
from tinygrad_nn.data.map_style import is_iterable_only, paired
from tinygrad_nn.data.shuffling import Rng, seed_of
from tinygrad_nn.errors import DataError, OptionError, StateError


def checked_dataset(dataset: Any) -> Any:
    """Return a data set: as it is, or of a pair of arrays."""
    if isinstance(dataset, tuple) and len(dataset) == 2:
        dataset = paired(*dataset)
    is_map = hasattr(dataset, "__getitem__") and not isinstance(
        dataset, (np.ndarray, tuple, str, bytes)
    )
    if not is_map and (not is_iterable_only(dataset) or isinstance(dataset, (set, frozenset))):
        raise OptionError(
            f"dataset: got {shown(dataset)}, expected a Dataset, a pair (inputs, targets), or an "
            f"object with __getitem__ and __len__; pass Dataset(inputs, targets), or "
            f"TensorDataset(x) for one array"
        )
    if hasattr(dataset, "__len__") and not len(dataset):
        raise DataError(
            "dataset: got 0 examples, expected at least 1; check the file or the subset "
            "that it came from"
        )
    return dataset


def checked_size(batch_size: Any) -> int:
    """Return the size of a batch; the targets in its place are a common slip."""
    if hasattr(batch_size, "ndim") and batch_size.ndim:
        raise OptionError(
            f"batch_size: got an array {tuple(batch_size.shape)}, expected an integer of at least "
            f"1; pass inputs and targets as a pair: DataLoader((x, y))"
        )
    return whole_number("batch_size", batch_size, 1)


def checked_shuffle(shuffle: bool | None, dataset: Any, sampler: Any, batch_sampler: Any) -> bool:
    """Return whether to shuffle: by default whenever nothing else decides the order."""
    other = "batch_sampler" if batch_sampler is not None else "sampler"
    is_decided = sampler is not None or batch_sampler is not None
    if shuffle is None:
        return not is_decided and not is_iterable_only(dataset)
    if flag("shuffle", shuffle) and is_decided:
        raise OptionError(
            f"shuffle: got True together with {other}=, expected one of them, because {other}= "
            f"decides the order; leave shuffle= out"
        )
    if shuffle and is_iterable_only(dataset):
        raise OptionError(
            "shuffle: got True for a data set that can only be iterated, expected False; leave "
            "it out and shuffle where the examples are made, or read them into a list"
        )
    return shuffle


def check_samplers(dataset: Any, sampler: Any, batch_sampler: Any, has_size: bool) -> None:
    """Refuse samplers that are none or contradict other options."""
    for name, given in (("sampler", sampler), ("batch_sampler", batch_sampler)):
        if given is None:
            continue
        if is_iterable_only(dataset):
            raise OptionError(
                f"{name}: got {shown(given)} for a data set that can only be iterated; leave it "
                f"out, the data set decides the order"
            )
        if not hasattr(given, "__iter__"):
            raise OptionError(
                f"{name}: got {shown(given)}, expected an iterable of example numbers; pass for "
                f"instance sampler=RandomSampler(dataset)"
            )
    if batch_sampler is not None and (sampler is not None or has_size):
        raise OptionError(
            "batch_sampler: got it together with batch_size=, sampler= or drop_last=, expected it "
            "alone because it makes whole batches; leave the others out"
        )


def check_function(name: str, function: object) -> None:
    """Refuse what cannot be called."""
    if function is not None and not callable(function):
        raise OptionError(f"{name}: got {shown(function)}, expected a function or None")


def checked_ahead(prefetch_factor: int | None, workers: int) -> int:
    """Return how many batches each worker may be ahead."""
    if prefetch_factor is None:
        return 2
    if not workers:
        raise OptionError(
            f"prefetch_factor: got {shown(prefetch_factor)} without workers, expected None; pass "
            f"num_workers=2 as well"
        )
    return whole_number("prefetch_factor", prefetch_factor, 1)


def checked_seed(rng: Rng, generator: Rng | None) -> int:
    """Return the seed that `rng`, or `generator` as PyTorch calls it, stands for."""
    if generator is None:
        return seed_of(rng)
    if not isinstance(rng, int) or rng:
        raise OptionError("generator: got it together with rng=, expected one of the two names")
    return seed_of(generator)


def check_keys(state: Mapping[str, Any], expected: set[str]) -> None:
    """Refuse a state with other entries than `expected`."""
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


def checked_place(key: str, value: object) -> int:
    """Return a whole number of a state."""
    try:
        return whole_number(key, value, 0)
    except OptionError as error:
        raise StateError(str(error)) from error
