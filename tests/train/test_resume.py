"""A run that was stopped anywhere, saved, and taken up again ends as if it had not been."""

import os
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.serialize.states import same
from tests.train.conftest import tiny_data
from tinygrad_nn.data import Dataset
from tinygrad_nn.errors import DataError, OptionError, StateError
from tinygrad_nn.train import Experiment, RunFolder, Settings
from tinygrad_nn.train.settings import OPTIMIZERS

DATA = tiny_data(50)


def experiment(**changes: object) -> Experiment:
    chosen = {"layers": (4,), "epochs": 3, "batch": 8, "seed": 5, **changes}
    return Experiment(Settings(**chosen), *DATA)  # type: ignore[arg-type]


def without_seconds(state: dict) -> dict:
    history = state["history"]
    epochs = [{**epoch, "seconds": 0.0} for epoch in history["epochs"]]
    return {**state, "history": {**history, "epochs": epochs, "seconds": 0.0}}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stops=st.lists(st.integers(1, 14), max_size=3),
    optimizer=st.sampled_from(list(OPTIMIZERS)),
    schedule=st.sampled_from(["linear", "constant"]),
)
def test_stopping_and_going_on_changes_nothing(
    stops: list[int], optimizer: str, schedule: str, tmp_path: Path
):
    whole = experiment(optimizer=optimizer, schedule=schedule)
    assert whole.fit()

    run = experiment(optimizer=optimizer, schedule=schedule)
    for stop in stops:
        asked = iter(range(1, 10**6))
        run.fit(should_stop=lambda asked=asked, stop=stop: next(asked) >= stop)
        tg.save(run.state_dict(), tmp_path / "state")
        state = tg.load(tmp_path / "state")
        run = Experiment(Settings.from_state(state["settings"]), *DATA)
        run.load_state_dict(state)
    assert run.fit()
    assert same(without_seconds(run.state_dict()), without_seconds(whole.state_dict()))


@given(moment=st.integers(1, 14))
def test_a_state_taken_while_learning_goes_on_leads_to_the_same_end(moment: int):
    whole = experiment(epochs=2)
    states = []

    def taken() -> bool:
        states.append(deepcopy(whole.state_dict()))
        return False

    assert whole.fit(should_stop=taken)
    run = experiment(epochs=2)
    run.load_state_dict(states[min(moment, len(states)) - 1])
    assert run.fit()
    assert same(without_seconds(run.state_dict()), without_seconds(whole.state_dict()))


def test_the_generators_of_layers_belong_to_the_state(tmp_path: Path):
    def made() -> tuple[Experiment, np.random.Generator]:
        run, rng = experiment(), np.random.default_rng(3)
        run.model.generators = lambda: iter([("1", rng)])  # type: ignore[method-assign]
        return run, rng

    run, rng = made()
    rng.normal(size=7)
    tg.save(run.state_dict(), tmp_path / "state")
    expected = rng.normal(size=5).tolist()
    run, rng = made()
    run.load_state_dict(tg.load(tmp_path / "state"))
    assert rng.normal(size=5).tolist() == expected
    with pytest.raises(StateError, match="generators: got 1, expected none"):
        experiment().load_state_dict(tg.load(tmp_path / "state"))
    damaged = {**run.state_dict(), "generators": {"1": {"bit_generator": "PCG64"}}}
    with pytest.raises(StateError, match="PCG64"):
        run.load_state_dict(damaged)


def test_a_forgotten_part_of_the_state_would_be_seen():
    """What the comparison above rests on: each part matters."""
    whole = experiment()
    whole.fit()
    for forgotten in ("optimizer", "loader"):
        run = experiment()
        asked = iter(range(1, 100))
        run.fit(should_stop=lambda asked=asked: next(asked) >= 7)
        state = run.state_dict()
        fresh = experiment()
        fresh.load_state_dict({**state, forgotten: fresh.state_dict()[forgotten]})
        fresh.fit()
        assert not same(fresh.model.state_dict(), whole.model.state_dict())


def test_a_state_of_other_data_is_refused():
    state = experiment().state_dict()
    train, test = DATA
    moved = Dataset(train.inputs, train.targets[::-1], "tiny", train.classes)
    with pytest.raises(StateError, match="data that the training began with"):
        Experiment(experiment().settings, moved, test).load_state_dict(state)
    with pytest.raises(StateError, match="settings"):
        experiment().load_state_dict({"model": 1})


# ── The folder ──────────────────────────────────────────────────────────────────────────


def test_a_run_folder_keeps_what_it_is_given(tmp_path: Path):
    folder = RunFolder.create(tmp_path / "a" / "b")
    state = experiment().state_dict()
    folder.save_state(state)
    folder.save_history({"x": 1})
    folder.write("note.txt", "hello")
    again = RunFolder.open(tmp_path / "a" / "b")
    assert same(again.load_state(), state)
    assert (again / "note.txt").read_text() == "hello"
    assert sorted(p.name for p in again.path.iterdir()) == [
        "checkpoint.safetensors",
        "note.txt",
        "run.json",
    ]


def test_an_empty_folder_will_do_and_one_with_files_will_not(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    RunFolder.create(tmp_path / "empty").discard()
    assert (tmp_path / "empty").is_dir()
    (tmp_path / "empty" / "letter.txt").touch()
    with pytest.raises(OptionError, match="a folder with files in it"):
        RunFolder.create(tmp_path / "empty")
    with pytest.raises(OptionError, match="a file"):
        RunFolder.create(tmp_path / "empty" / "letter.txt")
    RunFolder.create(tmp_path / "run").save_state({})
    with pytest.raises(OptionError, match=r"holds a run.*--resume"):
        RunFolder.create(tmp_path / "run")


def test_a_folder_that_cannot_be_made_leaves_nothing(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="choose another with --out"):
        RunFolder.create(tmp_path / "file" / "a" / "b")
    RunFolder.create(tmp_path / "x" / "y" / "z").discard()
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_folder_without_a_run_is_refused(tmp_path: Path):
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(DataError, match=r"checkpoint\.safetensors"):
            RunFolder.open(path)


def test_a_full_disk_leaves_the_state_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = RunFolder.create(tmp_path / "run")
    folder.save_state({"epoch": 1})

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match=r"No space left on device.*make room"):
        folder.save_state({"epoch": 2})
    assert folder.load_state() == {"epoch": 1}
    assert [p.name for p in folder.path.iterdir()] == ["checkpoint.safetensors"]
