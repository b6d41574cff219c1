"""Points without a derivative that no coordinate shows, and gradients impossible together."""

from __future__ import annotations

import numpy as np
import pytest

from tests.testing.corpus.case import noise
from tinygrad_nn.testing import Verdict, gradcheck


def verdict(f, grad, *inputs):
    with np.errstate(all="ignore"):
        return str(gradcheck(f, *inputs, grad=grad).verdict)


def middle(x):
    return np.sort(x)[(len(x) - 1) // 2]


def first_middle(x):
    share = np.zeros_like(x)
    share[np.argsort(x, kind="stable")[(len(x) - 1) // 2]] = 1.0
    return share


def unsort(x, c):
    out = np.zeros_like(x)
    out[np.argsort(x, kind="stable")] = c
    return out


@pytest.mark.parametrize("size", [0.0, 1.0, -3.0, 1e-30, 1e9])
@pytest.mark.parametrize("count", [3, 4, 5, 6])
def test_a_median_of_ties_is_straight_along_each_line_and_has_no_derivative(size, count):
    x = np.full(count, size)
    assert verdict(middle, first_middle, x) == "kink"
    assert verdict(middle, lambda x: (x == middle(x)) / np.sum(x == middle(x)), x) == "kink"
    assert verdict(middle, lambda x: 1.3 * first_middle(x), x) == "fail"
    assert verdict(middle, lambda x: first_middle(x) - 0.1, x) == "fail"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [0.0, 1.0, 5.0, 1e-6])
def test_ties_in_few_digits(dtype, size):
    assert verdict(middle, first_middle, np.full(3, size, dtype)) == "kink"
    assert verdict(np.sort, unsort, np.full(4, size, dtype)) == "kink"


@pytest.mark.parametrize("count", [3, 6, 10, 16, 18])
def test_sorted_ties(count):
    assert verdict(np.sort, unsort, np.ones(count)) == "kink"
    assert verdict(np.sort, lambda x, c: 1.1 * unsort(x, c), np.ones(count)) == "fail"


def test_ties_in_many_rows():
    def grad(x, c):
        return np.stack([0 * c, c, 0 * c], axis=1)

    rows = np.ones((10, 3))
    assert verdict(lambda x: np.median(x, axis=1), grad, rows) == "kink"
    assert verdict(lambda x: np.median(x, axis=1), lambda x, c: 1.01 * grad(x, c), rows) == "fail"


@pytest.mark.parametrize("other", [1e-8, 1e8])
def test_ties_beside_an_input_of_another_size(other):
    def f(x, y):
        return middle(x) + y * min(1.0, 1 / other)

    def grad(x, y):
        return first_middle(x), min(1.0, 1 / other)

    assert verdict(f, grad, np.zeros(3), np.array(other)) == "kink"


@pytest.mark.parametrize("factor", [1.0, 1e4, 1e6])
def test_slopes_that_only_come_near_are_none_at_a_kink(factor):
    """x |y| has slopes of up to |y| along x nearby, and 0 alone at y = 0."""
    found = verdict(
        lambda x, y: factor * x * np.abs(y), lambda x, y: (factor * 1e-7, 0.0), 1.0, 0.0
    )
    assert found == "fail"


@pytest.mark.parametrize("rate", [1e5, 1e6, 1e7, 1e8])
def test_a_wave_beside_a_kink_of_another_coordinate(rate):
    def f(x, y):
        return np.abs(y) + np.sin(rate * x) / rate

    for slip, said in ((1.0, "kink"), (1.05, "fail")):
        grad = lambda x, y: (slip * np.cos(rate * x), np.sign(y))  # noqa: B023, E731
        assert verdict(f, grad, 0.3, 0.0) == said


def test_a_function_homogeneous_but_not_linear():
    def f(x, y):
        return x * x * y / (x * x + y * y) if x or y else np.float64(0.0)

    assert verdict(f, lambda x, y: (0.3, 0.5), 0.0, 0.0) == "kink"
    assert verdict(f, lambda x, y: (0.0, 1.2), 0.0, 0.0) == "fail"


@pytest.mark.parametrize("size", [0.0, 1.0, -2.0])
@pytest.mark.parametrize("f", [np.max, np.min, middle])
def test_shares_of_ties_that_do_not_add_up(f, size):
    x = np.full(3, size)
    assert verdict(f, lambda x: (x == f(x)) / np.sum(x == f(x)), x) == "kink"
    assert verdict(f, lambda x: (x == f(x)) * 1.0, x) == "fail"


def test_shares_of_a_maximum_norm():
    def f(x):
        return np.abs(x).max()

    x = np.array([3.0, -3.0, 1.0])
    assert verdict(f, lambda x: np.array([0.5, -0.5, 0.0]), x) == "kink"
    assert verdict(f, lambda x: np.sign(x) * (np.abs(x) == f(x)), x) == "fail"


@pytest.mark.parametrize("scale", [1e-20, 1e-10, 1.0, 1e10])
@pytest.mark.parametrize("rate", [1e8, 1e10])
def test_a_wave_is_no_rounding_however_small_f_is(scale, rate):
    def f(x):
        z = rate * x
        return scale * (x + 100 * (2 * np.abs(z - np.floor(z + 0.5)) - 0.5) / rate)

    assert verdict(f, lambda x: np.float64(scale), np.array(1 / 3)) == "fail"


@pytest.mark.parametrize("part", [1e-4, 1e-3, 1e-2])
def test_a_noisy_gradient_is_not_its_own_rounding(part):
    def grad(x):
        return np.cos(x) + part * noise(x)

    assert verdict(lambda x: np.sin(x).sum(), grad, np.array([0.3, 0.4, 0.5])) == "fail"


@pytest.mark.parametrize("part", [1e-4, 1e-3, 3e-3])
def test_noise_is_not_granted_for_a_larger_gradient_beside(part):
    large = np.array([100.0, 1e-2, 1.0])

    def grad(x):
        return large * np.cos(x) + np.array([0.0, part * (noise(x[1]) + 1 / 9), 0.0])

    assert verdict(lambda x: large @ np.sin(x), grad, np.array([0.3, 0.4, 0.5])) == "fail"


def test_a_difference_of_equal_sums_is_rounding():
    def f(x):
        return np.log(np.exp(x).sum()) - np.log(np.exp(x - 1).sum()) - 1

    def grad(x):
        return np.exp(x) / np.exp(x).sum() - np.exp(x - 1) / np.exp(x - 1).sum()

    assert verdict(f, grad, np.random.default_rng(3).standard_normal(3)) != "fail"


@pytest.mark.parametrize("slip", [0.0, 1e-7])
def test_gradients_that_cancel_may_each_be_rounded(slip):
    def f(x):
        return np.abs(x[0] - x[1])

    assert verdict(f, lambda x: np.array([0.3, -0.3 - slip]), np.ones(2)) == "kink"
    assert verdict(f, lambda x: np.array([0.3, -0.2]), np.ones(2)) == "fail"


@pytest.mark.parametrize(("shares", "verdict"), [
    ((0.0, 0.0, 0.0), Verdict.FAIL), ((1.0, 1.0, 1.0), Verdict.FAIL),
    ((1.0, 0.0, 0.0), Verdict.KINK), ((1 / 3, 1 / 3, 1 / 3), Verdict.KINK),
])  # fmt: skip
def test_the_gradients_of_a_median_of_ties_add_up_to_one(shares, verdict):
    """Each of its slopes is 0, so that none of them shows it."""

    def median(a, b, c):
        return float(np.median([a, b, c]))

    def grad(a, b, c):
        return shares if a == b == c else tuple(float(x == median(a, b, c)) for x in (a, b, c))

    assert gradcheck(median, *[np.array(1.0)] * 3, grad=grad).verdict is verdict


@pytest.mark.parametrize("x", [9.0, 9.5, 15.5, 17.0, 18.0])
def test_saturated_tanh_is_no_fault(x):
    """Its slope 1 - tanh(x)**2 comes in stairs there."""
    assert gradcheck("tanh", np.array([x, -x]), order=2).verdict is not Verdict.FAIL


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_norm_at_zero_has_gradients_of_length_one_at_most(count):
    def norm(x):
        return np.sqrt(np.sum(x * x))

    x = np.zeros(count)
    for fits in (0.0, 0.5, 1.0):
        assert verdict(norm, lambda x, c=fits: np.full(count, c / np.sqrt(count)), x) == "kink"
    assert verdict(norm, lambda x: np.eye(count)[0], x) == "kink"
    assert verdict(norm, lambda x: np.ones(count) * (1 if count > 2 else 1.2), x) == "fail"
    l1 = lambda x: np.abs(x).sum()  # noqa: E731
    assert verdict(l1, lambda x: np.ones(count), x) == "kink"
    assert verdict(l1, lambda x: (-1.0) ** np.arange(count), x) == "kink"


def test_slopes_that_cancel_along_a_line_may_all_be_those_of_one_side():
    """2 relu(x) - relu(y) moved alike has slopes up to 1; with relu'(0) of 1 and 0 they make 2."""

    def f(x, y):
        return 2 * np.maximum(x, 0) - np.maximum(y, 0)

    for ends in ((2.0, 0.0), (0.0, -1.0), (2.0, -1.0), (0.0, 0.0), (1.0, -0.5)):
        assert verdict(f, lambda x, y, ends=ends: ends, 0.0, 0.0) == "kink"


@pytest.mark.parametrize("size", [1.0, 1e6])
def test_a_mask_of_both_maxima_beside_an_input_of_another_size(size):
    def f(a, b, c):
        return np.maximum(a, b) * np.cos(10 * c)

    def mask(a, b, c):
        return np.cos(10 * c), np.cos(10 * c), -10 * np.maximum(a, b) * np.sin(10 * c)

    assert verdict(f, mask, size, size, 1e-3) == "fail"
