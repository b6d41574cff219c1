"""`tinygrad-nn demos`: every demo is listed, and runs by its name."""

import json
from pathlib import Path

from tests.cli.process import run

NAMES = {p.stem for p in (Path(__file__).parents[2] / "demos").rglob("*.py")}


def test_all_demos_are_listed_with_their_first_lines(tmp_path: Path):
    done = run("demos", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    listed = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")}
    assert listed == NAMES
    assert "binary_blitz" in done.stdout and "one sigmoid neuron learns a table" in done.stdout


def test_a_demo_runs_by_its_name_with_a_seed(tmp_path: Path):
    done = run("demos", "binary-blitz", "--quick", "--seed", "3", "--folder", "o", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    record = json.loads((tmp_path / "o" / "binary_blitz" / "metrics.json").read_text("utf-8"))
    assert (record["seed"], record["quick"], record["demo"]) == (3, True, "binary_blitz")


def test_an_unknown_name_is_answered_with_the_nearest(tmp_path: Path):
    done = run("demos", "binary_blits", folder=tmp_path)
    assert done.returncode == 2 and "did you mean binary_blitz?" in done.stderr
    assert not list(tmp_path.iterdir())


def test_all_and_a_name_contradict_each_other(tmp_path: Path):
    done = run("demos", "binary_blitz", "--all", folder=tmp_path)
    assert done.returncode == 2 and "--all" in done.stderr
