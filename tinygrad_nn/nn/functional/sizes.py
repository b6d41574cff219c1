"""Whole numbers: counts, sizes along the axes of an image, and its rank."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

from tinygrad_nn.errors import OptionError, ShapeError

__all__: list[str] = []

NAMES = {1: "L", 2: "H, W", 3: "D, H, W"}

Sizes = int | Sequence[int]
"""One integer for all axes, or one for each."""


def is_whole(x: Any) -> bool:
    """Whether `x` is one integer, of Python or an array library, and no bool."""
    if isinstance(x, bool):
        return False
    try:
        # Arrays have the method too, and raise unless they hold one integer.
        index(x)
    except TypeError:
        return False
    return True


def whole(name: str, argument: str, count: Any, least: int = 0) -> int:
    """`count` as an int.

    Raises:
        OptionError: It is no integer of at least `least`.
    """
    if not is_whole(count) or count < least:
        raise OptionError(
            f"{name}: got {argument}={count!r}, expected an integer of at least {least}"
        )
    return int(count)


def flag(name: str, argument: str, value: Any) -> bool:
    """`value` as a bool; 'False', which counts as true, is none.

    Raises:
        OptionError: It is neither True nor False.
    """
    is_bool = isinstance(value, bool) or getattr(getattr(value, "dtype", None), "kind", "") == "b"
    if not is_bool or getattr(value, "shape", ()) != ():
        raise OptionError(f"{name}: got {argument}={value!r}, expected True or False")
    return bool(value)


def number(name: str, argument: str, value: Any, least: float = 0.0, above: bool = False) -> Any:
    """`value` as it is: one number of at least `least`, or `above` it.

    Raises:
        OptionError: It is none, or too small, or NaN.
    """
    is_one = hasattr(value, "__float__") and not isinstance(value, bool)
    if not is_one or getattr(value, "shape", ()) != () or not value >= least:
        is_one = False
    if not is_one or (above and value == least):
        expected = f"a number over {least:g}" if above else f"a number of at least {least:g}"
        raise OptionError(f"{name}: got {argument}={value!r}, expected {expected}")
    return value


def per_axis(name: str, argument: str, value: Any, dims: int, least: int = 0) -> tuple[int, ...]:
    """An integer for each axis, from one for all of them or one for each.

    Raises:
        OptionError: They are no integers, too small, or not as many as the axes.
    """
    several = isinstance(value, (tuple, list))
    found = list(value) if several else [value]
    if len(found) == 1:
        found = found * dims
    if len(found) != dims or not all(is_whole(k) and k >= least for k in found):
        each = "an integer" if dims == 1 else f"an integer or {dims} of them"
        raise OptionError(f"{name}: got {argument}={value!r}, expected {each}, at least {least}")
    return tuple(int(k) for k in found)


def per_axis_or_none(name: str, argument: str, value: Any, dims: int) -> tuple[int | None, ...]:
    """The same, where None stands for the size of the input."""
    found = list(value) if isinstance(value, (tuple, list)) else [value] * dims
    if len(found) == 1:
        found = found * dims
    if len(found) != dims:
        raise OptionError(
            f"{name}: got {argument}={value!r}, expected an integer or None, or {dims} of them"
        )
    return tuple(None if k is None else per_axis(name, argument, k, 1)[0] for k in found)


def check_rank(name: str, x: Any, dims: int, batched: bool = False) -> None:
    """Refuse what is neither a batch of images nor, unless `batched`, one image.

    Raises:
        ShapeError: The number of axes is another.
    """
    if x.ndim == dims + 2 or (x.ndim == dims + 1 and not batched):
        return
    shapes = f"(N, C, {NAMES[dims]})" + ("" if batched else f" or (C, {NAMES[dims]})")
    hint = ""
    if x.ndim == dims:
        hint = f"; add the axis of channels: x[{'None, None' if batched else 'None'}]"
    raise ShapeError(f"{name}: got shape {tuple(x.shape)}, expected {shapes}{hint}")


def sides(x: Any, dims: int) -> tuple[int, ...]:
    """Lengths of the last axes."""
    return tuple(x.shape[x.ndim - dims :])


def text(numbers: Sequence[Any]) -> str:
    """Sizes for a message: 28 × 28."""
    return " × ".join(map(str, numbers))
