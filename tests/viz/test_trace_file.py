"""A trace in a file: the same when read again, small, and refused in words when it is not one."""

import copy
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.viz.graphs import names, values
from tests.viz.test_trace import tensors
from tests.viz.test_tracing import X, net_of
from tinygrad_nn import nn
from tinygrad_nn.errors import DataError
from tinygrad_nn.viz.passes import Pass
from tinygrad_nn.viz.trace.file import dumps, from_json, load, loads, to_json
from tinygrad_nn.viz.trace.recorder import record


def same(a, b) -> bool:
    """Equal, NaN to NaN too."""
    return repr(astuple(a)) == repr(astuple(b))


def astuple(t):
    return (t.records, t.edges, t.total, t.kept, t.observed, t.scopes, t.jacobians, t.failure)


def sample():
    """A trace with something of everything."""
    net = nn.Sequential(net_of(), nn.Linear(1, 300, rng=0))
    t = tg.trace(lambda x: (net(x) ** 2.0).mean(), X, model=net)
    assert t.scopes and t.jacobians and any(r.value.picture for r in t.records)
    return t


@given(values(names) | tensors(), st.booleans())
def test_what_was_written_is_read_again(root, backward):
    t = record(root, backward=backward)
    again = loads(dumps(t))
    assert same(again, t)
    assert dumps(again) == dumps(t)


def test_a_trace_with_everything_in_it():
    t = sample()
    assert same(loads(dumps(t)), t)
    json.dumps(to_json(t), allow_nan=False)
    for broken in (np.ones((2, 3), np.float32), np.ones((2, 9), np.float32)):
        t = tg.trace(net_of(), broken, on_error="record")
        assert same(loads(dumps(t)), t)
    a = tg.Value(0.0, name="a")
    t = tg.trace((a / a) * math.inf)
    assert same(loads(dumps(t)), t)
    assert '"NaN"' in dumps(t) and "Infinity" in dumps(t)


@given(st.text())
def test_texts_of_any_kind(text):
    a = tg.Value(1.0, name=text)
    t = tg.trace(a * a)
    assert loads(dumps(t)) == loads(dumps(t))
    assert same(loads(dumps(t)), t)


def test_lone_surrogates_and_whole_numbers():
    a = tg.Value(1.0, name="\ud800</script>\n")
    t = tg.trace(a * a)
    assert loads(dumps(t)).records[0].name == "\ud800</script>\n"
    t = tg.trace(lambda: tg.take(tg.tensor([1.0, 2.0]), np.array([1, 0])).sum())
    assert same(loads(dumps(t)), t)


def test_a_file_is_written_and_read(tmp_path):
    t = sample()
    path = t.save(tmp_path / "pass.json")
    assert path == tmp_path / "pass.json"
    assert Pass.load(path) == t
    assert [p.name for p in tmp_path.iterdir()] == ["pass.json"]
    first = path.read_bytes()
    t.save(path)
    assert path.read_bytes() == first
    with pytest.raises(OSError, match=r"trace: it was not saved.*a folder that exists"):
        t.save(tmp_path / "missing" / "pass.json")


def test_files_of_scalar_graphs_are_small():
    """S7: at most 250 bytes for each node and each edge."""
    rng = np.random.default_rng(0)
    leaves = [tg.Value(float(x), name=f"w{i}") for i, x in enumerate(rng.normal(size=50))]
    x = leaves[0]
    for i in range(2000):
        x = (x * leaves[i % 50]).tanh() + leaves[(7 * i) % 50]
    for t in (tg.trace(x), tg.trace(lambda: (x * x) + leaves[1])):
        assert len(dumps(t)) <= 250 * (len(t.records) + len(t.edges))


# ── Hostile input ───────────────────────────────────────────────────────────────────────


def refused(found, match):
    with pytest.raises(DataError, match=match) as caught:
        from_json(found)
    assert len(str(caught.value)) < 1000


def changed(path, value):
    """The sample as JSON with one entry replaced."""
    found = json.loads(json.dumps(to_json(tg.trace(_scalar()))))
    place = found
    *above, last = path
    for key in above:
        place = place[key]
    place[last] = value
    return found


def _scalar():
    a, b = tg.Value(2.0, name="a"), tg.Value(3.0, name="b")
    return (a * b + a) * a


HUGE = 10**400
FAULTS = [
    (["format"], "other", "format: got 'other'"),
    (["v"], 2, "v: got 2, expected 1"),
    (["v"], True, "v: got True"),
    (["root"], 0, "root: got 0, expected 4"),
    (["total"], 1, "total: got 1, expected at least"),
    (["total"], HUGE, "total: got 1000"),
    (["total"], -1, "total: got -1"),
    (["observed"], 1, "observed: got 1, expected true or false"),
    (["nodes"], [], "nodes: got none"),
    (["nodes"], {}, "nodes: got {}, expected a list"),
    (["nodes", 0], 5, r"nodes\[0\]: got 5, expected an object"),
    (["nodes", 0, "extra"], 5, r"nodes\[0\]: got the entry 'extra'"),
    (["nodes", 0, "role"], "loss", "role: got 'loss', expected one of input"),
    (["nodes", 0, "role"], [], "role: got"),
    (["nodes", 0, "name"], 3, "got 3, expected a text"),
    (["nodes", 0, "value"], None, "value: got None, expected a finite number"),
    (["nodes", 0, "value"], "nan", "value: got 'nan'"),
    (["nodes", 0, "value"], HUGE, "value: got 1000"),
    (["nodes", 0, "value"], math.inf, "value: got inf"),
    (["nodes", 0, "value"], {"shape": [-1]}, "value: shape: got"),
    (["nodes", 0, "value"], {"shape": [2**40, 2**40]}, "larger than any array"),
    (["nodes", 0, "value"], {"shape": [1] * 65}, "at most 64 axes"),
    (["nodes", 0, "value"], {"shape": [2], "elements": [1.0]}, "elements: got 1 for the shape"),
    (["nodes", 2, "op"], 9, "op: got 9, expected a place below"),
    (["nodes", 2, "op"], -1, "op: got -1"),
    (["nodes", 2, "line"], 0, "line: got 0, expected a place below 0"),
    (["nodes", 2, "scope"], 0, "scope: got 0"),
    (["nodes", 2, "left_out"], 1.5, "left_out: got 1.5, expected a whole number"),
    (["nodes", 2, "params"], [["axis", 1]], "params: got"),
    (["nodes", 2, "inputs"], [[2, 0]], "expected .a node before this one"),
    (["nodes", 2, "inputs"], [[3, 0]], "expected .a node before this one"),
    (["nodes", 2, "inputs"], [[-1, 0]], "expected .a node before this one"),
    (["nodes", 2, "inputs"], [[0, 1], [1, 1]], "in the order of the places"),
    (["nodes", 2, "inputs"], [[0, HUGE]], "expected .a node before this one"),
    (["nodes", 2, "inputs"], [[0]], "expected .a node before this one"),
    (["steps", 0, "from"], 0, r"steps\[0\]: got from 0 .* which is no input"),
    (["steps", 0, "to"], 1, "which is no input"),
    (["steps", 0, "from"], [1], "which is no input"),
    (["steps", 0, "local"], "1", "local: got '1'"),
    (["steps", 0, "adds"], [1], "adds: got"),
    (["steps", 0, "rule"], "g", "rule: got 'g'"),
    (["scopes"], [{"parent": 0}], r"scopes\[0\]: parent: got 0, expected a place below 0"),
    (["scopes"], [{"path": 1}], "got 1, expected a text"),
    (["ops"], [{"name": "add", "arguments": "ab"}], "arguments: got 'ab', expected a list"),
    (["lines"], [1], r"lines\[0\]: got 1, expected a text"),
    (["failure"], {"phase": "later"}, "failure: got phase 'later'"),
    (["failure"], {"phase": "forward", "at": 99}, "at: got 99"),
    (["jacobians"], [{"from": 4, "slot": 7}], "which is no input"),
    (["jacobians"], [{"from": 4, "slot": 0, "entries": [[0, 1, 1.0]]}], "column below 1"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "match"), FAULTS)
def test_every_fault_is_named(path, value, match):
    refused(changed(path, value), match)


def test_a_step_may_not_be_taken_twice():
    found = changed(["v"], 1)
    found["steps"].append(copy.copy(found["steps"][0]))
    refused(found, r"steps\[6\]: it is there twice")


@pytest.mark.parametrize("found", [None, [], 3, "text", {}, {"format": "tinygrad_nn trace"}])
def test_what_is_no_trace_at_all(found):
    refused(found, "trace file: ")


def test_pictures_are_checked():
    found = to_json(sample())
    large = next(n["value"] for n in found["nodes"] if "picture" in n.get("value", {}))
    for entry, value, match in [
        ("rows", 33, "rows: got 33"), ("rows", 1, "cells, expected 1 times"),
        ("cells", "***", "no base64"), ("cells", "é", "no base64"), ("limit", "big", "limit"),
    ]:  # fmt: skip
        before = large["picture"][entry]
        large["picture"][entry] = value
        refused(found, match)
        large["picture"][entry] = before
    from_json(found)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "it begins with ''"),
        ("junk" * 10_000, "it begins with 'junkjunk"),
        ('{"a": 1}', "it begins with"),
        ('{"format": "tinygrad_nn trace", "v": 1', "damaged or cut off"),
        ('{"format": "tinygrad_nn trace", "v": ' + "[" * 100_000, "nested deeper"),
        ('{"format": "tinygrad_nn trace", "v": NaN}', "the bare word NaN"),
        ('{"format": "tinygrad_nn trace", "v": ' + "9" * 10_000 + "}", "damaged|got 999"),
        ('{"format": "tinygrad_nn trace", "v": 1e999}', "v: got inf"),
    ],
)
def test_texts_that_are_none(text, match):
    with pytest.raises(DataError, match=match):
        loads(text)


def test_every_cut_of_a_file_is_refused():
    text = dumps(tg.trace(_scalar()))
    for end in range(0, len(text) - 1, 7):
        with pytest.raises(DataError):
            loads(text[:end])


def test_files_that_are_no_text_or_too_large(tmp_path):
    path = tmp_path / "pass.json"
    path.write_bytes(b"\xff" * 100)
    with pytest.raises(DataError, match="it is no text"):
        load(path)
    with path.open("wb") as stream:
        stream.truncate(2**30 + 1)
    with pytest.raises(DataError, match="expected at most"):
        Pass.load(path)
    with path.open("wb") as stream:
        stream.truncate(10**8)
    with pytest.raises(DataError, match="it begins with"):
        Pass.load(path)
    with pytest.raises(FileNotFoundError):
        Pass.load(tmp_path / "none.json")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)  # fmt: skip


@given(st.data())
@settings(max_examples=200)
def test_no_change_of_an_entry_gives_anything_but_a_trace_or_a_refusal(data):
    found = to_json(TRACE)
    found = json.loads(json.dumps(found))
    place = found
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        inner = place[key]
        if not isinstance(inner, (dict, list)) or not inner or data.draw(st.booleans()):
            break
        place = inner
    place[key] = data.draw(json_values)
    try:
        t = from_json(found)
    except DataError as error:
        assert "trace file: " in str(error)
    else:
        assert same(loads(dumps(t)), t)


TRACE = tg.trace((tg.tensor([1.0, 2.0], requires_grad=True) * tg.ones((300, 2))).sum())
