"""Steps with several programs, called in any order and from several threads."""

import gc
import sys
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.extents import share, twofold
from tinygrad_nn import nn, optim
from tinygrad_nn.compiler import captured as module
from tinygrad_nn.compiler import jit
from tinygrad_nn.compiler.places import Payload, Returned

ROWS = (1, 3, 4)


class World:
    """A network and its step."""

    def __init__(self, name: str, engine: str = "") -> None:
        rng = np.random.default_rng(7)
        self.model = nn.Sequential(nn.Linear(6, 5), nn.Sigmoid(), nn.Dropout(0.0), nn.Linear(5, 3))
        for p in self.model.parameters():
            p.data = rng.standard_normal(p.shape).astype("f4")
        self.optimizer = getattr(optim, name)(self.model.parameters(), lr=0.05)
        self.step: Any = jit(self.learn, engine=engine) if engine else self.learn
        self.look: Any = jit(self.lose, engine=engine) if engine else self.lose

    def lose(self, x: Any, y: Any) -> Any:
        return nn.functional.cross_entropy(self.model(x), y)

    def learn(self, x: Any, y: Any) -> Any:
        loss = self.lose(x, y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss

    def arrays(self) -> list[Any]:
        return [
            np.array(a) for p in self.model.parameters()
            for a in (p._data, [] if p.grad is None else p.grad.data)
        ]  # fmt: skip


calls = st.tuples(
    st.sampled_from(["learn", "look", "lose eagerly", "train", "eval", "collect", "rate"]),
    st.sampled_from(ROWS),
    st.booleans(),
)


def batch(n: int, rows: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(n)
    return tg.tensor(rng.standard_normal((rows, 6)).astype("f4")), tg.tensor(
        rng.integers(0, 3, rows)
    )


def changed(kind: str, rows: int, *worlds: World) -> None:
    """What happens between two calls."""
    if kind == "collect":
        gc.collect()
    for world in worlds:
        if kind == "rate":
            world.optimizer.param_groups[0]["lr"] = 0.01 * rows
        elif kind != "collect":
            world.model.train(kind == "train")


def check(name: str, engine: str, drawn: list[tuple[str, int, bool]]) -> None:
    """The same calls of two worlds, one of them captured: the same results, which stay."""
    plain, captured = World(name), World(name, engine)
    kept: list[tuple[Any, float]] = []
    for n, (kind, rows, keep) in enumerate(drawn):
        if kind in ("train", "eval", "collect", "rate"):
            changed(kind, rows, plain, captured)
            continue
        x, y = batch(n, rows)
        want, got = (
            {"learn": world.step, "look": world.look}.get(kind, world.lose)(x, y)
            for world in (plain, captured)
        )
        assert got.shape == ()
        pairs = [(want.data, got.data), *zip(plain.arrays(), captured.arrays(), strict=True)]
        for a, b in pairs:
            assert a.shape == b.shape
            if engine == "numpy":
                assert a.tobytes() == b.tobytes()
            else:
                assert np.allclose(a, b, 1e-3, 1e-4)
        if keep:
            kept.append((got, got.item()))
        for result, was in kept:
            assert result.item() == was


@twofold
@share(100)
@given(name=st.sampled_from(["SGD", "Adam"]), drawn=st.lists(calls, min_size=2, max_size=14))
def test_programs_in_any_order_give_what_eager_code_gives(name: str, drawn: Any):
    check(name, "numpy", drawn)


@settings(max_examples=6, deadline=None)
@given(drawn=st.lists(calls, min_size=2, max_size=14))
def test_compiled_programs_in_any_order_give_what_eager_code_gives(drawn: Any):
    pytest.importorskip("numba")
    check("SGD", "numba", drawn)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_compiled_step_gives_the_same_each_time(rows: int):
    # Loops put into one another once took two arrays in one place for two places.
    pytest.importorskip("numba")
    check("SGD", "numba", [("learn", rows, False)] * 4)


def test_results_in_the_wrong_place_are_found(monkeypatch: pytest.MonkeyPatch):
    optimized = module.optimized

    def confused(program: Any, engine: str) -> Any:
        """A planted fault: the loss and a parameter change places."""
        program = optimized(program, engine)
        outputs = list(program.outputs)
        a = next((n for n, o in enumerate(outputs) if isinstance(o.place, Payload)), None)
        b = next(n for n, o in enumerate(outputs) if isinstance(o.place, Returned))
        if a is not None:
            outputs[a], outputs[b] = (
                replace(outputs[a], value=outputs[b].value),
                replace(outputs[b], value=outputs[a].value),
            )
        return replace(program, outputs=tuple(outputs))

    monkeypatch.setattr(module, "optimized", confused)
    with pytest.raises(AssertionError):
        check("SGD", "numpy", [("learn", 3, False)] * 2)


@pytest.mark.parametrize("training", [False, True])
def test_threads_may_share_a_step(training: bool):
    # Leaves are traced while one thread captures; the others must not meet that.
    world = World("SGD", "numpy")
    step = world.step if training else world.look
    wrong: list[Any] = []

    def work(seed: int) -> None:
        try:
            for n in range(20):
                x, y = batch(100 * seed + n, 1 + (n + seed) % 6)
                loss = step(x, y).item()
                if not training and loss != plain[seed][n]:
                    wrong.append((seed, n, loss))
        except BaseException as error:
            wrong.append(error)

    plain = [
        [world.lose(*batch(100 * seed + n, 1 + (n + seed) % 6)).item() for n in range(20)]
        for seed in range(3)
    ]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        sys.setswitchinterval(interval)
    assert not wrong
    assert all(type(p._data) is np.ndarray for p in world.model.parameters())
