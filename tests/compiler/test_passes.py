"""Each pass keeps every bit of every result, and does what it is for."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from tests.compiler.programs import Builder, plainly, programs, replayed, same
from tinygrad_nn.compiler.passes import ENGINES
from tinygrad_nn.compiler.passes import blocks as blocks_module
from tinygrad_nn.compiler.passes.blocks import blocks
from tinygrad_nn.compiler.passes.common import common
from tinygrad_nn.compiler.passes.dead import dead
from tinygrad_nn.compiler.passes.inline import OPENED, inlined
from tinygrad_nn.compiler.passes.literals import literals
from tinygrad_nn.compiler.passes.simplify import simplified
from tinygrad_nn.compiler.plan.memory import planned
from tinygrad_nn.core.op import OPS

PASSES = [common, dead, literals, simplified, blocks, inlined]


def chained(program: Any, passes: Any) -> Any:
    for change in passes:
        program = change(program)
    return program


@pytest.mark.parametrize("change", PASSES, ids=lambda f: f.__name__)
@given(drawn=programs())
def test_a_pass_keeps_every_bit(change: Any, drawn: Any):
    program, calls = drawn
    changed = change(program)
    for leaves in calls:
        assert same(plainly(changed, leaves), plainly(program, leaves))


@given(drawn=programs())
def test_all_passes_together_keep_every_bit(drawn: Any):
    program, calls = drawn
    changed = chained(program, ENGINES["numpy"].passes)
    for leaves in calls:
        assert same(plainly(changed, leaves), plainly(program, leaves))


@given(drawn=programs())
def test_chains_of_small_blocks_keep_every_bit(drawn: Any):
    program, calls = drawn
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks_module, "BLOCK", 16)
        patch.setattr(blocks_module, "_LARGE", 1)
        changed = chained(program, [literals, blocks])
    for leaves in calls:
        assert same(replayed(changed, leaves), plainly(program, leaves))


def small() -> tuple[Builder, Any, Any]:
    b = Builder()
    x, y = (b.input(np.arange(6.0).reshape(2, 3) + k) for k in (0, 1))
    return b, x, y


def test_what_is_computed_twice_is_computed_once():
    b, x, y = small()
    p, q = b.do("add", np.add, x, y), b.do("add", np.add, x, y)
    program = common(b.program(b.do("multiply", np.multiply, p, q)))
    assert [i.name for i in program.instructions] == ["add", "multiply"]
    assert program.notes == (("common", "merged 1 instruction"),)


def test_arguments_that_only_compare_equal_differ():
    b, x, _ = small()
    found = [b.do("multiply", np.multiply, x, n) for n in (1, 1.0, True, 0.0, -0.0)]
    assert len(common(b.program(*found)).instructions) == 5


def test_draws_are_neither_merged_nor_dropped():
    b, x, y = small()
    b.do("add", np.add, x, y)
    b.do("add", np.add, x, y)
    program = b.program(x)
    drawn = replace(program, instructions=tuple(replace(i, pure=False) for i in b.instructions))
    assert len(dead(common(drawn)).instructions) == 2
    assert len(dead(common(program)).instructions) == 0


def test_what_nobody_needs_is_dropped_with_its_input():
    b, x, y = small()
    b.do("negative", np.negative, y)
    program = dead(b.program(b.do("negative", np.negative, x)))
    assert len(program.instructions) == 1
    assert list(program.inputs) == [x]


@pytest.mark.parametrize(
    ("name", "call", "args", "stays"),
    [
        ("multiply", np.multiply, (None, 1), False),
        ("multiply", np.multiply, (1.0, None), False),
        ("multiply", np.multiply, (None, 2), True),
        ("divide", np.divide, (None, 1), False),
        ("divide", np.divide, (1, None), True),
        ("subtract", np.subtract, (None, 0.0), False),
        ("subtract", np.subtract, (None, -0.0), True),
        ("add", np.add, (None, 0.0), True),
        ("copy", np.copy, (None,), False),
        ("reshape", np.reshape, (None, (2, 3)), False),
        ("reshape", np.reshape, (None, (3, 2)), True),
    ],
)
def test_only_what_changes_no_bit_is_left_out(name: str, call: Any, args: Any, stays: bool):
    b, x, _ = small()
    inner = b.do("negative", np.negative, x)
    y = b.do(name, call, *[inner if a is None else a for a in args])
    program = simplified(b.program(b.do("absolute", np.absolute, y)))
    assert (name in [i.name for i in program.instructions]) is stays


def test_a_transpose_undone_is_left_out():
    b, x, _ = small()
    y = b.do(
        "matrix_transpose", np.matrix_transpose, b.do("matrix_transpose", np.matrix_transpose, x)
    )
    program = dead(simplified(b.program(b.do("negative", np.negative, y))))
    assert [i.name for i in program.instructions] == ["negative"]


@pytest.mark.parametrize("key", sorted(OPENED))
def test_a_kernel_opened_up_computes_the_same(key: str):
    record = OPS[key]
    x = np.random.default_rng(0).standard_normal((20, 4)).astype("f4")
    x[0, 0], x[1, 1] = np.nan, -np.inf
    b = Builder()
    given = [b.input(x)]
    if key in ("linear", "matmul"):
        given.append(b.input(x[:3] if key == "linear" else x[:4].T))
    kernel = record.kernels[np.ndarray][0]
    params = {"axis": -1} if "axis" in record.static else {}
    with np.errstate(all="ignore"):
        y = b.do(key, kernel, *given, **params)
    b.instructions[-1] = replace(b.instructions[-1], op=record)
    program = b.program(b.do("negative", np.negative, y))
    changed = inlined(program)
    assert all(i.op is None for i in changed.instructions)
    leaves = [b.values[v] for v in b.inputs]
    assert same(replayed(changed, leaves), plainly(program, leaves))


def test_a_kernel_that_looks_at_numbers_stays_closed(monkeypatch: pytest.MonkeyPatch):
    def kernel(x: Any) -> Any:
        return x + 1 if x.max() > 0 else x

    b, x, _ = small()
    y = b.do("relu", kernel, x)
    b.instructions[-1] = replace(b.instructions[-1], op=OPS["relu"])
    program = b.program(y)
    assert inlined(program) is program


def test_large_chains_run_in_blocks():
    b = Builder()
    x, y = (b.input(np.linspace(0, k, 2**17 + 5, dtype="f4")) for k in (1, 2))
    t = b.do("multiply", np.multiply, b.do("add", np.add, x, y), 0.5)
    program = b.program(b.do("sqrt", np.sqrt, t), b.do("negative", np.negative, x))
    changed = blocks(literals(program))
    assert [i.name for i in changed.instructions] == ["blocks"]
    assert planned(changed).peak_bytes <= planned(program).peak_bytes
    leaves = [b.values[v] for v in b.inputs]
    assert same(replayed(changed, leaves), plainly(program, leaves))


def wrong_common(program: Any) -> Any:
    """A planted fault: calls are taken for the same without a look at their arguments."""
    first: dict[Any, Any] = {}
    new = {}
    for i in program.instructions:
        if len(i.args) == 2 and i.out.shape == (2, 3):
            new[i.out] = first.setdefault((i.call, i.out.dtype), i.out)
    outputs = tuple(replace(o, value=new.get(o.value, o.value)) for o in program.outputs)
    return replace(program, outputs=outputs)


def test_a_planted_fault_is_found():
    b, x, y = small()
    program = b.program(b.do("add", np.add, x, y), b.do("add", np.add, x, x))
    leaves = [b.values[v] for v in b.inputs]
    assert not same(plainly(wrong_common(program), leaves), plainly(program, leaves))
