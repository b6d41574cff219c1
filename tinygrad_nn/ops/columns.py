"""Windows of images as columns, and back."""

from __future__ import annotations

from math import prod
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import Kind, op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import ShapeError
from tinygrad_nn.ops.convolution import Pads, Sides, filled, geometry, places_of

__all__: list[str] = []


def _windows(draw: Draw) -> Sample:
    shapes, static = geometry(draw)
    static.pop("groups")
    return (draw.array(shapes["x"]),), {"kernel": shapes["w"][2:], **static}


def _uncolumned(g: Any, y: Any, x: Any, **static: Any) -> Any:
    return col2im(g, sides=x.shape[2:], **static)


@op(vjp=_uncolumned, kind=Kind.LINEAR, samples=_windows)
def im2col(
    x: Any,
    /,
    kernel: Sides,
    stride: Sides = (),
    padding: Pads = (),
    dilation: Sides = (),
) -> Any:
    """Every window as a column: `(N, C, *sides) -> (N, C · taps, places)`.

    The gradient is `col2im`. Static arguments are those of `convolution`.

    Raises:
        ShapeError: The kernel is larger than the padded input, or has other sides.
        OptionError: A number is below 1.
    """
    stride, padding, dilation = filled(x.ndim - 2, stride, padding, dilation)
    outs = places_of("unfold", x.shape[2:], kernel, stride, padding, dilation)
    return namespace(x).unfold_windows(
        x, kernel=kernel, outs=outs, stride=stride, padding=padding, dilation=dilation
    )


def _columns(draw: Draw) -> Sample:
    shapes, static = geometry(draw)
    static.pop("groups")
    x, kernel, outs = shapes["x"], shapes["w"][2:], shapes["g"][2:]
    columns = draw.array((x[0], x[1] * prod(kernel), prod(outs)))
    return (columns,), {"sides": x[2:], "kernel": kernel, **static}


def _recolumned(g: Any, y: Any, x: Any, sides: Sides, **static: Any) -> Any:
    return im2col(g, **static)


@op(vjp=_recolumned, kind=Kind.LINEAR, samples=_columns)
def col2im(
    columns: Any,
    /,
    sides: Sides,
    kernel: Sides,
    stride: Sides = (),
    padding: Pads = (),
    dilation: Sides = (),
) -> Any:
    """Columns added up where `im2col` took them: `(N, C · taps, places) -> (N, C, *sides)`.

    The gradient is `im2col`. Static arguments are those of `convolution`.

    Raises:
        ShapeError: The columns are not those of such windows.
        OptionError: A number is below 1.
    """
    stride, padding, dilation = filled(len(sides), stride, padding, dilation)
    outs = places_of("fold", sides, kernel, stride, padding, dilation)
    taps, places = prod(kernel), prod(outs)
    if columns.ndim != 3 or columns.shape[1] % taps or columns.shape[2] != places:
        raise ShapeError(
            f"fold: got columns {columns.shape}, expected (N, C · {taps}, {places}): {taps} taps "
            f"of the kernel {kernel}, and {'·'.join(map(str, outs))} places in {sides}"
        )
    return namespace(columns).fold_windows(
        columns, sides=sides, kernel=kernel, outs=outs,
        stride=stride, padding=padding, dilation=dilation,
    )  # fmt: skip
