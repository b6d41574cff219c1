"""A run as a page that plays it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib import resources
from typing import Any

from tinygrad_nn.viz.choices import THEMES, checked_choice, checked_text, checked_whole
from tinygrad_nn.viz.movie.file import table
from tinygrad_nn.viz.movie.model import Column, Frame
from tinygrad_nn.viz.movie.scene import heat_style, picture
from tinygrad_nn.viz.page.assemble import assemble, shared, source
from tinygrad_nn.viz.page.inline import inline
from tinygrad_nn.viz.trace.model import Role, Trace
from tinygrad_nn.viz.wording import clean, number, shape_text, shorten

__all__ = ["movie_page"]

_LIMIT = 150
_DIGITS = 6
_WORDS = 160


def movie_page(
    trace: Trace,
    columns: Sequence[Column],
    frames: Sequence[Frame],
    *,
    title: str | None = None,
    level: str = "auto",
    theme: str = "auto",
    frame: int = 0,
) -> str:
    """The page as HTML text, which is the same for the same frames.

    Args:
        trace: The first pass.
        columns: What each frame has a number of.
        frames: The frames, at least one.
        title: Heading, instead of one with the name of what was traced.
        level: Level of the drawing, as for `tinygrad_nn.draw`.
        theme: "light", "dark", or "auto" for the reader's setting.
        frame: Which one is shown first, from 0; one after the last stands for the last.

    Raises:
        OptionError: A choice that there is none of.
    """
    checked_choice("movie", "theme", theme, THEMES)
    frame = checked_whole("movie", "frame", frame, 0)
    title = checked_text("movie", "title", title)
    drawing = picture(trace, columns, level, _LIMIT)
    svg, style = inline(drawing.svg)
    root = shorten(clean(trace.root.name)) or "a constant"
    heading = shorten(clean(title), _WORDS) if title else f"Training of {root}, pass by pass"
    scalar = trace.is_scalar
    return assemble(
        title=heading,
        body=_text("movie.html")
        .replace("<!--title-->", escape(heading))
        .replace("<!--about-->", escape(_about(trace, frames)))
        .replace("<!--graph-->", svg),
        styles=[source("theme.css"), _text("movie.css"), style, heat_style()],
        scripts=[
            *shared("dom.js", "words.js", "theme.js"),
            *(_text(name) for name in ("curve.js", "movie.js")),
        ],
        data={"movie": {
            "nodes": _nodes(trace, columns, drawing.boxes),
            "columns": [[c.what, c.figure] for c in columns],
            "frames": [[one.step, one.note] for one in frames],
            "numbers": table(frames, len(columns), None if scalar else _DIGITS),
            "slots": drawing.slots,
            "theme": theme,
            "frame": min(frame, len(frames) - 1),
        }},
    )  # fmt: skip


def _nodes(trace: Trace, columns: Sequence[Column], boxes: dict[int, str]) -> list[dict[str, Any]]:
    """Nodes with names, the result last."""
    held: dict[int, list[int]] = {}
    for k, c in enumerate(columns):
        held.setdefault(c.node, []).append(k)
    return [
        {
            "name": shorten(clean(r.name), 40),
            "about": shorten(clean(r.op or r.role.words)),
            "shape": shape_text(r.value.shape),
            "columns": held.get(r.key, []),
            "box": boxes.get(r.key),
            "role": r.role.value,
        }
        for r in trace.records
        if r.name
    ]


def _about(trace: Trace, frames: Sequence[Frame]) -> str:
    some = f"{len(frames)} frame{'' if len(frames) == 1 else 's'}"
    first, last = frames[0].step, frames[-1].step
    size = sum(r.value.size for r in trace.records if r.role is Role.PARAMETER)
    learned = f", {size:,} parameters" if size else ""
    return f"{some}, steps {number(first, 9)} to {number(last, 9)}; {trace.kept:,} nodes{learned}."


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")
