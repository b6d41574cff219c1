"""Gradients, and products of the derivative with a vector from either side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from tinygrad_nn.core.node import TRANSFORMS, Node, enable_grad
from tinygrad_nn.core.push import push
from tinygrad_nn.core.tree import flatten
from tinygrad_nn.errors import GradientError, OperandError
from tinygrad_nn.transforms.lift import (
    Lifted,
    as_node,
    inside,
    joined,
    kept_result,
    node_of,
    result_of,
    scalar,
    seeds_of,
    split,
)

__all__ = ["grad", "jvp", "value_and_grad", "vjp"]


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Function that gives `f`'s value and its gradient.

    Args:
        f: Function to one number, of arrays, numbers, Tensors, Values or nests of them.
        argnums: Which positional argument to differentiate for; several give a tuple.
        has_aux: `f` returns (value, anything else); then ((value, rest), gradient).

    Raises:
        GradientError: `f` returned no single Tensor or Value.
        DTypeError: An argument to differentiate for has no floats.

    Example:
        >>> import numpy as np
        >>> import tinygrad_nn as tg
        >>> tg.value_and_grad(lambda w: (w * w).sum())(np.array([1.0, 2.0]))
        (5.0, array([2., 4.]))
    """

    @wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        lifted = Lifted(split(args, argnums, "grad"), "grad")
        with inside():
            out = f(*joined(args, argnums, lifted.tree), **kwargs)
        y, aux = _with_aux(out) if has_aux else (out, None)
        root = scalar(y, "grad")
        gradients = lifted.lowered(lifted.gradients([(root, root.one(root._data))]))
        value = kept_result(root, lifted)
        return ((value, kept_result(aux, lifted)) if has_aux else value), gradients

    return call


def _with_aux(out: Any) -> Any:
    """The two parts of what a function with `has_aux` returned."""
    if not isinstance(out, (tuple, list)) or len(out) != 2:
        raise GradientError(
            f"grad with has_aux: the function returned {type(out).__name__}, expected a pair: "
            "the number to differentiate, and anything else"
        )
    return out


def grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Function that takes the arguments of `f` and gives the gradient.

    The gradient comes in the form of the argument: an array for an array, a float for a
    number, a dict for a dict.

    Args:
        f: Function to one number, of arrays, numbers, Tensors, Values or nests of them.
        argnums: Which positional argument to differentiate for; several give a tuple.
        has_aux: `f` returns (value, anything else); then (gradient, anything else).

    Raises:
        GradientError: `f` returned no single Tensor or Value.
        DTypeError: An argument to differentiate for has no floats.

    Example:
        >>> import tinygrad_nn as tg
        >>> tg.grad(tg.grad(lambda x: x**3))(2.0)
        12.0
    """
    both = value_and_grad(f, argnums, has_aux)

    @wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return call


def vjp(f: Callable[..., Any], *xs: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Value of `f(*xs)`, and the function from a cotangent to the gradient of each `x`.

    The cotangent has the form and shapes of the value. The function may be called again.

    Example:
        >>> import numpy as np
        >>> import tinygrad_nn as tg
        >>> y, back = tg.vjp(lambda x: x * x, np.array([1.0, 2.0]))
        >>> back(np.array([1.0, 10.0]))
        (array([ 2., 40.]),)
    """
    lifted = Lifted(xs, "vjp")
    with inside():
        out = f(*lifted.tree)
    leaves, _ = flatten(out)
    roots = [node_of(y, "vjp") for y in leaves]

    def back(cotangent: Any) -> tuple[Any, ...]:
        seeds = seeds_of(roots, cotangent, "vjp")
        pairs = list(zip(roots, seeds, strict=True))
        traced = lifted.create_graph or TRANSFORMS.get() > 0
        return lifted.lowered(lifted.gradients(pairs, traced))  # type: ignore[no-any-return]

    return kept_result(out, lifted), back


def jvp(f: Callable[..., Any], primals: Any, tangents: Any) -> tuple[Any, Any]:
    """Value of `f(*primals)` and its derivative along `tangents`, by forward mode.

    Args:
        f: Function of as many arguments as there are primals.
        primals: Tuple (or list) of arguments.
        tangents: Tuple (or list) of the same form and shapes.

    Example:
        >>> import tinygrad_nn as tg
        >>> tg.jvp(lambda x, y: x * y, (3.0, 4.0), (1.0, 0.0))
        (12.0, 4.0)
    """
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise OperandError("jvp: expected tuples: jvp(f, (x,), (dx,))")
    lifted = Lifted(tuple(primals), "jvp")
    directions = seeds_of(lifted.nodes, tuple(tangents), "jvp")
    if any(isinstance(t, Node) for t in directions):
        lifted.create_graph = True
    with inside():
        out = f(*lifted.tree)
    leaves, rebuild = flatten(out)
    roots = [node_of(y, "jvp") for y in leaves]
    with enable_grad():
        moved = push(
            roots,
            dict(zip(lifted.nodes, directions, strict=True)),
            create_graph=lifted.create_graph,
        )
    moved = [r.zero(r._data) if t is None else t for r, t in zip(roots, moved, strict=True)]
    raw = not any(isinstance(x, Node) for x in lifted.originals)
    kept = [
        result_of(as_node(t, r), raw, lifted.create_graph)
        for t, r in zip(moved, roots, strict=True)
    ]
    return kept_result(out, lifted), rebuild(kept)
