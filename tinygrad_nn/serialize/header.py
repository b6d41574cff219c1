"""The header of a safetensors file: where each tensor stands. Read with suspicion."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.errors import OptionError
from tinygrad_nn.serialize.form import CODES, DTYPES, LENGTH, MAX_HEADER, METADATA, refusal

__all__ = ["Entry", "Header", "document", "packed_header", "read_header"]

_MAX_AXES: Final = 64
_MAX_BYTES: Final = 1 << 62
_WIDENED: Final = "BF16"
_FIELDS: Final = ("dtype", "shape", "data_offsets")


class Entry(NamedTuple):
    """Where a tensor stands.

    Attributes:
        name: of the tensor.
        dtype: of the numbers in the file.
        shape: of the tensor.
        start: of its bytes, counted from behind the header.
        stop: behind its last byte.
        is_widened: whether these are the upper halves of 32-bit floats.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    stop: int
    is_widened: bool


class Header(NamedTuple):
    """What a header says.

    Attributes:
        entries: in the header's order.
        metadata: texts.
    """

    entries: list[Entry]
    metadata: dict[str, str]


def read_header(content: bytes, room: int, path: object) -> Header:
    """Return what the header of a file says.

    Args:
        content: the bytes of the header.
        room: how many bytes the file has behind it.
        path: of the file, for errors.

    Raises:
        DataError: it is no header, or its tensors do not fill the file from end to end.
    """
    fields = document(content, path, "the header")
    if not isinstance(fields, dict):
        raise refusal(path, "a header that is no object")
    metadata = fields.pop(METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise refusal(path, f"{METADATA} that is no dict of texts")
    entries = [_entry(name, field, path) for name, field in fields.items()]
    place = 0
    for entry in sorted(entries, key=lambda entry: (entry.start, entry.stop)):
        if entry.start != place:
            raise refusal(
                path,
                f"{entry.name[:60]!r} from byte {entry.start} on",
                f"byte {place}, so that tensors neither overlap nor leave gaps",
            )
        place = entry.stop
    if place != room:
        raise refusal(path, f"{room:,} bytes of numbers", f"{place:,} as its header says")
    return Header(entries, metadata)


def _entry(name: str, field: Any, path: object) -> Entry:
    shown = f"{name[:60]!r}"
    match field:
        case {"dtype": str(code), "shape": list(sides), "data_offsets": [start, stop]} if len(
            field
        ) == len(_FIELDS) and _are_counts([*sides, start, stop]):
            pass
        case _:
            raise refusal(path, f"an entry of {shown} without dtype, shape and data_offsets")
    if code not in DTYPES and code != _WIDENED:
        raise refusal(
            path,
            f"{shown} of dtype {code[:20]!r}",
            f"one of {', '.join(DTYPES)}, {_WIDENED}",
            "NumPy has no such numbers: convert it where it comes from, for instance to F32",
        )
    dtype = np.dtype(DTYPES.get(code, "<u2"))
    # A zero must not hide absurd lengths beside it: NumPy refuses those with any zero.
    if len(sides) > _MAX_AXES or prod(max(side, 1) for side in sides) >= _MAX_BYTES // 16:
        raise refusal(path, f"an absurd shape of {shown}")
    size = prod(sides) * dtype.itemsize
    if stop - start != size:
        raise refusal(path, f"{stop - start:,} bytes for {shown}"[:200], f"{size:,} by its shape")
    return Entry(name, dtype, tuple(sides), start, stop, code == _WIDENED)


def _are_counts(numbers: list[Any]) -> bool:
    return all(type(number) is int and 0 <= number < _MAX_BYTES for number in numbers)


def document(content: bytes | str, path: object, what: str) -> Any:
    """Return what JSON stands for; without NaN, and without a key that comes twice.

    Raises:
        DataError: it is no such JSON.
    """
    try:
        text = content if isinstance(content, str) else content.decode("utf-8")
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError as error:
        raise refusal(path, f"{what} nested without end") from error
    except ValueError as error:
        why = " ".join(str(error).split())[:120]
        raise refusal(path, f"{what} that is no JSON ({why})") from error


def _unique(items: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(items)
    if len(found) < len(items):
        raise ValueError("a key comes twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"the constant {name}")


def packed_header(
    arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]
) -> tuple[bytes, list[NDArray[Any]]]:
    """Return the beginning of a file up to its numbers, and the arrays in the order that follows.

    Arrays of the widest numbers come first, so that each begins at a multiple of their width.

    Raises:
        OptionError: the header is too long for any reader.
    """
    fields: dict[str, Any] = {METADATA: dict(metadata)}
    order = sorted(arrays, key=lambda name: -arrays[name].itemsize)
    spans, place = {}, 0
    for name in order:
        spans[name] = [place, place := place + arrays[name].nbytes]
    for name, array in arrays.items():
        code = CODES[array.dtype.str[1:]]
        fields[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": spans[name]}
    text = json.dumps(fields, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % LENGTH)
    if len(text) > MAX_HEADER:
        raise OptionError(
            f"save: got {len(text):,} bytes of what is no array, expected at most {MAX_HEADER:,}; "
            "make arrays of long lists of numbers"
        )
    return len(text).to_bytes(LENGTH, "little") + text, [arrays[name] for name in order]
