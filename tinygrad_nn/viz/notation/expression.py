"""`Expr`: a formula as data; made by `call`, which leaves away what says nothing.

An operation without an entry in `SIGNS` is written as a function of its name, so that a
new one needs no entry anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from tinygrad_nn.viz.notation.traits import FITTED, SAME, ZEROS

__all__ = [
    "ONE",
    "PARTIAL",
    "SIGNS",
    "ZERO",
    "Call",
    "Expr",
    "Number",
    "Sign",
    "Symbol",
    "call",
    "same",
]


@dataclass(frozen=True, slots=True, eq=False)
class Symbol:
    """A name: of a node, an argument, `g` for the gradient that arrives, `y` for the result."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """An operation on formulas.

    Attributes:
        op: Name of the operation.
        args: Its data arguments.
        options: Its other arguments, already as text.
    """

    op: str
    args: tuple[Expr, ...]
    options: tuple[str, ...] = ()


Expr = Symbol | Number | Call

PARTIAL = "∂"
"""Operation of a derivative that is not worked out; no function can have this name."""

ONE, ZERO = Number(1.0), Number(0.0)

_UNWRITTEN = SAME | FITTED


class Sign(NamedTuple):
    """How an operation is written between, before or behind its arguments.

    Attributes:
        text, latex, mathml: The sign in each language.
        level: How tightly it binds; arguments that bind less are put in brackets.
        right: How tightly the second argument has to bind.
        drawn: The sign in a circle of a drawing; empty for one that is drawn with its name.
    """

    text: str
    latex: str
    mathml: str
    level: int
    right: int
    drawn: str = ""


COMPARE, SUM, NEGATIVE, PRODUCT, POWER, TAIL, ATOM = range(7)

SIGNS = {
    "add": Sign("+", "+", "+", SUM, SUM, "+"),
    "subtract": Sign("−", "-", "−", SUM, PRODUCT, "−"),
    "multiply": Sign("·", r"\cdot", "·", PRODUCT, PRODUCT, "×"),
    "divide": Sign("/", "/", "/", PRODUCT, POWER, "÷"),
    "matmul": Sign("@", r"\,", "", PRODUCT, POWER, "@"),
    "negative": Sign("−", "-", "−", NEGATIVE, PRODUCT, "−"),
    "pow": Sign("^", "^", "^", POWER, TAIL, "^"),
    "greater": Sign(">", ">", "&gt;", COMPARE, SUM),
    "greater_equal": Sign(">=", r"\ge", "≥", COMPARE, SUM),
    "less": Sign("<", "<", "&lt;", COMPARE, SUM),
    "less_equal": Sign("<=", r"\le", "≤", COMPARE, SUM),
    "equal": Sign("==", "=", "=", COMPARE, SUM),
    "not_equal": Sign("!=", r"\ne", "≠", COMPARE, SUM),
}
"""Signs by operation; whatever is not here is a function of its own name.

The page of the stepper has the drawn ones once more, in `shared/words.js`; a test compares them."""


def same(a: Expr, b: Expr) -> bool:
    """Whether two formulas surely are the same; equal calls made twice count as different."""
    if isinstance(a, Symbol) and isinstance(b, Symbol):
        return a.name == b.name
    if isinstance(a, Number) and isinstance(b, Number):
        return a.value == b.value
    return a is b


def call(op: str, args: tuple[Expr, ...], options: tuple[str, ...] = ()) -> Expr:
    """Formula of an operation on formulas, without what does not change it."""
    if op in _UNWRITTEN and args:
        return args[0]
    if op in ZEROS:
        return ZERO
    if op == "square" and len(args) == 1:
        op, args = "pow", (args[0], Number(2.0))
    if op == "masked":
        op = "multiply"
    shorter = _SHORTER.get((op, len(args)))
    return (shorter and shorter(*args)) or Call(op, args, options)


# ── Shorter forms: None where there is none ─────────────────────────────────────────────


def _negative(x: Expr) -> Expr | None:
    if isinstance(x, Number):
        return Number(-x.value)
    return _positive(x)


def _positive(x: Expr) -> Expr | None:
    """`x` without the minus sign that it has."""
    if isinstance(x, Number) and x.value < 0:
        return Number(-x.value)
    return x.args[0] if isinstance(x, Call) and x.op == "negative" else None


def _pow(a: Expr, b: Expr) -> Expr | None:
    return a if _is(b, 1.0) else None


def _add(a: Expr, b: Expr) -> Expr | None:
    if _is(a, 0.0) or _is(b, 0.0):
        return b if _is(a, 0.0) else a
    positive = _positive(b)
    return None if positive is None else Call("subtract", (a, positive))


def _subtract(a: Expr, b: Expr) -> Expr | None:
    return a if _is(b, 0.0) else None


def _multiply(a: Expr, b: Expr) -> Expr | None:
    if _is(a, 1.0) or _is(b, 1.0):
        return b if _is(a, 1.0) else a
    if same(a, b):
        return call("pow", (a, Number(2.0)))
    if isinstance(b, Number) and not isinstance(a, Number) and _moves(a):
        return call("multiply", (b, a))
    return _outside("multiply", a, b)


def _divide(a: Expr, b: Expr) -> Expr | None:
    return a if _is(b, 1.0) else _outside("divide", a, b)


def _outside(op: str, a: Expr, b: Expr) -> Expr | None:
    """The minus signs of both put before the whole."""
    left, right = _positive(a), _positive(b)
    if left is None and right is None:
        return None
    whole = call(op, (a if left is None else left, b if right is None else right))
    return whole if left is not None and right is not None else call("negative", (whole,))


_SHORTER: dict[tuple[str, int], Callable[..., Expr | None]] = {
    ("negative", 1): _negative,
    ("pow", 2): _pow,
    ("add", 2): _add,
    ("subtract", 2): _subtract,
    ("multiply", 2): _multiply,
    ("divide", 2): _divide,
}


def _moves(x: Expr) -> bool:
    """Whether a number is written before it: 2 · a, but g · 2 where g is what arrives."""
    first = x
    while isinstance(first, Call) and first.op in ("multiply", "divide"):
        first = first.args[0]
    return not (isinstance(first, Symbol) and first.name == "g")


def _is(x: Expr, value: float) -> bool:
    return isinstance(x, Number) and x.value == value
