"""Every operation that JAX has too: value, gradient, second order."""

import pytest

pytest.importorskip("jax", reason="JAX is not installed")

from tests.oracle.jax_judge import JaxJudge
from tests.oracle.judge import compare, differentiable
from tinygrad_nn.core.op import Op

JUDGE = JaxJudge()
# JAX compiles each function for each shape anew: a second for each sample.
pytestmark = pytest.mark.slow
SHARED = [r for r in differentiable() if JUDGE.find(r)]


@pytest.mark.parametrize("record", SHARED, ids=lambda r: r.key)
def test_same_numbers(record: Op):
    if compare(JUDGE, record, samples=2):
        pytest.skip("JAX has the name with other arguments, or without a derivative")
