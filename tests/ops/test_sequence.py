"""Convolution, interpolation, phases and polynomials beside NumPy and by hand."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.ops.test_reduce import slope
from tinygrad_nn.errors import OptionError, ShapeError

torch = pytest.importorskip("torch", reason="PyTorch comes with the extra `oracle`")


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize(
    ("n", "m"), [(1, 1), (6, 1), (1, 4), (6, 3), (6, 4), (3, 6), (4, 5), (5, 5)]
)
def test_convolution_of_any_lengths_is_numpys(rng, n, m, mode):
    a, v = rng.normal(size=n), rng.normal(size=m)
    np.testing.assert_allclose(tg.convolve(a, v, mode), np.convolve(a, v, mode))
    np.testing.assert_allclose(tg.correlate(a, v, mode), np.correlate(a, v, mode))


def test_correlation_has_the_gradients_of_pytorchs_convolution(rng):
    a, v, weights = rng.normal(size=9), rng.normal(size=4), rng.normal(size=6)
    x, k = torch.tensor(a, requires_grad=True), torch.tensor(v, requires_grad=True)
    torch.conv1d(x[None, None], k[None, None]).flatten().dot(torch.tensor(weights)).backward()
    got = slope(lambda z: tg.sum(tg.correlate(z, v) * weights), a)
    np.testing.assert_allclose(got, x.grad.numpy())
    got = slope(lambda z: tg.sum(tg.correlate(a, z) * weights), v)
    np.testing.assert_allclose(got, k.grad.numpy())


def test_convolution_refuses_what_is_no_pair_of_vectors():
    x = tg.tensor([1.0, 2.0])
    np.testing.assert_array_equal(tg.convolve(x, [1, 1]), [1, 3, 2])
    np.testing.assert_array_equal(tg.convolve(x, 3.0), [3, 6])
    with pytest.raises(ShapeError, match=r"convolve: got the shapes \(2,\) and \(0,\)"):
        tg.convolve(x, np.zeros(0))
    with pytest.raises(ShapeError, match="correlate: got the shapes"):
        tg.correlate(x, np.zeros((2, 2)))
    with pytest.raises(OptionError, match="got mode='all'"):
        tg.convolve(x, x, "all")


XP, FP = np.array([0.0, 1.0, 3.0]), np.array([1.0, 3.0, -1.0])


def test_interpolation_at_knots_and_outside():
    x = np.array([-np.inf, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0, np.inf, np.nan])
    np.testing.assert_allclose(tg.interp(x, XP, FP), np.interp(x, XP, FP))
    got = slope(lambda z: tg.sum(tg.interp(z, XP, FP)[:-1]), x)
    # To the right of a knot, to the left of the last; 0 outside, also at infinity.
    np.testing.assert_array_equal(got, [0, 0, 2, 2, -2, -2, -2, 0, 0, 0])
    got = slope(lambda z: tg.sum(tg.interp(x[:-1], XP, z)), FP)
    np.testing.assert_allclose(got, [3.5, 2.0, 3.5])
    got = slope(lambda z: tg.sum(tg.interp(x[:-1], z, FP)), XP)
    assert np.all(np.isfinite(got))


def test_interpolation_with_ends_with_a_period_and_of_one_knot(rng):
    x = rng.uniform(-9, 9, (4, 5))
    np.testing.assert_allclose(tg.interp(x, XP, FP, -5, 7.0), np.interp(x, XP, FP, -5, 7.0))
    for period in (3.5, -4.5):
        want = np.interp(x, XP[::-1], FP, period=period)
        np.testing.assert_allclose(tg.interp(x, XP[::-1], FP, period=period), want)
    # Knots that are a tensor, and values that are none.
    assert float(tg.interp(0.5, tg.tensor(XP[:1]), FP[:1], period=2.0)) == 1.0
    np.testing.assert_array_equal(
        tg.interp(x, XP[:1], FP[:1], 0.0), np.interp(x, XP[:1], FP[:1], 0.0)
    )
    assert float(tg.interp(0.5, XP, tg.tensor(FP))) == 2.0
    left = tg.tensor(2.0, requires_grad=True)
    tg.interp(tg.tensor(-1.0), XP, FP, left=left).backward()
    assert float(left.grad) == 1.0
    with pytest.raises(ShapeError, match="interp: got knots of shape"):
        tg.interp(x, XP, FP[:2])
    with pytest.raises(OptionError, match="period=0"):
        tg.interp(x, XP, FP, period=0)


def test_unwrapped_phases_with_a_discontinuity_of_ones_own(rng):
    x = rng.uniform(-20, 20, (3, 8))
    for discont in (None, 1.0, 5.0):
        np.testing.assert_allclose(tg.unwrap(x, discont), np.unwrap(x, discont))
    np.testing.assert_array_equal(slope(lambda z: tg.sum(tg.unwrap(z)), x), 1)


# ── Polynomials ─────────────────────────────────────────────────────────────────────────


def test_polynomials_differentiate_as_polyder_says(rng):
    p, x = rng.normal(size=5), rng.normal(size=(2, 3))
    got = slope(lambda z: tg.sum(tg.polyval(p, z)), x)
    np.testing.assert_allclose(got, tg.polyval(tg.polyder(p), x))
    np.testing.assert_allclose(tg.polyder(tg.polyint(p, 3, [1, 2, 3]), 3), p)
    by_powers = slope(lambda z: tg.sum(tg.polyval(z, x)), p)
    np.testing.assert_allclose(by_powers, np.vander(x.ravel(), 5).sum(0))
    np.testing.assert_allclose(tg.matmul(tg.vander(x[0], 5), p), tg.polyval(p, x[0]))


def test_polynomials_of_value_numbers():
    x = tg.Value(2.0)
    y = tg.polyval([3.0, 1.0, -1.0], x)
    y.backward()
    assert (y.data, x.grad) == (13.0, 13.0)


def test_arithmetic_of_polynomials(rng):
    p, q, x = rng.normal(size=4), rng.normal(size=2), rng.normal(size=7)
    for made, want in (
        (tg.polyadd(q, p), np.polyval(p, x) + np.polyval(q, x)),
        (tg.polysub(q, p), np.polyval(q, x) - np.polyval(p, x)),
        (tg.polymul(p, q), np.polyval(p, x) * np.polyval(q, x)),
    ):
        np.testing.assert_allclose(tg.polyval(made, x), want)
    # NumPy drops zeros in front, and with them their gradients.
    np.testing.assert_array_equal(tg.polymul(np.array([0.0, 1.0]), np.ones(2)), [0, 1, 1])


def test_polynomials_refuse_what_has_no_meaning():
    p = tg.tensor([1.0, 2.0])
    with pytest.raises(OptionError, match="polyder: got m=-1"):
        tg.polyder(p, -1)
    with pytest.raises(OptionError, match="polyint: got 2 constants"):
        tg.polyint(p, 3, [1.0, 2.0])
    with pytest.raises(OptionError, match="vander: got N=-1"):
        tg.vander(p, -1)
    with pytest.raises(ShapeError, match="polyadd: got shape"):
        tg.polyadd(p, np.ones((2, 2)))
    assert tg.polyder(p, 5).shape == np.polyder(np.array([1.0, 2.0]), 5).shape == (0,)
