"""Planting a mutant into the registry of operations, and taking it out again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

from tinygrad_nn.core.forms import form_of
from tinygrad_nn.core.record import OPS, Kind, Op
from tinygrad_nn.core.reverse import reverser_of
from tinygrad_nn.errors import OptionError
from tinygrad_nn.testing.mutation.mutants import MUTANTS, Mutant
from tinygrad_nn.testing.mutation.pull import Pull, Rule

__all__ = ["Planted", "arguments_of", "differentiable", "mutant_of", "mutated", "operation_of"]

_PARTS = ("rules", "pullback", "quick", "slopes", "form", "reverse")
"""What an operation's record knows of its gradient."""

_LOCK = Lock()
_TAKEN: set[str] = set()
"""Operations with a mutant: a second one would be taken out with the first."""


class Planted:
    """A mutant in its place.

    Attributes:
        op: The operation.
        mutant: What is wrong with it.
        argument: Place of the argument whose gradient is wrong; -1 the last of any number.
        reached: How often the rule was evaluated.
        differed: How often that gave something wrong.
    """

    def __init__(self, op: Op, mutant: Mutant, argument: int) -> None:
        self.op, self.mutant, self.argument = op, mutant, argument
        self.reached = self.differed = 0
        self._memory: dict[str, Any] = {}

    def _wrong(self, right: Rule, g: Any, y: Any, args: Sequence[Any]) -> Any:
        pull = Pull(right, self.argument % len(args), g, y, args, self._memory)
        wrong = self.mutant.wrong(pull)
        self.reached += 1
        self.differed += pull.differs(wrong)
        return wrong

    def altered(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """The rule of the argument, or a quick one of it, made wrong."""
        rules, place = self.op.rules, self.argument

        def wrong(g: Any, y: Any, *args: Any, **params: Any) -> Any:
            def right(g: Any, y: Any, args: Sequence[Any], of: int) -> Any:
                chosen = rule if of == place else rules[of]
                return None if chosen is None else chosen(g, y, *args, **params)

            return self._wrong(right, g, y, args)

        return wrong

    def altered_pullback(self, pullback: Callable[..., Any]) -> Callable[..., Any]:
        """The rule of all arguments, made wrong for one."""

        def wrong(g: Any, y: Any, *args: Any, needs: Sequence[bool], **params: Any) -> Any:
            found = list(pullback(g, y, *args, needs=needs, **params))
            place = self.argument % len(args)

            def right(g: Any, y: Any, args: Sequence[Any], of: int) -> Any:
                only = tuple(k == of for k in range(len(args)))
                return pullback(g, y, *args, needs=only, **params)[of]

            if needs[place] and found[place] is not None:
                found[place] = self._wrong(right, g, y, args)
            return found

        return wrong


class _WrongSlopes(dict[type, Any]):
    """Quick rules made wrong, by type of payload; the others as they are."""

    __slots__ = ("planted", "right")

    def __init__(self, planted: Planted) -> None:
        self.planted, self.right = planted, planted.op.slopes

    def __missing__(self, payload_type: type) -> Any:
        op, rule = self.planted.op, self.right[payload_type]
        if rule is not (op.pullback or op.rules[0]):
            change = self.planted.altered_pullback if op.pullback else self.planted.altered
            rule = change(rule)
        self[payload_type] = rule
        return rule


@contextmanager
def mutated(op: Any, mutant: str | Mutant, argument: int = 0) -> Iterator[Planted]:
    """Within this context the gradient of an operation is wrong, in all threads.

    Graphs built before have it too: rules are asked for when gradients are. What was captured by
    `tg.jit` before keeps the right one, since it is a program of its own.

    Args:
        op: The operation, its name, or the public function.
        mutant: What is to be wrong: one of `MUTANTS`, by its name, or one of your own.
        argument: Place of the argument whose gradient it is; -1 the last.

    Yields:
        What counts how often the rule was asked, and gave something wrong.

    Raises:
        OptionError: There is no such operation, mutant or argument; a mutant is in it already.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn.testing.mutation import mutated
        >>> with mutated("tanh", "sign"):
        ...     tg.grad(tg.tanh)(0.0)
        -1.0
        >>> tg.grad(tg.tanh)(0.0)
        1.0
    """
    record, fault = operation_of(op), mutant_of(mutant)
    if argument not in (-1, *arguments_of(record)):
        raise OptionError(
            f"mutated: {record.key}: got argument={argument}, expected one with a gradient: "
            f"{', '.join(map(str, arguments_of(record)))}"
        )
    if argument == -1 and not record.variadic:
        argument = arguments_of(record)[-1]
    with _LOCK:
        if record.key in _TAKEN:
            raise OptionError(
                f"mutated: {record.key}: got a second mutant in one operation, expected one at a "
                "time; leave the other `with mutated(...)` first"
            )
        _TAKEN.add(record.key)
    kept = {name: getattr(record, name) for name in _PARTS}
    try:
        planted = Planted(record, fault, argument)
        _plant(record, planted)
        yield planted
    finally:
        for name, part in kept.items():
            setattr(record, name, part)
        with _LOCK:
            _TAKEN.discard(record.key)


def _plant(record: Op, planted: Planted) -> None:
    if planted.mutant.quick:
        record.slopes = _WrongSlopes(planted)  # type: ignore[assignment]
    else:
        place = planted.argument
        # Quick rules stand for the right ones, and so do sums that the sweep works out itself.
        if record.pullback is not None:
            record.pullback = planted.altered_pullback(record.pullback)
        else:
            wrong = planted.altered(record.rules[place])  # type: ignore[arg-type]
            record.rules = (*record.rules[:place], wrong, *record.rules[place + 1 :])
        record.quick, record.slopes = None, type(record.slopes)(record)
        record.form = form_of(record.rules, record.pullback)
    record.reverse = reverser_of(record)


def differentiable() -> list[Op]:
    """Operations of the registry that have gradient rules of their own."""
    return [op for op in OPS.values() if op.kind not in (Kind.CONSTANT, Kind.COMPOSED)]


def arguments_of(op: Op) -> tuple[int, ...]:
    """Places of the arguments that may have a gradient; of any number the first and the last."""
    if op.variadic:
        return (0, -1)
    if op.pullback is not None:
        return tuple(range(len(op.data)))
    return tuple(i for i, rule in enumerate(op.rules) if rule is not None)


def operation_of(op: Any) -> Op:
    """The record of an operation.

    Raises:
        OptionError: There is none, or it has no rule of its own.
    """
    record = OPS.get(op) if isinstance(op, str) else getattr(op, "op", op)
    if not isinstance(record, Op):
        raise OptionError(
            f"mutation: got {op!r:.60}, expected an operation or its name; the names are those in "
            "tinygrad_nn.core.op.OPS"
        )
    if record.kind in (Kind.CONSTANT, Kind.COMPOSED):
        why = "is made of others" if record.kind is Kind.COMPOSED else "has no gradient"
        raise OptionError(
            f"mutation: got {record.key!r}, which {why}, expected an operation with a rule of its "
            "own"
        )
    return record


def mutant_of(mutant: str | Mutant) -> Mutant:
    """A mutant by its name.

    Raises:
        OptionError: There is none.
    """
    if isinstance(mutant, Mutant):
        return mutant
    found = MUTANTS.get(mutant)
    if found is None:
        raise OptionError(
            f"mutation: got the mutant {mutant!r:.60}, expected one of {', '.join(MUTANTS)}"
        )
    return found
