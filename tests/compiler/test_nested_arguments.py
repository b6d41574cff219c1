"""Arguments of captured steps: many numbers, and lists, tuples and dicts nested in any way."""

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

import tinygrad_nn as tg


@pytest.mark.parametrize("count", [3, 10, 100, 400])
def test_many_numbers_as_arguments_keep_their_identity(count):
    """A leaf given twice has one gradient; leaves may trade places, be constants, or be doubled."""

    def total(xs):
        for x in xs:
            x.grad = None
        y = sum(((x * (n + 1.0)) ** 2 for n, x in enumerate(xs)), start=xs[0] * 0.0)
        y.backward()
        return y

    step = tg.jit(total, engine="numpy")
    leaves = [tg.Value(0.01 * n + 0.5) for n in range(count)]
    doubled = [*leaves[:-1], leaves[0]]
    constant = [*leaves[:-1], tg.Value(0.3, requires_grad=False)]
    for given in (leaves, leaves[::-1], doubled, doubled, constant, leaves, doubled[::-1]):
        expected = total(given).data, [x.grad for x in given]
        assert (step(given).data, [x.grad for x in given]) == expected


def test_a_number_that_the_step_finds_for_itself_may_be_an_argument_too():
    found = tg.Value(2.0)

    def product(xs):
        for x in (*xs, found):
            x.grad = None
        y = sum((x * found for x in xs), start=found * 1.0)
        y.backward()
        return y

    step = tg.jit(product, engine="numpy")
    leaves = [tg.Value(float(n)) for n in range(400)]
    for given in (leaves, [*leaves[:-1], found], leaves):
        expected = product(given).data, found.grad, [x.grad for x in given]
        assert (step(given).data, found.grad, [x.grad for x in given]) == expected


_TREES = st.recursive(
    st.sampled_from(["array", "number", "none", "text"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.sampled_from("abc"), inner, max_size=2)
    ),
    max_leaves=6,
)


def _filled(tree, scale):
    if isinstance(tree, dict):
        return {k: _filled(v, scale) for k, v in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(_filled(v, scale) for v in tree)
    return {"array": np.arange(3.0) * scale, "number": scale, "none": None, "text": "x"}[tree]


def _sum_of(tree):
    if isinstance(tree, dict):
        return sum(
            (_sum_of(v) * (2 if k == "a" else 3) for k, v in tree.items()), start=tg.zeros(3)
        )
    if isinstance(tree, (list, tuple)):
        kind = 5 if isinstance(tree, list) else 7
        parts = (_sum_of(v) * (kind + n) for n, v in enumerate(tree))
        return sum(parts, start=tg.zeros(3))
    if tree is None:
        return tg.ones(3)
    return tg.zeros(3) - 1 if isinstance(tree, str) else tree + tg.zeros(3)


@drawn(trees=st.lists(_TREES, min_size=2, max_size=4))
def test_arguments_nested_in_any_way_are_told_apart(trees):
    step = tg.jit(lambda tree, *, named: _sum_of(tree) + _sum_of(named) * 0.5, engine="numpy")
    for round_ in range(2):
        for n, tree in enumerate(trees):
            given, named = _filled(tree, 1.0 + round_), _filled(trees[n - 1], 2.0 + round_)
            for _ in range(2):
                expected = (_sum_of(given) + _sum_of(named) * 0.5).numpy()
                np.testing.assert_array_equal(step(given, named=named).numpy(), expected)


@pytest.mark.parametrize("found_by", ["closure", "module", "optimizer"])
def test_an_argument_that_the_step_also_finds_by_another_way_stays_that_one(found_by):
    layer = tg.nn.Linear(2, 2, bias=False, rng=0)
    spare = tg.tensor(1.0, requires_grad=True)
    optimizer = tg.optim.SGD([layer.weight, spare], lr=0.5)
    weight = layer.weight

    def stepped(other):
        optimizer.zero_grad()
        ((other * other).sum() + spare).backward()
        optimizer.step()
        return other * 1.0

    use = {
        "closure": lambda other: weight.sum(0) * other.sum(),
        "module": lambda other: layer(tg.ones(2)) * other.sum(),
        "optimizer": stepped,
    }[found_by]

    def after(step, others):
        weight.data = np.eye(2)
        results = []
        for other in others:
            other.grad = None
            results.append(step(other).numpy().copy())
        return results, weight.numpy().copy()

    another = tg.tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True)
    step = tg.jit(use, engine="numpy")
    for others in ([weight, another], [another, weight, another], [weight, weight]):
        expected, found = after(use, others), after(step, others)
        for a, b in zip((*expected[0], expected[1]), (*found[0], found[1]), strict=True):
            np.testing.assert_array_equal(b, a)


@pytest.mark.parametrize("engine", ["numpy", "auto"])
def test_a_number_that_is_stepped_stays_an_array(engine):
    w = tg.tensor(1.0, requires_grad=True)
    optimizer = tg.optim.SGD([w], lr=0.25)

    def step(x):
        optimizer.zero_grad()
        (w * x).backward()
        optimizer.step()

    captured = tg.jit(step, engine=engine)
    for turn in range(3):
        captured(tg.tensor(1.0))
        assert type(w._data) is np.ndarray
        assert (w + 1.0).item() == 1.75 - 0.25 * turn
