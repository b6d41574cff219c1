"""Kernels that write where they are told give the bits that they give without."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_nn.backends.gelu import gelu, gelu_slope
from tinygrad_nn.backends.normalization import standardize

DTYPES = ["e", "f", "d"]
seeds = st.integers(0, 2**16)
dtypes = st.sampled_from(DTYPES)


def drawn(seed: int, dtype: str, *shape: int) -> Any:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


@given(seeds, dtypes, st.integers(0, 300), st.sampled_from(["none", "tanh"]))
def test_gelu(seed: int, dtype: str, rows: int, approximate: str) -> None:
    x, g = drawn(seed, dtype, 2, rows, 130)
    for out in np.empty_like(x), np.empty_like(x.T).T:
        assert gelu(x, approximate, out=out) is out
        assert (out == gelu(x, approximate)).all()
        assert gelu_slope(g, x, approximate, out=out) is out
        assert (out == gelu_slope(g, x, approximate)).all()


@given(seeds, dtypes, dtypes, st.integers(1, 300), st.integers(1, 40), st.integers(0, 2))
def test_standardize(
    seed: int, dtype: str, other: str, rows: int, columns: int, count: int
) -> None:
    x = drawn(seed, dtype, rows, columns)
    affine = tuple(drawn(seed + i, other, columns) for i in range(count))
    before = x.copy()
    for centred in True, False:
        expected = standardize(x, affine, (1,), 0.1, centred)
        out = np.empty_like(expected)
        assert standardize(x, affine, (1,), 0.1, centred, out) is out
        assert (out == expected).all()
    assert (x == before).all()


@pytest.mark.parametrize("dtype", DTYPES[1:])
@pytest.mark.parametrize("columns", [3, 128, 700, 1024])
def test_standardize_of_some_of_the_rows(dtype: str, columns: int) -> None:
    x, affine = drawn(0, dtype, 1000, columns), tuple(drawn(1, dtype, 2, columns))
    whole = standardize(x, affine, (1,), 1e-5, True)
    wide = standardize(x.astype("d"), tuple(z.astype("d") for z in affine), (1,), 1e-5, True)
    assert np.allclose(whole, wide, atol=1e-5)
    for cut in 64, 192, 640:
        parts = [standardize(part, affine, (1,), 1e-5, True) for part in (x[:cut], x[cut:])]
        assert (np.concatenate(parts) == whole).all()
