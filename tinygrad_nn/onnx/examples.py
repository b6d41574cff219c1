"""The inputs of an export: their names, and versions of them with other sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_nn.core.node import Node
from tinygrad_nn.core.tree import flatten
from tinygrad_nn.errors import OptionError
from tinygrad_nn.onnx.sizes import Symbols
from tinygrad_nn.tensor import Tensor

__all__ = ["Examples"]


class Examples:
    """Example inputs.

    Args:
        given: As for `export`.
        names: Of the tensors, or None.
        axes: Open axes by name, or None.

    Raises:
        OptionError: There is no tensor, or names do not fit.
    """

    def __init__(
        self, given: Any, names: Sequence[str] | None, axes: Mapping[str, Mapping[int, str]] | None
    ) -> None:
        alone = isinstance(given, (Node, np.ndarray))
        self._leaves, self._rebuild = flatten((given,) if alone else given)
        self._places = [
            i for i, x in enumerate(self._leaves) if isinstance(x, (Tensor, np.ndarray))
        ]
        self.arrays = [np.asarray(_payload(self._leaves[i])) for i in self._places]
        count = len(self._places)
        if not count:
            raise OptionError("export: got no tensor or array in example_inputs, expected one")
        self.names = self._named(names, count)
        self._axes = self._opened(axes)
        self.symbols = self._symbols()

    def _named(self, names: Sequence[str] | None, count: int) -> list[str]:
        if names is None:
            return ["input"] if count == 1 else [f"input_{i}" for i in range(count)]
        if len(names) != count or len({*names}) < count or isinstance(names, str):
            raise OptionError(
                f"export: got input_names={names!r}, expected {count} different names: one for "
                "each tensor of example_inputs"
            )
        return list(names)

    def _opened(self, axes: Mapping[str, Mapping[int, str]] | None) -> dict[tuple[int, int], str]:
        """Name of each open axis, by input and axis."""
        if axes is None:
            batch = self.arrays[0].shape[:1]
            alike = [i for i, x in enumerate(self.arrays) if x.ndim and x.shape[:1] == batch]
            return {(i, 0): "batch" for i in alike} if batch else {}
        found = {}
        for name, named in axes.items():
            if name not in self.names:
                raise OptionError(
                    f"export: got dynamic_axes for {name!r}, expected names of inputs: {self.names}"
                )
            i = self.names.index(name)
            ndim = self.arrays[i].ndim
            for axis, symbol in named.items():
                if not -ndim <= axis < ndim:
                    raise OptionError(
                        f"export: got dynamic_axes axis {axis} for {name!r}, which has {ndim} axes"
                    )
                found[i, axis % ndim] = symbol
        return found

    def _symbols(self) -> Symbols:
        sizes: dict[str, int] = {}
        places: dict[str, tuple[int, int]] = {}
        for (i, axis), name in self._axes.items():
            size = self.arrays[i].shape[axis]
            if sizes.setdefault(name, size) != size:
                raise OptionError(
                    f"export: got the axis {name!r} with lengths {sizes[name]} and {size}, "
                    "expected equal ones; give them different names"
                )
            places.setdefault(name, (i, axis))
        # Of size 1 an axis could be taken for one that is broadcast.
        base = [max(n, 2) for n in sizes.values()]
        return Symbols(list(sizes), list(places.values()), base)

    def described(self) -> str:
        """The open axes, for messages."""
        shown: dict[str, dict[int, str]] = {}
        for (i, axis), name in self._axes.items():
            shown.setdefault(self.names[i], {})[axis] = name
        return str(shown)

    def runs(self) -> Iterator[list[list[Tensor]]]:
        """Inputs of each run: first the examples, then of other sizes and other numbers.

        Of each several versions, the next for where one does not run: with all numbers in other
        places, with floats alone, and with none.
        """
        symbols = self.symbols
        plans = symbols.runs if symbols.names else [(), ()]
        for number, sizes in enumerate(plans):
            wanted = dict(zip(symbols.names, sizes, strict=True))
            arrays = []
            for i, array in enumerate(self.arrays):
                for (j, axis), name in self._axes.items():
                    if i == j:
                        array = _resized(array, axis, wanted[name])  # noqa: PLW2901
                arrays.append(array)
            kinds = ("fiub", "f", "") if number else ("",)
            yield [[Tensor(_moved(x, number, kind)) for x in arrays] for kind in kinds]

    def are_given(self, tensors: Sequence[Tensor]) -> bool:
        """Whether these are the user's own."""
        return all(t.shape == a.shape for t, a in zip(tensors, self.arrays, strict=True))

    def arguments(self, tensors: Sequence[Tensor]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What the model is called with."""
        leaves = list(self._leaves)
        for place, tensor in zip(self._places, tensors, strict=True):
            leaves[place] = tensor
        built = self._rebuild(leaves)
        if isinstance(built, dict):
            return (), built
        return tuple(built), {}


def _payload(x: Any) -> Any:
    return x.synced() if isinstance(x, Node) else x


def _resized(array: Any, axis: int, size: int) -> Any:
    """Longer by beginning anew."""
    if array.shape[axis] == size or not array.shape[axis]:
        return array
    return array.take(np.arange(size) % array.shape[axis], axis)


def _moved(array: Any, number: int, kinds: str) -> Any:
    """The same numbers in other places, so that what is computed from them differs."""
    if array.dtype.kind not in kinds or not array.size:
        return array
    return np.roll(array.reshape(-1), number).reshape(array.shape)
