"""Several threads at once: no gradient is lost, and no switch reaches the wrong body."""

from threading import Thread

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn.errors import OperandError


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("create_graph", [False, True])
def test_passes_that_end_at_one_leaf(create_graph):
    x, count = tg.tensor(np.ones(1000), requires_grad=True), 100

    def work():
        for _ in range(count):
            (x * 2.0).sum().backward(create_graph=create_graph)

    threads = [Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(np.asarray(x.grad), np.full(1000, 8 * count * 2.0))


def generator():
    yield 1


async def coroutine():
    return 1


async def both():
    yield 1


@pytest.mark.parametrize("function", [generator, coroutine, both])
@pytest.mark.parametrize("switch", [tg.no_grad, tg.enable_grad])
def test_a_body_that_runs_later_is_not_decorated(function, switch):
    """The switch was back before the body began, which recorded all the same."""
    with pytest.raises(OperandError, match="inside of it"):
        switch()(function)
