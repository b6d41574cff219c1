"""How wide a text is drawn, at most.

The reader's fonts are unknown, so boxes are sized for the widest of the usual sans-serif
faces; a text in a narrower face leaves a little air.
"""

from __future__ import annotations

__all__ = ["FONT", "known", "text_width", "wrapped"]

FONT = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"

# Advance in thousandths of the font size, rounded up to 50, the larger one of DejaVu Sans and
# Liberation Sans (whose metrics are Arial's and Helvetica's).
_GROUPS = {
    300: "'Iijl",
    350: " ,./:;\\|",
    400: "()-[]ft·",
    450: "!r",
    500: '"*J`‖',
    550: "csz∂²“”",
    600: "?L_kvxy",
    650: "$0123456789FTabdeghnopqu{}",
    700: "ABEKPSVXYZΣ",
    750: "CNRU∇",
    800: "&DGHOQ",
    850: "#+<=>^w~−×÷≈±≤",
    900: "M",
    1000: "%Wm…▲▼→",
    1050: "@",
}
_ADVANCE = {c: advance for advance, group in _GROUPS.items() for c in group}
# No bold glyph of these is wider than this many times the regular one's entry.
_BOLD = 1.2
_UNKNOWN = 1200


def known(text: str) -> bool:
    """Whether the width of every character is known, and not a guess."""
    return all(c in _ADVANCE for c in text)


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Upper bound of the width of one line, in the unit of `size`."""
    total = sum(_ADVANCE.get(c, _UNKNOWN) for c in text)
    return total * size / 1000 * (_BOLD if bold else 1.0)


def wrapped(text: str, size: float, width: float, *, bold: bool = False) -> list[str]:
    """`text` in lines of at most `width`, broken between words, and within those too long."""
    lines: list[str] = []
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(joined, size, bold=bold) <= width:
            lines[-1] = joined
        else:
            lines += _pieces(word, size, width, bold=bold)
    return lines


def _pieces(word: str, size: float, width: float, *, bold: bool) -> list[str]:
    """A word, cut where it is wider than a line."""
    if text_width(word, size, bold=bold) <= width:
        return [word]
    most = max(1, int(width / text_width("%", size, bold=True)))
    return [word[k : k + most] for k in range(0, len(word), most)]
