"""One run of a demo: its seed, its folder, and what it expects of the numbers that it measures.

A demo is a script with a function `main(demo)`; its docstring says what it shows, and from which
talk. Everything else in it is the mathematics.

    def main(demo):
        loss = ...  # shorter if demo.quick; random numbers from demo.seed
        demo.expect("training loss", loss, at_most=0.01)

    if __name__ == "__main__":
        run(main)
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from tinygrad_nn.atomic import write_atomic
from tinygrad_nn.errors import OptionError

__all__ = ["Demo", "Expectation", "run"]


@dataclass(frozen=True, slots=True)
class Expectation:
    """A number that was measured beside what was expected of it.

    Attributes:
        name: What was measured.
        measured: The number.
        low, high: What it is expected to lie between; None where there is no bound.
    """

    name: str
    measured: float
    low: float | None = None
    high: float | None = None

    @property
    def met(self) -> bool:
        """Whether it lies there; nan never does."""
        above = self.low is None or self.measured >= self.low
        below = self.high is None or self.measured <= self.high
        return isfinite(self.measured) and above and below

    @property
    def expected(self) -> str:
        """What was expected, in words."""
        if self.low is None or self.high is None:
            bound, word = (self.high, "at most") if self.low is None else (self.low, "at least")
            return f"{word} {bound:.6g}"
        if self.low == self.high:
            return f"{self.low:.6g}"
        return f"{self.low:.6g} to {self.high:.6g}"

    def __str__(self) -> str:
        verdict = "met" if self.met else "MISSED"
        return f"{self.name}: {self.measured:.6g} (expected {self.expected}: {verdict})"


class Demo:
    """What a demo is given.

    Args:
        folder: Where its pictures go; made when it is first asked for.
        seed: For all that it draws.
        quick: Whether it is to do only as much as a test needs.

    Example:
        >>> demo = Demo(Path("runs/demos/parabola"), seed=0, quick=True)
        >>> demo.expect("smallest value", 0.0, at_most=1e-6)
        smallest value: 0 (expected at most 1e-06: met)
        >>> demo.met
        True
    """

    def __init__(self, folder: Path, seed: int = 0, quick: bool = False) -> None:
        self.seed, self.quick = seed, quick
        self.expectations: list[Expectation] = []
        self._folder = folder

    @property
    def folder(self) -> Path:
        """Folder of this run, for pictures: it exists."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder

    @property
    def met(self) -> bool:
        """Whether there were expectations, and all are met."""
        return bool(self.expectations) and all(e.met for e in self.expectations)

    def expect(
        self,
        name: str,
        measured: Any,
        *,
        at_least: float | None = None,
        at_most: float | None = None,
    ) -> None:
        """Note and print a number beside what is expected of it.

        Args:
            name: What was measured.
            measured: The number, or anything that `float` takes.
            at_least: The least that it may be; None if there is no such bound.
            at_most: The most; equal to `at_least` for a count that must be exact.

        Raises:
            OptionError: No bound at all, or two that contradict each other.
        """
        if at_least is None and at_most is None:
            raise OptionError(f"expect: {name!r}: got no bound; give at_least=, at_most= or both")
        if at_least is not None and at_most is not None and at_least > at_most:
            raise OptionError(
                f"expect: {name!r}: got at_least={at_least} above at_most={at_most}, which nothing "
                "can meet"
            )
        found = Expectation(name, float(measured), at_least, at_most)
        self.expectations.append(found)
        print(found)

    def pyplot(self) -> Any | None:
        """Matplotlib's `pyplot`, drawing into files; None where it is not installed.

        The numbers do not need it, so a demo without it goes on, and says how to get pictures.
        """
        try:
            import matplotlib as mpl
        except ImportError:
            print("no pictures: Matplotlib is missing; pip install 'tinygrad-nn[demos]'")
            return None
        # Its first use on a machine takes seconds and says so, which is no fault of the demo.
        logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
        mpl.use("agg")
        from matplotlib import pyplot

        return pyplot


def run(main: Callable[[Demo], None], arguments: list[str] | None = None) -> None:
    """Run a demo as a command: `--quick`, `--seed N`, `--folder PATH`.

    The numbers are written to metrics.json in the folder. The process ends with code 1 if one of
    them is not what was expected, or if there were none.

    Args:
        main: The demo.
        arguments: What was typed; None takes it from the process.

    Raises:
        SystemExit: Always.
    """
    file = Path(main.__code__.co_filename)
    about = (main.__globals__.get("__doc__") or "").strip()
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="the short form, as in the tests")
    parser.add_argument("--seed", type=int, default=0, help="for all random numbers (default: 0)")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("runs", "demos", file.stem),
        help="for pictures and metrics.json (default: %(default)s)",
    )
    asked = parser.parse_args(arguments)
    demo = Demo(asked.folder, asked.seed, asked.quick)
    try:
        _ = demo.folder  # before the work, not after it
    except OSError as error:
        sys.exit(f"{file.name}: --folder {asked.folder} cannot be made or written: {error}")
    print(about.partition("\n")[0])
    begun = time.perf_counter()
    try:
        main(demo)
    except KeyboardInterrupt:
        print(f"{file.name}: interrupted", file=sys.stderr)
        sys.exit(130)
    seconds = time.perf_counter() - begun
    record = {
        "demo": file.stem,
        "seed": demo.seed,
        "quick": demo.quick,
        "seconds": round(seconds, 3),
        "metrics": [_plain(e) for e in demo.expectations],
    }
    write_atomic(demo.folder / "metrics.json", (json.dumps(record, indent=1) + "\n").encode())
    missed = sum(not e.met for e in demo.expectations)
    print(f"{seconds:.1f} s; {_listed(demo.folder)} in {demo.folder}")
    if not demo.expectations:
        sys.exit(f"{file.name}: nothing was expected; call demo.expect in main")
    sys.exit(f"{file.name}: {missed} of {len(demo.expectations)} missed" if missed else 0)


def _listed(folder: Path) -> str:
    """What a run left behind."""
    count = sum(p.name != "metrics.json" for p in folder.iterdir())
    return f"{count} picture{'s' * (count > 1)} and metrics.json" if count else "metrics.json"


def _plain(e: Expectation) -> dict[str, Any]:
    """As JSON has it, which has no nan."""
    measured = e.measured if isfinite(e.measured) else str(e.measured)
    return asdict(e) | {"measured": measured, "met": e.met}
