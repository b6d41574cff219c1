"""HTML of numbers and texts: escaped, and each number with the place that it comes from."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from tinygrad_nn.report.figures import figure, number_of, percent
from tinygrad_nn.viz.wording import clean

__all__ = ["attributes", "data_table", "element", "scrolled", "section", "told", "told_count",
           "told_share", "words"]  # fmt: skip


def words(text: Any) -> str:
    """Any text, cleaned and escaped."""
    return escape(clean(str(text)))


def attributes(**given: Any) -> str:
    """` class="a" id="b"`; names end in `_` where Python has a word of it, None leaves out."""
    pairs = ((k.rstrip("_").replace("_", "-"), v) for k, v in given.items() if v is not None)
    return "".join(f' {k}="{escape(clean(str(v)))}"' for k, v in pairs)


def element(tag: str, content: str | Iterable[str] = "", **given: Any) -> str:
    """`<tag …>content</tag>`; the content is HTML."""
    inner = content if isinstance(content, str) else "".join(content)
    return f"<{tag}{attributes(**given)}>{inner}</{tag}>"


def section(id: str, title: str, parts: Iterable[str], **given: Any) -> str:
    """A part of the page with its heading, which the navigation leads to."""
    heading = element("h2", title, id=f"{id}-title")
    return element("section", [heading, *parts], id=id, aria_labelledby=f"{id}-title", **given)


def data_table(caption: str, head: str, body: Iterable[str], **given: Any) -> str:
    """A table of rows; `head` and `body` are HTML, the caption is for those who hear it."""
    parts = [
        element("caption", words(caption), class_="unseen"),
        element("thead", head),
        element("tbody", body),
    ]
    return element("table", parts, **given)


def scrolled(inside: str, label: str, *, kind: str = "scroll wide") -> str:
    """What may be larger than its place: it scrolls by itself, also by the keyboard."""
    return element("div", inside, class_=kind, tabindex="0", role="region", aria_label=label)


def _place(at: str) -> str:
    """A place in the document; it may bear a name with halves of letters, which no file can."""
    return escape(at.encode("utf-8", "backslashreplace").decode("utf-8"))


def told(x: Any, at: str, digits: int = 4) -> str:
    """A number of the document, as `<data>` that names its place there."""
    if x is None:
        return '<span class="muted">–</span>'
    number = number_of(x)
    return f'<data value="{escape(str(x))}" data-at="{_place(at)}">{figure(number, digits)}</data>'


def told_count(x: Any, at: str) -> str:
    """The same of a whole number, with commas."""
    return f'<data value="{int(x)}" data-at="{_place(at)}">{int(x):,}</data>'


def told_share(x: Any, at: str, places: int = 1) -> str:
    """The same as a percentage."""
    if x is None:
        return '<span class="muted">–</span>'
    shown = percent(number_of(x), places)
    return f'<data value="{escape(str(x))}" data-at="{_place(at)}">{escape(shown)}</data>'
