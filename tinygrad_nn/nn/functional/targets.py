"""What losses share: prediction against target, weights, labels, and the reduction."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.core.capturing import wrong
from tinygrad_nn.errors import DTypeError, OptionError, ShapeError
from tinygrad_nn.nn.functional.operands import operand, raw
from tinygrad_nn.ops.reduce import mean
from tinygrad_nn.ops.reduce import sum as total

__all__: list[str] = []


def reduced(name: str, losses: Any, reduction: str) -> Any:
    """Mean or sum of the losses, or the losses.

    Raises:
        OptionError: The reduction is unknown.
        ShapeError: The mean is that of no losses, which would be NaN.
    """
    if reduction == "mean":
        if not losses.size:
            raise ShapeError(
                f"{name}: got losses of shape {tuple(losses.shape)}, an empty batch, expected at "
                "least one to take the mean of; leave the batch out, or take reduction='sum'"
            )
        return mean(losses)
    if reduction == "sum":
        return total(losses)
    if reduction == "none":
        return losses
    raise OptionError(f"{name}: got the reduction {reduction!r}, expected 'mean', 'sum' or 'none'")


def pair(name: str, input: Any, target: Any) -> tuple[Any, Any]:
    """Prediction and target of the same shape; integers and bools in the prediction's dtype.

    Floats keep theirs: float32 beside float64 computes in float64, as NumPy promotes.

    Raises:
        ShapeError: The shapes differ. NumPy would broadcast (N, 1) against (N,) to N × N
            differences, a loss that trains to nonsense.
        DTypeError: Neither is of floats: differences of integers would wrap around.
    """
    input, target = operand(name, input), operand(name, target)
    if input.dtype.kind != "f" and target.dtype.kind != "f":
        raise DTypeError(
            f"{name}: got a prediction of {input.dtype} and a target of {target.dtype}, expected "
            "floats: prediction.astype('float32')"
        )
    got, wanted = tuple(target.shape), tuple(input.shape)
    if got == wanted:
        return input, alike(input, target)
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


def alike(x: Any, other: Any) -> Any:
    """`other` in the dtype of the floats `x` if it holds integers or bools.

    Beside float32 NumPy would promote the integers of labels to float64.
    """
    if other.dtype.kind == "f" or x.dtype.kind != "f":
        return other
    return other.astype(x.dtype)


def counted(name: str, losses: Any, weight: Any) -> Any:
    """Losses times a weight for each.

    Raises:
        ShapeError: The shapes differ.
    """
    if weight is None:
        return losses
    weight = operand(name, weight)
    if tuple(weight.shape) != tuple(losses.shape):
        raise ShapeError(
            f"{name}: got weights of shape {tuple(weight.shape)} for losses of shape "
            f"{tuple(losses.shape)}, expected the same; use broadcast_to"
        )
    return losses * alike(losses, weight)


def weighted(name: str, losses: Any, weight: Any) -> Any:
    """Losses times weights that broadcast to them; see `factor`."""
    return losses if weight is None else losses * factor(name, losses, weight)


def factor(name: str, losses: Any, weight: Any) -> Any:
    """Weights that broadcast to the losses, and do not make more of them.

    Raises:
        ShapeError: They do.
    """
    weight = operand(name, weight)
    got, shape = tuple(weight.shape), tuple(losses.shape)
    last = zip(got[::-1], shape[::-1], strict=False)
    if len(got) > len(shape) or any(w not in (1, side) for w, side in last):
        raise ShapeError(
            f"{name}: got weights of shape {got} for losses of shape {shape}, expected one that "
            f"broadcasts to it; reshape them: weight.reshape{shape}"
        )
    return alike(losses, weight)


def check_classes(name: str, x: Any) -> None:
    """Refuse scores of no class, over which there is no mean.

    Raises:
        ShapeError: The last axis is empty.
    """
    if x.ndim and not x.shape[-1]:
        raise ShapeError(
            f"{name}: got scores {tuple(x.shape)}, expected at least one class on the last axis"
        )


def check_signs(name: str, labels: Any) -> None:
    """Refuse labels other than −1 and 1.

    Raises:
        OptionError: There is one.
    """
    numbers = raw(labels)
    if wrong(((numbers != 1) & (numbers != -1)).any()):
        other = numbers[(numbers != 1) & (numbers != -1)].reshape(-1)[0]
        raise OptionError(
            f"{name}: got the label {other}, expected -1 or 1; labels of 0 and 1 become them by "
            "2 * y - 1"
        )


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
