"""What a sweep does where a rule raises, or an input was written since."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_nn.core.bind import describe
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.order import told
from tinygrad_nn.errors import MutationError

__all__ = ["failed", "mutated"]


def mutated(node: Node, leaf: Node) -> MutationError:
    """The error for an input of `node` that was written after it was used."""
    return MutationError(
        f"backward through the {told(node)}: its input, the {told(leaf)}, was written after "
        "it was used there, so that the gradient would be wrong; run the forward computation "
        "again after the write, or write into a detached copy: x.detach()"
    )


def failed(node: Node, g: Any, error: Exception) -> Sequence[tuple[Node, Any]]:
    """A rule raised: floats go on as IEEE does, where Python's raise; anything else is told."""
    for p in node.inputs:
        if isinstance(p, Node) and p.epoch > node.epoch:
            raise mutated(node, p) from error  # now of a shape that the rule cannot know
    if isinstance(error, (ZeroDivisionError, OverflowError)):
        found = node.ieee_gradients(g)
        if found is not None:
            return found
    error.add_note(f"in the gradient rule of {told(node)}, for the gradient {describe(g)}")
    raise error
