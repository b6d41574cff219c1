"""W1b: graphs of many single numbers: time and memory of a node."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tests.speed.memory import resident
from tests.speed.training import Capture, all_ours
from tests.speed.workload import OURS, Contender, Goal, Timed, Workload, aims

Plan = Sequence[tuple[int, int, int]]


def dag(ops: int) -> tuple[list[float], Plan]:
    """Leaves, and for each result an operation and the places of its inputs.

    An operation takes one number out of a pool, looks at another, and puts its result in the
    place of the first. So every result is used, some often, and no path is long enough to end
    a recursive traversal.
    """
    rng = np.random.default_rng(7)
    size = max(ops // 30, 2)
    leaves = rng.uniform(-1, 1, size).tolist()
    pool = list(range(size))
    kinds = rng.integers(0, 4, ops).tolist()
    firsts, seconds = (rng.integers(0, size, ops).tolist() for _ in range(2))
    plan: list[tuple[int, int, int]] = []
    for kind, i, j in zip(kinds, firsts, seconds, strict=True):
        plan.append((kind, pool[i], pool[j] if kind else j))
        pool[i] = size + len(plan) - 1
    while len(pool) > 1:  # a balanced sum of what is left
        for i in range(0, len(pool) - 1, 2):
            plan.append((1, pool[i], pool[i + 1]))
            pool[i] = size + len(plan) - 1
        pool = pool[::2]
    return leaves, tuple(plan)


def build_dag(leaf: Callable[[float], Any], leaves: list[float], plan: Plan) -> tuple[Any, Any]:
    """Root, and the first leaf."""
    nodes = [leaf(x) for x in leaves]
    for kind, i, j in plan:
        if kind == 0:
            nodes.append(nodes[i] * nodes[j])  # by a leaf, so that nothing explodes
        elif kind == 1:
            nodes.append(nodes[i] + nodes[j])
        elif kind == 2:
            nodes.append(nodes[i] - nodes[j])
        else:
            nodes.append(nodes[i] * 0.5)
    return nodes[-1], nodes[0]


def build_chain(leaf: Callable[[float], Any], ops: int) -> tuple[Any, Any]:
    """x ← a x + b, over and over."""
    a, b, x = leaf(0.999), leaf(0.001), leaf(0.5)
    first = x
    for _ in range(ops // 2):
        x = x * a
        x = x + b
    return x, first


class Graph(Timed):
    """Runner that also measures the memory of its graph."""

    def __init__(self, build: Callable[[], tuple[Any, Any]], nodes: int, backward: bool) -> None:
        self._build, self._nodes, self._backward = build, nodes, backward
        super().__init__(self._pass, self._numbers, nodes)

    def _pass(self) -> None:
        root, _ = self._build()
        if self._backward:
            root.backward()

    def _numbers(self) -> list[float]:
        root, first = self._build()
        if not self._backward:
            return [float(root)]
        root.backward()
        return [float(root.data), float(first.grad)]

    def once(self) -> dict[str, float]:
        """Bytes a node: by the allocator's book, and by what the process holds."""
        if not self._backward:
            return {}
        gc.collect()
        before = resident()
        root, _ = self._build()
        held = resident() - before
        root.backward()
        after = resident() - before
        del root, _
        gc.collect()
        tracemalloc.start()
        try:
            start = tracemalloc.get_traced_memory()[0]
            root, _ = self._build()
            built = tracemalloc.get_traced_memory()[0] - start
            root.backward()
            swept = tracemalloc.get_traced_memory()[0] - start
        finally:
            tracemalloc.stop()
        found = {"bytes": built, "bytes, swept": swept, "rss": held, "rss, swept": after}
        # To a tenth of a byte: below lies what the measurement itself holds.
        return {name: round(size / self._nodes, 1) for name, size in found.items()}


def graph(leaf: Callable[[float], Any], kind: str, ops: int, backward: bool = True) -> Graph:
    if kind == "chain":
        return Graph(lambda: build_chain(leaf, ops), ops + 3, backward)
    leaves, plan = dag(ops)
    return Graph(lambda: build_dag(leaf, leaves, plan), len(leaves) + len(plan), backward)


def ours(kind: str, ops: int) -> Graph:
    from tinygrad_nn import Value

    return graph(Value, kind, ops)


def captured(capture: Capture, kind: str, ops: int) -> Timed:
    """The leaves are arguments of the step, so that nothing can be worked out beforehand."""
    from tinygrad_nn import Value

    starts, plan = ([0.999, 0.001, 0.5], []) if kind == "chain" else dag(ops)
    leaves = [Value(x) for x in starts]

    @capture
    def step(leaves: list[Any]) -> Any:
        for x in leaves:
            x.grad = None
        given = iter(leaves)
        if kind == "chain":
            root, _ = build_chain(lambda x: next(given), ops)
        else:
            root, _ = build_dag(lambda x: next(given), starts, plan)
        root.backward()
        return root

    def answer() -> list[float]:
        root = step(leaves)
        return [float(root.data), float(leaves[-1 if kind == "chain" else 0].grad)]

    nodes = ops + 3 if kind == "chain" else len(leaves) + len(plan)
    return Timed(lambda: step(leaves), answer, nodes)


def micrograd(kind: str, ops: int) -> Graph:
    from micrograd.engine import Value

    return graph(Value, kind, ops)


class _Dual:
    """A number and its derivative for one input: an oracle that sweeps nothing back."""

    __slots__ = ("data", "slope")

    def __init__(self, data: float, slope: float = 0.0) -> None:
        self.data, self.slope = data, slope

    def __add__(self, other: _Dual) -> _Dual:
        return _Dual(self.data + other.data, self.slope + other.slope)

    def __sub__(self, other: _Dual) -> _Dual:
        return _Dual(self.data - other.data, self.slope - other.slope)

    def __mul__(self, other: Any) -> _Dual:
        if isinstance(other, float):
            return _Dual(self.data * other, self.slope * other)
        return _Dual(self.data * other.data, self.slope * other.data + self.data * other.slope)


def standard(kind: str, ops: int) -> list[float]:
    """Value of the root, and its derivative for the first leaf of the DAG, by forward mode."""
    if kind == "chain":
        x, a, b = 0.5, 0.999, 0.001
        for _ in range(ops // 2):
            x = x * a + b
        return [x, a ** (ops // 2)]
    leaves, plan = dag(ops)
    made = iter(range(len(leaves)))
    root, _ = build_dag(lambda x: _Dual(x, float(next(made) == 0)), leaves, plan)
    return [root.data, root.slope]


SMALL = ("chain 2k", "dag 2k")
SIZES = {"100k": 100_000, "1M": 1_000_000}

SCALARS = Workload(
    key="W1b",
    title="Graphs of single numbers, forward and backward, for each node",
    cases={
        **{f"{kind} 2k": {"kind": kind, "ops": 2000} for kind in ("chain", "dag")},
        **{
            f"{kind} {name}": {"kind": kind, "ops": ops}
            for name, ops in SIZES.items()
            for kind in ("chain", "dag")
        },
    },
    contenders=(
        Contender(OURS, ours),
        *all_ours(captured)[1:],
        # A million would take minutes, and cost the same a node.
        Contender("micrograd", micrograd, "micrograd", cases=(*SMALL, "chain 100k", "dag 100k")),
    ),
    standard=standard,
    reference="micrograd",
    tolerance=1e-9,
    goals=tuple(
        goal
        for name in SIZES
        for kind in ("chain", "dag")
        for goal in (
            *aims(f"{kind} {name}", 1.5e-6, 10e-9, "", "value"),
            Goal(f"{kind} {name}", "value", 120.0, measure="bytes"),
        )
    ),
    units={
        "time": ("µs", 1e6),
        **dict.fromkeys(("bytes", "bytes, swept", "rss", "rss, swept"), ("bytes", 1.0)),
    },
    quick=SMALL,
    note=(
        "`bytes` is what the allocator counts after the forward pass, `rss` what the process "
        "grew by; `swept`: after the backward pass too, which keeps a gradient in every node."
    ),
)
