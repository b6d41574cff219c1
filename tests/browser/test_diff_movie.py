"""Two passes side by side, and a run as a movie, in a real browser."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.browser import checks
from tests.browser.passes import eventually
from tests.browser.subjects import neuron_net, oddly_named, two_passes, walk
from tinygrad_nn import nn
from tinygrad_nn.viz.wording import number

# ── Two passes ──────────────────────────────────────────────────────────────────────────


def names(page) -> list[str]:
    return page.eval_on_selector_all(
        "#table tbody tr td:nth-child(2) button", "all => all.map((x) => x.textContent)"
    )


def test_the_table_shows_every_difference_and_then_everything(page_at):
    d = two_passes()
    page = page_at(d.html())
    differing = len(d.changed) + len(d.new) + len(d.absent)
    assert len(names(page)) == differing
    page.click("#which button >> text=All")
    assert len(names(page)) == len(d.pairs) + len(d.new) + len(d.absent)
    page.click("#which button >> text=+ new")
    assert names(page) == [r.name for r in d.new]
    assert page.inner_text("#count").startswith(f"{len(d.new)} of ")


def test_the_table_is_sorted_and_searched_by_keyboard(page_at):
    d = two_passes()
    page = page_at(d.html())
    page.focus("#table th[data-by=gradient] button")
    page.keyboard.press("Enter")
    assert page.get_attribute("#table th[data-by=gradient]", "aria-sort") == "descending"
    changes = {
        pair.after.name: pair.gradient.relative for pair in d.changed if pair.gradient is not None
    }
    shown = [changes[name] for name in names(page) if name in changes]
    assert shown == sorted(shown, reverse=True)
    page.keyboard.press("Enter")
    assert page.get_attribute("#table th[data-by=gradient]", "aria-sort") == "ascending"
    page.focus("#find")
    page.keyboard.type("weight")
    assert names(page)
    assert all("weight" in name for name in names(page))


def test_a_row_shows_its_boxes_and_a_box_its_rows(page_at):
    page = page_at(two_passes().html())
    page.focus("#table tbody button >> nth=0")
    page.keyboard.press("Enter")
    assert page.locator(".drawing .picked").count() == 2
    assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
    page.click(".drawing >> nth=1 >> g.module >> nth=0", position={"x": 20, "y": 12})
    assert "those of the chosen box" in page.inner_text("#count")


def test_equal_passes_say_so_and_list_everything(page_at):
    page = page_at(tg.compare(neuron_net(), neuron_net()).html())
    assert page.inner_text(".verdict").startswith("No difference: all")
    assert "± changed" not in page.inner_text(".chips")
    assert names(page)


@pytest.mark.slow
def test_ten_thousand_nodes_are_shown_piece_by_piece(page_at):
    def chain(count: int) -> tg.Value:
        x = tg.Value(0.5, name="x")
        for _ in range(count):
            x = x.tanh()
        return x

    page = page_at(tg.compare(chain(5000), chain(5001)).html())
    page.click("#which button >> text=All")
    assert len(names(page)) == 200
    page.click("#more")
    assert len(names(page)) == 400


# ── A run ───────────────────────────────────────────────────────────────────────────────


def shown(page) -> dict[str, tuple[str, str]]:
    """Value and gradient of each node, as the table has them."""
    rows = page.eval_on_selector_all(
        "#table tbody tr", "all => all.map((tr) => [...tr.cells].map((td) => td.textContent))"
    )
    return {row[0]: (row[3], row[7]) for row in rows}


@pytest.mark.parametrize("frame", [0, 3, 11])
def test_the_numbers_shown_are_those_of_the_frame(page_at, frame):
    run = walk()
    page = page_at(run.html(frame=frame))
    table = shown(page)
    for name, (value, gradient) in table.items():
        assert value == number(run.numbers(name, "value")[frame]), name
        size = run.trace.records[-1].name == name
        if gradient:
            want = number(run.numbers(name)[frame])
            assert gradient == (f"▲ {want}" if size else want), name
    drawn = page.eval_on_selector_all(
        "#graph text[data-slot]", "all => all.map((x) => x.textContent)"
    )
    known = {text for row in table.values() for text in row}
    assert drawn
    assert set(drawn) <= known


def test_the_keyboard_goes_through_the_frames(page_at):
    run = walk()
    page = page_at(run.html())

    def count() -> str:
        return page.inner_text("#count").partition(" /")[0]

    assert count() == "frame 1"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert count() == "frame 3"
    page.keyboard.press("End")
    assert count() == f"frame {len(run)}"
    assert page.get_attribute("#next", "aria-disabled") == "true"
    page.keyboard.press("ArrowLeft")
    assert count() == f"frame {len(run) - 1}"
    page.focus("#scrubber")
    page.keyboard.press("Home")
    assert count() == "frame 1"
    assert "step 0" in page.get_attribute("#scrubber", "aria-valuetext")
    eventually(lambda: page.text_content("#live").startswith("Frame 1 of"))


def test_it_plays_to_the_end_and_stops(page_at):
    run = walk()
    page = page_at(run.html())
    page.select_option("#speed", "25")
    page.focus("#graph")
    page.keyboard.press(" ")
    assert page.inner_text("#play") == "Pause"
    eventually(lambda: page.inner_text("#count").startswith(f"frame {len(run)} "))
    eventually(lambda: page.inner_text("#play") == "Play")


def test_with_reduced_motion_it_plays_a_frame_a_second(page_at):
    page = page_at(walk().html(), reduced_motion="reduce")
    page.select_option("#speed", "25")
    page.click("#play")
    page.wait_for_timeout(700)
    assert page.inner_text("#count").startswith("frame 2 ")


def test_a_node_is_chosen_in_the_table_and_in_the_drawing(page_at):
    page = page_at(walk().html())
    page.focus("#table tbody tr:nth-child(4) button")
    page.keyboard.press("Enter")
    name = page.inner_text("#table tbody tr:nth-child(4) button")
    assert page.inner_text("#node-title") == name
    assert page.locator("#node svg").count() == 2
    page.click("#graph g.result", position={"x": 20, "y": 12})
    assert page.inner_text("#node-title") == "loss"


def test_nan_is_a_word_and_a_mark(page_at):
    w, run = nn.Parameter(np.array([1.0, 2.0, 3.0]), name="w"), tg.movie()
    for bad in (1.0, np.nan, 2.0):
        loss = (w * np.array([1.0, bad, 1.0])).sum()
        loss.name = "loss"
        run.add(loss)
    page = page_at(run.html(frame=1))
    assert shown(page)["loss"][0] == "NaN"
    assert page.locator("#graph rect.odd").count() >= 1
    assert page.locator("#loss .odd").count() == 1
    assert checks.low_contrast(page) == []


def test_odd_names_stay_text(page_at):
    run = tg.movie(traces=[tg.trace(oddly_named())] * 2)
    page = page_at(run.html())
    assert page.locator("img").count() == 0
    page = page_at(tg.compare(oddly_named(), neuron_net()).html())
    assert page.locator("img").count() == 0
