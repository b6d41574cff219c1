"""`custom_op` looks at all that it is given, and says when it could check nothing."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn.core.op import Kind
from tinygrad_nn.errors import RegistrationError


def sine(x, /):
    return np.sin(x)


def slope(g, y, x):
    return g * tg.cos(x)


def test_a_wrong_forward_rule_is_found():
    with pytest.raises(RegistrationError, match=r"forward mode.*order 1"):
        tg.custom_op(vjp=slope, jvp=lambda t, y, x: t[0] * tg.sin(x))(sine)
    tg.custom_op(vjp=slope, jvp=lambda t, y, x: t[0] * tg.cos(x))(sine)


def test_a_wrong_kind_is_found():
    with pytest.raises(RegistrationError, match="forward mode"):
        tg.custom_op(vjp=slope, kind=Kind.LINEAR)(sine)


@pytest.mark.parametrize("samples", [[], [(np.array([1, 2]),)], [(np.zeros(0),)]])
def test_samples_that_check_nothing(samples):
    with pytest.raises(RegistrationError, match="no rule could be checked"):
        tg.custom_op(vjp=lambda g, y, x: g * tg.sin(x), samples=samples)(sine)


@pytest.mark.parametrize("samples", [[(1.0, 2.0)], [np.array([1.0, 2.0])]])
def test_samples_of_another_number_of_arguments(samples):
    with pytest.raises(RegistrationError, match="samples of 2 arguments"):
        tg.custom_op(vjp=slope, samples=samples)(sine)


def test_an_argument_without_a_rule_is_left_out_of_the_check():
    @tg.custom_op(vjp=(lambda g, y, x, w: g * w, None))
    def scaled(x, w, /):
        return x * w

    x, w = (tg.tensor([2.0], requires_grad=True) for _ in range(2))
    scaled(x, w).backward()
    assert x.grad.tolist() == [2.0] and w.grad is None


@pytest.mark.parametrize(
    "options", [{"vjp": "a"}, {"vjp": []}, {"pullback": 3}, {"vjp": slope, "kind": "linear"}]
)
def test_parts_that_are_no_rules(options):
    with pytest.raises(RegistrationError, match="got"):
        tg.custom_op(**options)(sine)


def test_a_function_without_the_slash_is_told_where_to_write_it():
    def unmarked(x):
        return np.sin(x)

    with pytest.raises(RegistrationError, match=r"def f\(x, /, axis=0\)"):
        tg.custom_op(vjp=slope)(unmarked)


def test_a_decorator_without_a_rule_says_what_to_write():
    with pytest.raises(RegistrationError, match=r"got sine alone.*@tg.custom_op\(vjp="):
        tg.custom_op(sine)


@pytest.mark.parametrize("rule", [lambda g: g, lambda g, y, x: None])
def test_a_rule_of_another_form_is_told_how_it_is_called(rule):
    with pytest.raises((TypeError, AttributeError)) as caught:
        tg.custom_op(vjp=rule)(sine)
    assert "rule(g, y, x)" in "".join(caught.value.__notes__)


def test_a_function_that_ends_where_it_is_tried_is_told_of_its_domain():
    with np.errstate(all="ignore"), pytest.raises(RegistrationError, match="domain="):
        tg.custom_op(vjp=lambda g, y, x: g / x)(lambda x, /: np.log(x))
