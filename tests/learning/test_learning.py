"""Small models reach a known loss, of tensors and of numbers."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn, optim
from tinygrad_nn.data import make_moons

F = nn.functional


def train(model, loss, optimizer, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(model)
        value.backward()
        optimizer.step()
    return value.item()


def accuracy(model, x, y):
    return float((np.asarray(model(x)).argmax(1) == y).mean())


OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.5),
    "momentum": lambda p: optim.SGD(p, lr=0.2, momentum=0.9),
    "Nesterov": lambda p: optim.SGD(p, lr=0.2, momentum=0.9, nesterov=True),
    "Adam": lambda p: optim.Adam(p, lr=0.05),
    "AdamW": lambda p: optim.AdamW(p, lr=0.05),
}


@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_xor(name):
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    y = np.array([0, 1, 1, 0])
    model = nn.Sequential(nn.Linear(2, 8, rng=0), nn.Tanh(), nn.Linear(8, 2, rng=1))
    loss = train(
        model, lambda m: F.cross_entropy(m(x), y), OPTIMIZERS[name](model.parameters()), 500
    )
    assert loss < 0.02
    assert accuracy(model, x, y) == 1.0


@pytest.mark.parametrize("activation", ["relu", "tanh", "silu", "gelu", "elu", "mish"])
def test_two_moons(activation):
    x, y = make_moons(200, noise=0.1, rng=0)[:]
    x, y = np.asarray(x, np.float32), np.asarray(y)
    model = nn.MLP(2, [16, 16, 2], activation=activation, rng=0, tensor=True)
    loss = train(
        model, lambda m: F.cross_entropy(m(x), y), optim.Adam(model.parameters(), lr=0.02), 200
    )
    assert loss < 0.05
    assert accuracy(model, x, y) >= 0.99


LOSSES = {
    "hinge": lambda s, y: F.hinge_loss(s, 2.0 * y - 1),
    "logits": F.binary_cross_entropy_with_logits,
    "probabilities": lambda s, y: F.binary_cross_entropy(tg.sigmoid(s), y),
    "squares": lambda s, y: F.mse_loss(s, 2.0 * y - 1),
}


@pytest.mark.parametrize("name", list(LOSSES))
def test_a_line_between_two_clouds(name):
    draws = np.random.default_rng(0)
    y = np.repeat([0.0, 1.0], 50)
    x = draws.standard_normal((100, 2)) + 4 * y[:, None]
    model = nn.Sequential(nn.Linear(2, 1, rng=0), nn.Flatten(0)).double()
    loss = train(
        model, lambda m: LOSSES[name](m(x), y), optim.SGD(model.parameters(), lr=0.03), 1500
    )
    assert loss < (0.25 if name == "squares" else 0.1)


def test_least_squares_are_found():
    draws = np.random.default_rng(0)
    x = draws.standard_normal((50, 3))
    y = x @ [1.0, -2.0, 0.5] + 3.0
    model = nn.Linear(3, 1, rng=0).double()
    train(
        model,
        lambda m: F.mse_loss(m(x), y[:, None]),
        optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
        300,
    )
    np.testing.assert_allclose(model.weight.data, [[1.0, -2.0, 0.5]], atol=1e-6)
    np.testing.assert_allclose(model.bias.data, [3.0], atol=1e-6)


def test_numbers_learn_the_moons_with_the_margin_loss():
    x, y = make_moons(40, noise=0.05, rng=0)[:]
    rows, signs = np.asarray(x, float).tolist(), (2 * np.asarray(y) - 1).tolist()
    model = nn.MLP(2, [8, 8, 1], rng=1)
    optimizer = optim.SGD(model.parameters(), lr=0.2, momentum=0.5)

    def loss(m):
        margins = [(1 - s * m(row)).relu() for s, row in zip(signs, rows, strict=True)]
        return sum(margins) * (1 / len(margins)) + 1e-4 * sum(p * p for p in m.parameters())

    assert train(model, loss, optimizer, 100) < 0.06
    right = [(model(row).data > 0) == (s > 0) for s, row in zip(signs, rows, strict=True)]
    assert sum(right) >= 39


def test_the_lecture_network_learns_a_batch_by_heart():
    draws = np.random.default_rng(0)
    x, y = draws.random((32, 784), np.float32), draws.integers(0, 10, 32)
    model = nn.Sequential(
        nn.Linear(784, 16, rng=0),
        nn.Sigmoid(),
        nn.Linear(16, 16, rng=1),
        nn.Sigmoid(),
        nn.Linear(16, 10, rng=2),
    )
    first = F.cross_entropy(model(x), y).item()
    assert first == pytest.approx(np.log(10), abs=0.3)
    loss = train(
        model, lambda m: F.cross_entropy(m(x), y), optim.Adam(model.parameters(), lr=0.02), 300
    )
    assert loss < 0.1
    assert accuracy(model, x, y) == 1.0
