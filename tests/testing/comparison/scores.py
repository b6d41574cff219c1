"""What a checker said of a case, and what that is worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from tests.testing.corpus import Case, Truth


class Said(Enum):
    """Of a gradient, by a checker."""

    PASS = "passed"
    FAIL = "failed"
    KINK = "kink"
    INCONCLUSIVE = "inconclusive"
    REFUSED = "refused"
    """An error other than the one for a wrong gradient."""
    LIMIT = "over the limit"
    """Of time or memory."""


class Worth(Enum):
    """What it is worth beside the truth."""

    HANDLED = "handled"
    MISS = "miss"
    FALSE_ALARM = "false alarm"
    KINK_ALARM = "alarm at a kink"
    SILENCE = "silence"
    ALARM = "alarm where nobody knows"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Finding:
    """Of one checker, on one case."""

    said: Said
    seconds: float


def worth(truth: Truth, said: Said) -> Worth:
    """The same for every checker."""
    if said is Said.LIMIT:
        return Worth.INCONCLUSIVE
    return {
        Truth.RIGHT: _right, Truth.WRONG: _wrong, Truth.KINK: _kink, Truth.UNDECIDABLE: _open,
    }[truth](said)  # fmt: skip


def _right(said: Said) -> Worth:
    if said is Said.INCONCLUSIVE:
        return Worth.INCONCLUSIVE
    return Worth.HANDLED if said is Said.PASS else Worth.FALSE_ALARM


def _wrong(said: Said) -> Worth:
    if said is Said.INCONCLUSIVE:
        return Worth.INCONCLUSIVE
    return Worth.HANDLED if said in (Said.FAIL, Said.REFUSED) else Worth.MISS


def _kink(said: Said) -> Worth:
    if said in (Said.FAIL, Said.REFUSED):
        return Worth.KINK_ALARM
    return {
        Said.KINK: Worth.HANDLED, Said.PASS: Worth.SILENCE, Said.INCONCLUSIVE: Worth.INCONCLUSIVE,
    }[said]  # fmt: skip


def _open(said: Said) -> Worth:
    if said is Said.PASS:
        return Worth.SILENCE
    return Worth.ALARM if said is Said.FAIL else Worth.HANDLED


def tally(pairs: Iterable[tuple[Case, Finding]]) -> Counter[Worth]:
    return Counter(worth(case.truth, finding.said) for case, finding in pairs)
