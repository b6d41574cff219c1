"""Lines on the terminal: bold and a bar where it is one, plain text elsewhere."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

__all__ = ["Screen"]

_BAR = 24
_EIGHTHS = " ▏▎▍▌▋▊▉█"


class Screen:
    """Writes lines as they happen.

    Args:
        stream: where to; standard output if None.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        # Without a standard output, since it was closed, nobody reads.
        self._stream = stream or sys.stdout or io.StringIO()
        encoding = (getattr(self._stream, "encoding", None) or "ascii").lower().replace("-", "")
        self._is_unicode = encoding.startswith("utf")
        self._encoding = encoding
        self._is_terminal = self._stream.isatty() and not os.environ.get("NO_COLOR")

    def say(self, text: str = "") -> None:
        """Write `text` and a line break, at once."""
        if not self._is_unicode:
            # A terminal without these letters shows a question mark, not a traceback.
            text = text.replace("·", ".").encode("ascii", "replace").decode()
        print(text, file=self._stream, flush=True)

    def step(self, number: int, title: str) -> None:
        """Write the heading of a step."""
        heading = f"{number} {title}"
        self.say(f"\033[1m{heading}\033[0m" if self._is_terminal else heading)

    def indented(self, text: str) -> None:
        """Write every line of `text` two places in."""
        self.say("\n".join(f"  {line}".rstrip() for line in text.split("\n")))

    def bar(self, share: float) -> str:
        """Return a bar of the length `share`, 0 to 1; nothing where it is no terminal."""
        if not (self._is_terminal and self._is_unicode):
            return ""
        full, rest = divmod(round(share * _BAR * 8), 8)
        return "  \033[34m" + "█" * full + (_EIGHTHS[rest] if rest else "") + "\033[0m"
