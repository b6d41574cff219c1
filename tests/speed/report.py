"""The results in words: a page in Markdown, printed and kept in `docs`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from tests.speed.results import MET, MISSED, OPEN, Spread, find, judge, spread
from tests.speed.rounds import DONE, REFUSED, Entry
from tests.speed.workload import ALL_OURS, COLUMNS, Goal, Workload

Results = Mapping[str, Sequence[Entry]]

HEAD = """\
# Speed

Written by `python -m tests.speed`, in one run on one machine; nothing here is a promise for
another, and no test depends on a time.

- CPU time of the whole process, one thread for everyone (two in the tables that say so, which go by
  the clock), a process for each contender, the garbage collector as each library leaves it.
- `ours` is eager; `ours, captured` is the same step under `tg.jit` with `engine="numpy"`, and
  `ours, compiled` with `engine="numba"`. `torch.compile` is given the loss, and the update of the
  optimiser: it takes no backward pass.
- `memory`: bytes that a step needs at its height beyond inputs and weights, gradients, moments of
  the optimiser and buffers of a captured step among them. Only NumPy tells, so that PyTorch and
  jax have none.
- Contenders take turns, round by round. A ratio compares rounds that follow each other; the table
  has the median over the rounds, the quartiles in brackets, and the ratio of the fastest rounds.
- Before anything is timed, each contender's numbers are held against a computation of its own
  kind (float64, written out by hand); who differs beyond rounding is refused.
"""


GOALS = """\
`NumPy only`: eager or captured (`tg.jit(step, engine="numpy")`), and the better of the two decides.
`compiled`: with the extra `fast`, captured by `tg.jit(step, engine="numba")`. A first call, two
threads, memory and import have goals of their own. Judged by the median; at two threads by the
fastest rounds."""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown table, the first column to the left and the others to the right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    lines = [header, rule, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(x: float) -> str:
    """About three digits, no exponents."""
    if x == 0:
        return "0"
    size = abs(x)
    return (
        f"{x:.0f}"
        if size >= 100
        else f"{x:.1f}"
        if size >= 10
        else f"{x:.3g}"
        if size < 1
        else f"{x:.2f}"
    )


def _row(workload: Workload, entry: Entry, entries: Sequence[Entry], case: str) -> list[str]:
    measures = list(workload.units)
    blanks = [""] * (len(measures) + 2)
    if entry.status != DONE:
        return [case, entry.name, f"{entry.status}: {entry.detail}", *blanks[1:]]
    found = [case, entry.name]
    for name in measures:
        values = entry.rounds.get(name)
        unit, factor = workload.units[name]
        found.append(f"{number(median(values) * factor)} {unit}" if values else "")
    reference = find(entries, workload.reference)
    if reference is None:
        return [*found, "", ""]
    ratio = spread(entry.rounds["time"], reference.rounds["time"], "ratio")
    return [
        *found,
        f"{number(ratio.median)} ({number(ratio.low)}–{number(ratio.high)})",
        number(ratio.best),
    ]


def section(workload: Workload, results: Results) -> str:
    """Heading, table and note of one workload."""
    header = ["case", "who", *workload.units, f"to {workload.reference}", "fastest"]
    rows = [
        _row(workload, entry, entries, case)
        for case, entries in results.items()
        for entry in entries
    ]
    parts = [f"## {workload.key}. {workload.title}", table(header, rows)]
    return "\n\n".join([*parts, workload.note] if workload.note else parts)


# ── Goals ───────────────────────────────────────────────────────────────────────────────


def _aim(goal: Goal, workload: Workload) -> str:
    unit, factor = workload.units.get(goal.measure, ("", 1.0))
    return {
        "ratio": f"≤ {number(goal.limit)} of {goal.against}",
        "gain": f"≥ {number(goal.limit)} × {goal.against}",
        "value": f"≤ {number(goal.limit * factor)} {unit}",
        "excess": f"≤ {goal.against} + {number(goal.limit * factor)} {unit}",
    }[goal.how]


def _measured(goal: Goal, workload: Workload, found: Mapping[str, Spread]) -> str:
    unit, factor = workload.units.get(goal.measure, ("", 1.0))
    unit, factor = {"ratio": ("", 1.0), "gain": ("×", 1.0)}.get(goal.how, (unit, factor))
    texts = []
    for name, s in found.items():
        if workload.threads > 1:
            text = number(s.best * factor)
        else:
            low, mid, high = (number(x * factor) for x in (s.low, s.median, s.high))
            text = mid if low == high else f"{mid} ({low}–{high})"
        who = f"{name}: " if len(goal.contenders) > 1 or name not in ALL_OURS else ""
        texts.append(f"{who}{text} {unit}".rstrip())
    return "; ".join(texts) or "–"


def goals(results: Mapping[str, Results], workloads: Mapping[str, Workload]) -> str:
    """Table of what was aimed at and what came of it."""
    rows, count = [], Counter[tuple[str, str]]()
    for key, cases in results.items():
        for goal in workloads[key].goals:
            if goal.case in cases:
                verdict, found = judge(goal, cases[goal.case], workloads[key].threads > 1)
                count[goal.column, verdict] += 1
                rows.append(
                    [
                        f"{key} {goal.case}",
                        goal.column,
                        goal.measure,
                        _aim(goal, workloads[key]),
                        _measured(goal, workloads[key], found),
                        {MET: "met", MISSED: "**missed**", OPEN: OPEN}[verdict],
                    ]
                )
    sums = "; ".join(
        f"{column}: {count[column, MET]} met, {count[column, MISSED]} missed"
        + (f", {count[column, OPEN]} not measured" if count[column, OPEN] else "")
        for column in COLUMNS
    )
    header = ["case", "column", "measure", "goal", "measured", ""]
    return "\n\n".join(["## Goals", GOALS, sums + ".", table(header, rows)])


# ── Operations ──────────────────────────────────────────────────────────────────────────


def operations(costs: Sequence[Mapping[str, Any]]) -> str:
    """Table of the cost of each operation."""
    times = ("raw", "forward", "backward")
    done = [c for c in costs if not c["error"]]
    rows = [
        [f"`{c['name']}`", str(c["size"]), *(_times(c[k]) for k in times), _bytes(c["kept"])]
        for c in done
    ]
    failed = [c for c in costs if c["error"]]
    rows += [[f"`{c['name']}`", "", f"failed: {c['error']}", "", "", ""] for c in failed]

    def typical(key: str) -> float:
        return median([c[key] for c in done if c[key] is not None] or [0.0])

    middle = ["**median**", "", *(_times(typical(k)) for k in times), _bytes(typical("kept"))]
    return "\n\n".join(
        [
            "## Every operation, as a multiple of np.add",
            "Each with its own samples, small float64 arrays, so that this is overhead: what is "
            "paid on top of the arithmetic. The unit is `np.add` of two arrays of the largest "
            "shape that occurs. `raw`: on arrays, nothing recorded. `forward`: on tensors, "
            "recorded. `backward`: gradients of all inputs. `kept`: bytes that stay while the "
            "recorded result is held, its numbers and what the backward pass needs among them.",
            table(["operation", "elements", "raw", "forward", "backward", "kept"], [middle, *rows]),
        ]
    )


def _times(x: float | None) -> str:
    return "–" if x is None else f"{x:.1f}"


def _bytes(x: float | None) -> str:
    return "–" if x is None else f"{x:.0f}"


def page(
    facts: Mapping[str, str],
    results: Mapping[str, Results],
    workloads: Mapping[str, Workload],
    costs: Sequence[Mapping[str, Any]] = (),
) -> str:
    """The whole page."""
    parts = [
        HEAD + "\n" + "; ".join(f"{name}: {text}" for name, text in facts.items()) + ".",
        goals(results, workloads),
        *(section(workloads[key], cases) for key, cases in results.items()),
    ]
    return "\n\n".join([*parts, operations(costs)] if costs else parts) + "\n"


def refused(results: Mapping[str, Results]) -> list[str]:
    """Rows whose mathematics differ."""
    return [
        f"{key} {case}: {entry.detail}"
        for key, cases in results.items()
        for case, entries in cases.items()
        for entry in entries
        if entry.status == REFUSED
    ]
