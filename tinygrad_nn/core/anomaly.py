"""`detect_anomaly`: stop at the first number that is NaN or infinite, and say where it began."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tinygrad_nn.core.bind import describe
from tinygrad_nn.core.caller import user_line
from tinygrad_nn.core.node import WATCH, Node, mode_bit
from tinygrad_nn.core.observe import Observer, observe
from tinygrad_nn.core.op import Op
from tinygrad_nn.core.watch import watching
from tinygrad_nn.errors import AnomalyError

__all__ = ["detect_anomaly"]

_HINTS = {
    "divide": "keep the divisor away from 0, or choose a safe one first: x / where(ok, d, 1)",
    "exp": "subtract the maximum first, or use logsumexp, softmax or expm1",
    "log": "keep its input above 0: log1p for small numbers, log_softmax for probabilities",
    "pow": "a fractional power needs a positive base",
    "sqrt": "keep its input above 0; its slope at 0 is infinite: sqrt(x + eps), or where first",
}


@contextmanager
def detect_anomaly(nan_only: bool = False) -> Iterator[None]:
    """Raise at the first non-finite result of an operation or gradient rule in the body.

    The forward computation and the backward pass must both lie in the body for gradients
    to be located in the user's file. Each result is examined, so the body runs slower.

    Args:
        nan_only: Let infinities pass (masks filled with -inf are usual in attention).

    Raises:
        AnomalyError: Names the operation, the line of the user's file and the inputs.

    Example:
        >>> import tinygrad_nn as tg
        >>> with tg.detect_anomaly():
        ...     tg.log(tg.Value(1.0) - 1.0)
        Traceback (most recent call last):
        ...
        tinygrad_nn.errors.AnomalyError: forward: log gave -inf at <doctest ...
    """
    inspector = _Inspector(nan_only)
    with mode_bit(WATCH), watching(inspector.result), observe(inspector):
        yield


class _Inspector(Observer):
    """Watcher of results and observer of gradients."""

    def __init__(self, nan_only: bool) -> None:
        self._nan_only = nan_only
        # Holds the nodes too: a line must not be looked up for another node at the same address.
        self._lines: dict[Node, Callable[[], str]] = {}

    def result(self, op: Op, node: Node, args: tuple[Any, ...], params: Any) -> None:
        self._lines[node] = line = user_line(2)
        if (bad := self._bad(node, node)) is not None:
            raise AnomalyError(
                f"forward: {op.name} gave {bad} at {line()}, for {self._listed(args)}"
                f"{self._hint(op)}"
            )

    def edge(self, node: Node, p: Node, contribution: Any) -> None:
        if (bad := self._bad(p, contribution)) is None:
            return
        op: Op = node.op  # type: ignore[assignment]
        line = self._lines.get(node)
        place = line() if line is not None else "a line outside detect_anomaly"
        raise AnomalyError(
            f"backward: the gradient rule of {op.name} gave {bad} for its input "
            f"{describe(p)}; the operation is at {place}, with {self._listed(node.inputs)}"
            f"{self._hint(op)}"
        )

    def _bad(self, node: Node, value: Any) -> str | None:
        payload = value._data if isinstance(value, Node) else value
        return type(node).nonfinite(payload, self._nan_only)

    def _listed(self, args: Sequence[Any]) -> str:
        return "; ".join(
            f"input {i}: {describe(x)} {_range(x)}".rstrip() for i, x in enumerate(args)
        )

    def _hint(self, op: Op) -> str:
        hint = _HINTS.get(op.name)
        return f"; {hint}" if hint else "; choose a safe input first, with where"


def _range(x: Any) -> str:
    payload = x._data if isinstance(x, Node) else x
    if not hasattr(payload, "min") or not payload.size:
        return ""
    return f"from {payload.min():.4g} to {payload.max():.4g}"
