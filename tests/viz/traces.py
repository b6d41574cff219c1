"""Traces made by hand: any graph and any module calls, without computing anything."""

from collections.abc import Callable, Sequence

from hypothesis import strategies as st

from tinygrad_nn.viz.trace.model import Edge, Record, Role, Scope, Summary, Trace


def figure(x: float = 1.0, shape: tuple[int, ...] = ()) -> Summary:
    size = 1
    for side in shape:
        size *= side
    return Summary(shape, "float64", size, (x,) if not shape else None, x, 0.0, x, x, abs(x), 0, 0)


def made(
    inputs: Sequence[Sequence[int]],
    op: Callable[[int], str] = lambda i: "add",
    scopes: Sequence[Scope] = (),
    home: Callable[[int], int | None] = lambda i: None,
    role: Callable[[int], Role | None] = lambda i: None,
    name: Callable[[int], str] = lambda i: "",
    gradient: Callable[[int], float | None] = lambda i: None,
) -> Trace:
    """A trace whose record i is computed from `inputs[i]`, or a leaf where there are none."""
    records, edges = [], []
    last = len(inputs) - 1
    for i, sources in enumerate(inputs):
        usual = Role.RESULT if i == last else Role.VALUE if sources else Role.INPUT
        g = gradient(i)
        records.append(
            Record(i, name(i) or f"v{i}", bool(name(i)), role(i) or usual,
                   op(i) if sources else None, (), (), figure(),
                   None if g is None else figure(g), "", 0, False, scope=home(i))
        )  # fmt: skip
        edges += [Edge(s, i, slot, None, None) for slot, s in enumerate(sources)]
    return Trace(tuple(records), tuple(edges), len(records), len(records), True, tuple(scopes))


@st.composite
def graphs(draw: st.DrawFn, most: int = 60) -> list[list[int]]:
    """Inputs of each record; all of them lead to the last one."""
    count = draw(st.integers(2, most))
    inputs: list[list[int]] = [[]]
    unused = {0}
    for i in range(1, count - 1):
        near = st.integers(max(0, i - draw(st.sampled_from([1, 3, i]))), i - 1)
        sources = draw(st.lists(near, max_size=3))
        inputs.append(sources)
        unused = (unused | {i}) - set(sources)
    return [*inputs, sorted(unused)]


@st.composite
def traces(draw: st.DrawFn, most: int = 60) -> Trace:
    """A random graph whose records are strewn over random module calls, or over named modules."""
    inputs = draw(graphs(most))
    kinds = st.sampled_from(["add", "add", "tanh", "reshape", "matmul"])
    ops = draw(st.lists(kinds, min_size=len(inputs), max_size=len(inputs)))
    roles = st.sampled_from([None, Role.PARAMETER, Role.CONSTANT])
    role = draw(st.lists(roles, min_size=len(inputs), max_size=len(inputs)))
    scopes: list[Scope] = []
    names = [""] * len(inputs)
    home: list[int | None] = [None] * len(inputs)
    if draw(st.booleans()):
        for i in range(draw(st.integers(1, 8))):
            parent = draw(st.none() | st.integers(0, i - 1)) if i else None
            scopes.append(Scope(f"m.{i}", "Linear", "3→4", parent, draw(st.integers(0, 2)), 12))
        runs = draw(st.booleans())
        for i in range(len(inputs)):
            if not runs or i % 4 == 0:
                now = draw(st.none() | st.integers(0, len(scopes) - 1))
            home[i] = now
    else:
        paths = st.sampled_from(["", "a.0.weight", "a.1.weight", "a.1.b.0.weight", "c.weight"])
        names = draw(st.lists(paths, min_size=len(inputs), max_size=len(inputs)))
    return made(
        inputs,
        ops.__getitem__,
        scopes,
        home.__getitem__,
        lambda i: role[i] if not inputs[i] and i < len(inputs) - 1 else None,
        names.__getitem__,
    )
