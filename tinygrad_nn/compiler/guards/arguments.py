"""Checks, as source, that the arguments of a call are those that a program is for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_nn.compiler.places import Unfit
from tinygrad_nn.compiler.source import Source
from tinygrad_nn.core.node import Node

__all__ = ["guard"]

_PLAIN = (int, str, bytes, bool)
_FEW = 4
_MANY = 64


def guard(leaves: Sequence[Any], used: frozenset[int]) -> Callable[[Source], None]:
    """Function that writes the checks.

    Args:
        leaves: The arguments that the step was captured with; what counts of an array is its form.
        used: `id` of each node that the step found for itself: no argument was one of them.
    """
    forms = [_form(x) for x in leaves]
    nodes = [n for n, x in enumerate(leaves) if isinstance(x, Node)]
    same = [(a, b, leaves[a] is leaves[b]) for k, a in enumerate(nodes) for b in nodes[k + 1 :]]

    def write(source: Source) -> None:
        source.scope["Unfit"] = Unfit
        if forms and len(forms) <= _MANY:
            source.unpacked = True  # a local name takes 3 ns, an item of a list 15
            source.line(f"{''.join([f'{source.leaf(n)}, ' for n in range(len(forms))])}= leaves")
        for n, form in enumerate(forms):
            for test in form(source, source.leaf(n), n in source.read):
                source.line(f"if {test}: raise Unfit")
        # The same leaf twice has one gradient, and not two.
        if len(nodes) <= _FEW:
            for a, b, alike in same:
                source.line(f"if {source.leaf(a)} is {'not ' * alike}{source.leaf(b)}: raise Unfit")
        else:
            pattern = tuple([next(m for m in nodes if leaves_at(m, n, same)) for n in nodes])
            source.line(f"if pattern([leaves[n] for n in {nodes}]) != {pattern!r}: raise Unfit")
            source.scope["pattern"] = lambda found: tuple(
                [nodes[next(m for m, y in enumerate(found) if y is x)] for x in found]
            )
        if used:
            name = source.name(used, "found")
            for n in nodes:
                source.line(f"if id({source.leaf(n)}) in {name}: raise Unfit")

    return write


def leaves_at(m: int, n: int, same: list[tuple[int, int, bool]]) -> bool:
    """Whether the arguments `m` and `n` were the same node."""
    return m == n or (m, n, True) in same or (n, m, True) in same


def _form(x: Any) -> Callable[[Source, str, bool], list[str]]:
    """What must hold of an argument like `x`, as tests that must all be false.

    The tests of shape and dtype are left out for an array that is checked when it is read.
    """
    kind = type(x)
    if isinstance(x, Node):
        return _node(kind, x.op, x._data)
    if isinstance(x, (np.ndarray, np.generic)):
        # Not the array itself, which would be kept for as long as the program is.
        shape, dtype = x.shape, x.dtype
        return lambda source, at, read: [
            f"{at}.__class__ is not {source.name(kind, 'kind')}",
            *([] if read else [_laid(source, at, shape, dtype)]),
        ]
    if kind is float:
        return lambda source, at, read: [f"{at}.__class__ is not {source.name(float, 'kind')}"]
    if kind in _PLAIN:
        return lambda source, at, read: [
            f"{at}.__class__ is not {source.name(kind, 'kind')} or {at} != {source.name(x, 'like')}"
        ]
    return lambda source, at, read: [f"{at} is not {source.name(x, 'like')}"]


def _node(kind: type, op: Any, payload: Any) -> Callable[[Source, str, bool], list[str]]:
    shape, dtype = getattr(payload, "shape", None), getattr(payload, "dtype", None)

    def tests(source: Source, at: str, read: bool) -> list[str]:
        # A leaf that requires a gradient has an operation of its own, a constant has none.
        found = [
            f"{at}.__class__ is not {source.name(kind, 'kind')} or "
            f"{at}.op is not {source.name(op, 'op')}"
        ]
        if dtype is not None and not read:
            found.append(_laid(source, f"{at}._data", shape, dtype))
        return found

    return tests


def _laid(source: Source, at: str, shape: Any, dtype: Any) -> str:
    return f"{at}.shape != {shape!r} or {at}.dtype != {source.name(dtype, 'dtype')}"
