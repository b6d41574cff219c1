"""Scene and placement to SVG: one self-contained text without scripts."""

from __future__ import annotations

from hashlib import sha256
from xml.sax.saxutils import escape

from tinygrad_nn.viz.picture.layout import Placement, Point
from tinygrad_nn.viz.picture.measure import known, text_width, wrapped
from tinygrad_nn.viz.picture.scene import LINE_HEIGHT, SMALL_SIZE, Arrow, Box, Line, Scene, Text
from tinygrad_nn.viz.picture.style import style_sheet

__all__ = ["to_svg"]

MARGIN = 16
PADDING = 10
_LEAST_WIDTH = 360
_NOTE_HEIGHT = 16
_KINDS = ("input", "parameter", "constant", "intermediate value", "operation", "result")


def to_svg(scene: Scene, placement: Placement, theme: str = "auto") -> str:
    """SVG text.

    Args:
        scene: What to draw.
        placement: Where: of `scene.all_boxes` and `scene.links()`, in their order.
        theme: "light", "dark", or "auto" to follow the reader's setting.
    """
    inner = max(placement.width, _LEAST_WIDTH)
    left = MARGIN + (inner - placement.width) / 2
    foot = _foot(scene, inner, MARGIN + placement.height + 24)
    width = inner + 2 * MARGIN
    height = placement.height + 2 * MARGIN + (24 + _foot_height(scene, inner))
    body = [
        f'<rect class="ground" width="{_n(width)}" height="{_n(height)}" rx="6"/>',
        f'<g transform="translate({_n(left)} {MARGIN})">',
        *_arrows(scene, placement),
        *(_box(b, c) for b, c in zip(scene.all_boxes, placement.centres, strict=True)),
        "</g>",
        *foot,
    ]
    # A page may hold several drawings: each has its own prefix, the same on every run.
    scope = "tg" + sha256("\n".join([theme, scene.title, *body]).encode()).hexdigest()[:8]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{scope}" role="img" '
        f'width="{_n(width)}" height="{_n(height)}" viewBox="0 0 {_n(width)} {_n(height)}" '
        'style="max-width: 100%; height: auto">',
        f"<title>{_safe(scene.title)}</title>",
        f"<desc>{_safe(_description(scene))}</desc>",
        f"<style>\n{style_sheet(scope, theme)}</style>",
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
    return (
        '<defs><marker id="{scope}-tip" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" '
        'markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">'
        '<path class="tip" d="M0.5 0.8 L7.5 4 L0.5 7.2 z"/></marker>'
        '<pattern id="{scope}-hatch" width="5" height="5" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><path class="stripe" stroke-width="2.5" d="M1 0 V5"/>'
        "</pattern></defs>"
    )


def _description(scene: Scene) -> str:
    """The drawing in words, for those who hear it."""
    nodes = [b for b in scene.boxes if b.kind not in ("operation", "left out")]
    result = next((b for b in reversed(nodes) if b.kind != "constant"), nodes[-1])
    return f"{len(nodes)} values. {result.about}. {' '.join(scene.notes)}".strip()


# ── Arrows ──────────────────────────────────────────────────────────────────────────────


def _arrows(scene: Scene, placement: Placement) -> list[str]:
    curves = iter(placement.curves)
    return [_arrow(a, [next(curves) for _ in range(1 if a.label is None else 2)])
            for a in scene.arrows]  # fmt: skip


def _arrow(arrow: Arrow, curves: list[tuple[Point, ...]]) -> str:
    slot = "" if arrow.slot is None else f' data-slot="{arrow.slot}"'
    paths = [
        f'<path class="edge" d="{_path(curve)}"'
        + (' marker-end="url(#{scope}-tip)"' if curve is curves[-1] else "")
        + "/>"
        for curve in curves
    ]
    return f'<g data-from="{arrow.source}" data-to="{arrow.target}"{slot}>{"".join(paths)}</g>'


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


# ── Boxes ───────────────────────────────────────────────────────────────────────────────


def _box(box: Box, centre: Point) -> str:
    x, y = centre[0] - box.width / 2, centre[1] - box.height / 2
    place = f'x="{_n(x)}" y="{_n(y)}" width="{box.width}" height="{box.height}"'
    shape = ""
    if box.is_round:
        at = f'cx="{_n(centre[0])}" cy="{_n(centre[1])}"'
        shape = f'<circle class="shape" {at} r="{box.width // 2}"/>'
    elif box.kind != "label":
        corner = 12 if box.kind == "operation" and len(box.lines) == 1 else 7
        shape = f'<rect class="shape" {place} rx="{corner}"/>'
        if box.alarm:
            shape += f'<rect class="hatch" {place} rx="{corner}" stroke="url(#{{scope}}-hatch)"/>'
    about = f"<title>{_safe(box.about)}</title>" if box.about else ""
    classes = box.kind.replace("intermediate ", "").replace(" ", "-") + " alarm" * box.alarm
    inner = box.height - (8 if box.kind != "label" else 4)
    pitch = inner / len(box.lines)
    texts = []
    for k, line in enumerate(box.lines):
        middle = y + (box.height - inner) / 2 + pitch * (k + 0.5)
        texts += _line(line, x, box.width, middle)
    return f'<g id="{{scope}}-{box.key}" class="{classes}">{about}{shape}{"".join(texts)}</g>'


def _line(line: Line, x: float, width: int, middle: float) -> list[str]:
    places = (
        (line.left, x + PADDING, "start"),
        (line.middle, x + width / 2, "middle"),
        (line.right, x + width - PADDING, "end"),
    )
    return [_text(t, at, middle, anchor) for t, at, anchor in places if t is not None]


def _text(text: Text, x: float, middle: float, anchor: str) -> str:
    # The baseline by the height of digits: `dominant-baseline` is not known everywhere.
    y = middle + 0.36 * text.size
    style = "" if text.style == "plain" else f' class="{text.style}"'
    # Letters of unknown width are held to the room that was left for them.
    held = f' textLength="{_n(text.width)}" lengthAdjust="spacingAndGlyphs"'
    if known(text.words):
        held = ""
    at = f'x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}"'
    return f"<text {at}{style}{held}>{_safe(text.words)}</text>"


# ── Below the graph ─────────────────────────────────────────────────────────────────────


def _present(scene: Scene) -> list[str]:
    kinds = {box.kind for box in scene.boxes}
    return [kind for kind in _KINDS if kind in kinds]


def _legend(scene: Scene, width: float) -> list[tuple[str, float, int]]:
    """Kinds with the place and row of each in the legend."""
    x, row, found = 0.0, 0, []
    for kind in _present(scene):
        needed = 26 + text_width(kind, SMALL_SIZE) + 14
        if x and x + needed > width:
            x, row = 0.0, row + 1
        found.append((kind, x, row))
        x += needed
    return found


def _notes(scene: Scene, width: float) -> list[str]:
    return [line for note in scene.notes for line in wrapped(note, SMALL_SIZE, width)]


def _foot_height(scene: Scene, width: float) -> int:
    rows = max((row for _, _, row in _legend(scene, width)), default=-1) + 1
    return LINE_HEIGHT * rows + _NOTE_HEIGHT * len(_notes(scene, width))


def _foot(scene: Scene, width: float, top: float) -> list[str]:
    """The legend of the kinds of boxes that occur, and the notes."""
    found, rows = [], 0
    for kind, x, row in _legend(scene, width):
        rows = row + 1
        y = top + LINE_HEIGHT * row
        name = kind.replace("intermediate ", "")
        found.append(
            f'<g class="{name}"><rect class="shape" x="{_n(MARGIN + x)}" y="{_n(y)}" width="20" '
            f'height="12" rx="{6 if kind == "operation" else 3}"/></g>'
            f'<text class="small muted" x="{_n(MARGIN + x + 26)}" y="{_n(y + 10)}">{kind}</text>'
        )
    start = top + LINE_HEIGHT * rows
    for k, line in enumerate(_notes(scene, width)):
        y = start + _NOTE_HEIGHT * k + 12
        found.append(f'<text class="small muted" x="{MARGIN}" y="{_n(y)}">{_safe(line)}</text>')
    return found
