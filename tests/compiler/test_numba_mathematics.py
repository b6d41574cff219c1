"""Exponential, logarithm and their relatives against many digits, over all of the range."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")
from tests.compiler.numba_tools import Writer, run
from tinygrad_nn.compiler.numba import with_numba

pytest.importorskip("numba")
mpmath = pytest.importorskip("mpmath")

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

FUNCTIONS = {"exp": 2, "expm1": 3.5, "log": 2, "log1p": 3, "tanh": 2.5}
"""With the units in the last place that each may be off."""


def points(dtype: str) -> Any:
    rng = np.random.default_rng(0)
    info = np.finfo(dtype)
    wide = np.exp(rng.uniform(np.log(float(info.smallest_subnormal)), np.log(float(info.max)), 300))
    near = np.concatenate([rng.uniform(-110, 110, 300), rng.uniform(-1.5, 1.5, 600)])
    ends = [0.0, info.tiny, info.smallest_subnormal, info.max, 1.0, 0.625, 88.72, 709.78, 745.1]
    x = np.concatenate([wide, -wide, near, ends, np.negative(ends), [np.inf, -np.inf, np.nan]])
    return x.astype(dtype)


def compiled(name: str, x: Any) -> Any:
    w = Writer([x])
    (v,) = w.inputs
    y = w.ufunc(name, w.ufunc("positive", v))
    return run(with_numba(w.program([y])), [x])[0]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_units_in_the_last_place(name: str, dtype: str) -> None:
    x = points(dtype)
    found, numpys = compiled(name, x), getattr(np, name)(x)
    # Infinities, NaN, zeros and their signs as NumPy has them.
    same = ~np.isfinite(numpys) | (numpys == 0)
    np.testing.assert_array_equal(found[same], numpys[same])
    signed = same & ~np.isnan(numpys)
    np.testing.assert_array_equal(np.signbit(found[signed]), np.signbit(numpys[signed]))
    function = {"log1p": mpmath.log1p, "expm1": mpmath.expm1}.get(name) or getattr(mpmath, name)
    with mpmath.workprec(200):
        for a, b in zip(x[~same], found[~same], strict=True):
            exact = function(mpmath.mpf(float(a)))
            unit = np.spacing(np.abs(x.dtype.type(float(exact))))
            assert (
                abs((mpmath.mpf(float(b)) - exact) / mpmath.mpf(float(unit))) <= FUNCTIONS[name]
            ), a
