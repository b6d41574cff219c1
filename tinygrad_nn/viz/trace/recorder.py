"""`record`: the graph below a result as a `Trace`, by a backward pass of its own or without."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.core.node import Node
from tinygrad_nn.errors import FreedGraphError, GradientError, OperandError, OptionError
from tinygrad_nn.viz.trace.graph import (
    Sources,
    below,
    freed_words,
    is_freed,
    model_names,
    no_backward,
    run_pass,
)
from tinygrad_nn.viz.trace.model import (
    Failure,
    Trace,
)
from tinygrad_nn.viz.trace.nodes import write
from tinygrad_nn.viz.trace.steps import Steps

__all__ = ["record", "record_pass"]


def record(
    root: Any,
    *,
    backward: bool = False,
    limit: int | None = None,
    model: Any = None,
    keys: dict[Node, int] | None = None,
    asks: str = "draw",
    on_freed: str = "raise",
) -> Trace:
    """Trace of the graph below `root`.

    Args:
        root: Value or Tensor.
        backward: Run a backward pass from `root` and record its gradients. No `grad` is
            changed and the graph is kept; hooks run, since they shape the gradient.
        limit: Keep this many nodes, those nearest to the root, and count the rest.
        model: Module, or several, whose parameters bear their dotted paths as names.
        keys: Into it goes the record of each node.
        asks: Function that messages name.
        on_freed: "raise", or "record" for what is left of a graph that an earlier pass freed.

    Raises:
        OperandError: `root` is no Value or Tensor, or `model` no module.
        OptionError: `limit` is below 1.
        FreedGraphError: An earlier backward pass freed the graph, unless that is recorded.
        GradientError: `backward` of something that requires no gradient, or of an array.
    """
    if not isinstance(root, Node):
        raise OperandError(
            f"{asks}: got {type(root).__name__}, expected a Value or Tensor; give it what a "
            "computation returned, for example its loss"
        )
    if limit is not None and limit < 1:
        raise OptionError(f"{asks}: got limit={limit}, expected at least 1")
    sources = Sources(names=model_names(model), left=True)
    order = below([root], sources)
    freed = next((node for node in order if is_freed(node)), None)
    if freed is not None:
        if on_freed == "record":
            return _freed(root, sources, order, freed)
        raise FreedGraphError(
            f"{asks}: nothing is left below the {freed_words(freed)}; call {asks} before it, "
            "or that backward with retain_graph=True"
            + ("; draw(x, backward=True) shows gradients without either" * (asks == "draw"))
        )
    if backward:
        if why := no_backward(root):
            raise GradientError(f"{asks}: {'backward=True: ' * (asks == 'draw')}{why}")
        sources.steps = run_pass(root, order)
    return write([root], sources, limit=limit, keys=keys, order=order)


def record_pass(root: Node, sources: Sources, *, raises: bool) -> Trace:
    """Trace of the graph below `root`, by a backward pass made for it if there can be one.

    Args:
        root: Where to begin.
        sources: What else is known.
        raises: Whether to raise what a rule of the pass raises, and not to record it.
    """
    order = below([root], sources)
    freed = next((node for node in order if is_freed(node)), None)
    if freed is not None:
        return _freed(root, sources, order, freed)
    sources.why = no_backward(root)
    if not sources.why:
        steps = sources.steps = Steps()
        try:
            run_pass(root, order, steps)
        except Exception:
            if raises:
                raise
            sources.tell_failure(steps)
    return write([root], sources, order=order)


def _freed(root: Node, sources: Sources, order: list[Node], freed: Node) -> Trace:
    """What is left of a graph."""
    op = "" if freed.op is None else freed.op.name
    sources.failure = Failure("freed", f"the {freed_words(freed)}", op)
    sources.broken = freed
    return write([root], sources, order=order)
