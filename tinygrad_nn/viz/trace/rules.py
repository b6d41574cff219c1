"""What an operation hands to its inputs, as a formula: `g @ b.T`.

The formulas are derived and not written down: the operation's own gradient rule is run once
on nodes, and the operations that it calls are its formula. In it `g` is the gradient that
arrives, ∂L/∂y, `y` the operation's result, and the other names are those of its arguments
(x1, x2, ... where it takes any number of them). That the sweep sums the contribution to the
shape of an argument that was broadcast is not written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_nn.core.node import Node
from tinygrad_nn.core.op import LEAF, Op
from tinygrad_nn.viz.notation.expression import Call, Expr, Number, Symbol, call
from tinygrad_nn.viz.notation.plain import plain
from tinygrad_nn.viz.trace.model import Summary
from tinygrad_nn.viz.trace.running import form_of, is_short, run_rule, static_form
from tinygrad_nn.viz.trace.steps import Fact
from tinygrad_nn.viz.wording import clean, shorten

__all__ = ["argument_names", "rule_texts"]

LONGEST = 120
"""A longer formula says nothing more."""
MOST_ELEMENTS = 2**21
"""A rule is run once for each form of its operands; on larger arrays that would be felt."""
_MOST_INPUTS = 16
_DEEPEST = 9
_OPTIONS = 36

_UNKNOWN = Symbol("…")
_KNOWN: dict[Any, tuple[str, ...]] = {}
_MOST_KNOWN = 4096


def rule_texts(node: Node, fact: Fact | None = None) -> tuple[str, ...]:
    """For each input of `node` what it is handed, as a formula; empty where that is unknown.

    Args:
        node: Result of an operation.
        fact: How it was computed, if the graph does not say so any more.

    Example:
        >>> import tinygrad_nn as tg
        >>> a, b = tg.ones((2, 3), requires_grad=True), tg.ones((3, 4), requires_grad=True)
        >>> rule_texts(a @ b)
        ('g @ b.T', 'a.T @ g')
    """
    op, inputs, params = fact or (node.op, node.inputs, node.params)
    blank = ("",) * len(inputs)
    # An operation without names for its arguments, such as `checkpoint`, has no formula.
    if op is None or op is op.freed or not inputs or not (op.data or op.variadic):
        return blank
    form = form_of(op, inputs, params)
    known = _KNOWN.get(form)
    if known is None:
        known = _derived(op, node, inputs, params) or blank
        # The results of one form of operands are the same, whoever stores them first.
        if len(_KNOWN) >= _MOST_KNOWN:
            _KNOWN.clear()
        if form is not None:
            _KNOWN[form] = known
    return known


# ── Running the rule ────────────────────────────────────────────────────────────────────


def _derived(
    op: Op, node: Node, inputs: Sequence[Any], params: dict[str, Any] | None
) -> tuple[str, ...] | None:
    payloads = [node._data, *(p._data if isinstance(p, Node) else p for p in inputs)]
    if any(isinstance(x, Summary) for x in payloads):
        return None  # what it was is known in a few figures only
    if len(inputs) > _MOST_INPUTS or sum(np.size(x) for x in payloads) > MOST_ELEMENTS:
        return None
    # Most rules take nodes for everything. Of what carries no gradient some need the array.
    return _told(op, node, inputs, params, raw=False) or _told(op, node, inputs, params, raw=True)


def _told(
    op: Op, node: Node, inputs: Sequence[Any], params: dict[str, Any] | None, *, raw: bool
) -> tuple[str, ...] | None:
    """What the rule says on nodes; None if it raises."""
    story = _Story(op, node, inputs, raw=raw)
    found = run_rule(op, story.g, story.y, story.args, story.needs, params, story.see)
    if found is None:
        return None
    return tuple(story.text(h) if need else "" for h, need in zip(found, story.needs, strict=True))


class _Letter(float):
    """A number among the arguments that is called by its name, also after plain arithmetic."""

    expr: Expr = Symbol("")

    @classmethod
    def named(cls, value: float, expr: Expr) -> _Letter:
        """The number `value`, written as `expr`."""
        letter = cls(value)
        letter.expr = expr
        return letter

    def _with(self, op: str, other: Any, *, swapped: bool = False) -> Any:
        if not isinstance(other, (int, float)):
            return NotImplemented
        mine, its = (self.expr, float(self)), (_of_number(other), float(other))
        (a, x), (b, y) = (its, mine) if swapped else (mine, its)
        with np.errstate(all="ignore"):
            value = getattr(np, op)(np.float64(x), np.float64(y))
        return self.named(float(value), call(op, (a, b)))

    def __add__(self, other: Any) -> Any:
        return self._with("add", other)

    def __radd__(self, other: Any) -> Any:
        return self._with("add", other, swapped=True)

    def __sub__(self, other: Any) -> Any:
        return self._with("subtract", other)

    def __rsub__(self, other: Any) -> Any:
        return self._with("subtract", other, swapped=True)

    def __mul__(self, other: Any) -> Any:
        return self._with("multiply", other)

    def __rmul__(self, other: Any) -> Any:
        return self._with("multiply", other, swapped=True)

    def __truediv__(self, other: Any) -> Any:
        return self._with("divide", other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._with("divide", other, swapped=True)

    def __neg__(self) -> Any:
        return self.named(-float(self), call("negative", (self.expr,)))


def _of_number(x: Any) -> Expr:
    return x.expr if isinstance(x, _Letter) else Number(float(x))


class _Story:
    """The arguments of a rule, and what it made of them."""

    def __init__(self, op: Op, node: Node, inputs: Sequence[Any], *, raw: bool) -> None:
        # By identity: a tensor's == compares elements.
        self.known: dict[int, Expr] = {}
        self.alive: list[Any] = []
        self.needs = tuple(isinstance(p, Node) for p in inputs)
        cls = type(node)
        numbers = type(node._data) is float
        names = _names(op, len(inputs))
        # Of numbers the formula never depends on the value; 0.5 is in every domain.
        self.g = self._leaf(cls, cls.one(node._data), "g")
        self.y = self._leaf(cls, 0.5 if numbers else node._data, "y")
        self.args: list[Any] = []
        for p, name in zip(inputs, names, strict=True):
            if isinstance(p, Node):
                self.args.append(self._leaf(type(p), 0.5 if numbers else p._data, name))
            elif isinstance(p, (int, float)):
                short = is_short(p) or isinstance(p, bool)
                self.args.append(p if short else _Letter.named(p, Symbol(name)))
            elif raw:
                self._know(p, Symbol(name))
                self.args.append(p)
            else:
                self.args.append(self._leaf(cls, np.asarray(p), name))

    def _leaf(self, cls: type[Node], payload: Any, name: str) -> Node:
        floats = type(payload) is float or payload.dtype.kind == "f"
        leaf = cls.wrap(payload, LEAF if floats else None)
        self._know(leaf, Symbol(name))
        return leaf

    def _know(self, x: Any, expr: Expr) -> None:
        self.known[id(x)] = expr
        self.alive.append(x)  # or its number could become another's

    def see(self, op: Op, node: Node, args: tuple[Any, ...], params: dict[str, Any] | None) -> None:
        """Watcher: `node` was made by `op`."""
        inside = tuple(self.expr(a) for a in args)
        name = op.name
        flat = name == "matrix_transpose" and np.ndim(node._data) == 2
        if flat or (name == "permute_dims" and (params or {}).get("axes") is None):
            name, params = "transpose", None
        self._know(node, call(name, inside, _options(op, params)))

    def expr(self, x: Any) -> Expr:
        """Formula of an operand; … where nobody knows where it comes from."""
        if isinstance(x, (int, float)):
            return _of_number(x)
        if id(x) in self.known:
            return self.known[id(x)]
        if isinstance(x, np.generic) or (isinstance(x, np.ndarray) and not x.ndim):
            return Number(float(x))
        return _UNKNOWN

    def text(self, h: Any) -> str:
        """Text of what the rule gave; empty if it cannot be shown."""
        expr = Number(0.0) if h is None else self.expr(h)
        if expr is _UNKNOWN:
            return ""
        for depth in range(_DEEPEST, 0, -1):
            cut = _cut(expr, depth)
            if _size(cut) <= LONGEST and len(text := plain(cut)) <= LONGEST:
                return text
        return ""


def _cut(x: Expr, depth: int) -> Expr:
    """`x` with … in place of what is deeper."""
    if not isinstance(x, Call):
        return x
    if not depth:
        return _UNKNOWN
    return Call(x.op, tuple(_cut(a, depth - 1) for a in x.args), x.options)


def _size(x: Expr) -> int:
    """Number of symbols when written out, counted up to a little above `LONGEST`."""
    count, rest = 0, [x]
    while rest and count <= LONGEST:
        x = rest.pop()
        count += 1
        rest += getattr(x, "args", ())
    return count


def argument_names(op: Op, count: int) -> tuple[str, ...]:
    """Names of the first `count` data arguments; fewer where the operation takes any number."""
    names = op.data
    if op.variadic and op.pullback is not None:
        # The pullback of an operation with optional arguments takes them by name.
        code = getattr(op.pullback, "__code__", None)
        names = () if code is None else code.co_varnames[2 : code.co_argcount]
    return tuple(names[:count])


def _names(op: Op, count: int) -> list[str]:
    """Names of the data arguments, none of them `g` or `y`."""
    names = argument_names(op, count)
    own = [f"{name}_" if name in ("g", "y") else name for name in names]
    return own + [f"x{i + 1}" for i in range(len(own), count)]


def _options(op: Op, params: dict[str, Any] | None) -> tuple[str, ...]:
    """Static arguments as text, those that are not what they are by default."""
    if not params:
        return ()
    if op.name == "getitem" and tuple(params) == ("key",):
        return (_key(params["key"]),)
    defaults = op.defaults or {}
    shown = [
        f"{name}={_static(value)}"
        for name, value in params.items()
        if not (name in defaults and static_form(value) == static_form(defaults[name]))
    ]
    text = ", ".join(shown)
    return () if not shown else (text,) if len(text) <= _OPTIONS else ("…",)


def _static(value: Any) -> str:
    if isinstance(value, (np.ndarray, Node)) or callable(value):
        return "…"
    return shorten(clean(repr(value)), _OPTIONS + 1)


def _key(key: Any) -> str:
    """A key as it stands in brackets."""
    parts = key if isinstance(key, tuple) else (key,)
    return shorten(clean(", ".join(map(_part, parts))), _OPTIONS)


def _part(part: Any) -> str:
    if part is Ellipsis:
        return "..."
    if isinstance(part, slice):
        ends = [part.start, part.stop] + ([part.step] if part.step is not None else [])
        return ":".join("" if end is None else str(end) for end in ends)
    return _static(part)
