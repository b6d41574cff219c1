"""What capsules are made of: their squashing, and the loss of their lengths."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.errors import ShapeError
from tinygrad_nn.nn.functional.operands import class_indices, operand
from tinygrad_nn.nn.functional.targets import reduced
from tinygrad_nn.ops.elementwise import relu, sqrt
from tinygrad_nn.ops.neural import one_hot
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.select import where

__all__ = ["capsule_margin_loss", "squash"]


def squash(input: Any, dim: int = -1) -> Any:
    """v = ‖s‖² / (1 + ‖s‖²) · s / ‖s‖ along `dim`: a length in [0, 1), the direction kept.

    Sabour, Frosst and Hinton, "Dynamic routing between capsules" (2017), equation 1.
    """
    squares = total(input * input, dim, True)
    return input * (_root(squares) / (1 + squares))


def _root(squares: Any) -> Any:
    """Square root that has the slope 0 at 0."""
    some = squares > 0
    return where(some, sqrt(where(some, squares, 1.0)), 0.0)


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
    v, index = operand("capsule_margin_loss", input), class_indices("capsule_margin_loss", target)
    if v.ndim != 3 or tuple(index.shape) != tuple(v.shape[:1]):
        raise ShapeError(
            f"capsule_margin_loss: got capsules {tuple(v.shape)} and classes "
            f"{tuple(index.shape)}, expected (N, classes, features) and (N,)"
        )
    lengths = _root(total(v * v, -1))
    short, long = relu(m_plus - lengths), relu(lengths - m_minus)
    losses = where(one_hot(index, v.shape[1]), short * short, lambd * long * long)
    return reduced("capsule_margin_loss", total(losses, -1), reduction)
