"""What spiking neurons are made of."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.ops.activation import softsign, step

__all__ = ["spike"]


def spike(input: Any, slope: float = 25.0) -> Any:
    """1 where x ≥ 0, else 0, with the slope 1 / (1 + k |x|)² of a smooth stand-in.

    The derivative of a step is 0 everywhere and teaches nothing. That of x / (1 + k |x|) takes
    its place (Zenke and Ganguli, "SuperSpike", 2018); values are those of the step.

    Args:
        input: Potential less threshold.
        slope: k, how narrow the stand-in is.
    """
    smooth = softsign(slope * input) / slope
    return step(input) + (smooth - smooth.detach())
