"""The trainings run on small made-up data, and their page says what came of them."""

import json
from dataclasses import asdict, replace
from math import log
from typing import Any

import numpy as np
import pytest

from tests.speed.accuracy import NUMBERS, PAGE, main, page, parse, restored, section
from tests.speed.learned import CASES, cnn, names, shakespeare
from tests.speed.learned.result import (
    OURS,
    PYTORCH,
    Result,
    Run,
    at_least,
    below_baseline,
    close_to_pytorch,
    text_file,
)
from tinygrad_nn.data import Dataset
from tinygrad_nn.errors import DataError

TEXT = "the quick brown fox jumps over the lazy dog, and the dog lets the fox.\n" * 20


# ── The trainings ───────────────────────────────────────────────────────────────────────


def images(count: int, rng: Any) -> Dataset:
    """A bright half, upper or lower, which a network can tell apart."""
    labels = rng.integers(0, 2, count)
    inputs = rng.uniform(0, 0.2, (count, 28, 28)).astype(np.float32)
    inputs[labels == 0, :14] += 0.8
    inputs[labels == 1, 14:] += 0.8
    return Dataset(inputs, labels)


def test_the_convolutional_network_learns_and_a_seed_decides_all(rng: Any):
    learned, held = images(192, rng), images(64, rng)
    recipe = replace(cnn.RECIPE, epochs=3, batch=16)
    nets = [cnn.train(learned, 0, recipe) for _ in range(2)]
    assert cnn.accuracy(nets[0], held) > 0.9
    for a, b in zip(*(net.parameters() for net in nets), strict=True):
        assert np.array_equal(a.data, b.data)


def test_names_are_learned_from_some_and_judged_by_others():
    text = "\n".join(f"{a}{b}{a}{b}" for a in "abcdefghij" for b in "klmnopqrst")
    learned, held = names.split(text + "\n" + text)
    assert len(learned) + len(held) == 100
    assert not set(learned.lines) & set(held.lines)
    assert learned.vocabulary == held.vocabulary
    baseline = names.bigram_surprise(learned, held)
    untrained = names.Namer(len(learned.vocabulary), np.random.default_rng(0))
    assert names.surprise(untrained, held) == pytest.approx(log(21), abs=0.1)
    net = names.train(learned, 0, replace(names.RECIPE, epochs=30, batch=30))
    assert names.surprise(net, held) < baseline < log(21)
    assert len(names.written(net, learned.vocabulary, 0).split(", ")) == names.WRITTEN


def test_the_table_of_pairs_is_counted_by_hand():
    learned = names.LineDataset(["ab", "ac"])
    # Of the start: a after it twice, once counted for each of four; and so on.
    want = -(log(3 / 6) + log(2 / 6) + log(2 / 5)) / 3
    held = names.LineDataset(["ab"], vocabulary=learned.vocabulary)
    assert names.bigram_surprise(learned, held) == pytest.approx(want)


def test_what_stands_behind_a_name_does_not_count(rng: Any):
    learned = names.LineDataset(["ab", "acdefghi", "b"])
    net = names.Namer(len(learned.vocabulary), rng).eval()
    alone = names.LineDataset(["ab"], vocabulary=learned.vocabulary)
    padded = names.LineDataset(["ab"], vocabulary=learned.vocabulary, length=12)
    assert names.surprise(net, alone) == pytest.approx(names.surprise(net, padded), rel=1e-6)


def test_the_transformer_writes_a_text():
    recipe = replace(shakespeare.RECIPE, steps=2, batch=2, written=9)
    seeded = {"rng": np.random.default_rng(0)}
    result = shakespeare.train(TEXT, 0, recipe, shakespeare.ours(), seeded)
    assert 0 < result.score < 2 * log(len(set(TEXT)))
    assert len(result.text) == 10
    assert set(result.text) <= set(TEXT)


def test_from_the_same_weights_both_libraries_learn_the_same():
    torch = pytest.importorskip("torch")
    windows = shakespeare.TextDataset(TEXT, shakespeare.CONTEXT)
    recipe = replace(shakespeare.RECIPE, steps=6)
    torch.manual_seed(0)
    count = len(windows.vocabulary)
    theirs = shakespeare.Training(shakespeare.pytorch(), count, {}, recipe)
    ours = shakespeare.Training(shakespeare.ours(), count, {"rng": 0}, recipe)
    ours.net.load_state_dict({k: v.numpy().copy() for k, v in theirs.net.state_dict().items()})
    rng = np.random.default_rng(0)
    for _ in range(5):
        batch = windows.sample(3, rng)
        losses = [training.loss(*batch).item() for training in (ours, theirs)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-4)
        for training in (ours, theirs):
            training.step(*batch)


def test_a_missing_text_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Any):
    monkeypatch.setenv("TINYGRAD_NN_DATA", str(tmp_path))
    with pytest.raises(DataError, match="TINYGRAD_NN_DATA"):
        text_file("names")
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "names.txt").write_text("emma\n")
    assert text_file("names") == "emma\n"


# ── The page ────────────────────────────────────────────────────────────────────────────


def runs(*scores: float, who: str = OURS, wall: float = 100.0) -> list[Run]:
    found = [Result(score, baseline=2.5, text=" a\nb ") for score in scores]
    return [Run(who, seed, result, wall, 2 * wall) for seed, result in enumerate(found)]


@pytest.mark.parametrize(
    ("judge", "measured", "kept"),
    [
        (at_least(0.9), {OURS: runs(0.9, 0.95)}, True),
        (at_least(0.9), {OURS: runs(0.89, 0.99)}, False),
        (at_least(0.9, 100), {OURS: runs(0.95)}, False),
        (at_least(0.9, 101), {OURS: runs(0.95)}, True),
        (close_to_pytorch(0.02), {OURS: runs(1.0, 1.03), PYTORCH: runs(1.0, 1.0)}, True),
        (close_to_pytorch(0.02), {OURS: runs(1.0, 1.05), PYTORCH: runs(1.0, 1.0)}, False),
        (close_to_pytorch(0.02), {OURS: runs(1.0)}, True),
        (below_baseline(0.25), {OURS: runs(2.0, 2.25)}, True),
        (below_baseline(0.25), {OURS: runs(2.0, 2.3)}, False),
    ],
)
def test_promises_are_judged(judge: Any, measured: Any, kept: bool):
    assert judge(measured)[1] is kept


def test_the_page_has_what_was_measured():
    record = {OURS: [asdict(run) for run in runs(1.5, 1.6)]}
    kept = json.loads(json.dumps({"runs": record, "machine": {"processor": "planted"}}))
    text = page({"names": kept})
    for said in ("1.5000", "**1.5500**", "100 s", "200 s", "2.5000", "a\nb", "planted", "met"):
        assert said in text
    missed = section(CASES["names"], {OURS: runs(2.4)}, {})
    assert "**missed**" in missed
    assert restored(kept)[OURS] == runs(1.5, 1.6)


def test_unknown_cases_are_refused(capsys: Any):
    with pytest.raises(SystemExit):
        parse(["digit"])
    assert "expected one of digits, mnist, cnn" in capsys.readouterr().err


@pytest.mark.slow
def test_a_quick_run_leaves_the_documents(capsys: Any):
    before = [path.read_bytes() if path.exists() else None for path in (PAGE, NUMBERS)]
    assert main(["digits", "--quick", "--seeds", "0"]) == 0
    assert "| ours | 0." in capsys.readouterr().out
    assert before == [path.read_bytes() if path.exists() else None for path in (PAGE, NUMBERS)]
