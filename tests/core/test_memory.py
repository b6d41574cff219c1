"""Deep graphs, and graphs that vanish when they are dropped."""

import gc
import sys
import weakref
from contextlib import contextmanager

import numpy as np
import pytest

import tinygrad_nn as tg

DEPTHS = [
    pytest.param(100_000, id="1e5"),
    pytest.param(1_000_000, id="1e6", marks=pytest.mark.slow),
]
depths = pytest.mark.parametrize("depth", DEPTHS)


@contextmanager
def shallow_stack():
    """Room for no more than sixty frames above this one."""
    depth, frame = 0, sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + 60)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@contextmanager
def no_collector():
    """Reference counts alone."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def nodes(kind):
    return sum(1 for x in gc.get_objects() if type(x) is kind)


@depths
def test_a_chain_of_values(depth):
    with no_collector(), shallow_stack():
        before = nodes(tg.Value)
        x = tg.Value(1.0)
        y = x
        for _ in range(depth):
            y = y + x
        assert nodes(tg.Value) >= before + depth
        y.backward()
        assert x.grad == depth + 1
        y.backward()
        assert x.grad == 2 * (depth + 1)
        del y
        assert nodes(tg.Value) == before + 1


@depths
def test_a_chain_of_tensors(depth):
    with no_collector(), shallow_stack():
        before = nodes(tg.Tensor)
        x = tg.tensor(np.ones(1), requires_grad=True)
        y = x
        for _ in range(depth):
            y = y * 1.0
        y.backward()
        assert x.grad.item() == 1
        del y
        assert nodes(tg.Tensor) <= before + 2, "the leaf and its gradient"


@depths
def test_a_chain_that_is_dropped_without_a_pass(depth):
    with no_collector(), shallow_stack():
        before = nodes(tg.Tensor)
        y = tg.tensor(np.ones(1), requires_grad=True)
        for _ in range(depth):
            y = -y
        del y
        assert nodes(tg.Tensor) == before


@depths
def test_a_wide_sum_of_many_leaves(depth):
    with no_collector(), shallow_stack():
        leaves = [tg.Value(1.0) for _ in range(depth)]
        total = leaves[0]
        for x in leaves[1:]:
            total = total + x
        total.backward()
        assert all(x.grad == 1 for x in leaves)


def test_a_deep_graph_of_second_order():
    with no_collector(), shallow_stack():
        before = nodes(tg.Value)
        x = tg.Value(1.0)
        y = x
        for _ in range(5_000):
            y = y * x
        y.backward(create_graph=True)
        g, x.grad = x.grad, None
        assert g.data == 5_001
        g.backward()
        assert x.grad == 5_001 * 5_000
        del y, g
        assert nodes(tg.Value) == before + 1


@pytest.mark.parametrize(
    "options", [{}, {"retain_graph": True}, {"create_graph": True}], ids=lambda o: str([*o])
)
def test_a_dropped_graph_is_freed_without_the_collector(options):
    with no_collector():
        x = tg.tensor(np.ones(3), requires_grad=True)
        y = x * 2
        z = (y * y).sum()
        dead = [weakref.ref(y), weakref.ref(z)]
        z.backward(**options)
        del y, z
        x.grad = None
        assert [r() for r in dead] == [None, None]


def test_hooks_and_retained_gradients_make_no_cycles():
    with no_collector():
        x = tg.tensor(np.ones(3), requires_grad=True)
        y = (x * 2).retain_grad()
        y.register_hook(lambda g: g * 1)
        z = (y * y).sum()
        dead = [weakref.ref(y), weakref.ref(z)]
        z.backward()
        del y, z
        assert [r() for r in dead] == [None, None]


def test_a_pass_frees_intermediate_results_though_the_root_lives():
    with no_collector():
        x = tg.tensor(np.ones(3), requires_grad=True)
        y = x * 2
        dead = weakref.ref(y)
        z = (y * y).sum()
        del y
        assert dead() is not None
        z.backward()
        assert dead() is None


def test_a_failed_operation_leaves_nothing_behind():
    with no_collector():
        x = tg.tensor(np.ones(3), requires_grad=True)
        y = x * 2
        dead = weakref.ref(y)
        with pytest.raises(ValueError, match="add"):
            y + np.ones(4)
        del y
        gc.collect()  # the traceback of the error had hold of it
        assert dead() is None


def test_under_no_grad_nothing_is_kept():
    with no_collector(), tg.no_grad():
        x = tg.tensor(np.ones(3), requires_grad=True)
        y = x * 2
        dead = weakref.ref(y)
        y = y * 2
        assert dead() is None


def test_a_training_loop_holds_one_graph_at_a_time():
    with no_collector():
        x = tg.tensor(np.ones(3), requires_grad=True)
        counts = set()
        for _ in range(5):
            x.grad = None
            loss = (x * x).sum()
            loss.backward()
            counts.add(nodes(tg.Tensor))
        assert len(counts) == 1
