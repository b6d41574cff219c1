"""An array in a few figures, as words."""

from __future__ import annotations

from tinygrad_nn.viz.trace.model import Summary
from tinygrad_nn.viz.wording import number

__all__ = ["SMALL", "array_line", "few", "only"]

SMALL = 4
"""Arrays up to this many elements are shown in full."""


def only(summary: Summary) -> float:
    """The number of a scalar."""
    return summary.elements[0] if summary.elements else summary.mean


def few(summary: Summary) -> bool:
    """Whether it is short enough to be shown in full."""
    return summary.elements is not None and summary.size <= SMALL


def array_line(summary: Summary) -> str:
    """A small array in full; of a larger one the mean, deviation and range."""
    if summary.elements is not None and summary.size <= SMALL:
        return _nested(list(summary.elements), summary.shape)
    if not summary.size:
        return "empty"
    odd = [
        f"{count} {word}" for word, count in (("NaN", summary.nans), ("Inf", summary.infs)) if count
    ]
    if summary.low == summary.high and summary.is_finite:
        return f"all {number(summary.low)}"
    if summary.nans + summary.infs < summary.size:
        odd.append(
            f"≈{number(summary.mean, 2)} ±{number(summary.deviation, 2)} "
            f"[{number(summary.low, 2)}, {number(summary.high, 2)}]"
        )
    return ", ".join(odd)


def _nested(elements: list[float], shape: tuple[int, ...]) -> str:
    if not shape:
        return number(elements[0])
    if 0 in shape:
        return "empty"
    step = len(elements) // shape[0]
    rows = (elements[i : i + step] for i in range(0, len(elements), step))
    return "[" + ", ".join(_nested(row, shape[1:]) for row in rows) + "]"
