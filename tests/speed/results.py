"""Numbers from rounds: medians, ratios to the reference, and whether a goal was met."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan
from statistics import median, quantiles
from typing import Any

from tests.speed.rounds import DONE, Entry
from tests.speed.workload import Goal, Workload

MET, MISSED, OPEN = "met", "missed", "not measured"
Pairing = Callable[[float, float], float]

PAIRINGS: dict[str, Pairing] = {
    "ratio": lambda mine, theirs: mine / theirs if theirs else nan,
    "gain": lambda mine, theirs: theirs / mine if mine else nan,
    "excess": lambda mine, theirs: mine - theirs,
    "value": lambda mine, theirs: mine,
}


@dataclass(frozen=True)
class Spread:
    """A quantity over the rounds.

    Attributes:
        median: The one that is judged.
        low: First quartile.
        high: Third quartile.
        best: Of the fastest rounds of both.
    """

    median: float
    low: float
    high: float
    best: float


def spread(mine: Sequence[float], theirs: Sequence[float], how: str = "value") -> Spread:
    """Round by round, so that what slows the machine for a while slows both."""
    pairing = PAIRINGS[how]
    values = [pairing(a, b) for a, b in zip(mine, theirs, strict=False)]
    low, _, high = quantiles(values, n=4) if len(values) > 1 else (values[0],) * 3
    return Spread(median(values), low, high, pairing(min(mine), min(theirs)))


def find(entries: Sequence[Entry], name: str) -> Entry | None:
    return next((e for e in entries if e.name == name and e.status == DONE), None)


def judge(
    goal: Goal, entries: Sequence[Entry], fastest: bool = False
) -> tuple[str, dict[str, Spread]]:
    """Verdict on a goal, and what was measured of each contender that it names.

    The better one decides, by the median of the rounds, or by the fastest.
    """
    found = {}
    for name in goal.contenders:
        mine = find(entries, name)
        theirs = find(entries, goal.against) if goal.against else mine
        if mine and theirs and goal.measure in mine.rounds:
            values = mine.rounds[goal.measure], theirs.rounds[goal.measure]
            found[name] = spread(*values, goal.how)
    if not found:
        return OPEN, {}
    numbers = [s.best if fastest else s.median for s in found.values()]
    if goal.how == "gain":
        return (MET if max(numbers) >= goal.limit else MISSED), found
    return (MET if min(numbers) <= goal.limit else MISSED), found


def record(workload: Workload, results: dict[str, list[Entry]]) -> dict[str, Any]:
    """A workload's results as plain data, for the JSON file."""
    return {
        "key": workload.key,
        "title": workload.title,
        "reference": workload.reference,
        "cases": [
            {"name": case, "contenders": [_contender(workload, e, entries) for e in entries]}
            for case, entries in results.items()
        ],
        "goals": [
            {
                **vars(goal),
                "verdict": verdict,
                "measured": {name: vars(spread) for name, spread in found.items()},
            }
            for goal in workload.goals
            if goal.case in results
            for verdict, found in [judge(goal, results[goal.case], workload.threads > 1)]
        ],
    }


def recorded(workload: dict[str, Any]) -> dict[str, list[Entry]]:
    """The results again, from that data."""
    return {
        case["name"]: [
            Entry(
                c["name"],
                c["status"],
                c["detail"],
                {name: measure["rounds"] for name, measure in c["measures"].items()},
            )
            for c in case["contenders"]
        ]
        for case in workload["cases"]
    }


def _contender(workload: Workload, entry: Entry, entries: Sequence[Entry]) -> dict[str, Any]:
    reference = find(entries, workload.reference)
    measures = {
        name: {
            **vars(spread(values, values)),
            "rounds": [float(f"{x:.5g}") for x in values],
            "ratio": vars(spread(values, reference.rounds[name], "ratio"))
            if reference and name in reference.rounds
            else None,
        }
        for name, values in entry.rounds.items()
    }
    return {
        "name": entry.name,
        "status": entry.status,
        "detail": entry.detail,
        "measures": measures,
    }
