"""The same workload with two threads for each contender, timed by the clock."""

from __future__ import annotations

from dataclasses import replace

from tests.speed.workload import ALL_OURS, COLUMNS, COMPILED, Goal, Workload


def at_two_threads(workload: Workload, limit: float = 1.0) -> Workload:
    """Ours against the reference; the goal is to be ahead of it."""
    (case, *_), names = workload.cases, (*ALL_OURS, workload.reference)
    return replace(
        workload,
        key=f"{workload.key}t",
        title=f"{workload.title}; two threads",
        cases={case: workload.cases[case]},
        contenders=[c for c in workload.contenders if c.name in names],
        units={"time": workload.units["time"]},
        threads=2,
        goals=(
            Goal(case, "ratio", limit, workload.reference, ALL_OURS[:2]),
            Goal(case, "ratio", limit, workload.reference, (COMPILED,), column=COLUMNS[1]),
        ),
        quick=(),
        note="Two threads for each, one contender at a time; time by the clock, and the goal is "
        "judged by the fastest rounds. Ours chooses by itself how many of them it uses.",
    )
