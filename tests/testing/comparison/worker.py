"""`python -m tests.testing.comparison.worker CHECKER`: a line of JSON for each case."""

from __future__ import annotations

import json
import resource
import signal
import sys
import warnings
from time import process_time
from typing import Any

import numpy as np

from tests.testing.comparison.checkers import CHECKERS, Outcome
from tests.testing.comparison.scores import Said
from tests.testing.corpus import CASES, Case

SECONDS = 20.0
BYTES = 12 * 2**30


class OverLimit(BaseException):
    """The time is up."""


def ring(number: int, frame: Any) -> None:
    raise OverLimit


def outcome(check: Any, case: Case) -> Outcome:
    """What a checker says in its time."""
    signal.setitimer(signal.ITIMER_REAL, SECONDS, 1.0)
    try:
        return check(case)  # type: ignore[no-any-return]
    except (OverLimit, MemoryError):
        return Said.LIMIT, ""
    except Exception as error:
        if "alloc" in str(error):
            return Said.LIMIT, ""
        return Said.REFUSED, f"{type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def main(name: str) -> None:
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    signal.signal(signal.SIGALRM, ring)
    check = CHECKERS[name]()
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    outcome(check, CASES[0])  # the first call imports and compiles
    for case in CASES:
        start = process_time()
        said, _ = outcome(check, case)
        seconds = round(process_time() - start, 5)
        print(json.dumps({"name": case.name, "said": said.name, "seconds": seconds}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
