"""`python -m tinygrad_nn.testing.mutation`: the kill rate of our own check, or of a pytest run."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from time import perf_counter
from typing import TextIO

from tinygrad_nn.errors import TinygradError
from tinygrad_nn.testing.mutation.kills import Kills, Outcome
from tinygrad_nn.testing.mutation.mutants import MUTANTS
from tinygrad_nn.testing.mutation.own import REASONS, check_operation
from tinygrad_nn.testing.mutation.rate import kill_rate

__all__ = ["main"]

_EXAMPLES = """examples:
  all operations and kinds of fault, two processes:
    python -m tinygrad_nn.testing.mutation --jobs 2
  a test suite of your own, ten mutants:
    python -m tinygrad_nn.testing.mutation --sample 10 -- python -m pytest -x tests

kinds of fault:
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 where all is killed, or known why not."""
    found = _parser().parse_args(arguments)
    suite = found.command[1:] if found.command[:1] == ["--"] else found.command
    progress = Progress(sys.stderr)
    try:
        kills = kill_rate(
            suite or check_operation,
            operations=found.operation,
            mutants=found.mutant,
            sample=found.sample,
            jobs=found.jobs,
            seed=found.seed,
            reasons=None if suite else REASONS,
            tell=progress,
        )
    except TinygradError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(progress.so_far())
        return 130
    print(kills)
    return 1 if kills.open or kills.faulty else 0


class Progress:
    """A line for each operation when all of its mutants are known, and what is known so far.

    Args:
        file: Where the lines go.
    """

    def __init__(self, file: TextIO) -> None:
        self._file, self._start = file, perf_counter()
        self._found: list[Outcome] = []
        self._total = 0

    def __call__(self, outcome: Outcome, total: int) -> None:
        """Take note of an outcome of so many."""
        if self._found and outcome.op != self._found[-1].op:
            self._tell()
        self._found.append(outcome)
        self._total = total
        if len(self._found) == total:
            self._tell()

    def so_far(self) -> Kills:
        """Those that are known."""
        return Kills(self._found, perf_counter() - self._start, self._total)

    def _tell(self) -> None:
        op = self._found[-1].op
        counts = Counter(o.status for o in self._found if o.op == op)
        told = ", ".join(f"{n} {status}" for status, n in counts.items())
        done = f"{len(self._found):,} of {self._total:,}"
        seconds = perf_counter() - self._start
        print(f"{seconds:6.0f} s  {done}  {op}: {told}", file=self._file, flush=True)


def _parser() -> argparse.ArgumentParser:
    kinds = "\n".join(f"  {m.name:24} the gradient is {m.text}" for m in MUTANTS.values())
    parser = argparse.ArgumentParser(
        prog="python -m tinygrad_nn.testing.mutation",
        description="Plant wrong gradients, one after another, and count those that a test suite "
        "finds: gradcheck over the samples of every operation, or a command that runs pytest.",
        epilog=_EXAMPLES + kinds,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--operation", action="append", metavar="NAME", help="only this one (repeatable)")
    add("--mutant", action="append", metavar="KIND", help="only this kind (repeatable)")
    add("--sample", type=int, metavar="N", help="only so many, chosen by chance")
    add("--seed", type=int, default=0, help="for that choice (default: 0)")
    add("--jobs", type=int, default=1, metavar="N", help="processes at a time (default: 1)")
    add(
        "command",
        nargs=argparse.REMAINDER,
        help="a command that runs pytest, after --; its `python` is the one that runs this",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
