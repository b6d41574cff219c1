"""What each registered operation costs on small arrays, as a multiple of `np.add` there.

Generated from the registry: every operation with its own samples, nothing listed by hand.
`python -m tests.speed.operations ROUNDS SECONDS` prints the rows as JSON.
"""

from __future__ import annotations

import gc
import json
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

import tinygrad_nn as tg
from tests.ops.case import Case, active, flatten, float_outputs, recorded
from tinygrad_nn.core.op import OPS, Op
from tinygrad_nn.core.sweep import pull
from tinygrad_nn.draws import RandomDraw

SAMPLES = 40
"""Samples drawn of each operation; the largest is used, the others are often empty."""

Work = Callable[[], Any]


@dataclass
class Cost:
    """One row.

    Attributes:
        name: Of the operation.
        size: Elements of its largest array.
        raw: On arrays: nothing is recorded.
        forward: On tensors that require a gradient.
        backward: Gradients of those tensors; None where there is none.
        kept: Bytes that stay with the recorded result, its numbers among them.
        error: Why it could not be measured.
    """

    name: str
    size: int = 0
    raw: float | None = None
    forward: float | None = None
    backward: float | None = None
    kept: float | None = None
    error: str = ""


@dataclass
class _Trial:
    """The functions to time for one operation; `add` first, which calibrates the others."""

    cost: Cost
    works: dict[str, Work]
    counts: dict[str, int] = field(default_factory=dict)
    best: dict[str, float] = field(default_factory=dict)

    def round(self, seconds: float) -> None:
        for name, work in self.works.items():
            count = self.counts.get(name, 1)
            spent = _spent(work, count)
            if name in self.counts or not seconds:
                self.best[name] = min(self.best.get(name, np.inf), spent / count)
            # The first round only finds out how often to call.
            self.counts[name] = max(1, round(count * seconds / max(spent, 1e-7)))

    def result(self) -> Cost:
        for name, best in self.best.items():
            if name != "add":
                setattr(self.cost, name, best / max(self.best["add"], 1e-9))
        return self.cost


def _spent(work: Work, count: int) -> float:
    start = time.process_time()
    for _ in range(count):
        work()
    return time.process_time() - start


def _largest(record: Op) -> Case:
    """The sample with the most elements: of many draws some are empty or of one element."""
    drawn = [Case(record, record.sample(RandomDraw(seed))) for seed in range(SAMPLES)]
    return max(drawn, key=lambda case: min((np.size(x) for x in case.floats), default=0))


def _trial(name: str, record: Op) -> _Trial:
    case = _largest(record)
    tensors = active(case.floats)
    raw, given = case.arguments(case.floats), case.arguments(tensors)
    call, params = record.call, case.fresh_params()
    outputs = flatten(call(*given, **params))
    arrays = [x for x in flatten((raw, outputs)) if isinstance(x, (np.ndarray, tg.Tensor))]
    like = max(arrays, key=lambda x: x.size, default=np.zeros(1))
    x = np.ones(like.shape)
    works: dict[str, Work] = {
        "add": lambda: np.add(x, x),
        "raw": lambda: call(*raw, **params),
        "forward": lambda: call(*given, **params),
    }
    roots = [y for y in float_outputs(outputs) if recorded(y) and not y.is_leaf]
    if roots:
        seeds = [np.ones(y.shape, y.dtype) for y in roots]
        works["backward"] = lambda: pull(roots, seeds)
    kept = _kept(works["forward"]) if roots else None
    return _Trial(Cost(name, int(like.size), kept=kept), works)


def _kept(forward: Work) -> float:
    """Bytes of a result by the allocator's book; of a few, since a first one may fill caches."""
    gc.collect()
    tracemalloc.start()
    try:
        held = [forward()]
        start = tracemalloc.get_traced_memory()[0]
        held += [forward() for _ in range(8)]
        return round((tracemalloc.get_traced_memory()[0] - start) / 8)
    finally:
        tracemalloc.stop()


def measure(rounds: int, seconds: float) -> list[Cost]:
    """Costs of all operations, dearest backward and forward first.

    Args:
        rounds: How often each is timed; the fastest counts. All take their turn in each round.
        seconds: CPU time for each function of an operation in a round; 0 for one call each.
    """
    trials: list[_Trial] = []
    failed: list[Cost] = []
    for name, record in OPS.items():
        try:
            trial = _trial(name, record)
            trial.round(seconds)
            trials.append(trial)
        except Exception as error:
            failed.append(Cost(name, error=f"{type(error).__name__}: {error}"[:200]))
    for _ in range(rounds):
        for trial in trials:
            trial.round(seconds)
    costs = [trial.result() for trial in trials]
    costs.sort(key=lambda c: -((c.forward or 0) + (c.backward or 0)))
    return costs + failed


def main(rounds: str, seconds: str) -> None:
    warnings.simplefilter("ignore")
    print(json.dumps([asdict(cost) for cost in measure(int(rounds), float(seconds))]))


if __name__ == "__main__":
    main(*sys.argv[1:])
