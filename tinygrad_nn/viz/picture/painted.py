"""Our SVG as DOT, so that Graphviz writes the same picture as PNG and PDF.

Shapes go into the background, which takes curves as they are, and every text is a node of its
own, pinned to its place; nothing is laid out, so it takes no longer than drawing. (Texts in the
background would be simpler, and end Graphviz 2.43.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import atan2, cos, sin, sqrt
from xml.etree import ElementTree

from tinygrad_nn.viz.picture.dot import POINTS_PER_INCH, quoted
from tinygrad_nn.viz.picture.layout import Point
from tinygrad_nn.viz.picture.measure import FONT, text_width

__all__ = ["painted"]

_FACE = FONT.split(",", maxsplit=1)[0]
_ROUND = 0.5523
"""How far the handles of a curve are along the sides of a quarter of a circle."""
_HIDDEN = ("defs", "title", "desc", "style")
_MARKER = 7.0
_STRIPE, _APART = 2.5, 7.07
_DRAWN = ("fill", "stroke", "stroke-width", "opacity")
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_TOKEN = re.compile(r"[A-Za-z]|-?(?:\d+\.?\d*|\.\d+)")

_Name = tuple[str, frozenset[str]]


def painted(svg: str) -> str:
    """DOT text of one of our SVG texts, for `neato -n2`, in its light or only colours."""
    root = ElementTree.fromstring(svg)
    return _Painter(root).dot()


@dataclass
class _Style:
    """What is drawn how."""

    fill: str = "#000000"
    stroke: str = "none"
    width: float = 1.0
    dashed: bool = False
    size: float = 12.0
    bold: bool = False
    opacity: float = 1.0


@dataclass
class _Painter:
    root: ElementTree.Element
    shapes: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.width, self.height = (float(self.root.attrib[k]) for k in ("width", "height"))
        style = next(e.text or "" for e in self.root if _tag(e) == "style")
        self.rules = list(_rules(style.partition("@media")[0], self.root.attrib["id"]))
        self.numbers = count()

    def dot(self) -> str:
        """All of it."""
        self._walk(self.root, [], (0.0, 0.0))
        size = _size(self.width, self.height)
        middle = self._pinned(self.width / 2, self.height / 2)
        # Graphviz reads no string of more than 16,384 characters, but adds some up.
        shapes = " +\n    ".join(f'"{words} "' for words in self.shapes)
        return "\n".join([
            "graph {",
            f'  graph [pad=0 margin=0 bgcolor="transparent" _background={shapes}]',
            f'  node [shape=none fixedsize=true margin=0 fontname="{_FACE}" label=""]',
            f"  all [style=invis {size} {middle}]",
            *self.texts,
            "}",
            "",
        ])  # fmt: skip

    def _walk(self, e: ElementTree.Element, above: list[_Name], at: Point) -> None:
        tag = _tag(e)
        if tag in _HIDDEN:
            return
        names = [*above, (tag, frozenset(e.get("class", "").split()))]
        if moved := re.fullmatch(r"translate\((\S+) (\S+)\)", e.get("transform", "")):
            at = at[0] + float(moved[1]), at[1] + float(moved[2])
        if tag == "text":
            self._text(e, self._style(e, names), at)
        elif tag in ("rect", "circle", "path"):
            self._shape(e, names, at)
        for child in e:
            self._walk(child, names, at)

    def _style(self, e: ElementTree.Element, names: Sequence[_Name]) -> _Style:
        """What the rules say of an element, the most special and last of them above all."""
        found = {k: v for k, v in e.attrib.items() if k in _DRAWN}
        fitting = [rule for rule in self.rules if _fits(rule[1], names)]
        for _, _, said in sorted(fitting, key=lambda rule: rule[0]):
            found |= said
        if "url" in found.get("stroke", "") or "url" in found.get("fill", ""):
            # The hatch is drawn as lines of its own.
            found["fill"] = "none"
        return _Style(
            fill=found.get("fill", "#000000"),
            stroke=found.get("stroke", "none"),
            width=float(found.get("stroke-width", "1")),
            dashed="stroke-dasharray" in found,
            size=float(found.get("font-size", "12px").removesuffix("px")),
            bold=found.get("font-weight") == "bold",
            opacity=float(found.get("opacity", "1")),
        )

    # ── Texts ───────────────────────────────────────────────────────────────────────────

    def _text(self, e: ElementTree.Element, style: _Style, at: Point) -> None:
        x, y = at[0] + float(e.attrib["x"]), at[1] + float(e.attrib["y"])
        words = e.text or ""
        if not words.strip():
            return
        anchor = e.get("text-anchor", "start")
        width = text_width(words, style.size, bold=style.bold) + 4
        if anchor == "start":
            width = min(width, self.width - x)
        left = {"start": x, "middle": x - width / 2, "end": x - width}[anchor]
        label = quoted([words])[:-1] + {"start": r"\l", "middle": "", "end": r"\r"}[anchor] + '"'
        face = f' fontname="{_FACE} Bold"' if style.bold else ""
        size = _size(width, 1.5 * style.size)
        # The middle of a line lies above its baseline by about a third of its size.
        place = self._pinned(left + width / 2, y - 0.36 * style.size)
        self.texts.append(
            f"  t{next(self.numbers)} [label={label} {size} {place} fontsize={style.size:g} "
            f'fontcolor="{style.fill}"{face}]'
        )

    def _pinned(self, x: float, y: float) -> str:
        return f'pos="{x:.2f},{self.height - y:.2f}!"'

    # ── Shapes ──────────────────────────────────────────────────────────────────────────

    def _shape(self, e: ElementTree.Element, names: Sequence[_Name], at: Point) -> None:
        style = self._style(e, names)
        tag = _tag(e)
        if tag == "path":
            points, closed = _path(e.attrib["d"])
        elif tag == "circle":
            r = float(e.attrib["r"])
            points = _rounded(float(e.attrib["cx"]) - r, float(e.attrib["cy"]) - r, 2 * r, 2 * r, r)
            closed = True
        else:
            x, y, w, h = (float(e.get(k, "0")) for k in ("x", "y", "width", "height"))
            points, closed = _rounded(x, y, w, h, float(e.get("rx", "0"))), True
            if "url" in e.get("stroke", "") + e.get("fill", ""):
                self._hatch(at, (x, y, w, h), names, ring="url" in e.get("stroke", ""),
                            opacity=style.opacity)  # fmt: skip
                return
        points = [(at[0] + u, at[1] + v) for u, v in points]
        if "marker-end" in e.attrib:
            # The line ends below the tip, which is sharp.
            points = self._tip(points, e.attrib["marker-end"])
        self._curve(points, style, closed=closed)

    def _curve(self, points: Sequence[Point], style: _Style, *, closed: bool) -> None:
        filled = closed and style.fill != "none"
        pen = style.stroke if style.stroke != "none" else "transparent"
        line = f"setlinewidth({style.width:g})"
        words = [_counted("S", line), _counted("S", "dashed" if style.dashed else "solid")]
        words.append(_counted("c", pen))
        if filled:
            words.append(_counted("C", style.fill))
        self.shapes += [*words, self._points("b" if filled else "B", points)]

    def _points(self, kind: str, points: Sequence[Point]) -> str:
        places = " ".join(f"{x:.2f} {self.height - y:.2f}" for x, y in points)
        return f"{kind} {len(points)} {places}"

    def _tip(self, points: list[Point], marker: str) -> list[Point]:
        """Draw the tip of an arrow."""
        name = "back-tip" if marker.endswith("back-tip)") else "tip"
        fill = next(said["fill"] for _, s, said in self.rules if s == [("", frozenset([name]))])
        (x, y), (u, v) = points[-1], next(p for p in reversed(points) if p != points[-1])
        angle = atan2(y - v, x - u)
        along, across = (cos(angle), sin(angle)), (-sin(angle), cos(angle))
        back = (x - _MARKER * along[0], y - _MARKER * along[1])
        sides = [(back[0] + s * across[0], back[1] + s * across[1]) for s in (3.2, -3.2)]
        corners = [(x, y), *sides]
        self.shapes += [_counted("S", "solid"), _counted("c", "transparent"), _counted("C", fill),
                        self._points("P", corners)]  # fmt: skip
        return [*points[:-1], (x - 2 * along[0], y - 2 * along[1])]

    def _hatch(
        self, at: Point, place: tuple[float, float, float, float], names: Sequence[_Name], *,
        ring: bool, opacity: float,
    ) -> None:  # fmt: skip
        """Stripes in a rectangle, or along its border."""
        x, y, w, h = place
        x, y = x + at[0], y + at[1]
        said = next(said for _, s, said in self.rules if s == [("", frozenset(["stripe"]))])
        colour = said["stroke"] + ("" if opacity == 1 else f"{round(255 * opacity):02x}")
        areas = [(x, y, w, h)]
        if ring:
            areas = [(x - 3, y - 3, w + 6, 6), (x - 3, y + h - 3, w + 6, 6),
                     (x - 3, y + 3, 6, h - 6), (x + w - 3, y + 3, 6, h - 6)]  # fmt: skip
        self.shapes += [_counted("S", f"setlinewidth({_STRIPE:g})"), _counted("S", "solid"),
                        _counted("c", colour)]  # fmt: skip
        for area in areas:
            self.shapes += [self._points("B", _straight(*ends)) for ends in _stripes(*area)]


# ── Rules ───────────────────────────────────────────────────────────────────────────────

_Rule = tuple[tuple[int, int, int], list[_Name], dict[str, str]]


def _rules(sheet: str, scope: str) -> Iterator[_Rule]:
    """How special, the elements from the outside in, and what it says of the innermost."""
    for number, (selectors, said) in enumerate(_RULE.findall(sheet)):
        pairs = (part.split(":", 1) for part in said.split(";") if ":" in part)
        words = {k.strip(): v.strip() for k, v in pairs}
        for selector in selectors.split(","):
            names = []
            for simple in selector.replace(f"#{scope}", "").split():
                tag, *classes = simple.split(".")
                names.append((tag, frozenset(classes)))
            classes = sum(len(c) for _, c in names)
            yield (classes, sum(bool(tag) for tag, _ in names), number), names, words


def _fits(selector: Sequence[_Name], names: Sequence[_Name]) -> bool:
    *outer, (tag, classes) = selector
    if (tag and tag != names[-1][0]) or not classes <= names[-1][1]:
        return False
    return all(any((not t or t == a) and c <= b for a, b in names[:-1]) for t, c in outer)


def _tag(e: ElementTree.Element) -> str:
    return e.tag.rpartition("}")[2]


def _size(width: float, height: float) -> str:
    return f"width={width / POINTS_PER_INCH:.4f} height={height / POINTS_PER_INCH:.4f}"


def _counted(kind: str, words: str) -> str:
    return f"{kind} {len(words)} -{words}"


# ── Curves ──────────────────────────────────────────────────────────────────────────────


def _straight(a: Point, b: Point) -> list[Point]:
    (x, y), (u, v) = a, b
    return [a, (x + (u - x) / 3, y + (v - y) / 3), (x + 2 * (u - x) / 3, y + 2 * (v - y) / 3), b]


def _rounded(x: float, y: float, w: float, h: float, r: float) -> list[Point]:
    """A rectangle with round corners, as the path of the head of a box draws one."""
    r = min(r, w / 2, h / 2)
    points: list[Point] = [(x + r, y)]
    for end, corner, after in (
        ((x + w - r, y), (x + w, y), (x + w, y + r)),
        ((x + w, y + h - r), (x + w, y + h), (x + w - r, y + h)),
        ((x + r, y + h), (x, y + h), (x, y + h - r)),
        ((x, y + r), (x, y), (x + r, y)),
    ):
        points += _straight(points[-1], end)[1:]
        points += _corner(end, corner, after)
    return points


def _corner(start: Point, corner: Point, end: Point) -> list[Point]:
    handles = [(p[0] + (corner[0] - p[0]) * _ROUND, p[1] + (corner[1] - p[1]) * _ROUND)
               for p in (start, end)]  # fmt: skip
    return [*handles, end]


def _path(d: str) -> tuple[list[Point], bool]:
    """Points of a path of the few commands that we write, and whether it is closed."""
    tokens = iter(_TOKEN.findall(d))
    points: list[Point] = []
    closed = False
    pending = next(tokens, None)
    while pending is not None:
        command, numbers = pending, list[float]()
        pending = next(tokens, None)
        while pending is not None and not pending.isalpha():
            numbers.append(float(pending))
            pending = next(tokens, None)
        closed |= command == "z"
        points += _piece(command, numbers, points[-1] if points else (0.0, 0.0), points[:1])
    return points, closed


def _piece(command: str, n: list[float], at: Point, first: list[Point]) -> list[Point]:
    x, y = at
    if command == "M":
        return [(n[0], n[1])]
    if command == "C":
        return list(zip(n[::2], n[1::2], strict=True))
    if command == "a":
        end = (x + n[5], y + n[6])
        return _corner(at, (x, end[1]) if n[6] < 0 else (end[0], y), end)
    straight = {"V": (x, n[0] if n else y), "H": (n[0] if n else x, y),
                "h": (x + n[0] if n else x, y), "z": first[0] if first else at}  # fmt: skip
    return _straight(at, straight[command])[1:]


def _stripes(x: float, y: float, w: float, h: float) -> Iterator[tuple[Point, Point]]:
    """Lines at 45° through a rectangle, at the same places whatever the rectangle."""
    first = int((x - y - h) / _APART)
    for k in count(first):
        # On this line x - y is `c`.
        c = k * _APART
        if c > x + w - y:
            return
        low, high = max(x, c + y), min(x + w, c + y + h)
        if high - low > sqrt(0.1):
            yield (low, low - c), (high, high - c)
