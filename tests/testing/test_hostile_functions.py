"""Functions and gradients that try to be passed when wrong, blamed when right, or not named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tinygrad_nn.errors import CheckError
from tinygrad_nn.testing import Verdict, gradcheck

PASS, KINK, FAIL = Verdict.PASS, Verdict.KINK, Verdict.FAIL
X = np.array([0.3, -1.2, 0.7])


def square(x):
    return (x**2).sum()


def verdict(f, gradient, x=X, **options):
    return gradcheck(f, np.asarray(x), grad=gradient, laws=False, **options).verdict


# ── What happens at x alone is no rounding, however small beside other outputs ─────────────
WIDTHS = [1e-9, 1e-10, 1e-11, 1e-12]


def wave(t, width):
    return t + width * np.sin(t / width)


def step(t, width):
    return t + width * np.tanh(t / width)


def dead(t, width):
    return np.sign(t) * np.maximum(np.abs(t) - width, 0.0)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("shape", [wave, step, dead])
def test_a_slope_from_afar_is_wrong_beside_a_steep_output(shape, width):
    def f(x):
        return np.concatenate([1e6 * x, shape(x - 0.7, width)])

    assert verdict(f, lambda x, c: 1e6 * c[:1] + c[1:], [0.7]) in (FAIL, KINK)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_slope_from_afar_is_wrong_beside_a_large_output(width):
    def f(x):
        return np.concatenate([1e6 + 0 * x, wave(x - 0.7, width)])

    assert verdict(f, lambda x, c: c[1:], [0.7]) is FAIL
    assert verdict(f, lambda x, c: 2 * c[1:], [0.7]) is PASS


def test_a_huge_wrong_gradient_hides_no_other():
    def f(x):
        return np.concatenate([x, wave(x - 0.7, 1e-8)])

    report = gradcheck(f, np.array([0.7]), grad=lambda x, c: 1e9 * c[:1] + c[1:])
    assert [e.verdict for e in report.elements] == [FAIL, FAIL]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_kink_beside_a_steep_output_is_told(width):
    def f(x):
        return np.concatenate([1e6 * x, x + np.minimum(np.abs(x - 0.7), width)])

    assert verdict(f, lambda x, c: 1e6 * c[:1] + c[1:], [0.7]) is KINK
    assert verdict(f, lambda x, c: 1e6 * c[:1] + 2.5 * c[1:], [0.7]) is FAIL


@pytest.mark.parametrize("size", [1e2, 1e3])
@pytest.mark.parametrize("factor", [1e6, 1.0])
def test_digits_lost_in_one_of_two_terms_are_no_fault(size, factor):
    """Within a grain of the one f follows the slope of the other, exactly."""

    def f(x):
        return np.concatenate([factor * x, (size + np.sin(x) - size) + x])

    def gradient(x, c, off=0.0):
        return factor * c[:3] + (1 + off + np.cos(x)) * c[3:]

    assert verdict(f, gradient) in (PASS, Verdict.INCONCLUSIVE)
    assert verdict(f, lambda x, c: gradient(x, c, 0.01)) in (FAIL, Verdict.INCONCLUSIVE)


# ── Gradients that are no numbers ──────────────────────────────────────────────────────────
ROUGH = {
    "smooth": np.sin,
    "offset": lambda x: 1e10 + np.sin(x),
    "noise": lambda x: np.sin(x) + 1e-7 * np.sin(1e15 * x.real),
    "rounded": lambda x: np.round(np.sin(x), 6),
    "flat": lambda x: 0 * x,
    "float32 inside": lambda x: np.sin(x.astype(np.float32)).astype(float),
}


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ROUGH)
def test_no_number_is_never_a_slope(name, bad):
    with np.errstate(all="ignore"):
        report = gradcheck(ROUGH[name], X[:2], grad=lambda x, c: bad * np.ones(2), laws=False)
    assert {e.verdict for e in report.elements} == {FAIL}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("at", [[7], [150], [7, 250], list(range(3, 200))])
def test_of_many_inputs_the_first_without_a_number_is_named(at, bad):
    def gradient(x):
        g = np.cos(x)
        g[at] = bad
        g[at[0]] = -bad
        return g

    report = gradcheck(lambda x: np.sin(x).sum(), np.linspace(-1, 1, 300), grad=gradient)
    wrong = [e for e in report.elements if e.verdict is FAIL]
    assert wrong
    assert wrong[0].index == (at[0],)


# ── Errors that teach ──────────────────────────────────────────────────────────────────────
class NoArray:
    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("no array for you")


def test_objects_that_refuse_to_be_arrays():
    with pytest.raises(CheckError, match=r"output 0 is a NoArray that makes no array: no array"):
        gradcheck(lambda x: NoArray(), X, grad=lambda x, c: c)
    with pytest.raises(CheckError, match=r"is a NoArray that makes no array \(RuntimeError: no"):
        gradcheck(square, X, grad=lambda x: NoArray())
    with pytest.raises(CheckError, match=r"is a NoArray that makes no array \(RuntimeError: no"):
        gradcheck(np.sin, X, grad=lambda x, c: NoArray())
    with pytest.raises(CheckError, match=r"got a NoArray as an input that makes no array"):
        gradcheck(square, NoArray(), grad=lambda x: 2 * x)


def test_a_function_that_cannot_be_compared():
    class Odd:
        __hash__ = None

        def __eq__(self, other: object) -> bool:
            raise RuntimeError("not comparable")

        def __call__(self, x):
            return square(x)

    assert verdict(Odd(), lambda x: 2 * x) is PASS
    assert verdict(Odd(), lambda x: 2.1 * x) is FAIL


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("tolerance", -1e-6),
        ("tolerance", np.nan),
        ("tolerance", np.inf),
        ("tolerance", "1e-6"),
        ("cap", 2),
        ("cap", np.nan),
        ("cap", None),
        ("dense", "yes"),
        ("seed", "x"),
        ("seed", -1),
        ("order", 4),
    ],
)
def test_options_that_mean_nothing(option, value):
    with pytest.raises(CheckError, match=f"got {option}="):
        gradcheck(square, X, grad=lambda x: 2 * x, **{option: value})


def test_odd_tensors_of_torch():
    torch = pytest.importorskip("torch")
    with pytest.raises(CheckError, match="meta device"):
        gradcheck(torch.sin, torch.zeros(3, device="meta", dtype=torch.float64))
    with pytest.raises(CheckError, match="a tuple that makes no array"):
        gradcheck(lambda x: (x, (2 * x, 3 * x)), torch.tensor(X))


def test_a_method_is_pasted_as_one_of_its_object():
    @dataclass
    class Spring:
        stiffness: float

        def __call__(self, x):
            return self.stiffness * square(x)

        def gradient(self, x):
            return 2.1 * self.stiffness * x

    spring = Spring(3.0)
    text = str(gradcheck(spring, X, grad=spring.gradient))
    assert "grad=f.gradient" in text
    assert "def gradient" not in text


# ── What was right and stays so ────────────────────────────────────────────────────────────
def saved_by_the_function():
    held = {}

    def f(x):
        held["x"] = x
        return x**2

    return f, lambda x, c: 2 * held["x"] * c


@pytest.mark.parametrize(
    ("f", "gradient"),
    [
        (lambda x: [float(v * v) for v in x], lambda x, c: 2 * x * c),
        (lambda x: x, lambda x, c: c),
        (lambda x: 1e3 + np.log(np.exp(x).sum()), lambda x: np.exp(x) / np.exp(x).sum()),
        (lambda x: np.ma.masked_less(x, 0).sum(), lambda x: 1.0 * (x > 0)),
        (lambda x: 1 - np.cos(1e-4 * x), lambda x, c: 1e-4 * c * np.sin(1e-4 * x)),
        (lambda x: 1e8 * np.sin(1e-9 * x), lambda x, c: 0.1 * np.cos(1e-9 * x) * c),
        (lambda x: np.sin(1e8 * x), lambda x, c: 1e8 * np.cos(1e8 * x) * c),
        (lambda x: 1 / (1 + np.exp(-30 * x)), lambda x, c: 7.5 * c / np.cosh(15 * x) ** 2),
    ],
)
def test_odd_but_right(f, gradient):
    before = X.tobytes()
    assert verdict(f, gradient) is PASS
    assert verdict(f, lambda *a: 1.01 * gradient(*a)) is FAIL
    assert X.tobytes() == before


def test_a_gradient_that_needs_the_last_call_is_told():
    f, gradient = saved_by_the_function()
    report = gradcheck(f, X, grad=gradient)
    assert not report.ok
    assert "keeps a state between calls" in str(report)
