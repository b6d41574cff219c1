"""The stepper's graph in a real browser: what it rings, what it covers, how it is moved.

With `-s` the figures of S6 are printed.
"""

import re
from functools import cache
from typing import Any

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.browser import checks
from tests.browser.passes import (
    chain,
    events,
    forward,
    heading,
    lesson,
    network,
    opened,
    panel,
    press,
    step,
)
from tests.extents import thinned
from tests.viz.samples import Attention, blocks, numbers, passed
from tinygrad_nn.viz.view.groups import groups

SLOW = pytest.mark.slow
WIDTHS = (1400, 900, 420)


@cache
def transformer() -> tg.viz.Trace:
    return passed(_twelve, 2, 5, 8)


def _twelve() -> Any:
    return blocks(12, Attention)


@cache
def scalars() -> tg.viz.Trace:
    """A net of single numbers, of about 280 nodes."""
    return tg.trace(numbers(4, 6, 6, 1))


def thousand() -> tg.viz.Trace:
    return chain(1000)


# ── What a step rings ───────────────────────────────────────────────────────────────────


RINGED = "[...document.querySelectorAll('#graph .box.active')].map(b => b.dataset.part)"


SHOWN = """() => Object.fromEntries([...document.querySelectorAll('#graph .box')].map(
    (b) => [b.dataset.part, b.querySelector('.press').getAttribute('aria-label')]))"""


def part_of(trace: tg.viz.Trace, shown: dict[str, str]) -> dict[int, str]:
    """For each node the box that stands for it."""
    found = {}
    tree = groups(trace)
    for at, group in enumerate(tree):
        around: int | None = at
        closed = ""
        while around is not None:
            closed = tree[around].key if tree[around].key in shown else closed
            around = tree[around].parent
        found.update({key: closed or f"n{key}" for key in group.nodes})
    return found


@pytest.mark.parametrize("level", ["all closed", "module"])
@pytest.mark.parametrize("make", [network, pytest.param(transformer, marks=SLOW)])
def test_a_step_in_a_closed_module_rings_that_box_alone_and_tells_the_range(page_at, make, level):
    """S8: at each step, and the range is that of the trace."""
    trace = make()
    page = opened(page_at, trace, reduced_motion="reduce")
    page.uncheck("#follow")
    if level == "all closed":
        press(page, "c")
    shown = page.evaluate(SHOWN)
    part = part_of(trace, shown)
    ends = [{part[e.source], part[e.target]} for e in events(trace)]
    inside = 0
    for k, own in enumerate(ends):
        page.fill("#scrubber", str(forward(trace) + 2 + k))
        assert set(page.evaluate(RINGED)) == own
        if len(own) == 2:
            assert " inside " not in panel(page)
            continue
        first = last = k
        while first and ends[first - 1] == own:
            first -= 1
        while last + 1 < len(ends) and ends[last + 1] == own:
            last += 1
        low, high = (forward(trace) + 2 + n for n in (first, last))
        label = shown[next(iter(own))]
        assert "collapsed" in label
        words = f"step {low}" if low == high else f"steps {low}–{high}"
        title = re.search(rf"{words} inside (\S+)", panel(page))[1]
        assert label.startswith(title)
        inside += 1
    assert inside > 1


def test_follow_opens_the_module_of_the_step_and_leaves_the_others(page_at):
    trace = transformer()
    page = opened(page_at, trace, f"step={forward(trace) + 60}")
    frames = page.eval_on_selector_all(
        "#graph .frame-head .press", "f => f.map(x => x.getAttribute('aria-label'))"
    )
    assert 1 <= len(frames) <= 6
    assert len(page.evaluate(RINGED)) in (1, 2)
    for ringed in page.evaluate(RINGED):
        assert ringed.startswith("n") or "collapsed" in page.get_attribute(
            f"[data-part={ringed}] .press", "aria-label"
        )


# ── What a label covers ─────────────────────────────────────────────────────────────────


COVERED = """() => {
    const label = document.querySelector('#graph .now-label rect');
    if (!label) return null;
    const a = label.getBoundingClientRect();
    const found = [];
    for (const box of document.querySelectorAll('#graph .box')) {
        const shapes = ':scope > .shape:not(.under), .operation > .shape';
        for (const shape of box.querySelectorAll(shapes)) {
            const b = shape.getBoundingClientRect();
            const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
            const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            if (across > 0.5 && down > 0.5) found.push(box.dataset.part);
        }
    }
    return found;
}"""


def covered(page: Any, every: int = 1) -> tuple[list[str], int]:
    """What lies under the label of the present edge, at each step; and how many had one."""
    found, labels = [], 0
    for number in range(1, step(page)[1] + 1, every):
        page.fill("#scrubber", str(number))
        under = page.evaluate(COVERED)
        labels += under is not None
        found += [f"step {number}: on {part}" for part in under or ()]
    return found, labels


@pytest.mark.parametrize(
    ("trace", "every", "width"),
    thinned(
        [
            *((trace, 1, width) for trace in (lesson, network) for width in WIDTHS),
            *((scalars, every, width) for every in (13, 1) for width in WIDTHS),
            *((transformer, every, width) for every in (31, 1) for width in WIDTHS),
        ],
        [(lesson, 1, 420), (network, 1, 1400), (scalars, 13, 1400), (transformer, 31, 420)],
    ),
)
def test_the_label_of_the_edge_covers_no_box(page_at, trace, every, width):
    """S9."""
    page = opened(page_at, trace(), width=width, reduced_motion="reduce")
    found, labels = covered(page, every)
    assert labels > 0
    assert not found, found[:20]


def test_a_label_on_a_box_is_found(page_at):
    page = opened(page_at, lesson(), f"step={forward(lesson()) + 3}")
    assert page.evaluate(COVERED) == []
    page.evaluate("""() => {
        const at = document.querySelector('#graph .box.active .shape').getBoundingClientRect();
        const label = document.querySelector('#graph .now-label');
        const own = label.getBoundingClientRect();
        const k = own.width / label.getBBox().width;
        const by = [(at.left - own.left) / k, (at.top - own.top) / k];
        label.setAttribute('transform', `translate(${by.join(' ')})`);
    }""")  # fmt: skip
    assert page.evaluate(COVERED) != []


# ── What is in sight ────────────────────────────────────────────────────────────────────


IN_SIGHT = """() => {
    const pane = document.querySelector('#graph').getBoundingClientRect();
    const inside = (e) => {
        const r = e.getBoundingClientRect();
        return r.left >= pane.left && r.right <= pane.right
            && r.top >= pane.top && r.bottom <= pane.bottom;
    };
    const text = document.querySelector('#graph .box.active text');
    return {
        boxes: [...document.querySelectorAll('#graph .box.active > .press')].map(inside),
        label: [...document.querySelectorAll('#graph .now-label')].every(inside),
        size: 12 * text.getScreenCTM().a,
        signs: [...document.querySelectorAll('.signs button')].map((b) => b.textContent),
    };
}"""


@pytest.mark.parametrize(
    ("trace", "width"),
    thinned(
        [(trace, width) for trace in (lesson, network, transformer) for width in WIDTHS],
        [(lesson, 420), (network, 900), (transformer, 1400)],
    ),
)
def test_the_present_edge_is_in_sight_and_can_be_read(page_at, trace, width):
    """Both ends; or the one that gets the gradient, the label, and words for the other end."""
    page = opened(page_at, trace(), width=width, reduced_motion="reduce")
    last = step(page)[1]
    first = forward(trace()) + 2
    for number in range(first, last + 1, max(1, (last - first) // 12)):
        page.fill("#scrubber", str(number))
        seen = page.evaluate(IN_SIGHT)
        assert seen["size"] >= 9.99
        assert any(seen["boxes"])
        assert seen["label"] or len(seen["boxes"]) == 1
        assert len(seen["signs"]) <= seen["boxes"].count(False)


def test_words_lead_to_an_end_that_is_out_of_sight(page_at):
    page = opened(page_at, lesson(), f"step={forward(lesson()) + 3}", reduced_motion="reduce")
    assert page.evaluate(IN_SIGHT)["signs"] == []
    for _ in range(16):
        press(page, "Shift+ArrowLeft")
    checks.frames(page)
    signs = page.evaluate(IN_SIGHT)["signs"]
    assert signs
    assert all(": to the right" in words for words in signs)
    page.click(".signs button >> nth=0")
    assert any(page.evaluate(IN_SIGHT)["boxes"])


@pytest.mark.parametrize("trace", [lesson, network, scalars, transformer])
def test_a_page_opens_with_few_boxes_that_can_be_read(page_at, trace):
    page = opened(page_at, trace())
    assert 1 < page.locator("#graph .box").count() <= 40
    if trace is not lesson:
        return
    whole = page.eval_on_selector(
        "#graph .boxes", "g => g.getBoundingClientRect().right <= innerWidth"
    )
    assert whole or page.eval_on_selector("#graph .boxes text", "t => t.getScreenCTM().a") > 0.8


@pytest.mark.parametrize("make", thinned([scalars, transformer, thousand], [scalars, thousand]))
def test_everything_is_at_most_300_boxes(page_at, make):
    trace = make()
    page = opened(page_at, trace, "level=scalar")
    assert page.locator("#graph .box").count() <= 300
    title = page.eval_on_selector("#level", "s => s.selectedOptions[0].textContent")
    assert title == ("everything" if len(trace.records) <= 300 else "up to 300 boxes")


# ── How fast it is ──────────────────────────────────────────────────────────────────────


TIMES = """async () => {
    const press = (key) => document.body.dispatchEvent(
        new KeyboardEvent('keydown', {key, bubbles: true}));
    const timed = (what) => {
        const from = performance.now();
        what();
        document.body.offsetHeight;
        return performance.now() - from;
    };
    const choose = (level) => {
        const select = document.querySelector('#level');
        select.value = level;
        select.dispatchEvent(new Event('change', {bubbles: true}));
    };
    const middle = (times) => times.sort((a, b) => a - b)[times.length >> 1];
    const steps = middle(Array.from({length: 61}, () => timed(() => press('ArrowRight'))));
    const toggles = [];
    for (let k = 0; k < 9; k++) {
        const closed = [...document.querySelectorAll('#graph .box.group')];
        if (!closed.length) break;
        const box = closed[(k * 7) % closed.length];
        toggles.push(timed(() => box.dispatchEvent(new MouseEvent('click', {bubbles: true}))));
    }
    const all = timed(() => choose('scalar'));
    const zooms = [];
    for (let k = 0; k < 9; k++) {
        press(k % 2 ? '+' : '-');
        zooms.push(await new Promise((go) => requestAnimationFrame((began) => {
            document.body.offsetHeight;
            go(performance.now() - began);
        })));
    }
    const zoom = middle(zooms);
    return {steps, toggles: middle(toggles), longest: Math.max(...toggles), all, zoom};
}"""


def times(page: Any, at: float) -> dict[str, float]:
    page.fill("#scrubber", str(int(step(page)[1] * at)))
    found = page.evaluate(TIMES)
    return {what: round(spent, 1) for what, spent in found.items()}


@cache
def large() -> tg.viz.Trace:
    """A net of single numbers, of some 7,600 nodes."""
    return tg.trace(numbers(10, 40, 40, 12, 1))


@pytest.mark.parametrize("make", thinned([scalars, thousand, large], [scalars]))
def test_steps_and_groups_are_quick(page_at, make):
    """S6. On a shared machine three times the goals are allowed; the figures are printed."""
    trace = make()
    page = opened(page_at, trace, reduced_motion="reduce")
    found = times(page, 0.6)
    whole = page.evaluate("performance.getEntriesByType('navigation')[0].domComplete")
    print(f"\nS6: {len(trace.records)} nodes, opened in {whole:.0f} ms; {found}")
    assert found["steps"] < 3 * 16
    assert found["toggles"] < 3 * 500
    assert found["all"] < 3 * 500
    assert found["zoom"] < 3 * 50


# ── Fingers, keys, and other ways to see ────────────────────────────────────────────────


ZOOM = "document.querySelector('#graph .world').transform.baseVal.consolidate().matrix"
PLACE = f"(() => {{ const m = {ZOOM}; return [m.e, m.f, m.a]; }})()"


def touch(page: Any, kind: str, *points: tuple[float, float]) -> None:
    checks.command(
        page, "Input.dispatchTouchEvent", type=kind,
        touchPoints=[{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(points)],
    )  # fmt: skip


def test_a_finger_drags_and_two_pinch(page_at):
    page = opened(page_at, lesson(), width=420, has_touch=True)
    before = page.evaluate(PLACE)
    touch(page, "touchStart", (200, 250))
    for k in range(1, 6):
        touch(page, "touchMove", (200 + 10 * k, 250 + 6 * k))
    touch(page, "touchEnd")
    checks.frames(page)
    dragged = page.evaluate(PLACE)
    assert dragged == pytest.approx([before[0] + 50, before[1] + 30, before[2]], abs=1)
    assert step(page)[0] == 0
    assert "Chosen" not in panel(page)
    touch(page, "touchStart", (180, 250), (240, 250))
    for k in range(1, 7):
        touch(page, "touchMove", (180 - 5 * k, 250), (240 + 5 * k, 250))
    touch(page, "touchEnd")
    checks.frames(page)
    pinched = page.evaluate(PLACE)
    assert pinched[2] == pytest.approx(2 * dragged[2], rel=0.02)
    # What was between the fingers is there still.
    pane = page.locator("#graph").bounding_box()
    for axis, middle in ((0, 210 - pane["x"]), (1, 250 - pane["y"])):
        assert (middle - pinched[axis]) / pinched[2] == pytest.approx(
            (middle - dragged[axis]) / dragged[2], abs=3
        )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_tap_chooses_a_box(page_at):
    page = opened(page_at, lesson(), width=420, has_touch=True)
    box = page.locator("#graph .box .press").first.bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + 8)
    assert "Chosen" in panel(page)


def test_the_lesson_and_the_graph_by_keyboard_alone(page_at):
    """S4: the buttons, the boxes and their groups too, without a pointer."""
    page = opened(page_at, network())
    focused = "document.activeElement.id || document.activeElement.getAttribute('aria-label') || ''"
    for _ in range(60):
        press(page, "Tab")
        if page.evaluate("document.activeElement.closest('#graph svg.graph') !== null"):
            break
    else:
        pytest.fail("Tab does not reach the graph")
    for _ in range(30):
        if "collapsed" in page.evaluate(focused):
            break
        press(page, "PageDown")
    name = page.evaluate(focused).split(",")[0]
    press(page, "Enter")
    assert page.evaluate(focused).startswith(name)
    assert page.evaluate(focused).endswith("open")
    press(page, "PageDown", "Enter")
    while page.evaluate("document.activeElement.id") != "step":
        press(page, "Tab")
    seen = [heading(page)]
    while step(page)[0] < step(page)[1]:
        press(page, "Enter")
        seen.append(heading(page))
    assert len(seen) == step(page)[1] + 1
    assert page.evaluate("document.activeElement.id") == "step"
    assert "Done" in panel(page)


def highlighted(page: Any) -> int:
    """Pixels of the system's colour for what is chosen, which may let the ground through."""
    ink, ground = page.evaluate("""() => ['Highlight', 'Canvas'].map((colour) => {
        const e = document.body.appendChild(document.createElement('i'));
        e.style.color = colour;
        const found = getComputedStyle(e).color.match(/[\\d.]+/g).map(Number);
        e.remove();
        return found;
    })""")  # fmt: skip
    alpha = ink[3] if len(ink) > 3 else 1.0
    colour = alpha * np.array(ink[:3]) + (1 - alpha) * np.array(ground[:3])
    return int((abs(checks.pixels(page).astype(int) - colour) < 12).all(-1).sum())


@pytest.mark.parametrize("theme", thinned(["light", "dark"], ["dark"]))
def test_forced_colours_keep_borders_texts_and_the_present_step(page_at, theme):
    page = opened(page_at, lesson(), f"step={forward(lesson()) + 3}", theme=theme,
                  forced_colors="active")  # fmt: skip
    assert page.evaluate("matchMedia('(forced-colors: active)').matches")
    styles = page.eval_on_selector_all(
        "#graph .box > .shape",
        "s => s.map(x => getComputedStyle(x)).map(x => [x.stroke, x.fill])",
    )
    assert styles
    assert all(stroke not in (fill, "none") for stroke, fill in styles)
    assert highlighted(page) > 300


@pytest.mark.parametrize(
    ("theme", "width"),
    thinned([("dark", 1400), ("light", 900), ("dark", 900), ("dark", 420)], [("light", 900)]),
)
def test_no_fault_for_helping_technologies_anywhere(page_at, theme, width):
    """S10: with a module open, a box chosen and the end of the edge out of sight."""
    trace = network()
    page = opened(page_at, trace, f"step={forward(trace) + 3}", width=width, theme=theme)
    page.locator("#graph .box .press").first.dispatch_event("click")
    for _ in range(3):
        press(page, "Shift+ArrowRight")
    checks.frames(page)
    assert checks.axe(page) == []
