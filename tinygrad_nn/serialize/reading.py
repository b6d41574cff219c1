"""`load`: reads what `save` wrote, and believes nothing."""

from __future__ import annotations

import json
import math
import re
import struct
import zipfile
import zlib
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.errors import DataError
from tinygrad_nn.serialize.form import DTYPE, FORMAT, MAX_DEPTH, TREE, VERSION

__all__ = ["load"]

_MAX_AXES: Final = 32
# The first 10 bytes of a .npy file of version 1, then the header that they announce.
_NPY: Final = struct.Struct("<6sBBH")
_HEADER: Final = re.compile(
    rb"\{'descr': '(?P<descr>[^']{1,8})', 'fortran_order': (?P<fortran>True|False), "
    rb"'shape': \((?P<shape>|[0-9]{1,19},|[0-9]{1,19}(?:, [0-9]{1,19})+),?\), \} *\n"
)
# All that zipfile raises on damaged archives.
_DAMAGE: Final = (
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    UnicodeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


def load(path: str | PathLike[str]) -> dict[Any, Any]:
    """Return the dict that `save` wrote; also what `numpy.savez` wrote, as a flat dict.

    Nothing in the file is run. Time and memory are bounded by the size of the file.

    Args:
        path: the file.

    Returns:
        A new dict; arrays are the caller's own and may be written to.

    Raises:
        DataError: the file is missing, unreadable, damaged, compressed or no such file.
    """
    file = Path(path)
    if not file.is_file():
        got = "a folder" if file.is_dir() else "no file"
        raise _refusal(path, f"{got} of this name", "a file that save() wrote", "check the path")
    try:
        with file.open("rb") as stream, zipfile.ZipFile(stream) as archive:
            return _state(_entries(archive, file.stat().st_size, path), path)
    except OSError as error:
        # A damaged directory can point before the start of the file, which is an OSError too.
        raise _refusal(path, f"an error on reading ({error})", "a readable file") from error
    except DataError:
        raise
    except _DAMAGE as error:
        raise _refusal(path, f"a damaged or foreign file ({_line(error)})") from error


def _entries(archive: zipfile.ZipFile, size: int, path: Any) -> dict[str, bytes]:
    infos = archive.infolist()
    names = [info.filename for info in infos]
    packed = [info.filename for info in infos if info.compress_type != zipfile.ZIP_STORED]
    if packed:
        raise _refusal(
            path,
            f"{len(packed)} compressed entries",
            "none, because they can unpack without end",
            "if you trust it, read it with numpy.load and write it with tinygrad_nn.save",
        )
    if len(set(names)) < len(names) or sum(info.file_size for info in infos) > size:
        raise _refusal(path, "entries that overlap", "each part of the file used once")
    return {info.filename: archive.read(info) for info in infos}


def _state(entries: dict[str, bytes], path: Any) -> dict[Any, Any]:
    tree = entries.pop(TREE, None)
    arrays = {}
    for name, content in entries.items():
        if not name.endswith(".npy"):
            raise _refusal(path, f"the entry {name[:60]!r}", "arrays (.npy) only")
        arrays[name.removesuffix(".npy")] = _array(content, name, path)
    if tree is None:
        return dict(arrays)
    try:
        document = json.loads(tree)
    except RecursionError as error:
        raise _refusal(path, "a tree nested without end") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise _refusal(path, f"a {TREE} of another program")
    if document.get("version") != VERSION:
        raise _refusal(
            path,
            f"version {document.get('version')!r:.20} of the format",
            f"version {VERSION}",
            "upgrade tinygrad_nn",
        )
    state = _Reader(arrays, path).value(document.get("tree"), 0)
    if arrays or not isinstance(state, dict):
        raise _refusal(path, f"a {TREE} that does not fit the arrays")
    return state


class _Reader:
    """Turns a tree back into the state; each array is used once."""

    def __init__(self, arrays: dict[str, NDArray[Any]], path: Any) -> None:
        self.arrays, self.path = arrays, path

    def value(self, node: Any, depth: int) -> Any:
        match list(node.items()) if isinstance(node, dict) else node:
            case None | bool() | int() | float() | str():
                return node
            case [("array", str(name))] if name in self.arrays:
                return self.arrays.pop(name)
            case [("float", "nan" | "inf" | "-inf" as number)]:
                return float(number)
            case [("dict" | "list" | "tuple" as kind, list(parts))] if depth <= MAX_DEPTH:
                return self._container(kind, parts, depth + 1)
        raise self._wrong(node)

    def _container(self, kind: str, parts: list[Any], depth: int) -> Any:
        if kind == "dict":
            return dict(self._item(part, depth) for part in parts)
        values = [self.value(part, depth) for part in parts]
        return tuple(values) if kind == "tuple" else values

    def _item(self, item: Any, depth: int) -> tuple[Any, Any]:
        match item:
            case [str() | int() as key, node] if not isinstance(key, bool):
                return key, self.value(node, depth)
        raise self._wrong(item)

    def _wrong(self, node: Any) -> DataError:
        return _refusal(self.path, f"{str(node)[:40]!r} in {TREE}", "what save() writes")


def _array(content: bytes, name: str, path: Any) -> NDArray[Any]:
    """The array of a `.npy` entry of version 1, without evaluating its header."""
    where = f"a header of {name[:60]!r} that cannot be read as numbers"
    if len(content) < _NPY.size:
        raise _refusal(path, where)
    magic, major, _, length = _NPY.unpack_from(content)
    start = _NPY.size + length
    header = _HEADER.fullmatch(content[_NPY.size : start])
    if magic != b"\x93NUMPY" or major != 1 or header is None:
        raise _refusal(path, where)
    descr = header["descr"].decode("latin-1")
    shape = tuple(int(side) for side in header["shape"].split(b",") if side)
    if not DTYPE.fullmatch(descr) or len(shape) > _MAX_AXES:
        raise _refusal(path, where, "numbers or bools; object arrays are refused")
    dtype = np.dtype(descr)
    # A zero must not hide absurd lengths beside it: NumPy refuses those with any zero.
    if math.prod(max(side, 1) for side in shape) * dtype.itemsize >= 1 << 62 or (
        math.prod(shape) * dtype.itemsize != len(content) - start
    ):
        raise _refusal(path, f"{len(content) - start:,} bytes for {name[:60]!r} {shape}"[:200])
    numbers = np.frombuffer(content, dtype, offset=start)
    if header["fortran"] == b"True":
        return numbers.reshape(shape[::-1]).T.copy(order="F")
    return numbers.reshape(shape).copy()


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


def _refusal(
    path: Any,
    got: str,
    expected: str = "an intact file that save() wrote",
    step: str = "save or fetch it again",
) -> DataError:
    return DataError(f"{path}: got {got}, expected {expected}; {step}")
