"""The sweeps that the explanation of gradcheck shows, made by the code that it explains."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinygrad_nn.testing.numeric.grid import steps
from tinygrad_nn.testing.numeric.slopes import Estimate, slopes
from tinygrad_nn.testing.numeric.sweep import Sweep

__all__ = ["easy", "hard"]

_SHOWN = 4.0 ** -np.arange(1, 26, 3)


def easy() -> list[str]:
    """sin at 1."""
    return _table(np.sin, 1.0)


def hard() -> list[str]:
    """A kink at a distance of 1e-6."""
    return _table(lambda x: np.abs(x - 1.000001), 1.0)


def _table(f: Callable[[np.float64], np.float64], x: float) -> list[str]:
    t = steps(abs(x))
    above, below = (np.array([f(np.float64(x + s * h)) for h in t]) for s in (1, -1))
    center = float(f(np.float64(x)))
    with np.errstate(all="ignore"):
        found = slopes(Sweep(t, above, below, center, 2.0**-53))
    lines = ["```text", "  step      from the left   both sides   from the right"]
    for h in _SHOWN:
        at = int(np.flatnonzero(t == h)[0])
        left, right = (center - below[at]) / h, (above[at] - center) / h
        lines.append(f"  {h:.1e}   {left:+13.6f}{(left + right) / 2:+13.6f}{right:+17.6f}")
    lines.append("")
    for name in ("left", "right", "central"):
        estimate = getattr(found, name)
        lines.append(f"  {name:8s} {_shown(estimate)}")
    return [*lines, "```"]


def _shown(estimate: Estimate | None) -> str:
    if estimate is None:
        return "none"
    power = int(np.ceil(np.log10(estimate.bar))) if estimate.bar else -16
    # Of the bar only the size: its digits are those of rounding.
    return f"{estimate.value:+.6f}, known to 1e{max(power, -10)} or better"
