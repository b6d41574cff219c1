"""Colours of the drawings, for light and dark surroundings, and their style sheet.

Blue and orange are signs, and always stand beside ▲ and ▼; purple is kept for the current
step of animated drawings. Every text has a contrast of at least 4.5 to what it stands on.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinygrad_nn.viz.picture.measure import FONT

__all__ = ["DARK", "LIGHT", "Palette", "style_sheet"]


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


LIGHT = Palette(
    ground="#ffffff", text="#1f2328", muted="#57606a", plus="#0a58b8", minus="#a54100",
    edge="#6e7781", line="#8c959f",
    input_fill="#ddf0ff", input_line="#3b82c4",
    parameter_fill="#fff6d1", parameter_line="#b08800",
    value_fill="#f6f8fa",
    result_fill="#24292f", result_text="#ffffff", result_muted="#c4ccd4",
    result_plus="#8cc4ff", result_minus="#ffb27a",
    alarm="#c4122f",
)  # fmt: skip

DARK = Palette(
    ground="#16191d", text="#e8ecf0", muted="#a3adb8", plus="#79b8ff", minus="#ffa657",
    edge="#8b949e", line="#6e7781",
    input_fill="#12304d", input_line="#4f9ee0",
    parameter_fill="#3a3008", parameter_line="#d2a80c",
    value_fill="#22272e",
    result_fill="#e8ecf0", result_text="#16191d", result_muted="#4a525c",
    result_plus="#0a58b8", result_minus="#a54100",
    alarm="#ff6b7d",
)  # fmt: skip


def style_sheet(scope: str, theme: str) -> str:
    """Rules for the elements below `#scope`; the theme "auto" follows the reader's setting.

    No custom properties: several programs that show or convert SVG do not know them.
    """
    fixed = (
        f"#{scope} text {{ font-family: {FONT}; font-size: 12px; }}\n"
        f"#{scope} .name {{ font-weight: bold; }}\n"
        f"#{scope} .small {{ font-size: 11px; }}\n"
        f"#{scope} .symbol {{ font-size: 16px; }}\n"
        f"#{scope} .edge {{ fill: none; stroke-width: 1.3; }}\n"
        f"#{scope} .shape {{ stroke-width: 1.2; }}\n"
        f"#{scope} .parameter .shape {{ stroke-width: 2.5; }}\n"
        f"#{scope} .constant .shape {{ stroke-dasharray: 4 3; }}\n"
        f"#{scope} .left-out .shape {{ stroke-dasharray: 1.5 3; }}\n"
        f"#{scope} .hatch {{ fill: none; stroke-width: 6; }}\n"
    )
    colours = _colours(scope, DARK if theme == "dark" else LIGHT)
    if theme != "auto":
        return fixed + colours
    return f"{fixed}{colours}@media (prefers-color-scheme: dark) {{\n{_colours(scope, DARK)}}}\n"


def _colours(scope: str, p: Palette) -> str:
    rules = {
        ".ground": f"fill: {p.ground}",
        "text": f"fill: {p.text}",
        ".muted": f"fill: {p.muted}",
        ".plus": f"fill: {p.plus}",
        ".minus": f"fill: {p.minus}",
        ".edge": f"stroke: {p.edge}",
        ".tip": f"fill: {p.edge}",
        ".shape": f"fill: {p.value_fill}; stroke: {p.line}",
        ".input .shape": f"fill: {p.input_fill}; stroke: {p.input_line}",
        ".parameter .shape": f"fill: {p.parameter_fill}; stroke: {p.parameter_line}",
        ".constant .shape": f"fill: {p.ground}; stroke: {p.line}",
        ".operation .shape": f"fill: {p.ground}; stroke: {p.edge}",
        ".left-out .shape": f"fill: {p.ground}; stroke: {p.edge}",
        ".result .shape": f"fill: {p.result_fill}; stroke: {p.result_fill}",
        ".result text": f"fill: {p.result_text}",
        ".result .muted": f"fill: {p.result_muted}",
        ".result .plus": f"fill: {p.result_plus}",
        ".result .minus": f"fill: {p.result_minus}",
        ".alarm .shape": f"stroke: {p.alarm}; stroke-width: 1.5",
        ".stripe": f"stroke: {p.alarm}",
    }
    return "".join(f"#{scope} {selector} {{ {rule}; }}\n" for selector, rule in rules.items())
