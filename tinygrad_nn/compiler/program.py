"""A captured step as data: inputs, instructions in order, outputs.

A `Program` is in single-assignment form: each variable is made by one instruction, or is an input
or a constant, and never changes. Passes are pure functions from one program to another; emitters
make something that runs of it. What is written at the end of a step (parameters, gradients, an
optimiser's state, what the step returns) are outputs with a place that they go to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from math import prod
from typing import Any

__all__ = ["Instruction", "Output", "Program", "Var", "counted", "mapped", "variables"]

_NUMBERS = count()


@dataclass(frozen=True, slots=True, eq=False)
class Var:
    """One array or number of a program, told apart by identity.

    Attributes:
        shape: Lengths of the axes; () for a number.
        dtype: NumPy's dtype; None for a Python number, and for a tuple of arrays.
        strides: Bytes from one element to the next along each axis, as eager code had them: sums
            follow the memory, so that the same bits come only from the same strides.
        number: Place in the order in which variables were made; for names.
    """

    shape: tuple[int, ...]
    dtype: Any
    strides: tuple[int, ...] = ()
    number: int = field(default_factory=_NUMBERS.__next__)

    @property
    def nbytes(self) -> int:
        """Bytes of the array; 0 for a number."""
        return prod(self.shape) * self.dtype.itemsize if self.dtype is not None else 0

    def __repr__(self) -> str:
        kind = "number" if self.dtype is None else f"{self.dtype}{list(self.shape)}"
        return f"%{self.number}:{kind}"


@dataclass(frozen=True, slots=True, eq=False)
class Instruction:
    """One computation: `out = call(*args, **params)`.

    Attributes:
        name: Name of the function: NumPy's ("add", "reshape"), or that of an operation or of a
            function of the backend ("layer_norm").
        call: Computes it, from arrays and numbers.
        args: Arguments; variables may stand anywhere in nested tuples, lists, dicts and slices.
        params: The same, by keyword.
        out: What it makes.
        op: The operation whose kernel it is, or None for a function of NumPy or of the backend.
        pure: Whether the same arguments give the same result: draws of random numbers do not.
        line: Line of the user that led here, "file:number".
        more: Further results besides `out`, of instructions that passes made.
        writes: Whether `call` gets arrays for its results behind its arguments and writes into
            them, `call(*args, *arrays)`, where it otherwise returns its result.
        inplace: Of an instruction that writes: pairs (number of a result, number of an argument)
            that may be the same memory, if the argument is not needed afterwards.
        phase: Part of the step: "forward", "backward" or "update"; "" if unknown.
        kernel: Operation whose kernel it was opened from, or "".
        inside: Instructions that a pass made this one of, in order.
    """

    name: str
    call: Callable[..., Any]
    args: tuple[Any, ...]
    params: Mapping[str, Any]
    out: Var
    op: Any = None
    pure: bool = True
    line: str = ""
    more: tuple[Var, ...] = ()
    writes: bool = False
    inplace: frozenset[tuple[int, int]] = frozenset()
    phase: str = ""
    kernel: str = ""
    inside: tuple[Instruction, ...] = ()

    @property
    def results(self) -> tuple[Var, ...]:
        """All that it makes."""
        return (self.out, *self.more)

    @property
    def inputs(self) -> tuple[Var, ...]:
        """Variables among the arguments, in order, duplicates kept."""
        return (*variables(self.args), *variables(dict(self.params)))

    def with_inputs(self, new: Mapping[Var, Any]) -> Instruction:
        """The same with variables replaced by others, or by constants."""
        if not any(v in new for v in self.inputs):
            return self
        args, params = mapped(self.args, new), mapped(dict(self.params), new)
        return replace(self, args=args, params=params)


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """What leaves a program: a variable or a constant, and the place that it goes to.

    Attributes:
        place: See `compiler.places`: where the value is written.
        value: A `Var`, or an array or number that does not change.
    """

    place: Any
    value: Any


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A step, captured.

    Attributes:
        inputs: Variables that are read at the beginning, with the place that each comes from.
        constants: Variables whose arrays or numbers are the same at each replay.
        instructions: In order.
        outputs: What is written at the end, in order.
        notes: What the passes did, for people: pairs of a pass and a text.
        private: Constants whose arrays were made by the capture or by a pass: nobody else has
            them, so they never change.
        names: What people call arguments, leaves and numbers: by their place, or by the node.
    """

    inputs: Mapping[Var, Any]
    constants: Mapping[Var, Any]
    instructions: tuple[Instruction, ...]
    outputs: tuple[Output, ...]
    notes: tuple[tuple[str, str], ...] = ()
    names: Mapping[Any, str] = field(default_factory=dict)
    private: frozenset[Var] = frozenset()

    def noted(self, who: str, text: str) -> Program:
        """The same with one more note."""
        return replace(self, notes=(*self.notes, (who, text)))


def counted(count: int, what: str) -> str:
    """A number of things, for notes.

    Example:
        >>> counted(1, "view"), counted(1200, "view")
        ('1 view', '1,200 views')
    """
    return f"{count:,} {what}{'s' * (count != 1)}"


def variables(tree: Any) -> Iterator[Var]:
    """Variables in nested tuples, lists, dicts and slices."""
    if isinstance(tree, Var):
        yield tree
    elif isinstance(tree, (tuple, list)):
        for x in tree:
            yield from variables(x)
    elif isinstance(tree, dict):
        for x in tree.values():
            yield from variables(x)
    elif isinstance(tree, slice):
        yield from variables((tree.start, tree.stop, tree.step))


def mapped(tree: Any, new: Mapping[Any, Any]) -> Any:
    """`tree` with the things that `new` has a word for replaced, in nested tuples and the like."""
    if isinstance(tree, Var):
        return new.get(tree, tree)
    if isinstance(tree, (tuple, list)):
        values = [mapped(x, new) for x in tree]
        if hasattr(tree, "_fields"):
            return type(tree)(*values)
        return type(tree)(values)
    if isinstance(tree, dict):
        return {k: mapped(x, new) for k, x in tree.items()}
    if isinstance(tree, slice):
        return slice(*[mapped(x, new) for x in (tree.start, tree.stop, tree.step)])
    return tree
