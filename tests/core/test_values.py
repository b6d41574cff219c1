"""`Value`: one number, and the derivative in every node."""

import copy
import math
import operator
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tinygrad_nn import Value
from tinygrad_nn.errors import DTypeError, FreedGraphError, GradientError, OperandError, ShapeError

NUMBERS = st.floats(-4, 4).filter(lambda x: abs(x) > 1e-2)


def test_every_node_gets_its_derivative():
    a, b = Value(2.0), Value(-3.0)
    c = a * b
    d = c + 10.0
    e = d.tanh()
    e.backward()
    slope = 1 - math.tanh(4.0) ** 2
    assert [n.grad for n in (e, d, c)] == pytest.approx([1, slope, slope])
    assert [a.grad, b.grad] == pytest.approx([-3 * slope, 2 * slope])


def test_a_repeated_backward_adds_exactly_one_more_to_the_leaves():
    a, b = Value(2.0), Value(3.0)
    c = a * b
    d = c * a
    for count in (1, 2, 3):
        d.backward()
        assert (a.grad, b.grad) == (count * 12, count * 4)
        assert (c.grad, d.grad) == (2, 1), "results hold the last pass"


def test_passes_from_several_roots_add_up_in_the_leaves():
    a = Value(2.0)
    (a * a).backward()
    (a * 3).backward()
    assert a.grad == 7


@given(NUMBERS, NUMBERS)
def test_arithmetic_is_that_of_floats(x, y):
    a, b = Value(x), Value(y)
    for function in (operator.add, operator.sub, operator.mul, operator.truediv):
        assert function(a, b).data == function(x, y)
        assert function(a, y).data == function(x, b).data == function(x, y)
    assert (-a).data == -x and (+a).data == x and abs(a).data == abs(x)


@given(NUMBERS.map(abs), NUMBERS)
def test_a_value_to_the_power_of_a_value(x, y):
    a, b = Value(x), Value(y)
    c = a**b
    c.backward()
    assert c.data == x**y
    assert a.grad == pytest.approx(y * x ** (y - 1))
    assert b.grad == pytest.approx(x**y * math.log(x))
    assert (a**y).data == (x**b).data == x**y


@pytest.mark.parametrize("data", ["2", None, [1.0], (1.0,), 1j, np.ones(2), True, b"2", {}])
def test_what_is_no_number_is_refused(data):
    with pytest.raises(TypeError, match="expected a real number"):
        Value(data)
    with pytest.raises(DTypeError):
        Value(data)


@pytest.mark.parametrize("data", [2, 2.0, np.float32(2), np.float64(2), np.int64(2)])
def test_numbers_become_floats(data):
    assert type(Value(data).data) is float and Value(data).data == 2


@pytest.mark.parametrize("bad", ["2", None, [1.0], 1j, np.ones(2)])
@pytest.mark.parametrize("function", [operator.add, operator.mul, operator.truediv, operator.pow])
def test_bad_operands_raise_type_errors(function, bad):
    with pytest.raises(TypeError):
        function(Value(2.0), bad)
    with pytest.raises(TypeError):
        function(bad, Value(2.0))


@pytest.mark.parametrize("function", [operator.add, operator.mul, operator.sub, operator.truediv])
def test_mixing_with_tensors_is_refused_naming_the_conversion(function):
    for pair in ((Value(1.0), tg.tensor(2.0)), (tg.tensor(2.0), Value(1.0))):
        with pytest.raises(TypeError, match=r"tensor\(value\.data\).*Value\(t\.item\(\)\)"):
            function(*pair)


def test_numpy_numbers_on_the_left():
    a = Value(3.0)
    for two in (np.float32(2), np.float64(2), np.int64(2)):
        y = two * a
        assert isinstance(y, Value) and y.data == 6
    assert isinstance(np.tanh(a), Value)


def test_an_array_beside_a_value_is_refused():
    with pytest.raises(OperandError, match="tensor"):
        np.ones(2) * Value(1.0)


@pytest.mark.parametrize(
    ("compute", "want"),
    [
        (lambda a: a / 0.0, math.inf),
        (lambda a: -a / 0.0, -math.inf),
        (lambda a: (a - a) / 0.0, math.nan),
        (lambda a: (a * 0).log(), -math.inf),
        (lambda a: (-a).log(), math.nan),
        (lambda a: (a * 1000).exp(), math.inf),
        (lambda a: (-a) ** 0.5, math.nan),
        (lambda a: (a * 0) ** -1, math.inf),
        (lambda a: (-a).sqrt(), math.nan),
    ],
)
def test_ieee_results_and_no_exceptions(compute, want):
    got = compute(Value(2.0)).data
    assert got == want or (math.isnan(got) and math.isnan(want))


@pytest.mark.parametrize(
    ("compute", "want"),
    [
        (lambda a: a.sqrt(), math.inf),
        (lambda a: a.log(), math.inf),
        (lambda a: a**0, 0.0),
        (abs, 0.0),
        (lambda a: a.relu(), 0.0),
        (lambda a: a**1, 1.0),
        (lambda a: a**2, 0.0),
    ],
)
def test_derivatives_at_zero(compute, want):
    a = Value(0.0)
    compute(a).backward()
    assert a.grad == want


def test_the_gradient_before_a_pass_is_zero_and_can_be_reset():
    a = Value(2.0)
    assert a.grad == 0.0
    (a * a).backward()
    a.grad = 0
    assert a.grad == 0.0
    (a * a).backward()
    assert a.grad == 4
    a.grad = None
    assert a.grad == 0.0


def test_constants():
    a, c = Value(2.0), Value(3.0, requires_grad=False)
    y = a * c
    y.backward()
    assert (a.grad, c.grad) == (3, 0)
    with pytest.raises(GradientError, match="Value"):
        (c * 2).backward()


def test_higher_orders():
    a = Value(2.0)
    y = a**4
    for want in (32.0, 48.0, 48.0, 24.0):
        y.backward(create_graph=True)
        y, a.grad = a.grad, None
        assert y.data == pytest.approx(want)


def test_a_graph_can_be_freed():
    a = Value(2.0)
    y = a * a
    y.backward(retain_graph=False)
    with pytest.raises(FreedGraphError, match=r"test_values\.py:\d+"):
        y.backward()
    assert a.grad == 4


def test_comparisons_give_bools_and_hashing_is_by_identity():
    a, b = Value(1.0), Value(2.0)
    assert a < b and a <= b and b > a and b >= 2 and a < 1.5
    assert a == Value(1.0) and a != b and a in [a]
    assert len({a, Value(1.0)}) == 2
    with pytest.raises(TypeError):
        a < "2"  # noqa: B015


def test_conversions_and_repr():
    a = Value(2.5, name="a")
    assert float(a) == a.item() == 2.5 and int(a) == 2
    assert repr(a) == "Value(data=2.5, grad=0.0, name='a')"


def test_detach_and_writing():
    a = Value(2.0)
    y = a * 3
    with pytest.raises(OperandError, match="only leaves"):
        y.data = 5
    a.data = 7
    assert (a * 3).data == 21
    assert not y.detach().requires_grad


def test_copies():
    a = Value(2.0, name="a")
    twin = copy.deepcopy(a)
    assert twin is not a and (twin.data, twin.name) == (2.0, "a")
    with pytest.raises(TypeError, match="deepcopy"):
        copy.copy(a)
    again = pickle.loads(pickle.dumps(a))
    assert again.data == 2.0 and again.requires_grad


def test_a_freed_graph_does_not_matter_to_new_ones():
    a = Value(1.0)
    for _ in range(3):
        (a * a).backward(retain_graph=False)
    assert a.grad == 6


def test_fan_out():
    a = Value(3.0)
    total = Value(0.0, requires_grad=False)
    for _ in range(100):
        total = total + a * a
    total.backward()
    assert a.grad == 600


def test_numpys_numbers_on_either_side():
    v = Value(2.0)
    assert np.float64(1) < v < np.float64(3) and (np.float64(1) < v) is True
    assert v == np.float64(2) and np.float64(2) == v and v == 2 and v != 3.0
    assert (v == "2") is False and v in {v}
    assert (np.array(3.0) * v).data == (v * np.array(3.0)).data == 6.0
    with pytest.raises(OperandError, match="multiply"):
        np.array([1.0, 2.0]) * v


@pytest.mark.parametrize("x", [Value(2 / 3), tg.tensor(2 / 3), tg.tensor([[2 / 3]])])
def test_one_number_is_formatted_as_a_number(x: Any):
    assert f"{x:.3f} {x:8.1e}|{x}" == f"0.667  6.7e-01|{x!s}"


def test_a_format_of_several_numbers_is_refused():
    with pytest.raises(ShapeError, match="expected one element"):
        format(tg.tensor([1.0, 2.0]), ".3f")
