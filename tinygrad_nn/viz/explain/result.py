"""`Explanation`: what `explain` answers, and how it reads."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tinygrad_nn.viz.explain.formula import Formula, derivative_formula, value_formula
from tinygrad_nn.viz.explain.net import Net
from tinygrad_nn.viz.explain.page import Table, notebook, page
from tinygrad_nn.viz.saving import PAGES, ending, saved
from tinygrad_nn.viz.trace.model import Trace
from tinygrad_nn.viz.wording import clean, number, shorten, signed, text_table

__all__ = ["Explanation", "Factor", "Route", "Term", "Use", "count_text", "element"]

NAME_WIDTH = 40
_WORDS = 14
_PLAIN_COUNT = 10**12
_PLAIN_SHARE = 10.0
_READABLE = 1000
"""Formulas of larger graphs are made when they are asked for, but not shown."""
_USES = 20


@dataclass(frozen=True, slots=True)
class Factor:
    """One use on a path: the operation that made `target` used `source`.

    Attributes:
        source, target: Keys of the records.
        source_name, target_name: Their names.
        op: The operation.
        slot: Which of its inputs.
        local: Derivative of the target by the source; None for arrays.
        rule: What the operation hands to the source, as a formula; empty if unknown.
        again: Whether the operation uses the source in other slots too.
    """

    source: int
    target: int
    source_name: str
    target_name: str
    op: str
    slot: int
    local: float | None
    rule: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One path from the root to the explained number, or all that end in the same way.

    Attributes:
        factors: From the root, or from `top` of a group, to the explained number.
        product: What it adds to the gradient: of numbers the product of the factors.
        share: Part of the gradient; None where that is 0 or not finite.
        count: Number of paths that it stands for.
        top: Name of the node that the factors begin at.
    """

    factors: tuple[Factor, ...]
    product: float
    share: float | None
    count: int
    top: str


@dataclass(frozen=True, slots=True)
class Term:
    """One product in a sum over elements: of a matrix product a row times a column.

    Attributes:
        index: Element of the use's result.
        upstream: Gradient there.
        local: Derivative of it by the explained element.
        product: Upstream times local.
    """

    index: tuple[int, ...]
    upstream: float
    local: float
    product: float


@dataclass(frozen=True, slots=True)
class Use:
    """One use of the explained node, in the order of the backward pass.

    Attributes:
        target: Name of the result.
        op, slot, rule: As in `Factor`.
        contribution: What this use adds.
        sum: The gradient so far; after the last use it is the gradient, to the last bit.
        terms: The largest products that the contribution is the sum of; none for numbers.
        terms_total: How many there are.
    """

    target: str
    op: str
    slot: int
    rule: str
    contribution: float
    sum: float
    terms: tuple[Term, ...] = ()
    terms_total: int = 0


@dataclass(frozen=True)
class Explanation:
    """Why a number has the gradient that it has.

    Attributes:
        name: What is explained.
        root: What it is the gradient of.
        index: The element, None for a single number.
        gradient: The gradient.
        picked: Whether nobody chose the element: it is the one with the largest gradient.
        paths: The largest paths, the largest first.
        others: What all other paths add: the gradient minus the sum of `paths`.
        path_count: Number of all paths, which may be very large.
        exact: Whether `paths` are the largest; otherwise some may stand for groups of them, and
            not all were followed.
        uses: Uses of the explained node; their contributions add up to the gradient exactly.
        notes: What a reader has to know, in whole sentences: why it is 0 or NaN.
        trace: The pass.
        net: What lies between the two; None for arrays.
    """

    name: str
    root: str
    index: tuple[int, ...] | None
    gradient: float
    paths: tuple[Route, ...]
    others: float
    path_count: int
    exact: bool
    uses: tuple[Use, ...]
    notes: tuple[str, ...]
    trace: Trace = field(repr=False)
    net: Net | None = field(repr=False, compare=False)
    picked: bool = False

    @property
    def title(self) -> str:
        """`∂L/∂weight[3, 4]`."""
        return f"∂{_name(self.root)}/∂{_name(self.name)}{element(self.index)}"

    @cached_property
    def formula(self) -> Formula | None:
        """The formula of the root; None for arrays."""
        return None if self.net is None else value_formula(self.trace)

    @cached_property
    def derivative(self) -> Formula | None:
        """The formula of the gradient; None for arrays, or without a path."""
        return None if self.net is None else derivative_formula(self.net)

    @property
    def latex(self) -> str:
        """The formulas in LaTeX, one below the other.

        Empty where there are none: of arrays, since an element has a formula only in terms of all
        elements that it was computed from. `tables()` and `mathml` are as with numbers.
        """
        return "\n\n".join(f.latex for f in (self.formula, self.derivative) if f is not None)

    @property
    def mathml(self) -> str:
        """The formulas in MathML; empty where there are none."""
        return "\n".join(f.mathml for f in (self.formula, self.derivative) if f is not None)

    def __str__(self) -> str:
        lines = [f"{self.title} = {number(self.gradient, 6)}{self._which}", *self.notes]
        for table in self.tables():
            rows = text_table([table.header, *table.rows])
            lines += ["", table.caption, *(f"  {row}" for row in rows)]
        if len(self.trace.records) <= _READABLE and self.derivative is not None:
            lines += ["", *str(self.formula).splitlines(), *str(self.derivative).splitlines()]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Explanation of {self.title} = {number(self.gradient)}>"

    def _repr_html_(self) -> str:
        return notebook(self._heading, self.notes, self.tables(), self._shown)

    def save(self, path: str | Path) -> Path:
        """Write it to a file: `.html` as a page, `.tex` and `.mml` the formulas, `.txt` as text.

        Without a suffix it is text.

        Returns:
            The path.

        Raises:
            OptionError: The suffix is another one.
            OSError: The file cannot be written.
        """
        suffix = ending(path, (*PAGES, ".tex", ".mml", ".txt"), "explain")
        if suffix in PAGES:
            text = page(self._heading, self.notes, self.tables(), self._shown)
        else:
            text = {".tex": self.latex, ".mml": self.mathml}.get(suffix, str(self)) + "\n"
        return saved(path, text, "explain: it")

    @property
    def _shown(self) -> str:
        return self.mathml if len(self.trace.records) <= _READABLE else ""

    @property
    def _heading(self) -> str:
        return f"Why {self.title} = {number(self.gradient, 6)}{self._which}"

    @property
    def _which(self) -> str:
        """Which element it is, where nobody chose it."""
        if not self.picked:
            return ""
        word = "first that is NaN" if math.isnan(self.gradient) else "largest"
        return f", the {word} element {element(self.index)}"

    def tables(self) -> list[Table]:
        """What it shows as tables of texts: paths, uses, and the products of each use."""
        found = []
        if self.paths:
            word = "path" if self.path_count == 1 else "paths"
            caption = f"{count_text(self.path_count)} {word} from {_name(self.root)}:"
            found.append(Table(caption, ("adds", "share", "path"), tuple(self._route_rows())))
        if len(self.uses) > 1 or any(use.rule and use.terms for use in self.uses):
            header = ("use", "adds", "sum", "rule")
            rows = tuple(
                (_use_name(u), signed(u.contribution), number(u.sum, 6), clean(u.rule))
                for u in self.uses[:_USES]
            )
            if len(self.uses) > _USES:
                rest = f"and {len(self.uses) - _USES} more uses"
                rows = (*rows, (rest, "", number(self.uses[-1].sum, 6), ""))
            found.append(Table("Uses, in the order of the backward pass:", header, rows))
        for use in self.uses[:_USES]:
            if use.terms:
                found.append(_term_table(use))
        return found

    def _route_rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = [
            (signed(r.product), share_text(r.share), route_text(r)) for r in self.paths
        ]
        left = self.path_count - sum(r.count for r in self.paths)
        if left > 0:
            share = self.others / self.gradient if divides(self.gradient) else None
            more = f"{count_text(left)} other path{'' if left == 1 else 's'}"
            rows.append((signed(self.others), share_text(share), more))
        return rows


def _term_table(use: Use) -> Table:
    rows = [
        (
            signed(t.product),
            number(t.upstream),
            number(t.local),
            f"{_name(use.target)}{element(t.index)}",
        )
        for t in use.terms
    ]
    more = use.terms_total - len(use.terms)
    are = "is" if more == 1 else "are"
    caption = f"What {_use_name(use)} adds is a sum of products:"
    if more:
        caption = f"Largest products in what {_use_name(use)} adds; {more} {are} smaller:"
    return Table(caption, ("product", "gradient", "× local", "at"), tuple(rows))


def _use_name(use: Use) -> str:
    return f"{_name(use.target)} = {clean(use.op)}(…), input {use.slot + 1}"


def _name(name: str) -> str:
    return shorten(clean(name), NAME_WIDTH)


def element(index: tuple[int, ...] | None) -> str:
    """`[3, 4]`; empty for a single number."""
    return f"[{', '.join(map(str, index))}]" if index else ""


def divides(gradient: float) -> bool:
    """Whether shares of it mean anything."""
    return gradient != 0 and math.isfinite(gradient)


def share_text(share: float | None) -> str:
    """`62.1 %`; a dash where it means nothing."""
    if share is None or not math.isfinite(share):
        return "–"
    text = f"{100 * share:.3g}" if abs(share) < _PLAIN_SHARE else number(100 * share, 3)
    return f"{text} %".replace("-", "−")


def count_text(count: int) -> str:
    """The number in full, or of a very large one its order: `about 10^3010`."""
    if count < _PLAIN_COUNT:
        return f"{count:,}"
    return f"about 10^{int(math.log10(2) * (count.bit_length() - 1))}"


def route_text(route: Route) -> str:
    """`L → tanh_1 (0.42) → e (−2) → a`: names, each factor behind the name it leads from."""
    words = [_name(route.top)]
    for factor in route.factors:
        if factor.again:
            words[-1] += f" [input {factor.slot + 1}]"
        if factor.local is not None:
            words[-1] += f" (× {number(factor.local)})"
        words.append(_name(factor.source_name))
    if len(words) > _WORDS:
        hidden = len(words) - _WORDS + 1
        half = _WORDS // 2
        words = [*words[:half], f"… {hidden} nodes …", *words[half + hidden :]]
    text = " → ".join(words)
    if route.count > 1:
        text = f"… → {text}  (ends {count_text(route.count)} paths)"
    return text
