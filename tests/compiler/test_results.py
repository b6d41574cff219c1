"""What a captured step returns is a constant, and a pass that would end at it is refused."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn
from tinygrad_nn.errors import GradientError


def leaf(*numbers):
    return tg.tensor(np.array(numbers), requires_grad=True)


@pytest.mark.parametrize("calls", [1, 3])
def test_a_loss_that_is_put_together_outside_of_the_step_is_refused(calls):
    w = leaf(1.0, 2.0)
    squares = tg.jit(lambda w: (w**2).sum(), engine="numpy")
    for _ in range(calls):
        loss = squares(w) + w.sum()
        with pytest.raises(GradientError, match=r"captured step.*inside of the step"):
            loss.backward()
        assert w.grad is None
        with pytest.raises(GradientError, match="captured step"):
            (squares(w) * w.sum()).backward(create_graph=True)
        assert w.grad is None


def test_a_network_that_is_captured_alone_is_no_part_of_a_loss():
    net = nn.Linear(3, 2, rng=0)
    forward = tg.jit(net, engine="numpy")
    for _ in range(2):
        outputs = forward(np.ones((4, 3), "float32"))
        assert outputs.numpy().shape == (4, 2) and "captured step" in repr(outputs)
        loss = nn.functional.cross_entropy(outputs, np.array([0, 1, 0, 1]))
        with pytest.raises(GradientError, match="captured step"):
            loss.backward()


def test_detached_it_is_a_constant():
    w = leaf(1.0, 2.0)
    squares = tg.jit(lambda w: (w**2).sum(), engine="numpy")
    for _ in range(2):
        w.grad = None
        (squares(w).detach() * w.sum()).backward()
        np.testing.assert_array_equal(w.grad.numpy(), [5, 5])


def test_what_needs_no_gradient_is_one_anyway():
    w = leaf(1.0, 2.0)

    @tg.jit(engine="numpy")
    def predict(x):
        with tg.no_grad():
            return w * x

    for _ in range(2):
        w.grad = None
        (predict(np.ones(2)) * w).sum().backward()
        np.testing.assert_array_equal(w.grad.numpy(), [1, 2])


@pytest.mark.parametrize("of_numbers", [False, True])
def test_a_state_that_is_handed_on_is_a_constant_in_the_next_call(of_numbers):
    w = tg.Value(0.5) if of_numbers else leaf(0.5)
    count = 0

    @tg.jit(engine="numpy")
    def step(h):
        h = h * w if not of_numbers else sum((h * w for _ in range(400)), start=h * 0) * (1 / 400)
        loss = h if of_numbers else h.sum()
        w.grad = None
        loss.backward()
        return h

    h = tg.Value(1.0, requires_grad=False) if of_numbers else tg.ones(1)
    for _ in range(4):
        h = step(h)
        count += 1
        assert float(h if of_numbers else h.item()) == pytest.approx(0.5**count, rel=1e-6)
        gradient = w.grad if of_numbers else w.grad.item()
        assert gradient == pytest.approx(0.5 ** (count - 1), rel=1e-6)


def test_sums_over_steps_are_numbers_as_ever():
    w = leaf(1.0)
    step = tg.jit(lambda x: (w * x).sum(), engine="numpy")
    total = 0.0
    for n in range(5):
        total = total + step(np.array([float(n)]))
    assert total.item() == 10.0 and max([step(np.ones(1)), step(np.zeros(1))]).item() == 1.0
