"""pytest plugin that plants one mutant for a whole run; `kill_rate` starts pytest with it.

By hand: `TINYGRAD_NN_MUTANT=tanh:sign pytest -p tinygrad_nn.testing.mutation.plugin tests`.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from tinygrad_nn.testing.mutation.planting import mutated
from tinygrad_nn.testing.mutation.variable import REPORT, VARIABLE, parsed

__all__: list[str] = []


def pytest_configure(config: pytest.Config) -> None:
    """Plant it before any test is imported, and take it out at the end."""
    text = os.environ.get(VARIABLE)
    if not text:
        return
    stack = ExitStack()
    try:
        planted = stack.enter_context(mutated(*parsed(text)))
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error

    def report() -> None:
        path = os.environ.get(REPORT)
        if path:
            # One line in one write, since workers of xdist append to the same file.
            with Path(path).open("a") as file:
                file.write(f"{planted.reached} {planted.differed}\n")

    stack.callback(report)
    config.add_cleanup(stack.close)


def pytest_report_header() -> str | None:
    """Which mutant is in."""
    text = os.environ.get(VARIABLE)
    return f"mutant: {text}" if text else None
