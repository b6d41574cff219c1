"""A state as a tree that JSON can hold, and back; the arrays stand beside it under names.

None, bools, texts, finite floats and lists are what they are in JSON, and so are integers of 64
bits and dicts of texts. Any other node is an object with one key that begins with a dollar sign:

    {"$tensor": name}            an array
    {"$complex": name}           an array of 128-bit complex numbers, as pairs on a last axis
    {"$tuple": [node, ...]}
    {"$dict": [[key, node], ...]}    with integer keys, or keys that begin with a dollar sign
    {"$int": "-0x123"}           a longer integer
    {"$float": "nan"}            or inf, -inf
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.errors import DataError, DTypeError, OptionError
from tinygrad_nn.payload import is_masked
from tinygrad_nn.serialize.form import CODES, MAX_DEPTH, METADATA, refusal
from tinygrad_nn.tensor import Tensor

__all__ = ["Grower", "Reader"]

_HEX: Final = re.compile(r"-?0x[0-9a-f]+")
_WORD: Final = 1 << 63
_MAX_NAME: Final = 200


class Grower:
    """Turns a state into its tree and collects the arrays on the way.

    Attributes:
        arrays: by name, in the order of the state, little-endian and in C order.
        is_flat: whether the state is but a dict of these arrays under these names.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, NDArray[Any]] = {}
        self.is_flat = True

    def node(self, value: Any, place: tuple[Any, ...] = ()) -> Any:
        """Return the node of `value`.

        Raises:
            DTypeError, OptionError: something in it cannot be saved.
        """
        if len(place) > MAX_DEPTH:
            raise OptionError(
                f"save: got a state nested more than {MAX_DEPTH} deep at {_shown(place)[:60]}, "
                "expected a shallow one; does a container contain itself?"
            )
        if isinstance(value, Tensor):
            value = value.numpy()
        is_text = isinstance(value, str)
        if isinstance(value, (np.ndarray, np.generic)) and not is_text:
            return self._array(np.asanyarray(value), place)
        self.is_flat = self.is_flat and not place
        if value is None or isinstance(value, bool) or is_text:
            return value
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else {"$float": repr(float(value))}
        if isinstance(value, int):
            return _whole(int(value))
        if isinstance(value, Mapping):
            return self._dict(value, place)
        if isinstance(value, (list, tuple)):
            nodes = [self.node(v, (*place, i)) for i, v in enumerate(value)]
            return {"$tuple": nodes} if isinstance(value, tuple) else nodes
        raise OptionError(
            f"save: got {type(value).__name__} at {_shown(place)}, expected arrays, numbers, "
            "texts, None, and dicts and lists of them; convert it or leave it out"
        )

    def _dict(self, value: Mapping[Any, Any], place: tuple[Any, ...]) -> dict[str, Any]:
        items = [(_key(key, place), self.node(v, (*place, key))) for key, v in value.items()]
        if all(isinstance(key, str) and not key.startswith("$") for key, _ in items):
            return dict(items)
        self.is_flat = False
        return {"$dict": [[key, node] for key, node in items]}

    def _array(self, array: NDArray[Any], place: tuple[Any, ...]) -> dict[str, str]:
        code = array.dtype.str[1:]
        if is_masked(array) or not (code in CODES or code == "c16"):
            kind = "a masked array" if is_masked(array) else array.dtype
            raise DTypeError(
                f"save: got {kind} at {_shown(place)}, expected numbers or bools of at most 8 "
                "bytes a part; convert with array.astype(...)"
            )
        name = self._name(place)
        self.is_flat = self.is_flat and place == (name,) and code != "c16"
        little = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
        if code != "c16":
            self.arrays[name] = little
            return {"$tensor": name}
        self.arrays[name] = little.reshape(*array.shape, 1).view("<f8")
        return {"$complex": name}

    def _name(self, place: tuple[Any, ...]) -> str:
        """The place with dots between, as PyTorch names tensors; made free where it is taken."""
        # A lone half of a surrogate pair is no text to other readers.
        name = ".".join(map(str, place)).encode("utf-8", "replace").decode()
        if len(name) > _MAX_NAME and len(place) > 1:
            name = f"{name[:_MAX_NAME]}.{len(self.arrays)}"
        while name in self.arrays or name == METADATA:
            name += f"_{len(self.arrays)}"
        return name


def _key(key: Any, place: tuple[Any, ...]) -> Any:
    if isinstance(key, str):
        return str(key)
    if isinstance(key, int) and not isinstance(key, bool):
        return _whole(int(key))
    raise OptionError(
        f"save: got a key of type {type(key).__name__} at {_shown(place)}, expected a text or an "
        "integer; rename it"
    )


def _whole(number: int) -> Any:
    # Other readers of JSON know no longer integers, and Python refuses very long decimals.
    return number if -_WORD <= number < _WORD else {"$int": hex(number)}


def _shown(place: tuple[Any, ...]) -> str:
    return "".join(f"[{key!r:.60}]" for key in place) or "the top"


class Reader:
    """Turns a tree back into the state; each array is used once.

    Args:
        arrays: by name; empty when the tree was read.
        path: of the file, for errors.
    """

    def __init__(self, arrays: dict[str, NDArray[Any]], path: object) -> None:
        self.arrays, self.path = arrays, path

    def value(self, node: Any, depth: int = 0) -> Any:
        """Return what `node` stands for.

        Raises:
            DataError: it is no such node, or nested too deeply.
        """
        if depth > MAX_DEPTH:
            raise refusal(self.path, f"a tree nested more than {MAX_DEPTH} deep")
        match node:
            case None | bool() | int() | str():
                return node
            case float() if math.isfinite(node):
                return node
            case list():
                return [self.value(part, depth + 1) for part in node]
            case dict() if any(key.startswith("$") for key in node):
                return self._marked(node, depth)
            case dict():
                return {key: self.value(part, depth + 1) for key, part in node.items()}
        raise self._wrong(node)

    def _marked(self, node: dict[str, Any], depth: int) -> Any:
        match list(node.items()):
            case [("$tensor", str(name))] if name in self.arrays:
                return self.arrays.pop(name)
            case [("$complex", str(name))] if name in self.arrays:
                pairs = self.arrays.pop(name)
                if pairs.dtype == np.float64 and pairs.ndim and pairs.shape[-1] == 2:
                    return pairs.view(np.complex128).reshape(pairs.shape[:-1])
            case [("$tuple", list(parts))]:
                return tuple(self.value(part, depth + 1) for part in parts)
            case [("$dict", list(parts))]:
                items = dict(self._item(part, depth + 1) for part in parts)
                if len(items) == len(parts):
                    return items
            case [("$int", str(text))] if _HEX.fullmatch(text):
                return int(text, 16)
            case [("$float", "nan" | "inf" | "-inf" as text)]:
                return float(text)
        raise self._wrong(node)

    def _item(self, item: Any, depth: int) -> tuple[Any, Any]:
        match item:
            case [str() | int() as key, node] if not isinstance(key, bool):
                return key, self.value(node, depth)
            case [{"$int": _} as key, node]:
                return self.value(key, depth), self.value(node, depth)
        raise self._wrong(item)

    def _wrong(self, node: Any) -> DataError:
        return refusal(self.path, f"{str(node)[:40]!r} in the tree", "what save() writes")
