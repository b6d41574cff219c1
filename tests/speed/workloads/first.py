"""W10: the first call of a step that is captured or compiled, in a fresh process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any
from weakref import finalize

from tests.speed.training import Training, compiler_lacks, jit_lacks
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
AGAIN = "second process"
SOME = ("W2", "W3")  # It takes half a minute for each of the others.


class FirstCall:
    """Runner of processes that make a step ready and time its first call.

    Args:
        who: Who takes the step.
        dear: Whether it takes long with an empty folder for compiled code: then once is enough.
        again: Whether further processes, with what the first one left there, are measured too.
        case: Key of the workload.
    """

    def __init__(self, who: str, dear: bool, again: bool, case: str) -> None:
        self._who, self._dear, self._again, self._case = who, dear, again, case
        self._cache = mkdtemp()
        self._first: dict[str, float] = {}
        finalize(self, rmtree, self._cache, ignore_errors=True)

    def answer(self) -> list[float]:
        return []

    def round(self, seconds: float) -> dict[str, float]:
        if not (self._dear and self._first):
            self._first = self._process()
        return {**self._first, AGAIN: self._process()["time"]} if self._again else self._first

    def once(self) -> dict[str, float]:
        return {}

    def _process(self) -> dict[str, float]:
        done = subprocess.run(
            [sys.executable, "-m", "tests.speed.first_call", self._case, self._who],
            capture_output=True,
            text=True,
            env={**os.environ, **dict.fromkeys(CACHES, self._cache)},
            timeout=300,
            check=False,
        )
        if done.returncode:
            raise RuntimeError("".join(done.stderr.splitlines()[-1:]))
        return dict(json.loads(done.stdout.splitlines()[-1]))


FIRST = Workload(
    key="W10",
    title="First call of a step, in a fresh process",
    cases={key: {"case": key} for key in TRAININGS},
    contenders=(
        Contender(OURS, partial(FirstCall, OURS, False, False)),
        Contender(CAPTURED, partial(FirstCall, CAPTURED, False, False), "", jit_lacks),
        Contender(COMPILED, partial(FirstCall, COMPILED, True, True), "numba", jit_lacks),
        Contender(
            "torch.compile",
            partial(FirstCall, "torch.compile", True, False),
            "torch",
            compiler_lacks,
            SOME,
        ),
        Contender("jax.jit", partial(FirstCall, "jax.jit", True, False), "jax"),
    ),
    standard=lambda case: [],
    reference=OURS,
    units={name: ("ms", 1e3) for name in ("time", AGAIN, "wall", "later")},
    dear=True,
    goals=tuple(
        goal
        for key in TRAININGS
        for goal in (
            Goal(key, "value", 0.5, contenders=(CAPTURED,)),
            Goal(key, "value", 10.0, contenders=(COMPILED,), column=COLUMNS[1]),
            Goal(key, "value", 1.0, "", (COMPILED,), AGAIN, COLUMNS[1]),
        )
    ),
    note="The steps of W2 to W6, made ready before; the import of a compiler falls into the call. "
    "The folder for compiled code is empty (what compiles is measured once so), but for the second "
    "process it has what the first one left there. `wall`: by the clock. `later`: the third call; "
    "what the second costs beyond that is counted to `time`.",
)
