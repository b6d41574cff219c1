"""Convolutions, transposed convolutions and windows."""

from typing import Any

from tests.parity.case import FunctionCase, ModuleCase, functions, modules
from tests.parity.draws import Draw

MODES = ("zeros", "reflect", "replicate", "circular")


def form(draw: Draw, numbers: tuple[int, ...]) -> Any:
    """Numbers for the sides, as one where they are equal."""
    return numbers[0] if len(set(numbers)) == 1 and draw.boolean() else numbers


class Geometry:
    """What a window looks like, and sides that are long enough for it."""

    def __init__(self, draw: Draw, ndim: int, largest_stride: int = 3) -> None:
        self.ndim = ndim
        self.kernel = tuple(draw.integer(1, 3) for _ in range(ndim))
        self.stride = tuple(draw.integer(1, largest_stride) for _ in range(ndim))
        self.dilation = tuple(draw.integer(1, 2) for _ in range(ndim))
        self.padding = tuple(draw.integer(0, 2) for _ in range(ndim))
        self.groups = draw.choice([1, 1, 2, 3])
        self.inputs, self.outputs = (self.groups * draw.integer(1, 2) for _ in range(2))
        # Enough samples that each line of results becomes a matrix product of its own.
        self.batch = draw.choice([(), (1,), (2,), (24,) if ndim == 2 else (3,)])
        self._extra = tuple(draw.integer(0, 3) for _ in range(ndim))

    def sides(self) -> tuple[int, ...]:
        """Of an input of which padded and unpadded windows of every kind of padding fit."""
        widths = [d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True)]
        return tuple(max(w, 3) + e for w, e in zip(widths, self._extra, strict=True))


@modules("Conv1d", "Conv2d", "Conv3d")
def conv(draw: Draw, name: str) -> ModuleCase:
    ndim = int(name[-2])
    padding_mode = draw.choice(MODES)
    same = draw.choice([False, False, True])
    shape = Geometry(draw, ndim, largest_stride=1 if same else 3)
    options = {
        "stride": form(draw, shape.stride),
        "padding": "same" if same else draw.choice(["valid", form(draw, shape.padding)]),
        "dilation": form(draw, shape.dilation),
        "groups": shape.groups,
        "bias": draw.boolean(),
        "padding_mode": padding_mode,
    }
    x = draw.array(*shape.batch, shape.inputs, *shape.sides())
    return ModuleCase((shape.inputs, shape.outputs, form(draw, shape.kernel)), options, (x,))


@modules("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d")
def conv_transpose(draw: Draw, name: str) -> ModuleCase:
    ndim = int(name[-2])
    shape = Geometry(draw, ndim)
    extra = tuple(
        draw.integer(0, max(s, d) - 1) for s, d in zip(shape.stride, shape.dilation, strict=True)
    )
    options = {
        "stride": form(draw, shape.stride),
        "padding": form(draw, shape.padding),
        "output_padding": form(draw, extra),
        "groups": shape.groups,
        "bias": draw.boolean(),
        "dilation": form(draw, shape.dilation),
    }
    sides = tuple(n + 2 for n in shape.sides())
    x = draw.array(*shape.batch, shape.inputs, *sides)
    call: dict[str, Any] = {}
    if draw.boolean():
        wanted = [
            (n - 1) * s - 2 * p + d * (k - 1) + 1 + draw.integer(0, s - 1)
            for n, s, p, d, k in zip(
                sides, shape.stride, shape.padding, shape.dilation, shape.kernel, strict=True
            )
        ]
        call["output_size"] = wanted
    return ModuleCase((shape.inputs, shape.outputs, form(draw, shape.kernel)), options, (x,), call)


@functions("conv1d", "conv2d", "conv3d")
def conv_function(draw: Draw, name: str) -> FunctionCase:
    ndim = int(name[-2])
    same = draw.choice([False, False, True])
    shape = Geometry(draw, ndim, largest_stride=1 if same else 3)
    x = draw.array(*shape.batch, shape.inputs, *shape.sides())
    weight = draw.array(shape.outputs, shape.inputs // shape.groups, *shape.kernel)
    bias = draw.choice([None, draw.array(shape.outputs)])
    padding = "same" if same else draw.choice(["valid", form(draw, shape.padding)])
    rest = (form(draw, shape.stride), padding, form(draw, shape.dilation), shape.groups)
    return FunctionCase((x, weight, bias, *rest))


@functions("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def conv_transpose_function(draw: Draw, name: str) -> FunctionCase:
    ndim = int(name[-2])
    shape = Geometry(draw, ndim)
    x = draw.array(*shape.batch, shape.inputs, *(n + 2 for n in shape.sides()))
    weight = draw.array(shape.inputs, shape.outputs // shape.groups, *shape.kernel)
    bias = draw.choice([None, draw.array(shape.outputs)])
    extra = tuple(
        draw.integer(0, max(s, d) - 1) for s, d in zip(shape.stride, shape.dilation, strict=True)
    )
    rest = (shape.stride, form(draw, shape.padding), extra, shape.groups, shape.dilation)
    return FunctionCase((x, weight, bias, *rest))


@functions("conv_tbc")
def conv_tbc(draw: Draw, name: str) -> FunctionCase:
    taps, inputs, outputs = draw.integer(1, 3), draw.integer(1, 3), draw.integer(1, 3)
    x = draw.array(draw.integer(3, 6), draw.integer(1, 3), inputs)
    weight, bias = draw.array(taps, inputs, outputs), draw.array(outputs)
    return FunctionCase((x, weight, bias, draw.integer(0, 2)))


def columns(draw: Draw) -> tuple[Geometry, dict[str, Any]]:
    shape = Geometry(draw, 2)
    return shape, {
        "kernel_size": form(draw, shape.kernel),
        "dilation": form(draw, shape.dilation),
        "padding": form(draw, shape.padding),
        "stride": form(draw, shape.stride),
    }


def folded(draw: Draw) -> tuple[Any, dict[str, Any]]:
    shape, options = columns(draw)
    sides = shape.sides()
    places = 1
    for n, k, s, d, p in zip(
        sides, shape.kernel, shape.stride, shape.dilation, shape.padding, strict=True
    ):
        places *= (n + 2 * p - d * (k - 1) - 1) // s + 1
    taps = shape.kernel[0] * shape.kernel[1]
    x = draw.array(*shape.batch, shape.inputs * taps, places)
    return x, {"output_size": sides, **options}


@modules("Unfold")
def unfold(draw: Draw, name: str) -> ModuleCase:
    shape, options = columns(draw)
    x = draw.array(*shape.batch, shape.inputs, *shape.sides())
    return ModuleCase((), options, (x,))


@functions("unfold")
def unfold_function(draw: Draw, name: str) -> FunctionCase:
    shape, options = columns(draw)
    x = draw.array(*shape.batch, shape.inputs, *shape.sides())
    return FunctionCase((x,), options)


@modules("Fold")
def fold(draw: Draw, name: str) -> ModuleCase:
    x, options = folded(draw)
    return ModuleCase((), options, (x,))


@functions("fold")
def fold_function(draw: Draw, name: str) -> FunctionCase:
    x, options = folded(draw)
    return FunctionCase((x,), options)
