"""Each function that is compiled, for every dtype, broadcasting, layout and special value."""

from __future__ import annotations

import operator
import warnings
from typing import Any

import numpy as np
import pytest

from tests.compiler.numba_tools import Writer, compare, compiled_count, run
from tinygrad_nn.backends import array
from tinygrad_nn.compiler.numba import with_numba
from tinygrad_nn.compiler.numba.table import ELEMENTWISE, code
from tinygrad_nn.compiler.program import Instruction, Output, Program, Var
from tinygrad_nn.ops.index import unslice
from tinygrad_nn.ops.neural import nll, place

pytest.importorskip("numba")

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

DTYPES = ("f4", "f8", "i4", "i8", "u1", "u4", "?")
SPECIAL = (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 3e38, 88.0, -103.0, 0.3)


def numbers(dtype: str, shape: tuple[int, ...], seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    if dtype == "?":
        return rng.random(shape) < 0.5
    if dtype[0] == "f":
        flat = rng.permutation(np.concatenate([SPECIAL, rng.normal(0, 3, 50)]))
        return np.resize(flat, shape).astype(dtype)
    low, high = (0, 100) if dtype[0] == "u" else (-100, 100)
    return rng.integers(low, high, shape).astype(dtype)


def arity(name: str) -> int:
    return getattr(np, name).nin  # type: ignore[no-any-return]


@pytest.mark.parametrize("dtype", DTYPES)
def test_functions_of_every_dtype(dtype: str) -> None:
    # A table, a row and a column, a transposed table, and the same array twice.
    arrays = [numbers(dtype, s, n) for n, s in enumerate([(7, 5), (5,), (7, 1)])]
    w = Writer([*arrays, numbers(dtype, (5, 7), 9).T, numbers(dtype, (), 3)])
    a, b, c, t, single = w.inputs
    results = []
    for name, forms in ELEMENTWISE.items():
        if not any(np.dtype(dtype).kind in kinds for kinds in forms):
            continue
        if arity(name) == 1:
            results += [w.ufunc(name, x) for x in (a, t, single)]
            continue
        pairs: list[Any] = [(a, b), (c, a), (t, a), (a, a), (b, single), (b, c)]
        pairs += [(a, 2), (1, b)] if dtype != "?" else [(a, True)]
        results += [w.ufunc(name, *pair) for pair in pairs]
    compare(w, results)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "i8"])
def test_reductions(dtype: str) -> None:
    x = (numbers("i4", (4, 3, 5)) / 3).astype(dtype)
    w = Writer([x, x.transpose(2, 0, 1), x[:, :1]])
    results = []
    for v in list(w.inputs):
        y = w.ufunc("add", v, 1)
        for name in ("max", "min", "sum")[: 2 if dtype == "i4" else 3]:  # sums are widened
            for axis in (None, 0, 1, 2, (0, 2), (1, 2)):
                for keep in (False, True):
                    results.append(w.call(name, getattr(array, name), y, axis, keep))
    compare(w, results)


def test_maximum_of_a_table_has_a_nan_where_there_is_one() -> None:
    x = np.random.default_rng(0).standard_normal((6, 9)).astype("f4")
    x[1, 3] = x[4, 0] = x[5, 8] = np.nan
    w = Writer([x])
    (v,) = w.inputs
    y = w.ufunc("negative", v)
    compare(
        w, [w.call(n, getattr(array, n), y, axis) for n in ("max", "min") for axis in (0, 1, None)]
    )


def test_long_sums_are_as_exact_as_numpys() -> None:
    x = np.random.default_rng(0).uniform(0, 1, 1_000_003).astype("f4")
    w = Writer([x])
    (v,) = w.inputs
    y = w.call("sum", array.sum, w.ufunc("multiply", v, v))
    done = with_numba(w.program([y]))
    (found,) = run(done, [x])
    exact = np.sum(x.astype("f8") * x)
    assert compiled_count(done) == 1
    assert abs(found - exact) <= max(2 * abs(w.values[y] - exact), np.spacing(np.float32(exact)))


def test_views_cost_nothing_and_are_right() -> None:
    x = np.arange(60.0).reshape(3, 4, 5)
    w = Writer([x])
    (v,) = w.inputs
    getitem = operator.getitem
    y = w.ufunc("multiply", v, 2)
    parts = [
        w.call("getitem", getitem, y, (slice(None), slice(None, None, -2), 1)),
        w.call("transpose", np.transpose, y, axes=(2, 0, 1)),
        w.call("matrix_transpose", np.matrix_transpose, y),
        w.call("reshape", np.reshape, y, (12, 5)),
        w.call("getitem", getitem, y, (1, 2, 3)),
        w.call("getitem", getitem, y, (Ellipsis, None, slice(1, 3))),
    ]
    turned = w.call("reshape", np.reshape, parts[2], (15, 4))
    compare(w, [w.ufunc("exp", w.ufunc("negative", p)) for p in [*parts, turned]])
    # What leaves is a view too.
    compare(w, [*parts, y], whole=False)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("sides", [(1, 1, 1), (2, 3, 4), (33, 17, 9), (5, 1, 40), (1, 64, 1)])
def test_products(dtype: str, sides: tuple[int, int, int]) -> None:
    m, k, n = sides
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s).astype(dtype) for s in ((m, k), (k, n), (k, m), (n, k), (k,))]
    w = Writer([*arrays, arrays[2].T, arrays[3].T, arrays[0][:, ::-1]])
    a, b, _, d, e, ct, dt, r = w.inputs
    pairs = [(a, b), (ct, b), (a, dt), (ct, dt), (r, b), (a, e), (e, b)]
    made = [w.call("matmul", np.matmul, x, y) for x, y in pairs]
    turned = w.call("matrix_transpose", np.matrix_transpose, d)
    compare(w, [w.ufunc("add", x, 1) for x in [*made, w.call("matmul", np.matmul, a, turned)]])


def test_classes_are_looked_at() -> None:
    logp = np.random.default_rng(0).standard_normal((6, 4)).astype("f4")
    labels = np.array([0, 3, 2, 2, 1, 0])
    w = Writer([logp, labels])
    v, index = w.inputs
    results = [w.call("nll", nll, w.ufunc("negative", v), index, reduction=r)
               for r in ("mean", "sum", "none")]  # fmt: skip
    results.append(w.call("place", place, results[0], index, classes=4))
    results.append(w.call("place", place, results[2], index, classes=4))
    done = compare(w, results)
    for wrong in (4, -1, -5, 2**62):
        with pytest.raises((ValueError, IndexError), match="class"):
            run(done, [logp, np.where(labels == 3, wrong, labels)])


def test_pieces() -> None:
    x, y = np.arange(6.0).reshape(2, 3), -np.arange(6.0).reshape(2, 3)
    w = Writer([x, y])
    a, b = (w.ufunc("exp", v) for v in w.inputs)
    compare(w, [
        *[w.call("stack", np.stack, [a, b], axis=axis) for axis in (0, 1, 2, -1)],
        *[w.call("concat", np.concatenate, [a, b, a], axis=axis) for axis in (0, 1, -1)],
        w.call("unslice", unslice, a, key=(slice(1, 3), slice(None, None, -2)), shape=(4, 5)),
    ])  # fmt: skip


@pytest.mark.parametrize("name", ["floor_divide", "remainder", "arctan2", "sin", "hypot"])
def test_the_rest_stays_with_numpy(name: str) -> None:
    x = numbers("f4", (40,)) + 1
    w = Writer([x, np.flip(x).copy()])
    a, b = w.inputs
    y = w.ufunc("exp", w.ufunc("negative", a))
    z = w.ufunc(name, *((y, b) if arity(name) == 2 else (y,)))
    results = [w.ufunc("exp", w.ufunc("add", z, 1))]
    compare(w, results, whole=False)


def test_odd_dtypes_and_empty_arrays_stay_with_numpy() -> None:
    for x in (np.ones(3, "f2"), np.ones(3, "c8"), np.ones((0, 3)), np.ones(3, ">f4")):
        assert code(np.ones(2, "f4").dtype) == "f4"
        w = Writer([x])
        (v,) = w.inputs
        y = w.ufunc("add", w.ufunc("multiply", v, v), v)
        done = with_numba(w.program([y]))
        assert compiled_count(done) == 0


def test_an_array_that_lies_differently_is_refused_and_not_misread() -> None:
    x = np.random.default_rng(0).standard_normal((4, 5, 6))
    turned = x.transpose(1, 0, 2)
    w = Writer([turned])
    (v,) = w.inputs
    y = w.ufunc("add", w.ufunc("multiply", v, v), 1)
    done = compare(w, [y])
    with pytest.raises((ValueError, TypeError)):
        run(done, [x.reshape(5, 4, 6).transpose(0, 2, 1).copy().transpose(0, 2, 1)])
    w = Writer([x])
    (v,) = w.inputs
    done = compare(w, [w.ufunc("add", w.ufunc("multiply", v, v), 1)])
    with pytest.raises(TypeError):
        run(done, [x.copy(order="F")])


def test_a_planted_fault_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ELEMENTWISE, "subtract", {"f": "{1} - {0}"})
    w = Writer([numbers("f4", (3,)), numbers("f4", (3,), 1)])
    a, b = w.inputs
    with pytest.raises(AssertionError):
        compare(w, [w.ufunc("exp", w.ufunc("subtract", a, b))])


def test_numbers_and_what_draws_keep_their_order() -> None:
    told: list[int] = []
    v, out = Var((3,), np.dtype("f8"), (8,)), Var((3,), np.dtype("f8"), (8,))
    mid, last = (Var((3,), np.dtype("f8"), (8,)) for _ in range(2))

    def drawn(x: Any) -> Any:
        told.append(1)
        return x

    number = Var((), None)
    program = Program(
        {v: 0, number: 1}, {},
        (
            Instruction("add", np.add, (v, number), {}, mid),
            Instruction("drawn", drawn, (mid,), {}, out, pure=False),
            Instruction("multiply", np.multiply, (v, 2.0), {}, last),
        ),
        (Output(0, out), Output(1, last)),
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        done = with_numba(program)
    assert [i.name for i in done.instructions].index("drawn") < 2
    first, second = run(done, [np.arange(3.0), 0.5])
    assert first.tolist() == [0.5, 1.5, 2.5]
    assert second.tolist() == [0.0, 2.0, 4.0]
    assert told == [1]
