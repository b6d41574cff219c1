"""The checks find faults: each operation here is wrong in one way, and one check must say so."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.ops import call_checks, checks
from tests.ops.draws import PatternDraw, patterns
from tests.ops.planting import planted
from tinygrad_nn.core.op import Kind, Op
from tinygrad_nn.core.samples import NONZERO, POSITIVE, REAL, Draw, Sample
from tinygrad_nn.ops import broadcast_to, exp, expand_dims, relu, sum_to

ELEMENTWISE = Kind.ELEMENTWISE
Check = Callable[[Op, Sample], None]


def found(check: Check, record: Op, shapes: Any = None) -> bool:
    """Whether `check` fails for one of the patterns of broadcasting that the suite runs."""
    for pattern in shapes or patterns(2):
        for seed in (0, 1):
            sample = record.sample(PatternDraw(pattern, seed))
            try:
                check(record, sample)
            except (AssertionError, TypeError, ValueError, AttributeError):
                return True
    return False


def tanh(vjp: Any, **parts: Any) -> Op:
    return planted(kernel="tanh", vjp=vjp, **{"kind": ELEMENTWISE, **parts})


def multiply(left: Any, right: Any) -> Op:
    return planted(kernel="multiply", vjp=(left, right), kind=ELEMENTWISE, domain=(REAL, REAL))


def _matrices(draw: Draw) -> Sample:
    return (draw.array((3, 3)), draw.array((3, 3))), {}


def matmul(left: Any, right: Any) -> Op:
    return planted(kernel="matmul", vjp=(left, right), kind=Kind.MULTILINEAR, samples=_matrices)


def _along_first(draw: Draw) -> Sample:
    return (draw.array((3, 3)),), {"axis": 0}


def _total(x: Any, /, axis: int) -> Any:
    return x.sum(axis=axis)


def total(vjp: Any) -> Op:
    return planted(_total, vjp=vjp, kind=Kind.LINEAR, samples=_along_first)


class Stale:
    """A rule that keeps the result of the first call."""

    def __init__(self) -> None:
        self.saved: Any = None

    def __call__(self, g: Any, y: Any, x: Any) -> Any:
        if self.saved is None or self.saved.shape != x.shape:
            self.saved = 1 - y * y
        return g * self.saved


def _half_wrong(g: Any, y: Any, x: Any) -> Any:
    return g * (1 - y * y) * (1.0 if x.dtype == np.float64 else 1.01)


def _row_wrong(g: Any, y: Any, a: Any, b: Any) -> Any:
    wrong = a.ndim == 2 and b.shape == (1, 3)
    return g * b * (2.0 if wrong else 1.0)


def _raw(x: Any) -> Any:
    return getattr(x, "_data", x)


def _writes(g: Any, y: Any, x: Any) -> Any:
    if isinstance(g, np.ndarray) and g.ndim:
        g *= 1 - y * y
        return g
    return g * (1 - y * y)


right = lambda g, y, x: g * (1 - y * y)  # noqa: E731
FAULTS: dict[str, tuple[Op, Check]] = {
    "sign": (tanh(lambda g, y, x: -g * (1 - y * y)), checks.check_gradient),
    "factor 1.01": (tanh(lambda g, y, x: 1.01 * g * (1 - y * y)), checks.check_gradient),
    "factor 1.0001": (tanh(lambda g, y, x: 1.0001 * g * (1 - y * y)), checks.check_gradient),
    "zero": (tanh(lambda g, y, x: g * 0.0), checks.check_gradient),
    "arguments exchanged": (
        multiply(lambda g, y, a, b: g * a, lambda g, y, a, b: g * b),
        checks.check_gradient,
    ),
    "second argument only": (
        multiply(lambda g, y, a, b: g * b, lambda g, y, a, b: g * a * 1.01),
        checks.check_gradient,
    ),
    "transposed": (
        matmul(lambda g, y, a, b: g @ b, lambda g, y, a, b: a.mT @ g),
        checks.check_gradient,
    ),
    "result transposed": (
        matmul(lambda g, y, a, b: g @ b.mT, lambda g, y, a, b: g.mT @ a),
        checks.check_gradient,
    ),
    "spread along the wrong axis": (
        total(lambda g, y, x, axis: broadcast_to(expand_dims(g, 1), x.shape)),
        checks.check_gradient,
    ),
    "summed over the wrong axis": (
        matmul(lambda g, y, a, b: sum_to(g @ b.mT, (3,)), lambda g, y, a, b: a.mT @ g),
        checks.check_gradient,
    ),
    "one pattern of broadcasting": (
        multiply(_row_wrong, lambda g, y, a, b: g * a),
        checks.check_gradient,
    ),
    "stale": (tanh(Stale()), checks.check_gradient),
    "writes into the gradient that arrives": (tanh(_writes), checks.check_linear),
    "square of what arrives": (tanh(lambda g, y, x: g * g * (1 - y * y)), checks.check_linear),
    "size of what arrives": (tanh(lambda g, y, x: abs(g) * (1 - y * y)), checks.check_linear),
    "clips what arrives": (tanh(lambda g, y, x: relu(g) - relu(-g - 9)), checks.check_linear),
    "not zero for zero": (tanh(lambda g, y, x: g * (1 - y * y) + 1e-12), checks.check_linear),
    "payload in second order": (
        tanh(lambda g, y, x: g * (1 - _raw(y) ** 2)),
        checks.check_second_order,
    ),
    "constant in second order": (
        planted(
            kernel="multiply",
            vjp=(lambda g, y, a, b: g * b, lambda g, y, a, b: g * _raw(a)),
            kind=ELEMENTWISE,
            domain=(REAL, REAL),
        ),
        checks.check_second_order,
    ),
    "gradient that arrives cut off": (
        tanh(lambda g, y, x: _raw(g) * (1 - y * y)),
        checks.check_second_order,
    ),
    "float32 alone": (tanh(_half_wrong), call_checks.check_single),
    "float64 in float32": (
        planted(lambda x, /: np.tanh(x) * np.float64(1), vjp=right, kind=ELEMENTWISE),
        call_checks.check_single,
    ),
    "elementwise is claimed of a sum": (
        planted(
            lambda x, /: x.sum(),
            vjp=lambda g, y, x: broadcast_to(g, x.shape),
            kind=ELEMENTWISE,
        ),
        checks.check_forward,
    ),
    "linear is claimed of tanh": (tanh(right, kind=Kind.LINEAR), checks.check_forward),
    "forward rule": (
        tanh(right, kind=Kind.GENERAL, jvp=lambda t, y, x: 1.01 * t[0] * (1 - y * y)),
        checks.check_forward,
    ),
    "value": (planted(kernel="sinh", vjp=right, numpy="tanh"), checks.check_value),
    "dtype of the value": (
        planted(lambda x, /: np.exp(x).astype(np.float32), vjp=right, numpy="exp"),
        checks.check_value,
    ),
    "writes into its argument": (
        planted(lambda x, /: np.tanh(x, out=x), vjp=right),
        checks.check_value,
    ),
    "memory order": (
        planted(lambda x, /: np.ravel(x, order="K"), vjp=lambda g, y, x: g.reshape(x.shape)),
        call_checks.check_layout,
    ),
    "not answering for NumPy": (
        planted(kernel="tanh", vjp=right, numpy="sinc"),
        call_checks.check_protocol,
    ),
    "float beside Value": (
        planted(kernel="log", vjp=lambda g, y, x: g / exp(y) * 1.01, domain=POSITIVE),
        checks.check_second_order,
    ),
}


@pytest.mark.parametrize(("record", "check"), FAULTS.values(), ids=FAULTS.keys())
def test_fault_is_found(record: Op, check: Check):
    shapes = None if record.samples else patterns(len(record.domains))
    assert found(check, record, shapes)


SOUND = {
    "tanh": tanh(right),
    "multiply": multiply(lambda g, y, a, b: g * b, lambda g, y, a, b: g * a),
    "matmul": matmul(lambda g, y, a, b: g @ b.mT, lambda g, y, a, b: a.mT @ g),
    "reciprocal": planted(
        lambda x, /: 1 / x, vjp=lambda g, y, x: -g * y * y, kind=ELEMENTWISE, domain=NONZERO
    ),
}
CHECKS = [
    value
    for name, value in {**vars(checks), **vars(call_checks)}.items()
    if name.startswith("check_") and name != "check_scalar"
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)
@pytest.mark.parametrize("record", SOUND.values(), ids=SOUND.keys())
def test_nothing_is_found_where_nothing_is_wrong(record: Op, check: Check):
    shapes = None if record.samples else patterns(len(record.domains))
    for pattern in shapes or [()]:
        check(record, record.sample(PatternDraw(pattern)))


@pytest.mark.parametrize(
    ("fault", "rule"),
    [("value", right), ("derivative", lambda g, y, x: 1.01 * g * (1 - y * y))],
)
def test_fault_on_values_is_found(fault: str, rule: Any):
    if fault == "value":
        record = planted(lambda x, /: x * 1.01 if isinstance(x, float) else np.asarray(x), vjp=rule)
    else:
        record = planted(
            kernel="tanh",
            vjp=lambda g, y, x: rule(g, y, x) if isinstance(x, float) else right(g, y, x),
        )
    with pytest.raises(AssertionError):
        call_checks.check_scalar(record, record.sample(PatternDraw([()])))
