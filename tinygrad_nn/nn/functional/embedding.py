"""Rows of a table by number."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.capturing import refuse_captured, wrong
from tinygrad_nn.errors import OptionError, PositionError, ShapeError
from tinygrad_nn.nn.functional.operands import floats, integers, overwrite
from tinygrad_nn.nn.functional.sizes import is_whole
from tinygrad_nn.ops.embedding import rows

__all__ = ["embedding"]


def embedding(
    input: Any,
    weight: Any,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    """Row of `weight` for each number in `input`: `(...), (count, width) -> (..., width)`.

    Args:
        input: Integers from 0 to count - 1, of any shape.
        weight: The table.
        padding_idx: Number whose row gets no gradient; negative counts from the end.
        max_norm: Rows that are looked up and longer are first shortened to it, in the table
            itself: `weight` is written, so an earlier use in an unfinished graph is refused.
        norm_type: p of the p-norm that `max_norm` limits.
        scale_grad_by_freq: Divide the gradient of a row by how often its number is in `input`.
        sparse: Accepted as in PyTorch; the gradient is an ordinary array all the same.

    Raises:
        PositionError: A number is outside the table; it, its place and the table are named.
        DTypeError: `input` has something else than integers.
        ShapeError: `weight` has not two axes.
        OptionError: `padding_idx` or `max_norm` is out of range.
    """
    index, table = looked_up("embedding", input, weight)
    skip = padding_row("embedding", padding_idx, table.shape[0])
    if max_norm is not None:
        shorten("embedding", table, index, max_norm, norm_type)
    fill = 0.0 if skip is None else table.synced()[skip].copy()
    y = rows(table, index, fill, skip=skip)
    if scale_grad_by_freq and y.requires_grad and index.size:
        shares = frequency(index, index, table.shape[0], y.dtype)
        y.register_hook(lambda g: g * shares[..., None])
    return y


def looked_up(name: str, input: Any, weight: Any) -> tuple[Any, Any]:
    """Index array and table, checked.

    Raises:
        PositionError: A number is outside the table.
        DTypeError: The index is not of integers.
        ShapeError: The table has not two axes.
    """
    index = integers(
        name, input, "numbers", "integers: which row of the table to take for each place"
    )
    table = floats(name, weight, "a table")
    if table.ndim != 2:
        raise ShapeError(f"{name}: got a table {table.shape}, expected (count, width)")
    count = table.shape[0]
    # As unsigned numbers the negative ones are the largest: one reduction in place of two.
    if index.size and wrong(index.astype(f"u{index.itemsize}", copy=False).max() >= count):
        outside = (index < 0) | (index >= count)
        place = tuple(int(i[0]) for i in outside.nonzero()) if index.ndim else ()
        raise PositionError(
            f"{name}: got {index[place]} at {place or 'the only place'} of numbers of shape "
            f"{index.shape}, expected 0 to {count - 1} for a table of {count} rows; give the "
            "table more rows (num_embeddings), or look for a token that is not in the vocabulary"
        )
    return index, table


def padding_row(name: str, padding_idx: int | None, count: int) -> int | None:
    """`padding_idx` counted from the front.

    Raises:
        OptionError: It is outside the table.
    """
    if padding_idx is None:
        return None
    if not is_whole(padding_idx) or not -count <= padding_idx < count:
        raise OptionError(
            f"{name}: got padding_idx={padding_idx!r}, expected {-count} to {count - 1} for a "
            f"table of {count} rows"
        )
    return int(padding_idx) % count


def frequency(index: Any, every: Any, count: int, dtype: Any) -> Any:
    """For each number in `index`, one over how often it is in `every`; all are below `count`."""
    counts = namespace(every).bincount(every.reshape(-1).astype("int64"), minlength=count)
    return (1 / counts[index]).astype(dtype)


def shorten(name: str, table: Any, index: Any, max_norm: float, norm_type: float) -> None:
    """Scale the rows of `table` at `index` that are longer than `max_norm` down to it.

    Raises:
        OptionError: `max_norm` is not positive.
    """
    if not max_norm > 0:
        raise OptionError(f"{name}: got max_norm={max_norm!r}, expected a positive length")
    refuse_captured(
        f"{name} with max_norm, which shortens rows by what they are",
        "shorten the table beside the captured step",
    )
    payload = table.synced()
    functions = namespace(payload)
    used = functions.unique(index)
    found = payload[used]
    lengths = functions.vector_norm(found, axis=-1, keepdims=True, ord=norm_type)
    long = (lengths > max_norm)[:, 0]
    if long.any():
        new = payload.copy()
        # PyTorch's small addition, so that a row is never a rounding too long.
        new[used[long]] = found[long] * (max_norm / (lengths[long] + 1e-7))
        overwrite(table, new)
