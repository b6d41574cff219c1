"""Steps as users write them, captured beside eager ones: the odd ways to update, name and pass."""

import math
from typing import Any, NamedTuple

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.compile.twins import bits, gradient_bits
from tinygrad_nn import nn, optim
from tinygrad_nn.errors import AnomalyError, CaptureError

ENGINE = "numpy"


def rows(turn: int, n: int = 4) -> Any:
    return tg.tensor(np.random.default_rng(turn).standard_normal((n, 3)).astype("float32"))


def beside(make: Any, calls: Any = None, between: Any = None) -> Any:
    """Run the step of two worlds, one captured; results, leaves and gradients are the same.

    `make() -> (leaves, step)`; `between(turn, leaves)` changes something between the calls.
    """
    (mine, eager), (theirs, step) = make(), make()
    step = tg.jit(step, engine=ENGINE)
    for turn in range(4):
        args = calls(turn) if calls else (rows(turn),)
        again = calls(turn) if calls else (rows(turn),)
        want, got = eager(*args), step(*again)
        assert bits(got) == bits(want), f"call {turn}\n{got}\n{want}"
        for a, b in zip(mine, theirs, strict=True):
            assert bits(b) == bits(a), f"call {turn}: a leaf\n{b}\n{a}"
            assert gradient_bits(b) == gradient_bits(a), f"call {turn}: a gradient"
        if between is not None:
            between(turn, mine)
            between(turn, theirs)
    return step


def weights(**options: Any) -> Any:
    rng = np.random.default_rng(0)
    return [
        tg.tensor(rng.standard_normal(s).astype("float32"), requires_grad=True, **options)
        for s in ((3, 2), (2,))
    ]


def loss_of(w: Any, b: Any, x: Any) -> Any:
    return ((x @ w + b).tanh() ** 2).mean()


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
    kept = Config()

    def step(x):
        kept.__dict__["scale"] = None  # not named, and so not seen
        object.__setattr__(kept, "other", x * 2)
        return x

    tg.jit(step, engine=ENGINE)(rows(0))
    with pytest.raises(CaptureError, match="after the step was over"):
        kept.other + 1
