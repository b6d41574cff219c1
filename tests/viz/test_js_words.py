"""The page's words are those of the drawings: numbers, names and tables in two languages."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_nn
from tinygrad_nn.viz.picture import measure
from tinygrad_nn.viz.picture.nodes import SYMBOLS
from tinygrad_nn.viz.picture.style import heat_step
from tinygrad_nn.viz.trace.figures import figure
from tinygrad_nn.viz.trace.words import array_line
from tinygrad_nn.viz.wording import clean, norm_words, number, shape_text, shorten, signed

PAGE = Path(tinygrad_nn.__file__).parent / "viz" / "page"
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="needs the program node to run the script")

RUN = """
const [name, cases] = JSON.parse(require("fs").readFileSync(0, "utf8"));
const number = (x) => typeof x === "string" ? { nan: NaN, inf: Infinity, "-inf": -Infinity }[x] : x;
const act = {
  number: ([x, digits]) => numberText(number(x), digits), signed: (x) => signedText(number(x)),
  shape: shapeText, clean: cleanText, short: ([text, limit]) => shortText(text, limit),
  width: ([text, bold]) => textWidth(text, 12, bold), known: widthKnown,
  norm: (x) => normWord(number(x)), heat: (x) => heatClass(number(x)),
  figure: (f) => figureText({ ...f, elements: f.elements && f.elements.map(number) }),
  signs: () => OP_SIGNS, advance: () => Object.fromEntries(ADVANCE),
}[name];
process.stdout.write(JSON.stringify(cases.map(act)));
"""


def in_browser_script(name: str, cases: list[Any]) -> list[Any]:
    """What the page's script makes of the cases."""
    files = ("shared/words.js", "stepper/graph_boxes.js")
    text = "\n".join((PAGE / file).read_text("utf-8") for file in files)
    assert NODE is not None
    done = subprocess.run(
        [NODE, "-e", text + RUN],
        check=False,
        input=json.dumps([name, cases]),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def sent(x: float) -> float | str:
    return x if x - x == 0 else repr(x)


NUMBERS = st.one_of(
    st.floats(), st.floats(-1e6, 1e6), st.integers(-(10**7), 10**7).map(float),
    st.integers(-(10**6), 10**6).map(lambda n: n / 8192),
)  # fmt: skip
MANY = settings(max_examples=3, deadline=None)


@MANY
@given(st.lists(NUMBERS, min_size=200, max_size=200), st.integers(2, 6))
def test_numbers(xs: list[float], digits: int):
    assert in_browser_script("number", [[sent(x), digits] for x in xs]) == [
        number(x, digits) for x in xs
    ]
    assert in_browser_script("signed", [sent(x) for x in xs]) == [signed(x) for x in xs]


@MANY
@given(st.lists(st.floats(-12, 5), min_size=100, max_size=100))
def test_norms_have_the_same_words_and_shades(powers: list[float]):
    norms = [10.0**p for p in powers] + [0.0, 1e-6, 1e2, float("nan"), float("inf")]
    words = [norm_words(x).partition(" ")[2] for x in norms]
    assert in_browser_script("norm", [sent(x) for x in norms]) == words
    steps = [heat_step(x) for x in norms]
    shades = ["odd" if step < 0 else f"heat-{step}" for step in steps]
    assert in_browser_script("heat", [sent(x) for x in norms]) == shades


@MANY
@given(st.lists(st.text(max_size=40), min_size=50, max_size=50), st.integers(2, 30))
def test_texts(texts: list[str], limit: int):
    # Which characters are assigned is a matter of the version of Unicode.
    texts = [t for t in texts if all(c < "\u0250" or "\u2000" <= c < "\u2070" for c in t)]
    assert in_browser_script("clean", texts) == [clean(t) for t in texts]
    assert in_browser_script("short", [[t, limit] for t in texts]) == [
        shorten(t, limit) for t in texts
    ]
    assert in_browser_script("known", texts) == [measure.known(t) for t in texts]


@MANY
@given(st.lists(st.lists(st.integers(0, 12), max_size=4), min_size=20, max_size=20))
def test_shapes(shapes: list[list[int]]):
    assert in_browser_script("shape", shapes) == [shape_text(tuple(s)) for s in shapes]


@MANY
@given(st.lists(st.floats(width=32), max_size=12))
def test_arrays(xs: list[float]):
    s = figure(np.array(xs, np.float32))
    assert s.elements is not None
    sides = {name: getattr(s, name) for name in ("mean", "deviation", "low", "high", "norm")}
    told = {**sides, "nans": s.nans, "infs": s.infs, "zeros": s.zeros, "dtype": s.dtype}
    told |= {"shape": list(s.shape), "size": s.size, "elements": [sent(x) for x in s.elements]}
    assert in_browser_script("figure", [told]) == [array_line(s)]


def test_tables():
    """Signs of operations, and how wide letters are."""
    assert in_browser_script("signs", [0]) == [SYMBOLS]
    widths = {c: advance for advance, group in measure._GROUPS.items() for c in group}
    assert in_browser_script("advance", [0]) == [widths]
    texts = ["∂L/∂weight", "≤ “x” ∇ 字", ""]
    assert in_browser_script("width", [[t, True] for t in texts]) == pytest.approx(
        [measure.text_width(t, 12, bold=True) for t in texts]
    )
