"""`python -m tests.testing.comparison`: every checker over the corpus, and the page of it.

A run in full prints and writes `docs/gradcheck-comparison.md` and its JSON. With `--only CHECKER`
it prints a summary and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from tests.testing.comparison.checkers import CHECKERS
from tests.testing.comparison.page import page, summary

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "gradcheck-comparison.md"
NUMBERS = PAGE.with_suffix(".json")
LIBRARIES = ("numpy", "torch", "jax", "autograd", "scipy")
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def lines_of(module: str, *arguments: str) -> list[Any]:
    """What a module prints, as JSON by lines, in a process and with a thread of its own."""
    print(f"{module} {' '.join(arguments)} ...", file=sys.stderr, flush=True)
    done = subprocess.run(
        [sys.executable, "-m", f"tests.testing.comparison.{module}", *arguments],
        cwd=ROOT, env={**os.environ, **THREADS}, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.testing.comparison", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(CHECKERS), metavar="CHECKER")
    only = parser.parse_args().only
    said = {name: lines_of("worker", name) for name in only or CHECKERS}
    if only:
        print(summary(said))
        return
    record = {
        "versions": {name: metadata.version(name) for name in LIBRARIES},
        "said": said,
        "sizes": lines_of("sizes")[0],
    }
    text = page(record)
    PAGE.write_text(text, encoding="utf-8")
    NUMBERS.write_text(json.dumps(record, separators=(",", ":")) + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
