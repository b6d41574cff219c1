"""Large Jacobians: wrong elements are found and named, many kinks are told as kinks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.extents import share
from tinygrad_nn.errors import CheckError
from tinygrad_nn.testing import Verdict, gradcheck

ROWS, COLUMNS = 200, 120
W = np.random.default_rng(1).standard_normal((ROWS, COLUMNS))
X = np.random.default_rng(2).standard_normal(COLUMNS)


def linear(claimed: Any) -> Any:
    return gradcheck(lambda x: W @ x, X, grad=lambda x, c: claimed.T @ c)


def first_wrong(report: Any) -> Any:
    """What a message is about; other sums that the same element makes wrong follow."""
    return next(e for e in report.elements if e.verdict is Verdict.FAIL)


@share(100)
@given(
    st.integers(0, ROWS - 1), st.integers(0, COLUMNS - 1),
    st.sampled_from([1.0001, 1.01, 0.0, -1.0, 2.0, 100.0]),
)  # fmt: skip
@example(106, 57, 1.0001)  # within the tolerance of a sum
def test_one_wrong_element_is_named(row: int, column: int, factor: float) -> None:
    claimed = W.copy()
    claimed[row, column] *= factor
    report = linear(claimed)
    found = first_wrong(report)
    assert (found.output_index, found.index) == ((row,), (column,))
    assert found.numeric == pytest.approx(W[row, column], abs=1e-6)


@share(50)
@given(st.sets(st.tuples(st.integers(0, ROWS - 1), st.integers(0, COLUMNS - 1)), min_size=2,
               max_size=50))  # fmt: skip
def test_one_of_several_wrong_elements_is_named(places: set[tuple[int, int]]) -> None:
    claimed = W.copy()
    for place in places:
        claimed[place] += 0.1
    found = first_wrong(linear(claimed))
    assert (found.output_index[0], found.index[0]) in places


def test_a_wrong_row_and_a_wrong_column() -> None:
    for where in ((7, slice(None)), (slice(None), 9)):
        claimed = W.copy()
        claimed[where] *= 1.01
        assert linear(claimed).verdict is Verdict.FAIL


def test_the_right_one_passes() -> None:
    report = linear(W)
    assert report.verdict is Verdict.PASS
    assert not report.dense


def relu(x: Any) -> Any:
    return np.maximum(x, 0)


def relu_grad(x: Any, c: Any) -> Any:
    return c * (x > 0)


def pooled(x: Any) -> Any:
    return x.reshape(-1, 4).max(1)


def pooled_grad(x: Any, c: Any) -> Any:
    return (np.eye(4)[x.reshape(-1, 4).argmax(1)] * c[:, None]).ravel()


HALF = np.where(np.arange(600) % 2, np.random.default_rng(3).standard_normal(600), 0.0)


@pytest.mark.parametrize(
    ("f", "grad", "x"),
    [
        (relu, relu_grad, HALF),
        (lambda x: relu(x).sum(), lambda x: relu_grad(x, 1.0), HALF),
        (lambda x: relu(W @ x), lambda x, c: W.T @ relu_grad(W @ x, c), np.zeros(COLUMNS)),
        (pooled, pooled_grad, np.zeros(600)),
        (pooled, pooled_grad, np.repeat(X[:100], 4)),
        (lambda x: np.abs(x).sum(), np.sign, np.zeros(600)),
    ],
    ids=["relu", "sum of relu", "layer at 0", "pool of zeros", "pool of ties", "sum of abs"],
)
def test_many_kinks_are_kinks(f: Any, grad: Any, x: Any) -> None:
    report = gradcheck(f, x, grad=grad)
    assert report.verdict is Verdict.KINK
    assert report.ok


def test_a_wrong_element_beside_many_kinks() -> None:
    at = int(HALF.argmax())

    def wrong(x: Any, c: Any) -> Any:
        return relu_grad(x, c) * np.where(np.arange(x.size) == at, 1.01, 1.0)

    for f, grad in ((relu, wrong), (lambda x: relu(x).sum(), lambda x: wrong(x, 1.0))):
        assert first_wrong(gradcheck(f, HALF, grad=grad)).index == (at,)


def test_no_kinks_where_they_are_beside_the_point() -> None:
    report = gradcheck(relu, 1e-9 * np.random.default_rng(4).standard_normal(600), grad=relu_grad)
    assert report.verdict is Verdict.PASS


def test_one_of_a_million_is_found_in_bounded_work() -> None:
    x = np.random.default_rng(5).standard_normal(1_000_000)
    spoilt = np.where(np.arange(x.size) == 4242, 1.0001, 1.0)
    report = gradcheck(lambda x: (x * x).sum(), x, grad=lambda x: 2 * x * spoilt)
    assert first_wrong(report).index == (4242,)
    assert report.calls < 1000


# ── Points where f has no derivative though it is straight along each coordinate ──────────


TRIPLES = np.repeat(X[:100], 3)
ALIKE = np.repeat(X[:100, None], 3, axis=1)


def unsort(x: Any, c: Any) -> Any:
    out = np.zeros_like(x)
    out[np.argsort(x, kind="stable")] = c
    return out


def medians(x: Any) -> Any:
    return np.median(x, axis=1)


def middle_of_each(x: Any, c: Any) -> Any:
    return np.stack([0 * c, c, 0 * c], axis=1)


def shared_by_all(x: Any, c: Any) -> Any:
    return np.repeat(c[:, None] / 3, 3, axis=1)


def dotted(x: Any) -> Any:
    return np.sort(x) @ np.arange(300.0)


TIES: list[Any] = [
    (np.sort, unsort, (TRIPLES,)),
    (medians, middle_of_each, (ALIKE,)),
    pytest.param(medians, middle_of_each, (np.zeros((120, 3)),), marks=pytest.mark.slow),
    pytest.param(medians, shared_by_all, (np.zeros((120, 3)),), marks=pytest.mark.slow),
    (np.sort, unsort, (np.round(np.random.default_rng(11).standard_normal(300), 1),)),
    (dotted, lambda x: unsort(x, np.arange(300.0)), (TRIPLES,)),
    (np.maximum, lambda a, b, c: (c * (a >= b), c * (a < b)), (HALF, HALF)),
    pytest.param(np.maximum, lambda a, b, c: (c / 2, c / 2), (HALF, HALF), marks=pytest.mark.slow),
    (np.max, lambda x: (x == x.max()) / np.sum(x == x.max()), (np.ones(400),)),
]


@pytest.mark.parametrize(("f", "grad", "inputs"), TIES)
def test_ties_are_kinks_and_what_no_slope_nearby_is_fails(f: Any, grad: Any, inputs: Any) -> None:
    def more(*given: Any) -> Any:
        found = grad(*given)
        return tuple(1.2 * g for g in found) if isinstance(found, tuple) else 1.2 * found

    assert gradcheck(f, *inputs, grad=grad).verdict is Verdict.KINK
    assert gradcheck(f, *inputs, grad=more).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("f", "grad", "inputs"),
    [
        (np.maximum, lambda a, b, c: (c * (a >= b), c * (b >= a)), (HALF, HALF)),
        (
            lambda a, b: np.maximum(a, b).sum(),
            lambda a, b: ((a >= b) * 1.0, (b >= a) * 1.0),
            (HALF, HALF),
        ),
        (np.max, lambda x: (x == x.max()) * 1.0, (np.ones(400),)),
        (medians, lambda x, c: np.repeat(c[:, None], 3, axis=1), (ALIKE,)),
    ],
    ids=["maximum", "sum of maximum", "max", "median"],
)
def test_masks_of_all_maxima_are_wrong(f: Any, grad: Any, inputs: Any) -> None:
    assert gradcheck(f, *inputs, grad=grad).verdict is Verdict.FAIL


def test_a_flat_stretch_between_many_kinks_is_no_grain() -> None:
    x = np.random.default_rng(0).standard_normal(300)
    assert gradcheck(np.sort, x, grad=unsort).verdict is Verdict.PASS


@pytest.mark.parametrize("count", [105, 110, 122, 165, 210, 256])
def test_kinks_that_cancel_along_a_direction(count: int) -> None:
    x = np.random.default_rng(count).standard_normal(count)
    x[::5] = 0.0
    assert gradcheck(relu, x, grad=relu_grad).verdict is Verdict.KINK
    assert gradcheck(relu, x, grad=lambda x, c: 1.01 * relu_grad(x, c)).verdict is Verdict.FAIL


# ── What an architect found by reading ────────────────────────────────────────────────────


def test_a_gradient_of_nan_is_found_in_digits() -> None:
    pytest.importorskip("mpmath")
    x = np.linspace(1.0, 2.0, 300)
    spoilt = np.where(np.arange(300) == 77, np.nan, 1.0)
    report = gradcheck(lambda x: (x * x).sum(), x, grad=lambda x: 2 * x * spoilt, exact="mpmath")
    assert report.verdict is Verdict.FAIL


def test_a_tie_in_one_output_hides_no_mistake_in_another() -> None:
    x = np.concatenate([[1.0, 2.0, 4.0], np.arange(5.0, 302.0)])

    def f(x: Any) -> Any:
        return np.array([np.median([x[0], x[1] - 1, x[2] - 3]), (x * x).sum()])

    def grad(x: Any, c: Any) -> Any:
        return c[0] * np.where(np.arange(300) < 3, 1 / 3, 0.0) + c[1] * 2.02 * x

    for seed in range(4):
        report = gradcheck(f, x, grad=grad, seed=seed)
        assert report.verdict is Verdict.FAIL
        assert first_wrong(report).output_index == (1,)


def test_an_output_of_nan_hides_no_mistake_in_another() -> None:
    x = np.linspace(1.0, 2.0, 300)

    def f(x: Any) -> Any:
        return np.array([(x * x).sum(), np.nan])

    assert gradcheck(f, x, grad=lambda x, c: 2.02 * x * c[0]).verdict is Verdict.FAIL


def test_large_numbers_of_few_digits_are_moved_by_more_than_their_rounding() -> None:
    x = (1e8 + 8 * np.arange(300)).astype(np.float32)

    def f(x: Any) -> Any:
        return ((x.astype(np.float64) - 1e8) ** 2).sum()

    def grad(x: Any) -> Any:
        return 2 * (x.astype(np.float64) - 1e8)

    assert gradcheck(f, x, grad=grad).verdict is not Verdict.FAIL


def test_an_unknown_exact_is_refused_for_large_jacobians_too() -> None:
    with pytest.raises(CheckError, match="mpmht"):
        gradcheck(lambda x: (x * x).sum(), np.ones(300), grad=lambda x: 2 * x, exact="mpmht")


def test_one_input_and_thousands_of_outputs() -> None:
    w = np.linspace(1.0, 2.0, 10_000)
    report = gradcheck(lambda x: w * x, 1.5, grad=lambda x, c: w @ c)
    assert report.verdict is Verdict.PASS
    assert report.pulls < 300
