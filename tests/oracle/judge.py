"""Values, first and second derivatives of one call, ours and another library's, side by side."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from tests.ops.case import Arrays, Case, normals, reverse
from tests.ops.checks import close, second_order
from tests.ops.draws import SeededDraw
from tinygrad_nn.core.op import OPS, Kind, Op

TOLERANCE = 1e-8
SAMPLES = 4


class Judge(Protocol):
    """Another library."""

    def find(self, record: Op) -> Callable[..., Any] | None:
        """Its function for this operation, None where it has none."""

    def values(self, call: Callable[[Sequence[Any]], Any], floats: Arrays) -> Arrays:
        """Float outputs of `call`."""

    def gradients(
        self, call: Callable[[Sequence[Any]], Any], floats: Arrays, weights: Arrays, probes: Arrays
    ) -> tuple[Arrays, Arrays | None]:
        """Gradients of Σ output · weight, and of Σ gradient · probe where it can."""


class NotJudgedError(Exception):
    """The library refuses this sample: the functions have the same name, but other arguments."""


def differentiable() -> Iterator[Op]:
    """Operations worth a judge."""
    return (r for r in OPS.values() if r.kind is not Kind.CONSTANT)


def compare(judge: Judge, record: Op, samples: int = SAMPLES) -> list[str]:
    """Raise where the judge finds another number; returns why it did not judge, if so."""
    function = judge.find(record)
    assert function is not None
    refusals = []
    for seed in range(samples):
        case = Case(record, record.sample(SeededDraw(seed)))
        try:
            _compare(judge, case, function)
        except NotJudgedError as refusal:
            refusals.append(str(refusal))
    return refusals if len(refusals) == samples else []


def _compare(judge: Judge, case: Case, function: Callable[..., Any]) -> None:
    def call(floats: Sequence[Any]) -> Any:
        return case.call(floats, function)

    want = _asked(lambda: judge.values(call, case.floats))
    got = case.values()
    if [np.shape(x) for x in want] != [np.shape(x) for x in got]:
        raise NotJudgedError(f"shapes {[np.shape(x) for x in want]}, not {[x.shape for x in got]}")
    for x, y in zip(got, want, strict=True):
        close(x, y, TOLERANCE, "value")
    if not case.floats or not any(x.size for x in case.floats):
        return
    weights, probes = normals(got, seed=20), normals(case.floats, seed=21)
    firsts, seconds = _asked(lambda: judge.gradients(call, case.floats, weights, probes))
    for x, y in zip(reverse(case, weights), firsts, strict=True):
        close(x, y, TOLERANCE, "gradient")
    if seconds is not None:
        twice, _ = second_order(case, range(len(case.floats)), weights, probes)
        for x, y in zip(twice, seconds, strict=True):
            close(x, y, TOLERANCE, "second order", scale=max(map(_size, firsts)))


def _size(x: Any) -> float:
    return float(np.abs(x).max(initial=0.0))


def _asked(question: Callable[[], Any]) -> Any:
    # Whatever another library raises for arguments that are not its own is no fault of ours.
    try:
        return question()
    except Exception as error:
        raise NotJudgedError(f"{type(error).__name__}: {error}"[:200]) from error


def by_path(root: Any, path: str) -> Any:
    """`root.a.b` for "a.b", None where a part is missing."""
    for part in path.split("."):
        root = getattr(root, part, None)
        if root is None:
            return None
    return root


def first_found(places: Sequence[Any], record: Op) -> Callable[..., Any] | None:
    """The first function that one of the modules has under one of the operation's names."""
    for name in (*record.numpy, record.name):
        for place in places:
            if callable(found := by_path(place, name)):
                return found
    return None
