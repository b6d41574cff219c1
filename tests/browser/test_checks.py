"""Every check finds its planted fault, and leaves a good page in peace."""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.browser import checks
from tests.browser.colour import ciede2000, contrast, lab
from tests.browser.pages import shell

GOOD = shell(
    """<style>
    :root { background: #fff; color: #111 }
    :focus-visible { outline: 3px solid #6f2dbd }
    button, input { min-height: 34px; min-width: 34px }
    :disabled { color: #444 }
    .plus { color: #0a58b8 } .minus { color: #a54100 }
    .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden }
    .pan { overflow: auto; width: 100px; white-space: nowrap }
    text { font-size: 12px }
    </style>
    <p>Signs: <span class="plus">▲ 1</span>, <span class="minus">▼ −2</span>, ∂L/∂a ‖∇‖ ×</p>
    <button>One</button> <button disabled>Off</button> <label>Name <input placeholder="a"></label>
    <label><input type="radio" name="r"> left</label>
    <label><input type="radio" name="r"> right</label>
    <p class="unseen">For those who hear the page</p>
    <div class="pan" tabindex="0" role="region" aria-label="wide">what is wide may be moved</div>
    <canvas role="img" aria-label="a curve" width="30" height="30"></canvas>
    <svg role="img" width="260" height="90" viewBox="0 0 260 90"><title>two boxes</title>
    <g id="n1"><rect class="shape" x="2" y="2" width="80" height="40" fill="#fff6d1"/>
    <rect x="10" y="6" width="60" height="18" fill="#37096b"/>
    <text x="14" y="20" fill="#fff">1.2e-3</text><text x="14" y="38" fill="#111">name</text></g>
    <g class="label"><text x="100" y="25" fill="#111">adds 1</text></g>
    <g id="n2"><rect class="shape" x="170" y="2" width="80" height="40" fill="#111"/>
    <text x="180" y="25" fill="#eee">loss</text></g></svg>"""
)

Check = Any
# What is changed in the good page, which check has to say so, and a word of what it says.
FAULTS: list[tuple[str, str, Check, str]] = [
    ("<button>One</button>", "<button></button>", checks.axe, "button-name"),
    ('<html lang="en">', "<html>", checks.axe, "html-has-lang"),
    ('<html lang="en">', "<html>", checks.disorder, "language"),
    ("<button>One", "<h1>Again</h1><button>One", checks.disorder, "2 first headings"),
    ('id="n2"', 'id="n1"', checks.disorder, "ids used twice: n1"),
    (".plus { color: #0a58b8 }", ".plus { color: #8aa }", checks.low_contrast, "#88aaaa"),
    ('fill="#fff">1.2e-3', 'fill="#555">1.2e-3', checks.low_contrast, "#555555 at 1.00 on #37096b"),
    ('fill="#eee">loss', 'fill="#eee" opacity="0.3">loss', checks.low_contrast, "at 0.30"),
    ('x="14" y="38"', 'x="14" y="28"', checks.low_contrast, "#111111 at 1.00 on #37096b"),
    ("text { ", "::placeholder { color: #bbb } text { ", checks.low_contrast, "#bbbbbb"),
    ('class="pan" tabindex="0"', 'style="overflow: hidden; width: 60px; white-space: nowrap"',
     checks.clipped, "cut in width"),
    ("<button>One", '<button style="height: 34px; padding: 0; overflow: hidden">1<br>2<br>3',
     checks.clipped, "cut in height"),
    ("<button>One", '<div style="width: 1600px">wide</div><button>One', checks.clipped, "sideways"),
    ("body {", "html { overflow-x: hidden } main { width: 1600px; text-align: right } body {",
     checks.clipped, "beyond the page's edge"),
    ('placeholder="a"', 'style="width: 60px" placeholder="a long word of advice"', checks.clipped,
     "cut in its field"),
    ("∂L/∂a", "⏮", checks.glyphless, "U+23EE"),
    ("∂L/∂a", "\ue001", checks.glyphless, "U+E001"),
    ("∂L/∂a", "😀", checks.glyphless, "emoji"),
    ("text { ", "button::before { content: '⏭' } text { ", checks.glyphless, "U+23ED"),
    ('aria-label="a curve"', "", checks.unlabelled_canvases, "without a label"),
    (".minus { color: #a54100 }", ".minus { color: #2458a8 }", checks.alike_colours, "with none"),
    (".plus { color: #0a58b8 } .minus { color: #a54100 }",
     ".plus { color: #3f7a24 } .minus { color: #9a6200 }", checks.alike_colours, "deuteranopia"),
    ('fill="#111">name', 'fill="#111">too long a name here', checks.crowded, "leaves its box"),
    ('fill="#fff">1.2e-3', 'fill="#fff">1.2345e-300', checks.crowded, "leaves its box"),
    ('x="14" y="38"', 'x="14" y="26"', checks.crowded, "runs into"),
    ('x="170" y="2"', 'x="60" y="2"', checks.crowded, "n2 lies on n1"),
    ('x="100" y="25"', 'x="150" y="25"', checks.crowded, "label label lies on n2"),
    ('x="180" y="25"', 'x="240" y="25"', checks.crowded, "leaves the picture"),
    ("<button>One", "<p style='font-size: 11px'>fine</p><button>One", checks.too_small, "11.0 px"),
    ("text { font-size: 12px }", "text { font-size: 9px }", checks.too_small, "9.0 px, of 10"),
    ('viewBox="0 0 260 90"', 'viewBox="0 0 520 180"', checks.too_small, "6.0 px, of 10"),
    ("<button>One", "<button style='min-height: 0; height: 20px'>One", checks.too_small, "target"),
    (":focus-visible { outline: 3px solid #6f2dbd }", ":focus-visible { outline: none }",
     checks.tab_walk, "focus changes 0 pixels"),
    (":focus-visible { outline: 3px solid #6f2dbd }", ":focus-visible { outline: 3px solid #eee }",
     checks.tab_walk, "focus changes 0 pixels"),
    ("<button>One", "<div style='position: absolute; left: -500px'><button>Far</button></div>"
     "<button>One", checks.tab_walk, "out of sight"),
    ("<button>One</button>", "<button onkeydown='event.preventDefault()'>One</button>",
     checks.tab_walk, "a trap"),
    ("<button>One</button>", "<button onkeydown=\"if (event.key === 'Tab') {"
     "document.querySelector('.pan').focus(); event.preventDefault(); }\">One</button>",
     checks.tab_walk, "not reached"),
]  # fmt: skip


def without_policy(text: str) -> str:
    """Handlers in attributes are what the policy of our pages forbids."""
    return text.replace("default-src 'none'; ", "")


@pytest.fixture(scope="module")
def reused(browser) -> Iterator[Any]:
    """One page for all these tests, since opening one takes longer than a check."""
    context = browser.new_context(viewport={"width": 700, "height": 480}, color_scheme="light")
    yield context.new_page()
    context.close()


@pytest.mark.parametrize(
    "check", list(dict.fromkeys(f[2] for f in FAULTS)), ids=lambda f: f.__name__
)
def test_a_good_page_has_no_fault(reused, check: Check):
    reused.set_content(GOOD)
    assert check(reused) == []


@pytest.mark.parametrize(
    ("part", "instead", "check", "said"), FAULTS, ids=[f"{f[2].__name__}-{f[3]}" for f in FAULTS]
)
def test_a_planted_fault_is_found(reused, part: str, instead: str, check: Check, said: str):
    assert part in GOOD
    reused.goto("about:blank")  # or the policy of the page before would go on
    reused.set_content(without_policy(GOOD.replace(part, instead)))
    found = check(reused)
    assert any(said in line for line in found), found


def test_the_ground_is_what_is_painted_and_not_what_styles_say(page_at):
    """Text on a canvas or a picture has no background of its own."""
    page = page_at(without_policy(shell(
        "<style>p { position: absolute; left: 20px; top: 80px; color: #777; width: 60px }</style>"
        "<canvas aria-label=c width=200 height=200></canvas><p>words</p><script>"
        "const c = document.querySelector('canvas').getContext('2d');"
        "c.fillStyle = '#666'; c.fillRect(0, 0, 200, 200)</script>"
    )))  # fmt: skip
    assert any("on #666666" in line for line in checks.low_contrast(page))


def test_a_page_is_left_as_it_was(page_at):
    page = page_at(GOOD)
    before, shot = page.content(), checks.pixels(page)
    for check in (checks.low_contrast, checks.clipped, checks.glyphless, checks.alike_colours):
        check(page)
    page.set_viewport_size({"width": 1400, "height": 900})
    checks.frames(page)
    assert page.content() == before
    assert np.array_equal(checks.pixels(page), shot)


def test_axe_is_the_one_that_was_published():
    text = (checks.HERE / "vendor/axe.min.js").read_bytes()
    assert hashlib.sha256(text).hexdigest() == checks.AXE_SHA256
    assert (checks.HERE / "vendor/LICENSE").read_text("utf-8").startswith("Mozilla Public License")


def test_contrast_and_difference_are_those_of_the_standards():
    black, white, grey = np.zeros(3), np.full(3, 255.0), np.full(3, 118.0)
    assert contrast(black, white) == pytest.approx(21)
    assert contrast(grey, white) == pytest.approx(4.54, abs=0.005)
    assert lab(np.array([255.0, 0, 0])) == pytest.approx([53.24, 80.09, 67.20], abs=0.02)
    # Pairs that Sharma, Wu and Dalal give for testing an implementation.
    for first, second, difference in [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0),
        ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
    ]:
        found = ciede2000(np.array(first, float), np.array(second, float))
        assert found == pytest.approx(difference, abs=1e-4)
