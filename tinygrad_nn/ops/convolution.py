"""Convolutions in any number of dimensions, as one trilinear form and its three derivatives.

Every one of them is a derivative of

    T(x, w, g) = Σ g[n, o, p] w[o, c, k] x[n, c, p stride + k dilation - padding]:

`convolution` is dT/dg, `convolution_transpose` dT/dx and `convolution_weight` dT/dw. The
derivatives of each by its two arguments are the two others, so that nothing else is needed for
derivatives of any order.

Shapes are PyTorch's: x (N, C, *sides), w (O, C/groups, *kernel), g (N, O, *places). Padding is
given before and after each side, zeros; a negative number cuts off instead.
"""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import Kind, op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import OperandError, OptionError, ShapeError
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.shape import broadcast_to, reshape

__all__: list[str] = []

Sides = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]


# ── Sizes ───────────────────────────────────────────────────────────────────────────────


def filled(ndim: int, stride: Sides, padding: Pads, dilation: Sides) -> tuple[Any, Any, Any]:
    """The static arguments with what () stands for."""
    return stride or (1,) * ndim, padding or ((0, 0),) * ndim, dilation or (1,) * ndim


def places_of(
    name: str, sides: Sides, kernel: Sides, stride: Sides, padding: Pads, dilation: Sides
) -> Sides:
    """How many places a window has along each side."""
    ndim = len(sides)
    if not len(kernel) == len(stride) == len(padding) == len(dilation) == ndim:
        raise ShapeError(
            f"{name}: got {ndim} sides {sides}, kernel={kernel}, stride={stride}, "
            f"padding={padding}, dilation={dilation}, expected {ndim} numbers in each"
        )
    if min((*stride, *dilation, *kernel), default=1) < 1:
        raise OptionError(
            f"{name}: got kernel={kernel}, stride={stride}, dilation={dilation}, expected "
            "numbers of at least 1"
        )
    widths = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    padded = [n + a + b for n, (a, b) in zip(sides, padding, strict=True)]
    outs = tuple((n - w) // s + 1 for n, w, s in zip(padded, widths, stride, strict=True))
    if min(outs, default=1) < 1:
        behind = f" with dilation {dilation}: {tuple(widths)}" if max(dilation) > 1 else ""
        raise ShapeError(
            f"{name}: the kernel {kernel}{behind} is larger than the input {sides} with padding "
            f"{padding}: {tuple(padded)}; the result would have sides {outs}; use a smaller "
            "kernel, more padding or larger inputs"
        )
    return outs


def _exact(sides: Sides, outs: Sides, kernel: Sides, static: dict[str, Any]) -> dict[str, Any]:
    """Static arguments from whose padding the sides follow: rows that no window reaches cut off."""
    stride, padding, dilation = filled(
        len(sides), static["stride"], static["padding"], static["dilation"]
    )
    pads = tuple(
        (a, (p - 1) * s + d * (k - 1) + 1 - n - a)
        for n, p, k, s, (a, _), d in zip(
            sides, outs, kernel, stride, padding, dilation, strict=True
        )
    )
    groups = static["groups"]
    return {"stride": stride, "padding": pads, "dilation": dilation, "groups": groups}


# ── Samples ─────────────────────────────────────────────────────────────────────────────


def geometry(draw: Draw) -> tuple[dict[str, Any], dict[str, Any]]:
    """Shapes of x, w and g, and static arguments that fit them."""
    ndim, groups = draw.choice([1, 2, 2, 3]), draw.choice([1, 1, 2, 3])
    inputs, outputs = draw.integer(1, 2), draw.integer(1, 2)
    kernel = tuple(draw.integer(1, 3) for _ in range(ndim))
    stride = tuple(draw.integer(1, 2) for _ in range(ndim))
    dilation = tuple(draw.integer(1, 2) for _ in range(ndim))
    padding = tuple((draw.integer(0, 2), draw.integer(0, 2)) for _ in range(ndim))
    widths = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    sides = tuple(
        max(1, w - sum(p)) + draw.integer(0, 4 - ndim) for w, p in zip(widths, padding, strict=True)
    )
    static = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    outs = places_of("convolution", sides, kernel, stride, padding, dilation)
    # Of so many a line of results is a matrix product of its own.
    batch = draw.choice([1, 2, 0, 3, 32 if ndim == 2 and groups == 1 else 2])
    shapes = {
        "x": (batch, groups * inputs, *sides),
        "w": (groups * outputs, inputs, *kernel),
        "g": (batch, groups * outputs, *outs),
    }
    return shapes, static


def _with_bias(draw: Draw) -> Sample:
    shapes, static = geometry(draw)
    inputs = [draw.array(shapes["x"]), draw.array(shapes["w"])]
    if draw.choice([False, True]):
        inputs.append(draw.array(shapes["g"][1:2]))
    return tuple(inputs), static


def _of(*names: str) -> Any:
    """Samples of two of x, w and g, from whose shapes the third's follows."""

    def samples(draw: Draw) -> Sample:
        shapes, static = geometry(draw)
        exact = _exact(shapes["x"][2:], shapes["g"][2:], shapes["w"][2:], static)
        return tuple(draw.array(shapes[name]) for name in names), exact

    return samples


# ── The three operations ────────────────────────────────────────────────────────────────


def _pull(
    g: Any, y: Any, x: Any, weight: Any, *bias: Any, needs: tuple[bool, ...], **static: Any
) -> list[Any]:
    exact = _exact(x.shape[2:], g.shape[2:], weight.shape[2:], static)
    found = [
        convolution_transpose(g, weight, **exact) if needs[0] else None,
        convolution_weight(x, g, **exact) if needs[1] else None,
    ]
    if bias:
        axes = (0, *range(2, g.ndim))
        found.append(total(g, axis=axes) if needs[2] else None)
    return found


def _push(tangents: Any, y: Any, x: Any, weight: Any, *bias: Any, **static: Any) -> Any:
    dx, dweight, *dbias = tangents
    parts = [] if dx is None else [convolution(dx, weight, **static)]
    if dweight is not None:
        parts.append(convolution(x, dweight, **static))
    if dbias and dbias[0] is not None:
        column = reshape(dbias[0], (y.shape[1], *(1,) * (y.ndim - 2)))
        parts.append(broadcast_to(column, y.shape))
    return reduce(add, parts)


@op(pullback=_pull, jvp=_push, samples=_with_bias)
def convolution(
    *inputs: Any, stride: Sides = (), padding: Pads = (), dilation: Sides = (), groups: int = 1
) -> Any:
    """Cross-correlation of `convolution(x, weight)` or `convolution(x, weight, bias)`.

    y[n, o, p] = bias[o] + Σ_c,k weight[o, c, k] x[n, c, p · stride + k · dilation − padding],
    `(N, C, *sides), (O, C/groups, *kernel), (O,) -> (N, O, *places)`. The gradient for x is a
    `convolution_transpose`, that for the weight a `convolution_weight`.

    Args:
        inputs: x, weight and perhaps bias.
        stride: Step along each side; () for ones.
        padding: Zeros (before, after) each side; () for none.
        dilation: Distance of taps along each side; () for ones.
        groups: How many blocks of channels are kept apart.

    Raises:
        ShapeError: The shapes do not fit, or the kernel is larger than the padded input.
        OptionError: A number is below 1, or the groups do not divide the channels.
    """
    if len(inputs) not in (2, 3):
        raise OperandError(
            f"convolution: got {len(inputs)} arguments, expected convolution(x, weight) or "
            "convolution(x, weight, bias)"
        )
    x, weight = inputs[0], inputs[1]
    name = f"conv{weight.ndim - 2}d"
    check_channels(name, x.shape, weight.shape, groups)
    if len(inputs) == 3 and inputs[2].shape != weight.shape[:1]:
        raise ShapeError(
            f"{name}: got a bias of shape {inputs[2].shape}, expected {weight.shape[:1]}: one "
            f"number for each output channel of the weight {weight.shape}"
        )
    stride, padding, dilation = filled(x.ndim - 2, stride, padding, dilation)
    outs = places_of(name, x.shape[2:], weight.shape[2:], stride, padding, dilation)
    return namespace(x).convolve_windows(
        x, weight, inputs[2] if len(inputs) == 3 else None,
        outs=outs, stride=stride, padding=padding, dilation=dilation, groups=groups,
    )  # fmt: skip


def check_channels(name: str, x: Sides, weight: Sides, groups: int) -> None:
    """Refuse shapes of x and weight that cannot be convolved.

    Raises:
        ShapeError: They do not fit one another.
        OptionError: The groups do not divide the channels.
    """
    if len(x) != len(weight) or len(weight) < 3:
        raise ShapeError(
            f"{name}: got x {x} and a weight {weight}, expected x (N, C, *sides) and a weight "
            "(O, C/groups, *kernel) with as many sides"
        )
    if groups < 1 or x[1] % groups or weight[0] % groups:
        raise OptionError(
            f"{name}: got groups={groups} for x {x} and a weight {weight}, expected a number that "
            f"divides both the {x[1]} input channels and the {weight[0]} output channels"
        )
    if x[1] != weight[1] * groups:
        text = (
            f"{name}: got x {x} and a weight {weight} with groups={groups}, expected x with "
            f"{weight[1] * groups} channels in axis 1, not {x[1]}"
        )
        if x[-1] == weight[1] * groups:
            text += "; channels stand before the sides: move the last axis, x.moveaxis(-1, 1)"
        elif weight[1] * groups:
            text += "; give the layer in_channels as the data have them"
        raise ShapeError(text)


def check_transposed(name: str, y: Sides, weight: Sides, groups: int) -> None:
    """Refuse shapes of y and weight that cannot be convolved backwards.

    Raises:
        ShapeError: They do not fit one another.
        OptionError: The groups do not divide the channels.
    """
    if len(y) != len(weight) or len(y) < 3 or y[1] != weight[0]:
        raise ShapeError(
            f"{name}: got an input {y} and a weight {weight}, expected an input (N, C, *sides) "
            "and a weight (C, O/groups, *kernel) of the same C and as many sides"
        )
    if groups < 1 or y[1] % groups:
        raise OptionError(
            f"{name}: got groups={groups}, expected a number that divides the {y[1]} input channels"
        )


def _transpose_slopes() -> tuple[Any, Any]:
    def to_y(g: Any, out: Any, y: Any, weight: Any, **static: Any) -> Any:
        return convolution(g, weight, **static)

    def to_weight(g: Any, out: Any, y: Any, weight: Any, **static: Any) -> Any:
        return convolution_weight(g, y, **static)

    return to_y, to_weight


@op(vjp=_transpose_slopes(), kind=Kind.MULTILINEAR, samples=_of("g", "w"))
def convolution_transpose(
    y: Any,
    weight: Any,
    /,
    stride: Sides = (),
    padding: Pads = (),
    dilation: Sides = (),
    groups: int = 1,
) -> Any:
    """Transpose of `convolution`: x[n, c, i] = Σ weight[o, c, k] y[n, o, p] over i = p s + k d − a.

    `(N, O, *places), (O, C/groups, *kernel) -> (N, C, *sides)` with
    sides = (places − 1) · stride + dilation · (kernel − 1) + 1 − padding before and after. The
    gradient for y is a `convolution`, that for the weight a `convolution_weight`.

    Raises:
        ShapeError: The shapes do not fit, or nothing is left within the padding.
        OptionError: A number is below 1, or the groups do not divide the channels.
    """
    name = f"conv_transpose{weight.ndim - 2}d"
    check_transposed(name, y.shape, weight.shape, groups)
    stride, padding, dilation = filled(y.ndim - 2, stride, padding, dilation)
    kernel = weight.shape[2:]
    # The sides follow, so that with them the windows have the places of `y`.
    sides = tuple(
        (p - 1) * s + d * (k - 1) + 1 - a - b
        for p, s, k, d, (a, b) in zip(y.shape[2:], stride, kernel, dilation, padding, strict=True)
    )
    if min(sides) < 1:
        raise ShapeError(
            f"{name}: got an input {y.shape}, a kernel {kernel}, stride {stride} and padding "
            f"{padding}: the result would have sides {sides}; use less padding or larger inputs"
        )
    return namespace(y).convolve_transposed(
        y, weight, sides=sides, stride=stride, padding=padding, dilation=dilation, groups=groups
    )


def _weight_slopes() -> tuple[Any, Any]:
    def to_x(g: Any, out: Any, x: Any, y: Any, **static: Any) -> Any:
        exact = _exact(x.shape[2:], y.shape[2:], out.shape[2:], static)
        return convolution_transpose(y, g, **exact)

    def to_y(g: Any, out: Any, x: Any, y: Any, **static: Any) -> Any:
        return convolution(x, g, **_exact(x.shape[2:], y.shape[2:], out.shape[2:], static))

    return to_x, to_y


@op(vjp=_weight_slopes(), kind=Kind.MULTILINEAR, samples=_of("x", "g"))
def convolution_weight(
    x: Any,
    y: Any,
    /,
    stride: Sides = (),
    padding: Pads = (),
    dilation: Sides = (),
    groups: int = 1,
) -> Any:
    """Gradient of a `convolution` for its weight: w[o, c, k] = Σ_n,p y[n, o, p] x[n, c, i].

    i = p · stride + k · dilation − padding; `(N, C, *sides), (N, O, *places) ->
    (O, C/groups, *kernel)`, the kernel as large as the sides allow. The gradient for x is a
    `convolution_transpose`, that for y a `convolution`.

    Raises:
        ShapeError: The shapes do not fit.
        OptionError: A number is below 1, or the groups do not divide the channels.
    """
    if x.ndim != y.ndim or x.ndim < 3 or x.shape[0] != y.shape[0]:
        raise ShapeError(
            f"convolution_weight: got {x.shape} and {y.shape}, expected (N, C, *sides) and "
            "(N, O, *places) of one batch"
        )
    if groups < 1 or x.shape[1] % groups or y.shape[1] % groups:
        raise OptionError(
            f"convolution_weight: got groups={groups}, expected a number that divides the "
            f"channels {x.shape[1]} and {y.shape[1]}"
        )
    stride, padding, dilation = filled(x.ndim - 2, stride, padding, dilation)
    kernel = tuple(
        (n + a + b - (p - 1) * s - 1) // d + 1
        for n, (a, b), p, s, d in zip(
            x.shape[2:], padding, y.shape[2:], stride, dilation, strict=True
        )
    )
    if min(kernel) < 1:
        raise ShapeError(
            f"convolution_weight: {y.shape[2:]} places with stride {stride} are more than the "
            f"sides {x.shape[2:]} with padding {padding} have"
        )
    return namespace(x).convolve_kernel(
        x, y, kernel=kernel, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
