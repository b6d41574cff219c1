"""One test at two extents: a little of it in the default run, all of it in the long tail.

Such a test is marked `twofold` and asks `some` or `share` how much to do. `pytest` runs it with
the smaller number, `pytest -m slow` with the larger, `pytest -m ""` once with the larger.
"""

from collections.abc import Collection, Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

twofold = pytest.mark.twofold
TIMED = [check for check in HealthCheck if check is not HealthCheck.function_scoped_fixture]
FEWER = 3
"""What part of a profile's examples the default run has is 1 / FEWER."""
_run = {"is long": False}


def choose(config: pytest.Config) -> None:
    """Learn which run this is, before any test is imported."""
    _run["is long"] = config.getoption("markexpr") != "not slow"


def is_long() -> bool:
    """Whether this run has the long tail."""
    return _run["is long"]


def some(few: int, many: int) -> int:
    """`few` in the default run, `many` in the long tail."""
    return many if is_long() else few


def share(percent: int) -> Any:
    """This part of the profile's examples, fewer by default; no checks that time the machine."""
    count = settings.default.max_examples * percent // 100  # type: ignore[union-attr]
    return settings(
        max_examples=max(1, some(count // FEWER, count)),
        suppress_health_check=TIMED,
    )


def thinned(every: Iterable[Any], kept: Collection[Any]) -> list[Any]:
    """Parameters of a test: the default run has those in `kept`, the long tail the others."""
    found = []
    for one in every:
        values = one if isinstance(one, tuple) else (one,)
        found.append(pytest.param(*values, marks=[] if one in kept else [pytest.mark.slow]))
    assert sum(not p.marks for p in found) == len(kept), "something to be kept is not there"
    return found


def join(items: list[pytest.Item]) -> None:
    """Let the long tail select the tests that have a larger extent there."""
    if is_long():
        for item in items:
            if item.get_closest_marker("twofold"):
                item.add_marker(pytest.mark.slow)
