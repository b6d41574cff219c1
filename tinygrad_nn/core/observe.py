"""Observers look at backward passes; they change nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from tinygrad_nn.core.node import Node
from tinygrad_nn.core.watch import without

__all__ = ["OBSERVERS", "Observer", "observe"]


class Observer:
    """Base of what watches backward passes: override what you want to see.

    Gradients are given as the sweep carries them: a payload (float or array), or a node
    under `create_graph`. They must not be written.
    """

    def begin(self, roots: Sequence[Node]) -> None:
        """A pass starts at `roots`."""

    def gradient(self, node: Node, gradient: Any) -> None:
        """`gradient` is complete for `node`, and is about to be handed on."""

    def edge(self, node: Node, p: Node, contribution: Any) -> None:
        """`node` hands `contribution` to its input `p`, once for each use of `p`."""

    def end(self) -> None:
        """The pass is over."""


OBSERVERS: ContextVar[tuple[Observer, ...]] = ContextVar("tinygrad_nn_observers", default=())

_O = TypeVar("_O", bound=Observer)


@contextmanager
def observe(observer: _O) -> Iterator[_O]:
    """Let `observer` watch the backward passes of the body, in this thread.

    Example:
        >>> import tinygrad_nn as tg
        >>> class Count(tg.Observer):
        ...     edges = 0
        ...
        ...     def edge(self, node, p, contribution):
        ...         self.edges += 1
        >>> x = tg.Value(3.0)
        >>> with tg.observe(Count()) as count:
        ...     (x * x).backward()
        >>> count.edges
        2
    """
    OBSERVERS.set((*OBSERVERS.get(), observer))
    try:
        yield observer
    finally:
        # Not reset: of generators an inner one may end after an outer one.
        OBSERVERS.set(without(OBSERVERS.get(), observer))
