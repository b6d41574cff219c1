"""`python -m tests.speed`: measure, print the table, write `docs/speed.md` and its JSON.

A run in full writes both documents. A partial one (`--only`, `--quick`) writes none, since it
would replace good numbers by few or rough ones; `--json FILE` writes its numbers elsewhere.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.speed.machine import machine
from tests.speed.report import page, refused
from tests.speed.results import record
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
    return parser.parse_args(arguments)


def run(options: argparse.Namespace, effort: Effort) -> dict[str, dict[str, list[Entry]]]:
    found: dict[str, dict[str, list[Entry]]] = {}
    for key, workload in WORKLOADS.items():
        if options.only and key not in options.only:
            continue
        names = workload.quick_cases() if options.quick else workload.cases
        for case in options.case or names:
            if case in workload.cases:
                print(f"{key} {case} ...", file=sys.stderr, flush=True)
                found.setdefault(key, {})[case] = measure(workload, case, effort)
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


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    results = run(options, QUICK if options.quick else FULL)
    wanted = not options.case if not options.only else OPERATIONS in options.only
    costs = operations(*(QUICK_OPERATIONS if options.quick else FULL_OPERATIONS)) if wanted else []
    facts = machine()
    text = page(facts, results, WORKLOADS, costs)
    print(text)
    numbers = {
        "machine": facts,
        "workloads": [record(WORKLOADS[key], cases) for key, cases in results.items()],
        "operations": costs,
    }
    full = not (options.only or options.quick or options.case)
    if full:
        PAGE.write_text(text, "utf-8")
    for path in {options.json, NUMBERS if full else None} - {None}:
        path.write_text(json.dumps(numbers, indent=1) + "\n", "utf-8")
    wrong = refused(results)
    for line in wrong:
        print(f"REFUSED: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
