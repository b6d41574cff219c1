"""Numbers, shapes and names as the words that drawings and pages show.

A name comes from the user and may hold anything. What leaves this module is one line of
printable characters; each renderer then escapes what is special in its own language.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

__all__ = ["EXPLODING", "VANISHING", "arguments", "clean", "counted", "norm_words", "number",
           "shape_text", "shorten", "signed", "text_table", "times"]  # fmt: skip

NAME_WIDTH = 24
"""Longest name in a box; the tooltip has the rest."""

VANISHING, EXPLODING = 1e-6, 1e2
"""Norms of gradients beyond which a word stands beside the number."""

_LOW, _HIGH = 1e-3, 1e5


def number(x: float, digits: int = 4) -> str:
    """`x` with `digits` significant digits, a real minus sign, and words for NaN and infinity."""
    if isinstance(x, bool):
        return str(x)
    if math.isnan(x):
        return "NaN"
    if math.isinf(x):
        return "Inf" if x > 0 else "−Inf"
    if x == 0:
        return "0"
    size = abs(x)
    if not _LOW <= size < _HIGH:
        mantissa, exponent = f"{x:.{digits - 1}e}".split("e")
        text = f"{_trimmed(mantissa)}e{int(exponent)}"
    else:
        # The digits before the point are never rounded away: 12345.6 is 12346.
        text = _trimmed(f"{x:.{max(0, digits - 1 - math.floor(math.log10(size)))}f}")
    return text.replace("-", "−")


def _trimmed(decimal: str) -> str:
    return decimal.rstrip("0").rstrip(".") if "." in decimal else decimal


def signed(x: float) -> str:
    """Number with ▲ before a positive and ▼ before a negative one."""
    mark = "▲ " if x > 0 else "▼ " if x < 0 else ""
    return mark + number(x)


def shape_text(shape: tuple[int, ...]) -> str:
    """`2×3`, `4 elements`; the empty text for a single number."""
    if len(shape) == 1:
        return f"{shape[0]} element{'' if shape[0] == 1 else 's'}"
    return "×".join(map(str, shape))


def times(shape: tuple[int, ...]) -> str:
    """`784×16`, `16`; the empty text for a single number."""
    return "×".join(map(str, shape))


def counted(count: int, thing: str) -> str:
    """`1 node`, `12,560 nodes`, `3 classes`."""
    ending = "" if count == 1 else "es" if thing.endswith(("s", "x")) else "s"
    return f"{count:,} {thing}{ending}"


def norm_words(norm: float) -> str:
    """Norm of a gradient, and whether there is none, it vanishes or explodes."""
    if not math.isfinite(norm):
        return number(norm)
    if norm == 0:
        return "0: no gradient"
    word = " vanishing" if norm < VANISHING else " exploding" if norm > EXPLODING else ""
    return number(norm) + word


def arguments(params: Iterable[tuple[str, str]]) -> str:
    """Static arguments of an operation as one line, an index as Python writes it: `[:, 1:]`."""
    shown = (text if key == "key" else f"{key}={text}" for key, text in params)
    return shorten(clean(", ".join(shown)), 36)


def clean(text: str) -> str:
    """One printable line: control, formatting and unassigned characters as their escapes."""
    return "".join(c if _printable(c) else _escape(c) for c in text)


def _printable(c: str) -> bool:
    # C*: controls, joiners, direction overrides, surrogates; Zl, Zp: line ends.
    category = unicodedata.category(c)
    return category[0] != "C" and category not in ("Zl", "Zp")


def _escape(c: str) -> str:
    return c.encode("unicode_escape").decode("ascii")


def shorten(text: str, limit: int = NAME_WIDTH) -> str:
    """At most `limit` characters, one of them … if something was cut.

    A sentence loses its end. A name, which has no spaces, loses its middle, since names that begin
    alike are told apart by how they end; of a dotted path the last names stay whole if they fit.

    Example:
        >>> shorten("layers.0.self_attn.in_proj_weight"), shorten("mean of all losses", 12)
        ('layers.0…in_proj_weight', 'mean of all…')
    """
    if len(text) <= limit:
        return text
    if " " in text:
        return text[: limit - 1] + "…"
    room = limit - 1
    # Where the names begin that still fit: after the first dot of these.
    dot = text[len(text) - limit :].find(".")
    if 0 <= dot < room:
        head = max(0, text.rfind(".", 0, dot + 1))
        return f"{text[:head]}…{text[len(text) - room + dot :]}"
    head = room // 3
    return f"{text[:head]}…{text[len(text) - room + head :]}"


def text_table(
    rows: Sequence[Sequence[str]], *, right: int = 0, widest: int | None = None
) -> list[str]:
    """Lines with equally wide columns; nothing ends in spaces.

    Args:
        rows: Cells; a row may have fewer than another.
        right: Cells of so many first columns stand at its right end.
        widest: A longer cell takes no column along, but moves what follows it.

    Example:
        >>> text_table([("loss", "0.5"), ("accuracy", "97 %")])
        ['loss      0.5', 'accuracy  97 %']
    """
    widths = [
        max((len(x) for x in column if widest is None or len(x) <= widest), default=0)
        for column in zip_longest(*rows, fillvalue="")
    ]
    return ["  ".join(_padded(row, widths, right)).rstrip() for row in rows]


def _padded(row: Sequence[str], widths: Sequence[int], right: int) -> Iterator[str]:
    for k, (cell, width) in enumerate(zip(row, widths, strict=False)):
        yield cell.rjust(width) if k < right else cell.ljust(width)
