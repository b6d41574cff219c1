"""W10: the first call of a step that is captured or compiled, in a fresh process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any
from weakref import finalize

from tests.speed.training import (
    ENGINES,
    Training,
    compiler_lacks,
    jax_step,
    jit_lacks,
    our_step,
    torch_step,
)
from tests.speed.workload import CAPTURED, COLUMNS, COMPILED, OURS, Contender, Goal, Workload
from tests.speed.workloads import lenet, lstm, network, transformer, wide

TRAININGS: dict[str, tuple[Training, Mapping[str, Any]]] = {
    "W2": (network.TRAINING, {"rows": 32}),
    "W3": (wide.TRAINING, {"rows": 128}),
    "W4": (lenet.TRAINING, {"rows": 64}),
    "W5": (transformer.TRAINING, {"samples": 16, "length": 128, "layers": 4}),
    "W6": (lstm.TRAINING, {}),
}
CACHES = ("NUMBA_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR")


def step_of(case: str, who: str) -> Callable[[], Any]:
    training, options = TRAININGS[case]
    if who in ENGINES:
        return our_step(training, ENGINES[who][0], **options)
    if who == "jax.jit":
        return jax_step(training, **options)
    model = transformer.quicker if case == "W5" else None
    return torch_step(training, model, who == "torch.compile", **options)


class FirstCall:
    """Runner whose every round is a process: it makes a step ready, and its first call is timed.

    Args:
        who: Contender of the workload that the case names.
        filled: Whether compiled code of an earlier process may be used.
        case: Key of the workload.
    """

    def __init__(self, who: str, filled: bool, case: str) -> None:
        self._who, self._filled, self._case = who, filled, case
        self._cache: Path | None = None

    def answer(self) -> list[float]:
        return []

    def round(self, seconds: float) -> dict[str, float]:
        if self._cache is None or not self._filled:
            self._cache = Path(mkdtemp())
            finalize(self, rmtree, self._cache, ignore_errors=True)
            if self._filled:
                self._process()
        return self._process()

    def once(self) -> dict[str, float]:
        return {}

    def _process(self) -> dict[str, float]:
        done = subprocess.run(
            [sys.executable, "-m", __name__, self._case, self._who],
            stdout=subprocess.PIPE,
            env={**os.environ, **dict.fromkeys(CACHES, str(self._cache))},
            check=True,
            timeout=300,
        )
        return dict(json.loads(done.stdout.splitlines()[-1]))


def _spent() -> float:
    """CPU time of this process and of those that it waited for, such as compilers."""
    t = os.times()
    return t.user + t.system + t.children_user + t.children_system


def main(case: str, who: str) -> None:
    step = step_of(case, who)
    # The second call may compile too; a third shows what a call costs when all is ready.
    (wall, first), (_, second), (_, third) = (_call(step) for _ in range(3))
    print(json.dumps({"time": first + max(second - third, 0.0), "wall": wall, "later": third}))


def _call(step: Callable[[], Any]) -> tuple[float, float]:
    clock, spent = time.perf_counter(), _spent()
    step()
    return time.perf_counter() - clock, _spent() - spent


def _contender(name: str, who: str, filled: bool = False, *lacks: Any) -> Contender:
    return Contender(name, partial(FirstCall, who, filled), *lacks)


AGAIN = f"{COMPILED}, second process"

FIRST = Workload(
    key="W10",
    title="First call of a step, in a fresh process",
    cases={key: {"case": key} for key in TRAININGS},
    contenders=(
        _contender(OURS, OURS),
        _contender(CAPTURED, CAPTURED, False, "", jit_lacks),
        _contender(COMPILED, COMPILED, False, "numba", jit_lacks),
        _contender(AGAIN, COMPILED, True, "numba", jit_lacks),
        _contender("PyTorch", "PyTorch", False, "torch"),
        _contender("torch.compile", "torch.compile", False, "torch", compiler_lacks),
        _contender("jax.jit", "jax.jit", False, "jax"),
    ),
    standard=lambda case: [],
    reference=OURS,
    units={"time": ("ms", 1e3), "wall": ("ms", 1e3), "later": ("ms", 1e3)},
    dear=True,
    goals=tuple(
        goal
        for key in TRAININGS
        for goal in (
            Goal(key, "value", 0.5, contenders=(CAPTURED,)),
            Goal(key, "value", 10.0, contenders=(COMPILED,), column=COLUMNS[1]),
            Goal(key, "value", 1.0, contenders=(AGAIN,), column=COLUMNS[1]),
        )
    ),
    note="The steps of W2 to W6, made ready before; the import of a compiler falls into the call. "
    "The folder for compiled code is empty, but for the second process it has what a first one "
    "left there. `later`: the third call. What the second costs beyond that is counted to `time`.",
)

if __name__ == "__main__":
    main(*sys.argv[1:])
