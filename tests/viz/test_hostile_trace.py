"""Traces of hostile and odd input: nothing crashes, hangs or stays behind, and words say why."""

import copy
import gc
import json
import math
import pickle
import random
import sys
import threading
import tracemalloc
import weakref
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.extents import thinned
from tinygrad_nn import nn
from tinygrad_nn.errors import DataError, GradientError, OperandError, OptionError, PositionError
from tinygrad_nn.viz.page.stepper import stepper_page
from tinygrad_nn.viz.passes import Pass
from tinygrad_nn.viz.trace import figures
from tinygrad_nn.viz.trace.file import dumps, from_json, loads

X = np.ones((4, 2), np.float32)
NAMES = (
    "\"'`\\",
    "{a|b}<c>&amp;",
    "</script><script>window.__pwned=1</script>",
    "a\nb\r\n\tc\x00\x1b[31m",
    "\u202eabc\u2066",
    "\ud800x\udfff",
    "x" * 100_000,
    "\u2028\u2029",
    "\\end{aligned}$x_^%#&~",
    "__proto__",
)


class Net(nn.Module):
    def __init__(self, error=None):
        super().__init__()
        self.first, self.last = nn.Linear(2, 3, rng=0), nn.Linear(3, 1, rng=1)
        self.error = error

    def forward(self, x):
        h = self.first(x).tanh()
        if self.error is not None:
            raise self.error
        return self.last(h).sum()


def views(t):
    """Every view of a trace, each of which has to work."""
    assert dumps(loads(dumps(t))) == dumps(t)
    assert "\ud800" not in stepper_page(t)
    for level in ("scalar", "op", "module"):
        drawing = t.draw("svg", level=level, engine="own")
        ET.fromstring(drawing.svg)
        drawing.dot.encode()
        drawing.text.encode()
    t.draw("svg", flow="backward", engine="own")
    assert repr(t)
    for record in t.records[:12]:
        if not record.name:
            continue
        for index in (None, (0,) * len(record.value.shape)):
            try:
                found = t.explain(record.name, index)
            except (GradientError, PositionError):
                continue
            str(found).encode("utf-8", "surrogatepass")
            if found.formula is not None:
                found.latex.encode()
                ET.fromstring(found.formula.mathml)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_names_of_any_kind(name):
    a = tg.Value(3.0, name=name)
    views(tg.trace((a * 2.0 + a).tanh() * a))


def test_numbers_that_are_none():
    nan, inf = math.nan, math.inf
    a = tg.Value(nan, name="n")
    views(tg.trace(a * tg.Value(inf, name="i") + a))
    for dtype in ("float16", "float32", "float64"):
        x = tg.tensor(np.array([[nan, inf, -inf], [0, 1e2, -3]], dtype), requires_grad=True)
        views(tg.trace((x * x).sum()))
    for shape in ((0, 3), (1,) * 20):
        x = tg.tensor(np.ones(shape), requires_grad=True)
        views(tg.trace((x * 2.0).sum()))


# ── What is no graph ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("x", [3, 2.5, True, "a", None, [1.0], np.ones(3), np.float64(2.0)])
def test_what_cannot_be_traced(x):
    with pytest.raises(OperandError, match="expected a Value or Tensor"):
        tg.trace(x)
    with pytest.raises(OperandError, match="the function returned"):
        tg.trace(lambda: x)


def test_matrices_still_have_their_own_trace():
    m = np.arange(9.0).reshape(3, 3)
    w = tg.tensor(m, requires_grad=True)
    assert tg.trace(m) == np.trace(w).item() == w.trace().item() == tg.trace(w).item() == 12.0
    assert tg.trace(w, offset=1).item() == tg.trace(m, 1, 0, 1) == 6.0


@pytest.mark.parametrize("model", [3, {}, object(), nn.Linear, [nn.Linear], [None]])
def test_what_is_no_model(model):
    a = tg.Value(1.0)
    with pytest.raises(OperandError, match="expected a Module"):
        tg.trace(a * a, model=model)
    with pytest.raises(OperandError, match="expected a Module"), tg.tracing(model):
        pass


def test_options_of_the_wrong_kind():
    a = tg.Value(1.0, name="a")
    t = tg.trace(a * a)
    for top in (0, 2.5, "a", None, math.nan):
        with pytest.raises(OptionError, match="top="):
            t.explain("a", top=top)
    for step in (-1, 1.5, "a", None, math.nan):
        with pytest.raises(OptionError, match="step="):
            stepper_page(t, step=step)
    with pytest.raises(OptionError, match="title"):
        stepper_page(t, title=5)
    stepper_page(t, step=10**400)
    for limit in (0, 2.5, "a", None):
        with pytest.raises(OptionError, match="limit="):
            t.draw(limit=limit)


# ── What breaks on its way ──────────────────────────────────────────────────────────────


class WordlessError(Exception):
    def __str__(self):
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("</script>\n\ud800\u202e\x00" + "x" * 10_000),
        WordlessError(),
        ExceptionGroup("several", [ValueError("one")]),
    ],
    ids=["text", "wordless", "group"],
)
def test_modules_that_raise(error):
    net = Net(error)
    with pytest.raises(type(error)):
        tg.trace(net, X)
    t = tg.trace(net, X, on_error="record")
    assert t.failure.phase == "forward" and type(error).__name__ in t.failure.message
    views(t)


def test_an_interrupt_goes_on_and_leaves_a_trace():
    net = Net(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        tg.trace(net, X, on_error="record")
    with pytest.raises(KeyboardInterrupt), tg.tracing(net) as t:
        net(X)
    assert t.trace().failure.message == "KeyboardInterrupt"
    assert all(module._hooks is None for module in net.modules())


@pytest.mark.parametrize("given", ["abc", None, np.ones(99), [[]]])
def test_rules_that_give_no_gradient(given):
    @tg.custom_op(vjp=lambda g, y, x: given, check=False)
    def odd(x, /):
        return np.sin(x)

    for x in (tg.Value(2.0, name="x"), tg.tensor(np.ones(3), requires_grad=True, name="x")):
        y = odd(x * 2.0)
        loss = y if isinstance(x, tg.Value) else y.sum()
        tg.draw(loss).text.encode()
        str(tg.ledger(loss))
        views(tg.trace(loss, on_error="record"))


@pytest.mark.parametrize("kind", ["raise", "shape", "change", "backward", "trace"])
def test_hooks_within_a_pass(kind):
    x = tg.tensor(np.ones(3), requires_grad=True, name="x")
    y = x * 2.0

    def hook(g):
        if kind == "raise":
            raise ValueError("</script>")
        if kind == "shape":
            return np.ones(7)
        if kind == "backward":
            (x * x).sum().backward()
        if kind == "trace":
            tg.trace((x * x).sum())
        return g * 3.0 if kind == "change" else None

    y.register_hook(hook)
    loss = (y * y).sum()
    t = tg.trace(loss, on_error="record")
    views(t)
    if kind in ("raise", "shape"):
        assert t.failure.phase == "backward"
    else:
        assert t.records[0].gradient.elements == ((24.0 if kind == "change" else 8.0),) * 3


def test_generators_that_end_in_the_wrong_order_leave_no_watch_behind():
    a = tg.Value(2.0)

    def body():
        with tg.tracing() as t:
            yield t

    first, second = body(), body()
    t, u = next(first), next(second)
    a * a
    first.close()
    second.close()
    seen = len(t.watch.facts), len(u.watch.facts)
    a * a
    assert (len(t.watch.facts), len(u.watch.facts)) == seen == (1, 1)
    (a * a).backward()
    assert t.watch.steps.root is u.watch.steps.root is None


# ── Threads, memory, copies ─────────────────────────────────────────────────────────────


def test_threads_trace_one_model_at_once():
    net = Net()
    wrong = []

    def work():
        try:
            for _ in range(40):
                with tg.tracing(net) as t:
                    loss = net(X)
                if len(t.trace(loss).scopes) != 3 or len(t.watch.facts) != 4:
                    wrong.append(t)
        except Exception as error:
            wrong.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert not wrong
    assert all(module._hooks is None for module in net.modules())


def test_hooks_of_two_threads_do_not_lose_each_other():
    module = nn.Linear(2, 1, rng=0)

    def work():
        for _ in range(500):
            module.register_forward_hook(lambda *_: None).remove()

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert module._hooks is None


def test_nothing_of_the_graph_is_kept():
    net = Net()
    x = tg.tensor(X, requires_grad=True, name="x")
    loss = (net(x) * 2.0).sum()
    held = [weakref.ref(loss), weakref.ref(x), weakref.ref(net)]
    t = tg.trace(loss, model=net)
    made = (
        t.explain("x", (0, 0)),
        t.draw(),
        tg.ledger(loss),
        tg.explain(x, loss, (0, 0)),
        stepper_page(t),
    )
    del loss, x, net
    gc.collect()
    assert [one() for one in held] == [None] * 3 and len(made) == 5


def test_figures_of_large_arrays_copy_no_array():
    array = np.random.default_rng(0).normal(size=(40, 300, 350)).astype(np.float32)
    tracemalloc.start()
    try:
        found = figures.figure(array)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40 * 2**20  # its elements as float64 are 34 MB, and there were five such copies
    whole = array.astype(np.float64)
    assert math.isclose(found.mean, whole.mean(), rel_tol=1e-6)
    assert math.isclose(found.norm, np.linalg.norm(whole), rel_tol=1e-12)
    assert math.isclose(found.deviation, whole.std(), rel_tol=1e-12)


def _odd():
    rng = np.random.default_rng(0)
    n = 30_000
    yield from (rng.normal(size=n), rng.normal(size=(100, 300)).astype("f4"), np.zeros(n))
    yield from (rng.normal(size=(n, 1)), rng.normal(size=(10, 300, 10)).transpose(2, 0, 1))
    yield from (rng.integers(-5, 5, n), rng.integers(0, 2, n).astype(bool), np.full(n, np.nan))
    yield from (rng.normal(size=n) * 1e200, rng.normal(size=n) * 1e-200)
    array = rng.normal(size=(100, 300))
    array[::7], array[3, 5], array[4, 6] = np.nan, np.inf, -np.inf
    yield from (array, array * 1e300, np.broadcast_to(array[1], (100, 300)))


@pytest.mark.parametrize("array", list(_odd()))
def test_figures_are_the_same_block_by_block(array, monkeypatch):
    whole = figures.figure(array)
    monkeypatch.setattr(figures, "_BLOCK", 1000)
    found = figures.figure(array)
    for name in ("shape", "dtype", "size", "elements", "low", "high", "nans", "infs", "zeros"):
        assert getattr(found, name) == getattr(whole, name)
    for name in ("mean", "deviation", "norm"):
        expected = getattr(whole, name)
        assert math.isclose(
            getattr(found, name), expected, rel_tol=1e-9, abs_tol=1e-12 * whole.norm
        )
    a, b = (np.frombuffer(f.picture.cells, np.int8).astype(int) for f in (found, whole))
    assert np.abs(a - b).max() <= 1


def test_copies_and_pickles():
    a = tg.Value(math.nan, name="\ud800")
    for t in (tg.trace(a * a), tg.trace(Net(), X)):
        for again in (pickle.loads(pickle.dumps(t)), copy.copy(t), copy.deepcopy(t)):
            assert type(again) is Pass and dumps(again) == dumps(t)


def test_modules_nested_deeper_than_calls():
    module = nn.Linear(1, 1, rng=0)
    for _ in range(3000):
        outer = nn.Module()
        outer.inner = module
        module = outer
    assert sum(1 for _ in module.named_modules()) == 3001
    assert len(dict(module.named_parameters())) == 2


def test_formulas_of_very_many_uses_take_linear_time():
    a = x = tg.Value(1.0, name="a")
    for _ in range(3_000):
        x = x + a * 1e-6
    found = tg.trace(x).explain("a")
    assert found.path_count == 3001 and found.derivative.left_out > 100


# ── Files ───────────────────────────────────────────────────────────────────────────────

ODD = [
    None, 0, 1, -1, 2, True, False, "", "NaN", "Infinity", 1e308, 5e-324, 2**63, 10**400, [], {},
    [[]], [0, 0], "\ud800", "</script>", "a" * 1000, "parameter", "result",
    {"shape": [2**62], "dtype": "f"}, {"shape": [1], "dtype": "float", "elements": [1.0]},
    {"shape": [], "dtype": "float", "elements": [1.0]}, {"shape": [], "dtype": "float64"},
    {"shape": [2, 2], "dtype": "float64", "elements": [1, 2, 3, 4]},
    {"shape": [2, 0, 2**60], "dtype": "x", "elements": []},
]  # fmt: skip


def samples():
    a, b = tg.Value(2.0, name="a"), tg.Value(-3.0, name="b")
    yield tg.trace((a * b).tanh() + a**2)
    net = nn.Sequential(nn.Linear(3, 4, rng=0), nn.Tanh(), nn.Linear(4, 90, rng=0))
    yield tg.trace(lambda x: (net(x) ** 2.0).mean(), np.ones((2, 3), np.float32), model=net)
    yield tg.trace(net, np.ones((2, 5), np.float32), on_error="record")
    x = tg.tensor([1.0, 2.0, math.nan], requires_grad=True, name="x")
    yield tg.trace((x * x)[1:].sum())


def places(x, path=()):
    entries = x.items() if isinstance(x, dict) else enumerate(x) if isinstance(x, list) else ()
    for key, value in entries:
        yield (*path, key)
        yield from places(value, (*path, key))


def mutated(rng, sample, paths):
    found = copy.deepcopy(sample)
    for _ in range(rng.choice((1, 1, 2, 4))):
        *above, last = rng.choice(paths)
        place = found
        try:
            for key in above:
                place = place[key]
            place[last] = rng.choice(ODD) if rng.random() < 0.8 else place[last - 1]
        except (KeyError, IndexError, TypeError):
            continue
    return found


@pytest.mark.parametrize("seed", thinned(range(4), [0, 3]))
def test_files_that_are_read_can_be_shown(seed):
    """A file is refused in words, or every view of it works."""
    rng = random.Random(seed)
    sample = json.loads(dumps(list(samples())[seed]))
    paths = list(places(sample))
    shown = 0
    for _ in range(200):
        try:
            t = from_json(mutated(rng, sample, paths))
        except DataError as error:
            assert len(str(error)) < 1500
            continue
        shown += 1
        if shown <= 5:
            views(Pass.of(t))
    assert shown


@pytest.mark.parametrize("seed", range(4))
def test_files_with_other_bytes(tmp_path, seed):
    rng = random.Random(seed)
    whole = dumps(next(samples())).encode()
    path = tmp_path / "pass.json"
    for _ in range(60):
        held = bytearray(whole)
        for _ in range(rng.choice((1, 3, 9))):
            held[rng.randrange(len(held))] = rng.randrange(256)
        path.write_bytes(held[: rng.choice((len(held), rng.randrange(len(held))))])
        try:
            Pass.load(path)
        except DataError as error:
            assert "trace file" in str(error)


def test_files_whose_parts_disagree():
    t = json.loads(dumps(list(samples())[3]))
    figure = json.loads(dumps(tg.trace(lambda: tg.tensor([1.0, 2.0]) * 1.0)))["nodes"][0]["value"]
    for place in ("adds", "sum"):
        found = copy.deepcopy(t)
        step = next(s for s in found["steps"] if s["to"] == 0)
        step[place] = figure
        with pytest.raises(DataError, match=rf"{place}: got the shape \(2,\), expected.*\(3,\)"):
            from_json(found)
    found = copy.deepcopy(t)
    found["nodes"][0]["gradient"] = 1.0
    with pytest.raises(DataError, match=r"gradient: got the shape \(\)"):
        from_json(found)
    for entry, value in (("value", {**figure, "dtype": "float"}), ("missing", "\ud800")):
        found = copy.deepcopy(t)
        found["nodes"][0][entry] = value
        with pytest.raises(DataError, match=r"one Python float|printable"):
            from_json(found)
    found = copy.deepcopy(t)
    found["nodes"][1]["inputs"][0][0] = False
    with pytest.raises(DataError, match="inputs"):
        from_json(found)
