"""Steps as users write them, captured beside eager ones: updates by hand, and what is named."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.compiler.beside import ENGINE, beside, loss_of, rows, weights
from tests.compiler.twins import bits
from tinygrad_nn import nn, optim

# ── Updates ─────────────────────────────────────────────────────────────────────────────


def updated_by_data(w, b):
    for p in (w, b):
        p.data = p.data - 0.1 * p.grad.data


def updated_in_place(w, b):
    for p in (w, b):
        p.data -= 0.1 * p.grad.data


def updated_through_a_name(w, b):
    for p in (w, b):
        array = p.data
        array -= 0.1 * p.grad.numpy()


def updated_by_an_operation(w, b):
    with tg.no_grad():
        for p in (w, b):
            p.data = (p - 0.1 * p.grad).data


def updated_and_scaled(w, b):
    w.data *= np.float32(0.9)
    b.data = b.data / 2 + 1


@pytest.mark.parametrize(
    "update",
    [
        updated_by_data,
        updated_in_place,
        updated_through_a_name,
        updated_by_an_operation,
        updated_and_scaled,
    ],
    ids=lambda f: f.__name__,
)
@pytest.mark.parametrize("forget", ["none", "grad", "accumulate"])
def test_updates_by_hand(update, forget):
    def make():
        w, b = weights()

        def step(x):
            if forget == "grad":
                w.grad = None
                b.grad = None
            loss = loss_of(w, b, x)
            loss.backward()
            update(w, b)
            if forget == "none":
                w.grad = b.grad = None
            return loss

        return [w, b], step

    beside(make)


def test_data_that_is_held_shows_the_new_numbers():
    w, b = weights()
    shown = w.data

    @tg.jit
    def step(x):
        w.grad = b.grad = None
        loss_of(w, b, x).backward()
        w.data -= 0.1 * w.grad.data

    for turn in range(3):
        step(rows(turn))
        assert (w.data == shown).all() or w.data is not shown
        assert (w.data == w.numpy()).all()


def test_micrograd():
    """The loop of a network of Values: forward, zero the gradients, backward, update."""

    def make():
        model = nn.MLP(2, [4, 1], rng=0)
        xs, ys = [[2.0, 3.0], [-1.0, 0.5]], [1.0, -1.0]

        def step(rate):
            scores = [model([tg.Value(v) for v in x]) for x in xs]
            loss = sum((s - y) ** 2 for s, y in zip(scores, ys, strict=True))
            for p in model.parameters():
                p.grad = 0.0
            loss.backward()
            for p in model.parameters():
                p.data += -rate * p.grad
            return loss

        return list(model.parameters()), step

    beside(make, lambda turn: (0.05 / (turn + 1),))


def test_gradients_accumulate_and_are_clipped():
    def make():
        w, b = weights()
        optimizer = optim.Adam([w, b], lr=0.05)

        def step(xs):
            optimizer.zero_grad()
            for x in xs:
                (loss_of(w, b, x) / len(xs)).backward()
            w.grad = w.grad * 0.5
            norm = nn.utils.clip_grad_norm_([w, b], 0.1)
            optimizer.step()
            return {"norm": norm, "largest": abs(w.grad).max()}

        return [w, b], step

    beside(make, lambda turn: ([rows(turn), rows(turn + 9)],))


# ── What a step names ───────────────────────────────────────────────────────────────────

RATE = 0.5


class Config:
    def __init__(self) -> None:
        self.scale = 1.0


def test_names_that_change_between_calls(monkeypatch):
    config, table, factor = Config(), [1.0, 2.0], 3
    array = np.ones(3, "float32")

    def helper(x):
        return x * RATE

    def step(x):
        return (helper(x) * config.scale * factor + table[1] * array).sum()

    captured = tg.jit(step, engine=ENGINE)
    x = rows(1)

    def same():
        assert bits(captured(x)) == bits(step(x))

    same()
    same()
    monkeypatch.setitem(globals(), "RATE", 0.25)
    same()
    config.scale = 2.0
    same()
    table[1] = 5.0
    same()
    factor = 4
    same()
    array[0] = 7.0  # in the same array: no new capture
    same()
    array = np.zeros(3, "float32")
    same()
    factor = 3
    same()


def test_modules_that_change_between_calls():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.scale, self.sizes = nn.Linear(3, 2, rng=0), 1.0, [1, 2]

        def forward(self, x):
            return self.layer(x) * self.scale * self.sizes[0]

    model = Scaled()
    captured = tg.jit(model, engine=ENGINE)
    x = rows(0)

    def same():
        assert bits(captured(x)) == bits(model(x))

    for _ in range(2):
        same()
    model.scale = 3.0
    same()
    model.sizes[0] = 4
    same()
    model.layer = nn.Linear(3, 5, rng=1)
    same()
    model.layer.weight = nn.Parameter(np.ones((5, 3), "float32"))
    same()
    model.layer.register_forward_hook(lambda module, inputs, output: output * 2)
    same()


def test_training_and_evaluation_are_two_programs():
    model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.BatchNorm1d(4), nn.Dropout(0.5, rng=1))
    other = nn.Sequential(nn.Linear(3, 4, rng=0), nn.BatchNorm1d(4), nn.Dropout(0.5, rng=1))
    step = tg.jit(model, engine=ENGINE)
    for turn in range(8):
        training = turn % 4 < 2
        model.train(training)
        other.train(training)
        assert bits(step(rows(turn))) == bits(other(rows(turn)))
        assert bits(list(model.buffers())) == bits(list(other.buffers()))
