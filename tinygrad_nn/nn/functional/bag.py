"""Sums, means and maxima of rows of a table: bags of words."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.capturing import refuse_captured, wrong
from tinygrad_nn.core.node import Node
from tinygrad_nn.errors import OptionError, PositionError, ShapeError
from tinygrad_nn.nn.functional.embedding import frequency, looked_up, padding_row, shorten
from tinygrad_nn.nn.functional.operands import floats, integers
from tinygrad_nn.ops.embedding import add_rows, rows
from tinygrad_nn.ops.gather import take_along_axis
from tinygrad_nn.ops.select import masked

__all__ = ["embedding_bag"]

MODES = ("sum", "mean", "max")


def embedding_bag(
    input: Any,
    weight: Any,
    offsets: Any = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Any:
    """Sum, mean or greatest of the rows of `weight` in each bag; an empty bag gives 0.

    `(bags, length)` or `(numbers,)` with `offsets (bags,)`, and `(count, width)`, give
    `(bags, width)`.

    Args:
        input: Integers from 0 to count - 1: a row for each bag, or all bags in a row.
        weight: The table.
        offsets: Where each bag begins, for bags in a row.
        max_norm: Rows that are looked up and longer are first shortened to it, in the table.
        norm_type: p of the p-norm that `max_norm` limits.
        scale_grad_by_freq: Divide the gradient of a row by how often its number is in `input`.
        mode: "sum", "mean" or "max"; of equal ones the first gets the gradient.
        sparse: Accepted as in PyTorch; the gradient is an ordinary array all the same.
        per_sample_weights: Factor of each row, for the mode "sum".
        include_last_offset: Whether `offsets` ends with the number of numbers.
        padding_idx: Number that is left out of the bags.

    Raises:
        PositionError: A number is outside the table.
        ShapeError: The shapes do not fit.
        OptionError: Another argument is out of range, or does not go with the mode.
    """
    check_mode("embedding_bag", mode, scale_grad_by_freq)
    index, table = looked_up("embedding_bag", input, weight)
    skip = padding_row("embedding_bag", padding_idx, table.shape[0])
    factors = _factors(per_sample_weights, index, mode)
    if max_norm is not None:
        shorten("embedding_bag", table, index, max_norm, norm_type)
    bag, count = _bags(index, offsets, include_last_offset)
    every = index = index.reshape(-1)
    if skip is not None:
        refuse_captured(
            "embedding_bag with padding_idx, which leaves out numbers by what they are",
            "give the padding a weight of 0 by per_sample_weights",
        )
        kept = (index != skip).nonzero()[0]
        index, bag = index[kept], bag[kept]
        factors = None if factors is None else factors[kept]
    picked = rows(table, index, 0.0)
    if scale_grad_by_freq and picked.requires_grad and index.size:
        shares = frequency(index, every, table.shape[0], picked.dtype)[:, None]
        picked.register_hook(lambda g: g * shares)
    if factors is not None:
        picked = picked * factors[:, None]
    if mode == "max":
        return _greatest(picked, bag, count)
    y = add_rows(picked, bag, count=count)
    if mode == "sum":
        return y
    sizes = namespace(bag).bincount(bag, minlength=count)
    return y / namespace(sizes).maximum(sizes, 1)[:, None].astype(y.dtype)


def check_mode(name: str, mode: str, scale_grad_by_freq: bool) -> None:
    """Refuse an unknown mode, and what does not go with it.

    Raises:
        OptionError: There is such.
    """
    if mode not in MODES:
        raise OptionError(f"{name}: got mode={mode!r}, expected 'sum', 'mean' or 'max'")
    if mode == "max" and scale_grad_by_freq:
        raise OptionError(
            f"{name}: got scale_grad_by_freq with mode='max', expected 'sum' or 'mean'"
        )


def _factors(given: Any, index: Any, mode: str) -> Any:
    if given is None:
        return None
    if mode != "sum":
        raise OptionError(
            f"embedding_bag: got per_sample_weights with mode={mode!r}, expected mode='sum'"
        )
    factors = floats("embedding_bag", given, "per_sample_weights")
    if factors.shape != index.shape:
        raise ShapeError(
            f"embedding_bag: got per_sample_weights {factors.shape} for numbers of shape "
            f"{index.shape}, expected a weight for each"
        )
    return factors.reshape(-1)


def _bags(index: Any, offsets: Any, include_last: bool) -> tuple[Any, int]:
    """For each number the bag that it is in, and the number of bags."""
    functions = namespace(index)
    if index.ndim == 2:
        if offsets is not None:
            raise ShapeError(
                f"embedding_bag: got numbers {index.shape} and offsets, expected offsets=None, "
                "since each row is a bag; or numbers of one axis"
            )
        return functions.repeat(functions.arange(len(index)), index.shape[1]), len(index)
    if index.ndim != 1 or offsets is None:
        raise ShapeError(
            f"embedding_bag: got numbers {index.shape} and "
            f"{'no offsets' if offsets is None else 'offsets'}, expected (bags, length), or "
            "(numbers,) with offsets: where each bag begins"
        )
    starts = integers("embedding_bag", offsets, "offsets", "integers: where each bag begins")
    if starts.ndim != 1:
        raise ShapeError(f"embedding_bag: got offsets {starts.shape}, expected one axis")
    _check_offsets(starts, len(index), include_last)
    if include_last:
        starts = starts[:-1]
    ends = functions.concatenate([starts[1:], functions.asarray([len(index)])])
    return functions.repeat(functions.arange(len(starts)), ends - starts)[: len(index)], len(starts)


def _check_offsets(starts: Any, count: int, include_last: bool) -> None:
    if not len(starts) and (count or include_last):
        raise _offsets_error(starts, count, "0 as the first")
    if not len(starts):
        return
    if wrong((starts[0] != 0) | (starts[1:] < starts[:-1]).any() | (starts[-1] > count)):
        text = f"0 as the first, none below the one before, none above {count}"
        raise _offsets_error(starts, count, text)
    if include_last and wrong(starts[-1] != count):
        raise _offsets_error(starts, count, f"{count} as the last, because of include_last_offset")


def _offsets_error(starts: Any, count: int, expected: str) -> PositionError:
    shown = starts.tolist() if len(starts) < 10 else f"{starts[:10].tolist()[:-1]} ..."
    return PositionError(
        f"embedding_bag: got offsets {shown} for {count} numbers, expected {expected}"
    )


def _greatest(picked: Any, bag: Any, count: int) -> Any:
    """For each bag and column the greatest element; 0 for an empty bag."""
    payload = picked._data if isinstance(picked, Node) else picked
    functions = namespace(payload)
    width = payload.shape[1]
    if not len(bag):
        return add_rows(picked, bag, count=count)
    refuse_captured(
        "embedding_bag with mode='max' and bags by offsets",
        "take mode='sum' or 'mean', or the maximum of an embedding of rows: x.max(axis=1)",
    )
    used, first = functions.unique(bag, return_index=True)
    place = functions.segment_argmax(payload, first)
    places = functions.zeros((count, width), "int64")
    places[used] = place
    filled = functions.zeros((count, 1), bool)
    filled[used] = True
    return masked(take_along_axis(picked, places, axis=0), filled)
