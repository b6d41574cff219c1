"""Callbacks are called when they say, change nothing unless they say, and do what they say."""

import io
import os

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.serialize.states import same
from tinygrad_nn import nn, optim, train
from tinygrad_nn.data import DataLoader, make_moons
from tinygrad_nn.errors import OperandError, OptionError
from tinygrad_nn.train import LambdaCallback, fit
from tinygrad_nn.train.callbacks.base import HOOKS

MOONS = make_moons(50)


def parts(lr: float = 0.05):
    model = nn.Sequential(nn.Linear(2, 4, rng=0), nn.BatchNorm1d(4), nn.Linear(4, 2, rng=1))
    return model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=lr)


def loader() -> DataLoader:
    return DataLoader(MOONS, 16, rng=3)


def run(callbacks, epochs: int = 3, **options):
    model, loss, optimizer = parts()
    history = fit(model, loss, optimizer, loader(), epochs, callbacks=callbacks, **options)
    return model, history


def scripted(name: str, numbers):
    """Writes numbers given in advance as a score."""
    rest = iter(numbers)
    return LambdaCallback(on_measure=lambda c: c.scores.update({name: next(rest)}))


# ── Hooks ───────────────────────────────────────────────────────────────────────────────


def test_hooks_in_their_order():
    calls: list = []
    every = LambdaCallback(**{name: (lambda c, name=name: calls.append(name)) for name in HOOKS})
    run([every], 1, accumulate=3, validation=MOONS)
    batch = ["on_batch_begin", "on_backward_end", "on_batch_end"]
    last = [*batch[:2], "on_step_begin", "on_step_end", "on_batch_end"]
    assert calls == [
        "on_train_begin", "on_epoch_begin", *batch, *batch, *last, *last,
        "on_validation_begin", "on_validation_end", "on_measure", "on_epoch_end", "on_train_end",
    ]  # fmt: skip


def test_callbacks_by_order_then_as_given():
    calls: list = []

    def one(name, order):
        callback = LambdaCallback(on_epoch_begin=lambda c: calls.append(name))
        callback.order = order  # type: ignore[misc]
        return callback

    run([one("d", 5), one("b", 0), one("c", 0), one("a", -1)], 1)
    assert calls == ["a", "b", "c", "d"]


@pytest.mark.parametrize("wrong", [[train.ProgressBar], [print], train.Accuracy()])
def test_what_is_no_callback_is_refused(wrong):
    with pytest.raises(OperandError, match="callbacks"):
        run(wrong)
    with pytest.raises(OptionError, match="on_epoch_start"):
        LambdaCallback(on_epoch_start=print)


def test_the_end_is_called_after_an_error_too():
    seen: list = []

    def fail(context):
        raise ValueError("mine")

    ends = LambdaCallback(on_step_end=fail, on_train_end=lambda c: seen.append(c.error))
    with pytest.raises(ValueError, match="mine"):
        run([ends])
    assert str(seen[0]) == "mine"


def test_passive_callbacks_change_no_bit(tmp_path):
    expected, plain = run([])
    passive = [
        train.ProgressBar(io.StringIO(), every_seconds=0),
        train.ProgressTable(io.StringIO()),
        train.GradientStatistics(),
        train.Metrics([train.Accuracy(), train.TopKAccuracy(1)]),
        train.CSVLogger(tmp_path / "log.csv"),
        train.Checkpoint(tmp_path / "kept", every_steps=1, best="loss"),
        train.EarlyStopping("loss", patience=100, restore_best=False),
        train.TerminateOnNaN(),
        *(LambdaCallback(**{name: lambda c: None}) for name in HOOKS),
    ]
    model, history = run(passive, validation=MOONS)
    assert same(model.state_dict(), expected.state_dict())
    assert history["loss"] == plain["loss"]


def test_a_planted_callback_that_meddles_would_be_seen():
    expected, _ = run([])

    def meddle(context):
        for p in context.model.parameters():
            p.grad = p.grad.data * np.float32(2)

    model, _ = run([LambdaCallback(on_step_begin=meddle)])
    assert not same(model.state_dict(), expected.state_dict())


# ── Stopping ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("numbers", "options", "epochs", "best"),
    [
        ([3.0, 2.0, 2.5, 2.4, 2.3, 9.0], {"patience": 2}, 5, 2),
        ([3.0, 2.0, 2.5, 2.4, 1.0, 9.0], {"patience": 2}, 6, 5),
        ([3.0, 2.0, 9.0], {"patience": 0}, 3, 2),
        ([3.0, 2.95, 2.92, 2.8], {"patience": 1, "min_delta": 0.1}, 3, 1),
        ([1.0, 2.0, 1.0, 1.0], {"patience": 1, "mode": "max"}, 4, 2),
        ([np.nan, np.nan, np.nan], {"patience": 1}, 2, 0),
    ],
)
def test_early_stopping_counts_as_it_says(numbers, options, epochs, best):
    stopping = train.EarlyStopping("my_loss", **options)
    states: list = []
    keep = LambdaCallback(on_epoch_end=lambda c: states.append(c.model.state_dict()))
    model, history = run([scripted("my_loss", numbers), stopping, keep], len(numbers))
    assert (len(history.epochs), stopping.best_epoch) == (epochs, best)
    if best:
        assert same(model.state_dict(), states[best - 1])
    assert bool(history.stopped) == (stopping._waited > stopping.patience)


def test_the_mode_is_told_by_the_name_or_asked_for():
    assert train.EarlyStopping("val_accuracy")._best.mode == "max"
    assert train.EarlyStopping("val_loss")._best.mode == "min"
    for name in ("blossom", "loss_score"):
        with pytest.raises(OptionError, match="mode='min'"):
            train.EarlyStopping(name)
    with pytest.raises(OptionError, match="pass validation= to fit"):
        run([train.EarlyStopping()])


# ── Schedules ───────────────────────────────────────────────────────────────────────────


def test_schedules_per_epoch_and_per_step():
    for kind, expected in (
        (lambda o: optim.lr_scheduler.StepLR(o, 1, 0.5), [0.05, 0.025, 0.0125]),
        (lambda o: train.Schedule(optim.lr_scheduler.StepLR(o, 4, 0.5), "step"), [0.025, 0.0125]),
    ):
        model, loss, optimizer = parts()
        rates = fit(model, loss, optimizer, loader(), 3, scheduler=kind(optimizer))["lr"]
        assert rates[: len(expected)] == expected
    model, loss, optimizer = parts()
    cycle = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=12)
    history = fit(model, loss, optimizer, loader(), 3, scheduler=cycle)
    assert cycle.last_epoch == history.steps == 12


def test_plateaus_get_their_number():
    model, loss, optimizer = parts()
    plateau = optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
    watch = train.Schedule(plateau, monitor="my_loss")
    callbacks = [scripted("my_loss", [3.0, 3.0, 2.0, 2.0]), watch]
    history = fit(model, loss, optimizer, loader(), 4, callbacks=callbacks)
    assert history["lr"] == [0.05, 0.05, 0.025, 0.025] and optimizer.param_groups[0]["lr"] == 0.0125


def test_schedules_that_cannot_work_are_refused():
    _, _, other = parts()
    step = optim.lr_scheduler.StepLR(other, 1)
    with pytest.raises(OptionError, match="another optimiser"):
        run([], scheduler=step)
    with pytest.raises(OptionError, match="lr_scheduler"):
        run([], scheduler=0.1)
    with pytest.raises(OptionError, match="ReduceLROnPlateau"):
        train.Schedule(optim.lr_scheduler.ReduceLROnPlateau(other), "step")


# ── Files ───────────────────────────────────────────────────────────────────────────────


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_checkpoints_keep_the_last_and_the_best(tmp_path):
    saving = train.Checkpoint(tmp_path / "a", keep=2, best="my_loss", every_steps=3)
    run([scripted("my_loss", [3.0, 1.0, 2.0]), saving])
    assert names(tmp_path / "a") == [
        "best.safetensors", "step-00000009.safetensors", "step-00000012.safetensors",
    ]  # fmt: skip
    assert saving.last == train.Checkpoint.latest(tmp_path / "a")
    assert len(tg.load(tmp_path / "a" / "best.safetensors")["history"]["epochs"]) == 2
    run([train.Checkpoint(tmp_path / "b", every_epochs=None, every_seconds=0, keep=3)], 1)
    assert len(names(tmp_path / "b")) == 3
    assert train.Checkpoint.latest(tmp_path / "none") is None


def test_checkpoints_of_a_longer_training_are_not_mixed_in(tmp_path):
    run([train.Checkpoint(tmp_path)])
    with pytest.raises(OptionError, match="went further"):
        run([train.Checkpoint(tmp_path)])
    model, history = run([train.Checkpoint(tmp_path)], 5, resume=train.Checkpoint.latest(tmp_path))
    expected, _ = run([], 5)
    assert same(model.state_dict(), expected.state_dict()) and len(history.epochs) == 5


def test_a_failed_write_is_told_and_the_training_goes_on(tmp_path, monkeypatch, capsys):
    fsync, failures = os.fsync, iter([True, False, True, False, False, False, False])

    def full(descriptor):
        if next(failures, False):
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    _, history = run([train.Checkpoint(tmp_path / "kept"), train.CSVLogger(tmp_path / "x.csv")])
    assert len(history.epochs) == 3
    assert "No space left on device" in capsys.readouterr().err
    assert names(tmp_path / "kept") == ["step-00000012.safetensors"]
    assert len((tmp_path / "x.csv").read_text().splitlines()) == 4


# ── Measuring and showing ───────────────────────────────────────────────────────────────


def test_gradient_statistics_are_the_numbers_computed_by_hand():
    model = nn.Linear(2, 1, bias=False, rng=0)
    before = model.weight.numpy().astype(np.float64).copy()
    watch = train.GradientStatistics()
    x = np.array([[3.0, 0.0]], np.float32)
    sgd = optim.SGD(model.parameters(), lr=0.5)
    fit(model, lambda y, t: y.sum(), sgd, [(x, x)], 1, callbacks=[watch])
    found = watch.last["weight"]
    assert found["grad_norm"] == 3.0 and found["zeros"] == 0.5
    assert found["update_ratio"] == pytest.approx(1.5 / np.linalg.norm(before), rel=1e-6)


def test_progress_as_plain_lines():
    stream, table = io.StringIO(), io.StringIO()
    stop = LambdaCallback(on_epoch_end=lambda c: c.epoch == 2 and c.stop("enough"))
    run([train.ProgressBar(stream), train.ProgressTable(table), stop], 3, validation=MOONS)
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("epoch 1/3  loss 0.") and "val_loss" in lines[0]
    assert lines[-1] == "stopped: enough" and len(lines) == 3
    rows = table.getvalue().splitlines()
    assert rows[0].split() == ["epoch", "loss", "val_loss", "lr", "seconds"]
    assert len({len(row) for row in rows[:3]}) == 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal():
    pytest.importorskip("rich")
    stream = Terminal()
    expected, _ = run([])
    model, _ = run([train.ProgressBar(stream), train.ProgressTable(stream)])
    assert "epoch 3/3" in stream.getvalue()
    assert same(model.state_dict(), expected.state_dict())
