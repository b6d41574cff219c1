"""The page's layout is that of the drawings: one algorithm, written in two languages.

`python -m tests.viz.test_js_layout` writes the fixtures anew, after a deliberate change.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path
from random import Random
from typing import Any

import pytest

import tinygrad_nn
from tinygrad_nn.viz.picture.layers import Layers
from tinygrad_nn.viz.picture.layout import Size, place
from tinygrad_nn.viz.picture.nested import Border, place_nested
from tinygrad_nn.viz.picture.style import DARK, HEAT_STEPS, LIGHT, heat_colours

STEPPER = Path(tinygrad_nn.__file__).parent / "viz" / "page" / "stepper"
FIXTURES = Path(__file__).with_name("fixtures") / "layouts.json"
SCRIPTS = ("layout.js", "layout_columns.js", "layout_nested.js")
NODE = shutil.which("node")
NEEDS_NODE = pytest.mark.skipif(NODE is None, reason="needs the program node to run the script")

RUN = """
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
const answers = cases.map((c) => {
  const sizes = c.sizes.map(([width, height, isRound]) => ({ width, height, isRound }));
  const spine = c.spine;
  if (c.homes) return placeNested(sizes, c.links, c.direction, { spine }, c.homes, c.borders);
  const turned = c.direction === "TB" ? sizes
    : sizes.map((s) => ({ width: s.height, height: s.width, isRound: s.isRound }));
  const table = layersOf(turned, c.links, { spine });
  const placed = placeBoxes(sizes, c.links, c.direction, { spine });
  return { rows: table.rows, layer: table.layer, ...placed };
});
process.stdout.write(JSON.stringify(answers));
"""


def in_browser_script(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the page's script makes of the cases."""
    text = "\n".join((STEPPER / name).read_text("utf-8") for name in SCRIPTS)
    assert NODE is not None
    done = subprocess.run(
        [NODE, "-e", text + RUN],
        check=False,
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def in_python(case: dict[str, Any]) -> dict[str, Any]:
    sizes = [Size(*size) for size in case["sizes"]]
    links = [(a, b) for a, b in case["links"]]
    direction, spine = case["direction"], case["spine"]
    if "homes" in case:
        borders = [Border(*border) for border in case["borders"]]
        p, frames = place_nested(sizes, links, direction, spine, case["homes"], borders)
        return {"centres": p.centres, "curves": p.curves, "frames": frames,
                "width": p.width, "height": p.height}  # fmt: skip
    turned = [s if direction == "TB" else Size(s.height, s.width, s.is_round) for s in sizes]
    layers = Layers(turned, links, spine)
    p = place(sizes, links, direction, spine)
    return {"rows": layers.rows, "layer": layers.layer, "centres": p.centres, "curves": p.curves,
            "width": p.width, "height": p.height}  # fmt: skip


def difference(one: Any, other: Any) -> float:
    """Largest difference of two nests of numbers; infinite if their forms differ."""
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other)
    if not (isinstance(one, list | tuple) and isinstance(other, list | tuple)):
        return float("inf")
    if len(one) != len(other):
        return float("inf")
    return max((difference(a, b) for a, b in zip(one, other, strict=True)), default=0.0)


def rounded(nest: Any) -> Any:
    """The same nest with its numbers to two places."""
    if isinstance(nest, dict):
        return {key: rounded(inner) for key, inner in nest.items()}
    if isinstance(nest, list | tuple):
        return [rounded(inner) for inner in nest]
    return round(nest, 2) if isinstance(nest, float) else nest


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    for what in ("rows", "layer"):
        if what in expected:
            assert found[what] == expected[what], what
    for what in ("centres", "curves", "frames", "width", "height"):
        if what in expected:
            assert difference(found[what], expected[what]) <= 0.5, what


# ── Graphs ──────────────────────────────────────────────────────────────────────────────


def random_case(seed: int, count: int) -> dict[str, Any]:
    """Any graph without cycles, repeats included; every other one with a spine."""
    r = Random(seed)
    sizes = [[2 * r.randint(10, 80), 2 * r.randint(10, 30), False] for _ in range(count)]
    for size in r.sample(sizes, count // 4):
        size[:] = [30, 30, True]
    links = []
    for b in range(1, count):
        for _ in range(r.choice((1, 1, 2, 2, 3))):
            links.append([r.randint(max(0, b - 8), b - 1), b])
    if count > 2:
        links.append(list(links[-1]))
    return {
        "sizes": sizes,
        "links": links,
        "direction": r.choice(("TB", "LR")),
        "spine": spine_of(links, count) if seed % 2 else [],
    }


def spine_of(links: list[list[int]], count: int) -> list[int]:
    """A longest path to the last node."""
    longest: dict[int, list[int]] = {k: [k] for k in range(count)}
    for a, b in sorted(links, key=lambda link: link[1]):
        if len(longest[a]) + 1 > len(longest[b]):
            longest[b] = [*longest[a], b]
    return longest[count - 1]


def with_frames(case: dict[str, Any], seed: int) -> dict[str, Any]:
    """The case with frames around runs of its nodes, some within others."""
    r = Random(seed)
    count = len(case["sizes"])
    borders: list[list[Any]] = []
    homes: list[int | None] = [None] * count
    start = 0
    while start < count:
        end = min(count, start + r.randint(2, 7))
        if r.random() < 0.7:
            outer = len(borders)
            borders.append([float(r.randint(20, 260)), None])
            homes[start:end] = [outer] * (end - start)
            if end - start > 3:
                borders.append([float(r.randint(20, 90)), outer])
                homes[start + 1 : end - 1] = [outer + 1] * (end - start - 2)
        start = end
    return {**case, "homes": homes, "borders": borders}


def perceptron(*widths: int) -> dict[str, Any]:
    """Layers of numbers, each with a link from all of the one before."""
    starts = [sum(widths[:k]) for k in range(len(widths) + 1)]
    links = [
        [a, b]
        for k in range(1, len(widths))
        for b in range(starts[k], starts[k + 1])
        for a in range(starts[k - 1], starts[k])
    ]
    sizes = [[130, 52, False]] * starts[-1]
    return {"sizes": sizes, "links": links, "direction": "LR", "spine": []}


def fixture_cases() -> list[dict[str, Any]]:
    cases = [random_case(seed, count) for seed, count in enumerate((1, 2, 3, 5, 8, 13, 21))]
    cases += [with_frames(random_case(20 + k, 8 + 4 * k), k) for k in range(4)]
    return [*cases, perceptron(3, 4, 4, 1)]


# ── Tests ───────────────────────────────────────────────────────────────────────────────


def test_fixtures_are_what_the_drawings_do():
    for fixture in json.loads(FIXTURES.read_text("utf-8")):
        assert_same(in_python(fixture["case"]), fixture["placed"])


@NEEDS_NODE
def test_page_places_the_fixtures_as_the_drawings_do():
    fixtures = json.loads(FIXTURES.read_text("utf-8"))
    for found, fixture in zip(
        in_browser_script([f["case"] for f in fixtures]), fixtures, strict=True
    ):
        assert_same(found, fixture["placed"])


@NEEDS_NODE
@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_page_places_any_graph_as_the_drawings_do(every: int):
    cases = [random_case(seed, 2 + seed % 40) for seed in range(100, 160, every)]
    cases += [
        with_frames(random_case(seed, 4 + seed % 30), seed) for seed in range(200, 240, every)
    ]
    for found, case in zip(in_browser_script(cases), cases, strict=True):
        assert_same(found, in_python(case))


@NEEDS_NODE
def test_planted_drift_is_found():
    case = random_case(7, 20)
    (found,) = in_browser_script([case])
    found["centres"][3][0] += 1.0
    with pytest.raises(AssertionError, match="centres"):
        assert_same(found, in_python(case))


def test_heat_of_the_page_is_that_of_the_drawings():
    rules = re.findall(
        r"\.heat-(\d+) { --heat: light-dark\((\S+), (\S+)\); --on-heat: light-dark\((\S+), (\S+)\)",
        (STEPPER / "graph.css").read_text("utf-8"),
    )
    assert [int(step) for step, *_ in rules] == list(range(HEAT_STEPS + 1))
    for step, fill, dark_fill, text, dark_text in rules:
        assert (fill, text) == heat_colours(int(step), LIGHT)
        assert (dark_fill, dark_text) == heat_colours(int(step), DARK)


if __name__ == "__main__":
    FIXTURES.parent.mkdir(exist_ok=True)
    made = [{"case": case, "placed": rounded(in_python(case))} for case in fixture_cases()]
    lines = ",\n".join(json.dumps(one, separators=(",", ":")) for one in made)
    FIXTURES.write_text(f"[\n{lines}\n]\n", "utf-8")
