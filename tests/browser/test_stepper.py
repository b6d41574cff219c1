"""The stepper in a real browser: its steps, and what it says at each."""

import math
import re

import pytest

import tinygrad_nn as tg
from tests.browser.passes import (
    events,
    eventually,
    forward,
    heading,
    lesson,
    network,
    opened,
    panel,
    press,
    reused,
    step,
)
from tests.extents import thinned
from tinygrad_nn.viz.wording import signed

# ── Steps ───────────────────────────────────────────────────────────────────────────────


def test_the_last_step_shows_every_gradient(page_at):
    """S2: the page's numbers are the engine's, and the contributions sum to them."""
    trace = lesson()
    page = opened(page_at, trace)
    press(page, "End")
    assert step(page) == (forward(trace) + 1 + len(events(trace)),) * 2
    shown = panel(page).partition("Done")[2]
    gradients = {}
    for r in trace.records:
        if r.op is None and r.name:
            (x,) = r.gradient.elements
            gradients[r.name] = x
            assert re.search(rf"^{r.name}\n+{re.escape(signed(x))}$", shown, re.MULTILINE)
            terms = [e.contribution for e in events(trace) if e.source == r.key]
            assert math.isclose(math.fsum(terms), x, rel_tol=1e-12)
    expected = {"a": 6.5198, "b": -1.6799, "c": -0.8399, "f": 0.2100}
    assert gradients == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("trace", thinned([lesson, network], [network]))
def test_back_is_the_way_forward_reversed(page_at, trace):
    """S3: at every step the page says the same, whichever way it was reached."""
    page = opened(page_at, trace())
    parts = "#panel, #graph, #count, #alarms"
    said = f"[...document.querySelectorAll('{parts}')].map(e => e.innerText).join()"
    last = step(page)[1]
    onward = [page.evaluate(said)]
    for _ in range(last):
        press(page, "ArrowRight")
        onward.append(page.evaluate(said))
    assert len(set(onward)) == last + 1
    for k in range(last - 1, -1, -1):
        press(page, "ArrowLeft")
        assert page.evaluate(said) == onward[k], f"step {k}"


def test_the_whole_lesson_by_keyboard(page_at):
    """S4: from the first step to the last, by node and by edge, without a pointer."""
    page = opened(page_at, lesson())
    headings = [heading(page)]
    while step(page)[0] < step(page)[1]:
        press(page, "ArrowRight")
        headings.append(heading(page))
    assert headings[0] == "Before the first step"
    assert "Start at L" in headings
    assert len(headings) == step(page)[1] + 1
    by_edge = len(headings)
    press(page, "Home")
    presses = 0
    while step(page)[0] < step(page)[1]:
        press(page, "ArrowDown")
        presses += 1
    assert presses < by_edge - 1
    while step(page)[0] > 0:
        press(page, "ArrowUp")
        presses -= 1
    assert presses == 0


def test_each_use_is_a_contribution(page_at):
    """S5: a·a + a hands three contributions to a."""
    page = opened(page_at, reused())
    tags = []
    press(page, "Home")
    while step(page)[0] < step(page)[1]:
        press(page, "ArrowRight")
        if page.query_selector("#panel .tag >> text=contribution"):
            tags.append(page.inner_text("#panel .lead .tag"))
    assert tags == [f"contribution {k} of 3" for k in (1, 2, 3)]
    assert signed(5.0) in page.inner_text("#panel .now")


def test_the_equation_is_upstream_times_local(page_at):
    trace = lesson()
    page = opened(page_at, trace)
    keys = {r.key: r for r in trace.records}
    for k, e in enumerate(events(trace)):
        page.fill("#scrubber", str(forward(trace) + 2 + k))
        to, source = keys[e.source].name, keys[e.target].name
        assert heading(page) == f"From {source} back to {to}"
        box = page.inner_text("#panel .equation")
        assert signed(e.contribution) in box
        assert signed(e.sum) in page.inner_text("#panel .now")


def test_one_press_passes_an_edge_a_node_or_a_module(page_at):
    page = opened(page_at, network())
    counts = {}
    for by in ("edge", "node", "module"):
        page.select_option("#granularity", by)
        press(page, "Home")
        presses = 0
        while step(page)[0] < step(page)[1]:
            press(page, "ArrowRight")
            presses += 1
        counts[by] = presses
    assert counts["edge"] > counts["node"] > counts["module"] > 2
    assert counts["edge"] == step(page)[1]


def test_play_goes_on_by_itself_and_pauses(page_at):
    page = opened(page_at, lesson())
    page.fill("#speed", "8.6")
    assert page.inner_text("#rate") == "20/s"
    press(page, "Home")
    page.focus("#panel")
    press(page, "Space")
    assert page.inner_text("#play") == "Pause"
    eventually(lambda: step(page)[0] >= 3)
    press(page, "Space")
    at = step(page)
    page.wait_for_timeout(200)
    assert step(page) == at
    assert page.inner_text("#play") == "Play"
    page.click("#play")
    eventually(lambda: page.inner_text("#play") == "Play")
    assert step(page)[0] == step(page)[1]


def test_the_scrubber_and_the_chips_lead_to_their_steps(page_at):
    trace = lesson()
    page = opened(page_at, trace)
    page.click("text=Seed")
    assert step(page)[0] == forward(trace) + 1
    assert "= 1" in page.inner_text("#panel .equation")
    page.fill("#scrubber", "3")
    assert step(page)[0] == 3
    assert (
        page.get_attribute("#scrubber", "aria-valuetext") == f"step 3 of {step(page)[1]}, forward"
    )
    page.click("#phases >> text=Backward")
    assert step(page)[0] == forward(trace) + 2
    assert page.get_attribute("#phases >> text=Backward", "aria-current") == "true"


# ── Tensors ─────────────────────────────────────────────────────────────────────────────


def test_arrays_show_rule_shapes_pictures_and_an_element(page_at):
    trace = network()
    k, e = next(
        (k, e) for k, e in enumerate(events(trace)) if trace.records[e.source].name == "2.weight"
    )
    page = opened(page_at, trace, f"step={forward(trace) + 2 + k}")
    assert e.rule in page.inner_text("#panel .equation")
    assert "2×3" in page.inner_text("#panel .equation")
    labels = page.eval_on_selector_all(
        "#panel canvas", "c => c.map(x => x.getAttribute('aria-label'))"
    )
    assert len(labels) >= 2
    assert all("×" in label for label in labels)
    page.fill("#panel input[aria-label=Element]", "4")
    press(page, "Enter")
    assert "[1, 1]" in panel(page)
    assert signed(e.contribution.elements[4]) in panel(page)


def test_pictures_have_the_colours_of_the_signs(page_at):
    """Blue above 0, orange below, the ground near 0, stripes where not finite; in both themes."""
    x = tg.Tensor([[1.0, -1.0, 0.0, math.nan]], requires_grad=True, name="x")
    trace = tg.trace((x * 1.0).sum())
    page = opened(page_at, trace, "step=1")
    script = """(c) => {
        const options = { willReadFrequently: true };
        const copy = new OffscreenCanvas(c.width, c.height).getContext('2d', options);
        copy.drawImage(c, 0, 0);
        const row = copy.getImageData(0, c.height / 2, c.width, 1).data;
        return [0, 1, 2].map((k) => Math.floor((k + 0.5) * c.width / 4) * 4)
            .map((at) => [...row.slice(at, at + 3)]);
    }"""
    plus, minus, zero = page.eval_on_selector("#panel canvas", script)
    assert plus == [0, 114, 178]
    assert minus == [217, 95, 2]
    assert min(zero) > 240
    while page.evaluate("document.documentElement.dataset.theme") != "dark":
        press(page, "t")
    dark = [[88, 166, 232], [240, 136, 62]]
    eventually(lambda: page.eval_on_selector("#panel canvas", script)[:2] == dark)
    assert max(page.eval_on_selector("#panel canvas", script)[2]) < 60
    assert "striped: 1 NaN" in panel(page)


def test_an_operation_explodes_to_scalars_that_sum_to_the_tensor(page_at):
    """Every element's products sum to what the rule for arrays gave."""
    trace = network()
    page = opened(page_at, trace)
    seen = 0
    held = {(j.target, j.slot) for j in trace.jacobians}
    for k, e in enumerate(events(trace)):
        if (e.target, e.slot) not in held:
            continue
        page.fill("#scrubber", str(forward(trace) + 2 + k))
        page.click("#panel summary >> text=Explode to scalars")
        adds = e.contribution if isinstance(e.contribution, float) else e.contribution.elements
        adds = [adds] if isinstance(adds, float) else adds
        for j in range(min(len(adds), 6)):
            if j:
                page.fill("#panel input[aria-label='Element of the input']", str(j))
                press(page, "Enter")
            total = float(page.get_attribute("#panel [data-sum]", "data-sum"))
            assert total == pytest.approx(adds[j], rel=1e-5, abs=1e-7)
            assert signed(adds[j]) in page.inner_text("#panel [data-rule]")
            seen += 1
    assert seen > 5


# ── Prediction ──────────────────────────────────────────────────────────────────────────


def test_prediction_hides_the_product_judges_and_explains(page_at):
    trace = lesson()
    k, e = next(
        (k, e)
        for k, e in enumerate(events(trace))
        if abs(e.local or 0) not in (0.0, 1.0) and e.contribution
    )
    page = opened(page_at, trace, f"step={forward(trace) + 2 + k}")
    shown = signed(e.contribution)
    assert shown in panel(page)
    press(page, "p")
    assert shown not in page.inner_text("#panel .equation")
    assert page.query_selector("#panel .now") is None
    page.fill("#answer", "a lot")
    press(page, "Enter")
    assert "Type a number" in panel(page)
    page.fill("#answer", repr(-e.contribution))
    press(page, "Enter")
    assert "the sign is not" in panel(page)
    page.fill("#answer", repr(e.contribution * 1.03))
    press(page, "Enter")
    assert "Not yet" in panel(page)
    page.fill("#answer", f"{e.contribution * 1.009:.6g}".replace("-", "−"))
    press(page, "Enter")
    assert shown in panel(page)
    assert page.query_selector("#answer") is None
    # The next step asks again, and coming back does too.
    press(page, "ArrowLeft", "ArrowRight")
    assert page.query_selector("#answer") is not None
    page.click("text=Show me")
    assert shown in panel(page)


def test_prediction_of_an_array_asks_for_its_shape(page_at):
    trace = network()
    k = next(k for k, e in enumerate(events(trace)) if trace.records[e.source].name == "0.weight")
    page = opened(page_at, trace, f"step={forward(trace) + 2 + k}")
    page.check("#predict")
    page.fill("#answer", "4 x 3")
    press(page, "Enter")
    assert "own shape" in panel(page)
    page.fill("#answer", "(3, 4)")
    press(page, "Enter")
    assert page.query_selector("#answer") is None
    assert "3×4" in page.inner_text("#panel .equation")
