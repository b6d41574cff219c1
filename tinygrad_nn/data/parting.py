"""`random_split`: a data set cut into parts of given sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from tinygrad_nn.data.arguments import shown
from tinygrad_nn.data.map_style import Subset, is_iterable_only
from tinygrad_nn.data.shuffling import Rng, own_generator, permutation
from tinygrad_nn.errors import DataError, OptionError

__all__ = ["random_split"]


def random_split(
    dataset: Any, lengths: Sequence[float], rng: Rng = 0, *, generator: Rng | None = None
) -> list[Subset]:
    """Return parts of a data set that share no example, in random order.

    Args:
        dataset: any data set with numbered examples.
        lengths: how many examples each part gets, in sum the length of the data set; or
            fractions in sum 1. Fractions are rounded down, and the examples that are left go
            to the first parts, one each.
        rng: seed or generator (one draw is taken from a generator).
        generator: PyTorch's name for `rng`.

    Raises:
        OptionError: the lengths do not add up, or one is negative.
        DataError: a part would be empty, or the data set has no numbered examples.

    Example:
        >>> [len(part) for part in random_split(range(10), [0.7, 0.3])]
        [7, 3]
    """
    if is_iterable_only(dataset):
        raise DataError(
            f"random_split: got {shown(dataset)}, expected a data set with numbered examples; "
            f"read it into a list first"
        )
    sizes = _sizes(lengths, len(dataset))
    order = permutation(own_generator(rng if generator is None else generator), len(dataset))
    ends = [sum(sizes[:part]) for part in range(len(sizes) + 1)]
    return [Subset(dataset, order[a:b]) for a, b in pairwise(ends)]


def _sizes(lengths: Sequence[float], count: int) -> list[int]:
    hint = f"pass counts that sum to {count}, or fractions that sum to 1, as in [0.8, 0.2]"
    try:
        wanted = [float(length) for length in lengths]
    except (TypeError, ValueError) as error:
        raise OptionError(f"lengths: got {shown(lengths)}, expected a list; {hint}") from error
    if not wanted or not all(0 <= length < math.inf for length in wanted):
        raise OptionError(f"lengths: got {shown(lengths)}, expected numbers from 0 up; {hint}")
    if all(length.is_integer() for length in wanted) and sum(wanted) == count:
        sizes = [int(length) for length in wanted]
    elif math.isclose(sum(wanted), 1.0, abs_tol=1e-9):
        sizes = [math.floor(count * length + 1e-9) for length in wanted]
        for part in range(count - sum(sizes)):
            sizes[part % len(sizes)] += 1
    else:
        raise OptionError(
            f"lengths: got {shown(lengths)} with sum {sum(wanted):g} for {count} examples, "
            f"expected them to add up; {hint}"
        )
    if 0 in sizes:
        raise DataError(
            f"random_split: got lengths {shown(lengths)}, which leave part {sizes.index(0)} of "
            f"{count} examples empty; {hint}"
        )
    return sizes
