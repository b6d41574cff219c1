"""A small layered layout, for when Graphviz cannot be had.

After Sugiyama, Tagawa and Toda (1981): layers by the longest way to the end and places
within them by barycentres (`layers`), coordinates by least squares (`columns`), and curves
that bend only between layers, where no box is. Everything is deterministic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor, sqrt

from tinygrad_nn.viz.picture.columns import columns
from tinygrad_nn.viz.picture.layers import Layers, Size

__all__ = ["Placement", "Point", "Ports", "Size", "place"]

Point = tuple[float, float]
Ports = tuple[float | None, float | None]
"""Where a link leaves its first box and arrives at its second, from the middles of their sides;
None for where the layout likes."""

_LAYER_GAP = 20
_MAX_LAYER_GAP = 70


@dataclass(frozen=True)
class Placement:
    """Where everything goes.

    Attributes:
        centres: Of each box.
        curves: For each link the points of its cubic Bézier pieces: 3 k + 1 of them.
        width, height: Of the whole; everything lies within.
    """

    centres: tuple[Point, ...]
    curves: tuple[tuple[Point, ...], ...]
    width: float
    height: float


def place(
    sizes: Sequence[Size],
    links: Sequence[tuple[int, int]],
    direction: str,
    spine: Sequence[int] = (),
    ports: Sequence[Ports] | None = None,
    *,
    is_bounded: bool = False,
) -> Placement:
    """Place boxes so that every link runs onward.

    Args:
        sizes: Of the boxes.
        links: Pairs (from, to) of positions in `sizes`; without cycles, repeats allowed.
        direction: "TB" for downward, "LR" for rightward.
        spine: Positions in `sizes` that ought to stand in one straight line, each linked to
            the next.
        ports: Of each link; by default all are (None, None).
        is_bounded: Whether the last two boxes are to stand before and behind all others.
    """
    if direction == "TB":
        return _Curves(sizes, links, spine, ports, is_bounded).placement()
    flipped = [Size(s.height, s.width, s.is_round) for s in sizes]
    p = _Curves(flipped, links, spine, ports, is_bounded).placement()
    return Placement(
        tuple((y, x) for x, y in p.centres),
        tuple(tuple((y, x) for x, y in curve) for curve in p.curves),
        p.height,
        p.width,
    )


class _Curves:
    """The downward case."""

    def __init__(
        self,
        sizes: Sequence[Size],
        links: Sequence[tuple[int, int]],
        spine: Sequence[int],
        ports: Sequence[Ports] | None,
        is_bounded: bool,
    ) -> None:
        self.ports = ports or [(None, None)] * len(links)
        layers = Layers(sizes, links, spine, is_bounded=is_bounded)
        self.links = links
        self.sizes, self.boxes, self.rows = layers.sizes, layers.boxes, layers.rows
        self.layer, self.chains, self.below = layers.layer, layers.chains, layers.below
        x = columns(layers)
        left = min((x[i] - self.sizes[i].width / 2 for i in range(len(x))), default=0.0)
        # Rounding down from the half keeps whole distances whole, so nothing comes closer.
        self.x = [float(floor(round(v - left, 6) + 0.5)) for v in x]

    def placement(self) -> Placement:
        """Positions and curves, measured from the corner of the whole."""
        if not self.sizes:
            return Placement((), (), 0.0, 0.0)
        heights = [max(self.sizes[i].height for i in row) for row in self.rows]
        tops, y = [], 0.0
        for k, height in enumerate(heights):
            tops.append(y)
            y += height + self._gap_below(k)
        self.bands = [(top, top + height) for top, height in zip(tops, heights, strict=True)]
        middles = [sum(band) / 2 for band in self.bands]
        self.centres = [(x, middles[k]) for x, k in zip(self.x, self.layer, strict=True)]
        ends = zip(self._ends(), self.ports, strict=True)
        shifts = [(out or 0.0, usual if end is None else end) for usual, (out, end) in ends]
        curves = [self._curve(*pair) for pair in zip(self.chains, shifts, strict=True)]
        right = max(x + size.width / 2 for x, size in zip(self.x, self.sizes, strict=True))
        return Placement(tuple(self.centres[: self.boxes]), tuple(curves), right, self.bands[-1][1])

    def _gap_below(self, k: int) -> float:
        """Room for the curves below a row: steep where they go far."""
        far = max((abs(self.x[i] - self.x[j]) for i in self.rows[k] for j in self.below[i]),
                  default=0.0)  # fmt: skip
        return float(floor(min(_MAX_LAYER_GAP, max(_LAYER_GAP, 0.16 * far))))

    def _ends(self) -> list[float]:
        """How far from the middle of its target's edge each link arrives, so that none meet."""
        arriving: dict[int, list[int]] = {}
        for number, (_, b) in enumerate(self.links):
            arriving.setdefault(b, []).append(number)
        shift = [0.0] * len(self.links)
        for b, numbers in arriving.items():
            numbers.sort(key=lambda n: self.x[self.chains[n][-2]])
            before = [self.chains[n][-2] for n in numbers]
            last = len(numbers) - 1
            # A straight line ends in the middle, whatever arrives beside it.
            middle: float = next(
                (k for k, i in enumerate(before)
                 if self.x[i] == self.x[b]),
                last / 2,
            )  # fmt: skip
            room = max(0, self.sizes[b].width / 2 - 7)
            step = min(10.0, room / max(middle, last - middle, 1))
            for k, n in enumerate(numbers):
                shift[n] = (k - middle) * step
        return shift

    def _curve(self, chain: list[int], shifts: tuple[float, float]) -> tuple[Point, ...]:
        """Points of a link: straight through each layer, a bend from each to the next."""
        x, y = self.centres[chain[0]]
        points = [(x + shifts[0], y + self.sizes[chain[0]].height / 2)]
        shift = shifts[1]
        for a, b in pairwise(chain):
            x, y = self.centres[b]
            end = y - self.sizes[b].height / 2
            if b < self.boxes:
                x += shift
                if self.sizes[b].is_round:
                    radius = self.sizes[b].width / 2
                    end += radius - sqrt(radius * radius - shift * shift)
            leave, enter = self.bands[self.layer[a]][1], self.bands[self.layer[b]][0]
            _straight_on(points, leave)
            middle = (leave + enter) / 2
            points += [(points[-1][0], middle), (x, middle), (x, enter)]
            _straight_on(points, end)
        return tuple(points)


def _straight_on(points: list[Point], end: float) -> None:
    """Add a piece straight down to `end`, if that is further."""
    x, y = points[-1]
    if end > y:
        points += [(x, y + (end - y) / 3), (x, y + 2 * (end - y) / 3), (x, end)]
