"""Runs a workload: a process for each contender, the mathematics first, then rounds in turn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.speed.workload import Contender, DisagreementError, Workload, check

ROOT = Path(__file__).resolve().parents[2]
# Read by the libraries when they are imported.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
SETTINGS = {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
    "JAX_PLATFORMS": "cpu",
    "CUDA_VISIBLE_DEVICES": "",
    "PYTHONHASHSEED": "0",
}

DONE, ABSENT, REFUSED, FAILED = "done", "absent", "refused", "failed"


@dataclass
class Entry:
    """What came of one contender in one case.

    Attributes:
        name: Of the contender.
        status: One of "done", "absent" (not installed, or left out), "refused" (other
            mathematics), "failed".
        detail: Why it is not done.
        rounds: For each measure its value in each round; a single one for what is taken once.
    """

    name: str
    status: str = DONE
    detail: str = ""
    rounds: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes:
        rounds: Rounds of each contender.
        seconds: CPU time of a round, about.
        patience: Seconds for one case, after which three rounds are enough.
    """

    rounds: int
    seconds: float
    patience: float


FULL = Effort(rounds=11, seconds=0.1, patience=30.0)
QUICK = Effort(rounds=5, seconds=0.02, patience=10.0)
DEAR = 3  # Rounds of work that is dear.


def environment(threads: int = 1) -> dict[str, str]:
    """Of every process that is measured."""
    return {**os.environ, **dict.fromkeys(THREADS, str(threads)), **SETTINGS}


class ContenderError(Exception):
    """The contender raised, or its process ended."""


class Process:
    """A contender at work elsewhere."""

    def __init__(self, workload: Workload, case: str, contender: Contender) -> None:
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "tests.speed.worker", workload.key, case, contender.name],
            cwd=ROOT,
            env=environment(workload.threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def started(self) -> None:
        self._result()

    def ask(self, do: str, **options: Any) -> Any:
        assert self._popen.stdin is not None
        try:
            print(json.dumps({"do": do, **options}), file=self._popen.stdin, flush=True)
        except BrokenPipeError as error:
            raise ContenderError("its process ended") from error
        return self._result()

    def _result(self) -> Any:
        assert self._popen.stdout is not None
        line = self._popen.stdout.readline()
        if not line:
            raise ContenderError(f"its process ended with {self._popen.wait()}")
        reply = json.loads(line)
        if "error" in reply:
            raise ContenderError(reply["error"])
        return reply["result"]

    def end(self) -> None:
        """Let it clean up after itself, which it does at the end of its input; but not for long."""
        try:
            self._popen.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.communicate()


@contextmanager
def _processes(workload: Workload, case: str) -> Iterator[tuple[list[Entry], dict[str, Process]]]:
    """All contenders of a case: their entries, and the processes of those that are installed."""
    missing = {c.name: c.absent() for c in workload.present(case)}
    entries = [Entry(name, ABSENT if why else DONE, why) for name, why in missing.items()]
    running: dict[str, Process] = {}
    try:
        for entry in entries:
            if entry.status == DONE:
                running[entry.name] = Process(workload, case, workload.contender(entry.name))
        yield entries, running
    finally:
        for process in running.values():
            process.end()


def measure(workload: Workload, case: str, effort: Effort) -> list[Entry]:
    """Entries of all contenders, measured in turn: A B C A B C, never A A B B."""
    expected = workload.standard(**workload.cases[case])
    with _processes(workload, case) as (entries, running):
        for entry in entries:
            if entry.status == DONE:
                with _noted(entry):
                    running[entry.name].started()
                    answer = running[entry.name].ask("answer")
                    check(answer, expected, workload.tolerance, f"{workload.key} {entry.name}")
                    if not workload.dear:
                        running[entry.name].ask("round", seconds=effort.seconds)
        start = time.monotonic()
        for done in range(min(effort.rounds, DEAR) if workload.dear else effort.rounds):
            for entry in _able(entries):
                with _noted(entry):
                    found = running[entry.name].ask("round", seconds=effort.seconds)
                    for name, value in found.items():
                        entry.rounds.setdefault(name, []).append(value)
            if done >= 2 and time.monotonic() - start > effort.patience:
                break
        for entry in _able(entries):
            with _noted(entry):
                once = running[entry.name].ask("once")
                entry.rounds.update({name: [value] for name, value in once.items()})
    return entries


def _able(entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.status == DONE]


@contextmanager
def _noted(entry: Entry) -> Iterator[None]:
    """What goes wrong for one contender is told in its row and does not end the run."""
    try:
        yield
    except DisagreementError as error:
        entry.status, entry.detail = REFUSED, str(error)
    except ContenderError as error:
        entry.status, entry.detail = FAILED, str(error)
