"""Activation functions beside PyTorch's: value, gradient, second derivative; far out too."""

import warnings
from typing import Any

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn.backends import gelu as kernels
from tinygrad_nn.errors import OptionError

NAMES = (
    "relu relu6 leaky_relu elu selu celu gelu silu mish softplus softsign sigmoid hardtanh "
    "hardsigmoid hardswish tanhshrink logsigmoid softshrink tanh"
).split()
CALLS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in NAMES),
    ("leaky_relu", {"negative_slope": 0.2}),
    ("leaky_relu", {"negative_slope": 0.0}),
    ("leaky_relu", {"negative_slope": 1.5}),
    ("elu", {"alpha": 0.5}),
    ("celu", {"alpha": 2.0}),
    ("gelu", {"approximate": "tanh"}),
    ("softplus", {"beta": 2.0, "threshold": 1.0}),
    ("hardtanh", {"min_val": -0.25, "max_val": 2.0}),
    ("softshrink", {"lambd": 0.2}),
]
POINTS = np.array(
    [
        -1e4,
        -800,
        -50,
        -10,
        -3.5,
        -2.2,
        -1.1,
        -0.3,
        -1e-9,
        0,
        1e-9,
        0.3,
        1.1,
        2.2,
        3.5,
        7,
        10,
        50,
        800,
        1e4,
    ]
)


def derivatives(x: Any, y: Any) -> list[Any]:
    """Value, gradient and diagonal of the Hessian, with the interface that PyTorch shares."""
    y.sum().backward(create_graph=True)
    first = x.grad
    x.grad = None
    found = [np.asarray(y.detach()), np.asarray(first.detach())]
    if not first.requires_grad:
        return [*found, np.zeros(x.shape)]
    try:
        first.sum().backward()
    except RuntimeError as error:
        assert "not implemented" in str(error)  # PyTorch's hardsigmoid
        return found
    return [*found, np.asarray(x.grad)]


@pytest.mark.parametrize(("name", "static"), CALLS)
def test_pytorch_agrees_to_second_order(name: str, static: dict[str, Any]):
    torch = pytest.importorskip("torch", reason="PyTorch comes with the extra `oracle`")
    functions = {"sigmoid": torch.sigmoid, "tanh": torch.tanh}
    theirs = functions.get(name) or getattr(torch.nn.functional, name)
    x = torch.tensor(POINTS, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own, on create_graph
        want = derivatives(x, theirs(x, **static))
    t = tg.tensor(POINTS, requires_grad=True)
    got = derivatives(t, getattr(tg, name)(t, **static))
    for order, (ours, other) in enumerate(zip(got, want, strict=False)):
        # PyTorch has NaN for some far out, and its own mind about second derivatives at kinks.
        judged = np.isfinite(other) & ((POINTS != 0) | (order < 2))
        assert np.isfinite(ours).all()
        # PyTorch's hardsigmoid has a sixth in single precision.
        accuracy = 5e-8 if name == "hardsigmoid" else 1e-9
        np.testing.assert_allclose(ours[judged], other[judged], rtol=accuracy, atol=1e-13)


@pytest.mark.parametrize(("name", "static"), CALLS)
def test_numbers_give_what_arrays_give(name: str, static: dict[str, Any]):
    function = getattr(tg, name)
    for p in POINTS:
        t = tg.tensor(float(p), requires_grad=True, dtype="float64")
        v = tg.Value(float(p))
        function(t, **static).backward()
        y = function(v, **static)
        y.backward()
        np.testing.assert_allclose(
            y.data, float(function(t.detach(), **static)), rtol=1e-12, atol=1e-300
        )
        np.testing.assert_allclose(v.grad, float(t.grad), rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize(("name", "static"), CALLS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_nothing_overflows_far_out(name: str, static: dict[str, Any], dtype: str):
    x = tg.tensor(np.array([-1e4, 1e4, -88.8, 88.8]), requires_grad=True, dtype=dtype)
    if dtype == "float16" and name == "gelu" and not static:
        pytest.skip("the density squares its argument, which float16 cannot hold")
    y = getattr(tg, name)(x, **static)
    y.sum().backward()
    assert np.isfinite(np.asarray(y)).all()
    assert np.isfinite(np.asarray(x.grad)).all()


def test_the_step_is_one_at_its_threshold():
    x = tg.tensor([-1.0, 0.0, 0.5, 2.0, np.nan], requires_grad=True)
    y = tg.step(x)
    np.testing.assert_array_equal(np.asarray(y), [0, 1, 1, 1, np.nan])
    y[:4].sum().backward()
    np.testing.assert_array_equal(np.asarray(x.grad), np.zeros(5))
    np.testing.assert_array_equal(np.asarray(tg.step(x[:4], threshold=0.5)), [0, 0, 1, 1])
    assert tg.step(tg.Value(0.0)).data == 1.0
    assert tg.step(tg.Value(-0.1)).data == 0.0


def test_the_sigmoid_stays_within_its_codomain():
    x = np.linspace(-30, 30, 601)
    y = np.asarray(tg.sigmoid(tg.tensor(x)))
    assert (y > 0).all()
    assert (y < 1).all()
    np.testing.assert_allclose(y[::-1], 1 - y, atol=2e-16)
    np.testing.assert_allclose(
        np.log(y), np.asarray(tg.logsigmoid(tg.tensor(x))), rtol=1e-12, atol=2e-16
    )


def test_softplus_without_threshold_is_exact():
    x = np.array([19.0, 21.0, 30.0])
    got = np.asarray(tg.softplus(tg.tensor(x), 1.0, np.inf))
    np.testing.assert_allclose(got - x, np.log1p(np.exp(-x)), atol=4e-15)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_how_much_of_a_gelu_is_worked_on_at_a_time_changes_nothing(approximate, monkeypatch):
    x, g = np.random.default_rng(0).normal(0, 5, (2, 20)).astype(np.float32)
    want = kernels.gelu(x, approximate), kernels.gelu_slope(g, x, approximate)
    monkeypatch.setattr(kernels, "_BLOCK", 7)
    got = kernels.gelu(x, approximate), kernels.gelu_slope(g, x, approximate)
    np.testing.assert_allclose(got, want, rtol=2e-6, atol=1e-6)


def test_gelu_says_which_approximations_there_are():
    with pytest.raises(OptionError, match=r"approximate='quick', expected 'none' or 'tanh'"):
        tg.gelu(tg.tensor([1.0]), "quick")


def test_a_planted_wrong_slope_is_found():
    """The comparison sees an error in the fourth digit."""
    x = tg.tensor(POINTS, requires_grad=True)
    right = derivatives(x, tg.silu(x))
    x.grad = None
    wrong = derivatives(x, x * tg.sigmoid(1.0001 * x))
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(wrong[1], right[1], rtol=1e-9, atol=1e-13)
