"""Our drawings in a page: never smaller than they can be read, and in the colours of the page."""

import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

SMALLEST = re.compile(r"<svg[^>]*style=\"[^\"]*min-width: (?P<width>[\d.]+)px")


def smallest_width(path: Path) -> float | None:
    """The width, in pixels, below which the drawing says that its text becomes too small."""
    if path.suffix != ".svg" or not path.is_file():
        return None
    found = SMALLEST.search(path.read_text("utf-8")[:2000])
    return float(found["width"]) if found else None


class drawing(nodes.General, nodes.Inline, nodes.Element):  # noqa: N801  (as nodes are called)
    """A box around a drawing, which scrolls sideways where the page is narrower."""


def keep_readable(app: Sphinx, tree: nodes.document, docname: str) -> None:
    """Put each drawing into a box."""
    for image in list(tree.findall(nodes.image)):
        width = smallest_width(Path(app.srcdir, image["uri"]))
        if width is not None:
            box = drawing("", image.deepcopy(), width=width)
            image.parent.replace(image, box)


def open_box(page: HTML5Translator, node: drawing) -> None:
    """Begin the box; a drawing in it is in `book.css`."""
    page.body.append(f'<span class="drawing" style="--smallest: {node["width"]:g}px">')


def close_box(page: HTML5Translator, node: drawing) -> None:
    """End it."""
    page.body.append("</span>")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.add_node(drawing, html=(open_box, close_box))
    app.connect("doctree-resolved", keep_readable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
