"""`Snapshot`: a graph as plain, frozen data, recorded once and drawn as often as one likes.

A snapshot holds no node and no array, so it keeps nothing of the graph alive and later
writes cannot change it. Every renderer takes one and gives text; none sees the graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["Edge", "Record", "Role", "Snapshot", "Summary"]


class Role(Enum):
    """What a node is in its graph."""

    INPUT = "input"
    PARAMETER = "parameter"
    CONSTANT = "constant"
    VALUE = "intermediate value"
    RESULT = "result"


@dataclass(frozen=True)
class Summary:
    """A number or array in a few figures.

    Attributes:
        shape: Lengths of the axes; () for one number.
        dtype: Name of the element type.
        elements: All numbers in row-major order if there are few, else None.
        mean, deviation, low, high, norm: Of the finite elements; 0.0 where there are none.
        nans, infs: How many elements are not finite.
    """

    shape: tuple[int, ...]
    dtype: str
    size: int
    elements: tuple[float, ...] | None
    mean: float
    deviation: float
    low: float
    high: float
    norm: float
    nans: int
    infs: int

    @property
    def is_scalar(self) -> bool:
        """Whether it is one number without axes."""
        return not self.shape

    @property
    def is_finite(self) -> bool:
        """Whether no element is NaN or infinite."""
        return not self.nans and not self.infs


@dataclass(frozen=True)
class Record:
    """One node, or one constant that an operation used.

    Attributes:
        key: Position in the snapshot's order.
        name: The user's name, else a generated one; for a constant the empty text.
        named: Whether the user gave the name.
        op: Operation that made it, or None for a leaf or constant.
        params: Static arguments of that operation, each with its value as text.
        arguments: Names of that operation's data arguments.
        value: What it holds.
        gradient: Gradient of `Snapshot.gradient_of` with respect to it, or None.
        missing: Why there is no gradient, in words; empty if there is one or can be none.
        left_out: Number of inputs that the snapshot does not hold.
        changed: Whether it was written after it was used, so that the results do not show it.
    """

    key: int
    name: str
    named: bool
    role: Role
    op: str | None
    params: tuple[tuple[str, str], ...]
    arguments: tuple[str, ...]
    value: Summary
    gradient: Summary | None
    missing: str
    left_out: int
    changed: bool


@dataclass(frozen=True)
class Edge:
    """One use of an input by an operation; two uses are two edges.

    Attributes:
        source: Key of the input.
        target: Key of the result of the operation.
        slot: Position among the operation's inputs.
        local: Derivative of the result with respect to this input, in scalar graphs.
        contribution: What this use adds to the input's gradient, in scalar graphs.
    """

    source: int
    target: int
    slot: int
    local: float | None
    contribution: float | None


@dataclass(frozen=True)
class Snapshot:
    """A graph as data.

    Attributes:
        records: Nodes and constants, inputs before the results computed from them; the
            last is the root.
        edges: Uses, grouped by target, in the order of the operation's inputs.
        total: Number of nodes of the whole graph, constants not counted.
        kept: Number of them that are here.
        observed: Whether the gradients are those of the root by a pass made for the
            snapshot; otherwise they are what earlier passes left behind.
    """

    records: tuple[Record, ...]
    edges: tuple[Edge, ...]
    total: int
    kept: int
    observed: bool

    @property
    def root(self) -> Record:
        """The node that was drawn."""
        return self.records[-1]

    def uses(self) -> dict[int, list[Edge]]:
        """For each result its edges, in the order of the operation's inputs."""
        found: dict[int, list[Edge]] = {}
        for edge in self.edges:
            found.setdefault(edge.target, []).append(edge)
        return found
