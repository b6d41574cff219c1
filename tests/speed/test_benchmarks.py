"""The benchmarks run, and all contenders do the same mathematics. Nothing here looks at a time."""

import json
import sys
import warnings
from dataclasses import replace
from math import isfinite

import numpy as np
import pytest

from tests.speed import rounds
from tests.speed.__main__ import (
    NUMBERS,
    PAGE,
    main,
    merged,
    numbers_of,
    operations,
    page_of,
    parse,
)
from tests.speed.memory import at_its_height
from tests.speed.report import page, refused
from tests.speed.results import MET, MISSED, OPEN, judge, record, recorded
from tests.speed.rounds import ABSENT, DONE, FAILED, REFUSED, Effort, Entry
from tests.speed.worker import told
from tests.speed.workload import (
    CAPTURED,
    COLUMNS,
    COMPILED,
    Contender,
    DisagreementError,
    Goal,
    Timed,
    Workload,
    check,
    left_out,
)
from tests.speed.workloads import WORKLOADS

# Those that compile, start processes or take long: their answers are checked by each run in full.
DEAR = {("W1", name) for name in ("micrograd", CAPTURED, COMPILED)}  # 60,000 numbers each
DEAR |= {(key, COMPILED) for key in ("W3", "W4", "W5", "W6")}
DEAR |= {("W1b", "micrograd"), ("W5", CAPTURED)}
PEERS = ("jax.jit", "HIPS autograd", "scikit-learn")
DEAR |= {(key, name) for key in ("W2", "W3", "W4", "W5", "W6") for name in PEERS}


def dear(workload: Workload, name: str) -> bool:
    return workload.dear or name in ("torch.compile", "jax") or (workload.key, name) in DEAR


ALL = [
    pytest.param(
        workload,
        case,
        contender,
        id=f"{workload.key}-{case}-{contender.name}",
        marks=[pytest.mark.slow] if dear(workload, contender.name) else [],
    )
    for workload in WORKLOADS.values()
    for case in workload.quick_cases()
    for contender in workload.present(case)
    # A peer's import, in a process of its own, is no concern of ours.
    if not (workload.key == "W7" and contender.needs) and workload.threads == 1
]


@pytest.mark.parametrize(("workload", "case", "contender"), ALL)
@pytest.mark.filterwarnings("default")  # what a peer warns of is no concern of ours
def test_every_contender_does_the_same_mathematics(
    workload: Workload, case: str, contender: Contender
):
    if why := contender.absent():
        pytest.skip(why)
    options = workload.cases[case]
    if not contender.needs:
        warnings.simplefilter("error")  # a replay that fails warns, and is captured anew
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
            assert {*goal.contenders} <= names
            assert goal.column in COLUMNS
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
            left_out("other", "it has no planets"),
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
    assert [e.status for e in entries] == [DONE, REFUSED, FAILED, ABSENT, ABSENT]
    assert len(entries[0].rounds["time"]) == effort.rounds
    results = {"P": {"all": entries}}
    assert len(refused(results)) == 1
    text = page({"processor": "planted"}, results, {"P": workload})
    for said in (
        "refused: P wrong: number 0",
        "failed: out of order",
        "absent: it has",
        "met",
    ):
        assert said in text
    verdicts = [goal["verdict"] for goal in record(workload, results["P"])["goals"]]
    assert verdicts == [MET, MISSED, OPEN]
    again = recorded(record(workload, results["P"]))
    assert [(e.name, e.status, e.detail) for e in again["all"]] == [
        (e.name, e.status, e.detail) for e in entries
    ]
    assert recorded(record(workload, again)) == again


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
        Entry("slower", rounds={"time": [9.0, 9.0, 9.0]}),
        Entry("peer", rounds={"time": [4.0, 8.0, 1.0]}),
    ]
    if how in ("value", "excess"):
        entries = [replace(e, rounds={"time": e.rounds["time"][:1]}) for e in entries]
    assert judge(Goal("", how, limit, "peer"), entries)[0] == verdict
    # Of several the better one decides; those that are not there have no say.
    several = Goal("", how, limit, "peer", ("slower", "ours", "absent"))
    assert judge(several, entries)[0] == verdict
    assert [*judge(several, entries)[1]] == ["slower", "ours"]


def test_an_error_is_told_in_a_line_without_the_places_of_this_machine():
    line = told(ValueError(f"{NUMBERS.parents[1]}/tests/x.py:3: a | b\nin {sys.prefix}/lib/y.py"))
    assert line == "ValueError: tests/x.py:3: a / b in lib/y.py"


def test_at_two_threads_the_fastest_rounds_decide():
    entries = [
        Entry("ours", rounds={"time": [3.0, 3.0, 1.0]}),
        Entry("peer", rounds={"time": [2.0, 2.0, 2.0]}),
    ]
    assert judge(Goal("", "ratio", 0.9, "peer"), entries)[0] == MISSED
    assert judge(Goal("", "ratio", 0.9, "peer"), entries, fastest=True)[0] == MET


def test_memory_of_a_step_counts_what_it_keeps_and_what_it_takes_meanwhile():
    def build():
        given, kept = np.ones(1_000_000), []

        def step():
            kept[:] = [given + 1.0]
            return (given * 2.0 + given * 3.0).sum()

        return step

    # One array is kept; beside it there are two products, of which one takes their sum.
    assert at_its_height(build) == pytest.approx(3 * 8e6, rel=0.01)


# ------------------------------------------------------------------------ a part measured anew
def measured(time: float, key: str = "W8", case: str = "()", **facts: str) -> dict:
    entries = [Entry(c.name, rounds={"time": [time]}) for c in WORKLOADS[key].contenders]
    return numbers_of({"processor": "planted", **facts}, {key: {case: entries}}, [])


def test_a_part_takes_its_place_among_the_others():
    old = merged(measured(1.0), measured(1.0, case="(8,)"))
    new = merged(merged(old, measured(2.0)), measured(3.0, "W2", "batch 32"))
    assert [w["key"] for w in new["workloads"]] == ["W8", "W2"]
    times = {
        case: entries[0].rounds["time"]
        for w in new["workloads"]
        for case, entries in recorded(w).items()
    }
    assert times == {"()": [2.0], "(8,)": [1.0], "batch 32": [3.0]}
    assert json.loads(json.dumps(new)) == json.loads(json.dumps(merged(new, new)))
    assert page_of(new).count("| batch 32 | ours |") == 1


def test_numbers_of_other_code_or_another_machine_are_not_mixed():
    with pytest.raises(ValueError, match=r"sources: a there, b here.* in full"):
        merged(measured(1.0, sources="a"), measured(1.0, sources="b"))
    assert merged(measured(1.0, commit="a"), measured(1.0, commit="b"))


@pytest.mark.parametrize("given", [["--update"], ["--update", "--only", "W8", "--quick"]])
def test_what_is_not_a_part_in_full_replaces_nothing(given: list[str]):
    with pytest.raises(SystemExit):
        parse(given)


@pytest.mark.slow
def test_the_command_writes_numbers_and_leaves_the_documents_of_a_full_run(tmp_path, capsys):
    before = [path.read_bytes() if path.exists() else None for path in (PAGE, NUMBERS)]
    file = tmp_path / "numbers.json"
    assert main(["--quick", "--only", "W8", "--case", "()", "--json", str(file)]) == 0
    assert "| () | ours |" in capsys.readouterr().out
    (workload,) = json.loads(file.read_text("utf-8"))["workloads"]
    assert workload["key"] == "W8"
    assert before == [path.read_bytes() if path.exists() else None for path in (PAGE, NUMBERS)]
