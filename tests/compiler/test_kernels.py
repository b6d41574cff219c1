"""Kernels against the NumPy functions that they stand for: all of the table, both dtypes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn
from tinygrad_nn.compiler.jit import jit
from tinygrad_nn.compiler.kernels import KERNELS
from tinygrad_nn.compiler.kernels.building import Ranged
from tinygrad_nn.compiler.numba import blas, installed
from tinygrad_nn.compiler.program import Instruction, Var
from tinygrad_nn.core.op import OPS

pytestmark = pytest.mark.skipif(
    not installed() or not blas.width(), reason="needs numba, and NumPy's BLAS"
)

Arrays = list[Any]
Make = Callable[[np.random.Generator], tuple[Arrays, dict[str, Any]]]
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


def strided(rng: np.random.Generator, *shape: int) -> Any:
    """Numbers in an array that is part of a larger one, or whose axes are turned."""
    way = rng.integers(3)
    if way == 0:
        return rng.standard_normal(shape)
    if way == 1:
        return rng.standard_normal(tuple(n + 2 for n in shape))[tuple(slice(1, -1) for _ in shape)]
    return rng.standard_normal(shape[::-1]).T


def lstm_inputs(rng: np.random.Generator) -> tuple[Arrays, dict[str, Any]]:
    count, batch, inputs, wide = (int(n) for n in rng.integers(1, 20, 4))
    shapes = [(count, batch, inputs), (batch, wide), (batch, wide)]
    shapes += [(4 * wide, inputs), (4 * wide, wide)] + [(4 * wide,)] * int(rng.integers(2))
    return [strided(rng, *s) / 2 for s in shapes], {"reverse": bool(rng.integers(2))}


def lstm_slope_inputs(rng: np.random.Generator) -> tuple[Arrays, dict[str, Any]]:
    inputs, static = lstm_inputs(rng)
    y = OPS["_lstm"].kernels[np.ndarray][0](*inputs, **static)
    g = rng.standard_normal(y.shape)
    return [g, y, *inputs], {**static, "to_x": bool(rng.integers(2))}


def heads(rng: np.random.Generator, stacked: int) -> Any:
    """(stacked, N, H, L, E), as cut from rows that have all heads side by side."""
    batch, count, length, wide = (int(n) for n in rng.integers((1, 1, 2, 2), (4, 4, 90, 20)))
    rows = rng.standard_normal((batch, length, stacked, count, wide))
    return rows.transpose(2, 0, 3, 1, 4)


def masks(rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    mask = np.array(rng.integers(8) > 0)
    return mask, {"is_causal": bool(rng.integers(2)), "scale": float(rng.uniform(-1, 1))}


def attention_inputs(rng: np.random.Generator) -> tuple[Arrays, dict[str, Any]]:
    mask, static = masks(rng)
    return [heads(rng, 3), mask], static


def attention_slope_inputs(rng: np.random.Generator) -> tuple[Arrays, dict[str, Any]]:
    mask, static = masks(rng)
    qkv = heads(rng, 3)
    g = rng.standard_normal(qkv.shape[1:])
    return [g, rng.standard_normal((*g.shape[:-1], 1)), qkv, mask], static


def gelu_inputs(count: int) -> Make:
    def make(rng: np.random.Generator) -> tuple[Arrays, dict[str, Any]]:
        shape = tuple(rng.integers(1, 30, rng.integers(1, 4)))
        turned = rng.integers(2)
        arrays = [rng.standard_normal(shape) * 3 for _ in range(count)]
        return [a.T.copy().T if turned else a for a in arrays], {"approximate": "tanh"}

    return make


def rows(rng: np.random.Generator) -> tuple[Any, dict[str, Any], tuple[int, ...]]:
    sides = tuple(int(n) for n in rng.integers(1, 20, rng.integers(1, 4)))
    axes = tuple(range(int(rng.integers(len(sides))), len(sides)))
    static = {
        "axes": axes,
        "eps": float(rng.choice([1e-5, 1e-1])),
        "centred": bool(rng.integers(2)),
    }
    return rng.standard_normal(sides) + 2, static, sides[axes[0] :]


def standardize_inputs(rng: np.random.Generator) -> tuple[Arrays, dict[str, Any]]:
    x, static, inner = rows(rng)
    return [x, *(rng.standard_normal(inner) for _ in range(rng.integers(3)))], static


def row_slopes_inputs(rng: np.random.Generator) -> tuple[Arrays, dict[str, Any]]:
    x, static, inner = rows(rng)
    weight = [rng.standard_normal(inner)] * int(rng.integers(2))
    return [rng.standard_normal(x.shape), x, *weight], {**static, "eps": 1e-1}


def pooled(rng: np.random.Generator) -> tuple[Any, Any, dict[str, Any]]:
    """Small whole numbers, of which several are the largest; the batch is innermost in memory."""
    batch, channels, tall, wide, high, broad = (int(n) for n in rng.integers(1, 6, 6))
    x = rng.integers(0, 3, (high * tall, channels, broad * wide, batch)).astype(float)
    x = x.transpose(3, 1, 0, 2)
    windows = ((tall, tall, 0, 1, high), (wide, wide, 0, 1, broad))
    y = x.reshape(batch, channels, high, tall, broad, wide).max((3, 5))
    return x, np.moveaxis(np.moveaxis(y, 0, -1).copy(), -1, 0), {"windows": windows}


def pool_winner_inputs(rng: np.random.Generator) -> tuple[Arrays, dict[str, Any]]:
    x, y, static = pooled(rng)
    return [x, y], static


def pool_place_inputs(rng: np.random.Generator) -> tuple[Arrays, dict[str, Any]]:
    x, y, static = pooled(rng)
    winner = OPS["pool_winner"].kernels[np.ndarray][0](x, y, **static)
    g = strided(rng, *y.shape)
    return [g, winner], {**static, "sides": x.shape[2:]}


CASES: dict[str, Make] = {
    "_lstm": lstm_inputs,
    "_lstm_slope": lstm_slope_inputs,
    "self_attention": attention_inputs,
    "self_attention_slope": attention_slope_inputs,
    "gelu": gelu_inputs(1),
    "gelu_slope": gelu_inputs(2),
    "standardize": standardize_inputs,
    "_row_slopes": row_slopes_inputs,
    "pool_winner": pool_winner_inputs,
    "pool_place": pool_place_inputs,
}


def instruction(key: str, arrays: Arrays, static: dict[str, Any], like: Any) -> Instruction:
    """As a capture writes it down."""
    op = OPS[key]
    args = tuple(Var(a.shape, a.dtype, a.strides) for a in arrays)
    out = Var(like.shape, like.dtype, like.strides)
    return Instruction(key, op.kernels[np.ndarray][0], args, static, out, op)


def placed(a: Any, dtype: str) -> Any:
    """The same with another dtype, laid out alike."""
    if a.dtype.kind != "f":
        return a
    found = np.empty_like(a, dtype)
    found[...] = a
    return found


def computed(key: str, arrays: Arrays, static: dict[str, Any]) -> tuple[Any, Any] | None:
    """What NumPy and the kernel give; None if the kernel is not for these."""
    with np.errstate(all="ignore"):
        expected = OPS[key].kernels[np.ndarray][0](*arrays, **static)
    i = instruction(key, arrays, static, expected)
    if not KERNELS[key].accepts(i):
        return None
    done = KERNELS[key].build(i)
    given = {v: a for v, a in zip(i.args, arrays, strict=True)}
    out = np.empty_like(expected)
    out[...] = 7.0
    done.call(*[given[v] for v in done.args], out)
    return expected, out


def close(expected: Any, found: Any, dtype: str) -> bool:
    """To rounding, relative to the largest number."""
    finite = np.isfinite(expected)
    if not np.array_equal(finite, np.isfinite(found)):
        return False
    if not np.array_equal(expected[~finite], found[~finite], equal_nan=True):
        return False
    scale = np.abs(expected[finite]).max(initial=0.0)
    error = np.abs(expected[finite] - found[finite]).max(initial=0.0)
    return bool(error <= TOLERANCE[dtype] * max(scale, 1e-3))


def test_every_kernel_has_cases() -> None:
    assert set(CASES) == set(KERNELS)


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("key", list(CASES))
def test_numbers_are_those_of_numpy(key: str, dtype: str) -> None:
    rng, taken = np.random.default_rng(3), 0
    for _ in range(60):
        arrays, static = CASES[key](rng)
        arrays = [placed(a, dtype) for a in arrays]
        both = computed(key, arrays, static)
        if both is not None:
            assert close(*both, dtype), (key, [a.shape for a in arrays], static)
            taken += 1
    assert taken > 10


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("key", list(CASES))
def test_special_values_spread_alike(key: str, special: float) -> None:
    rng, taken = np.random.default_rng(4), 0
    for _ in range(30):
        arrays, static = CASES[key](rng)
        arrays = [placed(a, "float64") for a in arrays]
        first = arrays[0]
        first[tuple(rng.integers(first.shape))] = special
        if key == "_lstm" and not np.isnan(special):
            continue  # an infinite sum in a gate is 0 or 1, and 0 · inf depends on the product
        both = computed(key, arrays, static)
        if both is not None:
            assert np.array_equal(np.isnan(both[0]), np.isnan(both[1])), (key, static)
            taken += 1
    assert taken > 5 or key == "_lstm"


@pytest.mark.parametrize("last", [0, -1])
def test_an_lstm_of_which_one_output_counts(last: int) -> None:
    """No array of zeros is made for the others, and the numbers are the same."""
    rng = np.random.default_rng(8)
    reader, x = nn.LSTM(3, 5, dtype="float64"), tg.tensor(rng.standard_normal((7, 4, 3)))
    start = (tg.tensor(rng.standard_normal((1, 4, 5))), tg.tensor(rng.standard_normal((1, 4, 5))))

    def step(x: Any) -> Any:
        y, _ = reader(x, start)
        loss = (y[last] ** 2).sum()
        loss.backward()
        return loss

    captured = jit(step, engine="numba")
    found = []
    for f in (step, captured, captured):
        reader.zero_grad()
        f(x)
        found.append([p.grad.data.copy() for p in reader.parameters()])
    calls = [i.call for i in captured.program.instructions if i.name.startswith("_lstm_slope")]
    assert [c.numbers[-2:] for c in calls] == [(1, last % 7)]
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            assert np.allclose(a, b, rtol=0, atol=1e-12 * np.abs(a).max())


@pytest.mark.parametrize("key", list(CASES))
def test_other_dtypes_and_empty_arrays_stay_numpys(key: str) -> None:
    rng = np.random.default_rng(5)
    arrays, static = CASES[key](rng)
    halves = [placed(a, "float16") for a in arrays]
    with np.errstate(all="ignore"):
        expected = OPS[key].kernels[np.ndarray][0](*halves, **static)
    assert not KERNELS[key].accepts(instruction(key, halves, static, expected))
    empty = [np.zeros((0, *a.shape[1:])) if a.ndim else a for a in arrays]
    assert not KERNELS[key].accepts(instruction(key, empty, static, np.zeros((0, 2))))


@pytest.mark.parametrize("key", list(CASES))
def test_a_fault_is_noticed(key: str) -> None:
    """A kernel of other numbers fails the comparison."""
    rng = np.random.default_rng(6)
    while True:
        arrays, static = CASES[key](rng)
        both = computed(key, arrays, static)
        if both is not None and np.abs(both[0]).max() > 0:
            break
    assert close(*both, "float64")
    assert not close(both[0], both[1] * (1 + 1e-9), "float64")
    assert not close(both[0], np.where(both[1] == both[1].flat[0], np.nan, both[1]), "float64")


@pytest.mark.parametrize("key", ["self_attention", "gelu", "standardize", "pool_place"])
def test_rows_can_be_shared(key: str) -> None:
    """Parts of the rows, each in work space of its own, are the whole."""
    rng = np.random.default_rng(7)
    arrays, static = CASES[key](rng)
    with np.errstate(all="ignore"):
        expected = OPS[key].kernels[np.ndarray][0](*arrays, **static)
    i = instruction(key, arrays, static, expected)
    done = KERNELS[key].build(i)
    call: Any = done.call
    assert isinstance(call, Ranged)
    given = [dict(zip(i.args, arrays, strict=True))[v] for v in done.args]
    whole, parts = np.empty_like(expected), np.empty_like(expected)
    call(*given, whole)
    middle = call.total // 2
    for start, stop in ((middle, call.total), (0, middle)):
        call.part(start, stop, call.space(), *given, parts)
    assert np.array_equal(whole, parts)
