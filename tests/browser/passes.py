"""Passes to look at in the stepper, and what a reader does there."""

import math
import re
from collections.abc import Callable
from functools import cache
from time import monotonic, sleep
from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import nn
from tinygrad_nn.viz.page.stepper import stepper_page

EVIL = "</script><img src=x onerror=\"document.title='owned'\">"


# ── Passes ──────────────────────────────────────────────────────────────────────────────


def named(**numbers: float) -> list[tg.Value]:
    return [tg.Value(x, name=name) for name, x in numbers.items()]


@cache
def lesson() -> tg.viz.Trace:
    a, b, c, f = named(a=2.0, b=-3.0, c=6.5, f=-2.0)
    loss = ((a * b + c) * f).tanh() + a**2.0
    loss.name = "L"
    return tg.trace(loss)


@cache
def reused() -> tg.viz.Trace:
    (a,) = named(a=2.0)
    loss = a * a + a
    loss.name = "L"
    return tg.trace(loss)


@cache
def network() -> tg.viz.Trace:
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(4, 3, rng=rng), nn.Tanh(), nn.Linear(3, 2, rng=rng))
    x = tg.Tensor(rng.normal(size=(5, 4)), name="x")

    def pass_(x):
        loss = (model(x) ** 2.0).mean()
        loss.name = "loss"
        return loss

    return tg.trace(pass_, x, model=model)


@cache
def chain(count: int) -> tg.viz.Trace:
    y = tg.Value(0.5, name="x")
    for _ in range(count // 2):
        y = (y * 0.999).tanh()
    y.name = "y"
    return tg.trace(y)


def failed() -> tg.viz.Trace:
    x = tg.Tensor(np.ones((2, 3)), requires_grad=True, name="x")
    return tg.trace(lambda x: ((x * 2.0) @ x).sum(), x, on_error="record")


def evil() -> tg.viz.Trace:
    odd = "\u202eright\n\ud800\"'&lt;" + "x" * 2000
    product = tg.Value(2.0, name=EVIL) * tg.Value(3.0, name=odd)
    product.name = EVIL
    return tg.trace(product)


def with_nan() -> tg.viz.Trace:
    a, b = named(a=2.0, b=math.nan)
    return tg.trace(a * b * a)


def unrun() -> tg.viz.Trace:
    x = tg.Tensor(np.ones((2, 3)), requires_grad=True, name="x")
    return tg.viz.record((x * 2.0).sum())


def infinite() -> tg.viz.Trace:
    z = tg.Tensor([0.0, 1.0], requires_grad=True, name="z")
    with np.errstate(all="ignore"):
        return tg.trace((z**-1.0).sum())


def freed() -> tg.viz.Trace:
    a, b = named(a=2.0, b=3.0)
    product = a * b
    product.name = "p"
    product.backward()
    return tg.trace(product, on_error="record")


ODD = {
    "nan": with_nan,
    "evil": evil,
    "alone": lambda: tg.trace(tg.Value(3.0, name="alone")),
    "failed": failed,
    "freed": freed,
    "not yet run": unrun,
    "empty": lambda: tg.trace(tg.Tensor(np.ones((0, 3)), requires_grad=True, name="none").sum()),
    "infinite": infinite,
}
"""Passes of which something is wrong or odd."""


# ── Reading and doing ───────────────────────────────────────────────────────────────────


def opened(page_at: Any, trace: tg.viz.Trace, place: str = "", **options: Any) -> Any:
    """Page of a trace; `place` is what follows the # of its address."""
    return page_at(stepper_page(trace), place=place, **options)


def eventually(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Waits for a condition. Playwright's own way needs a looser policy than the page has."""
    end = monotonic() + seconds
    while not holds():
        assert monotonic() < end, "waited in vain"
        sleep(0.02)


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def step(page: Any) -> tuple[int, int]:
    found = re.fullmatch(r"step (\d+) / (\d+)", page.inner_text("#count"))
    return int(found[1]), int(found[2])


def panel(page: Any) -> str:
    return page.inner_text("#panel")


def heading(page: Any) -> str:
    return page.inner_text("#panel h2")


def events(trace: tg.viz.Trace) -> list[Any]:
    return trace.steps


def forward(trace: tg.viz.Trace) -> int:
    return len(trace.records)
