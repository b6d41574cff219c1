"""Frames of a run: true numbers, small files, and files of others refused."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.viz.samples import lesson, nasty, perceptron
from tinygrad_nn import nn, optim
from tinygrad_nn.errors import DataError, FreedGraphError, OperandError, OptionError
from tinygrad_nn.viz.movie import Movie, movie
from tinygrad_nn.viz.movie.file import dumps, loads, table
from tinygrad_nn.viz.movie.model import Frame

F = nn.functional


def run(frames: int = 5, depth: int = 2, **options) -> tuple[Movie, list[dict[str, float]]]:
    """A movie, and what the network itself knew at each frame."""
    layers = [part for k in range(depth) for part in (nn.Linear(16, 16, rng=k), nn.Tanh())]
    model = nn.Sequential(*layers, nn.Linear(16, 3, rng=9))
    model.to("float64")
    x = np.random.default_rng(0).normal(size=(8, 16))
    sgd, found, known = optim.SGD(model.parameters(), lr=0.3), movie(model, **options), []
    for _ in range(frames):
        loss = F.cross_entropy(model(tg.tensor(x)), tg.tensor(np.arange(8) % 3))
        loss.name = "loss"
        recorded = found.add(loss)
        sgd.zero_grad()
        loss.backward()
        if recorded:
            known.append({"loss": loss.item()} | {
                name: float(np.linalg.norm(p.grad)) for name, p in model.named_parameters()
            })  # fmt: skip
        sgd.step()
    return found, known


def test_frames_hold_the_numbers_of_their_passes():
    found, known = run()
    assert found.numbers("loss", "value") == [one["loss"] for one in known]
    for name in ("0.weight", "2.bias", "4.weight"):
        np.testing.assert_allclose(found.numbers(name), [one[name] for one in known], rtol=1e-12)
    low, high = (found.numbers("0.weight", "value", f) for f in ("low", "high"))
    assert all(a < b for a, b in zip(low, high, strict=True))


def test_recording_changes_no_gradient_and_keeps_the_graph():
    a = tg.Value(3.0, name="a")
    loss = a * a
    a.grad = 5.0
    movie().add(loss)
    assert a.grad == 5.0
    loss.backward()
    assert a.grad == 11.0


def test_every_and_most_keep_the_frames_few_and_evenly_spread():
    found, _ = run(9, every=2)
    assert [frame.step for frame in found.frames] == [0, 2, 4, 6, 8]
    found = movie(most=8)
    trace = tg.trace(lesson())
    for _ in range(100):
        found.add(trace)
    steps = [frame.step for frame in found.frames]
    assert len(steps) <= 8
    assert set(np.diff(steps)) == {found.every}
    assert steps[0] == 0


def test_two_hundred_frames_of_ten_layers_are_a_small_page():
    found, _ = run(4, depth=10)
    rng = np.random.default_rng(0)
    found.frames = [
        Frame(k, tuple(x and x * (1 + rng.normal()) for x in found.frames[0].numbers))
        for k in range(200)
    ]
    assert len(found.html()) < 1_500_000


def test_another_graph_and_a_broken_pass_are_frames_with_a_note():
    a = tg.Value(2.0, name="a")
    found = movie()
    found.add(a * a)
    found.add((a * a).tanh())
    found.add(tg.trace(lambda: a * a + object(), on_error="record"))
    assert found.frames[0].note == ""
    assert "another graph" in found.frames[1].note
    assert found.numbers("a", "value") == [2.0, 2.0, 2.0]
    assert "broke" in found.frames[2].note


def test_nan_and_infinity_come_through(tmp_path):
    found = movie()
    for x in (1.0, math.nan, math.inf, -math.inf):
        a = tg.Value(x, name="a")
        found.add(a * 2.0)
    again = Movie.load(found.save(tmp_path / "m.json"))
    assert str(again.numbers("a", "value")) == "[1.0, nan, inf, -inf]"
    w = nn.Parameter(np.array([1.0, np.nan, 2.0]))
    arrays = movie()
    arrays.add((w * 2.0).sum())
    assert math.isnan(arrays.numbers("parameter_1", "value", "norm")[0])
    assert "NaN" in arrays.html()


def test_a_file_is_read_as_it_was_written(tmp_path):
    found, _ = run()
    again = Movie.load(found.save(tmp_path / "m.json"))
    assert (again.frames, again.trace) == (found.frames, found.trace)
    assert again.html() == found.html()
    assert repr(again) == repr(found) == "<Movie of 'loss': 5 frames, steps 0 to 4>"


@given(st.lists(st.lists(st.none() | st.floats(), min_size=3, max_size=3), min_size=1, max_size=5))
def test_any_numbers_come_back(rows):
    trace = tg.trace(tg.Value(2.0, name="a") * 3.0)
    found = movie()
    found.add(trace)
    width = len(found.frames[0].numbers)
    frames = [Frame(k, tuple((row * width)[:width])) for k, row in enumerate(rows)]
    _, _, again = loads(dumps(found.trace, found._columns, frames))
    assert repr(again) == repr(frames)


def test_a_column_that_never_changes_is_held_once():
    frames = [Frame(k, (1.0, float(k), math.nan, None)) for k in range(3)]
    assert table(frames, 4) == [[1.0], [0.0, 1.0, 2.0], ["NaN"], [None]]


def plain() -> dict:
    found = movie()
    found.add(lesson())
    return json.loads(dumps(found.trace, found._columns, found.frames))


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("v", 2), ("v", True), ("columns", []), ("frames", []), ("frames", [[0.5, ""]]),
        ("frames", [[0, 3]]), ("frames", {}), ("frames", [[True, ""]]), ("numbers", []),
        ("numbers", [[]] * 30), ("trace", {}), ("more", 1), ("frames", [[2**70, ""]]),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused(entry, value):
    content = plain() | {entry: value}
    with pytest.raises(DataError):
        loads(json.dumps(content))


@pytest.mark.parametrize("number", ["nan", True, [1], {}, 2**80, "1"])
def test_a_damaged_number_is_refused(number):
    content = plain()
    content["numbers"][0] = [number]
    with pytest.raises(DataError, match=r"numbers: got .* expected a finite number"):
        loads(json.dumps(content))


@pytest.mark.parametrize(
    "text", ["", "[]", '{"format":"tinygrad_nn movie"', '{"format":"tinygrad_nn trace"}',
             '{"format":"tinygrad_nn movie","v":NaN}', '{"format":"tinygrad_nn movie","v":1}',
             '{"format":"tinygrad_nn movie","v":' + "[" * 100_000]
)  # fmt: skip
def test_what_is_no_movie_is_refused(text):
    with pytest.raises(DataError, match="movie file"):
        loads(text)


def test_what_is_no_text_is_refused(tmp_path):
    path = tmp_path / "m.json"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="no text"):
        Movie.load(path)


def test_wrong_use_is_told():
    with pytest.raises(OperandError, match="movie: got int"):
        movie().add(3)
    with pytest.raises(OperandError, match="no frames yet"):
        movie().save_html("nothing.html")
    for options in ({"every": 0}, {"most": 1}, {"every": True}, {"every": 2.0}):
        with pytest.raises(OptionError, match="expected a whole number"):
            movie(**options)
    with pytest.raises(OperandError, match="expected a Module"):
        movie(3)
    loss = (nn.Parameter(np.ones(3)) * 2.0).sum()
    loss.backward()
    with pytest.raises(FreedGraphError, match=r"movie.add\(loss\) before loss.backward"):
        movie().add(loss)
    found = movie(traces=[tg.trace(lesson())])
    with pytest.raises(OptionError, match="expected the name of a node"):
        found.numbers("nobody")
    for options in ({"theme": "blue"}, {"frame": -1}, {"level": "deep"}):
        with pytest.raises(OptionError):
            found.html(**options)


def test_the_page_asks_for_nothing_and_names_are_only_text():
    page = movie(traces=[tg.trace(nasty())] * 2).html(title="<b>")
    assert "https://" not in page
    assert "<b>" not in page
    assert "<img" not in page
    assert movie()._repr_html_() is None
    assert "<iframe" in movie(traces=[tg.trace(lesson())])._repr_html_()


def test_layers_that_are_alike_each_have_a_box_of_their_own():
    found, _ = run(1, depth=5)
    page = found.html()
    assert all(f">{2 * k}.weight<" in page or f">{2 * k}<" in page for k in range(6))


def test_a_large_network_is_drawn_too():
    model = perceptron()
    x = np.random.default_rng(0).normal(size=(4, 784)).astype("f4")
    found = movie(model)
    found.add(F.cross_entropy(model(tg.tensor(x)), tg.tensor(np.arange(4))))
    assert "784" in found.html()
    assert replace(found.frames[0], step=3).step == 3
