"""Colours of the drawings, for light and dark surroundings, and their style sheet.

Blue and orange are signs, and always stand beside ▲ and ▼; purple is the backward pass: its
arrows, its current step, and how large its gradients are. Every text has a contrast of at
least 4.5 to what it stands on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tinygrad_nn.viz.picture.measure import FONT

__all__ = ["DARK", "HEAT_STEPS", "LIGHT", "Palette", "contrast", "heat_colours", "heat_step",
           "style_sheet"]  # fmt: skip

HEAT_STEPS = 20
"""Steps of the scale of gradient norms, half a power of ten each, from 1e-8 to 1e2."""
_FAINTEST = -8
_READABLE = 4.6
_DARKEST = 0.04045


@dataclass(frozen=True)
class Palette:
    """Colours by what they are for."""

    ground: str
    text: str
    muted: str
    plus: str
    minus: str
    edge: str
    line: str
    input_fill: str
    input_line: str
    parameter_fill: str
    parameter_line: str
    value_fill: str
    result_fill: str
    result_text: str
    result_muted: str
    result_plus: str
    result_minus: str
    alarm: str
    alarm_fill: str
    step: str
    head: str
    frame: str
    frame_line: str
    heat: tuple[str, str, str]


LIGHT = Palette(
    ground="#ffffff", text="#1f2328", muted="#57606a", plus="#0a58b8", minus="#a54100",
    edge="#6e7781", line="#8c959f",
    input_fill="#ddf0ff", input_line="#3b82c4",
    parameter_fill="#fff6d1", parameter_line="#b08800",
    value_fill="#f6f8fa",
    result_fill="#24292f", result_text="#ffffff", result_muted="#c4ccd4",
    result_plus="#8cc4ff", result_minus="#ffb27a",
    alarm="#c4122f", alarm_fill="#fff0f1", step="#6f2dbd",
    head="#eaeef2", frame="#fafbfc", frame_line="#c2cad3",
    heat=("#f3ebfd", "#ad7be0", "#37096b"),
)  # fmt: skip

DARK = Palette(
    ground="#16191d", text="#e8ecf0", muted="#a3adb8", plus="#79b8ff", minus="#ffa657",
    edge="#8b949e", line="#6e7781",
    input_fill="#12304d", input_line="#4f9ee0",
    parameter_fill="#3a3008", parameter_line="#d2a80c",
    value_fill="#22272e",
    result_fill="#e8ecf0", result_text="#16191d", result_muted="#4a525c",
    result_plus="#0a58b8", result_minus="#a54100",
    alarm="#ff6b7d", alarm_fill="#3b1219", step="#d2a8ff",
    head="#2d333b", frame="#1b1f24", frame_line="#3d444d",
    heat=("#2a1d3a", "#8246c2", "#ecdcff"),
)  # fmt: skip


def heat_step(norm: float) -> int:
    """Step of a gradient norm on the scale; -1 for one that is not finite."""
    if not math.isfinite(norm):
        return -1
    if norm <= 0:
        return 0
    # Halves go up, as in the script of the page.
    return max(0, min(HEAT_STEPS, math.floor(2 * (math.log10(norm) - _FAINTEST) + 0.5)))


def heat_colours(step: int, p: Palette) -> tuple[str, str]:
    """Fill of a cell, and the text on it that is read best: the palette's, else black or white."""
    low, middle, high = map(_rgb, p.heat)
    t = 2 * step / HEAT_STEPS
    a, b, t = (low, middle, t) if t <= 1 else (middle, high, t - 1)
    fill = "#" + "".join(f"{round(x + (y - x) * t):02x}" for x, y in zip(a, b, strict=True))
    text = p.text if contrast(p.text, fill) >= _READABLE else ""
    return fill, text or max("#ffffff", "#000000", key=lambda c: contrast(c, fill))


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def contrast(a: str, b: str) -> float:
    """Contrast of two colours as WCAG 2 defines it, from 1 to 21."""
    one, other = sorted(map(_luminance, (a, b)))
    return (other + 0.05) / (one + 0.05)


def _luminance(colour: str) -> float:
    parts = (c / 255 for c in _rgb(colour))
    linear = (c / 12.92 if c <= _DARKEST else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def style_sheet(scope: str, theme: str, heats: frozenset[int] = frozenset()) -> str:
    """Rules for the elements below `#scope`; the theme "auto" follows the reader's setting.

    No custom properties: several programs that show or convert SVG do not know them.

    Args:
        scope: Id of the picture.
        theme: "light", "dark" or "auto".
        heats: Steps of the scale of gradients that occur.
    """
    fixed = (
        f"#{scope} text {{ font-family: {FONT}; font-size: 12px; }}\n"
        f"#{scope} .name, #{scope} .warn {{ font-weight: bold; }}\n"
        f"#{scope} .small {{ font-size: 11px; }}\n"
        f"#{scope} .symbol {{ font-size: 16px; }}\n"
        f"#{scope} .edge {{ fill: none; stroke-width: 1.3; }}\n"
        f"#{scope} .back .edge {{ stroke-width: 1.8; stroke-dasharray: 6 4; }}\n"
        f"#{scope} .shape {{ stroke-width: 1.2; }}\n"
        f"#{scope} .head {{ stroke: none; }}\n"
        f"#{scope} .parameter .shape {{ stroke-width: 2.5; }}\n"
        f"#{scope} .constant .shape {{ stroke-dasharray: 4 3; }}\n"
        f"#{scope} .left-out .shape {{ stroke-dasharray: 1.5 3; }}\n"
        f"#{scope} .reference .shape {{ stroke-dasharray: 2 2; }}\n"
        f"#{scope} .hatch {{ fill: none; stroke-width: 6; }}\n"
    )
    colours = _colours(scope, DARK if theme == "dark" else LIGHT, heats)
    if theme != "auto":
        return fixed + colours
    dark = _colours(scope, DARK, heats)
    return f"{fixed}{colours}@media (prefers-color-scheme: dark) {{\n{dark}}}\n"


def _colours(scope: str, p: Palette, heats: frozenset[int]) -> str:
    rules = {
        ".ground": f"fill: {p.ground}",
        "text": f"fill: {p.text}",
        ".muted": f"fill: {p.muted}",
        ".plus": f"fill: {p.plus}",
        ".minus": f"fill: {p.minus}",
        ".warn": f"fill: {p.alarm}",
        ".edge": f"stroke: {p.edge}",
        ".tip": f"fill: {p.edge}",
        ".back .edge": f"stroke: {p.step}",
        ".back-tip": f"fill: {p.step}",
        ".frame": f"fill: {p.frame}; stroke: {p.frame_line}",
        ".frame-title": f"fill: {p.frame}",
        ".shape": f"fill: {p.value_fill}; stroke: {p.line}",
        ".head": f"fill: {p.head}",
        ".rule": f"stroke: {p.line}",
        ".input .shape": f"fill: {p.input_fill}; stroke: {p.input_line}",
        ".parameter .shape": f"fill: {p.parameter_fill}; stroke: {p.parameter_line}",
        ".constant .shape": f"fill: {p.ground}; stroke: {p.line}",
        ".operation .shape": f"fill: {p.ground}; stroke: {p.edge}",
        ".left-out .shape": f"fill: {p.ground}; stroke: {p.edge}",
        ".reference .shape": f"fill: {p.ground}; stroke: {p.line}",
        ".result .shape": f"fill: {p.result_fill}; stroke: {p.result_fill}",
        ".result text": f"fill: {p.result_text}",
        ".result .muted": f"fill: {p.result_muted}",
        ".result .plus": f"fill: {p.result_plus}",
        ".result .minus": f"fill: {p.result_minus}",
        ".alarm .shape": f"stroke: {p.alarm}; stroke-width: 1.5",
        ".stripe": f"stroke: {p.alarm}",
        ".odd": f"fill: {p.alarm_fill}; stroke: {p.alarm}",
        "text.odd-text": f"fill: {p.text}; font-weight: bold",
    }
    for step in sorted(heats - {-1}):
        fill, text = heat_colours(step, p)
        rules[f"rect.h{step}"] = f"fill: {fill}"
        rules[f"text.t{step}"] = f"fill: {text}"
    return "".join(f"#{scope} {selector} {{ {rule}; }}\n" for selector, rule in rules.items())
