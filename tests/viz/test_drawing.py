"""`draw` itself: files, notebooks, and Graphviz when it is missing, slow or broken."""

import re
import struct
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

import tinygrad_nn as tg
from tests.viz import samples
from tests.viz.pictures import SPACE, read
from tests.viz.test_pictures import needs_dot
from tinygrad_nn.errors import DrawingError, OptionError
from tinygrad_nn.viz import Drawing, DrawingWarning, draw
from tinygrad_nn.viz.drawing import _warn_once
from tinygrad_nn.viz.picture.painted import painted
from tinygrad_nn.viz.picture.style import DARK, LIGHT


@pytest.fixture(autouse=True)
def fresh_warnings():
    _warn_once.cache_clear()


def graph() -> tg.Value:
    a, b = tg.Value(2.0, name="a"), tg.Value(-3.0, name="b")
    c = (a * b + 10.0).tanh()
    c.name = "c"
    return c


def stub(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `dot` be a shell script."""
    program = folder / "bin" / "dot"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")


# ── Without a working dot ───────────────────────────────────────────────────────────────


def no_dot(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))


def test_without_dot_it_warns_once_and_draws(tmp_path, monkeypatch, recwarn):
    """G7."""
    no_dot(tmp_path, monkeypatch)
    with pytest.warns(DrawingWarning, match=r"not found; install it.*built-in layout") as caught:
        drawing = draw(graph())
    assert caught[0].filename == __file__
    assert drawing.svg == draw(graph(), engine="own").svg
    assert draw(graph()).svg == drawing.svg
    assert len(recwarn) == 0


@pytest.mark.parametrize("form", ["png", "pdf"])
def test_without_dot_pictures_of_points_are_refused_and_nothing_is_written(
    form, tmp_path, monkeypatch
):
    no_dot(tmp_path, monkeypatch)
    with pytest.raises(DrawingError, match="apt install graphviz"):
        draw(graph(), path=tmp_path / f"c.{form}")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DrawingError, match="not found"):
        draw(graph(), engine="dot")


def test_texts_need_no_dot(tmp_path, monkeypatch):
    no_dot(tmp_path, monkeypatch)
    assert draw(graph(), engine="own").svg.startswith("<svg")
    assert draw(graph(), "text").text.startswith("c = tanh(add_1)")
    assert draw(graph(), "dot").dot.startswith("digraph")


@pytest.mark.parametrize("script", ["exec sleep 30", "sleep 30"])
def test_a_hanging_dot_is_stopped(script, tmp_path, monkeypatch):
    stub(tmp_path, script, monkeypatch)
    start = time.monotonic()
    with pytest.warns(DrawingWarning, match=r"longer than 0\.2 s"):
        drawing = draw(graph(), timeout=0.2)
    for options in ({"engine": "dot"}, {"engine": "own", "format": "png"}):
        with pytest.raises(DrawingError, match=r"longer than 0\.2 s"):
            draw(graph(), timeout=0.2, **options)
    assert time.monotonic() - start < 5
    assert drawing.svg == draw(graph(), engine="own").svg


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo broken plugin >&2; exit 3", "exit status 3, saying: broken plugin"),
        ("kill -SEGV $$", "failed with exit status"),
        ("cat > /dev/null; echo hello", "answered 'hello"),
        ("cat > /dev/null", "answered ''"),
        ("cat > /dev/null; echo graph 1 1 1; echo node 0 1 1", "answered 'graph"),
    ],
)
def test_a_failing_dot_is_told_of(script, message, tmp_path, monkeypatch):
    stub(tmp_path, script, monkeypatch)
    with pytest.raises(DrawingError, match=message):
        draw(graph(), engine="dot")
    with pytest.warns(DrawingWarning, match=message):
        drawing = draw(graph())
    assert drawing.svg == draw(graph(), engine="own").svg


def test_a_dot_that_cannot_be_started_is_told_of(tmp_path, monkeypatch):
    stub(tmp_path, "", monkeypatch)
    (tmp_path / "bin" / "dot").chmod(0o644)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.warns(DrawingWarning, match="could not be started"):
        draw(graph())


# ── With dot ────────────────────────────────────────────────────────────────────────────


@needs_dot
@pytest.mark.parametrize("direction", ["TB", "LR"])
def test_dot_and_the_built_in_layout_show_the_same(direction):
    a, b = (draw(graph(), engine=e, direction=direction, backward=True) for e in ("dot", "own"))
    assert read(a.svg).texts == read(b.svg).texts
    assert read(a.svg).arrows == read(b.svg).arrows


@needs_dot
@pytest.mark.parametrize(("form", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_pictures_of_points(form, magic, tmp_path):
    path = draw(graph(), path=tmp_path / f"c.{form}").save(tmp_path / f"d.{form}")
    assert path.read_bytes().startswith(magic)
    assert (tmp_path / f"c.{form}").read_bytes().startswith(magic)


# ── Files ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "attribute"),
    [("c.svg", "svg"), ("c.dot", "dot"), ("c.gv", "dot"), ("c.txt", "text"), ("c", "svg")],
)
def test_files_have_the_format_of_their_names(name, attribute, tmp_path):
    d = draw(graph(), path=str(tmp_path / name), engine="own")
    assert (tmp_path / name).read_text("utf-8") == getattr(d, attribute)


def test_what_contradicts_itself_is_refused(tmp_path):
    with pytest.raises(OptionError, match=r"format='png'.*'\.svg'"):
        draw(graph(), "png", tmp_path / "c.svg")
    with pytest.raises(OptionError, match=r"'\.jpg', expected one of \.svg"):
        draw(graph(), path=tmp_path / "c.jpg")
    for options in ({"format": "gif"}, {"theme": "blue"}, {"direction": "up"}, {"engine": "neato"}):
        with pytest.raises(OptionError, match="expected one of"):
            draw(graph(), **options)


def test_an_unwritable_path_is_told_of_and_nothing_is_left(tmp_path):
    d = draw(graph(), engine="own")
    with pytest.raises(FileNotFoundError, match="drawing was not saved: No such file"):
        d.save(tmp_path / "gone" / "c.svg")
    (tmp_path / "c.svg").mkdir()
    with pytest.raises(IsADirectoryError, match="drawing was not saved"):
        d.save(tmp_path / "c.svg")
    assert [p.name for p in tmp_path.iterdir()] == ["c.svg"]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    d = draw(graph(), engine="own")
    path = d.save(tmp_path / "c.svg")
    old = path.read_bytes()

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left on device; expected"):
        draw(graph(), backward=True, engine="own").save(path)
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["c.svg"]


# ── Notebooks and terminals ─────────────────────────────────────────────────────────────


def test_notebooks_get_a_picture_and_text():
    d = draw(graph(), engine="own")
    assert d._repr_mimebundle_() == {"image/svg+xml": d.svg, "text/plain": d.text}
    assert d._repr_svg_() == d.svg
    text = draw(graph(), "text")
    assert text._repr_mimebundle_() == {"text/plain": text.text}
    assert text._repr_svg_() is None
    assert str(text) == text.text
    assert str(draw(graph(), "dot")).startswith("digraph")
    assert repr(d) == "<Drawing of 'c', 5 nodes, svg>"
    assert isinstance(d, Drawing)


def test_themes():
    auto, light, dark = (
        draw(graph(), theme=t, engine="own").svg for t in ("auto", "light", "dark")
    )
    assert "prefers-color-scheme: dark" in auto
    assert "prefers-color-scheme" not in light + dark
    assert len({read_id(svg) for svg in (auto, light, dark)}) == 3


def read_id(svg: str) -> str:
    return ElementTree.fromstring(svg).attrib["id"]


def test_long_graphs_run_downward_and_short_ones_rightward():
    short, long = graph(), graph().exp()
    for _ in range(3):
        long = long.exp()
    width, height = read(draw(short, engine="own").svg).size
    assert width > height
    width, height = read(draw(long, engine="own").svg).size
    assert height > width


def test_drawing_twice_draws_the_same_and_the_graph_stays():
    c = graph()
    first = draw(c, backward=True, engine="own").svg
    assert draw(c, backward=True, engine="own").svg == first
    c.backward()
    assert c.op.name == "tanh"


def test_the_package_does_not_load_the_drawings():
    code = (
        "import sys, tinygrad_nn as tg\n"
        "loaded = {'graphviz', 'tinygrad_nn.viz'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
        "assert 'draw' in dir(tg)\n"
        "assert tg.draw(tg.Value(1.0), 'text').text\n"
        "assert 'graphviz' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_other_names_are_still_missing():
    with pytest.raises(AttributeError, match="no attribute 'drawn'"):
        tg.drawn  # noqa: B018


# ── Pictures of points are the SVG's ────────────────────────────────────────────────────


def texts_of(dot: str) -> list[str]:
    found = re.findall(r'\n  t\d+ \[label="((?:\\.|[^"\\])*)"', dot)
    return [re.sub(r"\\(.)", r"\1", re.sub(r"\\[lr]$", "", t)).replace("&amp;", "&") for t in found]


@pytest.mark.parametrize("name", ["lesson", "nasty", "odd", "perceptron", "residual", "broken"])
def test_what_is_painted_are_the_texts_of_the_svg(name):
    svg = draw(samples.traces()[name]).svg
    root = ElementTree.fromstring(svg)
    said = [t.text for t in root.iter(SPACE + "text") if (t.text or "").strip()]
    assert texts_of(painted(svg)) == said


@needs_dot
@pytest.mark.parametrize("name", ["lesson", "nasty", "odd", "perceptron", "large tangle"])
def test_pictures_of_points_have_the_size_of_the_svg(name):
    # `dot` gives curves whose control points may lie outside, and make the picture wider.
    d = draw(samples.traces()[name], engine="own")
    start = time.monotonic()
    raw = d.content("png")
    assert time.monotonic() - start < 4
    width, height = struct.unpack(">II", raw[16:24])
    assert (width / 2, height / 2) == pytest.approx(read(d.svg).size, abs=1)


@needs_dot
def test_a_dark_picture_is_dark_in_every_format():
    svg, light = draw(graph(), theme="dark").svg, draw(graph(), theme="light").svg
    assert f"C 7 -{DARK.ground}" in painted(svg)
    assert f"C 7 -{LIGHT.ground}" in painted(light)
    assert draw(graph(), "png", theme="dark").content() != draw(graph(), "png").content()


def test_a_notebook_gets_no_picture_wider_than_its_cells():
    d = draw(samples.passed(samples.perceptron, 32, 784))
    assert read(d.svg).size[0] > 1000
    assert read(d._repr_svg_() or "").size[0] < 1000
