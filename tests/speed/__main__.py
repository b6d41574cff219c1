"""`python -m tests.speed`: measure, print the table, write `docs/speed.md` and its JSON.

A run in full writes both documents. A partial one (`--only`, `--case`, `--quick`) writes none,
since it would replace good numbers by few or rough ones; `--json FILE` writes its numbers
elsewhere. `--only KEY --update` replaces that part of both documents, where the rest was measured
on the same machine, of the same code.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.speed.machine import machine
from tests.speed.report import page, refused
from tests.speed.results import record, recorded
from tests.speed.rounds import FULL, QUICK, ROOT, Effort, Entry, environment, measure
from tests.speed.workloads import WORKLOADS

OPERATIONS = "ops"
# Rounds, and seconds for each function of an operation in a round.
FULL_OPERATIONS, QUICK_OPERATIONS = (9, 0.002), (3, 0.0005)
PAGE, NUMBERS = ROOT / "docs" / "speed.md", ROOT / "docs" / "speed.json"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.speed", description=__doc__)
    keys = [*WORKLOADS, OPERATIONS]
    parser.add_argument(
        "--only", action="append", choices=keys, metavar="KEY", help=f"one of {', '.join(keys)}"
    )
    parser.add_argument("--case", action="append", help="name of a case; all if left away")
    parser.add_argument("--quick", action="store_true", help="small cases, few and short rounds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the numbers")
    parser.add_argument("--update", action="store_true", help="replace this part of the documents")
    options = parser.parse_args(arguments)
    if options.update and (options.quick or not options.only):
        parser.error("--update: got no --only KEY, or --quick; expected a part, measured in full")
    return options


def run(options: argparse.Namespace, effort: Effort) -> dict[str, dict[str, list[Entry]]]:
    found: dict[str, dict[str, list[Entry]]] = {}
    for key, workload in WORKLOADS.items():
        if options.only and key not in options.only:
            continue
        names = workload.quick_cases() if options.quick else workload.cases
        for case in options.case or names:
            if case in workload.cases:
                print(f"{key} {case} ...", end="", file=sys.stderr, flush=True)
                start = time.monotonic()
                found.setdefault(key, {})[case] = measure(workload, case, effort)
                print(f" {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    return found


def operations(rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Costs of every operation, measured in a process of their own."""
    print("operations ...", file=sys.stderr, flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "tests.speed.operations", str(rounds), str(seconds)],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        check=True,
    )
    return list(json.loads(done.stdout))


Numbers = dict[str, Any]


def numbers_of(
    facts: dict[str, str], results: dict[str, dict[str, list[Entry]]], costs: list[dict[str, Any]]
) -> Numbers:
    """All that was measured, as plain data."""
    return {
        "machine": facts,
        "workloads": [record(WORKLOADS[key], cases) for key, cases in results.items()],
        "operations": costs,
    }


def page_of(numbers: Numbers) -> str:
    results = {w["key"]: recorded(w) for w in numbers["workloads"]}
    return page(numbers["machine"], results, WORKLOADS, numbers["operations"])


def merged(old: Numbers, new: Numbers) -> Numbers:
    """The old numbers with the new ones in their places.

    Raises:
        ValueError: They were measured elsewhere, or of other code: then all must be measured anew.
    """
    # The commit's name may differ where the code does not.
    differing = [
        f"{name}: {old['machine'].get(name)} there, {new['machine'].get(name)} here"
        for name in sorted({*old["machine"], *new["machine"]} - {"commit"})
        if old["machine"].get(name) != new["machine"].get(name)
    ]
    if differing:
        raise ValueError(
            f"--update: the documents are of another machine or code ({'; '.join(differing)}); "
            "run `python -m tests.speed` in full"
        )
    results = {w["key"]: recorded(w) for w in old["workloads"]}
    for w in new["workloads"]:
        results.setdefault(w["key"], {}).update(recorded(w))
    ordered = {
        key: {case: results[key][case] for case in workload.cases if case in results[key]}
        for key, workload in WORKLOADS.items()
        if key in results
    }
    return numbers_of(old["machine"], ordered, new["operations"] or old["operations"])


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    facts = machine()
    old = json.loads(NUMBERS.read_text("utf-8")) if options.update else None
    if old:
        try:
            merged(old, numbers_of(facts, {}, []))  # Before anything is measured in vain.
        except ValueError as error:
            raise SystemExit(str(error)) from None
    results = run(options, QUICK if options.quick else FULL)
    wanted = not options.case if not options.only else OPERATIONS in options.only
    costs = operations(*(QUICK_OPERATIONS if options.quick else FULL_OPERATIONS)) if wanted else []
    numbers = numbers_of(facts, results, costs)
    print(page_of(numbers))
    if options.json:
        write(options.json, numbers)
    if old or not (options.only or options.quick or options.case):
        numbers = merged(old, numbers) if old else numbers
        write(NUMBERS, numbers)
        PAGE.write_text(page_of(numbers), "utf-8")
    wrong = refused(results)
    for line in wrong:
        print(f"REFUSED: {line}", file=sys.stderr)
    return 1 if wrong else 0


def write(path: Path, numbers: Numbers) -> None:
    path.write_text(json.dumps(numbers, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
