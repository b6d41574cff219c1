"""`gradcheck`: whether a gradient is the slope of its function."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np

from tinygrad_nn.testing.adapters import problem_of
from tinygrad_nn.testing.dense import dense as every_element
from tinygrad_nn.testing.directions import directions
from tinygrad_nn.testing.judge import Tolerance
from tinygrad_nn.testing.problem import Checked, Problem
from tinygrad_nn.testing.report import Report

__all__ = ["check", "gradcheck"]

_DENSE = 10_000
"""Elements of a Jacobian up to which each one is looked at."""
_COORDINATES = 256
_DOUBLE, _SINGLE = 1e-6, 1e-3
_SINGLE_UNIT = 1e-12


def gradcheck(
    f: Any,
    *inputs: Any,
    grad: Any = None,
    tolerance: float | None = None,
    cap: float = 0.03,
    dense: bool | None = None,
    seed: int = 0,
) -> Report:
    """Check a gradient against the slopes of its function.

    Args:
        f: Function of `inputs`: of our tensors; or, with `grad`, of NumPy arrays.
        *inputs: Arrays, numbers or tensors to check at. Integers and booleans are passed on.
        grad: Gradient of a NumPy function: `grad(*inputs)` where `f` gives one number (0-d), and
            `grad(*inputs, cotangent)` where it gives an array; a tuple for several inputs.
        tolerance: Relative, for each element on its own scale; 1e-6 in float64, 1e-3 below.
            The error bar of the measured slope is granted on top of it.
        cap: Part of the elements that may be inconclusive.
        dense: Whether every element of the Jacobian is looked at; by default where it is small.
            Else random directions and some elements are, and a wrong sum is traced to its element.
        seed: For random choices.

    Returns:
        A `Report`: `report.verdict`, `report.ok`, `report.elements`, `report.assert_ok()`.

    Raises:
        CheckError: `f` or its gradient cannot be checked as they are: no floats among the
            inputs, an output that is no array, a gradient of another shape.

    Example:
        >>> import numpy as np
        >>> from tinygrad_nn.testing import gradcheck
        >>> gradcheck(lambda x: (x * x).sum(), np.array([1.0, 2.0])).verdict
        <Verdict.PASS: 'pass'>
        >>> gradcheck(np.sin, np.array(1.0), grad=lambda x: 0.99 * np.cos(x)).verdict
        <Verdict.FAIL: 'fail'>
    """
    problem = problem_of(f, inputs, grad)
    return check(problem, tolerance=tolerance, cap=cap, dense=dense, seed=seed)


def check(
    problem: Problem,
    *,
    tolerance: float | None = None,
    cap: float = 0.03,
    dense: bool | None = None,
    seed: int = 0,
) -> Report:
    """`gradcheck` for a problem that an adapter made."""
    start = perf_counter()
    checked = Checked(problem)
    usual = _DOUBLE if checked.unit < _SINGLE_UNIT else _SINGLE
    allowed = Tolerance(relative=usual if tolerance is None else tolerance)
    coordinates = sum(checked.inputs[i].size for i in checked.active)
    small = coordinates <= _COORDINATES and coordinates * checked.center.size <= _DENSE
    whole = small if dense is None else dense
    elements = (
        every_element(checked, allowed)
        if whole
        else directions(checked, allowed, np.random.default_rng(seed))
    )
    return Report(
        name=problem.name,
        elements=elements,
        cap=cap,
        seed=seed,
        dense=whole,
        calls=checked.calls,
        pulls=checked.pulls,
        seconds=perf_counter() - start,
        known=problem.known,
    )
