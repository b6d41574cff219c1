"""The commands with odd streams, locales and signals: an exit code, one line, nothing half done."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tinygrad_nn as tg
from tests.cli.process import COMMAND, ENVIRONMENT, leftovers, start
from tests.extents import thinned
from tinygrad_nn import report, train

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a shell and signals of POSIX")

COMMANDS = {
    "draw": ["draw", "pass.json"],
    "explain": ["explain", "pass.json", "multiply_1"],
    "compare passes": ["compare", "pass.json", "pass.json", "-o", "é.html"],
    "movie": ["movie", "film.json", "-o", "film.html"],
    "report": ["report", "run"],
    "compare": ["compare", "run", "run"],
}


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    a = tg.Value(3.0, name="é\u2028\ud800")
    found = tg.trace(a * a)
    found.save("pass.json")
    tg.movie(traces=[found, found]).save("film.json")
    Path("run").mkdir()
    one = report.of(train.History([train.Epoch(1, 0.5, 0.1)]), title="日本 \ud800 ▲")
    one.to_json("run/report.json")


def shell(arguments: list[str], streams: str, **changes: str) -> subprocess.CompletedProcess[bytes]:
    line = f"{shlex.join([*COMMAND, *arguments])} {streams}"
    return subprocess.run(
        ["sh", "-c", line], env={**ENVIRONMENT, **changes}, capture_output=True, timeout=60,
        check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", thinned(COMMANDS, ["compare passes", "report"]))
def test_locales_that_know_few_letters(name):
    for changes in (
        {"PYTHONIOENCODING": "ascii:strict"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""},
    ):
        done = shell(COMMANDS[name], "", **changes)
        assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("name", thinned(COMMANDS, ["draw", "movie"]))
def test_streams_that_are_closed_or_full(name):
    cases = [("<&- >&- 2>&-", 0)]
    if Path("/dev/full").exists():
        cases += [(">/dev/full", 2), (">/dev/full 2>/dev/full", 2)]
    for streams, code in cases:
        done = shell(COMMANDS[name], streams)
        assert done.returncode == code and done.stderr.count(b"\n") <= 1, done.stderr


def test_a_refusal_that_nobody_can_read():
    for streams in ("2>&-", "2>/dev/full"):
        if streams == "2>&-" or Path("/dev/full").exists():
            assert shell(["draw", "absent.json"], streams).returncode == 2


@pytest.mark.parametrize(
    ("command", "number"),
    thinned(
        [(c, n) for c in ("step", "compare", "draw") for n in (signal.SIGINT, signal.SIGTERM)],
        [("step", signal.SIGTERM), ("draw", signal.SIGINT)],
    ),
)
def test_an_interrupted_command_leaves_the_old_file(command: str, number: int):
    """At whatever moment it is."""
    out = "out.svg" if command == "draw" else "out.html"
    Path(out).write_text("old", "utf-8")
    v = total = tg.Value(1.0, name="v")
    for _ in range(2500):
        total = total * 1.0001 + v
    tg.trace(total).save("long.json")
    files = ["long.json"] * (2 if command == "compare" else 1)
    process = start(command, *files, "-o", out, folder=Path.cwd())
    # Past the imports, where Python itself still answers to signals.
    time.sleep(1.5)
    process.send_signal(number)
    out_text, err = process.communicate(timeout=60)
    content = Path(out).read_text("utf-8")
    is_whole = content.rstrip().endswith(("</html>", "</svg>"))
    if process.returncode == 0:
        assert is_whole and "written" in out_text
    else:
        # By the signal itself while Python starts or ends, by the command in between.
        assert process.returncode in (130, -number)
        assert content == "old" or is_whole
    if process.returncode == 130:
        assert err == "tinygrad-nn: interrupted\n"
    assert leftovers(Path.cwd()) == []


@pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")
def test_ctrl_c_stops_a_hanging_dot_too(tmp_path: Path):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "dot").write_text(
        f"#!/bin/sh\nsleep 50 &\necho $! >{tmp_path}/child\nwait\n", "utf-8"
    )
    (folder / "dot").chmod(0o755)
    with subprocess.Popen(
        [*COMMAND, "draw", "pass.json", "-o", "a.png", "--timeout", "40"],
        env={**ENVIRONMENT, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        child = tmp_path / "child"
        for _ in range(600):
            if child.exists() and child.read_text("utf-8").strip():
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, b"tinygrad-nn: interrupted\n")
    state = Path(f"/proc/{child.read_text('utf-8').strip()}/stat")
    for _ in range(100):
        if not state.exists() or state.read_text("utf-8").split()[2] == "Z":
            break
        time.sleep(0.05)
    else:
        pytest.fail("the child of `dot` goes on")
    assert not Path("a.png").exists() and leftovers(tmp_path) == []
