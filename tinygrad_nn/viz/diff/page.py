"""Two passes as a page: both drawings, and a table to sort and search."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from importlib import resources
from typing import Any

from tinygrad_nn.errors import OptionError
from tinygrad_nn.viz.choices import THEMES, checked_choice, checked_text
from tinygrad_nn.viz.diff.drawing import Side, marked, style, views
from tinygrad_nn.viz.diff.figures import Change
from tinygrad_nn.viz.diff.model import MARKS, Comparison, Pair
from tinygrad_nn.viz.diff.table import verdict
from tinygrad_nn.viz.diff.words import change_words, figure_words, label
from tinygrad_nn.viz.page.assemble import assemble, shared, source
from tinygrad_nn.viz.page.inline import inline
from tinygrad_nn.viz.picture.placing import svg_of
from tinygrad_nn.viz.trace.model import Record, Trace
from tinygrad_nn.viz.view.model import View
from tinygrad_nn.viz.wording import clean, counted, shorten

__all__ = ["diff_page", "drawn"]

_LIMIT = 150
_ROWS = 20_000
_WORDS = 160
_SIDES = ("Before", "After")


def diff_page(
    d: Comparison,
    *,
    title: str | None = None,
    names: Sequence[str] = _SIDES,
    level: str = "auto",
    theme: str = "auto",
) -> str:
    """The page as HTML text, which is the same for the same passes.

    Args:
        d: The two passes.
        title: Heading, instead of one with the names of what was traced.
        names: What to call the passes.
        level: Level of the drawings, as for `tinygrad_nn.draw`.
        theme: "light", "dark", or "auto" for the reader's setting.

    Raises:
        OptionError: A choice that there is none of.
    """
    checked_choice("compare", "theme", theme, THEMES)
    title = checked_text("compare", "title", title)
    given: Any = names
    if isinstance(given, str) or not isinstance(given, Sequence) or len(given) != len(_SIDES):
        raise OptionError(f"compare: got names={names!r:.60}, expected two texts")
    for name in names:
        checked_text("compare", "names", name)
    roots = [shorten(clean(t.root.name)) or "a constant" for t in (d.before, d.after)]
    both = roots[0] if roots[0] == roots[1] else " and ".join(roots)
    heading = shorten(clean(title), _WORDS) if title else f"Two passes of {both}"
    pictures, styles, boxes = _pictures(d, level)
    called = [shorten(clean(name or side)) for name, side in zip(names, _SIDES, strict=True)]
    return assemble(
        title=heading,
        body=_body(d, heading, called, pictures),
        styles=[source("theme.css"), _text("diff.css"), *styles],
        scripts=[*shared("dom.js", "theme.js"), _text("diff.js")],
        data={"diff": {
            "rows": _rows(d, boxes), "theme": theme,
            "marks": MARKS,
        }},
    )  # fmt: skip


def _pictures(d: Comparison, level: str) -> tuple[list[str], list[str], list[dict[int, str]]]:
    pictures, styles, boxes = [], [], []
    for k, shown in enumerate(views(d, level, _LIMIT)):
        scene, marks = marked(shown, Side(d, after=bool(k)))
        svg = svg_of(scene)
        scope = svg.partition('id="')[2].partition('"')[0]
        for key, mark in marks.items():
            group = f'<g id="{scope}-{key}" class="'
            svg = svg.replace(group, f"{group}m-{mark} ", 1)
        svg = svg.replace("</style>", f"{style(scope, 'auto')}</style>", 1)
        picture, sheet = inline(svg)
        pictures.append(picture)
        styles.append(sheet)
        boxes.append(drawn(shown, scope))
    return pictures, styles, boxes


def drawn(shown: View, scope: str) -> dict[int, str]:
    """For each record the id of the box that it is in."""
    return {key: f"{scope}-{part.key}" for part in shown.parts for key in part.nodes}


# ── The table ───────────────────────────────────────────────────────────────────────────


def _rows(d: Comparison, boxes: list[dict[int, str]]) -> list[dict[str, Any]]:
    """A row for each node of both passes, in the order of the computation."""
    rows: list[tuple[float, dict[str, Any]]] = []
    for pair in d.pairs:
        rows.append((pair.after.key, _paired(d, pair, boxes)))
    at = {pair.before.key: float(pair.after.key) for pair in d.pairs}
    last = -1.0
    for r in d.before.records:
        last = at.get(r.key, last)
        if r.key not in at:
            rows.append((last + 0.5, _lone(d.before, r, "absent", boxes[0])))
    rows += [(r.key, _lone(d.after, r, "new", boxes[1])) for r in d.new]
    rows.sort(key=lambda row: row[0])
    return [row for _, row in rows[:_ROWS]]


def _paired(d: Comparison, pair: Pair, boxes: list[dict[int, str]]) -> dict[str, Any]:
    mark = "changed" if pair.is_changed or pair.rewired else "same"
    found = _node(d.after, pair.after) | {
        "mark": mark,
        "value": _cells(pair.value),
        "gradient": _cells(pair.gradient),
        "boxes": [boxes[0].get(pair.before.key), boxes[1].get(pair.after.key)],
    }
    if pair.rewired:
        found["rewired"] = True
    if label(pair.before) != label(pair.after):
        found["was"] = label(pair.before)
    return found


def _lone(trace: Trace, r: Record, mark: str, boxes: dict[int, str]) -> dict[str, Any]:
    box = boxes.get(r.key)
    side = 1 if mark == "new" else 0
    return _node(trace, r) | {
        "mark": mark,
        "value": _one(figure_words(r.value), side),
        "gradient": None if r.gradient is None else _one(figure_words(r.gradient), side),
        "boxes": [None, box] if side else [box, None],
    }


def _node(trace: Trace, r: Record) -> dict[str, Any]:
    path = "" if r.scope is None else trace.scopes[r.scope].path
    return {
        "name": label(r),
        "op": shorten(clean(r.op or r.role.words)),
        "module": shorten(clean(path), 40),
    }


def _one(words: str, side: int) -> list[Any]:
    return ["", words, "", -1] if side else [words, "", "", -1]


def _cells(c: Change | None) -> list[Any] | None:
    """Before, after, change in words, and what to sort by."""
    if c is None:
        return None
    size = 1e300 if math.isinf(c.relative) else c.relative
    after = figure_words(c.after)
    if figure_words(c.before)[:1] == "‖" and not c.is_same:
        after = after.removeprefix("‖·‖ ")
    return [figure_words(c.before), after, change_words(c), size]


# ── The page ────────────────────────────────────────────────────────────────────────────


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _body(d: Comparison, heading: str, names: list[str], pictures: list[str]) -> str:
    first = verdict(d)
    counts = {
        "changed": len(d.changed), "new": len(d.new), "absent": len(d.absent),
        "same": len(d.unchanged),
    }  # fmt: skip
    chips = "".join(
        f'<li class="chip m-{mark}"><strong>{n:,}</strong> {MARKS[mark]}</li>'
        for mark, n in counts.items()
        if n
    )
    notes = "".join(f"<p>{escape(note)}</p>" for note in [*_parting(d), *d.notes])
    panes = "".join(
        f'<section aria-labelledby="pass-{k}"><h2 id="pass-{k}">{escape(names[k])}</h2>'
        f'<p class="muted">{escape(_size(trace))}</p>'
        f'<div class="drawing" tabindex="0" role="region" aria-label="Drawing: '
        f'{escape(names[k])}">{pictures[k]}</div></section>'
        for k, trace in enumerate((d.before, d.after))
    )
    return (
        f'<header><h1>{escape(heading)}</h1><p class="verdict">{escape(first[0].upper())}'
        f'{escape(first[1:])}.</p><ul class="chips">{chips}</ul><div class="notes">{notes}</div>'
        f'</header>\n<main><div class="passes">{panes}</div>\n'
        f"{_text('diff.html')}</main>"
    )


def _parting(d: Comparison) -> list[str]:
    """Where the two computations part."""
    pair = d.first_difference()
    if pair is None:
        return []
    what = "value" if pair.value and not pair.value.within(d.rtol, d.atol) else "gradient"
    change = pair.value if what == "value" else pair.gradient
    line = f", made at {clean(pair.after.line)}" if pair.after.line else ""
    return [f"The first node that differs is {label(pair.after)}{line}: its {what}, by "
            f"{change_words(change)}."]  # fmt: skip


def _size(trace: Trace) -> str:
    steps = sum(e.step is not None for e in trace.edges)
    words = f"{counted(trace.kept, 'node')}, {counted(steps, 'backward step')}"
    return f"{words}, result {figure_words(trace.root.value)}"
