"""What is odd about a gradient, in whole sentences: why it is 0, where a NaN came from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tinygrad_nn.viz.explain.net import Net, Recorded
from tinygrad_nn.viz.explain.result import Route, Use, count_text
from tinygrad_nn.viz.trace.model import Edge, Summary, Trace
from tinygrad_nn.viz.wording import VANISHING, clean, number, shorten

__all__ = ["notes"]

_SHOWN = 3
_ROUNDING = 0.02
_MOST_EDGES = 2000


def notes(
    net: Net, gradient: float, flat: int, uses: Sequence[Use], routes: Sequence[Route], *,
    partial: bool, exact: bool,
) -> Iterator[str]:  # fmt: skip
    """Sentences for the reader of an explanation."""
    if not net.between:
        yield "There is no path from the root to it, so that its gradient is 0."
        return
    if net.start == net.trace.root.key:
        yield "It is the root itself, whose gradient is 1 by definition."
    if not math.isfinite(gradient):
        yield from _broken(net)
    elif gradient == 0:
        yield from _zero(net, flat, routes)
    elif abs(gradient) < VANISHING:
        yield (
            f"Vanishing: it is smaller than {number(VANISHING)}, so that a step of an optimizer "
            "hardly moves it; tinygrad_nn.train.diagnose says what of a network makes it so."
        )
    if uses and not _same(uses[-1].sum, gradient):
        yield (
            f"The uses add up to {number(uses[-1].sum, 6)}; a hook made "
            f"{number(gradient, 6)} of it."
        )
    elif len(routes) == net.total and _apart([r.product for r in routes], gradient):
        yield (
            f"The paths add up to {number(math.fsum(r.product for r in routes), 6)}; a hook on the "
            f"way made {number(gradient, 6)} of it."
        )
    if partial:
        yield (
            "The trace holds no derivatives of larger operations, so that paths through them are "
            "told together, and no products; tinygrad_nn.explain(weight, of=loss) tells each while "
            "the graph is there."
        )
    if routes and not exact and not partial:
        yield (
            f"Of the {count_text(net.total)} paths not all were followed, but first those that end "
            "like the most important groups: larger ones may be among the others."
        )


def _apart(products: list[float], gradient: float) -> bool:
    """Whether the sum is another number, by more than rounding in half precision."""
    if not all(map(math.isfinite, (*products, gradient))):
        return False
    return abs(math.fsum(products) - gradient) > _ROUNDING * math.fsum(map(abs, products))


def _same(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))


def _title(trace: Trace, key: int) -> str:
    record = trace.records[key]
    name = shorten(clean(record.name), 40)
    return f"{name} = {clean(record.op)}(…)" if record.op else name


def _factor_text(net: Net, edge: Edge) -> str:
    trace = net.trace
    source = shorten(clean(trace.records[edge.source].name), 40)
    text = f"{_title(trace, edge.target)} with respect to {source}"
    value = trace.records[edge.source].value
    if value.is_scalar and value.elements:
        text += f" = {number(value.elements[0])}"
    return text


# ── Not finite ──────────────────────────────────────────────────────────────────────────


def _broken(net: Net) -> Iterator[str]:
    """Where the pass first handed on what is not finite, though it got what is."""
    origins = []
    for key in reversed(net.between):
        upstream = net.trace.records[key].gradient
        if upstream is None or not upstream.is_finite:
            continue
        origins += [e for e in net.edges.get(key, ()) if not _finite(e.contribution)]
    for edge in origins[:_SHOWN]:
        local = f", whose derivative is {number(edge.local)}" if edge.local is not None else ""
        yield (
            "The gradient that arrives is finite, what is handed on is not: "
            f"{_factor_text(net, edge)}{local}."
        )
    if len(origins) > _SHOWN:
        yield f"The same happens at {len(origins) - _SHOWN} further uses."
    if not origins:
        yield "Its contributions are finite, and their sum is too large for the format."


def _finite(x: float | Summary | None) -> bool:
    if isinstance(x, Summary):
        return x.is_finite
    return x is None or math.isfinite(x)


# ── Zero ────────────────────────────────────────────────────────────────────────────────


def _zero(net: Net, flat: int, routes: Sequence[Route]) -> Iterator[str]:
    if isinstance(net, Recorded) and net.missing:
        return
    if not isinstance(net, Recorded) and sum(map(len, net.edges.values())) > _MOST_EDGES:
        return
    dead, alive = _dead(net, flat)
    if alive or not dead:
        if any(r.product for r in routes):
            yield "The paths cancel one another: none of them is 0, their sum is."
        return
    which = "The only path" if net.total == 1 else f"Each of the {count_text(net.total)} paths"
    yield (
        f"{which} has a factor that is 0, so that the gradient is 0. "
        "Counted from the number that is explained, the first is"
        + (":" if len(dead) == 1 else " one of these:")
    )
    for edge in dead[:_SHOWN]:
        yield f"  the derivative of {_factor_text(net, edge)} is 0."
    if len(dead) > _SHOWN:
        yield f"  and {len(dead) - _SHOWN} further ones."


def _dead(net: Net, flat: int) -> tuple[list[Edge], bool]:
    """First uses that do not move with the element, and whether the root does."""
    size = net.trace.records[net.start].value.size
    one = np.zeros(size)
    one[flat] = 1.0
    tangents: dict[int, Any] = {net.start: one}
    dead: list[Edge] = []
    for key in net.between:
        for edge in net.edges.get(key, ()):
            tangent = tangents.get(edge.source)
            if tangent is None:
                continue
            moved = net.ahead(edge, tangent)
            if not np.any(moved):
                dead.append(edge)
                continue
            before = tangents.get(key)
            # Sizes, so that two ways do not cancel.
            tangents[key] = np.abs(moved) + (0.0 if before is None else before)
    return dead, net.trace.root.key in tangents
