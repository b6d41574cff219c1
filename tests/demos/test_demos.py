"""Each demo runs alone, in any folder, with the public interface, and reaches its metric."""

import ast
import re
import shutil
from pathlib import Path

import pytest

from tests.cli.process import run_script

DEMOS = sorted((Path(__file__).parents[2] / "demos").glob("*.py"))
SHORT = {"binary_blitz": 40}


@pytest.mark.parametrize("path", DEMOS, ids=lambda path: path.stem)
def test_a_demo_uses_the_public_interface_only(path: Path):
    source = path.read_text("utf-8")
    assert len(source.splitlines()) < SHORT.get(path.stem, 400)
    for node in ast.walk(ast.parse(source)):
        assert not (isinstance(node, ast.Attribute) and node.attr.startswith("_"))


def test_binary_blitz_takes_the_nine_steps_and_answers(tmp_path: Path):
    (path,) = (path for path in DEMOS if path.stem == "binary_blitz")
    done = run_script(Path(shutil.copy(path, tmp_path)))
    assert (done.returncode, done.stderr) == (0, "")
    steps = [int(line[0]) for line in done.stdout.splitlines() if line[0].isdigit()]
    assert sorted(set(steps)) == [*range(1, 10)]
    (answer,) = re.findall(r"1 0 0 -> ([\d.]+)", done.stdout)
    assert 0.98 < float(answer) < 1
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_demo_that_misses_its_metric_fails(tmp_path: Path):
    (path,) = (path for path in DEMOS if path.stem == "binary_blitz")
    source = path.read_text("utf-8")
    assert "range(1, 2001)" in source
    impatient = tmp_path / "impatient.py"
    impatient.write_text(source.replace("range(1, 2001)", "range(1, 3)"), "utf-8")
    done = run_script(impatient)
    assert done.returncode == 1 and "not learned" in done.stderr
