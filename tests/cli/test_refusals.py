"""What is wrong is said in one line on stderr, with exit code 2, and nothing is left behind."""

import os
import shutil
import signal
import stat
from pathlib import Path

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.cli.process import SMALL, run, run_script
from tests.extents import thinned
from tinygrad_nn.cli import main
from tinygrad_nn.data import write_idx
from tinygrad_nn.train import Epoch, History

TINY = [*SMALL, "--epochs", "1"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TINYGRAD_NN_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run the command, check that it fails as it should; return what it said."""
    before = sorted(Path().rglob("*"))
    code = main(arguments)
    err = capsys.readouterr().err
    assert code == 2
    assert err.startswith("tinygrad-nn: error: ") and err.count("\n") == 1, err
    assert sorted(Path().rglob("*")) == before
    return err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("train minst", ["--data", "'minst'", "digits, mnist", "did you mean mnist"]),
        ("train digits --data mnist", ["--data", "mnist beside digits"]),
        ("train --activation relux", ["--activation", "'relux'", "did you mean relu"]),
        ("train --loss hinge", ["--loss", "'hinge'", "cross-entropy, mse"]),
        ("train --optimizer adm", ["--optimizer", "did you mean adam"]),
        ("train --schedule cosine", ["--schedule", "linear, constant"]),
        ("train --lr -1", ["--lr", "got -1", "above 0"]),
        ("train --lr nan", ["--lr", "got nan", "finite"]),
        ("train --lr 0", ["--lr", "got 0"]),
        ("train --lr fast", ["--lr", "'fast'", "expected a number"]),
        ("train --epochs 0", ["--epochs", "at least 1", "for instance --epochs 1\n"]),
        ("train --epochs 2.5", ["--epochs", "'2.5'", "whole number"]),
        ("train --epochs 1_0", ["--epochs", "'1_0'"]),
        ("train --batch -3", ["--batch", "-3"]),
        ("train --seed -1", ["--seed", "-1"]),
        ("train --seed " + "9" * 5000, ["--seed", "whole number"]),
        ("train --layers abc", ["--layers", "'abc'", "16,16"]),
        ("train --layers 16,,16", ["--layers"]),
        ("train --layers 0", ["--layers", "1 to 10,000"]),
        ("train --layers 99999999999", ["--layers", "1 to 10,000"]),
        ("train --lr", ["--lr", "expected one argument"]),
        ("train --colour", ["--colour", "--help"]),
        ("train --ep 3", ["--ep"]),
        ("tarin", ["tarin", "train"]),
        ("train --download", ["--download", "mnist only"]),
        ("train --data-folder x", ["--data-folder", "mnist only"]),
        ("train mnist", ["TINYGRAD_NN_DATA", "--download", "--data-folder", "digits"]),
        ("train mnist --data-folder nowhere", ["nowhere", "train-images"]),
        ("train --resume absent", ["absent", "checkpoint.safetensors", "without --resume"]),
        ("train --resume a --lr 1", ["--lr", "with --resume", "--epochs"]),
        ("train digits --resume a", ["--data", "with --resume"]),
        ("train --resume a --epochs 0", ["--epochs", "at least 1"]),
        ("train --save-every -1", ["--save-every", "-1", "from 0 up"]),
        ("train --save-every nan", ["--save-every", "nan"]),
    ],
)
def test_a_wrong_argument(arguments: str, words: list[str], capsys):
    said = refused(capsys, *arguments.split(" "))
    assert all(word in said for word in words), said
    assert len(said) < 700


# ── Folders ─────────────────────────────────────────────────────────────────────────────


def test_a_folder_with_other_things(capsys):
    Path("letters").mkdir()
    Path("letters/one.txt").write_text("dear")
    assert "a folder with files in it" in refused(capsys, "train", *TINY, "--out", "letters")
    assert "a file" in refused(capsys, "train", *TINY, "--out", "letters/one.txt")
    assert "letters" in refused(capsys, "train", "--resume", "letters")


def test_a_folder_that_cannot_be_made(capsys):
    Path("file").touch()
    said = refused(capsys, "train", *TINY, "--out", "file/run")
    assert "file/run" in said and "--out" in said


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_a_folder_that_may_not_be_written(capsys):
    Path("locked").mkdir(mode=0o500)
    assert "Permission denied" in refused(capsys, "train", *TINY, "--out", "locked/run")
    assert "Permission denied" in refused(capsys, "train", *TINY, "--out", "locked")


def fail_write(monkeypatch: pytest.MonkeyPatch, after: int, until: int = 10**9) -> None:
    """Make the disk full after some files, until `until` of them failed."""
    left, right = iter(range(after)), iter(range(until))
    fsync = os.fsync

    def full(descriptor: int) -> None:
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        if is_file and next(left, None) is None and next(right, None) is not None:
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)


def test_a_disk_that_is_full_from_the_start(capsys, monkeypatch: pytest.MonkeyPatch):
    fail_write(monkeypatch, 0)
    said = refused(capsys, "train", *TINY, "--out", "deep/er/run")
    assert "No space left on device" in said and "make room" in said


@pytest.mark.parametrize("files", thinned(range(1, 12, 2), [1, 7]))
def test_a_disk_that_fills_up_leaves_a_run_to_go_on_with(
    files: int, capsys, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        fail_write(patch, files)
        assert main(["train", *SMALL, "--epochs", "3", "--out", "run"]) == 2
    *warnings, error = capsys.readouterr().err.splitlines()
    assert error.startswith("tinygrad-nn: error: ") and "No space left on device" in error
    assert len(warnings) <= 1
    assert all(line.startswith("tinygrad-nn: warning: ") for line in warnings)
    assert list(Path().rglob("*.part")) == []
    assert main(["train", "--resume", "run"]) == 0
    assert same_as_whole(capsys)


def same_as_whole(capsys: pytest.CaptureFixture[str]) -> bool:
    """Whether the weights in `run` are those of a run without any trouble."""
    assert main(["train", *SMALL, "--epochs", "3", "--out", "whole"]) == 0
    assert capsys.readouterr().err == ""
    a, b = (Path(name, "model.safetensors").read_bytes() for name in ("run", "whole"))
    return a == b


@pytest.mark.parametrize("failures", thinned([1, 2, 3], [2]))
def test_a_disk_that_is_full_for_a_while_is_told_and_learning_goes_on(
    failures: int, capsys, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        # The first three files are those of the start.
        fail_write(patch, 3, failures)
        assert main(["train", *SMALL, "--epochs", "3", "--out", "run"]) == 0
    warning, again = capsys.readouterr().err.splitlines()
    assert warning.startswith("tinygrad-nn: warning: ") and "Learning goes on" in warning
    assert "No space left on device" in warning and again == "tinygrad-nn: saving works again"
    assert same_as_whole(capsys)


def test_a_folder_that_vanishes_leaves_its_last_checkpoint(capsys, monkeypatch: pytest.MonkeyPatch):
    close_epoch = History.close_epoch

    def moving(self: History, scores: dict[str, float], *rates: tuple[float, ...]) -> Epoch:
        epoch = close_epoch(self, scores, *rates)
        if epoch.number == 2:
            shutil.move("run", "moved")
        return epoch

    with monkeypatch.context() as patch:
        patch.setattr(History, "close_epoch", moving)
        assert main(["train", *SMALL, "--epochs", "3", "--out", "run"]) == 2
    out, err = capsys.readouterr()
    warning, error = err.splitlines()
    assert "epoch 3/3" in out and "no longer there; put it back" in warning
    assert error.startswith("tinygrad-nn: error: ") and "no longer there" in error
    assert not Path("run").exists()
    assert len(tg.load("moved/checkpoint.safetensors")["history"]["epochs"]) == 1
    shutil.move("moved", "run")
    assert main(["train", "--resume", "run"]) == 0
    assert same_as_whole(capsys)


def test_a_run_that_was_killed_before_it_saved_anything_is_begun_anew(capsys):
    Path("run").mkdir()
    assert "start it anew with --out run" in refused(capsys, "train", "--resume", "run")
    Path("run/.checkpoint.safetensors.0123.part").write_bytes(b"{")
    assert "start it anew with --out run" in refused(capsys, "train", "--resume", "run")
    assert main(["train", *TINY, "--out", "run"]) == 0
    assert list(Path("run").glob(".*")) == []


def test_what_a_killed_run_left_unfinished_is_removed(folder: Path, capsys):
    (folder / ".run.json.0123.part").touch()
    assert main(["train", "--resume", "run"]) == 0
    assert list(folder.glob(".*")) == []


def test_a_file_that_really_cannot_grow(tmp_path: Path):
    """The system itself refuses the bytes."""
    pytest.importorskip("resource")
    script = tmp_path / "script.py"
    script.write_text(
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "from tinygrad_nn.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    done = run_script(script, "train", "--epochs", "1", "--out", "run")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "run" in done.stderr
    assert not (tmp_path / "run").exists()


# ── Damaged runs ────────────────────────────────────────────────────────────────────────


@pytest.fixture
def folder(capsys) -> Path:
    assert main(["train", *TINY, "--out", "run"]) == 0
    capsys.readouterr()
    return Path("run")


def test_a_damaged_state(folder: Path, capsys):
    path = folder / "checkpoint.safetensors"
    intact = path.read_bytes()
    for content in (b"", intact[:-100], intact.replace(b"weight", b"height"), b"PK" * 99):
        path.write_bytes(content)
        said = refused(capsys, "train", "--resume", "run")
        assert "run" in said and "without --resume" in said
    path.unlink()
    assert "checkpoint.safetensors" in refused(capsys, "train", "--resume", "run")


def test_a_state_whose_parts_do_not_fit(folder: Path, capsys):
    state = tg.load(folder / "checkpoint.safetensors")
    changes = [
        {"settings": {**state["settings"], "layers": [5]}},
        {"settings": {**state["settings"], "lr": -1}},
        {"settings": None},
        {"model": {}},
        {"optimizer": {}},
        {"optimizer": {"state": {0: 3}, "param_groups": state["optimizer"]["param_groups"]}},
        {"loader": {**state["loader"], "batch": 10**6}},
        {"history": {"epochs": "many"}},
        {"data": {"examples": 1}},
        {"more": 1},
    ]
    for change in changes:
        tg.save({**state, **change}, folder / "checkpoint.safetensors")
        assert "run" in refused(capsys, "train", "--resume", "run"), change


def test_fewer_epochs_than_are_done(capsys):
    assert main(["train", *SMALL, "--epochs", "3", "--out", "run"]) == 0
    capsys.readouterr()
    assert "has 3 already" in refused(capsys, "train", "--resume", "run", "--epochs", "2")


# ── Data ────────────────────────────────────────────────────────────────────────────────


def small_mnist(folder: Path) -> None:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for stem, count in (("train", 60), ("t10k", 20)):
        images = rng.integers(0, 256, (count, 28, 28)).astype(np.uint8)
        write_idx(folder / f"{stem}-images-idx3-ubyte", images)
        write_idx(folder / f"{stem}-labels-idx1-ubyte", (np.arange(count) % 10).astype(np.uint8))


def test_mnist_from_a_folder_and_going_on_without_naming_it(capsys):
    small_mnist(Path("files"))
    arguments = ["train", "mnist", "--data-folder", "files", *TINY, "--out", "run"]
    assert main(arguments) == 0
    assert "60 images to learn from, 20 to test on" in capsys.readouterr().out
    assert main(["train", "--resume", "run", "--epochs", "2"]) == 0
    shutil.move("files", "moved")
    capsys.readouterr()
    assert "files" in refused(capsys, "train", "--resume", "run")
    assert main(["train", "--resume", "run", "--data-folder", "moved", "--epochs", "3"]) == 0


def test_damaged_data(capsys):
    small_mnist(Path("files"))
    path = Path("files/train-images-idx3-ubyte")
    intact = path.read_bytes()
    arguments = ("train", "mnist", "--data-folder", "files", *TINY)
    for content in (b"", intact[:1000], b"<html>", intact + b"x"):
        path.write_bytes(content)
        assert "train-images" in refused(capsys, *arguments)


# ── Learning that fails ─────────────────────────────────────────────────────────────────


def test_divergence_stops_with_advice_and_keeps_the_state(capsys):
    diverging = ["--optimizer", "sgd", "--activation", "relu", "--lr", "1e30"]
    code = main(["train", *TINY, *diverging, "--out", "run"])
    err = capsys.readouterr().err
    assert code == 2 and err.count("\n") == 1
    assert "nan" in err or "inf" in err
    assert "lower the learning rate" in err and "Warning" not in err
    assert tg.load("run/checkpoint.safetensors")


def test_learning_too_little_is_said(capsys):
    assert main(["train", *TINY, "--lr", "1e-9", "--out", "run"]) == 0
    assert "little was learned" in capsys.readouterr().out


# ── Help ────────────────────────────────────────────────────────────────────────────────


def test_help_and_version_as_real_commands(tmp_path: Path):
    version = run("--version", folder=tmp_path)
    assert version.stdout == f"tinygrad-nn {tg.__version__}\n"
    text = run("train", "--help", folder=tmp_path)
    assert text.returncode == 0 and text.stderr == ""
    for word in ("--resume", "--layers", "examples:", "confusion.svg", "Ctrl-C", "0.005"):
        assert word in text.stdout
    assert max(map(len, text.stdout.splitlines())) <= 100
    alone = run(folder=tmp_path)
    assert alone.returncode == 0 and "tinygrad-nn train" in alone.stdout
    assert list(tmp_path.iterdir()) == []


def test_signals_are_put_back(capsys):
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    assert main(["train", "--lr", "0"]) == 2
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before
