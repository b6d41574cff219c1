"""Formulas in LaTeX and in MathML: one walk, two languages."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from html import escape
from typing import ClassVar

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
    Sign,
    Symbol,
)
from tinygrad_nn.viz.notation.plain import figures
from tinygrad_nn.viz.wording import clean, shorten

__all__ = ["Latex", "Mathml", "latex", "mathml"]

NAME_WIDTH = 60


def latex(x: Expr) -> str:
    """`x` in LaTeX, for math mode."""
    return Latex().text(x)


def mathml(x: Expr) -> str:
    """`x` in MathML: one element, without the `<math>` around it."""
    return Mathml().text(x)


class _Writer(ABC):
    """What both languages share: fractions, exponents above the line, brackets where needed."""

    def text(self, x: Expr) -> str:
        """The formula. Its depth is that of `x`, so cut `x` before."""
        return self._text(x)[0]

    def _text(self, x: Expr) -> tuple[str, int]:
        """Text, and how tightly its outermost sign binds."""
        if isinstance(x, Symbol):
            return self._name(x.name), ATOM
        if isinstance(x, Number):
            return self._number(figures(x.value)), NEGATIVE if x.value < 0 else ATOM
        return (self._sign(x) if not x.options else None) or (
            # Below a power's level, so that no exponent is read as belonging to the name.
            self._function(x.op, [self.text(a) for a in x.args], x.options),
            POWER,
        )

    def _sign(self, x: Call) -> tuple[str, int] | None:
        """The same of what is written with a sign, or in two lines; None if it is not."""
        match x.op, x.args:
            case "∂", [a, b]:
                found = self._partial(self.text(a), self.text(b)), POWER
            case "divide", [a, b]:
                found = self._fraction(self.text(a), self.text(b)), POWER
            case "pow", [a, b]:
                found = self._power(self._within(a, TAIL), self.text(b)), POWER
            case "sqrt", [a]:
                found = self._root(self.text(a)), ATOM
            case "negative", [a]:
                found = self._negative(self._within(a, PRODUCT)), NEGATIVE
            case op, [a, b] if op in SIGNS:
                sign = SIGNS[op]
                left, right = self._within(a, sign.level), self._within(b, sign.right)
                found = self._infix(left, sign, right), sign.level
            case _:
                return None
        return found

    def _within(self, x: Expr, level: int) -> str:
        text, own = self._text(x)
        return text if own >= level else self._brackets(text)

    @abstractmethod
    def _name(self, name: str) -> str:
        """A symbol."""

    @abstractmethod
    def _number(self, digits: str) -> str:
        """A number, given as `1.5e-07`."""

    @abstractmethod
    def _partial(self, above: str, below: str) -> str:
        """A derivative that is not worked out."""

    @abstractmethod
    def _fraction(self, above: str, below: str) -> str:
        """A quotient."""

    @abstractmethod
    def _power(self, base: str, exponent: str) -> str:
        """A power."""

    @abstractmethod
    def _root(self, x: str) -> str:
        """A square root."""

    @abstractmethod
    def _negative(self, x: str) -> str:
        """Minus `x`."""

    @abstractmethod
    def _infix(self, left: str, sign: Sign, right: str) -> str:
        """A sign between two."""

    @abstractmethod
    def _brackets(self, x: str) -> str:
        """`x` in brackets."""

    @abstractmethod
    def _function(self, name: str, args: Sequence[str], options: Sequence[str]) -> str:
        """A function of its arguments."""

    @abstractmethod
    def equation(self, left: str, right: str) -> str:
        """One line: left = right."""

    @abstractmethod
    def words(self, text: str) -> str:
        """Words beside formulas."""


_INDEXED = re.compile(r"([^\W\d_]+)_?(\d+)")


class Latex(_Writer):
    """LaTeX for math mode; nothing but standard commands, which MathJax and KaTeX know too."""

    FUNCTIONS: ClassVar[frozenset[str]] = frozenset(
        "exp log sin cos tan arcsin arccos arctan sinh cosh tanh max min det".split()
    )
    # What is special is special in math mode, so that no name leaves it.
    ESCAPES: ClassVar[dict[str, str]] = {
        **{c: f"\\{c}" for c in "{}$&#_%"},
        **{c: f"\\text{{{c}}}" for c in "-'`\""},
        "\\": r"\backslash{}",
        "^": r"\wedge{}",
        "~": r"\sim{}",
        "<": r"{<}",
        ">": r"{>}",
        " ": r"\ ",
    }

    def _escaped(self, text: str) -> str:
        # Of all spaces but one TeX knows nothing.
        plain = "".join(" " if c.isspace() else c for c in shorten(clean(text), NAME_WIDTH))
        return "".join(self.ESCAPES.get(c, c) for c in plain)

    def _name(self, name: str) -> str:
        """One letter as it is, `x_1` with an index, other names upright."""
        indexed = _INDEXED.fullmatch(name)
        if indexed and len(name) <= NAME_WIDTH:
            return f"{self._name(indexed[1])}_{{{indexed[2]}}}"
        text = self._escaped(name)
        return text if len(name) == 1 and name.isalpha() else f"\\mathrm{{{text}}}"

    def _number(self, digits: str) -> str:
        if "nan" in digits.lower():
            return r"\mathrm{NaN}"
        if "inf" in digits.lower():
            return f"{'-' if digits.startswith('-') else ''}\\infty"
        mantissa, _, exponent = digits.partition("e")
        return f"{mantissa} \\times 10^{{{int(exponent)}}}" if exponent else mantissa

    def _partial(self, above: str, below: str) -> str:
        return f"\\frac{{\\partial {above}}}{{\\partial {below}}}"

    def _fraction(self, above: str, below: str) -> str:
        return f"\\frac{{{above}}}{{{below}}}"

    def _power(self, base: str, exponent: str) -> str:
        return f"{{{base}}}^{{{exponent}}}"

    def _root(self, x: str) -> str:
        return f"\\sqrt{{{x}}}"

    def _negative(self, x: str) -> str:
        return f"-{x}"

    def _infix(self, left: str, sign: Sign, right: str) -> str:
        return f"{left} {sign.latex} {right}"

    def _brackets(self, x: str) -> str:
        return f"\\left({x}\\right)"

    def _function(self, name: str, args: Sequence[str], options: Sequence[str]) -> str:
        head = f"\\{name}" if name in self.FUNCTIONS else f"\\operatorname{{{self._escaped(name)}}}"
        inside = [*args, *(f"\\mathrm{{{self._escaped(o)}}}" for o in options)]
        return f"{head}{self._brackets(', '.join(inside))}"

    def equation(self, left: str, right: str) -> str:
        """A row of an `aligned` block."""
        return f"{left} &= {right}"

    def words(self, text: str) -> str:
        """A row of words."""
        return f"& \\mathrm{{{self._escaped(text)}}}"


class Mathml(_Writer):
    """MathML Core, which browsers draw by themselves."""

    def _escaped(self, text: str) -> str:
        return escape(shorten(clean(text), NAME_WIDTH))

    def _name(self, name: str) -> str:
        indexed = _INDEXED.fullmatch(name)
        if indexed and len(name) <= NAME_WIDTH:
            return f"<msub>{self._name(indexed[1])}<mn>{indexed[2]}</mn></msub>"
        return f"<mi>{self._escaped(name)}</mi>"

    def _number(self, digits: str) -> str:
        sign = "<mo>−</mo>" if digits.startswith("-") else ""
        mantissa, _, exponent = digits.removeprefix("-").partition("e")
        if mantissa == "Infinity":
            mantissa = "∞"
        if not exponent:
            return f"<mrow>{sign}<mn>{mantissa}</mn></mrow>" if sign else f"<mn>{mantissa}</mn>"
        power = str(int(exponent)).replace("-", "−")
        return (
            f"<mrow>{sign}<mn>{mantissa}</mn><mo>×</mo>"
            f"<msup><mn>10</mn><mn>{power}</mn></msup></mrow>"
        )

    def _partial(self, above: str, below: str) -> str:
        return self._fraction(*(f"<mrow><mo>∂</mo>{x}</mrow>" for x in (above, below)))

    def _fraction(self, above: str, below: str) -> str:
        return f"<mfrac>{above}{below}</mfrac>"

    def _power(self, base: str, exponent: str) -> str:
        return f"<msup>{base}{exponent}</msup>"

    def _root(self, x: str) -> str:
        return f"<msqrt>{x}</msqrt>"

    def _negative(self, x: str) -> str:
        return f"<mrow><mo>−</mo>{x}</mrow>"

    def _infix(self, left: str, sign: Sign, right: str) -> str:
        return f"<mrow>{left}<mo>{sign.mathml or '&#8290;'}</mo>{right}</mrow>"

    def _brackets(self, x: str) -> str:
        return f"<mrow><mo>(</mo>{x}<mo>)</mo></mrow>"

    def _function(self, name: str, args: Sequence[str], options: Sequence[str]) -> str:
        inside = [*args, *(f"<mtext>{self._escaped(o)}</mtext>" for o in options)]
        return (
            f"<mrow><mi>{self._escaped(name)}</mi><mo>&#8289;</mo>"
            f"{self._brackets('<mo>,</mo>'.join(inside))}</mrow>"
        )

    def equation(self, left: str, right: str) -> str:
        """A row of a table."""
        return (
            f'<mtr><mtd>{left}</mtd><mtd><mo>=</mo></mtd><mtd class="formula">{right}</mtd></mtr>'
        )

    def words(self, text: str) -> str:
        """A row of words."""
        words = f"<mtext>{self._escaped(text)}</mtext>"
        return f"<mtr><mtd></mtd><mtd></mtd><mtd>{words}</mtd></mtr>"
