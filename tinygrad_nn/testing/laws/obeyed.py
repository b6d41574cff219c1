"""All laws, one after another."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinygrad_nn.testing.laws import calls, cotangents, graph, precision
from tinygrad_nn.testing.laws.trial import Trial
from tinygrad_nn.testing.problem.subject import Checked
from tinygrad_nn.testing.verdicts import Law, Verdict

__all__ = ["LAWS", "laws_of"]

LAWS: tuple[Callable[[Trial], Law | None], ...] = (
    cotangents.zero,
    cotangents.linear,
    calls.follows,
    calls.dtype,
    calls.layouts,
    precision.precision,
    graph.adjoint,
    graph.reused,
    graph.aliased,
)


def laws_of(checked: Checked, rng: np.random.Generator) -> list[Law]:
    """The laws that can be tried on a gradient, and whether it obeys them.

    Args:
        checked: The function and its gradient.
        rng: For random choices.

    Example:
        >>> import numpy as np
        >>> from tinygrad_nn.testing import gradcheck
        >>> wrong = gradcheck(
        ...     lambda x: x * x, np.array([1.0, 2.0]), grad=lambda x, c: 2 * x * abs(c)
        ... )
        >>> [e.verdict.value for e in wrong.elements]
        ['pass', 'pass', 'pass', 'pass']
        >>> [law.name for law in wrong.laws if law.verdict.value == "fail"]
        ['linear in the cotangent']
    """
    trial = Trial(checked, rng)
    found = [calls.again(trial)]
    if found[0].verdict is Verdict.FAIL:  # the others compare calls
        return found
    return [*found, *(law for law in (f(trial) for f in LAWS) if law is not None)]
