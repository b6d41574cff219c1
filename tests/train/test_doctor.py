"""Every fault is named, healthy networks get no finding, and nothing is changed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.train.doctor_faults import FAULTS, IN_LOOPS, adam, inputs
from tests.train.doctor_models import HEALTHY, IMAGES, LOSS, TEST, TRAIN, cnn, mlp, with_everything
from tests.train.untouched_state import bits
from tinygrad_nn import data, nn, optim, train
from tinygrad_nn.errors import OperandError, OptionError, RegistrationError
from tinygrad_nn.train.doctor import CHECKS, check

OPTIMISERS: dict[str, Callable[[Any], Any]] = {
    "Adam": lambda p: optim.Adam(p, lr=0.003),
    "SGD": lambda p: optim.SGD(p, lr=0.1),
}


# ── Silence on healthy networks ─────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "make",
    [OPTIMISERS["Adam"], pytest.param(OPTIMISERS["SGD"], marks=pytest.mark.slow)],
    ids=OPTIMISERS,
)
@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_networks_get_no_finding(name, make):
    stay_silent(name, make, range(1))


@pytest.mark.slow
@pytest.mark.parametrize("make", OPTIMISERS.values(), ids=OPTIMISERS)
@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_networks_of_many_seeds_get_no_finding(name, make):
    stay_silent(name, make, range(1, 10))


def stay_silent(name: str, make: Any, seeds: range) -> None:
    build, examples = HEALTHY[name]
    held_out = TEST if examples is TRAIN else None
    for seed in seeds:
        model = build(seed)
        optimizer = make(model.parameters())
        for epochs in (0, 2, 6):  # fresh, half trained, trained
            if epochs:
                doctor = train.Doctor(every=10, say=None)
                train.fit(model, LOSS, optimizer, examples, epochs, callbacks=[doctor])
                assert doctor.report.ok, (seed, epochs, doctor.report)
            report = train.diagnose(model, LOSS, examples, optimizer=optimizer, validation=held_out)
            assert report.ok, (seed, epochs, report)


def test_healthy_regressions_and_binary_classifiers():
    moons = data.make_moons(300)
    y = moons.targets.astype("float32")[:, None]
    for seed in range(3):
        body = [nn.Linear(2, 16, rng=seed), nn.Tanh(), nn.Linear(16, 1, rng=seed + 9)]
        for loss, model, targets in (
            (nn.BCEWithLogitsLoss(), nn.Sequential(*body), y),
            (nn.BCELoss(), nn.Sequential(*body, nn.Sigmoid()), y),
            (nn.MSELoss(), nn.Sequential(*body), moons.inputs[:, :1] ** 2 + 0.1 * y),
            (lambda a, b: ((a - b) ** 2).mean(), nn.Sequential(*body), y),
        ):
            optimizer = adam(model)
            report = train.diagnose(model, loss, (moons.inputs, targets), optimizer=optimizer)
            assert report.ok, report


def test_frozen_batch_norm_is_no_mix_up():
    model = cnn()
    model[1].eval()
    for p in model[1].parameters():
        p.requires_grad_(False)
    optimizer = optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.003)
    assert train.diagnose(model, LOSS, IMAGES, optimizer=optimizer).ok


def test_tied_weights_and_a_zero_last_layer_are_no_fault():
    model = mlp()
    model[2].weight.data = model[2].weight.data * 0
    assert train.diagnose(model, LOSS, TRAIN, optimizer=adam(model)).ok


# ── One fault each ──────────────────────────────────────────────────────────────────────


def test_every_check_has_a_fault():
    assert set(FAULTS) | IN_LOOPS == set(CHECKS)


@pytest.mark.parametrize("name", FAULTS)
def test_the_fault_is_named(name):
    model, loss, examples, options = FAULTS[name]()
    report = train.diagnose(model, loss, examples, **options)
    assert name in report, report
    for finding in report[name]:
        assert finding.advice and finding.message and isinstance(finding.value, (int, float))
    assert name in str(report)


def test_findings_name_the_place():
    def place(name: str) -> str:
        model, loss, examples, options = FAULTS[name]()
        return train.diagnose(model, loss, examples, **options)[name][0].where

    assert place("dead-units") == "1"
    assert place("saturated-units") == "1"
    assert place("symmetric-units") == "0.weight"
    assert place("unused-parameters") == "extra.weight"
    assert place("missing-from-optimizer") == "2.weight"
    assert place("label-leak") == "input column 64"
    assert place("training-in-eval-mode") == "3"


def test_the_guilty_operation_is_named():
    model, loss, examples, _ = FAULTS["loss-not-finite"]()
    assert "log gave nan" in train.diagnose(model, loss, examples)["loss-not-finite"][0].message
    broken = inputs()[0].copy()
    broken[3, 5] = np.nan
    message = train.diagnose(mlp(), LOSS, (broken, TRAIN.targets))["loss-not-finite"][0].message
    assert "inputs are not finite" in message


def test_functional_activations_are_seen_too():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(64, 32, rng=0), nn.Linear(32, 10, rng=1)
            self.first.bias.data = self.first.bias.data - 50

        def forward(self, x):
            return self.last(nn.functional.relu(self.first(x)))

    assert "dead-units" in train.diagnose(Own(), LOSS, TRAIN)


def test_a_regression_leak():
    y = TRAIN.inputs[:, 20:21] * 3 - 1
    report = train.diagnose(nn.Linear(64, 1, rng=0), nn.MSELoss(), (TRAIN.inputs, y))
    assert report["label-leak"][0].where == "input column 20"


# ── Causes before consequences ──────────────────────────────────────────────────────────


def dead_net() -> nn.Sequential:
    model = mlp(0, nn.ReLU, 2)
    for k in (0, 2):
        model[k].bias.data = model[k].bias.data * 0 - 100
    return model


@pytest.mark.parametrize("with_steps", [False, True])
def test_dead_units_come_before_what_follows_from_them(with_steps):
    model = dead_net()
    options = {"optimizer": adam(model)} if with_steps else {}
    report = train.diagnose(model, LOSS, TRAIN, **options)
    assert report.names[0] == "dead-units"
    assert {f.severity for f in report["dead-units"]} == {"error"}
    (gone,) = report["vanishing-gradients"]
    assert "dead units at 1, 3" in gone.message and "dead-units" in gone.advice
    assert "ReLU" not in gone.advice
    (same,) = report["constant-predictions"]
    assert "dead-units" in same.advice
    assert "update-ratio" not in report  # no gradient arrives: the rate is not to blame


def test_some_dead_units_stay_a_warning():
    model = mlp()
    bias = model[0].bias.data.copy()
    bias[:28] = -100
    model[0].bias.data = bias
    (found,) = train.diagnose(model, LOSS, TRAIN)["dead-units"]
    assert found.severity == "warning" and found.where == "1"


def test_relu_is_not_proposed_to_who_has_it():
    model = mlp(0, nn.ReLU, 8)
    for k in range(2, 16, 2):
        model[k].weight.data = model[k].weight.data * 0.1
    report = train.diagnose(model, LOSS, TRAIN)
    (found,) = report["vanishing-gradients"]
    assert "dead-units" not in report
    assert "ReLU" not in found.advice and "kaiming" in found.advice
    sigmoids = train.diagnose(mlp(0, nn.Sigmoid, 10), LOSS, TRAIN)["vanishing-gradients"]
    assert "use nn.ReLU" in sigmoids[0].advice


def test_the_optimiser_of_another_model_is_one_line():
    report = train.diagnose(mlp(), LOSS, TRAIN, optimizer=adam(mlp()))
    (found,) = report["missing-from-optimizer"]
    assert (found.where, found.value) == ("", 4)
    assert "none of the 4 trainable parameters" in found.message


# ── Slips ───────────────────────────────────────────────────────────────────────────────

SGD = optim.SGD(nn.Linear(2, 2, rng=0).parameters(), lr=0.1)


@pytest.mark.parametrize("loss", [optim.Adam, SGD, nn.CrossEntropyLoss, TRAIN, None])
@pytest.mark.parametrize(
    ("call", "order"),
    [
        (train.diagnose, "diagnose(model, loss, data)"),
        (train.overfit_one_batch, "overfit_one_batch(model, loss, data)"),
        (train.check_initial_loss, "check_initial_loss(model, loss, data)"),
        (train.check_shuffled_labels, "check_shuffled_labels(model, loss, data)"),
        (
            lambda m, loss, d: train.find_learning_rate(m, loss, optim.Adam, d),
            "find_learning_rate(model, loss, optimizer, data)",
        ),
        (
            lambda m, loss, d: train.fit(m, loss, SGD, d, 1),
            "fit(model, loss, optimizer, data, epochs)",
        ),
    ],
)
def test_a_slip_of_the_order_is_explained(call, order, loss):
    model = mlp()
    before = bits(model)
    with pytest.raises(OptionError, match=r"^loss: got") as caught:
        call(model, loss, TRAIN)
    assert loss is nn.CrossEntropyLoss or order in str(caught.value)
    assert bits(model) == before


@pytest.mark.parametrize("optimizer", [LOSS, nn.CrossEntropyLoss, TRAIN, 0.1])
def test_what_is_no_optimiser_is_refused(optimizer):
    for call in (
        lambda: train.find_learning_rate(mlp(), LOSS, optimizer, TRAIN),
        lambda: train.diagnose(mlp(), LOSS, TRAIN, optimizer=optimizer),
        lambda: train.overfit_one_batch(mlp(), LOSS, TRAIN, optimizer=optimizer),
        lambda: train.check_shuffled_labels(mlp(), LOSS, TRAIN, optimizer=optimizer),
    ):
        with pytest.raises((OptionError, OperandError), match=r"optimi[sz]er.*expected"):
            call()


# ── Nothing is changed ──────────────────────────────────────────────────────────────────


def test_nothing_is_changed_to_the_last_bit():
    model = with_everything()
    optimizer = adam(model)
    loader = data.DataLoader(TRAIN, 64, rng=5)
    train.fit(model, LOSS, optimizer, loader, 1)
    model[3].eval()
    before = bits(model, optimizer, loader)
    outstanding = LOSS(model(TRAIN.inputs[:8]), TRAIN.targets[:8])
    before = bits(model, optimizer, loader)
    train.diagnose(model, LOSS, loader, optimizer=optimizer, validation=TEST)
    assert bits(model, optimizer, loader) == before
    outstanding.backward()  # a graph from before is still valid


def test_a_watched_training_learns_the_same_bits():
    states = []
    for callbacks in ([], [train.Doctor(every=3, say=None)]):
        model = with_everything()
        optimizer = adam(model)
        loader = data.DataLoader(TRAIN, 64, rng=5)
        train.fit(model, LOSS, optimizer, loader, 2, callbacks=callbacks, clip_norm=1.0)
        states.append(bits(model, optimizer, loader))
    for state in states:
        for name in [n for n in state if isinstance(state[n], tuple)]:
            state[name] = state[name][1:]  # the objects are others
    assert states[0] == states[1]


# ── Watching ────────────────────────────────────────────────────────────────────────────


def test_the_callback_names_faults_and_says_each_once():
    said: list = []
    model = nn.Sequential(mlp(), nn.Softmax(-1))
    doctor = train.Doctor(say=said.append)
    train.fit(model, LOSS, adam(model), TRAIN, 3, callbacks=[doctor])
    assert [f.name for f in said] == ["softmax-before-cross-entropy"]
    assert "softmax-before-cross-entropy" in doctor.report


def test_the_callback_finds_the_guilty_operation():
    model, loss, examples, _ = FAULTS["loss-not-finite"]()
    doctor = train.Doctor(say=None)
    with pytest.raises(Exception, match="loss"):
        train.fit(model, loss, adam(model), examples, 1, callbacks=[doctor])
    assert "log gave" in doctor.report["loss-not-finite"][0].message
    assert all(m._hooks is None for m in model.modules())


def loop(model: Any, doctor: train.Doctor, *, zero: bool = True, mode: bool = True) -> None:
    optimizer = adam(model)
    with doctor.watch(model, LOSS, optimizer):
        model.train(mode)
        for x, y in data.DataLoader(TRAIN):
            if zero:
                optimizer.zero_grad()
            LOSS(model(x), y).backward()
            optimizer.step()


def test_a_loop_of_ones_own():
    doctor = train.Doctor(say=None)
    for seed in range(3):
        model = mlp(seed)
        loop(model, doctor)
        assert doctor.report.ok, doctor.report
        assert all(m._hooks is None for m in model.modules())
    loop(mlp(), doctor, zero=False)
    assert doctor.report.names == ("gradients-never-zeroed",)
    loop(with_everything(), doctor, mode=False)
    assert doctor.report.names == ("training-in-eval-mode",)


def test_accumulated_gradients_are_no_fault():
    doctor, model = train.Doctor(say=None), mlp()
    optimizer = adam(model)
    with doctor.watch(model, LOSS, optimizer):
        for i, (x, y) in enumerate(data.DataLoader(TRAIN)):
            LOSS(model(x), y).backward()
            if i % 4 == 3:
                optimizer.step()
                optimizer.zero_grad()
    assert doctor.report.ok, doctor.report


def test_measuring_in_training_mode():
    import tinygrad_nn as tg

    doctor, model = train.Doctor(say=None), with_everything()
    with doctor.watch(model, LOSS, adam(model)), tg.no_grad():
        model(TRAIN.inputs)
    assert "measuring-in-train-mode" in doctor.report
    with doctor.watch(model, LOSS, adam(model)), tg.no_grad():
        model.eval()(TRAIN.inputs)
    assert doctor.report.ok


def test_contexts_of_the_loop_are_left_as_they_were():
    import tinygrad_nn as tg
    from tinygrad_nn.core.node import MODE

    doctor, model = train.Doctor(say=None), mlp()
    optimizer, before = adam(model), MODE.get()
    with doctor.watch(model, LOSS, optimizer):
        with tg.detect_anomaly():
            LOSS(model(TRAIN.inputs[:64]), TRAIN.targets[:64]).backward()
        assert MODE.get() == before
        optimizer.step()
    assert MODE.get() == before


# ── The report ──────────────────────────────────────────────────────────────────────────


def test_the_report():
    model, loss, examples, options = FAULTS["symmetric-units"]()
    report = train.diagnose(model, loss, examples, **options)
    assert not report.ok and len(report) == len(list(report)) > 0
    assert report["dead-units"] == () and "dead-units" not in report
    with pytest.raises(OptionError, match="dead-units"):
        report["dead-unit"]
    severities = [f.severity for f in report]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)
    assert "->" in str(report) and "not examined: learning rate" in str(report)
    healthy = train.diagnose(mlp(), LOSS, TRAIN, optimizer=adam(mlp()))
    assert "missing-from-optimizer" in healthy  # the optimiser of another model


def test_the_table_of_rich():
    pytest.importorskip("rich")
    model, loss, examples, options = FAULTS["dead-units"]()
    text = train.diagnose(model, loss, examples, **options).table(width=120)
    assert "dead-units" in text and "advice" in text


def test_show_prints_plain_lines_where_there_is_no_terminal(capsys):
    report = train.diagnose(mlp(), LOSS, TRAIN, optimizer=optim.Adam)
    report.show()
    assert capsys.readouterr().out == "no findings\n"


def test_checks_of_ones_own_are_registered_once():
    with pytest.raises(RegistrationError):
        check("dead-units", "error", rule="", advice="")
    with pytest.raises(RegistrationError):
        check("mine", "grave", rule="", advice="")


def test_bad_models():
    with pytest.raises(OperandError, match="tensor=True"):
        train.diagnose(nn.MLP(2, [1], rng=0), LOSS, TRAIN)
    with pytest.raises(OperandError, match="Module"):
        train.diagnose(lambda x: x, LOSS, TRAIN)
