"""Which engine runs a step, and numbers that a step shares between its parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn, optim
from tinygrad_nn.compiler.jit import jit
from tinygrad_nn.compiler.numba import cache
from tinygrad_nn.compiler.passes import pipeline
from tinygrad_nn.compiler.scalars import replay
from tinygrad_nn.errors import AnomalyError, CaptureError, OptionError
from tinygrad_nn.optim.rule import is_shared


def broken(program: Any) -> Any:
    raise RuntimeError("no compiler today\nmore of it")


def without_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (pipeline, cache):
        monkeypatch.setattr(module, "installed", lambda: True)
    monkeypatch.setitem(pipeline.ENGINES, "numba", pipeline.Engine((broken,), "numba"))


def test_auto_falls_back_to_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    without_compiler(monkeypatch)
    step = jit(lambda x: tg.exp(x).sum())
    x = tg.tensor(np.arange(3.0))
    with pytest.warns(RuntimeWarning, match="RuntimeError: no compiler today") as caught:
        step(x)
    assert caught[0].filename == __file__
    assert float(step(x)) == float(tg.exp(x).sum())
    assert "engine numpy" in repr(step.program)
    assert "no compiler today" in str(step.program)


def test_numba_by_name_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    without_compiler(monkeypatch)
    with pytest.raises(CaptureError, match=r'no compiler today.*engine="auto"'):
        jit(lambda x: tg.exp(x).sum(), engine="numba")(tg.tensor(np.arange(3.0)))


def many_numbers(x: Any) -> Any:
    """A step that runs as a program of numbers."""
    for _ in range(400):
        x = x * 0.5 + 1.0
    return x


def test_numbers_need_numba_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "installed", lambda: False)
    with pytest.raises(OptionError, match=r"pip install 'tinygrad_nn\[fast\]'"):
        jit(many_numbers, engine="numba")(tg.Value(1.0))


def test_numbers_fall_back_to_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    monkeypatch.setattr(replay, "module", broken)
    with pytest.raises(CaptureError, match=r'no compiler today.*engine="auto"'):
        jit(many_numbers, engine="numba")(tg.Value(1.0))
    step, x = jit(many_numbers), tg.Value(1.0)
    with pytest.warns(RuntimeWarning, match="RuntimeError: no compiler today") as caught:
        step(x)
    assert caught[0].filename == __file__
    assert step(x).data == many_numbers(x).data
    assert "engine numpy" in repr(step.program)
    assert "no compiler today" in str(step.program)


@pytest.mark.parametrize("there", [False, True])
def test_auto_is_what_is_installed(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "installed", lambda: there)
    assert pipeline.chosen("auto") == ("numba" if there else "numpy")
    assert pipeline.chosen("numpy") == "numpy"


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_numbers_of_every_kind_without_axes(engine: str) -> None:
    if engine == "numba":
        pytest.importorskip("numba")
    step = jit(lambda x: tg.exp(x) * 2.0 + x, engine=engine)
    kinds = (np.float32, lambda x: np.array(x, "f4"), lambda x: tg.tensor(np.array(x, "f4")))
    programs = {}
    for n in range(3):
        for kind in kinds:
            x = kind(float(n))
            found = step(x)
            assert found.shape == ()
            assert found.dtype == np.float32
            expected = step.function(tg.tensor(np.asarray(getattr(x, "data", x))))
            np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-6)
            programs.setdefault(kind, set()).add(id(step.program))
    assert {len(found) for found in programs.values()} == {1}


# ── Numbers of an optimiser that all parameters share ───────────────────────────────────


class Counting(optim.SGD):
    def begin(self, state: dict[str, Any], value: Any, group: dict[str, Any]) -> Any:
        state["count"] = state.get("count", 0) + 1
        return super().begin(state, value, group)


def twins(make: Any, rounds: int, between: Any = lambda optimizer, n: None) -> None:
    """Eager and captured steps, to the bit."""
    kept = []
    for captured in (False, True):
        rng = np.random.default_rng(0)
        net = nn.Sequential(nn.Linear(4, 3, rng=0), nn.Tanh(), nn.Linear(3, 2, rng=1))
        optimizer = make(net.parameters())

        def step(x: Any, net: Any = net, optimizer: Any = optimizer) -> Any:
            loss = (net(x) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        run = jit(step, engine="numpy") if captured else step
        for n in range(rounds):
            run(tg.tensor(rng.normal(size=(5, 4))))
            between(optimizer, n)
        states = [optimizer.state[p] for p in net.parameters()]
        kept.append(([p.numpy().copy() for p in net.parameters()], states))
    (left, states), (right, others) = kept
    for a, b in zip(left, right, strict=True):
        np.testing.assert_array_equal(a, b)
    for s, t in zip(states, others, strict=True):
        assert s.keys() == t.keys()
        for key in s:
            np.testing.assert_array_equal(s[key], t[key])


def test_rates_that_change() -> None:
    def between(optimizer: Any, n: int) -> None:
        optimizer.param_groups[0]["lr"] *= 0.5

    twins(lambda p: optim.SGD(p, lr=0.5), 5, between)


def test_momentum_that_comes_later() -> None:
    def between(optimizer: Any, n: int) -> None:
        if n == 2:
            optimizer.param_groups[0].update(momentum=0.9, dampening=0.5)

    twins(lambda p: optim.SGD(p, lr=0.5), 6, between)


def test_a_begin_of_ones_own_is_called_for_each() -> None:
    twins(lambda p: Counting(p, lr=0.5), 4)


def test_what_is_shared() -> None:
    p = tg.tensor(np.ones(2), requires_grad=True)
    plain, counting = optim.SGD([p], lr=0.1), Counting([p], lr=0.1)
    heavy, adam = optim.SGD([p], lr=0.1, momentum=0.9), optim.Adam([p])
    found = [is_shared(o, o.param_groups[0]) for o in (plain, counting, heavy, adam)]
    assert found == [True, False, False, False]


@pytest.mark.skipif(not pipeline.installed(), reason="needs numba")
def test_arrays_that_may_not_be_written_are_replayed_on() -> None:
    def loss(x: Any) -> Any:
        return tg.tanh(tg.corrcoef(x)).sum() + nn.MaxPool2d(2)(tg.reshape(x, (1, 4, 6))).sum()

    step = tg.jit(loss, engine="numba")
    for seed in range(3):
        x = np.random.default_rng(seed).standard_normal((4, 6))
        x.flags.writeable = False
        assert step(x).item() == pytest.approx(loss(tg.tensor(x)).item(), rel=1e-12)
    assert sum(map(len, step._captured.values())) == 1


@pytest.mark.skipif(not pipeline.installed(), reason="needs numba")
def test_a_nan_in_a_compiled_step_is_found_by_who_looks_for_it() -> None:
    """Compiled loops set no flags of NumPy's, so that `errstate` alone finds nothing."""
    step = tg.jit(lambda x: (tg.log(x) * 2.0 + x).sum(), engine="numba")
    step(tg.tensor([1.0, 2.0]))
    with np.errstate(all="raise"):
        assert np.isnan(step(tg.tensor([-1.0, 2.0])).item())
    with (
        np.errstate(all="ignore"),
        tg.detect_anomaly(),
        pytest.raises(AnomalyError, match="log"),
    ):
        step(tg.tensor([-1.0, 2.0]))
