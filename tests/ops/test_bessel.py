"""The modified Bessel functions I₀ and I₁ beside PyTorch's, and at their ends."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.ops.test_reduce import curvature, slope

torch = pytest.importorskip("torch", reason="PyTorch comes with the extra `oracle`")

X = np.concatenate([np.linspace(-30, 30, 601), [1e-300, -1e-8, 1e-3, 100.0, 300.0, -700.0]])


def test_values_and_slopes_are_pytorchs():
    t = torch.tensor(X, requires_grad=True)
    np.testing.assert_allclose(tg.i0(X), torch.special.i0(t).detach(), 1e-14)
    np.testing.assert_allclose(tg.i1(X), torch.special.i1(t).detach(), 1e-13)
    torch.special.i0(t).sum().backward()
    np.testing.assert_allclose(slope(lambda z: tg.sum(tg.i0(z)), X), t.grad.numpy(), 1e-13)
    t.grad = None
    torch.special.i1(t).sum().backward()
    np.testing.assert_allclose(slope(lambda z: tg.sum(tg.i1(z)), X), t.grad.numpy(), 1e-12)


def test_second_derivatives_at_0():
    zero = np.zeros(1)
    np.testing.assert_array_equal(curvature(lambda z: tg.sum(tg.i0(z)), zero), [[0.5]])
    np.testing.assert_array_equal(curvature(lambda z: tg.sum(tg.i1(z)), zero), [[0.0]])


def test_nan_and_infinity():
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(
            tg.i1(np.array([np.nan, 800.0, -800.0])), [np.nan, np.inf, -np.inf]
        )


def test_numbers_have_the_gradients_of_arrays():
    for f in (tg.i0, tg.i1):
        a, x = tg.Value(1.5), tg.tensor(1.5, requires_grad=True, dtype="float64")
        f(a).backward()
        f(x).backward()
        assert a.grad == pytest.approx(float(x.grad), rel=1e-14)
