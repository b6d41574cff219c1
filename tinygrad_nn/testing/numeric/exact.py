"""Slopes without cancellation: the complex step, and numbers of 50 digits.

For an analytic function f(x + ih) = f(x) + ih f'(x) - ...: the imaginary part over h is the slope,
and as nothing is subtracted h may be so small that no truncation is left. What is not analytic
(abs, a comparison, a real part) gives another number, or none; so the complex step only sharpens
what a sweep found, and never speaks alone.

In 50 digits a plain difference with a step of 1e-20 is exact to 20 digits, whatever rounding does
to the function in float64: `exact="mpmath"` judges the function that is meant, not the one that
is computed.

Source: W. Squire and G. Trapp, "Using complex variables to estimate derivatives of real
functions", SIAM Review 40 (1998).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from math import isfinite
from typing import Any

import numpy as np

from tinygrad_nn.errors import CheckError
from tinygrad_nn.testing.numeric.judge import Tolerance
from tinygrad_nn.testing.verdicts import Element, Verdict

__all__ = ["Function", "complex_slopes", "confirmed", "judged_in_digits", "precise"]

Function = Callable[[Sequence[Any]], Sequence[Any]]

_MODULES = {"mpmath": "tinygrad_nn.testing.numeric.digits"}
"""What needs a package that is no dependency, by the name of that: imported when asked for."""
_STEPS = (1e-30, 1e-40)
"""In parts of the coordinate's size. Their results are the same if f is analytic: all terms but
the first are below 1e-60."""
_LEAST = 1e-200
"""Coordinates smaller than this are stepped from as if they were 1: h must not underflow."""
_SAME = 1e-13
"""Part to which both steps must agree, and the real part be that of f."""
_VAGUE = 0.1
"""Part of the slope that a sweep must know before a complex step may confirm it: by then x |x|,
whose complex step gives half of its slope, is known for what it is."""
_SURE_KINK = 1e-12
"""Part by which one-sided slopes differ at a kink; for a smooth function it is 1e-20."""
_DIGITS_BAR = 1e-15
"""Part of a slope in 50 digits that is rounded off when it becomes a float."""


def complex_slopes(
    f: Function, inputs: Sequence[Any], place: tuple[int, tuple[int, ...]], center: Any
) -> Any | None:
    """Slopes of all outputs along a coordinate, end to end; nan where f is not analytic.

    Args:
        f: Outputs for inputs; it is given complex ones.
        inputs: Arrays; the coordinate must be one of float64.
        place: Input, and index in it, of the coordinate.
        center: Outputs at the inputs, end to end.

    Returns:
        None if f does not take complex numbers, or gives real ones for them.
    """
    i, index = place
    if inputs[i].dtype != np.float64:
        return None
    size = abs(float(inputs[i][index]))
    size = size if size > _LEAST else 1.0
    found = []
    for part in _STEPS:
        moved = np.array(inputs[i], np.complex128)
        moved[index] += 1j * part * size
        flat = _complex_values(f, [moved if k == i else np.array(x) for k, x in enumerate(inputs)])
        if flat is None or flat.shape != center.shape:
            return None
        with np.errstate(all="ignore"):
            found.append((flat.real, flat.imag / (part * size)))
    (real, first), (_, second) = found
    with np.errstate(all="ignore"):
        same = np.abs(first - second) <= _SAME * np.abs(first)
        same &= np.abs(real - center) <= _SAME * np.abs(center)
    return np.where(same & np.isfinite(first), first, np.nan)


def _complex_values(f: Function, given: Sequence[Any]) -> Any | None:
    """Outputs end to end; None if f raises, warns that it drops imaginary parts, or is real."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error")
            outputs = [np.asarray(y) for y in f(given)]
    except Exception:
        # f is anybody's, and never said that it takes complex numbers.
        return None
    if not outputs or any(y.dtype.kind != "c" for y in outputs):
        return None
    return np.concatenate([y.ravel() for y in outputs])


def confirmed(found: Element, slope: float, allowed: Tolerance) -> Element:
    """An inconclusive verdict again, with the slope of a complex step.

    It may only confirm a claim: where f is not analytic in some small part, the step is a little
    wrong, and no right gradient must fail for that. A wrong one that agrees with it to 1e-6, and
    with the sweep too, would be an odd chance.
    """
    off = abs(slope - found.numeric)
    if not off <= found.bar <= _VAGUE * abs(slope):
        return found
    own = max(abs(slope), abs(found.analytic))
    if abs(found.analytic - slope) > allowed.relative * own + allowed.absolute:
        return found
    bar = allowed.relative * own
    return Element(Verdict.PASS, found.analytic, slope, bar, "by a complex step")


def precise(exact: Any, name: str, f: Function) -> Function | None:
    """The function that is computed in many digits, as `exact` asks; None if it does not.

    Raises:
        CheckError: It is none of the things that `exact` may be.
    """
    if exact is False or (isinstance(exact, str) and exact in ("auto", "complex")):
        return None
    if isinstance(exact, str) and exact == "mpmath":
        return f
    if callable(exact):
        return lambda given: _listed(exact(*given))
    raise CheckError(
        f"gradcheck: {name}: got exact={exact!r}, expected 'auto' (a complex step where f takes "
        "it), 'mpmath' (f in 50 digits), a function that computes f with arrays of such numbers, "
        "or False"
    )


def _listed(found: Any) -> list[Any]:
    return list(found) if isinstance(found, tuple) else [found]


def judged_in_digits(
    f: Function,
    name: str,
    inputs: Sequence[Any],
    place: tuple[int, tuple[int, ...]],
    claims: Any,
    allowed: Tolerance,
) -> list[Element]:
    """A verdict for each output on a coordinate, from slopes in 50 digits.

    Raises:
        CheckError: mpmath is not installed, or f cannot be computed with its numbers.
    """
    try:
        digits = import_module(_MODULES["mpmath"])
    except ModuleNotFoundError as error:
        raise CheckError(
            f"gradcheck: {name}: exact= needs mpmath, which is not installed; pip install mpmath"
        ) from error
    slopes = digits.slopes_in_digits(f, name, inputs, place)
    return [
        _in_digits(float(claim), [float(x) for x in measured], allowed)
        for claim, *measured in zip(claims, *slopes, strict=True)
    ]


def _in_digits(claim: float, slopes: Sequence[float], allowed: Tolerance) -> Element:
    slope, left, right = slopes
    larger = max(abs(left), abs(right), abs(claim))
    margin = allowed.relative * larger + allowed.absolute
    if not isfinite(left) or not isfinite(right):
        why = "f has no finite value around, in 50 digits"
        return Element(Verdict.INCONCLUSIVE, claim, slope, why=why)
    if abs(left - right) > _SURE_KINK * larger:
        inside = min(left, right) - margin <= claim <= max(left, right) + margin
        verdict = Verdict.KINK if inside else Verdict.FAIL
        return Element(verdict, claim, slope, abs(right - left) / 2, "in 50 digits", left, right)
    fits = abs(claim - slope) <= margin
    bar = _DIGITS_BAR * abs(slope)
    return Element(Verdict.PASS if fits else Verdict.FAIL, claim, slope, bar, "in 50 digits")
