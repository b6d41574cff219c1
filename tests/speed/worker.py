"""One contender in a process of its own, told what to do by lines on its standard input.

`python -m tests.speed.worker WORKLOAD CASE CONTENDER`; started by `rounds.py`.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.speed.workloads import WORKLOADS

ROOT = Path(__file__).resolve().parents[2]


def told(error: Exception) -> str:
    """A line about it, for pages: where on this machine our files are is nobody's business."""
    line = " ".join(f"{type(error).__name__}: {error}".split())
    # The longer one first: an environment is often a folder of the checkout.
    for place in sorted({ROOT, Path(sys.prefix)}, key=lambda x: -len(str(x))):
        line = line.replace(f"{place}/", "")
    return line.replace("|", "/")[:300]


def main(key: str, case: str, name: str) -> None:
    # Answers go out by a channel of their own: what a library prints must not mix with them.
    channel, sys.stdout = sys.stdout, sys.stderr
    warnings.simplefilter("ignore")
    workload = WORKLOADS[key]

    def reply(work: Callable[[], Any]) -> bool:
        try:
            text = json.dumps({"result": work()})
        except Exception as error:
            text = json.dumps({"error": told(error)})
        print(text, file=channel, flush=True)
        return "result" in text[:10]

    made: list[Any] = []

    def prepare() -> None:
        made.append(workload.contender(name).make(**workload.cases[case]))
        for library in ("torch", "tinygrad_nn"):
            if choose := getattr(sys.modules.get(library), "set_num_threads", None):
                choose(workload.threads)
        if workload.threads > 1:
            made[0].clock = time.perf_counter

    if not reply(prepare):
        return
    runner = made[0]
    for line in sys.stdin:
        command = json.loads(line)
        do = {
            "answer": runner.answer,
            "once": runner.once,
            "round": lambda c=command: runner.round(c["seconds"]),
        }[command["do"]]
        reply(do)


if __name__ == "__main__":
    main(*sys.argv[1:])
