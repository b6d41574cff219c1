"""The summary counts what it says, and leaves the model as it was."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tinygrad_nn import nn
from tinygrad_nn.core.record import OPS, Kind
from tinygrad_nn.errors import OperandError
from tinygrad_nn.nn.costs import COSTS, FREE


def test_every_operation_of_several_arrays_is_counted_or_free():
    several = {
        key
        for key, op in OPS.items()
        if op.kind in (Kind.GENERAL, Kind.MULTILINEAR, Kind.LINEAR)
        and (op.variadic or len(op.data) > 1)
    }
    assert several - set(COSTS) - FREE == set()
    assert not set(COSTS) & FREE


@given(st.lists(st.integers(1, 5), min_size=2, max_size=4), st.integers(1, 4))
def test_multiply_adds_and_memory_of_linear_layers(sides, batch):
    model = nn.Sequential(*[nn.Linear(a, b) for a, b in pairwise(sides)])
    found = nn.summary(model, (batch, sides[0]))
    products = [a * b for a, b in pairwise(sides)]
    assert [row.multiply_adds for row in found.rows[1:]] == [batch * n for n in products]
    assert [row.saved_bytes for row in found.rows[1:]] == [4 * batch * b for b in sides[1:]]
    assert [row.output for row in found.rows[1:]] == [(batch, b) for b in sides[1:]]
    assert found.parameters == found.trainable == sum(products) + sum(sides[1:])
    assert found.parameter_bytes == 4 * found.parameters


@pytest.mark.parametrize(
    ("make", "shape", "expected"),
    [
        (lambda: nn.Conv2d(4, 6, 3, groups=2), (2, 4, 5, 5), 2 * 6 * 9 * 2 * 9),
        (lambda: nn.ConvTranspose1d(4, 6, 3, stride=2), (2, 4, 5), 2 * 5 * 4 * 6 * 3),
        (lambda: nn.Bilinear(3, 4, 5), None, None),
    ],
    ids=["conv", "transposed", "bilinear"],
)
def test_multiply_adds_of_other_layers(make, shape, expected):
    if shape is None:
        found = nn.summary(make(), (2, 3), (2, 4))
        assert found.multiply_adds >= 2 * 3 * 4 * 5
    else:
        assert nn.summary(make(), shape).multiply_adds == expected


def test_nothing_of_the_model_changes():
    model = nn.Sequential(
        nn.utils.spectral_norm(nn.Linear(4, 3, rng=0), rng=0),
        nn.BatchNorm1d(3),
        nn.Dropout(0.5, rng=0),
    )
    state, x = model.state_dict(), np.ones((5, 4), np.float32)
    draws = [rng.bit_generator.state for _, rng in model.generators()]
    attributes = {key: dict(vars(m)) for key, m in model.named_modules()}
    nn.summary(model, x)
    for key, array in model.state_dict().items():
        np.testing.assert_array_equal(array, state[key])
    assert [rng.bit_generator.state for _, rng in model.generators()] == draws
    for key, m in model.named_modules():
        assert vars(m).keys() == attributes[key].keys()
        assert all(vars(m)[name] is value for name, value in attributes[key].items())


def test_the_model_is_put_back_also_when_it_raises():
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(4, 3))
    with pytest.raises(ValueError, match="linear"):
        nn.summary(model, (2, 4))
    assert all(m._hooks is None for m in model.modules())


def test_memory_counts_each_array_once_and_no_parameters():
    class Twice(nn.Module):
        def forward(self, x):
            y = tg.exp(x)
            return y.reshape(-1) * y.reshape(-1)

    x = tg.tensor(np.ones((3, 2)), requires_grad=True)
    assert nn.summary(Twice(), x).saved_bytes == 2 * 6 * 8


def test_shared_and_frozen_parameters():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    nn.utils.freeze(model, "0.bias")
    found = nn.summary(model, (1, 2))
    assert (found.parameters, found.trainable, found.frozen) == (8, 6, 2)
    assert [row.parameters for row in found.rows] == [0, 6, 2]


def test_text_and_calls():
    layer = nn.Linear(2, 2)
    text = str(nn.summary(nn.Sequential(layer, nn.ReLU(), layer), (3, 2)))
    assert "0: Linear (2 calls)" in text
    assert "trainable 6, frozen 0" in text
    assert str(nn.summary(nn.MLP(2, [3, 1]), [1.0, 2.0])).splitlines()[-2].split()[1:3] == [
        "13",
        "9",
    ]
    with pytest.raises(OperandError, match="expected a Module"):
        nn.summary(3)
