"""Two functions beside each other: what is the same passes, what differs is named."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_nn as tg
from tinygrad_nn.core.op import Kind, op
from tinygrad_nn.core.record import OPS
from tinygrad_nn.errors import CheckError
from tinygrad_nn.testing import GradcheckError
from tinygrad_nn.testing.oracle import compare, operations

X = np.array([0.5, -1.25, 2.0])

# The same name, another function: see tests/oracle for why.
OTHERS: dict[str, dict[str, Any]] = {
    "numpy": {},
    "torch": dict.fromkeys(
        ["ldexp", "nanmedian", "outer", "psi", "scatter", "sinc", "std", "sum_to", "var"]
    ),
    "autograd": dict.fromkeys(["prod", "sinc", "std", "tile", "var"]),
    "jax": dict.fromkeys(["i0", "i1", "unique"]),
}
FEW = ["exp", "matmul", "logsumexp", "tanh", "maximum", "where"]


# ---------------------------------------------------------------- pairs
def test_numpy_judges_values():
    found = compare(tg.exp, np.exp, X, other_engine="numpy")
    assert found.ok and found.parts == ("value",) and found.ulp <= 1


def test_mpmath_judges_values_and_gradients():
    mpmath = pytest.importorskip("mpmath")
    found = compare(
        lambda x, y: tg.sin(x) * y,
        lambda x, y: mpmath.sin(x) * y,
        X,
        np.array([[1.0], [2.0]]),
        other_engine="mpmath",
    )
    assert found.ok and found.parts == ("value", "gradient") and found.ulp < 4


def test_torch_judges_all():
    torch = pytest.importorskip("torch")
    found = compare(tg.tanh, torch.tanh, X, other_engine="torch")
    assert found.ok and found.parts == ("value", "gradient", "second order")


def test_neither_need_be_ours():
    torch, anp = pytest.importorskip("torch"), pytest.importorskip("autograd.numpy")
    found = compare(torch.exp, anp.exp, X, engine="torch", other_engine="autograd")
    assert found.ok and len(found.parts) == 3


def test_a_wrong_forward_that_has_its_gradient():
    """What slopes can not tell: a consistent function that is not the one that was meant."""

    def gelu(x: Any) -> Any:
        return 0.5 * x * (1 + tg.tanh(0.797 * (x + 0.0447 * x**3)))

    torch = pytest.importorskip("torch")

    def right(x: Any) -> Any:
        return torch.nn.functional.gelu(x, approximate="tanh")

    found = compare(gelu, right, X, other_engine="torch")
    assert [d.part for d in found.differences] == ["value", "gradient", "second order"]
    text = str(found)
    assert "gelu" in text and "right (torch)" in text and "input 0 at [" in text
    assert "got" in text and "expected" in text and "ulp" in text
    with pytest.raises(GradcheckError, match="ulp apart"):
        found.assert_ok()


def test_wrong_only_at_second_order():
    torch = pytest.importorskip("torch")

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 2 * x.detach() * g

    def square(x: Any) -> Any:
        return x * x

    found = compare(square, Square.apply, X, other_engine="torch")
    assert [d.part for d in found.differences] == ["second order"]


def test_the_worst_element_is_named():
    def bent(x: Any) -> Any:
        return np.exp(x) * np.array([1.0, 1.0, 1.0 + 1e-6])

    (found,) = compare(tg.exp, bent, X, other_engine="numpy").differences
    assert found.where == "output 0 at [2]"
    assert found.got == math.exp(2.0) and found.ulp == pytest.approx(8.3e9, rel=0.3)


def test_outputs_of_other_shapes_are_refused():
    with pytest.raises(CheckError, match="not the same function"):
        compare(tg.sum, np.exp, X, other_engine="numpy")


def test_what_the_other_refuses_is_not_compared():
    found = compare(tg.exp, np.linalg.inv, X, other_engine="numpy")
    assert found.ok and not found.parts and "LinAlgError" in found.refused


def test_ill_conditioned_values_are_granted_their_condition():
    x = np.array([math.pi * 1e8, 1e10])
    assert compare(tg.sin, lambda x: np.sin(x * (1 + 2.0**-52)), x, other_engine="numpy").ok
    assert not compare(tg.exp, lambda x: np.exp(x + 1e-6), X, other_engine="numpy").ok


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(0, 5), st.floats(1e-6, 1e3))
def test_any_difference_is_found(seed: int, size: int, part: float):
    x = np.random.default_rng(seed).standard_normal(size)

    def other(x: Any) -> Any:
        return x * x + part * (np.arange(size) == size - 1) * np.abs(x).max(initial=0.0) ** 2

    assert compare(lambda x: x * x, other, x, other_engine="numpy").ok is (size == 0)
    assert compare(lambda x: x * x, np.square, x, other_engine="numpy").ok


# ---------------------------------------------------------------- the registry
@pytest.mark.parametrize("engine", ["numpy", "torch", "autograd"])
def test_operations_are_those_of_others(engine: str):
    pytest.importorskip(engine)
    found = list(operations(engine, only=FEW, names=OTHERS[engine], samples=2))
    assert {c.name for c in found if c.parts} >= {"exp", "matmul", "tanh"}
    for c in found:
        c.assert_ok()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("engine", ["numpy", "torch", "autograd"])
def test_every_operation_is_that_of_others(engine: str):
    pytest.importorskip(engine)
    found = list(operations(engine, names=OTHERS[engine], samples=2))
    wrong = [str(c) for c in found if not c.ok]
    assert not wrong, "\n".join(wrong)
    assert sum(bool(c.parts) for c in found) > 300


def test_an_operation_that_is_wrong_is_named():
    @op(vjp=lambda g, y, x: g * 0.5 * (y + 1), kind=Kind.ELEMENTWISE, numpy="expm1")
    def expm1_planted(x: Any, /) -> Any:
        """Consistent, but e^x/2 - 1/2."""
        return (np.exp(x) - 1) / 2

    try:
        found = list(operations("numpy", only=["expm1_planted"], samples=1))
    finally:
        del OPS["expm1_planted"]
    assert not found[0].ok and "expm1_planted beside numpy's expm1" in str(found[0])


def test_a_library_that_is_not_known():
    with pytest.raises(CheckError, match="numpy, torch, jax, autograd"):
        list(operations("tensorflow"))
