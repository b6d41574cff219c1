"""Whole programs, drawn at random and from training, compiled and not."""

from __future__ import annotations

import operator
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.compiler.numba_tools import Writer, compare
from tinygrad_nn.backends import array
from tinygrad_nn.compiler.jit import jit
from tinygrad_nn.nn import functional as F  # noqa: N812

pytest.importorskip("numba")

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

UNARY = ("tanh", "exp", "negative", "square", "absolute")
BINARY = ("add", "subtract", "multiply", "maximum")


@st.composite
def programs(draw: Any) -> tuple[Writer, list[Any]]:
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    dtype = draw(st.sampled_from(["f4", "f8"]))
    shapes = [(3, 4), (4,), (3, 1), (4, 3), ()]
    w = Writer([rng.uniform(-1, 1, s).astype(dtype) for s in shapes])
    made = list(w.inputs)
    for _ in range(draw(st.integers(3, 14))):
        x = draw(st.sampled_from(made))
        kind = draw(st.sampled_from(["unary", "binary", "reduce", "view", "product"]))
        if kind == "binary":
            y = draw(st.sampled_from(made))
            try:
                np.broadcast_shapes(x.shape, y.shape)
            except ValueError:
                continue
            made.append(w.ufunc("tanh", w.ufunc(draw(st.sampled_from(BINARY)), x, y)))
        elif kind == "reduce" and x.shape:
            axis = draw(st.sampled_from([None, *range(len(x.shape))]))
            name = draw(st.sampled_from(["sum", "max", "min"]))
            made.append(w.call(name, getattr(array, name), x, axis, draw(st.booleans())))
        elif kind == "view" and len(x.shape) > 1:
            made.append(w.call("matrix_transpose", np.matrix_transpose, x))
            made.append(w.call("getitem", operator.getitem, x, (slice(None, None, -1), slice(1))))
        elif kind == "product":
            fits = [
                y for y in made if len(y.shape) == len(x.shape) == 2 and y.shape[0] == x.shape[1]
            ]
            if fits:
                made.append(w.ufunc("tanh", w.call("matmul", np.matmul, x, fits[0])))
        else:
            made.append(w.ufunc(draw(st.sampled_from(UNARY)), w.ufunc("tanh", x)))
    new = made[len(w.inputs) :]
    results = (
        draw(st.lists(st.sampled_from(new), min_size=1, max_size=4, unique=True)) if new else []
    )
    return w, results


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs())
def test_random_programs(drawn: tuple[Writer, list[Any]]) -> None:
    writer, results = drawn
    if results:
        compare(writer, results, whole=False, size=4.0)


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_twenty_updates_of_a_network(name: str) -> None:
    rng = np.random.default_rng(0)
    x = tg.tensor(rng.uniform(0, 1, (12, 20)).astype("f4"))
    labels = tg.tensor(rng.integers(0, 5, 12))

    def training(engine: str) -> tuple[list[float], list[Any], Any]:
        rng = np.random.default_rng(1)
        linear = partial(tg.nn.Linear, rng=rng)
        net = tg.nn.Sequential(
            linear(20, 8), tg.nn.Sigmoid(), linear(8, 8), tg.nn.SiLU(), linear(8, 5)
        )
        optimizer = getattr(tg.optim, name)(net.parameters(), lr=0.05)

        def step(x: Any, labels: Any) -> Any:
            loss = F.cross_entropy(net(x), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        taken = jit(step, engine=engine) if engine else step
        losses = [float(taken(x, labels)) for _ in range(20)]
        return losses, [np.array(p.data) for p in net.parameters()], taken

    losses, weights, _ = training("")
    found, others, step = training("numba")
    assert any(i.name == "numba" for i in step.program.instructions)
    np.testing.assert_allclose(found, losses, rtol=2e-5)
    for a, b in zip(others, weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_without_numba_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from tinygrad_nn.compiler.numba import cache

    monkeypatch.setattr(cache, "installed", lambda: False)
    with pytest.raises(tg.errors.OptionError, match=r"pip install 'tinygrad_nn\[fast\]'"):
        cache.require()
