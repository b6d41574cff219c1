"""What leaves out at random: how often, what stays of the mean, and the same by the same seed."""

import copy
import math
from typing import Any

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn
from tinygrad_nn.backends.keep import keep_mask
from tinygrad_nn.errors import DTypeError, OperandError, OptionError, ShapeError

F = nn.functional
COUNT = 200_000
PROBABILITIES = [0.5, 0.1, 0.25, 0.9, 0.001, 0.3333, 1 / 256, 0.999]


def within(count: int, n: int, p: float) -> bool:
    """Whether so many of n is no further from np than five standard deviations.

    A right program fails with probability 6e-7, and with fixed seeds never again.
    """
    return abs(count - n * p) <= 5 * math.sqrt(n * p * (1 - p))


@pytest.mark.parametrize("p", PROBABILITIES)
def test_how_many_are_left_out(p: float):
    y = np.asarray(F.dropout(tg.ones((COUNT,)), p, rng=1))
    assert within(int((y == 0).sum()), COUNT, p)
    np.testing.assert_allclose(y[y != 0], 1 / (1 - p), rtol=1e-6)
    deviation = math.sqrt(p / (1 - p) / COUNT)
    assert abs(y.mean() - 1) < 5 * deviation + 1e-6


@pytest.mark.parametrize("p", [0.3, 0.5 + 1 / 1024, 1e-4, 1 - 1e-4])
def test_the_probability_is_finer_than_a_byte(p: float):
    """A byte alone would be wrong by up to 1/512."""
    n = 4_000_000
    assert within(int(keep_mask((n,), p, np.random.default_rng(3)).sum()), n, p)


def test_neighbours_are_independent():
    kept = keep_mask((COUNT,), 0.3, np.random.default_rng(4))
    for lag in (1, 2, 7, 8, 64):
        pairs = kept[:-lag] & kept[lag:]
        assert abs(pairs.mean() - 0.09) < 5 * math.sqrt(0.09 * 0.91 / COUNT) * 1.5


@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.MT19937, np.random.Philox])
def test_any_generator_serves(bits: Any):
    kept = keep_mask((COUNT,), 0.7, np.random.Generator(bits(0)))
    assert within(int(kept.sum()), COUNT, 0.7)


def test_0_and_1_are_exact():
    x = tg.tensor([1.0, math.inf, math.nan], requires_grad=True)
    assert F.dropout(x, 0.0) is x
    y = F.dropout(x, 1.0)
    y.sum().backward()
    assert y.tolist() == [0, 0, 0] and x.grad.tolist() == [0, 0, 0]
    kept = keep_mask((1000,), 1.0, np.random.default_rng(0))
    assert kept.all() and not keep_mask((1000,), 0.0, np.random.default_rng(0)).any()


LAYERS = [
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
]


def shape_for(layer: Any) -> tuple[int, ...]:
    return (2, 3, 4, 4, 4) if layer is nn.Dropout3d else (4, 3, 5)


@pytest.mark.parametrize("layer", LAYERS)
def test_evaluation_returns_the_input_itself(layer: Any):
    x = tg.ones(shape_for(layer))
    assert layer(0.5).eval()(x) is x


@pytest.mark.parametrize("layer", LAYERS)
def test_the_same_seed_gives_the_same_masks(layer: Any):
    x = tg.ones(shape_for(layer))
    one, two = layer(0.5, rng=7), layer(0.5, rng=7)
    first = one(x).tolist()
    assert first == two(x).tolist()
    third = one(x).tolist()
    assert third == two(x).tolist() and third != first
    assert layer(0.5, rng=np.random.default_rng(7))(x).tolist() == first
    assert copy.deepcopy(one)(x).tolist() == one(x).tolist()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("layer", LAYERS)
def test_dtype_is_kept(layer: Any, dtype: str):
    x = tg.tensor(np.ones(shape_for(layer), dtype), requires_grad=True)
    y = layer(0.5, rng=0)(x)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == dtype


def test_the_gradient_passes_where_the_value_does():
    x = tg.tensor(np.ones((50, 50)), requires_grad=True)
    y = F.dropout(x, 0.4, rng=0)
    y.sum().backward()
    np.testing.assert_array_equal(np.asarray(x.grad), np.asarray(y.detach()))


@pytest.mark.parametrize(
    ("function", "shape", "leading"),
    [
        (F.dropout1d, (40, 50, 3), 2),
        (F.dropout1d, (500, 3), 1),
        (F.dropout2d, (40, 50, 2, 3), 2),
        (F.dropout2d, (40, 50, 3), 2),
        (F.dropout3d, (40, 50, 2, 2, 2), 2),
        (F.dropout3d, (500, 2, 2, 2), 1),
        (F.feature_alpha_dropout, (40, 50, 2, 3), 2),
    ],
)
def test_whole_channels(function: Any, shape: Any, leading: int):
    y = np.asarray(function(tg.ones(shape), 0.3, True, rng=0))
    flat = y.reshape(int(np.prod(shape[:leading])), -1)
    assert (flat == flat[:, :1]).all()
    assert within(int((flat[:, 0] == flat.min()).sum()), len(flat), 0.3)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_alpha_dropout_keeps_mean_and_variance(p: float):
    x = np.random.default_rng(0).standard_normal(COUNT)
    y = np.asarray(F.alpha_dropout(tg.tensor(x), p, True, rng=1))
    assert abs(y.mean()) < 5 / math.sqrt(COUNT)
    assert abs(y.var() - 1) < 5 * math.sqrt(12 / COUNT)


# ── Gumbel softmax ──────────────────────────────────────────────────────────────────────


def test_gumbel_softmax_draws_classes_by_their_probabilities():
    probabilities = np.array([0.6, 0.3, 0.1])
    logits = tg.tensor(np.broadcast_to(np.log(probabilities), (COUNT, 3)).copy())
    y = np.asarray(F.gumbel_softmax(logits, 0.7, hard=True, rng=0))
    assert set(np.unique(y)) == {0.0, 1.0} and (y.sum(-1) == 1).all()
    for k, p in enumerate(probabilities):
        assert within(int(y[:, k].sum()), COUNT, p)


def test_the_hard_row_has_the_gradient_of_the_soft_one():
    logits = np.random.default_rng(0).standard_normal((4, 3, 2)).astype(np.float32)
    weight = np.random.default_rng(1).standard_normal(logits.shape).astype(np.float32)
    found = []
    for hard in (True, False):
        x = tg.tensor(logits, requires_grad=True)
        y = F.gumbel_softmax(x, 0.5, hard, dim=1, rng=3)
        (y * weight).sum().backward()
        found.append(np.asarray(x.grad))
        assert y.dtype == np.float32
    np.testing.assert_array_equal(*found)


# ── Input ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan, "0.5", None, True])
def test_p_is_a_probability(p: Any):
    for layer in LAYERS:
        with pytest.raises(OptionError, match="from 0 to 1"):
            layer(p)
    with pytest.raises(OptionError, match="from 0 to 1"):
        F.dropout(tg.ones((2,)), p)


@pytest.mark.parametrize(
    ("call", "error", "word"),
    [
        (lambda: F.dropout(tg.tensor(np.array([1, 2]))), DTypeError, "astype"),
        (lambda: F.dropout1d(tg.ones((2, 2, 2, 2))), ShapeError, "2 or 3"),
        (lambda: F.dropout2d(tg.ones((2, 2))), ShapeError, "3 or 4"),
        (lambda: F.dropout3d(tg.ones((2, 2))), ShapeError, "4 or 5"),
        (lambda: F.feature_alpha_dropout(tg.ones((2,))), ShapeError, "channels"),
        (lambda: F.gumbel_softmax(tg.ones((2,)), 0.0), OptionError, "tau=0.0"),
        (lambda: nn.Dropout(rng="seed"), OperandError, "rng"),
    ],
)
def test_bad_input(call: Any, error: Any, word: str):
    with pytest.raises(error, match=word):
        call()


def test_empty_batches():
    assert nn.Dropout(rng=0)(tg.ones((0, 3))).shape == (0, 3)
    assert nn.Dropout1d(rng=0)(tg.ones((0, 3, 2))).shape == (0, 3, 2)
    assert nn.AlphaDropout(rng=0)(tg.ones((0, 3))).shape == (0, 3)
