"""Laws about the cotangent, of which every gradient is a linear function."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_nn.testing.laws.trial import Trial, number
from tinygrad_nn.testing.problem.coordinates import flat
from tinygrad_nn.testing.verdicts import Law, Verdict

__all__ = ["linear", "zero"]

_LARGE, _LARGE_OF_HALF = 2.0**20, 2.0**8
_HALF = 1e-4
_SINGLE = 2.0**-21
"""Part of its terms that a gradient of float64 loses if it is worked out in float32."""
_ROUNDINGS = 16.0
ZERO, LINEAR = "zero for a zero cotangent", "linear in the cotangent"


def zero(trial: Trial) -> Law | None:
    """No gradient where nothing is passed down."""
    if not trial.takes_cotangents:
        return None
    got = trial.of_zero
    bad = (got != 0) & trial.finite
    if not bad.any():
        return Law(ZERO, Verdict.PASS)
    size = np.where(np.isfinite(got), np.abs(got), np.inf)
    at = int(np.argmax(np.where(bad, size, -1.0)))
    return Law(
        ZERO,
        Verdict.FAIL,
        f"{trial.told(at)}: got {number(got[at])} for a cotangent of zeros, expected 0.0: the "
        "gradient adds something that does not come from the cotangent",
    )


def linear(trial: Trial) -> Law | None:
    """Sums and multiples of cotangents give sums and multiples of gradients.

    The cotangents have zeros, both signs, large and small elements, and single ones.
    """
    if not trial.takes_cotangents or not trial.cotangent.any() or not trial.finite.any():
        return None
    constant = trial.of_zero
    if not np.isfinite(constant[trial.finite]).all():
        return None
    for text, cotangent, parts, strict in _cases(trial):
        got = trial.pull(cotangent) - constant
        terms = [factor * (g - constant) for factor, g in ((f, g()) for f, _, g in parts)]
        with np.errstate(all="ignore"):
            want = np.sum(terms, axis=0)
            size = np.sum(np.abs(terms), axis=0)
        # Large numbers may overflow on the way, which breaks no law.
        where = trial.finite & np.isfinite(want) & (strict | np.isfinite(got))

        def noise(cotangent: Any = cotangent, parts: Any = parts, size: Any = size) -> Any:
            of_parts = sum(abs(f) * trial.noise(c) for f, c, _ in parts)
            return trial.noise(cotangent) + of_parts + _SINGLE * size + _inner(trial, parts)

        at = trial.broken(got, want, size, noise, where)
        if at is not None:
            return Law(
                LINEAR,
                Verdict.FAIL,
                f"{trial.told(at)}: got {number(got[at])} for the cotangent {text[0]}, expected "
                f"{text[1]} = {number(want[at])}: a gradient is linear in its cotangent",
            )
    return Law(LINEAR, Verdict.PASS)


def _inner(trial: Trial, parts: list[tuple[float, Any, Any]]) -> Any:
    """Rounding of terms inside of a gradient that cancel: of c * f(x), over x if that is large.

    As p * (c - p @ c) of a softmax: the gradient is small and shows nothing of their size.
    """
    checked = trial.checked
    known = np.where(np.isfinite(checked.center), np.abs(checked.center), 0.0)
    terms = sum(abs(factor) * float(np.abs(c) @ known) for factor, c, _ in parts)
    x = flat([checked.inputs[i] for i in checked.active])
    return _ROUNDINGS * checked.unit * terms / np.maximum(1.0, np.abs(x))


_Case = tuple[tuple[str, str], Any, list[tuple[float, Any, Any]], bool]


def _cases(trial: Trial) -> Iterator[_Case]:
    """Texts, a cotangent, and the multiples of others that it is made of with their gradients."""
    v = trial.cotangent
    large = _LARGE if trial.checked.unit < _HALF else _LARGE_OF_HALF

    def base() -> Any:
        return trial.base

    nonzero = np.flatnonzero(v)
    if nonzero.size == 1:
        yield ((f"{-large:g} v", f"{-large:g} g(v)"), -large * v, [(-large, v, base)], False)
        yield ((f"v / {large:g}", f"g(v) / {large:g}"), v / large, [(1 / large, v, base)], False)
        return
    even = np.zeros_like(v)
    even[nonzero[::2]] = v[nonzero[::2]]
    odd = v - even
    of_even, of_odd = trial.pull(even), trial.pull(odd)
    halves = [(1.0, even, lambda: of_even), (1.0, odd, lambda: of_odd)]
    text = ("v", "g(v with every other element 0) + g(v with the others 0)")
    yield text, v, halves, True
    one = np.zeros_like(v)
    k = int(trial.rng.choice(nonzero[1::2]))
    one[k] = -large if v[k] > 0 else large
    of_one = trial.pull(one)
    both = [(1.0, odd, lambda: of_odd), (1.0, one, lambda: of_one)]
    yield (
        ("v + w", "g(v) + g(w) with w large at one place and 0 elsewhere"),
        odd + one,
        both,
        False,
    )
    uneven = [(-large, even, lambda: of_even), (-1 / large, odd, lambda: of_odd)]
    text = (f"{-large:g} v - w / {large:g}", f"{-large:g} g(v) - g(w) / {large:g}")
    yield text, -large * even - odd / large, uneven, False
