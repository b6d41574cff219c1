"""Random small expression graphs, and what a drawing of one has to hold."""

from collections import Counter
from dataclasses import dataclass

from hypothesis import strategies as st

import tinygrad_nn as tg
from tinygrad_nn.core.node import Node

BINARY = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / (b * b + 1.5),
]
UNARY = [lambda a: a.tanh(), lambda a: -a, lambda a: a * 0.5, lambda a: 2.0 - a, lambda a: a**2.0]
# Text of any kind, with what is special somewhere made likely.
names = st.text(max_size=30) | st.text(alphabet="\"\\<>&{}|\n\r\x00lNG;'=[]- ", max_size=12)


@st.composite
def values(draw: st.DrawFn, names: st.SearchStrategy[str] | None = None) -> tg.Value:
    """A number computed from a few others, some of them used several times."""
    numbers = st.floats(-2.0, 2.0, allow_subnormal=False)
    nodes = [tg.Value(draw(numbers)) for _ in range(draw(st.integers(1, 4)))]
    for _ in range(draw(st.integers(1, 12))):
        pick = st.sampled_from(nodes)
        if draw(st.booleans()):
            node = draw(st.sampled_from(BINARY))(draw(pick), draw(pick))
        else:
            node = draw(st.sampled_from(UNARY))(draw(pick))
        if names is not None and draw(st.booleans()):
            node.name = draw(names)
        nodes.append(node)
    if names is not None:
        nodes[0].name = draw(names)
    return nodes[-1]


@dataclass
class Truth:
    """A graph by a walk of its own: nodes, and uses of nodes and of constants."""

    nodes: list[Node]
    uses: int
    constants: int


def truth(root: Node) -> Truth:
    nodes, uses, constants = [root], 0, 0
    for node in nodes:
        for p in node.inputs:
            uses += 1
            if not isinstance(p, Node):
                constants += 1
            elif not any(p is n for n in nodes):
                nodes.append(p)
    return Truth(nodes, uses, constants)


def multiset(root: Node) -> Counter[tuple[str, str, float]]:
    """Edges as (operation, its result, the input's number), as often as they occur."""
    found: Counter[tuple[str, str, float]] = Counter()
    for node in truth(root).nodes:
        for v in node.values:
            found[node.op.name, repr(node._data), float(v)] += 1
    return found
