"""Ctrl-C and SIGTERM: at once, or at the next moment that suits."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Final, Self

__all__ = ["Interruption"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Makes both signals raise `KeyboardInterrupt`; within `awaited()` the first only asks.

    As a context manager; it puts back what it found. Off the main thread, where Python knows no
    signals, it does nothing.
    """

    def __init__(self) -> None:
        self.requested = False
        self._is_awaited = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._take) for number in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def awaited(self) -> Iterator[None]:
        """Within, the first signal only sets `requested`; a second one raises as ever."""
        self._is_awaited = True
        try:
            yield
        finally:
            self._is_awaited = False

    def _take(self, number: int, frame: FrameType | None) -> None:
        if not self._is_awaited or self.requested:
            raise KeyboardInterrupt
        self.requested = True
