"""Reading an SVG drawing back."""

from dataclasses import dataclass, field
from xml.etree import ElementTree

SPACE = "{http://www.w3.org/2000/svg}"

Rectangle = tuple[float, float, float, float]


@dataclass
class Picture:
    """What is in a drawing, by the keys of its boxes.

    Attributes:
        texts: Of each box.
        kinds: Its classes.
        nodes: How many nodes of the graph it stands for.
        boxes, frames: Left, top, right and bottom of each.
        arrows: As (from, to, slot).
        back: Those of the backward pass.
    """

    texts: dict[str, list[str]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    nodes: dict[str, int] = field(default_factory=dict)
    boxes: dict[str, Rectangle] = field(default_factory=dict)
    frames: dict[str, Rectangle] = field(default_factory=dict)
    arrows: list[tuple[str, str, str | None]] = field(default_factory=list)
    back: list[tuple[str, str, str | None]] = field(default_factory=list)
    size: tuple[float, float] = (0.0, 0.0)
    whole: str = ""

    def middle(self, key: str) -> tuple[float, float]:
        """Of a box."""
        left, top, right, bottom = self.boxes[key]
        return (left + right) / 2, (top + bottom) / 2


def read(svg: str) -> Picture:
    root = ElementTree.fromstring(svg)
    scope = root.attrib["id"] + "-"
    p = Picture(size=(float(root.attrib["width"]), float(root.attrib["height"])))
    for g in root.iter(SPACE + "g"):
        key = g.attrib.get("id", "").removeprefix(scope)
        if key:
            assert key not in p.texts
            p.texts[key] = [t.text or "" for t in g.iter(SPACE + "text")]
            p.kinds[key] = g.attrib["class"]
            p.nodes[key] = int(g.get("data-nodes", "0" if key[0] in "oemr" else "1"))
            shapes = [s for s in g if s.get("class") == "shape"]
            if shapes:
                p.boxes[key] = around([corners(s) for s in shapes])
        elif "data-from" in g.attrib:
            arrow = (g.attrib["data-from"], g.attrib["data-to"], g.get("data-slot"))
            p.arrows.append(arrow)
            if g.get("class") == "back":
                p.back.append(arrow)
    for rect in root.iter(SPACE + "rect"):
        if rect.get("class") == "frame":
            p.frames[rect.attrib["id"].removeprefix(scope)] = corners(rect)
    p.whole = "".join(root.itertext())
    return p


def corners(shape: ElementTree.Element) -> Rectangle:
    """Of a rectangle or circle."""
    if shape.tag == SPACE + "circle":
        x, y, r = (float(shape.attrib[name]) for name in ("cx", "cy", "r"))
        return x - r, y - r, x + r, y + r
    x, y, w, h = (float(shape.attrib[name]) for name in ("x", "y", "width", "height"))
    return x, y, x + w, y + h


def around(all_of: list[Rectangle]) -> Rectangle:
    """The smallest rectangle around some."""
    return (
        min(r[0] for r in all_of), min(r[1] for r in all_of),
        max(r[2] for r in all_of), max(r[3] for r in all_of),
    )  # fmt: skip


def meet(a: Rectangle, b: Rectangle) -> bool:
    """Whether two rectangles overlap."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def within(inner: Rectangle, outer: Rectangle) -> bool:
    """Whether one lies in the other."""
    return (
        outer[0] <= inner[0] and outer[1] <= inner[1]
        and inner[2] <= outer[2] and inner[3] <= outer[3]
    )  # fmt: skip
