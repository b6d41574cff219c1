"""What instructions come apart into: views, loops over elements, sums, products of matrices.

A part reads and makes variables. Where an array lies is told as a `Ref`: a variable whose memory
it is, the first element, and steps counted in elements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from tinygrad_nn.compiler.program import Var

__all__ = [
    "Assemble", "Element", "Part", "Pick", "Place", "Product", "Reduce", "Ref", "View", "own",
    "renamed", "resolved", "steps_of",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ref:
    """An array within the memory of a variable.

    Attributes:
        root: The variable that the memory belongs to.
        offset: First element.
        shape: Lengths of the axes.
        steps: Elements from one to the next along each axis.
    """

    root: Var
    offset: int
    shape: tuple[int, ...]
    steps: tuple[int, ...]

    def broadcast(self, shape: tuple[int, ...]) -> Ref:
        """Repeated to `shape`, as NumPy does."""
        added = len(shape) - len(self.shape)
        steps = [0 if n == 1 else s for n, s in zip(self.shape, self.steps, strict=True)]
        return Ref(self.root, self.offset, shape, (*[0] * added, *steps))


def steps_of(var: Var) -> tuple[int, ...] | None:
    """Steps of a variable's array in elements; None if they are not whole numbers of them."""
    size = var.dtype.itemsize
    if any(s % size for s in var.strides):
        return None
    return tuple(s // size for s in var.strides)


def own(var: Var) -> Ref:
    """The whole array of a variable, as eager code laid it out."""
    steps = steps_of(var)
    assert steps is not None  # asked before parts are made
    return Ref(var, 0, var.shape, steps)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """`out` is memory of `source`, `offset` elements behind its first one."""

    out: Var
    source: Var
    offset: int
    steps: tuple[int, ...]

    @property
    def reads(self) -> tuple[Var, ...]:
        """Variables that it needs."""
        return (self.source,)


@dataclass(frozen=True, slots=True, eq=False)
class Element:
    """`out` element by element.

    Attributes:
        out: What it makes.
        template: Expression of the operands {0}, {1}, ...
        operands: Variables, or plain numbers.
        dtypes: What each operand is converted to first.
    """

    out: Var
    template: str
    operands: tuple[Any, ...]
    dtypes: tuple[Any, ...]

    @property
    def reads(self) -> tuple[Var, ...]:
        """Variables that it needs."""
        return tuple(x for x in self.operands if isinstance(x, Var))


@dataclass(frozen=True, slots=True, eq=False)
class Reduce:
    """`out` from all elements of `source` along `axes`."""

    out: Var
    kind: str
    source: Var
    axes: tuple[int, ...]

    @property
    def reads(self) -> tuple[Var, ...]:
        """Variables that it needs."""
        return (self.source,)

    def steps(self) -> tuple[int, ...]:
        """Steps of `out` along the axes of `source`: 0 along those that go."""
        found = own(self.out)
        kept = [s for n, s in zip(found.shape, found.steps, strict=True) if n != 1]
        steps = []
        for axis, side in enumerate(self.source.shape):
            steps.append(0 if axis in self.axes or side == 1 else kept.pop(0))
        return tuple(steps)


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """`out = a @ b` of two matrices, or of a row `a`, or of a column `b`."""

    out: Var
    a: Var
    b: Var

    @property
    def reads(self) -> tuple[Var, ...]:
        """Variables that it needs."""
        return self.a, self.b


@dataclass(frozen=True, slots=True, eq=False)
class Pick:
    """Of each row of `table` the element at `index`; `strict`: no counting from the end."""

    out: Var
    table: Var
    index: Var
    strict: bool

    @property
    def reads(self) -> tuple[Var, ...]:
        """Variables that it needs."""
        return self.table, self.index


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Zeros, but for `values` at the index of each row."""

    out: Var
    values: Var
    index: Var

    @property
    def reads(self) -> tuple[Var, ...]:
        """Variables that it needs."""
        return self.values, self.index


@dataclass(frozen=True, slots=True, eq=False)
class Assemble:
    """`out` from pieces that lie in it.

    Attributes:
        out: What it makes.
        pieces: For each piece its variable, and offset and steps of its place in `out`.
        fill: Whether zeros are between them.
    """

    out: Var
    pieces: tuple[tuple[Var, int, tuple[int, ...]], ...]
    fill: bool

    @property
    def reads(self) -> tuple[Var, ...]:
        """Variables that it needs."""
        return tuple(piece[0] for piece in self.pieces)


Part = View | Element | Reduce | Product | Pick | Place | Assemble


def renamed(part: Part, new: Mapping[Var, Var]) -> Part:
    """The same with variables replaced by others of the same form."""

    def put(x: Any) -> Any:
        if isinstance(x, tuple):
            return tuple(map(put, x))
        return new.get(x, x) if isinstance(x, Var) else x

    return replace(part, **{f.name: put(getattr(part, f.name)) for f in fields(part)})


def resolved(var: Var, views: Mapping[Var, View]) -> Ref:
    """Where a variable's elements lie, through views."""
    shape, steps, offset = var.shape, own(var).steps, 0
    if var in views:
        steps = views[var].steps
    while var in views:
        offset += views[var].offset
        var = views[var].source
    return Ref(var, offset, shape, steps)
