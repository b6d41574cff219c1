"""What a kernel is made of is written down only where it can be followed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.compiler.programs import var
from tinygrad_nn.compiler.opening import Closed, Opening, StandIn


def opened(kernel: Callable[..., Any], x: Any) -> tuple[list[str], Any]:
    """Names of the calls, and the result."""
    opening = Opening()
    out = kernel(StandIn(opening, var(x), x))
    return [i.name for i in opening.instructions], out.value


def over_its_own(x: Any) -> Any:
    y = x * 2.0
    y += x
    return np.sqrt(y, out=y)


def over_blank(x: Any) -> Any:
    y = np.empty_like(x)
    return np.multiply(x, x, out=y)


def over_its_argument(x: Any) -> Any:
    x += 1.0
    return x


def over_what_a_view_shows(x: Any) -> Any:
    y = x * 2.0
    z = y[0]
    y += 1.0
    return z


def over_a_view(x: Any) -> Any:
    y = x * 2.0
    z = np.transpose(y)
    z += 1.0
    return y


def over_another_shape(x: Any) -> Any:
    y = np.sum(x, axis=0)
    return np.add(y, x[:1], out=y)


def by_place(x: Any) -> Any:
    y = x * 2.0
    return np.add(x, x, y)


def with_an_array_of_its_own(x: Any) -> Any:
    return x * np.arange(3.0)


def by_a_number(x: Any) -> Any:
    return x if x.sum() > 0 else -x


@pytest.mark.parametrize(
    ("kernel", "names"),
    [
        (over_its_own, ["multiply", "add", "sqrt"]),
        (over_blank, ["empty_like", "multiply"]),
        (by_place, ["multiply", "add"]),
    ],
)
def test_an_array_of_the_kernel_s_own_may_be_written_over(kernel: Any, names: list[str]):
    x = np.arange(6.0).reshape(2, 3)
    found, out = opened(kernel, x)
    assert found == names
    np.testing.assert_array_equal(out, kernel(x.copy()))


@pytest.mark.parametrize(
    "kernel",
    [
        over_its_argument,
        over_what_a_view_shows,
        over_a_view,
        over_another_shape,
        with_an_array_of_its_own,
        by_a_number,
    ],
)
def test_a_kernel_that_cannot_be_followed_stays_closed(kernel: Any):
    with pytest.raises(Closed):
        opened(kernel, np.arange(6.0).reshape(2, 3))
