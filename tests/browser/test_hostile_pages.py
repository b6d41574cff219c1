"""Pages of hostile traces in a real browser: names are text, nothing of them runs."""

import math
from urllib.parse import quote

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.extents import thinned
from tinygrad_nn import nn
from tinygrad_nn.viz.page.stepper import stepper_page

RUN = "window.__pwned=1"
NAMES = (
    f"</script><script>{RUN}</script>",
    f"<img src=x onerror={RUN}>",
    f"\"'`\\'-{RUN}-'${{{RUN}}}",
    "a\nb\r\n\tc\x00\x1b[31m",
    "\u202eabc\u2066",
    "\ud800x\udfff\ufffe",
    "\u2028\u2029<!--<script>",
    "x" * 100_000,
    "__proto__",
    "constructor",
    "hasOwnProperty",
)
HASHES = (
    f"#step=1e99&open=<script>{RUN}</script>",
    "#step=-5&open=__proto__,constructor,1e9,-1,NaN&level=evil",
    "#step=NaN&select=999999&view=constructor&%E0%A4%A",
    "#%",
    "#" + "a" * 50_000,
    "#open=" + quote(f"<img src=x onerror={RUN}>"),
    "#__proto__=3&hasOwnProperty=1&step=1.5",
)
KEYS = ("ArrowRight", "ArrowRight", "End", "Home", "Space", "Escape", "?", "Escape", "/", "a",
        "Enter", "Escape", "Tab", "Enter", "ArrowLeft")  # fmt: skip


class Evil(nn.Module):
    def __init__(self, error=None):
        super().__init__()
        self.inner, self.error = nn.Linear(2, 1, rng=0), error

    def extra_repr(self):
        return NAMES[0] + "\u202e\ud800" + "z" * 3000

    def forward(self, x):
        y = self.inner(x).sum()
        if self.error is not None:
            raise self.error
        return y


Evil.__name__ = NAMES[1]


def traces():
    values = [tg.Value(i + 1.0, name=name) for i, name in enumerate(NAMES)]
    x = values[0]
    for value in values[1:]:
        x = (x * value).tanh()
    yield "names", tg.trace(x)
    a = tg.Value(math.nan, name="n")
    yield "nan", tg.trace(a * tg.Value(math.inf) + a)
    yield "leaf", tg.trace(tg.Value(2.0, name="a"))
    for shape in ((0, 3), (1,) * 20, (300, 500)):
        w = tg.tensor(np.ones(shape), requires_grad=True, name=NAMES[0])
        yield f"shape {len(shape)}", tg.trace((w * 2.0).sum())
    batch = np.ones((4, 2), np.float32)
    yield "module", tg.trace(Evil(), batch)
    yield "failed", tg.trace(Evil(RuntimeError(NAMES[0] * 99)), batch, on_error="record")
    x = tg.Value(1.0, name="a")
    for _ in range(60):
        x = x + x
    yield "paths", tg.trace(x)
    loss = x * x
    loss.backward()
    yield "freed", tg.trace(loss)


TRACES = dict(traces())


def unharmed(page):
    assert page.evaluate("window.__pwned") is None
    assert page.evaluate("Object.keys(Object.prototype).length") == 0
    assert page.locator("img").count() == 0
    assert page.evaluate("document.body.querySelectorAll('script:not([id])').length") == 1


@pytest.mark.parametrize("which", thinned(TRACES, ["names", "module", "failed"]))
def test_pages_of_hostile_traces(page_at, which):
    page = page_at(stepper_page(TRACES[which]))
    for key in KEYS:
        page.keyboard.press(key)
    unharmed(page)
    assert page.locator("#title").inner_text().startswith(("Backward pass of", "A pass that broke"))


def test_names_appear_as_text(page_at):
    a, b = (tg.Value(2.0, name=name) for name in ("<b>&amp;", "</script>"))
    page = page_at(stepper_page(tg.trace(a * b)))
    text = page.locator("body").inner_text() + "".join(page.locator("svg text").all_text_contents())
    assert "<b>&amp;" in text and "</script>" in text
    unharmed(page)


def test_addresses_of_any_kind(page_at, tmp_path):
    path = tmp_path / "pass.html"
    TRACES["names"].save_html(path)
    page = page_at(path)
    for fragment in HASHES:
        page.goto("about:blank")
        page.goto(path.as_uri() + fragment)
        page.keyboard.press("ArrowRight")
        page.evaluate("location.hash = 'step=zz&open=%zz'")
        page.wait_for_timeout(10)
        unharmed(page)


def test_a_planted_script_is_noticed(page_at):
    """The checks here see a page that does run what it is given."""
    page = page_at(f"<!doctype html><title>x</title><script>{RUN}</script>")
    with pytest.raises(AssertionError):
        unharmed(page)
    page_at.faults.clear()
