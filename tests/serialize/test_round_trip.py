"""What is saved comes back, to the last bit, and what cannot be saved is refused."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import tinygrad_nn as tg
from tests.serialize.states import STATES, as_loaded, same
from tinygrad_nn import nn, optim
from tinygrad_nn.errors import DTypeError, OptionError

quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(state=STATES)
def test_what_is_saved_comes_back(state: dict, tmp_path: Path):
    tg.save(state, tmp_path / "state")
    assert same(tg.load(tmp_path / "state"), as_loaded(state))


@quick
@given(state=STATES)
def test_the_same_state_gives_the_same_bytes(state: dict, tmp_path: Path):
    for name in ("a", "b"):
        tg.save(state, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("name", ["w.npz", "w.npy"])
def test_a_name_that_promises_another_format_is_refused(name: str, tmp_path: Path):
    with pytest.raises(OptionError, match=r"w\.safetensors, or use numpy.savez"):
        tg.save({"w": np.eye(2)}, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_arrays_that_were_loaded_are_the_callers_own(tmp_path: Path):
    tg.save({"a": np.zeros(3), "f": np.zeros((2, 3), order="F")}, tmp_path / "a")
    loaded = tg.load(tmp_path / "a")
    loaded["a"][0] = 5
    loaded["f"][0] = 5
    assert loaded["a"].flags.owndata and loaded["f"].flags.c_contiguous


def test_views_are_saved_as_they_look(tmp_path: Path):
    whole = np.arange(24.0).reshape(2, 3, 4)
    views = {
        "t": whole.T,
        "step": whole[:, ::-1, ::2],
        "none": whole[:0],
        "still": np.broadcast_to(np.float32(2), (3, 2)),
        "odd": np.frombuffer(b"x" + whole.tobytes(), offset=1),
        "big": whole.astype(">f8").T,
        "c": (whole * 1j).T,
    }
    tg.save(views, tmp_path / "a")
    assert same(tg.load(tmp_path / "a"), as_loaded(views))


def test_a_tensor_is_saved_as_its_array(tmp_path: Path):
    tg.save({"x": tg.tensor([1.0, 2.0]), "p": nn.Parameter([[3.0]])}, tmp_path / "a")
    assert same(tg.load(tmp_path / "a"), {"x": np.float32([1, 2]), "p": np.float32([[3]])})


def test_a_model_and_its_optimizer_come_back(tmp_path: Path):
    def made():
        model = nn.Sequential(nn.Linear(3, 2, rng=0), nn.Tanh(), nn.Linear(2, 1, rng=1))
        return model, optim.Adam(model.parameters(), lr=0.1)

    def step(model, optimizer):
        optimizer.zero_grad()
        (model(np.ones((4, 3), np.float32)) ** 2).sum().backward()
        optimizer.step()

    model, optimizer = made()
    step(model, optimizer)
    tg.save({"m": model.state_dict(), "o": optimizer.state_dict()}, tmp_path / "run")
    other, its_optimizer = made()
    loaded = tg.load(tmp_path / "run")
    other.load_state_dict(loaded["m"])
    its_optimizer.load_state_dict(loaded["o"])
    step(model, optimizer)
    step(other, its_optimizer)
    assert same(other.state_dict(), model.state_dict())
    assert same(its_optimizer.state_dict(), optimizer.state_dict())


CYCLE: list = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        (np.zeros(3), OptionError, "expected a dict"),
        ({"a": object()}, OptionError, r"got object at \['a'\]"),
        ({"a": {1: {2}}}, OptionError, r"got set at \['a'\]\[1\]"),
        ({1.5: 1}, OptionError, "got a key of type float"),
        ({True: 1}, OptionError, "got a key of type bool"),
        ({"a": CYCLE}, OptionError, "nested more than 50 deep"),
        ({"a": np.array([None])}, DTypeError, "got object at"),
        ({"a": np.array(["x"])}, DTypeError, "got <U1 at"),
        ({"a": np.zeros(2, "f4,i4")}, DTypeError, "expected numbers"),
        ({"a": np.ma.masked_array([1.0])}, DTypeError, "masked"),
        ({"a": np.zeros(1, "datetime64[s]")}, DTypeError, "datetime64"),
    ],
)
def test_what_cannot_be_saved_is_refused(state: object, error: type, words: str, tmp_path: Path):
    with pytest.raises(error, match=words):
        tg.save(state, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_the_deepest_state_that_is_saved_can_be_loaded(tmp_path: Path):
    deepest, deep = None, 0
    state: dict = {"a": 1}
    while True:
        try:
            tg.save(state, tmp_path / "a")
        except OptionError:
            break
        deepest, deep = state, deep + 1
        state = {"a": state}
    assert deep > 40
    assert tg.load(tmp_path / "a") == deepest


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tg.save({"a": 1}, tmp_path / "a")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        tg.save({"a": 2}, tmp_path / "a")
    assert tg.load(tmp_path / "a") == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
