"""Who looks at each result as it is made: anomaly detection and line recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

__all__ = ["WATCHERS", "Watcher", "watching", "without"]

_T = TypeVar("_T")

Watcher = Callable[[Any, Any, tuple[Any, ...], "dict[str, Any] | None"], None]

WATCHERS: ContextVar[tuple[Watcher, ...]] = ContextVar("tinygrad_nn_watchers", default=())
"""Called with (operation, result, arguments, static arguments or None) while the mode has WATCH."""


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Let `watcher` see every result made in the body, in this thread."""
    WATCHERS.set((*WATCHERS.get(), watcher))
    try:
        yield
    finally:
        # Not reset: of generators an inner one may end after an outer one.
        WATCHERS.set(without(WATCHERS.get(), watcher))


def without(held: tuple[_T, ...], one: _T) -> tuple[_T, ...]:
    """The same without the last place of `one`."""
    last = max((i for i, other in enumerate(held) if other is one), default=None)
    return held if last is None else held[:last] + held[last + 1 :]
