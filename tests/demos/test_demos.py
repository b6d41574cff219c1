"""Each demo runs alone, in any folder, with the public interface, and reaches its metric."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.process import ENVIRONMENT

DEMOS = sorted((Path(__file__).parents[2] / "demos").glob("*.py"))
SHORT = {"binary_blitz": 40}


def run(path: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(path)],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("path", DEMOS, ids=lambda path: path.stem)
def test_a_demo_uses_the_public_interface_only(path: Path):
    source = path.read_text("utf-8")
    assert len(source.splitlines()) < SHORT.get(path.stem, 400)
    for node in ast.walk(ast.parse(source)):
        assert not (isinstance(node, ast.Attribute) and node.attr.startswith("_"))


def test_binary_blitz_takes_the_nine_steps_and_answers(tmp_path: Path):
    (path,) = (path for path in DEMOS if path.stem == "binary_blitz")
    done = run(path, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    steps = [int(line[0]) for line in done.stdout.splitlines() if line[0].isdigit()]
    assert sorted(set(steps)) == [*range(1, 10)]
    (answer,) = re.findall(r"1 0 0 -> ([\d.]+)", done.stdout)
    assert 0.98 < float(answer) < 1
    assert list(tmp_path.iterdir()) == []


def test_a_demo_that_misses_its_metric_fails(tmp_path: Path):
    (path,) = (path for path in DEMOS if path.stem == "binary_blitz")
    source = path.read_text("utf-8")
    assert "range(1, 2001)" in source
    impatient = tmp_path / "impatient.py"
    impatient.write_text(source.replace("range(1, 2001)", "range(1, 3)"), "utf-8")
    done = run(impatient, tmp_path)
    assert done.returncode == 1 and "not learned" in done.stderr
