"""Sizes that follow from the sizes of the inputs: found by comparing runs of different sizes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import prod
from typing import Any, NoReturn

from tinygrad_nn.errors import ExportError

__all__ = ["Size", "Symbols", "Varying", "fixed", "merged", "plain"]


class Symbols:
    """The sizes that are left open, and those that each run had.

    Args:
        names: Of the sizes.
        places: For each the (input, axis) where it is read when the model runs.
        base: For each the size in the first run.
    """

    def __init__(
        self, names: Sequence[str], places: Sequence[tuple[int, int]], base: Sequence[int]
    ) -> None:
        self.names, self.places, self.base = tuple(names), tuple(places), tuple(base)
        self.runs = [self.base]
        count = len(self.base)
        chosen: list[tuple[int, ...]] = [(j,) for j in range(count)]
        chosen += combinations(range(count), 2)
        for some in chosen:
            self.runs.append(tuple(n + (j in some) for j, n in enumerate(self.base)))
        self._chosen = chosen
        if count:
            # One run more than the numbers that are sought, to see that they are the right ones.
            self.runs.append(tuple(n + 3 for n in self.base))

    def terms(self, values: Sequence[int]) -> dict[tuple[int, ...], int] | None:
        """Factors of a sum of products of sizes that has these values; None if it is none.

        v = v₀ + Σ aⱼ tⱼ + Σ bᵢⱼ tᵢ tⱼ with tⱼ = nⱼ − the first run's, multiplied out.
        """
        steps: dict[tuple[int, ...], int] = {}
        for some, value in zip(self._chosen, values[1:], strict=False):
            steps[some] = value - values[0] - sum(steps[(j,)] for j in some if len(some) > 1)
        found: dict[tuple[int, ...], int] = {(): values[0]}
        for some, factor in steps.items():
            for kept in range(2 ** len(some)):
                inside = tuple(j for i, j in enumerate(some) if kept >> i & 1)
                rest = prod(-self.base[j] for i, j in enumerate(some) if not kept >> i & 1)
                found[inside] = found.get(inside, 0) + factor * rest
        last = sum(c * prod(self.runs[-1][j] for j in some) for some, c in found.items())
        if last != values[-1]:
            return None
        return {some: c for some, c in found.items() if c}


class Size:
    """An integer that is not the same in every run. It is no `int`: whoever needs one is refused.

    Attributes:
        values: In each run.
    """

    __slots__ = ("symbols", "values")

    def __init__(self, values: Sequence[int], symbols: Symbols) -> None:
        self.values, self.symbols = tuple(values), symbols

    def terms(self) -> dict[tuple[int, ...], int]:
        """Factors of products of the open sizes, whose sum it is.

        Raises:
            ExportError: It is no such sum.
        """
        found = self.symbols.terms(self.values)
        if found is None:
            self.refuse()
        return found

    def refuse(self, *_: object) -> NoReturn:
        """Raise the error for a size that has to be known.

        Raises:
            ExportError: Always.
        """
        names = " and ".join(map(repr, self.symbols.names))
        raise ExportError(
            f"a number that changes with {names} ({self.values[0]}, then {self.values[1]}), where "
            "ONNX needs one that is fixed; keep the axis fixed by leaving it out of dynamic_axes "
            "(dynamic_axes={} fixes all)"
        )

    __index__ = __int__ = __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = refuse
    __lt__ = __gt__ = __le__ = __ge__ = __neg__ = __floordiv__ = __rfloordiv__ = refuse
    __mod__ = __float__ = __truediv__ = __rtruediv__ = refuse

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Size) and other.values == self.values

    def __hash__(self) -> int:
        return hash(self.values)

    def __repr__(self) -> str:
        return f"Size{self.values}"


class Varying:
    """A static argument that differs between the runs in another way than by its numbers.

    Attributes:
        values: In each run.
    """

    __slots__ = ("values",)

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = tuple(values)


def merged(values: Sequence[Any], symbols: Symbols) -> Any:
    """What all runs agree on, with a `Size` for each integer in which they differ."""
    first = values[0]
    if all(v is first for v in values):
        return first
    kinds = {type(v) for v in values}
    if len(kinds) == 1:
        if isinstance(first, (tuple, list)):
            if len({len(v) for v in values}) == 1:
                parts = [merged(column, symbols) for column in zip(*values, strict=True)]
                return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
        elif isinstance(first, slice):
            ends = zip(*((v.start, v.stop, v.step) for v in values), strict=True)
            return slice(*(merged(column, symbols) for column in ends))
        elif _same(values):
            return first
        elif isinstance(first, int) and not isinstance(first, bool):
            return Size(values, symbols)
    return Varying(values)


def _same(values: Sequence[Any]) -> bool:
    try:
        return all(bool(v == values[0]) for v in values[1:])
    except ValueError:  # of arrays
        return False


def plain(value: Any) -> Any:
    """`value`, if nothing in it depends on the sizes of the inputs.

    Raises:
        ExportError: Something does.
    """
    if isinstance(value, Size):
        value.refuse()
    if isinstance(value, Varying):
        raise ExportError(
            "a static argument that differs between runs with inputs of other sizes, where ONNX "
            "needs a fixed one; leave the axis out of dynamic_axes"
        )
    if isinstance(value, (tuple, list)):
        for part in value:
            plain(part)
    return value


def fixed(shape: Sequence[Any]) -> tuple[int, ...]:
    """A shape that does not depend on the sizes of the inputs.

    Raises:
        ExportError: It does.
    """
    return tuple(plain(n) for n in shape)
