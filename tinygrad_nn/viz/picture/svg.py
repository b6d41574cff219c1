"""Scene and placement to SVG: one self-contained text without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from xml.sax.saxutils import escape

from tinygrad_nn.viz.picture.foot import MARGIN, Foot, foot
from tinygrad_nn.viz.picture.layout import Placement, Point
from tinygrad_nn.viz.picture.measure import known
from tinygrad_nn.viz.picture.nested import Frames
from tinygrad_nn.viz.picture.scene import (
    CELL_PADDING,
    COLUMN_GAP,
    PADDING,
    PILE,
    Arrow,
    Box,
    Frame,
    Line,
    Scene,
    Text,
)
from tinygrad_nn.viz.picture.style import style_sheet

__all__ = ["to_svg"]

_LEAST_WIDTH = 460
_LEAST_SCALE = 0.8
"""So far a picture shrinks in too little room; its texts can be read, so that it runs over then."""
_MOST_FOOT = 900
_ABOVE_FOOT = 20
_BAND = 26
"""Height of what is kept free in a frame for its title."""


def to_svg(scene: Scene, placement: Placement, theme: str = "auto", frames: Frames = ()) -> str:
    """SVG text.

    Args:
        scene: What to draw.
        placement: Where: of `scene.all_boxes` and `scene.links()`, in their order.
        theme: "light", "dark", or "auto" to follow the reader's setting.
        frames: Where the frames of the scene are, in their order.
    """
    inner = max(placement.width, _LEAST_WIDTH)
    left = MARGIN + (inner - placement.width) / 2
    end = foot(scene, min(inner, _MOST_FOOT), MARGIN + placement.height + _ABOVE_FOOT)
    width = inner + 2 * MARGIN
    height = placement.height + 2 * MARGIN + _ABOVE_FOOT + end.height
    body = [
        f'<rect class="ground" width="{_n(width)}" height="{_n(height)}" rx="6"/>',
        f'<g transform="translate({_n(left)} {MARGIN})">',
        *(_frame(f, place) for f, place in zip(scene.frames, frames, strict=True)),
        *_arrows(scene, placement),
        *_frame_titles(scene, placement, frames),
        *(_box(b, c) for b, c in zip(scene.all_boxes, placement.centres, strict=True)),
        "</g>",
        *_foot(end),
    ]
    # A page may hold several drawings: each has its own prefix, the same on every run.
    scope = "tg" + sha256("\n".join([theme, scene.title, *body]).encode()).hexdigest()[:8]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{scope}" role="img" '
        f'aria-labelledby="{scope}-title {scope}-desc" '
        f'width="{_n(width)}" height="{_n(height)}" viewBox="0 0 {_n(width)} {_n(height)}" '
        f'style="max-width: 100%; min-width: {_n(_LEAST_SCALE * width)}px; height: auto">',
        f'<title id="{scope}-title">{_safe(scene.title)}</title>',
        f'<desc id="{scope}-desc">{_safe(_description(scene))}</desc>',
        f"<style>\n{style_sheet(scope, theme, scene.heats() | end.heats)}</style>",
        _definitions(),
        *body,
        "</svg>",
        "",
    ]).replace("{scope}", scope)  # fmt: skip


def _safe(text: str) -> str:
    # Braces too, since the prefix is filled in last.
    return escape(text, {'"': "&quot;", "'": "&#39;", "{": "&#123;", "}": "&#125;"})


def _n(x: float) -> str:
    """Number with at most two decimals."""
    return f"{x:.2f}".rstrip("0").rstrip(".")


def _definitions() -> str:
    tips = "".join(
        f'<marker id="{{scope}}-{name}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" '
        'markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">'
        f'<path class="{name}" d="M0.5 0.8 L7.5 4 L0.5 7.2 z"/></marker>'
        for name in ("tip", "back-tip")
    )
    return (
        f'<defs>{tips}<pattern id="{{scope}}-hatch" width="5" height="5" '
        'patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<path class="stripe" stroke-width="2.5" d="M1 0 V5"/></pattern></defs>'
    )


def _description(scene: Scene) -> str:
    """The drawing in words, for those who hear it."""
    return " ".join([scene.about, *scene.alarms, *scene.notes]).strip()


# ── Arrows ──────────────────────────────────────────────────────────────────────────────


def _arrows(scene: Scene, placement: Placement) -> list[str]:
    curves = iter(placement.curves)
    pieces = [a.is_drawn + (a.label is not None) for a in scene.arrows]
    return [_arrow(a, [next(curves) for _ in range(count)])
            for a, count in zip(scene.arrows, pieces, strict=True)]  # fmt: skip


def _arrow(arrow: Arrow, curves: list[tuple[Point, ...]]) -> str:
    slot = "" if arrow.slot is None else f' data-slot="{arrow.slot}"'
    kind, tip = (' class="back"', "back-tip") if arrow.back else ("", "tip")
    if arrow.back:
        # A step of the backward pass leads from the result to what it was computed from.
        curves = [tuple(reversed(curve)) for curve in reversed(curves)]
    paths = [
        f'<path class="edge" d="{_path(curve)}"'
        + (f' marker-end="url(#{{scope}}-{tip})"' if curve is curves[-1] else "")
        + "/>"
        for curve in curves
    ]
    ends = f'data-from="{arrow.source}" data-to="{arrow.target}"{slot}'
    return f"<g{kind} {ends}>{''.join(paths)}</g>"


def _path(points: tuple[Point, ...]) -> str:
    """Path of Bézier pieces, those that are straight along an axis in short."""
    text, last = f"M{_n(points[0][0])} {_n(points[0][1])}", points[0]
    for k in range(1, len(points), 3):
        piece = points[k : k + 3]
        if all(x == last[0] for x, _ in piece):
            text += f"V{_n(piece[-1][1])}"
        elif all(y == last[1] for _, y in piece):
            text += f"H{_n(piece[-1][0])}"
        else:
            text += "C" + " ".join(f"{_n(x)} {_n(y)}" for x, y in piece)
        last = piece[-1]
    return text


# ── Frames ──────────────────────────────────────────────────────────────────────────────


def _frame(frame: Frame, place: tuple[float, float, float, float]) -> str:
    x, y, width, height = place
    return (
        f'<rect id="{{scope}}-{frame.key}" class="frame" x="{_n(x)}" y="{_n(y)}" '
        f'width="{_n(width)}" height="{_n(height)}" rx="9"/>'
    )


def _frame_titles(scene: Scene, placement: Placement, frames: Frames) -> list[str]:
    """The titles at the upper edges of the frames, the first place from the left on no arrow."""
    pieces = [curve[k : k + 4] for curve in placement.curves for k in range(0, len(curve) - 1, 3)]
    spans = [(min(x), max(x), min(y), max(y)) for x, y in (zip(*p, strict=True) for p in pieces)]
    found = []
    for frame, place in zip(scene.frames, frames, strict=True):
        left, top, width, _ = place
        taken = [
            (low, high)
            for low, high, upper, lower in spans
            if upper < top + _BAND and lower > top and high > left and low < left + width
        ]
        found.append(_frame_title(frame, sorted(taken), (left, top, left + width)))
    return found


def _frame_title(
    frame: Frame, taken: list[tuple[float, float]], place: tuple[float, float, float]
) -> str:
    """The texts of a title, together if there is room between the arrows, else one by one.

    What stands between the first and the last is for the tooltip only if there is no room.
    """
    left, top, right = place
    texts = frame.title.texts
    if not texts:
        return ""
    pieces = [texts]
    places = _apart(pieces, taken, left, right)
    for some in (texts, (texts[0], texts[-1])):
        if places is None:
            pieces = [(text,) for text in some]
            places = _apart(pieces, taken, left, right)
    if places is None:
        pieces, places = [texts], [left]
    words = (_words_at(some, x, top) for some, x in zip(pieces, places, strict=True))
    return f'<g class="title"><title>{_safe(frame.about)}</title>{"".join(words)}</g>'


def _apart(
    pieces: Sequence[Sequence[Text]], taken: list[tuple[float, float]], left: float, right: float
) -> list[float] | None:
    """Where each piece begins if all find room between the arrows."""
    found, at = [], left
    for texts in pieces:
        free = _free(taken, at, right, _title_width(texts))
        if free is None:
            return None
        found.append(free)
        at = free + _title_width(texts) - PADDING
    return found


def _title_width(texts: Sequence[Text]) -> float:
    return sum(text.width + 10 for text in texts) + PADDING


def _free(taken: list[tuple[float, float]], first: float, last: float, room: float) -> float | None:
    """Where something `room` wide begins that nothing `taken` runs through."""
    at = first
    for low, high in taken:
        if low >= at + room:
            break
        at = max(at, high)
    return at if at + room <= last else None


def _words_at(texts: Sequence[Text], x: float, y: float) -> str:
    """On a ground of their own, since there may be no place without an arrow."""
    parts, at = [], x + PADDING
    for text in texts:
        parts.append(_text(text, at, y + 14, "start"))
        at += text.width + 10
    ground = (
        f'<rect class="frame-title" x="{_n(x + 6)}" y="{_n(y + 4)}" width="{_n(at - x - 8)}" '
        'height="20" rx="4"/>'
    )
    return f"{ground}{''.join(parts)}"


# ── Boxes ───────────────────────────────────────────────────────────────────────────────


def _box(box: Box, centre: Point) -> str:
    x, y = centre[0] - box.width / 2, centre[1] - box.height / 2
    pile = PILE if box.kind == "repeat" else 0
    y, height = y + pile, box.height - pile
    gap = 6 if box.head else 0
    inner = height - (8 if box.kind != "label" else 4) - gap
    pitch = inner / max(1, len(box.lines))
    start = y + (height - inner - gap) / 2
    about = f"<title>{_safe(box.about)}</title>" if box.about else ""
    classes = box.kind.replace(" ", "-") + " alarm" * box.alarm
    texts = []
    for k, line in enumerate(box.lines):
        middle = start + pitch * (k + 0.5) + (gap if box.head and k >= box.head else 0)
        texts += _line(line, x, box, middle)
    shapes = _shape(box, centre, (x, y, height), start + pitch * box.head + gap / 2)
    nodes = f' data-nodes="{box.nodes}"' if box.nodes > 1 else ""
    inside = f"{about}{shapes}{''.join(texts)}"
    return f'<g id="{{scope}}-{box.key}" class="{classes}"{nodes}>{inside}</g>'


def _shape(box: Box, centre: Point, corner: tuple[float, float, int], rule: float) -> str:
    if box.kind == "label":
        return ""
    if box.is_round:
        at = f'cx="{_n(centre[0])}" cy="{_n(centre[1])}"'
        return f'<circle class="shape" {at} r="{box.width // 2}"/>'
    x, y, height = corner
    is_pill = box.kind in ("operation", "reference") and len(box.lines) == 1
    radius = 12 if is_pill else 7
    place = f'x="{_n(x)}" y="{_n(y)}" width="{box.width}" height="{height}" rx="{radius}"'
    shape = ""
    if box.kind == "repeat":
        # A pile of boxes: there are several.
        behind = f'width="{box.width - 2 * PILE}" height="{height}" rx="7"'
        shape += f'<rect class="shape" x="{_n(x + PILE)}" y="{_n(y - PILE)}" {behind}/>'
    shape += f'<rect class="shape" {place}/>'
    if box.head:
        shape += _head(x, y, box.width, rule - y)
    if box.alarm:
        shape += f'<rect class="hatch" {place} stroke="url(#{{scope}}-hatch)"/>'
    return shape


def _head(x: float, y: float, width: float, height: float, radius: float = 7) -> str:
    """Ground of the head of a box, and the line below it."""
    right, r = x + width - 0.6, radius - 0.6
    return (
        f'<path class="head" d="M{_n(x + 0.6)} {_n(y + height)}V{_n(y + 0.6 + r)}'
        f"a{_n(r)} {_n(r)} 0 0 1 {_n(r)} -{_n(r)}H{_n(right - r)}"
        f'a{_n(r)} {_n(r)} 0 0 1 {_n(r)} {_n(r)}V{_n(y + height)}z"/>'
        f'<path class="rule" d="M{_n(x)} {_n(y + height)}h{_n(width)}"/>'
    )


def _line(line: Line, x: float, box: Box, middle: float) -> list[str]:
    end = x + box.width - PADDING
    found = []
    if line.strip:
        found += _strip(line, x + box.width / 2, middle)
    if line.left is not None:
        found.append(_text(line.left, x + PADDING, middle, "start"))
    if line.middle is not None:
        found.append(_text(line.middle, x + box.width / 2, middle, "middle"))
    if line.column is not None:
        gap = COLUMN_GAP if box.column else 0
        found.append(_text(line.column, end - box.column - gap, middle, "end"))
    if line.right is not None:
        if line.right.heat is not None:
            found.append(_cell(line.right.heat, end - box.column, middle - 8, box.column, 16))
            end -= CELL_PADDING
        found.append(_text(line.right, end, middle, "end"))
    return found


def _cell(heat: int, x: float, y: float, width: float, height: float, about: str = "") -> str:
    """Coloured by the size of a gradient; hatched if it is not finite."""
    name = "odd" if heat < 0 else f"h{heat}"
    at = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
    tip = f"<title>{_safe(about)}</title>" if about else ""
    cell = f'<rect class="{name}" {at} rx="3">{tip}</rect>' if tip else (
        f'<rect class="{name}" {at} rx="3"/>')  # fmt: skip
    if heat < 0:
        cell += f'<rect fill="url(#{{scope}}-hatch)" opacity="0.3" {at} rx="3"/>'
    return cell


def _strip(line: Line, centre: float, middle: float) -> list[str]:
    step = line.strip_cell
    left = centre - step * len(line.strip) / 2
    cells = enumerate(zip(line.strip, line.abouts, strict=True))
    return [
        _cell(heat, left + step * k, middle - 7, max(1.0, step - 1.5), 14, about)
        for k, (heat, about) in cells
    ]


def _text(text: Text, x: float, middle: float, anchor: str) -> str:
    # The baseline by the height of digits: `dominant-baseline` is not known everywhere.
    y = middle + 0.36 * text.size
    style = "" if text.style == "plain" else f' class="{text.style}"'
    if text.heat is not None:
        style = f' class="{"odd-text" if text.heat < 0 else f"t{text.heat}"}"'
    # Letters of unknown width are held to the room that was left for them.
    room = text.width - (0 if text.heat is None else 2 * CELL_PADDING)
    held = "" if known(text.words) else f' textLength="{_n(room)}" lengthAdjust="spacingAndGlyphs"'
    at = f'x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}"'
    return f"<text {at}{style}{held}>{_safe(text.words)}</text>"


# ── Below the graph ─────────────────────────────────────────────────────────────────────


def _foot(end: Foot) -> list[str]:
    """The legend of what occurs, and the notes."""
    found = []
    for swatch in end.swatches:
        x, y, kind = swatch.x, swatch.y, swatch.kind
        if kind == "heat":
            found += [_cell(h, x + 10 * k, y, 10.5, 12) for k, h in enumerate(swatch.heats)]
        elif kind == "back":
            found.append(
                f'<g class="back"><path class="edge" d="M{_n(x + 28)} {_n(y + 6)}H{_n(x)}" '
                'marker-end="url(#{scope}-back-tip)"/></g>'
            )
        else:
            found.append(f'<g class="{kind}">{_sample(kind, x, y)}</g>')
        found.append(
            f'<text class="small muted" x="{_n(x + swatch.room)}" y="{_n(y + 10)}">'
            f"{_safe(swatch.words)}</text>"
        )
    for style, y, line in end.lines:
        found.append(f'<text class="small {style}" x="{MARGIN}" y="{_n(y)}">{_safe(line)}</text>')
    return found


def _sample(kind: str, x: float, y: float) -> str:
    """A small box of its kind."""
    radius = 6 if kind == "operation" else 3
    place = f'x="{_n(x)}" y="{_n(y)}" width="20" height="12" rx="{radius}"'
    shape = f'<rect class="shape" {place}/>'
    if kind == "repeat":
        behind = f'x="{_n(x + 2)}" y="{_n(y - 2)}" width="16" height="10" rx="3"'
        shape = f'<rect class="shape" {behind}/>{shape}'
    if kind in ("module", "repeat", "chain", "rest"):
        shape += _head(x, y, 20, 5, 3)
    return shape
