"""Recompute instead of remember: a part of the graph that is rebuilt in the backward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_nn import ops
from tinygrad_nn.core.bind import VARIADIC
from tinygrad_nn.core.capturing import Traced
from tinygrad_nn.core.node import CLOCK, Node, enable_grad, is_grad_enabled
from tinygrad_nn.core.op import LEAF, Op, family
from tinygrad_nn.core.order import reverse_order
from tinygrad_nn.core.sweep import pull
from tinygrad_nn.core.tree import flatten
from tinygrad_nn.errors import GraphError, MutationError
from tinygrad_nn.transforms.lift import alias, node_of

__all__ = ["checkpoint"]


def checkpoint(f: Callable[..., Any], *xs: Any) -> Any:
    """`f(*xs)`, without keeping what `f` computes on the way; gradients are the same.

    The backward pass calls `f` once more. Memory falls to the inputs and the result, time
    grows by one forward pass of `f` (Chen et al. 2016, arXiv:1604.06174). Tensors that `f`
    uses besides its arguments, such as the parameters of a module, get their gradients too.

    Args:
        f: Function of nests of tensors to one tensor, or to a nest of tensors of one
            dtype. It must compute the same each time it is called: draw random masks
            outside, or from a generator that `f` itself makes from a seed.
        xs: Its arguments.

    Raises:
        GraphError: In the backward pass, when `f` computed something else.

    Example:
        >>> import tinygrad_nn as tg
        >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
        >>> tg.checkpoint(lambda x: tg.exp(tg.sin(x)), x).sum().backward()
        >>> x.grad
        tensor([ 1.2533808, -1.0331168])
    """
    if not is_grad_enabled():
        return f(*xs)
    leaves, rebuild = flatten(xs)
    tracked = [x for x in leaves if isinstance(x, Node) and x.op is not None]
    twins = [type(x).wrap(x.synced(), LEAF) for x in tracked]
    roots, back = _run(f, leaves, rebuild, twins)
    own = frozenset(twins)
    besides = [
        n
        for n in reverse_order([r for r in roots if r.op is not None])
        if n.is_leaf and n not in own
    ]
    packed = _pack(roots)
    node = type(packed).wrap(packed._data)
    if tracked or besides:
        node.op, node.a = _CHECKPOINT, (*tracked, *besides)
        node.params = {
            "f": lambda given: _pack(_run(f, leaves, rebuild, given)[0]),
            "tracked": tuple(tracked),
            "besides": tuple(besides),
            "epoch": CLOCK.now,
        }
    return back(_unpack(node, roots))


def _run(f: Any, leaves: list[Any], rebuild: Any, twins: list[Node]) -> Any:
    """Call `f` on its arguments with the tracked ones replaced."""
    given = iter(twins)
    args = [next(given) if isinstance(x, Node) and x.op is not None else x for x in leaves]
    out, back = flatten(f(*rebuild(args)))
    return [node_of(y, "checkpoint") for y in out], back


def _pack(roots: list[Node]) -> Node:
    """Several results in one array, since one operation has one output."""
    if len(roots) == 1:
        return roots[0]
    return ops.concat([ops.reshape(r, (-1,)) for r in roots])  # type: ignore[no-any-return]


def _unpack(node: Node, roots: list[Node]) -> list[Any]:
    if len(roots) == 1:
        return [node]
    parts, start = [], 0
    for root in roots:
        size = root._data.size
        parts.append(ops.reshape(node[start : start + size], root._data.shape))  # type: ignore[index]
        start += size
    return parts


def _pullback(
    g: Any, y: Any, *args: Any, needs: Any, f: Any, tracked: Any, besides: Any, epoch: int
) -> tuple[Any, ...]:
    if any(n.epoch > epoch for n in (*tracked, *besides)):
        raise MutationError(
            "backward through checkpoint: an input or parameter was written after it was used "
            "there; run the forward computation again after the write"
        )
    create_graph = isinstance(g, Node) or any(isinstance(x, Node) for x in args)
    with enable_grad():
        twins = [_twin(x) for x in args[: len(tracked)]]
        again = f(twins)
        if _bits(again) != _bits(y):
            raise GraphError(
                "checkpoint: the function computed other numbers when called again; draw random "
                "numbers outside of it, or from a generator that it makes itself from a seed"
            )
        targets = [*twins, *besides]
        found = pull((again,), (g,), targets, create_graph=create_graph)
    return tuple(found.get(n) for n in targets)


def _twin(x: Any) -> Node:
    if isinstance(x, Node):
        return alias(x)
    return family(x).wrap(x, LEAF)  # type: ignore[union-attr]


def _bits(x: Any) -> Any:
    payload: Any = x._data if isinstance(x, Node) else x
    if isinstance(payload, Traced):
        payload = payload.value  # looked at once, when the step is captured
    return payload.tobytes() if hasattr(payload, "tobytes") else repr(payload)


_CHECKPOINT = Op("checkpoint", VARIADIC)
_CHECKPOINT.pullback = _pullback
