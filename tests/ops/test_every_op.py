"""Every registered operation against NumPy, finite differences and itself.

Nothing here names an operation: the registry says which there are and what they may be given.
"""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.extents import share, twofold
from tests.ops import call_checks, checks
from tests.ops.case import flatten
from tests.ops.draws import PatternDraw, SeededDraw, patterns, samples
from tinygrad_nn.backends import scalar
from tinygrad_nn.core.op import OPS, Kind, Op
from tinygrad_nn.methods import Arithmetic, Elementwise

ELEMENTWISE = [r for r in OPS.values() if r.samples is None]
ON_VALUES = [
    r
    for r in OPS.values()
    if hasattr(scalar, r.kernel or "no kernel") or r.name in {*vars(Elementwise), *vars(Arithmetic)}
]
CHECKS_FIRST = (
    checks.check_value,
    checks.check_constant,
    checks.check_gradient,
)
CHECKS_CALL = (
    checks.check_partial,
    checks.check_linear,
    call_checks.check_single,
    call_checks.check_half,
    call_checks.check_layout,
    call_checks.check_protocol,
    call_checks.check_public,
    call_checks.check_method,
)
CHECKS_ORDER = (checks.check_second_order, checks.check_forward)

every_op = pytest.mark.parametrize("record", list(OPS.values()), ids=lambda r: r.key)


# Hypothesis alone meets pairs of such numbers too rarely.
SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.0, -3.0, 0.5, 1e-310, 1e308, -1e308, np.inf, -np.inf, np.nan]
ANY_FLOAT = st.sampled_from(SPECIAL) | st.floats(allow_subnormal=False)


@every_op
@twofold
@share(100)
@given(data=st.data())
def test_value_and_gradient(record: Op, data: Any):
    sample = data.draw(samples(record))
    for check in CHECKS_FIRST:
        check(record, sample)


@every_op
@twofold
@share(40)
@given(data=st.data())
def test_constants_dtypes_layouts_and_other_ways_to_call(record: Op, data: Any):
    sample = data.draw(samples(record))
    for check in CHECKS_CALL:
        check(record, sample)


@every_op
@twofold
@share(40)
@given(data=st.data())
def test_second_order_and_forward_mode(record: Op, data: Any):
    sample = data.draw(samples(record))
    for check in CHECKS_ORDER:
        check(record, sample)


@pytest.mark.parametrize("record", ELEMENTWISE, ids=lambda r: r.key)
def test_every_pattern_of_broadcasting(record: Op):
    """Chance may miss the one pattern that is wrong: all of them, 0-d and empty included."""
    for shapes in patterns(len(record.domains)):
        sample = record.sample(PatternDraw(shapes))
        checks.check_value(record, sample)
        checks.check_gradient(record, sample)


@pytest.mark.parametrize("record", ON_VALUES, ids=lambda r: r.key)
def test_values(record: Op):
    """On numbers it is what it is on arrays without axes."""
    for seed in range(12):
        sample = record.sample(PatternDraw([()] * 3, seed))
        if all(isinstance(x, (np.ndarray, np.generic)) and not np.ndim(x) for x in sample[0]):
            call_checks.check_scalar(record, sample)


@pytest.mark.parametrize(
    "record", [r for r in ON_VALUES if r.kernel and not r.static], ids=lambda r: r.key
)
@twofold
@share(100)
@given(data=st.data())
def test_scalar_kernels_are_numpys_on_all_floats(record: Op, data: Any):
    """Infinities, NaN, zeros of both signs and overflow too: IEEE results, never an exception."""
    args = [data.draw(ANY_FLOAT) for _ in record.data]
    with np.errstate(all="ignore"):
        # With axes, since NumPy takes the root for a power of one 0.5: NaN, not inf, at -inf.
        (want,) = np.asarray(record.compute(*(np.asarray([x]) for x in args)))
    got = record.compute(*args)
    assert isinstance(got, (float, int)), type(got)
    # At a root away from 0 the rounding of the argument alone is larger than the result.
    rounding = 1e-14 if all(abs(x) > 1e-6 for x in args) else 5e-324
    np.testing.assert_allclose(float(got), float(want), rtol=1e-12, atol=rounding)


@pytest.mark.parametrize(
    "record", [r for r in OPS.values() if r.kind is not Kind.CONSTANT], ids=lambda r: r.key
)
def test_samples_are_not_vacuous(record: Op):
    """Many samples have elements, in the arguments and in the result."""
    full = 0
    for seed in range(12):
        args, params = record.sample(SeededDraw(seed))
        outputs = flatten(record.call(*args, **params))
        full += all(np.size(x) for x in outputs) and all(np.size(x) for x in flatten(args))
    assert full >= 2, f"{full} of 12 samples have elements"


def test_some_operations_of_every_kind_were_found():
    assert {r.kind for r in OPS.values()} >= set(Kind) - {Kind.COMPOSED}
