"""Settings are checked, chosen well by default, and survive JSON."""

import json

import pytest

from tinygrad_nn import nn
from tinygrad_nn.errors import OptionError, StateError
from tinygrad_nn.train import Settings, load_images
from tinygrad_nn.train.settings import ACTIVATIONS, LOSSES, OPTIMIZERS

REFUSED = [
    ({"data": "minst"}, "data.*'minst'.*digits, mnist.*did you mean mnist"),
    ({"activation": "Relu"}, "activation.*did you mean relu"),
    ({"loss": 3}, "loss.*3"),
    ({"optimizer": "x"}, "optimizer.*adam, adamw, sgd, momentum"),
    ({"schedule": None}, "schedule"),
    ({"lr": -1.0}, "lr: got -1, expected a finite number above 0"),
    ({"lr": 0}, "lr"),
    ({"lr": float("nan")}, "lr: got nan"),
    ({"lr": float("inf")}, "lr: got inf"),
    ({"lr": True}, "lr"),
    ({"lr": "fast"}, "lr.*'fast'"),
    ({"batch": 0}, "batch"),
    ({"batch": 2.5}, "batch"),
    ({"epochs": 0}, "epochs.*at least 1"),
    ({"seed": -1}, "seed"),
    ({"layers": (16, 0)}, "layers.*1 to 10,000"),
    ({"layers": (10**12,)}, "layers"),
    ({"layers": (1,) * 33}, "layers: got 33 layers"),
    ({"layers": 16}, "layers"),
    ({"layers": (True,)}, "layers"),
    ({"data_folder": 3}, "data_folder"),
]


@pytest.mark.parametrize(("wrong", "words"), REFUSED)
def test_a_wrong_entry_is_refused(wrong: dict, words: str):
    with pytest.raises(OptionError, match=words):
        Settings(**wrong)


@pytest.mark.parametrize(("wrong", "words"), REFUSED)
def test_a_wrong_entry_of_a_saved_state_is_refused(wrong: dict, words: str):
    with pytest.raises(StateError, match=words if wrong != {"schedule": None} else "schedule"):
        Settings.from_state({**Settings().state_dict(), **wrong})


@pytest.mark.parametrize("state", [None, [], {}, {**Settings().state_dict(), "more": 1}])
def test_a_state_with_other_entries_is_refused(state: object):
    with pytest.raises(StateError, match="settings"):
        Settings.from_state(state)


def test_settings_survive_json():
    for settings in (Settings(), Settings("mnist", (), "relu", "mse", "sgd", 0.1, seed=2**70)):
        assert Settings.from_state(json.loads(json.dumps(settings.state_dict()))) == settings
    changed = Settings.from_state(Settings().state_dict(), epochs=99, data_folder="x")
    assert changed == Settings(epochs=99, data_folder="x")


def test_the_rate_falls_evenly_or_stays():
    settings = Settings(lr=0.8, epochs=4)
    assert [settings.rate(epoch) for epoch in (1, 2, 3, 4)] == pytest.approx([0.8, 0.6, 0.4, 0.2])
    assert Settings(lr=0.8, epochs=4, schedule="constant").rate(4) == 0.8


def test_the_default_network_is_that_of_the_talk(make):
    experiment = make(layers=(16, 16))
    counts = [
        sum(p.size for p in part.parameters())
        for part in experiment.model.modules()
        if isinstance(part, nn.Linear)
    ]
    assert counts == [12_560, 272, 170]
    assert experiment.sizes == (784, 16, 16, 10)
    assert "13,002" in experiment.model.summary()
    assert Settings().layers == (16, 16)


def test_the_held_out_quarter_does_not_depend_on_the_seed():
    train, test = load_images(Settings(seed=0))
    again, same_test = load_images(Settings(seed=1))
    assert len(train) + len(test) == 1797 and len(test) == 449
    assert (test.inputs == same_test.inputs).all() and (train.targets == again.targets).all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_activation_and_loss_learns(activation: str, loss: str, make):
    experiment = make(activation=activation, loss=loss, epochs=12)
    assert experiment.fit()
    losses = [epoch.loss for epoch in experiment.history.epochs]
    assert losses[-1] < losses[0]
    assert experiment.probabilities(experiment.test.inputs).shape == (10, 10)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_learns(optimizer: str, make):
    experiment = make(optimizer=optimizer, epochs=8)
    experiment.fit()
    losses = [epoch.loss for epoch in experiment.history.epochs]
    assert losses[-1] < losses[0]


def test_probabilities_add_up(make):
    experiment = make()
    given = experiment.probabilities(experiment.test.inputs)
    assert given.sum(axis=1) == pytest.approx(1, abs=1e-5)
