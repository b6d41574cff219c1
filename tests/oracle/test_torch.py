"""Every operation that PyTorch has too: value, gradient, second order."""

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

from tests.oracle.judge import compare, differentiable
from tests.oracle.torch_judge import TorchJudge
from tinygrad_nn.core.op import Op

JUDGE = TorchJudge()
SHARED = [r for r in differentiable() if JUDGE.find(r)]


@pytest.mark.parametrize("record", SHARED, ids=lambda r: r.key)
def test_same_numbers(record: Op):
    if compare(JUDGE, record):
        pytest.skip("PyTorch has the name with other arguments, or without a derivative")
