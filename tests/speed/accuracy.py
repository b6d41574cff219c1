"""What networks learn, measured with several seeds: `python -m tests.speed.accuracy [CASE ...]`.

Each training is a process of its own, whose time is counted as a whole: imports, reading the
data, training, judging. Runs of all seeds of a case replace what `docs/accuracy.json` had of it,
and `docs/accuracy.md` is written from that anew. The data are looked for in the folder
TINYGRAD_NN_DATA and its subfolders `mnist` and `text`; a case without data is left out, and so is
PyTorch where it is not installed. It fails if a promise is not kept.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean
from typing import Any

from tests.speed.learned import CASES
from tests.speed.learned.result import OURS, Case, Result, Run, Runs, scores
from tests.speed.machine import machine
from tests.speed.report import number, table
from tests.speed.rounds import ROOT

PAGE, NUMBERS = ROOT / "docs" / "accuracy.md", ROOT / "docs" / "accuracy.json"
NO_DATA = "DataError"

HEAD = """\
# Accuracy

What networks of this library learn, and what it takes. Written by `python -m tests.speed.accuracy`;
`python -m tests.speed.accuracy cnn --seeds 0` measures one of them. The data of all but the digits
have to be there: set `TINYGRAD_NN_DATA` to the folder that has them.

Each training is a process of its own; its time is that of all of it: imports, reading the data,
training, judging. Accuracies and losses are of examples that were not trained on. The last digits
differ between machines, since sums are rounded in another order.
"""


class NoDataError(Exception):
    """The files are not there."""


def trained(key: str, who: str, seed: int, quick: bool) -> Run:
    """One training, in a process of its own.

    Raises:
        NoDataError: its data are not found.
        RuntimeError: it failed.
    """
    words = [key, who, str(seed), *(["quick"] if quick else [])]
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.speed.learned", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    out, err = process.communicate()
    wall = time.perf_counter() - start
    if process.returncode:
        said = err.strip().splitlines() or ["nothing"]
        if NO_DATA in said[-1]:
            raise NoDataError(said[-1])
        raise RuntimeError(f"{' '.join(words)} failed:\n{err}")
    found = json.loads(out.splitlines()[-1])
    return Run(who, seed, Result(**found["result"]), wall, found["cpu"])


def measured(key: str, seeds: Sequence[int], quick: bool) -> dict[str, list[Run]]:
    """Runs of each contender that is installed; they take turns, seed by seed."""
    case, runs = CASES[key], dict[str, list[Run]]()
    for seed in seeds:
        for who in case.contenders:
            needs = (case.needs or {}).get(who)
            if needs and find_spec(needs) is None:
                continue
            run = trained(key, who, seed, quick)
            told = f"{key}, {who}, seed {seed}: {run.result.score:.4f}"
            print(f"{told}, {run.wall:.0f} s, CPU {run.cpu:.0f} s", file=sys.stderr, flush=True)
            runs.setdefault(who, []).append(run)
    return runs


def section(case: Case, runs: Runs, facts: dict[str, str]) -> str:
    """Heading, recipe, table and verdict of a case."""
    seeds = [run.seed for run in runs[OURS]]
    header = [case.score, *(f"seed {seed}" for seed in seeds), "mean", "time", "CPU time"]
    rows = []
    for who, some in runs.items():
        cells = [f"{score:.4f}" for score in scores(some)]
        cells += [""] * (len(seeds) - len(cells))
        prices = [fmean(getattr(run, name) for run in some) for name in ("wall", "cpu")]
        cells += [f"**{fmean(scores(some)):.4f}**", *(f"{number(price)} s" for price in prices)]
        rows.append([who, *cells])
    baseline = runs[OURS][0].result.baseline
    if baseline is not None:
        rows.append(["baseline", *[f"{baseline:.4f}"] * len(seeds), f"{baseline:.4f}", "", ""])
    told, kept = case.promise(runs)
    parts = [f"## {case.title}", case.recipe, table(header, rows)]
    parts.append(f"Goal: {told}; {'met' if kept else '**missed**'}.")
    text = runs[OURS][0].result.text
    if text:
        parts += [f"Written by the network of seed {seeds[0]}:", f"```text\n{text.strip()}\n```"]
    parts.append("On " + "; ".join(f"{name}: {fact}" for name, fact in facts.items()) + ".")
    return "\n\n".join(parts)


def kept_runs(path: Path) -> dict[str, Any]:
    """What the file has of each case."""
    return dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}


def restored(record: dict[str, Any]) -> dict[str, list[Run]]:
    return {
        who: [Run(**{**run, "result": Result(**run["result"])}) for run in runs]
        for who, runs in record["runs"].items()
    }


def page(records: dict[str, Any]) -> str:
    parts = [
        section(CASES[key], restored(records[key]), records[key]["machine"])
        for key in CASES
        if key in records
    ]
    return "\n\n".join([HEAD.rstrip(), *parts]) + "\n"


def conditions() -> dict[str, str]:
    """The machine, and what else decides about times."""
    facts = {**machine(), "threads": os.environ.get("OMP_NUM_THREADS", "as many as cores")}
    if hasattr(os, "getloadavg"):
        facts["load by others before"] = f"{os.getloadavg()[0]:.1f}"
    return facts


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    takes = "; ".join(f"{key}: {case.takes}" for key, case in CASES.items())
    parser = argparse.ArgumentParser(
        prog="python -m tests.speed.accuracy", description=__doc__, epilog=f"A seed takes: {takes}."
    )
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; or all")
    parser.add_argument("--seeds", nargs="+", type=int, help="all of a case if left out")
    parser.add_argument("--quick", action="store_true", help="short trainings; writes no document")
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the page here")
    options = parser.parse_args(arguments)
    for key in options.cases:
        if key not in CASES:
            parser.error(f"got the case {key!r}, expected one of {', '.join(CASES)}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    facts = conditions()
    found, all_kept = dict[str, Any](), True
    for key in options.cases or CASES:
        case = CASES[key]
        try:
            runs = measured(key, options.seeds or case.seeds, options.quick)
        except NoDataError as error:
            print(f"{key} left out: {error}", file=sys.stderr)
            continue
        found[key] = {
            "machine": facts,
            "runs": {who: [asdict(run) for run in some] for who, some in runs.items()},
        }
        all_kept = all_kept and (options.quick or case.promise(runs)[1])
        if not (options.quick or options.seeds):
            # After each case, since the next one may take an hour.
            records = {**kept_runs(NUMBERS), key: found[key]}
            NUMBERS.write_text(json.dumps(records, indent=1) + "\n", "utf-8")
            PAGE.write_text(page(records), "utf-8")
    text = page(found)
    print(text, end="")
    if options.out:
        options.out.write_text(text, "utf-8")
    return 0 if all_kept else 1


if __name__ == "__main__":
    sys.exit(main())
