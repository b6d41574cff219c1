"""What a reader sees first: no page that scrolls sideways, the result, why there is no pass."""

from functools import cache
from typing import Any

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.browser.passes import lesson, opened, panel, press
from tests.extents import thinned
from tests.viz.samples import Attention, blocks, passed, sigmoids
from tinygrad_nn import nn


def _six() -> nn.Module:
    return blocks(6, Attention)


@cache
def transformer() -> tg.viz.Trace:
    return passed(_six, 2, 6, 8)


def vanishing() -> tg.viz.Trace:
    return passed(sigmoids, 8, 16)


@pytest.mark.parametrize(
    ("make", "width"),
    thinned(
        [(make, width) for make in (transformer, vanishing) for width in (1400, 700, 420)],
        [(transformer, 420), (vanishing, 1400)],
    ),
)
def test_the_strip_of_gradients_scrolls_within_itself(page_at: Any, make: Any, width: int):
    page = opened(page_at, make(), width=width)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    bars = page.locator(".strip-bars")
    if width == 420:
        assert bars.evaluate("e => e.scrollWidth > e.clientWidth")


def test_a_small_graph_opens_whole_and_a_wide_one_says_where_its_result_is(page_at: Any):
    page = opened(page_at, lesson(), width=1900)
    box, pane = (page.locator(s).last.bounding_box() for s in ("#graph .result", "svg.graph"))
    assert box["x"] + box["width"] <= pane["x"] + pane["width"]
    assert page.locator(".signs button").count() == 0
    page = opened(page_at, lesson())
    sign = page.locator(".signs button")
    assert sign.inner_text() == "L: to the right"
    sign.click()
    page.wait_for_selector(".signs button", state="detached")


def no_pass() -> tg.viz.Trace:
    t = tg.Tensor(np.arange(4.0), requires_grad=True, name="t")
    return tg.trace(t * t)


def needs_none() -> tg.viz.Trace:
    return tg.trace(tg.Tensor(np.ones(3), name="t").sum())


@pytest.mark.parametrize("make", [no_pass, needs_none])
def test_why_there_is_no_backward_pass_is_told_in_full(page_at: Any, make: Any):
    page = opened(page_at, make())
    words = "the result requires no gradient"
    if make is no_pass:
        words = "the result is a tensor of shape (4,), expected one element, for example loss.sum()"
    assert f"No backward pass: {words}" in page.inner_text("#alarms")
    assert f"no backward pass: {words}" in page.inner_text("#about")
    press(page, "End")
    assert words in panel(page)
    assert not page.locator("#graph text", has_text="no backward pass: ").count()
