"""Scripts and style sheets without what only their writers read: comments and spaces.

Nothing is renamed and no statement changes. Line ends stay where a statement might end at one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["packed_script", "packed_style"]

_PLAIN = re.compile(r"[\w$]+|\s+|.", re.DOTALL)
_STRING = re.compile(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_REGEX = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*")
# After one of these a slash begins a regular expression, not a division.
_BEFORE_REGEX = frozenset("(,=:[!&|?{};+-*%<>~^") | {"", "return", "typeof", "case", "=>"}
# No space is needed beside one of these, unless two of them would become another mark.
_TIGHT = frozenset("{}()[];,=<>?:&|*!%.+-/")
_ANOTHER = frozenset(("++", "--", "//", "/*", "*/", "</", "<!"))
# A line's end after or before one of these ends no statement.
_OPEN = frozenset("{(;,[")
_CLOSE = frozenset("})];,")


def packed_script(text: str) -> str:
    """A script without comments and needless spaces.

    Raises:
        ValueError: A string, template, comment or regular expression that does not end, or a
            text that would end the element around the script.

    Example:
        >>> packed_script("const f = (a) => a / 2; // half" + chr(10) + "f('// kept');")
        "const f=(a)=>a/2;f('// kept');"
    """
    return _checked(_packed(text, 0, nested=False)[0])


def _packed(text: str, start: int, *, nested: bool) -> tuple[str, int]:
    """What begins here without comments and spaces, and where it ends."""
    out: list[str] = []
    space = ""
    end = start
    for token, end in _tokens(text, start, nested=nested):  # noqa: B007
        if token.isspace():
            space = "\n" if "\n" in token or space == "\n" else " "
            continue
        if out and space and _needs(out[-1][-1], token[0], space):
            out.append(space)
        out.append(token)
        space = ""
    return "".join(out), end


def _needs(before: str, after: str, space: str) -> bool:
    if space == "\n":
        return before not in _OPEN and after not in _CLOSE
    return before + after in _ANOTHER or (before not in _TIGHT and after not in _TIGHT)


def _tokens(text: str, at: int, *, nested: bool) -> Iterator[tuple[str, int]]:
    """Words, marks, spaces, and strings, templates and regular expressions in one piece.

    Each comes with the position behind it. Nested, they end before the brace that closes.
    """
    before = ""
    depth = 0
    while at < len(text):
        c = text[at]
        if nested and c == "}" and depth == 0:
            return
        depth += (c == "{") - (c == "}")
        if text.startswith(("//", "/*"), at):
            comment = _matched(_COMMENT, text, at)
            at += len(comment)
            # A comment parts words as a space does, and lines if it holds one's end.
            yield ("\n" if "\n" in comment else " "), at
            continue
        if c == "`":
            token, at = _template(text, at)
        else:
            pattern = _STRING if c in "'\"" else _PLAIN
            if c == "/" and before in _BEFORE_REGEX:
                pattern = _REGEX
            token = _matched(pattern, text, at)
            at += len(token)
        if not token.isspace():
            before = token
        yield token, at


def _template(text: str, start: int) -> tuple[str, int]:
    """The template that begins here, packed within its `${}`, and where it ends."""
    out = ["`"]
    at = start + 1
    while at < len(text) and text[at] != "`":
        if text.startswith("${", at):
            inner, at = _packed(text, at + 2, nested=True)
            out.append("${" + inner + "}")
            at += 1
        else:
            size = 2 if text[at] == "\\" else 1
            out.append(text[at : at + size])
            at += size
    if at >= len(text):
        raise ValueError(f"script: got {text[start : start + 40]!r}, expected a template that ends")
    return "".join(out) + "`", at + 1


def _matched(pattern: re.Pattern[str], text: str, at: int) -> str:
    found = pattern.match(text, at)
    if found is None:
        raise ValueError(f"script: got {text[at : at + 40]!r}, expected its end")
    return found[0]


def packed_style(text: str) -> str:
    """A style sheet without comments and without the space around its marks."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r"\s+", " ", text)
    return _checked(re.sub(r" ?([{};,]) ?", r"\1", text).replace(";}", "}").strip())


def _checked(text: str) -> str:
    found = re.search(r"</|<!--|<script", text, flags=re.IGNORECASE)
    if found:
        raise ValueError(f"page: got {found[0]!r} in a script or style sheet, expected none")
    return text
