"""What `explain` is asked about: the node, and its element."""

from __future__ import annotations

from difflib import get_close_matches
from operator import index as whole
from typing import Any

import numpy as np

from tinygrad_nn.core.node import Node
from tinygrad_nn.errors import GradientError, GraphError, OperandError, PositionError
from tinygrad_nn.viz.trace.live import Live
from tinygrad_nn.viz.trace.model import Record, Role, Trace
from tinygrad_nn.viz.wording import clean, shorten

__all__ = ["check_pass", "element_of", "key_of", "key_of_node"]


_LONGEST = 60
_NAMES = 10


def key_of(trace: Trace, name: Any) -> int:
    """Position of what bears `name` in a trace.

    Raises:
        OperandError: `name` is no text.
        GraphError: Nothing bears it.
    """
    if not isinstance(name, str):
        raise OperandError(
            f"explain: got {type(name).__name__} and a trace, which holds no tensors; expected a "
            f"name, such as {shorten(clean(_leaves(trace)[0]))!r}"
        )
    found = [r.key for r in trace.records if r.name == name and name]
    if not found:
        raise _unknown(trace, name)
    return found[0]


def key_of_node(graph: Live, x: Any) -> int:
    """Position of a Value or Tensor in a graph.

    Raises:
        OperandError: `x` is neither.
        GraphError: It is not in the graph.
    """
    if not isinstance(x, Node):
        raise OperandError(
            f"explain: got {type(x).__name__}, expected a Value, a Tensor or a name in the graph"
        )
    if x not in graph.keys:
        what = "requires no gradient" if x.op is None else "is not in the graph"
        raise _absent(graph.trace, x.name or "", f"it {what}")
    return graph.keys[x]


def _unknown(trace: Trace, name: str) -> GraphError:
    """The name is of a parameter that is not used, or of nothing at all."""
    shown, root = repr(shorten(clean(name), _LONGEST)), repr(shorten(clean(trace.root.name)))
    if name in trace.unused:
        return GraphError(
            f"explain: {shown} is not used by {root}: nothing that it was computed from leads to "
            f"this parameter, so that it has no gradient; expected one of {_listed(_leaves(trace))}"
        )
    known = [*dict.fromkeys([*_leaves(trace), *trace.unused])]
    near = get_close_matches(name[:200], known, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(repr(shorten(clean(n))) for n in near)}?"
    return GraphError(
        f"explain: got {shown}, and no node below {root} has this name; "
        + (hint if near else f"expected one of {_listed(known)}")
    )


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(shorten(clean(n))) for n in names[:_NAMES])
    return shown + (f" and {len(names) - _NAMES} more" if len(names) > _NAMES else "")


def _absent(trace: Trace, name: str, why: str = "") -> GraphError:
    shown = _listed(_leaves(trace))
    title = repr(shorten(clean(name))) if name else "this tensor"
    return GraphError(
        f"explain: got {title}, to which there is no path from {clean(trace.root.name)[:60]!r}"
        f"{': ' + why if why else ''}; expected one of {shown}. A path ends at x.detach(), at "
        "x.item(), and at what is computed under no_grad; without requires_grad=True none begins"
    )


def _leaves(trace: Trace) -> list[str]:
    known = (r for r in trace.records if r.op is None and r.role is not Role.CONSTANT)
    return [r.name for r in known if r.name] or [trace.root.name]


def element_of(record: Record, index: Any, gradient: Any) -> tuple[int, tuple[int, ...] | None]:
    """Flat position and index of the element; the one with the largest gradient for None.

    Raises:
        PositionError: `index` is outside of the record, or it has no elements.
    """
    shape = record.value.shape
    if not shape:
        if index not in (None, ()):
            raise PositionError(
                f"explain: got index={index!r:.60} of {clean(record.name)[:60]!r}, which is a "
                "single number; leave index away"
            )
        return 0, None
    if index is None:
        if not record.value.size:
            raise PositionError(
                f"explain: {clean(record.name)[:60]!r} has shape {shape} and so no elements"
            )
        sizes = np.where(np.isnan(gradient), np.inf, np.abs(gradient))
        flat = int(np.argmax(sizes)) if gradient is not None else 0
        return flat, tuple(int(i) for i in np.unravel_index(flat, shape))
    try:
        given = tuple(whole(i) for i in (index if isinstance(index, (tuple, list)) else (index,)))
    except TypeError:
        given = ()
    inside = len(given) == len(shape) and all(
        -n <= i < n for i, n in zip(given, shape, strict=True)
    )
    if not inside:
        raise PositionError(
            f"explain: got index={index!r:.60} of {clean(record.name)[:60]!r}, expected "
            f"{len(shape)} whole numbers within its shape {shape}"
        )
    place = tuple(i % n for i, n in zip(given, shape, strict=True))
    return int(np.ravel_multi_index(place, shape)), place


def check_pass(trace: Trace, record: Record) -> None:
    """Refuse a trace without a gradient of `record`.

    Raises:
        GradientError: There is no backward pass in it, or none that reached the record.
    """
    if not trace.observed:
        raise GradientError(
            "explain: the trace holds no backward pass, so that there is nothing to explain; "
            "record one of a loss with tinygrad_nn.trace(loss)"
        )
    if record.gradient is None:
        why = f": {record.missing}" if record.missing else ""
        raise GradientError(
            f"explain: {clean(record.name)[:60]!r} has no gradient in this trace{why}"
        )
