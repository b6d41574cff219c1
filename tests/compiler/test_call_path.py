"""Calls of a captured step: what runs, what it may write over, and what stays the user's."""

import threading
from typing import Any

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn, optim
from tinygrad_nn.compiler import jit
from tinygrad_nn.compiler.emit import writer
from tinygrad_nn.compiler.signature import LIMIT


def captured(step: Any) -> int:
    return sum(map(len, step._captured.values()))


def leaf(*numbers: float) -> tg.Tensor:
    return tg.tensor(np.array(numbers, "f4"), requires_grad=True)


@jit(engine="numpy")
def chain(a: Any, b: Any) -> Any:
    a.grad = b.grad = None
    loss = ((a * b).tanh()).sum()
    loss.backward()
    return loss


def training(seed: int = 0, name: str = "Adam", jitted: bool = True) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))
    for p in model.parameters():
        p.data = rng.standard_normal(p.shape).astype("f4")
    optimizer = getattr(optim, name)(model.parameters(), lr=0.1)

    def step(x: Any, y: Any) -> Any:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return model, optimizer, jit(step, engine="numpy") if jitted else step


def data(seed: int = 0, rows: int = 6) -> tuple[tg.Tensor, tg.Tensor]:
    rng = np.random.default_rng(seed)
    return tg.tensor(rng.standard_normal((rows, 5)).astype("f4")), tg.tensor(
        rng.integers(0, 3, rows)
    )


def test_what_the_user_kept_never_changes():
    model, optimizer, step = training()
    kept: list[tuple[Any, Any]] = []
    for n in range(6):
        loss = step(*data(n))
        for p in model.parameters():
            views = [p.grad, p.grad.data, p.detach(), np.asarray(p.detach())]
            views += [optimizer.state[p]["exp_avg"], p._data, p._data[:1]]
            kept += [(x, np.array(x.data if isinstance(x, tg.Tensor) else x)) for x in views]
        kept.append((loss, loss.item()))
    for x, was in kept:
        now = np.asarray(x.detach().data if isinstance(x, tg.Tensor) else x)
        assert np.array_equal(now, was)


def test_parameters_and_gradients_keep_their_memory_if_nobody_else_has_it():
    model, _, step = training()
    for n in range(3):
        step(*data(n))
    weight = next(iter(model.parameters()))
    payload, gradient = id(weight._data), id(weight._grad)
    step(*data(9))
    assert (id(weight._data), id(weight._grad)) == (payload, gradient)


def test_a_parameter_that_is_replaced_counts():
    (model, _, step), (other, _, eager) = training(), training(jitted=False)
    for n in range(4):
        if n == 2:
            for p, q in zip(model.parameters(), other.parameters(), strict=True):
                p.data = q.data = np.full(p.shape, 0.25, "f4")
        assert step(*data(n)).item() == eager(*data(n)).item()
    assert captured(step) == 1


def test_the_array_shared_with_the_user_follows():
    model, _, step = training()
    weight = next(iter(model.parameters()))
    shared = weight.data
    for n in range(3):
        step(*data(n))
        assert np.array_equal(shared, weight._data)
    shared[...] = 0.5
    step(*data(4))
    assert np.abs(shared - 0.5).max() < 0.11


def test_a_graph_recorded_before_a_replay_is_refused_and_not_wrong():
    model, _, step = training()
    x, y = data()
    step(x, y)
    loss = model(x).sum()
    step(x, y)
    with pytest.raises(tg.errors.TinygradError):
        loss.backward()


def test_other_shapes_dtypes_modes_and_options_are_other_programs():
    @jit(engine="numpy")
    def step(x: Any, scale: Any = 1) -> Any:
        return (x * scale).sum()

    square = np.ones((2, 2))
    for x in (np.ones(2), np.ones(3), np.ones(2, "f4"), square, np.asfortranarray(square)):
        for _ in range(2):
            assert step(x).item() == x.sum()
    assert step(np.ones(2), 2).item() == 4
    assert step(np.ones(2), scale=2).item() == 4
    assert captured(step) == 7
    with tg.no_grad():
        step(np.ones(2))
    assert captured(step) == 8


def test_the_same_leaf_twice_is_another_program():
    a, b = leaf(1, 2), leaf(3, 4)
    chain(a, b)
    chain(a, b)
    chain(a, a)
    slope = 1 - np.tanh(a.data * a.data) ** 2
    assert np.allclose(a.grad.data, 2 * a.data * slope)
    chain(a, b)
    assert np.allclose(b.grad.data, a.data * (1 - np.tanh(a.data * b.data) ** 2))


def test_a_leaf_with_and_one_without_gradients_are_told_apart():
    a, b = leaf(1, 2), leaf(3, 4)

    @jit(engine="numpy")
    def step(a: Any, b: Any) -> Any:
        return (a * b).sum()

    step(a, b)
    step(a.detach(), b)
    assert captured(step) == 2


def test_a_parameter_handed_over_is_not_mistaken_for_an_argument():
    w = leaf(1, 2)

    @jit(engine="numpy")
    def step(x: Any) -> Any:
        w.grad = x.grad = None
        (w * x).sum().backward()

    other = leaf(3, 4)
    step(other)
    step(w)
    assert np.array_equal(w.grad.data, 2 * w.data)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_results_are_tensors_of_the_same_kind(shape: tuple[int, ...]):
    x = np.ones(shape, "f4")

    def function(x: Any) -> Any:
        return {"y": x * 2, "z": [x.sum(), 3]}

    step = jit(function, engine="numpy")
    want, first, second = function(tg.tensor(x)), step(tg.tensor(x)), step(tg.tensor(x))
    for found in (first, second):
        assert type(found["y"]) is tg.Tensor
        assert type(found["y"]._data) is type(want["y"]._data) is np.ndarray
        assert found["y"].shape == shape
        assert found["z"][1] == 3


def test_an_error_in_a_replay_leaves_no_half_of_it():
    model, optimizer, step = training()
    x, y = data()
    for _ in range(3):
        step(x, y)
    before = [p.data.copy() for p in model.parameters()]
    steps = [optimizer.state[p]["step"] for p in model.parameters()]
    with pytest.raises(tg.errors.TinygradError, match="99"):
        step(x, tg.tensor(np.full(6, 99)))
    assert all(np.array_equal(p.data, b) for p, b in zip(model.parameters(), before, strict=True))
    assert [optimizer.state[p]["step"] for p in model.parameters()] == steps
    step(x, y)


def test_threads_take_turns():
    step = jit(lambda x: ((x * 2).tanh() @ (x + 1)).sum(), engine="numpy")
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal((24, 24)) for _ in range(8)]
    step(inputs[0])
    alone = [step(x).item() for x in inputs]
    found: dict[int, list[float]] = {}

    def work(n: int) -> None:
        found[n] = [step(x).item() for _ in range(20) for x in inputs]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert all(found[n] == alone * 20 for n in range(4))


def test_too_many_programs_are_dropped_with_a_word_on_what_changes():
    step = jit(lambda x: x.sum(), engine="numpy")
    for n in range(LIMIT):
        step(np.ones(n + 1))
    with pytest.warns(RuntimeWarning, match="argument 0 changes from call to call") as caught:
        step(np.ones(LIMIT + 1))
    assert caught[0].filename == __file__
    assert captured(step) == LIMIT
    with pytest.warns(RuntimeWarning, match="16 kinds"):
        assert step(np.ones(1)).item() == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda n: (np.ones(n + 1, "f4"),), r"argument 0 .*: \[1\] float32, \[2\] float32, "),
        (lambda n: (1.0, n), "argument 1 .*: 0, 1, 2, "),
        (lambda n: (1.0, "x" * n), "argument 1 .*: '', 'x', 'xx', "),
        (lambda n: (1.0, [1.0] * n), r"argument 1 .*: \[\], \[a float\], "),
        (lambda n: {"x": 1.0, "more": {"a": n}}, "argument more .*: {'a': 0}, {'a': 1}, "),
        (lambda n: (object(),), "argument 0 .*: another object, "),
    ],
)
def test_what_changes_from_call_to_call_is_told_by_its_name(given: Any, words: str):
    step = jit(lambda x, more=0: tg.ones(2) * 2.0, engine="numpy")
    kept = [given(n) for n in range(LIMIT + 1)]
    with pytest.warns(RuntimeWarning, match=words) as caught:
        for call in kept:
            step(**call) if isinstance(call, dict) else step(*call)
    assert caught[0].filename == __file__


@pytest.mark.filterwarnings("ignore:jit")
def test_a_planted_fault_is_seen(monkeypatch: pytest.MonkeyPatch):
    """Were parameters written over whoever has them, what the user kept would change."""
    plain = writer.getrefcount
    monkeypatch.setattr(writer, "getrefcount", lambda x: min(plain(x) - 1, 3))
    with pytest.raises(AssertionError):
        test_what_the_user_kept_never_changes()


def overflowing() -> bool:
    """Whether an update that raises half-way leaves all parameters as they were."""
    weights = [leaf(1.0), leaf(2.0)]
    optimizer = optim.SGD(weights, lr=1.0)

    @jit(engine="numpy")
    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = (weights[0] * x).sum() + (weights[1] * x).sum()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(3):
        step(tg.tensor(np.ones(1, "f4")))
    # Not by `.data`: what somebody else has is never written over.
    weights[1]._data[:] = -3e38
    optimizer.param_groups[0]["lr"] = 2e38
    before = [w._data.copy() for w in weights]
    raised = False
    with np.errstate(all="raise"):
        try:
            step(tg.tensor(np.ones(1, "f4")))
        except FloatingPointError:
            raised = True
    return raised and all(
        np.array_equal(w._data, old) for w, old in zip(weights, before, strict=True)
    )


def test_an_update_that_raises_writes_nothing():
    assert overflowing()


def test_an_update_in_place_that_raises_would_write(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(writer, "calm", lambda: True)
    assert not overflowing()
