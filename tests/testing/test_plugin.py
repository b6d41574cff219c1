"""The pytest plugin, in processes of its own: fixture, options, the line at the end, xdist."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import tinygrad_nn_pytest as plugin

from tests.cli.process import ENVIRONMENT
from tests.extents import thinned

# A right gradient with 3 elements, a kink, a wrong one, one that nothing is known of, and a
# function of 49 elements of which one cannot be known.
TESTS = """
import numpy as np
import pytest
from tinygrad_nn.testing import GradcheckError

rng = np.random.default_rng(0)
X = np.array([0.5, 1.0, 2.0])

def total(x):
    return np.sin(x).sum()

def test_right(gradcheck):
    assert gradcheck(total, X, grad=np.cos).ok

def test_kink(gradcheck):
    assert gradcheck(np.abs, np.array(0.0), grad=np.sign).ok

def test_wrong(gradcheck):
    with pytest.raises(GradcheckError, match="the sign is wrong"):
        gradcheck(total, X, grad=lambda x: -np.cos(x))

def test_nothing(gradcheck):
    with pytest.raises(GradcheckError, match="INCONCLUSIVE"):
        gradcheck(np.log, np.array(-1.0), grad=lambda x: 1 / x)

def test_doubtful(gradcheck):
    def f(x):
        return np.where(np.arange(49) < 1, np.nan, 1.0) * x

    x = np.linspace(1, 2, 49)
    gradcheck(f, x, grad=lambda x, c: np.where(np.arange(49) < 1, 0.0, c))
"""


def run(folder: Path, *arguments: str, tests: str = TESTS, **changes: str):
    (folder / "test_mine.py").write_text(tests, "utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "tinygrad_nn_pytest", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, "-W", "ignore::RuntimeWarning", *arguments],
        cwd=folder, env={**ENVIRONMENT, **changes}, capture_output=True, encoding="utf-8",
        timeout=100, check=False,
    )  # fmt: skip


def last_line(done) -> str:
    (line,) = [
        s for s in done.stdout.split("\n") if s.startswith("gradcheck: ") and "FAILED" not in s
    ]
    return line


def test_the_line_at_the_end_counts_what_was_checked(tmp_path: Path):
    done = run(tmp_path, "-k", "right or kink")
    assert done.returncode == 0, done.stdout
    assert last_line(done) == "gradcheck: 2 functions, 4 elements: 3 pass, 1 kink"


def test_a_run_without_checks_says_nothing(tmp_path: Path):
    done = run(tmp_path, tests="def test_nothing():\n    pass\n")
    assert done.returncode == 0 and "gradcheck" not in done.stdout


def test_a_wrong_gradient_fails_its_test(tmp_path: Path):
    done = run(tmp_path, tests=TESTS.replace("    with pytest.raises", "    if True:  #"))
    assert done.returncode == 1 and "2 failed, 3 passed" in done.stdout
    assert "hint: minus the slope: the sign is wrong" in done.stdout
    # The traceback ends at the test's own line.
    assert "plugin.py:" not in done.stdout


@pytest.mark.parametrize("xdist", thinned([False, True], [False]), ids=["alone", "xdist"])
def test_too_much_that_is_inconclusive_fails_the_run(tmp_path: Path, xdist: bool):
    if xdist and not importlib.util.find_spec("xdist"):
        pytest.skip("pytest-xdist is not installed")
    workers = ["-n", "2"] if xdist else []
    done = run(tmp_path, *workers, "--gradcheck-cap=0.0001")
    assert "5 passed" in done.stdout and done.returncode == 1, done.stdout
    assert "gradcheck: FAILED: " in done.stdout and "at most 0.01% may be" in done.stdout
    assert "in test_mine.py::test_doubtful: f has no finite value here" in done.stdout
    assert last_line(done).startswith("gradcheck: 5 checks of 4 functions, 2,409 elements: ")
    assert run(tmp_path, *workers, "--gradcheck-cap=1").returncode == 0


@pytest.mark.parametrize("where", ["option", "entry"])
def test_options_reach_the_check(tmp_path: Path, where: str):
    tests = """
import numpy as np

def test(gradcheck):
    report = gradcheck(np.sin, np.array([1.0]), grad=lambda x, c: 1.0001 * c * np.cos(x))
    assert report.seed == 5 and not report.dense
"""
    given = {"tolerance": "1e-2", "seed": "5", "dense": "no", "timeout": "50", "cap": "0.5"}
    options = [f"--gradcheck-{name}={value}" for name, value in given.items()]
    entries = "".join(f"gradcheck_{name} = {value}\n" for name, value in given.items())
    (tmp_path / "pytest.ini").write_text("[pytest]\n" + (entries if where == "entry" else ""))
    done = run(tmp_path, *(options if where == "option" else []), tests=tests)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("tolerance=much", "--gradcheck-tolerance: got 'much', expected a number from 0 to 1"),
        ("cap=2", "--gradcheck-cap: got '2'"),
        ("seed=-1", "--gradcheck-seed: got '-1', expected a whole number"),
        ("dense=maybe", "--gradcheck-dense: got 'maybe', expected auto, yes or no"),
        ("timeout=nan", "--gradcheck-timeout: got 'nan', expected seconds"),
    ],
)
def test_a_wrong_option_is_refused(tmp_path: Path, option: str, words: str):
    done = run(tmp_path, f"--gradcheck-{option}")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR and words in done.stderr


def test_it_goes_with_hypothesis(tmp_path: Path):
    tests = """
import numpy as np
from hypothesis import given, settings, strategies as st

@settings(max_examples=5, deadline=None)
@given(st.floats(0.5, 2.0))
def test(gradcheck, x):
    gradcheck(np.sin, np.array(x), grad=np.cos)
"""
    done = run(tmp_path, tests=tests)
    assert done.returncode == 0, done.stdout
    assert last_line(done) == "gradcheck: 5 checks of 1 function, 5 elements: 5 pass"


def test_runs_that_do_not_use_it_do_not_pay(tmp_path: Path):
    tests = """
import sys

def test():
    # What else is installed may bring NumPy; this package is not imported by its plugin.
    assert not [name for name in sys.modules if name.partition(".")[0] == "tinygrad_nn"]
"""
    done = run(tmp_path, tests=tests)
    assert done.returncode == 0, done.stdout
    code = "import sys, tinygrad_nn_pytest; sys.exit(len({'numpy', 'hypothesis'} & {*sys.modules}))"
    found = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, check=False)
    assert found.returncode == 0


def test_named_twice_it_is_one_plugin(tmp_path: Path):
    assert run(tmp_path, "-p", "tinygrad_nn_pytest", "-k", "right").returncode == 0


def test_totals_of_workers_add_up():
    here, there = plugin.Totals(), plugin.Totals()
    here.add("f", {"pass": 90, "inconclusive": 0}, "a", "")
    there.add("f", {"pass": 1_000, "kink": 6, "inconclusive": 4}, "b", "noise")
    there.add("g", {"inconclusive": 0}, "b", "")
    here.receive(there.sent())
    assert str(here) == (
        "gradcheck: 3 checks of 2 functions, 1,100 elements: 1,090 pass, 6 kink, "
        "4 inconclusive (0.36%)"
    )
    assert here.doubts == {"b": (4, "noise")}
