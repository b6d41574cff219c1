"""Ties, zeros, infinities and dtypes of elementwise operations: what the documents promise."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn.errors import OperandError

INF = float("inf")


def slopes(function: Callable[..., Any], *points: Any, weight: float = 1.0) -> list[float]:
    """Derivatives of `function` at numbers, for tensors and for Values, which must agree."""
    tensors = [tg.tensor(float(p), requires_grad=True, dtype="float64") for p in points]
    values = [tg.Value(float(p)) for p in points]
    with np.errstate(all="ignore"):
        function(*tensors).backward(np.asarray(weight))
        function(*values).backward(weight)
    found = [float(t.grad) for t in tensors]
    np.testing.assert_array_equal([v.grad for v in values], found)
    return found


def second(function: Callable[[Any], Any], x: float) -> float:
    """Second derivative at a number, by double backward, for tensors and Values."""
    found = []
    for node in (tg.tensor(float(x), requires_grad=True, dtype="float64"), tg.Value(float(x))):
        function(node).backward(create_graph=True)
        first, node.grad = node.grad, None
        if getattr(first, "requires_grad", False):  # else a constant, for Values a float
            first.backward()
        found.append(float(node.grad or 0.0))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12)
    return found[0]


# ── Choices at kinks and poles ──────────────────────────────────────────────────────────
AT_POINTS = [
    (tg.abs, (0,), [0]),
    (tg.relu, (0,), [0]),
    (tg.sign, (0,), [0]),
    (tg.sqrt, (0,), [INF]),
    (tg.log, (0,), [INF]),
    (tg.cbrt, (0,), [INF]),
    (lambda x: x**0, (0,), [0]),
    (lambda x: x**1, (0,), [1]),
    (lambda x: x**2, (0,), [0]),
    (lambda x: x**0.5, (0,), [INF]),
    (tg.pow, (0, 0), [0, 0]),
    (tg.pow, (0, 2), [0, 0]),
    (tg.pow, (0, 1), [1, 0]),
    (tg.maximum, (2, 2), [0.5, 0.5]),
    (tg.minimum, (2, 2), [0.5, 0.5]),
    (tg.maximum, (3, 2), [1, 0]),
    (tg.minimum, (3, 2), [0, 1]),
    (tg.fmax, (2, 2), [0.5, 0.5]),
    (tg.fmax, (2, np.nan), [1, 0]),
    (tg.fmin, (np.nan, 2), [0, 1]),
    (lambda x: tg.maximum(x, x), (2,), [1]),
    (tg.hypot, (0, 0), [0, 0]),
    (tg.hypot, (3e200, 4e200), [0.6, 0.8]),
    (tg.arctan2, (0, 0), [0, 0]),
    (tg.arctan2, (3e200, 0), [0, -1 / 3e200]),
    (tg.logaddexp, (-INF, -INF), [0.5, 0.5]),
    (tg.logaddexp, (INF, 0), [1, 0]),
    (tg.logaddexp, (800, 0), [1, 0]),
    (tg.heaviside, (0, 0.5), [0, 1]),
    (tg.heaviside, (2, 0.5), [0, 0]),
    (tg.copysign, (-3, 2), [-1, 0]),
    (tg.copysign, (0, 2), [0, 0]),
    (tg.remainder, (-7, 3), [1, 3]),
    (tg.fmod, (-7, 3), [1, 2]),
    (tg.sinc, (0,), [0]),
    (tg.xlogy, (0, 0), [0, 0]),
    (tg.xlogy, (0, 2), [np.log(2), 0]),
    (tg.xlog1py, (0, -1), [0, 0]),
    (lambda x: tg.clip(x, -1, 1), (1,), [1]),
    (lambda x: tg.clip(x, -1, 1), (2,), [0]),
    (tg.clip, (2, 0, 1), [0, 0, 1]),
    (tg.clip, (1, 0, 1), [1, 0, 0]),
    (tg.clip, (0, 3, 1), [0, 0, 1]),
    (tg.nan_to_num, (np.nan,), [0]),
    (tg.nan_to_num, (2,), [1]),
]


@pytest.mark.parametrize(("function", "points", "want"), AT_POINTS)
def test_slopes_at_special_points(function: Any, points: Any, want: Any):
    np.testing.assert_allclose(slopes(function, *points), want, rtol=1e-12)


@pytest.mark.parametrize(
    "function",
    [
        tg.relu,
        tg.floor,
        tg.ceil,
        tg.trunc,
        tg.rint,
        tg.round,
        tg.sign,
        lambda x: tg.where(x > 0, x, 0),
    ],
)
@pytest.mark.parametrize("weight", [INF, -INF, np.nan])
def test_where_the_slope_is_zero_nothing_comes_through(function: Any, weight: float):
    assert slopes(function, -1.5, weight=weight) == [0.0]


def test_a_condition_that_requires_a_gradient_holds_nothing_up():
    x = tg.tensor([1.0, 0.0], requires_grad=True)
    tg.where(x, 2 * x, 3 * x).sum().backward()
    np.testing.assert_array_equal(np.asarray(x.grad), [2, 3])


@pytest.mark.parametrize(
    ("function", "x", "want"),
    [
        (tg.sinc, 0.0, -(np.pi**2) / 3),
        (tg.sinc, 1e-9, -(np.pi**2) / 3),
        (lambda x: tg.logaddexp(x, 0.0), 0.0, 0.25),
        (lambda x: x**2, 0.0, 2.0),
        (lambda x: x**3, -2.0, -12.0),
        (lambda x: x**0, 0.0, 0.0),
        (lambda x: x**-1, 2.0, 0.25),
        (lambda x: 2.0**x, 1.0, 2 * np.log(2) ** 2),
        (lambda x: x**x, 1.0, 2.0),
        (lambda x: tg.hypot(x, 3.0), 4.0, 9 / 125),
        (lambda x: tg.arctan2(x, 1.0), 1.0, -0.5),
        (lambda x: tg.fmod(x * x, 3.0), 1.0, 2.0),
        (lambda x: tg.maximum(x * x, 1.0), 2.0, 2.0),
        (lambda x: tg.clip(x**3, 0, 20), 2.0, 12.0),
        (tg.lgamma, 1.0, np.pi**2 / 6),
        (tg.digamma, 1.0, -2 * 1.2020569031595942),
        (lambda x: tg.polygamma(1, x), 1.0, np.pi**4 / 15),
        (tg.log_ndtr, 0.0, -2 / np.pi),
        (tg.ndtri, 0.5, 0.0),
        (tg.erfinv, 0.0, 0.0),
        (tg.erf, 0.5, -2 / np.sqrt(np.pi) * np.exp(-0.25)),
    ],
)
def test_second_derivatives(function: Any, x: float, want: float):
    np.testing.assert_allclose(second(function, x), want, rtol=1e-12, atol=1e-14)


def test_the_mixed_derivative_of_a_power_at_exponent_zero():
    """d²(a^b)/da db = a^(b-1) (1 + b ln a), which is 1/a at b = 0."""
    a, b = (tg.tensor(v, requires_grad=True, dtype="float64") for v in (4.0, 0.0))
    (a**b).backward(create_graph=True)
    slope, b.grad = a.grad, None
    slope.backward()
    assert float(b.grad) == 0.25


# ── Powers, dtypes ──────────────────────────────────────────────────────────────────────
UNARY = [
    "abs arccos arcsin arcsinh arctan arctanh cbrt ceil celu cos cosh deg2rad digamma elu entr",
    "erf erfc erfcx erfinv exp exp2 expm1 fix floor gelu hardsigmoid hardswish hardtanh leaky_relu",
    "lgamma log log10 log1p log2 log_ndtr logit logsigmoid mish nan_to_num ndtr ndtri negative",
    "positive psi rad2deg reciprocal relu relu6 rint round selu sigmoid sign silu sin sinc sinh",
    "softplus softshrink softsign sqrt square step tan tanh tanhshrink trigamma trunc",
]
BINARY = [
    "add arctan2 copysign divide floor_divide fmax fmin fmod heaviside hypot logaddexp",
    "logaddexp2 maximum minimum multiply pow remainder subtract xlog1py xlogy",
]


@pytest.mark.parametrize("name", " ".join(UNARY).split())
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_narrow_floats_never_widen(name: str, dtype: str):
    x = tg.tensor([0.25, 0.5], requires_grad=True, dtype=dtype)
    y = getattr(tg, name)(x)
    rules, params = y.op.rules, y.params or {}
    y.sum().backward(retain_graph=True)
    assert y.dtype == x.grad.dtype == np.dtype(dtype)
    if len(rules) == 1:
        raw = rules[0](np.ones(2, dtype), np.asarray(y), np.asarray(x), **params)
        assert raw.dtype == np.dtype(dtype), "the rule itself widens"


@pytest.mark.parametrize("name", " ".join(BINARY).split())
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_narrow_floats_never_widen_beside_numbers(name: str, dtype: str):
    for order in (slice(None), slice(None, None, -1)):
        x = tg.tensor([0.25, 0.5], requires_grad=True, dtype=dtype)
        y = getattr(tg, name)(*(x, 0.75)[order])
        y.sum().backward()
        assert y.dtype == x.grad.dtype == np.dtype(dtype)


@pytest.mark.parametrize("n", range(-3, 13))
def test_whole_exponents(n: int):
    x = np.array([-2.0, 0.5, 3.0])
    t = tg.tensor(x, requires_grad=True)
    y = t**n
    y.sum().backward()
    np.testing.assert_allclose(np.asarray(y), x ** float(n), rtol=4e-15)
    np.testing.assert_allclose(np.asarray(t.grad), n * x ** float(n - 1), rtol=4e-15)


def test_a_square_takes_neither_logarithm_nor_mask(monkeypatch: pytest.MonkeyPatch):
    """So that `x ** 2` stays quick."""
    x = tg.tensor([1.0, -2.0], requires_grad=True)
    used = []
    watched = tg.ops.arithmetic
    for name in ("log", "where", "masked"):
        monkeypatch.setattr(watched, name, lambda *args: used.append(args))
    (x**2).sum().backward()
    assert used == []
    np.testing.assert_array_equal(np.asarray(x.grad), [2, -4])


# ── Arguments as NumPy has them ─────────────────────────────────────────────────────────
def test_clip_takes_its_bounds_in_every_way():
    x = np.array([-2.0, 0.5, 2.0])
    t = tg.tensor(x)
    for args, named in [
        ((-1, 1), {}),
        ((None, 1), {}),
        ((-1, None), {}),
        ((), {"min": 0.0}),
        ((), {"max": x * 0}),
        ((), {"a_min": 0.0, "a_max": 1.0}),
        ((x - 1, x + 1), {}),
    ]:
        for function in (tg.clip, np.clip, lambda t, *a, **k: t.clip(*a, **k)):
            np.testing.assert_array_equal(
                np.asarray(function(t, *args, **named)), np.clip(x, *args, **named)
            )
    np.testing.assert_array_equal(np.asarray(tg.clip(t)), x)
    whole = tg.clip(tg.tensor(np.arange(5)), 1, None)
    assert whole.dtype == np.arange(5).dtype
    with pytest.raises(OperandError, match="bound twice"):
        tg.clip(t, 0, 1, min=0)


def test_operators_of_numpy_arrays():
    x, y = np.array([7.0, -7.0]), np.array([True, False])
    t, m = tg.tensor(x), tg.tensor(y)
    np.testing.assert_array_equal(np.asarray(t // 2), x // 2)
    np.testing.assert_array_equal(np.asarray(t % 3), x % 3)
    np.testing.assert_array_equal(np.asarray(8 % t), 8 % x)
    np.testing.assert_array_equal(np.asarray(8 // t), 8 // x)
    np.testing.assert_array_equal([np.asarray(p) for p in divmod(t, 2)], divmod(x, 2))
    np.testing.assert_array_equal([np.asarray(p) for p in divmod(9, t)], divmod(9, x))
    np.testing.assert_array_equal(
        np.asarray((t > 0) & ~m | (t < 0) ^ m), (x > 0) & ~y | (x < 0) ^ y
    )
    assert (tg.Value(7.5) % 2).data == 1.5


def test_float_power_is_double():
    t = tg.tensor([2.0, 3.0], requires_grad=True)
    y = np.float_power(t, 2)
    assert y.dtype == np.float64
    y.sum().backward()
    assert t.grad.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(t.grad), [4, 6])


def test_predicates():
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0])
    t = tg.tensor(x, requires_grad=True)
    for name in ("isnan", "isinf", "isfinite", "isposinf", "isneginf", "signbit", "logical_not"):
        got = getattr(tg, name)(t)
        assert got.dtype == bool
        assert not got.requires_grad
        np.testing.assert_array_equal(np.asarray(got), getattr(np, name)(x))
    assert tg.allclose(t, t, equal_nan=True) is True is np.allclose(t, t, equal_nan=True)
    assert tg.allclose(t, t) is False
    assert tg.array_equal(t[:4], t[:4]) is True
    assert tg.array_equal(t[:4], t[:3]) is False


@pytest.mark.parametrize("name", "exp log sqrt sin tanh erf lgamma floor round isnan".split())
def test_integers_are_computed_as_numpy_does(name: str):
    x = np.array([1, 2, 4])
    y = getattr(tg, name)(tg.tensor(x))
    if hasattr(np, name):
        assert y.dtype == getattr(np, name)(x).dtype
    assert np.asarray(y).shape == (3,)


def test_no_warning_where_none_is_due():
    x = tg.tensor([-1e4, -5.0, 0.0, 5.0, 1e4], requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in "sigmoid erf erfc ndtr tanh arctan arcsinh lgamma sinc cos abs relu".split():
            getattr(tg, name)(x).sum().backward()
