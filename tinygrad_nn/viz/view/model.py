"""`Group` and `View`: what of a trace is shown, before anybody asks how it looks.

A trace is cut into a tree of groups once; a drawing shows one cut through that tree, and a
page lets its reader move the cut. Both draw the parts of a cut and the links between them.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinygrad_nn.viz.trace.model import Trace

__all__ = ["Cluster", "Group", "Link", "Part", "View"]


@dataclass(frozen=True, slots=True)
class Group:
    """Nodes that belong together; the groups of a trace are a tree, and its leaves are nodes.

    Cut anywhere, the parts have no cycle: what enters a group comes from before it.

    Attributes:
        key: `g` and its position in the list of groups; the same for the same graph.
        kind: "graph" (the whole), "module" (one call), "repeat" (equal groups in a row),
            "chain" (operations in a row), "rest" (what found no better place).
        title: Its name: a module's path.
        about: Its kind in words: `Linear (784→16)`.
        parent: Position of the group that holds it, or None.
        scope: The module call that it is, or None.
        nodes: Keys of the records that are in it and in none of its groups.
        count: Number of records below it.
    """

    key: str
    kind: str
    title: str
    about: str
    parent: int | None
    scope: int | None
    nodes: tuple[int, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Part:
    """What is drawn as one box.

    Attributes:
        key: `n3` for the record 3, or the key of a group.
        kind: "node" (one record), "module", "repeat", "chain" or "rest".
        title, about: First line: name, and kind in words.
        nodes: Keys of all records in it, each in exactly one part of a view.
        parameters: Keys of those that get a row of their own: parameters, and in what is no
            module the leaves that the user gave names.
        copies: Of a "repeat": the largest gradient norm in each of the equal groups.
        cluster: Key of the innermost cluster around it, or None.
    """

    key: str
    kind: str
    title: str
    about: str
    nodes: tuple[int, ...]
    parameters: tuple[int, ...] = ()
    copies: tuple[float, ...] = ()
    cluster: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """What runs from one part to another; at the levels of nodes, one for each use.

    Attributes:
        source, target: Keys of the parts.
        edges: Positions in `trace.edges` of the uses that it stands for.
        label: What flows: the shape, where parts are groups.
        shared: Whether all that flows are parameters of another part, such as of the first call
            of the same module.
    """

    source: str
    target: str
    edges: tuple[int, ...]
    label: str = ""
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Cluster:
    """A frame around parts: an open group."""

    key: str
    title: str
    about: str
    parent: str | None


@dataclass(frozen=True)
class View:
    """One cut through a trace.

    Attributes:
        trace: What it shows.
        level: "scalar", "op" or "module".
        parts: In an order in which every link runs onward.
        links, clusters: Between and around them.
        spine: Keys of the parts of the longest way to the root, to be drawn straight.
        notes: What a reader has to know, in whole sentences: how much was folded, and why.
    """

    trace: Trace
    level: str
    parts: tuple[Part, ...]
    links: tuple[Link, ...]
    clusters: tuple[Cluster, ...]
    spine: tuple[str, ...]
    notes: tuple[str, ...]
