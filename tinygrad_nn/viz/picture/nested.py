"""The built-in layout for boxes within frames, so that no frame touches what is not its own.

A frame is laid out by itself, then stands in the layout around it as one box. A link that
crosses its border runs along in its layout to an auxiliary item before or behind all others,
which gives the place where it passes the border.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tinygrad_nn.viz.picture.layout import Placement, Point, Size, place

__all__ = ["Border", "Frames", "place_nested"]

_PADDING = 14
_TITLE = 26
_WIDEST_PAD = 600
Rectangle = tuple[float, float, float, float]
Frames = tuple[Rectangle, ...]
"""Left, top, width and height of each frame."""


@dataclass(frozen=True)
class Border:
    """A frame to be placed: how wide its title is, and the frame around it, or None."""

    title: float
    parent: int | None


_NOTHING = Size(0, 0)


@dataclass
class _Inside:
    """A frame laid out, measured from its own corner.

    Attributes:
        size: Room that it takes in the layout around it, with its spine in the middle.
        rectangle: What of that is seen: left, top, width and height.
        at: Centres of its items.
        curves: Of the links in it, cut where they cross its border.
        ports: Where they do so, from the middle of the border.
    """

    size: Size = _NOTHING
    rectangle: Rectangle = (0.0, 0.0, 0.0, 0.0)
    at: dict[int, Point] = field(default_factory=dict)
    curves: dict[int, tuple[Point, ...]] = field(default_factory=dict)
    ports: dict[int, float] = field(default_factory=dict)


def place_nested(
    sizes: Sequence[Size],
    links: Sequence[tuple[int, int]],
    direction: str,
    spine: Sequence[int],
    homes: Sequence[int | None],
    borders: Sequence[Border],
) -> tuple[Placement, Frames]:
    """Place boxes within frames.

    Args:
        sizes: Of the boxes, as for `layout.place`.
        links: Pairs (from, to) of positions in `sizes`.
        direction: "TB" or "LR".
        spine: Positions in `sizes` that ought to stand in one straight line.
        homes: For each box the innermost frame around it, or None.
        borders: The frames, each after the one around it. No path may leave a frame and come
            back to it.
    """
    return _Nested(sizes, links, direction, spine, homes, borders).placement()


class _Nested:
    """Items are the boxes, then the frames."""

    def __init__(
        self,
        sizes: Sequence[Size],
        links: Sequence[tuple[int, int]],
        direction: str,
        spine: Sequence[int],
        homes: Sequence[int | None],
        borders: Sequence[Border],
    ) -> None:
        self.links, self.direction, self.spine = links, direction, spine
        self.boxes, self.borders = len(sizes), borders
        self.sizes = [*sizes, *(Size(0, 0) for _ in borders)]
        self.home = [*homes, *(border.parent for border in borders)]
        self.children: dict[int | None, list[int]] = {None: []}
        for item, home in enumerate(self.home):
            self.children.setdefault(home, []).append(item)
        self.inside: dict[int | None, _Inside] = {}
        # For each frame the links that end in it, at any depth, by their ends' items there.
        self.ends: dict[int | None, dict[int, list[int | None]]] = {None: {}}
        for number, pair in enumerate(links):
            for side, box in enumerate(pair):
                item, home = box, self.home[box]
                while True:
                    self.ends.setdefault(home, {}).setdefault(number, [None, None])[side] = item
                    if home is None:
                        break
                    item, home = self.boxes + home, self.home[self.boxes + home]

    def placement(self) -> tuple[Placement, Frames]:
        """Everything in the coordinates of the whole."""
        for frame in range(len(self.borders) - 1, -1, -1):
            self.inside[frame] = self._laid_out(frame)
            self.sizes[self.boxes + frame] = self.inside[frame].size
        self.inside[None] = self._laid_out(None)
        corner: dict[int | None, Point] = {None: (0.0, 0.0)}
        centres: list[Point] = [(0.0, 0.0)] * len(self.sizes)
        for home in (None, *range(len(self.borders))):
            left, top = corner[home]
            for item, (x, y) in self.inside[home].at.items():
                centres[item] = (left + x, top + y)
                if item >= self.boxes:
                    size = self.sizes[item]
                    corner[item - self.boxes] = (left + x - size.width / 2,
                                                 top + y - size.height / 2)  # fmt: skip
        curves = [self._joined(number, corner) for number in range(len(self.links))]
        frames = [self._seen(k, corner[k]) for k in range(len(self.borders))]
        # Room that only kept spines in the middle is cut off at the sides.
        boxes = list(zip(centres, self.sizes[: self.boxes], strict=False))
        left, right = _extent([*boxes, *((_middle(f), f) for f in frames)], curves, 0)
        top, bottom = _extent([*boxes, *((_middle(f), f) for f in frames)], curves, 1)
        by = (-left, -top)
        return Placement(
            _moved(centres[: self.boxes], by), tuple(_moved(curve, by) for curve in curves),
            right - left, bottom - top,
        ), tuple((x - left, y - top, w, h) for x, y, w, h in frames)  # fmt: skip

    def _seen(self, frame: int, corner: Point) -> Rectangle:
        x, y, width, height = self.inside[frame].rectangle
        return corner[0] + x, corner[1] + y, width, height

    # ── One frame ───────────────────────────────────────────────────────────────────────

    def _laid_out(self, frame: int | None) -> _Inside:
        items = self.children.get(frame, [])
        at = {item: k for k, item in enumerate(items)}
        first, last = len(items), len(items) + 1
        numbers, links, ports = [], [], []
        for number, (a, b) in self.ends.get(frame, {}).items():
            if a != b:
                numbers.append(number)
                links.append((first if a is None else at[a], last if b is None else at[b]))
                ports.append((self._port(a, number), self._port(b, number)))
        sizes = [self.sizes[item] for item in items]
        spine = self._spine(frame, at)
        if frame is None:
            p = place(sizes, links, self.direction, spine, ports)
            return _Inside(Size(int(p.width), int(p.height)),
                           at=dict(zip(items, p.centres, strict=True)),
                           curves=dict(zip(numbers, p.curves, strict=True)))  # fmt: skip
        sizes += [_NOTHING, _NOTHING]
        p = place(sizes, links, self.direction, spine, ports, is_bounded=True)
        return self._framed(frame, items, numbers, links, spine, p)

    def _port(self, item: int | None, number: int) -> float | None:
        if item is None or item < self.boxes:
            return None
        return self.inside[item - self.boxes].ports[number]

    def _spine(self, frame: int | None, at: dict[int, int]) -> list[int]:
        """The spine as the items of this frame see it, its two auxiliary items included."""
        found: list[int] = []
        for box in self.spine:
            item, home = box, self.home[box]
            while home != frame and home is not None:
                item, home = self.boxes + home, self.home[self.boxes + home]
            if home == frame:
                if not found or found[-1] != at[item]:
                    found.append(at[item])
        if frame is not None and found:
            found = [len(at), *found, len(at) + 1]
        return found

    def _framed(
        self,
        frame: int,
        items: list[int],
        numbers: list[int],
        links: list[tuple[int, int]],
        spine: list[int],
        p: Placement,
    ) -> _Inside:
        """Cut the auxiliary items off, and add a border with room for the title."""
        first, last = len(items), len(items) + 1
        along = 1 if self.direction == "TB" else 0
        across = 1 - along
        curves = list(p.curves)
        for k, (a, b) in enumerate(links):
            if a == first:
                curves[k] = curves[k][3:]
            if b == last:
                curves[k] = curves[k][:-3]
        rectangles = [self._within(item, c) for item, c in zip(items, p.centres, strict=False)]
        low, high = _extent(rectangles, curves[: len(numbers)], across)
        begin, end = _extent(rectangles, (), along)
        corner, extent = [0.0, 0.0], [0.0, 0.0]
        corner[along], extent[along] = begin, end - begin
        corner[across], extent[across] = low, high - low
        spare = max(0.0, self.borders[frame].title - extent[0])
        width = _even(extent[0] + spare + 2 * _PADDING)
        height = _even(extent[1] + _TITLE + _PADDING)
        # The spine in the middle of the room, so that it runs straight through the frame.
        lead = _PADDING + spare / 2 if across == 0 else float(_TITLE)
        breadth = (width, height)[across]
        middle = p.centres[spine[1]][across] - low + lead if spine else breadth / 2
        before = float(_even(max(0.0, min(_WIDEST_PAD, breadth - 2 * middle))))
        after = float(_even(max(0.0, min(_WIDEST_PAD, 2 * middle - breadth))))
        seen, room = [0.0, 0.0], [width, height]
        seen[across] = before
        room[across] = int(breadth + before + after)
        found = _Inside(Size(room[0], room[1]), (seen[0], seen[1], width, height))
        move = (seen[0] + _PADDING + spare / 2 - corner[0], seen[1] + _TITLE - corner[1])
        found.at = dict(zip(items, _moved(p.centres, move), strict=False))
        half = room[across] / 2
        for number, (a, b), curve in zip(numbers, links, curves, strict=False):
            moved = found.curves[number] = _moved(curve, move)
            if a == first or b == last:
                found.ports[number] = moved[0 if a == first else -1][across] - half
        return found

    def _within(self, item: int, centre: Point) -> tuple[Point, Size | Rectangle]:
        """Middle and size of what is seen of an item."""
        if item < self.boxes:
            return centre, self.sizes[item]
        size, (x, y, width, height) = self.sizes[item], self.inside[item - self.boxes].rectangle
        left, top = centre[0] - size.width / 2 + x, centre[1] - size.height / 2 + y
        return (left + width / 2, top + height / 2), (left, top, width, height)

    # ── Links over several frames ───────────────────────────────────────────────────────

    def _joined(self, number: int, corner: dict[int | None, Point]) -> tuple[Point, ...]:
        """All pieces of a link, from the inside of its start out, and in to its end."""
        out, inward = ([*self._around(box)] for box in self.links[number])
        common = next(home for home in out if home in inward)
        path = [*out[: out.index(common) + 1], *reversed(inward[: inward.index(common)])]
        points: list[Point] = []
        for home in path:
            piece = _moved(self.inside[home].curves[number], corner[home])
            if points:
                (x, y), (u, v) = points[-1], piece[0]
                if (x, y) != (u, v):
                    points += [(x + (u - x) / 3, y + (v - y) / 3),
                               (x + (u - x) * 2 / 3, y + (v - y) * 2 / 3), (u, v)]  # fmt: skip
                points += piece[1:]
            else:
                points = list(piece)
        return tuple(points)

    def _around(self, box: int) -> list[int | None]:
        homes: list[int | None] = [self.home[box]]
        while homes[-1] is not None:
            homes.append(self.home[self.boxes + homes[-1]])
        return homes


def _extent(
    rectangles: Sequence[tuple[Point, Size | Rectangle]],
    curves: Sequence[tuple[Point, ...]],
    axis: int,
) -> tuple[float, float]:
    """From where to where rectangles, given by their middles, and curves reach."""
    reach = [point[axis] for curve in curves for point in curve]
    for middle, size in rectangles:
        whole = (size.width, size.height) if isinstance(size, Size) else size[2:]
        reach += [middle[axis] - whole[axis] / 2, middle[axis] + whole[axis] / 2]
    return min(reach, default=0.0), max(reach, default=0.0)


def _middle(rectangle: Rectangle) -> Point:
    x, y, width, height = rectangle
    return x + width / 2, y + height / 2


def _moved(points: Sequence[Point], by: Point) -> tuple[Point, ...]:
    return tuple((x + by[0], y + by[1]) for x, y in points)


def _even(x: float) -> int:
    return 2 * -int(-x // 2)
