"""Each demo runs alone, in any folder, with the public interface, and reaches its numbers."""

import ast
import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import pytest
from demos_table import DEMOS as TABLE
from demos_table import keep, version

from tests.cli.process import run_script

FOLDER = Path(__file__).parents[2] / "demos"
DEMOS = sorted(FOLDER.rglob("*.py"))
(BLITZ,) = FOLDER.rglob("binary_blitz.py")

every_demo = pytest.mark.parametrize(
    "path", DEMOS, ids=[str(p.relative_to(FOLDER).with_suffix("")) for p in DEMOS]
)


@every_demo
def test_a_demo_uses_the_public_interface_only(path: Path):
    tree = ast.parse(path.read_text("utf-8"))
    stems = {p.stem for p in DEMOS} | {p.parent.name for p in DEMOS}
    for node in ast.walk(tree):
        assert not (isinstance(node, ast.Attribute) and re.match("_[^_]", node.attr))
        if isinstance(node, ast.ImportFrom):
            assert not node.level and node.module is not None
            assert node.module.partition(".")[0] not in stems


@every_demo
def test_a_demo_says_what_it_shows_and_from_which_talk(path: Path):
    about = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert about is not None
    first, _, rest = about.partition("\n")
    assert first.endswith(".") and len(first) < 100
    assert "Talk: " in rest


def test_demos_are_short():
    lengths = [len(path.read_text("utf-8").splitlines()) for path in DEMOS]
    assert median(lengths) < 80 and max(lengths) < 200


def test_names_are_unique():
    assert len({path.stem for path in DEMOS}) == len(DEMOS)


# The first of each group stands for it; all together take minutes.
FIRST = {path.parent: path for path in reversed(DEMOS)}.values()


@pytest.mark.parametrize(
    "path",
    [pytest.param(p, marks=[] if p in FIRST else pytest.mark.slow) for p in DEMOS],
    ids=[str(p.relative_to(FOLDER).with_suffix("")) for p in DEMOS],
)
def test_a_demo_runs_alone_and_reaches_its_numbers(path: Path, tmp_path: Path):
    done = run_script(
        Path(shutil.copy(path, tmp_path)), "--quick", "--folder", "out", folder=tmp_path
    )
    if "pip install 'tinygrad-nn[sklearn]'" in done.stderr and find_spec("sklearn") is None:
        pytest.skip("its data come with scikit-learn, which is not installed")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    record = json.loads((tmp_path / "out" / "metrics.json").read_text("utf-8"))
    assert record["quick"] and record["metrics"] and all(m["met"] for m in record["metrics"])
    assert {p.name for p in tmp_path.iterdir()} == {path.name, "out"}


def test_the_table_is_of_the_demos_as_they_are():
    docs = FOLDER.parent / "docs"
    measured = json.loads((docs / "demos.json").read_text("utf-8"))
    stale = [p.stem for p in DEMOS if measured.get(p.stem, {}).get("version") != version(p)]
    assert not stale, f"python docs/demos_table.py {' '.join(stale)}; python docs/generate.py"
    assert all(len(m["measured"]) == 5 for demo in measured.values() for m in demo["metrics"])
    assert measured.keys() == {p.stem for p in DEMOS}


def test_demos_measured_at_the_same_time_are_all_kept(tmp_path: Path):
    file = tmp_path / "demos.json"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: keep(name, {"version": name}, file), TABLE))
    kept = json.loads(file.read_text("utf-8"))
    assert list(kept.items()) == [(name, {"version": name}) for name in TABLE]
    assert list(tmp_path.iterdir()) == [file]


def test_binary_blitz_takes_the_nine_steps_and_answers(tmp_path: Path):
    done = run_script(BLITZ, "--quick", folder=tmp_path)
    steps = [int(line[0]) for line in done.stdout.splitlines() if re.match(r"\d [A-Z]", line)]
    assert sorted(set(steps)) == [*range(1, 10)]
    (answer,) = re.findall(r"1 0 0 -> ([\d.]+)", done.stdout)
    assert 0.98 < float(answer) < 1
    assert (tmp_path / "runs/demos/binary_blitz/first-backward-pass.svg").exists()


def test_a_demo_that_misses_its_number_fails(tmp_path: Path):
    source = BLITZ.read_text("utf-8")
    assert "steps = 2000" in source
    impatient = tmp_path / "impatient.py"
    impatient.write_text(source.replace("steps = 2000", "steps = 2"), "utf-8")
    done = run_script(impatient, "--quick", folder=tmp_path)
    assert done.returncode == 1 and "1 of 1 missed" in done.stderr and "MISSED" in done.stdout


def test_a_folder_that_cannot_be_made_is_told_at_once(tmp_path: Path):
    (tmp_path / "taken").touch()
    done = run_script(BLITZ, "--quick", "--folder", "taken/run", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "--folder taken/run cannot be" in done.stderr and "Traceback" not in done.stderr


def test_an_interruption_is_no_traceback(tmp_path: Path):
    source = BLITZ.read_text("utf-8")
    stopped = tmp_path / "stopped.py"
    line = "def main(demo: Demo) -> None:\n"
    assert line in source
    stopped.write_text(source.replace(line, f"{line}    raise KeyboardInterrupt\n"), "utf-8")
    done = run_script(stopped, "--quick", folder=tmp_path)
    assert (done.returncode, done.stderr) == (130, "stopped.py: interrupted\n")
