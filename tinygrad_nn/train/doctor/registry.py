"""The register of checks: each has a name, a severity, a rule in words and one advice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from tinygrad_nn.errors import RegistrationError
from tinygrad_nn.train.doctor.evidence import Evidence
from tinygrad_nn.train.doctor.report import SEVERITIES, Finding, Report

__all__ = ["CHECKS", "WAKE", "Check", "Found", "check", "judged"]


class Found(NamedTuple):
    """What a check saw at one place; the name is the check's, and the rest if None."""

    where: str
    value: float
    threshold: float
    message: str
    advice: str | None = None
    severity: str | None = None


Rule = Callable[[Evidence], Iterator[Found]]


_CAUSES: Final = ("dead-units",)
"""What others follow from: named before them."""
WAKE: Final = "mend dead-units first"
"""Advice where something follows from dead units."""


@dataclass(frozen=True)
class Check:
    """One kind of finding.

    Attributes:
        name: What its findings are called.
        severity: "error", "warning" or "note".
        rule: When it is found, in words.
        advice: What to do about it.
        look: Yields what it sees in the evidence.
    """

    name: str
    severity: str
    rule: str
    advice: str
    look: Rule

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        """All that it finds."""
        for seen in self.look(evidence):
            yield Finding(
                self.name, seen.severity or self.severity, seen.where, seen.value, seen.threshold,
                seen.message, seen.advice or self.advice,
            )  # fmt: skip


CHECKS: dict[str, Check] = {}
"""All checks by name."""


def check(name: str, severity: str, *, rule: str, advice: str) -> Callable[[Rule], Rule]:
    """Register a function of the evidence as a check, with the text of the documents.

    Raises:
        RegistrationError: The name is taken, or the severity unknown.
    """
    if name in CHECKS or severity not in SEVERITIES:
        raise RegistrationError(f"check {name!r} ({severity}): the name is taken, or no severity")

    def register(look: Rule) -> Rule:
        CHECKS[name] = Check(name, severity, rule, advice, look)
        return look

    return register


def judged(evidence: Evidence) -> Report:
    """What all checks find."""
    ordered = sorted(CHECKS.values(), key=lambda one: one.name not in _CAUSES)
    found = tuple(f for one in ordered for f in one.findings(evidence))
    skipped = tuple(dict.fromkeys(evidence.skipped))
    return Report(found, tuple(CHECKS), evidence.measured(), skipped)
