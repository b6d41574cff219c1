"""Puts parts into loops: what runs over the same elements runs in one loop.

A value that only its own loop needs is never written to memory. Sums over all elements or over an
axis end in the loop that makes their terms.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any

from tinygrad_nn.compiler.numba.parts import (
    Element,
    Part,
    Reduce,
    Ref,
    View,
    own,
    resolved,
)
from tinygrad_nn.compiler.program import Var

__all__ = ["Loop", "Single", "alias", "arranged", "needed", "shape_of"]

_STREAMS = 14
"""Arrays that a large loop walks through at once: more do not fit the processor's prefetchers."""
_NODES = 96
"""Parts of a loop."""
_SMALL = 2048
"""Elements up to which unrelated parts of one shape share a loop."""


class Single:
    """A part with a routine of its own."""

    def __init__(self, part: Part) -> None:
        self.part = part

    @property
    def parts(self) -> tuple[Part, ...]:
        """The one part."""
        return (self.part,)


class Loop:
    """Parts over elements of one shape.

    Attributes:
        shape: Lengths of the axes that are run over.
        parts: `Element`s and `Reduce`s, in order.
        made: Variables that elements are made of here.
        roots: Variables whose memory is read.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.size = prod(shape)
        self.parts: list[Element | Reduce] = []
        self.made: set[Var] = set()
        self.roots: set[Var] = set()

    def add(self, part: Element | Reduce, refs: Iterable[Ref]) -> None:
        """Take a part in."""
        self.parts.append(part)
        self.roots.update(ref.root for ref in refs if ref.root not in self.made)
        if isinstance(part, Element):
            self.made.add(part.out)


def shape_of(part: Element | Reduce) -> tuple[int, ...]:
    """Shape that a part runs over."""
    return part.source.shape if isinstance(part, Reduce) else part.out.shape


def arranged(
    parts: Sequence[Part], views: Mapping[Var, View]
) -> tuple[list[Loop | Single], dict[Var, int]]:
    """Loops and routines in order, and for each variable the number of the one that makes it."""
    steps: list[Loop | Single] = []
    maker: dict[Var, int] = {}
    for part in parts:
        if isinstance(part, View):
            continue
        refs = [resolved(v, views) for v in part.reads if v.dtype is not None]
        if isinstance(part, (Element, Reduce)):
            at = _fitting(part, refs, steps, maker)
            step = steps[at]
            assert isinstance(step, Loop)
            step.add(part, refs)
        else:
            at = len(steps)
            steps.append(Single(part))
        maker[part.out] = at
    return steps, maker


def _fitting(
    part: Element | Reduce, refs: list[Ref], steps: list[Loop | Single], maker: dict[Var, int]
) -> int:
    """Number of the loop for `part`; a new one if no loop will do."""
    shape = shape_of(part)
    first, near = 0, set()
    for ref in refs:
        at = maker.get(ref.root)
        if at is None:
            continue
        step = steps[at]
        here = isinstance(step, Loop) and ref.root in step.made and step.shape == shape
        if here and ref == own(ref.root):
            near.add(at)
            first = max(first, at)
        else:
            first = max(first, at + 1)
    wanted = {ref.root for ref in refs}
    for at in range(first, len(steps)):
        step = steps[at]
        if not isinstance(step, Loop) or step.shape != shape or len(step.parts) >= _NODES:
            continue
        related = at in near or step.size <= _SMALL or wanted & step.roots
        if related and (step.size <= _SMALL or len(step.roots | wanted) < _STREAMS):
            return at
    steps.append(Loop(shape))
    return len(steps) - 1


def needed(
    steps: Sequence[Loop | Single], views: Mapping[Var, View], results: Iterable[Var]
) -> tuple[set[Var], dict[Var, int]]:
    """Variables that must be in memory, and for each the last step that reads it."""
    kept: set[Var] = {resolved(v, views).root for v in results}
    last: dict[Var, int] = {}
    for at, step in enumerate(steps):
        for part in step.parts:
            if not isinstance(part, Element):
                kept.add(part.out)
            for v in part.reads:
                if v.dtype is None:
                    continue
                root = resolved(v, views).root
                last[root] = at
                if not (isinstance(step, Loop) and root in step.made):
                    kept.add(root)
    return kept, last


def alias(
    steps: Sequence[Loop | Single], maker: Mapping[Var, int], views: Mapping[Var, View],
    result: Var, argument: Var,
) -> bool:  # fmt: skip
    """Whether `result` may be written into the memory of `argument`.

    All of it must have been read before: in earlier steps, or in the same loop at the same place.
    """
    if result.shape != argument.shape or result.dtype != argument.dtype:
        return False
    if result.strides != argument.strides:
        return False
    at = maker[result]
    step = steps[at]
    if not isinstance(step, Loop) or result not in step.made:
        return False
    for number, other in enumerate(steps[at:], at):
        for part in other.parts:
            for ref in _refs(part, views):
                if ref.root is not argument:
                    continue
                if number > at or ref != own(argument) or shape_of(part) != argument.shape:  # type: ignore[arg-type]
                    return False
    return True


def _refs(part: Any, views: Mapping[Var, View]) -> list[Ref]:
    return [resolved(v, views) for v in part.reads if v.dtype is not None]
