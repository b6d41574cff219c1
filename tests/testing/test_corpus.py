"""Ours over the whole corpus: no miss, no false alarm, no kink failed or passed in silence."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.extents import some, twofold
from tests.testing.comparison.checkers import CHECKERS
from tests.testing.comparison.page import page
from tests.testing.comparison.scores import Finding, Said, Worth, tally, worth
from tests.testing.comparison.sizes import COMPARED
from tests.testing.corpus import CASES, Case, Truth

OPEN: dict[str, str] = {
    # A name, and what is known of why it is not handled yet. Handled ones must leave this list.
}
CATEGORIES = list(dict.fromkeys(case.category for case in CASES))


def every(step: int, category: str) -> list[Case]:
    """Each step-th case of a category, from the first of each truth on: the whole takes 30 s."""
    by_truth: dict[Truth, list[Case]] = defaultdict(list)
    for case in CASES:
        if case.category == category:
            by_truth[case.truth].append(case)
    return [case for cases in by_truth.values() for case in cases[::step]]


@twofold
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("category", CATEGORIES)
def test_ours_handles_all(category: str) -> None:
    check = CHECKERS["ours"]()
    cases = every(some(5, 1), category)
    unhandled = set()
    with np.errstate(all="ignore"):
        for case in cases:
            said, _ = check(case)
            if worth(case.truth, said) is not Worth.HANDLED:
                unhandled.add(case.name)
    assert unhandled == {case.name for case in cases if case.name in OPEN}


def test_the_corpus_is_large_and_mixed() -> None:
    truths = Counter(case.truth for case in CASES)
    assert len({case.name for case in CASES}) == len(CASES) >= 250
    assert truths[Truth.RIGHT] >= 100
    assert truths[Truth.WRONG] >= 100
    assert truths[Truth.KINK] >= 30
    assert truths[Truth.UNDECIDABLE] >= 10
    assert all(case.why for case in CASES)
    assert len(CATEGORIES) >= 15


@pytest.mark.parametrize(
    ("truth", "said", "expected"),
    [
        (Truth.RIGHT, Said.KINK, Worth.FALSE_ALARM),
        (Truth.RIGHT, Said.REFUSED, Worth.FALSE_ALARM),
        (Truth.WRONG, Said.PASS, Worth.MISS),
        (Truth.WRONG, Said.KINK, Worth.MISS),
        (Truth.WRONG, Said.REFUSED, Worth.HANDLED),
        (Truth.KINK, Said.PASS, Worth.SILENCE),
        (Truth.KINK, Said.FAIL, Worth.KINK_ALARM),
        (Truth.UNDECIDABLE, Said.FAIL, Worth.ALARM),
        (Truth.UNDECIDABLE, Said.PASS, Worth.SILENCE),
        (Truth.RIGHT, Said.LIMIT, Worth.INCONCLUSIVE),
    ],
)
def test_worth(truth: Truth, said: Said, expected: Worth) -> None:
    assert worth(truth, said) is expected


LIBRARY = {"PyTorch": "torch", "PyTorch, fast": "torch", "JAX": "jax", "HIPS autograd": "autograd",
           "SciPy": "scipy"}  # fmt: skip


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", list(LIBRARY))
def test_peers_run_the_same_numbers(name: str) -> None:
    """Each tells a plainly right gradient from a plainly wrong one: the wrapping is sound."""
    pytest.importorskip(LIBRARY[name])
    check = CHECKERS[name]()
    plain = [c for c in CASES if c.category in ("linear algebra", "usual mistakes", "second order")]
    sample = [c for c in plain if c.truth in (Truth.RIGHT, Truth.WRONG)][::5]
    handled = 0
    for case in sample:
        try:
            said, _ = check(case)
        except Exception:  # as the worker takes it
            said = Said.REFUSED
        handled += worth(case.truth, said) is Worth.HANDLED
    assert handled >= 0.8 * len(sample)


def rows(said: Said) -> list[dict[str, Any]]:
    return [{"name": c.name, "said": said.name, "seconds": 0.01} for c in CASES]


def test_the_page_tells_misses_and_alarms() -> None:
    sizes = [{"name": "linear map", "seconds": dict.fromkeys(COMPARED, 0.1)}]
    record = {"versions": {"numpy": "2"}, "sizes": sizes,
              "said": {"ours": rows(Said.PASS), "PyTorch": rows(Said.FAIL)}}  # fmt: skip
    text = page(record)
    counts = tally((c, Finding(Said.PASS, 0.0)) for c in CASES)
    assert f"| ours | {counts[Worth.HANDLED]} | {counts[Worth.MISS]} |" in text
    assert text.count("<details>") == text.count("</details>") == len(CATEGORIES)
    assert "(x - 1)^6, expanded, at 1.3" in text


def test_the_page_in_docs_is_of_this_corpus() -> None:
    docs = Path(__file__).resolve().parents[2] / "docs"
    record = json.loads((docs / "gradcheck-comparison.json").read_text("utf-8"))
    names = [case.name for case in CASES]
    assert all([row["name"] for row in found] == names for found in record["said"].values())
    assert page(record) == (docs / "gradcheck-comparison.md").read_text("utf-8")


def test_the_command_has_help() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.testing.comparison", "--help"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "--only" in done.stdout
