"""W11: what it costs to record a pass; who records nothing pays nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.speed.workload import Contender, Timed, Workload
from tests.speed.workloads.scalars import build_chain, build_dag, dag, standard

BUILDERS: dict[str, Callable[[Any, int], tuple[Any, Any]]] = {
    "chain": build_chain,
    "dag": lambda leaf, ops: build_dag(leaf, *dag(ops)),
}


def _nodes(kind: str, ops: int) -> int:
    if kind == "chain":
        return ops + 3
    leaves, plan = dag(ops)
    return len(leaves) + len(plan)


def _leaf() -> Callable[[float], Any]:
    from tinygrad_nn import Value

    return Value


def plain(kind: str, ops: int) -> Timed:
    """Forward and backward, and nothing is watched."""
    leaf, build = _leaf(), BUILDERS[kind]

    def work() -> list[float]:
        root, first = build(leaf, ops)
        root.backward()
        return [float(root.data), float(first.grad)]

    return Timed(work, work, _nodes(kind, ops))


def watched(kind: str, ops: int) -> Timed:
    """The same in the body of `tracing`, without making a trace of it."""
    from tinygrad_nn import tracing

    leaf, build = _leaf(), BUILDERS[kind]

    def work() -> list[float]:
        with tracing():
            root, first = build(leaf, ops)
            root.backward()
        return [float(root.data), float(first.grad)]

    return Timed(work, work, _nodes(kind, ops))


def traced(kind: str, ops: int) -> Timed:
    """Forward, and `trace` of the result, which runs the backward pass."""
    from tinygrad_nn import trace

    leaf, build = _leaf(), BUILDERS[kind]

    def work() -> list[float]:
        root, first = build(leaf, ops)
        first.name = "first"
        found = trace(root)
        (record,) = (r for r in found.records if r.name == "first")
        assert record.gradient is not None and record.gradient.elements is not None
        return [found.root.value.mean, record.gradient.elements[0]]

    return Timed(work, work, _nodes(kind, ops))


TRACES = Workload(
    key="W11",
    title="Recording a pass over single numbers, for each node",
    cases={
        f"{kind} {name}": {"kind": kind, "ops": ops}
        for name, ops in (("2k", 2000), ("20k", 20_000))
        for kind in BUILDERS
    },
    contenders=(
        Contender("ours", plain),
        Contender("with tg.tracing()", watched),
        Contender("tg.trace(x)", traced),
    ),
    standard=standard,
    reference="ours",
    tolerance=1e-9,
    note="`ours` is the pass when nothing is recorded; no line of the engine is there for traces.",
)
