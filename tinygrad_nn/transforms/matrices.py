"""Whole matrices of derivatives: Jacobian and Hessian, and the Hessian's product."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from tinygrad_nn import ops
from tinygrad_nn.core.node import Node, enable_grad
from tinygrad_nn.core.push import push
from tinygrad_nn.core.tree import flatten
from tinygrad_nn.errors import OptionError
from tinygrad_nn.transforms.lift import Lifted, inside, joined, node_of, seeds_of, split
from tinygrad_nn.transforms.products import grad

__all__ = ["hessian", "hvp", "jacobian"]


def jacobian(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, mode: str = "auto"
) -> Callable[..., Any]:
    """Function that gives the derivative of each output element for each input element.

    Args:
        f: Function to an array (or a nest of arrays).
        argnums: Which positional argument to differentiate for; several give a tuple.
        mode: "reverse" (a sweep for each output element), "forward" (one for each input
            element), or "auto" (whichever is fewer).

    Returns:
        Function to arrays of shape `(*output shape, *input shape)`: for each output leaf
        the nest of inputs.

    Example:
        >>> import numpy as np
        >>> import tinygrad_nn as tg
        >>> tg.jacobian(lambda x: x * x)(np.array([1.0, 2.0]))
        array([[2., 0.],
               [0., 4.]])
    """
    if mode not in ("auto", "reverse", "forward"):
        raise OptionError(f"jacobian: got mode {mode!r}, expected 'auto', 'reverse' or 'forward'")

    @wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        lifted = Lifted(split(args, argnums, "jacobian"), "jacobian")
        with inside():
            out = f(*joined(args, argnums, lifted.tree), **kwargs)
        leaves, rebuild = flatten(out)
        roots = [node_of(y, "jacobian") for y in leaves]
        inward = sum(np.size(n._data) for n in lifted.nodes)
        outward = sum(np.size(r._data) for r in roots)
        forward = mode == "forward" or (mode == "auto" and inward < outward)
        blocks = (_forward if forward else _reverse)(lifted, roots)
        return rebuild([lifted.lowered(row) for row in blocks])

    return call


def _units(payload: Any) -> list[Any]:
    """One array for each element, 1 there and 0 elsewhere."""
    if isinstance(payload, float):
        return [1.0]
    eye = np.eye(payload.size, dtype=payload.dtype)
    return [row.reshape(payload.shape) for row in eye]


def _stacked(rows: list[Any], shape: tuple[int, ...], like: Any) -> Any:
    """Rows in one array of `shape`, or the one row of a Value."""
    if isinstance(like, float):
        return rows[0]
    if not rows:
        return np.zeros(shape, like.dtype)
    if any(isinstance(r, Node) for r in rows):
        return ops.reshape(ops.stack(rows), shape)
    return np.stack(rows).reshape(shape)


def _reverse(lifted: Lifted, roots: list[Node]) -> list[list[Any]]:
    blocks = []
    for root in roots:
        known = [root] if root.op is not None else []
        rows = list(lifted.passes(known, ([unit] for unit in _units(root._data))))
        blocks.append(
            [
                _stacked(
                    [row[i] for row in rows], np.shape(root._data) + np.shape(n._data), n._data
                )
                for i, n in enumerate(lifted.nodes)
            ]
        )
    return blocks


def _forward(lifted: Lifted, roots: list[Node]) -> list[list[Any]]:
    columns: list[list[list[Any]]] = []
    for node in lifted.nodes:
        moved = []
        for unit in _units(node._data):
            with enable_grad():
                found = push(roots, {node: unit}, create_graph=lifted.create_graph)
            moved.append(
                [r.zero(r._data) if t is None else t for r, t in zip(roots, found, strict=True)]
            )
        columns.append(moved)
    return [
        [
            _last([m[k] for m in moved], np.shape(root._data), np.shape(n._data), root._data)
            for n, moved in zip(lifted.nodes, columns, strict=True)
        ]
        for k, root in enumerate(roots)
    ]


def _last(columns: list[Any], outer: tuple[int, ...], inner: tuple[int, ...], like: Any) -> Any:
    """Columns in one array whose last axes are those of the input."""
    block = _stacked(columns, (len(columns), *outer), like)
    if isinstance(like, float):
        return block
    order = (*range(1, len(outer) + 1), 0)
    return ops.reshape(ops.permute_dims(block, order), (*outer, *inner))


def hessian(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """Function that gives the second derivatives of `f`, which returns one number.

    Returns:
        Function to an array of shape `(*shape, *shape)`; for a nest, the nest of nests.

    Example:
        >>> import numpy as np
        >>> import tinygrad_nn as tg
        >>> tg.hessian(lambda x: x[0] * x[1] ** 2)(np.array([1.0, 3.0]))
        array([[0., 6.],
               [6., 2.]])
    """
    return jacobian(grad(f, argnums), argnums, mode="reverse")


def hvp(f: Callable[..., Any], x: Any, v: Any) -> Any:
    """Product of the Hessian of `f` at `x` with `v`, without forming the Hessian.

    Args:
        f: Function to one number.
        x: Argument: array, number, Tensor, Value or nest.
        v: Direction of the same form and shapes.

    Example:
        >>> import numpy as np
        >>> import tinygrad_nn as tg
        >>> tg.hvp(lambda x: (x**3).sum(), np.array([1.0, 2.0]), np.array([1.0, 0.0]))
        array([6., 0.])
    """
    lifted = Lifted(x, "hvp")
    with inside():
        gradient = grad(f)(lifted.tree)
    leaves, _ = flatten(gradient)
    roots = [node_of(g, "hvp") for g in leaves]
    pairs = list(zip(roots, seeds_of(roots, v, "hvp"), strict=True))
    return lifted.lowered(lifted.gradients(pairs))
