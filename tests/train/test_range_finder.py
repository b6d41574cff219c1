"""The range lies where training works, doubt is told in words, and nothing is changed."""

import numpy as np
import pytest

from tests.train.untouched_state import bits
from tinygrad_nn import data, nn, optim, train
from tinygrad_nn.errors import OperandError, OptionError

LOSS = nn.CrossEntropyLoss()
TRAIN, TEST = data.load_digits().flatten().split(test=0.25, rng=0)


def mlp(seed: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(64, 32, rng=seed), nn.ReLU(), nn.Linear(32, 10, rng=seed + 100))


def with_everything() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(64, 16, rng=0), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.5, rng=3),
        nn.Linear(16, 10, rng=1),
    )  # fmt: skip


def trained_with(rate: float, make, seed: int) -> float:
    model = mlp(seed)
    with np.errstate(all="ignore"):
        history = train.fit(model, LOSS, make(model.parameters(), lr=rate), TRAIN, 2)
    return history.epochs[-1].loss


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam], ids=["SGD", "Adam"])
def test_the_suggestion_beats_rates_far_from_it(make):
    for seed in range(3):
        found = train.find_learning_rate(mlp(seed), LOSS, make, TRAIN)
        assert found.trust, found
        assert found.low < found.suggestion <= found.high
        here = trained_with(found.suggestion, make, seed)
        assert here < 0.8 * trained_with(found.low / 10, make, seed)
        assert here < 1.2 * trained_with(found.low, make, seed)


def test_nothing_is_changed_to_the_last_bit():
    model = with_everything()
    optimizer = optim.Adam(model.parameters(), lr=0.003)
    loader = data.DataLoader(TRAIN, 64, rng=5)
    train.fit(model, LOSS, optimizer, loader, 1)
    model[0].eval()
    before = bits(model, optimizer, loader)
    first = train.find_learning_rate(model, LOSS, optimizer, loader, steps=30)
    assert bits(model, optimizer, loader) == before
    assert str(first) == str(train.find_learning_rate(model, LOSS, optimizer, loader, steps=30))


def test_training_goes_on_as_if_nothing_had_been():
    ends = []
    for looks in (False, True):
        model = with_everything()
        optimizer = optim.Adam(model.parameters(), lr=0.003)
        loader = data.DataLoader(TRAIN, 64, rng=5)
        train.fit(model, LOSS, optimizer, loader, 1)
        if looks:
            train.find_learning_rate(model, LOSS, optimizer, loader, steps=20)
        train.fit(model, LOSS, optimizer, loader, 1)
        ends.append(bits(model, optimizer, loader))
    for end in ends:
        for name in [n for n in end if isinstance(end[n], tuple)]:
            end[name] = end[name][1:]  # the objects are others
    assert ends[0] == ends[1]


def test_nothing_is_changed_where_the_loss_raises():
    model = with_everything()
    before = bits(model)
    calls = []

    def loss(y, t):
        calls.append(1)
        if len(calls) > 5:
            raise RuntimeError("mine")
        return LOSS(y, t)

    with pytest.raises(RuntimeError, match="mine"):
        train.find_learning_rate(model, loss, optim.SGD, TRAIN)
    assert bits(model) == before


def test_doubt_is_told_in_words():
    rng = np.random.default_rng(0)
    noise = (rng.normal(size=(600, 64)).astype("float32"), rng.integers(0, 10, 600))
    found = train.find_learning_rate(mlp(0), LOSS, optim.SGD, noise)
    assert not found.trust and ("noisy" in found.reason or "never fell" in found.reason)

    def deaf(y, t):
        return LOSS(y * 1e-12, t)

    found = train.find_learning_rate(mlp(0), deaf, optim.SGD, TRAIN)
    assert not found.trust and "never fell" in found.reason and found.suggestion is None

    found = train.find_learning_rate(mlp(0), LOSS, optim.SGD, TRAIN, start=1e3, end=1e8)
    assert not found.trust and "first steps" in found.reason


def test_nan_from_the_start():
    broken = (np.full((64, 64), np.nan, "float32"), np.zeros(64, int))
    found = train.find_learning_rate(mlp(0), LOSS, optim.SGD, broken)
    assert not found.trust and found.low is None
    assert "no finite loss" in str(found)


def test_groups_keep_their_ratio():
    model, seen = mlp(0), []
    groups = [
        {"params": list(model[0].parameters()), "lr": 0.1},
        {"params": list(model[2].parameters()), "lr": 0.3},
    ]
    optimizer = optim.SGD(groups)
    optimizer.register_step_pre_hook(
        lambda o, *_: seen.append(o.param_groups[1]["lr"] / o.param_groups[0]["lr"])
    )
    train.find_learning_rate(model, LOSS, optimizer, TRAIN, steps=12, seeds=1)
    assert seen and np.allclose(seen, 3.0)


def test_networks_in_the_words_of_the_lecture():
    moons = data.make_moons(200)
    model = nn.MLP(2, [16, 2], tensor=True, activation="tanh", rng=0)
    assert train.find_learning_rate(model, LOSS, optim.SGD, moons).trust
    values = nn.MLP(2, [4, 1], rng=0)
    batches = [([float(a), float(b)], float(t)) for (a, b), t in zip(*moons[:20], strict=True)]
    found = train.find_learning_rate(values, lambda y, t: (y - t) ** 2, optim.SGD, batches, seeds=1)
    assert found.rates.shape == (100,)


def test_bad_options():
    for options in ({"start": 0.0}, {"start": 1.0, "end": 0.1}, {"steps": 3}, {"seeds": 0}):
        with pytest.raises(OptionError):
            train.find_learning_rate(mlp(0), LOSS, optim.SGD, TRAIN, **options)
    with pytest.raises(OperandError, match="optimiser"):
        train.find_learning_rate(mlp(0), LOSS, 0.1, TRAIN)
    with pytest.raises(OptionError, match="only once"):
        train.find_learning_rate(mlp(0), LOSS, optim.SGD, iter([]))


def test_the_text_shows_range_rules_and_curve():
    text = str(train.find_learning_rate(mlp(0), LOSS, optim.SGD, TRAIN))
    for part in ("trust it", "steepest", "valley", "divergence/10", "[", "]", "^", "*"):
        assert part in text
