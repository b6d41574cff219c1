"""Reading an SVG drawing back."""

from dataclasses import dataclass, field
from xml.etree import ElementTree

SPACE = "{http://www.w3.org/2000/svg}"


@dataclass
class Picture:
    """Texts of each box by its key, its rectangle, and the arrows as (from, to, slot)."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    arrows: list[tuple[str, str, str | None]] = field(default_factory=list)
    size: tuple[float, float] = (0.0, 0.0)
    whole: str = ""


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
        elif "data-from" in g.attrib:
            p.arrows.append((g.attrib["data-from"], g.attrib["data-to"], g.get("data-slot")))
    p.whole = "".join(root.itertext())
    return p
