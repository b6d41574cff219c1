"""`default_collate`: a list of examples as one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.data.arguments import shown
from tinygrad_nn.errors import DataError, DTypeError, OptionError, ShapeError
from tinygrad_nn.tensor import Tensor

__all__ = ["default_collate"]


def default_collate(examples: Sequence[Any], *, names: Sequence[Any] | None = None) -> Any:
    """Return a batch: what the examples are, with a first axis for their number.

    Arrays are stacked into a NumPy array, tensors into a tensor without a gradient, both of their
    dtype. Python's floats become a float32 array, float32 being the default of this library
    (float64 in PyTorch), its integers int64, its bools bool; beside tensors, such as the labels of
    images that are tensors, they become tensors as well. Texts stay a list. Tuples, named tuples,
    lists and mappings are kept, part by part.

    Args:
        examples: at least one; all of one form.
        names: what to call them in messages; their places by default.

    Raises:
        ShapeError: shapes or lengths differ; the message names the example and both shapes.
        DTypeError: an array holds objects.
        OptionError: an example is None, or of a kind that makes no batch.
        DataError: no examples, or examples of different forms.

    Example:
        >>> batch = default_collate([{"x": np.zeros(3), "label": 1}, {"x": np.ones(3), "label": 0}])
        >>> batch["x"].shape, batch["label"].tolist()
        ((2, 3), [1, 0])
    """
    examples = list(examples)
    if not examples:
        raise DataError("default_collate: got no examples, expected at least one")
    labels = list(range(len(examples))) if names is None else list(names)
    return _collated(examples, labels, "", _has_tensor(examples[0]))


def _collated(parts: list[Any], names: list[Any], path: str, beside: bool) -> Any:
    """Return the batch of a part; `beside`: whether examples have tensors in some part."""
    first = parts[0]
    for part, name in zip(parts, names, strict=True):
        if _form(part) is not _form(first):
            raise DataError(
                f"collate: example {name}{path} is {shown(part)}, but example {names[0]}{path} is "
                f"{shown(first)}; return examples of one form, or pass collate_fn="
            )
    form = _form(first)
    if form is np.ndarray:
        batch = _stacked([_array(part) for part in parts], names, path)
        # Among tensors a number or an array counts as one, in whatever order they come.
        is_tensor = any(isinstance(part, Tensor) for part in parts) or (
            beside and not any(isinstance(part, (np.ndarray, np.generic)) for part in parts)
        )
        return Tensor.wrap(batch) if is_tensor else batch
    if form is str or form is bytes:
        return parts
    if form is Mapping:
        return _mapping(parts, names, path, beside)
    if form is tuple or form is list:
        columns = _columns(parts, names, path, beside)
        if hasattr(first, "_fields"):
            return type(first)(*columns)
        return columns if form is list else tuple(columns)
    raise OptionError(
        f"collate: example {names[0]}{path} is {shown(first)}, expected arrays, numbers, texts, "
        f"or tuples, lists and dicts of them; convert it in __getitem__, or pass collate_fn="
    )


def _form(part: Any) -> Any:
    """Return what stands for the kind of a part."""
    if isinstance(part, (np.ndarray, np.generic, Tensor, bool, int, float, complex)):
        return np.ndarray
    for kind in (str, bytes, Mapping, tuple, list):
        if isinstance(part, kind):
            return kind
    return type(part)


def _has_tensor(example: Any) -> bool:
    if isinstance(example, Mapping):
        return any(map(_has_tensor, example.values()))
    if isinstance(example, (tuple, list)):
        return any(map(_has_tensor, example))
    return isinstance(example, Tensor)


def _array(part: Any) -> NDArray[Any]:
    if isinstance(part, Tensor):
        return np.asarray(part.synced())
    if isinstance(part, float) and not isinstance(part, np.generic):
        return np.asarray(part, np.float32)
    return np.asarray(part)


def _stacked(arrays: list[NDArray[Any]], names: list[Any], path: str) -> NDArray[Any]:
    shape = arrays[0].shape
    for array, name in zip(arrays, names, strict=True):
        if array.dtype.kind not in "biufc":
            raise DTypeError(
                f"collate: example {name}{path} has dtype {array.dtype}, expected numbers or "
                f"bools; encode texts as integers and give rows one length"
            )
        if array.shape != shape:
            raise ShapeError(
                f"collate: example {name}{path} has shape {array.shape}, but example "
                f"{names[0]}{path} has {shape}; bring them to one shape with a transform (Pad, "
                f"RandomCrop), or pass collate_fn="
            )
    return np.stack(arrays)


def _mapping(parts: list[Any], names: list[Any], path: str, beside: bool) -> dict[Any, Any]:
    keys = list(parts[0])
    for part, name in zip(parts, names, strict=True):
        if set(part) != set(keys):
            raise DataError(
                f"collate: example {name}{path} has the keys {shown(list(part))}, but example "
                f"{names[0]}{path} has {shown(keys)}; give every example the same keys"
            )
    return {
        key: _collated([part[key] for part in parts], names, f"{path}[{key!r}]", beside)
        for key in keys
    }


def _columns(parts: list[Any], names: list[Any], path: str, beside: bool) -> list[Any]:
    length = len(parts[0])
    for part, name in zip(parts, names, strict=True):
        if len(part) != length:
            raise ShapeError(
                f"collate: example {name}{path} has {len(part)} parts, but example "
                f"{names[0]}{path} has {length}; give every example as many, or pad them"
            )
    columns = zip(*parts, strict=True)
    return [_collated(list(c), names, f"{path}[{i}]", beside) for i, c in enumerate(columns)]
