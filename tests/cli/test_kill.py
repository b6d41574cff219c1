"""`tinygrad-nn train` killed at any moment and resumed ends bit for bit as if it had not been."""

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tinygrad_nn as tg
from tests.cli.process import SMALL, leftovers, run, run_script, start
from tests.extents import thinned

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")

# Every batch is saved, so that many kills hit a write.
RUN = ["train", "digits", "--seed", "1", *SMALL, "--epochs", "8", "--save-every", "0"]
MOMENTS = 50


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, float]:
    """The weights of a run that was never killed, and how long it took."""
    folder = tmp_path_factory.mktemp("whole")
    before = time.monotonic()
    assert run(*RUN, "--out", "run", folder=folder).returncode == 0
    seconds = time.monotonic() - before
    return (folder / "run" / "model.safetensors").read_bytes(), seconds


def killed(*arguments: str, folder: Path, after: float) -> bool:
    """Run the command and kill it after some seconds; return whether it was still running."""
    process = start(*arguments, folder=folder)
    try:
        _, err = process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return process.returncode == -signal.SIGKILL
    assert process.returncode == 0, err
    return False


def going_on(folder: Path) -> list[str]:
    """How to go on after a kill: a run that had saved nothing says that it is to be begun anew."""
    if (folder / "run" / "checkpoint.safetensors").exists():
        assert tg.load(folder / "run" / "checkpoint.safetensors")
        return ["train", "--resume", "run", "--save-every", "0"]
    said = run("train", "--resume", "run", folder=folder)
    assert said.returncode == 2
    assert "start it anew" in said.stderr or "start a new run" in said.stderr
    return [*RUN, "--out", "run"]


def survives(seed: int, kills: int, seconds: float, folder: Path) -> tuple[bytes, int]:
    """Kill a run at random moments until it escapes; its weights, and how many kills hit."""
    rng, hits = random.Random(seed), 0
    arguments = [*RUN, "--out", "run"]
    while hits < kills and killed(*arguments, folder=folder, after=rng.uniform(0, seconds)):
        hits += 1
        arguments = going_on(folder)
    if hits == kills:
        done = run(*arguments, folder=folder)
        assert (done.returncode, done.stderr) == (0, "")
    assert leftovers(folder) == []
    return (folder / "run" / "model.safetensors").read_bytes(), hits


def test_a_run_that_was_killed_three_times(whole: tuple[bytes, float], tmp_path: Path):
    weights, hits = survives(0, 3, 0.8 * whole[1], tmp_path)
    assert weights == whole[0] and hits > 0


@pytest.mark.slow
def test_runs_that_were_killed_at_fifty_moments(whole: tuple[bytes, float], tmp_path: Path):
    hits = 0
    for seed in range(MOMENTS):
        if hits >= MOMENTS:
            break
        folder = tmp_path / f"{seed}"
        folder.mkdir()
        weights, struck = survives(seed, 10, whole[1], folder)
        assert weights == whole[0], seed
        hits += struck
        shutil.rmtree(folder)
    assert hits >= MOMENTS


# The process kills itself at the n-th time that it comes to one of these calls.
SUICIDE = """
import os, signal, sys
from pathlib import Path
from tinygrad_nn.cli import main

moment, count = sys.argv[1], int(sys.argv[2])
owner = {"fsync": os, "replace": Path, "unlink": Path}[moment]
plain, calls = getattr(owner, moment), iter(range(count))

def last(*arguments, **options):
    if next(calls, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
    return plain(*arguments, **options)

setattr(owner, moment, last)
sys.exit(main(sys.argv[3:]))
"""


@pytest.mark.parametrize(
    ("moment", "count"),
    thinned(
        [("fsync", 0), ("replace", 0), ("fsync", 8), ("replace", 9), ("fsync", 31)],
        [("fsync", 0), ("replace", 9)],
    ),
)
def test_a_kill_amid_a_write(moment: str, count: int, whole: tuple[bytes, float], tmp_path: Path):
    script = tmp_path / "script.py"
    script.write_text(SUICIDE)
    done = run_script(script, moment, str(count), *RUN, "--out", "run")
    assert done.returncode == -signal.SIGKILL
    again = run(*going_on(tmp_path), folder=tmp_path)
    assert (again.returncode, again.stderr) == (0, "")
    assert leftovers(tmp_path) == []
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == whole[0]


def test_a_fault_in_what_is_resumed_would_be_seen(whole: tuple[bytes, float], tmp_path: Path):
    """What the comparisons above rest on: the place in the data matters to the last bit."""
    assert not killed(*RUN, "--epochs", "3", "--out", "run", folder=tmp_path, after=60)
    path = tmp_path / "run" / "checkpoint.safetensors"
    state = tg.load(path)
    for loader in (state["loader"], {**state["loader"], "epoch": 7}):
        tg.save({**state, "loader": loader}, path)
        shutil.copytree(tmp_path / "run", tmp_path / "copy", dirs_exist_ok=True)
        assert run("train", "--resume", "copy", "--epochs", "4", folder=tmp_path).returncode == 0
        loaded = tg.load(tmp_path / "copy" / "checkpoint.safetensors")["model"]
        if loader is state["loader"]:
            expected = loaded
    assert any((loaded[name] != expected[name]).any() for name in expected)
