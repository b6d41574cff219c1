"""Who looks at each result as it is made: anomaly detection and line recording."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

__all__ = ["WATCHERS"]

WATCHERS: ContextVar[tuple[Callable[[Any, Any, tuple[Any, ...]], None], ...]] = ContextVar(
    "tinygrad_nn_watchers", default=()
)
"""Called with (operation, result, arguments) while the mode has its WATCH bit."""
