"""A count of changes to modules, for those who remember what they saw of them."""

from __future__ import annotations

__all__ = ["CHANGES"]


class _Changes:
    """How often an attribute of any module was set: a captured step looks whether one was."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


CHANGES = _Changes()
