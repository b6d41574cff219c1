"""Odd steps beside eager ones: gradients that were looked at, results that are written into."""

import copy
import gc
import weakref

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.compiler.beside import ENGINE, beside, rows
from tests.compiler.twins import bits
from tinygrad_nn import nn, optim


def leaf(*shape, seed=0):
    array = np.random.default_rng(seed).standard_normal(shape).astype("float32")
    return tg.tensor(array, requires_grad=True)


@pytest.mark.parametrize("look", ["not", "grad", "array"])
def test_gradients_that_are_looked_at_between_calls_accumulate(look):
    def make():
        w = leaf(3)
        return [w], lambda x: (x * w).sum().backward()

    def between(turn, leaves):
        if look != "not":
            gradient = leaves[0].grad
            assert look == "grad" or gradient.numpy().shape == (3,)

    beside(make, between=between)


def test_gradients_that_are_looked_at_are_forgotten():
    """By `zero_grad`, though the step computes no new ones."""

    def make():
        w, v = leaf(3), leaf(3, seed=1)
        optimizer = optim.SGD([w, v], lr=0.1)

        def step(x):
            loss = (x * w).sum() + (x * v).sum() if v.requires_grad else (x * w).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        return [w, v], step

    def between(turn, leaves):
        assert leaves[1].grad is None or leaves[1].grad.shape == (3,)
        if turn == 1:
            leaves[1].requires_grad_(False)

    beside(make, between=between)


def test_a_gradient_that_comes_from_elsewhere_is_a_step_too():
    def make():
        w, v = leaf(3), leaf(2, seed=1)
        optimizer = optim.SGD([w, v], lr=0.1)

        def step(x):
            w.grad = None
            (x * w).sum().backward()
            optimizer.step()

        return [w, v], step

    def between(turn, leaves):
        leaves[1].grad = tg.tensor(np.ones(2, "float32")) if turn == 1 else None

    beside(make, between=between)


def test_a_group_added_between_calls_is_moved():
    optimizers = {}

    def make():
        w, v = leaf(3), leaf(3, seed=1)
        optimizer = optimizers[w] = optim.SGD([w], lr=0.1)

        def step(x):
            w.grad = v.grad = None
            (x * w * v).sum().backward()
            optimizer.step()

        return [w, v], step

    def between(turn, leaves):
        if turn == 1:
            optimizers[leaves[0]].add_param_group({"params": [leaves[1]], "lr": 0.5})

    beside(make, between=between)


def test_a_hook_added_to_a_leaf_between_calls():
    def make():
        w = leaf(3)
        w.register_hook(lambda g: g * 2)

        def step(x):
            w.grad = None
            (x * w).sum().backward()

        return [w], step

    def between(turn, leaves):
        if turn == 1:
            leaves[0].register_hook(lambda g: g * 5)

    beside(make, between=between)


def test_results_that_are_written_into_do_not_come_back():
    def step(x):
        return x * 2, np.ones(3), tg.tensor(np.ones(3)), tg.zeros(2), [1], {"a": 5}

    captured = tg.jit(step, engine=ENGINE)
    for _ in range(4):
        found = captured(rows(0))
        assert bits(found) == bits(step(rows(0)))
        found[1][0] = found[2].data[0] = found[3].data[0] = 7.0
        found[4].append(2)
        found[5]["b"] = 1


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_a_mask_that_is_changed_in_place(engine):
    if engine == "numba":
        pytest.importorskip("numba")
    mask = np.array([True, False, True, False])

    def step(x):
        return (x[mask] * 2).sum()

    captured, x = tg.jit(step, engine=engine), rows(0)
    for chosen in (mask.copy(), [True] * 4, [False] * 4, [False, True, False, True]):
        mask[:] = chosen
        for _ in range(2):
            assert np.allclose(captured(x).numpy(), step(x).numpy())


def test_silence_asked_for_in_a_step_lasts():
    @tg.jit(engine=ENGINE)
    def step(x):
        with np.errstate(all="ignore"):
            return tg.log(x - 5.0)

    for turn in range(3):
        assert np.isnan(step(rows(turn)).numpy()).all()
    assert sum(map(len, step._captured.values())) == 1


def test_floats_are_rounded_written_and_made_arrays():
    def step(x, rate):
        return x * round(rate, 1) * np.full(3, rate), f"{rate:.2f}", tg.tensor([rate, rate])

    captured = tg.jit(step, engine=ENGINE)
    for rate in (0.25, 0.25, 0.5):
        assert bits(captured(rows(0), rate)) == bits(step(rows(0), rate))


def test_a_step_in_a_class_is_a_method():
    class Scaled:
        def __init__(self, scale):
            self.scale = leaf(3, seed=scale)

        @tg.jit(engine=ENGINE)
        def step(self, x):
            return x * self.scale

    one, two = Scaled(1), Scaled(2)
    for turn in range(2):
        for thing in (one, two):
            assert bits(thing.step(rows(turn))) == bits(rows(turn) * thing.scale)
    one.scale = two.scale
    assert bits(one.step(rows(0))) == bits(rows(0) * two.scale)
    assert len(one.step.program.instructions) == 1


def test_a_model_with_a_step_can_be_copied():
    class Fast(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 2, rng=0)
            self.fast = tg.jit(self.layer, engine=ENGINE)

        def forward(self, x):
            return self.fast(x)

    model = Fast()
    model(rows(0))
    other = copy.deepcopy(model)
    other.layer.weight.data[...] = 0.0
    assert bits(other(rows(0))) == bits(other.layer(rows(0))) != bits(model(rows(0)))


def test_the_first_arguments_are_not_kept():
    step, array = tg.jit(lambda x: (tg.tensor(x) * 2).sum(), engine=ENGINE), np.ones((4, 3))
    alive = weakref.ref(array)
    step(array)
    step(array)
    del array
    gc.collect()
    assert alive() is None


def test_a_part_that_is_computed_again():
    def make():
        net = nn.Sequential(nn.Linear(3, 4, rng=0), nn.Tanh(), nn.Linear(4, 2, rng=1))

        def step(x):
            net.zero_grad()
            (tg.checkpoint(net, x) ** 2).mean().backward()

        return list(net.parameters()), step

    beside(make)
