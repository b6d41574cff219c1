"""Formulas of optimisers can be written down once and run again with other numbers.

A small capture of its own, in which everything that stands for an array is an expression that
cannot be changed and whose numbers cannot be asked for: it holds whatever `tinygrad_nn.jit` does.
"""

import operator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.extents import share, twofold
from tests.optim.draws import STEPPING, options, shapes
from tinygrad_nn import nn, optim
from tinygrad_nn.backends import array, namespace, register
from tinygrad_nn.core.capturing import CAPTURE, CAPTURING, Traced
from tinygrad_nn.core.node import mode_bit
from tinygrad_nn.errors import OperandError, TinygradError
from tinygrad_nn.optim import lr_scheduler

SEEDS = st.integers(0, 2**32 - 1)


class Expression(Traced):
    """What is computed from places, with the numbers that they have at first."""

    def __init__(self, call, args, given=None):
        self.call, self.args, self.given = call, args, given or {}
        self.first = call(*[first(x) for x in args], **self.given)

    shape = property(lambda self: self.first.shape)
    dtype = property(lambda self: self.first.dtype)
    ndim = property(lambda self: self.first.ndim)
    size = property(lambda self: self.first.size)
    mT = property(lambda self: Expression(np.matrix_transpose, (self,)))  # noqa: N815

    def astype(self, dtype):
        return Expression(lambda x: x.astype(dtype), (self,))

    def __array_ufunc__(self, ufunc, method, *inputs, **given):
        assert method == "__call__" and "out" not in given
        return Expression(ufunc, inputs, given)

    def __bool__(self):
        raise OperandError("a number was looked at")

    __float__ = __int__ = __index__ = __iter__ = __setitem__ = __bool__


class Number(Expression):
    """A float of this step: plain arithmetic, and a branch at most."""

    def __bool__(self):
        return bool(self.first)


class Functions:
    """The array namespace, for expressions."""

    def __getattr__(self, name):
        found = getattr(array, name)
        return lambda *args, **given: Expression(found, args, given)


def first(x):
    return x.first if isinstance(x, Expression) else x


def arithmetic(name, swapped=False):
    function = getattr(operator, name)

    def call(self, *others):
        args = (*others, self) if swapped else (self, *others)
        numbers = all(isinstance(x, (Number, float, int)) for x in args)
        return (Number if numbers else Expression)(function, args)

    return call


for name in ("add", "sub", "mul", "truediv", "pow", "matmul", "lt", "gt", "eq", "neg", "abs"):
    setattr(Expression, f"__{name}__", arithmetic(name))
    setattr(Expression, f"__r{name}__", arithmetic(name, True))
Expression.__hash__ = object.__hash__  # a place, told apart by identity
register(Expression, Functions())


def run(x, places):
    """Numbers of an expression, with those of `places` now."""
    if not isinstance(x, Expression):
        return x
    if x not in places:
        places[x] = x.call(*[run(y, places) for y in x.args], **x.given)
    return places[x]


def place(kind, value):
    return kind(lambda: value, ())


def lifted(tree, places):
    """The floats of a tree (options, numbers of a step) as numbers that may change."""
    if isinstance(tree, dict):
        return {k: v if k == "params" else lifted(v, places) for k, v in tree.items()}
    if isinstance(tree, tuple):
        return tuple(lifted(x, places) for x in tree)
    if isinstance(tree, float):
        places.append(place(Number, tree))
        return places[-1]
    return tree


def floats(tree):
    """The floats of a tree in the order of `lifted`."""
    if isinstance(tree, dict):
        return [x for k, v in tree.items() if k != "params" for x in floats(v)]
    if isinstance(tree, tuple):
        return [x for y in tree for x in floats(y)]
    return [tree] if isinstance(tree, float) else []


def form(tree):
    """What is left of a tree without its floats."""
    if isinstance(tree, tuple):
        return tuple(map(form, tree))
    return float if isinstance(tree, float) else tree


class Written:
    """The step of one parameter, written down when the form of its numbers is a new one."""

    def __init__(self, optimizer):
        self.optimizer, self.known, self.count = optimizer, {}, 0

    def step(self, value, g, state, group):
        c = self.optimizer.begin(state, value, group)
        arrays = [k for k, v in state.items() if hasattr(v, "shape")]
        if form(c) not in self.known:
            self.known[form(c)] = self.write(value, g, state, group, c, arrays)
        places, outcome, after = self.known[form(c)]
        now = [value, g, *(state[k] for k in arrays), *floats(group), *floats(c)]
        numbers = dict(zip(places, now, strict=True))
        outcome = run(outcome, numbers)
        state.update({k: run(x, numbers) for k, x in after.items()})
        return outcome.astype(value.dtype)

    def write(self, value, g, state, group, c, arrays):
        self.count += 1
        kept = {k: place(Expression, state[k].copy()) for k in arrays}
        places = [place(Expression, value), place(Expression, g), *kept.values()]
        view, own = {**state, **kept}, lifted(group, places)
        c = lifted(c, places)
        old, change = self.optimizer._change(places[0], places[1], view, own, c)
        return places, old + change, {k: view[k] for k in arrays}


@pytest.mark.parametrize("name", STEPPING)
@twofold
@share(100)
@given(data=st.data())
def test_a_formula_written_down_takes_the_same_steps(name, data):
    """Also when the learning rate changes; rarely is it written down anew."""
    drawn, rng = data.draw(options(name)), np.random.default_rng(data.draw(SEEDS))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    values = [rng.standard_normal(shape).astype(dtype) for shape in shapes(name)]
    ours, written = [nn.Parameter(v) for v in values], [v.copy() for v in values]
    a, b = (getattr(optim, name)(ps, **drawn) for ps in (ours, [nn.Parameter(v) for v in values]))
    steps = [Written(b) for _ in values]
    states = [b.state[p] for p in b.param_groups[0]["params"]]
    for t in range(12):
        if t == 6:
            a.param_groups[0]["lr"] = b.param_groups[0]["lr"] = 0.0123
        for i, p in enumerate(ours):
            g = rng.standard_normal(p.shape).astype(dtype)
            p.grad = g
            written[i] = steps[i].step(written[i], np.asarray(g), states[i], b.param_groups[0])
        a.step()
    for p, value, state, step in zip(ours, written, states, steps, strict=True):
        np.testing.assert_array_equal(p.data, value)
        assert a.state[p].keys() == state.keys()
        for key, kept in state.items():
            np.testing.assert_array_equal(a.state[p][key], kept)
        assert step.count <= 2


def test_a_formula_that_looks_at_a_number_is_caught(monkeypatch):
    """The test can fail: planted faults."""
    right = optim.SGD.update
    p = nn.Parameter([1.0, 2.0])
    b = optim.SGD([p], lr=0.1)

    def branches(self, value, g, state, group, c):
        return right(self, value, g if g[0] > 0 else -g, state, group, c)

    def frozen(self, value, g, state, group, c):
        return g * -float(group["lr"])

    g = np.array([1.0, 1.0], np.float32)
    for fault in (branches, frozen):
        monkeypatch.setattr(optim.SGD, "update", fault)
        with pytest.raises((OperandError, TypeError)):
            Written(b).step(p.data, g, {}, b.param_groups[0])


@pytest.mark.parametrize("clip", [None, "norm", "value"])
@pytest.mark.parametrize("name", STEPPING)
def test_a_captured_step_is_the_step(name, clip):
    """The same bits, through changes of the learning rate."""
    found = []
    for capture in (lambda step: step, lambda step: tg.jit(step, engine="numpy")):
        rng = np.random.default_rng(0)
        model = nn.Sequential(
            nn.Linear(4, 3, bias=False, rng=1), nn.Tanh(), nn.Linear(3, 2, bias=False, rng=2)
        )
        optimizer = getattr(optim, name)(model.parameters(), lr=0.01)

        def step(x, model=model, optimizer=optimizer):
            optimizer.zero_grad()
            loss = (model(x) ** 2).sum()
            loss.backward()
            norm = loss
            if clip == "norm":
                norm = nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            elif clip == "value":
                nn.utils.clip_grad_value_(model.parameters(), 0.1)
            optimizer.step()
            return norm

        call, losses = capture(step), []
        for t in range(5):
            optimizer.param_groups[0]["lr"] = 0.01 if t < 3 else 0.02
            losses.append(call(tg.tensor(rng.standard_normal((5, 4)).astype("f"))).item())
        found.append((losses, [p.tolist() for p in model.parameters()]))
    assert found[0] == found[1]


class Refusing:
    """A capture that only refuses."""

    def payload(self, node):
        return node._data

    def refused(self, what, instead):
        return TinygradError(f"{what}: {instead}")


@contextmanager
def captured():
    token = CAPTURING.set(Refusing())
    try:
        with mode_bit(CAPTURE):
            yield
    finally:
        CAPTURING.reset(token)


def test_what_cannot_be_captured_says_what_to_do_instead():
    p = nn.Parameter([1.0])
    p.grad = [1.0]
    sgd, lbfgs = optim.SGD([p], lr=0.1), optim.LBFGS([p])
    hooked = optim.SGD([p], lr=0.1)
    hooked.register_step_post_hook(lambda *args: None)
    schedule, plateau = lr_scheduler.StepLR(sgd, 1), lr_scheduler.ReduceLROnPlateau(sgd)
    model = nn.Linear(1, 1)
    mean = tg.train.AveragedModel(model)
    cases = [
        (lambda: sgd.step(lambda: 1.0), "SGD.step with a closure: compute the loss"),
        (lambda: sgd.zero_grad(set_to_none=False), r"write zero_grad\(\)"),
        (hooked.step, "hooks around SGD.step"),
        (lambda: lbfgs.step(lambda: 1.0), "LBFGS.step.*Adam"),
        (schedule.step, "StepLR.step: call it after the captured step"),
        (lambda: plateau.step(1.0), "ReduceLROnPlateau.step: call it after"),
        (lambda: mean.update_parameters(model), "update_parameters: call it after"),
        (lambda: tg.train.GradScaler().scale(p), "GradScaler.scale.*leave mixed precision"),
        (
            lambda: nn.utils.clip_grad_norm_([p], 1.0, error_if_nonfinite=True),
            "error_if_nonfinite=True: look at the norm",
        ),
        (lambda: nn.utils.clip_grad_norm_([p], 1.0), "from before the step"),
    ]
    for act, expected in cases:
        with captured(), pytest.raises(TinygradError, match=expected):
            act()
    assert p.tolist() == [1.0] and p.grad.tolist() == [1.0] and sgd.param_groups[0]["lr"] == 0.1
    assert namespace(p._data) is array
