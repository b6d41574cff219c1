"""The IDX file format of MNIST and its relatives: one array, plain or gzip-compressed.

    bytes 0-1   zero
    byte 2      type of the elements, see `_TYPES`
    byte 3      number of axes, d
    4 d bytes   the lengths of the axes, unsigned
    the rest    the elements, last axis fastest

All numbers are big-endian.
"""

from __future__ import annotations

import gzip
import io
import math
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.atomic import write_atomic
from tinygrad_nn.data.arguments import shown, whole_number
from tinygrad_nn.data.unpacking import DAMAGE, open_unpacked
from tinygrad_nn.errors import DataError, DTypeError, OptionError

__all__ = ["read_idx", "write_idx"]

_TYPES: Final[Mapping[int, np.dtype[Any]]] = MappingProxyType(
    {
        0x08: np.dtype("u1"),
        0x09: np.dtype("i1"),
        0x0B: np.dtype(">i2"),
        0x0C: np.dtype(">i4"),
        0x0D: np.dtype(">f4"),
        0x0E: np.dtype(">f8"),
    }
)
_CODES: Final = MappingProxyType({dtype.newbyteorder("="): code for code, dtype in _TYPES.items()})
_MAX_AXES: Final = 32
_CHUNK: Final = 1 << 20
_MAX_BYTES: Final = 1 << 31


def read_idx(path: str | PathLike[str], *, max_bytes: int = _MAX_BYTES) -> NDArray[Any]:
    """Return the array in an IDX file, plain or gzip-compressed (told by its first bytes).

    The memory used is bounded by what the header promises and by what the file holds,
    whichever is less: a damaged or hostile file cannot claim more.

    Args:
        path: the file.
        max_bytes: refuse arrays that are larger.

    Returns:
        A new array of the shape in the header, in the byte order of the machine: uint8,
        int8, int16, int32, float32 or float64.

    Raises:
        DataError: the file is damaged, too short, too long, too large or no IDX file.
        OSError: the file does not exist or cannot be read.

    Example:
        >>> import numpy as np, tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "table-idx2-short.gz"
        ...     write_idx(path, np.array([[1, 2], [3, 4]], np.int16))
        ...     read_idx(path).tolist()
        [[1, 2], [3, 4]]
    """
    limit = whole_number("max_bytes", max_bytes, 0)
    with open_unpacked(path) as stream:
        try:
            return _read(stream, path, limit)
        except DAMAGE as error:
            got = f"damaged compressed data ({error})"
            raise _refusal(path, got, "an intact gzip stream") from error


def write_idx(path: str | PathLike[str], array: NDArray[Any]) -> None:
    """Write an array as an IDX file, gzip-compressed if the name ends in `.gz`.

    The file is complete or not there: a failed write leaves the old file. The same array
    gives the same bytes.

    Args:
        path: the file.
        array: shape of 1 to 32 axes; uint8, int8, int16, int32, float32 or float64.

    Raises:
        DTypeError: the format has no code for the dtype.
        OptionError: `array` is no array, or has no axis or too many.
        OSError: the folder does not exist or cannot be written to.
    """
    _check_axes(array)
    code = _CODES.get(array.dtype.newbyteorder("="))
    if code is None:
        raise DTypeError(
            f"write_idx: got {array.dtype}, expected one of "
            f"{', '.join(str(dtype) for dtype in _CODES)}; "
            f"convert with array.astype(...) and check that nothing is lost"
        )
    lengths = np.array(array.shape, ">u4").tobytes()
    content = bytes([0, 0, code, array.ndim]) + lengths + array.astype(_TYPES[code]).tobytes()
    target = Path(path)
    # No time stamp, so that the same array gives the same file.
    write_atomic(target, gzip.compress(content, mtime=0) if target.suffix == ".gz" else content)


def _check_axes(array: object) -> None:
    if not isinstance(array, np.ndarray) or not 1 <= array.ndim <= _MAX_AXES:
        raise OptionError(
            f"write_idx: got {shown(array)}, expected an array of 1 to {_MAX_AXES} axes; "
            f"pass np.atleast_1d(array)"
        )


def _read(stream: io.BufferedIOBase, path: str | PathLike[str], limit: int) -> NDArray[Any]:
    dtype, shape = _read_header(stream, path)
    # A zero must not hide absurd lengths beside it: NumPy refuses those with any zero.
    size = math.prod(max(length, 1) for length in shape) * dtype.itemsize
    if size > limit:
        raise _refusal(
            path,
            f"a header that promises shape {shape} of {dtype.name}, {size:,} bytes",
            f"at most {limit:,} bytes",
            "pass max_bytes= if the file is really that large",
        )
    promised = math.prod(shape) * dtype.itemsize
    payload = _read_payload(stream, promised)
    if len(payload) != promised:
        raise _refusal(
            path,
            f"{len(payload):,} bytes behind the header",
            f"{promised:,} bytes for shape {shape} of {dtype.name}",
        )
    if stream.read(1):
        raise _refusal(
            path,
            f"more than {promised:,} bytes behind the header",
            f"exactly that many for shape {shape} of {dtype.name}",
        )
    array: NDArray[Any] = np.ndarray(shape, dtype, payload)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _read_header(
    stream: io.BufferedIOBase, path: str | PathLike[str]
) -> tuple[np.dtype[Any], tuple[int, ...]]:
    start = stream.read(4)
    dtype = _TYPES.get(start[2]) if len(start) == 4 and start[:2] == b"\0\0" else None
    if dtype is None or not 1 <= start[3] <= _MAX_AXES:
        known = ", ".join(f"{code:02x}" for code in _TYPES)
        raise _refusal(
            path,
            f"a file that starts with {start.hex(' ') or 'nothing'}",
            f"an IDX header: 00 00, a type ({known}), 1 to {_MAX_AXES} axes",
            "check that this is the IDX file and not a web page or an archive",
        )
    lengths = stream.read(4 * start[3])
    if len(lengths) != 4 * start[3]:
        raise _refusal(
            path,
            f"{len(lengths)} bytes of axis lengths",
            f"{4 * start[3]} for {start[3]} axes",
        )
    return dtype, tuple(np.frombuffer(lengths, ">u4").tolist())


def _read_payload(stream: io.BufferedIOBase, promised: int) -> bytearray:
    """Read up to `promised` bytes, never allocating far ahead of what has arrived."""
    payload = bytearray()
    while chunk := stream.read(min(_CHUNK, promised - len(payload))):
        payload += chunk
    return payload


def _refusal(
    path: str | PathLike[str],
    got: str,
    expected: str,
    step: str = "fetch the file again, it is incomplete or damaged",
) -> DataError:
    return DataError(f"{path}: got {got}, expected {expected}; {step}")
