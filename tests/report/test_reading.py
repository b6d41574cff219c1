"""A file may come from anywhere: it is checked, and an error says what to do."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.report.runs import moons_report
from tinygrad_nn import report
from tinygrad_nn.cli import main
from tinygrad_nn.errors import DataError
from tinygrad_nn.report.schema import checked

MADE = moons_report()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a small run."""
    folder = tmp_path_factory.mktemp("runs") / "a"
    command = ["train", "--layers", "6", "--batch", "128", "--epochs", "2", "--out", str(folder)]
    assert main(command) == 0
    return folder


def test_page_and_json_give_the_document_back(tmp_path: Path):
    MADE.to_json(tmp_path / "a.json")
    MADE.save(tmp_path / "a.html")
    for name in ("a.json", "a.html"):
        assert report.load(tmp_path / name).document == MADE.document
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "a.json"]


def test_a_run_has_its_report(run: Path):
    made = report.load(run)
    assert made.document["result"]["total"] == 449 and made.document["backward"] == "backward.html"
    assert (run / "report.html").read_text("utf-8") == made.html
    assert 'href="backward.html"' in made.html and (run / "backward.html").is_file()


def test_a_run_under_way_has_one_too(run: Path, tmp_path: Path):
    state = json.loads((run / "run.json").read_text("utf-8"))
    state["status"] = "running"
    (tmp_path / "run.json").write_text(json.dumps(state), "utf-8")
    made = report.load(tmp_path)
    assert made.verdict[0].startswith("Still running, 2 epochs done; reached")
    assert len(made.document["record"]["epochs"]) == 2
    assert main(["report", str(tmp_path)]) == 0
    assert "Still running" in (tmp_path / "report.html").read_text("utf-8")


def test_the_script_learns_the_same(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What the page says under Python."""
    document = report.load(run).document
    monkeypatch.chdir(tmp_path)
    exec(compile(document["script"], "script", "exec"), {})
    again = report.load("report.html").document
    for a, b in zip(document["history"]["epochs"], again["history"]["epochs"], strict=True):
        assert (a["loss"], a["scores"]) == (b["loss"], b["scores"])
    assert document["result"]["confusion"] == again["result"]["confusion"]
    assert document["command"].split()[:3] == ["tinygrad-nn", "train", "digits"]
    assert main([*document["command"].split()[1:], "--out", "b"]) == 0
    assert report.load("b").document["result"] == document["result"]


def test_two_runs_are_compared(run: Path, tmp_path: Path):
    out = tmp_path / "both.html"
    assert main(["compare", str(run), str(run / "report.html"), "-o", str(out)]) == 0
    assert "All settings, data and versions are the same" in out.read_text("utf-8")


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and err.startswith("tinygrad-nn: error: ")
    return err


def test_what_is_missing_is_told(capsys, tmp_path: Path, run: Path):
    assert "check the path" in refused(capsys, "report", str(tmp_path / "absent"))
    assert "tinygrad-nn train" in refused(capsys, "report", str(tmp_path))
    assert "2 to 6" in refused(capsys, "compare", str(run))
    assert "-o" in refused(capsys, "report", str(run), "-o", str(tmp_path / "no" / "x.html"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "no JSON"),
        ('{"format": "tinygrad_nn run", "epo', "no JSON"),
        ("[" * 100_000, "no JSON"),
        ('{"format": "tinygrad_nn run", "x": NaN}', "NaN is no JSON"),
        ("[]", "expected 'tinygrad_nn run'"),
        ('{"format": "tinygrad_nn run"}', "does not fit"),
        ("\x00\xff", "no JSON"),
    ],
)
def test_a_damaged_run_is_refused(content: str, words: str, tmp_path: Path, capsys):
    (tmp_path / "run.json").write_text(content, "utf-8")
    assert words in refused(capsys, "report", str(tmp_path))
    assert not (tmp_path / "report.html").exists()


def test_a_later_version_is_told(tmp_path: Path):
    (tmp_path / "a.json").write_text(json.dumps({**MADE.document, "v": 2}), "utf-8")
    with pytest.raises(DataError, match="version '2' of a report, expected 1"):
        report.load(tmp_path / "a.json")


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 2**70), st.floats(), st.text(max_size=5),
    st.lists(st.integers(), max_size=2), st.just({}), st.just("javascript:alert(1)"),
    st.just('"><script>alert(1)</script>'),
)  # fmt: skip


def places(x: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at]
    for key, value in (
        x.items() if isinstance(x, dict) else enumerate(x) if isinstance(x, list) else ()
    ):
        found += places(value, (*at, key))
    return found


PLACES = places({**MADE.document, "trace": None})[1:]


COUNTS = [place for place in PLACES if place[-1] == "counts"]


def test_a_histogram_without_bars_is_refused():
    assert COUNTS
    for place in COUNTS:
        changed = copy.deepcopy(MADE.document)
        inner = changed
        for key in place[:-1]:
            inner = inner[key]
        inner["counts"] = []
        with pytest.raises(DataError, match="has 0 entries, expected 1 or more"):
            checked(changed, "file")


@settings(max_examples=60, deadline=None)
@given(place=st.sampled_from(PLACES), junk=JUNK)
def test_a_changed_entry_is_refused_or_harmless(place: tuple[Any, ...], junk: Any):
    changed = copy.deepcopy(MADE.document)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = junk
    try:
        document = checked(changed, "file")
    except DataError as error:
        assert "file: got" in str(error) and len(str(error)) < 600
        return
    page = report.Report(document).html
    assert page.count("<script") == MADE.html.count("<script")
    assert 'href="javascript:' not in page
