"""A drawing as part of a page: without the style sheet and attribute that its policy forbids."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["inline"]

_STYLE: Final = re.compile(r"<style>\n?(.*?)</style>\n?", re.DOTALL)
_DARK: Final = re.compile(r"@media \(prefers-color-scheme: dark\) \{\n(.*?\n)\}\n", re.DOTALL)
_RULE: Final = re.compile(r"(?m)^#")


def inline(svg: str) -> tuple[str, str]:
    """The drawing by itself, and its style sheet, which then follows the theme of the page.

    Example:
        >>> import tinygrad_nn as tg
        >>> picture, style = inline(tg.draw(tg.Value(2.0, name="a"), engine="own").svg)
        >>> "<style>" in picture, ':root[data-theme="dark"]' in style
        (False, True)
    """
    style = "".join(_STYLE.findall(svg))
    picture = re.sub(r'(<svg [^>]*?) style="[^"]*"', r"\1", _STYLE.sub("", svg), count=1)
    dark = "".join(_DARK.findall(style))
    unless = _RULE.sub(':root:not([data-theme="light"]) #', dark)
    chosen = _RULE.sub(':root[data-theme="dark"] #', dark)
    return picture, (
        f"{_DARK.sub('', style)}@media screen and (prefers-color-scheme: dark) {{\n{unless}}}\n"
        f"@media screen {{\n{chosen}}}\n"
    )
