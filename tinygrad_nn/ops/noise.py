"""Random draws as operations: a generator is a static argument, and there is no global state.

One operation draws, and it is a constant; distributions with parameters are arithmetic on it,
so that gradients reach the parameters (`loc + scale * noise`), also where the scale is 0. The
public functions are in `tinygrad_nn.random`.
"""

from __future__ import annotations

from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import Kind, op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import OptionError

__all__ = ["noise"]

KINDS = ("normal", "uniform", "exponential", "gumbel", "laplace", "logistic")


def _drawn(draw: Draw) -> Sample:
    x = draw.array(draw.shape())
    rng = namespace(x).random.default_rng(draw.integer(0, 99))
    return (x,), {"kind": draw.choice(KINDS), "rng": rng}


@op(kind=Kind.CONSTANT, samples=_drawn)
def noise(x: Any, /, kind: str, rng: Any) -> Any:
    """Independent draws of a standard distribution, in the shape and dtype of `x`. No gradient.

    Args:
        x: Array of floats; its values are not read.
        kind: "normal" (mean 0, variance 1), "uniform" (0 <= y < 1), "exponential" (mean 1),
            "gumbel" (-ln of an exponential), "laplace" (an exponential of either sign),
            "logistic" (ln of the odds of a uniform).
        rng: `numpy.random.Generator`, which is advanced.

    Raises:
        OptionError: `kind` is none of these.
    """
    if kind not in KINDS:
        raise OptionError(f"noise: got kind {kind!r}, expected one of {', '.join(KINDS)}")
    return namespace(x).noise(x.shape, x.dtype, kind, rng)
