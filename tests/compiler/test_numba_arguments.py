"""Arrays as arguments of compiled functions: only those that a function is for are taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.compiler.numba_tools import Writer
from tinygrad_nn.compiler.numba import with_numba

pytest.importorskip("numba")

FITTING = np.arange(6, dtype="f4").reshape(2, 3)


class Derived(np.ndarray):
    """A class of arrays of somebody else's."""


def compiled(x: Any) -> Any:
    """The function of (x + 1) * x."""
    w = Writer([x])
    (v,) = w.inputs
    program = w.program([w.ufunc("multiply", w.ufunc("add", v, 1), v)])
    (instruction,) = with_numba(program).instructions
    assert instruction.name == "numba"
    return instruction.call


@pytest.mark.parametrize(
    "other",
    [
        FITTING.astype("f8"),
        FITTING.view("i4"),
        FITTING.astype(FITTING.dtype.newbyteorder()),
        FITTING.T.copy().T,
        FITTING[:, :2],
        FITTING[:1],
        FITTING.ravel(),
        np.broadcast_to(np.float32(1), (2, 3)),
        np.float32(1),
        [[1.0]],
        None,
        3.0,
    ],
    ids=lambda x: f"{type(x).__name__}{getattr(x, 'dtype', '')}{np.shape(x)}",
)
def test_no_other_array_is_taken(other: Any) -> None:
    call, result = compiled(FITTING), np.zeros_like(FITTING)
    with pytest.raises(TypeError, match="an array of the step is another than"):
        call(other, result)
    assert not result.any()
    with pytest.raises(TypeError, match="an array of the step is another than"):
        call(FITTING, other)


def test_a_result_must_be_writeable_and_an_argument_need_not() -> None:
    call, result, fixed = compiled(FITTING), np.zeros_like(FITTING), FITTING.copy()
    fixed.flags.writeable = False
    with pytest.raises(TypeError, match="an array of the step is another than"):
        call(FITTING, fixed)
    call(fixed, result)
    np.testing.assert_array_equal(result, (FITTING + 1) * FITTING)


def test_classes_made_of_arrays_are_arrays() -> None:
    call, result = compiled(FITTING), np.zeros_like(FITTING)
    call(FITTING.view(Derived), result.view(Derived))
    np.testing.assert_array_equal(result, (FITTING + 1) * FITTING)


def test_steps_of_axes_of_one_do_not_count() -> None:
    row = FITTING[:1]
    other = np.lib.stride_tricks.as_strided(row, (1, 3), (400, 4))
    result = np.zeros_like(row)
    compiled(row)(other, result)
    np.testing.assert_array_equal(result, (row + 1) * row)


@pytest.mark.parametrize("pair", ["ql", "lq", "QL", "LQ"])
def test_two_names_of_the_same_integers_are_one_dtype(pair: str) -> None:
    x, other = (np.arange(4).astype(c) for c in pair)
    if x.dtype != other.dtype:
        pytest.skip("these are two sizes on this system")
    result = np.zeros_like(x)
    compiled(x)(other, result)
    np.testing.assert_array_equal(result, (x + 1) * x)


def test_references_are_left_as_they_are() -> None:
    from sys import getrefcount

    call, x, result = compiled(FITTING), FITTING.copy(), np.zeros_like(FITTING)
    before = getrefcount(x), getrefcount(result), getrefcount(None)
    for _ in range(1000):
        call(x, result)
    after = getrefcount(x), getrefcount(result), getrefcount(None)
    assert after[:2] == before[:2]
    assert abs(after[2] - before[2]) < 100
