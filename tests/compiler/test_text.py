"""Programs as text: what a person reads of a captured step."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.compiler.programs import programs
from tinygrad_nn import nn, optim
from tinygrad_nn.compiler.show.labels import argument_names
from tinygrad_nn.compiler.show.printed import StepProgram
from tinygrad_nn.compiler.show.repeats import repeats
from tinygrad_nn.compiler.show.text import LINES, amount, text
from tinygrad_nn.core.tree import flatten

F = nn.functional
X = np.random.default_rng(0).normal(size=(8, 4)).astype("f4")
Y = np.arange(8) % 3


def captured(optimizer=optim.SGD, engine="numpy", layers=2, **options):
    parts = [m for k in range(layers) for m in (nn.Linear(4, 4, rng=k), nn.ReLU())]
    net = nn.Sequential(*parts, nn.Linear(4, 3, rng=9))
    opt = optimizer(net.parameters(), **{"lr": 0.1, **options})

    @tg.jit(engine=engine)
    def step(x, labels):
        loss = F.cross_entropy(net(x), labels)
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss

    step(X, Y)
    return step


def test_a_step_is_told_by_the_names_of_its_user():
    said = str(captured().program)
    for words in (
        "step (numpy): ", "float32[8, 4]  argument", "net.0.weight", "forward", "backward",
        "update", "x @ ", "lines are those of test_text.py", "in linear", "gradient = t",
        "result", "passes", "buffers that several results share", "memory held between calls: ",
    ):  # fmt: skip
        assert words in said, words
    assert re.search(r"^  labels +int64\[8\] +argument$", said, re.MULTILINE)


def test_an_optimiser_s_states_and_numbers_are_named():
    said = captured(optim.Adam).program.text(all=True)
    assert "exp_avg(net.0.weight)" in said
    assert "exp_avg of net.0.weight, remembered by the optimiser" in said
    assert "number of Adam for net.2.bias, worked out before each replay" in said
    assert "exp_avg = t" in said


def test_options_are_called_what_they_are_called():
    said = captured(optim.SGD, momentum=0.9, weight_decay=0.1).program.text(all=True)
    assert re.search(r"^  weight_decay +number +worked out before each replay$", said, re.MULTILINE)


def test_every_line_of_an_instruction_names_the_line_of_its_user():
    program = captured().program
    here = {i.line.rpartition(":")[2] for i in program.instructions}
    assert {i.phase for i in program.instructions} == {"forward", "backward", "update"}
    assert len(here) == 3 and all(f":{n}" in str(program) for n in here)


def test_long_programs_are_folded_and_can_be_had_whole():
    program = captured(optim.Adam, layers=12).program
    short, whole = program.text(), program.text(all=True)
    assert len(program.instructions) > LINES
    assert "times more, to t" in short
    assert len(short.splitlines()) < len(whole.splitlines())
    assert "more; program.text(all=True)" in short and "more; program" not in whole
    named = re.findall(r"^  (t\d+) +=", whole, re.MULTILINE)
    assert named == [f"t{n}" for n in range(1, len(program.instructions) + 1)]


def test_a_hundred_thousand_numbers_are_a_page():
    @tg.jit(engine="numpy")
    def step(a):
        v = tg.Value(a)
        for k in range(2000):
            v = (v * 0.9 + 0.01 * (k % 7)).tanh()
        return v

    step(0.5)
    said = str(step.program)
    assert len(said.splitlines()) < 2 * LINES
    assert "a  number  argument" in said
    assert said.count("\n") < LINES + 60


def test_fused_instructions_show_what_is_inside():
    pytest.importorskip("numba")
    program = captured(engine="numba").program
    assert any(i.inside for i in program.instructions)
    said = program.text(inside=True)
    assert "│ forward" in said and "│ update" in said and "│ t1 " in said
    assert "inside: " in program.text(inside=False)
    assert "fused from" in program.text(inside=False)


def test_a_block_of_elementwise_calls_shows_what_is_inside():
    w = tg.tensor(np.ones(200_000), requires_grad=True)
    opt = optim.Adam([w], lr=0.1)

    @tg.jit(engine="numpy")
    def step():
        loss = (w * w).sum()
        opt.zero_grad()
        loss.backward()
        opt.step()

    step()
    assert "blocks(" in str(step.program) and "│ t" in str(step.program)
    assert "w " in str(step.program)


def test_representations_are_one_line():
    found = repr(captured().program)
    assert found.startswith("<Program of step: ") and found.endswith("engine numpy>")
    assert "\n" not in found


def test_names_of_users_stay_on_one_line():
    @tg.jit(engine="numpy")
    def step(x):
        return x["a\nb\u202e" + "c" * 1000] * 2.0

    step({"a\nb\u202e" + "c" * 1000: X})
    said = str(step.program)
    assert "\u202e" not in said and max(map(len, said.splitlines())) < 200


@settings(max_examples=50, deadline=None)
@given(programs())
def test_any_program_can_be_told(made):
    program = made.program
    said = text(program, all=True)
    assert said.count("= ") >= len(program.instructions)
    assert str(StepProgram.of(program, "f", "numpy", {})).startswith("f (numpy): ")


@given(st.lists(st.integers(0, 3), max_size=60))
def test_repeats_cover_everything_in_order(keys):
    whole = []
    for at, length, count in repeats(keys):
        assert at == len(whole)
        whole += keys[at : at + length] * count
    assert whole == keys


def test_repeats_are_found():
    assert repeats([0, *[1, 2, 3] * 5, 4]) == [(0, 1, 1), (1, 3, 5), (16, 1, 1)]


@given(st.lists(st.integers(0, 3), max_size=60), st.sets(st.integers(0, 60)))
def test_repeats_cover_everything_wherever_things_end(keys, ends):
    whole = []
    for at, length, count in repeats(keys, ends):
        assert at == len(whole)
        whole += keys[at : at + length] * count
    assert whole == keys


TREES = st.recursive(
    st.integers(0, 9) | st.none(),
    lambda t: st.lists(t, max_size=3) | st.dictionaries(st.sampled_from("abc"), t, max_size=3),
    max_leaves=8,
)


@given(st.lists(TREES, max_size=3), st.dictionaries(st.sampled_from("uvw"), TREES, max_size=2))
def test_each_leaf_of_the_arguments_has_a_name(args, options):
    def step(a, *rest, **more): ...

    names = argument_names(step, tuple(args), options)
    leaves, _ = flatten((tuple(args), options))
    assert len(names) == len(leaves) == len(set(names))


@pytest.mark.parametrize(
    ("nbytes", "words"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2_500_000, "2.5 MB")]
)
def test_amounts(nbytes, words):
    assert amount(nbytes) == words


def test_one_of_a_thing_is_in_the_singular():
    @tg.jit(engine="numpy")
    def step(x):
        return tg.relu(x.T * 2.0)

    step(X)
    said = str(step.program)
    assert "1 view" in said and not re.search(r"(?<![\d,.])1 \w+s\b", said), said


def test_what_a_step_holds_is_told_apart_from_its_height():
    step = captured()
    memory = step.memory
    said = str(step.program).splitlines()[-2:]
    assert said[0].startswith(f"memory held between calls: {amount(memory.held)} (")
    assert f"at its height: {amount(memory.captured)}" in said[1]
    assert said[1].endswith(f"eager code: {amount(memory.eager)}")


def test_a_step_says_what_it_is():
    def double(x):
        return x * 2.0

    step = tg.jit(double, engine="numpy")
    assert repr(step) == "<Step double: engine numpy, not called yet>"
    step(X)
    assert "1 program;" in repr(step)
    step(X[1:])
    assert "2 programs;" in repr(step) and ".program" in repr(step)


def test_different_things_are_not_the_same():
    """`100 a`, then a product of two, then twice that: once all told as "the same 2 times more"."""

    def rosenbrock(x):
        return ((1 - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2).sum()

    step = tg.jit(tg.hessian(rosenbrock), engine="numpy")
    step(np.linspace(0, 1, 10))
    said = step.program.text()
    assert len(re.findall("the same", said)) == 1 and "… the same 8 times more" in said
    lines = said.splitlines()
    before = next(line for n, line in enumerate(lines) if "the same 8" in lines[n + 1])
    assert "  kept  " in before  # a row of the matrix is over
    assert "t1[:-1]" in said


def test_numbers_that_are_arguments_are_called_so():
    step = tg.jit(lambda a, b, c: tg.Value(a) * tg.Value(b) + tg.Value(c), engine="numpy")
    step(0.5, 1.5, 2.5)
    for name in "abc":
        assert re.search(rf"^  {name} +number +argument$", str(step.program), re.MULTILINE)
