"""The largest of very many paths, without walking all of them.

Numbers: the k largest products of local derivatives, exactly, by dynamic programming. The
sizes are kept as mantissa and exponent, so that a thousand factors neither vanish nor
overflow, and by class (NaN, infinite, finite, zero), since a product leaves its class at
once for all members: so the k largest of each class are enough at every node.

Arrays: paths are followed from the explained element towards the root, the most important
first. What is not followed yet is a group of paths; groups add up to the gradient always.
"""

from __future__ import annotations

import heapq
import math
from typing import Any, NamedTuple

import numpy as np

from tinygrad_nn.viz.explain.net import Net
from tinygrad_nn.viz.trace.model import Edge

__all__ = ["Found", "by_uses", "groups", "largest", "masks"]


class Found(NamedTuple):
    """A path, or a group of paths that end in the same way.

    Attributes:
        edges: From the root, or from `top` in a group, down to the start.
        contribution: What it adds to the gradient.
        top: Key of the record that `edges` begin at.
        paths: Number of paths: 1, or those from the root to `top`.
    """

    edges: tuple[Edge, ...]
    contribution: float
    top: int
    paths: int


# ── Numbers ─────────────────────────────────────────────────────────────────────────────

_MANY = 16
_ZERO, _FINITE, _INFINITE, _NAN = range(4)


class _Head(NamedTuple):
    """The upper part of a path, from the root down to a node; largest size first."""

    kind: int
    exponent: int
    mantissa: float
    edge: Edge | None
    before: _Head | None

    @property
    def size(self) -> tuple[int, int, float]:
        return self.kind, self.exponent, self.mantissa


def masks(net: Net, edge: Edge) -> bool:
    """Whether the rule gives exactly 0 even for a gradient that is not finite, as relu's does."""
    if edge.local != 0.0 or edge.contribution != 0.0:
        return False
    upstream = net.trace.records[edge.target].gradient
    return upstream is not None and not upstream.is_finite


def largest(net: Net, k: int) -> list[Found]:
    """The `k` paths with the largest products of local derivatives in size, the largest first."""
    if not net.between:
        return []
    root = net.trace.root.key
    best: dict[int, list[_Head]] = {root: [_Head(_FINITE, 1, 0.5, None, None)]}
    for key in reversed(net.between):
        # Every path to here is known, since all that uses it was left before.
        heads = best[key] = _kept(best[key], k)
        if key == net.start:
            break
        for edge in net.edges.get(key, ()):
            zero = masks(net, edge)
            longer = best.setdefault(edge.source, [])
            longer += [_longer(h, edge, zero) for h in heads]
            if len(longer) > _MANY * k:
                best[edge.source] = _kept(longer, k)
        del best[key]
    chosen = sorted(best[net.start], key=lambda h: h.size, reverse=True)[:k]
    return [_found(net, head) for head in chosen]


def _longer(head: _Head, edge: Edge, masks: bool) -> _Head:
    local = math.nan if edge.local is None else abs(edge.local)
    kind = _NAN
    if masks:
        kind = _ZERO
    elif not math.isnan(local) and head.kind != _NAN:
        own = _ZERO if local == 0 else _INFINITE if math.isinf(local) else _FINITE
        if {own, head.kind} != {_ZERO, _INFINITE}:
            kind = min(own, head.kind) if _ZERO in (own, head.kind) else max(own, head.kind)
    if kind != _FINITE:
        return _Head(kind, 0, 0.0, edge, head)
    mantissa, exponent = math.frexp(local)
    mantissa, more = math.frexp(mantissa * head.mantissa)
    return _Head(_FINITE, head.exponent + exponent + more, mantissa, edge, head)


def _kept(heads: list[_Head], k: int) -> list[_Head]:
    """The `k` largest of each class."""
    if len(heads) <= k:
        return heads
    found: list[_Head] = []
    for kind in (_NAN, _INFINITE, _FINITE, _ZERO):
        members = [h for h in heads if h.kind == kind]
        if len(members) > k:
            # Stable: of equal ones the first, so that the same graph gives the same paths.
            members = sorted(members, key=lambda h: h.size, reverse=True)[:k]
        found += members
    return found


def _found(net: Net, head: _Head) -> Found:
    edges: list[Edge] = []
    while head.edge is not None:
        edges.append(head.edge)
        assert head.before is not None
        head = head.before
    edges.reverse()
    product = 1.0
    for edge in edges:
        local = math.nan if edge.local is None else edge.local
        product = 0.0 if masks(net, edge) else product * local
    return Found(tuple(edges), product, net.trace.root.key, 1)


# ── Arrays ──────────────────────────────────────────────────────────────────────────────

ALL_PATHS = 200
"""Up to so many paths are all followed, so that the largest are exactly that."""
ALL_ELEMENTS = 2**25
"""Of small arrays more are, while this bounds the number of paths times elements on the way."""
_ONE_STEP = 1000
_MOST_AGAIN = 1000
STEPS = 600
ELEMENTS = 2**24
"""Of groups that wait together: 128 MiB."""


def groups(net: Net, index: int, k: int) -> tuple[list[Found], bool]:
    """Paths and groups of paths by size of what they add to element `index`, largest first.

    Returns:
        They add up to the gradient; and whether all of them are single paths.
    """
    gradient = net.gradient(net.start)
    one = np.zeros(gradient.shape, np.float64)
    one[index] = 1.0
    heap: list[tuple[float, int, float, int, tuple[Edge, ...], Any]] = [
        (_order(gradient[index]), 0, float(gradient[index]), net.start, (), one)
    ]
    done: list[Found] = []
    root, made, held, whole = net.trace.root.key, 1, one.size, _all(net)
    while heap and (whole or (len(done) < k and made < STEPS and held < ELEMENTS)):
        _, _, contribution, key, edges, tangent = heapq.heappop(heap)
        held -= tangent.size
        if key == root:
            done.append(Found(edges, contribution, root, 1))
            continue
        for edge in net.onward[key]:
            moved = net.ahead(edge, tangent)
            upstream = net.gradient(edge.target)
            share = _product(upstream, moved)
            entry = (_order(share), made, share, edge.target, (edge, *edges), moved)
            heapq.heappush(heap, entry)
            made += 1
            held += moved.size
    rest = [Found(e, c, key, net.count[key]) for _, _, c, key, e, _ in heap]
    found = [*done, *rest]
    if not np.isfinite(gradient[index]) and len(found) <= _MOST_AGAIN:
        found = [f._replace(contribution=_handed(net, f, index)) for f in found]
    found.sort(key=lambda f: _order(f.contribution))
    return found, all(f.paths == 1 for f in found)


def _handed(net: Net, found: Found, index: int) -> float:
    """What the backward pass hands along a path.

    In that order 0 · ∞ is met as the pass meets it. Forward an infinite tangent that comes to a
    derivative of 0 may be lost.
    """
    g = net.gradient(found.top)
    for edge in found.edges:
        g = net.behind(edge, g)
    return float(g[index])


def by_uses(net: Net, index: int) -> tuple[list[Found], bool]:
    """The same where derivatives are not known: for each use the paths that end in it.

    Their sums are what the pass added; a group with one path is told up to the root.
    """
    found: list[Found] = []
    for edge in net.onward[net.start]:
        added = getattr(edge.contribution, "elements", None)
        if added is None:
            return [], False
        edges: tuple[Edge, ...] = (edge,)
        top = edge.target
        while net.count[edge.target] == 1 and top != net.trace.root.key:
            (above,) = net.onward[top]
            edges, top = (above, *edges), above.target
        found.append(Found(edges, float(added[index]), top, net.count[edge.target]))
    found.sort(key=lambda f: _order(f.contribution))
    return found, all(f.paths == 1 for f in found)


def _all(net: Net) -> bool:
    """Whether all paths are followed."""
    if net.total <= ALL_PATHS:
        return True
    size = sum(_ONE_STEP + net.trace.records[key].value.size for key in net.between)
    return net.total * size <= ALL_ELEMENTS


def _order(x: float) -> float:
    """Sorts by size, NaN first."""
    return -math.inf if math.isnan(x) else -abs(x)


def _product(g: Any, t: Any) -> float:
    """Sum of the products; an element that does not move adds nothing, whatever its gradient."""
    with np.errstate(all="ignore"):
        moving = t != 0
        return float(np.sum(g[moving] * t[moving])) if g is not None else math.nan
