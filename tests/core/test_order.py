"""Sweeps towards some targets: over random graphs, against sums over all paths."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tinygrad_nn.core.order import uses_of, uses_towards
from tinygrad_nn.core.sweep import pull

STEPS = st.lists(
    st.tuples(st.integers(0, 30), st.integers(-2, 2), st.integers(0, 30), st.integers(-2, 2)),
    min_size=1,
    max_size=8,
)


def graph(steps: Any) -> tuple[list[Any], list[dict[int, float]]]:
    """Nodes a·x + b·y of earlier ones, three leaves first; and for each what it is made of."""
    nodes: list[Any] = [tg.tensor(np.ones(2), requires_grad=True) for _ in range(3)]
    made: list[dict[int, float]] = [{}, {}, {}]
    for left, a, right, b in steps:
        i, j = left % len(nodes), right % len(nodes)
        nodes.append(nodes[i] * float(a) + nodes[j] * float(b))
        parts: dict[int, float] = {}
        for k, c in ((i, a), (j, b)):
            parts[k] = parts.get(k, 0.0) + c
        made.append(parts)
    return nodes, made


def slope(made: list[dict[int, float]], root: int, target: int) -> float:
    """Sum over all paths of the products of the factors along them."""
    if root == target:
        return 1.0
    return sum(c * slope(made, k, target) for k, c in made[root].items())


def below(made: list[dict[int, float]], root: int) -> set[int]:
    return {root}.union(*[below(made, k) for k in made[root]])


@given(STEPS, st.data(), st.booleans())
def test_gradients_of_any_targets(steps, data, create_graph):
    nodes, made = graph(steps)
    numbers = st.integers(0, len(nodes) - 1)
    roots = data.draw(st.lists(numbers, min_size=1, max_size=2, unique=True))
    chosen = data.draw(st.lists(numbers, min_size=1, max_size=3, unique=True))
    roots = [r for r in roots if nodes[r].op is not None]
    targets = [nodes[t] for t in chosen]
    seeds = [np.full(2, 1.0 + k) for k in range(len(roots))]
    found = pull([nodes[r] for r in roots], seeds, targets, create_graph=create_graph)
    for t in chosen:
        reached = any(t in below(made, r) for r in roots)
        assert (nodes[t] in found) == reached
        if reached:
            g = found[nodes[t]]
            expected = sum((1.0 + k) * slope(made, r, t) for k, r in enumerate(roots))
            assert np.all(
                np.asarray(g.data if create_graph and hasattr(g, "op") else g) == expected
            )


@given(STEPS, st.data())
def test_known_uses_serve_again(steps, data):
    nodes, _ = graph(steps)
    targets = data.draw(st.lists(st.sampled_from(nodes), min_size=1, max_size=3, unique_by=id))
    root, one = nodes[-1], np.ones(2)
    uses = uses_towards([root], frozenset(targets))
    before = dict(uses)
    for _ in range(2):
        again = pull([root], [one], targets, uses=uses)
        fresh = pull([root], [one], targets)
        assert again.keys() == fresh.keys()
        assert all(np.array_equal(again[t], fresh[t]) for t in again)
    assert uses == before


def test_a_walk_ends_at_the_targets():
    x = tg.tensor([1.0], requires_grad=True)
    h = x * x
    for _ in range(5):
        h = h * x
    y = h + h
    assert set(uses_towards([y], frozenset([h]))) == {y}
    assert len(uses_of([y])) == 7


@pytest.mark.parametrize("size", [1, 3])
def test_hessian_times_a_vector_is_the_product(size):
    rng = np.random.default_rng(size)
    x, v, other = rng.normal(size=size), rng.normal(size=size), tg.tensor(1.5, requires_grad=True)

    def f(x: Any) -> Any:
        return (tg.tanh(x * other) * x**3).sum() + x[0] ** 2

    product = np.asarray(tg.hvp(f, x, v))
    np.testing.assert_allclose(product, np.asarray(tg.hessian(f)(x)) @ v, rtol=1e-6)
    step = 1e-5
    ahead, back = (np.asarray(tg.grad(f)(x + s * v)) for s in (step, -step))
    np.testing.assert_allclose(product, (ahead - back) / (2 * step), rtol=1e-6, atol=1e-6)
    assert other.grad is None


def test_hessian_of_what_is_linear_is_zero():
    assert np.array_equal(tg.hessian(lambda x: x.sum())(np.ones(3)), np.zeros((3, 3)))
    assert np.array_equal(tg.hvp(lambda x: x.sum(), np.ones(3), np.ones(3)), np.zeros(3))


def test_third_derivatives():
    third = tg.jacobian(tg.hessian(lambda x: (x**4).sum()))(np.array([2.0, 3.0]))
    assert third[0, 0, 0] == pytest.approx(48) and third[1, 1, 1] == pytest.approx(72)
    assert np.count_nonzero(third) == 2
