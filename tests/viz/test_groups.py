"""Groups of a trace: a tree over every record, that can be cut anywhere without a circle."""

import random
import time
from collections.abc import Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.viz.traces import made, traces
from tinygrad_nn.viz.trace.model import Role, Scope, Trace
from tinygrad_nn.viz.view import groups
from tinygrad_nn.viz.view.knots import WIDEST
from tinygrad_nn.viz.view.model import Group


def owners(found: Sequence[Group], opened: set[str]) -> dict[int, str]:
    """Of each record the part that shows it: itself, or the outermost closed group around it."""
    of = {}
    for group in found:
        chain: list[Group] = []
        at: Group | None = group
        while at is not None:
            chain.append(at)
            at = None if at.parent is None else found[at.parent]
        closed = next((g.key for g in reversed(chain) if g.key not in opened), None)
        for key in group.nodes:
            of[key] = closed or f"n{key}"
    return of


def check_no_circle(trace: Trace, of: dict[int, str]) -> None:
    before: dict[str, set[str]] = {}
    for edge in trace.edges:
        a, b = of[edge.source], of[edge.target]
        if a != b:
            before.setdefault(b, set()).add(a)
    list(TopologicalSorter(before).static_order())


@given(traces())
def test_every_record_is_in_one_group(trace: Trace) -> None:
    """G1: the tree covers each record once; counts, order and widths are as documented."""
    found = groups(trace)
    keys = [key for g in found for key in g.nodes]
    assert sorted(keys) == list(range(len(trace.records)))
    assert [g.key for g in found] == [f"g{i}" for i in range(len(found))]
    assert found[0].kind == "graph" and found[0].count == len(trace.records)
    children = [len(g.nodes) for g in found]
    below = [len(g.nodes) for g in found]
    for i in range(len(found) - 1, 0, -1):
        parent = found[i].parent
        assert parent is not None and parent < i
        children[parent] += 1
        below[parent] += below[i]
    assert below == [g.count for g in found]
    assert max(children) <= WIDEST


@given(traces(), st.data())
def test_no_cut_has_a_circle(trace: Trace, data: st.DataObject) -> None:
    found = groups(trace)
    opened = data.draw(st.sets(st.sampled_from([g.key for g in found])))
    check_no_circle(trace, owners(found, opened))


def test_a_circle_would_be_noticed() -> None:
    """Planted fault: 0 → 1 → 2 with 0 and 2 in one group."""
    trace = made([[], [0], [1]])
    with pytest.raises(CycleError):
        check_no_circle(trace, {0: "g1", 1: "n1", 2: "g1"})


@given(traces())
def test_the_same_graph_has_the_same_groups(trace: Trace) -> None:
    """Numbers do not matter: two passes of one network are grouped alike."""
    records = tuple(
        replace(r, gradient=r.value, value=replace(r.value, mean=7.0, low=7.0, high=7.0))
        for r in trace.records
    )
    assert groups(trace) == groups(trace)
    other = groups(replace(trace, records=records))
    assert [(g.kind, g.parent, g.nodes) for g in groups(trace)] == [
        (g.kind, g.parent, g.nodes) for g in other
    ]


def test_a_module_that_cannot_stand_together_is_split() -> None:
    """A value of `a` goes through `b` and back into `a`."""
    scopes = [Scope("a", "A", "", None, 0, 0), Scope("b", "B", "", None, 0, 0)]
    trace = made(
        [[], [0], [1], [2], [3]], lambda i: f"op{i}", scopes, [None, 0, 1, 0, None].__getitem__
    )
    found = groups(trace)
    titles = [g.title for g in found if g.kind == "module"]
    assert titles == ["a (part 1 of 2)", "b", "a (part 2 of 2)"]
    check_no_circle(trace, owners(found, {"g0"}))


# ── Repeats ─────────────────────────────────────────────────────────────────────────────


def unrolled(steps: int) -> Trace:
    """h ← tanh(x W + h U), `steps` times, with leaves W, U, h and an x for each step."""
    inputs: list[list[int]] = [[], [], []]
    ops = [""] * 3
    h = 2
    for _ in range(steps):
        at = len(inputs)
        inputs += [[], [at, 0], [h, 1], [at + 1, at + 2], [at + 3]]
        ops += ["", "matmul", "matmul", "add", "tanh"]
        h = at + 4
    inputs.append([h])
    return made(inputs, [*ops, "sum"].__getitem__)


@pytest.mark.parametrize("steps", [3, 4, 50])
def test_a_loop_is_a_repeat(steps: int) -> None:
    found = groups(unrolled(steps))
    (repeat,) = (g for g in found if g.kind == "repeat")
    assert repeat.about == f"steps ×{steps}"
    assert repeat.title == "matmul → matmul → add → tanh"
    assert repeat.count == 5 * steps + 1  # The first state is in the first step.
    copies = [g for g in found if g.kind == "chain" and g.title.endswith(f"of {steps}")]
    assert [g.count for g in copies] == [6] + [5] * (steps - 1)


def test_two_steps_are_no_repeat() -> None:
    assert all(g.kind != "repeat" for g in groups(unrolled(2)))


def test_another_wiring_is_no_repeat() -> None:
    """Equal operations in a row, of which every one uses another one's result."""
    random_ = random.Random(0)
    inputs: list[list[int]] = [[], []]
    for i in range(2, 40):
        inputs.append([random_.randrange(i), random_.randrange(i)])
    inputs.append(list(range(40)))
    repeats = [g for g in groups(made(inputs)) if g.kind == "repeat"]
    assert sum(g.count for g in repeats) <= 12


def test_nested_loops_are_nested_repeats() -> None:
    inputs: list[list[int]] = [[]]
    ops = [""]
    for _ in range(5):
        for _ in range(4):
            inputs += [[len(inputs) - 1], [len(inputs)]]
            ops += ["sin", "cos"]
        inputs.append([len(inputs) - 1])
        ops.append("exp")
    inputs.append([len(inputs) - 1])
    found = groups(made(inputs, [*ops, "log"].__getitem__))
    outer, *inner = (g for g in found if g.kind == "repeat")
    assert outer.about == "steps ×5"
    assert [g.about for g in inner] == ["steps ×4"] * 5


def blocks(count: int, *, odd: int | None = None) -> Trace:
    """`count` residual blocks as module calls; block `odd` has another operation."""
    scopes = [Scope("", "Net", "", None, 0, 9)]
    inputs: list[list[int]] = [[]]
    ops = [""]
    home: list[int | None] = [None]
    role: list[Role | None] = [None]
    x = 0
    for k in range(count):
        scopes.append(Scope(f"blocks.{k}", "Block", "", 0, 0, 1))
        at = len(inputs)
        inputs += [[], [x, at], [at + 1], [x, at + 2]]
        ops += ["", "matmul", "exp" if k == odd else "tanh", "add"]
        role += [Role.PARAMETER, None, None, None]
        home += [k + 1] * 4
        x = at + 3
    inputs.append([x])
    return made(
        inputs,
        [*ops, "sum"].__getitem__,
        scopes,
        [*home, None].__getitem__,
        [*role, None].__getitem__,
    )


def test_equal_modules_in_a_row_are_a_repeat() -> None:
    (repeat,) = (g for g in groups(blocks(12)) if g.kind == "repeat")
    assert (repeat.title, repeat.about, repeat.count) == ("blocks.0…11", "Block ×12", 48)


def test_a_module_of_another_structure_ends_a_repeat() -> None:
    found = [g for g in groups(blocks(9, odd=4)) if g.kind == "repeat"]
    assert [(g.title, g.about) for g in found] == [
        ("blocks.0…3", "Block ×4"),
        ("blocks.5…8", "Block ×4"),
    ]


def test_calls_of_one_model_beside_each_other_are_one_module() -> None:
    """As for the rows of a batch of numbers: one network is drawn, not one for each row."""
    scopes = [Scope("", "Net", "", None, i, 1) for i in range(4)]
    inputs: list[list[int]] = [[], [0], [0], [0], [0], [1, 2, 3, 4]]
    home = [None, 0, 1, 2, 3, None]
    role = [Role.PARAMETER, None, None, None, None, None]
    found = groups(made(inputs, lambda i: "tanh", scopes, home.__getitem__, role.__getitem__))
    assert [g.title for g in found if g.kind == "module"] == ["Net"]


# ── Modules by the names of their parameters ────────────────────────────────────────────


def test_modules_are_inferred_from_paths() -> None:
    names = ["x", "0.weight", "", "", "2.weight", "", ""]
    role = [None, Role.PARAMETER, None, None, Role.PARAMETER, None, None]
    inputs: list[list[int]] = [[], [], [0, 1], [2], [], [3, 4], [5]]
    ops = ["", "", "matmul", "tanh", "", "matmul", "sum"]
    found = groups(
        made(inputs, ops.__getitem__, (), lambda i: None, role.__getitem__, names.__getitem__)
    )
    assert [(g.kind, g.title, g.about, g.nodes) for g in found] == [
        ("graph", "", "", (0, 6)),
        ("module", "0", "matmul → tanh", (1, 2, 3)),
        ("module", "2", "matmul", (4, 5)),
    ]


# ── Size ────────────────────────────────────────────────────────────────────────────────


def large(kind: str, count: int) -> Trace:
    draw = random.Random(3)
    ops = [draw.choice(["add", "tanh", "sin"]) for _ in range(count + 1)]
    shapes: dict[str, list[list[int]]] = {
        "chain": [[], *([i] for i in range(count - 1))],
        "leaves": [*([] for _ in range(count)), list(range(count))],
        "random": [
            [draw.randrange(i) for _ in range(draw.choice([1, 2, 3]))] if i > 9 else []
            for i in range(count)
        ],
        "sum": [x for i in range(count // 2) for x in ([], [max(2 * i - 1, 0), 2 * i])],
    }
    inputs = shapes[kind]
    if kind == "random":
        used = {s for sources in inputs for s in sources}
        inputs.append([i for i in range(count) if i not in used])
    return made(inputs, ops.__getitem__ if kind == "chain" else lambda i: "add")


@pytest.mark.parametrize(
    "kind",
    ["random", *(pytest.param(k, marks=pytest.mark.slow) for k in ("chain", "leaves", "sum"))],
)
def test_large_graphs_are_grouped_quickly(kind: str) -> None:
    trace = large(kind, 20_000)
    start = time.process_time()
    found = groups(trace)
    assert time.process_time() - start < 3.0
    children = [len(g.nodes) for g in found]
    for g in found[1:]:
        assert g.parent is not None
        children[g.parent] += 1
    assert max(children) <= WIDEST
    assert found[0].count == len(trace.records)
