"""Quick rules give the bits of the rules that they stand for."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.ops.draws import SeededDraw
from tests.ops.planting import planted
from tinygrad_nn.backends import array
from tinygrad_nn.core.op import OPS, Kind, Op

QUICK = [record for record in OPS.values() if record.quick]
DTYPES = [np.float64, np.float32, np.float16]


def same(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    return bool(a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes())


def agree(record: Op, seed: int, dtype: Any, special: bool) -> bool:
    rng = np.random.default_rng(seed)
    args, params = record.sample(SeededDraw(seed))
    args = tuple(x.astype(dtype) if x.dtype.kind == "f" else x for x in args)
    params = {**(record.defaults or {}), **params}
    y = np.asarray(record.compute(*args, **params))
    g = np.asarray(rng.standard_normal(y.shape), y.dtype)
    if special and g.size:
        g.flat[rng.integers(g.size)] = rng.choice([np.inf, -np.inf, np.nan, 0.0, -0.0])
    kept = [x.copy() for x in (g, y, *args)]
    quick = record.slopes[np.ndarray]
    if record.pullback is None:
        pairs = [(quick(g, y, *args, **params), record.rules[0](g, y, *args, **params))]
    else:
        needs = [bool(rng.integers(2)) for _ in args]
        pairs = list(
            zip(
                quick(g, y, *args, needs=needs, **params),
                record.pullback(g, y, *args, needs=needs, **params),
                strict=True,
            )
        )
    untouched = all(same(a, b) for a, b in zip((g, y, *args), kept, strict=True))
    return untouched and all(
        same(a, b) if a is not None and b is not None else a is b for a, b in pairs
    )


@pytest.mark.parametrize("record", QUICK, ids=lambda r: r.key)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@given(st.integers(0, 2**32 - 1), st.sampled_from(DTYPES), st.booleans())
def test_the_bits_are_those_of_the_rule(record, seed, dtype, special):
    assert agree(record, seed, dtype, special)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda g, y, x: g - g * (y * y),  # NaN for an infinite g
        lambda g, y, x: np.multiply(g, 1 - y * y, out=g),  # writes what it was given
        lambda g, y, x: np.float64(1) * (g * (1 - y * y)),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_quick_rule_that_differs_is_found(wrong, monkeypatch):
    monkeypatch.setattr(array, "wrong_slope", wrong, raising=False)
    record = planted(kernel="tanh", vjp=OPS["tanh"].rules[0], kind=Kind.ELEMENTWISE)
    record.quick = "wrong_slope"
    assert not all(
        agree(record, seed, dtype, special)
        for seed in range(40)
        for dtype in DTYPES
        for special in (False, True)
    )


def test_second_order_goes_by_the_rule():
    x = tg.tensor([0.3, -0.2], requires_grad=True)
    tg.tanh(x).sum().backward(create_graph=True)
    g = x.grad
    assert g is not None
    x.grad = None
    g.sum().backward()
    y = np.tanh(x.data)
    np.testing.assert_allclose(np.asarray(x.grad), -2 * y * (1 - y * y), rtol=1e-6)
