"""What a training came to, what was promised of it, and the texts that some of them read."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from tinygrad_nn.errors import DataError

VARIABLE = "TINYGRAD_NN_DATA"


@dataclass(frozen=True)
class Result:
    """What one training came to.

    Attributes:
        score: accuracy or loss, of examples that it did not see.
        baseline: score of something simpler on the same examples, if there is such.
        text: what the network wrote in the end, if it writes.
    """

    score: float
    baseline: float | None = None
    text: str = ""


@dataclass(frozen=True)
class Run:
    """One training with its price.

    Attributes:
        who: contender.
        seed: of first weights, order of the data and all else that is drawn.
        result: what came of it.
        wall: seconds that the whole process took: imports, reading, training, judging.
        cpu: the same, of all its threads.
    """

    who: str
    seed: int
    result: Result
    wall: float
    cpu: float


Runs = Mapping[str, Sequence[Run]]
Verdict = tuple[str, bool]


@dataclass(frozen=True)
class Case:
    """A network and its data.

    Attributes:
        title: heading.
        recipe: what is trained, and how, in sentences.
        score: heading of the score.
        contenders: of each name the function `(seed, quick) -> Result`, ours first.
        promise: judges all runs, and says what was aimed at.
        takes: how long a seed takes, for those who wait.
        seeds: unless told otherwise.
        needs: modules that contenders want besides.
    """

    title: str
    recipe: str
    score: str
    contenders: Mapping[str, Callable[[int, bool], Result]]
    promise: Callable[[Runs], Verdict]
    takes: str
    seeds: tuple[int, ...] = (0, 1, 2)
    needs: Mapping[str, str] | None = None


OURS, PYTORCH = "ours", "PyTorch"


def scores(runs: Sequence[Run]) -> list[float]:
    return [run.result.score for run in runs]


def at_least(share: float, seconds: float | None = None) -> Callable[[Runs], Verdict]:
    """Accuracy of the worst seed, and seconds of the slowest."""

    def judge(runs: Runs) -> Verdict:
        ours = runs[OURS]
        worst, slowest = min(scores(ours)), max(run.wall for run in ours)
        text = f"worst seed at least {share:g}: {worst:.4f}"
        if seconds is None:
            return text, worst >= share
        text += f"; a whole process under {seconds:.0f} s: {slowest:.0f} s"
        return text, worst >= share and slowest < seconds

    return judge


def close_to_pytorch(share: float) -> Callable[[Runs], Verdict]:
    """Mean loss at most `share` above PyTorch's."""

    def judge(runs: Runs) -> Verdict:
        aim = f"mean loss within {share:.0%} of PyTorch's"
        if not runs.get(PYTORCH):
            return f"{aim}: not measured", True
        ratio = fmean(scores(runs[OURS])) / fmean(scores(runs[PYTORCH]))
        return f"{aim}: {ratio - 1:+.2%}", abs(ratio - 1) <= share

    return judge


def below_baseline(margin: float) -> Callable[[Runs], Verdict]:
    """Loss of every seed at least `margin` below the baseline's."""

    def judge(runs: Runs) -> Verdict:
        least = min((run.result.baseline or 0.0) - run.result.score for run in runs[OURS])
        return f"worst seed at least {margin:g} below the baseline: {least:.3f}", least >= margin

    return judge


def text_file(name: str) -> str:
    """Content of `name`.txt in the folder of the variable, or its subfolder `text`.

    Raises:
        DataError: it is in neither.
    """
    root = os.environ.get(VARIABLE)
    places = [Path(root) / part / f"{name}.txt" for part in ("", "text")] if root else []
    for place in places:
        if place.exists():
            return place.read_text("utf-8")
    raise DataError(
        f"{name}.txt: got no such file in {root}, expected it there or in its folder text; set "
        f"{VARIABLE} to the folder that has it"
    )
