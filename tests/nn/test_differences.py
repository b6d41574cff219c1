"""The judge of gradients finds a planted fault."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.nn.differences import check


def test_a_right_gradient_passes_and_a_planted_wrong_one_is_found():
    x = tg.tensor(np.array([1.0, -2.0]), requires_grad=True)
    check(lambda: tg.sum(x * x), [x])
    with pytest.raises(AssertionError):
        check(lambda: tg.sum(x * x.detach()), [x])
