"""Sequences of different lengths in one batch: padded to the longest, or packed without padding.

A packed batch holds, for each step in time, the rows of the sequences that are still running,
the longest sequence first. For "abc" and "x" that is "axbc" with batch sizes [2, 1, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple, Self

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.bind import describe
from tinygrad_nn.core.node import Node
from tinygrad_nn.errors import DTypeError, OperandError, OptionError, ShapeError
from tinygrad_nn.ops.assign import index_put
from tinygrad_nn.ops.gather import take
from tinygrad_nn.ops.join import concat
from tinygrad_nn.ops.rearrange import swapaxes
from tinygrad_nn.ops.shape import reshape
from tinygrad_nn.ported import from_torch, to_dtype
from tinygrad_nn.tensor import Tensor, tensor

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class _Packed(NamedTuple):
    data: Any
    batch_sizes: Any
    sorted_indices: Any
    unsorted_indices: Any


class PackedSequence(_Packed):
    """Rows of several sequences, step by step; what the `pack_` functions return.

    Attributes:
        data: Tensor (total, *): the rows of the first step, then of the second, ...
        batch_sizes: int64 Tensor (T,): how many sequences have each step; never rising.
        sorted_indices: int64 Tensor: position in the batch of the longest sequence, of the
            second longest, ...; None where the batch was in that order.
        unsorted_indices: Its inverse, which puts the sequences back in the user's order.

    Raises:
        ShapeError: The batch sizes do not add up to the rows, or rise.
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Any,
        batch_sizes: Any = None,
        sorted_indices: Any = None,
        unsorted_indices: Any = None,
    ) -> Self:
        """Check that the parts belong together."""
        if batch_sizes is None:
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise OperandError(
                    f"PackedSequence: got {type(data).__name__} without batch_sizes, expected data "
                    "and batch_sizes; pack_sequence and pack_padded_sequence make both"
                )
            data, batch_sizes = data
        data = _node(data)
        sizes = _integers("batch_sizes", batch_sizes)
        counts = sizes.tolist()
        rising = any(after > before for before, after in pairwise(counts))
        if not data.ndim or sum(counts) != data.shape[0] or rising or min(counts, default=0) < 1:
            raise ShapeError(
                f"PackedSequence: got data of shape {data.shape} and batch_sizes {counts}, "
                "expected positive ones that never rise and add up to the rows of data; "
                "pack_sequence makes them"
            )
        order = None if sorted_indices is None else _integers("sorted_indices", sorted_indices)
        if unsorted_indices is None:
            back = invert_permutation(order)
        else:
            back = _integers("unsorted_indices", unsorted_indices)
        return super().__new__(cls, data, sizes, order, back)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same with `data` in another dtype: `to(dtype)`, `to(tensor)`, `to("cpu")`."""
        dtype = to_dtype("PackedSequence.to", *args, **kwargs)
        if dtype is None or self.data.dtype == dtype:
            return self
        return type(self)(self.data.astype(dtype), *self[1:])

    def cpu(self) -> PackedSequence:
        """The same: everything is on the CPU."""
        return self

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """Refused: there is no other device.

        Raises:
            OptionError: Always.
        """
        return self.to("cuda")

    def double(self) -> PackedSequence:
        """`data` in float64."""
        return self.to("float64")

    def float(self) -> PackedSequence:
        """`data` in float32."""
        return self.to("float32")

    def half(self) -> PackedSequence:
        """`data` in float16."""
        return self.to("float16")

    def long(self) -> PackedSequence:
        """`data` in int64."""
        return self.to("int64")

    def int(self) -> PackedSequence:
        """`data` in int32."""
        return self.to("int32")

    def short(self) -> PackedSequence:
        """`data` in int16."""
        return self.to("int16")

    def char(self) -> PackedSequence:
        """`data` in int8."""
        return self.to("int8")

    def byte(self) -> PackedSequence:
        """`data` in uint8."""
        return self.to("uint8")

    @property
    def is_cuda(self) -> bool:
        """False: everything is on the CPU."""
        return False


def invert_permutation(permutation: Any) -> Tensor | None:
    """The permutation that undoes `permutation`; None for None.

    Example:
        >>> from tinygrad_nn.nn.utils.rnn import invert_permutation
        >>> invert_permutation([2, 0, 1]).tolist()
        [1, 2, 0]
    """
    if permutation is None:
        return None
    payload = _integers("invert_permutation", permutation)._data
    back = namespace(payload).argsort(payload)
    if (payload[back] != namespace(payload).arange(payload.size)).any():
        raise OptionError(
            f"invert_permutation: got {payload.tolist()}, expected each of 0 to "
            f"{payload.size - 1} once"
        )
    return Tensor.wrap(back)


def pack_padded_sequence(
    input: Any,
    lengths: Any,
    batch_first: bool = False,
    enforce_sorted: bool = True,
) -> PackedSequence:
    """Drop the padding of a batch `(T, B, *)`.

    Args:
        input: Padded sequences.
        lengths: Length of each, from 1 to T.
        batch_first: `input` is `(B, T, *)`.
        enforce_sorted: The sequences come longest first; False sorts them here.

    Raises:
        ShapeError: There are not B lengths, or `input` has less than two axes.
        OptionError: A length is outside 1 to T, or they are not sorted as promised.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn.nn.utils.rnn import pack_padded_sequence
        >>> x = tg.tensor([[1.0, 2.0, 3.0], [4.0, 0.0, 0.0]])
        >>> packed = pack_padded_sequence(x, [3, 1], batch_first=True)
        >>> packed.data.tolist(), packed.batch_sizes.tolist()
        ([1.0, 4.0, 2.0, 3.0], [2, 1, 1])
    """
    x = _node(input)
    axes = "(B, T, ...)" if batch_first else "(T, B, ...)"
    if x.ndim < 2:
        raise ShapeError(f"pack_padded_sequence: got shape {x.shape}, expected {axes}")
    batch, longest = x.shape[:2] if batch_first else x.shape[1::-1]
    counts = _lengths("pack_padded_sequence", lengths, batch, longest, f"{axes} {x.shape}")
    order, sizes, (steps, places) = _schedule(counts)
    _in_order("pack_padded_sequence", counts, enforce_sorted)
    rows = order[places] * longest + steps if batch_first else steps * batch + order[places]
    data = take(reshape(x, (batch * longest, *x.shape[2:])), Tensor.wrap(rows), axis=0)
    return PackedSequence(data, Tensor.wrap(sizes), None if enforce_sorted else Tensor.wrap(order))


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Padded batch `(T, B, *)` and the lengths of the sequences, in the user's order.

    Args:
        sequence: The packed sequences.
        batch_first: Return `(B, T, *)`.
        padding_value: Number behind the end of a sequence.
        total_length: T; that of the longest sequence if None.

    Raises:
        OptionError: `total_length` is less than the longest sequence.
    """
    if not isinstance(sequence, PackedSequence):
        raise OperandError(
            f"pad_packed_sequence: got {type(sequence).__name__}, expected a PackedSequence, as "
            "pack_padded_sequence returns it"
        )
    data, sizes = sequence.data, sequence.batch_sizes._data
    functions = namespace(sizes)
    steps = len(sizes) if total_length is None else total_length
    if steps < len(sizes):
        raise OptionError(
            f"pad_packed_sequence: got total_length={total_length}, expected at least "
            f"{len(sizes)}, the length of the longest sequence"
        )
    running = functions.arange(sizes[0]) < sizes[:, None]
    lengths = running.sum(axis=0)
    step, place = functions.nonzero(running)
    if sequence.unsorted_indices is not None:
        place = sequence.sorted_indices._data[place]
        lengths = lengths[sequence.unsorted_indices._data]
    key, sides = ((place, step), (len(lengths), steps))
    if not batch_first:
        key, sides = key[::-1], sides[::-1]
    empty = functions.full((*sides, *data.shape[1:]), padding_value, dtype=data.dtype)
    return index_put(Tensor.wrap(empty), key, data), Tensor.wrap(lengths)


def pad_sequence(
    sequences: Any,
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """One batch `(T, B, *)` of sequences `(L, *)`, padded to the longest.

    Args:
        sequences: List of tensors that differ in their first axis only.
        batch_first: Return `(B, T, *)`.
        padding_value: Number to pad with.
        padding_side: "right" pads behind the sequences, "left" before them.

    Raises:
        OperandError: `sequences` is no list of tensors, or is empty.
        ShapeError: They differ in another axis.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn.nn.utils.rnn import pad_sequence
        >>> pad_sequence([tg.tensor([1.0, 2.0]), tg.tensor([3.0])], batch_first=True).tolist()
        [[1.0, 2.0], [3.0, 0.0]]
    """
    if padding_side not in ("right", "left"):
        raise OptionError(
            f"pad_sequence: got padding_side={padding_side!r}, expected 'right' or 'left'"
        )
    parts = _parts("pad_sequence", sequences)
    lengths = [part.shape[0] for part in parts]
    joined = concat(parts, axis=0)
    functions = namespace(joined._data)
    longest = max(lengths)
    counts = functions.asarray(lengths)
    present = functions.arange(longest) < counts[:, None]
    if padding_side == "left":
        present = present[:, ::-1]
    sides = (len(parts), longest, *joined.shape[1:])
    empty = functions.full(sides, padding_value, dtype=joined.dtype)
    padded = index_put(Tensor.wrap(empty), functions.nonzero(present), joined)
    return padded if batch_first else swapaxes(padded, 0, 1)  # type: ignore[no-any-return]


def unpad_sequence(padded_sequences: Any, lengths: Any, batch_first: bool = False) -> list[Tensor]:
    """The sequences of a padded batch, each cut to its length: the inverse of `pad_sequence`."""
    x = _node(padded_sequences)
    if x.ndim < 2:
        raise ShapeError(f"unpad_sequence: got shape {x.shape}, expected at least two axes")
    if not batch_first:
        x = swapaxes(x, 0, 1)
    counts = _lengths("unpad_sequence", lengths, x.shape[0], x.shape[1], str(x.shape), lowest=0)
    return [x[i, :count] for i, count in enumerate(counts.tolist())]


def pack_sequence(sequences: Any, enforce_sorted: bool = True) -> PackedSequence:
    """Pack a list of sequences `(L, *)`; see `pack_padded_sequence`.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn.nn.utils.rnn import pack_sequence
        >>> packed = pack_sequence([tg.tensor([1.0]), tg.tensor([2.0, 3.0])], enforce_sorted=False)
        >>> packed.data.tolist(), packed.sorted_indices.tolist()
        ([2.0, 1.0, 3.0], [1, 0])
    """
    parts = _parts("pack_sequence", sequences)
    joined = concat(parts, axis=0)
    longest = max(part.shape[0] for part in parts)
    lengths = [part.shape[0] for part in parts]
    counts = _lengths("pack_sequence", lengths, len(parts), longest, "the sequences")
    _in_order("pack_sequence", counts, enforce_sorted)
    order, sizes, (steps, places) = _schedule(counts)
    starts = counts.cumsum() - counts
    data = take(joined, Tensor.wrap(starts[order[places]] + steps), axis=0)
    return PackedSequence(data, Tensor.wrap(sizes), None if enforce_sorted else Tensor.wrap(order))


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The list of sequences that `pack_sequence` packed."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)


def _schedule(counts: Any) -> tuple[Any, Any, tuple[Any, Any]]:
    """Order of the sequences, rows of each step, and step and place of each packed row."""
    functions = namespace(counts)
    order = functions.argsort(-counts, kind="stable")
    running = functions.arange(counts.max())[:, None] < counts[order]
    return order, running.sum(axis=1), functions.nonzero(running)


def _in_order(name: str, counts: Any, promised: bool) -> None:
    if promised and (counts[1:] > counts[:-1]).any():
        raise OptionError(
            f"{name}: got the lengths {counts.tolist()}, expected the longest first; pass "
            "enforce_sorted=False to have them sorted"
        )


def _lengths(name: str, lengths: Any, batch: int, longest: int, what: str, lowest: int = 1) -> Any:
    """int64 array of `batch` lengths, checked."""
    counts = _integers("lengths", lengths)._data
    if counts.shape != (batch,) or not batch:
        raise ShapeError(
            f"{name}: got {what} and lengths of shape {counts.shape}, expected one length for "
            f"each of the {batch} sequences (and at least one sequence)"
        )
    if (counts < lowest).any() or (counts > longest).any():
        raise OptionError(
            f"{name}: got lengths {counts.tolist()} for {what}, expected {lowest} to {longest}; "
            "drop empty sequences"
        )
    return counts


def _integers(name: str, numbers: Any) -> Tensor:
    """int64 vector of numbers that are whole."""
    numbers = from_torch(numbers)
    given = tensor(numbers, dtype="float64")
    whole = given.astype("int64")
    if given.ndim != 1 or (whole._data != given._data).any():
        raise DTypeError(
            f"{name}: got {describe(numbers)}, expected a vector of integers, such as [3, 2, 2]"
        )
    return whole


def _node(x: Any) -> Any:
    return x if isinstance(x, Node) else tensor(x)


def _parts(name: str, sequences: Any) -> list[Any]:
    """The sequences as tensors that can be joined."""
    if not isinstance(sequences, (Sequence, Node)) and not hasattr(sequences, "__iter__"):
        raise OperandError(
            f"{name}: got {type(sequences).__name__}, expected a list of tensors (L, ...)"
        )
    parts = [_node(part) for part in sequences]
    if not parts:
        raise OperandError(f"{name}: got no sequences, expected at least one tensor (L, ...)")
    sides = {part.shape[1:] for part in parts}
    if len(sides) > 1 or not all(part.ndim for part in parts):
        raise ShapeError(
            f"{name}: got the shapes {[part.shape for part in parts]}, expected (L, ...) with the "
            "same sides behind L"
        )
    return parts
