"""Parameters, arguments and results of captured steps, and steps and transforms within steps."""

from typing import Any, NamedTuple

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.compiler.beside import ENGINE, beside, loss_of, rows, weights
from tests.compiler.twins import bits, gradient_bits
from tinygrad_nn import nn, optim

# ── Parameters ──────────────────────────────────────────────────────────────────────────


def test_frozen_and_shared_parameters():
    def make():
        w, b = weights()
        b.requires_grad_(False)
        optimizer = optim.SGD([w, b], lr=0.1)

        def step(x):
            optimizer.zero_grad()
            loss = loss_of(w, b, x) + (w * w).sum() + loss_of(w, b, -x)
            loss.backward()
            optimizer.step()
            return loss

        return [w, b], step

    def thaw(turn, leaves):
        leaves[1].requires_grad_(turn == 1)

    beside(make, between=thaw)


def test_a_step_may_toggle_what_requires_a_gradient():
    def make():
        w, b = weights()

        def step(x):
            b.requires_grad_(False)
            w.grad = None
            loss_of(w, b, x).backward()
            b.requires_grad_(True)
            return w.grad * 2

        return [w, b], step

    beside(make)


def test_parameters_changed_between_calls():
    def make():
        w, b = weights()

        def step(x):
            w.grad = None
            loss = loss_of(w, b, x)
            loss.backward()
            return loss

        return [w, b], step

    def change(turn, leaves):
        leaves[0].data[0] = turn
        leaves[1].data = np.full(2, turn, "float32")

    beside(make, between=change)


@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
def test_parametrisations(kind):
    def make():
        layer = nn.Linear(3, 2, rng=0)
        getattr(nn.utils.parametrizations, kind)(layer)
        optimizer = optim.SGD(layer.parameters(), lr=0.1)

        def step(x):
            optimizer.zero_grad()
            loss = (layer(x) ** 2).sum()
            loss.backward()
            optimizer.step()
            return loss

        return [*layer.parameters(), *layer.buffers()], step

    # Power iteration begins with random numbers of its own.
    rng_free = kind == "weight_norm"
    if rng_free:
        beside(make)


def test_a_step_that_raises_leaves_everything_as_it_was():
    w, b = weights()
    optimizer = optim.Adam([w, b], lr=0.1)
    norm = nn.BatchNorm1d(2)
    fail = True

    @tg.jit(engine=ENGINE)
    def step(x):
        optimizer.zero_grad()
        loss = (norm(x @ w + b) ** 2).sum()
        loss.backward()
        optimizer.step()
        if fail:
            raise ValueError("no")
        return loss

    before = bits([w, b, *norm.buffers()])
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            step(rows(0))
        assert bits([w, b, *norm.buffers()]) == before
        assert w._grad is None and not any(optimizer.state.values())
        assert isinstance(w._data, np.ndarray)
    fail = False
    step(rows(0))
    assert bits([w, b, *norm.buffers()]) != before


def test_a_replay_that_raises_leaves_everything_as_it_was():
    w, b = weights()
    optimizer = optim.Adam([w, b], lr=0.1)
    norm = nn.BatchNorm1d(2)

    @tg.jit(engine=ENGINE)
    def step(x, target):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(norm(x @ w + b), target)
        loss.backward()
        optimizer.step()
        return loss

    x = rows(0)
    for _ in range(2):
        step(x, np.array([0, 1, 1, 0]))
    before = bits([w, b, *norm.buffers(), *[dict(s) for s in optimizer.state.values()]])
    grads = gradient_bits(w)
    with pytest.raises(Exception, match="2"):
        step(x, np.array([0, 2, 1, 0]))
    assert bits([w, b, *norm.buffers(), *[dict(s) for s in optimizer.state.values()]]) == before
    assert gradient_bits(w) == grads


# ── Arguments and results ───────────────────────────────────────────────────────────────


class Batch(NamedTuple):
    x: Any
    y: Any


def test_arguments_of_all_kinds():
    def make():
        def step(batch, rate, count, mode, *, extra=None, options=None):
            y = batch.x * rate + batch.y
            for _ in range(count):
                y = y.tanh() if mode == "tanh" else y * 2
            if extra is not None:
                y = y + extra
            if options:
                y = y * options["scale"]
            return Batch(y, [rate, count, {"mode": mode, "sum": y.sum()}, None])

        return [], step

    (_, eager), (_, inner) = make(), make()
    step = tg.jit(inner, engine=ENGINE)
    x = rows(3)
    for rate in (0.5, 2.0):
        for count, mode in ((1, "tanh"), (2, "double")):
            for extra in (None, 1.5):
                for options in (None, {"scale": 2.0}, {"scale": 3}):
                    for _ in range(2):
                        given = {"extra": extra, "options": options}
                        args = Batch(x, np.float32(2.0)), rate, count, mode
                        want = eager(Batch(x, tg.tensor(np.float32(2.0))), *args[1:], **given)
                        assert bits(step(*args, **given)) == bits(want)


def test_tensor_arguments_get_gradients():
    def make():
        def step(a, b):
            loss = (a * b).sum()
            loss.backward()
            return loss

        return [], step

    (_, eager), (_, inner) = make(), make()
    step = tg.jit(inner, engine=ENGINE)
    mine = [tg.tensor([1.0, 2.0], requires_grad=True) for _ in range(2)]
    theirs = [tg.tensor([1.0, 2.0], requires_grad=True) for _ in range(2)]
    for i, j in ((0, 1), (0, 1), (1, 0), (0, 0), (1, 1), (0, 1)):
        eager(mine[i], mine[j])
        step(theirs[i], theirs[j])
        for a, b in zip(mine, theirs, strict=True):
            assert gradient_bits(a) == gradient_bits(b), (i, j)


def test_values_and_floats_are_arguments():
    @tg.jit(engine=ENGINE)
    def step(a, b):
        c = (a * b).tanh() + b
        c.backward()
        return c, a.data * 2

    for x in (1.0, 2.0, -1.0):
        a, b = tg.Value(x), tg.Value(0.5)
        other, d = tg.Value(x), tg.Value(0.5)
        want = (other * d).tanh() + d
        want.backward()
        got, double = step(a, b)
        assert (got.data, a.grad, b.grad, double) == (want.data, other.grad, d.grad, 2 * x)


def test_what_is_returned():
    w, _ = weights()

    @tg.jit(engine=ENGINE)
    def step(x):
        made = tg.ones((2,))
        return x, w, w.data, {"n": 3, "x": x[0], "made": made, "t": "text"}, w.T, x.numpy()

    for turn in range(3):
        x = rows(turn)
        same, weight, array, found, turned, numbers = step(x)
        assert bits(same) == bits(x) and weight is w and isinstance(array, np.ndarray)
        assert (array == w.numpy()).all() and found["n"] == 3 and found["t"] == "text"
        assert bits(turned) == bits(w.T.detach()) and (numbers == x.numpy()).all()
        found["made"].data[:] = 5.0  # does not reach the next call
        assert step(x)[3]["made"].tolist() == [1.0, 1.0]


def test_results_stay():
    step = tg.jit(lambda x: (x.T, x * 2, x[0]), engine=ENGINE)
    kept = [(step(rows(t)), rows(t)) for t in range(4)]
    for (turned, double, first), x in kept:
        assert bits([double, first]) == bits([x * 2, x[0]])
        assert (turned.numpy() == x.numpy().T).all()


def test_tensors_index():
    table = nn.Embedding(7, 3, rng=0)

    @tg.jit(engine=ENGINE)
    def step(x, i):
        return x[i], table(i), x[i, 0], x[:, 1][i]

    for turn in range(3):
        x, i = rows(turn, 7), np.random.default_rng(turn).integers(0, 7, 4)
        want = (x[i], table(i), x[i, 0], x[:, 1][i])
        assert bits(step(x, i)) == bits(want)
        assert bits(step(x, tg.tensor(i))) == bits(want)


def test_dtypes_and_modes_are_told_apart():
    step = tg.jit(lambda x: tg.tensor([1.0, 2.0]) * x, engine=ENGINE)
    for _ in range(2):
        assert step(1.0).dtype == "float32"
        with tg.default_dtype("float64"):
            assert step(1.0).dtype == "float64"
    w, b = weights()
    made = tg.jit(lambda x: loss_of(w, b, x), engine=ENGINE)
    with tg.no_grad():
        assert bits(made(rows(0))) == bits(loss_of(w, b, rows(0)))


# ── Within one another ──────────────────────────────────────────────────────────────────


def test_jit_in_jit_of_methods_and_recursion():
    class Trainer:
        def __init__(self):
            self.w, self.b = weights()
            self.rate = 0.1

        @property
        def leaves(self):
            return [self.w, self.b]

        def loss(self, x):
            return loss_of(self.w, self.b, x)

        def step(self, x):
            self.w.grad = self.b.grad = None
            loss = self.loss(x)
            loss.backward()
            for p in (self.w, self.b):
                p.data -= self.rate * p.grad.data
            return loss

    one, two = Trainer(), Trainer()
    two.loss = tg.jit(two.loss, engine=ENGINE)
    step = tg.jit(two.step, engine=ENGINE)
    for turn in range(5):
        one.rate = two.rate = 0.1 if turn < 3 else 0.2
        assert bits(one.step(rows(turn))) == bits(step(rows(turn)))
        assert bits(one.leaves) == bits(two.leaves)

    @tg.jit(engine=ENGINE)
    def power(x, n):
        return x if n == 0 else x * power(x, n - 1)

    for turn in range(2):
        assert bits(power(rows(turn), 3)) == bits(
            rows(turn) * (rows(turn) * (rows(turn) * rows(turn)))
        )


def curvature(name):
    w = tg.tensor([[0.5, -0.2], [0.3, 0.8]], dtype="float64", requires_grad=True)

    def f(x):
        return ((w @ x).tanh() ** 3).sum()

    def step(x):  # noqa: PLR0911  (one for each transform)
        v = tg.tensor([1.0, -2.0], dtype="float64")
        if name == "grad":
            return tg.grad(f)(x)
        if name == "hessian":
            return tg.hessian(f)(x)
        if name == "hvp":
            return tg.hvp(f, x, v)
        if name == "jacobian":
            return tg.jacobian(lambda x: (w @ x).tanh())(x)
        if name == "vjp":
            y, back = tg.vjp(lambda x: (w @ x).tanh(), x)
            return y, back(v)
        if name == "jvp":
            return tg.jvp(lambda x: (w @ x).tanh(), (x,), (v,))
        return tg.checkpoint(lambda x: (w @ x).tanh(), x) if name == "checkpoint" else f(x)

    return step


@pytest.mark.parametrize("name", ["grad", "hessian", "hvp", "jacobian", "vjp", "jvp", "checkpoint"])
def test_transforms(name):
    eager, step = curvature(name), tg.jit(curvature(name), engine=ENGINE)
    for turn in range(3):
        x = tg.tensor(np.random.default_rng(turn).standard_normal(2))
        assert bits(step(x)) == bits(eager(x))


def test_inside_transforms_a_step_runs_as_it_is():
    w, b = weights()
    step = tg.jit(lambda w: loss_of(w, b, rows(0)), engine=ENGINE)
    step(w)
    want = tg.grad(lambda w: loss_of(w, b, rows(0)))(w)
    assert bits(tg.grad(step)(w)) == bits(want)


def test_an_operation_of_the_users():
    @tg.custom_op(vjp=lambda g, y, x: g * 3 * x * x)
    def cube(x, /):
        return x**3

    def step(x):
        y = cube(x).sum()
        y.backward()
        return y

    captured = tg.jit(step, engine=ENGINE)
    for turn in range(3):
        a, b = (tg.tensor([1.0 + turn, 2.0], requires_grad=True) for _ in range(2))
        assert bits(step(a)) == bits(captured(b))
        assert gradient_bits(a) == gradient_bits(b)
