"""What capsules and spiking neurons are made of."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.errors import ShapeError
from tinygrad_nn.nn.functional.losses import as_array, class_indices, reduced
from tinygrad_nn.ops.activation import softsign, step
from tinygrad_nn.ops.elementwise import relu, sqrt
from tinygrad_nn.ops.neural import one_hot
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.select import where

__all__ = ["capsule_margin_loss", "spike", "squash"]


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


def squash(input: Any, dim: int = -1) -> Any:
    """v = ‖s‖² / (1 + ‖s‖²) · s / ‖s‖ along `dim`: a length in [0, 1), the direction kept.

    Sabour, Frosst and Hinton, "Dynamic routing between capsules" (2017), equation 1.
    """
    squares = total(input * input, dim, True)
    some = squares > 0
    # ‖s‖ / (1 + ‖s‖²) · s; the root of 0 has no slope.
    length = where(some, sqrt(where(some, squares, 1.0)), 0.0)
    return input * (length / (1 + squares))


def capsule_margin_loss(
    input: Any,
    target: Any,
    m_plus: float = 0.9,
    m_minus: float = 0.1,
    lambd: float = 0.5,
    reduction: str = "mean",
) -> Any:
    """Σₖ Tₖ max(0, m⁺ − ‖vₖ‖)² + λ (1 − Tₖ) max(0, ‖vₖ‖ − m⁻)² (the same paper, equation 4).

    Args:
        input: Capsules `(N, classes, features)`.
        target: Classes `(N,)`.
        m_plus: Length that the right capsule should reach.
        m_minus: Length that the others should stay below.
        lambd: Weight of the others.
        reduction: "mean", "sum" or "none", over the samples.

    Raises:
        ShapeError: The shapes do not fit.
    """
    v, index = as_array(input), class_indices("capsule_margin_loss", target)
    if v.ndim != 3 or tuple(index.shape) != tuple(v.shape[:1]):
        raise ShapeError(
            f"capsule_margin_loss: got capsules {tuple(v.shape)} and classes "
            f"{tuple(index.shape)}, expected (N, classes, features) and (N,)"
        )
    squares = total(v * v, -1)
    some = squares > 0
    lengths = where(some, sqrt(where(some, squares, 1.0)), 0.0)
    short, long = relu(m_plus - lengths), relu(lengths - m_minus)
    losses = where(one_hot(index, v.shape[1]), short * short, lambd * long * long)
    return reduced("capsule_margin_loss", total(losses, -1), reduction)
