"""What cannot be captured is refused with the user's line, and never kept as it was."""

import math
import threading
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.compiler.beside import ENGINE, beside, rows, weights
from tests.compiler.twins import bits
from tinygrad_nn import nn
from tinygrad_nn.errors import AnomalyError, CaptureError, GradientError, OptionError

# ── Who watches ─────────────────────────────────────────────────────────────────────────


def test_nan_inside_a_captured_step_is_found():
    @tg.jit(engine=ENGINE)
    def step(x):
        return tg.log(x).sum()

    step(tg.tensor([1.0, 2.0]))
    with np.errstate(all="ignore"):
        with tg.detect_anomaly(), pytest.raises(AnomalyError, match="log"):
            step(tg.tensor([-1.0, 2.0]))
        assert math.isnan(step(tg.tensor([-1.0, 2.0])).item())


def test_random_numbers_are_those_of_eager_steps():
    def make():
        rng = np.random.default_rng(7)
        drop = nn.Dropout(0.4, rng=rng)

        def step(x):
            r = tg.random
            return (
                drop(x),
                r.normal(x, 1.0, rng=rng),
                r.normal(size=2, rng=3),
                r.permutation(5, rng=rng),
                r.permutation(x, rng=rng),
                r.integers(9, size=3, rng=rng),
                r.integers(9, rng=rng),
                r.choice(4, 3, rng=rng),
                r.choice(x, 2, rng=5),
                r.bernoulli(tg.sigmoid(x), rng=rng),
                r.categorical(x, rng=rng),
                nn.functional.dropout(x, 0.3, rng=11),
                nn.functional.gumbel_softmax(x, rng=rng, hard=True),
                r.rand(3, rng=rng),
            )

        return [], step

    beside(make)


def test_generators_changed_between_calls():
    rng, other = np.random.default_rng(1), np.random.default_rng(1)
    step = tg.jit(lambda x: x + tg.random.normal(size=3, rng=rng), engine=ENGINE)
    for turn in range(4):
        assert bits(step(rows(turn))) == bits(rows(turn) + tg.random.normal(size=3, rng=other))
        assert rng.random() == other.random()


# ── What is refused ─────────────────────────────────────────────────────────────────────

HISTORY: list[Any] = []
COUNT = 0
DRAWS = np.random.default_rng(0)
HELD = (weights()[0] * 2).sum()
VALUE = tg.Value(2.0)


def counting(x, w):
    global COUNT  # noqa: PLW0603
    COUNT += 1
    return x


REFUSED = {
    "float of a parameter": (lambda x, w: x * float(w.sum()), "float"),
    "float of a leaf": (lambda x, w: x * float(VALUE), "float"),
    "item": (lambda x, w: x * w[0, 0].item(), "item"),
    "item of a leaf": (lambda x, w: x if VALUE.item() > 1 else -x, "item"),
    "tolist": (lambda x, w: w.tolist(), "tolist"),
    "branch": (lambda x, w: x if (x.sum() > 0) else -x, "where"),
    "branch on a value": (lambda x, w: x if VALUE > 0 else -x, "comparison"),
    "branch on data": (lambda x, w: x if VALUE.data > 0 else -x, "where"),
    "bool of a leaf": (lambda x, w: x if VALUE else -x, "bool"),
    "format": (lambda x, w: f"{w.data.sum():.3f}", "text"),
    "asarray": (lambda x, w: np.asarray(w), "asarray"),
    "mean of a list": (lambda x, w: np.mean([w.sum(), x.sum()]), "return it from the step"),
    "write into data": (lambda x, w: w.data.__setitem__(0, 1.0), "index_put"),
    "write into a part": (lambda x, w: w.data[0].__iadd__(1.0), "index_put"),
    "write into a tensor": (lambda x, w: x.__setitem__(0, 1.0), "index_put"),
    "math": (lambda x, w: math.sin(x.sum()), "float"),
    "int": (lambda x, w: x[: int(w.sum())], "int"),
    "range": (lambda x, w: list(range(tg.argmax(x))), "integer"),
    "mask": (lambda x, w: x[x > 0].sum(), "where"),
    "append": (lambda x, w: HISTORY.append(x * 2), "HISTORY"),
    "count": (counting, "COUNT"),
    "numpy's generator": (lambda x, w: x + DRAWS.normal(size=3), "tinygrad_nn.random"),
    "numpy.random": (lambda x, w: x + np.random.normal(size=3), "tinygrad_nn.random"),
    "graph from before": (lambda x, w: x * HELD, "before the step"),
    "backward of a graph from before": (lambda x, w: HELD.backward(), "before the step"),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused_with_the_users_line(name):
    function, match = REFUSED[name]
    w = weights()[0]
    before, held = bits(w), len(HISTORY)
    with pytest.raises(CaptureError, match=match) as caught:
        tg.jit(function, engine=ENGINE)(rows(0), w)
    del HISTORY[held:]
    line = function.__code__.co_firstlineno
    assert __file__ in str(caught.value), str(caught.value)
    assert name in ("count", "append", "numpy.random", "numpy's generator") or (
        f":{line}" in str(caught.value)
    )
    assert bits(w) == before and isinstance(w._data, np.ndarray)
    assert isinstance(VALUE._data, float)


def test_what_left_a_step_by_another_way_is_refused():
    kept: SimpleQueue = SimpleQueue()  # nobody can look into it

    def step(x):
        kept.put(x * 2)
        return x

    tg.jit(step, engine=ENGINE)(rows(0))
    with pytest.raises(CaptureError, match="after the step was over"):
        kept.get() + 1


def test_another_thread_may_not_use_the_parameters_during_the_first_call():
    w = weights()[0]
    caught: SimpleQueue = SimpleQueue()

    def elsewhere():
        try:
            caught.put(w * 2)
        except CaptureError as error:
            caught.put(error)

    def step(x):
        y = x @ w
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        return y

    captured = tg.jit(step, engine=ENGINE)
    got = captured(rows(0))
    assert "another thread" in str(caught.get())
    w2 = weights()[0]
    assert bits(got) == bits(rows(0) @ w2) and bits(captured(rows(1))) == bits(rows(1) @ w2)


def test_saving_in_a_step_is_refused_with_its_line(tmp_path):
    w = tg.tensor([1.0, 2.0], requires_grad=True)

    @tg.jit
    def step(x):
        tg.save({"w": w}, tmp_path / "w.safetensors")
        return x * w

    with pytest.raises(CaptureError, match=r"tg\.save.*save it outside"):
        step(np.ones(2))


def test_a_backward_from_outside_of_a_step_is_sent_into_it():
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    loss = tg.jit(lambda w: (w * w).sum(), engine="numpy")(w)
    with pytest.raises(GradientError, match=r"captured step.*inside"):
        loss.backward()


def test_what_is_no_function_is_refused():
    with pytest.raises(OptionError, match="jit: got int, expected a function"):
        tg.jit(3)
