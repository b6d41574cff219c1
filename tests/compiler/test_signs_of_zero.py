"""Compiled functions of special values: what differs from NumPy's, in the sign of a zero too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.compiler.numba_tools import Writer, run

pytest.importorskip("numba")

from tinygrad_nn.compiler.numba import with_numba
from tinygrad_nn.compiler.numba.table import ELEMENTWISE

COUNT = 12
SPECIAL = (0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 5e-324, -5e-324, 1.0, -1.0)
EXACT = sorted(
    name for name, forms in ELEMENTWISE.items()
    if any("f" in kinds for kinds in forms)
    and name not in ("exp", "expm1", "log", "log1p", "tanh")
)  # fmt: skip
ROUNDED = ("exp", "expm1", "log", "log1p", "tanh")
programs: dict[str, Any] = {}


def both(dtype: str, a: Any, b: Any) -> list[tuple[str, Any, Any]]:
    """Each function by numba and by NumPy; one program for a dtype."""
    w = Writer([a, b])
    x, y = w.inputs
    results = [w.ufunc(n, *(x, y)[: getattr(np, n).nin]) for n in (*EXACT, *ROUNDED)]
    if dtype not in programs:
        programs[dtype] = with_numba(w.program(results))
        assert [i.name for i in programs[dtype].instructions] == ["numba"]
    with np.errstate(all="ignore"):
        found = run(programs[dtype], [a, b])
    return [(n, f, w.values[v]) for n, f, v in zip((*EXACT, *ROUNDED), found, results, strict=True)]


def drawn(dtype: str) -> Any:
    width = 32 if dtype == "f4" else 64
    number = st.sampled_from(SPECIAL) | st.floats(width=width)
    return st.lists(number, min_size=COUNT, max_size=COUNT).map(
        lambda xs: np.array(xs, "f8").astype(dtype)
    )


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@given(data=st.data())
def test_bits_are_numpys(dtype: str, data: Any) -> None:
    """All bits of what rounds once, but for NaN's; else the sign where it is not NaN."""
    a, b = data.draw(drawn(dtype)), data.draw(drawn(dtype))
    for name, found, expected in both(dtype, a, b):
        if found.dtype.kind != "f":
            np.testing.assert_array_equal(found, expected, err_msg=name)
            continue
        np.testing.assert_array_equal(np.isnan(found), np.isnan(expected), err_msg=name)
        there = ~np.isnan(expected)
        if name in ("maximum", "minimum"):
            there &= ~((a == 0) & (b == 0))  # either zero is right, and NumPy's own loops differ
        signs = np.signbit(found[there]), np.signbit(expected[there])
        np.testing.assert_array_equal(*signs, err_msg=f"{name}: {a} {b}")
        if name in EXACT:
            np.testing.assert_array_equal(found[there], expected[there], err_msg=name)
