"""Attention's kernels on scores of any size, against the formula in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_nn.backends import attention as kernels

EVERY = np.asarray(True)


def drawn(seed: int, length: int, keys: int, size: float) -> tuple[Any, Any, Any, Any]:
    """Queries, keys, values, and a gradient; scores of about `size` by the scale 1."""
    rng = np.random.default_rng(seed)
    shapes = (length, 4), (keys, 4), (keys, 3), (length, 3)
    q, k, v, g = (rng.normal(size=(2, 3, *shape)).astype(np.float32) for shape in shapes)
    return q * np.float32(size), k, v, g


def formula(q: Any, k: Any, mask: Any, causal: bool) -> Any:
    """Weights in float64."""
    scores = q.astype(np.float64) @ k.astype(np.float64).mT
    scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    if causal:
        scores = np.where(kernels.causal_mask(*scores.shape[-2:]), scores, -np.inf)
    top = scores.max(-1, keepdims=True)
    powers = np.exp(scores - np.where(np.isfinite(top), top, 0.0))
    sums = powers.sum(-1, keepdims=True)
    return powers / np.where(sums == 0, 1.0, sums)


def near(found: Any, expected: Any, size: float) -> bool:
    """Whether rounding explains the difference: that of the scores grows with them."""
    bound = 2e-5 * (1 + size) * (1 + np.abs(expected).max())
    return bool(np.isfinite(found).all() and np.abs(found - expected).max() <= bound)


def right(q: Any, k: Any, v: Any, g: Any, mask: Any, causal: bool, size: float) -> bool:
    """Whether value and gradients are those of the formula."""
    p = formula(q, k, mask, causal)
    y = p @ v
    ds = p * (g @ v.mT - (g * y).sum(-1, keepdims=True))
    found = kernels.attention(q, k, v, mask, causal, 1.0)
    delta = (g * found).sum(-1, keepdims=True)
    slopes = kernels.attention_slope(g, delta, q, k, v, mask, causal, 1.0)
    expected = ds @ k, ds.mT @ q, p.mT @ g
    larger = size * (1 + size)  # of dk, which is by q once more
    return near(found, y, size) and all(
        near(a, b, larger) for a, b in zip(slopes, expected, strict=True)
    )


sizes = st.sampled_from([1e-3, 1.0, 8.0, 40.0])
sides = st.integers(1, 70)
seeds = st.integers(0, 2**16)


@given(seeds, sides, sides, sizes, st.booleans(), st.sampled_from(["all", "some", "few", "row"]))
def test_scores_of_any_size(
    seed: int, length: int, keys: int, size: float, causal: bool, kind: str
) -> None:
    q, k, v, g = drawn(seed, length, keys, size)
    rng = np.random.default_rng(seed + 1)
    masks = {
        "all": EVERY,
        "some": rng.random((length, keys)) < 0.7,
        "few": rng.random((2, 3, length, keys)) < 0.05,
        "row": rng.random((length, 1)) < 0.5,
    }
    assert right(q, k, v, g, masks[kind], causal, size)


@given(seeds, sides, sides, st.booleans(), st.floats(-300, 300))
def test_what_is_added_to_a_whole_row_changes_nothing(
    seed: int, length: int, keys: int, causal: bool, shift: float
) -> None:
    q, k, v, g = drawn(seed, length, keys, 1.0)
    level = np.full((length, 1), shift, np.float32)
    assert right(q, k, v, g, level, causal, 1.0 + abs(shift) / 8)


def test_powers_out_of_range_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    q, k, v, g = drawn(0, 9, 9, 1.0)
    level = np.full((9, 1), -300.0, np.float32)
    assert right(q, k, v, g, level, True, 40.0)
    monkeypatch.setattr(kernels, "_LEAST", -1.0)
    with np.errstate(all="ignore"):
        assert not right(q, k, v, g, level, True, 40.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_spoil_their_rows_alone(bad: float) -> None:
    q, k, v, _ = drawn(1, 12, 12, 1.0)
    expected = kernels.attention(q, k, v, EVERY, True, 1.0)
    q[0, 0, 5, 0] = bad
    with np.errstate(all="ignore"):
        found = kernels.attention(q, k, v, EVERY, True, 1.0)
    assert np.isnan(found[0, 0, 5]).any()
    assert np.allclose(np.delete(found[0, 0], 5, 0), np.delete(expected[0, 0], 5, 0), atol=1e-6)
