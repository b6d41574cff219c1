"""Reports of hostile and odd trainings, files and arguments: a page, or words that say why."""

import copy
import json
import math
import random
import re
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.report.runs import Read, learned, moons_report
from tinygrad_nn import data, nn, optim, report, train
from tinygrad_nn.errors import DataError, OperandError, OptionError, ShapeError, TinygradError
from tinygrad_nn.report.charts import ticks

F = np.float32
NAMES = (
    "</script><script>1",
    "\"'{}[]\\",
    "a\nb\r\0\x1b",
    "\u202eabc",
    "\ud800",
    "x" * 20_000,
    "",
    "__proto__",
    "<!--<script>",
    "\u2028",
)
pytestmark = pytest.mark.filterwarnings("ignore:overflow|invalid value|divide:RuntimeWarning")


def whole(found: report.Report) -> report.Report:
    """The report, after everything that can be made of it was made."""
    page = found.html
    page.encode()
    Read(page)
    # JSON and scripts may say so, a coordinate may not.
    assert not re.search(r'(?:x|y|d|points|width|height)[12]?="[^"]*(?:nan|inf)', page)
    text = found.to_json()
    again = report.Report(json.loads(text))
    assert again.html == page
    report.compare([found, again]).html.encode()
    return found


def examples(count: int, classes: int, *shape: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(count, *(shape or (4,)))).astype(F)
    return inputs, rng.integers(0, classes, count)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_names_of_any_kind(name, tmp_path):
    moons = data.make_moons(40)
    seen = learned([2, 3, 2], moons, 1, metrics={name or "m": train.Accuracy()}, validation=moons)
    found = whole(
        report.of(seen, test=moons, title=name, config={name: name, "k": [name]}, command=name,
                  classes=[name, name], script=name)
    )  # fmt: skip
    for path in (found.save(tmp_path / "a.html"), tmp_path / "a.json"):
        if path.suffix == ".json":
            found.to_json(path)
        assert report.load(path).html == found.html


E, NAN, INF = train.Epoch, math.nan, math.inf


@pytest.mark.parametrize(
    "epochs",
    [
        [],
        [E(1, NAN, NAN)],
        [E(1, INF, 0.0)],
        [E(1, -INF, INF)],
        [E(1, 1e308, 1e308), E(2, -1e308, 1e308)],
        [E(1, 5e-324, 5e-324)],
        [E(1, 5e-324, 1.0), E(2, 1e308, 1.0)],
        [E(1, 1.0, 1.0), E(2, math.nextafter(1.0, 2), 1.0)],
        [E(1, 3e-14, 1.0), E(2, 1e-14, 1.0)],
        [E(1, F(0.5), np.float64(1)), E(np.int64(2), F(0.25), 1)],
    ],
    ids=range(10),
)
def test_losses_of_any_size(epochs):
    whole(report.of(train.History(epochs)))


def test_axes_of_any_numbers():
    rng = random.Random(0)
    for k in range(3000):
        a = rng.choice((-1, 1)) * 10 ** rng.uniform(-323, 308)
        b = a * (1 + 10 ** rng.uniform(-17, 1)) if k % 3 else rng.uniform(-9, 9)
        low, high = sorted(min(max(x, -1.7e308), 1.7e308) for x in (a, b))
        for log in (False, True):
            if log:
                low, high = sorted((abs(low) or 5e-324, abs(high) or 5e-324))
            start, end, marks = ticks(low, high, log)
            assert start < end and 2 <= len(marks) <= 21, (low, high, log)
            assert all(map(math.isfinite, marks)) and sorted(set(marks)) == marks


@pytest.mark.parametrize(
    ("sizes", "given", "options"),
    [
        ([4, 3, 1], examples(20, 1), {}),
        ([4, 3, 300], examples(350, 300), {}),
        ([4, 3, 2], examples(1, 2), {}),
        ([4, 2], (np.full((9, 4), NAN, F), np.zeros(9, int)), {}),
        ([4, 2], (np.full((9, 4), INF, F), np.zeros(9, int)), {}),
        ([4, 3, 2], examples(40, 2), {"lr": 1e30, "sgd": True}),
        ([4, 1], (np.zeros((9, 4), F), np.full((9, 1), 5, F)), {"loss": nn.MSELoss()}),
        ([4, 1], (np.full((9, 4), 1e30, F), np.full((9, 1), 1e38, F)), {"loss": nn.MSELoss()}),
        ([4, 5], (np.ones((9, 4), F), np.ones((9, 5), F)), {"loss": nn.MSELoss()}),
    ],
    ids=range(9),
)
def test_odd_trainings(sizes, given, options):
    whole(report.of(learned(sizes, given, 2, **options), test=given))


def test_models_without_parameters():
    other = nn.Parameter(np.ones(1, F))

    class Same(nn.Module):
        def forward(self, x):
            return other * x

    seen, given = report.Recorder(), examples(8, 2, 2)
    train.fit(Same(), nn.CrossEntropyLoss(), optim.SGD([other], lr=0.1), given, 2, callbacks=[seen])
    assert whole(report.of(seen, test=given)).document["result"]["total"] == 8


@pytest.mark.parametrize(
    "shape", [(4,), (1, 1, 4), (-1,), "x", 5, (2, "a"), (1, 2, 2), (2, 2.0), (0, 4), (2, 3), ()]
)
def test_shapes_that_are_no_picture(shape):
    seen = learned([4, 2], examples(9, 2), 1)
    with pytest.raises(ShapeError, match="image_shape"):
        report.of(seen, test=examples(9, 2), image_shape=shape)


def test_pictures_of_any_shape_and_numbers():
    odd = np.array([[NAN, INF, -INF, 1], [3e38, -3e38, 0, 1]] * 4, F)
    for inputs, shape in (
        (odd, (2, 2)),
        (odd, [4, 1]),
        (np.ones((8, 12), F), (2, 2, 3)),
        (np.ones((8, 4000), F), (1, 4000)),
    ):
        given = inputs, np.array([0, 1] * 4)
        seen = learned([inputs.shape[1], 2], given, 1)
        whole(report.of(seen, test=given, image_shape=shape))


def test_arguments_of_the_wrong_kind():
    given = examples(9, 2)
    seen = learned([4, 2], given, 1)
    for classes in (5, "ab", 2.5):
        with pytest.raises(OperandError, match="classes="):
            report.of(seen, test=given, classes=classes)
    for config in (5, "x", [("a", 1)]):
        with pytest.raises(OperandError, match="config="):
            report.of(seen, config=config)
    one = report.of(train.History([E(1, 0.5, 0.1)]))
    for runs in (None, 5, [], [one], [one] * 7, "ab", [one, None], [one, 5]):
        with pytest.raises(OperandError):
            report.compare(runs)
    for names in (5, "ab", ["a"], ["a", "b", "c"]):
        with pytest.raises(OperandError, match="names"):
            report.compare([one, one], names=names)
    for names in ([1, None], ["\ud800", "</script>"], ["x" * 10**6] * 2):
        report.compare([one, one], names=names).html.encode()


def test_names_of_files_that_are_none(tmp_path):
    one = report.of(train.History([E(1, 0.5, 0.1)]))
    for path in (5, None, [], b"a", True):
        with pytest.raises(OperandError, match="for a path"):
            report.load(path)
        with pytest.raises(OperandError, match="for a path"):
            one.save(path)
    for path in ("\0", "\ud800"):
        with pytest.raises(OptionError, match="no name of a file"):
            report.load(path)
        with pytest.raises(OptionError, match="no name of a file"):
            one.to_json(path)
    for path in ("x" * 300, "a/" * 3000, "", tmp_path / "missing"):
        with pytest.raises(DataError) as refused:
            report.load(path)
        assert len(str(refused.value)) < 900


# ── Files that were cut off or changed ──────────────────────────────────────────────────

ODD = (None, True, -1, 0, 1, 2**53, 10**30, 1.7e308, -1.7e308, 5e-324, 1.5, "NaN", "Infinity",
       "-Infinity", "", "\ud800\x1b", "</script>", [], {}, [[]], {"a": 1}, "1", -0.0, "classes",
       "numbers", [1, 2], [None] * 30, 12)  # fmt: skip


def places(x, path=()):
    items = x.items() if isinstance(x, dict) else enumerate(x) if isinstance(x, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_documents_with_anything_in_them_are_shown_or_refused(kind, tmp_path):
    if kind == "classes":
        good = moons_report()
    else:
        x = np.linspace(-1, 1, 30, dtype=F)[:, None]
        seen = learned([1, 4, 1], (x, x * x), 2, loss=nn.MSELoss())
        good = report.of(seen, test=(x, x * x))
    document = json.loads(good.to_json())
    # Traces have tests of their own.
    known = [p for p in places(document) if p[0] != "trace"]
    rng, shown = random.Random(0), 0
    for _ in range(40):
        changed = copy.deepcopy(document)
        for _ in range(rng.randint(1, 3)):
            *above, last = rng.choice(known)
            inside = changed
            try:
                for key in above:
                    inside = inside[key]
                inside[last] = rng.choice(ODD)
            except (KeyError, IndexError, TypeError):
                continue
        path = tmp_path / "a.json"
        path.write_text(json.dumps(changed), "utf-8")
        try:
            found = report.load(path)
        except DataError:
            continue
        shown += 1
        found.html.encode()
        report.compare([found, good]).html.encode()
    assert shown


def test_run_folders_that_are_half_there(tmp_path):
    good = moons_report()
    text = good.to_json().encode()
    for name in ("report.json", "run.json"):
        for k in range(12):
            folder = tmp_path / f"{name}{k}"
            folder.mkdir()
            (folder / name).write_bytes(text[: len(text) * k // 12])
            with pytest.raises(DataError):
                report.load(folder)
    page, read = good.html.encode(), 0
    for k in range(12):
        path = tmp_path / "a.html"
        path.write_bytes(page[: len(page) * k // 12])
        try:
            # Cut off behind its data it can be made anew.
            assert report.load(path).document == json.loads(text)
            read += 1
        except DataError:
            continue
    assert read < 12
    (tmp_path / "report.json").mkdir()
    with pytest.raises(DataError, match=r"without run\.json"):
        report.load(tmp_path)


def test_a_report_is_read_while_others_write_it(tmp_path):
    """A reader sees one of them whole, and no unfinished file stays."""
    reports = [report.of(train.History([E(1, 0.5, 0.1)]), title=str(k) * 9) for k in range(3)]
    path = reports[0].save(tmp_path / "a.html")
    failures: list[BaseException] = []

    def work(one: report.Report) -> None:
        try:
            for _ in range(8):
                one.save(path)
                assert report.load(path).document["title"] in {"0" * 9, "1" * 9, "2" * 9}
        except (AssertionError, OSError, TinygradError) as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(one,)) for one in reports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [] and [p.name for p in Path(tmp_path).iterdir()] == ["a.html"]
