"""Drawings of programs: what `tg.draw(step.program)` shows."""

import numpy as np
import pytest
from hypothesis import given, settings

import tinygrad_nn as tg
from tests.compiler.programs import programs
from tests.compiler.test_text import captured
from tinygrad_nn import optim
from tinygrad_nn.compiler.show.graph import graph


def test_a_small_step_is_drawn_instruction_by_instruction():
    drawn = tg.draw(captured().program, engine="own")
    for words in ("forward", "backward", "update", "log_softmax", "x @ net.0.weight.T",
                  "gradient of net.0.weight", "result", "the same 6 times"):  # fmt: skip
        assert words in drawn.svg, words
    assert "the same 2 times" not in drawn.svg
    assert drawn.text == str(captured().program)
    assert repr(drawn).startswith("<Drawing of <Program of step")


def test_a_large_step_is_folded():
    shown = captured(optim.Adam, layers=30).program.graph()
    assert len(shown["boxes"]) < 70
    assert any(box["count"] > 5 for box in shown["boxes"])


def test_the_same_step_has_the_same_drawing():
    one, other = (tg.draw(captured().program, engine="own").svg for _ in range(2))
    assert one == other


@pytest.mark.parametrize("ending", ["svg", "dot", "txt"])
def test_a_drawing_is_saved(tmp_path, ending):
    tg.draw(captured().program, path=tmp_path / f"step.{ending}", engine="own")
    assert (tmp_path / f"step.{ending}").stat().st_size > 500


@settings(max_examples=40, deadline=None)
@given(programs())
def test_links_lead_onward_between_boxes_that_are_there(made):
    program = made.program
    for limit in (3, 60):
        shown = graph(program, limit)
        place = {box["key"]: n for n, box in enumerate(shown["boxes"])}
        assert len(place) == len(shown["boxes"])
        for a, b, _ in shown["links"]:
            assert place[a] < place[b]


def test_fused_instructions_are_drawn_as_what_is_inside():
    pytest.importorskip("numba")
    shown = captured(engine="numba").program.graph()
    assert shown["clusters"] == ["forward", "backward", "update"]
    assert "drawn as the" in " ".join(shown["notes"])


def test_a_step_without_a_graph_can_be_drawn():
    @tg.jit(engine="numpy")
    def step(x):
        return x

    step(np.ones(3))
    assert "<svg" in tg.draw(step.program, engine="own").svg
