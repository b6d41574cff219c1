"""One epoch of a `DataLoader`: its jobs in order, and how a batch is made of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from typing import Any

import numpy as np

from tinygrad_nn.data.arguments import shown
from tinygrad_nn.data.collate import default_collate
from tinygrad_nn.data.map_style import draws, like, read_example, read_rows
from tinygrad_nn.data.shuffling import batch_generator, example_generator
from tinygrad_nn.data.transforms.base import Transform
from tinygrad_nn.errors import DataError, OptionError
from tinygrad_nn.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Job:
    """A batch to be made.

    Attributes:
        number: of the batch in its epoch.
        content: keys of the examples, or the examples themselves if they have no keys.
        repeats: how often the epoch had each key before; empty if nothing depends on it.
        is_last: no batch follows.
    """

    number: int
    content: list[Any]
    repeats: tuple[int, ...]
    is_last: bool


@dataclass(frozen=True)
class Maker:
    """Makes batches; a function of the job alone, so that threads may share it.

    Attributes:
        dataset: to read from; None if the jobs hold the examples themselves.
        collate: None for `default_collate`.
        transform: of a whole batch, or None.
        seed: of the loader.
        epoch: its number.
    """

    dataset: Any
    collate: Callable[[list[Any]], Any] | None
    transform: Callable[..., Any] | None
    seed: int
    epoch: int

    def __call__(self, job: Job) -> Any:
        """Return the batch."""
        batch = self._collated(job)
        if self.transform is None:
            return batch
        return transformed(
            self.transform, batch, batch_generator(self.seed, self.epoch, job.number)
        )

    def _collated(self, job: Job) -> Any:
        if self.dataset is None:
            return (
                default_collate(job.content) if self.collate is None else self.collate(job.content)
            )
        if self.collate is None and job.content and isinstance(job.content[0], (int, np.integer)):
            rows = read_rows(self.dataset, np.asarray(job.content))
            if rows is not None:
                return rows
        repeats = job.repeats or (0,) * len(job.content)
        examples = [self._read(*pair) for pair in zip(job.content, repeats, strict=True)]
        if self.collate is not None:
            return self.collate(examples)
        return default_collate(examples, names=job.content)

    def _read(self, key: Any, repeat: int) -> Any:
        rng = cache(partial(example_generator, self.seed, self.epoch, key, repeat))
        where = f"while a DataLoader read example {key!r} of {type(self.dataset).__name__}"
        try:
            return read_example(self.dataset, key, rng)
        except StopIteration as error:
            # Inside of an iterator it would pass for the end of the data.
            raise DataError(f"got StopIteration {where}; catch it in __getitem__") from error
        except Exception as error:
            error.add_note(f"{where}; read dataset[{key!r}] to see it alone")
            raise


def jobs_of(dataset: Any, batches: Iterable[Any], first: int) -> Iterator[Job]:
    """Yield the jobs of an epoch from batch number `first` on."""
    counts = Counter[Any]() if draws(dataset) else None

    def counted() -> Iterator[tuple[list[Any], tuple[int, ...]]]:
        for batch in batches:
            content = list(batch)
            if not content:
                raise DataError(
                    "batch_sampler: got an empty batch, expected at least one example in each"
                )
            repeats = []
            for key in content if counts is not None else ():
                repeats.append(counts[key])  # type: ignore[index]
                counts[key] += 1  # type: ignore[index]
            yield content, tuple(repeats)

    stream = enumerate(counted())
    # From the start also when resuming, because repeats are counted from there.
    rest = islice(stream, first, None)
    held = next(rest, None)
    while held is not None:
        # Known one ahead, so that a state saved at the last batch belongs to the next epoch.
        following = next(rest, None)
        number, (content, repeats) = held
        yield Job(number, content, repeats, following is None)
        held = following


def transformed(transform: Callable[..., Any], batch: Any, rng: np.random.Generator) -> Any:
    """Return a batch with its inputs transformed; targets follow where the transform says so."""
    if not isinstance(batch, (tuple, list)):
        return _apply(transform, batch, rng)
    parts = list(batch)
    if isinstance(transform, Transform) and len(parts) > 1:
        done = transform.on_batch(parts[0], parts[1], rng)
        parts[:2] = map(like, parts[:2], done)
    else:
        parts[:1] = [_apply(transform, parts[0], rng)]
    return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)


def _apply(transform: Callable[..., Any], inputs: Any, rng: np.random.Generator) -> Any:
    if not isinstance(transform, Transform):
        return like(inputs, transform(inputs, rng))
    if isinstance(inputs, (np.ndarray, Tensor)):
        return like(inputs, transform.batch(inputs, rng))
    raise OptionError(
        f"transform: got a batch of {shown(inputs)}, expected an array or (inputs, targets, ...); "
        f"pass a function (batch, rng) instead, or transform in __getitem__"
    )
