"""Nested lists, tuples and dicts of arrays ("pytrees"), flattened and rebuilt.

Everything that is no list, tuple or dict is a leaf; None holds no leaf.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_nn.errors import OperandError

__all__ = ["flatten", "tree_map"]


def flatten(tree: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """Leaves in order, and the function that puts others in their places.

    Example:
        >>> from tinygrad_nn.core.tree import flatten
        >>> leaves, rebuild = flatten({"w": [1, 2], "b": (3,)})
        >>> leaves, rebuild([10, 20, 30])
        ([1, 2, 3], {'w': [10, 20], 'b': (30,)})
    """
    leaves: list[Any] = []
    build = _builder(tree, leaves)

    def rebuild(values: list[Any]) -> Any:
        if len(values) != len(leaves):
            raise OperandError(f"tree: got {len(values)} leaves, expected {len(leaves)}")
        return build(iter(values))

    return leaves, rebuild


def _builder(tree: Any, leaves: list[Any]) -> Callable[[Any], Any]:
    if tree is None:
        return lambda values: None
    if isinstance(tree, dict):
        keys = list(tree)
        parts = [_builder(tree[k], leaves) for k in keys]
        return lambda values: {k: part(values) for k, part in zip(keys, parts, strict=True)}
    if isinstance(tree, (list, tuple)):
        parts = [_builder(x, leaves) for x in tree]
        kind: Any = type(tree)
        if hasattr(kind, "_fields"):
            return lambda values: kind(*[part(values) for part in parts])
        return lambda values: kind([part(values) for part in parts])
    leaves.append(tree)
    return next


def tree_map(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """`function` applied to the leaves of trees of the same form."""
    leaves, rebuild = flatten(tree)
    columns = [leaves, *(flatten(other)[0] for other in others)]
    if any(len(column) != len(leaves) for column in columns):
        raise OperandError(
            f"tree: got trees of {', '.join(str(len(c)) for c in columns)} leaves, expected "
            "the same form"
        )
    return rebuild([function(*row) for row in zip(*columns, strict=True)])
