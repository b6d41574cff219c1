"""`explain`: why has this number this gradient?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_nn.errors import GradientError, OperandError, OptionError
from tinygrad_nn.viz.explain.asked import check_pass, element_of, key_of, key_of_node
from tinygrad_nn.viz.explain.net import Net, Recorded
from tinygrad_nn.viz.explain.notes import notes
from tinygrad_nn.viz.explain.result import Explanation, Factor, Route, Term, Use, divides
from tinygrad_nn.viz.explain.search import Found, by_uses, groups, largest
from tinygrad_nn.viz.trace.live import Live, live
from tinygrad_nn.viz.trace.model import Edge, Summary, Trace
from tinygrad_nn.viz.wording import clean

__all__ = ["explain"]

_TERMS = 5


def explain(
    x: Any, of: Any = None, index: Any = None, *, top: int = 5, model: Any = None
) -> Explanation:
    """Why `x` has its gradient: the paths that it came along, and what each adds.

    A gradient is a sum over all paths from the loss to `x`, and each path adds the product of
    the local derivatives on it. Of numbers the `top` largest paths are found exactly, however
    many there are. Of tensors one element is explained: its largest paths of operations, all
    of which are followed where there are at most 200 and the most important first where
    there are more; and for each use of `x` the largest products that it is the sum of.

    No `grad` is changed, and the graph is kept.

    Args:
        x: Value or Tensor, such as a parameter; or its name in `of`.
        of: What it is the gradient of: a loss, or a trace.
        index: Element of a tensor; by default the one with the largest gradient.
        top: Show this many paths.
        model: Module, or several, whose parameters bear their dotted paths as names.

    Raises:
        OperandError: `of` is missing, or is no Value, Tensor or trace.
        GraphError: `x` is not in the graph of `of`; the message names what is.
        GradientError: `of` requires no gradient, or the trace has no backward pass.
        FreedGraphError: An earlier backward pass freed the graph.
        PositionError: `index` is outside of `x`.

    Example:
        >>> import tinygrad_nn as tg
        >>> a, b = tg.Value(3.0, name="a"), tg.Value(2.0, name="b")
        >>> L = a * b + a**2
        >>> L.name = "L"
        >>> print(tg.explain(a, of=L))
        ∂L/∂a = 8
        <BLANKLINE>
        2 paths from L:
          adds  share  path
          ▲ 6   75 %   L (× 1) → pow_1 (× 6) → a
          ▲ 2   25 %   L (× 1) → multiply_1 (× 2) → a
        <BLANKLINE>
        Uses, in the order of the backward pass:
          use                                adds  sum  rule
          pow_1 = pow(…), input 1            ▲ 6   6    g · 2 · a
          multiply_1 = multiply(…), input 1  ▲ 2   8    g · b
        <BLANKLINE>
        L = a · b + a²
        ∂L/∂a = 2 · a + b
    """
    if not hasattr(top, "__index__") or top < 1:
        raise OptionError(f"explain: got top={top!r:.60}, expected a whole number from 1 on")
    if isinstance(of, Trace):
        return _recorded(of, key_of(of, x), index, top)
    if of is None:
        raise OperandError(
            "explain: got no of=; expected what it is the gradient of, such as the loss: "
            "tinygrad_nn.explain(weight, of=loss, index=(0, 1))"
        )
    with np.errstate(all="ignore"):  # the explanation says in words what is not finite
        return _of_graph(x, of, index, top, model)


def _of_graph(x: Any, of: Any, index: Any, top: int, model: Any) -> Explanation:
    graph = live(of, model)
    key = key_of(graph.trace, x) if isinstance(x, str) else key_of_node(graph, x)
    if graph.trace.is_scalar:
        return _recorded(graph.trace, key, index, top)
    return _alive(graph, key, index, top)


# ── Answers ─────────────────────────────────────────────────────────────────────────────


def _recorded(trace: Trace, key: int, index: Any, top: int) -> Explanation:
    """From what a trace holds."""
    record = trace.records[key]
    check_pass(trace, record)
    net = Recorded(trace, key)
    scalar = trace.is_scalar
    gradient = net.gradient(key)
    if gradient is None:
        raise GradientError(
            f"explain: the trace holds {clean(record.name)[:60]!r} with {record.value.size} "
            "elements in a few figures only; explain it while the graph is there: "
            "tinygrad_nn.explain(weight, of=loss)"
        )
    flat, place = element_of(record, index, gradient)
    uses = [_use(net, e, flat) for e in net.onward[key] if e.step is not None]
    found: list[Found] = []
    exact = True
    if scalar:
        found = largest(net, top)
    elif net.between and not net.missing and _known(net):
        found, exact = groups(net, flat, top)
    elif net.between:
        found, exact = by_uses(net, flat)
    return _explanation(
        net, place, float(gradient[flat]), found, uses, top, exact=exact, flat=flat,
        picked=index is None and place is not None,
        partial=not scalar and bool(net.missing or not found),
    )  # fmt: skip


def _known(net: Net) -> bool:
    return all(net.gradient(key) is not None for key in net.between)


def _alive(graph: Live, key: int, index: Any, top: int) -> Explanation:
    """From a graph of tensors that is still there."""
    net = _Alive(graph, key)
    graph.follow(key, net.between)
    record = graph.trace.records[key]
    gradient = net.gradient(key)
    if gradient is None:
        gradient = np.zeros(record.value.size)
    flat, place = element_of(record, index, gradient)
    edges = {(e.target, e.slot): e for e in net.onward[key]}
    uses = []
    for target, slot, added, total in graph.uses(flat):
        terms, count = _terms(net, edges[target, slot], flat)
        uses.append(_made_use(graph.trace, edges[target, slot], added, total, terms, count))
    found, exact = groups(net, flat, top) if net.between else ([], True)
    return _explanation(
        net, place, float(gradient[flat]), found, uses, top, exact=exact, flat=flat,
        picked=index is None and place is not None,
    )  # fmt: skip


class _Alive(Net):
    """A net that moves along the graph itself."""

    def __init__(self, graph: Live, start: int) -> None:
        super().__init__(graph.trace, start)
        self.graph = graph

    def gradient(self, key: int) -> Any:
        return self.graph.gradient(key)

    def ahead(self, edge: Edge, tangent: Any) -> Any:
        return self.graph.ahead(edge, tangent)

    def behind(self, edge: Edge, g: Any) -> Any:
        return self.graph.behind(edge, g)


def _use(net: Recorded, edge: Edge, flat: int) -> Use:
    added, total = _figure(edge.contribution, flat), _figure(edge.sum, flat)
    known = edge.local is not None or edge not in net.missing
    single = net.trace.records[edge.target].value.is_scalar
    terms, count = _terms(net, edge, flat) if known and not single else ((), 0)
    return _made_use(net.trace, edge, added, total, terms, count)


def _figure(x: float | Summary | None, flat: int) -> float:
    if isinstance(x, Summary):
        return math.nan if x.elements is None else float(x.elements[flat])
    return math.nan if x is None else x


def _made_use(
    trace: Trace, edge: Edge, added: float, total: float, terms: tuple[Term, ...], count: int
) -> Use:
    target = trace.records[edge.target]
    name, op = target.name, target.op or ""
    return Use(name, op, edge.slot, edge.rule, added, total, terms, count)


def _terms(net: Net, edge: Edge, flat: int) -> tuple[tuple[Term, ...], int]:
    """The largest products of the upstream gradient with how the result moves with the element."""
    upstream = net.gradient(edge.target)
    source = net.trace.records[edge.source].value
    if upstream is None:
        return (), 0
    tangent = np.zeros(source.size)
    tangent[flat] = 1.0
    moved = net.ahead(edge, tangent)
    (moving,) = np.nonzero(moved)
    if len(moving) < 2:
        return (), 0
    with np.errstate(all="ignore"):
        products = upstream[moving] * moved[moving]
    sizes = np.where(np.isnan(products), np.inf, np.abs(products))
    shape = net.trace.records[edge.target].value.shape
    found = []
    for i in np.argsort(-sizes, kind="stable")[:_TERMS]:
        at = int(moving[i])
        place = tuple(int(j) for j in np.unravel_index(at, shape))
        found.append(Term(place, float(upstream[at]), float(moved[at]), float(products[i])))
    return tuple(found), len(moving)


def _explanation(
    net: Net, place: tuple[int, ...] | None, gradient: float, found: Sequence[Found],
    uses: list[Use], top: int, *, exact: bool, flat: int, picked: bool,
    partial: bool = False,
) -> Explanation:  # fmt: skip
    trace = net.trace
    shown = found[:top]
    routes = tuple(_route(net, f, gradient) for f in shown)
    with np.errstate(all="ignore"):
        others = _minus(gradient, [r.product for r in routes])
    return Explanation(
        name=trace.records[net.start].name,
        root=trace.root.name,
        index=place,
        gradient=gradient,
        paths=routes,
        others=others,
        path_count=net.total,
        exact=exact,
        uses=tuple(uses),
        notes=tuple(notes(net, gradient, flat, uses, routes, partial=partial, exact=exact)),
        trace=trace,
        net=net if trace.is_scalar else None,
        picked=picked,
    )


def _minus(gradient: float, products: list[float]) -> float:
    """The gradient without the products, rounded once; NaN where one is not finite."""
    if not all(map(math.isfinite, (gradient, *products))):
        return math.nan
    return math.fsum([gradient, *(-p for p in products)])


def _route(net: Net, found: Found, gradient: float) -> Route:
    factors = tuple(_factor(net, e) for e in found.edges)
    share = found.contribution / gradient if divides(gradient) else None
    top = net.trace.records[found.top].name
    return Route(factors, found.contribution, share, found.paths, top)


def _factor(net: Net, edge: Edge) -> Factor:
    trace = net.trace
    again = sum(e.source == edge.source for e in net.edges[edge.target]) > 1
    source, target = trace.records[edge.source], trace.records[edge.target]
    return Factor(
        edge.source, edge.target, source.name, target.name, target.op or "", edge.slot, edge.local,
        edge.rule, again,
    )  # fmt: skip
