"""`gradcheck`: whether a gradient is the slope of its function."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from math import nan
from time import perf_counter
from typing import Any, Never

import numpy as np

from tinygrad_nn.core.caller import user_line
from tinygrad_nn.errors import CheckError
from tinygrad_nn.testing.adapters import problems_of
from tinygrad_nn.testing.adapters.named import named
from tinygrad_nn.testing.dense import dense as every_element
from tinygrad_nn.testing.large.digits import directions_in_digits
from tinygrad_nn.testing.large.floats import directions
from tinygrad_nn.testing.laws import laws_of
from tinygrad_nn.testing.numeric.exact import precise
from tinygrad_nn.testing.numeric.judge import Tolerance
from tinygrad_nn.testing.numeric.meant import meant
from tinygrad_nn.testing.problem.limit import Clock, TimeUp, limited
from tinygrad_nn.testing.problem.options import Options, refuse_unknown
from tinygrad_nn.testing.problem.subject import Checked, Problem
from tinygrad_nn.testing.reports.call import call_of, changed
from tinygrad_nn.testing.reports.report import Report
from tinygrad_nn.testing.ties import at_ties
from tinygrad_nn.testing.together import fitting_together
from tinygrad_nn.testing.verdicts import DOUBTFUL, Element, Verdict

__all__ = ["gradcheck"]

_DENSE = 10_000
"""Elements of a Jacobian up to which each one is looked at."""
_COORDINATES, _OUTPUTS = 256, 1_000
"""Inputs and outputs of it up to which they are: each takes evaluations, or a backward pass."""
_DOUBLE, _SINGLE, _SINGLE_UNIT = 1e-6, 1e-3, 1e-12
"""Tolerances usual in float64 and below, and the rounding unit from which it is below."""


def gradcheck(
    f: Any,
    *inputs: Any,
    grad: Any = None,
    engine: str = "auto",
    order: int = 1,
    tolerance: float | None = None,
    cap: float = 0.03,
    dense: bool | None = None,
    laws: bool = True,
    exact: Any = "auto",
    seed: int = 0,
    timeout: float | None = 60.0,
    **unknown: Never,
) -> Report:
    """Check a gradient against the slopes of its function.

    Args:
        f: Function of `inputs`: of tensors of PyTorch, arrays of JAX, our tensors or Values; with
            `grad` of NumPy arrays; a module, whose parameters are inputs too; an operation or its
            name, which without `inputs` is checked at samples of its own.
        *inputs: Arrays, numbers or tensors to check at. Everything that is no float is passed on.
        grad: Gradient of a NumPy function: `grad(*inputs)` where `f` gives one number (0-d), and
            `grad(*inputs, cotangent)` where it gives an array; a tuple for several inputs.
        engine: Which library differentiates `f`: "tinygrad", "torch", "jax", "autograd", or
            "numpy" with `grad`. By default the one that `f` or the inputs are of.
        order: 2 checks the gradient of the gradient too, with the cotangents as further inputs.
        tolerance: Relative, for each element on its own scale; 1e-6 in float64, 1e-3 below.
            The error bar of the measured slope is granted on top of it.
        cap: Part of the elements that may be inconclusive.
        dense: Whether every element of the Jacobian is looked at; by default where it is small.
            Else random directions and some elements are, and a wrong sum is traced to its element.
        laws: Whether properties of every gradient are tried too: that it is linear in the
            cotangent, keeps no state, does not depend on how arrays lie in memory ...
        exact: "auto": a complex step decides what values alone leave open, where `f` takes complex
            numbers. "mpmath": slopes are of `f` computed in 50 digits, with arrays of objects; or
            of the function given here, of such arrays, or of numbers of mpmath. False: nothing
            but values of `f`.
        seed: For random choices.
        timeout: Seconds after which the verdict is inconclusive; None for no limit.
        **unknown: Nothing. Of arguments of other libraries' checks an error says what to write.

    Returns:
        A `Report`: `report.verdict`, `report.ok`, `report.elements`, `report.assert_ok()`.

    Raises:
        CheckError: `f` or its gradient cannot be checked as they are: no floats among the
            inputs, an output that is no array, a gradient of another shape, a random result.
        OperandError: There is no such argument.

    Example:
        >>> import numpy as np
        >>> from tinygrad_nn.testing import gradcheck
        >>> gradcheck(lambda x: (x * x).sum(), np.array([1.0, 2.0])).verdict
        <Verdict.PASS: 'pass'>
        >>> gradcheck(np.sin, np.array(1.0), grad=lambda x: 0.99 * np.cos(x)).verdict
        <Verdict.FAIL: 'fail'>
    """
    refuse_unknown(unknown)
    options = Options(engine, order, tolerance, cap, dense, laws, exact, seed, timeout)
    call = call_of(f, inputs, grad, changed(gradcheck, options.by_name()), user_line()())
    clock = Clock()

    def work() -> Report:
        return _together(
            _orders(p, options, clock) for p in problems_of(f, inputs, grad, engine, seed)
        )

    report = _in_time(work, timeout, clock, Report(named(f), (), cap=cap, seed=seed))
    return replace(report, call=call)


def _in_time(
    work: Callable[[], Report], timeout: float | None, clock: Clock, empty: Report
) -> Report:
    """The report of `work()`, or one that says that it timed out."""
    start = perf_counter()
    try:
        return limited(work, timeout)
    except TimeUp:
        why = f"timed out after {timeout:g} s in {clock.doing}"
        element = Element(Verdict.INCONCLUSIVE, nan, why=why)
        return replace(empty, elements=[element], seconds=perf_counter() - start, notes=(why,))


def _orders(problem: Problem, options: Options, clock: Clock) -> Report:
    """The check of a gradient, and of the gradient of the gradient, up to an order."""
    rng = np.random.default_rng(options.seed)

    def reports() -> Iterable[Report]:
        current = problem
        for n in range(1, options.order + 1):
            checked = Checked(current, clock)
            with np.errstate(invalid="ignore", over="ignore"):  # sums over a gradient with inf
                report = _once(checked, options)
            yield report
            if n == options.order:
                return
            if current.higher is None:
                raise CheckError(
                    f"gradcheck: {problem.name}: got order={options.order}, but of its gradient no "
                    "gradient is known; check that function by itself: "
                    "gradcheck(grad, *inputs, grad=gradient_of_grad)"
                )
            # Of both signs, and none of them near 0.
            size = checked.center.size
            cotangent = rng.choice([-1.0, 1.0], size) * rng.uniform(0.5, 1.5, size)
            current = current.higher(checked.split(cotangent))

    return _together(reports())


def _once(checked: Checked, options: Options) -> Report:
    """One check of one gradient."""
    start = perf_counter()
    empty = _empty(checked)
    whole = _is_small(checked) if options.dense is None else options.dense
    elements = [] if empty else _elements(checked, options, whole)
    if any(e.verdict in DOUBTFUL for e in elements):
        checked.steady()
    obeyed = laws_of(checked, np.random.default_rng(options.seed)) if options.laws else []
    checked.unchanged()
    return Report(
        name=checked.problem.name,
        elements=elements,
        laws=obeyed,
        cap=options.cap,
        seed=options.seed,
        dense=whole,
        calls=checked.calls,
        pulls=checked.pulls,
        seconds=perf_counter() - start,
        known=checked.problem.known,
        labels=checked.problem.labels,
        notes=(*checked.problem.notes, *checked.mutated, *empty),
        shapes=tuple(x.shape for x in checked.inputs),
        output_shapes=tuple(checked.shapes),
        unit=checked.unit,
    )


def _is_small(checked: Checked) -> bool:
    """Whether there is time to look at each element of the Jacobian."""
    coordinates = sum(checked.inputs[i].size for i in checked.active)
    outputs = checked.center.size
    few = coordinates <= _COORDINATES and outputs <= _OUTPUTS
    return few and coordinates * outputs <= _DENSE


def _elements(checked: Checked, options: Options, whole: bool) -> list[Element]:
    """Verdicts on all elements of the Jacobian, or on some and on sums of them."""
    usual = _DOUBLE if checked.unit < _SINGLE_UNIT else _SINGLE
    allowed = Tolerance(relative=usual if options.tolerance is None else options.tolerance)
    f = meant(options.exact, checked.problem.name, checked.center.size)
    precise(f, checked.problem.name, checked.problem.values)
    if whole:
        told = at_ties(checked, every_element(checked, allowed, f), allowed)
        return fitting_together(checked, told, allowed)
    rng = np.random.default_rng(options.seed)
    if callable(f) or f == "mpmath":
        return directions_in_digits(checked, allowed, f, rng)
    return directions(checked, allowed, rng)


def _empty(checked: Checked) -> tuple[str, ...]:
    """A note where there is no element to look at."""
    problem, active = checked.problem, checked.active
    if not any(checked.inputs[i].size for i in active):
        shapes = ", ".join(f"{problem.label(i)}: {list(checked.inputs[i].shape)}" for i in active)
        return (f"nothing to check: no input of floats has an element ({shapes})",)
    if not checked.center.size:
        shapes = ", ".join(str(list(s)) for s in checked.shapes)
        return (f"nothing to check: no output has an element (shape {shapes})",)
    return ()


def _together(reports: Iterable[Report]) -> Report:
    """All as one; the first that is not ok by itself."""
    done: list[Report] = []
    for report in reports:
        if not report.ok:
            return report
        done.append(report)
    if not done:
        raise CheckError(
            "gradcheck: no sample of the operation has an input of floats, so that nothing of it "
            "can be checked; give inputs of your own: gradcheck(op, x)"
        )
    if len(done) == 1:
        return done[0]
    return replace(
        done[0],
        elements=[e for r in done for e in r.elements],
        laws=[law for r in done for law in r.laws],
        dense=all(r.dense for r in done),
        calls=sum(r.calls for r in done),
        pulls=sum(r.pulls for r in done),
        seconds=sum(r.seconds for r in done),
        notes=tuple(dict.fromkeys(n for r in done for n in r.notes)),
    )
