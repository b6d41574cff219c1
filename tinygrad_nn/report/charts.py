"""Line charts: a still SVG for paper and readers without scripts, a table, and room for a live one.

A chart names the columns of the document that it shows, such as `history/epochs/*/loss`. The
script of the page reads the same columns, so that no number stands in a page twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from tinygrad_nn.report.figures import figure, number_of, percent
from tinygrad_nn.report.markup import data_table, element, scrolled, told, told_share, words
from tinygrad_nn.train.axes import ticks, whole_ticks
from tinygrad_nn.viz.strict import strict

__all__ = ["Chart", "Series", "chart_data", "chart_figure", "key", "swatch"]

_WIDTH, _HEIGHT = 520, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 20, 14, 44
_WIDE, _TALL = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
_ROWS_MOST: Final = 400
"""Rows that a table of data has at most."""
_DOTS: Final = 40
_LOG_FROM: Final = 50.0
"""A greatest over a least number from which on the axis is logarithmic at first."""


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Attributes:
        name: For the legend.
        x, y: Columns of the document, with `*` for each row.
        step: Where `x` is empty: distance of the rows, counted from 1.
        hue: Which colour and dashes it has; None for those of its place in the chart.
    """

    name: str
    x: str
    y: str
    step: int = 0
    hue: int | None = None


@dataclass(frozen=True)
class Chart:
    """Lines over one axis.

    Attributes:
        id: Of its element.
        title: Its heading.
        along: What the horizontal axis counts.
        lines: The lines.
        share: Whether the numbers are shares of 1, printed as percentages.
        mark: Position of a line, x and word of a point to be marked.
        log: Whether the vertical axis is logarithmic at first; None decides by the numbers.
    """

    id: str
    title: str
    along: str
    lines: tuple[Series, ...]
    share: bool = False
    mark: tuple[int, float, str] | None = None
    log: bool | None = None
    note: str = field(default="")


def key(name: str) -> str:
    """A name as one part of a column's path."""
    return name.replace("~", "~0").replace("/", "~1").replace("*", "~2")


def column(document: Any, path: str) -> list[tuple[str, Any]]:
    """Place and value of each entry of a column; None where a row has none."""
    found = [("", document)]
    for part in path.split("/"):
        name = part.replace("~2", "*").replace("~1", "/").replace("~0", "~")
        found = [
            (f"{at}/{part if part != '*' else i}".lstrip("/"), value)
            for at, holder in found
            for i, value in _entries(holder, part, name)
        ]
    return found


def _entries(holder: Any, part: str, name: str) -> Iterator[tuple[Any, Any]]:
    if part == "*":
        yield from enumerate(holder)
    elif isinstance(holder, list):
        yield name, holder[int(name)]
    else:
        yield name, None if holder is None else holder.get(name)


def points_of(document: Any, line: Series) -> list[tuple[float, float, str]]:
    """x, y and place of each number of a line; NaN where there is none."""
    values = column(document, line.y)
    if line.step:
        places = [float(1 + i * line.step) for i in range(len(values))]
    else:
        places = [number_of(x) for _, x in column(document, line.x)]
    return [(x, number_of(y), at) for x, (at, y) in zip(places, values, strict=True)]


def chart_figure(document: Any, chart: Chart) -> str:
    """The whole of a chart, as HTML."""
    rows = [points_of(document, line) for line in chart.lines]
    log = _is_log(rows, chart)
    summary = _summary(chart, rows)
    caption = element("h3", words(chart.title), id=f"{chart.id}-title")
    switch = ""
    if _may_be_log(rows, chart):
        pressed = "true" if log else "false"
        switch = element("button", "Log scale", type="button", class_="log", aria_pressed=pressed)
    head = element("div", [caption, _legend(chart), switch], class_="chart-head")
    still = element("div", _still(chart, rows, log, summary), class_="still")
    live = element("div", "", class_="live", id=chart.id, role="img", aria_label=summary)
    note = element("p", chart.note, class_="note") if chart.note else ""
    read = element("p", "", class_="readout", aria_hidden="true")
    return element("figure", [head, still, live, read, note, _table(chart, rows)], class_="chart")


def chart_data(document: Any, chart: Chart) -> dict[str, Any]:
    """What the page's script needs to draw it, without the numbers."""
    rows = [points_of(document, line) for line in chart.lines]
    return {**asdict(chart), "log": _is_log(rows, chart)}


Rows = Sequence[Sequence[tuple[float, float, str]]]


def _finite(rows: Rows) -> list[float]:
    return [y for row in rows for _, y, _ in row if math.isfinite(y)]


def _may_be_log(rows: Rows, chart: Chart) -> bool:
    numbers = _finite(rows)
    above = [y for y in numbers if y > 0]
    # Where the logarithm is asked for, numbers that have none are left out of the line.
    is_whole = len(above) == len(numbers) or bool(chart.log)
    return is_whole and bool(above) and max(above) > min(above)


def _is_log(rows: Rows, chart: Chart) -> bool:
    if not _may_be_log(rows, chart):
        return False
    numbers = [y for y in _finite(rows) if y > 0]
    return max(numbers) / min(numbers) > _LOG_FROM if chart.log is None else chart.log


def _summary(chart: Chart, rows: Rows) -> str:
    """The chart in one sentence."""
    parts = []
    for line, row in zip(chart.lines, rows, strict=True):
        known = [(x, y) for x, y, _ in row if math.isfinite(y)]
        if known:
            (x0, y0), (x1, y1) = known[0], known[-1]
            way = f"from {_shown(chart, y0)} at {chart.along} {x0:g} to " if len(known) > 1 else ""
            parts.append(f"{line.name} {way}{_shown(chart, y1)} at {chart.along} {x1:g}")
    return f"{chart.title}: {'; '.join(parts) or 'no numbers'}"


def _shown(chart: Chart, y: float) -> str:
    return percent(y) if chart.share else figure(y)


def _legend(chart: Chart) -> str:
    items = (
        element("li", [swatch(_hue(line, i)), element("span", words(line.name))])
        for i, line in enumerate(chart.lines)
    )
    marked = []
    if chart.mark:
        ring = '<circle cx="14" cy="6" r="4.6" class="best"/>'
        picture = f'<svg class="swatch" viewBox="0 0 28 12" aria-hidden="true">{ring}</svg>'
        marked = [element("li", [picture, element("span", words(chart.mark[2]))])]
    return element("ul", [*items, *marked], class_="legend")


def _hue(line: Series, place: int) -> int:
    return place if line.hue is None else line.hue


def swatch(hue: int) -> str:
    """How a line is drawn, for a legend."""
    line = f'<line x1="1" y1="6" x2="27" y2="6" class="line s{hue % 6}"/>'
    return f'<svg class="swatch" viewBox="0 0 28 12" aria-hidden="true">{line}</svg>'


# ── The still picture ───────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Plane:
    """Where numbers are on the still picture."""

    first: float
    last: float
    low: float
    high: float
    log: bool

    def x(self, x: float) -> float:
        return _LEFT + _WIDE * (x - self.first) / (self.last - self.first)

    def y(self, y: float) -> float:
        low, high = self.low, self.high
        y = min(max(y, low), high)
        if self.log:
            low, high, y = math.log10(low), math.log10(high), math.log10(y)
        return _TOP + _TALL * (1 - (y - low) / (high - low))

    def at(self, x: float, y: float) -> tuple[float, float]:
        return self.x(x), self.y(y)


def _still(chart: Chart, rows: Rows, log: bool, summary: str) -> str:
    if log:
        rows = [[(x, y if y > 0 else math.nan, at) for x, y, at in row] for row in rows]
    numbers = _finite(rows)
    xs = [x for row in rows for x, _, _ in row]
    if not numbers or not xs:
        return element("p", "No numbers to draw.", class_="empty")
    low, high, marks = ticks(min(numbers), max(numbers), log)
    first, last = min(xs), max(xs)
    wholes = whole_ticks(first, last)
    if first == last:
        first, last = first - 1, last + 1
    plane = _Plane(first, last, low, high, log)
    parts = _axes(chart, plane, marks, wholes)
    for i, row in enumerate(rows):
        parts += _path(row, _hue(chart.lines[i], i), plane)
    if chart.mark:
        parts += _mark(chart, rows, plane)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{words(summary)}">'
        f"{''.join(parts)}</svg>"
    )


def _axes(chart: Chart, plane: _Plane, marks: Sequence[float], wholes: Sequence[int]) -> list[str]:
    """Lines across with their numbers, the numbers below, and what those count."""
    parts = []
    for mark in marks:
        y = plane.y(mark)
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
        )
        parts.append(
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" class="tick end">{_tick(chart, mark)}</text>'
        )
    at = 'y="{}" class="tick middle"'
    for whole in wholes:
        parts.append(f'<text x="{plane.x(whole):.1f}" {at.format(_HEIGHT - 22)}>{whole:,}</text>')
    middle = _LEFT + _WIDE / 2
    parts.append(f'<text x="{middle}" {at.format(_HEIGHT - 5)}>{words(chart.along)}</text>')
    return parts


def _path(row: Sequence[tuple[float, float, str]], hue: int, plane: _Plane) -> list[str]:
    parts, run = [], []
    known = sum(math.isfinite(y) for _, y, _ in row)
    for x, y, _ in [*row, (0.0, math.nan, "")]:
        if math.isfinite(y):
            run.append(plane.at(x, y))
            continue
        if len(run) > 1:
            points = " ".join(f"{a:.1f},{b:.1f}" for a, b in run)
            parts.append(f'<polyline points="{points}" class="line s{hue % 6}"/>')
        if len(run) == 1 or (known <= _DOTS and run):
            parts += [
                f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.6" class="dot s{hue % 6}"/>'
                for a, b in run
            ]
        run = []
    return parts


def _mark(chart: Chart, rows: Rows, plane: _Plane) -> list[str]:
    assert chart.mark is not None
    line, where, _ = chart.mark
    for x, y, _ in rows[line]:
        if x == where and math.isfinite(y):
            a, b = plane.at(x, y)
            return [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="5.5" class="best"/>']
    return []


def _tick(chart: Chart, mark: float) -> str:
    if chart.share:
        return f"{100 * mark:.6g} %"
    return figure(mark, 3)


# ── The table ───────────────────────────────────────────────────────────────────────────


def _table(chart: Chart, rows: Rows) -> str:
    places = sorted({x for row in rows for x, _, _ in row})
    every = max(1, -(-len(places) // _ROWS_MOST))
    shown = [x for i, x in enumerate(places) if i % every == 0 or x == places[-1]]
    known = [{x: (y, at) for x, y, at in row} for row in rows]
    tell = told_share if chart.share else told
    head = element(
        "tr",
        [element("th", words(chart.along), scope="col")]
        + [element("th", words(line.name), scope="col") for line in chart.lines],
    )
    body = []
    for x in shown:
        cells = [element("th", f"{x:,g}", scope="row")]
        for row in known:
            y, at = row.get(x, (math.nan, ""))
            value = None if not at or math.isnan(y) else y
            text = tell(strict(value), at) if value is not None else "NaN" if at else "–"
            cells.append(element("td", text))
        body.append(element("tr", cells))
    left_out = f", every {every}th row" if every > 1 else ""
    title = f"{chart.title}{left_out}"
    held = scrolled(data_table(title, head, body), title, kind="scroll")
    return element("details", [element("summary", "Data"), held], class_="data")
