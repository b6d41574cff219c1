"""Hooks of pytest: the fixture `gradcheck`, its options, and the line at the end of a run.

It stands beside the package and not within, since pytest imports it in every run on a machine
where the package is installed: what needs NumPy is imported by the first test that asks for the
fixture.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from math import isfinite
from typing import Any

import pytest

CAP = 0.03
"""Part of all elements of a run that may be inconclusive, unless told otherwise."""
_NAMED = 5
_VERDICTS = ("pass", "kink", "fail", "inconclusive")
_DENSE = {"auto": None, "yes": True, "no": False}


@dataclass
class Totals:
    """What the checks of a run found.

    Attributes:
        functions: Names of those checked.
        checks: Number of them.
        elements: Number of elements with each verdict, by its text.
        doubts: Tests with inconclusive elements: how many, and why the first one is.
    """

    functions: set[str] = field(default_factory=set)
    checks: int = 0
    elements: Counter[str] = field(default_factory=Counter)
    doubts: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add(self, name: str, elements: dict[str, int], test: str, why: str) -> None:
        """Count one check."""
        self.functions.add(name)
        self.checks += 1
        self.elements.update(elements)
        if doubtful := elements.get("inconclusive", 0):
            count, first = self.doubts.get(test, (0, why))
            self.doubts[test] = (count + doubtful, first)

    def sent(self) -> dict[str, Any]:
        """The totals as what pytest-xdist can send."""
        doubts = {test: list(found) for test, found in self.doubts.items()}
        return {"functions": sorted(self.functions), "checks": self.checks,
                "elements": dict(self.elements), "doubts": doubts}  # fmt: skip

    def receive(self, sent: dict[str, Any]) -> None:
        """Add the totals of a worker."""
        self.functions.update(sent["functions"])
        self.checks += sent["checks"]
        self.elements.update(sent["elements"])
        self.doubts.update({test: (n, why) for test, (n, why) in sent["doubts"].items()})

    @property
    def share(self) -> float:
        """Part of the elements that is inconclusive."""
        return self.elements["inconclusive"] / (self.elements.total() or 1)

    def __str__(self) -> str:
        checks = f"{self.checks:,} checks of " if self.checks > len(self.functions) else ""
        found = [f"{n:,} {v}" for v in _VERDICTS if (n := self.elements[v])]
        if self.elements["inconclusive"]:
            found[-1] += f" ({self.share:.2%})"
        functions = _counted(len(self.functions), "function")
        elements = _counted(self.elements.total(), "element")
        return f"gradcheck: {checks}{functions}, {elements}: {', '.join(found)}"


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}" + ("" if n == 1 else "s")


_TOTALS = pytest.StashKey[Totals]()
_CHOSEN = pytest.StashKey[dict[str, Any]]()


# ── Options ─────────────────────────────────────────────────────────────────────────────


def _between(low: float, high: float, kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        value = kind(text)
        if not (isfinite(value) and low <= value <= high):
            raise ValueError(text)
        return value

    return read


_LARGE = 1e300
_OPTIONS: dict[str, tuple[Callable[[str], Any], str, str]] = {
    "tolerance": (_between(0, 1, float), "a number from 0 to 1, such as 1e-6",
                  "what a gradient may be off by, relative to each element"),
    "cap": (_between(0, 1, float), f"a number from 0 to 1, such as {CAP}",
            f"part of all elements of the run that may be inconclusive (default: {CAP})"),
    "seed": (_between(0, 2**63, int), "a whole number from 0 up", "for random choices"),
    "dense": (_DENSE.__getitem__, "auto, yes or no",
              "whether every element of each Jacobian is looked at: auto, yes or no"),
    "timeout": (_between(1e-3, _LARGE, float), "seconds, such as 60",
                "seconds that one check may take"),
}  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, and for each an entry of the configuration file."""
    group = parser.getgroup("gradcheck", "gradient checks")
    for name, (_, _, help) in _OPTIONS.items():
        group.addoption(f"--gradcheck-{name}", metavar=name[0].upper(), default=None, help=help)
        parser.addini(f"gradcheck_{name}", help=help, default=None)


def pytest_configure(config: pytest.Config) -> None:
    """Read the options."""
    chosen = {}
    for name, (read, expected, _) in _OPTIONS.items():
        option, entry = f"--gradcheck-{name}", f"gradcheck_{name}"
        typed, written = config.getoption(option), config.getini(entry)
        given, where = (written, entry) if typed is None else (typed, option)
        if given is None or given == "":
            continue
        try:
            chosen[name] = read(str(given))
        except (KeyError, ValueError, OverflowError):
            raise pytest.UsageError(f"{where}: got {given!r}, expected {expected}") from None
    config.stash[_CHOSEN] = chosen
    config.stash[_TOTALS] = Totals()


@pytest.fixture(scope="session")
def gradcheck(pytestconfig: pytest.Config) -> Any:
    """`tinygrad_nn.testing.gradcheck` with this run's options, which fails the test by itself.

    It raises where a gradient is wrong or nothing could be checked, and gives the report else.
    """
    # One for the whole run: a fixture of each test could not be used with Hypothesis.
    options = {k: v for k, v in pytestconfig.stash[_CHOSEN].items() if k != "cap"}
    checks = import_module("tinygrad_nn.testing.plugin")
    return checks.Checks(options, pytestconfig.stash[_TOTALS].add)


# ── The end of a run ────────────────────────────────────────────────────────────────────


def _cap(config: pytest.Config) -> float:
    return float(config.stash[_CHOSEN].get("cap", CAP))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Send the totals to whoever started this worker; else fail the run if too much is open."""
    totals = session.config.stash[_TOTALS]
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["gradcheck"] = totals.sent()
    elif totals.share > _cap(session.config) and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: Any) -> None:
    """Take the totals of a worker of pytest-xdist; one that crashed sends none."""
    if sent := getattr(node, "workeroutput", {}).get("gradcheck"):
        node.config.stash[_TOTALS].receive(sent)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Write the line, and what fails the run."""
    totals, cap = config.stash[_TOTALS], _cap(config)
    if not totals.checks:
        return
    terminalreporter.ensure_newline()
    terminalreporter.write_line(str(totals))
    if totals.share <= cap:
        return
    terminalreporter.write_line(
        f"gradcheck: FAILED: {totals.share:.2%} of the elements are inconclusive, and at most "
        f"{cap:.2%} may be; check at other points, or raise --gradcheck-cap",
        red=True,
    )
    doubts = sorted(totals.doubts.items(), key=lambda item: -item[1][0])
    for test, (count, why) in doubts[:_NAMED]:
        terminalreporter.write_line(f"  {count:,} in {test}: {why}")
    if len(doubts) > _NAMED:
        terminalreporter.write_line(f"  and in {len(doubts) - _NAMED:,} more tests")
