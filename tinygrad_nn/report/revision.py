"""Which commit of Git the working folder is at, read from its files."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

__all__ = ["revision"]

_COMMIT = re.compile(r"[0-9a-f]{40,64}")


def revision(folder: Path | None = None) -> str:
    """The commit that is checked out, or the empty text; whether files were changed is not seen."""
    with suppress(OSError, UnicodeDecodeError, IndexError, ValueError):
        start = Path.cwd() if folder is None else folder.resolve()
        for place in (start, *start.parents):
            if (git := place / ".git").exists():
                return _head(git)
    return ""


def _head(git: Path) -> str:
    if git.is_file():
        # A worktree's `.git` names its folder: `gitdir: …`.
        git = (git.parent / git.read_text("utf-8").split(":", 1)[1].strip()).resolve()
    head = (git / "HEAD").read_text("utf-8").strip()
    if not head.startswith("ref: "):
        return head if _COMMIT.fullmatch(head) else ""
    name = head.removeprefix("ref: ")
    common = git
    with suppress(OSError):
        common = (git / (git / "commondir").read_text("utf-8").strip()).resolve()
    loose = common / name
    if loose.is_file():
        found = loose.read_text("utf-8").strip()
        return found if _COMMIT.fullmatch(found) else ""
    for line in (common / "packed-refs").read_text("utf-8").splitlines():
        commit, _, ref = line.partition(" ")
        if ref == name and _COMMIT.fullmatch(commit):
            return commit
    return ""
