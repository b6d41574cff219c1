"""Gradients of tensors that were already computed, in PyTorch's form.

For gradients of *functions* see `tinygrad_nn.grad` and its companions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tinygrad_nn.core.anomaly import detect_anomaly as detect_anomaly
from tinygrad_nn.core.bind import describe
from tinygrad_nn.core.node import Node, enable_grad
from tinygrad_nn.core.sweep import pull
from tinygrad_nn.errors import GradientError, OperandError
from tinygrad_nn.space import seed_for
from tinygrad_nn.tensor import Tensor
from tinygrad_nn.value import value_seed

__all__ = ["detect_anomaly", "grad"]


def grad(
    outputs: Node | Sequence[Node],
    inputs: Node | Sequence[Node],
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Any, ...]:
    """Gradients of `sum(outputs)` with respect to `inputs`; no `.grad` is touched.

    Args:
        outputs: Tensor(s) or Value(s) to differentiate.
        inputs: Leaves or results in their graph.
        grad_outputs: For each output the gradient that arrives there; 1 for one number.
        retain_graph: Keep the graph for another pass; follows `create_graph` if None.
        create_graph: Record the gradients, for derivatives of higher order.
        allow_unused: Give None for an input that the outputs do not depend on.

    Returns:
        One gradient for each input, always a tuple.

    Raises:
        GradientError: An output requires no gradient, or an input is not in its graph.

    Example:
        >>> import tinygrad_nn as tg
        >>> x = tg.tensor([3.0], requires_grad=True)
        >>> tg.autograd.grad((x**3).sum(), x)
        (tensor([27.]),)
    """
    roots, wanted = _nodes(outputs, "outputs"), _nodes(inputs, "inputs")
    if not roots:
        raise OperandError("grad: got no outputs, expected at least one Tensor or Value")
    given = [None] * len(roots) if grad_outputs is None else grad_outputs
    if isinstance(given, Node) or not isinstance(given, (list, tuple)):
        given = [given]
    if len(given) != len(roots):
        raise OperandError(f"grad: got {len(given)} grad_outputs for {len(roots)} outputs")
    for root in roots:
        if root.op is None:
            raise GradientError(
                f"grad: the output {describe(root)} requires no gradient; expected one computed "
                "from a leaf with requires_grad=True, outside no_grad"
            )
    seeds = [
        seed_for(r, s) if isinstance(r, Tensor) else 1.0 if s is None else value_seed(s)
        for r, s in zip(roots, given, strict=True)
    ]
    if not create_graph:
        seeds = [s.synced() if isinstance(s, Node) else s for s in seeds]
    retain = create_graph if retain_graph is None else retain_graph
    with enable_grad():
        found = pull(roots, seeds, wanted, create_graph=create_graph, retain_graph=retain)
    return tuple(_found(found, x, i, allow_unused) for i, x in enumerate(wanted))


def _nodes(nodes: Any, role: str) -> list[Node]:
    listed = list(nodes) if isinstance(nodes, Iterable) and not isinstance(nodes, Node) else [nodes]
    for node in listed:
        if not isinstance(node, Node):
            raise OperandError(f"grad: got {describe(node)} in {role}, expected Tensors or Values")
    return listed


def _found(found: dict[Node, Any], x: Node, number: int, allow_unused: bool) -> Any:
    if x not in found:
        if allow_unused:
            return None
        raise GradientError(
            f"grad: the outputs do not depend on input {number}, {describe(x)}; "
            "pass allow_unused=True to get None for it"
        )
    g = found[x]
    if isinstance(g, Node) or not isinstance(x, Tensor):
        return g
    return Tensor.wrap(g.copy())
