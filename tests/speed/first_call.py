"""Makes a step ready and times its first call: `python -m tests.speed.first_call CASE WHO`."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

from tests.speed.training import ENGINES, jax_step, our_step, torch_step
from tests.speed.workloads import transformer
from tests.speed.workloads.first import TRAININGS


def step_of(case: str, who: str) -> Callable[[], Any]:
    training, options = TRAININGS[case]
    if who in ENGINES:
        return our_step(training, ENGINES[who][0], **options)
    if who == "jax.jit":
        return jax_step(training, **options)
    model = transformer.quicker if case == "W5" else None
    return torch_step(training, model, True, **options)


def call(step: Callable[[], Any]) -> tuple[float, float]:
    """Seconds by the clock, and of CPU."""
    clock, before = time.perf_counter(), spent()
    step()
    return time.perf_counter() - clock, spent() - before


def spent() -> float:
    """CPU time of this process and of those that it waited for, such as compilers."""
    others = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + others.ru_utime + others.ru_stime


def main(case: str, who: str) -> None:
    step = step_of(case, who)
    # The second call may compile too; a third shows what a call costs when all is ready.
    (wall, first), (_, second), (_, third) = (call(step) for _ in range(3))
    print(json.dumps({"time": first + max(second - third, 0.0), "wall": wall, "later": third}))


if __name__ == "__main__":
    main(*sys.argv[1:])
