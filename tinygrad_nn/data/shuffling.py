"""Random orders that stay the same on every machine and NumPy version.

NumPy promises that the raw stream of a bit generator and the mixing of a
`SeedSequence` never change, but makes no such promise for `Generator.permutation`.
So an order here is the sort of raw 64-bit numbers: a stable sort of a stable stream.
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.data.arguments import shown
from tinygrad_nn.errors import OptionError

Rng = int | np.random.Generator
# Set the streams of examples and of batches apart.
_EXAMPLE: Final = 1
_BATCH: Final = 2


def seed_of(rng: object) -> int:
    """Return a whole seed: the integer itself, or one drawn from a generator.

    Drawing advances a generator, so two consumers of one generator get different
    streams and neither disturbs the other afterwards.

    Raises:
        OptionError: `rng` is neither a non-negative integer nor a generator.
    """
    if isinstance(rng, np.random.Generator):
        words = rng.bit_generator.random_raw(4)
        return sum(int(word) << (64 * place) for place, word in enumerate(words))
    if isinstance(rng, (int, np.integer)) and not isinstance(rng, bool) and rng >= 0:
        return int(rng)
    raise OptionError(
        f"rng: got {shown(rng)}, expected a non-negative integer or a "
        f"numpy.random.Generator; pass for instance rng=0"
    )


def own_generator(rng: Rng) -> np.random.Generator:
    """Return a new generator that belongs to the caller alone."""
    return np.random.Generator(np.random.PCG64(seed_of(rng)))


def permutation(generator: np.random.Generator, count: int) -> NDArray[np.intp]:
    """Return the numbers 0 to `count - 1`, shape (count,), in random order."""
    return np.argsort(raw_words(generator, count), kind="stable")


def raw_words(generator: np.random.Generator, count: int) -> NDArray[np.uint64]:
    """Return `count` raw 64-bit numbers, shape (count,)."""
    return np.asarray(generator.bit_generator.random_raw(count), dtype=np.uint64)


def epoch_order(seed: int, epoch: int, count: int) -> NDArray[np.intp]:
    """Return the order of one epoch, shape (count,), from its number alone.

    Each epoch has its own child seed, so any epoch can be repeated without
    replaying those before it.
    """
    return permutation(epoch_generator(seed, epoch), count)


def example_generator(seed: int, epoch: int, index: object, repeat: int) -> np.random.Generator:
    """Return the generator of one example in one epoch, from these numbers alone.

    Args:
        seed: of the loader.
        epoch: its number.
        index: of the example; any key of a data set.
        repeat: how often this epoch had the example before.
    """
    key = int(index) if isinstance(index, (int, np.integer)) else crc32(repr(index).encode())
    return _child(seed, epoch, _EXAMPLE, key % 2**63, repeat)


def batch_generator(seed: int, epoch: int, batch: int) -> np.random.Generator:
    """Return the generator of one batch in one epoch, from these numbers alone."""
    return _child(seed, epoch, _BATCH, batch)


def epoch_generator(seed: int, epoch: int) -> np.random.Generator:
    """Return the generator of the order of one epoch."""
    return _child(seed, epoch)


def _child(seed: int, *path: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=path)))
