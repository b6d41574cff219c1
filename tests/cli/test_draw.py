"""`tinygrad-nn draw`, `step`, `explain`, `compare`, `movie`: saved files shown, or refused."""

import copy
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.architecture.paths import ROOT
from tests.architecture.snippets import python_blocks, run_blocks
from tests.cli.process import COMMAND, ENVIRONMENT, run
from tests.extents import some, twofold
from tests.viz.test_trace_file import sample
from tinygrad_nn.cli import main
from tinygrad_nn.cli.commands import COMMANDS
from tinygrad_nn.cli.seeing import SEEING

# What each command needs behind the name of a file.
SEEN = {
    "draw": [],
    "step": ["-o", "page.html"],
    "explain": ["a"],
    "compare": ["pass.json"],
    "movie": ["-o", "page.html"],
}
HOW_TO = ROOT / "docs" / "how-to" / "see-a-backward-pass.md"


def chain_rule() -> tg.viz.Pass:
    values = {"a": 2.0, "b": -3.0, "c": 6.5, "f": -2.0}
    a, b, c, f = (tg.Value(x, name=name) for name, x in values.items())
    loss = tg.tanh((a * b + c) * f) + a**2
    loss.name = "L"
    return tg.trace(loss)


@pytest.fixture(autouse=True)
def trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tg.viz.Pass:
    """A trace, saved as pass.json where the test runs."""
    monkeypatch.chdir(tmp_path)
    found = chain_rule()
    found.save("pass.json")
    return found


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run the command, check that it fails as it should; return what it said."""
    before = {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
    code = main(arguments)
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.startswith("tinygrad-nn: error: ") and err.count("\n") == 1, err
    assert {path: path.stat().st_mtime_ns for path in Path().rglob("*")} == before
    assert len(err) < 900
    return err


# ── What they give ──────────────────────────────────────────────────────────────────────


def test_text_on_the_terminal(trace, capsys):
    assert main(["draw", "pass.json"]) == 0
    out, err = capsys.readouterr()
    assert (out.strip(), err) == (trace.draw("text").text.strip(), "")
    assert "adds ▲ 2.52" in out


@pytest.mark.parametrize("ending", [".svg", ".dot", ".gv", ".txt", ".SVG"])
def test_a_file_of_each_kind_is_that_of_the_library(ending: str, trace, capsys):
    name = f"picture{ending}"
    assert main(["draw", "pass.json", "-o", name, "--theme", "dark"]) == 0
    assert capsys.readouterr().out == f"written: {name}\n"
    trace.draw(path=f"expected{ending}", theme="dark")
    assert Path(name).read_bytes() == Path(f"expected{ending}").read_bytes()


@pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")
@pytest.mark.parametrize(("ending", "begins"), [(".png", b"\x89PNG"), (".pdf", b"%PDF")])
def test_pictures_by_graphviz(ending: str, begins: bytes):
    assert main(["draw", "pass.json", "-o", f"picture{ending}"]) == 0
    assert Path(f"picture{ending}").read_bytes().startswith(begins)


def test_without_graphviz_a_drawing_is_made_and_told(tmp_path: Path):
    done = run("draw", "pass.json", "-o", "picture.svg", folder=tmp_path, PATH="")
    assert done.returncode == 0 and ElementTree.parse("picture.svg")
    assert done.stderr.startswith("tinygrad-nn: warning: ") and done.stderr.count("\n") == 1
    done = run("draw", "pass.json", "-o", "picture.png", folder=tmp_path, PATH="")
    assert done.returncode == 2 and "dot" in done.stderr and done.stderr.count("\n") == 1
    assert not Path("picture.png").exists()


def test_levels_and_limits(capsys):
    sample().save("net.json")
    texts = []
    for options in ([], ["--level", "op"], ["--level", "module"]):
        assert main(["draw", "net.json", *options]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[1] != texts[2] and texts[0] in texts[1:]
    assert main(["draw", "net.json", "--level", "op", "--limit", "5"]) == 0
    assert "folded" in capsys.readouterr().out


def test_a_page_to_step_through(trace):
    assert main(["step", "pass.json", "-o", "page.html", "--title", "Of L"]) == 0
    trace.save_html("expected.html", title="Of L")
    assert Path("page.html").read_bytes() == Path("expected.html").read_bytes()


def test_explanations(trace, capsys):
    assert main(["explain", "pass.json", "a"]) == 0
    assert capsys.readouterr().out == f"{trace.explain('a')}\n"
    found = sample()
    found.save("net.json")
    name = next(r.name for r in found.records if len(r.value.shape) == 2 and r.gradient)
    assert main(["explain", "net.json", name, "--index", "0,0", "--top", "2"]) == 0
    assert capsys.readouterr().out == f"{found.explain(name, (0, 0), top=2)}\n"
    assert main(["explain", "net.json", name, "--index=-1,0"]) == 0
    assert main(["explain", "pass.json", "a", "-o", "why.tex"]) == 0
    assert Path("why.tex").read_text("utf-8") == trace.explain("a").latex + "\n"


def test_what_differs(trace, capsys):
    assert main(["compare", "pass.json", "pass.json"]) == 0
    assert capsys.readouterr().out == f"{tg.viz.diff.compare(trace, trace)}\n"
    a = tg.Value(5.0, name="a")
    other = tg.trace(a**2)
    other.save("other.json")
    found = tg.viz.diff.compare(trace, other)
    assert main(["compare", "pass.json", "other.json"]) == 0
    assert capsys.readouterr().out == f"{found}\n"
    for ending in (".html", ".svg"):
        assert main(["compare", "pass.json", "other.json", "-o", f"diff{ending}"]) == 0
    found.save_html("expected.html")
    assert Path("diff.html").read_bytes() == Path("expected.html").read_bytes()
    assert ElementTree.parse("diff.svg")
    assert main(["compare", "pass.json", "other.json", "--rtol", "1e9"]) == 0


def test_a_movie(trace, capsys):
    film = tg.viz.movie.movie(traces=[trace, trace])
    film.save("film.json")
    assert main(["movie", "film.json", "-o", "film.html", "--theme", "dark"]) == 0
    film.save_html("expected.html", theme="dark")
    assert Path("film.html").read_bytes() == Path("expected.html").read_bytes()


def test_the_commands_of_the_how_to_page_run(capsys):
    """And it shows all of them."""
    text = HOW_TO.read_text("utf-8")
    run_blocks(list(python_blocks(text)), HOW_TO)
    lines = re.findall(r"^tinygrad-nn (.+)$", text, re.MULTILINE)
    for line in lines:
        assert main(shlex.split(line)) == 0, line
    assert {line.split()[0] for line in lines} == set(SEEN)


def test_the_command_as_a_process(tmp_path: Path):
    done = run("draw", "pass.json", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "") and "tanh_1" in done.stdout
    plain = run("draw", "pass.json", folder=tmp_path, PYTHONIOENCODING="ascii")
    assert (plain.returncode, plain.stderr) == (0, "") and "tanh_1" in plain.stdout


def test_every_command_has_help_that_fits_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    for command in COMMANDS:
        with pytest.raises(SystemExit):
            main([command.name, "--help"])
        text = capsys.readouterr().out
        assert max(map(len, text.splitlines())) <= 100 and "-h, --help" in text
    assert {*(command.name for command in SEEING), "compare"} == set(SEEN)


# ── What they refuse ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("draw", ["TRACE", "tinygrad-nn draw --help"]),
        ("draw absent.json", ["absent.json", "no file", "trace.save"]),
        ("draw .", ["a folder", "trace.save"]),
        ("draw pass.json -o picture.jpg", ["--out", "'picture.jpg'", ".svg", ".png"]),
        ("draw pass.json -o picture", ["--out", ".svg"]),
        ("draw pass.json -o missing/picture.svg", ["missing", "a folder that exists", "-o"]),
        ("draw pass.json -o folder.svg", ["folder.svg", "expected a file"]),
        ("draw pass.json --level modul", ["--level", "'modul'", "module"]),
        ("draw pass.json --theme blue", ["--theme", "dark"]),
        ("draw pass.json --direction up", ["--direction", "TB"]),
        ("draw pass.json --limit 0", ["limit", "0"]),
        ("draw pass.json --limit many", ["--limit", "'many'", "whole number"]),
        ("draw pass.json more.json", ["more.json", "tinygrad-nn draw --help"]),
        ("step pass.json", ["--out", "tinygrad-nn step --help"]),
        ("step pass.json -o page.svg", ["--out", "'page.svg'", ".html"]),
        ("step pass.json -o folder.html", ["folder.html", "expected a file"]),
        ("step pass.json -o page.html --step -4", ["step", "-4"]),
        ("step page.html -o page.html", ["page.html"]),
        ("explain pass.json", ["NAME", "tinygrad-nn explain --help"]),
        ("explain pass.json q", ["'q'", "'a'", "no node"]),
        ("explain pass.json 2", ["'2'"]),
        ("explain pass.json a --index 0", ["index", "single number"]),
        ("explain pass.json a --index x", ["--index", "'x'", "3,4"]),
        ("explain pass.json a --top 0", ["--top 0", "from 1"]),
        ("explain pass.json a -o why.png", ["--out", ".html", ".tex"]),
        ("compare pass.json", ["1 trace", "expected 2"]),
        ("compare pass.json pass.json pass.json", ["3 traces", "expected 2"]),
        ("compare pass.json absent.json", ["absent.json", "no file"]),
        ("compare pass.json folder.svg", ["'pass.json'", "'folder.svg'", "one kind"]),
        ("compare folder.svg folder.html --rtol 1", ["--rtol", "folder.svg", "two traces"]),
        ("compare pass.json pass.json -o page.md", ["--out", ".html", ".svg"]),
        ("compare pass.json pass.json --rtol -1", ["rtol", "-1"]),
        ("compare pass.json pass.json --atol nan", ["atol", "nan"]),
        ("movie pass.json -o film.html", ["pass.json", "movie.save"]),
        ("movie absent.json -o film.html", ["absent.json", "movie.save"]),
        ("drow pass.json", ["'drow'", "draw"]),
    ],
)
def test_a_wrong_argument(arguments: str, words: list[str], capsys):
    Path("folder.svg").mkdir()
    Path("folder.html").mkdir()
    said = refused(capsys, *arguments.split(" "))
    assert all(word in said for word in words), said


def test_the_trace_is_never_written_over(capsys):
    Path("pass.json").rename("pass.txt")
    Path("link.txt").symlink_to("pass.txt")
    for name in ("pass.txt", "./pass.txt", "link.txt"):
        assert "choose another" in refused(capsys, "draw", "pass.txt", "-o", name)


def test_names_that_would_steer_a_terminal(capsys):
    a = tg.Value(1.0, name="\x1b[2J\u202e\ud800\n")
    tg.trace(a * a).save("pass.json")
    assert main(["draw", "pass.json"]) == 0
    assert main(["explain", "pass.json", "multiply_1"]) == 0
    out = capsys.readouterr().out
    assert not {"\x1b", "\u202e", "\ud800"} & set(out)
    said = refused(capsys, "draw", "\x1b[2J.json")
    assert "\x1b" not in said


@pytest.mark.parametrize("command", SEEN)
def test_other_files_and_files_cut_off(command: str, capsys):
    rest = SEEN[command]
    whole = Path("pass.json").read_bytes()
    cut = [whole[: len(whole) * k // 7] for k in range(7)]
    for content in (*cut, b"\0" * 99, b"\xff\xfe", b"{}", b"[" * 10**5, whole + b"x", b"PK\3\4"):
        Path("bad.json").write_bytes(content)
        assert "bad.json" in refused(capsys, command, "bad.json", *rest)


def test_a_disk_that_is_full_leaves_nothing(capsys, monkeypatch: pytest.MonkeyPatch):
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    for arguments in (["draw", "pass.json", "-o", "a.svg"], ["step", "pass.json", "-o", "a.html"]):
        assert "No space left on device" in refused(capsys, *arguments)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break otherwise there")
def test_a_reader_that_goes_away(tmp_path: Path):
    """After one line of 9 kB, more than the pipe holds."""
    total = tg.Value(0.0)
    for _ in range(1000):
        total = total + tg.Value(2.0) ** 2.0
    tg.trace(total).save("long.json")
    command = [*COMMAND, "draw", "long.json", "--level", "scalar"]
    with subprocess.Popen(
        command, bufsize=0, pipesize=4096, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of POSIX")
def test_a_closed_or_full_output(tmp_path: Path):
    script = " ".join(map(shlex.quote, [*COMMAND, "draw", "pass.json"]))
    for where, code in ((">&-", 0), ("> /dev/full", 2)):
        if code and not Path("/dev/full").exists():
            continue
        done = subprocess.run(
            ["sh", "-c", f"{script} {where}"],
            env=ENVIRONMENT,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr.count(b"\n")) == (code, int(code > 0)), done.stderr


# ── Hostile files ───────────────────────────────────────────────────────────────────────

ODD = st.one_of(
    st.sampled_from(
        [None, True, -1, 0, 1, 2**40, 1e300, "NaN", "Infinity", "", "\ud800\x1b", [], {}]
    ),
    st.text(max_size=3),
    st.integers(0, 12),
    st.floats(allow_nan=False, allow_infinity=False),
)


def places(x, path=()):
    """Paths to everything in a nest of lists and dicts."""
    items = x.items() if isinstance(x, dict) else enumerate(x) if isinstance(x, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


@pytest.fixture(scope="module")
def written() -> list[tuple[dict, list]]:
    found = [json.loads(json.dumps(tg.viz.trace.file.to_json(t))) for t in (chain_rule(), sample())]
    return [(one, list(places(one))) for one in found]


@twofold
@settings(
    max_examples=some(20, 60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_a_file_with_anything_in_it_is_shown_or_refused(data, written, capsys):
    """No file makes a command raise, or leave half a page."""
    one, paths = written[data.draw(st.integers(0, 1))]
    changed = copy.deepcopy(one)
    for _ in range(data.draw(st.integers(1, 3))):
        *above, last = data.draw(st.sampled_from(paths))
        place = changed
        try:
            for key in above:
                place = place[key]
            place[last] = data.draw(ODD)
        except (KeyError, IndexError, TypeError):
            continue
    Path("hostile.json").write_text(json.dumps(changed), "utf-8")
    commands = [
        ["draw", "hostile.json"],
        ["draw", "hostile.json", "-o", "hostile.dot", "--level", "op"],
        ["draw", "hostile.json", "-o", "hostile.gv", "--level", "module", "--limit", "3"],
        ["step", "hostile.json", "-o", "hostile.html"],
        ["explain", "hostile.json", "a"],
        ["compare", "hostile.json", "pass.json"],
        ["compare", "hostile.json", "hostile.json", "-o", "diff.html"],
    ]
    for arguments in commands:
        code = main(arguments)
        err = capsys.readouterr().err
        assert code in (0, 2) and err.count("\n") <= 1, err
        assert (code == 2) == err.startswith("tinygrad-nn: error: ")
    assert not list(Path().glob(".*"))
