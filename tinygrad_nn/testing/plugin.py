"""What the pytest fixture `gradcheck` is; its hooks are in `tinygrad_nn_pytest`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from tinygrad_nn.testing.check import gradcheck
from tinygrad_nn.testing.reports.report import GradcheckError, Report
from tinygrad_nn.testing.verdicts import Verdict

__all__ = ["Checks"]


class Checks:
    """`gradcheck` as a test calls it: it fails the test by itself, and counts for the run.

    Args:
        options: For every check, unless the call says otherwise.
        note: Called with a function's name, the number of elements with each verdict, the test,
            and why the first inconclusive element is.

    Example:
        >>> import numpy as np
        >>> from tinygrad_nn.testing.plugin import Checks
        >>> check = Checks({"seed": 1}, lambda name, counts, test, why: print(name, counts["pass"]))
        >>> report = check(np.sin, np.array(1.0), grad=np.cos)
        sin 1
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        note: Callable[[str, dict[str, int], str, str], None],
    ) -> None:
        self._options = options
        self._note = note

    def __call__(self, f: Any, *inputs: Any, **options: Any) -> Report:
        """Check a gradient; arguments and result are those of `tinygrad_nn.testing.gradcheck`.

        Inconclusive elements are counted, and fail the run if they are too many in it. One check
        is held to a cap of its own only where `cap` is given, or where all of it is inconclusive.

        Raises:
            GradcheckError: The gradient is wrong, or nothing of it could be checked.
        """
        __tracebackhide__ = True
        report = gradcheck(f, *inputs, **{**self._options, **options})
        counts = {str(verdict): n for verdict, n in report.counts.items()}
        doubts = (e.why for e in report.elements if e.verdict is Verdict.INCONCLUSIVE)
        test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
        self._note(report.name, counts, test, next(doubts, ""))
        nothing = report.elements and counts["inconclusive"] == len(report.elements)
        if report.verdict is Verdict.FAIL or nothing or ("cap" in options and not report.ok):
            raise GradcheckError(str(report))
        return report
