"""What a step finds outside of itself: global names, cells of closures, attributes of modules.

A replay does not look at them. So they are looked at before each replay: numbers and texts must be
equal to those of the capture, everything else the very same object; otherwise the step is captured
anew. Arrays and nodes are read anew in each replay, whatever is in them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import length_hint
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_nn.compiler.guards.operands import is_only_operand, line_of_name
from tinygrad_nn.compiler.guards.reach import Reach
from tinygrad_nn.compiler.guards.watched import (
    Attributes,
    Items,
    Numbers,
    Slots,
    holds_any,
    is_generator,
)
from tinygrad_nn.core.capturing import Traced
from tinygrad_nn.core.node import Node
from tinygrad_nn.nn import Module
from tinygrad_nn.nn.changes import CHANGES
from tinygrad_nn.payload import same_bits

if TYPE_CHECKING:
    from tinygrad_nn.compiler.capture.capture import Capture

__all__ = ["Scope"]


class Scope:
    """Everything outside of a step that its code names."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._reach = Reach(self._module)
        self._modules: dict[int, Attributes] = {}
        self._called: dict[int, Attributes] = {}
        self._drawing = 0

    def watch(self, function: Any, *arguments: Any) -> None:
        """Follow the names in the code of `function`, and in what those functions call."""
        self._reach.follow("the step", function)
        for x in arguments:
            if not isinstance(x, (Node, np.ndarray)):
                self._reach.follow("an argument", x)
        self._draws()

    def follow_hooks(self, hooks: Iterable[Any]) -> None:
        """Follow the functions that are called with the gradient of a leaf."""
        for hook in hooks:
            self._reach.follow("a hook", hook)
        self._draws()

    def _draws(self) -> None:
        found = self._reach.generators
        for rng in found[self._drawing :]:
            self._capture.draws.watch(rng)
        self._drawing = len(found)

    def _module(self, module: Any) -> None:
        """A module that the step may use: all of its attributes count, and those of its parts."""
        if id(module) in self._modules:
            return
        name = type(module).__name__
        self._modules[id(module)] = Attributes(module, name, called=False)
        own = type(module).__module__.startswith("tinygrad_nn.")
        for key, x in vars(module).items():
            if isinstance(x, Module):
                self._reach.follow(f"{name}.{key}", x)
            elif key == "_hooks" and x is not None:
                self._reach.watched.append(Slots(x, x.KINDS, f"{name}."))
                for kind in x.KINDS:
                    self._reach.follow(f"{name}.{kind}", getattr(x, kind))
            elif (type(x) in (list, dict, set, tuple) and key != "_buffers") or (
                is_generator(x) or (not own and callable(x))
            ):
                self._reach.follow(f"{name}.{key}", x)

    def entered(self, module: Any) -> None:
        """A module is called: from now on it must be as it is, training or not."""
        if id(module) in self._called:
            return
        self._reach.follow(type(module).__name__, module)
        self._draws()
        self._called[id(module)] = Attributes(module, type(module).__name__, called=True)

    def entered_modules(self) -> list[Any]:
        """Modules that were called, in the order of their first calls."""
        return [one.holder for one in self._called.values()]

    def nodes(self) -> frozenset[int]:
        """`id` of each node that the step may find for itself, in modules and optimisers too."""
        own = [x for one in self._modules.values() for x in vars(one.holder).values()]
        stepped = [p for x in self._reach.optimizers for g in x.param_groups for p in g["params"]]
        return frozenset(map(id, (*self._reach.nodes, *own, *stepped)))

    def is_new(self, x: Any) -> bool:
        """Whether it is an array that was not there before the step, as far as is known."""
        known = any(x is array for _, array, _ in self._reach.arrays)
        return isinstance(x, np.ndarray) and not known

    def check_unchanged(self) -> None:
        """Refuse a step that changed what it found, as a replay would not."""
        for name, x, old in self._reach.arrays:
            if not same_bits(x, old):
                raise self._capture.refused(
                    f"a step that writes into the array {name}, which a replay would not do,",
                    "return what is new, and write it outside",
                    line_of_name(name, self._reach.codes),
                )
        self._check_iterators()
        self._check_caches()
        refused = None
        for one in (*self._reach.watched, *self._modules.values(), *self._called.values()):
            name = one.changed()
            if name is not None:
                refused = refused or self._capture.refused(
                    f"a step that changes {name}, which a replay would not do,",
                    "return what is new, and change it outside; numbers that a step is to keep can "
                    "be tensors: count.data += 1",
                    line_of_name(name, self._reach.codes),
                )
                if isinstance(one, Items):
                    one.undo()
        if refused is not None:
            raise refused
        for module in self._modules.values():
            module.renew()

    def _check_caches(self) -> None:
        """Refuse a step of which a cache keeps a result: a replay would make another."""
        for name, cache in self._reach.caches:
            if holds_any(cache, self._is_of_step):
                cache.cache_clear()
                raise self._capture.refused(
                    f"a step that fills the cache of {name} with a tensor, which a replay would "
                    "not do,",
                    "call it once before the step, or keep no results of it",
                    line_of_name(name, self._reach.codes),
                )

    def _is_of_step(self, x: Any) -> bool:
        if isinstance(x, Node):
            return not self._capture.leaves.outside(x)
        return isinstance(x, Traced)

    def _check_iterators(self) -> None:
        """Refuse a step that takes from an iterator: a replay would have the same item again."""
        codes = self._reach.codes
        line = line_of_name("next", codes)
        for name, x, length in self._reach.iterators:
            if line or length_hint(x, -1) != length:
                raise self._capture.refused(
                    f"a step that takes from the iterator {name}, which a replay would not do,",
                    "take from it outside, and pass what it gives as an argument",
                    line or line_of_name(name, codes),
                )

    def holder(self) -> Callable[[], bool] | None:
        """Function that says whether all is as it was; None if there is nothing."""
        # An array that is more than an operand was computed with by NumPy alone: what came of it
        # is a constant, which holds for as long as the array has these numbers.
        reach, sites = self._reach, self._capture.sites
        arrays = [
            (x, old)
            for _, x, old in reach.arrays
            if not is_only_operand(reach.known_as[id(x)], reach.codes, sites.get(id(x), set()))
        ]
        watched = (*self._reach.watched, *[Numbers(*pair) for pair in arrays])
        modules = (*self._modules.values(), *self._called.values())
        # Of those that no operation was given it may have been asked whether they require one.
        asked = [(x, x.op) for x in self._reach.nodes if x.is_leaf]
        leaves = {id(x): (x, op) for x, op in (*asked, *self._capture.leaves.kept)}
        found = tuple([(x, op, _hooks_of(x)) for x, op in leaves.values()])
        seen = CHANGES.count

        def modules_same() -> bool:
            nonlocal seen
            now = CHANGES.count
            if not all([one.same() for one in modules]):
                return False
            seen = now
            return True

        def holds() -> bool:
            for one in watched:
                if not one.same():
                    return False
            for leaf, op, hooks in found:
                if leaf.op is not op or (leaf.extra is not None and _hooks_of(leaf) != hooks):
                    return False
            return not modules or seen == CHANGES.count or modules_same()

        return holds if watched or modules or found else None


def _hooks_of(leaf: Any) -> list[Any]:
    """What is called with the gradient of a leaf."""
    return [] if leaf.extra is None else [*leaf.extra.hooks]
