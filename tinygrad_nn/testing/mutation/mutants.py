"""The ways in which a gradient rule is made wrong: one definition each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_nn.core.node import Node
from tinygrad_nn.core.record import Kind, Op, family
from tinygrad_nn.ops import astype, reshape
from tinygrad_nn.testing.mutation.pull import Pull, raw
from tinygrad_nn.value import Value

__all__ = ["MUTANTS", "Mutant"]

_PERCENT = 1.01


def _other(op: Op, argument: int) -> str:
    return ""


@dataclass(frozen=True)
class Mutant:
    """One way in which the gradient of one argument is wrong.

    Attributes:
        name: Of the kind of fault.
        text: What is wrong, in words.
        wrong: What is given instead of `pull.right`.
        same: Why that is no fault for an argument of an operation; "" where it may be one. What
            is said here follows from the operation's record, for all inputs.
        quick: Planted into the quick rules of first order alone; else into all others, and the
            quick ones are left out.
        second: Right but for its own gradient: only who asks for that can see it.
    """

    name: str
    text: str
    wrong: Callable[[Pull], Any]
    same: Callable[[Op, int], str] = _other
    quick: bool = False
    second: bool = False


# ── Equivalent by construction ─────────────────────────────────────────────────────────────


def _of_one_shape(op: Op, argument: int) -> str:
    if op.kind is Kind.ELEMENTWISE and op.arity == 1:
        return "its argument has the shape of its result: nothing is broadcast"
    return ""


def _reads_nothing(op: Op, argument: int) -> str:
    if op.kind is Kind.LINEAR:
        return "it is linear: its rule reads no value"
    return ""


def _one_argument(op: Op, argument: int) -> str:
    if op.variadic or op.pullback is not None:
        return ""
    if sum(rule is not None for rule in op.rules) < 2:
        return "no other argument has a gradient"
    a, b = (getattr(r, "__code__", r) for r in (op.rules[argument], op.rules[_next(op, argument)]))
    if a is b or (hasattr(a, "co_code") and _text(a) == _text(b)):
        return "both arguments have the same rule"
    return ""


def _text(code: Any) -> Any:
    return code.co_code, code.co_consts, code.co_names, code.co_freevars


def _without_quick(op: Op, argument: int) -> str:
    return "" if op.quick else "it has no quick rule"


def _next(op: Op, argument: int) -> int:
    """The next argument with a rule, after the last the first."""
    count = len(op.rules)
    return next(k % count for k in range(argument + 1, argument + 1 + count) if op.rules[k % count])


# ── Wrong gradients ────────────────────────────────────────────────────────────────────────


def _at(place: Callable[[int], int]) -> Callable[[Pull], Any]:
    def wrong(pull: Pull) -> Any:
        factors = np.ones(pull.shape)
        if factors.size:
            factors.flat[place(factors.size)] = _PERCENT
        return pull.right * pull.factors(factors)

    return wrong


def _scaled(factor: float, where: Callable[[Pull], bool]) -> Callable[[Pull], Any]:
    return lambda pull: pull.right * factor if where(pull) else pull.right


def _unsummed(pull: Pull) -> Any:
    """Of what was broadcast the first alone."""
    h, shape = pull.whole, pull.shape
    if pull.number or tuple(h.shape) == shape or 0 in h.shape:
        return pull.right
    lead = len(h.shape) - len(shape)
    kept = tuple(slice(0, 1) if side == 1 else slice(None) for side in shape)
    return pull.fitted(reshape(h[(0,) * lead + kept], shape))


def _summed_twice(pull: Pull) -> Any:
    if pull.number or tuple(pull.whole.shape) == pull.shape:
        return pull.right
    count = np.prod(pull.whole.shape) / max(np.prod(pull.shape), 1)
    return pull.right * float(count)


def _transposed(pull: Pull) -> Any:
    shape = pull.shape
    if len(shape) < 2 or shape[-1] != shape[-2] or shape[-1] < 2:
        return pull.right
    return pull.right.mT


def _stale(pull: Pull) -> Any:
    """From the values of the evaluation before, where they have the same shapes."""
    if pull.recorded:
        return pull.right
    now = [_kept(x) for x in (pull.y, *pull.args)]
    before = pull.memory.get("values")
    pull.memory["values"] = now
    if before is None or list(map(_like, before)) != list(map(_like, now)):
        return pull.right
    y, *args = before
    return pull.fitted(pull.gradient(y=y, args=args))


def _kept(x: Any) -> Any:
    return np.array(x) if isinstance(x, np.ndarray) else x


def _like(x: Any) -> Any:
    return type(x), getattr(x, "shape", None), getattr(x, "dtype", None)


def _swapped(pull: Pull) -> Any:
    """The gradient of the next argument, where it has the shape for this one."""
    n = len(pull.args)
    for k in range(pull.argument + 1, pull.argument + n):
        if not _float(raw(pull.args[k % n])):
            continue
        other = pull.gradient(of=k % n)
        if other is None:
            continue
        if pull.number:
            return other
        alike = np.shape(raw(pull.args[k % n])) == pull.shape
        if alike or tuple(other.shape) == tuple(pull.whole.shape):
            return pull.fitted(other)
    return pull.right


def _float(x: Any) -> bool:
    return type(x) is float or getattr(getattr(x, "dtype", None), "kind", "") == "f"


def _one_term_less(pull: Pull) -> Any:
    found = pull.without_term()
    return pull.right if found is None else pull.fitted(found)


def _detached_values(pull: Pull) -> Any:
    """Right numbers, and in the graph no way to the arguments and the result."""
    if not pull.recorded or not pull.moves_with(cotangent=False):
        return pull.right
    pull.flagged = True
    return _node(pull, pull.fitted(pull.gradient(y=raw(pull.y), args=[raw(x) for x in pull.args])))


def _detached_cotangent(pull: Pull) -> Any:
    """Right numbers, and in the graph no way to the gradient that arrived."""
    if not pull.recorded or not pull.moves_with(cotangent=True):
        return pull.right
    pull.flagged = True
    return _node(pull, pull.fitted(pull.gradient(g=raw(pull.g))))


def _node(pull: Pull, h: Any) -> Any:
    return h if isinstance(h, Node) else type(pull.g).wrap(h)


def _percent_below_zero(pull: Pull) -> Any:
    return pull.right * pull.factors(np.where(np.asarray(pull.x) < 0, _PERCENT, 1.0))


def _blind_to_zeros(pull: Pull) -> Any:
    g = raw(pull.g)
    ones = float(g == 0) if type(g) is float else np.asarray(np.asarray(g) == 0, g.dtype)
    return pull.fitted(pull.gradient(g=pull.g + ones))


def _coarse(pull: Pull) -> Any:
    """In half precision: float32 in the midst of float64 stays within the tolerance."""
    if isinstance(pull.right, Value):
        return pull.right
    if pull.number:
        return float(np.float16(pull.right))
    return astype(pull.right, np.dtype(np.float16))


def _is_single(pull: Pull) -> bool:
    return getattr(pull.x, "dtype", None) == np.float32


def _is_lone_number(pull: Pull) -> bool:
    return not pull.number and not pull.shape and bool(np.ndim(raw(pull.y)))


def _has_repeated_axis(pull: Pull) -> bool:
    shape, whole = pull.shape, np.shape(raw(pull.y))
    pairs = zip(reversed(shape), reversed(whole), strict=False)
    return not pull.number and any(a == 1 != b for a, b in pairs)


def _is_number(pull: Pull) -> bool:
    return pull.number and family(raw(pull.g)) is Value


def _always(pull: Pull) -> bool:
    return True


MUTANTS: dict[str, Mutant] = {
    m.name: m
    for m in (
        Mutant("sign", "of the other sign", lambda pull: -pull.right),
        Mutant("double", "twice as large", lambda pull: 2.0 * pull.right),
        Mutant("zero", "zero", lambda pull: 0.0 * pull.right),
        Mutant("part-in-10000", "1e-4 of it too large", _scaled(1.0001, _always)),
        Mutant("last-element", "1 % too large in the last element", _at(lambda n: n - 1)),
        Mutant("middle-element", "1 % too large in the middle", _at(lambda n: (n - 1) // 2)),
        Mutant("unsummed", "not summed over broadcast axes: the first", _unsummed, _of_one_shape),
        Mutant("summed-twice", "summed over broadcast axes twice", _summed_twice, _of_one_shape),
        Mutant("transposed", "transposed where it is square", _transposed),
        Mutant("stale", "from the values of the call before", _stale, _reads_nothing),
        Mutant("swapped", "that of another argument", _swapped, _one_argument),
        Mutant("missing-term", "without the last term of a sum", _one_term_less),
        Mutant(
            "second-order",
            "constant for the gradient of it",
            _detached_values,
            _reads_nothing,
            second=True,
        ),
        Mutant(
            "second-order-cotangent",
            "independent of its cotangent for the gradient of it",
            _detached_cotangent,
            second=True,
        ),
        Mutant("float32", "1 % too large in float32", _scaled(_PERCENT, _is_single)),
        Mutant(
            "0-d-operand",
            "1 % too large of a number beside arrays",
            _scaled(_PERCENT, _is_lone_number),
            _of_one_shape,
        ),
        Mutant(
            "repeated-axis",
            "1 % too large where an axis of length 1 is repeated",
            _scaled(_PERCENT, _has_repeated_axis),
            _of_one_shape,
        ),
        Mutant("value", "1 % too large for Values", _scaled(_PERCENT, _is_number)),
        Mutant(
            "quick",
            "1 % too large in the quick rule of first order",
            _scaled(_PERCENT, _always),
            _without_quick,
            quick=True,
        ),
        Mutant("absolute", "of the cotangent's size", lambda p: p.fitted(p.gradient(g=abs(p.g)))),
        Mutant("zeros", "as if zeros of the cotangent were ones", _blind_to_zeros),
        Mutant("negative", "1 % too large for negative inputs", _percent_below_zero),
        Mutant("coarse", "in half precision", _coarse),
    )
}
"""Every kind of fault by name."""
