"""Drawings of programs: what `tg.draw(step.program)` shows."""

import numpy as np
import pytest
from hypothesis import given, settings

import tinygrad_nn as tg
from tests.compiler.programs import programs
from tests.compiler.test_text import captured
from tinygrad_nn import optim
from tinygrad_nn.compiler.show.graph import graph
from tinygrad_nn.errors import CaptureError


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


def test_a_step_is_drawn_as_its_last_program():
    step = captured()
    assert tg.draw(step, engine="own").svg == tg.draw(step.program, engine="own").svg
    with pytest.raises(CaptureError, match="call it once"):
        tg.draw(tg.jit(lambda x: x))


def test_shapes_stand_apart_from_formulas():
    boxes = captured().program.graph()["boxes"]
    lines = [line for box in boxes for line in box["lines"] if " = " in line[0]]
    assert all("  " not in left for left, _ in lines)
    assert any(left == "t2 = x @ net.0.weight.T" and right == "[8×4] · b1" for left, right in lines)


def test_numbers_and_several_results_have_names_in_a_drawing():
    step = tg.jit(lambda a, b: (tg.Value(a) * b, tg.Value(a) + b), engine="numpy")
    step(0.5, 1.5)
    boxes = step.program.graph()["boxes"]
    assert [box["head"] for box in boxes if box["kind"] == "input"] == ["a", "b"]
    said = [left for box in boxes for left, _ in box["lines"]]
    assert "→ result" in said and "→ result 1" in said


def test_a_method_is_drawn_as_its_step():
    class Doubler:
        @tg.jit(engine="numpy")
        def step(self, x):
            return (x * 2.0).sum()

    it = Doubler()
    it.step(np.ones(3))
    assert tg.draw(it.step).svg == tg.draw(Doubler.step).svg
