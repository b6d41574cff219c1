"""The page, from what the checkers said."""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import Any

from tests.testing.comparison.checkers import SCIPY_BOUND
from tests.testing.comparison.scores import Finding, Said, Worth, tally, worth
from tests.testing.comparison.worker import SECONDS
from tests.testing.corpus import CASES, Case, Truth

Pairs = dict[str, list[tuple[Case, Finding]]]

_HEAD = """# Gradient checkers compared

A PyTorch function of your own, in the place of `torch.tanh`, is checked in three lines:

```python
import torch
from tinygrad_nn.testing import gradcheck

gradcheck(torch.tanh, torch.linspace(-2, 2, 5, dtype=torch.float64)).assert_ok()
```

How checkers do on functions of which the truth is known: a corpus of {count} pairs of a function
and what is claimed to be its gradient, in `tests/testing/corpus`. Of {right} the claim is right, of
{wrong} it is wrong, {kinks} have no derivative where they are checked, and of {unknown} nobody
could tell from values. The truth is by mathematics, and each case says why.

Everything below is written by one run of `python -m tests.testing.comparison`, and so are the
[numbers](gradcheck-comparison.json). Versions: {versions}.

## How it is counted

Every checker is at its defaults, in a process of its own, and calls the same NumPy functions, as a
`torch.autograd.Function`, a `jax.custom_vjp`, a primitive of HIPS autograd. Inputs are float64, as
the peers advise, unless the case is about another dtype. JAX and HIPS autograd check first order
in reverse mode, which is what such functions have. Functions that write get what a checker hands
to them, which may be its own memory. SciPy's `approx_derivative` gives no verdict: an
accuracy above {bound:g} counts as an alarm. A check ends after {limit:g} s; that, and memory used
up, counts as inconclusive.

- **Handled**: a right gradient passed, a wrong one failed or refused with an error, a kink told as
  a kink, an undecidable case told as inconclusive, as having no derivative, or refused. Our peers
  have no word for kinks, so that none of those can be handled by them.
- **Miss**: a wrong gradient that passed, or was taken for a kink.
- **False alarm**: a right gradient that failed, was refused, or was taken for a kink.
- **Alarm at a kink**, **silence**: a kink told as a fault; a kink or an undecidable case that
  passed without a word. **Alarm where nobody knows**: an undecidable case told as a fault.
- **Inconclusive**: a right or wrong gradient or a kink of which a checker says that it cannot tell.

The corpus was written by the authors of the first checker, who mended it where it failed: that it
does well here says less than how the others do.
"""


def pairs_of(said: dict[str, list[dict[str, Any]]]) -> Pairs:
    """Cases with what each checker said."""
    cases = {case.name: case for case in CASES}
    return {
        name: [(cases[row["name"]], Finding(Said[row["said"]], row["seconds"])) for row in rows]
        for name, rows in said.items()
    }


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def summary(said: dict[str, list[dict[str, Any]]]) -> str:
    """A row for each checker."""
    rows = []
    for name, pairs in pairs_of(said).items():
        counts = tally(pairs)
        seconds = [finding.seconds for _, finding in pairs]
        time = [f"{sum(seconds):.1f} s", f"{1e3 * median(seconds):.1f} ms"]
        rows.append([name, *(str(counts[w]) for w in Worth), *time])
    return table(["checker", *(w.value for w in Worth), "CPU time", "median"], rows)


def page(record: dict[str, Any]) -> str:
    truths = Counter(case.truth for case in CASES)
    pairs = pairs_of(record["said"])
    head = _HEAD.format(
        count=len(CASES), right=truths[Truth.RIGHT], wrong=truths[Truth.WRONG],
        kinks=truths[Truth.KINK], unknown=truths[Truth.UNDECIDABLE], bound=SCIPY_BOUND,
        limit=SECONDS, versions=", ".join(f"{k} {v}" for k, v in record["versions"].items()),
    )  # fmt: skip
    return "\n".join(
        [
            head, "## All of it", "", summary(record["said"]), "", "## By category", "",
            "Handled of all; misses (m), false alarms (a), alarms at kinks (k), silences (s),",
            "alarms where nobody knows (u), inconclusive (i).", "", by_category(pairs), "",
            "## Time at Jacobians above 100 x 100", "",
            "CPU time of one check in one thread, the least of three rounds in turn.", "",
            sizes(record["sizes"]), "", "## Every disagreement", "",
            "Cases that a checker did not handle, with the truth and the checkers' answers.", "",
            disagreements(pairs),
        ]
    )  # fmt: skip


_SHORT = {
    Worth.MISS: "m", Worth.FALSE_ALARM: "a", Worth.KINK_ALARM: "k", Worth.SILENCE: "s",
    Worth.ALARM: "u", Worth.INCONCLUSIVE: "i",
}  # fmt: skip


def _categories() -> list[str]:
    return list(dict.fromkeys(case.category for case in CASES))


def by_category(pairs: Pairs) -> str:
    rows = []
    for category in _categories():
        row = [category]
        for found in pairs.values():
            own = [pair for pair in found if pair[0].category == category]
            counts = tally(own)
            rest = " ".join(f"{counts[w]}{short}" for w, short in _SHORT.items() if counts[w])
            row.append(f"{counts[Worth.HANDLED]}/{len(own)} {rest}".strip())
        rows.append(row)
    return table(["category", *pairs], rows)


def sizes(rows: list[dict[str, Any]]) -> str:
    names = list(rows[0]["seconds"])
    return table(
        ["function", *names, f"{names[0]} : {names[1]}"],
        [
            [
                row["name"],
                *(f"{1e3 * row['seconds'][n]:.0f} ms" for n in names),
                f"{row['seconds'][names[0]] / row['seconds'][names[1]]:.2f}",
            ]
            for row in rows
        ],
    )


def disagreements(pairs: Pairs) -> str:
    """Folded by category."""
    found: dict[str, dict[str, str]] = {}
    for name, own in pairs.items():
        for case, finding in own:
            if worth(case.truth, finding.said) is not Worth.HANDLED:
                found.setdefault(case.name, {})[name] = finding.said.value
    parts = []
    for category in _categories():
        rows = [
            [_cell(c.name), f"{c.truth.value}: {_cell(c.why)}",
             *(found[c.name].get(n, "") for n in pairs)]
            for c in CASES if c.category == category and c.name in found
        ]  # fmt: skip
        if rows:
            folded = table(["case", "truth", *pairs], rows).replace("---:", "---")
            title = f"<summary>{category}: {len(rows)}</summary>"
            parts += ["<details>", title, "", folded, "", "</details>", ""]
    return "\n".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")
