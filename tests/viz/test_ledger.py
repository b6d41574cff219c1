"""The ledger against what Python's allocator counts, and the readers it names against the rules."""

import gc
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.ops.case import Case, flatten
from tests.ops.draws import samples
from tinygrad_nn import nn
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.op import OPS, Op
from tinygrad_nn.core.order import reverse_order
from tinygrad_nn.core.reverse import gradients
from tinygrad_nn.viz.ledger import EVERYTHING
from tinygrad_nn.viz.ledger.reads import RESULT, Reader

RECORDED = [r for r in OPS.values() if r.rules or r.pullback is not None]


def _spoiled(payload: Any, reads: frozenset[int], place: int) -> Any:
    """The payload if it is read, otherwise one of the same form that ruins what touches it."""
    if place in reads or not isinstance(payload, np.ndarray) or payload.dtype.kind != "f":
        return payload
    return np.full_like(payload, np.nan)


def _holds(record: Op, node: Node, reads: tuple[frozenset[int], ...]) -> None:
    """The rules give the same where everything that they are said not to read is NaN."""
    for slot, p in enumerate(node.inputs):
        if not isinstance(p, Node):
            continue
        needs = [k == slot for k in range(len(node.inputs))]
        y, values = node._data, node.values
        bad_y = _spoiled(y, reads[slot], RESULT)
        bad = [_spoiled(v, reads[slot], k) for k, v in enumerate(values)]
        g, params = np.ones_like(y), node.params or {}
        with np.errstate(all="ignore"):
            want = gradients(record, g, y, values, needs, params)[slot]
            got = gradients(record, g, bad_y, bad, needs, params)[slot]
        if want is not None:
            np.testing.assert_array_equal(np.asarray(got), np.asarray(want))


@pytest.mark.parametrize("record", RECORDED, ids=lambda r: r.key)
@settings(max_examples=5, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_no_rule_reads_may_be_anything(record: Op, data: Any):
    case = Case(record, data.draw(samples(record)))
    leaves = [tg.tensor(x, requires_grad=True) for x in case.floats]
    for out in flatten(case.call(leaves)):
        if isinstance(out, Node) and not out.is_leaf and out.op is record:
            _holds(record, out, Reader().reads(out))


def test_a_reader_that_forgot_something_is_found_out():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = x * tg.tensor([3.0, 4.0], requires_grad=True)
    _holds(OPS["multiply"], y, Reader().reads(y))
    with pytest.raises(AssertionError):
        _holds(OPS["multiply"], y, (frozenset(), frozenset({0})))


def _network() -> Any:
    return nn.Sequential(
        nn.Linear(100, 300, rng=0), nn.Tanh(), nn.Linear(300, 200, rng=1), nn.ReLU(),
        nn.Linear(200, 10, rng=2),
    )  # fmt: skip


def _measured(build: Any) -> tuple[Any, int]:
    """What `build` returns, and the bytes that it keeps alive."""
    build()  # caches fill
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = build()
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return kept, held


def test_the_sum_is_what_the_allocator_counts():
    model, x = _network(), np.random.default_rng(0).normal(size=(500, 100))
    loss, held = _measured(lambda: tg.mean(model(tg.tensor(x)) ** 2.0))
    ledger = tg.ledger(loss, model=model)
    assert ledger.graph == pytest.approx(held, rel=0.02)
    assert ledger.total - ledger.graph == sum(p.numpy().nbytes for p in model.parameters())


def test_a_checkpoint_saves_what_the_ledger_says():
    model, x = _network(), tg.tensor(np.random.default_rng(0).normal(size=(500, 100)))
    loss, held = _measured(lambda: tg.mean(model(x) ** 2.0))
    told = {s.title: s.bytes for s in tg.ledger(loss, model=model).savings}
    _, lighter = _measured(lambda: tg.mean(tg.checkpoint(lambda x: model(x) ** 2.0, x)))
    assert told[EVERYTHING] == pytest.approx(held - lighter, rel=0.05)


def test_views_are_counted_once():
    x = tg.tensor(np.ones((100, 100)), requires_grad=True)
    y = tg.exp(x)
    ledger = tg.ledger(tg.sum(tg.reshape(y, (-1,)) * tg.permute_dims(y, (1, 0)).reshape(-1)))
    arrays = {id(_base(n._data)): _base(n._data).nbytes for n in reverse_order(y)}
    shared = next(h for h in ledger.holdings if h.op == "exp")
    assert shared.bytes == y._data.nbytes
    assert len(shared.names) == 3
    assert ledger.total >= sum(arrays.values())


def _base(array: Any) -> Any:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def test_it_names_the_readers_and_what_nobody_reads():
    x = tg.tensor(np.ones(1000), requires_grad=True, name="x")
    y = x + 1.0
    y.name = "y"
    z = tg.exp(y)
    z.name = "z"
    ledger = tg.ledger(tg.sum(z))
    rows = {h.title: h for h in ledger.holdings}
    assert rows["z"].readers == ("z for y",)
    assert not rows["y"].needed
    assert "no gradient rule reads it" in rows["y"].why
    assert ledger.unread >= y._data.nbytes
    assert "7.812 KiB" in str(ledger)


def test_values_have_a_ledger_too():
    a = tg.Value(2.0, name="a")
    ledger = tg.ledger(a * a + a)
    assert ledger.nodes == 3
    assert ledger.total > 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_python_number_among_the_inputs_stays_one(dtype: str):
    """The exponent 2 of `x**2`, which its rule compares with 0."""
    x = tg.tensor(np.ones((8, 1), dtype), requires_grad=True, name="x")
    books = tg.ledger((x**2).mean())
    readers = {h.names or h.kind: h.readers for h in books.holdings}
    assert readers["x",] == readers["constant"] == ("pow_1 for x",)


def test_what_is_no_graph_is_refused():
    with pytest.raises(tg.errors.OperandError, match="ledger: got list"):
        tg.ledger([1.0])
