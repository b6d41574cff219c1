"""`Trace`: one pass over a graph as plain, frozen data, recorded once and shown in every way.

A trace holds no node and no array, so it keeps nothing of the graph alive and later writes
cannot change it. Every drawing and page takes one and gives text; none sees the graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = [
    "NEEDS_NONE",
    "NONE_ARRIVES",
    "NOT_KEPT",
    "NOT_RUN",
    "Edge",
    "Failure",
    "Jacobian",
    "Picture",
    "Record",
    "Role",
    "Scope",
    "Summary",
    "Trace",
]

_LONGEST = 40
"""Characters of a name in a `repr`."""


NEEDS_NONE = "requires no gradient"
NONE_ARRIVES = "no gradient arrives"
NOT_RUN = "not yet run backward"
NOT_KEPT = "gradient not kept"
"""Reasons why a record has no gradient that pictures have words of their own for."""


class Role(Enum):
    """What a node is in its graph."""

    INPUT = "input"
    PARAMETER = "parameter"
    CONSTANT = "constant"
    VALUE = "value"
    RESULT = "result"

    @property
    def words(self) -> str:
        """What a reader is told."""
        return "intermediate value" if self is Role.VALUE else self.value


@dataclass(frozen=True, slots=True)
class Picture:
    """An array made small enough to look at: at most 32 by 32 cells.

    Attributes:
        rows, columns: Number of cells.
        limit: What ±127 stands for: the largest size of a finite cell, 0.0 if all are 0.
        cells: One byte a cell, row by row, two's complement; -128 where not finite.
    """

    rows: int
    columns: int
    limit: float
    cells: bytes


@dataclass(frozen=True, slots=True)
class Summary:
    """A number or array in a few figures.

    Attributes:
        shape: Lengths of the axes; () for one number.
        dtype: Name of the element type.
        elements: All numbers in row-major order if there are few, else None.
        mean, deviation, low, high, norm: Of the finite elements; 0.0 where there are none.
        nans, infs: How many elements are not finite.
        zeros: How many elements are 0.
        picture: Small picture of a larger array, else None.
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
    zeros: int = 0
    picture: Picture | None = None

    @property
    def is_scalar(self) -> bool:
        """Whether it is one number without axes."""
        return not self.shape

    @property
    def is_finite(self) -> bool:
        """Whether no element is NaN or infinite."""
        return not self.nans and not self.infs


@dataclass(frozen=True, slots=True)
class Scope:
    """One call of a module.

    Attributes:
        path: Dotted path of the module within the model; the empty text for the model itself.
        kind: Name of its class.
        about: What its class tells of it, such as `in_features=784, out_features=16`.
        parent: Position in `Trace.scopes` of the call that this one was made in, or None.
        call: How often this module was called before in this pass.
        parameters: Number of numbers that it learns, its parts included.
    """

    path: str
    kind: str
    about: str
    parent: int | None
    call: int
    parameters: int


@dataclass(frozen=True, slots=True)
class Record:
    """One node, or one constant that an operation used.

    Attributes:
        key: Position in the trace's order, which is that of the forward computation.
        name: The user's name, the path within the model, else a generated one; for a constant
            the empty text.
        named: Whether the user or the model gave the name.
        op: Operation that made it, or None for a leaf or constant.
        params: Static arguments of that operation that are not its defaults, each with its value
            as text.
        arguments: Names of that operation's data arguments.
        value: What it holds.
        gradient: Gradient of the root with respect to it, or None.
        missing: Why there is no gradient, in words; empty if there is one or can be none.
        left_out: Number of inputs that the trace does not hold.
        changed: Whether it was written after it was used, so that the results do not show it.
        scope: Position in `Trace.scopes` of the innermost module call that it was made in, or
            that uses it (parameters); None outside of all.
        line: `file:line` of the user's code that made it; empty if nobody watched.
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
    scope: int | None = None
    line: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """One use of an input by an operation; two uses are two edges.

    In the backward pass it is one event: the operation's result has its whole gradient, the
    upstream one, and hands this input its contribution.

    Attributes:
        source: Key of the input.
        target: Key of the result of the operation.
        slot: Position among the operation's inputs.
        local: Derivative of the result with respect to this input, in scalar graphs.
        contribution: What this use adds to the input's gradient; a float in scalar graphs.
        step: Position in the backward pass, or None if the pass did not come here.
        sum: The input's gradient after this step; a float in scalar graphs.
        rule: The contribution as a formula of arrays, such as `g @ b.T`; empty if unknown.
    """

    source: int
    target: int
    slot: int
    local: float | None
    contribution: float | Summary | None
    step: int | None = None
    sum: float | Summary | None = None
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Jacobian:
    """The local derivatives of one small tensor operation, one number each.

    Attributes:
        target, slot: The edge that it belongs to.
        entries: (element of the result, element of the input, derivative), both in row-major
            order, the derivatives that are not 0 only.
    """

    target: int
    slot: int
    entries: tuple[tuple[int, int, float], ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """Where a pass broke.

    Attributes:
        phase: "forward", "backward", or "freed" where an earlier pass freed the graph.
        message: What the error says, in one line.
        op: Operation that failed; empty if none did.
        line: `file:line` of the user's code; empty if unknown.
        at: Key of the last record that is whole, or None.
        operands: Keys of what the operation that failed was called with.
    """

    phase: str
    message: str
    op: str = ""
    line: str = ""
    at: int | None = None
    operands: tuple[int, ...] = ()


@dataclass(frozen=True, repr=False)
class Trace:
    """One pass over a graph.

    Attributes:
        records: Nodes and constants, inputs before the results computed from them; the
            last is the root.
        edges: Uses, grouped by target, in the order of the operation's inputs.
        total: Number of nodes of the whole graph, constants not counted.
        kept: Number of them that are here.
        observed: Whether the gradients are those of the root by a pass made for the
            trace; otherwise they are what earlier passes left behind.
        scopes: Module calls, in the order in which they began.
        jacobians: Of small tensor operations.
        failure: Where the pass broke, or None.
        unused: Names of the model's parameters that the root was not computed from.
    """

    records: tuple[Record, ...]
    edges: tuple[Edge, ...]
    total: int
    kept: int
    observed: bool
    scopes: tuple[Scope, ...] = ()
    jacobians: tuple[Jacobian, ...] = ()
    failure: Failure | None = None
    unused: tuple[str, ...] = ()

    @property
    def root(self) -> Record:
        """The node that was traced."""
        return self.records[-1]

    @property
    def is_scalar(self) -> bool:
        """Whether all of its nodes are single numbers, so that each edge has a local derivative."""
        return all(record.value.is_scalar for record in self.records)

    @property
    def steps(self) -> list[Edge]:
        """The edges that the backward pass took, in its order."""
        taken = [e for e in self.edges if e.step is not None]
        return sorted(taken, key=lambda e: e.step or 0)

    def __repr__(self) -> str:
        name = (
            self.root.name if len(self.root.name) <= _LONGEST else f"{self.root.name[:_LONGEST]}…"
        )
        steps = sum(edge.step is not None for edge in self.edges)
        nodes = f"{self.kept} of {self.total}" if self.kept < self.total else str(self.kept)
        failure, of = self.failure, f"of {name!r}"
        broke = "" if failure is None else f", broke in its {failure.phase} pass"
        if failure is not None and failure.phase == "freed":
            broke = ", whose graph was freed"
        if failure is not None and failure.phase == "forward":
            of, broke = "that broke" + (f" in {failure.op}" if failure.op else ""), ""
        counts = f"{nodes} node{'s' * (self.total != 1)}, {steps} backward step{'s' * (steps != 1)}"
        return f"<{type(self).__name__} {of}: {counts}{broke}>"

    def uses(self) -> dict[int, list[Edge]]:
        """For each result its edges, in the order of the operation's inputs."""
        found: dict[int, list[Edge]] = {}
        for edge in self.edges:
            found.setdefault(edge.target, []).append(edge)
        return found
