"""Leaving elements out at random, in two operations: a mask is drawn, and the rest scaled."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import Kind, op
from tinygrad_nn.core.samples import Draw, Sample

__all__: list[str] = []


def _templates(draw: Draw) -> Sample:
    x = draw.array(draw.shape())
    rng = namespace(x).random.default_rng(draw.integer(0, 99))
    return (x,), {"probability": draw.choice([0.0, 0.3, 0.5, 1.0]), "rng": rng}


@op(kind=Kind.CONSTANT, samples=_templates)
def keep_mask(x: Any, /, probability: float, rng: Any) -> Any:
    """Bools in the shape of `x`, each True with `probability`, independently. No gradient.

    Args:
        x: Array; its values are not read.
        probability: From 0 to 1; exact to a double's precision.
        rng: `numpy.random.Generator`, which is advanced.
    """
    return namespace(x).keep_mask(x.shape, probability, rng)


def _masked(draw: Draw) -> Sample:
    shape = draw.shape()
    small = tuple(draw.choice([1, n]) for n in shape)
    return (draw.array(shape), draw.mask(small)), {"scale": draw.choice([2.0, 1.25])}


def _thin_slope(g: Any, y: Any, x: Any, mask: Any, scale: float) -> Any:
    return thin(g, mask, scale=scale)


def _thin_push(tangents: Any, y: Any, x: Any, mask: Any, scale: float) -> Any:
    return thin(tangents[0], mask, scale=scale)


@op(vjp=(_thin_slope, None), jvp=_thin_push, samples=_masked)
def thin(x: Any, mask: Any, /, scale: float) -> Any:
    """scale · x where `mask` holds, else 0, also where x is NaN or infinite.

    The mask broadcasts to x, and gets no gradient.
    """
    y = namespace(x).masked(x, mask)
    y *= scale
    return y
