"""Saturated and quantised functions: their values come in steps, and are flat within each."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinygrad_nn.testing import gradcheck


def verdict(f, grad, x):
    with np.errstate(all="ignore"):
        return str(gradcheck(f, np.array(x), grad=grad, laws=False).verdict)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


SATURATED = {
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "1 - tanh": (lambda x: 1 - np.tanh(x), lambda x: np.tanh(x) ** 2 - 1),
    "1 - tanh**2": (
        lambda x: 1 - np.tanh(x) ** 2,
        lambda x: -2 * np.tanh(x) * (1 - np.tanh(x) ** 2),
    ),
    "sigmoid": (sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x))),
    "1 - sigmoid": (lambda x: 1 - sigmoid(x), lambda x: -sigmoid(x) * (1 - sigmoid(x))),
    "log sigmoid": (lambda x: np.log(sigmoid(x)), lambda x: 1 - sigmoid(x)),
    "log(1 + exp)": (lambda x: np.log(1 + np.exp(x)), sigmoid),
    "log cosh": (lambda x: np.log(np.cosh(x)), np.tanh),
}


@pytest.mark.parametrize("factor", [1.0, 1e6, 1e-6])
@pytest.mark.parametrize("name", SATURATED)
def test_a_saturated_function_is_right_in_all_its_digits(name, factor):
    f, grad = SATURATED[name]
    for size in (8.0, 15.0, 16.0, 17.5, 18.8, 19.0, 30.0, 37.0, 100.0):
        for x in (size, -size):
            assert verdict(lambda x: factor * f(x), lambda x: factor * grad(x), x) == "pass", x


@pytest.mark.parametrize("factor", [1.0, 1e6])
def test_a_wrong_slope_of_a_saturated_function_is_not_passed(factor):
    for name in ("1 - tanh", "1 - sigmoid"):
        f, grad = SATURATED[name]
        for x in (8.0, 12.0, 14.0):
            for wrong in (2.0, -1.0, 0.9):
                claim = wrong * factor * grad(np.float64(x))
                assert verdict(lambda x, f=f: factor * f(x), lambda x, c=claim: c, x) != "pass"


@pytest.mark.parametrize("factor", [1.0, 1e3, 1e6])
def test_flat_beside_what_is_large_is_flat(factor):
    for f in (lambda x: factor * np.maximum(x, 0.0), lambda x: factor * (x > 0)):
        assert verdict(f, lambda x: 1e-9, -1.0) == "fail"
        assert verdict(f, lambda x: 0.0, -1.0) == "pass"


@pytest.mark.parametrize("steps", [1, 8, 127, 255, 1000, 10_000])
@pytest.mark.parametrize("x", [0.301, -1.7003, 12.3401])
def test_a_function_that_is_quantised_has_no_slope(x, steps):
    """Many steps look like rounding from afar, and are not called wrong."""

    def f(x):
        return np.round(x * steps) / steps

    assert verdict(f, lambda x: 0.0, x) in ("pass", "inconclusive")
    if steps <= 8:
        assert verdict(f, lambda x: 0.0, x) == "pass"
        assert verdict(f, lambda x: 1.0, x) == "fail"


def test_what_is_rounded_to_float32_has_the_slope_that_was_meant():
    def f(x):
        return float(np.sin(np.float32(x)))

    for x in (0.3, -1.7, 12.34):
        assert verdict(f, np.cos, x) == "pass"
        assert verdict(f, lambda x: 0.0, x) == "fail"


def gelu(x):
    return np.array([0.5 * v * (1 + math.erf(v / math.sqrt(2))) for v in x])


def gelu_grad(x, c):
    bell = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return c * (gelu(x) / x + x * bell)


def test_a_straight_stretch_within_a_step_is_not_the_slope():
    """Of x erf(x) at -8 the values of erf come in steps, and x goes on within each."""
    x = -np.array([6.2, 6.9, 7.7, 8.3, 8.7, 9.0, 12.0, 30.0])
    assert verdict(gelu, gelu_grad, x) == "pass"
    assert verdict(gelu, lambda x, c: -gelu_grad(x, c), x) == "fail"
    assert verdict(gelu, lambda x, c: 1.01 * gelu_grad(x, c), x[:2]) == "fail"


def test_a_slope_that_the_largest_input_rounds_away():
    def f(z):
        return np.log(np.exp(z - z.max()).sum()) + z.max() - z[0]

    def grad(z):
        e = np.exp(z - z.max())
        return np.array([-e[1:].sum(), e[1], e[2]]) / e.sum()

    assert verdict(f, grad, [30.0, 0.0, 1.0]) == "pass"
    assert verdict(f, lambda z: grad(z) + 1e-9, [30.0, 0.0, 1.0]) == "fail"


def test_a_sum_of_what_is_centred_is_nothing_but_rounding():
    def f(x):
        return (x - x.mean()).sum()

    assert verdict(f, lambda x: np.array([1e-16, -1e-16, 0.0]), [1.0, 2.0, 4.0]) == "pass"
    assert verdict(f, lambda x: np.array([1e-9, 0.0, 0.0]), [1.0, 2.0, 4.0]) != "pass"


def test_noise_at_x_is_no_jump():
    """As of an iteration that ends a little elsewhere at each point."""

    def f(x):
        return np.sin(x) + 1e-9 * (x != 1.0)

    assert verdict(f, np.cos, 1.0) in ("pass", "inconclusive")
    assert verdict(f, lambda x: 1.02 * np.cos(x), 1.0) == "fail"
    assert verdict(lambda x: np.sin(x) + 1e-3 * (x > 1.0), np.cos, 1.0) == "kink"


def test_chaos_is_not_called_wrong():
    def f(r, steps=50):
        x, slope = 0.3, 0.0
        for _ in range(steps):
            x, slope = r * x * (1 - x), x * (1 - x) + r * (1 - 2 * x) * slope
        return x, slope

    for steps, expected in ((10, "pass"), (30, "pass"), (50, "inconclusive")):
        value, slope = (lambda r, n=steps, k=k: f(r, n)[k] for k in (0, 1))
        assert verdict(value, slope, 3.9) == expected


def test_float16_inside_is_not_called_wrong():
    half = np.float16
    weights = np.random.default_rng(0).normal(size=(3, 5)).astype(half)

    def f(x):
        return (weights @ x.astype(half)).astype(float)

    def grad(x, c):
        return weights.astype(float).T @ c

    x = np.random.default_rng(9).normal(size=5)
    assert verdict(f, grad, x) in ("pass", "inconclusive")
    assert verdict(f, lambda x, c: -grad(x, c), x) == "fail"
