"""Small still pictures of a report: heat map, histograms, sparklines, bands, boundaries."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tinygrad_nn.report.figures import figure, number_of
from tinygrad_nn.report.film import HUES
from tinygrad_nn.report.markup import words
from tinygrad_nn.viz.picture.style import DARK, HEAT_STEPS, LIGHT, heat_colours, heat_step

__all__ = ["band", "colour_rules", "frame", "heat_strip", "histogram", "sparkline"]

_COLUMNS: Final = 240


def colour_rules() -> str:
    """Style sheet of the shades of gradient norms and of the classes.

    The shades are those of the drawings, so that a norm has one colour everywhere.
    """
    rules = [f".p{i} {{ fill: rgb{hue}; }}" for i, hue in enumerate(HUES)]
    for step in range(HEAT_STEPS + 1):
        light, dark = heat_colours(step, LIGHT)[0], heat_colours(step, DARK)[0]
        rules.append(f".h{step} {{ fill: light-dark({light}, {dark}); }}")
    return "\n".join(rules)


def heat_strip(rows: Sequence[Mapping[str, Any]], j: int, about: str) -> str:
    """Gradient norms of one layer, a cell for each epoch; where there is no number, no cell.

    Neighbours of one shade are one rectangle.
    """
    every = max(1, -(-len(rows) // _COLUMNS))
    chosen = [row for i, row in enumerate(rows) if i % every == 0 or i == len(rows) - 1]
    found = [row["gradient"][j] for row in chosen]
    shades = [-1 if x is None else heat_step(number_of(x)) for x in found]
    parts, start = [], 0
    for i in range(1, len(shades) + 1):
        if i == len(shades) or shades[i] != shades[start]:
            if shades[start] >= 0:
                place = f'x="{start}" width="{i - start}" height="1"'
                parts.append(f'<rect {place} class="h{shades[start]}"/>')
            start = i
    holes = " holes" if -1 in shades else ""
    return (
        f'<svg viewBox="0 0 {len(chosen)} 1" preserveAspectRatio="none" role="img" '
        f'aria-label="{words(about)}" class="strip{holes}" shape-rendering="crispEdges">'
        f"{''.join(parts)}</svg>"
    )


def histogram(
    first: Mapping[str, Any] | None, last: Mapping[str, Any], epochs: tuple[int, int], about: str
) -> str:
    """What a layer gave in the last epoch, filled, over the first one, as a line."""
    both = [one for one in (first, last) if one]
    low = min(number_of(one["low"]) for one in both)
    high = max(number_of(one["high"]) for one in both)
    width, tall, edge = 240, 84, 8
    span = high - low or 1.0

    def shape(one: Mapping[str, Any]) -> list[tuple[float, float]]:
        counts, a, b = one["counts"], number_of(one["low"]), number_of(one["high"])
        total, bin_wide = sum(counts) or 1, (b - a) / max(len(counts), 1) or 1.0
        # The root keeps one high bar, such as the zeros of a ReLU, from hiding all others.
        dense = [math.sqrt(c / total / bin_wide) for c in counts]
        return [
            (edge + (width - 2 * edge) * (a + (b - a) * k / len(counts) - low) / span, d)
            for i, d in enumerate(dense)
            for k in (i, i + 1)
        ]

    top = max(d for one in both for _, d in shape(one)) or 1.0
    zero = edge + (width - 2 * edge) * (0 - low) / span
    parts = []
    if low < 0 < high:
        parts.append(f'<line x1="{zero:.1f}" x2="{zero:.1f}" y1="4" y2="{tall}" class="grid"/>')
    for one, style in ((last, "area s0"), (first, "outline")):
        if one:
            path = [(x, tall - (tall - 8) * d / top) for x, d in shape(one)]
            path = [(path[0][0], tall), *path, (path[-1][0], tall)]
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in path)
            tag = "polygon" if style.startswith("area") else "polyline"
            parts.append(f'<{tag} points="{points}" class="{style}"/>')
    parts.append(f'<line x1="{edge}" x2="{width - edge}" y1="{tall}" y2="{tall}" class="axis"/>')
    parts.append(f'<text x="{edge}" y="{tall + 15}" class="tick">{figure(low, 2)}</text>')
    parts.append(
        f'<text x="{width - edge}" y="{tall + 15}" class="tick end">{figure(high, 2)}</text>'
    )
    if low < 0 < high and 40 < zero < width - 40:
        parts.append(f'<text x="{zero:.1f}" y="{tall + 15}" class="tick middle">0</text>')
    return _svg(width, tall + 20, about, parts)


def sparkline(values: Sequence[Any], about: str) -> str:
    """A line without axes, of logarithms."""
    numbers = [math.nan if x is None else number_of(x) for x in values]
    known = [(i, math.log10(x)) for i, x in enumerate(numbers) if math.isfinite(x) and x > 0]
    width, tall = 96, 26
    if not known:
        return '<span class="muted">–</span>'
    low, high = min(y for _, y in known), max(y for _, y in known)
    # Less than a tenth up or down is no news: it stays a flat line.
    span, middle = max(high - low, 0.2), (high + low) / 2
    points = [
        (
            4 + (width - 8) * i / max(len(numbers) - 1, 1),
            tall / 2 - (tall - 8) * (y - middle) / span,
        )
        for i, y in known
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    parts = [f'<polyline points="{line}" class="line s0"/>'] * (len(points) > 1)
    parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" class="dot s0"/>')
    return _svg(width, tall, about, parts, "spark")


def band(ratio: Any, about: str) -> str:
    """Where an update ratio lies between 1e-7 and 1, the healthy band shaded."""
    width, tall = 126, 26

    def at(power: float) -> float:
        return 4 + (width - 8) * (min(max(power, -7), 0) + 7) / 7

    parts = [
        f'<line x1="4" x2="{width - 4}" y1="13" y2="13" class="axis"/>',
        f'<rect x="{at(-4):.1f}" y="5" width="{at(-2) - at(-4):.1f}" height="16" class="band"/>',
    ]
    x = math.nan if ratio is None else number_of(ratio)
    if x > 0:
        place = at(math.log10(x) if math.isfinite(x) else 0)
        parts.append(f'<circle cx="{place:.1f}" cy="13" r="4.5" class="needle"/>')
    return _svg(width, tall, about, parts, "spark")


def frame(film: Mapping[str, Any], one: Mapping[str, Any], about: str) -> str:
    """One boundary, with the examples on it; each class has a colour and a shape."""
    left, right, low, high = (number_of(x) for x in film["span"])
    side = 200
    parts = [
        f'<image width="{side}" height="{side}" preserveAspectRatio="none" '
        f'href="data:image/png;base64,{one["png"]}"/>'
    ]
    for x, y, c in film["points"]:
        if x is None or y is None:
            continue
        a = side * (number_of(x) - left) / ((right - left) or 1)
        b = side * (1 - (number_of(y) - low) / ((high - low) or 1))
        if 0 <= a <= side and 0 <= b <= side:
            parts.append(_point(a, b, c or 0))
    return _svg(side, side, about, parts, "frame")


def _point(a: float, b: float, c: int) -> str:
    style = f'class="point p{c % len(HUES)}"'
    match c % 3:
        case 0:
            return f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" {style}/>'
        case 1:
            return f'<rect x="{a - 2.7:.1f}" y="{b - 2.7:.1f}" width="5.4" height="5.4" {style}/>'
        case _:
            return f'<path d="M{a:.1f} {b - 3.6:.1f}l3.4 6h-6.8z" {style}/>'


def _svg(width: float, height: float, about: str, parts: Sequence[str], style: str = "") -> str:
    named = f' class="{style}"' if style else ""
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{words(about)}"{named}>'
        f"{''.join(parts)}</svg>"
    )
