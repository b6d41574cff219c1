"""`backward`: the sweep from one root, with its gradients added to the leaves."""

from __future__ import annotations

from _thread import RLock  # 1 ms less to import than threading
from collections.abc import Iterable
from typing import Any

from tinygrad_nn.core.node import Node, enable_grad
from tinygrad_nn.core.record import SEVERED
from tinygrad_nn.core.sweep import accumulate, pull
from tinygrad_nn.errors import GradientError

__all__ = ["backward"]

# Passes of several threads may end at the same leaf: no gradient must be lost between the
# look at the old one and the write of the sum. A watcher of `+` may call backward itself.
_LOCK = RLock()


def backward(root: Node, seed: Any, *, retain_graph: bool, create_graph: bool) -> None:
    """Add d(root · seed)/d(leaf) to the `grad` of each leaf below `root`.

    Raises:
        GradientError: `root` requires no gradient.
        FreedGraphError: An earlier pass freed the graph.
        MutationError: A leaf was written after it was used.
    """
    if root.op is None:
        raise GradientError(
            f"backward on a {type(root).__name__} that requires no gradient: none of its inputs "
            "does, or it was computed under no_grad; expected at least one leaf made with "
            "requires_grad=True"
        )
    if create_graph:
        with enable_grad():
            traced = pull((root,), (seed,), create_graph=True)
            _refuse_severed(traced)
            with _LOCK:
                for leaf, g in traced.items():
                    if leaf.op is not None:  # not frozen since it was used
                        accumulate(leaf, g if isinstance(g, Node) else leaf.wrap(leaf.own([g])))
        return
    if isinstance(seed, Node):
        seed = seed.synced()  # a graph of its own is not followed
    found = pull((root,), (seed,), retain_graph=retain_graph)
    _refuse_severed(found)
    own, owned = root.own, root.fit is None  # numbers cannot alias
    with _LOCK:
        for leaf in tuple(found):
            if leaf.op is None:
                continue  # frozen since it was used
            if leaf._grad is None:
                leaf._grad = found[leaf] if owned else own([found.pop(leaf)])
            else:
                accumulate(leaf, found[leaf])


def _refuse_severed(found: Iterable[Node]) -> None:
    """Before any gradient is written: a part of them would be missing."""
    if SEVERED in [leaf.op for leaf in found]:
        raise GradientError(
            "backward reached what a captured step returned, whose graph stayed in the step: the "
            "gradients of what it was computed from would be missing; call backward inside of the "
            "step, together with the rest of the loss, or say with .detach() that it is a constant"
        )
