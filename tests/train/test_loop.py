"""`fit` does what the loop written out does, stops where asked, and says when it diverges."""

import json
import re

import numpy as np
import pytest

from tests.serialize.states import same
from tinygrad_nn import nn, optim
from tinygrad_nn.data import DataLoader, make_moons
from tinygrad_nn.errors import AnomalyError, DataError, OptionError, StateError
from tinygrad_nn.train import History, LambdaCallback, fit


def parts():
    model = nn.Sequential(nn.Linear(2, 4, rng=0), nn.Tanh(), nn.Linear(4, 2, rng=1))
    return model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=0.05)


def test_a_history_is_shown_in_one_line():
    assert repr(History()) == "History(no epoch, 0 batches)"
    history = fit(
        *parts(), loader(), 2, validation=make_moons(20), metrics={"one": lambda x, y: 1.0}
    )
    line = r"History\(2 epochs; the last: loss [\d.]+, one 1, val_loss [\d.]+, val_one 1\)"
    assert re.fullmatch(line, repr(history))


@pytest.mark.parametrize(
    ("swapped", "message"),
    [
        (lambda m, f, o: (m, o, f), r"loss: got Adam, expected fit\(model, loss, optimizer, data"),
        (
            lambda m, f, o: (m, type(f), o),
            r"got the class CrossEntropyLoss.*nn.CrossEntropyLoss\(\)",
        ),
        (lambda m, f, o: (m, f, type(o)), r"got the class Adam.*Adam\(model.parameters\(\)\)"),
        (lambda m, f, o: (m, f, "adam"), "optimizer: got str"),
    ],
)
def test_a_slip_of_the_order_is_explained(swapped, message):
    with pytest.raises(OptionError, match=message):
        fit(*swapped(*parts()), loader(), 1)


def loader() -> DataLoader:
    return DataLoader(make_moons(50), 16, rng=3)


def test_it_is_the_loop_written_out():
    model, loss, optimizer = parts()
    history = fit(model, loss, optimizer, loader(), 3)

    other, loss, optimizer = parts()
    batches, means = loader(), []
    for _ in range(3):
        total = 0.0
        for inputs, targets in batches:
            optimizer.zero_grad()
            value = loss(other(inputs), targets)
            value.backward()
            optimizer.step()
            total += value.item() * len(targets)
        means.append(total / 50)
    assert same(model.state_dict(), other.state_dict())
    assert [epoch.loss for epoch in history.epochs] == means
    assert [epoch.number for epoch in history.epochs] == [1, 2, 3]


def test_any_list_of_batches_will_do():
    model, loss, optimizer = parts()
    data = make_moons(20)
    batches = [(data.inputs[:10], data.targets[:10]), (data.inputs[10:], data.targets[10:])]
    history = fit(model, loss, optimizer, batches, 40)
    assert history.epochs[-1].loss < history.epochs[0].loss


def test_what_is_called_when():
    model, loss, optimizer = parts()
    calls: list = []
    fit(
        model,
        loss,
        optimizer,
        loader(),
        2,
        callbacks=[
            LambdaCallback(
                on_epoch_begin=lambda c: calls.append(c.epoch),
                on_measure=lambda c: calls.append("measured") or c.scores.update(score=0.5),
                on_epoch_end=lambda c: calls.append((c.result.number, c.result.scores)),
            )
        ],
    )
    assert calls == [1, "measured", (1, {"score": 0.5}), 2, "measured", (2, {"score": 0.5})]


@pytest.mark.parametrize("batches", range(1, 13))
def test_a_stopped_training_goes_on_as_if_it_had_not_stopped(batches: int):
    whole, loss, optimizer = parts()
    expected = fit(whole, loss, optimizer, loader(), 3)

    model, loss, optimizer = parts()
    history, stream = History(), loader()
    asked = iter(range(1, 1000))
    fit(
        model, loss, optimizer, stream, 3,
        history=history,
        callbacks=[LambdaCallback(on_batch_end=lambda c: next(asked) >= batches and c.stop())],
    )  # fmt: skip
    done, inside = divmod(batches, len(stream))
    assert (len(history.epochs), history.batches) == (done, inside)

    history.load_state_dict(json.loads(json.dumps(history.state_dict())))
    fit(model, loss, optimizer, stream, 3, history=history)
    assert same(model.state_dict(), whole.state_dict())
    assert [epoch.loss for epoch in history.epochs] == [epoch.loss for epoch in expected.epochs]


def test_a_planted_skipped_batch_would_be_seen():
    model, loss, optimizer = parts()
    fit(model, loss, optimizer, loader(), 3)
    other, loss, optimizer = parts()
    batches = loader()
    fit(other, loss, optimizer, batches, 1)
    next(iter(batches))
    fit(other, loss, optimizer, batches, 2)
    assert not same(model.state_dict(), other.state_dict())


def test_the_model_learns_in_training_mode():
    model, loss, optimizer = parts()
    seen = []
    model.register_forward_hook(lambda module, inputs, output: seen.append(module.training))
    fit(model.eval(), loss, optimizer, loader(), 1)
    assert seen == [True] * 4


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_loss_that_is_no_number_stops_with_advice(number: float):
    model, _, optimizer = parts()
    with pytest.raises(AnomalyError, match=r"batch 1 of epoch 1.*lower the learning rate.*0\.05"):
        fit(model, lambda y, t: (y * 0).sum() + number, optimizer, loader(), 1)


def test_what_cannot_be_learned_from_is_refused():
    model, loss, optimizer = parts()
    with pytest.raises(DataError, match="without batches"):
        fit(model, loss, optimizer, [], 1)
    for epochs in (0, -1, 1.5, True):
        with pytest.raises(OptionError, match="epochs"):
            fit(model, loss, optimizer, loader(), epochs)  # type: ignore[arg-type]


GOOD = {"epochs": [], "batches": 1, "examples": 2, "loss_sum": 0.5, "seconds": 0.1}
EPOCH = {"number": 1, "loss": 0.5, "seconds": 0.1, "scores": {}}


@pytest.mark.parametrize(
    "state",
    [
        {},
        {**GOOD, "more": 1},
        {**GOOD, "batches": -1},
        {**GOOD, "batches": "1"},
        {**GOOD, "loss_sum": None},
        {**GOOD, "epochs": [{**EPOCH, "number": 2}]},
        {**GOOD, "epochs": [{"number": 1}]},
        {**GOOD, "epochs": 3},
    ],
)
def test_a_history_that_does_not_fit_is_refused(state: dict):
    history = History(examples=7)
    with pytest.raises(StateError, match="History"):
        history.load_state_dict(state)
    assert history == History(examples=7)
