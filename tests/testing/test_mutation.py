"""Wrong gradients planted into the registry: wrong, found, and gone after."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.extents import some, twofold
from tinygrad_nn.errors import CheckError, OptionError
from tinygrad_nn.testing import gradcheck
from tinygrad_nn.testing.mutation import (
    MUTANTS,
    Mutant,
    check_operation,
    differentiable,
    kill_rate,
    mutated,
)
from tinygrad_nn.testing.mutation.__main__ import main
from tinygrad_nn.testing.mutation.own import REASONS
from tinygrad_nn.testing.mutation.planting import arguments_of
from tinygrad_nn.testing.mutation.variable import parsed, spelled

X = np.array([[0.5, -1.5], [2.0, -0.25]])
ROW = np.array([3.0, -0.5])
PARTS = ("rules", "pullback", "quick", "slopes", "form", "reverse")


def parts(op):
    return [getattr(op, name) for name in PARTS]


def gradient(f, *arrays, cotangent=None):
    leaves = [tg.tensor(x, requires_grad=True) for x in arrays]
    y = f(*leaves)
    y.backward(np.ones(y.shape, y.dtype) if cotangent is None else cotangent)
    return [np.asarray(x.grad) for x in leaves]


# ── Each kind of fault ─────────────────────────────────────────────────────────────────────

RIGHT = gradient(tg.multiply, X, X + 1)[0]
PERCENT_LAST = np.array([[1, 1], [1, 1.01]])
WRONG = {
    "sign": -RIGHT,
    "double": 2 * RIGHT,
    "zero": 0 * RIGHT,
    "part-in-10000": 1.0001 * RIGHT,
    "last-element": RIGHT * PERCENT_LAST,
    "middle-element": RIGHT * np.array([[1, 1.01], [1, 1]]),
    "transposed": RIGHT.T,
    "swapped": X,
    "negative": RIGHT * np.where(X < 0, 1.01, 1),
    "coarse": RIGHT.astype(np.float16).astype(np.float64),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_gradient_is_wrong_in_this_way(name):
    with mutated("multiply", name):
        first, second = gradient(tg.multiply, X, X + 1)
    np.testing.assert_allclose(first, WRONG[name], rtol=1e-15)
    np.testing.assert_array_equal(second, X)


def test_broadcast_axes():
    def of_row():
        return gradient(lambda a: tg.multiply(a, X), ROW)[0]

    with mutated("multiply", "unsummed"):
        np.testing.assert_array_equal(of_row(), X[0])
    with mutated("multiply", "summed-twice"):
        np.testing.assert_array_equal(of_row(), 2 * X.sum(axis=0))
    with mutated("multiply", "repeated-axis"):
        np.testing.assert_array_equal(of_row(), X.sum(axis=0))
        got = gradient(lambda a: tg.multiply(a, X), ROW[None])[0]
        np.testing.assert_allclose(got, 1.01 * X.sum(axis=0)[None])
    with mutated("multiply", "0-d-operand"):
        np.testing.assert_array_equal(of_row(), X.sum(axis=0))
        got = gradient(lambda a: tg.multiply(a, X), np.array(2.0))[0]
        np.testing.assert_allclose(got, 1.01 * X.sum())


def test_the_cotangent():
    c = np.array([[0.0, -1.0], [2.0, 0.0]])
    with mutated("exp", "absolute"):
        np.testing.assert_allclose(gradient(tg.exp, X, cotangent=c)[0], abs(c) * np.exp(X))
    with mutated("exp", "zeros"):
        np.testing.assert_allclose(
            gradient(tg.exp, X, cotangent=c)[0], np.where(c == 0, 1, c) * np.exp(X)
        )


def test_values_of_the_call_before():
    with mutated("exp", "stale"):
        first, again, other = (gradient(tg.exp, x)[0] for x in (X, X + 1, X[0]))
    np.testing.assert_array_equal(first, np.exp(X))
    np.testing.assert_array_equal(again, np.exp(X))
    np.testing.assert_array_equal(other, np.exp(X[0]))


def test_a_term_is_lost():
    with mutated("tanh", "missing-term"):
        np.testing.assert_array_equal(gradient(tg.tanh, X)[0], np.ones_like(X))
    with mutated("exp", "missing-term") as planted:
        gradient(tg.exp, X)
    assert planted.reached == 1
    assert planted.differed == 0


def test_in_one_dtype_or_of_numbers_or_in_the_quick_rule_alone():
    single = X.astype(np.float32)
    right, right_single = gradient(tg.tanh, X)[0], gradient(tg.tanh, single)[0]
    slope = tg.grad(tg.tanh)(0.0)
    for name, change in (
        ("float32", (1, 1.01, 1)),
        ("value", (1, 1, 1.01)),
        ("quick", (1.01, 1.01, 1)),
    ):
        with mutated("tanh", name):
            np.testing.assert_allclose(gradient(tg.tanh, X)[0], change[0] * right)
            np.testing.assert_allclose(
                gradient(tg.tanh, single)[0], change[1] * right_single, rtol=1e-6
            )
            v = tg.Value(0.0)
            tg.tanh(v).backward()
            assert v.grad == pytest.approx(change[2] * slope)
    with mutated("tanh", "quick"):
        y = tg.Value(0.3)
        tg.tanh(y).backward(create_graph=True)
        assert y.grad.data == pytest.approx(1 - np.tanh(0.3) ** 2)


@pytest.mark.parametrize("name", ["second-order", "second-order-cotangent"])
def test_at_second_order_alone(name):
    with mutated("exp", name):
        first = gradient(tg.exp, np.array(0.7))[0]
    assert first == pytest.approx(np.exp(0.7))
    with mutated("exp", name):
        report = gradcheck(tg.exp, np.array(0.7), order=2)
    assert not report.ok
    assert gradcheck(tg.exp, np.array(0.7), order=2).ok


# ── Planting ───────────────────────────────────────────────────────────────────────────────


@given(st.sampled_from(differentiable()), st.sampled_from(list(MUTANTS)), st.data(), st.booleans())
@settings(max_examples=some(30, 300))
@twofold
def test_everything_is_as_before(op, name, data, fails):
    before = parts(op)
    argument = data.draw(st.sampled_from(arguments_of(op)))
    try:
        with mutated(op, name, argument):
            assert parts(op) != before
            if fails:
                raise KeyError
    except KeyError:
        pass
    assert all(a is b for a, b in zip(parts(op), before, strict=True))


def test_it_is_in_all_threads():
    with mutated("exp", "double"), ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda x: gradient(tg.exp, x)[0], [X, X + 1]))
    np.testing.assert_allclose(found[1], 2 * np.exp(X + 1))


def test_graphs_from_before_have_it_too():
    x = tg.tensor(X, requires_grad=True)
    y = tg.exp(x).sum()
    with mutated(tg.exp, "sign"):
        y.backward(retain_graph=True)
    np.testing.assert_array_equal(x.grad, -np.exp(X))
    x.grad = None
    y.backward()
    np.testing.assert_array_equal(x.grad, np.exp(X))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("nothing", "sign"), "expected an operation or its name"),
        (("argmax", "sign"), "has no gradient"),
        (("tanh", "signs"), "expected one of sign, double"),
        (("tanh", "sign", 1), "expected one with a gradient: 0"),
    ],
)
def test_what_cannot_be_planted(arguments, text):
    with pytest.raises(OptionError, match=text), mutated(*arguments):
        pass


def test_one_at_a_time():
    with (
        mutated("exp", "sign"),
        mutated("tanh", "sign"),
        pytest.raises(OptionError, match="a second mutant"),
        mutated("exp", "zero"),
    ):
        pass
    with mutated("exp", "zero"):
        assert not gradient(tg.exp, X)[0].any()


# ── Kill rates ─────────────────────────────────────────────────────────────────────────────


def blind(op):
    """A suite that sees no fault."""


def first_order(op):
    x = np.array([0.5, 1.5])
    gradcheck(op.call, x, laws=False).assert_ok()


def test_what_a_suite_does_not_see_survives():
    kills = kill_rate(blind, ["tanh"], ["sign", "unsummed", "quick"])
    assert [o.status for o in kills.outcomes] == ["survived", "equivalent", "survived"]
    assert kills.rate == 0.0
    assert "the suite never asks for this gradient" in str(kills)
    assert "its argument has the shape of its result" in str(kills)


def test_reasons_and_open_survivors():
    faults = ["sign", "second-order"]
    kills = kill_rate(first_order, ["exp"], faults)
    assert [o.mutant for o in kills.survivors] == ["second-order"]
    told = kill_rate(first_order, ["exp"], faults, reasons={("exp", "second-order"): "known"})
    assert told.survivors[0].why == "known"
    assert not told.open


def test_a_command_that_fails_without_a_word_has_killed():
    fails = "import os, sys; sys.exit('TINYGRAD_NN_MUTANT' in os.environ)"
    kills = kill_rate([sys.executable, "-c", fails], ["tanh"], ["sign"])
    assert [o.why for o in kills.killed] == [""]


def test_a_mutant_of_ones_own():
    own = Mutant("tenfold", "ten times as large", lambda pull: 10.0 * pull.right)
    assert kill_rate(first_order, ["exp"], [own]).rate == 1.0


def test_a_suite_that_fails_by_itself_is_refused():
    def wrong(op):
        raise AssertionError("always")

    with pytest.raises(CheckError, match="where none is planted: AssertionError: always"):
        kill_rate(wrong, ["tanh"], ["sign"])

    def wrong_for_tanh(op):
        assert op.key != "tanh", "never right"
        first_order(op)

    kills = kill_rate(wrong_for_tanh, ["tanh", "exp"], ["sign"])
    assert (len(kills.killed), len(kills.faulty), kills.rate) == (1, 1, 1.0)
    assert "tanh where none is planted: AssertionError: never right" in str(kills)


def test_a_sample_is_the_same_for_a_seed():
    first, again = (kill_rate(blind, None, ["quick"], sample=20, seed=3) for _ in range(2))
    assert [str(o) for o in first.outcomes] == [str(o) for o in again.outcomes]
    assert len(first.outcomes) == 20
    assert first.of == sum(len(arguments_of(op)) for op in differentiable())


def test_in_several_processes():
    kills = kill_rate(check_operation, ["exp", "tanh"], ["sign", "value"], jobs=2)
    assert kills.rate == 1.0
    assert len(kills.killed) == 4


# ── A pytest command ───────────────────────────────────────────────────────────────────────

SUITE = """
import numpy as np
import tinygrad_nn as tg

def test_tanh():
    x = tg.tensor([0.0, 1.0], requires_grad=True)
    tg.tanh(x).sum().backward()
    assert np.allclose(x.grad, 1 - np.tanh([0.0, 1.0]) ** 2)
"""


def test_a_command(tmp_path):
    (tmp_path / "test_it.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    kills = kill_rate(command, ["tanh", "exp"], ["sign", "value"])
    never = "the suite never asks for this gradient"
    assert {str(o): o.why for o in kills.survivors} == {
        "tanh(x) value": "the suite asks only where nothing differs",
        "exp(x) sign": never,
        "exp(x) value": never,
    }
    assert [str(o) for o in kills.killed] == ["tanh(x) sign"]


@pytest.mark.parametrize("word", ["python", "python3"])
def test_python_is_the_one_that_runs_whatever_the_path_has(tmp_path, monkeypatch, word):
    other = tmp_path / word
    other.write_text("#!/bin/sh\nexit 3\n", "utf-8")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    lines = "import os, sys; sys.exit('TINYGRAD_NN_MUTANT' in os.environ)"
    assert kill_rate([word, "-c", lines], ["tanh"], ["sign"]).rate == 1.0
    with pytest.raises(CheckError, match="exits with 3 where no mutant is planted"):
        kill_rate([str(other), "-c", lines], ["tanh"], ["sign"])


def test_a_command_that_fails_by_itself_is_refused(tmp_path):
    (tmp_path / "test_it.py").write_text("def test_it():\n    assert False\n")
    with pytest.raises(CheckError, match="exits with 1 where no mutant is planted"):
        kill_rate([sys.executable, "-m", "pytest", "-q", str(tmp_path)], ["tanh"], ["sign"])


def test_the_variable_says_which():
    assert parsed(spelled("tanh", "sign", -1)) == ("tanh", "sign", -1)
    assert parsed("tanh:sign") == ("tanh", "sign", 0)
    with pytest.raises(OptionError, match="expected operation:mutant:argument"):
        parsed("tanh")


def test_a_wrong_variable_is_refused(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tinygrad_nn.testing.mutation.plugin", tmp_path],
        env={**os.environ, "TINYGRAD_NN_MUTANT": "tanh:sing:0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    assert "got the mutant 'sing'" in done.stderr


# ── Ours ───────────────────────────────────────────────────────────────────────────────────


def test_the_command_prints_the_rate(capsys):
    assert main(["--operation", "tanh", "--mutant", "sign", "--mutant", "unsummed"]) == 0
    out = capsys.readouterr().out
    assert "1 of 1 mutants killed (100 %); 1 more are no faults" in out


def test_the_command_tells_each_operation_and_all_that_is_known_when_stopped(monkeypatch, capsys):
    def stopped(op):
        if op.key == "tanh":
            raise KeyboardInterrupt
        check_operation(op)

    monkeypatch.setattr("tinygrad_nn.testing.mutation.__main__.check_operation", stopped)
    asked = ["--operation", "exp", "--operation", "tanh", "--mutant", "sign", "--mutant", "double"]
    assert main(asked) == 130
    told = capsys.readouterr()
    assert "2 of 2 mutants killed" in told.out and "a sample of 4" in told.out
    assert "exp" not in told.err  # it may not have been all of it
    assert main(["--operation", "exp", *asked[4:]]) == 0
    assert "2 of 2  exp: 2 killed" in capsys.readouterr().err


def test_the_command_refuses(capsys):
    assert main(["--operation", "tanhh"]) == 2
    assert "expected an operation or its name" in capsys.readouterr().err


SOME = ["tanh", "multiply", "sum", "_concat", "where", "softmax", "solve", "pick"]


@twofold
def test_our_check_kills_a_sample():
    operations = SOME[: some(4, 8)]
    kills = kill_rate(check_operation, operations, sample=some(20, 200), reasons=REASONS)
    assert not kills.faulty, str(kills)
    assert all((o.op, o.mutant) in REASONS for o in kills.survivors), str(kills)


EVERY = sorted(op.key for op in differentiable())
FIFTH = sorted(
    # attention_slope takes ten minutes: of its faults some show at dear samples alone.
    {*np.random.default_rng(6).permutation(EVERY)[: len(EVERY) // 5].tolist()} - {"attention_slope"}
)


@pytest.mark.slow
@pytest.mark.parametrize("key", FIFTH)
def test_our_check_kills_all_that_are_faults(key):
    """Of a fifth of the operations; `python -m tinygrad_nn.testing.mutation` has all: minutes."""
    kills = kill_rate(check_operation, [key], reasons=REASONS)
    assert not kills.open, str(kills)


@pytest.mark.parametrize("name", ["second-order", "of-ones-own"])
def test_of_a_second_order_fault_it_is_told_that_nobody_asked_for_that_order(name):
    fault = replace(MUTANTS["second-order"], name=name)
    kills = kill_rate(lambda op: tg.grad(op.call)(0.5), ["tanh"], [fault])
    assert [o.why for o in kills.survivors] == [
        "the suite never asks for the gradient of this gradient where it differs"
    ]
