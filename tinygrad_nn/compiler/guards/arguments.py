"""Checks, as source, that the arguments of a call are those that a program is for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter, itemgetter
from typing import Any

import numpy as np

from tinygrad_nn.compiler.places import Unfit
from tinygrad_nn.compiler.source import Source
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.record import SEVERED

__all__ = ["guard"]

_PLAIN = (int, str, bytes, bool)
_FEW = 4
_MANY = 64
_OP = attrgetter("op")


def guard(
    leaves: Sequence[Any], used: frozenset[int], named: frozenset[int]
) -> Callable[[Source], None]:
    """Function that writes the checks.

    Args:
        leaves: The arguments that the step was captured with; what counts of an array is its form.
        used: `id` of each node that the step found for itself: no argument was one of them.
        named: `id` of each that it may find: an argument that is one of them stays that one, since
            the program does not say which of the two the step used.
    """
    nodes = [n for n, x in enumerate(leaves) if isinstance(x, Node)]
    numbers = [n for n in nodes if not hasattr(leaves[n]._data, "dtype")]
    together = _together([leaves[n] for n in numbers]) if len(numbers) > _MANY else None
    alone = set(range(len(leaves))) - set(numbers if together else ())
    forms = {n: _form(leaves[n]) for n in sorted(alone)}
    pattern = _pattern([leaves[n] for n in nodes])
    found = {n: leaves[n] for n in nodes if id(leaves[n]) in named}
    count = len(leaves)
    del leaves  # which are not to be kept for as long as the program is

    def write(source: Source) -> None:
        source.scope["Unfit"] = Unfit
        if 0 < count <= _MANY:
            source.unpacked = True  # a local name takes 3 ns, an item of a list 15
            source.line(f"{''.join([f'{source.leaf(n)}, ' for n in range(count)])}= leaves")
        for n, form in forms.items():
            for test in form(source, source.leaf(n), n in source.read):
                source.line(f"if {test}: raise Unfit")
        for n, leaf in found.items():
            source.line(f"if {source.leaf(n)} is not {source.name(leaf)}: raise Unfit")
        if together:
            at, differ = source.name(_getter(numbers), "numbers"), source.name(together, "differ")
            source.line(f"if {differ}({at}(leaves)): raise Unfit")
        _repeated(source, nodes, pattern)
        if used and nodes:
            _apart(source, nodes, used)

    return write


def _repeated(source: Source, nodes: list[int], pattern: list[int]) -> None:
    """The same leaf twice has one gradient, and not two."""
    if len(nodes) <= _FEW:
        for k, a in enumerate(nodes):
            for j, b in enumerate(nodes[:k]):
                test = f"is {'not ' * (pattern[j] == pattern[k])}{source.leaf(b)}"
                source.line(f"if {source.leaf(a)} {test}: raise Unfit")
        return
    at = source.name(_getter(nodes), "nodes")
    if pattern == list(range(len(nodes))):
        source.line(f"if len(set(map(id, {at}(leaves)))) != {len(nodes)}: raise Unfit")
    else:
        same, kept = source.name(_pattern, "pattern"), source.name(pattern, "kept")
        source.line(f"if {same}({at}(leaves)) != {kept}: raise Unfit")


def _apart(source: Source, nodes: list[int], used: frozenset[int]) -> None:
    """No argument is a node that the step found for itself."""
    name = source.name(used, "found")
    if len(nodes) <= _MANY:
        for n in nodes:
            source.line(f"if id({source.leaf(n)}) in {name}: raise Unfit")
    else:
        at = source.name(_getter(nodes), "nodes")
        source.line(f"if not {name}.isdisjoint(map(id, {at}(leaves))): raise Unfit")


def _getter(indices: list[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """Function that takes these items, two or more; all at once if they follow one another."""
    if indices == list(range(indices[0], indices[-1] + 1)):
        return itemgetter(slice(indices[0], indices[-1] + 1))
    return itemgetter(*indices)


def _pattern(nodes: Sequence[Any]) -> list[int]:
    """For each node, at which place it came first."""
    first: dict[int, int] = {}
    return [first.setdefault(id(x), n) for n, x in enumerate(nodes)]


def _together(numbers: Sequence[Any]) -> Callable[[Sequence[Any]], bool]:
    """Whether scalar nodes differ from these, of which there are many: 0.06 us each."""
    kinds, ops = list(map(type, numbers)), list(map(_OP, numbers))
    return lambda found: list(map(type, found)) != kinds or list(map(_OP, found)) != ops


def _form(x: Any) -> Callable[[Source, str, bool], list[str]]:
    """What must hold of an argument like `x`, as tests that must all be false.

    The tests of shape and dtype are left out for an array that is checked when it is read.
    """
    kind = type(x)
    if isinstance(x, Node):
        hooks = [] if x.extra is None else [*x.extra.hooks]
        return _node(kind, x.op, x._data, hooks)
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


def _node(
    kind: type, op: Any, payload: Any, hooks: list[Any]
) -> Callable[[Source, str, bool], list[str]]:
    shape, dtype = getattr(payload, "shape", None), getattr(payload, "dtype", None)

    def tests(source: Source, at: str, read: bool) -> list[str]:
        # A leaf that requires a gradient has an operation of its own, a constant has none.
        found = [
            f"{at}.__class__ is not {source.name(kind, 'kind')} or {_other_op(source, at, op)}"
        ]
        if op is not None and hooks:
            kept = source.name(hooks, "hooks")
            found.append(f"{at}.extra is None or [*{at}.extra.hooks] != {kept}")
        elif op is not None:
            found.append(f"{at}.extra is not None and {at}.extra.hooks")
        if dtype is not None and not read:
            found.append(_laid(source, f"{at}._data", shape, dtype))
        return found

    return tests


def _other_op(source: Source, at: str, op: Any) -> str:
    """Whether the node is another kind of leaf; what another step returned is a constant."""
    if op is None or op is SEVERED:
        return f"{at}.op is not None and {at}.op is not {source.name(SEVERED, 'severed')}"
    return f"{at}.op is not {source.name(op, 'op')}"


def _laid(source: Source, at: str, shape: Any, dtype: Any) -> str:
    return f"{at}.shape != {shape!r} or {at}.dtype != {source.name(dtype, 'dtype')}"
