"""`Sheet`: a small SVG writer for the pictures of a run, in light and dark."""

from __future__ import annotations

import base64
import math
from hashlib import sha256
from typing import Any, Final
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.train.png import png

__all__ = ["LEVELS", "Sheet", "diverging", "grey", "shade"]

LEVELS: Final = 8
"""Shades of a heat map, from `blue1` and `orange1` (faint) to `blue8` and `orange8`."""

_FONT: Final = "'DejaVu Sans', Verdana, sans-serif"
_ZOOM: Final = 4
# Blue and orange are told apart by all kinds of colour-blind eyes.
_LIGHT: Final = {
    "ground": "#ffffff", "text": "#1f2328", "muted": "#57606a", "line": "#d0d7de",
    "cell": "#f3f5f7", "blue": "#0072b2", "orange": "#c85200",
}  # fmt: skip
_DARK: Final = {
    "ground": "#16191d", "text": "#e8ecf0", "muted": "#a3adb8", "line": "#3d444d",
    "cell": "#22272e", "blue": "#79c0ff", "orange": "#ffb46b",
}  # fmt: skip
# Black and white contrast equally with this luminance: 1.05 / (x + 0.05) = (x + 0.05) / 0.05.
_HALF_WAY: Final = 0.179
_LINEAR_BELOW: Final = 0.04045
_BLUE: Final = np.array([0, 114, 178])
_ORANGE: Final = np.array([217, 95, 2])
_PALE: Final = np.array([247, 247, 247])


def shade(count: int, whole: int, *, is_right: bool) -> int:
    """Shade of a count of answers, 0 for none; the root shows one example beside hundreds.

    The darkest blue is the whole row, the darkest orange a tenth of it: of mistakes there are
    few, and they are to be told apart.
    """
    share = count / (whole if is_right else whole / 10) if count else 0.0
    return math.ceil(LEVELS * math.sqrt(min(share, 1.0)))


class Sheet:
    """Collects shapes and texts; `svg()` gives the file.

    Args:
        width: in pixels.
        title: the heading, and the name for those who hear the picture.
        note: a line below the heading, muted.
    """

    top: Final = 64

    def __init__(self, width: float, title: str, note: str = "") -> None:
        self.width, self.height = width, float(self.top)
        self._title, self._note = title, note
        self._parts: list[str] = []
        self.text(20, 30, title, "heading", "start")
        if note:
            self.text(20, 50, note, "muted", "start")

    def text(self, x: float, y: float, words: str, style: str = "", anchor: str = "middle") -> None:
        """Write `words` with their baseline at y."""
        named = f' class="{style}"' if style else ""
        at = f'x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}"'
        self._add(y + 8, f"<text {at}{named}>{_safe(words)}</text>")

    def box(
        self, x: float, y: float, width: float, height: float, style: str, about: str = ""
    ) -> None:
        """Draw a filled box; `about` appears when a pointer rests on it."""
        size = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
        hint = f"<title>{_safe(about)}</title>" if about else ""
        self._add(y + height, f'<rect {size} rx="3" class="{style}">{hint}</rect>')

    def line(self, points: list[tuple[float, float]], style: str) -> None:
        """Draw a line through `points`."""
        path = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
        self._add(max(y for _, y in points), f'<polyline points="{path}" class="{style}"/>')

    def dot(self, x: float, y: float, style: str, about: str = "") -> None:
        """Draw a small disc."""
        hint = f"<title>{_safe(about)}</title>" if about else ""
        at = f'cx="{_n(x)}" cy="{_n(y)}" r="3"'
        self._add(y, f'<circle {at} class="{style}">{hint}</circle>')

    def image(
        self, x: float, y: float, pixels: NDArray[Any], width: float, height: float, about: str
    ) -> None:
        """Draw uint8 pixels, (rows, columns) or (rows, columns, 3), in a frame."""
        # Enlarged here, since not every viewer can be told to leave the pixels square.
        large = pixels.repeat(_ZOOM, axis=0).repeat(_ZOOM, axis=1)
        content = base64.b64encode(png(large)).decode()
        size = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
        self._add(
            y + height,
            f'<image {size} preserveAspectRatio="none" href="data:image/png;base64,{content}">'
            f'<title>{_safe(about)}</title></image><rect {size} class="frame"/>',
        )

    def svg(self) -> str:
        """Return the picture as one self-contained text."""
        width, height = _n(self.width), _n(self.height + 16)
        body = "\n".join(self._parts)
        # A page may hold several pictures: each has rules of its own.
        scope = "tg" + sha256(body.encode()).hexdigest()[:8]
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" id="{scope}" role="img" width="{width}" '
            f'height="{height}" viewBox="0 0 {width} {height}" '
            'style="max-width: 100%; height: auto">\n'
            f"<title>{_safe(self._title)}</title>\n<desc>{_safe(self._note)}</desc>\n"
            f"<style>\n{_style(scope)}</style>\n"
            f'<rect width="{width}" height="{height}" rx="6" class="ground"/>\n{body}\n</svg>\n'
        )

    def _add(self, bottom: float, part: str) -> None:
        self.height = max(self.height, bottom)
        self._parts.append(part)


def grey(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Return pixels of `image`, 0 paper to 1 ink: dark ink on light paper."""
    shades: NDArray[np.uint8] = np.rint(255 * (1 - np.clip(image, 0, 1))).astype(np.uint8)
    return shades


def diverging(values: NDArray[Any], limit: float) -> NDArray[np.uint8]:
    """Return colours of `values`: orange at -limit, nearly white at 0, blue at limit."""
    share = np.clip(values / limit, -1, 1)[..., None]
    ends = np.where(share > 0, _BLUE, _ORANGE)
    colours: NDArray[np.uint8] = np.rint(_PALE + np.abs(share) * (ends - _PALE)).astype(np.uint8)
    return colours


def _style(scope: str) -> str:
    fixed = {
        "text": f"font-family: {_FONT}; font-size: 12px",
        ".heading": "font-size: 16px; font-weight: bold",
        ".name": "font-weight: bold",
        ".frame": "fill: none; stroke-width: 1",
        ".curve": "fill: none; stroke-width: 2; stroke-linejoin: round",
        ".rule": "fill: none; stroke-width: 1",
    }
    dark = _rules(scope, _colours(_DARK), "  ")
    return (
        _rules(scope, fixed)
        + _rules(scope, _colours(_LIGHT))
        + f"@media (prefers-color-scheme: dark) {{\n{dark}}}\n"
    )


def _colours(palette: dict[str, str]) -> dict[str, str]:
    rules = {
        ".ground": f"fill: {palette['ground']}",
        "text": f"fill: {palette['text']}",
        "text.muted": f"fill: {palette['muted']}",
        ".cell": f"fill: {palette['cell']}",
        ".frame": f"stroke: {palette['line']}",
        ".rule": f"stroke: {palette['line']}",
    }
    for hue in ("blue", "orange"):
        rules[f"text.{hue}"] = f"fill: {palette[hue]}"
        rules[f".curve.{hue}"] = f"stroke: {palette[hue]}"
        rules[f"circle.{hue}"] = f"fill: {palette[hue]}"
        for level in range(1, LEVELS + 1):
            shade = _mixed(palette["cell"], palette[hue], level / LEVELS)
            rules[f".{hue}{level}"] = f"fill: {shade}"
            rules[f"text.on-{hue}{level}"] = f"fill: {_readable_on(shade)}"
    return rules


def _mixed(start: str, end: str, share: float) -> str:
    pairs = ((int(start[i : i + 2], 16), int(end[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in pairs)


def _readable_on(shade: str) -> str:
    """Black or white, whichever contrasts more: at least 4.5 on every colour (WCAG 2.2)."""
    return "#000000" if luminance(shade) > _HALF_WAY else "#ffffff"


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb`, 0 black to 1 white (WCAG 2.2, linear sRGB)."""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [p / 12.92 if p <= _LINEAR_BELOW else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _rules(scope: str, rules: dict[str, str], indent: str = "") -> str:
    return "".join(f"{indent}#{scope} {name} {{ {rule}; }}\n" for name, rule in rules.items())


def _safe(text: str) -> str:
    # XML has no way to write control characters.
    return escape("".join(c if c.isprintable() else "\ufffd" for c in text), {'"': "&quot;"})


def _n(x: float) -> str:
    return f"{x:.2f}".rstrip("0").rstrip(".")
