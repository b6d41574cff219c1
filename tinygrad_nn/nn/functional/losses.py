"""Losses as functions: PyTorch's names and argument order, and shapes that must agree."""

from __future__ import annotations

from math import inf
from typing import Any

from tinygrad_nn.core.capturing import wrong
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.nn.functional.operands import class_indices, operand, raw
from tinygrad_nn.nn.functional.sizes import number
from tinygrad_nn.nn.functional.targets import (
    alike,
    check_signs,
    class_weights,
    counted,
    factor,
    pair,
    reduced,
    weighted,
)
from tinygrad_nn.ops.activation import softplus
from tinygrad_nn.ops.arithmetic import negative
from tinygrad_nn.ops.elementwise import abs as absolute
from tinygrad_nn.ops.elementwise import log, relu
from tinygrad_nn.ops.neural import one_hot
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.select import where
from tinygrad_nn.ops.shape import expand_dims

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "hinge_embedding_loss",
    "hinge_loss",
    "huber_loss",
    "l1_loss",
    "mse_loss",
    "multi_margin_loss",
    "smooth_l1_loss",
]

_LOG_MIN = -100.0


# ── Regression ──────────────────────────────────────────────────────────────────────────


def mse_loss(input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Any:
    """Mean squared error (x − t)², each element counted `weight` times.

    Raises:
        ShapeError: Prediction, target and weight differ in shape.
    """
    x, t = pair("mse_loss", input, target)
    d = x - t
    losses = counted("mse_loss", d * d, weight)
    if weight is not None and reduction == "mean":
        return total(losses) / total(alike(losses, operand("mse_loss", weight)))
    return reduced("mse_loss", losses, reduction)


def l1_loss(input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Any:
    """Mean absolute error |x − t|, each times `weight`; slope 0 where they are equal.

    Raises:
        ShapeError: Prediction, target and weight differ in shape.
    """
    x, t = pair("l1_loss", input, target)
    losses = counted("l1_loss", absolute(x - t), weight)
    if weight is not None and reduction == "mean":
        return total(losses) / total(alike(losses, operand("l1_loss", weight)))
    return reduced("l1_loss", losses, reduction)


def huber_loss(
    input: Any,
    target: Any,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Any = None,
) -> Any:
    """Huber's loss: ½ d² where |d| ≤ δ, beyond it the line δ (|d| − ½ δ); d = x − t.

    Each is counted `weight` times; the mean is over the elements.

    Raises:
        ShapeError: Prediction, target and weight differ in shape.
        OptionError: `delta` is not positive.
    """
    number("huber_loss", "delta", delta, above=True)
    x, t = pair("huber_loss", input, target)
    d = x - t
    size = absolute(d)
    losses = where(size <= delta, 0.5 * d * d, delta * (size - 0.5 * delta))
    return reduced("huber_loss", counted("huber_loss", losses, weight), reduction)


def smooth_l1_loss(input: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Any:
    """½ d² / β where |d| < β, beyond it |d| − ½ β: Huber's loss over β. With β = 0, |d|.

    Raises:
        ShapeError: Prediction and target differ in shape.
        OptionError: `beta` is negative.
    """
    number("smooth_l1_loss", "beta", beta)
    x, t = pair("smooth_l1_loss", input, target)
    d = x - t
    size = absolute(d)
    if beta:
        size = where(size < beta, 0.5 * d * d / beta, size - 0.5 * beta)
    return reduced("smooth_l1_loss", size, reduction)


# ── Two classes ─────────────────────────────────────────────────────────────────────────


def binary_cross_entropy(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean"
) -> Any:
    """−t ln p − (1 − t) ln(1 − p) of probabilities p, each logarithm held at −100.

    Where a logarithm is held its slope is 0. With logits use
    `binary_cross_entropy_with_logits`, which does not round p to 0 or 1.

    Raises:
        ShapeError: Prediction and target differ in shape.
        OptionError: A probability is outside [0, 1].
    """
    p, t = pair("binary_cross_entropy", input, target)
    numbers = raw(p)
    if numbers.size and wrong(~((numbers.min() >= 0) & (numbers.max() <= 1))):
        raise OptionError(
            f"binary_cross_entropy: got predictions from {numbers.min():.4g} to "
            f"{numbers.max():.4g}, expected probabilities in [0, 1]; apply sigmoid, or use "
            "binary_cross_entropy_with_logits"
        )
    losses = -(t * _log(p) + (1 - t) * _log(1 - p))
    losses = weighted("binary_cross_entropy", losses, weight)
    return reduced("binary_cross_entropy", losses, reduction)


def _log(p: Any) -> Any:
    safe = where(p > 0, p, 1.0)
    value = where(p > 0, log(safe), _LOG_MIN)
    return where(value > _LOG_MIN, value, _LOG_MIN)


def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:
    """Binary cross-entropy of sigmoid(x), computed from the logit x without overflow.

    ln(1 + eˣ) − t x; with `pos_weight` w, w t ln(1 + e⁻ˣ) + (1 − t) ln(1 + eˣ).

    Raises:
        ShapeError: Prediction and target differ in shape.
    """
    x, t = pair("binary_cross_entropy_with_logits", input, target)
    if pos_weight is None:
        losses = softplus(x, 1.0, inf) - t * x
    else:
        positive = factor("binary_cross_entropy_with_logits", x, pos_weight)
        losses = positive * t * softplus(negative(x), 1.0, inf) + (1 - t) * softplus(x, 1.0, inf)
    losses = weighted("binary_cross_entropy_with_logits", losses, weight)
    return reduced("binary_cross_entropy_with_logits", losses, reduction)


def hinge_loss(input: Any, target: Any, reduction: str = "mean", squared: bool = False) -> Any:
    """Max-margin loss max(0, 1 − y s) of scores s and labels y of −1 and 1; or its square.

    Raises:
        ShapeError: Scores and labels differ in shape.
        OptionError: A label is neither −1 nor 1.
    """
    s, y = pair("hinge_loss", input, target)
    check_signs("hinge_loss", y)
    losses = relu(1 - y * s)
    return reduced("hinge_loss", losses * losses if squared else losses, reduction)


def hinge_embedding_loss(
    input: Any, target: Any, margin: float = 1.0, reduction: str = "mean"
) -> Any:
    """x where the label is 1, max(0, margin − x) where it is −1; x is a distance.

    Raises:
        ShapeError: Distances and labels differ in shape.
        OptionError: A label is neither −1 nor 1.
    """
    x, y = pair("hinge_embedding_loss", input, target)
    check_signs("hinge_embedding_loss", y)
    return reduced("hinge_embedding_loss", where(raw(y) > 0, x, relu(margin - x)), reduction)


# ── Margins between classes ─────────────────────────────────────────────────────────────


def multi_margin_loss(
    input: Any,
    target: Any,
    p: int = 1,
    margin: float = 1.0,
    weight: Any = None,
    reduction: str = "mean",
) -> Any:
    """Hinge loss of several classes: Σ max(0, margin − x[t] + x[j])ᵖ over j ≠ t, over their number.

    `(N, classes)` scores or `(classes,)`, class indices `(N,)` or `()`.

    Raises:
        ShapeError: The indices are not one for each row of scores.
        OptionError: An index is out of range, or p is neither 1 nor 2.
    """
    if p not in (1, 2):
        raise OptionError(f"multi_margin_loss: got p={p!r}, expected 1 or 2")
    x, index = operand("multi_margin_loss", input), class_indices("multi_margin_loss", target)
    if tuple(index.shape) != tuple(x.shape[:-1]) or not x.ndim:
        raise ShapeError(
            f"multi_margin_loss: got scores {tuple(x.shape)} and class indices "
            f"{tuple(index.shape)}, expected indices {tuple(x.shape[:-1])}"
        )
    classes = x.shape[-1]
    chosen = one_hot(index, classes)
    score = total(where(chosen, x, 0.0), -1, True)
    losses = where(chosen, 0.0, relu(margin - score + x))
    if p == 2:
        losses = losses * losses
    if weight is not None:
        weights = class_weights("multi_margin_loss", weight, classes)
        losses = losses * expand_dims(weights[index], -1)
    return reduced("multi_margin_loss", total(losses, -1) / classes, reduction)
