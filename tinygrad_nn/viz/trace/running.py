"""A gradient rule run on nodes, to see what it does; and the form of what it is run on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_nn.core.node import MODE, RECORD, WATCH, Node
from tinygrad_nn.core.op import Op
from tinygrad_nn.core.reverse import gradients
from tinygrad_nn.core.watch import WATCHERS, Watcher

__all__ = ["form_of", "is_short", "run_rule", "static_form"]


def run_rule(
    op: Op,
    g: Node,
    y: Node,
    args: Sequence[Any],
    needs: Sequence[bool],
    params: dict[str, Any] | None,
    see: Watcher,
) -> Sequence[Any] | None:
    """What the rules of `op` give for each argument that needs it; None if they raise.

    Args:
        op: The operation.
        g: Gradient of its result.
        y: Its result.
        args: Its arguments.
        needs: For each of them whether its gradient is wanted.
        params: Its static arguments.
        see: Told of each operation that the rules call; other watchers are not.
    """
    mode, watchers = MODE.set(RECORD | WATCH), WATCHERS.set((see,))
    try:
        with np.errstate(all="ignore"):
            return gradients(op, g, y, args, needs, dict(params or {}))
    except Exception:  # of a user's rule any, and many want arrays
        return None
    finally:
        WATCHERS.reset(watchers)
        MODE.reset(mode)


def form_of(op: Op, inputs: Sequence[Any], params: dict[str, Any] | None) -> Any:
    """What the steps of a rule depend on, to remember them by; None where nobody can say."""
    if not params:
        return op, *map(_kind, inputs)
    if any(map(callable, params.values())):
        return None
    return op, *map(_kind, inputs), *[(k, static_form(v)) for k, v in params.items()]


def _kind(p: Any) -> Any:
    if not isinstance(p, Node):
        return p if is_short(p) else (type(p), getattr(p, "shape", ()), getattr(p, "dtype", ""))
    payload = p._data
    return float if type(payload) is float else (payload.shape, payload.dtype)


def is_short(p: Any) -> bool:
    """Whether it is a number that is shown, and on whose value a rule may depend."""
    return isinstance(p, (int, float)) and len(f"{p:g}") <= 4


def static_form(value: Any) -> Any:
    """What of a static argument a rule may depend on."""
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype
    return f"{value!r:.200}" if not callable(value) else type(value)
