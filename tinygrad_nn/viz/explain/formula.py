"""The formula of a graph of numbers, and of a derivative of it, in pieces of readable size.

The value is written from its inputs on, the derivative by the chain rule from the root down,
with the local derivatives that the operations' own rules give. A piece that would become too
long, or that is needed more than once, gets a name and a line of its own under "where", so
that the length grows with the graph and never with its number of paths.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from tinygrad_nn.errors import OptionError
from tinygrad_nn.viz.explain.net import Net
from tinygrad_nn.viz.notation.expression import ONE, PARTIAL, Call, Expr, Number, Symbol, call
from tinygrad_nn.viz.notation.plain import parsed, plain
from tinygrad_nn.viz.notation.typeset import NAME_WIDTH, Latex, Mathml
from tinygrad_nn.viz.trace.model import Edge, Record, Trace
from tinygrad_nn.viz.wording import clean, shorten

__all__ = ["Formula", "Line", "derivative_formula", "value_formula"]

PIECE = 40
"""Symbols in one line, at most twice as many where several pieces meet."""
SHARED = 6
"""What is needed more than once and has more symbols than this gets a line of its own."""
LINES = 24


@dataclass(frozen=True, slots=True)
class Line:
    """One equation."""

    left: Expr
    right: Expr


@dataclass(frozen=True)
class Formula:
    """Equations: the first is the formula, the others say what its names stand for.

    Attributes:
        lines: In the order in which they are needed.
        left_out: Number of further lines that are not here.
    """

    lines: tuple[Line, ...]
    left_out: int = 0

    def __str__(self) -> str:
        head, *rest = [f"{plain(line.left)} = {plain(line.right)}" for line in self.lines]
        where = [f"{'where' if not i else '     '} {text}" for i, text in enumerate(rest)]
        return "\n".join([head, *where, *([self._more] if self.left_out else [])])

    @property
    def _more(self) -> str:
        return f"and {self.left_out} further lines that are not shown"

    @cached_property
    def latex(self) -> str:
        """LaTeX for math mode; several lines are an `aligned` block."""
        writer = Latex()
        rows = [writer.equation(writer.text(x.left), writer.text(x.right)) for x in self.lines]
        if len(rows) == 1 and not self.left_out:
            return rows[0].replace("&=", "=", 1)
        if len(rows) > 1:
            rows[1] = rf"\text{{where }} {rows[1]}"
        if self.left_out:
            rows.append(writer.words(self._more))
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    @cached_property
    def mathml(self) -> str:
        """A `<math>` element with one row for each line."""
        writer = Mathml()
        rows = [writer.equation(writer.text(x.left), writer.text(x.right)) for x in self.lines]
        if self.left_out:
            rows.append(writer.words(self._more))
        return (
            '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">'
            f'<mtable displaystyle="true">{"".join(rows)}</mtable></math>'
        )


class _Pieces:
    """Formulas of bounded size by key, and the lines of those that got a name."""

    def __init__(self, symbol: Callable[[int], Expr]) -> None:
        self.symbol = symbol
        self.found: dict[int, Expr] = {}
        self.size: dict[int, int] = {}
        self.named: dict[int, Line] = {}
        self.sums = 0

    def put(self, key: int, expr: Expr, *, uses: int, fixed: bool = False) -> None:
        """Keep the formula of `key`, under a name if it is long or needed often."""
        size = _size(expr)
        if not fixed and (size > PIECE or (uses > 1 and size > SHARED)):
            symbol = self.symbol(key)
            self.named[key] = Line(symbol, expr)
            expr, size = symbol, 1
        self.found[key], self.size[key] = expr, size


def _size(x: Expr) -> int:
    """Number of symbols when written out; what it is made of was cut before, so it is small."""
    count, rest = 0, [x]
    while rest and count <= 8 * PIECE:
        x = rest.pop()
        count += 1
        rest += getattr(x, "args", ())
    return count


def names(trace: Trace) -> list[str]:
    """A name for each record, no two alike."""
    found: list[str] = []
    taken: Counter[str] = Counter()
    for record in trace.records:
        name = record.name if record.name.isprintable() else clean(record.name)
        name = shorten(name, NAME_WIDTH)
        taken[name] += 1
        found.append(name if taken[name] == 1 else f"{name} ({taken[name]})")
    return found


def value_formula(trace: Trace) -> Formula:
    """How the root is computed from the inputs."""
    values = _values(trace, names(trace))
    return _gathered(values.named[trace.root.key], [values])


def _values(trace: Trace, called: list[str]) -> _Pieces:
    uses = trace.uses()
    needed = Counter(e.source for edges in uses.values() for e in edges)
    pieces = _Pieces(lambda key: Symbol(called[key]))
    for record in trace.records:
        expr = _value(record, uses.get(record.key, []), pieces, called)
        pieces.put(record.key, expr, uses=needed[record.key], fixed=record is trace.root)
    root = trace.root.key
    left: Expr = Symbol(called[root])
    pieces.named[root] = Line(left, pieces.found[root])
    return pieces


def _value(record: Record, edges: list[Edge], pieces: _Pieces, called: list[str]) -> Expr:
    if record.op is None:
        elements = record.value.elements
        constant = not record.name and elements is not None and len(elements) == 1
        return Number(float(elements[0])) if constant and elements else Symbol(called[record.key])
    by_slot = {e.slot: pieces.found[e.source] for e in edges}
    count = len(by_slot) + record.left_out
    args = tuple(by_slot.get(slot, Symbol("…")) for slot in range(count))
    options = tuple(v if k == "key" else f"{k}={v}" for k, v in record.params)
    return call(record.op, args, options)


def derivative_formula(net: Net) -> Formula | None:
    """How the root's derivative by the start follows by the chain rule; None without a way."""
    if not net.between:
        return None
    trace = net.trace
    called = names(trace)
    taken = set(called)
    values = _values(trace, called)
    root, start = Symbol(called[trace.root.key]), net.start

    def slope(key: int) -> Expr:
        return Call(PARTIAL, (root, Symbol(called[key])))

    slopes = _Pieces(slope)
    onto = trace.uses()
    terms: dict[int, list[Expr]] = defaultdict(list, {trace.root.key: [ONE]})
    for key in reversed(net.between):
        uses = len(net.edges.get(key, ()))
        total = _sum(terms.pop(key), slopes, taken)
        slopes.put(key, total, uses=uses, fixed=key == start)
        for edge in net.edges.get(key, ()):
            term = _handed(edge, slopes.found[key], trace, onto, values, called)
            terms[edge.source].append(term)
    return _gathered(Line(slope(start), slopes.found[start]), [slopes, values])


def _sum(terms: list[Expr], slopes: _Pieces, taken: set[str]) -> Expr:
    """Their sum; of very many the partial sums get names."""
    total = terms[0]
    for term in terms[1:]:
        if _size(total) > PIECE:
            slopes.sums += 1
            symbol = Symbol(_fresh(f"s_{slopes.sums}", taken))
            slopes.named[-slopes.sums] = Line(symbol, total)
            total = symbol
        total = call("add", (total, term))
    return total


def _fresh(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "0"
    return name


def _handed(
    edge: Edge, g: Expr, trace: Trace, onto: dict[int, list[Edge]], values: _Pieces,
    called: list[str],
) -> Expr:  # fmt: skip
    """What an edge hands down, by the rule of its operation."""
    target = trace.records[edge.target]
    local = Call(PARTIAL, (Symbol(called[edge.target]), Symbol(called[edge.source])))
    if not edge.rule:
        return call("multiply", (g, local))
    try:
        rule = parsed(edge.rule)
    except OptionError:
        return call("multiply", (g, local))
    words: dict[str, Expr] = {"g": g, "y": _reference(values, edge.target, called)}
    for use in onto.get(edge.target, ()):
        name = (
            target.arguments[use.slot] if use.slot < len(target.arguments) else f"x{use.slot + 1}"
        )
        words[f"{name}_" if name in ("g", "y") else name] = values.found[use.source]
    found = _substituted(rule, words)
    return call("multiply", (g, local)) if found is None else found


def _reference(values: _Pieces, key: int, called: list[str]) -> Expr:
    """The value of a result within a rule: written out if short, else by its name."""
    if values.size[key] <= 2 * SHARED:
        return values.found[key]
    if key not in values.named:
        values.named[key] = Line(Symbol(called[key]), values.found[key])
    return Symbol(called[key])


def _substituted(x: Expr, words: Mapping[str, Expr]) -> Expr | None:
    """`x` with its names replaced; None if one is not known. Rules are short, so it recurses."""
    if isinstance(x, Symbol):
        return words.get(x.name)
    if isinstance(x, Number):
        return x
    args = [_substituted(a, words) for a in x.args]
    if any(a is None for a in args):
        return None
    return call(x.op, tuple(a for a in args if a is not None), x.options)


def _gathered(head: Line, houses: list[_Pieces]) -> Formula:
    """The line and those that it needs, each once, in the order in which they are met."""
    definitions: dict[str, Line] = {}
    for pieces in houses:
        for line in pieces.named.values():
            definitions.setdefault(plain(line.left), line)
    lines, seen, queue = [head], {plain(head.left)}, [head]
    for line in queue:
        for name in _symbols(line.right):
            if name in definitions and name not in seen:
                seen.add(name)
                queue.append(definitions[name])
                lines.append(definitions[name])
    return Formula(tuple(lines[:LINES]), max(0, len(lines) - LINES))


def _symbols(x: Expr) -> list[str]:
    """Texts of the names in it, in order, each once."""
    found: dict[str, None] = {}
    rest = [x]
    while rest:
        x = rest.pop()
        if isinstance(x, Symbol) or (isinstance(x, Call) and x.op == PARTIAL):
            found[plain(x)] = None
        elif isinstance(x, Call):
            rest += reversed(x.args)
    return list(found)
