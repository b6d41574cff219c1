"""Weighted sums along one axis by a table: resizing, uneven means, margins of copies."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.core.op import Kind, op
from tinygrad_nn.core.samples import Draw, Sample

__all__: list[str] = []

Line = tuple[Any, ...]
"""Kind of the table, numbers of inputs and outputs, and options; see `backends/resample.py`."""


def _line(draw: Draw) -> Line:
    n, m = draw.integer(1, 5), draw.integer(1, 7)
    kind = draw.choice(
        ["nearest", "nearest-exact", "linear", "cubic", "antialiased", "area", "margin"]
    )
    options: tuple[Any, ...] = ()
    if kind.startswith("nearest"):
        options = (draw.choice([None, 0.7]),)
    elif kind in ("linear", "cubic"):
        options = (draw.choice([False, True]), draw.choice([None, 0.7]))
    elif kind == "antialiased":
        options = (draw.choice(["linear", "cubic", "lanczos"]), False, None)
    elif kind == "margin":
        mode = draw.choice(["reflect", "replicate", "circular"])
        before, after = draw.integer(-1 if n > 1 else 0, n - 1), draw.integer(0, n - 1)
        m, options = max(n + before + after, 1), (before, mode)
    return (kind, n, m, *options)


def _along(draw: Draw, back: bool) -> Sample:
    line = _line(draw)
    shape = list(draw.shape(min_dims=1))
    axis = draw.integer(-len(shape), len(shape) - 1)
    shape[axis] = line[2] if back else line[1]
    return (draw.array(tuple(shape)),), {"axis": axis, "line": line}


def _resample_slope(g: Any, y: Any, x: Any, axis: int, line: Line) -> Any:
    return resample_back(g, axis=axis, line=line)


@op(
    kernel="resample",
    vjp=_resample_slope,
    kind=Kind.LINEAR,
    samples=lambda draw: _along(draw, back=False),
)
def resample(x: Any, /, axis: int, line: Line) -> Any:
    """y[i] = Σ weight[i, j] · x[position[i, j]] along `axis`, by the table that `line` names."""


@op(
    kernel="resample_back",
    vjp=lambda g, y, x, axis, line: resample(g, axis=axis, line=line),
    kind=Kind.LINEAR,
    samples=lambda draw: _along(draw, back=True),
)
def resample_back(x: Any, /, axis: int, line: Line) -> Any:
    """The transpose of `resample`."""
