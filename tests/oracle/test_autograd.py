"""Every operation that HIPS autograd has too: value, gradient, second order."""

import pytest

pytest.importorskip("autograd", reason="HIPS autograd is not installed")

from tests.oracle.autograd_judge import AutogradJudge
from tests.oracle.judge import compare, differentiable
from tinygrad_nn.core.op import Op

JUDGE = AutogradJudge()
SHARED = [r for r in differentiable() if JUDGE.find(r)]


@pytest.mark.filterwarnings("ignore:Output seems independent of input:UserWarning:autograd")
@pytest.mark.parametrize("record", SHARED, ids=lambda r: r.key)
def test_same_numbers(record: Op):
    if compare(JUDGE, record):
        pytest.skip("HIPS autograd has the name with other arguments, or without a derivative")
