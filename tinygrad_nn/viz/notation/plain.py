"""Formulas as text: `g · (1 − y²)`, and back."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from tinygrad_nn.errors import OptionError
from tinygrad_nn.viz.notation.expression import (
    ATOM,
    NEGATIVE,
    POWER,
    PRODUCT,
    SIGNS,
    TAIL,
    Call,
    Expr,
    Number,
    Symbol,
    call,
)

__all__ = ["figures", "parsed", "plain"]

_RAISED = {2.0: "²", 3.0: "³"}
_TAILS = {"matrix_transpose": ".mT", "transpose": ".T"}


def figures(x: float) -> str:
    """`x` with six digits; with ASCII minus."""
    if math.isnan(x):
        return "NaN"
    if math.isinf(x):
        return "Infinity" if x > 0 else "-Infinity"
    return f"{x:.6g}"


def plain(x: Expr) -> str:
    """One line of text. Its length and depth are those of `x`, so cut `x` before."""
    return _text(x)[0]


def _text(x: Expr) -> tuple[str, int]:
    """Text, and how tightly its outermost sign binds."""
    if isinstance(x, Symbol):
        return x.name, ATOM
    if isinstance(x, Number):
        text = figures(x.value).replace("-", "−")
        return text, NEGATIVE if text.startswith("−") else ATOM
    return (_signed(x) if not x.options else None) or _function(x)


def _signed(x: Call) -> tuple[str, int] | None:
    """The same of what is written with a sign; None if it is not."""
    match x.op, x.args:
        case "∂", args:
            return "/".join("∂" + _text(a)[0] for a in args), ATOM
        case "negative", [a]:
            return f"−{_within(a, PRODUCT)}", NEGATIVE
        case "pow", [a, b]:
            return _power(a, b), POWER
        case op, [a, b] if op in SIGNS:
            sign = SIGNS[op]
            left, right = _within(a, sign.level), _within(b, sign.right)
            if op == "multiply" and _is_call(b, "divide", "matmul"):
                right = f"({right})"
            if _mixed(op, a):
                left = f"({left})"
            return f"{left} {sign.text} {right}", sign.level
    return None


def _mixed(op: str, left: Expr) -> bool:
    """Whether a matrix product meets another product on its left, whose order would be unclear."""
    other = ("multiply", "divide") if op == "matmul" else ("matmul",)
    return op in ("matmul", "multiply", "divide") and _is_call(left, *other)


def _is_call(x: Expr, *ops: str) -> bool:
    return isinstance(x, Call) and x.op in ops


def _power(base: Expr, exponent: Expr) -> str:
    below = _within(base, TAIL)
    if isinstance(exponent, Number) and exponent.value in _RAISED:
        return below + _RAISED[exponent.value]
    return f"{below}^{_within(exponent, ATOM)}"


def _within(x: Expr, level: int) -> str:
    text, own = _text(x)
    return text if own >= level else f"({text})"


def _function(x: Call) -> tuple[str, int]:
    tail = _TAILS.get(x.op)
    if tail is not None and len(x.args) == 1 and not x.options:
        return _within(x.args[0], TAIL) + tail, TAIL
    if x.op == "getitem" and len(x.args) == 1 and len(x.options) == 1:
        return f"{_within(x.args[0], TAIL)}[{x.options[0]}]", TAIL
    inside = [_text(a)[0] for a in x.args]
    return f"{x.op}({', '.join([*inside, *x.options])})", ATOM


# ── Reading ─────────────────────────────────────────────────────────────────────────────

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?:e[+−-]?\d+)?|NaN|Infinity)|(?P<name>[^\W\d²³][^\W²³]*)"
    r"|(?P<sign>>=|<=|==|!=|[-+−·/@^²³><(),]))"
)
_INFIX = {s.text: op for op, s in SIGNS.items() if op not in ("negative", "pow")}


def parsed(text: str) -> Expr:
    """Formula of a text of numbers, names, signs and functions of them.

    Raises:
        OptionError: It is none, or has options, indices or tails, which only are for reading.
    """
    return _Reader(_tokens(text), text).whole()


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise OptionError(f"formula: got {text[at : at + 20]!r}, expected a name or sign")
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


class _Reader:
    """Reads by precedence; texts of rules are short, so that it may call itself."""

    def __init__(self, tokens: Sequence[tuple[str, str]], text: str) -> None:
        self.tokens, self.text, self.at = tokens, text, 0

    def whole(self) -> Expr:
        found = self.level(0)
        if self.at < len(self.tokens):
            raise self.wrong()
        return found

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, sign: str) -> bool:
        if self.peek() != sign:
            return False
        self.at += 1
        return True

    def wrong(self) -> OptionError:
        return OptionError(f"formula: got {self.text!r}, expected a formula; see {self.peek()!r}")

    def level(self, lowest: int) -> Expr:
        left = self.signed(lowest)
        while True:
            op = _INFIX.get(self.peek())
            if op is None or SIGNS[op].level < lowest:
                return left
            self.at += 1
            # One level up: operations of one level are read from the left.
            left = call(op, (left, self.level(SIGNS[op].level + 1)))

    def signed(self, lowest: int) -> Expr:
        if self.take("−"):
            return call("negative", (self.level(max(lowest, PRODUCT)),))
        return self.power()

    def power(self) -> Expr:
        base = self.atom()
        while True:
            if self.take("²"):
                base = call("pow", (base, Number(2.0)))
            elif self.take("³"):
                base = call("pow", (base, Number(3.0)))
            elif self.take("^"):
                base = call("pow", (base, self.atom()))
            else:
                return base

    def atom(self) -> Expr:
        if self.take("("):
            inside = self.level(0)
            if not self.take(")"):
                raise self.wrong()
            return inside
        if self.at >= len(self.tokens):
            raise self.wrong()
        kind, text = self.tokens[self.at]
        if kind == "sign":
            raise self.wrong()
        self.at += 1
        if kind == "number":
            return Number(float(text.replace("−", "-")))
        return self.function(text) if self.take("(") else Symbol(text)

    def function(self, name: str) -> Expr:
        args: list[Expr] = []
        while not self.take(")"):
            args.append(self.level(0))
            if not self.take(",") and self.peek() != ")":
                raise self.wrong()
        return call(name, tuple(args))
