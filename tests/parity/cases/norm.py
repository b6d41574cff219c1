"""Layers that normalise."""

from typing import Any

from tests.parity.case import FunctionCase, ModuleCase, functions, modules
from tests.parity.draws import Draw

EPS = (1e-5, 1e-2, 0.5)


def _channels_first(draw: Draw, ndim: int) -> tuple[int, ...]:
    """(samples, channels, places ...), at least two values for each channel of each sample."""
    places = tuple(draw.integer(1, 3) for _ in range(ndim - 2))
    if places:
        places = (places[0] + 1, *places[1:])
    return (draw.integer(2, 4), draw.integer(1, 4), *places)


@modules("BatchNorm1d", "BatchNorm2d", "BatchNorm3d")
def batch_norm(draw: Draw, name: str) -> ModuleCase:
    ndim = {"1": draw.choice([2, 3]), "2": 4, "3": 5}[name[-2]]
    shape = _channels_first(draw, ndim)
    options = {
        "eps": draw.choice(EPS),
        "momentum": draw.choice([0.1, None, 0.0, 1.0, 0.3]),
        "affine": draw.boolean(),
        "track_running_stats": draw.boolean(),
        "bias": draw.boolean(),
    }
    x = draw.choice([1.0, 5.0]) * draw.array(*shape) + draw.choice([0.0, 3.0])
    modes = ("train", "eval", "train", "train", "eval")
    return ModuleCase((shape[1],), options, (x,), modes=modes)


@modules("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d")
def instance_norm(draw: Draw, name: str) -> ModuleCase:
    shape = _channels_first(draw, int(name[-2]) + 2)
    options = {
        "eps": draw.choice(EPS),
        "momentum": draw.choice([0.1, 0.0, 1.0, 0.3]),
        "affine": draw.boolean(),
        "track_running_stats": draw.boolean(),
        "bias": draw.boolean(),
    }
    x = draw.array(*shape) + draw.choice([0.0, 3.0])
    return ModuleCase((shape[1],), options, (x[0] if draw.boolean() else x,))


def _last_axes(draw: Draw) -> tuple[Any, tuple[int, ...]]:
    sides = tuple(draw.integer(2, 4) for _ in range(draw.integer(1, 3)))
    batch = draw.choice([(), (1,), (3,), (2, 3), (0,)])
    return draw.array(*batch, *sides), sides


@modules("LayerNorm")
def layer_norm(draw: Draw, name: str) -> ModuleCase:
    x, sides = _last_axes(draw)
    options = {
        "eps": draw.choice(EPS),
        "elementwise_affine": draw.boolean(),
        "bias": draw.boolean(),
    }
    shape = sides[0] if len(sides) == 1 and draw.boolean() else sides
    return ModuleCase((shape,), options, (x,))


@modules("RMSNorm")
def rms_norm(draw: Draw, name: str) -> ModuleCase:
    x, sides = _last_axes(draw)
    options = {"eps": draw.choice([None, *EPS]), "elementwise_affine": draw.boolean()}
    return ModuleCase((sides,), options, (x,))


@modules("GroupNorm")
def group_norm(draw: Draw, name: str) -> ModuleCase:
    groups, size = draw.integer(1, 3), draw.integer(1, 3)
    places = tuple(draw.integer(1, 3) for _ in range(draw.integer(0, 3)))
    x = draw.array(draw.integer(2, 3), groups * size, *places)
    options = {"eps": draw.choice(EPS), "affine": draw.boolean(), "bias": draw.boolean()}
    return ModuleCase((groups, groups * size), options, (x,))


def _local(draw: Draw) -> tuple[Any, tuple[Any, ...]]:
    places = tuple(draw.integer(1, 3) for _ in range(draw.integer(1, 3)))
    x = draw.array(draw.integer(1, 3), draw.integer(1, 6), *places)
    beta = draw.choice([0.75, 1.0, 0.5])
    return x, (draw.integer(1, 5), draw.real(0.1, 2.0), beta, draw.real(0.5, 2.0))


@modules("LocalResponseNorm")
def local_response_norm(draw: Draw, name: str) -> ModuleCase:
    x, options = _local(draw)
    return ModuleCase(options, {}, (x,))


@functions("local_response_norm")
def local_response_norm_function(draw: Draw, name: str) -> FunctionCase:
    x, options = _local(draw)
    return FunctionCase((x, *options))


def _maybe(draw: Draw, *shape: int) -> Any:
    return draw.array(*shape) if draw.boolean() else None


@functions("layer_norm")
def layer_norm_function(draw: Draw, name: str) -> FunctionCase:
    x, sides = _last_axes(draw)
    weight, bias = _maybe(draw, *sides), _maybe(draw, *sides)
    return FunctionCase((x, sides, weight, bias, draw.choice(EPS)))


@functions("rms_norm")
def rms_norm_function(draw: Draw, name: str) -> FunctionCase:
    x, sides = _last_axes(draw)
    return FunctionCase((x, sides, _maybe(draw, *sides), draw.choice([None, *EPS])))


def _affine(draw: Draw, channels: int) -> tuple[Any, Any]:
    """PyTorch's fails with a bias alone."""
    weight = _maybe(draw, channels)
    return weight, None if weight is None else _maybe(draw, channels)


@functions("group_norm")
def group_norm_function(draw: Draw, name: str) -> FunctionCase:
    x = draw.array(2, 6, *draw.choice([(), (3,), (2, 2)]))
    groups = draw.choice([1, 2, 3, 6])
    return FunctionCase((x, groups, *_affine(draw, 6), draw.choice(EPS)))


@functions("batch_norm", "instance_norm")
def by_own_numbers(draw: Draw, name: str) -> FunctionCase:
    """Running numbers, for which PyTorch refuses gradients, are in tests/nn/test_norm.py."""
    shape = _channels_first(draw, draw.integer(3, 5))
    affine = _affine(draw, shape[1])
    x = draw.array(*shape)
    return FunctionCase((x, None, None, *affine, True, 0.1, draw.choice(EPS)))
