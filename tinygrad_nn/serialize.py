"""`save` and `load`: nested dicts of arrays in one file that can hold no code.

The file is an uncompressed `.npz`, so `numpy.load` opens it too: a zip archive with one `.npy`
for each array. Beside them `tree.json` says how the arrays hang together:

    {"format": "tinygrad_nn", "version": 1, "tree": node}

where a node is a number, text, true, false or null; or `{"array": entry}`, `{"dict": [[key,
node], ...]}`, `{"list": [node, ...]}`, `{"tuple": [node, ...]}`, `{"float": "nan"}`. An archive
without it, as `numpy.savez` writes, is a flat dict.

A reader of files from strangers believes nothing. Compressed entries are refused, so that what
is unpacked is no larger than the file; headers are matched by a regular expression, not
evaluated; and every entry has a checksum.
"""

from __future__ import annotations

import io
import json
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.atomic import write_atomic
from tinygrad_nn.errors import DataError, DTypeError, OptionError
from tinygrad_nn.tensor import Tensor

__all__ = ["load", "save"]

_TREE: Final = "tree.json"
_FORMAT: Final = "tinygrad_nn"
_VERSION: Final = 1
_MAX_DEPTH: Final = 50
_MAX_AXES: Final = 32
# Names that numpy.load shows as they are; any other key becomes a number.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_MAX_NAME: Final = 200
_DTYPE: Final = re.compile(r"\|b1|\|[iu]1|[<>](?:[iu][248]|f[248]|c8|c16)")
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


# ── Writing ─────────────────────────────────────────────────────────────────────────────


def save(state: Mapping[Any, Any], path: str | PathLike[str]) -> None:
    """Write a dict of arrays to a file; a failed or killed write leaves the old file.

    Dicts, lists and tuples may be nested. Arrays keep their dtype, shape and byte order;
    numbers, texts, bools and None stay what they are. A tensor is saved as its array. The same
    state gives the same bytes.

    Args:
        state: keys are texts or integers.
        path: the file, named as you like; `.npz` tells others what it is.

    Raises:
        DTypeError: an array holds objects, texts or dates.
        OptionError: a key or value is of another kind, or nested more than 50 deep.
        OSError: the folder does not exist or cannot be written to.

    Example:
        >>> import numpy as np
        >>> save({"weights": {"bias": np.float32([1, 2])}, "epoch": 3}, "state.npz")
        >>> load("state.npz")
        {'weights': {'bias': array([1., 2.], dtype=float32)}, 'epoch': 3}
    """
    if not isinstance(state, Mapping):
        raise OptionError(
            f"save: got {type(state).__name__}, expected a dict; pass model.state_dict(), or "
            "{'name': value}"
        )
    writer = _Writer()
    tree = writer.node(state, ())
    text = json.dumps({"format": _FORMAT, "version": _VERSION, "tree": tree}, allow_nan=False)
    write_atomic(Path(path), _packed({_TREE: text.encode(), **writer.entries}))


class _Writer:
    """Turns a state into its tree and collects the arrays on the way."""

    def __init__(self) -> None:
        self.entries: dict[str, bytes] = {}

    def node(self, value: Any, place: tuple[Any, ...]) -> Any:
        if len(place) > _MAX_DEPTH:
            raise OptionError(
                f"save: got a state nested more than {_MAX_DEPTH} deep at {_shown(place)[:60]}, "
                "expected a shallow one; does a container contain itself?"
            )
        if isinstance(value, Tensor):
            value = value.numpy()
        if isinstance(value, (np.ndarray, np.generic)):
            return {"array": self._array(np.asanyarray(value), place)}
        if value is None or isinstance(value, (bool, str)):
            return value
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else {"float": repr(float(value))}
        if isinstance(value, int):
            return _integer(int(value), place)
        if isinstance(value, Mapping):
            items = [[_key(key, place), self.node(v, (*place, key))] for key, v in value.items()]
            return {"dict": items}
        if isinstance(value, (list, tuple)):
            kind = "tuple" if isinstance(value, tuple) else "list"
            return {kind: [self.node(v, (*place, i)) for i, v in enumerate(value)]}
        raise OptionError(
            f"save: got {type(value).__name__} at {_shown(place)}, expected arrays, numbers, "
            "texts, None, and dicts and lists of them; convert it or leave it out"
        )

    def _array(self, array: NDArray[Any], place: tuple[Any, ...]) -> str:
        if isinstance(array, np.ma.MaskedArray) or not _DTYPE.fullmatch(array.dtype.str):
            kind = "a masked array" if isinstance(array, np.ma.MaskedArray) else array.dtype
            raise DTypeError(
                f"save: got {kind} at {_shown(place)}, expected numbers or bools of at most 8 "
                "bytes a part; convert with array.astype(...)"
            )
        name = "/".join(str(key) for key in place)
        if len(name) > _MAX_NAME or not _PLAIN.fullmatch(name) or f"{name}.npy" in self.entries:
            name = f"array/{len(self.entries)}"
        while f"{name}.npy" in self.entries:
            name += "_"
        stream = io.BytesIO()
        np.lib.format.write_array(stream, np.asarray(array), (1, 0), allow_pickle=False)
        self.entries[f"{name}.npy"] = stream.getvalue()
        return name


def _key(key: Any, place: tuple[Any, ...]) -> Any:
    if isinstance(key, str) or (isinstance(key, int) and not isinstance(key, bool)):
        return key if isinstance(key, str) else _integer(int(key), place)
    raise OptionError(
        f"save: got a key of type {type(key).__name__} at {_shown(place)}, expected a text or an "
        "integer; rename it"
    )


def _integer(number: int, place: tuple[Any, ...]) -> int:
    # Longer ones Python refuses to read back from text.
    if number.bit_length() > 4096:
        raise OptionError(
            f"save: got an integer of {number.bit_length()} bits at {_shown(place)}, expected at "
            "most 4096; save it as text"
        )
    return number


def _shown(place: tuple[Any, ...]) -> str:
    return "".join(f"[{key!r}]" for key in place) or "the top"


def _packed(entries: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, content in entries.items():
            # Not the clock's time, so that the same state gives the same bytes.
            archive.writestr(zipfile.ZipInfo(name), content)
    return stream.getvalue()


# ── Reading ─────────────────────────────────────────────────────────────────────────────


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
    tree = entries.pop(_TREE, None)
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
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise _refusal(path, f"a {_TREE} of another program")
    if document.get("version") != _VERSION:
        raise _refusal(
            path,
            f"version {document.get('version')!r:.20} of the format",
            f"version {_VERSION}",
            "upgrade tinygrad_nn",
        )
    state = _Reader(arrays, path).value(document.get("tree"), 0)
    if arrays or not isinstance(state, dict):
        raise _refusal(path, f"a {_TREE} that does not fit the arrays")
    return state


class _Reader:
    """Turns a tree back into the state; each array is used once."""

    def __init__(self, arrays: dict[str, NDArray[Any]], path: Any) -> None:
        self.arrays, self.path = arrays, path

    def value(self, node: Any, depth: int) -> Any:
        if not isinstance(node, dict):
            return node if not isinstance(node, list) else self._wrong(node)
        if depth > _MAX_DEPTH or len(node) != 1:
            return self._wrong(node)
        ((kind, content),) = node.items()
        match kind, content:
            case "array", str() if content in self.arrays:
                return self.arrays.pop(content)
            case "float", "nan" | "inf" | "-inf":
                return float(content)
            case "dict", list():
                return dict(self._item(item, depth) for item in content)
            case "list", list():
                return [self.value(item, depth + 1) for item in content]
            case "tuple", list():
                return tuple(self.value(item, depth + 1) for item in content)
        return self._wrong(node)

    def _item(self, item: Any, depth: int) -> tuple[Any, Any]:
        match item:
            case [str() | int() as key, node] if not isinstance(key, bool):
                return key, self.value(node, depth + 1)
        return self._wrong(item)

    def _wrong(self, node: Any) -> Any:
        raise _refusal(self.path, f"{str(node)[:40]!r} in {_TREE}", "what save() writes")


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
    if not _DTYPE.fullmatch(descr) or len(shape) > _MAX_AXES:
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
