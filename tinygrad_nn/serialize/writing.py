"""`save`: a nested dict becomes a tree and its arrays."""

from __future__ import annotations

import io
import json
import math
import re
import zipfile
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.atomic import write_atomic
from tinygrad_nn.errors import DTypeError, OptionError
from tinygrad_nn.serialize.form import DTYPE, FORMAT, MAX_DEPTH, TREE, VERSION
from tinygrad_nn.tensor import Tensor

__all__ = ["save"]

# Names that numpy.load shows as they are; any other key becomes a number.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_MAX_NAME: Final = 200
_MAX_BITS: Final = 4096


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
        >>> from tinygrad_nn import load
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
    text = json.dumps({"format": FORMAT, "version": VERSION, "tree": tree}, allow_nan=False)
    write_atomic(Path(path), _packed({TREE: text.encode(), **writer.entries}))


class _Writer:
    """Turns a state into its tree and collects the arrays on the way."""

    def __init__(self) -> None:
        self.entries: dict[str, bytes] = {}

    def node(self, value: Any, place: tuple[Any, ...]) -> Any:
        if len(place) > MAX_DEPTH:
            raise OptionError(
                f"save: got a state nested more than {MAX_DEPTH} deep at {_shown(place)[:60]}, "
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
        if isinstance(array, np.ma.MaskedArray) or not DTYPE.fullmatch(array.dtype.str):
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
    if number.bit_length() > _MAX_BITS:
        raise OptionError(
            f"save: got an integer of {number.bit_length()} bits at {_shown(place)}, expected at "
            f"most {_MAX_BITS}; save it as text"
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
