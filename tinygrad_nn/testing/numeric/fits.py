"""Slopes of noisy functions, from polynomials fitted to many values.

A difference quotient rests on two values, and its noise is theirs over the step. A polynomial
fitted to many values averages the noise and may reach out as far as the function is smooth: where
quotients know a slope to 1 %, the fit often knows it to 1e-5.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from tinygrad_nn.testing.numeric.grid import RATIO
from tinygrad_nn.testing.numeric.slopes import Estimate

__all__ = ["fitted", "nodes", "straight_fit"]

_NODES = 96
"""Values for a fit: five for each coefficient of the highest degree, which leaves noise to see."""
_DEGREES = (3, 5, 7, 9, 13, 17)
"""Two neighbours of these are compared: what the higher one changes is truncation."""
_SIGMAS = 7.0
"""More than for random noise: that of rounding follows the nodes a little."""
_GRANULES = 2.0**-20
"""Nodes are whole multiples of this part of the radius, so that x + t is rarely rounded."""
_ROUNDINGS = 4.0
"""Rounding units by which values on a straight line may miss it, as a mean."""
_RIVALS = 4.0
"""Fits with a bar up to this many times the best one's must agree with it."""
_WITNESS = 30.0
"""And one of another radius, of a bar up to this many times as large: what is not a polynomial on
one scale is none on the next either, but goes astray otherwise."""


def nodes(radius: float) -> Any:
    """Steps at which the function is wanted for a fit of this radius."""
    granule = _GRANULES * radius
    return np.round(_unit_nodes() * radius / granule) * granule


def fitted(
    radii: Any, values: Callable[[float], Any], unit: float, rounding: float = 0.0
) -> Estimate | None:
    """The slope at 0 on which fits of several radii and degrees agree, if they do.

    Args:
        radii: To be tried, powers of 2.
        values: Gives f at `nodes(radius)`.
        unit: Rounding unit of the values.
        rounding: Noise of values that are all the same, where it is known.
    """
    found = [(r, e) for r in radii for e in _of_radius(r, np.asarray(values(r)), unit, rounding)]
    if not found:
        return None
    own, best = min(found, key=lambda pair: pair[1].bar)
    rivals = [(r, e) for r, e in found if e.bar <= _RIVALS * best.bar]
    agree = all(abs(e.value - best.value) <= e.bar + best.bar for _, e in rivals)
    again = any(
        r != own and e.bar <= _WITNESS * best.bar and abs(e.value - best.value) <= e.bar + best.bar
        for r, e in found
    )
    return best if agree and again else None


def straight_fit(t: Any, values: Any, unit: float) -> Estimate | None:
    """The slope of values on a straight line, if they lie on one but for rounding.

    Args:
        t: Steps, as many to each side.
        values: f at them.
        unit: Rounding unit of the values.
    """
    size = float(t @ t)
    if not np.all(np.isfinite(values)) or not size:
        return None
    change = values - values[0]
    change -= change.mean()
    slope = float(t @ change) / size
    noise = float(np.sqrt(np.mean((change - slope * t) ** 2)))
    rounding = unit * float(np.abs(values).max())
    if noise > _ROUNDINGS * rounding:
        return None
    bar = (_SIGMAS * noise + rounding) / float(np.sqrt(size))
    return Estimate(slope, bar, float(t.max()))


def _of_radius(radius: float, values: Any, unit: float, rounding: float) -> list[Estimate]:
    if not np.all(np.isfinite(values)):
        return []
    largest = float(np.abs(values).max())
    values = values - values[0]
    # Few distinct values are the grain of f, whose steps may all lie at a few nodes.
    distinct = np.unique(values)
    grainy = 1 < distinct.size < len(values) / 2
    grain = float(np.diff(distinct).min()) if grainy else 0.0
    found, last = [], None
    for degree in _DEGREES:
        weights, project = _functionals(degree)
        slope = float(weights @ values) / radius
        rest = values - project @ values
        noise = max(grain, np.sqrt(rest @ rest / (len(values) - degree - 1))) or rounding
        own = float(np.sqrt(weights @ weights)) / radius
        bar = own * (_SIGMAS * noise + unit * largest)
        if last is not None:
            found.append(Estimate(slope, bar + abs(slope - last), radius / RATIO))
        last = slope
    return found


@lru_cache(maxsize=1)
def _unit_nodes() -> Any:
    """Chebyshev's, on both sides, as whole multiples of a granule."""
    raw = np.cos(np.pi * (np.arange(_NODES) + 0.5) / _NODES)
    return np.round(raw / _GRANULES) * _GRANULES


@lru_cache(maxsize=len(_DEGREES))
def _functionals(degree: int) -> tuple[Any, Any]:
    """Weights of values that make the slope at 0 of the best polynomial; and its values."""
    basis = np.polynomial.chebyshev.chebvander(_unit_nodes(), degree)
    inverse = np.linalg.pinv(basis)
    slopes = np.polynomial.chebyshev.chebvander(np.zeros(1), degree)[0] * 0
    for k in range(1, degree + 1, 2):
        slopes[k] = k * (-1) ** (k // 2)  # T_k'(0) = k U_(k-1)(0), 0 for even k.
    return slopes @ inverse, basis @ inverse
