"""Drawings, comparisons and movies of hostile and odd input: names of files, `dot`, options."""

import copy
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.viz.test_trace_file import sample
from tinygrad_nn.errors import DataError, DrawingError, OperandError, OptionError
from tinygrad_nn.viz.movie import Movie
from tinygrad_nn.viz.passes import Pass
from tinygrad_nn.viz.picture import program
from tinygrad_nn.viz.trace.file import from_json, to_json

posix = pytest.mark.skipif(sys.platform == "win32", reason="stubs are shell scripts")


def loss():
    a = tg.Value(3.0, name="a")
    return (a * a + a).tanh()


# ── Names of files ──────────────────────────────────────────────────────────────────────

SAVES = {
    "draw": lambda path: tg.draw(loss(), path=path),
    "draw in a format": lambda path: tg.draw(loss(), "svg", path),
    "drawing": lambda path: tg.draw(loss()).save(path),
    "trace": lambda path: tg.trace(loss()).save(path),
    "page": lambda path: tg.trace(loss()).save_html(path),
    "explain": lambda path: tg.trace(loss()).explain("a").save(path),
    "compare": lambda path: tg.compare(loss(), loss()).save_html(path),
    "compare drawn": lambda path: tg.compare(loss(), loss()).draw(path=path),
    "movie": lambda path: tg.movie(traces=[tg.trace(loss())]).save(path),
    "movie page": lambda path: tg.movie(traces=[tg.trace(loss())]).save_html(path),
    "load a trace": Pass.load,
    "load a movie": Movie.load,
}


@pytest.mark.parametrize("save", SAVES)
def test_what_is_no_name_of_a_file(save, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in (5, -1, 2.5, True, [], b"a.svg"):
        with pytest.raises(OperandError, match="for a path, expected a text"):
            SAVES[save](path)
    for path in ("\0.svg", "\ud800.svg", "a\0b/c.svg", Path("\ud800.svg")):
        with pytest.raises(OptionError, match="no name of a file"):
            SAVES[save](path)
    assert list(tmp_path.iterdir()) == []


def test_names_of_any_letters(tmp_path):
    """Also those that are no UTF-8, which POSIX allows, and endings in capitals."""
    names = ["é ü\u202e日本.SVG", "a\nb.Svg", "-.svg", "'\";$(x).svg"]
    if sys.platform == "linux":
        names.append(os.fsdecode(b"\xff\xfe.svg"))
    for name in names:
        assert tg.draw(loss(), path=tmp_path / name).format == "svg"
        assert (tmp_path / name).read_bytes().endswith(b"</svg>\n")
    assert len(list(tmp_path.iterdir())) == len(names)


def test_files_that_cannot_be_written_leave_nothing(tmp_path):
    (tmp_path / "folder.svg").mkdir()
    (tmp_path / "file").touch()
    places = ["folder.svg", "missing/a.svg", "file/a.svg", "x" * 300 + ".svg"]
    for place in places:
        with pytest.raises(OSError, match=r"draw: the drawing was not saved: .*expected the name"):
            tg.draw(loss(), path=tmp_path / place)
    assert {p.name for p in tmp_path.rglob("*")} == {"folder.svg", "file"}


# ── Graphviz ────────────────────────────────────────────────────────────────────────────


def stub(tmp_path, script, monkeypatch):
    """A program named `dot`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "dot").write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    (folder / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize("timeout", [math.nan, "x", 0, -1, -math.inf, None, True, [1], 1j])
def test_times_that_are_none(timeout):
    for format in ("svg", "text", "png"):
        with pytest.raises(OptionError, match=r"draw: got timeout=.*seconds above 0"):
            tg.draw(loss(), format, timeout=timeout)
    with pytest.raises(OptionError, match="compare: got timeout="):
        tg.compare(loss(), loss()).draw(timeout=timeout)


@pytest.mark.parametrize("timeout", [math.inf, 1e300, 10**400, np.float32(60), np.int64(60)])
def test_times_that_never_come(timeout):
    assert tg.draw(loss(), timeout=timeout).svg


@posix
def test_a_hanging_dot_is_stopped_with_all_that_it_started(tmp_path, monkeypatch):
    stub(tmp_path, f"sleep 60 & echo $! >{tmp_path}/child; wait", monkeypatch)
    start = time.monotonic()
    with pytest.raises(DrawingError, match=r"longer than 0\.5 s"):
        tg.draw(loss(), engine="dot", timeout=0.5)
    assert time.monotonic() - start < 10
    child = int((tmp_path / "child").read_text("utf-8"))
    for _ in range(100):
        done = subprocess.run(["kill", "-0", str(child)], capture_output=True, check=False)
        state = Path(f"/proc/{child}/stat")
        if done.returncode or (state.exists() and state.read_text("utf-8").split()[2] == "Z"):
            return
        time.sleep(0.05)
    pytest.fail("the child of `dot` goes on")


@posix
def test_a_dot_that_closes_its_output_and_hangs_is_stopped(tmp_path, monkeypatch):
    stub(tmp_path, "exec >&- 2>&-; exec sleep 60", monkeypatch)
    with pytest.raises(DrawingError, match="longer than"):
        tg.draw(loss(), "png", engine="own", timeout=0.3)


@posix
def test_a_dot_that_writes_for_ever_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(program, "_MOST", 10**6)
    stub(tmp_path, "exec cat /dev/zero", monkeypatch)
    with pytest.raises(DrawingError, match=r"more than 1,000,000 bytes"):
        tg.draw(loss(), "png", engine="own", timeout=30)


@posix
@pytest.mark.parametrize(
    "script", [":", "echo no", "head -c 999 /dev/urandom", r"printf '\211PNG\r\n\032\n'"]
)
@pytest.mark.parametrize("format", ["png", "pdf"])
def test_what_is_no_picture_is_not_saved_as_one(script, format, tmp_path, monkeypatch):
    stub(tmp_path, f"cat >/dev/null; {script}", monkeypatch)
    with pytest.raises(DrawingError, match=f"expected a whole {format}"):
        tg.draw(loss(), path=tmp_path / f"a.{format}", engine="own")
    assert not (tmp_path / f"a.{format}").exists()


@posix
def test_what_dot_says_cannot_steer_a_terminal(tmp_path, monkeypatch):
    stub(tmp_path, r"printf '\033[2J\000bad' >&2; exit 1", monkeypatch)
    with pytest.raises(DrawingError, match="exit status 1") as refused:
        tg.draw(loss(), engine="dot")
    assert str(refused.value).isprintable()


@posix
@pytest.mark.parametrize("number", ["nan", "inf", "1e999", "-inf"])
def test_places_that_are_none(number, tmp_path, monkeypatch):
    lines = "".join(f"echo node {i} {number} 1 1 1;" for i in range(4))
    links = "".join(f"echo edge {a} {b} 1 1 1;" for a, b in ((0, 1), (0, 1), (1, 2), (0, 2)))
    stub(tmp_path, f"cat >/dev/null; echo graph 1 2 2; {lines} {links}", monkeypatch)
    with pytest.raises(DrawingError, match="answered 'graph"):
        tg.draw(loss(), engine="dot")


# ── Options ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("got", [-1, math.nan, "x", None, [], np.ones(2), 10**400, 1j])
def test_tolerances_that_are_none(got):
    for name in ("rtol", "atol"):
        with pytest.raises(OptionError, match=f"{name}=.*0 or a positive number"):
            tg.compare(loss(), loss(), **{name: got})


def test_options_of_pages():
    found, film = tg.compare(loss(), loss()), tg.movie(traces=[tg.trace(loss())])
    for title in (2.5, 5, True, [1], b"x"):
        for page in (found, film):
            with pytest.raises(OptionError, match="expected a text"):
                page.html(title=title)
    for names in ("ab", None, 2.5, [], (1, 2), ("a",), ("a", "b", "c")):
        with pytest.raises(OptionError, match="names"):
            found.html(names=names)
    for frame in (-1, "x", None, 2.5, math.nan, True, []):
        with pytest.raises(OptionError, match="frame="):
            film.html(frame=frame)
    for text in ("</script><b>", "\ud800", "x" * 10**5, "{{}}\n\0"):
        assert "\ud800" not in found.html(title=text, names=[text, ""]) + film.html(title=text)


def test_steps_and_traces_of_movies():
    film = tg.movie()
    for step in ("x", 2.5, math.nan, math.inf, 10**400, True, []):
        with pytest.raises(OptionError, match="step="):
            film.add(loss(), step=step)
    assert len(film) == 0 and film.add(loss(), step=np.int64(-3))
    assert film.frames[0].step == -3
    for traces in (3, None, loss(), tg.Tensor):
        with pytest.raises(OperandError, match="in a list"):
            tg.movie(traces=traces)


# ── Files ───────────────────────────────────────────────────────────────────────────────

STEERING = "\x1b[2J\u202e\ud800\n"


def texts(x, path=()):
    """Paths to every text."""
    items = x.items() if isinstance(x, dict) else enumerate(x) if isinstance(x, list) else ()
    for key, value in items:
        if isinstance(value, str):
            yield (*path, key)
        yield from texts(value, (*path, key))


def test_no_text_of_a_file_can_steer_a_terminal_or_break_a_picture():
    whole = json.loads(json.dumps(to_json(sample())))
    for place in texts(whole):
        found = copy.deepcopy(whole)
        *above, last = place
        inside = found
        for key in above:
            inside = inside[key]
        inside[last] = STEERING
        try:
            t = Pass.of(from_json(found))
        except DataError:
            continue
        shown = str(t.explain(next(r.name for r in t.records if r.role.value == "parameter")))
        for level in ("op", "module"):
            drawing = t.draw("text", level=level)
            shown += drawing.text + drawing.dot + drawing.svg
        shown += t.draw("svg", engine="own").svg + str(tg.compare(t, t))
        assert not {"\x1b", "\u202e", "\ud800"} & set(shown), place
