"""Random expressions of operations: built step by step at known inputs, printed as Python.

An expression is made from *moves*: an operation and small numbers that say which values it takes.
Every list of moves makes an expression, so that Hypothesis may leave any of them out when it
shrinks one. What would leave the domain of an operation is scaled and moved into it by operations
that belong to the expression; a move that cannot be made is passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from tinygrad_nn import ops
from tinygrad_nn.backends import scalar
from tinygrad_nn.core.op import OPS, Kind, Op
from tinygrad_nn.core.samples import Domain
from tinygrad_nn.testing.inputs.recipes import RECIPES

__all__ = ["Expression", "Move", "Step", "expression", "numeric_operations", "operations"]

_SIZE = 256
"""Elements of a value at most."""
_LARGEST = 1e4
_MARGIN = 0.05
"""Distance from the ends of domains and from points to avoid."""
_SCALES = [2.0**-k for k in range(0, 24)]
_OFFSETS = sorted((k / 8 for k in range(-64, 65)), key=lambda v: (abs(v), v < 0))
_NAMES = "abcdefgh"


class Move(NamedTuple):
    """An operation to apply, and small numbers that choose its arguments.

    Attributes:
        operation: Its record.
        choices: Which values it takes, counted from the newest, and one more for what else there
            is to choose: an axis.
    """

    operation: Op
    choices: Sequence[int]


class Step(NamedTuple):
    """One call of an operation.

    Attributes:
        operation: Its record.
        args: For each argument the number of a value (inputs first, then steps), or a constant.
        static: Its static arguments.
        listed: Whether the arguments are given as one list.
    """

    operation: Op
    args: tuple[int | float, ...]
    static: dict[str, Any]
    listed: bool = False

    def call(self, known: Sequence[Any]) -> Any:
        """Apply it, given all values so far."""
        given = [known[a] if isinstance(a, int) else a for a in self.args]
        if self.listed:
            return self.operation.call(given, **self.static)
        return self.operation.call(*given, **self.static)

    def written(self, names: Sequence[str]) -> str:
        """The call as Python."""
        given = ", ".join(names[a] if isinstance(a, int) else repr(a) for a in self.args)
        parts = [f"[{given}]" if self.listed else given]
        parts += [f"{k}={v!r}" for k, v in self.static.items()]
        return f"tg.{self.operation.key}({', '.join(parts)})"


@dataclass(frozen=True, repr=False)
class Expression:
    """A function of tensors (or arrays, or Values) made of operations.

    Attributes:
        inputs: At which it was made, and has a derivative.
        steps: Its operations in order; the last one gives the result.

    Example:
        >>> import numpy as np
        >>> from tinygrad_nn.core.op import OPS
        >>> from tinygrad_nn.testing.inputs.graphs import Move, expression
        >>> e = expression([np.array(0.5)], [Move(OPS["tanh"], (0, 0, 0))])
        >>> print(e.source())
        def f(a):
            return tg.tanh(a)
    """

    inputs: tuple[Any, ...]
    steps: tuple[Step, ...]

    def __call__(self, *inputs: Any) -> Any:
        """Its value at other inputs of these shapes."""
        known = list(inputs)
        for step in self.steps:
            known.append(step.call(known))
        return known[-1]

    @property
    def operations(self) -> tuple[str, ...]:
        """Keys of its operations, in order."""
        return tuple(step.operation.key for step in self.steps)

    def source(self) -> str:
        """The function as Python."""
        own = len(self.inputs)
        names = [*_NAMES[:own], *(f"x{n}" for n in range(1, len(self.steps) + 1))]
        lines = [
            f"    {names[own + n]} = {step.written(names)}" for n, step in enumerate(self.steps)
        ]
        if lines:
            lines[-1] = f"    return {self.steps[-1].written(names)}"
        return "\n".join(
            [f"def f({', '.join(names[:own])}):", *(lines or [f"    return {names[own - 1]}"])]
        )

    def script(self) -> str:
        """A program that checks the expression where it was made."""
        inputs = ", ".join(f"np.array({x.tolist()!r})" for x in map(np.asarray, self.inputs))
        return "\n".join(
            [
                "import numpy as np",
                "import tinygrad_nn as tg",
                "from tinygrad_nn.testing import gradcheck",
                "",
                self.source(),
                "",
                f"gradcheck(f, {inputs}).assert_ok()",
            ]
        )

    def __repr__(self) -> str:
        return f"<Expression:\n{self.script()}\n>"


@cache
def operations() -> tuple[Op, ...]:
    """All operations of the registry that expressions are made of, the plainest first."""
    found = [r for r in OPS.values() if _composes(r)]
    plain = ("negative", "add", "multiply")
    return tuple(sorted(found, key=lambda r: plain.index(r.key) if r.key in plain else len(plain)))


@cache
def numeric_operations() -> tuple[Op, ...]:
    """Those of them that work on numbers."""
    return tuple(
        r
        for r in operations()
        if r.kind is Kind.ELEMENTWISE and hasattr(scalar, r.kernel or "") and _arity(r) < 3
    )


def _composes(record: Op) -> bool:
    """Whether it is public, differentiable, and its arguments are known by domains or a recipe."""
    if not record.differentiable or getattr(ops, record.key, None) is not record.call:
        return False
    if record.key in RECIPES:
        return True
    several = record.key == "modf"
    return record.samples is None and bool(record.data) and not record.static and not several


def _arity(record: Op) -> int:
    return RECIPES[record.key].arity if record.key in RECIPES else max(len(record.data), 1)


def expression(inputs: Sequence[Any], moves: Sequence[Move]) -> Expression:
    """The expression that moves make at these inputs.

    Args:
        inputs: float64 arrays.
        moves: What to apply in turn. The last one that can be made gives the result.
    """
    board = _Board(inputs)
    for move in moves:
        board.play(move)
    return board.finished()


class _Board:
    """Values so far, and the steps that made them."""

    def __init__(self, inputs: Sequence[Any]) -> None:
        self.inputs = [np.asarray(x, np.float64) for x in inputs]
        self.known: list[Any] = list(self.inputs)
        self.steps: list[Step] = []

    def play(self, move: Move) -> None:
        """Make a move; nothing changes if it cannot be made."""
        before = len(self.known), len(self.steps)
        record = move.operation
        count = _arity(record)
        args = [len(self.known) - 1 - c % len(self.known) for c in move.choices[:count]]
        # Where two values do not fit, one is taken twice.
        for given in (args, args[:1] * count):
            if self._played(record, given, move.choices[-1]):
                return
            del self.known[before[0] :], self.steps[before[1] :]

    def _played(self, record: Op, args: list[int], choice: int) -> bool:
        recipe = RECIPES.get(record.key)
        domains: Sequence[Domain] = record.domains
        static: dict[str, Any] | None = {}
        if len(args) > 1 and (recipe is None or recipe.broadcast):
            args = self._aligned(args)
        if recipe is not None:
            shapes = [self.known[a].shape for a in args]
            static, domains = recipe.static(shapes, choice), (recipe.domain,) * len(args)
        if static is None:
            return False
        moved = [self._within(a, d) for a, d in zip(args, domains, strict=False)]
        if None in moved:
            return False
        listed = recipe is not None and recipe.listed
        given = tuple(a for a in moved if a is not None)
        return self._add(Step(record, given, static, listed))

    def _add(self, step: Step) -> bool:
        """Take a step, if its value is one to go on with."""
        try:
            with np.errstate(all="ignore"):
                value = np.asarray(step.call(self.known))
        except (ValueError, TypeError, IndexError, ArithmeticError):
            return False
        fine = value.dtype == np.float64 and value.size <= _SIZE
        if not fine or not np.all(np.abs(value) <= _LARGEST):
            return False
        self.steps.append(step)
        self.known.append(value)
        return True

    def _aligned(self, args: list[int]) -> list[int]:
        """The arguments, with means in place of those that do not broadcast with the first."""
        found = args[:1]
        for a in args[1:]:
            try:
                np.broadcast_shapes(*(self.known[b].shape for b in (*found, a)))
            except ValueError:
                self._add(Step(OPS["mean"], (a,), {}))
                a = len(self.known) - 1  # noqa: PLW2901
            found.append(a)
        return found

    def _within(self, a: int, domain: Domain) -> int | None:
        """A value inside of a domain: this one, or scaled and moved; None if none is found."""
        place = _place_in(self.known[a], domain)
        if place is None:
            return None
        for name, number, idle in zip(("multiply", "add"), place, (1.0, 0.0), strict=True):
            if number != idle:
                if not self._add(Step(OPS[name], (a, number), {})):
                    return None
                a = len(self.known) - 1
        return a

    def finished(self) -> Expression:
        """What the last value depends on."""
        own = len(self.inputs)
        needed = {len(self.known) - 1}
        for n in range(len(self.known) - 1, own - 1, -1):
            if n in needed:
                needed |= {a for a in self.steps[n - own].args if isinstance(a, int)}
        order = {n: i for i, n in enumerate(sorted(needed))}
        steps = [self.steps[n - own] for n in sorted(needed) if n >= own]
        renamed = [
            s._replace(args=tuple(order[a] if isinstance(a, int) else a for a in s.args))
            for s in steps
        ]
        return Expression(
            tuple(x for n, x in enumerate(self.inputs) if n in needed), tuple(renamed)
        )


def _place_in(values: Any, domain: Domain) -> tuple[float, float] | None:
    """Scale and offset that bring values into a domain: 1 and 0 if they are there."""
    if not values.size or _inside(values, domain):
        return 1.0, 0.0
    least, largest = float(values.min()), float(values.max())
    room = domain.high - domain.low - 2 * _MARGIN
    for scale in _SCALES:
        if (largest - least) * scale > room:
            continue
        for offset in _OFFSETS:
            if _inside(values * scale + offset, domain):
                return scale, offset
        middle = (domain.low + domain.high - (least + largest) * scale) / 2
        if _inside(values * scale + middle, domain):
            return scale, middle
    return None


def _inside(values: Any, domain: Domain) -> bool:
    low, high = values.min(), values.max()
    if not (domain.low + _MARGIN <= low and high <= domain.high - _MARGIN):
        return False
    return all(bool(np.all(np.abs(values - p) >= _MARGIN)) for p in domain.avoid)
