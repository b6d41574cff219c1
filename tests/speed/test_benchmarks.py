"""The benchmarks run, and all contenders do the same mathematics. Nothing here looks at a time."""

import json
from dataclasses import replace
from importlib.util import find_spec
from math import isfinite

import pytest

from tests.speed import rounds
from tests.speed.__main__ import NUMBERS, PAGE, main, operations
from tests.speed.report import page, refused
from tests.speed.results import MET, MISSED, OPEN, judge, record
from tests.speed.rounds import ABSENT, DONE, FAILED, REFUSED, Effort, Entry
from tests.speed.workload import Contender, DisagreementError, Goal, Timed, Workload, check
from tests.speed.workloads import WORKLOADS

DEAR = {("W1", "micrograd")}
ALL = [
    pytest.param(
        workload,
        case,
        contender,
        id=f"{workload.key}-{case}-{contender.name}",
        marks=[pytest.mark.slow] if (workload.key, contender.name) in DEAR else [],
    )
    for workload in WORKLOADS.values()
    for case in workload.quick_cases()
    for contender in workload.contenders
    # A peer's import, in a process of its own, is no concern of ours.
    if not (workload.key == "W7" and contender.needs)
]


@pytest.mark.parametrize(("workload", "case", "contender"), ALL)
@pytest.mark.filterwarnings("default")  # what a peer warns of is no concern of ours
def test_every_contender_does_the_same_mathematics(
    workload: Workload, case: str, contender: Contender
):
    if contender.needs and find_spec(contender.needs) is None:
        pytest.skip(f"{contender.needs} is not installed")
    options = workload.cases[case]
    try:
        runner = contender.make(**options)
        answer = runner.answer()
    except RecursionError:
        assert contender.needs, "ours must not recurse"
        pytest.skip(f"{contender.name} recurses too deeply")
    check(answer, workload.standard(**options), workload.tolerance, contender.name)
    measured = {**runner.round(0.0), **runner.once()}
    assert set(measured) <= set(workload.units)
    assert "time" in measured
    assert all(isfinite(value) for value in measured.values())


def test_every_operation_can_be_measured():
    costs = operations(rounds=0, seconds=0.0)
    assert len(costs) > 50
    assert not [(cost["name"], cost["error"]) for cost in costs if cost["error"]]


def test_goals_name_what_exists():
    for workload in WORKLOADS.values():
        names = {c.name for c in workload.contenders}
        assert workload.reference in names
        assert set(workload.quick_cases()) <= set(workload.cases)
        for goal in workload.goals:
            assert goal.case in workload.cases
            assert goal.contender in names
            assert goal.against in {"", *names}
            assert goal.measure in workload.units


# ------------------------------------------------------------- the checks see a planted fault
@pytest.mark.parametrize("planted", [[1.0, 2.01], [1.0], [1.0, 2.0, 3.0], [1.0, float("nan")]])
def test_planted_wrong_mathematics_are_refused(planted: list[float]):
    check([1.0, 2.0], [1.0, 2.0], 1e-4, "right")
    with pytest.raises(DisagreementError, match="wrong"):
        check(planted, [1.0, 2.0], 1e-4, "wrong")


def planted() -> Workload:
    """A workload whose second contender is wrong, whose third fails and whose fourth is absent."""

    def failing() -> Timed:
        raise RuntimeError("out of order")

    return Workload(
        key="P",
        title="planted",
        cases={"all": {}},
        contenders=(
            Contender("ours", lambda: Timed(int, lambda: [1.0])),
            Contender("wrong", lambda: Timed(int, lambda: [2.0])),
            Contender("failing", failing),
            Contender("missing", failing, "no_such_module"),
        ),
        standard=lambda: [1.0],
        reference="ours",
        goals=(
            Goal("all", "value", 1e6),
            Goal("all", "value", 0.0),
            Goal("all", "ratio", 1.0, "missing"),
        ),
    )


class Local:
    """In place of a process: the contender in this one."""

    def __init__(self, workload: Workload, case: str, contender: Contender) -> None:
        self._make = lambda: contender.make(**workload.cases[case])

    def started(self) -> None:
        try:
            self._runner = self._make()
        except RuntimeError as error:
            raise rounds.ContenderError(str(error)) from error

    def ask(self, do: str, **options: float) -> object:
        return getattr(self._runner, do)(*options.values())

    def end(self) -> None:
        pass


def test_rows_say_who_is_wrong_failing_or_absent(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rounds, "Process", Local)
    workload = planted()
    effort = Effort(rounds=3, seconds=0.0, patience=60.0)
    entries = rounds.measure(workload, "all", effort)
    assert [e.status for e in entries] == [DONE, REFUSED, FAILED, ABSENT]
    assert len(entries[0].rounds["time"]) == effort.rounds
    results = {"P": {"all": entries}}
    assert len(refused(results)) == 1
    text = page({"processor": "planted"}, results, {"P": workload})
    for said in ("refused: P wrong: number 0", "failed: out of order", "absent", "met", "missed"):
        assert said in text
    verdicts = [goal["verdict"] for goal in record(workload, results["P"])["goals"]]
    assert verdicts == [MET, MISSED, OPEN]


@pytest.mark.parametrize(
    ("how", "limit", "verdict"),
    [
        ("ratio", 0.5, MET),
        ("ratio", 0.49, MISSED),
        ("gain", 2.0, MET),
        ("gain", 2.1, MISSED),
        ("excess", -2.0, MET),
        ("excess", -2.1, MISSED),
        ("value", 2.0, MET),
        ("value", 1.9, MISSED),
    ],
)
def test_goals_are_judged_by_the_median_of_paired_rounds(how: str, limit: float, verdict: str):
    entries = [
        Entry("ours", rounds={"time": [2.0, 4.0, 1.0]}),
        Entry("peer", rounds={"time": [4.0, 8.0, 1.0]}),
    ]
    if how in ("value", "excess"):
        entries = [replace(e, rounds={"time": e.rounds["time"][:1]}) for e in entries]
    assert judge(Goal("", how, limit, "peer"), entries)[0] == verdict


@pytest.mark.slow
def test_the_command_writes_numbers_and_leaves_the_documents_of_a_full_run(tmp_path, capsys):
    before = [path.read_bytes() if path.exists() else None for path in (PAGE, NUMBERS)]
    file = tmp_path / "numbers.json"
    assert main(["--quick", "--only", "W8", "--case", "()", "--json", str(file)]) == 0
    assert "| () | ours |" in capsys.readouterr().out
    (workload,) = json.loads(file.read_text("utf-8"))["workloads"]
    assert workload["key"] == "W8"
    assert before == [path.read_bytes() if path.exists() else None for path in (PAGE, NUMBERS)]
