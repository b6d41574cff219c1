"""Losses as functions: PyTorch's names and argument order, and shapes that must agree."""

from __future__ import annotations

from math import inf
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.node import Node
from tinygrad_nn.errors import DTypeError, OperandError, OptionError, ShapeError
from tinygrad_nn.ops.activation import softplus
from tinygrad_nn.ops.arithmetic import negative
from tinygrad_nn.ops.elementwise import abs as absolute
from tinygrad_nn.ops.elementwise import log, relu
from tinygrad_nn.ops.neural import one_hot
from tinygrad_nn.ops.reduce import mean
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.select import where
from tinygrad_nn.ops.shape import expand_dims
from tinygrad_nn.payload import weak_array
from tinygrad_nn.tensor import Tensor, tensor

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


def as_array(x: Any) -> Any:
    """Tensor or array as it is; numbers and lists as tensors."""
    if hasattr(x, "dtype"):
        return x
    if isinstance(x, Node):
        raise OperandError(
            "loss: got a Value, expected tensors or arrays; of Values write the loss out: "
            "(prediction - target) ** 2"
        )
    return tensor(x)


def raw(x: Any) -> Any:
    """Array behind a target, through which no gradient flows."""
    x = as_array(x)
    return x.synced() if isinstance(x, Node) else x


def reduced(name: str, losses: Any, reduction: str) -> Any:
    """Mean or sum of the losses, or the losses.

    Raises:
        OptionError: The reduction is unknown.
    """
    if reduction == "mean":
        return mean(losses)
    if reduction == "sum":
        return total(losses)
    if reduction == "none":
        return losses
    raise OptionError(f"{name}: got the reduction {reduction!r}, expected 'mean', 'sum' or 'none'")


def pair(name: str, input: Any, target: Any) -> tuple[Any, Any]:
    """Prediction and target of the same shape.

    Raises:
        ShapeError: The shapes differ. NumPy would broadcast (N, 1) against (N,) to N × N
            differences, a loss that trains to nonsense.
    """
    input, target = as_array(input), as_array(target)
    got, wanted = tuple(target.shape), tuple(input.shape)
    if got == wanted:
        return input, target
    text = (
        f"{name}: got a prediction of shape {wanted} and a target of shape {got}, expected the "
        "same shape"
    )
    if wanted == (*got, 1):
        text += "; drop the prediction's last axis: prediction[..., 0], or give the target one: "
        text += f"target.reshape{wanted}"
    elif got == (*wanted, 1):
        text += f"; drop the target's last axis: target.reshape({', '.join(map(str, wanted))})"
    elif len(wanted) == 2 and got == wanted[:1]:
        text += "; for class indices use cross_entropy"
    raise ShapeError(text)


# ── Regression ──────────────────────────────────────────────────────────────────────────


def mse_loss(input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Any:
    """Mean squared error (x − t)², each element counted `weight` times.

    Raises:
        ShapeError: Prediction, target and weight differ in shape.
    """
    x, t = pair("mse_loss", input, target)
    d = x - t
    losses = _counted("mse_loss", d * d, weight)
    if weight is not None and reduction == "mean":
        return total(losses) / total(as_array(weight))
    return reduced("mse_loss", losses, reduction)


def _counted(name: str, losses: Any, weight: Any) -> Any:
    if weight is None:
        return losses
    weight = as_array(weight)
    if tuple(weight.shape) != tuple(losses.shape):
        raise ShapeError(
            f"{name}: got weights of shape {tuple(weight.shape)} for losses of shape "
            f"{tuple(losses.shape)}, expected the same; use broadcast_to"
        )
    return losses * weight


def l1_loss(input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Any:
    """Mean absolute error |x − t|, each times `weight`; slope 0 where they are equal.

    Raises:
        ShapeError: Prediction, target and weight differ in shape.
    """
    x, t = pair("l1_loss", input, target)
    losses = _counted("l1_loss", absolute(x - t), weight)
    if weight is not None and reduction == "mean":
        return total(losses) / total(as_array(weight))
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
    if not delta > 0:
        raise OptionError(f"huber_loss: got delta={delta!r}, expected a positive number")
    x, t = pair("huber_loss", input, target)
    d = x - t
    size = absolute(d)
    losses = where(size <= delta, 0.5 * d * d, delta * (size - 0.5 * delta))
    return reduced("huber_loss", _counted("huber_loss", losses, weight), reduction)


def smooth_l1_loss(input: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Any:
    """½ d² / β where |d| < β, beyond it |d| − ½ β: Huber's loss over β. With β = 0, |d|.

    Raises:
        ShapeError: Prediction and target differ in shape.
        OptionError: `beta` is negative.
    """
    if not beta >= 0:
        raise OptionError(f"smooth_l1_loss: got beta={beta!r}, expected at least 0")
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
    if numbers.size and not (numbers.min() >= 0 and numbers.max() <= 1):
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
        factor = _factor("binary_cross_entropy_with_logits", x, pos_weight)
        losses = factor * t * softplus(negative(x), 1.0, inf) + (1 - t) * softplus(x, 1.0, inf)
    losses = weighted("binary_cross_entropy_with_logits", losses, weight)
    return reduced("binary_cross_entropy_with_logits", losses, reduction)


def weighted(name: str, losses: Any, weight: Any) -> Any:
    """Losses times weights that broadcast to them."""
    return losses if weight is None else losses * _factor(name, losses, weight)


def _factor(name: str, losses: Any, weight: Any) -> Any:
    """Weights that broadcast to the losses, and do not make more of them."""
    weight = as_array(weight)
    got, shape = tuple(weight.shape), tuple(losses.shape)
    last = zip(got[::-1], shape[::-1], strict=False)
    if len(got) > len(shape) or any(w not in (1, side) for w, side in last):
        raise ShapeError(
            f"{name}: got weights of shape {got} for losses of shape {shape}, expected one that "
            f"broadcasts to it; reshape them: weight.reshape{shape}"
        )
    return weight


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


def check_signs(name: str, labels: Any) -> None:
    """Refuse labels other than −1 and 1.

    Raises:
        OptionError: There is one.
    """
    numbers = raw(labels)
    if not ((numbers == 1) | (numbers == -1)).all():
        wrong = numbers[(numbers != 1) & (numbers != -1)].reshape(-1)[0]
        raise OptionError(
            f"{name}: got the label {wrong}, expected -1 or 1; labels of 0 and 1 become them by "
            "2 * y - 1"
        )


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
    x, index = as_array(input), class_indices("multi_margin_loss", target)
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


def class_weights(name: str, weight: Any, classes: int) -> Any:
    """Array of one weight for each class.

    Raises:
        ShapeError: Their number differs.
    """
    weights = raw(weight)
    if tuple(weights.shape) != (classes,):
        raise ShapeError(
            f"{name}: got class weights of shape {tuple(weights.shape)}, expected ({classes},): "
            "one for each class"
        )
    return weights


def class_indices(name: str, target: Any) -> Any:
    """Array of class indices; Python lists of ints are taken as such.

    Raises:
        DTypeError: They are not integers.
    """
    if isinstance(target, Tensor):
        target = target.synced()
    elif not hasattr(target, "dtype"):
        # Python's ints would become floats in a tensor; here they are indices.
        whole = weak_array(name, target)
        target = namespace(whole).astype(whole, "int64") if (whole % 1 == 0).all() else whole
    if target.dtype.kind not in "iu":
        raise DTypeError(
            f"{name}: got class indices of {target.dtype}, expected integers; convert them: "
            "target.astype('int64')"
        )
    return target
