"""Who looks at each result as it is made: anomaly detection and line recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["WATCHERS", "Watcher", "watching"]

Watcher = Callable[[Any, Any, tuple[Any, ...], "dict[str, Any] | None"], None]

WATCHERS: ContextVar[tuple[Watcher, ...]] = ContextVar("tinygrad_nn_watchers", default=())
"""Called with (operation, result, arguments, static arguments or None) while the mode has WATCH."""


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Let `watcher` see every result made in the body, in this thread."""
    token = WATCHERS.set((*WATCHERS.get(), watcher))
    try:
        yield
    finally:
        WATCHERS.reset(token)
