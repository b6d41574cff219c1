"""`tinygrad-nn train`: what it shows and leaves, and what an interruption leaves of it."""

import importlib
import json
import re
import signal
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.cli.process import SMALL, leftovers, run, start
from tests.extents import thinned
from tests.serialize.states import same
from tinygrad_nn.cli import main
from tinygrad_nn.cli.report import Report
from tinygrad_nn.data import load_digits
from tinygrad_nn.train import Experiment, RunFolder

cli_train = importlib.import_module("tinygrad_nn.cli.train")

WRITTEN = [
    "backward.html",
    "backward.svg",
    "checkpoint.safetensors",
    "confusion.svg",
    "history.svg",
    "mistakes.svg",
    "model.safetensors",
    "report.html",
    "report.json",
    "run.json",
    "weights.svg",
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The output and the folder of a run with the default network."""
    home = tmp_path_factory.mktemp("run")
    done = run("train", "--epochs", "6", "--seed", "1", folder=home)
    assert (done.returncode, done.stderr) == (0, "")
    (folder,) = (home / "runs").iterdir()
    return done.stdout, folder


def test_the_nine_steps_are_named_in_order(finished: tuple[str, Path]):
    out, _ = finished
    steps = re.findall(r"^(\d) (.+)$", out, re.MULTILINE)
    assert [int(number) for number, _ in steps] == [*range(1, 10)]
    words = ["Understand", "Initialize", "activation", "loss function", "prediction"]
    words += ["Calculate the loss", "Calculate the gradient", "Adjust", "another prediction"]
    assert all(word in title for word, (_, title) in zip(words, steps, strict=True))


def test_parameters_and_progress_are_shown(finished: tuple[str, Path]):
    out, _ = finished
    assert re.search(r"12,560 \+ 272 \+ 170 +13,002", out)
    lines = re.findall(
        r"epoch +(\d)/6 +loss +[\d.]+ +test accuracy +[\d.]+ % +[\d.]+ s$", out, re.M
    )
    assert lines == list("123456")
    # Plain text where it is no terminal.
    assert "\033" not in out and "\r" not in out


def test_the_folder_holds_everything(finished: tuple[str, Path]):
    out, folder = finished
    assert re.fullmatch(r"digits-\d{8}-\d{6}", folder.name)
    assert sorted(path.name for path in folder.iterdir()) == WRITTEN
    assert folder.name in out and all(name in out for name in WRITTEN)
    for path in folder.glob("*.svg"):
        assert ElementTree.parse(path).getroot().tag.endswith("svg")
    weights = ElementTree.parse(folder / "weights.svg").getroot()
    assert sum(e.tag.endswith("}image") for e in weights.iter()) == 16 + 1


def test_the_history_tells_what_happened(finished: tuple[str, Path]):
    out, folder = finished
    history = json.loads((folder / "run.json").read_text("utf-8"))
    assert history["status"] == "finished"
    assert history["settings"]["seed"] == 1 and history["settings"]["layers"] == [16, 16]
    assert history["versions"]["tinygrad_nn"] == tg.__version__
    assert history["network"] == {"sizes": [784, 16, 16, 10], "parameters": 13002}
    assert [epoch["number"] for epoch in history["epochs"]] == [1, 2, 3, 4, 5, 6]
    result = history["result"]
    counts = np.array(result["confusion"])
    assert counts.sum() == history["data"]["test"] == 449
    assert result["test_accuracy"] == counts.trace() / 449
    assert result["test_accuracy"] == history["epochs"][-1]["scores"]["test_accuracy"] > 0.9
    assert f"{counts.trace()} of 449 right" in out


def test_the_saved_weights_give_the_accuracy(finished: tuple[str, Path]):
    """Computed from the file with NumPy alone."""
    _, folder = finished
    _, test = load_digits(size=28).flatten().split(test=0.25, rng=0)
    y = test.inputs
    weights = tg.load(folder / "model.safetensors")
    assert sum(array.size for array in weights.values()) == 13002
    for layer in (0, 2, 4):
        y = y @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"]
        y = np.tanh(y) if layer < 4 else y
    right = int((y.argmax(axis=1) == test.targets).sum())
    history = json.loads((folder / "run.json").read_text("utf-8"))
    assert right == np.trace(history["result"]["confusion"])


# ── Going on ────────────────────────────────────────────────────────────────────────────


def losses(folder: Path) -> list[float]:
    return [epoch["loss"] for epoch in json.loads((folder / "run.json").read_text())["epochs"]]


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.parametrize("number", thinned([signal.SIGINT, signal.SIGTERM], [signal.SIGINT]))
def test_an_interrupted_run_goes_on_as_if_it_had_not_been(number: int, tmp_path: Path):
    arguments = ["train", *SMALL, "--epochs", "60", "--out"]
    process = start(*arguments, "cut", folder=tmp_path)
    assert process.stdout is not None
    for line in process.stdout:
        if "epoch  3/" in line:
            break
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert err.count("\n") == 1 and "all that was learned is saved" in err
    assert "tinygrad-nn train --resume cut" in err and "Traceback" not in out + err
    assert leftovers(tmp_path) == []
    state = json.loads((tmp_path / "cut" / "run.json").read_text())
    assert state["status"] == "interrupted" and 3 <= len(state["epochs"]) < 60
    assert tg.load(tmp_path / "cut" / "model.safetensors")

    again = run("train", "--resume", "cut", folder=tmp_path)
    assert (again.returncode, again.stderr) == (0, "")
    assert f"going on after {len(state['epochs'])} of 60 epochs" in again.stdout
    whole = run(*arguments, "whole", folder=tmp_path)
    assert whole.returncode == 0
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")
    weights = [tg.load(tmp_path / name / "model.safetensors") for name in ("cut", "whole")]
    assert same(*weights)
    assert sorted(path.name for path in (tmp_path / "cut").iterdir()) == WRITTEN


def test_a_finished_run_can_be_given_more_epochs(tmp_path: Path):
    assert run("train", *SMALL, "--epochs", "2", "--out", "a", folder=tmp_path).returncode == 0
    more = run("train", "--resume", "a", "--epochs", "4", folder=tmp_path)
    assert more.returncode == 0 and "going on after 2 of 4 epochs" in more.stdout
    assert len(losses(tmp_path / "a")) == 4
    for name in ("confusion.svg", "backward.svg"):
        (tmp_path / "a" / name).unlink()
    same_again = run("train", "--resume", "a", folder=tmp_path)
    assert same_again.returncode == 0 and len(losses(tmp_path / "a")) == 4
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == WRITTEN


def test_a_terminal_without_unicode_is_no_trouble(tmp_path: Path):
    arguments = ("train", *SMALL, "--epochs", "1", "--out", "a")
    done = run(*arguments, folder=tmp_path, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break otherwise there")
def test_a_reader_that_leaves_ends_the_run_quietly(tmp_path: Path):
    process = start("train", *SMALL, "--epochs", "500", "--out", "a", folder=tmp_path)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=30) != 0
    assert process.stderr.read() == ""
    process.stderr.close()
    assert leftovers(tmp_path) == [] and tg.load(tmp_path / "a" / "checkpoint.safetensors")


@pytest.mark.parametrize(
    ("moment", "words", "is_kept"),
    [
        ("save_state", "nothing was saved", False),
        ("draw_backward", "train --resume run", True),
        ("fit", "train --resume run", True),
        ("pictures", "train --resume run", True),
    ],
)
def test_an_interruption_at_any_moment_is_told(
    moment: str, words: str, is_kept: bool, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
):
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    owner = {"save_state": RunFolder, "draw_backward": cli_train, "fit": Experiment}
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(owner.get(moment, Report), moment, interrupted)
        assert main(["train", *SMALL, "--epochs", "1", "--out", "run"]) == 130
    err = capsys.readouterr().err
    assert words in err and err.count("\n") == 1
    assert (tmp_path / "run").exists() == is_kept
    if is_kept:
        assert main(["train", "--resume", "run"]) == 0
        assert sorted(path.name for path in Path("run").iterdir()) == WRITTEN
