"""Arguments as nodes of their own, and results back in the kind of the arguments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from tinygrad_nn.core.capturing import Traced
from tinygrad_nn.core.node import TRANSFORMS, Node, enable_grad
from tinygrad_nn.core.op import LEAF, Kind, op
from tinygrad_nn.core.order import uses_towards
from tinygrad_nn.core.sweep import pull
from tinygrad_nn.core.tree import flatten
from tinygrad_nn.errors import DTypeError, GradientError, OperandError, OptionError, ShapeError
from tinygrad_nn.payload import payload_of
from tinygrad_nn.tensor import Tensor
from tinygrad_nn.value import value_seed

__all__ = [
    "Lifted",
    "as_node",
    "inside",
    "joined",
    "kept_result",
    "node_of",
    "result_of",
    "scalar",
    "seeds_of",
    "split",
]

T = TypeVar("T")


@contextmanager
def inside() -> Iterator[None]:
    """The body of a transformed function: recording is on, and inner transforms know."""
    token = TRANSFORMS.set(TRANSFORMS.get() + 1)
    try:
        with enable_grad():
            yield
    finally:
        TRANSFORMS.reset(token)


@op(vjp=lambda g, y, x: g, kind=Kind.LINEAR)
def alias(x: T, /) -> T:
    """`x` itself, as a node of its own."""
    return x


class Lifted:
    """The varying arguments of a transform, as nodes of their own."""

    def __init__(self, tree: Any, name: str) -> None:
        self.originals, self._rebuild = flatten(tree)
        if not self.originals:
            raise OperandError(f"{name}: got no array or number to differentiate for")
        self.create_graph = TRANSFORMS.get() > 0 or any(
            isinstance(x, Node) and x.op is not None for x in self.originals
        )
        with enable_grad():
            self.nodes = [lift(x, name) for x in self.originals]
        self.tree = self._rebuild(list(self.nodes))

    def gradients(self, seeded: Sequence[tuple[Node, Any]], traced: bool | None = None) -> Any:
        """Payload or Node for each varying leaf; zeros where the roots do not depend on it."""
        pairs = [(root, seed) for root, seed in seeded if root.op is not None]
        roots, seeds = [r for r, _ in pairs], [s for _, s in pairs]
        return next(self.passes(roots, [seeds], traced))

    def passes(
        self, roots: Sequence[Node], many: Iterable[Sequence[Any]], traced: bool | None = None
    ) -> Iterator[list[Any]]:
        """The same for each of many seeds of the same roots, whose order is found once."""
        traced = self.create_graph if traced is None else traced
        uses = uses_towards(roots, frozenset(self.nodes)) if roots else {}
        for seeds in many:
            found: dict[Node, Any] = {}
            if roots:
                with enable_grad():
                    found = pull(roots, seeds, self.nodes, create_graph=traced, uses=uses)
            yield [found[n] if n in found else n.zero(n._data) for n in self.nodes]

    def lowered(self, gradients: Sequence[Any]) -> Any:
        """The nest of gradients, each in the kind of its original."""
        return self._rebuild([lower(g, x) for g, x in zip(gradients, self.originals, strict=True)])


def lift(x: Any, name: str) -> Node:
    if isinstance(x, Node):
        if x.op is not None:
            return alias(x)
        node: Node = x.detach()  # type: ignore[attr-defined]
    else:
        node = Tensor(x, dtype="float64" if type(x) in (int, float) else None)
    if isinstance(node, Tensor) and node.dtype.kind != "f":
        raise DTypeError(
            f"{name}: got an argument of {node.dtype}, expected floats; integers have no "
            "gradient, convert with x.astype('float64')"
        )
    node.op = LEAF
    return node


def lower(g: Any, like: Any) -> Any:
    """A result in the kind of `like`: raw for raw, unless it is in a graph."""
    if isinstance(like, Node):
        return g if isinstance(g, Node) else _wrapped(g, like)
    if isinstance(g, Node):
        if g.op is not None:
            return g
        g = g._data
    return float(g) if type(like) in (int, float) else _fresh(g)


def _wrapped(payload: Any, like: Node) -> Node:
    """Constant of the kind of `like`, in memory of its own."""
    return like.wrap(payload_of(payload, None) if isinstance(like, Tensor) else payload)


def _fresh(g: Any) -> Any:
    return np.array(g) if isinstance(g, (np.ndarray, np.generic)) else g


def scalar(y: Any, name: str) -> Node:
    """`y`, if it is one number in the graph."""
    if not isinstance(y, Node):
        raise GradientError(
            f"{name}: the function returned {type(y).__name__}, expected a Tensor or Value; "
            "math.sin(x), float(x) and np.asarray(x) leave the graph, use tinygrad_nn.sin(x)"
        )
    if isinstance(y, Tensor) and y.size != 1:
        raise GradientError(
            f"{name}: the function returned shape {y.shape}, expected one number; "
            "use .sum(), or jacobian for all of them"
        )
    return y


def split(args: tuple[Any, ...], argnums: int | Sequence[int], name: str) -> Any:
    """The varying arguments: one, or a tuple of several."""
    numbers = tuple(argnums) if isinstance(argnums, Iterable) else (argnums,)
    if any(isinstance(n, bool) or not hasattr(n, "__index__") for n in numbers):
        raise OptionError(
            f"{name}: got argnums {argnums!r}, expected an integer, or several: argnums=(0, 1)"
        )
    for n in numbers:
        if not -len(args) <= n < len(args):
            raise OptionError(
                f"{name}: got argnums {argnums} for {len(args)} positional arguments; "
                "arguments to differentiate for are passed by position"
            )
    if len({n % len(args) for n in numbers}) < len(numbers):
        raise OptionError(f"{name}: got argnums {argnums}, expected each argument only once")
    if not isinstance(argnums, Iterable):
        return args[argnums]
    return tuple(args[n] for n in numbers)


def joined(args: tuple[Any, ...], argnums: int | Sequence[int], varying: Any) -> list[Any]:
    """`args` with the varying ones replaced."""
    joined = list(args)
    if not isinstance(argnums, Iterable):
        joined[argnums] = varying
    else:
        for n, x in zip(argnums, varying, strict=True):
            joined[n] = x
    return joined


def kept_result(y: Any, lifted: Lifted) -> Any:
    """A function's result in the kind of its arguments, nested as it is."""
    leaves, rebuild = flatten(y)
    raw = not any(isinstance(x, Node) for x in lifted.originals)
    return rebuild([result_of(x, raw, lifted.create_graph) for x in leaves])


def result_of(x: Any, raw: bool, create_graph: bool) -> Any:
    """A result in the kind of the arguments: raw for raw, unless it is in a graph."""
    if not isinstance(x, Node):
        return x
    if create_graph:
        return x
    payload = x._data
    if raw and not isinstance(payload, Traced):
        return payload.item() if np.ndim(payload) == 0 else np.array(payload)
    return x.detach()  # type: ignore[attr-defined]


def node_of(y: Any, name: str) -> Node:
    """`y`, if it is a node."""
    if not isinstance(y, Node):
        raise GradientError(
            f"{name}: the function returned {type(y).__name__}, expected Tensors or Values"
        )
    return y


def seeds_of(nodes: Sequence[Node], tree: Any, name: str) -> list[Any]:
    """A cotangent or tangent for each node, checked and in the sweep's form."""
    leaves, _ = flatten(tree)
    if len(leaves) != len(nodes):
        raise ShapeError(f"{name}: got {len(leaves)} arrays, expected {len(nodes)}")
    seeds = []
    for node, given in zip(nodes, leaves, strict=True):
        if isinstance(given, Node):
            seed = given if given.op is not None else given._data
        elif isinstance(node, Tensor):
            seed = payload_of(given, node.dtype)
        else:
            seed = value_seed(given)
        if np.shape(_payload(seed)) != np.shape(node._data):
            raise ShapeError(
                f"{name}: got shape {np.shape(_payload(seed))}, expected {np.shape(node._data)}"
            )
        seeds.append(seed)
    return seeds


def _payload(x: Any) -> Any:
    return x._data if isinstance(x, Node) else x


def as_node(payload: Any, like: Node) -> Node:
    """`payload` as a constant of the kind of `like`."""
    return payload if isinstance(payload, Node) else _wrapped(payload, like)
