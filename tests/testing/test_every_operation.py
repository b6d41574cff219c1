"""`gradcheck` of every differentiable operation of the registry, at inputs of its own samples.

An alarm here means that an operation or the checker is wrong: both are ours.
"""

from collections.abc import Container
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.ops.case import Case, float_outputs
from tinygrad_nn.core.op import OPS, Op
from tinygrad_nn.testing import Report, gradcheck
from tinygrad_nn.testing import strategies as st_

EXAMPLES = 1
DENSE = 64
OPEN = {
    "corrcoef": "at order 2 more than 3 % of the elements are inconclusive",
}
"""Right operations on which the checker raises an alarm: faults of its own, to be mended."""
DEAR = {"_lstm", "_lstm_rows", "_lstm_slope", "attention", "attention_slope", "corrcoef", "gru"}
"""Of these the second order takes seconds: the default run has them in single precision alone."""


def every(slow: Container[str] = ()) -> Any:
    """Every differentiable operation, some of them in the long tail alone."""
    found = []
    for r in OPS.values():
        marks = [pytest.mark.slow] if r.key in slow else []
        if r.key in OPEN:
            marks.append(pytest.mark.xfail(reason=OPEN[r.key], strict=False))
        if r.differentiable:
            found.append(pytest.param(r, id=r.key, marks=marks))
    return pytest.mark.parametrize("record", found)


DRAWN = settings(
    max_examples=EXAMPLES,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],  # to shrink a sample takes minutes
)


def checked(record: Op, sample: Any, dtype: Any, order: int) -> Report | None:
    """The report on one call; None if nothing in it can be differentiated.

    Samples with nan, which some operations leave out, are no place to measure slopes around.
    """
    case = Case(record, sample)
    floats = [x.astype(dtype) for x in case.floats]
    if not any(x.size for x in floats) or not all(np.isfinite(x).all() for x in floats):
        return None

    def call(*xs: Any) -> Any:
        return tuple(float_outputs(case.call(xs)))

    outputs = sum(np.size(y) for y in call(*floats))
    if not outputs:
        return None
    # Of a larger Jacobian directions and spots: each element takes milliseconds in float32.
    small = outputs * sum(x.size for x in floats) <= DENSE
    return gradcheck(call, *floats, order=order, dense=None if small else False)


@every(slow=DEAR)
@DRAWN
@given(data=st.data())
def test_gradients(record: Op, data: Any):
    """Of first and second order, in double precision."""
    report = checked(record, data.draw(st_.samples(record)), np.float64, order=2)
    if report is not None:
        report.assert_ok()


@every()
@DRAWN
@given(data=st.data())
def test_gradients_in_single_precision(record: Op, data: Any):
    report = checked(record, data.draw(st_.samples(record)), np.float32, order=1)
    if report is not None:
        report.assert_ok()
