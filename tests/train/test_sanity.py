"""Each check passes on what works, sees the planted fault, and changes nothing."""

import numpy as np
import pytest

from tests.train.untouched_state import bits
from tinygrad_nn import data, nn, optim, train
from tinygrad_nn.errors import OperandError, OptionError

LOSS = nn.CrossEntropyLoss()
TRAIN, TEST = data.load_digits().flatten().split(test=0.25, rng=0)


def mlp(seed: int = 0, out: int = 10, *more: nn.Module) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(64, 32, rng=seed), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.4, rng=seed),
        nn.Linear(32, out, rng=seed + 100), *more,
    )  # fmt: skip


def unnamed(y, t):
    return LOSS(y, t)


def floats(targets):
    return targets.astype("float32")[:, None]


@pytest.mark.parametrize("seed", range(3))
def test_healthy_models_pass(seed):
    assert train.overfit_one_batch(mlp(seed), LOSS, TRAIN)
    assert train.check_initial_loss(mlp(seed), LOSS, TRAIN)
    assert train.check_shuffled_labels(mlp(seed), LOSS, TRAIN, TEST, epochs=5)
    scaled = (floats(TRAIN.targets) - 4.5) / 2.87
    plain = nn.Sequential(nn.Linear(64, 32, rng=seed), nn.Tanh(), nn.Linear(32, 1, rng=seed + 9))
    assert train.check_initial_loss(plain, nn.MSELoss(), (TRAIN.inputs, scaled))


def test_expected_losses():
    binary = floats(TRAIN.targets > 4)
    for model, loss, expected in (
        (mlp(0), LOSS, np.log(10)),
        (mlp(0), unnamed, np.log(10)),
        (mlp(0, 10, nn.LogSoftmax(-1)), nn.NLLLoss(), np.log(10)),
    ):
        assert train.check_initial_loss(model, loss, TRAIN).expected == pytest.approx(expected)
    for model, loss in (
        (mlp(0, 1), nn.BCEWithLogitsLoss()),
        (mlp(0, 1, nn.Sigmoid()), nn.BCELoss()),
    ):
        verdict = train.check_initial_loss(model, loss, (TRAIN.inputs, binary))
        assert verdict.expected == pytest.approx(np.log(2)) and verdict.ok
    with pytest.raises(OptionError, match="expected="):
        train.check_initial_loss(mlp(0), nn.MultiMarginLoss(), TRAIN)
    assert (
        train.check_initial_loss(mlp(0), nn.MultiMarginLoss(), TRAIN, expected=0.9).expected == 0.9
    )


def test_a_model_that_starts_confident_and_wrong():
    model = mlp()
    model[4].weight.data = model[4].weight.data * 50
    verdict = train.check_initial_loss(model, LOSS, TRAIN)
    assert not verdict and "confident and wrong" in verdict.advice


def test_a_model_that_knows_too_much():
    model = mlp()
    train.fit(model, LOSS, optim.Adam(model.parameters(), lr=0.01), TRAIN, 5)
    verdict = train.check_initial_loss(model, LOSS, TRAIN)
    assert not verdict and "knows too much" in verdict.advice


def test_unscaled_targets():
    verdict = train.check_initial_loss(
        mlp(0, 1), nn.MSELoss(), (TRAIN.inputs, floats(TRAIN.targets) + 100)
    )
    assert not verdict and "standardise" in verdict.advice


def test_a_model_that_cannot_learn_a_batch():
    def deaf(y, t):
        return LOSS(y * 1e-9, t)

    verdict = train.overfit_one_batch(mlp(), deaf, TRAIN, optimizer=optim.SGD)
    assert not verdict and "hardly moved" in verdict.advice and len(verdict.curve) == 301

    same = (np.ones((32, 64), "float32"), np.arange(32) % 10)
    plain = nn.Linear(64, 10, rng=0)
    verdict = train.overfit_one_batch(plain, LOSS, same)
    assert not verdict

    verdict = train.overfit_one_batch(
        plain, nn.MSELoss(), (TRAIN.inputs, np.ones((len(TRAIN), 10), "float32")),
        optimizer=lambda p: optim.SGD(p, lr=1e6),
    )  # fmt: skip
    assert not verdict and "lower the learning rate" in verdict.advice


def test_examples_in_both_halves_are_a_leak():
    verdict = train.check_shuffled_labels(mlp(), LOSS, TRAIN, TRAIN, epochs=60)
    assert not verdict and "both halves" in verdict.advice


def test_features_made_from_all_labels_are_a_leak():
    def encode(inputs, targets):
        """The mean of the target over rows that look alike: here each row for itself."""
        return np.concatenate([inputs, np.eye(10, dtype="float32")[targets]], axis=1)

    model = nn.Sequential(nn.Linear(74, 32, rng=0), nn.ReLU(), nn.Linear(32, 10, rng=1))
    assert not train.check_shuffled_labels(model, LOSS, TRAIN, prepare=encode)
    assert train.check_shuffled_labels(mlp(), LOSS, TRAIN, prepare=lambda x, t: x, epochs=5)


def test_a_regression_is_judged_by_correlation():
    y = floats(TRAIN.targets)
    model = nn.Sequential(nn.Linear(64, 8, rng=0), nn.Tanh(), nn.Linear(8, 1, rng=1))
    assert train.check_shuffled_labels(model, nn.MSELoss(), (TRAIN.inputs, y), epochs=5)
    halves = (TRAIN.inputs, y), (TRAIN.inputs, y)
    wide = nn.Sequential(nn.Linear(64, 64, rng=0), nn.Tanh(), nn.Linear(64, 1, rng=1))
    assert not train.check_shuffled_labels(wide, nn.MSELoss(), *halves, epochs=60)


def test_nothing_is_changed_to_the_last_bit():
    model = mlp()
    optimizer = optim.Adam(model.parameters(), lr=0.003)
    loader = data.DataLoader(TRAIN, 64, rng=5)
    train.fit(model, LOSS, optimizer, loader, 1)
    model[3].eval()
    before = bits(model, optimizer, loader)
    train.overfit_one_batch(model, LOSS, loader, optimizer=optimizer, steps=10)
    train.check_initial_loss(model, LOSS, loader)
    train.check_shuffled_labels(model, LOSS, loader, TEST, optimizer=optimizer, epochs=1)
    assert bits(model, optimizer, loader) == before


def test_verdicts_are_read_in_a_line():
    text = str(train.check_initial_loss(mlp(), LOSS, TRAIN))
    assert text.startswith("check_initial_loss: ok, 2.") and "ln 10" in text


def test_data_that_cannot_be_shuffled():
    with pytest.raises(OperandError, match="Dataset"):
        train.check_shuffled_labels(mlp(), LOSS, [1, 2, 3])


class Drawn(data.Dataset):
    """As written for PyTorch: examples one by one, and no arrays."""

    def __init__(self, source, pack=lambda x, y: (x, int(y))):
        self.source, self.pack = source, pack

    def __len__(self):
        return len(self.source)

    def __getitem__(self, place):
        return self.pack(*self.source[place])


def test_shuffled_labels_of_a_data_set_of_ones_own():
    model = nn.Sequential(nn.Linear(2, 16, rng=0), nn.Tanh(), nn.Linear(16, 2, rng=1))
    moons = data.make_moons(200)
    plain = train.check_shuffled_labels(model, LOSS, moons, epochs=2)
    for own in (Drawn(moons), data.DataLoader(Drawn(moons), 16)):
        found = train.check_shuffled_labels(model, LOSS, own, epochs=2)
        assert (found.number, found.curve) == (plain.number, plain.curve)
    halves = train.check_shuffled_labels(model, LOSS, Drawn(moons), Drawn(moons), epochs=2)
    assert halves.expected > 0


@pytest.mark.parametrize("pack", [lambda x, y: ((x, x), y), lambda x, y: ({"a": x}, y)])
def test_shuffled_labels_of_several_inputs_are_refused(pack):
    own = Drawn(data.make_moons(20), pack)
    with pytest.raises(OperandError, match=r"check_shuffled_labels: got .*expected"):
        train.check_shuffled_labels(nn.Linear(2, 2, rng=0), LOSS, own)
