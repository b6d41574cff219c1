"""The page says what the document says, whatever came out of the training."""

import hashlib
import json
import math
import re
from importlib import resources

import numpy as np
import pytest

from tests.report.runs import Read, learned, moons_report
from tinygrad_nn import data, nn, report, train
from tinygrad_nn.report.figures import number_of, percent
from tinygrad_nn.viz.picture.style import contrast

# Of the release 1.6.32 in the npm registry.
VENDORED = {
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}


@pytest.fixture(scope="module")
def moons() -> report.Report:
    return moons_report()


def wrong_numbers(page: str) -> list[str]:
    """Numbers whose value is not that of the document, or whose text is not that of the value."""
    read = Read(page)
    assert read.numbers
    wrong = []
    for value, at, text in read.numbers:
        held = read.at(at)
        if str(held) != value:
            wrong.append(f"{at}: {value} of {held}")
        number = number_of(held)
        shown = text.replace("−", "-").replace(",", "").replace("Inf", "inf").strip()
        if shown.endswith("%"):
            low = float(shown.strip("<% ")) / 100
            agrees = abs(low - number) <= 0.0051
        else:
            agrees = math.isclose(float(shown), number, rel_tol=0.051, abs_tol=0.0)
        if not agrees and not (math.isnan(number) and shown == "NaN"):
            wrong.append(f"{at}: {text} of {number}")
    return wrong


def test_every_number_is_that_of_the_document(moons: report.Report):
    """R1."""
    assert wrong_numbers(moons.html) == []
    assert len(Read(moons.html).numbers) > 100


def test_a_planted_wrong_number_is_found(moons: report.Report):
    loss = moons.document["history"]["epochs"][0]["loss"]
    page = moons.html.replace(f'value="{loss}"', 'value="0.123"', 1)
    assert page != moons.html and len(wrong_numbers(page)) == 1


def test_the_confusion_matrix_has_every_example_once(moons: report.Report):
    """R3."""
    read = Read(moons.html)
    cells = [int(value) for value, at, _ in read.numbers if at.startswith("result/confusion/")]
    assert sum(cells) == read.document["result"]["total"] == 90
    right = read.document["result"]["right"] / 90
    assert percent(right) in moons.verdict[0]


def test_every_chart_has_a_still_picture_a_table_and_a_name(moons: report.Report):
    page = moons.html
    charts = json.loads(Read(page).json["charts"])
    assert {c["id"] for c in charts} >= {"loss-chart", "score-chart", "rate-chart", "update-chart"}
    assert page.count('class="still"><svg') == len(charts)
    assert page.count('class="data"') == len(charts) + 1  # and the heat map's
    names = [t["aria-label"] for tag, t in Read(page).tags if t.get("class") == "live"]
    assert len(names) == len(charts) and all(re.search(r" at \w+ \d", str(x)) for x in names)


def test_the_best_epoch_is_marked(moons: report.Report):
    scores = [e["scores"]["val_accuracy"] for e in moons.document["history"]["epochs"]]
    best = scores.index(max(scores)) + 1
    assert f"best: {percent(max(scores))} in epoch {best}" in moons.html


def test_the_page_asks_nobody_and_runs_nothing_but_its_own(moons: report.Report):
    read = Read(moons.html)
    policy = next(t["content"] for tag, t in read.tags if t.get("http-equiv"))
    assert policy is not None and "default-src 'none'" in policy and "unsafe" not in policy
    for tag, attributes in read.tags:
        assert "style" not in attributes and not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "srcset", "action"):
            link = attributes.get(name) or "#"
            assert link.startswith(("#", "data:")), (tag, link)


def test_the_same_document_gives_the_same_page(moons: report.Report):
    assert report.Report(moons.document).html == moons.html


def test_uplot_is_as_it_was_released():
    folder = resources.files("tinygrad_nn.report") / "vendor"
    for name, digest in VENDORED.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    licence = (folder / "uPlot.LICENSE.txt").read_text("utf-8")
    assert licence.startswith("The MIT License") and "Leon Sorokin" in licence


def test_the_licence_travels_with_the_page(moons: report.Report):
    assert "Leon Sorokin" in moons.html and "WITHOUT WARRANTY OF ANY KIND" in moons.html


# ── What may come out ───────────────────────────────────────────────────────────────────


def test_ten_layers_of_sigmoids_vanish():
    """R4."""
    recorder = learned(
        [2, *[8] * 10, 2], data.make_moons(64), 3, activation=nn.Sigmoid, sgd=True, lr=0.1
    )
    verdict = report.of(recorder).document["verdict"]
    assert any(x["level"] == "bad" and "Vanishing gradients" in x["text"] for x in verdict)


def test_a_rate_of_ten_diverges_at_a_step():
    """R4."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(128, 5)).astype(np.float32)
    y = x.sum(axis=1, keepdims=True)
    recorder = learned([5, 16, 1], (x, y), activation=nn.ReLU, loss=nn.MSELoss(), sgd=True, lr=10.0)
    made = report.of(recorder, test=(x, y))
    found = re.fullmatch(
        r"Diverged at step (\d+): the loss .* in batch (\d+) of epoch 1", made.verdict[0]
    )
    assert found is not None and recorder.context is not None
    # Every step before it was made.
    assert int(found[1]) == recorder.context.step + 1 == int(found[2])
    assert wrong_numbers(made.html) == []


class Stop(train.Callback):
    def on_batch_end(self, context: train.Context) -> None:
        if context.step == 12:
            raise KeyboardInterrupt


def regression() -> report.Report:
    x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    recorder = learned([1, 6, 1], (x, x**2), loss=nn.MSELoss(), validation=(x, x**2))
    return report.of(recorder, test=(x, x**2))


def binary() -> report.Report:
    moons = data.make_moons(80)
    pair = (moons.inputs, moons.targets.astype(np.float32)[:, None])
    recorder = learned([2, 6, 1], pair, loss=nn.BCEWithLogitsLoss(), activation=nn.ReLU)
    return report.of(recorder, test=(moons.inputs, moons.targets), classes=("low", "high"))


def fifty() -> report.Report:
    blobs = data.make_blobs(250, centers=50)
    return report.of(learned([2, 16, 50], blobs, 2), test=blobs)


def single_class() -> report.Report:
    inputs = data.make_moons(40).inputs
    pair = (inputs, np.zeros(40, np.int64))
    return report.of(learned([2, 4, 1], pair, 2), test=pair)


def cut() -> report.Report:
    moons = data.make_moons(160)
    return report.of(learned([2, 4, 2], moons, 20, callbacks=[Stop()]), test=moons)


def digits() -> report.Report:
    train_part, test = data.load_digits().flatten().split(test=0.8, rng=0)
    recorder = learned([64, 12, 10], train_part, 2, activation=nn.ReLU)
    return report.of(recorder, test=test)


CASES = {
    "regression": (regression, "mean absolute error", "validation loss of"),
    "binary": (binary, "low", "test accuracy"),
    "fifty": (fifty, "49", "test accuracy in 2 epochs"),
    "single class": (single_class, "No mistakes", "Reached 100.0 %"),
    "cut": (cut, "interrupted", "Interrupted after 2 of 20 epochs"),
    "digits": (digits, "The worst 24 of", "test accuracy"),
    "history alone": (
        lambda: report.of(train.History([train.Epoch(1, 0.5, 0.1, {"r2": 0.25})])),
        "Nothing was recorded of the layers",
        "Reached a loss of 0.5 in 1 epoch",
    ),
    "nothing": (lambda: report.of(train.History()), "nothing to draw", "No epoch was finished"),
}


@pytest.mark.parametrize("case", CASES)
def test_every_outcome_has_a_page(case: str):
    make, on_page, in_verdict = CASES[case]
    made = make()
    assert in_verdict in made.verdict[0], made.verdict
    assert on_page in made.html
    if case != "nothing":
        assert wrong_numbers(made.html) == []
    assert report.Report(json.loads(made.to_json())).html == made.html


def test_a_long_training_stays_small():
    """R2: 200 epochs of ten layers."""
    recorder = learned(
        [2, *[8] * 9, 2], data.make_moons(64), 200, validation=data.make_moons(32, rng=2),
        metrics={"accuracy": train.Accuracy()},
    )  # fmt: skip
    assert len(report.of(recorder, test=data.make_moons(64)).html.encode()) < 1_500_000


@pytest.mark.parametrize(
    "name", ["</script><script>alert(1)</script>", "a\u202eb", "\ud800", "x" * 10**5]
)
def test_a_hostile_name_is_text(name: str):
    moons = data.make_moons(40)
    made = report.of(
        learned([2, 4, 2], moons, 1), test=moons, title=name, config={name: name},
        classes=(name, "b"), command=name, script=name,
    )  # fmt: skip
    page = made.html
    page.encode("utf-8")
    plain = moons_report()
    assert page.count("<script") == plain.html.count("<script")
    assert "\u202e" not in page
    assert Read(page).document["v"] == 1


# ── Several ─────────────────────────────────────────────────────────────────────────────


def test_two_runs_share_axes_and_have_both_names(moons: report.Report, tmp_path):
    """R6."""
    other = moons_report(lr=0.2)
    page = report.compare([moons, other], names=["slow", "fast"])
    read = Read(page.html)
    charts = json.loads(read.json["charts"])
    for chart in charts:
        assert [line["name"] for line in chart["lines"]] == ["slow", "fast"]
    assert (
        page.html.count("<span>slow</span>") == page.html.count("<span>fast</span>") >= len(charts)
    )
    assert [run["title"] for run in read.document["runs"]] == [moons.document["title"]] * 2
    assert "<td>0.02</td><td>0.2</td>" in page.html
    assert wrong_numbers(page.html) == []
    saved = [moons.save(tmp_path / "a.html"), other.save(tmp_path / "b.html")]
    assert "a.html" in report.compare(saved).html


def test_comparing_needs_two(moons: report.Report):
    with pytest.raises(TypeError, match="got 1 runs, expected two to six"):
        report.compare([moons])
    with pytest.raises(TypeError, match="1 names for 2 runs"):
        report.compare([moons, moons], names=["a"])


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_the_lines_stand_out_from_their_ground(theme):
    """A4: by 3 or more, as is asked of what is no text."""
    sheet = resources.files("tinygrad_nn.report").joinpath("report.css").read_text("utf-8")
    pairs = dict(re.findall(r"--(\w+): light-dark\((#\w+, #\w+)\)", sheet))
    ground = pairs["card"].split(", ")[theme]
    series = [pairs[f"s{k}"].split(", ")[theme] for k in range(6)]
    assert min(contrast(colour, ground) for colour in series) >= 3
