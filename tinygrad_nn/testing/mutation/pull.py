"""One evaluation of a gradient rule, as a mutant sees it: what went in, and what is right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_nn.core.capturing import Traced
from tinygrad_nn.core.node import Node, enable_grad
from tinygrad_nn.core.op import LEAF
from tinygrad_nn.core.record import family
from tinygrad_nn.core.sweep import pull
from tinygrad_nn.ops import broadcast_to
from tinygrad_nn.tensor import Tensor
from tinygrad_nn.value import Value

__all__ = ["Pull", "raw"]

Rule = Callable[[Any, Any, Sequence[Any], int], Any]
"""Gradient `(g, y, args, argument) -> h` of one argument."""


class Pull:
    """One evaluation of the rule for one argument.

    What it was given are payloads in sweeps of first order, and nodes where the sweep records
    itself. A mutant does the same to both, or to one of them.

    Attributes:
        rule: The right rule, for any argument.
        argument: Place of the argument whose gradient is asked for.
        g: Gradient of the result.
        y: Result.
        args: Arguments.
        memory: Kept from one evaluation to the next, as long as the mutant is planted.
        flagged: Set by a mutant whose numbers are right and whose graph is not.
    """

    def __init__(
        self,
        rule: Rule,
        argument: int,
        g: Any,
        y: Any,
        args: Sequence[Any],
        memory: dict[str, Any],
    ) -> None:
        self.rule, self.argument, self.memory = rule, argument, memory
        self.g, self.y, self.args = g, y, args
        self.flagged = False

    def gradient(
        self, g: Any = None, y: Any = None, args: Sequence[Any] | None = None, of: int | None = None
    ) -> Any:
        """What the right rule gives, for another gradient, result or argument, too."""
        return self.rule(
            self.g if g is None else g,
            self.y if y is None else y,
            self.args if args is None else args,
            self.argument if of is None else of,
        )

    @cached_property
    def whole(self) -> Any:
        """The right gradient, not yet summed to the shape of its argument."""
        return self.gradient()

    @cached_property
    def right(self) -> Any:
        """The right gradient."""
        return self.fitted(self.whole)

    @cached_property
    def x(self) -> Any:
        """Payload of the argument."""
        return raw(self.args[self.argument])

    @property
    def recorded(self) -> bool:
        """Whether the sweep records itself."""
        return isinstance(self.g, Node)

    @property
    def number(self) -> bool:
        """Whether it is one of Values."""
        return not hasattr(self.x, "shape") or isinstance(self.g, Value)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the argument."""
        return tuple(getattr(self.x, "shape", ()))

    def fitted(self, h: Any) -> Any:
        """A gradient in the shape and dtype of the argument."""
        return h if self.number else Tensor.fit(h, self.x)

    def factors(self, wrong: Any) -> Any:
        """Factors for the gradient: an array of its shape and dtype, or a number."""
        if self.number:
            return float(np.asarray(wrong).ravel()[0]) if np.size(wrong) else 1.0
        return np.asarray(wrong, self.x.dtype)

    def differs(self, wrong: Any) -> bool:
        """Whether a gradient is another than the right one."""
        if self.flagged or isinstance(self.x, Traced):
            return True
        if wrong is self.right:
            return False
        got, want = raw(self.fitted(wrong)), raw(self.right)
        return not np.array_equal(np.asarray(got), np.asarray(want), equal_nan=True)

    def moves_with(self, *, cotangent: bool) -> bool:
        """Whether the right gradient has a derivative in the cotangent, or else in the values."""
        if "moves" in self.memory:
            return True
        g, y, args = self.g, self.y, self.args
        if cotangent:
            y, args = raw(y), [raw(x) for x in args]
        else:
            g = raw(g)
        ends = [g] if cotangent else [y, *args]
        ends = [x for x in ends if isinstance(x, Node) and x.op is not None]
        h = self.gradient(g, y, args)
        if not isinstance(h, Node) or h.op is None or not ends:
            return False
        if not any(h is x for x in ends):
            shape = getattr(h, "shape", None)
            seed = 1.0 if shape is None else np.asarray(_uneven(shape), h._data.dtype)
            with np.errstate(all="ignore"):
                found = [np.asarray(raw(k)) for k in pull([h], [seed], ends).values()]
            if not any(np.any(k != 0) for k in found):
                return False
        self.memory["moves"] = True
        return True

    def without_term(self) -> Any:
        """The gradient without the last term of the outermost sum of its rule; None of none."""
        if self.recorded:
            with enable_grad():
                return self._shortened(self.whole, (self.g, self.y, *self.args))
        g, y, *args = leaves = [_leaf(x) for x in (self.g, self.y, *self.args)]
        with enable_grad():
            found = self._shortened(self.gradient(g, y, args), leaves)
        return None if found is None else raw(found)

    def _shortened(self, h: Any, leaves: Sequence[Any]) -> Any:
        below = _below(h, {id(x) for x in leaves})
        sums = (pair for pair in below if pair[0].op and pair[0].op.key in ("add", "subtract"))
        node, path = next(sums, (None, []))
        if node is None:
            return None
        value = node.inputs[0]
        if not isinstance(node, Value):
            kind = node._data.dtype
            number = not hasattr(value, "shape")
            value = np.full(node.shape, value, kind) if number else broadcast_to(value, node.shape)
        for child, parent in path:
            inputs = [value if x is child else x for x in parent.inputs]
            value = parent.op.call(*inputs, **(parent.params or {}))
        return value


def raw(x: Any) -> Any:
    """Payload of a node; anything else as it is."""
    return x.synced() if isinstance(x, Node) else x


def _uneven(shape: Sequence[int]) -> Any:
    """Numbers that are not zero, and whose sums are not."""
    return np.cos(np.arange(np.prod(shape))).reshape(tuple(shape))


def _leaf(x: Any) -> Any:
    """A leaf around a float payload."""
    if isinstance(x, np.generic):
        x = np.asarray(x)  # NumPy's float64 is a Python float too, and no Value
    kind = getattr(getattr(x, "dtype", None), "kind", "f" if type(x) is float else "")
    cls = family(x) if kind == "f" else None
    return x if cls is None or isinstance(x, Node) else cls.wrap(x, LEAF)


def _below(top: Any, ends: set[int]) -> Iterator[tuple[Any, list[tuple[Any, Any]]]]:
    """Nodes below a result, nearest first, each with the steps up: pairs of child and parent.

    The ends themselves come too, and nothing below them.
    """
    if not isinstance(top, Node):
        return
    ready: list[tuple[Any, list[tuple[Any, Any]]]] = [(top, [])]
    seen = {id(top)}
    for node, path in ready:  # which grows meanwhile
        yield node, path
        if id(node) in ends or node.is_leaf:
            continue
        for child in node.inputs:
            if isinstance(child, Node) and id(child) not in seen:
                seen.add(id(child))
                ready.append((child, [(child, node), *path]))
