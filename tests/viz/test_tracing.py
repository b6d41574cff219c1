"""What is watched: forward order, lines, calls of modules, and computations that break."""

import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.viz.test_trace import problems
from tinygrad_nn import nn
from tinygrad_nn.errors import FreedGraphError, OperandError, ShapeError
from tinygrad_nn.viz.trace.model import Role, Trace


def net_of(depth: int = 2) -> nn.Module:
    return nn.Sequential(
        *[nn.Sequential(nn.Linear(3, 3, rng=i), nn.Tanh()) for i in range(depth)],
        nn.Linear(3, 1, rng=9),
    )


X = np.ones((2, 3), np.float32)


def paths(t: Trace) -> list[str]:
    return [s.path for s in t.scopes]


def check_scopes(t: Trace) -> None:
    """Calls are nested, in the order of their beginnings, and their results are in one piece."""
    for i, scope in enumerate(t.scopes):
        assert scope.parent is None or 0 <= scope.parent < i
    calls = Counter()
    for scope in t.scopes:
        assert scope.call == calls[scope.path]
        calls[scope.path] += 1

    def above(i: int | None) -> list[int]:
        return [] if i is None else [*above(t.scopes[i].parent), i]

    # A call that was left is never entered again: what runs now lies in the calls open now.
    left: set[int] = set()
    now: list[int] = []
    for record in t.records:
        if record.op is None:
            continue
        then = above(record.scope)
        assert not left & set(then), record.name
        left |= set(now) - set(then)
        now = then


# ── Modules ─────────────────────────────────────────────────────────────────────────────


def test_calls_of_modules_are_nested_scopes():
    net = net_of()
    t = tg.trace(lambda: net(X).sum(), model=net)
    assert paths(t) == ["", "0", "0.0", "0.1", "1", "1.0", "1.1", "2"]
    assert [s.kind for s in t.scopes[:4]] == ["Sequential", "Sequential", "Linear", "Tanh"]
    assert [s.about for s in t.scopes][2] == "3→3"
    assert [s.parent for s in t.scopes] == [None, 0, 1, 1, 0, 4, 4, 0]
    assert [s.parameters for s in t.scopes] == [28, 12, 12, 0, 12, 12, 0, 4]
    check_scopes(t)
    for r in t.records:
        if r.role is Role.PARAMETER:
            assert t.scopes[r.scope].path == r.name.rpartition(".")[0]
    assert t.root.scope is None
    assert all(s._hooks is None for s in net.modules())


def test_a_module_that_is_traced_is_its_own_model():
    t = tg.trace(net_of(), X)
    assert paths(t)[0] == ""
    assert "0.0.weight" in {r.name for r in t.records}
    assert "shape (2, 1)" in t.root.missing


def test_a_module_that_is_called_twice_has_two_scopes():
    layer = nn.Linear(3, 3, rng=0)
    net = nn.Sequential(layer, nn.Tanh(), layer)
    t = tg.trace(lambda: net(X).sum(), model=net)
    assert [(s.path, s.call) for s in t.scopes] == [("", 0), ("0", 0), ("1", 0), ("0", 1)]
    check_scopes(t)
    weights = [r for r in t.records if r.role is Role.PARAMETER]
    assert [r.name for r in weights] == ["0.weight", "0.bias"]
    assert {r.scope for r in weights} == {1}
    assert sum(e.source == weights[0].key for e in t.edges) == 2


def test_several_models_and_lists_of_modules():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(3, 3, rng=i) for i in range(2)])

        def forward(self, x):
            for layer in self.layers:
                x = tg.relu(layer(x))
            return x

    first, second = Net(), nn.Linear(3, 2, rng=3)
    t = tg.trace(lambda: second(first(X)).mean(), model=[first, second])
    assert paths(t) == ["0", "0.layers.0", "0.layers.1", "1"]
    assert {"0.layers.1.bias", "1.weight"} <= {r.name for r in t.records}
    check_scopes(t)
    assert [t.scopes[r.scope].path for r in t.records if r.op == "relu"] == ["0", "0"]


def test_modules_under_no_grad_and_in_a_checkpoint():
    net = net_of(1)

    def loss():
        with tg.no_grad():
            start = net[0](X)
        return tg.checkpoint(net[1], start * tg.ones((1,), requires_grad=True)).sum()

    t = tg.trace(loss, model=net)
    assert paths(t) == ["0", "0.0", "0.1", "1"]
    ran = [r.op for r in t.records if r.op]
    assert ran == ["linear", "tanh", "multiply", "checkpoint", "sum"]
    assert {r.missing for r in t.records if r.op == "tanh"} == {"requires no gradient"}
    weight = next(r for r in t.records if r.name == "1.weight")
    assert t.scopes[weight.scope].path == "1"
    assert problems(t) == []


def test_about_is_short():
    t = tg.trace(nn.Conv2d(1, 6, 5, rng=0), np.ones((1, 1, 8, 8), np.float32))
    assert t.scopes[0].about == "1→6, kernel_size=(5, 5), stride=(1, 1)"
    t = tg.trace(nn.Linear(784, 16, bias=False, rng=0), np.ones((1, 784), np.float32))
    assert t.scopes[0].about == "784→16, bias=False"


def test_numbers_of_neurons_work_too():
    neuron = nn.Neuron(2, rng=0)
    t = tg.trace(lambda: neuron([1.0, 2.0]) ** 2.0, model=neuron)
    assert (paths(t), t.scopes[0].kind, t.scopes[0].parameters) == ([""], "Neuron", 3)
    assert problems(t) == []


# ── Order, lines, inputs without gradients ──────────────────────────────────────────────


def test_records_are_in_the_order_in_which_they_were_made():
    a, b = tg.Value(1.0, name="a"), tg.Value(2.0, name="b")

    def loss():
        second = b * 2.0
        first = a * 3.0
        return first + second

    named = [r.name for r in tg.trace(loss).records if r.name]
    assert named == ["b", "multiply_1", "a", "multiply_2", "add_1"]
    assert next(r.name for r in tg.trace(loss()).records if r.name) == "a"


def test_lines_are_the_users():
    a = tg.Value(1.0, name="a")

    def loss():
        return a * a

    (record,) = [r for r in tg.trace(loss).records if r.op]
    file, _, line = record.line.rpartition(":")
    assert file.endswith("test_tracing.py")
    assert int(line) == loss.__code__.co_firstlineno + 1
    net = net_of()
    t = tg.trace(lambda: net(X).sum())
    assert {r.line.rpartition("/")[2] for r in t.records if r.op} == {
        t.root.line.rpartition("/")[2]
    }


def test_an_input_without_gradient_is_one_node_with_its_name():
    x = tg.tensor(X)
    x.name = "pixels"
    w = tg.tensor(np.ones((3, 3), np.float32), requires_grad=True)
    t = tg.trace(lambda x: (x @ w + x * 2.0).sum(), x)
    (pixels,) = [r for r in t.records if r.name == "pixels"]
    assert (pixels.role, pixels.missing) == (Role.CONSTANT, "requires no gradient")
    assert sum(e.source == pixels.key for e in t.edges) == 2
    assert problems(t) == []


def test_a_leaf_written_later_shows_what_it_was():
    w = tg.Value(2.0, name="w")
    with tg.tracing() as t:
        loss = w * w
        loss.backward()
        w.data = 5.0
    first = t.trace().records[0]
    assert (first.value.elements, first.gradient.elements, first.changed) == ((2.0,), (4.0,), False)


# ── The body ────────────────────────────────────────────────────────────────────────────


def test_the_last_pass_of_the_body_is_traced():
    net = net_of()
    with tg.tracing(net) as t:
        for _ in range(3):
            loss = (net(X) ** 2.0).sum()
            loss.backward()
    found = t.trace()
    assert found.root.value.elements == (loss.item(),)
    assert found == t.trace(loss)
    assert found.observed and problems(found) == []
    check_scopes(found)
    assert len(paths(found)) == 8
    weight = next(r for r in found.records if r.name == "2.weight")
    assert [g * 3 for g in weight.gradient.elements] == pytest.approx(
        net[2].weight.grad.tolist()[0]
    )


def test_without_a_pass_the_last_result_gets_one():
    with tg.tracing() as t:
        a = tg.Value(3.0, name="a")
        b = a * a
        other = b + 1.0
    assert t.trace().root.op == "add"
    assert a.grad == 0.0
    found = t.trace(b)
    assert (found.root.op, found.records[0].gradient.elements) == ("multiply", (6.0,))
    assert other.grad == 0.0


def test_a_trace_taken_inside_of_the_body_leaves_the_users_pass():
    a = tg.Value(3.0, name="a")
    with tg.tracing() as t:
        b = a * a
        b.backward()
        inner = t.trace(a * 2.0)
    assert inner.root.op == "multiply" and len(inner.steps) == 1
    assert len(t.trace().steps) == 2


def test_an_empty_body_is_refused():
    with tg.tracing() as t:
        pass
    with pytest.raises(OperandError, match="nothing ran in the body"):
        t.trace()
    with pytest.raises(OperandError, match="got float, expected a Value or Tensor"):
        t.trace(1.0)


def test_a_graph_freed_in_the_body_is_whole():
    x = tg.tensor([1.0, 2.0], requires_grad=True, name="x")
    with tg.tracing() as t:
        loss = (x * x).sum()
        loss.backward()
    found = t.trace()
    assert [r.op for r in found.records] == [None, "multiply", "sum"]
    assert (found.failure, len(found.steps)) == (None, 3)
    with tg.tracing() as t:
        loss = (x * x).sum()
    loss.backward()
    found = t.trace(loss)
    assert [r.op for r in found.records] == [None, "multiply", "sum"]
    assert (found.failure.phase, found.steps) == ("freed", [])


def test_a_function_that_runs_its_own_pass():
    a = tg.Value(3.0, name="a")

    def step():
        loss = a * a
        loss.backward()
        return loss.data

    assert [s.sum for s in tg.trace(step).steps] == [3.0, 6.0]


def test_a_function_gets_its_arguments_and_may_return_a_nest():
    net = net_of()
    t = tg.trace(lambda x, *, scale: (net(x), (net(x) * scale).sum()), X, scale=2.0)
    assert t.root.op == "sum"


# ── What breaks ─────────────────────────────────────────────────────────────────────────


def test_a_computation_that_breaks_is_recorded_up_to_there():
    net = nn.Sequential(nn.Linear(3, 4, rng=0), nn.Tanh(), nn.Linear(3, 1, rng=1))
    with pytest.raises(ShapeError):
        with tg.tracing(net) as t:
            net(X)
    found = t.trace()
    assert found.root.op == "tanh"
    assert found.failure == t.failure.__class__(
        "forward", found.failure.message, "linear", found.failure.line, found.root.key,
        found.failure.operands,
    )  # fmt: skip
    assert [found.records[k].name for k in found.failure.operands] == [
        found.root.name, "2.weight", "2.bias",
    ]  # fmt: skip
    assert "test_tracing.py:" in found.failure.line
    assert "linear" in found.failure.message
    assert {"2.weight", "2.bias"} <= {r.name for r in found.records}
    assert [s.path for s in found.scopes] == ["", "0", "1", "2"]
    assert all(m._hooks is None for m in net.modules())
    assert "broke before" in found.root.missing
    with pytest.raises(ShapeError) as caught:
        tg.trace(net, X)
    assert any("on_error='record'" in note for note in caught.value.__notes__)
    assert tg.trace(net, X, on_error="record").failure.op == "linear"


def test_a_break_at_the_first_operation_shows_what_went_into_it():
    net = nn.Linear(7, 2, rng=0)
    t = tg.trace(net, X, on_error="record")
    assert {r.name for r in t.records} == {"weight", "bias"}
    assert (t.failure.phase, t.failure.op) == ("forward", "linear")

    def nothing():
        raise ValueError("at once")

    with pytest.raises(OperandError, match=r"ended before anything ran.*ValueError: at once"):
        tg.trace(nothing, on_error="record")


def test_a_break_in_the_backward_pass():
    x = tg.tensor([1.0, 2.0], requires_grad=True, name="x")
    with pytest.raises(ZeroDivisionError):
        with tg.tracing() as t:
            middle = x * 2.0
            middle.register_hook(lambda g: 1 / 0)
            (middle * 3.0).sum().backward()
    found = t.trace()
    assert (found.failure.phase, found.failure.op) == ("backward", "multiply")
    assert found.records[found.failure.at].gradient is not None
    assert found.records[0].missing == "the pass broke before it came here"
    assert "test_tracing.py" in found.failure.line


def test_a_break_after_the_pass_keeps_the_pass():
    a = tg.Value(3.0, name="a")
    with pytest.raises(KeyError):
        with tg.tracing() as t:
            (a * a).backward()
            raise KeyError("later")
    found = t.trace()
    assert (len(found.steps), found.failure.message) == (2, "KeyError: 'later'")


def test_a_second_pass_over_a_freed_graph():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(FreedGraphError):
        with tg.tracing() as t:
            loss = (x * x).sum()
            loss.backward()
            loss.backward()
    found = t.trace()
    assert found.failure.phase == "freed"
    assert found.root.op == "sum"
    assert len(found.steps) == 3


def test_an_error_outside_is_not_taken_for_one_of_the_pass():
    a = tg.Value(2.0, name="a")
    try:
        raise KeyError("something else")
    except KeyError:
        with tg.tracing() as t:
            (a * a).backward()
    assert t.trace().failure is None


# ── Who is watched ──────────────────────────────────────────────────────────────────────


def test_other_threads_are_not_watched():
    net = net_of(1)
    with tg.tracing(net) as t:
        worker = threading.Thread(target=lambda: net(X).sum().backward())
        worker.start()
        worker.join()
        net(X).sum().backward()
    found = t.trace()
    assert [s.call for s in found.scopes] == [0] * len(found.scopes)
    assert len(t.watch.facts) == 4


def test_watches_may_be_nested():
    net = net_of(1)
    with tg.tracing(net) as outer:
        a = net(X).sum()
        with tg.tracing(net) as inner:
            b = (net(X) * 2.0).sum()
    assert len(paths(inner.trace())) == 5
    assert len(paths(outer.trace(a + b))) == 10
    assert all(m._hooks is None for m in net.modules())


def test_hooks_of_the_user_still_run():
    net = net_of(1)
    seen = []
    net[0].register_forward_hook(lambda module, inputs, output: seen.append(1) or output * 2.0)
    t = tg.trace(lambda: net(X).sum(), model=net)
    assert seen == [1]
    assert "multiply" in {r.op for r in t.records}
    check_scopes(t)
    assert net[0]._hooks is not None


def test_nothing_is_watched_after_the_body():
    a = tg.Value(1.0)
    with tg.tracing() as t:
        a * a
    a * a
    (a * a).backward()
    assert len(t.watch.facts) == 1
    assert t.watch.steps.root is None


# ── What a trace says of itself ─────────────────────────────────────────────────────────


def test_a_trace_without_a_pass_shows_no_older_gradients():
    net = nn.Sequential(nn.Linear(3, 1, rng=0))
    net(X).sum().backward()
    t = tg.tensor([1.0, 2.0], requires_grad=True, name="t")
    (t * t).sum().backward()
    with tg.no_grad():
        flat = net(X).sum()
    wrong = tg.tensor(np.ones((2, 5)))
    for found in (
        tg.trace(lambda: net(wrong), model=net, on_error="record"), tg.trace(t * t, model=[]),
        tg.trace(flat, model=net),
    ):  # fmt: skip
        assert not any(r.gradient for r in found.records)
        for text in (str(found), found.draw().svg):
            assert "‖∇‖" not in text
    drawing = tg.draw(t * t)
    assert all("earlier backward passes left" in x for x in (drawing.text, drawing.dot))


def test_a_pass_that_broke_bears_the_name_of_what_broke(tmp_path: Path):
    net = nn.Sequential(nn.Linear(3, 1, rng=0))
    wrong = tg.tensor(np.ones((2, 5)))
    found = tg.trace(lambda: net(wrong), model=net, on_error="record")
    assert repr(found) == "<Pass that broke in linear: 3 nodes, 0 backward steps>"
    assert "A pass that broke in linear" in found.draw().svg
    page = found.save_html(tmp_path / "page.html").read_text("utf-8")
    assert "<title>A pass that broke in linear</title>" in page
    assert "test_tracing.py:" in found.failure.line and found.failure.line in str(found)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (tg.trace, r"tinygrad_nn\.trace\(net, x\)"),
        (lambda net: tg.trace(lambda a: (a @ a).sum(), np.ones((2, 2))), "requires_grad=True"),
        (lambda net: tg.trace(lambda: (net(X).sum(), net(X).mean())), "2 single numbers"),
    ],
)
def test_what_cannot_be_traced_is_answered_in_words(call, words):
    with pytest.raises(OperandError, match=words):
        call(nn.Linear(3, 1, rng=0))


def test_a_tensor_without_gradient_keeps_its_name(tmp_path: Path):
    x = tg.tensor([1.0, 2.0], name="x")
    w = tg.tensor([3.0, 4.0], requires_grad=True, name="w")
    loss = (x * w + x).sum()
    found = tg.trace(loss)
    assert [r.name for r in found.records].count("x") == 1
    assert "multiply(x, w)" in str(found)
    assert any(h.title == "x" for h in tg.ledger(loss).holdings)
    assert type(found).load(found.save(tmp_path / "pass.json")) == found
    x.name = "other"
    assert "multiply(other, w)" in str(tg.trace(loss))
