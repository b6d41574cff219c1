"""`Finding` and `Report`: what the doctor says, as objects and as text."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from io import StringIO
from math import isfinite
from types import MappingProxyType
from typing import Final

from tinygrad_nn.errors import OptionError

__all__ = ["Finding", "Report"]

SEVERITIES: Final = ("error", "warning", "note")
_SHOWN: Final = 5


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        name: What it is called: "dead-units".
        severity: "error" (it cannot learn, or measures the wrong thing), "warning", "note".
        where: Path of the module or parameter; "" where it is the whole.
        value: The number that was measured.
        threshold: What it was held against.
        message: What was seen.
        advice: What to do, one thing.
    """

    name: str
    severity: str
    where: str
    value: float
    threshold: float
    message: str
    advice: str

    def __str__(self) -> str:
        """One line, and the advice below it."""
        place = f" at {self.where}" if self.where else ""
        return f"{self.severity}: {self.name}{place}: {self.message}\n    -> {self.advice}"


class Report:
    """The findings, the worst first.

    `report["dead-units"]` are the findings of a name, an empty tuple if there are none;
    `"dead-units" in report` tells whether there are; `print(report)` shows all.

    Attributes:
        findings: All of them.
        ok: Whether there are none.
        measured: Numbers that were measured along the way, by name.
        skipped: What could not be examined, and why.
    """

    def __init__(
        self,
        findings: tuple[Finding, ...],
        names: tuple[str, ...],
        measured: Mapping[str, float],
        skipped: tuple[str, ...] = (),
    ) -> None:
        self.findings = tuple(sorted(findings, key=lambda f: SEVERITIES.index(f.severity)))
        self._names = names
        self.measured = MappingProxyType(dict(measured))
        self.skipped = skipped

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def __getitem__(self, name: str) -> tuple[Finding, ...]:
        if name not in self._names:
            near = get_close_matches(name, self._names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(self._names)}"
            raise OptionError(f"report: got the finding {name!r}, which nobody looks for; {hint}")
        return tuple(f for f in self.findings if f.name == name)

    def __contains__(self, name: str) -> bool:
        return bool(self[name])

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __bool__(self) -> bool:
        """True, also without findings: ask `ok`."""
        return True

    @property
    def names(self) -> tuple[str, ...]:
        """Names of what was found, each once, the worst first."""
        return tuple(dict.fromkeys(f.name for f in self.findings))

    def __str__(self) -> str:
        """Plain lines; of one name the first few."""
        head = "no findings" if self.ok else _counted(self.findings)
        lines = [head]
        for name in self.names:
            found = self[name]
            lines += [str(f) for f in found[:_SHOWN]]
            if len(found) > _SHOWN:
                lines.append(f"    and {len(found) - _SHOWN} more of {name}")
        lines += [f"not examined: {text}" for text in self.skipped]
        return "\n".join(lines)

    __repr__ = __str__

    def show(self) -> None:
        """Print it: a table where `rich` is installed and the output is a terminal, else lines."""
        if not self.ok and sys.stdout.isatty() and find_spec("rich") is not None:
            print(self.table(color=True), end="")
        else:
            print(self)

    def table(self, width: int | None = None, color: bool = False) -> str:
        """The findings as a table of `rich`, which must be installed.

        Args:
            width: In characters; that of the terminal if None.
            color: Whether to write colours.
        """
        from rich.console import Console  # an extra
        from rich.table import Table
        from rich.text import Text

        styles = {"error": "bold red", "warning": "yellow", "note": "cyan"}
        table = Table("finding", "where", "measured", "limit", "advice", title=_counted(self))
        for f in self.findings:
            cells = [f.where or "-", _number(f.value), _number(f.threshold)]
            # Text, not markup: a path such as list.0 [x] is to be shown as it is.
            name = Text(f.name, style=styles[f.severity])
            table.add_row(name, *map(Text, cells), Text(f"{f.message}. {f.advice}"))
        stream = StringIO()
        console = Console(file=stream, width=width, force_terminal=color)
        console.print(table)
        for text in self.skipped:
            console.print(Text(f"not examined: {text}"))
        return stream.getvalue()


def _number(x: float) -> str:
    return f"{x:.3g}" if isfinite(x) else str(x)


def _counted(findings: tuple[Finding, ...] | Report) -> str:
    counts = [sum(f.severity == s for f in findings) for s in SEVERITIES]
    parts = [f"{n} {s}{'s' if n > 1 else ''}" for n, s in zip(counts, SEVERITIES, strict=True) if n]
    return "findings: " + ", ".join(parts)
